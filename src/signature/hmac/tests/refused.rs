//! What must not verify, and in which words it is refused.

use proptest::prelude::*;

use crate::config::{SigV4Algorithm, SigV4Demand, SignatureProfile};

use super::*;

fn stamped(offset: i64) -> Request {
    let mut request = Request::signed_as(HmacPreset::Slack);
    request.now += offset;
    request
}

#[test]
fn a_time_may_be_off_by_the_tolerance_both_ways_and_no_more() {
    stamped(300).verified();
    stamped(-300).verified();
    assert_eq!(stamped(301).outcome(), Err(Refusal::SignatureExpired));
    assert_eq!(stamped(-301).outcome(), Err(Refusal::SignatureNotYetValid));
    // Whoever is too late need not send the body.
    let mut late = stamped(301);
    late.unread = true;
    assert_eq!(late.outcome(), Err(Refusal::SignatureExpired));
}

#[test]
fn a_time_that_is_no_time_is_malformed() {
    let request = stamped(0);
    for time in [
        "",
        "0",
        "1531420618 1",
        "15314206180",
        "+531420618",
        "1531420618.0",
        "now",
    ] {
        request
            .with("x-slack-request-timestamp", time)
            .is_malformed();
    }
    request.twice("x-slack-request-timestamp").is_malformed();
    let mut without = request.clone();
    without.headers.remove("x-slack-request-timestamp");
    without.is_malformed();
    // The time is what was signed.
    request
        .with("x-slack-request-timestamp", "1531420619")
        .is_mismatch();
}

#[test]
fn a_field_that_is_twice_or_cannot_be_read_is_malformed() {
    for preset in PRESETS {
        let request = Request::signed_as(preset);
        let name = request.demand.header.to_string();
        let right = request.signature();
        request.twice(&name).is_malformed();
        for value in ["", " ", "=", ",", "sha256=", "\u{e9}", "v1", "t=1531420618"] {
            request.with_signature(value).is_malformed();
        }
        if request.demand.encoding == HmacEncoding::Hex {
            let (start, digits) = right.split_at(right.len() - 64);
            let upper = format!("{start}{}", digits.to_ascii_uppercase());
            request.with_signature(&upper).is_malformed();
        }
        request.with_signature(&format!("{right}0")).is_malformed();
        request
            .with_signature(&right[..right.len() - 1])
            .is_malformed();
        let mut absent = request.clone();
        absent.headers.remove(&name);
        assert_eq!(absent.outcome(), Ok(Judged::Absent), "{preset:?}");
    }
}

#[test]
fn a_signature_has_one_spelling() {
    let mut request = Request::new(HmacPreset::Shopify.demand(Vec::new()), "x");
    request.sign(ID, SECRET);
    let right = request.signature();
    let bare = right.trim_end_matches('=');
    assert_eq!((right.len(), bare.len()), (44, 43));
    request.with_signature(bare).is_malformed();
    request.with_signature(&format!("{bare}==")).is_malformed();
    // The last digit of 43 has two bits that are not of the 256.
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = DIGITS
        .iter()
        .position(|digit| *digit == bare.as_bytes()[42])
        .unwrap();
    let other = char::from(DIGITS[last + 1]);
    request
        .with_signature(&format!("{}{other}=", &bare[..42]))
        .is_malformed();
}

#[test]
fn pairs_are_bounded_and_have_one_time() {
    let request = Request::signed_as(HmacPreset::Stripe);
    let right = request.signature();
    let (time, signature) = right.split_once(',').unwrap();
    let many = |count: usize| vec![signature; count].join(",");
    request
        .with_signature(&format!("{time},{}", many(4)))
        .verified();
    let others = ["v0=1"; 14].join(",");
    request
        .with_signature(&format!("{right},{others}"))
        .verified();
    for value in [
        format!("{time},{}", many(5)),
        format!("{right},{others},v0=1"),
        format!("{right},{time}"),
        signature.to_owned(),
        time.to_owned(),
        format!("{time},V1={}", &signature[3..]),
        format!("{right},"),
        format!("{right},v1"),
        format!("{right};v0=1"),
        format!("{right},v1=00"),
    ] {
        request.with_signature(&value).is_malformed();
    }
}

