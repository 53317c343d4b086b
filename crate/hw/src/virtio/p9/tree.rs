//! A tree of files as the host shows it. Nothing here blocks; paths are names joined by slashes, the root is the empty path.

use std::cell::RefCell;
use std::rc::Rc;

/// An error number of Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub u32);

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Errno = Errno(1);
    /// No such file or directory.
    pub const ENOENT: Errno = Errno(2);
    /// Input/output error.
    pub const EIO: Errno = Errno(5);
    /// Bad file descriptor.
    pub const EBADF: Errno = Errno(9);
    /// File exists.
    pub const EEXIST: Errno = Errno(17);
    /// Not a directory.
    pub const ENOTDIR: Errno = Errno(20);
    /// Is a directory.
    pub const EISDIR: Errno = Errno(21);
    /// Invalid argument.
    pub const EINVAL: Errno = Errno(22);
    /// Too many open files.
    pub const ENFILE: Errno = Errno(23);
    /// File too large.
    pub const EFBIG: Errno = Errno(27);
    /// No space left.
    pub const ENOSPC: Errno = Errno(28);
    /// Read-only file system.
    pub const EROFS: Errno = Errno(30);
    /// File name too long.
    pub const ENAMETOOLONG: Errno = Errno(36);
    /// Directory not empty.
    pub const ENOTEMPTY: Errno = Errno(39);
    /// No buffer space.
    pub const ENOBUFS: Errno = Errno(105);
    /// Not supported.
    pub const EOPNOTSUPP: Errno = Errno(95);
}

/// What is known of a file.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Attr {
    /// Kind and permissions, as `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// A number that no other file has.
    pub number: u64,
    /// Last change, nanoseconds since 1970.
    pub mtime_ns: u64,
}

/// What to change of a file.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Change {
    /// Permissions.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length.
    pub size: Option<u64>,
    /// Last change.
    pub mtime_ns: Option<u64>,
}

/// The tree. Every method may be called with any path of valid names. A symbolic link on the way is not followed: a tree over real
/// files must refuse such a path, or a guest could leave it by a link of its own making.
///
/// All give an [`Errno`] as Linux would.
pub trait FileTree {
    /// A file's attributes; links are not followed.
    ///
    /// # Errors
    /// [`Errno::ENOENT`] and others.
    fn attr(&mut self, path: &str) -> Result<Attr, Errno>;
    /// Changes attributes.
    ///
    /// # Errors
    /// [`Errno`].
    fn change(&mut self, path: &str, change: Change) -> Result<(), Errno>;
    /// Reads from `at` on; less than `buf.len()` bytes only at the end.
    ///
    /// # Errors
    /// [`Errno`].
    fn read(&mut self, path: &str, at: u64, buf: &mut [u8]) -> Result<usize, Errno>;
    /// Writes at `at`.
    ///
    /// # Errors
    /// [`Errno`].
    fn write(&mut self, path: &str, at: u64, data: &[u8]) -> Result<usize, Errno>;
    /// Makes a file (`mode` says of which kind: a plain file or a directory).
    ///
    /// # Errors
    /// [`Errno::EEXIST`] and others.
    fn make(&mut self, path: &str, mode: u32) -> Result<(), Errno>;
    /// Makes a symbolic link.
    ///
    /// # Errors
    /// [`Errno`].
    fn make_link(&mut self, path: &str, to: &str) -> Result<(), Errno>;
    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// [`Errno::EINVAL`] when it is none.
    fn link(&mut self, path: &str) -> Result<String, Errno>;
    /// Names in a directory, in an order that only changes with the directory.
    ///
    /// # Errors
    /// [`Errno::ENOTDIR`] and others.
    fn list(&mut self, path: &str) -> Result<Vec<String>, Errno>;
    /// Removes a file or an empty directory.
    ///
    /// # Errors
    /// [`Errno`].
    fn remove(&mut self, path: &str) -> Result<(), Errno>;
    /// Renames; a file that is in the way is replaced.
    ///
    /// # Errors
    /// [`Errno`].
    fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno>;
    /// Makes what was written durable.
    ///
    /// # Errors
    /// [`Errno`].
    fn sync(&mut self, _path: &str) -> Result<(), Errno> {
        Ok(())
    }
}

/// A tree that outlives the device that shows it.
#[derive(Clone)]
pub struct Shared(Rc<RefCell<Box<dyn FileTree>>>);

impl Shared {
    /// Shares `tree`.
    pub fn new(tree: Box<dyn FileTree>) -> Shared {
        Shared(Rc::new(RefCell::new(tree)))
    }
}

macro_rules! pass_on {
    ($(fn $name:ident($($arg:ident: $t:ty),*) -> $r:ty;)*) => {
        impl FileTree for Shared {
            $(fn $name(&mut self, $($arg: $t),*) -> Result<$r, Errno> {
                self.0.borrow_mut().$name($($arg),*)
            })*
        }
    };
}
pass_on! {
    fn attr(path: &str) -> Attr;
    fn change(path: &str, change: Change) -> ();
    fn read(path: &str, at: u64, buf: &mut [u8]) -> usize;
    fn write(path: &str, at: u64, data: &[u8]) -> usize;
    fn make(path: &str, mode: u32) -> ();
    fn make_link(path: &str, to: &str) -> ();
    fn link(path: &str) -> String;
    fn list(path: &str) -> Vec<String>;
    fn remove(path: &str) -> ();
    fn rename(from: &str, to: &str) -> ();
    fn sync(path: &str) -> ();
}

/// True for what may be one component of a path.
pub fn is_name(n: &str) -> bool {
    !n.is_empty() && n != "." && n != ".." && n.len() <= 255 && !n.contains(['/', '\0'])
}

/// The path of `name` in the directory `dir`.
///
/// # Errors
/// When it is no name.
pub fn join(dir: &str, name: &str) -> Result<String, Errno> {
    if name.len() > 255 {
        return Err(Errno::ENAMETOOLONG);
    }
    if !is_name(name) {
        return Err(Errno::EINVAL);
    }
    Ok(if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    })
}

/// The directory that a path is in; the root's is the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |p| p.0)
}
