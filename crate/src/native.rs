//! This program as control sees it: wall clock, files, character devices, drives, and the machine once it is made.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tinamou_control::driven::{self, ImageSnapshot, Medium, Open};
use tinamou_control::setup::Setup;
use tinamou_control::transfer::{Incoming, Outgoing};
use tinamou_control::{Controller, Driven, Host, MonitorId};
use tinamou_core::NetBackend;
use tinamou_machine::{Accel, Arch, Machine};

use crate::chardevs::Chardevs;
use crate::disks::{Bay, Snapshots};
use crate::host::why;
use crate::logfile::Log;
use crate::nets::Nets;
use crate::options::chardev::{Chardev, Socket};
use crate::options::drive::{Drive, Format, Interface, Media};
use crate::options::pc::{self, Boot};
use crate::options::rtc::RtcBase;
use crate::options::{Icount, Options};
use crate::transport::{Bell, Place};
use crate::{disks, setup, trace, transport};

/// Options of the machine's making that are drives: name, interface, place there, medium.
const DRIVES: [(&str, Interface, u32, Media); 8] = [
    ("hda", Interface::Ide, 0, Media::Disk),
    ("hdb", Interface::Ide, 1, Media::Disk),
    ("cdrom", Interface::Ide, 2, Media::Cdrom),
    ("hdd", Interface::Ide, 3, Media::Disk),
    ("fda", Interface::Floppy, 0, Media::Disk),
    ("fdb", Interface::Floppy, 1, Media::Disk),
    ("virtio0", Interface::Virtio, 0, Media::Disk),
    ("virtio1", Interface::Virtio, 1, Media::Disk),
];

/// The host.
pub struct Native {
    /// What was asked for; `x-machine-set` changes it.
    pub options: Options,
    /// The machine.
    pub machine: Option<Machine>,
    /// The character devices.
    pub chardevs: Chardevs,
    /// What network back ends wait for.
    pub nets: Nets,
    /// Where guest errors and traces go.
    pub log: Log,
    /// Rings when a machine's state has come further on its way.
    pub bell: Bell,
    fds: Fds,
    bays: Vec<Bay>,
}

/// Descriptors that came by monitors.
#[derive(Default)]
struct Fds {
    /// The last ones, without names.
    passed: BTreeMap<MonitorId, OwnedFd>,
    /// Those with names.
    named: BTreeMap<(MonitorId, String), OwnedFd>,
}

impl Native {
    /// A host without a machine.
    ///
    /// # Errors
    /// When the system gives no pipe.
    pub fn new(options: Options, chardevs: Chardevs, log: Log) -> Result<Native, String> {
        Ok(Native {
            options,
            machine: None,
            chardevs,
            nets: Nets::default(),
            log,
            bell: Bell::new().map_err(|e| why(&e))?,
            fds: Fds::default(),
            bays: Vec::new(),
        })
    }

    /// A descriptor came by a monitor.
    pub fn passed(&mut self, monitor: MonitorId, fd: OwnedFd) {
        self.fds.passed.insert(monitor, fd);
    }

    /// A place, and the descriptor that it names.
    fn place(&mut self, uri: &str, monitor: MonitorId) -> Result<(Place, Option<OwnedFd>), String> {
        let place = transport::place(uri)?;
        let fd = match &place {
            Place::Fd(name) => self.fds.named.remove(&(monitor, name.clone())),
            _ => None,
        };
        Ok((place, fd))
    }

    /// The snapshots of the image in a drive that has room for them.
    fn snapshots(&self, slot: u32) -> Result<&Snapshots, String> {
        let bay = self.bays.iter().find(|b| b.slot == slot);
        let found = bay.and_then(|b| b.snapshots.as_ref());
        found.ok_or_else(|| "the image has no room for snapshots".into())
    }
}

