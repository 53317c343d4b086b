//! The machine: a board's bus, its vCPUs and the virtual clock, run in slices.
//!
//! Invariants: nothing here blocks or reads the wall clock; the host calls [`Machine::run_slice`], moves console bytes, and
//! decides how long an idle machine sleeps. Two machines with the same configuration and the same inputs at the same
//! instruction counts have the same [`Machine::state_hash`] on every host and in every tier.

use tinamou_arena::{Arena, ArenaFull};
use tinamou_core::{
    BusError, Gpa, LoadError, Loader, MachineRequest, Ns, PhysBus, RamPage, Saver, Sound,
};
use tinamou_jit::engine::Engine;
use tinamou_jit::{Platform, SliceEnd as VcpuEnd, Tuning, Vcpu};

use crate::absent::Absent;
use crate::bus::{Advance, Bus, Ram};
use crate::clock::Clock;
use crate::config::{Accel, Config, MachineError};
use crate::devices::CPU_PINS;
use crate::history::{History, Input};
use crate::input::HostInput;
use crate::snapshot::Identity;
use crate::target::CpuPlace;
use crate::turns::Turn;

/// Most instructions of one vCPU run: short enough that generated loops re-enter optimised code (DESIGN.md, "budget").
const MAX_RUN_INSNS: u64 = 100_000;

/// The pin by which a PC's CPUs take non-maskable interrupts.
const NMI_PIN: u32 = 1;

/// Most instructions that a saved machine may have run: no overflow is near (a month at 10^9 a second is 2^51).
const MAX_ICOUNT: u64 = 1 << 52;

/// Why [`Machine::run_slice`] came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SliceEnd {
    /// The instructions asked for have run.
    Budget,
    /// Every vCPU waits for an interrupt; nothing happens before this virtual time (`None`: before input comes).
    Halted {
        /// Virtual nanoseconds of the next event.
        until_ns: Option<u64>,
    },
    /// A disk request is late: call again when the host has it.
    WaitingForHost,
    /// A disk request failed, and the machine is to stop; it is made again by the next slice.
    IoError,
    /// The guest powered the machine off.
    Shutdown,
    /// The guest asked for a reset, which was done.
    Reset,
    /// A device stopped the machine.
    Panic,
    /// A debugger's breakpoint, watchpoint or step: [`Machine::take_hit`] says which.
    Debug,
}

/// What the machine did so far.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stats {
    /// Guest instructions.
    pub insns: u64,
    /// Of these, by the interpreter.
    pub interpreted: u64,
    /// Blocks lifted.
    pub lifted: u64,
    /// Calls of compiled code from the run loop.
    pub calls: u64,
    /// Exceptions and interrupts.
    pub exceptions: u64,
    /// Exits of compiled code for an access.
    pub resumes: u64,
    /// Slow guest accesses.
    pub slow_accesses: u64,
    /// Blocks in the cache.
    pub blocks: u64,
    /// Valid compiled regions.
    pub regions: u64,
    /// Modules compiled.
    pub modules: u64,
    /// Bytes of them.
    pub module_bytes: u64,
    /// Times all code was dropped.
    pub flushes: u64,
    /// Modules that were let go because nothing in them ran lately.
    pub evicted: u64,
    /// Regions that were let go because they were left too soon.
    pub brief: u64,
    /// Bytes of the arena handed out.
    pub arena_bytes: u64,
    /// Virtual time in nanoseconds.
    pub virtual_ns: u64,
}

/// The arena as the bus wants it.
struct ArenaRam {
    arena: Arena,
    absent: Absent,
}

impl Ram for ArenaRam {
    fn alloc(&mut self, bytes: u64) -> Option<u32> {
        self.arena.alloc(bytes, 4096).ok()
    }

    fn read(&self, arena: u32, buf: &mut [u8]) {
        self.absent.fill(arena, buf.len() as u64);
        self.arena.read_bytes(arena, buf);
    }

    fn write(&mut self, arena: u32, data: &[u8]) {
        self.absent.fill(arena, data.len() as u64);
        self.arena.write_bytes(arena, data);
    }

