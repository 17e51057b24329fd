//! What was signed, changed anywhere: refused. And whatever can be signed verifies.

use proptest::prelude::*;

use super::*;

/// Covers nearly everything that can be covered.
fn rich(algorithm: Algorithm) -> Request {
    let mut request = Request::unsigned();
    request.method = "PUT";
    request.target = "/orders/7%2F8;a/b?b=2&a=1&c=%20x".to_owned();
    request.authority = "gateway.example:8443".to_owned();
    request.body = b"some content".to_vec();
    request.set("content-type", "text/plain");
    request.append("x-list", "a, b");
    request.append("x-list", "c");
    request.append("x-wrapped", "a, b");
    request.append("x-wrapped", "c");
    request.set("priority", "u=1,  i");
    request.set("x-dict", "a=1, b=(1 2);x=y");
    request.signed(&How {
        algorithm,
        components: names(&[
            "@method",
            "@target-uri",
            "@authority",
            "@scheme",
            "@path",
            "@query",
            "@request-target",
            "@query-param;name=\"c\"",
            "content-type",
            "content-digest",
            "x-list",
            "x-wrapped;bs",
            "priority;sf",
            "x-dict;key=\"b\"",
        ]),
        expires: Some(NOW + 60),
        nonce: Some("a nonce \"of\\ours\"".to_owned()),
        tag: Some("countersign".to_owned()),
        with_alg: true,
        ..How::default()
    })
}

#[test]
fn every_algorithm_signs_and_verifies() {
    for algorithm in Algorithm::ALL {
        assert_eq!(rich(algorithm).judge_by(algorithm), Ok(()), "{algorithm}");
        for other in Algorithm::ALL
            .into_iter()
            .filter(|other| *other != algorithm)
        {
            assert!(
                matches!(
                    rich(algorithm).judge_by(other),
                    Err(Refusal::SignatureMismatch(_))
                ),
                "{algorithm} by {other}"
            );
        }
    }
}

#[test]
fn a_flipped_bit_of_the_signature_is_refused() {
    for algorithm in Algorithm::ALL {
        let request = rich(algorithm);
        let text = request.field("signature");
        let signature = STANDARD.decode(&text[6..text.len() - 1]).unwrap();
        let step = if signature.len() > 96 { 31 } else { 1 };
        for at in (0..signature.len()).step_by(step) {
            for bit in [1, 0x80] {
                let mut changed = signature.clone();
                changed[at] ^= bit;
                let mut request = request.clone();
                request.set("signature", &format!("sig1=:{}:", STANDARD.encode(changed)));
                let judged = request.judge_by(algorithm);
                let wrong = Err(Refusal::SignatureMismatch("the signature is wrong"));
                assert_eq!(judged, wrong, "{algorithm} {at}");
            }
        }
        for length in [0, 1, signature.len() - 1, signature.len() + 1] {
            let mut changed = signature.clone();
            changed.resize(length, 0);
            let mut request = request.clone();
            request.set("signature", &format!("sig1=:{}:", STANDARD.encode(changed)));
            let length = "the signature does not have the length of its algorithm";
            let judged = request.judge_by(algorithm);
            assert_eq!(judged, Err(Refusal::SignatureMismatch(length)));
        }
    }
}

/// Every text of one byte changed to another that may stand there.
fn changes(text: &str) -> impl Iterator<Item = String> + '_ {
    (0..text.len()).flat_map(move |at| {
        let other = [b'x', b'7', text.as_bytes()[at] ^ 0x20];
        let fits = move |byte: &u8| byte.is_ascii_graphic() && *byte != text.as_bytes()[at];
        other.into_iter().filter(fits).map(move |byte| {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = byte;
            String::from_utf8(changed).unwrap()
        })
    })
}

