//! The signature in its field, taken apart. In: a call, and where the policy says that the
//! signature is. Out: a `Presented`, or what cannot be read.

use std::fmt;

use http::HeaderName;

use crate::call::Call;
use crate::config::{HmacDemand, HmacForm, TimestampPlace};
use crate::refusal::Refusal;

use super::encode;

/// Signatures in one field: senders that change their secret sign with both for a while.
const MAX_SIGNATURES: usize = 4;
const MAX_PAIRS: usize = 16;
/// Longer ids are refused before they are looked up or logged.
const MAX_CREDENTIAL_ID: usize = 128;

/// A signature as presented: parsed, and verified by nobody yet.
#[derive(Clone)]
pub struct Presented<'a> {
    carrier: HeaderName,
    /// Each as long as the hash; at least one.
    signatures: Vec<Vec<u8>>,
    timestamp: Option<&'a str>,
    credential_id: Option<&'a str>,
}

impl<'a> Presented<'a> {
    /// What a signer has before it signs.
    pub(super) fn unsigned(demand: &HmacDemand, timestamp: Option<&'a str>) -> Self {
        Self {
            carrier: demand.header.clone(),
            signatures: Vec::new(),
            timestamp,
            credential_id: None,
        }
    }

    /// The id of the credential that it names, or those of the policy: each may be meant.
    pub fn credential_ids<'s>(&'s self, demand: &'s HmacDemand) -> Vec<&'s str> {
        match self.credential_id {
            Some(id) => vec![id],
            None => demand.credentials.iter().map(|id| id.as_str()).collect(),
        }
    }

    /// The field that it stands in.
    pub fn carrier(&self) -> &HeaderName {
        &self.carrier
    }

    pub(super) fn credential_id(&self) -> Option<&str> {
        self.credential_id
    }

    pub(super) fn signatures(&self) -> &[Vec<u8>] {
        &self.signatures
    }

    /// The time, as sent; there whenever the demand has one.
    pub(super) fn timestamp(&self) -> &str {
        self.timestamp.unwrap_or_default()
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({:?})", self.credential_id)
    }
}

/// Finds the signature that `demand` describes; `None` when its field is absent.
///
/// # Errors
/// `SignatureMalformed` for a field that is there twice or cannot be read.
pub fn present<'a>(call: &Call<'a>, demand: &HmacDemand) -> Result<Option<Presented<'a>>, Refusal> {
    if !call.headers().contains_key(&demand.header) {
        return Ok(None);
    }
    let presented = read(call, demand);
    presented.map(Some).map_err(Refusal::SignatureMalformed)
}

fn read<'a>(call: &Call<'a>, demand: &HmacDemand) -> Result<Presented<'a>, &'static str> {
    let field = call.header(&demand.header);
    let field = field.ok_or("the field with the signature was sent twice or is not text")?;
    let (texts, pair) = match &demand.form {
        HmacForm::Alone(prefix) => {
            let text = field.strip_prefix(prefix.as_str());
            let text = text.ok_or("the signature does not begin with the prefix")?;
            (vec![text], None)
        }
        HmacForm::Pairs(name) => read_pairs(field, name, pair_with_time(demand))?,
    };
    let signatures = texts
        .into_iter()
        .map(|text| encode::decode(text, demand.encoding, demand.hash));
    let signatures: Option<Vec<_>> = signatures.collect();
    let place = demand.timestamp.as_ref().map(|timestamp| &timestamp.place);
    let timestamp = match place {
        None => None,
        Some(TimestampPlace::Pair(_)) => Some(pair.ok_or("the time is missing")?),
        Some(TimestampPlace::Header(name)) => {
            let text = call.header(name);
            Some(text.ok_or("the field with the time is missing, or was sent twice")?)
        }
    };
    let credential_id = demand.key_id_header.as_ref();
    Ok(Presented {
        carrier: demand.header.clone(),
        signatures: signatures.ok_or("the signature is not of the encoding and length")?,
        timestamp,
        credential_id: credential_id.map(|name| read_id(call, name)).transpose()?,
    })
}

fn pair_with_time(demand: &HmacDemand) -> Option<&str> {
    match &demand.timestamp.as_ref()?.place {
        TimestampPlace::Pair(name) => Some(name),
        TimestampPlace::Header(_) => None,
    }
}

type Pairs<'a> = (Vec<&'a str>, Option<&'a str>);

/// The signatures and the time in `name=value,name=value`. What has another name is for others
/// to read: senders add schemes.
fn read_pairs<'a>(
    field: &'a str,
    signature: &str,
    timestamp: Option<&str>,
) -> Result<Pairs<'a>, &'static str> {
    let (mut signatures, mut time) = (Vec::new(), None);
    for (count, pair) in field.split(',').enumerate() {
        if count == MAX_PAIRS {
            return Err("the field with the signature has too many pairs");
        }
        let pair = pair.trim_matches(' ').split_once('=');
        let (name, value) = pair.ok_or("the field with the signature has a part without '='")?;
        if name == signature {
            signatures.push(value);
        } else if Some(name) == timestamp && time.replace(value).is_some() {
            return Err("the time is there twice");
        }
    }
    match signatures.len() {
        0 => Err("the field has no signature"),
        1..=MAX_SIGNATURES => Ok((signatures, time)),
        _ => Err("the field has too many signatures"),
    }
}

fn read_id<'a>(call: &Call<'a>, name: &HeaderName) -> Result<&'a str, &'static str> {
    let id = call.header(name);
    let id = id.ok_or("the field that names the credential is missing, or was sent twice")?;
    let graphic = id.bytes().all(|byte| byte.is_ascii_graphic());
    match id.is_empty() || id.len() > MAX_CREDENTIAL_ID || !graphic {
        true => Err("the field that names the credential holds no id"),
        false => Ok(id),
    }
}
