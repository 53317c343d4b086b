//! What a machine asks of its host for storage and networks. Console bytes need no trait: the bus queues them both ways
//! ([`crate::DevCx::console_out`]). Nothing here blocks: a request is submitted, and its result is polled.

use thiserror::Error;

use crate::Ns;

/// Bytes of a sector, the unit of [`BlockBackend`].
pub const SECTOR_BYTES: u64 = 512;

/// Sectors of a page (4 KiB), the unit of [`Written`].
pub const PAGE_SECTORS: u64 = 8;

/// What a snapshot must hold of a disk, besides the image that is there on any host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Written {
    /// Nothing: it cannot be written.
    Nothing,
    /// These pages, by number and in order: they were written, and the image below was not.
    Pages(Vec<u64>),
    /// All of it: the image itself is written.
    Everything,
}

/// The name of a request in flight; chosen by the bus, never reused while in flight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct RequestId(pub u64);

/// What to do with a disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BlockRequest {
    /// Read `sectors` sectors from `lba` on.
    Read {
        /// First sector.
        lba: u64,
        /// Number of sectors.
        sectors: u32,
    },
    /// Write `data` (whole sectors) from `lba` on.
    Write {
        /// First sector.
        lba: u64,
        /// The bytes.
        data: Vec<u8>,
    },
    /// Make all earlier writes durable.
    Flush,
}

/// Trouble of the host with an image, or a request outside it.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BlockError {
    /// The request reaches beyond the end.
    #[error("sector {0} is beyond the end of the image")]
    OutOfRange(u64),
    /// The image may not be written.
    #[error("the image is read-only")]
    ReadOnly,
    /// The image's own structures are wrong.
    #[error("broken image: {0}")]
    Corrupt(String),
    /// The image uses something not supported.
    #[error("unsupported image: {0}")]
    Unsupported(String),
    /// The host has no room left.
    #[error("No space left on device")]
    NoSpace,
    /// The host failed.
    #[error("{0}")]
    Io(String),
}

/// A disk image on the host.
pub trait BlockBackend {
    /// Size in sectors.
    fn sectors(&self) -> u64;

    /// True when writes are refused.
    fn read_only(&self) -> bool;

    /// Starts a request. It may complete at once; the result waits for [`BlockBackend::poll`].
    fn submit(&mut self, id: RequestId, request: BlockRequest);

    /// The result of a request, once: the bytes read, or an empty vector. `None` while it is under way.
    fn poll(&mut self, id: RequestId) -> Option<Result<Vec<u8>, BlockError>>;

    /// What a snapshot must hold of it.
    fn written(&self) -> Written {
        if self.read_only() {
            Written::Nothing
        } else {
            Written::Everything
        }
    }

    /// Reads whole sectors, for snapshots: at once, and of what [`BlockBackend::written`] names at least.
    ///
    /// # Errors
    /// [`BlockError`]; a disk that can only be asked and waited for says [`BlockError::Unsupported`].
    fn read_now(&mut self, _lba: u64, _buf: &mut [u8]) -> Result<(), BlockError> {
        Err(cannot_wait())
    }

    /// Reads whole sectors of the image below what was written.
    ///
    /// # Errors
    /// As [`BlockBackend::read_now`].
    fn read_image_now(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.read_now(lba, buf)
    }

    /// Writes whole sectors, for snapshots.
    ///
    /// # Errors
    /// As [`BlockBackend::read_now`].
    fn write_now(&mut self, _lba: u64, _data: &[u8]) -> Result<(), BlockError> {
        Err(cannot_wait())
    }

    /// Forgets what was written, where that is apart from the image ([`Written::Pages`]).
    fn forget_written(&mut self) {}
}

fn cannot_wait() -> BlockError {
    BlockError::Unsupported("this disk cannot be part of a snapshot".into())
}

/// What the cable of a network port leads to. Frames are Ethernet frames without checksum; time is virtual.
///
/// What it says to the guest without having heard from outside depends on what the guest sent, and when, alone.
pub trait NetBackend {
    /// The guest sends a frame.
    fn send(&mut self, now: Ns, frame: &[u8]);

    /// The next frame that has reached the guest by `now`. Call it when the time of [`NetBackend::next`] has come, until there is none.
    fn receive(&mut self, now: Ns) -> Option<Vec<u8>>;

    /// When the next frame reaches the guest, or the network has to do something by itself.
    fn next(&self) -> Option<Ns>;

    /// Looks at the world outside, without waiting: what came from there goes on its way to the guest.
    fn look_outside(&mut self, _now: Ns) {}

    /// The machine is another one now, or at another time: what was under way is lost, and connections end.
    fn forget(&mut self) {}
}
