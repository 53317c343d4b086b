//! Open files: descriptions with a position and flags, over what is opened.
//!
//! Operations never block: what would have to wait gives EAGAIN, and the system call layer parks the caller on [`FileOps::keys`].

pub mod console;
pub mod epoll;
pub mod event;
pub mod inet;
pub mod inotify;
pub mod pipe;
pub mod pty;
pub mod socket;

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::rc::Rc;

use crate::errno::{EBADF, EINVAL, EISDIR, EMFILE, ENOTTY, ESPIPE, Res};
use crate::vfs::{Dirent, Node, Place, Stat, mode, open};

/// What a parked task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// An object inside: a pipe's end, a socket, …
    Object(u64),
    /// A descriptor of the host, and poll bits.
    Host(i32, u32),
    /// A child of this process group leader changed state.
    Child(i32),
    /// A process ended.
    Exit(i32),
    /// A futex.
    Futex(u64, u64),
    /// Nothing but a signal or the time.
    Signal(i32),
}

/// Keys that were rung since the scheduler looked.
#[derive(Clone, Default)]
pub struct Wakes(Rc<Inner>);

#[derive(Default)]
struct Inner {
    rung: RefCell<Vec<Key>>,
    next: Cell<u64>,
}

impl Wakes {
    /// Wakes who waits for `key`.
    pub fn ring(&self, key: Key) {
        let mut rung = self.0.rung.borrow_mut();
        if rung.last() != Some(&key) {
            rung.push(key);
        }
    }

    /// A new object's key.
    pub fn key(&self) -> Key {
        self.0.next.set(self.0.next.get() + 1);
        Key::Object(self.0.next.get())
    }

    /// What was rung.
    pub fn take(&self) -> Vec<Key> {
        core::mem::take(&mut self.0.rung.borrow_mut())
    }

    /// Whether something was rung.
    pub fn any(&self) -> bool {
        !self.0.rung.borrow().is_empty()
    }
}

/// Readiness, as poll's bits.
pub mod ready {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const IN: u32 = 1;
    pub const PRI: u32 = 2;
    pub const OUT: u32 = 4;
    pub const ERR: u32 = 8;
    pub const HUP: u32 = 0x10;
    pub const NVAL: u32 = 0x20;
    pub const RDNORM: u32 = 0x40;
    pub const RDBAND: u32 = 0x80;
    pub const WRNORM: u32 = 0x100;
    pub const RDHUP: u32 = 0x2000;
}

/// Control characters and modes of a terminal, common numbering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the manual's names")]
pub struct Termios {
    pub iflag: u32,
    pub oflag: u32,
    pub cflag: u32,
    pub lflag: u32,
    pub cc: [u8; 19],
}

/// A terminal's size: rows, columns, and two unused.
pub type Winsize = [u16; 4];

/// What terminals do.
pub trait Tty {
    /// Modes.
    ///
    /// # Errors
    /// The host's.
    fn termios(&self) -> Res<Termios>;
    /// Sets modes; `when`: 0 now, 1 after output, 2 and drops input.
    ///
    /// # Errors
    /// The host's.
    fn set_termios(&self, t: &Termios, when: u32) -> Res<()>;
    /// Size.
    ///
    /// # Errors
    /// The host's.
    fn winsize(&self) -> Res<Winsize>;
    /// Sets the size.
    ///
    /// # Errors
    /// The host's.
    fn set_winsize(&self, w: Winsize) -> Res<()>;
    /// Foreground process group; 0 for none. The cell lies with the terminal.
    fn foreground(&self) -> &Cell<i32>;
    /// Session; 0 for none.
    fn session(&self) -> &Cell<i32>;
    /// Number of a pseudo-terminal.
    fn pty_number(&self) -> Option<u32> {
        None
    }
    /// Drops what was typed (0), what was said and has not arrived (1), or both (2).
    fn flush(&self, _which: u32) {}
    /// TOSTOP: writers in the background are stopped.
    fn stops_writers(&self) -> bool {
        false
    }
}

