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
use crate::arch::{Arch, Meaning};
use crate::errno::{EFAULT, EINTR, ENOSYS, Errno, Res};
use crate::exec;
use crate::file::pty::Ptys;
use crate::file::{Fds, File, FileOps, Key, Wakes};
use crate::guest::{Around, Event, Shared};
use crate::mem::{FileCache, Frames, Space};
use crate::strace;
use crate::sys;
use crate::task::{FsInfo, Group, Interval, Life, Queue, Run, Task, Wait};
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
}

/// Instructions of a turn.
const TURN: u32 = 100_000;

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
    loaded: i32,
    queue: VecDeque<i32>,
    /// Files.
    pub tree: Tree,
    /// Keys that ring.
    pub wakes: Wakes,
    table: sys::Table,
    /// The table of [`Arch::other_abi`].
    other_table: sys::Table,
    /// Host.
    pub host: Box<dyn Host>,
    /// Configuration.
    pub config: Config,
    fresh: Vec<u8>,
    next_pid: i32,
    first: i32,
    status: Option<u32>,
    turn_start: u64,
    order: u64,
    /// Nanoseconds that idle counted time was moved forward.
    skipped_ns: u64,
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
    unknown: Vec<u32>,
    /// Instances of epoll, for edges.
    pub epolls: Vec<std::rc::Weak<crate::file::File>>,
    /// The system call whose line strace has begun, and whose it is.
    pub trace_line: String,
    /// See `trace_line`.
    pub trace_tid: i32,
    /// Host name.
    pub hostname: Vec<u8>,
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
    /// Makes sockets of the host, for domains other than unix.
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
            hostname: b"tinamou".to_vec(),
            config,
        };
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

    fn save_slots(&self) -> Vec<u8> {
        let (at, n) = self.slot_range();
        let mut buf = vec![0; n];
        self.frames.arena.read_bytes(at, &mut buf);
        self.arch.save_thread(&mut buf);
        buf
    }

    fn load_slots(&self, regs: &[u8]) {
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

    /// Instructions of the turn under way.
    pub fn turn_insns(&self) -> u64 {
        self.vcpu.icount() - self.turn_start
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

    /// Makes the first process and loads its program.
    ///
    /// # Errors
    /// The error of loading.
    pub fn spawn(
        &mut self,
        path: &[u8],
        argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
        cwd: Rc<Place>,
        files: [Rc<File>; 3],
    ) -> Res<()> {
        let pid = self.new_pid();
        let fs = Rc::new(RefCell::new(FsInfo {
            root: self.tree.root.clone(),
            cwd,
            umask: self.config.umask,
        }));
        let mut fds = Fds {
            list: Vec::new(),
            limit: 1024,
        };
        let tty = files
            .iter()
            .find(|f| f.ops.tty().is_some())
            .map(|f| f.ops.clone());
        for (n, f) in files.into_iter().enumerate() {
            fds.set(n, f, false);
        }
        let files = Rc::new(RefCell::new(fds));
        let [uid, euid, gid, egid] = self.config.ids;
        let inf = u64::MAX;
        let mut rlimits = [(inf, inf); 16];
        rlimits[3] = (self.config.stack_bytes, inf);
        rlimits[4] = (0, inf);
        rlimits[6] = (self.config.max_tasks as u64, self.config.max_tasks as u64);
        rlimits[7] = (1024, 1 << 20);
        rlimits[8] = (8 << 20, 8 << 20);
        let space = Rc::new(RefCell::new(self.new_space()));
        let start_ns = self.now();
        let group = Rc::new(Group {
            pid,
            ppid: Cell::new(1),
            pgid: Cell::new(pid),
            sid: Cell::new(pid),
            threads: RefCell::new(vec![pid]),
            pending: RefCell::default(),
            life: Cell::new(Life::Alive),
            news: Cell::new(None),
            exiting: Cell::new(None),
            exit_signal: Cell::new(0),
            exe: RefCell::default(),
            comm: RefCell::default(),
            mm: RefCell::new(Some(space.clone())),
            files: RefCell::new(Some(files.clone())),
            fs: RefCell::new(fs.clone()),
            rlimits: RefCell::new(rlimits),
            itimers: [const { Cell::new(Interval { due: 0, every: 0 }) }; 3],
            timers: RefCell::default(),
            tty: RefCell::new(tty.clone()),
            insns: Cell::new(0),
            child_insns: Cell::new(0),
            ids: Cell::new([uid, euid, euid, gid, egid, egid]),
            execed: Cell::new(false),
            subreaper: Cell::new(false),
            death_signal: Cell::new(0),
            start_ns,
            dumpable: Cell::new(true),
            nice: Cell::new(0),
        });
        if let Some(t) = tty.as_ref().and_then(|t| t.tty()) {
            t.foreground().set(pid);
            t.session().set(pid);
        }
        let actions = vec![crate::task::Action::default(); self.abi().signal_max() as usize + 1];
        let task = Task {
            tid: pid,
            group: group.clone(),
            mm: space,
            files,
            fs,
            actions: Rc::new(RefCell::new(actions)),
            regs: self.fresh.clone(),
            pc: 0,
            blocked: 0,
            saved_mask: None,
            pending: Queue::default(),
            altstack: (0, 2, 0),
            run: Run::Ready,
            wait: None,
            syscall: None,
            deadline: None,
            scratch: 0,
            clear_tid: 0,
            robust: 0,
            birth: None,
            vfork_parent: None,
            vfork_child: None,
            futex_woken: false,
            comm: Vec::new(),
            insns: 0,
            futex: None,
            futex_index: 0,
        };
        self.procs.groups.borrow_mut().insert(pid, group);
        self.tasks.insert(pid, task);
        self.first = pid;
        self.switch(pid);
        match self.exec(path, argv, envp) {
            Ok(()) => {
                self.queue.push_back(pid);
                Ok(())
            }
            Err(e) => {
                self.tasks.clear();
                self.procs.groups.borrow_mut().clear();
                Err(e)
            }
        }
    }

    /// An empty address space.
    pub fn new_space(&self) -> Space {
        let abi = self.abi();
        Space::new(
            &self.frames,
            &self.cache,
            abi.task_size,
            abi.read_implies_exec,
        )
    }

    /// Loads another program into the running process. On success its registers are those of the new program.
    ///
    /// # Errors
    /// execve's.
    pub fn exec(&mut self, path: &[u8], argv: Vec<Vec<u8>>, envp: Vec<Vec<u8>>) -> Res<()> {
        let fs = self.task().fs.clone();
        let (cwd, root) = (fs.borrow().cwd.clone(), fs.borrow().root.clone());
        let place = self.tree.find(&cwd, &root, path, true)?;
        self.exec_place(place, path, argv, envp)
    }

    /// As `exec`, with the file found already.
    ///
    /// # Errors
    /// execve's.
    pub fn exec_place(
        &mut self,
        place: Rc<Place>,
        path: &[u8],
        argv: Vec<Vec<u8>>,
        envp: Vec<Vec<u8>>,
    ) -> Res<()> {
        // Whatever call this is: the new program is of the first kind.
        self.arch.use_other(false);
        let group = self.group();
        let fs = self.task().fs.clone();
        let (cwd, root) = (fs.borrow().cwd.clone(), fs.borrow().root.clone());
        let mut space = self.new_space();
        let mut random = [0; 16];
        (self.random.borrow_mut())(&mut random);
        let ids = group.ids.get();
        let stack = group.rlimits.borrow()[3].0.min(1 << 30);
        space.limit = group.rlimits.borrow()[9].0;
        let req = exec::Request {
            place,
            path,
            argv,
            envp,
            ids: [ids[0], ids[1], ids[3], ids[4]],
            random,
            stack_bytes: stack,
        };
        let (program, exe) = {
            let tree = &self.tree;
            exec::load(&*self.arch, &mut space, req, &|p| {
                tree.find(&cwd, &root, p, true)
            })?
        };
        // From here on the old program is gone.
        let tid = self.cur;
        self.kill_other_threads(tid);
        let tid = self.cur;
        let mm = Rc::new(RefCell::new(space));
        self.task().mm = mm.clone();
        *group.mm.borrow_mut() = Some(mm.clone());
        *self.shared.space.borrow_mut() = mm;
        self.vcpu.forget_pages(None);
        *group.exe.borrow_mut() = exe.path();
        let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path);
        let comm = name[..name.len().min(15)].to_vec();
        *group.comm.borrow_mut() = comm.clone();
        group.execed.set(true);
        group.timers.borrow_mut().clear();
        let task = self.task();
        task.comm = comm;
        task.altstack = (0, 2, 0);
        task.clear_tid = 0;
        task.robust = 0;
        let files = Rc::new(RefCell::new(task.files.borrow().clone()));
        for f in &mut files.borrow_mut().list {
            if f.as_ref().is_some_and(|f| f.cloexec) {
                *f = None;
            }
        }
        let old = core::mem::replace(&mut task.files, files.clone());
        drop(old);
        *group.files.borrow_mut() = Some(files);
        let task = self.task();
        let mut actions = task.actions.borrow().clone();
        for a in &mut actions {
            *a = crate::task::Action {
                handler: if a.handler == 1 { 1 } else { 0 },
                ..Default::default()
            };
        }
        task.actions = Rc::new(RefCell::new(actions));
        task.group.pending.borrow();
        let trampoline = program.trampoline;
        self.clear_registers();
        self.arch.start(self.vcpu.state(), program.pc, program.sp);
        self.set_trampoline(trampoline);
        self.release_vfork(tid);
        Ok(())
    }

    fn set_trampoline(&mut self, at: u64) {
        // It lies with the memory: forks inherit it, programs bring their own.
        self.mm().borrow_mut().trampoline = at;
    }

    /// Loads the registers and the memory of a thread.
    fn switch(&mut self, tid: i32) {
        if self.loaded == tid {
            self.cur = tid;
            return;
        }
        self.save_loaded();
        let Some(task) = self.tasks.get(&tid) else {
            return;
        };
        self.load_slots(&task.regs);
        self.vcpu.state().set_pc(task.pc);
        let other = !Rc::ptr_eq(&self.shared.space.borrow(), &task.mm);
        if other {
            *self.shared.space.borrow_mut() = task.mm.clone();
            self.vcpu.forget_pages(None);
        }
        self.procs.current.set(task.group.pid);
        self.procs.current_tid.set(tid);
        self.cur = tid;
        self.loaded = tid;
        self.arch.clear_exclusive(self.vcpu.state());
    }

    fn save_loaded(&mut self) {
        let regs = self.save_slots();
        let pc = self.vcpu.state().pc();
        if let Some(task) = self.tasks.get_mut(&self.loaded) {
            (task.regs, task.pc) = (regs, pc);
        }
        self.loaded = 0;
    }

    /// Copy of the running thread's registers.
    pub fn registers(&self) -> (Vec<u8>, u64) {
        (self.save_slots(), self.vcpu.state().pc())
    }

    /// A thread is gone: its registers are nobody's.
    pub fn unload(&mut self, tid: i32) {
        if self.loaded == tid {
            self.loaded = 0;
        }
        self.queue.retain(|&t| t != tid);
    }

    /// The running thread has this number from now on: its registers stay loaded.
    pub fn adopt(&mut self, tid: i32) {
        self.cur = tid;
        self.loaded = tid;
        self.procs.current_tid.set(tid);
    }

    /// Lets a thread run again.
    pub fn ready(&mut self, tid: i32) {
        if let Some(t) = self.tasks.get_mut(&tid) {
            if t.run == Run::Stopped {
                return;
            }
            t.run = Run::Ready;
            if !self.queue.contains(&tid) {
                self.queue.push_back(tid);
            }
        }
    }

    /// Tells the vCPU what changed in memory.
    fn refresh(&mut self) {
        let written = core::mem::take(&mut self.frames.news.borrow_mut().written);
        for (at, n) in written {
            self.vcpu.memory_written(at, n);
        }
        let mm = self.shared.space.borrow().clone();
        let mut mm = mm.borrow_mut();
        let stale = core::mem::take(&mut mm.stale);
        if stale.all {
            self.vcpu.forget_pages(None);
        }
        for r in stale.ranges {
            self.vcpu.forget_pages(Some(r));
        }
        self.vcpu.state().write32(layout::CODE_GEN, mm.generation);
    }

    /// Wakes whom the rung keys and the time wake.
    fn settle(&mut self) {
        let signals = self.procs.ptys().map(|p| p.take_signals());
        for (pgid, sig) in signals.unwrap_or_default() {
            let n = self.abi().signal(sig);
            self.signal_pgrp(pgid, n);
        }
        for key in self.wakes.take() {
            if matches!(key, Key::Object(_) | Key::Exit(_)) {
                self.epolls.retain(|e| e.strong_count() > 0);
                for e in &self.epolls {
                    if let Some(f) = e.upgrade()
                        && let Some(ep) = f.ops.as_any().downcast_ref::<crate::file::epoll::Epoll>()
                    {
                        ep.rearm(key);
                    }
                }
            }
            let who: Vec<i32> = self
                .tasks
                .values()
                .filter(|t| {
                    t.run == Run::Waiting && t.wait.as_ref().is_some_and(|w| w.keys.contains(&key))
                })
                .map(|t| t.tid)
                .collect();
            for tid in who {
                self.ready(tid);
            }
        }
    }

    fn timers(&mut self) {
        let now = self.now();
        let due: Vec<i32> = self
            .tasks
            .values()
            .filter(|t| {
                t.run == Run::Waiting
                    && t.wait
                        .as_ref()
                        .and_then(|w| w.until)
                        .is_some_and(|u| u <= now)
            })
            .map(|t| t.tid)
            .collect();
        for tid in due {
            self.ready(tid);
        }
        self.fire_timers(now);
    }

    /// The next time something happens by itself.
    fn next_time(&self) -> Option<u64> {
        let waits = self
            .tasks
            .values()
            .filter(|t| t.run == Run::Waiting)
            .filter_map(|t| t.wait.as_ref()?.until);
        waits.chain(self.next_timer()).min()
    }

    /// The host found these descriptors ready, or waited long enough.
    pub fn host_ready(&mut self, fds: &[(i32, u32)]) {
        let who: Vec<i32> = self
            .tasks
            .values()
            .filter(|t| t.run == Run::Waiting)
            .filter(|t| {
                t.wait.as_ref().is_some_and(|w| {
                    w.keys
                        .iter()
                        .any(|k| matches!(k, Key::Host(fd, _) if fds.iter().any(|f| f.0 == *fd)))
                })
            })
            .map(|t| t.tid)
            .collect();
        for tid in who {
            self.ready(tid);
        }
    }

    /// Counted time passes while all wait.
    pub fn skip(&mut self, ns: u64) {
        self.skipped_ns += ns;
    }

    /// Descriptors of the host that tasks wait for.
    pub fn host_fds(&self) -> Vec<(i32, u32)> {
        let mut out: Vec<(i32, u32)> = Vec::new();
        for t in self.tasks.values().filter(|t| t.run == Run::Waiting) {
            for k in t.wait.iter().flat_map(|w| &w.keys) {
                if let Key::Host(fd, want) = *k {
                    match out.iter_mut().find(|f| f.0 == fd) {
                        Some(f) => f.1 |= want,
                        None => out.push((fd, want)),
                    }
                }
            }
        }
        out
    }

    /// Runs up to about `insns` instructions.
    pub fn run(&mut self, insns: u64) -> End {
        let end = self.vcpu.icount() + insns;
        let mut turns = 0u32;
        loop {
            if self.wakes.any() {
                self.settle();
            }
            // Deadlines are looked at every turn; a busy system looks at the clock now and then.
            turns += 1;
            if self.queue.is_empty() || turns & 7 == 0 {
                self.timers();
            }
            let Some(tid) = self.queue.pop_front() else {
                if let Some(status) = self.status {
                    return End::Exit(status);
                }
                let now = self.now();
                let timeout_ns = self.next_time().map(|t| t.saturating_sub(now));
                if timeout_ns == Some(0) {
                    continue;
                }
                return End::Idle {
                    timeout_ns,
                    fds: self.host_fds(),
                };
            };
            if self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready) {
                continue;
            }
            self.switch(tid);
            self.turn();
            if self.tasks.get(&tid).is_some_and(|t| t.run == Run::Ready)
                && !self.queue.contains(&tid)
            {
                self.queue.push_back(tid);
            }
            if self.vcpu.icount() >= end {
                return match self.status {
                    Some(status) if self.queue.is_empty() => End::Exit(status),
                    _ => End::Budget,
                };
            }
        }
    }

    /// One turn of the running thread.
    fn turn(&mut self) {
        let tid = self.cur;
        let before = self.vcpu.icount();
        self.turn_start = before;
        let until = before + TURN as u64;
        if self.task().birth.is_some() {
            self.begin();
        }
        let mut calls = 0;
        loop {
            if self.cur != tid || self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready) {
                break;
            }
            // Woken, perhaps by what its own call rang: the call is made again before anything else.
            if let Some((event, number)) = self.task().syscall {
                self.call(&event, number, true);
                if self.cur != tid || self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready) {
                    break;
                }
            }
            if self.has_signal() {
                self.deliver();
                if self.tasks.get(&tid).is_none_or(|t| t.run != Run::Ready) {
                    break;
                }
            }
            let now = self.vcpu.icount();
            if now >= until || calls >= 2000 {
                break;
            }
            self.refresh();
            let end = {
                let shared = self.shared.clone();
                self.vcpu.run(&mut Around(&shared), (until - now) as u32)
            };
            let _ = end;
            let Some(event) = self.shared.event.take() else {
                continue;
            };
            let mm = self.shared.space.borrow().clone();
            let meaning = self
                .arch
                .meaning(self.vcpu.state(), &mut mm.borrow_mut(), &event);
            match meaning {
                Meaning::Syscall => {
                    calls += 1;
                    let number = self.arch.syscall_number(self.vcpu.state());
                    self.arch.skip_syscall(self.vcpu.state(), &event);
                    self.call(&event, number, false);
                    if self.wakes.any() {
                        self.settle();
                        // Whoever was woken gets a turn soon: pipes pass data in large steps otherwise.
                        calls += 100;
                    }
                }
                Meaning::Signal(sig, code, addr) => self.fault_signal(sig, code, addr),
                Meaning::Done => {}
            }
        }
        let used = self.vcpu.icount() - before;
        self.turn_start = self.vcpu.icount();
        if let Some(t) = self.tasks.get_mut(&tid) {
            t.insns += used;
            t.group.insns.set(t.group.insns.get() + used);
        }
    }

    /// Makes a system call, or makes it again after a wait.
    fn call(&mut self, event: &Event, number: u32, again: bool) {
        let tid = self.cur;
        let other = self.arch.is_other(event);
        self.arch.use_other(other);
        let table = if other {
            &self.other_table
        } else {
            &self.table
        };
        let mut desc = table.get(number);
        let mut shift = 0;
        // syscall(): the number is the first argument.
        if desc.is_some_and(|d| d.name == "syscall") {
            shift = 1;
            let inner = self.arch.arg(self.vcpu.state(), 0).unwrap_or(0) as u32;
            desc = table.get(inner).filter(|d| d.name != "syscall");
        }
        let mut args = sys::Args::new(self, shift);
        let result = match desc {
            Some(d) => {
                if self.config.strace && !again {
                    strace::enter(self, d, args.clone());
                }
                (d.run)(self, &mut args)
            }
            None => {
                self.unknown_call(number);
                Err(Stop::Err(ENOSYS))
            }
        };
        self.arch.use_other(false);
        if self.cur != tid || !self.tasks.contains_key(&tid) {
            return;
        }
        let result = match result {
            Err(Stop::Wait(wait)) => {
                if self.has_signal() {
                    self.interrupt(event, number, &wait);
                } else {
                    let task = self.task();
                    task.run = Run::Waiting;
                    task.wait = Some(wait);
                    task.syscall = Some((*event, number));
                }
                return;
            }
            Ok(v) => Some(Ok(v)),
            Err(Stop::Err(e)) => Some(Err(e)),
            Err(Stop::Done) => None,
        };
        if self.config.strace
            && let Some(d) = desc
        {
            strace::leave(self, d, &result);
        }
        self.finish_call();
        if let Some(r) = result {
            self.arch.set_result(self.vcpu.state(), r);
        }
    }

    fn finish_call(&mut self) {
        let task = self.task();
        task.syscall = None;
        task.wait = None;
        task.deadline = None;
        task.scratch = 0;
    }

    /// A signal came while the running thread waits in a system call.
    fn interrupt(&mut self, event: &Event, number: u32, wait: &Wait) {
        let restart = !wait.never_restart && self.next_signal_restarts();
        let tid = self.cur;
        self.locks.opening.retain(|o| o.0 != tid);
        self.finish_call();
        self.task().futex = None;
        if restart {
            self.arch.restart_syscall(self.vcpu.state(), event, number);
        } else {
            self.arch.set_result(self.vcpu.state(), Err(EINTR));
        }
    }

    fn unknown_call(&mut self, number: u32) {
        if self.unknown.contains(&number) {
            return;
        }
        self.unknown.push(number);
        let name = self.table.name(number);
        self.host.log(&format!(
            "unsupported system call {number} ({name}) at {:#x}",
            self.vcpu.state().pc()
        ));
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

    /// Runs until the first process ends; `wait` waits for the host. For hosts that may block.
    pub fn run_to_end(
        &mut self,
        mut wait: impl FnMut(&mut Kernel, Option<u64>, &[(i32, u32)]),
    ) -> u32 {
        loop {
            match self.run(10_000_000) {
                End::Exit(status) => return status,
                End::Budget => wait(self, Some(0), &[]),
                End::Idle { timeout_ns, fds } => {
                    if timeout_ns.is_none() && fds.is_empty() && self.status.is_some() {
                        return self.status.unwrap_or(0);
                    }
                    wait(self, timeout_ns, &fds);
                }
            }
        }
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
