//! Whether a call may take its route. In: a `Hit`, what the connection shows, the call and
//! the time. Out: a `Permit`, the wish to see the body first, or a `Refusal`.
//! A route that could be served without its policy does not compile: what comes later takes
//! a `Permit`, and only [`Authorizer::check`] makes one.

mod certificate_rule;
mod consumers;
mod functions;
mod leave;
mod usage;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::call::{Body, Call};
use crate::clock::UtcTime;
use crate::config::{Config, Demand, Policy, Proof, SignatureDemand, Stage};
use crate::credential::{Credential, CredentialStore};
use crate::distrust::Distrust;
use crate::identity::{Caller, Shown, Vouched};
use crate::lambda::{self, Functions};
use crate::names::ConsumerName;
use crate::refusal::{Challenge, Refusal};
use crate::replay::{Answer, Entry, Remembered, ReplayMemory};
use crate::route::Hit;
use crate::signature::{
    self, BodyDuty, Carriers, Evidence, KeyRing, KnownBody, Outcome, Signer, Verified, Working,
};

use consumers::Consumers;
use functions::{AskedFunctions, Inquiry, Standing, Told};
use usage::Usage;
use windows::Longest;

pub use certificate_rule::failing;
pub use leave::Leave;

/// Policies, consumers and keys, compiled.
pub struct Authorizer {
    consumers: Consumers,
    /// The policy of each route, by the route's place in the configuration.
    policies: Vec<Arc<Policy>>,
    /// What a 401 of each route asks for: of calls without content, and of those with it.
    challenges: Vec<[Arc<Challenge>; 2]>,
    /// How much longer the signatures of each route are remembered than they are good there.
    beyond: Vec<Duration>,
    functions: AskedFunctions,
    keys: KeyRing,
    usage: Usage,
    replay_memory: Arc<ReplayMemory>,
}

/// A credential and how it has been used since the process started.
pub struct CredentialState<'a> {
    /// The credential.
    pub credential: &'a Credential,
    /// Whose it is; `None` when no consumer names it.
    pub consumer: Option<&'a ConsumerName>,
    /// Requests that were permitted with it.
    pub uses: u64,
    /// When the last of them came.
    pub last_used: Option<UtcTime>,
}

/// The proof that a call may take its route.
#[derive(Debug)]
pub struct Permit<'r> {
    hit: Hit<'r>,
    consumer: Option<ConsumerName>,
    leave: Option<Arc<Leave>>,
    duty: BodyDuty,
    carriers: Carriers,
}

impl<'r> Permit<'r> {
    /// The route that may be taken.
    pub fn hit(&self) -> &Hit<'r> {
        &self.hit
    }

    /// Who calls; `None` on an open route.
    pub fn consumer(&self) -> Option<&ConsumerName> {
        self.consumer.as_ref()
    }

    /// What an authorizer said of the caller; `None` when none was asked.
    pub fn leave(&self) -> Option<&Arc<Leave>> {
        self.leave.as_ref()
    }

    /// What the body still owes.
    pub fn duty(&self) -> &BodyDuty {
        &self.duty
    }

    /// The fields that carried the signature.
    pub fn carriers(&self) -> &Carriers {
        &self.carriers
    }
}

/// What a check comes to, when it is no refusal.
#[derive(Debug)]
pub enum Verdict<'r> {
    /// The call may take its route.
    Permitted(Permit<'r>),
    /// The signature covers a body whose hash the header does not tell: read it, at most
    /// `limit` bytes, and check again with it.
    NeedsBody {
        /// The largest body that is read for this.
        limit: u64,
    },
    /// Somebody else must be asked: have it done by [`Authorizer::ask`], and check again with
    /// the answer.
    Ask(Question),
}

/// What only somebody else can answer. Only [`Authorizer::check`] makes one.
#[derive(Debug)]
pub struct Question(Asked);

