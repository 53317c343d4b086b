//! JS options, loose, to what a host and a controller take, strict. The names are those of `www/protocol.js`'s `BootConfig`.

use std::collections::BTreeMap;

use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use serde::Deserialize;
use thiserror::Error;
use tinamou_jit::Tuning;
use tinamou_machine::snapshot::{Description, SnapshotError};
use tinamou_machine::{Accel, Config};
use wasm_bindgen::{JsCast, JsValue};

use crate::drives::{DRIVES, Source};
use crate::incoming::Incoming;
use crate::shares::Shares;

/// Guest memory when none is asked for, as QEMU's Malta has it.
const DEFAULT_RAM_MIB: u32 = 128;

/// What the file of the state that a machine is to go on from is called.
pub const INCOMING: &str = "incoming";

/// What is wrong with the options.
#[derive(Debug, Error)]
pub enum OptionError {
    /// Not an object, a missing or mistyped field.
    #[error("machine options: {0}")]
    Shape(String),
    /// A field nobody knows: most likely a typing mistake.
    #[error("machine options: there is no `{0}`")]
    Unknown(String),
    /// No such architecture.
    #[error("machine options: there is no target `{0}`")]
    Target(String),
    /// Neither a target nor a snapshot that says it.
    #[error("machine options: `target` is missing")]
    Missing,
    /// A state that cannot be gone on from.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// An image that is no buffer.
    #[error("machine options: `{0}` must be an ArrayBuffer or a Uint8Array")]
    Image(&'static str),
    /// A drive that is neither.
    #[error(
        "machine options: `{0}` must be an ArrayBuffer, a Uint8Array, a Blob or a disk with a size"
    )]
    Drive(&'static str),
    /// A boot order with other letters.
    #[error(
        "machine options: `boot` has up to three of the letters a, c, d and n, and perhaps `,menu=on`, not `{0}`"
    )]
    Boot(String),
    /// An address that no interface can have.
    #[error(
        "machine options: `mac` is six pairs of hexadecimal digits with colons between, the first of them even, not `{0}`"
    )]
    Mac(String),
    /// Folders that cannot be shared.
    #[error("machine options: `shares`: {0}")]
    Shares(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    target: Option<String>,
    machine: Option<String>,
    cpu: Option<String>,
    cpus: Option<u32>,
    ram_mib: Option<u32>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    kernel: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    initrd: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    bios: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    vga_bios: JsValue,
    boot: Option<String>,
    net: Option<JsNet>,
    mac: Option<String>,
    append: Option<String>,
    icount: Option<u32>,
    accel: Option<JsAccel>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    incoming: JsValue,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    shares: JsValue,
    paused: Option<bool>,
    preconfig: Option<bool>,
}

/// What the options ask for.
pub struct Parsed {
    /// The machine. Its images are in `files`.
    pub config: Config,
    /// Time is counted in instructions.
    pub counted: bool,
    /// Wait before it runs.
    pub paused: bool,
    /// Wait before it is made.
    pub preconfig: bool,
    /// Where the machine's state is to come from (`-incoming`).
    pub incoming: Option<String>,
    /// The state, if it is to be read while the machine runs.
    pub later: Option<Incoming>,
    /// The images, by the option that named them, and the state.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What the network interface leads to.
    pub net: JsNet,
    /// What is in the drives, by the option that named it.
    pub drives: BTreeMap<String, Source>,
    /// What the PC's firmware boots from, as letters, and whether it shows its menu, as in `acd,menu=on`.
    pub boot: Option<String>,
    /// Folders to share.
    pub shares: Shares,
}

/// Names of the fields above, for the message about an unknown one.
const KNOWN: &[&str] = &[
    "target",
    "machine",
    "cpu",
    "cpus",
    "ramMib",
    "kernel",
    "initrd",
    "bios",
    "vgaBios",
    "hda",
    "hdb",
    "cdrom",
    "hdd",
    "fda",
    "fdb",
    "virtio0",
    "virtio1",
    "boot",
    "net",
    "mac",
    "append",
    "icount",
    "accel",
    "incoming",
    "shares",
    "paused",
    "preconfig",
];

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum JsAccel {
    Jit,
    Interp,
}

/// What the board's network interface leads to.
#[derive(Deserialize, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum JsNet {
    /// A network of its own.
    #[default]
    User,
    /// Nothing.
    None,
    /// Frames that the page carries.
    Frames,
}

