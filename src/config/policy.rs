//! `[[policy]]`: what a route demands of its callers.

use std::sync::Arc;

use crate::config::certificate_rule::{CertificateRule, CertificateRules};
use crate::config::declared::Declared;
use crate::config::signature::{self, SignatureDemand};
use crate::config::{Consumer, Listener};
use crate::document::{Document, Placed, Table, alternatives};
use crate::names::{AuthorizerName, ConsumerName, PolicyName};
use crate::problem::suggestion;

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

impl Demand {
    /// Whether a caller may pass who is no consumer, because an authorizer says so.
    fn lets_strangers_in(&self) -> bool {
        match self {
            Self::Open => false,
            Self::AllOf(proof) => !proof.certificate && proof.signature.is_none(),
            Self::AnyOf(proof) => proof.authorizer.is_some(),
        }
    }

    /// The authorizer that is asked, when one is.
    pub fn authorizer(&self) -> Option<&AuthorizerName> {
        match self {
            Self::Open => None,
            Self::AllOf(proof) | Self::AnyOf(proof) => proof.authorizer.as_ref(),
        }
    }

    /// How a signature must be made, when one is taken.
    pub fn signature(&self) -> Option<&SignatureDemand> {
        match self {
            Self::Open => None,
            Self::AllOf(proof) | Self::AnyOf(proof) => proof.signature.as_ref(),
        }
    }
}

/// The proofs that a policy takes; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// A client certificate of a consumer.
    pub certificate: bool,
    /// What that certificate must be besides. With [`Demand::AnyOf`] it holds for whoever shows
    /// a consumer's certificate, signature or not: what is shown must be right.
    pub certificate_rule: Option<Arc<CertificateRule>>,
    /// A signature by a consumer's credential.
    pub signature: Option<SignatureDemand>,
    /// The leave of an authorizer; with [`Demand::AnyOf`] it is asked when nothing else is shown.
    pub authorizer: Option<AuthorizerName>,
}

const OPEN: &str = "open";
const CERTIFICATE: &str = "certificate";
const SIGNATURE: &str = "signature";
const AUTHORIZER: &str = "authorizer";

/// What the other sections have declared.
pub(super) struct Known<'c> {
    /// The names of the consumers.
    pub(super) consumers: &'c Declared,
    /// The names of the authorizers.
    pub(super) authorizers: &'c Declared,
    /// The listeners.
    pub(super) listeners: &'c [Listener],
    /// The rules for certificates.
    pub(super) rules: &'c mut CertificateRules,
}

/// Reads every `[[policy]]`; `open` goes before them.
pub(super) fn read(root: &mut Table<'_>, known: &mut Known<'_>) -> (Vec<Policy>, Declared) {
    let mut names = Declared::new("policy");
    names.reserve(OPEN);
    let mut policies = vec![Policy {
        name: PolicyName::new(OPEN),
        demand: Demand::Open,
        consumers: None,
        line: 0,
    }];
    for mut table in root.tables("policy") {
        let line = table.line();
        let name = names.name_of(&mut table).unwrap_or_default();
        let demand = read_demand(&mut table, known);
        check_listeners(&table, &demand, known.listeners);
        let consumers = read_consumers(&mut table, &demand, known.consumers);
        table.finish();
        policies.push(Policy {
            name: PolicyName::new(name),
            demand,
            consumers,
            line,
        });
    }
    (policies, names)
}

/// Notes it when a policy names a credential by which nobody could pass it.
pub(super) fn check_credentials(
    document: &Document<'_>,
    policies: &[Policy],
    consumers: &[Consumer],
) {
    for policy in policies {
        let hmac = policy.demand.signature().and_then(|one| one.hmac.as_ref());
        let named = hmac.iter().flat_map(|hmac| &hmac.credentials);
        for id in named {
            let owner = consumers.iter().find(|one| one.credentials.contains(id));
            let admits = |owner: &Consumer| {
                let admitted = policy.consumers.as_ref();
                admitted.is_none_or(|all| all.contains(&owner.name))
            };
            let problem = match owner {
                Some(owner) if admits(owner) => continue,
                Some(owner) => format!(
                    "is the one of consumer \"{}\", which the policy does not admit",
                    owner.name
                ),
                None => {
                    "is no consumer's; add it to the \"credentials\" of a [[consumer]]".to_owned()
                }
            };
            let line = hmac.map_or(policy.line, |hmac| hmac.line);
            let name = &policy.name;
            document.note(
                line,
                format!("credential \"{id}\" of policy \"{name}\" {problem}"),
            );
        }
    }
}

fn read_demand(table: &mut Table<'_>, known: &mut Known<'_>) -> Demand {
    let document = table.document();
    let (all, any) = (table.has("all_of"), table.has("any_of"));
    let line = table.line_of("any_of");
    let all_of = read_proofs(table, "all_of");
    let any_of = read_proofs(table, "any_of");
    if all && any {
        let text = format!(
            "{} has both \"all_of\" and \"any_of\"; keep one",
            table.label()
        );
        document.note(line, text);
    } else if !all && !any {
        let text = format!(
            "{} demands nothing; write all_of = [\"certificate\"], any_of = [\"certificate\", \"signature\"] or the like",
            table.label()
        );
        document.note(table.line(), text);
    }
    let proofs = match all {
        true => all_of,
        false => any_of,
    };
    let proof = Proof {
        certificate: proofs.iter().flatten().any(|proof| proof == CERTIFICATE),
        certificate_rule: read_certificate_rule(table, known.rules, proofs.as_deref()),
        signature: read_signature(table, proofs.as_deref()),
        authorizer: read_authorizer(table, proofs.as_deref(), known.authorizers),
    };
    match all {
        true => Demand::AllOf(proof),
        false => Demand::AnyOf(proof),
    }
}

