//! `countersign verify`: what the gateway would decide about a recorded request, the texts that
//! its signature is checked against, and where the signer's own differ.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::flow::explain::{Showing, explain, workings};
use crate::signature::{Comparison, Difference, KnownBody, Working, compare};

use super::{ConfigFile, recorded, routes};

/// A request to judge.
///
/// The request is one as HTTP/1.1 has it on the wire: request line, headers, an empty line, the
/// body. Lines of the head may end in LF alone. The signer's text is its canonical request or
/// its string to sign, which most signers log when told to, or what its HMAC is made of.
#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The request; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The signer's own canonical request, string to sign or signed text, to be compared.
    #[arg(long, value_name = "FILE")]
    theirs: Option<PathBuf>,
    /// A client certificate (PEM) that the caller would show.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The request came without TLS.
    #[arg(long)]
    plain: bool,
    /// When the request came, as 2026-01-31T12:00:00Z; now unless given.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Judges; 1 when the request would be refused.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let snapshot = super::open(&options.file.config)?;
    let identity = routes::identity(options.certificate.as_deref())?;
    let now = match &options.at {
        None => UtcTime::now(),
        Some(text) => UtcTime::parse_rfc3339(text)
            .with_context(|| format!("--at {text}: write it as 2026-01-31T12:00:00Z"))?,
    };
    let request = recorded::read(&read(&options.request)?)?;
    let call = Call::admit(&Parts {
        method: &request.method,
        target: request.target.as_bytes(),
        authority: None,
        headers: &request.headers,
        ended: request.body.is_empty(),
    });
    let call = match call {
        Ok(call) => call,
        Err(why) => bail!("refused: 400 malformed_request: {}", why.0),
    };
    let showing = Showing {
        identity: identity.as_ref(),
        secure: !options.plain,
        body: match request.body.is_empty() {
            true => KnownBody::Empty,
            false => KnownBody::Whole(&request.body),
        },
        now,
    };
    let explanation = explain(&snapshot, &call, &showing);
    print!("{}", explanation.text);
    let texts = match workings(&snapshot, &call, &showing) {
        None => Vec::new(),
        Some(Ok(texts)) => texts,
        Some(Err(refusal)) => {
            println!("\nThere is nothing to compare: {}.", refusal.detail());
            Vec::new()
        }
    };
    for text in &texts {
        print_working(text);
    }
    if let Some(file) = &options.theirs {
        print_comparison(&texts, file)?;
    }
    Ok(ExitCode::from(u8::from(!explanation.served)))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    /// More than any request that is looked at by a person.
    const MAX_BYTES: u64 = 64 * 1024 * 1024;
    let mut bytes = Vec::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().take(MAX_BYTES).read_to_end(&mut bytes),
        false => {
            std::fs::File::open(file).and_then(|open| open.take(MAX_BYTES).read_to_end(&mut bytes))
        }
    };
    read.with_context(|| file.display().to_string())?;
    Ok(bytes)
}

fn print_working(working: &Working) {
    println!("\n{}, as the gateway sees it:", working.kind.as_str());
    for line in working.text.split('\n') {
        println!("    {line}");
    }
}

fn print_comparison(texts: &[Working], file: &Path) -> anyhow::Result<()> {
    let theirs = String::from_utf8_lossy(&read(file)?).into_owned();
    match compare(texts, &theirs) {
        None => println!(
            "\n{}: there is no such text to compare it with.",
            file.display()
        ),
        Some(Comparison::Same(kind)) => println!(
            "\nThe signer's {} is the same. If the signature is wrong all the same, the key \
             differs: another secret, or one derived for another day, region or service.",
            kind.as_str()
        ),
        Some(Comparison::Different(difference)) => print_difference(&difference),
    }
    Ok(())
}

fn print_difference(difference: &Difference) {
    let Difference {
        kind,
        line,
        part,
        ours,
        theirs,
        cause,
    } = difference;
    let shown = |text: &Option<String>| match text {
        Some(text) => text.clone(),
        None => "(nothing: the text has ended)".to_owned(),
    };
    println!(
        "\nThe {} first differs in line {line}, {part}:",
        kind.as_str()
    );
    println!("    gateway  {}", shown(ours));
    println!("    signer   {}", shown(theirs));
    println!("    likely   {cause}");
}
