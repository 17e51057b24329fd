//! `[[route]]`: which requests, under which policy, answered by what.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use crate::config::declared::Declared;
use crate::config::request_limits::read_max_body_bytes;
use crate::config::{Demand, Policy, SignatureProfile};
use crate::document::{Document, Placed, Table};
use crate::method::Method;
use crate::names::{IntegrationName, PolicyName, RouteName};
use crate::pattern::{PathPattern, Segment};
use crate::problem::suggestion;
use crate::shape::PathShapes;

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

/// What the other sections have declared.
pub(super) struct Known<'c> {
    /// The policies, `open` among them.
    pub(super) policies: &'c [Policy],
    /// Their names.
    pub(super) policy_names: &'c Declared,
    /// The names of the integrations.
    pub(super) integration_names: &'c Declared,
}

/// Reads every `[[route]]`.
pub(super) fn read(root: &mut Table<'_>, known: &Known<'_>) -> Vec<Route> {
    let document = root.document();
    let mut names = Declared::new("route");
    let mut taken = Taken::default();
    let mut routes = Vec::new();
    let tables = root.tables("route");
    if tables.is_empty() {
        document.note(
            0,
            "there is no [[route]]; the gateway needs one with a path, a method, a policy and an integration",
        );
    }
    for table in tables {
        routes.extend(read_route(table, known, &mut names, &mut taken));
    }
    routes
}

/// `None` when something that every route needs is missing, and has been noted.
fn read_route(
    mut table: Table<'_>,
    known: &Known<'_>,
    names: &mut Declared,
    taken: &mut Taken,
) -> Option<Route> {
    let document = table.document();
    let line = table.line();
    let own_name = names.optional_name_of(&mut table);
    let named = own_name.is_some();
    let path = read_path(&mut table);
    let methods = read_methods(&mut table);
    let host = table
        .text("host")
        .and_then(|host| read_host(document, &host));
    let place = path.zip(methods).map(|(path, methods)| Place {
        host,
        path,
        methods,
    });
    let name = own_name.or_else(|| place.as_ref().map(Place::name));
    if let (Some(place), Some(name)) = (&place, &name) {
        table.call(format!("route \"{name}\""));
        let alone = taken.take(document, place, table.label(), line);
        // Two routes for the same requests would have the same name, too: once is enough.
        if alone && !named {
            names.declare(document, name, line);
        }
    }
    let (policy, integration) = read_names(&mut table, known);
    let allow_path = read_allow_path(&mut table, known, policy.as_deref());
    let max_body_bytes = read_max_body_bytes(&mut table);
    let forward_authorization = table.boolean("forward_authorization").unwrap_or(false);
    table.finish();
    let Place {
        host,
        path,
        methods,
    } = place?;
    Some(Route {
        name: RouteName::new(name?),
        path,
        methods,
        host,
        policy: PolicyName::new(policy?),
        integration: IntegrationName::new(integration?),
        allow_path,
        max_body_bytes,
        forward_authorization,
        line,
    })
}

/// Which requests a route takes.
struct Place {
    host: Option<RouteHost>,
    path: PathPattern,
    methods: RouteMethods,
}

impl Place {
    /// What the route is called when it has no name of its own.
    fn name(&self) -> String {
        let call = format!("{} {}", self.methods.text(), self.path);
        match &self.host {
            Some(host) => format!("{host} {call}"),
            None => call,
        }
    }

    /// Host and pattern with the names of the parameters left out: `/a/{id}` and `/a/{x}`
    /// take the same paths.
    fn shape(&self) -> Shape {
        let segments = self.path.segments().iter().cloned();
        let nameless = segments.map(|segment| match segment {
            Segment::Literal(bytes) => Segment::Literal(bytes),
            Segment::Parameter(_) => Segment::Parameter(String::new()),
            Segment::Greedy(_) => Segment::Greedy(String::new()),
        });
        (self.host.clone(), nameless.collect())
    }
}

/// What two routes must not share with a method.
type Shape = (Option<String>, Vec<Segment>);

impl RouteMethods {
    fn text(&self) -> String {
        match self {
            Self::Any => "ANY".to_owned(),
            Self::Some(methods) => methods
                .iter()
                .map(|method| method.as_str())
                .collect::<Vec<_>>()
                .join(","),
        }
    }

    fn all(&self) -> &[Method] {
        match self {
            Self::Any => &Method::ALL,
            Self::Some(methods) => methods,
        }
    }
}

/// Which route, from which line on, takes a method of a host and shape.
#[derive(Default)]
struct Taken(HashMap<(Shape, Method), (String, usize)>);

impl Taken {
    /// Whether no other route has been there before.
    fn take(&mut self, document: &Document<'_>, place: &Place, label: &str, line: usize) -> bool {
        let shape = place.shape();
        let mut noted: Vec<usize> = Vec::new();
        for method in place.methods.all() {
            let mine = (label.to_owned(), line);
            let holder = self.0.entry((shape.clone(), *method)).or_insert(mine);
            let (other, at) = &*holder;
            if *at == line || noted.contains(at) {
                continue;
            }
            noted.push(*at);
            let text = format!(
                "{label} takes {} {}, which {other} at line {at} takes already; change a path, a method or a host",
                method.as_str(),
                place.path
            );
            document.note(line, text);
        }
        noted.is_empty()
    }
}

