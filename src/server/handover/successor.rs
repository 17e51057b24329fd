//! The predecessor's side: starts a successor, gives it what it needs, and asks it afterwards.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::replay::{Answer, Moving, Question, ReplayMemory};
use crate::server::handed::Purpose;
use crate::server::manager;

use super::program::Program;
use super::sockets;
use super::wire::{MOST_KNOWN, NONSENSE, Said, hear, say};

/// The longest that a successor may prepare itself: it fetches lists and secrets from elsewhere.
const LONGEST_START: Duration = Duration::from_secs(60);
/// The longest that it may take in what was remembered, and open its doors.
const LONGEST_OPENING: Duration = Duration::from_secs(30);

/// A process that serves beside this one, to take its place.
pub(in crate::server) struct Successor {
    process: u32,
    let_go: Option<oneshot::Sender<Told>>,
    gone: oneshot::Receiver<()>,
}

/// Where it is told that something was said.
type Told = oneshot::Sender<()>;

impl Successor {
    /// Tells it, and the service manager, that the service is its own.
    pub(in crate::server) async fn let_go(&mut self) {
        manager::handed_over(self.process);
        let (tell, told) = oneshot::channel();
        if let Some(let_go) = self.let_go.take()
            && let_go.send(tell).is_ok()
        {
            // It has ended when this fails.
            let _ = told.await;
        }
    }

    /// Returns when it has ended.
    pub(in crate::server) async fn gone(&mut self) {
        // Whoever could tell is gone as well when this fails.
        let _ = (&mut self.gone).await;
    }
}

/// Questions that were asked and have no answer yet, the first first.
type Asked = Arc<Mutex<VecDeque<oneshot::Sender<Answer>>>>;

/// Has a successor take over `sockets` and `memory`.
///
/// # Errors
/// Why it does not. It has ended then, and nothing has changed.
pub(in crate::server) async fn hand_over(
    program: &Program,
    sockets: &[(Purpose, OwnedFd)],
    memory: &ReplayMemory,
) -> Result<Successor, String> {
    let (own, theirs) = UnixStream::pair().map_err(|e| e.to_string())?;
    let mut started = program.start(theirs.into())?;
    let given = give(own, sockets, memory).await;
    match given {
        Ok(successor) => {
            started.release();
            Ok(successor)
        }
        Err(Failure::Told(why)) => Err(why),
        Err(Failure::Ended) => Err(format!("the successor ended: {}", started.end())),
        Err(Failure::Slow(what)) => Err(format!("the successor takes too long to {what}")),
    }
}

enum Failure {
    /// By itself, with the reason.
    Told(String),
    Ended,
    Slow(&'static str),
}

impl Failure {
    /// What was said in the place of what was to be said.
    fn of(said: Said) -> Self {
        Self::Told(match said {
            Said::Failed(why) => why,
            _ => NONSENSE.to_owned(),
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // This room's own.
            io::ErrorKind::Other => Self::Told(error.to_string()),
            _ => Self::Ended,
        }
    }
}

async fn give(
    channel: UnixStream,
    sockets: &[(Purpose, OwnedFd)],
    memory: &ReplayMemory,
) -> Result<Successor, Failure> {
    sockets::send(&channel, sockets)?;
    channel.set_nonblocking(true)?;
    let (mut ear, mut mouth) = tokio::net::UnixStream::from_std(channel)?.into_split();
    let process = within(LONGEST_START, "start", prepared(&mut ear)).await?;
    let opening = async {
        let mut moving = memory.move_away();
        if let Some(moving) = &mut moving {
            tell_known(moving, &mut mouth).await?;
        }
        say(&mut mouth, &Said::AllKnown).await?;
        // Questions wait until here: the successor opens its doors in no time.
        match hear(&mut ear).await? {
            Said::Serving => Ok(moving),
            other => Err(Failure::of(other)),
        }
    };
    let moving = within(LONGEST_OPENING, "open its doors", opening).await?;
    let (tell, gone) = oneshot::channel();
    let (let_go, gone_from) = oneshot::channel();
    tokio::spawn(async move {
        converse(ear, mouth, moving, gone_from).await;
        let _ = tell.send(());
    });
    Ok(Successor {
        process,
        let_go: Some(let_go),
        gone,
    })
}

async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, work)
        .await
        .unwrap_or(Err(Failure::Slow(what)))
}

/// The process of the successor, when nothing can fail there any more.
async fn prepared(ear: &mut OwnedReadHalf) -> Result<u32, Failure> {
    match hear(ear).await? {
        Said::Prepared(process) => Ok(process),
        other => Err(Failure::of(other)),
    }
}

async fn tell_known(moving: &Moving, mouth: &mut OwnedWriteHalf) -> io::Result<()> {
    for known in moving.known() {
        for piece in known.chunks(MOST_KNOWN) {
            say(mouth, &Said::Known(piece.to_vec())).await?;
        }
    }
    Ok(())
}

/// Passes questions on and answers back until the successor has ended.
async fn converse(
    mut ear: OwnedReadHalf,
    mouth: OwnedWriteHalf,
    moving: Option<Moving>,
    let_go: oneshot::Receiver<Told>,
) {
    let asked = Asked::default();
    let asking = tokio::spawn(ask(mouth, moving, asked.clone(), let_go));
    while let Ok(Said::Answer(answer)) = hear(&mut ear).await {
        if let Some(reply) = lock(&asked).pop_front() {
            // Whoever asked may have left.
            let _ = reply.send(answer);
        }
    }
    asking.abort();
    // With what it held, the memory is back in this process.
    let _ = asking.await;
    lock(&asked).clear();
}

/// Says what is to be said as long as this process lives: the way stays open, though there be nothing
/// to ask.
async fn ask(
    mut mouth: OwnedWriteHalf,
    mut moving: Option<Moving>,
    asked: Asked,
    let_go: oneshot::Receiver<Told>,
) {
    let mut let_go = pin!(let_go);
    let mut let_gone = false;
    loop {
        let mut tell = None;
        let said = tokio::select! {
            Ok(told) = &mut let_go, if !let_gone => {
                let_gone = true;
                tell = Some(told);
                Said::Yours
            }
            Some(question) = next_question(&mut moving) => {
                lock(&asked).push_back(question.reply);
                Said::Question(question.entry)
            }
            else => return,
        };
        if say(&mut mouth, &said).await.is_err() {
            return;
        }
        // Whoever waits for it may have been cut off.
        tell.map(|tell| tell.send(()));
    }
}

async fn next_question(moving: &mut Option<Moving>) -> Option<Question> {
    match moving {
        Some(moving) => moving.question().await,
        None => std::future::pending().await,
    }
}

fn lock(
    asked: &Mutex<VecDeque<oneshot::Sender<Answer>>>,
) -> std::sync::MutexGuard<'_, VecDeque<oneshot::Sender<Answer>>> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}
