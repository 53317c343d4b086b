//! Back ends that live outside the worker: disks that are asked for their sectors and answer when they can, and a network whose frames go by a
//! port. What each waits for is taken and answered by `worker.js`.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use tinamou_core::{
    BlockBackend, BlockError, BlockRequest, NetBackend, Ns, PAGE_SECTORS, RequestId, SECTOR_BYTES,
    Written,
};
use tinamou_net::Cable;

/// Frames kept for a page that does not take them; more are lost.
const FRAMES: usize = 1024;
const SECTOR: usize = SECTOR_BYTES as usize;

/// What a disk is asked for.
pub enum Ask {
    /// So many bytes.
    Read(u64),
    /// To keep these.
    Write(Vec<u8>),
    /// To make what was written durable.
    Flush,
}

/// A question that waits to be taken.
pub struct Question {
    /// Its number, never used again.
    pub number: u64,
    /// The first byte.
    pub offset: u64,
    /// What is asked.
    pub ask: Ask,
}

/// Questions and answers of one disk.
#[derive(Default)]
pub struct Talk {
    next: u64,
    /// Not taken yet.
    pub questions: VecDeque<Question>,
    /// Whose answers are awaited: the machine's number of the request.
    asked: BTreeMap<u64, (RequestId, u64)>,
    answers: BTreeMap<RequestId, Result<Vec<u8>, BlockError>>,
    /// Sectors that were written here, because the disk itself is not.
    kept: BTreeMap<u64, [u8; SECTOR]>,
}

impl Talk {
    fn ask(&mut self, id: RequestId, lba: u64, ask: Ask) {
        self.next += 1;
        let number = self.next;
        self.asked.insert(number, (id, lba));
        self.questions.push_back(Question {
            number,
            offset: lba * SECTOR_BYTES,
            ask,
        });
    }

    /// The answer to a question; one that nobody waits for any more is dropped.
    pub fn answer(&mut self, number: u64, answer: Result<Vec<u8>, BlockError>) {
        let Some((id, lba)) = self.asked.remove(&number) else {
            return;
        };
        let answer = answer.map(|mut bytes| {
            self.overlay(lba, &mut bytes);
            bytes
        });
        self.answers.insert(id, answer);
    }

    /// What was written here goes over what came.
    fn overlay(&self, lba: u64, bytes: &mut [u8]) {
        let sectors = bytes.len() as u64 / SECTOR_BYTES;
        for (at, sector) in self.kept.range(lba..lba + sectors) {
            let from = (at - lba) as usize * SECTOR;
            bytes[from..from + SECTOR].copy_from_slice(sector);
        }
    }

    /// Whether anything is on its way.
    pub fn waits(&self) -> bool {
        !self.asked.is_empty()
    }
}

/// A disk elsewhere.
#[derive(Clone)]
pub struct RemoteDisk {
    /// Its size.
    pub bytes: u64,
    /// It keeps what is written; else that stays in memory.
    pub writable: bool,
    /// What is asked of it.
    pub talk: Rc<RefCell<Talk>>,
}

/// The same in a drive.
pub struct Drive {
    disk: RemoteDisk,
    /// The drive is for reading alone.
    read_only: bool,
}

impl Drive {
    /// A drive with a disk.
    pub fn new(disk: RemoteDisk, read_only: bool) -> Drive {
        Drive { disk, read_only }
    }
}

