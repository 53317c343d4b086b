//! A disk whose requests are counted, for `query-blockstats`.

use std::cell::Cell;
use std::rc::Rc;

use tinamou_control::driven::DriveStats;
use tinamou_core::{BlockBackend, BlockError, BlockRequest, RequestId, SECTOR_BYTES, Written};

/// Where the counts go.
pub type Counts = Rc<Cell<DriveStats>>;

/// The disk.
pub struct Counted<B> {
    below: B,
    counts: Counts,
    /// Requests under way, and whether they write.
    under_way: Vec<(RequestId, bool)>,
}

impl<B: BlockBackend> Counted<B> {
    /// Counts what is asked of `below`.
    pub fn new(below: B, counts: Counts) -> Counted<B> {
        Counted {
            below,
            counts,
            under_way: Vec::new(),
        }
    }

    fn count(&self, change: impl FnOnce(&mut DriveStats)) {
        let mut stats = self.counts.get();
        change(&mut stats);
        self.counts.set(stats);
    }
}

impl<B: BlockBackend> BlockBackend for Counted<B> {
    fn sectors(&self) -> u64 {
        self.below.sectors()
    }

    fn read_only(&self) -> bool {
        self.below.read_only()
    }

    fn submit(&mut self, id: RequestId, request: BlockRequest) {
        let mut note = |write: bool, bytes: u64, end: u64| {
            self.under_way.push((id, write));
            self.count(|s| {
                s.bytes[usize::from(write)] += bytes;
                s.operations[usize::from(write)] += 1;
                s.highest = s.highest.max(end);
            });
        };
        match &request {
            BlockRequest::Read { sectors, .. } => {
                note(false, u64::from(*sectors) * SECTOR_BYTES, 0)
            }
            BlockRequest::Write { lba, data } => {
                let bytes = data.len() as u64;
                let end = lba.saturating_mul(SECTOR_BYTES).saturating_add(bytes);
                note(true, bytes, end);
            }
            BlockRequest::Flush => self.count(|s| s.flushes += 1),
        }
        self.below.submit(id, request);
    }

    fn poll(&mut self, id: RequestId) -> Option<Result<Vec<u8>, BlockError>> {
        let result = self.below.poll(id)?;
        if let Some(n) = self.under_way.iter().position(|(i, _)| *i == id) {
            let (_, write) = self.under_way.swap_remove(n);
            if result.is_err() {
                self.count(|s| s.failed[usize::from(write)] += 1);
            }
        }
        Some(result)
    }

    fn written(&self) -> Written {
        self.below.written()
    }

    fn read_now(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.below.read_now(lba, buf)
    }

    fn read_image_now(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.below.read_image_now(lba, buf)
    }

    fn write_now(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        self.below.write_now(lba, data)
    }

    fn forget_written(&mut self) {
        self.below.forget_written();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails;

    impl BlockBackend for Fails {
        fn sectors(&self) -> u64 {
            1
        }
        fn read_only(&self) -> bool {
            false
        }
        fn submit(&mut self, _: RequestId, _: BlockRequest) {}
        fn poll(&mut self, _: RequestId) -> Option<Result<Vec<u8>, BlockError>> {
            Some(Err(BlockError::ReadOnly))
        }
    }

    #[test]
    fn counts() {
        let counts = Counts::default();
        let mut disk = Counted::new(Fails, counts.clone());
        let (lba, data) = (3, vec![0; 512]);
        disk.submit(RequestId(1), BlockRequest::Read { lba, sectors: 4 });
        disk.submit(RequestId(2), BlockRequest::Write { lba, data });
        disk.submit(RequestId(3), BlockRequest::Flush);
        for id in 1..4 {
            assert!(disk.poll(RequestId(id)).is_some());
        }
        let want = DriveStats {
            bytes: [2048, 512],
            operations: [1, 1],
            flushes: 1,
            failed: [1, 1],
            highest: 2048,
        };
        assert_eq!(counts.get(), want);
    }
}
