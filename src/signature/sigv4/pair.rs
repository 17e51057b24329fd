//! The key pair of SigV4a, derived from the secret access key (AWS IAM User Guide, "How AWS
//! SigV4a works"): the KDF in counter mode of NIST SP 800-108 gives candidates, of which the
//! first that fits is taken (FIPS 186-4, B.4.2). In: a credential's secret and id. Out: the
//! public key to verify with, or the pair to sign with. Only the public key is ever kept.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::kdf::{KbkdfCtrHmacAlgorithmId, get_kbkdf_ctr_hmac_algorithm, kbkdf_ctr_hmac};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, ParsedPublicKey,
};
use zeroize::Zeroizing;

use crate::credential::Secret;

const LABEL: &[u8] = b"AWS4-ECDSA-P256-SHA256";
/// The bits that the KDF is asked for, as it hashes their number.
const BITS: [u8; 4] = 256u32.to_be_bytes();
/// The last counter. That even one candidate is refused happens once in 2^32.
const MAX_COUNTER: u8 = 254;

/// A private key, and the public one that belongs to it in the uncompressed form.
struct Pair {
    private: Zeroizing<[u8; 32]>,
    public: Vec<u8>,
}

/// The key that verifies.
pub(super) fn public_key(secret: &Secret, id: &str) -> Option<ParsedPublicKey> {
    let pair = derive(secret, id)?;
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &pair.public).ok()
}

/// The key whose public half is `point`, uncompressed; `None` when that is not on the curve.
pub(super) fn of_point(point: &[u8; 65]) -> Option<ParsedPublicKey> {
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok()
}

/// The public half of SigV4a's key pair, uncompressed, for a gateway that must not hold the
/// secret.
pub fn derive_public(secret: &Secret, id: &str) -> Option<[u8; 65]> {
    derive(secret, id)?.public.try_into().ok()
}

/// The pair that signs.
pub(super) fn key_pair(secret: &Secret, id: &str) -> Option<EcdsaKeyPair> {
    let pair = derive(secret, id)?;
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &*pair.private, &pair.public).ok()
}

fn derive(secret: &Secret, id: &str) -> Option<Pair> {
    const PREFIX: &str = "AWS4A";
    // Room for everything at once: growing would leave copies behind that nothing zeroizes.
    let mut input = Zeroizing::new(String::with_capacity(PREFIX.len() + secret.expose().len()));
    input.push_str(PREFIX);
    input.push_str(secret.expose());
    let kdf = get_kbkdf_ctr_hmac_algorithm(KbkdfCtrHmacAlgorithmId::Sha256)?;
    (1..=MAX_COUNTER).find_map(|counter| {
        let info = [LABEL, &[0], id.as_bytes(), &[counter], &BITS].concat();
        let mut candidate = Zeroizing::new([0; 32]);
        kbkdf_ctr_hmac(kdf, input.as_bytes(), &info, &mut *candidate).ok()?;
        pair_of(candidate)
    })
}

/// The pair whose private key is the candidate plus one, if there is one: it must be less than
/// the curve's order, which the library checks in constant time.
fn pair_of(mut candidate: Zeroizing<[u8; 32]>) -> Option<Pair> {
    // Adds without a branch that would depend on the secret.
    let mut carry = 1;
    for byte in candidate.iter_mut().rev() {
        let sum = u16::from(*byte) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let key = PrivateKey::from_private_key(&ECDH_P256, &*candidate).ok()?;
    let public = key.compute_public_key().ok()?.as_ref().to_vec();
    Some(Pair {
        private: candidate,
        public,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;

    /// The first two are of the test suite of AWS's signers, the third of its chunks.
    #[test]
    fn the_pairs_are_those_of_aws() {
        for (id, secret, x, y) in [
            (
                "AKIDEXAMPLE",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                "b6618f6a65740a99e650b33b6b4b5bd0d43b176d721a3edfea7e7d2d56d936b1",
                "865ed22a7eadc9c5cb9d2cbaca1b3699139fedc5043dc6661864218330c8e518",
            ),
            (
                "AKISORANDOMAASORANDOM",
                "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom",
                "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb",
                "0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0",
            ),
            (
                "AKIAIOSFODNN7EXAMPLE",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "18b7d04643359f6ec270dcbab8dce6d169d66ddc9778c75cfb08dfdb701637ab",
                "fa36b35e4fe67e3112261d2e17a956ef85b06e44712d2850bcd3c2161e9993f2",
            ),
        ] {
            let secret = Secret::new(secret.to_owned());
            let pair = derive(&secret, id).unwrap();
            assert_eq!(hex(&pair.public), format!("04{x}{y}"), "{id}");
            assert!(key_pair(&secret, id).is_some());
            assert!(public_key(&secret, id).is_some());
        }
    }

    #[test]
    fn a_candidate_that_gives_no_private_key_is_passed_over() {
        const ORDER_LESS_2: [u8; 32] = [
            0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
            0x25, 0x4f,
        ];
        let private = |candidate| pair_of(Zeroizing::new(candidate)).map(|pair| *pair.private);
        let mut largest = ORDER_LESS_2;
        largest[31] += 1;
        assert_eq!(private(ORDER_LESS_2), Some(largest));
        assert_eq!(private(largest), None);
        assert_eq!(private([0xff; 32]), None);
        let mut carried = [0; 32];
        carried[31] = 0xff;
        let mut sum = [0; 32];
        sum[30] = 1;
        assert_eq!(private(carried), Some(sum));
    }
}
