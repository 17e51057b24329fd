//! A path of the stack that does what it should and can be measured. What it is made of is on
//! other machines and cannot be seen.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::time::Duration;

use anyhow::Context as _;

use crate::checks::Checks;
use crate::load::{Caller, Endpoint, Trust};
use crate::material::Material;
use crate::results::PathResult;
use crate::rounds::{Path, refuses, serves};
use crate::stage::origin::FILES;

use super::paths::Remote;

/// A path, a caller of it, and what it has come to so far.
pub struct Trip {
    pub path: &'static Remote,
    caller: Caller,
    result: PathResult,
}

impl Trip {
    /// Sees that the path serves every file to who shows what it wants, and nothing to who does
    /// not. APIs are taken for what they say by the authorities of this machine and of `more`.
    ///
    /// # Errors
    /// It does not do that.
    pub fn set_out(
        path: &'static Remote,
        url: &str,
        material: &Material,
        more: Option<&FilePath>,
    ) -> anyhow::Result<Self> {
        let to = |checks| caller(path, url, checks, material, more);
        let caller = to(path.checks)?;
        let addresses = format!(
            "Connections go to {} addresses in turn, looked up before the run.",
            caller.endpoint.count()
        );
        let is_here = caller.endpoint.address().ip().is_loopback();
        let trip = Self {
            path,
            caller,
            result: PathResult {
                name: path.name.to_owned(),
                label: match path.api.is_some() && is_here {
                    true => format!("{}{EMULATED}", path.label),
                    false => path.label.to_owned(),
                },
                family: path.family,
                checks: path.checks.words(),
                notes: vec![addresses],
                closed: Vec::new(),
                open: Vec::new(),
            },
        };
        for file in FILES {
            serves(&trip.caller, file)?;
        }
        if let Some(less) = path.checks.less() {
            refuses(&to(less)?).with_context(|| less.words())?;
        }
        Ok(trip)
    }

    /// What it has come to.
    pub fn into_result(self) -> PathResult {
        self.result
    }
}

/// What is on loopback is not AWS.
const EMULATED: &str = " (an emulator on this machine)";

fn caller(
    path: &Remote,
    url: &str,
    checks: Checks,
    material: &Material,
    more: Option<&FilePath>,
) -> anyhow::Result<Caller> {
    let endpoint = Endpoint::at(url)?;
    match path.port {
        Some(_) => Caller::new(material, endpoint.of_ours(), checks, &Trust::Ours(material)),
        None => Caller::new(material, endpoint, checks, &Trust::Public { more }),
    }
}

impl Path for Trip {
    fn caller(&self) -> &Caller {
        &self.caller
    }

    fn result(&mut self) -> &mut PathResult {
        &mut self.result
    }

    fn times(&self) -> BTreeMap<String, Duration> {
        BTreeMap::new()
    }

    fn memory(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}
