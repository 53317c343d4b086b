//! Pseudo-terminals: a master, a slave, and the line discipline between them (termios(3), linux/drivers/tty/n_tty.c's behaviour).
//!
//! Missing: VTIME (a read that may wait waits for VMIN bytes alone), packet mode, flow control by pseudo-terminals' own limits.

mod discipline;

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};

use super::{File, FileOps, Key, Termios, Tty, Wakes, Winsize, ready};
use crate::abi::signals::Sig;
use crate::errno::{EAGAIN, EIO, EMFILE, Res};
use crate::vfs::{Stat, mode};

/// Bytes a direction holds.
const CAPACITY: usize = 64 << 10;
/// Pseudo-terminals at most.
const MOST: usize = 256;
/// Device number of slaves (major).
const SLAVE_MAJOR: u64 = 136;

/// Modes.
mod flag {
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IXON: u32 = 0o2000;
    pub const IUTF8: u32 = 0o40000;
    pub const OPOST: u32 = 1;
    pub const ONLCR: u32 = 4;
    pub const OCRNL: u32 = 0o10;
    pub const ISIG: u32 = 1;
    pub const ICANON: u32 = 2;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const IEXTEN: u32 = 0o100000;
}

/// All pseudo-terminals.
pub struct Ptys {
    wakes: Wakes,
    /// By number.
    list: RefCell<BTreeMap<u32, Weak<Pty>>>,
    /// Number of the first: a host's own lie below.
    pub first: Cell<u32>,
    /// Signals to process groups that wait for the kernel.
    signals: RefCell<Vec<(i32, Sig)>>,
}

impl Ptys {
    /// None yet.
    pub fn new(wakes: &Wakes) -> Rc<Ptys> {
        Rc::new(Ptys {
            wakes: wakes.clone(),
            list: RefCell::default(),
            first: Cell::new(0),
            signals: RefCell::default(),
        })
    }

    /// A new one: its master.
    ///
    /// # Errors
    /// EMFILE.
    pub fn open(self: &Rc<Ptys>) -> Res<Rc<dyn FileOps>> {
        let mut list = self.list.borrow_mut();
        list.retain(|_, p| p.strong_count() > 0);
        if list.len() >= MOST {
            return Err(EMFILE);
        }
        let first = self.first.get();
        let number = (first..).find(|n| !list.contains_key(n)).ok_or(EMFILE)?;
        let pty = Rc::new(Pty {
            number,
            all: self.clone(),
            termios: Cell::new(Termios {
                iflag: flag::ICRNL | flag::IXON,
                oflag: flag::OPOST | flag::ONLCR,
                cflag: 0o277,
                lflag: flag::ISIG
                    | flag::ICANON
                    | flag::ECHO
                    | flag::ECHOE
                    | flag::ECHOK
                    | flag::ECHOCTL
                    | 0o4000
                    | flag::IEXTEN,
                cc: [
                    3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0,
                ],
            }),
            size: Cell::new([0; 4]),
            foreground: Cell::new(0),
            session: Cell::new(0),
            input: RefCell::default(),
            output: RefCell::default(),
            stopped: Cell::new(false),
            masters: Cell::new(0),
            slaves: Cell::new(0),
            had_slave: Cell::new(false),
            key: self.wakes.key(),
        });
        list.insert(number, Rc::downgrade(&pty));
        drop(list);
        Ok(pty.end(true))
    }

    /// The slave of a number.
    pub fn slave(&self, number: u32) -> Option<Rc<Pty>> {
        self.list.borrow().get(&number)?.upgrade()
    }

    /// Numbers in use.
    pub fn numbers(&self) -> Vec<u32> {
        let list = self.list.borrow();
        list.iter()
            .filter(|(_, p)| p.strong_count() > 0)
            .map(|(&n, _)| n)
            .collect()
    }

    fn signal(&self, pgid: i32, sig: Sig) {
        if pgid > 0 {
            self.signals.borrow_mut().push((pgid, sig));
        }
    }

    /// Signals to be sent.
    pub fn take_signals(&self) -> Vec<(i32, Sig)> {
        core::mem::take(&mut self.signals.borrow_mut())
    }
}

/// What was typed.
#[derive(Default)]
struct Input {
    /// Ready to be read, without lines.
    raw: VecDeque<u8>,
    /// Whole lines; an empty one is an end of file.
    lines: VecDeque<Vec<u8>>,
    /// The line being typed.
    edit: Vec<u8>,
    /// The next character is taken as it is.
    quoted: bool,
}

impl Input {
    fn len(&self) -> usize {
        self.raw.len() + self.edit.len() + self.lines.iter().map(Vec::len).sum::<usize>()
    }
}

/// A pseudo-terminal.
pub struct Pty {
    number: u32,
    all: Rc<Ptys>,
    termios: Cell<Termios>,
    size: Cell<Winsize>,
    foreground: Cell<i32>,
    session: Cell<i32>,
    input: RefCell<Input>,
    output: RefCell<VecDeque<u8>>,
    stopped: Cell<bool>,
    masters: Cell<u32>,
    slaves: Cell<u32>,
    had_slave: Cell<bool>,
    key: Key,
}

impl Pty {
    /// An end.
    pub fn end(self: &Rc<Pty>, master: bool) -> Rc<dyn FileOps> {
        let count = if master { &self.masters } else { &self.slaves };
        count.set(count.get() + 1);
        if !master {
            self.had_slave.set(true);
        }
        Rc::new(End {
            pty: self.clone(),
            master,
        })
    }

