//! Questions to a service of AWS, signed, and asked again when that may help. In: a method, a
//! target, fields and a body. Out: the body of a good answer, or why there is none, in words that
//! hold nothing of it.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, Method, Response, Url};
use zeroize::Zeroizing;

use crate::clock::UtcTime;
use crate::digest::sha256;

use super::refused::Refused;
use super::{Account, NotSigned, Outgoing, Paths, Scope, Signer, http, patience};

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// Systems Manager, for its parameters.
    Ssm,
    /// Secrets Manager.
    SecretsManager,
    /// S3.
    S3,
    /// EC2 Auto Scaling.
    AutoScaling,
}

/// A service in one region.
pub struct Service {
    api: Api,
    base: Url,
    /// Whether the environment says where it is.
    is_elsewhere: bool,
    signer: Signer,
    client: Client,
}

/// What a service is asked.
#[derive(Default)]
pub(super) struct Question<'a> {
    /// GET without a body, POST with one.
    pub(super) body: Option<String>,
    /// What stands before the service's name in the host.
    pub(super) label: Option<&'a str>,
    /// The path.
    pub(super) target: &'a str,
    pub(super) fields: &'a [(&'static str, &'a str)],
    /// The longest answer, in bytes.
    pub(super) most: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// There are no credentials.
    #[error("{0}")]
    NotSigned(NotSigned),
    /// There is no connection, or it broke.
    #[error("{0}")]
    Broken(String),
    /// The answer has more bytes than are taken.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The service says no.
    #[error("{0}")]
    Refused(Refused),
    /// The answer is none of this service's.
    #[error("the answer {0}")]
    Strange(&'static str),
}

const TIMEOUT: Duration = Duration::from_secs(10);
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

impl Service {
    /// A service that has not been asked yet. `AWS_ENDPOINT_URL_…` and `AWS_ENDPOINT_URL` of the
    /// environment say where it is, as for AWS's SDKs.
    ///
    /// # Errors
    /// What the environment says is no URL, or the system's authorities cannot be read.
    pub fn open(api: Api, account: &Account) -> Result<Self, String> {
        let mut elsewhere = [api.variable(), ENDPOINT].into_iter();
        let elsewhere = elsewhere.find_map(|name| std::env::var(name).ok());
        let is_elsewhere = elsewhere.is_some();
        let base = elsewhere.unwrap_or_else(|| usual_endpoint(api, &account.region));
        let base = Url::parse(&base).ok().filter(Url::has_host);
        let base = base.ok_or_else(|| format!("the endpoint of {api} is no URL"))?;
        let paths = match api {
            Api::S3 => Paths::AsTheyAre,
            _ => Paths::EncodedTwice,
        };
        Ok(Self {
            api,
            base,
            is_elsewhere,
            signer: Signer {
                scope: Scope {
                    service: api.host().to_owned(),
                    region: account.region.clone(),
                    paths,
                },
                wallet: account.wallet.clone(),
            },
            client: http::client(TIMEOUT)?,
        })
    }

    /// Whether the environment says where the service is.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.is_elsewhere
    }

    /// Asks, again and again while that may help.
    pub(super) async fn ask(
        &self,
        question: &Question<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Unanswered> {
        let once = async || self.ask_once(question).await;
        patience::insist(&self.api.to_string(), Unanswered::is_passing, once).await
    }

    async fn ask_once(&self, question: &Question<'_>) -> Result<Zeroizing<Vec<u8>>, Unanswered> {
        let answer = self.send(question).await?;
        if answer.status().is_success() {
            let body = http::body(answer, question.most).await;
            let body = body.map_err(Unanswered::Broken)?;
            return body.ok_or(Unanswered::TooLong(question.most));
        }
        Err(Unanswered::Refused(Refused::read(answer).await))
    }

    async fn send(&self, question: &Question<'_>) -> Result<Response, Unanswered> {
        let authority = self.authority(question.label);
        let method = match question.body {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        let body = question.body.clone().unwrap_or_default();
        let outgoing = Outgoing {
            method: method.as_str(),
            authority: &authority,
            target: question.target,
            fields: question.fields,
            body_hash: Some(sha256(body.as_bytes())),
            now: UtcTime::now(),
        };
        let added = self.signer.sign(&outgoing).await;
        let added = added.map_err(Unanswered::NotSigned)?;
        let url = format!("{}://{authority}{}", self.base.scheme(), question.target);
        let mut request = self.client.request(method, url);
        for (name, value) in question.fields {
            request = request.header(*name, *value);
        }
        for (name, value) in added {
            request = request.header(name, value);
        }
        let sent = request.body(body).send().await;
        sent.map_err(|error| Unanswered::Broken(http::words_of(error)))
    }

    /// As `Host` will tell it: without the usual port.
    fn authority(&self, label: Option<&str>) -> String {
        let host = self.base.host_str().unwrap_or_default();
        let label = label.map(|label| format!("{label}.")).unwrap_or_default();
        let port = self.base.port().map(|port| format!(":{port}"));
        format!("{label}{host}{}", port.unwrap_or_default())
    }
}

impl Unanswered {
    fn is_passing(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Refused(refused) => refused.is_passing(),
            Self::NotSigned(_) | Self::TooLong(_) | Self::Strange(_) => false,
        }
    }
}

impl Api {
    /// The name in its host, which is its name in signatures.
    fn host(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::SecretsManager => "secretsmanager",
            Self::S3 => "s3",
            Self::AutoScaling => "autoscaling",
        }
    }

    fn variable(self) -> &'static str {
        match self {
            Self::Ssm => "AWS_ENDPOINT_URL_SSM",
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            Self::S3 => "AWS_ENDPOINT_URL_S3",
            Self::AutoScaling => "AWS_ENDPOINT_URL_AUTO_SCALING",
        }
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ssm => "Systems Manager",
            Self::SecretsManager => "Secrets Manager",
            Self::S3 => "S3",
            Self::AutoScaling => "Auto Scaling",
        })
    }
}

/// AWS General Reference, "Service endpoints and quotas".
fn usual_endpoint(api: Api, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://{}.{region}.amazonaws.com{suffix}", api.host())
}
