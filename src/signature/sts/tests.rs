//! Tokens: what is asked of STS, and everything that is not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use crate::clock::UtcTime;
use crate::config::StsDemand;
use crate::refusal::Refusal;

use super::token::Presigned;

const URL: &str = "https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAEXAMPLE%2F20150830%2Fus-west-2%2Fsts%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-countersign-audience&X-Amz-Security-Token=abc&X-Amz-Signature=00ff";
/// 2015-08-30T12:36:00Z.
const SIGNED_AT: i64 = 1_440_938_160;

fn demand() -> StsDemand {
    StsDemand {
        header: "x-countersign-audience".to_owned(),
        audience: "gateway.example".to_owned(),
        prefix: "countersign-v1.".to_owned(),
        regions: vec!["us-west-2".to_owned(), "aws-global".to_owned()],
        max_age_secs: 900,
        endpoint: None,
        timeout: Duration::from_secs(1),
    }
}

fn read(url: &str) -> Result<Presigned, &'static str> {
    Presigned::read(&URL_SAFE_NO_PAD.encode(url), &demand())
}

#[test]
fn a_presigned_request_for_an_identity_is_read() {
    let found = read(URL).unwrap();
    assert_eq!(found.host, "sts.us-west-2.amazonaws.com");
    assert_eq!(found.query, URL.split_once('?').unwrap().1);
    assert_eq!(found.good_until.unix(), SIGNED_AT + 60);
    let global = URL.replace("sts.us-west-2.amazonaws.com/", "sts.amazonaws.com");
    assert_eq!(read(&global).unwrap().host, "sts.amazonaws.com");
    let padded = URL_SAFE_NO_PAD.encode(URL) + "=";
    assert!(Presigned::read(&padded, &demand()).is_ok());
}

#[test]
fn a_request_is_good_from_when_it_was_signed_to_when_it_expires() {
    let found = read(URL).unwrap();
    let at = |secs: i64| found.check(UtcTime::from_unix(SIGNED_AT + secs));
    assert_eq!([at(-60), at(0), at(60)], [Ok(()), Ok(()), Ok(())]);
    assert_eq!(at(61), Err(Refusal::SignatureExpired));
    assert_eq!(at(-61), Err(Refusal::SignatureNotYetValid));
    // STS would take it for a quarter of an hour whatever it says, and never for longer.
    let long = read(&URL.replace("Expires=60", "Expires=604800")).unwrap();
    assert_eq!(long.good_until.unix(), SIGNED_AT + 900);
}

#[test]
fn anything_but_that_one_request_is_never_sent() {
    for (from, to) in [
        ("https://", "http://"),
        ("https://", ""),
        ("sts.us-west-2.amazonaws.com", "sts.us-east-1.amazonaws.com"),
        ("sts.us-west-2.amazonaws.com", "evil.example"),
        (
            "sts.us-west-2.amazonaws.com",
            "sts.us-west-2.amazonaws.com.evil.example",
        ),
        (
            "sts.us-west-2.amazonaws.com",
            "sts.us-west-2.amazonaws.com@evil.example",
        ),
        (
            "sts.us-west-2.amazonaws.com",
            "evil.example#sts.us-west-2.amazonaws.com",
        ),
        ("amazonaws.com/?", "amazonaws.com/path?"),
        ("amazonaws.com/?", "amazonaws.com:443/?"),
        ("amazonaws.com/?", "amazonaws.com//?"),
        ("Action=GetCallerIdentity", "Action=AssumeRole"),
        (
            "Action=GetCallerIdentity",
            "Action=GetCallerIdentity&Action=AssumeRole",
        ),
        (
            "Action=GetCallerIdentity",
            "Action=GetCallerIdentity&action=AssumeRole",
        ),
        (
            "Action=GetCallerIdentity",
            "Action=GetCallerIdentity&RoleArn=x",
        ),
        ("Action=GetCallerIdentity&", ""),
        ("2011-06-15", "2012-06-15"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("X-Amz-Date=20150830T123600Z", "X-Amz-Date=20150830T1236"),
        ("Expires=60", "Expires=-60"),
        ("Expires=60", "Expires=0"),
        ("Expires=60", "Expires=6e1"),
        ("Expires=60", "Expires="),
        ("host%3Bx-countersign-audience", "host"),
        ("host%3Bx-countersign-audience", "x-countersign-audience"),
        ("host%3Bx-countersign-audience", "host%3Bx-k8s-aws-id"),
        (
            "host%3Bx-countersign-audience",
            "host%3Bx-amz-date%3Bx-countersign-audience",
        ),
        (
            "X-Amz-Security-Token=abc",
            "X-Amz-Security-Token=abc&X-Amz-Security-Token=abc",
        ),
        ("X-Amz-Signature=00ff", "X-Amz-Signature=00ff#"),
        ("X-Amz-Signature=00ff", "X-Amz-Signature=00 ff"),
        ("X-Amz-Signature=00ff", "X-Amz-Signature=00ff\r\nHost: evil"),
        ("&X-Amz-Signature=00ff", ""),
    ] {
        let changed = URL.replacen(from, to, 1);
        assert_ne!(changed, URL, "{from}");
        assert!(read(&changed).is_err(), "{from} → {to}");
    }
    assert!(Presigned::read("not base64url!", &demand()).is_err());
    assert!(read(&"x".repeat(10_000)).is_err());
}

proptest! {
    #[test]
    fn no_token_makes_a_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Presigned::read(&text, &demand());
        let _ = Presigned::read(&URL_SAFE_NO_PAD.encode(bytes), &demand());
    }
}

#[test]
fn a_request_is_shown_without_what_would_make_another_one_its_caller() {
    let shown = format!("{:?}", read(URL).unwrap());
    assert!(shown.contains("sts.us-west-2.amazonaws.com"), "{shown}");
    assert!(!shown.contains("00ff") && !shown.contains("abc"), "{shown}");
}

/// Each spelling would pass once where a signature is taken once.
#[test]
fn a_request_is_the_same_in_every_spelling() {
    let proof = |url: &str| read(url).unwrap().proof;
    let one = proof(URL);
    let (before, query) = URL.split_once('?').unwrap();
    let mut turned: Vec<&str> = query.split('&').collect();
    turned.reverse();
    for same in [
        format!("{before}?{}", turned.join("&")),
        URL.replace("%2F", "%2f"),
        URL.replace("amazonaws.com/?", "amazonaws.com?"),
        URL.replace("00ff", "00FF"),
    ] {
        assert_ne!(same, URL);
        assert_eq!(proof(&same), one, "{same}");
    }
    for other in [
        URL.replace("00ff", "00fe"),
        URL.replace("123600Z", "123601Z"),
        URL.replace("ASIAEXAMPLE", "ASIAEXAMPLF"),
    ] {
        assert_ne!(proof(&other), one, "{other}");
    }
}
