//! Snapshots: a whole machine as one file, which a machine of the same configuration goes on from, on any host.
//!
//! Format, version 3, little-endian: the magic, the version, the head's length and checksum, the head (`head`), the state (interrupt lines of the
//! vCPU, then what `Machine::save_state` writes), and the chunks of disks and of memory in the head's order. A chunk is 16 pages of a memory
//! block or disk; pages of zeros (of disks: those that were not written) are left out and chunks without a page too; the rest is one
//! LZ4 block (`chunks`). Pages that are as in the images that the machine was made with (`images`) can be left out; without that a file needs
//! nothing beside it. The head has lengths and checksums (XXH3, 64 bits) of all that follows, so that a reader can find any page
//! by the first bytes of the file: a machine can run before the chunks of memory have come ([`Machine::load_from`]). The same state gives the
//! same bytes. Versions 1 and 2 had no cards and no images, and memory before disks; 1 had no disks.
//!
//! A loader distrusts every field, and checks the whole file before it changes anything; a file that it refuses leaves the machine as
//! it was. Only a disk of the host that cannot be written after all can leave a machine half loaded. Of a file that has not come yet,
//! memory cannot be checked before: damage found there later ends the machine ([`crate::SliceEnd::Panic`]).
//!
//! It must not know where the bytes come from.

pub(crate) mod chunks;
mod disks;
mod head;
mod images;
mod memory;

use tinamou_core::{LoadError, Loader, Saver};
use twox_hash::XxHash3_64;

pub use crate::absent::Source;
use crate::config::Config;
use crate::machine::Machine;

/// What a snapshot begins with.
const MAGIC: [u8; 8] = *b"TINAMOU\x1a";
/// Version of the format.
const VERSION: u32 = 3;
/// Magic, version, the head's length and its checksum.
const PREFIX_BYTES: usize = 24;
/// Most that is read of a file at a time, so that a length that is a lie costs nothing.
const PIECE_BYTES: u64 = 1 << 20;
/// How properties are worded that [`Description`] reads.
const COUNTED: &str = "counted instructions (-icount ";
const NIC_THERE: &str = "there";

/// Why a snapshot was refused: a sentence for the user.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Something else.
    #[error("this is not a snapshot")]
    Magic,
    /// Another version's.
    #[error("the snapshot has format version {found}, this program reads version {known}")]
    Version {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The file ends too early.
    #[error("the snapshot is cut short")]
    Truncated,
    /// The file goes on behind its contents.
    #[error("the snapshot is longer than its contents")]
    Trailing,
    /// A part is not as it was written.
    #[error("the snapshot is damaged: {0} and its checksum differ")]
    Checksum(&'static str),
    /// A part says what cannot be.
    #[error("the snapshot is damaged: {0}")]
    Corrupt(&'static str),
    /// Another machine's.
    #[error("the snapshot's {what} is {theirs}, this machine's is {ours}")]
    Differs {
        /// What differs.
        what: &'static str,
        /// As the file has it.
        theirs: String,
        /// As the machine has it.
        ours: String,
    },
    /// Pages were left out that are as in an image which is not here.
    #[error(
        "the snapshot leaves out pages of an image ({bytes} bytes at {offset:#x} of {block}) that this machine does not have: \
         it needs the same kernel, initial RAM disk, firmware and command line"
    )]
    Image {
        /// The memory block.
        block: &'static str,
        /// Where the image is there.
        offset: u64,
        /// Its length.
        bytes: u64,
    },
    /// The file cannot be read.
    #[error("the snapshot cannot be read: {0}")]
    Source(String),
    /// A disk: its slot, and what is wrong.
    #[error("the disk in slot {0}: {1}")]
    Disk(usize, String),
    /// The state of vCPU and devices.
    #[error("the snapshot cannot be loaded: {0}")]
    State(#[from] LoadError),
}

/// A snapshot, and figures about it.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The file.
    pub bytes: Vec<u8>,
    /// Pages in it.
    pub pages: u64,
    /// Pages of zeros, which are not.
    pub zero_pages: u64,
    /// Pages as in the machine's images, which are not either.
    pub image_pages: u64,
}

