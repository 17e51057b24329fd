//! A body in AWS's own chunks, each signed or all covered by a checksum behind them (Amazon S3
//! API Reference, "Signature Calculations for the Authorization Header: Transferring Payload
//! in Multiple Chunks", also "… Including Trailing Headers"). In: bytes as the network cuts
//! them. Out: the body's own bytes, none of a signed chunk before its signature was right, or
//! a `Refusal`. Whether the end has come is asked apart.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::ParsedPublicKey;
use bytes::{Buf as _, BytesMut};

use crate::digest::{EMPTY_HASH, sha256};
use crate::refusal::Refusal;

use super::algorithm::{self, Signature};
use super::checksum::Checksum;
use super::encode;

/// Size and signature of a chunk, with room for leading zeros.
const MAX_LINE: usize = 256;
/// All trailers together.
const MAX_TRAILER_BYTES: usize = 4096;
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";
const TOO_LONG: Refusal = Refusal::Malformed("a chunk's line is too long");

/// What a chunked body owes.
#[derive(Clone, PartialEq, Eq)]
pub struct ChunkedDuty {
    pub(super) decoded_length: u64,
    /// `None` when chunks are not signed.
    pub(super) chain: Option<Chain>,
    /// The trailers that must come, in lower case.
    pub(super) trailers: Vec<String>,
    pub(super) max_chunk_bytes: u64,
}

/// Each signature is over the one before it; the first is the request's.
#[derive(Clone)]
pub(super) struct Chain {
    pub(super) key: ChainKey,
    /// Date, time and scope, as in the string to sign of the request.
    pub(super) scope: Vec<u8>,
    pub(super) previous: Signature,
}

/// What verified the request's signature, and does those of its chunks.
#[derive(Clone)]
pub(super) enum ChainKey {
    Hmac(Box<hmac::Key>),
    Ecdsa(ParsedPublicKey),
}

/// What a signature in the body is over.
#[derive(Clone, Copy)]
pub(super) enum Link {
    Chunk,
    Trailers,
}

/// The same request has the same first signature, and by it the same key.
impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.scope == other.scope && self.previous == other.previous
    }
}

impl Eq for Chain {}

impl fmt::Debug for ChunkedDuty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ChunkedDuty({} bytes, {:?})",
            self.decoded_length, self.trailers
        )
    }
}

impl ChunkedDuty {
    /// The bytes of the body itself, which were signed as `x-amz-decoded-content-length`.
    pub fn decoded_length(&self) -> u64 {
        self.decoded_length
    }
}

/// A chunked body as it goes by.
pub struct ChunkedBody {
    duty: ChunkedDuty,
    inbox: BytesMut,
    phase: Phase,
    decoded: u64,
    trailer_bytes: usize,
    told: Vec<(String, String)>,
    checksums: Vec<(String, Checksum)>,
}

enum Phase {
    Line,
    Signed { size: usize, signature: Signature },
    Unsigned { left: u64 },
    Gap,
    Trailers,
    Done,
}

impl ChunkedBody {
    /// The reader of a body that owes `duty`.
    pub fn new(duty: ChunkedDuty) -> Self {
        let checksum = |name: &String| Some((name.clone(), Checksum::of(name)?));
        Self {
            checksums: duty.trailers.iter().filter_map(checksum).collect(),
            duty,
            inbox: BytesMut::new(),
            phase: Phase::Line,
            decoded: 0,
            trailer_bytes: 0,
            told: Vec::new(),
        }
    }

    /// Takes bytes in; appends what they prove to `out`.
    ///
    /// # Errors
    /// `Malformed` for what is not so framed, `SignatureMismatch` for a chunk's or the
    /// trailers', `BodyHashMismatch` for a checksum, `BodyTooLarge` for a signed chunk larger
    /// than is kept.
    pub fn push(&mut self, bytes: &[u8], out: &mut BytesMut) -> Result<(), Refusal> {
        self.inbox.extend_from_slice(bytes);
        while self.step(out)? {}
        Ok(())
    }

