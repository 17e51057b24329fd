use super::*;

const KEY: OcspKey = OcspKey([1; 32]);
const GOOD: OcspCertificateStatus = OcspCertificateStatus::Good;
const REVOKED: OcspCertificateStatus = OcspCertificateStatus::Revoked;

fn at(seconds: i64) -> UtcTime {
    UtcTime::from_unix(1_440_938_160 + seconds)
}

fn answer(status: OcspCertificateStatus, until: i64) -> OcspAnswer {
    OcspAnswer {
        status,
        this_update: at(0),
        next_update: Some(at(until)),
    }
}

fn known(status: OcspCertificateStatus, until: i64) -> OcspStatus {
    let until = at(until);
    OcspStatus::Known { status, until }
}

#[test]
fn an_answer_is_asked_for_once_and_again_before_it_ends() {
    let mut entries = Entries::new(10);
    assert_eq!(entries.status(&KEY, at(0)), OcspStatus::Unasked);
    assert_eq!(entries.begin(&KEY, at(0)), Begin::Now);
    assert_eq!(entries.begin(&KEY, at(0)), Begin::NotNow);
    assert_eq!(entries.status(&KEY, at(0)), OcspStatus::Pending);
    entries.end(&KEY, Some(&answer(GOOD, 1000)), at(0));
    assert_eq!(entries.begin(&KEY, at(499)), Begin::NotNow);
    assert_eq!(entries.begin(&KEY, at(500)), Begin::Now);
    assert_eq!(entries.status(&KEY, at(1000)), known(GOOD, 1000));
    assert_eq!(entries.status(&KEY, at(1001)), OcspStatus::Pending);
}

#[test]
fn what_is_revoked_stays_so_until_something_else_is_heard() {
    let mut entries = Entries::new(10);
    entries.begin(&KEY, at(0));
    entries.end(&KEY, Some(&answer(REVOKED, 1000)), at(0));
    assert_eq!(entries.begin(&KEY, at(2000)), Begin::Now);
    entries.end(&KEY, None, at(2000));
    assert_eq!(entries.status(&KEY, at(2001)), known(REVOKED, 2001));
    entries.begin(&KEY, at(3000));
    entries.end(&KEY, Some(&answer(GOOD, 4000)), at(3000));
    assert_eq!(entries.status(&KEY, at(3001)), known(GOOD, 4000));
}

#[test]
fn answers_are_believed_for_a_minute_at_least_and_a_day_at_most() {
    for (says, until) in [(10, 60), (600, 600), (1_000_000, 86_400)] {
        let mut entries = Entries::new(10);
        entries.begin(&KEY, at(0));
        entries.end(&KEY, Some(&answer(GOOD, says)), at(0));
        assert_eq!(entries.status(&KEY, at(1)), known(GOOD, until));
    }
}

#[test]
fn who_does_not_answer_is_asked_less_and_less_often() {
    let mut entries = Entries::new(10);
    let mut now = 0;
    for wait in [10, 20, 40, 80, 160, 320, 600, 600] {
        assert_eq!(entries.begin(&KEY, at(now)), Begin::Now);
        entries.end(&KEY, None, at(now));
        assert_eq!(entries.status(&KEY, at(now)), OcspStatus::Failed);
        assert_eq!(entries.begin(&KEY, at(now + wait - 1)), Begin::NotNow);
        now += wait;
    }
}

#[test]
fn a_full_table_makes_room_of_what_has_ended() {
    let mut entries = Entries::new(2);
    let key = |n| OcspKey([n; 32]);
    for (n, until) in [(1, 1000), (2, 100)] {
        entries.begin(&key(n), at(0));
        entries.end(&key(n), Some(&answer(GOOD, until)), at(0));
    }
    assert_eq!(entries.begin(&key(3), at(101)), Begin::Now);
    assert_eq!(entries.status(&key(2), at(101)), OcspStatus::Unasked);
    assert_eq!(entries.status(&key(1), at(101)), known(GOOD, 1000));
}

#[test]
fn or_of_what_ends_soonest_but_never_of_what_is_revoked() {
    let mut entries = Entries::new(4);
    let key = |n| OcspKey([n; 32]);
    for (n, status, until) in [(1, GOOD, 900), (2, GOOD, 500), (3, REVOKED, 100)] {
        entries.begin(&key(n), at(0));
        entries.end(&key(n), Some(&answer(status, until)), at(0));
    }
    // The fourth is being asked about.
    for (now, asked, gone) in [(1, 4, 0), (2, 5, 2), (3, 6, 1)] {
        assert_eq!(entries.begin(&key(asked), at(now)), Begin::Now);
        assert_eq!(entries.status(&key(gone), at(now)), OcspStatus::Unasked);
    }
    assert_eq!(entries.begin(&key(7), at(4)), Begin::Full);
    assert_eq!(entries.status(&key(3), at(4)), known(REVOKED, 100));
}

#[test]
fn a_question_that_is_never_put_leaves_nothing() {
    let mut entries = Entries::new(2);
    entries.begin(&KEY, at(0));
    entries.give_up(&KEY);
    assert_eq!(entries.len(), 0);
}
