//! Files that only their owner may read: read when that is so, written whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::problem::Problems;

/// The text of a file that only its owner may read, write or run: a key, a password, a store of
/// secrets.
///
/// # Errors
/// That others than the owner can reach it, with the cure, or that it cannot be read.
pub fn read(file: &Path) -> Result<Zeroizing<String>, Problems> {
    let unreadable =
        |error: std::io::Error| Problems::with_file(file, format!("cannot be read: {error}"));
    let mut open = File::open(file).map_err(unreadable)?;
    let metadata = open.metadata().map_err(unreadable)?;
    if metadata.mode() & 0o077 != 0 {
        let text = format!(
            "has mode {:04o}, so others than its owner can reach the secrets; run: chmod 600 {}",
            metadata.mode() & 0o7777,
            file.display()
        );
        return Err(Problems::with_file(file, text));
    }
    // Room for everything at once: growing would leave copies behind that nothing zeroizes.
    let room = usize::try_from(metadata.len()).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    open.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Puts a file in the place of what was there, if anything was. Its directory is made when it is
/// missing. A reader sees the old file or the new one, and so does whoever comes after a crash.
///
/// # Errors
/// The directory or the file cannot be written; what was there is unchanged.
pub fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(directory)?;
    let draft = file.with_extension("draft");
    let written = write_draft(&draft, bytes).and_then(|()| std::fs::rename(&draft, file));
    if written.is_err() {
        // Nothing to be done about it: the error says more.
        let _ = std::fs::remove_file(&draft);
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write_draft(draft: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a crash has left behind may have another mode.
    match std::fs::remove_file(draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("below/key.pem");
        for text in ["one", "another"] {
            super::write(&file, text.as_bytes()).expect("it is written");
            assert_eq!(std::fs::read(&file).expect("it is there"), text.as_bytes());
        }
        let mode = std::fs::metadata(&file).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o600);
        let all = std::fs::read_dir(file.parent().expect("a parent"));
        assert_eq!(all.expect("a directory").count(), 1);
    }
}
