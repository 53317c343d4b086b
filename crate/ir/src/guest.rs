//! What a guest architecture is, to everything above it: how its code is lifted, its addresses translated, its exceptions
//! raised, its helpers run.

use std::rc::Rc;

use tinamou_arena::Arena;
use tinamou_core::{BusError, Gpa, PhysBus};

use crate::block::Block;
use crate::layout;
use crate::types::{HelperDesc, HelperId, MemArg, Slot, SlotTable, Type};

/// The vCPU state of one vCPU in the arena: the header of [`crate::layout`], then the guest's slots.
#[derive(Clone)]
pub struct State {
    /// The arena.
    pub arena: Arena,
    /// Offset of the state's first byte.
    pub base: u32,
}

impl State {
    /// Reads a u32 at a byte offset of the state.
    #[inline(always)]
    pub fn read32(&self, offset: u32) -> u32 {
        self.arena.read32(self.base + offset)
    }

    /// Writes a u32 at a byte offset of the state.
    #[inline(always)]
    pub fn write32(&self, offset: u32, v: u32) {
        self.arena.write32(self.base + offset, v);
    }

    /// Reads a u64 at a byte offset of the state.
    #[inline(always)]
    pub fn read64(&self, offset: u32) -> u64 {
        self.arena.read64(self.base + offset)
    }

    /// Writes a u64 at a byte offset of the state.
    #[inline(always)]
    pub fn write64(&self, offset: u32, v: u64) {
        self.arena.write64(self.base + offset, v);
    }

    /// Bits of a slot, zero-extended; of a `V128` slot the low half.
    pub fn slot(&self, table: &SlotTable, slot: Slot) -> u64 {
        let d = table.desc(slot);
        if d.ty.bytes() == 4 {
            self.read32(d.offset) as u64
        } else {
            self.read64(d.offset)
        }
    }

    /// Writes the bits of a slot; of a `V128` slot the low half.
    pub fn set_slot(&self, table: &SlotTable, slot: Slot, bits: u64) {
        let d = table.desc(slot);
        if d.ty.bytes() == 4 {
            self.write32(d.offset, bits as u32)
        } else {
            self.write64(d.offset, bits)
        }
    }

    /// A `V128` slot, or the bits of another zero-extended.
    pub fn slot128(&self, table: &SlotTable, slot: Slot) -> u128 {
        let d = table.desc(slot);
        let low = self.slot(table, slot) as u128;
        if d.ty == Type::V128 {
            low | (self.read64(d.offset + 8) as u128) << 64
        } else {
            low
        }
    }

    /// Writes a `V128` slot, or the low bits of another.
    pub fn set_slot128(&self, table: &SlotTable, slot: Slot, bits: u128) {
        let d = table.desc(slot);
        self.set_slot(table, slot, bits as u64);
        if d.ty == Type::V128 {
            self.write64(d.offset + 8, (bits >> 64) as u64);
        }
    }

    /// Guest pc, exact outside blocks.
    pub fn pc(&self) -> u64 {
        self.read64(layout::PC)
    }

    /// Sets the guest pc.
    pub fn set_pc(&self, pc: u64) {
        self.write64(layout::PC, pc);
    }
}

/// Kind of a guest access.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// Load.
    Read,
    /// Store.
    Write,
    /// Instruction fetch.
    Fetch,
}

/// A guest exception as a value. What `code`, `va` and `info` mean is the guest's business.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fault {
    /// The guest's exception number, the same as in `trap_if` and `raise`.
    pub code: u32,
    /// Faulting guest virtual address, where there is one.
    pub va: u64,
    /// Further detail.
    pub info: u64,
}

/// Why an access or helper did not complete. The instruction had no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A guest exception.
    Fault(Fault),
    /// It must wait for the host; the instruction restarts later.
    Wait,
}

impl From<Fault> for Stop {
    fn from(f: Fault) -> Stop {
        Stop::Fault(f)
    }
}

/// A successful translation of one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translation {
    /// Physical address of the very byte.
    pub gpa: Gpa,
    /// Loads may be cached for the whole 4 KiB page around it.
    pub cache_read: bool,
    /// Stores may be cached for the whole 4 KiB page around it. False on watched or not yet dirty pages.
    pub cache_write: bool,
    /// How long it holds.
    pub lasting: Lasting,
}

/// How long a translation of addresses holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Lasting {
    /// In its address space: code is checked again under another generation ([`crate::layout::CODE_GEN`]).
    #[default]
    Space,
    /// In all address spaces (a global page): code is checked again under another generation of those ([`crate::layout::GLOBAL_GEN`]).
    Global,
    /// For good, in this mode (an unmapped segment): code needs no check.
    Fixed,
}

