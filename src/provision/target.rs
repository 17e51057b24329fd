//! The gateway's directory as it is. In: which files shall lie there. Out: which of them are
//! there, or every `Problem` with what is in their way. Follows no symbolic link.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::path::FilePath;

/// What lies at a path.
pub(super) enum Found {
    Nothing,
    File(Metadata),
}

/// What lies at `path` in `directory`; `is_going` tells files that will be gone by then.
///
/// # Errors
/// Why no file can be put there, with the cure.
pub(super) fn look(
    directory: &Path,
    path: &FilePath,
    is_going: impl Fn(&str) -> bool,
) -> Result<Found, String> {
    for above in path.directories().filter(|above| !is_going(above)) {
        match lies(&directory.join(above))? {
            None => return Ok(Found::Nothing),
            Some(found) if found.is_dir() => {}
            Some(found) => return Err(in_the_way(above, &found)),
        }
    }
    match lies(&directory.join(path))? {
        None => Ok(Found::Nothing),
        Some(found) if found.is_file() => Ok(Found::File(found)),
        Some(found) => Err(in_the_way(path.as_str(), &found)),
    }
}

fn lies(at: &Path) -> Result<Option<Metadata>, String> {
    match fs::symlink_metadata(at) {
        Ok(found) => Ok(Some(found)),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(e) => Err(format!("{}: {e}", at.display())),
    }
}

fn in_the_way(what: &str, found: &Metadata) -> String {
    let kind = match found.file_type() {
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_dir() => "a directory",
        kind if kind.is_file() => "a file",
        _ => "neither file nor directory",
    };
    format!("\"{what}\" is {kind}, which is in the way; take it away")
}
