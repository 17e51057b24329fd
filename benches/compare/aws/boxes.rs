//! What the boxes of the stack are given: nginx its files and configuration, the gateway a
//! configuration for each path with certificates and credentials, the load what a caller needs,
//! Lambda the relay. In: where each of them stands. Out: a directory for each, and `relay.zip`;
//! secrets are made anew, and are nowhere else.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use zip::write::SimpleFileOptions;

use crate::machine;
use crate::material::Material;
use crate::results::Family;
use crate::stage::{gateway, origin};

use super::paths::{ALL, Remote};

/// Where the template puts nginx.
pub const NGINX: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 80, 10, 10)), 80);
/// Where it puts the gateway.
pub const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 80, 10, 11));

/// The load's part of it, with what the gateway says of its version.
pub const VERSIONS: &str = "versions.json";

/// Where everything stands.
pub struct Places<'a> {
    pub nginx: SocketAddr,
    /// The gateway, by the name of the path.
    pub gateway: BTreeMap<&'static str, SocketAddr>,
    pub region: &'a str,
    pub stack: &'a str,
}

impl<'a> Places<'a> {
    /// As the template has it.
    pub fn of_stack(region: &'a str, stack: &'a str) -> Self {
        let ports = ALL.iter().filter_map(|path| Some((path.name, path.port?)));
        Self {
            nginx: NGINX,
            gateway: ports
                .map(|(name, port)| (name, SocketAddr::new(GATEWAY, port)))
                .collect(),
            region,
            stack,
        }
    }
}

/// Writes all of it into a directory, with the gateway's program.
///
/// # Errors
/// The directory cannot be written, or the program cannot be read.
pub fn pack(
    directory: &Path,
    material: &Material,
    places: &Places<'_>,
    countersign: &Path,
) -> anyhow::Result<()> {
    pack_nginx(&directory.join("nginx"), places)?;
    pack_gateway(&directory.join("gateway"), material, places, countersign)?;
    pack_load(&directory.join("load"), material, countersign)?;
    pack_relay(&directory.join("relay.zip"))
}

fn pack_nginx(home: &Path, places: &Places<'_>) -> anyhow::Result<()> {
    // It is started with its directory as the prefix of all that is relative.
    fs::create_dir_all(home.join("scratch"))?;
    let configuration = origin::configuration(&origin::Private {
        user: "",
        workers: "auto",
        address: places.nginx,
        scratch: "scratch",
        root: "html",
        takes_uploads: false,
    });
    fs::write(home.join("nginx.conf"), configuration)?;
    origin::write_files(home)?;
    Ok(())
}

fn pack_gateway(
    home: &Path,
    material: &Material,
    places: &Places<'_>,
    countersign: &Path,
) -> anyhow::Result<()> {
    fs::create_dir_all(home)?;
    copy(material, &["ca.pem", "server.pem", "server.key"], home)?;
    let store = home.join("credentials.toml");
    fs::write(&store, gateway::store(material)?)?;
    fs::set_permissions(store, fs::Permissions::from_mode(0o600))?;
    let mut names = String::new();
    for path in ALL {
        if let Some(address) = places.gateway.get(path.name) {
            let integration = integration(path, places);
            let text = gateway::configuration(&integration, *address, path.checks, None);
            fs::write(home.join(format!("{}.toml", path.name)), text)?;
            names += &format!("{}\n", path.name);
        }
    }
    fs::write(home.join("paths"), names)?;
    let said = || countersign.display().to_string();
    fs::copy(countersign, home.join("countersign")).with_context(said)?;
    Ok(())
}

fn integration(path: &Remote, places: &Places<'_>) -> String {
    match (path.family, path.memory_mb) {
        (Family::Lambda, Some(memory)) => format!(
            "type = \"lambda\"
function = \"{stack}-relay-{memory}\"
region = \"{region}\"
payload_format = \"rest\"
binary_media_types = [\"*/*\"]
max_concurrency = 1000
",
            stack = places.stack,
            region = places.region,
        ),
        _ => format!("type = \"http_proxy\"\ntargets = [\"{}\"]\n", places.nginx),
    }
}

fn pack_load(home: &Path, material: &Material, countersign: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(home)?;
    let files = ["ca.pem", "client.pem", "client.key", "signer.key", "secret"];
    copy(material, &files, home)?;
    let version = machine::said(&countersign.display().to_string(), &["--version"]);
    let versions = BTreeMap::from([("Countersign", version.unwrap_or_default())]);
    fs::write(home.join(VERSIONS), serde_json::to_string(&versions)?)?;
    Ok(())
}

/// With their permissions: keys are their owner's alone.
fn copy(material: &Material, names: &[&str], home: &Path) -> anyhow::Result<()> {
    for name in names {
        fs::copy(material.path(name), home.join(name)).with_context(|| name.to_string())?;
    }
    Ok(())
}

/// The function that the emulated Lambda runs as well.
const RELAY: [(&str, &str); 2] = [
    (
        "relay.py",
        include_str!("../../local-lambda/functions/relay.py"),
    ),
    (
        "request.py",
        include_str!("../../local-lambda/functions/request.py"),
    ),
];

fn pack_relay(file: &Path) -> anyhow::Result<()> {
    let mut archive = zip::ZipWriter::new(fs::File::create(file)?);
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o644);
    for (name, text) in RELAY {
        archive.start_file(name, options)?;
        archive.write_all(text.as_bytes())?;
    }
    archive.finish()?;
    Ok(())
}
