//! Memory: mmap and its like, brk.

use std::rc::Rc;

use crate::abi::Abi;
use crate::errno::{EACCES, EEXIST, EFAULT, EINVAL, ENODEV, ENOMEM, EPERM, Res};
use crate::kernel::{Kernel, Sys};
use crate::mem::{Backing, PAGE, PageSet, Vma, page_up, prot};
use crate::vfs::mode;

/// Common MAP_ flags.
mod map {
    pub const SHARED: u32 = 1;
    pub const PRIVATE: u32 = 2;
    pub const FIXED: u32 = 0x10;
    pub const ANON: u32 = 0x20;
    pub const LOW: u32 = 0x40;
    pub const FIXED_NOREPLACE: u32 = 0x10_0000;
}

pub(super) fn brk(k: &mut Kernel, to: u64) -> Sys {
    Ok(k.mm().borrow_mut().set_brk(to))
}

pub(super) fn mmap(
    k: &mut Kernel,
    at: u64,
    bytes: u64,
    prot: u32,
    flags: u32,
    fd: i32,
    offset: u64,
) -> Sys {
    if !offset.is_multiple_of(PAGE) {
        return Err(EINVAL.into());
    }
    do_mmap(k, at, bytes, prot, flags, fd, offset)
}

pub(super) fn mmap2(
    k: &mut Kernel,
    at: u64,
    bytes: u64,
    prot: u32,
    flags: u32,
    fd: i32,
    pages: u64,
) -> Sys {
    do_mmap(k, at, bytes, prot, flags, fd, pages << 12)
}

fn do_mmap(
    k: &mut Kernel,
    at: u64,
    bytes: u64,
    protection: u32,
    flags: u32,
    fd: i32,
    offset: u64,
) -> Sys {
    let flags = Abi::flags_in(k.abi().map_flags, flags & !0xf) | flags & 0xf;
    let shared = match flags & 0xf {
        map::SHARED | 3 => true,
        map::PRIVATE => false,
        _ => return Err(EINVAL.into()),
    };
    if bytes == 0 {
        return Err(EINVAL.into());
    }
    let bytes = page_up(bytes);
    if offset.checked_add(bytes).is_none() {
        return Err(crate::errno::EOVERFLOW.into());
    }
    let mm = k.mm();
    let top = mm.borrow().top;
    if bytes > top {
        return Err(ENOMEM.into());
    }
    let fixed = flags & (map::FIXED | map::FIXED_NOREPLACE) != 0;
    let protection = protection & 7;
    let mut vma = Vma::anon(0, protection, "");
    if flags & map::ANON != 0 {
        if shared {
            vma.backing = Backing::Shared(PageSet::new(&k.frames, None, bytes), 0);
            vma.name = (*b"/dev/zero (deleted)").as_slice().into();
        }
    } else {
        let f = k.file(fd)?;
        if !f.can_read() {
            return Err(EACCES.into());
        }
        let node = f.ops.node().ok_or(ENODEV)?;
        let s = node.stat()?;
        if s.kind() == mode::CHR && s.rdev == (1 << 32 | 5) {
            // /dev/zero is anonymous memory.
            if shared {
                vma.backing = Backing::Shared(PageSet::new(&k.frames, None, bytes), 0);
            }
        } else if s.kind() != mode::REG {
            return Err(ENODEV.into());
        } else {
            vma.file = (s.dev, s.ino);
            vma.name = f.place.as_ref().map_or_else(Vec::new, |p| p.path()).into();
            vma.backing = if shared {
                if protection & prot::WRITE != 0 && !f.can_write() {
                    return Err(EACCES.into());
                }
                let set = k.cache.share(&k.frames, &node)?;
                // Later mprotect may make it writable too.
                if f.can_write() {
                    set.dirty.set(true);
                }
                Backing::Shared(set, offset)
            } else {
                Backing::Private(k.cache.private(&k.frames, &node)?, offset)
            };
        }
    }
    // MAP_32BIT is of x86-64 alone.
    let limit = if flags & map::LOW != 0 {
        1 << 31
    } else {
        k.abi().task_size
    };
    let mut mm = mm.borrow_mut();
    mm.may_grow(bytes)?;
    let start = if fixed {
        let (start, end) = mm.range(at, bytes)?;
        if start < PAGE {
            return Err(EPERM.into());
        }
        if flags & map::FIXED_NOREPLACE != 0 && !mm.is_free(start, end) {
            return Err(EEXIST.into());
        }
        start
    } else {
        mm.find_below(limit, at, bytes, PAGE)?
    };
    vma.end = start + bytes;
    mm.map(start, vma);
    Ok(start)
}

