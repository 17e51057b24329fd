//! Structured fields (RFC 8941), serialised strictly: what `sf` and `key` put into a signature
//! base (RFC 9421 §2.1.1, §2.1.2). In: a field's text. Out: its one canonical spelling.
//! Names that are there twice are refused, though RFC 8941 lets the last win: the signature
//! would cover one and a careless server read the other.

use std::fmt;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, ItemSerializer, KeyRef, Parser, StringRef, Version};

/// More names in one place are refused: looking for a twin costs their square.
const MAX_NAMES: usize = 128;

/// The types of RFC 8941 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dictionary,
    Item,
    List,
}

/// The fields of requests whose type is known (IANA's "HTTP Field Name Registry", the column
/// "Structured Type").
const KINDS: [(&str, Kind); 32] = [
    ("accept-ch", Kind::List),
    ("accept-signature", Kind::Dictionary),
    ("available-dictionary", Kind::Item),
    ("cache-status", Kind::List),
    ("capsule-protocol", Kind::Item),
    ("cdn-cache-control", Kind::Dictionary),
    ("client-cert", Kind::Item),
    ("client-cert-chain", Kind::List),
    ("content-digest", Kind::Dictionary),
    ("dictionary-id", Kind::Item),
    ("idempotency-key", Kind::Item),
    ("incremental", Kind::Item),
    ("priority", Kind::Dictionary),
    ("proxy-status", Kind::List),
    ("repr-digest", Kind::Dictionary),
    ("sec-ch-ua", Kind::List),
    ("sec-ch-ua-arch", Kind::Item),
    ("sec-ch-ua-bitness", Kind::Item),
    ("sec-ch-ua-full-version-list", Kind::List),
    ("sec-ch-ua-mobile", Kind::Item),
    ("sec-ch-ua-model", Kind::Item),
    ("sec-ch-ua-platform", Kind::Item),
    ("sec-ch-ua-platform-version", Kind::Item),
    ("sec-fetch-dest", Kind::Item),
    ("sec-fetch-mode", Kind::Item),
    ("sec-fetch-site", Kind::Item),
    ("sec-fetch-user", Kind::Item),
    ("sec-gpc", Kind::Item),
    ("signature", Kind::Dictionary),
    ("signature-input", Kind::Dictionary),
    ("want-content-digest", Kind::Dictionary),
    ("want-repr-digest", Kind::Dictionary),
];

/// The type of a field; `None` when it is not known.
pub(super) fn kind_of(field: &str) -> Option<Kind> {
    KINDS
        .iter()
        .find_map(|(name, kind)| (*name == field).then_some(*kind))
}

/// A parser of `text`, by RFC 8941: its dates and display strings came after RFC 9421.
pub(super) fn parser(text: &str) -> Parser<'_> {
    Parser::new(text).with_version(Version::Rfc8941)
}

/// Writes the whole field (RFC 9421 §2.1.1).
pub(super) fn write_field(out: &mut String, kind: Kind, text: &str) -> Result<(), &'static str> {
    let start = out.len();
    let parsed = match kind {
        Kind::Item => parser(text).parse_item_with_visitor(Value::new(out)),
        Kind::List => parser(text).parse_list_with_visitor(&mut Members::new(out, None)),
        Kind::Dictionary => {
            parser(text).parse_dictionary_with_visitor(&mut Members::new(out, None))
        }
    };
    match parsed {
        Ok(()) if out.len() > start => Ok(()),
        Ok(()) => Err("a field with `sf` is empty"),
        Err(_) => Err("a field with `sf` is not of its type, or repeats a name"),
    }
}

/// Writes the value of the member `key` of a dictionary (RFC 9421 §2.1.2).
pub(super) fn write_member(out: &mut String, text: &str, key: &str) -> Result<(), &'static str> {
    let mut members = Members::new(out, Some(key));
    let parsed = parser(text).parse_dictionary_with_visitor(&mut members);
    let found = members.found;
    match (parsed, found) {
        (Ok(()), true) => Ok(()),
        (Ok(()), false) => Err("a dictionary has no member `key`"),
        (Err(_), _) => Err("a field with `key` is no dictionary, or repeats a name"),
    }
}

/// Writes a bare item (RFC 8941 §4.1.3.1).
pub(super) fn write_bare(out: &mut String, item: &BareItemFromInput<'_>) {
    let _out = ItemSerializer::with_buffer(out).bare_item(item).finish();
}

