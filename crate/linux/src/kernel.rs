//! The kernel: processes and threads over one vCPU, run in turn.
//!
//! Nothing here blocks. A system call that must wait gives [`Stop::Wait`]: its task is parked on keys, and the call is made again from the start
//! when one of them rings or its time is over. When all tasks are parked, [`Kernel::run`] gives the host what it may wait for.
//! A run is deterministic but for what comes from outside: turns are counted in instructions.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use tinamou_arena::Arena;
use tinamou_ir::guest::{Guest, State};
use tinamou_ir::layout;
use tinamou_jit::engine::Engine;
use tinamou_jit::{Tuning, Vcpu};

use crate::abi::Abi;
use crate::abi::signals::Sig;
use crate::arch::Arch;
use crate::errno::{EFAULT, Errno, Res};
use crate::file::pty::Ptys;
use crate::file::{File, FileOps, Key, Wakes};
use crate::guest::Shared;
use crate::mem::{FileCache, Frames, Space};
use crate::sys;
use crate::task::{Group, Task, Wait};
use crate::vfs::dev::Random;
use crate::vfs::proc::Procs;
use crate::vfs::{Place, Tree};

/// How a system call does not give a value.
#[derive(Debug)]
pub enum Stop {
    /// An error.
    Err(Errno),
    /// It must wait and is made again later.
    Wait(Wait),
    /// The registers are as they must be (sigreturn, exec), or the task is gone.
    Done,
}

impl From<Errno> for Stop {
    fn from(e: Errno) -> Stop {
        Stop::Err(e)
    }
}

/// What system calls give.
pub type Sys = Result<u64, Stop>;

/// What the kernel asks of its host.
pub trait Host {
    /// Nanoseconds of a clock that only goes forward.
    fn monotonic_ns(&mut self) -> u64;
    /// Nanoseconds since 1970.
    fn realtime_ns(&mut self) -> u64;
    /// A line of the kernel's log, or of strace.
    fn log(&mut self, line: &str);
}

/// Where time comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockSource {
    /// The host's clocks.
    Host,
    /// One nanosecond an instruction, from this time of day on.
    Counted {
        /// Nanoseconds since 1970 at the start.
        epoch_ns: u64,
    },
}

/// What a kernel is made from.
pub struct Config {
    /// Instruction set and ABI.
    pub arch: Rc<dyn Arch>,
    /// The CPU.
    pub cpu: Box<dyn Fn(Rc<Shared>) -> Box<dyn Guest>>,
    /// Numbers of the compiler.
    pub tuning: Tuning,
    /// Where time comes from.
    pub clock: ClockSource,
    /// Kernel release that uname says.
    pub release: String,
    /// Log system calls.
    pub strace: bool,
    /// Bytes of stack.
    pub stack_bytes: u64,
    /// User and group numbers: real, effective.
    pub ids: [u32; 4],
    /// umask of the first process.
    pub umask: u32,
    /// Processes at most.
    pub max_tasks: usize,
}

/// Why [`Kernel::run`] came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The instructions asked for have run.
    Budget,
    /// All tasks wait: for these descriptors of the host, or until this time of the monotonic clock.
    Idle {
        /// Nanoseconds left, at most.
        timeout_ns: Option<u64>,
        /// Descriptors and poll bits.
        fds: Vec<(i32, u32)>,
    },
    /// The first process ended, with this wait status.
    Exit(u32),
    /// It stands still for the debugger ([`Kernel::debug`]).
    Debug(crate::debug::Why),
}

