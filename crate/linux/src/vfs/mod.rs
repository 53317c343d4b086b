//! Files: nodes of trees, joined by mounts and walked by path.
//!
//! A [`Node`] is an inode of some tree: a host's directory, memory, or something made up ([`dev`], [`proc`]). Paths are resolved here, one name
//! at a time, with `..` along the way taken ([`Place`]), so that nothing leads out of the root: neither links nor `..`.

pub mod dev;
pub mod fetch;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "host")]
pub mod host_net;
pub mod keep;
pub mod mem;
pub mod proc;
pub mod pts;
pub mod sys;
pub mod tar;

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;

use crate::errno::{
    EACCES, EINVAL, EISDIR, ELOOP, ENAMETOOLONG, ENODATA, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM,
    EROFS, Res,
};
use crate::file::FileOps;

/// File types in a mode word.
pub mod mode {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const FMT: u32 = 0o170000;
    pub const SOCK: u32 = 0o140000;
    pub const LNK: u32 = 0o120000;
    pub const REG: u32 = 0o100000;
    pub const BLK: u32 = 0o060000;
    pub const DIR: u32 = 0o040000;
    pub const CHR: u32 = 0o020000;
    pub const FIFO: u32 = 0o010000;
}

/// Open flags, common numbering.
pub mod open {
    #![allow(missing_docs, reason = "the manual's names")]
    pub const ACCMODE: u32 = 3;
    pub const WRONLY: u32 = 1;
    pub const RDWR: u32 = 2;
    pub const CREAT: u32 = 0o100;
    pub const EXCL: u32 = 0o200;
    pub const NOCTTY: u32 = 0o400;
    pub const TRUNC: u32 = 0o1000;
    pub const APPEND: u32 = 0o2000;
    pub const NONBLOCK: u32 = 0o4000;
    pub const DIRECT: u32 = 0o40000;
    pub const LARGEFILE: u32 = 0o100000;
    pub const DIRECTORY: u32 = 0o200000;
    pub const NOFOLLOW: u32 = 0o400000;
    pub const CLOEXEC: u32 = 0o2000000;
    pub const PATH: u32 = 0o10000000;
    pub const TMPFILE: u32 = 0o20000000;
}

/// Status of a file. Times are seconds and nanoseconds; device numbers are major << 32 | minor.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs, reason = "the manual's names")]
pub struct Stat {
    pub dev: u64,
    pub ino: u64,
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub size: u64,
    pub blksize: u32,
    pub blocks: u64,
    pub atime: (i64, u32),
    pub mtime: (i64, u32),
    pub ctime: (i64, u32),
}

impl Stat {
    /// The file type.
    pub fn kind(&self) -> u32 {
        self.mode & mode::FMT
    }
}

/// A directory entry.
#[derive(Clone, Debug)]
pub struct Dirent {
    /// Inode.
    pub ino: u64,
    /// Type, as in a mode word.
    pub kind: u32,
    /// Name.
    pub name: Vec<u8>,
}

/// Status of a file system.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs, reason = "the manual's names")]
pub struct StatFs {
    pub kind: u64,
    pub bsize: u64,
    pub blocks: u64,
    pub bfree: u64,
    pub bavail: u64,
    pub files: u64,
    pub ffree: u64,
    pub namelen: u64,
    pub flags: u64,
}

/// What a change of attributes sets.
#[derive(Clone, Copy, Default, Debug)]
pub struct Attr {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Access time: seconds, nanoseconds.
    pub atime: Option<(i64, u32)>,
    /// Modification time.
    pub mtime: Option<(i64, u32)>,
    /// Size.
    pub size: Option<u64>,
}

