//! Everything that a signature must not get away with.

use super::*;

#[test]
fn s1_a_date_that_is_not_signed_does_not_count() {
    let mut request = Request::get();
    request.change_authorization(";x-amz-date", "");
    request.is_malformed();
    // `Date` counts only when it is signed and there is no x-amz-date.
    let mut request = Request::get();
    request.set("date", "Sun, 30 Aug 2015 13:36:00 GMT");
    request.is_verified();
    request.now = NOW + 3600;
    assert_eq!(request.judge(), Err(Refusal::SignatureExpired));
    request.headers.remove("x-amz-date");
    request.is_malformed();
}

#[test]
fn s2_a_signature_that_covers_less_than_it_must_is_refused() {
    let mut request = Request::get();
    request.change_authorization("host;", "");
    request.is_malformed();
    let mut request = Request::get();
    request.change_authorization("SignedHeaders=host;x-amz-date", "SignedHeaders=");
    request.is_malformed();
    for added in ["x-amz-copy-source", "x-amz-acl", "x-amz-anything"] {
        let mut request = Request::get();
        request.set(added, "1");
        request.is_malformed();
    }
    let mut request = Request::get();
    request.set("x-amzn-trace-id", "Root=1");
    request.is_verified();
}

#[test]
fn s3_a_signed_header_that_is_absent_changed_or_doubled_is_refused() {
    let signed = Request::signed(
        "GET",
        "/",
        &[("x-amz-meta-a", "1"), ("accept", "text/plain")],
        None,
    );
    signed.is_verified();
    let mut request = signed.clone();
    request.headers.remove("accept");
    request.is_malformed();
    let mut request = signed.clone();
    request.append("accept", "text/html");
    request.is_mismatch();
    let mut request = signed.clone();
    request.set("accept", "");
    request.is_mismatch();
    let mut request = signed.clone();
    request.set("accept", "  text/plain ");
    request.is_verified();
    let mut request = signed;
    request.append("x-amz-date", "20150830T123600Z");
    request.is_malformed();
}

#[test]
fn s4_the_body_must_be_the_one_that_was_signed() {
    let hash = super::encode::hex(&sha256(b"hello"));
    let hash = std::str::from_utf8(&hash).unwrap();
    let mut request = Request::signed("PUT", "/", &[], Some(hash));
    request.body = b"hello".to_vec();
    assert_eq!(
        request.judge(),
        Ok(Some(Verdict::Verified(BodyDuty::Sha256(sha256(b"hello")))))
    );
    request.known = Some(KnownBody::Whole(b"hello"));
    request.is_verified();
    request.known = Some(KnownBody::Whole(b"hellO"));
    assert_eq!(request.judge(), Err(Refusal::BodyHashMismatch));
    (request.body, request.known) = (Vec::new(), None);
    assert_eq!(request.judge(), Err(Refusal::BodyHashMismatch));
    // Without the header, the hash of the body itself was signed: it must be read first.
    let mut request = Request::get();
    (request.method, request.body) = ("POST", b"hello".to_vec());
    request.sign(&[], None);
    assert_eq!(request.judge(), Ok(Some(Verdict::NeedsBody)));
    request.known = Some(KnownBody::Whole(b"hello"));
    request.is_verified();
    request.known = Some(KnownBody::Whole(b"other"));
    request.is_mismatch();
}

#[test]
fn s5_a_payload_mode_that_the_policy_does_not_name_is_refused() {
    for mode in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-EVENTS",
        "unsigned-payload",
        "",
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "e3b0",
    ] {
        let mut request = Request::signed("PUT", "/", &[], Some(mode));
        request.body = b"x".to_vec();
        assert_eq!(request.judge(), Err(Refusal::PayloadModeRefused), "{mode}");
    }
    let mut request = Request::signed("PUT", "/", &[], Some("UNSIGNED-PAYLOAD"));
    request.body = b"x".to_vec();
    request.demand.unsigned_payload = true;
    request.is_verified();
    request.secure = false;
    assert_eq!(request.judge(), Err(Refusal::PayloadModeRefused));
    let mut request = Request::signed("PUT", "/", &[], Some(EMPTY));
    request.append("x-amz-content-sha256", EMPTY);
    request.is_malformed();
}

