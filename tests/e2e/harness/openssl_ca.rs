//! An authority as `openssl ca` runs it, which revokes, publishes lists and answers OCSP.

#![allow(dead_code)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

const CONFIG: &str = "\
[ca]
default_ca = own
[own]
dir = .
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
serial = serial
crlnumber = crlnumber
default_md = sha256
default_days = 2
default_crl_days = 1
policy = any
unique_subject = no
crl_extensions = list
[any]
commonName = supplied
[list]
authorityKeyIdentifier = keyid
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[plain]
basicConstraints = CA:FALSE
[caller]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
subjectAltName = URI:spiffe://example.org/billing
authorityInfoAccess = OCSP;URI:$ENV::OCSP_URL
[server]
basicConstraints = CA:FALSE
subjectAltName = DNS:localhost,DNS:$ENV::NAME
authorityInfoAccess = OCSP;URI:$ENV::OCSP_URL
[delegate]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = OCSPSigning
";

/// `ca.pem`, `ca.key` and everything else in one directory.
pub struct OpensslCa {
    pub directory: PathBuf,
    /// Where certificates say that OCSP is answered.
    pub ocsp_url: String,
}

/// `openssl ocsp` as a server; ended when dropped.
pub struct Responder(Child);

impl OpensslCa {
    pub fn new(directory: &Path) -> Self {
        Self::named(directory, "authority")
    }

    pub fn named(directory: &Path, name: &str) -> Self {
        fs::create_dir_all(directory).expect("a directory");
        let write = |name, text| fs::write(directory.join(name), text).expect("a file");
        write("ca.cnf", CONFIG);
        write("index.txt", "");
        write("serial", "1000\n");
        write("crlnumber", "01\n");
        let ca = Self {
            directory: directory.to_owned(),
            ocsp_url: format!("http://127.0.0.1:{}/", free_port()),
        };
        ca.run(&format!("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN={name} -days 2 -extensions authority"));
        ca
    }

    /// Issues `NAME.pem` and `NAME.key` of a kind that the configuration has.
    pub fn issue(&self, name: &str, kind: &str) {
        self.issue_with(name, kind, "ec -pkeyopt ec_paramgen_curve:P-256", "");
    }

    /// The same with a key of this kind and more options of `openssl ca`.
    pub fn issue_with(&self, name: &str, kind: &str, key: &str, options: &str) {
        self.run(&format!(
            "req -newkey {key} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.run(&format!(
            "ca -batch -notext -in {name}.csr -out {name}.pem -extensions {kind} {options}"
        ));
    }

    pub fn revoke(&self, name: &str) {
        self.run(&format!("ca -revoke {name}.pem"));
    }

    /// Publishes a list in `list.pem`.
    pub fn publish(&self) -> PathBuf {
        self.run("ca -gencrl -out list.pem");
        self.directory.join("list.pem")
    }

    /// The DER of `NAME.pem`.
    pub fn der(&self, name: &str) -> Vec<u8> {
        self.run(&format!("x509 -in {name}.pem -outform DER -out {name}.der"));
        self.read(&format!("{name}.der"))
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        fs::read(self.directory.join(file)).expect("a file")
    }

    /// What `signer` answers about `name`, in `NAME.ocsp.der`.
    pub fn answer(&self, name: &str, signer: &str) -> Vec<u8> {
        self.answer_with(name, signer, "", "")
    }

    /// The same, asked and answered with more options.
    pub fn answer_with(&self, name: &str, signer: &str, asking: &str, answering: &str) -> Vec<u8> {
        self.ask(name, asking);
        self.run(&format!(
            "ocsp -index index.txt -CA ca.pem -rsigner {signer}.pem -rkey {signer}.key -ndays 1 -reqin {name}.req.der -respout {name}.ocsp.der {answering}"
        ));
        self.read(&format!("{name}.ocsp.der"))
    }

    /// The question that openssl would put about `name`.
    pub fn ask(&self, name: &str, options: &str) -> Vec<u8> {
        self.run(&format!(
            "ocsp {options} -issuer ca.pem -cert {name}.pem -no_nonce -reqout {name}.req.der"
        ));
        self.read(&format!("{name}.req.der"))
    }

    /// Answers over HTTP where certificates say, signed by `signer`, by what is revoked now.
    pub fn respond(&self, signer: &str) -> Responder {
        let port = self.ocsp_url.trim_end_matches('/').rsplit(':').next();
        let line = format!(
            "ocsp -index index.txt -CA ca.pem -port {} -rsigner {signer}.pem -rkey {signer}.key -ndays 1",
            port.expect("a port")
        );
        let mut child = self
            .command(&line)
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.starts_with("ACCEPT ")));
        std::thread::spawn(move || lines.for_each(drop));
        Responder(child)
    }

    /// Runs openssl with these words in the directory.
    pub fn run(&self, line: &str) {
        let output = self.command(line).output().expect("openssl starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {said}");
    }

    fn command(&self, line: &str) -> Command {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if matches!(words[0], "req" | "ca") {
            words.splice(1..1, ["-config", "ca.cnf"]);
        }
        let mut command = Command::new("openssl");
        command
            .args(words)
            .current_dir(&self.directory)
            .env("OCSP_URL", &self.ocsp_url)
            .env("NAME", "www.example.org")
            .stderr(Stdio::piped());
        command
    }
}

/// A port that nobody has: below those that the system gives out by itself, and given out once.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at once start at different places.
    let start = std::process::id() % 1000 * 10;
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = (10_000 + (start + step) % 10_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
