//! Revocation as others publish it: lists and OCSP answers of the real openssl, fetched from
//! files, from servers and from its own responder.

#![allow(clippy::unwrap_used)]

#[path = "e2e/harness/openssl_ca.rs"]
mod openssl_ca;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::clock::UtcTime;
use countersign::crl_source::CrlSource;
use countersign::revocation::ocsp::{
    OcspCache, OcspCertificateStatus as Status, OcspError, OcspKey, OcspStatus, request, verify,
};
use countersign::revocation::{Certificate, Crl, CrlError, CrlSet, CrlStatus, Loaded, load};
use openssl_ca::OpensslCa;
use tempfile::TempDir;

fn authority() -> (TempDir, OpensslCa) {
    let directory = tempfile::tempdir().unwrap();
    let ca = OpensslCa::new(directory.path());
    (directory, ca)
}

/// An authority that has issued "good" and "bad", and has revoked the second.
fn with_two() -> (TempDir, OpensslCa) {
    let (directory, ca) = authority();
    ca.issue("good", "caller");
    ca.issue("bad", "caller");
    ca.revoke("bad");
    (directory, ca)
}

fn later(seconds: i64) -> UtcTime {
    UtcTime::from_unix(UtcTime::now().unix() + seconds)
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(future)
}

fn said(ca: &OpensslCa, lists: &[Arc<Crl>], name: &str) -> CrlStatus {
    let (subject, issuer) = (ca.der(name), ca.der("ca"));
    let subject = Certificate::read(&subject).unwrap();
    let issuer = Certificate::read(&issuer).unwrap();
    CrlSet::new(lists.to_vec()).check(&subject, &issuer, UtcTime::now(), None)
}

#[test]
fn a_list_of_openssl_tells_the_revoked_from_the_others() {
    let (_directory, ca) = with_two();
    let source = CrlSource::File(ca.publish());
    let loaded = wait(load(&source, None)).unwrap();
    assert!(matches!(
        said(&ca, &loaded.crls, "good"),
        CrlStatus::Good { .. }
    ));
    assert_eq!(said(&ca, &loaded.crls, "bad"), CrlStatus::Revoked);
    ca.revoke("good");
    ca.publish();
    let next = wait(load(&source, Some(&loaded))).unwrap();
    assert_eq!(said(&ca, &next.crls, "good"), CrlStatus::Revoked);
    // Both are there for a while: the newer one counts.
    let both = [loaded.crls, next.crls].concat();
    assert_eq!(said(&ca, &both, "good"), CrlStatus::Revoked);
}

#[test]
fn a_list_of_version_1_says_what_to_do() {
    let (_directory, ca) = with_two();
    let config = String::from_utf8(ca.read("ca.cnf")).unwrap();
    let config = config.replace("crl_extensions = list\n", "");
    let config = config.replace("crlnumber = crlnumber\n", "");
    std::fs::write(ca.directory.join("ca.cnf"), config).unwrap();
    let list = ca.publish();
    let error = Crl::parse(&std::fs::read(&list).unwrap()).unwrap_err();
    assert_eq!(error, CrlError::Version);
    let told = wait(load(&CrlSource::File(list.clone()), None)).unwrap_err();
    assert_eq!(told, format!("{}: {error}", list.display()));
}

/// Answers each connection with what `answer` makes of the request, which is told back.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/list.crl?X-Amz-Signature=secret",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            // A client that has read enough hangs up.
            let _ = stream.write_all(&answer(&String::from_utf8_lossy(&head)));
        }
    });
    url
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn what_has_not_changed_is_not_fetched_again() {
    let (_directory, ca) = with_two();
    let list = std::fs::read(ca.publish()).unwrap();
    let served = list.clone();
    let url = serve(
        move |request| match request.contains("if-none-match: \"one\"\r\n") {
            true => http("304 Not Modified", "", b""),
            false => http("200 OK", "etag: \"one\"\r\n", &served),
        },
    );
    let source = CrlSource::Url(url);
    let first = wait(load(&source, None)).unwrap();
    let second = wait(load(&source, Some(&first))).unwrap();
    assert!(Arc::ptr_eq(&first.crls[0], &second.crls[0]));
    // A server that sends the same again costs no more than a hash.
    let source = CrlSource::Url(serve(move |_| http("200 OK", "", &list)));
    let third = wait(load(&source, Some(&second))).unwrap();
    assert!(Arc::ptr_eq(&first.crls[0], &third.crls[0]));
}

