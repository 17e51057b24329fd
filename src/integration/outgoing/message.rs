//! RFC 9421 towards an upstream, with a label of the gateway's own. It covers what the gateway
//! wrote, so that the upstream can tell that from what a caller wrote, and never the caller's
//! signature, which ends at the gateway (RFC 9421 §4.3, §7.3.7).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use crate::aws::NotSigned;
use crate::clock::UtcTime;
use crate::config::OutgoingRfc9421;
use crate::key::SigningKey;
use crate::private_file;
use crate::problem::Problems;
use crate::signature::rfc9421::{SigningRequest, sign};

use super::OutgoingRequest;

/// Signs with one key.
pub(super) struct MessageSigner {
    key: SigningKey,
    settings: OutgoingRfc9421,
    /// What the gateway writes for this upstream only.
    own: Vec<HeaderName>,
}

/// What the gateway writes itself.
const OURS: [&str; 6] = [
    "x-consumer",
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "content-type",
];
const ALWAYS: [&str; 4] = ["@method", "@authority", "@path", "@query"];

impl MessageSigner {
    pub(super) fn open(
        file: &Path,
        settings: &OutgoingRfc9421,
        own: &[HeaderName],
    ) -> Result<Self, Problems> {
        let pem = private_file::read(&settings.private_key)?;
        let key = SigningKey::from_pem(settings.algorithm, &pem).map_err(|why| {
            let mut problems = Problems::default();
            let text = format!("private_key {}: {why}", settings.private_key.display());
            problems.add(file, settings.line, text);
            problems
        })?;
        Ok(Self {
            key,
            settings: settings.clone(),
            own: own.to_vec(),
        })
    }

    pub(super) fn sign(
        &self,
        request: &OutgoingRequest<'_>,
    ) -> Result<Vec<(String, String)>, NotSigned> {
        let own = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        let mut headers: Vec<_> = request.headers.iter().filter_map(own).collect();
        let mut added = Vec::new();
        if let Some(hash) = request.body_hash {
            let value = format!("sha-256=:{}:", STANDARD.encode(hash));
            added.push(("content-digest".to_owned(), value));
            headers.extend(added.iter().cloned());
        }
        let fields = OURS
            .into_iter()
            .chain(self.own.iter().map(HeaderName::as_str))
            .chain(self.settings.components.iter().map(String::as_str));
        let mut covered: Vec<String> = ALWAYS.map(str::to_owned).into();
        for field in fields.chain(["content-digest"]) {
            let lines = request.headers.get_all(field).iter();
            if lines.into_iter().any(|line| line.to_str().is_err()) {
                return Err(NotSigned("a field that is to be covered is not text"));
            }
            let present = headers.iter().any(|(name, _)| name == field);
            if present && !covered.iter().any(|known| known == field) {
                covered.push(field.to_owned());
            }
        }
        let expires = self
            .settings
            .expires_secs
            .map(|secs| UtcTime::from_unix(request.now.unix().saturating_add(i64::from(secs))));
        let signed = sign(&SigningRequest {
            method: request.method,
            target: request.target,
            authority: request.authority,
            secure: request.secure,
            headers: &headers,
            content: None,
            components: &covered,
            label: &self.settings.label,
            created: request.now,
            expires,
            nonce: None,
            tag: self.settings.tag.as_deref(),
            keyid: &self.settings.key_id,
            with_alg: false,
            key: &self.key,
        });
        added.extend(signed.map_err(|_| NotSigned("RFC 9421 cannot sign the request"))?);
        Ok(added)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn signer(own: &[HeaderName]) -> MessageSigner {
        MessageSigner {
            key: SigningKey::from_secret(&[7; 32]).unwrap(),
            settings: OutgoingRfc9421 {
                key_id: "gateway".to_owned(),
                private_key: "key.pem".into(),
                algorithm: None,
                label: "gateway".to_owned(),
                components: vec!["x-tenant".to_owned()],
                tag: None,
                expires_secs: None,
                line: 1,
            },
            own: own.to_vec(),
        }
    }

    fn signed(
        signer: &MessageSigner,
        name: &'static str,
        values: &[&'static [u8]],
    ) -> Result<Vec<(String, String)>, NotSigned> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        signer.sign(&OutgoingRequest {
            method: "GET",
            target: "/",
            authority: "upstream.example",
            secure: true,
            headers: &headers,
            body_hash: None,
            now: UtcTime::from_unix(1_700_000_000),
        })
    }

    /// The field would travel on, and the upstream find it beside a signature that is right.
    #[test]
    fn a_field_that_must_be_covered_and_is_not_text_is_not_left_uncovered() {
        let signer = signer(&[]);
        let good = signed(&signer, "x-tenant", &[b"acme"]).unwrap();
        assert!(good[0].1.contains("\"x-tenant\""), "{good:?}");
        for bad in [&[&b"acme\xe9"[..]][..], &[b"acme", b"\xe9"]] {
            assert!(signed(&signer, "x-tenant", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_the_gateway_says_of_a_certificate_is_covered_under_any_name() {
        let name = HeaderName::from_static("x-my-cert");
        let good = signed(&signer(&[name]), "x-my-cert", &[b":AA==:"]).unwrap();
        assert!(good[0].1.contains("\"x-my-cert\""), "{good:?}");
        let not_ours = signed(&signer(&[]), "x-my-cert", &[b":AA==:"]).unwrap();
        assert!(!not_ours[0].1.contains("x-my-cert"), "{not_ours:?}");
    }
}
