//! Horizontal bars with whiskers, under headings, with columns of text at their right: a table
//! that shows its first column.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, fitted, width_of};
use crate::report::text::number;

/// A bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Stands above it, where a group begins.
    pub heading: Option<String>,
    pub label: String,
    /// Of the style sheet, for the colour.
    pub class: &'static str,
    pub value: f64,
    /// The least and the most.
    pub spread: (f64, f64),
    /// One for each column.
    pub texts: Vec<String>,
}

/// A line through all bars, at a value.
#[derive(Clone, Debug)]
pub struct Line {
    pub value: f64,
    pub label: String,
}

/// A chart.
#[derive(Clone, Debug, Default)]
pub struct BarChart {
    /// For those who cannot see it.
    pub title: String,
    /// What the axis counts.
    pub unit: String,
    /// Heads of the columns at the right.
    pub columns: Vec<String>,
    pub bars: Vec<Bar>,
    pub line: Option<Line>,
}

const WIDTH: f64 = 1040.0;
const LABELS: f64 = 345.0;
const COLUMN: f64 = 88.0;
const ROW: f64 = 23.0;
const BAR: f64 = 13.0;
const HEADING: f64 = 26.0;
const TOP: f64 = 24.0;

impl BarChart {
    pub fn draw(&self) -> String {
        let mut canvas = Canvas::new(WIDTH);
        let right = WIDTH - COLUMN * self.columns.len() as f64 - 16.0;
        let axis = Axis::linear(self.most(), (LABELS + 12.0, right));
        let top = if self.line.is_some() { TOP + 18.0 } else { TOP };
        let bottom = top + self.rows_height();
        self.draw_grid(&mut canvas, &axis, (top, bottom));
        for (at, head) in self.columns.iter().enumerate() {
            canvas.text("t-head", Anchor::End, (self.column(at), top - 8.0), head);
        }
        let mut y = top;
        for bar in &self.bars {
            if let Some(heading) = &bar.heading {
                canvas.text("t-group", Anchor::End, (LABELS, y + HEADING - 8.0), heading);
                y += HEADING;
            }
            self.draw_bar(&mut canvas, &axis, bar, y);
            y += ROW;
        }
        self.draw_line(&mut canvas, &axis, (top, bottom));
        canvas.finish(bottom + 40.0, &self.title)
    }

    fn most(&self) -> f64 {
        let values = self.bars.iter().map(|bar| bar.spread.1.max(bar.value));
        values
            .chain(self.line.iter().map(|line| line.value))
            .fold(0.0, f64::max)
    }

    fn rows_height(&self) -> f64 {
        let headings = self.bars.iter().filter(|bar| bar.heading.is_some()).count();
        self.bars.len() as f64 * ROW + headings as f64 * HEADING + 6.0
    }

    /// Where a column ends.
    fn column(&self, at: usize) -> f64 {
        WIDTH - COLUMN * (self.columns.len() - 1 - at) as f64
    }

    fn draw_grid(&self, canvas: &mut Canvas, axis: &Axis, (top, bottom): (f64, f64)) {
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
    }

    fn draw_bar(&self, canvas: &mut Canvas, axis: &Axis, bar: &Bar, top: f64) {
        let middle = top + ROW / 2.0;
        let (start, end) = (axis.at(0.0), axis.at(bar.value));
        let label = fitted(&bar.label, LABELS);
        canvas.text("t-label", Anchor::End, (LABELS, middle + 4.5), &label);
        canvas.rectangle(bar.class, (start, middle - BAR / 2.0), (end - start, BAR));
        let (least, most) = (axis.at(bar.spread.0), axis.at(bar.spread.1));
        if most - least > 1.0 {
            canvas.line("whisker", (least, middle), (most, middle));
            for x in [least, most] {
                canvas.line("whisker", (x, middle - 3.5), (x, middle + 3.5));
            }
        }
        for (at, text) in bar.texts.iter().enumerate().take(self.columns.len()) {
            let class = if at == 0 { "t-value" } else { "t-label" };
            canvas.text(class, Anchor::End, (self.column(at), middle + 4.5), text);
        }
    }

    fn draw_line(&self, canvas: &mut Canvas, axis: &Axis, (top, bottom): (f64, f64)) {
        let Some(line) = &self.line else { return };
        let x = axis.at(line.value);
        canvas.line("reference", (x, top - 12.0), (x, bottom));
        // At the side on which there is room.
        let has_room = x + width_of(&line.label) < WIDTH;
        let (anchor, x) = if has_room {
            (Anchor::Start, x - 3.0)
        } else {
            (Anchor::End, x + 3.0)
        };
        canvas.text("t-reference", anchor, (x, top - 18.0), &line.label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(value: f64, spread: (f64, f64)) -> Bar {
        let texts = vec!["1/s".to_owned(), "1.00".to_owned()];
        Bar {
            heading: None,
            label: "a <b>".to_owned(),
            class: "f-gateway",
            value,
            spread,
            texts,
        }
    }

    fn chart(bars: Vec<Bar>) -> BarChart {
        let columns = vec!["served".to_owned(), "÷ elb".to_owned()];
        BarChart {
            title: "a chart".to_owned(),
            columns,
            bars,
            ..BarChart::default()
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_value_and_its_whiskers_as_its_spread() {
        let svg = chart(vec![bar(50.0, (25.0, 100.0))]).draw();
        // From 357 to 848 for 0 to 100.
        assert!(svg.contains("x=\"357\" y=\"29\" width=\"245.5\""), "{svg}");
        assert!(
            svg.contains("class=\"whisker\" x1=\"479.8\" y1=\"35.5\" x2=\"848\""),
            "{svg}"
        );
        assert!(svg.contains("a &lt;b&gt;"), "{svg}");
    }

    #[test]
    fn nothing_served_is_a_bar_without_length_or_whiskers() {
        let svg = chart(vec![bar(0.0, (f64::INFINITY, 0.0))]).draw();
        assert!(svg.contains("width=\"0\""), "{svg}");
        assert!(
            !svg.contains("whisker") && !svg.contains("inf") && !svg.contains("NaN"),
            "{svg}"
        );
    }

    #[test]
    fn a_line_is_labelled_on_the_side_with_room() {
        let mut chart = chart(vec![bar(50.0, (50.0, 100.0))]);
        for (value, anchor) in [(10.0, "start"), (100.0, "end")] {
            let label = "22 % of elb: API Gateway, 2017 evaluation".to_owned();
            chart.line = Some(Line { value, label });
            let svg = chart.draw();
            assert!(
                svg.contains(&format!("class=\"t-reference\" text-anchor=\"{anchor}\"")),
                "{svg}"
            );
        }
    }
}
