//! What functions are told, beside what another emulator of API Gateway tells them of the same
//! requests. Every difference is on a list that says who is right; one that is new fails the
//! test, and so does one that is gone.

mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use countersign_local_lambda::{Function, LocalLambda};
use serde_json::{Map, Value, json};
use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::lambda::{gateway, integration, json};
use crate::harness::serverless_offline::ServerlessOffline;
use differences::{In, KNOWN, Right};

/// What differs, in which formats and requests, who is right, and why.
type Known = (
    &'static str,
    &'static [&'static str],
    In,
    Right,
    &'static str,
);

/// The formats: the first segment of their paths, and their `payload_format`.
const FORMATS: [(&str, &str); 3] = [("rest", "rest"), ("v1", "1.0"), ("v2", "2.0")];

/// A name, the method, the target below the format's path, the fields, and the body.
type Sent = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [u8],
);

#[rustfmt::skip] // A table.
const REQUESTS: [Sent; 20] = [
    ("plain", "GET", "items/a", &[], b""),
    ("fields", "GET", "items/a", &["X-Twice: 1", "x-tWICE: 2", "X-Same: 1", "X-Same: 2", "X-List: a, b", "User-Agent: A"], b""),
    ("hops", "GET", "items/a", &["Connection: keep-alive", "TE: trailers"], b""),
    ("forwarded", "GET", "items/a", &["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678"], b""),
    ("authorization", "GET", "items/a", &["Authorization: Basic YTpi"], b""),
    ("query twice", "GET", "items/a?b=2&a=1&b=3&flag&empty=", &[], b""),
    ("query encoded", "GET", "items/a?q=a%20b+c%2Bd%26e%C3%A9&p%20q=1", &[], b""),
    ("query bad", "GET", "items/a?bad=%zz&half=%C3", &[], b""),
    ("query empty", "GET", "items/a?", &[], b""),
    ("cookie", "GET", "items/a", &["Cookie: a=1; b=2"], b""),
    ("cookies", "GET", "items/a", &["Cookie: a=1; b=2", "Cookie: c=3"], b""),
    ("path encoded", "GET", "items/a%20b%2Bc%C3%A9", &[], b""),
    ("greedy", "GET", "all/one/two%20three", &[], b""),
    ("slash", "GET", "all/one/", &[], b""),
    ("json", "POST", "items/a", &["Content-Type: application/json"], b"{\"a\": \"\xC3\xA9\\n\"}"),
    ("text", "POST", "items/a", &["Content-Type: text/plain; charset=utf-8"], b"h\xC3\xA9\"\n"),
    ("form", "POST", "items/a", &["Content-Type: application/x-www-form-urlencoded"], b"a=1&b=+"),
    ("binary", "PUT", "items/a", &["Content-Type: image/png"], b"\x89PNG"),
    ("untyped", "PATCH", "items/a", &[], b"hello"),
    ("chunked", "POST", "items/a", &["Content-Type: text/plain", "Transfer-Encoding: chunked"], b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
];

#[test]
fn functions_are_told_what_serverless_offline_tells_them_but_for_what_is_known() {
    let (home, directory) = (tempdir().unwrap(), tempdir().unwrap());
    let other = ServerlessOffline::start(home.path());
    let lambda = LocalLambda::start(vec![Function::python("echo")]);
    let gateway = gateway(directory.path(), &config(lambda.address()));
    let mut found = BTreeMap::new();
    for (format, _) in FORMATS {
        for request in REQUESTS {
            let ours = event(gateway.address("plain"), format, request);
            let theirs = event(other.address, format, request);
            compare(format, request.0, ours, theirs, &mut found);
        }
    }
    let listed = listed();
    let new: Vec<_> = found
        .iter()
        .filter(|(cell, _)| !listed.contains(*cell))
        .collect();
    let gone: Vec<_> = listed
        .iter()
        .filter(|cell| !found.contains_key(*cell))
        .collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new: {new:#?}\ngone: {gone:#?}"
    );
}

#[test]
fn every_known_difference_is_decided_once() {
    let cells = KNOWN.iter().map(|known| cells(known).len()).sum::<usize>();
    assert_eq!(listed().len(), cells);
    let open = KNOWN.iter().filter(|known| known.3 == Right::Open).count();
    assert!(open < KNOWN.len() / 5, "most of them are decided");
    assert!(KNOWN.iter().all(|known| !known.4.is_empty()));
}

/// A difference: what, in which format, in which request.
type Cell = (String, &'static str, &'static str);

fn listed() -> BTreeSet<Cell> {
    KNOWN.iter().flat_map(cells).collect()
}

fn cells((what, formats, requests, ..): &Known) -> Vec<Cell> {
    let is_there = |name: &&str| match requests {
        In::Every => true,
        In::Only(names) => names.contains(name),
        In::But(names) => !names.contains(name),
    };
    let names = REQUESTS.iter().map(|request| request.0).filter(is_there);
    let cells = names.flat_map(|name| formats.iter().map(move |format| (*format, name)));
    cells
        .map(|(format, name)| ((*what).to_owned(), format, name))
        .collect()
}

fn config(lambda: SocketAddr) -> String {
    let mut config = String::new();
    for (format, payload_format) in FORMATS {
        for path in ["items/{id}", "all/{proxy+}"] {
            config += &format!(
                "[[route]]\npath = \"/{format}/{path}\"\nmethod = \"ANY\"\npolicy = \"open\"\nintegration = \"{format}\"\n\
                 forward_authorization = true\nallow_path = [\"empty_segment\"]\n"
            );
        }
        let more = format!("payload_format = \"{payload_format}\"");
        config += &integration(format, "echo", lambda, &more);
    }
    config
}

fn event(address: SocketAddr, format: &str, request: Sent) -> Value {
    let (name, method, target, fields, body) = request;
    let mut head = format!("{method} /{format}/{target} HTTP/1.1\r\nHost: api.example.com\r\n");
    for field in fields {
        head += &format!("{field}\r\n");
    }
    if !body.is_empty() && name != "chunked" {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    let bytes = [head.as_bytes(), b"\r\n", body].concat();
    let answer = Client::plain(address).try_ask(&bytes).expect("an answer");
    match answer.status {
        200 => json(&answer),
        refused => json!({ "refused": refused }),
    }
}

/// Notes what differs. Fields are compared by their names, in both of their maps at once.
fn compare(
    format: &'static str,
    request: &'static str,
    mut ours: Value,
    mut theirs: Value,
    found: &mut BTreeMap<Cell, (Value, Value)>,
) {
    // One difference for all of the names, so that the fields themselves can be compared.
    if format == "v1" {
        for maps in [&mut ours, &mut theirs] {
            for map in ["headers", "multiValueHeaders"] {
                lower(&mut maps[map]);
            }
        }
    }
    let (mut one, mut other) = (BTreeMap::new(), BTreeMap::new());
    flatten("", ours, &mut one);
    flatten("", theirs, &mut other);
    let paths: BTreeSet<String> = one.keys().chain(other.keys()).cloned().collect();
    for path in paths {
        let (ours, theirs) = (one.remove(&path), other.remove(&path));
        if ours != theirs {
            let told = (ours.unwrap_or_default(), theirs.unwrap_or_default());
            found.insert((name_of(&path), format, request), told);
        }
    }
}

/// Names in lower case, and one value more that tells how they were written: lists of one name
/// are joined, and of texts the last one stays.
fn lower(map: &mut Value) {
    let Value::Object(fields) = map.take() else {
        return;
    };
    let mut lowered = Map::new();
    let names: Vec<String> = fields.keys().cloned().collect();
    for (name, value) in fields {
        match (lowered.get_mut(&name.to_lowercase()), value) {
            (Some(Value::Array(all)), Value::Array(more)) => all.extend(more),
            (_, value) => drop(lowered.insert(name.to_lowercase(), value)),
        }
    }
    lowered.insert("names of fields".to_owned(), names.into());
    *map = lowered.into();
}

fn flatten(path: &str, value: Value, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{key}"), value, out);
            }
        }
        value => {
            let is_time = path.to_lowercase().contains("time");
            let value = if is_time { shape(&value) } else { value };
            out.insert(path.to_owned(), value);
        }
    }
}

/// How a time is written, whenever it is.
fn shape(time: &Value) -> Value {
    let digit = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let written = time.to_string();
    let shape = written.chars().map(|c| {
        if c.is_ascii_alphabetic() {
            'a'
        } else {
            digit(c)
        }
    });
    shape.collect::<String>().into()
}

fn name_of(path: &str) -> String {
    let field = path
        .strip_prefix("headers.")
        .or_else(|| path.strip_prefix("multiValueHeaders."));
    match field {
        Some(name) if name == "names of fields" => name.to_owned(),
        Some(name) => format!("field {}", name.to_lowercase()),
        None => path.to_owned(),
    }
}
