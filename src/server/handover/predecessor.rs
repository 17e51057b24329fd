//! The successor's side: takes over from the process that started it.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

use crate::clock::UtcTime;
use crate::replay::{Answer, Entry};
use crate::server::handed::Named;
use crate::server::state::State;

use super::program::{MARK, SUCCESSOR};
use super::sockets;
use super::wire::{NONSENSE, Said, hear, say};

/// The process that has this one's place until it is prepared.
pub(in crate::server) struct Predecessor {
    channel: UnixStream,
}

/// One that has told what it remembers, and waits for this process to serve.
pub(in crate::server) struct Waiting {
    mouth: OwnedWriteHalf,
    ear: OwnedReadHalf,
}

impl Predecessor {
    /// The one that has started this process, if one has, and its sockets.
    ///
    /// # Errors
    /// It is there and cannot be understood.
    pub(in crate::server) fn meet() -> Result<Option<(Self, Vec<Named>)>, String> {
        if std::env::var_os(MARK).is_none_or(|mark| mark != SUCCESSOR) {
            return Ok(None);
        }
        let met = || -> io::Result<_> {
            let channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
            // The way is this process's alone: when it ends, the predecessor sees that.
            rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
            let sockets = sockets::receive(&channel)?;
            Ok((Self { channel }, sockets))
        };
        met()
            .map(Some)
            .map_err(|e| format!("nothing can be taken over from the predecessor: {e}"))
    }

    /// Tells it why this process does not start.
    pub(in crate::server) fn tell_failure(&self, why: &str) {
        // If it has ended, there is nobody to tell.
        let _ = (&self.channel).write_all(&Said::Failed(why.to_owned()).bytes());
    }

    /// Says that this process is prepared, and takes in what was remembered. From here on the
    /// predecessor asks.
    ///
    /// # Errors
    /// It has ended, or given up.
    pub(in crate::server) async fn take_over(&self, state: &State) -> Result<Waiting, String> {
        self.learn(state)
            .await
            .map_err(|e| format!("the predecessor does not hand over: {e}"))
    }

    async fn learn(&self, state: &State) -> io::Result<Waiting> {
        let channel = self.channel.try_clone()?;
        channel.set_nonblocking(true)?;
        let (mut ear, mut mouth) = tokio::net::UnixStream::from_std(channel)?.into_split();
        say(&mut mouth, &Said::Prepared(std::process::id())).await?;
        let snapshot = state.keep_snapshot();
        let memory = snapshot.authorizer().replay_memory();
        loop {
            match hear(&mut ear).await? {
                Said::Known(known) => memory.take_in(&known, UtcTime::now()),
                Said::AllKnown => return Ok(Waiting { mouth, ear }),
                _ => return Err(io::Error::other(NONSENSE)),
            }
        }
    }
}

impl Waiting {
    /// Says that this process serves; returns when the service is its own: when the predecessor says
    /// so, or is no more. What it asks is answered until then.
    pub(in crate::server) async fn serve(self, state: Arc<State>) {
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            state.predecessors.fetch_add(1, Ordering::Relaxed);
            self.answer_all(&state, tell).await;
            state.predecessors.fetch_sub(1, Ordering::Relaxed);
        });
        if told.await.is_err() {
            tracing::warn!("The predecessor has ended before it had let go.");
        }
    }

    async fn answer_all(mut self, state: &State, tell: oneshot::Sender<()>) {
        let mut tell = Some(tell);
        if say(&mut self.mouth, &Said::Serving).await.is_err() {
            return;
        }
        loop {
            match hear(&mut self.ear).await {
                Ok(Said::Yours) => drop(tell.take().map(|tell| tell.send(()))),
                Ok(Said::Question(entry)) => {
                    let answer = Said::Answer(answer(state, entry).await);
                    if say(&mut self.mouth, &answer).await.is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

async fn answer(state: &State, entry: Entry) -> Answer {
    let snapshot = state.keep_snapshot();
    let memory = snapshot.authorizer().replay_memory();
    let remembered = memory.remember(entry, UtcTime::now()).await;
    remembered.answer_for(&entry).unwrap_or(Answer::StoreDown)
}
