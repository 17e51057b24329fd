//! What signs requests: a new signature for each, as callers make them.

use std::fmt::Write as _;

use countersign::clock::UtcTime;
use countersign::config::{SigV4Algorithm, SignatureProfile};
use countersign::credential::Secret;
use countersign::key::{Algorithm, SigningKey};
use countersign::signature::{SigningRequest, rfc9421, sign};

use crate::checks::Scheme;
use crate::material::{HOST, KEY_ID, Material, REGION, SERVICE, SIGNER_ID};

/// Signs GET requests.
pub enum Signer {
    SigV4(Secret),
    Rfc9421 {
        key: SigningKey,
        components: Vec<String>,
        secure: bool,
    },
}

impl Signer {
    /// The signer of a scheme.
    ///
    /// # Errors
    /// The key cannot be read.
    pub fn new(material: &Material, scheme: Scheme, secure: bool) -> anyhow::Result<Self> {
        match scheme {
            Scheme::SigV4 => Ok(Self::SigV4(Secret::new(material.read("secret")?))),
            Scheme::Rfc9421 => {
                let pem = material.read("signer.key")?;
                let components = ["@method", "@authority", "@path", "@query"];
                Ok(Self::Rfc9421 {
                    key: SigningKey::from_pem(Some(Algorithm::Ed25519), &pem)?,
                    components: components.map(str::to_owned).into(),
                    secure,
                })
            }
        }
    }

    /// Writes the fields to send with a request.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn write(&self, target: &str, out: &mut String) -> anyhow::Result<()> {
        for (name, value) in self.sign(target)? {
            write!(out, "{name}: {value}\r\n")?;
        }
        Ok(())
    }

    fn sign(&self, target: &str) -> anyhow::Result<Vec<(String, String)>> {
        let now = UtcTime::now();
        match self {
            Self::SigV4(secret) => Ok(sign(&SigningRequest {
                algorithm: SigV4Algorithm::Hmac,
                method: "GET",
                target,
                authority: HOST,
                headers: &[],
                payload_hash: None,
                body: b"",
                profile: SignatureProfile::Aws,
                region: REGION,
                service: SERVICE,
                id: KEY_ID,
                secret,
                now,
            })?),
            Self::Rfc9421 {
                key,
                components,
                secure,
            } => Ok(rfc9421::sign(&rfc9421::SigningRequest {
                method: "GET",
                target,
                authority: HOST,
                secure: *secure,
                headers: &[],
                content: None,
                components,
                label: "sig1",
                created: now,
                expires: None,
                nonce: None,
                tag: None,
                keyid: SIGNER_ID,
                with_alg: true,
                key,
            })?),
        }
    }
}
