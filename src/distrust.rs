//! Why a caller's certificate is not believed: one enum for handshakes, requests, the log, the
//! metrics and `certificates explain`, so that each reason has one word everywhere.

/// Why a certificate is not believed.
///
/// The word ([`Distrust::code`]) is stable: logs and metrics carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distrust {
    /// None was shown, and the connection needs one.
    Missing,
    /// It cannot be parsed (RFC 5280 §4.1), or has a critical extension that nobody here knows.
    Malformed,
    /// A name in it may be read in two ways.
    AmbiguousName,
    /// Its time is over, or that of a certificate above it.
    Expired,
    /// Its time has not come, or that of a certificate above it.
    NotYetValid,
    /// No authority of the trust store issued it, and no pin names it.
    UnknownIssuer,
    /// A signature in the chain is wrong.
    BadSignature,
    /// It is not for client authentication (RFC 5280 §4.2.1.12).
    BadPurpose,
    /// Its key, or that of a certificate above it, is for other uses (RFC 5280 §4.2.1.3).
    BadKeyUsage,
    /// It is an authority's, not a caller's.
    AuthorityAsCaller,
    /// It was issued by somebody who is no authority, or too far below one (RFC 5280 §4.2.1.9).
    NotAnAuthority,
    /// A name in it lies outside what its authority may name (RFC 5280 §4.2.1.10).
    NameConstraint,
    /// A key in the chain is weaker than the trust store takes.
    WeakKey,
    /// A signature in the chain is made in a way that is not taken, such as with SHA-1.
    WeakSignature,
    /// The chain has more certificates, or more bytes, than the trust store takes.
    ChainTooLong,
    /// It is revoked, or a certificate above it.
    Revoked,
    /// Nobody says whether it is revoked, and the trust store wants to know.
    RevocationUnknown,
    /// What says whether it is revoked is out of date.
    RevocationStale,
    /// Its SPIFFE ID is none, or of a trust domain for which the trust store does not speak.
    BadSpiffeId,
    /// The connection was made where certificates are taken unverified.
    Unverified,
    /// The listener asks for no certificates, though it did when this one was shown.
    NotAsked,
    /// Something else is wrong with the chain.
    Invalid,
}

impl Distrust {
    /// The word for it in logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::AmbiguousName => "ambiguous_name",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::UnknownIssuer => "unknown_issuer",
            Self::BadSignature => "bad_signature",
            Self::BadPurpose => "bad_purpose",
            Self::BadKeyUsage => "bad_key_usage",
            Self::AuthorityAsCaller => "authority_as_caller",
            Self::NotAnAuthority => "not_an_authority",
            Self::NameConstraint => "name_constraint",
            Self::WeakKey => "weak_key",
            Self::WeakSignature => "weak_signature",
            Self::ChainTooLong => "chain_too_long",
            Self::Revoked => "revoked",
            Self::RevocationUnknown => "revocation_unknown",
            Self::RevocationStale => "revocation_stale",
            Self::BadSpiffeId => "bad_spiffe_id",
            Self::Unverified => "unverified",
            Self::NotAsked => "not_asked",
            Self::Invalid => "invalid",
        }
    }

    /// The reason, for an operator.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "no certificate was shown",
            Self::Malformed => "the certificate cannot be parsed",
            Self::AmbiguousName => "a name in the certificate is ambiguous",
            Self::Expired => "the certificate, or one above it, has expired",
            Self::NotYetValid => "the certificate, or one above it, is not valid yet",
            Self::UnknownIssuer => "its issuer is not trusted",
            Self::BadSignature => "a signature in its chain is wrong",
            Self::BadPurpose => "it is not for client authentication",
            Self::BadKeyUsage => "a key in its chain is for other uses",
            Self::AuthorityAsCaller => "it is an authority's certificate",
            Self::NotAnAuthority => "its issuer may not issue it",
            Self::NameConstraint => "a name in it is not its issuer's to give",
            Self::WeakKey => "a key in its chain is too weak",
            Self::WeakSignature => "a signature in its chain is of a kind that is not taken",
            Self::ChainTooLong => "its chain is too long",
            Self::Revoked => "the certificate, or one above it, is revoked",
            Self::RevocationUnknown => "it cannot be told whether it is revoked",
            Self::RevocationStale => "what tells whether it is revoked is out of date",
            Self::BadSpiffeId => "its SPIFFE ID is not one that the trust store vouches for",
            Self::Unverified => "the connection was made where certificates are not verified",
            Self::NotAsked => "the listener takes no certificates any more",
            Self::Invalid => "its chain is not valid",
        }
    }
}

impl std::fmt::Display for Distrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Distrust {}