#[derive(Debug)]
enum Asked {
    /// The memory of used signatures.
    Replay(Entry),
    /// STS, whose a token is.
    Principal(Box<signature::Question>),
    /// A function, whether the call may pass.
    Function(Box<Inquiry>),
}

impl Question {
    /// The stage in which a function is asked, which wants to be told of the request; `None` when
    /// no function is.
    pub fn stage(&self) -> Option<&Stage> {
        match &self.0 {
            Asked::Function(inquiry) => Some(inquiry.stage()),
            Asked::Replay(_) | Asked::Principal(_) => None,
        }
    }
}

/// What was answered to the questions about one request. Only [`Authorizer::ask`] puts anything
/// in.
#[derive(Default)]
pub struct Answers {
    /// What the memory of used signatures said.
    remembered: Option<Remembered>,
    /// What a function said.
    leave: Option<Told>,
}

/// What a signature came to.
enum Signature {
    Absent,
    Right {
        consumer: ConsumerName,
        verified: Verified,
        carriers: Carriers,
    },
    NeedsBody(u64),
    NeedsAnswer(Question),
}

impl Authorizer {
    /// Compiles a valid configuration; what is known of credentials is taken over from
    /// `previous`.
    pub fn new(
        config: &Config,
        store: Arc<CredentialStore>,
        replay_memory: Arc<ReplayMemory>,
        functions: &Functions,
        previous: Option<&Self>,
    ) -> Self {
        let policies = config.policies.iter().cloned().map(Arc::new);
        let policies: Vec<Arc<Policy>> = policies.collect();
        let of_route = |name: &_| policies.iter().find(|policy| policy.name == *name);
        let policies = config.routes.iter().map(|route| {
            let policy = of_route(&route.policy).expect("Config::load checks the policy");
            policy.clone()
        });
        let policies: Vec<Arc<Policy>> = policies.collect();
        let challenges = policies.iter().map(|policy| {
            [false, true].map(|has_content| {
                let signature = policy.demand.signature();
                let challenge = signature.map(|one| signature::challenge(one, has_content));
                Arc::new(challenge.unwrap_or_default())
            })
        });
        let longest = Longest::of(config.policies.iter());
        let beyond = policies.iter().map(|policy| {
            let signature = policy.demand.signature();
            signature.map_or(Duration::ZERO, |one| longest.beyond(one))
        });
        Self {
            consumers: Consumers::new(&config.consumers),
            challenges: challenges.collect(),
            beyond: beyond.collect(),
            functions: AskedFunctions::new(
                config,
                &policies,
                functions,
                previous.map(|before| &before.functions),
            ),
            policies,
            usage: Usage::new(&store, previous.map(|before| &before.usage)),
            keys: KeyRing::new(
                store,
                previous.map_or_else(Arc::default, |before| before.keys.principals().clone()),
            ),
            replay_memory,
        }
    }

    /// Every name under which an upstream may be told what an authorizer said: no caller may use
    /// it, on any route.
    pub fn context_names(&self) -> &[HeaderName] {
        self.functions.names()
    }

    /// The memory of used signatures.
    pub fn replay_memory(&self) -> &Arc<ReplayMemory> {
        &self.replay_memory
    }

