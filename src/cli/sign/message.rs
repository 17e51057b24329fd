//! HTTP Message Signatures (RFC 9421). In: the request and a private key, which only the caller
//! has. Out: the fields to send.

use std::path::Path;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::Rfc9421Demand;
use crate::credential::Key;
use crate::key::{Algorithm, SigningKey, VerifyingKey};
use crate::private_file;
use crate::signature::rfc9421::{
    DigestAlgorithm, SigningRequest, components, sign as sign_message,
};

use super::Request;

pub(super) fn sign(request: &Request<'_>) -> anyhow::Result<Vec<(String, String)>> {
    let demand = request.demand.rfc9421.as_ref();
    let demand = demand.context("the policy takes no HTTP Message Signature")?;
    let options = request.options;
    let file = options.key.as_deref();
    let file = file.context("no key was given; name the file of the private key with --key")?;
    let credential = request.credential(|one| matches!(one.key, Key::Message(_)))?;
    let Key::Message(public) = &credential.key else {
        let (id, scheme) = (&credential.id, credential.key.scheme());
        bail!("credential \"{id}\" is for {scheme}");
    };
    let algorithm = options.algorithm.unwrap_or(public.algorithm());
    let key = read_key(file, algorithm)?;
    if !belongs(&key, public) {
        let file = file.display();
        bail!(
            "{file}: this is not the key of credential \"{}\"",
            credential.id
        );
    }
    let has_content = !request.body.is_empty();
    let nonce = match demand.nonce_required || request.demand.refuse_replays {
        true => Some(draw_nonce()?),
        false => None,
    };
    Ok(sign_message(&SigningRequest {
        method: &options.method,
        target: request.target,
        authority: request.authority,
        secure: request.secure,
        headers: &options.headers,
        content: has_content.then_some((request.body, DigestAlgorithm::Sha256)),
        components: &covered(demand, &options.headers, has_content)?,
        label: "sig1",
        created: request.now,
        expires: None,
        nonce: nonce.as_deref(),
        tag: demand.tag.as_deref(),
        keyid: credential.id.as_str(),
        with_alg: true,
        key: &key,
    })?)
}

/// What the policy demands, and the headers that were given.
fn covered(
    demand: &Rfc9421Demand,
    headers: &[(String, String)],
    has_content: bool,
) -> anyhow::Result<Vec<String>> {
    let mut covered: Vec<String> = components(demand, has_content).map(str::to_owned).collect();
    let given = |name: &str| headers.iter().any(|(one, _)| one == name);
    for component in &demand.components {
        let name = component.split(';').next().unwrap_or_default();
        let is_ours = name.starts_with('@') || name == "content-digest" && has_content;
        if !is_ours && !given(name) {
            bail!("the policy demands that \"{name}\" is signed; give it with --header");
        }
    }
    for (name, _) in headers {
        if !covered.contains(name) {
            covered.push(name.clone());
        }
    }
    Ok(covered)
}

/// PEM, a JWK, or else a secret on a line.
fn read_key(file: &Path, algorithm: Algorithm) -> anyhow::Result<SigningKey> {
    let text = private_file::read(file)?;
    let key = match text.trim_start() {
        pem if pem.starts_with("-----BEGIN ") => SigningKey::from_pem(Some(algorithm), pem),
        jwk if jwk.starts_with('{') => SigningKey::from_jwk(Some(algorithm), jwk),
        _ if algorithm != Algorithm::HmacSha256 => {
            bail!("{}: this is neither PEM nor a JWK", file.display())
        }
        _ => SigningKey::from_secret(text.trim_end_matches(['\r', '\n']).as_bytes()),
    };
    key.with_context(|| file.display().to_string())
}

/// Whether the gateway verifies with `public` what `key` signs. Of secrets only that both are.
fn belongs(key: &SigningKey, public: &VerifyingKey) -> bool {
    match key.verifying_key() {
        Ok(own) => own == *public,
        Err(_) => key.algorithm() == public.algorithm(),
    }
}

/// 128 random bits.
fn draw_nonce() -> anyhow::Result<String> {
    let mut drawn = [0; 16];
    aws_lc_rs::rand::fill(&mut drawn).context("cannot draw random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(drawn))
}