/// The kernel.
pub struct Kernel {
    /// The vCPU.
    pub vcpu: Vcpu,
    /// Shared with the guest object.
    pub shared: Rc<Shared>,
    /// Instruction set and ABI.
    pub arch: Rc<dyn Arch>,
    /// Frames.
    pub frames: Rc<Frames>,
    /// Pages of files.
    pub cache: Rc<FileCache>,
    /// Threads.
    pub tasks: BTreeMap<i32, Task>,
    /// Processes.
    pub procs: Rc<Procs>,
    /// The running thread.
    pub cur: i32,
    /// The thread whose registers the vCPU holds; 0 for none.
    pub(crate) loaded: i32,
    pub(crate) queue: VecDeque<i32>,
    /// Files.
    pub tree: Tree,
    /// Keys that ring.
    pub wakes: Wakes,
    pub(crate) table: sys::Table,
    /// The table of [`Arch::other_abi`].
    pub(crate) other_table: sys::Table,
    /// Host.
    pub host: Box<dyn Host>,
    /// Configuration.
    pub config: Config,
    pub(crate) fresh: Vec<u8>,
    pub(crate) next_pid: i32,
    pub(crate) first: i32,
    pub(crate) status: Option<u32>,
    pub(crate) turn_start: u64,
    order: u64,
    /// Nanoseconds that idle counted time was moved forward.
    pub(crate) skipped_ns: u64,
    /// Random bytes.
    pub random: Random,
    /// System V IPC.
    pub ipc: sys::ipc::Ipc,
    /// POSIX message queues.
    pub queues: sys::mqueue::Queues,
    /// Sockets with names.
    pub sockets: sys::net::Names,
    /// Makes sockets of the host.
    pub net: Option<sys::net::MakeSocket>,
    /// Time of day for trees in memory.
    pub tree_now: Rc<Cell<(i64, u32)>>,
    /// File locks.
    pub locks: sys::lock::Locks,
    pub(crate) unknown: Vec<u32>,
    /// Instances of epoll, for edges.
    pub epolls: Vec<std::rc::Weak<crate::file::File>>,
    /// The system call whose line strace has begun, and whose it is.
    pub trace_line: String,
    /// See `trace_line`.
    pub trace_tid: i32,
    /// Traced threads that ended: tracer, number, status; until waited for.
    pub dead_tracees: Vec<(i32, i32, u32)>,
    /// Who watches files.
    pub notify: Rc<crate::file::inotify::Notify>,
    /// Host name.
    pub hostname: Vec<u8>,
    /// A debugger outside.
    pub debug: Option<Box<crate::debug::Debugger>>,
}

/// The parts of the world around the first process.
pub struct World {
    /// Files.
    pub tree: Tree,
    /// Processes, shared with /proc and /dev.
    pub procs: Rc<Procs>,
    /// Host.
    pub host: Box<dyn Host>,
    /// Random bytes.
    pub random: Random,
    /// Time of day of trees in memory.
    pub tree_now: Rc<Cell<(i64, u32)>>,
    /// Keys that ring.
    pub wakes: Wakes,
    /// Makes sockets of the host, for domains other than unix; without it the internet domains are a loopback.
    pub net: Option<sys::net::MakeSocket>,
}

