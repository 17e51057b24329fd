//! What an instance of EC2 is told of itself (IMDSv2). In: nothing but where to ask. Out: its user
//! data, region and id. Nothing is asked without a token: version 1 can be had by whoever makes
//! the machine fetch a URL.

use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, RequestBuilder, StatusCode};
use zeroize::Zeroizing;

use super::{http, patience};

/// The metadata of this instance, opened by a token.
pub struct Metadata {
    client: Client,
    base: String,
    token: HeaderValue,
}

/// Why the metadata cannot be had, in words for whoever runs the command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the instance's metadata at {base}: {why}")]
pub struct Unavailable {
    base: String,
    why: String,
    is_passing: bool,
}

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
/// Of the link: whoever answers there is the host of the instance.
const USUAL: &str = "http://169.254.169.254";
const TIMEOUT: Duration = Duration::from_secs(2);
/// The session is a command's, and short.
const TOKEN_SECS: &str = "300";
const MAX_WORD: usize = 256;

impl Metadata {
    /// Fetches a token, asking again for a while: the network may not be there yet.
    ///
    /// # Errors
    /// Nobody answers, nobody gives a token, or the environment forbids to ask
    /// (`AWS_EC2_METADATA_DISABLED`).
    pub async fn open() -> Result<Self, Unavailable> {
        let base = std::env::var(ENDPOINT).unwrap_or_else(|_| USUAL.to_owned());
        let base = base.trim_end_matches('/').to_owned();
        let fail = |why: String| Unavailable::lasting(&base, why);
        if std::env::var(DISABLED).is_ok_and(|word| word.eq_ignore_ascii_case("true")) {
            return Err(fail(format!("{DISABLED} forbids to ask")));
        }
        let client = http::client(TIMEOUT).map_err(fail)?;
        let ask = async || {
            let request = client.put(format!("{base}/latest/api/token"));
            let request = request.header("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECS);
            let found = send(&base, request, MAX_WORD).await?;
            let none = || Unavailable::lasting(&base, "it gives no token".to_owned());
            let mut token =
                HeaderValue::from_bytes(&found.ok_or_else(none)?).map_err(|_| none())?;
            token.set_sensitive(true);
            Ok(token)
        };
        let token = patience::insist("The instance's metadata", Unavailable::is_passing, ask);
        let token = token.await?;
        Ok(Self {
            client,
            base,
            token,
        })
    }

    /// The user data; `None` when the instance has none.
    ///
    /// # Errors
    /// Nobody answers, or it is longer than `most` bytes.
    pub async fn user_data(&self, most: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Unavailable> {
        self.get("/latest/user-data", most).await
    }

    /// The region that the instance is in.
    ///
    /// # Errors
    /// Nobody answers, or says what is no region.
    pub async fn region(&self) -> Result<String, Unavailable> {
        self.word("/latest/meta-data/placement/region").await
    }

    /// The instance's id.
    ///
    /// # Errors
    /// Nobody answers, or says what is no id.
    pub async fn instance_id(&self) -> Result<String, Unavailable> {
        self.word("/latest/meta-data/instance-id").await
    }

    /// What stands at `path`, as one word of small letters, digits and hyphens.
    async fn word(&self, path: &str) -> Result<String, Unavailable> {
        let found = self.get(path, MAX_WORD).await?.unwrap_or_default();
        let is_word = !found.is_empty()
            && (found.iter()).all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
        match is_word {
            true => Ok(String::from_utf8_lossy(&found).into_owned()),
            false => Err(Unavailable::lasting(
                &self.base,
                format!("{path} holds no such word"),
            )),
        }
    }

    async fn get(
        &self,
        path: &str,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Unavailable> {
        let ask = async || {
            let request = self.client.get(format!("{}{path}", self.base));
            let request = request.header("X-aws-ec2-metadata-token", self.token.clone());
            send(&self.base, request, most).await
        };
        patience::insist("The instance's metadata", Unavailable::is_passing, ask).await
    }
}

impl Unavailable {
    fn lasting(base: &str, why: String) -> Self {
        Self {
            base: base.to_owned(),
            why,
            is_passing: false,
        }
    }

    fn is_passing(&self) -> bool {
        self.is_passing
    }
}

/// The body of the answer; `None` when there is nothing at that path.
async fn send(
    base: &str,
    request: RequestBuilder,
    most: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, Unavailable> {
    let passing = |why| Unavailable {
        base: base.to_owned(),
        why,
        is_passing: true,
    };
    let answer = request.send().await;
    let answer = answer.map_err(|error| passing(http::words_of(error)))?;
    match answer.status() {
        StatusCode::OK => {
            let body = http::body(answer, most).await.map_err(passing)?;
            let too_long = || format!("what it tells is longer than {most} bytes");
            body.map(Some)
                .ok_or_else(|| Unavailable::lasting(base, too_long()))
        }
        StatusCode::NOT_FOUND => Ok(None),
        status => Err(Unavailable {
            base: base.to_owned(),
            why: format!("it answers {}", status.as_u16()),
            is_passing: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
        }),
    }
}
