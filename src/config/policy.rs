//! `[[policy]]`: what a route demands of its callers.

use crate::document::{Placed, Table};
use crate::names::{ConsumerName, PolicyName};

use super::declared::Declared;

/// One policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name; `open` for the one that is always there.
    pub name: PolicyName,
    /// What is demanded.
    pub demand: Demand,
    /// The consumers it admits; `None` admits every configured one.
    pub consumers: Option<Vec<ConsumerName>>,
    /// The line of the configuration where it starts; 0 for `open`.
    pub line: usize,
}

/// What a policy demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: anyone may call.
    Open,
    /// Every one of these proofs, all of the same consumer.
    AllOf(Proof),
    /// At least one of these; what is shown must be right, and of one consumer.
    AnyOf(Proof),
}

/// The proofs that a policy takes; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// A client certificate of a consumer.
    pub certificate: bool,
    /// A signature by a consumer's credential.
    pub signature: Option<SignatureDemand>,
}

/// How a signature must be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureDemand {
    /// How path and query are canonicalised.
    pub profile: SignatureProfile,
    /// The service of the credential scope.
    pub service: String,
    /// The region of the credential scope.
    pub region: String,
    /// Seconds by which the signature's time may be off, both ways; at least 1.
    pub max_skew_secs: u32,
    /// Whether `UNSIGNED-PAYLOAD` is taken, over TLS only.
    pub unsigned_payload: bool,
    /// The largest body taken from callers that send no `x-amz-content-sha256`: it is held
    /// until its hash, and with it the signature, is known.
    pub max_buffered_body_bytes: u64,
}

/// How SigV4's canonical request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureProfile {
    /// Every service but S3: the path is normalised and encoded twice.
    Aws,
    /// S3: the path is taken as it is and encoded once.
    S3,
}

/// The policy that is always there.
pub(super) const OPEN: &str = "open";

const PROFILES: [(&str, SignatureProfile); 2] =
    [("aws", SignatureProfile::Aws), ("s3", SignatureProfile::S3)];

/// Reads every `[[policy]]`; `open` comes first.
pub(super) fn read(
    root: &mut Table<'_>,
    names: &mut Declared,
    consumers: &Declared,
) -> Vec<Policy> {
    let mut policies = vec![Policy {
        name: PolicyName::new(OPEN),
        demand: Demand::Open,
        consumers: None,
        line: 0,
    }];
    for mut table in root.tables("policy") {
        let line = table.line();
        let name = names.name_of(&mut table);
        let signature = read_signature(&mut table);
        let demand = read_demand(&mut table, signature);
        let admitted = read_consumers(&mut table, consumers);
        table.finish();
        if let (Some(name), Some(demand)) = (name, demand) {
            policies.push(Policy {
                name: PolicyName::new(name),
                demand,
                consumers: admitted,
                line,
            });
        }
    }
    policies
}

fn read_demand(table: &mut Table<'_>, signature: Option<SignatureDemand>) -> Option<Demand> {
    const CURE: &str =
        "write all_of = [\"certificate\", \"signature\"], or any_of, or one of the two words";
    let document = table.document();
    let line = table.line();
    let signature_line = table.line_of("signature");
    let both = table.has("all_of") && table.has("any_of");
    let (key, all) = match table.has("any_of") {
        true => ("any_of", false),
        false => ("all_of", true),
    };
    let words = table.texts(key);
    let other = table.texts(if all { "any_of" } else { "all_of" });
    if both || (words.is_none() && other.is_none()) {
        let text = match both {
            true => "a policy has either \"all_of\" or \"any_of\", not both".to_owned(),
            false => format!("a policy must say what it demands; {CURE}"),
        };
        document.note(line, text);
        return None;
    }
    let words = words.unwrap_or_default();
    if words.is_empty() {
        document.note(
            line,
            format!("\"{key}\" is empty, which would let anyone in; {CURE}"),
        );
        return None;
    }
    let certificate = wants(table, &words, "certificate");
    let by_signature = wants(table, &words, "signature");
    for word in words
        .iter()
        .filter(|w| !matches!(w.value.as_str(), "certificate" | "signature"))
    {
        let hint = crate::problem::suggestion(&word.value, ["certificate", "signature"]);
        document.note(word.line, format!("\"{}\" is no proof{hint}", word.value));
    }
    match (by_signature, table.was_there("signature")) {
        (true, false) => document.note(
            line,
            "a policy that demands a signature says which: signature = { schemes = [\"sigv4\"], service = \"execute-api\", region = \"us-east-1\" }",
        ),
        (false, true) => document.note(
            signature_line,
            format!("\"signature\" describes a signature that \"{key}\" does not demand"),
        ),
        _ => {}
    }
    let proof = Proof {
        certificate,
        signature: signature.filter(|_| by_signature),
    };
    Some(match all {
        true => Demand::AllOf(proof),
        false => Demand::AnyOf(proof),
    })
}

fn wants(table: &Table<'_>, words: &[Placed<String>], word: &str) -> bool {
    let mut found = words.iter().filter(|one| one.value == word);
    let first = found.next();
    if let Some(again) = found.next() {
        table
            .document()
            .note(again.line, format!("\"{word}\" is demanded twice"));
    }
    first.is_some()
}

fn read_signature(table: &mut Table<'_>) -> Option<SignatureDemand> {
    let mut table = table.table("signature")?;
    let document = table.document();
    let schemes = table
        .need("schemes", "write schemes = [\"sigv4\"]")
        .texts("schemes");
    for scheme in schemes
        .iter()
        .flatten()
        .filter(|scheme| scheme.value != "sigv4")
    {
        document.note(
            scheme.line,
            format!(
                "\"{}\" is no signature scheme; known is \"sigv4\"",
                scheme.value
            ),
        );
    }
    if schemes.as_ref().is_some_and(Vec::is_empty) {
        document.note(
            table.line(),
            "\"schemes\" is empty; write schemes = [\"sigv4\"]",
        );
    }
    let service = table
        .need(
            "service",
            "for callers of API Gateway it is \"execute-api\"",
        )
        .text("service");
    let region = table
        .need("region", "write for example region = \"us-east-1\"")
        .text("region");
    let profile = table
        .word("profile", &PROFILES)
        .unwrap_or(SignatureProfile::Aws);
    let max_skew_secs = table.integer("max_skew_secs", 1..=900).unwrap_or(300);
    let unsigned_payload = table.boolean("unsigned_payload").unwrap_or(false);
    let most = 1 << 30;
    let max_buffered_body_bytes = table
        .integer("max_buffered_body_bytes", 0..=most)
        .unwrap_or(1 << 20);
    table.finish();
    Some(SignatureDemand {
        profile,
        service: service?.value,
        region: region?.value,
        max_skew_secs,
        unsigned_payload,
        max_buffered_body_bytes,
    })
}

fn read_consumers(table: &mut Table<'_>, consumers: &Declared) -> Option<Vec<ConsumerName>> {
    let document = table.document();
    let line = table.line_of("consumers");
    let names = table.texts("consumers")?;
    if names.is_empty() {
        document.note(line, "\"consumers\" is empty, which would admit nobody; leave it out to admit every consumer");
    }
    for name in &names {
        consumers.check(document, "a policy", name);
    }
    Some(
        names
            .into_iter()
            .map(|name| ConsumerName::new(name.value))
            .collect(),
    )
}
