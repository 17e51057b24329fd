//! What the upstream is told of the caller's certificate. In: the certificate as it is judged for
//! this request, and its chain. Out: the fields to send, or that they cannot be sent whole.
//! Pure. What is not verified is never told in a way that could be taken for a proof. Nothing a
//! caller sends is looked at: fields of these names were removed before.

mod alb;
mod escape;
mod nginx;
mod rfc9440;
#[cfg(test)]
mod tests;
mod xfcc;

use http::{HeaderName, HeaderValue};
use rustls_pki_types::CertificateDer;

use crate::config::{CertificateForm, CertificateHeaders as Settings};
use crate::field_name::is_like;
use crate::identity::Identity;

/// What there is to tell of a caller's certificate.
#[derive(Clone, Copy)]
pub enum Told<'a> {
    /// None was shown.
    Nothing,
    /// It is trusted.
    Verified {
        /// Whom it is about.
        identity: &'a Identity,
        /// What is passed on as its chain, leaf first.
        chain: &'a [CertificateDer<'static>],
    },
    /// It was taken unverified.
    Unverified {
        /// What the caller showed, leaf first.
        chain: &'a [CertificateDer<'static>],
    },
    /// It is not trusted, for this reason: one word.
    Distrusted(&'static str),
}

/// The fields cannot be sent whole, so the request is not sent without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotTold(pub &'static str);

/// The fields of one integration.
#[derive(Debug, Default)]
pub struct CertificateHeaders {
    all: Vec<Settings>,
    names: Vec<HeaderName>,
}

/// The places of fields in [`CertificateForm::standard_names`], and their values.
type Values = Vec<(usize, String)>;

impl CertificateHeaders {
    /// The fields that an integration is configured to send.
    pub fn new(settings: &[Settings]) -> Self {
        let names = settings.iter().flat_map(|one| one.names.iter().cloned());
        Self {
            names: names.collect(),
            all: settings.to_vec(),
        }
    }

    /// Every name under which something may be sent.
    pub fn names(&self) -> &[HeaderName] {
        &self.names
    }

    /// The fields to send.
    ///
    /// # Errors
    /// One of them would be longer than is allowed.
    pub fn fields(&self, told: Told<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, NotTold> {
        let mut fields = Vec::new();
        for settings in &self.all {
            for (place, value) in values(&settings.form, told) {
                if value.len() > settings.max_bytes {
                    return Err(too_long(&settings.form));
                }
                let value = HeaderValue::try_from(value);
                let value = value.map_err(|_| NotTold("a field would be no text"))?;
                fields.push((settings.names[place].clone(), value));
            }
        }
        Ok(fields)
    }

    /// Whether an answer that varies by `field` varies by the certificate (RFC 9440 §2.4).
    pub fn varies_by(&self, field: &str) -> bool {
        self.names.iter().any(|name| is_like(name.as_str(), field))
    }
}

fn values(form: &CertificateForm, told: Told<'_>) -> Values {
    match form {
        CertificateForm::Rfc9440 { chain } => rfc9440::values(*chain, told),
        CertificateForm::Xfcc { fields } => xfcc::values(fields, told),
        CertificateForm::Alb => alb::values(told),
        CertificateForm::Nginx => nginx::values(told),
    }
}

fn too_long(form: &CertificateForm) -> NotTold {
    NotTold(match form {
        CertificateForm::Rfc9440 { .. } => "a field of the form rfc9440 is too long",
        CertificateForm::Xfcc { .. } => "the field of the form xfcc is too long",
        CertificateForm::Alb => "a field of the form alb is too long",
        CertificateForm::Nginx => "a field of the form nginx is too long",
    })
}
