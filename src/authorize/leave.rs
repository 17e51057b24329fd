//! What an authorizer gives who lets a call pass: who the caller is to it, and the fields in
//! which an upstream is told.

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use crate::lambda::Context;

/// The leave of an authorizer. Only a function's answer makes one.
#[derive(Debug)]
pub struct Leave {
    context: Context,
    fields: Vec<(HeaderName, HeaderValue)>,
}

const PRINCIPAL: &str = "principalId";

impl Leave {
    /// The leave with this context, of which an upstream is told these keys under these names.
    ///
    /// # Errors
    /// A value is none that a field can hold.
    pub(super) fn new(
        context: &Context,
        told: &[(HeaderName, String)],
    ) -> Result<Self, &'static str> {
        const UNFIT: &str = "a context value is no value of a field";
        let mut fields = Vec::new();
        for (name, key) in told {
            let text = match (key.as_str(), context.values.get(key)) {
                (PRINCIPAL, _) => context.principal_id.clone(),
                (_, None | Some(Value::Null)) => None,
                (_, Some(Value::String(text))) => Some(text.clone()),
                (_, Some(other)) => Some(other.to_string()),
            };
            if let Some(text) = text {
                let value = HeaderValue::from_str(&text).map_err(|_| UNFIT)?;
                fields.push((name.clone(), value));
            }
        }
        Ok(Self {
            context: context.clone(),
            fields,
        })
    }

    /// What the authorizer said.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The fields in which an upstream is told.
    pub fn fields(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }
}
