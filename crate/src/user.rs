//! Linux programs: `tinamou mipsel [options] program [arguments]`, with the options of QEMU's user mode, or linked as `tinamou-mipsel`.
//!
//! The host of [`tinamou_linux`]: it knows the clocks, the terminal and the host's files, and waits when every process waits.

mod gdb;

use std::cell::{Cell, RefCell};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tinamou_jit::Tuning;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_linux::abi::signals::{COMMON, Sig};
use tinamou_linux::file::{File, FileOps, Wakes};
use tinamou_linux::target::Target;
use tinamou_linux::vfs::dev::{DevDir, Random};
use tinamou_linux::vfs::host::{self, HostFile, HostNode};
use tinamou_linux::vfs::mem::MemNode;
use tinamou_linux::vfs::proc::{ProcNode, Procs};
use tinamou_linux::vfs::sys::SysNode;
use tinamou_linux::vfs::{Place, Tree};
use tinamou_linux::{ClockSource, Config, Host, Kernel, World};

/// What the command line asks for.
struct Options {
    target: &'static Target,
    prefix: Option<Vec<u8>>,
    root: Option<Vec<u8>>,
    set: Vec<Vec<u8>>,
    unset: Vec<Vec<u8>>,
    argv0: Option<Vec<u8>>,
    stack_bytes: u64,
    cpu: String,
    strace: bool,
    release: String,
    counted: bool,
    interp: bool,
    /// Runs of a block before it is compiled.
    hot: Option<u32>,
    stats: bool,
    max_insns: Option<u64>,
    /// Where gdb's stub listens.
    gdb: Option<String>,
    program: Vec<Vec<u8>>,
}

const HELP: &str = "\
usage: tinamou TARGET [options] program [arguments...]
  -h, -help           this text
  -version            version
  -L path             look below path first for what programs name absolutely
  -root path          programs see path as / and nothing outside it
  -E var=value        set a variable (more with commas)
  -U var              remove a variable
  -0 argv0            the program's name for itself
  -s bytes            size of the stack
  -cpu model          CPU model (-cpu help lists them)
  -r release          kernel release that uname says
  -strace             log system calls
  -icount             time is counted in instructions
  -interp             no compiled code
  -hot N              compile what has run N times, at once
  -g port             wait there for gdb (a number, or the path of a unix socket)
  -R bytes, -B addr, -p bytes, -plugin: accepted as QEMU has them; address space and page size are fixed
The same from the environment: QEMU_LD_PREFIX, QEMU_SET_ENV, QEMU_UNSET_ENV, QEMU_ARGV0, QEMU_STACK_SIZE, QEMU_CPU, QEMU_STRACE, QEMU_UNAME, QEMU_GDB.
";

/// The target a program name or first word stands for.
pub fn target(args: &[std::ffi::OsString]) -> Option<(&'static Target, usize)> {
    let own = std::path::Path::new(args.first()?).file_name()?.to_str()?;
    if let Some(t) = own.strip_prefix("tinamou-").and_then(Target::by_name) {
        return Some((t, 1));
    }
    Some((Target::by_name(args.get(1)?.to_str()?)?, 2))
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let n = digits
        .strip_prefix("0x")
        .map_or_else(|| digits.parse(), |h| u64::from_str_radix(h, 16));
    n.ok()
        .and_then(|n| n.checked_mul(scale))
        .filter(|&n| n > 0)
        .ok_or_else(|| format!("invalid size '{text}'"))
}