/// How a guest shows itself to gdb.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DebugDescription {
    /// gdb's `target.xml`, with all features in it.
    pub xml: String,
    /// gdb's numbers of the registers described, ascending: the order of a `g` packet.
    pub numbers: Vec<u32>,
    /// gdb's number of the program counter.
    pub pc: u32,
}

/// Reads guest code while lifting, by virtual address.
pub trait CodeFetch {
    /// Reads `bytes` (1, 2 or 4) bytes at `va` as a little-endian value.
    ///
    /// # Errors
    /// The fault that fetching would raise. The lifter ends the block before the instruction, or, if it is the block's first, the
    /// run loop raises it.
    fn fetch(&mut self, va: u64, bytes: u32) -> Result<u32, Fault>;
}

/// What the guest's helpers and exception code may do to the rest of the machine.
pub trait Cx {
    /// The vCPU's state. In a helper, slots hold what the helper's declaration says.
    fn state(&self) -> &State;
    /// The physical bus.
    fn bus(&mut self) -> &mut dyn PhysBus;
    /// Reads a device by physical address, at the current instruction (helpers that declare `time`); the block is left behind
    /// the instruction if the device wants the run loop to look.
    ///
    /// # Errors
    /// As [`PhysBus::read`].
    fn device_read(&mut self, gpa: Gpa, size: u32) -> Result<u64, BusError> {
        self.bus().read(gpa, size)
    }
    /// Writes a device by physical address, as [`Cx::device_read`] reads it.
    ///
    /// # Errors
    /// As [`PhysBus::write`].
    fn device_write(&mut self, gpa: Gpa, size: u32, value: u64) -> Result<(), BusError> {
        self.bus().write(gpa, size, value)
    }
    /// Guest load through the MMU, with its faults; result as an unsigned value. `guest` is the caller itself.
    ///
    /// # Errors
    /// [`Stop`] as for a load op.
    fn load(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<u64, Stop>;
    /// Guest store through the MMU.
    ///
    /// # Errors
    /// [`Stop`] as for a store op.
    fn store(
        &mut self,
        guest: &mut dyn Guest,
        va: u64,
        value: u64,
        mem: MemArg,
    ) -> Result<(), Stop>;
    /// Checks an access and remembers its translation.
    ///
    /// # Errors
    /// [`Stop`] as the access would.
    fn probe(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<(), Stop>;
    /// Arena offset of an access (a store if `mem` probes for one) that translations remembered allow to be made directly.
    fn direct(&self, va: u64, mem: MemArg) -> Option<u32>;
    /// Virtual time in nanoseconds, exact at the current instruction (helpers that declare `time`).
    fn now_ns(&self) -> u64;
    /// Asks for [`Guest::timer`] at that virtual time, or cancels.
    fn set_timer(&mut self, deadline_ns: Option<u64>);
    /// Drops cached translations: of the 4 KiB pages that touch `va..va + bytes`, in every MMU index.
    fn flush_range(&mut self, va: u64, bytes: u64);
    /// Drops every cached translation that holds in its address space only.
    fn flush_mapped(&mut self);
    /// Drops every cached translation.
    fn flush_all(&mut self);
    /// Sets the generation of those code mappings that last so long (not [`Lasting::Fixed`]); code checked under another one is checked
    /// again before it runs. The two never had the same generation for different mappings.
    fn set_code_gen(&mut self, lasting: Lasting, generation: u32);
    /// Leave the block after this instruction: mode, interrupts or mappings may have changed.
    fn leave(&mut self);
    /// The vCPU waits for another one: its turn ends behind this instruction, if there are others.
    fn yield_turn(&mut self) {}
    /// Guest code at these physical bytes may have changed by other means than stores.
    fn invalidate_code(&mut self, gpa: Gpa, bytes: u32);
    /// A line for the guest-error log: the guest did what its manual forbids.
    fn guest_error(&mut self, text: &str);
}

/// A guest architecture: one object per vCPU. Registers that generated code touches are slots in the arena; the rest (system
/// registers, the architectural TLB) are fields of the object.
pub trait Guest {
    /// Name, as QEMU's target: `mipsel`.
    fn name(&self) -> &'static str;
    /// Slots. The same table for the object's whole life.
    fn slots(&self) -> Rc<SlotTable>;
    /// Helpers, by [`HelperId`].
    fn helpers(&self) -> &'static [HelperDesc];
    /// Type of guest addresses.
    fn va_type(&self) -> Type;
    /// Puts the vCPU into its reset state (slots, pc, system registers) as vCPU number `index`.
    fn reset(&mut self, state: &State);
    /// The mode word in force, from registers: everything that changes how code is lifted.
    fn mode(&self, state: &State) -> u32;
    /// MMU index (0 to 3) of data accesses and fetches in `mode`.
    fn mmu_index(&self, mode: u32) -> u8;
    /// Lifts one block at `pc`, at most `max_insns` instructions (a branch and its delay slot are not split, so one more may come).
    ///
    /// # Errors
    /// The fault of fetching the first instruction.
    fn lift(
        &self,
        code: &mut dyn CodeFetch,
        pc: u64,
        mode: u32,
        max_insns: u32,
    ) -> Result<Block, Fault>;
    /// Translates an address. `bus` is where page tables lie, for guests whose hardware walks them.
    ///
    /// # Errors
    /// The guest exception of a failed translation.
    fn translate(
        &mut self,
        state: &State,
        bus: &mut dyn PhysBus,
        va: u64,
        access: Access,
        mmu: u8,
    ) -> Result<Translation, Fault>;
    /// The fault of a misaligned access.
    fn misaligned(&self, va: u64, access: Access) -> Fault;
    /// The fault of an access that the physical bus refused; `None` ignores it (loads read as 0).
    fn bus_error(&self, va: u64, access: Access) -> Option<Fault>;
    /// Enters the exception: system registers, pc. `pc` and `note` are those of the instruction's `insn` marker.
    fn raise(&mut self, cx: &mut dyn Cx, fault: Fault, pc: u64, note: u64);
    /// Runs helper `id`. Operands are zero-extended to 64 bits.
    ///
    /// # Errors
    /// [`Stop`] if the instruction cannot complete; only helpers that declare `faults`.
    fn helper(&mut self, cx: &mut dyn Cx, id: HelperId, args: [u64; 3]) -> Result<u64, Stop>;
    /// Level of an interrupt input of the CPU.
    fn set_irq(&mut self, pin: u32, level: bool);
    /// The time asked for with [`Cx::set_timer`] has come.
    fn timer(&mut self, cx: &mut dyn Cx);
    /// Enters a pending and enabled interrupt at the current pc; true if it did. Also ends a wait for interrupts.
    fn take_interrupt(&mut self, cx: &mut dyn Cx) -> bool;
    /// Whether an interrupt is pending and would be entered, or would end a wait.
    fn has_interrupt(&self) -> bool;
    /// Waiting for an interrupt.
    fn is_halted(&self) -> bool;
    /// The manual's name of an exception, for logs.
    fn exception_name(&self, code: u32) -> String {
        format!("exception {code:#x}")
    }
    /// One line or more of register dump, in the manner of QEMU's `info registers`.
    fn dump(&self, state: &State) -> String;
    /// Registers as gdb knows them; `None` if this guest cannot be debugged.
    fn debug_description(&self) -> Option<DebugDescription> {
        None
    }
    /// A register by gdb's number: its bytes in the guest's byte order. Has no effect on the guest.
    fn debug_read(&mut self, _cx: &mut dyn Cx, _number: u32) -> Option<Vec<u8>> {
        None
    }
    /// Sets a register by gdb's number; true if it exists and `bytes` has its length. Bits that software cannot write keep.
    fn debug_write(&mut self, _cx: &mut dyn Cx, _number: u32, _bytes: &[u8]) -> bool {
        false
    }
    /// Physical address of `va` as a load at the pc would find it, without any effect.
    fn debug_translate(&self, _state: &State, _bus: &mut dyn PhysBus, _va: u64) -> Option<Gpa> {
        None
    }
    /// The name that assembly programs use for a register of gdb's number, where it differs from gdb's.
    fn debug_alias(&self, _number: u32) -> Option<&'static str> {
        None
    }
    /// How an access at the pc would translate `va`, for people: what is looked at, and what is found there. Without any effect.
    fn explain(&self, _state: &State, _bus: &mut dyn PhysBus, _va: u64) -> Vec<(String, String)> {
        Vec::new()
    }
    /// Whether most pages lie in the arena as they do in the address space, at the distance [`crate::layout::GUESS`].
    fn guesses(&self) -> bool {
        false
    }
    /// Whether gdb expects a watchpoint to stop the guest behind the access, not before it.
    fn stops_behind_watched(&self) -> bool {
        false
    }
    /// The MMU's entries, for people: a line each.
    fn tlb(&self, _state: &State, _bus: &mut dyn PhysBus) -> String {
        String::new()
    }
    /// The ranges that page tables map, for people: a line each; `None` for a guest without page tables of the hardware's.
    fn mapped(&self, _state: &State, _bus: &mut dyn PhysBus) -> Option<String> {
        None
    }
    /// Disassembles one instruction at `pc`: its length in bytes and its text.
    fn disassemble(&self, code: &mut dyn CodeFetch, pc: u64, mode: u32) -> (u32, String);
    /// The guest's own fields, for snapshots: appended to `out` in a fixed order. Slots are saved by the machine.
    fn save(&self, out: &mut Vec<u8>);
    /// Reads back what `save` wrote.
    ///
    /// # Errors
    /// A sentence saying what is wrong with the bytes.
    fn load(&mut self, bytes: &[u8]) -> Result<(), String>;
}