    /// Whether the body has come to its proper end.
    pub fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// One step; false when more bytes are needed.
    fn step(&mut self, out: &mut BytesMut) -> Result<bool, Refusal> {
        match self.phase {
            Phase::Line => match self.line(MAX_LINE)? {
                None => return Ok(false),
                Some(line) => self.phase = self.begin(&line)?,
            },
            Phase::Signed { size, signature } => {
                if self.inbox.len() < size + 2 {
                    return Ok(false);
                }
                let data = self.inbox.split_to(size);
                self.link(&data, &signature)?;
                self.release(&data, out);
                self.phase = Phase::Gap;
            }
            Phase::Unsigned { left: 0 } => self.phase = Phase::Gap,
            Phase::Unsigned { left } => {
                let length = usize::try_from(left)
                    .map_or(self.inbox.len(), |left| left.min(self.inbox.len()));
                if length == 0 {
                    return Ok(false);
                }
                let data = self.inbox.split_to(length);
                self.release(&data, out);
                self.phase = Phase::Unsigned {
                    left: left - length as u64,
                };
            }
            Phase::Gap => {
                if self.inbox.len() < 2 {
                    return Ok(false);
                }
                if &self.inbox[..2] != b"\r\n" {
                    return Err(Refusal::Malformed("a chunk does not end where it says"));
                }
                self.inbox.advance(2);
                self.phase = Phase::Line;
            }
            Phase::Trailers => {
                match self.line(MAX_TRAILER_BYTES.saturating_sub(self.trailer_bytes))? {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => {
                        self.end()?;
                        self.phase = Phase::Done;
                    }
                    Some(line) => self.trailer(&line)?,
                }
            }
            Phase::Done if self.inbox.is_empty() => return Ok(false),
            Phase::Done => return Err(Refusal::Malformed("bytes behind the last chunk")),
        }
        Ok(true)
    }

    /// The next line without its end, when it is there.
    fn line(&mut self, max: usize) -> Result<Option<String>, Refusal> {
        let end = self.inbox.windows(2).position(|two| two == b"\r\n");
        let Some(end) = end else {
            // The CR of its end may be here before the LF.
            return match self.inbox.len() > max + 1 {
                true => Err(TOO_LONG),
                false => Ok(None),
            };
        };
        if end > max {
            return Err(TOO_LONG);
        }
        let line = self.inbox.split_to(end);
        self.inbox.advance(2);
        match std::str::from_utf8(&line) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Refusal::Malformed("a chunk's line is not text")),
        }
    }

    /// `SIZE` or `SIZE;chunk-signature=…`, as the mode has it.
    fn begin(&mut self, line: &str) -> Result<Phase, Refusal> {
        let (digits, signature) = match (line.split_once(";chunk-signature="), &self.duty.chain) {
            (Some((digits, text)), Some(chain)) => (digits, Some(chain.read(text)?)),
            (None, None) => (line, None),
            (Some(_), None) => {
                return Err(Refusal::Malformed("a chunk is signed in an unsigned mode"));
            }
            (None, Some(_)) => return Err(Refusal::SignatureMalformed("a chunk is not signed")),
        };
        let size = size_of(digits).ok_or(Refusal::Malformed("a chunk's size is no number"))?;
        let left = self.duty.decoded_length - self.decoded;
        if size > left {
            return Err(Refusal::Malformed(
                "more bytes than x-amz-decoded-content-length says",
            ));
        }
        if size == 0 {
            if left > 0 {
                return Err(Refusal::Malformed(
                    "fewer bytes than x-amz-decoded-content-length says",
                ));
            }
            if let Some(signature) = signature {
                self.link(b"", &signature)?;
            }
            return Ok(Phase::Trailers);
        }
        let Some(signature) = signature else {
            return Ok(Phase::Unsigned { left: size });
        };
        match usize::try_from(size) {
            Ok(fits) if size <= self.duty.max_chunk_bytes => Ok(Phase::Signed {
                size: fits,
                signature,
            }),
            _ => Err(Refusal::BodyTooLarge),
        }
    }

    /// Checks a chunk's signature and goes on from it.
    fn link(&mut self, data: &[u8], signature: &Signature) -> Result<(), Refusal> {
        const NO_CHAIN: Refusal = Refusal::Internal("a signed chunk without a chain");
        let chain = self.duty.chain.as_mut().ok_or(NO_CHAIN)?;
        let mut text = chain.string_to_sign(Link::Chunk);
        text.extend_from_slice(&encode::hex(&EMPTY_HASH));
        text.push(b'\n');
        text.extend_from_slice(&encode::hex(&sha256(data)));
        chain.check(&text, signature, "a chunk's signature is wrong")
    }

    fn release(&mut self, data: &[u8], out: &mut BytesMut) {
        self.decoded += data.len() as u64;
        for (_, checksum) in &mut self.checksums {
            checksum.update(data);
        }
        out.extend_from_slice(data);
    }

    fn trailer(&mut self, line: &str) -> Result<(), Refusal> {
        self.trailer_bytes += line.len() + 2;
        // Some signers end a trailer with LF before CRLF, as the worked example does.
        let line = line.strip_suffix('\n').unwrap_or(line);
        let (name, value) = line
            .split_once(':')
            .ok_or(Refusal::Malformed("a trailer has no colon"))?;
        let name = name.to_ascii_lowercase();
        if self.told.iter().any(|(other, _)| *other == name) {
            return Err(Refusal::Malformed("a trailer is there twice"));
        }
        self.told.push((name, value.trim().to_owned()));
        Ok(())
    }

    /// Checks the trailers: the ones that were announced, their signature, their checksums.
    fn end(&mut self) -> Result<(), Refusal> {
        let is_signature = |(name, _): &(String, String)| name == TRAILER_SIGNATURE;
        let place = self.told.iter().position(is_signature);
        let signature = place.map(|place| self.told.remove(place).1);
        self.told.sort();
        let mut announced: Vec<&str> = self.duty.trailers.iter().map(String::as_str).collect();
        announced.sort_unstable();
        if !announced
            .into_iter()
            .eq(self.told.iter().map(|(name, _)| name.as_str()))
        {
            return Err(Refusal::SignatureMalformed(
                "the trailers are not those of x-amz-trailer",
            ));
        }
        self.check_trailers(signature)?;
        for (name, checksum) in std::mem::take(&mut self.checksums) {
            let told = self.told.iter().find(|(other, _)| *other == name);
            if !told.is_some_and(|(_, value)| checksum.is(value)) {
                return Err(Refusal::BodyHashMismatch);
            }
        }
        Ok(())
    }

    fn check_trailers(&mut self, signature: Option<String>) -> Result<(), Refusal> {
        let (chain, signature) = match (&mut self.duty.chain, signature) {
            (Some(chain), Some(text)) if !self.told.is_empty() => {
                let signature = chain.read(&text)?;
                (chain, signature)
            }
            (Some(_), None) if self.told.is_empty() => return Ok(()),
            (None, None) => return Ok(()),
            (Some(_), None) => {
                return Err(Refusal::SignatureMalformed("the trailers are not signed"));
            }
            (_, Some(_)) => {
                return Err(Refusal::Malformed(
                    "there is nothing for a trailer signature to sign",
                ));
            }
        };
        let lines = self
            .told
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"));
        let mut text = chain.string_to_sign(Link::Trailers);
        text.extend_from_slice(&encode::hex(&sha256(lines.collect::<String>().as_bytes())));
        chain.check(&text, &signature, "the trailers' signature is wrong")
    }
}

