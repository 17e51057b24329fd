//! The open loop: requests are due at a fixed rate, whether or not those before are answered. What
//! has to wait for a free connection waits on the clock of the measurement.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::connection::Connection;
use super::{Asked, Caller, Outcome};

/// What has waited so long for a free connection is given up, or a path that is too slow for the
/// rate would be measured until it has worked off everything.
const LATEST: Duration = Duration::from_secs(2);

pub(super) fn run(
    caller: &Caller,
    asked: Asked<'_>,
    (connections, rate): (usize, u64),
    time: Duration,
    outcome: &mut Outcome,
) {
    let shared = RefCell::new(outcome);
    super::block_on(async {
        let mut all = caller.connections(connections);
        join_all(all.iter_mut().map(Connection::connect)).await;
        let (sender, receiver) = unbounded_channel();
        let start = Instant::now();
        // A thread of its own: tokio's timers know milliseconds only.
        let pacer = std::thread::spawn(move || {
            let count = (time.as_secs_f64() * rate as f64) as u64;
            for number in 0..count {
                let due = start + Duration::from_nanos(number * 1_000_000_000 / rate.max(1));
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if sender.send(due).is_err() {
                    return;
                }
            }
        });
        let receiver = Mutex::new(receiver);
        let loops = all
            .iter_mut()
            .map(|one| answer_dues(one, asked, &receiver, &shared));
        join_all(loops).await;
        shared.borrow_mut().took = start.elapsed();
        let _ = pacer.join();
    });
}

async fn answer_dues(
    connection: &mut Connection<'_>,
    asked: Asked<'_>,
    dues: &Mutex<UnboundedReceiver<Instant>>,
    outcome: &RefCell<&mut Outcome>,
) {
    loop {
        let due = dues.lock().await.recv().await;
        let Some(due) = due else {
            return;
        };
        if due.elapsed() > LATEST {
            let late = Err(anyhow::anyhow!("no connection was free within 2 s"));
            outcome.borrow_mut().count(asked, late, LATEST);
            continue;
        }
        let answer = connection.ask(asked).await;
        outcome.borrow_mut().count(asked, answer, due.elapsed());
    }
}
