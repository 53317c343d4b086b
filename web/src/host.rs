//! The browser as control sees it: its wall clock, files that the page gave or is to get, and the machine once it is made.
//!
//! Missing: character devices beside the serial ports and ring buffers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tinamou_control::driven::{self, Chardev, Medium, Open};
use tinamou_control::setup::Setup;
use tinamou_control::{Controller, Driven, Host};
use tinamou_core::{BlockBackend, NetBackend};
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::web::WebEngine;
use tinamou_machine::snapshot::Source as StateSource;
use tinamou_machine::{Accel, Arch, Config, Machine};

use crate::bays::{self, Bays};
use crate::drives::{DRIVES, Source};
use crate::error::sentence;
use crate::incoming::Incoming;
use crate::network;
use crate::options::{INCOMING, JsNet, Parsed, order};
use crate::remote::{PortNet, RemoteDisk};
use crate::shares::Shares;

/// Options that are images, which is also what their files are called.
const IMAGES: [&str; 4] = ["kernel", "initrd", "bios", "dtb"];

/// Slots and what is in them.
type Disks = Vec<(u32, Medium, Box<dyn BlockBackend>)>;

/// The host.
pub struct WebHost {
    /// The machine.
    pub machine: Option<Machine>,
    /// Its time is counted in instructions.
    pub counted: bool,
    /// Disks outside, by the name of the image.
    pub remote: BTreeMap<String, RemoteDisk>,
    /// The network outside.
    pub net: Option<PortNet>,
    /// Folders that cards can share.
    pub shares: Shares,
    config: Config,
    /// The state to begin with, if it is read while the machine runs.
    later: Option<Incoming>,
    /// The machine's state has been asked for there.
    asked: bool,
    /// Files by name: the page's, among them the images until the machine is made, and those that commands wrote.
    files: BTreeMap<String, Vec<u8>>,
    /// Names of files written since the page last asked.
    written: Vec<String>,
    /// What can be put into drives, by name, until it is.
    media: BTreeMap<String, Source>,
    /// The machine's drives.
    bays: Bays,
}

impl WebHost {
    /// A host without a machine. The options' wishes go where `x-machine-set` can still change them.
    pub fn new(parsed: Parsed, ctl: &mut Controller) -> WebHost {
        let Parsed {
            config,
            counted,
            later,
            files,
            drives,
            boot,
            net,
            shares,
            incoming,
            ..
        } = parsed;
        let remote = drives
            .iter()
            .filter_map(|(name, source)| Some((name.clone(), source.remote()?)));
        let remote = remote.collect();
        let setup = ctl.setup_mut();
        // Cards of a saved machine come with it.
        if incoming.is_none() && !shares.all().is_empty() {
            setup.put("devices", shares.cards());
        }
        if net != JsNet::User {
            setup.put("net", "none".into());
        }
        setup.put("machine", config.machine.as_str().into());
        if !config.cpu.is_empty() {
            setup.put("cpu", config.cpu.as_str().into());
        }
        setup.put("m", config.ram_bytes.into());
        setup.put("smp", config.cpus.into());
        for name in files.keys().filter(|name| IMAGES.contains(&name.as_str())) {
            setup.put(name, name.as_str().into());
        }
        for name in drives.keys() {
            setup.put(name, name.as_str().into());
        }
        if let Some(boot) = boot {
            setup.put("boot", boot.into());
        }
        if !config.append.is_empty() {
            setup.put("append", config.append.as_str().into());
        }
        setup.put("nic", config.nic.into());
        if config.accel == Accel::Interp {
            setup.put("accel", "interp".into());
        }
        if counted {
            setup.put("icount", config.icount_shift.into());
        }
        WebHost {
            machine: None,
            remote,
            net: (net == JsNet::Frames).then(PortNet::default),
            shares,
            counted,
            config,
            later,
            asked: false,
            files,
            written: Vec::new(),
            media: drives,
            bays: Bays::default(),
        }
    }

    /// More of the file at the address that the machine's state is read from.
    pub fn received(&mut self, bytes: &[u8]) {
        if let Some(received) = self.later.as_ref().and_then(Incoming::received) {
            received.borrow_mut().extend_from_slice(bytes);
        }
    }

    /// Brings so many more bytes of the machine's state into memory, at most; returns how many are left.
    pub fn bring_memory(&mut self, most_bytes: u64) -> u64 {
        let left = self.machine.as_mut().map_or(0, |m| m.fetch(most_bytes));
        // Commands may come before the state does (preconfig).
        if left == 0 && self.asked {
            self.later = None;
        }
        left
    }

