//! The standard streams of a host without descriptors: bytes typed and bytes said, in memory.

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::VecDeque;
use std::rc::Rc;

use super::{File, FileOps, Key, Wakes, ready};
use crate::errno::{EAGAIN, Res};
use crate::vfs::{Stat, mode};

/// Input and output that wait for the other side.
pub struct Console {
    input: RefCell<VecDeque<u8>>,
    ended: Cell<bool>,
    output: RefCell<[Vec<u8>; 2]>,
    key: Key,
    wakes: Wakes,
}

/// Output kept until the host takes it; a program that says more waits.
const LIMIT: usize = 1 << 20;

impl Console {
    /// Nothing typed, nothing said.
    pub fn new(wakes: &Wakes) -> Rc<Console> {
        Rc::new(Console {
            input: RefCell::default(),
            ended: Cell::new(false),
            output: RefCell::default(),
            key: wakes.key(),
            wakes: wakes.clone(),
        })
    }

    /// Types.
    pub fn type_in(&self, bytes: &[u8]) {
        self.input.borrow_mut().extend(bytes);
        self.wakes.ring(self.key);
    }

    /// No more will be typed.
    pub fn end(&self) {
        self.ended.set(true);
        self.wakes.ring(self.key);
    }

    /// What was said since the last call: stream 0 is the output, 1 the errors.
    pub fn take(&self, stream: usize) -> Vec<u8> {
        self.wakes.ring(self.key);
        self.output
            .borrow_mut()
            .get_mut(stream)
            .map(core::mem::take)
            .unwrap_or_default()
    }

    /// Standard descriptor `fd`, to be opened.
    pub fn stream(self: &Rc<Console>, fd: usize) -> Rc<dyn FileOps> {
        Rc::new(Stream {
            console: self.clone(),
            fd,
        })
    }
}

struct Stream {
    console: Rc<Console>,
    fd: usize,
}

impl FileOps for Stream {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        let mut input = self.console.input.borrow_mut();
        if input.is_empty() {
            return if self.console.ended.get() {
                Ok(0)
            } else {
                Err(EAGAIN)
            };
        }
        let n = buf.len().min(input.len());
        for (to, b) in buf.iter_mut().zip(input.drain(..n)) {
            *to = b;
        }
        Ok(n)
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        let mut output = self.console.output.borrow_mut();
        let to = &mut output[(self.fd == 2) as usize];
        if to.len() >= LIMIT {
            return Err(EAGAIN);
        }
        to.extend_from_slice(data);
        Ok(data.len())
    }

    fn poll(&self) -> u32 {
        let some = !self.console.input.borrow().is_empty() || self.console.ended.get();
        let room = self.console.output.borrow()[(self.fd == 2) as usize].len() < LIMIT;
        (if some { ready::IN | ready::RDNORM } else { 0 })
            | if room { ready::OUT | ready::WRNORM } else { 0 }
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.console.key);
    }

    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 9,
            ino: 1,
            mode: mode::FIFO | 0o600,
            nlink: 1,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn name(&self) -> Vec<u8> {
        b"pipe:[console]".to_vec()
    }
}
