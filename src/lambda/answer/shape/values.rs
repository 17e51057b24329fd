//! The kinds of value that answers are made of. In: JSON. Out: texts and lists of them, bounded as
//! fields are.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use http::StatusCode;
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::lambda::answer::fields::{MAX_BYTES, MAX_FIELDS};

/// A text, which stands in the payload unless it is written with escapes there.
pub(in crate::lambda::answer) struct Text<'a>(pub(in crate::lambda::answer) Cow<'a, str>);

/// A text, or what is one to a field: a boolean or a number.
pub(in crate::lambda::answer) struct Scalar<'a>(pub(in crate::lambda::answer) Cow<'a, str>);

/// Scalars, at most as many as fields.
#[derive(Default)]
pub(in crate::lambda::answer) struct List<'a>(pub(in crate::lambda::answer) Vec<Cow<'a, str>>);

/// Values by names, each once, at most as many as fields.
pub(in crate::lambda::answer) struct Table<'a, V>(
    pub(in crate::lambda::answer) Vec<(Cow<'a, str>, V)>,
);

/// A status from 200 to 599: a number, or its three digits as a text.
pub(in crate::lambda::answer) struct Status(pub(in crate::lambda::answer) StatusCode);

impl<V> Default for Table<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Texts)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalars)
    }
}

struct Scalars;

impl<'de> Visitor<'de> for Scalars {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a boolean or a number")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar(Cow::Borrowed(if value { "true" } else { "false" })))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar<'de>, E> {
        Ok(Scalar(Cow::Owned(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar(Cow::Owned(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scalar<'de>, E> {
        // As JSON writes it: 1.0 stays 1.0.
        let text = serde_json::Value::from(value).to_string();
        Ok(Scalar(Cow::Owned(text)))
    }
}

impl<'de> Deserialize<'de> for List<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists;
        impl<'de> Visitor<'de> for Lists {
            type Value = List<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<'de>, A::Error> {
                let mut list = Vec::new();
                while let Some(Scalar(text)) = seq.next_element()? {
                    if list.len() == MAX_FIELDS {
                        return Err(A::Error::custom("too many"));
                    }
                    list.push(text);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_seq(Lists)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Table<'de, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Tables(PhantomData))
    }
}

struct Tables<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Tables<V> {
    type Value = Table<'de, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table<'de, V>, A::Error> {
        let mut table: Vec<(Cow<'de, str>, V)> = Vec::new();
        let mut bytes = 0;
        while let Some(Text(name)) = map.next_key()? {
            bytes += name.len();
            if table.len() == MAX_FIELDS || bytes > MAX_BYTES {
                return Err(A::Error::custom("too many"));
            }
            if table.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name twice"));
            }
            table.push((name, map.next_value()?));
        }
        Ok(Table(table))
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Statuses)
    }
}

struct Statuses;

impl Visitor<'_> for Statuses {
    type Value = Status;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Status, E> {
        // 1xx does not end a request, and what lies above 599 is no status (RFC 9110 §15).
        let status = (200..=599).contains(&value).then_some(value as u16);
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let wrong = || E::invalid_value(Unexpected::Unsigned(value), &self);
        status.map(Status).ok_or_else(wrong)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Status, E> {
        let is_status = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(value) if is_status => self.visit_u64(value),
            _ => Err(E::custom("no status")),
        }
    }
}
