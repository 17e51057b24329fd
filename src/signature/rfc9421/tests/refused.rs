//! Signatures that are refused, each with its reason.

use super::*;

const ALL: &str = "\"@method\" \"@authority\" \"@path\" \"@query\"";

/// A request with this Signature-Input, rightly signed where it can be.
fn input(parameters: &str) -> Request {
    Request::unsigned().with_input(&format!("({ALL}){parameters}"))
}

fn with(parameters: &str) -> Request {
    input(&format!(";created={NOW};keyid=\"{KEYID}\"{parameters}"))
}

#[test]
fn the_usual_request_is_taken() {
    assert_eq!(Request::get().judge(), Ok(()));
    assert_eq!(Request::post().judge(), Ok(()));
    assert_eq!(with("").judge(), Ok(()));
    assert_eq!(with(";x=1;y").judge(), Ok(()));
    assert_eq!(
        Request::unsigned().judge(),
        Err(Refusal::SignatureRequired(Arc::default()))
    );
}

#[test]
fn fields_that_cannot_be_read_are_refused() {
    let list = "Signature-Input is no dictionary of lists of components";
    let none = "Signature is no byte sequence";
    let labels = "Signature-Input and Signature have different labels";
    let twice = "a signature's label is there twice";
    for (input, signature, why) in [
        (
            "sig1",
            "sig1=:YQ==:",
            "Signature-Input has a member that is no list",
        ),
        (
            "sig1=1",
            "sig1=:YQ==:",
            "Signature-Input has a member that is no list",
        ),
        (
            "sig1=tok;created=1",
            "sig1=:YQ==:",
            "Signature-Input has a member that is no list",
        ),
        ("sig1=(\"@path\"", "sig1=:YQ==:", list),
        ("sig1=(\"@path\")x", "sig1=:YQ==:", list),
        ("sig1=(\"@path\"),", "sig1=:YQ==:", list),
        ("Sig1=(\"@path\")", "sig1=:YQ==:", list),
        ("sig1=(\"a\\x\")", "sig1=:YQ==:", list),
        ("sig1=(\"@path\"\t\"@query\")", "sig1=:YQ==:", list),
        ("sig1=(\"@path\");created=@1", "sig1=:YQ==:", list),
        (
            "sig1=(\"@path\" 1)",
            "sig1=:YQ==:",
            "a covered component is no String",
        ),
        ("sig1=(\"@path\" @path)", "sig1=:YQ==:", list),
        ("sig1=(\"@path\")", "sig1=YQ==", none),
        ("sig1=(\"@path\")", "sig1=\"YQ==\"", none),
        ("sig1=(\"@path\")", "sig1", none),
        ("sig1=(\"@path\")", "sig1=(:YQ==:)", none),
        ("sig1=(\"@path\")", "sig1=:YQ==:;a", none),
        ("sig1=(\"@path\")", "sig1=:Y*==:", none),
        ("sig1=(\"@path\")", "", labels),
        ("", "sig1=:YQ==:", labels),
        ("sig1=(\"@path\")", "sig2=:YQ==:", labels),
        ("sig1=(\"@path\")", "sig1=:YQ==:, sig2=:YQ==:", labels),
        ("sig1=(\"@path\"), sig2=()", "sig1=:YQ==:", labels),
        ("sig1=(\"@path\"), sig1=()", "sig1=:YQ==:", twice),
        ("sig1=(\"@path\")", "sig1=:YQ==:, sig1=:YQ==:", twice),
        (
            "a=(), b=(), c=(), d=(), e=()",
            "a=:YQ==:",
            "more than 4 signatures",
        ),
        (
            "a=()",
            "a=:YQ==:,b=:YQ==:,c=:YQ==:,d=:YQ==:,e=:YQ==:",
            "more than 4 signatures",
        ),
        ("sig1=(\"@path\")", "sig1=:YQ==:", "keyid is missing"),
        ("sig1=();keyid=\"\"", "sig1=:YQ==:", "keyid is no valid id"),
        (
            "sig1=();keyid=\"a b\"",
            "sig1=:YQ==:",
            "keyid is no valid id",
        ),
    ] {
        let mut request = Request::unsigned();
        request.set("signature-input", input);
        request.set("signature", signature);
        request.is_malformed(why);
    }
}

