//! Disk images that the page gave: buffers, files of the user's computer, which are read piece by piece, and disks outside. What a guest
//! writes stays in memory, unless a disk outside takes it.

use std::rc::Rc;

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use tinamou_core::{BlockBackend, BlockError};
use tinamou_hw::block::qcow2;
use tinamou_hw::block::raw::{BlockFile, Immediate, MemFile};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::bays::CD_SLOT;
use crate::remote::{Drive, RemoteDisk};

/// Drives by the option that names them, and their slots on the board.
pub const DRIVES: [(&str, u32); 8] = [
    ("hda", 0),
    ("hdb", 1),
    ("cdrom", CD_SLOT),
    ("hdd", 3),
    ("fda", 4),
    ("fdb", 5),
    ("virtio0", 6),
    ("virtio1", 7),
];

/// How a qcow2 image begins.
const QCOW2: [u8; 4] = *b"QFI\xfb";

#[wasm_bindgen]
extern "C" {
    /// A file, or a part of one.
    #[derive(Clone)]
    type Blob;
    #[wasm_bindgen(method, getter)]
    fn size(this: &Blob) -> f64;
    #[wasm_bindgen(method)]
    fn slice(this: &Blob, from: f64, to: f64) -> Blob;

    /// Reads files at once; workers have it.
    type FileReaderSync;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<FileReaderSync, JsValue>;
    #[wasm_bindgen(method, catch, js_name = readAsArrayBuffer)]
    fn read(this: &FileReaderSync, blob: &Blob) -> Result<ArrayBuffer, JsValue>;
}

/// Bytes that the page holds.
#[derive(Clone)]
pub enum Source {
    /// In memory.
    Bytes(Vec<u8>),
    /// A file.
    File(JsValue),
    /// A disk outside.
    Remote(RemoteDisk),
}

impl Source {
    /// A buffer, a file, or an object with `size` and `writable`.
    pub fn from_js(value: &JsValue) -> Option<Source> {
        if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
            Some(Source::Bytes(bytes.to_vec()))
        } else if let Some(buffer) = value.dyn_ref::<ArrayBuffer>() {
            Some(Source::Bytes(Uint8Array::new(buffer).to_vec()))
        } else if is_file(value) {
            Some(Source::File(value.clone()))
        } else {
            let field = |name: &str| Reflect::get(value, &name.into()).ok();
            let bytes = field("size")?.as_f64().filter(|n| *n >= 0.0)?;
            Some(Source::Remote(RemoteDisk {
                bytes: bytes as u64,
                writable: field("writable")?.is_truthy(),
                talk: Rc::default(),
            }))
        }
    }

    /// A disk outside, if it is one.
    pub fn remote(&self) -> Option<RemoteDisk> {
        match self {
            Source::Remote(disk) => Some(disk.clone()),
            _ => None,
        }
    }

    /// Its size.
    pub fn len(&self) -> u64 {
        match self {
            Source::Bytes(bytes) => bytes.len() as u64,
            Source::File(blob) => UserFile(blob.clone().unchecked_into()).len(),
            Source::Remote(disk) => disk.bytes,
        }
    }

    /// `raw` or `qcow2`.
    pub fn format(&self) -> &'static str {
        let mut head = [0; 4];
        match self {
            Source::Bytes(bytes) => head.copy_from_slice(bytes.get(..4).unwrap_or(&[0; 4])),
            // What cannot be read says so when it is opened.
            Source::File(blob) => {
                let _ = UserFile(blob.clone().unchecked_into()).read_at(0, &mut head);
            }
            // Disks outside are asked when the guest asks, not before.
            Source::Remote(_) => {}
        }
        if head == QCOW2 { "qcow2" } else { "raw" }
    }
}

/// Whether a value is one.
pub fn is_file(value: &JsValue) -> bool {
    value.has_type::<Blob>()
}

/// A file of the user's computer.
pub struct UserFile(Blob);

impl UserFile {
    /// Of a value that [`is_file`].
    pub fn new(file: JsValue) -> UserFile {
        UserFile(file.unchecked_into())
    }
}

impl BlockFile for UserFile {
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> Result<(), BlockError> {
        let trouble = |_| BlockError::Io("the file cannot be read".into());
        let (from, to) = (at as f64, (at + buf.len() as u64) as f64);
        let reader = FileReaderSync::new().map_err(trouble)?;
        let bytes = reader.read(&self.0.slice(from, to)).map_err(trouble)?;
        let bytes = Uint8Array::new(&bytes);
        if bytes.length() as usize != buf.len() {
            return Err(BlockError::Io("beyond the end of the file".into()));
        }
        bytes.copy_to(buf);
        Ok(())
    }

    fn write_at(&mut self, _: u64, _: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }

    fn len(&self) -> u64 {
        self.0.size() as u64
    }
}

/// The back end for an image in a slot.
///
/// # Errors
/// A sentence for the user.
pub fn open(slot: u32, source: Source) -> Result<Box<dyn BlockBackend>, String> {
    let file: Box<dyn BlockFile> = match source {
        Source::Bytes(bytes) => Box::new(MemFile(bytes)),
        Source::File(blob) => Box::new(UserFile::new(blob)),
        Source::Remote(disk) => return Ok(Box::new(Drive::new(disk, slot == CD_SLOT))),
    };
    let mut alone = |name: &str| Err(BlockError::Unsupported(format!("backing file `{name}`")));
    let image = qcow2::open(file, slot != CD_SLOT, &mut alone).map_err(|e| e.to_string())?;
    Ok(Box::new(Immediate::new(image)))
}
