//! Saving and loading of state: sections with a kind and a version around little-endian primitives.
//!
//! Format: a section is `kind length u8, kind, version u32, body length u32, body`. Sections nest. A loader trusts nothing:
//! every read is checked and gives a [`LoadError`].

use thiserror::Error;

/// Why saved state was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LoadError {
    /// The data ended inside a value.
    #[error("saved state is cut short")]
    Truncated,
    /// Another section than the expected one.
    #[error("saved state has section `{found}` where `{expected}` belongs")]
    WrongSection {
        /// The section that was to come.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A section of a version that this program does not know.
    #[error("section `{kind}` has version {found}, known are versions up to {known}")]
    Version {
        /// The section.
        kind: String,
        /// Its version in the data.
        found: u32,
        /// The newest version that can be read.
        known: u32,
    },
    /// Bytes left over at the end of a section.
    #[error("section `{0}` is longer than its contents")]
    Trailing(String),
    /// A value that the device or machine cannot have.
    #[error("saved state has an impossible value: {0}")]
    Invalid(&'static str),
}

/// Writes state.
#[derive(Default, Debug)]
pub struct Saver {
    buf: Vec<u8>,
}

impl Saver {
    /// An empty state.
    pub fn new() -> Saver {
        Saver::default()
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.buf
    }

    /// Writes one section; `body` writes its contents. Kinds are at most 255 bytes of ASCII.
    pub fn section(&mut self, kind: &str, version: u32, body: impl FnOnce(&mut Saver)) {
        let k = &kind.as_bytes()[..kind.len().min(255)];
        self.buf.push(k.len() as u8);
        self.buf.extend_from_slice(k);
        self.u32(version);
        let at = self.buf.len();
        self.u32(0);
        body(self);
        let len = (self.buf.len() - at - 4) as u32;
        self.buf[at..at + 4].copy_from_slice(&len.to_le_bytes());
    }

    /// A byte.
    pub fn u8(&mut self, v: u8) {
        self.buf.push(v);
    }
    /// A truth value, one byte.
    pub fn bool(&mut self, v: bool) {
        self.buf.push(v as u8);
    }
    /// 16 bits.
    pub fn u16(&mut self, v: u16) {
        self.buf.extend_from_slice(&v.to_le_bytes());
    }
    /// 32 bits.
    pub fn u32(&mut self, v: u32) {
        self.buf.extend_from_slice(&v.to_le_bytes());
    }
    /// 64 bits.
    pub fn u64(&mut self, v: u64) {
        self.buf.extend_from_slice(&v.to_le_bytes());
    }
    /// Bytes whose number the reader knows.
    pub fn raw(&mut self, v: &[u8]) {
        self.buf.extend_from_slice(v);
    }
    /// A byte string with its length.
    pub fn bytes(&mut self, v: &[u8]) {
        self.u32(v.len() as u32);
        self.raw(v);
    }
    /// A value that may be missing.
    pub fn opt_u64(&mut self, v: Option<u64>) {
        self.bool(v.is_some());
        self.u64(v.unwrap_or(0));
    }
}

/// Reads state.
#[derive(Debug)]
pub struct Loader<'a> {
    buf: &'a [u8],
}