    /// Status of the slave's name.
    pub fn stat(&self) -> Stat {
        Stat {
            dev: 24,
            ino: 3 + self.number as u64,
            mode: mode::CHR | 0o620,
            nlink: 1,
            gid: 5,
            rdev: SLAVE_MAJOR << 32 | self.number as u64,
            blksize: 1024,
            ..Stat::default()
        }
    }

    /// The master is closed.
    pub fn has_no_master(&self) -> bool {
        self.masters.get() == 0
    }

    fn ring(&self) {
        self.all.wakes.ring(self.key);
    }
}

impl Tty for Pty {
    fn termios(&self) -> Res<Termios> {
        Ok(self.termios.get())
    }

    fn set_termios(&self, t: &Termios, when: u32) -> Res<()> {
        self.termios.set(*t);
        if when == 2 {
            *self.input.borrow_mut() = Input::default();
        }
        if t.iflag & flag::IXON == 0 {
            self.stopped.set(false);
        }
        self.ring();
        Ok(())
    }

    fn winsize(&self) -> Res<Winsize> {
        Ok(self.size.get())
    }

    fn set_winsize(&self, w: Winsize) -> Res<()> {
        self.size.set(w);
        Ok(())
    }

    fn foreground(&self) -> &Cell<i32> {
        &self.foreground
    }

    fn session(&self) -> &Cell<i32> {
        &self.session
    }

    fn pty_number(&self) -> Option<u32> {
        Some(self.number)
    }

    fn flush(&self, which: u32) {
        // What was said has reached the master.
        if which != 1 {
            *self.input.borrow_mut() = Input::default();
        }
        self.ring();
    }

    fn stops_writers(&self) -> bool {
        self.termios.get().lflag & flag::TOSTOP != 0
    }
}

/// One end.
struct End {
    pty: Rc<Pty>,
    master: bool,
}

impl Drop for End {
    fn drop(&mut self) {
        let p = &self.pty;
        let count = if self.master { &p.masters } else { &p.slaves };
        count.set(count.get() - 1);
        if self.master && count.get() == 0 {
            let (fg, session) = (p.foreground.get(), p.session.get());
            for g in [fg, session] {
                p.all.signal(g, Sig::Hup);
                p.all.signal(g, Sig::Cont);
                if fg == session {
                    break;
                }
            }
        }
        p.ring();
    }
}

impl FileOps for End {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        let p = &self.pty;
        if buf.is_empty() {
            return Ok(0);
        }
        if self.master {
            let mut out = p.output.borrow_mut();
            if out.is_empty() || p.stopped.get() {
                let gone = p.slaves.get() == 0 && p.had_slave.get() && out.is_empty();
                return Err(if gone { EIO } else { EAGAIN });
            }
            let n = buf.len().min(out.len());
            for (to, b) in buf.iter_mut().zip(out.drain(..n)) {
                *to = b;
            }
            drop(out);
            p.ring();
            return Ok(n);
        }
        match p.take(buf) {
            Err(e) if e == EAGAIN && p.masters.get() == 0 => Ok(0),
            Ok(n) => {
                p.ring();
                Ok(n)
            }
            r => r,
        }
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        let p = &self.pty;
        if self.master {
            for &b in data {
                p.typed(b);
            }
            p.ring();
            return Ok(data.len());
        }
        if p.masters.get() == 0 {
            return Err(EIO);
        }
        let room = CAPACITY.saturating_sub(p.output.borrow().len());
        if room == 0 && !data.is_empty() {
            return Err(EAGAIN);
        }
        let n = room.min(data.len());
        for &b in &data[..n] {
            p.say(b);
        }
        p.ring();
        Ok(n)
    }

    fn poll(&self) -> u32 {
        let p = &self.pty;
        let mut r = 0;
        if self.master {
            if !p.output.borrow().is_empty() && !p.stopped.get() {
                r |= ready::IN | ready::RDNORM;
            }
            if p.slaves.get() == 0 && p.had_slave.get() {
                r |= ready::HUP;
            }
            return r | ready::OUT | ready::WRNORM;
        }
        if p.available().1 {
            r |= ready::IN | ready::RDNORM;
        }
        if p.masters.get() == 0 {
            return r | ready::HUP | ready::IN | ready::ERR;
        }
        if p.output.borrow().len() < CAPACITY {
            r |= ready::OUT | ready::WRNORM;
        }
        r
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.pty.key);
    }

    fn stat(&self) -> Res<Stat> {
        if self.master {
            return Ok(Stat {
                dev: 6,
                ino: 88,
                mode: mode::CHR | 0o666,
                nlink: 1,
                rdev: 5 << 32 | 2,
                blksize: 4096,
                ..Stat::default()
            });
        }
        Ok(self.pty.stat())
    }

    fn readable(&self) -> Res<u32> {
        let n = if self.master {
            self.pty.output.borrow().len()
        } else {
            self.pty.available().0
        };
        Ok(n as u32)
    }

    fn tty(&self) -> Option<&dyn Tty> {
        Some(&*self.pty)
    }

    fn is_master(&self) -> bool {
        self.master
    }

    fn name(&self) -> Vec<u8> {
        if self.master {
            b"/dev/ptmx".to_vec()
        } else {
            format!("/dev/pts/{}", self.pty.number).into_bytes()
        }
    }
}
