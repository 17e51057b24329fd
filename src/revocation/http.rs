//! HTTP towards those who publish revocations. In: where to. Out: an answer of bounded length,
//! or why there is none, in words without the URL: its query may hold a secret.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, ClientBuilder, Response, Url};

const MAX_REDIRECTS: usize = 2;

/// A client that goes wherever an operator sends it.
pub(super) fn client(timeout: Duration) -> Result<Client, String> {
    build(timeout, || {
        Client::builder().redirect(Policy::limited(MAX_REDIRECTS))
    })
}

/// A client for URLs that stand in certificates. It does not go to addresses of the link,
/// where the machine's own secrets are told to whoever asks from it.
pub(super) fn guarded_client(timeout: Duration) -> Result<Client, String> {
    build(timeout, || {
        Client::builder()
            .redirect(Policy::custom(redirect))
            .dns_resolver(Arc::new(Guarded))
    })
}

fn redirect(attempt: Attempt<'_>) -> Action {
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("too many redirects");
    }
    match is_allowed(attempt.url()) {
        true => attempt.follow(),
        false => attempt.error(FORBIDDEN),
    }
}

/// A machine without public roots can still fetch by http: everything here is signed. https
/// then fails at its servers' certificates.
fn build(timeout: Duration, begin: impl Fn() -> ClientBuilder) -> Result<Client, String> {
    let settled = |builder: ClientBuilder| builder.no_proxy().timeout(timeout).build();
    settled(begin())
        .or_else(|_| settled(begin().tls_certs_only([])))
        .map_err(|e| format!("there is no HTTP client: {}", words_of(e)))
}

pub(super) const FORBIDDEN: &str = "its address is one that certificates may not name";

/// Whether a guarded client may go to `url`: http or https, and no forbidden address. Names
/// are judged when they are resolved.
pub(super) fn is_allowed(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let forbidden = address.parse().is_ok_and(is_forbidden);
    matches!(url.scheme(), "http" | "https") && !host.is_empty() && !forbidden
}

/// Link-local addresses (RFC 3927, RFC 4291 §2.5.6), none, and those of AWS's own services on
/// an instance.
fn is_forbidden(address: IpAddr) -> bool {
    let link =
        |four: Ipv4Addr| four.is_link_local() || four.is_unspecified() || four.is_broadcast();
    match address {
        IpAddr::V4(four) => link(four),
        IpAddr::V6(six) => {
            let parts = six.segments();
            six.is_unicast_link_local()
                || six.is_unspecified()
                || parts[..2] == [0xfd00, 0x0ec2]
                || six
                    .to_ipv4()
                    .is_some_and(|four| link(four) && !six.is_loopback())
                || (parts[..6] == [0x64, 0xff9b, 0, 0, 0, 0] && link(last_four(parts)))
        }
    }
}

fn last_four(parts: [u16; 8]) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(parts[6]) << 16 | u32::from(parts[7]))
}

/// Resolves names as the system does, and keeps what is not forbidden.
struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| !is_forbidden(at.ip())).collect();
            match allowed.is_empty() {
                true => Err(FORBIDDEN.into()),
                false => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The whole body, if it is no longer than `most` bytes.
pub(super) async fn body(mut answer: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(words_of)? {
        if chunk.len() > most - body.len() {
            return Err(format!("it is longer than {most} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error and its causes, without the URL.
pub(super) fn words_of(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        words = format!("{words}: {next}");
        cause = next.source();
    }
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn certificates_do_not_send_anybody_to_the_link() {
        for (url, allowed) in [
            ("http://ocsp.example.org/", true),
            ("https://10.0.0.1:8080/a", true),
            ("http://127.0.0.1/", true),
            ("http://[::1]/", true),
            ("http://169.254.169.254/latest", false),
            ("http://0xa9fea9fe/latest", false),
            ("http://2852039166/", false),
            ("http://[fe80::1]/", false),
            ("http://[fd00:ec2::254]/", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://[64:ff9b::a9fe:a9fe]/", false),
            ("http://0.0.0.0/", false),
            ("ftp://ocsp.example.org/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_allowed(&Url::parse(url).unwrap()), allowed, "{url}");
        }
    }
}
