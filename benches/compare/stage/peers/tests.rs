//! The script that verifies SigV4 is tried with our own signer: a script that took everything
//! would be the fastest.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use countersign::clock::UtcTime;
use countersign::config::{SigV4Algorithm, SignatureProfile};
use countersign::credential::Secret;
use countersign::signature::{SigningRequest, sign};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::load::{Trust, tls};
use crate::material::{HOST, KEY_ID, REGION, SERVICE};
use crate::stage::{Checks, Failure, Ground, Scheme};

use super::nginx;

/// A request of which one thing may be wrong.
struct Call {
    method: &'static str,
    target: &'static str,
    host: &'static str,
    body: &'static str,
    /// What was signed instead of the target.
    signed_target: Option<&'static str>,
    id: &'static str,
    /// In the place of the caller's own.
    secret: Option<&'static str>,
    region: &'static str,
    /// In seconds.
    age: i64,
    /// Done to each header once it is signed.
    spoil: fn(String) -> String,
}

const GOOD: Call = Call {
    method: "GET",
    target: "/child/random.txt",
    host: HOST,
    body: "",
    signed_target: None,
    id: KEY_ID,
    secret: None,
    region: REGION,
    age: 0,
    spoil: |line| line,
};

#[rustfmt::skip] // A table.
const CALLS: [(&str, u16, Call); 22] = [
    ("as it should be", 200, GOOD),
    ("the root", 200, Call { target: "/", ..GOOD }),
    ("an unsorted query", 200, Call { target: "/?b=2&a=1&a=%20x&a=&c&A=~'", ..GOOD }),
    ("an escaped path", 200, Call { target: "/child/r%61ndom.txt", ..GOOD }),
    ("four minutes old", 200, Call { age: 240, ..GOOD }),
    ("four minutes ahead", 200, Call { age: -240, ..GOOD }),
    ("no signature", 403, Call { spoil: |line| without(line, "authorization"), ..GOOD }),
    ("no date", 403, Call { spoil: |line| without(line, "x-amz-date"), ..GOOD }),
    ("another signature", 403, Call { spoil: another_signature, ..GOOD }),
    ("a signature cut short", 403, Call { spoil: |line| line[..line.len() - 1].to_owned(), ..GOOD }),
    ("two signatures, which nginx itself refuses", 400, Call { spoil: |line| format!("{line}\r\n{line}"), ..GOOD }),
    ("another path", 403, Call { signed_target: Some("/"), ..GOOD }),
    ("another query", 403, Call { target: "/?a=1", signed_target: Some("/?a=2"), ..GOOD }),
    ("a query that is not signed", 403, Call { target: "/?a=1", signed_target: Some("/"), ..GOOD }),
    ("a query that is no escape", 403, Call { target: "/?a=%zz", signed_target: Some("/?a=1"), ..GOOD }),
    ("a path with a way up", 403, Call { target: "/child/../", signed_target: Some("/"), ..GOOD }),
    ("another method", 403, Call { method: "OPTIONS", ..GOOD }),
    ("another host", 403, Call { host: "elsewhere", ..GOOD }),
    ("an unknown key", 403, Call { id: "toString", ..GOOD }),
    ("another secret", 403, Call { secret: Some("guessed"), ..GOOD }),
    ("another region", 403, Call { region: "eu-central-1", ..GOOD }),
    ("an hour old", 403, Call { age: 3600, ..GOOD }),
];

#[test]
fn the_script_takes_what_is_signed_and_nothing_else() {
    let home = tempfile::tempdir().expect("a directory");
    let ground = Ground::lay(home.path()).expect("nginx is installed");
    let stand = match nginx::start_njs(&ground, Checks::CERTIFICATE.and(Scheme::SigV4)) {
        Ok(stand) => stand,
        Err(Failure::Missing { program, install }) => {
            println!("{program} is missing; {install}");
            return;
        }
        Err(Failure::Broken(error)) => panic!("{error:?}"),
    };
    let config =
        tls(&Trust::Ours(&ground.material), Some(&ground.material)).expect("the material is there");
    let secret = ground.material.read("secret").expect("it was made");
    let answer = |call| answer(stand.address, &config, &request(call, &secret));
    for (what, status, call) in &CALLS {
        assert_eq!(answer(call), *status, "{what}");
    }
    let with_body = Call { body: "x", ..GOOD };
    assert_eq!(answer(&with_body), 403, "a body");
}

fn answer(address: SocketAddr, config: &Arc<ClientConfig>, request: &str) -> u16 {
    let socket = TcpStream::connect(address).expect("nginx is there");
    let patience = Some(Duration::from_secs(30));
    socket.set_read_timeout(patience).expect("a time");
    let name = HOST.try_into().expect("a name");
    let connection = ClientConnection::new(config.clone(), name).expect("a connection");
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(request.as_bytes()).expect("it is taken");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    let status = std::str::from_utf8(&status).expect("a status line");
    status["HTTP/1.1 ".len()..].parse().expect("a status")
}

fn request(call: &Call, own: &str) -> String {
    let secret = Secret::new(call.secret.unwrap_or(own).to_owned());
    let signed = sign(&SigningRequest {
        algorithm: SigV4Algorithm::Hmac,
        method: "GET",
        target: call.signed_target.unwrap_or(call.target),
        authority: HOST,
        headers: &[],
        payload_hash: None,
        body: b"",
        profile: SignatureProfile::Aws,
        region: call.region,
        service: SERVICE,
        id: call.id,
        secret: &secret,
        now: UtcTime::from_unix(UtcTime::now().unix() - call.age),
    });
    let mut text = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\n",
        call.method, call.target, call.host
    );
    for (name, value) in signed.expect("it can be signed") {
        let line = (call.spoil)(format!("{name}: {value}"));
        text += &line;
        text += if line.is_empty() { "" } else { "\r\n" };
    }
    if !call.body.is_empty() {
        text += &format!("Content-Length: {}\r\n", call.body.len());
    }
    text + "\r\n" + call.body
}

fn without(line: String, name: &str) -> String {
    match line.starts_with(name) {
        true => String::new(),
        false => line,
    }
}

fn another_signature(mut line: String) -> String {
    if let Some(last) = line.split_off(line.len() - 1).chars().next() {
        line.push(if last == '0' { '1' } else { '0' });
    }
    line
}
