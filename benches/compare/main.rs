//! `countersign-bench`: the 2017 evaluation of API Gateway again, with the gateway in it, on one
//! machine.

mod extras;
mod interrupt;
mod load;
mod local;
mod machine;
mod options;
mod program;
mod progress;
mod results;
mod stage;

use clap::Parser as _;

use options::{Command, Options};

fn main() -> anyhow::Result<()> {
    // Both aws-lc-rs and ring may be linked, and rustls must be told.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Options::parse().command {
        Command::Local(options) => local::run(&options),
    }
}
