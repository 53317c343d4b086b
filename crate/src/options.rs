//! The command line: QEMU's options for the programs this one stands for. [`table`] is the only list of them.
//!
//! Parsing opens no file and touches no machine; what comes out is [`Options`], or text to print.

use tinamou_control::PanicAction;
use tinamou_machine::{Accel, Arch, Target};

pub mod chardev;
pub mod drive;
pub mod keyval;
pub mod log;
pub mod monitor;
pub mod net;
pub mod pc;
pub mod program;
pub mod qom;
pub mod rtc;
pub mod share;
mod table;
#[cfg(test)]
mod tests;

use chardev::{Chardev, Made};
use drive::Drive;
use monitor::Monitor;
use pc::Boot;
use rtc::RtcBase;
use table::{Arg, Opt, TABLE};

/// `-icount`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icount {
    /// log2 of the nanoseconds of one instruction.
    pub shift: u32,
    /// Whether an idle machine sleeps in real time.
    pub sleep: bool,
}

/// Everything asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The emulated architecture.
    pub target: &'static Target,
    /// Board.
    pub machine: String,
    /// CPU model; empty for the default.
    pub cpu: String,
    /// RAM; `None` for the board's default.
    pub ram_bytes: Option<u64>,
    /// Number of vCPUs.
    pub cpus: Option<u32>,
    /// Kernel file.
    pub kernel: Option<String>,
    /// Initial RAM disk file.
    pub initrd: Option<String>,
    /// Kernel command line.
    pub append: Option<String>,
    /// Device tree file.
    pub dtb: Option<String>,
    /// Firmware file.
    pub bios: Option<String>,
    /// Folders of firmware files.
    pub firmware_folders: Vec<String>,
    /// `-boot`.
    pub boot: Option<Boot>,
    /// The port of a PC's `isa-debug-exit`.
    pub debug_exit: Option<u16>,
    /// Objects, back ends and images to make first.
    pub early: Vec<qom::Early>,
    /// Cards on the PCI bus: the arguments of `device_add`.
    pub devices: Vec<serde_json::Value>,
    /// Folders to share by 9P.
    pub shares: Vec<share::Share>,
    /// Where a PC's debug output leads.
    pub debug_console: Option<Chardev>,
    /// The display adapter is there.
    pub vga: bool,
    /// Serial ports as asked for, in order.
    pub serial: Vec<Chardev>,
    /// `-nographic`.
    pub nographic: bool,
    /// `-display none`.
    pub display_none: bool,
    /// `-display curses`: the screen is drawn in this terminal.
    pub curses: bool,
    /// `-nodefaults`.
    pub nodefaults: bool,
    /// Character devices by id.
    pub chardevs: Vec<Made>,
    /// Monitors, in order.
    pub monitors: Vec<Monitor>,
    /// `-monitor` or a like option was given: there is no default monitor.
    pub monitor_given: bool,
    /// `-S`: the machine waits for `cont`.
    pub paused: bool,
    /// `-loadvm`.
    pub loadvm: Option<String>,
    /// `-incoming`.
    pub incoming: Option<String>,
    /// `--preconfig`: the machine is not made before it is told.
    pub preconfig: bool,
    /// `-name`.
    pub name: Option<String>,
    /// `-uuid`.
    pub uuid: Option<String>,
    /// Drives, in order.
    pub drives: Vec<Drive>,
    /// `-snapshot`.
    pub snapshot: bool,
    /// `-gdb`, or `-s`.
    pub gdb: Option<Chardev>,
    /// `-d`.
    pub log: log::Items,
    /// `-D`.
    pub log_file: Option<String>,
    /// `-icount`.
    pub icount: Option<Icount>,
    /// `-accel`.
    pub accel: Accel,
    /// The board's network interface.
    pub board_net: net::Board,
    /// Exit where the guest resets.
    pub no_reboot: bool,
    /// Stay where the guest powers off.
    pub no_shutdown: bool,
    /// When the guest says that it broke.
    pub panic: PanicAction,
    /// When a watchdog is not kept quiet.
    pub watchdog: Option<&'static str>,
    /// `-rtc`.
    pub rtc_base: Option<RtcBase>,
    /// Our own, for scripts.
    pub x: Own,
}

