//! A run as it may come: all families, rounds that spread, failures, missing programs, names that
//! would break a page. Its figures are made up.

use std::collections::BTreeMap;

use crate::results::*;

/// Name, label, family, checks, and what it takes of `elb`'s time.
type Made = (&'static str, &'static str, Family, &'static str, f64);

const PATHS: &[Made] = &[
    ("direct", "nginx alone", Family::Baseline, "nothing", 0.62),
    (
        "elb",
        "HAProxy, as a load balancer",
        Family::Baseline,
        "nothing",
        1.0,
    ),
    (
        "gateway-plain",
        "Countersign, no checks",
        Family::Gateway,
        "nothing",
        1.12,
    ),
    (
        "gateway-tls",
        "Countersign, TLS",
        Family::Gateway,
        "tls",
        1.2,
    ),
    (
        "gateway-mtls",
        "Countersign, certificate",
        Family::Gateway,
        "certificate",
        1.24,
    ),
    (
        "gateway-sigv4",
        "Countersign, SigV4",
        Family::Gateway,
        "tls + sigv4",
        1.38,
    ),
    (
        "gateway-mtls-sigv4",
        "Countersign, certificate + SigV4",
        Family::Gateway,
        "certificate + sigv4",
        1.43,
    ),
    (
        "gateway-h2",
        "Countersign, certificate + SigV4 over HTTP/2",
        Family::Gateway,
        "certificate + sigv4",
        1.9,
    ),
    (
        "nginx-mtls",
        "nginx, certificate",
        Family::Peer,
        "certificate",
        1.18,
    ),
    (
        "haproxy-mtls",
        "HAProxy, certificate",
        Family::Peer,
        "certificate",
        1.31,
    ),
    (
        "envoy-mtls",
        "Envoy, certificate",
        Family::Peer,
        "certificate",
        2.1,
    ),
    (
        "kong-hmac",
        "Kong, certificate + HMAC, as a plugin written in Lua",
        Family::Peer,
        "certificate + sigv4",
        3.6,
    ),
    (
        "lambda-128",
        "Countersign, function of 128 MB",
        Family::Lambda,
        "certificate + sigv4",
        38.0,
    ),
    (
        "lambda-512",
        "Countersign, function of 512 MB",
        Family::Lambda,
        "certificate + sigv4",
        34.0,
    ),
    (
        "lambda-1024",
        "Countersign, function of 1024 MB",
        Family::Lambda,
        "certificate + sigv4",
        33.0,
    ),
    ("sam-local", "SAM local", Family::Emulator, "nothing", 900.0),
    (
        "serverless-offline",
        "serverless-offline",
        Family::Emulator,
        "nothing",
        70.0,
    ),
    (
        "localstack",
        "LocalStack <community> & \"free\"",
        Family::Emulator,
        "nothing",
        210.0,
    ),
];

const FILES: &[(&str, u64, f64)] = &[
    ("/", 12, 1.0),
    ("/child/random.txt", 10_240, 1.25),
    ("/100k.bin", 102_400, 3.4),
    ("/1m.bin", 1_048_576, 24.0),
];

/// Microseconds that `elb` takes for `/`.
const BASE: f64 = 29.0;

pub fn run() -> Run {
    Run {
        began: "20261126T030405Z".to_owned(),
        command:
            "countersign-bench run --seconds 10 --rounds 3 --only 'gateway|\"elb\"' </dev/null"
                .to_owned(),
        machine: machine(),
        settings: Settings {
            seconds: 10.0,
            connections: 64,
            rounds: 3,
            rates: vec![1_000, 8_000],
        },
        versions: versions(),
        paths: PATHS.iter().map(path).collect(),
        checks: checks(),
        extras: extras(),
        missing: missing(),
        configurations: configurations(),
        interrupted: false,
    }
}

fn machine() -> Machine {
    Machine {
        processor: "Intel(R) Xeon(R) Processor @ 2.10GHz".to_owned(),
        cores: 2,
        memory: 8_320_000_000,
        kernel: "Linux 6.1.0-41-amd64".to_owned(),
        pinning:
            "What is measured has core 0 to itself; nginx behind it and the load share core 1."
                .to_owned(),
    }
}

fn path(made: &Made) -> PathResult {
    let &(name, label, family, checks, factor) = made;
    let notes = match family {
        Family::Lambda => vec![
            "A function's share of a processor could not be set: all sizes have a whole one."
                .to_owned(),
        ],
        _ => Vec::new(),
    };
    let closed = FILES
        .iter()
        .map(|file| closed(name, file, factor))
        .collect();
    let open = FILES[..2]
        .iter()
        .flat_map(|file| [1_000, 8_000].map(|rate| open(name, file, factor, rate)));
    let open = if family == Family::Emulator {
        Vec::new()
    } else {
        open.collect()
    };
    PathResult {
        name: name.to_owned(),
        label: label.to_owned(),
        family,
        checks: checks.to_owned(),
        notes,
        closed,
        open,
    }
}

fn closed(name: &str, &(file, bytes, size): &(&str, u64, f64), factor: f64) -> Loop {
    // The larger the file, the less does what is in front of it matter.
    let micros = BASE * (size - 1.0 + factor);
    let round = |noise: f64| {
        let served = (10.0 * 1e6 / micros * noise) as u64;
        round(
            name,
            served,
            bytes,
            latency(64.0 * micros / noise, 2.0),
            micros,
        )
    };
    let mut rounds = vec![round(1.0), round(0.93), round(1.04)];
    if name == "sam-local" {
        rounds[1].failed.insert("503".to_owned(), 41);
        rounds[2].failed.insert("connection reset".to_owned(), 3);
    }
    Loop {
        file: file.to_owned(),
        bytes,
        rate: None,
        rounds,
    }
}

fn open(name: &str, &(file, bytes, size): &(&str, u64, f64), factor: f64, rate: u64) -> Loop {
    let micros = BASE * (size - 1.0 + factor);
    let share = (rate as f64 * micros / 1e6).min(0.97);
    let is_borne = rate as f64 * micros < 1e6;
    let served = if is_borne { rate as f64 } else { 1e6 / micros } * 10.0;
    let round = |noise: f64| {
        let typical = (micros + 60.0) * noise / (1.0 - share);
        round(
            name,
            served as u64,
            bytes,
            latency(typical, 1.0 + 6.0 * share),
            micros,
        )
    };
    Loop {
        file: file.to_owned(),
        bytes,
        rate: Some(rate),
        rounds: vec![round(1.0), round(1.1), round(1.3)],
    }
}

fn round(name: &str, served: u64, bytes: u64, latency: Latency, micros: f64) -> Round {
    let own = micros.round();
    let (front, behind) = match name {
        "direct" => ("nginx", None),
        "elb" | "haproxy-mtls" => ("haproxy", Some("nginx")),
        _ if name.starts_with("gateway") => ("gateway", Some("nginx")),
        _ if name.starts_with("lambda") => ("gateway", Some("lambda")),
        other => (other, Some("nginx")),
    };
    let mut cpu = BTreeMap::from([(front.to_owned(), own), ("load".to_owned(), 14.0)]);
    let mut memory = BTreeMap::from([
        (front.to_owned(), 21_000_000),
        ("load".to_owned(), 30_000_000),
    ]);
    if let Some(behind) = behind {
        cpu.insert(
            behind.to_owned(),
            if behind == "lambda" {
                (own * 0.8).round()
            } else {
                15.0
            },
        );
        memory.insert(behind.to_owned(), 9_500_000);
    }
    if behind == Some("lambda") {
        cpu.insert(front.to_owned(), (own * 0.2).round());
    }
    let failed = BTreeMap::new();
    Round {
        seconds: 10.0,
        served,
        failed,
        bytes: served * bytes,
        latency,
        cpu,
        memory,
    }
}

/// A tail of a kind.
fn latency(typical: f64, tail: f64) -> Latency {
    let rounded = |value: f64| (value * 1e4).round() / 1e4;
    let at =
        |share: f64| rounded(typical * (0.8 + 0.2 * tail * (-(1.0 - share).log10()).powf(1.6)));
    let shares = (0..=40).map(|step| rounded(1.0 - 10f64.powf(-f64::from(step) / 10.0)));
    Latency {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: rounded(at(0.9999) * 1.8),
        curve: shares.map(|share| (share, at(share))).collect(),
    }
}

fn checks() -> Vec<Check> {
    let check = |path: &str, other: &str, ours: [f64; 3], theirs: [f64; 3]| Check {
        path: path.to_owned(),
        other: other.to_owned(),
        ours: ours.to_vec(),
        theirs: theirs.to_vec(),
    };
    vec![
        check(
            "direct",
            "wrk",
            [55_100.0, 54_200.0, 55_900.0],
            [56_000.0, 55_300.0, 56_400.0],
        ),
        check(
            "gateway-mtls",
            "oha",
            [27_700.0, 28_100.0, 27_000.0],
            [25_300.0, 25_900.0, 25_100.0],
        ),
    ]
}

fn extras() -> Vec<Extra> {
    let extra = |what: &str, path: &str, value: f64, unit: &str, note: &str| Extra {
        what: what.to_owned(),
        path: path.to_owned(),
        value,
        unit: unit.to_owned(),
        note: note.to_owned(),
    };
    vec![
        extra(
            "full handshakes a second",
            "gateway-mtls",
            3962.0,
            "1/s",
            "P-256, TLS 1.3",
        ),
        extra(
            "full handshakes a second",
            "nginx-mtls",
            883.0,
            "1/s",
            "P-256, TLS 1.3",
        ),
        extra(
            "full handshakes a second",
            "haproxy-mtls",
            849.0,
            "1/s",
            "P-256, TLS 1.3",
        ),
        extra(
            "memory of an idle connection",
            "gateway-mtls",
            31.4,
            "KiB",
            "",
        ),
        extra(
            "memory of an idle connection",
            "nginx-mtls",
            58.9,
            "KiB",
            "",
        ),
        extra(
            "function's duration",
            "lambda-128",
            1.42,
            "ms",
            "as the runtime reports it",
        ),
        extra(
            "function's duration",
            "lambda-1024",
            1.31,
            "ms",
            "as the runtime reports it",
        ),
    ]
}

fn missing() -> Vec<Missing> {
    let missing = |path: &str, program: &str, install: &str| Missing {
        path: path.to_owned(),
        program: program.to_owned(),
        install: install.to_owned(),
    };
    vec![
        missing("caddy-mtls", "caddy", "apt-get install caddy"),
        missing(
            "apigw-rest",
            "credentials of AWS",
            "aws configure && countersign-bench run --only apigw-rest | tee log",
        ),
    ]
}

fn versions() -> BTreeMap<String, String> {
    let versions = [
        ("countersign", "0.1.0"),
        ("nginx", "nginx/1.22.1"),
        ("haproxy", "HAProxy version 2.6.12-1+deb12u4"),
        ("openssl", "OpenSSL 3.0.19 27 Jan 2026"),
        ("wrk", "4.1.0"),
    ];
    versions
        .map(|(program, version)| (program.to_owned(), version.to_owned()))
        .into()
}

fn configurations() -> BTreeMap<String, String> {
    let configurations = [
        (
            "gateway-mtls-sigv4.toml",
            "[[listener]]\naddress = \"127.0.0.1:8443\"\n\n[[route]]\nname = \"all\"\n",
        ),
        (
            "haproxy.cfg",
            "frontend in\n  bind :8080\n  # </pre></details><script>alert(1)</script> ```\n",
        ),
        (
            "nginx.conf",
            "events {}\nhttp { server { listen 8081; location / { root data; } } }\n",
        ),
    ];
    configurations
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into()
}
