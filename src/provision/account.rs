//! Whose account of AWS the instance is in. In: the environment and the instance's metadata. Out:
//! credentials and a region.

use crate::aws::{Account, Metadata, Unavailable};

/// Whom services are asked as, in the region of the environment or the one the instance is in.
///
/// # Errors
/// There is no region, or there are no credentials.
pub(super) async fn account() -> Result<Account, String> {
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
    let mut named = named.filter_map(|name| std::env::var(name).ok());
    let region = match named.find(|region| !region.is_empty()) {
        Some(region) => region,
        None => instance_region().await.map_err(|why| why.to_string())?,
    };
    let account = Account::open(region).await;
    account.map_err(|why| why.to_string())
}

async fn instance_region() -> Result<String, Unavailable> {
    Metadata::open().await?.region().await
}
