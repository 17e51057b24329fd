//! The query form: AWS's own example, what botocore signs, and what it must not get away with.

use super::*;

/// The worked example of the Amazon S3 API Reference.
#[test]
fn the_example_of_s3_verifies_until_it_expires() {
    let mut request = Request::get();
    request.headers = HeaderMap::new();
    request.target = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        .replace("AKIDEXAMPLE", "AKIAIOSFODNN7EXAMPLE");
    request.authority = "examplebucket.s3.amazonaws.com".to_owned();
    request.credential = Some((
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ));
    request.demand = demand(SignatureProfile::S3, "s3");
    request.demand.max_expires_secs = Some(MAX_EXPIRES_SECS);
    let signed_at = 1_369_353_600;
    for (now, right) in [
        (0, true),
        (86_400, true),
        (86_401, false),
        (-300, true),
        (-301, false),
    ] {
        request.now = signed_at + now;
        assert_eq!(request.judge().is_ok(), right, "{now}");
    }
}

type Text = &'static str;
type Botocore = (Text, Text, Text, (Text, Text), Text, Text);

/// Signed by botocore 1.44.5 (`SigV4QueryAuth`, `S3SigV4QueryAuth`) as in `verified.rs`, good
/// for 900 seconds: profile, method, target up to the form, signed header, signed headers,
/// signature.
#[rustfmt::skip]
const BOTOCORE: &[Botocore] = &[
    ("aws", "GET", "/?", ("", ""), "host",
     "4a317257556352d01c65c721cc9908dcb21f9ff7e388e7abe70e439d43c0a392"),
    ("aws", "GET", "/a%20b/x?q=a%20b&empty=&b=2&a=1&", ("", ""), "host",
     "d50949580bccc896af0b5964d215433fd6f3180239b02970a871d919a8bff432"),
    ("aws", "GET", "/x?X-Amz-Foo=1&x-amz-signature=z&", ("", ""), "host",
     "1c7689e57fb2da7bfc538d996ee1e83e587a78158eeb6a23e55ede62c0c745c1"),
    ("s3", "GET", "/bucket/a%2Fb//d.txt?versionId=7&", ("", ""), "host",
     "97a3a011cb9b1c8df805f29e5198297bccd9d198030147e3d7b490d033b5e83e"),
    ("s3", "PUT", "/bucket/k?", ("", ""), "host",
     "43a2a935e213586191633724e0b04e4fe13f85d27120b627bc5479fcd877426c"),
    ("s3", "GET", "/w?", ("x-amz-meta-note", "  two   words "), "host%3Bx-amz-meta-note",
     "cd4d5f9106b5e7b892c4a3beaad9af7a030cb4c24c9abe9923ad399b1f20e560"),
];

fn by_botocore(vector: &Botocore) -> Request {
    let (profile, method, target, (name, value), signed_headers, signature) = vector;
    let (profile, service) = match *profile {
        "s3" => (SignatureProfile::S3, "s3"),
        _ => (SignatureProfile::Aws, "execute-api"),
    };
    let mut request = Request::get();
    request.headers = HeaderMap::new();
    if !name.is_empty() {
        request.set(name, value);
    }
    request.method = method;
    request.demand = demand(profile, service);
    request.demand.max_expires_secs = Some(900);
    request.target = format!(
        "{target}X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential={ID}%2F20150830%2Fus-east-1%2F{service}%2Faws4_request\
         &X-Amz-Date=20150830T123600Z&X-Amz-Expires=900\
         &X-Amz-SignedHeaders={signed_headers}&X-Amz-Signature={signature}"
    );
    request
}

#[test]
fn what_botocore_presigns_verifies_and_no_changed_byte_of_it_does() {
    for vector in BOTOCORE {
        let request = by_botocore(vector);
        request.is_verified();
        for at in 1..request.target.len() {
            let mut changed = request.clone();
            let byte = request.target.as_bytes()[at];
            // A letter for a letter and a digit for a digit: still a target.
            let other = match byte {
                b'0'..=b'8' | b'a'..=b'y' | b'A'..=b'Y' => byte + 1,
                _ => continue,
            };
            // An escape in the other case means the same, and is signed as the same.
            let before = &request.target.as_bytes()[at.saturating_sub(2)..at];
            if before.contains(&b'%') {
                continue;
            }
            let other = char::from(other).to_string();
            changed.target.replace_range(at..=at, &other);
            let judged = changed.judge();
            assert!(!matches!(judged, Ok(Some(_))), "{}", changed.target);
        }
    }
}

fn changed(from: &str, to: &str) -> Request {
    let mut request = by_botocore(&BOTOCORE[1]);
    assert!(request.target.contains(from), "{from}");
    request.target = request.target.replace(from, to);
    request
}

#[test]
fn a_form_that_is_not_whole_is_malformed() {
    for name in [
        "Algorithm",
        "Credential",
        "Date",
        "Expires",
        "SignedHeaders",
        "Signature",
    ] {
        changed(
            &format!("X-Amz-{name}="),
            &format!("X-Amz-{name}=x&X-Amz-{name}="),
        )
        .is_malformed();
        changed(&format!("X-Amz-{name}="), &format!("x-amz-{name}=")).is_malformed();
    }
    for secs in [
        "0",
        "604801",
        "-1",
        "+900",
        "9e2",
        "",
        "900.0",
        "%20900",
        "0x384",
        "99999999999999",
    ] {
        changed("X-Amz-Expires=900", &format!("X-Amz-Expires={secs}")).is_malformed();
    }
    changed("SHA256", "SHA1").is_malformed();
    changed("SignedHeaders=host", "SignedHeaders=").is_malformed();
    changed("X-Amz-Date=2015", "X-Amz-Date=15").is_malformed();
}

#[test]
fn s8_a_form_that_lasts_longer_than_the_policy_takes_is_refused() {
    let mut request = by_botocore(&BOTOCORE[0]);
    request.demand.max_expires_secs = Some(899);
    request.is_malformed();
    request.demand.max_expires_secs = None;
    request.is_malformed();
}

#[test]
fn s6_a_form_beside_a_field_is_refused() {
    let mut request = by_botocore(&BOTOCORE[0]);
    request.set("authorization", "Bearer x");
    request.is_malformed();
    // Nor does a second date tell another time.
    let mut request = by_botocore(&BOTOCORE[0]);
    request.set("x-amz-date", "20150830T123600Z");
    request.is_malformed();
    let mut request = by_botocore(&BOTOCORE[0]);
    request.target += "&X-Amz-Security-Token=t";
    request.is_malformed();
}

#[test]
fn s5_a_presigned_body_is_unsigned_only_where_that_is_taken() {
    let mut request = by_botocore(&BOTOCORE[4]);
    request.body = b"hello".to_vec();
    request.known = Some(KnownBody::Unread);
    assert_eq!(request.judge(), Err(Refusal::PayloadModeRefused));
    request.demand.unsigned_payload = true;
    request.is_verified();
    request.secure = false;
    assert_eq!(request.judge(), Err(Refusal::PayloadModeRefused));
}

#[test]
fn a_form_is_taken_out_of_a_query_and_nothing_else_is() {
    let target = by_botocore(&BOTOCORE[1]).target;
    let query = target
        .split_once('?')
        .map(|(_, query)| query)
        .unwrap_or_default();
    assert_eq!(
        strip_presigned(query).as_deref(),
        Some("q=a%20b&empty=&b=2&a=1")
    );
    assert_eq!(strip_presigned("X-%41mz-Signature=1").as_deref(), Some(""));
    assert_eq!(strip_presigned("x-amz-signature=1&&a"), None);
}
