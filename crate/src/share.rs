//! Folders that a machine shares by 9P (`-fsdev`, `-virtfs`): a tree of nodes as Linux programs see it. Its host nodes are opened one name at a
//! time, and links are the guest's to follow, so that nothing leads out of the folder.

use std::rc::Rc;

use tinamou_hw::virtio::p9::tree::{Attr, Change, Errno, FileTree, parent};
use tinamou_linux::vfs::host::HostNode;
use tinamou_linux::vfs::{Attr as Set, Node, mode};

/// A folder of the host.
pub struct Folder {
    root: Rc<dyn Node>,
    read_only: bool,
}

fn errno(e: tinamou_linux::errno::Errno) -> Errno {
    Errno(e.0.into())
}

fn time(ns: u64) -> (i64, u32) {
    const SECOND: u64 = 1_000_000_000;
    ((ns / SECOND) as i64, (ns % SECOND) as u32)
}

fn name(path: &str) -> &[u8] {
    path.rsplit_once('/').map_or(path, |p| p.1).as_bytes()
}

impl Folder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(path: &str, read_only: bool) -> Result<Folder, String> {
        let wrong = |why: String| format!("cannot share '{path}': {why}");
        // The folder itself may be named by a link.
        let real = std::fs::canonicalize(path).map_err(|e| wrong(crate::host::why(&e)))?;
        let bytes = std::os::unix::ffi::OsStrExt::as_bytes(real.as_os_str());
        let root = HostNode::open_path(bytes).map_err(|e| {
            let e = std::io::Error::from_raw_os_error(e.0.into());
            wrong(crate::host::why(&e))
        })?;
        if !real.is_dir() {
            return Err(wrong("not a directory".into()));
        }
        Ok(Folder { root, read_only })
    }

    fn node(&self, path: &str) -> Result<Rc<dyn Node>, Errno> {
        let mut at = self.root.clone();
        for n in path.split('/').filter(|n| !n.is_empty()) {
            at = at.lookup(n.as_bytes()).map_err(errno)?;
        }
        Ok(at)
    }

    /// A plain file: reading others could block.
    fn plain(&self, path: &str) -> Result<Rc<dyn Node>, Errno> {
        let node = self.node(path)?;
        match node.stat().map_err(errno)?.kind() {
            mode::REG => Ok(node),
            mode::DIR => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    fn writable(&self) -> Result<(), Errno> {
        if self.read_only {
            Err(Errno::EROFS)
        } else {
            Ok(())
        }
    }

    /// The directory that a path's last name is in, to change.
    fn directory(&self, path: &str) -> Result<Rc<dyn Node>, Errno> {
        self.writable()?;
        self.node(parent(path))
    }
}

impl FileTree for Folder {
    fn attr(&mut self, path: &str) -> Result<Attr, Errno> {
        let s = self.node(path)?.stat().map_err(errno)?;
        let ns = s.mtime.0.max(0) as u64 * 1_000_000_000 + u64::from(s.mtime.1);
        Ok(Attr {
            mode: s.mode,
            uid: s.uid,
            gid: s.gid,
            size: s.size,
            number: s.ino,
            mtime_ns: ns,
        })
    }

    fn change(&mut self, path: &str, c: Change) -> Result<(), Errno> {
        self.writable()?;
        let node = if c.size.is_some() {
            self.plain(path)?
        } else {
            self.node(path)?
        };
        let set = Set {
            mode: c.mode,
            uid: c.uid,
            gid: c.gid,
            atime: None,
            mtime: c.mtime_ns.map(time),
            size: c.size,
        };
        node.set_attr(&set).map_err(errno)
    }

    fn read(&mut self, path: &str, at: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        self.plain(path)?.read_at(at, buf).map_err(errno)
    }

    fn write(&mut self, path: &str, at: u64, data: &[u8]) -> Result<usize, Errno> {
        self.writable()?;
        self.plain(path)?.write_at(at, data).map_err(errno)
    }

    fn make(&mut self, path: &str, bits: u32) -> Result<(), Errno> {
        let dir = self.directory(path)?;
        match bits & mode::FMT {
            mode::DIR => dir.mkdir(name(path), bits & 0o7777),
            mode::REG => dir.create(name(path), bits, 0).map(drop),
            _ => return Err(Errno::EOPNOTSUPP),
        }
        .map_err(errno)
    }

    fn make_link(&mut self, path: &str, to: &str) -> Result<(), Errno> {
        let dir = self.directory(path)?;
        dir.symlink(name(path), to.as_bytes()).map_err(errno)
    }

    fn link(&mut self, path: &str) -> Result<String, Errno> {
        let to = self.node(path)?.readlink().map_err(errno)?;
        String::from_utf8(to).map_err(|_| Errno::EINVAL)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, Errno> {
        let all = self.node(path)?.entries().map_err(errno)?;
        // Names that are no text cannot be told to the guest.
        let mut names: Vec<String> = all
            .into_iter()
            .filter_map(|e| String::from_utf8(e.name).ok())
            .collect();
        names.sort();
        Ok(names)
    }

    fn remove(&mut self, path: &str) -> Result<(), Errno> {
        let dir = self.directory(path)?;
        let kind = self.node(path)?.stat().map_err(errno)?.kind();
        dir.unlink(name(path), kind == mode::DIR).map_err(errno)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let (dir, other) = (self.directory(from)?, self.directory(to)?);
        dir.rename(name(from), &other, name(to), 0).map_err(errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a file and links that lead out of it.
    fn folder(name: &str) -> (std::path::PathBuf, Folder) {
        let at = std::env::temp_dir().join(format!("tinamou-share-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&at);
        std::fs::create_dir_all(at.join("in/sub")).unwrap();
        std::fs::write(at.join("secret"), "outside").unwrap();
        std::fs::write(at.join("in/file"), "inside").unwrap();
        std::os::unix::fs::symlink("..", at.join("in/up")).unwrap();
        std::os::unix::fs::symlink("../secret", at.join("in/leak")).unwrap();
        let f = Folder::open(at.join("in").to_str().unwrap(), false).unwrap();
        (at, f)
    }

    #[test]
    fn files_are_read_written_and_renamed() {
        let (at, mut f) = folder("files");
        let mut buf = [0; 16];
        assert_eq!(f.read("file", 2, &mut buf), Ok(4));
        assert_eq!(&buf[..4], b"side");
        f.make("sub/new", mode::REG | 0o640).unwrap();
        assert_eq!(f.write("sub/new", 3, b"abc"), Ok(3));
        assert_eq!(f.attr("sub/new").unwrap().size, 6);
        f.rename("sub/new", "moved").unwrap();
        assert_eq!(std::fs::read(at.join("in/moved")).unwrap(), b"\0\0\0abc");
        assert_eq!(f.list("").unwrap(), ["file", "leak", "moved", "sub", "up"]);
        assert_eq!(f.remove("nothing"), Err(Errno::ENOENT));
        f.remove("moved").unwrap();
        f.remove("sub").unwrap();
        std::fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn links_lead_nowhere() {
        let (at, mut f) = folder("links");
        let mut buf = [0; 16];
        assert_eq!(f.link("leak").as_deref(), Ok("../secret"));
        assert!(f.read("leak", 0, &mut buf).is_err());
        assert!(f.write("leak", 0, b"x").is_err());
        assert!(f.attr("up/secret").is_err());
        assert!(f.make("up/made", mode::REG | 0o600).is_err());
        assert!(f.rename("file", "up/file").is_err());
        let size = Change {
            size: Some(0),
            ..Change::default()
        };
        assert!(f.change("leak", size).is_err());
        assert_eq!(std::fs::read(at.join("secret")).unwrap(), b"outside");
        std::fs::remove_dir_all(at).unwrap();
    }

    #[test]
    fn read_only_folders_stay() {
        let (at, _) = folder("read-only");
        let mut f = Folder::open(at.join("in").to_str().unwrap(), true).unwrap();
        assert_eq!(f.write("file", 0, b"x"), Err(Errno::EROFS));
        assert_eq!(f.make("new", mode::REG), Err(Errno::EROFS));
        assert_eq!(f.remove("file"), Err(Errno::EROFS));
        assert_eq!(f.change("file", Change::default()), Err(Errno::EROFS));
        std::fs::remove_dir_all(at).unwrap();
    }
}
