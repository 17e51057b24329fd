//! A reader of DER (X.690 §10) that never copies: lists of half a million entries are walked
//! with it. In: bytes from strangers. Out: their values one by one, or `NotDer`.
//! Only one-byte tags and definite, shortest lengths: everything in RFC 5280 and RFC 6960.

use crate::clock::UtcTime;

/// The bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotDer;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;

/// The tag `[number]` of a primitive.
pub(super) const fn tagged(number: u8) -> u8 {
    0x80 | number
}

/// The tag `[number]` of what has values inside.
pub(super) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// One value: what it is, what is in it, and all of its bytes.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    pub(super) raw: &'a [u8],
}

/// What is left to read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The one value that `bytes` are.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Result<Value<'a>, NotDer> {
        let mut reader = Self(bytes);
        let value = reader.take(tag)?;
        reader.end()?;
        Ok(value)
    }

    /// A reader of what is in the next value.
    pub(super) fn inside(&mut self, tag: u8) -> Result<Self, NotDer> {
        self.take(tag).map(|value| Self(value.content))
    }

    /// The same for a value that may be absent.
    pub(super) fn maybe_inside(&mut self, tag: u8) -> Result<Option<Self>, NotDer> {
        let value = self.maybe(tag)?;
        Ok(value.map(|value| Self(value.content)))
    }

    pub(super) fn take(&mut self, tag: u8) -> Result<Value<'a>, NotDer> {
        self.next().filter(|value| value.tag == tag).ok_or(NotDer)
    }

    /// The next value when it has this tag.
    pub(super) fn maybe(&mut self, tag: u8) -> Result<Option<Value<'a>>, NotDer> {
        match self.0.first() {
            Some(first) if *first == tag => self.take(tag).map(Some),
            _ => Ok(None),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes are left.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), NotDer> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(NotDer),
        }
    }

    /// The next value, whatever it is.
    pub(super) fn any(&mut self) -> Result<Value<'a>, NotDer> {
        self.next().ok_or(NotDer)
    }

    /// The next value; `None` leaves nothing that could be read on with.
    fn next(&mut self) -> Option<Value<'a>> {
        let all = std::mem::take(&mut self.0);
        let (&tag, rest) = all.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => long_length(rest, usize::from(first & 0x7f))?,
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let raw = &all[..all.len() - after.len()];
        self.0 = after;
        Some(Value { tag, content, raw })
    }

    /// An object identifier, as its content.
    pub(super) fn oid(&mut self) -> Result<&'a [u8], NotDer> {
        self.take(OID).map(|value| value.content)
    }

    /// A BOOLEAN that is FALSE when absent.
    pub(super) fn flag(&mut self, tag: u8) -> Result<bool, NotDer> {
        match self.maybe(tag)?.map(|value| value.content) {
            None | Some([0]) => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err(NotDer),
        }
    }

    /// A BIT STRING of whole bytes.
    pub(super) fn bits(&mut self) -> Result<&'a [u8], NotDer> {
        match self.take(BIT_STRING)?.content.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(NotDer),
        }
    }

    /// A UTCTime or a GeneralizedTime as RFC 5280 §4.1.2.5 wants them: to the second, in UTC.
    pub(super) fn time(&mut self) -> Result<UtcTime, NotDer> {
        time(&self.any()?)
    }

    /// An Extension (RFC 5280 §4.1): its identifier, whether it is critical, and its value.
    pub(super) fn extension(&mut self) -> Result<(&'a [u8], bool, &'a [u8]), NotDer> {
        let mut fields = self.inside(SEQUENCE)?;
        let id = fields.oid()?;
        let critical = fields.flag(BOOLEAN)?;
        let value = fields.take(OCTET_STRING)?.content;
        fields.end()?;
        Ok((id, critical, value))
    }
}

fn long_length(rest: &[u8], octets: usize) -> Option<(usize, &[u8])> {
    let (digits, rest) = rest.split_at_checked(octets)?;
    let length = digits
        .iter()
        .fold(0, |length, digit| length << 8 | usize::from(*digit));
    let shortest = digits[0] != 0 && length >= 0x80;
    shortest.then_some((length, rest))
}

