//! What requests cost on AWS: dollars a million, curves over a month's volume, and from where on
//! the gateway is the cheaper one.

mod tables;

use crate::cost::{self, Instance, Measured, Prices, Service};
use crate::report::document::Section;
use crate::report::families;
use crate::report::svg::{Curve, CurveChart, Mark};
use crate::report::text::{bytes, number, thousands, volume};
use crate::results::{PathResult, Run};

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
    section.words(assumptions(run, &prices, path, &measured));
    section.words(caution(run));
    let title = format!("Dollars a month, {} or an API", instance.name);
    section.figure(title, chart(&prices, &measured, instance));
    let title = "From so many requests a month on, the gateway costs no more";
    section.titled(title, tables::evens(&prices, &measured));
    let title = "Dollars a million requests, by requests a month";
    section.titled(title, tables::millions(run, &prices, &measured));
    section.titled(
        "A machine at the measured rate",
        tables::machines(&prices, &measured),
    );
    section.folded_table("Prices and their sources", tables::sources(&prices));
    section
}

fn caution(run: &Run) -> String {
    let measure = match families::is_on_aws(run) {
        true => "Other machines are faster or slower than those that were measured. ",
        false => {
            "A vCPU of EC2 is not a core of this machine: on x86 it is half of a core, and others are \
             faster or slower. Measure there before you decide. "
        }
    };
    format!(
        "{measure}Not counted: what leaves AWS, the private server, the balancer that API Gateway \
         wants in front of a private server, and anyone’s time."
    )
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
    let cores = run.gateway_cores.unwrap_or(1.0);
    let rate_a_core = families::closed(path, file)?.rate_served() / cores;
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

fn assumptions(run: &Run, prices: &Prices, path: &PathResult, measured: &Measured) -> String {
    let Some(instance) = prices.instances.first() else {
        return String::new();
    };
    let on = run.gateway_cores.map_or("one core".to_owned(), |cores| {
        format!("{} vCPUs, shared out", number(cores))
    });
    let unverified = if instance.verified {
        ""
    } else {
        " (a price not verified)"
    };
    format!(
        "List prices of {} as of {}, without free tiers. The gateway bears what “{}” bore here on \
         {on}, {} requests a second, on each vCPU; {} % of that on average, as peaks need the rest. A \
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
        tables::hourly(instance),
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
