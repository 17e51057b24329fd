//! The gateway beside nginx and HAProxy. Out: a table.

use std::fmt::Write as _;
use std::time::Duration;

use rustls::HandshakeKind;

use crate::contender::Contender;
use crate::load::{self, Client};
use crate::material::Material;
use crate::options::Options;

const WARM_UP: Duration = Duration::from_millis(500);

const CASES: [(&str, Client); 8] = [
    ("P-256, TLS 1.3, full", client("P-256", "1.3", false)),
    ("P-256, TLS 1.3, resumed", client("P-256", "1.3", true)),
    ("RSA-2048, TLS 1.3, full", client("RSA-2048", "1.3", false)),
    (
        "RSA-2048, TLS 1.3, resumed",
        client("RSA-2048", "1.3", true),
    ),
    ("P-256, TLS 1.2, full", client("P-256", "1.2", false)),
    ("P-256, TLS 1.2, resumed", client("P-256", "1.2", true)),
    ("RSA-2048, TLS 1.2, full", client("RSA-2048", "1.2", false)),
    (
        "RSA-2048, TLS 1.2, resumed",
        client("RSA-2048", "1.2", true),
    ),
];

const fn client(key: &'static str, version: &'static str, resumes: bool) -> Client {
    Client {
        key: Some(key),
        version,
        resumes,
    }
}

/// What one round came to.
struct Round {
    rate: f64,
    /// Microseconds of the server's processor for a handshake.
    cost: f64,
    /// The part of its core that the server used.
    busy: f64,
}

/// All rounds of a contender in one case.
#[derive(Default)]
struct Score {
    rounds: Vec<Round>,
    served: usize,
    resumed: usize,
    errors: usize,
    first_error: Option<String>,
}

pub fn measure(material: &Material, options: &Options) -> String {
    let contenders = [
        Contender::gateway(material, None),
        Contender::nginx(material),
        Contender::haproxy(material),
    ];
    for one in &contenders {
        check(material, one);
    }
    let mut text = String::from(
        "## Side by side\n\nA connection without a certificate is served by none of them: tried \
         before. Where the server is not busy the load is the bound, and its cost is what to compare.\n\n\
         | Client's key, version | | Handshakes/s | ÷ nginx | ÷ HAProxy | CPU-µs each | ÷ nginx | ÷ HAProxy | Core used | Resumed | Errors |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (case, client) in CASES.iter().filter(|(case, _)| options.wants(case)) {
        text += &rows(
            case,
            &contenders,
            &scores(material, &contenders, *client, options),
        );
    }
    text + "\n"
}

/// A certificate opens it, and nothing else does.
fn check(material: &Material, contender: &Contender) {
    for version in ["1.2", "1.3"] {
        let with = client("P-256", version, false);
        let without = Client { key: None, ..with };
        let name = contender.name;
        let served = |client| load::served(material, client, contender.address);
        let kind = served(with).unwrap_or_else(|why| panic!("{name}, TLS {version}: {why}"));
        // One that is asked to say hello again has another cost.
        assert_eq!(kind, HandshakeKind::Full, "{name}");
        assert!(served(without).is_err(), "{name} asks for no certificate");
    }
}

fn scores(
    material: &Material,
    contenders: &[Contender; 3],
    client: Client,
    options: &Options,
) -> [Score; 3] {
    let mut scores = [(); 3].map(|()| Score::default());
    for one in contenders {
        load::run(material, client, one.address, WARM_UP);
    }
    let time = Duration::from_secs(options.seconds);
    for _ in 0..options.rounds {
        for (one, score) in contenders.iter().zip(&mut scores) {
            score.add(material, one, client, time);
        }
    }
    scores
}

impl Score {
    fn add(&mut self, material: &Material, one: &Contender, client: Client, time: Duration) {
        let before = one.processor_time();
        let outcome = load::run(material, client, one.address, time);
        let used = (one.processor_time() - before).as_secs_f64();
        self.rounds.push(Round {
            rate: outcome.rate(),
            cost: used * 1e6 / outcome.served.max(1) as f64,
            busy: used / outcome.took.as_secs_f64(),
        });
        self.served += outcome.served;
        self.resumed += outcome.resumed;
        self.errors += outcome.errors;
        self.first_error = self.first_error.take().or(outcome.first_error);
    }

    fn all(&self, what: fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(what).collect())
    }
}

/// Of some figures the median, the least and the most.
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self {
            median: all[all.len() / 2],
            least: all[0],
            most: all[all.len() - 1],
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} ({:.0}–{:.0})", self.median, self.least, self.most)
    }
}

fn rows(case: &str, contenders: &[Contender; 3], scores: &[Score; 3]) -> String {
    let rate = |score: &Score| score.all(|round| round.rate);
    let cost = |score: &Score| score.all(|round| round.cost);
    let [_, nginx, haproxy] = scores;
    let mut text = String::new();
    for (one, score) in contenders.iter().zip(scores) {
        let (own_rate, own_cost) = (rate(score), cost(score));
        let busy = score.all(|round| round.busy).median * 100.0;
        let resumed = 100.0 * score.resumed as f64 / score.served.max(1) as f64;
        let error = score.first_error.as_ref().map(|why| format!(" ({why})"));
        writeln!(
            text,
            "| {case} | {} | {own_rate} | {:.2} | {:.2} | {own_cost} | {:.2} | {:.2} | {busy:.0} % | {resumed:.1} % | {}{} |",
            one.name,
            own_rate.median / rate(nginx).median,
            own_rate.median / rate(haproxy).median,
            own_cost.median / cost(nginx).median,
            own_cost.median / cost(haproxy).median,
            score.errors,
            error.unwrap_or_default(),
        )
        .expect("a text grows");
    }
    text
}
