//! Certificates from an authority that speaks ACME (RFC 8555). In: the names, and where the
//! account is kept. Out: a file with the key and the chain. The protocol is instant-acme's; what the
//! authority asks to see meanwhile stands in [`Challenges`], for the server to show.

mod challenges;

use std::path::PathBuf;

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeHandle, ChallengeType, Identifier,
    NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use crate::config::{Acme, AcmeCertificate, AcmeChallenge};
use crate::private_file;

pub use challenges::Challenges;
use challenges::Shown;

/// Why a certificate was not had.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The authority said no, or could not be asked.
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
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
/// Why it was not had; nothing has changed then.
pub async fn obtain(
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

/// The account, made on first use.
async fn open_account(acme: &Acme) -> Result<Account, AcmeError> {
    let file = acme.state.join("account.json");
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
