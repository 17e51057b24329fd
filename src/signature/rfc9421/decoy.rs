//! Keys of nobody, verified against when there is no key to verify with, so that a stranger
//! cannot tell by the time it takes. In: what the signature looks like. Out: wasted work.
//! Their private halves were never kept; were one found, the caller refuses all the same.

use std::sync::OnceLock;

use crate::key::{Algorithm, VerifyingKey};

/// Verifies with the decoy of `alg`, or of the algorithm whose signatures are as long as this.
pub(super) fn verify(alg: Option<Algorithm>, base: &[u8], signature: &[u8]) -> bool {
    let algorithm = alg.or(match signature.len() {
        32 => Some(Algorithm::HmacSha256),
        64 => Some(Algorithm::EcdsaP256Sha256),
        96 => Some(Algorithm::EcdsaP384Sha384),
        256..=1024 => Some(Algorithm::RsaPssSha512),
        _ => None,
    });
    // An RSA key of more bits than the decoy's costs about as much.
    let signature = match algorithm {
        Some(algorithm) if algorithm.is_rsa() => signature.get(..256).unwrap_or(signature),
        _ => signature,
    };
    let decoy = |algorithm| decoys().iter().find(|key| key.algorithm() == algorithm);
    algorithm
        .and_then(decoy)
        .is_some_and(|key| key.verify(base, signature))
}

/// Makes the decoys now, so that the first stranger does not pay for it.
fn decoys() -> &'static [VerifyingKey] {
    static DECOYS: OnceLock<Vec<VerifyingKey>> = OnceLock::new();
    DECOYS.get_or_init(|| Algorithm::ALL.into_iter().filter_map(make).collect())
}

fn make(algorithm: Algorithm) -> Option<VerifyingKey> {
    let pem = match algorithm {
        Algorithm::HmacSha256 => {
            let secret = b"this is nobody's secret; it opens no route";
            return VerifyingKey::from_secret(secret).ok();
        }
        Algorithm::RsaPssSha512 | Algorithm::RsaV15Sha256 => RSA,
        Algorithm::EcdsaP256Sha256 => P256,
        Algorithm::EcdsaP384Sha384 => P384,
        Algorithm::Ed25519 => ED25519,
    };
    VerifyingKey::from_pem(Some(algorithm), pem).ok()
}

const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxVV8m6JBonv+YohYEl6j
xp9TtLCJEwmS9GxkX0rtfr8nGDzdXZ2a9a6/bJVaGaUJM30RkArZPo+r/hnU9avV
4NLqG8FQWXwotmnx0bpixRkTBohzfcR7bXYHmEbMybZHdF352MwqooG8bFFuLVq5
+u8sAUjPdOT4Qu3i25oVaqLNGinn+2oXNG4qqEOCY3gvtmLZtrAj/Q5CgSmaTCW8
hJpfvB4Zp/c1VdYNnwBYZ06esEHQZHltLwkWiqzub/J7euScBn/2XJkrL+XPhpIC
M8NMVCX2bSkbR4S84uD8RKpr8JCGFabvHoxkuVMJvntzeU6FKMMhmITt4XfA0qKZ
8wIDAQAB
-----END PUBLIC KEY-----
";
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEvEcn/yUtOvNFQWZKMIy5d/LKpPWk
B+uUNvKCbGzt5ow/BCAq4s/U6tq9PD4giblKMYwUqT6T6CMSDLMmgMkNrw==
-----END PUBLIC KEY-----
";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEecuTFKshoTnAJI5WWgJyhSb7KMFxbOY3
SC+Pu0C/aBbbc68GBOVzC0NszJyQ0ysG1w58VgVBwbfPM9xxt8Yu7EHCvnt6/WYm
X73uXnxNTcVmTMeqoDWjBi5L0P0ziyBd
-----END PUBLIC KEY-----
";
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAxrVwwIytnm/FRhD5Th0g6KCfuVWykcqa0CSC6x1XcZs=
-----END PUBLIC KEY-----
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_decoy_for_every_algorithm() {
        assert_eq!(decoys().len(), Algorithm::ALL.len());
    }
}
