//! The fields of an answer. In: names and values as a function wrote them. Out: fields that HTTP
//! can carry, without those that the gateway writes itself.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use super::Malformed;
use super::shape::{List, Part, Scalar, Table};

/// Fields in an answer.
pub(super) const MAX_FIELDS: usize = 256;
/// Bytes of their names and values.
pub(super) const MAX_BYTES: usize = 100 * 1024;

/// What frames a message, and what concerns one connection (RFC 9110 §7.6.1).
const OF_THE_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields, as far as they have been read.
#[derive(Default)]
pub(super) struct Fields {
    list: Vec<(HeaderName, HeaderValue)>,
    bytes: usize,
    length: Length,
}

/// What the function says of the content's length.
#[derive(Clone, Copy, Default)]
enum Length {
    #[default]
    Unsaid,
    Is(u64),
    /// It is no number, or another the second time.
    Unclear,
}

impl Fields {
    /// Lists first, then what stands alone, unless the lists have the very same; then cookies
    /// ("Set up Lambda proxy integrations in API Gateway").
    pub(super) fn merged(
        multi: Part<Table<'_, List<'_>>>,
        single: Part<Table<'_, Scalar<'_>>>,
        cookies: Part<List<'_>>,
    ) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        for (name, values) in multi.flatten().unwrap_or_default().0 {
            for value in values.0 {
                fields.add(&name, &value)?;
            }
        }
        let of_lists = fields.list.len();
        for (name, Scalar(value)) in single.flatten().unwrap_or_default().0 {
            fields.add(&name, &value)?;
            if let Some((last, before)) = fields.list.split_last()
                && before.len() >= of_lists
                && before[..of_lists].contains(last)
            {
                fields.list.pop();
            }
        }
        for cookie in cookies.flatten().unwrap_or_default().0 {
            fields.add("set-cookie", &cookie)?;
        }
        Ok(fields)
    }

    /// Adds a field, or leaves it out when the gateway writes it itself.
    pub(super) fn add(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Malformed("the name of a field is none"))?;
        if name == CONTENT_LENGTH {
            self.length = self.length.and(value);
            return Ok(());
        }
        if OF_THE_HOP.contains(&name.as_str()) {
            return Ok(());
        }
        // RFC 9113 §8.2.1: no value begins or ends with white space.
        let value = value.trim_matches([' ', '\t']);
        self.bytes += name.as_str().len() + value.len();
        if self.bytes > MAX_BYTES || self.list.len() >= MAX_FIELDS {
            return Err(Malformed("it has more than 256 fields or 100 KiB of them"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| Malformed("the value of a field holds what HTTP does not allow"))?;
        self.list.push((name, value));
        Ok(())
    }

    /// Says what the content is, unless the function did.
    pub(super) fn add_content_type(&mut self, content_type: &str) -> Result<(), Malformed> {
        match self.list.iter().any(|(name, _)| *name == CONTENT_TYPE) {
            true => Ok(()),
            false => self.add(CONTENT_TYPE.as_str(), content_type),
        }
    }

    /// The length that the function states.
    pub(super) fn content_length(&self) -> Result<Option<u64>, Malformed> {
        match self.length {
            Length::Unsaid => Ok(None),
            Length::Is(length) => Ok(Some(length)),
            Length::Unclear => Err(Malformed("\"Content-Length\" is no number, or several")),
        }
    }

    /// The fields in order.
    pub(super) fn into_list(self) -> Vec<(HeaderName, HeaderValue)> {
        self.list
    }
}

impl Length {
    fn and(self, value: &str) -> Self {
        // RFC 9110 §8.6: digits only.
        let is_number =
            (1..=18).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
        match (self, value.parse()) {
            (Self::Unsaid, Ok(length)) if is_number => Self::Is(length),
            (Self::Is(known), Ok(length)) if is_number && known == length => self,
            _ => Self::Unclear,
        }
    }
}