    fn touch(&self, arena: u32, bytes: u32) {
        self.absent.fill(arena, bytes.into());
    }

    fn failed(&self) -> bool {
        self.absent.failed()
    }
}

/// Bus and clock as the vCPU sees them.
pub(crate) struct Surroundings<'a> {
    pub(crate) bus: &'a mut Bus,
    pub(crate) clock: &'a Clock,
    pub(crate) errors: &'a mut Vec<String>,
}

impl PhysBus for Surroundings<'_> {
    fn page(&self, gpa: Gpa) -> RamPage {
        self.bus.page(gpa)
    }

    fn read(&mut self, gpa: Gpa, size: u32) -> Result<u64, BusError> {
        self.bus.read(gpa, size)
    }

    fn write(&mut self, gpa: Gpa, size: u32, value: u64) -> Result<(), BusError> {
        self.bus.write(gpa, size, value)
    }
}

impl Platform for Surroundings<'_> {
    fn ns_at(&self, icount: u64) -> u64 {
        self.clock.ns_at(icount)
    }

    fn icount_at(&self, ns: u64) -> u64 {
        self.clock.icount_at(ns)
    }

    fn set_now(&mut self, ns: u64) {
        self.bus.set_now(Ns(ns));
    }

    fn attention(&self) -> bool {
        self.bus.attention()
    }

    fn guest_error(&mut self, text: &str) {
        if self.errors.len() < 1000 {
            self.errors.push(text.to_owned());
        }
    }
}

/// A machine.
pub struct Machine {
    pub(crate) vcpu: Vcpu,
    pub(crate) bus: Bus,
    pub(crate) clock: Clock,
    pub(crate) arena: Arena,
    /// Memory that is not here yet.
    pub(crate) absent: Absent,
    /// What snapshots say besides.
    pub(crate) notes: String,
    pub(crate) errors: Vec<String>,
    pub(crate) cpu_irq: u64,
    pub(crate) turn: Turn,
    bus_generation: u64,
    memory_generation: u64,
    /// What it was made with.
    pub(crate) identity: Identity,
    /// Its past, if a debugger wants to go back.
    pub(crate) history: Option<Box<History>>,
}

impl Machine {
    /// Makes the machine of `config` in its reset state, on an arena of its own.
    ///
    /// # Errors
    /// [`MachineError`]: a sentence for the user.
    pub fn new(
        config: &Config,
        engine: impl FnOnce(&Arena) -> Result<Box<dyn Engine>, String>,
    ) -> Result<Machine, MachineError> {
        let arena = Arena::new().map_err(|e| MachineError::Host(e.to_string()))?;
        let target = config.target;
        let absent = Absent::new(arena.clone());
        let ram = ArenaRam {
            arena: arena.clone(),
            absent: absent.clone(),
        };
        let bus = target.bus(config, Box::new(ram))?;
        let cpu = |n| {
            let at = CpuPlace {
                number: n,
                of: config.cpus,
                seed: config.seed,
            };
            let name = match config.cpu.as_str() {
                "" => target.default_cpu_of(&config.machine),
                name => name,
            };
            target.cpu_of(name, at)
        };
        let (engine, tuning) = match config.accel {
            Accel::Interp => (None, Tuning::native()),
            Accel::Jit => (
                Some(engine(&arena).map_err(MachineError::Host)?),
                config.tuning.clone(),
            ),
        };
        let full = |e: ArenaFull| MachineError::Host(e.to_string());
        let mut vcpu = Vcpu::new(cpu(0)?, &arena, engine, tuning).map_err(full)?;
        for n in 1..config.cpus {
            vcpu.add(cpu(n)?).map_err(full)?;
        }
        let bus_generation = bus.generation();
        let memory_generation = bus.memory_generation();
        let clock = Clock::new(config.icount_shift);
        Ok(Machine {
            vcpu,
            bus,
            clock,
            arena,
            absent,
            notes: String::new(),
            errors: Vec::new(),
            cpu_irq: 0,
            turn: Turn::default(),
            bus_generation,
            memory_generation,
            identity: Identity::new(config),
            history: None,
        })
    }

