//! Paging: 32-bit, PAE and long mode, with large pages, accessed and dirty bits, and protection (SDM volume 3, chapter 4).
//!
//! There is no TLB of its own: the caches of translations above are it. A page that is not yet dirty is not cached for stores. Global pages say
//! so, and a load of CR3 keeps them.

use tinamou_core::{Gpa, PhysBus, RamPage};
use tinamou_ir::guest::{Access, Cx, Fault, Lasting, State, Translation};

use crate::fault;
use crate::sys::{cr0, cr4, efer};
use crate::{Res, X86};

pub(crate) const P: u64 = 1;
const RW: u64 = 2;
const US: u64 = 4;
const A: u64 = 1 << 5;
const D: u64 = 1 << 6;
pub(crate) const PS: u64 = 1 << 7;
const GLOBAL: u64 = 1 << 8;
const NX: u64 = 1 << 63;

/// What a walk found.
struct Walk {
    pa: u64,
    /// RW, US and NX of all levels.
    rights: u64,
    global: bool,
    /// The last entry: address, value, width in bytes.
    leaf: (u64, u64, u32),
}

/// A page as the tables map it.
pub(crate) struct Leaf {
    /// Its linear address, sign-extended in long mode.
    pub va: u64,
    /// Its physical address.
    pub pa: u64,
    /// Its size.
    pub bytes: u64,
    /// Its entry.
    pub entry: u64,
    /// RW and US of all levels.
    pub rights: u64,
}

/// Most tables that a listing looks at.
const MOST_TABLES: usize = 1 << 14;

/// A level of the tables on the way to the leaves.
struct Level {
    table: u64,
    va: u64,
    level: u32,
    rights: u64,
}

pub(crate) fn read(state: &State, bus: &mut dyn PhysBus, pa: u64, bytes: u32) -> u64 {
    match bus.page(Gpa(pa)) {
        RamPage::Ram { arena, .. } => {
            let at = (arena & !0xfff) + (pa & 0xfff) as u32;
            if bytes == 8 {
                state.arena.read64(at)
            } else {
                state.arena.read32(at) as u64
            }
        }
        // What nobody answers reads as ones.
        _ => bus
            .read(Gpa(pa), bytes)
            .unwrap_or(u64::MAX >> (64 - 8 * bytes)),
    }
}

fn write(state: &State, bus: &mut dyn PhysBus, pa: u64, bytes: u32, v: u64) {
    match bus.page(Gpa(pa)) {
        RamPage::Ram {
            arena,
            writable: true,
        } => {
            let at = (arena & !0xfff) + (pa & 0xfff) as u32;
            if bytes == 8 {
                state.arena.write64(at, v);
            } else {
                state.arena.write32(at, v as u32);
            }
        }
        // A table in ROM stays as it is.
        _ => drop(bus.write(Gpa(pa), bytes, v)),
    }
}

impl X86 {
    pub(crate) fn a20(&self, pa: u64) -> u64 {
        if self.sys.a20_off {
            pa & !(1 << 20)
        } else {
            pa
        }
    }

    /// Loads the page-directory pointers of PAE paging outside long mode.
    pub(crate) fn load_pdptes(&mut self, cx: &mut dyn Cx) -> Res<()> {
        if self.sys.cr0 & cr0::PG == 0 || self.sys.cr4 & cr4::PAE == 0 || self.lma() {
            return Ok(());
        }
        let state = cx.state().clone();
        let mut new = [0; 4];
        for (i, e) in new.iter_mut().enumerate() {
            *e = read(
                &state,
                cx.bus(),
                self.a20((self.sys.cr3 & !31) + 8 * i as u64),
                8,
            );
            if *e & P != 0 && (*e & 0x1e6 != 0 || *e >> self.model.phys_bits != 0) {
                return Err(fault::gp(0).into());
            }
        }
        self.sys.pdpte = new;
        Ok(())
    }

