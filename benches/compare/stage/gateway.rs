//! The gateway itself, as it is released, in front of the private server.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::material::{KEY_ID, Material, REGION, SERVICE, SIGNER_ID, URI};
use crate::program::{Cores, Launch, Program, free_address};

use super::{Checks, Failure, Ground, Scheme, Stand, find};

/// Starts it.
///
/// # Errors
/// It was not built, or does not start.
pub fn start(ground: &Ground, checks: Checks) -> Result<Stand, Failure> {
    let origin = ground.origin_address();
    let integration = format!("type = \"http_proxy\"\ntargets = [\"{origin}\"]\n");
    start_with(ground, checks, &integration, &[])
}

/// Starts it with what answers its requests, and with variables in its environment.
///
/// # Errors
/// It was not built, or does not start.
pub fn start_with(
    ground: &Ground,
    checks: Checks,
    integration: &str,
    environment: &[(&str, &str)],
) -> Result<Stand, Failure> {
    let address = free_address()?;
    let name = format!("gateway-{}", address.port());
    let configuration = configuration(integration, address, checks, Some(1));
    let store = ground.write("credentials.toml", &store(&ground.material)?)?;
    std::fs::set_permissions(store, std::fs::Permissions::from_mode(0o600))?;
    let file = ground.write(&format!("{name}.toml"), &configuration)?;
    let words = ["run", "--config", &file.display().to_string()].map(str::to_owned);
    let own = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let program = Program::start(&Launch {
        name: &name,
        program: &program()?,
        words: words.into(),
        environment: environment.iter().map(own).collect(),
        directory: ground.home(),
        cores: Cores::Measured,
        ready: address,
    })?;
    Ok(Stand {
        address,
        parts: vec![("Countersign".to_owned(), program)],
        notes: Vec::new(),
    })
}

/// `COUNTERSIGN`, or what `cargo build --release` has made.
///
/// # Errors
/// It was not built.
pub fn program() -> Result<PathBuf, Failure> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let made = target.join("release/countersign");
    let named = std::env::var_os("COUNTERSIGN").map(PathBuf::from);
    // Tests take that of their own build; a measurement never does.
    let own = cfg!(test).then(|| target.join("debug/countersign"));
    let places: Vec<PathBuf> = named.into_iter().chain([made]).chain(own).collect();
    find("countersign", &places, "cargo build --release")
}

/// Its configuration; with a thread for each processor, unless `threads` says how many.
pub fn configuration(
    integration: &str,
    address: SocketAddr,
    checks: Checks,
    threads: Option<u32>,
) -> String {
    let threads = threads.map_or(String::new(), |count| format!("threads = {count}\n"));
    let mut text = format!(
        r#"[gateway]
{threads}access_log = "off"
credential_store = "credentials.toml"
max_connections = 20000

[[listener]]
name = "public"
address = "{address}"
max_connections = 20000
max_connections_per_address = 20000
"#
    );
    let mut add = |more: &str| text.push_str(more);
    if checks.tls {
        add("certificate = [{ chain = \"server.pem\", private_key = \"server.key\" }]\n");
    }
    if checks.certificate {
        add("client_certificate = { mode = \"required\", trust = [\"ca.pem\"] }\n");
    }
    add("\n[[consumer]]\nname = \"billing\"\n");
    if checks.certificate {
        add(&format!("certificate = {{ san_uri = \"{URI}\" }}\n"));
    }
    add(&format!("credentials = [\"{KEY_ID}\", \"{SIGNER_ID}\"]\n"));
    let mut demands = Vec::new();
    if checks.certificate {
        demands.push("\"certificate\"");
    }
    if checks.signature.is_some() {
        demands.push("\"signature\"");
    }
    let policy = if demands.is_empty() {
        "open"
    } else {
        "checked"
    };
    if !demands.is_empty() {
        let all = demands.join(", ");
        add(&format!(
            "\n[[policy]]\nname = \"checked\"\nall_of = [{all}]\n"
        ));
    }
    match checks.signature {
        Some(Scheme::SigV4) => add(&format!(
            "signature = {{ schemes = [\"sigv4\"], service = \"{SERVICE}\", region = \"{REGION}\" }}\n"
        )),
        Some(Scheme::Rfc9421) => add(
            "signature = { schemes = [\"rfc9421\"], rfc9421 = { components = [\"@method\", \"@authority\", \"@path\", \"@query\"] } }\n",
        ),
        None => {}
    }
    for (path, method) in [("/", "[\"GET\"]"), ("/{proxy+}", "\"ANY\"")] {
        add(&format!(
            "\n[[route]]\npath = \"{path}\"\nmethod = {method}\npolicy = \"{policy}\"\nmax_body_bytes = 2147483648\nintegration = \"private\"\n"
        ));
    }
    add(&format!(
        "\n[[integration]]\nname = \"private\"\n{integration}"
    ));
    text
}

/// The credential store beside it.
///
/// # Errors
/// The material cannot be read.
pub fn store(material: &Material) -> anyhow::Result<String> {
    let public = material.read("signer.pub")?;
    let secret = material.read("secret")?;
    Ok(format!(
        "[[credential]]\nid = \"{KEY_ID}\"\nsecret = \"{secret}\"\n\n\
         [[credential]]\nid = \"{SIGNER_ID}\"\nscheme = \"rfc9421\"\npublic_key = \"\"\"\n{public}\"\"\"\n"
    ))
}
