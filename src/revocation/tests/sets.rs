use std::time::Duration;

use super::*;
use crate::revocation::{CrlSet, CrlStatus};

const SERIAL: &[u8] = &[0x11, 0x22];
const FIRST: &str = "http://crl.example.org/1.crl";
const SECOND: &str = "http://crl.example.org/2.crl";

fn check(lists: Vec<Arc<Crl>>, subject: &[u8], issuer: &[u8], grace: u64) -> CrlStatus {
    let subject = Certificate::read(subject).unwrap();
    let issuer = Certificate::read(issuer).unwrap();
    let grace = (grace > 0).then(|| Duration::from_secs(grace));
    CrlSet::new(lists).check(&subject, &issuer, now(), grace)
}

fn good(until: &str) -> CrlStatus {
    let until = UtcTime::parse_amz(until.as_bytes()).unwrap();
    CrlStatus::Good { until }
}

fn usual() -> CrlStatus {
    good("20260103T000000Z")
}

fn old() -> Draft {
    Draft::new().dated("251201000000Z", "260101235959Z")
}

#[test]
fn a_list_of_the_issuer_says_good_or_revoked() {
    let authority = Authority::usual();
    let subject = authority.issue(SERIAL, false, &[]);
    let said = |draft: Draft| check(vec![draft.list(&authority)], &subject, authority.der(), 0);
    assert_eq!(said(Draft::new()), usual());
    assert_eq!(said(Draft::new().revoking(&[0x11, 0x23])), usual());
    assert_eq!(said(Draft::new().revoking(SERIAL)), CrlStatus::Revoked);
    let none = check(Vec::new(), &subject, authority.der(), 0);
    assert_eq!(none, CrlStatus::Unknown);
}

#[test]
fn a_list_that_has_ended_is_stale_unless_it_revokes() {
    let authority = Authority::usual();
    let subject = authority.issue(SERIAL, false, &[FIRST]);
    let said = |lists: &[Draft], grace| {
        let lists = lists.iter().map(|one| one.list(&authority)).collect();
        check(lists, &subject, authority.der(), grace)
    };
    assert_eq!(said(&[old()], 0), CrlStatus::Stale);
    assert_eq!(said(&[old()], 3600), good("20260102T005959Z"));
    assert_eq!(said(&[old().revoking(SERIAL)], 0), CrlStatus::Revoked);
    // The other one is of another scope, so the first is the newest of its own.
    assert_eq!(said(&[old(), Draft::new().at(FIRST)], 0), CrlStatus::Stale);
}

#[test]
fn of_the_lists_of_a_scope_the_newest_counts() {
    let authority = Authority::usual();
    let subject = authority.issue(SERIAL, false, &[]);
    let said = |lists: [Draft; 2]| {
        let lists = lists.iter().map(|one| one.list(&authority)).collect();
        check(lists, &subject, authority.der(), 0)
    };
    let hold = || Draft::new().numbered(3).revoking(SERIAL);
    assert_eq!(said([Draft::new().numbered(4), hold()]), usual());
    assert_eq!(said([hold(), Draft::new().numbered(4)]), usual());
    assert_eq!(said([Draft::new().numbered(2), hold()]), CrlStatus::Revoked);
    assert_eq!(said([old().numbered(1), Draft::new().numbered(1)]), usual());
}

#[test]
fn a_list_of_times_to_come_is_not_waited_for_with_the_old_one_thrown_away() {
    let authority = Authority::usual();
    let subject = authority.issue(SERIAL, false, &[]);
    let early = |to_come: &str| Draft::new().numbered(9).dated(to_come, "260109000000Z");
    let said = |lists: &[Draft]| {
        let lists = lists.iter().map(|one| one.list(&authority)).collect();
        check(lists, &subject, authority.der(), 0)
    };
    let later = || early("260102000101Z");
    let unusable = CrlStatus::Unusable("the CRL is not valid yet");
    assert_eq!(said(&[later()]), unusable);
    assert_eq!(said(&[later(), Draft::new()]), usual());
    assert_eq!(
        said(&[later().revoking(SERIAL), Draft::new()]),
        CrlStatus::Revoked
    );
    assert_eq!(said(&[early("260102000100Z")]), good("20260109T000000Z"));
}

