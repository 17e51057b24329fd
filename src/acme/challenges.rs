//! What an authority that issues certificates asks to see, while it asks: answers to requests for
//! HTTP-01 (RFC 8555 §8.3), handshakes for TLS-ALPN-01 (RFC 8737).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// The protocol that a handshake for TLS-ALPN-01 names (RFC 8737 §4).
const PROTOCOL: &[u8] = b"acme-tls/1";
/// The path of HTTP-01, before the token.
const PATH: &str = "/.well-known/acme-challenge/";

/// What is shown at the moment. Shared by those who show it and those who order.
#[derive(Clone, Default)]
pub struct Challenges(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    /// Answers by token.
    answers: HashMap<String, String>,
    /// Handshakes by name.
    handshakes: HashMap<String, Arc<ServerConfig>>,
}

/// Something that is shown for as long as this lives.
pub(super) struct Shown {
    challenges: Challenges,
    key: String,
}

impl Challenges {
    /// The answer to a request for `path`, when an authority waits for it.
    pub fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PATH)?;
        self.with(|table| table.answers.get(token).cloned())
    }

    /// The handshake with whoever offers `protocols` and asks for `name`, when that is an
    /// authority that waits for it.
    pub fn handshake<'a>(
        &self,
        name: Option<&str>,
        protocols: Option<impl Iterator<Item = &'a [u8]>>,
    ) -> Option<Arc<ServerConfig>> {
        let mut protocols = protocols?;
        if !protocols.any(|protocol| protocol == PROTOCOL) {
            return None;
        }
        self.with(|table| table.handshakes.get(name?).cloned())
    }

    pub(super) fn show_token(&self, token: &str, answer: &str) -> Shown {
        let key = token.to_owned();
        self.with(|table| table.answers.insert(key.clone(), answer.to_owned()));
        self.shown(key)
    }

    pub(super) fn show_certificate(&self, name: &str, proof: &[u8]) -> Result<Shown, rcgen::Error> {
        let key = name.to_ascii_lowercase();
        let config = Arc::new(handshake(&key, proof)?);
        self.with(|table| table.handshakes.insert(key.clone(), config));
        Ok(self.shown(key))
    }

    fn shown(&self, key: String) -> Shown {
        Shown {
            challenges: self.clone(),
            key,
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Table) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.challenges.with(|table| {
            table.answers.remove(&self.key);
            table.handshakes.remove(&self.key);
        });
    }
}

/// A self-signed certificate that holds the proof (RFC 8737 §3), and no other protocol.
fn handshake(name: &str, proof: &[u8]) -> Result<ServerConfig, rcgen::Error> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(proof)];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let signer = any_supported_type(&key).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
    // rustls would read the certificate to compare the keys, and does not know the extension.
    let shown = CertifiedKey::new(vec![certificate.der().clone()], signer);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has cipher suites for TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_gone_when_nobody_waits_for_it_any_more() {
        let challenges = Challenges::default();
        let shown = challenges.show_token("token", "token.proof");
        let asked = |path: &str| challenges.answer(path);
        let path = "/.well-known/acme-challenge/token";
        assert_eq!(asked(path).as_deref(), Some("token.proof"));
        assert_eq!(asked("/.well-known/acme-challenge/other"), None);
        assert_eq!(asked("/token"), None);
        drop(shown);
        assert_eq!(asked(path), None);
    }

    #[test]
    fn a_handshake_is_for_its_name_and_its_protocol_only() {
        let challenges = Challenges::default();
        let shown = challenges.show_certificate("A.example", &[7; 32]);
        let shown = shown.expect("a certificate");
        let asked = |name: Option<&str>, protocols: Option<&[&'static [u8]]>| {
            let protocols = protocols.map(|all| all.iter().copied());
            challenges.handshake(name, protocols).is_some()
        };
        assert!(asked(Some("a.example"), Some(&[b"acme-tls/1"])));
        assert!(!asked(Some("a.example"), Some(&[b"h2", b"http/1.1"])));
        assert!(!asked(Some("a.example"), None));
        assert!(!asked(Some("b.example"), Some(&[b"acme-tls/1"])));
        assert!(!asked(None, Some(&[b"acme-tls/1"])));
        drop(shown);
        assert!(!asked(Some("a.example"), Some(&[b"acme-tls/1"])));
    }
}