    /// Runs up to `insns` instructions, or until the host has something to do.
    pub fn run_slice(&mut self, insns: u64) -> SliceEnd {
        if self.history_runs() {
            return self.repeat_slice(insns);
        }
        self.run_live(insns)
    }

    /// The same, in the present.
    pub(crate) fn run_live(&mut self, insns: u64) -> SliceEnd {
        let end = self.vcpu.icount().saturating_add(insns);
        loop {
            if let Some(stop) = self.attend() {
                return stop;
            }
            let icount = self.vcpu.icount();
            if icount >= end {
                return SliceEnd::Budget;
            }
            let turn = self.next_turn();
            let until = match self.next_event_ns() {
                Some(ns) => self.clock.icount_at(ns).max(icount + 1),
                None => u64::MAX,
            };
            let budget = (until.min(end).min(turn) - icount).min(MAX_RUN_INSNS) as u32;
            let mut around = Surroundings {
                bus: &mut self.bus,
                clock: &self.clock,
                errors: &mut self.errors,
            };
            let ended = self.vcpu.run(&mut around, budget);
            if self.vcpu.take_yield() {
                self.end_turn();
            }
            match ended {
                VcpuEnd::Budget | VcpuEnd::Attention => {}
                VcpuEnd::Debug => {
                    self.pass_watched();
                    return SliceEnd::Debug;
                }
                VcpuEnd::Halted => {
                    // What happened during this very slice may end the wait.
                    if let Some(stop) = self.attend() {
                        return stop;
                    }
                    if !self.wakes() {
                        return SliceEnd::Halted {
                            until_ns: self.next_event_ns(),
                        };
                    }
                }
            }
        }
    }

    /// Whether any vCPU would go on now.
    fn wakes(&self) -> bool {
        self.event_is_due() || (0..self.vcpu.vcpus()).any(|n| self.vcpu.would_run(n))
    }

    pub(crate) fn event_is_due(&self) -> bool {
        let now = self.now_ns();
        self.next_event_ns().is_some_and(|ns| ns <= now)
    }

    /// Fires what is due, hands interrupt lines to the vCPU, and takes up what devices asked for.
    fn attend(&mut self) -> Option<SliceEnd> {
        self.attend_as(true)
    }

    /// The same; without `timers` nothing that is due fires.
    pub(crate) fn attend_as(&mut self, timers: bool) -> Option<SliceEnd> {
        let now = self.now_ns();
        if timers {
            self.fire_cpu_timers(now);
        }
        if !timers {
            self.bus.set_now(Ns(now));
        } else if self.bus.next_deadline().is_some_and(|d| d.0 <= now) {
            match self.bus.advance(Ns(now)) {
                Advance::Done => {}
                Advance::WaitingForHost => return Some(SliceEnd::WaitingForHost),
                Advance::Failed => return Some(SliceEnd::IoError),
            }
        } else {
            self.bus.set_now(Ns(now));
        }
        if self.absent.failed() {
            let why = self.absent.why().unwrap_or_default();
            let line = format!("the machine's memory could not be read from the snapshot: {why}");
            if self.errors.last() != Some(&line) {
                self.errors.push(line);
            }
            return Some(SliceEnd::Panic);
        }
        if !self.bus.take_attention() {
            return None;
        }
        for w in self.bus.take_dma_writes() {
            self.vcpu.memory_written(w.arena, w.bytes);
        }
        if self.bus.generation() != self.bus_generation {
            self.bus_generation = self.bus.generation();
            if self.bus.memory_generation() == self.memory_generation {
                self.vcpu.forget_mappings();
            } else {
                self.memory_generation = self.bus.memory_generation();
                let around = Surroundings {
                    bus: &mut self.bus,
                    clock: &self.clock,
                    errors: &mut self.errors,
                };
                self.vcpu.memory_moved(&around);
            }
        }
        // A pulse counts also when it is over already, and so does a gap.
        let (irq, rises, before) = (self.bus.cpu_irq(), self.bus.take_cpu_rises(), self.cpu_irq);
        for pin in (0..64).filter(|pin| (before ^ irq | rises) >> pin & 1 != 0) {
            let is = |levels: u64| levels >> pin & 1 != 0;
            if is(before) {
                self.drive_pin(pin, false);
            }
            if is(irq | rises) {
                self.drive_pin(pin, true);
            }
            if !is(irq) {
                self.drive_pin(pin, false);
            }
        }
        self.cpu_irq = irq;
        match self.bus.take_request()? {
            MachineRequest::Reset => {
                self.reset_live();
                Some(SliceEnd::Reset)
            }
            MachineRequest::Shutdown => Some(SliceEnd::Shutdown),
            MachineRequest::Panic => Some(SliceEnd::Panic),
        }
    }

