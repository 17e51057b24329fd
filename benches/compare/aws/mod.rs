//! A run against the stack of `deploy/infra/bench/`, from its load box: the scenario that is run on
//! one machine, over the paths that the stack's outputs name. What it will cost and how the stack
//! is torn down is said before anything is sent.

pub mod boxes;
mod estimate;
mod outputs;
mod paths;
#[cfg(test)]
mod tests;
mod trip;

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use countersign::clock::UtcTime;

use crate::cost::{self, Instance};
use crate::interrupt::Interrupt;
use crate::material::Material;
use crate::options::{Aws, AwsMaterial};
use crate::results::{Extra, Run};
use crate::rounds::Path as _;
use crate::stage::gateway;
use crate::{extras, machine, rounds};

use outputs::{MACHINE, Outputs, STACK};
use paths::{ALL, Remote};
use trip::Trip;

/// The stack.
const TEMPLATE: &str = include_str!("../../../deploy/infra/bench/template.yaml");

/// Makes what the boxes are given.
///
/// # Errors
/// The directory cannot be written, or the gateway was not built.
pub fn make_material(options: &AwsMaterial) -> anyhow::Result<()> {
    let program = gateway::program()?;
    let places = boxes::Places::of_stack(&options.region, &options.stack);
    let home = tempfile::tempdir()?;
    let material = Material::make(home.path())?;
    boxes::pack(&options.directory, &material, &places, &program)
}

/// Measures everything that is wanted; `None` if nothing is, once it is known what it costs.
///
/// # Errors
/// The outputs are not the stack's, or a path does not do what it should.
pub fn run(options: &Aws, listen: fn() -> Interrupt) -> anyhow::Result<Option<Run>> {
    let outputs = Outputs::read(&options.outputs)?;
    let wanted = |path: &&Remote| options.scenario.takes(path.name);
    let wanted: Vec<&'static Remote> = ALL.iter().filter(wanted).collect();
    anyhow::ensure!(!wanted.is_empty(), "no path is left");
    let (prices, machine) = (cost::prices(), outputs.get(MACHINE));
    let instance = prices
        .instance(machine)
        .with_context(|| format!("no price of {machine} is in benches/compare/cost/prices.toml"))?;
    print!("{}", plan(options, &outputs, &wanted, instance));
    if !options.yes && !is_agreed()? {
        println!("Nothing was sent.");
        return Ok(None);
    }
    // Not before: at the question, Ctrl-C is an answer.
    let interrupt = listen();
    let material = Material::open(&options.material);
    let mut trips = set_out(options, &outputs, &wanted, &material)?;
    let mut run = begin(options, &outputs, instance, &material);
    let warm_up = Duration::from_secs_f64(options.warm_up);
    rounds::measure(&options.scenario, warm_up, &interrupt, &mut trips);
    run.extras = time_functions(options, &interrupt, &trips);
    run.interrupted = interrupt.is_set();
    run.paths = trips.into_iter().map(Trip::into_result).collect();
    println!(
        "Tear the stack down when you have the results:\n  {}",
        outputs.tear_down()
    );
    Ok(Some(run))
}

/// A run of which nothing is measured yet.
fn begin(options: &Aws, outputs: &Outputs, instance: &Instance, material: &Material) -> Run {
    Run {
        began: UtcTime::now().amz(),
        command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        machine: machine::describe(format!(
            "The load, nginx and the gateway have a {} each, in one zone; the gateway has a worker \
             for each of its {} vCPUs, and nginx as well.",
            instance.name, instance.vcpus
        )),
        settings: rounds::settings(&options.scenario),
        versions: versions(material),
        gateway_cores: Some(instance.vcpus),
        configurations: BTreeMap::from([
            ("outputs.json".to_owned(), outputs.text.clone()),
            ("template.yaml".to_owned(), TEMPLATE.to_owned()),
        ]),
        ..Run::default()
    }
}

/// How long a function takes when nobody else asks, behind the gateway and behind APIs.
fn time_functions(options: &Aws, interrupt: &Interrupt, trips: &[Trip]) -> Vec<Extra> {
    let time = Duration::from_secs_f64(estimate::alone(&options.scenario));
    let mut extras = Vec::new();
    for trip in trips.iter().filter(|trip| trip.path.memory_mb.is_some()) {
        if interrupt.is_set() {
            break;
        }
        let name = trip.path.name;
        match extras::duration_of(name, trip.caller(), time) {
            Ok(taken) => extras.push(taken),
            // Hours of measuring are not thrown away for it.
            Err(error) => eprintln!("{name} is not timed alone: {error:#}"),
        }
    }
    extras
}

/// Sees that every path does what it should before the first is measured; all that do not are told
/// at once.
fn set_out(
    options: &Aws,
    outputs: &Outputs,
    wanted: &[&'static Remote],
    material: &Material,
) -> anyhow::Result<Vec<Trip>> {
    let (mut trips, mut wrong) = (Vec::new(), Vec::new());
    for path in wanted {
        let url = outputs.get(path.output);
        match Trip::set_out(path, url, material, options.ca.as_deref()) {
            Ok(trip) => trips.push(trip),
            Err(error) => wrong.push(format!("{} at {url}: {error:#}", path.name)),
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(trips)
}

/// What will be done and what it comes to.
fn plan(options: &Aws, outputs: &Outputs, wanted: &[&Remote], instance: &Instance) -> String {
    let prices = cost::prices();
    let estimate = estimate::of(&options.scenario, wanted, options.warm_up, options.api_rate);
    let names: Vec<&str> = wanted.iter().map(|path| path.name).collect();
    let lines = estimate.usage.lines(&prices, instance);
    let sum: f64 = lines.iter().map(|line| line.1).sum();
    let mut text = format!(
        "Stack {}: {} paths, {}.\nMeasuring takes {} min; at most {:.0} million requests are sent.\n\
         It costs at most, by list prices of {} of {} without free tiers, if API Gateway and Lambda \
         serve {} requests a second:\n",
        outputs.get(STACK),
        names.len(),
        names.join(", "),
        (estimate.seconds / 60.0).ceil(),
        estimate.requests / 1e6,
        prices.region,
        prices.read,
        options.api_rate,
    );
    for (what, dollars) in lines {
        text += &format!("  {dollars:>9.2}  {what}\n");
    }
    let hour = cost::hour(&prices, instance);
    for (what, source) in cost::unverified(&prices, instance) {
        text += &format!("  not verified: {what}, {source}\n");
    }
    text += &format!(
        "  {sum:>9.2}  in all, in dollars\nThe stack costs {hour:.2} dollars an hour until you tear \
         it down:\n  {}\n",
        outputs.tear_down()
    );
    text
}

fn is_agreed() -> anyhow::Result<bool> {
    print!("Type yes to begin: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Of what was packed for the boxes, as far as it was told.
fn versions(material: &Material) -> BTreeMap<String, String> {
    let packed = material.read(boxes::VERSIONS).unwrap_or_default();
    serde_json::from_str(&packed).unwrap_or_default()
}
