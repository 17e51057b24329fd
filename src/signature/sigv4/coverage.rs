//! Whether a signature covers enough. In: the list of signed headers and the call. Out:
//! nothing, or a `Refusal`. What is not signed can be changed or added by anyone on the way,
//! so every header that AWS's own servers would obey must be signed.

use crate::call::Call;
use crate::refusal::Refusal;

use super::split::split;

/// The payload's line in the canonical request binds it (AWS SigV4 "Create a canonical
/// request").
const BOUND_BY_PAYLOAD: &str = "x-amz-content-sha256";

/// Refuses a list that is unsorted or names what is absent, and one that leaves out the host
/// or an `x-amz-` header that was sent.
pub(super) fn check(signed_headers: &str, call: &Call<'_>) -> Result<(), Refusal> {
    check_list(signed_headers, call).map_err(Refusal::SignatureMalformed)
}

fn check_list(signed_headers: &str, call: &Call<'_>) -> Result<(), &'static str> {
    let mut last = "";
    let mut host = false;
    let mut amz_signed = 0;
    for name in split(signed_headers, b';') {
        check_name(name)?;
        if name <= last {
            return Err("signed headers are not in order, or one is there twice");
        }
        last = name;
        match name {
            "host" => host = true,
            "authorization" => return Err("Authorization cannot sign itself"),
            // Only a field can be signed: no query parameter and no pseudo-header (RFC 9113
            // §8.3) stands in for one.
            name if !call.headers().contains_key(name) => return Err("a signed header is absent"),
            name => amz_signed += usize::from(must_be_signed(name)),
        }
    }
    if !host {
        return Err("host is not signed");
    }
    // Each signed name is different and present, so equal numbers mean that all are signed;
    // looking each up in the list would cost a caller's square.
    let names = call.headers().keys();
    let amz_sent = names.filter(|name| must_be_signed(name.as_str())).count();
    match amz_sent == amz_signed {
        true => Ok(()),
        false => Err("an x-amz- header is not signed"),
    }
}

fn must_be_signed(name: &str) -> bool {
    name.starts_with("x-amz-") && name != BOUND_BY_PAYLOAD
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a signed header has no name");
    }
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Err("a signed header is not in lower case"),
        false => Ok(()),
    }
}

/// Whether the list names this header.
pub(super) fn names(signed_headers: &str, name: &str) -> bool {
    split(signed_headers, b';').any(|signed| signed == name)
}
