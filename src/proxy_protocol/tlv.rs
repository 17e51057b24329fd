//! What a header of version 2 says beyond addresses: a list of type, length and value (§2.2.1 and
//! what follows it). All of it must be well-formed; what is understood is checked or kept.

use crc::{CRC_32_ISCSI, Crc, Table};

use super::Malformed;

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// `PP2_TYPE_CRC32C` (§2.2.4).
const CHECKSUM: u8 = 0x03;
/// `PP2_TYPE_UNIQUE_ID` (§2.2.6), of 128 bytes at most.
const UNIQUE_ID: u8 = 0x05;
const MAX_UNIQUE_ID: usize = 128;
/// `PP2_TYPE_SSL` (§2.2.7): a byte of flags, four of a verdict, and TLVs of its own.
const SSL: u8 = 0x20;
const SSL_HEAD: usize = 5;
/// `PP2_TYPE_AWS` and, as the first byte of its value, `PP2_SUBTYPE_AWS_VPCE_ID` (Elastic Load
/// Balancing, "Proxy protocol").
const AWS: u8 = 0xEA;
const AWS_VPC_ENDPOINT: u8 = 0x01;
const MAX_VPC_ENDPOINT: usize = 64;

/// Reads the TLVs at the end of `header`; gives the id of the VPC endpoint, if one is told.
pub(super) fn read(header: &[u8], tlvs: &[u8]) -> Result<Option<String>, Malformed> {
    let mut endpoint = None;
    let mut checked = false;
    let mut rest = tlvs;
    while let Some((kind, value, after)) = next(rest)? {
        match (kind, value) {
            (CHECKSUM, _) if checked => return Err(Malformed("there are two checksums")),
            (CHECKSUM, _) => {
                check(header, header.len() - after.len(), value)?;
                checked = true;
            }
            (UNIQUE_ID, _) if value.len() > MAX_UNIQUE_ID => {
                return Err(Malformed("the unique id is too long"));
            }
            (SSL, _) => check_ssl(value)?,
            (AWS, [AWS_VPC_ENDPOINT, id @ ..]) => {
                let other = endpoint.replace(endpoint_of(id)?);
                if other.is_some() {
                    return Err(Malformed("there are two VPC endpoints"));
                }
            }
            _ => {}
        }
        rest = after;
    }
    Ok(endpoint)
}

/// The first TLV, and what follows it; `None` at the end.
type Tlv<'a> = (u8, &'a [u8], &'a [u8]);
fn next(rest: &[u8]) -> Result<Option<Tlv<'_>>, Malformed> {
    if rest.is_empty() {
        return Ok(None);
    }
    let cut = Malformed("a TLV is longer than what is left");
    let ([kind, high, low], rest) = rest.split_first_chunk().ok_or(cut)?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let (value, rest) = rest.split_at_checked(length).ok_or(cut)?;
    Ok(Some((*kind, value, rest)))
}

/// The checksum, whose value ends at `end`, is that of the header with zeros in its place.
fn check(header: &[u8], end: usize, told: &[u8]) -> Result<(), Malformed> {
    let told = <[u8; 4]>::try_from(told).map_err(|_| Malformed("the checksum has not 4 bytes"))?;
    let mut digest = CRC32C.digest();
    digest.update(&header[..end - told.len()]);
    digest.update(&[0; 4]);
    digest.update(&header[end..]);
    match digest.finalize() == u32::from_be_bytes(told) {
        true => Ok(()),
        false => Err(Malformed("the checksum is wrong")),
    }
}

fn check_ssl(value: &[u8]) -> Result<(), Malformed> {
    let inner = value.get(SSL_HEAD..);
    let mut rest = inner.ok_or(Malformed("the TLV of TLS is cut short"))?;
    while let Some((_, _, after)) = next(rest)? {
        rest = after;
    }
    Ok(())
}

fn endpoint_of(id: &[u8]) -> Result<String, Malformed> {
    let fits = (1..=MAX_VPC_ENDPOINT).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
    let id = std::str::from_utf8(id).ok().filter(|_| fits);
    id.map(str::to_owned)
        .ok_or(Malformed("the id of the VPC endpoint is none"))
}
