//! What a difference in one of AWS's texts means (AWS SigV4 "Create a canonical request",
//! "Create a string to sign", and the mistakes that signers make in them).

use crate::pattern::decoded;

use super::Place;

/// In a canonical request.
pub(super) fn in_request(place: &Place<'_>, ours: &str, theirs: &str) -> (String, &'static str) {
    // The headers end at the empty line; behind it are their list and the payload's hash.
    let blank = place.ours.iter().skip(3).position(|line| line.is_empty());
    let blank = blank.map_or(place.ours.len(), |at| at + 3);
    let (part, cause) = match place.at {
        0 => ("method", of_method(ours, theirs)),
        1 => ("path", of_path(ours, theirs)),
        2 => ("query", of_query(ours, theirs)),
        at if at < blank => {
            let name = ours.split(':').next().unwrap_or_default();
            return (format!("header {name}"), of_header(ours, theirs));
        }
        at if at == blank => (
            "end of the headers",
            "the signer signs a header more, or leaves out the empty line behind the headers; \
             the request's SignedHeaders say which are meant",
        ),
        at if at == blank + 1 => (
            "signed headers",
            "the signer's list of signed headers is not the one in the request",
        ),
        _ => ("payload hash", of_payload(ours, theirs)),
    };
    (part.to_owned(), cause)
}

/// In a string to sign.
pub(super) fn in_string(at: usize, ours: &str, theirs: &str) -> (String, &'static str) {
    let (part, cause) = match at {
        0 => (
            "algorithm",
            "the signer uses another algorithm than the request says",
        ),
        1 => (
            "time",
            "the signer's clock: it signed another time than the request tells in x-amz-date",
        ),
        2 => ("scope", of_scope(ours, theirs)),
        _ => (
            "hash of the canonical request",
            "the canonical requests differ: compare those",
        ),
    };
    (part.to_owned(), cause)
}

fn of_method(ours: &str, theirs: &str) -> &'static str {
    match ours.eq_ignore_ascii_case(theirs) {
        true => "the method is signed in capitals",
        false => "the request was sent with another method than was signed",
    }
}

fn of_path(ours: &str, theirs: &str) -> &'static str {
    let once = |text: &str| decoded(text).into_owned();
    if ours.eq_ignore_ascii_case(theirs) {
        return "percent-escapes are signed in upper case";
    }
    if once(ours) == theirs.as_bytes() {
        return "the signer encodes the path once, as for S3; this policy's profile \"aws\" \
                encodes it twice, as for every other service";
    }
    if ours.as_bytes() == once(theirs) {
        return "the signer encodes the path once too often: twice where this policy's profile \
                \"s3\" has it once, or a path that was encoded already";
    }
    let shaped = ["//", "/./", "/../"]
        .iter()
        .any(|shape| theirs.contains(shape));
    match shaped {
        true => "the signer does not normalise the path: empty and dot segments are removed",
        false => {
            "the request was sent to another path than was signed: look for a proxy that rewrites it"
        }
    }
}

fn of_query(ours: &str, theirs: &str) -> &'static str {
    let mut sorted: Vec<&str> = theirs.split('&').collect();
    sorted.sort_unstable();
    let sorted = sorted.join("&");
    let with_equals = |text: &str| {
        let whole = |piece: &str| match piece.contains('=') {
            true => piece.to_owned(),
            false => format!("{piece}="),
        };
        text.split('&').map(whole).collect::<Vec<_>>().join("&")
    };
    if theirs.is_empty() {
        return "the signer leaves the query out";
    }
    if ours.is_empty() {
        return "the signer signs a query that the request has not";
    }
    if sorted == ours {
        return "the query is not sorted: by encoded name, then by encoded value, as bytes";
    }
    if theirs.replace('+', "%20") == ours || theirs.replace('+', "%2B") == ours {
        return "the signer leaves + as it is: a blank is signed as %20, a plus as %2B";
    }
    if theirs.replace("%20", "%2B") == ours.replace("%20", "%2B") {
        return "the signer reads + as a blank, as forms do; in a URL it is a plus, signed as %2B: \
                send blanks as %20";
    }
    if ours.eq_ignore_ascii_case(theirs) {
        return "percent-escapes are signed in upper case";
    }
    if with_equals(theirs) == ours {
        return "a parameter without a value is signed as name=";
    }
    match decoded(ours) == decoded(theirs) || decoded(&decoded_text(theirs)) == decoded(ours) {
        true => {
            "the signer encodes the query differently: everything but A-Z a-z 0-9 - _ . ~ is \
                 encoded, once"
        }
        false => "the request was sent with another query than was signed",
    }
}

fn decoded_text(text: &str) -> String {
    String::from_utf8_lossy(&decoded(text)).into_owned()
}

fn of_header(ours: &str, theirs: &str) -> &'static str {
    let (name, value) = ours.split_once(':').unwrap_or((ours, ""));
    let Some((other_name, other)) = theirs.split_once(':') else {
        return "the signer has fewer headers than the request's SignedHeaders name";
    };
    if name != other_name {
        return "the signer signs other headers than the request's SignedHeaders name, or in \
                another order: lower case, sorted by name";
    }
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let host = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    match name {
        "host" if host(value).eq_ignore_ascii_case(&host(other)) && value != other => {
            "port in host: the signer must sign the Host that is sent, with its port unless that \
             is the scheme's own, and in the same case"
        }
        "host" => {
            "the request came under another Host than was signed: look for a proxy that rewrites it"
        }
        "x-amz-date" | "date" => {
            "the signer's clock: it signed another time than the request tells"
        }
        _ if plain(value) == plain(other) => {
            "blanks in a header's value: none at its ends, and one for every run of them inside"
        }
        _ if name.starts_with("x-amz-") => "an x-amz- header was set or changed after signing",
        _ => "the header was changed between the signer and the gateway",
    }
}

fn of_payload(ours: &str, theirs: &str) -> &'static str {
    let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match (is_hash(ours), is_hash(theirs)) {
        (true, true) if ours.eq_ignore_ascii_case(theirs) => "the hash is signed in lower case",
        (true, true) => {
            "the signer hashes other bytes than were sent: look at encodings, final newlines and \
             compression"
        }
        _ => {
            "signer and request disagree on the payload mode: what is signed is the value of x-amz-content-sha256"
        }
    }
}

fn of_scope(ours: &str, theirs: &str) -> &'static str {
    let parts = |text: &str| text.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (parts(ours), parts(theirs));
    let differs = |at: usize| ours.get(at) != theirs.get(at);
    match (differs(0), differs(1), differs(2)) {
        (true, ..) => "the signer's clock: the scope's day is not the one of the time",
        (_, true, _) => "the signer signs for another region than the policy demands",
        (_, _, true) => "the signer signs for another service than the policy demands",
        _ => "the scope is day/region/service/aws4_request",
    }
}