#[test]
fn a_label_that_is_there_twice_on_two_lines_is_refused() {
    for (field, value) in [("signature-input", "sig1=()"), ("signature", "sig1=:YQ==:")] {
        let mut request = Request::get();
        request.append(field, value);
        request.is_malformed("a signature's label is there twice");
    }
}

#[test]
fn one_field_without_the_other_is_refused() {
    let mut request = Request::get();
    request.headers.remove("signature-input");
    request.is_malformed("Signature without Signature-Input");
    let mut request = Request::get();
    request.headers.remove("signature");
    request.is_malformed("Signature-Input without Signature");
}

#[test]
fn a_signature_of_the_old_drafts_is_refused() {
    let mut request = Request::unsigned();
    let cavage =
        "keyId=\"CSPARTNER1\",algorithm=\"hs2019\",headers=\"(request-target)\",signature=\"YQ==\"";
    request.set("signature", cavage);
    request.is_malformed("Signature without Signature-Input");
}

#[test]
fn what_is_longer_than_the_limits_is_refused() {
    let components: Vec<String> = (0..33).map(|n| format!("\"x-{n}\"")).collect();
    let mut request = Request::get();
    request.set(
        "signature-input",
        &format!("sig1=({})", components.join(" ")),
    );
    request.is_malformed("a signature covers more than 32 components");

    let mut request = Request::get();
    request.set(
        "signature-input",
        &format!("sig1=();x=\"{}\"", "a".repeat(8200)),
    );
    request.is_malformed("Signature-Input and Signature are longer than 8 KiB");

    with(&format!(";nonce=\"{}\"", "a".repeat(257))).is_malformed("nonce is longer than 256 bytes");
    let long = format!(";created={NOW};keyid=\"{}\"", "a".repeat(129));
    input(&long).is_malformed("keyid is no valid id");

    let many: String = (0..129).map(|n| format!(";p{n}")).collect();
    with(&many).is_malformed("too many names");

    let mut request = Request::unsigned();
    request.set("x-long", &"a".repeat(60_000));
    let forms: Vec<String> = (0..5).map(|n| format!("\"x-long-{n}\"")).collect();
    for n in 0..5 {
        request.set(&format!("x-long-{n}"), &"a".repeat(60_000));
    }
    let input = format!("({ALL} {});created={NOW};keyid=\"k\"", forms.join(" "));
    let request = request.with_input(&input);
    request.is_malformed("the covered components are longer than 256 KiB");
}

#[test]
fn parameters_of_the_wrong_type_are_refused() {
    let number = "a time is not an Integer";
    let string = "a parameter is not a String";
    let keyid = format!(";keyid=\"{KEYID}\"");
    for (parameters, why) in [
        (format!("{keyid};created={NOW}.0"), number),
        (format!("{keyid};created=\"{NOW}\""), number),
        (format!("{keyid};created"), number),
        (format!("{keyid};created={NOW};expires={NOW}.5"), number),
        (format!("{keyid};created={NOW};nonce=abc"), string),
        (format!("{keyid};created={NOW};nonce=:YWJj:"), string),
        (format!("{keyid};created={NOW};nonce"), string),
        (format!("{keyid};created={NOW};alg=ed25519"), string),
        (format!("{keyid};created={NOW};tag=1"), string),
        (
            format!("{keyid};created={NOW};nonce=\"\""),
            "nonce is empty",
        ),
        (
            format!("{keyid};created={NOW};alg=\"none\""),
            "alg is unknown",
        ),
        (format!("{keyid};created={NOW};alg=\"\""), "alg is unknown"),
        (
            format!("{keyid};created={NOW};alg=\"ED25519\""),
            "alg is unknown",
        ),
        (
            format!("{keyid};created={NOW};alg=\"hs2019\""),
            "alg is unknown",
        ),
        (
            format!("{keyid};created={NOW};alg=\"rsa-sha1\""),
            "alg is unknown",
        ),
        (keyid.clone(), "created is missing"),
        (format!(";created={NOW};keyid={KEYID}"), "keyid is missing"),
        (
            format!("{keyid};created={NOW};created={NOW}"),
            "a parameter is there twice",
        ),
        (
            format!("{keyid}{keyid};created={NOW}"),
            "a parameter is there twice",
        ),
        (
            format!("{keyid};created={NOW};x;x"),
            "a name is there twice",
        ),
    ] {
        input(&parameters).is_malformed(why);
    }
}

