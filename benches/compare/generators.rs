//! Whether the generator is as good as others are: wrk on a path without TLS, oha on one with a
//! client certificate, turn about with ours.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::load::{Asked, Caller};
use crate::results::{Check, Missing};
use crate::stage::origin::FILES;
use crate::stage::{Failure, Ground, find};

/// Another generator.
#[derive(Clone, Copy)]
pub struct Other {
    pub name: &'static str,
    /// The path on which it is compared.
    pub path: &'static str,
    install: &'static str,
}

/// All others.
pub const ALL: [Other; 2] = [
    Other {
        name: "wrk",
        path: "gateway-plain",
        install: "apt-get install wrk",
    },
    Other {
        name: "oha",
        path: "gateway-mtls",
        install: "cargo install oha",
    },
];

const FILE: (&str, u64) = FILES[1];

/// Compares it with ours.
///
/// # Errors
/// It is missing, or does not do its work.
pub fn measure(
    other: Other,
    ground: &Ground,
    caller: &Caller,
    (connections, time, rounds): (usize, Duration, usize),
) -> Result<Check, Failure> {
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let places: Vec<_> = home
        .map(|home| home.join("bin").join(other.name))
        .into_iter()
        .collect();
    let program = find(other.name, &places, other.install)?;
    let (target, bytes) = FILE;
    let mut check = Check {
        path: other.path.to_owned(),
        other: other.name.to_owned(),
        ours: Vec::new(),
        theirs: Vec::new(),
    };
    for _ in 0..rounds {
        let ours = caller.closed(Asked { target, bytes }, connections, time);
        check
            .ours
            .push(ours.served as f64 / ours.took.as_secs_f64());
        let words = match other.name {
            "wrk" => wrk(caller.endpoint.address(), connections, time),
            _ => oha(ground, caller.endpoint.address(), connections, time),
        };
        let output = Command::new(&program).args(&words).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = match other.name {
            "wrk" => rate_of_wrk(&text),
            _ => rate_of_oha(&text),
        };
        let said = || {
            format!(
                "{} {}: {text} {}",
                other.name,
                words.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )
        };
        check.theirs.push(rate.with_context(said)?);
    }
    Ok(check)
}

/// What to say of one that is not installed.
pub fn missing(other: Other, program: String, install: String) -> Missing {
    Missing {
        path: format!("check on {}", other.path),
        program,
        install,
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs().max(1)
}

fn wrk(address: SocketAddr, connections: usize, time: Duration) -> Vec<String> {
    let url = format!("http://{address}{}", FILE.0);
    let (connections, time) = (format!("-c{connections}"), format!("-d{}s", seconds(time)));
    vec!["-t1".to_owned(), connections, time, url]
}

fn oha(ground: &Ground, address: SocketAddr, connections: usize, time: Duration) -> Vec<String> {
    let file = |name| ground.material.path(name).display().to_string();
    let url = format!("https://localhost:{}{}", address.port(), FILE.0);
    let mut words = vec![
        "--no-tui".to_owned(),
        "--output-format=json".to_owned(),
        "--http-version=1.1".to_owned(),
        format!("-c{connections}"),
        format!("-z{}s", seconds(time)),
    ];
    for (flag, name) in [
        ("--cacert", "ca.pem"),
        ("--cert", "client.pem"),
        ("--key", "client.key"),
    ] {
        words.extend([flag.to_owned(), file(name)]);
    }
    words.push(url);
    words
}

/// `None` when it did not measure answers of 200.
fn rate_of_wrk(text: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"))?;
    let rate = line.trim().parse().ok()?;
    (!text.contains("Non-2xx")).then_some(rate)
}

fn rate_of_oha(text: &str) -> Option<f64> {
    let said: serde_json::Value = serde_json::from_str(text).ok()?;
    let statuses = said["statusCodeDistribution"].as_object()?;
    let only_200 = statuses.len() == 1 && statuses.contains_key("200");
    let rate = said["summary"]["requestsPerSec"].as_f64()?;
    only_200.then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_of_200_count() {
        let good = "  1000 requests in 1.00s\nRequests/sec:   1000.50\nTransfer/sec: 1MB\n";
        assert_eq!(rate_of_wrk(good), Some(1000.5));
        assert_eq!(
            rate_of_wrk(&format!("  Non-2xx or 3xx responses: 5\n{good}")),
            None
        );
        let oha = |status| {
            format!(
                r#"{{"summary":{{"requestsPerSec":5.5}},"statusCodeDistribution":{{"{status}":10}}}}"#
            )
        };
        assert_eq!(rate_of_oha(&oha("200")), Some(5.5));
        assert_eq!(rate_of_oha(&oha("400")), None);
        assert_eq!(rate_of_oha(""), None);
    }
}
