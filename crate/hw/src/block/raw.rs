//! Raw images: a file's bytes are the disk's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tinamou_core::{BlockBackend, BlockError, BlockRequest, RequestId, SECTOR_BYTES, Written};

/// A file of the host, as images see it.
pub trait BlockFile {
    /// Reads exactly `buf.len()` bytes at `at`.
    ///
    /// # Errors
    /// [`BlockError`] when the host fails or the file is too short.
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError>;

    /// Writes all of `data` at `at`.
    ///
    /// # Errors
    /// [`BlockError`] when the host fails or the file is read-only.
    fn write_at(&mut self, at: u64, data: &[u8]) -> Result<(), BlockError>;

    /// Length in bytes.
    fn len(&self) -> u64;

    /// True for an empty file.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes writes durable.
    ///
    /// # Errors
    /// [`BlockError`] when the host fails.
    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }

    /// Makes it longer, with zeros, for images that grow.
    ///
    /// # Errors
    /// [`BlockError`] when the host fails or files do not grow there.
    fn grow(&mut self, _bytes: u64) -> Result<(), BlockError> {
        Err(BlockError::Unsupported("the file cannot grow".into()))
    }

    /// True when writes are refused.
    fn read_only(&self) -> bool {
        true
    }
}

/// A file in memory.
#[derive(Clone, Default, Debug)]
pub struct MemFile(pub Vec<u8>);

impl BlockFile for MemFile {
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let src = self.0.get(at..).and_then(|m| m.get(..buf.len()));
        buf.copy_from_slice(
            src.ok_or_else(|| BlockError::Io("beyond the end of the file".into()))?,
        );
        Ok(())
    }
    fn write_at(&mut self, at: u64, data: &[u8]) -> Result<(), BlockError> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let dst = self.0.get_mut(at..).and_then(|m| m.get_mut(..data.len()));
        dst.ok_or_else(|| BlockError::Io("beyond the end of the file".into()))?
            .copy_from_slice(data);
        Ok(())
    }
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn grow(&mut self, bytes: u64) -> Result<(), BlockError> {
        let bytes = usize::try_from(bytes).map_err(|_| BlockError::Io("out of memory".into()))?;
        self.0.resize(bytes.max(self.0.len()), 0);
        Ok(())
    }
    fn read_only(&self) -> bool {
        false
    }
}

/// A disk that answers at once; [`Immediate`] makes it a back end.
pub trait Image {
    /// Size in sectors.
    fn sectors(&self) -> u64;
    /// True when writes are refused.
    fn read_only(&self) -> bool;
    /// Reads whole sectors.
    ///
    /// # Errors
    /// [`BlockError`].
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError>;
    /// Writes whole sectors.
    ///
    /// # Errors
    /// [`BlockError`].
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError>;
    /// Makes writes durable.
    ///
    /// # Errors
    /// [`BlockError`].
    fn flush(&mut self) -> Result<(), BlockError>;
    /// What a snapshot must hold of it.
    fn written(&self) -> Written {
        if self.read_only() {
            Written::Nothing
        } else {
            Written::Everything
        }
    }
    /// Reads whole sectors of the image below what was written.
    ///
    /// # Errors
    /// [`BlockError`].
    fn read_image(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.read(lba, buf)
    }
    /// Forgets what was written, where that is apart from the image.
    fn forget_written(&mut self) {}
}

/// A raw image. A last partial sector reads with zeros behind it.
pub struct Raw<F>(pub F);

impl<F: BlockFile> Image for Raw<F> {
    fn sectors(&self) -> u64 {
        self.0.len().div_ceil(SECTOR_BYTES)
    }
    fn read_only(&self) -> bool {
        self.0.read_only()
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let at = lba
            .checked_mul(SECTOR_BYTES)
            .ok_or(BlockError::OutOfRange(lba))?;
        let have = self.0.len().saturating_sub(at).min(buf.len() as u64) as usize;
        let (a, b) = buf.split_at_mut(have);
        b.fill(0);
        self.0.read_at(at, a)
    }
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        let at = lba
            .checked_mul(SECTOR_BYTES)
            .ok_or(BlockError::OutOfRange(lba))?;
        let have = self.0.len().saturating_sub(at).min(data.len() as u64) as usize;
        self.0.write_at(at, &data[..have])
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        self.0.flush()
    }
}

