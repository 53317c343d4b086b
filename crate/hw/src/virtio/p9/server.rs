//! The messages of 9P2000.L (`diod`'s protocol description; numbers as there).

use super::message::{Reader, Writer};
use super::tree::{Attr, Change, Errno, join, parent};
use super::{MSIZE, P9};

const STATFS: u8 = 8;
const LOPEN: u8 = 12;
const LCREATE: u8 = 14;
const SYMLINK: u8 = 16;
const RENAME: u8 = 20;
const READLINK: u8 = 22;
const GETATTR: u8 = 24;
const SETATTR: u8 = 26;
const READDIR: u8 = 40;
const FSYNC: u8 = 50;
const LOCK: u8 = 52;
const GETLOCK: u8 = 54;
const MKDIR: u8 = 72;
const RENAMEAT: u8 = 74;
const UNLINKAT: u8 = 76;
const VERSION: u8 = 100;
const ATTACH: u8 = 104;
const FLUSH: u8 = 108;
const WALK: u8 = 110;
const READ: u8 = 116;
const WRITE: u8 = 118;
const CLUNK: u8 = 120;
const REMOVE: u8 = 122;

const DIALECT: &str = "9P2000.L";
const O_TRUNC: u32 = 0o1000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
/// Most names of one walk.
const WALK_MAX: u16 = 16;
/// All of the basic attributes.
const BASIC: u64 = 0x7ff;
const BLOCK: u64 = 4096;
/// F_UNLCK: nobody holds a lock.
const UNLOCKED: u8 = 2;

/// What a message that is too short gets.
const SHORT: Errno = Errno::EINVAL;