#[test]
fn an_id_that_is_none_is_malformed() {
    let demand = HmacDemand {
        key_id_header: Some(HeaderName::from_static("x-key-id")),
        ..HmacPreset::GitHub.demand(Vec::new())
    };
    let mut request = Request::new(demand, "x");
    request.sign(ID, SECRET);
    request.verified();
    request.twice("x-key-id").is_malformed();
    for id in ["", "a b", "\u{e9}", &"x".repeat(129)] {
        request.with("x-key-id", id).is_malformed();
    }
    request.headers.remove("x-key-id");
    request.is_malformed();
}

#[test]
fn a_field_that_is_signed_is_there_once_and_does_not_hold_what_ends_it() {
    let signed = "{header:x-id}.{timestamp}.{body}";
    let mut request = Request::new(described(TimestampUnit::Seconds, signed), "x");
    request.set("x-id", "msg-1");
    request.sign(ID, SECRET);
    request.verified();
    request.twice("x-id").is_malformed();
    request.with("x-id", "msg-2").is_mismatch();
    request.with("x-id", "").is_mismatch();
    // Or bytes could be moved from the body to the field.
    request.with("x-id", "msg.1").is_malformed();
    request.headers.remove("x-id");
    request.is_malformed();
}

#[test]
fn a_body_that_is_not_signed_needs_tls() {
    let mut request = Request::new(
        described(TimestampUnit::Seconds, "{timestamp}{target}"),
        "x",
    );
    request.sign(ID, SECRET);
    request.verified();
    request.secure = false;
    assert_eq!(request.outcome(), Err(Refusal::PayloadModeRefused));
    let mut request = Request::signed_as(HmacPreset::GitHub);
    request.secure = false;
    request.verified();
}

#[test]
fn a_secret_serves_one_scheme_only() {
    let mut request = Request::signed_as(HmacPreset::GitHub);
    request.store = vec![Credential::aws(ID, Secret::new(SECRET.to_owned()))];
    assert_eq!(
        request.outcome(),
        Err(Refusal::SignatureMismatch(
            "the credential is none for HMAC"
        ))
    );
    request.store.clear();
    request.is_mismatch();
}

#[test]
fn a_secret_for_hmac_verifies_no_sigv4() {
    let sigv4 = SigV4Demand {
        algorithms: vec![SigV4Algorithm::Hmac],
        profile: SignatureProfile::Aws,
        service: "execute-api".to_owned(),
        region: "us-east-1".to_owned(),
        max_skew_secs: 300,
        unsigned_payload: false,
        streaming: Vec::new(),
        max_expires_secs: None,
        max_chunk_bytes: 1000,
    };
    let outcome = |credential: Credential| {
        let added = signature::sign(&signature::SigningRequest {
            algorithm: SigV4Algorithm::Hmac,
            method: "GET",
            target: "/",
            authority: "gateway.example",
            headers: &[],
            payload_hash: None,
            body: b"",
            profile: sigv4.profile,
            region: &sigv4.region,
            service: &sigv4.service,
            id: ID,
            secret: &Secret::new(SECRET.to_owned()),
            now: UtcTime::from_unix(NOW),
        });
        let mut headers = HeaderMap::new();
        for (name, value) in added.unwrap() {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let call = Call::admit(&Parts {
            method: "GET",
            target: b"/",
            authority: Some("gateway.example"),
            headers: &headers,
            ended: true,
        })
        .unwrap();
        let demand = SignatureDemand {
            sigv4: Some(sigv4.clone()),
            ..SignatureDemand::default()
        };
        let keys = ring([credential]);
        let presented = signature::present(&call, &demand, &keys).unwrap().unwrap();
        let evidence = Evidence {
            call: &call,
            body: KnownBody::Empty,
            secure: true,
            now: UtcTime::from_unix(NOW),
            timely: true,
        };
        signature::verify(&presented, &evidence, &demand, &keys).map(judged)
    };
    let secret = || Secret::new(SECRET.to_owned());
    assert!(outcome(Credential::aws(ID, secret())).is_ok());
    assert_eq!(
        outcome(Credential::hmac(ID, secret())),
        Err(Refusal::SignatureMismatch(
            "the credential is none for SigV4"
        ))
    );
}

#[test]
fn two_signatures_are_none() {
    let request = Request::signed_as(HmacPreset::GitHub);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ID}/20180712/us-east-1/execute-api/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    assert_eq!(
        request.with("authorization", &authorization).outcome(),
        Err(Refusal::SignatureMalformed("two signatures"))
    );
    // Alone it is one that the policy does not take; what is none of AWS's is no signature.
    let mut alone = request.with("authorization", &authorization);
    alone.headers.remove("x-hub-signature-256");
    alone.is_malformed();
    request.with("authorization", "Bearer x").verified();
}

