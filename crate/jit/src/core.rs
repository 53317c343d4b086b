//! One vCPU's execution state apart from its guest object, and the slow path of every guest access.
//!
//! [`Exec`] lends guest, core and machine together to whoever runs guest code: the interpreter ([`ExecCx`]) and generated code
//! ([`HelperHost`]) reach the same functions, so an access means the same in every tier.

use tinamou_core::{BusError, Gpa, PAGE_MASK, PAGE_SIZE, PhysBus, RamPage};
use tinamou_ir::guest::{Access, Cx, Fault, Guest, Lasting, State, Stop, Translation};
use tinamou_ir::interp::ExecCx;
use tinamou_ir::layout::{self, pending};
use tinamou_ir::{HelperId, MemArg};

use crate::debug::Watches;
use crate::engine::HelperHost;
use crate::pages::CodePages;
use crate::platform::Platform;
use crate::softmmu::{Fill, Softmmu};

/// What one vCPU carries besides its guest object.
pub struct Core {
    /// vCPU state in the arena.
    pub state: State,
    /// Cached translations.
    pub mmu: Softmmu,
    /// Where translated code lies in physical memory.
    pub pages: CodePages,
    /// Why the current instruction stopped, when PENDING says FAULT or WAIT.
    pub stopped: Option<Stop>,
    /// Budget at the start of the slice: what was not used is in the header.
    pub slice_budget: i64,
    /// Instructions of the running interpreted block completed before the current one.
    pub progress: u32,
    /// Deadline of the guest's own timer, in nanoseconds.
    pub timer_ns: Option<u64>,
    /// The last slow access ended where no entry can be cached: at a device or on a page with code.
    pub uncacheable: bool,
    /// Slow accesses so far.
    pub slow_accesses: u64,
    /// A debugger's watchpoints.
    pub watches: Option<Box<Watches>>,
    /// The vCPU has given up the rest of its turn.
    pub yielded: bool,
    /// Another vCPU would run: there is somebody to give it up for.
    pub others_ready: bool,
}

impl Core {
    /// Instructions retired in all, exact at the current instruction.
    pub fn icount(&self) -> u64 {
        let left = self.state.read32(layout::BUDGET) as i32 as i64;
        let used = self.slice_budget - left + self.progress as i64;
        self.state.read64(layout::ICOUNT).wrapping_add(used as u64)
    }

    /// Sets bits of the pending word.
    pub fn pend(&self, bits: u32) {
        self.state
            .write32(layout::PENDING, self.state.read32(layout::PENDING) | bits);
    }

    /// An access is about to be made: a debugger may want to stop before the instruction.
    fn watch(&mut self, va: u64, bytes: u32, access: Access) -> Result<(), Stop> {
        if self.watches.is_none() {
            return Ok(());
        }
        let icount = self.icount();
        if let Some(watches) = &mut self.watches
            && watches.stops(icount, va, bytes, access)
        {
            return Err(Stop::Wait);
        }
        Ok(())
    }

    /// Shortens the slice so that it ends when `icount` instructions have run in all, if it would last longer.
    fn end_slice_at(&mut self, icount: u64) {
        let left = self.state.read32(layout::BUDGET) as i32 as i64;
        let now = self.icount() as i64;
        let want = (icount as i64 - now).max(0) + self.progress as i64;
        if want < left {
            self.slice_budget -= left - want;
            self.state.write32(layout::BUDGET, want as i32 as u32);
        }
    }
}

/// The lower-level half: core and machine, as guest code of helpers and exceptions sees them.
pub struct Run<'a> {
    /// The vCPU.
    pub core: &'a mut Core,
    /// The machine.
    pub bus: &'a mut dyn Platform,
}