/// How a machine is saved.
#[derive(Clone, Copy, Default, Debug)]
pub struct How<'a> {
    /// It is to go on at once where it is loaded.
    pub runs: bool,
    /// Slots whose disks are kept elsewhere: [`Machine::load`] leaves them alone.
    pub apart: &'a [u32],
    /// Leave out pages that are as in the machine's images: the file then loads only beside the same images.
    pub without_images: bool,
}

/// What a machine was made with, as far as its state depends on it: snapshots fit machines of which this is the same.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    target: &'static str,
    board: String,
    cpu: String,
    cpus: u32,
    ram_bytes: u64,
    nic: bool,
    icount_shift: Option<u32>,
}

impl Identity {
    pub(crate) fn new(config: &Config) -> Identity {
        let cpu = match config.cpu.as_str() {
            "" => config.target.default_cpu,
            name => name,
        };
        Identity {
            target: config.target.name,
            board: config.machine.clone(),
            cpu: cpu.into(),
            cpus: config.cpus,
            ram_bytes: config.ram_bytes,
            nic: config.nic,
            icount_shift: config.counted.then_some(config.icount_shift),
        }
    }
}

/// What machine a file is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Its architecture.
    pub target: String,
    /// Its board, by QEMU's name.
    pub board: String,
    /// Its CPU model.
    pub cpu: String,
    /// Number of CPUs.
    pub cpus: u32,
    /// Bytes of RAM.
    pub ram_bytes: u64,
    /// log2 of the nanoseconds of an instruction, if its time is counted.
    pub icount_shift: Option<u32>,
    /// Its network interface is there.
    pub nic: bool,
    /// It is to go on at once.
    pub runs: bool,
    /// What whoever saved it noted.
    pub notes: String,
}

impl Description {
    /// What the beginning of a file says; nothing behind the head needs to be there.
    ///
    /// # Errors
    /// [`SnapshotError`]: it is no snapshot, another version's or damaged.
    pub fn of(file: &[u8]) -> Result<Description, SnapshotError> {
        let (head, _) = split(file)?;
        Description::read(head)
    }

    /// The same of a file of which parts can be read.
    ///
    /// # Errors
    /// The same.
    pub fn of_source(source: &mut dyn Source) -> Result<Description, SnapshotError> {
        Description::read(&head_of(source)?)
    }

