//! The answer, and what a reader must know before it.

use crate::report::families::{self, BALANCER};
use crate::report::sections::{costs, trust};
use crate::report::text::{number, percent, times};
use crate::results::{Family, PathResult, Run};

/// The evaluation of 2017 that asked the question: API Gateway’s HTTP proxy beside a load balancer.
pub const PUBLISHED: f64 = 0.22;

pub fn sentences(run: &Run) -> Vec<String> {
    let answers = [
        answer(run),
        by_file(run),
        with_the_same_checks(run),
        costs::sentence(run),
    ];
    answers.into_iter().flatten().collect()
}

pub fn warnings(run: &Run) -> Vec<String> {
    let interrupted = run.interrupted.then(|| {
        "This run was ended early: what is missing was not measured, and what is here may have \
         fewer rounds."
            .to_owned()
    });
    let nothing = run
        .paths
        .is_empty()
        .then(|| "Nothing was measured.".to_owned());
    interrupted
        .into_iter()
        .chain(nothing)
        .chain(trust::warnings(run))
        .collect()
}

fn answer(run: &Run) -> Option<String> {
    let path = families::checked(run)?;
    let (file, _) = *families::files(run).first()?;
    let ours = families::closed(path, file)?.rate_served();
    let Some(balancer) = families::served(run, BALANCER, file).filter(|rate| *rate > 0.0) else {
        return Some(format!(
            "{} serves {} requests a second of {file}.",
            path.label,
            number(ours)
        ));
    };
    Some(format!(
        "Behind {}, nginx serves {} of what HAProxy in front of it does ({} of {} requests a second \
         of {file}); API Gateway’s HTTP proxy served {} of a load balancer in 2017.",
        path.label,
        percent(ours / balancer),
        number(ours),
        number(balancer),
        percent(PUBLISHED)
    ))
}

fn by_file(run: &Run) -> Option<String> {
    let path = families::checked(run)?;
    let shares = families::files(run).into_iter().filter_map(|(file, _)| {
        let share =
            families::closed(path, file)?.rate_served() / families::served(run, BALANCER, file)?;
        share
            .is_finite()
            .then(|| format!("{file} {}", percent(share)))
    });
    let shares: Vec<String> = shares.collect();
    (shares.len() > 1).then(|| format!("By file: {}.", shares.join(", ")))
}

/// Each path of the gateway beside those of others that check the same.
fn with_the_same_checks(run: &Run) -> Option<String> {
    let (file, _) = *families::files(run).first()?;
    let of = |family| {
        run.paths
            .iter()
            .filter(move |path: &&PathResult| path.family == family)
    };
    let mut parts = Vec::new();
    for ours in of(Family::Gateway) {
        let peers = of(Family::Peer).filter(|peer| peer.checks == ours.checks);
        let beside = peers.filter_map(|peer| {
            let share = families::closed(ours, file)?.rate_served()
                / families::closed(peer, file)?.rate_served();
            share
                .is_finite()
                .then(|| format!("{} × {}", times(share), peer.label))
        });
        let beside: Vec<String> = beside.collect();
        if !beside.is_empty() {
            parts.push(format!("{} serves {}", ours.label, beside.join(", ")));
        }
    }
    (!parts.is_empty())
        .then(|| format!("Beside others with the same checks: {}.", parts.join("; ")))
}
