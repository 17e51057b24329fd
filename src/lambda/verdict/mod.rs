//! What an authorizer's answer means. In: the payload that its function gave, and the name of
//! what is called. Out: a `Verdict`, and whether it allows the call. Wherever an answer may be
//! read in two ways, the way that denies is taken.
//! Knows nothing of how the function was invoked, nor for how long a verdict is kept.

mod arn;
mod matter;
mod policy;
mod strict;
#[cfg(test)]
mod tests;
mod wildcard;

use std::fmt;

use serde_json::{Map, Value};

use crate::config::{Authorizer, PayloadFormat};
use crate::lambda::answer::Malformed;
use crate::lambda::request::Context;

use policy::Policy;

pub use arn::method_arn;

/// What an authorizer said of a caller.
#[derive(Clone)]
pub struct Verdict {
    context: Context,
    ruling: Ruling,
}

#[derive(Clone)]
enum Ruling {
    /// Once for every method.
    Simple(bool),
    /// Method by method.
    Policy(Policy),
}

/// Whether a verdict allows a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// It does.
    Yes,
    /// It does not.
    Denied {
        /// Whether it says so, instead of saying nothing of the call.
        explicit: bool,
    },
}

/// The longest answer of an authorizer, in bytes.
pub(super) const MAX_BYTES: u64 = 64 * 1024;
/// The longest context, written as JSON.
const MAX_CONTEXT: usize = 16 * 1024;
/// A key that API Gateway keeps for the claims of a token.
const RESERVED: &str = "claims";

/// Reads the payload of an authorizer that did not fail.
///
/// # Errors
/// The payload is no answer of the authorizer's form ("Output from an API Gateway Lambda
/// authorizer", "Control access to HTTP APIs with AWS Lambda authorizers"), holds a key twice, or
/// is larger than 64 KiB, its policy than 16 KiB, its context than 16 KiB.
pub fn read(authorizer: &Authorizer, payload: &[u8]) -> Result<Verdict, Malformed> {
    let Value::Object(mut answer) = strict::read(payload)? else {
        return Err(Malformed("it is no object"));
    };
    let values = read_context(answer.remove("context"), authorizer.payload_format)?;
    let (ruling, principal_id) = read_ruling(authorizer.simple_responses, &answer)?;
    Ok(Verdict {
        context: Context {
            principal_id,
            values,
        },
        ruling,
    })
}

fn read_ruling(
    is_simple: bool,
    answer: &Map<String, Value>,
) -> Result<(Ruling, Option<String>), Malformed> {
    match (answer.get("isAuthorized"), answer.get("policyDocument")) {
        (Some(_), Some(_)) => Err(Malformed(
            "it holds both \"isAuthorized\" and \"policyDocument\"",
        )),
        (Some(Value::Bool(is_authorized)), None) if is_simple => {
            Ok((Ruling::Simple(*is_authorized), None))
        }
        (None, Some(document)) if !is_simple => {
            let policy = Policy::read(document)?;
            let principal = answer.get("principalId").and_then(Value::as_str);
            let principal = principal.ok_or(Malformed("\"principalId\" is no text"))?;
            Ok((Ruling::Policy(policy), Some(principal.to_owned())))
        }
        _ if is_simple => Err(Malformed("\"isAuthorized\" is neither true nor false")),
        _ => Err(Malformed("it has no \"policyDocument\"")),
    }
}

/// Whether the payload of a function that failed says "Unauthorized" and nothing more, which is
/// how authorizers refuse a caller whom they do not know.
pub fn is_unauthorized(payload: &[u8]) -> bool {
    let answer = strict::read(payload);
    answer.is_ok_and(|answer| answer.get("errorMessage") == Some(&Value::from("Unauthorized")))
}

impl Verdict {
    /// What upstreams may be told of the caller, if the call is allowed.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether there may be a call that it allows.
    pub fn allows_anything(&self) -> bool {
        match &self.ruling {
            Ruling::Simple(is_authorized) => *is_authorized,
            Ruling::Policy(policy) => policy.allows_anything(),
        }
    }

    /// Whether it allows to call what has this name, which [`method_arn`] makes.
    pub fn allows(&self, method_arn: &str) -> Allowed {
        match &self.ruling {
            Ruling::Simple(true) => Allowed::Yes,
            Ruling::Simple(false) => Allowed::Denied { explicit: true },
            Ruling::Policy(policy) => policy.allows(method_arn),
        }
    }
}

/// The context may hold what is nobody else's business.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ruling = match &self.ruling {
            Ruling::Simple(is_authorized) => format!("isAuthorized: {is_authorized}"),
            Ruling::Policy(_) => "a policy".to_owned(),
        };
        f.debug_tuple("Verdict").field(&ruling).finish()
    }
}

fn read_context(
    context: Option<Value>,
    format: PayloadFormat,
) -> Result<Map<String, Value>, Malformed> {
    let values = match context {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(values)) => values,
        Some(_) => return Err(Malformed("\"context\" is no object")),
    };
    if values.contains_key(RESERVED) {
        return Err(Malformed("\"context\" has the reserved key \"claims\""));
    }
    let is_plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    if format != PayloadFormat::V2 && !values.values().all(is_plain) {
        return Err(Malformed(
            "\"context\" holds what is no text, number or boolean",
        ));
    }
    match strict::is_within(&values, MAX_CONTEXT) {
        true => Ok(values),
        false => Err(Malformed("\"context\" is larger than 16 KiB")),
    }
}
