//! Two trust stores of one listener: an authority of one cannot issue certificates of the other's
//! consumers, where rules say which store must have vouched.

use tempfile::tempdir;

use crate::harness::client::{Client, tls};
use crate::harness::gateway::Gateway;
use crate::harness::pki::Authority;

const URI: &str = "spiffe://test/billing";

fn config(rule: &str) -> String {
    format!(
        r#"
[[trust_store]]
name = "ours"
authorities = ["ca.pem"]
[[trust_store]]
name = "partners"
authorities = ["partner.pem"]
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust_store = "ours" }}
[[listener.host]]
name = "partners.test"
client_certificate = {{ mode = "required", trust_store = "partners" }}
[[listener]]
name = "ours"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "required", trust = ["partner.pem"] }}
[[consumer]]
name = "billing"
certificate = {{ {rule} }}
[[policy]]
name = "certified"
all_of = ["certificate"]
[[route]]
path = "/certified"
method = "GET"
policy = "certified"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#
    )
}

#[test]
fn an_authority_of_one_store_issues_nobody_of_another() {
    let directory = tempdir().unwrap();
    let ca = Authority::new(directory.path(), "ca");
    ca.server("server", &["localhost", "partners.test"]);
    ca.client("billing", URI);
    Authority::new(directory.path(), "partner").client("pretender", URI);
    let named = format!("san_uri = \"{URI}\"");
    let vouched = format!("trust_store = \"ours\", {named}");
    let gateway = Gateway::start(directory.path(), &config(&named));
    let asks = |listener: &str, name: &str, host: &str| {
        let config = tls(directory.path(), Some(name));
        let mut client = Client::tls(gateway.address(listener), &config, host).unwrap();
        let answer = client.get(host, "/certified");
        (answer.status, answer.code())
    };
    let ok = (200, String::new());
    let unknown = (403, "certificate_unknown".to_owned());
    // The name alone says nothing of who has written it.
    assert_eq!(asks("public", "billing", "localhost"), ok);
    assert_eq!(asks("public", "pretender", "partners.test"), ok);
    assert!(gateway.reload(&config(&vouched)));
    assert_eq!(asks("public", "billing", "localhost"), ok);
    assert_eq!(asks("public", "pretender", "partners.test"), unknown);
    // A store that is written into a listener is not the one that bears the listener's name.
    assert_eq!(asks("ours", "pretender", "localhost"), unknown);
}
