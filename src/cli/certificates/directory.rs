//! The directory of the gateway's client certificates. In: what is to be in it. Out: files that are
//! replaced whole or not at all, private keys readable by their owner only, and what an upstream
//! is to accept, always of the certificates that are there.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::bundle::read_bundle;
use crate::digest::hex;

/// The certificate that the gateway shows, and its key.
pub(super) const CLIENT: (&str, &str) = ("client.pem", "client.key");
/// The one that it will show.
pub(super) const NEXT: (&str, &str) = ("next.pem", "next.key");
/// The one that it has shown before; its key is gone.
pub(super) const OLD: &str = "old.pem";
/// Everything that an upstream is to accept, and the same for nginx's second lock.
const ACCEPTED: &str = "accepted.pem";
const ACCEPTED_MAP: &str = "accepted.map";
/// What is being written. One command works at a time: it is also the lock.
const DRAFT: &str = ".countersign.draft";

const FOR_ALL: u32 = 0o644;
const FOR_ITS_OWNER: u32 = 0o600;

pub(super) struct Directory<'a>(&'a Path);

impl<'a> Directory<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        Self(path)
    }

    /// Makes the directory when it is not there.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        fs::create_dir_all(self.0).with_context(|| format!("{} cannot be made", self.0.display()))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Puts a certificate and its key in place. The key goes first: a certificate says that
    /// everything is there.
    pub(super) fn put_pair(
        &self,
        (certificate, key): (&str, &str),
        certificate_pem: &str,
        key_pem: &str,
    ) -> anyhow::Result<()> {
        self.put(key, key_pem.as_bytes(), FOR_ITS_OWNER)?;
        self.put(certificate, certificate_pem.as_bytes(), FOR_ALL)
    }

    /// Puts a copy of `from` at `to`.
    pub(super) fn copy(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.path(from);
        let bytes =
            fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        self.put(to, &bytes, FOR_ALL)
    }

    /// Gives `from` the name `to`.
    pub(super) fn rename(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let renamed = fs::rename(self.path(from), self.path(to)).and_then(|()| self.settle());
        renamed.with_context(|| format!("{} cannot be moved to {to}", self.path(from).display()))
    }

    /// Takes `name` away; it need not be there.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("{} cannot be removed", self.path(name).display()))
            }
            _ => Ok(()),
        }
    }

    /// Writes what an upstream is to accept: every certificate that is there.
    pub(super) fn accept(&self) -> anyhow::Result<()> {
        let mut pem = String::new();
        let mut map = String::new();
        for (name, what) in [(CLIENT.0, "current"), (NEXT.0, "next"), (OLD, "before")] {
            let path = self.path(name);
            if !self.has(name) {
                continue;
            }
            let leaf = &read_bundle(&path).map_err(anyhow::Error::msg)?[0];
            let text = fs::read_to_string(&path);
            let text = text.with_context(|| format!("{} cannot be read", path.display()))?;
            pem.push_str(&text);
            let fingerprint = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, leaf).as_ref());
            // Writing to a String cannot fail.
            let _ = writeln!(map, "{fingerprint} 1; # {what}");
        }
        self.put(ACCEPTED, pem.as_bytes(), FOR_ALL)?;
        self.put(ACCEPTED_MAP, map.as_bytes(), FOR_ALL)
    }

    fn put(&self, name: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
        let draft = self.path(DRAFT);
        let open = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&draft);
        let file = match open {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => bail!(
                "{} is there: another command is at work; if none is, remove that file",
                draft.display()
            ),
            Err(e) => {
                return Err(e).with_context(|| format!("{} cannot be written", draft.display()));
            }
        };
        let placed = self.place(file, bytes, &draft, name);
        if placed.is_err() {
            // The next command would say that it is there.
            let _ = fs::remove_file(&draft);
        }
        placed.with_context(|| format!("{} cannot be written", self.path(name).display()))
    }

    fn place(&self, mut file: File, bytes: &[u8], draft: &Path, name: &str) -> io::Result<()> {
        file.write_all(bytes)?;
        // Root may make what the gateway's user owns; the gateway must still be able to read it.
        let (home, mine) = (fs::metadata(self.0)?, file.metadata()?);
        if (home.uid(), home.gid()) != (mine.uid(), mine.gid()) {
            fchown(&file, Some(home.uid()), Some(home.gid()))?;
        }
        file.sync_all()?;
        fs::rename(draft, self.path(name))?;
        self.settle()
    }

    /// What was renamed is so after a crash, too.
    fn settle(&self) -> io::Result<()> {
        File::open(self.0)?.sync_all()
    }
}
