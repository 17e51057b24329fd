//! Requests signed by our own signer, which botocore's tests keep honest (`callers.rs`), to
//! be sent byte by byte and changed on the way.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::UtcTime;
use countersign::config::{SigV4Algorithm, SignatureProfile};
use countersign::credential::Secret;
use countersign::signature::{SigningRequest, sign};

use super::gateway::{ID, REGION, SECRET, SERVICE};

/// An HTTP/1.1 request for `localhost` in the making.
#[derive(Clone)]
pub struct Signed {
    pub method: &'static str,
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Signed {
    pub fn get(target: &str) -> Self {
        Self::by(ID, SECRET, "GET", target, &[], None, b"")
    }

    /// A body whose hash is told in `x-amz-content-sha256`, or `hash` in its place.
    pub fn post(target: &str, body: &[u8], hash: Option<&str>) -> Self {
        Self::by(ID, SECRET, "POST", target, &[], hash, body)
    }

    pub fn by(
        id: &str,
        secret: &str,
        method: &'static str,
        target: &str,
        headers: &[(&str, &str)],
        hash: Option<&str>,
        body: &[u8],
    ) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        let added = sign(&SigningRequest {
            algorithm: SigV4Algorithm::Hmac,
            method,
            target,
            authority: "localhost",
            headers: &headers,
            payload_hash: hash.map(str::to_owned),
            body,
            profile: SignatureProfile::Aws,
            region: REGION,
            service: SERVICE,
            id,
            secret: &Secret::new(secret.to_owned()),
            now: UtcTime::now(),
        });
        let mut fields = vec![("host".to_owned(), "localhost".to_owned())];
        fields.extend(headers);
        fields.extend(added.expect("a signature"));
        Self {
            method,
            target: target.to_owned(),
            fields,
            body: body.to_owned(),
        }
    }

    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(other, _)| other == name);
        &found.expect("a field").1
    }

    pub fn add(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The head, with `Content-Length` unless it is chunked.
    pub fn head(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        let is_chunked = self
            .fields
            .iter()
            .any(|(name, _)| name == "transfer-encoding");
        if !self.body.is_empty() && !is_chunked {
            text += &format!("content-length: {}\r\n", self.body.len());
        }
        (text + "\r\n").into_bytes()
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.body.clone()].concat()
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&countersign::digest::sha256(bytes))
}

/// A PUT whose body comes in AWS's chunks of `piece` bytes, covered as `mode` says: the word in
/// `x-amz-content-sha256`.
pub fn in_chunks(target: &str, body: &[u8], piece: usize, mode: &str) -> Signed {
    let length = body.len().to_string();
    let mut fields = vec![
        ("content-encoding", "gzip, aws-chunked"),
        ("x-amz-decoded-content-length", &length),
    ];
    if mode.ends_with("-TRAILER") {
        fields.push(("x-amz-trailer", "x-amz-checksum-crc32"));
    }
    let mut request = Signed::by(ID, SECRET, "PUT", target, &fields, Some(mode), b"");
    let date = request.field("x-amz-date").to_owned();
    let scope = format!("{}/{REGION}/{SERVICE}/aws4_request", &date[..8]);
    let mut previous = request
        .field("authorization")
        .rsplit('=')
        .next()
        .map(str::to_owned);
    let key = [&date[..8], REGION, SERVICE, "aws4_request"]
        .iter()
        .fold(format!("AWS4{SECRET}").into_bytes(), |key, part| {
            mac(&key, part.as_bytes())
        });
    let mut sign = |kind: &str, hashes: &str| {
        let before = previous.take().expect("a signature");
        let text = format!("AWS4-HMAC-SHA256-{kind}\n{date}\n{scope}\n{before}\n{hashes}");
        let signature = hex(&mac(&key, text.as_bytes()));
        previous = Some(signature.clone());
        signature
    };
    let is_signed = !mode.contains("UNSIGNED");
    for chunk in body.chunks(piece).chain([&b""[..]]) {
        let mut line = format!("{:x}", chunk.len());
        if is_signed {
            let hashes = format!("{}\n{}", sha256(b""), sha256(chunk));
            line += &format!(";chunk-signature={}", sign("PAYLOAD", &hashes));
        }
        request.body.extend_from_slice((line + "\r\n").as_bytes());
        request.body.extend_from_slice(chunk);
        if !chunk.is_empty() {
            request.body.extend_from_slice(b"\r\n");
        }
    }
    if mode.ends_with("-TRAILER") {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(body);
        let crc = Engine::encode(&STANDARD, crc.to_be_bytes());
        let line = format!("x-amz-checksum-crc32:{crc}");
        request
            .body
            .extend_from_slice(format!("{line}\r\n").as_bytes());
        if is_signed {
            let signature = sign("TRAILER", &sha256(format!("{line}\n").as_bytes()));
            let line = format!("x-amz-trailer-signature:{signature}\r\n");
            request.body.extend_from_slice(line.as_bytes());
        }
    }
    request.body.extend_from_slice(b"\r\n");
    request
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