#[test]
fn a_changed_byte_of_the_request_is_refused() {
    let request = rich(Algorithm::Ed25519);
    let mut tried = 0;
    let mut refuse = |changed: &Request, what: &str| {
        assert!(changed.judge().is_err(), "{what}");
        tried += 1;
    };
    for target in changes(&request.target).filter(|target| target.starts_with('/')) {
        let mut changed = request.clone();
        if !target
            .bytes()
            .any(|byte| matches!(byte, b'"' | b'#' | b'<' | b'>'))
        {
            changed.target = target;
            refuse(&changed, &changed.target);
        }
    }
    for method in ["GET", "POST", "DELETE", "PATCH"] {
        let mut changed = request.clone();
        changed.method = method;
        if method == "GET" {
            changed.body.clear();
        }
        refuse(&changed, method);
    }
    for authority in [
        "gateway.example",
        "gateway.example:8444",
        "gatewax.example:8443",
    ] {
        let mut changed = request.clone();
        changed.authority = authority.to_owned();
        refuse(&changed, authority);
    }
    let mut changed = request.clone();
    changed.secure = false;
    refuse(&changed, "plain HTTP");
    for at in 0..request.body.len() {
        let mut changed = request.clone();
        changed.body[at] ^= 1;
        refuse(&changed, "body");
        changed.body.truncate(at);
        refuse(&changed, "a shorter body");
    }
    for name in ["content-type", "content-digest", "priority"] {
        for value in changes(&request.field(name)) {
            let mut changed = request.clone();
            changed.set(name, &value);
            refuse(&changed, &value);
        }
    }
    for name in [
        "content-type",
        "content-digest",
        "x-list",
        "x-wrapped",
        "priority",
        "x-dict",
        "signature",
        "signature-input",
    ] {
        let mut changed = request.clone();
        changed.headers.remove(name);
        refuse(&changed, name);
        let mut changed = request.clone();
        changed.append(name, "added");
        // Of a dictionary only the one member is covered.
        if name != "x-dict" {
            refuse(&changed, name);
        }
    }
    let mut changed = request.clone();
    changed.headers.remove("x-wrapped");
    changed.set("x-wrapped", "a, b, c");
    refuse(&changed, "lines joined");
    let mut changed = request.clone();
    changed.set("x-dict", "a=1, b=(1 3);x=y");
    refuse(&changed, "the covered member");
    assert!(tried > 200);
}

#[test]
fn a_changed_byte_of_the_parameters_is_refused() {
    let request = rich(Algorithm::Ed25519);
    let input = request.field("signature-input");
    let mut tried = 0;
    for value in changes(&input) {
        let mut changed = request.clone();
        changed.set("signature-input", &value);
        assert!(changed.judge().is_err(), "{value}");
        tried += 1;
    }
    assert!(tried > 500);
    // A parameter more, one less, or another order.
    for (from, to) in [
        (";created", ";more;created"),
        (";tag=\"countersign\"", ""),
        (";alg=\"ed25519\"", ""),
        ("\"@method\" \"@target-uri\"", "\"@target-uri\" \"@method\""),
        (" \"@scheme\"", ""),
        (";expires=1618884540", ""),
    ] {
        let mut changed = request.clone();
        changed.change("signature-input", from, to);
        changed.is_mismatch("the signature is wrong");
    }
}

#[test]
fn what_is_not_covered_and_what_means_the_same_may_change() {
    let request = rich(Algorithm::Ed25519);
    let mut changed = request.clone();
    changed.set("x-added", "on the way");
    changed.headers.remove("x-list");
    changed.set("x-list", " a, b, c ");
    changed.set("priority", "u=1, i");
    changed.set("x-dict", "a=2,  b=( 1  2 );x=y, c");
    assert_eq!(changed.judge(), Ok(()));
    // Labels are not signed (RFC 9421 §7.2.5).
    let mut changed = request;
    changed.change("signature-input", "sig1=", "other=");
    changed.change("signature", "sig1=", "other=");
    assert_eq!(changed.judge(), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_can_be_signed_verifies(
        which in 0..6usize,
        target in "/[a-zA-Z0-9%./~;:@!$&'()*+,=_-]{0,24}([?][a-zA-Z0-9%./~;:@!$&'()*+,=_?-]{0,24})?",
        authority in "[a-zA-Z0-9-]{1,20}([.][a-z]{1,5})?(:[1-9][0-9]{0,3})?",
        value in "[ -~]{0,40}",
        lines in 1..4usize,
        nonce in "[ -~]{1,20}",
        tag in "[ -~]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 1..40),
        form in prop_oneof![Just(""), Just(";bs")],
        secure in any::<bool>(),
    ) {
        let algorithm = Algorithm::ALL[which];
        let mut request = Request::unsigned();
        request.method = "PATCH";
        request.target = target;
        request.authority = authority;
        request.secure = secure;
        request.body = body;
        for _ in 0..lines {
            request.append("x-field", &value);
        }
        let mut how = How {
            algorithm,
            nonce: Some(nonce),
            tag: Some(tag),
            ..How::default()
        };
        how.components.extend([format!("x-field{form}"), "content-digest".to_owned()]);
        let request = request.signed(&how);
        prop_assert_eq!(request.judge_by(algorithm), Ok(()));
        let mut changed = request.clone();
        changed.append("x-field", "more");
        prop_assert!(changed.judge_by(algorithm).is_err());
        let mut changed = request;
        changed.body.push(0);
        prop_assert_eq!(changed.judge_by(algorithm), Err(Refusal::BodyHashMismatch));
    }
}
