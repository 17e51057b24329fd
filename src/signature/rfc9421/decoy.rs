//! Keys of nobody, verified against when there is no key to verify with, so that a stranger
//! cannot tell by the time it takes. In: what the signature looks like. Out: wasted work, whatever
//! comes of it. Their private halves were never kept.

use std::sync::OnceLock;

use crate::key::{Algorithm, VerifyingKey};

/// Verifies with the decoys of every algorithm whose signature this may be: of `alg`, or of those
/// whose signatures are as long. `done` is the one that a key which was found has cost already.
pub(super) fn verify(
    alg: Option<Algorithm>,
    done: Option<Algorithm>,
    base: &[u8],
    signature: &[u8],
) {
    for algorithm in left_to_do(alg, done, signature.len()) {
        // An RSA key of more bits than the decoy's costs about as much.
        let signature = match algorithm.is_rsa() {
            true => signature.get(..256).unwrap_or(signature),
            false => signature,
        };
        let decoy = decoys().iter().find(|key| key.algorithm() == algorithm);
        let _ = decoy.map(|key| key.verify(base, signature));
    }
}

fn left_to_do(
    alg: Option<Algorithm>,
    done: Option<Algorithm>,
    length: usize,
) -> impl Iterator<Item = Algorithm> {
    let by_length: &[Algorithm] = match length {
        32 => &[Algorithm::HmacSha256],
        64 => &[Algorithm::EcdsaP256Sha256, Algorithm::Ed25519],
        96 => &[Algorithm::EcdsaP384Sha384],
        256..=1024 => &[Algorithm::RsaPssSha512],
        _ => &[],
    };
    let named = alg.into_iter();
    let all = named.chain(by_length.iter().copied().filter(move |_| alg.is_none()));
    all.filter(move |one| !done.is_some_and(|done| cost_alike(*one, done)))
}

fn cost_alike(one: Algorithm, other: Algorithm) -> bool {
    one == other || one.is_rsa() && other.is_rsa()
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
    fn a_wrong_signature_costs_the_same_whether_its_key_is_known() {
        for algorithm in Algorithm::ALL {
            let length = match algorithm {
                Algorithm::HmacSha256 => 32,
                Algorithm::EcdsaP384Sha384 => 96,
                algorithm if algorithm.is_rsa() => 256,
                _ => 64,
            };
            for alg in [None, Some(algorithm)] {
                let unknown: Vec<_> = left_to_do(alg, None, length).collect();
                let mut known: Vec<_> = left_to_do(alg, Some(algorithm), length).collect();
                known.push(algorithm);
                assert_eq!(unknown.len(), known.len(), "{algorithm} {alg:?}");
                for one in known {
                    assert!(
                        unknown.iter().any(|other| cost_alike(one, *other)),
                        "{algorithm} {alg:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn there_is_a_decoy_for_every_algorithm() {
        assert_eq!(decoys().len(), Algorithm::ALL.len());
    }
}
