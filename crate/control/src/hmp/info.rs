//! `info`'s subcommands.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tinamou_machine::bus::{Answers, MapRange};

use super::{HmpCommand, Said, call, cmd, early, help_line, text};
use crate::cx::Cx;
use crate::qmp;
use crate::snapshots;

/// All of them.
pub static COMMANDS: &[HmpCommand] = &[
    cmd("block", "", "the drives", |cx, w| {
        w.end()?;
        block(cx)
    }),
    cmd("blockstats", "", "what the drives have done", |cx, _| {
        blockstats(cx)
    }),
    cmd("chardev", "", "the character devices", |cx, _| {
        let list = call(cx, "query-chardev", json!({}))?;
        let one = |c: &Value| format!("{}: filename={}\n", text(&c["label"]), text(&c["filename"]));
        Ok(each(&list).map(one).collect())
    }),
    cmd("cpus", "", "the vCPUs", |cx, _| {
        let (thread, chosen) = (cx.host.thread_id(), cx.ctl.monitor_cpu);
        let one = |n| {
            let mark = if n == chosen { '*' } else { ' ' };
            format!("{mark} CPU #{n}: thread_id={thread}\n")
        };
        Ok((0..cx.machine()?.cpus()).map(one).collect())
    }),
    cmd("icount", "", "instructions and virtual time", |cx, _| {
        let v = call(cx, "x-icount", json!({}))?;
        Ok(format!(
            "instructions {}\nvirtual time {} ns\n",
            v["icount"], v["virtual-ns"]
        ))
    }),
    cmd("irq", "", "the interrupt controllers", |cx, _| Ok(irq(cx))),
    cmd("jit", "", "tiers and compiler", |cx, _| Ok(jit(cx))),
    cmd("kvm", "", "whether KVM is used", |_, _| {
        Ok("kvm support: not compiled\n".into())
    }),
    cmd("mem", "", "the ranges that are mapped", |cx, _| {
        let ranges = cx.machine()?.mapped();
        Ok(ranges.unwrap_or_else(|| "unknown command: 'info mem'\n".into()))
    }),
    cmd("memdev", "", "the memory backends", |cx, _| memdev(cx)),
    cmd("memory_size_summary", "", "sizes of memory", |cx, _| {
        Ok(format!("base memory: {}\n", qmp::memory::ram_bytes(cx)))
    }),
    cmd("mice", "", "the mice", |cx, _| {
        let list = call(cx, "query-mice", json!({}))?;
        let one = |m: &Value| format!("* Mouse #{}: {}\n", m["index"], text(&m["name"]));
        Ok(each(&list).map(one).collect())
    }),
    cmd("mtree", "[-f]", "the address space (-f: flat)", |cx, w| {
        let flat = w.flag("-f");
        w.end()?;
        let ranges = cx.machine()?.memory_map();
        Ok(mtree(&ranges, flat))
    }),
    early("name", "", "the machine's name", |cx, _| {
        Ok(match &cx.ctl.start.name {
            Some(name) => format!("{name}\n"),
            None => String::new(),
        })
    }),
    cmd("network", "", "the network", |cx, _| Ok(qmp::net::info(cx))),
    cmd("dump", "", "the last dump of memory", |cx, _| {
        let v = call(cx, "query-dump", json!({}))?;
        Ok(format!("Status: {}\n", text(&v["status"])))
    }),
    cmd("numa", "", "NUMA", |cx, _| Ok(numa(cx))),
    cmd("pci", "", "the PCI devices", pci),
    cmd("snapshots", "", "the snapshots inside images", |cx, _| {
        Ok(snapshots::table(cx.host))
    }),
    cmd("pic", "", "the interrupt controllers", |cx, _| {
        Ok(cx.machine()?.device_info("pic"))
    }),
    early("qom-tree", "", "the tree of objects", |cx, _| qom_tree(cx)),
    cmd("qtree", "", "the devices", |cx, _| qtree(cx)),
    cmd("ramblock", "", "the memory blocks", |cx, _| {
        Ok(ramblock(cx))
    }),
    cmd("registers", "[-a]", "the CPU's registers", |cx, w| {
        let all = w.flag("-a");
        w.end()?;
        let chosen = cx.ctl.monitor_cpu;
        let machine = cx.machine()?;
        let cpus = if all {
            0..machine.cpus()
        } else {
            chosen..chosen + 1
        };
        let mut text = String::new();
        for n in cpus {
            machine.look_at_cpu(n);
            text += &format!("\nCPU#{n}\n{}", machine.registers());
        }
        Ok(text)
    }),
    cmd("replay", "", "recording or replaying", |_, _| {
        Ok("Record/replay is not active\n".into())
    }),
    cmd("roms", "", "what was loaded into memory", |cx, _| {
        Ok(roms(cx))
    }),
    early("status", "", "whether the machine runs", |cx, w| {
        w.end()?;
        status(cx)
    }),
    cmd("tlb", "", "the MMU's entries", |cx, _| {
        Ok(cx.machine()?.tlb())
    }),
    cmd("usb", "", "the USB devices", |_, _| Ok(String::new())),
    early("uuid", "", "the machine's UUID", |cx, _| {
        Ok(format!("{}\n", qmp::machine::uuid_text(cx)))
    }),
    early("version", "", "the version", |_, _| {
        let v = qmp::protocol::version_info();
        let n = &v["qemu"];
        let package = text(&v["package"]);
        Ok(format!(
            "{}.{}.{} ({package})\n",
            n["major"], n["minor"], n["micro"]
        ))
    }),
];

