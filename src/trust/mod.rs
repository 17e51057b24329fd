//! Whose word is taken for callers' certificates. In: a trust store's configuration, opened
//! once; then chains, leaf first. Out: until when a chain is believed, or the one reason why not.
//! webpki builds the path; what it leaves out by design is checked here: pins, KeyUsage, the
//! authorities' own times, the strength of keys. Knows nothing of TLS.

mod authorities;
mod believed;
mod chain;
mod inspect;
mod lists;
mod pins;
mod revocation;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::CertificateDer;
use rustls::{DistinguishedName, crypto::WebPkiSupportedAlgorithms};

use crate::clock::UtcTime;
use crate::config::{Config, TrustStore};
use crate::distrust::Distrust;
use crate::identity::{Identity, Vouched};
use crate::names::TrustStoreName;
use crate::problem::Problems;
use crate::revocation::ocsp::{OcspCache, OcspKey};

use authorities::Authorities;
use believed::{Believed, ChainId};
use inspect::Inspected;
use pins::Pins;
use revocation::{Moment, Revocation};

pub use lists::{List, Lists};

/// A trust store, opened.
#[derive(Debug)]
pub struct Trust {
    id: TrustId,
    settings: Arc<TrustStore>,
    authorities: Arc<Authorities>,
    pins: Arc<Pins>,
    revocation: Option<Revocation>,
    believed: Believed,
}

/// What a trust consists of, as a hash: equal exactly when the trust is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrustId([u8; 32]);

/// A chain that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The last second for which this holds: then the chain must be judged anew.
    pub until: UtcTime,
    /// What vouches for it.
    pub by: Voucher,
    /// What of it was needed: one bit for each certificate that was shown, the lowest for the
    /// caller's own.
    needed: u32,
}

impl Judgement {
    /// Whether the certificate at this place of what was shown was needed. Whatever else a caller
    /// shows is its own word.
    pub fn needed(&self, place: usize) -> bool {
        place < MAX_SHOWN && self.needed & (1 << place) != 0
    }
}

/// More than any store takes.
const MAX_SHOWN: usize = 32;

/// What vouches for a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// The pin of a certificate, for all that it says.
    Pin,
    /// The pin of a key, for that alone: its holder can write any name beside it.
    PinOfKey,
    /// The authority at this place of the store.
    Authority(usize),
}

/// Every trust store that a listener uses.
#[derive(Clone, Default)]
pub struct Trusts {
    all: Vec<Arc<Trust>>,
    responders: Arc<OcspCache>,
}

impl Trusts {
    /// Opens the stores of a valid configuration, whose `lists` were loaded. What responders have
    /// said is taken over from `previous`.
    ///
    /// # Errors
    /// Every file that is missing, empty, unreadable or holds what cannot be trusted.
    pub fn open(config: &Config, lists: &Lists, previous: Option<&Self>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut all = Self {
            all: Vec::new(),
            responders: previous.map_or_else(Arc::default, |before| before.responders.clone()),
        };
        for store in config.trust_stores() {
            if all.find(store).is_some() {
                continue;
            }
            match Trust::open(&config.file, store.clone(), lists, &all.responders) {
                Ok(trust) => all.all.push(Arc::new(trust)),
                Err(found) => problems.extend(found),
            }
        }
        problems.or_ok(all)
    }

    /// The trust of `store`; `None` when the configuration was another one.
    pub fn find(&self, store: &TrustStore) -> Option<&Arc<Trust>> {
        self.all.iter().find(|trust| *trust.settings == *store)
    }

    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Trust>> {
        self.all.iter()
    }

    /// The same stores with other `lists`. Those that ask no list are the very same.
    pub fn with_lists(&self, lists: &Lists) -> Self {
        let all = self.all.iter().map(|trust| match &trust.revocation {
            None => trust.clone(),
            Some(_) => Arc::new(trust.with_lists(lists, &self.responders)),
        });
        Self {
            all: all.collect(),
            responders: self.responders.clone(),
        }
    }

