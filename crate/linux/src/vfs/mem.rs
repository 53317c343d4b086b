//! A tree in memory: for browsers, tests, and /dev/shm.

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::fetch::Fetches;
use super::{Attr, Dirent, Node, Stat, mode, open};
use crate::errno::{
    EEXIST, EFBIG, EINVAL, EIO, EISDIR, ENODATA, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, EXDEV, Res,
};
use crate::file::{FileOps, NodeFile};

/// What the nodes of one tree share.
pub struct Shared {
    next_ino: Cell<u64>,
    /// Changes are noted.
    sealed: Cell<bool>,
    /// Another number after each change.
    revision: Cell<u64>,
    dev: u64,
    /// The time of changes: seconds and nanoseconds since 1970.
    pub now: Rc<Cell<(i64, u32)>>,
}

enum Data {
    File(Vec<u8>),
    /// A file or link that is not here yet: its size and number, and who fetches it.
    Absent(u64, u32, Rc<Fetches>),
    /// A file that could not be fetched.
    Lost(u64),
    Dir(BTreeMap<Vec<u8>, Rc<MemNode>>),
    Link(Vec<u8>),
    Special,
}

/// An inode in memory.
pub struct MemNode {
    shared: Rc<Shared>,
    me: std::rc::Weak<MemNode>,
    ino: u64,
    data: RefCell<Data>,
    meta: Cell<Stat>,
    xattrs: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
    pipe: RefCell<Option<Rc<dyn Any>>>,
    /// Changed since the tree was sealed.
    changed: Cell<bool>,
    /// Moved since then.
    moved: Cell<bool>,
    /// Names that a directory lost since then.
    removed: RefCell<BTreeSet<Vec<u8>>>,
}

/// What a node holds, for who keeps it.
pub enum Contents {
    /// A file's bytes, or a link's target.
    Bytes(Vec<u8>),
    /// A file or link that was never fetched: its size and number.
    Absent(u64, u32),
    /// A directory.
    Dir,
}

/// Files larger than this are refused.
const MAX_BYTES: u64 = 1 << 31;

impl MemNode {
    /// An empty tree with device number `dev`.
    pub fn tree(dev: u64, now: &Rc<Cell<(i64, u32)>>) -> Rc<MemNode> {
        let shared = Rc::new(Shared {
            next_ino: Cell::new(2),
            sealed: Cell::new(false),
            revision: Cell::new(0),
            dev,
            now: now.clone(),
        });
        MemNode::make(&shared, Data::Dir(BTreeMap::new()), mode::DIR | 0o755, 0)
    }

    fn make(shared: &Rc<Shared>, data: Data, mode: u32, rdev: u64) -> Rc<MemNode> {
        let ino = shared.next_ino.get();
        shared.next_ino.set(ino + 1);
        let now = shared.now.get();
        let nlink = if mode & mode::FMT == mode::DIR { 2 } else { 1 };
        let meta = Stat {
            dev: shared.dev,
            ino,
            mode,
            nlink,
            rdev,
            blksize: 4096,
            atime: now,
            mtime: now,
            ctime: now,
            ..Stat::default()
        };
        Rc::new_cyclic(|me| MemNode {
            shared: shared.clone(),
            me: me.clone(),
            ino,
            data: RefCell::new(data),
            meta: Cell::new(meta),
            xattrs: RefCell::default(),
            pipe: RefCell::default(),
            changed: Cell::new(shared.sealed.get()),
            moved: Cell::new(false),
            removed: RefCell::default(),
        })
    }

    fn change(&self, f: impl FnOnce(&mut Stat)) {
        let mut meta = self.meta.get();
        meta.ctime = self.shared.now.get();
        self.shared.revision.set(self.shared.revision.get() + 1);
        self.changed
            .set(self.changed.get() || self.shared.sealed.get());
        f(&mut meta);
        self.meta.set(meta);
    }

    fn touch(&self) {
        let now = self.shared.now.get();
        // Two changes at one instant must not look like one: page caches go by it.
        self.change(|m| {
            m.mtime = if m.mtime >= now {
                (m.mtime.0, (m.mtime.1 + 1) % 1_000_000_000)
            } else {
                now
            }
        });
    }

