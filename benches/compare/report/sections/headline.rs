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
        on_aws(run),
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
        "Behind {}, nginx serves {} of what {} in front of it does ({} of {} requests a second \
         of {file}); API Gateway’s HTTP proxy served {} of a load balancer in 2017.",
        path.label,
        percent(ours / balancer),
        if families::is_on_aws(run) {
            "the ALB"
        } else {
            "HAProxy"
        },
        number(ours),
        number(balancer),
        percent(PUBLISHED)
    ))
}

/// API Gateway’s own share, where it is measured.
fn on_aws(run: &Run) -> Option<String> {
    let (file, _) = *families::files(run).first()?;
    let balancer = families::served(run, BALANCER, file)?;
    let apis = run.paths.iter().filter(|path| path.family == Family::Aws);
    let shares = apis.filter_map(|path| {
        let share = families::closed(path, file)?.rate_served() / balancer;
        share
            .is_finite()
            .then(|| format!("{} {}", path.label, percent(share)))
    });
    let shares: Vec<String> = shares.collect();
    let shares = (!shares.is_empty()).then(|| shares.join("; "))?;
    Some(format!(
        "API Gateway in this run, beside the ALB: {shares}."
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

/// For each kind of checks, the gateway's first path beside those of others.
fn with_the_same_checks(run: &Run) -> Option<String> {
    let (file, _) = *families::files(run).first()?;
    let of = |family| move |path: &&PathResult| path.family == family;
    let mut parts: Vec<String> = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for ours in run.paths.iter().filter(of(Family::Gateway)) {
        let peers = run.paths.iter().filter(of(Family::Peer));
        let peers = peers.filter(|peer| peer.checks == ours.checks);
        let beside = peers.filter_map(|peer| beside(ours, peer, file));
        let beside: Vec<String> = beside.collect();
        if !beside.is_empty() && !told.contains(&ours.checks.as_str()) {
            told.push(&ours.checks);
            parts.push(format!("{} serves {}", ours.label, beside.join("; ")));
        }
    }
    let parts = (!parts.is_empty()).then(|| parts.join(". "))?;
    Some(format!("Beside others with the same checks: {parts}."))
}

fn beside(ours: &PathResult, peer: &PathResult, file: &str) -> Option<String> {
    let [ours, theirs] = [ours, peer].map(|path| families::closed(path, file));
    let share = ours?.rate_served() / theirs?.rate_served();
    let text = format!("{}\u{a0}×\u{a0}{}", times(share), peer.label);
    share.is_finite().then_some(text)
}
