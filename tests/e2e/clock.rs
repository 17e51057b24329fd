//! The kernel's word on its clock: what is refused without it, what is not, and what is told of it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::{Gateway, HOOK_ID, HOOK_SECRET, ID, REGION, SECRET, SERVICE};
use crate::harness::signed::Signed;
use crate::harness::{python, run, text, wait_for};

fn config(required: bool) -> String {
    format!(
        r#"
[gateway]
credential_store = "credentials.toml"
access_log = "access.log"
threads = 2
require_synchronized_clock = {required}
[admin]
address = "127.0.0.1:0"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
credentials = ["{ID}", "{HOOK_ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}" }}
[[policy]]
name = "hook"
all_of = ["signature"]
signature = {{ schemes = ["hmac"], hmac = {{ credentials = ["{HOOK_ID}"], preset = "github" }} }}
[[route]]
path = "/signed"
method = "GET"
policy = "signed"
integration = "ok"
[[route]]
path = "/hook"
method = "GET"
policy = "hook"
integration = "ok"
[[route]]
path = "/open"
method = "GET"
policy = "open"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#
    )
}

/// What comes of a signature with a lifetime, of one without, and of an open route.
fn answers(gateway: &Gateway) -> [(u16, String); 3] {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, HOOK_SECRET.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, b"");
    let tag: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let hook = format!(
        "GET /hook HTTP/1.1\r\nHost: localhost\r\nX-Hub-Signature-256: sha256={tag}\r\n\r\n"
    );
    let signed = Signed::by(ID, SECRET, "GET", "/signed", &[], None, b"");
    let open = "GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let all = [signed.bytes(), hook.into_bytes(), open.into()];
    all.map(|request: Vec<u8>| {
        let mut client = Client::plain(gateway.address("plain"));
        let answer = client.try_ask(&request).unwrap();
        (answer.status, answer.code())
    })
}

fn clock(gateway: &Gateway) -> Value {
    let status: Value = serde_json::from_str(&gateway.admin("/status.json").1).unwrap();
    status["clock"].clone()
}

/// What the gateway says and does when its clock is as `is_right` says and has to be.
fn is_as_it_should_be(gateway: &Gateway, is_right: bool) {
    let good = (200, String::new());
    let refused = (503, "clock_unsynchronized".to_owned());
    let signed = if is_right { good.clone() } else { refused };
    assert_eq!(answers(gateway), [signed, good.clone(), good]);
    let number = f64::from(u8::from(is_right));
    assert_eq!(gateway.metric("countersign_clock_synchronized", ""), number);
    assert_eq!(gateway.metric("countersign_ready ", ""), number);
    assert_eq!(clock(gateway)["synchronized"], is_right);
    assert_eq!(clock(gateway)["required"], true);
    let (status, body) = gateway.admin("/readyz");
    match is_right {
        true => assert_eq!(status, 200),
        false => assert_eq!((status, &*body), (503, "the clock is not synchronized\n")),
    }
}

/// Compiles what stands before the kernel.
fn shim(directory: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/clock_shim.c");
    let shim = directory.join("clock_shim.so");
    let (source, out) = (source.display().to_string(), shim.display().to_string());
    let made = run(
        "cc",
        &["-shared", "-fPIC", "-Wall", "-Werror", "-o", &out, &source],
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    shim
}

#[test]
fn a_signature_with_a_lifetime_is_refused_while_the_clock_may_be_wrong() {
    let directory = tempdir().unwrap();
    let (shim, error) = (shim(directory.path()), directory.path().join("error"));
    let say = |micros: &str| {
        // At once: what is half written would be a refusal.
        fs::write(directory.path().join("draft"), micros).unwrap();
        fs::rename(directory.path().join("draft"), &error).unwrap();
    };
    say("16000000");
    let environment = [
        ("LD_PRELOAD", shim.to_str().unwrap()),
        ("CLOCK_ERROR", error.to_str().unwrap()),
    ];
    let gateway = Gateway::start_in(directory.path(), &config(true), &environment);
    is_as_it_should_be(&gateway, false);
    assert_eq!(gateway.metric("countersign_clock_error_seconds", ""), 16.0);
    let page = gateway.admin("/status").1;
    assert!(
        page.contains("not ready: the clock") && page.contains("signatures are refused"),
        "{page}"
    );
    let warned = |line: &String| line.contains("does not call its clock synchronized");
    assert!(gateway.said().iter().any(warned), "{:?}", gateway.said());

    // Somebody keeps it right by now: no restart is needed.
    say("2500");
    wait_for("readiness", || {
        (gateway.admin("/readyz").0 == 200).then_some(())
    });
    is_as_it_should_be(&gateway, true);
    assert_eq!(
        gateway.metric("countersign_clock_error_seconds", ""),
        0.0025
    );
    let page = gateway.admin("/status").1;
    assert!(page.contains("synchronized, at most 2 ms wrong"), "{page}");

    // A kernel that does not say is not believed to be right.
    say("-1");
    wait_for("unreadiness", || {
        (gateway.admin("/readyz").0 == 503).then_some(())
    });
    is_as_it_should_be(&gateway, false);
    assert!(
        gateway
            .metrics()
            .contains("countersign_clock_error_seconds NaN")
    );
    assert!(clock(&gateway)["max_error_ms"].is_null());

    // Where nobody asks for it, nothing is refused, and all is told.
    assert!(gateway.reload(&config(false)));
    let all = answers(&gateway).map(|(status, _)| status);
    assert_eq!(all, [200, 200, 200]);
    assert_eq!(gateway.admin("/readyz").0, 200);
    assert_eq!(gateway.metric("countersign_clock_synchronized", ""), 0.0);
}

/// What Python hears from the same kernel: the maximum error, in microseconds; negative when it
/// does not say.
const ASK: &str = "
import ctypes
class Timex(ctypes.Structure):
    _fields_ = [('modes', ctypes.c_uint)] + [(n, ctypes.c_long) for n in ('offset', 'freq', 'maxerror')] + [('rest', ctypes.c_byte * 512)]
answer = Timex()
print(answer.maxerror if ctypes.CDLL(None).adjtimex(ctypes.byref(answer)) >= 0 else -1)
";

#[test]
fn the_gateway_says_of_the_clock_what_this_machines_kernel_says() {
    let ask = || {
        let said = text(&run(python(), &["-c", ASK]).stdout);
        said.trim().parse::<i64>().unwrap()
    };
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config(true));
    let before = ask();
    let is_right = (0..16_000_000).contains(&before);
    is_as_it_should_be(&gateway, is_right);
    let told = clock(&gateway)["max_error_ms"].as_f64();
    // It grows by half a millisecond a second, and is small again when a daemon has looked.
    match told {
        Some(told) => assert!(
            before >= 0 && (0.0..=16_000.0).contains(&told),
            "{told} {before}"
        ),
        None => assert!(before < 0, "{before}"),
    }
}
