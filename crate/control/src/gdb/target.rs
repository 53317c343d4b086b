//! What the stub debugs: a machine, or a program without one.

use tinamou_machine::Machine;
use tinamou_machine::debug::{DebugDescription, Hit, Watch};

/// Something with registers, memory and threads. Threads have numbers from 1 on; a machine's are its vCPUs.
pub trait Target {
    /// gdb's view of the registers.
    fn description(&mut self) -> Option<DebugDescription>;
    /// A register of the thread looked at, by gdb's number.
    fn register(&mut self, number: u32) -> Option<Vec<u8>>;
    /// Sets it; true if that could be done.
    fn set_register(&mut self, number: u32, bytes: &[u8]) -> bool;
    /// Sets the program counter of the thread looked at.
    fn set_pc(&mut self, va: u64);
    /// Reads memory; false if part of it does not answer.
    fn read(&mut self, at: u64, physical: bool, data: &mut [u8]) -> bool;
    /// Writes memory, rights notwithstanding.
    fn write(&mut self, at: u64, physical: bool, data: &[u8]) -> bool;
    /// Sets a breakpoint.
    fn set_breakpoint(&mut self, va: u64);
    /// Takes it away.
    fn clear_breakpoint(&mut self, va: u64);
    /// Sets a watchpoint.
    fn set_watch(&mut self, watch: Watch);
    /// Takes it away.
    fn clear_watch(&mut self, watch: Watch);
    /// Takes all of both away.
    fn clear_debug(&mut self);
    /// What stopped it; `None` after a step.
    fn take_hit(&mut self) -> Option<Hit>;
    /// The instruction at the pc is run next, whatever stopped there.
    fn step_off(&mut self);
    /// The threads there are.
    fn threads(&mut self) -> Vec<u32>;
    /// The thread looked at.
    fn thread(&mut self) -> u32;
    /// Looks at another.
    fn look_at(&mut self, thread: u32);
    /// Looks at the one that runs next.
    fn look_at_turn(&mut self) {}
    /// A line about a thread.
    fn thread_text(&mut self, thread: u32) -> String;
    /// The machine, if it is one.
    fn machine(&mut self) -> Option<&mut Machine> {
        None
    }
    /// The program, if it is one.
    fn process(&mut self) -> Option<&mut dyn Process> {
        None
    }
}

/// What a file is, as far as gdb asks.
#[derive(Clone, Copy, Default, Debug)]
pub struct FileStat {
    /// Type and permissions, in POSIX numbers.
    pub mode: u32,
    /// Bytes.
    pub bytes: u64,
    /// Modification time, in seconds.
    pub mtime: u32,
}

/// What a program has beside a machine. Error numbers are gdb's, which are those of Linux up to 40.
pub trait Process {
    /// The auxiliary vector.
    fn auxv(&mut self) -> Vec<u8>;
    /// Absolute path of the program, as it sees it.
    fn path(&mut self) -> Vec<u8>;
    /// The thread looked at goes on with this signal, gdb's number; 0 for none.
    fn go_on_with(&mut self, signal: u8);
    /// Opens a file, as the program sees it, for reading.
    ///
    /// # Errors
    /// An error number.
    fn open(&mut self, path: &[u8]) -> Result<u32, u32>;
    /// Closes it.
    ///
    /// # Errors
    /// An error number.
    fn close(&mut self, fd: u32) -> Result<(), u32>;
    /// Reads it.
    ///
    /// # Errors
    /// An error number.
    fn pread(&mut self, fd: u32, at: u64, data: &mut [u8]) -> Result<usize, u32>;
    /// What it is.
    ///
    /// # Errors
    /// An error number.
    fn fstat(&mut self, fd: u32) -> Result<FileStat, u32>;
    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// An error number.
    fn readlink(&mut self, path: &[u8]) -> Result<Vec<u8>, u32>;
}

impl Target for Machine {
    fn description(&mut self) -> Option<DebugDescription> {
        self.debug_description()
    }

    fn register(&mut self, number: u32) -> Option<Vec<u8>> {
        Machine::register(self, number)
    }

    fn set_register(&mut self, number: u32, bytes: &[u8]) -> bool {
        Machine::set_register(self, number, bytes)
    }

    fn set_pc(&mut self, va: u64) {
        Machine::set_pc(self, va);
    }

    fn read(&mut self, at: u64, physical: bool, data: &mut [u8]) -> bool {
        if physical {
            self.read_physical(at, data)
        } else {
            self.read_virtual(at, data)
        }
    }

    fn write(&mut self, at: u64, physical: bool, data: &[u8]) -> bool {
        if physical {
            self.write_physical(at, data)
        } else {
            self.write_virtual(at, data)
        }
    }

    fn set_breakpoint(&mut self, va: u64) {
        Machine::set_breakpoint(self, va);
    }

    fn clear_breakpoint(&mut self, va: u64) {
        Machine::clear_breakpoint(self, va);
    }

    fn set_watch(&mut self, watch: Watch) {
        Machine::set_watch(self, watch);
    }

    fn clear_watch(&mut self, watch: Watch) {
        Machine::clear_watch(self, watch);
    }

    fn clear_debug(&mut self) {
        Machine::clear_debug(self);
    }

    fn take_hit(&mut self) -> Option<Hit> {
        Machine::take_hit(self)
    }

    fn step_off(&mut self) {
        Machine::step_off(self);
    }

    fn threads(&mut self) -> Vec<u32> {
        (1..=self.vcpus()).collect()
    }

    fn thread(&mut self) -> u32 {
        self.cpu() as u32 + 1
    }

    fn look_at(&mut self, thread: u32) {
        self.look_at_cpu(thread as usize - 1);
    }

    fn look_at_turn(&mut self) {
        Machine::look_at_turn(self);
    }

    fn thread_text(&mut self, thread: u32) -> String {
        let n = thread as usize - 1;
        let what = if self.is_cpu_halted(n) {
            "halted "
        } else {
            "running"
        };
        format!("CPU#{n} [{what}]")
    }

    fn machine(&mut self) -> Option<&mut Machine> {
        Some(self)
    }
}
