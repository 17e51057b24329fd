//! A signature that comes a second time, at one gateway and at its siblings.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign::clock::UtcTime;
use countersign::config::HmacPreset;
use countersign::credential::Secret;
use countersign::signature::{HmacSigningRequest, sign_hmac};
use tempfile::tempdir;

use crate::harness::client::{Answer, Client};
use crate::harness::gateway::{Gateway, HOOK_ID, HOOK_SECRET, ID, OTHER_SECRET, REGION, SERVICE};
use crate::harness::recorder::Recorder;
use crate::harness::signed::{Signed, sha256};
use crate::harness::store::StoreServer;
use crate::harness::wait_for;

fn config(upstream: SocketAddr, memory: &str) -> String {
    let signature = format!(r#"schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}""#);
    let route = |name: &str| {
        format!(
            "[[route]]\npath = \"/{name}/{{proxy+}}\"\nmethod = \"ANY\"\npolicy = \"{name}\"\nintegration = \"recorder\"\n"
        )
    };
    format!(
        r#"
{memory}
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "once"
all_of = ["signature"]
signature = {{ {signature}, refuse_replays = true }}
[[policy]]
name = "often"
all_of = ["signature"]
signature = {{ {signature} }}
[[policy]]
name = "brief"
all_of = ["signature"]
signature = {{ {signature}, refuse_replays = true, max_skew_secs = 1 }}
{}{}{}
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{upstream}"]
"#,
        route("once"),
        route("often"),
        route("brief")
    )
}

fn send(gateway: &Gateway, request: &Signed) -> Answer {
    let mut client = Client::plain(gateway.address("plain"));
    client.try_ask(&request.bytes()).unwrap()
}

#[test]
fn s9_a_signature_passes_once_where_the_policy_says_so() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let config = config(upstream.address, "");
    let gateway = Gateway::start(directory.path(), &config);
    let once = Signed::get("/once/a");
    assert_eq!(send(&gateway, &once).status, 200);
    let again = send(&gateway, &once);
    assert_eq!(
        (again.status, again.code().as_str()),
        (403, "signature_replayed")
    );
    assert_eq!(
        gateway.metric("countersign_replay_memory_answers_total", "replayed"),
        1.0
    );
    assert_eq!(gateway.metric("countersign_replay_memory_entries", ""), 1.0);
    assert!(gateway.reload(&config));
    assert_eq!(
        send(&gateway, &once).status,
        403,
        "a reload forgets nothing"
    );
    // Another request is another signature, and another policy may take one often.
    assert_eq!(send(&gateway, &Signed::get("/once/b")).status, 200);
    let often = Signed::get("/often/a");
    for _ in 0..3 {
        assert_eq!(send(&gateway, &often).status, 200);
    }
}

#[test]
fn s9_only_what_was_right_in_every_way_is_remembered() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config(upstream.address, ""));
    let forged = Signed::by(ID, OTHER_SECRET, "GET", "/once/a", &[], None, b"");
    assert_eq!(send(&gateway, &forged).code(), "signature_mismatch");
    let body = b"the body that was signed";
    let right = Signed::post("/once/a", body, Some(&sha256(body)));
    let mut wrong = right.clone();
    wrong.body = b"the body that was forged".to_vec();
    assert_eq!(send(&gateway, &wrong).code(), "body_hash_mismatch");
    assert_eq!(gateway.metric("countersign_replay_memory_entries", ""), 0.0);
    assert_eq!(send(&gateway, &right).status, 200);
    assert_eq!(send(&gateway, &right).code(), "signature_replayed");
    // Without the hash in its head as well, and with a body that streams.
    let untold = Signed::post("/once/b", body, None);
    assert_eq!(send(&gateway, &untold).status, 200);
    assert_eq!(send(&gateway, &untold).code(), "signature_replayed");
    let large = vec![b'x'; 200_000];
    let streamed = Signed::post("/once/c", &large, Some(&sha256(&large)));
    assert_eq!(send(&gateway, &streamed).status, 200);
    assert_eq!(send(&gateway, &streamed).code(), "signature_replayed");
}

#[test]
fn s9_a_full_memory_refuses_and_forgets_nothing() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let memory = "[replay_memory]\nmax_entries = 2\n";
    let gateway = Gateway::start(directory.path(), &config(upstream.address, memory));
    let first = Signed::get("/once/1");
    assert_eq!(send(&gateway, &first).status, 200);
    assert_eq!(send(&gateway, &Signed::get("/once/2")).status, 200);
    let third = send(&gateway, &Signed::get("/once/3"));
    assert_eq!(
        (third.status, third.code().as_str()),
        (503, "replay_memory_unavailable")
    );
    assert_eq!(send(&gateway, &first).code(), "signature_replayed");
    assert_eq!(
        gateway.metric("countersign_replay_memory_answers_total", "full"),
        1.0
    );
}

/// The memory forgets a signature when it is no longer good; a body that comes after that must
/// not be judged by the time of its head.
#[test]
fn s9_a_body_that_is_held_back_does_not_outlast_the_memory() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config(upstream.address, ""));
    let once = Signed::post("/brief/a", b"pay", None);
    let mut slow = Client::plain(gateway.address("plain"));
    slow.send(&once.head()).unwrap();
    assert_eq!(send(&gateway, &once).status, 200);
    // Others make every part of the memory forget what is over.
    let over = Instant::now() + Duration::from_secs(3);
    let mut others = (0..).map(|n| format!("/brief/{n}"));
    let mut after = 0;
    while after < 200 {
        let other = Signed::get(&others.next().unwrap());
        assert_eq!(send(&gateway, &other).status, 200);
        after += usize::from(Instant::now() > over);
    }
    slow.send(&once.body).unwrap();
    let answer = slow.answer().unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "signature_expired")
    );
}