#[test]
fn s6_two_signatures_are_none() {
    let mut request = Request::get();
    request.append("authorization", &request.authorization());
    request.is_malformed();
    let mut request = Request::get();
    request.append("authorization", "Bearer x");
    request.is_malformed();
    for parameter in [
        "X-Amz-Signature=0",
        "X-Amz-Algorithm=A",
        "X-Amz-Credential=c",
        "X-%41mz-Expires=1",
    ] {
        let target = format!("/?{parameter}");
        Request::signed("GET", &target, &[], None).is_malformed();
        let mut alone = Request::signed("GET", &target, &[], None);
        alone.headers.remove("authorization");
        alone.is_malformed();
    }
}

#[test]
fn s7_only_the_algorithm_that_is_implemented_is_verified() {
    for algorithm in [
        "AWS4-ECDSA-P256-SHA256",
        "AWS4-HMAC-SHA1",
        "AWS4-HMAC-SHA256-PAYLOAD",
        "aws4-hmac-sha256",
        "AWS4-",
    ] {
        let mut request = Request::get();
        request.change_authorization("AWS4-HMAC-SHA256", algorithm);
        request.is_malformed();
    }
    for other in ["Bearer token", "Basic dTpw", "none", "AWS id:signature"] {
        let mut request = Request::get();
        request.set("authorization", other);
        assert_eq!(request.judge(), Ok(None), "{other}");
    }
}

#[test]
fn s8_the_scope_must_be_ours_and_the_time_near() {
    for (from, to) in [
        ("/20150830/", "/20150831/"),
        ("/us-east-1/", "/us-west-2/"),
        ("/execute-api/", "/s3/"),
    ] {
        let mut request = Request::get();
        request.change_authorization(from, to);
        assert_eq!(request.judge(), Err(Refusal::SignatureScope), "{to}");
    }
    let mut request = Request::get();
    request.change_authorization("/aws4_request", "/aws4_other");
    request.is_malformed();
    for (offset, verdict) in [
        (300, Ok(Some(Verdict::Verified(BodyDuty::None)))),
        (301, Err(Refusal::SignatureExpired)),
        (-300, Ok(Some(Verdict::Verified(BodyDuty::None)))),
        (-301, Err(Refusal::SignatureNotYetValid)),
    ] {
        let mut request = Request::get();
        request.now = NOW + offset;
        assert_eq!(request.judge(), verdict, "{offset}");
    }
    for date in [
        "20150830T123660Z",
        "20150230T123600Z",
        "20150830",
        "Sun, 30 Aug 2015 12:36:00 GMT",
    ] {
        let mut request = Request::get();
        request.set("x-amz-date", date);
        request.is_malformed();
    }
}

#[test]
fn s11_an_unknown_credential_and_a_wrong_signature_are_told_alike() {
    let mut unknown = Request::get();
    unknown.change_authorization("Credential=AKIDEXAMPLE/", "Credential=NOBODY/");
    let mut wrong = Request::get();
    let last = wrong.authorization().chars().last().unwrap();
    let other = if last == '0' { '1' } else { '0' };
    let changed = wrong.authorization();
    wrong.set(
        "authorization",
        &format!("{}{other}", &changed[..changed.len() - 1]),
    );
    let (unknown, wrong) = (unknown.judge().unwrap_err(), wrong.judge().unwrap_err());
    assert_eq!(
        (unknown.status(), unknown.code(), unknown.message()),
        (wrong.status(), wrong.code(), wrong.message())
    );
    assert_ne!(unknown.detail(), wrong.detail());
}

