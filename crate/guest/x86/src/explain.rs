//! How a linear address is translated, table by table, for people (SDM volume 3, chapter 4). It looks and changes nothing.

use tinamou_core::PhysBus;
use tinamou_ir::guest::State;

use crate::X86;
use crate::mmu::{P, PS, read};
use crate::sys::{cr0, cr4};

type Steps = Vec<(String, String)>;

const TABLES: [&str; 4] = ["PTE", "PDE", "PDPTE", "PML4E"];
/// Bits that are shown by name, lowest first.
const BITS: [(u64, &str); 7] = [
    (1, "P"),
    (1 << 1, "RW"),
    (1 << 2, "US"),
    (1 << 5, "A"),
    (1 << 6, "D"),
    (1 << 7, "PS"),
    (1 << 63, "NX"),
];

fn bits(entry: u64, leaf: bool) -> String {
    let shown = BITS
        .iter()
        .filter(|(bit, name)| entry & bit != 0 && (leaf || *name != "D"));
    let names: Vec<&str> = shown.map(|(_, name)| *name).collect();
    if names.is_empty() {
        "not present".into()
    } else {
        names.join(" ")
    }
}

impl X86 {
    pub(crate) fn explain_address(&self, state: &State, bus: &mut dyn PhysBus, va: u64) -> Steps {
        let va = if self.wide { va } else { va & 0xffff_ffff };
        let mut steps = Steps::new();
        let mut step = |what: &str, found: String| steps.push((what.to_owned(), found));
        let s = &self.sys;
        step("privilege", format!("CPL {}", s.cpl));
        if s.cr0 & cr0::PG == 0 {
            step("paging", "off (CR0.PG=0): linear is physical".into());
            step("physical", format!("0x{:08x}", self.a20(va)));
            return steps;
        }
        let pae = s.cr4 & cr4::PAE != 0;
        let how = match (self.lma(), pae) {
            (true, _) => "4 levels (long mode)",
            (false, true) => "3 levels (PAE)",
            (false, false) => "2 levels (32-bit)",
        };
        step("paging", how.into());
        step("CR3", format!("0x{:x}", s.cr3));
        let (mut table, mut level, bytes, width) = if self.lma() {
            (s.cr3 & 0x000f_ffff_ffff_f000, 4, 8, 9)
        } else if pae {
            let n = va >> 30 & 3;
            let e = s.pdpte[n as usize];
            step(
                &format!("PDPTE {n}"),
                format!("0x{e:016x}  {}", bits(e, false)),
            );
            if e & P == 0 {
                step("fault", "page fault: not present".into());
                return steps;
            }
            (e & 0x000f_ffff_ffff_f000, 2, 8, 9)
        } else {
            (s.cr3 & 0xffff_f000, 2, 4, 10)
        };
        let frame = if bytes == 8 {
            0x000f_ffff_ffff_f000
        } else {
            0xffff_f000u64
        };
        loop {
            let shift = 12 + width * (level - 1);
            let n = va >> shift & ((1 << width) - 1);
            let at = self.a20(table + n * bytes);
            let e = read(state, bus, at, bytes as u32);
            let large = level > 1 && e & PS != 0 && (bytes == 8 || s.cr4 & cr4::PSE != 0);
            let leaf = large || level == 1;
            let digits = 2 * bytes as usize;
            step(
                &format!("{} {n}", TABLES[level as usize - 1]),
                format!("0x{e:0digits$x} at 0x{at:x}  {}", bits(e, leaf)),
            );
            if e & P == 0 {
                step("fault", "page fault: not present".into());
                return steps;
            }
            if leaf {
                let offset = (1u64 << shift) - 1;
                // A page of 4 MiB has bits 32 to 39 of its address in bits 13 to 20 (PSE-36).
                let high = if large && bytes == 4 {
                    (e >> 13 & 0xff) << 32
                } else {
                    0
                };
                step("page", format!("{} KiB", (offset + 1) >> 10));
                let pa = high | e & frame & !offset | va & offset;
                step("physical", format!("0x{:08x}", self.a20(pa)));
                return steps;
            }
            table = e & frame;
            level -= 1;
        }
    }
}
