//! A vCPU with some RAM and no caches of translations: every block is lifted, verified and interpreted each time.

use std::rc::Rc;

use tinamou_arena::Arena;
use tinamou_core::{BusError, Gpa, PhysBus, RamPage};
use tinamou_ir::guest::{Access, CodeFetch, Cx, Fault, Guest, Lasting, State, Stop};
use tinamou_ir::interp::{ExecCx, Outcome, run, translate};
use tinamou_ir::layout::{self, flat, pending, tlb};
use tinamou_ir::verify::{Form, verify};
use tinamou_ir::{HelperId, MemArg, text};

use crate::decode::{TABLE, decode};
use crate::{CpuModel, Mips};

pub const RAM_BYTES: u64 = 1 << 20;

/// Everything but the CPU.
pub struct Hw {
    pub state: State,
    pub ram: Vec<u8>,
    pub now_ns: u64,
    pub timer: Option<u64>,
    pub left: bool,
    pub code_gen: u32,
    pub flushed: Vec<(u64, u64)>,
    pub flushes_mapped: u32,
    pub invalidated: Vec<(u64, u32)>,
}

impl PhysBus for Hw {
    fn page(&self, _: Gpa) -> RamPage {
        RamPage::Device
    }
    fn read(&mut self, gpa: Gpa, size: u32) -> Result<u64, BusError> {
        let at = (gpa.0 & 0x1fff_ffff) as usize;
        let bytes = self.ram.get(at..at + size as usize).ok_or(BusError)?;
        let mut v = [0; 8];
        v[..bytes.len()].copy_from_slice(bytes);
        Ok(u64::from_le_bytes(v))
    }
    fn write(&mut self, gpa: Gpa, size: u32, value: u64) -> Result<(), BusError> {
        let at = (gpa.0 & 0x1fff_ffff) as usize;
        let bytes = self.ram.get_mut(at..at + size as usize).ok_or(BusError)?;
        bytes.copy_from_slice(&value.to_le_bytes()[..size as usize]);
        Ok(())
    }
}

fn swap(v: u64, size: u32, big: bool) -> u64 {
    if big {
        v.swap_bytes() >> (64 - 8 * size)
    } else {
        v
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
        let t = guest.translate(&self.state.clone(), self, va, Access::Read, mem.mmu)?;
        match self.read(t.gpa, mem.bytes()) {
            Ok(v) => Ok(swap(v, mem.bytes(), mem.big_endian)),
            Err(BusError) => guest
                .bus_error(va, Access::Read)
                .map_or(Ok(0), |f| Err(f.into())),
        }
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
        let t = guest.translate(&self.state.clone(), self, va, Access::Write, mem.mmu)?;
        let value = if mem.bytes() == 8 {
            value
        } else {
            value & ((1 << (8 * mem.bytes())) - 1)
        };
        let _ = self.write(t.gpa, mem.bytes(), swap(value, mem.bytes(), mem.big_endian));
        Ok(())
    }
    fn probe(&mut self, _: &mut dyn Guest, _: u64, _: MemArg) -> Result<(), Stop> {
        Ok(())
    }
    fn direct(&self, _: u64, _: MemArg) -> Option<u32> {
        None
    }
    fn now_ns(&self) -> u64 {
        self.now_ns
    }
    fn set_timer(&mut self, deadline_ns: Option<u64>) {
        self.timer = deadline_ns;
    }
    fn flush_range(&mut self, va: u64, bytes: u64) {
        self.flushed.push((va, bytes));
    }
    fn flush_mapped(&mut self) {
        self.flushes_mapped += 1;
    }
    fn flush_all(&mut self) {}
    fn set_code_gen(&mut self, _: Lasting, generation: u32) {
        self.code_gen = generation;
    }
    fn leave(&mut self) {
        self.left = true;
        self.state.write32(layout::PENDING, pending::LEAVE);
    }
    fn invalidate_code(&mut self, gpa: Gpa, bytes: u32) {
        self.invalidated.push((gpa.0, bytes));
    }
    fn guest_error(&mut self, _: &str) {}
}

