//! What control needs below it: a machine ([`Driven`]) and a host around the machine ([`Host`]).
//!
//! Neither may block. The host owns the machine, since it runs it; control borrows it for the time of a command.

use serde_json::{Map, Value};
use tinamou_core::{BlockBackend, Frame, Gpa, NetBackend, News};
use tinamou_machine::bus::{Card, MapRange, Place, PlugError};
use tinamou_machine::devices::{Board, BoardConfig};
use tinamou_machine::input::HostInput;
use tinamou_machine::inspect::{Register, Shown};
use tinamou_machine::snapshot::{How, Saved, Source};
use tinamou_machine::{Machine, Stats};

use crate::controller::MonitorId;
use crate::setup::Setup;
use crate::transfer::{Incoming, Outgoing};

/// A machine as seen from outside.
pub trait Driven {
    /// Its board.
    fn board(&self) -> &'static Board;
    /// What the board was made with.
    fn board_config(&self) -> BoardConfig;
    /// The board's reset line.
    fn reset(&mut self);
    /// Instructions retired.
    fn icount(&self) -> u64;
    /// Figures.
    fn stats(&mut self) -> Stats;
    /// Number of vCPUs.
    fn cpus(&self) -> usize;
    /// Looks at vCPU `n` from now on, until the machine runs.
    fn look_at_cpu(&mut self, n: usize);
    /// Register dump of the vCPU looked at.
    fn registers(&self) -> String;
    /// The MMU's entries, a line each.
    fn tlb(&mut self) -> String;
    /// The ranges that page tables map, a line each; `None` where the hardware has none.
    fn mapped(&mut self) -> Option<String>;
    /// A register by the name that gdb has for it (`pc` is the program counter): its value as far as 64 bits go.
    fn register(&mut self, name: &str) -> Option<u64>;
    /// The physical address behind a virtual one.
    fn translate(&mut self, va: u64) -> Option<Gpa>;
    /// Reads memory by physical address; false (and zeros) where some of it is no memory.
    fn read_memory(&self, at: Gpa, buf: &mut [u8]) -> bool;
    /// The instruction at a virtual (or physical) address: its length and its text.
    fn disassemble(&mut self, at: u64, physical: bool) -> (u32, String);
    /// The registers, as gdb's description of the guest lists them.
    fn list_registers(&mut self) -> Vec<Register>;
    /// The program counter.
    fn pc(&self) -> u64;
    /// Whether the vCPU waits for an interrupt.
    fn is_halted(&self) -> bool;
    /// Reads memory at a virtual (or physical) address up to the first byte that is none; devices are left alone.
    fn peek_memory(&mut self, at: u64, physical: bool, buf: &mut [u8]) -> usize;
    /// Writes memory at a virtual (or physical) address, rights notwithstanding; false if part of it does not answer.
    fn write_memory(&mut self, at: u64, physical: bool, data: &[u8]) -> bool;
    /// How an access at the pc would translate an address.
    fn explain(&mut self, va: u64) -> Vec<(String, String)>;
    /// The block of code at a virtual address in all its forms; `None` where there is no code.
    fn show_block(&mut self, at: u64) -> Option<Shown>;
    /// The CPU's physical address space.
    fn memory_map(&self) -> Vec<MapRange>;
    /// What a device of the board says about its state.
    fn device_info(&self, device: &str) -> String;
    /// A configuration register of the PCI bus; all ones where nothing is.
    fn pci_read(&mut self, devfn: u8, reg: u8, size: u32) -> u32;
    /// The memory blocks: name and size.
    fn blocks(&self) -> Vec<(&'static str, u64)>;
    /// What was loaded into memory: block, offset and size.
    fn images(&self) -> Vec<(&'static str, u64, usize)>;
    /// Digits of a virtual address.
    fn address_digits(&self) -> usize;
    /// Puts a disk into a slot, or takes it out. False while a request for the old one is under way.
    fn set_disk(&mut self, slot: u32, disk: Option<Box<dyn BlockBackend>>) -> bool;
    /// Exchanges what is in a slot for disks without anybody noticing, for a state that is loaded next.
    fn swap_disk(
        &mut self,
        slot: u32,
        disk: Option<Box<dyn BlockBackend>>,
    ) -> Option<Box<dyn BlockBackend>>;
    /// Somebody does something at it.
    fn input(&mut self, input: HostInput);
    /// A non-maskable interrupt.
    fn nmi(&mut self);
    /// Draws its display; false without one.
    fn display(&mut self, frame: &mut Frame) -> bool;
    /// What happened in it since the last call.
    fn take_news(&mut self) -> Vec<News>;
    /// A free PCI slot, the wanted one or the first.
    ///
    /// # Errors
    /// There is none.
    fn free_place(&self, wanted: Option<u8>) -> Result<Place, PlugError>;
    /// A PCI slot for cards, free or not.
    fn place(&self, slot: u8) -> Option<Place>;
    /// Plugs a card into such a slot.
    ///
    /// # Errors
    /// It is not free.
    fn plug(&mut self, slot: u8, card: Card) -> Result<(), String>;
    /// The number of the host's folder of this name, which the guest is to know by `tag`.
    fn share(&mut self, id: &str, tag: &str) -> Option<u8>;
    /// Takes a card out.
    fn unplug(&mut self, slot: u8);
    /// Whether anything is in a PCI slot.
    fn pci_slot_in_use(&self, slot: u8) -> bool;
    /// Makes a network port a port of a hub, or of none.
    fn connect(&mut self, port: u32, hub: Option<u32>);
    /// Connects a network port to a back end, or to none; the one before.
    fn set_net(
        &mut self,
        port: u32,
        net: Option<Box<dyn NetBackend>>,
    ) -> Option<Box<dyn NetBackend>>;
    /// Takes a network port's link down, or up.
    fn set_link(&mut self, port: u32, up: bool);
    /// Virtual time.
    fn now_ns(&self) -> u64;
    /// Its time is a matter of instructions (`-icount`).
    fn is_counted(&self) -> bool;
    /// What snapshots of it are to say besides, for whoever loads them.
    fn set_notes(&mut self, notes: String);
    /// Saves it without pages that are as in the images it was made with: it is loaded only beside the same images.
    ///
    /// # Errors
    /// A sentence for the user.
    fn save_beside_images(&mut self, runs: bool) -> Result<Saved, String>;
    /// Saves it; `runs`: it is to go on at once where it is loaded; `apart`: slots whose disks are kept elsewhere.
    ///
    /// # Errors
    /// A sentence for the user.
    fn save(&mut self, runs: bool, apart: &[u32]) -> Result<Saved, String>;
    /// Loads what `save` wrote, and returns `runs`.
    ///
    /// # Errors
    /// A sentence for the user; the machine is as it was.
    fn load(&mut self, file: &[u8]) -> Result<bool, String>;
    /// The same out of a file of which memory is read when it is wanted.
    ///
    /// # Errors
    /// The same.
    fn load_from(&mut self, source: Box<dyn Source>) -> Result<bool, String>;
    /// Asks disks anew for what is under way, once those that were kept apart are what they were.
    fn restart_requests(&mut self);
}

impl Driven for Machine {
    fn board(&self) -> &'static Board {
        self.bus().board()
    }
    fn board_config(&self) -> BoardConfig {
        self.bus().config().clone()
    }
    fn reset(&mut self) {
        Machine::reset(self);
    }
    fn icount(&self) -> u64 {
        Machine::icount(self)
    }
    fn stats(&mut self) -> Stats {
        Machine::stats(self)
    }
    fn cpus(&self) -> usize {
        Machine::vcpus(self) as usize
    }
    fn look_at_cpu(&mut self, n: usize) {
        Machine::look_at_cpu(self, n);
    }
    fn registers(&self) -> String {
        Machine::registers(self)
    }
    fn tlb(&mut self) -> String {
        Machine::tlb(self)
    }
    fn mapped(&mut self) -> Option<String> {
        Machine::mapped(self)
    }
    fn register(&mut self, name: &str) -> Option<u64> {
        if name == "pc" {
            return Some(Machine::pc(self));
        }
        let all = self.list_registers();
        all.iter().find(|r| r.is(name)).map(|r| r.low64())
    }
    fn translate(&mut self, va: u64) -> Option<Gpa> {
        Machine::translate(self, va)
    }
    fn read_memory(&self, at: Gpa, buf: &mut [u8]) -> bool {
        self.bus().read_memory(at, buf)
    }
    fn disassemble(&mut self, at: u64, physical: bool) -> (u32, String) {
        Machine::disassemble(self, at, physical)
    }
    fn list_registers(&mut self) -> Vec<Register> {
        Machine::list_registers(self)
    }
    fn pc(&self) -> u64 {
        Machine::pc(self)
    }
    fn is_halted(&self) -> bool {
        Machine::is_halted(self)
    }
    fn peek_memory(&mut self, at: u64, physical: bool, buf: &mut [u8]) -> usize {
        Machine::peek_memory(self, at, physical, buf)
    }
    fn write_memory(&mut self, at: u64, physical: bool, data: &[u8]) -> bool {
        if physical {
            self.write_physical(at, data)
        } else {
            self.write_virtual(at, data)
        }
    }
    fn explain(&mut self, va: u64) -> Vec<(String, String)> {
        Machine::explain(self, va)
    }
    fn show_block(&mut self, at: u64) -> Option<Shown> {
        Machine::show_block(self, at)
    }
    fn memory_map(&self) -> Vec<MapRange> {
        self.bus().map_ranges()
    }
    fn device_info(&self, device: &str) -> String {
        self.bus().device_info(device)
    }
    fn pci_read(&mut self, devfn: u8, reg: u8, size: u32) -> u32 {
        self.bus_mut().pci_config(devfn, reg, size)
    }
    fn blocks(&self) -> Vec<(&'static str, u64)> {
        let blocks = self.bus().blocks();
        blocks.iter().map(|b| (b.name, b.bytes)).collect()
    }
    fn images(&self) -> Vec<(&'static str, u64, usize)> {
        self.bus().images().collect()
    }
    fn address_digits(&self) -> usize {
        Machine::address_digits(self)
    }
    fn set_disk(&mut self, slot: u32, disk: Option<Box<dyn BlockBackend>>) -> bool {
        if self.bus().disk_is_busy(slot) {
            return false;
        }
        self.bus_mut().set_disk(slot, disk);
        self.host_input(HostInput::DiskChanged { slot });
        true
    }
    fn swap_disk(
        &mut self,
        slot: u32,
        disk: Option<Box<dyn BlockBackend>>,
    ) -> Option<Box<dyn BlockBackend>> {
        self.bus_mut().swap_disk(slot, disk)
    }
    fn input(&mut self, input: HostInput) {
        self.host_input(input);
    }
    fn nmi(&mut self) {
        Machine::nmi(self);
    }
    fn display(&mut self, frame: &mut Frame) -> bool {
        self.bus_mut().display(frame)
    }
    fn take_news(&mut self) -> Vec<News> {
        self.bus_mut().take_news()
    }
    fn free_place(&self, wanted: Option<u8>) -> Result<Place, PlugError> {
        self.bus().free_place(wanted)
    }
    fn place(&self, slot: u8) -> Option<Place> {
        self.bus().place(slot)
    }
    fn plug(&mut self, slot: u8, card: Card) -> Result<(), String> {
        self.bus_mut().plug(slot, card).map_err(|e| e.to_string())
    }
    fn share(&mut self, id: &str, tag: &str) -> Option<u8> {
        self.bus_mut().share(id, tag)
    }
    fn unplug(&mut self, slot: u8) {
        self.bus_mut().unplug(slot);
    }
    fn pci_slot_in_use(&self, slot: u8) -> bool {
        self.bus().pci_slot_in_use(slot)
    }
    fn connect(&mut self, port: u32, hub: Option<u32>) {
        self.bus_mut().connect(port, hub);
    }
    fn set_net(
        &mut self,
        port: u32,
        net: Option<Box<dyn NetBackend>>,
    ) -> Option<Box<dyn NetBackend>> {
        self.bus_mut().set_net(port, net)
    }
    fn set_link(&mut self, port: u32, up: bool) {
        self.bus_mut().set_link(port, up);
    }
    fn now_ns(&self) -> u64 {
        Machine::now_ns(self)
    }
    fn is_counted(&self) -> bool {
        Machine::is_counted(self)
    }
    fn set_notes(&mut self, notes: String) {
        Machine::set_notes(self, notes);
    }
    fn save_beside_images(&mut self, runs: bool) -> Result<Saved, String> {
        let how = How {
            runs,
            without_images: true,
            ..How::default()
        };
        self.save_as(&how).map_err(|e| e.to_string())
    }
    fn save(&mut self, runs: bool, apart: &[u32]) -> Result<Saved, String> {
        let how = How {
            runs,
            apart,
            ..How::default()
        };
        self.save_as(&how).map_err(|e| e.to_string())
    }
    fn restart_requests(&mut self) {
        self.bus_mut().start_requests();
    }
    fn load(&mut self, file: &[u8]) -> Result<bool, String> {
        Machine::load(self, file).map_err(|e| e.to_string())
    }
    fn load_from(&mut self, source: Box<dyn Source>) -> Result<bool, String> {
        Machine::load_from(self, source).map_err(|e| e.to_string())
    }
}

/// A character device of the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chardev {
    /// Its id.
    pub label: String,
    /// Where it leads, as QEMU writes it.
    pub filename: String,
    /// Somebody (a serial port, a monitor) uses it.
    pub frontend_open: bool,
}

