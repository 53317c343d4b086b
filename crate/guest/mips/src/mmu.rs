//! Address spaces and the TLB (MD00090 and MD00091, chapters 4 and "TLB" of the operation descriptions).
//!
//! Beside the architectural entries there are up to [`GHOSTS`] ghosts: entries that TLBWR displaced stay usable, as if random replacement had
//! not hit them, until something could notice: TLBWI or TLBR on the index it had, a new entry that overlaps, TLBP on one, or a fault other than
//! refill (then the ghost is taken as gone and the fault is a refill). Ghosts are state: deterministic, saved and loaded.
//!
//! Each ASID has a code generation, renewed when an entry that served a fetch goes away, so that translated code rechecks its mappings.
//!
//! Missing: the fixed-mapping and BAT MMU types, 1 KB pages, dseg of debug mode. Cache attributes have no effect.

use std::collections::VecDeque;

use tinamou_core::Gpa;
use tinamou_ir::guest::{Access, Cx, Fault, Lasting, State, Translation};

use crate::cp0::status;
use crate::mode::{self, ERROR, KERNEL, SUPERVISOR};
use crate::models::CpuModel;
use crate::{Mips, fault};

/// Most ghost entries.
pub const GHOSTS: usize = 128;

/// One of the two pages of an entry.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Half {
    /// Physical address of the page.
    pub pa: u64,
    /// Cache attribute.
    pub c: u8,
    /// Writable.
    pub d: bool,
    /// Valid.
    pub v: bool,
}

/// A TLB entry.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Region and VPN2, as in EntryHi, masked.
    pub vpn: u64,
    /// PageMask.
    pub mask: u32,
    /// ASID.
    pub asid: u8,
    /// Global.
    pub g: bool,
    /// Even and odd page.
    pub half: [Half; 2],
    /// A ghost's former index.
    pub index: u8,
    /// It translated something since it was written.
    pub used: bool,
    /// It translated a fetch since it was written.
    pub fetched: bool,
    /// A ghost that is taken as gone, kept until cached translations are dropped.
    pub dead: bool,
}

impl Entry {
    /// Bits of an address inside the pair of pages.
    fn low(&self) -> u64 {
        self.mask as u64 | 0x1fff
    }

    pub(crate) fn page_bytes(&self) -> u64 {
        (self.low() + 1) >> 1
    }

    pub(crate) fn matches(&self, key: u64, asid: u8) -> bool {
        key & !self.low() == self.vpn && (self.g || self.asid == asid)
    }

    fn overlaps(&self, other: &Entry) -> bool {
        let low = self.low() | other.low();
        (self.vpn ^ other.vpn) & !low == 0 && (self.g || other.g || self.asid == other.asid)
    }
}

/// The TLB's state.
#[derive(Clone)]
pub struct Mmu {
    /// Architectural entries.
    pub entries: Vec<Entry>,
    /// Ghosts, oldest first.
    pub ghosts: VecDeque<Entry>,
    /// Code generation by ASID.
    pub code_gen: Vec<u32>,
    /// The last generation given out.
    pub last_gen: u32,
    /// Bits of EntryHi that hold the region and VPN2.
    pub vpn_mask: u64,
}

/// Where an address lies.
pub(crate) enum Segment {
    Unmapped(u64),
    Mapped,
}

impl Mmu {
    /// A TLB of the model's size. Entries start out zero, as QEMU's do: an address in the first two pages finds an invalid entry.
    pub fn new(model: &CpuModel) -> Mmu {
        let vpn_mask = if model.wide {
            3 << 62 | ((1u64 << model.seg_bits) - 1) & !0x1fff
        } else {
            0xffff_e000
        };
        Mmu {
            entries: vec![Entry::default(); model.tlb_entries as usize],
            ghosts: VecDeque::new(),
            // Distinct: a check made in one address space says nothing about another.
            code_gen: (2..258).collect(),
            last_gen: 257,
            vpn_mask,
        }
    }

    /// Number of architectural entries.
    pub fn size(&self) -> u32 {
        self.entries.len() as u32
    }

    fn find(&mut self, va: u64, asid: u8) -> Option<&mut Entry> {
        let key = va & self.vpn_mask;
        match self.entries.iter().position(|e| e.matches(key, asid)) {
            Some(i) => Some(&mut self.entries[i]),
            None => self
                .ghosts
                .iter_mut()
                .rev()
                .find(|e| !e.dead && e.matches(key, asid)),
        }
    }