/// The command line's wishes as options that can still be changed.
pub fn describe(options: &Options, ctl: &mut Controller) {
    let setup = ctl.setup_mut();
    setup.put("machine", options.machine.as_str().into());
    if !options.cpu.is_empty() {
        setup.put("cpu", options.cpu.as_str().into());
    }
    if let Some(bytes) = options.ram_bytes {
        setup.put("m", bytes.into());
    }
    if let Some(cpus) = options.cpus {
        setup.put("smp", cpus.into());
    }
    for (name, value) in [
        ("bios", &options.bios),
        ("kernel", &options.kernel),
        ("initrd", &options.initrd),
        ("append", &options.append),
        ("dtb", &options.dtb),
    ] {
        if let Some(value) = value {
            setup.put(name, value.as_str().into());
        }
    }
    setup.put("nic", options.board_net.there.into());
    if let Some(net) = &options.board_net.net {
        setup.put("net", net.as_str().into());
    }
    if options.accel == Accel::Interp {
        setup.put("accel", "interp".into());
    }
    if let Some(icount) = options.icount {
        setup.put("icount", icount.shift.into());
    }
    for (name, interface, index, _) in DRIVES {
        if let Some(file) = drive_file(options, interface, index) {
            setup.put(name, file.into());
        }
    }
    if !options.devices.is_empty() {
        setup.put("devices", options.devices.clone().into());
    }
    if options.target.arch == Arch::X86 {
        setup.put("vga", options.vga.into());
    }
    if let Some(boot) = &options.boot {
        setup.put("boot", pc::letters(boot).into());
    }
    if let Some(RtcBase::At(seconds)) = options.rtc_base {
        setup.put("rtc", seconds.into());
    }
}

/// The image asked for in a place by number.
fn drive_file(options: &Options, interface: Interface, index: u32) -> Option<&str> {
    let here = |d: &&Drive| d.interface == interface && d.index == Some(index);
    options.drives.iter().find(here)?.file.as_deref()
}

/// What was changed since goes back into the command line's wishes.
fn apply(setup: &Setup, options: &mut Options) {
    let text = |name: &str| setup.text(name).map(str::to_owned);
    options.machine = text("machine").unwrap_or_default();
    options.cpu = text("cpu").unwrap_or_default();
    options.ram_bytes = setup.number("m");
    options.cpus = setup.number("smp").map(|n| n as u32);
    options.bios = text("bios");
    options.kernel = text("kernel");
    options.initrd = text("initrd");
    options.append = text("append");
    options.dtb = text("dtb");
    options.board_net.there = setup.get("nic") != Some(&json!(false));
    options.accel = if setup.text("accel") == Some("interp") {
        Accel::Interp
    } else {
        Accel::Jit
    };
    let sleep = options.icount.is_none_or(|i| i.sleep);
    options.icount = setup
        .number("icount")
        .and_then(|shift| u32::try_from(shift).ok())
        .map(|shift| Icount { shift, sleep });
    for (name, interface, index, media) in DRIVES {
        let wanted = setup.text(name);
        if wanted != drive_file(options, interface, index) {
            let here = |d: &Drive| d.interface == interface && d.index == Some(index);
            options.drives.retain(|d| !here(d));
            if let Some(file) = wanted {
                options.drives.push(Drive {
                    interface,
                    ..Drive::at(index, media, file)
                });
            }
        }
    }
    if options.target.arch == Arch::X86 {
        options.vga = setup.get("vga") != Some(&json!(false));
    }
    let given = options.boot.as_ref();
    let (menu, wait_ms) = given.map_or((false, None), |b| (b.menu, b.wait_ms));
    let boot = text("boot").and_then(|order| pc::boot(&order).ok());
    options.boot = boot.map(|b| Boot {
        menu: b.menu || menu,
        wait_ms: b.wait_ms.or(wait_ms),
        ..b
    });
    match (setup.number("rtc"), options.rtc_base) {
        (Some(seconds), _) => options.rtc_base = Some(RtcBase::At(seconds)),
        (None, Some(RtcBase::At(_))) => options.rtc_base = None,
        _ => {}
    }
}

/// An image for a slot as the command line would have it.
fn drive(slot: u32, open: Open<'_>) -> Result<Drive, String> {
    let format = match open.format {
        None => None,
        Some("raw") => Some(Format::Raw),
        Some("qcow2") => Some(Format::Qcow2),
        Some("null-co") => Some(Format::Null),
        Some(other) => return Err(format!("Unknown driver '{other}'")),
    };
    Ok(Drive {
        format,
        readonly: open.read_only,
        ..Drive::at(slot, Media::Disk, open.file)
    })
}

