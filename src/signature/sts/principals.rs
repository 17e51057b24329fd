//! Who STS said a token is of: asked once, kept until the token ends. In: a question. Out: an
//! ARN, or that there is none. Outlives snapshots. What is kept, and what is asked at once, is
//! bounded: strangers choose tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use reqwest::header::HOST;
use reqwest::redirect::Policy;
use tokio::sync::{OnceCell, Semaphore};

use crate::clock::UtcTime;

use super::question::Question;
use super::token::Presigned;

/// What STS said, or `None` when it would not say who it is.
type Principal = Option<Arc<str>>;

/// Why STS could not be asked, for the log.
pub type NotAsked = &'static str;

/// What is known of tokens.
pub struct Principals {
    known: Mutex<HashMap<[u8; 32], Known>>,
    places: Semaphore,
    client: OnceLock<Option<reqwest::Client>>,
}

struct Known {
    until: UtcTime,
    /// Whether it opens nothing: such a token makes room for others.
    is_nobodys: bool,
    answer: Arc<OnceCell<Principal>>,
}

impl Known {
    fn is_worth_keeping(&self) -> bool {
        match self.answer.get() {
            Some(_) => !self.is_nobodys,
            None => Arc::strong_count(&self.answer) > 1,
        }
    }
}

const MAX_KNOWN: usize = 10_000;
const MAX_ASKED_AT_ONCE: usize = 32;
/// A token that STS refuses is asked about again after this long.
const REFUSED_SECS: i64 = 30;
const MAX_ANSWER_BYTES: usize = 16 * 1024;

impl Default for Principals {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            places: Semaphore::new(MAX_ASKED_AT_ONCE),
            client: OnceLock::new(),
        }
    }
}

impl Principals {
    /// What is known of a token; `None` when STS must be asked.
    pub(super) fn find(&self, key: &[u8; 32], now: UtcTime) -> Option<Principal> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get(key).filter(|known| now <= known.until)?;
        known.answer.get().cloned()
    }

    /// Asks STS, once for all who ask about the same token at once. What it says of a principal
    /// that is not `wanted` is not kept for long: anyone who has an account can bring those.
    ///
    /// # Errors
    /// STS did not answer, or too much is being asked. Nothing is kept of that.
    pub async fn ask(
        &self,
        question: &Question,
        now: UtcTime,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), NotAsked> {
        let answer = self.slot(question, now)?;
        let asked = answer.get_or_try_init(|| async {
            // Many callers may start at once, each with a token of its own.
            let place = tokio::time::timeout(question.timeout, self.places.acquire()).await;
            let place = place.ok().and_then(Result::ok);
            let _place = place.ok_or("too many questions to STS at once")?;
            self.get(question).await
        });
        match asked.await {
            Ok(Some(arn)) if wanted(arn) => Ok(()),
            Ok(_) => {
                self.shorten(&question.key, now);
                Ok(())
            }
            Err(why) => {
                self.forget(&question.key, &answer);
                Err(why)
            }
        }
    }

    fn slot(
        &self,
        question: &Question,
        now: UtcTime,
    ) -> Result<Arc<OnceCell<Principal>>, NotAsked> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN && !known.contains_key(&question.key) {
            // Tokens that STS refused make room first, anyone can bring those; and with them
            // those of callers who have left while it was asked.
            known.retain(|_, known| now <= known.until && known.is_worth_keeping());
            if known.len() >= MAX_KNOWN {
                return Err("too many tokens at once");
            }
        }
        let fresh = || Known {
            until: question.presigned.good_until,
            is_nobodys: false,
            answer: Arc::default(),
        };
        let slot = known.entry(question.key).or_insert_with(fresh);
        if now > slot.until {
            *slot = fresh();
        }
        Ok(slot.answer.clone())
    }

    fn shorten(&self, key: &[u8; 32], now: UtcTime) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get_mut(key) {
            known.is_nobodys = true;
            known.until = known
                .until
                .min(UtcTime::from_unix(now.unix() + REFUSED_SECS));
        }
    }

    fn forget(&self, key: &[u8; 32], answer: &Arc<OnceCell<Principal>>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = known
            .get(key)
            .is_some_and(|known| Arc::ptr_eq(&known.answer, answer));
        if same && !answer.initialized() {
            known.remove(key);
        }
    }

    async fn get(&self, question: &Question) -> Result<Principal, NotAsked> {
        const NO_ANSWER: NotAsked = "STS does not answer";
        let client = self.client.get_or_init(client).as_ref();
        let client = client.ok_or("there is no TLS to STS")?;
        let Presigned { host, query, .. } = &question.presigned;
        let base = match &question.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{host}"),
        };
        let (name, audience) = &question.header;
        let request = client
            .get(format!("{base}/?{query}"))
            .header(HOST, host)
            .header(name, audience)
            .timeout(question.timeout);
        let mut answer = request.send().await.map_err(|_| NO_ANSWER)?;
        let status = answer.status().as_u16();
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| NO_ANSWER)? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_ANSWER_BYTES {
                return Err("STS answers what is not its own");
            }
        }
        match status {
            200 => {
                let arn = arn_in(&text).ok_or("STS answers what is not its own")?;
                Ok(Some(arn.into()))
            }
            400 if is_throttled(&text) => Err("STS is asked too much"),
            // It was asked, and it says no: a wrong signature, an ended session, another audience.
            400 | 401 | 403 => Ok(None),
            _ => Err("STS fails"),
        }
    }
}

