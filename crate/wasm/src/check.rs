//! The check of an access's address (`tinamou_ir::layout`): the page map or the TLB, straddled pages, alignment; with a guess of where the page
//! lies in the arena, so that the access waits for none of it.

use tinamou_ir::layout::tlb;
use tinamou_ir::types::{MemArg, Type};
use wasm_encoder::{BlockType, MemArg as MemArgOut};

use crate::block::BlockCode;
use crate::func::at;
use crate::groups::Role;

/// What is touched by an access, or by all of a group.
struct Span {
    /// The first byte, as a distance from the address.
    low: i64,
    /// The last byte.
    high: i64,
    /// Bits of the address that must be clear.
    align: u32,
    /// No second page can be touched.
    within: bool,
    write: bool,
}

impl BlockCode<'_, '_> {
    /// Checks an access that leaves for the interpreter on a miss, and pushes its arena address; returns the constant to add to it.
    pub fn reach(&mut self, role: Role, va: u32, m: MemArg, write: bool) -> MemArgOut {
        let span = self.span(role, m, write);
        let entry = self.look_up(va, m, write);
        if let Some(guess) = self.f.guess {
            let local = self.f.take(Type::I32);
            self.push_low(va);
            self.f.i().local_get(guess).i32_add().local_set(local);
            self.guessed(va, entry, &span, guess, local);
            self.f.i().local_get(local);
            self.f.give(Type::I32, local);
        } else {
            self.misses(va, entry, &span);
            self.leave_if();
            self.address(va, entry);
        }
        self.f.give(Type::I32, entry);
        let Role::Leader(g) = role else {
            return at(0);
        };
        // The members' addresses are distances from the lowest.
        let base = self.f.take(Type::I32);
        self.groups.list[g as usize].local = Some(base);
        if span.low != 0 {
            self.f.i().i32_const(span.low as i32).i32_add();
        }
        self.f.i().local_tee(base);
        at(-span.low as u32)
    }

    /// Leaves on the stack whether an access misses. Returns the local with the map entry (flat map) or the entry's address (TLB).
    pub fn check(&mut self, va: u32, m: MemArg, write: bool) -> u32 {
        let entry = self.look_up(va, m, write);
        let span = self.span(Role::Alone, m, write);
        self.misses(va, entry, &span);
        entry
    }

    /// Leaves for the interpreter if the condition on the stack holds.
    fn leave_if(&mut self) {
        self.f.open_cold(BlockType::Empty);
        self.resume();
        self.f.close();
    }

    /// Corrects the arena address in `local`, which rests on the guess, or leaves for the interpreter.
    fn guessed(&mut self, va: u32, entry: u32, span: &Span, guess: u32, local: u32) {
        if self.f.env.va_type == Type::I64 {
            self.misses(va, entry, span);
            self.leave_if();
            self.f.i().local_get(entry).i32_load(at(tlb::ADDEND));
            self.f.i().local_get(guess).i32_ne();
            self.f.open_cold(BlockType::Empty);
        } else {
            // Two branches are cheaper than one on more operands.
            if !span.within {
                self.straddling(va, span);
                self.leave_if();
            }
            self.f.i().local_get(entry).local_get(guess);
            if span.align == 0 {
                self.f.i().i32_ne();
            } else {
                let mut i = self.f.i();
                i.i32_xor().local_get(va);
                i.i32_const(span.align as i32).i32_and().i32_or();
            }
            self.f.open_cold(BlockType::Empty);
            self.slow_or_misaligned(va, entry, span);
            self.leave_if();
        }
        self.address(va, entry);
        self.f.i().local_set(local);
        self.f.close();
    }

    /// What is touched by an access, or by all of a leader's group.
    fn span(&self, role: Role, m: MemArg, write: bool) -> Span {
        if let Role::Leader(g) = role {
            let group = &self.groups.list[g as usize];
            return Span {
                low: group.low,
                high: group.high,
                align: group.align,
                within: false,
                write,
            };
        }
        let last = m.bytes() - 1;
        Span {
            low: 0,
            high: last as i64,
            align: if m.aligned { last } else { 0 },
            within: m.aligned || last == 0,
            write,
        }
    }

