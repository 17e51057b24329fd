//! Everything that can be changed in a signed request, a byte at a time, and what the gateway is
//! to say of it. Knows how SigV4 looks on the wire, and nothing of how it is computed.

use super::signed::Signed;

/// A request that is not the one that was signed.
pub struct Change {
    pub what: String,
    pub request: Signed,
    /// The refusal's code.
    pub code: &'static str,
}

const MISMATCH: &str = "signature_mismatch";
const MALFORMED: &str = "signature_malformed";
const SCOPE: &str = "signature_scope";

/// Every change of `right`, whichever part of it carries the signature.
pub fn changes(right: &Signed) -> Vec<Change> {
    let mut all = Vec::new();
    let mut note = |what: &str, request: Signed, code| {
        let what = what.to_owned();
        all.push(Change {
            what,
            request,
            code,
        });
    };
    let method = match right.method {
        "PUT" => "POST",
        _ => "PUT",
    };
    note(
        "method",
        with(right, |request| request.method = method),
        MISMATCH,
    );
    let path_end = right.target.find('?').unwrap_or(right.target.len());
    // The first segment chooses the policy.
    let path_start = right.target[1..].find('/').map_or(1, |at| at + 2);
    let target = |from, to| {
        let changed = flipped(&right.target, from, to);
        with(right, |request| request.target = changed)
    };
    note("path", target(path_start, path_end), MISMATCH);
    note(
        "path, longer",
        with(right, |request| request.target.insert(path_end, 'x')),
        MISMATCH,
    );
    let more = if path_end < right.target.len() {
        "&x=y"
    } else {
        "?x=y"
    };
    note(
        "query, longer",
        with(right, |request| request.target += more),
        MISMATCH,
    );
    note(
        "a header of Amazon's",
        right.clone().add("x-amz-acl", "public-read"),
        MALFORMED,
    );
    for (what, request, code) in in_query(right).into_iter().chain(in_fields(right)) {
        note(&what, request, code);
    }
    let in_body = body_code(right).filter(|_| !right.body.is_empty());
    if let Some(code) = in_body {
        note("body", with(right, |request| request.body[0] ^= 1), code);
    }
    // A byte of the first chunk itself.
    let line_end = right.body.windows(2).position(|two| two == b"\r\n");
    if let (Some(at), Some("malformed_request")) = (line_end, in_body) {
        let changed = with(right, |request| request.body[at + 2] ^= 1);
        note("body, data", changed, "body_hash_mismatch");
    }
    all
}

