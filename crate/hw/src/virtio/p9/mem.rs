//! A tree of files in memory: for tests, and for hosts without files of their own.

use std::collections::BTreeMap;

use super::tree::{Attr, Change, Errno, FileTree, parent};

const KIND: u32 = 0o170_000;
const DIR: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const FILE: u32 = 0o100_000;
/// What a tree holds if nobody says otherwise.
const USUAL_MOST: u64 = 1 << 30;
/// What a file takes beside its name and its bytes.
const NODE_BYTES: u64 = 512;

#[derive(Clone, Default, Debug)]
struct Node {
    attr: Attr,
    data: Vec<u8>,
}

/// The tree. Files' times are what was set, or what the host's clock said when they were written.
#[derive(Clone, Debug)]
pub struct MemTree {
    nodes: BTreeMap<String, Node>,
    next: u64,
    now_ns: fn() -> u64,
    used_bytes: u64,
    most_bytes: u64,
}

impl Default for MemTree {
    fn default() -> MemTree {
        MemTree::new(|| 0, USUAL_MOST)
    }
}

/// What a file takes.
fn cost(path: &str, bytes: u64) -> u64 {
    path.len() as u64 + NODE_BYTES + bytes
}

impl MemTree {
    /// An empty tree of a host with this clock (nanoseconds since 1970), for so many bytes.
    pub fn new(now_ns: fn() -> u64, most_bytes: u64) -> MemTree {
        let mut t = MemTree {
            nodes: BTreeMap::new(),
            next: 1,
            now_ns,
            used_bytes: 0,
            most_bytes,
        };
        t.put("", DIR | 0o755, Vec::new());
        t
    }

    fn put(&mut self, path: &str, mode: u32, data: Vec<u8>) {
        let attr = Attr {
            mode,
            number: self.next,
            size: data.len() as u64,
            mtime_ns: (self.now_ns)(),
            ..Attr::default()
        };
        self.next += 1;
        self.used_bytes += cost(path, attr.size);
        if let Some(old) = self.nodes.insert(path.to_owned(), Node { attr, data }) {
            self.used_bytes -= cost(path, old.attr.size);
        }
    }

    /// Takes so much more, if it is there.
    fn take(&mut self, bytes: u64) -> Result<(), Errno> {
        let used = self.used_bytes.checked_add(bytes);
        self.used_bytes = used
            .filter(|u| *u <= self.most_bytes)
            .ok_or(Errno::ENOSPC)?;
        Ok(())
    }

    /// Adds a plain file, with the directories on its way.
    pub fn add(&mut self, path: &str, data: Vec<u8>) {
        for (i, _) in path.match_indices('/') {
            if !self.nodes.contains_key(&path[..i]) {
                self.put(&path[..i], DIR | 0o755, Vec::new());
            }
        }
        self.put(path, FILE | 0o644, data);
    }

