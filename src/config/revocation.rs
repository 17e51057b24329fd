//! `revocation` of a trust store: where lists of revoked certificates come from, whether
//! responders are asked, and what holds when nobody knows.

use std::path::Path;
use std::time::Duration;

use http::Uri;

use crate::crl_source::{CrlSource, shown};
use crate::document::{Document, Placed, Table};

/// How it is found out that a certificate is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Where the lists come from (CRLs, RFC 5280 §5).
    pub crls: Vec<CrlSource>,
    /// How often they are read again.
    pub refresh: Duration,
    /// Whether a certificate passes for which no list speaks.
    pub allow_unknown: bool,
    /// How long a list is believed beyond its end.
    pub stale_grace: Duration,
    /// Whether the authorities in the chain are looked up as well.
    pub whole_chain: bool,
    /// Whether responders are asked about callers' own certificates (OCSP, RFC 6960).
    pub ocsp: Option<Ocsp>,
    /// The line of the configuration where it starts.
    pub line: usize,
}

/// How responders are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ocsp {
    /// Whether a certificate passes of which no answer is known.
    pub allow_unknown: bool,
    /// Whom to ask; `None` asks whom the certificate names.
    pub responder: Option<String>,
    /// How long a request waits for the first answer about its certificate.
    pub timeout: Duration,
}

/// Reads the table `revocation`, if it is there.
pub(super) fn read(table: &mut Table<'_>, base: &Path) -> Option<Revocation> {
    let mut table = table.table("revocation")?;
    let document = table.document();
    let line = table.line();
    let nothing = !table.has("crls") && !table.has("ocsp");
    if nothing {
        let text = "\"revocation\" asks nobody; name crls = [\"tls/clients.crl\"] or write ocsp = { failure = \"hard\" }";
        document.note(line, text);
    }
    let crls = table.texts("crls").unwrap_or_default();
    let crls = crls
        .into_iter()
        .map(|place| read_place(document, place, base))
        .collect();
    let seconds = Duration::from_secs;
    let revocation = Revocation {
        crls,
        refresh: seconds(table.integer("refresh_secs", 1..=86_400).unwrap_or(300)),
        allow_unknown: table.word("unknown", &UNKNOWN).unwrap_or(false),
        stale_grace: seconds(
            table
                .integer("stale_grace_secs", 0..=2_592_000)
                .unwrap_or(0),
        ),
        whole_chain: table.word("check", &DEPTH).unwrap_or(true),
        ocsp: read_ocsp(&mut table),
        line,
    };
    table.finish();
    Some(revocation)
}

const UNKNOWN: [(&str, bool); 2] = [("deny", false), ("allow", true)];
const DEPTH: [(&str, bool); 2] = [("chain", true), ("caller", false)];
const FAILURE: [(&str, bool); 2] = [("hard", false), ("soft", true)];

fn read_place(document: &Document<'_>, place: Placed<String>, base: &Path) -> CrlSource {
    match is_url(&place.value) {
        true => {
            check_url(document, &place);
            CrlSource::Url(place.value)
        }
        false => CrlSource::File(base.join(place.value)),
    }
}

fn is_url(text: &str) -> bool {
    text.contains("://")
}

fn check_url(document: &Document<'_>, url: &Placed<String>) {
    let parsed = url.value.parse::<Uri>().ok();
    let good = parsed.is_some_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        ["http", "https"].contains(&scheme) && uri.host().is_some()
    });
    if !good {
        let text = format!("\"{}\" is no http or https URL", shown(&url.value));
        document.note(url.line, text);
    }
}

fn read_ocsp(table: &mut Table<'_>) -> Option<Ocsp> {
    let mut table = table.table("ocsp")?;
    let document = table.document();
    let allow_unknown = table
        .need(
            "failure",
            "write \"hard\" to refuse whom no responder knows, or \"soft\" to let them pass",
        )
        .word("failure", &FAILURE);
    let responder = table.text("responder");
    if let Some(responder) = &responder {
        check_url(document, responder);
    }
    let timeout = table.integer("timeout_ms", 100..=30_000).unwrap_or(2_000);
    table.finish();
    Some(Ocsp {
        allow_unknown: allow_unknown.unwrap_or(false),
        responder: responder.map(|responder| responder.value),
        timeout: Duration::from_millis(timeout),
    })
}
