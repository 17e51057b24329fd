//! What the two processes say to each other after the sockets, as bytes: a kind, a length, and what
//! belongs to the kind.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::clock::UtcTime;
use crate::replay::{Answer, Entry, Known};

/// Keys in one message.
pub(super) const MOST_KNOWN: usize = 16 * 1024;
const KNOWN_BYTES: usize = 36;
pub(super) const NONSENSE: &str = "the other process says what is not understood";
const MOST_BYTES: usize = MOST_KNOWN * KNOWN_BYTES;

/// What is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Successor: nothing can fail any more; the id of its process.
    Prepared(u32),
    /// Successor: it does not start, and why.
    Failed(String),
    /// Predecessor: signatures that were used.
    Known(Vec<Known>),
    /// Predecessor: those were all; what comes now are questions.
    AllKnown,
    /// Successor: it accepts connections.
    Serving,
    /// Predecessor: the service is the successor's.
    Yours,
    /// Predecessor: has this been used?
    Question(Entry),
    /// Successor: the answer to the first question that has none.
    Answer(Answer),
}

const ANSWERS: [Answer; 4] = [
    Answer::Fresh,
    Answer::Replayed,
    Answer::StoreDown,
    Answer::Full,
];

impl Said {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let (kind, matter) = match self {
            Self::Prepared(process) => (0, process.to_be_bytes().to_vec()),
            Self::Failed(why) => (1, why.bytes().take(MOST_BYTES).collect()),
            Self::Known(known) => (2, known.iter().flat_map(known_bytes).collect()),
            Self::AllKnown => (3, Vec::new()),
            Self::Serving => (4, Vec::new()),
            Self::Yours => (5, Vec::new()),
            Self::Question(entry) => {
                let good_until = entry.good_until().unix().to_be_bytes();
                (6, [entry.key(), &good_until[..]].concat())
            }
            Self::Answer(answer) => {
                let at = ANSWERS.iter().position(|one| one == answer);
                (7, vec![at.unwrap_or_default() as u8])
            }
        };
        let length = u32::try_from(matter.len()).unwrap_or(u32::MAX);
        [&[kind][..], &length.to_be_bytes(), &matter].concat()
    }

    fn read(kind: u8, matter: &[u8]) -> Option<Self> {
        Some(match (kind, matter) {
            (0, process) => Self::Prepared(u32::from_be_bytes(process.try_into().ok()?)),
            (1, why) => Self::Failed(String::from_utf8_lossy(why).into_owned()),
            (2, known) => {
                let (keys, rest) = known.as_chunks::<KNOWN_BYTES>();
                rest.is_empty()
                    .then(|| Self::Known(keys.iter().map(known_of).collect()))?
            }
            (3, []) => Self::AllKnown,
            (4, []) => Self::Serving,
            (5, []) => Self::Yours,
            (6, matter) => {
                let (key, good_until) = matter.split_first_chunk()?;
                let good_until = i64::from_be_bytes(good_until.try_into().ok()?);
                Self::Question(Entry::new(*key, UtcTime::from_unix(good_until)))
            }
            (7, [at]) => Self::Answer(*ANSWERS.get(usize::from(*at))?),
            _ => return None,
        })
    }
}

fn known_bytes(known: &Known) -> Vec<u8> {
    [&known.key[..], &known.until.to_be_bytes()].concat()
}

fn known_of(bytes: &[u8; KNOWN_BYTES]) -> Known {
    let (mut key, mut until) = ([0; 32], [0; 4]);
    key.copy_from_slice(&bytes[..32]);
    until.copy_from_slice(&bytes[32..]);
    Known {
        key,
        until: u32::from_be_bytes(until),
    }
}

/// Hears what the other says next. Not to be dropped half-way.
///
/// # Errors
/// The other has ended, or says what nobody says.
pub(super) async fn hear(channel: &mut OwnedReadHalf) -> io::Result<Said> {
    let kind = channel.read_u8().await?;
    let length = channel.read_u32().await? as usize;
    if length > MOST_BYTES {
        return Err(io::Error::other(NONSENSE));
    }
    let mut matter = vec![0; length];
    channel.read_exact(&mut matter).await?;
    Said::read(kind, &matter).ok_or_else(|| io::Error::other(NONSENSE))
}

/// Says something to the other.
///
/// # Errors
/// It has ended.
pub(super) async fn say(channel: &mut OwnedWriteHalf, said: &Said) -> io::Result<()> {
    channel.write_all(&said.bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let known = |n| Known {
            key: [n; 32],
            until: u32::MAX - u32::from(n),
        };
        let entry = Entry::new([7; 32], UtcTime::from_unix(1_800_000_000));
        let all = [
            Said::Prepared(4_194_303),
            Said::Failed("no certificate".to_owned()),
            Said::Known(vec![known(1), known(2)]),
            Said::AllKnown,
            Said::Serving,
            Said::Yours,
            Said::Question(entry),
        ];
        for said in all.into_iter().chain(ANSWERS.map(Said::Answer)) {
            let bytes = said.bytes();
            let (head, matter) = bytes.split_first_chunk::<5>().unwrap();
            assert_eq!(
                u32::from_be_bytes(head[1..].try_into().unwrap()) as usize,
                matter.len()
            );
            assert_eq!(Said::read(head[0], matter), Some(said));
        }
    }

    #[test]
    fn what_nobody_says_is_not_understood() {
        for (kind, matter) in [
            (0, &b"more"[..]),
            (2, &[0; 35]),
            (6, &[0; 39]),
            (6, &[0; 41]),
            (7, &[4]),
            (7, &[]),
            (8, &[]),
        ] {
            assert_eq!(Said::read(kind, matter), None, "{kind} {matter:?}");
        }
    }
}
