//! The gateway in front of AWS's runtime interface emulator, in which the function of the 2017
//! evaluation, in AWS's Python runtime, relays to the private server. One invocation at a time in
//! a sandbox, with as much of a processor as Lambda gives for the memory.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use countersign_local_lambda::processor_shares_are_permitted;

use crate::program::{Cores, Launch, Program, free_address};

use super::{Checks, Failure, Ground, Stand, find, gateway};

/// How many invocations run at once; more callers queue.
const SANDBOXES: usize = 8;
/// How long cold starts may take, and until when they are told.
const PATIENCE: Duration = Duration::from_secs(60);
const TOLD: Duration = Duration::from_secs(2);

/// What AWS's client finds; nobody checks it here.
const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "CSBENCHGATEWAY"),
    ("AWS_SECRET_ACCESS_KEY", "what-the-gateway-signs-with"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// An event that asks for the first file, as a REST API would tell it.
const EVENT: &str = r#"{"httpMethod":"GET","path":"/","multiValueHeaders":{},"headers":{},"queryStringParameters":null,"multiValueQueryStringParameters":null,"body":null,"isBase64Encoded":false,"requestContext":{}}"#;

/// Starts it with 128 MB.
///
/// # Errors
/// A program is missing or does not start.
pub fn start_128(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    start(ground, checks, 128)
}

/// Starts it with 512 MB.
///
/// # Errors
/// A program is missing or does not start.
pub fn start_512(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    start(ground, checks, 512)
}

/// Starts it with 1,024 MB.
///
/// # Errors
/// A program is missing or does not start.
pub fn start_1024(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    start(ground, checks, 1024)
}

fn start(ground: &Ground, checks: Checks, memory_mb: u32) -> Result<Stand, Failure> {
    let (lambda, address) = start_lambda(ground, memory_mb)?;
    let cold = warm_up(&lambda, address)?;
    let integration = format!(
        "type = \"lambda\"
function = \"relay\"
region = \"us-east-1\"
endpoint = \"http://{address}\"
payload_format = \"rest\"
binary_media_types = [\"*/*\"]
max_concurrency = 1000
"
    );
    let mut stand = gateway::start_with(ground, checks, &integration, &CREDENTIALS)?;
    stand.parts.push(("Lambda".to_owned(), lambda));
    stand.notes.push(cold);
    stand.notes.push(match processor_shares_are_permitted() {
        true => format!(
            "{SANDBOXES} sandboxes, each held to {memory_mb}/1769 of a processor once it has \
             started; together they have no more than the cores behind the gateway."
        ),
        false => format!(
            "{SANDBOXES} sandboxes, each with all of a processor that it can have: this machine \
             permits no shares by memory."
        ),
    });
    Ok(stand)
}

fn start_lambda(ground: &Ground, memory_mb: u32) -> Result<(Program, SocketAddr), Failure> {
    let beside = std::env::current_exe()?;
    let places = beside.ancestors().skip(1).take(2);
    let places: Vec<PathBuf> = places.map(|home| home.join("local-lambda")).collect();
    let build = "cargo build --release -p countersign-local-lambda";
    let program = find("local-lambda", &places, build)?;
    let target = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    for part in ["lambda/aws-lambda-rie", "venv/bin/python"] {
        find(part, &[target.join(part)], "tests/prepare")?;
    }
    let address = free_address()?;
    let words = [
        "--function=relay".to_owned(),
        format!("--memory={memory_mb}"),
        format!("--sandboxes={SANDBOXES}"),
        format!("--port={}", address.port()),
        format!("--environment=BACKEND={}", ground.origin_address()),
    ];
    let started = Program::start(&Launch {
        name: &format!("lambda-{memory_mb}"),
        program: &program,
        words: words.into(),
        environment: Vec::new(),
        directory: ground.home(),
        cores: Cores::Behind,
        ready: address,
    })?;
    Ok((started, address))
}

/// Has every sandbox start, before anything is measured, and tells how long that took.
fn warm_up(lambda: &Program, address: SocketAddr) -> anyhow::Result<String> {
    let invoked: Vec<_> = (0..SANDBOXES)
        .map(|_| std::thread::spawn(move || invoke(address)))
        .collect();
    for one in invoked {
        one.join().expect("it returns its errors")?;
    }
    // They are told behind the answers. Should a fast one have served two callers, there are less.
    let deadline = Instant::now() + TOLD;
    let mut cold = cold_starts(lambda);
    while cold.len() < SANDBOXES && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
        cold = cold_starts(lambda);
    }
    cold.sort_unstable();
    let middle = cold.get(cold.len() / 2).context("no sandbox has started")?;
    let most = cold.last().context("no sandbox has started")?;
    Ok(format!(
        "{} cold starts before the measurement, at once and at full speed: {middle} ms in the \
         middle, {most} ms at most.",
        cold.len()
    ))
}

fn invoke(address: SocketAddr) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /2015-03-31/functions/relay/invocations HTTP/1.1\r\nHost: {address}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{EVENT}",
        EVENT.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let worked = answer.starts_with("HTTP/1.1 200") && answer.contains("\"statusCode\": 200");
    ensure!(worked, "the function does not relay: {answer}");
    Ok(())
}

/// In milliseconds.
fn cold_starts(lambda: &Program) -> Vec<u64> {
    let said = lambda.said();
    let times = said.lines().filter_map(|line| {
        let time = line.strip_prefix("cold start: ")?;
        time.strip_suffix(" ms")?.parse().ok()
    });
    times.collect()
}
