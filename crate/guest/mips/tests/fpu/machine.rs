//! A vCPU without a machine around it: single instructions through lifter and interpreter.

use std::collections::HashMap;

use tinamou_arena::Arena;
use tinamou_core::{Gpa, PhysBus};
use tinamou_ir::guest::{CodeFetch, Cx, Fault, Guest, Lasting, State, Stop};
use tinamou_ir::interp::{self, Code, ExecCx, Outcome};
use tinamou_ir::verify::{Form, verify};
use tinamou_ir::{HelperId, MemArg, layout};
use tinamou_mips::{CpuModel, Mips, helpers};

/// Status: Coprocessor 1 usable, 64-bit FPU registers, kernel mode.
const CU1: u32 = 1 << 29;
const FR: u32 = 1 << 26;

/// One vCPU.
pub struct Machine {
    /// The CPU.
    pub cpu: Mips,
    /// Its state.
    pub state: State,
    /// Calls of `FP_RARE`.
    pub rare: usize,
    code: HashMap<(Vec<u32>, u32), Code>,
}

struct Host {
    state: State,
    left: bool,
}

impl Cx for Host {
    fn state(&self) -> &State {
        &self.state
    }
    fn bus(&mut self) -> &mut dyn PhysBus {
        panic!("no bus")
    }
    fn load(&mut self, _: &mut dyn Guest, va: u64, _: MemArg) -> Result<u64, Stop> {
        Err(Fault {
            va,
            ..Fault::default()
        }
        .into())
    }
    fn store(&mut self, _: &mut dyn Guest, va: u64, _: u64, _: MemArg) -> Result<(), Stop> {
        Err(Fault {
            va,
            ..Fault::default()
        }
        .into())
    }
    fn probe(&mut self, _: &mut dyn Guest, _: u64, _: MemArg) -> Result<(), Stop> {
        Ok(())
    }
    fn direct(&self, _: u64, _: MemArg) -> Option<u32> {
        None
    }
    fn now_ns(&self) -> u64 {
        0
    }
    fn set_timer(&mut self, _: Option<u64>) {}
    fn flush_range(&mut self, _: u64, _: u64) {}
    fn flush_mapped(&mut self) {}
    fn flush_all(&mut self) {}
    fn set_code_gen(&mut self, _: Lasting, _: u32) {}
    fn leave(&mut self) {
        self.left = true;
    }
    fn invalidate_code(&mut self, _: Gpa, _: u32) {}
    fn guest_error(&mut self, _: &str) {}
}

struct Exec<'a> {
    cpu: &'a mut Mips,
    host: Host,
    rare: usize,
}

impl ExecCx for Exec<'_> {
    fn load(&mut self, va: u64, _: MemArg) -> Result<u64, Stop> {
        Err(Fault {
            va,
            ..Fault::default()
        }
        .into())
    }
    fn store(&mut self, va: u64, _: u64, _: MemArg) -> Result<(), Stop> {
        Err(Fault {
            va,
            ..Fault::default()
        }
        .into())
    }
    fn probe(&mut self, va: u64, _: MemArg) -> Result<(), Stop> {
        Err(Fault {
            va,
            ..Fault::default()
        }
        .into())
    }
    fn call(&mut self, helper: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        self.rare += usize::from(helper == helpers::FP_RARE);
        self.cpu.helper(&mut self.host, helper, args)
    }
    fn note_progress(&mut self, _: u32) {}
}

/// Guest address of the code.
const PC: u64 = 0xffff_ffff_8000_1000;

struct Words<'a>(&'a [u32]);

impl CodeFetch for Words<'_> {
    fn fetch(&mut self, va: u64, _: u32) -> Result<u32, Fault> {
        let index = (va as u32).wrapping_sub(PC as u32) / 4;
        self.0.get(index as usize).copied().ok_or(Fault::default())
    }
}

impl Machine {
    /// A little-endian vCPU in kernel mode with the FPU on.
    pub fn new(model: &str, fr1: bool) -> Machine {
        let mut cpu = Mips::new(CpuModel::by_name(model).unwrap(), false);
        let arena = Arena::new().unwrap();
        let bytes = cpu.slots().state_bytes() as u64;
        let base = arena.alloc(bytes, 16).unwrap();
        let state = State { arena, base };
        cpu.reset(&state);
        let status = CU1 | if fr1 { FR } else { 0 };
        cpu.set(&state, cpu.regs.status, status.into());
        Machine {
            cpu,
            state,
            rare: 0,
            code: HashMap::new(),
        }
    }

    /// Runs one instruction. True if it asked to leave the block.
    ///
    /// # Errors
    /// The exception it raises.
    pub fn run(&mut self, word: u32) -> Result<bool, Fault> {
        self.run_block(&[word])
    }

    /// Runs a block of instructions, none of which is a branch, to its end or until one asks to leave it: then true.
    ///
    /// # Errors
    /// The exception that one of them raises.
    pub fn run_block(&mut self, words: &[u32]) -> Result<bool, Fault> {
        let mode = self.cpu.mode(&self.state);
        let cpu = &self.cpu;
        let code = self.code.entry((words.to_vec(), mode)).or_insert_with(|| {
            let max = words.len() as u32;
            let block = cpu.lift(&mut Words(words), PC, mode, max).unwrap();
            assert_eq!(block.insn_count, max);
            verify(&block, &cpu.slots(), cpu.helpers(), Form::Lifted).unwrap();
            interp::translate(&block, &cpu.slots(), cpu.helpers())
        });
        let host = Host {
            state: self.state.clone(),
            left: false,
        };
        let mut cx = Exec {
            cpu: &mut self.cpu,
            host,
            rare: 0,
        };
        let ran = interp::run(code, 0, &self.state, &mut cx);
        let left = cx.host.left;
        self.rare += cx.rare;
        self.state.write32(layout::PENDING, 0);
        match ran.outcome {
            Outcome::Fault { fault, .. } => Err(fault),
            Outcome::Trap { code, .. } => Err(Fault {
                code,
                ..Fault::default()
            }),
            _ => Ok(left),
        }
    }

    /// FPU register slot `n`.
    pub fn fpr(&self, n: usize) -> u64 {
        self.cpu.get(&self.state, self.cpu.regs.fpr[n])
    }

    /// Writes FPU register slot `n`.
    pub fn set_fpr(&self, n: usize, v: u64) {
        self.cpu.set(&self.state, self.cpu.regs.fpr[n], v);
    }

    /// Writes general register `n`.
    pub fn set_gpr(&self, n: usize, v: u64) {
        self.cpu.set(&self.state, self.cpu.regs.gpr[n], v);
    }

    /// FCSR.
    pub fn fcsr(&self) -> u32 {
        self.cpu.fpu(&self.state).fcsr()
    }

    /// Sets FCSR.
    pub fn set_fcsr(&self, v: u32) {
        self.cpu.fpu(&self.state).set_fcsr(v);
    }
}
