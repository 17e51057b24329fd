//! A failed signature explained: by `countersign verify` for a recorded request, and in the log
//! for a consumer that asked for it. The caller never sees any of it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::{TempDir, tempdir};

use crate::harness::client::Client;
use crate::harness::gateway::{
    Gateway, ID, OTHER_ID, OTHER_SECRET, PROGRAM, REGION, SERVICE, write_config, write_store,
};
use crate::harness::signed::Signed;
use crate::harness::{python, run, text};

fn config() -> String {
    format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
credentials = ["{ID}"]
explain_refusals = true
[[consumer]]
name = "shipping"
credentials = ["{OTHER_ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}" }}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#
    )
}

fn furnish() -> TempDir {
    let directory = tempdir().unwrap();
    write_store(directory.path());
    write_config(directory.path(), &config());
    directory
}

/// What `verify` says, and whether the request would be served.
fn verify(directory: &Path, request: &[u8], theirs: Option<&str>) -> (bool, String) {
    let path = |name: &str| directory.join(name).display().to_string();
    fs::write(path("request"), request).unwrap();
    let (config, request) = (path("gateway.toml"), path("request"));
    let mut arguments = vec!["verify", "--config", &config, "--request", &request];
    let other = path("theirs");
    if let Some(theirs) = theirs {
        fs::write(&other, theirs).unwrap();
        arguments.extend(["--theirs", &other]);
    }
    let output = run(PROGRAM, &arguments);
    let all = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), all)
}

