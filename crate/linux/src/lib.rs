//! Linux programs of another architecture, without a machine: user mode.
//!
//! Rooms: [`abi`] (what differs between ABIs: numbers and layouts, as data), [`arch`] (registers, faults, signal frames, tracers' registers),
//! [`guest`] (the vCPU's guest object in user mode), [`mem`] (frames and address spaces), [`exec`] (ELF, scripts, the first stack), [`kernel`]
//! (what there is), `program` (the first one, and exec), `sched` (whose turn it is, and the way of a system call), [`sys`] (the system calls, each
//! declared once), [`signal`], `timers`, [`trace`] (ptrace's stops), [`life`] (beginning and end of processes), [`task`], [`file`] (open files),
//! [`vfs`] (trees of files), [`strace`].
//!
//! All processes and threads run inside the one emulator, in turn, over one vCPU: the same natively and in a browser. A further guest adds an
//! [`arch::Arch`], an [`abi::Abi`] with its syscall numbers, and the structures that are its own.
//!
//! Invariants: nothing blocks (a call that must wait is parked and made again); guest input never panics; a path never leads out of the root;
//! without the `host` feature nothing here knows an operating system.
//!
//! Missing: fanotify, namespaces, seccomp filters (accepted, not run), io_uring, a vDSO (as under QEMU 7.2 the auxiliary vector
//! names none, and programs make the calls), 16 KiB pages; x86's
//! local descriptor tables.

pub mod abi;
pub mod arch;
pub mod debug;
pub mod errno;
pub mod exec;
pub mod file;
pub mod guest;
pub mod kernel;
pub mod life;
pub mod mem;
mod program;
mod sched;
pub mod signal;
pub mod strace;
pub mod sys;
pub mod target;
pub mod task;
mod timers;
pub mod trace;
pub mod vfs;

pub use kernel::{ClockSource, Config, End, Host, Kernel, World};
