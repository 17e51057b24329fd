//! Every worked example of RFC 9421: what it signs, that its signature is right, and what our
//! policy makes of it. Three facts, because most examples cover less than a gateway may take.

use serde_json::Value;

use super::*;
use crate::key::rfc_keys::*;

const MISSING: &str = "neither @target-uri nor all of @authority, @path and @query are covered";
const METHOD: &str = "@method is not covered";

/// What the policy says of each; `None` when the example is a response, or is none.
fn verdict(id: &str) -> Option<Result<(), Refusal>> {
    let malformed = |why| Some(Err(Refusal::SignatureMalformed(why)));
    match id {
        "b23" | "s24-signed-request" => Some(Ok(())),
        "b21" | "b22" | "b25" => malformed(METHOD),
        "b26" | "s25-sig1" | "s43-client" => malformed(MISSING),
        // Of two signatures: the word does not tell which was looked at.
        "s43-proxy" => Some(Err(Refusal::SignatureMismatch(MISSING))),
        "b4-transform" | "b4-added-uncovered" | "b4-collapsed" | "b4-reordered-fields" => {
            malformed(MISSING)
        }
        "b4-NEG-method-authority" | "b4-NEG-accept-order" => malformed(MISSING),
        "b3-ttrp" => Some(Err(Refusal::PayloadModeRefused)),
        "b24" | "s24-reqres-unsigned-request" | "s24-reqres-signed-request" => None,
        _ => panic!("{id} has no verdict"),
    }
}

fn key(name: &str) -> VerifyingKey {
    let (algorithm, pem) = match name {
        "test-key-rsa" => (Algorithm::RsaV15Sha256, RSA_PUBLIC),
        "test-key-rsa-pss" => (Algorithm::RsaPssSha512, RSA_PSS_PUBLIC),
        "test-key-ecc-p256" => (Algorithm::EcdsaP256Sha256, P256_PUBLIC),
        "test-key-ed25519" => (Algorithm::Ed25519, ED25519_PUBLIC),
        _ => return verifying_key(Algorithm::HmacSha256),
    };
    VerifyingKey::from_pem(Some(algorithm), pem).unwrap()
}

fn examples() -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    all.as_array().unwrap().clone()
}

fn request_of(example: &Value) -> Option<Request> {
    let method = example["method"].as_str()?;
    let mut request = Request::unsigned();
    request.method = match method {
        "GET" => "GET",
        _ => "POST",
    };
    request.target = example["target"].as_str().unwrap().to_owned();
    request.body = example["body"].as_str().unwrap().as_bytes().to_vec();
    for field in example["headers"].as_array().unwrap() {
        request.append(field[0].as_str().unwrap(), field[1].as_str().unwrap());
    }
    request.authority = request.field("host");
    Some(request)
}

#[test]
fn the_examples_signatures_are_right() {
    let mut right = 0;
    for example in examples() {
        let Some(base) = example["base"].as_str() else {
            continue;
        };
        let signature = STANDARD.decode(example["signature"].as_str().unwrap());
        let key = key(example["key"].as_str().unwrap());
        assert!(
            key.verify(base.as_bytes(), &signature.unwrap()),
            "{}",
            example["id"]
        );
        assert!(!key.verify(b"another base", &[7; 64]));
        right += 1;
    }
    assert_eq!(right, 17);
}

#[test]
fn the_examples_requests_have_the_bases_that_they_print() {
    let mut requests = 0;
    for example in examples() {
        let Some(request) = request_of(&example) else {
            continue;
        };
        let name = example["key"].as_str().unwrap();
        let key = key(name);
        let base = request.with_call(|call| {
            let presented = present(call, &request.demand, |id| id == name)
                .unwrap()
                .unwrap();
            assert_eq!(presented.credential_id(), name);
            let base = signature_base(&presented, call, true).unwrap();
            let right = key.verify(base.as_bytes(), &presented.signature);
            assert_eq!(right, !example["base"].is_null(), "{}", example["id"]);
            base
        });
        match example["base"].as_str() {
            Some(printed) => assert_eq!(base, printed, "{}", example["id"]),
            None => assert!(example["id"].as_str().unwrap().contains("NEG")),
        }
        requests += 1;
    }
    assert_eq!(requests, 16);
}

#[test]
fn the_policy_takes_the_examples_that_cover_enough() {
    for example in examples() {
        let id = example["id"].as_str().unwrap();
        let (Some(request), Some(verdict)) = (request_of(&example), verdict(id)) else {
            assert!(example["method"].is_null(), "{id} is a request");
            continue;
        };
        let name = example["key"].as_str().unwrap();
        let keys = Keys::from([(name.to_owned(), key(name))]);
        let judged = request.judge_with(&keys).map(|digest| {
            let digest = digest.flatten().expect("each has content");
            digest.check(&request.body).unwrap();
        });
        assert_eq!(judged, verdict, "{id}");
    }
}