/// A text that holds no path is signed for every route of the sender's.
#[test]
fn s9_a_signature_used_on_one_route_is_used_on_a_route_that_takes_it_longer() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let route = |name: &str, secs: u32| {
        format!(
            r#"
[[policy]]
name = "{name}"
all_of = ["signature"]
[policy.signature]
schemes = ["hmac"]
refuse_replays = true
hmac = {{ preset = "stripe", credentials = ["{HOOK_ID}"], tolerance_secs = {secs} }}
[[route]]
path = "/{name}"
method = "POST"
policy = "{name}"
integration = "recorder"
"#
        )
    };
    let config = format!(
        r#"
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "hooks"
credentials = ["{HOOK_ID}"]
{}{}
[[integration]]
name = "recorder"
type = "http_proxy"
targets = ["{}"]
"#,
        route("short", 1),
        route("long", 60),
        upstream.address
    );
    let gateway = Gateway::start(directory.path(), &config);
    let hook = |target: &str, body: &[u8]| {
        let demand = HmacPreset::Stripe.demand(Vec::new());
        let signed = sign_hmac(&HmacSigningRequest {
            method: "POST",
            target,
            authority: "localhost",
            headers: &[],
            body,
            demand: &demand,
            id: HOOK_ID,
            secret: &Secret::new(HOOK_SECRET.to_owned()),
            now: UtcTime::now(),
        });
        let mut fields = vec![("host".to_owned(), "localhost".to_owned())];
        fields.extend(signed.unwrap());
        Signed {
            method: "POST",
            target: target.to_owned(),
            fields,
            body: body.to_owned(),
        }
    };
    let mut once = hook("/short", b"pay");
    assert_eq!(send(&gateway, &once).status, 200);
    let over = Instant::now() + Duration::from_secs(4);
    let mut others = (0..).map(|n| n.to_string());
    let mut after = 0;
    while after < 200 {
        let other = hook("/short", others.next().unwrap().as_bytes());
        assert_eq!(send(&gateway, &other).status, 200);
        after += usize::from(Instant::now() > over);
    }
    once.target = "/long".to_owned();
    assert_eq!(send(&gateway, &once).code(), "signature_replayed");
}

fn siblings(directory: &Path, upstream: &Recorder, memory: &str) -> [Gateway; 2] {
    ["left", "right"].map(|name| {
        let home = directory.join(name);
        std::fs::create_dir_all(&home).unwrap();
        Gateway::start(&home, &config(upstream.address, memory))
    })
}

fn shared(store: &StoreServer, on_down: &str) -> String {
    format!(
        "[replay_memory]\nservers = [\"redis://127.0.0.1:{}\"]\non_store_down = \"{on_down}\"\ntimeout_ms = 1000\n",
        store.port
    )
}

/// Each signature goes to both siblings at once, many times over: one of the two is served.
#[test]
fn s9_the_same_signature_through_two_gateways_is_refused_once() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let store = StoreServer::start(directory.path(), &[]);
    let gateways = siblings(directory.path(), &upstream, &shared(&store, "deny"));
    for round in 0..40 {
        let request = Signed::get(&format!("/once/{round}"));
        let served = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for gateway in &gateways {
                scope.spawn(|| {
                    let answer = send(gateway, &request);
                    match answer.status {
                        200 => drop(served.fetch_add(1, Ordering::Relaxed)),
                        _ => assert_eq!(answer.code(), "signature_replayed"),
                    }
                });
            }
        });
        assert_eq!(served.into_inner(), 1, "round {round}");
    }
}

#[test]
fn s9_a_store_that_is_killed_under_load_denies_or_allows_and_comes_back() {
    let upstream = Recorder::start();
    let directory = tempdir().unwrap();
    let mut store = StoreServer::start(directory.path(), &[]);
    let home = |name: &str| {
        let home = directory.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        home
    };
    let start = |name: &str| {
        Gateway::start(
            &home(name),
            &config(upstream.address, &shared(&store, name)),
        )
    };
    let (deny, allow) = (start("deny"), start("allow"));
    let ended = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    let fresh = || Signed::get(&format!("/once/{}", next.fetch_add(1, Ordering::Relaxed)));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            // The load never sees anything but an answer that was agreed.
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let answer = send(&deny, &fresh());
                    let code = answer.code();
                    assert!(
                        answer.status == 200 || code == "replay_memory_unavailable",
                        "{code}"
                    );
                    assert_eq!(send(&allow, &fresh()).status, 200);
                }
            });
        }
        let until = |gateway: &Gateway, status: u16| {
            wait_for("the store's state to show", || {
                (send(gateway, &fresh()).status == status).then_some(())
            });
        };
        until(&deny, 200);
        store.kill();
        until(&deny, 503);
        // What was allowed unseen was not remembered: that is what "allow" means.
        let twice = fresh();
        wait_for("allowing", || {
            let uncounted = allow.metric(
                "countersign_replay_memory_answers_total",
                "store_down_allowed",
            );
            (uncounted > 0.0).then_some(())
        });
        assert_eq!(
            [send(&allow, &twice).status, send(&allow, &twice).status],
            [200, 200]
        );
        store.restart();
        until(&deny, 200);
        ended.store(true, Ordering::Relaxed);
    });
    let denied = deny.metric(
        "countersign_replay_memory_answers_total",
        "store_down_denied",
    );
    assert!(denied > 0.0);
    let twice = fresh();
    wait_for("remembering", || {
        let again = fresh();
        send(&allow, &again);
        (send(&allow, &again).status == 403).then_some(())
    });
    assert_eq!(send(&deny, &twice).status, 200);
    assert_eq!(send(&allow, &twice).code(), "signature_replayed");
}
