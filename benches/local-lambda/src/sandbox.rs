//! A sandbox: one process that works on one invocation at a time. In: work. Out: the parts of its
//! answer as they come, and whether the sandbox can be used again.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use crate::function::{Emulator, Function};
use crate::process::{Process, Processes};
use crate::rie::Rie;
use crate::runtime_api::RuntimeApi;
use crate::work::{Outcome, Part, Work};

pub(crate) enum Sandbox {
    Rie(Box<Rie>),
    RuntimeApi(RuntimeApi),
}

impl Sandbox {
    /// # Errors
    /// When the process or a port cannot be had.
    pub async fn start(function: &Function, processes: &Arc<Processes>) -> io::Result<Self> {
        match function.emulator {
            Emulator::Rie => Ok(Self::Rie(Box::new(Rie::start(function, processes).await?))),
            Emulator::RuntimeApi => Ok(Self::RuntimeApi(RuntimeApi::start(function, processes)?)),
        }
    }

    /// What runs in it.
    pub fn process(&self) -> &Process {
        match self {
            Self::Rie(rie) => &rie.process,
            Self::RuntimeApi(runtime) => &runtime.process,
        }
    }

    /// Runs to the end of the work, whether or not anybody takes the parts.
    pub async fn run(&mut self, work: &Work, parts: &Sender<Part>) -> Outcome {
        match self {
            Self::Rie(rie) => rie.run(work, parts).await,
            Self::RuntimeApi(runtime) => runtime.run(work, parts).await,
        }
    }
}
