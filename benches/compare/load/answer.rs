//! Answers, read as far as a generator must: the status, and where the body ends.

use anyhow::{Context as _, bail};

/// What has been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Of the body.
    pub bytes: u64,
    /// Whether the connection ends with it.
    pub closes: bool,
}

/// Reads one answer from bytes as they come.
#[derive(Default)]
pub struct Reader {
    head: Option<Head>,
}

struct Head {
    status: u16,
    closes: bool,
    rest: Rest,
    bytes: u64,
}

enum Rest {
    Length(u64),
    /// Of the chunk that is coming; `None` between two.
    Chunked(Option<u64>),
}

const LONGEST_HEAD: usize = 64 * 1024;

impl Reader {
    /// Takes what it can use from the front of `inbox`; the answer, when that is whole.
    ///
    /// # Errors
    /// The bytes are no answer.
    pub fn read(&mut self, inbox: &mut Vec<u8>) -> anyhow::Result<Option<Answer>> {
        if self.head.is_none() {
            let Some(end) = memchr::memmem::find(inbox, b"\r\n\r\n") else {
                anyhow::ensure!(inbox.len() <= LONGEST_HEAD, "an endless head");
                return Ok(None);
            };
            self.head = Some(head(&inbox[..end + 2])?);
            inbox.drain(..end + 4);
        }
        let head = self.head.as_mut().context("the head was just read")?;
        match head.take(inbox)? {
            false => Ok(None),
            true => Ok(self.head.take().map(|head| Answer {
                status: head.status,
                bytes: head.bytes,
                closes: head.closes,
            })),
        }
    }
}

impl Head {
    /// Whether the body has ended.
    fn take(&mut self, inbox: &mut Vec<u8>) -> anyhow::Result<bool> {
        loop {
            match &mut self.rest {
                Rest::Length(left) => {
                    self.bytes += spend(left, inbox);
                    return Ok(*left == 0);
                }
                Rest::Chunked(Some(left)) => {
                    // The line end behind the chunk goes with it.
                    let mut data = left.saturating_sub(2);
                    let spent = spend(&mut data, inbox);
                    self.bytes += spent;
                    *left -= spent;
                    if *left > 2 || inbox.len() < 2 {
                        return Ok(false);
                    }
                    inbox.drain(..2);
                    self.rest = Rest::Chunked(None);
                }
                Rest::Chunked(None) => {
                    let Some(end) = memchr::memmem::find(inbox, b"\r\n") else {
                        return Ok(false);
                    };
                    let line = std::str::from_utf8(&inbox[..end])?;
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let size = u64::from_str_radix(digits, 16).context("a chunk's length")?;
                    if size == 0 && inbox.len() < end + 4 {
                        return Ok(false);
                    }
                    inbox.drain(..if size == 0 { end + 4 } else { end + 2 });
                    if size == 0 {
                        return Ok(true);
                    }
                    self.rest = Rest::Chunked(Some(size + 2));
                }
            }
        }
    }
}

fn spend(left: &mut u64, inbox: &mut Vec<u8>) -> u64 {
    let there = inbox.len() as u64;
    let taken = there.min(*left);
    match taken == there {
        true => inbox.clear(),
        false => drop(inbox.drain(..usize::try_from(taken).unwrap_or_default())),
    }
    *left -= taken;
    taken
}

fn head(bytes: &[u8]) -> anyhow::Result<Head> {
    let text = std::str::from_utf8(bytes).context("a head is text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: u16 = status
        .and_then(|word| word.parse().ok())
        .context("a status")?;
    let (mut rest, mut closes) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            rest = Some(Rest::Length(value.parse().context("a length")?));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            rest = Some(Rest::Chunked(None));
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    let rest = match (rest, status) {
        (_, 204 | 304) => Rest::Length(0),
        (Some(rest), _) => rest,
        (None, _) => bail!("a body without an end"),
    };
    Ok(Head {
        status,
        closes,
        rest,
        bytes: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Vec<Answer> {
        let (mut reader, mut inbox, mut answers) = (Reader::default(), Vec::new(), Vec::new());
        for part in bytes.chunks(piece) {
            inbox.extend_from_slice(part);
            while let Some(answer) = reader.read(&mut inbox).expect("an answer") {
                answers.push(answer);
                if inbox.is_empty() {
                    break;
                }
            }
        }
        assert!(inbox.is_empty());
        answers
    }

    #[test]
    fn answers_are_read_however_they_are_cut() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
            HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n\
            3\r\nabc\r\n2;x=1\r\nde\r\n0\r\n\r\n\
            HTTP/1.1 304 Not Modified\r\n\r\n";
        let answer = |status, bytes, closes| Answer {
            status,
            bytes,
            closes,
        };
        let want = vec![
            answer(200, 5, false),
            answer(503, 5, true),
            answer(304, 0, false),
        ];
        for piece in 1..bytes.len() {
            assert_eq!(read(bytes, piece), want, "{piece}");
        }
    }

    #[test]
    fn what_is_no_answer_is_said() {
        for bytes in ["x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
            let read = Reader::default().read(&mut bytes.as_bytes().to_vec());
            assert!(read.is_err(), "{bytes}");
        }
    }
}
