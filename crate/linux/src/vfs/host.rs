//! A Linux host's files: nodes are O_PATH descriptors, opened one name at a time without following links, so that a walk cannot leave the
//! directory it began in. Everything unsafe towards the host lies here.

use core::cell::Cell;
use std::any::Any;
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;

use super::{Attr, Dirent, Node, Stat, StatFs, mode, open};
use crate::errno::{EAGAIN, EINVAL, ENOTTY, EXDEV, Errno, Res};
use crate::file::{File, FileOps, Key, Termios, Tty, Winsize, ready};

fn last() -> Errno {
    std::io::Error::last_os_error().into()
}

fn check(r: i32) -> Res<i32> {
    if r < 0 { Err(last()) } else { Ok(r) }
}

fn count(r: isize) -> Res<usize> {
    usize::try_from(r).map_err(|_| last())
}

fn c(name: &[u8]) -> Res<CString> {
    CString::new(name).map_err(|_| EINVAL)
}

fn dev(d: u64) -> u64 {
    (libc::major(d) as u64) << 32 | libc::minor(d) as u64
}

/// A file of the host.
pub struct HostNode {
    fd: OwnedFd,
    link: bool,
}

fn to_stat(s: &libc::stat) -> Stat {
    Stat {
        dev: dev(s.st_dev),
        ino: s.st_ino,
        mode: s.st_mode,
        nlink: s.st_nlink as u32,
        uid: s.st_uid,
        gid: s.st_gid,
        rdev: dev(s.st_rdev),
        size: s.st_size as u64,
        blksize: s.st_blksize as u32,
        blocks: s.st_blocks as u64,
        atime: (s.st_atime, s.st_atime_nsec as u32),
        mtime: (s.st_mtime, s.st_mtime_nsec as u32),
        ctime: (s.st_ctime, s.st_ctime_nsec as u32),
    }
}

fn fstat(fd: i32) -> Res<Stat> {
    // SAFETY: an all-zero stat is a valid value, and the call writes within it.
    unsafe {
        let mut s: libc::stat = core::mem::zeroed();
        check(libc::fstat(fd, &mut s))?;
        Ok(to_stat(&s))
    }
}

