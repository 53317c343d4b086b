//! The templates of accesses: what the page maps allow directly.

use super::asm::*;
use super::template::{Flow, Template};
use crate::interp::bytecode::*;
use crate::layout::{self, flat, tlb};

impl Template<'_> {
    /// The arena offset of an access in RAX; back to the interpreter if the page map does not allow it directly. RCX and RDX are lost.
    pub(super) fn place(&mut self, op: u64, mmu: u32, access: Access, write: bool) {
        let Access {
            n, tagged, aligned, ..
        } = access;
        let base = self.get(a(op), tagged);
        match imm16(op) {
            0 => self.asm().store(tagged, Rm::Reg(RAX), base),
            // LEA
            offset => self
                .asm()
                .op(None, tagged, &[0x8d], RAX, Rm::At(base, offset)),
        }
        let map = Rm::State(layout::MAPS + (mmu << 3) + write as u32 * 4);
        if tagged {
            // (va >> 12) & (ENTRIES - 1), times the entry's size.
            self.asm().store(false, Rm::Reg(RCX), RAX);
            self.asm()
                .shift_imm(false, 5, RCX, 12 - tlb::ENTRY_LOG2 as u8);
            let mask = (tlb::ENTRIES - 1) << tlb::ENTRY_LOG2;
            self.asm().alu_imm(false, 4, Rm::Reg(RCX), mask as i32);
            self.asm().op(None, false, &[0x03], RCX, map);
            // An access that must be aligned has the low bits in its tag; of another the last byte lies in the tag's page.
            let low = if aligned || n == 1 {
                self.asm().store(true, Rm::Reg(RDX), RAX);
                n as i32 - 1
            } else {
                self.asm()
                    .op(None, true, &[0x8d], RDX, Rm::At(RAX, n as i32 - 1));
                0
            };
            self.asm().alu_imm(true, 4, Rm::Reg(RDX), !0xfff | low);
            let tag = if write { tlb::TAG_WRITE } else { tlb::TAG_READ };
            self.asm()
                .op(None, true, &[0x3b], RDX, Rm::Arena(RCX, tag as u8));
            self.back_if(NE);
            self.asm()
                .op(None, false, &[0x03], RAX, Rm::Arena(RCX, tlb::ADDEND as u8));
        } else {
            self.asm().store(false, Rm::Reg(RCX), RAX);
            self.asm().shift_imm(false, 5, RCX, 12);
            self.asm().load(false, RDX, map);
            self.asm().op(None, true, &[0x01], RSI, Rm::Reg(RDX));
            self.asm().load(false, RCX, Rm::Table(RDX, RCX));
            if n == 1 {
                // TEST CL, 1
                self.asm().code.extend([0xf6, 0xc1, 1]);
                self.back_if(NE);
            } else {
                self.asm().store(false, Rm::Reg(RDX), RAX);
                self.asm().op(None, false, &[0x09], RCX, Rm::Reg(RDX));
                if aligned {
                    // TEST DL, n - 1
                    self.asm().code.extend([0xf6, 0xc2, n as u8 - 1]);
                    self.back_if(NE);
                } else {
                    const { assert!(flat::SLOW == 0xfff) };
                    self.asm().alu_imm(false, 4, Rm::Reg(RDX), 0xfff);
                    self.asm()
                        .alu_imm(false, 7, Rm::Reg(RDX), 0x1000 - n as i32);
                    self.back_if(A);
                }
            }
            self.asm().op(None, false, &[0x01], RCX, Rm::Reg(RAX));
        }
    }

    pub(super) fn load(&mut self, op: u64, to_wide: bool, access: Access) -> Flow {
        let Access { n, swapped, .. } = access;
        self.place(op, aux(op) & 3, access, false);
        let signed = aux(op) >> 2 != 0;
        let (at, r) = (Rm::Arena(RAX, 0), self.fresh());
        let extend = signed && to_wide;
        match (n, swapped) {
            (1, _) | (2, false) => {
                let opcode = [0x0f, 0xb6 | (signed as u8) << 3 | (n == 2) as u8];
                self.asm().op(None, to_wide, &opcode, r, at);
            }
            (2, true) => {
                self.asm().op(None, false, &[0x0f, 0xb7], RAX, at);
                // ROL AX, 8
                self.asm().code.extend([0x66, 0xc1, 0xc0, 8]);
                let opcode = [0x0f, 0xb7 | (signed as u8) << 3];
                self.asm().op(None, to_wide, &opcode, r, Rm::Reg(RAX));
            }
            (4, false) if extend => self.asm().op(None, true, &[0x63], r, at),
            _ => {
                self.asm().load(n == 8, r, at);
                if swapped {
                    self.asm().bswap(n == 8, r);
                }
                if n == 4 && extend {
                    self.asm().op(None, true, &[0x63], r, Rm::Reg(r));
                }
            }
        }
        self.put(d(op), to_wide, r);
        Flow::On
    }

    pub(super) fn store(&mut self, op: u64, access: Access) -> Flow {
        let Access { n, swapped, .. } = access;
        self.place(op, aux(op) & 3, access, true);
        let mut r = self.get(d(op), n == 8);
        if swapped {
            self.asm().store(n == 8, Rm::Reg(RCX), r);
            r = RCX;
        }
        match (n, swapped) {
            // ROL CX, 8
            (2, true) => self.asm().code.extend([0x66, 0xc1, 0xc1, 8]),
            (4 | 8, true) => self.asm().bswap(n == 8, RCX),
            _ => {}
        }
        let at = Rm::Arena(RAX, 0);
        match n {
            1 => self.asm().op(None, false, &[0x88], r, at),
            2 => self.asm().op(Some(0x66), false, &[0x89], r, at),
            _ => self.asm().store(n == 8, at, r),
        }
        Flow::On
    }

    /// 16 bytes between memory and the state.
    pub(super) fn vector_access(&mut self, op: u64, tagged: bool, write: bool) -> Flow {
        let access = Access {
            n: 16,
            tagged,
            aligned: false,
            swapped: false,
        };
        self.place(op, aux(op) & 3, access, write);
        if write {
            self.sync(d(op), 4);
        } else {
            self.forget(d(op), 4);
        }
        let (at, word) = (Rm::Arena(RAX, 0), Rm::Word(d(op)));
        let (from, to) = if write { (word, at) } else { (at, word) };
        // MOVUPS
        self.asm().op(None, false, &[0x0f, 0x10], 0, from);
        self.asm().op(None, false, &[0x0f, 0x11], 0, to);
        Flow::On
    }
}

