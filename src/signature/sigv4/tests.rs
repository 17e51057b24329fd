//! The verifier against AWS's own example, against what botocore signs, and against everything
//! that a signature must not get away with.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use crate::call::{Call, Parts};
use crate::clock::UtcTime;
use crate::config::{SignatureDemand, SignatureProfile};
use crate::credential::{Credential, CredentialStore, Secret};
use crate::names::CredentialId;
use crate::refusal::Refusal;

use super::*;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// 2015-08-30T12:36:00Z, when AWS's examples were signed.
const NOW: i64 = 1_440_938_160;

fn credential() -> Credential {
    Credential {
        id: CredentialId::new(ID),
        secret: Secret::new(SECRET.to_owned()),
        not_before: None,
        not_after: None,
    }
}

fn ring() -> KeyRing {
    KeyRing::new(Arc::new(CredentialStore::from_credentials([credential()])))
}

fn demand(profile: SignatureProfile, service: &str) -> SignatureDemand {
    SignatureDemand {
        profile,
        service: service.to_owned(),
        region: "us-east-1".to_owned(),
        max_skew_secs: 300,
        unsigned_payload: false,
        max_buffered_body_bytes: 1000,
    }
}

/// A request as a test changes it before it is judged.
#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    authority: String,
    headers: HeaderMap,
    body: Vec<u8>,
    demand: SignatureDemand,
    known: Option<KnownBody>,
    secure: bool,
    now: i64,
}

impl Request {
    /// Signed by us: what every change below starts from.
    fn signed(
        method: &'static str,
        target: &str,
        headers: &[(&str, &str)],
        hash: Option<&str>,
    ) -> Self {
        let demand = demand(SignatureProfile::Aws, "execute-api");
        let mut request = Self {
            method,
            target: target.to_owned(),
            authority: "gateway.example:8443".to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            demand,
            known: None,
            secure: true,
            now: NOW,
        };
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        for (name, value) in &headers {
            request.append(name, value);
        }
        request.sign(&headers, hash);
        request
    }

    fn get() -> Self {
        Self::signed("GET", "/orders/7?b=2&a=1", &[], None)
    }

