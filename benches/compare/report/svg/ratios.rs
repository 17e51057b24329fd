//! Points with whiskers about the line of 1, on a logarithmic scale: twice as much is as far from
//! it as half.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, fitted};
use crate::report::text::times;

/// A point.
#[derive(Clone, Debug)]
pub struct Ratio {
    pub label: String,
    pub value: f64,
    /// The least and the most.
    pub spread: (f64, f64),
    /// Of the style sheet.
    pub class: &'static str,
    pub text: String,
}

/// A chart.
#[derive(Clone, Debug, Default)]
pub struct RatioChart {
    /// For those who cannot see it.
    pub title: String,
    /// What the axis says, e.g. `B ÷ A`.
    pub unit: String,
    pub ratios: Vec<Ratio>,
}

const WIDTH: f64 = 1040.0;
const LABELS: f64 = 345.0;
const RIGHT: f64 = 940.0;
const ROW: f64 = 23.0;
const TOP: f64 = 8.0;

impl RatioChart {
    pub fn draw(&self) -> String {
        let mut canvas = Canvas::new(WIDTH);
        let bottom = TOP + self.ratios.len() as f64 * ROW + 6.0;
        let reach = self.reach();
        let axis = Axis::logarithmic((1.0 / reach, reach), (LABELS + 16.0, RIGHT));
        for tick in ticks(reach) {
            let x = axis.at(tick);
            let class = if tick == 1.0 { "frame" } else { "grid" };
            canvas.line(class, (x, TOP), (x, bottom));
            canvas.text("t-tick", Anchor::Middle, (x, bottom + 15.0), &times(tick));
        }
        let unit = (axis.at(1.0), bottom + 32.0);
        canvas.text("t-tick", Anchor::Middle, unit, &self.unit);
        for (at, ratio) in self.ratios.iter().enumerate() {
            draw_ratio(&mut canvas, &axis, ratio, TOP + (at as f64 + 0.5) * ROW);
        }
        canvas.finish(bottom + 40.0, &self.title)
    }

    /// How far from 1 the farthest is, as a factor.
    fn reach(&self) -> f64 {
        let values = self
            .ratios
            .iter()
            .flat_map(|ratio| [ratio.spread.0, ratio.spread.1]);
        let factors = values.map(|value| if value < 1.0 { 1.0 / value } else { value });
        let finite = factors.filter(|factor| factor.is_finite());
        finite.fold(1.1, f64::max) * 1.05
    }
}

fn draw_ratio(canvas: &mut Canvas, axis: &Axis, ratio: &Ratio, middle: f64) {
    let label = fitted(&ratio.label, LABELS);
    canvas.text("t-label", Anchor::End, (LABELS, middle + 4.5), &label);
    let (least, most) = (axis.at(ratio.spread.0), axis.at(ratio.spread.1));
    canvas.line("whisker", (least, middle), (most, middle));
    for x in [least, most] {
        canvas.line("whisker", (x, middle - 3.5), (x, middle + 3.5));
    }
    canvas.circle(ratio.class, (axis.at(ratio.value), middle), 5.0);
    canvas.text("t-value", Anchor::End, (WIDTH, middle + 4.5), &ratio.text);
}

/// Factors on both sides of 1 that are within reach, the finer ones where it is near.
fn ticks(reach: f64) -> Vec<f64> {
    let above: &[f64] = match reach {
        _ if reach < 1.3 => &[1.05, 1.1, 1.2],
        _ if reach < 2.5 => &[1.2, 1.5, 2.0],
        _ if reach < 12.0 => &[2.0, 5.0, 10.0],
        _ => &[10.0, 100.0, 1000.0],
    };
    let above = above.iter().copied().filter(|factor| *factor <= reach);
    let above: Vec<f64> = above.collect();
    let below = above.iter().rev().map(|factor| 1.0 / factor);
    below.chain([1.0]).chain(above.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_as_far_on_both_sides() {
        assert_eq!(ticks(2.1), [0.5, 1.0 / 1.5, 1.0 / 1.2, 1.0, 1.2, 1.5, 2.0]);
        assert_eq!(ticks(1.06), [1.0 / 1.05, 1.0, 1.05]);
    }

    #[test]
    fn a_ratio_of_one_stands_in_the_middle() {
        let ratio = Ratio {
            label: "a".to_owned(),
            value: 1.0,
            spread: (0.5, 2.0),
            class: "p-grey",
            text: "1.00".to_owned(),
        };
        let ratios = vec![ratio];
        let svg = RatioChart {
            ratios,
            ..RatioChart::default()
        }
        .draw();
        // Between 361 and 940.
        assert!(svg.contains("class=\"p-grey\" cx=\"650.5\""), "{svg}");
    }

    #[test]
    fn nothing_and_all_are_no_trouble() {
        for spread in [(0.0, f64::INFINITY), (f64::NAN, f64::NAN)] {
            let ratio = Ratio {
                label: "a".to_owned(),
                value: f64::NAN,
                spread,
                class: "p-grey",
                text: "–".to_owned(),
            };
            let ratios = vec![ratio];
            let svg = RatioChart {
                ratios,
                ..RatioChart::default()
            }
            .draw();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