impl P9 {
    /// Serves one message; at most `room` bytes of answer.
    pub(super) fn serve(
        &mut self,
        kind: u8,
        r: &mut Reader<'_>,
        w: &mut Writer,
        room: usize,
    ) -> Result<(), Errno> {
        match kind {
            VERSION => {
                let msize = r.u32().ok_or(SHORT)?;
                let version = r.text().ok_or(SHORT)?;
                self.fids.clear();
                self.msize = msize.clamp(4096, MSIZE);
                w.u32(self.msize);
                w.text(if version == DIALECT {
                    DIALECT
                } else {
                    "unknown"
                });
            }
            ATTACH => {
                let fid = r.u32().ok_or(SHORT)?;
                let a = self.tree.attr("")?;
                self.hold(fid, String::new())?;
                w.qid(&a);
            }
            FLUSH => {}
            WALK => self.walk(r, w)?,
            CLUNK => {
                let fid = r.u32().ok_or(SHORT)?;
                self.fid(fid)?;
                self.fids.retain(|f| f.number != fid);
            }
            REMOVE => {
                let fid = r.u32().ok_or(SHORT)?;
                let path = self.path(fid)?;
                self.fids.retain(|f| f.number != fid);
                self.tree.remove(&path)?;
            }
            GETATTR => {
                let path = self.path(r.u32().ok_or(SHORT)?)?;
                let a = self.tree.attr(&path)?;
                getattr(w, &a);
            }
            SETATTR => self.setattr(r)?,
            STATFS => {
                self.fid(r.u32().ok_or(SHORT)?)?;
                w.u32(0x0102_1997);
                w.u32(BLOCK as u32);
                for v in [1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 0] {
                    w.u64(v);
                }
                w.u32(255);
            }
            LOPEN => {
                let (fid, flags) = two(r)?;
                let path = self.path(fid)?;
                if flags & O_TRUNC != 0 {
                    let size = Some(0);
                    self.tree.change(
                        &path,
                        Change {
                            size,
                            ..Change::default()
                        },
                    )?;
                }
                self.opened(fid, path, w)?;
            }
            LCREATE => {
                let fid = r.u32().ok_or(SHORT)?;
                let name = r.text().ok_or(SHORT)?;
                let (_flags, mode) = two(r)?;
                let path = join(&self.path(fid)?, name)?;
                self.tree.make(&path, S_IFREG | mode & 0o7777)?;
                self.opened(fid, path, w)?;
            }
            MKDIR => {
                let dir = self.path(r.u32().ok_or(SHORT)?)?;
                let path = join(&dir, r.text().ok_or(SHORT)?)?;
                let mode = r.u32().ok_or(SHORT)?;
                self.tree.make(&path, S_IFDIR | mode & 0o7777)?;
                w.qid(&self.tree.attr(&path)?);
            }
            SYMLINK => {
                let dir = self.path(r.u32().ok_or(SHORT)?)?;
                let path = join(&dir, r.text().ok_or(SHORT)?)?;
                self.tree.make_link(&path, r.text().ok_or(SHORT)?)?;
                w.qid(&self.tree.attr(&path)?);
            }
            READLINK => {
                let path = self.path(r.u32().ok_or(SHORT)?)?;
                w.text(&self.tree.link(&path)?);
            }
            READDIR => self.readdir(r, w, room)?,
            READ => {
                let path = self.open_path(r.u32().ok_or(SHORT)?)?;
                let at = r.u64().ok_or(SHORT)?;
                let n = r.u32().ok_or(SHORT)? as usize;
                let mut buf = vec![0; n.min(room.saturating_sub(4))];
                let n = self.tree.read(&path, at, &mut buf)?;
                w.u32(n as u32);
                w.0.extend_from_slice(&buf[..n]);
            }
            WRITE => {
                let path = self.open_path(r.u32().ok_or(SHORT)?)?;
                let at = r.u64().ok_or(SHORT)?;
                let n = r.u32().ok_or(SHORT)?;
                let data = r.raw(n as usize).ok_or(SHORT)?;
                w.u32(self.tree.write(&path, at, data)? as u32);
            }
            FSYNC => {
                let path = self.open_path(r.u32().ok_or(SHORT)?)?;
                self.tree.sync(&path)?;
            }
            RENAME => {
                let (fid, dir) = two(r)?;
                let to = join(&self.path(dir)?, r.text().ok_or(SHORT)?)?;
                self.rename(&self.path(fid)?, &to)?;
            }
            RENAMEAT => {
                let dir = self.path(r.u32().ok_or(SHORT)?)?;
                let from = join(&dir, r.text().ok_or(SHORT)?)?;
                let dir = self.path(r.u32().ok_or(SHORT)?)?;
                let to = join(&dir, r.text().ok_or(SHORT)?)?;
                self.rename(&from, &to)?;
            }
            UNLINKAT => {
                let dir = self.path(r.u32().ok_or(SHORT)?)?;
                self.tree.remove(&join(&dir, r.text().ok_or(SHORT)?)?)?;
            }
            LOCK => w.u8(0),
            GETLOCK => {
                self.fid(r.u32().ok_or(SHORT)?)?;
                let _kind = r.u8().ok_or(SHORT)?;
                w.u8(UNLOCKED);
                w.u64(r.u64().ok_or(SHORT)?);
                w.u64(r.u64().ok_or(SHORT)?);
                w.u32(r.u32().ok_or(SHORT)?);
                w.text(r.text().ok_or(SHORT)?);
            }
            _ => return Err(Errno::EOPNOTSUPP),
        }
        Ok(())
    }

    fn opened(&mut self, fid: u32, path: String, w: &mut Writer) -> Result<(), Errno> {
        let a = self.tree.attr(&path)?;
        if let Some(f) = self.fids.iter_mut().find(|f| f.number == fid) {
            (f.path, f.open) = (path, true);
        }
        w.qid(&a);
        w.u32(0);
        Ok(())
    }

