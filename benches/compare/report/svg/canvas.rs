//! A drawing that grows by shapes. In: coordinates in pixels, from the upper left. Out: SVG. What
//! is no number is drawn at 0, and text is escaped.

use crate::report::text::escape;

/// A drawing.
pub struct Canvas {
    width: f64,
    body: String,
}

/// Where a text stands by its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub fn new(width: f64) -> Self {
        Self {
            width,
            body: String::new(),
        }
    }

    pub fn rectangle(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let (x, y, width, height) = (at(x), at(y), at(width.max(0.0)), at(height.max(0.0)));
        self.body += &format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>\n"
        );
    }

    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x1, y1, x2, y2) = (at(x1), at(y1), at(x2), at(y2));
        self.body +=
            &format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n");
    }

    pub fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let (x, y, radius) = (at(x), at(y), at(radius));
        self.body += &format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>\n");
    }

    /// Through all points.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", at(*x), at(*y)))
            .collect();
        self.body += &format!(
            "<polyline class=\"{class}\" points=\"{}\"/>\n",
            points.join(" ")
        );
    }

    pub fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), words: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.body += &format!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{}\" y=\"{}\">{}</text>\n",
            at(x),
            at(y),
            escape(words)
        );
    }

    /// The drawing, with what it shows for those who cannot see it.
    pub fn finish(self, height: f64, title: &str) -> String {
        let (width, height, title) = (at(self.width), at(height), escape(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n{}</svg>\n",
            self.body
        )
    }
}

/// How wide a letter is on average, in a wide font: the page's is not known here.
const LETTER: f64 = 6.9;

/// How wide a text is, roughly.
pub fn width_of(words: &str) -> f64 {
    words.chars().count() as f64 * LETTER
}

/// Cut to a width, with an ellipsis.
pub fn fitted(words: &str, width: f64) -> String {
    if width_of(words) <= width {
        return words.to_owned();
    }
    let count = (width / LETTER).floor().max(2.0) as usize - 1;
    let cut: String = words.chars().take(count).collect();
    format!("{}…", cut.trim_end())
}

fn at(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_drawn_at_nothing() {
        assert_eq!(
            [f64::NAN, f64::INFINITY, 1.25, 3.0].map(at),
            ["0", "0", "1.2", "3"]
        );
    }

    #[test]
    fn text_cannot_leave_its_element() {
        let mut canvas = Canvas::new(10.0);
        canvas.text("a", Anchor::Start, (0.0, 0.0), "</text><script>");
        let svg = canvas.finish(10.0, "\"><b>");
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;"), "{svg}");
        assert!(svg.contains("aria-label=\"&quot;&gt;&lt;b&gt;\""), "{svg}");
    }

    #[test]
    fn a_long_label_ends_in_an_ellipsis() {
        assert_eq!(fitted("short", 100.0), "short");
        assert_eq!(fitted("as long as a label may be", 69.0), "as long a…");
    }
}
