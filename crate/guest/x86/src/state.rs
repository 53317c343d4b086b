//! Save and load of what is not in slots: little-endian u64 fields in a fixed order, behind a version and the model's signature. Whoever loads
//! drops all cached translations and code.

use crate::X86;
use crate::seg::Seg;
use crate::sys::{Sys, Table};

const VERSION: u64 = 4;

/// One direction of the same walk over the fields.
pub(crate) enum Codec<'a> {
    Save(&'a mut Vec<u8>),
    Load(&'a [u8]),
}

impl Codec<'_> {
    pub(crate) fn u64(&mut self, v: &mut u64) -> Result<(), String> {
        match self {
            Codec::Save(out) => out.extend_from_slice(&v.to_le_bytes()),
            Codec::Load(bytes) => {
                let (head, rest) = bytes
                    .split_first_chunk::<8>()
                    .ok_or("x86 state is cut short")?;
                *v = u64::from_le_bytes(*head);
                *bytes = rest;
            }
        }
        Ok(())
    }

    pub(crate) fn u32(&mut self, v: &mut u32) -> Result<(), String> {
        let mut wide = *v as u64;
        self.u64(&mut wide)?;
        *v = u32::try_from(wide).map_err(|_| "x86 state has a value out of range")?;
        Ok(())
    }

    fn flag(&mut self, v: &mut bool) -> Result<(), String> {
        let mut wide = *v as u64;
        self.u64(&mut wide)?;
        *v = wide != 0;
        Ok(())
    }

    fn table(&mut self, t: &mut Table) -> Result<(), String> {
        self.u64(&mut t.base)?;
        self.u32(&mut t.limit)
    }

    fn seg(&mut self, s: &mut Seg) -> Result<(), String> {
        let mut sel = s.sel as u32;
        self.u32(&mut sel)?;
        s.sel = sel as u16;
        self.u64(&mut s.base)?;
        self.u32(&mut s.limit)?;
        self.u32(&mut s.attr)?;
        s.attr &= 0xffff;
        Ok(())
    }

    fn sys(&mut self, s: &mut Sys) -> Result<(), String> {
        for v in [
            &mut s.cr0,
            &mut s.cr2,
            &mut s.cr3,
            &mut s.cr4,
            &mut s.efer,
            &mut s.star,
            &mut s.lstar,
            &mut s.cstar,
            &mut s.fmask,
            &mut s.kernel_gs,
            &mut s.sysenter_cs,
            &mut s.sysenter_esp,
            &mut s.sysenter_eip,
            &mut s.pat,
            &mut s.mtrr_def,
            &mut s.tsc_offset,
            &mut s.tsc_aux,
            &mut s.misc_enable,
            &mut s.xcr0,
            &mut s.entropy,
        ] {
            self.u64(v)?;
        }
        for v in
            s.dr.iter_mut()
                .chain(&mut s.mtrr_fixed)
                .chain(&mut s.mtrr_var)
                .chain(&mut s.pdpte)
        {
            self.u64(v)?;
        }
        for t in [&mut s.gdt, &mut s.idt] {
            self.table(t)?;
        }
        for t in [&mut s.ldtr, &mut s.tr] {
            self.seg(t)?;
        }
        for v in [&mut s.dr6, &mut s.dr7, &mut s.cpl] {
            self.u32(v)?;
        }
        for v in [
            &mut s.halted,
            &mut s.shutdown,
            &mut s.wait_sipi,
            &mut s.sipi,
            &mut s.intr,
            &mut s.nmi_line,
            &mut s.nmi,
            &mut s.nmi_masked,
            &mut s.init,
            &mut s.a20_off,
            &mut s.ignne,
            &mut s.ferr,
            &mut s.halt_if,
        ] {
            self.flag(v)?;
        }
        s.cpl &= 3;
        Ok(())
    }
}

pub fn save(cpu: &X86, out: &mut Vec<u8>) {
    let (mut version, mut signature) = (VERSION, cpu.model.cpuid(1, 0, 0, false)[0] as u64);
    let mut sys = cpu.sys.clone();
    let mut fpu = cpu.fpu.clone();
    let mut c = Codec::Save(out);
    // Saving does not fail.
    let _ = c
        .u64(&mut version)
        .and_then(|()| c.u64(&mut signature))
        .and_then(|()| c.sys(&mut sys))
        .and_then(|()| fpu.walk(&mut c));
}

pub fn load(cpu: &mut X86, bytes: &[u8]) -> Result<(), String> {
    let mut c = Codec::Load(bytes);
    let (mut version, mut signature) = (0, 0);
    c.u64(&mut version)?;
    if version != VERSION {
        return Err(format!("x86 state has version {version}, not {VERSION}"));
    }
    c.u64(&mut signature)?;
    if signature != cpu.model.cpuid(1, 0, 0, false)[0] as u64 {
        return Err(format!(
            "x86 state is of another CPU model ({signature:#x})"
        ));
    }
    let mut sys = cpu.sys.clone();
    let mut fpu = cpu.fpu.clone();
    c.sys(&mut sys)?;
    fpu.walk(&mut c)?;
    if let Codec::Load(rest) = c
        && !rest.is_empty()
    {
        return Err("x86 state is too long".into());
    }
    cpu.sys = sys;
    cpu.fpu = fpu;
    Ok(())
}
