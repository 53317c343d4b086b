//! What programs changed in a tree in memory, as bytes that outlive them: the next run loads the same tree and makes the changes again.
//!
//! Records of one operation each: removals first, as the directories come, then what is new or other. Numbers are little-endian, texts have
//! their length before them. Files that were never fetched are named by their numbers: the tree they come from must be the same, and a number
//! that stands for it is noted. Without such files any tree will do.
//!
//! Missing: extended attributes, names of one file in several places (each becomes a file), access times.

use std::rc::Rc;

use super::fetch::Fetches;
use super::mem::{Contents, MemNode};
use super::{Attr, Node, mode};
use crate::errno::{EINVAL, ESTALE, Res};

const MAGIC: &[u8] = b"tinamou tree 2\n";

mod op {
    pub const REMOVE: u8 = 0;
    pub const PLAIN: u8 = 1;
    pub const DIR: u8 = 2;
    pub const ABSENT: u8 = 3;
}

struct Writer(Vec<u8>);

impl Writer {
    fn text(&mut self, text: &[u8]) {
        self.0.extend((text.len() as u64).to_le_bytes());
        self.0.extend(text);
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() {
        name.to_vec()
    } else {
        [dir, b"/", name].concat()
    }
}

/// What was changed since [`MemNode::seal`]; `tree` is the same for the same files to be fetched.
///
/// # Errors
/// None but those of a tree that is not one.
pub fn save(root: &Rc<MemNode>, tree: u64) -> Res<Vec<u8>> {
    let mut out = Writer(MAGIC.to_vec());
    out.0.extend(tree.to_le_bytes());
    walk(root, b"", false, &mut out)?;
    Ok(out.0)
}

/// A directory's changes; `all`: it is not where it was, and all below it is new here.
fn walk(dir: &Rc<MemNode>, path: &[u8], all: bool, out: &mut Writer) -> Res<()> {
    for name in dir.removed() {
        out.0.push(op::REMOVE);
        out.text(&join(path, &name));
    }
    for (name, node) in dir.children() {
        let path = join(path, &name);
        let stat = node.stat()?;
        let moved = all || node.is_moved();
        let is_dir = stat.kind() == mode::DIR;
        if moved || node.is_changed() {
            let (kind, contents) = match node.contents() {
                Contents::Bytes(b) => (op::PLAIN, b),
                Contents::Absent(bytes, id) => (
                    op::ABSENT,
                    [&bytes.to_le_bytes()[..], &id.to_le_bytes()].concat(),
                ),
                Contents::Dir => (op::DIR, Vec::new()),
            };
            out.0.push(kind);
            out.text(&path);
            for v in [stat.mode, stat.uid, stat.gid, stat.mtime.1] {
                out.0.extend(v.to_le_bytes());
            }
            out.0.extend(stat.mtime.0.to_le_bytes());
            out.0.extend(stat.rdev.to_le_bytes());
            out.text(&contents);
        }
        if is_dir {
            walk(&node, &path, moved, out)?;
        }
    }
    Ok(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, n: usize) -> Res<&'a [u8]> {
        let (a, b) = self.0.split_at_checked(n).ok_or(EINVAL)?;
        self.0 = b;
        Ok(a)
    }

    fn u32(&mut self) -> Res<u32> {
        let b = self.bytes(4)?.try_into().map_err(|_| EINVAL)?;
        Ok(u32::from_le_bytes(b))
    }

    fn u64(&mut self) -> Res<u64> {
        let b = self.bytes(8)?.try_into().map_err(|_| EINVAL)?;
        Ok(u64::from_le_bytes(b))
    }

    fn text(&mut self) -> Res<&'a [u8]> {
        let n = self.u64()?;
        self.bytes(usize::try_from(n).map_err(|_| EINVAL)?)
    }
}

/// A path of ours: nothing that leads elsewhere.
fn good(path: &[u8]) -> Res<&[u8]> {
    let bad = |n: &[u8]| n.is_empty() || n == b"." || n == b"..";
    if path.split(|&b| b == b'/').any(bad) {
        return Err(EINVAL);
    }
    Ok(path)
}