/// Options of our own, for tests and benchmarks: not in `-h`.
#[derive(Clone, Default, Debug)]
pub struct Own {
    /// Print figures at exit.
    pub stats: bool,
    /// Print where the time went with them.
    pub timing: bool,
    /// Print the state hash at exit.
    pub state_hash: bool,
    /// Exit when the console has said this.
    pub exit_on: Option<String>,
    /// Script of what is typed when.
    pub input: Option<String>,
    /// Give up after this many instructions.
    pub max_insns: Option<u64>,
}

impl Options {
    /// The defaults of a program.
    pub fn new(target: &'static Target) -> Options {
        Options {
            target,
            machine: target.board().name.into(),
            cpu: String::new(),
            ram_bytes: None,
            cpus: None,
            kernel: None,
            initrd: None,
            append: None,
            dtb: None,
            bios: None,
            firmware_folders: Vec::new(),
            boot: None,
            debug_exit: None,
            early: Vec::new(),
            devices: Vec::new(),
            shares: Vec::new(),
            debug_console: None,
            vga: true,
            serial: Vec::new(),
            nographic: false,
            display_none: false,
            curses: false,
            nodefaults: false,
            chardevs: Vec::new(),
            monitors: Vec::new(),
            monitor_given: false,
            paused: false,
            loadvm: None,
            incoming: None,
            preconfig: false,
            name: None,
            uuid: None,
            drives: Vec::new(),
            snapshot: false,
            gdb: None,
            log: log::Items::default(),
            log_file: None,
            icount: None,
            accel: Accel::Jit,
            board_net: net::Board::default(),
            no_reboot: false,
            no_shutdown: false,
            panic: PanicAction::default(),
            watchdog: None,
            rtc_base: None,
            x: Own::default(),
        }
    }

    /// Where each serial port leads: as asked for, else the first one to this terminal.
    ///
    /// Without `-display` it is as with `-nographic`, since there is no window. With `-display curses` it leads to a console there.
    pub fn serial_ports(&self) -> Vec<Chardev> {
        if !self.serial.is_empty() {
            return self.serial.clone();
        }
        if self.curses {
            return if self.nodefaults {
                Vec::new()
            } else {
                vec![Chardev::Vc]
            };
        }
        let display_none = self.display_none && !self.nographic;
        // Whoever takes this terminal without a word about the display wants nothing else on it.
        let taken = !self.nographic && self.stdio_uses() > 0;
        if display_none || self.nodefaults || taken {
            return Vec::new();
        }
        // With a monitor elsewhere QEMU does not multiplex this terminal.
        vec![Chardev::Stdio {
            mux: !self.monitor_given,
        }]
    }

    /// Whether the display's first console is a monitor.
    pub fn monitor_console(&self) -> bool {
        self.curses && !self.monitor_given && !self.nodefaults
    }

    /// How many options name this terminal.
    fn stdio_uses(&self) -> usize {
        let here = |c: &&Chardev| matches!(c, Chardev::Stdio { .. });
        self.devs().filter(here).count()
    }

    /// Whether an option names a console of the display.
    fn consoles(&self) -> bool {
        self.devs().any(|c| *c == Chardev::Vc)
    }

    /// All character devices that options name.
    fn devs(&self) -> impl Iterator<Item = &Chardev> {
        let monitors = self.monitors.iter().map(|m| &m.dev);
        let made = self.chardevs.iter().map(|m| &m.dev);
        let serial = self.serial.iter().chain(&self.debug_console);
        serial.chain(monitors).chain(made)
    }
}

/// What the command line comes to.
#[derive(Debug)]
pub enum Parsed {
    /// Run a machine; with warnings to show first.
    Run(Box<Options>, Vec<String>),
    /// Print this and exit.
    Print(String),
}

/// How one option ends the parsing.
enum Stop {
    /// Print this and exit.
    Print(String),
    /// A mistake.
    Error(String),
}

impl From<String> for Stop {
    fn from(message: String) -> Stop {
        Stop::Error(message)
    }
}

/// What options are applied to.
struct Parser {
    name: String,
    options: Options,
    warnings: Vec<String>,
}

