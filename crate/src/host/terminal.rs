//! This terminal in raw mode, and back.

use std::io::{self, IsTerminal};
use std::os::fd::AsRawFd;
use std::sync::Mutex;

/// What the terminal was before, to be put back when the program panics or ends.
static BEFORE: Mutex<Option<libc::termios>> = Mutex::new(None);

/// The terminal on stdin while it is raw. Dropping it puts the terminal back.
pub struct Raw(());

impl Raw {
    /// Makes the terminal raw: no echo, no lines, bytes as they are typed. `signals` leaves Ctrl-c its meaning.
    /// `None` when stdin is no terminal.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn enter(signals: bool) -> io::Result<Option<Raw>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let fd = stdin.as_raw_fd();
        // SAFETY: termios is plain data that tcgetattr fills; the descriptor is open.
        let mut raw = unsafe {
            let mut t: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(fd, &raw mut t) != 0 {
                return Err(io::Error::last_os_error());
            }
            t
        };
        *BEFORE.lock().unwrap_or_else(|e| e.into_inner()) = Some(raw);
        raw.c_iflag &= !(libc::IGNBRK
            | libc::BRKINT
            | libc::PARMRK
            | libc::ISTRIP
            | libc::INLCR
            | libc::IGNCR
            | libc::ICRNL
            | libc::IXON);
        raw.c_oflag |= libc::OPOST;
        raw.c_lflag &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::IEXTEN);
        if !signals {
            raw.c_lflag &= !libc::ISIG;
        }
        raw.c_cflag = raw.c_cflag & !(libc::CSIZE | libc::PARENB) | libc::CS8;
        raw.c_cc[libc::VMIN] = 1;
        raw.c_cc[libc::VTIME] = 0;
        // SAFETY: a live termios and an open descriptor.
        if unsafe { libc::tcsetattr(fd, libc::TCSANOW, &raw const raw) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Some(Raw(())))
    }
}

/// Columns and rows of the terminal on stdout.
pub fn size() -> (u16, u16) {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the ioctl fills the live structure, or leaves it as it is.
    unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    match (size.ws_col, size.ws_row) {
        (0, _) | (_, 0) => (80, 25),
        size => size,
    }
}

/// Puts the terminal back, if it was changed.
pub fn restore() {
    let before = BEFORE.lock().unwrap_or_else(|e| e.into_inner()).take();
    if let Some(before) = before {
        // SAFETY: a live termios and the descriptor that it came from.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSADRAIN, &raw const before) };
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}
