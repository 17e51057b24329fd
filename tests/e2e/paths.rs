//! P1 and P2: routing, signature and upstream see the same bytes of a path, or it is refused.

use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::Gateway;
use crate::harness::recorder::Recorder;

fn config(upstream: &Recorder) -> String {
    format!(
        r#"
[[listener]]
name = "public"
address = "127.0.0.1:0"
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "execute-api", region = "us-west-2" }}
[[route]]
path = "/admin"
method = "GET"
policy = "signed"
integration = "origin"
[[route]]
path = "/files/{{proxy+}}"
method = "GET"
policy = "open"
integration = "origin"
allow_path = ["encoded_slash", "empty_segment"]
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "open"
integration = "origin"
[[integration]]
name = "origin"
type = "http_proxy"
targets = ["{}"]
"#,
        upstream.address
    )
}

#[test]
fn p1_a_path_that_servers_read_differently_is_400() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    for path in [
        "/x/../admin",
        "/./admin",
        "//admin",
        "/x/%2e%2e/admin",
        "/%2e/admin",
        "/x%2fadmin",
        "/x%2Fadmin",
        "/x/..%2fadmin",
        "/x\\admin",
        "/x%5cadmin",
        "/admin%00",
        "/admin%zz",
        "/admin%2",
        "/files/../admin",
        "/files/%2e%2e/admin",
    ] {
        let answer = client.get("a", path);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "path_refused"),
            "{path}"
        );
    }
    assert_eq!(upstream.seen(), "");
}

#[test]
fn p1_a_guarded_literal_is_not_reached_through_an_open_greedy_sibling() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    for path in ["/admin", "/admin/", "/admin?x=1", "/%61dmin", "/admi%6E/"] {
        assert_eq!(client.get("a", path).status, 401, "{path}");
    }
    let answer = client.ask("POST /admin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(answer.status, 405);
    assert!(
        answer.head.to_ascii_lowercase().contains("allow: get\r\n"),
        "{}",
        answer.head
    );
    assert_eq!(upstream.seen(), "");
}

#[test]
fn p1_what_a_route_allows_by_name_reaches_the_upstream_byte_by_byte() {
    let directory = tempdir().unwrap();
    let upstream = Recorder::start();
    let gateway = Gateway::start(directory.path(), &config(&upstream));
    let mut client = Client::plain(gateway.address("public"));
    for path in [
        "/files/a%2Fb//c?q=%2f+&&z",
        "/files/A;x=1/%41",
        "/other/Mixed.Case./",
    ] {
        assert_eq!(client.get("a", path).status, 200, "{path}");
        assert!(
            upstream
                .seen()
                .contains(&format!("GET {path} HTTP/1.1\r\n")),
            "{}",
            upstream.seen()
        );
        upstream.forget();
    }
}
