//! The system itself.

use crate::abi::layout::Out;
use crate::errno::{EINVAL, ENOSYS, EPERM};
use crate::kernel::{Kernel, Sys};

pub(super) fn uname(k: &mut Kernel, to: u64) -> Sys {
    let mut o = Out::new(k.abi());
    o.text(b"Linux", 65)
        .text(&k.hostname, 65)
        .text(k.config.release.as_bytes(), 65)
        .text(b"#1 SMP tinamou", 65);
    o.text(k.abi().machine.as_bytes(), 65).text(b"(none)", 65);
    let b = o.done();
    k.put(to, &b)?;
    Ok(0)
}

pub(super) fn sethostname(k: &mut Kernel, name: u64, size: u64) -> Sys {
    if k.group().ids.get()[1] != 0 {
        return Err(EPERM.into());
    }
    if size > 64 {
        return Err(EINVAL.into());
    }
    k.hostname = k.get(name, size as usize)?;
    Ok(0)
}

pub(super) fn setdomainname(_k: &mut Kernel, _name: u64, _size: u64) -> Sys {
    Err(EPERM.into())
}

pub(super) fn sysinfo(k: &mut Kernel, to: u64) -> Sys {
    let up = k.now() / 1_000_000_000;
    let total = k.frames.limit.get() * 4096;
    let free = total - k.frames.in_use() * 4096;
    let procs = k.procs.groups.borrow().len() as u16;
    let unit = if k.abi().long == 4 { 4096 } else { 1 };
    let mut o = Out::new(k.abi());
    o.long(up)
        .long(0)
        .long(0)
        .long(0)
        .long(total / unit)
        .long(free / unit)
        .long(0)
        .long(0)
        .long(0)
        .long(0);
    o.u16(procs).u16(0).long(0).long(0).u32(unit as u32);
    o.pad(8);
    let b = o.done();
    k.put(
        to,
        &b[..if k.abi().long == 4 { 64 } else { 112 }.min(b.len())],
    )?;
    Ok(0)
}

pub(super) fn getrandom(k: &mut Kernel, buf: u64, count: u64, flags: u32) -> Sys {
    if flags & !7 != 0 {
        return Err(EINVAL.into());
    }
    let n = count.min(1 << 20) as usize;
    let mut bytes = vec![0; n];
    (k.random.borrow_mut())(&mut bytes);
    k.put(buf, &bytes)?;
    Ok(n as u64)
}

pub(super) fn syslog(_k: &mut Kernel, kind: i32, _buf: u64, _size: i32) -> Sys {
    match kind {
        0 | 1 | 9 => Ok(0),
        10 => Ok(1 << 17),
        _ => Err(EPERM.into()),
    }
}

pub(super) fn syscall(_k: &mut Kernel) -> Sys {
    // The dispatcher takes the number from the first argument; what arrives here had none.
    Err(ENOSYS.into())
}

pub(super) fn rseq(_k: &mut Kernel, _at: u64, _size: u32, _flags: u32, _sig: u32) -> Sys {
    Err(ENOSYS.into())
}

pub(super) fn mount(
    _k: &mut Kernel,
    _dev: u64,
    _dir: u64,
    _kind: u64,
    _flags: u64,
    _data: u64,
) -> Sys {
    Err(EPERM.into())
}

pub(super) fn umount2(_k: &mut Kernel, _dir: u64, _flags: u32) -> Sys {
    Err(EPERM.into())
}

pub(super) fn reboot(_k: &mut Kernel, _a: u32, _b: u32, _c: u32, _arg: u64) -> Sys {
    Err(EPERM.into())
}
