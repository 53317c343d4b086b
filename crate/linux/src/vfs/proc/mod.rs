//! /proc: what programs look at there, made from the processes here; the rest is the host's, where there is one.

mod memory;
mod process;

use core::cell::{Cell, RefCell};
use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Dirent, Node, Stat, mode};
use crate::errno::{EINVAL, ENOENT, Res};
use crate::file::pty::Ptys;
use crate::file::{File, FileOps, Key, NodeFile, ready};
use crate::task::Group;

/// What the kernel alone knows, as it was when a file of /proc was opened last.
#[derive(Default)]
pub struct Shown {
    /// Frames in use and at most.
    pub memory: (u64, u64),
    /// Texts of /proc/sysvipc, in the order of [`SYSVIPC`].
    pub sysvipc: [String; 3],
    /// By process: signals waiting for its first thread, for itself, blocked, ignored, caught.
    pub signals: BTreeMap<i32, [u64; 5]>,
}

/// Names in /proc/sysvipc.
pub const SYSVIPC: [&str; 3] = ["msg", "sem", "shm"];

/// The processes there are.
#[derive(Default)]
pub struct Procs {
    /// By number.
    pub groups: RefCell<BTreeMap<i32, Rc<Group>>>,
    /// The running process.
    pub current: Cell<i32>,
    /// The running thread.
    pub current_tid: Cell<i32>,
    /// Monotonic time.
    pub now_ns: Rc<Cell<u64>>,
    /// Text of /proc/cpuinfo.
    pub cpuinfo: RefCell<String>,
    /// What the kernel alone knows.
    pub shown: RefCell<Shown>,
    /// Kernel release.
    pub version: RefCell<String>,
    /// Pseudo-terminals, once there is a kernel.
    pub ptys: RefCell<Option<Rc<Ptys>>>,
    /// /dev is over a host's: its terminals are there too.
    pub host_terminals: Cell<bool>,
}

impl Procs {
    /// A process.
    pub fn get(&self, pid: i32) -> Option<Rc<Group>> {
        self.groups.borrow().get(&pid).cloned()
    }

    /// Pseudo-terminals.
    pub fn ptys(&self) -> Option<Rc<Ptys>> {
        self.ptys.borrow().clone()
    }

    /// The controlling terminal of the running process.
    pub fn terminal(&self) -> Option<Rc<dyn FileOps>> {
        self.get(self.current.get())?.tty.borrow().clone()
    }
}

/// Names in a process's directory.
const FILES: &[&str] = &[
    "auxv",
    "cmdline",
    "comm",
    "environ",
    "limits",
    "maps",
    "mounts",
    "mountinfo",
    "oom_score_adj",
    "stat",
    "statm",
    "status",
    "cgroup",
    "loginuid",
    "wchan",
    "smaps",
    "mem",
];
const LINKS: &[&str] = &["exe", "cwd", "root"];
const DIRS: &[&str] = &["fd", "task", "fdinfo"];
/// Names in /proc itself that are ours.
const TOP: &[&str] = &[
    "cpuinfo",
    "meminfo",
    "uptime",
    "version",
    "stat",
    "loadavg",
    "filesystems",
    "mounts",
];