fn openat(dir: i32, name: &[u8], flags: i32, mode: u32) -> Res<OwnedFd> {
    let name = c(name)?;
    // SAFETY: a NUL-terminated string; the descriptor that comes back is ours.
    unsafe {
        let fd = check(libc::openat(
            dir,
            name.as_ptr(),
            flags | libc::O_CLOEXEC,
            mode,
        ))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

impl HostNode {
    /// A directory by the host's path.
    ///
    /// # Errors
    /// The host's.
    pub fn open_path(path: &[u8]) -> Res<Rc<dyn Node>> {
        let fd = openat(libc::AT_FDCWD, path, libc::O_PATH, 0)?;
        Ok(Rc::new(HostNode { fd, link: false }))
    }

    fn raw(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    fn reopen(&self, flags: i32) -> Res<OwnedFd> {
        openat(
            libc::AT_FDCWD,
            format!("/proc/self/fd/{}", self.raw()).as_bytes(),
            flags,
            0,
        )
    }

    fn self_path(&self) -> Res<CString> {
        c(format!("/proc/self/fd/{}", self.raw()).as_bytes())
    }
}

impl Node for HostNode {
    fn stat(&self) -> Res<Stat> {
        fstat(self.raw())
    }

    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>> {
        let s = self.stat()?;
        super::check_open(&s, flags)?;
        // FIFOs are opened without waiting for the other side; terminals never become ours.
        let flags = flags & (open::ACCMODE | open::TRUNC | open::APPEND | open::DIRECTORY)
            | libc::O_NOCTTY as u32
            | libc::O_NONBLOCK as u32;
        let fd = self.reopen(flags as i32)?;
        let node = Rc::new(HostNode {
            fd: self.fd.try_clone().map_err(Errno::from)?,
            link: false,
        });
        Ok(Rc::new(HostFile::new(fd, s.kind(), Some(node))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn lookup(&self, name: &[u8]) -> Res<Rc<dyn Node>> {
        let fd = openat(self.raw(), name, libc::O_PATH | libc::O_NOFOLLOW, 0)?;
        let link = fstat(fd.as_raw_fd())?.kind() == mode::LNK;
        Ok(Rc::new(HostNode { fd, link }))
    }

    fn entries(&self) -> Res<Vec<Dirent>> {
        let fd = openat(self.raw(), b".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        let mut out = Vec::new();
        let mut buf = vec![0u8; 65536];
        loop {
            // SAFETY: the buffer is ours and as long as said.
            let n = unsafe {
                libc::syscall(
                    libc::SYS_getdents64,
                    fd.as_raw_fd(),
                    buf.as_mut_ptr(),
                    buf.len(),
                )
            };
            let n = count(n as isize)?;
            if n == 0 {
                return Ok(out);
            }
            let mut rest = &buf[..n];
            // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name.
            while let (Some(ino), Some(len)) = (rest.get(..8), rest.get(16..18)) {
                let len = u16::from_ne_bytes([len[0], len[1]]) as usize;
                let Some(record) = rest.get(..len) else { break };
                let name = &record[19..];
                let name = &name[..name.iter().position(|&b| b == 0).unwrap_or(name.len())];
                if name != b"." && name != b".." {
                    let ino = ino.iter().rev().fold(0, |v, &b| v << 8 | b as u64);
                    out.push(Dirent {
                        ino,
                        kind: (record[18] as u32) << 12,
                        name: name.to_vec(),
                    });
                }
                rest = &rest[len..];
            }
        }
    }

    fn readlink(&self) -> Res<Vec<u8>> {
        if !self.link {
            return Err(EINVAL);
        }
        let mut buf = vec![0u8; 4096];
        // SAFETY: the buffer is ours; an empty name means the descriptor itself.
        let n = unsafe {
            libc::readlinkat(self.raw(), c"".as_ptr(), buf.as_mut_ptr().cast(), buf.len())
        };
        buf.truncate(count(n)?);
        Ok(buf)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        let fd = self.reopen(libc::O_RDONLY)?;
        pread(fd.as_raw_fd(), at, buf)
    }

    fn write_at(&self, at: u64, data: &[u8]) -> Res<usize> {
        let fd = self.reopen(libc::O_WRONLY)?;
        pwrite(fd.as_raw_fd(), at, data)
    }

    fn create(&self, name: &[u8], bits: u32, rdev: u64) -> Res<Rc<dyn Node>> {
        if matches!(bits & mode::FMT, 0 | mode::REG) {
            drop(openat(
                self.raw(),
                name,
                libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_NOFOLLOW,
                bits & 0o7777,
            )?);
        } else {
            let n = c(name)?;
            let rdev = libc::makedev((rdev >> 32) as u32, rdev as u32);
            // SAFETY: a NUL-terminated string.
            check(unsafe { libc::mknodat(self.raw(), n.as_ptr(), bits, rdev) })?;
        }
        self.lookup(name)
    }

    fn mkdir(&self, name: &[u8], bits: u32) -> Res<()> {
        let name = c(name)?;
        // SAFETY: a NUL-terminated string.
        check(unsafe { libc::mkdirat(self.raw(), name.as_ptr(), bits) }).map(drop)
    }

    fn symlink(&self, name: &[u8], target: &[u8]) -> Res<()> {
        let (name, target) = (c(name)?, c(target)?);
        // SAFETY: NUL-terminated strings.
        check(unsafe { libc::symlinkat(target.as_ptr(), self.raw(), name.as_ptr()) }).map(drop)
    }

    fn link(&self, name: &[u8], node: &Rc<dyn Node>) -> Res<()> {
        let node = node.as_any().downcast_ref::<HostNode>().ok_or(EXDEV)?;
        let (from, name) = (node.self_path()?, c(name)?);
        // SAFETY: NUL-terminated strings.
        check(unsafe {
            libc::linkat(
                libc::AT_FDCWD,
                from.as_ptr(),
                self.raw(),
                name.as_ptr(),
                libc::AT_SYMLINK_FOLLOW,
            )
        })
        .map(drop)
    }

    fn unlink(&self, name: &[u8], dir: bool) -> Res<()> {
        let name = c(name)?;
        // SAFETY: a NUL-terminated string.
        check(unsafe {
            libc::unlinkat(
                self.raw(),
                name.as_ptr(),
                if dir { libc::AT_REMOVEDIR } else { 0 },
            )
        })
        .map(drop)
    }

    fn rename(&self, name: &[u8], to: &Rc<dyn Node>, to_name: &[u8], flags: u32) -> Res<()> {
        let to = to.as_any().downcast_ref::<HostNode>().ok_or(EXDEV)?;
        let (name, to_name) = (c(name)?, c(to_name)?);
        // SAFETY: NUL-terminated strings.
        let r = unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                self.raw(),
                name.as_ptr(),
                to.raw(),
                to_name.as_ptr(),
                flags,
            )
        };
        check(r as i32).map(drop)
    }

    fn set_attr(&self, a: &Attr) -> Res<()> {
        let path = self.self_path()?;
        let fd = self.raw();
        if let Some(m) = a.mode {
            // SAFETY: a NUL-terminated string.
            check(unsafe { libc::chmod(path.as_ptr(), m & 0o7777) })?;
        }
        if a.uid.is_some() || a.gid.is_some() {
            // SAFETY: an empty name means the descriptor itself.
            check(unsafe {
                libc::fchownat(
                    fd,
                    c"".as_ptr(),
                    a.uid.unwrap_or(u32::MAX),
                    a.gid.unwrap_or(u32::MAX),
                    libc::AT_EMPTY_PATH,
                )
            })?;
        }
        if let Some(n) = a.size {
            // SAFETY: a NUL-terminated string.
            check(unsafe { libc::truncate(path.as_ptr(), n as i64) })?;
        }
        if a.atime.is_some() || a.mtime.is_some() {
            let t = |t: Option<(i64, u32)>| match t {
                Some((s, ns)) => libc::timespec {
                    tv_sec: s,
                    tv_nsec: ns as i64,
                },
                None => libc::timespec {
                    tv_sec: 0,
                    tv_nsec: libc::UTIME_OMIT,
                },
            };
            let times = [t(a.atime), t(a.mtime)];
            // SAFETY: two timespecs, and a NUL-terminated string.
            check(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), 0) })?;
        }
        Ok(())
    }

    fn statfs(&self) -> Res<StatFs> {
        // SAFETY: an all-zero statfs is a valid value, and the call writes within it.
        let s = unsafe {
            let mut s: libc::statfs = core::mem::zeroed();
            check(libc::fstatfs(self.raw(), &mut s))?;
            s
        };
        Ok(StatFs {
            kind: s.f_type as u64,
            bsize: s.f_bsize as u64,
            blocks: s.f_blocks,
            bfree: s.f_bfree,
            bavail: s.f_bavail,
            files: s.f_files,
            ffree: s.f_ffree,
            namelen: s.f_namelen as u64,
            flags: 0,
        })
    }

    fn access(&self, want: u32) -> Res<()> {
        let path = self.self_path()?;
        // SAFETY: a NUL-terminated string.
        check(unsafe { libc::access(path.as_ptr(), want as i32) }).map(drop)
    }
}

fn pread(fd: i32, at: u64, buf: &mut [u8]) -> Res<usize> {
    // SAFETY: the buffer is ours and as long as said.
    count(unsafe { libc::pread(fd, buf.as_mut_ptr().cast(), buf.len(), at as i64) })
}

fn pwrite(fd: i32, at: u64, data: &[u8]) -> Res<usize> {
    // SAFETY: the bytes are ours and as many as said.
    count(unsafe { libc::pwrite(fd, data.as_ptr().cast(), data.len(), at as i64) })
}

/// An open file of the host: a regular file, directory, terminal, pipe or device.
pub struct HostFile {
    fd: OwnedFd,
    kind: u32,
    node: Option<Rc<HostNode>>,
    foreground: Cell<i32>,
    session: Cell<i32>,
}

impl HostFile {
    fn new(fd: OwnedFd, kind: u32, node: Option<Rc<HostNode>>) -> HostFile {
        HostFile {
            fd,
            kind,
            node,
            foreground: Cell::new(0),
            session: Cell::new(0),
        }
    }

    /// One of the emulator's own descriptors: 0, 1, 2.
    ///
    /// # Errors
    /// EBADF if it is closed.
    pub fn inherited(fd: i32) -> Res<(Rc<HostFile>, u32)> {
        // SAFETY: plain system calls on a number.
        let (copy, flags) = unsafe {
            (
                check(libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3))?,
                check(libc::fcntl(fd, libc::F_GETFL))?,
            )
        };
        // SAFETY: the duplicate is ours.
        let copy = unsafe { OwnedFd::from_raw_fd(copy) };
        let kind = fstat(copy.as_raw_fd())?.kind();
        Ok((
            Rc::new(HostFile::new(copy, kind, None)),
            flags as u32 & (open::ACCMODE | open::APPEND),
        ))
    }

    fn plain(&self) -> bool {
        matches!(self.kind, mode::REG | mode::DIR | mode::BLK)
    }

    fn raw(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    fn ready(&self, want: i16) -> u32 {
        let mut p = libc::pollfd {
            fd: self.raw(),
            events: want,
            revents: 0,
        };
        // SAFETY: one pollfd.
        unsafe { libc::poll(&mut p, 1, 0) };
        p.revents as u16 as u32
    }
}

impl FileOps for HostFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, f: &File, buf: &mut [u8]) -> Res<usize> {
        if self.plain() && self.node.is_some() {
            let n = self.read_at(f.pos.get(), buf)?;
            f.pos.set(f.pos.get() + n as u64);
            return Ok(n);
        }
        if !self.plain() && self.ready(libc::POLLIN) == 0 {
            return Err(EAGAIN);
        }
        // SAFETY: the buffer is ours and as long as said.
        count(unsafe { libc::read(self.raw(), buf.as_mut_ptr().cast(), buf.len()) })
    }

    fn write(&self, f: &File, data: &[u8]) -> Res<usize> {
        if self.plain() && self.node.is_some() {
            if f.flags.get() & open::APPEND != 0 {
                f.pos.set(self.stat()?.size);
            }
            let n = self.write_at(f.pos.get(), data)?;
            f.pos.set(f.pos.get() + n as u64);
            return Ok(n);
        }
        let mut data = data;
        if !self.plain() {
            if self.ready(libc::POLLOUT) == 0 {
                return Err(EAGAIN);
            }
            // As much as fits for sure: the emulator must not block.
            if self.kind != mode::CHR {
                data = &data[..data.len().min(4096)];
            }
        }
        // SAFETY: the bytes are ours and as many as said.
        count(unsafe { libc::write(self.raw(), data.as_ptr().cast(), data.len()) })
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        pread(self.raw(), at, buf)
    }

    fn write_at(&self, at: u64, data: &[u8]) -> Res<usize> {
        pwrite(self.raw(), at, data)
    }

    fn poll(&self) -> u32 {
        if self.plain() {
            return ready::IN | ready::OUT | ready::RDNORM | ready::WRNORM;
        }
        self.ready(
            libc::POLLIN | libc::POLLOUT | libc::POLLPRI | libc::POLLRDNORM | libc::POLLWRNORM,
        )
    }

    fn keys(&self, want: u32, out: &mut Vec<Key>) {
        out.push(Key::Host(
            self.raw(),
            want & (ready::IN | ready::OUT | ready::PRI),
        ));
    }

    fn stat(&self) -> Res<Stat> {
        fstat(self.raw())
    }

    fn seekable(&self) -> bool {
        // SAFETY: a plain system call on a number.
        self.plain()
            && (self.node.is_some() || unsafe { libc::lseek(self.raw(), 0, libc::SEEK_CUR) } >= 0)
    }

    fn seek(&self, to: i64, whence: u32) -> Option<Res<u64>> {
        if !self.plain() || self.node.is_some() {
            return None;
        }
        // SAFETY: a plain system call on numbers.
        let r = unsafe { libc::lseek(self.raw(), to, whence as i32) };
        Some(u64::try_from(r).map_err(|_| last()))
    }

    fn node(&self) -> Option<Rc<dyn Node>> {
        if let Some(n) = &self.node {
            return Some(n.clone());
        }
        let fd = self.fd.try_clone().ok()?;
        Some(Rc::new(HostNode { fd, link: false }))
    }

    fn readable(&self) -> Res<u32> {
        let mut n: libc::c_int = 0;
        // SAFETY: FIONREAD writes one int.
        check(unsafe { libc::ioctl(self.raw(), libc::FIONREAD, &mut n) })?;
        Ok(n as u32)
    }

    fn tty(&self) -> Option<&dyn Tty> {
        // SAFETY: a plain system call on a number.
        (self.kind == mode::CHR && unsafe { libc::isatty(self.raw()) } == 1).then_some(self)
    }

    fn sync(&self) -> Res<()> {
        // SAFETY: a plain system call on a number.
        check(unsafe { libc::fsync(self.raw()) }).map(drop)
    }

    fn name(&self) -> Vec<u8> {
        let path = format!("/proc/self/fd/{}", self.raw());
        std::fs::read_link(path).map_or_else(
            |_| b"host".to_vec(),
            |p| std::os::unix::ffi::OsStringExt::into_vec(p.into_os_string()),
        )
    }

    fn host_fd(&self) -> Option<i32> {
        Some(self.raw())
    }
}

