//! What the stack of `deploy/infra/bench/` costs, and a run against it. In: prices, hours, and how
//! much of everything is used at most. Out: a line in dollars for each. Knows nothing of paths.

use super::prices::Metered;
use super::{Instance, Prices};

/// What stands as long as the stack does.
const BOXES: f64 = 3.0;
/// Of each box.
const DISK_GIGABYTES: f64 = 8.0;

/// What a run uses, at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// For how long the stack stands.
    pub hours: f64,
    pub rest_requests: f64,
    pub http_requests: f64,
    /// The most that a request and its answer have of bytes.
    pub request_bytes: f64,
    pub invoked: Vec<Invoked>,
    /// Through the ALB.
    pub alb_gigabytes: f64,
    /// Through the NLB.
    pub nlb_gigabytes: f64,
    /// Through the endpoint of Lambda.
    pub endpoint_gigabytes: f64,
    /// Between API Gateway and the boxes.
    pub transfer_gigabytes: f64,
}

/// What a size of the function does.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoked {
    pub memory_mb: f64,
    pub invocations: f64,
    /// Of all of them together.
    pub seconds: f64,
}

impl Usage {
    /// A line for each, in words and dollars.
    pub fn lines(&self, prices: &Prices, machine: &Instance) -> Vec<(String, f64)> {
        let million = |requests: f64| format!("{:.1} million requests", requests / 1e6);
        let mut lines = vec![
            (
                format!(
                    "three {}, with balancers and all that stands, {} h",
                    machine.name, self.hours
                ),
                self.hours * hour(prices, machine),
            ),
            (
                format!("REST APIs, {}", million(self.rest_requests)),
                prices
                    .rest_api
                    .month(self.rest_requests, self.request_bytes),
            ),
            (
                format!("HTTP APIs, {}", million(self.http_requests)),
                prices
                    .http_api
                    .month(self.http_requests, self.request_bytes),
            ),
        ];
        for one in &self.invoked {
            let dollars = prices
                .lambda
                .of(one.invocations, one.seconds, one.memory_mb);
            let what = format!("Lambda, {} MB, {}", one.memory_mb, million(one.invocations));
            lines.push((what, dollars));
        }
        for (what, gigabytes, price) in [
            // A capacity unit is a GB an hour; nothing else of it is used as much.
            (
                "the ALB",
                self.alb_gigabytes,
                prices.alb.unit_hour / prices.alb.unit.gigabytes_an_hour,
            ),
            (
                "the NLB",
                self.nlb_gigabytes,
                prices.nlb.unit_hour / prices.nlb.unit.gigabytes_an_hour,
            ),
            (
                "the endpoint of Lambda",
                self.endpoint_gigabytes,
                prices.endpoint.gigabyte,
            ),
            (
                "to and from API Gateway",
                self.transfer_gigabytes,
                prices.transfer.gigabyte,
            ),
        ] {
            lines.push((format!("{gigabytes:.0} GB, {what}"), gigabytes * price));
        }
        lines
    }
}

/// Dollars for an hour in which it stands and nobody asks.
pub fn hour(prices: &Prices, machine: &Instance) -> f64 {
    let disks = BOXES * DISK_GIGABYTES * prices.disk.gigabyte / prices.hours_a_month;
    // An address of the load box, an endpoint in one zone.
    BOXES * machine.hour
        + prices.alb.hour
        + prices.nlb.hour
        + prices.endpoint.hour
        + prices.address.hour
        + disks
}

/// The prices that are counted with and could not be looked up, with where to do that.
pub fn unverified<'a>(prices: &'a Prices, machine: &'a Instance) -> Vec<(&'a str, &'a str)> {
    let of = |name, metered: &'a Metered| (name, &*metered.source, metered.verified);
    let all = [
        (&*machine.name, &*machine.source, machine.verified),
        of("an endpoint", &prices.endpoint),
        of("a public address", &prices.address),
        of("a disk", &prices.disk),
        of("a GB between zones", &prices.transfer),
    ];
    let unverified = all.into_iter().filter(|(.., verified)| !verified);
    unverified.map(|(name, source, _)| (name, source)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::prices;
    use super::*;

    fn close(is: f64, should: f64) {
        assert!((is - should).abs() < 1e-4, "{is}, not {should}");
    }

    #[test]
    fn an_hour_is_paid_whether_or_not_anybody_asks() {
        let prices = prices();
        let machine = prices.instance("c6i.large").expect("it is listed");
        // 3 × 0.085 + 2 × 0.0225 + 0.01 + 0.005 + 24 × 0.08 / 730.
        close(hour(&prices, machine), 0.317_63);
    }

    #[test]
    fn a_run_is_the_sum_of_what_it_uses() {
        let prices = prices();
        let machine = prices.instance("c6i.large").expect("it is listed");
        let usage = Usage {
            hours: 4.0,
            rest_requests: 20e6,
            http_requests: 8e6,
            request_bytes: 66_560.0,
            invoked: vec![Invoked {
                memory_mb: 512.0,
                invocations: 4e6,
                seconds: 30_000.0,
            }],
            alb_gigabytes: 200.0,
            nlb_gigabytes: 100.0,
            endpoint_gigabytes: 50.0,
            transfer_gigabytes: 300.0,
        };
        let dollars: Vec<f64> = usage
            .lines(&prices, machine)
            .into_iter()
            .map(|line| line.1)
            .collect();
        // 20 × 3.50; 8 × 1.00; 4 × 0.20 + 15,000 GB-seconds × 0.0000166667; 200 × 0.008;
        // 100 × 0.006; 50 × 0.01; 300 × 0.02.
        let by_hand = [1.270_52, 70.0, 8.0, 1.050_00, 1.6, 0.6, 0.5, 6.0];
        assert_eq!(dollars.len(), by_hand.len());
        for (is, should) in dollars.into_iter().zip(by_hand) {
            close(is, should);
        }
    }
}
