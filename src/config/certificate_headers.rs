//! `certificate_headers` of an `http_proxy`: what the upstream is told of the caller's
//! certificate, and under which names. In: TOML. Out: forms with the names of their fields, each
//! of which nobody but the gateway may say; or problems with names that are something else's.

use http::HeaderName;

use crate::config::{Authorizer, Integration, IntegrationKind};
use crate::document::{Document, Placed, Table};
use crate::field_name::{is_like, starts_like};
use crate::problem::suggestion;

/// One way of telling the upstream of the caller's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateHeaders {
    /// The way.
    pub form: CertificateForm,
    /// The names of its fields, in the order of [`CertificateForm::standard_names`].
    pub names: Vec<HeaderName>,
    /// The longest value of a field, in bytes: a request that would need a longer one is refused.
    pub max_bytes: usize,
}

/// The ways of telling of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateForm {
    /// RFC 9440, with the rest of the chain or without.
    Rfc9440 {
        /// Whether `Client-Cert-Chain` is sent as well.
        chain: bool,
    },
    /// Envoy's `X-Forwarded-Client-Cert`, in its mode `SANITIZE_SET`.
    Xfcc {
        /// What is told, in Envoy's order.
        fields: Vec<XfccField>,
    },
    /// What Amazon's Application Load Balancer sends.
    Alb,
    /// What nginx is commonly set up to send, from its variables.
    Nginx,
}

/// The keys of Envoy's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum XfccField {
    /// SHA-256 of the certificate.
    Hash,
    /// The certificate, in URL-encoded PEM.
    Cert,
    /// The same with the chain.
    Chain,
    /// The subject.
    Subject,
    /// Each URI among its alternative names.
    Uri,
    /// Each DNS name among them.
    Dns,
}

impl CertificateForm {
    /// The names of its fields, unless they are renamed.
    pub fn standard_names(&self) -> &'static [&'static str] {
        match self {
            Self::Rfc9440 { .. } => &["client-cert", "client-cert-chain"],
            Self::Xfcc { .. } => &["x-forwarded-client-cert"],
            Self::Alb => &[
                "x-amzn-mtls-clientcert-serial-number",
                "x-amzn-mtls-clientcert-issuer",
                "x-amzn-mtls-clientcert-subject",
                "x-amzn-mtls-clientcert-validity",
                "x-amzn-mtls-clientcert-leaf",
                "x-amzn-mtls-clientcert",
            ],
            Self::Nginx => &[
                "x-ssl-client-verify",
                "x-ssl-client-s-dn",
                "x-ssl-client-i-dn",
                "x-ssl-client-serial",
                "x-ssl-client-fingerprint",
                "x-ssl-client-v-start",
                "x-ssl-client-v-end",
                "x-ssl-client-cert",
            ],
        }
    }
}

#[derive(Clone, Copy)]
enum Form {
    Rfc9440,
    Xfcc,
    Alb,
    Nginx,
}

const FORMS: [(&str, Form); 4] = [
    ("rfc9440", Form::Rfc9440),
    ("xfcc", Form::Xfcc),
    ("alb", Form::Alb),
    ("nginx", Form::Nginx),
];
const XFCC_FIELDS: [(&str, XfccField); 6] = [
    ("hash", XfccField::Hash),
    ("cert", XfccField::Cert),
    ("chain", XfccField::Chain),
    ("subject", XfccField::Subject),
    ("uri", XfccField::Uri),
    ("dns", XfccField::Dns),
];
/// What says where a request ends, to whom it goes, what it means, or what the gateway says of
/// other things: no certificate may stand there, or callers could not send it any more.
const RESERVED: [&str; 40] = [
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "signature",
    "signature-input",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-consumer",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-request-id",
    "http2-settings",
];
/// As far as they are no field of a form.
const RESERVED_FAMILIES: [&str; 3] = ["x-amz-", "x-forwarded-", "sec-"];

/// Reads `certificate_headers` of an integration.
pub(super) fn read(table: &mut Table<'_>) -> Vec<CertificateHeaders> {
    let mut taken: Vec<HeaderName> = Vec::new();
    let mut all = Vec::new();
    for table in table.tables("certificate_headers") {
        all.extend(read_one(table, &mut taken));
    }
    all
}