/// An inode. What a kind of file does not do is refused.
pub trait Node {
    /// Status.
    ///
    /// # Errors
    /// The host's.
    fn stat(&self) -> Res<Stat>;
    /// Opens it. `flags` are common ones.
    ///
    /// # Errors
    /// EACCES, EISDIR and so on.
    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>>;
    /// For identity tests of the same tree.
    fn as_any(&self) -> &dyn Any;
    /// Entry of a directory.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR.
    fn lookup(&self, _name: &[u8]) -> Res<Rc<dyn Node>> {
        Err(ENOTDIR)
    }
    /// Entries of a directory, without `.` and `..`.
    ///
    /// # Errors
    /// ENOTDIR.
    fn entries(&self) -> Res<Vec<Dirent>> {
        Err(ENOTDIR)
    }
    /// Target of a symbolic link.
    ///
    /// # Errors
    /// EINVAL.
    fn readlink(&self) -> Res<Vec<u8>> {
        Err(EINVAL)
    }
    /// A link that leads to a node, not to a path (/proc/self/fd/3).
    fn jump(&self) -> Option<Rc<dyn Node>> {
        None
    }
    /// Reads at an offset.
    ///
    /// # Errors
    /// EISDIR, EINVAL.
    fn read_at(&self, _at: u64, _buf: &mut [u8]) -> Res<usize> {
        Err(EINVAL)
    }
    /// Writes at an offset.
    ///
    /// # Errors
    /// EACCES, EROFS, ENOSPC.
    fn write_at(&self, _at: u64, _data: &[u8]) -> Res<usize> {
        Err(EINVAL)
    }
    /// Creates a regular file, FIFO, socket or device.
    ///
    /// # Errors
    /// EEXIST and so on.
    fn create(&self, _name: &[u8], _mode: u32, _rdev: u64) -> Res<Rc<dyn Node>> {
        Err(EACCES)
    }
    /// Creates a directory.
    ///
    /// # Errors
    /// EEXIST and so on.
    fn mkdir(&self, _name: &[u8], _mode: u32) -> Res<()> {
        Err(EACCES)
    }
    /// Creates a symbolic link.
    ///
    /// # Errors
    /// EEXIST and so on.
    fn symlink(&self, _name: &[u8], _target: &[u8]) -> Res<()> {
        Err(EACCES)
    }
    /// Creates another name of `node`.
    ///
    /// # Errors
    /// EXDEV, EPERM and so on.
    fn link(&self, _name: &[u8], _node: &Rc<dyn Node>) -> Res<()> {
        Err(EPERM)
    }
    /// Removes a name; `dir`: of an empty directory.
    ///
    /// # Errors
    /// ENOENT, ENOTEMPTY and so on.
    fn unlink(&self, _name: &[u8], _dir: bool) -> Res<()> {
        Err(EACCES)
    }
    /// Renames; `flags` are renameat2's.
    ///
    /// # Errors
    /// EXDEV and so on.
    fn rename(&self, _name: &[u8], _to: &Rc<dyn Node>, _to_name: &[u8], _flags: u32) -> Res<()> {
        Err(EACCES)
    }
    /// Sets attributes.
    ///
    /// # Errors
    /// EPERM and so on.
    fn set_attr(&self, _attr: &Attr) -> Res<()> {
        Err(EROFS)
    }
    /// Status of its file system.
    ///
    /// # Errors
    /// The host's.
    fn statfs(&self) -> Res<StatFs> {
        Ok(StatFs {
            kind: 0x0102_1994,
            bsize: 4096,
            blocks: 1 << 20,
            bfree: 1 << 19,
            bavail: 1 << 19,
            files: 1 << 20,
            ffree: 1 << 19,
            namelen: 255,
            flags: 0,
        })
    }
    /// An extended attribute.
    ///
    /// # Errors
    /// ENODATA, EOPNOTSUPP.
    fn xattr(&self, _name: &[u8]) -> Res<Vec<u8>> {
        Err(ENODATA)
    }
    /// Sets an extended attribute.
    ///
    /// # Errors
    /// EOPNOTSUPP.
    fn set_xattr(&self, _name: &[u8], _value: &[u8]) -> Res<()> {
        Err(EOPNOTSUPP)
    }
    /// Permission of the running user for `want` (4 read, 2 write, 1 execute).
    ///
    /// # Errors
    /// EACCES.
    fn access(&self, want: u32) -> Res<()> {
        let s = self.stat()?;
        if want & 1 != 0 && s.kind() == mode::REG && s.mode & 0o111 == 0 {
            Err(EACCES)
        } else {
            Ok(())
        }
    }
}