    /// What responders have said of callers' certificates.
    pub fn responders(&self) -> &Arc<OcspCache> {
        &self.responders
    }
}

impl Trust {
    fn open(
        file: &Path,
        settings: Arc<TrustStore>,
        lists: &Lists,
        responders: &Arc<OcspCache>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let authorities = Authorities::open(file, &settings).map_err(|e| problems.extend(e));
        let pins = Pins::open(file, &settings.pins).map_err(|e| problems.extend(e));
        let (Ok(authorities), Ok(pins)) = (authorities, pins) else {
            return Err(problems);
        };
        let (authorities, pins) = (Arc::new(authorities), Arc::new(pins));
        Ok(Self::assemble(
            settings,
            authorities,
            pins,
            lists,
            responders,
        ))
    }

    fn assemble(
        settings: Arc<TrustStore>,
        authorities: Arc<Authorities>,
        pins: Arc<Pins>,
        lists: &Lists,
        responders: &Arc<OcspCache>,
    ) -> Self {
        let revocation = settings.revocation.as_ref();
        let revocation =
            revocation.map(|one| Revocation::open(one, lists, &authorities, responders));
        Self {
            id: identify(&settings, &authorities, &pins, revocation.as_ref()),
            settings,
            authorities,
            pins,
            revocation,
            believed: Believed::default(),
        }
    }

    fn with_lists(&self, lists: &Lists, responders: &Arc<OcspCache>) -> Self {
        let (authorities, pins) = (self.authorities.clone(), self.pins.clone());
        Self::assemble(self.settings.clone(), authorities, pins, lists, responders)
    }

    /// What this trust consists of.
    pub fn id(&self) -> TrustId {
        self.id
    }

    /// The store's name.
    pub fn name(&self) -> &TrustStoreName {
        &self.settings.name
    }

    /// The name by which certificate rules ask for it, if they can.
    pub fn rule_name(&self) -> Option<&str> {
        self.settings.is_named.then_some(self.name().as_str())
    }

    /// The SPIFFE trust domains for which it speaks.
    pub fn spiffe_trust_domains(&self) -> &[String] {
        &self.settings.spiffe_trust_domains
    }

    /// The authorities whose names callers are told.
    pub fn hints(&self) -> Vec<DistinguishedName> {
        match self.advertises() {
            true => self.authorities.names().collect(),
            false => Vec::new(),
        }
    }

    /// Whether callers are told those names.
    pub fn advertises(&self) -> bool {
        let advertised = self.settings.advertise_ca_names;
        advertised.unwrap_or(self.pins.is_empty())
    }

    /// The subject and the last second of every authority, and of every certificate that is pinned
    /// by its file.
    pub fn ends(&self) -> impl Iterator<Item = (&str, UtcTime)> {
        self.authorities.ends().chain(self.pins.ends())
    }

    /// The subject of the authority at a place of the store, as RFC 4514 writes it.
    pub fn authority(&self, place: usize) -> Option<&str> {
        self.authorities.subject(place)
    }

