//! An invocation under way: its bytes as they come, within its times and bounds. Dropped before
//! its end, it is ended: the connection to Lambda is closed and its place is free.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};

use crate::refusal::FunctionFailure;

use super::counts::{Counts, Outcome};
use super::frames::{Frame, Frames};

/// The bounds of an invocation.
pub(super) struct Limits {
    pub(super) max_answer_bytes: u64,
    /// The longest silence.
    pub(super) idle_timeout: Option<Duration>,
    /// Whether the answer comes in frames.
    pub(super) streams: bool,
}

/// An invocation whose answer has begun.
pub struct Invoked {
    answer: Response,
    frames: Option<Frames>,
    is_error: bool,
    until: Option<Instant>,
    idle_timeout: Option<Duration>,
    max_answer_bytes: u64,
    running: Running,
}

/// What a function answered.
pub struct Reply {
    /// Its payload.
    pub payload: Bytes,
    /// Whether it is the story of a failure (`X-Amz-Function-Error`).
    pub is_error: bool,
    running: Running,
}

/// Counts an invocation when it has ended, however that comes.
pub(super) struct Running {
    counts: Arc<Counts>,
    outcome: Outcome,
}

const FUNCTION_ERROR: &str = "x-amz-function-error";

impl Running {
    /// `None` when `most` are under way already.
    pub(super) fn begin(counts: &Arc<Counts>, most: usize) -> Option<Self> {
        counts.begin(most).then(|| Self {
            counts: counts.clone(),
            outcome: Outcome::Abandoned,
        })
    }

    pub(super) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.counts.end(self.outcome);
    }
}

impl Invoked {
    pub(super) fn new(
        (answer, until): (Response, Option<Instant>),
        running: Running,
        limits: &Limits,
    ) -> Self {
        Self {
            is_error: answer.headers().contains_key(FUNCTION_ERROR),
            frames: limits.streams.then(Frames::default),
            until,
            idle_timeout: limits.idle_timeout,
            max_answer_bytes: limits.max_answer_bytes,
            answer,
            running,
        }
    }

    /// The next bytes of an answer that is streamed; `None` at its end.
    ///
    /// # Errors
    /// The function failed, or fell silent, or the connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FunctionFailure> {
        let next = self.next_payload().await;
        match next {
            Ok(Some(_)) => {}
            Ok(None) => self.running.outcome = Outcome::Answered,
            Err(failure) => self.failed(failure),
        }
        next
    }

    /// The whole answer. `hold` is asked for leave to hold every piece of it.
    ///
    /// # Errors
    /// It is too large, or takes too long, or the connection broke; or there is no leave.
    pub async fn whole(
        mut self,
        hold: impl FnMut(usize) -> Result<(), FunctionFailure>,
    ) -> Result<Reply, FunctionFailure> {
        let payload = match self.read(hold).await {
            Ok(payload) => payload,
            Err(failure) => {
                self.failed(failure);
                return Err(failure);
            }
        };
        let mut running = self.running;
        running.outcome = match (self.is_error, self.answer.status()) {
            (true, _) => Outcome::Failed(FunctionFailure::Error),
            (false, StatusCode::ACCEPTED) => Outcome::Accepted,
            (false, _) => Outcome::Answered,
        };
        Ok(Reply {
            payload,
            is_error: self.is_error,
            running,
        })
    }

    /// What has come is no answer.
    pub fn failed(&mut self, failure: FunctionFailure) {
        self.running.outcome = Outcome::Failed(failure);
    }

    /// What has come is all that is wanted of the answer.
    pub fn suffices(mut self) {
        self.running.outcome = Outcome::Answered;
    }

    async fn read(
        &mut self,
        mut hold: impl FnMut(usize) -> Result<(), FunctionFailure>,
    ) -> Result<Bytes, FunctionFailure> {
        const TOO_LARGE: fn(u64) -> FunctionFailure = FunctionFailure::AnswerTooLarge;
        let most = self.max_answer_bytes;
        let announced = self.answer.content_length().unwrap_or_default();
        if announced > most {
            return Err(TOO_LARGE(most));
        }
        let mut payload = BytesMut::with_capacity(announced as usize);
        while let Some(chunk) = self.chunk().await? {
            if (payload.len() + chunk.len()) as u64 > most {
                return Err(TOO_LARGE(most));
            }
            hold(chunk.len())?;
            payload.extend_from_slice(&chunk);
        }
        Ok(payload.freeze())
    }

    async fn next_payload(&mut self) -> Result<Option<Bytes>, FunctionFailure> {
        if self.is_error {
            return Err(FunctionFailure::Error);
        }
        loop {
            let frame = self.frames.as_mut().map(Frames::next).transpose()?;
            match frame.flatten() {
                Some(Frame::Payload(bytes)) => return Ok(Some(bytes)),
                Some(Frame::Complete) => return Ok(None),
                None => {}
            }
            let chunk = self.chunk().await?;
            match (&mut self.frames, chunk) {
                // A stream says so when it has ended.
                (Some(_), None) => return Err(FunctionFailure::BrokenOff),
                (Some(frames), Some(chunk)) => frames.push(&chunk),
                (None, chunk) => return Ok(chunk),
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, FunctionFailure> {
        let chunk = in_time(self.answer.chunk(), self.until, self.idle_timeout).await?;
        chunk.map_err(|_| FunctionFailure::BrokenOff)
    }
}

impl Reply {
    /// It is no answer after all.
    pub fn failed(&mut self, failure: FunctionFailure) {
        self.running.outcome = Outcome::Failed(failure);
    }
}

/// What `work` comes to, if it does until then and without too long a silence.
pub(super) async fn in_time<T>(
    work: impl Future<Output = T>,
    until: Option<Instant>,
    silence: Option<Duration>,
) -> Result<T, FunctionFailure> {
    let work = async {
        match silence {
            Some(silence) => timeout(silence, work)
                .await
                .map_err(|_| FunctionFailure::TimedOut),
            None => Ok(work.await),
        }
    };
    match until {
        Some(until) => timeout_at(until, work)
            .await
            .map_err(|_| FunctionFailure::TimedOut)?,
        None => work.await,
    }
}
