//! Disk images of the command line and of monitors as back ends for the board's disk slots.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tinamou_core::{BlockBackend, BlockError, ErrorAction, SECTOR_BYTES, Written};
use tinamou_hw::block::overlay::Overlay;
use tinamou_hw::block::qcow2;
use tinamou_hw::block::raw::{BlockFile, Image, Immediate, Raw};

use crate::host::why;
use crate::options::Options;
use crate::options::drive::{Drive, Format, Interface, Media};

mod counted;
mod kept;
mod sized;

use counted::{Counted, Counts};
use kept::Kept;
pub use kept::Snapshots;
use sized::{Null, Size, Sized};
use tinamou_control::driven::{self, Medium};

/// The slot of the board's CD drive; the others are disks.
const CD_SLOT: u32 = 2;
/// What QEMU says of another image.
const NO_QCOW2: &str = "Image is not in qcow2 format";
/// IDE slots. Behind them a PC has two floppies and two virtio disks.
const SLOTS: u32 = 4;
const FLOPPY_SLOT: u32 = 4;
const VIRTIO_SLOT: u32 = 6;

/// A drive: its slot, and what is in it.
pub struct Bay {
    /// The slot.
    pub slot: u32,
    /// What is in it.
    pub medium: Option<Medium>,
    /// The snapshots of the image, if it has room for any.
    pub snapshots: Option<Snapshots>,
    /// How the medium was opened.
    drive: Option<Drive>,
    /// The size of an image that is no plain file.
    size: Option<Size>,
    counts: Counts,
}

impl Bay {
    /// An empty one.
    pub fn new(slot: u32) -> Bay {
        Bay {
            slot,
            medium: None,
            snapshots: None,
            drive: None,
            size: None,
            counts: Counts::default(),
        }
    }

    /// As monitors show it.
    pub fn describe(&self) -> driven::Drive {
        driven::Drive {
            slot: self.slot,
            removable: matches!(self.slot, CD_SLOT | FLOPPY_SLOT..VIRTIO_SLOT),
            medium: self.medium.clone(),
            stats: self.counts.get(),
        }
    }

    /// Opens an image for this drive; the caller puts the back end into the machine.
    ///
    /// # Errors
    /// A sentence for the user; the drive keeps what it has.
    pub fn open(
        &mut self,
        drive: &Drive,
        snapshot: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Box<dyn BlockBackend>, String> {
        let path = drive.file.as_deref().unwrap_or_default();
        let could_not = |e: BlockError| match e {
            BlockError::Io(why) if why == NO_QCOW2 => why,
            e => format!("Could not open '{path}': {e}"),
        };
        let Opened {
            mut image,
            format,
            writable,
        } = image(drive, path, snapshot, warnings).map_err(could_not)?;
        let mut snapshots = writable.map(Snapshots::File);
        let plain = format == "raw" && !drive.snapshot.unwrap_or(snapshot);
        if matches!(image.written(), Written::Pages(_)) {
            let kept = Rc::new(RefCell::new(Kept::new(image)));
            snapshots = Some(Snapshots::Memory(kept.clone()));
            image = Box::new(kept);
        }
        self.size = None;
        if !plain && !matches!(snapshots, Some(Snapshots::File(_))) {
            let (sized, size) = Sized::new(image);
            image = Box::new(sized);
            self.size = Some(size);
        }
        self.snapshots = snapshots;
        self.drive = Some(drive.clone());
        self.medium = Some(Medium {
            file: path.into(),
            format: format.into(),
            read_only: image.read_only(),
            virtual_size: image.sectors().saturating_mul(SECTOR_BYTES),
            actual_size: std::fs::metadata(path).map_or(0, |m| m.len()),
        });
        let disk = Counted::new(Immediate::new(image), self.counts.clone());
        Ok(Box::new(disk))
    }
}

impl Bay {
    /// Changes the size of what is in the drive; where the file itself has another one now, the back end to use from now on.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn resize(&mut self, bytes: u64) -> Result<Option<Box<dyn BlockBackend>>, String> {
        let (Some(medium), Some(drive)) = (&mut self.medium, self.drive.clone()) else {
            return Err("the drive is empty".into());
        };
        if medium.read_only {
            return Err("Image is read-only".into());
        }
        if let Some(size) = &self.size {
            size.set(bytes / SECTOR_BYTES);
            medium.virtual_size = bytes;
            return Ok(None);
        }
        if matches!(self.snapshots, Some(Snapshots::File(_))) {
            return Err("Image format driver does not support resize".into());
        }
        let file = File::options().write(true).open(&medium.file);
        let done = file.and_then(|f| f.set_len(bytes));
        done.map_err(|e| format!("Failed to resize '{}': {}", medium.file, why(&e)))?;
        self.open(&drive, false, &mut Vec::new()).map(Some)
    }

