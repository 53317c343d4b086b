//! Multiplication, division and the sign extensions that go with them.

use iced_x86::Mnemonic;
use tinamou_ir::Val;

use super::operand::Use;
use super::{Lifter, Place};
use crate::regs::{AX, DX};
use crate::{fault, flags, helpers};

fn set_flags(l: &mut Lifter<'_>, lg: u32, low: Val, over: Val) {
    let o = if lg == 3 { l.b.ext_u(over) } else { over };
    l.set_cc(flags::MUL, lg, low, Some(o));
    l.set_cf_with(over);
}

/// MUL and IMUL.
pub fn mul(l: &mut Lifter<'_>, signed: bool) {
    match l.insn.op_count() {
        1 => one_operand(l, signed),
        n => {
            let d = l.place(0, Use::Write);
            let lg = l.lg(d);
            let s = l.place(n - 2, Use::Read);
            let (a, b) = if n == 2 {
                let s = l.place(1, Use::Read);
                let b = l.read(s);
                (l.read(d), b)
            } else {
                let a = l.read(s);
                (a, l.k(l.insn.immediate(2), lg))
            };
            let (low, over) = match lg {
                1 => {
                    let (a, b) = (l.b.sext16(a), l.b.sext16(b));
                    let r = l.b.mul(a, b);
                    let back = l.b.sext16(r);
                    let over = l.b.ne(r, back);
                    (l.clean(r, 1), over)
                }
                2 => {
                    let (a, b) = (l.b.ext_s(a), l.b.ext_s(b));
                    let r = l.b.mul(a, b);
                    let back = l.b.sext32(r);
                    let over = l.b.ne(r, back);
                    (l.b.wrap(r), over)
                }
                _ => {
                    let (r, h) = (l.b.mul(a, b), l.b.mulh_s(a, b));
                    let s = l.b.i64(63);
                    let sign = l.b.sar(r, s);
                    (r, l.b.ne(h, sign))
                }
            };
            l.write(d, low);
            set_flags(l, lg, low, over);
        }
    }
}

fn one_operand(l: &mut Lifter<'_>, signed: bool) {
    let s = l.place(0, Use::Read);
    let lg = l.lg(s);
    let b = l.read(s);
    let a = l.reg(AX, lg);
    match lg {
        0 | 1 => {
            let (a, b) = if signed {
                (l.sext(a, lg), l.sext(b, lg))
            } else {
                (a, b)
            };
            let r = l.b.mul(a, b);
            let low = l.clean(r, lg);
            let over = if signed {
                let back = l.sext(r, lg);
                l.b.ne(r, back)
            } else {
                l.b.ne(r, low)
            };
            if lg == 0 {
                l.set_reg(AX, 1, r);
            } else {
                l.set_reg(AX, 1, r);
                let n = l.b.i32(16);
                let hi = l.b.shr(r, n);
                l.set_reg(DX, 1, hi);
            }
            set_flags(l, lg, low, over);
        }
        2 => {
            let (a, b) = if signed {
                (l.b.ext_s(a), l.b.ext_s(b))
            } else {
                (l.b.ext_u(a), l.b.ext_u(b))
            };
            let r = l.b.mul(a, b);
            let low = l.b.wrap(r);
            let n = l.b.i64(32);
            let hi = l.b.shr(r, n);
            let hi = l.b.wrap(hi);
            let over = if signed {
                let back = l.b.sext32(r);
                l.b.ne(r, back)
            } else {
                let zero = l.b.i32(0);
                l.b.ne(hi, zero)
            };
            l.set_reg(AX, 2, low);
            l.set_reg(DX, 2, hi);
            set_flags(l, lg, low, over);
        }
        _ => {
            let low = l.b.mul(a, b);
            let hi = if signed {
                l.b.mulh_s(a, b)
            } else {
                l.b.mulh_u(a, b)
            };
            let none = if signed {
                let n = l.b.i64(63);
                l.b.sar(low, n)
            } else {
                l.b.i64(0)
            };
            let over = l.b.ne(hi, none);
            l.set_reg(AX, 3, low);
            l.set_reg(DX, 3, hi);
            set_flags(l, lg, low, over);
        }
    }
}

/// MULX.
pub fn mulx(l: &mut Lifter<'_>) {
    let s = l.place(2, Use::Read);
    let lg = l.lg(s);
    let b = l.read(s);
    let a = l.reg(DX, lg);
    let (lo, hi) = if lg == 3 {
        (l.b.mul(a, b), l.b.mulh_u(a, b))
    } else {
        let (a, b) = (l.b.ext_u(a), l.b.ext_u(b));
        let r = l.b.mul(a, b);
        let n = l.b.i64(32);
        let hi = l.b.shr(r, n);
        (l.b.wrap(r), l.b.wrap(hi))
    };
    // With one register twice it gets the high half.
    let p = l.place(1, Use::Write);
    l.write(p, lo);
    let p = l.place(0, Use::Write);
    l.write(p, hi);
}

