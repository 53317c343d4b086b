//! `-g PORT`: gdb's stub of [`tinamou_control::gdb`] for a program. Before the first instruction it waits for the client, as QEMU does.
//!
//! Everything is process 1 for gdb, as with QEMU 7.2, and threads have the numbers they have for themselves. Beyond QEMU 7.2 the program's files
//! can be read (`vFile`), so that gdb needs neither the program nor its libraries: `target remote :PORT`.

use std::rc::Rc;
use std::time::Duration;

use tinamou_control::gdb::{Debuggee, FileStat, Process, Stub, Target};
use tinamou_linux::abi::signals::Sig;
use tinamou_linux::debug::Why;
use tinamou_linux::errno::Errno;
use tinamou_linux::file::FileOps;
use tinamou_linux::{End, Kernel};
use tinamou_machine::debug::{DebugDescription, Hit, Watch};

use crate::gdb;
use crate::host::serial::Port;
use crate::host::wait::Set;

/// Instructions between two looks at the client.
const SLICE: u64 = 10_000_000;
/// Open files at most.
const FILES: usize = 64;
const EBADF: u32 = 9;
const EMFILE: u32 = 24;

/// gdb's numbers (include/gdb/signals.def) of signals in [`Sig`]'s order.
const NUMBERS: [(Sig, u8); 33] = [
    (Sig::Hup, 1),
    (Sig::Int, 2),
    (Sig::Quit, 3),
    (Sig::Ill, 4),
    (Sig::Trap, 5),
    (Sig::Abrt, 6),
    (Sig::Emt, 7),
    (Sig::Bus, 10),
    (Sig::Fpe, 8),
    (Sig::Kill, 9),
    (Sig::Usr1, 30),
    (Sig::Segv, 11),
    (Sig::Usr2, 31),
    (Sig::Pipe, 13),
    (Sig::Alrm, 14),
    (Sig::Term, 15),
    // gdb has no name for it.
    (Sig::Stkflt, 143),
    (Sig::Chld, 20),
    (Sig::Cont, 19),
    (Sig::Stop, 17),
    (Sig::Tstp, 18),
    (Sig::Ttin, 21),
    (Sig::Ttou, 22),
    (Sig::Urg, 16),
    (Sig::Xcpu, 24),
    (Sig::Xfsz, 25),
    (Sig::Vtalrm, 26),
    (Sig::Prof, 27),
    (Sig::Winch, 28),
    (Sig::Io, 23),
    (Sig::Pwr, 32),
    (Sig::Sys, 12),
    (Sig::Rt, 143),
];

/// gdb's number of a guest's signal.
fn number(k: &Kernel, signal: u32) -> u8 {
    match (k.abi().meaning(signal), signal) {
        (Sig::Rt, 33..=63) => (45 + signal - 33) as u8,
        (Sig::Rt, 32) => 77,
        (Sig::Rt, 64..=127) => (78 + signal - 64) as u8,
        (sig, _) => NUMBERS.iter().find(|n| n.0 == sig).map_or(143, |n| n.1),
    }
}

/// The guest's number of a signal of gdb's; 0 for none.
fn signal(k: &Kernel, number: u8) -> u32 {
    let n = u32::from(number);
    match number {
        0 | 143 => 0,
        45..=75 => 33 + n - 45,
        77 => 32,
        78..=141 => 64 + n - 78,
        _ => NUMBERS
            .iter()
            .find(|s| s.1 == number)
            .map_or(0, |s| k.abi().signal(s.0)),
    }
}

/// The program, as the stub sees it.
struct Program<'a> {
    k: &'a mut Kernel,
    files: &'a mut Vec<Option<Rc<dyn FileOps>>>,
    /// What the client lets it go on with, its own number.
    signal: u32,
    hit: Option<Hit>,
    /// The client ends it.
    killed: &'a mut bool,
}

impl Debuggee for Program<'_> {
    fn target(&mut self) -> &mut dyn Target {
        self
    }

    fn set_running(&mut self, _running: bool) {}

    fn monitor(&mut self, _line: &str) -> Option<String> {
        None
    }

    fn quit(&mut self) {
        *self.killed = true;
    }
}

