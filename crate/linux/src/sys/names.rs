//! Making, removing and renaming names.

use super::path::{AT_FDCWD, EMPTY_PATH, FOLLOW, NOFOLLOW, REMOVEDIR};
use crate::errno::{EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, EXDEV};
use crate::kernel::{Kernel, Sys};
use crate::vfs::mode;

pub(super) fn mkdir(k: &mut Kernel, path: u64, bits: u32) -> Sys {
    mkdirat(k, AT_FDCWD, path, bits)
}

pub(super) fn mkdirat(k: &mut Kernel, dir: i32, path: u64, bits: u32) -> Sys {
    k.realtime();
    let last = k.new_name(dir, path)?;
    if k.tree.entry(&last).is_ok() {
        return Err(EEXIST.into());
    }
    let bits = k.masked(bits);
    last.dir.node.mkdir(&last.name, bits)?;
    k.note_made(&last, true);
    Ok(0)
}

pub(super) fn rmdir(k: &mut Kernel, path: u64) -> Sys {
    unlinkat(k, AT_FDCWD, path, REMOVEDIR)
}

pub(super) fn unlink(k: &mut Kernel, path: u64) -> Sys {
    unlinkat(k, AT_FDCWD, path, 0)
}

pub(super) fn unlinkat(k: &mut Kernel, dir: i32, path: u64, flags: u32) -> Sys {
    k.realtime();
    let last = k.last(dir, path)?;
    let rmdir = flags & REMOVEDIR != 0;
    match &last.name[..] {
        b"" => return Err(if rmdir { crate::errno::EBUSY } else { EISDIR }.into()),
        b"." => return Err(if rmdir { EINVAL } else { EISDIR }.into()),
        b".." => {
            return Err(if rmdir {
                crate::errno::ENOTEMPTY
            } else {
                EISDIR
            }
            .into());
        }
        _ => {}
    }
    if last.slash && !rmdir {
        let s = k.tree.entry(&last)?.node.stat()?;
        return Err(if s.kind() == mode::DIR {
            EISDIR
        } else {
            ENOTDIR
        }
        .into());
    }
    // A socket's name goes with its file.
    let before = k.note_before(&last);
    last.dir.node.unlink(&last.name, rmdir)?;
    k.note_removed(&last, before);
    Ok(0)
}

pub(super) fn rename(k: &mut Kernel, from: u64, to: u64) -> Sys {
    renameat2(k, AT_FDCWD, from, AT_FDCWD, to, 0)
}

pub(super) fn renameat(k: &mut Kernel, from_dir: i32, from: u64, to_dir: i32, to: u64) -> Sys {
    renameat2(k, from_dir, from, to_dir, to, 0)
}

pub(super) fn renameat2(
    k: &mut Kernel,
    from_dir: i32,
    from: u64,
    to_dir: i32,
    to: u64,
    flags: u32,
) -> Sys {
    if flags & !3 != 0 {
        return Err(EINVAL.into());
    }
    k.realtime();
    let (a, b) = (k.last(from_dir, from)?, k.last(to_dir, to)?);
    for l in [&a, &b] {
        if matches!(&l.name[..], b"" | b"." | b"..") {
            return Err(crate::errno::EBUSY.into());
        }
    }
    if a.slash || b.slash {
        let s = k.tree.entry(&a)?.node.stat()?;
        if s.kind() != mode::DIR {
            return Err(ENOTDIR.into());
        }
    }
    if a.dir.node.stat()?.dev != b.dir.node.stat()?.dev {
        return Err(EXDEV.into());
    }
    const EXCHANGE: u32 = 2;
    let replaced = k.note_before(&b).filter(|_| flags & EXCHANGE == 0);
    a.dir.node.rename(&a.name, &b.dir.node, &b.name, flags)?;
    k.note_renamed(&a, &b, replaced);
    if flags & EXCHANGE != 0 {
        k.note_renamed(&b, &a, None);
    }
    Ok(0)
}

pub(super) fn link(k: &mut Kernel, from: u64, to: u64) -> Sys {
    linkat(k, AT_FDCWD, from, AT_FDCWD, to, 0)
}

pub(super) fn linkat(
    k: &mut Kernel,
    from_dir: i32,
    from: u64,
    to_dir: i32,
    to: u64,
    flags: u32,
) -> Sys {
    k.realtime();
    let node = k
        .at_flags(
            from_dir,
            from,
            flags & EMPTY_PATH | if flags & FOLLOW == 0 { NOFOLLOW } else { 0 },
        )?
        .node
        .clone();
    let last = k.new_name(to_dir, to)?;
    if k.tree.entry(&last).is_ok() {
        return Err(EEXIST.into());
    }
    last.dir.node.link(&last.name, &node)?;
    k.note_linked(&node);
    k.note_made(&last, false);
    Ok(0)
}

pub(super) fn symlink(k: &mut Kernel, target: u64, path: u64) -> Sys {
    symlinkat(k, target, AT_FDCWD, path)
}

pub(super) fn symlinkat(k: &mut Kernel, target: u64, dir: i32, path: u64) -> Sys {
    k.realtime();
    let target = k.path(target)?;
    if target.is_empty() {
        return Err(ENOENT.into());
    }
    let last = k.new_name(dir, path)?;
    last.dir.node.symlink(&last.name, &target)?;
    k.note_made(&last, false);
    Ok(0)
}

pub(super) fn mknod(k: &mut Kernel, path: u64, bits: u32, dev: u32) -> Sys {
    mknodat(k, AT_FDCWD, path, bits, dev)
}

pub(super) fn mknodat(k: &mut Kernel, dir: i32, path: u64, bits: u32, dev: u32) -> Sys {
    k.realtime();
    let last = k.new_name(dir, path)?;
    if k.tree.entry(&last).is_ok() {
        return Err(EEXIST.into());
    }
    if bits & mode::FMT == mode::DIR {
        return Err(crate::errno::EPERM.into());
    }
    let rdev = (dev as u64 >> 8 & 0xfff) << 32 | dev as u64 & 0xff | dev as u64 >> 12 & 0xff_ff00;
    let bits = bits & mode::FMT | k.masked(bits);
    last.dir.node.create(&last.name, bits, rdev)?;
    k.note_made(&last, false);
    Ok(0)
}
