//! A covered component's identifier: a name and parameters (RFC 9421 §2). In: what stands in
//! an inner list of Signature-Input. Out: a `Component`, or what makes it none for a request.
//! Knows nothing of requests; the values are found in `base`.

use std::borrow::Cow;
use std::ops::Range;

use sfv::{BareItemFromInput, KeyRef, StringRef};

/// A covered component. Two are equal when only the order of their parameters differs (§2).
#[derive(Clone, Debug, Default)]
pub(super) struct Component<'a> {
    /// The name, `@` and all.
    pub name: Cow<'a, str>,
    /// Strict serialisation of a structured field (§2.1.1).
    pub sf: bool,
    /// Each line as a byte sequence (§2.1.3).
    pub bs: bool,
    /// A member of a dictionary (§2.1.2).
    pub key: Option<Cow<'a, str>>,
    /// A query parameter (§2.2.8).
    pub query_param: Option<Cow<'a, str>>,
    /// Where the identifier stands in the list's text.
    pub identifier: Range<usize>,
}

impl PartialEq for Component<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && (self.sf, self.bs) == (other.sf, other.bs)
            && self.key == other.key
            && self.query_param == other.query_param
    }
}

/// The derived components of a request (§2.2) but `@query-param`, which takes a parameter.
const DERIVED: [&str; 7] = [
    "@authority",
    "@method",
    "@path",
    "@query",
    "@request-target",
    "@scheme",
    "@target-uri",
];
pub(super) const QUERY_PARAM: &str = "@query-param";

impl<'a> Component<'a> {
    pub(super) fn new(name: Cow<'a, str>) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Whether it is the component called `name`, whole: `"content-digest";key="sha-256"` is
    /// not `content-digest`.
    pub(super) fn is_plain(&self, name: &str) -> bool {
        *self == Component::new(Cow::Borrowed(name))
    }

    /// Takes a parameter in.
    pub(super) fn add(
        &mut self,
        key: &KeyRef,
        value: &BareItemFromInput<'a>,
    ) -> Result<(), &'static str> {
        match key.as_str() {
            "sf" => flag(&mut self.sf, value),
            "bs" => flag(&mut self.bs, value),
            "key" => string(&mut self.key, value),
            "name" => string(&mut self.query_param, value),
            "req" => Err("`req` is for responses"),
            "tr" => Err("trailers are not covered by a signature that is checked before them"),
            _ => Err("a component has an unknown parameter"),
        }
    }

    /// What makes the component impossible in a request.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let derived = self.name.starts_with('@');
        let of_fields = self.sf || self.bs || self.key.is_some();
        match &*self.name {
            "" => Some("a component has no name"),
            name if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Some("a component's name is not in lower case")
            }
            "@signature-params" => Some("@signature-params cannot cover itself"),
            "@status" => Some("@status is for responses"),
            QUERY_PARAM if self.query_param.is_none() => Some("@query-param has no name"),
            QUERY_PARAM => of_fields.then_some(MISPLACED),
            name if derived && !DERIVED.contains(&name) => Some("a derived component is unknown"),
            _ if self.query_param.is_some() || (derived && of_fields) => Some(MISPLACED),
            _ if self.bs && (self.sf || self.key.is_some()) => {
                Some("`bs` does not go with `sf` or `key`")
            }
            _ => None,
        }
    }
}

const MISPLACED: &str = "a parameter does not apply to its component";
const TWICE: &str = "a component has a parameter twice";

fn flag(slot: &mut bool, value: &BareItemFromInput<'_>) -> Result<(), &'static str> {
    match value.as_boolean() {
        Some(true) if *slot => Err(TWICE),
        Some(true) => {
            *slot = true;
            Ok(())
        }
        _ => Err("a component's flag has a value"),
    }
}

/// Takes a String in, once.
pub(super) fn string<'a>(
    slot: &mut Option<Cow<'a, str>>,
    value: &BareItemFromInput<'a>,
) -> Result<(), &'static str> {
    let BareItemFromInput::String(text) = value else {
        return Err("a parameter is not a String");
    };
    match slot.replace(text_of(text.clone())) {
        None => Ok(()),
        Some(_) => Err("a parameter is there twice"),
    }
}

/// The text of a String.
pub(super) fn text_of(text: Cow<'_, StringRef>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_str()),
        Cow::Owned(text) => Cow::Owned(text.into()),
    }
}