    /// Judges a chain, leaf first, of which `identity` is what the leaf says.
    ///
    /// # Errors
    /// Why the chain is not believed.
    pub fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        identity: &Identity,
        now: UtcTime,
    ) -> Result<Judgement, Distrust> {
        self.judge_at(Moment::Request, chain, identity, now)
    }

    /// The same for a handshake, which waits for no responder: where one has not answered yet, the
    /// first request is judged anew.
    ///
    /// # Errors
    /// As [`Trust::judge`].
    pub fn judge_handshake(
        &self,
        chain: &[CertificateDer<'_>],
        identity: &Identity,
        now: UtcTime,
    ) -> Result<Judgement, Distrust> {
        self.judge_at(Moment::Handshake, chain, identity, now)
    }

    /// Waits until a responder has said something of the caller's certificate, where the store
    /// wants to know before it believes, and as long as the store allows.
    pub async fn settle(&self, chain: &[CertificateDer<'_>], now: UtcTime) {
        let revocation = self.revocation.as_ref();
        let wanted = revocation.and_then(|one| Some((one, one.settings().ocsp.as_ref()?)));
        let (Some((revocation, ocsp)), Some((leaf, rest))) = (wanted, chain.split_first()) else {
            return;
        };
        if ocsp.allow_unknown {
            return;
        }
        let path = chain::verify(self, leaf, rest, Moment::Handshake, now);
        if let Ok((_, path)) = path
            && let [caller, issuer, ..] = &path[..]
        {
            let key = OcspKey::of(caller, issuer);
            let settled = revocation.cache().settled(&key, now);
            // What is not known by then is refused.
            let _ = tokio::time::timeout(ocsp.timeout, settled).await;
        }
    }

    fn judge_at(
        &self,
        moment: Moment,
        chain: &[CertificateDer<'_>],
        identity: &Identity,
        now: UtcTime,
    ) -> Result<Judgement, Distrust> {
        let id = ChainId::of(chain);
        if let Some(judgement) = self.believed.find(&id, now) {
            return Ok(judgement);
        }
        let judgement = self.judge_anew(moment, chain, identity, now)?;
        self.believed.remember(id, judgement, now);
        Ok(judgement)
    }

    fn judge_anew(
        &self,
        moment: Moment,
        chain: &[CertificateDer<'_>],
        identity: &Identity,
        now: UtcTime,
    ) -> Result<Judgement, Distrust> {
        let (leaf, intermediates) = chain.split_first().ok_or(Distrust::Missing)?;
        if chain.len() > self.settings.max_chain_certificates {
            return Err(Distrust::ChainTooLong);
        }
        let inspected = Inspected::of(leaf)?;
        if let Some(by) = self.pins.find(identity) {
            inspected.check_time(now)?;
            inspected.check_key(self.settings.min_rsa_bits)?;
            let until = inspected.not_after;
            let needed = 1;
            return Ok(Judgement { until, by, needed });
        }
        let (mut judgement, path) = chain::verify(self, leaf, intermediates, moment, now)?;
        self.check_spiffe(identity)?;
        for (place, shown) in chain.iter().take(MAX_SHOWN).enumerate() {
            judgement.needed |= u32::from(path.contains(shown)) << place;
        }
        Ok(judgement)
    }

    /// An authority that speaks for some trust domains speaks for no other one, and issues no
    /// SPIFFE ID that is not as the X.509-SVID standard wants it.
    fn check_spiffe(&self, identity: &Identity) -> Result<(), Distrust> {
        let mut uris = identity.names().uri.iter();
        let vouched = Vouched {
            identity,
            trust_store: self.rule_name(),
            spiffe_trust_domains: self.spiffe_trust_domains(),
        };
        let matters = !vouched.spiffe_trust_domains.is_empty()
            && uris.any(|uri| uri.to_ascii_lowercase().starts_with("spiffe:"));
        match !matters || vouched.spiffe().is_some() {
            true => Ok(()),
            false => Err(Distrust::BadSpiffeId),
        }
    }
}

/// How signatures of certificates and handshakes may be made: what aws-lc-rs takes, with SHA-256 at least.
pub fn algorithms() -> &'static WebPkiSupportedAlgorithms {
    static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> = LazyLock::new(|| {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms
    });
    &ALGORITHMS
}

fn identify(
    settings: &TrustStore,
    authorities: &Authorities,
    pins: &Pins,
    revocation: Option<&Revocation>,
) -> TrustId {
    let mut hash = Context::new(&SHA256);
    let demands = (
        settings.max_chain_certificates,
        settings.min_rsa_bits,
        settings.check_key_usage,
        settings.check_authority_expiry,
        settings.require_client_auth_purpose,
        &settings.spiffe_trust_domains,
    );
    hash.update(format!("{demands:?}").as_bytes());
    authorities.add_to(&mut hash);
    pins.add_to(&mut hash);
    if let Some(revocation) = revocation {
        revocation.add_to(&mut hash);
    }
    let mut id = [0; 32];
    id.copy_from_slice(hash.finish().as_ref());
    TrustId(id)
}
