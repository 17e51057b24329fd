//! `[[route]]`: which requests, under which policy, answered by what.

use crate::document::{Document, Placed, Table};
use crate::method::Method;
use crate::names::{IntegrationName, PolicyName, RouteName};
use crate::pattern::{PathPattern, Segment};
use crate::shape::PathShapes;

use super::declared::Declared;

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name, for logs and metrics.
    pub name: RouteName,
    /// The paths it takes.
    pub path: PathPattern,
    /// The methods it takes.
    pub methods: RouteMethods,
    /// The host it is for; `None` for any.
    pub host: Option<RouteHost>,
    /// What it demands.
    pub policy: PolicyName,
    /// What answers.
    pub integration: IntegrationName,
    /// The unusual shapes of paths that it takes.
    pub allow_path: PathShapes,
    /// The largest body it takes; the listener's ceiling when `None`.
    pub max_body_bytes: Option<u64>,
    /// Whether `Authorization` and `X-Amz-Security-Token` travel upstream.
    pub forward_authorization: bool,
    /// Whether the caller's certificate travels upstream as `Client-Cert` (RFC 9440).
    pub client_cert_header: bool,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// A host name, lower case, without port or trailing dot.
pub type RouteHost = String;

/// The methods of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteMethods {
    /// `ANY`: all seven.
    Any,
    /// These; at least one, sorted, none twice.
    Some(Vec<Method>),
}

const SHAPES_CURE: &str = "leave it out to refuse every unusual path";

/// Reads every `[[route]]`.
pub(super) fn read(
    root: &mut Table<'_>,
    policies: &Declared,
    integrations: &Declared,
) -> Vec<Route> {
    let document = root.document();
    let mut names = Declared::new("route");
    let mut routes: Vec<Route> = Vec::new();
    for mut table in root.tables("route") {
        let Some(route) = read_one(&mut table, &mut names, policies, integrations) else {
            table.finish();
            continue;
        };
        table.finish();
        if let Some(other) = routes.iter().find(|other| conflict(other, &route)) {
            let text = format!(
                "route \"{}\" takes the same requests as route \"{}\" at line {}",
                route.name, other.name, other.line
            );
            document.note(route.line, text);
        }
        routes.push(route);
    }
    routes
}

fn read_one(
    table: &mut Table<'_>,
    names: &mut Declared,
    policies: &Declared,
    integrations: &Declared,
) -> Option<Route> {
    let document = table.document();
    let line = table.line();
    let path = table
        .need("path", "write for example path = \"/orders/{id}\"")
        .text("path");
    let path = path.and_then(|path| read_path(document, &path));
    let methods = read_methods(table);
    let host = table.text("host").map(|host| read_host(document, &host));
    let policy = table
        .need(
            "policy",
            "name a policy, or write policy = \"open\" to let anyone call",
        )
        .text("policy");
    let integration = table
        .need("integration", "name what answers")
        .text("integration");
    let allow_path = read_shapes(table);
    let max_body_bytes = table.integer("max_body_bytes", 0..=1 << 40);
    let forward_authorization = table.boolean("forward_authorization").unwrap_or(false);
    let client_cert_header = table.boolean("client_cert_header").unwrap_or(false);
    let given = table.text("name");
    let (path, methods) = (path?, methods?);
    let name = given.unwrap_or_else(|| Placed {
        value: default_name(host.as_deref(), &methods, &path),
        line,
    });
    let user = format!("route \"{}\"", name.value);
    if let Some(policy) = &policy {
        policies.check(document, &user, policy);
    }
    if let Some(integration) = &integration {
        integrations.check(document, &user, integration);
    }
    let name = names.declare(document, &name)?;
    Some(Route {
        name: RouteName::new(name),
        path,
        methods,
        host,
        policy: PolicyName::new(policy?.value),
        integration: IntegrationName::new(integration?.value),
        allow_path,
        max_body_bytes,
        forward_authorization,
        client_cert_header,
        line,
    })
}

