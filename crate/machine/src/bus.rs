//! The bus: it owns a board's devices, memory blocks, address maps, IRQ wires, timers and host back ends.
//!
//! Invariants: devices are called one at a time and never hold each other; IRQ changes are delivered from a queue after the
//! call that made them; timers, disk completions and frames come in one deterministic order (deadline, kind, device, number); an
//! access never panics, whatever the guest does. The bus knows no guest architecture: it reports CPU pins as a bit mask and
//! unmapped addresses as [`tinamou_core::BusError`].

use std::cell::Cell;
use std::collections::VecDeque;

use tinamou_core::{
    BlockBackend, BlockId, Device, ErrorAction, Frame, Input, LoadError, Loader, MachineRequest,
    Mapping, News, Ns, Saver, TextScreen,
};

use crate::devices::{Board, BoardConfig, Sink};

mod access;
mod cx;
mod events;
mod inspect;
mod map;
mod net;
mod plug;
mod speaker;
#[cfg(test)]
mod tests;

pub use events::Advance;
use events::{Pending, Timer};
pub use inspect::{Answers, MapRange};
use map::{FlatRange, Target};
use net::Net;
pub(crate) use plug::Vacant;
pub use plug::{Card, Place, PlugError};
use speaker::Speaker;

/// The arena as the bus sees it. Offsets are arena offsets.
pub trait Ram {
    /// Reserves `bytes` of zeroed memory, page-aligned. `None` when there is no room.
    fn alloc(&mut self, bytes: u64) -> Option<u32>;
    /// Reads bytes that lie inside one allocation.
    fn read(&self, arena: u32, buf: &mut [u8]);
    /// Writes bytes that lie inside one allocation.
    fn write(&mut self, arena: u32, data: &[u8]);
    /// Called before somebody reads or writes these bytes by their place in the arena.
    fn touch(&self, _arena: u32, _bytes: u32) {}
    /// Memory could not be provided: the machine is to stop before the next instruction.
    fn failed(&self) -> bool {
        false
    }
}

/// Memory in a plain vector, for tests and tools.
#[derive(Default, Debug)]
pub struct VecRam(pub Vec<u8>);

impl Ram for VecRam {
    fn alloc(&mut self, bytes: u64) -> Option<u32> {
        let at = self.0.len().next_multiple_of(4096);
        self.0.resize(at + usize::try_from(bytes).ok()?, 0);
        u32::try_from(at).ok()
    }
    fn read(&self, arena: u32, buf: &mut [u8]) {
        let at = arena as usize;
        buf.copy_from_slice(&self.0[at..at + buf.len()]);
    }
    fn write(&mut self, arena: u32, data: &[u8]) {
        let at = arena as usize;
        self.0[at..at + data.len()].copy_from_slice(data);
    }
}

/// A RAM or ROM block of the board.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Its name in the board's table.
    pub name: &'static str,
    /// Where it lies in the arena.
    pub arena: u32,
    /// Its length.
    pub bytes: u64,
}

/// Memory that changed behind the CPU's back: translated code in it must go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DmaWrite {
    /// First byte in the arena (RAM visible at several physical addresses has one arena address).
    pub arena: u32,
    /// Number of bytes.
    pub bytes: u32,
}