/// Makes the changes that [`save`] gave in the same tree as it was before them.
///
/// # Errors
/// EINVAL for bytes that are not such, ESTALE or ENOTDIR for another tree's.
pub fn load(root: &Rc<MemNode>, bytes: &[u8], from: &Rc<Fetches>, tree: u64) -> Res<()> {
    let mut r = Reader(bytes.strip_prefix(MAGIC).ok_or(EINVAL)?);
    let same = r.u64()? == tree;
    // Times last: a directory's changes with what is put into it.
    let mut attributes = Vec::new();
    while !r.0.is_empty() {
        let kind = r.bytes(1)?[0];
        let path = good(r.text()?)?;
        if kind == op::REMOVE {
            root.remove(path);
            continue;
        }
        let [bits, uid, gid, ns] = [r.u32()?, r.u32()?, r.u32()?, r.u32()?];
        let seconds = r.u64()? as i64;
        let rdev = r.u64()?;
        let contents = r.text()?;
        let node = match kind {
            op::ABSENT if !same => return Err(ESTALE),
            op::ABSENT => {
                let mut c = Reader(contents);
                let (bytes, id) = (c.u64()?, c.u32()?);
                root.put_absent(path, bits, bytes, id, from)?
            }
            op::PLAIN | op::DIR => root.put(path, bits, contents)?,
            _ => return Err(EINVAL),
        };
        node.set_device(rdev);
        let attr = Attr {
            uid: Some(uid),
            gid: Some(gid),
            mtime: Some((seconds, ns % 1_000_000_000)),
            ..Attr::default()
        };
        attributes.push((node, attr));
    }
    attributes.iter().try_for_each(|(node, a)| node.set_attr(a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Wakes;
    use core::cell::Cell;

    fn base(from: &Rc<Fetches>) -> Rc<MemNode> {
        let root = MemNode::tree(1, &Rc::new(Cell::new((5, 0))));
        root.put(b"etc/a", mode::REG | 0o644, b"old").unwrap();
        root.put(b"etc/b", mode::REG | 0o644, b"gone").unwrap();
        root.put(b"d/e/f", mode::REG | 0o644, b"deep").unwrap();
        root.put_absent(b"far", 0o755, 9, 3, from).unwrap();
        root.put_absent(b"d/far", 0o755, 8, 4, from).unwrap();
        root.seal();
        root
    }

    fn node(root: &Rc<MemNode>, path: &str) -> Res<Rc<dyn Node>> {
        let mut at: Rc<dyn Node> = root.clone();
        for name in path.split('/') {
            at = at.lookup(name.as_bytes())?;
        }
        Ok(at)
    }

    fn text(root: &Rc<MemNode>, path: &str) -> String {
        let mut b = vec![0; 100];
        let n = node(root, path).unwrap().read_at(0, &mut b).unwrap();
        String::from_utf8(b[..n].to_vec()).unwrap()
    }

    #[test]
    fn changes_are_made_again() {
        let from = Fetches::new(&Wakes::default());
        let root = base(&from);
        assert_eq!(save(&root, 0).unwrap().len(), MAGIC.len() + 8);
        let before = root.revision();
        text(&root, "etc/a");
        assert_eq!(root.revision(), before);
        node(&root, "etc/a").unwrap().write_at(0, b"new!").unwrap();
        assert_ne!(root.revision(), before);
        let etc = node(&root, "etc").unwrap();
        etc.unlink(b"b", false).unwrap();
        etc.mkdir(b"n", 0o700).unwrap();
        node(&root, "etc/n")
            .unwrap()
            .symlink(b"l", b"../a")
            .unwrap();
        let dir: Rc<dyn Node> = root.clone();
        root.rename(b"d", &dir, b"moved", 0).unwrap();
        let all = save(&root, 7).unwrap();
        let again = base(&from);
        load(&again, &all, &from, 7).unwrap();
        assert_eq!(text(&again, "etc/a"), "new!");
        assert!(node(&again, "etc/b").is_err());
        assert_eq!(node(&again, "etc/n").unwrap().stat().unwrap().mode, 0o40700);
        assert_eq!(
            node(&again, "etc/n/l").unwrap().readlink().unwrap(),
            b"../a"
        );
        assert!(node(&again, "d").is_err());
        assert_eq!(text(&again, "moved/e/f"), "deep");
        assert_eq!(node(&again, "moved/far").unwrap().stat().unwrap().size, 8);
        assert_eq!(node(&again, "far").unwrap().stat().unwrap().size, 9);
        // Files to be fetched are another tree's.
        assert_eq!(load(&base(&from), &all, &from, 8), Err(ESTALE));
        // And once more, from there.
        assert_eq!(save(&again, 7).unwrap(), all);
    }

    #[test]
    fn links_are_fetched() {
        let from = Fetches::new(&Wakes::default());
        let root = base(&from);
        root.put_absent(b"l", mode::LNK | 0o777, 3, 9, &from)
            .unwrap();
        let l = node(&root, "l").unwrap();
        assert_eq!(l.stat().unwrap().mode, 0o120777);
        assert_eq!(l.readlink(), Err(crate::errno::ABSENT));
        assert_eq!(from.take(), [9]);
        assert!(from.any());
        from.arrived(9, Some(b"d/e".to_vec()));
        assert_eq!(l.readlink().unwrap(), b"d/e");
        assert_eq!(node(&root, "far").unwrap().readlink(), Err(EINVAL));
        assert!(!from.any());
    }

    #[test]
    fn broken_bytes_are_refused() {
        let from = Fetches::new(&Wakes::default());
        let root = base(&from);
        node(&root, "etc/a").unwrap().write_at(0, b"new!").unwrap();
        let all = save(&root, 7).unwrap();
        for n in 0..all.len() {
            let _ = load(&base(&from), &all[..n], &from, 7);
            let mut other = all.clone();
            other[n] ^= 0x81;
            let _ = load(&base(&from), &other, &from, 7);
        }
        assert_eq!(load(&base(&from), b"x", &from, 7), Err(EINVAL));
    }
}
