//! What a request would meet, in words: for `routes explain`.
//! In: a snapshot, a call and perhaps a certificate. Out: lines for a person, and whether
//! the call could be served. Runs the very stages that serve traffic.

use std::fmt::Write as _;

use crate::authorize::Answers;
use crate::authorize::failing;
use crate::call::Call;
use crate::clock::UtcTime;
use crate::config::{
    Demand, HmacDemand, Policy, Proof, SigV4Algorithm, SigV4Demand, SignatureDemand,
    SignatureProfile, StsDemand,
};
use crate::distrust::Distrust;
use crate::identity::{Caller, Identity, Shown, Vouched};
use crate::refusal::Refusal;
use crate::signature::{Evidence, KnownBody, Working};
use crate::snapshot::Snapshot;

use super::{Circumstances, Decision, decide};

/// What a request would meet.
pub struct Explanation {
    /// For a person to read.
    pub text: String,
    /// Whether it could be served, given a right signature where one is needed.
    pub served: bool,
}

/// What is to be supposed of a call that is explained.
#[derive(Clone, Copy)]
pub struct Showing<'a> {
    /// Whom its certificate is about.
    pub identity: Option<&'a Identity>,
    /// Whether it comes over TLS.
    pub secure: bool,
    /// Its body.
    pub body: KnownBody<'a>,
    /// When it comes.
    pub now: UtcTime,
}

/// Explains what `call` would meet.
pub fn explain(snapshot: &Snapshot, call: &Call<'_>, showing: &Showing<'_>) -> Explanation {
    let identity = showing.identity;
    let mut text = String::new();
    let hit = match snapshot.routes().find(call) {
        Ok(hit) => hit,
        Err(refusal) => {
            refused(&mut text, &refusal);
            return Explanation {
                text,
                served: false,
            };
        }
    };
    let route = hit.route();
    let policy = snapshot.authorizer().policy(&hit);
    let _ = writeln!(text, "route        {}", route.name);
    let _ = writeln!(text, "path         {}", route.path);
    let _ = writeln!(text, "integration  {}", route.integration);
    let _ = writeln!(text, "policy       {}: {}", policy.name, demand(policy));
    if let Some(consumers) = &policy.consumers {
        let names: Vec<&str> = consumers.iter().map(|name| name.as_str()).collect();
        let _ = writeln!(text, "admits       {}", names.join(", "));
    }
    let domains = trust_domains(identity);
    let vouched = identity.map(|identity| Vouched {
        identity,
        trust_store: only_store(snapshot),
        spiffe_trust_domains: &domains,
    });
    if let Some(vouched) = &vouched {
        describe_certificate(&mut text, snapshot, vouched, showing.now);
    }
    describe_rule(&mut text, policy, vouched.as_ref(), showing.now);
    let leave = Leave::of(policy);
    let served = outcome(&mut text, snapshot, call, showing, vouched, &leave);
    Explanation { text, served }
}

/// What the signature of `call` is checked against; `None` when it has none that its route
/// looks at.
pub fn workings(
    snapshot: &Snapshot,
    call: &Call<'_>,
    showing: &Showing<'_>,
) -> Option<Result<Vec<Working>, Refusal>> {
    let hit = snapshot.routes().find(call).ok()?;
    let evidence = Evidence {
        call,
        body: showing.body,
        secure: showing.secure,
        now: showing.now,
        timely: true,
    };
    snapshot.authorizer().workings(&hit, &evidence)
}

/// Which store would believe it depends on the listener; where there is one store, it is that.
fn only_store(snapshot: &Snapshot) -> Option<&str> {
    let mut stores = snapshot.trusts().iter();
    match (stores.next(), stores.next()) {
        (Some(store), None) => store.rule_name(),
        _ => None,
    }
}

/// The certificate is supposed to be trusted, and the one who issued it to speak for its domain.
fn trust_domains(identity: Option<&Identity>) -> Vec<String> {
    let id = identity.and_then(Identity::spiffe);
    id.map(|id| id.trust_domain().to_owned())
        .into_iter()
        .collect()
}

fn outcome(
    text: &mut String,
    snapshot: &Snapshot,
    call: &Call<'_>,
    showing: &Showing<'_>,
    vouched: Option<Vouched<'_>>,
    leave: &Leave,
) -> bool {
    let now = showing.now;
    let certificate = match vouched {
        None => Shown::Nothing,
        Some(vouched) if vouched.identity.is_valid_at(now) => Shown::Trusted(vouched),
        Some(_) => Shown::Untrusted(Distrust::Expired),
    };
    let around = Circumstances {
        caller: Caller {
            certificate,
            sni: call
                .host()
                .parse::<std::net::IpAddr>()
                .is_err()
                .then_some(call.host()),
            secure: showing.secure,
            address: None,
        },
        tls: None,
        body: showing.body,
        answers: &Answers::default(),
        max_body_bytes: u64::MAX,
        now,
        timely: true,
    };
    match decide(snapshot, call, &around).outcome {
        Ok(Decision::Serve(plan)) => {
            let consumer = plan.consumer().map_or("anyone", |name| name.as_str());
            let _ = writeln!(text, "outcome      served, as {consumer}");
            true
        }
        Ok(Decision::Ask(question)) if question.stage().is_some() => {
            let _ = writeln!(text, "outcome      served when {}", leave.needed);
            true
        }
        Ok(Decision::Ask(_)) => {
            let _ = writeln!(
                text,
                "outcome      served, unless whoever must be asked says no"
            );
            true
        }
        Ok(Decision::ReadBody { .. }) => {
            let _ = writeln!(
                text,
                "outcome      served when the signature is right{}",
                leave.also
            );
            true
        }
        Err(Refusal::SignatureRequired(_)) => {
            let _ = writeln!(
                text,
                "outcome      served when it is signed{}; unsigned: 401 signature_required",
                leave.also
            );
            true
        }
        Err(Refusal::AuthorizerUnauthorized) => {
            let _ = writeln!(
                text,
                "outcome      served when {}; without what it asks about: 401 authorizer_unauthorized",
                leave.needed
            );
            true
        }
        Err(refusal) => {
            refused(text, &refusal);
            false
        }
    }
}

