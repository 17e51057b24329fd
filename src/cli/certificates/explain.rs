//! `certificates explain`: what the gateway would make of a certificate, and why. In: a chain and
//! the door that its holder would come to. Out: lines for a person, and whether it would be
//! believed. Judged by what judges in a handshake, lists and responders included.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rustls_pki_types::CertificateDer;

use crate::authorize::failing;
use crate::bundle::read_bundle;
use crate::cli::ConfigFile;
use crate::clock::UtcTime;
use crate::config::{ClientCertificateMode, Demand};
use crate::digest::hex;
use crate::distrust::Distrust;
use crate::identity::{Identity, Vouched};
use crate::snapshot::Snapshot;
use crate::tls::Door;
use crate::trust::{Judgement, Trust, Trusts, Voucher};

/// Which certificate, where.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The certificate that the caller would show, in PEM, with its intermediates behind it
    certificate: PathBuf,
    /// The listener that it would come to
    #[arg(long, value_name = "NAME")]
    listener: String,
    /// The host that it would ask for in the handshake
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    #[command(flatten)]
    file: ConfigFile,
}

/// Explains; the code is 1 when the certificate would not be believed.
pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let snapshot = crate::cli::open(&options.file.config)?;
    let chain = read_bundle(&options.certificate).map_err(anyhow::Error::msg)?;
    let mut listeners = snapshot.listeners();
    let found = listeners.find(|one| one.settings.name.as_str() == options.listener);
    let Some(listener) = found else {
        let all = snapshot.listeners().map(|one| one.settings.name.as_str());
        let all: Vec<&str> = all.collect();
        bail!(
            "there is no listener \"{}\"; there is {}",
            options.listener,
            all.join(", ")
        );
    };
    let Some(tls) = &listener.tls else {
        bail!(
            "listener \"{}\" is plaintext: nobody can show a certificate",
            options.listener
        );
    };
    let door = tls.door(options.host.as_deref());
    let mut text = String::new();
    let believed = explain(&mut text, &snapshot, door, &chain)?;
    print!("{text}");
    Ok(ExitCode::from(u8::from(!believed)))
}

