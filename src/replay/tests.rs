use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::config::{ReplayStore, StoreServer};
use crate::digest::sha256;

fn at(second: i64) -> UtcTime {
    UtcTime::from_unix(1_800_000_000 + second)
}

fn entry(word: &str, good_until: i64) -> Entry {
    Entry::new(sha256(word.as_bytes()), at(good_until))
}

fn in_process(max_entries: usize) -> config::ReplayMemory {
    config::ReplayMemory {
        max_entries,
        store: None,
    }
}

fn open(config: &config::ReplayMemory, previous: Option<&ReplayMemory>) -> ReplayMemory {
    ReplayMemory::open(config, Path::new("gateway.toml"), previous).unwrap()
}

fn ask(memory: &ReplayMemory, entry: &Entry, second: i64) -> Answer {
    let known = memory.remember_at_once(entry, at(second)).unwrap();
    known.answer_for(entry).unwrap()
}

#[test]
fn a_signature_is_fresh_once_and_forgotten_when_it_is_no_longer_good() {
    let memory = open(&in_process(100), None);
    let one = entry("one", 10);
    assert_eq!(ask(&memory, &one, 0), Answer::Fresh);
    assert_eq!(ask(&memory, &one, 0), Answer::Replayed);
    assert_eq!(ask(&memory, &entry("two", 10), 0), Answer::Fresh);
    assert_eq!(ask(&memory, &one, 10), Answer::Replayed);
    assert_eq!(ask(&memory, &one, 11), Answer::Replayed);
    assert_eq!(ask(&memory, &one, 12), Answer::Fresh);
    assert_eq!(memory.counts().replayed, 3);
}

#[test]
fn the_last_second_is_the_first_use_s() {
    let memory = open(&in_process(100), None);
    assert_eq!(ask(&memory, &entry("one", 10), 0), Answer::Fresh);
    assert_eq!(ask(&memory, &entry("one", 100), 5), Answer::Replayed);
    assert_eq!(ask(&memory, &entry("one", 100), 12), Answer::Fresh);
    assert_eq!(ask(&memory, &entry("one", 100), 101), Answer::Replayed);
}

#[test]
fn a_proof_about_one_signature_is_none_about_another() {
    let memory = open(&in_process(100), None);
    let (one, two) = (entry("one", 10), entry("two", 10));
    let proof = memory.remember_at_once(&one, at(0)).unwrap();
    assert_eq!(proof.answer_for(&one), Some(Answer::Fresh));
    assert_eq!(proof.answer_for(&two), None);
}

#[test]
fn a_full_memory_denies_until_something_is_over() {
    let memory = open(&in_process(2), None);
    assert_eq!(ask(&memory, &entry("one", 10), 0), Answer::Fresh);
    assert_eq!(ask(&memory, &entry("two", 20), 0), Answer::Fresh);
    assert_eq!(ask(&memory, &entry("three", 20), 0), Answer::Full);
    assert_eq!(ask(&memory, &entry("one", 10), 0), Answer::Replayed);
    let counts = memory.counts();
    assert_eq!((counts.entries, counts.full, counts.replayed), (2, 1, 1));
    assert_eq!(ask(&memory, &entry("three", 20), 12), Answer::Fresh);
    assert_eq!(memory.counts().entries, 2);
}

#[test]
fn a_reload_forgets_nothing_even_with_another_bound() {
    let first = open(&in_process(3), None);
    assert_eq!(ask(&first, &entry("one", 10), 0), Answer::Fresh);
    assert_eq!(ask(&first, &entry("two", 10), 0), Answer::Fresh);
    let second = open(&in_process(2), Some(&first));
    assert_eq!(ask(&second, &entry("one", 10), 0), Answer::Replayed);
    assert_eq!(ask(&second, &entry("three", 10), 0), Answer::Full);
    assert_eq!(ask(&first, &entry("four", 10), 0), Answer::Fresh);
    assert_eq!(ask(&second, &entry("four", 10), 0), Answer::Replayed);
    assert_eq!(first.counts(), second.counts());
}

fn store(directory: &Path) -> ReplayStore {
    ReplayStore {
        servers: vec![StoreServer {
            host: "localhost".to_owned(),
            port: 6379,
        }],
        ca: None,
        cluster: false,
        user: None,
        password_file: Some(directory.join("password")),
        timeout: Duration::from_millis(50),
        on_down: OnStoreDown::Deny,
        key_prefix: "k:".to_owned(),
        line: 7,
    }
}

fn said(store: ReplayStore) -> String {
    let config = config::ReplayMemory {
        store: Some(store),
        ..config::ReplayMemory::default()
    };
    match ReplayMemory::open(&config, Path::new("gateway.toml"), None) {
        Ok(memory) => {
            assert!(
                memory.remember_at_once(&entry("one", 10), at(0)).is_none(),
                "a store cannot answer at once"
            );
            String::new()
        }
        Err(problems) => problems.to_string(),
    }
}

