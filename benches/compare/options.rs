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
    /// Makes what the boxes of the stack in `deploy/infra/bench/` are given.
    AwsMaterial(AwsMaterial),
    /// Everything against that stack, from its load box. Says what it costs, and asks.
    Aws(Aws),
    /// Two runs beside one another.
    Report(Report),
}

/// What is measured, wherever the paths are.
#[derive(Args, Clone)]
pub struct Scenario {
    /// Seconds of each measurement. The 2017 evaluation took 30.
    #[arg(long, default_value_t = 30.0, value_parser = amount)]
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

/// What is made for the stack.
#[derive(Args, Clone)]
pub struct AwsMaterial {
    /// A directory for it.
    pub directory: PathBuf,
    /// Where the stack will be.
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// The stack's name.
    #[arg(long, default_value = "countersign-bench")]
    pub stack: String,
}

/// How a run against the stack goes.
#[derive(Args, Clone)]
pub struct Aws {
    /// What `aws cloudformation describe-stacks --query 'Stacks[0].Outputs' --output json` printed.
    #[arg(long)]
    pub outputs: PathBuf,
    /// Where the caller's certificate and keys are.
    #[arg(long, default_value = ".")]
    pub material: PathBuf,
    #[command(flatten)]
    pub scenario: Scenario,
    /// Seconds for which each path is called before the first round.
    #[arg(long, default_value_t = 30.0, value_parser = amount)]
    pub warm_up: f64,
    /// Requests a second that API Gateway and Lambda serve at most; only for what it costs. 10000
    /// is what AWS lets an account have.
    #[arg(long, default_value_t = 10_000.0, value_parser = amount)]
    pub api_rate: f64,
    /// Authorities whose certificates are taken beside those that this machine trusts.
    #[arg(long)]
    pub ca: Option<PathBuf>,
    /// Does not ask.
    #[arg(long)]
    pub yes: bool,
    /// Where the results go.
    #[arg(long, default_value = "results")]
    pub out: PathBuf,
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

/// A number that is none of those below nothing, and not without end.
fn amount(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    match (0.0..=1e6).contains(&value) {
        true => Ok(value),
        false => Err("it is not between 0 and a million".to_owned()),
    }
}
