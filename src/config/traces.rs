//! `[traces]`: whether spans of requests are made, of how many, and where they go.

use http::Uri;

use crate::document::{Placed, Table};

/// How requests are traced. Read once, at start.
#[derive(Debug, Clone, PartialEq)]
pub struct Traces {
    /// Where spans are sent, in OTLP over HTTP.
    pub endpoint: String,
    /// Of how many requests spans are made: 0 is none, 1 is all.
    pub sample: f64,
    /// Whether callers decide that for theirs, and say of which trace they are.
    pub trust_caller: bool,
    /// The fields in which upstreams and functions are told of the trace.
    pub propagate: Vec<Propagation>,
    /// `service.name` of the spans.
    pub service_name: String,
}

/// Fields that tell of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// `traceparent` and `tracestate` (W3C Trace Context).
    W3c,
    /// `X-Amzn-Trace-Id` (AWS X-Ray Developer Guide, "Tracing header").
    XRay,
}

const WORDS: [(&str, Propagation); 2] = [("w3c", Propagation::W3c), ("xray", Propagation::XRay)];
/// OpenTelemetry's collectors listen there.
const USUAL: &str = "endpoint = \"http://127.0.0.1:4318/v1/traces\"";
const USUAL_SAMPLE: f64 = 0.05;

/// Reads `[traces]`.
pub(super) fn read(root: &mut Table<'_>) -> Option<Traces> {
    let mut table = root.table("traces")?;
    let cure = format!("write for example {USUAL}");
    let endpoint = table.need("endpoint", &cure).text("endpoint");
    let endpoint = endpoint.and_then(|endpoint| read_endpoint(&table, endpoint));
    let sample = table.number("sample", 0.0..=1.0);
    let traces = Traces {
        endpoint: endpoint.unwrap_or_default(),
        sample: sample.unwrap_or(USUAL_SAMPLE),
        trust_caller: table.boolean("trust_caller").unwrap_or(false),
        propagate: table
            .words("propagate", &WORDS)
            .unwrap_or_else(|| WORDS.map(|(_, meaning)| meaning).to_vec()),
        service_name: table
            .text("service_name")
            .map_or_else(|| "countersign".to_owned(), |name| name.value),
    };
    table.finish();
    Some(traces)
}

fn read_endpoint(table: &Table<'_>, endpoint: Placed<String>) -> Option<String> {
    if is_good(&endpoint.value) {
        return Some(endpoint.value);
    }
    let problem = format!(
        "\"endpoint\" in {} is \"{}\", but must be the whole URL to which spans are posted; write for example {USUAL}",
        table.label(),
        endpoint.value
    );
    table.document().note(endpoint.line, problem);
    None
}

fn is_good(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    // Without a path it is that of the other protocol, gRPC, at the other port.
    is_http && has_host && uri.path() != "/" && !text.contains(['@', '#'])
}

#[cfg(test)]
mod tests {
    use super::is_good;

    #[test]
    fn an_endpoint_is_a_whole_url() {
        for good in [
            "http://127.0.0.1:4318/v1/traces",
            "https://collector.example/v1/traces?tenant=a",
            "http://[::1]:4318/v1/traces",
        ] {
            assert!(is_good(good), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:4318",
            "/v1/traces",
            "http://127.0.0.1:4317",
            "http://127.0.0.1:4317/",
            "grpc://127.0.0.1:4317/v1/traces",
            "https://user@collector.example/v1/traces",
        ] {
            assert!(!is_good(bad), "{bad}");
        }
    }
}
