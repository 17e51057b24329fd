//! Credentials in production: how they are used, when they end, and where they are kept.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::tempdir;

use crate::harness::client::Client;
use crate::harness::gateway::{
    Gateway, ID, OTHER_ID, OTHER_SECRET, PROGRAM, REGION, SECRET, SERVICE,
};
use crate::harness::moto::{ENVIRONMENT, Moto};
use crate::harness::signed::Signed;
use crate::harness::{run, text, wait_for};

fn config(more: &str, credentials: &str) -> String {
    format!(
        r#"
{more}
[[listener]]
name = "plain"
address = "127.0.0.1:0"
[[consumer]]
name = "billing"
credentials = [{credentials}]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "{SERVICE}", region = "{REGION}" }}
[[route]]
path = "/{{proxy+}}"
method = "ANY"
policy = "signed"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#
    )
}

fn get(address: SocketAddr, id: &str, secret: &str) -> u16 {
    let request = Signed::by(id, secret, "GET", "/x", &[], None, b"");
    Client::plain(address)
        .try_ask(&request.bytes())
        .unwrap()
        .status
}

#[test]
fn the_use_of_each_credential_is_counted_and_outlives_a_reload() {
    let directory = tempdir().unwrap();
    let both = format!("\"{ID}\", \"{OTHER_ID}\"");
    let gateway = Gateway::start(directory.path(), &config("", &both));
    let address = gateway.address("plain");
    let uses = |id: &str| gateway.metric("countersign_credential_uses_total", id);
    assert_eq!((uses(ID), uses(OTHER_ID)), (0.0, 0.0));
    for _ in 0..3 {
        assert_eq!(get(address, ID, SECRET), 200);
    }
    assert_eq!(
        get(address, ID, OTHER_SECRET),
        403,
        "a refused one is no use"
    );
    assert_eq!((uses(ID), uses(OTHER_ID)), (3.0, 0.0));
    let last = gateway.metric("countersign_credential_last_used_timestamp_seconds", ID);
    let now = countersign::clock::UtcTime::now().unix() as f64;
    assert!((now - last).abs() < 60.0, "{last}");
    assert!(gateway.reload(&config("", &both)));
    assert_eq!(get(address, ID, SECRET), 200);
    assert_eq!(uses(ID), 4.0);

    let file = directory.path().join("gateway.toml").display().to_string();
    let admin = gateway.admin_address().to_string();
    let list = |admin: &str| {
        let output = run(
            PROGRAM,
            &["credentials", "list", "--config", &file, "--admin", admin],
        );
        let all = text(&output.stdout);
        all.lines()
            .find(|line| line.contains(ID))
            .unwrap()
            .to_owned()
    };
    let line = list(&admin);
    assert!(line.contains("  4     2"), "{line}");
    // No gateway answers there: the list is there all the same.
    let line = list("127.0.0.1:1");
    assert!(line.ends_with("-     -"), "{line}");
}

