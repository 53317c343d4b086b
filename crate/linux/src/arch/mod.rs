//! What differs between instruction sets: registers at system calls, what a fault means, signal frames.

pub mod mips;
pub mod x86;

use tinamou_ir::guest::State;

use crate::abi::Abi;
use crate::abi::signals::Sig;
use crate::errno::{ENOSYS, Res};
use crate::guest::Event;
use crate::mem::Space;

/// What an event of the CPU means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// A system call.
    Syscall,
    /// A signal: which, its si_code, its address.
    Signal(Sig, i32, u64),
    /// It has been seen to.
    Done,
}

/// What goes into a signal frame.
pub struct Frame<'a> {
    /// The signal's number.
    pub signal: u32,
    /// The siginfo structure; `None` for a handler without it.
    pub info: &'a [u8],
    /// Handler.
    pub handler: u64,
    /// The flags say SA_SIGINFO.
    pub siginfo: bool,
    /// The mask to restore.
    pub mask: u128,
    /// Stack pointer to build the frame below.
    pub sp: u64,
    /// The alternate stack in force: address, flags, bytes.
    pub altstack: (u64, u32, u64),
    /// `sa_restorer`, or 0.
    pub restorer: u64,
    /// Address of [`Arch::trampoline`]'s code.
    pub trampoline: u64,
}

/// What a signal frame gave back.
pub struct Restored {
    /// The signal mask.
    pub mask: u128,
    /// The alternate stack (rt_sigreturn).
    pub altstack: Option<(u64, u32, u64)>,
}

/// A set of registers, as debuggers ask for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegSet {
    /// PTRACE_GETREGS.
    General,
    /// NT_PRSTATUS: those of core files.
    Core,
    /// Floating point.
    Fp,
    /// x86's FXSAVE image.
    Fx,
    /// x86's XSAVE image.
    Extended,
}

/// An instruction set with an ABI.
pub trait Arch {
    /// The ABI.
    fn abi(&self) -> &Abi;
    /// The ABI of its other table of system calls: i386's from 64-bit programs.
    fn other_abi(&self) -> Option<&Abi> {
        None
    }
    /// Whether an event is a call by the other table.
    fn is_other(&self, _event: &Event) -> bool {
        false
    }
    /// [`Arch::abi`] and the arguments are the other ABI's from now on, or no more.
    fn use_other(&self, _on: bool) {}
    /// Whether an ELF file is for it: machine and flags of its header, its class (64-bit) and byte order.
    fn accepts(&self, machine: u16, flags: u32, wide: bool, big_endian: bool) -> bool;
    /// Number of the system call.
    fn syscall_number(&self, st: &State) -> u32;
    /// Argument `n` in a register, or the address of its place on the stack.
    fn arg(&self, st: &State, n: usize) -> Result<u64, u64>;
    /// Sets what the system call gives.
    fn set_result(&self, st: &State, result: Res<u64>);
    /// The second value of pipe() and its like.
    fn set_second(&self, st: &State, v: u64);
    /// The pc behind the system call instruction.
    fn skip_syscall(&self, st: &State, event: &Event);
    /// The pc and number of the system call again.
    fn restart_syscall(&self, st: &State, event: &Event, number: u32);
    /// What an event means. The space is for looking at the instruction.
    fn meaning(&self, st: &State, space: &mut Space, event: &Event) -> Meaning;
    /// Stack pointer.
    fn sp(&self, st: &State) -> u64;
    /// Sets the stack pointer.
    fn set_sp(&self, st: &State, v: u64);
    /// Registers of a program's first instruction, over those of a fresh process.
    fn start(&self, st: &State, pc: u64, sp: u64);
    /// Sets the thread pointer.
    fn set_tls(&self, st: &State, v: u64);
    /// What clone's argument says of the thread pointer, for [`Arch::set_clone_tls`]: read with the call, as its maker's stack goes on changing.
    ///
    /// # Errors
    /// EFAULT, EINVAL, where the argument is a structure in memory.
    fn clone_tls(&self, _space: &mut Space, v: u64) -> Res<(u64, Option<u64>)> {
        Ok((v, None))
    }
    /// Sets a new thread's pointer.
    fn set_clone_tls(&self, st: &State, tls: (u64, Option<u64>)) {
        self.set_tls(st, tls.0);
    }
    /// set_thread_area, or get_thread_area if `get`.
    ///
    /// # Errors
    /// EFAULT, EINVAL, ESRCH.
    fn thread_area(&self, st: &State, _space: &mut Space, at: u64, get: bool) -> Res<()> {
        if get {
            return Err(ENOSYS);
        }
        self.set_tls(st, at);
        Ok(())
    }
    /// The base of FS or (`gs`) GS, and its new value, where instructions do not set it.
    fn segment_base(&self, _st: &State, _gs: bool, _set: Option<u64>) -> Option<u64> {
        None
    }
    /// Appends what a thread has beside the vCPU's slots.
    fn save_thread(&self, _out: &mut Vec<u8>) {}
    /// Takes what `save_thread` gave.
    fn load_thread(&self, _bytes: &[u8]) {}
    /// Text of /proc/cpuinfo.
    fn cpuinfo(&self) -> String;
    /// Forgets a load-linked: another thread ran.
    fn clear_exclusive(&self, st: &State);
    /// The code that signal handlers return to.
    fn trampoline(&self) -> Vec<u8>;
    /// Registers of a traced thread; `orig` is the number of its system call.
    ///
    /// # Errors
    /// EINVAL for a set there is not.
    fn registers(&self, st: &State, set: RegSet, orig: u64) -> Res<Vec<u8>>;
    /// Sets registers of a traced thread.
    ///
    /// # Errors
    /// EINVAL, EFAULT for too few bytes.
    fn set_registers(&self, st: &State, set: RegSet, b: &[u8], orig: &mut u64) -> Res<()>;
    /// PTRACE_PEEKUSR, and PTRACE_POKEUSR with a value to `set`.
    ///
    /// # Errors
    /// EIO, EINVAL.
    fn user_word(&self, st: &State, at: u64, orig: &mut u64, set: Option<u64>) -> Res<u64>;
    /// Its AUDIT_ARCH_ number.
    fn audit(&self) -> u32;
    /// PTRACE_GET_THREAD_AREA.
    ///
    /// # Errors
    /// EINVAL.
    fn traced_area(&self, st: &State, n: u64) -> Res<Vec<u8>>;
    /// The running thread has watchpoints in its CPU's debug registers.
    fn is_watching(&self) -> bool {
        false
    }
    /// It has none any more.
    fn clear_watches(&self) {}
    /// It has single steps.
    fn can_step(&self) -> bool {
        false
    }
    /// Traps after each instruction from now on, or no more.
    fn set_step(&self, _st: &State, _on: bool) {}
    /// The registers as a tracer sees them at the entry of a system call.
    fn at_entry(&self, _st: &State) {}
    /// The number of the system call a tracer held.
    fn entered_number(&self, st: &State, _orig: u64) -> u32 {
        self.syscall_number(st)
    }
    /// Builds the frame and enters the handler.
    ///
    /// # Errors
    /// EFAULT if the stack cannot be written.
    fn push_signal(&self, st: &State, space: &mut Space, frame: &Frame<'_>) -> Res<()>;
    /// Restores the registers of the frame the handler returns from.
    ///
    /// # Errors
    /// EFAULT if the stack cannot be read.
    fn pop_signal(&self, st: &State, space: &mut Space, rt: bool) -> Res<Restored>;
}
