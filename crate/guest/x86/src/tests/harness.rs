//! A vCPU with some RAM and no caches of translations: every block is lifted, verified and interpreted each time.

use std::collections::HashMap;

use tinamou_arena::Arena;
use tinamou_core::{BusError, Gpa, PhysBus, RamPage};
use tinamou_ir::guest::{Access, CodeFetch, Cx, Fault, Guest, Lasting, State, Stop};
use tinamou_ir::interp::{ExecCx, Outcome, run, translate};
use tinamou_ir::layout::{self, flat, pending, tlb};
use tinamou_ir::verify::{Form, verify};
use tinamou_ir::{HelperId, MemArg, text};

use crate::{CpuModel, X86, bus};

/// Everything but the CPU.
pub struct Hw {
    pub state: State,
    /// Physical address and arena offset of the RAM.
    pub ram: (u64, u32),
    pub bytes: u64,
    pub now_ns: u64,
    pub left: bool,
    /// What IN reads, by port.
    pub ports: HashMap<u16, u64>,
    /// What OUT wrote.
    pub outs: Vec<(u16, u32, u64)>,
    /// The vector of the next interrupt acknowledge.
    pub vector: u64,
    pub shutdown: bool,
}

impl Hw {
    fn at(&self, gpa: Gpa, size: u32) -> Option<u32> {
        let off = gpa.0.checked_sub(self.ram.0)?;
        (off.saturating_add(size as u64) <= self.bytes).then(|| self.ram.1 + off as u32)
    }
    pub fn read_bytes(&self, at: u64, n: u64) -> Vec<u8> {
        (0..n)
            .map(|i| {
                self.at(Gpa(at + i), 1)
                    .map_or(0, |a| self.state.arena.read8(a))
            })
            .collect()
    }
    pub fn write_bytes(&mut self, at: u64, data: &[u8]) {
        for (i, &b) in data.iter().enumerate() {
            let a = self.at(Gpa(at + i as u64), 1).expect("in RAM");
            self.state.arena.write8(a, b);
        }
    }
}

impl PhysBus for Hw {
    fn page(&self, gpa: Gpa) -> RamPage {
        match self.at(gpa, 1) {
            Some(a) => RamPage::Ram {
                arena: a & !0xfff,
                writable: true,
            },
            None => RamPage::Device,
        }
    }
    fn read(&mut self, gpa: Gpa, size: u32) -> Result<u64, BusError> {
        if let Some(a) = self.at(gpa, size) {
            let m = &self.state.arena;
            return Ok(match size {
                1 => m.read8(a) as u64,
                2 => m.read16(a) as u64,
                4 => m.read32(a) as u64,
                _ => m.read64(a),
            });
        }
        match gpa.0 {
            a if a >> 16 == bus::IO >> 16 => self.ports.get(&(a as u16)).copied().ok_or(BusError),
            _ if gpa == bus::INT_ACK => Ok(self.vector),
            _ => Err(BusError),
        }
    }
    fn write(&mut self, gpa: Gpa, size: u32, value: u64) -> Result<(), BusError> {
        if let Some(a) = self.at(gpa, size) {
            let m = &self.state.arena;
            match size {
                1 => m.write8(a, value as u8),
                2 => m.write16(a, value as u16),
                4 => m.write32(a, value as u32),
                _ => m.write64(a, value),
            }
            return Ok(());
        }
        if gpa.0 >> 16 == bus::IO >> 16 {
            self.outs.push((gpa.0 as u16, size, value));
        }
        self.shutdown |= gpa == bus::SHUTDOWN;
        Ok(())
    }
}