/// DIV and IDIV. What may fault behind a load is not an access: a memory operand is read by a helper.
pub fn div(l: &mut Lifter<'_>, signed: bool) {
    let s = l.place(0, Use::Read);
    let lg = l.lg(s);
    let d = match s {
        Place::Mem(va, lg) => l.load_early(va, lg),
        s => l.read(s),
    };
    let zero = l.zero(lg);
    let none = l.b.eq(d, zero);
    l.b.trap_if(none, fault::DE);
    match lg {
        0 | 1 => {
            let n = if lg == 0 {
                l.reg(AX, 1)
            } else {
                let (a, h) = (l.reg(AX, 1), l.reg(DX, 1));
                let s = l.b.i32(16);
                let h = l.b.shl(h, s);
                l.b.or(h, a)
            };
            let (q, r) = if signed {
                let n = if lg == 0 { l.b.sext16(n) } else { n };
                let d = l.sext(d, lg);
                (l.b.div_s(n, d), l.b.rem_s(n, d))
            } else {
                (l.b.div_u(n, d), l.b.rem_u(n, d))
            };
            let back = if signed {
                l.sext(q, lg)
            } else {
                l.clean(q, lg)
            };
            let over = l.b.ne(q, back);
            l.b.trap_if(over, fault::DE);
            if lg == 0 {
                let (q, r) = (l.clean(q, 0), l.clean(r, 0));
                let s = l.b.i32(8);
                let r = l.b.shl(r, s);
                let ax = l.b.or(r, q);
                l.set_reg(AX, 1, ax);
            } else {
                l.set_reg(AX, 1, q);
                l.set_reg(DX, 1, r);
            }
        }
        2 => {
            let (a, h) = (l.reg(AX, 2), l.reg(DX, 2));
            let n = super::arith::join(l, a, h);
            let (q, r) = if signed {
                let d = l.b.ext_s(d);
                (l.b.div_s(n, d), l.b.rem_s(n, d))
            } else {
                let d = l.b.ext_u(d);
                (l.b.div_u(n, d), l.b.rem_u(n, d))
            };
            let back = if signed {
                l.b.sext32(q)
            } else {
                let m = l.b.i64(0xffff_ffff);
                l.b.and(q, m)
            };
            let over = l.b.ne(q, back);
            l.b.trap_if(over, fault::DE);
            let (q, r) = (l.b.wrap(q), l.b.wrap(r));
            l.set_reg(AX, 2, q);
            l.set_reg(DX, 2, r);
        }
        _ => {
            let (a, h) = (l.reg(AX, 3), l.reg(DX, 3));
            let q = l.b.call(
                if signed {
                    helpers::IDIV128
                } else {
                    helpers::DIV128
                },
                &[h, a, d],
            );
            let p = l.b.mul(q, d);
            let r = l.b.sub(a, p);
            l.set_reg(AX, 3, q);
            l.set_reg(DX, 3, r);
        }
    }
}

/// CBW, CWDE, CDQE.
pub fn extend_ax(l: &mut Lifter<'_>, m: Mnemonic) {
    match m {
        Mnemonic::Cbw => {
            let a = l.reg(AX, 0);
            let v = l.b.sext8(a);
            l.set_reg(AX, 1, v);
        }
        Mnemonic::Cwde => {
            let a = l.reg(AX, 1);
            let v = l.b.sext16(a);
            l.set_reg(AX, 2, v);
        }
        _ => {
            let a = l.reg(AX, 3);
            let v = l.b.sext32(a);
            l.set_reg(AX, 3, v);
        }
    }
}

/// CWD, CDQ, CQO.
pub fn extend_dx(l: &mut Lifter<'_>, m: Mnemonic) {
    let lg = match m {
        Mnemonic::Cwd => 1,
        Mnemonic::Cdq => 2,
        _ => 3,
    };
    let a = l.reg(AX, lg);
    let a = l.sext(a, lg);
    let n = if lg == 3 { l.b.i64(63) } else { l.b.i32(31) };
    let v = l.b.sar(a, n);
    l.set_reg(DX, lg, v);
}

impl Lifter<'_> {
    /// A load by a helper, behind which the instruction may still fault.
    pub fn load_early(&mut self, va: Val, lg: u32) -> Val {
        let m = self.b.i32(self.mem(lg).pack() as u32);
        let v = self.b.call(helpers::LOAD, &[va, m]);
        if lg == 3 { v } else { self.b.wrap(v) }
    }
}
