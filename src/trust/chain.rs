//! From a caller's certificate up to an authority. In: a chain and the time. Out: a judgement
//! and the path that it is about.
//! webpki finds the paths; every one that it finds must also bear what it does not look at.

use std::cell::Cell;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};

use crate::clock::UtcTime;
use crate::distrust::Distrust;

use super::inspect::Inspected;
use super::revocation::Moment;
use super::{Judgement, Trust, Voucher, algorithms};

/// Looks for a path that bears everything; tells it, the caller's certificate first.
pub(super) fn verify(
    trust: &Trust,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    moment: Moment,
    now: UtcTime,
) -> Result<(Judgement, Vec<CertificateDer<'static>>), Distrust> {
    let time = Duration::from_secs(now.unix().unsigned_abs());
    // webpki takes no reason from us, only that a path is none: it is kept here.
    let objection = Cell::new(None);
    let found = Cell::new(None);
    let check = |path: &VerifiedPath<'_>| match check_path(trust, path, moment, now) {
        Ok(judged) => {
            found.set(Some(judged));
            Ok(())
        }
        Err(why) => {
            objection.set(Some(why));
            Err(Error::UnknownIssuer)
        }
    };
    let certificate = EndEntityCert::try_from(leaf).map_err(|e| reason(&e))?;
    let verified = certificate.verify_for_usage(
        algorithms().all,
        trust.authorities.anchors(),
        intermediates,
        UnixTime::since_unix_epoch(time),
        KeyUsage::client_auth(),
        None,
        Some(&check),
    );
    match verified {
        Ok(_) => found.take().ok_or(Distrust::Invalid),
        Err(error) => Err(objection.take().unwrap_or_else(|| reason(&error))),
    }
}

/// What webpki does not look at, from the caller's certificate up.
fn check_path(
    trust: &Trust,
    path: &VerifiedPath<'_>,
    moment: Moment,
    now: UtcTime,
) -> Result<(Judgement, Vec<CertificateDer<'static>>), Distrust> {
    let settings = &trust.settings;
    let place = trust.authorities.place_of(path.anchor());
    let place = place.ok_or(Distrust::Invalid)?;
    let authority = trust.authorities.get(place).ok_or(Distrust::Invalid)?;
    let caller = path.end_entity().der();
    let leaf = Inspected::of(&caller)?;
    if settings.require_client_auth_purpose && !leaf.names_client_auth {
        return Err(Distrust::BadPurpose);
    }
    if settings.check_key_usage && !leaf.may_prove() {
        return Err(Distrust::BadKeyUsage);
    }
    leaf.check_key(settings.min_rsa_bits)?;
    let mut until = leaf.not_after;
    let mut whole = vec![caller.into_owned()];
    for intermediate in path.intermediate_certificates() {
        let der = intermediate.der();
        let inspected = Inspected::of(&der)?;
        whole.push(der.into_owned());
        if settings.check_key_usage && !inspected.may_issue() {
            return Err(Distrust::BadKeyUsage);
        }
        inspected.check_key(settings.min_rsa_bits)?;
        until = until.min(inspected.not_after);
    }
    if settings.check_authority_expiry {
        authority.inspected.check_time(now)?;
        until = until.min(authority.inspected.not_after);
    }
    // A trust anchor of webpki has no length: it is that of the authority's own certificate.
    let below = whole.len() - 1;
    let most_below = authority.inspected.most_below.unwrap_or(u32::MAX);
    if usize::try_from(most_below).is_ok_and(|most| below > most) {
        return Err(Distrust::NotAnAuthority);
    }
    whole.push(authority.der.clone());
    if let Some(revocation) = &trust.revocation
        && let Some(end) = revocation.check(&whole, moment, now)?
    {
        until = until.min(end);
    }
    let judgement = Judgement {
        until,
        by: Voucher::Authority(place),
        needed: 1,
    };
    Ok((judgement, whole))
}

fn reason(error: &Error) -> Distrust {
    match error {
        Error::CertExpired { .. } => Distrust::Expired,
        Error::CertNotValidYet { .. } => Distrust::NotYetValid,
        Error::CaUsedAsEndEntity => Distrust::AuthorityAsCaller,
        Error::EndEntityUsedAsCa | Error::PathLenConstraintViolated => Distrust::NotAnAuthority,
        Error::UnknownIssuer => Distrust::UnknownIssuer,
        Error::InvalidSignatureForPublicKey | Error::SignatureAlgorithmMismatch => {
            Distrust::BadSignature
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Distrust::BadPurpose,
        Error::NameConstraintViolation
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint => Distrust::NameConstraint,
        Error::MaximumPathDepthExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => Distrust::ChainTooLong,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Distrust::WeakSignature,
        Error::BadDer
        | Error::BadDerTime
        | Error::TrailingData(_)
        | Error::MalformedExtensions
        | Error::ExtensionValueInvalid
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::UnsupportedCertVersion
        | Error::UnsupportedCriticalExtension => Distrust::Malformed,
        _ => Distrust::Invalid,
    }
}
