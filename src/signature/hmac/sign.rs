//! Signs as a sender would: for `countersign sign`, and for tests of the verifier.
//! In: a request, a description and a secret. Out: the fields to add.

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::config::{HmacDemand, HmacForm, TimestampPlace};
use crate::credential::Secret;
use crate::refusal::Refusal;
use crate::signature::fields::header_map;
use crate::signature::outcome::SignError;

use super::encode;
use super::key::key;
use super::presented::Presented;
use super::stamp;
use super::text::SignedText;

/// A request to sign.
pub struct HmacSigningRequest<'a> {
    /// The method's token.
    pub method: &'a str,
    /// Path and query as they will be sent.
    pub target: &'a str,
    /// Host and, unless it is the scheme's own, port.
    pub authority: &'a str,
    /// The fields that will be sent, as far as they are signed.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
    /// How it is signed.
    pub demand: &'a HmacDemand,
    /// The credential's public id.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a Secret,
    /// The time that is signed.
    pub now: UtcTime,
}

/// Signs: the fields to add, the signature last.
///
/// # Errors
/// What is no request, or lacks a field that is to be signed.
pub fn sign(request: &HmacSigningRequest<'_>) -> Result<Vec<(String, String)>, SignError> {
    let demand = request.demand;
    let mut added = Vec::new();
    let timestamp = demand.timestamp.as_ref();
    let time = timestamp.map(|timestamp| stamp::text(request.now, timestamp.unit));
    let mut pair = None;
    match (timestamp.map(|timestamp| &timestamp.place), &time) {
        (Some(TimestampPlace::Header(name)), Some(time)) => {
            added.push((name.to_string(), time.clone()));
        }
        (Some(TimestampPlace::Pair(name)), Some(time)) => pair = Some(format!("{name}={time},")),
        _ => {}
    }
    if let Some(name) = &demand.key_id_header {
        added.push((name.to_string(), request.id.to_owned()));
    }
    let signature = signature(request, time.as_deref(), &added)?;
    let value = match &demand.form {
        HmacForm::Alone(prefix) => format!("{prefix}{signature}"),
        HmacForm::Pairs(name) => format!("{}{name}={signature}", pair.unwrap_or_default()),
    };
    added.push((demand.header.to_string(), value));
    Ok(added)
}

fn signature(
    request: &HmacSigningRequest<'_>,
    time: Option<&str>,
    added: &[(String, String)],
) -> Result<String, SignError> {
    let headers = header_map(request.headers.iter().chain(added))?;
    let call = Call::admit(&Parts {
        method: request.method,
        target: request.target.as_bytes(),
        authority: Some(request.authority),
        headers: &headers,
        ended: request.body.is_empty(),
    });
    let call = call.map_err(|why| SignError(why.0))?;
    let presented = Presented::unsigned(request.demand, time);
    let text = SignedText::of(&call, &presented, request.demand);
    let text = text.map_err(|refusal| match refusal {
        Refusal::SignatureMalformed(why) => SignError(why),
        other => SignError(other.code()),
    })?;
    let key = key(request.demand.hash, request.secret.expose().as_bytes());
    let mac = text.mac(&key, request.body);
    Ok(encode::encode(mac.as_ref(), request.demand.encoding))
}
