//! Where a value stands on an axis, and where its ticks do. Pure.

/// Values from one to another over pixels from one to another.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    values: (f64, f64),
    pixels: (f64, f64),
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// With ticks so far apart; none at all if that is 0.
    Linear(f64),
    Logarithmic,
}

impl Axis {
    /// From 0 to at least a value, ending at a round number.
    pub fn linear(most: f64, pixels: (f64, f64)) -> Self {
        let most = if most.is_finite() && most > 0.0 {
            most
        } else {
            1.0
        };
        let step = step_of(most);
        let end = (most / step).ceil() * step;
        Self {
            values: (0.0, end),
            pixels,
            kind: Kind::Linear(step),
        }
    }

    /// Between two values as they are, without ticks.
    pub fn plain(values: (f64, f64), pixels: (f64, f64)) -> Self {
        Self {
            values,
            pixels,
            kind: Kind::Linear(0.0),
        }
    }

    /// Between two values, by their logarithm. What is not above 0 stands at the start.
    pub fn logarithmic(values: (f64, f64), pixels: (f64, f64)) -> Self {
        let least = if values.0.is_finite() && values.0 > 0.0 {
            values.0
        } else {
            1.0
        };
        let most = if values.1.is_finite() && values.1 > least {
            values.1
        } else {
            least * 10.0
        };
        Self {
            values: (least, most),
            pixels,
            kind: Kind::Logarithmic,
        }
    }

    /// The pixel of a value; values beyond the ends stand at the ends.
    pub fn at(&self, value: f64) -> f64 {
        let (least, most) = self.values;
        let share = match self.kind {
            Kind::Logarithmic => (value / least).ln() / (most / least).ln(),
            Kind::Linear(_) => (value - least) / (most - least),
        };
        // A value that is none, or has no logarithm, is at the start.
        let share = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Round values within: a handful if linear, or 1, 2, 5, 10 … if logarithmic, 1, 10, 100 … if
    /// it spans more than three decades.
    pub fn ticks(&self) -> Vec<f64> {
        let (least, most) = self.values;
        if let Kind::Linear(step) = self.kind {
            let count = if step > 0.0 {
                (most / step).round() as u32 + 1
            } else {
                0
            };
            return (0..count).map(|tick| f64::from(tick) * step).collect();
        }
        let steps: &[f64] = if most / least > 1e3 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let decades = least.log10().floor() as i32..=most.log10().ceil() as i32;
        let all =
            decades.flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
        // Rounding must not lose a tick at an end.
        all.filter(|tick| (least * 0.9999..=most * 1.0001).contains(tick))
            .collect()
    }
}

/// Where a percentile stands, so that 90, 99 and 99.9 are equally far apart: the logarithm of how
/// many are slower. 0 for a share of 0; what is faster than half takes little room.
pub fn share_of_percentile(share: f64) -> f64 {
    -(1.0 - share.clamp(0.0, 0.999_99)).log10()
}

/// 1, 2 or 5 times a power of ten, so that four to eight of it make up the value.
fn step_of(most: f64) -> f64 {
    let decade = 10f64.powf(most.log10().floor());
    let step = match most / decade {
        share if share < 1.5 => 0.2,
        share if share < 3.0 => 0.5,
        share if share < 8.0 => 1.0,
        _ => 2.0,
    };
    step * decade
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_few() {
        for (most, ticks) in [
            (1.0, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
            (2.6, vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
            (37_000.0, vec![0.0, 10_000.0, 20_000.0, 30_000.0, 40_000.0]),
            (f64::NAN, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ] {
            let is = Axis::linear(most, (0.0, 100.0)).ticks();
            assert_eq!(is.len(), ticks.len(), "{most}: {is:?}");
            assert!(
                is.iter()
                    .zip(&ticks)
                    .all(|(is, tick)| (is - tick).abs() < 1e-9),
                "{is:?}"
            );
        }
    }

    #[test]
    fn logarithmic_ticks_are_decades_or_their_parts() {
        let ticks = |values| Axis::logarithmic(values, (0.0, 100.0)).ticks();
        assert_eq!(ticks((1e6, 1e10)), [1e6, 1e7, 1e8, 1e9, 1e10]);
        assert_eq!(ticks((40.0, 600.0)), [50.0, 100.0, 200.0, 500.0]);
    }

    #[test]
    fn a_value_stands_between_the_ends() {
        let linear = Axis::linear(1.0, (100.0, 200.0));
        assert_eq!(
            [0.0, 0.5, 2.0, f64::NAN].map(|value| linear.at(value)),
            [100.0, 150.0, 200.0, 100.0]
        );
        let logarithmic = Axis::logarithmic((1.0, 100.0), (0.0, 100.0));
        assert_eq!(
            [0.0, 1.0, 10.0, 1e9].map(|value| logarithmic.at(value)),
            [0.0, 0.0, 50.0, 100.0]
        );
        let upward = Axis::logarithmic((1.0, 100.0), (100.0, 0.0));
        assert_eq!(upward.at(1.0), 100.0);
    }

    #[test]
    fn percentiles_are_as_far_apart_as_their_nines() {
        let at = [0.0, 0.9, 0.99, 0.999].map(share_of_percentile);
        assert!(
            at.iter()
                .zip([0.0, 1.0, 2.0, 3.0])
                .all(|(is, should)| (is - should).abs() < 1e-9)
        );
        assert!(share_of_percentile(1.0).is_finite());
    }
}