impl BlockBackend for Drive {
    fn sectors(&self) -> u64 {
        self.disk.bytes / SECTOR_BYTES
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn submit(&mut self, id: RequestId, request: BlockRequest) {
        let sectors = self.sectors();
        let mut talk = self.disk.talk.borrow_mut();
        // A machine that was loaded asks anew by the same numbers.
        talk.asked.retain(|_, (other, _)| *other != id);
        talk.answers.remove(&id);
        let inside = |lba: u64, n: u64| match lba.checked_add(n) {
            Some(end) if end <= sectors => None,
            _ => Some(Err(BlockError::OutOfRange(lba))),
        };
        let at_once = match request {
            BlockRequest::Read { lba, sectors: n } => inside(lba, n.into()).or_else(|| {
                let n = u64::from(n);
                if talk.kept.range(lba..lba + n).count() as u64 == n {
                    let mut bytes = vec![0; n as usize * SECTOR];
                    talk.overlay(lba, &mut bytes);
                    return Some(Ok(bytes));
                }
                talk.ask(id, lba, Ask::Read(n * SECTOR_BYTES));
                None
            }),
            BlockRequest::Write { .. } if self.read_only => Some(Err(BlockError::ReadOnly)),
            BlockRequest::Write { lba, data } => {
                let n = (data.len() / SECTOR) as u64;
                inside(lba, n).or_else(|| {
                    if self.disk.writable {
                        talk.ask(id, lba, Ask::Write(data));
                        return None;
                    }
                    keep(&mut talk, lba, &data);
                    Some(Ok(Vec::new()))
                })
            }
            BlockRequest::Flush if self.disk.writable => {
                talk.ask(id, 0, Ask::Flush);
                None
            }
            BlockRequest::Flush => Some(Ok(Vec::new())),
        };
        if let Some(answer) = at_once {
            talk.answers.insert(id, answer);
        }
    }

    fn poll(&mut self, id: RequestId) -> Option<Result<Vec<u8>, BlockError>> {
        self.disk.talk.borrow_mut().answers.remove(&id)
    }

    fn written(&self) -> Written {
        if self.read_only {
            return Written::Nothing;
        }
        let talk = self.disk.talk.borrow();
        let mut pages: BTreeMap<u64, u64> = BTreeMap::new();
        for sector in talk.kept.keys() {
            *pages.entry(sector / PAGE_SECTORS).or_default() += 1;
        }
        // Pages of which some sectors are elsewhere cannot be told at once.
        let end = self.sectors();
        let whole = |(page, n): (&u64, &u64)| *n == PAGE_SECTORS.min(end - page * PAGE_SECTORS);
        if self.disk.writable || !pages.iter().all(whole) {
            return Written::Everything;
        }
        Written::Pages(pages.into_keys().collect())
    }

    fn read_now(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let talk = self.disk.talk.borrow();
        let sectors = (buf.len() / SECTOR) as u64;
        if talk.kept.range(lba..lba + sectors).count() as u64 != sectors {
            let why = "a disk behind a promise cannot be part of a snapshot while parts of it are written";
            return Err(BlockError::Unsupported(why.into()));
        }
        talk.overlay(lba, buf);
        Ok(())
    }

    /// The image itself cannot be looked at without waiting: any disk of the size will do.
    fn read_image_now(&mut self, _lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        buf.fill(0);
        Ok(())
    }

    fn write_now(&mut self, lba: u64, data: &[u8]) -> Result<(), BlockError> {
        keep(&mut self.disk.talk.borrow_mut(), lba, data);
        Ok(())
    }

    fn forget_written(&mut self) {
        self.disk.talk.borrow_mut().kept.clear();
    }
}

fn keep(talk: &mut Talk, lba: u64, data: &[u8]) {
    for (n, sector) in data.chunks_exact(SECTOR).enumerate() {
        if let Ok(sector) = sector.try_into() {
            talk.kept.insert(lba + n as u64, sector);
        }
    }
}

/// Frames on their way, both ways.
#[derive(Default)]
pub struct Frames {
    /// From the guest.
    pub sent: VecDeque<Vec<u8>>,
    /// To it.
    pub cable: Cable,
}

/// A network behind a port.
#[derive(Clone, Default)]
pub struct PortNet(pub Rc<RefCell<Frames>>);

impl NetBackend for PortNet {
    fn send(&mut self, _now: Ns, frame: &[u8]) {
        let sent = &mut self.0.borrow_mut().sent;
        if sent.len() < FRAMES {
            sent.push_back(frame.to_vec());
        }
    }

    fn receive(&mut self, now: Ns) -> Option<Vec<u8>> {
        self.0.borrow_mut().cable.take(now)
    }

    fn next(&self) -> Option<Ns> {
        self.0.borrow().cable.next()
    }

    fn forget(&mut self) {
        self.0.borrow_mut().cable.clear();
    }
}
