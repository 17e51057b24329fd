//! `[replay_memory]`: where it is remembered that a signature has been used: in the process,
//! or in a Valkey or Redis that sibling gateways share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::integration::parse_target;
use crate::document::{Placed, Table};

/// How used signatures are remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayMemory {
    /// The most that are remembered at once in the process; at least 1. A store has bounds of
    /// its own.
    pub max_entries: usize,
    /// The store that siblings share; `None` to remember in the process.
    pub store: Option<ReplayStore>,
}

/// A Valkey or Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayStore {
    /// At least one; more than one only of a cluster.
    pub servers: Vec<StoreServer>,
    /// PEM bundles of the authorities that vouch for the servers; `None` for plaintext.
    pub ca: Option<Vec<PathBuf>>,
    /// Whether the servers are nodes of a cluster.
    pub cluster: bool,
    /// The user to authenticate as; the store's default user when `None`.
    pub user: Option<String>,
    /// The file with the password; no authentication when `None`.
    pub password_file: Option<PathBuf>,
    /// The longest that one question may take, connecting included.
    pub timeout: Duration,
    /// What is answered when the store cannot be asked.
    pub on_down: OnStoreDown,
    /// What the keys in the store begin with.
    pub key_prefix: String,
    /// The line of the configuration that names the servers.
    pub line: usize,
}

/// A server: `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreServer {
    /// A name or an IP address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What becomes of a request when the store cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnStoreDown {
    /// It is refused.
    Deny,
    /// It passes as if its signature were new.
    Allow,
}

const MAX_ENTRIES: usize = 100_000_000;
const MAX_PREFIX_BYTES: usize = 64;
const ON_STORE_DOWN: [(&str, OnStoreDown); 2] =
    [("deny", OnStoreDown::Deny), ("allow", OnStoreDown::Allow)];
/// What says something about a store only.
const STORE_KEYS: [&str; 7] = [
    "cluster",
    "user",
    "password_file",
    "ca",
    "timeout_ms",
    "on_store_down",
    "key_prefix",
];

impl Default for ReplayMemory {
    fn default() -> Self {
        Self {
            max_entries: 1_000_000,
            store: None,
        }
    }
}

/// Reads `[replay_memory]`; `base` is what relative paths are relative to.
pub(super) fn read(root: &mut Table<'_>, base: &Path) -> ReplayMemory {
    let mut memory = ReplayMemory::default();
    let Some(mut table) = root.table("replay_memory") else {
        return memory;
    };
    let shared = table.has("servers");
    check_keys(&table, shared);
    if let Some(max) = table.integer("max_entries", 1..=MAX_ENTRIES) {
        memory.max_entries = max;
    }
    let store = read_store(&mut table, base);
    memory.store = shared.then_some(store);
    table.finish();
    memory
}

/// Notes the keys that would do nothing.
fn check_keys(table: &Table<'_>, shared: bool) {
    let document = table.document();
    if shared {
        if table.has("max_entries") {
            document.note(
                table.line_of("max_entries"),
                "\"max_entries\" bounds the memory in the process, but \"servers\" puts it elsewhere; leave one of them out",
            );
        }
        return;
    }
    for key in STORE_KEYS.into_iter().filter(|key| table.has(key)) {
        let text = format!(
            "\"{key}\" is about a store, and there is none; write servers = [\"rediss://host:6379\"] or leave the key out"
        );
        document.note(table.line_of(key), text);
    }
}

fn read_store(table: &mut Table<'_>, base: &Path) -> ReplayStore {
    let line = table.line_of("servers");
    let cluster = table.boolean("cluster").unwrap_or(false);
    let (servers, tls) = read_servers(table, cluster);
    ReplayStore {
        servers,
        ca: read_authorities(table, base, tls),
        cluster,
        user: read_user(table),
        password_file: table.text("password_file").map(|p| base.join(p.value)),
        timeout: Duration::from_millis(table.integer("timeout_ms", 1..=5_000).unwrap_or(50)),
        on_down: table
            .word("on_store_down", &ON_STORE_DOWN)
            .unwrap_or(OnStoreDown::Deny),
        key_prefix: read_prefix(table),
        line,
    }
}

