//! Linux programs in JavaScript: a handle on a kernel whose files lie in memory. Time is counted in instructions, so that a run is the same
//! in every browser; the host may let idle time pass.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array};
use tinamou_jit::Tuning;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::web::WebEngine;
use tinamou_linux::errno::ABSENT;
use tinamou_linux::file::console::Console;
use tinamou_linux::file::{File, Wakes};
use tinamou_linux::target::Target;
use tinamou_linux::vfs::dev::{DevDir, Random};
use tinamou_linux::vfs::fetch::Fetches;
use tinamou_linux::vfs::keep;
use tinamou_linux::vfs::mem::MemNode;
use tinamou_linux::vfs::proc::{ProcNode, Procs};
use tinamou_linux::vfs::sys::SysNode;
use tinamou_linux::vfs::{Attr, Node, Place, Tree, mode, tar};
use tinamou_linux::{ClockSource, Config, End, Host, Kernel, World};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `new Program` takes. */
export interface ProgramOptions {
  target: 'i386' | 'x86_64' | 'mipsel' | 'mips' | 'mips64el' | 'mips64' | 'mipsn32el' | 'mipsn32';
  /** The program's path and its arguments. */
  argv: string[];
  /** `NAME=value`. */
  env?: string[];
  /** Files by path; they can be executed. */
  files?: Record<string, Uint8Array>;
  /** A tar archive, unpacked before. */
  tar?: Uint8Array;
  /** Files that are fetched when they are needed first; their numbers are the places in this list. */
  tree?: TreeEntry[];
  /** What an earlier run with the same files gave as `changes()`. */
  changes?: Uint8Array;
  accel?: 'jit' | 'interp';
  /** CPU model; without it the target's own. */
  cpu?: string;
}

/** A file, link or directory of a tree. `mode` is permissions; `mtime` in seconds. */
export interface TreeEntry {
  path: string;
  kind: 'file' | 'link' | 'directory';
  mode: number;
  size: number;
  mtime: number;
  /** Where a link leads; without it, it is fetched. */
  target?: string;
}

/**
 * How a slice of a program ended; `status` is wait's, `idleNs` how long all processes sleep (infinite: until input comes). `fetch`: they wait for
 * files (`takeWanted`, `arrived`).
 */
export interface ProgramEnd {
  kind: 'budget' | 'idle' | 'exit' | 'fetch';
  status: number;
  idleNs: number;
  icount: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// `ProgramOptions` of the section above.
    #[wasm_bindgen(typescript_type = "ProgramOptions")]
    pub type JsProgramOptions;
    /// `ProgramEnd` of the section above.
    #[wasm_bindgen(typescript_type = "ProgramEnd")]
    pub type JsProgramEnd;
}

/// A program and the processes it makes.
#[wasm_bindgen]
pub struct Program {
    kernel: Kernel,
    console: Rc<Console>,
    log: Rc<RefCell<Vec<String>>>,
    root: Rc<MemNode>,
    fetches: Rc<Fetches>,
    /// Stands for the files to be fetched.
    tree: u64,
    /// The first process, until what it runs is there.
    start: Option<Start>,
}

/// What the first process is made from.
struct Start {
    argv: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    place: Rc<Place>,
}

