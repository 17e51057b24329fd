use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;

const SECRET: &str = "a-secret-of-twenty-bytes-or-more";

fn now() -> UtcTime {
    UtcTime::from_unix(1_800_000_000)
}

fn credential(id: &str) -> Credential {
    Credential::aws(id, Secret::new(SECRET.to_owned()))
}

fn store_file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    (dir, file)
}

fn problems(text: &str) -> String {
    CredentialStore::parse(Path::new("c.toml"), text)
        .unwrap_err()
        .to_string()
}

#[test]
fn a_store_that_others_can_reach_is_refused_with_the_cure() {
    for mode in [0o640, 0o604, 0o660, 0o610, 0o601] {
        let (_dir, file) = store_file("", mode);
        let said = CredentialStore::load(&file).unwrap_err().to_string();
        assert!(said.contains(&format!("mode {mode:04o}")), "{said}");
        assert!(said.contains(&format!("chmod 600 {}", file.display())));
    }
    let (_dir, file) = store_file("", 0o600);
    assert!(CredentialStore::load(&file).unwrap().is_empty());
}

#[test]
fn a_store_is_read_with_its_times() {
    let text = format!(
        "[[credential]]\nid = \"CSA\"\nsecret = \"{SECRET}\"\nnot_before = 2026-01-31T12:00:00Z\nnot_after = 2026-01-31T15:00:00+02:00\n"
    );
    let store = CredentialStore::parse(Path::new("c.toml"), &text).unwrap();
    let found = store.find("CSA").unwrap();
    let start = UtcTime::parse_rfc3339("2026-01-31T12:00:00Z").unwrap();
    let end = UtcTime::parse_rfc3339("2026-01-31T13:00:00Z").unwrap();
    assert_eq!(
        (found.not_before, found.not_after),
        (Some(start), Some(end))
    );
    assert!(found.is_live(start) && found.is_live(end));
    assert!(!found.is_live(UtcTime::from_unix(end.unix() + 1)));
}

#[test]
fn every_mistake_is_told_and_no_secret_is() {
    let text = "\
[[credential]]
id = \"hush/hush\"
secret = \"hush\"
not_after = 2026-01-31
[[credential]]
id = \"CSA\"
secret = 7
[[credential]]
id = \"CSB\"
secret = \"hush-hush-hush-hush-hush\"
[[credential]]
id = \"CSB\"
secret = \"hush-hush-hush-hush-hush\"
secert = \"hush\"
";
    let said = problems(text);
    assert_eq!(
        said,
        "\
c.toml:2: \"id\" must be 1 to 128 letters, digits, \"_\" and \"-\"
c.toml:3: \"secret\" in [[credential]] must be at least 20 bytes long
c.toml:4: \"not_after\" in [[credential]] must be a date and time with its offset, such as 2026-01-31T12:00:00Z without quotes (found a date or time)
c.toml:7: \"secret\" in credential \"CSA\" must be a text (found a whole number)
c.toml:11: credential \"CSB\" is there twice
c.toml:14: unknown key \"secert\" in credential \"CSB\"; did you mean \"secret\"?"
    );
}

