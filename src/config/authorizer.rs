//! `[[authorizer]]`: functions of AWS Lambda that a policy asks whether a call may take its route.

use std::time::Duration;

use http::HeaderName;
use regex_lite::Regex;

use crate::config::certificate_headers::is_reserved;
use crate::config::declared::Declared;
use crate::config::function::{self, Defaults, Function, MAX_PAYLOAD};
use crate::config::{PayloadFormat, Stage};
use crate::document::{Placed, Table};
use crate::field_name::is_ours;
use crate::names::AuthorizerName;

/// One authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    /// Its name.
    pub name: AuthorizerName,
    /// The function.
    pub function: Function,
    /// What it is told.
    pub form: AuthorizerForm,
    /// How it is told, and how it answers: `rest`, `1.0` or `2.0`.
    pub payload_format: PayloadFormat,
    /// With `2.0`: whether it answers `isAuthorized` instead of an IAM policy.
    pub simple_responses: bool,
    /// What of a request tells callers apart: a request without one of them is refused unasked.
    pub identity_sources: Vec<IdentitySource>,
    /// How long an answer holds for the same identity; zero asks each time.
    pub cache_ttl: Duration,
    /// The fields in which an upstream is told of the context, and the key of each.
    pub context_headers: Vec<(HeaderName, String)>,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// What an authorizer is told of a request.
#[derive(Debug, Clone)]
pub enum AuthorizerForm {
    /// Everything but the body.
    Request,
    /// One field, if it is like the pattern: API Gateway's `identityValidationExpression`.
    Token(Option<Regex>),
}

/// Patterns are alike when they are written alike.
impl PartialEq for AuthorizerForm {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Request, Self::Request) => true,
            (Self::Token(one), Self::Token(other)) => {
                one.as_ref().map(Regex::as_str) == other.as_ref().map(Regex::as_str)
            }
            _ => false,
        }
    }
}

impl Eq for AuthorizerForm {}

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// A field.
    Header(HeaderName),
    /// A parameter of the query.
    Query(String),
    /// A stage variable.
    StageVariable(String),
    /// What the gateway knows of the request.
    Context(ContextSource),
}

/// What the gateway knows of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// `routeKey`: which route it takes.
    RouteKey,
    /// `httpMethod`.
    Method,
    /// `path`.
    Path,
    /// `domainName`: its host.
    Host,
    /// `identity.sourceIp`: the caller's address.
    SourceIp,
}

const CONTEXTS: [(&str, ContextSource); 5] = [
    ("routeKey", ContextSource::RouteKey),
    ("httpMethod", ContextSource::Method),
    ("path", ContextSource::Path),
    ("domainName", ContextSource::Host),
    ("identity.sourceIp", ContextSource::SourceIp),
];
const FORMATS: [(&str, PayloadFormat); 3] = [
    ("rest", PayloadFormat::Rest),
    ("1.0", PayloadFormat::V1),
    ("2.0", PayloadFormat::V2),
];
/// Longest and usual wait ("Quotas for configuring and running an HTTP API").
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TTL_SECS: u64 = 3600;
const MAX_SOURCES: usize = 10;

/// Reads every `[[authorizer]]`.
pub(super) fn read(root: &mut Table<'_>, stage: &Stage) -> (Vec<Authorizer>, Declared) {
    let mut names = Declared::new("authorizer");
    let mut authorizers = Vec::new();
    for mut table in root.tables("authorizer") {
        let line = table.line();
        let name = names.name_of(&mut table).unwrap_or_default();
        let authorizer = read_one(&mut table, stage, AuthorizerName::new(name), line);
        table.finish();
        authorizers.push(authorizer);
    }
    (authorizers, names)
}

fn read_one(table: &mut Table<'_>, stage: &Stage, name: AuthorizerName, line: usize) -> Authorizer {
    let defaults = Defaults {
        timeout: Some(TIMEOUT),
        longest: TIMEOUT,
        max_payload_bytes: MAX_PAYLOAD,
    };
    let form = read_form(table);
    let payload_format = read_format(table, form.as_ref());
    let ttl = table
        .integer("cache_ttl_secs", 0..=MAX_TTL_SECS)
        .unwrap_or(300);
    Authorizer {
        name,
        function: function::read(table, stage, &defaults),
        payload_format,
        simple_responses: read_simple(table, payload_format),
        identity_sources: read_sources(table, form.as_ref(), stage, ttl),
        form: form.unwrap_or(AuthorizerForm::Request),
        cache_ttl: Duration::from_secs(ttl),
        context_headers: read_context_headers(table),
        line,
    }
}