/// What is in a drive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Medium {
    /// The image's name.
    pub file: String,
    /// `raw` or `qcow2`.
    pub format: String,
    /// Writes are refused.
    pub read_only: bool,
    /// Size of the disk in bytes.
    pub virtual_size: u64,
    /// Size of the file in bytes.
    pub actual_size: u64,
}

/// What a drive has done.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct DriveStats {
    /// Bytes read and written.
    pub bytes: [u64; 2],
    /// Reads and writes.
    pub operations: [u64; 2],
    /// Flushes.
    pub flushes: u64,
    /// Reads and writes that failed.
    pub failed: [u64; 2],
    /// Byte after the highest one written.
    pub highest: u64,
}

/// A drive of the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drive {
    /// Its slot on the board.
    pub slot: u32,
    /// The medium can be changed.
    pub removable: bool,
    /// What is in it.
    pub medium: Option<Medium>,
    /// What it has done.
    pub stats: DriveStats,
}

/// A snapshot inside an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageSnapshot {
    /// Its number in the image, which gives it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made: seconds since 1970, and nanoseconds.
    pub made: (u32, u32),
    /// The machine's time.
    pub clock_ns: u64,
    /// The machine's instruction count, where time is counted.
    pub icount: Option<u64>,
    /// Length of the machine's state in it.
    pub state_bytes: u64,
}

