//! One large PUT, signed with the hash of its body.

use anyhow::Context as _;
use aws_lc_rs::digest::{Context, SHA256};
use countersign::clock::UtcTime;
use countersign::config::{SigV4Algorithm, SignatureProfile};
use countersign::signature::{SigningRequest, sign};
use tokio::io::AsyncWriteExt as _;

use crate::material::{HOST, KEY_ID, REGION, SERVICE};

use super::connection::Connection;
use super::{Caller, Signer};

const PIECE: usize = 256 * 1024;

/// Uploads so many bytes; the status of the answer.
///
/// # Errors
/// The connection breaks, or the request cannot be signed.
pub fn put(caller: &Caller, target: &str, bytes: u64) -> anyhow::Result<u16> {
    let Some(Signer::SigV4(secret)) = &caller.signer else {
        anyhow::bail!("the path takes no SigV4");
    };
    let piece = vec![b'x'; PIECE];
    let pieces = bytes / PIECE as u64;
    anyhow::ensure!(pieces * PIECE as u64 == bytes, "whole pieces only");
    let mut hash = Context::new(&SHA256);
    (0..pieces).for_each(|_| hash.update(&piece));
    let hash: String = hash
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let fields = sign(&SigningRequest {
        algorithm: SigV4Algorithm::Hmac,
        method: "PUT",
        target,
        authority: HOST,
        headers: &[],
        payload_hash: Some(hash),
        body: b"",
        profile: SignatureProfile::Aws,
        region: REGION,
        service: SERVICE,
        id: KEY_ID,
        secret,
        now: UtcTime::now(),
    })?;
    let mut head = format!("PUT {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {bytes}\r\n");
    for (name, value) in fields {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    super::block_on(async {
        let mut connection = Connection::new(caller);
        connection.connect().await?;
        let stream = connection.stream().context("it is connected")?;
        stream.write_all(head.as_bytes()).await?;
        for _ in 0..pieces {
            stream.write_all(&piece).await?;
        }
        stream.flush().await?;
        Ok(connection.answer().await?.status)
    })
}