impl Cx for Hw {
    fn state(&self) -> &State {
        &self.state
    }
    fn bus(&mut self) -> &mut dyn PhysBus {
        self
    }
    fn load(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<u64, Stop> {
        if mem.aligned && va & (mem.bytes() as u64 - 1) != 0 {
            return Err(guest.misaligned(va, Access::Read).into());
        }
        let state = self.state.clone();
        // Byte by byte: accesses may cross pages.
        let mut v = 0;
        for i in 0..mem.bytes() as u64 {
            let at = va.wrapping_add(i);
            let t = guest.translate(&state, self, at, Access::Read, mem.mmu)?;
            v |= self.read(t.gpa, 1).unwrap_or(0xff) << (8 * i);
        }
        Ok(v)
    }
    fn store(
        &mut self,
        guest: &mut dyn Guest,
        va: u64,
        value: u64,
        mem: MemArg,
    ) -> Result<(), Stop> {
        if mem.aligned && va & (mem.bytes() as u64 - 1) != 0 {
            return Err(guest.misaligned(va, Access::Write).into());
        }
        let state = self.state.clone();
        let mut to = Vec::new();
        for i in 0..mem.bytes() as u64 {
            to.push(
                guest
                    .translate(&state, self, va.wrapping_add(i), Access::Write, mem.mmu)?
                    .gpa,
            );
        }
        for (i, gpa) in to.into_iter().enumerate() {
            let _ = self.write(gpa, 1, value >> (8 * i) & 0xff);
        }
        Ok(())
    }
    fn probe(&mut self, guest: &mut dyn Guest, va: u64, mem: MemArg) -> Result<(), Stop> {
        let state = self.state.clone();
        let access = if mem.probe_write {
            Access::Write
        } else {
            Access::Read
        };
        guest.translate(&state, self, va, access, mem.mmu)?;
        Ok(())
    }
    fn direct(&self, _: u64, _: MemArg) -> Option<u32> {
        None
    }
    fn now_ns(&self) -> u64 {
        self.now_ns
    }
    fn set_timer(&mut self, _: Option<u64>) {}
    fn flush_range(&mut self, _: u64, _: u64) {}
    fn flush_mapped(&mut self) {}
    fn flush_all(&mut self) {}
    fn set_code_gen(&mut self, _: Lasting, _: u32) {}
    fn leave(&mut self) {
        self.left = true;
        self.state.write32(layout::PENDING, pending::LEAVE);
    }
    fn invalidate_code(&mut self, _: Gpa, _: u32) {}
    fn guest_error(&mut self, _: &str) {}
}

struct Fetch<'a> {
    cpu: &'a mut X86,
    hw: &'a mut Hw,
    mmu: u8,
    fault: u64,
}

impl CodeFetch for Fetch<'_> {
    fn fetch(&mut self, va: u64, bytes: u32) -> Result<u32, Fault> {
        self.fault = va;
        let state = self.hw.state.clone();
        let t = self
            .cpu
            .translate(&state, self.hw, va, Access::Fetch, self.mmu)?;
        Ok(self.hw.read(t.gpa, bytes).unwrap_or(0xffff_ffff) as u32)
    }
}

struct Exec<'a> {
    cpu: &'a mut X86,
    hw: &'a mut Hw,
}

impl ExecCx for Exec<'_> {
    fn load(&mut self, va: u64, mem: MemArg) -> Result<u64, Stop> {
        self.hw.load(self.cpu, va, mem)
    }
    fn store(&mut self, va: u64, value: u64, mem: MemArg) -> Result<(), Stop> {
        self.hw.store(self.cpu, va, value, mem)
    }
    fn probe(&mut self, va: u64, mem: MemArg) -> Result<(), Stop> {
        let access = if mem.probe_write {
            Access::Write
        } else {
            Access::Read
        };
        if mem.aligned && va & (mem.bytes() as u64 - 1) != 0 {
            return Err(self.cpu.misaligned(va, access).into());
        }
        let state = self.hw.state.clone();
        for at in [va, va.wrapping_add(mem.bytes() as u64 - 1)] {
            self.cpu.translate(&state, self.hw, at, access, mem.mmu)?;
        }
        Ok(())
    }
    fn call(&mut self, helper: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        self.cpu.helper(self.hw, helper, args)
    }
    fn note_progress(&mut self, _: u32) {}
}

