//! What cannot tell callers apart to an authorizer: fields in which only the gateway speaks. In:
//! authorizers and integrations. What a caller writes there is taken away before anybody hears of
//! it, so that by it a caller would have the answer that was given about another.

use http::HeaderName;

use crate::config::{Authorizer, IdentitySource, Integration, IntegrationKind};
use crate::document::Document;
use crate::field_name::{is_like, is_ours};

/// Notes every identity source that is such a field.
pub(super) fn check(
    document: &Document<'_>,
    authorizers: &[Authorizer],
    integrations: &[Integration],
) {
    let contexts = authorizers.iter().flat_map(|one| &one.context_headers);
    let contexts = contexts.map(|(name, _)| name);
    let told: Vec<&HeaderName> = contexts.chain(of_certificates(integrations)).collect();
    for authorizer in authorizers {
        for source in &authorizer.identity_sources {
            let IdentitySource::Header(name) = source else {
                continue;
            };
            let name = name.as_str();
            if is_ours(name) || told.iter().any(|told| is_like(name, told.as_str())) {
                let text = format!(
                    "authorizer \"{}\" tells callers apart by the header \"{name}\", in which only the gateway speaks; leave it out of \"identity_sources\" (an address is \"$context.identity.sourceIp\")",
                    authorizer.name
                );
                document.note(authorizer.line, text);
            }
        }
    }
}

/// The fields in which upstreams are told of certificates.
fn of_certificates(integrations: &[Integration]) -> impl Iterator<Item = &HeaderName> {
    integrations
        .iter()
        .filter_map(|integration| match &integration.kind {
            IntegrationKind::HttpProxy(proxy) => Some(&proxy.certificate_headers),
            IntegrationKind::Lambda(_) | IntegrationKind::Mock(_) => None,
        })
        .flatten()
        .flat_map(|headers| &headers.names)
}
