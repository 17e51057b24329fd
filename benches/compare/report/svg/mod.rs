//! Charts, drawn by hand. In: figures. Out: SVG for a page, whose style sheet has the colours.

mod axis;
mod bars;
mod canvas;
mod curves;
mod ratios;
mod stacks;

pub use axis::share_of_percentile;
pub use bars::{Bar, BarChart, Line};
pub use curves::{Curve, CurveChart, Mark};
pub use ratios::{Ratio, RatioChart};
pub use stacks::{Stack, StackChart};