fn write(file: &Path, text: &str, mode: u32) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_files_of_a_store_are_opened_and_judged_together() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let password = here.join("password");
    for (text, mode, good) in [
        ("correct horse\n", 0o600, true),
        ("correct horse", 0o400, true),
        ("correct horse\n", 0o640, false),
        ("\n", 0o600, false),
        ("correct\nhorse\n", 0o600, false),
    ] {
        write(&password, text, mode);
        let said = said(store(here));
        assert_eq!(said.is_empty(), good, "{text:?} {mode:o}: {said}");
        assert!(!said.contains("correct"), "{said}");
        let _ = fs::remove_file(&password);
    }
    write(&here.join("empty.pem"), "", 0o644);
    let bundles = |names: &[&str]| -> Option<Vec<PathBuf>> {
        Some(names.iter().map(|name| here.join(name)).collect())
    };
    for cluster in [false, true] {
        let wrong = ReplayStore {
            ca: bundles(&["gone.pem", "empty.pem"]),
            cluster,
            ..store(here)
        };
        let said = said(wrong);
        assert_eq!(said.lines().count(), 3, "{said}");
        assert!(said.contains("gateway.toml:7: "), "{said}");
        assert!(said.contains("password: cannot be read"), "{said}");
    }
}

#[test]
fn a_password_in_the_same_file_makes_another_store() {
    let directory = tempfile::tempdir().unwrap();
    let settings = store(directory.path());
    let file = directory.path().join("password");
    let open = || Store::open(&settings, Path::new("gateway.toml")).unwrap();
    write(&file, "one", 0o600);
    let one = open();
    assert!(one.is_like(&open()));
    write(&file, "two", 0o600);
    assert!(!one.is_like(&open()));
}

#[tokio::test]
async fn what_has_moved_is_asked_of_the_other_and_known_there() {
    let (old, new) = (open(&in_process(100), None), open(&in_process(100), None));
    let one = entry("one", 10);
    assert_eq!(ask(&old, &one, 0), Answer::Fresh);
    let mut moving = old.move_away().unwrap();
    for known in moving.known() {
        new.take_in(&known, at(0));
    }
    assert_eq!(ask(&new, &one, 0), Answer::Replayed);
    assert!(old.remember_at_once(&one, at(0)).is_none());
    let answers = async {
        for _ in 0..2 {
            let question = moving.question().await.unwrap();
            let answer = new.remember(question.entry, at(0)).await;
            let answer = answer.answer_for(&question.entry).unwrap();
            question.reply.send(answer).unwrap();
        }
    };
    let two = entry("two", 10);
    let questions = async {
        assert_eq!(
            old.remember(one, at(0)).await.answer_for(&one),
            Some(Answer::Replayed)
        );
        assert_eq!(
            old.remember(two, at(0)).await.answer_for(&two),
            Some(Answer::Fresh)
        );
    };
    tokio::join!(answers, questions);
    assert_eq!(ask(&new, &two, 0), Answer::Replayed);
    // What was asked of the other is known here as well when the other is gone.
    drop(moving);
    assert_eq!(ask(&old, &two, 0), Answer::Replayed);
}

#[tokio::test]
async fn a_question_that_is_on_its_way_when_the_other_ends_is_answered_here() {
    let old = open(&in_process(100), None);
    let one = entry("one", 10);
    let mut moving = old.move_away().unwrap();
    let (answer, ()) = tokio::join!(old.remember(one, at(0)), async {
        drop(moving.question().await);
        drop(moving);
    });
    assert_eq!(answer.answer_for(&one), Some(Answer::Fresh));
    assert_eq!(ask(&old, &one, 0), Answer::Replayed);
}

#[test]
fn of_many_who_bring_the_same_while_it_moves_one_is_first() {
    let (old, new) = (open(&in_process(100_000), None), open(&in_process(1), None));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let (old, new) = (Arc::new(old), Arc::new(new));
    let fresh = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (old, fresh) = (old.clone(), fresh.clone());
            runtime.spawn(async move {
                for n in 0..2_000u32 {
                    let entry = entry(&n.to_string(), 10);
                    let answer = old.remember(entry, at(0)).await.answer_for(&entry);
                    fresh.fetch_add(u64::from(answer == Some(Answer::Fresh)), Ordering::Relaxed);
                }
            })
        })
        .collect();
    let pump = runtime.spawn(async move {
        let mut moving = old.move_away().unwrap();
        for known in moving.known() {
            new.take_in(&known, at(0));
        }
        while let Some(question) = moving.question().await {
            let known = Known {
                key: *question.entry.key(),
                until: u32::MAX,
            };
            // The other has no room of its own, and must not forget what it was told.
            let answer = match new.remember_at_once(&question.entry, at(0)).unwrap() {
                it if it.answer_for(&question.entry) == Some(Answer::Replayed) => Answer::Replayed,
                _ => {
                    new.take_in(&[known], at(0));
                    Answer::Fresh
                }
            };
            let _ = question.reply.send(answer);
        }
    });
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    pump.abort();
    assert_eq!(fresh.load(Ordering::Relaxed), 2_000);
}