    fn walk(&mut self, r: &mut Reader<'_>, w: &mut Writer) -> Result<(), Errno> {
        let (fid, new) = two(r)?;
        let n = r.u16().ok_or(SHORT)?;
        if n > WALK_MAX {
            return Err(Errno::EINVAL);
        }
        let mut path = self.path(fid)?;
        let mut found = Vec::new();
        for i in 0..n {
            let name = r.text().ok_or(SHORT)?;
            let next = match name {
                ".." => Ok(parent(&path).to_owned()),
                "." => Ok(path.clone()),
                n => join(&path, n),
            };
            let step = next.and_then(|p| Ok((self.tree.attr(&p)?, p)));
            match step {
                Ok((a, p)) => {
                    found.push(a);
                    path = p;
                }
                // Only the first step's failure is an error; others just end the walk.
                Err(e) if i == 0 => return Err(e),
                Err(_) => break,
            }
        }
        if found.len() == usize::from(n) {
            if new == fid {
                if let Some(f) = self.fids.iter_mut().find(|f| f.number == fid) {
                    (f.path, f.open) = (path, false);
                }
            } else {
                self.hold(new, path)?;
            }
        }
        w.u16(found.len() as u16);
        for a in &found {
            w.qid(a);
        }
        Ok(())
    }

    fn setattr(&mut self, r: &mut Reader<'_>) -> Result<(), Errno> {
        let path = self.path(r.u32().ok_or(SHORT)?)?;
        let valid = r.u32().ok_or(SHORT)?;
        let (mode, uid) = two(r)?;
        let gid = r.u32().ok_or(SHORT)?;
        let size = r.u64().ok_or(SHORT)?;
        let _atime = (r.u64().ok_or(SHORT)?, r.u64().ok_or(SHORT)?);
        let (s, ns) = (r.u64().ok_or(SHORT)?, r.u64().ok_or(SHORT)?);
        let bit = |n: u32| valid >> n & 1 != 0;
        self.tree.change(
            &path,
            Change {
                mode: bit(0).then_some(mode),
                uid: bit(1).then_some(uid),
                gid: bit(2).then_some(gid),
                size: bit(3).then_some(size),
                // Bit 8: this time; without it, now, which a machine's host tree may know.
                mtime_ns: (bit(5) && bit(8))
                    .then_some(s.saturating_mul(1_000_000_000).saturating_add(ns)),
            },
        )
    }

    fn readdir(&mut self, r: &mut Reader<'_>, w: &mut Writer, room: usize) -> Result<(), Errno> {
        let path = self.open_path(r.u32().ok_or(SHORT)?)?;
        let from = r.u64().ok_or(SHORT)?;
        let limit = (r.u32().ok_or(SHORT)? as usize).min(room.saturating_sub(4));
        let mut names = vec![".".to_owned(), "..".to_owned()];
        names.extend(self.tree.list(&path)?);
        let mut out = Writer::default();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        for (i, name) in names.iter().enumerate().skip(from) {
            let at = match name.as_str() {
                "." => path.clone(),
                ".." => parent(&path).to_owned(),
                n => match join(&path, n) {
                    Ok(p) => p,
                    Err(_) => continue,
                },
            };
            let Ok(a) = self.tree.attr(&at) else { continue };
            if out.0.len() + 24 + name.len() > limit {
                break;
            }
            out.qid(&a);
            out.u64(i as u64 + 1);
            out.u8((a.mode >> 12) as u8 & 15);
            out.text(name);
        }
        w.u32(out.0.len() as u32);
        w.0.append(&mut out.0);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        self.tree.rename(from, to)?;
        // Files that are held move along.
        for f in &mut self.fids {
            if let Some(rest) = f.path.strip_prefix(from)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                f.path = format!("{to}{rest}");
            }
        }
        Ok(())
    }
}

fn two(r: &mut Reader<'_>) -> Result<(u32, u32), Errno> {
    Ok((r.u32().ok_or(SHORT)?, r.u32().ok_or(SHORT)?))
}

fn getattr(w: &mut Writer, a: &Attr) {
    w.u64(BASIC);
    w.qid(a);
    w.u32(a.mode);
    w.u32(a.uid);
    w.u32(a.gid);
    let links = if a.mode & 0o170_000 == S_IFDIR { 2 } else { 1 };
    for v in [links, 0, a.size, BLOCK, a.size.div_ceil(512)] {
        w.u64(v);
    }
    let (s, ns) = (a.mtime_ns / 1_000_000_000, a.mtime_ns % 1_000_000_000);
    for _ in 0..3 {
        w.u64(s);
        w.u64(ns);
    }
    // Birth time, generation, data version: unknown.
    for _ in 0..4 {
        w.u64(0);
    }
}
