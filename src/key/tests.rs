//! Keys: what is taken for one, and what is not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::rfc_keys::*;
use super::*;

fn why<T: std::fmt::Debug>(result: Result<T, KeyError>) -> &'static str {
    result.expect_err("refused").0
}

/// RFC 8037 appendix A.
const OKP: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const OKP_PRIVATE: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// RFC 7515 appendix A.3.
const EC_PRIVATE: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
/// RFC 7515 appendix A.1.
const OCT: &str = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;

fn public_of(jwk: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(jwk).unwrap();
    value.as_object_mut().unwrap().remove("d");
    value.to_string()
}

fn with(jwk: &str, name: &str, member: serde_json::Value) -> String {
    let mut value: serde_json::Value = serde_json::from_str(jwk).unwrap();
    value
        .as_object_mut()
        .unwrap()
        .insert(name.to_owned(), member);
    value.to_string()
}

/// The public half of RFC 9421's RSA key, as a JWK.
fn rsa_jwk() -> String {
    let der = der::read_pem(RSA_PUBLIC).unwrap().der;
    let der::PublicKey::Rsa { n, e, .. } = der::read_rsa(&der, false).unwrap() else {
        panic!("an RSA key");
    };
    let (n, e) = (URL_SAFE_NO_PAD.encode(&n[1..]), URL_SAFE_NO_PAD.encode(e));
    format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)
}

#[test]
fn keys_know_their_one_algorithm() {
    let pem = |algorithm, pem| VerifyingKey::from_pem(algorithm, pem).unwrap().algorithm();
    let pss = Some(Algorithm::RsaPssSha512);
    assert_eq!(pem(None, P256_PUBLIC), Algorithm::EcdsaP256Sha256);
    assert_eq!(pem(None, ED25519_PUBLIC), Algorithm::Ed25519);
    assert_eq!(pem(pss, RSA_PUBLIC), Algorithm::RsaPssSha512);
    let v15 = Some(Algorithm::RsaV15Sha256);
    assert_eq!(pem(v15, RSA_PSS_PUBLIC), Algorithm::RsaV15Sha256);
    let jwk = |jwk: &str| VerifyingKey::from_jwk(None, jwk).unwrap().algorithm();
    assert_eq!(jwk(OKP), Algorithm::Ed25519);
    assert_eq!(jwk(OCT), Algorithm::HmacSha256);
    assert_eq!(jwk(&public_of(EC_PRIVATE)), Algorithm::EcdsaP256Sha256);
    for (alg, want) in [
        ("PS512", Algorithm::RsaPssSha512),
        ("RS256", Algorithm::RsaV15Sha256),
    ] {
        assert_eq!(jwk(&with(&rsa_jwk(), "alg", alg.into())), want);
    }
    for (key, alg) in [
        (OKP, "EdDSA"),
        (OKP, "Ed25519"),
        (OCT, "HS256"),
        (&public_of(EC_PRIVATE), "ES256"),
    ] {
        assert_eq!(jwk(&with(key, "alg", alg.into())), jwk(key));
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
    }
    assert_eq!("none".parse::<Algorithm>(), Err(UnknownAlgorithm));
}

