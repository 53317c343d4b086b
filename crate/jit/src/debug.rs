//! Breakpoints, watchpoints and single steps of one vCPU.
//!
//! Guest memory is never changed. A breakpoint cuts blocks at its address: the block that begins there is never cached, so nothing
//! compiled can reach it but through the run loop, which stops; all other code, on the same page too, keeps its speed. Code
//! that was translated across the address before is dropped. In a branch's delay slot the stop is before the branch. Pages under a
//! watchpoint have no entry in the softmmu for that access: every access to them takes the slow path, which compares; the stop is
//! before the instruction (in a delay slot: before its branch), as the architecture's own watch registers and QEMU have it and
//! gdb expects it of MIPS. Neither shows in the guest's state, and without a
//! debugger they cost one test of an `Option` per turn of the run loop and per slow access.

use tinamou_core::{Gpa, PAGE_MASK};
use tinamou_ir::guest::{Access, CodeFetch, DebugDescription, Fault, Guest};
use tinamou_ir::{Block, Type, layout};

use crate::blocks::PlaceFetch;
use crate::core::Run;
use crate::platform::Platform;
use crate::softmmu::Softmmu;
use crate::vcpu::{SliceEnd, Vcpu};

/// Which accesses a watchpoint sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WatchKind {
    /// Stores.
    Write,
    /// Loads.
    Read,
    /// Both.
    Access,
}

impl WatchKind {
    fn sees(self, access: Access) -> bool {
        match access {
            Access::Read => self != WatchKind::Write,
            Access::Write => self != WatchKind::Read,
            Access::Fetch => false,
        }
    }
}

/// A watchpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// First virtual address.
    pub va: u64,
    /// Length in bytes, not 0.
    pub bytes: u64,
    /// Accesses.
    pub kind: WatchKind,
}

/// What stopped the vCPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hit {
    /// It is about to run the instruction at a breakpoint.
    Breakpoint,
    /// It is about to make an access that this watchpoint sees.
    Watch {
        /// The watchpoint.
        watch: Watch,
        /// The first watched byte to be accessed.
        va: u64,
    },
}

/// The watchpoints, where slow accesses find them.
#[derive(Default)]
pub struct Watches {
    list: Vec<Watch>,
    hit: Option<Hit>,
    /// Instruction count of the access that was hit last.
    hit_at: Option<u64>,
    /// Instruction count at which accesses are let through: the one that was hit, restarted.
    pass_at: Option<u64>,
}

impl Watches {
    /// Whether the page of `va` must not be cached for this access.
    pub fn covers_page(&self, va: u64, access: Access) -> bool {
        let page = va & PAGE_MASK;
        self.list
            .iter()
            .any(|w| w.kind.sees(access) && overlap(w, page, !PAGE_MASK).is_some())
    }

    /// An access is about to be made; true if a watchpoint sees it.
    pub fn stops(&mut self, icount: u64, va: u64, bytes: u32, access: Access) -> bool {
        if self.pass_at == Some(icount) {
            return false;
        }
        let mut seen = self.list.iter().filter(|w| w.kind.sees(access));
        let hit = seen.find_map(|w| Some((*w, overlap(w, va, bytes as u64 - 1)?)));
        let Some((watch, va)) = hit else {
            return false;
        };
        self.hit = Some(Hit::Watch { watch, va });
        self.hit_at = Some(icount);
        true
    }
}

/// The first byte that a watchpoint and `va..=va + last` share.
fn overlap(w: &Watch, va: u64, last: u64) -> Option<u64> {
    let end = va.saturating_add(last);
    let w_end = w.va.saturating_add(w.bytes - 1);
    (va <= w_end && w.va <= end).then(|| va.max(w.va))
}

/// What the run loop knows of a debugger.
#[derive(Default)]
pub struct Debug {
    /// Addresses of breakpoints, sorted.
    breaks: Vec<u64>,
    /// Branches that have a breakpoint in their delay slot, as far as they were met.
    slots: Vec<u64>,
    /// Instruction count and pc at which the breakpoint is stepped off, not hit.
    leave: Option<(u64, u64)>,
    hit: Option<Hit>,
    /// A step is made: the vCPU stops when an interrupt is entered.
    pub stepping: bool,
    /// Interrupts are not entered.
    pub mask_irq: bool,
}

impl Debug {
    /// Whether the instruction at `pc` is not to be entered unseen.
    #[inline]
    pub fn breaks_at(&self, pc: u64) -> bool {
        !self.breaks.is_empty()
            && (self.breaks.binary_search(&pc).is_ok() || self.slots.contains(&pc))
    }

