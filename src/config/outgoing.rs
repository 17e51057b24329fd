//! `sign` in an `http_proxy`: the gateway's own signature towards the upstream.

use std::path::{Path, PathBuf};

use http::HeaderName;

use crate::config::signature::{PROFILES, SignatureProfile, read_scope};
use crate::document::Table;
use crate::key::Algorithm;

/// How requests are signed for the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// In which scheme.
    pub scheme: OutgoingScheme,
    /// Whether a body goes unsigned; otherwise one whose hash is not known beforehand is held
    /// until it is.
    pub unsigned_payload: bool,
    /// The largest body that is held for its hash, in bytes.
    pub max_buffered_body_bytes: u64,
}

/// The scheme of an outgoing signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingScheme {
    /// AWS SigV4, with the credentials of the environment.
    SigV4(OutgoingSigV4),
    /// RFC 9421, with a key of its own.
    Rfc9421(OutgoingRfc9421),
}

/// SigV4 towards an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingSigV4 {
    /// The service of the scope.
    pub service: String,
    /// Its region.
    pub region: String,
    /// How path and query are canonicalised.
    pub profile: SignatureProfile,
}

/// RFC 9421 towards an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRfc9421 {
    /// `keyid`: what the upstream knows the key by.
    pub key_id: String,
    /// The private key, PEM (PKCS #8), which only its owner may read.
    pub private_key: PathBuf,
    /// The algorithm, which an RSA key does not tell by itself.
    pub algorithm: Option<Algorithm>,
    /// The signature's label.
    pub label: String,
    /// Fields covered beside what the gateway writes itself, where they are present.
    pub components: Vec<String>,
    /// `tag`.
    pub tag: Option<String>,
    /// Seconds for which a signature is good; `None` leaves that to the upstream.
    pub expires_secs: Option<u32>,
    /// The line of the configuration that names the key.
    pub line: usize,
}

#[derive(Clone, Copy)]
enum Scheme {
    SigV4,
    Rfc9421,
}

const SCHEMES: [(&str, Scheme); 2] = [("sigv4", Scheme::SigV4), ("rfc9421", Scheme::Rfc9421)];

/// Reads the table `sign`, if there is one.
pub(super) fn read(table: &mut Table<'_>, base: &Path) -> Option<Outgoing> {
    let mut table = table.table("sign")?;
    table.need("scheme", "write scheme = \"sigv4\" or scheme = \"rfc9421\"");
    let scheme = match table.word("scheme", &SCHEMES)? {
        Scheme::SigV4 => OutgoingScheme::SigV4(OutgoingSigV4 {
            service: read_scope(&mut table, "service"),
            region: read_scope(&mut table, "region"),
            profile: table
                .word("profile", &PROFILES)
                .unwrap_or(SignatureProfile::Aws),
        }),
        Scheme::Rfc9421 => OutgoingScheme::Rfc9421(read_rfc9421(&mut table, base)),
    };
    let sign = Outgoing {
        scheme,
        unsigned_payload: table.boolean("unsigned_payload").unwrap_or(false),
        max_buffered_body_bytes: table
            .integer("max_buffered_body_bytes", 0..=1 << 30)
            .unwrap_or(1024 * 1024),
    };
    table.finish();
    Some(sign)
}

fn read_rfc9421(table: &mut Table<'_>, base: &Path) -> OutgoingRfc9421 {
    let key_id = table
        .need("key_id", "write what the upstream knows the key by")
        .text("key_id");
    let private_key = table
        .need("private_key", "name the file with the private key (PEM)")
        .text("private_key");
    let label = table.text("label");
    if let Some(label) = &label {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*.".contains(&byte)
        };
        let starts = label
            .value
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_lowercase() || b == b'*');
        if !starts || !label.value.bytes().all(plain) {
            let text = "\"label\" must be made of lower-case letters, digits and _-*. and begin with a letter";
            table.document().note(label.line, text);
        }
    }
    let components = table.texts("components").unwrap_or_default();
    for component in &components {
        let name = HeaderName::from_bytes(component.value.as_bytes());
        if name.is_err()
            || component
                .value
                .bytes()
                .any(|byte| byte.is_ascii_uppercase())
        {
            let text = format!(
                "component \"{}\" is no header name in lower case",
                component.value
            );
            table.document().note(component.line, text);
        }
    }
    OutgoingRfc9421 {
        key_id: key_id.map(|text| text.value).unwrap_or_default(),
        line: private_key.as_ref().map_or(table.line(), |text| text.line),
        private_key: private_key
            .map(|text| base.join(text.value))
            .unwrap_or_default(),
        algorithm: table.word("algorithm", &Algorithm::ALL.map(|one| (one.as_str(), one))),
        label: label.map_or_else(|| "gateway".to_owned(), |text| text.value),
        components: components.into_iter().map(|text| text.value).collect(),
        tag: table.text("tag").map(|text| text.value),
        expires_secs: table.integer("expires_secs", 1..=3600),
    }
}