/// `ChardevBackend` as a word of the command line would have it.
fn backend(backend: &Value) -> Result<Chardev, String> {
    let data = &backend["data"];
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let flag = |name: &str, default| data[name].as_bool().unwrap_or(default);
    for unsupported in [
        "logfile",
        "in",
        "tls-creds",
        "telnet",
        "tn3270",
        "websocket",
    ] {
        if !matches!(data[unsupported], Value::Null | Value::Bool(false)) {
            return Err(format!("'{unsupported}' is not supported"));
        }
    }
    match backend["type"].as_str().unwrap_or_default() {
        "null" => Ok(Chardev::Null),
        "pty" => Ok(Chardev::Pty),
        "stdio" => Ok(Chardev::Stdio { mux: false }),
        "file" => Ok(Chardev::File {
            path: text(&data["out"]),
            append: flag("append", false),
        }),
        "socket" => {
            let server = flag("server", true);
            let socket = Socket {
                server,
                // A monitor does not wait for whoever may come.
                wait: false,
            };
            let at = &data["addr"]["data"];
            match data["addr"]["type"].as_str().unwrap_or_default() {
                "unix" => Ok(Chardev::Unix {
                    path: text(&at["path"]),
                    socket,
                }),
                "inet" => Ok(Chardev::Tcp {
                    host: text(&at["host"]),
                    port: text(&at["port"])
                        .parse()
                        .map_err(|_| format!("'{}' is not a TCP port", text(&at["port"])))?,
                    socket,
                }),
                other => Err(format!(
                    "socket addresses of type '{other}' are not supported"
                )),
            }
        }
        other => Err(format!("backend '{other}' is not supported")),
    }
}

