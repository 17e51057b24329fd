//! Figures that are none of requests a second: handshakes, what idle connections take, a large
//! signed upload, and a reload under load. In: a path that is up. Out: figures with their units.

mod duration;
mod handshakes;
mod idle;
mod reload;
mod upload;

use std::time::Duration;

use crate::checks::Checks;
use crate::load::Caller;
use crate::results::{Extra, Family};
use crate::stage::{Ground, PathKind, Stand};

/// A path as the figures need it.
pub struct Subject<'a> {
    pub path: &'a PathKind,
    pub stand: &'a Stand,
    pub caller: &'a Caller,
}

/// How much of each.
#[derive(Clone, Copy)]
pub struct Amounts {
    /// Of each loop.
    pub time: Duration,
    /// Connections that stay idle, in rising numbers.
    pub idle: [usize; 2],
    /// Of the upload, in bytes.
    pub upload: u64,
}

impl Amounts {
    /// As the results are published.
    pub const WHOLE: Self = Self {
        time: Duration::from_secs(5),
        idle: [1000, 9000],
        upload: 1 << 30,
    };
    /// As long as it takes to see that all of it works.
    pub const SMOKE: Self = Self {
        time: Duration::from_millis(500),
        idle: [50, 100],
        upload: 8 << 20,
    };
}

pub use duration::duration_of;

type Measure = fn(&Ground, &Subject<'_>, Amounts) -> anyhow::Result<Vec<Extra>>;

/// Everything that says something about a path, with what to call it.
pub fn of(path: &PathKind) -> Vec<(&'static str, Measure)> {
    let Checks { tls, signature, .. } = path.checks;
    let can_reload = path.name == "gateway-mtls" || path.name == "nginx-mtls";
    let is_ours = path.name.starts_with("gateway");
    let ends_tls = tls && signature.is_none() && path.family != Family::Lambda;
    let all: [(&str, bool, Measure); 5] = [
        ("handshakes", ends_tls, handshakes::measure),
        ("idle connections", ends_tls, idle::measure),
        (
            "how long a function takes",
            path.family == Family::Lambda,
            duration::measure,
        ),
        (
            "a signed upload",
            is_ours && path.name.ends_with("sigv4"),
            upload::measure,
        ),
        ("reloads under load", can_reload, reload::measure),
    ];
    let wanted = all.into_iter().filter(|(_, wanted, _)| *wanted);
    wanted.map(|(what, _, measure)| (what, measure)).collect()
}

/// A figure.
fn extra(subject: &Subject<'_>, what: &str, value: f64, unit: &str, note: &str) -> Extra {
    extra_of(subject.path.name, what, value, unit, note)
}

fn extra_of(path: &str, what: &str, value: f64, unit: &str, note: &str) -> Extra {
    Extra {
        what: what.to_owned(),
        path: path.to_owned(),
        value,
        unit: unit.to_owned(),
        note: note.to_owned(),
    }
}