/// Each way of signing that the tests know, signed.
fn each_way() -> Vec<Request> {
    let mut all: Vec<Request> = PRESETS.map(Request::signed_as).into();
    let signed = "{timestamp}{method}{host}{target}\n{header:x-id}\n{body}";
    let mut request = Request::new(described(TimestampUnit::Seconds, signed), "{\"x\":1}");
    request.set("x-id", "msg-1");
    request.sign(ID, SECRET);
    all.push(request);
    all
}

/// What differs from what was signed in one place; `None` when the place is not there.
fn changed(request: &Request, place: usize, at: usize, by: u8) -> Option<Request> {
    let mut changed = request.clone();
    let signs_head = request.headers.contains_key("x-id");
    match place {
        0 => {
            let at = at % changed.body.len();
            changed.body[at] ^= by;
        }
        1 => changed.body.insert(at % (changed.body.len() + 1), by),
        2 => drop(changed.body.remove(at % changed.body.len())),
        3 => {
            let value = changed.signature().into_bytes();
            let from = value
                .iter()
                .rposition(|b| matches!(b, b'=' | b','))
                .filter(|at| at + 1 < value.len());
            let from = from.map_or(0, |at| at + 1);
            let at = from + at % (value.len() - from);
            let mut other = value.clone();
            other[at] = b"0123456789abcdef"[usize::from(by % 16)];
            if other == value {
                return None;
            }
            changed.set(
                request.demand.header.as_str(),
                std::str::from_utf8(&other).unwrap(),
            );
        }
        4 if signs_head => {
            let place = 1 + at % (changed.target.len() - 1);
            changed.target.replace_range(place..=place, "~");
        }
        5 if signs_head => changed.method = "PUT",
        6 if signs_head => changed.set("x-id", "msg-10"),
        7 if signs_head => changed.set("x-time", "1531420610"),
        _ => return None,
    }
    Some(changed)
}

proptest! {
    #[test]
    fn whatever_is_changed_of_a_signed_request_it_is_refused(
        way in 0usize..5, place in 0usize..8, at in any::<usize>(), by in 1u8..,
    ) {
        let request = &each_way()[way];
        request.verified();
        if let Some(changed) = changed(request, place, at, by) {
            let outcome = changed.outcome();
            prop_assert!(outcome.is_err(), "{outcome:?}");
        }
    }

    #[test]
    fn no_bytes_in_a_field_make_it_panic(
        way in 0usize..5,
        signature in proptest::collection::vec(any::<u8>(), 0..80),
        time in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut request = each_way()[way].clone();
        let header = request.demand.header.clone();
        let Ok(value) = HeaderValue::from_bytes(&signature) else {
            return Ok(());
        };
        request.headers.insert(header, value);
        if let Ok(value) = HeaderValue::from_bytes(&time) {
            request.headers.insert("x-time", value.clone());
            request.headers.insert("x-slack-request-timestamp", value);
        }
        let outcome = request.outcome();
        prop_assert!(outcome.is_err(), "{outcome:?}");
    }

    #[test]
    fn no_pairs_make_it_panic(value in "[tv10-9a-f,= ]{0,60}", iso in "[0-9TZ:.+-]{0,36}") {
        let request = Request::signed_as(HmacPreset::Stripe);
        prop_assert!(request.with_signature(&value).outcome().is_err());
        let mut request = Request::new(described(TimestampUnit::Iso, "{timestamp}\n{body}"), "x");
        request.sign(ID, SECRET);
        let request = request.with("x-time", &iso);
        prop_assert!(request.outcome().is_err());
    }
}
