//! A run as it is on AWS, against what stands for its parts on this machine: what the boxes are
//! given, in the real nginx and the real gateway, HAProxy for the ALB, nginx with TLS and
//! serverless-offline for API Gateway.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use crate::aws::paths::ALL;
use crate::aws::{boxes, outputs, run};
use crate::checks::Checks;
use crate::interrupt::Interrupt;
use crate::options::{Aws, Scenario};
use crate::program::{Cores, Launch, Program, free_address};
use crate::results::{Family, Run};
use crate::stage::{Failure, Ground, Stand, elb, emulator, gateway, lambda, peers};

const SECONDS: f64 = 0.1;
/// In CI, where everything is installed, nothing may be left out.
const ALL_INSTALLED: &str = "BENCH_EVERY_PATH";

/// What was started, and where each output's path is.
#[derive(Default)]
pub struct Stood {
    stands: Vec<Stand>,
    programs: Vec<Program>,
    urls: BTreeMap<&'static str, String>,
}

#[test]
fn everything_is_measured_by_the_outputs_and_told_in_the_report() {
    let home = tempfile::tempdir().expect("a directory");
    let ground = Ground::lay(home.path()).expect("nginx is installed");
    let mut stood = Stood::default();
    match stand_up(&ground, &mut stood) {
        Ok(()) => {}
        Err(Failure::Missing { program, install }) => {
            let all = std::env::var_os(ALL_INSTALLED).is_some();
            assert!(!all, "{program} is missing; {install}");
            println!("It is left out: {program} is missing; {install}");
            return;
        }
        Err(Failure::Broken(error)) => panic!("{error:?}"),
    }
    let out = home.path().join("report");
    let run = run(&options(&ground, &stood), Interrupt::never);
    let run = run.expect("it is measured").expect("it is agreed");
    for path in ALL {
        let found = run.paths.iter().find(|found| found.name == path.name);
        let found = found.unwrap_or_else(|| panic!("{} is not in it", path.name));
        assert_eq!(
            (found.closed.len(), found.open.len()),
            (4, 1),
            "{}",
            path.name
        );
        for measured in found.closed.iter().chain(&found.open) {
            assert!(
                measured.rate_served() > 0.0,
                "{} {}",
                path.name,
                measured.file
            );
            assert_eq!(measured.failed(), 0, "{} {:?}", path.name, measured.rounds);
        }
    }
    let timed = |memory: &u32| {
        run.extras
            .iter()
            .any(|extra| extra.path == format!("lambda-{memory}"))
    };
    assert!([128, 512, 1024].iter().all(timed), "{:?}", run.extras);
    assert!(
        run.versions["Countersign"].contains("countersign"),
        "{:?}",
        run.versions
    );
    crate::report::write(&run, &out).expect("a report");
    told(&run, &out);
}

/// The report has every path, and nothing that cannot be known.
fn told(run: &Run, out: &Path) {
    let read = |name| std::fs::read_to_string(out.join(name)).expect("a report");
    let page = read("report.html");
    for path in &run.paths {
        assert!(page.contains(&path.label), "{}", path.label);
        // Nobody may take for AWS what stood for it here.
        let is_api = path.family == Family::Aws;
        assert_eq!(path.label.contains("an emulator"), is_api, "{}", path.label);
    }
    let report = read("report.md");
    for part in [
        "AWS itself",
        "of what the ALB in front of it does",
        "Of the load alone",
    ] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
    for part in ["The most memory", "HAProxy in front", "NaN"] {
        assert!(!report.contains(part), "{part} is in {report}");
    }
    let lines = read("results.csv");
    assert!(
        lines.lines().skip(1).all(|line| line.ends_with(",,")),
        "{lines}"
    );
}