/// Trouble with making a board.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BoardError {
    /// The board cannot have this much memory.
    #[error("{board}: {bytes} bytes of memory: {why}")]
    RamSize {
        /// The board.
        board: &'static str,
        /// What was asked for.
        bytes: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The arena is full.
    #[error("not enough host memory for the machine's memory block `{0}`")]
    NoMemory(&'static str),
}

struct Wire {
    pin: u32,
    sink: usize,
}

/// A board at work. See the module's head.
pub struct Bus {
    board: &'static Board,
    config: BoardConfig,
    ram: Box<dyn Ram>,
    blocks: Vec<Block>,
    devs: Vec<Option<Box<dyn Device>>>,
    fixed: Vec<(usize, Mapping)>,
    pci: Vec<(u8, usize, u8)>,
    pic: Option<usize>,
    /// The device that takes message-signalled interrupts, and its region.
    messages: Option<(usize, u32)>,
    dma: Option<usize>,
    wires: Vec<Vec<Wire>>,
    sinks: Vec<(Sink, u32)>,
    out_levels: Vec<u64>,
    irq_queue: VecDeque<(usize, u32, bool)>,
    cpu_irq: u64,
    /// Pins that rose since somebody looked, also if they fell again.
    cpu_rises: u64,
    /// The CPU that makes the accesses.
    cpu: u32,
    flat: Vec<FlatRange>,
    last: Cell<usize>,
    last_page: Cell<usize>,
    generation: u64,
    memory_generation: u64,
    remap: bool,
    depth: u32,
    now: Ns,
    timers: Vec<Timer>,
    pending: Vec<Pending>,
    next_request: u64,
    request: Option<MachineRequest>,
    exit_code: Option<u32>,
    console_in: Vec<VecDeque<u8>>,
    console_out: Vec<Vec<u8>>,
    disks: Vec<Option<Box<dyn BlockBackend>>>,
    nets: Vec<Net>,
    /// Cards in the board's free slots, by slot.
    cards: Vec<(u8, Card)>,
    shares: Vec<plug::Share>,
    /// Network ports on hubs: port and hub; frames on their way: the port they came from.
    hubs: Vec<(u32, u32)>,
    frames: VecDeque<(u32, Vec<u8>)>,
    dma_writes: Vec<DmaWrite>,
    images: Vec<(BlockId, u64, Vec<u8>)>,
    /// What follows from failed reads and writes, by disk slot.
    error_actions: Vec<[ErrorAction; 2]>,
    news: Vec<News>,
    speaker: Speaker,
    guest_errors: Vec<String>,
    log_guest_errors: bool,
    attention: bool,
}

/// Lines kept of the guest-error log between two [`Bus::take_guest_errors`].
const GUEST_ERRORS_KEPT: usize = 1000;
/// News kept between two [`Bus::take_news`].
const NEWS_KEPT: usize = 1000;

impl Bus {
    /// Makes `board` and resets it.
    ///
    /// # Errors
    /// [`BoardError`] when the memory size is wrong or the arena is full.
    pub fn new(
        board: &'static Board,
        config: BoardConfig,
        mut ram: Box<dyn Ram>,
    ) -> Result<Bus, BoardError> {
        (board.check_ram)(config.ram_bytes).map_err(|why| BoardError::RamSize {
            board: board.name,
            bytes: config.ram_bytes,
            why,
        })?;
        let mut blocks = Vec::new();
        for b in board.blocks {
            let bytes = b.bytes.unwrap_or(config.ram_bytes);
            let arena = ram.alloc(bytes).ok_or(BoardError::NoMemory(b.name))?;
            blocks.push(Block {
                name: b.name,
                arena,
                bytes,
            });
        }
        let mut bus = Bus {
            board,
            ram,
            blocks,
            devs: Vec::new(),
            fixed: Vec::new(),
            pci: Vec::new(),
            pic: None,
            messages: None,
            dma: None,
            wires: Vec::new(),
            sinks: Vec::new(),
            out_levels: Vec::new(),
            irq_queue: VecDeque::new(),
            cpu_irq: 0,
            cpu_rises: 0,
            cpu: 0,
            flat: Vec::new(),
            last: Cell::new(0),
            last_page: Cell::new(0),
            generation: 0,
            memory_generation: 0,
            remap: true,
            depth: 0,
            now: Ns(0),
            timers: Vec::new(),
            pending: Vec::new(),
            next_request: 0,
            request: None,
            exit_code: None,
            console_in: (0..board.consoles).map(|_| VecDeque::new()).collect(),
            console_out: vec![Vec::new(); board.consoles as usize],
            disks: (0..board.disks).map(|_| None).collect(),
            nets: (0..board.nets).map(|_| Net::default()).collect(),
            cards: Vec::new(),
            shares: Vec::new(),
            hubs: Vec::new(),
            frames: VecDeque::new(),
            dma_writes: Vec::new(),
            images: Vec::new(),
            error_actions: vec![[ErrorAction::Report; 2]; board.disks as usize],
            news: Vec::new(),
            speaker: Speaker::default(),
            guest_errors: Vec::new(),
            log_guest_errors: false,
            attention: false,
            config,
        };
        bus.populate();
        bus.reset();
        Ok(bus)
    }

    /// Makes the devices and wires of the board's table.
    fn populate(&mut self) {
        let board = self.board;
        for (i, d) in board.devices.iter().enumerate() {
            let there = (d.present)(&self.config);
            self.devs.push(there.then(|| (d.new)(&self.config)));
            self.out_levels.push(0);
            self.wires.push(Vec::new());
            if there {
                self.fixed.extend(d.map.iter().map(|m| (i, *m)));
                self.pci
                    .extend(d.pci.iter().map(|&(devfn, func)| (devfn, i, func)));
            }
            if d.interrupt_controller {
                self.pic = Some(i);
            }
            if d.dma_controller {
                self.dma = Some(i);
            }
            if let Some(region) = d.messages.filter(|_| there) {
                self.messages = Some((i, region));
            }
        }
        for (i, d) in board.devices.iter().enumerate() {
            for w in d.wires {
                let sink = match self.sinks.iter().position(|(s, _)| *s == w.to) {
                    Some(n) => n,
                    None => {
                        self.sinks.push((w.to, 0));
                        self.sinks.len() - 1
                    }
                };
                self.wires[i].push(Wire { pin: w.pin, sink });
            }
        }
    }

    /// Resets every device and puts the boot images back into memory. Virtual time goes on.
    pub fn reset(&mut self) {
        self.timers.clear();
        self.pending.clear();
        self.request = None;
        self.images_to_memory();
        self.depth += 1;
        for i in 0..self.devs.len() {
            self.with_dev(i, |d, cx| d.reset(cx));
        }
        self.remap = true;
        self.depth -= 1;
        self.settle();
    }

    fn images_to_memory(&mut self) {
        let images = std::mem::take(&mut self.images);
        for (block, offset, bytes) in &images {
            self.block_write(*block, *offset, bytes);
        }
        self.images = images;
    }

    /// Puts `bytes` into a memory block now and after each reset.
    ///
    /// # Errors
    /// The number of bytes in the block when the image reaches beyond its end.
    pub fn add_image(&mut self, block: BlockId, offset: u64, bytes: Vec<u8>) -> Result<(), u64> {
        if !self.block_write(block, offset, &bytes) {
            return Err(self.blocks.get(block.0 as usize).map_or(0, |b| b.bytes));
        }
        self.images.push((block, offset, bytes));
        Ok(())
    }

    /// The board's table.
    pub fn board(&self) -> &'static Board {
        self.board
    }

    /// What the board was made with.
    pub fn config(&self) -> &BoardConfig {
        &self.config
    }

    /// The memory blocks, in the board's order (block 0 is RAM).
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The CPUs' interrupt pins, one bit each: [`crate::devices::CPU_PINS`] for each CPU, as the board numbers them.
    pub fn cpu_irq(&self) -> u64 {
        self.cpu_irq
    }

    /// Those that rose since the last call, also if they have fallen again: edges are what some pins are about.
    pub fn take_cpu_rises(&mut self) -> u64 {
        std::mem::take(&mut self.cpu_rises)
    }

    /// Accesses are CPU `n`'s from now on: what each CPU has at an address of its own (local APIC) answers as that one's.
    pub fn set_cpu(&mut self, n: u32) {
        self.cpu = n;
    }

    /// Counts changes of the address map: softmmu entries made under another number are void.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Changes when memory moves, appears or vanishes: code translated before may lie elsewhere.
    pub fn memory_generation(&self) -> u64 {
        self.memory_generation
    }

    /// True once after anything happened that the run loop must look at before the next instruction: a CPU pin changed, a
    /// deadline moved, the map changed, memory was written by DMA, or reset or power-off was asked for.
    pub fn take_attention(&mut self) -> bool {
        std::mem::take(&mut self.attention)
    }

    /// Whether [`Bus::take_attention`] would say true.
    pub fn attention(&self) -> bool {
        self.attention || self.ram.failed()
    }

    /// The request of a device for the whole machine, once.
    pub fn take_request(&mut self) -> Option<MachineRequest> {
        self.request.take()
    }

    /// The exit code that the guest asked for with its power-off, if it did.
    pub fn exit_code(&self) -> Option<u32> {
        self.exit_code
    }

    /// Memory written by devices since the last call.
    pub fn take_dma_writes(&mut self) -> Vec<DmaWrite> {
        std::mem::take(&mut self.dma_writes)
    }

    /// Turns the guest-error log on or off.
    pub fn log_guest_errors(&mut self, on: bool) {
        self.log_guest_errors = on;
    }

    /// Guest errors since the last call.
    pub fn take_guest_errors(&mut self) -> Vec<String> {
        std::mem::take(&mut self.guest_errors)
    }

    fn note_guest_error(&mut self, line: impl FnOnce() -> String) {
        if self.log_guest_errors && self.guest_errors.len() < GUEST_ERRORS_KEPT {
            self.guest_errors.push(line());
        }
    }

    /// What happened since the last call.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    fn tell(&mut self, news: News) {
        if self.news.len() < NEWS_KEPT {
            self.news.push(news);
        }
    }

    /// What follows from failed reads and writes of the disk in a slot.
    pub fn set_error_actions(&mut self, slot: u32, read: ErrorAction, write: ErrorAction) {
        if let Some(actions) = self.error_actions.get_mut(slot as usize) {
            *actions = [read, write];
        }
    }

    /// Bytes the guest sent to a console port since the last call.
    pub fn take_console_output(&mut self, port: u32) -> Vec<u8> {
        self.console_out
            .get_mut(port as usize)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// True if any console port has output.
    pub fn has_console_output(&self) -> bool {
        self.console_out.iter().any(|c| !c.is_empty())
    }

    /// Types bytes into a console port. Devices take them as they have room; none is lost.
    pub fn console_input(&mut self, port: u32, bytes: &[u8]) {
        let Some(q) = self.console_in.get_mut(port as usize) else {
            return;
        };
        q.extend(bytes);
        for i in 0..self.devs.len() {
            if self.board.devices[i].consoles.contains(&port) {
                self.with_dev(i, |d, cx| d.input(cx, Input::Console { port }));
            }
        }
    }

    /// Bytes typed into a console port that the guest's device has not taken yet.
    pub fn console_backlog(&self, port: u32) -> usize {
        self.console_in.get(port as usize).map_or(0, VecDeque::len)
    }

    /// Puts a disk into a slot (board order) or takes it out. Do this before the machine runs; [`Bus::reset`] follows.
    pub fn set_disk(&mut self, slot: u32, disk: Option<Box<dyn BlockBackend>>) {
        if let Some(d) = self.disks.get_mut(slot as usize) {
            *d = disk;
        }
    }

    /// The same, and what was there.
    pub fn swap_disk(
        &mut self,
        slot: u32,
        disk: Option<Box<dyn BlockBackend>>,
    ) -> Option<Box<dyn BlockBackend>> {
        let there = self.disks.get_mut(slot as usize)?;
        std::mem::replace(there, disk)
    }

    /// Tells every device of something the host did: a key, the mouse, the power button, another medium. `make` makes the news
    /// once for each.
    pub fn host_input(&mut self, make: impl Fn() -> Input) {
        for i in 0..self.devs.len() {
            self.with_dev(i, |d, cx| d.input(cx, make()));
        }
    }

    /// Draws the board's first display into `frame`, which holds what the last call left there. False without a display.
    pub fn display(&mut self, frame: &mut Frame) -> bool {
        (0..self.devs.len()).any(|i| self.with_dev(i, |d, cx| d.display(cx, frame)) == Some(true))
    }

    /// What the board's first display shows, for a terminal. `None` without a display.
    pub fn text_screen(&mut self) -> Option<TextScreen> {
        (0..self.devs.len()).find_map(|i| self.with_dev(i, |d, cx| d.text_screen(cx)).flatten())
    }

    /// Calls device `i`; delivers what follows from it when this is the outermost call.
    fn with_dev<R>(
        &mut self,
        i: usize,
        f: impl FnOnce(&mut dyn Device, &mut cx::Cx<'_>) -> R,
    ) -> Option<R> {
        // A device that is already being called cannot be reached again (a DMA or PCI cycle to itself): it does not answer.
        let mut d = self.devs.get_mut(i)?.take()?;
        self.depth += 1;
        let r = f(&mut *d, &mut cx::Cx { bus: self, dev: i });
        self.depth -= 1;
        self.devs[i] = Some(d);
        if self.depth == 0 {
            self.settle();
        }
        Some(r)
    }

    /// Delivers queued IRQ changes and rebuilds the map if it changed.
    fn settle(&mut self) {
        while let Some((dev, pin, level)) = self.irq_queue.pop_front() {
            for w in 0..self.wires[dev].len() {
                let Wire { pin: p, sink } = self.wires[dev][w];
                if p != pin {
                    continue;
                }
                let (to, count) = &mut self.sinks[sink];
                let (to, old) = (*to, *count);
                *count = if level {
                    old.saturating_add(1)
                } else {
                    old.saturating_sub(1)
                };
                if (old == 0) == (*count == 0) {
                    continue;
                }
                match to {
                    Sink::Cpu(pin) => {
                        let bit = 1u64.checked_shl(pin).unwrap_or(0);
                        if level {
                            self.cpu_irq |= bit;
                            self.cpu_rises |= bit;
                        } else {
                            self.cpu_irq &= !bit;
                        }
                        self.attention = true;
                    }
                    Sink::Dev(name, pin) => {
                        if let Some(i) = self.board.device_index(name) {
                            self.depth += 1;
                            self.with_dev(i, |d, cx| d.irq_in(cx, pin, level));
                            self.depth -= 1;
                        }
                    }
                }
            }
        }
        if std::mem::take(&mut self.remap) {
            self.rebuild_map();
        }
        self.carry_frames();
    }

    fn rebuild_map(&mut self) {
        let mut all = self.fixed.clone();
        let mut moving = Vec::new();
        for (i, d) in self.devs.iter().enumerate() {
            if let Some(d) = d {
                d.mappings(&mut moving);
                all.extend(moving.drain(..).map(|m| (i, m)));
            }
        }
        let flat = map::flatten(self.board, self.config.ram_bytes, &self.blocks, &all);
        if flat != self.flat {
            let ram = |flat: &[FlatRange]| -> Vec<FlatRange> {
                let memory = flat.iter().filter(|r| matches!(r.to, Target::Ram { .. }));
                memory.cloned().collect()
            };
            self.memory_generation += (ram(&flat) != ram(&self.flat)) as u64;
            self.flat = flat;
            self.last.set(0);
            self.generation += 1;
            self.attention = true;
        }
    }

    /// Saves everything but the memory blocks' bytes, the disks and the host's ends.
    pub fn save(&self, s: &mut Saver) {
        s.section("bus", 2, |s| {
            s.u64(self.now.0);
            s.u64(self.cpu_irq);
            s.u64(self.next_request);
            for l in &self.out_levels {
                s.u64(*l);
            }
            for (_, n) in &self.sinks {
                s.u32(*n);
            }
            for q in &self.console_in {
                s.bytes(&q.iter().copied().collect::<Vec<_>>());
            }
            self.save_events(s);
        });
        for (spec, d) in self.board.devices.iter().zip(&self.devs) {
            if let Some(d) = d {
                s.section(spec.name, d.version(), |s| d.save(s));
            }
        }
    }

    /// Loads what [`Bus::save`] wrote, on a bus of the same board and configuration; [`Bus::start_requests`] follows.
    ///
    /// # Errors
    /// [`LoadError`]; the machine is then in no particular state and must be reset or dropped.
    pub fn load(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        l.section("bus", 2, |l, _| {
            self.now = Ns(l.u64()?);
            if self.now.0 > i64::MAX as u64 {
                return Err(LoadError::Invalid("time"));
            }
            self.cpu_irq = l.u64()?;
            self.next_request = l.u64()?;
            if self.next_request > i64::MAX as u64 {
                return Err(LoadError::Invalid("number of disk requests"));
            }
            for v in &mut self.out_levels {
                *v = l.u64()?;
            }
            for (_, n) in &mut self.sinks {
                *n = l.u32()?;
            }
            for q in &mut self.console_in {
                *q = l.bytes()?.iter().copied().collect();
            }
            self.load_events(l)
        })?;
        for (spec, d) in self.board.devices.iter().zip(&mut self.devs) {
            if let Some(d) = d {
                let known = d.version();
                l.section(spec.name, known, |l, v| d.load(l, v))?;
            }
        }
        self.irq_queue.clear();
        self.request = None;
        self.forget_nets();
        self.forget_sound();
        self.attention = true;
        self.rebuild_map();
        // Softmmu entries and code from before the load are void even if the map is the same.
        self.generation += 1;
        self.memory_generation += 1;
        Ok(())
    }
}
