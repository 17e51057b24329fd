//! Changes to a directory that can be taken back. In: one change after the other. Out: all of them,
//! once they are kept; none, if they are dropped before that.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

/// What was changed, in its order.
#[derive(Default)]
pub(super) struct Moves(Vec<Move>);

enum Move {
    /// Two files that have changed places.
    Exchanged(PathBuf, PathBuf),
    /// A file that was there and is here.
    Moved(PathBuf, PathBuf),
    /// A directory that was made.
    Made(PathBuf),
}

impl Moves {
    /// Puts `new` in the place of `old`, and `old` in the place of `new`: at no time is there
    /// nothing.
    pub(super) fn exchange(&mut self, new: &Path, old: &Path) -> io::Result<()> {
        rename(new, old, RenameFlags::RENAME_EXCHANGE)?;
        self.0.push(Move::Exchanged(new.to_owned(), old.to_owned()));
        Ok(())
    }

    /// Moves a file to where nothing is.
    pub(super) fn shift(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        rename(from, to, RenameFlags::RENAME_NOREPLACE)?;
        self.0.push(Move::Moved(from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// Makes a directory that everybody may look into, unless it is there.
    pub(super) fn make(&mut self, directory: &Path) -> io::Result<()> {
        if directory.is_dir() {
            return Ok(());
        }
        fs::create_dir(directory)?;
        self.0.push(Move::Made(directory.to_owned()));
        // Whatever the umask says: the gateway is another user.
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
    }

    /// Lets everything stay as it is by now.
    pub(super) fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Moves {
    fn drop(&mut self) {
        while let Some(last) = self.0.pop() {
            let undone = match &last {
                Move::Exchanged(one, other) => rename(one, other, RenameFlags::RENAME_EXCHANGE),
                Move::Moved(from, to) => rename(to, from, RenameFlags::RENAME_NOREPLACE),
                Move::Made(directory) => fs::remove_dir(directory),
            };
            if let Err(error) = undone {
                tracing::error!("A change of a file cannot be taken back: {error}.");
            }
        }
    }
}

fn rename(from: &Path, to: &Path, how: RenameFlags) -> io::Result<()> {
    renameat2(AT_FDCWD, from, AT_FDCWD, to, how).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_taken_back() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let told = |name: &str| fs::read_to_string(at(name)).unwrap_or_default();
        for name in ["old", "new", "more", "gone"] {
            fs::write(at(name), name).expect("it is written");
        }
        let change = |moves: &mut Moves| {
            moves.exchange(&at("new"), &at("old"))?;
            moves.make(&at("below"))?;
            moves.shift(&at("more"), &at("below/more"))?;
            moves.shift(&at("gone"), &at("away"))
        };
        let mut moves = Moves::default();
        change(&mut moves).expect("it is done");
        assert!(moves.shift(&at("old"), &at("away")).is_err());
        assert_eq!(
            (told("old"), told("below/more")),
            ("new".into(), "more".into())
        );
        drop(moves);
        assert_eq!((told("old"), told("gone")), ("old".into(), "gone".into()));
        assert!(!at("below").exists());
        let mut moves = Moves::default();
        change(&mut moves).expect("it is done");
        moves.keep();
        assert_eq!((told("old"), told("gone")), ("new".into(), String::new()));
    }
}
