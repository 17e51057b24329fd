//! How a process gives its place to a successor, another process of a program that is newer or the
//! same, without a caller noticing. In: a signal. Out: the successor serves, on the same sockets and
//! with the same memory of used signatures, and this process may leave; or it does not, and this
//! process serves on as if nothing had been.
//!
//! The two speak over a socket pair, whose other end the successor finds as its standard input:
//!
//! 1. The predecessor starts the successor, by a launcher, and sends it the listening sockets.
//! 2. The successor does whatever may fail: it reads the configuration, opens keys, fetches lists.
//!    Then it says that it is prepared. Until then, nothing has changed for the predecessor.
//! 3. The predecessor sends what its memory of used signatures holds, and asks the successor from
//!    there on. The successor accepts connections and says that it serves.
//! 4. The predecessor accepts nothing more, tells the service manager whose the service is now, and
//!    tells the successor so. It leaves when what it has begun is done. Until it is gone, the
//!    successor answers what it asks.

mod predecessor;
mod program;
mod sockets;
mod successor;
mod wire;

pub(super) use predecessor::Predecessor;
pub(super) use program::{Program, launch};
pub(super) use successor::{Successor, hand_over};
