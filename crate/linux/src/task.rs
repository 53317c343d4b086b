//! Tasks (threads) and thread groups (processes), with what clone shares or copies.

use core::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::abi::signals::Sig;
use crate::file::{Fds, FileOps, Key};
use crate::guest::Event;
use crate::mem::Space;
use crate::vfs::Place;

/// What clone with CLONE_FS shares.
#[derive(Clone)]
pub struct FsInfo {
    /// Root.
    pub root: Rc<Place>,
    /// Working directory.
    pub cwd: Rc<Place>,
    /// umask.
    pub umask: u32,
}

/// How a signal is handled.
#[derive(Clone, Copy, Default, Debug)]
pub struct Action {
    /// 0 default, 1 ignore, else the handler.
    pub handler: u64,
    /// The ABI's flags.
    pub flags: u32,
    /// Blocked meanwhile.
    pub mask: u128,
    /// The return trampoline of ABIs that have one here.
    pub restorer: u64,
}

/// Actions by signal number.
pub type Actions = Vec<Action>;

/// What a siginfo says beside signal and code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// Sender.
    Kill { pid: i32, uid: u32 },
    /// Sender and value.
    Queue { pid: i32, uid: u32, value: u64 },
    /// A child's end.
    Child {
        pid: i32,
        uid: u32,
        status: i32,
        utime: u64,
        stime: u64,
    },
    /// Address of a fault.
    Fault { addr: u64 },
    /// A timer: its number, overruns, value.
    Timer { id: i32, overrun: i32, value: u64 },
}

/// A signal that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Number.
    pub signal: u32,
    /// si_code.
    pub code: i32,
    /// The rest.
    pub detail: Detail,
}

/// Waiting signals.
#[derive(Clone, Default)]
pub struct Queue {
    /// In the order they came.
    pub list: VecDeque<Pending>,
}

impl Queue {
    /// Adds one. Standard signals wait once.
    pub fn push(&mut self, p: Pending, realtime: bool) -> bool {
        if !realtime && self.list.iter().any(|q| q.signal == p.signal) {
            return false;
        }
        if self.list.len() >= 1024 {
            return false;
        }
        self.list.push_back(p);
        true
    }

    /// The set of waiting signals.
    pub fn set(&self) -> u128 {
        self.list.iter().fold(0, |s, p| s | bit(p.signal))
    }

    /// Takes the first of the lowest-numbered signal outside `blocked`; faults go first.
    pub fn take(&mut self, blocked: u128) -> Option<Pending> {
        let fits = |p: &Pending| bit(p.signal) & blocked == 0;
        let at = self
            .list
            .iter()
            .position(|p| matches!(p.detail, Detail::Fault { .. }) && fits(p))
            .or_else(|| {
                (0..self.list.len())
                    .filter(|&i| fits(&self.list[i]))
                    .min_by_key(|&i| self.list[i].signal)
            })?;
        self.list.remove(at)
    }

    /// Drops signals of a set.
    pub fn drop_set(&mut self, set: u128) {
        self.list.retain(|p| bit(p.signal) & set == 0);
    }
}

/// A signal's bit in a set.
pub fn bit(signal: u32) -> u128 {
    if (1..=128).contains(&signal) {
        1 << (signal - 1)
    } else {
        0
    }
}

/// The life of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// Has running threads.
    Alive,
    /// Stopped by a signal.
    Stopped,
    /// Ended, with a wait status; not yet waited for.
    Zombie(u32),
}

/// An interval timer: next expiry (0: off) and interval, nanoseconds.
#[derive(Clone, Copy, Default, Debug)]
pub struct Interval {
    /// Next expiry.
    pub due: u64,
    /// Interval.
    pub every: u64,
}

/// A POSIX timer.
#[derive(Clone, Copy, Debug)]
pub struct PosixTimer {
    /// Its times.
    pub at: Interval,
    /// Signal to send; 0 for none.
    pub signal: u32,
    /// Thread to send it to; 0 for the process.
    pub tid: i32,
    /// Its value.
    pub value: u64,
    /// Clock.
    pub clock: u32,
    /// Overruns.
    pub overrun: i32,
}

