//! A gateway with something of everything, and callers of every kind, good and bad.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use countersign::clock::UtcTime;
use tempfile::{TempDir, tempdir};

use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, ID, PROGRAM, REGION, SECRET, SERVICE};
use crate::harness::lambda::{AWS, integration};
use crate::harness::nginx::{Nginx, free_address};
use crate::harness::openssl_ca::OpensslCa;
use crate::harness::pki::{Authority, write_private};
use crate::harness::run;
use crate::harness::scripted_lambda::{say, serve, whole};
use crate::harness::signed::Signed;

pub struct Stage {
    pub gateway: Gateway,
    pub config: String,
    _nginx: Nginx,
    directory: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let directory = tempdir().unwrap();
        let home = directory.path();
        Authority::new(home, "ca").server("server", &["localhost"]);
        let clients = OpensslCa::new(&home.join("clients"));
        clients.issue("good", "caller");
        clients.issue("bad", "caller");
        clients.revoke("bad");
        clients.publish();
        let upstream = home.join("upstream").display().to_string();
        let made = run(
            PROGRAM,
            &["certificates", "new-client", "--directory", &upstream],
        );
        assert!(made.status.success());
        let soon = UtcTime::from_unix(UtcTime::now().unix() + 30 * 86_400);
        let store =
            format!("[[credential]]\nid = \"{ID}\"\nsecret = \"{SECRET}\"\nnot_after = {soon}\n");
        write_private(&home.join("credentials.toml"), &store);
        let nginx = Nginx::start(home);
        let config = config(home, &nginx);
        let gateway = Gateway::start_in(home, &config, &AWS);
        Self {
            gateway,
            config,
            _nginx: nginx,
            directory,
        }
    }

    /// Calls as long as nobody says that it is enough, and a few times in any case.
    pub fn load(&self) -> Load {
        let callers = Callers {
            home: self.directory.path().to_owned(),
            public: self.gateway.address("public"),
            plain: self.gateway.address("plain"),
            narrow: self.gateway.address("narrow"),
        };
        let enough = Arc::new(AtomicBool::new(false));
        let is_enough = enough.clone();
        let thread = std::thread::spawn(move || {
            let mut rounds = 0;
            while rounds < ROUNDS || !is_enough.load(Ordering::Relaxed) {
                callers.call(rounds);
                rounds += 1;
            }
            rounds * CALLS
        });
        Load { enough, thread }
    }
}

/// What runs until it is enough.
pub struct Load {
    enough: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Load {
    /// Ends it; answers how many requests of each kind were sent.
    pub fn end(self) -> usize {
        self.enough.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

const ROUNDS: usize = 10;
/// Of each kind in a round.
const CALLS: usize = 20;

struct Callers {
    home: std::path::PathBuf,
    public: std::net::SocketAddr,
    plain: std::net::SocketAddr,
    narrow: std::net::SocketAddr,
}

impl Callers {
    fn call(&self, round: usize) {
        let good = tls(&self.home, Some("clients/good"));
        let mut client = Client::tls(self.public, &good, "localhost").unwrap();
        for at in 0..CALLS {
            let signed = Signed::get(&format!("/child/random.txt?{round}.{at}"));
            let request = signed.head();
            assert_eq!(client.try_ask(&request).unwrap().status, 200);
            // The same again is a replay, and under another name a forgery.
            assert_eq!(client.try_ask(&request).unwrap().status, 403);
            let forged = String::from_utf8(request).unwrap();
            let forged = forged.replacen('?', "?x", 1);
            assert_eq!(client.ask(&forged).status, 403);
        }
        let mut client = Client::plain(self.plain);
        for (path, status) in [
            ("/open", 200),
            ("/function/x", 200),
            ("/asked/x", 200),
            ("/dead", 502),
            ("/nowhere", 404),
        ] {
            for _ in 0..CALLS {
                let answer = client.get("localhost", path);
                assert_eq!(answer.status, status, "{path}");
                if answer.closes() {
                    client = Client::plain(self.plain);
                }
            }
        }
        self.call_in_vain();
    }

    /// A certificate that is revoked, and a connection too many.
    fn call_in_vain(&self) {
        let bad = tls(&self.home, Some("clients/bad"));
        let ask = b"GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let told = Client::tls(self.public, &bad, "localhost");
        assert!(told.and_then(|mut client| client.try_ask(ask)).is_err());
        let mut first = Client::plain(self.narrow);
        // The gateway may not have noticed yet that the one of the last round has left.
        let _ = first.try_ask(ask);
        assert!(Client::plain(self.narrow).try_ask(ask).is_err());
    }
}

fn config(home: &Path, nginx: &Nginx) -> String {
    let lambda = serve(|function, stream| {
        let answer = match function {
            "asked" => r#"{"isAuthorized": true}"#,
            _ => r#"{"statusCode": 200, "body": "hello"}"#,
        };
        say(stream, whole(answer));
    });
    let function = integration("function", "hello", lambda, "payload_format = \"2.0\"");
    let route = |name: &str, path: &str, policy: &str, integration: &str| {
        format!(
            "[[route]]\nname = \"{name}\"\npath = \"{path}\"\nmethod = \"GET\"\npolicy = \"{policy}\"\nintegration = \"{integration}\"\n"
        )
    };
    let routes = [
        route("child", "/child/{proxy+}", "partner", "nginx"),
        route("open", "/open", "open", "ok"),
        route("function", "/function/{proxy+}", "open", "function"),
        route("asked", "/asked/{proxy+}", "asked", "ok"),
        route("dead", "/dead", "open", "dead"),
    ];
    format!(
        r#"
[[trust_store]]
name = "clients"
authorities = ["clients/ca.pem"]
revocation = {{ crls = ["clients/list.pem"], refresh_secs = 1 }}
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "server.pem", private_key = "server.key" }}]
client_certificate = {{ mode = "optional", trust_store = "clients" }}
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[listener]]
name = "narrow"
address = "127.0.0.1:0"
max_connections_per_address = 1
[[consumer]]
name = "billing"
certificate = {{ san_uri = "spiffe://example.org/billing" }}
credentials = ["{ID}"]
[[authorizer]]
name = "asked"
type = "request"
payload_format = "2.0"
simple_responses = true
identity_sources = ["$request.header.Host"]
cache_ttl_secs = 0
function = "asked"
region = "us-east-1"
endpoint = "http://{lambda}"
[[policy]]
name = "partner"
all_of = ["certificate", "signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}", refuse_replays = true }}
[[policy]]
name = "asked"
all_of = ["authorizer"]
authorizer = "asked"
{routes}{function}
[[integration]]
name = "ok"
type = "mock"
[[integration]]
name = "nginx"
type = "http_proxy"
targets = ["{nginx}"]
[[integration]]
name = "dead"
type = "http_proxy"
targets = ["{dead}"]
tls = {{ ca = ["ca.pem"], server_name = "origin.internal", certificate = {{ chain = "{upstream}/client.pem", private_key = "{upstream}/client.key" }} }}
"#,
        routes = routes.concat(),
        nginx = nginx.address,
        dead = free_address(),
        upstream = home.join("upstream").display(),
    )
}