impl Image for Box<dyn Image> {
    fn sectors(&self) -> u64 {
        (**self).sectors()
    }
    fn read_only(&self) -> bool {
        (**self).read_only()
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        (**self).read(lba, buf)
    }
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        (**self).write(lba, data)
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        (**self).flush()
    }
    fn written(&self) -> Written {
        (**self).written()
    }
    fn read_image(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        (**self).read_image(lba, buf)
    }
    fn forget_written(&mut self) {
        (**self).forget_written();
    }
}

/// An image that somebody else looks at too.
impl<I: Image> Image for Rc<RefCell<I>> {
    fn sectors(&self) -> u64 {
        self.borrow().sectors()
    }
    fn read_only(&self) -> bool {
        self.borrow().read_only()
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.borrow_mut().read(lba, buf)
    }
    fn write(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        self.borrow_mut().write(lba, data)
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        self.borrow_mut().flush()
    }
    fn written(&self) -> Written {
        self.borrow().written()
    }
    fn read_image(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.borrow_mut().read_image(lba, buf)
    }
    fn forget_written(&mut self) {
        self.borrow_mut().forget_written();
    }
}

/// Makes an [`Image`] a back end whose requests are done when submitted.
pub struct Immediate<I> {
    image: I,
    done: BTreeMap<RequestId, Result<Vec<u8>, BlockError>>,
}

/// Most sectors of one request (32 MiB, all that ATA can name).
const MAX_SECTORS: u64 = 65_536;

impl<I: Image> Immediate<I> {
    /// A back end over `image`.
    pub fn new(image: I) -> Immediate<I> {
        Immediate {
            image,
            done: BTreeMap::new(),
        }
    }

    fn check(&self, lba: u64, n: u64) -> Result<(), BlockError> {
        match lba.checked_add(n) {
            Some(end) if end <= self.image.sectors() && n <= MAX_SECTORS => Ok(()),
            _ => Err(BlockError::OutOfRange(lba)),
        }
    }

    fn run(&mut self, request: BlockRequest) -> Result<Vec<u8>, BlockError> {
        match request {
            BlockRequest::Read { lba, sectors } => {
                self.check(lba, u64::from(sectors))?;
                let mut buf = vec![0; sectors as usize * SECTOR_BYTES as usize];
                self.image.read(lba, &mut buf)?;
                Ok(buf)
            }
            BlockRequest::Write { lba, data } => {
                if self.image.read_only() {
                    return Err(BlockError::ReadOnly);
                }
                if !(data.len() as u64).is_multiple_of(SECTOR_BYTES) {
                    return Err(BlockError::OutOfRange(lba));
                }
                self.check(lba, data.len() as u64 / SECTOR_BYTES)?;
                self.image.write(lba, &data)?;
                Ok(Vec::new())
            }
            BlockRequest::Flush => self.image.flush().map(|()| Vec::new()),
        }
    }
}

impl<I: Image> BlockBackend for Immediate<I> {
    fn sectors(&self) -> u64 {
        self.image.sectors()
    }
    fn read_only(&self) -> bool {
        self.image.read_only()
    }
    fn submit(&mut self, id: RequestId, request: BlockRequest) {
        let r = self.run(request);
        self.done.insert(id, r);
    }
    fn poll(&mut self, id: RequestId) -> Option<Result<Vec<u8>, BlockError>> {
        self.done.remove(&id)
    }
    fn written(&self) -> Written {
        self.image.written()
    }
    fn read_now(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.check(lba, buf.len() as u64 / SECTOR_BYTES)?;
        self.image.read(lba, buf)
    }
    fn read_image_now(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.check(lba, buf.len() as u64 / SECTOR_BYTES)?;
        self.image.read_image(lba, buf)
    }
    fn write_now(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        self.check(lba, data.len() as u64 / SECTOR_BYTES)?;
        self.image.write(lba, data)
    }
    fn forget_written(&mut self) {
        self.image.forget_written();
    }
}

/// A writable raw image in memory, ready for a disk slot.
pub fn memory_disk(bytes: Vec<u8>) -> Immediate<Raw<MemFile>> {
    Immediate::new(Raw(MemFile(bytes)))
}
