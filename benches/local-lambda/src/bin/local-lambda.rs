//! One Python function on a loopback address, as a program of its own, so that its processor time
//! is not that of whoever invokes it. Says each cold start and ends, with all that it has started,
//! when it is told to.

use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use countersign_local_lambda::{Function, LocalLambda};
use nix::sys::signal::{SigSet, Signal};

/// Serves AWS Lambda's API on loopback.
#[derive(Parser)]
struct Options {
    /// A handler of `functions/`, e.g. `relay`.
    #[arg(long)]
    function: String,
    /// Decides on the share of a processor, too, where the machine permits that.
    #[arg(long, default_value_t = 128)]
    memory: u32,
    /// How many invocations run at once.
    #[arg(long, default_value_t = 1)]
    sandboxes: usize,
    /// How long callers queue for a sandbox, in seconds, before they are told 429.
    #[arg(long, default_value_t = 60)]
    max_wait: u64,
    /// A free one is taken for 0.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// What the function finds in its environment, as NAME=VALUE.
    #[arg(long = "environment", value_parser = pair)]
    environment: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> nix::Result<()> {
    let options = Options::parse();
    // Before there are threads, so that none of them is ended by these.
    let ends = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
    ends.thread_block()?;
    let (tell, cold_starts) = mpsc::channel();
    let mut function = Function::python(&options.function);
    function.environment.extend(options.environment);
    function.memory_mb = options.memory;
    function.sandboxes = options.sandboxes;
    function.max_wait = Duration::from_secs(options.max_wait);
    function.holds_processor_share = true;
    function.is_remembered = false;
    function.cold_starts = Some(tell);
    let lambda = LocalLambda::start_on(options.port, vec![function]);
    println!("{}", lambda.address());
    std::thread::spawn(move || {
        for took in cold_starts {
            println!("cold start: {} ms", took.as_millis());
        }
    });
    ends.wait()?;
    Ok(())
}
