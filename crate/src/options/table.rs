//! The options, each with its names, argument, help and meaning. `-h` prints this table.

use tinamou_control::{PanicAction, watchdog_action};
use tinamou_machine::devices::Board;
use tinamou_machine::{Accel, Arch};

use super::drive::{Drive, Interface, Media};
use super::keyval::{self, Pair, on_off, unknown};
use super::monitor::{Mode, Monitor};
use super::{
    Icount, Parser, Stop, chardev, drive, log, monitor, net, pc, qom, rtc, share, version,
};

type Applied = Result<(), Stop>;

/// Whether an option has an argument.
pub(super) enum Arg {
    /// It has none.
    None,
    /// It takes one, shown thus.
    Takes(&'static str),
}

/// An option.
pub(super) struct Opt {
    /// Its names, without dashes.
    pub names: &'static [&'static str],
    /// Its argument.
    pub arg: Arg,
    /// Its line in `-h`; none for options of our own.
    pub help: &'static str,
    /// What it does.
    pub apply: fn(&mut Parser, &str) -> Applied,
}

const fn flag(
    names: &'static [&'static str],
    help: &'static str,
    apply: fn(&mut Parser, &str) -> Applied,
) -> Opt {
    Opt {
        names,
        arg: Arg::None,
        help,
        apply,
    }
}

const fn opt(
    names: &'static [&'static str],
    arg: &'static str,
    help: &'static str,
    apply: fn(&mut Parser, &str) -> Applied,
) -> Opt {
    Opt {
        names,
        arg: Arg::Takes(arg),
        help,
        apply,
    }
}

/// An option of QEMU's that is not there yet.
fn later(_: &mut Parser, _: &str) -> Applied {
    Err(Stop::Error("not supported yet".into()))
}

/// A command to run before the machine is there.
fn early(p: &mut Parser, command: &'static str, text: &str, implied: &str) -> Result<(), Stop> {
    let args = qom::arguments(text, implied)?;
    p.options.early.push(qom::Early {
        command,
        args,
        option: String::new(),
    });
    Ok(())
}

/// An option whose only supported argument is `none`.
fn only_none(_: &mut Parser, value: &str) -> Applied {
    match value {
        "none" => Ok(()),
        _ => Err(Stop::Error("only 'none' is supported yet".into())),
    }
}