    fn insert(&self, name: &[u8], node: Rc<MemNode>) -> Res<()> {
        match &mut *self.data.borrow_mut() {
            Data::Dir(d) if d.contains_key(name) => return Err(EEXIST),
            Data::Dir(d) => drop(d.insert(name.to_vec(), node)),
            _ => return Err(ENOTDIR),
        }
        self.touch();
        Ok(())
    }

    fn child(&self, name: &[u8]) -> Res<Rc<MemNode>> {
        match &*self.data.borrow() {
            Data::Dir(d) => d.get(name).cloned().ok_or(ENOENT),
            _ => Err(ENOTDIR),
        }
    }

    /// The directory `path` below this one, made where it is missing.
    ///
    /// # Errors
    /// ENOTDIR.
    pub fn dirs(&self, path: &[u8]) -> Res<Rc<MemNode>> {
        let mut at = self.me.upgrade().ok_or(ENOENT)?;
        for name in path
            .split(|&b| b == b'/')
            .filter(|n| !n.is_empty() && *n != b".")
        {
            let next = match at.child(name) {
                Ok(n) => n,
                Err(e) if e == ENOENT => {
                    let n = MemNode::make(
                        &self.shared,
                        Data::Dir(BTreeMap::new()),
                        mode::DIR | 0o755,
                        0,
                    );
                    at.insert(name, n.clone())?;
                    n
                }
                Err(e) => return Err(e),
            };
            at = next;
        }
        if !matches!(&*at.data.borrow(), Data::Dir(_)) {
            return Err(ENOTDIR);
        }
        Ok(at)
    }

    /// Puts a file, link or directory there, over what was there before.
    ///
    /// # Errors
    /// ENOTDIR.
    pub fn put(&self, path: &[u8], mode_bits: u32, content: &[u8]) -> Res<Rc<MemNode>> {
        let cut = path.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
        let dir = self.dirs(&path[..cut])?;
        if mode_bits & mode::FMT == mode::DIR {
            let d = self.dirs(path)?;
            d.change(|m| m.mode = mode_bits);
            return Ok(d);
        }
        let data = match mode_bits & mode::FMT {
            mode::REG => Data::File(content.to_vec()),
            mode::LNK => Data::Link(content.to_vec()),
            _ => Data::Special,
        };
        let node = MemNode::make(&self.shared, data, mode_bits, 0);
        if let Data::Dir(d) = &mut *dir.data.borrow_mut() {
            d.insert(path[cut..].to_vec(), node.clone());
        }
        Ok(node)
    }

    /// Puts a regular file (or a link, if `mode_bits` say so) there whose contents are fetched when they are needed: `id` is its number for the
    /// fetcher.
    ///
    /// # Errors
    /// ENOTDIR.
    pub fn put_absent(
        &self,
        path: &[u8],
        mode_bits: u32,
        bytes: u64,
        id: u32,
        from: &Rc<Fetches>,
    ) -> Res<Rc<MemNode>> {
        let kind = match mode_bits & mode::FMT {
            mode::LNK => mode::LNK,
            _ => mode::REG,
        };
        let node = self.put(path, kind | mode_bits & 0o7777, &[])?;
        *node.data.borrow_mut() = Data::Absent(bytes, id, from.clone());
        Ok(node)
    }

    /// From now on changes are noted, for [`super::keep`].
    pub fn seal(&self) {
        self.shared.sealed.set(true);
    }

    /// Another number after each change anywhere in this tree.
    pub fn revision(&self) -> u64 {
        self.shared.revision.get()
    }

    /// Whether it was changed since then.
    pub fn is_changed(&self) -> bool {
        self.changed.get()
    }

    /// Whether it was moved since then.
    pub fn is_moved(&self) -> bool {
        self.moved.get()
    }

    /// The names a directory lost since then.
    pub fn removed(&self) -> Vec<Vec<u8>> {
        self.removed.borrow().iter().cloned().collect()
    }

