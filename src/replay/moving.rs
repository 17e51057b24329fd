//! The memory on its way to another process, which takes this one's place while this one still
//! serves. In: a memory in the process. Out: what it remembers, and from then on a question for each
//! signature that this process finds right: two processes, one truth. When the other is gone, so is
//! what only it remembered, as in any end of a process; this one answers for itself again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::clock::UtcTime;

use super::entries::Entries;
use super::{Answer, Entry, seconds};

/// The longest that one question may take; the other process may still be taking in what it was
/// told before.
const LONGEST_QUESTION: Duration = Duration::from_secs(5);
/// Questions that may wait to be sent.
const QUEUE: usize = 1024;

/// A key with the last second at which it is remembered, since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The key.
    pub key: [u8; 32],
    /// The second.
    pub until: u32,
}

/// What the other process is asked.
pub struct Question {
    /// The use of a signature.
    pub entry: Entry,
    /// Where the answer goes. Dropped, this process answers for itself.
    pub reply: oneshot::Sender<Answer>,
}

/// What is remembered in the process, and who is asked instead once that has moved.
#[derive(Default)]
pub(super) struct Own {
    pub(super) entries: Entries,
    successor: Mutex<Option<mpsc::Sender<Question>>>,
}

/// A memory that has moved; dropped, it is back.
pub struct Moving {
    own: Arc<Own>,
    questions: mpsc::Receiver<Question>,
}

impl Own {
    /// The answer of who remembers in this process's place.
    pub(super) async fn ask(&self, entry: &Entry, until: u32, now: UtcTime, max: usize) -> Answer {
        let own = || {
            let now = seconds(now.unix());
            self.entries.remember_here(entry.key, until, now, max)
        };
        let Some(successor) = self.successor() else {
            return own();
        };
        let (reply, answer) = oneshot::channel();
        let question = Question {
            entry: *entry,
            reply,
        };
        let asked = async {
            successor.send(question).await.ok()?;
            answer.await.ok()
        };
        match timeout(LONGEST_QUESTION, asked).await {
            Ok(Some(Answer::Fresh)) => {
                // In case that the other ends before this one.
                own();
                Answer::Fresh
            }
            Ok(Some(answer)) => answer,
            Ok(None) => own(),
            Err(_) => Answer::StoreDown,
        }
    }

    fn successor(&self) -> Option<mpsc::Sender<Question>> {
        let successor = self.successor.lock();
        successor
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .cloned()
    }

    fn set_successor(&self, to: Option<mpsc::Sender<Question>>) {
        let successor = self.successor.lock();
        *successor.unwrap_or_else(PoisonError::into_inner) = to;
    }
}

impl Moving {
    /// From here on `own` asks instead of answering.
    pub(super) fn begin(own: &Arc<Own>) -> Self {
        let (successor, questions) = mpsc::channel(QUEUE);
        own.set_successor(Some(successor));
        own.entries.set_moved(true);
        Self {
            own: own.clone(),
            questions,
        }
    }

    /// Everything that is remembered, in pieces of some thousands.
    pub fn known(&self) -> impl Iterator<Item = Vec<Known>> {
        self.own.entries.known()
    }

    /// What is asked next.
    pub async fn question(&mut self) -> Option<Question> {
        self.questions.recv().await
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        self.own.entries.set_moved(false);
        self.own.set_successor(None);
    }
}