/// Another list may have been written in the same second, and would be told by the same time.
#[test]
fn a_list_of_the_second_in_which_it_was_fetched_is_fetched_again() {
    let (_directory, ca) = with_two();
    let list = std::fs::read(ca.publish()).unwrap();
    for (seconds, asks) in [("07", false), ("08", false), ("09", true)] {
        let dates = format!(
            "last-modified: Sun, 30 Aug 2015 12:36:07 GMT\r\ndate: Sun, 30 Aug 2015 12:36:{seconds} GMT\r\netag: \"7\"\r\n"
        );
        let (served, conditions) = (list.clone(), Arc::new(AtomicUsize::new(0)));
        let counted = conditions.clone();
        let source = CrlSource::Url(serve(move |request| {
            let conditional = request.contains("if-none-match") && request.contains("if-modified");
            counted.fetch_add(usize::from(conditional), Ordering::Relaxed);
            http("200 OK", &dates, &served)
        }));
        let first = wait(load(&source, None)).unwrap();
        wait(load(&source, Some(&first))).unwrap();
        assert_eq!(conditions.load(Ordering::Relaxed), usize::from(asks));
    }
}

#[test]
fn a_server_that_fails_is_told_of_without_the_secret_in_the_url() {
    let failed = |url: String| {
        let source = CrlSource::Url(url);
        let told: Result<Loaded, String> = wait(load(&source, None));
        let told = format!("{} {source:?}", told.unwrap_err());
        assert!(
            !told.contains("secret") && told.contains("/list.crl: "),
            "{told}"
        );
        told
    };
    assert!(failed(serve(|_| http("403 Forbidden", "", b""))).contains("answers 403"));
    assert!(failed(serve(|_| http("200 OK", "", b"<html>"))).contains("no X509 CRL"));
    assert!(
        failed(serve(
            |_| b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec()
        ))
        .len()
            > 9
    );
    assert!(failed(serve(|_| http("200 OK", "", &vec![0; 50_000_001]))).contains("longer"));
    assert!(failed("http://127.0.0.1:1/list.crl?secret".to_owned()).contains("connect"));
    let round = serve(|_| http("302 Found", "location: /list.crl?secret\r\n", b""));
    assert!(failed(round).contains("redirect"));
}

#[test]
fn we_ask_what_openssl_asks() {
    let (_directory, ca) = with_two();
    assert_eq!(
        request(&ca.der("good"), &ca.der("ca")).unwrap(),
        ca.ask("good", "")
    );
}

#[test]
fn answers_of_the_issuer_and_of_its_delegate_are_believed() {
    let (_directory, ca) = with_two();
    ca.issue("delegate", "delegate");
    let issuer = ca.der("ca");
    ca.issue("lost", "caller");
    let index = String::from_utf8(ca.read("index.txt")).unwrap();
    let kept: Vec<&str> = index
        .lines()
        .filter(|line| !line.contains("CN=lost"))
        .collect();
    std::fs::write(ca.directory.join("index.txt"), kept.join("\n") + "\n").unwrap();
    for signer in ["ca", "delegate"] {
        for (name, status) in [
            ("good", Status::Good),
            ("bad", Status::Revoked),
            ("lost", Status::Unknown),
        ] {
            let answer = ca.answer(name, signer);
            let found = verify(&answer, &ca.der(name), &issuer, UtcTime::now()).unwrap();
            assert_eq!(found.status, status, "{name} by {signer}");
            assert!(found.next_update.unwrap() > later(3600));
        }
    }
}

#[test]
fn a_responder_may_name_itself_by_its_key_and_the_issuer_by_a_newer_hash() {
    let (_directory, ca) = with_two();
    ca.issue("delegate", "delegate");
    for (signer, asking, answering) in [
        ("ca", "", "-resp_key_id"),
        ("delegate", "", "-resp_key_id"),
        ("ca", "-sha256", ""),
        ("delegate", "-sha256", "-resp_key_id"),
    ] {
        let answer = ca.answer_with("bad", signer, asking, answering);
        let found = verify(&answer, &ca.der("bad"), &ca.der("ca"), UtcTime::now());
        assert_eq!(
            found.unwrap().status,
            Status::Revoked,
            "{signer} {asking} {answering}"
        );
    }
}

#[test]
fn an_answer_signed_with_sha_1_or_without_its_delegate_is_worth_nothing() {
    let (_directory, ca) = with_two();
    ca.issue("delegate", "delegate");
    for (signer, answering) in [("ca", "-rmd sha1"), ("delegate", "-resp_no_certs")] {
        let answer = ca.answer_with("good", signer, "", answering);
        let found = verify(&answer, &ca.der("good"), &ca.der("ca"), UtcTime::now());
        assert_eq!(found, Err(OcspError::Signer), "{answering}");
    }
}

#[test]
fn an_answer_by_anybody_else_is_worth_nothing() {
    let (_directory, ca) = with_two();
    ca.issue("plain", "plain");
    ca.issue_with(
        "ended",
        "delegate",
        "rsa:2048",
        "-startdate 200101000000Z -enddate 200201000000Z",
    );
    let (other_directory, other) = authority();
    other.issue("stranger", "delegate");
    for file in ["stranger.pem", "stranger.key"] {
        std::fs::copy(other_directory.path().join(file), ca.directory.join(file)).unwrap();
    }
    for signer in ["good", "plain", "ended", "stranger"] {
        let answer = ca.answer("good", signer);
        let found = verify(&answer, &ca.der("good"), &ca.der("ca"), UtcTime::now());
        assert_eq!(found, Err(OcspError::Signer), "{signer}");
    }
}