    pub(crate) fn next_event_ns(&self) -> Option<u64> {
        let bus = self.bus.next_deadline().map(|d| d.0);
        let timers = (0..self.vcpu.vcpus()).filter_map(|n| self.vcpu.timer_ns_at(n));
        bus.into_iter().chain(timers).min()
    }

    /// Virtual time.
    pub fn now_ns(&self) -> u64 {
        self.clock.ns_at(self.vcpu.icount())
    }

    /// Instructions retired.
    pub fn icount(&self) -> u64 {
        self.vcpu.icount()
    }

    /// From now on an instruction takes `rate` / 256 nanoseconds (see [`crate::clock::Pace`]).
    pub fn set_rate(&mut self, rate: u64) {
        self.clock.set_rate(self.vcpu.icount(), rate);
    }

    /// Moves the clock forward to `ns` without running: idle time. Stops at the next event.
    pub fn skip_to(&mut self, ns: u64) {
        if self.note(|| Input::Skip { ns }) {
            self.skip_live(ns);
        }
    }

    pub(crate) fn skip_live(&mut self, ns: u64) {
        let to = self.next_event_ns().map_or(ns, |event| event.min(ns));
        self.clock.skip_to(self.vcpu.icount(), to);
    }

    /// The power-on state; memory keeps its contents but for the loaded images.
    pub fn reset(&mut self) {
        if self.note(|| Input::Reset) {
            self.reset_live();
        }
    }

    pub(crate) fn reset_live(&mut self) {
        self.bus.reset();
        self.vcpu.reset();
        self.turn = Turn::default();
        self.cpu_irq = 0;
    }

    /// Something that somebody did at the machine.
    pub fn host_input(&mut self, input: HostInput) {
        if self.note(|| Input::Host(input)) {
            self.host_input_live(input);
        }
    }

    pub(crate) fn host_input_live(&mut self, input: HostInput) {
        self.bus.set_now(Ns(self.now_ns()));
        self.bus.host_input(|| input.news());
    }

    /// A non-maskable interrupt of every vCPU. Only a PC's CPUs have a pin for it.
    pub fn nmi(&mut self) {
        if self.note(|| Input::Nmi) {
            self.nmi_live();
        }
    }

    pub(crate) fn nmi_live(&mut self) {
        for n in 0..self.vcpu.vcpus() as u32 {
            for level in [true, false] {
                self.drive_pin(CPU_PINS * n + NMI_PIN, level);
            }
        }
    }

    /// Types bytes into a console port.
    pub fn serial_input(&mut self, port: u32, bytes: &[u8]) {
        let input = || Input::Serial {
            port,
            bytes: bytes.to_vec(),
        };
        if self.note(input) {
            self.serial_input_live(port, bytes);
        }
    }

    pub(crate) fn serial_input_live(&mut self, port: u32, bytes: &[u8]) {
        self.bus.set_now(Ns(self.now_ns()));
        self.bus.console_input(port, bytes);
    }

    /// Bytes typed that the guest has not taken.
    pub fn serial_backlog(&self, port: u32) -> usize {
        self.bus.console_backlog(port)
    }

    /// Networks look at the world outside: call this between slices when there may be news.
    pub fn look_outside(&mut self) {
        self.bus.set_now(Ns(self.now_ns()));
        self.bus.look_outside();
    }

