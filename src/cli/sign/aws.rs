//! SigV4 and SigV4a, in headers or in the URL. In: the request and a secret access key of the
//! store. Out: what is to be sent.

use anyhow::{Context as _, bail};

use crate::config::{SigV4Algorithm, SigV4Demand};
use crate::signature::{SigningRequest, presign, sign as sign_in_headers};

use super::{Options, Request, Signed};

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

pub(super) fn sign(request: &Request<'_>, algorithm: SigV4Algorithm) -> anyhow::Result<Signed> {
    let options = request.options;
    let demand = request.demand.sigv4.as_ref();
    let demand = demand.context("the policy takes no SigV4")?;
    let credential = request.credential(|one| one.secret_access_key().is_some())?;
    let secret = credential.secret_access_key().with_context(|| {
        let id = &credential.id;
        format!("the store has no secret access key of credential \"{id}\", so it does not sign")
    })?;
    check_taken(demand, options)?;
    let signing = SigningRequest {
        algorithm,
        method: &options.method,
        target: request.target,
        authority: request.authority,
        headers: &options.headers,
        payload_hash: options.unsigned_payload.then(|| UNSIGNED.to_owned()),
        body: request.body,
        profile: demand.profile,
        region: &demand.region,
        service: &demand.service,
        id: credential.id.as_str(),
        secret,
        now: request.now,
    };
    let Some(secs) = options.presign else {
        return Ok(Signed::Headers(sign_in_headers(&signing)?));
    };
    let target = presign(&signing, secs)?;
    let scheme = if request.secure { "https" } else { "http" };
    Ok(Signed::Url(format!(
        "{scheme}://{}{target}",
        request.authority
    )))
}

/// Signing what the gateway would refuse helps nobody.
fn check_taken(demand: &SigV4Demand, options: &Options) -> anyhow::Result<()> {
    match (options.presign, demand.max_expires_secs) {
        (Some(_), None) => bail!("the policy takes no presigned URLs: it has no max_expires_secs"),
        (Some(secs), Some(max)) if secs > max => {
            bail!("the policy takes presigned URLs for up to {max} seconds");
        }
        _ => {}
    }
    match options.unsigned_payload && !demand.unsigned_payload {
        true => bail!("the policy takes no unsigned payloads: it lacks unsigned_payload = true"),
        false => Ok(()),
    }
}