#[test]
fn whoever_did_not_sign_the_certificate_says_nothing_of_it() {
    let (authority, namesake) = (Authority::usual(), Authority::usual());
    let subject = authority.issue(SERIAL, false, &[]);
    let by_other = || Draft::new().numbered(9).revoking(SERIAL).list(&namesake);
    let said = |lists| check(lists, &subject, authority.der(), 0);
    assert_eq!(
        said(vec![by_other()]),
        CrlStatus::Unusable("no CRL of the issuer's name is signed by its key")
    );
    let own = Draft::new().list(&authority);
    assert_eq!(said(vec![by_other(), own]), usual());
}

#[test]
fn an_issuer_that_may_not_sign_lists_has_none() {
    let authority = Authority::new(&[KeyUsagePurpose::KeyCertSign]);
    let subject = authority.issue(SERIAL, false, &[]);
    let lists = vec![Draft::new().revoking(SERIAL).list(&authority)];
    assert_eq!(
        check(lists, &subject, authority.der(), 0),
        CrlStatus::Unusable("the issuer may not sign CRLs")
    );
    let silent = Authority::new(&[]);
    let subject = silent.issue(SERIAL, false, &[]);
    let lists = vec![Draft::new().list(&silent)];
    assert_eq!(check(lists, &subject, silent.der(), 0), usual());
}

#[test]
fn a_list_counts_for_its_kind_of_certificate_only() {
    let authority = Authority::usual();
    for (tag, for_users, for_authorities) in [(0x81, true, false), (0x82, false, true)] {
        for (is_ca, counts) in [(false, for_users), (true, for_authorities)] {
            let subject = authority.issue(SERIAL, is_ca, &[]);
            let list = Draft::new()
                .scoped(&[&tlv(tag, &[&[0xff]])])
                .list(&authority);
            let want = if counts { usual() } else { CrlStatus::Unknown };
            assert_eq!(check(vec![list], &subject, authority.der(), 0), want);
        }
    }
}

#[test]
fn a_list_of_a_distribution_point_counts_for_certificates_that_name_it() {
    let authority = Authority::usual();
    for (points, status) in [
        (&[][..], CrlStatus::Unknown),
        (&[SECOND], CrlStatus::Unknown),
        (&[FIRST], usual()),
        (&[SECOND, FIRST], usual()),
    ] {
        let subject = authority.issue(SERIAL, false, points);
        let lists = vec![Draft::new().at(FIRST).list(&authority)];
        assert_eq!(
            check(lists, &subject, authority.der(), 0),
            status,
            "{points:?}"
        );
    }
}

/// A number is given once, so whoever finds it on a list has been revoked, whichever part of
/// the certificates the list was for.
#[test]
fn a_number_on_a_list_of_another_distribution_point_is_revoked() {
    let authority = Authority::usual();
    let subject = authority.issue(SERIAL, false, &[SECOND]);
    let lists = vec![
        Draft::new().at(FIRST).revoking(SERIAL).list(&authority),
        Draft::new().at(SECOND).list(&authority),
    ];
    assert_eq!(
        check(lists, &subject, authority.der(), 0),
        CrlStatus::Revoked
    );
}

#[test]
fn a_list_that_no_authority_of_a_store_has_signed_is_told() {
    let (authority, namesake) = (Authority::usual(), Authority::usual());
    let silent = Authority::new(&[KeyUsagePurpose::KeyCertSign]);
    let lists = [&authority, &namesake, &silent].map(|one| Draft::new().list(one));
    let set = CrlSet::new(lists.to_vec());
    let of = |all: &[&Authority]| {
        let all: Vec<_> = all.iter().map(|one| one.certificate()).collect();
        let not_by = set.not_by(&all);
        lists
            .each_ref()
            .map(|list| not_by.iter().any(|one| Arc::ptr_eq(one, list)))
    };
    assert_eq!(of(&[]), [true, true, true]);
    assert_eq!(of(&[&authority, &silent]), [false, true, true]);
    assert_eq!(of(&[&authority, &namesake]), [false, false, true]);
    assert_eq!(lists[0].issuer_name(), "CN=authority");
}
