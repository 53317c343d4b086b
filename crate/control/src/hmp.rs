//! The monitor for people: QEMU's command lines, prompts and texts. [`all`] and [`infos`] are the only lists of what
//! it knows; most of it goes through the machine protocol's commands, so that both say the same.

pub mod dump;
pub mod expr;
pub mod info;
pub mod readline;
mod state;
mod words;

use serde_json::{Map, Value, json};
use tinamou_machine::Arch;

use crate::controller::{Controller, MonitorId, RunState, Speech};
use crate::cx::Cx;
use crate::driven::Host;
use crate::qmp;
use readline::{Did, Readline};
use words::Words;

const PROMPT: &str = "(qemu) ";
/// Bytes that may be typed while a command is not done.
const TYPED_AHEAD: usize = 4096;

/// One monitor's state.
#[derive(Debug, Default)]
pub struct Hmp {
    readline: Readline,
    /// A command is not done yet: what is typed meanwhile waits.
    waits: Option<Vec<u8>>,
}

impl Hmp {
    /// What somebody sees who has just come.
    pub(crate) fn greeting(&self) -> String {
        let (a, b, c) = qmp::QEMU_VERSION;
        format!(
            "Tinamou {} monitor, as QEMU {a}.{b}.{c}'s - type 'help' for more information\r\n{PROMPT}",
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// What a line comes to: its output, or what is wrong with it.
pub(crate) type Said = Result<String, Wrong>;

/// What is wrong with a line.
pub(crate) enum Wrong {
    /// The command could not do it.
    Error(String),
    /// The line is not what the command takes.
    Usage(String),
}

impl From<crate::error::Error> for Wrong {
    fn from(e: crate::error::Error) -> Wrong {
        Wrong::Error(e.desc)
    }
}

/// A command.
pub struct HmpCommand {
    /// Its names, apart by `|`.
    pub names: &'static str,
    /// Its parameters, for the help.
    pub params: &'static str,
    /// Its line in the help.
    pub help: &'static str,
    /// It is allowed before the machine is there.
    pub preconfig: bool,
    pub(crate) run: fn(&mut Cx<'_>, &mut Words<'_>) -> Said,
}

const fn cmd(
    names: &'static str,
    params: &'static str,
    help: &'static str,
    run: fn(&mut Cx<'_>, &mut Words<'_>) -> Said,
) -> HmpCommand {
    HmpCommand {
        names,
        params,
        help,
        preconfig: false,
        run,
    }
}

/// As [`cmd`], allowed in preconfig.
const fn early(
    names: &'static str,
    params: &'static str,
    help: &'static str,
    run: fn(&mut Cx<'_>, &mut Words<'_>) -> Said,
) -> HmpCommand {
    HmpCommand {
        preconfig: true,
        ..cmd(names, params, help, run)
    }
}

/// All commands but `info`'s.
pub fn all() -> impl Iterator<Item = &'static HmpCommand> {
    COMMANDS.iter().chain(state::COMMANDS)
}

/// All of `info`'s commands.
pub fn infos() -> impl Iterator<Item = &'static HmpCommand> {
    info::COMMANDS.iter().chain(state::INFOS)
}

/// Those without a file of their own.
static COMMANDS: &[HmpCommand] = &[
    cmd(
        "change",
        "device filename [format]",
        "put another medium into a drive",
        |cx, w| {
            let mut args = json!({"device": w.word("device")?, "filename": w.word("filename")?});
            if let Some(format) = w.optional() {
                args["format"] = format.into();
            }
            w.end()?;
            quiet(cx, "blockdev-change-medium", args)
        },
    ),
    cmd(
        "chardev-remove",
        "id",
        "remove a character device",
        |cx, w| {
            let args = json!({"id": w.word("id")?});
            quiet(cx, "chardev-remove", args)
        },
    ),
    cmd("chardev-send-break", "id", "send a break", |cx, w| {
        let args = json!({"id": w.word("id")?});
        quiet(cx, "chardev-send-break", args)
    }),
    cmd("cont|c", "", "let the machine run", |cx, w| {
        w.end()?;
        quiet(cx, "cont", json!({}))
    }),
    cmd(
        "cpu",
        "index",
        "choose a vCPU",
        |cx, w| match usize::try_from(w.number()?) {
            Ok(n) if n < cx.machine()?.cpus() => {
                cx.ctl.monitor_cpu = n;
                Ok(String::new())
            }
            _ => Ok("invalid CPU index\n".into()),
        },
    ),
    early(
        "block_resize",
        "device size",
        "change a drive's size (in MiB, or with a letter)",
        |cx, w| {
            let device = w.word("device")?;
            let word = w.word("size")?;
            let letter = word.trim_start_matches(|c: char| c.is_ascii_digit());
            let shift = match letter {
                "" | "M" | "m" => 20,
                "G" | "g" => 30,
                "K" | "k" => 10,
                "B" | "b" => 0,
                _ => return Err(Wrong::Usage("invalid size".into())),
            };
            let number = word[..word.len() - letter.len()].parse::<u64>();
            let size = number.ok().and_then(|n| n.checked_mul(1 << shift));
            let size = size.ok_or_else(|| Wrong::Usage("invalid size".into()))?;
            quiet(cx, "block_resize", json!({"device": device, "size": size}))
        },
    ),
    cmd(
        "device_add",
        "driver[,prop=value][,...]",
        "plug a device",
        |cx, w| {
            let args = w.pairs("driver");
            quiet(cx, "device_add", args)
        },
    ),
    cmd("device_del", "device", "unplug a device", |cx, w| {
        let args = json!({"id": w.word("device")?});
        quiet(cx, "device_del", args)
    }),
    cmd("eject", "[-f] device", "take out a medium", |cx, w| {
        let force = w.flag("-f");
        let args = json!({"device": w.word("device")?, "force": force});
        w.end()?;
        quiet(cx, "eject", args)
    }),
    early(
        "exit_preconfig",
        "",
        "make the machine and go on",
        |cx, w| {
            w.end()?;
            quiet(cx, "x-exit-preconfig", json!({}))
        },
    ),
    cmd(
        "gva2gpa",
        "addr",
        "the physical address behind a virtual one",
        |cx, w| {
            let va = w.number()?;
            w.end()?;
            Ok(match cx.machine()?.translate(va) {
                Some(gpa) => format!("gpa: {}\n", dump::alternate_hex(gpa.0)),
                None => "Unmapped\n".into(),
            })
        },
    ),
    cmd(
        "dump-guest-memory",
        "filename",
        "write memory into a core file",
        |cx, w| {
            let file = w.word("filename")?;
            w.end()?;
            quiet(
                cx,
                "dump-guest-memory",
                json!({"paging": false, "protocol": format!("file:{file}")}),
            )
        },
    ),
    early("help|?", "[cmd]", "this help", help),
    early(
        "info",
        "[subcommand]",
        "show something about the machine",
        |cx, w| {
            let name = w.optional();
            match name.as_deref() {
                None => Ok(info::help(None)),
                Some(name) => match infos().find(|c| has_name(c.names, name)) {
                    Some(c) => checked(cx, c, w, &format!("info {name}")),
                    None => Ok(format!("unknown command: 'info {name}'\n")),
                },
            }
        },
    ),
    cmd(
        "memsave",
        "addr size file",
        "write virtual memory into a file",
        |cx, w| {
            let args =
                json!({"val": w.number()?, "size": w.number()?, "filename": w.word("file")?});
            w.end()?;
            quiet(cx, "memsave", args)
        },
    ),
    cmd(
        "mouse_button",
        "state",
        "press the mouse's buttons (1 left, 2 middle, 4 right)",
        |cx, w| {
            let state = w.number()? as u8;
            w.end()?;
            cx.ctl.buttons = state & 1 | state >> 1 & 2 | state << 1 & 4;
            qmp::input::move_mouse(cx, 0, 0, 0);
            Ok(String::new())
        },
    ),
    cmd("mouse_move", "dx dy [dz]", "move the mouse", |cx, w| {
        let mut by = [0; 3];
        by[0] = w.movement("dx")?;
        by[1] = w.movement("dy")?;
        by[2] = w.optional().and_then(|v| v.parse().ok()).unwrap_or(0);
        qmp::input::move_mouse(cx, by[0], by[1], by[2]);
        Ok(String::new())
    }),
    early(
        "netdev_add",
        "type,id=str[,prop=value][,...]",
        "add a network back end",
        |cx, w| {
            let words = w.words("type");
            let pairs = words
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            let args = qmp::net::arguments(pairs).map_err(Wrong::Error)?;
            quiet(cx, "netdev_add", args.into())
        },
    ),
    early("netdev_del", "id", "remove one", |cx, w| {
        let args = json!({"id": w.word("id")?});
        quiet(cx, "netdev_del", args)
    }),
    cmd("nmi", "", "a non-maskable interrupt", |cx, _| {
        quiet(cx, "inject-nmi", json!({}))
    }),
    cmd("object_del", "id", "remove an object", |cx, w| {
        let args = json!({"id": w.word("id")?});
        quiet(cx, "object-del", args)
    }),
    cmd(
        "pmemsave",
        "addr size file",
        "write physical memory into a file",
        |cx, w| {
            let args =
                json!({"val": w.number()?, "size": w.number()?, "filename": w.word("file")?});
            w.end()?;
            quiet(cx, "pmemsave", args)
        },
    ),
    cmd(
        "print|p",
        "/fmt expr",
        "the value of an expression",
        dump::print,
    ),
    early("qom-get", "path property", "a property's value", |cx, w| {
        let args = json!({"path": w.word("path")?, "property": w.word("property")?});
        let value = call(cx, "qom-get", args)?;
        Ok(format!("{}\n", crate::json::pretty(&value)))
    }),
    early(
        "qom-list",
        "[path]",
        "the properties of an object",
        |cx, w| {
            let path = w.optional().unwrap_or_else(|| "/".into());
            let list = call(cx, "qom-list", json!({ "path": path }))?;
            let one = |p: &Value| format!("{} ({})\n", text(&p["name"]), text(&p["type"]));
            Ok(list.as_array().into_iter().flatten().map(one).collect())
        },
    ),
    early("quit|q", "", "end the emulator", |cx, w| {
        w.end()?;
        quiet(cx, "quit", json!({}))
    }),
    cmd(
        "ringbuf_read",
        "device size",
        "take bytes out of a ring buffer",
        |cx, w| {
            let args = json!({"device": w.word("device")?, "size": w.number()?});
            let read = call(cx, "ringbuf-read", args)?;
            Ok(format!("{}\n", text(&read)))
        },
    ),
    cmd(
        "ringbuf_write",
        "device data",
        "write into a ring buffer",
        |cx, w| {
            let args = json!({"device": w.word("device")?, "data": w.word("data")?});
            quiet(cx, "ringbuf-write", args)
        },
    ),
    cmd(
        "screendump",
        "filename [-f format]",
        "write the display's picture",
        |cx, w| {
            let mut args = json!({"filename": w.word("filename")?});
            if w.flag("-f") {
                args["format"] = w.word("format")?.into();
            }
            w.end()?;
            quiet(cx, "screendump", args)
        },
    ),
    cmd(
        "sendkey",
        "keys [hold_ms]",
        "press keys, as in ctrl-alt-f1",
        sendkey,
    ),
    cmd(
        "singlestep",
        "[on|off]",
        "note that single steps are wanted",
        |cx, w| {
            match w.optional().as_deref() {
                None | Some("on") => cx.ctl.singlestep = true,
                Some("off") => cx.ctl.singlestep = false,
                Some(other) => return Ok(format!("unexpected option {other}\n")),
            }
            Ok(String::new())
        },
    ),
    cmd("stop|s", "", "stop the machine", |cx, w| {
        w.end()?;
        quiet(cx, "stop", json!({}))
    }),
    cmd(
        "sum",
        "addr size",
        "a checksum over physical memory",
        dump::sum,
    ),
    cmd("system_powerdown", "", "the power button", |cx, w| {
        w.end()?;
        quiet(cx, "system_powerdown", json!({}))
    }),
    cmd("system_reset", "", "the reset button", |cx, w| {
        w.end()?;
        quiet(cx, "system_reset", json!({}))
    }),
    cmd("system_wakeup", "", "wake a suspended machine", |cx, _| {
        quiet(cx, "system_wakeup", json!({}))
    }),
    cmd(
        "watchdog_action",
        "[reset|shutdown|poweroff|pause|debug|none]",
        "what a watchdog does",
        |cx, w| {
            let args = json!({"action": w.word("action")?});
            quiet(cx, "watchdog-set-action", args)
        },
    ),
    cmd("x", "/fmt addr", "virtual memory", |cx, w| {
        dump::memory(cx, w, false)
    }),
    cmd("xp", "/fmt addr", "physical memory", |cx, w| {
        dump::memory(cx, w, true)
    }),
];

/// A text out of a reply.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Runs a command of the machine protocol.
pub(crate) fn call(cx: &mut Cx<'_>, name: &str, args: Value) -> Result<Value, Wrong> {
    let args = match args {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let inner = Cx {
        ctl: cx.ctl,
        host: cx.host,
        monitor: cx.monitor,
    };
    Ok(qmp::run(inner, name, false, Some(&args))?)
}

/// The same where there is nothing to show.
fn quiet(cx: &mut Cx<'_>, name: &str, args: Value) -> Said {
    call(cx, name, args).map(|_| String::new())
}

fn has_name(names: &str, name: &str) -> bool {
    names.split('|').any(|n| n == name)
}

/// One line of help.
fn help_line(prefix: &str, c: &HmpCommand) -> String {
    let space = if c.params.is_empty() { "" } else { " " };
    format!("{prefix}{}{space}{} -- {}\n", c.names, c.params, c.help)
}

fn help(_: &mut Cx<'_>, w: &mut Words<'_>) -> Said {
    let name = w.optional();
    match name.as_deref() {
        None => Ok(all().map(|c| help_line("", c)).collect()),
        Some("info") => Ok(info::help(w.optional().as_deref())),
        Some(name) => {
            let found = all().filter(|c| has_name(c.names, name));
            Ok(found.map(|c| help_line("", c)).collect())
        }
    }
}

fn sendkey(cx: &mut Cx<'_>, w: &mut Words<'_>) -> Said {
    let keys = w.word("keys")?;
    let mut codes = Vec::new();
    for key in keys.split('-') {
        let key = if key == "<" { "less" } else { key };
        let number = key.strip_prefix("0x").map(|n| u8::from_str_radix(n, 16));
        match number {
            Some(Ok(code)) => codes.push(code),
            None if crate::types::QCODE.values.contains(&key) => {
                codes.extend(qmp::keys::code(key));
            }
            _ => return Ok(format!("invalid parameter: {key}\n")),
        }
    }
    qmp::input::press(cx, &codes);
    Ok(String::new())
}

/// Runs a line and returns what it says.
pub fn run(cx: &mut Cx<'_>, line: &str) -> String {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return String::new();
    }
    let end = line
        .find(|c: char| c.is_whitespace() || c == '/')
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if let Some(machine) = cx.host.machine() {
        machine.look_at_cpu(cx.ctl.monitor_cpu);
    }
    let Some(c) = all().find(|c| has_name(c.names, name)) else {
        return format!("unknown command: '{name}'\n");
    };
    let registers = registers(cx, rest);
    let mut words = Words::new(rest, registers);
    match checked(cx, c, &mut words, name) {
        Ok(text) => text,
        Err(wrong) => explain(c.names, name, wrong),
    }
}

/// The registers that a text names, as QEMU: none on MIPS, and narrow ones with their sign.
fn registers(cx: &mut Cx<'_>, text: &str) -> expr::Registers {
    let x86 = cx.ctl.setup.target().arch == Arch::X86;
    let Some(machine) = cx.host.machine().filter(|_| x86) else {
        return expr::Registers::new();
    };
    let narrow = machine.address_digits() == 8;
    let value = |name: &str| {
        let v = machine.register(name)?;
        let v = if narrow { v as i32 as u64 } else { v };
        Some((name.to_owned(), v))
    };
    expr::names(text).filter_map(value).collect()
}

fn explain(names: &str, name: &str, wrong: Wrong) -> String {
    match wrong {
        Wrong::Error(text) => format!("Error: {text}\n"),
        Wrong::Usage(text) => {
            let whole = text == "extraneous characters at the end of line";
            let head = if whole || text.ends_with("expected") && !text.starts_with('\'') {
                format!("{names}: ")
            } else {
                String::new()
            };
            format!("{head}{text}\nTry \"help {name}\" for more information\n")
        }
    }
}

fn checked(cx: &mut Cx<'_>, c: &HmpCommand, w: &mut Words<'_>, name: &str) -> Said {
    if cx.ctl.state() == RunState::Preconfig && !c.preconfig {
        return Ok(format!(
            "Command '{name}' not available until machine initialization has completed.\n"
        ));
    }
    match (c.run)(cx, w) {
        // The subcommand is named, not `info`.
        Err(wrong) if name.starts_with("info ") => Ok(explain(c.names, name, wrong)),
        other => other,
    }
}

/// Lets a monitor wait until its command is done; false where there is none, or nothing to wait for.
fn suspend(cx: &mut Cx<'_>) -> bool {
    let m = cx.ctl.monitors.get(cx.monitor.0);
    let human = m.is_some_and(|m| matches!(m.speech, Speech::Hmp(_)));
    let waits = human && cx.ctl.wait_for_migration(cx.monitor);
    if waits && let Some(Speech::Hmp(hmp)) = speech(cx.ctl, cx.monitor) {
        hmp.waits = Some(Vec::new());
    }
    waits
}

fn speech(ctl: &mut Controller, id: MonitorId) -> Option<&mut Speech> {
    ctl.monitors.get_mut(id.0).map(|m| &mut m.speech)
}

/// A monitor's command is done, and has this to say.
pub(crate) fn go_on(ctl: &mut Controller, id: MonitorId, said: &str, host: &mut dyn Host) {
    let Some(Speech::Hmp(hmp)) = speech(ctl, id) else {
        return;
    };
    let Some(typed) = hmp.waits.take() else {
        return;
    };
    if let Some(m) = ctl.monitors.get_mut(id.0) {
        let said = said.replace('\n', "\r\n");
        m.out.extend_from_slice(said.as_bytes());
        m.out.extend_from_slice(PROMPT.as_bytes());
    }
    input(ctl, id, &typed, host);
}

/// Bytes typed into a monitor.
pub(crate) fn input(ctl: &mut Controller, id: MonitorId, bytes: &[u8], host: &mut dyn Host) {
    for (n, &b) in bytes.iter().enumerate() {
        if ctl.ended().is_some() {
            return;
        }
        let Some(m) = ctl.monitors.get_mut(id.0) else {
            return;
        };
        let Speech::Hmp(hmp) = &mut m.speech else {
            return;
        };
        if let Some(typed) = &mut hmp.waits {
            typed.extend_from_slice(&bytes[n..]);
            typed.truncate(TYPED_AHEAD);
            return;
        }
        let did = hmp.readline.byte(b, &completions, &mut m.out);
        let line = match did {
            Did::Edited => continue,
            Did::Listed(words) => {
                m.out.extend_from_slice(b"\r\n");
                for w in words {
                    m.out.extend_from_slice(format!("{w:<10}").as_bytes());
                }
                m.out.extend_from_slice(b"\r\n");
                m.out.extend_from_slice(PROMPT.as_bytes());
                let line = hmp.readline.line().to_owned();
                m.out.extend_from_slice(line.as_bytes());
                continue;
            }
            Did::Entered(line) => line,
        };
        m.out.extend_from_slice(b"\r\n");
        let mut cx = Cx {
            ctl,
            host,
            monitor: id,
        };
        let said = run(&mut cx, &line).replace('\n', "\r\n");
        if let Some(m) = ctl.monitors.get_mut(id.0) {
            m.out.extend_from_slice(said.as_bytes());
            let waits = matches!(&m.speech, Speech::Hmp(hmp) if hmp.waits.is_some());
            if ctl.ended.is_none() && !waits {
                m.out.extend_from_slice(PROMPT.as_bytes());
            }
        }
        ctl.work(host);
    }
}

/// The words that could stand where the line ends.
fn completions(line: &str) -> Vec<String> {
    fn names(all: impl Iterator<Item = &'static HmpCommand>) -> Vec<String> {
        let all = all.flat_map(|c| c.names.split('|'));
        all.map(str::to_owned).collect()
    }
    let mut typed = line.split_whitespace();
    let (first, second) = (typed.next(), typed.next());
    let (words, from) = match (first, second, line.ends_with(' ')) {
        (None, ..) => (names(all()), ""),
        (Some(part), None, false) => (names(all()), part),
        (Some("info"), None, true) => (names(infos()), ""),
        (Some("info"), Some(part), false) => (names(infos()), part),
        (Some("help" | "?"), None, true) => (names(all()), ""),
        (Some("help" | "?"), Some(part), false) => (names(all()), part),
        _ => return Vec::new(),
    };
    words.into_iter().filter(|n| n.starts_with(from)).collect()
}