#[derive(Clone)]
enum What {
    Root,
    SelfLink(bool),
    Top(&'static str),
    Dir(i32),
    File(i32, &'static str),
    Link(i32, &'static str),
    Fds(i32),
    Fd(i32, i32),
    FdInfo(i32),
    FdInfoFile(i32, i32),
    Tasks(i32),
    Ipc,
    IpcFile(usize),
    Sys(Vec<u8>),
    SysFile(&'static str),
}

/// A node of /proc.
#[derive(Clone)]
pub struct ProcNode {
    what: What,
    procs: Rc<Procs>,
    below: Option<Rc<dyn Node>>,
}

const SYSCTL: &[(&str, &str)] = &[
    ("kernel/osrelease", ""),
    ("kernel/ostype", "Linux\n"),
    ("kernel/hostname", "tinamou\n"),
    ("kernel/pid_max", "32768\n"),
    ("kernel/cap_last_cap", "40\n"),
    ("kernel/ngroups_max", "65536\n"),
    ("kernel/random/uuid", ""),
    ("kernel/random/boot_id", ""),
    ("vm/overcommit_memory", "0\n"),
    ("vm/mmap_min_addr", "65536\n"),
    ("vm/max_map_count", "65530\n"),
    ("fs/file-max", "1048576\n"),
    ("fs/pipe-max-size", "1048576\n"),
    ("net/core/somaxconn", "4096\n"),
];

impl ProcNode {
    /// The directory, over a host's.
    pub fn root(procs: &Rc<Procs>, below: Option<Rc<dyn Node>>) -> Rc<ProcNode> {
        Rc::new(ProcNode {
            what: What::Root,
            procs: procs.clone(),
            below,
        })
    }

    fn node(&self, what: What) -> Rc<dyn Node> {
        Rc::new(ProcNode {
            what,
            procs: self.procs.clone(),
            below: self.below.clone(),
        })
    }

    fn group(&self, pid: i32) -> Res<Rc<Group>> {
        self.procs.get(pid).ok_or(ENOENT)
    }

    fn text(&self) -> Res<Vec<u8>> {
        Ok(match &self.what {
            What::Top(name) => self.top(name).into_bytes(),
            What::File(pid, name) => process::file(&*self.group(*pid)?, name, &self.procs)?,
            What::FdInfoFile(pid, fd) => {
                let files = self.group(*pid)?.files.borrow().clone().ok_or(ENOENT)?;
                let f = files.borrow().get(*fd).map_err(|_| ENOENT)?;
                format!(
                    "pos:\t{}\nflags:\t0{:o}\nmnt_id:\t1\n",
                    f.pos.get(),
                    f.flags.get()
                )
                .into_bytes()
            }
            What::IpcFile(n) => self.procs.shown.borrow().sysvipc[*n].clone().into_bytes(),
            What::SysFile(name) => match *name {
                "kernel/osrelease" => format!("{}\n", self.procs.version.borrow()).into_bytes(),
                "kernel/random/uuid" | "kernel/random/boot_id" => {
                    b"7a6b1f0e-2c54-4d0c-9a55-0f3f6b1d2e11\n".to_vec()
                }
                _ => SYSCTL
                    .iter()
                    .find(|s| s.0 == *name)
                    .map_or("", |s| s.1)
                    .as_bytes()
                    .to_vec(),
            },
            _ => return Err(EINVAL),
        })
    }

    fn top(&self, name: &str) -> String {
        let up = self.procs.now_ns.get();
        match name {
            "cpuinfo" => self.procs.cpuinfo.borrow().clone(),
            "uptime" => format!(
                "{}.{:02} {}.{:02}\n",
                up / 1_000_000_000,
                up / 10_000_000 % 100,
                0,
                0
            ),
            "version" => format!(
                "Linux version {} (tinamou) #1\n",
                self.procs.version.borrow()
            ),
            "loadavg" => format!(
                "0.00 0.00 0.00 1/{} {}\n",
                self.procs.groups.borrow().len(),
                self.procs.current.get()
            ),
            "meminfo" => {
                let (used, max) = self.procs.shown.borrow().memory;
                let (total, free) = (max * 4, max.saturating_sub(used) * 4);
                format!(
                    "MemTotal:       {total:8} kB\nMemFree:        {free:8} kB\nMemAvailable:   {free:8} kB\nBuffers:               0 kB\nCached:                0 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n"
                )
            }
            "stat" => format!(
                "cpu  {0} 0 0 0 0 0 0 0 0 0\ncpu0 {0} 0 0 0 0 0 0 0 0 0\nintr 0\nctxt 0\nbtime 0\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n",
                up / 10_000_000
            ),
            "filesystems" => "nodev\tproc\nnodev\ttmpfs\n".into(),
            _ => "rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\ntmpfs /dev tmpfs rw 0 0\n".into(),
        }
    }

    fn number(name: &[u8]) -> Option<i32> {
        std::str::from_utf8(name)
            .ok()?
            .parse()
            .ok()
            .filter(|&n: &i32| n >= 0)
    }
}

impl Node for ProcNode {
    fn stat(&self) -> Res<Stat> {
        let (kind, ino) = match &self.what {
            What::Root => (mode::DIR | 0o555, 1),
            What::SelfLink(_) => (mode::LNK | 0o777, 2),
            What::Top(n) => (
                mode::REG | 0o444,
                10 + TOP.iter().position(|t| t == n).unwrap_or(0) as u64,
            ),
            What::Dir(p) => (mode::DIR | 0o555, 1000 * *p as u64),
            What::File(p, n) => (
                mode::REG
                    | if matches!(*n, "comm" | "oom_score_adj") {
                        0o644
                    } else if *n == "mem" {
                        0o600
                    } else {
                        0o444
                    },
                1000 * *p as u64 + 10 + FILES.iter().position(|t| t == n).unwrap_or(0) as u64,
            ),
            What::Link(p, n) => (mode::LNK | 0o777, 1000 * *p as u64 + 50 + n.len() as u64),
            What::Fds(p) => (mode::DIR | 0o500, 1000 * *p as u64 + 60),
            What::FdInfo(p) => (mode::DIR | 0o500, 1000 * *p as u64 + 61),
            What::Tasks(p) => (mode::DIR | 0o555, 1000 * *p as u64 + 62),
            What::Fd(p, n) => (mode::LNK | 0o700, 1000 * *p as u64 + 100 + *n as u64),
            What::FdInfoFile(p, n) => (mode::REG | 0o400, 1000 * *p as u64 + 400 + *n as u64),
            What::Sys(_) => (mode::DIR | 0o555, 90),
            What::Ipc => (mode::DIR | 0o555, 85),
            What::IpcFile(n) => (mode::REG | 0o444, 86 + *n as u64),
            What::SysFile(n) => (mode::REG | 0o644, 91 + n.len() as u64),
        };
        let (uid, gid) = match &self.what {
            What::Dir(p) | What::File(p, _) | What::Fds(p) => self
                .procs
                .get(*p)
                .map_or((0, 0), |g| (g.ids.get()[1], g.ids.get()[4])),
            _ => (0, 0),
        };
        Ok(Stat {
            dev: 5,
            ino,
            mode: kind,
            nlink: 1,
            uid,
            gid,
            blksize: 1024,
            ..Stat::default()
        })
    }

    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>> {
        super::check_open(&self.stat()?, flags)?;
        if self.stat()?.kind() == mode::DIR {
            return Ok(Rc::new(NodeFile(Rc::new(self.clone()))));
        }
        if let What::File(pid, "mem") = self.what {
            return memory::open(&self.procs, pid, self.clone());
        }
        Ok(Rc::new(Text {
            bytes: self.text()?,
            node: self.clone(),
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn lookup(&self, name: &[u8]) -> Res<Rc<dyn Node>> {
        let text = std::str::from_utf8(name).map_err(|_| ENOENT)?;
        let of = |list: &'static [&'static str]| list.iter().copied().find(|n| *n == text);
        match &self.what {
            What::Root => match text {
                "self" => return Ok(self.node(What::SelfLink(false))),
                "thread-self" => return Ok(self.node(What::SelfLink(true))),
                "sys" => return Ok(self.node(What::Sys(Vec::new()))),
                "sysvipc" => return Ok(self.node(What::Ipc)),
                _ => {
                    if let Some(n) = of(TOP) {
                        return Ok(self.node(What::Top(n)));
                    }
                    if let Some(pid) = ProcNode::number(name) {
                        return self.group(pid).map(|_| self.node(What::Dir(pid)));
                    }
                }
            },
            What::Dir(pid) => {
                let pid = *pid;
                if let Some(n) = of(FILES) {
                    return Ok(self.node(What::File(pid, n)));
                }
                if let Some(n) = of(LINKS) {
                    return Ok(self.node(What::Link(pid, n)));
                }
                return match text {
                    "fd" => Ok(self.node(What::Fds(pid))),
                    "fdinfo" => Ok(self.node(What::FdInfo(pid))),
                    "task" => Ok(self.node(What::Tasks(pid))),
                    _ => Err(ENOENT),
                };
            }
            What::Fds(pid) | What::FdInfo(pid) => {
                let fd = ProcNode::number(name).ok_or(ENOENT)?;
                let files = self.group(*pid)?.files.borrow().clone().ok_or(ENOENT)?;
                files.borrow().get(fd).map_err(|_| ENOENT)?;
                return Ok(self.node(if matches!(self.what, What::Fds(_)) {
                    What::Fd(*pid, fd)
                } else {
                    What::FdInfoFile(*pid, fd)
                }));
            }
            What::Tasks(pid) => {
                let tid = ProcNode::number(name).ok_or(ENOENT)?;
                return if self.group(*pid)?.threads.borrow().contains(&tid) {
                    Ok(self.node(What::Dir(*pid)))
                } else {
                    Err(ENOENT)
                };
            }
            What::Ipc => {
                let n = SYSVIPC.iter().position(|n| *n == text).ok_or(ENOENT)?;
                return Ok(self.node(What::IpcFile(n)));
            }
            What::Sys(path) => {
                let full = if path.is_empty() {
                    name.to_vec()
                } else {
                    [&path[..], b"/", name].concat()
                };
                if let Some(f) = SYSCTL.iter().find(|s| s.0.as_bytes() == full) {
                    return Ok(self.node(What::SysFile(f.0)));
                }
                let dir = [&full[..], b"/"].concat();
                return if SYSCTL.iter().any(|s| s.0.as_bytes().starts_with(&dir)) {
                    Ok(self.node(What::Sys(full)))
                } else {
                    Err(ENOENT)
                };
            }
            _ => {}
        }
        match &self.below {
            Some(below) if matches!(self.what, What::Root) => below.lookup(name),
            _ => Err(ENOENT),
        }
    }

    fn entries(&self) -> Res<Vec<Dirent>> {
        let entry = |name: String, kind: u32, ino: u64| Dirent {
            ino,
            kind,
            name: name.into_bytes(),
        };
        Ok(match &self.what {
            What::Root => {
                let mut v: Vec<Dirent> = TOP
                    .iter()
                    .enumerate()
                    .map(|(i, n)| entry((*n).into(), mode::REG, 10 + i as u64))
                    .collect();
                v.push(entry("self".into(), mode::LNK, 2));
                v.push(entry("thread-self".into(), mode::LNK, 2));
                v.push(entry("sys".into(), mode::DIR, 90));
                v.push(entry("sysvipc".into(), mode::DIR, 85));
                v.extend(
                    self.procs
                        .groups
                        .borrow()
                        .keys()
                        .map(|p| entry(p.to_string(), mode::DIR, 1000 * *p as u64)),
                );
                v
            }
            What::Dir(pid) => {
                let base = 1000 * *pid as u64;
                let mut v: Vec<Dirent> = FILES
                    .iter()
                    .enumerate()
                    .map(|(i, n)| entry((*n).into(), mode::REG, base + 10 + i as u64))
                    .collect();
                v.extend(
                    LINKS
                        .iter()
                        .map(|n| entry((*n).into(), mode::LNK, base + 50 + n.len() as u64)),
                );
                v.extend(
                    DIRS.iter()
                        .map(|n| entry((*n).into(), mode::DIR, base + 60)),
                );
                v
            }
            What::Fds(pid) | What::FdInfo(pid) => {
                let files = self.group(*pid)?.files.borrow().clone().ok_or(ENOENT)?;
                let files = files.borrow();
                let open = files.list.iter().enumerate().filter(|(_, f)| f.is_some());
                open.map(|(n, _)| {
                    entry(
                        n.to_string(),
                        mode::LNK,
                        1000 * *pid as u64 + 100 + n as u64,
                    )
                })
                .collect()
            }
            What::Tasks(pid) => self
                .group(*pid)?
                .threads
                .borrow()
                .iter()
                .map(|t| entry(t.to_string(), mode::DIR, 1000 * *t as u64))
                .collect(),
            What::Ipc => (86..)
                .zip(SYSVIPC)
                .map(|(ino, n)| entry(n.into(), mode::REG, ino))
                .collect(),
            What::Sys(path) => {
                let prefix = if path.is_empty() {
                    String::new()
                } else {
                    format!("{}/", String::from_utf8_lossy(path))
                };
                let mut names: Vec<(String, bool)> = SYSCTL
                    .iter()
                    .filter_map(|s| s.0.strip_prefix(&prefix))
                    .map(|r| {
                        r.split_once('/')
                            .map_or((r.to_owned(), false), |(d, _)| (d.to_owned(), true))
                    })
                    .collect();
                names.dedup();
                names
                    .into_iter()
                    .map(|(n, dir)| entry(n, if dir { mode::DIR } else { mode::REG }, 92))
                    .collect()
            }
            _ => return Err(crate::errno::ENOTDIR),
        })
    }

    fn readlink(&self) -> Res<Vec<u8>> {
        match &self.what {
            What::SelfLink(thread) => {
                let pid = self.procs.current.get();
                Ok(if *thread {
                    format!("{pid}/task/{}", self.procs.current_tid.get())
                } else {
                    pid.to_string()
                }
                .into_bytes())
            }
            What::Link(pid, name) => {
                let g = self.group(*pid)?;
                let fs = g.fs.borrow().clone();
                Ok(match *name {
                    "exe" => g.exe.borrow().clone(),
                    "cwd" => fs.borrow().cwd.path(),
                    _ => fs.borrow().root.path(),
                })
            }
            What::Fd(pid, fd) => {
                let files = self.group(*pid)?.files.borrow().clone().ok_or(ENOENT)?;
                let f = files.borrow().get(*fd).map_err(|_| ENOENT)?;
                Ok(f.place.as_ref().map_or_else(|| f.ops.name(), |p| p.path()))
            }
            _ => Err(EINVAL),
        }
    }

    fn jump(&self) -> Option<Rc<dyn Node>> {
        match &self.what {
            What::Fd(pid, fd) => {
                let files = self.procs.get(*pid)?.files.borrow().clone()?;
                let f = files.borrow().get(*fd).ok()?;
                Some(
                    f.ops
                        .node()
                        .unwrap_or_else(|| Rc::new(OpenedNode(f.clone()))),
                )
            }
            What::Link(pid, name) => {
                let fs = self.procs.get(*pid)?.fs.borrow().clone();
                match *name {
                    "cwd" => Some(fs.borrow().cwd.node.clone()),
                    "root" => Some(fs.borrow().root.node.clone()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn write_at(&self, _at: u64, data: &[u8]) -> Res<usize> {
        if let What::File(pid, "comm") = &self.what {
            let name = data.strip_suffix(b"\n").unwrap_or(data);
            *self.group(*pid)?.comm.borrow_mut() = name[..name.len().min(15)].to_vec();
        }
        Ok(data.len())
    }
}

/// An open file without a node of its own, as /proc/self/fd shows it.
pub struct OpenedNode(pub Rc<File>);

impl Node for OpenedNode {
    fn stat(&self) -> Res<Stat> {
        self.0.ops.stat()
    }

    fn open(&self, _flags: u32) -> Res<Rc<dyn FileOps>> {
        Ok(self.0.ops.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A made-up file, as it was when opened.
struct Text {
    bytes: Vec<u8>,
    node: ProcNode,
}

impl FileOps for Text {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, f: &File, buf: &mut [u8]) -> Res<usize> {
        let n = self.read_at(f.pos.get(), buf)?;
        f.pos.set(f.pos.get() + n as u64);
        Ok(n)
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        self.node.write_at(0, data)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        let from = self.bytes.get(at as usize..).unwrap_or(&[]);
        let n = from.len().min(buf.len());
        buf[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }

    fn poll(&self) -> u32 {
        ready::IN | ready::OUT | ready::RDNORM | ready::WRNORM
    }

    fn keys(&self, _want: u32, _out: &mut Vec<Key>) {}

    fn stat(&self) -> Res<Stat> {
        self.node.stat()
    }

    fn seekable(&self) -> bool {
        true
    }

    fn node(&self) -> Option<Rc<dyn Node>> {
        Some(Rc::new(self.node.clone()))
    }
}