fn read_form(table: &mut Table<'_>) -> Option<AuthorizerForm> {
    #[derive(Clone, Copy)]
    enum Word {
        Request,
        Token,
    }
    table.need("type", "write type = \"request\" or type = \"token\"");
    let word = table.word(
        "type",
        &[("request", Word::Request), ("token", Word::Token)],
    );
    let pattern = table.text("token_pattern");
    let form = match (word?, pattern) {
        (Word::Request, None) => AuthorizerForm::Request,
        (Word::Request, Some(pattern)) => {
            let text = format!(
                "\"token_pattern\" in {} means something only with type = \"token\"; leave it out",
                table.label()
            );
            table.document().note(pattern.line, text);
            AuthorizerForm::Request
        }
        (Word::Token, pattern) => {
            AuthorizerForm::Token(pattern.and_then(|text| read_pattern(table, &text)))
        }
    };
    Some(form)
}

/// A pattern that a whole token must be like.
fn read_pattern(table: &Table<'_>, text: &Placed<String>) -> Option<Regex> {
    // By itself first: "a)|(b" would otherwise end the group that holds it to the whole.
    let pattern =
        Regex::new(&text.value).and_then(|_| Regex::new(&format!("^(?:{})$", text.value)));
    match pattern {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let problem = format!(
                "token_pattern \"{}\" is no regular expression: {error}",
                text.value
            );
            table.document().note(text.line, problem);
            None
        }
    }
}

fn read_format(table: &mut Table<'_>, form: Option<&AuthorizerForm>) -> PayloadFormat {
    const CURE: &str = "write payload_format = \"rest\" for an authorizer of a REST API, \"2.0\" or \"1.0\" for one of an HTTP API";
    let is_token = matches!(form, Some(AuthorizerForm::Token(_)));
    let line = table.line_of("payload_format");
    if form == Some(&AuthorizerForm::Request) {
        table.need("payload_format", CURE);
    }
    match table.word("payload_format", &FORMATS) {
        Some(format) if is_token && format != PayloadFormat::Rest => {
            let text = format!(
                "{}: only REST APIs have authorizers of the type \"token\"; write payload_format = \"rest\", or leave it out",
                table.label()
            );
            table.document().note(line, text);
            PayloadFormat::Rest
        }
        Some(format) => format,
        None => PayloadFormat::Rest,
    }
}

fn read_simple(table: &mut Table<'_>, format: PayloadFormat) -> bool {
    let line = table.line_of("simple_responses");
    let simple = table.boolean("simple_responses").unwrap_or(false);
    if simple && format != PayloadFormat::V2 {
        let text = format!(
            "{}: \"simple_responses\" needs payload_format = \"2.0\"",
            table.label()
        );
        table.document().note(line, text);
    }
    simple
}

/// With `form` unknown, what it would need is not reported.
fn read_sources(
    table: &mut Table<'_>,
    form: Option<&AuthorizerForm>,
    stage: &Stage,
    ttl: u64,
) -> Vec<IdentitySource> {
    let line = table.line_of("identity_sources");
    let is_token = matches!(form, Some(AuthorizerForm::Token(_)));
    let is_given = table.has("identity_sources");
    let Some(texts) = table.texts("identity_sources") else {
        if is_token {
            return vec![IdentitySource::Header(http::header::AUTHORIZATION)];
        }
        if ttl > 0 && form.is_some() && !is_given {
            let text = format!(
                "{} caches answers but has no \"identity_sources\" to tell callers apart; write for example identity_sources = [\"$request.header.Authorization\"], or cache_ttl_secs = 0",
                table.label()
            );
            table.document().note(line, text);
        }
        return Vec::new();
    };
    let mut sources = Vec::new();
    for text in &texts {
        sources.extend(read_source(table, text, stage, &sources));
    }
    let one_header = matches!(sources.as_slice(), [IdentitySource::Header(_)]);
    let problem = if ttl > 0 && texts.is_empty() || texts.len() > MAX_SOURCES {
        format!("must have 1 to {MAX_SOURCES} \"identity_sources\"")
    } else if is_token && !one_header && sources.len() == texts.len() {
        "is of the type \"token\", which is told one header: identity_sources = [\"$request.header.Authorization\"]".to_owned()
    } else {
        return sources;
    };
    let text = format!("{} {problem}", table.label());
    table.document().note(line, text);
    sources
}

