//! Files that wait: what the check meets, and what is left when something fails.

use tempfile::{TempDir, tempdir};

use super::*;
use crate::aws::Value;
use crate::provision::{Source, Wanted};

fn fetched(files: &[(&str, &str)]) -> Vec<Fetched> {
    let one = |(line, (path, text)): (usize, &(&str, &str))| Fetched {
        wanted: Wanted {
            path: FilePath::parse(path).unwrap(),
            source: Source::Text(String::new()),
            is_secret: false,
            line: line + 1,
        },
        bytes: Value::new(text.as_bytes().to_vec()),
    };
    files.iter().enumerate().map(one).collect()
}

fn write(directory: &Path, files: &[(&str, &str)]) -> Result<Staged, Problems> {
    Staged::write(Path::new("user data"), directory, &fetched(files), None)
}

/// A directory that has a file of somebody else's, and what was put there.
fn furnished(files: &[(&str, &str)]) -> TempDir {
    let home = tempdir().unwrap();
    fs::create_dir(home.path().join("tls")).unwrap();
    fs::write(home.path().join("tls/others.pem"), "theirs").unwrap();
    let staged = write(home.path(), files).unwrap();
    staged.check(|_| Ok(())).unwrap().put_in_place().unwrap();
    home
}

fn told(home: &TempDir, path: &str) -> String {
    fs::read_to_string(home.path().join(path)).unwrap_or_default()
}

#[test]
fn the_check_meets_new_files_and_those_of_others_and_not_those_that_go() {
    let home = furnished(&[(CONFIG, "old"), ("tls/gone.pem", "gone")]);
    let staged = write(home.path(), &[(CONFIG, "new"), ("tls/ca.pem", "ca")]).unwrap();
    let checked = staged.check(|file| {
        let beside = |path: &str| fs::read_to_string(file.with_file_name(path)).ok();
        assert_eq!(beside(CONFIG).as_deref(), Some("new"));
        assert_eq!(beside("tls/ca.pem").as_deref(), Some("ca"));
        assert_eq!(beside("tls/others.pem").as_deref(), Some("theirs"));
        assert_eq!(beside("tls/gone.pem"), None);
        let text = format!("{}: cannot be read", file.display());
        Err(Problems::with_file(file, text))
    });
    let said = checked.err().unwrap().to_string();
    let place = home.path().canonicalize().unwrap().join(CONFIG);
    let place = place.display();
    assert_eq!(said, format!("{place}: {place}: cannot be read"));
    assert_eq!(
        (told(&home, CONFIG), told(&home, "tls/gone.pem")),
        ("old".into(), "gone".into())
    );
    assert!(!home.path().join(STAGING).exists());
}

#[test]
fn a_file_that_cannot_be_moved_leaves_every_other_where_it_was() {
    let home = furnished(&[(CONFIG, "old"), ("gone", "gone")]);
    let staged = write(home.path(), &[(CONFIG, "new"), ("deep/a", "a"), ("z", "z")]).unwrap();
    let checked = staged.check(|_| Ok(())).unwrap();
    // Somebody else is faster.
    fs::write(home.path().join("z"), "theirs").unwrap();
    assert!(checked.put_in_place().is_err());
    assert_eq!(
        (told(&home, CONFIG), told(&home, "z")),
        ("old".into(), "theirs".into())
    );
    assert_eq!(told(&home, "gone"), "gone");
    assert!(!home.path().join("deep").exists() && !home.path().join(STAGING).exists());
}

#[test]
fn two_runs_at_once_are_one() {
    let home = furnished(&[]);
    let first = write(home.path(), &[]).unwrap();
    let said = write(home.path(), &[]).err().unwrap().to_string();
    assert!(said.contains("another provision is at work"), "{said}");
    drop(first);
    assert!(write(home.path(), &[]).is_ok());
}

#[test]
fn what_was_a_file_may_become_a_directory() {
    let home = furnished(&[("tls2", "a file")]);
    let staged = write(home.path(), &[("tls2/ca.pem", "ca")]).unwrap();
    staged.check(|_| Ok(())).unwrap().put_in_place().unwrap();
    assert_eq!(told(&home, "tls2/ca.pem"), "ca");
}
