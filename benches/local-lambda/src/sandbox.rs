//! A sandbox: one process that works on one invocation at a time. In: work. Out: the parts of its
//! answer as they come, and whether the sandbox can be used again.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use crate::error::FunctionError;
use crate::function::{Emulator, Function};
use crate::process::Processes;
use crate::rie::Rie;
use crate::runtime_api::RuntimeApi;

/// The largest payload of `Invoke`, either way.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// One invocation, as a function sees it.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub request_id: String,
    pub arn: String,
    pub trace_id: Option<String>,
    pub client_context: Option<String>,
    pub payload: Bytes,
}

/// What a function answers, in the order in which it comes: a head at most, chunks, one last.
#[derive(Debug)]
pub(crate) enum Part {
    /// Before all else, of a function that says which kind of content follows.
    ContentType(String),
    Chunk(Bytes),
    Last(Last),
}

/// How an answer ends.
#[derive(Debug)]
pub(crate) enum Last {
    Complete,
    Failed(FunctionError),
    /// The sandbox itself could not be had; for the operator of this Lambda.
    Broken(String),
}

/// What is left of an invocation: the last part of its answer, and the sandbox if it still works.
pub(crate) struct Outcome {
    pub last: Last,
    pub reusable: bool,
}

impl Outcome {
    pub fn reusable(last: Last) -> Self {
        let reusable = true;
        Self { last, reusable }
    }

    pub fn spent(last: Last) -> Self {
        let reusable = false;
        Self { last, reusable }
    }
}

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

    /// Runs to the end of the work, whether or not anybody takes the parts.
    pub async fn run(&mut self, work: &Work, parts: &Sender<Part>) -> Outcome {
        match self {
            Self::Rie(rie) => rie.run(work, parts).await,
            Self::RuntimeApi(runtime) => runtime.run(work, parts).await,
        }
    }
}