/// `None` when it is none, or cannot be one beside the others, and has been noted.
fn read_source(
    table: &Table<'_>,
    text: &Placed<String>,
    stage: &Stage,
    others: &[IdentitySource],
) -> Option<IdentitySource> {
    let problem = match parse_source(&text.value) {
        None => {
            "is none; write \"$request.header.NAME\", \"$request.querystring.NAME\", \"$stageVariables.NAME\" or \"$context.NAME\" with one of routeKey, httpMethod, path, domainName, identity.sourceIp"
        }
        Some(source) if others.contains(&source) => "stands there twice",
        // Every request would be refused for want of it.
        Some(IdentitySource::StageVariable(name))
            if stage.variable(&name).is_none_or(str::is_empty) =>
        {
            "is a stage variable that [stage] does not have, or that is empty"
        }
        Some(source) => return Some(source),
    };
    let problem = format!(
        "identity source \"{}\" of {} {problem}",
        text.value,
        table.label()
    );
    table.document().note(text.line, problem);
    None
}

/// In the words of an HTTP API (`$request.header.X`) or of a REST API
/// (`method.request.header.X`).
fn parse_source(text: &str) -> Option<IdentitySource> {
    let text = text.strip_prefix('$').unwrap_or(text);
    let text = text.strip_prefix("method.").unwrap_or(text);
    let parameter = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    if let Some(name) = text.strip_prefix("request.header.") {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        return Some(IdentitySource::Header(name));
    }
    if let Some(name) = text.strip_prefix("request.querystring.") {
        return parameter(name).map(IdentitySource::Query);
    }
    if let Some(name) = text.strip_prefix("stageVariables.") {
        return parameter(name).map(IdentitySource::StageVariable);
    }
    let name = text.strip_prefix("context.")?;
    let known = CONTEXTS.iter().find(|(known, _)| *known == name);
    known.map(|(_, source)| IdentitySource::Context(*source))
}

fn read_context_headers(table: &mut Table<'_>) -> Vec<(HeaderName, String)> {
    let Some(mut table) = table.table("context_headers") else {
        return Vec::new();
    };
    let mut headers: Vec<(HeaderName, String)> = Vec::new();
    for Placed { value, line } in table.texts_by_key() {
        let (name, key) = value;
        let known = HeaderName::from_bytes(name.as_bytes());
        let known = known.ok().filter(|known| is_own(known.as_str()));
        let problem = match known {
            None => "must be a header name that begins with \"x-\", without \"_\"",
            Some(known) if is_reserved(known.as_str()) || is_ours(known.as_str()) => {
                "has a meaning of its own; choose another name"
            }
            Some(known) if headers.iter().any(|(other, _)| *other == known) => {
                "stands there twice, in another spelling"
            }
            Some(_) if key.is_empty() => {
                "must name a key of what the authorizer answers in \"context\""
            }
            Some(known) => {
                headers.push((known, key));
                continue;
            }
        };
        let text = format!("context header \"{name}\" {problem}");
        table.document().note(line, text);
    }
    headers
}

fn is_own(name: &str) -> bool {
    name.starts_with("x-") && !name.contains('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_sources_are_read_in_the_words_of_both_apis() {
        let token = IdentitySource::Header(HeaderName::from_static("x-token"));
        for text in ["$request.header.X-Token", "method.request.header.X-Token"] {
            assert_eq!(parse_source(text), Some(token.clone()), "{text}");
        }
        let route = IdentitySource::Context(ContextSource::RouteKey);
        assert_eq!(parse_source("$context.routeKey"), Some(route));
        for bad in [
            "",
            "header",
            "$request.header.",
            "$request.body",
            "$context.accountId",
            "stageVariables.",
        ] {
            assert_eq!(parse_source(bad), None, "{bad}");
        }
    }
}