    /// At an address where [`Debug::breaks_at`] holds: true if it is a stop, false if it is to be stepped off.
    pub fn stops(&mut self, icount: u64, pc: u64) -> bool {
        let stop = self.leave != Some((icount, pc));
        if stop {
            self.hit = Some(Hit::Breakpoint);
        }
        stop
    }
}

/// Code that ends before the next breakpoint.
struct Guarded<'a, 'b> {
    code: &'a mut PlaceFetch<'b>,
    breaks: &'a [u64],
    start: u64,
    refused: bool,
}

impl CodeFetch for Guarded<'_, '_> {
    fn fetch(&mut self, va: u64, bytes: u32) -> Result<u32, Fault> {
        if va != self.start && self.breaks.binary_search(&va).is_ok() {
            self.refused = true;
            return Err(Fault::default());
        }
        self.code.fetch(va, bytes)
    }
}

/// Lifts a block that has no breakpoint behind its start. `Ok(None)`: the first instruction has one in its delay slot.
pub(crate) fn lift(
    guest: &dyn Guest,
    code: &mut PlaceFetch<'_>,
    debug: Option<&mut Debug>,
    pc: u64,
    mode: u32,
    max_insns: u32,
) -> Result<Option<Block>, Fault> {
    let Some(debug) = debug.filter(|d| !d.breaks.is_empty()) else {
        return guest.lift(code, pc, mode, max_insns).map(Some);
    };
    if debug.leave.is_some_and(|(_, at)| at == pc) && max_insns == 1 {
        return guest.lift(code, pc, mode, 1).map(Some);
    }
    let mut guarded = Guarded {
        code,
        breaks: &debug.breaks,
        start: pc,
        refused: false,
    };
    match guest.lift(&mut guarded, pc, mode, max_insns) {
        Err(_) if guarded.refused => {
            debug.slots.push(pc);
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Breakpoints and watchpoints set aside.
pub struct Suspended(Option<Box<Debug>>, Option<Box<Watches>>);

impl Vcpu {
    fn debugger(&mut self) -> &mut Debug {
        self.debug.get_or_insert_default()
    }

    /// An address as the guest's accesses carry it.
    fn debug_va(&self, va: u64) -> u64 {
        match self.guest.va_type() {
            Type::I64 => va,
            _ => va & 0xffff_ffff,
        }
    }

    /// Sets a breakpoint. Setting one twice is setting it once.
    pub fn set_breakpoint(&mut self, va: u64) {
        let va = self.debug_va(va);
        let debug = self.debugger();
        let Err(at) = debug.breaks.binary_search(&va) else {
            return;
        };
        debug.breaks.insert(at, va);
        let dropped = self.blocks.drop_at(va);
        if let Some(regions) = &mut self.regions {
            regions.invalidate(&mut self.blocks, &self.core.state.arena, &dropped);
        }
    }

    /// Takes a breakpoint away; true if there was one.
    pub fn clear_breakpoint(&mut self, va: u64) -> bool {
        let va = self.debug_va(va);
        let debug = self.debugger();
        debug.slots.clear();
        let found = debug.breaks.binary_search(&va);
        if let Ok(at) = found {
            debug.breaks.remove(at);
        }
        found.is_ok()
    }

    /// Sets a watchpoint.
    pub fn set_watch(&mut self, watch: Watch) {
        let va = self.debug_va(watch.va);
        let watch = Watch { va, ..watch };
        if watch.bytes == 0 {
            return;
        }
        self.core.watches.get_or_insert_default().list.push(watch);
        let start = va & PAGE_MASK;
        let bytes = (va - start).saturating_add(watch.bytes);
        // Long ones are not worth a walk page by page.
        if bytes > 1 << 20 {
            self.each_mmu(Softmmu::flush_all);
        } else {
            self.each_mmu(|mmu| mmu.flush_range(start, bytes));
        }
    }

    /// Takes a watchpoint away; true if there was one.
    pub fn clear_watch(&mut self, watch: Watch) -> bool {
        let va = self.debug_va(watch.va);
        let watch = Watch { va, ..watch };
        let Some(watches) = &mut self.core.watches else {
            return false;
        };
        let found = watches.list.iter().position(|w| *w == watch);
        if let Some(at) = found {
            watches.list.remove(at);
        }
        if watches.list.is_empty() {
            self.core.watches = None;
        }
        found.is_some()
    }

    /// Takes all breakpoints and watchpoints away.
    pub fn clear_debug(&mut self) {
        self.debug = None;
        self.core.watches = None;
    }

    /// What stopped the last slice that ended with [`SliceEnd::Debug`]; `None` for a step.
    pub fn take_hit(&mut self) -> Option<Hit> {
        let watch = self.core.watches.as_mut().and_then(|w| w.hit.take());
        let debug = self.debug.as_mut().and_then(|d| d.hit.take());
        watch.or(debug)
    }

    /// A watchpoint has stopped the vCPU.
    pub(crate) fn watch_hit(&self) -> bool {
        self.core.watches.as_ref().is_some_and(|w| w.hit.is_some())
    }

    /// The next run begins with the instruction at the pc, even if it has a breakpoint or was stopped by a watchpoint.
    pub fn step_off(&mut self) {
        if let Some(watches) = &mut self.core.watches {
            watches.pass_at = watches.hit_at.take().or(watches.pass_at);
        }
        let at = (self.core.icount(), self.core.state.pc());
        if let Some(debug) = &mut self.debug {
            debug.leave = Some(at);
            debug.hit = None;
        }
    }

    /// Runs one instruction, with its delay slot if it has one, or enters one exception or, unless they are masked, one interrupt.
    pub fn step_one(&mut self, bus: &mut dyn Platform, mask_irq: bool) -> SliceEnd {
        let had = self.debug.is_some();
        let debug = self.debugger();
        debug.stepping = true;
        debug.mask_irq = mask_irq;
        self.step_off();
        let end = self.run(bus, 1);
        let debug = self.debugger();
        debug.stepping = false;
        debug.mask_irq = false;
        if !had {
            self.debug = None;
        }
        end
    }

    /// Takes breakpoints and watchpoints aside, until [`Vcpu::resume_debug`].
    pub fn suspend_debug(&mut self) -> Suspended {
        Suspended(self.debug.take(), self.core.watches.take())
    }

    /// Puts them back.
    pub fn resume_debug(&mut self, suspended: Suspended) {
        let Suspended(debug, watches) = suspended;
        if debug.is_some() || watches.is_some() {
            // Code and translations of the time without them.
            self.forget_memory();
        }
        self.debug = debug;
        self.core.watches = watches;
    }

    /// A stop that was taken is to be taken once more.
    pub fn put_hit(&mut self, hit: Option<Hit>) {
        self.debugger().hit = hit;
    }

    /// Goes on at this instruction count and pc, with this deadline of the guest's timer: state was loaded.
    pub fn resume_at(&mut self, icount: u64, pc: u64, timer_ns: Option<u64>) {
        let state = &self.core.state;
        state.write64(layout::ICOUNT, icount);
        state.write32(layout::PENDING, 0);
        state.write32(layout::BUDGET, 0);
        state.set_pc(pc);
        self.core.slice_budget = 0;
        self.core.timer_ns = timer_ns;
        self.core.stopped = None;
        self.take_hit();
        if let Some(debug) = &mut self.debug {
            debug.leave = None;
        }
        if let Some(watches) = &mut self.core.watches {
            (watches.hit_at, watches.pass_at) = (None, None);
        }
    }

    /// gdb's view of the registers.
    pub fn debug_description(&self) -> Option<DebugDescription> {
        self.guest.debug_description()
    }

    /// A register by gdb's number, in the guest's byte order.
    pub fn debug_read(&mut self, bus: &mut dyn Platform, number: u32) -> Option<Vec<u8>> {
        let core = &mut self.core;
        self.guest.debug_read(&mut Run { core, bus }, number)
    }

    /// Sets a register by gdb's number; true if that could be done.
    pub fn debug_write(&mut self, bus: &mut dyn Platform, number: u32, bytes: &[u8]) -> bool {
        let core = &mut self.core;
        self.guest
            .debug_write(&mut Run { core, bus }, number, bytes)
    }

    /// Sets the pc.
    pub fn set_pc(&mut self, va: u64) {
        self.core.state.set_pc(self.debug_va(va));
    }

    /// How the guest would translate `va`, for people.
    pub fn explain(&self, bus: &mut dyn Platform, va: u64) -> Vec<(String, String)> {
        self.guest.explain(&self.core.state, bus, va)
    }

    /// The MMU's entries, for people.
    pub fn tlb(&self, bus: &mut dyn Platform) -> String {
        self.guest.tlb(&self.core.state, bus)
    }

    /// The ranges that page tables map, for people.
    pub fn mapped(&self, bus: &mut dyn Platform) -> Option<String> {
        self.guest.mapped(&self.core.state, bus)
    }

    /// Physical address behind a virtual one, without any effect on the guest.
    pub fn debug_translate(&self, bus: &mut dyn Platform, va: u64) -> Option<Gpa> {
        self.guest.debug_translate(&self.core.state, bus, va)
    }
}