/// Options, or text to print.
fn parse(target: &'static Target, args: Vec<Vec<u8>>) -> Result<Result<Options, String>, String> {
    let env = |name: &str| std::env::var_os(name).map(OsStringExt::into_vec);
    let text = |v: Vec<u8>| String::from_utf8_lossy(&v).into_owned();
    let list = |v: Option<Vec<u8>>| {
        v.map_or(Vec::new(), |v| {
            v.split(|&b| b == b',').map(<[u8]>::to_vec).collect()
        })
    };
    let mut o = Options {
        target,
        prefix: env("QEMU_LD_PREFIX"),
        root: None,
        set: list(env("QEMU_SET_ENV")),
        unset: list(env("QEMU_UNSET_ENV")),
        argv0: env("QEMU_ARGV0"),
        stack_bytes: env("QEMU_STACK_SIZE").map_or(Ok(8 << 20), |v| size(&text(v)))?,
        cpu: env("QEMU_CPU").map_or_else(String::new, text),
        strace: env("QEMU_STRACE").is_some(),
        release: env("QEMU_UNAME").map_or_else(|| "6.1.0".into(), text),
        counted: false,
        interp: false,
        hot: None,
        stats: false,
        max_insns: None,
        gdb: env("QEMU_GDB").map(text),
        program: Vec::new(),
    };
    let mut it = args.into_iter();
    while let Some(arg) = it.next() {
        let name = match arg.strip_prefix(b"-") {
            Some(n) if !n.is_empty() => {
                String::from_utf8_lossy(n.strip_prefix(b"-").unwrap_or(n)).into_owned()
            }
            _ => {
                o.program.push(arg);
                o.program.extend(it);
                break;
            }
        };
        let mut value = || it.next().ok_or_else(|| format!("-{name} needs a value"));
        match &name[..] {
            "" => {
                o.program.extend(it);
                break;
            }
            "h" | "help" => return Ok(Err(HELP.into())),
            "version" => {
                return Ok(Err(format!(
                    "tinamou-{} version {}\n",
                    target.name,
                    env!("CARGO_PKG_VERSION")
                )));
            }
            "L" => o.prefix = Some(value()?),
            "root" => o.root = Some(value()?),
            "E" => o.set.extend(list(Some(value()?))),
            "U" => o.unset.extend(list(Some(value()?))),
            "0" => o.argv0 = Some(value()?),
            "s" => o.stack_bytes = size(&text(value()?))?,
            "cpu" => o.cpu = text(value()?),
            "r" => o.release = text(value()?),
            "strace" => o.strace = true,
            "icount" => o.counted = true,
            "interp" => o.interp = true,
            "hot" => o.hot = Some(size(&text(value()?))?.min(1 << 30) as u32),
            "x-stats" => o.stats = true,
            "x-max-insns" => o.max_insns = Some(size(&text(value()?))?),
            "g" => o.gdb = Some(text(value()?)),
            "R" | "B" | "p" | "plugin" | "d" | "D" | "seed" => drop(value()?),
            "one-insn-per-tb" | "singlestep" => {}
            _ => return Err(format!("unknown option '-{name}'; -h lists them")),
        }
    }
    if o.cpu == "help" {
        return Ok(Err(target
            .cpu_names()
            .iter()
            .map(|n| format!("{n}\n"))
            .collect()));
    }
    if o.program.is_empty() {
        return Ok(Err(HELP.into()));
    }
    Ok(Ok(o))
}

struct Clocks {
    start: Instant,
}

impl Host for Clocks {
    fn monotonic_ns(&mut self) -> u64 {
        // Far enough from zero that no program takes it for "none".
        self.start.elapsed().as_nanos() as u64 + 1_000_000_000_000
    }