impl<'a> Loader<'a> {
    /// Reads from `buf`.
    pub fn new(buf: &'a [u8]) -> Loader<'a> {
        Loader { buf }
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.buf.len()
    }

    /// Reads the section `kind` of a version up to `known`; `body` gets its contents and version and must read all of it.
    ///
    /// # Errors
    /// [`LoadError`] when the section is another, newer, cut short or longer than `body` reads, and what `body` returns.
    pub fn section<T>(
        &mut self,
        kind: &str,
        known: u32,
        body: impl FnOnce(&mut Loader<'a>, u32) -> Result<T, LoadError>,
    ) -> Result<T, LoadError> {
        let n = self.u8()? as usize;
        let found = self.raw(n)?;
        if found != kind.as_bytes() {
            return Err(LoadError::WrongSection {
                expected: kind.into(),
                found: String::from_utf8_lossy(found).into_owned(),
            });
        }
        let version = self.u32()?;
        if version == 0 || version > known {
            return Err(LoadError::Version {
                kind: kind.into(),
                found: version,
                known,
            });
        }
        let len = self.u32()? as usize;
        let mut inner = Loader {
            buf: self.raw(len)?,
        };
        let v = body(&mut inner, version)?;
        if inner.remaining() != 0 {
            return Err(LoadError::Trailing(kind.into()));
        }
        Ok(v)
    }

    /// `n` bytes.
    ///
    /// # Errors
    /// [`LoadError::Truncated`].
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], LoadError> {
        if n > self.buf.len() {
            return Err(LoadError::Truncated);
        }
        let (a, b) = self.buf.split_at(n);
        self.buf = b;
        Ok(a)
    }

    /// Fills `to`.
    ///
    /// # Errors
    /// [`LoadError::Truncated`].
    pub fn fill(&mut self, to: &mut [u8]) -> Result<(), LoadError> {
        to.copy_from_slice(self.raw(to.len())?);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let mut a = [0; N];
        self.fill(&mut a)?;
        Ok(a)
    }

    /// A byte.
    ///
    /// # Errors
    /// [`LoadError::Truncated`].
    pub fn u8(&mut self) -> Result<u8, LoadError> {
        Ok(self.array::<1>()?[0])
    }
    /// A truth value.
    ///
    /// # Errors
    /// [`LoadError::Truncated`], or [`LoadError::Invalid`] for other bytes than 0 and 1.
    pub fn bool(&mut self) -> Result<bool, LoadError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(LoadError::Invalid("truth value")),
        }
    }
    /// 16 bits.
    ///
    /// # Errors
    /// [`LoadError::Truncated`].
    pub fn u16(&mut self) -> Result<u16, LoadError> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    /// 32 bits.
    ///
    /// # Errors
    /// [`LoadError::Truncated`].
    pub fn u32(&mut self) -> Result<u32, LoadError> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    /// 64 bits.
    ///
    /// # Errors
    /// [`LoadError::Truncated`].
    pub fn u64(&mut self) -> Result<u64, LoadError> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    /// A byte string with its length.
    ///
    /// # Errors
    /// [`LoadError::Truncated`].
    pub fn bytes(&mut self) -> Result<&'a [u8], LoadError> {
        let n = self.u32()? as usize;
        self.raw(n)
    }
    /// A byte string of at most `max` bytes.
    ///
    /// # Errors
    /// [`LoadError::Truncated`], or [`LoadError::Invalid`] when it is longer.
    pub fn bytes_max(&mut self, max: usize) -> Result<Vec<u8>, LoadError> {
        let b = self.bytes()?;
        if b.len() > max {
            return Err(LoadError::Invalid("buffer too long"));
        }
        Ok(b.to_vec())
    }
    /// A value that may be missing.
    ///
    /// # Errors
    /// As [`Loader::bool`].
    pub fn opt_u64(&mut self) -> Result<Option<u64>, LoadError> {
        let some = self.bool()?;
        let v = self.u64()?;
        Ok(some.then_some(v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_refusal() {
        let mut s = Saver::new();
        s.section("uart", 2, |s| {
            s.u8(7);
            s.u16(0x1234);
            s.section("inner", 1, |s| s.bytes(b"abc"));
            s.opt_u64(Some(9));
        });
        let b = s.finish();
        let read = |b: &[u8]| {
            Loader::new(b).section("uart", 2, |l, v| {
                assert_eq!(v, 2);
                assert_eq!((l.u8()?, l.u16()?), (7, 0x1234));
                assert_eq!(l.section("inner", 1, |l, _| l.bytes_max(3))?, b"abc");
                assert_eq!(l.opt_u64()?, Some(9));
                Ok(())
            })
        };
        read(&b).unwrap();
        for n in 0..b.len() {
            assert!(read(&b[..n]).is_err(), "cut at {n}");
        }
        assert!(matches!(
            Loader::new(&b).section("rtc", 1, |_, _| Ok(())),
            Err(LoadError::WrongSection { .. })
        ));
        assert!(matches!(
            Loader::new(&b).section("uart", 1, |_, _| Ok(())),
            Err(LoadError::Version { .. })
        ));
        assert!(matches!(
            Loader::new(&b).section("uart", 2, |_, _| Ok(())),
            Err(LoadError::Trailing(_))
        ));
    }
}