    /// Translates a linear address.
    pub(crate) fn map(
        &mut self,
        state: &State,
        bus: &mut dyn PhysBus,
        va: u64,
        access: Access,
        mmu: u8,
    ) -> Result<Translation, Fault> {
        let va = if self.wide { va } else { va & 0xffff_ffff };
        if self.sys.cr0 & cr0::PG == 0 {
            return Ok(Translation {
                gpa: Gpa(self.a20(va)),
                cache_read: true,
                cache_write: true,
                lasting: Lasting::Space,
            });
        }
        if self.lma() && (va << 16) as i64 >> 16 != va as i64 {
            return Err(Fault { va, ..fault::gp(0) });
        }
        let user = mmu == 1;
        let nxe = self.sys.efer & efer::NXE != 0;
        let mut code = match access {
            Access::Write => fault::PF_W,
            Access::Fetch
                if nxe && self.sys.cr4 & cr4::PAE != 0 || self.sys.cr4 & cr4::SMEP != 0 =>
            {
                fault::PF_I
            }
            _ => 0,
        };
        if user {
            code |= fault::PF_U;
        }
        let refuse = |info: u64| Fault {
            code: fault::PF,
            va,
            info,
        };
        let mut w = self
            .walk(state, bus, va, true)
            .map_err(|e| refuse(code | e))?;
        let write_ok = w.rights & RW != 0;
        let user_page = w.rights & US != 0;
        let denied = match access {
            Access::Fetch => {
                w.rights & NX != 0
                    || if user {
                        !user_page
                    } else {
                        user_page && self.sys.cr4 & cr4::SMEP != 0
                    }
            }
            Access::Read => {
                if user {
                    !user_page
                } else {
                    user_page && mmu == 2
                }
            }
            Access::Write if user => !user_page || !write_ok,
            Access::Write => user_page && mmu == 2 || !write_ok && self.sys.cr0 & cr0::WP != 0,
        };
        if denied {
            return Err(refuse(code | fault::PF_P));
        }
        let (at, entry, bytes) = w.leaf;
        let dirty = if access == Access::Write { D } else { 0 };
        if entry & (A | dirty) != A | dirty {
            w.leaf.1 = entry | A | dirty;
            write(state, bus, at, bytes, w.leaf.1);
        }
        let may_write = if user {
            write_ok
        } else {
            write_ok || self.sys.cr0 & cr0::WP == 0
        };
        Ok(Translation {
            gpa: Gpa(self.a20(w.pa)),
            cache_read: true,
            cache_write: may_write && w.leaf.1 & D != 0,
            lasting: if w.global && self.sys.cr4 & cr4::PGE != 0 {
                Lasting::Global
            } else {
                Lasting::Space
            },
        })
    }

    /// The physical address behind a linear one, rights aside and without a trace in the tables.
    pub(crate) fn peek(&self, state: &State, bus: &mut dyn PhysBus, va: u64) -> Option<u64> {
        let va = if self.wide { va } else { va & 0xffff_ffff };
        if self.sys.cr0 & cr0::PG == 0 {
            return Some(self.a20(va));
        }
        let w = self.walk(state, bus, va, false).ok()?;
        Some(self.a20(w.pa))
    }

    /// The pages that the tables map, ascending; `None` without paging. Leaves no trace.
    pub(crate) fn leaves(&self, state: &State, bus: &mut dyn PhysBus) -> Option<Vec<Leaf>> {
        if self.sys.cr0 & cr0::PG == 0 {
            return None;
        }
        let pae = self.sys.cr4 & cr4::PAE != 0;
        let mut out = Vec::new();
        let level = |table, va, level| Level {
            table,
            va,
            level,
            rights: RW | US,
        };
        // The next one last.
        let mut todo = if !pae {
            vec![level(self.sys.cr3 & 0xffff_f000, 0, 2)]
        } else if self.lma() {
            vec![level(self.sys.cr3 & 0x000f_ffff_ffff_f000, 0, 4)]
        } else {
            let there = |&i: &usize| self.sys.pdpte[i] & P != 0;
            let table = |i: usize| self.sys.pdpte[i] & 0x000f_ffff_ffff_f000;
            let all = (0..4).filter(there);
            let mut all: Vec<_> = all.map(|i| level(table(i), (i as u64) << 30, 2)).collect();
            all.reverse();
            all
        };
        let (bits, width) = if pae { (9, 8) } else { (10, 4) };
        // Tables may lead in circles: the depth ends, their number is limited.
        for _ in 0..MOST_TABLES {
            let Some(at) = todo.pop() else { break };
            let shift = 12 + bits * (at.level - 1);
            let mut below = Vec::new();
            for i in 0..1u64 << bits {
                let pa = self.a20(at.table + i * width as u64);
                // Devices are not touched.
                if !matches!(bus.page(Gpa(pa)), RamPage::Ram { .. }) {
                    break;
                }
                let e = read(state, bus, pa, width);
                if e & P == 0 {
                    continue;
                }
                let va = at.va | i << shift;
                let va = if self.lma() {
                    ((va << 16) as i64 >> 16) as u64
                } else {
                    va & 0xffff_ffff
                };
                let rights = at.rights & e;
                let large = at.level > 1 && e & PS != 0 && (pae || self.sys.cr4 & cr4::PSE != 0);
                if large || at.level == 1 {
                    let mask = if pae {
                        0x000f_ffff_ffff_f000
                    } else {
                        0xffff_f000
                    };
                    out.push(Leaf {
                        va,
                        pa: e & mask & !((1u64 << shift) - 1),
                        bytes: 1 << shift,
                        entry: e,
                        rights,
                    });
                } else {
                    below.push(Level {
                        table: e & if pae {
                            0x000f_ffff_ffff_f000
                        } else {
                            0xffff_f000
                        },
                        va,
                        level: at.level - 1,
                        rights,
                    });
                }
            }
            todo.extend(below.into_iter().rev());
        }
        out.sort_by_key(|leaf| leaf.va);
        Some(out)
    }

