//! The vCPU's guest object in user mode: a CPU whose translations come from the running process's address space, and whose exceptions go to
//! the kernel here instead of a vector.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use tinamou_core::{BusError, Gpa, PhysBus, RamPage};
use tinamou_ir::guest::{
    Access, CodeFetch, Cx, DebugDescription, Fault, Guest, Lasting, State, Stop, Translation,
};
use tinamou_ir::layout::{self, pending};
use tinamou_ir::{Block, HelperDesc, HelperId, SlotTable, Type};
use tinamou_jit::Platform;

use crate::mem::prot;
use crate::mem::space::{Miss, Space};

/// Fault codes of this file: no CPU has them.
pub const PAGE_FAULT: u32 = 1 << 30;

/// What the guest did that the kernel must see to.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The CPU's fault, or [`PAGE_FAULT`] with a [`Miss`] as `info`.
    pub fault: Fault,
    /// Address of the instruction.
    pub pc: u64,
    /// Its note.
    pub note: u64,
}

/// Shared by the guest object, the platform and the kernel.
pub struct Shared {
    /// The address space in force.
    pub space: RefCell<Rc<RefCell<Space>>>,
    /// What happened.
    pub event: Cell<Option<Event>>,
    /// Virtual time at instruction 0, and nanoseconds per instruction in 1/1024: what Count and time registers show.
    pub base_ns: Cell<u64>,
    /// Guest errors, for the log.
    pub errors: RefCell<Vec<String>>,
}

impl Shared {
    /// The memory behind an address of the space in force.
    ///
    /// # Errors
    /// A fault with [`PAGE_FAULT`].
    pub fn translate(&self, state: &State, va: u64, access: Access) -> Result<Translation, Fault> {
        let need = match access {
            Access::Read => prot::READ,
            Access::Write => prot::WRITE,
            Access::Fetch => prot::EXEC,
        };
        let space = self.space.borrow().clone();
        let mut space = space.borrow_mut();
        let hit = space.fault(va, need).map_err(|m| Fault {
            code: PAGE_FAULT | need,
            va,
            info: info_of(m),
        })?;
        if hit.moved {
            state.write32(layout::CODE_GEN, space.generation);
            state.write32(
                layout::PENDING,
                state.read32(layout::PENDING) | pending::LEAVE,
            );
        }
        Ok(Translation {
            gpa: Gpa((hit.frame as u64) | va & 0xfff),
            cache_read: hit.read,
            cache_write: access == Access::Write,
            lasting: Lasting::Space,
        })
    }
}

/// What a CPU does differently in user mode.
pub trait UserCpu: Guest {
    /// Puts a reset vCPU into user mode.
    fn enter(&mut self, state: &State);
    /// An exception of the instruction at `pc` goes to the kernel; gives the pc that is told.
    fn raising(&mut self, state: &State, fault: &Fault, pc: u64, note: u64) -> u64;
    /// An exception that waits between two instructions.
    fn take_trap(&mut self, _state: &State) -> Option<Fault> {
        None
    }
    /// An access is translated: watchpoints of the CPU see it.
    fn watch(&self, _state: &State, _va: u64, _access: Access, _t: &mut Translation) {}
    /// A helper that has nothing to do here.
    fn is_nop(&self, id: HelperId) -> bool;
}

/// A CPU in user mode.
pub struct UserGuest<C> {
    /// Shared with the [`crate::arch::Arch`] of CPUs whose registers are not all slots.
    cpu: Rc<RefCell<C>>,
    shared: Rc<Shared>,
    guesses: bool,
}

impl<C: UserCpu> UserGuest<C> {
    /// `cpu` running in `shared`'s address space.
    pub fn new(cpu: Rc<RefCell<C>>, shared: Rc<Shared>) -> UserGuest<C> {
        let guesses = shared.space.borrow().borrow().frames.has_window();
        UserGuest {
            cpu,
            shared,
            guesses,
        }
    }
}

fn info_of(miss: Miss) -> u64 {
    match miss {
        Miss::Unmapped => 0,
        Miss::Protected => 1,
        Miss::Beyond => 2,
        Miss::Full => 3,
    }
}

/// The [`Miss`] of a fault's `info`.
pub fn miss_of(info: u64) -> Miss {
    match info {
        1 => Miss::Protected,
        2 => Miss::Beyond,
        3 => Miss::Full,
        _ => Miss::Unmapped,
    }
}

