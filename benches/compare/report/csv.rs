//! Every measurement, a line each, for other programs.

use super::sections::{LOAD, total_of};
use crate::results::{Loop, PathResult, Round, Run};

const HEAD: &str = "path,family,file,body_bytes,loop,asked_per_second,round,seconds,served,failed,\
    served_per_second,p50_us,p90_us,p99_us,p999_us,max_us,cpu_us_per_request,memory_bytes\n";

/// A path × file × loop × round a line. Processor time and memory are of all but the load.
pub fn lines(run: &Run) -> String {
    let mut lines = HEAD.to_owned();
    for path in &run.paths {
        for measured in path.closed.iter().chain(&path.open) {
            for (at, round) in measured.rounds.iter().enumerate() {
                lines += &line(path, measured, at, round);
            }
        }
    }
    lines
}

fn line(path: &PathResult, measured: &Loop, at: usize, round: &Round) -> String {
    let counted = round.memory.iter().filter(|component| component.0 != LOAD);
    let memory: Vec<u64> = counted.map(|component| *component.1).collect();
    let latency = &round.latency;
    let family = serde_json::to_value(path.family).unwrap_or_default();
    let fields = [
        field(&path.name),
        field(family.as_str().unwrap_or_default()),
        field(&measured.file),
        measured.bytes.to_string(),
        if measured.rate.is_some() {
            "open"
        } else {
            "closed"
        }
        .to_owned(),
        measured.rate.map_or(String::new(), |rate| rate.to_string()),
        (at + 1).to_string(),
        figure(round.seconds),
        round.served.to_string(),
        round.failed.values().sum::<u64>().to_string(),
        figure(round.rate()),
        figure(latency.p50),
        figure(latency.p90),
        figure(latency.p99),
        figure(latency.p999),
        figure(latency.max),
        total_of(round).map_or(String::new(), figure),
        match memory.is_empty() {
            true => String::new(),
            false => memory.iter().sum::<u64>().to_string(),
        },
    ];
    fields.join(",") + "\n"
}

/// Nothing where there is no number.
fn figure(value: f64) -> String {
    match value.is_finite() {
        true => format!("{value:.3}"),
        false => String::new(),
    }
}

/// Quoted where it must be, as RFC 4180 has it.
fn field(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be() {
        for (text, quoted) in [
            ("/", "/"),
            ("a,b", "\"a,b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
        ] {
            assert_eq!(field(text), quoted);
        }
        assert_eq!([figure(1.0), figure(f64::NAN)], ["1.000", ""]);
    }
}
