//! Costs as tables: even volumes, dollars a million, machines, and where prices are from.

use super::{COLUMNS, on, services};
use crate::cost::{self, Instance, Measured, Prices, Service};
use crate::report::document::{Cell, Table, Tone};
use crate::report::families;
use crate::report::text::{dollars, number, thousands, volume};
use crate::results::{Family, Run};

pub fn evens(prices: &Prices, measured: &Measured) -> Table {
    let head = [
        "Machine",
        "One ≤ REST API",
        "One ≤ HTTP API",
        "Two + NLB ≤ REST API",
        "Two + NLB ≤ HTTP API",
    ];
    let mut table = Table::new(1, &head);
    for instance in &prices.instances {
        let mut cells: Vec<Cell> = vec![name(instance).into()];
        for at_least in [1.0, 2.0] {
            for other in [Service::RestApi, Service::HttpApi] {
                let even = cost::even(prices, &other, &on(instance, at_least), measured);
                cells.push(even.map_or("never".to_owned(), volume).into());
            }
        }
        table.row(cells);
    }
    table
}

/// With all its digits.
pub fn hourly(instance: &Instance) -> String {
    format!("${}", instance.hour)
}

fn name(instance: &Instance) -> String {
    let unverified = if instance.verified {
        ""
    } else {
        ", price not verified"
    };
    format!("{}{unverified}", instance.name)
}

pub fn millions(run: &Run, prices: &Prices, measured: &Measured) -> Table {
    let columns = COLUMNS.map(volume);
    let mut head = vec!["Service"];
    head.extend(columns.iter().map(String::as_str));
    let mut table = Table::new(1, &head);
    let Some(instance) = prices.instances.first() else {
        return table;
    };
    let of = |service: &Service, at: f64, more: f64| {
        let month = cost::of(prices, service, measured, at);
        Cell::from(month.map_or("–".to_owned(), |month| dollars(month / at * 1e6 + more)))
    };
    for (label, _, service) in services(instance) {
        let cells = COLUMNS.map(|at| of(&service, at, 0.0));
        table.row(std::iter::once(label.into()).chain(cells));
    }
    for (what, million) in functions(run, prices) {
        for (api, service) in [
            ("REST API", Service::RestApi),
            ("HTTP API", Service::HttpApi),
        ] {
            let cells = COLUMNS.map(|at| of(&service, at, million));
            table.row(std::iter::once(format!("{api} + {what}").into()).chain(cells));
        }
    }
    table
}

/// Functions whose duration was measured, with dollars a million. A duration is an extra of a
/// function's path in ms; a path's memory in MB is the number in its name.
fn functions(run: &Run, prices: &Prices) -> Vec<(String, f64)> {
    let timed = run
        .extras
        .iter()
        .filter(|extra| extra.unit == "ms" && extra.what.contains("duration"));
    let functions = timed.filter_map(|extra| {
        let path = families::path(run, &extra.path).filter(|path| path.family == Family::Lambda)?;
        let is_size = |size: &&f64| path.name.split('-').any(|part| part.parse() == Ok(**size));
        let memory = *prices.lambda.memory_mb.iter().find(is_size)?;
        let what = format!("Lambda, {memory} MB, {} ms", number(extra.value));
        extra
            .value
            .is_finite()
            .then(|| (what, prices.lambda.million(extra.value, memory)))
    });
    functions.collect()
}

pub fn machines(prices: &Prices, measured: &Measured) -> Table {
    let head = [
        "Machine",
        "vCPUs",
        "An hour",
        "Requests a second, on average",
        "Dollars a million",
    ];
    let mut table = Table::new(1, &head);
    for instance in &prices.instances {
        table.row([
            name(instance).into(),
            number(instance.vcpus).into(),
            hourly(instance).into(),
            number(measured.rate_a_core * instance.vcpus * measured.utilisation).into(),
            dollars(cost::million_at_rate(instance, measured)).into(),
        ]);
    }
    table
}

pub fn sources(prices: &Prices) -> Table {
    let mut table = Table::new(3, &["What", "Price", "Source"]);
    let mut row = |what: &str, price: String, source: &str, is_verified: bool| {
        let tone = if is_verified { Tone::Plain } else { Tone::Flag };
        table.row([what.into(), price.into(), Cell::toned(tone, source)]);
    };
    for (what, api) in [
        ("REST API", &prices.rest_api),
        ("HTTP API", &prices.http_api),
    ] {
        row(what, tiers(api), &api.source, api.verified);
    }
    let lambda = &prices.lambda;
    let price = format!(
        "{} a million, ${} a GB-second (x86)",
        dollars(lambda.request_million),
        lambda.gb_second
    );
    row("Lambda", price, &lambda.source, lambda.verified);
    for (what, balancer) in [("ALB", &prices.alb), ("NLB", &prices.nlb)] {
        let price = format!(
            "${} an hour, ${} a capacity unit’s hour",
            balancer.hour, balancer.unit_hour
        );
        row(what, price, &balancer.source, balancer.verified);
    }
    for instance in &prices.instances {
        row(
            &instance.name,
            format!("{} an hour", hourly(instance)),
            &instance.source,
            instance.verified,
        );
    }
    table
}

fn tiers(api: &cost::Api) -> String {
    let tier = |tier: &cost::Tier| match tier.up_to_million {
        Some(million) => format!(
            "{} a million to {} million",
            dollars(tier.million),
            thousands(million)
        ),
        None => format!("{} beyond", dollars(tier.million)),
    };
    let tiers: Vec<String> = api.tiers.iter().map(tier).collect();
    let metered = api.metered_kib.map_or(String::new(), |kib| {
        format!("; one for each {} KiB", number(kib))
    });
    tiers.join(", ") + &metered
}