#[test]
fn an_answer_counts_for_its_certificate_and_its_time_only() {
    let (_directory, ca) = with_two();
    let (good, bad, issuer) = (ca.der("good"), ca.der("bad"), ca.der("ca"));
    let answer = ca.answer("good", "ca");
    let found = |answer: &[u8], subject: &[u8], now| verify(answer, subject, &issuer, now);
    assert!(found(&answer, &good, later(0)).is_ok());
    assert_eq!(
        found(&answer, &bad, later(0)),
        Err(OcspError::OtherCertificate)
    );
    assert_eq!(found(&answer, &good, later(-600)), Err(OcspError::NotYet));
    assert_eq!(found(&answer, &good, later(100_000)), Err(OcspError::Ended));
    let (_other_directory, other) = authority();
    let of_other = verify(&answer, &good, &other.der("ca"), later(0));
    assert_eq!(of_other, Err(OcspError::Signer));
    let refused = [0x30, 0x03, 0x0a, 0x01, 0x06];
    assert_eq!(found(&refused, &good, later(0)), Err(OcspError::Refused(6)));
}

#[test]
fn an_answer_that_is_cut_or_changed_anywhere_is_worth_nothing() {
    let (_directory, ca) = with_two();
    ca.issue("delegate", "delegate");
    let (good, issuer) = (ca.der("good"), ca.der("ca"));
    let answer = ca.answer("good", "delegate");
    let found = |answer: &[u8]| verify(answer, &good, &issuer, UtcTime::now());
    let whole = found(&answer).unwrap();
    for at in 0..answer.len() {
        assert!(found(&answer[..at]).is_err(), "cut at {at}");
        let mut changed = answer.clone();
        changed[at] ^= 0x01;
        // The certificate's own copy of what is known otherwise may change, not what is said.
        assert!(found(&changed).is_ok_and(|one| one == whole) || found(&changed).is_err());
    }
    assert!(found(&[&answer[..], &[0]].concat()).is_err());
}

/// Asks, and waits for what is known then.
async fn learn(cache: &OcspCache, ca: &OpensslCa, name: &str, url: Option<&str>) -> OcspStatus {
    let (subject, issuer) = (ca.der(name), ca.der("ca"));
    let key = OcspKey::of(&subject, &issuer);
    let now = UtcTime::now();
    cache.want(&key, &subject, &issuer, url, now);
    let settled = cache.settled(&key, now);
    let bound = Duration::from_secs(20);
    tokio::time::timeout(bound, settled).await.expect("an end")
}

#[test]
fn the_responder_that_a_certificate_names_is_asked_once() {
    let (_directory, ca) = with_two();
    let _responder = ca.respond("ca");
    wait(async {
        let cache = Arc::new(OcspCache::default());
        tokio::spawn(cache.clone().run());
        for (name, wanted) in [("good", Status::Good), ("bad", Status::Revoked)] {
            for _ in 0..3 {
                let found = learn(&cache, &ca, name, None).await;
                let right = matches!(found, OcspStatus::Known { status, .. } if status == wanted);
                assert!(right, "{name}: {found:?}");
            }
        }
        let counts = cache.counts();
        assert_eq!((counts.fetched, counts.failed, counts.entries), (2, 0, 2));
    });
}

#[test]
fn a_responder_that_cannot_be_asked_is_a_failure() {
    let (_directory, ca) = with_two();
    ca.issue("plain", "plain");
    let nonsense = serve(|_| http("200 OK", "", b"<html>"));
    let inward = serve(|_| {
        let to = "location: http://169.254.169.254/latest/meta-data/\r\n";
        http("307 Temporary Redirect", to, b"")
    });
    for (name, url) in [
        ("good", None),
        ("plain", None),
        ("good", Some("http://169.254.169.254/latest/meta-data/")),
        ("good", Some("ftp://127.0.0.1/")),
        ("good", Some(nonsense.as_str())),
        ("good", Some(inward.as_str())),
    ] {
        wait(async {
            let cache = Arc::new(OcspCache::default());
            tokio::spawn(cache.clone().run());
            let found = learn(&cache, &ca, name, url).await;
            assert_eq!(found, OcspStatus::Failed, "{name} at {url:?}");
            assert_eq!(cache.counts().failed, 1);
        });
    }
}

#[test]
fn questions_that_nobody_puts_are_dropped_and_counted() {
    let cache = OcspCache::default();
    for number in 0..2000u32 {
        let subject = number.to_be_bytes();
        let key = OcspKey::of(&subject, b"issuer");
        cache.want(&key, &subject, b"issuer", None, UtcTime::now());
    }
    let counts = cache.counts();
    assert_eq!((counts.dropped, counts.entries), (976, 1024));
}
