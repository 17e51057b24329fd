//! A path that is up on this machine and can be measured.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;

use crate::load::Caller;
use crate::results::PathResult;
use crate::rounds::{Path, refuses, serves};
use crate::stage::origin::FILES;
use crate::stage::{Failure, Ground, PathKind, Stand};

/// A path, its programs, a caller of it, and what it has come to so far.
pub struct Up<'a> {
    ground: &'a Ground,
    pub path: &'static PathKind,
    pub stand: Stand,
    pub caller: Caller,
    result: PathResult,
}

impl<'a> Up<'a> {
    /// Brings it up, and sees that it serves every file to who shows what it wants, and nothing to
    /// who does not.
    ///
    /// # Errors
    /// Something is missing for it, or it does not do that.
    pub fn bring(ground: &'a Ground, path: &'static PathKind) -> Result<Self, Failure> {
        let stand = (path.start)(ground, path.checks)?;
        let up = Self {
            ground,
            caller: ground.caller(stand.address, path.checks)?,
            result: PathResult {
                name: path.name.to_owned(),
                label: path.label.to_owned(),
                family: path.family,
                checks: path.checks.words(),
                notes: stand.notes.clone(),
                closed: Vec::new(),
                open: Vec::new(),
            },
            path,
            stand,
        };
        for file in FILES {
            serves(&up.caller, file)?;
        }
        if let Some(less) = path.checks.less() {
            let caller = ground.caller(up.stand.address, less)?;
            refuses(&caller).with_context(|| less.words())?;
        }
        Ok(up)
    }

    /// What it has come to. Its programs end.
    pub fn into_result(self) -> PathResult {
        self.result
    }
}

impl Path for Up<'_> {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn result(&mut self) -> &mut PathResult {
        &mut self.result
    }

    fn times(&self) -> BTreeMap<String, Duration> {
        let own = self.stand.parts.iter();
        let own = own.map(|(name, program)| (name.clone(), program.processor_time()));
        let origin = ("origin".to_owned(), self.ground.origin().processor_time());
        own.chain([origin]).collect()
    }

    fn memory(&self) -> BTreeMap<String, u64> {
        let parts = self.stand.parts.iter();
        let most = parts.map(|(name, program)| (name.clone(), program.most_memory()));
        most.collect()
    }
}
