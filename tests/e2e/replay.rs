//! The replay memory of gateways that are siblings, in a real Valkey or Redis.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign::clock::UtcTime;
use countersign::config::Config;
use countersign::digest::sha256;
use countersign::replay::{Answer, Entry, ReplayMemory};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::harness::pki::Authority;
use super::harness::store::{StoreServer, cluster, cluster_of_one};
use super::harness::wait_for;

/// An answer that has not come by then never will: no bound on how fast one is.
const HANGS: Duration = Duration::from_secs(20);

/// The rest of a configuration.
const AROUND: &str = "
[[listener]]
name = \"main\"
address = \"127.0.0.1:0\"
[[integration]]
name = \"hello\"
type = \"mock\"
[[route]]
path = \"/\"
method = \"GET\"
policy = \"open\"
integration = \"hello\"
";

/// A gateway's memory and the threads that ask it.
struct Sibling {
    memory: Arc<ReplayMemory>,
    runtime: Runtime,
}

impl Sibling {
    /// One that is configured with `keys` of `[replay_memory]`.
    fn new(directory: &Path, keys: &str) -> Self {
        Self::after(directory, keys, None)
    }

    /// The same after a reload.
    fn after(directory: &Path, keys: &str, previous: Option<&ReplayMemory>) -> Self {
        countersign::tls::install_crypto();
        let file = directory.join("replay.toml");
        fs::write(&file, format!("[replay_memory]\n{keys}\n{AROUND}")).unwrap();
        let config = Config::load(&file).unwrap();
        let memory = ReplayMemory::open(&config.replay_memory, &file, previous).unwrap();
        Self {
            memory: Arc::new(memory),
            runtime: Runtime::new().unwrap(),
        }
    }

    fn ask(&self, entry: &Entry) -> Answer {
        let asked = self.memory.remember(*entry, UtcTime::now());
        let known = self.runtime.block_on(async { timeout(HANGS, asked).await });
        let known = known.expect("an answer, whatever the store does");
        known.answer_for(entry).unwrap()
    }

    fn is_ready(&self) -> bool {
        self.runtime.block_on(self.memory.is_ready())
    }

    /// Asks about new signatures until one is fresh.
    fn recovers(&self) {
        wait_for("recovery", || {
            (self.ask(&fresh()) == Answer::Fresh).then_some(())
        });
    }
}

fn entry(word: &str) -> Entry {
    let until = UtcTime::now().unix() + 300;
    Entry::new(sha256(word.as_bytes()), UtcTime::from_unix(until))
}

/// An entry that no one has asked about.
fn fresh() -> Entry {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    entry(&NEXT.fetch_add(1, Ordering::Relaxed).to_string())
}

fn plain(server: &StoreServer, more: &str) -> String {
    let port = server.port;
    format!("servers = [\"redis://127.0.0.1:{port}\"]\n{more}")
}

/// Time enough for a machine that does other things too.
const PATIENT: &str = "timeout_ms = 5000";

#[test]
fn of_two_siblings_one_finds_a_signature_fresh() {
    let directory = tempfile::tempdir().unwrap();
    let server = StoreServer::start(directory.path(), &[]);
    let sibling = || Sibling::new(directory.path(), &plain(&server, PATIENT));
    let (left, right) = (sibling(), sibling());
    let one = entry("one");
    assert!(left.memory.remember_at_once(&one, UtcTime::now()).is_none());
    assert_eq!(left.ask(&one), Answer::Fresh);
    assert_eq!(right.ask(&one), Answer::Replayed);
    assert_eq!(left.ask(&one), Answer::Replayed);
    assert_eq!(right.ask(&entry("two")), Answer::Fresh);

    // At once, and all of a sibling's questions on its one connection.
    let entries: Vec<_> = (0..500).map(|_| fresh()).collect();
    let ask_all = |sibling: &Sibling| {
        let ask = |entry: &Entry| {
            let (memory, entry) = (sibling.memory.clone(), *entry);
            sibling.runtime.spawn(async move {
                let known = memory.remember(entry, UtcTime::now()).await;
                known.answer_for(&entry)
            })
        };
        entries.iter().map(ask).collect::<Vec<_>>()
    };
    let (lefts, rights) = (ask_all(&left), ask_all(&right));
    for (one, other) in lefts.into_iter().zip(rights) {
        let answers = [one, other].map(|one| left.runtime.block_on(one).unwrap().unwrap());
        let both = [
            [Answer::Fresh, Answer::Replayed],
            [Answer::Replayed, Answer::Fresh],
        ];
        assert!(both.contains(&answers), "{answers:?}");
    }
    let clients = server.ask(&["CLIENT", "LIST"]);
    let ours = clients.matches("lib-name=countersign").count();
    // Before 7.2 the server does not keep the library's name.
    assert!(ours == 2 || clients.lines().count() == 3, "{clients}");
    let counts = [left.memory.counts(), right.memory.counts()];
    assert_eq!(counts[0].replayed + counts[1].replayed, 502);
    assert!(counts.iter().all(|c| c.store_denied == 0 && c.entries == 0));
}