/// The servers, and whether they speak TLS; `None` when that cannot be told.
fn read_servers(table: &mut Table<'_>, cluster: bool) -> (Vec<StoreServer>, Option<bool>) {
    let document = table.document();
    let line = table.line_of("servers");
    let Some(texts) = table.texts("servers") else {
        return (Vec::new(), None);
    };
    let many = texts.len() > 1;
    let mut servers = Vec::new();
    let mut schemes = Vec::new();
    for text in &texts {
        match parse_server(&text.value) {
            Ok((_, server)) if servers.contains(&server) => {
                document.note(text.line, "\"servers\" names the same server twice");
            }
            Ok((tls, server)) => {
                servers.push(server);
                schemes.push(tls);
            }
            Err(problem) => document.note(text.line, problem),
        }
    }
    let tls = schemes.first().copied();
    if texts.is_empty() {
        document.note(
            line,
            "\"servers\" is empty; name one, or leave the key out to remember in the process",
        );
    } else if many && !cluster {
        document.note(
            line,
            "\"servers\" names more than one; write cluster = true if they are nodes of a cluster, or keep one",
        );
    }
    if schemes.iter().any(|one| Some(*one) != tls) {
        document.note(
            line,
            "\"servers\" mixes redis:// and rediss://; write the same for all",
        );
        return (servers, None);
    }
    (servers, tls)
}

/// `redis://host:port` or `rediss://host:port`, with whether it is the latter. What is wrong is
/// not repeated: it may hold a password.
fn parse_server(text: &str) -> Result<(bool, StoreServer), &'static str> {
    const FORM: &str =
        "\"servers\" must hold texts such as \"rediss://host:6379\" (TLS) or \"redis://host:6379\"";
    let (tls, rest) = match text.split_once("://") {
        Some(("redis", rest)) => (false, rest),
        Some(("rediss", rest)) => (true, rest),
        _ => return Err(FORM),
    };
    if rest.contains('@') {
        return Err(
            "\"servers\" holds credentials in an address; write them as user = \"…\" and password_file = \"…\", and change the password: this file is no place for it",
        );
    }
    match parse_target(rest) {
        Some((host, port)) => Ok((tls, StoreServer { host, port })),
        None => Err(FORM),
    }
}

/// The key `ca`, which is there exactly when the servers speak TLS; with `tls` unknown, neither
/// is reported.
fn read_authorities(table: &mut Table<'_>, base: &Path, tls: Option<bool>) -> Option<Vec<PathBuf>> {
    let document = table.document();
    let line = table.line_of("ca");
    let given = table.has("ca");
    let texts = table.texts("ca");
    let problem = match tls {
        Some(true) if !given => {
            "rediss:// needs \"ca\": the system's authorities are not believed; write ca = [\"tls/store-ca.pem\"]"
        }
        Some(true) if texts.as_ref().is_some_and(Vec::is_empty) => {
            "\"ca\" in [replay_memory] must not be empty: it would trust nobody"
        }
        Some(false) if given => {
            "\"ca\" needs TLS, and the servers are plaintext; write rediss:// or leave the key out"
        }
        _ => "",
    };
    if !problem.is_empty() {
        document.note(line, problem);
    }
    let paths = texts.into_iter().flatten();
    let paths: Vec<_> = paths.map(|path| base.join(path.value)).collect();
    (tls != Some(false)).then_some(paths)
}

fn read_user(table: &mut Table<'_>) -> Option<String> {
    let user = table.text("user")?;
    if !table.has("password_file") {
        table.document().note(
            user.line,
            "\"user\" has no password; write password_file = \"…\", a file that only its owner can read",
        );
    }
    Some(user.value)
}

fn read_prefix(table: &mut Table<'_>) -> String {
    const DEFAULT: &str = "countersign:replay:";
    let Some(Placed { value, line }) = table.text("key_prefix") else {
        return DEFAULT.to_owned();
    };
    // Braces would put every key on one node of a cluster.
    let fits = |b: u8| b.is_ascii_graphic() && b != b'{' && b != b'}';
    if value.len() > MAX_PREFIX_BYTES || !value.bytes().all(fits) {
        let text = format!(
            "\"key_prefix\" in [replay_memory] must be at most {MAX_PREFIX_BYTES} printable ASCII characters without spaces and braces"
        );
        table.document().note(line, text);
    }
    value
}