type Found = Vec<(String, Signed, &'static str)>;

/// Of each parameter's value, a byte; and what else could be done to it.
fn in_query(right: &Signed) -> Found {
    let Some((_, query)) = right.target.split_once('?') else {
        return Vec::new();
    };
    let mut all = Found::new();
    let mut start = right.target.len() - query.len();
    for piece in query.split('&') {
        let end = start + piece.len();
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let at = end - value.len();
        let code = match name {
            "X-Amz-Algorithm" | "X-Amz-SignedHeaders" => MALFORMED,
            "X-Amz-Region-Set" => SCOPE,
            _ => MISMATCH,
        };
        let mut note = |what: &str, changed: String, code| {
            let request = with(right, |request| request.target = changed);
            all.push((format!("{name}{what}"), request, code));
        };
        match name {
            "X-Amz-Credential" => {
                for (part, from, to, code) in credential_parts(value, "%2F") {
                    note(part, flipped(&right.target, at + from, at + to), code);
                }
            }
            "X-Amz-Date" => {
                note(", year", flipped(&right.target, at + 3, at + 4), SCOPE);
                note(", second", flipped(&right.target, at + 14, at + 15), code);
            }
            "X-Amz-Signature" => {
                for from in [0, value.len() / 2, value.len() - 1] {
                    let changed = flipped(&right.target, at + from, end);
                    note(&format!(", digit {from}"), changed, code);
                }
            }
            _ if !value.is_empty() => note("", flipped(&right.target, at, end), code),
            _ => {}
        }
        if name.starts_with("X-Amz-") && name != "X-Amz-Content-Sha256" {
            let mut without = right.target.clone();
            without.replace_range(start - 1..end, "");
            if !without.contains('?') {
                without = without.replacen('&', "?", 1);
            }
            note(", left out", without, MALFORMED);
            note(", twice", format!("{}&{piece}", right.target), MALFORMED);
        }
        start = end + 1;
    }
    all
}

/// Of each signed field, a byte; and its absence.
fn in_fields(right: &Signed) -> Found {
    let mut all = Found::new();
    let mut note = |what: String, request, code| all.push((what, request, code));
    for name in signed_headers(right) {
        let value = right.field(&name).to_owned();
        let set = |value: String| with(right, |request| request.set(&name, &value));
        match name.as_str() {
            "host" => {
                let port = value.rfind(':').expect("a port") + 1;
                let other = flipped(&value, value.len() - 1, value.len());
                note("host, port".to_owned(), set(other), MISMATCH);
                let other = flipped(&value, 0, port);
                note("host, name".to_owned(), set(other), MISMATCH);
                continue;
            }
            "x-amz-date" => {
                let other = flipped(&value, 3, 4);
                note("x-amz-date, year".to_owned(), set(other), SCOPE);
                let other = flipped(&value, 14, 15);
                note("x-amz-date, second".to_owned(), set(other), MISMATCH);
            }
            // How many bytes there are is how the next request is found.
            "content-length" => {}
            "x-amz-region-set" => note(name.clone(), set(flipped(&value, 0, value.len())), SCOPE),
            "x-amz-content-sha256" if value.len() != 64 => {
                let other = flipped(&value, 0, value.len());
                note(name.clone(), set(other), "payload_mode_refused");
            }
            _ => note(name.clone(), set(flipped(&value, 0, value.len())), MISMATCH),
        }
        let without = with(right, |request| {
            request
                .fields
                .retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        });
        if name != "content-length" {
            note(format!("{name}, left out"), without, MALFORMED);
        }
    }
    if let Some(field) = right.find("authorization") {
        for (what, changed, code) in in_authorization(field) {
            let request = with(right, |request| request.set("authorization", &changed));
            note(what, request, code);
        }
    }
    all
}

fn in_authorization(field: &str) -> Vec<(String, String, &'static str)> {
    let mut all = Vec::new();
    let mut note = |what: &str, changed: String, code| all.push((what.to_owned(), changed, code));
    let after = |key: &str| field.find(key).expect("a key") + key.len();
    note("algorithm", flipped(field, 5, 6), MALFORMED);
    let other = match field.contains("HMAC") {
        true => field.replace("HMAC-SHA256", "ECDSA-P256-SHA256"),
        false => field.replace("ECDSA-P256-SHA256", "HMAC-SHA256"),
    };
    note("the other algorithm", other, MALFORMED);
    let start = after("Credential=");
    let end = start + field[start..].find(',').expect("a comma");
    for (part, from, to, code) in credential_parts(&field[start..end], "/") {
        note(part, flipped(field, start + from, start + to), code);
    }
    let start = after("SignedHeaders=");
    note(
        "signed headers",
        flipped(field, start, start + 1),
        MALFORMED,
    );
    let start = after("Signature=");
    let length = field[start..].find(',').unwrap_or(field.len() - start);
    for from in [0, length / 2, length - 1] {
        let changed = flipped(field, start + from, start + length);
        note(&format!("signature, digit {from}"), changed, MISMATCH);
    }
    note(
        "signature, shorter",
        field[..field.len() - 1].to_owned(),
        MALFORMED,
    );
    all
}

/// Where id, day, region, service and end of a credential stand, and what a change of each is.
fn credential_parts(
    credential: &str,
    between: &str,
) -> Vec<(&'static str, usize, usize, &'static str)> {
    let pieces: Vec<&str> = credential.split(between).collect();
    let names: &[(&str, &str)] = match pieces.len() {
        5 => &[
            ("id", MISMATCH),
            ("day", SCOPE),
            ("region", SCOPE),
            ("service", SCOPE),
            ("end", MALFORMED),
        ],
        4 => &[
            ("id", MISMATCH),
            ("day", SCOPE),
            ("service", SCOPE),
            ("end", MALFORMED),
        ],
        _ => panic!("{credential}"),
    };
    let mut start = 0;
    let mut all = Vec::new();
    for ((name, code), piece) in names.iter().zip(pieces) {
        all.push((*name, start, start + piece.len(), *code));
        start += piece.len() + between.len();
    }
    all
}

/// What a changed body is; `None` where the body is not signed.
fn body_code(right: &Signed) -> Option<&'static str> {
    let told = right.find("x-amz-content-sha256").unwrap_or_default();
    let url_of_s3 = right.target.contains("%2Fs3%2Faws4_request");
    match told {
        "UNSIGNED-PAYLOAD" => None,
        // The size of the first chunk.
        told if told.starts_with("STREAMING-") => Some("malformed_request"),
        "" if url_of_s3 => None,
        "" => Some(MISMATCH),
        _ => Some("body_hash_mismatch"),
    }
}

fn signed_headers(right: &Signed) -> Vec<String> {
    let all = match right.find("authorization") {
        Some(field) => field.split("SignedHeaders=").nth(1),
        None => right.target.split("X-Amz-SignedHeaders=").nth(1),
    };
    let list = all.and_then(|rest| rest.split([',', '&']).next());
    let list = list.expect("a list").replace("%3B", ";");
    list.split(';').map(str::to_owned).collect()
}

fn with(right: &Signed, change: impl FnOnce(&mut Signed)) -> Signed {
    let mut request = right.clone();
    change(&mut request);
    request
}

/// The text with one byte of the range changed, a letter for a letter and a digit for a digit:
/// the first that means something by itself.
fn flipped(text: &str, from: usize, to: usize) -> String {
    let bytes = text.as_bytes();
    let escaped = |at: usize| at > 0 && bytes[at - 1] == b'%' || at > 1 && bytes[at - 2] == b'%';
    let fits = |at: &usize| bytes[*at].is_ascii_alphanumeric() && !escaped(*at);
    let at = (from..to).find(fits);
    let at = at.unwrap_or_else(|| panic!("nothing to change in {:?}", &text[from..to]));
    let other = match bytes[at] {
        b'9' | b'Z' | b'z' => bytes[at] - 1,
        byte => byte + 1,
    };
    // What counts up from f is no digit of a signature.
    let other = if other == b'g' { b'e' } else { other };
    let mut changed = text.to_owned();
    changed.replace_range(at..=at, &char::from(other).to_string());
    changed
}
