//! Certificates from an authority that speaks ACME (RFC 8555). In: the names, and where the
//! account is kept. Out: a file with the key and the chain. The protocol is instant-acme's; what the
//! authority asks to see meanwhile stands in [`Challenges`], for the server to show.

mod challenges;

use std::path::PathBuf;
use std::time::Duration;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeHandle, ChallengeType, Identifier,
    NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use crate::config::{Acme, AcmeCertificate, AcmeChallenge};
use crate::private_file;
use crate::problem::Problems;

pub use challenges::Challenges;
use challenges::Shown;

/// Why a certificate was not had.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The authority said no, or could not be asked.
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    /// It does not come to an end.
    #[error("the authority takes too long")]
    TooSlow,
    /// It asks for something that is not offered.
    #[error("the authority does not take the challenge {0}")]
    Challenge(&'static str),
    /// It has seen what it asked for, and it was not enough.
    #[error("the authority does not believe that the names are ours (the order is {0:?})")]
    NotReady(OrderStatus),
    /// A key or a request could not be made.
    #[error("a key could not be made: {0}")]
    Key(#[from] rcgen::Error),
    /// A file could not be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The file of the account holds something else.
    #[error("{0}: holds no account: {1}")]
    Account(PathBuf, serde_json::Error),
}

/// Has a certificate issued, and puts it where it is kept. What was there before stays until then.
///
/// # Errors
/// Why it was not had `within` that time; nothing has changed then.
pub async fn obtain(
    acme: &Acme,
    certificate: &AcmeCertificate,
    challenges: &Challenges,
    within: Duration,
) -> Result<(), AcmeError> {
    let ordered = tokio::time::timeout(within, order(acme, certificate, challenges));
    ordered.await.unwrap_or(Err(AcmeError::TooSlow))
}

async fn order(
    acme: &Acme,
    certificate: &AcmeCertificate,
    challenges: &Challenges,
) -> Result<(), AcmeError> {
    let account = open_account(acme).await?;
    let names = certificate.names.iter().cloned().map(Identifier::Dns);
    let names: Vec<Identifier> = names.collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await?;
    // What is shown is taken away when this goes.
    let _shown = show(acme, &mut order, challenges).await?;
    match order.poll_ready(&RetryPolicy::default()).await? {
        OrderStatus::Ready => {}
        other => return Err(AcmeError::NotReady(other)),
    }
    let mut params = CertificateParams::new(certificate.names.clone())?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate()?;
    let request = params.serialize_request(&key)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&RetryPolicy::default()).await?;
    let file = &certificate.files.chain;
    let both = zeroize::Zeroizing::new(key.serialize_pem() + &chain);
    private_file::write(file, both.as_bytes()).map_err(|e| AcmeError::File(file.clone(), e))
}

/// Checks the account that is kept, if there is one: it knows its authority by itself, and would
/// go on there whatever `acme` says.
///
/// # Errors
/// It is another authority's, or others than its owner can read its key.
pub fn check_account(acme: &Acme) -> Result<(), Problems> {
    let file = account_of(acme);
    if !file.exists() {
        return Ok(());
    }
    let text = private_file::read(&file)?;
    let read = serde_json::from_str::<KnownAuthority>(&text);
    let known = read.map_err(|e| Problems::with_file(&file, format!("holds no account: {e}")))?;
    match known.directory {
        Some(directory) if directory != acme.directory => {
            let text = format!(
                "is an account with {directory}, and what lies beside it was issued there; name another directory in \"state\" of [acme]"
            );
            Err(Problems::with_file(&file, text))
        }
        _ => Ok(()),
    }
}

/// Of what instant-acme keeps of an account.
#[derive(serde::Deserialize)]
struct KnownAuthority {
    directory: Option<String>,
}

fn account_of(acme: &Acme) -> PathBuf {
    acme.state.join("account.json")
}