impl Tty for HostFile {
    fn termios(&self) -> Res<Termios> {
        // SAFETY: an all-zero termios is a valid value, and the call writes within it.
        let t = unsafe {
            let mut t: libc::termios = core::mem::zeroed();
            check(libc::tcgetattr(self.raw(), &mut t))?;
            t
        };
        let mut cc = [0; 19];
        cc.copy_from_slice(&t.c_cc[..19]);
        Ok(Termios {
            iflag: t.c_iflag,
            oflag: t.c_oflag,
            cflag: t.c_cflag,
            lflag: t.c_lflag,
            cc,
        })
    }

    fn set_termios(&self, new: &Termios, when: u32) -> Res<()> {
        // SAFETY: an all-zero termios is a valid value; both calls stay within it.
        unsafe {
            let mut t: libc::termios = core::mem::zeroed();
            check(libc::tcgetattr(self.raw(), &mut t))?;
            (t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag) =
                (new.iflag, new.oflag, new.cflag, new.lflag);
            t.c_cc[..19].copy_from_slice(&new.cc);
            check(libc::tcsetattr(self.raw(), when as i32, &t)).map(drop)
        }
    }

    fn winsize(&self) -> Res<Winsize> {
        let mut w = [0u16; 4];
        // SAFETY: TIOCGWINSZ writes four u16.
        check(unsafe { libc::ioctl(self.raw(), libc::TIOCGWINSZ, w.as_mut_ptr()) })
            .map_err(|_| ENOTTY)?;
        Ok(w)
    }

