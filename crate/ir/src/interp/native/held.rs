//! Which registers hold words of the vCPU state while a piece runs.
//!
//! A word that is read stays in a register, and one that is written is stored late: when its register is needed, when the block ends (guest slots), or where the
//! piece goes back to the interpreter, on the way there. Scratch values that nobody reads any more are never stored.

use super::asm::*;
use super::template::Template;
use crate::layout;

/// The registers that hold words. They are none whose low byte needs a prefix of its own.
const REGS: [Reg; 7] = [RBX, R10, R11, R12, R13, R14, R15];
/// The words of the interpreter's scratch values.
const SCRATCH: core::ops::Range<u32> = layout::SCRATCH / 4..layout::GUEST / 4;

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Reg(Reg),
    Const(u64),
}

/// A word, or a double word, whose value is known.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    word: u32,
    wide: bool,
    /// The state does not have it yet.
    dirty: bool,
    place: Place,
}

impl Entry {
    /// The word behind its last.
    fn end(&self) -> u32 {
        self.word + 1 + self.wide as u32
    }

    fn overlaps(&self, word: u32, end: u32) -> bool {
        self.word < end && word < self.end()
    }

    fn is_within(&self, word: u32, end: u32) -> bool {
        word <= self.word && self.end() <= end
    }
}

/// What the registers hold.
#[derive(Default)]
pub(super) struct Held {
    entries: Vec<Entry>,
    /// When each register was used last, in ops.
    used: [u32; 16],
    /// Registers that the op being translated works with, a bit each.
    pinned: u16,
    /// The op's bytecode word.
    ip: u32,
    /// Where each scratch word is read last, at the latest.
    last: Vec<u32>,
    /// Changes whenever `entries` do.
    pub(super) version: u32,
}

impl Held {
    /// Before a block.
    pub(super) fn begin(&mut self, words: &[u64]) {
        self.forget_all();
        self.used = [0; 16];
        self.last.clear();
        self.last.resize(SCRATCH.len(), 0);
        // Any field of 16 bits may be an operand, which has up to four words.
        for (ip, &w) in words.iter().enumerate() {
            for field in [w, w >> 16, w >> 32, w >> 48] {
                let first = (field as u16 as usize).wrapping_sub(SCRATCH.start as usize);
                if first < self.last.len() {
                    let end = self.last.len().min(first + 4);
                    self.last[first..end].fill(ip as u32);
                }
            }
        }
    }

    /// Before the op at a word.
    pub(super) fn next(&mut self, ip: usize) {
        self.ip = ip as u32;
        self.pinned = 0;
    }

    /// Nothing is known any more.
    pub(super) fn forget_all(&mut self) {
        self.entries.clear();
        self.version += 1;
    }

    /// Whether the value is not read from this word of bytecode on.
    fn is_dead(&self, entry: &Entry, ip: u32) -> bool {
        SCRATCH.contains(&entry.word)
            && (entry.word..entry.end()).all(|w| {
                self.last
                    .get((w - SCRATCH.start) as usize)
                    .is_some_and(|&last| last < ip)
            })
    }

    fn pin(&mut self, reg: Reg) -> Reg {
        self.pinned |= 1 << reg;
        self.used[reg as usize] = self.ip;
        reg
    }

    /// The entries that the interpreter must find in the state if it goes on at this op.
    pub(super) fn owed(&self) -> impl Iterator<Item = Entry> + '_ {
        self.entries
            .iter()
            .filter(|e| e.dirty && !self.is_dead(e, self.ip))
            .copied()
    }
}

impl Asm {
    /// Stores an entry. R9 may be lost; flags are not.
    pub(super) fn settle(&mut self, entry: &Entry) {
        let (at, wide) = (Rm::Word(entry.word), entry.wide);
        match entry.place {
            Place::Reg(r) => self.store(wide, at, r),
            Place::Const(v) if !wide => self.store_imm(false, at, v as i32),
            Place::Const(v) => match i32::try_from(v as i64) {
                Ok(v) => self.store_imm(true, at, v),
                Err(_) => {
                    self.constant(R9, v);
                    self.store(true, at, R9);
                }
            },
        }
    }
}

