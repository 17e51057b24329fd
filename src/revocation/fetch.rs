//! Where revocation lists come from. In: a file or a URL, and what was loaded of it before.
//! Out: the lists, parsed; or why not, in words that never hold a URL's query: a presigned
//! URL carries its authority there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{
    DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use tokio::io::AsyncReadExt as _;

use crate::clock::UtcTime;
use crate::crl_source::CrlSource;
use crate::digest::sha256;

use super::crl::Crl;
use super::http;

/// What a source held when it was last loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The lists, at least one.
    pub crls: Vec<Arc<Crl>>,
    /// SHA-256 of what it held.
    pub hash: [u8; 32],
    /// When the source was last asked and answered.
    pub loaded_at: UtcTime,
    /// What a server says to ask by whether there is anything new.
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

/// The longest that is read, in bytes. An Application Load Balancer takes as much.
pub const MAX_CRL_BYTES: usize = 50_000_000;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Loads the lists of `source`. What has not changed since `previous` is taken over with all
/// that has been found out about it, at the cost of a hash or of a request.
///
/// # Errors
/// The source cannot be read in 30 s, holds more than 50 MB, or a list that cannot be used.
/// The words begin with the source.
pub async fn load(source: &CrlSource, previous: Option<&Loaded>) -> Result<Loaded, String> {
    let loaded = match source {
        CrlSource::File(path) => match read(path).await {
            Ok(bytes) => parse(bytes, previous, None, None).await,
            Err(why) => Err(why),
        },
        CrlSource::Url(url) => get(url, previous).await,
    };
    loaded.map_err(|why| format!("{source}: {why}"))
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("cannot be read: {e}");
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more tells a file that is too long from one that just fits.
    let most = MAX_CRL_BYTES as u64 + 1;
    file.take(most)
        .read_to_end(&mut bytes)
        .await
        .map_err(failed)?;
    match bytes.len() > MAX_CRL_BYTES {
        true => Err(format!("it is longer than {MAX_CRL_BYTES} bytes")),
        false => Ok(bytes),
    }
}

async fn get(url: &str, previous: Option<&Loaded>) -> Result<Loaded, String> {
    let mut request = http::client(TIMEOUT)?.get(url);
    for (name, value) in previous.into_iter().flat_map(Loaded::conditions) {
        request = request.header(name, value);
    }
    let answer = request.send().await.map_err(http::words_of)?;
    let known = previous.filter(|_| answer.status() == StatusCode::NOT_MODIFIED);
    if let Some(known) = known {
        return Ok(Loaded {
            loaded_at: UtcTime::now(),
            ..known.clone()
        });
    }
    if answer.status() != StatusCode::OK {
        return Err(format!("the server answers {}", answer.status().as_u16()));
    }
    let settled = is_settled(answer.headers());
    let header = |name| answer.headers().get(name).filter(|_| settled).cloned();
    let (etag, last_modified) = (header(ETAG), header(LAST_MODIFIED));
    let bytes = http::body(answer, MAX_CRL_BYTES).await?;
    let loaded = parse(bytes, previous, etag, last_modified).await?;
    match previous.is_some_and(|before| loaded.is_behind(before)) {
        // Whoever answers in the server's place can send what once was true.
        true => Err("it is older than what was there before".to_owned()),
        false => Ok(loaded),
    }
}

/// Whether the validators tell what was sent from what comes later. Times are in whole seconds,
/// many servers make their tags of them, and a list may be published twice in one (RFC 9110
/// §8.8.2.2).
fn is_settled(headers: &HeaderMap) -> bool {
    let time = |value: &HeaderValue| UtcTime::parse_http(value.to_str().ok()?);
    let Some(modified) = headers.get(LAST_MODIFIED) else {
        return true;
    };
    let sent = headers.get(DATE).and_then(time);
    time(modified).is_some_and(|at| Some(at.plus(Duration::from_secs(1))) < sent)
}

impl Loaded {
    /// Whether a list that counts, and is known to be its issuer's, would be replaced by an older
    /// one.
    fn is_behind(&self, before: &Self) -> bool {
        let now = UtcTime::now();
        let counts = |crl: &&Arc<Crl>| crl.this_update() <= now && crl.is_proven();
        before.crls.iter().filter(counts).any(|old| {
            let same = self.crls.iter().filter(|new| new.replaces(old));
            let newest = same.map(|new| new.this_update()).max();
            newest.is_some_and(|at| at < old.this_update())
        })
    }

    /// The headers that ask for it only if it has changed (RFC 9110 §13.1).
    fn conditions(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let etag = self.etag.clone().map(|value| (IF_NONE_MATCH, value));
        let since = self.last_modified.clone();
        etag.into_iter()
            .chain(since.map(|value| (IF_MODIFIED_SINCE, value)))
    }
}

async fn parse(
    bytes: Vec<u8>,
    previous: Option<&Loaded>,
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
) -> Result<Loaded, String> {
    let known = previous.map(|known| (known.hash, known.crls.clone()));
    let read = move || {
        let hash = sha256(&bytes);
        let crls = match known.filter(|(before, _)| *before == hash) {
            Some((_, crls)) => crls,
            None => Crl::parse(&bytes)?.into_iter().map(Arc::new).collect(),
        };
        Ok((crls, hash))
    };
    // Half a million entries take a while that others need not wait.
    let read = tokio::task::spawn_blocking(read).await;
    let read = read.map_err(|e| e.to_string())?;
    let (crls, hash) = read.map_err(|e: super::CrlError| e.to_string())?;
    Ok(Loaded {
        crls,
        hash,
        loaded_at: UtcTime::now(),
        etag,
        last_modified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_counts_only_when_nothing_newer_can_have_the_same() {
        let settled = |modified: &'static str, sent: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_MODIFIED, HeaderValue::from_static(modified));
            headers.insert(DATE, HeaderValue::from_static(sent));
            is_settled(&headers)
        };
        let modified = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert!(!settled(modified, modified));
        assert!(!settled(modified, "Sun, 06 Nov 1994 08:49:38 GMT"));
        assert!(settled(modified, "Sun, 06 Nov 1994 08:49:39 GMT"));
        assert!(!settled(modified, "today"));
        assert!(!settled("yesterday", modified));
        // A tag without a time is the server's own matter.
        assert!(is_settled(&HeaderMap::new()));
    }
}