pub(super) static TABLE: &[Opt] = &[
    flag(&["h", "help"], "print this help and exit", |p, _| {
        Err(Stop::Print(help(&p.name)))
    }),
    flag(&["version"], "print the version and exit", |p, _| {
        Err(Stop::Print(version(&p.name)))
    }),
    opt(
        &["M", "machine"],
        "[type=]NAME[,accel=interp|jit]",
        "the board (-M help for the list)",
        machine,
    ),
    opt(
        &["cpu"],
        "MODEL",
        "the CPU model (-cpu help for the list)",
        cpu,
    ),
    opt(
        &["accel"],
        "interp|jit",
        "interpret, or recompile to WebAssembly (default)",
        |p, v| {
            for pair in keyval::parse(v, Some("accel"))? {
                match pair.key.as_str() {
                    "accel" => accel(p, &pair.value)?,
                    // Of QEMU's TCG; there is nothing to set here.
                    "thread" | "tb-size" | "split-wx" => {}
                    _ => return Err(unknown(&pair).into()),
                }
            }
            Ok(())
        },
    ),
    opt(&["smp"], "[cpus=]n", "number of CPUs", smp),
    opt(
        &["m"],
        "[size=]MEGS",
        "memory, with a suffix k, M or G if not in MiB (default 128)",
        memory,
    ),
    opt(&["kernel"], "FILE", "start this kernel", |p, v| {
        set(&mut p.options.kernel, v)
    }),
    opt(&["initrd"], "FILE", "with this initial RAM disk", |p, v| {
        set(&mut p.options.initrd, v)
    }),
    opt(&["append"], "LINE", "and this command line", |p, v| {
        set(&mut p.options.append, v)
    }),
    opt(&["dtb"], "FILE", "and this device tree", |p, v| {
        set(&mut p.options.dtb, v)
    }),
    opt(
        &["bios"],
        "FILE",
        "firmware in the boot flash (the PC's own: bios-256k.bin of SeaBIOS)",
        |p, v| set(&mut p.options.bios, v),
    ),
    opt(
        &["L"],
        "FOLDER",
        "look for firmware here too (-L help for the list)",
        |p, v| {
            if v == "help" {
                let own = p.options.firmware_folders.iter().map(String::as_str);
                let all = own.chain(crate::firmware::FOLDERS);
                return Err(Stop::Print(all.map(|f| format!("{f}\n")).collect()));
            }
            p.options.firmware_folders.push(v.to_owned());
            Ok(())
        },
    ),
    opt(
        &["boot"],
        "[order=]acdn[,menu=on][,splash-time=MS]",
        "PC: where to boot from: floppy, disk, CD, network",
        |p, v| {
            p.options.boot = Some(pc::boot(v)?);
            Ok(())
        },
    ),
    opt(&["hda"], "FILE", "IDE disk 0", |p, v| {
        drive_at(p, 0, Media::Disk, v)
    }),
    opt(&["hdb"], "FILE", "IDE disk 1", |p, v| {
        drive_at(p, 1, Media::Disk, v)
    }),
    opt(&["hdc"], "FILE", "IDE disk 2", |p, v| {
        drive_at(p, 2, Media::Disk, v)
    }),
    opt(&["hdd"], "FILE", "IDE disk 3", |p, v| {
        drive_at(p, 3, Media::Disk, v)
    }),
    opt(&["cdrom"], "FILE", "CD in IDE place 2", |p, v| {
        drive_at(p, 2, Media::Cdrom, v)
    }),
    opt(&["fda"], "FILE", "PC: floppy disk 0", |p, v| {
        floppy(p, 0, v)
    }),
    opt(&["fdb"], "FILE", "PC: floppy disk 1", |p, v| {
        floppy(p, 1, v)
    }),
    opt(
        &["drive"],
        "file=FILE[,format=raw|qcow2][,if=ide|floppy|virtio][,index=N][,media=disk|cdrom][,readonly=on][,snapshot=on]",
        "a drive (writes to qcow2 images stay in memory)",
        |p, v| {
            p.options.drives.push(drive::parse(v)?);
            Ok(())
        },
    ),
    flag(
        &["snapshot"],
        "keep what is written to disks in memory",
        |p, _| on(&mut p.options.snapshot),
    ),
    flag(
        &["nographic"],
        "no display: first serial port on this terminal (default)",
        |p, _| on(&mut p.options.nographic),
    ),
    opt(
        &["display"],
        "none|curses",
        "none: no display and no serial port on this terminal; curses: the text of the screen, the monitor and the serial port here (Alt-1, Alt-2, Alt-3)",
        |p, v| {
            let (kind, rest) = v.split_once(',').unwrap_or((v, ""));
            let o = &mut p.options;
            // The last one holds, as with QEMU.
            (o.display_none, o.curses) = match (kind, rest) {
                ("none", "") => (true, false),
                // A PC's screen has no other characters.
                ("curses", "" | "charset=CP437") => (false, true),
                ("curses", _) => return Err(format!("'{rest}' is not supported").into()),
                _ => return Err("only 'none' and 'curses' are supported".to_owned().into()),
            };
            Ok(())
        },
    ),
    opt(
        &["serial"],
        "DEV",
        "where the next serial port leads: stdio, mon:stdio, file:PATH, pty, tcp:HOST:PORT[,server=on][,wait=off], unix:PATH[,...], null, none",
        |p, v| {
            let port = chardev::parse(v)?;
            let most = p.options.target.board().serial_ports;
            if p.options.serial.len() >= most as usize {
                return Err(format!("the board has {most} serial ports").into());
            }
            p.options.serial.push(port);
            Ok(())
        },
    ),
    opt(
        &["debugcon"],
        "DEV",
        "PC: where ports E9h and 402h lead: as for -serial",
        |p, v| {
            p.options.debug_console = Some(chardev::parse(v)?);
            Ok(())
        },
    ),
    opt(
        &["device"],
        "DRIVER[,PROP=VALUE]...",
        "a card on the PCI bus, as for device_add (help lists them, DRIVER,help its properties); PC: isa-debug-exit[,iobase=0x501|0xf4], isa-debugcon,chardev=ID",
        |p, v| match pc::device_help(v) {
            Some(text) => Err(Stop::Print(text)),
            None => Ok(pc::device(&mut p.options, v)?),
        },
    ),
    opt(
        &["fsdev"],
        "local,id=ID,path=FOLDER,security_model=none[,readonly=on]",
        "a folder of this host for -device virtio-9p-pci,fsdev=ID,mount_tag=TAG",
        |p, v| Ok(share::add(&mut p.options, v, false)?),
    ),
    opt(
        &["virtfs"],
        "local,path=FOLDER,mount_tag=TAG,security_model=none[,readonly=on][,id=ID]",
        "a folder of this host with its card: mount -t 9p -o trans=virtio TAG in the guest",
        |p, v| Ok(share::add(&mut p.options, v, true)?),
    ),
    opt(
        &["object"],
        "TYPE,id=ID[,PROP=VALUE]...",
        "an object, as for object-add",
        |p, v| early(p, "object-add", v, "qom-type"),
    ),
    opt(
        &["netdev"],
        "user|socket|stream|dgram|hubport,id=ID[,OPTION=VALUE]...",
        "a network back end, as for netdev_add: user[,net=ADDR/BITS][,hostfwd=tcp|udp:[ADDR]:PORT-[ADDR]:PORT][,restrict=on], socket,listen=|connect=[HOST]:PORT",
        |p, v| Ok(net::netdev(&mut p.options, v)?),
    ),
    opt(
        &["blockdev"],
        "driver=DRIVER,node-name=NAME[,OPTION=VALUE]...",
        "an image by name, as for blockdev-add",
        |p, v| early(p, "blockdev-add", v, "driver"),
    ),
    opt(
        &["chardev"],
        "BACKEND,id=ID[,mux=on]",
        "a character device: stdio, null, pty, file,path=PATH[,append=on], socket,path=PATH|host=HOST,port=PORT[,server=on][,wait=off]",
        |p, v| {
            p.options.chardevs.push(chardev::parse_made(v)?);
            Ok(())
        },
    ),
    opt(
        &["monitor"],
        "DEV",
        "where the monitor leads: as for -serial, or chardev:ID",
        |p, v| monitor_at(p, v, Mode::Readline),
    ),
    opt(&["qmp"], "DEV", "a monitor that speaks QMP", |p, v| {
        monitor_at(p, v, Mode::Control { pretty: false })
    }),
    opt(
        &["qmp-pretty"],
        "DEV",
        "the same, over several lines",
        |p, v| monitor_at(p, v, Mode::Control { pretty: true }),
    ),
    opt(
        &["mon"],
        "[chardev=]ID[,mode=readline|control][,pretty=on]",
        "a monitor on a character device",
        |p, v| {
            p.options.monitors.push(monitor::parse(v)?);
            p.options.monitor_given = true;
            Ok(())
        },
    ),
    flag(
        &["S"],
        "do not start: wait for the monitor's cont",
        |p, _| on(&mut p.options.paused),
    ),
    opt(
        &["incoming"],
        "file:PATH|exec:COMMAND|defer",
        "go on from a saved machine; defer: from the one that migrate-incoming names",
        |p, v| set(&mut p.options.incoming, v),
    ),
    opt(
        &["loadvm"],
        "TAG",
        "begin from a snapshot inside the disks' images (savevm)",
        |p, v| set(&mut p.options.loadvm, v),
    ),
    flag(
        &["preconfig"],
        "do not make the machine: wait for QMP's x-exit-preconfig",
        |p, _| on(&mut p.options.preconfig),
    ),
    opt(
        &["nic"],
        "none|user|socket|...[,model=MODEL][,mac=ADDR][,OPTION=VALUE]...",
        "the network interface and its back end, as for -netdev (a user network without this); none: leave it out",
        |p, v| net::nic(&mut p.options, v),
    ),
    opt(
        &["net"],
        "none|nic[,model=MODEL][,macaddr=ADDR]|user|socket|...",
        "the same in two options",
        |p, v| net::net(&mut p.options, v),
    ),
    opt(
        &["vga"],
        "none|std",
        "the graphics card (only the PC has one; there is no window for it here)",
        |p, v| match (v, p.options.target.arch) {
            ("none", _) => {
                p.options.vga = false;
                Ok(())
            }
            ("std", Arch::X86) => on(&mut p.options.vga),
            (_, Arch::X86) => Err("only 'std' and 'none' are supported yet".into()),
            _ => only_none(p, v),
        },
    ),
    opt(
        &["action"],
        "reboot=reset|shutdown,shutdown=poweroff|pause,panic=pause|shutdown|exit-failure|none,watchdog=reset|...",
        "what happens when the guest resets, powers off, breaks, or does not keep a watchdog quiet",
        action,
    ),
    opt(
        &["watchdog-action"],
        "reset|shutdown|poweroff|pause|debug|none|inject-nmi",
        "what a watchdog does",
        |p, v| action(p, &format!("watchdog={v}")),
    ),
    flag(&["no-reboot"], "exit instead of rebooting", |p, _| {
        on(&mut p.options.no_reboot)
    }),
    flag(
        &["no-shutdown"],
        "stop instead of exiting when the guest powers off",
        |p, _| on(&mut p.options.no_shutdown),
    ),
    opt(
        &["rtc"],
        "base=utc|localtime|DATE",
        "what the real-time clock shows",
        |p, v| {
            p.options.rtc_base = Some(rtc::parse(v)?);
            Ok(())
        },
    ),
    opt(
        &["icount"],
        "[shift=]N[,sleep=on|off]",
        "virtual time counts instructions of 2^N ns; runs are deterministic; sleep=off skips idle time",
        icount,
    ),
    opt(
        &["d"],
        "ITEM,...",
        "log these items (-d help for the list)",
        |p, v| match log::parse(v)? {
            None => Err(Stop::Print(log::help())),
            Some(items) => {
                p.options.log = items;
                Ok(())
            }
        },
    ),
    opt(
        &["D"],
        "FILE",
        "log into a file (default: stderr)",
        |p, v| set(&mut p.options.log_file, v),
    ),
    flag(&["nodefaults"], "no default devices", |p, _| {
        on(&mut p.options.nodefaults)
    }),
    flag(
        &["no-user-config"],
        "accepted: there are no configuration files",
        |_, _| Ok(()),
    ),
    opt(&["name"], "NAME", "the machine's name", |p, v| {
        for pair in keyval::parse(v, Some("guest"))? {
            match pair.key.as_str() {
                "guest" => p.options.name = Some(pair.value),
                // Of processes and threads.
                "process" | "debug-threads" => {}
                _ => return Err(unknown(&pair).into()),
            }
        }
        Ok(())
    }),
    opt(&["uuid"], "UUID", "the machine's UUID", |p, v| {
        let parts: Vec<_> = v.split('-').map(str::len).collect();
        let hex = v.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
        if parts != [8, 4, 4, 4, 12] || !hex {
            return Err("failed to parse UUID string: wrong format".into());
        }
        set(&mut p.options.uuid, &v.to_ascii_lowercase())
    }),
    opt(
        &["gdb"],
        "DEV",
        "wait for gdb there: tcp::PORT, unix:PATH, stdio, pty",
        |p, v| {
            p.options.gdb = Some(crate::gdb::device(v)?);
            Ok(())
        },
    ),
    flag(&["s"], "short for -gdb tcp::1234", |p, _| {
        p.options.gdb = Some(crate::gdb::device("tcp::1234")?);
        Ok(())
    }),
    // Of QEMU's, not there yet: they are no typing mistakes.
    flag(
        &["daemonize", "enable-kvm", "semihosting", "curses", "usb"],
        "",
        later,
    ),
    opt(
        &[
            "loadvm",
            "global",
            "trace",
            "parallel",
            "semihosting-config",
            "set",
            "sd",
            "mtdblock",
            "pflash",
            "audio",
            "k",
            "numa",
        ],
        "",
        "",
        later,
    ),
    // Our own.
    flag(&["x-stats"], "", |p, _| on(&mut p.options.x.stats)),
    flag(&["x-timing"], "", |p, _| on(&mut p.options.x.timing)),
    flag(&["x-state-hash"], "", |p, _| {
        on(&mut p.options.x.state_hash)
    }),
    opt(&["x-exit-on"], "TEXT", "", |p, v| {
        set(&mut p.options.x.exit_on, v)
    }),
    opt(&["x-input"], "FILE", "", |p, v| {
        set(&mut p.options.x.input, v)
    }),
    opt(&["x-max-insns"], "N", "", |p, v| {
        p.options.x.max_insns = Some(v.parse().map_err(|_| format!("'{v}' is not a number"))?);
        Ok(())
    }),
];

