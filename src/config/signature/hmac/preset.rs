//! The ways in which well-known senders of webhooks sign.

use http::HeaderName;

use crate::names::CredentialId;

use super::{
    HmacDemand, HmacEncoding, HmacForm, HmacHash, HmacTimestamp, REPLAY_WINDOW_SECS, SignedPart,
    SignedTemplate, TOLERANCE_SECS, TimestampPlace, TimestampUnit,
};

/// A sender whose way of signing is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HmacPreset {
    /// GitHub Docs, "Validating webhook deliveries".
    GitHub,
    /// Shopify, "Verify webhooks".
    Shopify,
    /// Slack, "Verifying requests from Slack".
    Slack,
    /// Stripe, "Verify webhook signatures manually".
    Stripe,
}

pub(super) const PRESETS: [(&str, HmacPreset); 4] = [
    ("github", HmacPreset::GitHub),
    ("shopify", HmacPreset::Shopify),
    ("slack", HmacPreset::Slack),
    ("stripe", HmacPreset::Stripe),
];

impl HmacPreset {
    /// What the sender does, with the secrets of `credentials`.
    pub fn demand(self, credentials: Vec<CredentialId>) -> HmacDemand {
        let alone = |prefix: &str| HmacForm::Alone(prefix.to_owned());
        let (header, form, encoding) = match self {
            Self::GitHub => ("x-hub-signature-256", alone("sha256="), HmacEncoding::Hex),
            Self::Shopify => ("x-shopify-hmac-sha256", alone(""), HmacEncoding::Base64),
            Self::Slack => ("x-slack-signature", alone("v0="), HmacEncoding::Hex),
            Self::Stripe => (
                "stripe-signature",
                HmacForm::Pairs("v1".to_owned()),
                HmacEncoding::Hex,
            ),
        };
        HmacDemand {
            credentials,
            header: HeaderName::from_static(header),
            form,
            encoding,
            hash: HmacHash::Sha256,
            signed: SignedTemplate::new(match self {
                Self::GitHub | Self::Shopify => vec![SignedPart::Body],
                Self::Slack => stamped("v0:", ":"),
                Self::Stripe => stamped("", "."),
            }),
            timestamp: self.timestamp().map(|place| HmacTimestamp {
                place,
                unit: TimestampUnit::Seconds,
                tolerance_secs: TOLERANCE_SECS,
            }),
            key_id_header: None,
            replay_window_secs: REPLAY_WINDOW_SECS,
            line: 0,
        }
    }

    fn timestamp(self) -> Option<TimestampPlace> {
        const SLACK: HeaderName = HeaderName::from_static("x-slack-request-timestamp");
        match self {
            Self::GitHub | Self::Shopify => None,
            Self::Slack => Some(TimestampPlace::Header(SLACK)),
            Self::Stripe => Some(TimestampPlace::Pair("t".to_owned())),
        }
    }
}

/// `before`, the time, `between`, the body.
fn stamped(before: &str, between: &str) -> Vec<SignedPart> {
    let literal = |text: &str| SignedPart::Literal(text.to_owned());
    let parts = [
        literal(before),
        SignedPart::Timestamp,
        literal(between),
        SignedPart::Body,
    ];
    let empty = SignedPart::Literal(String::new());
    parts.into_iter().filter(|part| *part != empty).collect()
}
