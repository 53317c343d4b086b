//! How an address is translated, step by step, for people (MD00090, chapter 4). It looks and changes nothing.

use tinamou_ir::guest::State;

use crate::Mips;
use crate::mmu::{Entry, Segment};
use crate::mode::{ERROR, KERNEL, SUPERVISOR};

type Steps = Vec<(String, String)>;

fn step(steps: &mut Steps, what: impl Into<String>, found: String) {
    steps.push((what.into(), found));
}

impl Mips {
    pub(crate) fn explain_address(&self, state: &State, va: u64) -> Steps {
        let va = self.va(va);
        let digits = if self.model.wide { 16 } else { 8 };
        let mut steps = Steps::new();
        let mmu = self.mmu_now(state);
        let mode = match mmu {
            KERNEL => "kernel",
            SUPERVISOR => "supervisor",
            ERROR => "kernel, Status.ERL or debug mode: useg is unmapped",
            _ => "user",
        };
        step(&mut steps, "mode", mode.into());
        step(
            &mut steps,
            "segment",
            format!("0x{va:0digits$x} is in {}", self.segment_name(va)),
        );
        let physical = |pa: u64| format!("0x{pa:08x}");
        match self.segment(state, va, mmu) {
            None => step(
                &mut steps,
                "fault",
                "address error: this mode may not use the segment".into(),
            ),
            Some(Segment::Unmapped(pa)) => {
                step(
                    &mut steps,
                    "unmapped",
                    "the segment's bits are taken off, no TLB is asked".into(),
                );
                step(&mut steps, "physical", physical(pa));
            }
            Some(Segment::Mapped) => {
                let asid = self.asid(state);
                let key = va & self.sys.mmu.vpn_mask;
                step(
                    &mut steps,
                    "looked up",
                    format!("VPN2 0x{:0digits$x}, ASID 0x{asid:02x} (EntryHi)", key),
                );
                let matching = |e: &&Entry| e.matches(key, asid);
                let entries = &self.sys.mmu.entries;
                let found = match entries.iter().position(|e| e.matches(key, asid)) {
                    Some(n) => Some((format!("TLB entry {n}"), &entries[n])),
                    None => {
                        let mut ghosts = self.sys.mmu.ghosts.iter().rev().filter(|e| !e.dead);
                        ghosts
                            .find(matching)
                            .map(|e| ("TLB entry (displaced, still valid)".into(), e))
                    }
                };
                let Some((name, e)) = found else {
                    step(
                        &mut steps,
                        "fault",
                        format!("TLB refill: none of {} entries matches", entries.len()),
                    );
                    return steps;
                };
                let owner = if e.g {
                    "global".into()
                } else {
                    format!("ASID 0x{:02x}", e.asid)
                };
                step(
                    &mut steps,
                    name,
                    format!(
                        "VPN2 0x{:0digits$x}, PageMask 0x{:08x}, {owner}",
                        e.vpn, e.mask
                    ),
                );
                let bytes = e.page_bytes();
                let odd = va & bytes != 0;
                let half = e.half[usize::from(odd)];
                let flag = |on: bool| u8::from(on);
                step(
                    &mut steps,
                    if odd {
                        "odd page (EntryLo1)"
                    } else {
                        "even page (EntryLo0)"
                    },
                    format!(
                        "page of {} KiB at {}, C={} D={} V={}",
                        bytes >> 10,
                        physical(half.pa & !(bytes - 1)),
                        half.c,
                        flag(half.d),
                        flag(half.v)
                    ),
                );
                if half.v {
                    if !half.d {
                        step(&mut steps, "stores", "fault: TLB modified (D=0)".into());
                    }
                    let pa = half.pa & !(bytes - 1) | va & (bytes - 1);
                    step(&mut steps, "physical", physical(pa));
                } else {
                    step(&mut steps, "fault", "TLB invalid (V=0)".into());
                }
            }
        }
        steps
    }

    fn segment_name(&self, va: u64) -> &'static str {
        let low = va as u32;
        if self.model.wide && va != i64::from(low as i32) as u64 {
            return ["xuseg", "xsseg", "xkphys", "xkseg"][(va >> 62) as usize];
        }
        match low >> 29 {
            0..=3 => "useg (kuseg)",
            4 => "kseg0",
            5 => "kseg1",
            6 => "ksseg (kseg2)",
            _ => "kseg3",
        }
    }
}
