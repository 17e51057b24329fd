//! What user data may say, and every mistake in it.

use super::*;

fn said(text: &str) -> String {
    match UserData::parse(Path::new("user data"), text.as_bytes()) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn user_data_says_which_files_there_are_and_whom_to_tell() {
    let text = "\
# Which files there are.
[[file]]
path = \"gateway.toml\"
ssm = \"/countersign/prod/gateway.toml\"
[[file]]
path = \"tls/key.pem\"
secrets_manager = \"countersign/key\"
secret = true
[[file]]
path = \"tls/ca.pem\"
s3 = \"s3://bucket/ca.pem\"
[[file]]
path = \"note.txt\"
text = \"\"
[signal]
auto_scaling_group = \"gateways\"
lifecycle_hook = \"launch\"
";
    let data = UserData::parse(Path::new("user data"), text.as_bytes()).expect("it is good");
    let files = data.files.iter();
    let told: Vec<_> = files
        .map(|f| (f.line, f.path.as_str(), f.is_secret))
        .collect();
    let want = [
        (2, "gateway.toml", false),
        (5, "tls/key.pem", true),
        (9, "tls/ca.pem", false),
        (12, "note.txt", false),
    ];
    assert_eq!(told, want);
    assert_eq!(data.signal.map(|s| s.hook).as_deref(), Some("launch"));
}

#[test]
fn user_data_that_is_empty_asks_for_nothing() {
    for text in ["", "\n", "# nothing yet\n"] {
        let data = UserData::parse(Path::new("user data"), text.as_bytes());
        assert_eq!(data, Ok(UserData::default()));
    }
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let text = "\
[[file]]
path = \"../shadow\"
ssm = \"/x\"
[[file]]
path = \"/etc/passwd\"
ssm = \"a b\"
[[file]]
path = \"tls\"
ssm = \"/x\"
s3 = \"s3://bucket/key\"
[[file]]
path = \"ca.pem\"
ssm = \"/x\"
[[file]]
path = \"ca.pem\"
ssm = \"/x\"
[[file]]
path = \"ca.pem/key\"
ssm = \"/x\"
[[file]]
ssn = \"/x\"
[[file]]
path = \"s\"
text = \"hidden\"
secret = true
[[file]]
path = \"k\"
text = \"-----BEGIN PRIVATE KEY-----hidden\"
[signal]
lifecycle_hook = \"\\u0007\"
";
    assert_eq!(said(text), WRONG);
    assert!(!said(text).contains("hidden"));
}

const WRONG: &str = "\
user data:2: path \"../shadow\" has \"..\" or \".\" in it; write where the file lies
user data:5: path \"/etc/passwd\" is absolute; write it relative to the gateway's directory
user data:6: \"ssm\" in [[file]] is no name or ARN: those have no spaces and up to 2048 characters
user data:7: file \"tls\" must have exactly one of \"ssm\", \"secrets_manager\", \"s3\" or \"text\"
user data:15: path \"ca.pem\" stands here twice; take one out
user data:18: paths \"ca.pem\" and \"ca.pem/key\" cannot both be: one is a directory in the other; rename one
user data:20: [[file]] has no \"path\"; write where it goes, such as path = \"gateway.toml\"
user data:20: [[file]] must have exactly one of \"ssm\", \"secrets_manager\", \"s3\" or \"text\"
user data:21: unknown key \"ssn\" in [[file]]; did you mean \"ssm\"?
user data:24: \"text\" in file \"s\" would be a secret in user data, which is none; keep it in Secrets Manager
user data:28: \"text\" in file \"k\" would be a secret in user data, which is none; keep it in Secrets Manager
user data:29: [signal] has no \"auto_scaling_group\"; name both the group and its launch hook
user data:30: \"lifecycle_hook\" is no name: those have up to 255 bytes, all of them printable";

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "\\PC{0,40}") {
        let _ = UserData::parse(Path::new("user data"), &bytes);
        for key in ["path", "ssm", "secrets_manager", "s3", "text"] {
            let data = format!("[[file]]\npath = \"a\"\n{key} = {text:?}\n[signal]\nlifecycle_hook = {text:?}\n");
            let _ = UserData::parse(Path::new("user data"), data.as_bytes());
        }
    }
}

#[test]
fn what_is_no_toml_or_too_long_is_refused() {
    assert!(said("#!/bin/sh\necho\n").contains("user data:2: this is not TOML"));
    let long = "#".repeat(MAX_USER_DATA + 1);
    assert!(said(&long).contains("longer than 16 KiB"));
    let bytes = UserData::parse(Path::new("user data"), &[0xff, 0xfe]);
    assert!(bytes.is_err());
}