    /// A file that commands can read from now on.
    pub fn put_file(&mut self, name: String, data: Vec<u8>) {
        self.files.insert(name, data);
    }

    /// Takes a file, which is then no longer there.
    pub fn take_file(&mut self, name: &str) -> Option<Vec<u8>> {
        self.files.remove(name)
    }

    /// Names of files that commands wrote since the last call.
    pub fn take_written(&mut self) -> Vec<String> {
        std::mem::take(&mut self.written)
    }

    /// The configuration that the options have become.
    fn configured(&self, setup: &Setup, disks: &Disks) -> Result<Config, String> {
        let text = |name: &str| setup.text(name).unwrap_or_default().to_owned();
        let image = |name: &str| match setup.text(name) {
            None => Ok(None),
            Some(file) => match self.files.get(file) {
                Some(bytes) => Ok(Some(bytes.clone())),
                None => Err(format!(
                    "could not load {name} '{file}': the page gave no such file"
                )),
            },
        };
        let mut config = self.config.clone();
        config.machine = text("machine");
        config.cpu = text("cpu");
        config.ram_bytes = setup.number("m").unwrap_or(config.ram_bytes);
        config.cpus = setup.number("smp").map_or(config.cpus, |n| n as u32);
        config.kernel = image("kernel")?;
        config.initrd = image("initrd")?;
        config.bios = image("bios")?;
        config.dtb = image("dtb")?;
        config.append = text("append");
        config.nic = setup.get("nic") != Some(&json!(false));
        config.accel = match setup.text("accel") {
            Some("interp") => Accel::Interp,
            _ => Accel::Jit,
        };
        let shift = setup.number("icount").and_then(|n| u32::try_from(n).ok());
        config.icount_shift = shift.unwrap_or(self.config.icount_shift);
        config.counted = shift.is_some();
        // Where random numbers begin; a counted machine is the same in every run.
        if !config.counted {
            config.seed = (js_sys::Math::random() * 9_007_199_254_740_992.0) as u64;
        }
        let present = (!config.counted).then(|| (js_sys::Date::now() / 1000.0) as u64);
        if let Some(seconds) = setup.number("rtc").or(present) {
            config.rtc_base = seconds;
        }
        if let Some(boot) = setup.text("boot") {
            (config.pc.boot, config.pc.boot_menu) = order(boot).ok_or_else(|| {
                format!("boot order '{boot}': up to three of the letters a, c, d and n")
            })?;
        }
        if config.target.arch == Arch::X86 {
            config.pc.vga = setup.get("vga") != Some(&json!(false));
        }
        let there = |slot| disks.iter().any(|(s, ..)| *s == slot);
        config.pc.floppies[1] = there(5);
        config.pc.virtio_disks = if there(7) { 2 } else { u8::from(there(6)) };
        Ok(config)
    }
}

/// The file of a place for states.
fn file(uri: &str) -> Result<&str, String> {
    match uri.strip_prefix("file:") {
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(format!(
            "a page has no place '{uri}', only files (file:NAME)"
        )),
    }
}

impl WebHost {
    /// Something that a drive can hold from now on.
    pub fn put_drive(&mut self, name: String, source: Source) {
        if let Some(disk) = source.remote() {
            self.remote.insert(name.clone(), disk);
        }
        self.media.insert(name, source);
    }

    /// The drives that are asked for: slots and back ends.
    fn disks(&self, setup: &Setup) -> Result<Disks, String> {
        let mut disks = Disks::new();
        for (name, slot) in DRIVES {
            if let Some(file) = setup.text(name) {
                let (medium, disk) = bays::open(slot, file, self.media.get(file).cloned())?;
                disks.push((slot, medium, disk));
            }
        }
        Ok(disks)
    }
}

impl Host for WebHost {
    fn clock(&self) -> (i64, u32) {
        let milliseconds = js_sys::Date::now();
        let seconds = (milliseconds / 1000.0).floor();
        (
            seconds as i64,
            ((milliseconds - seconds * 1000.0) * 1000.0) as u32,
        )
    }

    fn machine(&mut self) -> Option<&mut dyn Driven> {
        self.machine.as_mut().map(|m| m as &mut dyn Driven)
    }