fn set(slot: &mut Option<String>, value: &str) -> Applied {
    *slot = Some(value.to_owned());
    Ok(())
}

fn on(slot: &mut bool) -> Applied {
    *slot = true;
    Ok(())
}

fn monitor_at(p: &mut Parser, value: &str, mode: Mode) -> Applied {
    let dev = chardev::parse(value)?;
    p.options.monitor_given = true;
    if !matches!(dev, chardev::Chardev::None | chardev::Chardev::Null) {
        p.options.monitors.push(Monitor { dev, mode });
    }
    Ok(())
}

fn action(p: &mut Parser, value: &str) -> Applied {
    for pair in keyval::parse(value, None)? {
        match (pair.key.as_str(), pair.value.as_str()) {
            ("reboot", "reset") => p.options.no_reboot = false,
            ("reboot", "shutdown") => p.options.no_reboot = true,
            ("shutdown", "poweroff") => p.options.no_shutdown = false,
            ("shutdown", "pause") => p.options.no_shutdown = true,
            ("panic", word) if PanicAction::named(word).is_some() => {
                p.options.panic = PanicAction::named(word).unwrap_or_default();
            }
            ("watchdog", word) if watchdog_action(word).is_some() => {
                p.options.watchdog = watchdog_action(word);
            }
            ("reboot" | "shutdown" | "panic" | "watchdog", other) => {
                return Err(Stop::Error(format!(
                    "'{}' does not accept value '{other}'",
                    pair.key
                )));
            }
            _ => return Err(unknown(&pair).into()),
        }
    }
    Ok(())
}