    /// What the guest sent since the last call.
    pub fn take_serial_output(&mut self, port: u32) -> Vec<u8> {
        self.bus.take_console_output(port)
    }

    /// Whether the host listens to the board's loudspeaker.
    pub fn listen(&mut self, on: bool) {
        self.bus.listen(on);
    }

    /// What the loudspeaker got since the last call, and at which virtual time.
    pub fn take_sounds(&mut self) -> Vec<(Ns, Sound)> {
        self.bus.take_sounds()
    }

    /// Guest errors since the last call.
    pub fn take_guest_errors(&mut self) -> Vec<String> {
        let mut lines = self.bus.take_guest_errors();
        lines.append(&mut self.errors);
        lines
    }

    /// The bus, for disks, networks and inspection.
    pub fn bus_mut(&mut self) -> &mut Bus {
        &mut self.bus
    }

    /// The vCPU, for inspection.
    pub fn vcpu_mut(&mut self) -> &mut Vcpu {
        &mut self.vcpu
    }

    /// The arena.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Figures.
    pub fn stats(&mut self) -> Stats {
        let run = self.vcpu.stats;
        let (blocks, slow_accesses) = self.vcpu.cache_figures();
        let mut s = Stats {
            insns: self.vcpu.icount(),
            interpreted: run.interpreted,
            lifted: run.lifted,
            calls: run.calls,
            exceptions: run.exceptions,
            resumes: run.resumes,
            slow_accesses,
            blocks: blocks as u64,
            arena_bytes: self.arena.allocated_bytes(),
            virtual_ns: self.now_ns(),
            ..Stats::default()
        };
        if let Some(regions) = self.vcpu.regions() {
            s.regions = regions.live_regions() as u64;
            s.modules = regions.stats.modules;
            s.module_bytes = regions.stats.bytes;
            s.flushes = regions.stats.flushes;
            s.evicted = regions.stats.evicted;
            s.brief = regions.stats.brief;
        }
        s
    }

    /// Everything but memory, in the save format.
    pub(crate) fn save_state(&self) -> Vec<u8> {
        let mut s = Saver::new();
        s.u64(self.vcpu.icount());
        self.clock.state().into_iter().for_each(|word| s.u64(word));
        self.turn.save(&mut s);
        for n in 0..self.vcpu.vcpus() {
            self.save_cpu(n, &mut s);
        }
        self.bus.save(&mut s);
        s.finish()
    }

    /// Loads what `save_state` wrote, on a machine of the same configuration. Cached code and translations go.
    pub(crate) fn load_state(&mut self, state: &[u8]) -> Result<(), LoadError> {
        let mut l = Loader::new(state);
        let icount = l.u64()?;
        let clock = [l.u64()?, l.u64()?, l.u64()?];
        if icount > MAX_ICOUNT || !self.clock.set_state(icount, clock) {
            return Err(LoadError::Invalid("time"));
        }
        self.turn.load(&mut l, self.vcpu.vcpus())?;
        for n in 0..self.vcpu.vcpus() {
            self.load_cpu(n, icount, &mut l)?;
        }
        self.look_at_cpu(self.turn.cpu);
        self.bus.load(&mut l)?;
        if l.remaining() != 0 {
            return Err(LoadError::Trailing("machine".into()));
        }
        self.vcpu.forget_memory();
        Ok(())
    }

    /// A hash of the whole state: vCPU, devices, clock and memory. Equal on every host and for every engine.
    pub fn state_hash(&self) -> u64 {
        self.absent.fill_all();
        let mut h = Hash::default();
        h.bytes(&self.save_state());
        for block in self.bus.blocks() {
            h.word(block.bytes);
            for at in (0..block.bytes as u32 & !7).step_by(8) {
                h.word(self.arena.read64(block.arena + at));
            }
        }
        h.0
    }
}

/// A word-wise multiplicative hash; not for adversaries.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Hash(0x9e37_79b9_7f4a_7c15)
    }
}

impl Hash {
    fn word(&mut self, w: u64) {
        self.0 = (self.0.rotate_left(23) ^ w).wrapping_mul(0x2545_f491_4f6c_dd1d);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }
}
