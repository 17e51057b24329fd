//! What the machine is, and which programs are on it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::program::{Cores, core_count, cores_of};
use crate::results::Machine;

/// This machine, on which what is measured runs where `pinning` says.
pub fn describe(pinning: String) -> Machine {
    Machine {
        processor: line("/proc/cpuinfo", "model name"),
        cores: core_count(),
        memory: line("/proc/meminfo", "MemTotal")
            .split(' ')
            .next()
            .and_then(|kib| kib.parse::<u64>().ok())
            .unwrap_or_default()
            * 1024,
        kernel: said("uname", &["-sr"]).unwrap_or_default(),
        pinning,
    }
}

/// Where programs run that are started here.
pub fn pinning() -> String {
    format!(
        "What callers speak to has core {} and one worker; the load, and all that stands behind, \
         has {}.",
        cores_of(Cores::Measured),
        cores_of(Cores::Behind)
    )
}

/// The first line that a program says of its version.
pub fn said(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    let all = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&all);
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    Some(line.trim().to_owned())
}

/// The programs that may have a part in it, with what they say of their versions.
pub fn versions() -> BTreeMap<String, String> {
    let ours = crate::stage::gateway::program().map(|program| program.display().to_string());
    let ours = ours.unwrap_or_default();
    let all: [(&str, &str, &[&str]); 6] = [
        ("Countersign", &ours, &["--version"]),
        ("nginx", "/usr/sbin/nginx", &["-v"]),
        ("HAProxy", "/usr/sbin/haproxy", &["-v"]),
        ("OpenSSL", "openssl", &["version"]),
        ("Python", "python3", &["--version"]),
        ("Node", "node", &["--version"]),
    ];
    let said = |(name, program, words): (&str, &str, &[&str])| {
        Some((name.to_owned(), said(program, words)?))
    };
    all.into_iter().filter_map(said).collect()
}

fn line(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let found = lines.find(|(known, _)| known.trim() == name);
    found.map_or_else(String::new, |(_, value)| value.trim().to_owned())
}
