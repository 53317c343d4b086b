//! Structures in guest memory: one writer and one reader that know the ABI's sizes, alignment and byte order.

use super::Abi;
use crate::errno::{EFAULT, Res};
use crate::vfs::Stat;

/// Writes a structure.
pub struct Out<'a> {
    abi: &'a Abi,
    /// The bytes so far.
    pub buf: Vec<u8>,
}

macro_rules! put {
    ($($name:ident $ty:ty),*) => { $(
        /// A naturally aligned integer.
        pub fn $name(&mut self, v: $ty) -> &mut Self {
            self.align(core::mem::size_of::<$ty>() as u32);
            if self.abi.big_endian { self.buf.extend(v.to_be_bytes()) } else { self.buf.extend(v.to_le_bytes()) }
            self
        }
    )* };
}

impl<'a> Out<'a> {
    /// An empty structure.
    pub fn new(abi: &'a Abi) -> Out<'a> {
        Out {
            abi,
            buf: Vec::new(),
        }
    }

    put!(u8 u8, u16 u16, u32 u32, u64 u64);

    /// Pads to a multiple of `n`, of at most the ABI's alignment of 64-bit integers.
    pub fn align(&mut self, n: u32) {
        let n = if n == 8 { self.abi.align64 } else { n } as usize;
        self.buf.resize(self.buf.len().next_multiple_of(n), 0);
    }

    /// A signed 32-bit integer.
    pub fn i32(&mut self, v: i32) -> &mut Self {
        self.u32(v as u32)
    }

    /// A long, size_t or pointer.
    pub fn long(&mut self, v: u64) -> &mut Self {
        if self.abi.long == 4 {
            self.u32(v as u32)
        } else {
            self.u64(v)
        }
    }

    /// Zeros.
    pub fn pad(&mut self, n: usize) -> &mut Self {
        self.buf.resize(self.buf.len() + n, 0);
        self
    }

    /// Zeros up to `n` bytes in all.
    pub fn pad_to(&mut self, n: usize) -> &mut Self {
        self.buf.resize(n.max(self.buf.len()), 0);
        self
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, b: &[u8]) -> &mut Self {
        self.buf.extend_from_slice(b);
        self
    }

    /// A string in a field of `n` bytes.
    pub fn text(&mut self, s: &[u8], n: usize) -> &mut Self {
        let end = self.buf.len() + n;
        self.buf.extend(s.iter().take(n - 1));
        self.pad_to(end)
    }

    /// A signal set.
    pub fn sigset(&mut self, set: u128) -> &mut Self {
        for i in 0..self.abi.sigset_bytes / self.abi.long {
            self.long((set >> (i * self.abi.long * 8)) as u64);
        }
        self
    }

    /// The bytes.
    pub fn done(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.buf)
    }
}

/// Reads a structure.
pub struct In<'a> {
    abi: &'a Abi,
    bytes: &'a [u8],
    at: usize,
}

macro_rules! get {
    ($($name:ident $ty:ty),*) => { $(
        /// A naturally aligned integer.
        ///
        /// # Errors
        /// At the end of the bytes.
        pub fn $name(&mut self) -> Res<$ty> {
            const N: usize = core::mem::size_of::<$ty>();
            let align = if N == 8 { self.abi.align64 as usize } else { N };
            let at = self.at.next_multiple_of(align);
            let b = self.bytes.get(at..at + N).and_then(|b| b.try_into().ok()).ok_or(EFAULT)?;
            self.at = at + N;
            Ok(if self.abi.big_endian { <$ty>::from_be_bytes(b) } else { <$ty>::from_le_bytes(b) })
        }
    )* };
}

impl<'a> In<'a> {
    /// At the start of `bytes`.
    pub fn new(abi: &'a Abi, bytes: &'a [u8]) -> In<'a> {
        In { abi, bytes, at: 0 }
    }

    get!(u8 u8, u16 u16, u32 u32, u64 u64);

    /// A signed 32-bit integer.
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn i32(&mut self) -> Res<i32> {
        Ok(self.u32()? as i32)
    }

    /// An unsigned long or pointer.
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn long(&mut self) -> Res<u64> {
        if self.abi.long == 4 {
            Ok(self.u32()? as u64)
        } else {
            self.u64()
        }
    }

    /// A signed long.
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn slong(&mut self) -> Res<i64> {
        if self.abi.long == 4 {
            Ok(self.u32()? as i32 as i64)
        } else {
            Ok(self.u64()? as i64)
        }
    }

    /// A signal set.
    ///
    /// # Errors
    /// At the end of the bytes.
    pub fn sigset(&mut self) -> Res<u128> {
        let mut set = 0;
        for i in 0..self.abi.sigset_bytes / self.abi.long {
            set |= (self.long()? as u128) << (i * self.abi.long * 8);
        }
        Ok(set)
    }

    /// Leaves bytes out.
    pub fn skip(&mut self, n: usize) -> &mut Self {
        self.at += n;
        self
    }
}

/// One field of a `struct stat`, with its bytes.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the manual's names")]
pub enum StatField {
    Dev(u32),
    Ino(u32),
    Mode(u32),
    Nlink(u32),
    Uid(u32),
    Gid(u32),
    Rdev(u32),
    Size(u32),
    Blksize(u32),
    Blocks(u32),
    Atime(u32),
    AtimeNs(u32),
    Mtime(u32),
    MtimeNs(u32),
    Ctime(u32),
    CtimeNs(u32),
    /// So many bytes of nothing.
    Pad(u32),
}

/// A `struct stat` of these fields.
pub fn stat(abi: &Abi, fields: &[StatField], s: &Stat) -> Vec<u8> {
    use StatField::*;
    let mut out = Out::new(abi);
    for &f in fields {
        let (bytes, v) = match f {
            Dev(n) => (n, encode_dev(s.dev, n)),
            Rdev(n) => (n, encode_dev(s.rdev, n)),
            Ino(n) => (n, if n == 4 { s.ino ^ s.ino >> 32 } else { s.ino }),
            Mode(n) => (n, s.mode as u64),
            Nlink(n) => (n, s.nlink as u64),
            Uid(n) => (n, s.uid as u64),
            Gid(n) => (n, s.gid as u64),
            Size(n) => (n, s.size),
            Blksize(n) => (n, s.blksize as u64),
            Blocks(n) => (n, s.blocks),
            Atime(n) => (n, s.atime.0 as u64),
            AtimeNs(n) => (n, s.atime.1 as u64),
            Mtime(n) => (n, s.mtime.0 as u64),
            MtimeNs(n) => (n, s.mtime.1 as u64),
            Ctime(n) => (n, s.ctime.0 as u64),
            CtimeNs(n) => (n, s.ctime.1 as u64),
            Pad(n) => {
                out.pad(n as usize);
                continue;
            }
        };
        match bytes {
            2 => out.u16(v as u16),
            4 => out.u32(v as u32),
            _ => out.u64(v),
        };
    }
    out.done()
}

/// A device number in the guest's encoding (new_encode_dev, huge_encode_dev): the common one holds major << 32 | minor.
fn encode_dev(dev: u64, _bytes: u32) -> u64 {
    let (major, minor) = (dev >> 32, dev & 0xffff_ffff);
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}