fn drive_at(p: &mut Parser, index: u32, media: Media, file: &str) -> Applied {
    p.options.drives.push(Drive::at(index, media, file));
    Ok(())
}

fn floppy(p: &mut Parser, index: u32, file: &str) -> Applied {
    let drive = Drive::at(index, Media::Disk, file);
    p.options.drives.push(Drive {
        interface: Interface::Floppy,
        ..drive
    });
    Ok(())
}

fn machine(p: &mut Parser, value: &str) -> Applied {
    let boards = p.options.target.boards();
    for pair in keyval::parse(value, Some("type"))? {
        match (pair.key.as_str(), pair.value.as_str()) {
            ("type", "help" | "?") | ("help", _) => {
                let line = |(n, b): (usize, &&Board)| {
                    let default = if n == 0 { " (default)" } else { "" };
                    format!("{:<20} {}{default}\n", b.name, b.what)
                };
                let lines: String = boards.iter().enumerate().map(line).collect();
                return Err(Stop::Print(format!("Supported machines are:\n{lines}")));
            }
            ("type", name) if boards.iter().any(|b| b.name == name) => {
                p.options.machine = name.into()
            }
            ("type", _) => {
                return Err(Stop::Error(
                    "unsupported machine type; use -M help for the list".into(),
                ));
            }
            ("accel", name) => accel(p, name)?,
            ("usb" | "graphics", _) => {
                if on_off(&pair)? {
                    return Err(Stop::Error(format!("{}=on is not supported yet", pair.key)));
                }
            }
            _ => return Err(unknown(&pair).into()),
        }
    }
    Ok(())
}

