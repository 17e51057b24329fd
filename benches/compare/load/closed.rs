//! The closed loop, as the 2017 evaluation had it: every connection asks again as soon as it is
//! answered.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::connection::Connection;
use super::{Asked, Caller, Outcome};

pub(super) fn run(
    caller: &Caller,
    asked: Asked<'_>,
    (connections, keeps): (usize, bool),
    time: Duration,
    outcome: &mut Outcome,
) {
    let shared = RefCell::new(outcome);
    super::block_on(async {
        let mut all = caller.connections(connections);
        // Hands are shaken before the time runs, unless they are what counts; who cannot will be
        // counted below.
        if keeps {
            join_all(all.iter_mut().map(Connection::connect)).await;
        }
        let start = Instant::now();
        let loops = all
            .iter_mut()
            .map(|one| keep_asking(one, asked, (start + time, keeps), &shared));
        join_all(loops).await;
        shared.borrow_mut().took = start.elapsed();
    });
}

async fn keep_asking(
    connection: &mut Connection<'_>,
    asked: Asked<'_>,
    (end, keeps): (Instant, bool),
    outcome: &RefCell<&mut Outcome>,
) {
    while Instant::now() < end {
        let began = Instant::now();
        let answer = connection.ask(asked).await;
        if !keeps {
            connection.end();
        }
        let failed = answer.is_err();
        outcome.borrow_mut().count(asked, answer, began.elapsed());
        if failed {
            // A server that is down is asked again, not at full speed.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
