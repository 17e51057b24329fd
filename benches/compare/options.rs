//! What the command line says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Compares ways to a private server: itself, a load balancer, Countersign, other gateways, Lambda.
#[derive(Parser)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Everything on this machine, over loopback.
    Local(Local),
    /// Two runs beside one another.
    Report(Report),
}

/// What is measured, wherever the paths are.
#[derive(Args, Clone)]
pub struct Scenario {
    /// Seconds of each measurement. The 2017 evaluation took 30.
    #[arg(long, default_value_t = 30.0)]
    pub duration: f64,
    /// Connections at once, as in 2017.
    #[arg(long, default_value_t = 50)]
    pub connections: usize,
    /// Rounds over all paths, interleaved; their medians are told.
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Requests a second of the open loop, on `/child/random.txt`; none leaves it out.
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 4000])]
    pub rates: Vec<u64>,
    /// Only the paths whose names hold one of these texts.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Not the paths whose names hold one of these texts.
    #[arg(long, value_delimiter = ',')]
    pub skip: Vec<String>,
    /// Only the files whose targets hold one of these texts.
    #[arg(long, value_delimiter = ',')]
    pub files: Vec<String>,
}

/// How a run on this machine goes.
#[derive(Args, Clone)]
pub struct Local {
    #[command(flatten)]
    pub scenario: Scenario,
    /// Leaves out handshakes, idle connections, the upload and the reload.
    #[arg(long)]
    pub no_extras: bool,
    /// Fails where something is missing or cannot be measured.
    #[arg(long)]
    pub strict: bool,
    /// Lists the paths and ends.
    #[arg(long)]
    pub list: bool,
    /// Where the results go; a directory of their own under `benches/results` unless given.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Which runs are compared.
#[derive(Args, Clone)]
pub struct Report {
    /// The directory of the first run's results.
    pub a: PathBuf,
    /// That of the second's.
    pub b: PathBuf,
    /// Where the comparison goes.
    #[arg(long, default_value = "comparison")]
    pub out: PathBuf,
}

impl Scenario {
    /// Whether a path is to be measured.
    pub fn takes(&self, path: &str) -> bool {
        let holds = |texts: &[String]| texts.iter().any(|text| path.contains(text.as_str()));
        (self.only.is_empty() || holds(&self.only)) && !holds(&self.skip)
    }

    /// Whether a file is to be asked for.
    pub fn takes_file(&self, target: &str) -> bool {
        let mut texts = self.files.iter();
        // "/" alone would be in all of them.
        self.files.is_empty()
            || texts.any(|text| {
                if text == "/" {
                    target == "/"
                } else {
                    target.contains(text.as_str())
                }
            })
    }
}
