//! A large upload whose hash is signed: how fast it goes through, and what it takes of memory.

use std::time::Instant;

use crate::load::upload;
use crate::results::Extra;
use crate::stage::Ground;

use super::{Amounts, Subject, extra};

pub(super) fn measure(
    ground: &Ground,
    subject: &Subject<'_>,
    amounts: Amounts,
) -> anyhow::Result<Vec<Extra>> {
    let Some((_, program)) = subject.stand.parts.first() else {
        return Ok(Vec::new());
    };
    let before = program.most_memory();
    let began = Instant::now();
    let status = upload::put(subject.caller, "/upload/large", amounts.upload)?;
    let took = began.elapsed().as_secs_f64();
    anyhow::ensure!((200..300).contains(&status), "the upload got {status}");
    let grown = program.most_memory().saturating_sub(before);
    let arrived = ground.home().join("origin/upload/large");
    let length = std::fs::metadata(&arrived)?.len();
    std::fs::remove_file(arrived)?;
    anyhow::ensure!(length == amounts.upload, "{length} bytes arrived");
    let mib = amounts.upload as f64 / 1024.0 / 1024.0;
    let note = format!("{mib} MiB, hash signed, checked before its last chunk goes on");
    Ok(vec![
        extra(subject, "a signed upload", mib / took, "MiB/s", &note),
        extra(
            subject,
            "memory of a signed upload",
            grown as f64 / 1024.0 / 1024.0,
            "MiB",
            &note,
        ),
    ])
}
