//! Changes a credential store that stands in a file: a credential more, or the end of one.
//! In: the file and the change. Out: the file with everything else in it as it was, replaced whole or not at all.
//! One command edits at a time: the draft beside the file is also the lock.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::credential::{Credential, CredentialStore, Key, Secret};
use crate::document::Document;
use crate::names::CredentialId;
use crate::private_file;
use crate::problem::Problems;

/// Why a store was left as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// What stands in the file, or would, is wrong.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// Another command is editing, or one died.
    #[error("{} is there: another command edits the store; if none does, remove that file", .0.display())]
    Busy(PathBuf),
    /// The file cannot be replaced.
    #[error("{} cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// The id is taken.
    #[error("credential \"{0}\" is in the store already")]
    Taken(CredentialId),
    /// It is of a kind that is written by hand.
    #[error("credential \"{0}\" has no secret; write it into the store by hand")]
    NoSecret(CredentialId),
    /// There is nothing to retire.
    #[error("credential \"{0}\" is not in the credential store")]
    Missing(String),
    /// It is retired.
    #[error("credential \"{0}\" has been over since {1}")]
    Over(CredentialId, UtcTime),
}

/// Puts `credential` at the end of the store in `file`, which is made when it is not there.
///
/// # Errors
/// The store is as it was.
pub fn append(file: &Path, credential: &Credential) -> Result<(), EditError> {
    let draft = Draft::open(file)?;
    let before = match file.exists() {
        true => private_file::read(file)?,
        false => Zeroizing::default(),
    };
    if CredentialStore::parse(file, &before)?
        .find(credential.id.as_str())
        .is_some()
    {
        return Err(EditError::Taken(credential.id.clone()));
    }
    let (Key::Aws(secret) | Key::Hmac(secret)) = &credential.key else {
        return Err(EditError::NoSecret(credential.id.clone()));
    };
    let mut text = Zeroizing::new(String::with_capacity(before.len() + ROOM));
    text.push_str(&before);
    if !before.is_empty() {
        text.push_str(if before.ends_with('\n') { "\n" } else { "\n\n" });
    }
    push_credential(&mut text, credential, secret);
    draft.publish(file, &text)
}

/// Ends the credential called `id`: the second before `now` is its last.
///
/// # Errors
/// The store is as it was.
pub fn retire(file: &Path, id: &str, now: UtcTime) -> Result<(), EditError> {
    let draft = Draft::open(file)?;
    let before = private_file::read(file)?;
    let store = CredentialStore::parse(file, &before)?;
    let credential = store
        .find(id)
        .ok_or_else(|| EditError::Missing(id.to_owned()))?;
    if let Some(end) = credential.not_after.filter(|end| *end < now) {
        return Err(EditError::Over(credential.id.clone(), end));
    }
    let last = UtcTime::from_unix(now.unix() - 1);
    let (place, new) = find_end(file, &before, id, last)?;
    let mut text = Zeroizing::new(String::with_capacity(before.len() + new.len()));
    text.push_str(&before[..place.start]);
    text.push_str(&new);
    text.push_str(&before[place.end..]);
    draft.publish(file, &text)
}

// What a credential takes at most, so that the text need not grow.
const ROOM: usize = 64 * 1024;

fn push_credential(text: &mut String, credential: &Credential, secret: &Secret) {
    text.push_str("[[credential]]\n");
    text.push_str(&format!("id = \"{}\"\n", credential.id));
    if !matches!(credential.key, Key::Aws(_)) {
        text.push_str(&format!(
            "scheme = \"{}\"
",
            credential.key.scheme()
        ));
    }
    text.push_str("secret = \"");
    for c in secret.expose().chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push_str("\"\n");
    let times = [
        ("not_before", credential.not_before),
        ("not_after", credential.not_after),
    ];
    for (key, time) in times {
        if let Some(time) = time {
            text.push_str(&format!("{key} = {time}\n"));
        }
    }
}

/// Where in `text` the end of `id` is written, or goes, and what is written there.
fn find_end(
    file: &Path,
    text: &str,
    id: &str,
    last: UtcTime,
) -> Result<(Range<usize>, String), EditError> {
    let document = Document::new(file, text);
    for mut table in document.root()?.tables("credential") {
        // Behind the id, which stands in the credential's own table whatever else there is.
        let place = table.span_of("id").unwrap_or_default();
        if table.text("id").is_none_or(|found| found.value != id) {
            continue;
        }
        if let Some(place) = table.span_of("not_after") {
            return Ok((place, last.to_string()));
        }
        if text[table.span().start..].starts_with('{') {
            return Ok((place.end..place.end, format!(", not_after = {last}")));
        }
        let behind = &text[place.end..];
        let end = place.end + behind.find(['\r', '\n']).unwrap_or(behind.len());
        return Ok((end..end, format!("\nnot_after = {last}")));
    }
    Err(EditError::Missing(id.to_owned()))
}

/// The file to be: written beside the old one, then put in its place.
struct Draft {
    path: PathBuf,
    target: PathBuf,
    file: File,
    published: bool,
}

impl Draft {
    fn open(file: &Path) -> Result<Self, EditError> {
        // A link stays a link: what it leads to is replaced.
        let target = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".draft");
        let path = target.with_file_name(name);
        let open = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match open {
            Ok(file) => Ok(Self {
                path,
                target,
                file,
                published: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(EditError::Busy(path))
            }
            Err(error) => Err(EditError::Write(path, error)),
        }
    }

    /// Replaces the store by `text`, if that is a store.
    fn publish(mut self, file: &Path, text: &str) -> Result<(), EditError> {
        CredentialStore::parse(file, text)?;
        self.replace(text)
            .map_err(|error| EditError::Write(self.target.clone(), error))
    }

    fn replace(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.keep_owner()?;
        self.file.sync_all()?;
        std::fs::rename(&self.path, &self.target)?;
        self.published = true;
        let parent = self.target.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Root may edit what the gateway's user owns; the gateway must still be able to read it.
    fn keep_owner(&self) -> io::Result<()> {
        let Ok(before) = std::fs::metadata(&self.target) else {
            return Ok(());
        };
        let mine = self.file.metadata()?;
        if (before.uid(), before.gid()) == (mine.uid(), mine.gid()) {
            return Ok(());
        }
        fchown(&self.file, Some(before.uid()), Some(before.gid()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // Nothing to be done about it: the next command says that the draft is there.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
