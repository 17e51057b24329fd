//! What every path stands on: a directory, certificates, and the private server behind it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::checks::Checks;
use crate::load::{Caller, Endpoint, Trust};
use crate::material::Material;
use crate::program::{Cores, Program};

use super::{Failure, origin};

/// The ground.
pub struct Ground {
    home: PathBuf,
    pub material: Material,
    origin: Program,
    origin_address: SocketAddr,
    configurations: RefCell<BTreeMap<String, String>>,
}

impl Ground {
    /// Makes the material, writes the four files and starts the private server beside the load.
    ///
    /// # Errors
    /// nginx is missing or does not start.
    pub fn lay(home: &Path) -> Result<Self, Failure> {
        let material = Material::make(home)?;
        origin::write_files(home)?;
        let (origin, origin_address, configuration) = origin::start(home, "origin", Cores::Behind)?;
        let configurations = BTreeMap::from([("origin.conf".to_owned(), configuration)]);
        Ok(Self {
            home: home.to_owned(),
            material,
            origin,
            origin_address,
            configurations: RefCell::new(configurations),
        })
    }

    /// The directory in which everything is.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The private server that paths end at.
    pub fn origin(&self) -> &Program {
        &self.origin
    }

    /// Where it is.
    pub fn origin_address(&self) -> SocketAddr {
        self.origin_address
    }

    /// Who calls a server on the ground, with what it asks for.
    ///
    /// # Errors
    /// The material cannot be read.
    pub fn caller(&self, address: SocketAddr, checks: Checks) -> anyhow::Result<Caller> {
        let endpoint = Endpoint::ours(address, checks.tls);
        Caller::new(
            &self.material,
            endpoint,
            checks,
            &Trust::Ours(&self.material),
        )
    }

    /// Writes a configuration, which the report will show.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let file = self.home.join(name);
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        let mut all = self.configurations.borrow_mut();
        all.insert(name.to_owned(), text.to_owned());
        Ok(file)
    }

    /// Every configuration so far. What is said of the directory, which is another in every run, is
    /// left out of them.
    pub fn configurations(&self) -> BTreeMap<String, String> {
        let home = self.home.display().to_string();
        let all = self.configurations.borrow();
        let without =
            |(name, text): (&String, &String)| (name.clone(), text.replace(&home, "DIRECTORY"));
        all.iter().map(without).collect()
    }
}
