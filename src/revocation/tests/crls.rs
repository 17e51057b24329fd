use proptest::prelude::*;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, date_time_ymd};

use super::*;
use crate::revocation::der::number;

fn refused(draft: &Draft) -> CrlError {
    draft.parse(&Authority::usual()).unwrap_err()
}

#[test]
fn a_list_tells_its_numbers_in_any_order_and_once() {
    let authority = Authority::usual();
    let mut draft = Draft::new();
    let reason = extension(&[0x55, 0x1d, 21], false, &[10, 1, 6]);
    for serial in [&[9][..], &[0, 0xff], &[3], &[9]] {
        draft.entries.extend(entry(serial, &[&reason]));
    }
    let list = draft.parse(&authority).unwrap();
    assert_eq!(list.entries(), 3);
    for (serial, listed) in [(3, true), (9, true), (0xff, true), (4, false)] {
        assert_eq!(list.lists(&number(&[0, serial]).unwrap()), listed);
    }
    assert_eq!(list.next_update().to_string(), "2026-01-03T00:00:00Z");
}

#[test]
fn a_list_by_another_writer_is_read() {
    let authority = Authority::usual();
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2060, 1, 1),
        crl_number: SerialNumber::from(7),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[0x7f; 20]),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: Some(rcgen::RevocationReason::KeyCompromise),
            invalidity_date: Some(date_time_ymd(2025, 1, 1)),
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let signed = params.signed_by(&authority.issuer).unwrap();
    let mut list = Crl::parse(signed.der()).unwrap();
    let list = list.remove(0);
    assert!(list.lists(&[0x7f; 20]));
    let issuer = authority.certificate();
    assert!(list.verify_by(issuer.spki()));
    let twice = signed.pem().unwrap().repeat(2);
    assert_eq!(Crl::parse(twice.as_bytes()).unwrap().len(), 2);
}

#[test]
fn only_the_key_that_signed_has_signed() {
    let (authority, other) = (Authority::usual(), Authority::usual());
    let list = Draft::new().parse(&authority).unwrap();
    for _ in 0..2 {
        assert!(list.verify_by(authority.certificate().spki()));
        assert!(!list.verify_by(other.certificate().spki()));
    }
    assert!(!list.verify_by(b""));
    let mut changed = Draft::new().revoking(&[5]).sign(&authority);
    let at = changed.windows(3).position(|w| w == [2, 1, 5]).unwrap();
    changed[at + 2] = 6;
    let changed = Crl::parse(&changed).unwrap();
    assert!(!changed[0].verify_by(authority.certificate().spki()));
}

#[test]
fn a_list_that_cannot_be_judged_is_refused() {
    let new = Draft::new;
    let spoilt = |spoil: fn(&mut Draft)| {
        let mut draft = new();
        spoil(&mut draft);
        draft
    };
    let yes = &[0xff][..];
    let (flag, reasons) = (|tag| tlv(tag, &[yes]), tlv(0x83, &[&[0, 0x40]]));
    let relative = tlv(0xa0, &[&tlv(0xa1, &[&[5, 0]])]);
    for (draft, error) in [
        (spoilt(|d| d.version.clear()), CrlError::Version),
        (spoilt(|d| d.version[2] = 0), CrlError::Version),
        (spoilt(|d| d.version[2] = 2), CrlError::Version),
        (spoilt(|d| d.next_update.clear()), CrlError::Endless),
        (spoilt(|d| d.inner_algorithm[11] = 3), CrlError::Unreadable),
        (spoilt(|d| d.behind = vec![5, 0]), CrlError::Unreadable),
        (
            new().with(&[0x55, 0x1d, 27], true, &[2, 1, 1]),
            CrlError::Delta,
        ),
        (
            new().with(&[0x2a, 3], true, &[]),
            CrlError::UnknownExtension,
        ),
        (
            new().with(&[0x55, 0x1d, 20], false, &[2, 1, 1]),
            CrlError::Unreadable,
        ),
        (new().scoped(&[&flag(0x84)]), CrlError::Indirect),
        (new().scoped(&[&flag(0x85)]), CrlError::Partial),
        (new().scoped(&[&reasons]), CrlError::Partial),
        (new().scoped(&[&flag(0x81), &flag(0x82)]), CrlError::Partial),
        (new().scoped(&[&flag(0x86)]), CrlError::Unreadable),
        (new().scoped(&[&relative]), CrlError::RelativeName),
        (new().revoking(&[0x80]), CrlError::Serial),
        (new().revoking(&[]), CrlError::Serial),
        (new().revoking(&[1; 21]), CrlError::Serial),
    ] {
        assert_eq!(refused(&draft), error);
    }
    assert!(
        new()
            .with(&[0x2a, 3], false, &[])
            .parse(&Authority::usual())
            .is_ok()
    );
}