#[test]
fn a_credential_that_ends_soon_is_warned_of() {
    let directory = tempdir().unwrap();
    let gateway = Gateway::start(directory.path(), &config("", &format!("\"{ID}\"")));
    assert_eq!(gateway.metric("countersign_credentials_expiring", ""), 0.0);
    let soon = countersign::clock::UtcTime::now().plus(std::time::Duration::from_secs(3600));
    let store = directory.path().join("credentials.toml");
    let text =
        format!("[[credential]]\nid = \"{ID}\"\nsecret = \"{SECRET}\"\nnot_after = {soon}\n");
    fs::write(&store, text).unwrap();
    fs::set_permissions(&store, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(gateway.reload_as_it_is());
    assert_eq!(gateway.metric("countersign_credentials_expiring", ""), 1.0);
    let expiry = gateway.metric("countersign_credential_expiry_timestamp_seconds", ID);
    assert_eq!(expiry, soon.unix() as f64);
    wait_for("a warning", || {
        let said = gateway.said();
        let warned = |line: &String| line.contains("A credential ends soon");
        said.iter().any(warned).then_some(())
    });
}

/// One secret in moto's Secrets Manager, as `aws secretsmanager put-secret-value` would set it.
fn store_in(moto: &Moto, id: &str, secret: &str, create: bool) {
    let text = format!("[[credential]]\\nid = \"{id}\"\\nsecret = \"{secret}\"\\n");
    let call = match create {
        true => "client.create_secret(Name='countersign/credentials', SecretString=",
        false => "client.put_secret_value(SecretId='countersign/credentials', SecretString=",
    };
    moto.python("secretsmanager", &format!("{call}'{text}')"));
}

#[test]
fn credentials_in_secrets_manager_are_fetched_refreshed_and_kept_when_it_is_gone() {
    let moto = Moto::start();
    store_in(&moto, "CSREMOTE", "a-secret-kept-far-away-from-here", true);
    let source = format!(
        "[[credential_source]]\nname = \"aws\"\nsecret = \"countersign/credentials\"\n\
         region = \"us-west-2\"\nendpoint = \"{}\"\nrefresh_secs = 10\ntimeout_secs = 5\n",
        moto.endpoint()
    );
    let directory = tempdir().unwrap();
    let config = config(&source, "\"CSREMOTE\"");
    let gateway = Gateway::start_in(directory.path(), &config, &ENVIRONMENT);
    let address = gateway.address("plain");
    assert_eq!(
        get(address, "CSREMOTE", "a-secret-kept-far-away-from-here"),
        200
    );
    // The secret is rotated: in the background, without a reload.
    store_in(
        &moto,
        "CSREMOTE",
        "a-newer-secret-far-away-from-here",
        false,
    );
    wait_for("the new secret", || {
        (get(address, "CSREMOTE", "a-newer-secret-far-away-from-here") == 200).then_some(())
    });
    assert_eq!(
        get(address, "CSREMOTE", "a-secret-kept-far-away-from-here"),
        403
    );
    // What is no store, or lacks a credential that a consumer names, changes nothing.
    store_in(&moto, "CSOTHER", "a-newer-secret-far-away-from-here", false);
    wait_for("a refusal to publish", || {
        let said = gateway.said();
        said.iter()
            .any(|line| line.contains("What was fetched cannot be used"))
            .then_some(())
    });
    assert_eq!(
        get(address, "CSREMOTE", "a-newer-secret-far-away-from-here"),
        200
    );
    drop(moto);
    let failed = || gateway.metric("countersign_credential_source_fetches_total", "failed");
    wait_for("a failed fetch", || (failed() > 0.0).then_some(()));
    assert_eq!(
        get(address, "CSREMOTE", "a-newer-secret-far-away-from-here"),
        200
    );
    assert!(
        gateway.reload_as_it_is(),
        "a reload keeps what was last fetched"
    );
    assert_eq!(
        get(address, "CSREMOTE", "a-newer-secret-far-away-from-here"),
        200
    );
    let all = gateway.said().join("\n");
    assert!(!all.contains("far-away"), "no secret is ever logged");
}

#[test]
fn a_gateway_does_not_start_without_the_secrets_that_it_needs() {
    let directory = tempdir().unwrap();
    let source = "[[credential_source]]\nname = \"aws\"\nsecret = \"none\"\nregion = \"us-west-2\"\n\
                  endpoint = \"http://127.0.0.1:1\"\ntimeout_secs = 2\n";
    crate::harness::gateway::write_store(directory.path());
    crate::harness::gateway::write_config(directory.path(), &config(source, ""));
    let file = directory.path().join("gateway.toml").display().to_string();
    let output = std::process::Command::new(PROGRAM)
        .args(["check", "--config", &file])
        .envs(ENVIRONMENT)
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("credential_source \"aws\": secret \"none\" cannot be had"),
        "{said}"
    );
}

