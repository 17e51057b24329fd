//! What tells callers apart to a function: the values of its identity sources in one call.

use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};
use http::HeaderName;
use http::header::{COOKIE, HOST};

use crate::call::Call;
use crate::config::{Authorizer, AuthorizerForm, ContextSource, IdentitySource, Stage};
use crate::identity::Caller;
use crate::lambda;
use crate::refusal::Refusal;
use crate::route::Hit;

/// The values, and a key that stands for them.
pub(super) struct Identity {
    values: Vec<String>,
    key: [u8; 32],
}

impl Identity {
    /// Reads the values in a call.
    ///
    /// # Errors
    /// One of them is missing, empty or there twice, or a token is not like the pattern: the
    /// function is not asked.
    pub(super) fn of(
        settings: &Authorizer,
        stage: &Stage,
        hit: &Hit<'_>,
        caller: &Caller<'_>,
        call: &Call<'_>,
    ) -> Result<Self, Refusal> {
        let sources = settings.identity_sources.iter();
        let values = sources.map(|source| {
            let value = value_of(source, stage, hit, caller, call);
            value.filter(|value| !value.is_empty())
        });
        let values = values.collect::<Option<Vec<String>>>();
        let values = values.ok_or(Refusal::AuthorizerUnauthorized)?;
        if let AuthorizerForm::Token(Some(pattern)) = &settings.form
            && !values.iter().all(|token| pattern.is_match(token))
        {
            return Err(Refusal::AuthorizerUnauthorized);
        }
        // An answer that is kept holds for all who are the same; one that is not, for this call.
        let own = [call.method().as_str(), call.authority(), call.target()];
        let own: &[&str] = match settings.cache_ttl.is_zero() {
            true => &own,
            false => &[],
        };
        let key = key_of(values.iter().map(String::as_str).chain(own.iter().copied()));
        Ok(Self { values, key })
    }

    pub(super) fn key(&self) -> &[u8; 32] {
        &self.key
    }

    pub(super) fn values(&self) -> Vec<&str> {
        self.values.iter().map(String::as_str).collect()
    }

    /// The token of an authorizer that is told just that.
    pub(super) fn token(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }
}

fn key_of<'a>(values: impl Iterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    for value in values {
        // Its length first: two values must not be taken for two others that read the same.
        hash.update(&(value.len() as u64).to_be_bytes());
        hash.update(value.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(hash.finish().as_ref());
    key
}

fn value_of(
    source: &IdentitySource,
    stage: &Stage,
    hit: &Hit<'_>,
    caller: &Caller<'_>,
    call: &Call<'_>,
) -> Option<String> {
    match source {
        IdentitySource::Header(name) => field(name, call),
        IdentitySource::Query(name) => {
            let value = lambda::parameter(call.query(), name)?;
            Some(value.into_owned())
        }
        IdentitySource::StageVariable(name) => stage.variable(name).map(str::to_owned),
        IdentitySource::Context(source) => match source {
            ContextSource::RouteKey => Some(hit.route().name.as_str().to_owned()),
            ContextSource::Method => Some(call.method().as_str().to_owned()),
            ContextSource::Path => Some(call.path().to_owned()),
            ContextSource::Host => Some(call.host().to_ascii_lowercase()),
            ContextSource::SourceIp => caller.address.as_ref().map(IpAddr::to_string),
        },
    }
}

/// The value of a field. In HTTP/2 a cookie may come in crumbs, and the host stands elsewhere
/// (RFC 9113 §8.2.3 and §8.3.1).
fn field(name: &HeaderName, call: &Call<'_>) -> Option<String> {
    match *name {
        COOKIE => {
            let crumbs = call.headers().get_all(COOKIE).iter();
            let crumbs = crumbs.map(|crumb| crumb.to_str().ok());
            Some(crumbs.collect::<Option<Vec<&str>>>()?.join("; "))
        }
        HOST => Some(call.authority().to_owned()),
        _ => call.header(name).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::key_of;

    #[test]
    fn values_that_read_the_same_together_are_not_taken_for_each_other() {
        let key = |values: &[&str]| key_of(values.iter().copied());
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
    }
}