/// An image to put into a drive.
#[derive(Clone, Copy, Debug)]
pub struct Open<'a> {
    /// Its name.
    pub file: &'a str,
    /// Its format, unless it is to be found out.
    pub format: Option<&'a str>,
    /// Refuse writes.
    pub read_only: bool,
}

/// What surrounds the machine. A browser has no files, sockets and so on: what is not there says so.
pub trait Host {
    /// Wall clock: seconds since 1970 and microseconds.
    fn clock(&self) -> (i64, u32);
    /// The machine, once it is there.
    fn machine(&mut self) -> Option<&mut dyn Driven>;
    /// Makes the machine.
    ///
    /// # Errors
    /// A sentence for the user; nothing was made.
    fn build(&mut self, setup: &Setup) -> Result<(), String>;
    /// The thread that runs the vCPU.
    fn thread_id(&self) -> i64 {
        1
    }
    /// The character devices.
    fn chardevs(&self) -> Vec<Chardev> {
        Vec::new()
    }
    /// Makes a character device of QEMU's `ChardevBackend`; returns the name of a pseudo-terminal.
    ///
    /// # Errors
    /// A sentence for the user.
    fn chardev_add(&mut self, _id: &str, _backend: &Value) -> Result<Option<String>, String> {
        Err("this host has no character devices".into())
    }
    /// Removes a character device that nobody uses.
    ///
    /// # Errors
    /// A sentence for the user.
    fn chardev_remove(&mut self, id: &str) -> Result<(), String> {
        Err(format!("Chardev '{id}' not found"))
    }
    /// Leads a character device elsewhere; whoever uses it goes on.
    ///
    /// # Errors
    /// A sentence for the user; it is as it was.
    fn chardev_change(&mut self, id: &str, _backend: &Value) -> Result<Option<String>, String> {
        Err(format!("Chardev '{id}' cannot be changed"))
    }
    /// Writes a file.
    ///
    /// # Errors
    /// A sentence for the user.
    fn write_file(&mut self, path: &str, _data: &[u8]) -> Result<(), String> {
        Err(format!("Could not open '{path}': this host has no files"))
    }
    /// Begins to carry a machine's state to a place of QEMU's kinds; `None` if that is done at once, by [`Host::send_state`]. `monitor` has
    /// the descriptors that are meant by name.
    ///
    /// # Errors
    /// There can be no such place: a sentence for the user.
    fn open_outgoing(
        &mut self,
        _uri: &str,
        _monitor: MonitorId,
    ) -> Result<Option<Box<dyn Outgoing>>, String> {
        Ok(None)
    }
    /// Begins to wait for a machine's state, at most so many bytes; `None` if that is done at once, by [`Host::receive_state`].
    ///
    /// # Errors
    /// There can be no such place: a sentence for the user.
    fn open_incoming(
        &mut self,
        _uri: &str,
        _most: u64,
        _monitor: MonitorId,
    ) -> Result<Option<Box<dyn Incoming>>, String> {
        Ok(None)
    }
    /// Gives a descriptor that came by a monitor a name.
    ///
    /// # Errors
    /// None came.
    fn name_fd(&mut self, _monitor: MonitorId, _name: &str) -> Result<(), String> {
        Err("No file descriptor supplied via SCM_RIGHTS".into())
    }
    /// Closes a descriptor with a name.
    ///
    /// # Errors
    /// There is none.
    fn close_fd(&mut self, _monitor: MonitorId, name: &str) -> Result<(), String> {
        Err(format!("File descriptor named '{name}' not found"))
    }
    /// Sends a machine's state to a file (`file:`) at once.
    ///
    /// # Errors
    /// A sentence for the user.
    fn send_state(&mut self, uri: &str, _data: &[u8]) -> Result<(), String> {
        Err(format!("this host cannot send to '{uri}'"))
    }
    /// A machine's state in such a place, of which parts can be read at once; `None` where that cannot be had.
    fn state_source(&mut self, _uri: &str) -> Option<Box<dyn Source>> {
        None
    }
    /// A machine's state from such a place.
    ///
    /// # Errors
    /// A sentence for the user.
    fn receive_state(&mut self, uri: &str) -> Result<Vec<u8>, String> {
        Err(format!("this host cannot receive from '{uri}'"))
    }
    /// The snapshots inside the image in a drive; `None` where it has no room for any.
    fn image_snapshots(&self, _slot: u32) -> Option<Vec<ImageSnapshot>> {
        None
    }
    /// Makes one, with a machine's state.
    ///
    /// # Errors
    /// A sentence for the user.
    fn create_image_snapshot(
        &mut self,
        slot: u32,
        _snapshot: &ImageSnapshot,
        _state: &[u8],
    ) -> Result<(), String> {
        Err(no_snapshots(slot))
    }
    /// The machine's state in one.
    ///
    /// # Errors
    /// A sentence for the user.
    fn image_state(&mut self, slot: u32, _name: &str) -> Result<Vec<u8>, String> {
        Err(no_snapshots(slot))
    }
    /// The disk becomes what it was in one.
    ///
    /// # Errors
    /// A sentence for the user.
    fn apply_image_snapshot(&mut self, slot: u32, _name: &str) -> Result<(), String> {
        Err(no_snapshots(slot))
    }
    /// Removes one.
    ///
    /// # Errors
    /// A sentence for the user.
    fn delete_image_snapshot(&mut self, slot: u32, _name: &str) -> Result<(), String> {
        Err(no_snapshots(slot))
    }
    /// The drives, by slot.
    fn drives(&self) -> Vec<Drive> {
        Vec::new()
    }
    /// Opens an image and puts it into a drive that is there.
    ///
    /// # Errors
    /// A sentence for the user; the drive keeps what it has.
    fn insert(&mut self, _slot: u32, open: Open<'_>) -> Result<(), String> {
        Err(format!(
            "Could not open '{}': this host has no files",
            open.file
        ))
    }
    /// Opens an image for a look, and closes it: what it is.
    ///
    /// # Errors
    /// A sentence for the user.
    fn look(&mut self, open: Open<'_>) -> Result<Medium, String> {
        Err(format!(
            "Could not open '{}': this host has no files",
            open.file
        ))
    }
    /// Makes a further drive for a card, with this image in it.
    ///
    /// # Errors
    /// A sentence for the user; there is no such drive then.
    fn add_drive(&mut self, _slot: u32, open: Open<'_>) -> Result<(), String> {
        Err(format!(
            "Could not open '{}': this host has no files",
            open.file
        ))
    }
    /// Forgets such a drive.
    fn drop_drive(&mut self, _slot: u32) {}
    /// Changes the size of what is in a drive.
    ///
    /// # Errors
    /// A sentence for the user; it is as it was.
    fn resize(&mut self, _slot: u32, _bytes: u64) -> Result<(), String> {
        Err("this host cannot resize images".into())
    }
    /// Whether a file can be opened.
    ///
    /// # Errors
    /// A sentence for the user.
    fn file_there(&self, path: &str) -> Result<(), String> {
        Err(format!("Could not open '{path}': this host has no files"))
    }
    /// Makes a network back end: the arguments of `netdev_add`, checked against their types.
    ///
    /// # Errors
    /// A sentence for the user.
    fn net_open(&mut self, with: &Map<String, Value>) -> Result<Box<dyn NetBackend>, String> {
        let kind = with["type"].as_str().unwrap_or_default();
        Err(format!(
            "network backend '{kind}' is not supported: this host has no networks, only hubs inside the machine (hubport)"
        ))
    }
    /// A number that nobody can guess.
    fn entropy(&mut self) -> u64 {
        0
    }
    /// Takes the medium out of a drive.
    ///
    /// # Errors
    /// A sentence for the user.
    fn remove(&mut self, _slot: u32) -> Result<(), String> {
        Ok(())
    }
}

fn no_snapshots(slot: u32) -> String {
    format!("the image in slot {slot} has no room for snapshots")
}