fn accel(p: &mut Parser, value: &str) -> Applied {
    p.options.accel = match value {
        "help" | "?" => {
            return Err(Stop::Print(
                "Accelerators supported:\ninterp\njit (QEMU's name tcg means the same)\n".into(),
            ));
        }
        "interp" => Accel::Interp,
        "jit" | "tcg" => Accel::Jit,
        other => {
            return Err(Stop::Error(format!(
                "invalid accelerator '{other}' (interp, jit)"
            )));
        }
    };
    Ok(())
}

fn cpu(p: &mut Parser, value: &str) -> Applied {
    let names = p.options.target.cpu_names();
    // As QEMU lists them.
    let family = match p.options.target.arch {
        Arch::Mips => "MIPS '*'",
        Arch::X86 => "x86 *",
    };
    if value == "help" || value == "?" {
        return Err(Stop::Print(
            names
                .iter()
                .map(|n| format!("{family}\n").replace('*', n))
                .collect(),
        ));
    }
    if p.options.target.cpu(value).is_err() {
        return Err(Stop::Error(format!(
            "unable to find CPU model '{value}'; use -cpu help for the list"
        )));
    }
    p.options.cpu = value.into();
    Ok(())
}

fn memory(p: &mut Parser, value: &str) -> Applied {
    for pair in keyval::parse(value, Some("size"))? {
        match pair.key.as_str() {
            "size" => p.options.ram_bytes = Some(keyval::size(&pair.value, 1 << 20)?),
            "slots" | "maxmem" => {
                return Err(Stop::Error(format!("{} is not supported", pair.key)));
            }
            _ => return Err(unknown(&pair).into()),
        }
    }
    // Zero means the default, as with QEMU.
    p.options.ram_bytes = p.options.ram_bytes.filter(|n| *n != 0);
    match p.options.ram_bytes.map(p.options.target.board().check_ram) {
        Some(Err(why)) => Err(Stop::Error(format!("memory: {why}"))),
        _ => Ok(()),
    }
}

