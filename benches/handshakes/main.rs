//! Full handshakes with client certificates: the gateway beside the real nginx and HAProxy in one
//! run, each on the first core with one worker, the load on the second; and what lists of revoked
//! certificates cost the gateway, at rest and while a new one is swapped in every two seconds.
//! Flags: `--seconds N` and `--rounds N` of a measurement, `--only TEXT` of its case, `--write FILE`
//! for the tables as they are printed.

mod contender;
mod lists;
mod load;
mod material;
mod options;
mod side_by_side;

use std::process::Command;

use material::Material;
use options::Options;

/// Where the load runs; the contenders have core 0.
const LOAD_CORE: &str = "1";

fn main() {
    let options = Options::read();
    pin_to_the_load_core();
    // Both aws-lc-rs and ring may be linked, and rustls must be told.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let material = Material::make();
    let mut text = format!(
        "# Handshakes with client certificates\n\n{}\n",
        conditions(&options)
    );
    text += &side_by_side::measure(&material, &options);
    text += &lists::measure(&material, &options);
    println!("{text}");
    if let Some(file) = &options.write {
        std::fs::write(file, text).expect("the results can be written");
    }
}

/// Threads that are started later inherit it.
fn pin_to_the_load_core() {
    let process = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-a", "-c", "-p", LOAD_CORE, &process])
        .output()
        .is_ok_and(|output| output.status.success());
    assert!(
        pinned,
        "this bench needs two cores, and taskset of util-linux"
    );
}

/// What the figures are about.
fn conditions(options: &Options) -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let model = line
        .and_then(|line| line.split_once(": "))
        .map_or("unknown", |pair| pair.1);
    let said = |program: &str, flag: &str| {
        let output = Command::new(program)
            .arg(flag)
            .output()
            .expect("tests/prepare installs it");
        let all = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&all).into_owned();
        text.lines().next().unwrap_or_default().to_owned()
    };
    format!(
        "{model}, two cores. {}; {}; {}. {} rounds of {} s each, interleaved; medians, and in \
         brackets the least and the most. {} connections at once, each: TCP, handshake with a client \
         certificate, one GET that is answered from memory, close. The server's key and the \
         authority's are P-256; X25519, AES-128-GCM. CPU is that of the server's process or worker.\n",
        said("/usr/sbin/nginx", "-v"),
        said("/usr/sbin/haproxy", "-v"),
        said("openssl", "version"),
        options.rounds,
        options.seconds,
        load::CONNECTIONS,
    )
}
