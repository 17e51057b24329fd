//! Passes open sockets from one process to the other (unix(7), `SCM_RIGHTS`), with what they are for.
//! The first message between the two.

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::server::handed::{Named, Purpose};

/// Of what the two say to each other. A successor that understands another does not start. Part of
/// it is what the key of a used signature is made of.
const PROTOCOL: u8 = 1;
/// What the system passes at once (`SCM_MAX_FD`).
const MOST_SOCKETS: usize = 253;
const MOST_BYTES: usize = 1 << 18;

/// Sends them. The message is small enough to find room at once.
///
/// # Errors
/// The other process has ended, or they are too many.
pub(super) fn send(mut channel: &UnixStream, sockets: &[(Purpose, OwnedFd)]) -> io::Result<()> {
    let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(|(_, fd)| fd.as_fd()).collect();
    if fds.len() > MOST_SOCKETS {
        let why = format!("there are more than {MOST_SOCKETS} listening sockets");
        return Err(io::Error::other(why));
    }
    let mut space = vec![MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("the sockets find no room"));
    }
    let first = [IoSlice::new(&[PROTOCOL])];
    sendmsg(channel, &first, &mut control, SendFlags::NOSIGNAL)?;
    let purposes: Vec<&Purpose> = sockets.iter().map(|(purpose, _)| purpose).collect();
    let text = serde_json::to_vec(&purposes)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    channel.write_all(&length.to_be_bytes())?;
    channel.write_all(&text)
}

/// Receives them.
///
/// # Errors
/// They do not come, or the other process speaks another protocol.
pub(super) fn receive(mut channel: &UnixStream) -> io::Result<Vec<Named>> {
    let mut space = vec![MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut protocol = [0];
    let mut first = [IoSliceMut::new(&mut protocol)];
    let got = recvmsg(channel, &mut first, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    if got.bytes != 1 || protocol[0] != PROTOCOL {
        let why = "the predecessor is of a version that hands over in another way";
        return Err(io::Error::other(why));
    }
    let mut length = [0; 4];
    channel.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MOST_BYTES {
        return Err(io::Error::other("the predecessor says too much"));
    }
    let mut text = vec![0; length];
    channel.read_exact(&mut text)?;
    let purposes: Vec<Purpose> = serde_json::from_slice(&text)?;
    if purposes.len() != fds.len() {
        return Err(io::Error::other(
            "some of the predecessor's sockets are lost",
        ));
    }
    purposes
        .into_iter()
        .zip(fds)
        .map(|(purpose, fd)| Named::new(purpose, fd))
        .collect()
}