    /// Pushes the low 32 bits of an address.
    fn push_low(&mut self, va: u32) {
        self.f.i().local_get(va);
        if self.f.env.va_type == Type::I64 {
            self.f.i().i32_wrap_i64();
        }
    }

    /// Pushes whether the first and the last byte lie in different pages.
    fn straddling(&mut self, va: u32, span: &Span) {
        if span.low != 0 {
            return self.straddles(va, span);
        }
        self.push_low(va);
        let mut i = self.f.i();
        i.i32_const(0xfff).i32_and();
        i.i32_const(0xfff - span.high as i32).i32_gt_u();
    }

    /// Pushes something that is not 0 if the first and the last byte lie in different pages.
    fn straddles(&mut self, va: u32, span: &Span) {
        for distance in [span.low, span.high] {
            self.push_low(va);
            if distance != 0 {
                self.f.i().i32_const(distance as i32).i32_add();
            }
        }
        self.f.i().i32_xor().i32_const(12).i32_shr_u();
    }

    /// Looks the address up: the local with the map entry (flat map), or the entry's address (TLB).
    fn look_up(&mut self, va: u32, m: MemArg, write: bool) -> u32 {
        let entry = self.f.take(Type::I32);
        if self.f.env.va_type == Type::I32 {
            let map = self.f.map_local(m.mmu, write);
            self.f
                .i()
                .local_get(map)
                .local_get(va)
                .i32_const(12)
                .i32_shr_u()
                .i32_const(2)
                .i32_shl()
                .i32_add();
            self.f.i().i32_load(at(0)).local_set(entry);
            return entry;
        }
        let map = self.f.map_local(m.mmu, false);
        let shift = 12 - tlb::ENTRY_LOG2;
        let mask = (tlb::ENTRIES - 1) << tlb::ENTRY_LOG2;
        self.f.i().local_get(map);
        self.push_low(va);
        let mut i = self.f.i();
        i.i32_const(shift as i32).i32_shr_u();
        i.i32_const(mask as i32).i32_and();
        i.i32_add().local_set(entry);
        entry
    }

    /// Leaves on the stack whether the map forbids the access, or it straddles pages.
    fn misses(&mut self, va: u32, entry: u32, span: &Span) {
        if self.f.env.va_type == Type::I64 {
            return self.misses_tag(va, entry, span);
        }
        if span.high > 0 && !span.within && span.low == 0 && span.align == 0 {
            let mut i = self.f.i();
            i.local_get(va).local_get(entry).i32_or();
            i.i32_const(0xfff).i32_and();
            i.i32_const(0xfff - span.high as i32).i32_gt_u();
            return;
        }
        self.slow_or_misaligned(va, entry, span);
        if !span.within {
            self.straddles(va, span);
            self.f.i().i32_or();
        }
    }

    /// As `misses`, for the flat map, whatever pages are straddled.
    fn slow_or_misaligned(&mut self, va: u32, entry: u32, span: &Span) {
        self.f.i().local_get(entry);
        if span.align == 0 {
            self.f.i().i32_const(1).i32_and();
        } else {
            let mut i = self.f.i();
            i.local_get(va).i32_or();
            i.i32_const(span.align as i32).i32_and();
        }
    }

    /// As `misses`, for the TLB.
    fn misses_tag(&mut self, va: u32, entry: u32, span: &Span) {
        let tag = if span.write {
            tlb::TAG_WRITE
        } else {
            tlb::TAG_READ
        };
        self.f.i().local_get(entry).i64_load(at(tag)).local_get(va);
        // The entry is that of the first byte's page: no other page's tag can be in it.
        let last = span.low == 0 && span.align == 0;
        if last && span.high != 0 {
            self.f.i().i64_const(span.high).i64_add();
        }
        let mut i = self.f.i();
        i.i64_const(!0xfff | span.align as i64).i64_and().i64_ne();
        if !last && !span.within {
            self.straddles(va, span);
            self.f.i().i32_or();
        }
    }

    /// Pushes the address in the arena.
    pub fn address(&mut self, va: u32, entry: u32) {
        self.push_low(va);
        self.f.i().local_get(entry);
        if self.f.env.va_type == Type::I64 {
            self.f.i().i32_load(at(tlb::ADDEND));
        }
        self.f.i().i32_add();
    }
}
