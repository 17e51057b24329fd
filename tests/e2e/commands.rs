//! The commands as a user types them: what they say, and their exit codes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::tempdir;

use crate::harness::gateway::{ID, PROGRAM, write_config, write_store};
use crate::harness::nginx::{INDEX, Nginx, free_address};
use crate::harness::pki::Authority;
use crate::harness::{run, text, wait_for};

const CONFIG: &str = r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
client_certificate = { mode = "optional", trust = ["ca.pem"] }
[[consumer]]
name = "billing"
certificate = { san_uri = "spiffe://test/billing" }
credentials = ["CSTESTBILLING"]
[[policy]]
name = "certified"
all_of = ["certificate"]
[[policy]]
name = "both"
all_of = ["certificate", "signature"]
signature = { schemes = ["sigv4"], service = "execute-api", region = "us-west-2" }
[[route]]
path = "/orders/{id}"
method = ["GET", "PUT"]
policy = "certified"
integration = "ok"
[[route]]
path = "/signed"
method = "POST"
policy = "both"
integration = "ok"
[[route]]
host = "open.example"
path = "/{proxy+}"
method = "ANY"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#;

fn said(output: &Output) -> (Option<i32>, String) {
    let all = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), all)
}

fn furnish(directory: &Path) -> String {
    let authority = Authority::new(directory, "ca");
    authority.server("server", &["localhost"]);
    authority.client("billing", "spiffe://test/billing");
    authority.client("stranger", "spiffe://test/stranger");
    write_store(directory);
    write_config(directory, CONFIG);
    directory.join("gateway.toml").display().to_string()
}

#[test]
fn the_exit_code_tells_good_from_wrong_from_not_understood() {
    let directory = tempdir().unwrap();
    let file = furnish(directory.path());
    for (code, arguments) in [
        (0, vec!["check", "--config", &file]),
        (0, vec!["--help"]),
        (0, vec!["--version"]),
        (0, vec!["run", "--help"]),
        (1, vec!["check", "--config", "no-such.toml"]),
        (1, vec!["run", "--config", "no-such.toml"]),
        (2, vec![]),
        (2, vec!["chekc"]),
        (2, vec!["check", "--confg", &file]),
        (2, vec!["routes"]),
        (2, vec!["routes", "explain", "--config", &file, "GET"]),
        (2, vec!["credentials", "new", "--config", &file]),
    ] {
        let (status, all) = said(&run(PROGRAM, &arguments));
        assert_eq!(status, Some(code), "{arguments:?}: {all}");
        assert!(!all.is_empty(), "{arguments:?}");
    }
}

#[test]
fn check_tells_every_mistake_with_its_line_and_opens_every_file() {
    let directory = tempdir().unwrap();
    let file = furnish(directory.path());
    let broken = CONFIG
        .replace("policy = \"both\"", "policy = \"bothh\"")
        .replace("method = \"ANY\"", "method = \"ANYTHING\"");
    write_config(directory.path(), &broken);
    let (status, all) = said(&run(PROGRAM, &["check", "--config", &file]));
    assert_eq!(status, Some(1), "{all}");
    let config = fs::read_to_string(&file).unwrap();
    for (mistake, cure) in [
        ("\"bothh\"", "did you mean \"both\"?"),
        ("\"ANYTHING\"", "ANY"),
    ] {
        let line = config
            .lines()
            .position(|line| line.contains(mistake))
            .unwrap()
            + 1;
        let told = all
            .lines()
            .find(|told| told.contains(&format!("gateway.toml:{line}")));
        let told = told.unwrap_or_else(|| panic!("{mistake} is not told: {all}"));
        assert!(told.contains(cure), "{told}");
    }
    write_config(directory.path(), CONFIG);
    for name in ["ca.pem", "server.key", "credentials.toml"] {
        fs::remove_file(directory.path().join(name)).unwrap();
        let (status, all) = said(&run(PROGRAM, &["check", "--config", &file]));
        assert_eq!(status, Some(1), "{all}");
        assert!(all.contains(name), "{name}: {all}");
        furnish(directory.path());
    }
}

