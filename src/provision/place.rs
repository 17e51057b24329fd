//! Files from where they wait to where they belong. In: what is staged. Out: all of it in place, or
//! nothing. A machine that stops in the middle is put right by the next run, without which the
//! service does not start.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::MANIFEST;
use super::moves::Moves;
use super::path::FilePath;
use super::staging::{Checked, NEW, OLD, Place, Staged, Waiting};

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Files that are new or different.
    pub changed: Vec<FilePath>,
    /// How many were there as they should be.
    pub unchanged: usize,
    /// Files that are gone.
    pub gone: Vec<FilePath>,
}

impl Checked {
    /// Puts every file in its place and takes away those that are gone.
    ///
    /// # Errors
    /// One of them cannot be moved; everything is as it was.
    pub fn put_in_place(self) -> io::Result<Outcome> {
        put(&self.0)
    }
}

/// Puts everything in its place.
fn put(staged: &Staged) -> io::Result<Outcome> {
    let mut moves = Moves::default();
    let mut outcome = Outcome::default();
    // First what goes: it may be in the way of what comes.
    for (count, path) in staged.gone.iter().enumerate() {
        let away = staged.staging.join(OLD).join(count.to_string());
        moves.shift(&staged.directory.join(path), &away)?;
        outcome.gone.push(path.clone());
    }
    for waiting in &staged.files {
        match waiting.place {
            Place::Same => outcome.unchanged += 1,
            _ => {
                put_one(staged, waiting, &mut moves)?;
                outcome.changed.push(waiting.path.clone());
            }
        }
    }
    put_list(staged, &mut moves)?;
    for directory in touched(staged, &outcome) {
        File::open(directory)?.sync_all()?;
    }
    moves.keep();
    Ok(outcome)
}

fn put_one(staged: &Staged, waiting: &Waiting, moves: &mut Moves) -> io::Result<()> {
    for above in waiting.path.directories() {
        moves.make(&staged.directory.join(above))?;
    }
    let new = staged.staging.join(NEW).join(&waiting.path);
    let place = staged.directory.join(&waiting.path);
    match waiting.place {
        Place::Free => moves.shift(&new, &place),
        Place::Taken | Place::Same => moves.exchange(&new, &place),
    }
}

fn put_list(staged: &Staged, moves: &mut Moves) -> io::Result<()> {
    let (new, place) = (
        staged.staging.join(MANIFEST),
        staged.directory.join(MANIFEST),
    );
    match place.exists() {
        true => moves.exchange(&new, &place),
        false => moves.shift(&new, &place),
    }
}

/// The directories whose entries have changed.
fn touched(staged: &Staged, outcome: &Outcome) -> BTreeSet<PathBuf> {
    let paths = outcome.changed.iter().chain(&outcome.gone);
    let above = paths.flat_map(FilePath::directories);
    let above = above.map(|path| staged.directory.join(path));
    above
        .chain([staged.directory.clone()])
        .filter(|directory| Path::is_dir(directory))
        .collect()
}
