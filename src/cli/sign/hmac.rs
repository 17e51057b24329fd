//! An HMAC as the policy describes it. In: the request and a secret of the store. Out: the fields
//! to send.

use anyhow::{Context as _, bail};

use crate::config::{HmacDemand, SignedPart};
use crate::credential::{Credential, Key};
use crate::names::CredentialId;
use crate::signature::{HmacSigningRequest, sign_hmac};

use super::Request;

pub(super) fn sign(request: &Request<'_>) -> anyhow::Result<Vec<(String, String)>> {
    let demand = request.demand.hmac.as_ref();
    let demand = demand.context("the policy takes no HMAC")?;
    let options = request.options;
    let credential = credential(request, demand)?;
    let Key::Hmac(secret) = &credential.key else {
        let (id, scheme) = (&credential.id, credential.key.scheme());
        bail!("credential \"{id}\" is for {scheme}");
    };
    check_headers(demand, &options.headers)?;
    Ok(sign_hmac(&HmacSigningRequest {
        method: &options.method,
        target: request.target,
        authority: request.authority,
        headers: &options.headers,
        body: request.body,
        demand,
        id: credential.id.as_str(),
        secret,
        now: request.now,
    })?)
}

/// The one that was named, which the policy must name as well, or the first of the policy's that
/// is good now.
fn credential<'a>(request: &Request<'a>, demand: &HmacDemand) -> anyhow::Result<&'a Credential> {
    if let Some(named) = request.named()? {
        return match demand.credentials.contains(&named.id) {
            true => Ok(named),
            false => bail!("the policy does not name credential \"{}\"", named.id),
        };
    }
    let live = |id: &CredentialId| {
        let mut all = request.credentials();
        all.find(|one| one.id == *id && one.is_live(request.now))
    };
    let found = demand.credentials.iter().find_map(live);
    found.context("none of the credentials that the policy names is good now")
}

/// A header that is not in the signed text could be any other.
fn check_headers(demand: &HmacDemand, headers: &[(String, String)]) -> anyhow::Result<()> {
    for (name, _) in headers {
        let covers =
            |part: &SignedPart| matches!(part, SignedPart::Header(one) if one.as_str() == name);
        if !demand.signed.parts().iter().any(covers) {
            bail!("the policy's HMAC does not cover the header \"{name}\"; give it to curl");
        }
    }
    Ok(())
}
