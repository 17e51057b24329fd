//! Whom the machine asks AWS as. In: a region. Out: an `Account` whose credentials are there, so that
//! no question to a service has to wait for them.

use std::sync::Arc;

use super::credentials::Wallet;
use super::{NotSigned, patience};

/// Credentials of this machine, and the region that services are asked in.
#[derive(Clone)]
pub struct Account {
    pub(super) region: String,
    pub(super) wallet: Arc<Wallet>,
}

impl Account {
    /// Looks for credentials where AWS's SDKs look, again for a while: an instance that has just
    /// started may not know its role yet.
    ///
    /// # Errors
    /// There are none.
    pub async fn open(region: String) -> Result<Self, NotSigned> {
        let wallet = Arc::new(Wallet::new(&region));
        let ask = async || wallet.credentials().await;
        patience::insist("The machine's role", |_| true, ask).await?;
        Ok(Self { region, wallet })
    }
}