#[test]
fn routes_are_listed_and_explained() {
    let directory = tempdir().unwrap();
    let file = furnish(directory.path());
    let (status, list) = said(&run(PROGRAM, &["routes", "list", "--config", &file]));
    assert_eq!(status, Some(0));
    for words in [
        "GET,PUT",
        "/orders/{id}",
        "open.example",
        "/{proxy+}",
        "certified",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
    let billing = directory.path().join("billing.pem").display().to_string();
    let stranger = directory.path().join("stranger.pem").display().to_string();
    for (code, words, method, url, certificate) in [
        (
            0,
            "served, as billing",
            "GET",
            "https://a/orders/7",
            Some(&billing),
        ),
        (
            1,
            "certificate_unknown",
            "GET",
            "https://a/orders/7",
            Some(&stranger),
        ),
        (1, "certificate_required", "PUT", "https://a/orders/7", None),
        (
            1,
            "method_not_allowed",
            "DELETE",
            "https://a/orders/7",
            Some(&billing),
        ),
        (1, "route_not_found", "GET", "https://a/none", None),
        (0, "signature", "POST", "https://a/signed", Some(&billing)),
        (
            0,
            "served, as anyone",
            "POST",
            "https://open.example/orders",
            None,
        ),
        (1, "path_refused", "GET", "https://open.example/a%2fb", None),
        (1, "malformed_request", "BREW", "https://a/orders/7", None),
    ] {
        let mut arguments = vec!["routes", "explain", "--config", &file, method, url];
        if let Some(certificate) = certificate {
            arguments.extend(["--certificate", certificate]);
        }
        let (status, all) = said(&run(PROGRAM, &arguments));
        assert_eq!(status, Some(code), "{method} {url}: {all}");
        assert!(all.contains(words), "{method} {url}: {all}");
    }
}

#[test]
fn credentials_are_made_listed_and_retired() {
    let directory = tempdir().unwrap();
    let file = furnish(directory.path());
    let credentials = |arguments: &[&str]| {
        let all = [
            &["credentials", arguments[0], "--config", &file],
            &arguments[1..],
        ]
        .concat();
        said(&run(PROGRAM, &all))
    };
    let (status, made) = credentials(&["new", "--consumer", "billing"]);
    assert_eq!(status, Some(0), "{made}");
    let words = |text: &str| {
        text.split_whitespace()
            .map(|word| word.trim_matches(['"', ',', '.']).to_owned())
            .collect::<Vec<_>>()
    };
    let id = words(&made)
        .into_iter()
        .find(|word| word.starts_with("CS") && word.len() == 20);
    let secret = words(&made).into_iter().find(|word| word.len() == 40);
    let (id, secret) = (id.unwrap(), secret.unwrap());
    let (status, list) = credentials(&["list"]);
    assert_eq!(status, Some(0));
    assert!(list.contains(&id) && list.contains(ID), "{list}");
    assert!(!list.contains(&secret), "{list}");
    assert_eq!(credentials(&["retire", &id]).0, Some(0));
    assert_eq!(
        credentials(&["retire", &id]).0,
        Some(1),
        "it is over already"
    );
    assert_eq!(credentials(&["retire", "CSNOBODY"]).0, Some(1));
    assert_eq!(credentials(&["new", "--consumer", "nobody"]).0, Some(1));
    let list = credentials(&["list"]).1;
    let line = list.lines().find(|line| line.contains(&id)).unwrap();
    assert!(!line.contains("live"), "{line}");
}

/// A demo as a user starts it, on ports of its own.
struct Demo {
    child: Child,
    /// What it printed until it was ready.
    guide: String,
}

fn demo(directory: &Path, listen: SocketAddr, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["demo", "--directory"])
        .arg(directory)
        .args([
            "--listen",
            &listen.to_string(),
            "--admin",
            &free_address().to_string(),
        ])
        .args(more);
    command
}

impl Demo {
    fn start(directory: &Path, more: &[&str]) -> Self {
        let mut child = demo(directory, free_address(), more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut guide = String::new();
        // The last of four commands ends the guide.
        while guide.matches("curl --cacert").count() < 4 {
            guide += &lines.next().expect("the guide").unwrap();
            guide.push('\n');
        }
        // The access log follows; nobody must wait for its reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, guide }
    }

    /// Each command of the guide with the answer that it promises.
    fn promises(&self) -> Vec<(String, String)> {
        let lines: Vec<&str> = self.guide.lines().collect();
        let command = |pair: &[&str]| {
            let promise = pair[0].strip_prefix("# ")?.rsplit_once(": ")?.1;
            pair[1]
                .contains("curl --cacert")
                .then(|| (pair[1].to_owned(), promise.to_owned()))
        };
        lines.windows(2).filter_map(command).collect()
    }

    fn interrupt(mut self) {
        let id = self.child.id().to_string();
        assert!(run("kill", &["-s", "INT", &id]).status.success());
        let status = wait_for("the end", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demo_keeps_its_promises_and_its_directory() {
    let directory = tempdir().unwrap();
    let home = directory.path().join("demo");
    let origin = free_address().to_string();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let demo = Demo::start(&home, &["--origin", &origin]);
        let promises = demo.promises();
        assert_eq!(promises.len(), 4, "{}", demo.guide);
        for (command, promise) in promises {
            let (status, answer) = said(&run("sh", &["-c", &command]));
            assert_eq!(status, Some(0), "{command}: {answer}");
            let mut words = promise.split(' ');
            let head = answer.lines().next().unwrap_or_default();
            let wanted = format!(" {}", words.next().unwrap());
            assert!(head.contains(&wanted), "{command}: {answer}");
            assert!(
                words.all(|code| answer.contains(code)),
                "{command}: {answer}"
            );
        }
        ids.push(
            demo.guide
                .split("--user ")
                .nth(1)
                .unwrap()
                .split(':')
                .next()
                .unwrap()
                .to_owned(),
        );
        demo.interrupt();
    }
    assert_eq!(ids[0], ids[1], "the directory is used again");
}

#[test]
fn the_demo_stands_before_a_real_nginx() {
    let directory = tempdir().unwrap();
    let nginx = Nginx::start(directory.path());
    let upstream = format!("http://{}", nginx.address);
    let demo = Demo::start(&directory.path().join("demo"), &["--upstream", &upstream]);
    let (command, _) = demo.promises().remove(2);
    let root = command.replace("child/random.txt", "");
    let (_, answer) = said(&run("sh", &["-c", &root]));
    assert!(answer.contains(INDEX), "{answer}");
    demo.interrupt();
}

#[test]
fn a_taken_port_names_the_flag_that_helps() {
    let directory = tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    let text_of = taken.to_string();
    let home = directory.path().join("demo");
    let other = free_address();
    for (flag, mut command) in [
        ("--listen", demo(&home, taken, &[])),
        ("--origin", demo(&home, other, &["--origin", &text_of])),
    ] {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let status = wait_for("the end", || child.try_wait().unwrap());
        let mut all = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut all)
            .unwrap();
        assert_eq!(status.code(), Some(1), "{all}");
        assert!(
            all.contains(flag) && all.contains(&text_of),
            "{flag}: {all}"
        );
    }
}