/// The help of all, or of one.
pub(super) fn help(name: Option<&str>) -> String {
    let wanted = super::infos().filter(|c| name.is_none_or(|n| n == c.names));
    wanted.map(|c| help_line("info ", c)).collect()
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn status(cx: &mut Cx<'_>) -> Said {
    let v = call(cx, "query-status", json!({}))?;
    let running = v["running"] == true;
    let mut out = format!("VM status: {}", if running { "running" } else { "paused" });
    if v["singlestep"] == true {
        out += " (single step mode)";
    }
    if !running && v["status"] != "paused" {
        out += &format!(" ({})", text(&v["status"]));
    }
    Ok(out + "\n")
}

fn block(cx: &mut Cx<'_>) -> Said {
    let list = call(cx, "query-block", json!({}))?;
    let one = |d: &Value| {
        let mut out = text(&d["device"]).to_owned();
        let inserted = &d["inserted"];
        if inserted.is_null() {
            out += ": [not inserted]\n";
        } else {
            let ro = if inserted["ro"] == true {
                ", read-only"
            } else {
                ""
            };
            let _ = writeln!(
                out,
                " ({}): {} ({}{ro})",
                text(&inserted["node-name"]),
                text(&inserted["file"]),
                text(&inserted["drv"])
            );
        }
        let _ = writeln!(out, "    Attached to:      {}", text(&d["qdev"]));
        if d["removable"] == true {
            let tray = if d["tray_open"] == true {
                "open"
            } else {
                "closed"
            };
            let _ = writeln!(out, "    Removable device: not locked, tray {tray}");
        }
        if !inserted.is_null() {
            out += "    Cache mode:       writeback\n";
        }
        out
    };
    let all: Vec<_> = each(&list).map(one).collect();
    Ok(all.join("\n"))
}

fn blockstats(cx: &mut Cx<'_>) -> Said {
    let list = call(cx, "query-blockstats", json!({}))?;
    let one = |d: &Value| {
        let s = &d["stats"];
        let mut out = format!("{}:", text(&d["device"]));
        for name in [
            "rd_bytes",
            "wr_bytes",
            "rd_operations",
            "wr_operations",
            "flush_operations",
            "wr_total_time_ns",
            "rd_total_time_ns",
            "flush_total_time_ns",
            "rd_merged",
            "wr_merged",
        ] {
            let _ = write!(out, " {name}={}", s[name]);
        }
        out + "\n"
    };
    Ok(each(&list).map(one).collect())
}

fn memdev(cx: &mut Cx<'_>) -> Said {
    let list = call(cx, "query-memdev", json!({}))?;
    let one = |m: &Value| {
        let mut out = format!(
            "memory backend: {}\n  size:  {}\n",
            text(&m["id"]),
            m["size"]
        );
        for name in ["merge", "dump", "prealloc", "share", "reserve"] {
            let _ = writeln!(out, "  {name}: {}", m[name]);
        }
        out + "  policy: default\n  host nodes: \n\n"
    };
    Ok(each(&list).map(one).collect())
}

fn pci(cx: &mut Cx<'_>, _: &mut super::Words<'_>) -> Said {
    let list = call(cx, "query-pci", json!({}))?;
    let mut out = String::new();
    for d in each(&list[0]["devices"]) {
        let number = |v: &Value| v.as_u64().unwrap_or(0);
        let _ = writeln!(
            out,
            "  Bus  0, device {:3}, function {}:",
            number(&d["slot"]),
            d["function"]
        );
        let class = number(&d["class_info"]["class"]);
        let desc = match d["class_info"]["desc"].as_str() {
            Some(desc) => desc.to_owned(),
            None => format!("Class {class:04}"),
        };
        let id = &d["id"];
        let _ = writeln!(
            out,
            "    {desc}: PCI device {:04x}:{:04x}",
            number(&id["vendor"]),
            number(&id["device"])
        );
        if !id["subsystem-vendor"].is_null() {
            let _ = writeln!(
                out,
                "      PCI subsystem {:04x}:{:04x}",
                number(&id["subsystem-vendor"]),
                number(&id["subsystem"])
            );
        }
        let pin = number(&d["irq_pin"]);
        if pin != 0 {
            let letter = (b'A' + (pin.clamp(1, 4) - 1) as u8) as char;
            let _ = writeln!(out, "      IRQ {}, pin {letter}", d["irq"]);
        }
        let _ = writeln!(out, "      id \"{}\"", text(&d["qdev_id"]));
    }
    Ok(out)
}

/// The address space, as QEMU lays it out.
fn mtree(ranges: &[MapRange], flat: bool) -> String {
    let mut out = if flat {
        "FlatView #0\n AS \"memory\", root: system\n AS \"cpu-memory-0\", root: system\n Root memory region: system\n".to_owned()
    } else {
        format!(
            "address-space: memory\n  {:016x}-{:016x} (prio 0, i/o): system\n",
            0,
            u64::MAX
        )
    };
    for r in ranges {
        let kind = match r.answers {
            Answers::Ram => "ram",
            Answers::Rom => "rom",
            Answers::Device | Answers::Nothing => "i/o",
        };
        let indent = if flat { "  " } else { "    " };
        let _ = write!(
            out,
            "{indent}{:016x}-{:016x} (prio 0, {kind}): {}",
            r.first, r.last, r.name
        );
        if r.offset != 0 {
            let _ = write!(out, " @{:016x}", r.offset);
        }
        out.push('\n');
    }
    out.push('\n');
    out
}

fn qtree(cx: &mut Cx<'_>) -> Said {
    let machine = cx.machine()?;
    let (board, config) = (machine.board(), machine.board_config());
    let mut out = "bus: main-system-bus\n  type System\n".to_owned();
    for d in board.devices.iter().filter(|d| (d.present)(&config)) {
        let _ = writeln!(out, "  dev: {}, id \"\"", d.name);
        let _ = writeln!(out, "    description = \"{}\"", d.what);
        for (devfn, _) in d.pci {
            let _ = writeln!(out, "    addr = {:02x}.{:x}", devfn >> 3, devfn & 7);
        }
        for m in d.map {
            let space = match m.space {
                tinamou_core::Space::System => "mmio",
                tinamou_core::Space::PciMem => "pci-mem",
                tinamou_core::Space::Io => "isa-io",
            };
            let _ = writeln!(out, "    {space} {:016x}/{:016x}", m.base, m.len);
        }
    }
    Ok(out)
}

fn qom_tree(cx: &mut Cx<'_>) -> Said {
    let mut out = String::new();
    branch(cx, "/machine", "/machine", 0, &mut out)?;
    Ok(out)
}

fn branch(
    cx: &mut Cx<'_>,
    path: &str,
    name: &str,
    depth: usize,
    out: &mut String,
) -> Result<(), super::Wrong> {
    let ty = call(cx, "qom-get", json!({"path": path, "property": "type"}))?;
    let _ = writeln!(out, "{:1$}{name} ({2})", "", depth * 2, text(&ty));
    let list = call(cx, "qom-list", json!({ "path": path }))?;
    let mut children: Vec<_> = each(&list)
        .filter(|p| text(&p["type"]).starts_with("child<"))
        .map(|p| text(&p["name"]).to_owned())
        .collect();
    children.sort();
    for child in children {
        branch(
            cx,
            &format!("{path}/{child}"),
            &format!("/{child}"),
            depth + 1,
            out,
        )?;
    }
    Ok(())
}

/// The text of a machine that is not there.
fn of_machine(cx: &mut Cx<'_>, f: impl FnOnce(&mut dyn crate::driven::Driven) -> String) -> String {
    cx.host.machine().map(f).unwrap_or_default()
}

/// `info irq`
pub(crate) fn irq(cx: &mut Cx<'_>) -> String {
    // Nobody counts interrupts: there is only what is pending now.
    of_machine(cx, |m| m.device_info("pic"))
}

/// `info jit`
pub(crate) fn jit(cx: &mut Cx<'_>) -> String {
    of_machine(cx, |m| {
        let s = m.stats();
        let compiled = s.insns.saturating_sub(s.interpreted);
        let share = compiled as f64 * 100.0 / s.insns.max(1) as f64;
        format!(
            "Translation buffer state:\n\
             TB count            {}\n\
             regions             {}\n\
             modules             {}\n\
             module bytes        {}\n\
             \n\
             Statistics:\n\
             instructions        {}\n\
             compiled            {compiled} ({share:.1}%)\n\
             interpreted         {}\n\
             TBs lifted          {}\n\
             region calls        {}\n\
             exits for an access {}\n\
             slow accesses       {}\n\
             exceptions          {}\n\
             modules let go      {}\n\
             TB flush count      {}\n",
            s.blocks,
            s.regions,
            s.modules,
            s.module_bytes,
            s.insns,
            s.interpreted,
            s.lifted,
            s.calls,
            s.resumes,
            s.slow_accesses,
            s.exceptions,
            s.evicted,
            s.flushes,
        )
    })
}

/// `info numa`
pub(crate) fn numa(_: &mut Cx<'_>) -> String {
    "0 nodes\n".into()
}

/// `info ramblock`
pub(crate) fn ramblock(cx: &mut Cx<'_>) -> String {
    let target = cx.ctl.setup.target();
    of_machine(cx, |m| {
        let mut out = format!(
            "{:>24} {:>8}  {:>18} {:>18} {:>18}\n",
            "Block Name", "PSize", "Offset", "Used", "Total"
        );
        let mut offset = 0;
        for (name, bytes) in m.blocks() {
            let name = crate::qmp::memory::block_id(target, name);
            let _ = writeln!(
                out,
                "{name:>24} {:>8}  0x{offset:016x} 0x{bytes:016x} 0x{bytes:016x}",
                "4 KiB"
            );
            offset += bytes;
        }
        out
    })
}

/// `info roms`
pub(crate) fn roms(cx: &mut Cx<'_>) -> String {
    of_machine(cx, |m| {
        let one = |(block, offset, bytes): &(&str, u64, usize)| {
            format!("addr={offset:016x} size=0x{bytes:06x} mem={block}\n")
        };
        m.images().iter().map(one).collect()
    })
}
