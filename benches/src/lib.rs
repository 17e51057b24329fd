//! Benches of Countersign; the micro-benches are in `micro/`.