/// Where a walk arrived: a node, and the way to it.
pub struct Place {
    /// The node.
    pub node: Rc<dyn Node>,
    /// Where it was found; `None` for a root.
    pub parent: Option<Rc<Place>>,
    /// Under which name.
    pub name: Vec<u8>,
}

impl Place {
    /// A root.
    pub fn root(node: Rc<dyn Node>) -> Rc<Place> {
        Rc::new(Place {
            node,
            parent: None,
            name: Vec::new(),
        })
    }

    /// The path from the root.
    pub fn path(&self) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = self;
        while let Some(parent) = &at.parent {
            names.push(&at.name[..]);
            at = parent;
        }
        if names.is_empty() {
            return b"/".to_vec();
        }
        names
            .iter()
            .rev()
            .flat_map(|n| [b"/", *n].concat())
            .collect()
    }
}

/// The last step of a path, for calls that make or remove a name.
pub struct Last {
    /// The directory.
    pub dir: Rc<Place>,
    /// The name in it.
    pub name: Vec<u8>,
    /// A slash behind it.
    pub slash: bool,
}

/// What a process sees: root, mounts, and a second root looked at first (-L).
pub struct Tree {
    /// Root.
    pub root: Rc<Place>,
    /// Trees in the root directory that hide what is there.
    pub mounts: HashMap<Vec<u8>, Rc<dyn Node>>,
    /// Where absolute paths are looked up first.
    pub prefix: Option<Rc<Place>>,
}

const MAX_LINKS: u32 = 40;

impl Tree {
    fn child(&self, at: &Rc<Place>, name: &[u8]) -> Res<Rc<Place>> {
        if name == b"." {
            return Ok(at.clone());
        }
        if name == b".." {
            return Ok(at.parent.clone().unwrap_or_else(|| at.clone()));
        }
        if name.len() > 255 {
            return Err(ENAMETOOLONG);
        }
        let mounted = if at.parent.is_none() && Rc::ptr_eq(at, &self.root) {
            self.mounts.get(name).cloned()
        } else {
            None
        };
        let node = match mounted {
            Some(n) => n,
            None => at.node.lookup(name)?,
        };
        Ok(Rc::new(Place {
            node,
            parent: Some(at.clone()),
            name: name.to_vec(),
        }))
    }

    fn walk(
        &self,
        start: &Rc<Place>,
        root: &Rc<Place>,
        path: &[u8],
        follow: bool,
        links: &mut u32,
    ) -> Res<Rc<Place>> {
        let mut at = if path.first() == Some(&b'/') {
            root.clone()
        } else {
            start.clone()
        };
        let mut names = path
            .split(|&b| b == b'/')
            .filter(|n| !n.is_empty())
            .peekable();
        let slash = path.last() == Some(&b'/');
        while let Some(name) = names.next() {
            let last = names.peek().is_none();
            let next = self.child(&at, name)?;
            if last && !follow && !slash {
                return Ok(next);
            }
            if name == b"." || name == b".." {
                at = next;
                continue;
            }
            at = self.follow(&at, next, root, links)?;
        }
        if slash && at.node.stat()?.kind() != mode::DIR {
            return Err(ENOTDIR);
        }
        Ok(at)
    }

