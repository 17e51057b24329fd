//! Lets one HTTP/1 request at a time through to the parser behind it, and only whole heads
//! and well-framed bodies. In: bytes as the network cuts them, and whether the request before
//! has been answered. Out: how many bytes may pass, or a `Refusal`.
//! Pure: it neither reads nor waits. What arrives behind a request stays here until that
//! request is answered, so that no parser ever sees the bytes of two.

use bytes::{Buf as _, BytesMut};
use tokio::io::ReadBuf;

use crate::call::{BodyFollower, HeadLimits, HeadRefused, read_head};
use crate::refusal::Refusal;

/// The gate of one connection.
pub(super) struct Gate {
    inbox: BytesMut,
    /// Bytes at the front of the inbox that may pass.
    ready: usize,
    phase: Phase,
    /// Whether the head that passed last is all there is of its request.
    plain: bool,
    limits: HeadLimits,
}

enum Phase {
    /// Before or in a head, of which this many bytes were looked at.
    Head(usize),
    /// In a body.
    Body(BodyFollower),
    /// The request has passed whole.
    Answering,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes may pass.
    Give,
    /// More bytes are needed, and what for.
    Read(Awaited),
    /// Nothing may pass until the request is answered.
    Wait,
    /// The bytes are no request; none of it has passed.
    Refuse(Refusal),
    /// The body broke its framing after some of it has passed.
    Broken,
}

/// What the next bytes will be part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The first byte of a request.
    Request,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
}

impl Gate {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self {
            inbox: BytesMut::new(),
            ready: 0,
            phase: Phase::Head(0),
            plain: false,
            limits,
        }
    }

    /// Takes in bytes from the network.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
    }

    /// Bytes that wait here.
    pub(super) fn waiting(&self) -> usize {
        self.inbox.len()
    }

    /// Whether the last request has passed whole and only its answer is missing.
    pub(super) fn has_passed(&self) -> bool {
        matches!(self.phase, Phase::Answering) && self.ready == 0
    }

    /// Whether the request that may pass, or has passed last, is but a plain head
    /// (`call::Head::plain`).
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Whether a request is still arriving, or bytes of one are here that nobody has read.
    pub(super) fn is_mid_request(&self) -> bool {
        matches!(self.phase, Phase::Body(_)) || !self.inbox.is_empty()
    }

    /// Moves bytes that may pass to `out`.
    pub(super) fn give(&mut self, out: &mut ReadBuf<'_>) {
        let length = self.ready.min(out.remaining());
        out.put_slice(&self.inbox[..length]);
        self.inbox.advance(length);
        self.ready -= length;
        if self.inbox.is_empty() {
            // An idle connection keeps no buffer.
            self.inbox = BytesMut::new();
        }
    }

    /// Lets everything pass from here on: the connection has become a tunnel.
    pub(super) fn open(&mut self) {
        self.ready = self.inbox.len();
    }

    /// Says what to do next; `answered` when the request that passed last has its answer.
    pub(super) fn next(&mut self, answered: bool) -> Step {
        if self.ready > 0 {
            return Step::Give;
        }
        if matches!(self.phase, Phase::Answering) {
            if !answered {
                return Step::Wait;
            }
            self.phase = Phase::Head(0);
        }
        match &mut self.phase {
            Phase::Body(follower) => match follower.follow(&self.inbox) {
                Err(_) => Step::Broken,
                Ok(0) => Step::Read(Awaited::Body),
                Ok(length) => {
                    self.ready = length;
                    if follower.is_done() {
                        self.phase = Phase::Answering;
                    }
                    Step::Give
                }
            },
            _ => self.next_head(),
        }
    }

    fn next_head(&mut self) -> Step {
        let seen = match self.phase {
            Phase::Head(seen) => seen,
            _ => 0,
        };
        let head = match read_head(&self.inbox, seen, &self.limits) {
            Ok(Some(head)) => head,
            Ok(None) => {
                self.phase = Phase::Head(self.inbox.len());
                return Step::Read(match self.inbox.is_empty() {
                    true => Awaited::Request,
                    false => Awaited::Head,
                });
            }
            Err(HeadRefused::TooLarge) => return Step::Refuse(Refusal::HeadersTooLarge),
            Err(HeadRefused::Malformed(why)) => return Step::Refuse(Refusal::Malformed(why.0)),
        };
        let mut follower = BodyFollower::new(head.framing);
        self.plain = head.plain;
        match follower.follow(&self.inbox[head.length..]) {
            Err(why) => Step::Refuse(Refusal::Malformed(why.0)),
            Ok(body) => {
                self.ready = head.length + body;
                self.phase = match follower.is_done() {
                    true => Phase::Answering,
                    false => Phase::Body(follower),
                };
                Step::Give
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(HeadLimits {
            max_bytes: 1024,
            max_fields: 10,
        })
    }

    fn drain(gate: &mut Gate) -> String {
        let mut space = [0; 2048];
        let mut out = ReadBuf::new(&mut space);
        gate.give(&mut out);
        String::from_utf8_lossy(out.filled()).into_owned()
    }

    #[test]
    fn a_second_request_waits_until_the_first_is_answered() {
        let mut gate = gate();
        let (one, two) = (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
            "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
        );
        gate.push(one.as_bytes());
        gate.push(two.as_bytes());
        assert_eq!(gate.next(false), Step::Give);
        assert_eq!(drain(&mut gate), one);
        assert_eq!(gate.next(false), Step::Wait);
        assert_eq!(gate.next(true), Step::Give);
        assert_eq!(drain(&mut gate), two);
        assert_eq!(gate.next(true), Step::Read(Awaited::Request));
    }

    #[test]
    fn a_head_passes_only_when_it_is_whole() {
        let mut gate = gate();
        gate.push(b"GET / HTTP/1.1\r\nHost: a\r\n");
        assert_eq!(gate.next(false), Step::Read(Awaited::Head));
        gate.push(b"\r\n");
        assert_eq!(gate.next(false), Step::Give);
    }

    #[test]
    fn a_bad_chunk_beside_its_head_keeps_the_head_from_passing() {
        let mut gate = gate();
        gate.push(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na");
        assert!(matches!(
            gate.next(false),
            Step::Refuse(Refusal::Malformed(_))
        ));
    }

    #[test]
    fn a_bad_chunk_later_breaks_the_body() {
        let mut gate = gate();
        gate.push(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
        assert_eq!(gate.next(false), Step::Give);
        drain(&mut gate);
        gate.push(b"zz\r\n");
        assert_eq!(gate.next(false), Step::Broken);
    }
}
