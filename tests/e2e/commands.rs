//! The commands as a user types them: what they say, and their exit codes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::tempdir;

use crate::harness::gateway::{Gateway, ID, PROGRAM, write_config, write_store};
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

const SIGNED: &str = r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{ chain = "server.pem", private_key = "server.key" }]
[[consumer]]
name = "billing"
credentials = ["CSTESTBILLING"]
[[policy]]
name = "both"
all_of = ["signature"]
signature = { schemes = ["sigv4", "sigv4a"], service = "execute-api", region = "us-west-2", max_expires_secs = 60 }
[[policy]]
name = "bucket"
all_of = ["signature"]
signature = { schemes = ["sigv4a"], profile = "s3", service = "s3", region = "us-west-2", unsigned_payload = true, max_expires_secs = 60 }
[[policy]]
name = "plain"
all_of = ["signature"]
signature = { schemes = ["sigv4"], service = "execute-api", region = "us-west-2" }
[[route]]
path = "/both/{proxy+}"
method = "ANY"
policy = "both"
integration = "ok"
[[route]]
path = "/bucket/{proxy+}"
method = "ANY"
policy = "bucket"
integration = "ok"
[[route]]
path = "/plain"
method = "ANY"
policy = "plain"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#;

#[test]
fn what_sign_prints_is_let_in_by_header_and_by_url_in_both_schemes() {
    let directory = tempdir().unwrap();
    furnish(directory.path());
    let gateway = Gateway::start(directory.path(), SIGNED);
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (config, ca, headers, body) = (
        path("gateway.toml"),
        path("ca.pem"),
        path("headers"),
        path("body"),
    );
    fs::write(&body, "hello").unwrap();
    let data = format!("@{body}");
    let signed = |method: &str, target: &str, options: &[&str]| {
        let url = gateway.url(target);
        let start = ["sign", "--config", &config, "--credential", ID];
        said(&run(
            PROGRAM,
            &[&start[..], options, &[method, &url]].concat(),
        ))
    };
    let curl = |method: &str, url: &str, more: &[&str]| {
        let start = ["-s", "--path-as-is", "--cacert", &ca, "-w", "%{http_code}"];
        let all = [&start[..], &["-X", method], more, &[url]].concat();
        said(&run("curl", &all)).1
    };
    let send = ["--data-binary", &*data, "-H", "Content-Type:"];
    for (method, target, options, token, more) in [
        ("GET", "/both/x?b=1&a=%20", &[][..], "HMAC", &[][..]),
        ("GET", "/both/x", &["--scheme", "sigv4"], "HMAC", &[]),
        ("GET", "/both/x", &["--scheme", "sigv4a"], "ECDSA", &[]),
        (
            "PUT",
            "/both/x",
            &["--scheme", "sigv4a", "--body", &body],
            "ECDSA",
            &send,
        ),
        ("GET", "/bucket/a%20b", &[], "ECDSA", &[]),
        ("PUT", "/bucket/x", &["--unsigned-payload"], "ECDSA", &send),
    ] {
        let what = format!("{method} {target} {options:?}");
        let (status, all) = signed(method, target, options);
        assert_eq!(status, Some(0), "{what}: {all}");
        assert!(all.contains(token), "{what}: {all}");
        fs::write(&headers, all).unwrap();
        let more = [more, &["--config", &headers]].concat();
        assert_eq!(curl(method, &gateway.url(target), &more), "200", "{what}");
        // For this method alone.
        assert_ne!(curl("DELETE", &gateway.url(target), &more), "200", "{what}");

        let url = [options, &["--presign", "60"]].concat();
        let (status, url) = signed(method, target, &url);
        assert_eq!(status, Some(0), "{what}: {url}");
        let url = url.trim();
        assert!(url.starts_with(&gateway.url(target)), "{what}: {url}");
        assert!(url.contains(token), "{what}: {url}");
        let more = if more.len() > 2 { &send[..] } else { &[] };
        assert_eq!(curl(method, url, more), "200", "{what}: {url}");
        let longer = url.replace("Expires=60", "Expires=59");
        assert_ne!(curl(method, &longer, more), "200", "{what}: {longer}");
    }
    for (target, options, words) in [
        ("/both/x", &["--presign", "61"][..], "60 seconds"),
        ("/both/x", &["--unsigned-payload"], "unsigned_payload"),
        ("/bucket/x", &["--scheme", "sigv4"], "scheme"),
        ("/plain", &["--scheme", "sigv4a"], "scheme"),
        ("/plain", &["--presign", "60"], "max_expires_secs"),
    ] {
        let (status, all) = signed("GET", target, options);
        assert_eq!(status, Some(1), "{target} {options:?}: {all}");
        assert!(all.contains(words), "{target} {options:?}: {all}");
    }
    for options in [
        &["--presign", "0"][..],
        &["--presign", "604801"],
        &["--scheme", "sigv5"],
        &["--unsigned-payload", "--body", &body],
    ] {
        assert_eq!(signed("GET", "/both/x", options).0, Some(2), "{options:?}");
    }
    let (_, told) = said(&run(
        PROGRAM,
        &[
            "routes",
            "explain",
            "--config",
            &config,
            "GET",
            &gateway.url("/both/x"),
        ],
    ));
    assert!(told.contains("a SigV4 or SigV4a signature"), "{told}");
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
