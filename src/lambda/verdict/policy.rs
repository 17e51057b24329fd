//! An IAM policy as authorizers write it ("IAM JSON policy element reference"). In: JSON, then the
//! ARN of a method. Out: whether it may be invoked.
//! What may narrow a statement and is not judged here, a condition above all, takes the force of
//! an Allow and adds to that of a Deny.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::lambda::answer::Malformed;

use super::Allowed;
use super::arn::spellings;
use super::matter::{Element, Matter};
use super::strict;

/// What every call does.
const INVOKE: &[u8] = b"execute-api:invoke";
/// The longest policy, written as JSON.
const MAX_POLICY: usize = 16 * 1024;
/// The longest name of a resource ("Quotas for configuring and running a REST API").
const MAX_RESOURCE: usize = 512;

/// Statements in order.
#[derive(Clone)]
pub(super) struct Policy(Vec<Statement>);

#[derive(Clone)]
struct Statement {
    denies: bool,
    actions: Matter,
    resources: Matter,
}

impl Policy {
    /// Reads a policy document.
    pub(super) fn read(document: &Value) -> Result<Self, Malformed> {
        let Value::Object(document) = document else {
            return Err(Malformed("\"policyDocument\" is no object"));
        };
        if !strict::is_within(document, MAX_POLICY) {
            return Err(Malformed("\"policyDocument\" is larger than 16 KiB"));
        }
        check_keys(document)?;
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => return Err(Malformed("\"Statement\" is no list of statements")),
        };
        let statements = statements.iter().map(read_statement);
        let statements: Result<Vec<_>, _> = statements.collect();
        Ok(Self(statements?.into_iter().flatten().collect()))
    }

    /// Whether there is an Allow at all.
    pub(super) fn allows_anything(&self) -> bool {
        self.0.iter().any(|statement| !statement.denies)
    }

    /// Whether a method may be invoked: any Deny ends it, an Allow is needed.
    pub(super) fn allows(&self, method_arn: &str) -> Allowed {
        let action = [Cow::Borrowed(INVOKE)];
        let resource = spellings(method_arn);
        let is_about =
            |one: &&Statement| one.actions.holds(&action) && one.resources.holds(&resource);
        let (mut allowed, mut explicit) = (false, false);
        for statement in self.0.iter().filter(is_about) {
            match statement.denies {
                true => explicit = true,
                false => allowed = true,
            }
        }
        match allowed && !explicit {
            true => Allowed::Yes,
            false => Allowed::Denied { explicit },
        }
    }
}

fn check_keys(document: &Map<String, Value>) -> Result<(), Malformed> {
    // A "statement" that is not read may be a Deny.
    let is_known = |(key, value): (&String, &Value)| match key.as_str() {
        "Statement" | "Id" => true,
        "Version" => value == "2012-10-17" || value == "2008-10-17",
        _ => false,
    };
    match document.iter().all(is_known) {
        true => Ok(()),
        false => Err(Malformed(
            "\"policyDocument\" has an unknown key or \"Version\"",
        )),
    }
}

/// Reads a statement; `None` for an Allow that allows nothing.
fn read_statement(statement: &Value) -> Result<Option<Statement>, Malformed> {
    let Value::Object(statement) = statement else {
        return Err(Malformed("a statement is no object"));
    };
    let denies = match statement.get("Effect").and_then(Value::as_str) {
        Some("Deny") => true,
        Some("Allow") => false,
        _ => return Err(Malformed("\"Effect\" is neither \"Allow\" nor \"Deny\"")),
    };
    let actions = Element::read(statement, ["Action", "NotAction"], is_action)?;
    let resources = Element::read(statement, ["Resource", "NotResource"], is_resource)?;
    let has_variables = actions.has_variables() || resources.has_variables();
    if !denies && (has_variables || !statement.iter().all(is_judged)) {
        return Ok(None);
    }
    Ok(Some(Statement {
        denies,
        // Actions do not differ by case.
        actions: actions.lower_case().into_matter(denies),
        resources: resources.into_matter(denies),
    }))
}

/// Whether an element is taken into account.
fn is_judged((key, value): (&String, &Value)) -> bool {
    match key.as_str() {
        "Sid" | "Effect" | "Action" | "NotAction" | "Resource" | "NotResource" => true,
        "Condition" => value.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

fn is_action(text: &str) -> bool {
    text == "*" || text.contains(':')
}

fn is_resource(text: &str) -> bool {
    text == "*" || text.starts_with("arn:") && text.len() <= MAX_RESOURCE
}