impl<C: UserCpu> Guest for UserGuest<C> {
    fn name(&self) -> &'static str {
        self.cpu.borrow().name()
    }

    fn slots(&self) -> Rc<SlotTable> {
        self.cpu.borrow().slots()
    }

    fn helpers(&self) -> &'static [HelperDesc] {
        self.cpu.borrow().helpers()
    }

    fn va_type(&self) -> Type {
        self.cpu.borrow().va_type()
    }

    fn reset(&mut self, state: &State) {
        let mut cpu = self.cpu.borrow_mut();
        cpu.reset(state);
        cpu.enter(state);
    }

    fn mode(&self, state: &State) -> u32 {
        self.cpu.borrow().mode(state)
    }

    fn mmu_index(&self, mode: u32) -> u8 {
        self.cpu.borrow().mmu_index(mode)
    }

    fn lift(
        &self,
        code: &mut dyn CodeFetch,
        pc: u64,
        mode: u32,
        max_insns: u32,
    ) -> Result<Block, Fault> {
        self.cpu.borrow().lift(code, pc, mode, max_insns)
    }

    fn translate(
        &mut self,
        state: &State,
        _bus: &mut dyn PhysBus,
        va: u64,
        access: Access,
        _mmu: u8,
    ) -> Result<Translation, Fault> {
        let mut t = self.shared.translate(state, va, access)?;
        self.cpu.borrow().watch(state, va, access, &mut t);
        Ok(t)
    }

    fn misaligned(&self, va: u64, access: Access) -> Fault {
        self.cpu.borrow().misaligned(va, access)
    }

    fn bus_error(&self, va: u64, access: Access) -> Option<Fault> {
        self.cpu.borrow().bus_error(va, access)
    }

    fn raise(&mut self, cx: &mut dyn Cx, fault: Fault, pc: u64, note: u64) {
        let pc = self.cpu.borrow_mut().raising(cx.state(), &fault, pc, note);
        cx.state().set_pc(pc);
        self.shared.event.set(Some(Event { fault, pc, note }));
    }

    fn helper(&mut self, cx: &mut dyn Cx, id: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        let mut cpu = self.cpu.borrow_mut();
        if cpu.is_nop(id) {
            return Ok(0);
        }
        cpu.helper(cx, id, args)
    }

    fn set_irq(&mut self, _pin: u32, _level: bool) {}

    fn timer(&mut self, _cx: &mut dyn Cx) {}

    fn take_interrupt(&mut self, cx: &mut dyn Cx) -> bool {
        let state = cx.state();
        if let Some(fault) = self.cpu.borrow_mut().take_trap(state) {
            let pc = state.pc();
            self.shared.event.set(Some(Event { fault, pc, note: 0 }));
        }
        false
    }

    fn has_interrupt(&self) -> bool {
        false
    }

    fn is_halted(&self) -> bool {
        // A trap was taken: nothing runs before the kernel has seen it.
        self.shared.event.get().is_some()
    }

    fn exception_name(&self, code: u32) -> String {
        if code & PAGE_FAULT != 0 {
            "page fault".into()
        } else {
            self.cpu.borrow().exception_name(code)
        }
    }

    fn dump(&self, state: &State) -> String {
        self.cpu.borrow().dump(state)
    }

    fn disassemble(&self, code: &mut dyn CodeFetch, pc: u64, mode: u32) -> (u32, String) {
        self.cpu.borrow().disassemble(code, pc, mode)
    }

    fn debug_description(&self) -> Option<DebugDescription> {
        self.cpu.borrow().debug_description()
    }

    fn debug_read(&mut self, cx: &mut dyn Cx, number: u32) -> Option<Vec<u8>> {
        self.cpu.borrow_mut().debug_read(cx, number)
    }

    fn debug_write(&mut self, cx: &mut dyn Cx, number: u32, bytes: &[u8]) -> bool {
        self.cpu.borrow_mut().debug_write(cx, number, bytes)
    }

    fn debug_alias(&self, number: u32) -> Option<&'static str> {
        self.cpu.borrow().debug_alias(number)
    }

    fn guesses(&self) -> bool {
        self.guesses
    }

    fn stops_behind_watched(&self) -> bool {
        self.cpu.borrow().stops_behind_watched()
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.cpu.borrow().save(out);
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.cpu.borrow_mut().load(bytes)
    }
}

/// Memory and time as the vCPU sees them: physical addresses are arena offsets.
pub struct Around<'a>(pub &'a Shared);

impl PhysBus for Around<'_> {
    fn page(&self, gpa: Gpa) -> RamPage {
        RamPage::Ram {
            arena: gpa.0 as u32,
            writable: true,
        }
    }

    fn read(&mut self, _gpa: Gpa, _size: u32) -> Result<u64, BusError> {
        Err(BusError)
    }

    fn write(&mut self, _gpa: Gpa, _size: u32, _value: u64) -> Result<(), BusError> {
        Err(BusError)
    }
}

impl Platform for Around<'_> {
    fn ns_at(&self, icount: u64) -> u64 {
        self.0.base_ns.get().wrapping_add(icount)
    }

    fn icount_at(&self, ns: u64) -> u64 {
        ns.wrapping_sub(self.0.base_ns.get())
    }

    fn set_now(&mut self, _ns: u64) {}

    fn attention(&self) -> bool {
        self.0.event.get().is_some()
    }

    fn guest_error(&mut self, text: &str) {
        let mut errors = self.0.errors.borrow_mut();
        if errors.len() < 1000 {
            errors.push(text.to_owned());
        }
    }
}
