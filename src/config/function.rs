//! The keys that name a function of AWS Lambda and bound its invocation: in an integration of the
//! type `lambda`, and in an authorizer.

use std::time::Duration;

use crate::config::Stage;
use crate::config::endpoint;
use crate::document::{Placed, Table};
use crate::problem::suggestion;

/// A function, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its name or ARN, with stage variables put in.
    pub name: String,
    /// A version or alias, unless the name has one.
    pub qualifier: Option<String>,
    /// Its region.
    pub region: String,
    /// Where Lambda answers; AWS's own place unless given.
    pub endpoint: Option<String>,
    /// The longest wait for a connection to Lambda, TLS included.
    pub connect_timeout: Duration,
    /// The longest wait for the whole answer; `None` for none.
    pub timeout: Option<Duration>,
    /// Invocations at once.
    pub max_concurrency: usize,
    /// The largest event, and the largest answer that is not streamed, in bytes.
    pub max_payload_bytes: u64,
}

/// How large and how slow an invocation may be where the configuration does not say.
pub(super) struct Defaults {
    pub(super) timeout: Option<Duration>,
    pub(super) longest: Duration,
    pub(super) max_payload_bytes: u64,
}

/// The longest that a function runs ("Lambda quotas").
pub(super) const LONGEST: Duration = Duration::from_secs(900);
/// API Gateway's own default ("Quotas for configuring and running a REST API").
pub(super) const USUAL: Duration = Duration::from_secs(29);
/// What Lambda takes and gives in an invocation that is waited for ("Lambda quotas", 6 MB).
pub(super) const MAX_PAYLOAD: u64 = 6 * 1024 * 1024;
/// What it takes in one that is not (1 MB).
pub(super) const MAX_EVENT: u64 = 1024 * 1024;
const MAX_CONCURRENCY: usize = 10_000;

/// Reads the keys of a function.
pub(super) fn read(table: &mut Table<'_>, stage: &Stage, defaults: &Defaults) -> Function {
    let name = table
        .need("function", "write the name or the ARN of the function")
        .text("function");
    let name = name.map(|name| read_name(table, stage, name));
    let name = name.unwrap_or_default();
    let connect = table.integer("connect_timeout_ms", 1..=60_000);
    let timeout = table.integer("timeout_ms", 50..=defaults.longest.as_millis() as u64);
    Function {
        qualifier: read_qualifier(table, &name),
        region: read_region(table, &name),
        endpoint: endpoint::read(table),
        connect_timeout: Duration::from_millis(connect.unwrap_or(2_000)),
        timeout: timeout.map(Duration::from_millis).or(defaults.timeout),
        max_concurrency: table
            .integer("max_concurrency", 1..=MAX_CONCURRENCY)
            .unwrap_or(100),
        max_payload_bytes: table
            .integer("max_payload_bytes", 1024..=defaults.max_payload_bytes)
            .unwrap_or(defaults.max_payload_bytes),
        name,
    }
}

fn read_name(table: &Table<'_>, stage: &Stage, name: Placed<String>) -> String {
    let document = table.document();
    let Placed { value, line } = name;
    let name = match with_variables(&value, stage) {
        Ok(name) => name,
        Err(missing) => {
            let known = stage.variables.iter().map(|(name, _)| name.as_str());
            let text = format!(
                "function \"{value}\" names the stage variable \"{missing}\", which [stage] does not have{}",
                suggestion(&missing, known)
            );
            document.note(line, text);
            return value;
        }
    };
    if !is_function(&name) {
        let text = format!(
            "function \"{name}\" is no name of a function; write \"orders\", \"orders:live\" or an ARN such as \"arn:aws:lambda:us-west-2:123456789012:function:orders\""
        );
        document.note(line, text);
    }
    name
}