    fn sign(&mut self, headers: &[(String, String)], hash: Option<&str>) {
        let signed = sign(&SigningRequest {
            method: self.method,
            target: &self.target,
            authority: &self.authority,
            headers,
            payload_hash: hash.map(str::to_owned),
            body: &self.body,
            profile: self.demand.profile,
            region: &self.demand.region,
            service: &self.demand.service,
            credential: &credential(),
            now: UtcTime::from_unix(NOW),
        });
        for (name, value) in signed.unwrap() {
            self.set(&name, &value);
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers
            .insert(name, HeaderValue::from_str(value).unwrap());
    }

    fn append(&mut self, name: &str, value: &str) {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers
            .append(name, HeaderValue::from_str(value).unwrap());
    }

    fn authorization(&self) -> String {
        self.headers["authorization"].to_str().unwrap().to_owned()
    }

    fn change_authorization(&mut self, from: &str, to: &str) {
        let changed = self.authorization().replace(from, to);
        assert_ne!(changed, self.authorization(), "{from}");
        self.set("authorization", &changed);
    }

    fn judge(&self) -> Result<Option<Outcome>, Refusal> {
        let call = Call::admit(&Parts {
            method: self.method,
            target: self.target.as_bytes(),
            authority: Some(&self.authority),
            headers: &self.headers,
            ended: self.body.is_empty() && self.known.is_none(),
        });
        let call = call.expect("the test's request is one");
        let known = self.known.unwrap_or(match self.body.is_empty() {
            true => KnownBody::Empty,
            false => KnownBody::Unread,
        });
        let Some(presented) = present(&call)? else {
            return Ok(None);
        };
        let now = UtcTime::from_unix(self.now);
        verify(
            &presented,
            &call,
            &self.demand,
            &ring(),
            self.secure,
            now,
            known,
        )
        .map(Some)
    }

    #[track_caller]
    fn is_malformed(&self) {
        assert!(
            matches!(self.judge(), Err(Refusal::SignatureMalformed(_))),
            "{:?}",
            self.judge()
        );
    }

    #[track_caller]
    fn is_mismatch(&self) {
        assert!(
            matches!(self.judge(), Err(Refusal::SignatureMismatch(_))),
            "{:?}",
            self.judge()
        );
    }

    #[track_caller]
    fn is_verified(&self) {
        assert_eq!(self.judge(), Ok(Some(Outcome::Verified(BodyDuty::None))));
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}

/// The worked example of the AWS IAM User Guide.
#[test]
fn the_example_of_aws_verifies() {
    let mut request = Request::get();
    request.target = "/?Action=ListUsers&Version=2010-05-08".to_owned();
    request.authority = "iam.amazonaws.com".to_owned();
    request.demand = demand(SignatureProfile::Aws, "iam");
    request.set(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    request.set(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date, \
         Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    request.is_verified();
}

type Text = &'static str;
type Botocore = (Text, Text, Text, (Text, Text), Text, Text, Text, Text);

/// Signed by botocore 1.44.5 (`SigV4Auth`, `S3SigV4Auth`) for https://gateway.example:8443 at
/// 2015-08-30T12:36:00Z: profile, method, target, further header, body, its hash as sent,
/// signed headers, signature.
#[rustfmt::skip]
const BOTOCORE: &[Botocore] = &[
    ("aws", "GET", "/", ("", ""), "", "", "host;x-amz-date",
     "c8d243e5443cde2e75444220e1663b82381ebdac568f0c9d398b5a88d7390642"),
    ("aws", "GET", "/a%20b/%C3%A9?q=a%20b&%C3%A9=1", ("", ""), "", "", "host;x-amz-date",
     "b3bfab759d243167077057c531cf54a05bacd8a6418256211fd179911709db7b"),
    ("aws", "GET", "/x?b=2&a=1&a=0&empty=&c", ("", ""), "", "", "host;x-amz-date",
     "14e5f0ed0ab9a1f84ed462f3d7a1a8541b9a18fca3c9fe3896313274e8f727d3"),
    ("aws", "GET", "/a/./b/../c//d/", ("", ""), "", "", "host;x-amz-date",
     "8a0d0a83cfb2f718027167df1c371aa205351a4d6cf81d79bcd7ee3c58597f16"),
    ("aws", "GET", "/example/..", ("", ""), "", "", "host;x-amz-date",
     "c8d243e5443cde2e75444220e1663b82381ebdac568f0c9d398b5a88d7390642"),
    ("aws", "GET", "/w", ("x-amz-meta-note", "  two   words  "), "", "", "host;x-amz-date;x-amz-meta-note",
     "fcdbddef1bb8e4087ad2ba6003094fbd48a8fa6002f0b306e8349d9487c1cf0f"),
    ("aws", "POST", "/p", ("content-type", "application/json"), "{\"a\": 1}", "", "content-type;host;x-amz-date",
     "ff53cde2c2546f9cac4d760a08c8d6cab0b2f43065d02773e486590329b10d93"),
    ("s3", "PUT", "/bucket/a%2Fb/c//d", ("", ""), "hello",
     "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "host;x-amz-content-sha256;x-amz-date",
     "2e0bdb428192e18233386c0116a07ee9d256671d76e3c03433a5c36226880c7e"),
    ("s3", "GET", "/k%20e%C3%A9y?list-type=2&prefix=a%2F", ("", ""), "", EMPTY, "host;x-amz-content-sha256;x-amz-date",
     "ec2dee7266c03064a68c8925a0c7f74f2d834da66c8fce89f636ba1857be2ea3"),
    ("aws", "DELETE", "/~user/-._", ("x-amz-target", "T"), "", "", "host;x-amz-date;x-amz-target",
     "e9f85cc2110325e7403cbdde6cbab520b6e006ea06c6cb0019d8c5f70bb6b250"),
];

#[test]
fn what_botocore_signs_verifies() {
    for (profile, method, target, (name, value), body, hash, signed_headers, signature) in BOTOCORE
    {
        let mut request = Request::get();
        (request.method, request.target) = (method, (*target).to_owned());
        let service = match *profile {
            "s3" => "s3",
            _ => "execute-api",
        };
        let s3 = *profile == "s3";
        request.demand = demand(
            if s3 {
                SignatureProfile::S3
            } else {
                SignatureProfile::Aws
            },
            service,
        );
        if !name.is_empty() {
            request.set(name, value);
        }
        if !hash.is_empty() {
            request.set("x-amz-content-sha256", hash);
        }
        request.body = body.as_bytes().to_vec();
        request.known = (!body.is_empty()).then(|| KnownBody::Hash(sha256(body.as_bytes())));
        request.set(
            "authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential={ID}/20150830/us-east-1/{service}/aws4_request, \
                 SignedHeaders={signed_headers}, Signature={signature}"
            ),
        );
        assert_eq!(
            request.judge(),
            Ok(Some(Outcome::Verified(BodyDuty::None))),
            "{method} {target}"
        );
    }
}

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
        Ok(Some(Outcome::Verified(BodyDuty::Sha256(sha256(b"hello")))))
    );
    request.known = Some(KnownBody::Hash(sha256(b"hello")));
    request.is_verified();
    request.known = Some(KnownBody::Hash(sha256(b"hellO")));
    assert_eq!(request.judge(), Err(Refusal::BodyHashMismatch));
    (request.body, request.known) = (Vec::new(), None);
    assert_eq!(request.judge(), Err(Refusal::BodyHashMismatch));
    // Without the header, the hash of the body itself was signed: it must be read first.
    let mut request = Request::get();
    (request.method, request.body) = ("POST", b"hello".to_vec());
    request.sign(&[], None);
    assert_eq!(request.judge(), Ok(Some(Outcome::NeedsBody)));
    request.known = Some(KnownBody::Hash(sha256(b"hello")));
    request.is_verified();
    request.known = Some(KnownBody::Hash(sha256(b"other")));
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
        (300, Ok(Some(Outcome::Verified(BodyDuty::None)))),
        (301, Err(Refusal::SignatureExpired)),
        (-300, Ok(Some(Outcome::Verified(BodyDuty::None)))),
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
        let keys = KeyRing::new(Arc::new(store));
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
        let judged = verify(
            &presented,
            &call,
            &request.demand,
            &keys,
            true,
            now,
            KnownBody::Empty,
        );
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

proptest! {
    #[test]
    fn what_is_signed_verifies_and_a_changed_byte_does_not(
        path in "(/[a-zA-Z0-9._~-]{1,4}){1,3}",
        query in proptest::collection::vec(("[a-zA-Z0-9~_.-]{1,3}", "([a-z0-9]|%2F|%20|\\+){0,4}"), 0..4),
        value in "[!-~]{1,8}( {1,3}[!-~]{1,4})?",
        at in 0usize..64,
    ) {
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let target = match query.is_empty() {
            true => path,
            false => format!("{path}?{}", query.join("&")),
        };
        let request = Request::signed("GET", &target, &[("x-amz-meta-v", &value)], None);
        prop_assert_eq!(request.judge(), Ok(Some(Outcome::Verified(BodyDuty::None))));

        let mut other = request.clone();
        other.set("x-amz-meta-v", &format!("{value}!"));
        prop_assert!(other.judge().is_err());

        let mut other = request.clone();
        other.target = format!("{target}x");
        prop_assert!(other.judge().is_err());

        let mut other = request.clone();
        let authorization = other.authorization();
        let place = authorization.len() - 64 + at;
        let digit = if &authorization[place..=place] == "0" { "1" } else { "0" };
        other.set("authorization", &format!("{}{digit}{}", &authorization[..place], &authorization[place + 1..]));
        prop_assert!(other.judge().is_err());
    }
}
