//! A token that proves who the caller is in AWS IAM: a presigned `GetCallerIdentity` (AWS STS API
//! Reference). In: the policy and the AWS credentials of the environment. Out: the field to send.
//! It covers nothing of the request.

use std::time::Duration;

use anyhow::Context as _;
use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::config::{SigV4Algorithm, SignatureProfile, StsDemand};
use crate::credential::Secret;
use crate::signature::{SigningRequest, presign};

use super::Request;

/// Long enough for the next command, and short for whoever finds it in a log.
const EXPIRES_SECS: u32 = 60;
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn sign(request: &Request<'_>) -> anyhow::Result<Vec<(String, String)>> {
    let demand = request.demand.sts.as_ref();
    let demand = demand.context("the policy takes no token for STS")?;
    let (host, region) = place(demand)?;
    let credentials = credentials(region)?;
    let target = presign(
        &SigningRequest {
            algorithm: SigV4Algorithm::Hmac,
            method: "GET",
            target: &target(&credentials),
            authority: &host,
            headers: &[(demand.header.clone(), demand.audience.clone())],
            payload_hash: None,
            body: b"",
            profile: SignatureProfile::Aws,
            region,
            service: "sts",
            id: credentials.access_key_id(),
            secret: &Secret::new(credentials.secret_access_key().to_owned()),
            now: request.now,
        },
        EXPIRES_SECS.min(demand.max_age_secs),
    )?;
    let token = URL_SAFE_NO_PAD.encode(format!("https://{host}{target}"));
    let value = format!("Bearer {}{token}", demand.prefix);
    Ok(vec![("authorization".to_owned(), value)])
}

/// What is asked; the session token of credentials that have one is signed with it.
fn target(credentials: &Credentials) -> String {
    let asked = "/?Action=GetCallerIdentity&Version=2011-06-15";
    let Some(token) = credentials.session_token() else {
        return asked.to_owned();
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = token.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    let encoded: String = encoded.collect();
    format!("{asked}&X-Amz-Security-Token={encoded}")
}

/// The host of STS in the first region that the policy takes, and the region to sign for.
fn place(demand: &StsDemand) -> anyhow::Result<(String, &str)> {
    let region = demand.regions.first();
    let region = region.context("the policy names no region of STS")?;
    Ok(match region.as_str() {
        "aws-global" => ("sts.amazonaws.com".to_owned(), "us-east-1"),
        china if china.starts_with("cn-") => (format!("sts.{china}.amazonaws.com.cn"), china),
        region => (format!("sts.{region}.amazonaws.com"), region),
    })
}

/// The credentials of the environment: variables, profile, container or instance role. Without a
/// region the chain would look for one.
fn credentials(region: &str) -> anyhow::Result<Credentials> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let found = runtime.block_on(async {
        let asked = async {
            let region = Region::new(region.to_owned());
            let chain = DefaultCredentialsChain::builder().region(region);
            let chain = chain.build().await;
            chain.provide_credentials().await
        };
        tokio::time::timeout(PATIENCE, asked).await
    });
    const NONE: &str = "the environment has no AWS credentials to sign with";
    found.context(NONE)?.context(NONE)
}