/// Puts values in the place of `${stageVariables.name}`; hands back the one that is missing. What
/// has no `}` stays as it is, and is no name of a function.
fn with_variables(text: &str, stage: &Stage) -> Result<String, String> {
    const OPENS: &str = "${stageVariables.";
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPENS) {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        out.push_str(stage.variable(name).ok_or(name)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A name, a part of an ARN or an ARN, each perhaps with a qualifier (AWS Lambda API Reference,
/// "Invoke").
fn is_function(text: &str) -> bool {
    let named = |parts: &[&str]| match parts {
        [name] => is_word(name, 64),
        [name, version] => is_word(name, 64) && is_qualifier(version),
        _ => false,
    };
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [
            "arn",
            partition,
            "lambda",
            region,
            id,
            "function",
            rest @ ..,
        ] => {
            partition.starts_with("aws")
                && is_word(partition, 32)
                && is_region(region)
                && account(id)
                && named(rest)
        }
        [id, "function", rest @ ..] if account(id) => named(rest),
        all => named(all),
    }
}

fn is_word(word: &str, most: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !word.is_empty() && word.len() <= most && word.bytes().all(plain)
}

fn is_qualifier(text: &str) -> bool {
    text == "$LATEST" || is_word(text, 128)
}

/// What a host name may be made of: it is a part of Lambda's.
fn is_region(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

fn read_qualifier(table: &mut Table<'_>, name: &str) -> Option<String> {
    let given = table.text("qualifier")?;
    let unqualified = match name.starts_with("arn:") {
        true => name.split(':').count() == 7,
        false => {
            !name.contains(':')
                || name.split(':').nth(1) == Some("function") && name.split(':').count() == 3
        }
    };
    let problem = if !is_qualifier(&given.value) {
        "is no version or alias; write \"live\", \"7\" or \"$LATEST\""
    } else if !unqualified && !name.is_empty() {
        "is given beside the one in \"function\"; keep one"
    } else {
        return Some(given.value);
    };
    let text = format!("qualifier \"{}\" {problem}", given.value);
    table.document().note(given.line, text);
    None
}

/// The region of the key, or that of the ARN.
fn read_region(table: &mut Table<'_>, name: &str) -> String {
    let in_arn = name
        .strip_prefix("arn:")
        .and_then(|rest| rest.split(':').nth(2));
    let (line, is_given) = (table.line_of("region"), table.has("region"));
    match (table.text("region"), in_arn) {
        (Some(given), Some(region)) if given.value != region => {
            let text = format!(
                "region \"{}\" is not the one of the function's ARN; leave it out",
                given.value
            );
            table.document().note(line, text);
            given.value
        }
        (Some(given), _) => {
            if !is_region(&given.value) {
                let text = format!(
                    "region \"{}\" is no region of AWS, such as \"us-west-2\"",
                    given.value
                );
                table.document().note(line, text);
            }
            given.value
        }
        (None, Some(region)) => region.to_owned(),
        // It is given, and has been noted.
        (None, None) if is_given => String::new(),
        (None, None) => {
            table.need(
                "region",
                "write the function's region, or its ARN in \"function\"",
            );
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_of_functions_are_known_from_other_words() {
        for good in [
            "orders",
            "orders:live",
            "orders:$LATEST",
            "123456789012:function:orders",
            "123456789012:function:orders:7",
            "arn:aws:lambda:us-west-2:123456789012:function:orders",
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:orders:live",
        ] {
            assert!(is_function(good), "{good}");
        }
        for bad in [
            "",
            "a b",
            "orders/../x",
            "orders:",
            "orders:live:x",
            "arn:aws:lambda:us-west-2:1:function:orders",
            "arn:aws:s3:us-west-2:123456789012:function:orders",
            "arn:aws:lambda:us-west-2:123456789012:function",
            "arn:aws:lambda:US_WEST:123456789012:function:orders",
        ] {
            assert!(!is_function(bad), "{bad}");
        }
    }

    #[test]
    fn stage_variables_are_put_into_names() {
        let stage = Stage {
            variables: vec![("alias".to_owned(), "live".to_owned())],
            ..Stage::default()
        };
        let put = |text| with_variables(text, &stage);
        assert_eq!(
            put("orders:${stageVariables.alias}"),
            Ok("orders:live".to_owned())
        );
        assert_eq!(put("orders"), Ok("orders".to_owned()));
        assert_eq!(put("${stageVariables.table}"), Err("table".to_owned()));
        let open = "${stageVariables.alias";
        assert_eq!(put(open), Ok(open.to_owned()));
        assert!(!is_function(open));
    }
}