fn explain(
    text: &mut String,
    snapshot: &Snapshot,
    door: &Door,
    chain: &[CertificateDer<'_>],
) -> anyhow::Result<bool> {
    let identity = match Identity::parse(&chain[0]) {
        Ok(identity) => identity,
        Err(why) => {
            let _ = writeln!(
                text,
                "verdict      refused in the handshake: malformed: {why}"
            );
            return Ok(false);
        }
    };
    describe(text, &identity, chain.len());
    let mode = door.mode().as_str();
    let Some(trust) = door.trust() else {
        let (said, means) = match door.mode() {
            ClientCertificateMode::Unverified => (
                "taken unverified",
                "it is passed on and proves nothing: a policy that demands a certificate refuses it",
            ),
            _ => ("not asked for", "nobody looks at it"),
        };
        let _ = writeln!(text, "door         {mode}");
        let _ = writeln!(text, "verdict      {said}: {means}");
        return Ok(false);
    };
    let _ = writeln!(
        text,
        "door         {mode}, trust store \"{}\"",
        trust.name()
    );
    match judge(snapshot.trusts(), trust, chain, &identity)? {
        Ok(judgement) => {
            let by = match judgement.by {
                Voucher::Pin => "a pin".to_owned(),
                Voucher::PinOfKey => "a pin of its key: no name that it says counts".to_owned(),
                Voucher::Authority(place) => {
                    format!("\"{}\"", trust.authority(place).unwrap_or_default())
                }
            };
            let until = judgement.until;
            let _ = writeln!(
                text,
                "verdict      trusted, by {by}; judged anew after {until}"
            );
            let vouched_for = match judgement.by {
                Voucher::PinOfKey => identity.of_key_alone(),
                Voucher::Pin | Voucher::Authority(_) => identity,
            };
            let vouched = Vouched {
                identity: &vouched_for,
                trust_store: trust.rule_name(),
                spiffe_trust_domains: trust.spiffe_trust_domains(),
            };
            tell_consumer(text, snapshot, &vouched);
            tell_rules(text, snapshot, &vouched);
            Ok(true)
        }
        Err(why) => {
            let _ = writeln!(
                text,
                "verdict      refused in the handshake: {}: {why}",
                why.code()
            );
            let _ = writeln!(text, "cure         {}", cure(why));
            Ok(false)
        }
    }
}

fn describe(text: &mut String, identity: &Identity, certificates: usize) {
    let _ = writeln!(text, "certificate  {}", identity.subject());
    let _ = writeln!(text, "issuer       {}", identity.issuer());
    let _ = writeln!(text, "serial       {}", identity.serial());
    let _ = writeln!(
        text,
        "valid        {} to {}",
        identity.not_before(),
        identity.not_after()
    );
    let names = identity.names();
    let listed = [
        ("URI", names.uri.clone()),
        ("DNS", names.dns.clone()),
        ("e-mail", names.email.clone()),
        ("IP", names.ip.iter().map(ToString::to_string).collect()),
    ];
    for (kind, all) in listed {
        for name in all {
            let _ = writeln!(text, "name         {kind} {name}");
        }
    }
    let _ = writeln!(text, "fingerprint  {}", hex(identity.fingerprint()));
    let _ = writeln!(text, "public key   {}", hex(identity.public_key()));
    let behind = certificates - 1;
    let _ = writeln!(text, "shown        it, and {behind} behind it");
}

/// As the first request on a connection is judged: what a responder says is waited for.
fn judge(
    trusts: &Trusts,
    trust: &Trust,
    chain: &[CertificateDer<'_>],
    identity: &Identity,
) -> anyhow::Result<Result<Judgement, Distrust>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("there is no runtime")?;
    let now = UtcTime::now();
    Ok(runtime.block_on(async {
        tokio::spawn(trusts.responders().clone().run());
        trust.judge_handshake(chain, identity, now)?;
        trust.settle(chain, now).await;
        trust.judge(chain, identity, now)
    }))
}

fn tell_consumer(text: &mut String, snapshot: &Snapshot, vouched: &Vouched<'_>) {
    let line = match snapshot.authorizer().consumer_of(vouched, UtcTime::now()) {
        Some(consumer) => consumer.to_string(),
        None => {
            "none: a policy that demands a certificate refuses it (certificate_unknown); give a [[consumer]] a \"certificate\" that fits".to_owned()
        }
    };
    let _ = writeln!(text, "consumer     {line}");
}

/// What each policy that wants more of a certificate makes of this one.
fn tell_rules(text: &mut String, snapshot: &Snapshot, vouched: &Vouched<'_>) {
    for policy in &snapshot.config().policies {
        let rule = match &policy.demand {
            Demand::Open => continue,
            Demand::AllOf(proof) | Demand::AnyOf(proof) => proof.certificate_rule.as_ref(),
        };
        let Some(rule) = rule else {
            continue;
        };
        let name = &policy.name;
        let _ = match failing(rule, vouched, UtcTime::now()) {
            None => writeln!(text, "policy       {name}: its rule holds"),
            Some(condition) => {
                writeln!(text, "policy       {name}: its rule fails: {condition}")
            }
        };
    }
}

/// What an operator can do about it.
fn cure(why: Distrust) -> &'static str {
    match why {
        Distrust::Missing => "have the caller show a certificate",
        Distrust::Malformed | Distrust::AmbiguousName | Distrust::Invalid => {
            "have a well-formed certificate issued"
        }
        Distrust::Expired => "have a new certificate issued; look at the authority's own end, too",
        Distrust::NotYetValid => "wait, or mend the clock of this machine or of the authority",
        Distrust::UnknownIssuer => {
            "add the issuing authority to \"authorities\" of the trust store, have the caller send its intermediates, or pin the certificate"
        }
        Distrust::BadSignature => {
            "the authority of that name in the trust store is another one: replace its certificate"
        }
        Distrust::BadPurpose => "have it issued with the extended key usage clientAuth",
        Distrust::BadKeyUsage => {
            "have it issued with the key usage digitalSignature (authorities: keyCertSign), or write check_key_usage = false"
        }
        Distrust::AuthorityAsCaller => {
            "have one issued that is no authority's (CA:FALSE), or pin this very certificate"
        }
        Distrust::NotAnAuthority => "have it issued by an authority, within its path length",
        Distrust::NameConstraint => "have it issued by an authority that may give these names",
        Distrust::WeakKey => "have it issued for a longer key",
        Distrust::WeakSignature => "have it issued with SHA-256 or better",
        Distrust::ChainTooLong => {
            "have the caller send only what leads to an authority, or raise max_chain_certificates"
        }
        Distrust::Revoked => "have a new certificate issued",
        Distrust::RevocationUnknown => {
            "name a CRL of every authority in the chain in \"crls\", see that the responder answers, or write unknown = \"allow\""
        }
        Distrust::RevocationStale => {
            "have the authority publish a new CRL, or bear old ones with stale_grace_secs"
        }
        Distrust::BadSpiffeId => {
            "add its trust domain to spiffe_trust_domains, if it is this store's"
        }
        Distrust::Unverified | Distrust::NotAsked => "ask for certificates at this door",
    }
}
