//! What requests cost on AWS. In: prices, and what was measured of the gateway and of a function.
//! Out: dollars for a month of so many requests, and the volumes from which the gateway is the
//! cheaper one. Pure: all comes by arguments.

mod prices;
mod stack;
#[cfg(test)]
mod tests;

pub use stack::{Invoked, Usage, hour, unverified};

pub use prices::{Api, Balancer, Instance, Prices, Tier, prices};

/// What was measured, and what is assumed of the callers.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Requests a second that one core of the measured machine bears.
    pub rate_a_core: f64,
    /// How much of the machines the average may use, 0 to 1: peaks need the rest.
    pub utilisation: f64,
    /// Of a request and its answer, in bytes.
    pub bytes: f64,
    /// How many requests come over one connection.
    pub requests_a_connection: f64,
    /// How long a connection stays, in seconds.
    pub connection_seconds: f64,
}

/// Who serves.
#[derive(Clone, Debug, PartialEq)]
pub enum Service {
    RestApi,
    HttpApi,
    Alb,
    /// The gateway on at least so many machines of a type; with more than one, behind an NLB.
    Gateway {
        instance: String,
        at_least: f64,
    },
}

/// Dollars for so many requests in a month: of the service alone, not of what stands behind it.
/// `None` of a type of EC2 whose price is not known.
pub fn of(prices: &Prices, service: &Service, measured: &Measured, requests: f64) -> Option<f64> {
    match service {
        Service::RestApi => Some(prices.rest_api.month(requests, measured.bytes)),
        Service::HttpApi => Some(prices.http_api.month(requests, measured.bytes)),
        Service::Alb => Some(balancer(&prices.alb, prices, measured, requests)),
        Service::Gateway { instance, at_least } => {
            let instance = prices.instance(instance)?;
            let count = machines(prices, instance, measured, requests).max(*at_least);
            let machines = count * instance.hour * prices.hours_a_month;
            match count > 1.0 {
                true => Some(machines + balancer(&prices.nlb, prices, measured, requests)),
                false => Some(machines),
            }
        }
    }
}

/// Dollars for a million requests at the measured rate, when the machine does what it may: what
/// one more million costs once there are many machines.
pub fn million_at_rate(instance: &Instance, measured: &Measured) -> f64 {
    instance.hour / (bears(instance, measured) * 3600.0) * 1e6
}

/// The least number of requests a month from which the gateway is no dearer than the other. `None`
/// if it is so nowhere between a hundred thousand and a hundred thousand million.
pub fn even(
    prices: &Prices,
    other: &Service,
    gateway: &Service,
    measured: &Measured,
) -> Option<f64> {
    let is_even = |requests: f64| {
        let ours = of(prices, gateway, measured, requests)?;
        let theirs = of(prices, other, measured, requests)?;
        Some(ours <= theirs)
    };
    let at = volumes(1e5, 1e11, 600);
    let first = at
        .iter()
        .position(|requests| is_even(*requests) == Some(true))?;
    let mut bounds = (at[first.saturating_sub(1)], at[first]);
    // Forty halvings leave nothing that would be seen.
    for _ in 0..40 {
        let middle = (bounds.0 * bounds.1).sqrt();
        match is_even(middle)? {
            true => bounds.1 = middle,
            false => bounds.0 = middle,
        }
    }
    Some(bounds.1)
}

/// Volumes from one to another, evenly by their logarithm, both included.
pub fn volumes(from: f64, to: f64, steps: u32) -> Vec<f64> {
    let each = (to / from).ln() / f64::from(steps);
    (0..=steps)
        .map(|step| from * (each * f64::from(step)).exp())
        .collect()
}

/// Requests a second that a machine may be given on average. A core of EC2 is taken for one of
/// the measured machine, which it is not.
fn bears(instance: &Instance, measured: &Measured) -> f64 {
    measured.rate_a_core * instance.vcpus * measured.utilisation
}

fn machines(prices: &Prices, instance: &Instance, measured: &Measured, requests: f64) -> f64 {
    let a_second = requests / (prices.hours_a_month * 3600.0);
    (a_second / bears(instance, measured)).ceil().max(1.0)
}

fn balancer(balancer: &Balancer, prices: &Prices, measured: &Measured, requests: f64) -> f64 {
    let a_second = requests / (prices.hours_a_month * 3600.0);
    let new_connections = a_second / measured.requests_a_connection;
    let gigabytes_an_hour = a_second * 3600.0 * measured.bytes / 1e9;
    let used = [
        new_connections / balancer.unit.new_connections,
        new_connections * measured.connection_seconds / balancer.unit.active_connections,
        gigabytes_an_hour / balancer.unit.gigabytes_an_hour,
    ];
    let units = used.into_iter().fold(0.0, f64::max);
    (balancer.hour + units * balancer.unit_hour) * prices.hours_a_month
}
