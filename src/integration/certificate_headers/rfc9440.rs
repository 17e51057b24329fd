//! RFC 9440: `Client-Cert` and `Client-Cert-Chain`, in structured fields (RFC 9651).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Told, Values};

/// A byte sequence of the certificate; and, if wanted, a list of those above it, if there are
/// any (§2.2, §2.3).
pub(super) fn values(with_chain: bool, told: Told<'_>) -> Values {
    let Told::Verified { chain, .. } = told else {
        return Values::new();
    };
    let sequence = |der: &[u8]| format!(":{}:", STANDARD.encode(der));
    let mut all = chain.iter().map(|one| sequence(one));
    let mut values: Values = all.next().map(|leaf| (0, leaf)).into_iter().collect();
    if with_chain {
        let above: Vec<String> = all.collect();
        if !above.is_empty() {
            values.push((1, above.join(", ")));
        }
    }
    values
}
