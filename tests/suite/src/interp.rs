//! The interpreter as a runner, on blocks as they are or after the passes.

use tinamou_ir::Type;
use tinamou_ir::interp::{Outcome, Translator, run};

use crate::machine::{Case, End, HELPERS, Machine, Observed, Runner};

/// The interpreter.
pub struct Interp {
    machines: [Machine; 2],
    translator: Translator,
}

impl Default for Interp {
    fn default() -> Interp {
        Interp {
            machines: [Machine::new(Type::I32), Machine::new(Type::I64)],
            translator: Translator::default(),
        }
    }
}

impl Runner for Interp {
    fn name(&self) -> &'static str {
        "interp"
    }

    fn run(&mut self, case: &Case) -> Observed {
        let machine = &mut self.machines[(case.va_type() == Type::I64) as usize];
        machine.reset(case);
        let translator = &mut self.translator;
        let blocks = &case.region.blocks;
        let codes: Vec<_> = blocks
            .iter()
            .map(|b| translator.translate(b, &case.slots, HELPERS))
            .collect();
        let state = machine.state.clone();
        let mut at = 0;
        let end = loop {
            let (block, code) = (&blocks[at], &codes[at]);
            if block.insn_count > case.budget.saturating_sub(machine.completed) {
                break End::Budget(block.pc);
            }
            let ran = run(code, 0, &state, machine);
            machine.completed += ran.completed;
            let left = machine.take_leave();
            let (pc, indirect) = match ran.outcome {
                Outcome::Jump { pc } => (pc, false),
                Outcome::Indirect { pc } => (pc, true),
                Outcome::Leave { pc } => break End::Leave(pc),
                Outcome::Fault { fault, insn } => {
                    break End::Fault(fault, code.insn_pc(insn), code.insn_note(insn));
                }
                Outcome::Trap { code: n, insn } => {
                    break End::Trap(n, code.insn_pc(insn), code.insn_note(insn));
                }
                Outcome::Wait { insn } => break End::Wait(code.insn_pc(insn)),
                Outcome::Left { insn } => break End::Left(code.insn_pc(insn)),
            };
            match case.region.block_at(pc) {
                _ if left => break End::Left(pc),
                Some(next) => at = next as usize,
                None if indirect => break End::Indirect(pc),
                None => break End::Jump(pc),
            }
        };
        machine.observe(end)
    }
}
