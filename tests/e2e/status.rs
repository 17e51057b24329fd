//! The status page on the admin listener: what it tells, in what order, and that nothing in it is a
//! caller's word.

use rcgen::DnType;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::nginx::Nginx;
use crate::harness::pki::Authority;
use crate::harness::wait_for;

/// The name of an authority that would like to be more.
const EVIL: &str = "<script>alert('&')</script>";

struct Stage {
    directory: TempDir,
    nginx: Nginx,
    gateway: Gateway,
}

impl Stage {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let authority = Authority::with(directory.path(), "ca", |params| {
            params.distinguished_name.push(DnType::CommonName, EVIL);
            params.not_after = rcgen::date_time_ymd(2300, 1, 1);
        });
        authority.server("server", &["localhost"]);
        authority.client("billing", "spiffe://test/billing");
        let soon = Authority::with(directory.path(), "soon", |params| {
            let in_nine_days = std::time::Duration::from_secs(9 * 86_400 + 60);
            params.not_after = (std::time::SystemTime::now() + in_nine_days).into();
        });
        drop(soon);
        let nginx = Nginx::start(directory.path());
        let gateway = Gateway::start(directory.path(), &config(&nginx));
        Self {
            directory,
            nginx,
            gateway,
        }
    }

    fn client(&self) -> Client {
        let config = tls(self.directory.path(), Some("billing"));
        Client::tls(self.gateway.address("public"), &config, "localhost").unwrap()
    }

    fn status(&self) -> Value {
        let (status, body) = self.gateway.admin("/status.json");
        assert_eq!(status, 200);
        serde_json::from_str(&body).expect("JSON")
    }
}

fn config(nginx: &Nginx) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust = ["ca.pem", "soon.pem"] }}
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://test/billing" }}
[[policy]]
name = "partner"
all_of = ["certificate"]
[[route]]
name = "child"
path = "/child/{{proxy+}}"
method = "GET"
policy = "partner"
integration = "nginx"
[[route]]
name = "made-up"
path = "/made-up"
method = "ANY"
policy = "open"
integration = "ok"
[[integration]]
name = "nginx"
type = "http_proxy"
targets = ["{}"]
[[integration]]
name = "ok"
type = "mock"
"#,
        nginx.address
    )
}

#[test]
fn the_status_tells_what_is_configured_and_what_was_counted() {
    let stage = Stage::new();
    let mut client = stage.client();
    for _ in 0..3 {
        assert_eq!(client.get("localhost", "/child/random.txt").status, 200);
    }
    assert_eq!(client.get("localhost", "/nowhere").status, 404);
    // A request is counted when it has ended, which the caller may see first.
    let status = wait_for("the last request", || {
        let status = stage.status();
        let refused = status["refusals"].as_array().expect("refusals").len();
        (refused == 1).then_some(status)
    });
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["ready"], true);
    assert_eq!(status["configuration"]["version"], 1);
    assert_eq!(status["configuration"]["last_reload"], Value::Null);
    let listener = &status["listeners"][0];
    assert_eq!(
        (&listener["name"], &listener["client_certificate"]),
        (&"public".into(), &"optional".into())
    );
    assert_eq!(listener["connections"], 1);
    let route = &status["routes"][0];
    for (key, value) in [
        ("path", "/child/{proxy+}"),
        ("policy", "partner"),
        ("integration", "nginx"),
    ] {
        assert_eq!(route[key], value);
    }
    assert_eq!(
        (&route["requests"], &route["refused"]),
        (&3.into(), &0.into())
    );
    let upstream = &status["integrations"][0];
    assert_eq!(upstream["targets"][0], stage.nginx.address.to_string());
    assert_eq!(upstream["latency"]["answers"], 3);
    let [p50, p99] = ["p50_ms", "p99_ms"].map(|key| upstream["latency"][key].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99, "{p50} {p99}");
    let refusal = &status["refusals"][0];
    assert_eq!(
        (&refusal["code"], &refusal["count"]),
        (&"route_not_found".into(), &1.into())
    );
    let meaning = refusal["meaning"].as_str().unwrap();
    assert!(meaning.starts_with("No route has this path."), "{meaning}");
}

#[test]
fn what_ends_first_is_first() {
    let stage = Stage::new();
    let status = stage.status();
    let ends = status["ends"].as_array().unwrap();
    let first = &ends[0];
    assert_eq!(
        (&first["kind"], &first["days_left"], &first["is_urgent"]),
        (&"trusted certificate".into(), &9.into(), &true.into())
    );
    let days: Vec<_> = ends.iter().map(|end| end["days_left"].as_i64()).collect();
    assert!(days.is_sorted(), "{days:?}");
    let kinds: Vec<_> = ends.iter().map(|end| &end["kind"]).collect();
    assert!(
        kinds.contains(&&"listener's certificate".into()),
        "{kinds:?}"
    );
}

#[test]
fn the_page_is_whole_in_itself_and_every_word_in_it_is_escaped() {
    let stage = Stage::new();
    // Nothing of what a caller says may come back on the page.
    for request in [
        "GET /marker<script>?marker HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "MARKER /marker HTTP/1.1\r\nHost: marker\r\nMarker: marker\r\n\r\n",
    ] {
        let answer = stage.client().ask(request);
        assert!(answer.status >= 400, "{}", answer.status);
    }
    let mut admin = Client::plain(stage.gateway.admin_address());
    let answer = admin.get("admin", "/status");
    assert_eq!(answer.status, 200);
    let head = answer.head.to_ascii_lowercase();
    for field in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'none'; style-src 'unsafe-inline'",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(field), "{head}");
    }
    let page = String::from_utf8(answer.body).expect("UTF-8");
    assert!(
        page.contains(r"&lt;script\&gt;alert(&#39;&amp;&#39;)"),
        "{page}"
    );
    for never in ["<script", "src=", "http://", "https://", "url("] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(!page.to_ascii_lowercase().contains("marker"), "{page}");
    for shown in ["Certificates and keys", "/child/{proxy+}", "nginx", "ready"] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn a_reload_is_told_however_it_ends() {
    let stage = Stage::new();
    let told = || {
        let status = stage.status();
        let result = status["configuration"]["last_reload"]["result"].clone();
        (result, status["configuration"]["version"].clone())
    };
    let gauge = || {
        let name = "countersign_config_last_reload_successful";
        stage.gateway.metric(name, "")
    };
    assert!(!stage.gateway.reload("nonsense = 1\n"));
    assert_eq!(told(), ("failed".into(), 1.into()));
    let page = stage.gateway.admin("/status").1;
    assert!(page.contains("failed</b>"), "{page}");
    assert_eq!(gauge(), 0.0);
    assert!(stage.gateway.reload(&config(&stage.nginx)));
    assert_eq!(told(), ("published".into(), 2.into()));
    assert_eq!(gauge(), 1.0);
}

#[test]
fn only_the_admin_listener_has_the_status() {
    let stage = Stage::new();
    for path in ["/status", "/status.json"] {
        assert_eq!(stage.client().get("localhost", path).status, 404);
        let post = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let mut admin = Client::plain(stage.gateway.admin_address());
        assert_eq!(admin.ask(&post).status, 405);
    }
}