    /// Gives `asid` a new code generation.
    pub fn renew(&mut self, asid: usize) {
        self.last_gen = if self.last_gen >= u32::MAX - 1 {
            2
        } else {
            self.last_gen + 1
        };
        self.code_gen[asid] = self.last_gen;
    }
}

impl Mips {
    /// The current ASID.
    pub(crate) fn asid(&self, state: &State) -> u8 {
        self.get(state, self.regs.entryhi) as u8
    }

    pub(crate) fn segment(&self, state: &State, va: u64, mmu: u8) -> Option<Segment> {
        let kernel = matches!(mmu, KERNEL | ERROR);
        let low = va as u32;
        if !self.model.wide || va == low as i32 as i64 as u64 {
            return match low >> 29 {
                0..=3 if mmu == ERROR => Some(Segment::Unmapped(low as u64)),
                0..=3 => Some(Segment::Mapped),
                4 | 5 if kernel => Some(Segment::Unmapped((low & 0x1fff_ffff) as u64)),
                6 if kernel || mmu == SUPERVISOR => Some(Segment::Mapped),
                7 if kernel => Some(Segment::Mapped),
                _ => None,
            };
        }
        let st = self.get(state, self.regs.status) as u32;
        let in_seg = va & !(3 << 62) < 1 << self.model.seg_bits;
        match va >> 62 {
            0 if st & status::UX != 0 && in_seg => Some(Segment::Mapped),
            1 if st & status::SX != 0 && (kernel || mmu == SUPERVISOR) && in_seg => {
                Some(Segment::Mapped)
            }
            2 if st & status::KX != 0 && kernel => {
                let pa = va & ((1 << 59) - 1);
                (pa < 1 << self.model.pa_bits).then_some(Segment::Unmapped(pa))
            }
            3 if st & status::KX != 0
                && kernel
                && in_seg
                && va & !(3 << 62) < (1 << self.model.seg_bits) - (1 << 31) =>
            {
                Some(Segment::Mapped)
            }
            _ => None,
        }
    }

    /// `Guest::translate` without watch registers.
    pub(crate) fn map(
        &mut self,
        state: &State,
        va: u64,
        access: Access,
        mmu: u8,
    ) -> Result<Translation, Fault> {
        let va = if self.model.wide {
            va
        } else {
            va as u32 as u64
        };
        let write = access == Access::Write;
        match self.segment(state, va, mmu) {
            None => Err(Fault {
                code: if write { fault::ADES } else { fault::ADEL },
                va,
                info: 0,
            }),
            Some(Segment::Unmapped(pa)) => Ok(Translation {
                gpa: Gpa(pa),
                cache_read: true,
                cache_write: true,
                lasting: Lasting::Fixed,
            }),
            Some(Segment::Mapped) => {
                let code = if write { fault::TLBS } else { fault::TLBL };
                let refill = Fault {
                    code: code | fault::REFILL,
                    va,
                    info: 0,
                };
                let asid = self.asid(state);
                let entries = self.sys.mmu.entries.as_ptr_range();
                let Some(e) = self.sys.mmu.find(va, asid) else {
                    return Err(refill);
                };
                let bytes = e.page_bytes();
                let half = e.half[(va & bytes != 0) as usize];
                if !half.v || write && !half.d {
                    let ghost = !entries.contains(&std::ptr::from_ref(e));
                    if ghost {
                        // Lifting ahead fetches where the guest may never go: that must not show.
                        e.dead |= access != Access::Fetch;
                        return Err(refill);
                    }
                    return Err(Fault {
                        code: if half.v { fault::MOD } else { code },
                        va,
                        info: 0,
                    });
                }
                e.used = true;
                e.fetched |= access == Access::Fetch;
                let gpa = Gpa(half.pa & !(bytes - 1) | va & (bytes - 1));
                Ok(Translation {
                    gpa,
                    cache_read: true,
                    cache_write: half.d,
                    lasting: Lasting::Space,
                })
            }
        }
    }