#[test]
fn an_entry_that_says_more_than_a_reason_is_not_passed_over() {
    for (id, critical, error) in [
        (&[0x55, 0x1d, 29][..], true, Some(CrlError::Indirect)),
        (&[0x55, 0x1d, 29], false, Some(CrlError::Indirect)),
        (&[0x2a, 3], true, Some(CrlError::UnknownExtension)),
        (&[0x2a, 3], false, None),
        (&[0x55, 0x1d, 21], true, None),
        (&[0x55, 0x1d, 24], false, None),
    ] {
        let mut draft = Draft::new();
        draft.entries = entry(&[1], &[&extension(id, critical, &[])]);
        assert_eq!(draft.parse(&Authority::usual()).err(), error, "{id:?}");
    }
}

#[test]
fn a_list_that_breaks_off_anywhere_is_none() {
    let whole = Draft::new()
        .at("http://a/")
        .revoking(&[5])
        .sign(&Authority::usual());
    assert!(Crl::parse(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(Crl::parse(&whole[..end]).is_err(), "{end}");
    }
}

#[test]
fn pem_of_something_else_is_no_list() {
    let authority = Authority::usual();
    for text in ["", "# nothing", &authority.issuer.pem()] {
        assert_eq!(Crl::parse(text.as_bytes()).unwrap_err(), CrlError::Empty);
    }
    let broken = "-----BEGIN X509 CRL-----\nMIIB\n";
    assert_eq!(
        Crl::parse(broken.as_bytes()).unwrap_err(),
        CrlError::Unreadable
    );
}

proptest! {
    #[test]
    fn a_flipped_byte_is_never_a_panic(at in 0usize..10_000, to: u8) {
        let authority = Authority::usual();
        let mut list = Draft::new().at("http://a/").revoking(&[5]).sign(&authority);
        let at = at % list.len();
        let same = list[at] == to;
        list[at] = to;
        // Whatever can still be read is not what was signed.
        if let Ok(read) = Crl::parse(&list) {
            let issuer = authority.certificate();
            prop_assert!(same || !read[0].verify_by(issuer.spki()));
        }
    }
}

/// `cargo test --lib half_a_million -- --ignored --nocapture` prints what a large list costs.
#[test]
#[ignore = "a measurement"]
fn half_a_million_entries() {
    let authority = Authority::usual();
    let mut draft = Draft::new();
    let reason = extension(&[0x55, 0x1d, 21], false, &[10, 1, 1]);
    for n in 0..500_000u64 {
        // Spread as random numbers are.
        let serial = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let serial = [&[0x11][..], &serial, &[7; 7]].concat();
        draft.entries.extend(entry(&serial, &[&reason]));
    }
    let der = draft.sign(&authority);
    let pem = as_pem(&der);
    let issuer = authority.certificate();
    let at = std::time::Instant::now();
    let list = Crl::parse(&der).unwrap().remove(0);
    println!("{} bytes of DER: {:?}", der.len(), at.elapsed());
    let at = std::time::Instant::now();
    Crl::parse(&pem).unwrap();
    println!("{} bytes of PEM: {:?}", pem.len(), at.elapsed());
    let at = std::time::Instant::now();
    assert!(list.verify_by(issuer.spki()));
    println!("signature: {:?}", at.elapsed());
    let at = std::time::Instant::now();
    assert!(list.verify_by(issuer.spki()) && !list.lists(&[9; 20]));
    println!("again, and a number: {:?}", at.elapsed());
    let at = std::time::Instant::now();
    assert_eq!(list.entries(), 500_000);
    drop(list);
    println!(
        "{} bytes of numbers, freed: {:?}",
        500_000 * 20,
        at.elapsed()
    );
}

fn as_pem(der: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&[u8]> = text.as_bytes().chunks(64).collect();
    let body = lines.join(&b"\n"[..]);
    [
        b"-----BEGIN X509 CRL-----\n",
        &body[..],
        b"\n-----END X509 CRL-----\n",
    ]
    .concat()
}
