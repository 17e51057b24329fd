//! Fetched files, waiting beside those that they shall replace. In: what was fetched, and the check
//! that the whole must pass. Out: `Staged`, and of it `Checked`, which alone can be put in place.
//! Everything waits below the gateway's directory itself: a rename leads over no mount.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::problem::{Problem, Problems};

use super::fetch::Fetched;
use super::manifest::{self, MANIFEST};
use super::path::FilePath;
use super::picture;
use super::target::{self, Found};
use super::written::{self, Owner};

/// Files that wait, and those that will go. Dropped, nothing of them is left.
pub struct Staged {
    pub(super) directory: PathBuf,
    pub(super) staging: PathBuf,
    pub(super) files: Vec<Waiting>,
    /// What an earlier run has put there and nobody wants any more.
    pub(super) gone: BTreeSet<FilePath>,
    /// Nobody else changes the directory meanwhile.
    _lock: Flock<File>,
}

/// A file that waits.
pub(super) struct Waiting {
    pub(super) path: FilePath,
    pub(super) place: Place,
}

/// What is at the place where a file shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Free,
    /// Another file, or the same for others to read.
    Taken,
    /// The same file.
    Same,
}

/// Files that passed the check.
pub struct Checked(pub(super) Staged);

const STAGING: &str = ".provision";
/// Below it: the directory as it will be.
pub(super) const NEW: &str = "new";
/// Below it: what was taken away.
pub(super) const OLD: &str = "old";
const CONFIG: &str = "gateway.toml";

impl Staged {
    /// Writes what was fetched beside what is in `directory`, which is made when it is missing.
    /// `name` is what user data is called in problems; secrets will be `owner`'s.
    ///
    /// # Errors
    /// The directory cannot be written, another run is at work, or something is in a file's way.
    pub fn write(
        name: &Path,
        directory: &Path,
        fetched: &[Fetched],
        owner: Option<Owner>,
    ) -> Result<Self, Problems> {
        let fail = |e: io::Error| Problems::with_file(directory, e.to_string());
        make(directory).map_err(fail)?;
        let directory = directory.canonicalize().map_err(fail)?;
        let lock = lock(&directory)?;
        let known = manifest::read(&directory.join(MANIFEST))?;
        let mut staged = Self {
            staging: directory.join(STAGING),
            gone: gone(&directory, &known, fetched),
            files: Vec::new(),
            directory,
            _lock: lock,
        };
        staged.begin().map_err(fail)?;
        let mut problems = Problems::default();
        for one in fetched {
            match staged.add(one, owner) {
                Ok(waiting) => staged.files.push(waiting),
                Err(why) => problems.add(name, one.wanted.line, why),
            }
        }
        let staged = problems.or_ok(staged)?;
        staged.complete().map_err(fail)?;
        Ok(staged)
    }