/// What a topology is the product of.
const LEVELS: [&str; 5] = ["sockets", "dies", "clusters", "cores", "threads"];

fn smp(p: &mut Parser, value: &str) -> Applied {
    let (mut cpus, mut max) = (None, None);
    let mut levels = [None; LEVELS.len()];
    for pair in keyval::parse(value, Some("cpus"))? {
        let n = pair.value.parse::<u32>().ok().filter(|n| *n > 0);
        let Some(n) = n else {
            let text = format!("'{}' is not a number of at least 1", pair.value);
            return Err(Stop::Error(text));
        };
        match LEVELS.iter().position(|level| *level == pair.key) {
            Some(i) => levels[i] = Some(n),
            None if pair.key == "cpus" => cpus = Some(n),
            None if pair.key == "maxcpus" => max = Some(n),
            None => return Err(unknown(&pair).into()),
        }
    }
    let product = levels
        .iter()
        .flatten()
        .map(|n| u64::from(*n))
        .product::<u64>();
    let all = max.or(cpus).map_or(product, u64::from);
    let open = levels.iter().any(Option::is_none);
    if if open {
        all % product != 0
    } else {
        all != product
    } {
        let parts = LEVELS.iter().zip(levels);
        let parts: Vec<_> = parts
            .filter_map(|(level, n)| Some(format!("{level} ({})", n?)))
            .collect();
        return Err(Stop::Error(format!(
            "Invalid CPU topology: product of the hierarchy must match maxcpus: {} != maxcpus ({all})",
            parts.join(" * ")
        )));
    }
    let cpus = cpus.map_or(all, u64::from);
    if cpus > all {
        return Err(Stop::Error(format!(
            "Invalid CPU topology: maxcpus must be equal to or greater than smp: maxcpus ({all}) < smp_cpus ({cpus})"
        )));
    }
    if cpus != all {
        return Err(Stop::Error(
            "CPUs cannot be plugged later: maxcpus must be cpus".into(),
        ));
    }
    let most = p.options.target.max_cpus();
    if cpus > u64::from(most) {
        return Err(Stop::Error(format!(
            "Invalid SMP CPUs {cpus}. The max CPUs supported by machine '{}' is {most}",
            p.options.target.board().name
        )));
    }
    p.options.cpus = Some(cpus as u32);
    Ok(())
}

fn icount(p: &mut Parser, value: &str) -> Applied {
    let mut icount = Icount {
        shift: 0,
        sleep: true,
    };
    let mut shift = None;
    let off = |pair: &Pair, what: &str| match on_off(pair) {
        Ok(false) => Ok(()),
        Ok(true) => Err(format!("{what}=on is not supported yet")),
        Err(e) => Err(e),
    };
    for pair in keyval::parse(value, Some("shift"))? {
        match pair.key.as_str() {
            "shift" if pair.value == "auto" => {
                return Err(Stop::Error(
                    "shift=auto is not supported: name a shift from 0 to 10".into(),
                ));
            }
            "shift" => {
                let n = pair.value.parse().ok().filter(|n| *n <= 10);
                shift =
                    Some(n.ok_or_else(|| format!("'{}' is not a shift from 0 to 10", pair.value))?);
            }
            "sleep" => icount.sleep = on_off(&pair)?,
            "align" => off(&pair, "align")?,
            _ => return Err(unknown(&pair).into()),
        }
    }
    icount.shift = shift.ok_or("needs shift=N")?;
    p.options.icount = Some(icount);
    Ok(())
}

impl From<&str> for Stop {
    fn from(message: &str) -> Stop {
        Stop::Error(message.into())
    }
}

/// What `-h` prints.
fn help(name: &str) -> String {
    let mut text = format!("usage: {name} [options] [disk image]\n\n");
    for o in TABLE.iter().filter(|o| !o.help.is_empty()) {
        let names: Vec<_> = o.names.iter().map(|n| format!("-{n}")).collect();
        let arg = match o.arg {
            Arg::None => String::new(),
            Arg::Takes(arg) => format!(" {arg}"),
        };
        let head = format!("{}{arg}", names.join(" or "));
        if head.len() < 30 {
            text += &format!("{head:<30}{}\n", o.help);
        } else {
            text += &format!("{head}\n{:30}{}\n", "", o.help);
        }
    }
    text += "\nIn the terminal: Ctrl-a x quits, Ctrl-a c goes to the monitor and back, Ctrl-a h lists the keys.\n";
    text
}
