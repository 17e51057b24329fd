//! What lists of revoked certificates cost the gateway: by their length, and while a new one of
//! half a million entries is swapped in every two seconds. Out: two tables.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::contender::Contender;
use crate::load::{self, Client, Outcome};
use crate::material::Material;
use crate::options::Options;
use crate::side_by_side::Spread;

const CLIENT: Client = Client {
    key: Some("P-256"),
    version: "1.3",
    resumes: false,
};
const LENGTHS: [u64; 3] = [0, 10_000, 500_000];
const SWAP_EVERY: Duration = Duration::from_secs(2);
/// Long enough for several swaps.
const LEAST_SECONDS: u64 = 6;
const CASE: &str = "lists";

pub fn measure(material: &Material, options: &Options) -> String {
    if !options.wants(CASE) {
        return String::new();
    }
    by_length(material, options) + &swapped(material, options)
}

/// Rounds of one gateway.
#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    /// The longest of each round, in milliseconds.
    longest: Vec<f64>,
    latencies: Vec<Duration>,
    errors: usize,
}

impl Rounds {
    fn add(&mut self, outcome: Outcome) {
        self.rates.push(outcome.rate());
        let longest = outcome.latencies.iter().max().copied();
        self.longest.push(milliseconds(longest.unwrap_or_default()));
        self.latencies.extend(outcome.latencies);
        self.errors += outcome.errors;
    }

    fn row(&mut self, what: &str, memory: u64) -> String {
        self.latencies.sort_unstable();
        let at = |part: f64| {
            let place = (self.latencies.len() as f64 * part) as usize;
            milliseconds(self.latencies[place.min(self.latencies.len() - 1)])
        };
        let longest = Spread::of(self.longest.clone());
        format!(
            "| {what} | {} | {:.1} | {:.1} | {:.1} ({:.1}–{:.1}) | {memory} | {} |\n",
            Spread::of(self.rates.clone()),
            at(0.5),
            at(0.99),
            longest.median,
            longest.least,
            longest.most,
            self.errors,
        )
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn header(title: &str) -> String {
    format!(
        "## {title}\n\nThe gateway alone, P-256, TLS 1.3, full. Times are from the first packet to the \
         answer, in ms; the longest is that of a round.\n\n\
         | | Handshakes/s | p50 | p99 | Longest | VmHWM, MiB | Errors |\n|---|---|---|---|---|---|---|\n"
    )
}

fn by_length(material: &Material, options: &Options) -> String {
    let gateways = LENGTHS.map(|length| {
        let name = format!("{length}.crl");
        material.list(&name, length, 1);
        Contender::gateway(material, Some(&format!("{{ crls = [\"{name}\"] }}")))
    });
    let mut all = LENGTHS.map(|_| Rounds::default());
    for _ in 0..options.rounds {
        for (gateway, rounds) in gateways.iter().zip(&mut all) {
            rounds.add(load(material, gateway, options));
        }
    }
    let mut text = header("By the length of the list");
    for ((length, gateway), rounds) in LENGTHS.iter().zip(&gateways).zip(&mut all) {
        text += &rounds.row(&format!("{length} entries"), gateway.most_memory());
    }
    text + "\n"
}

fn load(material: &Material, gateway: &Contender, options: &Options) -> Outcome {
    let time = Duration::from_secs(options.seconds.max(LEAST_SECONDS));
    load::run(material, CLIENT, gateway.address, time)
}

fn swapped(material: &Material, options: &Options) -> String {
    let list = material.path("swapped.crl");
    let prepared = ["even.crl", "odd.crl"].map(|name| (name, name.len() as u64));
    let prepared = prepared.map(|(name, number)| material.list(name, LENGTHS[2], number));
    put(&prepared[0], &list);
    let revocation = "{ crls = [\"swapped.crl\"], refresh_secs = 1 }";
    let gateway = Contender::gateway(material, Some(revocation));
    let (mut still, mut swapping) = (Rounds::default(), Rounds::default());
    let (mut memory, mut swaps) = (0, 0);
    for round in 0..options.rounds {
        still.add(load(material, &gateway, options));
        if round == 0 {
            memory = gateway.most_memory();
        }
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let swapper = scope.spawn(|| swap(&prepared, &list, &over));
            swapping.add(load(material, &gateway, options));
            over.store(true, Ordering::Relaxed);
            swaps += swapper.join().expect("no panic");
        });
    }
    let mut text = header("While the list is swapped");
    text += &still.row("at rest, read every second", memory);
    text += &swapping.row("swapped every 2 s", gateway.most_memory());
    let longest = |rounds: &Rounds| Spread::of(rounds.longest.clone()).median;
    let rate = |rounds: &Rounds| Spread::of(rounds.rates.clone()).median;
    writeln!(
        text,
        "\n{swaps} swaps. Swapped to at rest: longest {:.2}, rate {:.2}.",
        longest(&swapping) / longest(&still),
        rate(&swapping) / rate(&still),
    )
    .expect("a text grows");
    text
}

/// Puts each of the two in the other's place in turn; tells how often.
fn swap(prepared: &[PathBuf; 2], list: &Path, over: &AtomicBool) -> usize {
    let mut swaps = 0;
    let mut last = Instant::now();
    while !over.load(Ordering::Relaxed) {
        if last.elapsed() >= SWAP_EVERY {
            swaps += 1;
            last = Instant::now();
            put(&prepared[swaps % 2], list);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    swaps
}

/// By renaming, which costs the load's core nothing.
fn put(prepared: &Path, list: &Path) {
    let next = list.with_extension("next");
    fs::hard_link(prepared, &next).expect("a link");
    fs::rename(next, list).expect("a rename");
}