#[test]
fn the_store_holds_a_hash_and_for_as_long_as_it_must() {
    let directory = tempfile::tempdir().unwrap();
    let server = StoreServer::start(directory.path(), &[]);
    let more = format!("{PATIENT}\nkey_prefix = \"gw:\"");
    let sibling = Sibling::new(directory.path(), &plain(&server, &more));
    let now = UtcTime::now().unix();
    for (left, ttl) in [(300, 360), (0, 60), (-10, 60)] {
        let key = sha256(&[7]);
        let entry = Entry::new(key, UtcTime::from_unix(now + left));
        assert_eq!(sibling.ask(&entry), Answer::Fresh, "{left}");
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!("gw:{hex}");
        assert_eq!(server.keys(), [name.as_str()]);
        assert_eq!(server.ask(&["GET", &name]), "1");
        let millis: i64 = server.ask(&["PTTL", &name]).parse().unwrap();
        let want = (ttl - 20) * 1_000..=ttl * 1_000;
        assert!(want.contains(&millis), "{left}: {millis}");
        // What the server does when the time has come.
        server.ask(&["PEXPIRE", &name, "1"]);
        wait_for("expiry", || server.keys().is_empty().then_some(()));
    }
}

/// Kills the server while questions are asked, starts it again, and gives back the memory
/// after it has recovered. Every answer but the recovering ones must be one of `during`.
fn kill_under_load(on_store_down: &str, during: &[Answer]) -> Sibling {
    let directory = tempfile::tempdir().unwrap();
    let mut server = StoreServer::start(directory.path(), &[]);
    let more = format!("timeout_ms = 100\non_store_down = \"{on_store_down}\"");
    let sibling = Sibling::new(directory.path(), &plain(&server, &more));
    assert!(sibling.is_ready());
    let asked = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let loads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let answer = sibling.ask(&fresh());
                        assert!(during.contains(&answer), "{answer:?}");
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let more = |questions: u64| {
            let so_far = asked.load(Ordering::Relaxed);
            wait_for("questions", || {
                let failed = loads.iter().any(|load| load.is_finished());
                (failed || asked.load(Ordering::Relaxed) > so_far + questions).then_some(())
            });
        };
        more(500);
        server.kill();
        more(500);
        stop.store(true, Ordering::Relaxed);
    });
    let counts = sibling.memory.counts();
    assert!(
        counts.store_denied + counts.store_allowed > 400,
        "{counts:?}"
    );
    server.restart();
    let one = fresh();
    sibling.recovers();
    wait_for("an answer of the store", || {
        (sibling.ask(&one) == Answer::Replayed).then_some(())
    });
    sibling
}

#[test]
fn a_dead_store_denies_and_is_found_again() {
    let sibling = kill_under_load("deny", &[Answer::Fresh, Answer::StoreDown]);
    assert_eq!(sibling.memory.counts().store_allowed, 0);
}

#[test]
fn a_dead_store_allows_where_that_is_configured() {
    let sibling = kill_under_load("allow", &[Answer::Fresh]);
    assert_eq!(sibling.memory.counts().store_denied, 0);
}

#[test]
fn a_store_that_was_never_there_is_found_when_it_comes() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = StoreServer::start(directory.path(), &[]);
    server.kill();
    let sibling = Sibling::new(directory.path(), &plain(&server, PATIENT));
    assert!(!sibling.is_ready());
    assert_eq!(sibling.ask(&fresh()), Answer::StoreDown);
    server.restart();
    sibling.recovers();
    assert!(sibling.is_ready());
}

