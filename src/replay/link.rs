//! The one connection to a store: made when the first question needs it, kept, and made anew
//! when it is lost. In: questions. Out: answers, or `None` within the time that is given.
//! While the store cannot be reached, questions are told so at once, and it is tried again
//! after a pause that grows to a second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, Value};
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at};
use tracing::{info, warn};

use crate::replay::connection::{CONNECT_TIMEOUT, Connection, Way};

/// How long a connection is kept that only fails: a server that went without a word, or one
/// that has become a replica.
const PATIENCE: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The connection to a store.
pub(super) struct Link {
    way: Way,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    is: Is,
    /// Counts the connections, so that news of an old one is known as such.
    turn: u64,
    /// Attempts and connections that failed since the last answer.
    failures: u32,
    /// Whether the log says that the store cannot be asked.
    told: bool,
}

enum Is {
    Down {
        until: Instant,
    },
    /// Gives up by itself; the time is for an attempt that came to an end without saying so.
    Connecting {
        until: Instant,
    },
    Up {
        connection: Connection,
        failing_since: Option<Instant>,
    },
}

enum Look {
    Up(Connection, u64),
    Wait,
    Down,
}

impl Link {
    /// Not connected yet.
    pub(super) fn new(way: Way) -> Self {
        let state = State {
            is: Is::Down {
                until: Instant::now(),
            },
            turn: 0,
            failures: 0,
            told: false,
        };
        Self {
            way,
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Asks; `None` when there is no good answer within `limit`.
    pub(super) async fn ask(self: &Arc<Self>, question: &Cmd, limit: Duration) -> Option<Value> {
        let deadline = (Instant::now() + limit).into();
        let (mut connection, turn) = timeout_at(deadline, self.connection()).await.ok()??;
        match timeout_at(deadline, connection.ask(question)).await {
            Ok(Ok(answer)) => {
                self.answered(turn);
                Some(answer)
            }
            Ok(Err(error)) => {
                self.failed(turn, &error.to_string());
                None
            }
            Err(_) => {
                self.failed(turn, "no answer in time");
                None
            }
        }
    }

    /// Connects, and says whether there is a connection.
    pub(super) async fn is_up(self: &Arc<Self>) -> bool {
        let connection = timeout(CONNECT_TIMEOUT, self.connection()).await;
        matches!(connection, Ok(Some(_)))
    }

    /// The connection, once there is one; `None` while the store is given a pause.
    async fn connection(self: &Arc<Self>) -> Option<(Connection, u64)> {
        loop {
            // Made before the look, so that no change between the two is missed.
            let changed = self.changed.notified();
            match self.look() {
                Look::Up(connection, turn) => return Some((connection, turn)),
                Look::Down => return None,
                Look::Wait => changed.await,
            }
        }
    }

    /// Looks at the state, and starts to connect when it is time.
    fn look(self: &Arc<Self>) -> Look {
        let mut state = self.lock();
        let now = Instant::now();
        match &state.is {
            Is::Up { connection, .. } => return Look::Up(connection.clone(), state.turn),
            Is::Down { until } if now < *until => return Look::Down,
            Is::Connecting { until } if now < *until => return Look::Wait,
            Is::Down { .. } | Is::Connecting { .. } => {}
        }
        state.turn += 1;
        state.is = Is::Connecting {
            until: now + 2 * CONNECT_TIMEOUT,
        };
        tokio::spawn(self.clone().connect(state.turn));
        Look::Wait
    }

    async fn connect(self: Arc<Self>, turn: u64) {
        let link = Arc::downgrade(&self);
        let ended = move || {
            if let Some(link) = link.upgrade() {
                link.ended(turn);
            }
        };
        let made = match timeout(CONNECT_TIMEOUT, self.way.connect(ended)).await {
            Ok(made) => made.map_err(|error| error.to_string()),
            Err(_) => Err("no connection in time".to_owned()),
        };
        let mut state = self.lock();
        if state.turn == turn {
            match made {
                Ok(connection) => {
                    state.is = Is::Up {
                        connection,
                        failing_since: None,
                    };
                }
                Err(why) => state.fall(&why),
            }
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn answered(&self, turn: u64) {
        let mut state = self.lock();
        if state.turn != turn {
            return;
        }
        if let Is::Up { failing_since, .. } = &mut state.is {
            *failing_since = None;
        }
        state.failures = 0;
        if std::mem::take(&mut state.told) {
            info!("The replay memory's store answers again.");
        }
    }

    fn failed(&self, turn: u64, why: &str) {
        let mut state = self.lock();
        if state.turn != turn {
            return;
        }
        state.tell(why);
        if let Is::Up { failing_since, .. } = &mut state.is {
            let since = *failing_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= PATIENCE {
                state.fall(why);
            }
        }
    }

    /// The connection has ended: a server that restarts, or one that drops idle connections.
    /// If it had answered, the next question may connect at once.
    fn ended(&self, turn: u64) {
        let mut state = self.lock();
        if state.turn != turn || !matches!(state.is, Is::Up { .. }) {
            return;
        }
        match state.failures {
            0 => {
                state.failures = 1;
                state.is = Is::Down {
                    until: Instant::now(),
                };
            }
            _ => state.fall("the connection ended"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here leaves the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives the store a pause.
    fn fall(&mut self, why: &str) {
        self.tell(why);
        let pause = SHORTEST_PAUSE * 2u32.pow(self.failures.min(8));
        self.failures += 1;
        self.is = Is::Down {
            until: Instant::now() + pause.min(LONGEST_PAUSE),
        };
    }

    /// Says once that the store cannot be asked, and why.
    fn tell(&mut self, why: &str) {
        if !std::mem::replace(&mut self.told, true) {
            warn!(error = why, "The replay memory's store cannot be asked.");
        }
    }
}