impl Target for Program<'_> {
    fn description(&mut self) -> Option<DebugDescription> {
        self.k.debug_description()
    }

    fn register(&mut self, number: u32) -> Option<Vec<u8>> {
        self.k.debug_register(number)
    }

    fn set_register(&mut self, number: u32, bytes: &[u8]) -> bool {
        self.k.set_debug_register(number, bytes)
    }

    fn set_pc(&mut self, va: u64) {
        self.k.set_debug_pc(va);
    }

    fn read(&mut self, at: u64, _physical: bool, data: &mut [u8]) -> bool {
        self.k.debug_read(at, data)
    }

    fn write(&mut self, at: u64, _physical: bool, data: &[u8]) -> bool {
        self.k.debug_write(at, data)
    }

    fn set_breakpoint(&mut self, va: u64) {
        self.k.debug_break(va, true);
    }

    fn clear_breakpoint(&mut self, va: u64) {
        self.k.debug_break(va, false);
    }

    fn set_watch(&mut self, watch: Watch) {
        self.k.debug_watch(watch, true);
    }

    fn clear_watch(&mut self, watch: Watch) {
        self.k.debug_watch(watch, false);
    }

    fn clear_debug(&mut self) {
        self.k.vcpu.clear_debug();
    }

    fn take_hit(&mut self) -> Option<Hit> {
        self.hit.take()
    }

    fn step_off(&mut self) {}

    fn threads(&mut self) -> Vec<u32> {
        let all = self.k.debugged_threads();
        all.into_iter().map(|t| t as u32).collect()
    }

    fn thread(&mut self) -> u32 {
        self.k.debugged_thread() as u32
    }

    fn look_at(&mut self, thread: u32) {
        self.k.look_at(thread as i32);
    }

    fn thread_text(&mut self, thread: u32) -> String {
        let task = self.k.tasks.get(&(thread as i32));
        task.map_or_else(String::new, |t| {
            String::from_utf8_lossy(&t.comm).into_owned()
        })
    }

    fn process(&mut self) -> Option<&mut dyn Process> {
        Some(self)
    }
}

fn why(e: Errno) -> u32 {
    e.0.into()
}

impl Program<'_> {
    fn file(&self, fd: u32) -> Result<Rc<dyn FileOps>, u32> {
        let file = self.files.get(fd as usize).and_then(Clone::clone);
        file.ok_or(EBADF)
    }

    fn find(&mut self, path: &[u8], follow: bool) -> Result<Rc<tinamou_linux::vfs::Place>, u32> {
        let tid = self.k.debugged_thread();
        let fs = self.k.tasks.get(&tid).map(|t| t.fs.clone());
        let fs = fs.ok_or(EBADF)?;
        let (cwd, root) = (fs.borrow().cwd.clone(), fs.borrow().root.clone());
        self.k.tree.find(&cwd, &root, path, follow).map_err(why)
    }
}

impl Process for Program<'_> {
    fn auxv(&mut self) -> Vec<u8> {
        let tid = self.k.debugged_thread();
        let mm = self.k.tasks.get(&tid).map(|t| t.mm.clone());
        mm.map_or_else(Vec::new, |mm| mm.borrow().auxv.clone())
    }

    fn path(&mut self) -> Vec<u8> {
        let tid = self.k.debugged_thread();
        let group = self.k.tasks.get(&tid).map(|t| t.group.clone());
        group.map_or_else(Vec::new, |g| g.exe.borrow().clone())
    }

    fn go_on_with(&mut self, number: u8) {
        self.signal = signal(self.k, number);
    }

    fn open(&mut self, path: &[u8]) -> Result<u32, u32> {
        let free = self.files.iter().position(Option::is_none);
        if free.is_none() && self.files.len() >= FILES {
            return Err(EMFILE);
        }
        let ops = self.find(path, true)?.node.open(0).map_err(why)?;
        let fd = free.unwrap_or_else(|| {
            self.files.push(None);
            self.files.len() - 1
        });
        self.files[fd] = Some(ops);
        Ok(fd as u32)
    }

    fn close(&mut self, fd: u32) -> Result<(), u32> {
        self.file(fd)?;
        self.files[fd as usize] = None;
        Ok(())
    }

    fn pread(&mut self, fd: u32, at: u64, data: &mut [u8]) -> Result<usize, u32> {
        self.file(fd)?.read_at(at, data).map_err(why)
    }

    fn fstat(&mut self, fd: u32) -> Result<FileStat, u32> {
        let s = self.file(fd)?.stat().map_err(why)?;
        Ok(FileStat {
            mode: s.mode,
            bytes: s.size,
            mtime: s.mtime.0 as u32,
        })
    }

    fn readlink(&mut self, path: &[u8]) -> Result<Vec<u8>, u32> {
        self.find(path, false)?.node.readlink().map_err(why)
    }
}

