//! The long and the intricate part of a list: its entries and its extensions (RFC 5280 §5.1.2.6,
//! §5.2, §5.3). In: what is inside. Out: serial numbers in order, a number and a scope; or why
//! the list cannot be used.

use crate::revocation::certificate::full_name;
use crate::revocation::der::{INTEGER, Reader, SEQUENCE, constructed, number, tagged, time};

use super::{CrlError, Serial};

/// For which certificates a list counts (RFC 5280 §5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::revocation) struct Scope {
    /// The DER of the names of its distribution point; `None` when it counts for all.
    pub(in crate::revocation) names: Option<Vec<Box<[u8]>>>,
    pub(in crate::revocation) only_users: bool,
    pub(in crate::revocation) only_authorities: bool,
}

/// The shortest entry: a serial number of one byte and a time.
const MIN_ENTRY_BYTES: usize = 20;

/// Reads revokedCertificates. An empty one, which RFC 5280 wants absent, is taken.
pub(super) fn read_entries(mut entries: Reader<'_>) -> Result<Box<[Serial]>, CrlError> {
    // Twice the room at most: real serial numbers make entries of 30 to 50 bytes.
    let mut serials = Vec::with_capacity(entries.len() / (2 * MIN_ENTRY_BYTES));
    while !entries.is_empty() {
        let mut entry = entries.inside(SEQUENCE)?;
        let serial = entry.take(INTEGER)?.content;
        serials.push(number(serial).ok_or(CrlError::Serial)?);
        time(&entry.any()?)?;
        if let Some(extensions) = entry.maybe_inside(SEQUENCE)? {
            check_entry_extensions(extensions)?;
        }
        entry.end()?;
    }
    if !serials.is_sorted() {
        serials.sort_unstable();
    }
    serials.dedup();
    Ok(serials.into_boxed_slice())
}

/// id-ce-cRLReasons, id-ce-invalidityDate and id-ce-certificateIssuer.
const REASON: &[u8] = &[0x55, 0x1d, 0x15];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 0x18];
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 0x1d];

/// Every entry revokes, for whatever reason: one that is on hold is as little to be trusted.
fn check_entry_extensions(mut extensions: Reader<'_>) -> Result<(), CrlError> {
    while !extensions.is_empty() {
        let (id, critical, _) = extensions.extension()?;
        match id {
            REASON | INVALIDITY_DATE => {}
            CERTIFICATE_ISSUER => return Err(CrlError::Indirect),
            _ if critical => return Err(CrlError::UnknownExtension),
            _ => {}
        }
    }
    Ok(())
}

const NUMBER: &[u8] = &[0x55, 0x1d, 0x14];
const DELTA_INDICATOR: &[u8] = &[0x55, 0x1d, 0x1b];
const ISSUING_POINT: &[u8] = &[0x55, 0x1d, 0x1c];
const AUTHORITY_KEY: &[u8] = &[0x55, 0x1d, 0x23];

pub(super) fn read_extensions(mut outer: Reader<'_>) -> Result<(Option<Serial>, Scope), CrlError> {
    let mut extensions = outer.inside(SEQUENCE)?;
    outer.end()?;
    let (mut crl_number, mut scope) = (None, Scope::default());
    let mut seen = Vec::new();
    while !extensions.is_empty() {
        let (id, critical, value) = extensions.extension()?;
        if seen.contains(&id) || seen.len() == MAX_EXTENSIONS {
            return Err(CrlError::Unreadable);
        }
        seen.push(id);
        match id {
            NUMBER => {
                let value = Reader::only(value, INTEGER)?.content;
                crl_number = Some(number(value).ok_or(CrlError::Unreadable)?);
            }
            ISSUING_POINT => scope = read_scope(value)?,
            DELTA_INDICATOR => return Err(CrlError::Delta),
            AUTHORITY_KEY => {}
            _ if critical => return Err(CrlError::UnknownExtension),
            _ => {}
        }
    }
    Ok((crl_number, scope))
}

const MAX_EXTENSIONS: usize = 32;

/// Reads an IssuingDistributionPoint (RFC 5280 §5.2.5).
fn read_scope(value: &[u8]) -> Result<Scope, CrlError> {
    let mut point = Reader::new(Reader::only(value, SEQUENCE)?.content);
    let names = match point.maybe_inside(constructed(0))? {
        None => None,
        Some(mut name) => {
            let names = full_name(&mut name)?.ok_or(CrlError::RelativeName)?;
            Some(names.into_iter().map(Box::from).collect())
        }
    };
    let only_users = point.flag(tagged(1))?;
    let only_authorities = point.flag(tagged(2))?;
    let some_reasons = point.maybe(tagged(3))?.is_some();
    let indirect = point.flag(tagged(4))?;
    let only_attributes = point.flag(tagged(5))?;
    point.end()?;
    if indirect {
        return Err(CrlError::Indirect);
    }
    if some_reasons || only_attributes || (only_users && only_authorities) {
        return Err(CrlError::Partial);
    }
    Ok(Scope {
        names,
        only_users,
        only_authorities,
    })
}
