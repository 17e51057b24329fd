//! Horizontal bars of parts, with a legend above and the sum at their right.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, fitted, width_of};
use crate::report::text::number;

/// A bar.
#[derive(Clone, Debug)]
pub struct Stack {
    pub label: String,
    /// By the legend's order; 0 where there is none.
    pub parts: Vec<f64>,
    /// The sum.
    pub sum: String,
    /// What it is made of, for those who cannot tell the colours.
    pub parts_text: String,
}

/// A chart.
#[derive(Clone, Debug, Default)]
pub struct StackChart {
    /// For those who cannot see it.
    pub title: String,
    pub unit: String,
    /// What the parts are, with their classes in the style sheet.
    pub legend: Vec<(String, String)>,
    /// What the texts at the right are.
    pub column: String,
    pub stacks: Vec<Stack>,
}

const WIDTH: f64 = 1040.0;
const LABELS: f64 = 345.0;
const RIGHT: f64 = 700.0;
const SUM: f64 = 765.0;
const PARTS: f64 = 780.0;
const ROW: f64 = 23.0;
const BAR: f64 = 15.0;
const LEGEND_ROW: f64 = 20.0;

impl StackChart {
    pub fn draw(&self) -> String {
        let mut canvas = Canvas::new(WIDTH);
        let sums = self.stacks.iter().map(|stack| stack.parts.iter().sum());
        let axis = Axis::linear(sums.fold(0.0, f64::max), (LABELS + 12.0, RIGHT));
        let top = self.draw_legend(&mut canvas) + 14.0;
        let bottom = top + self.stacks.len() as f64 * ROW + 6.0;
        for tick in axis.ticks() {
            let x = axis.at(tick);
            canvas.line("grid", (x, top), (x, bottom));
            canvas.text("t-tick", Anchor::Middle, (x, bottom + 15.0), &number(tick));
        }
        canvas.text(
            "t-tick",
            Anchor::Start,
            (axis.at(0.0), bottom + 32.0),
            &self.unit,
        );
        canvas.text("t-head", Anchor::End, (SUM, top - 4.0), &self.column);
        for (at, stack) in self.stacks.iter().enumerate() {
            self.draw_stack(&mut canvas, &axis, stack, top + 3.0 + at as f64 * ROW);
        }
        canvas.finish(bottom + 40.0, &self.title)
    }

    /// Returns where it ends.
    fn draw_legend(&self, canvas: &mut Canvas) -> f64 {
        let start = LABELS + 12.0;
        let (mut x, mut y) = (start, 4.0);
        for (name, class) in &self.legend {
            let width = width_of(name) + 36.0;
            if x + width > WIDTH && x > start {
                (x, y) = (start, y + LEGEND_ROW);
            }
            canvas.rectangle(class, (x, y), (12.0, 12.0));
            canvas.text("t-label", Anchor::Start, (x + 17.0, y + 10.5), name);
            x += width;
        }
        y + LEGEND_ROW
    }

    fn draw_stack(&self, canvas: &mut Canvas, axis: &Axis, stack: &Stack, top: f64) {
        let middle = top + ROW / 2.0;
        let label = fitted(&stack.label, LABELS);
        canvas.text("t-label", Anchor::End, (LABELS, middle + 4.5), &label);
        let mut from = 0.0;
        for (part, (_, class)) in stack.parts.iter().zip(&self.legend) {
            let (start, end) = (axis.at(from), axis.at(from + part));
            if end - start > 0.3 {
                // A line of the ground between two parts, as colours alone may not tell them apart.
                let width = (end - start - 1.0).max(0.5);
                canvas.rectangle(class, (start, middle - BAR / 2.0), (width, BAR));
            }
            from += part;
        }
        canvas.text("t-value", Anchor::End, (SUM, middle + 4.5), &stack.sum);
        let parts = fitted(&stack.parts_text, WIDTH - PARTS);
        canvas.text("t-tick", Anchor::Start, (PARTS, middle + 4.5), &parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_one_another() {
        let legend = ["gateway", "nginx"].map(|name| (name.to_owned(), format!("k-{name}")));
        let stack = Stack {
            label: "a".to_owned(),
            parts: vec![25.0, 75.0],
            sum: "100".to_owned(),
            parts_text: String::new(),
        };
        let chart = StackChart {
            legend: legend.to_vec(),
            stacks: vec![stack],
            ..StackChart::default()
        };
        let svg = chart.draw();
        // From 357 to 700 for 0 to 100, with a pixel between.
        assert!(
            svg.contains("class=\"k-gateway\" x=\"357\" y=\"45\" width=\"84.8\""),
            "{svg}"
        );
        assert!(
            svg.contains("class=\"k-nginx\" x=\"442.8\" y=\"45\" width=\"256.2\""),
            "{svg}"
        );
    }

    #[test]
    fn a_long_legend_goes_on_in_another_row() {
        let legend: Vec<_> = (0..12)
            .map(|at| (format!("component {at}"), "k0".to_owned()))
            .collect();
        let svg = StackChart {
            legend,
            ..StackChart::default()
        }
        .draw();
        assert!(svg.contains("class=\"k0\" x=\"357\" y=\"24\""), "{svg}");
    }
}
