//! The credentials of a snapshot, and what each scheme needs of them or has learnt.

use std::sync::Arc;

use crate::credential::CredentialStore;

use super::sigv4::SigningKeys;
use super::sts::Principals;

/// The credentials of a snapshot with what has been derived from them so far.
pub struct KeyRing {
    store: Arc<CredentialStore>,
    pub(super) sigv4: SigningKeys,
    principals: Arc<Principals>,
}

impl KeyRing {
    /// A ring with the credentials of `store` and no derived key yet, and what STS has said.
    pub fn new(store: Arc<CredentialStore>, principals: Arc<Principals>) -> Self {
        Self {
            principals,
            sigv4: SigningKeys::new(store.clone()),
            store,
        }
    }

    /// The credentials themselves.
    pub fn store(&self) -> &Arc<CredentialStore> {
        &self.store
    }

    /// What STS has said, to be taken over by the next ring.
    pub fn principals(&self) -> &Arc<Principals> {
        &self.principals
    }
}
