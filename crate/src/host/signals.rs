//! Signals that end the program: a handler writes the number into a pipe, which the run loop watches, so that the terminal is
//! put right before the exit.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The write end of the pipe; -1 before [`Signals::catch`].
static PIPE: AtomicI32 = AtomicI32::new(-1);

const ENDING: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

extern "C" fn handler(signal: libc::c_int) {
    let byte = signal as u8;
    // SAFETY: write is async-signal-safe; the pointer is to a live local. The pipe does not block: a full one has news already.
    let _ = unsafe { libc::write(PIPE.load(Ordering::Relaxed), (&raw const byte).cast(), 1) };
}

/// The read end.
pub struct Signals {
    pipe: File,
}

impl Signals {
    /// Catches the signals from now on.
    ///
    /// # Errors
    /// When the host gives no pipe.
    pub fn catch() -> io::Result<Signals> {
        let mut ends = [0; 2];
        // SAFETY: `ends` has room for the two descriptors.
        if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: pipe() has just made both, and nobody else owns them.
        let (read, write) =
            unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
        for fd in [&read, &write] {
            super::wait::set_nonblocking(fd.as_fd())?;
        }
        // The write end stays open for good: a signal may come at any time.
        PIPE.store(write.into_raw_fd(), Ordering::Relaxed);
        for signal in ENDING {
            // SAFETY: a zeroed sigaction is valid; the handler only does what a handler may do.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler as *const () as libc::sighandler_t;
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        }
        Ok(Signals { pipe: read.into() })
    }

    /// The signal that came, if any.
    pub fn take(&mut self) -> Option<u8> {
        let mut byte = [0];
        matches!(self.pipe.read(&mut byte), Ok(1)).then_some(byte[0])
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