/// What is opened.
pub trait FileOps {
    /// For the calls that want one kind of file.
    fn as_any(&self) -> &dyn Any;
    /// Reads, from the description's position if it has one.
    ///
    /// # Errors
    /// EAGAIN where it would wait.
    fn read(&self, f: &File, buf: &mut [u8]) -> Res<usize>;
    /// Writes.
    ///
    /// # Errors
    /// EAGAIN where it would wait; EPIPE also sends SIGPIPE.
    fn write(&self, f: &File, data: &[u8]) -> Res<usize>;
    /// Reads at an offset.
    ///
    /// # Errors
    /// ESPIPE.
    fn read_at(&self, _at: u64, _buf: &mut [u8]) -> Res<usize> {
        Err(ESPIPE)
    }
    /// Writes at an offset.
    ///
    /// # Errors
    /// ESPIPE.
    fn write_at(&self, _at: u64, _data: &[u8]) -> Res<usize> {
        Err(ESPIPE)
    }
    /// Readiness.
    fn poll(&self) -> u32;
    /// What to wait for, when not ready for `want`.
    fn keys(&self, want: u32, out: &mut Vec<Key>);
    /// Status.
    ///
    /// # Errors
    /// The host's.
    fn stat(&self) -> Res<Stat>;
    /// It has a position.
    fn seekable(&self) -> bool {
        false
    }
    /// Seeks where the position is not the description's: the emulator's own descriptors.
    fn seek(&self, _to: i64, _whence: u32) -> Option<Res<u64>> {
        None
    }
    /// Its node, if it was opened by path.
    fn node(&self) -> Option<Rc<dyn Node>> {
        None
    }
    /// Bytes that can be read now (FIONREAD).
    ///
    /// # Errors
    /// ENOTTY.
    fn readable(&self) -> Res<u32> {
        Err(ENOTTY)
    }
    /// It as a terminal.
    fn tty(&self) -> Option<&dyn Tty> {
        None
    }
    /// It is the master of a pseudo-terminal.
    fn is_master(&self) -> bool {
        false
    }
    /// It as a socket.
    fn socket(&self) -> Option<&dyn socket::Socket> {
        None
    }
    /// Flags were changed.
    fn set_flags(&self, _flags: u32) {}
    /// Writes to the medium.
    ///
    /// # Errors
    /// The host's.
    fn sync(&self) -> Res<()> {
        Err(EINVAL)
    }
    /// What /proc/self/fd shows.
    fn name(&self) -> Vec<u8> {
        b"anon_inode:[file]".to_vec()
    }
    /// The host's descriptor behind it, for calls that are handed through.
    fn host_fd(&self) -> Option<i32> {
        None
    }
}

/// An open file description.
pub struct File {
    /// What is opened.
    pub ops: Rc<dyn FileOps>,
    /// Access mode and status flags, common numbering.
    pub flags: Cell<u32>,
    /// Position.
    pub pos: Cell<u64>,
    /// Where it was found.
    pub place: Option<Rc<Place>>,
    /// Entries of a directory, once read.
    pub entries: RefCell<Option<Rc<Vec<Dirent>>>>,
    /// F_SETOWN.
    pub owner: Cell<i32>,
    /// flock: 0 none, 1 shared, 2 exclusive.
    pub lock: Cell<u8>,
    /// Who hears what is done with it.
    pub teller: inotify::Teller,
}

impl File {
    /// A new description.
    pub fn new(ops: Rc<dyn FileOps>, flags: u32, place: Option<Rc<Place>>) -> Rc<File> {
        Rc::new(File {
            ops,
            flags: Cell::new(flags),
            pos: Cell::new(0),
            place,
            entries: RefCell::default(),
            owner: Cell::new(0),
            lock: Cell::new(0),
            teller: inotify::Teller::default(),
        })
    }

    /// Tells those who watch it, or its directory.
    pub fn tell(&self, mask: u32) {
        self.teller.tell(self.place.as_ref(), mask);
    }

    /// Opened for reading.
    pub fn can_read(&self) -> bool {
        self.flags.get() & (open::ACCMODE | open::PATH) != open::WRONLY
            && self.flags.get() & open::PATH == 0
    }

    /// Opened for writing.
    pub fn can_write(&self) -> bool {
        self.flags.get() & open::ACCMODE != 0 && self.flags.get() & open::PATH == 0
    }