#[test]
fn a_store_that_falls_silent_is_left_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = StoreServer::start(directory.path(), &[]);
    let sibling = Sibling::new(directory.path(), &plain(&server, "timeout_ms = 100"));
    sibling.recovers();
    let before = server.ask(&["INFO", "stats"]);
    server.signal("STOP");
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(2_500) {
        assert_eq!(sibling.ask(&fresh()), Answer::StoreDown);
    }
    server.signal("CONT");
    sibling.recovers();
    let connections = |stats: &str| -> u64 {
        let line = stats
            .lines()
            .find_map(|line| line.trim_end().strip_prefix("total_connections_received:"));
        line.unwrap().parse().unwrap()
    };
    let made = connections(&server.ask(&["INFO", "stats"])) - connections(&before);
    assert!(made > 1, "the silent connection was kept");
}

#[test]
fn a_store_that_has_become_a_replica_is_down_until_it_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let server = StoreServer::start(directory.path(), &[]);
    let sibling = Sibling::new(directory.path(), &plain(&server, PATIENT));
    sibling.recovers();
    assert_eq!(server.ask(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
    assert_eq!(sibling.ask(&fresh()), Answer::StoreDown);
    assert_eq!(server.ask(&["REPLICAOF", "NO", "ONE"]), "OK");
    sibling.recovers();
}

#[test]
fn a_connection_that_was_closed_while_idle_costs_no_request() {
    let directory = tempfile::tempdir().unwrap();
    let server = StoreServer::start(directory.path(), &[]);
    let sibling = Sibling::new(directory.path(), &plain(&server, PATIENT));
    for _ in 0..3 {
        assert_eq!(sibling.ask(&fresh()), Answer::Fresh);
        server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        // Long enough for the news of it to come, which nothing shows from outside.
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(sibling.memory.counts().store_denied, 0);
}

fn write_password(directory: &Path, password: &str) {
    let file = directory.join("store.password");
    fs::write(&file, format!("{password}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_store_with_a_password_is_asked_by_who_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let server = StoreServer::start_with_password(here, "correct-horse");
    let keys = plain(
        &server,
        &format!("{PATIENT}\npassword_file = \"store.password\""),
    );
    let without = Sibling::new(here, &plain(&server, PATIENT));
    assert_eq!(without.ask(&fresh()), Answer::StoreDown);
    write_password(here, "wrong-horse");
    let wrong = Sibling::new(here, &keys);
    assert!(!wrong.is_ready());
    assert_eq!(wrong.ask(&fresh()), Answer::StoreDown);

    // A reload takes the new password and keeps the counts.
    write_password(here, "correct-horse");
    let right = Sibling::after(here, &keys, Some(&wrong.memory));
    assert_eq!(right.ask(&fresh()), Answer::Fresh);
    assert_eq!(right.memory.counts().store_denied, 1);
}

#[test]
fn a_user_of_the_store_needs_one_command_on_its_own_keys() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let server = StoreServer::start(here, &[]);
    let user = ["ACL", "SETUSER", "gate", "on", ">correct-horse"];
    let rights = ["~countersign:replay:*", "+set"];
    assert_eq!(server.ask(&[&user[..], &rights].concat()), "OK");
    write_password(here, "correct-horse");
    let login = format!("{PATIENT}\nuser = \"gate\"\npassword_file = \"store.password\"");
    let sibling = Sibling::new(here, &plain(&server, &login));
    let one = fresh();
    assert_eq!(sibling.ask(&one), Answer::Fresh);
    assert_eq!(sibling.ask(&one), Answer::Replayed);
    let login = format!("{login}\nkey_prefix = \"other:\"");
    let other = Sibling::new(here, &plain(&server, &login));
    assert_eq!(other.ask(&fresh()), Answer::StoreDown);
}

/// `ca.pem` vouches for `store.pem`, whose name is localhost; `other.pem` does not.
fn write_certificates(directory: &Path) {
    let ca = Authority::new(directory, "ca");
    ca.server("store", &["localhost", "127.0.0.1"]);
    ca.server("elsewhere", &["elsewhere.example"]);
    Authority::new(directory, "other");
}

fn tls(server: &StoreServer, ca: &str, more: &str) -> String {
    let port = server.port;
    format!("servers = [\"rediss://localhost:{port}\"]\nca = [\"{ca}.pem\"]\n{PATIENT}\n{more}")
}

#[test]
fn a_store_over_tls_is_believed_when_the_configured_authority_vouches_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    write_certificates(here);
    let server = StoreServer::start_tls(here, "store", &[]);
    let sibling = Sibling::new(here, &tls(&server, "ca", ""));
    let one = fresh();
    assert_eq!(sibling.ask(&one), Answer::Fresh);
    assert_eq!(sibling.ask(&one), Answer::Replayed);
    let wrong = Sibling::new(here, &tls(&server, "other", ""));
    assert_eq!(wrong.ask(&fresh()), Answer::StoreDown);
    let in_the_clear = Sibling::new(here, &plain(&server, PATIENT));
    assert_eq!(in_the_clear.ask(&fresh()), Answer::StoreDown);

    let elsewhere = StoreServer::start_tls(here, "elsewhere", &[]);
    let sibling = Sibling::new(here, &tls(&elsewhere, "ca", ""));
    assert_eq!(sibling.ask(&fresh()), Answer::StoreDown);
    assert!(elsewhere.keys().is_empty());
}

#[test]
fn a_cluster_remembers_on_all_its_nodes_and_survives_one() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let mut nodes = cluster(here);
    // Two of three are named; the third is found.
    let keys = format!(
        "servers = [\"redis://127.0.0.1:{}\", \"redis://127.0.0.1:{}\"]\ncluster = true\n{PATIENT}",
        nodes[0].port, nodes[1].port
    );
    let (left, right) = (Sibling::new(here, &keys), Sibling::new(here, &keys));
    for _ in 0..60 {
        let one = fresh();
        assert_eq!(left.ask(&one), Answer::Fresh);
        assert_eq!(right.ask(&one), Answer::Replayed);
    }
    let held: Vec<_> = nodes.iter().map(|node| node.keys().len()).collect();
    assert_eq!(held.iter().sum::<usize>(), 60);
    assert!(held.iter().all(|keys| *keys > 5), "{held:?}");

    let quick = Sibling::new(here, &keys.replace("5000", "300"));
    assert!(quick.is_ready());
    nodes[2].kill();
    let answers: Vec<_> = (0..30).map(|_| quick.ask(&fresh())).collect();
    let count = |what| answers.iter().filter(|answer| **answer == what).count();
    assert!(count(Answer::Fresh) > 5, "{answers:?}");
    assert!(count(Answer::StoreDown) > 0, "{answers:?}");
    assert_eq!(count(Answer::Fresh) + count(Answer::StoreDown), 30);
    nodes[2].restart();
    wait_for("thirty good answers", || {
        let good = |_| quick.ask(&fresh()) == Answer::Fresh;
        (0..30).all(good).then_some(())
    });
}

#[test]
fn a_whole_cluster_may_go_and_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    write_certificates(here);
    let mut node = cluster_of_one(here, "store");
    let keys = tls(&node, "ca", "cluster = true");
    let sibling = Sibling::new(here, &keys);
    let one = fresh();
    assert_eq!(sibling.ask(&one), Answer::Fresh);
    assert_eq!(sibling.ask(&one), Answer::Replayed);
    let wrong = Sibling::new(here, &keys.replace("ca.pem", "other.pem"));
    assert_eq!(wrong.ask(&fresh()), Answer::StoreDown);

    // A user needs one command more than with a server by itself.
    let user = ["ACL", "SETUSER", "gate", "on", ">correct-horse"];
    let rights = ["~countersign:replay:*", "+set", "+cluster|slots"];
    assert_eq!(node.ask(&[&user[..], &rights].concat()), "OK");
    write_password(here, "correct-horse");
    let login = format!("{keys}\nuser = \"gate\"\npassword_file = \"store.password\"");
    let with_user = Sibling::new(here, &login);
    assert_eq!(with_user.ask(&one), Answer::Replayed);
    assert_eq!(with_user.ask(&fresh()), Answer::Fresh);

    let quick = Sibling::new(here, &keys.replace("5000", "300"));
    assert!(quick.is_ready());
    node.kill();
    for _ in 0..10 {
        assert_eq!(quick.ask(&fresh()), Answer::StoreDown);
    }
    node.restart();
    quick.recovers();
}
