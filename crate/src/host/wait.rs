//! Waiting for descriptors.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// What to wait for.
#[derive(Default)]
pub struct Set(Vec<libc::pollfd>);

impl Set {
    /// Wakes when there is something to read, or the other end is gone.
    pub fn read(&mut self, fd: BorrowedFd<'_>) {
        self.add(fd.as_raw_fd(), libc::POLLIN);
    }

    /// Wakes when there is room to write.
    pub fn write(&mut self, fd: BorrowedFd<'_>) {
        self.add(fd.as_raw_fd(), libc::POLLOUT);
    }

    fn add(&mut self, fd: RawFd, events: libc::c_short) {
        self.0.push(libc::pollfd {
            fd,
            events,
            revents: 0,
        });
    }

    /// The descriptors, and the poll bits that are waited for.
    pub fn descriptors(&self) -> Vec<(i32, u32)> {
        self.0.iter().map(|p| (p.fd, p.events as u32)).collect()
    }

    /// Waits until one of them is ready or the time is over (`None`: without end). True when one is ready; a signal counts as one.
    pub fn wait(&mut self, timeout: Option<Duration>) -> bool {
        let spec = timeout.map(|t| libc::timespec {
            tv_sec: libc::time_t::try_from(t.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(t.subsec_nanos() as i32),
        });
        let spec = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the vector holds that many entries; the timeout and the (absent) mask are null or live.
        unsafe {
            libc::ppoll(
                self.0.as_mut_ptr(),
                self.0.len() as libc::nfds_t,
                spec,
                std::ptr::null(),
            ) != 0
        }
    }
}

/// Whether a descriptor can be read at once.
pub fn readable(fd: BorrowedFd<'_>) -> bool {
    let mut set = Set::default();
    set.read(fd);
    set.wait(Some(Duration::ZERO)) && set.0[0].revents != 0
}

/// Reads and writes of `fd` no longer wait.
///
/// # Errors
/// When the host refuses.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: fcntl on a live descriptor with these commands touches no memory of ours.
    let done = unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        flags >= 0 && libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) >= 0
    };
    if done {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