/// What an authorizer must do, which only its function can say; empty when there is none.
struct Leave {
    needed: String,
    /// The same, beside a signature that needs it.
    also: String,
}

impl Leave {
    fn of(policy: &Policy) -> Self {
        let authorizer = policy.demand.authorizer();
        let needed = authorizer.map_or_else(String::new, |name| {
            format!("the function of authorizer {name} lets it pass")
        });
        let also = match &policy.demand {
            Demand::AllOf(_) if !needed.is_empty() => format!(" and {needed}"),
            _ => String::new(),
        };
        Self { needed, also }
    }
}

fn refused(text: &mut String, refusal: &Refusal) {
    let (status, code, message) = (refusal.status(), refusal.code(), refusal.message());
    let _ = writeln!(text, "outcome      refused: {status} {code}: {message}");
    if !refusal.detail().is_empty() {
        let _ = writeln!(text, "             ({})", refusal.detail());
    }
    if let Refusal::MethodNotAllowed { allow } = refusal {
        let _ = writeln!(text, "             (allowed: {allow})");
    }
}

fn describe_certificate(
    text: &mut String,
    snapshot: &Snapshot,
    vouched: &Vouched<'_>,
    now: UtcTime,
) {
    let identity = vouched.identity;
    let consumer = snapshot.authorizer().consumer_of(vouched, now);
    let consumer = consumer.map_or("no consumer", |name| name.as_str());
    let _ = writeln!(text, "certificate  {}, of {consumer}", identity.subject());
    let _ = writeln!(
        text,
        "             valid {} to {}",
        identity.not_before(),
        identity.not_after()
    );
    if let Some(id) = identity.spiffe() {
        let _ = writeln!(text, "             SPIFFE ID {}", id.as_str());
    }
}

/// What the policy wants of a certificate, and what of that this one is not.
fn describe_rule(text: &mut String, policy: &Policy, vouched: Option<&Vouched<'_>>, now: UtcTime) {
    let (Demand::AllOf(proof) | Demand::AnyOf(proof)) = &policy.demand else {
        return;
    };
    let Some(rule) = &proof.certificate_rule else {
        return;
    };
    let _ = writeln!(text, "rule         {rule}");
    if let Some(vouched) = vouched {
        let _ = match failing(rule, vouched, now) {
            None => writeln!(text, "             holds"),
            Some(condition) => writeln!(text, "             fails: {condition}"),
        };
    }
}

fn demand(policy: &Policy) -> String {
    match &policy.demand {
        Demand::Open => "anyone may call".to_owned(),
        Demand::AllOf(proof) => proofs(proof, " and "),
        Demand::AnyOf(proof) => proofs(proof, " or "),
    }
}

fn proofs(proof: &Proof, joint: &str) -> String {
    let certificate = proof.certificate.then(|| "a client certificate".to_owned());
    let signature = proof.signature.as_ref().map(signature);
    let authorizer = proof.authorizer.as_ref();
    let authorizer = authorizer.map(|name| format!("the leave of authorizer {name}"));
    let all = certificate.into_iter().chain(signature).chain(authorizer);
    let all: Vec<String> = all.collect();
    all.join(joint)
}

fn signature(demand: &SignatureDemand) -> String {
    let sts = |demand: &StsDemand| format!("an identity of AWS IAM for {}", demand.audience);
    let message = demand.rfc9421.as_ref();
    let schemes = [
        demand.sigv4.as_ref().map(sigv4),
        message.map(|_| "a signature of RFC 9421".to_owned()),
        demand.hmac.as_ref().map(hmac),
        demand.sts.as_ref().map(sts),
    ];
    schemes
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" or ")
}

fn hmac(demand: &HmacDemand) -> String {
    // Line breaks in the template would break the line.
    let signed = demand.signed.to_string().escape_debug().to_string();
    format!("an HMAC in {} of \"{signed}\"", demand.header)
}

fn sigv4(demand: &SigV4Demand) -> String {
    let profile = match demand.profile {
        SignatureProfile::Aws => "aws",
        SignatureProfile::S3 => "s3",
    };
    let SigV4Demand {
        service, region, ..
    } = demand;
    let url = match demand.max_expires_secs {
        None => String::new(),
        Some(secs) => format!(", also of a URL for up to {secs} s"),
    };
    let schemes = demand.algorithms.iter().map(|algorithm| match algorithm {
        SigV4Algorithm::Hmac => "SigV4",
        SigV4Algorithm::Ecdsa => "SigV4a",
    });
    let schemes = schemes.collect::<Vec<_>>().join(" or ");
    format!("a {schemes} signature for {service} in {region} ({profile} profile){url}")
}