impl Run<'_> {
    fn now(&self) -> u64 {
        self.bus.ns_at(self.core.icount())
    }

    fn translate(
        &mut self,
        guest: &mut dyn Guest,
        va: u64,
        access: Access,
        mmu: u8,
    ) -> Result<(Translation, RamPage), Fault> {
        let tr = guest.translate(&self.core.state, self.bus, va, access, mmu)?;
        let (mut read, mut write) = (tr.cache_read, tr.cache_write && access == Access::Write);
        if let Some(watches) = &self.core.watches {
            read &= !watches.covers_page(va, Access::Read);
            write &= !watches.covers_page(va, Access::Write);
        }
        self.core.uncacheable = true;
        let page = self.bus.page(tr.gpa);
        if let RamPage::Ram { arena, writable } = page {
            let write = write && writable && !self.core.pages.has_code(arena);
            if (read || write) && access != Access::Fetch {
                self.core.uncacheable = access == Access::Write && !write;
                let fill = Fill {
                    page: va & PAGE_MASK,
                    host: arena & !0xfff,
                    read,
                    write,
                    fixed: tr.lasting != Lasting::Space,
                };
                if self.core.mmu.fill(&self.core.state, mmu, fill).is_err() {
                    self.bus
                        .guest_error("no room in the arena for a page map: accesses stay slow");
                }
            }
        }
        Ok((tr, page))
    }

    /// Reads within one page, after translation.
    fn read_phys(
        &mut self,
        guest: &dyn Guest,
        page: RamPage,
        gpa: Gpa,
        va: u64,
        bytes: u32,
    ) -> Result<u64, Stop> {
        if let RamPage::Ram { arena, .. } = page {
            let at = (arena & !0xfff) + gpa.page_offset();
            let mem = &self.core.state.arena;
            return Ok(match bytes {
                1 => mem.read8(at) as u64,
                2 => mem.read16(at) as u64,
                4 => mem.read32(at) as u64,
                _ => mem.read64(at),
            });
        }
        let now = self.now();
        self.bus.set_now(now);
        let value = self.bus.read(gpa, bytes);
        self.heed();
        match value {
            Ok(v) => Ok(v),
            Err(_) => guest
                .bus_error(va, Access::Read)
                .map_or(Ok(0), |f| Err(Stop::Fault(f))),
        }
    }

    /// Writes within one page, after translation.
    fn write_phys(
        &mut self,
        guest: &dyn Guest,
        page: RamPage,
        gpa: Gpa,
        va: u64,
        bytes: u32,
        value: u64,
    ) -> Result<(), Stop> {
        if let RamPage::Ram {
            arena,
            writable: true,
        } = page
        {
            let at = (arena & !0xfff) + gpa.page_offset();
            let mem = &self.core.state.arena;
            match bytes {
                1 => mem.write8(at, value as u8),
                2 => mem.write16(at, value as u16),
                4 => mem.write32(at, value as u32),
                _ => mem.write64(at, value),
            }
            if self.core.pages.note_store(at, bytes) {
                self.core.pend(pending::LEAVE);
            }
            return Ok(());
        }
        let now = self.now();
        self.bus.set_now(now);
        let done = self.bus.write(gpa, bytes, value);
        self.heed();
        match done {
            Ok(()) => Ok(()),
            Err(_) => guest
                .bus_error(va, Access::Write)
                .map_or(Ok(()), |f| Err(Stop::Fault(f))),
        }
    }

    /// After a device access: leave the block if the run loop should look.
    fn heed(&mut self) {
        if self.bus.attention() {
            self.core.pend(pending::LEAVE);
        }
    }

    /// Slow path of a load; the value is in guest order, zero-extended.
    pub fn load_slow(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<u64, Stop> {
        self.core.slow_accesses += 1;
        let bytes = mem.bytes();
        if mem.aligned && va & (bytes as u64 - 1) != 0 {
            return Err(guest.misaligned(va, Access::Read).into());
        }
        let (tr, page) = self.translate(guest, va, Access::Read, mem.mmu)?;
        self.core.watch(va, bytes, Access::Read)?;
        let raw = if tr.gpa.page_offset() as u64 + bytes as u64 <= PAGE_SIZE {
            self.read_phys(guest, page, tr.gpa, va, bytes)?
        } else {
            let next = next_page(guest, va);
            let (tr2, page2) = self.translate(guest, next, Access::Read, mem.mmu)?;
            let mut raw = 0;
            for i in 0..bytes as u64 {
                let (gpa, at) = split(&tr, &tr2, i, va, next);
                let page = if i < PAGE_SIZE - (va & !PAGE_MASK) {
                    page
                } else {
                    page2
                };
                raw |= self.read_phys(guest, page, gpa, at, 1)? << (8 * i);
            }
            raw
        };
        Ok(if mem.big_endian {
            swap(raw, bytes)
        } else {
            raw
        })
    }

    /// Slow path of a store.
    pub fn store_slow(
        &mut self,
        guest: &mut dyn Guest,
        va: u64,
        value: u64,
        mem: MemArg,
    ) -> Result<(), Stop> {
        self.core.slow_accesses += 1;
        let bytes = mem.bytes();
        if mem.aligned && va & (bytes as u64 - 1) != 0 {
            return Err(guest.misaligned(va, Access::Write).into());
        }
        let raw = if mem.big_endian {
            swap(value, bytes)
        } else {
            value
        };
        let (tr, page) = self.translate(guest, va, Access::Write, mem.mmu)?;
        self.core.watch(va, bytes, Access::Write)?;
        if tr.gpa.page_offset() as u64 + bytes as u64 <= PAGE_SIZE {
            return self.write_phys(guest, page, tr.gpa, va, bytes, raw);
        }
        let next = next_page(guest, va);
        let (tr2, page2) = self.translate(guest, next, Access::Write, mem.mmu)?;
        for i in 0..bytes as u64 {
            let (gpa, at) = split(&tr, &tr2, i, va, next);
            let page = if i < PAGE_SIZE - (va & !PAGE_MASK) {
                page
            } else {
                page2
            };
            self.write_phys(guest, page, gpa, at, 1, raw >> (8 * i) & 0xff)?;
        }
        Ok(())
    }

    /// Slow path of a probe.
    pub fn probe_slow(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<(), Stop> {
        let access = if mem.probe_write {
            Access::Write
        } else {
            Access::Read
        };
        if mem.aligned && va & (mem.bytes() as u64 - 1) != 0 {
            return Err(guest.misaligned(va, access).into());
        }
        self.translate(guest, va, access, mem.mmu)?;
        if (va & !PAGE_MASK) + mem.bytes() as u64 > PAGE_SIZE {
            let next = next_page(guest, va);
            self.translate(guest, next, access, mem.mmu)?;
        }
        self.core.watch(va, mem.bytes(), access)
    }
}

/// Address of the page after the one of `va`, wrapping at the guest's address width.
fn next_page(guest: &dyn Guest, va: u64) -> u64 {
    let next = (va & PAGE_MASK).wrapping_add(PAGE_SIZE);
    if guest.va_type() == tinamou_ir::Type::I32 {
        next & 0xffff_ffff
    } else {
        next
    }
}

/// Where byte `i` of an access across two pages lies.
fn split(first: &Translation, second: &Translation, i: u64, va: u64, next: u64) -> (Gpa, u64) {
    let room = PAGE_SIZE - (va & !PAGE_MASK);
    if i < room {
        (Gpa(first.gpa.0 + i), va + i)
    } else {
        (Gpa(second.gpa.0 + i - room), next + i - room)
    }
}

/// Reverses the low `bytes` bytes.
fn swap(value: u64, bytes: u32) -> u64 {
    value.swap_bytes() >> (64 - 8 * bytes)
}

impl Cx for Run<'_> {
    fn state(&self) -> &State {
        &self.core.state
    }

    fn bus(&mut self) -> &mut dyn PhysBus {
        self.bus
    }

    fn device_read(&mut self, gpa: Gpa, size: u32) -> Result<u64, BusError> {
        let now = self.now();
        self.bus.set_now(now);
        let value = self.bus.read(gpa, size);
        self.heed();
        value
    }

    fn device_write(&mut self, gpa: Gpa, size: u32, value: u64) -> Result<(), BusError> {
        let now = self.now();
        self.bus.set_now(now);
        let done = self.bus.write(gpa, size, value);
        self.heed();
        done
    }

    fn load(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<u64, Stop> {
        let Some(at) = self.direct(va, mem) else {
            return self.load_slow(guest, va, mem);
        };
        let (m, bytes) = (&self.core.state.arena, mem.bytes());
        let raw = match bytes {
            1 => m.read8(at) as u64,
            2 => m.read16(at) as u64,
            4 => m.read32(at) as u64,
            _ => m.read64(at),
        };
        Ok(if mem.big_endian {
            swap(raw, bytes)
        } else {
            raw
        })
    }

    fn probe(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<(), Stop> {
        self.probe_slow(guest, va, mem)
    }

    fn direct(&self, va: u64, mem: MemArg) -> Option<u32> {
        self.core.mmu.lookup(&self.core.state, va, mem)
    }

    fn store(
        &mut self,
        guest: &mut dyn Guest,
        va: u64,
        value: u64,
        mem: MemArg,
    ) -> Result<(), Stop> {
        let write = MemArg {
            probe_write: true,
            ..mem
        };
        let Some(at) = self.direct(va, write) else {
            return self.store_slow(guest, va, value, mem);
        };
        let (m, bytes) = (&self.core.state.arena, mem.bytes());
        let raw = if mem.big_endian {
            swap(value, bytes)
        } else {
            value
        };
        match bytes {
            1 => m.write8(at, raw as u8),
            2 => m.write16(at, raw as u16),
            4 => m.write32(at, raw as u32),
            _ => m.write64(at, raw),
        }
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        self.now()
    }

    fn set_timer(&mut self, deadline_ns: Option<u64>) {
        self.core.timer_ns = deadline_ns;
        if let Some(ns) = deadline_ns {
            let at = self.bus.icount_at(ns);
            self.core.end_slice_at(at);
        }
    }

    fn flush_range(&mut self, va: u64, bytes: u64) {
        self.core.mmu.flush_range(va, bytes);
    }

    fn flush_mapped(&mut self) {
        self.core.mmu.flush_mapped();
    }

    fn flush_all(&mut self) {
        self.core.mmu.flush_all();
    }

    fn set_code_gen(&mut self, lasting: Lasting, generation: u32) {
        let at = match lasting {
            Lasting::Space => layout::CODE_GEN,
            Lasting::Global => layout::GLOBAL_GEN,
            Lasting::Fixed => return,
        };
        self.core.state.write32(at, generation);
    }

    fn leave(&mut self) {
        self.core.pend(pending::LEAVE);
    }

    fn yield_turn(&mut self) {
        if self.core.others_ready {
            self.core.yielded = true;
            self.core.pend(pending::LEAVE);
        }
    }

    fn invalidate_code(&mut self, gpa: Gpa, bytes: u32) {
        if let RamPage::Ram { arena, .. } = self.bus.page(gpa)
            && self
                .core
                .pages
                .note_store((arena & !0xfff) + gpa.page_offset(), bytes)
        {
            self.core.pend(pending::LEAVE);
        }
    }

    fn guest_error(&mut self, text: &str) {
        self.bus.guest_error(text);
    }
}

/// Guest, vCPU and machine lent to running guest code.
pub struct Exec<'a> {
    /// The guest.
    pub guest: &'a mut dyn Guest,
    /// The rest.
    pub run: Run<'a>,
}

impl Exec<'_> {
    /// Records a stop for generated code, which sees only the pending word.
    fn keep<T: Default>(&mut self, result: Result<T, Stop>) -> T {
        result.unwrap_or_else(|stop| {
            self.run.core.stopped = Some(stop);
            self.run.core.pend(if stop == Stop::Wait {
                pending::WAIT
            } else {
                pending::FAULT
            });
            T::default()
        })
    }
}

