//! The stages in order, over one snapshot: door, route, policy, limits, plan. Pure and
//! synchronous: the same function serves traffic, tests, `routes explain` and the benches.
//! In: a call, what its connection shows, the time. Out: what to do, or a `Refusal`.

pub mod body;
pub mod explain;

use std::sync::Arc;

use crate::authorize::{Answers, Question, Verdict};
use crate::call::{Body, Call};
use crate::clock::UtcTime;
use crate::config::Route;
use crate::identity::Caller;
use crate::integration::Plan;
use crate::limit;
use crate::names::ConsumerName;
use crate::refusal::Refusal;
use crate::route::Hit;
use crate::signature::{self, Evidence, KnownBody};
use crate::snapshot::Snapshot;
use crate::tls::TlsGeneration;

/// What is to be done with a call.
pub enum Decision {
    /// Answer it.
    Serve(Plan),
    /// Read its body, at most `limit` bytes, and decide again with the hash.
    ReadBody {
        /// The largest body that is read.
        limit: u64,
    },
    /// Have the snapshot's authorizer ask, and decide again with the answer.
    Ask(Question),
}

/// A decision, and the route that it was taken on: the log tells it for refusals as well.
pub struct Decided {
    /// `None` when no route was found.
    pub route: Option<Arc<Route>>,
    /// What to do, or why not.
    pub outcome: Result<Decision, Refusal>,
    /// What a refused signature was checked against, when its consumer has that told.
    pub explained: Option<Explained>,
}

/// What a refused signature was checked against.
pub struct Explained {
    /// Whose credential it claimed to use.
    pub consumer: ConsumerName,
    /// The texts, as a log may show them.
    pub text: String,
}

/// Everything about a call but the call itself.
pub struct Circumstances<'a> {
    /// What the connection shows.
    pub caller: Caller<'a>,
    /// The TLS of its listener; `None` for plaintext, and where no listener is meant.
    pub tls: Option<&'a TlsGeneration>,
    /// What is known of the body.
    pub body: KnownBody<'a>,
    /// What was answered to the questions about the request.
    pub answers: &'a Answers,
    /// The largest body of the listener.
    pub max_body_bytes: u64,
    /// The time of the request.
    pub now: UtcTime,
    /// Whether that time can be relied on, as far as the configuration asks for it.
    pub timely: bool,
}

/// Decides about a call.
pub fn decide(snapshot: &Snapshot, call: &Call<'_>, around: &Circumstances<'_>) -> Decided {
    let admitted = match around.tls {
        Some(tls) => tls.admit(&around.caller, call.host()),
        None => Ok(()),
    };
    let hit = match admitted.and_then(|()| snapshot.routes().find(call)) {
        Ok(hit) => hit,
        Err(refusal) => {
            return Decided {
                route: None,
                outcome: Err(refusal),
                explained: None,
            };
        }
    };
    let evidence = Evidence {
        call,
        body: around.body,
        secure: around.caller.secure,
        now: around.now,
        timely: around.timely,
    };
    let outcome = answer(snapshot, hit, &evidence, around);
    Decided {
        route: Some(hit.route().clone()),
        explained: match &outcome {
            Ok(_) => None,
            Err(_) => explained(snapshot, &hit, &evidence),
        },
        outcome,
    }
}

fn answer(
    snapshot: &Snapshot,
    hit: Hit<'_>,
    evidence: &Evidence<'_>,
    around: &Circumstances<'_>,
) -> Result<Decision, Refusal> {
    let call = evidence.call;
    let most = hit.route().max_body_bytes.unwrap_or(around.max_body_bytes);
    let authorizer = snapshot.authorizer();
    let permit = match authorizer.check(hit, &around.caller, evidence, around.answers)? {
        Verdict::Permitted(permit) => permit,
        Verdict::Ask(question) => return Ok(Decision::Ask(question)),
        Verdict::NeedsBody { limit } => {
            let limit = limit.min(most);
            return match call.body() {
                Body::Length(length) if length > limit => Err(Refusal::BodyTooLarge),
                _ => Ok(Decision::ReadBody { limit }),
            };
        }
    };
    let pass = limit::spend(permit, call, around.max_body_bytes)?;
    Ok(Decision::Serve(snapshot.integrations().plan(pass)))
}

fn explained(snapshot: &Snapshot, hit: &Hit<'_>, evidence: &Evidence<'_>) -> Option<Explained> {
    let (consumer, workings) = snapshot.authorizer().explain(hit, evidence)?;
    Some(Explained {
        consumer: consumer.clone(),
        text: signature::for_log(&workings),
    })
}