#[test]
fn a_key_for_another_algorithm_is_refused() {
    let other = "it is for another algorithm";
    let pem = |algorithm, pem| why(VerifyingKey::from_pem(Some(algorithm), pem));
    assert_eq!(pem(Algorithm::HmacSha256, RSA_PSS_PUBLIC), other);
    assert_eq!(pem(Algorithm::EcdsaP384Sha384, P256_PUBLIC), other);
    assert_eq!(pem(Algorithm::RsaPssSha512, ED25519_PUBLIC), other);
    assert_eq!(pem(Algorithm::HmacSha256, ED25519_PUBLIC), other);
    let jwk = |algorithm, jwk: &str| why(VerifyingKey::from_jwk(algorithm, jwk));
    assert_eq!(jwk(Some(Algorithm::Ed25519), OCT), other);
    assert_eq!(jwk(None, &with(OCT, "alg", "ES256".into())), other);
    assert_eq!(jwk(None, &with(OKP, "alg", "HS256".into())), other);
    assert_eq!(jwk(None, &with(&rsa_jwk(), "alg", "HS256".into())), other);
    let es256 = with(&public_of(EC_PRIVATE), "alg", "ES256".into());
    assert_eq!(jwk(Some(Algorithm::EcdsaP384Sha384), &es256), other);
    for alg in ["none", "RS512", "HS512", "ES512", ""] {
        let said = jwk(None, &with(OKP, "alg", alg.into()));
        assert_eq!(said, "its \"alg\" is none that signs HTTP messages");
    }
}

#[test]
fn an_rsa_key_needs_its_algorithm_named() {
    let named = "an RSA key needs its algorithm named: rsa-pss-sha512 or rsa-v1_5-sha256";
    assert_eq!(why(VerifyingKey::from_pem(None, RSA_PSS_PUBLIC)), named);
    assert_eq!(why(VerifyingKey::from_jwk(None, &rsa_jwk())), named);
    assert_eq!(why(SigningKey::from_pem(None, RSA_PRIVATE)), named);
    // The key itself says that it is for RSASSA-PSS.
    let key = SigningKey::from_pem(None, RSA_PSS_PRIVATE).unwrap();
    assert_eq!(key.algorithm(), Algorithm::RsaPssSha512);
    let v15 = Some(Algorithm::RsaV15Sha256);
    let other = "it is for another algorithm";
    assert_eq!(why(SigningKey::from_pem(v15, RSA_PSS_PRIVATE)), other);
}

#[test]
fn a_private_key_is_not_for_a_verifier() {
    let private = "it is a private key, and a verifier needs only the public one; the private one stays with the caller";
    for pem in [RSA_PRIVATE, RSA_PSS_PRIVATE, P256_PRIVATE, ED25519_PRIVATE] {
        assert_eq!(why(VerifyingKey::from_pem(None, pem)), private);
    }
    assert_eq!(why(VerifyingKey::from_jwk(None, OKP_PRIVATE)), private);
    assert_eq!(why(VerifyingKey::from_jwk(None, EC_PRIVATE)), private);
    let primes = with(&rsa_jwk(), "p", "AQ".into());
    assert_eq!(why(VerifyingKey::from_jwk(None, &primes)), private);
}