/// A process.
pub struct Group {
    /// Number.
    pub pid: i32,
    /// Parent.
    pub ppid: Cell<i32>,
    /// Process group.
    pub pgid: Cell<i32>,
    /// Session.
    pub sid: Cell<i32>,
    /// Threads alive.
    pub threads: RefCell<Vec<i32>>,
    /// Signals sent to the process.
    pub pending: RefCell<Queue>,
    /// Life.
    pub life: Cell<Life>,
    /// A stop (signal) or continue (0xffff) to report to wait.
    pub news: Cell<Option<u32>>,
    /// All threads must end, with this status.
    pub exiting: Cell<Option<u32>>,
    /// Signal to the parent at the end; 0 for none.
    pub exit_signal: Cell<u32>,
    /// Path of the program.
    pub exe: RefCell<Vec<u8>>,
    /// Name.
    pub comm: RefCell<Vec<u8>>,
    /// Memory, of the leader's latest program.
    pub mm: RefCell<Option<Rc<RefCell<Space>>>>,
    /// Descriptors.
    pub files: RefCell<Option<Rc<RefCell<Fds>>>>,
    /// Directories.
    pub fs: RefCell<Rc<RefCell<FsInfo>>>,
    /// Resource limits: soft and hard, by common number.
    pub rlimits: RefCell<[(u64, u64); 16]>,
    /// ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. The latter count CPU time.
    pub itimers: [Cell<Interval>; 3],
    /// POSIX timers.
    pub timers: RefCell<Vec<Option<PosixTimer>>>,
    /// Controlling terminal.
    pub tty: RefCell<Option<Rc<dyn FileOps>>>,
    /// CPU time, of it and of children that were waited for: the host's time that it ran, or, where time is counted, a nanosecond an instruction.
    pub cpu_ns: Cell<u64>,
    /// See `cpu_ns`.
    pub child_cpu_ns: Cell<u64>,
    /// Real, effective, saved user; the same of groups.
    pub ids: Cell<[u32; 6]>,
    /// It ran exec: setpgid by the parent is refused.
    pub execed: Cell<bool>,
    /// prctl(PR_SET_CHILD_SUBREAPER).
    pub subreaper: Cell<bool>,
    /// prctl(PR_SET_PDEATHSIG).
    pub death_signal: Cell<u32>,
    /// Time it began, nanoseconds.
    pub start_ns: u64,
    /// prctl(PR_SET_DUMPABLE).
    pub dumpable: Cell<bool>,
    /// setpriority.
    pub nice: Cell<i32>,
    /// personality(): kept, and without effect.
    pub persona: Cell<u32>,
    /// Process number of its tracer; 0 for none.
    pub tracer: Cell<i32>,
    /// Its first thread is stopped for the tracer.
    pub held: Cell<bool>,
}

/// What a parked task waits for.
#[derive(Clone, Default, Debug)]
pub struct Wait {
    /// Keys.
    pub keys: Vec<Key>,
    /// Or until then.
    pub until: Option<u64>,
    /// A signal handler without SA_RESTART, or any handler if `never_restart`, makes it EINTR.
    pub never_restart: bool,
}

/// A thread's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Run {
    /// Can run.
    Ready,
    /// Parked.
    Waiting,
    /// Stopped by a signal.
    Stopped,
    /// Stopped for its tracer.
    Traced,
}

/// What a new thread changes in the registers copied from its maker.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// Stack pointer; 0 keeps.
    pub sp: u64,
    /// Thread pointer, as [`crate::arch::Arch::clone_tls`] gave it.
    pub tls: Option<(u64, Option<u64>)>,
    /// Where its number is stored in its memory.
    pub set_tid: u64,
}

/// A thread.
pub struct Task {
    /// Number.
    pub tid: i32,
    /// Process.
    pub group: Rc<Group>,
    /// Memory.
    pub mm: Rc<RefCell<Space>>,
    /// Descriptors.
    pub files: Rc<RefCell<Fds>>,
    /// Directories.
    pub fs: Rc<RefCell<FsInfo>>,
    /// Signal actions.
    pub actions: Rc<RefCell<Actions>>,
    /// Saved registers: the vCPU's slots, and the pc.
    pub regs: Vec<u8>,
    /// See `regs`.
    pub pc: u64,
    /// Blocked signals.
    pub blocked: u128,
    /// The mask to put back after sigsuspend and its like.
    pub saved_mask: Option<u128>,
    /// Signals sent to the thread.
    pub pending: Queue,
    /// Alternate stack: address, flags, bytes.
    pub altstack: (u64, u32, u64),
    /// State.
    pub run: Run,
    /// What it waits for.
    pub wait: Option<Wait>,
    /// The system call under way, done again when the wait is over.
    pub syscall: Option<(Event, u32)>,
    /// Deadline of the system call under way.
    pub deadline: Option<u64>,
    /// What the system call under way keeps between tries.
    pub scratch: u64,
    /// Address to clear and wake at the end.
    pub clear_tid: u64,
    /// Robust futexes: head.
    pub robust: u64,
    /// Its beginning is still to be done.
    pub birth: Option<Birth>,
    /// The parent waits in vfork for it to exec or end.
    pub vfork_parent: Option<i32>,
    /// It waits for its vfork child.
    pub vfork_child: Option<i32>,
    /// A futex wake-up came.
    pub futex_woken: bool,
    /// Name.
    pub comm: Vec<u8>,
    /// CPU time.
    pub cpu_ns: u64,
    /// Futex it waits on with, as keys, its bits.
    pub futex: Option<(Vec<(u64, u64)>, u32)>,
    /// Which futex of several woke it.
    pub futex_index: usize,
    /// Its tracer, and how it runs for it.
    pub trace: Option<Box<crate::trace::Trace>>,
}

/// Status of an exit by code.
pub fn exited(code: i32) -> u32 {
    (code as u32 & 0xff) << 8
}

/// Status of an end by signal.
pub fn killed(signal: u32, core: bool) -> u32 {
    signal | if core { 0x80 } else { 0 }
}

/// Whether a signal cannot be caught or blocked.
pub fn untouchable(sig: Sig) -> bool {
    matches!(sig, Sig::Kill | Sig::Stop)
}