    /// What follows when the file cannot be read or written.
    pub fn error_actions(&self) -> [ErrorAction; 2] {
        let drive = self.drive.as_ref();
        drive.map_or([ErrorAction::Report; 2], |d| [d.rerror, d.werror])
    }
}

/// What an image is.
///
/// # Errors
/// A sentence for the user.
pub fn look(drive: &Drive) -> Result<Medium, String> {
    let mut bay = Bay::new(0);
    bay.open(drive, false, &mut Vec::new())?;
    bay.medium.ok_or_else(|| "there is nothing".into())
}

/// A file of the host.
struct HostFile {
    file: File,
    bytes: u64,
    read_only: bool,
}

impl HostFile {
    fn open(path: &Path, read_only: bool) -> Result<HostFile, BlockError> {
        let trouble = |e: std::io::Error| BlockError::Io(why(&e));
        let file = File::options()
            .read(true)
            .write(!read_only)
            .open(path)
            .map_err(trouble)?;
        let meta = file.metadata().map_err(trouble)?;
        if meta.is_dir() {
            return Err(BlockError::Io("Is a directory".into()));
        }
        Ok(HostFile {
            file,
            bytes: meta.len(),
            read_only,
        })
    }
}

impl BlockFile for HostFile {
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.file
            .read_exact_at(buf, at)
            .map_err(|e| BlockError::Io(why(&e)))
    }

    fn write_at(&mut self, at: u64, data: &[u8]) -> Result<(), BlockError> {
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        self.file
            .write_all_at(data, at)
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                    BlockError::NoSpace
                }
                _ => BlockError::Io(why(&e)),
            })
    }

    fn len(&self) -> u64 {
        self.bytes
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        self.file.sync_data().map_err(|e| BlockError::Io(why(&e)))
    }

    fn grow(&mut self, bytes: u64) -> Result<(), BlockError> {
        if bytes > self.bytes {
            self.file
                .set_len(bytes)
                .map_err(|e| BlockError::Io(why(&e)))?;
            self.bytes = bytes;
        }
        Ok(())
    }

    fn read_only(&self) -> bool {
        self.read_only
    }
}

/// The slot of each drive.
fn slots(drives: &[Drive]) -> Result<Vec<u32>, String> {
    let ide = |d: &&Drive| d.interface == Interface::Ide;
    let mut taken: Vec<u32> = drives.iter().filter(ide).filter_map(|d| d.index).collect();
    let mut slots = Vec::new();
    for d in drives {
        let pair = match d.interface {
            Interface::Ide => None,
            Interface::Floppy => Some(FLOPPY_SLOT),
            Interface::Virtio => Some(VIRTIO_SLOT),
        };
        if let Some(first) = pair {
            let mut places = first..first + 2;
            let slot = match d.index {
                None => places.find(|n| !slots.contains(n)),
                Some(n) => places.nth(n as usize),
            };
            let slot = slot.filter(|n| d.media == Media::Disk && !slots.contains(n));
            slots.push(slot.ok_or("floppies and virtio disks have index 0 and 1")?);
            continue;
        }
        let free = |n: &u32| !taken.contains(n);
        let slot = match (d.index, d.media) {
            (Some(n), _) => n,
            (None, Media::Cdrom) => CD_SLOT,
            (None, Media::Disk) => {
                let n = (0..SLOTS)
                    .filter(|n| *n != CD_SLOT)
                    .find(free)
                    .ok_or("too many drives: the board has three disks and a CD")?;
                taken.push(n);
                n
            }
        };
        if slot >= SLOTS {
            return Err(format!(
                "index {slot}: the board has drives 0 to {}",
                SLOTS - 1
            ));
        }
        if (slot == CD_SLOT) != (d.media == Media::Cdrom) {
            return Err(format!(
                "index {slot}: the board's CD drive is number {CD_SLOT}, its disks are the others"
            ));
        }
        if slots.contains(&slot) {
            return Err(format!("two drives with index {slot}"));
        }
        slots.push(slot);
    }
    Ok(slots)
}

/// The drives and their disks, in the order of the slots.
pub type Drives = Vec<(Bay, Option<Box<dyn BlockBackend>>)>;

/// An image.
struct Opened {
    image: Box<dyn Image>,
    format: &'static str,
    /// The same, if it has room for snapshots.
    writable: Option<Rc<RefCell<qcow2::Writable>>>,
}

/// Opens all drives. The CD drive is there without having been asked for.
///
/// # Errors
/// A sentence for the user.
pub fn open(options: &Options, warnings: &mut Vec<String>) -> Result<Drives, String> {
    let mut opened = Drives::new();
    for (drive, slot) in options.drives.iter().zip(slots(&options.drives)?) {
        let mut bay = Bay::new(slot);
        let disk = match &drive.file {
            Some(_) => Some(bay.open(drive, options.snapshot, warnings)?),
            None => None,
        };
        opened.push((bay, disk));
    }
    if opened.iter().all(|(bay, _)| bay.slot != CD_SLOT) {
        opened.push((Bay::new(CD_SLOT), None));
    }
    opened.sort_by_key(|(bay, _)| bay.slot);
    Ok(opened)
}

