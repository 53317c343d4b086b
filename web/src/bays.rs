//! The machine's drives as monitors see them, and what is in them.

use tinamou_control::driven::{Drive, DriveStats, Medium, Open};
use tinamou_core::{BlockBackend, SECTOR_BYTES};

use crate::drives::{self, Source};

/// The slot of the CD drive, which every board has.
pub const CD_SLOT: u32 = 2;
/// The first floppy drive, which every PC has.
const FLOPPY_SLOT: u32 = 4;
/// The first virtio disk.
const VIRTIO_SLOT: u32 = 6;

/// What an image is, and its back end.
type Opened = (Medium, Box<dyn BlockBackend>);

/// Opens an image for a slot.
///
/// # Errors
/// A sentence for the user.
pub fn open(slot: u32, file: &str, source: Option<Source>) -> Result<Opened, String> {
    let could_not = |why: &str| format!("Could not open '{file}': {why}");
    let source = source.ok_or_else(|| could_not("the page gave no such file"))?;
    let (format, bytes) = (source.format(), source.len());
    let disk = drives::open(slot, source).map_err(|e| could_not(&e))?;
    let medium = Medium {
        file: file.into(),
        format: format.into(),
        read_only: disk.read_only(),
        virtual_size: disk.sectors().saturating_mul(SECTOR_BYTES),
        actual_size: bytes,
    };
    Ok((medium, disk))
}

/// A name of the page's, as formats' words may name it too.
pub fn checked<'a>(open: &Open<'a>) -> Result<&'a str, String> {
    match open.format {
        None | Some("raw" | "qcow2") => Ok(open.file),
        Some(other) => Err(format!("Unknown driver '{other}'")),
    }
}

/// The drives, by slot.
#[derive(Default)]
pub struct Bays(Vec<(u32, Option<Medium>)>);

impl Bays {
    /// Those that are there without anything in them.
    pub fn empty(pc: bool) -> Bays {
        let floppy = pc.then_some((FLOPPY_SLOT, None));
        Bays([(CD_SLOT, None)].into_iter().chain(floppy).collect())
    }

    /// Whether there is one.
    pub fn has(&self, slot: u32) -> bool {
        self.0.iter().any(|(s, _)| *s == slot)
    }

    /// What is in a drive from now on; it may be new.
    pub fn put(&mut self, slot: u32, medium: Option<Medium>) {
        match self.0.iter_mut().find(|(s, _)| *s == slot) {
            Some((_, there)) => *there = medium,
            None => {
                self.0.push((slot, medium));
                self.0.sort_by_key(|(s, _)| *s);
            }
        }
    }

    /// Forgets a drive.
    pub fn forget(&mut self, slot: u32) {
        self.0.retain(|(s, _)| *s != slot);
    }

    /// As monitors show them.
    pub fn describe(&self) -> Vec<Drive> {
        let one = |(slot, medium): &(u32, Option<Medium>)| Drive {
            slot: *slot,
            removable: matches!(*slot, CD_SLOT | FLOPPY_SLOT..VIRTIO_SLOT),
            medium: medium.clone(),
            stats: DriveStats::default(),
        };
        self.0.iter().map(one).collect()
    }
}
