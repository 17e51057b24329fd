//! A presigned `GetCallerIdentity` in a token, as aws-iam-authenticator has it: prefix and the
//! URL in base64url. In: the token. Out: what to ask STS, or why it is not asked.
//! Everything is held to a list of what is known: the gateway sends what a stranger wrote, so
//! that must be nothing but this one harmless request.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::UtcTime;
use crate::config::StsDemand;
use crate::digest::sha256;
use crate::pattern::decoded;
use crate::refusal::Refusal;

/// A request to STS.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Presigned {
    /// The host that was signed.
    pub(super) host: String,
    /// The query, byte for byte.
    pub(super) query: String,
    /// Its last good second.
    pub(super) good_until: UtcTime,
    /// When it was signed.
    pub(super) signed_at: UtcTime,
    /// What tells it from every other one, however it is written: a token can be padded, and a
    /// query be put in another order or escaped in another way, and AWS takes it all the same.
    pub(super) proof: [u8; 32],
}

/// A session token makes a URL long.
const MAX_BYTES: usize = 6 * 1024;
const REQUIRED: [&str; 8] = [
    "Action",
    "Version",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];
const OPTIONAL: &str = "X-Amz-Security-Token";

impl Presigned {
    /// Reads what stands behind the prefix.
    pub(super) fn read(text: &str, demand: &StsDemand) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("the token is too long");
        }
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        let url = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let url = url.ok_or("the token is not a text in base64url")?;
        let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        let rest = url.strip_prefix("https://").filter(|_| plain);
        let rest = rest.ok_or("the token holds no https URL")?;
        let (host, query) = rest
            .split_once("/?")
            .or_else(|| rest.split_once('?'))
            .ok_or("the token's URL has no query")?;
        if !is_sts(host, demand) {
            return Err("the token is not for the STS of a configured region");
        }
        if query.contains('#') {
            return Err("the token's URL has a fragment");
        }
        let found = parameters(query)?;
        check_fixed(&found, demand)?;
        let time = |at: usize| found[at].as_str();
        let signed_at = UtcTime::parse_amz(time(4).as_bytes()).ok_or("X-Amz-Date is not a time")?;
        let secs = seconds(time(5)).ok_or("X-Amz-Expires is not a number")?;
        let secs = secs.min(demand.max_age_secs);
        Ok(Self {
            host: host.to_owned(),
            query: query.to_owned(),
            good_until: UtcTime::from_unix(signed_at.unix().saturating_add(i64::from(secs))),
            signed_at,
            proof: proof_of(&found),
        })
    }

    /// Refuses a request that is over, or that is from the future.
    pub(super) fn check(&self, now: UtcTime) -> Result<(), Refusal> {
        const MAX_SKEW_SECS: i64 = 60;
        match now.unix() {
            now if now > self.good_until.unix() => Err(Refusal::SignatureExpired),
            now if now < self.signed_at.unix() - MAX_SKEW_SECS => {
                Err(Refusal::SignatureNotYetValid)
            }
            _ => Ok(()),
        }
    }
}

/// Without the query: whoever has it is the caller.
impl fmt::Debug for Presigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presigned({}, until {})", self.host, self.good_until)
    }
}

/// The values of [`REQUIRED`], decoded: each there once, and nothing but those.
fn parameters(query: &str) -> Result<[String; REQUIRED.len()], &'static str> {
    let mut found: [Option<String>; REQUIRED.len()] = Default::default();
    let mut token = false;
    for piece in query.split('&') {
        // Names are compared as they are, capitals and all: STS itself may be less strict, and
        // what is not seen here must not be there.
        let (name, value) = piece.split_once('=').ok_or("a parameter has no value")?;
        let value = String::from_utf8(decoded(value).into_owned());
        let value = value.map_err(|_| "a parameter is not text")?;
        if name == OPTIONAL {
            if std::mem::replace(&mut token, true) {
                return Err("a parameter is there twice");
            }
            continue;
        }
        let place = REQUIRED.iter().position(|known| *known == name);
        let place = place.ok_or("the token's URL has an unknown parameter")?;
        if found[place].replace(value).is_some() {
            return Err("a parameter is there twice");
        }
    }
    match found.iter().all(Option::is_some) {
        true => Ok(found.map(Option::unwrap_or_default)),
        false => Err("a parameter is missing"),
    }
}

/// Of the values that are signed, and of the signature. A session token is not among them: with
/// another one, AWS does not know the caller.
fn proof_of(found: &[String; REQUIRED.len()]) -> [u8; 32] {
    let mut all = Vec::new();
    for value in found {
        all.extend_from_slice(&(value.len() as u64).to_be_bytes());
        all.extend(value.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    sha256(&all)
}

fn check_fixed(found: &[String; REQUIRED.len()], demand: &StsDemand) -> Result<(), &'static str> {
    if found[0] != "GetCallerIdentity" || found[1] != "2011-06-15" {
        return Err("the token is not for GetCallerIdentity");
    }
    if found[2] != "AWS4-HMAC-SHA256" {
        return Err("algorithm is not AWS4-HMAC-SHA256");
    }
    // The gateway sends these two and no other, so that no other can have been signed.
    let mut want = ["host", demand.header.as_str()];
    want.sort_unstable();
    match found[6].split(';').eq(want) {
        true => Ok(()),
        false => Err("the token must sign host and the audience header, and nothing else"),
    }
}

fn is_sts(host: &str, demand: &StsDemand) -> bool {
    demand.regions.iter().any(|region| match region.as_str() {
        "aws-global" => host == "sts.amazonaws.com",
        region if region.starts_with("cn-") => host == format!("sts.{region}.amazonaws.com.cn"),
        region => host == format!("sts.{region}.amazonaws.com"),
    })
}

fn seconds(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let secs: u32 = digits.then(|| text.parse().ok()).flatten()?;
    (secs > 0).then_some(secs)
}
