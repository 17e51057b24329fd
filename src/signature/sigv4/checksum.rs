//! The checksums that a trailer may tell (Amazon S3 User Guide, "Checking object integrity").
//! In: a trailer's name, the body as it goes by, the value told. Out: whether they agree.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Digest, Table};

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// A checksum in the making.
pub(super) enum Checksum {
    Crc32(Digest<'static, u32, Table<16>>),
    Crc64(Digest<'static, u64, Table<16>>),
    Sha(Context),
}

impl Checksum {
    /// The checksum that the trailer `name` tells; `None` for any other trailer.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("x-amz-checksum-")? {
            "crc32" => Self::Crc32(CRC32.digest()),
            "crc32c" => Self::Crc32(CRC32C.digest()),
            "crc64nvme" => Self::Crc64(CRC64.digest()),
            "sha1" => Self::Sha(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            "sha256" => Self::Sha(Context::new(&SHA256)),
            _ => return None,
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(digest) => digest.update(bytes),
            Self::Crc64(digest) => digest.update(bytes),
            Self::Sha(context) => context.update(bytes),
        }
    }

    /// Whether `told`, in base64, is what has gone by.
    pub(super) fn is(self, told: &str) -> bool {
        let Ok(told) = STANDARD.decode(told) else {
            return false;
        };
        match self {
            Self::Crc32(digest) => told == digest.finalize().to_be_bytes(),
            Self::Crc64(digest) => told == digest.finalize().to_be_bytes(),
            Self::Sha(context) => told == context.finish().as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    #[test]
    fn each_checksum_is_the_one_that_its_name_says() {
        // The check values of the CRC catalogue, and what openssl says of "123456789".
        for (name, told) in [
            ("crc32", "y/Q5Jg=="),
            ("crc32c", "4waSgw=="),
            ("crc64nvme", "rosUhgp5mIg="),
            ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
            ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            let of = || {
                let mut checksum = Checksum::of(&format!("x-amz-checksum-{name}")).unwrap();
                checksum.update(b"1234");
                checksum.update(b"56789");
                checksum
            };
            assert!(of().is(told), "{name}");
            assert!(!of().is("AAAAAA=="), "{name}");
            assert!(!of().is("no base64"), "{name}");
        }
        assert!(Checksum::of("x-amz-checksum-md5").is_none());
        assert!(Checksum::of("x-amz-meta").is_none());
    }
}