/// What an access is like.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub(super) n: u32,
    pub(super) tagged: bool,
    pub(super) aligned: bool,
    pub(super) swapped: bool,
}

impl Access {
    /// From the index that [`access_index`] makes.
    pub(super) fn of(index: u8, tagged: bool) -> Access {
        let i = index.wrapping_sub(1);
        let (n, swapped, aligned) = match index {
            0 => (1, false, false),
            _ => (2 << (i / 4), i & 2 != 0, i & 1 != 0),
        };
        Access {
            n,
            tagged,
            aligned,
            swapped,
        }
    }
}

pub(super) enum Kind {
    Load32,
    Load64,
    Store,
}

/// Kind, whether by the tagged TLB, and [`access_index`] of an access.
pub(super) fn access_of(code: u8) -> Option<(Kind, bool, u8)> {
    Some(match code {
        L8F..=L32FBA => (Kind::Load32, false, code - L8F),
        L8T..=L32TBA => (Kind::Load32, true, code - L8T),
        M8F..=M64FBA => (Kind::Load64, false, code - M8F),
        M8T..=M64TBA => (Kind::Load64, true, code - M8T),
        S8F..=S64FBA => (Kind::Store, false, code - S8F),
        S8T..=S64TBA => (Kind::Store, true, code - S8T),
        _ => return None,
    })
}