    /// A directory's nodes by name.
    pub fn children(&self) -> Vec<(Vec<u8>, Rc<MemNode>)> {
        match &*self.data.borrow() {
            Data::Dir(d) => d.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            _ => Vec::new(),
        }
    }

    /// What it holds.
    pub fn contents(&self) -> Contents {
        match &*self.data.borrow() {
            Data::File(b) | Data::Link(b) => Contents::Bytes(b.clone()),
            Data::Absent(bytes, id, _) => Contents::Absent(*bytes, *id),
            Data::Dir(_) => Contents::Dir,
            Data::Lost(_) | Data::Special => Contents::Bytes(Vec::new()),
        }
    }

    /// Takes away what is at a path, and all below it.
    pub fn remove(&self, path: &[u8]) {
        let cut = path.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
        let dir = if cut == 0 {
            self.me.upgrade().ok_or(ENOENT)
        } else {
            let names = path[..cut].split(|&b| b == b'/').filter(|n| !n.is_empty());
            let me = self.me.upgrade().ok_or(ENOENT);
            names.fold(me, |at, name| at?.child(name))
        };
        if let Ok(dir) = dir {
            dir.lose(&path[cut..]);
        }
    }

    /// A directory loses a name.
    fn lose(&self, name: &[u8]) {
        if let Data::Dir(d) = &mut *self.data.borrow_mut() {
            d.remove(name);
        }
        if self.shared.sealed.get() {
            self.removed.borrow_mut().insert(name.to_vec());
        }
    }

    /// Sets the number of a device.
    pub fn set_device(&self, rdev: u64) {
        self.change(|m| m.rdev = rdev);
    }

    /// The contents that were asked for.
    pub fn arrived(&self, contents: Option<Vec<u8>>) {
        let mut data = self.data.borrow_mut();
        if let Data::Absent(bytes, ..) = &*data {
            let kind = if self.is_link() {
                Data::Link
            } else {
                Data::File
            };
            *data = contents.map_or(Data::Lost(*bytes), kind);
        }
    }

    fn is_link(&self) -> bool {
        self.meta.get().kind() == mode::LNK
    }

    /// Contents that are here, or the error of whoever needs them.
    fn here(&self) -> Res<()> {
        match &*self.data.borrow() {
            Data::Absent(_, id, from) => Err(from.want(*id, &self.me)),
            Data::Lost(_) => Err(EIO),
            _ => Ok(()),
        }
    }

    /// Another name for a node (hard links of archives).
    ///
    /// # Errors
    /// ENOENT, ENOTDIR.
    pub fn put_link(&self, path: &[u8], target: &[u8]) -> Res<()> {
        let mut at = self.me.upgrade().ok_or(ENOENT)?;
        for name in target
            .split(|&b| b == b'/')
            .filter(|n| !n.is_empty() && *n != b".")
        {
            let next = at.child(name)?;
            at = next;
        }
        let cut = path.iter().rposition(|&b| b == b'/').map_or(0, |i| i + 1);
        let dir = self.dirs(&path[..cut])?;
        at.change(|m| m.nlink += 1);
        dir.insert(&path[cut..], at)
    }

    /// What a FIFO's openers share.
    pub fn pipe_slot(&self) -> &RefCell<Option<Rc<dyn Any>>> {
        &self.pipe
    }
}

