//! Requests signed by our own signer, which botocore's tests keep honest (`callers.rs`), to
//! be sent byte by byte and changed on the way.

use aws_lc_rs::hmac;
use aws_sigv4::sign::v4a;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use countersign::clock::UtcTime;
use countersign::config::{SigV4Algorithm, SignatureProfile};
use countersign::credential::Secret;
use countersign::signature::{SigningRequest, sign};

use super::gateway::{ID, REGION, SECRET, SERVICE};

/// An HTTP/1.1 request for `localhost` in the making.
#[derive(Clone, Debug)]
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
        let credential = (id, secret, SigV4Algorithm::Hmac);
        Self::with(credential, method, target, headers, hash, body)
    }

    pub fn with(
        (id, secret, algorithm): (&str, &str, SigV4Algorithm),
        method: &'static str,
        target: &str,
        headers: &[(&str, &str)],
        hash: Option<&str>,
        body: &[u8],
    ) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        let added = sign(&SigningRequest {
            algorithm,
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
        self.find(name).expect("a field")
    }

    pub fn find(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Changes the value of a field that is there.
    pub fn set(&mut self, name: &str, value: &str) {
        let mut fields = self.fields.iter_mut();
        let found = fields.find(|(other, _)| other.eq_ignore_ascii_case(name));
        value.clone_into(&mut found.expect("a field").1);
    }

    pub fn add(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The head, with `Content-Length` unless the fields say how long the body is.
    pub fn head(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\r\n");
        }
        let is_framed = self
            .fields
            .iter()
            .any(|(name, _)| name == "transfer-encoding" || name == "content-length");
        if !self.body.is_empty() && !is_framed {
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
    let algorithm = match mode.contains("ECDSA") {
        true => SigV4Algorithm::Ecdsa,
        false => SigV4Algorithm::Hmac,
    };
    let credential = (ID, SECRET, algorithm);
    let mut request = Signed::with(credential, "PUT", target, &fields, Some(mode), b"");
    let authorization = request.field("authorization");
    let words = |key: &str| authorization.split(key).nth(1).expect("a key");
    let scope = words("Credential=").split(',').next().expect("a scope");
    let scope = scope.split_once('/').expect("a day").1.to_owned();
    let mut previous = Some(words("Signature=").to_owned());
    let date = request.field("x-amz-date").to_owned();
    let sign_text = chunk_signer(algorithm, &date[..8]);
    let token = match algorithm {
        SigV4Algorithm::Hmac => "AWS4-HMAC-SHA256",
        SigV4Algorithm::Ecdsa => "AWS4-ECDSA-P256-SHA256",
    };
    let mut sign = |kind: &str, hashes: &str| {
        let before = previous.take().expect("a signature");
        let text = format!("{token}-{kind}\n{date}\n{scope}\n{before}\n{hashes}");
        let signature = sign_text(&text);
        previous = Some(signature.clone());
        match algorithm {
            SigV4Algorithm::Hmac => signature,
            SigV4Algorithm::Ecdsa => format!("{signature:*<144}"),
        }
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

/// What signs a chunk's text: SigV4a's by the crate of AWS, which knows nothing of chunks.
fn chunk_signer(algorithm: SigV4Algorithm, day: &str) -> Box<dyn Fn(&str) -> String> {
    match algorithm {
        SigV4Algorithm::Hmac => {
            let start = format!("AWS4{SECRET}").into_bytes();
            let parts = [day, REGION, SERVICE, "aws4_request"];
            let key = parts
                .iter()
                .fold(start, |key, part| mac(&key, part.as_bytes()));
            Box::new(move |text| hex(&mac(&key, text.as_bytes())))
        }
        SigV4Algorithm::Ecdsa => {
            let key = v4a::generate_signing_key(ID, SECRET).as_ref().to_vec();
            Box::new(move |text| v4a::calculate_signature(&key, text.as_bytes()))
        }
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