/// CPU, RAM and a way to step.
pub struct Machine {
    pub cpu: X86,
    lifter: X86,
    pub hw: Hw,
    /// Exceptions raised so far, not entered: with `catch` set they end a run.
    pub catch: bool,
    pub caught: Option<(Fault, u64)>,
}

impl Machine {
    /// A machine in its reset state with `bytes` of RAM at physical address `base`.
    pub fn new(model: &str, base: u64, bytes: u64) -> Machine {
        let model = CpuModel::by_name(model).expect("model");
        let mut cpu = X86::new(&model);
        let arena = Arena::new().unwrap();
        let state_base = arena.alloc(cpu.slots().state_bytes() as u64, 4096).unwrap();
        let maps = if cpu.wide {
            let m = arena.alloc(tlb::BYTES as u64, 4096).unwrap();
            for e in 0..tlb::ENTRIES {
                arena.write64(m + (e << tlb::ENTRY_LOG2) + tlb::TAG_READ, tlb::EMPTY);
                arena.write64(m + (e << tlb::ENTRY_LOG2) + tlb::TAG_WRITE, tlb::EMPTY);
            }
            m
        } else {
            let m = arena.alloc(flat::BYTES as u64, 4096).unwrap();
            arena.fill(m, flat::BYTES, 0xff);
            m
        };
        let ram = arena.alloc(bytes, 4096).unwrap();
        let state = State {
            arena,
            base: state_base,
        };
        for i in 0..8 {
            state.write32(layout::MAPS + 4 * i, maps);
        }
        cpu.reset(&state);
        let hw = Hw {
            state,
            ram: (base, ram),
            bytes,
            now_ns: 0,
            left: false,
            ports: HashMap::new(),
            outs: Vec::new(),
            vector: 0xff,
            shutdown: false,
        };
        Machine {
            lifter: X86::new(&model),
            cpu,
            hw,
            catch: false,
            caught: None,
        }
    }

    pub fn pc(&self) -> u64 {
        self.hw.state.pc()
    }
    pub fn set_pc(&mut self, pc: u64) {
        self.hw.state.set_pc(pc);
    }
    pub fn slot(&self, slot: tinamou_ir::Slot) -> u64 {
        self.cpu.get(&self.hw.state, slot)
    }
    pub fn set_slot(&mut self, slot: tinamou_ir::Slot, v: u64) {
        self.cpu.set(&self.hw.state, slot, v);
    }
    pub fn slot128(&self, slot: tinamou_ir::Slot) -> u128 {
        self.cpu.get128(&self.hw.state, slot)
    }
    pub fn set_slot128(&mut self, slot: tinamou_ir::Slot, v: u128) {
        self.cpu.set128(&self.hw.state, slot, v);
    }
    pub fn r(&self, n: usize) -> u64 {
        self.slot(self.cpu.regs.gpr[n])
    }
    pub fn set_r(&mut self, n: usize, v: u64) {
        self.set_slot(self.cpu.regs.gpr[n], v);
    }
    pub fn flags(&self) -> u32 {
        self.cpu.eflags(&self.hw.state)
    }
    pub fn set_flags(&mut self, f: u32) {
        let s = self.hw.state.clone();
        self.cpu.set_eflags(&s, f);
    }
    pub fn seg(&self, n: usize) -> crate::seg::Seg {
        self.cpu.seg(&self.hw.state, n)
    }
    pub fn set_seg(&mut self, n: usize, s: crate::seg::Seg) {
        let state = self.hw.state.clone();
        self.cpu.set_seg(&state, n, &s);
    }

    /// Loads FPU and SSE state from an FXSAVE image.
    pub fn set_fx(&mut self, fx: &[u8], xmms: usize) {
        let state = self.hw.state.clone();
        self.cpu.change_fpu(&state, |f| f.from_fx(fx, true));
        for i in 0..xmms {
            let mut v = [0; 16];
            v.copy_from_slice(&fx[160 + 16 * i..][..16]);
            self.set_slot128(self.cpu.regs.xmm[i], u128::from_le_bytes(v));
        }
    }

