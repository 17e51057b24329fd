//! What requests cost on AWS: dollars a million, curves over a month's volume, and from where on
//! the gateway is the cheaper one.

use crate::cost::{self, Instance, Measured, Prices, Service};
use crate::report::document::{Block, Cell, Section, Table, Tone};
use crate::report::families;
use crate::report::svg::{Curve, CurveChart, Mark};
use crate::report::text::{bytes, dollars, number, thousands, volume};
use crate::results::{Family, PathResult, Run};

/// How much of a machine the average may use.
const UTILISATION: f64 = 0.4;
/// Fields of a request and its answer, and what TLS adds, in bytes.
const FIELDS: f64 = 1024.0;
const REQUESTS_A_CONNECTION: f64 = 100.0;
const CONNECTION_SECONDS: f64 = 60.0;

/// A month's requests, from and to.
const VOLUMES: (f64, f64) = (1e6, 1e10);
const COLUMNS: [f64; 5] = [1e6, 1e7, 1e8, 1e9, 1e10];

pub fn section(run: &Run) -> Section {
    let mut section = Section::new("Cost");
    let prices = cost::prices();
    let Some((path, measured)) = measured(run) else {
        return section;
    };
    let Some(instance) = prices.instances.first() else {
        return section;
    };
    section.words(assumptions(&prices, path, &measured, instance));
    section.words(
        "A vCPU of EC2 is not a core of this machine: on x86 it is half of a core, and others are \
         faster or slower. Measure there before you decide. Not counted: what leaves AWS, the private \
         server, the balancer that API Gateway wants in front of a private server, and anyone's time.",
    );
    let title = format!("Dollars a month, {} or an API", instance.name);
    section.figure(title, chart(&prices, &measured, instance));
    section.blocks.push(Block::Title(
        "From so many requests a month on, the gateway costs no more".to_owned(),
    ));
    section.table(evens(&prices, &measured));
    section.blocks.push(Block::Title(
        "Dollars a million requests, by requests a month".to_owned(),
    ));
    section.table(millions(run, &prices, &measured));
    section
        .blocks
        .push(Block::Title("A machine at the measured rate".to_owned()));
    section.table(machines(&prices, &measured));
    section.folded_table("Prices and their sources", sources(&prices));
    section
}

/// From when on the gateway is cheaper, for the headline.
pub fn sentence(run: &Run) -> Option<String> {
    let prices = cost::prices();
    let (_, measured) = measured(run)?;
    let instance = prices.instances.first()?;
    let even = |other| cost::even(&prices, &other, &on(instance, 1.0), &measured);
    Some(format!(
        "One {} costs less than a REST API from {} requests a month on, and less than an HTTP API \
         from {} on (list prices, see Cost).",
        instance.name,
        volume(even(Service::RestApi)?),
        volume(even(Service::HttpApi)?)
    ))
}

/// By the gateway's path with all checks, and the first file.
fn measured(run: &Run) -> Option<(&PathResult, Measured)> {
    let path = families::checked(run)?;
    let (file, size) = *families::files(run).first()?;
    let rate_a_core = families::closed(path, file)?.rate_served();
    let measured = Measured {
        rate_a_core,
        utilisation: UTILISATION,
        bytes: size as f64 + FIELDS,
        requests_a_connection: REQUESTS_A_CONNECTION,
        connection_seconds: CONNECTION_SECONDS,
    };
    (rate_a_core > 0.0).then_some((path, measured))
}

fn on(instance: &Instance, at_least: f64) -> Service {
    Service::Gateway {
        instance: instance.name.clone(),
        at_least,
    }
}

fn assumptions(
    prices: &Prices,
    path: &PathResult,
    measured: &Measured,
    instance: &Instance,
) -> String {
    let unverified = if instance.verified {
        ""
    } else {
        " (a price not verified)"
    };
    format!(
        "List prices of {} as of {}, without free tiers. The gateway bears what “{}” bore here on one \
         core, {} requests a second, on each vCPU; {} % of that on average, as peaks need the rest. A \
         request and its answer are {}; {} come over a connection, which stays {} s. Machine: {}, {} \
         an hour{unverified}; with two or more, in front of them a Network Load Balancer that passes \
         TLS through.",
        prices.region,
        prices.read,
        path.label,
        number(measured.rate_a_core),
        number(measured.utilisation * 100.0),
        bytes(measured.bytes),
        number(measured.requests_a_connection),
        number(measured.connection_seconds),
        instance.name,
        hourly(instance),
    )
}

fn services(instance: &Instance) -> [(String, &'static str, Service); 5] {
    [
        ("REST API".to_owned(), "c-aws d0", Service::RestApi),
        ("HTTP API".to_owned(), "c-aws d1", Service::HttpApi),
        (
            "ALB, which checks no signatures".to_owned(),
            "c-baseline d0",
            Service::Alb,
        ),
        (
            format!("One {}", instance.name),
            "c-gateway d0",
            on(instance, 1.0),
        ),
        (
            format!("Two {} and an NLB", instance.name),
            "c-gateway d1",
            on(instance, 2.0),
        ),
    ]
}

fn chart(prices: &Prices, measured: &Measured, instance: &Instance) -> String {
    let curve = |(label, class, service): (String, &str, Service)| {
        let all = cost::volumes(VOLUMES.0, VOLUMES.1, 240).into_iter();
        let points = all.filter_map(|at| Some((at, cost::of(prices, &service, measured, at)?)));
        Curve {
            label,
            note: String::new(),
            class: class.to_owned(),
            points: points.collect(),
        }
    };
    let chart = CurveChart {
        title: "Dollars a month by requests a month, with the volumes at which they are even"
            .to_owned(),
        x: VOLUMES,
        is_x_logarithmic: true,
        x_ticks: COLUMNS.map(|at| (at, thousands(at / 1e6))).to_vec(),
        x_title: "million requests a month".to_owned(),
        y_title: "dollars a month".to_owned(),
        y_text: |value| format!("${}", number(value)),
        curves: services(instance).map(curve).to_vec(),
        marks: marks(prices, measured, instance),
    };
    chart.draw()
}

fn marks(prices: &Prices, measured: &Measured, instance: &Instance) -> Vec<Mark> {
    let mut marks = Vec::new();
    for other in [Service::RestApi, Service::HttpApi] {
        for at_least in [1.0, 2.0] {
            let gateway = on(instance, at_least);
            let even = cost::even(prices, &other, &gateway, measured);
            let even = even.filter(|at| (VOLUMES.0..=VOLUMES.1).contains(at));
            marks.extend(even.and_then(|at| {
                let point = (at, cost::of(prices, &gateway, measured, at)?);
                Some(Mark {
                    point,
                    label: volume(at),
                    // Each on the side of its own curve where no other runs.
                    is_above: other == Service::RestApi,
                })
            }));
        }
    }
    marks
}

fn evens(prices: &Prices, measured: &Measured) -> Table {
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
fn hourly(instance: &Instance) -> String {
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

fn millions(run: &Run, prices: &Prices, measured: &Measured) -> Table {
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
        let what = format!("Lambda, {} MB, {} ms", number(memory), number(extra.value));
        extra
            .value
            .is_finite()
            .then(|| (what, prices.lambda.million(extra.value, memory)))
    });
    functions.collect()
}

fn machines(prices: &Prices, measured: &Measured) -> Table {
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

fn sources(prices: &Prices) -> Table {
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
