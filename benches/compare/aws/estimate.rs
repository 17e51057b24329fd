//! How long a run takes and what it uses at most, before it begins. In: the scenario and the paths.
//! Out: a [`Usage`], which `cost` makes dollars of. Pure.

use std::collections::BTreeMap;

use crate::cost::{Invoked, Usage};
use crate::options::Scenario;
use crate::results::Family;
use crate::rounds::askings;
use crate::stage::origin::FILES;

use super::paths::{Api, Remote};

/// Requests a second that no path is asked for: the load has one thread.
const LOAD_AT_MOST: f64 = 100_000.0;
/// Bytes a second that a box's network bears, for a while: 12.5 Gbit.
const NETWORK_AT_MOST: f64 = 12.5e9 / 8.0;
/// Fields of a request and its answer, and what TLS adds, in bytes.
const FIELDS: f64 = 1024.0;
/// The stack stands longer than the run takes: it is made, tried, looked at, and torn down.
const HOURS_BESIDE: f64 = 1.0;

/// Requests a second of one caller of a function, which is not counted as less than a millisecond.
const ALONE_AT_MOST: u64 = 1000;

/// For how many seconds one caller has a function to itself.
pub fn alone(scenario: &Scenario) -> f64 {
    scenario.duration.min(5.0)
}

/// What a run comes to.
#[derive(Debug)]
pub struct Estimate {
    /// Of measuring.
    pub seconds: f64,
    /// Of all paths.
    pub requests: f64,
    pub usage: Usage,
}

/// What one path comes to.
#[derive(Default)]
struct Share {
    seconds: f64,
    requests: f64,
    gigabytes: f64,
}

/// Of so many seconds of warming up, and all rounds; API Gateway and Lambda serve at most
/// `api_rate` requests a second.
pub fn of(scenario: &Scenario, paths: &[&Remote], warm_up: f64, api_rate: f64) -> Estimate {
    let mut usage = Usage {
        request_bytes: FILES
            .map(|(_, bytes)| bytes as f64 + FIELDS)
            .into_iter()
            .fold(0.0, f64::max),
        ..Usage::default()
    };
    let (mut seconds, mut requests) = (0.0, 0.0);
    let mut invoked: BTreeMap<u32, Invoked> = BTreeMap::new();
    for path in paths {
        let share = share(scenario, path, warm_up, api_rate);
        seconds += share.seconds;
        requests += share.requests;
        add(&mut usage, path, &share);
        if let Some(memory) = path.memory_mb {
            let one = invoked.entry(memory).or_insert_with(|| Invoked {
                memory_mb: f64::from(memory),
                invocations: 0.0,
                seconds: 0.0,
            });
            one.invocations += share.requests;
            // As many as there are connections work at once; each is counted in whole milliseconds.
            one.seconds += share.seconds * scenario.connections as f64 + share.requests / 1000.0;
        }
    }
    usage.invoked = invoked.into_values().collect();
    usage.hours = (seconds / 3600.0 + HOURS_BESIDE).ceil();
    Estimate {
        seconds,
        requests,
        usage,
    }
}

fn share(scenario: &Scenario, path: &Remote, warm_up: f64, api_rate: f64) -> Share {
    let is_limited = path.api.is_some() || path.memory_mb.is_some();
    let rate = if is_limited { api_rate } else { LOAD_AT_MOST };
    let mut share = Share::default();
    let mut add = |seconds: f64, asked: Option<u64>, bytes: u64| {
        let bytes = bytes as f64 + FIELDS;
        let most = rate.min(NETWORK_AT_MOST / bytes);
        let requests = seconds * asked.map_or(most, |asked| most.min(asked as f64));
        share.seconds += seconds;
        share.requests += requests;
        share.gigabytes += requests * bytes / 1e9;
    };
    add(warm_up, None, FILES[0].1);
    if path.memory_mb.is_some() {
        add(alone(scenario), Some(ALONE_AT_MOST), FILES[1].1);
    }
    for asking in askings(scenario) {
        let seconds = scenario.duration * scenario.rounds as f64;
        add(seconds, asking.rate, asking.bytes);
    }
    share
}

/// Counts what a path uses of AWS's services but for functions.
fn add(usage: &mut Usage, path: &Remote, share: &Share) {
    match path.api {
        Some(Api::Rest) => usage.rest_requests += share.requests,
        Some(Api::Http) => usage.http_requests += share.requests,
        None => {}
    }
    if path.api.is_some() {
        usage.transfer_gigabytes += share.gigabytes;
    }
    match (path.name, path.api, path.memory_mb) {
        ("elb", ..) | (_, Some(Api::Http), None) => usage.alb_gigabytes += share.gigabytes,
        (_, Some(Api::Rest), None) => usage.nlb_gigabytes += share.gigabytes,
        _ if path.family == Family::Lambda => usage.endpoint_gigabytes += share.gigabytes,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::paths::ALL;
    use super::*;

    fn scenario() -> Scenario {
        Scenario {
            duration: 30.0,
            connections: 50,
            rounds: 3,
            rates: vec![1000, 4000],
            only: Vec::new(),
            skip: Vec::new(),
            files: Vec::new(),
        }
    }

    fn named(name: &str) -> Estimate {
        let paths: Vec<&Remote> = ALL.iter().filter(|path| path.name == name).collect();
        of(&scenario(), &paths, 30.0, 10_000.0)
    }

    fn close(is: f64, should: f64) {
        assert!(
            (is - should).abs() <= should.abs() * 1e-6,
            "{is}, not {should}"
        );
    }

    #[test]
    fn an_api_is_asked_as_much_as_its_limit_lets_through() {
        // 30 s of warming up, 4 files × 3 rounds × 30 s at 10,000 a second; 90 s at 1,000 and at
        // 4,000: 300,000 + 3,600,000 + 450,000.
        let estimate = named("apigw-rest-http");
        close(estimate.seconds, 570.0);
        close(estimate.requests, 4_350_000.0);
        close(estimate.usage.rest_requests, 4_350_000.0);
        assert_eq!(estimate.usage.http_requests, 0.0);
        // 1,636 B × 300,000 + (1,636 + 2,048 + 3,072 + 66,560) B × 900,000 + 2,048 B × 450,000.
        close(estimate.usage.transfer_gigabytes, 67.396_8);
        close(estimate.usage.nlb_gigabytes, 67.396_8);
        close(estimate.usage.hours, 2.0);
    }

    #[test]
    fn functions_work_at_most_on_every_connection_all_the_time() {
        let estimate = named("apigw-http-lambda");
        // As many as above, and 5 s of one caller.
        close(estimate.usage.http_requests, 4_355_000.0);
        // 575 s × 50, and a millisecond more for each.
        let one = Invoked {
            memory_mb: 512.0,
            invocations: 4_355_000.0,
            seconds: 33_105.0,
        };
        assert_eq!(estimate.usage.invoked, [one]);
        assert_eq!(estimate.usage.alb_gigabytes, 0.0);
    }

    #[test]
    fn what_is_private_costs_no_requests() {
        for name in ["direct", "gateway-mtls-sigv4"] {
            let usage = named(name).usage;
            let standing = Usage {
                hours: 2.0,
                request_bytes: 66_560.0,
                ..Usage::default()
            };
            assert_eq!(usage, standing, "{name}");
        }
        assert!(named("lambda-512").usage.endpoint_gigabytes > 0.0);
        // The network bears no more of the largest file: 90 s × 1.5625 GB, of 200 and more.
        let through = named("elb").usage.alb_gigabytes;
        assert!((140.0..210.0).contains(&through), "{through}");
    }
}
