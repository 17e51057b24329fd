//! Figures that are none of requests a second.