/// Whether a 400 says nothing of the token, but that too much was asked (AWS STS API Reference,
/// "Common Error Types").
fn is_throttled(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    ["Throttling", "RequestLimitExceeded", "TooManyRequests"]
        .iter()
        .any(|code| text.contains(&format!("<Code>{code}")))
}

/// A client that goes where it is told and nowhere else.
fn client() -> Option<reqwest::Client> {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .build();
    client.ok()
}

/// The one ARN in STS's answer (AWS STS API Reference, "GetCallerIdentity").
fn arn_in(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("<Arn>")?;
    let (arn, rest) = rest.split_once("</Arn>")?;
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'&');
    let is_arn = arn.starts_with("arn:") && arn.len() <= 2048 && arn.bytes().all(plain);
    (is_arn && !rest.contains("<Arn>")).then_some(arn)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::task::{Context, Waker};

    use tokio::sync::SemaphorePermit;

    use std::time::Duration;

    use super::*;

    fn now() -> UtcTime {
        UtcTime::from_unix(1_440_938_160)
    }

    /// Whom nobody answers.
    fn question(number: u32, timeout: Duration) -> Question {
        let mut key = [7; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        Question {
            key,
            presigned: Presigned {
                host: "sts.amazonaws.com".to_owned(),
                query: "Action=GetCallerIdentity".to_owned(),
                good_until: now().plus(Duration::from_secs(60)),
                signed_at: now(),
                proof: [7; 32],
            },
            header: ("x-audience".to_owned(), "gateway".to_owned()),
            endpoint: Some("http://127.0.0.1:1".to_owned()),
            timeout,
        }
    }

    fn take_every_place(principals: &Principals) -> SemaphorePermit<'_> {
        let all = u32::try_from(MAX_ASKED_AT_ONCE).unwrap();
        principals.places.try_acquire_many(all).unwrap()
    }

    #[tokio::test]
    async fn a_question_waits_for_its_place_while_others_are_asked() {
        // Another test may have installed it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let principals = Arc::new(Principals::default());
        let others = take_every_place(&principals);
        let waiting = principals.clone();
        let waiting = tokio::spawn(async move {
            let question = question(0, Duration::from_secs(5));
            waiting.ask(&question, now(), |_| true).await
        });
        tokio::task::yield_now().await;
        drop(others);
        assert_eq!(waiting.await.unwrap(), Err("STS does not answer"));
    }

    #[tokio::test]
    async fn callers_who_leave_while_sts_is_asked_take_no_room() {
        let principals = Principals::default();
        let _others = take_every_place(&principals);
        for number in 0..u32::try_from(MAX_KNOWN).unwrap() {
            let question = question(number, Duration::from_secs(60));
            let mut left = std::pin::pin!(principals.ask(&question, now(), |_| true));
            let mut context = Context::from_waker(Waker::noop());
            assert!(left.as_mut().poll(&mut context).is_pending(), "{number}");
        }
        let last = question(u32::MAX, Duration::from_millis(1));
        let told = principals.ask(&last, now(), |_| true).await;
        assert_eq!(told, Err("too many questions to STS at once"));
    }

    #[test]
    fn the_arn_is_read_when_there_is_just_one() {
        let text = |arn: &str| format!("<R><Arn>{arn}</Arn><UserId>A</UserId></R>");
        let arn = "arn:aws:sts::123456789012:assumed-role/app/session";
        assert_eq!(arn_in(text(arn).as_bytes()), Some(arn));
        for bad in ["", "a", "arn:a</Arn><Arn>arn:b", "arn:a b", "arn:a&lt;"] {
            assert_eq!(arn_in(text(bad).as_bytes()), None, "{bad}");
        }
        assert_eq!(arn_in(b"{}"), None);
    }
}
