//! Content-Digest (RFC 9530 §2). In: the field of a call, or a body to describe. Out: the
//! hashes that the body owes, and the watch that compares them as it goes by.
//! Only SHA-256 and SHA-512 count: RFC 9530 §5 calls the others insecure or knows none.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName};
use sfv::visitor::ParameterVisitor;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor};
use sfv::{BareItemFromInput, KeyRef};

use crate::refusal::Refusal;

use super::structured::{Names, Stop, parser};

const FIELD: HeaderName = HeaderName::from_static("content-digest");
const MAX_FIELD_BYTES: usize = 2 * 1024;

/// The algorithms of RFC 9530 §5 that are safe against those who choose the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestAlgorithm {
    /// `sha-256`
    Sha256,
    /// `sha-512`
    Sha512,
}

/// The value of Content-Digest for `body`.
pub fn content_digest(body: &[u8], algorithm: DigestAlgorithm) -> String {
    let (name, algorithm) = match algorithm {
        DigestAlgorithm::Sha256 => ("sha-256", &SHA256),
        DigestAlgorithm::Sha512 => ("sha-512", &SHA512),
    };
    format!("{name}=:{}:", STANDARD.encode(digest(algorithm, body)))
}

/// What a body owes: every hash that is there must be its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentDigest {
    sha256: Option<[u8; 32]>,
    sha512: Option<[u8; 64]>,
}

impl ContentDigest {
    /// The SHA-256 that the content must have.
    pub fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }

    /// The SHA-512 that the content must have.
    pub fn sha512(&self) -> Option<&[u8; 64]> {
        self.sha512.as_ref()
    }

    /// Whether `body`, the content as it was sent (RFC 9530 §2: with its content codings,
    /// without its transfer coding), is the one that was meant.
    ///
    /// # Errors
    /// `BodyHashMismatch`.
    pub fn check(&self, body: &[u8]) -> Result<(), Refusal> {
        let mut watch = DigestWatch::new(self);
        watch.update(body);
        watch.finish()
    }

    /// Reads the field, all its lines.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, &'static str> {
        let lines = headers.get_all(FIELD);
        if lines.iter().map(http::HeaderValue::len).sum::<usize>() > MAX_FIELD_BYTES {
            return Err("Content-Digest is longer than 2 KiB");
        }
        let mut members = Digests::default();
        for line in lines {
            let text = line.to_str().map_err(|_| "Content-Digest is not text")?;
            let parsed = parser(text).parse_dictionary_with_visitor(&mut members);
            parsed.map_err(|_| members.why.unwrap_or("Content-Digest is no dictionary"))?;
        }
        match members.digest {
            ContentDigest {
                sha256: None,
                sha512: None,
            } => Err("Content-Digest has neither sha-256 nor sha-512"),
            digest => Ok(digest),
        }
    }
}

/// The watch over a body that owes digests.
pub struct DigestWatch {
    want: ContentDigest,
    sha256: Option<Context>,
    sha512: Option<Context>,
}

impl DigestWatch {
    /// A watch for a body that owes `want`.
    pub fn new(want: &ContentDigest) -> Self {
        Self {
            want: *want,
            sha256: want.sha256.map(|_| Context::new(&SHA256)),
            sha512: want.sha512.map(|_| Context::new(&SHA512)),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        for hash in [&mut self.sha256, &mut self.sha512].into_iter().flatten() {
            hash.update(bytes);
        }
    }

    /// Whether the body was the one that was meant.
    ///
    /// # Errors
    /// `BodyHashMismatch`.
    pub fn finish(self) -> Result<(), Refusal> {
        let is = |hash: Option<Context>, want: Option<&[u8]>| match (hash, want) {
            (Some(hash), Some(want)) => {
                verify_slices_are_equal(hash.finish().as_ref(), want).is_ok()
            }
            (None, None) => true,
            _ => false,
        };
        let sha256 = is(
            self.sha256,
            self.want.sha256.as_ref().map(<[u8; 32]>::as_slice),
        );
        let sha512 = is(
            self.sha512,
            self.want.sha512.as_ref().map(<[u8; 64]>::as_slice),
        );
        match sha256 && sha512 {
            true => Ok(()),
            false => Err(Refusal::BodyHashMismatch),
        }
    }
}

impl fmt::Debug for DigestWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestWatch(…)")
    }
}

#[derive(Default)]
struct Digests<'a> {
    names: Names<'a>,
    digest: ContentDigest,
    why: Option<&'static str>,
}

impl<'a> DictionaryVisitor<'a> for Digests<'a> {
    type Error = Stop;

    fn entry(&mut self, key: &'a KeyRef) -> Result<impl EntryVisitor<'a>, Stop> {
        if self.names.add(key).is_err() {
            self.why = Some("Content-Digest has an algorithm twice");
            return Err(Stop("an algorithm is there twice"));
        }
        Ok(Digest {
            algorithm: key.as_str(),
            digests: self,
        })
    }
}

/// One member; of unknown and of insecure algorithms no more than its form is looked at.
struct Digest<'d, 'a> {
    algorithm: &'a str,
    digests: &'d mut Digests<'a>,
}

impl<'a> ItemVisitor<'a> for Digest<'_, 'a> {
    type Error = Stop;

    fn bare_item(self, item: BareItemFromInput<'a>) -> Result<impl ParameterVisitor<'a>, Stop> {
        let Some(bytes) = item.as_byte_sequence() else {
            self.digests.why = Some("Content-Digest has a value that is no byte sequence");
            return Err(Stop("a digest is no byte sequence"));
        };
        let digest = &mut self.digests.digest;
        let fits = match self.algorithm {
            "sha-256" => {
                digest.sha256 = bytes.try_into().ok();
                digest.sha256.is_some()
            }
            "sha-512" => {
                digest.sha512 = bytes.try_into().ok();
                digest.sha512.is_some()
            }
            _ => true,
        };
        match fits {
            true => Ok(Ignored),
            false => {
                self.digests.why = Some("Content-Digest has a digest of the wrong length");
                Err(Stop("a digest has the wrong length"))
            }
        }
    }
}

impl<'a> EntryVisitor<'a> for Digest<'_, 'a> {
    fn inner_list(self) -> Result<impl InnerListVisitor<'a>, Stop> {
        self.digests.why = Some("Content-Digest has a value that is no byte sequence");
        Err::<Ignored, _>(Stop("a digest is a list"))
    }
}