    /// An empty place to write to; what a run that was cut off has left there is taken away.
    fn begin(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.staging) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        DirBuilder::new().mode(0o700).create(&self.staging)?;
        fs::create_dir(self.staging.join(NEW))?;
        fs::create_dir(self.staging.join(OLD))
    }

    fn add(&self, one: &Fetched, owner: Option<Owner>) -> Result<Waiting, String> {
        let path = &one.wanted.path;
        let is_going = |above: &str| self.gone.iter().any(|gone| gone.as_str() == above);
        let found = target::look(&self.directory, path, is_going)?;
        let access = written::Access::of(one.wanted.is_secret, owner);
        let file = self.staging.join(NEW).join(path);
        let done = written::write(&file, &one.bytes, access);
        done.map_err(|e| format!("file \"{path}\" cannot be written: {e}"))?;
        let same = |found| written::is_same(&self.directory.join(path), &found, &one.bytes, access);
        let place = match found {
            Found::Nothing => Place::Free,
            Found::File(found) if same(found.clone()) => Place::Same,
            Found::File(_) => Place::Taken,
        };
        let path = path.clone();
        Ok(Waiting { path, place })
    }

    /// Adds what others have put there, and the new list of what did not come from others.
    fn complete(&self) -> io::Result<()> {
        let own = self.files.iter().map(|one| one.path.as_ref());
        let own: BTreeSet<&Path> = own.chain(self.gone.iter().map(AsRef::as_ref)).collect();
        let is_kept = |path: &Path| {
            path != Path::new(STAGING) && path != Path::new(MANIFEST) && !own.contains(path)
        };
        picture::complete(&self.directory, &self.staging.join(NEW), is_kept)?;
        let list = manifest::text(self.files.iter().map(|one| &one.path));
        let access = written::Access::of(false, None);
        written::write(&self.staging.join(MANIFEST), list.as_bytes(), access)
    }

    /// Has `check` look at the configuration as it will be, with everything it names beside it.
    ///
    /// # Errors
    /// What `check` says, as if the files were in their places.
    pub fn check(
        self,
        check: impl FnOnce(&Path) -> Result<(), Problems>,
    ) -> Result<Checked, Problems> {
        let new = self.staging.join(NEW);
        let file = new.join(CONFIG);
        let mut problems = self.absolute_names(&file);
        if let Err(found) = check(&file) {
            problems.extend(found);
        }
        let in_place = |problem: &Problem| Problem {
            file: match problem.file.strip_prefix(&new) {
                Ok(path) => self.directory.join(path),
                Err(_) => problem.file.clone(),
            },
            text: self.in_place(problem),
            line: problem.line,
        };
        let mut placed = Problems::default();
        for Problem { file, line, text } in problems.iter().map(in_place) {
            placed.add(&file, line, text);
        }
        placed.or_ok(Checked(self))
    }

    /// The words, as if the files were in their places, with the cure that lasts.
    fn in_place(&self, problem: &Problem) -> String {
        let new = self.staging.join(NEW);
        let mut own = self.files.iter().map(|one| new.join(&one.path));
        let (what, cure) = match problem.text.split_once("; run: chmod ") {
            // Every run would undo it.
            Some((what, _)) if own.any(|file| file == problem.file) => {
                (what, "; say secret = true of it in the user data")
            }
            _ => (problem.text.as_str(), ""),
        };
        let (new, place) = (new.to_string_lossy(), self.directory.to_string_lossy());
        what.replace(&*new, &place) + cure
    }

    /// What the configuration names by an absolute path is not what waits here, and so the check
    /// would look at the old file.
    fn absolute_names(&self, config: &Path) -> Problems {
        let mut problems = Problems::default();
        let text = fs::read_to_string(config).unwrap_or_default();
        let own = self.files.iter().map(|one| &one.path).chain(&self.gone);
        let own: Vec<(String, &FilePath)> = own
            .map(|path| (self.directory.join(path).display().to_string(), path))
            .collect();
        for (at, line) in text.lines().enumerate() {
            for (absolute, path) in &own {
                if ['"', '\'']
                    .iter()
                    .any(|q| line.contains(&format!("{q}{absolute}{q}")))
                {
                    let text = format!(
                        "names \"{absolute}\"; write \"{path}\": what was fetched is looked at before it is in its place"
                    );
                    problems.add(config, at + 1, text);
                }
            }
        }
        problems
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.staging) {
            let staging = self.staging.display();
            tracing::warn!("{staging} cannot be taken away: {error}; the next run tries again.");
        }
    }
}

/// Makes the gateway's directory, for everybody to look into whatever the umask says.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
}

fn lock(directory: &Path) -> Result<Flock<File>, Problems> {
    let fail = |why: String| Problems::with_file(directory, why);
    let open = File::open(directory).map_err(|e| fail(e.to_string()))?;
    Flock::lock(open, FlockArg::LockExclusiveNonblock)
        .map_err(|_| fail("another provision is at work here; wait for its end".to_owned()))
}

/// What was put there and is no longer wanted, and is still a file.
fn gone(directory: &Path, known: &BTreeSet<FilePath>, fetched: &[Fetched]) -> BTreeSet<FilePath> {
    let is_wanted = |path: &&FilePath| fetched.iter().any(|one| one.wanted.path == **path);
    let left = known.iter().filter(|path| !is_wanted(path));
    let is_file = |path: &&FilePath| {
        let found = target::look(directory, path, |_| false);
        matches!(found, Ok(Found::File(_)))
    };
    left.filter(is_file).cloned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