#[test]
fn a_credential_out_of_its_time_is_refused_with_a_right_signature() {
    for (not_before, not_after) in [(Some(NOW + 1), None), (None, Some(NOW - 1))] {
        let mut out_of_time = credential();
        out_of_time.not_before = not_before.map(UtcTime::from_unix);
        out_of_time.not_after = not_after.map(UtcTime::from_unix);
        let store = CredentialStore::from_credentials([out_of_time]);
        let keys = SigningKeys::new(Arc::new(store));
        let request = Request::get();
        let call = Call::admit(&Parts {
            method: request.method,
            target: request.target.as_bytes(),
            authority: Some(&request.authority),
            headers: &request.headers,
            ended: true,
        });
        let call = call.unwrap();
        let presented = present(&call).unwrap().unwrap();
        let now = UtcTime::from_unix(NOW);
        let evidence = Evidence {
            call: &call,
            body: KnownBody::Empty,
            secure: true,
            now,
            timely: true,
        };
        let judged = verify(&presented, &evidence, &request.demand, &keys, false);
        assert!(
            matches!(judged, Err(Refusal::SignatureMismatch(_))),
            "{judged:?}"
        );
    }
}

#[test]
fn s12_canonical_forms_are_the_ones_of_the_signer() {
    for target in [
        "/?a=%7E&b=~",
        "/?a=1&a=2&A=0",
        "/?%41=1",
        "/?a%2fb=c%2Fd",
        "/?x=a+b",
        "/%7Euser",
    ] {
        Request::signed("GET", target, &[], None).is_verified();
    }
    // The same multiset in another order has the same signature: see the threat model.
    let mut request = Request::signed("GET", "/?a=1&b=2", &[], None);
    request.target = "/?b=2&a=1".to_owned();
    request.is_verified();
    for bad in ["/?a=%zz", "/?a=%2", "/?a&&b", "/?%"] {
        let mut request = Request::get();
        request.target = bad.to_owned();
        request.is_malformed();
    }
    // What a path's escapes mean is signed as well as what they are.
    let mut request = Request::signed("GET", "/a%2Cb", &[], None);
    request.target = "/a,b".to_owned();
    request.is_mismatch();
}

#[test]
fn s13_nothing_stands_in_for_a_header() {
    for name in ["@method", ":authority", "x-amz-signature"] {
        let mut request = Request::get();
        request.change_authorization("host;x-amz-date", &format!("{name};host;x-amz-date"));
        request.is_malformed();
    }
    let mut request = Request::signed("GET", "/?x-amz-meta-a=1", &[], None);
    request.change_authorization("host;x-amz-date", "host;x-amz-date;x-amz-meta-a");
    request.is_malformed();
    let mut request = Request::get();
    request.authority = "other.example".to_owned();
    request.is_mismatch();
}

#[test]
fn s14_an_iam_access_key_is_explained_to_the_operator() {
    for id in ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"] {
        let mut request = Request::get();
        request.change_authorization("Credential=AKIDEXAMPLE/", &format!("Credential={id}/"));
        let refusal = request.judge().unwrap_err();
        assert!(
            refusal.detail().contains("countersign credentials new"),
            "{refusal:?}"
        );
        assert_eq!(refusal.code(), "signature_mismatch");
    }
    let request = Request::signed("GET", "/", &[("x-amz-security-token", "t")], None);
    request.is_malformed();
}

#[test]
fn an_authorization_that_is_not_whole_is_malformed() {
    for (from, to) in [
        ("Credential=", "Credentials="),
        (", SignedHeaders=", ", Signature=x, SignedHeaders="),
        ("Signature=", "Signature=0"),
        ("AKIDEXAMPLE/", "/"),
        ("/20150830/", "/"),
        ("host;x-amz-date", "x-amz-date;host"),
        ("host;x-amz-date", "host;host;x-amz-date"),
        ("host;x-amz-date", "Host;x-amz-date"),
        ("host;x-amz-date", "authorization;host;x-amz-date"),
    ] {
        let mut request = Request::get();
        request.change_authorization(from, to);
        request.is_malformed();
    }
    // Any order, and no spaces behind the commas, as S3's documents write it.
    let mut request = Request::get();
    request.change_authorization(", ", ",");
    request.is_verified();
}

fn shown(secret: &Credential) -> String {
    format!("{secret:?}")
}

#[test]
fn a_secret_is_never_shown() {
    assert!(!shown(&credential()).contains(SECRET));
}
