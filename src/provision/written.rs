//! One file as it is written: its bytes, its mode and its owner. In: those. Out: a file that is on
//! the disk, or whether one that is there is the same.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use zeroize::Zeroizing;

/// Whose the secrets are: the user that the gateway runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub user: u32,
    /// The number of the user's group.
    pub group: u32,
}

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) struct Access {
    mode: u32,
    owner: Option<Owner>,
}

impl Access {
    /// A secret is its owner's alone, as the gateway demands of it; anything else is whoever
    /// writes it, and for everybody to read.
    pub(super) fn of(is_secret: bool, owner: Option<Owner>) -> Self {
        match is_secret {
            true => Self { mode: 0o600, owner },
            false => Self {
                mode: 0o644,
                owner: None,
            },
        }
    }
}

/// Writes a file that is not there yet, with the directories above it.
pub(super) fn write(file: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    if let Some(above) = file.parent() {
        fs::create_dir_all(above)?;
    }
    let mut options = OpenOptions::new();
    let mut open = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    open.write_all(bytes)?;
    // Whatever the umask says: the gateway is another user.
    open.set_permissions(fs::Permissions::from_mode(access.mode))?;
    if let Some(owner) = access.owner {
        fchown(&open, Some(owner.user), Some(owner.group))?;
    }
    open.sync_all()
}

/// Whether the file that was `found` there has the same bytes for the same readers.
pub(super) fn is_same(file: &Path, found: &Metadata, bytes: &[u8], access: Access) -> bool {
    let is_owned = access.owner.is_none_or(|owner| owner.user == found.uid());
    if found.mode() & 0o7777 != access.mode || !is_owned || found.len() != bytes.len() as u64 {
        return false;
    }
    let mut held = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    let open = File::open(file).map(|open| open.take(bytes.len() as u64 + 1));
    let read = open.and_then(|mut open| open.read_to_end(&mut held));
    read.is_ok() && *held == bytes
}
