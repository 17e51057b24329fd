//! The fields of a request that is to be signed. In: names and values as text. Out: what the
//! schemes read fields from, or why one is no field.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::outcome::SignError;

/// All `fields`, in order.
pub(super) fn header_map<'f>(
    fields: impl IntoIterator<Item = &'f (String, String)>,
) -> Result<HeaderMap, SignError> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| SignError("a field's name is no token"))?;
        let value = HeaderValue::from_str(value);
        let value = value.map_err(|_| SignError("a field's value is not text"))?;
        headers.append(name, value);
    }
    Ok(headers)
}