/// The stub and where its client is.
pub struct Gdb {
    port: Port,
    stub: Stub,
    files: Vec<Option<Rc<dyn FileOps>>>,
    killed: bool,
}

impl Gdb {
    /// Listens at a TCP port, or at a unix socket if `place` is no number.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(place: &str) -> Result<Gdb, String> {
        let word = match place.parse::<u16>() {
            Ok(port) => format!("tcp::{port}"),
            Err(_) => format!("unix:{place}"),
        };
        Ok(Gdb {
            port: Port::open(&gdb::device(&word)?, "gdb").map_err(|e| format!("-g: {e}"))?,
            stub: Stub::default(),
            files: Vec::new(),
            killed: false,
        })
    }

    fn with<T>(
        &mut self,
        k: &mut Kernel,
        hit: Option<Hit>,
        f: impl FnOnce(&mut Stub, &mut Program<'_>) -> T,
    ) -> T {
        let stood = !self.stub.is_running();
        let mut p = Program {
            k,
            files: &mut self.files,
            signal: 0,
            hit,
            killed: &mut self.killed,
        };
        let r = f(&mut self.stub, &mut p);
        let signal = p.signal;
        if stood && self.stub.is_attached() && self.stub.is_running() {
            k.debug_resume(signal, self.stub.is_stepping());
        }
        let out = self.stub.take_output();
        if !out.is_empty() {
            self.port.write(&out);
        }
        r
    }

    /// Hears the client and answers.
    fn poll(&mut self, k: &mut Kernel) {
        self.port.flush();
        self.port.accept();
        let bytes = self.port.read_bytes();
        let open = self.port.is_open();
        self.with(k, None, |stub, p| {
            if !open {
                return stub.detach(p);
            }
            if !stub.is_attached() {
                p.k.attach_debugger();
                stub.attach(p);
            }
            stub.receive(p, &bytes);
        });
    }

    fn set(&self) -> Set {
        let mut set = Set::default();
        self.port.watch(&mut set, true);
        set
    }

    /// Runs the program to its end; `wait` waits for the host. Gives the wait status.
    pub fn run(
        mut self,
        k: &mut Kernel,
        mut wait: impl FnMut(&mut Kernel, Option<u64>, &[(i32, u32)]),
    ) -> u32 {
        let mut had_client = false;
        loop {
            self.poll(k);
            if self.killed {
                self.port.finish();
                return k.abi().signal(Sig::Kill);
            }
            let attached = self.stub.is_attached();
            if had_client && !attached {
                // It runs on alone.
                k.detach_debugger();
                self.port.finish();
                return k.run_to_end(wait);
            }
            had_client = attached;
            if !attached || !self.stub.is_running() {
                self.set().wait(None::<Duration>);
                continue;
            }
            match k.run(SLICE) {
                End::Exit(status) => {
                    self.ended(k, status);
                    return status;
                }
                End::Budget => wait(k, Some(0), &[]),
                End::Idle { timeout_ns, fds } => {
                    if timeout_ns.is_none()
                        && fds.is_empty()
                        && let Some(status) = k.status()
                    {
                        self.ended(k, status);
                        return status;
                    }
                    wait(k, timeout_ns, &[fds, self.set().descriptors()].concat());
                }
                End::Debug(why) => {
                    let hit = match why {
                        Why::Hit(hit) => Some(hit),
                        Why::Step | Why::Signal(_) => None,
                    };
                    self.with(k, hit, |stub, p| match why {
                        Why::Signal(n) => {
                            let n = number(p.k, n);
                            stub.signalled(p, n);
                        }
                        Why::Hit(_) | Why::Step => stub.hit(p),
                    });
                }
            }
        }
    }

    fn ended(&mut self, k: &mut Kernel, status: u32) {
        self.with(k, None, |stub, p| match status & 0x7f {
            0 => stub.exited((status >> 8) as u8),
            n => stub.killed(number(p.k, n)),
        });
        self.port.finish();
    }
}
