//! The credential store: signing keys by their public id, in a TOML file of their own.
//! In: a file that only its owner can read. Out: a `CredentialStore`, or every `Problem`.
//! Secrets are zeroized when dropped and never shown, not even by `Debug`.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::document::{self, Document, Table};
use crate::names::{ConsumerName, CredentialId};
use crate::problem::Problems;

/// A secret access key. `Debug` and logs show that there is one, not which.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over `text`.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for deriving keys and for `credentials new`, which shows it once.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// One signing key and the time in which it is good.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its public id, SigV4's access key id.
    pub id: CredentialId,
    /// Its secret.
    pub secret: Secret,
    /// Not good before this second.
    pub not_before: Option<UtcTime>,
    /// Not good after this second.
    pub not_after: Option<UtcTime>,
}

impl Credential {
    /// Whether the credential is good at `now`.
    pub fn is_live(&self, now: UtcTime) -> bool {
        self.not_before.is_none_or(|start| start <= now)
            && self.not_after.is_none_or(|end| now <= end)
    }
}

/// Every credential of the store.
#[derive(Debug, Default)]
pub struct CredentialStore(HashMap<CredentialId, Credential>);

/// HMAC-SHA256 keys shorter than this can be guessed offline from one signed request.
const MIN_SECRET_BYTES: usize = 20;
/// Live credentials of one consumer: the one in use and the one that will replace it.
pub const MAX_LIVE: usize = 2;

impl CredentialStore {
    /// A store of these; of two with one id, the later stays.
    pub fn from_credentials(credentials: impl IntoIterator<Item = Credential>) -> Self {
        let keyed = credentials.into_iter().map(|one| (one.id.clone(), one));
        Self(keyed.collect())
    }

    /// Reads a store.
    ///
    /// # Errors
    /// The file is missing, can be read by others than its owner, or is wrong. No problem
    /// ever shows a secret.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let about = std::fs::metadata(path)
            .map_err(|e| Problems::with_file(path, format!("cannot be read: {e}")))?;
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let text = format!(
                "others than its owner can use this file (mode {mode:03o}); run: chmod 600 {}",
                path.display()
            );
            return Err(Problems::with_file(path, text));
        }
        let text = Zeroizing::new(document::read(path)?);
        let document = Document::new(path, &text);
        let mut root = document.root()?;
        let store = read_all(&mut root);
        root.finish();
        document.or_ok(store)
    }

    /// The credential with this id.
    pub fn find(&self, id: &str) -> Option<&Credential> {
        self.0.get(id)
    }

    /// Every credential, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.0.values()
    }
}

/// Checks the credentials that a consumer names.
///
/// # Errors
/// One text for each that does not exist, and one when too many are live at once.
pub fn check_consumer(
    consumer: &ConsumerName,
    ids: &[CredentialId],
    store: &CredentialStore,
    now: UtcTime,
) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    let mut live = Vec::new();
    for id in ids {
        match store.find(id.as_str()) {
            None => wrong.push(format!(
                "consumer \"{consumer}\" names credential \"{id}\", which is not in the credential store"
            )),
            Some(found) if found.is_live(now) => live.push(id.as_str()),
            Some(_) => {}
        }
    }
    if live.len() > MAX_LIVE {
        wrong.push(format!(
            "consumer \"{consumer}\" has {} live credentials, {MAX_LIVE} at most are for rotation; retire one of {}",
            live.len(),
            live.join(", ")
        ));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn read_all(root: &mut Table<'_>) -> CredentialStore {
    let mut all = HashMap::new();
    for mut table in root.tables("credential") {
        let document = table.document();
        let line = table.line();
        let credential = read_one(&mut table);
        table.finish();
        let Some(credential) = credential else {
            continue;
        };
        let id = credential.id.clone();
        if all.insert(id.clone(), credential).is_some() {
            document.note(line, format!("credential \"{id}\" is there twice"));
        }
    }
    CredentialStore(all)
}

fn read_one(table: &mut Table<'_>) -> Option<Credential> {
    let document = table.document();
    let id = table
        .need("id", "a credential is found by its id")
        .text("id");
    let secret = table
        .need("secret", "`countersign credentials new` makes one")
        .text("secret");
    let not_before = read_time(table, "not_before");
    let not_after = read_time(table, "not_after");
    let (id, secret) = (id?, secret?);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.value.len() > 128 || !id.value.bytes().all(fits) {
        let text = format!(
            "id \"{}\" is unfit: at most 128 letters, digits, \"-\" and \"_\"",
            id.value.escape_debug()
        );
        document.note(id.line, text);
    }
    let line = secret.line;
    let secret = Secret::new(secret.value);
    if secret.expose().len() < MIN_SECRET_BYTES {
        document.note(
            line,
            format!("the secret is shorter than {MIN_SECRET_BYTES} bytes"),
        );
    }
    if let (Some(start), Some(end)) = (not_before, not_after)
        && start > end
    {
        document.note(
            line,
            format!("credential \"{}\" ends before it begins", id.value),
        );
    }
    Some(Credential {
        id: CredentialId::new(id.value),
        secret,
        not_before,
        not_after,
    })
}

fn read_time(table: &mut Table<'_>, key: &'static str) -> Option<UtcTime> {
    let document = table.document();
    let text = table.time(key)?;
    let time = UtcTime::parse_rfc3339(&text.value);
    if time.is_none() {
        document.note(text.line, format!("\"{key}\" is no time of the calendar"));
    }
    time
}