impl Kernel {
    /// A kernel without processes.
    ///
    /// # Errors
    /// A sentence: the arena or the engine cannot be made.
    pub fn new(
        config: Config,
        world: World,
        engine: impl FnOnce(&Arena) -> Result<Option<Box<dyn Engine>>, String>,
    ) -> Result<Kernel, String> {
        let arena = Arena::new().map_err(|e| e.to_string())?;
        let frames = Frames::new(&arena).ok_or("the arena has no room")?;
        let cache = Rc::new(FileCache::default());
        let space = Rc::new(RefCell::new(Space::new(&frames, &cache, 0, false)));
        let shared = Rc::new(Shared {
            space: RefCell::new(space),
            event: Cell::new(None),
            base_ns: Cell::new(0),
            errors: RefCell::default(),
        });
        let guest = (config.cpu)(shared.clone());
        let engine = engine(&arena)?;
        let vcpu =
            Vcpu::new(guest, &arena, engine, config.tuning.clone()).map_err(|e| e.to_string())?;
        let table = sys::Table::new(config.arch.abi());
        let other_table = config
            .arch
            .other_abi()
            .map_or_else(sys::Table::default, sys::Table::new);
        let mut k = Kernel {
            vcpu,
            shared,
            arch: config.arch.clone(),
            frames,
            cache,
            tasks: BTreeMap::new(),
            procs: world.procs,
            cur: 0,
            loaded: 0,
            queue: VecDeque::new(),
            tree: world.tree,
            wakes: world.wakes,
            table,
            other_table,
            host: world.host,
            fresh: Vec::new(),
            next_pid: 1000,
            first: 0,
            status: None,
            turn_start: 0,
            order: 0,
            skipped_ns: 0,
            random: world.random,
            ipc: sys::ipc::Ipc::default(),
            queues: sys::mqueue::Queues::default(),
            sockets: sys::net::Names::default(),
            net: world.net,
            tree_now: world.tree_now,
            locks: sys::lock::Locks::default(),
            unknown: Vec::new(),
            epolls: Vec::new(),
            trace_line: String::new(),
            trace_tid: 0,
            dead_tracees: Vec::new(),
            notify: Rc::default(),
            hostname: b"tinamou".to_vec(),
            debug: None,
            config,
        };
        // Nothing here goes by instructions then.
        k.vcpu
            .set_loose(matches!(k.config.clock, ClockSource::Host));
        let ptys = Ptys::new(&k.wakes);
        // Beyond those of a host, whose names are there too.
        ptys.first.set(if k.procs.host_terminals.get() {
            1000
        } else {
            0
        });
        *k.procs.ptys.borrow_mut() = Some(ptys);
        k.fresh = k.save_slots();
        *k.procs.version.borrow_mut() = k.config.release.clone();
        *k.procs.cpuinfo.borrow_mut() = k.arch.cpuinfo();
        Ok(k)
    }

    /// The ABI.
    pub fn abi(&self) -> &Abi {
        self.arch.abi()
    }

    /// The vCPU state.
    pub fn state(&self) -> &State {
        self.vcpu.state()
    }

    fn slot_range(&self) -> (u32, usize) {
        let st = self.vcpu.state();
        (
            st.base + layout::GUEST,
            (self.vcpu.guest().slots().state_bytes() - layout::GUEST) as usize,
        )
    }

    pub(crate) fn save_slots(&self) -> Vec<u8> {
        let (at, n) = self.slot_range();
        let mut buf = vec![0; n];
        self.frames.arena.read_bytes(at, &mut buf);
        self.arch.save_thread(&mut buf);
        buf
    }

    pub(crate) fn load_slots(&self, regs: &[u8]) {
        let (at, n) = self.slot_range();
        let (slots, more) = regs.split_at(n.min(regs.len()));
        self.frames.arena.write_bytes(at, slots);
        self.arch.load_thread(more);
    }

    /// Registers as in a fresh process.
    pub fn clear_registers(&mut self) {
        self.load_slots(&self.fresh);
    }

    /// The running thread.
    ///
    /// # Panics
    /// When there is none: system calls run for a thread.
    pub fn task(&mut self) -> &mut Task {
        self.tasks
            .get_mut(&self.cur)
            .expect("the running thread exists")
    }

    /// The running process.
    pub fn group(&mut self) -> Rc<Group> {
        self.task().group.clone()
    }

    /// The running thread's memory.
    pub fn mm(&mut self) -> Rc<RefCell<Space>> {
        self.task().mm.clone()
    }

    /// A descriptor of the running thread.
    ///
    /// # Errors
    /// EBADF.
    pub fn file(&mut self, fd: i32) -> Res<Rc<File>> {
        let files = &self.task().files;
        files.borrow().get(fd)
    }

    /// Copies from guest memory.
    ///
    /// # Errors
    /// EFAULT.
    pub fn get(&mut self, va: u64, bytes: usize) -> Res<Vec<u8>> {
        if bytes > 1 << 30 {
            return Err(EFAULT);
        }
        let mut buf = vec![0; bytes];
        self.mm().borrow_mut().read(va, &mut buf)?;
        Ok(buf)
    }