impl Host for Native {
    fn clock(&self) -> (i64, u32) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        (now.as_secs().cast_signed(), now.subsec_micros())
    }

    fn machine(&mut self) -> Option<&mut dyn Driven> {
        self.machine.as_mut().map(|m| m as &mut dyn Driven)
    }

    fn build(&mut self, setup: &Setup) -> Result<(), String> {
        let mut options = self.options.clone();
        apply(setup, &mut options);
        let mut warnings = Vec::new();
        let (mut machine, bays) = setup::machine(&options, &mut warnings)?;
        for warning in &warnings {
            eprintln!("tinamou: warning: {warning}");
        }
        let tracer = trace::tracer(options.log, &self.log);
        machine.vcpu_mut().set_trace(tracer);
        self.machine = Some(machine);
        self.bays = bays;
        self.options = options;
        Ok(())
    }

    fn thread_id(&self) -> i64 {
        // The first thread, which runs the guest, has the process's number.
        i64::from(std::process::id())
    }

    fn chardevs(&self) -> Vec<driven::Chardev> {
        self.chardevs.describe()
    }

    fn chardev_add(&mut self, id: &str, with: &Value) -> Result<Option<String>, String> {
        self.chardevs.add(id, &backend(with)?)
    }

    fn chardev_remove(&mut self, id: &str) -> Result<(), String> {
        self.chardevs.remove(id)
    }

    fn chardev_change(&mut self, id: &str, with: &Value) -> Result<Option<String>, String> {
        self.chardevs.change(id, &backend(with)?)
    }

    fn write_file(&mut self, path: &str, data: &[u8]) -> Result<(), String> {
        std::fs::write(path, data).map_err(|e| format!("Could not open '{path}': {}", why(&e)))
    }

    fn open_outgoing(
        &mut self,
        uri: &str,
        monitor: MonitorId,
    ) -> Result<Option<Box<dyn Outgoing>>, String> {
        let (place, fd) = self.place(uri, monitor)?;
        let way = transport::out::open(place, fd, &self.bell)?;
        Ok(Some(Box::new(way)))
    }

    fn open_incoming(
        &mut self,
        uri: &str,
        most: u64,
        monitor: MonitorId,
    ) -> Result<Option<Box<dyn Incoming>>, String> {
        let (place, fd) = self.place(uri, monitor)?;
        let way = transport::inward::open(place, fd, most, &self.bell)?;
        Ok(Some(Box::new(way)))
    }

    fn name_fd(&mut self, monitor: MonitorId, name: &str) -> Result<(), String> {
        let fd = self.fds.passed.remove(&monitor);
        let fd = fd.ok_or("No file descriptor supplied via SCM_RIGHTS")?;
        self.fds.named.insert((monitor, name.to_owned()), fd);
        Ok(())
    }

    fn close_fd(&mut self, monitor: MonitorId, name: &str) -> Result<(), String> {
        let fd = self.fds.named.remove(&(monitor, name.to_owned()));
        fd.map(drop)
            .ok_or_else(|| format!("File descriptor named '{name}' not found"))
    }

    fn send_state(&mut self, uri: &str, data: &[u8]) -> Result<(), String> {
        transport::send(uri, data)
    }

    fn receive_state(&mut self, uri: &str) -> Result<Vec<u8>, String> {
        transport::receive(uri)
    }

    fn image_snapshots(&self, slot: u32) -> Option<Vec<ImageSnapshot>> {
        self.snapshots(slot).ok().map(Snapshots::list)
    }

    fn create_image_snapshot(
        &mut self,
        slot: u32,
        snapshot: &ImageSnapshot,
        state: &[u8],
    ) -> Result<(), String> {
        let made = self.snapshots(slot)?.create(snapshot, state);
        made.map_err(|e| e.to_string())
    }

    fn image_state(&mut self, slot: u32, name: &str) -> Result<Vec<u8>, String> {
        let state = self.snapshots(slot)?.state(name);
        state.map_err(|e| e.to_string())
    }

    fn apply_image_snapshot(&mut self, slot: u32, name: &str) -> Result<(), String> {
        let done = self.snapshots(slot)?.apply(name);
        done.map_err(|e| e.to_string())
    }

    fn delete_image_snapshot(&mut self, slot: u32, name: &str) -> Result<(), String> {
        let done = self.snapshots(slot)?.delete(name);
        done.map_err(|e| e.to_string())
    }

    fn drives(&self) -> Vec<driven::Drive> {
        self.bays.iter().map(Bay::describe).collect()
    }

    fn look(&mut self, open: Open<'_>) -> Result<Medium, String> {
        disks::look(&drive(0, open)?)
    }

    fn insert(&mut self, slot: u32, open: Open<'_>) -> Result<(), String> {
        let drive = drive(slot, open)?;
        let bay = self.bays.iter_mut().find(|b| b.slot == slot);
        let (Some(bay), Some(machine)) = (bay, &mut self.machine) else {
            return Err("the drive is not there".into());
        };
        let before = bay.medium.clone();
        let mut warnings = Vec::new();
        let disk = bay.open(&drive, self.options.snapshot, &mut warnings)?;
        if !machine.set_disk(slot, Some(disk)) {
            bay.medium = before;
            return Err("the drive is busy".into());
        }
        Ok(())
    }

    fn add_drive(&mut self, slot: u32, open: Open<'_>) -> Result<(), String> {
        let mut bay = Bay::new(slot);
        let disk = bay.open(&drive(slot, open)?, self.options.snapshot, &mut Vec::new())?;
        let Some(machine) = &mut self.machine else {
            return Err("there is no machine".into());
        };
        machine.bus_mut().set_disk(slot, Some(disk));
        let [read, write] = bay.error_actions();
        machine.bus_mut().set_error_actions(slot, read, write);
        self.bays.push(bay);
        Ok(())
    }

    fn drop_drive(&mut self, slot: u32) {
        self.bays.retain(|b| b.slot != slot);
    }

    fn resize(&mut self, slot: u32, bytes: u64) -> Result<(), String> {
        let bay = self.bays.iter_mut().find(|b| b.slot == slot);
        let (Some(bay), Some(machine)) = (bay, &mut self.machine) else {
            return Err("the drive is not there".into());
        };
        if machine.bus().disk_is_busy(slot) {
            return Err("the drive is busy".into());
        }
        if let Some(disk) = bay.resize(bytes)? {
            machine.bus_mut().set_disk(slot, Some(disk));
        }
        Ok(())
    }

    fn file_there(&self, path: &str) -> Result<(), String> {
        let there = std::fs::File::open(path).map(drop);
        there.map_err(|e| format!("Could not open '{path}': {}", why(&e)))
    }

    fn net_open(&mut self, with: &Map<String, Value>) -> Result<Box<dyn NetBackend>, String> {
        let seed = self.entropy();
        self.nets.open(with, seed)
    }

    fn entropy(&mut self) -> u64 {
        crate::setup::entropy(&self.options)
    }

    fn remove(&mut self, slot: u32) -> Result<(), String> {
        let bay = self.bays.iter_mut().find(|b| b.slot == slot);
        let (Some(bay), Some(machine)) = (bay, &mut self.machine) else {
            return Err("the drive is not there".into());
        };
        if !machine.set_disk(slot, None) {
            return Err("the drive is busy".into());
        }
        bay.medium = None;
        Ok(())
    }
}