/// A short run against what is up.
pub fn options(ground: &Ground, stood: &Stood) -> Aws {
    let outputs = ground.home().join("outputs.json");
    std::fs::write(&outputs, outputs::tests::json(&stood.urls)).expect("a file");
    Aws {
        outputs,
        material: ground.home().join("boxes/load"),
        scenario: Scenario {
            duration: SECONDS,
            connections: 8,
            rounds: 1,
            rates: vec![100],
            only: Vec::new(),
            skip: Vec::new(),
            files: Vec::new(),
        },
        warm_up: SECONDS,
        api_rate: 10_000.0,
        ca: Some(ground.material.path("ca.pem")),
        yes: true,
        out: "results".into(),
    }
}

fn stand_up(ground: &Ground, stood: &mut Stood) -> Result<(), Failure> {
    stand_up_boxes(ground, stood)?;
    let mut add = |outputs: &[&'static str], url: &str, stand: Stand| {
        for output in outputs {
            let url = url.replace("ADDRESS", &stand.address.to_string());
            let url = url.replace("PORT", &stand.address.port().to_string());
            stood.urls.insert(output, url);
        }
        stood.stands.push(stand);
    };
    add(
        &["LoadBalancer"],
        "http://ADDRESS",
        elb::start(ground, Checks::NONE)?,
    );
    // By a name of its certificate, which only an authority that is named is taken for.
    let tls = peers::nginx::start(ground, Checks::TLS)?;
    add(&["RestApiHttp"], "https://localhost:PORT/", tls);
    add(
        &["HttpApiHttp"],
        "http://ADDRESS",
        emulator::start_http(ground, Checks::NONE)?,
    );
    let functions = [
        "RestApiLambda128",
        "RestApiLambda512",
        "RestApiLambda1024",
        "HttpApiLambda",
    ];
    add(
        &functions,
        "http://ADDRESS",
        emulator::start_lambda(ground, Checks::NONE)?,
    );
    let gateway = lambda::start_512(ground, Checks::CERTIFICATE)?;
    let functions = ["GatewayLambda128", "GatewayLambda512", "GatewayLambda1024"];
    add(&functions, "https://ADDRESS", gateway);
    Ok(())
}

/// nginx and the gateway, with what their boxes are given, as the template starts them.
fn stand_up_boxes(ground: &Ground, stood: &mut Stood) -> Result<(), Failure> {
    let directory = ground.home().join("boxes");
    let ours = ALL.iter().filter(|path| path.family == Family::Gateway);
    let addresses = ours.clone().map(|path| Ok((path.name, free_address()?)));
    let places = boxes::Places {
        nginx: free_address()?,
        gateway: addresses.collect::<std::io::Result<_>>()?,
        region: "us-east-1",
        stack: "countersign-bench",
    };
    let countersign = gateway::program()?;
    boxes::pack(&directory, &ground.material, &places, &countersign)?;
    let home = directory.join("nginx");
    let prefix = home.display().to_string();
    let words = ["-p", &prefix, "-c", "nginx.conf"];
    let nginx = Path::new("/usr/sbin/nginx");
    stood
        .programs
        .push(start(&home, nginx, &words, places.nginx)?);
    stood
        .urls
        .insert("Direct", format!("http://{}", places.nginx));
    let home = directory.join("gateway");
    for path in ours {
        let address = places.gateway[path.name];
        let file = format!("{}.toml", path.name);
        let program = home.join("countersign");
        stood.programs.push(start(
            &home,
            &program,
            &["run", "--config", &file],
            address,
        )?);
        let scheme = if path.checks.tls { "https" } else { "http" };
        stood
            .urls
            .insert(path.output, format!("{scheme}://{address}"));
    }
    Ok(())
}

fn start(
    home: &Path,
    program: &Path,
    words: &[&str],
    ready: SocketAddr,
) -> anyhow::Result<Program> {
    Program::start(&Launch {
        name: &ready.port().to_string(),
        program,
        words: words.iter().map(ToString::to_string).collect(),
        environment: Vec::new(),
        directory: home,
        cores: Cores::Behind,
        ready,
    })
}