impl Chain {
    fn read(&self, text: &str) -> Result<Signature, Refusal> {
        let algorithm = self.previous.algorithm();
        Signature::read_padded(algorithm, text).map_err(Refusal::SignatureMalformed)
    }

    /// Everything up to the hashes.
    pub(super) fn string_to_sign(&self, link: Link) -> Vec<u8> {
        let kind: &[u8] = match link {
            Link::Chunk => b"-PAYLOAD\n",
            Link::Trailers => b"-TRAILER\n",
        };
        let token = algorithm::token(self.previous.algorithm());
        let mut text = [token.as_bytes(), kind, &self.scope, b"\n"].concat();
        self.previous.push_hex(&mut text);
        text.push(b'\n');
        text
    }

    fn check(
        &mut self,
        text: &[u8],
        signature: &Signature,
        why: &'static str,
    ) -> Result<(), Refusal> {
        if !self.key.verify(text, signature) {
            return Err(Refusal::SignatureMismatch(why));
        }
        self.previous = *signature;
        Ok(())
    }
}

impl ChainKey {
    /// Compares in constant time where the key is a secret.
    fn verify(&self, text: &[u8], signature: &Signature) -> bool {
        match (self, signature) {
            (Self::Hmac(key), Signature::Hmac(code)) => hmac::verify(key, text, code).is_ok(),
            (Self::Ecdsa(key), Signature::Ecdsa(der)) => {
                key.verify_sig(text, der.as_bytes()).is_ok()
            }
            (Self::Hmac(_), Signature::Ecdsa(_)) | (Self::Ecdsa(_), Signature::Hmac(_)) => false,
        }
    }
}

/// Hexadecimal digits only, so few that they cannot overflow.
fn size_of(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.len() <= 15;
    let plain = plain && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}
