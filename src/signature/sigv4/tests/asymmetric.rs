//! SigV4a: what AWS's own signer signs, and what it must not get away with.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use proptest::prelude::*;

use super::super::scope::Scope;
use super::*;
use SigV4Algorithm::{Ecdsa, Hmac};

/// Requests of the test suite of aws-c-auth (Apache-2.0), which is also awscrt's, each signed
/// in its header and in its query. Left out: session tokens, and targets that are none of HTTP.
const SUITE: &str = include_str!("suite_v4a.txt");

/// Reads an entry: a line of name, carrier and profile; a request.
fn of_suite(entry: &str) -> (String, Request) {
    let (name, request) = entry.split_once('\n').unwrap();
    let (head, body) = request
        .split_once("\n\n")
        .unwrap_or((request.trim_end(), ""));
    let mut lines = head.lines();
    let words: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let mut request = Request::get();
    request.headers = HeaderMap::new();
    request.method = if words[0] == "POST" { "POST" } else { "GET" };
    request.target = words[1].to_owned();
    request.demand = demand(
        match name.ends_with("s3") {
            true => SignatureProfile::S3,
            false => SignatureProfile::Aws,
        },
        "service",
    );
    request.demand.algorithms = vec![Ecdsa];
    request.demand.max_expires_secs = Some(3600);
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        match name {
            "Host" => request.authority = value.to_owned(),
            _ => request.append(name, value),
        }
    }
    let body = body.trim_end().as_bytes();
    request.body = body.to_vec();
    request.known = (!body.is_empty()).then(|| KnownBody::Whole(body.to_vec().leak()));
    (name.to_owned(), request)
}

fn suite() -> impl Iterator<Item = (String, Request)> {
    SUITE.split("----\n").map(of_suite)
}

