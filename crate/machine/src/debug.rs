//! What debuggers do to a machine between slices: breakpoints, steps, registers, memory.
//!
//! Nothing here changes what the guest does, but for what it asks to write; reading a device's registers through memory reaches the
//! device, as with QEMU. Knows no protocol.

use tinamou_core::{Gpa, Ns, PAGE_SIZE, PhysBus, RamPage};
pub use tinamou_ir::guest::DebugDescription;
pub use tinamou_jit::debug::{Hit, Watch, WatchKind};
use tinamou_jit::{SliceEnd as VcpuEnd, Vcpu};

use crate::history::Input;
use crate::machine::{Machine, SliceEnd, Surroundings};

/// How a single step treats what comes from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Interrupts may be entered.
    pub interrupts: bool,
    /// Timers fire.
    pub timers: bool,
}

impl Machine {
    /// Sets a breakpoint at a virtual address.
    pub fn set_breakpoint(&mut self, va: u64) {
        self.vcpu.set_breakpoint(va);
    }

    /// Takes it away; true if there was one.
    pub fn clear_breakpoint(&mut self, va: u64) -> bool {
        self.vcpu.clear_breakpoint(va)
    }

    /// Sets a watchpoint.
    pub fn set_watch(&mut self, watch: Watch) {
        self.vcpu.set_watch(watch);
    }

    /// Takes it away; true if there was one.
    pub fn clear_watch(&mut self, watch: Watch) -> bool {
        self.vcpu.clear_watch(watch)
    }

    /// Takes all breakpoints and watchpoints away.
    pub fn clear_debug(&mut self) {
        self.vcpu.clear_debug();
    }

    /// What stopped the slice that ended with [`SliceEnd::Debug`]; `None` after a step.
    pub fn take_hit(&mut self) -> Option<Hit> {
        self.vcpu.take_hit()
    }

    /// The next slice runs the instruction at the pc even if a breakpoint or watchpoint has stopped it.
    pub fn step_off(&mut self) {
        self.vcpu.step_off();
    }

    /// Runs one instruction with its delay slot, or enters one exception: [`SliceEnd::Debug`]. A vCPU that waits for an interrupt
    /// goes on waiting, whatever `how` says: [`SliceEnd::Halted`] until one comes, and the step ends when it is entered. Other ends
    /// are those of [`Machine::run_slice`], and say that the step is not done yet.
    pub fn step(&mut self, how: Step) -> SliceEnd {
        if self.history_runs() {
            return self.repeat_step();
        }
        let alone = self.vcpu.vcpus() == 1;
        if alone && (how.interrupts && how.timers || self.is_halted()) {
            return self.step_live(how);
        }
        self.note(|| Input::Step(how));
        self.step_live(how)
    }

    pub(crate) fn step_live(&mut self, how: Step) -> SliceEnd {
        self.take_turn();
        let waits = self.vcpu.guest().is_halted();
        if let Some(end) = self.attend_as(how.timers || waits) {
            return end;
        }
        let before = self.icount();
        self.vcpu.take_hit();
        let end = self.with_vcpu(|vcpu, around| vcpu.step_one(around, !how.interrupts && !waits));
        // Nobody else runs while one is stepped.
        self.vcpu.take_yield();
        match end {
            VcpuEnd::Debug => {
                self.pass_watched();
                SliceEnd::Debug
            }
            _ if self.icount() != before => SliceEnd::Debug,
            VcpuEnd::Halted => {
                if let Some(end) = self.attend_as(true) {
                    return end;
                }
                if self.event_is_due() || self.vcpu.guest().has_interrupt() {
                    SliceEnd::Budget
                } else {
                    SliceEnd::Halted {
                        until_ns: self.next_event_ns(),
                    }
                }
            }
            VcpuEnd::Budget | VcpuEnd::Attention => SliceEnd::Budget,
        }
    }

    /// A watchpoint has stopped the vCPU before an access: where the guest's debuggers want it behind, the access is made.
    pub(crate) fn pass_watched(&mut self) {
        if !self.vcpu.guest().stops_behind_watched() {
            return;
        }
        let hit = self.vcpu.take_hit();
        if let Some(Hit::Watch { .. }) = hit {
            self.with_vcpu(|vcpu, around| vcpu.step_one(around, true));
            self.vcpu.take_hit();
        }
        if hit.is_some() {
            self.vcpu.put_hit(hit);
        }
    }