impl Template<'_> {
    fn held(&mut self) -> &mut Held {
        &mut self.e.held
    }

    /// Where the value of a word is, if that is known.
    pub(super) fn known(&mut self, word: u32, wide: bool) -> Option<Place> {
        let held = self.held();
        let entry = held
            .entries
            .iter()
            .find(|e| e.word == word && (e.wide || !wide))?;
        Some(entry.place)
    }

    /// A word in a register, which is not to be written. Flags may be lost.
    pub(super) fn get(&mut self, word: u32, wide: bool) -> Reg {
        match self.known(word, wide) {
            Some(Place::Reg(r)) => self.held().pin(r),
            Some(Place::Const(v)) => {
                let r = self.fresh();
                self.asm().constant(r, v);
                let held = self.held();
                for e in &mut held.entries {
                    if e.place == Place::Const(v) {
                        e.place = Place::Reg(r);
                    }
                }
                held.version += 1;
                r
            }
            None => {
                self.sync(word, 1 + wide as u32);
                let r = self.fresh();
                self.asm().load(wide, r, Rm::Word(word));
                self.held().entries.push(Entry {
                    word,
                    wide,
                    dirty: false,
                    place: Place::Reg(r),
                });
                r
            }
        }
    }

    /// A copy of a word in a scratch register. Flags may be lost.
    pub(super) fn copy(&mut self, to: Reg, word: u32, wide: bool) {
        match self.known(word, wide) {
            Some(Place::Const(v)) => {
                let v = if wide { v } else { v as u32 as u64 };
                self.asm().constant(to, v);
            }
            _ => {
                let r = self.get(word, wide);
                self.asm().store(wide, Rm::Reg(to), r);
            }
        }
    }

    /// A register for a result. What it held is stored, if it is still needed.
    pub(super) fn fresh(&mut self) -> Reg {
        let held = &mut self.e.held;
        let mut taken = held.pinned;
        let mut i = 0;
        while let Some(e) = held.entries.get(i) {
            let Place::Reg(r) = e.place else {
                i += 1;
                continue;
            };
            if held.is_dead(e, held.ip) {
                held.entries.swap_remove(i);
                continue;
            }
            taken |= 1 << r;
            i += 1;
        }
        let free = REGS.into_iter().find(|&r| taken >> r & 1 == 0);
        let r = match free {
            Some(r) => r,
            None => {
                let r = REGS
                    .into_iter()
                    .filter(|&r| held.pinned >> r & 1 == 0)
                    .min_by_key(|&r| held.used[r as usize])
                    .expect("an op has few operands");
                let asm = &mut self.e.asm;
                held.entries.retain(|e| {
                    if e.place != Place::Reg(r) {
                        return true;
                    }
                    if e.dirty {
                        asm.settle(e);
                    }
                    false
                });
                r
            }
        };
        held.version += 1;
        held.pin(r)
    }

    /// A register that holds a copy of `x`, in which `d` is computed: `x` itself, if nobody needs that any more. The op must not go back behind this.
    pub(super) fn result(&mut self, d: u32, wide: bool, x: Reg) -> Reg {
        let held = &mut self.e.held;
        let end = d + 1 + wide as u32;
        let ends = |e: &Entry| e.is_within(d, end) || held.is_dead(e, held.ip + 1);
        if held
            .entries
            .iter()
            .all(|e| e.place != Place::Reg(x) || ends(e))
        {
            held.entries.retain(|e| e.place != Place::Reg(x));
            held.version += 1;
            return x;
        }
        let r = self.fresh();
        self.asm().store(wide, Rm::Reg(r), x);
        r
    }

    /// A word was computed.
    pub(super) fn define(&mut self, word: u32, wide: bool, place: Place) {
        self.forget(word, 1 + wide as u32);
        self.held().entries.push(Entry {
            word,
            wide,
            dirty: true,
            place,
        });
    }

    /// Words of the state were written, or will be.
    pub(super) fn forget(&mut self, word: u32, words: u32) {
        let held = &mut self.e.held;
        let (asm, end) = (&mut self.e.asm, word + words);
        held.entries.retain(|e| {
            let hit = e.overlaps(word, end);
            if hit && e.dirty && !e.is_within(word, end) {
                asm.settle(e);
            }
            !hit
        });
        held.version += 1;
    }

    /// Words of the state are to be read from there.
    pub(super) fn sync(&mut self, word: u32, words: u32) {
        self.store_if(|_, e| e.overlaps(word, word + words));
    }

    /// Guest slots are to be in the state, as the block ends. Flags are kept.
    pub(super) fn flush(&mut self) {
        self.store_if(|_, e| !SCRATCH.contains(&e.word));
    }

    /// All that is still needed is to be in the state.
    pub(super) fn spill(&mut self) {
        self.store_if(|held, e| !held.is_dead(e, held.ip));
    }

    fn store_if(&mut self, wanted: impl Fn(&Held, &Entry) -> bool) {
        let held = &mut self.e.held;
        for i in 0..held.entries.len() {
            let e = held.entries[i];
            if e.dirty && wanted(held, &e) {
                self.e.asm.settle(&e);
                held.entries[i].dirty = false;
                held.version += 1;
            }
        }
    }
}
