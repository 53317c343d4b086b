//! What differs between the ABIs of Linux: numbers, sizes and the layout of structures. An ABI is data; adding one adds a table of
//! syscall numbers and the few structures that are not the common ones.

pub mod layout;
pub mod mips;
pub mod signals;
pub mod x86;

use crate::errno::Errno;
use layout::StatField;
use signals::Sig;

/// Flag translation: pairs of (guest's bits, common bits).
pub type Flags = &'static [(u32, u32)];

/// An ABI.
pub struct Abi {
    /// Name, as QEMU's target: `mipsel`.
    pub name: &'static str,
    /// What uname says.
    pub machine: &'static str,
    /// `AT_PLATFORM`; empty for none.
    pub platform: &'static str,
    /// Bytes of a `long` and of a pointer.
    pub long: u32,
    /// Big-endian.
    pub big_endian: bool,
    /// Alignment of 64-bit integers in structures.
    pub align64: u32,
    /// 64-bit arguments take two registers; the first has an even number if `pairs_aligned`.
    pub pairs: bool,
    /// See `pairs`.
    pub pairs_aligned: bool,
    /// Lines of `number name`.
    pub syscalls: &'static str,
    /// The lowest number of a syscall.
    pub syscall_base: u32,
    /// Error number of the guest.
    pub errno: fn(Errno) -> u16,
    /// Signals by the guest's numbers, from 1.
    pub signals: &'static [Sig],
    /// Bytes of a signal set.
    pub sigset_bytes: u32,
    /// `struct sigaction` begins with the flags.
    pub sigaction_flags_first: bool,
    /// It has `sa_restorer`.
    pub sigaction_restorer: bool,
    /// siginfo has the code before the error number.
    pub siginfo_code_first: bool,
    /// `stack_t` has the size before the flags.
    pub stack_size_first: bool,
    /// `SIG_BLOCK`; the other two follow.
    pub sig_block: u32,
    /// `SA_` flags: SIGINFO, ONSTACK, RESTART, NODEFER, RESETHAND, NOCLDSTOP, NOCLDWAIT, RESTORER.
    pub sa: signals::SaFlags,
    /// `O_` flags.
    pub open_flags: Flags,
    /// `MAP_` flags.
    pub map_flags: Flags,
    /// `fcntl` commands: F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN, and the 64-bit locks.
    pub fcntl: FcntlNumbers,
    /// `RLIMIT_` numbers: NOFILE, AS, RSS, NPROC, MEMLOCK.
    pub rlimits: [u32; 5],
    /// The value of `RLIM_INFINITY` in the old calls.
    pub rlim_infinity: u64,
    /// `SOCK_STREAM` and `SOCK_DGRAM`.
    pub sock_stream_dgram: (u32, u32),
    /// `SOL_SOCKET`.
    pub sol_socket: u32,
    /// `SO_` options: (guest's, common).
    pub so: Flags,
    /// ioctl numbers: (guest's, common).
    pub ioctls: Flags,
    /// Control characters of a termios, and the index of each of the common ones (VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC,
    /// VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2).
    pub nccs: u32,
    /// See `nccs`.
    pub cc: [u8; 17],
    /// Bit of `TOSTOP` and of `IEXTEN` in `c_lflag`.
    pub lflags: Flags,
    /// `struct stat` of `stat`.
    pub stat: &'static [StatField],
    /// `struct stat64` of `stat64`; empty without one.
    pub stat64: &'static [StatField],
    /// `SIGEV` preamble apart, `epoll_event` is packed (x86-64).
    pub epoll_packed: bool,
    /// `struct statfs` has the MIPS order (frsize behind bsize, files before bavail).
    pub statfs_mips: bool,
    /// `l_sysid` and padding in `struct flock`.
    pub flock_mips: bool,
    /// First address beyond a process's memory.
    pub task_size: u64,
    /// Where the stack ends, below which mappings go. Programs, stacks and mappings lie in the first GiB of addresses modulo 4 GiB, so
    /// that most pages have one distance in the arena ([`crate::mem::frames`]).
    pub stack_top: u64,
    /// Where position independent programs go.
    pub pie_base: u64,
    /// Readable pages can be executed.
    pub read_implies_exec: bool,
    /// `AT_HWCAP`.
    pub hwcap: u64,
    /// pipe() gives the second descriptor in a register.
    pub pipe_in_registers: bool,
    /// clone's last argument is the thread pointer, before it the address for the thread's number.
    pub clone_tls_last: bool,
    /// Times of `shmid64_ds` and `semid64_ds` are followed by a word, for their upper half or for nothing.
    pub ipc_time_pairs: (bool, bool),
}

/// Numbers of `fcntl` commands that differ.
#[derive(Clone, Copy)]
pub struct FcntlNumbers {
    /// F_GETLK, F_SETLK, F_SETLKW.
    pub locks: [u32; 3],
    /// F_GETLK64, F_SETLK64, F_SETLKW64.
    pub locks64: [u32; 3],
    /// F_SETOWN, F_GETOWN.
    pub own: [u32; 2],
}

impl Abi {
    /// Common bits of the guest's `flags`.
    pub fn flags_in(table: Flags, flags: u32) -> u32 {
        let mut known = 0;
        let mut out = 0;
        for &(guest, common) in table {
            known |= guest;
            if guest != 0 && flags & guest == guest {
                out |= common;
            }
        }
        out | flags & !known
    }

    /// The guest's bits of common `flags`.
    pub fn flags_out(table: Flags, flags: u32) -> u32 {
        let mut known = 0;
        let mut out = 0;
        for &(guest, common) in table {
            known |= common;
            if common != 0 && flags & common == common {
                out |= guest;
            }
        }
        out | flags & !known
    }

    /// The common number of the guest's `n`, by a table of numbers.
    pub fn number_in(table: Flags, n: u32) -> u32 {
        table.iter().find(|t| t.0 == n).map_or(n, |t| t.1)
    }

    /// The guest's number of a signal.
    pub fn signal(&self, sig: Sig) -> u32 {
        self.signals
            .iter()
            .position(|&s| s == sig)
            .map_or(0, |i| i as u32 + 1)
    }

    /// What the guest's signal number means; real-time signals are `Sig::Rt`.
    pub fn meaning(&self, n: u32) -> Sig {
        n.checked_sub(1)
            .and_then(|i| self.signals.get(i as usize))
            .copied()
            .unwrap_or(Sig::Rt)
    }

    /// The highest signal number.
    pub fn signal_max(&self) -> u32 {
        self.sigset_bytes * 8
    }

    /// `a` cut to the width of a pointer.
    pub fn ptr(&self, a: u64) -> u64 {
        if self.long == 4 { a as u32 as u64 } else { a }
    }
}