    /// FPU and SSE state as an FXSAVE image without the addresses.
    pub fn get_fx(&self, xmms: usize) -> Vec<u8> {
        let b = self.cpu.fpu_state(&self.hw.state).to_fx();
        let mut out = b[..5].to_vec();
        out.extend_from_slice(&b[24..28]);
        for i in 0..8 {
            out.extend_from_slice(&b[32 + 16 * i..][..10]);
        }
        for i in 0..xmms {
            out.extend_from_slice(&self.slot128(self.cpu.regs.xmm[i]).to_le_bytes());
        }
        out
    }

    fn raise(&mut self, fault: Fault, pc: u64, note: u64) {
        if self.catch {
            self.caught = Some((fault, pc));
            return;
        }
        self.cpu.raise(&mut self.hw, fault, pc, note);
    }

    /// Runs one block of at most `max` instructions, or enters an interrupt.
    pub fn step(&mut self, max: u32) {
        let state = self.hw.state.clone();
        state.write32(layout::PENDING, 0);
        if self.cpu.take_interrupt(&mut self.hw) {
            return;
        }
        if self.cpu.is_halted() {
            return;
        }
        let pc = self.pc();
        let mode = self.cpu.mode(&state);
        state.write32(layout::MODE, mode);
        let mmu = self.cpu.mmu_index(mode);
        // Lifting wants the CPU and translation wants it too: another one lifts.
        let mut fetch = Fetch {
            cpu: &mut self.cpu,
            hw: &mut self.hw,
            mmu,
            fault: pc,
        };
        let block = match self.lifter.lift(&mut fetch, pc, mode, max) {
            Ok(b) => b,
            Err(f) => {
                let at = fetch.fault;
                return self.raise(f, at, (at != pc) as u64);
            }
        };
        let slots = self.cpu.slots();
        if let Err(e) = verify(&block, &slots, self.cpu.helpers(), Form::Lifted) {
            panic!(
                "{e}\n{}",
                text::print_block(&block, &slots, self.cpu.helpers())
            );
        }
        let code = translate(&block, &slots, self.cpu.helpers());
        let ran = run(
            &code,
            0,
            &state,
            &mut Exec {
                cpu: &mut self.cpu,
                hw: &mut self.hw,
            },
        );
        match ran.outcome {
            Outcome::Jump { pc } | Outcome::Indirect { pc } | Outcome::Leave { pc } => {
                state.set_pc(pc)
            }
            Outcome::Fault { fault, insn } => {
                self.raise(fault, code.insn_pc(insn), code.insn_note(insn))
            }
            Outcome::Trap { code: n, insn } => {
                let fault = Fault {
                    code: n,
                    ..Fault::default()
                };
                self.raise(fault, code.insn_pc(insn), code.insn_note(insn));
            }
            Outcome::Wait { insn } | Outcome::Left { insn } => state.set_pc(code.insn_pc(insn)),
        }
    }

    /// Steps in blocks of at most `max` instructions until `pc`, or until an exception is caught.
    pub fn run_to(&mut self, pc: u64, max: u32) {
        for _ in 0..20_000 {
            if self.pc() == pc || self.caught.is_some() {
                return;
            }
            self.step(max);
        }
        panic!(
            "never at {pc:#x}, now at {:#x}\n{}",
            self.pc(),
            self.cpu.dump(&self.hw.state)
        );
    }

    /// Steps until the CPU halts.
    pub fn run_to_halt(&mut self) {
        for _ in 0..100_000 {
            self.step(16);
            if self.cpu.is_halted() {
                return;
            }
        }
        panic!(
            "never halted, now at {:#x}\n{}",
            self.pc(),
            self.cpu.dump(&self.hw.state)
        );
    }
}