/// Writes a String; `text` is printable ASCII.
pub(super) fn write_string(out: &mut String, text: &str) {
    if let Ok(text) = StringRef::from_str(text) {
        let _out = ItemSerializer::with_buffer(out).bare_item(text).finish();
    }
}

/// Why parsing stops, when it is not for the syntax.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop(pub &'static str);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Stop {}

/// Names that may be there once each.
#[derive(Default)]
pub(super) struct Names<'de>(Vec<&'de str>);

impl<'de> Names<'de> {
    pub(super) fn add(&mut self, name: &'de KeyRef) -> Result<(), Stop> {
        let name = name.as_str();
        if self.0.len() == MAX_NAMES {
            return Err(Stop("too many names"));
        }
        if self.0.contains(&name) {
            return Err(Stop("a name is there twice"));
        }
        self.0.push(name);
        Ok(())
    }
}

/// Writes the members of a list or dictionary: all, or the value of one.
struct Members<'out, 'de, 'k> {
    out: &'out mut String,
    /// Where the values go that nobody asked for.
    unwanted: String,
    wanted: Option<&'k str>,
    found: bool,
    names: Names<'de>,
    first: bool,
}

impl<'out, 'k> Members<'out, '_, 'k> {
    fn new(out: &'out mut String, wanted: Option<&'k str>) -> Self {
        Self {
            out,
            unwanted: String::new(),
            wanted,
            found: false,
            names: Names::default(),
            first: true,
        }
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push_str(", ");
        }
    }
}

impl<'de> DictionaryVisitor<'de> for Members<'_, 'de, '_> {
    type Error = Stop;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Stop> {
        self.names.add(key)?;
        match self.wanted {
            None => {
                self.separate();
                self.out.push_str(key.as_str());
                Ok(Value {
                    out: self.out,
                    behind_key: true,
                })
            }
            Some(wanted) if wanted == key.as_str() => {
                self.found = true;
                Ok(Value::new(self.out))
            }
            Some(_) => {
                self.unwanted.clear();
                Ok(Value::new(&mut self.unwanted))
            }
        }
    }
}

impl<'de> ListVisitor<'de> for Members<'_, '_, '_> {
    type Error = Stop;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Stop> {
        self.separate();
        Ok(Value::new(self.out))
    }
}

/// Writes an item or an inner list with its parameters.
struct Value<'out> {
    out: &'out mut String,
    /// Whether a key stands before it: then a bare `?1` is left out (RFC 8941 §4.1.2).
    behind_key: bool,
}

impl<'out> Value<'out> {
    fn new(out: &'out mut String) -> Self {
        Self {
            out,
            behind_key: false,
        }
    }
}

impl<'de> ItemVisitor<'de> for Value<'_> {
    type Error = Stop;

    fn bare_item(self, item: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de>, Stop> {
        let left_out = self.behind_key && item.as_boolean() == Some(true);
        if !left_out {
            if self.behind_key {
                self.out.push('=');
            }
            write_bare(self.out, &item);
        }
        Ok(Parameters::new(self.out))
    }
}

impl<'de> EntryVisitor<'de> for Value<'_> {
    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Stop> {
        if self.behind_key {
            self.out.push('=');
        }
        self.out.push('(');
        Ok(InnerList {
            out: self.out,
            first: true,
        })
    }
}

struct InnerList<'out> {
    out: &'out mut String,
    first: bool,
}

impl<'de> InnerListVisitor<'de> for InnerList<'_> {
    type Error = Stop;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Stop> {
        if !std::mem::take(&mut self.first) {
            self.out.push(' ');
        }
        Ok(Value::new(self.out))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Stop> {
        self.out.push(')');
        Ok(Parameters::new(self.out))
    }
}

struct Parameters<'out, 'de> {
    out: &'out mut String,
    names: Names<'de>,
}

impl<'out> Parameters<'out, '_> {
    fn new(out: &'out mut String) -> Self {
        Self {
            out,
            names: Names::default(),
        }
    }
}

impl<'de> ParameterVisitor<'de> for Parameters<'_, 'de> {
    type Error = Stop;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), Stop> {
        self.names.add(key)?;
        write_parameter(self.out, key, &value);
        Ok(())
    }
}

/// Writes a parameter (RFC 8941 §4.1.1.2).
pub(super) fn write_parameter(out: &mut String, key: &KeyRef, value: &BareItemFromInput<'_>) {
    out.push(';');
    out.push_str(key.as_str());
    if value.as_boolean() != Some(true) {
        out.push('=');
        write_bare(out, value);
    }
}