pub(super) fn munmap(k: &mut Kernel, at: u64, bytes: u64) -> Sys {
    if bytes == 0 {
        return Err(EINVAL.into());
    }
    let mm = k.mm();
    let mut mm = mm.borrow_mut();
    let (start, end) = mm.range(at, bytes).map_err(|_| EINVAL)?;
    mm.unmap(start, end);
    Ok(0)
}

pub(super) fn mprotect(k: &mut Kernel, at: u64, bytes: u64, protection: u32) -> Sys {
    const GROWSDOWN: u32 = 0x0100_0000;
    let mm = k.mm();
    let mut mm = mm.borrow_mut();
    let (mut start, end) = mm.range(at, bytes)?;
    if start == end {
        return Ok(0);
    }
    if protection & GROWSDOWN != 0
        && let Some((s, _)) = mm.vma(start)
    {
        start = s;
    }
    mm.protect(start, end, protection & 7)?;
    Ok(0)
}

pub(super) fn mremap(k: &mut Kernel, at: u64, old: u64, new: u64, flags: u32, to: u64) -> Sys {
    const MAYMOVE: u32 = 1;
    const FIXED: u32 = 2;
    const DONTUNMAP: u32 = 4;
    if new == 0
        || flags & !7 != 0
        || flags & DONTUNMAP != 0
        || flags & FIXED != 0 && flags & MAYMOVE == 0
    {
        return Err(EINVAL.into());
    }
    let limit = k.abi().task_size;
    let mm = k.mm();
    let mut mm = mm.borrow_mut();
    let (start, end) = mm.range(at, old)?;
    let (old, new) = (end - start, page_up(new));
    let Some((vs, v)) = mm.vma(start) else {
        return Err(EFAULT.into());
    };
    let vma = v.clone();
    if old == 0 || vma.end < end {
        return Err(EFAULT.into());
    }
    if flags & FIXED != 0 {
        let (t, tend) = mm.range(to, new)?;
        if t < end && start < tend {
            return Err(EINVAL.into());
        }
        mm.unmap(t, tend);
        if new < old {
            mm.unmap(start + new, end);
        }
        mm.relocate(start, old.min(new), t, new)?;
        return Ok(t);
    }
    if new <= old {
        mm.unmap(start + new, end);
        return Ok(start);
    }
    mm.may_grow(new - old)?;
    // Grow in place where there is room behind it.
    let room = start.checked_add(new).is_some_and(|e| e <= mm.top);
    if vma.end == end && room && mm.is_free(end, start + new) {
        if let Backing::Shared(set, _) = &vma.backing
            && set.bytes.get() > 0
        {
            set.bytes.set(set.bytes.get() + new - old);
        }
        if let Some(v) = mm.vmas.get_mut(&vs) {
            v.end = start + new;
        }
        return Ok(start);
    }
    if flags & MAYMOVE == 0 {
        return Err(ENOMEM.into());
    }
    if let Backing::Shared(set, _) = &vma.backing
        && set.bytes.get() > 0
    {
        set.bytes.set(set.bytes.get() + new - old);
    }
    let t = mm.find_below(limit, 0, new, PAGE)?;
    mm.relocate(start, old, t, new)?;
    Ok(t)
}

pub(super) fn madvise(k: &mut Kernel, at: u64, bytes: u64, advice: i32) -> Sys {
    let mm = k.mm();
    let mut mm = mm.borrow_mut();
    let (start, end) = mm.range(at, bytes).map_err(|_| EINVAL)?;
    if start == end {
        return Ok(0);
    }
    match advice {
        // Private pages are as fresh again; shared ones keep their content.
        4 | 8 => {
            if !mm.is_mapped(start, end) {
                return Err(ENOMEM.into());
            }
            if advice == 4 {
                mm.drop_pages(start, end);
            }
        }
        0..=3 | 9..=15 | 16 | 17 | 18..=23 | 100 => {
            if !mm.is_mapped(start, end) {
                return Err(ENOMEM.into());
            }
            let flag = |mm: &mut crate::mem::Space, f: &dyn Fn(&mut Vma)| {
                for (_, v) in mm.vmas.range_mut(start..end) {
                    f(v);
                }
            };
            match advice {
                10 => flag(&mut mm, &|v| v.dont_fork = true),
                11 => flag(&mut mm, &|v| v.dont_fork = false),
                18 => flag(&mut mm, &|v| v.wipe_on_fork = true),
                19 => flag(&mut mm, &|v| v.wipe_on_fork = false),
                _ => {}
            }
        }
        _ => return Err(EINVAL.into()),
    }
    Ok(0)
}