impl Node for MemNode {
    fn stat(&self) -> Res<Stat> {
        let mut s = self.meta.get();
        s.size = match &*self.data.borrow() {
            Data::File(b) => b.len() as u64,
            Data::Absent(bytes, ..) | Data::Lost(bytes) => *bytes,
            Data::Link(b) => b.len() as u64,
            Data::Dir(d) => {
                s.nlink = 2 + d
                    .values()
                    .filter(|n| matches!(&*n.data.borrow(), Data::Dir(_)))
                    .count() as u32;
                4096
            }
            Data::Special => 0,
        };
        s.blocks = s.size.div_ceil(512);
        Ok(s)
    }

    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>> {
        super::check_open(&self.meta.get(), flags)?;
        let me: Rc<dyn Node> = self.me.upgrade().ok_or(ENOENT)?;
        if flags & open::TRUNC != 0 {
            self.empty();
        }
        self.here()?;
        if flags & open::TRUNC != 0 {
            self.touch();
        }
        Ok(Rc::new(NodeFile(me)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn lookup(&self, name: &[u8]) -> Res<Rc<dyn Node>> {
        Ok(self.child(name)?)
    }

    fn entries(&self) -> Res<Vec<Dirent>> {
        match &*self.data.borrow() {
            Data::Dir(d) => Ok(d
                .iter()
                .map(|(name, n)| Dirent {
                    ino: n.ino,
                    kind: n.meta.get().kind(),
                    name: name.clone(),
                })
                .collect()),
            _ => Err(ENOTDIR),
        }
    }

    fn readlink(&self) -> Res<Vec<u8>> {
        if !self.is_link() {
            return Err(EINVAL);
        }
        self.here()?;
        match &*self.data.borrow() {
            Data::Link(t) => Ok(t.clone()),
            _ => Err(EINVAL),
        }
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        self.here()?;
        match &*self.data.borrow() {
            Data::File(b) => {
                let from = b.get((at as usize).min(b.len())..).unwrap_or(&[]);
                let n = from.len().min(buf.len());
                buf[..n].copy_from_slice(&from[..n]);
                Ok(n)
            }
            Data::Dir(_) => Err(EISDIR),
            _ => Err(EINVAL),
        }
    }

    fn write_at(&self, at: u64, data: &[u8]) -> Res<usize> {
        self.here()?;
        match &mut *self.data.borrow_mut() {
            Data::File(b) => {
                let end = at
                    .checked_add(data.len() as u64)
                    .filter(|&e| e <= MAX_BYTES)
                    .ok_or(EFBIG)? as usize;
                if b.len() < end {
                    b.resize(end, 0);
                }
                b[at as usize..end].copy_from_slice(data);
            }
            Data::Dir(_) => return Err(EISDIR),
            _ => return Err(EINVAL),
        }
        self.touch();
        Ok(data.len())
    }

    fn create(&self, name: &[u8], mode_bits: u32, rdev: u64) -> Res<Rc<dyn Node>> {
        let regular = matches!(mode_bits & mode::FMT, 0 | mode::REG);
        let mode_bits = if mode_bits & mode::FMT == 0 {
            mode_bits | mode::REG
        } else {
            mode_bits
        };
        let node = MemNode::make(
            &self.shared,
            if regular {
                Data::File(Vec::new())
            } else {
                Data::Special
            },
            mode_bits,
            rdev,
        );
        self.insert(name, node.clone())?;
        Ok(node)
    }

    fn mkdir(&self, name: &[u8], mode_bits: u32) -> Res<()> {
        self.insert(
            name,
            MemNode::make(
                &self.shared,
                Data::Dir(BTreeMap::new()),
                mode::DIR | mode_bits & 0o7777,
                0,
            ),
        )
    }

    fn symlink(&self, name: &[u8], target: &[u8]) -> Res<()> {
        self.insert(
            name,
            MemNode::make(
                &self.shared,
                Data::Link(target.to_vec()),
                mode::LNK | 0o777,
                0,
            ),
        )
    }

    fn link(&self, name: &[u8], node: &Rc<dyn Node>) -> Res<()> {
        let node = node
            .as_any()
            .downcast_ref::<MemNode>()
            .filter(|n| Rc::ptr_eq(&n.shared, &self.shared))
            .ok_or(EXDEV)?;
        if matches!(&*node.data.borrow(), Data::Dir(_)) {
            return Err(EPERM);
        }
        self.insert(name, node.me.upgrade().ok_or(ENOENT)?)?;
        node.change(|m| m.nlink += 1);
        Ok(())
    }

    fn unlink(&self, name: &[u8], dir: bool) -> Res<()> {
        let node = self.child(name)?;
        match (&*node.data.borrow(), dir) {
            (Data::Dir(_), false) => return Err(EISDIR),
            (Data::Dir(d), true) if !d.is_empty() => return Err(ENOTEMPTY),
            (Data::Dir(_), true) | (_, false) => {}
            (_, true) => return Err(ENOTDIR),
        }
        node.change(|m| m.nlink = m.nlink.saturating_sub(1));
        self.lose(name);
        self.touch();
        Ok(())
    }

    fn rename(&self, name: &[u8], to: &Rc<dyn Node>, to_name: &[u8], flags: u32) -> Res<()> {
        const NOREPLACE: u32 = 1;
        const EXCHANGE: u32 = 2;
        let to = to
            .as_any()
            .downcast_ref::<MemNode>()
            .filter(|n| Rc::ptr_eq(&n.shared, &self.shared))
            .ok_or(EXDEV)?;
        let node = self.child(name)?;
        let old = to.child(to_name).ok();
        let is_dir = matches!(&*node.data.borrow(), Data::Dir(_));
        if is_dir && node.holds(to) {
            return Err(EINVAL);
        }
        if let Some(old) = &old {
            if flags & NOREPLACE != 0 {
                return Err(EEXIST);
            }
            if old.ino == node.ino {
                return Ok(());
            }
            if flags & EXCHANGE == 0 {
                match (&*old.data.borrow(), is_dir) {
                    (Data::Dir(d), true) if !d.is_empty() => return Err(ENOTEMPTY),
                    (Data::Dir(_), false) => return Err(EISDIR),
                    (Data::Dir(_), true) | (_, false) => {}
                    (_, true) => return Err(ENOTDIR),
                }
                old.change(|m| m.nlink = m.nlink.saturating_sub(1));
            }
        } else if flags & EXCHANGE != 0 {
            return Err(ENOENT);
        }
        self.lose(name);
        if self.shared.sealed.get() {
            for n in [Some(&node), old.as_ref()].into_iter().flatten() {
                n.moved.set(true);
            }
            // What was there before is not below it.
            to.removed.borrow_mut().insert(to_name.to_vec());
        }
        if let Data::Dir(d) = &mut *to.data.borrow_mut() {
            d.insert(to_name.to_vec(), node);
        }
        if flags & EXCHANGE != 0
            && let (Some(old), Data::Dir(d)) = (old, &mut *self.data.borrow_mut())
        {
            d.insert(name.to_vec(), old);
        }
        self.touch();
        to.touch();
        Ok(())
    }

    fn set_attr(&self, a: &Attr) -> Res<()> {
        if let Some(size) = a.size {
            if size > MAX_BYTES {
                return Err(EFBIG);
            }
            if size == 0 {
                self.empty();
            }
            self.here()?;
            match &mut *self.data.borrow_mut() {
                Data::File(b) => b.resize(size as usize, 0),
                Data::Dir(_) => return Err(EISDIR),
                _ => return Err(EINVAL),
            }
            self.touch();
        }
        self.change(|m| {
            if let Some(v) = a.mode {
                m.mode = m.mode & mode::FMT | v & 0o7777;
            }
            m.uid = a.uid.unwrap_or(m.uid);
            m.gid = a.gid.unwrap_or(m.gid);
            m.atime = a.atime.unwrap_or(m.atime);
            m.mtime = a.mtime.unwrap_or(m.mtime);
        });
        Ok(())
    }

    fn xattr(&self, name: &[u8]) -> Res<Vec<u8>> {
        self.xattrs.borrow().get(name).cloned().ok_or(ENODATA)
    }

    fn set_xattr(&self, name: &[u8], value: &[u8]) -> Res<()> {
        self.xattrs
            .borrow_mut()
            .insert(name.to_vec(), value.to_vec());
        Ok(())
    }
}

impl MemNode {
    /// A file has no contents any more.
    fn empty(&self) {
        let mut data = self.data.borrow_mut();
        if matches!(&*data, Data::File(_) | Data::Absent(..) | Data::Lost(_)) {
            *data = Data::File(Vec::new());
        }
    }

    /// Whether `other` is this directory or lies below it.
    fn holds(&self, other: &MemNode) -> bool {
        if self.ino == other.ino {
            return true;
        }
        match &*self.data.borrow() {
            Data::Dir(d) => d.values().any(|n| n.holds(other)),
            _ => false,
        }
    }
}