/// `None` when its form is not known, and has been noted.
fn read_one(mut table: Table<'_>, taken: &mut Vec<HeaderName>) -> Option<CertificateHeaders> {
    table.need("form", "write for example form = \"rfc9440\"");
    let form = match table.word("form", &FORMS)? {
        Form::Rfc9440 => CertificateForm::Rfc9440 {
            chain: table.boolean("chain").unwrap_or(false),
        },
        Form::Xfcc => CertificateForm::Xfcc {
            fields: read_fields(&mut table),
        },
        Form::Alb => CertificateForm::Alb,
        Form::Nginx => CertificateForm::Nginx,
    };
    let names = read_names(&mut table, &form);
    for name in &names {
        if taken
            .iter()
            .any(|other| is_like(name.as_str(), other.as_str()))
        {
            let text = format!(
                "{} sends \"{name}\" twice; give one of the two another name",
                table.label()
            );
            table.document().note(table.line(), text);
        }
        taken.push(name.clone());
    }
    let max_bytes = table.integer("max_bytes", 256..=65536).unwrap_or(8192);
    table.finish();
    Some(CertificateHeaders {
        form,
        names,
        max_bytes,
    })
}

/// In Envoy's order, whatever that of the file.
fn read_fields(table: &mut Table<'_>) -> Vec<XfccField> {
    let default = || vec![XfccField::Hash, XfccField::Subject, XfccField::Uri];
    let fields = table.words("fields", &XFCC_FIELDS);
    let mut fields = fields.unwrap_or_else(default);
    fields.sort();
    fields
}

fn read_names(table: &mut Table<'_>, form: &CertificateForm) -> Vec<HeaderName> {
    let standard = form.standard_names();
    let mut names: Vec<_> = standard
        .iter()
        .map(|name| HeaderName::from_static(name))
        .collect();
    let Some(mut renames) = table.table("names") else {
        return names;
    };
    let (document, label) = (renames.document(), renames.label().to_owned());
    let mut renamed = Vec::new();
    for Placed { value, line } in renames.texts_by_key() {
        let (from, to) = value;
        let place = standard
            .iter()
            .position(|name| name.eq_ignore_ascii_case(&from));
        let Some(place) = place else {
            let known = standard.iter().copied();
            let hint = suggestion(&from.to_ascii_lowercase(), known);
            let text = format!("{label} renames \"{from}\", which this form does not send{hint}");
            document.note(line, text);
            continue;
        };
        if renamed.contains(&place) {
            document.note(line, format!("{label} renames \"{from}\" twice"));
        }
        renamed.push(place);
        if let Some(name) = read_new_name(document, &label, &Placed { value: to, line }) {
            names[place] = name;
        }
    }
    names
}

fn read_new_name(
    document: &Document<'_>,
    label: &str,
    text: &Placed<String>,
) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.value.as_bytes());
    let problem = match name {
        Ok(name) if !is_reserved(name.as_str()) => return Some(name),
        Ok(_) => "which has a meaning of its own; choose another name",
        Err(_) => "which is no name of a field",
    };
    let problem = format!("{label} names a field \"{}\", {problem}", text.value);
    document.note(text.line, problem);
    None
}

/// Notes it when an authorizer's word would stand where a certificate is told of.
pub(super) fn check_contexts(
    document: &Document<'_>,
    authorizers: &[Authorizer],
    integrations: &[Integration],
) {
    let of_certificates = integrations.iter().filter_map(|one| match &one.kind {
        IntegrationKind::HttpProxy(proxy) => Some((&one.name, &proxy.certificate_headers)),
        IntegrationKind::Lambda(_) | IntegrationKind::Mock(_) => None,
    });
    for (integration, forms) in of_certificates {
        for authorizer in authorizers {
            let told = forms.iter().flat_map(|form| &form.names);
            let clashes = authorizer.context_headers.iter().filter(|(name, _)| {
                let mut told = told.clone();
                told.any(|other| is_like(name.as_str(), other.as_str()))
            });
            for (name, _) in clashes {
                let text = format!(
                    "authorizer \"{}\" tells its context in \"{name}\", in which integration \"{integration}\" tells of certificates; choose another name",
                    authorizer.name
                );
                document.note(authorizer.line, text);
            }
        }
    }
}

/// Whether it says something already, so that nothing of ours may stand there.
pub(super) fn is_reserved(name: &str) -> bool {
    let ours = is_like(name, "x-forwarded-client-cert");
    let in_family = |start: &&str| starts_like(name, start);
    RESERVED.iter().any(|other| is_like(name, other))
        || (!ours && RESERVED_FAMILIES.iter().any(in_family))
}
