//! How families of paths are told apart, and paths found.

use crate::results::{Family, Loop, PathResult, Run};

/// What stands for a load balancer.
pub const BALANCER: &str = "elb";
/// The private server alone.
pub const DIRECT: &str = "direct";
/// The gateway with both of its checks.
pub const CHECKED: &str = "gateway-mtls-sigv4";
/// What must stand wherever an emulator's figures do.
pub const EMULATOR: &str = "emulator: shows wiring, not AWS speed";

/// What a reader calls a family.
pub fn title(family: Family) -> &'static str {
    match family {
        Family::Baseline => "Private server",
        Family::Gateway => "Countersign",
        Family::Peer => "Other servers",
        Family::Lambda => "Countersign and functions",
        Family::Emulator => "Emulators",
        Family::Aws => "AWS itself",
    }
}

/// Of the style sheet, for an area.
pub fn area(family: Family) -> &'static str {
    match family {
        Family::Baseline => "f-baseline",
        Family::Gateway => "f-gateway",
        Family::Peer => "f-peer",
        Family::Lambda => "f-lambda",
        Family::Emulator => "f-emulator",
        Family::Aws => "f-aws",
    }
}

/// Of the style sheet, for a curve: its family's colour, and dashes by its place in the family.
pub fn curve(run: &Run, path: &PathResult) -> String {
    let family = run.paths.iter().filter(|other| other.family == path.family);
    let place = family.take_while(|other| other.name != path.name).count();
    format!("{} d{}", area(path.family).replace("f-", "c-"), place % 6)
}

/// The path's label; an emulator's says that it is one.
pub fn label(path: &PathResult) -> String {
    match path.family {
        Family::Emulator => format!("{} ({EMULATOR})", path.label),
        _ => path.label.clone(),
    }
}

/// Paths whose speed means something, with what a figure's caption adds: those that reach a
/// server, and those that reach functions, which take so much longer that one scale cannot show
/// both.
pub fn scales(run: &Run) -> [(&'static str, Vec<&PathResult>); 2] {
    let (functions, servers) = real(run).partition(|path| path.family == Family::Lambda);
    [("", servers), (", functions", functions)]
}

/// Paths whose speed means something.
pub fn real(run: &Run) -> impl Iterator<Item = &PathResult> {
    run.paths
        .iter()
        .filter(|path| path.family != Family::Emulator)
}

/// Whether it ran on AWS, where nobody sees what the parts of a path take.
pub fn is_on_aws(run: &Run) -> bool {
    run.paths.iter().any(|path| path.family == Family::Aws)
}

/// The path of this name.
pub fn path<'a>(run: &'a Run, name: &str) -> Option<&'a PathResult> {
    run.paths.iter().find(|path| path.name == name)
}

/// A path's closed loop of a file, if there was a round.
pub fn closed<'a>(path: &'a PathResult, file: &str) -> Option<&'a Loop> {
    path.closed
        .iter()
        .find(|measured| measured.file == file && !measured.rounds.is_empty())
}

/// What a named path serves of a file, in requests a second.
pub fn served(run: &Run, name: &str, file: &str) -> Option<f64> {
    Some(closed(path(run, name)?, file)?.rate_served())
}

/// The gateway's path that the headline and the costs are about: with both checks, or else the
/// last that there is.
pub fn checked(run: &Run) -> Option<&PathResult> {
    let gateways = || {
        run.paths
            .iter()
            .filter(|path| path.family == Family::Gateway)
    };
    gateways()
        .find(|path| path.name == CHECKED)
        .or_else(|| gateways().next_back())
}

/// All files with their sizes in bytes, in the order in which they come.
pub fn files(run: &Run) -> Vec<(&str, u64)> {
    let mut files: Vec<(&str, u64)> = Vec::new();
    for measured in run
        .paths
        .iter()
        .flat_map(|path| path.closed.iter().chain(&path.open))
    {
        if !files.iter().any(|file| file.0 == measured.file) {
            files.push((&measured.file, measured.bytes));
        }
    }
    files
}
