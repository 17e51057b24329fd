//! What a sandbox is given and what it gives back.

use bytes::Bytes;

use crate::error::FunctionError;

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