    fn follow(
        &self,
        dir: &Rc<Place>,
        next: Rc<Place>,
        root: &Rc<Place>,
        links: &mut u32,
    ) -> Res<Rc<Place>> {
        let target = match next.node.readlink() {
            Ok(t) => t,
            Err(e) if e == EINVAL => return Ok(next),
            Err(e) => return Err(e),
        };
        *links += 1;
        if *links > MAX_LINKS {
            return Err(ELOOP);
        }
        if let Some(node) = next.node.jump() {
            return Ok(Rc::new(Place {
                node,
                parent: next.parent.clone(),
                name: next.name.clone(),
            }));
        }
        if target.is_empty() {
            return Err(ENOENT);
        }
        self.walk(dir, root, &target, true, links)
    }

    /// Finds what `path` names. A process's `root` is the tree's or, after chroot, below it.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
    pub fn find(
        &self,
        cwd: &Rc<Place>,
        root: &Rc<Place>,
        path: &[u8],
        follow: bool,
    ) -> Res<Rc<Place>> {
        if path.is_empty() {
            return Err(ENOENT);
        }
        if path.len() >= 4096 {
            return Err(ENAMETOOLONG);
        }
        if path[0] == b'/'
            && let Some(prefix) = &self.prefix
            && path.iter().any(|&b| b != b'/')
            && let Ok(found) = self.walk(prefix, prefix, path, follow, &mut 0)
        {
            return Ok(found);
        }
        self.walk(cwd, root, path, follow, &mut 0)
    }

    /// The directory and the name in it, for a name that may not exist.
    ///
    /// # Errors
    /// As `find`, for the directory.
    pub fn find_last(&self, cwd: &Rc<Place>, root: &Rc<Place>, path: &[u8]) -> Res<Last> {
        if path.is_empty() {
            return Err(ENOENT);
        }
        if path.len() >= 4096 {
            return Err(ENAMETOOLONG);
        }
        let trimmed = path.iter().rposition(|&b| b != b'/').map_or(0, |i| i + 1);
        let slash = trimmed < path.len();
        let cut = path[..trimmed]
            .iter()
            .rposition(|&b| b == b'/')
            .map_or(0, |i| i + 1);
        let (dir, name) = (&path[..cut], &path[cut..trimmed]);
        let dir = if dir.is_empty() {
            if path[0] == b'/' {
                root.clone()
            } else {
                cwd.clone()
            }
        } else {
            self.walk(cwd, root, dir, true, &mut 0)?
        };
        if dir.node.stat()?.kind() != mode::DIR {
            return Err(ENOTDIR);
        }
        if name.len() > 255 {
            return Err(ENAMETOOLONG);
        }
        Ok(Last {
            dir,
            name: name.to_vec(),
            slash,
        })
    }

    /// Follows a final symbolic link of `last`, if there is one: where a file would be created.
    ///
    /// # Errors
    /// ELOOP and as `find`.
    pub fn follow_last(&self, root: &Rc<Place>, mut last: Last) -> Res<Last> {
        for _ in 0..MAX_LINKS {
            match self
                .child(&last.dir, &last.name)
                .and_then(|p| p.node.readlink())
            {
                Ok(target) => last = self.find_last(&last.dir, root, &target)?,
                Err(_) => return Ok(last),
            }
        }
        Err(ELOOP)
    }

    /// The entry a [`Last`] names.
    ///
    /// # Errors
    /// ENOENT.
    pub fn entry(&self, last: &Last) -> Res<Rc<Place>> {
        self.child(&last.dir, &last.name)
    }
}

/// EISDIR for writing a directory, and ENOTDIR where one is wanted.
///
/// # Errors
/// As said.
pub fn check_open(stat: &Stat, flags: u32) -> Res<()> {
    let dir = stat.kind() == mode::DIR;
    if dir && flags & open::ACCMODE != 0 {
        return Err(EISDIR);
    }
    if !dir && flags & open::DIRECTORY != 0 {
        return Err(ENOTDIR);
    }
    Ok(())
}
