//! The configuration that ships with the stacks for AWS, as their machines would meet it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::harness::gateway::PROGRAM;
use crate::harness::pki::{Authority, write_private};
use crate::harness::{run, text};

fn is_good(home: &Path, config: &str) {
    let file = home.join("gateway.toml");
    fs::write(&file, config).unwrap();
    let file = file.display().to_string();
    let said = run(PROGRAM, &["check", "--config", &file]);
    let words = text(&said.stdout) + &text(&said.stderr);
    assert!(said.status.success(), "{words}");
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/infra/production")
}

/// What `publish` and the secrets of the stack are made of.
fn files() -> TempDir {
    let directory = tempdir().unwrap();
    let home = directory.path();
    Authority::new(home, "clients-ca").server("server", &["api.example.org"]);
    write_private(&home.join("credentials.toml"), "# None yet.\n");
    write_private(&home.join("replay-password"), "a word\n");
    fs::copy(shipped().join("gateway.toml"), home.join("gateway.toml")).unwrap();
    directory
}

#[test]
fn the_configuration_of_the_stack_is_good_with_the_files_that_its_machines_fetch() {
    let directory = files();
    let home = directory.path();
    let config = fs::read_to_string(home.join("gateway.toml")).unwrap();
    is_good(home, &config);
    // With the shared memory that it leaves out, whose authorities are the image's.
    let with_memory: String = config
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with("ca = ") => "ca = [\"clients-ca.pem\"]".to_owned(),
            Some(rest) if rest.starts_with("[replay") || rest.contains(" = ") => {
                rest.replace("ITS-OUTPUT-SERVER", "memory.example.org")
            }
            _ => line.to_owned(),
        })
        .map(|line| line + "\n")
        .collect();
    assert!(with_memory.contains("\nservers = "), "{with_memory}");
    is_good(home, &with_memory);
}

/// The script has moto, and asks the program for what the template's user data name.
#[test]
fn a_machine_is_furnished_by_the_user_data_of_the_stack() {
    let directory = files();
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    let said = Command::new(python)
        .args(["-B", "-W", "ignore"])
        .arg(shipped().join("checks/provision.py"))
        .arg(PROGRAM)
        .current_dir(directory.path())
        .output()
        .expect("run tests/prepare first, or make test");
    assert!(said.status.success(), "{}", text(&said.stderr));
}