#[test]
fn what_aws_signs_verifies_and_only_under_its_own_algorithm() {
    let mut checked = 0;
    for (name, mut request) in suite() {
        assert_eq!(
            request.judge(),
            Ok(Some(Verdict::Verified(BodyDuty::None))),
            "{name}"
        );
        request.demand.algorithms = vec![Hmac];
        request.is_malformed();
        request.demand.algorithms = vec![Hmac, Ecdsa];
        request.is_verified();
        request.demand.region = "us-east-2".to_owned();
        assert_eq!(request.judge(), Err(Refusal::SignatureScope), "{name}");
        checked += 1;
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn no_byte_of_what_aws_signed_may_be_another() {
    let mut tried = 0;
    for name in ["get-vanilla", "get-unreserved", "post-vanilla-query"] {
        let of_name = |(other, _): &(String, Request)| other.split(' ').next() == Some(name);
        for (name, right) in suite().filter(of_name) {
            let in_query = name.contains(" query ");
            let text = match in_query {
                true => right.target.clone(),
                false => right.authorization(),
            };
            for at in 1..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= 1;
                let changed = String::from_utf8(changed).unwrap();
                let mut request = right.clone();
                match in_query {
                    true => request.target = changed.clone(),
                    false => request.set("authorization", &changed),
                }
                // What is no target is refused before it is a call.
                let is_call = request.call().is_ok();
                let judged = is_call.then(|| request.judge());
                assert!(!matches!(judged, Some(Ok(Some(_)))), "{changed}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1500, "{tried}");
}

/// Signed by us, in the header.
fn signed(region: &str) -> Request {
    let mut request = Request::get();
    request.headers = HeaderMap::new();
    request.demand.algorithms = vec![Ecdsa];
    let own = std::mem::replace(&mut request.demand.region, region.to_owned());
    request.sign(&[], None);
    request.demand.region = own;
    request
}

/// The same in the query.
fn presigned(region: &str) -> Request {
    let mut request = signed(region);
    request.headers = HeaderMap::new();
    let own = std::mem::replace(&mut request.demand.region, region.to_owned());
    request.presign(&[], None);
    request.demand.region = own;
    request
}

#[test]
fn s8_the_region_set_must_hold_the_region_of_the_policy() {
    for make in [signed, presigned] {
        for set in [
            "us-east-1",
            "*",
            "us-*",
            "eu-west-1,us-east-1",
            "eu-*, us-*",
        ] {
            make(set).is_verified();
        }
        for set in [
            "us-east-2",
            "eu-*",
            "us-west-1,us-west-2",
            "",
            ",",
            "US-EAST-1",
            "**",
        ] {
            assert_eq!(make(set).judge(), Err(Refusal::SignatureScope), "{set}");
        }
    }
    let mut request = signed("us-east-1");
    request.set("x-amz-region-set", "*");
    request.is_mismatch();
    request.append("x-amz-region-set", "us-east-1");
    request.is_malformed();
    let mut request = signed("us-east-1");
    request.headers.remove("x-amz-region-set");
    request.is_malformed();
    request.change_authorization(";x-amz-region-set", "");
    request.is_malformed();
    let mut request = signed("us-east-1");
    request.change_authorization(";x-amz-region-set", "");
    request.is_malformed();

    let right = presigned("us-east-1");
    let set = "&X-Amz-Region-Set=us-east-1";
    for (other, same_set) in [("", false), ("&X-Amz-Region-Set=*", true)] {
        let mut request = right.clone();
        request.target = request.target.replace(set, other);
        match same_set {
            true => request.is_mismatch(),
            false => request.is_malformed(),
        }
    }
    let mut request = right.clone();
    request.target += set;
    request.is_malformed();
    // A signed header beside the form, with the form's own set and without.
    let mut request = signed("us-east-1");
    request.headers = HeaderMap::new();
    let field = ("x-amz-region-set".to_owned(), "us-east-1".to_owned());
    request.presign(&[field], None);
    request.set("x-amz-region-set", "us-east-1");
    request.is_malformed();
    request.target = request.target.replace(set, "");
    request.is_malformed();
}

#[test]
fn s7_the_token_selects_the_verifier_and_what_it_does_not_fit_is_refused() {
    // A signature of one algorithm under the other's name.
    let mut request = signed("us-east-1");
    request.demand.algorithms = vec![Hmac, Ecdsa];
    request.is_verified();
    request.change_authorization("AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA256");
    request.is_malformed();
    let mut request = Request::get();
    request.demand.algorithms = vec![Hmac, Ecdsa];
    request.is_verified();
    request.change_authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
    request.is_malformed();
    // HMAC with the public key, which is nobody's secret, in the place of the secret's key.
    let pair = super::super::pair::key_pair(&Secret::new(SECRET.to_owned()), ID).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_ref());
    let mut request = Request::get();
    request.demand.algorithms = vec![Hmac, Ecdsa];
    let text = string_to_sign(&request, Hmac);
    let forged: String = aws_lc_rs::hmac::sign(&key, &text)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let last = signature_of(&request);
    request.change_authorization(&last, &forged);
    request.is_mismatch();
    // The scope of SigV4 in SigV4a, and the other way round.
    let mut request = signed("us-east-1");
    request.change_authorization("/20150830/", "/20150830/us-east-1/");
    assert_eq!(request.judge(), Err(Refusal::SignatureScope));
    let mut request = Request::get();
    request.change_authorization("/us-east-1/", "/");
    request.is_malformed();
}

#[test]
fn a_signature_that_is_no_der_of_the_right_length_is_refused() {
    // Of the length that half of them have, so that each change below is one.
    let fits = |request: &Request| {
        let signature = signature_of(request);
        signature.len() == 142 && !signature.ends_with("00")
    };
    let all = std::iter::repeat_with(|| signed("us-east-1"));
    let request = all.take(1000).find(fits).unwrap();
    let right = signature_of(&request);
    for wrong in [
        String::new(),
        "0".repeat(64),
        "30".repeat(63),
        "30".repeat(73),
        right.to_uppercase(),
        format!("{right}*"),
        format!("{right:*<144}"),
        format!("{}0", &right[..right.len() - 2]),
        right.replace('3', "g"),
    ] {
        let mut request = request.clone();
        request.change_authorization(&right, &wrong);
        request.is_malformed();
    }
    for wrong in [
        "30".repeat(64),
        "0".repeat(144),
        // The same numbers, in what is almost DER.
        right.replacen("30", "31", 1),
        format!("{}{}", &right[..right.len() - 2], "00"),
    ] {
        let mut request = request.clone();
        request.change_authorization(&right, &wrong);
        request.is_mismatch();
    }
}

fn signature_of(request: &Request) -> String {
    let authorization = request.authorization();
    let (_, signature) = authorization.rsplit_once("Signature=").unwrap();
    signature.to_owned()
}

fn string_to_sign(request: &Request, algorithm: SigV4Algorithm) -> Vec<u8> {
    let call = request.call().unwrap();
    let presented = present(&call).unwrap().unwrap();
    let canonical = canonical_of(&presented, &call, &request.demand);
    let stamp = Stamp::at(UtcTime::from_unix(NOW)).unwrap();
    let scope = Scope {
        day: stamp.day(),
        region: (algorithm == Hmac).then_some(&request.demand.region),
        service: &request.demand.service,
    };
    with_scratch(|scratch| {
        canonical.write(scratch).unwrap();
        scratch.request.extend_from_slice(EMPTY.as_bytes());
        let hash = sha256(&scratch.request);
        write_string_to_sign(&mut scratch.request, algorithm, &stamp, &scope, &hash);
        scratch.request.clone()
    })
}

/// `n - s` for the second number of a signature in DER, which is then as right as `s` was.
fn other_half(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let r_end = 4 + usize::from(signature[3]);
    let s = &signature[r_end + 2..];
    let mut padded = [0; 33];
    padded[33 - s.len()..].copy_from_slice(s);
    let mut difference = Vec::new();
    let mut borrow = 0;
    for (order, digit) in ORDER.iter().zip(&padded[1..]).rev() {
        let value = i16::from(*order) - i16::from(*digit) - borrow;
        borrow = i16::from(value < 0);
        difference.insert(0, value.rem_euclid(256) as u8);
    }
    let zeros = difference.iter().take_while(|byte| **byte == 0).count();
    difference.drain(..zeros);
    if difference[0] > 0x7f {
        difference.insert(0, 0);
    }
    let mut out = signature[2..r_end].to_vec();
    out.extend([2, difference.len() as u8]);
    out.extend(difference);
    [vec![0x30, out.len() as u8], out].concat()
}

fn unhex(text: &str) -> Vec<u8> {
    let mut bytes = vec![0; text.len() / 2];
    encode::unhex_into(&mut bytes, text.as_bytes()).unwrap();
    bytes
}

fn replay_key(request: &Request) -> [u8; 32] {
    match request.outcome() {
        Ok(Some(Outcome::Verified(verified))) => verified.replay_key.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Whoever sees a signature can make another one that is as right: a replay is known by what
/// was signed.
#[test]
fn s9_a_signature_that_was_changed_and_stays_right_is_the_same_replay() {
    let request = signed("us-east-1");
    let right = signature_of(&request);
    let other = other_half(&unhex(&right));
    let other: String = other.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut changed = request.clone();
    changed.change_authorization(&right, &other);
    changed.is_verified();
    assert_eq!(replay_key(&request), replay_key(&changed));
    // Signed once more it has other numbers, and is still the same request.
    let again = signed("us-east-1");
    assert_ne!(signature_of(&again), right);
    assert_eq!(replay_key(&request), replay_key(&again));
    // Another request, another key; so has the same one in the other algorithm.
    assert_ne!(replay_key(&request), replay_key(&signed("*")));
    assert_ne!(replay_key(&request), replay_key(&Request::get()));
}

#[test]
fn our_own_signature_is_over_the_string_to_sign_and_by_the_pair() {
    let request = signed("us-east-1");
    let pair = super::super::pair::key_pair(&Secret::new(SECRET.to_owned()), ID).unwrap();
    let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
    let text = string_to_sign(&request, Ecdsa);
    let start = "AWS4-ECDSA-P256-SHA256\n20150830T123600Z\n20150830/execute-api/aws4_request\n";
    assert!(text.starts_with(start.as_bytes()));
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public.as_ref());
    assert!(key.verify(&text, &unhex(&signature_of(&request))).is_ok());
}

#[test]
fn s11_an_unknown_credential_and_a_wrong_signature_are_told_alike_in_sigv4a() {
    let mut unknown = signed("us-east-1");
    unknown.change_authorization("Credential=AKIDEXAMPLE/", "Credential=NOBODY/");
    let mut wrong = signed("us-east-1");
    wrong.target = "/".to_owned();
    let (unknown, wrong) = (unknown.judge().unwrap_err(), wrong.judge().unwrap_err());
    assert_eq!(
        (unknown.status(), unknown.code(), unknown.message()),
        (wrong.status(), wrong.code(), wrong.message())
    );
    assert_ne!(unknown.detail(), wrong.detail());
    // The decoy is nobody: what its own pair signs is no more right.
    let secret = Secret::new("this is nobody's secret; it opens no route".to_owned());
    let mut request = signed("us-east-1");
    let signed = sign(&SigningRequest {
        id: "NOBODY",
        ..request.to_sign(&secret, &[], None)
    });
    for (name, value) in signed.unwrap() {
        request.set(&name, &value);
    }
    request.is_mismatch();
}

#[test]
fn the_region_set_of_a_url_stays_here() {
    let request = presigned("*");
    let query = request.target.split_once('?').unwrap().1;
    assert_eq!(strip_presigned(query).as_deref(), Some("b=2&a=1"));
    assert_eq!(strip_presigned("X-Amz-Region-Set=1"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_signed_by_a_pair_verifies_and_a_changed_byte_does_not(
        path in "(/[a-zA-Z0-9._~-]{1,4}){1,3}",
        query in proptest::collection::vec(("[a-zA-Z0-9~_.-]{1,3}", "([a-z0-9]|%2F|%20|\\+){0,4}"), 0..4),
        value in "[!-~]{1,8}( {1,3}[!-~]{1,4})?",
        at in any::<proptest::sample::Index>(),
        in_query in any::<bool>(),
    ) {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = signed("us-east-1");
        request.headers = HeaderMap::new();
        request.target = match query.is_empty() {
            true => path,
            false => format!("{path}?{}", query.join("&")),
        };
        let fields = [("x-amz-meta-v".to_owned(), value.clone())];
        match in_query {
            true => request.presign(&fields, None),
            false => request.sign(&fields, None),
        }
        request.set("x-amz-meta-v", &value);
        prop_assert_eq!(request.judge(), Ok(Some(Verdict::Verified(BodyDuty::None))));

        let mut other = request.clone();
        other.set("x-amz-meta-v", &format!("{value}!"));
        prop_assert!(other.judge().is_err());

        let mut other = request.clone();
        other.target = format!("/x/x/x/x{}", request.target);
        prop_assert!(other.judge().is_err());

        let mut other = request.clone();
        other.method = "POST";
        prop_assert!(other.judge().is_err());

        // A digit of the signature.
        let whole = match in_query {
            true => request.target.clone(),
            false => request.authorization(),
        };
        let start = whole.rfind("Signature=").unwrap() + 10;
        let place = start + at.index(whole.len() - start);
        let digit = if &whole[place..=place] == "0" { "1" } else { "0" };
        let changed = format!("{}{digit}{}", &whole[..place], &whole[place + 1..]);
        let mut other = request.clone();
        match in_query {
            true => other.target = changed,
            false => other.set("authorization", &changed),
        }
        prop_assert!(other.judge().is_err());
    }
}
