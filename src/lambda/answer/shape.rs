//! The shape of an answer as JSON. In: bytes, and which keys a form has. Out: the value of each,
//! as it stands in the bytes wherever it can; what is of the wrong kind is refused by its key.

mod values;

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use super::Malformed;

pub(super) use values::{List, Scalar, Status, Table, Text};

/// A part of an answer: `None` where it is absent, `Some(None)` where it is null.
pub(super) type Part<T> = Option<Option<T>>;

/// The parts of an answer.
#[derive(Default)]
pub(super) struct Shape<'a> {
    pub(super) status: Part<Status>,
    pub(super) single: Part<Table<'a, Scalar<'a>>>,
    pub(super) multi: Part<Table<'a, List<'a>>>,
    pub(super) cookies: Part<List<'a>>,
    pub(super) body: Part<Text<'a>>,
    pub(super) is_base64: Part<bool>,
    description: Part<Text<'a>>,
    /// Whether it has no key at all.
    pub(super) is_empty: bool,
}

/// A key that has a meaning.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Status,
    Description,
    Headers,
    MultiValueHeaders,
    Cookies,
    Body,
    IsBase64,
}

/// Which keys an answer has.
#[derive(Clone, Copy)]
pub(super) struct Form {
    pub(super) keys: &'static [Key],
    /// Whether others are passed over, instead of refused.
    pub(super) takes_other_keys: bool,
    /// Whether null is as good as absent.
    pub(super) takes_null: bool,
}

impl Key {
    fn name(self) -> &'static str {
        match self {
            Self::Status => "statusCode",
            Self::Description => "statusDescription",
            Self::Headers => "headers",
            Self::MultiValueHeaders => "multiValueHeaders",
            Self::Cookies => "cookies",
            Self::Body => "body",
            Self::IsBase64 => "isBase64Encoded",
        }
    }

    /// What is wrong when it cannot be read.
    fn fault(self) -> &'static str {
        match self {
            Self::Status => "\"statusCode\" is no number from 200 to 599, or there twice",
            Self::Description => "\"statusDescription\" is no text, or there twice",
            Self::Headers => {
                "\"headers\" is no object of at most 256 texts, or it or a name is there twice"
            }
            Self::MultiValueHeaders => {
                "\"multiValueHeaders\" is no object of at most 256 lists of texts, or it or a name is there twice"
            }
            Self::Cookies => "\"cookies\" is no list of at most 256 texts, or there twice",
            Self::Body => "\"body\" is no text, or there twice",
            Self::IsBase64 => "\"isBase64Encoded\" is neither true nor false, or there twice",
        }
    }
}

/// Reads an object of this form.
pub(super) fn read<'a>(payload: &'a [u8], form: &Form) -> Result<Shape<'a>, Malformed> {
    let fault = Cell::new("it is no object");
    let mut json = serde_json::Deserializer::from_slice(payload);
    let reader = Reader {
        form,
        fault: &fault,
    };
    let read = reader.deserialize(&mut json);
    let shape = read.map_err(|error| match error.classify() {
        Category::Data => Malformed(fault.get()),
        _ => NO_JSON,
    })?;
    json.end().map_err(|_| NO_JSON)?;
    if shape.description.as_ref().is_some_and(is_no_description) {
        return Err(Malformed("\"statusDescription\" is not like \"200 OK\""));
    }
    Ok(shape)
}

const NO_JSON: Malformed = Malformed("it is no JSON");

/// A status and a phrase with one space between; empty is what AWS's library for Go writes when
/// there is none.
fn is_no_description(text: &Option<Text<'_>>) -> bool {
    let text = text.as_ref().map_or("", |text| &text.0);
    let (status, phrase) = text.split_once(' ').unwrap_or((text, ""));
    let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    !text.is_empty() && (!is_status || phrase.is_empty() || phrase.starts_with(' '))
}