/// Reads the options.
///
/// # Errors
/// [`OptionError`] with the field's name.
pub fn parse(options: JsValue) -> Result<Parsed, OptionError> {
    if let Some(object) = options.dyn_ref::<Object>() {
        for key in Object::keys(object) {
            let key = key.as_string().unwrap_or_default();
            if !KNOWN.contains(&key.as_str()) {
                return Err(OptionError::Unknown(key));
            }
        }
    }
    let mut drives = BTreeMap::new();
    for (name, _) in DRIVES {
        // An object's fields can be read.
        let value = Reflect::get(&options, &name.into()).unwrap_or_default();
        if !value.is_undefined() && !value.is_null() {
            let source = Source::from_js(&value).ok_or(OptionError::Drive(name))?;
            drives.insert(name.to_owned(), source);
        }
    }
    let o: Options = serde_wasm_bindgen::from_value(options)
        .map_err(|e| OptionError::Shape(message(e.into())))?;
    let mut files = BTreeMap::new();
    let later = Incoming::from_js(&o.incoming);
    let incoming = match o.incoming.as_string() {
        Some(place) => Some(place),
        None if later.is_some() => Some(format!("file:{INCOMING}")),
        None => image("incoming", &o.incoming)?.map(|state| {
            files.insert(INCOMING.to_owned(), state);
            format!("file:{INCOMING}")
        }),
    };
    // What is left out is as the snapshot has it.
    let saved = match (&later, files.get(INCOMING)) {
        (Some(later), _) => Some(Description::of_source(later.source().as_mut())?),
        (None, Some(state)) => Some(Description::of(state)?),
        (None, None) => None,
    };
    let target = o.target.or(saved.as_ref().map(|s| s.target.clone()));
    let target = target.ok_or(OptionError::Missing)?;
    let target = Config::target(&target).ok_or(OptionError::Target(target))?;
    let mut config = Config::new(target);
    config.tuning = Tuning::browser();
    config.ram_bytes = u64::from(DEFAULT_RAM_MIB) << 20;
    if let Some(saved) = saved {
        config.machine = saved.board;
        config.cpu = saved.cpu;
        config.ram_bytes = saved.ram_bytes;
        config.cpus = saved.cpus;
        config.nic = saved.nic;
        config.counted = saved.icount_shift.is_some();
        config.icount_shift = saved.icount_shift.unwrap_or(config.icount_shift);
    }
    if let Some(cpus) = o.cpus {
        config.cpus = cpus;
    }
    if let Some(mib) = o.ram_mib {
        config.ram_bytes = u64::from(mib) << 20;
    }
    for (name, value) in [
        ("kernel", &o.kernel),
        ("initrd", &o.initrd),
        ("bios", &o.bios),
    ] {
        if let Some(bytes) = image(name, value)? {
            files.insert(name.to_owned(), bytes);
        }
    }
    config.vga_bios = image("vgaBios", &o.vga_bios)?;
    if let Some(letters) = o.boot.as_ref().filter(|l| order(l).is_none()) {
        return Err(OptionError::Boot(letters.clone()));
    }
    if let Some(machine) = o.machine {
        config.machine = machine;
    }
    if let Some(cpu) = o.cpu {
        config.cpu = cpu;
    }
    if let Some(append) = o.append {
        config.append = append;
    }
    if let Some(text) = o.mac {
        config.mac = address(&text).ok_or(OptionError::Mac(text))?;
    }
    if let Some(shift) = o.icount {
        config.icount_shift = shift;
        config.counted = true;
    }
    if let Some(JsAccel::Interp) = o.accel {
        config.accel = Accel::Interp;
    }
    let mut shares = Shares::new(config.counted);
    if !o.shares.is_undefined() && !o.shares.is_null() {
        shares.take(&o.shares).map_err(OptionError::Shares)?;
    }
    Ok(Parsed {
        shares,
        counted: config.counted,
        config,
        incoming,
        paused: o.paused.unwrap_or(false),
        preconfig: o.preconfig.unwrap_or(false),
        later,
        files,
        net: o.net.unwrap_or_default(),
        drives,
        boot: o.boot,
    })
}

/// An Ethernet address of one interface, from text.
fn address(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut pairs = text.split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|p| p.len() == 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    // A first byte that is odd is a group's.
    (pairs.next().is_none() && bytes[0] & 1 == 0).then_some(bytes)
}

/// The firmware's numbers for boot devices, and whether it shows its menu.
pub fn order(boot: &str) -> Option<([u8; 3], bool)> {
    let (letters, menu) = match boot.split_once(",menu=") {
        Some((letters, "on")) => (letters, true),
        Some((letters, "off")) => (letters, false),
        Some(_) => return None,
        None => (boot, false),
    };
    let mut order = [0; 3];
    if letters.len() > order.len() {
        return None;
    }
    for (place, letter) in order.iter_mut().zip(letters.chars()) {
        *place = match letter {
            'a' => 1,
            'c' => 2,
            'd' => 3,
            'n' => 4,
            _ => return None,
        };
    }
    Some((order, menu))
}

fn image(name: &'static str, value: &JsValue) -> Result<Option<Vec<u8>>, OptionError> {
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    if let Some(bytes) = value.dyn_ref::<Uint8Array>() {
        return Ok(Some(bytes.to_vec()));
    }
    let buffer = value
        .dyn_ref::<ArrayBuffer>()
        .ok_or(OptionError::Image(name))?;
    Ok(Some(Uint8Array::new(buffer).to_vec()))
}

/// The text of a JS error, without its class.
fn message(error: JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(e) => e.message().into(),
        None => format!("{error:?}"),
    }
}