/// A time; see [`Reader::time`].
pub(super) fn time(value: &Value<'_>) -> Result<UtcTime, NotDer> {
    let digits = value.content;
    let century: &[u8] = match (value.tag, digits.len()) {
        (UTC_TIME, 13) if digits[0] >= b'5' => b"19",
        (UTC_TIME, 13) => b"20",
        (GENERALIZED_TIME, 15) => b"",
        _ => return Err(NotDer),
    };
    let (date, clock) = digits.split_at(digits.len() - 7);
    UtcTime::parse_amz(&[century, date, b"T", clock].concat()).ok_or(NotDer)
}

/// Most octets of a serial number (RFC 5280 §4.1.2.2).
pub(super) const SERIAL_BYTES: usize = 20;

/// What is signed: a certificate, a CRL or an OCSP answer (RFC 5280 §4.1, RFC 6960 §4.2.1).
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    /// The bytes that are signed.
    pub(super) tbs: Value<'a>,
    /// The AlgorithmIdentifier.
    pub(super) algorithm: Value<'a>,
    pub(super) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Reads the three fields and leaves what is behind them.
    pub(super) fn read(fields: &mut Reader<'a>) -> Result<Self, NotDer> {
        Ok(Self {
            tbs: fields.take(SEQUENCE)?,
            algorithm: fields.take(SEQUENCE)?,
            signature: fields.bits()?,
        })
    }
}

/// A natural number as 20 octets; `None` for a negative or a larger one.
pub(super) fn number(content: &[u8]) -> Option<[u8; SERIAL_BYTES]> {
    if content.first()? & 0x80 != 0 {
        return None;
    }
    let zeros = content.iter().take_while(|byte| **byte == 0).count();
    let digits = &content[zeros..];
    let start = SERIAL_BYTES.checked_sub(digits.len())?;
    let mut number = [0; SERIAL_BYTES];
    number[start..].copy_from_slice(digits);
    Some(number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_definite_length_is_read() {
        let long = [&[0x04, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(
            Reader::only(&long, OCTET_STRING).unwrap().content,
            [7; 0x80]
        );
        for bad in [
            &[][..],
            &[0x04],
            &[0x04, 0x01],
            &[0x04, 0x80, 0x00, 0x00],
            &[0x04, 0x81, 0x01, 0x00],
            &[0x04, 0x82, 0x00, 0x01, 0x00],
            &[0x04, 0x85, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x04, 0x01, 0x00, 0x00],
            &[0x1f, 0x01, 0x00],
        ] {
            assert!(Reader::only(bad, OCTET_STRING).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn times_are_to_the_second_and_in_utc() {
        let read = |tag, content| {
            time(&Value {
                tag,
                content,
                raw: &[],
            })
            .ok()
            .map(UtcTime::unix)
        };
        assert_eq!(read(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(read(UTC_TIME, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(read(UTC_TIME, b"500101000000Z"), Some(-631_152_000));
        assert_eq!(
            read(GENERALIZED_TIME, b"20150830123600Z"),
            Some(1_440_938_160)
        );
        for (tag, bad) in [
            (UTC_TIME, &b"7001010000Z"[..]),
            (UTC_TIME, b"700101000000+0000"),
            (UTC_TIME, b"20150830123600Z"),
            (GENERALIZED_TIME, b"20150830123600.5Z"),
            (GENERALIZED_TIME, b"20150230123600Z"),
            (OCTET_STRING, b"700101000000Z"),
        ] {
            assert_eq!(read(tag, bad), None);
        }
    }

    #[test]
    fn a_number_has_one_form_and_no_sign() {
        let mut two = [0; 20];
        two[19] = 2;
        assert_eq!(number(&[2]), Some(two));
        assert_eq!(number(&[0, 0, 2]), Some(two));
        assert_eq!(number(&[]), None);
        assert_eq!(number(&[0x80]), None);
        assert_eq!(number(&[&[0][..], &[0xff; 20]].concat()), Some([0xff; 20]));
        assert_eq!(number(&[&[0][..], &[0xff; 21]].concat()), None);
    }
}