    fn read(head: &[u8]) -> Result<Description, SnapshotError> {
        let words = head::words(head)?;
        let runs = words.runs;
        let word = |what: &str| match words.properties.iter().find(|(w, _)| w == what) {
            Some((_, word)) => Ok(word.as_str()),
            None => Err(SnapshotError::Corrupt("a property is missing")),
        };
        let number = |text: &str| text.split(' ').next().and_then(|n| n.parse().ok());
        let clock = word("clock")?;
        let shift = clock
            .strip_prefix(COUNTED)
            .and_then(|rest| rest.strip_suffix(')'));
        Ok(Description {
            target: word("target")?.into(),
            board: word("board")?.into(),
            cpu: word("CPU")?.into(),
            cpus: number(word("number of CPUs")?).ok_or(SnapshotError::Corrupt("number of CPUs"))?
                as u32,
            ram_bytes: number(word("RAM")?).ok_or(SnapshotError::Corrupt("size of RAM"))?,
            icount_shift: shift.and_then(|n| n.parse().ok()),
            nic: word("network interface")? == NIC_THERE,
            runs,
            notes: words.notes.clone(),
        })
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

impl Machine {
    /// Its time is a matter of instructions (`-icount`).
    pub fn is_counted(&self) -> bool {
        self.identity.icount_shift.is_some()
    }

    /// What a snapshot must have in common with this machine, in words.
    fn identity_words(&self) -> Vec<(&'static str, String)> {
        let id = &self.identity;
        let disk = |sectors: Option<u64>| sectors.map_or("none".into(), |n| format!("{n} sectors"));
        let disks: Vec<_> = self.bus.disk_sizes().into_iter().map(disk).collect();
        let clock = match id.icount_shift {
            Some(shift) => format!("{COUNTED}{shift})"),
            None => "real time".into(),
        };
        let nic = if id.nic { NIC_THERE } else { "left out" };
        vec![
            ("target", id.target.into()),
            ("board", id.board.clone()),
            ("CPU", id.cpu.clone()),
            ("number of CPUs", id.cpus.to_string()),
            ("RAM", format!("{} bytes", id.ram_bytes)),
            ("clock", clock),
            ("network interface", nic.into()),
            ("set of disks", disks.join(", ")),
        ]
    }

    /// What snapshots are to say from now on, for whoever loads them ([`Description::notes`]).
    pub fn set_notes(&mut self, notes: String) {
        self.notes = notes;
    }

    /// Saves the machine; `runs` is for whoever loads it: whether it is to go on at once. Not to be called within a slice.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    pub fn save(&mut self, runs: bool) -> Result<Saved, SnapshotError> {
        self.save_as(&How {
            runs,
            ..How::default()
        })
    }

    /// The same, as is said.
    ///
    /// # Errors
    /// The same, and [`SnapshotError::Source`] if the machine is not all here and cannot be had.
    pub fn save_as(&mut self, how: &How<'_>) -> Result<Saved, SnapshotError> {
        self.absent.fill_all();
        if let Some(why) = self.absent.why() {
            return Err(SnapshotError::Source(why));
        }
        let mut state = Saver::new();
        state.u64(self.cpu_irq);
        state.raw(&self.save_state());
        let state = state.finish();
        let mut chunks = Vec::new();
        let disks = disks::save(self.bus.disks_mut(), how.apart, &mut chunks)?;
        let memory = memory::save(&self.arena, &self.bus, how.without_images, &mut chunks);
        let images = match memory.image_pages {
            0 => Vec::new(),
            _ => images::of(&self.bus),
        };
        let head = head::write(&head::Parts {
            words: &self.identity_words(),
            runs: how.runs,
            notes: &self.notes,
            cards: self.bus.cards(),
            images: &images,
            state: &state,
            index: &memory.index,
            disks: &disks,
        });
        let mut file = Saver::new();
        file.raw(&MAGIC);
        file.u32(VERSION);
        file.u32(head.len() as u32);
        file.u64(checksum(&head));
        file.raw(&head);
        file.raw(&state);
        file.raw(&chunks);
        Ok(Saved {
            bytes: file.finish(),
            pages: memory.pages,
            zero_pages: memory.zero_pages,
            image_pages: memory.image_pages,
        })
    }

    /// Becomes the machine that `file` has; returns whether it is to go on at once. Its history begins here.
    ///
    /// # Errors
    /// [`SnapshotError`]; the machine is as it was, unless a disk turned out to be no disk while it was written.
    pub fn load(&mut self, file: &[u8]) -> Result<bool, SnapshotError> {
        let (head, body) = split(file)?;
        let head = self.read_head(head)?;
        let (state, chunks) = body
            .split_at_checked(head.state_bytes)
            .ok_or(SnapshotError::Truncated)?;
        let stored = disks::check(&head.disks, self.bus.disks_mut(), chunks)?;
        if !memory::check(&head.index, self.bus.blocks(), stored)?.is_empty() {
            return Err(SnapshotError::Trailing);
        }
        self.become_state(&head, state)?;
        self.absent.forget();
        memory::load(&head.index, &self.arena, &self.bus, stored);
        self.loaded(&head, chunks)
    }

    /// The same out of a file of which memory is read when it is wanted: [`Machine::fetch`] gets what nobody wanted yet.
    ///
    /// # Errors
    /// The same. Trouble that is found later stops the machine.
    pub fn load_from(&mut self, mut source: Box<dyn Source>) -> Result<bool, SnapshotError> {
        let bytes = head_of(source.as_mut())?;
        let head = self.read_head(&bytes)?;
        memory::check_places(&head.index, self.bus.blocks())?;
        let mut at = (PREFIX_BYTES + bytes.len()) as u64;
        let mut next = |bytes: u64| {
            let part = read(source.as_mut(), at, bytes)?;
            at += bytes;
            Ok::<_, SnapshotError>(part)
        };
        let state = next(head.state_bytes as u64)?;
        let stored = next(head.disks.iter().map(disks::Saved::stored_bytes).sum())?;
        disks::check(&head.disks, self.bus.disks_mut(), &stored)?;
        self.become_state(&head, &state)?;
        self.absent.forget();
        let later = memory::load_later(&head.index, &self.arena, &self.bus, at);
        self.absent.expect(source, later);
        self.loaded(&head, &stored)
    }

    /// Reads so many more bytes of the file that the machine was loaded from, at most; returns how many are left.
    pub fn fetch(&mut self, most_bytes: u64) -> u64 {
        self.absent.fill_some(most_bytes)
    }

    /// A head that fits this machine.
    fn read_head(&self, head: &[u8]) -> Result<head::Head, SnapshotError> {
        let head = head::read(head, &self.identity_words(), self.bus.blocks())?;
        images::check(&head.images, &self.bus)?;
        Ok(head)
    }

    /// Takes over cards and state; as it was if that fails.
    fn become_state(&mut self, head: &head::Head, state: &[u8]) -> Result<(), SnapshotError> {
        if checksum(state) != head.state_checksum {
            return Err(SnapshotError::Checksum("the state"));
        }
        let before = (self.save_state(), self.cpu_irq);
        let removed = self.bus.exchange_cards(&head.cards)?;
        if let Err(e) = self.load_both(state) {
            self.bus.put_cards_back(removed);
            if self.load_state(&before.0).is_ok() {
                self.cpu_irq = before.1;
            } else {
                self.reset_live();
            }
            return Err(e.into());
        }
        Ok(())
    }

    /// State and memory are loaded: disks follow.
    fn loaded(&mut self, head: &head::Head, disks: &[u8]) -> Result<bool, SnapshotError> {
        disks::load(&head.disks, self.bus.disks_mut(), disks)?;
        self.bus.start_requests();
        if self.has_history() {
            self.keep_history();
        }
        Ok(head.runs)
    }

    fn load_both(&mut self, state: &[u8]) -> Result<(), LoadError> {
        let mut l = Loader::new(state);
        let irq = l.u64()?;
        self.load_state(l.raw(l.remaining())?)?;
        self.cpu_irq = irq;
        Ok(())
    }
}

/// Reads a part of a file.
fn read(source: &mut dyn Source, at: u64, bytes: u64) -> Result<Vec<u8>, SnapshotError> {
    let mut part = Vec::new();
    while (part.len() as u64) < bytes {
        let done = part.len();
        let more = (bytes - done as u64).min(PIECE_BYTES);
        part.resize(done + more as usize, 0);
        let from = at.saturating_add(done as u64);
        source
            .read(from, &mut part[done..])
            .map_err(SnapshotError::Source)?;
    }
    Ok(part)
}

/// The head of a file of which parts can be read, checked.
fn head_of(source: &mut dyn Source) -> Result<Vec<u8>, SnapshotError> {
    let mut file = read(source, 0, PREFIX_BYTES as u64)?;
    let bytes = match split(&file) {
        Err(SnapshotError::Truncated) => {
            u32::from_le_bytes([file[12], file[13], file[14], file[15]])
        }
        Err(e) => return Err(e),
        Ok(_) => 0,
    };
    file.extend(read(source, PREFIX_BYTES as u64, bytes.into())?);
    split(&file).map(|(head, _)| head.to_vec())
}

/// The head of a file, checked, and what follows it.
fn split(file: &[u8]) -> Result<(&[u8], &[u8]), SnapshotError> {
    let cut = |_| SnapshotError::Truncated;
    let mut l = Loader::new(file);
    if l.raw(MAGIC.len()).ok() != Some(&MAGIC) {
        return Err(SnapshotError::Magic);
    }
    let found = l.u32().map_err(cut)?;
    if found != VERSION {
        return Err(SnapshotError::Version {
            found,
            known: VERSION,
        });
    }
    let bytes = l.u32().map_err(cut)? as usize;
    let sum = l.u64().map_err(cut)?;
    let head = l.raw(bytes).map_err(cut)?;
    if checksum(head) != sum {
        return Err(SnapshotError::Checksum("the head"));
    }
    Ok((head, &file[PREFIX_BYTES + bytes..]))
}