impl ExecCx for Exec<'_> {
    fn note_progress(&mut self, completed: u32) {
        self.run.core.progress = completed;
    }

    fn load(&mut self, va: u64, mem: MemArg) -> Result<u64, Stop> {
        self.run.load_slow(self.guest, va, mem)
    }

    fn store(&mut self, va: u64, value: u64, mem: MemArg) -> Result<(), Stop> {
        self.run.store_slow(self.guest, va, value, mem)
    }

    fn probe(&mut self, va: u64, mem: MemArg) -> Result<(), Stop> {
        self.run.probe_slow(self.guest, va, mem)
    }

    fn call(&mut self, helper: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        self.guest.helper(&mut self.run, helper, args)
    }
}

impl HelperHost for Exec<'_> {
    fn call(&mut self, helper: u32, a: u64, b: u64, c: u64) -> u64 {
        let result = self
            .guest
            .helper(&mut self.run, HelperId(helper as u16), [a, b, c]);
        self.keep(result)
    }

    fn load(&mut self, va: u64, mem: u32) -> u64 {
        let result = self
            .run
            .load_slow(self.guest, va, MemArg::unpack(mem as u64));
        self.keep(result)
    }

    fn store(&mut self, va: u64, value: u64, mem: u32) {
        let result = self
            .run
            .store_slow(self.guest, va, value, MemArg::unpack(mem as u64));
        self.keep(result);
    }

    fn probe(&mut self, va: u64, mem: u32) {
        let result = self
            .run
            .probe_slow(self.guest, va, MemArg::unpack(mem as u64));
        self.keep(result);
    }
}