/// The account, made on first use.
async fn open_account(acme: &Acme) -> Result<Account, AcmeError> {
    let file = account_of(acme);
    let builder = match &acme.ca {
        Some(ca) => Account::builder_with_root(ca)?,
        None => Account::builder()?,
    };
    match std::fs::read(&file) {
        Ok(text) => {
            let credentials: AccountCredentials =
                serde_json::from_slice(&text).map_err(|e| AcmeError::Account(file, e))?;
            Ok(builder.from_credentials(credentials).await?)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let contacts: Vec<&str> = acme.contacts.iter().map(String::as_str).collect();
            let new = NewAccount {
                contact: &contacts,
                terms_of_service_agreed: true,
                only_return_existing: false,
            };
            let (account, credentials) = builder.create(&new, acme.directory.clone(), None).await?;
            let text = serde_json::to_vec(&credentials);
            let text = text.map_err(|e| AcmeError::Account(file.clone(), e))?;
            private_file::write(&file, &text).map_err(|e| AcmeError::File(file, e))?;
            Ok(account)
        }
        Err(e) => Err(AcmeError::File(file, e)),
    }
}

/// Shows the authority for each name what it wants to see.
async fn show(
    acme: &Acme,
    order: &mut Order,
    challenges: &Challenges,
) -> Result<Vec<Shown>, AcmeError> {
    let (kind, word) = match acme.challenge {
        AcmeChallenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
        AcmeChallenge::Http01 => (ChallengeType::Http01, "http-01"),
    };
    let mut all = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let challenge = authorization.challenge(kind.clone());
        let mut challenge = challenge.ok_or(AcmeError::Challenge(word))?;
        all.push(show_one(acme.challenge, &challenge, challenges)?);
        challenge.set_ready().await?;
    }
    Ok(all)
}

fn show_one(
    kind: AcmeChallenge,
    challenge: &ChallengeHandle<'_>,
    challenges: &Challenges,
) -> Result<Shown, AcmeError> {
    let proof = challenge.key_authorization();
    match kind {
        AcmeChallenge::Http01 => Ok(challenges.show_token(&challenge.token, proof.as_str())),
        AcmeChallenge::TlsAlpn01 => {
            let name = challenge.identifier().to_string();
            Ok(challenges.show_certificate(&name, proof.digest().as_ref())?)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{CertificateFiles, StapleFrom};

    fn acme(directory: String, state: &std::path::Path) -> Acme {
        Acme {
            directory,
            state: state.to_owned(),
            contacts: Vec::new(),
            ca: Some(state.join("ca.pem")),
            challenge: AcmeChallenge::TlsAlpn01,
        }
    }

    #[test]
    fn an_account_of_another_authority_is_not_used() {
        let state = tempfile::tempdir().unwrap();
        let check = |directory: &str| check_account(&acme(directory.to_owned(), state.path()));
        let file = state.path().join("account.json");
        assert_eq!(check("https://real.example/"), Ok(()));
        let kept = r#"{"id":"1","key_pkcs8":"","directory":"https://staging.example/"}"#;
        private_file::write(&file, kept.as_bytes()).unwrap();
        assert_eq!(check("https://staging.example/"), Ok(()));
        let problems = check("https://real.example/").unwrap_err().to_string();
        assert!(problems.contains("https://staging.example/"), "{problems}");
        private_file::write(&file, b"{").unwrap();
        assert!(check("https://staging.example/").is_err());
    }

    #[tokio::test]
    async fn an_authority_that_says_nothing_is_not_waited_for() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let _ = provider.install_default();
        let state = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let ca = CertificateParams::default().self_signed(&key).unwrap();
        std::fs::write(state.path().join("ca.pem"), ca.pem()).unwrap();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/dir", silent.local_addr().unwrap());
        let wanted = AcmeCertificate {
            names: vec!["a.example".to_owned()],
            files: CertificateFiles {
                chain: state.path().join("a.pem"),
                private_key: state.path().join("a.pem"),
                staple: StapleFrom::Nowhere,
                line: 1,
                may_be_missing: true,
            },
        };
        let within = Duration::from_millis(100);
        let acme = acme(url, state.path());
        let ordered = obtain(&acme, &wanted, &Challenges::default(), within).await;
        assert!(matches!(ordered, Err(AcmeError::TooSlow)), "{ordered:?}");
    }
}