/// The gateway never sees the secret: only what opens these days, this region, this service.
#[test]
fn a_gateway_that_holds_only_derived_keys_verifies_their_days() {
    let directory = tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    crate::harness::gateway::write_store(directory.path());
    fs::rename(path("credentials.toml"), path("secrets.toml")).unwrap();
    let derive = |more: &[&str]| {
        let _ = fs::remove_file(path("credentials.toml"));
        let store = path("secrets.toml");
        let out = path("credentials.toml");
        let base = [
            "credentials",
            "derive",
            "--store",
            &store,
            "--out",
            &out,
            "--service",
            SERVICE,
        ];
        let output = run(PROGRAM, &[&base[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    derive(&["--region", REGION, "--credential", ID, "--days", "3"]);
    let kept = fs::read_to_string(path("credentials.toml")).unwrap();
    assert!(!kept.contains(SECRET) && !kept.contains(OTHER_ID), "{kept}");
    assert_eq!(kept.matches("day = ").count(), 3);
    let mode = fs::metadata(path("credentials.toml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let schemes = r#"schemes = ["sigv4", "sigv4a"]"#;
    let config = config("", &format!("\"{ID}\"")).replace(r#"schemes = ["sigv4"]"#, schemes);
    let gateway = Gateway::start(directory.path(), &config);
    let address = gateway.address("plain");
    assert_eq!(get(address, ID, SECRET), 200);
    assert_eq!(get(address, ID, OTHER_SECRET), 403);
    let asymmetric = || {
        let url = format!("http://localhost:{}/x", address.port());
        let store = path("secrets.toml");
        let file = path("signer.toml");
        let config = fs::read_to_string(path("gateway.toml")).unwrap();
        fs::write(&file, config.replace("credentials.toml", &store)).unwrap();
        let arguments = [
            "sign",
            "--config",
            &file,
            "--scheme",
            "sigv4a",
            "--credential",
            ID,
            "GET",
            &url,
        ];
        let signed = run(PROGRAM, &arguments);
        assert!(signed.status.success(), "{}", text(&signed.stderr));
        let headers = directory.path().join("curl");
        fs::write(&headers, &signed.stdout).unwrap();
        let output = run(
            "curl",
            &[
                "-s",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}",
                "--config",
                &headers.display().to_string(),
                &url,
            ],
        );
        text(&output.stdout)
    };
    assert_eq!(asymmetric(), "403", "nothing was derived for SigV4a");
    derive(&["--region", REGION, "--credential", ID, "--sigv4a"]);
    assert!(gateway.reload_as_it_is());
    assert_eq!(asymmetric(), "200");
    // For another region, and for days that are over.
    derive(&["--region", "eu-west-1", "--credential", ID]);
    assert!(gateway.reload_as_it_is());
    assert_eq!(get(address, ID, SECRET), 403);
    gateway.logged("why", |line| {
        let detail = line["detail"].as_str().unwrap_or_default();
        detail.contains("no signing key for this day, region and service")
    });
    derive(&[
        "--region",
        REGION,
        "--credential",
        ID,
        "--from",
        "2020-01-01T00:00:00Z",
    ]);
    assert!(gateway.reload_as_it_is());
    assert_eq!(get(address, ID, SECRET), 403);
}

#[test]
fn derive_writes_nothing_over_and_says_what_is_wrong() {
    let directory = tempdir().unwrap();
    crate::harness::gateway::write_store(directory.path());
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (store, out) = (path("credentials.toml"), path("out.toml"));
    let derive = |more: &[&str]| {
        let base = [
            "credentials",
            "derive",
            "--store",
            &store,
            "--service",
            "s",
            "--region",
            "r",
        ];
        let output = run(PROGRAM, &[&base[..], more].concat());
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = derive(&["--out", &out, "--credential", "CSTESTBILLIN"]);
    assert!(
        code == Some(1) && said.contains(&format!("did you mean \"{ID}\"?")),
        "{said}"
    );
    assert_eq!(derive(&["--out", &out]).0, Some(0));
    let (code, said) = derive(&["--out", &out]);
    assert!(code == Some(1) && said.contains("File exists"), "{said}");
    assert_eq!(derive(&["--out", &out, "--days", "0"]).0, Some(2));
}
