//! Curves over a logarithmic scale, each labelled at its end, with marked points.

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, fitted, width_of};

/// A curve.
#[derive(Clone, Debug)]
pub struct Curve {
    pub label: String,
    /// Stands behind the label, and is never cut.
    pub note: String,
    /// Of the style sheet: colour and dashes.
    pub class: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

/// A point with words.
#[derive(Clone, Debug)]
pub struct Mark {
    pub point: (f64, f64),
    pub label: String,
    /// Whether the words stand above the point and at its left, or below and at its right.
    pub is_above: bool,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct CurveChart {
    /// For those who cannot see it.
    pub title: String,
    /// From where to where, and whether by the logarithm.
    pub x: (f64, f64),
    pub is_x_logarithmic: bool,
    pub x_ticks: Vec<(f64, String)>,
    pub x_title: String,
    pub y_title: String,
    pub y_text: fn(f64) -> String,
    pub curves: Vec<Curve>,
    pub marks: Vec<Mark>,
}

const WIDTH: f64 = 1040.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 650.0;
const TOP: f64 = 26.0;
const LABEL: f64 = 17.0;

impl CurveChart {
    pub fn draw(&self) -> String {
        let mut canvas = Canvas::new(WIDTH);
        let height = (self.curves.len() as f64 * LABEL).max(250.0);
        let bottom = TOP + height;
        let x = match self.is_x_logarithmic {
            true => Axis::logarithmic(self.x, (LEFT, RIGHT)),
            false => Axis::plain(self.x, (LEFT, RIGHT)),
        };
        let y = Axis::logarithmic(self.range(), (bottom, TOP));
        self.draw_grid(&mut canvas, &x, &y, bottom);
        for curve in &self.curves {
            let points = curve
                .points
                .iter()
                .map(|point| (x.at(point.0), y.at(point.1)));
            canvas.path(
                &format!("curve {}", curve.class),
                &points.collect::<Vec<_>>(),
            );
        }
        self.draw_labels(&mut canvas, &x, &y, bottom);
        for mark in &self.marks {
            draw_mark(&mut canvas, (x.at(mark.point.0), y.at(mark.point.1)), mark);
        }
        canvas.finish(bottom + 44.0, &self.title)
    }

    /// From the least to the most of all curves, with a little air.
    fn range(&self) -> (f64, f64) {
        let values = self
            .curves
            .iter()
            .flat_map(|curve| &curve.points)
            .map(|point| point.1);
        let values = values.filter(|value| value.is_finite() && *value > 0.0);
        let (least, most) = values
            .fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), value| {
                (least.min(value), most.max(value))
            });
        (least / 1.25, most * 1.25)
    }

    fn draw_grid(&self, canvas: &mut Canvas, x: &Axis, y: &Axis, bottom: f64) {
        for (tick, words) in &self.x_ticks {
            let at = x.at(*tick);
            canvas.line("grid", (at, TOP), (at, bottom));
            canvas.text("t-tick", Anchor::Middle, (at, bottom + 16.0), words);
        }
        for tick in y.ticks() {
            let at = y.at(tick);
            canvas.line("grid", (LEFT, at), (RIGHT, at));
            canvas.text(
                "t-tick",
                Anchor::End,
                (LEFT - 8.0, at + 4.0),
                &(self.y_text)(tick),
            );
        }
        canvas.line("frame", (LEFT, bottom), (RIGHT, bottom));
        canvas.text(
            "t-tick",
            Anchor::Start,
            (LEFT, bottom + 35.0),
            &self.x_title,
        );
        canvas.text("t-tick", Anchor::Start, (0.0, TOP - 12.0), &self.y_title);
    }

    fn draw_labels(&self, canvas: &mut Canvas, x: &Axis, y: &Axis, bottom: f64) {
        let ends = self.curves.iter().filter_map(|curve| {
            let end = curve.points.last()?;
            Some(((x.at(end.0), y.at(end.1)), curve))
        });
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by(|a, b| f64::total_cmp(&a.0.1, &b.0.1));
        let wanted: Vec<f64> = ends.iter().map(|end| end.0.1).collect();
        let heights = apart(&wanted, LABEL, (TOP, bottom));
        for ((end, curve), height) in ends.iter().zip(heights) {
            let stub = (RIGHT + 16.0, height);
            canvas.line("leader", *end, stub);
            let sample = [stub, (RIGHT + 44.0, height)];
            canvas.path(&format!("curve {}", curve.class), &sample);
            let room = WIDTH - RIGHT - 50.0 - width_of(&curve.note);
            let words = fitted(&curve.label, room) + &curve.note;
            canvas.text(
                "t-label",
                Anchor::Start,
                (RIGHT + 50.0, height + 4.5),
                &words,
            );
        }
    }
}

fn draw_mark(canvas: &mut Canvas, (x, y): (f64, f64), mark: &Mark) {
    canvas.circle("mark", (x, y), 4.5);
    let (anchor, at) = match mark.is_above {
        true => (Anchor::End, (x - 7.0, y - 7.0)),
        false => (Anchor::Start, (x + 6.0, y + 17.0)),
    };
    canvas.text("t-mark", anchor, at, &mark.label);
}

/// Rising heights, moved so that each is a distance from the next and all are within bounds, if
/// there is room.
fn apart(wanted: &[f64], distance: f64, bounds: (f64, f64)) -> Vec<f64> {
    let mut heights: Vec<f64> = wanted.to_vec();
    let mut least = bounds.0;
    for height in &mut heights {
        *height = height.max(least);
        least = *height + distance;
    }
    let mut most = bounds.1;
    for height in heights.iter_mut().rev() {
        *height = height.min(most);
        most = *height - distance;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_distance_and_their_bounds() {
        for (wanted, heights) in [
            (vec![10.0, 50.0], vec![10.0, 50.0]),
            (vec![10.0, 11.0, 12.0], vec![10.0, 20.0, 30.0]),
            (vec![98.0, 99.0, 100.0], vec![80.0, 90.0, 100.0]),
            (vec![], vec![]),
        ] {
            assert_eq!(apart(&wanted, 10.0, (0.0, 100.0)), heights);
        }
    }

    #[test]
    fn a_curve_without_points_is_no_trouble() {
        let curve = Curve {
            label: "none".to_owned(),
            note: String::new(),
            class: "c".to_owned(),
            points: vec![],
        };
        let chart = CurveChart {
            title: String::new(),
            x: (0.0, 3.0),
            is_x_logarithmic: false,
            x_ticks: vec![(1.0, "90 %".to_owned())],
            x_title: String::new(),
            y_title: String::new(),
            y_text: |value| value.to_string(),
            curves: vec![curve],
            marks: vec![],
        };
        let svg = chart.draw();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