    fn realtime_ns(&mut self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos() as u64)
    }

    fn log(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

fn environment(o: &Options) -> Vec<Vec<u8>> {
    let mut env: Vec<Vec<u8>> = std::env::vars_os()
        .filter(|(k, _)| !k.as_bytes().starts_with(b"QEMU_"))
        .map(|(k, v)| [k.as_bytes(), b"=", v.as_bytes()].concat())
        .collect();
    let name = |v: &[u8]| v[..v.iter().position(|&b| b == b'=').unwrap_or(v.len())].to_vec();
    for u in &o.unset {
        env.retain(|v| name(v) != *u);
    }
    for s in &o.set {
        env.retain(|v| name(v) != name(s));
        env.push(s.clone());
    }
    env
}

fn make(o: &Options) -> Result<(Kernel, Rc<Place>), String> {
    let why =
        |e: tinamou_linux::errno::Errno| std::io::Error::from_raw_os_error(e.0 as i32).to_string();
    let (arch, cpu) = o.target.make(&o.cpu)?;
    let procs = Rc::new(Procs::default());
    let tree_now = Rc::new(Cell::new((0, 0)));
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let counted = o.counted;
    let random: Random = Rc::new(RefCell::new(move |buf: &mut [u8]| {
        if !counted {
            return host::random(buf);
        }
        for b in buf {
            // xorshift64: a counted run is the same every time.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *b = (state >> 32) as u8;
        }
    }));
    let root_path = o.root.clone().unwrap_or_else(|| b"/".to_vec());
    let open = |p: &[u8]| {
        HostNode::open_path(p).map_err(|e| format!("{}: {}", String::from_utf8_lossy(p), why(e)))
    };
    let root = Place::root(open(&root_path)?);
    let [dev, proc, sys] = match o.root {
        Some(_) => [None, None, None],
        None => [b"/dev", b"/proc" as &[u8], b"/sys"].map(|p| open(p).ok()),
    };
    let shm = MemNode::tree(16, &tree_now);
    let mut tree = Tree {
        root: root.clone(),
        mounts: Default::default(),
        prefix: None,
    };
    tree.mounts
        .insert(b"dev".to_vec(), DevDir::new(&random, &procs, shm, dev));
    tree.mounts
        .insert(b"proc".to_vec(), ProcNode::root(&procs, proc));
    tree.mounts.insert(b"sys".to_vec(), SysNode::root(sys));
    if let Some(p) = &o.prefix {
        tree.prefix = Some(Place::root(open(p)?));
    }
    let cwd = match (&o.root, std::env::current_dir()) {
        (None, Ok(d)) => tree
            .find(&root, &root, d.as_os_str().as_bytes(), true)
            .map_err(why)?,
        _ => root,
    };
    let [uid, euid, gid, egid] = host::ids();
    let tuning = match o.hot {
        Some(runs) => Tuning {
            warm_part: 1,
            batch: 1,
            patience_slices: 1,
            ..Tuning::eager(runs)
        },
        None => Tuning::native(),
    };
    let config = Config {
        arch,
        cpu,
        tuning,
        clock: if counted {
            ClockSource::Counted {
                epoch_ns: 1_700_000_000_000_000_000,
            }
        } else {
            ClockSource::Host
        },
        release: o.release.clone(),
        strace: o.strace,
        stack_bytes: o.stack_bytes,
        ids: [uid, euid, gid, egid],
        umask: host::clear_umask(),
        max_tasks: 4096,
    };
    let world = World {
        tree,
        procs,
        host: Box::new(Clocks {
            start: Instant::now(),
        }),
        random,
        tree_now,
        wakes: Wakes::default(),
        net: Some(tinamou_linux::vfs::host_net::socket),
    };
    let interp = o.interp;
    let kernel = Kernel::new(config, world, |arena| {
        if interp {
            return Ok(None);
        }
        let made = if o.hot.is_some() {
            WasmtimeEngine::synchronous(arena)
        } else {
            WasmtimeEngine::new(arena, 1)
        };
        let engine = made.map_err(|e| e.to_string())?;
        Ok(Some(Box::new(engine) as Box<dyn Engine>))
    })?;
    Ok((kernel, cwd))
}

/// Runs a program. The exit status is its own; an end by signal is repeated on the emulator itself.
pub fn main(target: &'static Target, args: Vec<std::ffi::OsString>) -> ExitCode {
    let args = args.into_iter().map(OsStringExt::into_vec).collect();
    let o = match parse(target, args) {
        Ok(Ok(o)) => o,
        Ok(Err(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(e) => {
            eprintln!("tinamou-{}: {e}", target.name);
            return ExitCode::from(1);
        }
    };
    match run(&o) {
        Ok(status) => finish(&o, status),
        Err(e) => {
            eprintln!("tinamou-{}: {e}", target.name);
            // As execve fails in a shell.
            ExitCode::from(255)
        }
    }
}

fn run(o: &Options) -> Result<u32, String> {
    let begin = Instant::now();
    let (mut kernel, cwd) = make(o)?;
    let mut files = Vec::new();
    for fd in 0..3 {
        let (ops, flags): (Rc<dyn FileOps>, u32) = match HostFile::inherited(fd) {
            Ok((f, flags)) => (f, flags),
            // Closed: as if it were /dev/null.
            Err(_) => (
                HostNode::open_path(b"/dev/null")
                    .and_then(|n| n.open(2))
                    .map_err(|e| format!("/dev/null: {e:?}"))?,
                2,
            ),
        };
        files.push(File::new(ops, flags, None));
    }
    let Ok(files) = <[Rc<File>; 3]>::try_from(files) else {
        return Err("no standard descriptors".into());
    };
    let path = o.program[0].clone();
    let mut argv = o.program.clone();
    if let Some(a) = &o.argv0 {
        argv[0].clone_from(a);
    }
    let envp = environment(o);
    kernel.spawn(&path, argv, envp, cwd, files).map_err(|e| {
        let why = std::io::Error::from_raw_os_error(e.0 as i32);
        format!("{}: {why}", String::from_utf8_lossy(&path))
    })?;
    // Signals of the terminal and of kill go to the program.
    let forwarded = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGTERM,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGWINCH,
    ];
    host::catch(&forwarded);
    host::ignore_pipe();
    let counted = o.counted;
    let wait = |k: &mut Kernel, timeout: Option<u64>, fds: &[(i32, u32)]| {
        let ready = match timeout {
            // Counted time passes at once.
            Some(ns) if counted => {
                k.skip(ns);
                if fds.is_empty() {
                    Vec::new()
                } else {
                    host::wait(fds, Some(0))
                }
            }
            Some(0) if fds.is_empty() => Vec::new(),
            _ => host::wait(fds, timeout),
        };
        let fds: Vec<(i32, u32)> = if timeout == Some(0) && fds.is_empty() {
            host::wait(&k.host_fds(), Some(0))
        } else {
            ready
        };
        k.host_ready(&fds);
        if o.max_insns.is_some_and(|max| k.vcpu.icount() > max) {
            k.kill_all();
        }
        while let Some(n) = host::take_caught() {
            let sig = COMMON.get(n as usize - 1).copied().unwrap_or(Sig::Term);
            k.host_signal(sig);
        }
    };
    let status = match &o.gdb {
        Some(place) => gdb::Gdb::open(place)?.run(&mut kernel, wait),
        None => kernel.run_to_end(wait),
    };
    if o.stats {
        eprintln!("{}", stats(&mut kernel, begin));
    }
    // Taking it apart would only cost time; files written through mappings must reach their files.
    kernel.kill_all();
    std::mem::forget(kernel);
    Ok(status)
}

fn stats(k: &mut Kernel, begin: Instant) -> String {
    let s = k.vcpu.stats;
    format!(
        "{{\"insns\":{},\"interpreted\":{},\"lifted\":{},\"calls\":{},\"exceptions\":{},\"resumes\":{},\"uncached\":{},\"refused\":{},\"slow\":{},\"wall\":{:.3}}}",
        k.vcpu.icount(),
        s.interpreted,
        s.lifted,
        s.calls,
        s.exceptions,
        s.resumes,
        s.uncached,
        s.refused,
        k.vcpu.cache_figures().1,
        begin.elapsed().as_secs_f64()
    )
}

fn finish(o: &Options, status: u32) -> ExitCode {
    if status & 0x7f == 0 {
        return ExitCode::from((status >> 8) as u8);
    }
    let Ok((arch, _)) = o.target.make("") else {
        return ExitCode::FAILURE;
    };
    let sig = arch.abi().meaning(status & 0x7f);
    eprintln!(
        "tinamou: uncaught target signal {} (SIG{}){}",
        status & 0x7f,
        sig.name(),
        if status & 0x80 != 0 {
            " - core dumped"
        } else {
            ""
        }
    );
    host::die(sig.common() as i32);
    ExitCode::from(128 + sig.common() as u8)
}