    fn set_winsize(&self, w: Winsize) -> Res<()> {
        // SAFETY: TIOCSWINSZ reads four u16.
        check(unsafe { libc::ioctl(self.raw(), libc::TIOCSWINSZ, w.as_ptr()) }).map(drop)
    }

    fn foreground(&self) -> &Cell<i32> {
        &self.foreground
    }

    fn session(&self) -> &Cell<i32> {
        &self.session
    }
}

/// Waits until one of the descriptors is ready or the time is over (`None`: for ever). Gives those that are ready.
pub fn wait(fds: &[(i32, u32)], timeout_ns: Option<u64>) -> Vec<(i32, u32)> {
    let mut list: Vec<libc::pollfd> = fds
        .iter()
        .map(|&(fd, want)| libc::pollfd {
            fd,
            events: want as i16,
            revents: 0,
        })
        .collect();
    let t = timeout_ns.map(|ns| libc::timespec {
        tv_sec: (ns / 1_000_000_000) as i64,
        tv_nsec: (ns % 1_000_000_000) as i64,
    });
    // SAFETY: the list and the timespec are ours and as long as said.
    unsafe {
        libc::ppoll(
            list.as_mut_ptr(),
            list.len() as u64,
            t.as_ref().map_or(core::ptr::null(), |t| t),
            core::ptr::null(),
        )
    };
    list.iter()
        .filter(|p| p.revents != 0)
        .map(|p| (p.fd, p.revents as u16 as u32))
        .collect()
}

