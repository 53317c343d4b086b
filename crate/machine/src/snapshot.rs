//! Snapshots: a whole machine as one file, which a machine of the same configuration goes on from, on any host.
//!
//! Format, version 2, little-endian: the magic, the version, the head's length and checksum, the head (`head`), the state (interrupt lines of the
//! vCPU, then what `Machine::save_state` writes), and the chunks of memory and disks in the head's order. A chunk is 16 pages of a memory
//! block or disk; pages of zeros (of disks: those that were not written) are left out and chunks without a page too; the rest is one
//! LZ4 block (`chunks`). The head has lengths and checksums (XXH3, 64 bits) of all that follows, so that a reader can find any page
//! by the first bytes of the file. The same state gives the same bytes. Version 1 had no disks.
//!
//! A loader distrusts every field, and checks the whole file before it changes anything; a file that it refuses leaves the machine as
//! it was. Only a disk of the host that cannot be written after all can leave a machine half loaded.
//!
//! Missing: leaving out pages that are as in the loaded images. It must not know where the bytes come from.

mod chunks;
mod disks;
mod head;
mod memory;

use tinamou_core::{LoadError, Loader, Saver};
use twox_hash::XxHash3_64;

use crate::config::Config;
use crate::machine::Machine;

/// What a snapshot begins with.
const MAGIC: [u8; 8] = *b"TINAMOU\x1a";
/// Version of the format.
const VERSION: u32 = 2;
/// Magic, version, the head's length and its checksum.
const PREFIX_BYTES: usize = 24;
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
}

/// What a machine was made with, as far as its state depends on it: snapshots fit machines of which this is the same.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    target: &'static str,
    board: String,
    cpu: String,
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
    /// Bytes of RAM.
    pub ram_bytes: u64,
    /// log2 of the nanoseconds of an instruction, if its time is counted.
    pub icount_shift: Option<u32>,
    /// Its network interface is there.
    pub nic: bool,
    /// It is to go on at once.
    pub runs: bool,
}

impl Description {
    /// What the beginning of a file says; nothing behind the head needs to be there.
    ///
    /// # Errors
    /// [`SnapshotError`]: it is no snapshot, another version's or damaged.
    pub fn of(file: &[u8]) -> Result<Description, SnapshotError> {
        let (head, _) = split(file)?;
        let (words, runs) = head::words(head)?;
        let word = |what: &str| match words.iter().find(|(w, _)| w == what) {
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
            ram_bytes: number(word("RAM")?).ok_or(SnapshotError::Corrupt("size of RAM"))?,
            icount_shift: shift.and_then(|n| n.parse().ok()),
            nic: word("network interface")? == NIC_THERE,
            runs,
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
            ("RAM", format!("{} bytes", id.ram_bytes)),
            ("clock", clock),
            ("network interface", nic.into()),
            ("set of disks", disks.join(", ")),
        ]
    }

    /// Saves the machine; `runs` is for whoever loads it: whether it is to go on at once. Not to be called within a slice.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    pub fn save(&mut self, runs: bool) -> Result<Saved, SnapshotError> {
        self.save_without(runs, &[])
    }

    /// The same without the disks in these slots, whose contents are kept elsewhere: [`Machine::load`] leaves them alone.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    pub fn save_without(&mut self, runs: bool, apart: &[u32]) -> Result<Saved, SnapshotError> {
        let mut state = Saver::new();
        state.u32(self.cpu_irq);
        state.raw(&self.save_state());
        let state = state.finish();
        let mut chunks = Vec::new();
        let memory = memory::save(&self.arena, self.bus.blocks(), &mut chunks);
        let disks = disks::save(self.bus.disks_mut(), apart, &mut chunks)?;
        let words = self.identity_words();
        let head = head::write(&words, runs, &state, &memory.index, &disks);
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
        })
    }

    /// Becomes the machine that `file` has; returns whether it is to go on at once. Its history begins here.
    ///
    /// # Errors
    /// [`SnapshotError`]; the machine is as it was, unless a disk turned out to be no disk while it was written.
    pub fn load(&mut self, file: &[u8]) -> Result<bool, SnapshotError> {
        let (head, body) = split(file)?;
        let head = head::read(head, &self.identity_words(), self.bus.blocks())?;
        let (state, chunks) = body
            .split_at_checked(head.state_bytes)
            .ok_or(SnapshotError::Truncated)?;
        if checksum(state) != head.state_checksum {
            return Err(SnapshotError::Checksum("the state"));
        }
        let rest = memory::check(&head.index, self.bus.blocks(), chunks)?;
        if !disks::check(&head.disks, self.bus.disks_mut(), rest)?.is_empty() {
            return Err(SnapshotError::Trailing);
        }
        let before = (self.save_state(), self.cpu_irq);
        if let Err(e) = self.load_both(state) {
            if self.load_state(&before.0).is_ok() {
                self.cpu_irq = before.1;
            } else {
                self.reset_live();
            }
            return Err(e.into());
        }
        let rest = memory::load(&head.index, &self.arena, self.bus.blocks(), chunks)?;
        disks::load(&head.disks, self.bus.disks_mut(), rest)?;
        self.bus.start_requests();
        if self.has_history() {
            self.keep_history();
        }
        Ok(head.runs)
    }

    fn load_both(&mut self, state: &[u8]) -> Result<(), LoadError> {
        let mut l = Loader::new(state);
        let irq = l.u32()?;
        self.load_state(l.raw(l.remaining())?)?;
        self.cpu_irq = irq;
        Ok(())
    }
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