#[test]
fn a_time_outside_the_window_is_refused() {
    let at = |created: i64, expires: Option<i64>| {
        Request::unsigned()
            .signed(&How {
                created,
                expires,
                ..How::default()
            })
            .judge()
    };
    let (expired, early) = (
        Err(Refusal::SignatureExpired),
        Err(Refusal::SignatureNotYetValid),
    );
    let backwards = Err(Refusal::SignatureMalformed("expires is not after created"));
    for (created, expires, want) in [
        (NOW - 300, None, Ok(())),
        (NOW - 301, None, expired.clone()),
        (NOW + 60, None, Ok(())),
        (NOW + 61, None, early.clone()),
        (NOW - 10, Some(NOW), Ok(())),
        (NOW - 10, Some(NOW - 1), expired.clone()),
        (NOW, Some(NOW), backwards.clone()),
        (NOW, Some(NOW - 1), backwards.clone()),
        // A long life does not make up for age.
        (NOW - 301, Some(NOW + 1000), expired.clone()),
        (-1, None, expired.clone()),
        (0, None, expired),
        (999_999_999_999_999, None, early),
        (-999_999_999_999_999, Some(-999_999_999_999_999), backwards),
    ] {
        assert_eq!(at(created, expires), want, "{created} {expires:?}");
    }
}

#[test]
fn a_fresh_date_beside_a_stale_created_does_not_help() {
    let mut request = Request::unsigned();
    request.set("date", "Tue, 20 Apr 2021 02:07:55 GMT");
    let stale = How {
        created: NOW - 1000,
        ..How::default()
    };
    let mut request = request.signed(&stale);
    request.set("x-date", "20210420T020755Z");
    assert_eq!(request.judge(), Err(Refusal::SignatureExpired));
}

#[test]
fn a_signature_that_covers_too_little_is_refused() {
    let target = "neither @target-uri nor all of @authority, @path and @query are covered";
    let cover = |components: &[&str]| {
        let how = How {
            components: names(components),
            ..How::default()
        };
        Request::unsigned().signed(&how)
    };
    cover(&[]).is_malformed("@method is not covered");
    cover(&["@target-uri"]).is_malformed("@method is not covered");
    cover(&["@method"]).is_malformed(target);
    cover(&["@method", "@authority", "@path"]).is_malformed(target);
    cover(&["@method", "@authority", "@query"]).is_malformed(target);
    cover(&["@method", "@path", "@query"]).is_malformed(target);
    cover(&["@method", "@scheme", "@request-target"]).is_malformed(target);
    cover(&["@method", "@authority", "@path", "@query-param;name=\"a\""]).is_malformed(target);
    assert_eq!(cover(&["@method", "@target-uri"]).judge(), Ok(()));
}

#[test]
fn a_body_must_be_covered_and_be_the_one_that_was_signed() {
    let mut request = Request::post();
    request.body[0] ^= 1;
    assert_eq!(request.judge(), Err(Refusal::BodyHashMismatch));

    let mut request = Request::get();
    request.method = "POST";
    let mut request = request.with_input(&with("").field("signature-input")[5..]);
    assert_eq!(request.judge(), Ok(()));
    request.body = b"added".to_vec();
    assert_eq!(request.judge(), Err(Refusal::PayloadModeRefused));
    // There, but not signed.
    request.set(
        "content-digest",
        &content_digest(b"added", DigestAlgorithm::Sha256),
    );
    assert_eq!(request.judge(), Err(Refusal::PayloadModeRefused));
}

#[test]
fn a_part_of_the_digest_or_another_digest_does_not_cover_the_body() {
    for component in [
        "content-digest;key=\"sha-256\"",
        "content-digest;sf",
        "content-digest;bs",
        "repr-digest",
        "digest",
        "content-length",
    ] {
        let mut request = Request::unsigned();
        request.method = "PUT";
        request.body = b"abc".to_vec();
        request.set("content-length", "3");
        let digest = content_digest(b"abc", DigestAlgorithm::Sha256);
        for name in ["content-digest", "repr-digest", "digest"] {
            request.set(name, &digest);
        }
        let mut how = How::default();
        how.components.push(component.to_owned());
        let request = request.signed(&how);
        assert_eq!(
            request.judge(),
            Err(Refusal::PayloadModeRefused),
            "{component}"
        );
    }
}