/// Reads the whole command line, `args[0]` included.
///
/// # Errors
/// One line for the user.
pub fn parse(args: &[String]) -> Result<Parsed, String> {
    let (program, name, rest) = program::find(args)?;
    let target = match program {
        program::Program::System(target) => target,
        program::Program::Itself => return itself(&rest[0]),
    };
    let mut parser = Parser {
        name,
        options: Options::new(target),
        warnings: Vec::new(),
    };
    match parser.all(rest).and_then(|()| Ok(parser.check()?)) {
        Ok(()) => Ok(Parsed::Run(Box::new(parser.options), parser.warnings)),
        Err(Stop::Print(text)) => Ok(Parsed::Print(text)),
        Err(Stop::Error(message)) => Err(message),
    }
}

/// Options before any program's name.
fn itself(word: &str) -> Result<Parsed, String> {
    match word.trim_start_matches('-') {
        "h" | "help" => Ok(Parsed::Print(format!(
            "usage: tinamou PROGRAM [options]\n\nPROGRAM is QEMU's program name without `qemu-`; tinamou PROGRAM -h lists its options.\n{}\n",
            program::programs()
        ))),
        "version" | "V" => Ok(Parsed::Print(version("tinamou"))),
        _ => Err(format!(
            "{word}: the program's name comes first; {}",
            program::programs()
        )),
    }
}

fn version(name: &str) -> String {
    format!(
        "{name}: Tinamou {}, options as QEMU's\n",
        env!("CARGO_PKG_VERSION")
    )
}

impl Parser {
    fn all(&mut self, args: &[String]) -> Result<(), Stop> {
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let Some(word) = arg.strip_prefix('-').filter(|w| !w.is_empty()) else {
                // A bare word is a disk, as with QEMU.
                self.options
                    .drives
                    .push(Drive::at(0, drive::Media::Disk, arg));
                continue;
            };
            let word = word.strip_prefix('-').unwrap_or(word);
            let opt =
                find(word).ok_or_else(|| format!("{arg}: invalid option; use -h for the list"))?;
            let value = match opt.arg {
                Arg::None => "",
                Arg::Takes(_) => args
                    .next()
                    .ok_or_else(|| format!("{arg}: requires an argument"))?,
            };
            (opt.apply)(self, value).map_err(|stop| match stop {
                Stop::Error(message) if value.is_empty() => {
                    Stop::Error(format!("{arg}: {message}"))
                }
                Stop::Error(message) => Stop::Error(format!("{arg} {value}: {message}")),
                print => print,
            })?;
        }
        Ok(())
    }

    /// What only the whole command line shows.
    fn check(&mut self) -> Result<(), String> {
        self.options.board_net.settle(self.options.nodefaults);
        let o = &self.options;
        if o.kernel.is_none() {
            for (given, name) in [
                (&o.initrd, "-initrd"),
                (&o.append, "-append"),
                (&o.dtb, "-dtb"),
            ] {
                if given.is_some() {
                    return Err(format!("{name} only allowed with -kernel option"));
                }
            }
        }
        let implied = usize::from(o.serial.is_empty() && o.nographic && !o.nodefaults);
        if o.curses && o.stdio_uses() + implied > 0 {
            return Err("-display curses has this terminal for itself".into());
        }
        if !o.curses && o.consoles() {
            return Err("'vc' needs -display curses".into());
        }
        if o.stdio_uses() + implied > 1 {
            return Err("cannot use stdio by multiple character devices".into());
        }
        let pc = o.target.arch == Arch::X86;
        let floppy_or_virtio = |d: &Drive| d.interface != drive::Interface::Ide;
        for (given, name) in [
            (o.boot.is_some(), "-boot"),
            (o.debug_exit.is_some(), "-device isa-debug-exit"),
            (o.debug_console.is_some(), "the debug console"),
            (o.drives.iter().any(floppy_or_virtio), "such a drive"),
        ] {
            if given && !pc {
                return Err(format!("{name}: only the PC has that"));
            }
        }
        if pc && o.dtb.is_some() {
            return Err("-dtb: the PC has no device trees".into());
        }
        monitor::check(o)?;
        if o.dtb.is_some() && (o.append.is_some() || o.initrd.is_some()) {
            let why = "the kernel finds both in the tree's /chosen node";
            return Err(format!("-dtb excludes -append and -initrd: {why}"));
        }
        Ok(())
    }
}

fn find(word: &str) -> Option<&'static Opt> {
    TABLE.iter().find(|o| o.names.contains(&word))
}
