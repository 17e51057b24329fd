//! The gateway's directory as it will be, beside what it is. In: what others have put there. Out:
//! links to that from where new files are, so that a check meets everything where it looks.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

/// More than a gateway's directory has any use for.
const MAX_ENTRIES: usize = 10_000;

/// Links everything in `directory` that is kept from `picture`. `is_kept` hears each path, and is
/// asked about files, not about directories.
///
/// # Errors
/// A directory cannot be read, a link cannot be made, or there is no end of files.
pub(super) fn complete(
    directory: &Path,
    picture: &Path,
    is_kept: impl Fn(&Path) -> bool,
) -> io::Result<()> {
    let mut left = vec![directory.to_owned()];
    let mut entries = 0;
    while let Some(below) = left.pop() {
        for entry in fs::read_dir(below)? {
            let entry = entry?;
            entries += 1;
            if entries > MAX_ENTRIES {
                return Err(io::Error::other(format!(
                    "there are more than {MAX_ENTRIES} files"
                )));
            }
            let (path, is_directory) = (entry.path(), entry.file_type()?.is_dir());
            let relative = path.strip_prefix(directory).unwrap_or(&path);
            if !is_kept(relative) {
                continue;
            }
            match is_directory {
                true => {
                    fs::create_dir_all(picture.join(relative))?;
                    left.push(path);
                }
                false => symlink(&path, picture.join(relative))?,
            }
        }
    }
    Ok(())
}
