//! Pipes and FIFOs.

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::VecDeque;
use std::rc::Rc;

use super::{File, FileOps, Key, Wakes, ready};
use crate::errno::{EAGAIN, EBADF, EPIPE, Res};
use crate::vfs::{Node, Stat, mode};

/// Writes of so many bytes are not split.
pub const PIPE_BUF: usize = 4096;

/// The buffer between the ends.
pub struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    /// Bytes it holds at most.
    pub capacity: Cell<usize>,
    readers: Cell<u32>,
    writers: Cell<u32>,
    key: Key,
    wakes: Wakes,
    ino: u64,
}

impl Pipe {
    /// An empty pipe without ends.
    pub fn new(wakes: &Wakes) -> Rc<Pipe> {
        let key = wakes.key();
        let Key::Object(ino) = key else {
            unreachable!("objects' keys are objects")
        };
        Rc::new(Pipe {
            bytes: RefCell::default(),
            capacity: Cell::new(65536),
            readers: Cell::new(0),
            writers: Cell::new(0),
            key,
            wakes: wakes.clone(),
            ino,
        })
    }

    /// An end. FIFOs have ends for both ways.
    pub fn end(
        self: &Rc<Pipe>,
        read: bool,
        write: bool,
        node: Option<Rc<dyn Node>>,
    ) -> Rc<PipeEnd> {
        self.readers.set(self.readers.get() + read as u32);
        self.writers.set(self.writers.get() + write as u32);
        self.wakes.ring(self.key);
        Rc::new(PipeEnd {
            pipe: self.clone(),
            read,
            write,
            node,
        })
    }

    /// Number of ends for writing and for reading.
    pub fn ends(&self) -> (u32, u32) {
        (self.writers.get(), self.readers.get())
    }

    /// What is rung when it changes.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Bytes inside.
    pub fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes bytes out; EAGAIN if there are none yet.
    ///
    /// # Errors
    /// EAGAIN.
    pub fn take(&self, buf: &mut [u8]) -> Res<usize> {
        let mut bytes = self.bytes.borrow_mut();
        if buf.is_empty() {
            return Ok(0);
        }
        if bytes.is_empty() {
            return if self.writers.get() == 0 {
                Ok(0)
            } else {
                Err(EAGAIN)
            };
        }
        let n = buf.len().min(bytes.len());
        for (to, b) in buf.iter_mut().zip(bytes.drain(..n)) {
            *to = b;
        }
        self.wakes.ring(self.key);
        Ok(n)
    }

    /// Copies bytes without taking them.
    pub fn peek(&self, buf: &mut [u8]) -> usize {
        let bytes = self.bytes.borrow();
        let n = buf.len().min(bytes.len());
        for (to, b) in buf.iter_mut().zip(bytes.iter()) {
            *to = *b;
        }
        n
    }

    /// Puts bytes in.
    ///
    /// # Errors
    /// EPIPE, EAGAIN.
    pub fn put(&self, data: &[u8]) -> Res<usize> {
        if self.readers.get() == 0 {
            return Err(EPIPE);
        }
        let mut bytes = self.bytes.borrow_mut();
        let room = self.capacity.get().saturating_sub(bytes.len());
        if data.is_empty() {
            return Ok(0);
        }
        if room == 0 || room < data.len() && data.len() <= PIPE_BUF {
            return Err(EAGAIN);
        }
        let n = room.min(data.len());
        bytes.extend(&data[..n]);
        self.wakes.ring(self.key);
        Ok(n)
    }
}

/// One end.
pub struct PipeEnd {
    /// The pipe.
    pub pipe: Rc<Pipe>,
    read: bool,
    write: bool,
    node: Option<Rc<dyn Node>>,
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.pipe
            .readers
            .set(self.pipe.readers.get() - self.read as u32);
        self.pipe
            .writers
            .set(self.pipe.writers.get() - self.write as u32);
        self.pipe.wakes.ring(self.pipe.key);
    }
}

impl FileOps for PipeEnd {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        if self.read {
            self.pipe.take(buf)
        } else {
            Err(EBADF)
        }
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        if self.write {
            self.pipe.put(data)
        } else {
            Err(EBADF)
        }
    }

    fn poll(&self) -> u32 {
        let mut r = 0;
        if self.read {
            if !self.pipe.is_empty() {
                r |= ready::IN | ready::RDNORM;
            }
            if self.pipe.writers.get() == 0 {
                r |= ready::HUP;
            }
        }
        if self.write {
            if self.pipe.len() + PIPE_BUF <= self.pipe.capacity.get() {
                r |= ready::OUT | ready::WRNORM;
            }
            if self.pipe.readers.get() == 0 {
                r |= ready::ERR;
            }
        }
        r
    }

    fn keys(&self, _want: u32, out: &mut Vec<Key>) {
        out.push(self.pipe.key);
    }

    fn stat(&self) -> Res<Stat> {
        match &self.node {
            Some(n) => n.stat(),
            None => Ok(Stat {
                dev: 12,
                ino: self.pipe.ino,
                mode: mode::FIFO | 0o600,
                nlink: 1,
                blksize: 4096,
                ..Stat::default()
            }),
        }
    }

    fn node(&self) -> Option<Rc<dyn Node>> {
        self.node.clone()
    }

    fn readable(&self) -> Res<u32> {
        Ok(self.pipe.len() as u32)
    }

    fn name(&self) -> Vec<u8> {
        format!("pipe:[{}]", self.pipe.ino).into_bytes()
    }
}