    /// Walks the tables; an error is the page fault's error code without what the access adds. `mark`: sets the accessed bits above
    /// the leaf.
    fn walk(&self, state: &State, bus: &mut dyn PhysBus, va: u64, mark: bool) -> Result<Walk, u64> {
        if self.sys.cr4 & cr4::PAE == 0 {
            return self.walk32(state, bus, va as u32, mark);
        }
        let nxe = self.sys.efer & efer::NXE != 0;
        let reserved = !((1u64 << self.model.phys_bits) - 1) & 0x000f_ffff_ffff_f000
            | if nxe { 0 } else { NX };
        let mut rights = RW | US;
        let (mut table, mut level) = if self.lma() {
            (self.sys.cr3 & 0x000f_ffff_ffff_f000, 4)
        } else {
            let e = self.sys.pdpte[(va >> 30) as usize & 3];
            if e & P == 0 {
                return Err(0);
            }
            (e & 0x000f_ffff_ffff_f000, 2)
        };
        // Above bit 51 PAE outside long mode has reserved bits, except NX.
        let reserved = if self.lma() {
            reserved
        } else {
            reserved | 0x7ff0_0000_0000_0000
        };
        loop {
            let shift = 12 + 9 * (level - 1);
            let at = self.a20(table + ((va >> shift & 0x1ff) << 3));
            let e = read(state, bus, at, 8);
            if e & P == 0 {
                return Err(0);
            }
            if e & reserved != 0 {
                return Err(fault::PF_P | fault::PF_RSVD);
            }
            rights = rights & (e | NX) | e & NX;
            let large = level > 1 && e & PS != 0;
            if large
                && (level == 4 || level == 3 && !self.model.has(crate::models::feature::PDPE1GB))
            {
                return Err(fault::PF_P | fault::PF_RSVD);
            }
            if large || level == 1 {
                let offset = (1u64 << shift) - 1;
                let low = if large { offset & !0x1fff } else { 0 };
                if e & low & 0x000f_ffff_ffff_e000 != 0 {
                    return Err(fault::PF_P | fault::PF_RSVD);
                }
                let pa = e & 0x000f_ffff_ffff_f000 & !offset | va & offset;
                return Ok(Walk {
                    pa,
                    rights,
                    global: e & GLOBAL != 0,
                    leaf: (at, e, 8),
                });
            }
            if mark && e & A == 0 {
                write(state, bus, at, 8, e | A);
            }
            table = e & 0x000f_ffff_ffff_f000;
            level -= 1;
        }
    }

    fn walk32(
        &self,
        state: &State,
        bus: &mut dyn PhysBus,
        va: u32,
        mark: bool,
    ) -> Result<Walk, u64> {
        let at = self.a20((self.sys.cr3 & 0xffff_f000) + ((va as u64 >> 22) << 2));
        let e = read(state, bus, at, 4);
        if e & P == 0 {
            return Err(0);
        }
        if e & PS != 0 && self.sys.cr4 & cr4::PSE != 0 {
            let pse36 = self.model.has(crate::models::feature::PSE36);
            let above = e >> 13 & 0x1ff;
            let (high, bad) = if pse36 {
                ((above & 0xff) << 32, above & 0x100)
            } else {
                (0, above)
            };
            if bad != 0 || high >> self.model.phys_bits != 0 {
                return Err(fault::PF_P | fault::PF_RSVD);
            }
            let pa = high | e & 0xffc0_0000 | va as u64 & 0x3f_ffff;
            return Ok(Walk {
                pa,
                rights: e & (RW | US),
                global: e & GLOBAL != 0,
                leaf: (at, e, 4),
            });
        }
        let at2 = self.a20((e & 0xffff_f000) + ((va as u64 >> 12 & 0x3ff) << 2));
        let e2 = read(state, bus, at2, 4);
        if e2 & P == 0 {
            return Err(0);
        }
        if mark && e & A == 0 {
            write(state, bus, at, 4, e | A);
        }
        let pa = e2 & 0xffff_f000 | va as u64 & 0xfff;
        Ok(Walk {
            pa,
            rights: e & e2 & (RW | US),
            global: e2 & GLOBAL != 0,
            leaf: (at2, e2, 4),
        })
    }
}
