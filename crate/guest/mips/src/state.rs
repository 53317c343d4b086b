//! Save and load of what is not in slots. Little-endian fields in a fixed order, behind a version and the model's PRId. What depends on the
//! caches above (which entries were used, code generations) is not state: after loading every entry counts as used, and every ASID has a new
//! generation; whoever loads drops all cached translations and code and publishes [`Mips::code_generation`].

use std::collections::VecDeque;

use crate::Mips;
use crate::cp0::Sys;
use crate::mmu::{Entry, GHOSTS};

const VERSION: u64 = 2;

/// One direction of the same walk over the fields.
enum Codec<'a> {
    Save(&'a mut Vec<u8>),
    Load(&'a [u8]),
}

impl Codec<'_> {
    fn u64(&mut self, v: &mut u64) -> Result<(), String> {
        match self {
            Codec::Save(out) => out.extend_from_slice(&v.to_le_bytes()),
            Codec::Load(bytes) => {
                let (head, rest) = bytes
                    .split_first_chunk::<8>()
                    .ok_or("MIPS state is cut short")?;
                *v = u64::from_le_bytes(*head);
                *bytes = rest;
            }
        }
        Ok(())
    }

    fn u32(&mut self, v: &mut u32) -> Result<(), String> {
        let mut wide = *v as u64;
        self.u64(&mut wide)?;
        *v = u32::try_from(wide).map_err(|_| "MIPS state has a value out of range")?;
        Ok(())
    }

    fn flag(&mut self, v: &mut bool) -> Result<(), String> {
        let mut wide = *v as u64;
        self.u64(&mut wide)?;
        *v = wide != 0;
        Ok(())
    }

    fn entry(&mut self, e: &mut Entry) -> Result<(), String> {
        self.u64(&mut e.vpn)?;
        self.u32(&mut e.mask)?;
        let mut bits = e.asid as u32
            | (e.g as u32) << 8
            | (e.dead as u32) << 9
            | half_bits(e, 0) << 12
            | half_bits(e, 1) << 17
            | (e.index as u32) << 24;
        self.u32(&mut bits)?;
        e.asid = bits as u8;
        e.index = (bits >> 24) as u8;
        e.g = bits & 1 << 8 != 0;
        e.dead = bits & 1 << 9 != 0;
        e.used = true;
        e.fetched = true;
        e.mask &= 0x1fff_e000;
        for (i, h) in e.half.iter_mut().enumerate() {
            let b = bits >> (12 + 5 * i);
            h.c = (b & 7) as u8;
            h.d = b & 8 != 0;
            h.v = b & 16 != 0;
            self.u64(&mut h.pa)?;
        }
        Ok(())
    }

    fn sys(&mut self, s: &mut Sys) -> Result<(), String> {
        for v in [
            &mut s.cause,
            &mut s.compare,
            &mut s.count_base,
            &mut s.wired,
            &mut s.pagegrain,
            &mut s.intctl,
            &mut s.srsctl,
            &mut s.srsmap,
            &mut s.ebase,
            &mut s.config0,
            &mut s.debug,
            &mut s.errctl,
            &mut s.cacheerr,
            &mut s.irq_lines,
            &mut s.ripl,
            &mut s.lfsr,
            &mut s.status,
        ] {
            self.u32(v)?;
        }
        for v in [&mut s.depc, &mut s.desave]
            .into_iter()
            .chain(&mut s.watchlo)
        {
            self.u64(v)?;
        }
        for v in s.watchhi.iter_mut().chain(&mut s.taglo).chain(&mut s.taghi) {
            self.u32(v)?;
        }
        self.flag(&mut s.timer_irq)?;
        self.flag(&mut s.halted)?;
        for v in s.shadow.iter_mut().flatten() {
            self.u64(v)?;
        }
        for e in &mut s.mmu.entries {
            self.entry(e)?;
        }
        let mut n = s.mmu.ghosts.len() as u32;
        self.u32(&mut n)?;
        if n as usize > GHOSTS {
            return Err("MIPS state has too many TLB entries".into());
        }
        let mut ghosts: VecDeque<Entry> = std::mem::take(&mut s.mmu.ghosts);
        ghosts.resize(n as usize, Entry::default());
        for e in &mut ghosts {
            self.entry(e)?;
        }
        s.mmu.ghosts = ghosts;
        Ok(())
    }
}

fn half_bits(e: &Entry, i: usize) -> u32 {
    let h = &e.half[i];
    h.c as u32 | (h.d as u32) << 3 | (h.v as u32) << 4
}

/// `Guest::save`.
pub fn save(cpu: &Mips, out: &mut Vec<u8>) {
    let mut sys = cpu.sys.clone();
    let mut c = Codec::Save(out);
    let (mut version, mut prid, mut hz) = (VERSION, cpu.model.prid, cpu.count_hz);
    // Saving cannot fail: only reading can.
    let _ = c
        .u64(&mut version)
        .and_then(|()| c.u32(&mut prid))
        .and_then(|()| c.u64(&mut hz))
        .and_then(|()| c.sys(&mut sys));
}

/// `Guest::load`.
///
/// # Errors
/// A sentence saying what is wrong.
pub fn load(cpu: &mut Mips, bytes: &[u8]) -> Result<(), String> {
    let mut c = Codec::Load(bytes);
    let (mut version, mut prid, mut hz) = (0, 0, 0);
    c.u64(&mut version)?;
    c.u32(&mut prid)?;
    c.u64(&mut hz)?;
    if version != VERSION {
        return Err(format!(
            "MIPS state has version {version}, known is {VERSION}"
        ));
    }
    if prid != cpu.model.prid || hz == 0 {
        return Err(format!("MIPS state is of another CPU (PRId {prid:#x})"));
    }
    let mut sys = Sys::new(&cpu.model, cpu.big_endian);
    c.sys(&mut sys)?;
    if let Codec::Load(rest) = c
        && !rest.is_empty()
    {
        return Err("MIPS state is too long".into());
    }
    if sys.lfsr == 0 || sys.wired >= sys.mmu.size() {
        return Err("MIPS state has an impossible value".into());
    }
    sys.srsctl = sys.srsctl & !15 | (sys.srsctl & 15).min(cpu.model.srs_max as u32);
    cpu.count_hz = hz;
    cpu.watched = sys.watchlo.iter().any(|lo| lo & 7 != 0);
    // Generations go on from what this process gave out.
    sys.mmu.last_gen = cpu.sys.mmu.last_gen;
    (0..256).for_each(|a| sys.mmu.renew(a));
    cpu.sys = sys;
    Ok(())
}