    fn build(&mut self, setup: &Setup) -> Result<(), String> {
        let disks = self.disks(setup)?;
        let config = self.configured(setup, &disks)?;
        let machine = Machine::new(&config, |_arena| {
            let engine: Box<dyn Engine> = Box::new(WebEngine::new().map_err(|e| e.to_string())?);
            Ok(engine)
        });
        let mut machine = machine.map_err(|e| sentence(&e))?;
        let any = !disks.is_empty();
        self.bays = Bays::empty(config.target.arch == Arch::X86);
        for (slot, medium, disk) in disks {
            machine.bus_mut().set_disk(slot, Some(disk));
            self.bays.put(slot, Some(medium));
        }
        if any {
            // The drives look at their disks on reset.
            machine.reset();
        }
        for (tag, tree) in self.shares.all() {
            machine.bus_mut().add_share(tag, Box::new(tree.clone()));
        }
        if let Some(net) = &self.net {
            machine.bus_mut().set_net(0, Some(Box::new(net.clone())));
        }
        self.machine = Some(machine);
        self.counted = setup.get("icount").is_some();
        for name in IMAGES {
            self.files.remove(name);
        }
        // What is left is for cards, which are plugged next.
        for file in DRIVES.iter().filter_map(|(name, _)| setup.text(name)) {
            self.media.remove(file);
        }
        Ok(())
    }

    fn drives(&self) -> Vec<driven::Drive> {
        self.bays.describe()
    }

    fn look(&mut self, open: Open<'_>) -> Result<Medium, String> {
        let file = bays::checked(&open)?;
        Ok(bays::open(0, file, self.media.get(file).cloned())?.0)
    }

    fn insert(&mut self, slot: u32, open: Open<'_>) -> Result<(), String> {
        let file = bays::checked(&open)?;
        let Some(machine) = self.machine.as_mut().filter(|_| self.bays.has(slot)) else {
            return Err("the drive is not there".into());
        };
        let (medium, disk) = bays::open(slot, file, self.media.get(file).cloned())?;
        if !machine.set_disk(slot, Some(disk)) {
            return Err("the drive is busy".into());
        }
        self.media.remove(file);
        self.bays.put(slot, Some(medium));
        Ok(())
    }

    fn add_drive(&mut self, slot: u32, open: Open<'_>) -> Result<(), String> {
        self.bays.put(slot, None);
        let done = self.insert(slot, open);
        if done.is_err() {
            self.bays.forget(slot);
        }
        done
    }

    fn drop_drive(&mut self, slot: u32) {
        self.bays.forget(slot);
    }

    fn remove(&mut self, slot: u32) -> Result<(), String> {
        let Some(machine) = self.machine.as_mut().filter(|_| self.bays.has(slot)) else {
            return Err("the drive is not there".into());
        };
        if !machine.set_disk(slot, None) {
            return Err("the drive is busy".into());
        }
        self.bays.put(slot, None);
        Ok(())
    }

    fn file_there(&self, path: &str) -> Result<(), String> {
        match self.media.contains_key(path) {
            true => Ok(()),
            false => Err(format!(
                "Could not open '{path}': the page gave no such file"
            )),
        }
    }

    fn net_open(&mut self, with: &Map<String, Value>) -> Result<Box<dyn NetBackend>, String> {
        network::open(with)
    }

    fn write_file(&mut self, path: &str, data: &[u8]) -> Result<(), String> {
        self.files.insert(path.into(), data.into());
        if !self.written.iter().any(|name| name == path) {
            self.written.push(path.into());
        }
        Ok(())
    }

    fn send_state(&mut self, uri: &str, data: &[u8]) -> Result<(), String> {
        self.write_file(file(uri)?, data)
    }

    fn state_source(&mut self, uri: &str) -> Option<Box<dyn StateSource>> {
        let later = self.later.as_ref()?;
        let this = file(uri).is_ok_and(|name| name == INCOMING);
        self.asked |= this;
        this.then(|| later.source())
    }

    fn receive_state(&mut self, uri: &str) -> Result<Vec<u8>, String> {
        let name = file(uri)?;
        let found = self.files.get(name).cloned();
        found.ok_or_else(|| format!("failed to open '{name}': the page gave no such file"))
    }

    fn chardevs(&self) -> Vec<Chardev> {
        let machine = self.machine.as_ref();
        let ports = machine.map_or(0, |m| m.bus().board().consoles);
        let one = |port| Chardev {
            label: format!("serial{port}"),
            filename: "page".into(),
            frontend_open: true,
        };
        (0..ports).map(one).collect()
    }
}