    fn get(&mut self, path: &str) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(path).ok_or(Errno::ENOENT)
    }

    fn file(&mut self, path: &str) -> Result<&mut Node, Errno> {
        let n = self.get(path)?;
        match n.attr.mode & KIND {
            DIR => Err(Errno::EISDIR),
            LINK => Err(Errno::EINVAL),
            _ => Ok(n),
        }
    }

    fn check_new(&mut self, path: &str) -> Result<(), Errno> {
        if self.nodes.contains_key(path) {
            return Err(Errno::EEXIST);
        }
        if self.get(parent(path))?.attr.mode & KIND != DIR {
            return Err(Errno::ENOTDIR);
        }
        if self.used_bytes + cost(path, 0) > self.most_bytes {
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    /// Paths below a directory, itself not among them.
    fn below(&self, path: &str) -> Vec<String> {
        let inside = |k: &str| match path {
            "" => !k.is_empty(),
            p => k.strip_prefix(p).is_some_and(|r| r.starts_with('/')),
        };
        self.nodes.keys().filter(|k| inside(k)).cloned().collect()
    }
}

impl FileTree for MemTree {
    fn attr(&mut self, path: &str) -> Result<Attr, Errno> {
        Ok(self.get(path)?.attr)
    }

    fn change(&mut self, path: &str, c: Change) -> Result<(), Errno> {
        if let Some(size) = c.size {
            let now_ns = (self.now_ns)();
            let old = self.file(path)?.attr.size;
            self.take(size.saturating_sub(old))?;
            self.used_bytes -= old.saturating_sub(size);
            let n = self.file(path)?;
            n.data.resize(size as usize, 0);
            n.attr.size = size;
            n.attr.mtime_ns = now_ns;
        }
        let a = &mut self.get(path)?.attr;
        a.mode = a.mode & KIND | c.mode.unwrap_or(a.mode) & 0o7777;
        a.uid = c.uid.unwrap_or(a.uid);
        a.gid = c.gid.unwrap_or(a.gid);
        a.mtime_ns = c.mtime_ns.unwrap_or(a.mtime_ns);
        Ok(())
    }

    fn read(&mut self, path: &str, at: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        let n = self.file(path)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let have = n.data.get(at..).unwrap_or(&[]);
        let k = have.len().min(buf.len());
        buf[..k].copy_from_slice(&have[..k]);
        Ok(k)
    }

    fn write(&mut self, path: &str, at: u64, data: &[u8]) -> Result<usize, Errno> {
        let end = at.checked_add(data.len() as u64).ok_or(Errno::EFBIG)?;
        let now_ns = (self.now_ns)();
        let old = self.file(path)?.attr.size;
        self.take(end.saturating_sub(old))?;
        let end = end as usize;
        let n = self.file(path)?;
        if n.data.len() < end {
            n.data.resize(end, 0);
        }
        n.data[at as usize..end].copy_from_slice(data);
        n.attr.size = n.data.len() as u64;
        n.attr.mtime_ns = now_ns;
        Ok(data.len())
    }

    fn make(&mut self, path: &str, mode: u32) -> Result<(), Errno> {
        self.check_new(path)?;
        let kind = if mode & KIND == DIR { DIR } else { FILE };
        self.put(path, kind | mode & 0o7777, Vec::new());
        Ok(())
    }

    fn make_link(&mut self, path: &str, to: &str) -> Result<(), Errno> {
        self.check_new(path)?;
        self.put(path, LINK | 0o777, to.as_bytes().to_vec());
        Ok(())
    }

    fn link(&mut self, path: &str) -> Result<String, Errno> {
        let n = self.get(path)?;
        if n.attr.mode & KIND != LINK {
            return Err(Errno::EINVAL);
        }
        String::from_utf8(n.data.clone()).map_err(|_| Errno::EIO)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, Errno> {
        if self.get(path)?.attr.mode & KIND != DIR {
            return Err(Errno::ENOTDIR);
        }
        let skip = if path.is_empty() { 0 } else { path.len() + 1 };
        let names = self.below(path).into_iter().map(|k| k[skip..].to_owned());
        Ok(names.filter(|n| !n.contains('/')).collect())
    }

    fn remove(&mut self, path: &str) -> Result<(), Errno> {
        if path.is_empty() {
            return Err(Errno::EPERM);
        }
        self.get(path)?;
        if !self.below(path).is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        if let Some(n) = self.nodes.remove(path) {
            self.used_bytes -= cost(path, n.attr.size);
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        if from == to {
            return self.get(from).map(|_| ());
        }
        let inside = to.strip_prefix(from).is_some_and(|r| r.starts_with('/'));
        if from.is_empty() || to.is_empty() || inside {
            return Err(Errno::EINVAL);
        }
        self.get(from)?;
        if self.get(parent(to))?.attr.mode & KIND != DIR {
            return Err(Errno::ENOTDIR);
        }
        if self.nodes.contains_key(to) {
            self.remove(to)?;
        }
        let mut all = self.below(from);
        all.push(from.to_owned());
        for k in all {
            if let Some(n) = self.nodes.remove(&k) {
                let path = format!("{to}{}", &k[from.len()..]);
                self.used_bytes -= cost(&k, 0);
                self.used_bytes += cost(&path, 0);
                self.nodes.insert(path, n);
            }
        }
        Ok(())
    }
}