/// The words under `key`; `None` when they are absent or wrong.
fn read_proofs(table: &mut Table<'_>, key: &'static str) -> Option<Vec<String>> {
    let document = table.document();
    let line = table.line_of(key);
    let words = table.texts(key)?;
    if words.is_empty() {
        let text = format!("\"{key}\" in {} must not be empty", table.label());
        document.note(line, text);
        return None;
    }
    let mut proofs: Vec<String> = Vec::new();
    let mut good = true;
    for Placed { value, line } in words {
        let known = [CERTIFICATE, SIGNATURE, AUTHORIZER];
        if !known.contains(&value.as_str()) {
            let text = format!(
                "\"{key}\" in {} holds \"{value}\", but must hold {}{}",
                table.label(),
                alternatives(known),
                suggestion(&value, known)
            );
            document.note(line, text);
            good = false;
        } else if proofs.contains(&value) {
            let text = format!("\"{key}\" in {} holds \"{value}\" twice", table.label());
            document.note(line, text);
        } else {
            proofs.push(value);
        }
    }
    good.then_some(proofs)
}

/// What a certificate must be, which is there only when one is taken; with `proofs` unknown, its
/// being there is not reported.
fn read_certificate_rule(
    table: &mut Table<'_>,
    rules: &mut CertificateRules,
    proofs: Option<&[String]>,
) -> Option<Arc<CertificateRule>> {
    let taken = proofs.is_none_or(|proofs| proofs.iter().any(|proof| proof == CERTIFICATE));
    if table.has(CERTIFICATE) && !taken {
        let text = format!(
            "{} says what a \"certificate\" must be, but takes none; add \"certificate\" to \"all_of\" or \"any_of\", or leave the key out",
            table.label()
        );
        table.document().note(table.line_of(CERTIFICATE), text);
    }
    match table.has(CERTIFICATE) {
        true => rules.rule(table, CERTIFICATE),
        false => None,
    }
}

/// The table `signature`, which is there exactly when a signature is demanded; with
/// `proofs` unknown, neither is reported.
fn read_signature(table: &mut Table<'_>, proofs: Option<&[String]>) -> Option<SignatureDemand> {
    let document = table.document();
    let demanded = proofs.map(|proofs| proofs.iter().any(|proof| proof == SIGNATURE));
    let line = table.line_of(SIGNATURE);
    let given = table.has(SIGNATURE);
    let below = table.table(SIGNATURE);
    let problem = match demanded {
        Some(true) if !given => {
            "demands a signature but does not say of what kind; write signature = { schemes = [\"sigv4\"], service = \"…\", region = \"…\" }"
        }
        Some(false) if given => {
            "describes a \"signature\" that it does not demand; add \"signature\" to \"all_of\" or \"any_of\", or leave the table out"
        }
        _ => return below.map(signature::read),
    };
    document.note(line, format!("{} {problem}", table.label()));
    below.map(signature::read)
}

/// The name of the authorizer, which is there exactly when its leave is demanded.
fn read_authorizer(
    table: &mut Table<'_>,
    proofs: Option<&[String]>,
    names: &Declared,
) -> Option<AuthorizerName> {
    let document = table.document();
    let demanded = proofs.map(|proofs| proofs.iter().any(|proof| proof == AUTHORIZER));
    let line = table.line_of(AUTHORIZER);
    let given = table.has(AUTHORIZER);
    let name = table.text(AUTHORIZER);
    let problem = match demanded {
        Some(true) if !given => {
            "demands an authorizer's leave but does not say whose; write authorizer = \"…\" with the name of an [[authorizer]]"
        }
        Some(false) if given => {
            "names an \"authorizer\" that it does not ask; add \"authorizer\" to \"all_of\" or \"any_of\", or leave the key out"
        }
        _ => {
            let name = name?;
            names.check(document, table.label(), &name);
            return Some(AuthorizerName::new(name.value));
        }
    };
    document.note(line, format!("{} {problem}", table.label()));
    None
}

fn read_consumers(
    table: &mut Table<'_>,
    demand: &Demand,
    names: &Declared,
) -> Option<Vec<ConsumerName>> {
    let document = table.document();
    let line = table.line_of("consumers");
    let used = table.texts("consumers")?;
    if used.is_empty() {
        let text = format!(
            "{} admits nobody; name a consumer, or leave \"consumers\" out to admit every one",
            table.label()
        );
        document.note(line, text);
    }
    if demand.lets_strangers_in() {
        let text = format!(
            "{} names \"consumers\", but an authorizer alone, which knows none of them, may let a call pass; leave them out, or demand a certificate or a signature in \"all_of\"",
            table.label()
        );
        document.note(line, text);
    }
    for name in &used {
        names.check(document, table.label(), name);
    }
    Some(
        used.into_iter()
            .map(|name| ConsumerName::new(name.value))
            .collect(),
    )
}

/// Notes it when a certificate must be shown and no listener would ask for one.
fn check_listeners(table: &Table<'_>, demand: &Demand, listeners: &[Listener]) {
    let asks = |listener: &Listener| {
        listener.tls.as_ref().is_some_and(|tls| {
            let mut hosts = tls.hosts.iter();
            tls.client_certificate.proves() || hosts.any(|host| host.client_certificate.proves())
        })
    };
    let demanded = matches!(demand, Demand::AllOf(proof) if proof.certificate);
    if demanded && !listeners.is_empty() && !listeners.iter().any(asks) {
        let text = format!(
            "{} demands a certificate, but no listener asks for one; write client_certificate = {{ mode = \"optional\", trust = [\"…\"] }} in a [[listener]]",
            table.label()
        );
        table.document().note(table.line(), text);
    }
}