/// The canonical request that `verify` printed.
fn canonical_request(said: &str) -> String {
    let text = said.split("canonical request, as the gateway sees it:\n");
    let text = text.last().unwrap().split("\n\n").next().unwrap();
    // The empty line behind the headers is four blanks.
    let lines = text.lines().map(|line| line.strip_prefix("    ").unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_recorded_request_is_judged_and_its_texts_are_shown() {
    let directory = furnish();
    let request = Signed::post("/orders/a%20b?b=2&a=1", b"hello", None);
    let (served, said) = verify(directory.path(), &request.bytes(), None);
    assert!(served, "{said}");
    assert!(said.contains("served, as billing"), "{said}");
    let canonical = canonical_request(&said);
    assert!(canonical.starts_with("POST\n/orders/a%2520b\na=1&b=2\nhost:localhost\n"));
    assert!(said.contains("string to sign, as the gateway sees it:\n    AWS4-HMAC-SHA256\n"));

    let same = verify(directory.path(), &request.bytes(), Some(&canonical)).1;
    assert!(
        same.contains("The signer's canonical request is the same"),
        "{same}"
    );
    let theirs = canonical.replace("%2520", "%20");
    let (_, differs) = verify(directory.path(), &request.bytes(), Some(&theirs));
    assert!(
        differs.contains("first differs in line 2, path"),
        "{differs}"
    );
    assert!(
        differs.contains("encodes the path once, as for S3"),
        "{differs}"
    );
}

#[test]
fn a_request_that_would_be_refused_is_told_why() {
    let directory = furnish();
    let mut request = Signed::get("/orders");
    request.target = "/order".to_owned();
    let (served, said) = verify(directory.path(), &request.bytes(), None);
    assert!(!served && said.contains("403 signature_mismatch"), "{said}");
    assert!(said.contains("(the signature is wrong)"), "{said}");
    assert!(canonical_request(&said).starts_with("GET\n/order\n"));
    let iam = Signed::by("AKIDEXAMPLE", OTHER_SECRET, "GET", "/x", &[], None, b"");
    let iam = String::from_utf8(iam.bytes())
        .unwrap()
        .replace("AKIDEXAMPLE", "AKIAIOSFODNN7EXAMPLE");
    let (served, said) = verify(directory.path(), iam.as_bytes(), None);
    assert!(
        !served && said.contains("AWS never gives out its secret"),
        "{said}"
    );
    let (served, said) = verify(
        directory.path(),
        b"GET /x HTTP/1.1\nHost: localhost\n\n",
        None,
    );
    assert!(said.contains("401 signature_required"), "{said}");
    // Unsigned is no mistake of the signer's; it could still be signed.
    assert!(served, "{said}");
    let (served, said) = verify(directory.path(), b"GET /\n\n", None);
    assert!(!served && said.contains("malformed_request"), "{said}");
}

#[test]
fn a_request_is_read_from_standard_input_and_at_a_time() {
    let directory = furnish();
    let request = Signed::get("/x");
    let judge = |more: &[&str]| {
        let mut child = Command::new(PROGRAM)
            .args(["verify", "--request", "-", "--config"])
            .arg(directory.path().join("gateway.toml"))
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(&request.bytes())
            .unwrap();
        text(&child.wait_with_output().unwrap().stdout)
    };
    assert!(judge(&[]).contains("served, as billing"));
    let later = judge(&["--at", "2126-01-31T12:00:00Z"]);
    assert!(later.contains("signature_expired"), "{later}");
}

/// botocore tells its canonical request; ours must be the same, and a changed one must be found.
#[test]
fn the_canonical_request_of_botocore_compares() {
    let directory = furnish();
    let script = format!(
        r#"
import sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
request = AWSRequest('GET', 'http://localhost/a/c?z=1&y=x%20y')
auth = SigV4Auth(Credentials('{ID}', 'a-secret-that-only-the-tests-know'), '{SERVICE}', '{REGION}')
auth.add_auth(request)
signed = dict(request.headers.items())
del request.headers['Authorization']
theirs = auth.canonical_request(request)
head = 'GET /a/c?z=1&y=x%20y HTTP/1.1\r\nHost: localhost\r\n'
for name, value in signed.items():
    head += f'{{name}}: {{value}}\r\n'
sys.stdout.write(head + '\r\n' + '\x00' + theirs)
"#
    );
    let output = run(python(), &["-c", &script]);
    let all = text(&output.stdout);
    let (request, theirs) = all.split_once('\0').unwrap_or_else(|| panic!("{output:?}"));
    let (_, said) = verify(directory.path(), request.as_bytes(), Some(theirs));
    assert!(
        said.contains("The signer's canonical request is the same"),
        "{said}"
    );
    let unsorted = theirs.replace("y=x%20y&z=1", "z=1&y=x%20y");
    assert_ne!(unsorted, theirs);
    let (_, said) = verify(directory.path(), request.as_bytes(), Some(&unsorted));
    assert!(
        said.contains("first differs in line 3, query") && said.contains("not sorted"),
        "{said}"
    );
}

#[test]
fn a_consumers_refusals_are_explained_in_the_log_and_never_to_the_caller() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config());
    let send = |mut request: Signed| {
        request.target = request.target.replace("orders", "order");
        let mut client = Client::plain(gateway.address("plain"));
        let answer = client.try_ask(&request.bytes()).unwrap();
        assert_eq!(answer.status, 403);
        text(&answer.body)
    };
    let body = send(Signed::get("/orders/1"));
    assert!(
        !body.contains("canonical") && !body.contains("/order/1"),
        "{body}"
    );
    send(Signed::by(
        OTHER_ID,
        OTHER_SECRET,
        "GET",
        "/orders/2",
        &[],
        None,
        b"",
    ));
    let said = crate::harness::wait_for("an explanation", || {
        let said = gateway.said();
        let found = said
            .iter()
            .find(|line| line.contains("A signature was refused"));
        found.cloned()
    });
    assert!(said.contains("consumer=billing"), "{said}");
    assert!(
        said.contains(r"canonical request:\nGET\n/order/1\n"),
        "{said}"
    );
    let others = gateway.said().iter().any(|line| line.contains("/order/2"));
    assert!(!others, "only who asked for it is explained");
}

/// Ids are public: whoever knows one must not fill the log by it.
#[test]
fn explanations_keep_their_pace_in_a_flood() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config());
    let started = std::time::Instant::now();
    let forged = Signed::by(ID, OTHER_SECRET, "GET", "/orders/1", &[], None, b"");
    let mut client = Client::plain(gateway.address("plain"));
    for _ in 0..200 {
        assert_eq!(client.try_ask(&forged.bytes()).unwrap().status, 403);
    }
    let seconds = started.elapsed().as_secs() + 2;
    let count = || {
        let said = gateway.said();
        let lines = said.iter();
        lines
            .filter(|line| line.contains("A signature was refused"))
            .count() as u64
    };
    crate::harness::wait_for("an explanation", || (count() > 0).then_some(()));
    assert!(count() <= 10 * seconds, "{} in {seconds} s", count());
}