    /// Copies to guest memory.
    ///
    /// # Errors
    /// EFAULT.
    pub fn put(&mut self, va: u64, data: &[u8]) -> Res<()> {
        self.mm().borrow_mut().write(va, data)
    }

    /// A 32-bit value in guest memory.
    ///
    /// # Errors
    /// EFAULT.
    pub fn get_u32(&mut self, va: u64) -> Res<u32> {
        let mut b = [0; 4];
        self.mm().borrow_mut().read(va, &mut b)?;
        Ok(if self.abi().big_endian {
            u32::from_be_bytes(b)
        } else {
            u32::from_le_bytes(b)
        })
    }

    /// Stores a 32-bit value.
    ///
    /// # Errors
    /// EFAULT.
    pub fn put_u32(&mut self, va: u64, v: u32) -> Res<()> {
        let b = if self.abi().big_endian {
            v.to_be_bytes()
        } else {
            v.to_le_bytes()
        };
        self.put(va, &b)
    }

    /// Monotonic time.
    pub fn now(&mut self) -> u64 {
        let now = match self.config.clock {
            ClockSource::Host => self.host.monotonic_ns(),
            ClockSource::Counted { .. } => self.vcpu.icount() + self.skipped_ns,
        };
        self.procs.now_ns.set(now);
        now
    }

    /// Nanoseconds since 1970.
    pub fn realtime(&mut self) -> u64 {
        let t = match self.config.clock {
            ClockSource::Host => self.host.realtime_ns(),
            ClockSource::Counted { epoch_ns } => epoch_ns + self.now(),
        };
        self.tree_now
            .set(((t / 1_000_000_000) as i64, (t % 1_000_000_000) as u32));
        t
    }

    /// A number that grows: who came first.
    pub fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// The clock that CPU time is taken from.
    pub(crate) fn cpu_clock(&mut self) -> u64 {
        match self.config.clock {
            ClockSource::Host => self.host.monotonic_ns(),
            ClockSource::Counted { .. } => self.vcpu.icount(),
        }
    }

    /// CPU time of the turn under way.
    pub fn turn_ns(&mut self) -> u64 {
        self.cpu_clock().saturating_sub(self.turn_start)
    }

    /// A new process or thread number.
    pub fn new_pid(&mut self) -> i32 {
        loop {
            let pid = self.next_pid;
            self.next_pid = if pid >= 32767 { 300 } else { pid + 1 };
            if !self.tasks.contains_key(&pid) && self.procs.get(pid).is_none() {
                return pid;
            }
        }
    }

    /// The first process ended.
    pub fn first_ended(&mut self, pid: i32, status: u32) {
        if pid == self.first {
            self.status = Some(status);
        }
    }

    /// Status of the first process, once it ended.
    pub fn status(&self) -> Option<u32> {
        self.status
    }

    /// A signal for the first process's foreground group, from the host's terminal or its user.
    pub fn host_signal(&mut self, sig: Sig) {
        let first = self.first;
        let target = self
            .procs
            .get(first)
            .and_then(|g| {
                g.tty
                    .borrow()
                    .as_ref()
                    .and_then(|t| t.tty().map(|t| t.foreground().get()))
            })
            .filter(|&f| f > 0)
            .unwrap_or(first);
        let n = self.abi().signal(sig);
        self.signal_pgrp(target, n);
    }

    /// Path lookup for the running thread.
    ///
    /// # Errors
    /// ENOENT and so on.
    pub fn find(&mut self, dir: &Rc<Place>, path: &[u8], follow: bool) -> Res<Rc<Place>> {
        let fs = self.task().fs.clone();
        let root = fs.borrow().root.clone();
        self.tree.find(dir, &root, path, follow)
    }

    /// A description of a new file object.
    pub fn new_file(&mut self, ops: Rc<dyn FileOps>, flags: u32) -> Rc<File> {
        File::new(ops, flags, None)
    }
}

/// A plain wait.
pub fn wait_for(keys: Vec<Key>, until: Option<u64>) -> Stop {
    Stop::Wait(Wait {
        keys,
        until,
        never_restart: false,
    })
}
