//! Who calls, as events tell it where they tell what an authorizer said: the consumer, which is
//! the gateway's own word, and beside it the word of an authorizer, which never takes its place.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::lambda::request::Request;

/// How the values of an authorizer are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// As text, whatever they are: REST APIs know no other.
    Text,
    /// As the authorizer gave them.
    AsTheyAre,
}

/// Who calls.
pub(super) struct Caller<'a> {
    request: &'a Request<'a>,
    /// Whether who calls is told as a principal too.
    with_principal: bool,
    values: Values,
}

impl<'a> Caller<'a> {
    /// `None` when nobody said who calls.
    pub(super) fn of(
        request: &'a Request<'a>,
        with_principal: bool,
        values: Values,
    ) -> Option<Self> {
        let is_known = request.consumer.is_some() || request.context.is_some();
        is_known.then_some(Self {
            request,
            with_principal,
            values,
        })
    }

    /// Whether there is anything to tell: an authorizer may let a caller pass without a word.
    pub(super) fn is_told(&self) -> bool {
        self.request.consumer.is_some() || self.said().next().is_some()
    }

    fn principal(&self) -> Option<&str> {
        let context = self.request.context;
        let said = context.and_then(|context| context.principal_id.as_deref());
        said.or(self.request.consumer)
            .filter(|_| self.with_principal)
    }

    fn said(&self) -> impl Iterator<Item = (&String, &Value)> {
        let values = self
            .request
            .context
            .iter()
            .flat_map(|context| &context.values);
        values.filter(|(name, _)| *name != CONSUMER && (*name != PRINCIPAL || !self.with_principal))
    }
}

const CONSUMER: &str = "consumer";
const PRINCIPAL: &str = "principalId";

impl Serialize for Caller<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(principal) = self.principal() {
            map.serialize_entry(PRINCIPAL, principal)?;
        }
        if let Some(consumer) = self.request.consumer {
            map.serialize_entry(CONSUMER, consumer)?;
        }
        for (name, value) in self.said() {
            match (self.values, value) {
                (
                    Values::Text,
                    Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_),
                ) => {
                    map.serialize_entry(name, &Text(value))?;
                }
                _ => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

struct Text<'a>(&'a Value);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
