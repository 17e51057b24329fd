//! A machine's first boot: its files from moto's Parameter Store, Secrets Manager and S3, by the
//! word of user data from metadata that refuses version 1; and the word to its group.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::{TempDir, tempdir};

use crate::harness::auto_scaling::AutoScaling;
use crate::harness::client::{Client, tls};
use crate::harness::gateway::{Gateway, ID, PROGRAM};
use crate::harness::imds::{INSTANCE, Imds};
use crate::harness::moto::Moto;
use crate::harness::nginx::free_address;
use crate::harness::pki::Authority;
use crate::harness::signed::Signed;
use crate::harness::text;

const FIRST: &str = "the-first-secret-from-far-away";
const SECOND: &str = "the-second-secret-from-far-away";

/// AWS around an instance, and the directory of its gateway.
struct Cloud {
    moto: Moto,
    imds: Imds,
    group: AutoScaling,
    home: TempDir,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Cloud {
    fn start() -> Self {
        Self {
            moto: Moto::start(),
            imds: Imds::start(),
            group: AutoScaling::start(),
            home: tempdir().unwrap(),
        }
    }

    fn directory(&self) -> std::path::PathBuf {
        self.home.path().join("countersign")
    }

    /// Puts a file where user data can name it.
    fn keep(&self, service: &str, name: &str, value: &str, again: bool) {
        let value = serde_json::to_string(value).unwrap();
        let call = match (service, again) {
            ("ssm", _) => format!(
                "client.put_parameter(Name='{name}', Value={value}, Type='SecureString', Overwrite=True)"
            ),
            ("s3", _) => format!(
                "client.create_bucket(Bucket='my-bucket', CreateBucketConfiguration={{'LocationConstraint': 'us-west-2'}})\n\
                 client.put_object(Bucket='my-bucket', Key='{name}', Body={value}.encode())"
            ),
            (_, false) => format!("client.create_secret(Name='{name}', SecretString={value})"),
            (_, true) => {
                format!("client.put_secret_value(SecretId='{name}', SecretString={value})")
            }
        };
        self.moto.python(service, &call);
    }

    /// Runs the command on the instance.
    fn run(&self, arguments: &[&str]) -> Said {
        // As the service runs it: what is for the gateway to read must not depend on it.
        let output = Command::new("/bin/sh")
            .args(["-c", "umask 077; exec \"$0\" provision \"$@\"", PROGRAM])
            .args(arguments)
            .env_clear()
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", self.imds.endpoint())
            .env("AWS_ENDPOINT_URL", self.moto.endpoint())
            .env("AWS_ENDPOINT_URL_AUTO_SCALING", self.group.endpoint())
            // Nobody is there: what must not go by a proxy does not.
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("http_proxy", "http://127.0.0.1:9")
            .output()
            .unwrap();
        Said::of(&output)
    }

    fn take_up(&self) -> Said {
        self.run(&[
            "--directory",
            self.directory().to_str().unwrap(),
            "--owner",
            "nobody",
        ])
    }
}

impl Said {
    fn of(output: &Output) -> Self {
        let said = Self {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        for secret in [
            FIRST,
            SECOND,
            "PRIVATE KEY",
            "the-secret-of-the-role",
            "the-token-of",
        ] {
            let all = format!("{}{}", said.out, said.err);
            assert!(!all.contains(secret), "{secret}: {all}");
        }
        said
    }

    fn all(&self) -> String {
        format!("{}: {}{}", self.code, self.out, self.err)
    }
}

fn config(admin: std::net::SocketAddr) -> String {
    format!(
        r#"
[gateway]
credential_store = "credentials.toml"
access_log = "off"
threads = 2
[admin]
address = "{admin}"
[[listener]]
name = "public"
address = "127.0.0.1:0"
certificate = [{{ chain = "tls/server.pem", private_key = "tls/server.key" }}]
[[consumer]]
name = "billing"
credentials = ["{ID}"]
[[policy]]
name = "signed"
all_of = ["signature"]
signature = {{ schemes = ["sigv4"], service = "execute-api", region = "us-west-2" }}
[[route]]
path = "/x"
method = "GET"
policy = "signed"
integration = "ok"
[[integration]]
name = "ok"
type = "mock"
"#
    )
}

fn store(secret: &str) -> String {
    format!("[[credential]]\nid = \"{ID}\"\nsecret = \"{secret}\"\n")
}

const USER_DATA: &str = r#"
[[file]]
path = "gateway.toml"
ssm = "/countersign/gateway.toml"
[[file]]
path = "credentials.toml"
secrets_manager = "countersign/credentials"
secret = true
[[file]]
path = "tls/server.key"
secrets_manager = "countersign/server-key"
secret = true
[[file]]
path = "tls/server.pem"
s3 = "s3://my-bucket/certificates/server 1.pem"
[[file]]
path = "note.txt"
text = "from the user data"
[signal]
auto_scaling_group = "gateways & more"
lifecycle_hook = "launch"
"#;

/// The cloud with everything that `USER_DATA` names, and the directory of the authority.
fn furnished(admin: std::net::SocketAddr) -> (Cloud, TempDir) {
    let cloud = Cloud::start();
    let pki = tempdir().unwrap();
    Authority::new(pki.path(), "ca").server("server", &["localhost"]);
    let read = |name: &str| fs::read_to_string(pki.path().join(name)).unwrap();
    cloud.keep("ssm", "/countersign/gateway.toml", &config(admin), false);
    cloud.keep(
        "secretsmanager",
        "countersign/credentials",
        &store(FIRST),
        false,
    );
    cloud.keep(
        "secretsmanager",
        "countersign/server-key",
        &read("server.key"),
        false,
    );
    cloud.keep(
        "s3",
        "certificates/server 1.pem",
        &read("server.pem"),
        false,
    );
    cloud.imds.set_user_data(USER_DATA);
    (cloud, pki)
}

fn get(gateway: &Gateway, pki: &Path, secret: &str) -> u16 {
    let request = Signed::by(ID, secret, "GET", "/x", &[], None, b"");
    let mut client = Client::tls(gateway.address("public"), &tls(pki, None), "localhost").unwrap();
    client.try_ask(&request.bytes()).unwrap().status
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_machine_gets_its_files_serves_tells_its_group_and_takes_up_a_new_secret() {
    let admin = free_address();
    let (cloud, pki) = furnished(admin);
    let said = cloud.take_up();
    assert_eq!(said.code, 0, "{}", said.all());
    for line in [
        "gateway.toml: from parameter /countersign/gateway.toml of Systems Manager",
        "tls/server.key: from secret countersign/server-key of Secrets Manager",
        "tls/server.pem: from s3://my-bucket/certificates/server 1.pem",
        "note.txt: from the user data",
        "good: 5 files changed, 0 as they were, 0 gone",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.all());
    }
    let directory = cloud.directory();
    let modes = [
        "",
        "gateway.toml",
        "tls",
        "tls/server.key",
        "credentials.toml",
    ];
    let modes = modes.map(|name| mode(&directory.join(name)));
    assert_eq!(modes, [0o755, 0o644, 0o755, 0o600, 0o600]);
    let (ours, key) = (
        directory.metadata().unwrap(),
        directory.join("tls/server.key"),
    );
    // Root gives secrets to the gateway's user, and nobody else can.
    let is_given = key.metadata().unwrap().uid() != ours.uid();
    assert_eq!(is_given, ours.uid() == 0);
    assert!(!directory.join(".provision").exists());
    // Nothing was asked of the metadata without a token.
    let asked = cloud.imds.asked();
    assert!(
        asked.iter().all(|line| !line.ends_with(" 401")),
        "{asked:?}"
    );
    assert!(asked[0].starts_with("PUT /latest/api/token"), "{asked:?}");

    let file = directory.join("gateway.toml");
    let signal = [
        "signal",
        "--config",
        file.to_str().unwrap(),
        "--timeout-secs",
        "1",
    ];
    let early = cloud.run(&signal);
    assert_eq!(early.code, 1, "{}", early.all());
    assert!(
        early
            .err
            .contains("was not ready within 1 s: nobody answers"),
        "{}",
        early.all()
    );
    assert_eq!(cloud.group.heard().len(), 0);

    let gateway = Gateway::start_as_it_is(&directory, &[]);
    assert_eq!(get(&gateway, pki.path(), FIRST), 200);
    let said = cloud.run(&signal);
    assert_eq!(said.code, 0, "{}", said.all());
    let heard = cloud.group.heard();
    let named = |key: &str| heard[0][key].as_str().unwrap_or_default().to_owned();
    assert_eq!(heard.len(), 1);
    assert_eq!(named("AutoScalingGroupName"), "gateways & more");
    assert_eq!(named("LifecycleHookName"), "launch");
    assert_eq!(named("LifecycleActionResult"), "CONTINUE");
    assert_eq!(named("InstanceId"), INSTANCE);

    cloud.keep(
        "secretsmanager",
        "countersign/credentials",
        &store(SECOND),
        true,
    );
    let said = cloud.take_up();
    assert!(
        said.out
            .contains("good: 1 files changed, 4 as they were, 0 gone"),
        "{}",
        said.all()
    );
    assert!(
        said.out.contains("credentials.toml: new or changed"),
        "{}",
        said.all()
    );
    assert_eq!(get(&gateway, pki.path(), FIRST), 200);
    assert!(gateway.reload_as_it_is());
    assert_eq!(get(&gateway, pki.path(), FIRST), 403);
    assert_eq!(get(&gateway, pki.path(), SECOND), 200);
}

/// Every file beneath `directory` with its contents.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(below) = left.pop() {
        for entry in fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => {
                    let name = path.strip_prefix(directory).unwrap().display().to_string();
                    found.push((name, fs::read(path).unwrap()));
                }
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_wrong_changes_nothing_and_what_is_no_longer_named_goes() {
    let (cloud, _pki) = furnished(free_address());
    let directory = cloud.directory();
    // What somebody else has put there, and what the package brought.
    fs::create_dir_all(directory.join("tls")).unwrap();
    fs::write(directory.join("tls/others.pem"), "theirs").unwrap();
    fs::write(directory.join("gateway.toml"), "# the package's").unwrap();
    let said = cloud.take_up();
    assert_eq!(said.code, 0, "{}", said.all());
    let good = files(&directory);

    // A configuration that is wrong, and the reason as if it were in its place.
    let wrong = config(free_address()).replace("policy = \"signed\"", "policy = \"singed\"");
    cloud.keep("ssm", "/countersign/gateway.toml", &wrong, true);
    let said = cloud.take_up();
    assert_eq!(said.code, 1, "{}", said.all());
    let file = directory.join("gateway.toml");
    let place = format!("{}:", file.display());
    assert!(
        said.err.contains(&place) && said.err.contains("did you mean \"signed\""),
        "{}",
        said.all()
    );
    assert!(
        said.err.contains("stays as it was") && !said.err.contains(".provision"),
        "{}",
        said.all()
    );
    assert_eq!(files(&directory), good);

    // A configuration that looks past what was fetched.
    let absolute = directory.join("credentials.toml").display().to_string();
    let wrong = config(free_address()).replace("\"credentials.toml\"", &format!("\"{absolute}\""));
    cloud.keep("ssm", "/countersign/gateway.toml", &wrong, true);
    let said = cloud.take_up();
    let cure = format!(
        "{}:3: names \"{absolute}\"; write \"credentials.toml\"",
        file.display()
    );
    assert!(said.err.contains(&cure), "{}", said.all());
    assert_eq!(files(&directory), good);

    // A secret that everybody could read.
    cloud.keep(
        "ssm",
        "/countersign/gateway.toml",
        &config(free_address()),
        true,
    );
    cloud
        .imds
        .set_user_data(USER_DATA.replace("credentials\"\nsecret = true", "credentials\""));
    let said = cloud.take_up();
    let cure = "can reach the secrets; say secret = true of it in the user data";
    assert!(said.err.contains(cure), "{}", said.all());
    assert_eq!(files(&directory), good);

    // Names of nothing, and a key that is not said to be a secret: all told at once.
    let long = "client.put_object(Bucket='my-bucket', Key='long', Body=b'x' * 1048577)";
    cloud.moto.python("s3", long);
    let data = USER_DATA
        .replace("server-key\"\nsecret = true", "server-key\"")
        .replace("/countersign/gateway.toml", "/countersign/gone.toml")
        .replace("countersign/credentials", "countersign/lost")
        .replace("certificates/server 1.pem", "certificates/none.pem");
    cloud
        .imds
        .set_user_data(data + "[[file]]\npath = \"l\"\ns3 = \"s3://my-bucket/long\"\n");
    let said = cloud.take_up();
    for line in [
        "user data:2: file \"gateway.toml\": parameter /countersign/gone.toml of Systems Manager cannot be had: the answer is 400: ParameterNotFound",
        "user data:5: file \"credentials.toml\": secret countersign/lost of Secrets Manager cannot be had: the answer is 404: ResourceNotFoundException",
        "user data:9: file \"tls/server.key\" holds a private key; say secret = true",
        "user data:12: file \"tls/server.pem\": s3://my-bucket/certificates/none.pem cannot be had: the answer is 404: NoSuchKey",
        "s3://my-bucket/long cannot be had: the answer is longer than 1048576 bytes",
    ] {
        assert!(said.err.contains(line), "{line}: {}", said.all());
    }
    assert_eq!(files(&directory), good);

    // One file less: it goes, and what others have put there stays.
    cloud.keep(
        "ssm",
        "/countersign/gateway.toml",
        &config(free_address()),
        true,
    );
    cloud
        .imds
        .set_user_data(USER_DATA.replace("note.txt", "notes/note.txt"));
    let said = cloud.take_up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(said.out.contains("note.txt: gone"), "{}", said.all());
    assert!(
        said.out.contains("2 files changed, 3 as they were, 1 gone"),
        "{}",
        said.all()
    );
    assert!(!directory.join("note.txt").exists());
    assert!(directory.join("notes/note.txt").exists() && directory.join("tls/others.pem").exists());

    // No file at all: everything stays.
    let good = files(&directory);
    cloud.imds.set_user_data("# nothing\n");
    let said = cloud.take_up();
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(
        said.out.contains("names no file") && files(&directory) == good,
        "{}",
        said.all()
    );
}

/// Runs the command with user data from a file.
fn from(directory: &Path, data: &str) -> Said {
    let file = directory.join("user-data.toml");
    fs::write(&file, data).unwrap();
    let target = directory.join("countersign");
    let output = Command::new(PROGRAM)
        .args(["provision", "--owner", "nobody", "--from"])
        .arg(file)
        .arg("--directory")
        .arg(target)
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    Said::of(&output)
}

#[test]
fn user_data_of_whoever_wrote_it_leads_nowhere_else() {
    let home = tempdir().unwrap();
    let target = home.path().join("countersign");
    fs::create_dir_all(target.join("full")).unwrap();
    fs::create_dir(home.path().join("elsewhere")).unwrap();
    symlink(home.path().join("elsewhere"), target.join("link")).unwrap();
    symlink("/etc/passwd", target.join("linked.toml")).unwrap();
    fs::write(target.join("plain"), "").unwrap();
    let entry = |path: &str| format!("[[file]]\npath = \"{path}\"\ntext = \"x\"\n");
    let twice = entry("a") + &entry("a");
    let within = entry("a/b") + &entry("a");
    let long = entry("a") + &"#".repeat(16 * 1024);
    for (data, why) in [
        (entry("../x"), "user-data.toml:2: path \"../x\" has \"..\""),
        (
            entry("/etc/passwd"),
            "user-data.toml:2: path \"/etc/passwd\" is absolute",
        ),
        (entry(".provisioned"), "begins with a dot"),
        (twice, "user-data.toml:5: path \"a\" stands here twice"),
        (within, "paths \"a/b\" and \"a\" cannot both be"),
        (long, "is longer than 16 KiB"),
        (
            entry("link/x"),
            "user-data.toml:1: \"link\" is a symbolic link, which is in the way",
        ),
        (entry("linked.toml"), "\"linked.toml\" is a symbolic link"),
        (entry("full"), "\"full\" is a directory"),
        (entry("plain/x"), "\"plain\" is a file"),
        (
            "#!/bin/sh\nreboot\n".to_owned(),
            "user-data.toml:2: this is not TOML",
        ),
        (
            "[[file]]\npath = \"s\"\ntext = \"x\"\nsecret = true\n".to_owned(),
            "would be a secret in user data",
        ),
        (
            "[[file]]\npath = \"s\"\nssm = \"/x\"\n".to_owned(),
            "AWS_EC2_METADATA_DISABLED forbids to ask",
        ),
        // Nothing to run with: there is no configuration.
        (entry("a"), "gateway.toml: cannot be read"),
    ] {
        let before = files(&target);
        let said = from(home.path(), &data);
        assert_eq!(said.code, 1, "{}", said.all());
        assert!(said.err.contains(why), "{why}: {}", said.all());
        assert_eq!(files(&target), before);
    }
    assert_eq!(
        fs::read_dir(home.path().join("elsewhere")).unwrap().count(),
        0
    );
}

/// Somebody who has put a name into the list that leads elsewhere has nothing taken away there.
#[test]
fn a_list_of_earlier_files_leads_nowhere_else() {
    let home = tempdir().unwrap();
    let target = home.path().join("countersign");
    fs::create_dir(&target).unwrap();
    fs::write(home.path().join("kept"), "").unwrap();
    fs::write(target.join(".provisioned"), "../kept\n").unwrap();
    let gateway = include_str!("../../config/gateway.toml");
    let data = format!("[[file]]\npath = \"gateway.toml\"\ntext = '''{gateway}'''\n");
    let said = from(home.path(), &data);
    assert!(
        said.err.contains(".provisioned: holds \"../kept\""),
        "{}",
        said.all()
    );
    fs::remove_file(target.join(".provisioned")).unwrap();
    let said = from(home.path(), &data);
    assert_eq!(said.code, 0, "{}", said.all());
    assert!(home.path().join("kept").exists());
}