fn image(
    drive: &Drive,
    path: &str,
    snapshot: bool,
    warnings: &mut Vec<String>,
) -> Result<Opened, BlockError> {
    let plain = |image, format| Opened {
        image,
        format,
        writable: None,
    };
    if drive.format == Some(Format::Null) {
        let bytes = path.strip_prefix("null-co://").and_then(|n| n.parse().ok());
        let sectors = bytes.unwrap_or(0u64) / SECTOR_BYTES;
        return Ok(plain(Box::new(Null(sectors)), "null-co"));
    }
    let path = Path::new(path);
    let snapshot = drive.snapshot.unwrap_or(snapshot);
    let mut magic = [0; 4];
    let is_qcow2 =
        HostFile::open(path, true)?.read_at(0, &mut magic).is_ok() && magic == *b"QFI\xfb";
    let read_only = drive.readonly || drive.media == Media::Cdrom;
    match drive.format {
        Some(Format::Qcow2) if !is_qcow2 => {
            return Err(BlockError::Io(NO_QCOW2.into()));
        }
        Some(Format::Raw) => {
            let raw = Raw(HostFile::open(path, read_only || snapshot)?);
            let image: Box<dyn Image> = if snapshot && !read_only {
                Box::new(Overlay::new(raw))
            } else {
                Box::new(raw)
            };
            return Ok(plain(image, "raw"));
        }
        _ => {}
    }
    let file = |read_only| HostFile::open(path, read_only).map(Box::new);
    // Backing files are named relative to the image that names them.
    let beside = || path.parent().map(Path::to_owned).unwrap_or_default();
    let directory: Rc<RefCell<PathBuf>> = Rc::new(RefCell::new(beside()));
    let mut resolve = |name: &str| -> Result<Box<dyn BlockFile>, BlockError> {
        let name = name.strip_prefix("file:").unwrap_or(name);
        let path = directory.borrow().join(name);
        let file = HostFile::open(&path, true)
            .map_err(|e| BlockError::Io(format!("backing file '{}': {e}", path.display())))?;
        *directory.borrow_mut() = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Box::new(file))
    };
    if is_qcow2 && !snapshot && !read_only {
        match qcow2::Writable::open(file(false)?, &mut resolve) {
            Ok(image) => {
                let image = Rc::new(RefCell::new(image));
                return Ok(Opened {
                    image: Box::new(image.clone()),
                    format: "qcow2",
                    writable: Some(image),
                });
            }
            Err(BlockError::Unsupported(what)) => warnings.push(format!(
                "'{}': {what}: what is written is kept in memory and lost at exit",
                path.display()
            )),
            Err(e) => return Err(e),
        }
        *directory.borrow_mut() = beside();
    }
    let file = file(read_only || snapshot || is_qcow2)?;
    let image = qcow2::open(file, snapshot && !read_only, &mut resolve)?;
    let format = if is_qcow2 { "qcow2" } else { "raw" };
    Ok(if read_only {
        plain(Box::new(ReadOnly(image)), format)
    } else {
        plain(image, format)
    })
}

/// An image that refuses writes, whatever is below.
struct ReadOnly(Box<dyn Image>);

impl Image for ReadOnly {
    fn sectors(&self) -> u64 {
        self.0.sectors()
    }
    fn read_only(&self) -> bool {
        true
    }
    fn read(&mut self, lba: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        self.0.read(lba, buf)
    }
    fn write(&mut self, _: u64, _: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }
    fn flush(&mut self) -> Result<(), BlockError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(drives: &[(Option<u32>, Media)]) -> Result<Vec<u32>, String> {
        let drives: Vec<_> = drives
            .iter()
            .map(|&(index, media)| Drive {
                index,
                ..Drive::at(0, media, "x")
            })
            .collect();
        slots(&drives)
    }

    #[test]
    fn drives_find_their_slots() {
        let (disk, cd) = (Media::Disk, Media::Cdrom);
        assert_eq!(
            places(&[(None, disk), (None, disk), (None, cd), (None, disk)]),
            Ok(vec![0, 1, 2, 3])
        );
        assert_eq!(places(&[(None, disk), (Some(0), disk)]), Ok(vec![1, 0]));
        for bad in [
            &[(Some(2), disk)][..],
            &[(Some(0), cd)],
            &[(Some(0), disk), (Some(0), disk)],
            &[(Some(4), disk)],
            &[(None, disk); 4],
        ] {
            assert!(places(bad).is_err(), "{bad:?}");
        }
    }
}