/// Who the emulator runs as: uid, euid, gid, egid.
pub fn ids() -> [u32; 4] {
    // SAFETY: calls without arguments.
    unsafe {
        [
            libc::getuid(),
            libc::geteuid(),
            libc::getgid(),
            libc::getegid(),
        ]
    }
}

/// The emulator's process and parent process numbers.
pub fn pids() -> (i32, i32) {
    // SAFETY: calls without arguments.
    unsafe { (libc::getpid(), libc::getppid()) }
}

/// Random bytes.
pub fn random(buf: &mut [u8]) {
    let mut done = 0;
    while done < buf.len() {
        // SAFETY: the buffer is ours and as long as said.
        let n = unsafe { libc::getrandom(buf[done..].as_mut_ptr().cast(), buf.len() - done, 0) };
        if n <= 0 {
            return;
        }
        done += n as usize;
    }
}

/// Sets the umask of the emulator to 0: the kernel here applies that of its processes.
pub fn clear_umask() -> u32 {
    // SAFETY: a plain system call on a number.
    unsafe { libc::umask(0) }
}

/// Ends the emulator as its first process ended: by this signal (the host's number).
pub fn die(signal: i32) {
    // SAFETY: plain system calls on a number.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

static CAUGHT: [core::sync::atomic::AtomicBool; 32] =
    [const { core::sync::atomic::AtomicBool::new(false) }; 32];

extern "C" fn caught(n: libc::c_int) {
    if let Some(c) = usize::try_from(n).ok().and_then(|n| CAUGHT.get(n)) {
        c.store(true, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Lets these of the host's signals be noted instead of doing what they do.
pub fn catch(signals: &[i32]) {
    for &n in signals {
        // SAFETY: an all-zero sigaction is a valid value; the handler only stores to an atomic.
        unsafe {
            let mut a: libc::sigaction = core::mem::zeroed();
            a.sa_sigaction = caught as *const () as usize;
            libc::sigaction(n, &a, core::ptr::null_mut());
        }
    }
}

/// A signal noted since the last call.
pub fn take_caught() -> Option<i32> {
    (1..32).find(|&n| CAUGHT[n as usize].swap(false, core::sync::atomic::Ordering::Relaxed))
}

/// A closed pipe is an error of the write, not the end of the emulator.
pub fn ignore_pipe() {
    // SAFETY: a plain system call on numbers.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}