pub(super) fn msync(k: &mut Kernel, at: u64, bytes: u64, flags: u32) -> Sys {
    if flags & !7 != 0 || flags & 5 == 5 {
        return Err(EINVAL.into());
    }
    let mm = k.mm();
    let mm = mm.borrow();
    let (start, end) = mm.range(at, bytes)?;
    if !mm.is_mapped(start, end) {
        return Err(ENOMEM.into());
    }
    let mut sets: Vec<Rc<PageSet>> = Vec::new();
    for (_, v) in mm.vmas.range(..end).filter(|(_, v)| v.end > start) {
        if let Backing::Shared(set, _) = &v.backing {
            sets.push(set.clone());
        }
    }
    sets.iter().for_each(|s| s.sync());
    Ok(0)
}

fn locked(k: &mut Kernel, at: u64, bytes: u64) -> Sys {
    let mm = k.mm();
    let mm = mm.borrow();
    let (start, end) = mm.range(at & !(PAGE - 1), bytes.saturating_add(at % PAGE))?;
    if mm.is_mapped(start, end) {
        Ok(0)
    } else {
        Err(ENOMEM.into())
    }
}

pub(super) fn mlock(k: &mut Kernel, at: u64, bytes: u64) -> Sys {
    locked(k, at, bytes)
}

pub(super) fn mlock2(k: &mut Kernel, at: u64, bytes: u64, _flags: u32) -> Sys {
    locked(k, at, bytes)
}

pub(super) fn munlock(k: &mut Kernel, at: u64, bytes: u64) -> Sys {
    locked(k, at, bytes)
}

pub(super) fn mlockall(_k: &mut Kernel, _flags: u32) -> Sys {
    Ok(0)
}

pub(super) fn munlockall(_k: &mut Kernel) -> Sys {
    Ok(0)
}

pub(super) fn mincore(k: &mut Kernel, at: u64, bytes: u64, vec: u64) -> Sys {
    let pages = {
        let mm = k.mm();
        let mm = mm.borrow();
        let (start, end) = mm.range(at, bytes)?;
        if !mm.is_mapped(start, end) {
            return Err(ENOMEM.into());
        }
        (end - start) / PAGE
    };
    k.put(vec, &vec![1; pages.min(1 << 20) as usize])?;
    Ok(0)
}

pub(super) fn membarrier(_k: &mut Kernel, cmd: i32, flags: u32, _cpu: i32) -> Sys {
    // Threads run in turn: every switch is a barrier.
    match (cmd, flags) {
        (0, 0) => Ok(0x1f),
        (1 | 2 | 4 | 8 | 16, 0) => Ok(0),
        _ => Err(EINVAL.into()),
    }
}

pub(super) fn cacheflush(_k: &mut Kernel, _at: u64, _bytes: u64, _which: i32) -> Sys {
    // Stores to code are seen at once.
    Ok(0)
}

fn iovecs(k: &mut Kernel, va: u64, count: u64) -> Res<Vec<(u64, u64)>> {
    if count > 1024 {
        return Err(EINVAL);
    }
    let long = k.abi().long as usize;
    let b = k.get(va, count as usize * 2 * long)?;
    let mut i = crate::abi::layout::In::new(k.abi(), &b);
    (0..count).map(|_| Ok((i.long()?, i.long()?))).collect()
}

pub(super) fn process_vm_readv(
    k: &mut Kernel,
    pid: i32,
    local: u64,
    nlocal: u64,
    remote: u64,
    nremote: u64,
    flags: u32,
) -> Sys {
    if flags != 0 {
        return Err(EINVAL.into());
    }
    let (l, r) = (iovecs(k, local, nlocal)?, iovecs(k, remote, nremote)?);
    let other = k
        .procs
        .get(pid)
        .and_then(|g| g.mm.borrow().clone())
        .ok_or(crate::errno::ESRCH)?;
    let want = l.iter().fold(0u64, |n, p| n.saturating_add(p.1));
    let mut data = Vec::new();
    for (at, n) in r {
        let n = n.min(want - data.len() as u64).min(1 << 24);
        let mut buf = vec![0; n as usize];
        if other.borrow_mut().read(at, &mut buf).is_err() {
            break;
        }
        data.extend(buf);
    }
    if data.is_empty() && want > 0 {
        return Err(EFAULT.into());
    }
    let mut rest = &data[..];
    for (at, n) in l {
        let (head, tail) = rest.split_at((n as usize).min(rest.len()));
        k.put(at, head)?;
        rest = tail;
    }
    Ok(data.len() as u64)
}