    /// Every credential, and how it has been used.
    pub fn credentials(&self) -> impl Iterator<Item = CredentialState<'_>> {
        self.keys.store().iter().map(|credential| {
            let (uses, last_used) = self.usage.of(&credential.id);
            CredentialState {
                credential,
                consumer: self.consumers.by_credential(credential.id.as_str()),
                uses,
                last_used,
            }
        })
    }

    /// The policy of a route.
    pub fn policy(&self, hit: &Hit<'_>) -> &Policy {
        &self.policies[hit.index()]
    }

    /// The consumer to whom a certificate belongs.
    pub fn consumer_of(&self, vouched: &Vouched<'_>, now: UtcTime) -> Option<&ConsumerName> {
        self.consumers.by_certificate(vouched, now)
    }

    /// Checks a call against its route's policy.
    ///
    /// # Errors
    /// Whatever the policy demands and the call does not show, or shows wrongly.
    pub fn check<'r>(
        &self,
        hit: Hit<'r>,
        caller: &Caller<'_>,
        evidence: &Evidence<'_>,
        answers: &Answers,
    ) -> Result<Verdict<'r>, Refusal> {
        let policy = self.policy(&hit);
        let (proof, all) = match &policy.demand {
            Demand::Open => return Ok(permitted(hit, None, None)),
            Demand::AllOf(proof) => (proof, true),
            Demand::AnyOf(proof) => (proof, false),
        };
        let by_certificate = match proof.certificate {
            true => self.check_certificate(proof, caller, evidence, all)?,
            false => None,
        };
        let signature = match &proof.signature {
            Some(demand) => self.check_signature(demand, evidence)?,
            None => Signature::Absent,
        };
        if all && proof.signature.is_some() && matches!(signature, Signature::Absent) {
            return Err(self.signature_required(&hit, evidence.call));
        }
        let signed = match signature {
            Signature::Absent => None,
            Signature::Right {
                consumer,
                verified,
                carriers,
            } => Some((consumer, verified, carriers)),
            Signature::NeedsBody(limit) => return Ok(Verdict::NeedsBody { limit }),
            Signature::NeedsAnswer(question) => return Ok(Verdict::Ask(question)),
        };
        let by_signature = signed.as_ref().map(|(consumer, ..)| consumer);
        let consumer = match (by_certificate, by_signature) {
            (Some(one), Some(other)) if one != other => return Err(Refusal::ConsumerMismatch),
            (Some(consumer), _) | (None, Some(consumer)) => Some(consumer.clone()),
            (None, None) if proof.authorizer.is_some() => None,
            (None, None) if proof.signature.is_some() => {
                return Err(self.signature_required(&hit, evidence.call));
            }
            (None, None) => return Err(nothing_shown(caller)),
        };
        let is_admitted = |admitted: &Vec<ConsumerName>| {
            let mut consumer = consumer.iter();
            consumer.any(|consumer| admitted.contains(consumer))
        };
        if !policy.consumers.as_ref().is_none_or(is_admitted) {
            return Err(Refusal::ConsumerNotAllowed);
        }
        // With `any_of`, a function is asked about those of whom nothing else is known.
        let leave = match all || consumer.is_none() {
            true => self
                .functions
                .check(&hit, caller, evidence, answers.leave.as_ref())?,
            false => None,
        };
        let leave = match leave {
            Some(Standing::Ask(inquiry)) => {
                return Ok(Verdict::Ask(Question(Asked::Function(inquiry))));
            }
            Some(Standing::Given(leave)) => Some(leave),
            None => None,
        };
        if consumer.is_none() && leave.is_none() {
            return Err(nothing_shown(caller));
        }
        let Some((_, verified, carriers)) = signed else {
            return Ok(permitted(hit, consumer, leave));
        };
        // A small body is looked at first, so that a wrong one does not use the signature up.
        if verified.replay_key.is_some()
            && let Some(limit) = reads_first(&verified.duty, evidence)
        {
            return Ok(Verdict::NeedsBody { limit });
        }
        if let Some(question) =
            self.check_replay(&hit, &verified, answers.remembered.as_ref(), evidence.now)?
        {
            return Ok(Verdict::Ask(question));
        }
        if let Signer::Credential(id) = &verified.signer {
            self.usage.note(id, evidence.now);
        }
        Ok(Verdict::Permitted(Permit {
            hit,
            consumer,
            leave,
            duty: verified.duty,
            carriers,
        }))
    }

    /// Asks what a check could not answer by itself. What is to be shown to the next check is put
    /// into `answers`; what STS says is kept here. `request` is what a function is told.
    ///
    /// # Errors
    /// Nobody answers, or a function says no.
    pub async fn ask(
        &self,
        question: Question,
        request: Option<&lambda::Request<'_>>,
        now: UtcTime,
        answers: &mut Answers,
    ) -> Result<(), Refusal> {
        match question.0 {
            Asked::Replay(entry) => {
                answers.remembered = Some(self.replay_memory.remember(entry, now).await);
                Ok(())
            }
            Asked::Function(inquiry) => {
                let request = request.ok_or(Refusal::Internal("the function is told nothing"))?;
                answers.leave = Some(inquiry.ask(request, now).await?);
                Ok(())
            }
            Asked::Principal(question) => {
                let wanted = |arn: &str| self.consumers.by_principal(arn).is_some();
                let asked = self.keys.principals().ask(&question, now, wanted).await;
                asked.map_err(Refusal::PrincipalUnavailable)
            }
        }
    }

    /// What a 401 on this route says.
    fn signature_required(&self, hit: &Hit<'_>, call: &Call<'_>) -> Refusal {
        let [without, with] = &self.challenges[hit.index()];
        let challenge = match call.body() {
            Body::Empty => without,
            Body::Length(_) | Body::Unknown => with,
        };
        Refusal::SignatureRequired(challenge.clone())
    }

    /// Remembers a signature of a policy that takes each only once: the last thing that can be
    /// wrong with a call, so that only what was right in every way is remembered.
    fn check_replay(
        &self,
        hit: &Hit<'_>,
        verified: &Verified,
        remembered: Option<&Remembered>,
        now: UtcTime,
    ) -> Result<Option<Question>, Refusal> {
        let Some(key) = verified.replay_key else {
            return Ok(None);
        };
        let entry = Entry::new(key, verified.good_until.plus(self.beyond[hit.index()]));
        let asked = remembered.and_then(|remembered| remembered.answer_for(&entry));
        let at_once = || self.replay_memory.remember_at_once(&entry, now);
        let answer = match asked.or_else(|| at_once()?.answer_for(&entry)) {
            None => return Ok(Some(Question(Asked::Replay(entry)))),
            Some(answer) => answer,
        };
        match answer {
            Answer::Fresh => Ok(None),
            Answer::Replayed => Err(Refusal::SignatureReplayed),
            Answer::StoreDown => Err(Refusal::ReplayMemoryUnavailable("the store is down")),
            Answer::Full => Err(Refusal::ReplayMemoryUnavailable("the memory is full")),
        }
    }

    /// What the signature of a call is checked against; `None` when it has none, or the policy
    /// looks at none.
    pub fn workings(
        &self,
        hit: &Hit<'_>,
        evidence: &Evidence<'_>,
    ) -> Option<Result<Vec<Working>, Refusal>> {
        let demand = self.policy(hit).demand.signature()?;
        match signature::present(evidence.call, demand, &self.keys) {
            Ok(presented) => Some(signature::workings(&presented?, evidence, demand)),
            Err(refusal) => Some(Err(refusal)),
        }
    }

    /// What the signature of a refused call was checked against, for the log, when the consumer
    /// whose credential it claims to use has that told.
    pub fn explain(
        &self,
        hit: &Hit<'_>,
        evidence: &Evidence<'_>,
    ) -> Option<(&ConsumerName, Vec<Working>)> {
        let demand = self.policy(hit).demand.signature()?;
        let presented = signature::present(evidence.call, demand, &self.keys).ok()??;
        let claimed = presented.credential_ids(demand);
        let mut claimed = claimed.into_iter();
        let consumer = claimed.find_map(|id| self.consumers.explained(id))?;
        let workings = signature::workings(&presented, evidence, demand).ok()?;
        Some((consumer, workings))
    }

    /// `None` when there is no certificate of a consumer and `must` is false.
    fn check_certificate(
        &self,
        proof: &Proof,
        caller: &Caller<'_>,
        evidence: &Evidence<'_>,
        must: bool,
    ) -> Result<Option<&ConsumerName>, Refusal> {
        // The handshake was made for one name; a request for another one must not profit
        // from it, or the policy of one host would open the other.
        if !caller.is_for(evidence.call.host()) {
            return Err(Refusal::Misdirected);
        }
        let vouched = match &caller.certificate {
            Shown::Trusted(vouched) => vouched,
            Shown::Unverified if must => {
                return Err(Refusal::CertificateUntrusted(Distrust::Unverified));
            }
            Shown::Unverified => return Ok(None),
            Shown::Untrusted(why) => return Err(Refusal::CertificateUntrusted(*why)),
            Shown::Nothing if must => return Err(Refusal::CertificateRequired),
            Shown::Nothing => return Ok(None),
        };
        let Some(consumer) = self.consumers.by_certificate(vouched, evidence.now) else {
            return match must {
                true => Err(Refusal::CertificateUnknown),
                false => Ok(None),
            };
        };
        let rule = proof.certificate_rule.as_deref();
        match rule.and_then(|rule| failing(rule, vouched, evidence.now)) {
            Some(condition) => Err(Refusal::CertificateNotAllowed(condition.key())),
            None => Ok(Some(consumer)),
        }
    }

    fn check_signature(
        &self,
        demand: &SignatureDemand,
        evidence: &Evidence<'_>,
    ) -> Result<Signature, Refusal> {
        let Some(presented) = signature::present(evidence.call, demand, &self.keys)? else {
            return Ok(Signature::Absent);
        };
        if !evidence.timely && presented.has_lifetime(demand) {
            return Err(Refusal::ClockUnsynchronized);
        }
        match signature::verify(&presented, evidence, demand, &self.keys)? {
            Outcome::NeedsBody => Ok(Signature::NeedsBody(demand.max_buffered_body_bytes)),
            Outcome::NeedsAnswer(question) => {
                Ok(Signature::NeedsAnswer(Question(Asked::Principal(question))))
            }
            Outcome::Verified(verified) => {
                let consumer = match &verified.signer {
                    Signer::Credential(id) => self
                        .consumers
                        .by_credential(id.as_str())
                        .ok_or("the signature is right, but no consumer claims its credential"),
                    Signer::Principal(arn) => self
                        .consumers
                        .by_principal(arn)
                        .ok_or("STS knows the caller, but its ARN is of no one consumer"),
                };
                let consumer = consumer.map_err(Refusal::SignatureMismatch)?;
                Ok(Signature::Right {
                    consumer: consumer.clone(),
                    verified,
                    carriers: presented.carriers(),
                })
            }
        }
    }
}

/// A permit without a signature.
fn permitted(
    hit: Hit<'_>,
    consumer: Option<ConsumerName>,
    leave: Option<Arc<Leave>>,
) -> Verdict<'_> {
    Verdict::Permitted(Permit {
        hit,
        consumer,
        leave,
        duty: BodyDuty::None,
        carriers: Carriers::default(),
    })
}

/// The length of a body that is small enough to be read before its signature is remembered;
/// `None` when it was read, or is too large for that.
fn reads_first(duty: &BodyDuty, evidence: &Evidence<'_>) -> Option<u64> {
    const SMALL: u64 = 64 * 1024;
    match (duty, evidence.body, evidence.call.body()) {
        (BodyDuty::None | BodyDuty::Chunked(_), ..) => None,
        (_, KnownBody::Unread, Body::Length(length)) if length <= SMALL => Some(length),
        _ => None,
    }
}

/// An `any_of` policy of which nothing was shown: say what would help.
fn nothing_shown(caller: &Caller<'_>) -> Refusal {
    match caller.certificate {
        Shown::Trusted(_) => Refusal::CertificateUnknown,
        _ => Refusal::CertificateRequired,
    }
}