#[test]
fn only_digests_that_bind_the_body_are_taken() {
    let right = content_digest(b"abc", DigestAlgorithm::Sha256);
    let wide = content_digest(b"abc", DigestAlgorithm::Sha512);
    let wrong = content_digest(b"abd", DigestAlgorithm::Sha512);
    let neither = Err(Refusal::SignatureMalformed(
        "Content-Digest has neither sha-256 nor sha-512",
    ));
    let malformed = |why| Err(Refusal::SignatureMalformed(why));
    let bytes = "Content-Digest has a value that is no byte sequence";
    for (lines, want) in [
        (vec![right.clone()], Ok(())),
        (vec![wide.clone()], Ok(())),
        (vec![format!("{right}, {wide}")], Ok(())),
        (vec![right.clone(), wide.clone()], Ok(())),
        (vec![format!("{right};p=1, md5=:YQ==:, new=:YQ==:")], Ok(())),
        (
            vec![format!("{right}, {wrong}")],
            Err(Refusal::BodyHashMismatch),
        ),
        (
            vec![format!("{wrong}, {right}")],
            Err(Refusal::BodyHashMismatch),
        ),
        (vec![String::new()], neither.clone()),
        (
            vec!["md5=:kAFQmDzST7DWlj99KOF/cg==:".to_owned()],
            neither.clone(),
        ),
        (
            vec!["sha=:qZk+NkcGgWq6PiVxeFDCbJzQ2J0=:, crc32c=:NkHLcQ==:".to_owned()],
            neither,
        ),
        (
            vec![format!("{right}, {right}")],
            malformed("Content-Digest has an algorithm twice"),
        ),
        (
            vec![right.clone(), right.clone()],
            malformed("Content-Digest has an algorithm twice"),
        ),
        (
            vec!["sha-256=:YQ==:".to_owned()],
            malformed("Content-Digest has a digest of the wrong length"),
        ),
        (vec![right.replace(':', "\"")], malformed(bytes)),
        (vec!["sha-256".to_owned()], malformed(bytes)),
        (vec![format!("{right}, new=(1)")], malformed(bytes)),
        (
            vec![right.to_uppercase()],
            malformed("Content-Digest is no dictionary"),
        ),
        (
            vec![format!("{right},")],
            malformed("Content-Digest is no dictionary"),
        ),
        // RFC 3230's spelling.
        (vec![right.replace(':', "")], malformed(bytes)),
    ] {
        let mut request = Request::unsigned();
        request.method = "PUT";
        request.body = b"abc".to_vec();
        for line in &lines {
            request.append("content-digest", line);
        }
        let mut how = How::default();
        how.components.push("content-digest".to_owned());
        assert_eq!(request.signed(&how).judge(), want, "{lines:?}");
    }
}

#[test]
fn no_body_has_a_digest_too() {
    for (of, want) in [(&b""[..], Ok(())), (b"abc", Err(Refusal::BodyHashMismatch))] {
        let mut request = Request::unsigned();
        request.set(
            "content-digest",
            &content_digest(of, DigestAlgorithm::Sha512),
        );
        let mut how = How::default();
        how.components.push("content-digest".to_owned());
        assert_eq!(request.signed(&how).judge(), want);
    }
}

