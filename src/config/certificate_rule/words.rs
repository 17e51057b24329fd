//! A rule in words, for `routes explain`. In: a rule. Out: one line that reads like its TOML.

use std::fmt;
use std::sync::Arc;

use crate::digest::hex;

use super::{CertificateCondition, CertificateRule, SpiffePath};

impl fmt::Display for CertificateRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.conditions.iter().enumerate() {
            if index > 0 {
                f.write_str(" and ")?;
            }
            write!(f, "{condition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CertificateCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key();
        match self {
            Self::TrustStore(text)
            | Self::Subject(text)
            | Self::Issuer(text)
            | Self::Serial(text)
            | Self::SanUri(text)
            | Self::SanDns(text)
            | Self::SanDnsSuffix(text)
            | Self::SanEmail(text)
            | Self::SanEmailDomain(text)
            | Self::SpiffeTrustDomain(text) => write!(f, "{key} {text}"),
            Self::SanIp(address) => write!(f, "{key} {address}"),
            Self::SpiffePath(SpiffePath::Exact(path)) => write!(f, "{key} {path}"),
            Self::SpiffePath(SpiffePath::Below(path)) => write!(f, "{key} {path}*"),
            Self::Fingerprint(hash) | Self::PublicKey(hash) => write!(f, "{key} {}", hex(hash)),
            Self::MinRsaBits(bits) | Self::MinEcBits(bits) => write!(f, "{key} {bits}"),
            Self::ExtendedKeyUsage(oids) | Self::Policies(oids) => {
                write!(f, "{key} {}", oids.join(" + "))
            }
            Self::MaxAge(time) | Self::MaxLifetime(time) => write!(f, "{key} {}", time.as_secs()),
            Self::AllOf(rules) => joined(f, "all of ", rules),
            Self::AnyOf(rules) => joined(f, "any of ", rules),
            Self::Not(rule) => write!(f, "not ({rule})"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, word: &str, rules: &[Arc<CertificateRule>]) -> fmt::Result {
    f.write_str(word)?;
    for (index, rule) in rules.iter().enumerate() {
        let joint = if index > 0 { ", " } else { "" };
        write!(f, "{joint}({rule})")?;
    }
    Ok(())
}