/// Reads a `Shape`, and notes what it is about to read, so that a mistake can be named.
struct Reader<'r> {
    form: &'r Form,
    fault: &'r Cell<&'static str>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Shape<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Shape<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Shape<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape<'de>, A::Error> {
        let mut shape = Shape {
            is_empty: true,
            ..Shape::default()
        };
        while let Some(Text(name)) = map.next_key()? {
            shape.is_empty = false;
            let key = self.form.keys.iter().find(|key| key.name() == name);
            match key {
                Some(key) => {
                    self.fault.set(key.fault());
                    shape.take(*key, self.form.takes_null, &mut map)?;
                }
                None if self.form.takes_other_keys => {
                    map.next_value::<IgnoredAny>()?;
                }
                None => {
                    self.fault.set("it has a key that its form does not know");
                    return Err(A::Error::custom("an unknown key"));
                }
            }
        }
        Ok(shape)
    }
}

impl<'de> Shape<'de> {
    fn take<A: MapAccess<'de>>(
        &mut self,
        key: Key,
        null: bool,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            Key::Status => once(&mut self.status, null, map),
            Key::Description => once(&mut self.description, null, map),
            Key::Headers => once(&mut self.single, null, map),
            Key::MultiValueHeaders => once(&mut self.multi, null, map),
            Key::Cookies => once(&mut self.cookies, null, map),
            Key::Body => once(&mut self.body, null, map),
            Key::IsBase64 => once(&mut self.is_base64, null, map),
        }
    }
}

fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    part: &mut Part<T>,
    takes_null: bool,
    map: &mut A,
) -> Result<(), A::Error> {
    if part.is_some() {
        return Err(A::Error::custom("a key twice"));
    }
    let value = map.next_value::<Option<T>>()?;
    if value.is_none() && !takes_null {
        return Err(A::Error::custom("null"));
    }
    *part = Some(value);
    Ok(())
}

/// What a payload of the form 2.0 is.
pub(super) enum Glance<'a> {
    /// An object with a status.
    Explicit,
    /// An object without one, and with an `errorMessage`.
    Error,
    /// A text.
    Text(Cow<'a, str>),
    /// Any other JSON.
    Other,
}

/// Tells what a payload is, reading no further than needed.
pub(super) fn glance(payload: &[u8]) -> Result<Glance<'_>, Malformed> {
    let explicit = Cell::new(false);
    let mut json = serde_json::Deserializer::from_slice(payload);
    let glance = json.deserialize_any(Glancer(&explicit));
    if explicit.get() {
        return Ok(Glance::Explicit);
    }
    let glance = glance.map_err(|_| NO_JSON)?;
    json.end().map_err(|_| NO_JSON)?;
    // What is passed over unread may be no text.
    match std::str::from_utf8(payload) {
        Ok(_) => Ok(glance),
        Err(_) => Err(NO_JSON),
    }
}

/// Ends with an error at a status, which it notes.
struct Glancer<'g>(&'g Cell<bool>);

impl<'de> Visitor<'de> for Glancer<'_> {
    type Value = Glance<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glance<'de>, A::Error> {
        let mut glance = Glance::Other;
        while let Some(Text(name)) = map.next_key()? {
            match &*name {
                "statusCode" => {
                    self.0.set(true);
                    return Err(A::Error::custom("enough is known"));
                }
                "errorMessage" => glance = Glance::Error,
                _ => {}
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(glance)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Glance<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Glance::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Glance<'de>, E> {
        Ok(Glance::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Glance<'de>, E> {
        Ok(Glance::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Glance<'de>, E> {
        Ok(Glance::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Glance<'de>, E> {
        Ok(Glance::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Glance<'de>, E> {
        Ok(Glance::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Glance<'de>, E> {
        Ok(Glance::Other)
    }

    fn visit_unit<E>(self) -> Result<Glance<'de>, E> {
        Ok(Glance::Other)
    }
}