    pub(crate) fn with_vcpu<T>(
        &mut self,
        f: impl FnOnce(&mut Vcpu, &mut Surroundings<'_>) -> T,
    ) -> T {
        let mut around = Surroundings {
            bus: &mut self.bus,
            clock: &self.clock,
            errors: &mut self.errors,
        };
        f(&mut self.vcpu, &mut around)
    }

    /// Number of vCPUs.
    pub fn vcpus(&self) -> u32 {
        self.vcpu.vcpus() as u32
    }

    /// Whether the vCPU looked at waits for an interrupt.
    pub fn is_halted(&self) -> bool {
        self.vcpu.guest().is_halted()
    }

    /// gdb's view of the registers; `None` if the guest has none.
    pub fn debug_description(&self) -> Option<DebugDescription> {
        self.vcpu.debug_description()
    }

    /// A register by gdb's number, in the guest's byte order.
    pub fn register(&mut self, number: u32) -> Option<Vec<u8>> {
        self.with_vcpu(|vcpu, around| vcpu.debug_read(around, number))
    }

    /// Sets a register by gdb's number; true if that could be done.
    pub fn set_register(&mut self, number: u32, bytes: &[u8]) -> bool {
        let input = || Input::Register {
            number,
            bytes: bytes.to_vec(),
        };
        self.note(input) && self.set_register_live(number, bytes)
    }

    pub(crate) fn set_register_live(&mut self, number: u32, bytes: &[u8]) -> bool {
        self.with_vcpu(|vcpu, around| vcpu.debug_write(around, number, bytes))
    }

    /// The guest's program counter.
    pub fn pc(&self) -> u64 {
        self.vcpu.state().pc()
    }

    /// Sets the guest's program counter.
    pub fn set_pc(&mut self, va: u64) {
        if self.note(|| Input::Pc(va)) {
            self.vcpu.set_pc(va);
        }
    }

    /// Reads memory at a physical address; false if something there does not answer.
    pub fn read_physical(&mut self, gpa: u64, data: &mut [u8]) -> bool {
        self.physical(gpa, Bytes::Read(data))
    }

    /// Writes memory at a physical address, ROM too; false if something there does not answer.
    pub fn write_physical(&mut self, gpa: u64, data: &[u8]) -> bool {
        let input = || Input::Memory {
            gpa,
            bytes: data.to_vec(),
        };
        self.note(input) && self.write_physical_live(gpa, data)
    }

    pub(crate) fn write_physical_live(&mut self, gpa: u64, data: &[u8]) -> bool {
        self.physical(gpa, Bytes::Write(data))
    }

    /// Reads memory at a virtual address as the guest would at its pc, with no trace in its MMU; false if part of it is not mapped.
    pub fn read_virtual(&mut self, va: u64, data: &mut [u8]) -> bool {
        self.pieces(va, data.len(), |m, gpa, range| {
            m.read_physical(gpa, &mut data[range])
        })
    }

    /// Writes memory at a virtual address, rights notwithstanding; false if part of it is not mapped (the rest may be written).
    pub fn write_virtual(&mut self, va: u64, data: &[u8]) -> bool {
        self.pieces(va, data.len(), |m, gpa, range| {
            m.write_physical(gpa, &data[range])
        })
    }

    /// Splits a virtual range into pages.
    fn pieces(
        &mut self,
        va: u64,
        len: usize,
        mut each: impl FnMut(&mut Machine, u64, std::ops::Range<usize>) -> bool,
    ) -> bool {
        let mut done = 0;
        while done < len {
            let at = va.wrapping_add(done as u64);
            let room = (PAGE_SIZE - at % PAGE_SIZE) as usize;
            let piece = room.min(len - done);
            let gpa = self.with_vcpu(|vcpu, around| vcpu.debug_translate(around, at));
            let Some(gpa) = gpa else {
                return false;
            };
            if !each(self, gpa.0, done..done + piece) {
                return false;
            }
            done += piece;
        }
        true
    }

    fn physical(&mut self, gpa: u64, mut bytes: Bytes<'_>) -> bool {
        let len = bytes.len();
        let mut done = 0;
        while done < len {
            let at = Gpa(gpa.wrapping_add(done as u64));
            let room = (PAGE_SIZE - at.0 % PAGE_SIZE) as usize;
            let piece = room.min(len - done);
            let range = done..done + piece;
            match self.bus.page(at) {
                RamPage::None => return false,
                RamPage::Ram { arena, .. } => {
                    let host = (arena & !0xfff) + at.page_offset();
                    match &mut bytes {
                        Bytes::Read(data) => self.arena.read_bytes(host, &mut data[range]),
                        Bytes::Write(data) => {
                            self.arena.write_bytes(host, &data[range]);
                            self.vcpu.memory_written(host, piece as u32);
                        }
                    }
                }
                RamPage::Device => {
                    if !self.device(at, &mut bytes, range) {
                        return false;
                    }
                }
            }
            done += piece;
        }
        true
    }

    /// Device accesses as wide as alignment and length allow, 4 bytes at most.
    fn device(&mut self, gpa: Gpa, bytes: &mut Bytes<'_>, range: std::ops::Range<usize>) -> bool {
        self.bus.set_now(Ns(self.now_ns()));
        let mut i = range.start;
        while i < range.end {
            let at = Gpa(gpa.0 + (i - range.start) as u64);
            let size = [4, 2, 1]
                .into_iter()
                .find(|&n| at.0.is_multiple_of(n as u64) && n <= range.end - i)
                .unwrap_or(1);
            let done = match bytes {
                Bytes::Read(data) => self
                    .bus
                    .read(at, size as u32)
                    .map(|v| data[i..i + size].copy_from_slice(&v.to_le_bytes()[..size])),
                Bytes::Write(data) => {
                    let mut v = [0; 8];
                    v[..size].copy_from_slice(&data[i..i + size]);
                    self.bus.write(at, size as u32, u64::from_le_bytes(v))
                }
            };
            if done.is_err() {
                return false;
            }
            i += size;
        }
        true
    }
}

/// One direction of an access.
enum Bytes<'a> {
    Read(&'a mut [u8]),
    Write(&'a [u8]),
}

impl Bytes<'_> {
    fn len(&self) -> usize {
        match self {
            Bytes::Read(data) => data.len(),
            Bytes::Write(data) => data.len(),
        }
    }
}