fn read_path(table: &mut Table<'_>) -> Option<PathPattern> {
    let text = table
        .need("path", "write for example path = \"/orders/{id}\"")
        .text("path")?;
    match PathPattern::parse(&text.value) {
        Ok(path) => Some(path),
        Err(problem) => {
            table.document().note(text.line, problem);
            None
        }
    }
}

fn read_methods(table: &mut Table<'_>) -> Option<RouteMethods> {
    const CURE: &str = "write method = \"GET\", method = [\"GET\", \"POST\"] or method = \"ANY\"";
    let document = table.document();
    table.need("method", CURE);
    let line = table.line_of("method");
    let texts = table.text_or_texts("method")?;
    if let [only] = texts.as_slice()
        && only.value == "ANY"
    {
        return Some(RouteMethods::Any);
    }
    if texts.is_empty() {
        document.note(
            line,
            format!("\"method\" in {} is empty; {CURE}", table.label()),
        );
        return None;
    }
    let mut methods = Vec::new();
    for Placed { value, line } in &texts {
        match Method::parse(value) {
            Some(method) if methods.contains(&method) => {
                document.note(*line, format!("method \"{value}\" is listed twice"));
            }
            Some(method) => methods.push(method),
            None => document.note(*line, unknown_method(value)),
        }
    }
    methods.sort();
    (!methods.is_empty()).then_some(RouteMethods::Some(methods))
}

fn unknown_method(word: &str) -> String {
    if word == "ANY" {
        return "\"ANY\" stands for every method, so it stands alone: method = \"ANY\"".to_owned();
    }
    let known = Method::ALL.into_iter().map(Method::as_str);
    format!(
        "method \"{word}\" is unknown{}",
        suggestion(&word.to_ascii_uppercase(), known.chain(["ANY"]))
    )
}

fn read_host(document: &Document<'_>, host: &Placed<String>) -> Option<RouteHost> {
    let Placed { value, line } = host;
    let label = |label: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        !label.is_empty() && label.bytes().all(fits)
    };
    let inside = value.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
    let literal = inside.is_some_and(|inside| inside.parse::<Ipv6Addr>().is_ok());
    if literal || value.split('.').all(label) {
        return Some(value.to_ascii_lowercase());
    }
    let text = format!(
        "host \"{value}\" is no host name such as \"api.example.com\": no port, no wildcard, no dot at the end"
    );
    document.note(*line, text);
    None
}

fn read_names(table: &mut Table<'_>, known: &Known<'_>) -> (Option<String>, Option<String>) {
    let document = table.document();
    let policy = table
        .need(
            "policy",
            "name one, or write policy = \"open\" to let anyone call",
        )
        .text("policy");
    let integration = table
        .need("integration", "name the one that answers")
        .text("integration");
    if let Some(policy) = &policy {
        known.policy_names.check(document, table.label(), policy);
    }
    if let Some(name) = &integration {
        known.integration_names.check(document, table.label(), name);
    }
    (policy.map(|p| p.value), integration.map(|i| i.value))
}

fn read_allow_path(table: &mut Table<'_>, known: &Known<'_>, policy: Option<&str>) -> PathShapes {
    let document = table.document();
    let demand = known
        .policies
        .iter()
        .find(|candidate| Some(candidate.name.as_str()) == policy)
        .map(|policy| &policy.demand);
    let mut allowed = PathShapes::default();
    for Placed { value, line } in table.texts("allow_path").unwrap_or_default() {
        let found = PathShapes::NAMES.iter().find(|(name, _)| *name == value);
        match found {
            Some((_, shape)) if is_normalised_away(*shape) && demand.is_some_and(signs_as_aws) => {
                let text = format!(
                    "{} allows \"{value}\", but signatures of the profile \"aws\" cover the path without it; leave it out, or demand profile = \"s3\"",
                    table.label()
                );
                document.note(line, text);
            }
            Some((_, shape)) => allowed = allowed | *shape,
            None => {
                let names = PathShapes::NAMES.iter().map(|(name, _)| *name);
                let text = format!(
                    "{} allows \"{value}\", which is no shape of a path{}",
                    table.label(),
                    suggestion(&value, names)
                );
                document.note(line, text);
            }
        }
    }
    allowed
}

/// The profile `aws` signs the path without these: two paths would share one signature.
fn is_normalised_away(shape: PathShapes) -> bool {
    [PathShapes::DOT_SEGMENT, PathShapes::EMPTY_SEGMENT].contains(&shape)
}

fn signs_as_aws(demand: &Demand) -> bool {
    demand
        .signature()
        .and_then(|signature| signature.sigv4.as_ref())
        .is_some_and(|sigv4| sigv4.profile == SignatureProfile::Aws)
}
