//! Descriptors that come with the bytes of a unix socket (SCM_RIGHTS).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Descriptors that are taken at once; the first is kept.
const MOST: usize = 16;

/// Room for the control message, aligned as it must be.
#[repr(C, align(8))]
struct Room([u8; 128]);

/// Reads bytes and, if one came with them, a descriptor.
///
/// # Errors
/// As reading does.
pub fn read(fd: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut room = Room([0; 128]);
    const { assert!(size_of::<libc::cmsghdr>() + MOST * size_of::<RawFd>() <= 128) };
    let mut part = libc::iovec {
        iov_base: buf.as_mut_ptr().cast(),
        iov_len: buf.len(),
    };
    let mut first = None;
    // SAFETY: the message points to the live buffers above with their lengths; a zeroed msghdr is valid; the macros walk what the
    // kernel wrote within those lengths; descriptors in it are new and nobody else's.
    let n = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = room.0.as_mut_ptr().cast();
        message.msg_controllen = room.0.len() as _;
        let n = libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC);
        if n < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut head = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(h) = head.as_ref() {
            if h.cmsg_level == libc::SOL_SOCKET && h.cmsg_type == libc::SCM_RIGHTS {
                let bytes = h.cmsg_len.saturating_sub(libc::CMSG_LEN(0) as usize);
                let data = libc::CMSG_DATA(head);
                for n in 0..bytes / size_of::<RawFd>() {
                    let raw = data.cast::<RawFd>().add(n).read_unaligned();
                    // Further ones are closed here.
                    let one = OwnedFd::from_raw_fd(raw);
                    first.get_or_insert(one);
                }
            }
            head = libc::CMSG_NXTHDR(&raw const message, head);
        }
        n
    };
    Ok((n.cast_unsigned(), first))
}