/// Puts a tree's entries there; gives a number that is another for other entries (FNV-1a).
fn plant(root: &MemNode, list: &JsValue, fetches: &Rc<Fetches>) -> Result<u64, JsValue> {
    let mut all = 0xcbf2_9ce4_8422_2325u64;
    for (id, entry) in (0u32..).zip(Array::from(list).iter()) {
        let text = |name: &str| field(&entry, name).and_then(|v| v.as_string());
        let number = |name: &str| field(&entry, name).and_then(|v| v.as_f64());
        let path = text("path").ok_or_else(|| fail("a tree's entry has no path"))?;
        let bits = number("mode").unwrap_or(0.0) as u32 & 0o7777;
        let bytes = number("size").unwrap_or(0.0) as u64;
        let mtime = number("mtime").unwrap_or(0.0) as i64;
        let words = [bytes.to_le_bytes(), mtime.to_le_bytes()].concat();
        for &b in path.as_bytes().iter().chain(&words) {
            all = (all ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
        }
        let put = |r: tinamou_linux::errno::Res<Rc<MemNode>>| {
            r.map_err(|e| fail(&format!("{path}: {}", e.name())))
        };
        let at = path.as_bytes();
        let node = match text("kind").as_deref() {
            Some("directory") => put(root.put(at, mode::DIR | bits, &[]))?,
            Some("link") => put(match text("target") {
                Some(target) => root.put(at, mode::LNK | 0o777, target.as_bytes()),
                None => root.put_absent(at, mode::LNK | 0o777, bytes, id, fetches),
            })?,
            _ => put(root.put_absent(at, bits, bytes, id, fetches))?,
        };
        let attr = Attr {
            mtime: Some((mtime, 0)),
            ..Attr::default()
        };
        put(node.set_attr(&attr).map(|()| node))?;
    }
    Ok(all)
}

struct Log(Rc<RefCell<Vec<String>>>);

impl Host for Log {
    fn monotonic_ns(&mut self) -> u64 {
        0
    }

    fn realtime_ns(&mut self) -> u64 {
        0
    }

    fn log(&mut self, line: &str) {
        let mut log = self.0.borrow_mut();
        if log.len() < 1000 {
            log.push(line.to_owned());
        }
    }
}

fn fail(text: &str) -> JsValue {
    js_sys::Error::new(text).into()
}

fn field(options: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(options, &name.into())
        .ok()
        .filter(|v| !v.is_undefined() && !v.is_null())
}

fn strings(v: Option<JsValue>) -> Vec<Vec<u8>> {
    let list = v.map_or_else(Array::new, |v| Array::from(&v));
    list.iter()
        .filter_map(|s| s.as_string())
        .map(String::into_bytes)
        .collect()
}

fn bytes(v: &JsValue, name: &str) -> Result<Vec<u8>, JsValue> {
    match v.dyn_ref::<Uint8Array>() {
        Some(a) => Ok(a.to_vec()),
        None => Err(fail(&format!("`{name}` must be a Uint8Array"))),
    }
}

#[wasm_bindgen]
impl Program {
    /// Loads a program.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(constructor)]
    pub fn new(options: JsProgramOptions) -> Result<Program, JsValue> {
        let options: JsValue = options.into();
        let name = field(&options, "target")
            .and_then(|v| v.as_string())
            .ok_or_else(|| fail("`target` is missing"))?;
        let target = Target::by_name(&name).ok_or_else(|| fail(&format!("no target `{name}`")))?;
        let argv = strings(field(&options, "argv"));
        if argv.is_empty() {
            return Err(fail("`argv` names no program"));
        }
        let interp = field(&options, "accel")
            .and_then(|v| v.as_string())
            .is_some_and(|v| v == "interp");
        let model = field(&options, "cpu").and_then(|v| v.as_string());
        let (arch, cpu) = target
            .make(&model.unwrap_or_default())
            .map_err(|e| fail(&e))?;
        let epoch = 1_700_000_000i64;
        let tree_now = Rc::new(Cell::new((epoch, 0)));
        let root = MemNode::tree(1, &tree_now);
        let put = |r: tinamou_linux::errno::Res<()>, what: &str| {
            r.map_err(|e| fail(&format!("{what}: {}", e.name())))
        };
        for dir in ["tmp", "root", "etc", "dev", "proc"] {
            put(root.dirs(dir.as_bytes()).map(drop), dir)?;
        }
        let wakes = Wakes::default();
        let fetches = Fetches::new(&wakes);
        let planted = match field(&options, "tree") {
            Some(list) => plant(&root, &list, &fetches)?,
            None => 0,
        };
        if let Some(archive) = field(&options, "tar") {
            put(tar::load(&root, &bytes(&archive, "tar")?), "tar")?;
        }
        if let Some(files) = field(&options, "files") {
            for pair in Object::entries(&files.unchecked_into()).iter() {
                let pair = Array::from(&pair);
                let path = pair.get(0).as_string().unwrap_or_default();
                let content = bytes(&pair.get(1), &path)?;
                put(
                    root.put(path.as_bytes(), mode::REG | 0o755, &content)
                        .map(drop),
                    &path,
                )?;
            }
        }
        root.seal();
        if let Some(changes) = field(&options, "changes") {
            put(
                keep::load(&root, &bytes(&changes, "changes")?, &fetches, planted),
                "changes",
            )?;
        }
        let procs = Rc::new(Procs::default());
        let mut seed = 0x9e37_79b9_7f4a_7c15u64;
        let random: Random = Rc::new(RefCell::new(move |buf: &mut [u8]| {
            for b in buf {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                *b = (seed >> 32) as u8;
            }
        }));
        let node: Rc<dyn Node> = root.clone();
        let place = Place::root(node);
        let mut tree = Tree {
            root: place.clone(),
            mounts: Default::default(),
            prefix: None,
        };
        tree.mounts.insert(
            b"dev".to_vec(),
            DevDir::new(&random, &procs, MemNode::tree(16, &tree_now), None),
        );
        tree.mounts
            .insert(b"proc".to_vec(), ProcNode::root(&procs, None));
        tree.mounts.insert(b"sys".to_vec(), SysNode::root(None));
        let console = Console::new(&wakes);
        let log = Rc::new(RefCell::new(Vec::new()));
        let config = Config {
            arch,
            cpu,
            tuning: Tuning::browser(),
            clock: ClockSource::Counted {
                epoch_ns: epoch as u64 * 1_000_000_000,
            },
            release: "6.1.0".into(),
            strace: false,
            stack_bytes: 8 << 20,
            ids: [0; 4],
            umask: 0o22,
            max_tasks: 1024,
        };
        let world = World {
            tree,
            procs,
            host: Box::new(Log(log.clone())),
            random,
            tree_now,
            wakes,
            net: None,
        };
        let kernel = Kernel::new(config, world, |_arena| {
            if interp {
                return Ok(None);
            }
            let engine: Box<dyn Engine> = Box::new(WebEngine::new().map_err(|e| e.to_string())?);
            Ok(Some(engine))
        })
        .map_err(|e| fail(&e))?;
        let env = strings(field(&options, "env"));
        let mut program = Program {
            kernel,
            console,
            log,
            root,
            fetches,
            tree: planted,
            start: Some(Start { argv, env, place }),
        };
        program.begin()?;
        Ok(program)
    }

    /// Makes the first process, unless what it runs must be fetched first.
    fn begin(&mut self) -> Result<(), JsValue> {
        let Some(Start { argv, env, place }) = &self.start else {
            return Ok(());
        };
        let path = argv.first().cloned().unwrap_or_default();
        let files = [0, 1, 2]
            .map(|fd| File::new(self.console.stream(fd), if fd == 0 { 0 } else { 1 }, None));
        let made = self
            .kernel
            .spawn(&path, argv.clone(), env.clone(), place.clone(), files);
        match made {
            Ok(()) => self.start = None,
            Err(e) if e == ABSENT => {}
            Err(e) => {
                let text = format!("{}: {}", String::from_utf8_lossy(&path), e.name());
                return Err(fail(&text));
            }
        }
        Ok(())
    }

    /// Runs up to about `insns` instructions.
    ///
    /// # Errors
    /// A program that was to be fetched cannot be run.
    #[wasm_bindgen(js_name = runSlice)]
    pub fn run_slice(&mut self, insns: f64) -> Result<JsProgramEnd, JsValue> {
        self.begin()?;
        let end = match &self.start {
            Some(_) => End::Idle {
                timeout_ns: None,
                fds: Vec::new(),
            },
            None => self.kernel.run(insns as u64),
        };
        let (kind, status, idle) = match end {
            End::Idle { .. } if self.fetches.any() => ("fetch", 0, 0.0),
            End::Budget | End::Debug(_) => ("budget", 0, 0.0),
            End::Exit(status) => ("exit", status, 0.0),
            End::Idle {
                timeout_ns: None, ..
            } if self.kernel.status().is_some() => ("exit", self.kernel.status().unwrap_or(0), 0.0),
            End::Idle { timeout_ns, .. } => {
                ("idle", 0, timeout_ns.map_or(f64::INFINITY, |ns| ns as f64))
            }
        };
        let o = Object::new();
        let icount = self.kernel.vcpu.icount() as f64;
        for (name, v) in [
            ("kind", kind.into()),
            ("status", status.into()),
            ("idleNs", idle.into()),
            ("icount", icount.into()),
        ] {
            // A plain object takes any property.
            let _ = Reflect::set(&o, &JsValue::from(name), &v);
        }
        Ok(o.unchecked_into())
    }

    /// The places in `tree` of files that are wanted since the last call.
    #[wasm_bindgen(js_name = takeWanted)]
    pub fn take_wanted(&mut self) -> Vec<u32> {
        self.fetches.take()
    }

    /// The contents of one have arrived; without any, reading it is an error.
    pub fn arrived(&mut self, id: u32, contents: Option<Vec<u8>>) {
        self.fetches.arrived(id, contents);
    }

    /// What was changed in the files, for `changes` of another run.
    ///
    /// # Errors
    /// None that a program can cause.
    pub fn changes(&self) -> Result<Uint8Array, JsValue> {
        let all = keep::save(&self.root, self.tree).map_err(|e| fail(e.name()))?;
        Ok(Uint8Array::from(all.as_slice()))
    }

    /// Another number after each change of the files.
    pub fn revision(&self) -> f64 {
        self.root.revision() as f64
    }

    /// Lets virtual time pass while all processes sleep.
    pub fn skip(&mut self, ns: f64) {
        self.kernel.skip(ns as u64);
    }

    /// Types at the standard input.
    pub fn input(&mut self, data: &[u8]) {
        self.console.type_in(data);
    }

    /// Ends the standard input.
    #[wasm_bindgen(js_name = endInput)]
    pub fn end_input(&mut self) {
        self.console.end();
    }

    /// What was written since the last call to the output (1) or the errors (2).
    #[wasm_bindgen(js_name = takeOutput)]
    pub fn take_output(&mut self, fd: u32) -> Uint8Array {
        Uint8Array::from(self.console.take((fd == 2) as usize).as_slice())
    }

    /// Lines of the kernel's log since the last call.
    #[wasm_bindgen(js_name = takeLog)]
    pub fn take_log(&mut self) -> Vec<String> {
        core::mem::take(&mut *self.log.borrow_mut())
    }
}
