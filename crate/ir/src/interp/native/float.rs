//! The templates of scalar floats. A result that is a NaN is the interpreter's, whose NaNs all have the same bits.

use super::asm::*;
use super::template::{Flow, Template};
use crate::interp::bytecode::*;

impl Template<'_> {
    /// XMM0 into a word, unless it is a NaN.
    pub(super) fn put_float(&mut self, op: u64, double: bool) -> Flow {
        self.asm()
            .op(double.then_some(0x66), false, &[0x0f, 0x2e], 0, Rm::Reg(0));
        self.back_if(P);
        self.write_float(op, double)
    }

    fn write_float(&mut self, op: u64, double: bool) -> Flow {
        self.forget(d(op), 1 + double as u32);
        let prefix = Some(if double { 0xf2 } else { 0xf3 });
        self.asm()
            .op(prefix, false, &[0x0f, 0x11], 0, Rm::Word(d(op)));
        Flow::On
    }

    /// `d = a op b` of scalar SSE; with `both` off, `d = op(a)`.
    pub(super) fn float(&mut self, op: u64, double: bool, opcode: u8, both: bool) -> Flow {
        let prefix = Some(if double { 0xf2 } else { 0xf3 });
        self.sync(a(op), 1 + double as u32);
        let last = if both {
            self.sync(b(op), 1 + double as u32);
            self.asm()
                .op(prefix, false, &[0x0f, 0x10], 0, Rm::Word(a(op)));
            b(op)
        } else {
            a(op)
        };
        self.asm()
            .op(prefix, false, &[0x0f, opcode], 0, Rm::Word(last));
        self.put_float(op, double)
    }

    /// A comparison of floats, `y` with `x`; `cond` is false for NaNs.
    pub(super) fn float_compared(
        &mut self,
        op: u64,
        double: bool,
        x: u32,
        y: u32,
        cond: Cond,
    ) -> Flow {
        self.sync(x, 1 + double as u32);
        self.sync(y, 1 + double as u32);
        let prefix = if double { 0xf2 } else { 0xf3 };
        self.asm()
            .op(Some(prefix), false, &[0x0f, 0x10], 0, Rm::Word(y));
        self.asm()
            .op(double.then_some(0x66), false, &[0x0f, 0x2e], 0, Rm::Word(x));
        if cond == E {
            // Unordered is "equal", with parity.
            self.asm().set(NP, RCX);
            self.asm().set(E, RAX);
            self.asm().op(None, false, &[0x21], RCX, Rm::Reg(RAX));
        } else {
            self.asm().set(cond, RAX);
        }
        self.put_scratch(d(op), false, RAX);
        Flow::On
    }

    /// A whole number as a float: `prefix` says which kind, `from_wide` how many bytes the number has.
    pub(super) fn float_from(&mut self, op: u64, double: bool, from_wide: bool) -> Flow {
        let prefix = Some(if double { 0xf2 } else { 0xf3 });
        let x = self.get(a(op), from_wide);
        // XORPS: the conversion keeps what else is in the register.
        self.asm().op(None, false, &[0x0f, 0x57], 0, Rm::Reg(0));
        self.asm()
            .op(prefix, from_wide, &[0x0f, 0x2a], 0, Rm::Reg(x));
        self.write_float(op, double)
    }

    /// A double as a whole number; one that does not fit is the interpreter's.
    pub(super) fn float_to(&mut self, op: u64, wide: bool) -> Flow {
        self.sync(a(op), 2);
        self.asm()
            .op(Some(0xf2), wide, &[0x0f, 0x2c], RAX, Rm::Word(a(op)));
        // Only 80...0 overflows when 1 is taken from it.
        self.asm().alu_imm(wide, 7, Rm::Reg(RAX), 1);
        self.back_if(O);
        self.put_scratch(d(op), wide, RAX);
        Flow::On
    }
}