    /// O_NONBLOCK.
    pub fn nonblocking(&self) -> bool {
        self.flags.get() & open::NONBLOCK != 0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.tell(if self.can_write() {
            inotify::ev::CLOSE_WRITE
        } else {
            inotify::ev::CLOSE_NOWRITE
        });
    }
}

/// A regular file or directory of a tree.
pub struct NodeFile(pub Rc<dyn Node>);

impl FileOps for NodeFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, f: &File, buf: &mut [u8]) -> Res<usize> {
        let n = self.read_at(f.pos.get(), buf)?;
        f.pos.set(f.pos.get() + n as u64);
        Ok(n)
    }

    fn write(&self, f: &File, data: &[u8]) -> Res<usize> {
        if f.flags.get() & open::APPEND != 0 {
            f.pos.set(self.0.stat()?.size);
        }
        let n = self.0.write_at(f.pos.get(), data)?;
        f.pos.set(f.pos.get() + n as u64);
        Ok(n)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        if self.0.stat()?.kind() == mode::DIR {
            return Err(EISDIR);
        }
        self.0.read_at(at, buf)
    }

    fn write_at(&self, at: u64, data: &[u8]) -> Res<usize> {
        self.0.write_at(at, data)
    }

    fn poll(&self) -> u32 {
        ready::IN | ready::OUT | ready::RDNORM | ready::WRNORM
    }

    fn keys(&self, _want: u32, _out: &mut Vec<Key>) {}

    fn stat(&self) -> Res<Stat> {
        self.0.stat()
    }

    fn seekable(&self) -> bool {
        true
    }

    fn node(&self) -> Option<Rc<dyn Node>> {
        Some(self.0.clone())
    }

    fn readable(&self) -> Res<u32> {
        Ok(self.0.stat()?.size.min(0x7fff_ffff) as u32)
    }

    fn sync(&self) -> Res<()> {
        Ok(())
    }
}

/// A descriptor.
#[derive(Clone)]
pub struct Fd {
    /// The description.
    pub file: Rc<File>,
    /// Closed by exec.
    pub cloexec: bool,
}

/// The descriptors of a process.
#[derive(Clone)]
pub struct Fds {
    /// By number.
    pub list: Vec<Option<Fd>>,
    /// RLIMIT_NOFILE.
    pub limit: u64,
}

impl Fds {
    /// The description of a number.
    ///
    /// # Errors
    /// EBADF.
    pub fn get(&self, fd: i32) -> Res<Rc<File>> {
        usize::try_from(fd)
            .ok()
            .and_then(|n| self.list.get(n))
            .and_then(|f| f.as_ref())
            .map(|f| f.file.clone())
            .ok_or(EBADF)
    }

    /// The descriptor of a number.
    ///
    /// # Errors
    /// EBADF.
    pub fn entry(&mut self, fd: i32) -> Res<&mut Fd> {
        usize::try_from(fd)
            .ok()
            .and_then(|n| self.list.get_mut(n))
            .and_then(|f| f.as_mut())
            .ok_or(EBADF)
    }

    /// Puts a description at the lowest free number from `from` on.
    ///
    /// # Errors
    /// EMFILE.
    pub fn add(&mut self, file: Rc<File>, cloexec: bool, from: usize) -> Res<i32> {
        let n = (from..self.list.len())
            .find(|&n| self.list[n].is_none())
            .unwrap_or(self.list.len().max(from));
        if n as u64 >= self.limit {
            return Err(EMFILE);
        }
        self.set(n, file, cloexec);
        Ok(n as i32)
    }

    /// Puts a description at a number.
    pub fn set(&mut self, n: usize, file: Rc<File>, cloexec: bool) {
        if self.list.len() <= n {
            self.list.resize(n + 1, None);
        }
        self.list[n] = Some(Fd { file, cloexec });
    }

    /// Closes a number.
    ///
    /// # Errors
    /// EBADF.
    pub fn close(&mut self, fd: i32) -> Res<Fd> {
        usize::try_from(fd)
            .ok()
            .and_then(|n| self.list.get_mut(n))
            .and_then(Option::take)
            .ok_or(EBADF)
    }
}