    /// Physical address of `va` as a load in MMU index `mmu` would find it, without any effect (for debuggers).
    ///
    /// # Errors
    /// When the load would fault.
    #[allow(
        clippy::result_unit_err,
        reason = "which fault it would be does not matter here"
    )]
    pub fn peek(&self, state: &State, va: u64, mmu: u8) -> Result<u64, ()> {
        match self.segment(state, va, mmu).ok_or(())? {
            Segment::Unmapped(pa) => Ok(pa),
            Segment::Mapped => {
                let key = va & self.sys.mmu.vpn_mask;
                let asid = self.asid(state);
                let all = self
                    .sys
                    .mmu
                    .entries
                    .iter()
                    .chain(self.sys.mmu.ghosts.iter().filter(|e| !e.dead));
                let e = all.into_iter().find(|e| e.matches(key, asid)).ok_or(())?;
                let bytes = e.page_bytes();
                let half = e.half[(va & bytes != 0) as usize];
                if half.v {
                    Ok(half.pa & !(bytes - 1) | va & (bytes - 1))
                } else {
                    Err(())
                }
            }
        }
    }

    /// Whether TLB refills for `va` use the XTLB vector.
    pub(crate) fn is_xtlb(&self, state: &State, va: u64) -> bool {
        let st = self.get(state, self.regs.status) as u32;
        self.model.wide
            && match va >> 62 {
                0 => st & status::UX != 0,
                1 => st & status::SX != 0,
                _ => st & status::KX != 0,
            }
    }

    /// An address as va_type holds it, from a sign-extended or whole value.
    pub(crate) fn va(&self, v: u64) -> u64 {
        if self.model.wide { v } else { v as u32 as u64 }
    }

    /// The code generation in force.
    pub fn code_generation(&self, state: &State) -> u32 {
        self.sys.mmu.code_gen[self.asid(state) as usize]
    }

    fn publish_gen(&self, cx: &mut dyn Cx) {
        let asid = self.asid(cx.state());
        cx.set_code_gen(Lasting::Space, self.sys.mmu.code_gen[asid as usize]);
    }

    /// Drops what depends on entries that are gone.
    fn retire(&mut self, cx: &mut dyn Cx, e: &Entry) {
        // What other address spaces cached was dropped when they were left.
        if e.used && (e.g || e.asid == self.asid(cx.state())) {
            let bytes = e.low() + 1;
            let mut va = e.vpn;
            if self.model.wide && va >> 62 == 3 {
                // The region's high bits are ones up to bit 62.
                va |= !0u64 << self.model.seg_bits;
            }
            cx.flush_range(va, bytes);
            if self.model.wide && va >> 62 == 3 {
                cx.flush_range(e.vpn, bytes);
            }
        }
        if e.fetched {
            if e.g {
                (0..256).for_each(|a| self.sys.mmu.renew(a));
            } else {
                self.sys.mmu.renew(e.asid as usize);
            }
            self.publish_gen(cx);
        }
    }

    fn retire_ghosts(&mut self, cx: &mut dyn Cx, gone: impl Fn(&Entry) -> bool) {
        if !self.sys.mmu.ghosts.iter().any(&gone) {
            return;
        }
        let all = std::mem::take(&mut self.sys.mmu.ghosts);
        let (out, keep): (VecDeque<Entry>, VecDeque<Entry>) = all.into_iter().partition(&gone);
        self.sys.mmu.ghosts = keep;
        for e in &out {
            self.retire(cx, e);
        }
    }

    /// The entry that EntryHi, EntryLo0/1 and PageMask describe.
    fn new_entry(&self, state: &State) -> Entry {
        let r = &self.regs;
        let mask = self.get(state, r.pagemask) as u32 & 0x1fff_e000;
        let hi = self.get(state, r.entryhi);
        let lo = [self.get(state, r.entrylo0), self.get(state, r.entrylo1)];
        let half = lo.map(|l| Half {
            pa: (l >> 6 & 0x00ff_ffff) << 12 & ((1 << self.model.pa_bits) - 1),
            c: (l >> 3 & 7) as u8,
            d: l & 4 != 0,
            v: l & 2 != 0,
        });
        Entry {
            vpn: hi & self.sys.mmu.vpn_mask & !(mask as u64 | 0x1fff),
            mask,
            asid: hi as u8,
            g: lo[0] & lo[1] & 1 != 0,
            half,
            index: 0,
            used: false,
            fetched: false,
            dead: false,
        }
    }

    /// TLBWI.
    pub(crate) fn tlbwi(&mut self, cx: &mut dyn Cx) {
        let index =
            (self.get(cx.state(), self.regs.index) as u32 & 0x7fff_ffff) % self.sys.mmu.size();
        let new = self.new_entry(cx.state());
        let old = self.sys.mmu.entries[index as usize];
        // Only adding rights to an entry (the usual way to mark a page dirty) makes nothing stale.
        let same = (old.vpn, old.mask, old.asid, old.g) == (new.vpn, new.mask, new.asid, new.g);
        let grows = |a: &Half, b: &Half| !a.v || b.v && a.pa == b.pa && (b.d || !a.d);
        if same && old.half.iter().zip(&new.half).all(|(a, b)| grows(a, b)) {
            self.sys.mmu.entries[index as usize] = Entry {
                used: old.used,
                fetched: old.fetched,
                ..new
            };
            self.retire_ghosts(cx, |g| g.overlaps(&new));
            return;
        }
        self.retire_ghosts(cx, |g| g.index as u32 == index || g.overlaps(&new));
        self.sys.mmu.entries[index as usize] = new;
        self.retire(cx, &old);
    }

    /// TLBWR.
    pub(crate) fn tlbwr(&mut self, cx: &mut dyn Cx) {
        let index = self.sys.next_random() as usize;
        let new = self.new_entry(cx.state());
        let old = std::mem::replace(&mut self.sys.mmu.entries[index], new);
        self.retire_ghosts(cx, |g| g.overlaps(&new));
        if old.overlaps(&new) || !(old.half[0].v || old.half[1].v) {
            self.retire(cx, &old);
            return;
        }
        if self.sys.mmu.ghosts.len() >= GHOSTS
            && let Some(first) = self.sys.mmu.ghosts.pop_front()
        {
            self.retire(cx, &first);
        }
        self.sys.mmu.ghosts.push_back(Entry {
            index: index as u8,
            ..old
        });
    }

    /// TLBP.
    pub(crate) fn tlbp(&mut self, cx: &mut dyn Cx) {
        let hi = self.get(cx.state(), self.regs.entryhi);
        let (key, asid) = (hi & self.sys.mmu.vpn_mask, hi as u8);
        let found = match self
            .sys
            .mmu
            .entries
            .iter()
            .position(|e| e.matches(key, asid))
        {
            Some(i) => i as u64,
            None => {
                self.retire_ghosts(cx, |g| g.matches(key, asid));
                0x8000_0000
            }
        };
        self.set(cx.state(), self.regs.index, found);
    }

    /// TLBR.
    pub(crate) fn tlbr(&mut self, cx: &mut dyn Cx) {
        let index =
            (self.get(cx.state(), self.regs.index) as u32 & 0x7fff_ffff) % self.sys.mmu.size();
        self.retire_ghosts(cx, |g| g.index as u32 == index);
        let e = self.sys.mmu.entries[index as usize];
        let r = self.regs.clone();
        let lo = |h: &Half| {
            h.pa >> 12 << 6 | (h.c as u64) << 3 | (h.d as u64) << 2 | (h.v as u64) << 1 | e.g as u64
        };
        self.set(cx.state(), r.pagemask, e.mask as u64);
        self.set(cx.state(), r.entrylo0, lo(&e.half[0]));
        self.set(cx.state(), r.entrylo1, lo(&e.half[1]));
        self.write_entryhi(cx, e.vpn | e.asid as u64);
    }

    /// Writes EntryHi; a new ASID drops the cached translations and brings its code generation.
    pub(crate) fn write_entryhi(&mut self, cx: &mut dyn Cx, v: u64) {
        let old = self.asid(cx.state());
        self.set(
            cx.state(),
            self.regs.entryhi,
            v & (self.sys.mmu.vpn_mask | 0xff),
        );
        if old != v as u8 {
            cx.flush_mapped();
            self.publish_gen(cx);
        }
    }

    /// The MMU index in force.
    pub(crate) fn mmu_now(&self, state: &State) -> u8 {
        mode::mmu_index(
            self.get(state, self.regs.status) as u32,
            self.sys.debug & crate::cp0::debug::DM != 0,
        )
    }
}