#[test]
fn what_is_no_key_is_told() {
    let pem = |pem: &str| why(VerifyingKey::from_pem(Some(Algorithm::RsaPssSha512), pem));
    assert_eq!(pem(""), "it is not PEM");
    assert_eq!(
        pem("-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----"),
        "it is not PEM"
    );
    assert_eq!(
        pem("-----BEGIN PUBLIC KEY-----\nYQ==\n-----END KEY-----"),
        "it is not PEM"
    );
    let none = "-----BEGIN PUBLIC KEY-----\nYQ==\n-----END PUBLIC KEY-----";
    assert_eq!(pem(none), "it is no public key");
    let twice = P256_PUBLIC.repeat(2);
    assert_eq!(pem(&twice), "the PEM holds more than one block");
    let certificate = none.replace("PUBLIC KEY", "CERTIFICATE");
    assert!(pem(&certificate).starts_with("it is a certificate"));
    assert_eq!(
        pem(&none.replace("PUBLIC KEY", "DH PARAMETERS")),
        "it is no public key"
    );
    assert_eq!(pem(&"a".repeat(40_000)), "the PEM is longer than 32 KiB");

    let jwk = |jwk: &str| why(VerifyingKey::from_jwk(None, jwk));
    let ec = public_of(EC_PRIVATE);
    let twice = OKP.replace("\"kty\"", "\"crv\":\"X25519\",\"kty\"");
    for (text, said) in [
        ("", "it is no JSON Web Key"),
        ("[]", "it is no JSON Web Key"),
        (r#"{"keys":[]}"#, "it is no JSON Web Key"),
        (twice.as_str(), "it is no JSON Web Key"),
        (
            r#"{"kty":"OKP","crv":"Ed448","x":""}"#,
            "its curve is not Ed25519",
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519"}"#,
            "a member that its kty needs is missing",
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519","x":"YQ"}"#,
            "an Ed25519 key has 32 bytes",
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519","x":"YQ=="}"#,
            "a member is not base64url without padding",
        ),
        (
            r#"{"kty":"EC","crv":"secp256k1","x":"","y":""}"#,
            "its curve is neither P-256 nor P-384",
        ),
        (
            &with(&ec, "y", "YQ".into()),
            "a coordinate does not have its curve's length",
        ),
        (
            &with(&ec, "crv", "P-384".into()),
            "a coordinate does not have its curve's length",
        ),
        (
            &with(
                &ec,
                "y",
                "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
            ),
            "its point is not on its curve",
        ),
        (
            &with(&ec, "use", "enc".into()),
            "its \"use\" or \"key_ops\" is not for this",
        ),
        (
            &with(&ec, "key_ops", serde_json::json!(["sign"])),
            "its \"use\" or \"key_ops\" is not for this",
        ),
        (
            r#"{"kty":"DSA"}"#,
            "its kty is none of RSA, EC, OKP and oct",
        ),
        (
            &with(&ec, "k", "YQ".into()),
            "it has a \"k\", but is not of kty oct",
        ),
        (
            r#"{"kty":"oct","k":"YQ"}"#,
            "a secret must have at least 32 bytes",
        ),
        (r#"{"kty":"oct"}"#, "a member that its kty needs is missing"),
    ] {
        assert_eq!(jwk(text), said, "{text}");
    }
}

#[test]
fn weak_keys_are_refused() {
    let size = "an RSA key must have 2048 to 8192 bits";
    let number = "its RSA modulus or exponent is not a valid one";
    let rsa = |n: &[u8], e: &[u8]| {
        let key = format!(
            r#"{{"kty":"RSA","alg":"PS512","n":"{}","e":"{}"}}"#,
            URL_SAFE_NO_PAD.encode(n),
            URL_SAFE_NO_PAD.encode(e)
        );
        VerifyingKey::from_jwk(None, &key)
    };
    let odd = |bytes: usize, first: u8| {
        let mut n = vec![0x55; bytes];
        n[0] = first;
        n
    };
    assert_eq!(
        rsa(&odd(256, 0x80), &[1, 0, 1]).map(|key| key.algorithm()),
        Ok(Algorithm::RsaPssSha512)
    );
    assert_eq!(why(rsa(&odd(256, 0x7f), &[1, 0, 1])), size);
    assert_eq!(why(rsa(&odd(128, 0x80), &[1, 0, 1])), size);
    assert_eq!(why(rsa(&odd(1025, 0x80), &[1, 0, 1])), size);
    assert_eq!(why(rsa(&[0; 300], &[1, 0, 1])), size);
    assert_eq!(why(rsa(&odd(256, 0x80), &[1])), number);
    assert_eq!(why(rsa(&odd(256, 0x80), &[2])), number);
    assert_eq!(why(rsa(&odd(256, 0x80), &[])), number);
    assert_eq!(why(rsa(&odd(256, 0x80), &[1, 0, 0, 0, 1])), number);
    let mut even = odd(256, 0x80);
    even[255] = 0x54;
    assert_eq!(why(rsa(&even, &[1, 0, 1])), number);
    assert_eq!(
        why(VerifyingKey::from_secret(&[1; 31])),
        "a secret must have at least 32 bytes"
    );
    assert!(VerifyingKey::from_secret(&[1; 32]).is_ok());
    assert_eq!(
        why(SigningKey::from_secret(&[1; 31])),
        "a secret must have at least 32 bytes"
    );
}

#[test]
fn private_keys_are_read_in_every_spelling() {
    let sign = |signing: SigningKey, verifying: VerifyingKey| {
        let signature = signing.sign(b"a base").unwrap();
        assert!(verifying.verify(b"a base", &signature));
        assert!(!verifying.verify(b"another", &signature));
    };
    for (private, public, algorithm) in [
        (RSA_PRIVATE, RSA_PUBLIC, Algorithm::RsaV15Sha256),
        (RSA_PRIVATE, RSA_PUBLIC, Algorithm::RsaPssSha512),
        (RSA_PSS_PRIVATE, RSA_PSS_PUBLIC, Algorithm::RsaPssSha512),
        (P256_PRIVATE, P256_PUBLIC, Algorithm::EcdsaP256Sha256),
        (ED25519_PRIVATE, ED25519_PUBLIC, Algorithm::Ed25519),
    ] {
        sign(
            SigningKey::from_pem(Some(algorithm), private).unwrap(),
            VerifyingKey::from_pem(Some(algorithm), public).unwrap(),
        );
    }
    for jwk in [OKP_PRIVATE, EC_PRIVATE] {
        sign(
            SigningKey::from_jwk(None, jwk).unwrap(),
            VerifyingKey::from_jwk(None, &public_of(jwk)).unwrap(),
        );
    }
    sign(
        SigningKey::from_jwk(None, OCT).unwrap(),
        VerifyingKey::from_jwk(None, OCT).unwrap(),
    );
    let halves = "its private and its public half do not belong together";
    let other = with(
        OKP_PRIVATE,
        "d",
        "AWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into(),
    );
    assert_eq!(why(SigningKey::from_jwk(None, &other)), halves);
    assert_eq!(
        why(SigningKey::from_jwk(None, OKP)),
        "a member that its kty needs is missing"
    );
    assert_eq!(
        why(SigningKey::from_pem(None, P256_PUBLIC)),
        "it is no private key"
    );
    let other = "it is for another algorithm";
    let p384 = Some(Algorithm::EcdsaP384Sha384);
    assert_eq!(why(SigningKey::from_pem(p384, P256_PRIVATE)), other);
}

#[test]
fn keys_are_equal_when_material_and_algorithm_are() {
    let rsa = |algorithm, pem| VerifyingKey::from_pem(Some(algorithm), pem).unwrap();
    let (pss, v15) = (Algorithm::RsaPssSha512, Algorithm::RsaV15Sha256);
    assert_eq!(rsa(pss, RSA_PUBLIC), rsa(pss, RSA_PUBLIC).clone());
    assert_ne!(rsa(pss, RSA_PUBLIC), rsa(v15, RSA_PUBLIC));
    assert_ne!(rsa(pss, RSA_PUBLIC), rsa(pss, RSA_PSS_PUBLIC));
    let alg = with(&rsa_jwk(), "alg", "RS256".into());
    assert_eq!(VerifyingKey::from_jwk(None, &alg), Ok(rsa(v15, RSA_PUBLIC)));
    let secret = |byte| VerifyingKey::from_secret(&[byte; 32]).unwrap();
    assert_eq!(secret(1), secret(1));
    assert_ne!(secret(1), secret(2));
}

#[test]
fn keys_are_not_shown() {
    let secret = b"a secret that must not be printed";
    let shown = [
        format!("{:?}", VerifyingKey::from_secret(secret).unwrap()),
        format!("{:?}", SigningKey::from_secret(secret).unwrap()),
        format!("{:?}", SigningKey::from_jwk(None, OKP_PRIVATE).unwrap()),
    ];
    assert_eq!(
        shown,
        [
            "VerifyingKey(hmac-sha256)",
            "SigningKey(hmac-sha256)",
            "SigningKey(ed25519)"
        ]
    );
}