struct Fetch<'a> {
    cpu: &'a mut Mips,
    hw: &'a mut Hw,
    mmu: u8,
}

impl CodeFetch for Fetch<'_> {
    fn fetch(&mut self, va: u64, bytes: u32) -> Result<u32, Fault> {
        let t = self
            .cpu
            .translate(&self.hw.state.clone(), self.hw, va, Access::Fetch, self.mmu)?;
        self.hw
            .read(t.gpa, bytes)
            .map(|v| v as u32)
            .map_err(|_| self.cpu.bus_error(va, Access::Fetch).unwrap())
    }
}

struct Exec<'a> {
    cpu: &'a mut Mips,
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
        self.cpu
            .translate(&self.hw.state.clone(), self.hw, va, access, mem.mmu)?;
        Ok(())
    }
    fn call(&mut self, helper: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        self.cpu.helper(self.hw, helper, args)
    }
    fn note_progress(&mut self, _: u32) {}
}

/// CPU, RAM and a way to step.
pub struct Machine {
    pub cpu: Mips,
    pub hw: Hw,
}

impl Machine {
    pub fn new(model: &str, big: bool) -> Machine {
        Machine::with_model(CpuModel::by_name(model).unwrap(), big)
    }

    pub fn with_model(model: &CpuModel, big: bool) -> Machine {
        let mut cpu = Mips::new(model, big);
        let arena = Arena::new().unwrap();
        let base = arena.alloc(cpu.slots().state_bytes() as u64, 4096).unwrap();
        let wide = cpu.model.wide;
        let maps = if wide {
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
        let state = State { arena, base };
        for i in 0..8 {
            state.write32(layout::MAPS + 4 * i, maps);
        }
        cpu.reset(&state);
        let hw = Hw {
            state,
            ram: vec![0; RAM_BYTES as usize],
            now_ns: 0,
            timer: None,
            left: false,
            code_gen: 0,
            flushed: Vec::new(),
            flushes_mapped: 0,
            invalidated: Vec::new(),
        };
        let mut m = Machine { cpu, hw };
        // Out of reset: kernel mode, FPU on, no BEV; programs run in kseg0.
        let fpu = if m.cpu.model.has_fpu() { 1 << 29 } else { 0 };
        m.set_status(1 << 28 | fpu);
        m.set_pc(m.cpu.compat(0x8000_1000));
        m
    }

    pub fn set_pc(&mut self, pc: u64) {
        self.hw.state.set_pc(pc);
    }
    pub fn pc(&self) -> u64 {
        self.hw.state.pc()
    }
    pub fn set_status(&mut self, v: u32) {
        let s = self.hw.state.clone();
        self.cpu.put_status(&s, v);
    }
    pub fn slot(&self, slot: tinamou_ir::Slot) -> u64 {
        self.cpu.get(&self.hw.state, slot)
    }
    pub fn set_slot(&mut self, slot: tinamou_ir::Slot, v: u64) {
        self.cpu.set(&self.hw.state, slot, v);
    }
    pub fn r(&self, n: usize) -> u64 {
        self.slot(self.cpu.regs.gpr[n])
    }
    pub fn set_r(&mut self, n: usize, v: u64) {
        self.set_slot(self.cpu.regs.gpr[n], v);
    }
    pub fn write_word(&mut self, pa: u64, w: u32) {
        let bytes = if self.cpu.big_endian {
            w.to_be_bytes()
        } else {
            w.to_le_bytes()
        };
        self.hw.ram[pa as usize..pa as usize + 4].copy_from_slice(&bytes);
    }
    /// Puts code at physical address `pa`.
    pub fn code(&mut self, pa: u64, words: &[u32]) {
        for (i, &w) in words.iter().enumerate() {
            self.write_word(pa + 4 * i as u64, w);
        }
    }

    /// Runs one block of at most `max` instructions, or enters an interrupt.
    pub fn step(&mut self, max: u32) {
        if self.cpu.has_interrupt() && self.cpu.take_interrupt(&mut self.hw) {
            return;
        }
        let pc = self.pc();
        let state = self.hw.state.clone();
        let mode = self.cpu.mode(&state);
        let mmu = self.cpu.mmu_index(mode);
        // Lifting wants the CPU and translation wants it too: a copy lifts.
        let lifter = Mips::new(&self.cpu.model, self.cpu.big_endian);
        let block = lifter.lift(
            &mut Fetch {
                cpu: &mut self.cpu,
                hw: &mut self.hw,
                mmu,
            },
            pc,
            mode,
            max,
        );
        let block = match block {
            Ok(b) => b,
            // A fault elsewhere than at the pc is the delay slot's.
            Err(f) => return self.cpu.raise(&mut self.hw, f, f.va, (f.va != pc) as u64),
        };
        let slots = self.cpu.slots();
        check_block(&self.cpu, &block);
        let code = translate(&block, &slots, self.cpu.helpers());
        let mut start = 0;
        loop {
            state.write32(layout::PENDING, 0);
            let ran = run(
                &code,
                start,
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
                Outcome::Fault { fault, insn } => self.cpu.raise(
                    &mut self.hw,
                    fault,
                    code.insn_pc(insn),
                    code.insn_note(insn),
                ),
                Outcome::Trap { code: n, insn } => {
                    let fault = Fault {
                        code: n,
                        ..Fault::default()
                    };
                    self.cpu.raise(
                        &mut self.hw,
                        fault,
                        code.insn_pc(insn),
                        code.insn_note(insn),
                    );
                }
                Outcome::Wait { insn } => state.set_pc(code.insn_pc(insn)),
                Outcome::Left { insn } if code.insn_note(insn) & 1 != 0 => {
                    start = insn;
                    continue;
                }
                Outcome::Left { insn } => state.set_pc(code.insn_pc(insn)),
            }
            return;
        }
    }

    /// Steps instruction by instruction until `pc`.
    pub fn run_to(&mut self, pc: u64) {
        for _ in 0..10_000 {
            if self.pc() == pc {
                return;
            }
            self.step(1);
        }
        panic!(
            "never at {pc:#x}, now at {:#x}\n{}",
            self.pc(),
            self.cpu.dump(&self.hw.state)
        );
    }

    /// Runs `words` at the start address to their end, in blocks as long as can be.
    pub fn exec(&mut self, words: &[u32]) {
        let start = self.cpu.compat(0x8000_1000);
        let end = start + 4 * words.len() as u64;
        self.code(0x1000, words);
        // Behind them a branch to itself.
        self.code(0x1000 + end - start, &[asm("beq", &[('i', 0xffff)]), 0]);
        self.set_pc(start);
        for _ in 0..1000 {
            if self.pc() == end {
                return;
            }
            self.step(16);
        }
        panic!(
            "never at the end, now at {:#x}\n{}",
            self.pc(),
            self.cpu.dump(&self.hw.state)
        );
    }
}

/// The verifier's opinion on a lifted block.
pub fn check_block(cpu: &Mips, block: &tinamou_ir::Block) {
    let slots = Rc::clone(&cpu.slots());
    if let Err(e) = verify(block, &slots, cpu.helpers(), Form::Lifted) {
        panic!("{e}\n{}", text::print_block(block, &slots, cpu.helpers()));
    }
}

/// Assembles by the decode table: `fields` gives each letter of the figure its value; others are 0.
pub fn asm(name: &str, fields: &[(char, u32)]) -> u32 {
    let p = TABLE
        .iter()
        .find(|p| p.name == name)
        .unwrap_or_else(|| panic!("no {name}"));
    let letters: Vec<char> = p.figure.chars().filter(|c| *c != ' ').collect();
    let mut word = p.value;
    for &(letter, value) in fields {
        let at: Vec<usize> = (0..32).filter(|&i| letters[i] == letter).collect();
        assert!(!at.is_empty(), "{name} has no field {letter}");
        for (k, &i) in at.iter().rev().enumerate() {
            word |= (value >> k & 1) << (31 - i);
        }
    }
    assert_eq!(decode(word).map(|q| q.op), Some(p.op));
    word
}
