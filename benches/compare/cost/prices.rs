//! What AWS asks. In: `prices.toml`. Out: [`Prices`]. Knows nothing of what was measured.

use serde::Deserialize;

/// All prices, in dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day on which they were looked up.
    pub read: String,
    pub region: String,
    pub hours_a_month: f64,
    pub rest_api: Api,
    pub http_api: Api,
    pub lambda: Lambda,
    pub alb: Balancer,
    pub nlb: Balancer,
    /// An interface endpoint, in a zone.
    pub endpoint: Metered,
    /// A public address of IPv4.
    pub address: Metered,
    /// A month of a volume.
    pub disk: Metered,
    /// What crosses from zone to zone.
    pub transfer: Metered,
    #[serde(rename = "instance")]
    pub instances: Vec<Instance>,
}

/// An API of API Gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    pub source: String,
    pub verified: bool,
    /// The size of what counts as one request; any size without.
    pub metered_kib: Option<f64>,
    /// From the first request of a month on.
    pub tiers: Vec<Tier>,
}

/// A million requests, up to so many of a month.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Without end, if there is none.
    pub up_to_million: Option<f64>,
    pub million: f64,
}

/// A function's invocations and the time that they take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lambda {
    pub source: String,
    pub verified: bool,
    pub request_million: f64,
    pub gb_second: f64,
    /// The sizes that are told.
    pub memory_mb: Vec<f64>,
}

/// A load balancer of AWS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balancer {
    pub source: String,
    pub verified: bool,
    pub hour: f64,
    /// A capacity unit for an hour.
    pub unit_hour: f64,
    pub unit: Unit,
}

/// What one capacity unit bears: the most used of the three counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// A second.
    pub new_connections: f64,
    /// At once.
    pub active_connections: f64,
    pub gigabytes_an_hour: f64,
}

/// What is paid by the hour, by the GB, or both.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metered {
    pub source: String,
    pub verified: bool,
    #[serde(default)]
    pub hour: f64,
    #[serde(default)]
    pub gigabyte: f64,
}

/// A type of EC2.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    pub name: String,
    pub vcpus: f64,
    pub hour: f64,
    pub source: String,
    pub verified: bool,
}

/// The prices that are kept with the bench.
pub fn prices() -> Prices {
    toml::from_str(include_str!("prices.toml")).expect("tests read prices.toml")
}

impl Prices {
    /// The types of EC2 of this name.
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.name == name)
    }
}

impl Api {
    /// Dollars for so many requests in a month, each moving at most so many bytes.
    pub fn month(&self, requests: f64, bytes: f64) -> f64 {
        let units = self
            .metered_kib
            .map_or(1.0, |kib| (bytes / (kib * 1024.0)).ceil().max(1.0));
        let million = requests * units / 1e6;
        let mut from = 0.0;
        let mut dollars = 0.0;
        for tier in &self.tiers {
            let to = tier.up_to_million.unwrap_or(f64::INFINITY).min(million);
            dollars += (to - from).max(0.0) * tier.million;
            from = to;
        }
        dollars
    }
}

impl Lambda {
    /// Dollars for a million invocations of so many milliseconds with so much memory.
    pub fn million(&self, milliseconds: f64, memory_mb: f64) -> f64 {
        // Lambda counts in whole milliseconds.
        self.of(1e6, 1e6 * milliseconds.ceil() / 1000.0, memory_mb)
    }

    /// Dollars for so many invocations that take so many seconds together, with so much memory.
    pub fn of(&self, invocations: f64, seconds: f64, memory_mb: f64) -> f64 {
        invocations / 1e6 * self.request_million + seconds * memory_mb / 1024.0 * self.gb_second
    }
}
