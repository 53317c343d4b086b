//! Descriptors of threads (`struct user_desc`, linux/arch/x86/kernel/tls.c).

use tinamou_ir::guest::State;

use super::X86Arch;
use crate::abi::layout::{In, Out};
use crate::errno::{EINVAL, Res};
use crate::mem::space::Space;

impl X86Arch {
    /// A descriptor from `struct user_desc`: number of its entry, base, limit, flags. `None`: an empty one.
    pub(super) fn descriptor(base: u32, limit: u32, f: u32) -> u64 {
        // Of the flags: 32-bit, contents (2), read-execute only, limit in pages, not present, usable.
        let bit = |n: u32| f >> n & 1;
        if base == 0 && limit == 0 && f & !0x40 == 0x28 {
            return 0;
        }
        let lo = base << 16 | limit & 0xffff;
        let hi = base & 0xff00_0000
            | base >> 16 & 0xff
            | limit & 0xf_0000
            | (bit(3) ^ 1) << 9
            | (f >> 1 & 3) << 10
            | (bit(5) ^ 1) << 15
            | bit(0) << 22
            | bit(4) << 23
            | bit(6) << 20
            | 0x7100;
        lo as u64 | (hi as u64) << 32
    }

    /// Reads a `struct user_desc`: number of its entry, and the descriptor.
    pub(super) fn area(&self, space: &mut Space, at: u64) -> Res<(u32, u64)> {
        let mut b = [0; 16];
        space.read(at, &mut b)?;
        let mut i = In::new(&self.abi, &b);
        let (entry, base, limit, f) = (i.u32()?, i.u32()?, i.u32()?, i.u32()?);
        Ok((entry, X86Arch::descriptor(base, limit, f)))
    }

    /// Whether an entry is a thread's own.
    pub(super) fn is_area(&self, entry: u32) -> bool {
        let cpu = self.cpu.borrow();
        let first = cpu.user.as_ref().map_or(usize::MAX - 3, |u| u.tls_first);
        (first..first + 3).contains(&(entry as usize))
    }

    /// Sets a thread's descriptor; with entry -1 a free one is taken and told.
    pub(super) fn set_area(&self, st: &State, space: &mut Space, at: u64) -> Res<()> {
        let (mut entry, descriptor) = self.area(space, at)?;
        if entry == u32::MAX {
            let cpu = self.cpu.borrow();
            let user = cpu.user.as_ref().ok_or(EINVAL)?;
            let first = user.tls_first;
            let free = (first..first + 3).find(|&n| user.gdt[n] == 0);
            entry = free.ok_or(crate::errno::ESRCH)? as u32;
            space.write(at, &entry.to_le_bytes())?;
        }
        if !self.is_area(entry) {
            return Err(EINVAL);
        }
        let mut cpu = self.cpu.borrow_mut();
        cpu.set_thread_descriptor(st, entry as usize, descriptor);
        Ok(())
    }

    pub(super) fn get_area(&self, space: &mut Space, at: u64) -> Res<()> {
        let mut b = [0; 4];
        space.read(at, &mut b)?;
        let b = self.user_desc(u32::from_le_bytes(b) as usize)?;
        space.write(at, &b)
    }

    /// `struct user_desc` of a thread's descriptor.
    pub(super) fn user_desc(&self, n: usize) -> Res<Vec<u8>> {
        let cpu = self.cpu.borrow();
        let Some(user) = &cpu.user else {
            return Err(EINVAL);
        };
        if !(user.tls_first..user.tls_first + 3).contains(&n) {
            return Err(EINVAL);
        }
        let d = user.gdt[n];
        let (lo, hi) = (d as u32, (d >> 32) as u32);
        let f = if d == 0 {
            0x28
        } else {
            hi >> 22 & 1
                | (hi >> 10 & 3) << 1
                | (hi >> 9 & 1 ^ 1) << 3
                | (hi >> 23 & 1) << 4
                | (hi >> 15 & 1 ^ 1) << 5
                | (hi >> 20 & 1) << 6
        };
        let base = lo >> 16 | (hi & 0xff) << 16 | hi & 0xff00_0000;
        let limit = lo & 0xffff | hi & 0xf_0000;
        Ok(Out::new(&self.abi)
            .u32(n as u32)
            .u32(base)
            .u32(limit)
            .u32(f)
            .done())
    }
}