#[test]
fn unknown_and_expired_keys_and_wrong_signatures_are_one_refusal() {
    let by = |keyid: &str| How {
        keyid: keyid.to_owned(),
        ..How::default()
    };
    let keys = Keys::from([
        (KEYID.to_owned(), verifying_key(Algorithm::Ed25519)),
        ("old".to_owned(), verifying_key(Algorithm::Ed25519)),
        (
            "other".to_owned(),
            verifying_key(Algorithm::EcdsaP256Sha256),
        ),
        ("shared".to_owned(), verifying_key(Algorithm::HmacSha256)),
    ]);
    let judge = |how: &How| Request::unsigned().signed(how).judge_with(&keys);
    let mut named = by(KEYID);
    named.with_alg = true;
    assert_eq!(judge(&named), Ok(Some(None)));

    let mismatch = |why| Err(Refusal::SignatureMismatch(why));
    assert_eq!(judge(&by("nobody")), mismatch("the credential is unknown"));
    let expired = mismatch("the credential is not yet, or no longer, valid");
    assert_eq!(judge(&by("old")), expired);
    assert_eq!(judge(&by("other")), mismatch("the signature is wrong"));
    named.keyid = "other".to_owned();
    assert_eq!(
        judge(&named),
        mismatch("alg is not the algorithm of the key")
    );
    let length = mismatch("the signature does not have the length of its algorithm");
    assert_eq!(judge(&by("shared")), length);

    let codes = [&by("nobody"), &by("old"), &by("other"), &by("shared")]
        .map(|how| judge(how).expect_err("refused"))
        .map(|refusal| (refusal.code(), refusal.message(), refusal.status()));
    assert!(codes.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_public_key_is_no_secret() {
    // A forger knows the public key's text and signs with it as if it were the HMAC's secret.
    let forged = hmac_signed(rfc_keys::RSA_PSS_PUBLIC.as_bytes(), Some("hmac-sha256"));
    let pss = Some(Algorithm::RsaPssSha512);
    let key = VerifyingKey::from_pem(pss, rfc_keys::RSA_PSS_PUBLIC).unwrap();
    let keys = Keys::from([(KEYID.to_owned(), key)]);
    let mismatch = Err(Refusal::SignatureMismatch(
        "alg is not the algorithm of the key",
    ));
    assert_eq!(forged.judge_with(&keys), mismatch);
    let unnamed = hmac_signed(rfc_keys::RSA_PSS_PUBLIC.as_bytes(), None);
    let length = "the signature does not have the length of its algorithm";
    assert_eq!(
        unnamed.judge_with(&keys),
        Err(Refusal::SignatureMismatch(length))
    );
}

fn hmac_signed(secret: &[u8], alg: Option<&str>) -> Request {
    let alg = alg.map(|alg| format!(";alg=\"{alg}\"")).unwrap_or_default();
    let mut request = with(&alg);
    let base = request.base().unwrap();
    let signature = SigningKey::from_secret(secret)
        .unwrap()
        .sign(base.as_bytes());
    request.set(
        "signature",
        &format!("sig1=:{}:", STANDARD.encode(signature.unwrap())),
    );
    request
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

    let mut request = with("");
    let lines = rfc_keys::P256_PRIVATE.lines();
    let text: String = lines.filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(text).unwrap();
    let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).unwrap();
    let signature = key
        .sign(&SystemRandom::new(), request.base().unwrap().as_bytes())
        .unwrap();
    request.set(
        "signature",
        &format!("sig1=:{}:", STANDARD.encode(signature)),
    );
    let length = "the signature does not have the length of its algorithm";
    let mismatch = Err(Refusal::SignatureMismatch(length));
    assert_eq!(request.judge_by(Algorithm::EcdsaP256Sha256), mismatch);
}

#[test]
fn a_port_that_servers_read_differently_is_refused() {
    let mut request = Request::unsigned();
    request.authority = "gateway.example:0443".to_owned();
    for components in [&["@method", "@target-uri"][..], &["@method", "@authority"]] {
        let how = How {
            components: names(components),
            ..How::default()
        };
        let refused = request.clone().try_signed(&how).err().expect("refused");
        assert!(refused.to_string().ends_with("is empty or starts with 0"));
    }
}

#[test]
fn a_field_called_like_a_derived_component_does_not_stand_in_for_it() {
    // No field name holds an `@`, so that only names without one can be tried.
    assert!(HeaderName::from_bytes(b"@method").is_err());
    let mut request = Request::get();
    request.set("method", "GET");
    request.set("path", "/orders/7");
    request.method = "DELETE";
    request.is_mismatch("the signature is wrong");
}

#[test]
fn what_is_refused_for_its_form_is_refused_for_every_key() {
    let mut request = with(";alg=\"none\"");
    request.change("signature-input", KEYID, "CSNOBODY");
    request.is_malformed("alg is unknown");
    let stale = How {
        created: NOW - 1000,
        keyid: "CSNOBODY".to_owned(),
        ..How::default()
    };
    let judged = Request::unsigned().signed(&stale).judge();
    assert_eq!(judged, Err(Refusal::SignatureExpired));
}