fn read_path(document: &Document<'_>, path: &Placed<String>) -> Option<PathPattern> {
    match PathPattern::parse(&path.value) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            document.note(path.line, why);
            None
        }
    }
}

fn read_methods(table: &mut Table<'_>) -> Option<RouteMethods> {
    let document = table.document();
    let line = table.line_of("method");
    let words = table
        .need(
            "method",
            "write for example method = \"GET\", [\"GET\", \"POST\"] or \"ANY\"",
        )
        .text_or_texts("method")?;
    if let [only] = words.as_slice()
        && only.value == "ANY"
    {
        return Some(RouteMethods::Any);
    }
    let mut methods = Vec::new();
    for word in &words {
        match Method::parse(&word.value) {
            Some(method) if methods.contains(&method) => {
                document.note(
                    word.line,
                    format!("method \"{}\" is there twice", word.value),
                );
            }
            Some(method) => methods.push(method),
            None => {
                let known = Method::ALL.map(Method::as_str);
                let hint =
                    crate::problem::suggestion(&word.value, known.into_iter().chain(["ANY"]));
                document.note(
                    word.line,
                    format!("\"{}\" is no method that is served{hint}", word.value),
                );
            }
        }
    }
    if words.is_empty() {
        document.note(line, "\"method\" is empty; write \"ANY\" for every method");
    }
    methods.sort_unstable();
    (!methods.is_empty()).then_some(RouteMethods::Some(methods))
}

fn read_host(document: &Document<'_>, host: &Placed<String>) -> RouteHost {
    let name = host.value.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if name.is_empty() || !name.bytes().all(fits) {
        let text = format!(
            "host \"{}\" is no host name; give it without scheme, port or wildcard",
            host.value
        );
        document.note(host.line, text);
    }
    name.to_owned()
}

fn read_shapes(table: &mut Table<'_>) -> PathShapes {
    let document = table.document();
    let mut shapes = PathShapes::default();
    for word in table.texts("allow_path").unwrap_or_default() {
        match PathShapes::NAMES
            .iter()
            .find(|(name, _)| *name == word.value)
        {
            Some((_, shape)) => shapes = shapes | *shape,
            None => {
                let known = PathShapes::NAMES.iter().map(|(name, _)| *name);
                let hint = crate::problem::suggestion(&word.value, known);
                let text = format!(
                    "\"{}\" is no shape of a path{hint}; {SHAPES_CURE}",
                    word.value
                );
                document.note(word.line, text);
            }
        }
    }
    shapes
}

fn default_name(host: Option<&str>, methods: &RouteMethods, path: &PathPattern) -> String {
    let methods = match methods {
        RouteMethods::Any => "ANY".to_owned(),
        RouteMethods::Some(some) => {
            let names: Vec<&str> = some.iter().map(|method| method.as_str()).collect();
            names.join(",")
        }
    };
    match host {
        Some(host) => format!("{host} {methods} {path}"),
        None => format!("{methods} {path}"),
    }
}

/// Whether some request would take both routes with equal right.
fn conflict(one: &Route, other: &Route) -> bool {
    one.host == other.host
        && same_shape(&one.path, &other.path)
        && match (&one.methods, &other.methods) {
            (RouteMethods::Some(some), RouteMethods::Some(others)) => {
                some.iter().any(|method| others.contains(method))
            }
            _ => true,
        }
}

fn same_shape(one: &PathPattern, other: &PathPattern) -> bool {
    let same = |(one, other): (&Segment, &Segment)| match (one, other) {
        (Segment::Literal(one), Segment::Literal(other)) => one == other,
        (Segment::Parameter(_), Segment::Parameter(_)) => true,
        (Segment::Greedy(_), Segment::Greedy(_)) => true,
        _ => false,
    };
    let (one, other) = (one.segments(), other.segments());
    one.len() == other.len() && one.iter().zip(other).all(same)
}