#[test]
fn text_that_is_no_toml_is_told_without_the_secret() {
    let said = problems("[[credential]]\nid = \"CSA\"\nsecret = hush-hush-hush-hush-hush\n");
    assert!(said.starts_with("c.toml:3: this is not TOML"), "{said}");
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_consumer_has_known_credentials_and_two_live_ones_at_most() {
    let mut ended = credential("CSD");
    ended.not_after = Some(UtcTime::from_unix(now().unix() - 1));
    let all = ["CSA", "CSB", "CSC"].map(credential).into_iter();
    let store = CredentialStore::from_credentials(all.chain([ended]));
    let check = |ids: &[&str]| {
        let ids: Vec<_> = ids.iter().map(|id| CredentialId::new(*id)).collect();
        check_consumer(&ConsumerName::new("bank"), &ids, &store, now())
    };
    assert_eq!(check(&["CSA", "CSB", "CSD"]), Ok(()));
    let texts = check(&["CSA", "CSB", "CSC", "nobody"]).unwrap_err();
    assert_eq!(
        texts,
        [
            "consumer \"bank\" names credential \"nobody\", which is not in the credential store",
            "consumer \"bank\" has 3 live credentials for sigv4 (CSA, CSB, CSC), but at most 2 may be live at once; retire one",
        ]
    );
}

#[test]
fn two_live_credentials_are_counted_for_each_scheme() {
    let hmac = ["CSC", "CSD"].map(|id| Credential::hmac(id, Secret::new(SECRET.to_owned())));
    let both = ["CSA", "CSB"].map(credential).into_iter().chain(hmac);
    let store = CredentialStore::from_credentials(both);
    let ids = ["CSA", "CSB", "CSC", "CSD"].map(CredentialId::new);
    let name = ConsumerName::new("bank");
    assert_eq!(check_consumer(&name, &ids, &store, now()), Ok(()));
}

#[test]
fn a_policy_for_hmac_names_credentials_that_are_there_and_for_hmac() {
    let hmac = Credential::hmac("CSHOOK", Secret::new(SECRET.to_owned()));
    let store = CredentialStore::from_credentials([credential("CSA"), hmac]);
    let ids = ["CSHOOK", "CSHOOKS", "CSA"].map(CredentialId::new);
    let texts = check_hmac(&PolicyName::new("hooks"), &ids, &store).unwrap_err();
    assert_eq!(
        texts,
        [
            "policy \"hooks\" names credential \"CSHOOKS\", which is not in the credential store; did you mean \"CSHOOK\"?",
            "policy \"hooks\" names credential \"CSA\", which is for sigv4 and not for hmac; make another with `countersign credentials new --scheme hmac`, since a secret serves one scheme only",
        ]
    );
}

#[test]
fn a_credential_keeps_its_scheme_through_every_edit() {
    let (_dir, file) = store_file("", 0o600);
    append(
        &file,
        &Credential::hmac("CSHOOK", Secret::new(SECRET.to_owned())),
    )
    .unwrap();
    append(&file, &credential("CSA")).unwrap();
    retire(&file, "CSHOOK", now()).unwrap();
    let store = CredentialStore::load(&file).unwrap();
    let secret = Secret::new(SECRET.to_owned());
    assert_eq!(store.find("CSHOOK").unwrap().key, Key::Hmac(secret.clone()));
    assert_eq!(store.find("CSA").unwrap().key, Key::Aws(secret));
}

#[test]
fn an_unknown_scheme_is_told() {
    let said = problems(&format!(
        "[[credential]]\nid = \"CSA\"\nscheme = \"hmack\"\nsecret = \"{SECRET}\"\n"
    ));
    assert_eq!(
        said,
        "c.toml:3: \"scheme\" in credential \"CSA\" is \"hmack\", but must be \"sigv4\", \"hmac\" or \"rfc9421\"; did you mean \"hmac\"?"
    );
}

#[test]
fn a_secret_is_not_shown_by_debug() {
    let hmac = Credential::hmac("CSA", Secret::new(SECRET.to_owned()));
    assert!(!format!("{hmac:?}").contains(SECRET));
    assert!(!format!("{:?}", credential("CSA")).contains(SECRET));
}

#[test]
fn a_credential_is_appended_to_a_new_private_file_and_keeps_other_text() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("credentials.toml");
    append(&file, &credential("CSA")).unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = format!("# ours\n{}# end", std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, &before).unwrap();
    let mut odd = credential("CSB");
    odd.key = Key::Aws(Secret::new(format!("\"\\\t\u{7f}{SECRET}")));
    odd.not_after = Some(now());
    append(&file, &odd).unwrap();
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .starts_with(&format!("{before}\n\n[[credential]]"))
    );
    let store = CredentialStore::load(&file).unwrap();
    let found = store.find("CSB").unwrap();
    let secret = |one: &Credential| one.secret_access_key().unwrap().expose().to_owned();
    assert_eq!(secret(found), secret(&odd));
    assert_eq!((store.len(), found.not_after), (2, Some(now())));
    assert!(matches!(append(&file, &odd), Err(EditError::Taken(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_credential_is_retired_wherever_it_stands() {
    let later = "2030-01-01T00:00:00Z";
    let forms = [
        format!("[[credential]]\nsecret = \"{SECRET}\" # old\nid = \"CSA\""),
        format!(
            "[[credential]]\nid = \"CSA\"\nsecret = \"{SECRET}\"\nnot_after = {later} # soon\n"
        ),
        format!("credential = [{{ id = \"CSA\", secret = \"{SECRET}\" }}] # all\n"),
    ];
    for form in forms {
        let (_dir, file) = store_file(&form, 0o600);
        assert!(matches!(
            retire(&file, "CSB", now()),
            Err(EditError::Missing(_))
        ));
        retire(&file, "CSA", now()).unwrap();
        let store = CredentialStore::load(&file).unwrap();
        assert!(!store.find("CSA").unwrap().is_live(now()), "{form}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches('#').count(), form.matches('#').count());
        assert!(matches!(
            retire(&file, "CSA", now()),
            Err(EditError::Over(..))
        ));
    }
}

#[test]
fn two_commands_do_not_edit_at_once() {
    let (dir, file) = store_file("", 0o600);
    let draft = dir.path().join(".credentials.toml.draft");
    std::fs::write(&draft, "").unwrap();
    assert!(matches!(
        append(&file, &credential("CSA")),
        Err(EditError::Busy(_))
    ));
    assert!(draft.exists(), "the other command's draft is left alone");
}

#[test]
fn keys_of_each_scheme_are_read_and_none_is_shown() {
    let pem = crate::key::rfc_keys::ED25519_PUBLIC.trim();
    let hex = "0f".repeat(32);
    let text = format!(
        "[[credential]]\nid = \"CSMESSAGE\"\nscheme = \"rfc9421\"\npublic_key = \"\"\"\n{pem}\n\"\"\"\n\
         [[credential]]\nid = \"CSSHARED\"\nscheme = \"rfc9421\"\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}{SECRET}\"\n\
         [[credential]]\nid = \"CSHOOK\"\nscheme = \"hmac\"\nsecret = \"{SECRET}\"\n\
         [[credential]]\nid = \"CSDERIVED\"\nsigning_keys = [{{ day = \"20260131\", region = \"r\", service = \"s\", key = \"{hex}\" }}]\n"
    );
    let store = CredentialStore::parse(Path::new("c.toml"), &text).unwrap();
    let scheme = |id: &str| store.find(id).unwrap().key.scheme();
    assert_eq!(
        ["CSMESSAGE", "CSSHARED", "CSHOOK", "CSDERIVED"].map(scheme),
        ["rfc9421", "rfc9421", "hmac", "sigv4"]
    );
    let shown = format!("{store:?}");
    assert!(!shown.contains(SECRET) && !shown.contains(&hex), "{shown}");
    let Key::Derived(derived) = &store.find("CSDERIVED").unwrap().key else {
        panic!("derived keys");
    };
    assert_eq!(derived.keys[0].expose(), &[0x0f; 32]);
}

#[test]
fn a_key_that_cannot_be_one_is_told_without_being_shown() {
    let private = crate::key::rfc_keys::ED25519_PRIVATE.trim();
    for (keys, said) in [
        ("scheme = \"sigv5\"".to_owned(), "did you mean \"sigv4\"?"),
        ("scheme = \"rfc9421\"".to_owned(), "must have one of"),
        (
            format!("scheme = \"rfc9421\"\nsecret = \"{SECRET}\"\njwk = \"{{}}\""),
            "it has 2",
        ),
        (
            format!("scheme = \"rfc9421\"\npublic_key = \"\"\"\n{private}\n\"\"\""),
            "private",
        ),
        (
            "scheme = \"rfc9421\"\nsecret = \"too short\"".to_owned(),
            "at least 32 bytes",
        ),
        (
            "scheme = \"rfc9421\"\nalgorithm = \"ed25518\"\njwk = \"{}\"".to_owned(),
            "did you mean \"ed25519\"?",
        ),
        (
            format!("scheme = \"rfc9421\"\nalgorithm = \"ed25519\"\nsecret = \"{SECRET}{SECRET}\""),
            "another algorithm",
        ),
        ("scheme = \"hmac\"".to_owned(), "has no \"secret\""),
        (
            format!("secret = \"{SECRET}\"\nsigning_keys = []"),
            "keep one of the two",
        ),
        (
            "signing_keys = [{ day = \"2026-01-31\", region = \"r\", service = \"s\", key = \"0f\" }]".to_owned(),
            "64 hexadecimal digits",
        ),
    ] {
        let told = problems(&format!("[[credential]]\nid = \"CSA\"\n{keys}\n"));
        assert!(told.contains(said), "{keys}: {told}");
        assert!(!told.contains(SECRET), "{told}");
    }
}

#[test]
fn a_credential_without_a_secret_is_retired_as_well() {
    let hex = "0f".repeat(32);
    let text = format!(
        "[[credential]]\nid = \"CSA\"\n[[credential.signing_keys]]\nday = \"20260131\"\nregion = \"r\"\nservice = \"s\"\nkey = \"{hex}\"\n"
    );
    let (_dir, file) = store_file(&text, 0o600);
    retire(&file, "CSA", now()).unwrap();
    let store = CredentialStore::load(&file).unwrap();
    assert!(!store.find("CSA").unwrap().is_live(now()));
}
