//! The board, its CPUs and what it was started with.

use serde_json::{Map, Value, json};
use tinamou_machine::devices::Board;
use tinamou_machine::{Arch, CpuProperty, Target};

use crate::controller::RunState;
use crate::cx::{Args, Cx};
use crate::error::Error;

/// Where vCPU `n` is in the tree of objects: the first behind the board's frame, the others behind the devices.
pub(crate) fn cpu_path(target: &Target, n: usize) -> String {
    let at = match n {
        0 => 1,
        _ => 1 + target.board().devices.len() + n,
    };
    format!("/machine/unattached/device[{at}]")
}

/// The vCPUs that there are or will be.
pub(crate) fn cpu_count(cx: &mut Cx<'_>) -> usize {
    match cx.host.machine() {
        Some(machine) => machine.cpus(),
        None => cx.ctl.setup.number("smp").unwrap_or(1) as usize,
    }
}

/// A command's `cpu-index`.
pub(crate) fn cpu_index(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<usize, Error> {
    let n = args.u64("cpu-index").unwrap_or(0);
    let n = usize::try_from(n).ok().filter(|&n| n < cpu_count(cx));
    n.ok_or_else(|| Error::generic("Parameter 'cpu-index' expects a CPU number"))
}

/// Where a PC's CPU is among sockets, cores and threads: each in a socket of its own.
fn place(n: usize) -> Value {
    json!({"socket-id": n, "core-id": 0, "thread-id": 0})
}

/// Name of a CPU model's type.
pub(crate) fn cpu_type(target: &Target, model: &str) -> String {
    format!("{model}-{}", cpu_base_type(target))
}

/// Name of the type that all CPU models of a target have in common.
pub(crate) fn cpu_base_type(target: &Target) -> String {
    match target.arch {
        Arch::Mips => "mips-cpu".into(),
        Arch::X86 => format!("{}-cpu", target.name),
    }
}

/// `set-numa-node`
pub fn set_numa_node(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Err(Error::generic(if cx.ctl.state() == RunState::Preconfig {
        "NUMA is not supported by this machine-type"
    } else {
        "The command is permitted only before the machine has been created"
    }))
}

/// `query-hotpluggable-cpus`
pub fn hotpluggable_cpus(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let target = cx.ctl.setup.target();
    if target.arch == Arch::X86 {
        let model = cx.ctl.setup.text("cpu").unwrap_or_default();
        let model = model.split(',').next().unwrap_or_default();
        let (ty, there) = (
            cpu_type(target, model),
            cx.ctl.state() != RunState::Preconfig,
        );
        let one = |n| {
            let mut one = json!({"type": ty, "vcpus-count": 1, "props": place(n)});
            if there {
                one["qom-path"] = cpu_path(target, n).into();
            }
            one
        };
        // The last one first, as QEMU.
        return Ok((0..cpu_count(cx)).rev().map(one).collect());
    }
    Err(Error::generic(
        "The feature 'query-hotpluggable-cpus' is not enabled",
    ))
}

/// `query-machines`
pub fn machines(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let target = cx.ctl.setup.target();
    let one = |(n, board): (usize, &&Board)| {
        let mut m = json!({
            "name": board.name, "cpu-max": target.max_cpus(), "hotpluggable-cpus": false, "numa-mem-supported": false,
            "deprecated": false, "default-cpu-type": cpu_type(target, target.default_cpu_of(board.name)),
            "default-ram-id": super::memory::ram_id(target),
        });
        if n == 0 {
            m["is-default"] = true.into();
        }
        m
    };
    Ok(target.boards().iter().enumerate().map(one).collect())
}

/// `query-current-machine`
pub fn current(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!({"wakeup-suspend-support": false}))
}

/// `query-cpu-definitions`
pub fn cpu_definitions(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let target = cx.ctl.setup.target();
    let one = |name: &&str| json!({"name": name, "typename": cpu_type(target, name), "static": false, "deprecated": false});
    Ok(target.cpu_names().iter().map(one).collect())
}

/// `query-cpu-model-expansion`
pub fn cpu_expansion(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let target = cx.ctl.setup.target();
    if target.arch != Arch::X86 {
        return Err(Error::no_command(
            "The command query-cpu-model-expansion has not been found",
        ));
    }
    let model = args.get("model").cloned().unwrap_or_default();
    let name = model["name"].as_str().unwrap_or_default();
    let Some(properties) = target.cpu_properties(name) else {
        return Err(Error::generic(format!("CPU model '{name}' not found")));
    };
    let mut out = Map::new();
    let mut possible = Vec::new();
    for (name, property) in properties {
        let value = match property {
            CpuProperty::Feature { on, possible: can } => {
                possible.push((name, can));
                on.into()
            }
            CpuProperty::Number(n) => n.into(),
            CpuProperty::Text(text) => text.into(),
        };
        out.insert(name.into(), value);
    }
    let changes = match model.get("props") {
        None => None,
        Some(Value::Object(changes)) => Some(changes),
        Some(_) => {
            let why = "Invalid parameter type for 'props', expected: object";
            return Err(Error::generic(why));
        }
    };
    for (key, value) in changes.into_iter().flatten() {
        let Some((_, can)) = possible.iter().find(|(name, _)| name == key) else {
            let ty = cpu_type(target, name);
            return Err(Error::generic(format!("Property '{ty}.{key}' not found")));
        };
        let Some(on) = value.as_bool() else {
            return Err(Error::generic(format!(
                "Invalid parameter type for '{key}', expected: boolean"
            )));
        };
        out.insert(key.clone(), (on && *can).into());
    }
    let name = match args.text("type") {
        "static" => "base",
        _ => name,
    };
    Ok(json!({"model": {"name": name, "props": out}}))
}

/// `query-cpus-fast`
pub fn cpus(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let (target, thread) = (cx.ctl.setup.target(), cx.host.thread_id());
    let one = |n| {
        let mut one = json!({
            "cpu-index": n, "qom-path": cpu_path(target, n), "thread-id": thread, "target": target.name,
        });
        if target.arch == Arch::X86 {
            one["props"] = place(n);
        }
        one
    };
    Ok((0..cpu_count(cx)).map(one).collect())
}

/// `query-target`
pub fn target(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!({"arch": cx.ctl.setup.target().name}))
}

/// `query-kvm`
pub fn kvm(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!({"enabled": false, "present": false}))
}

/// `query-name`
pub fn name(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(match &cx.ctl.start.name {
        Some(name) => json!({ "name": name }),
        None => json!({}),
    })
}

/// The machine's UUID.
pub(crate) fn uuid_text<'a>(cx: &'a Cx<'_>) -> &'a str {
    let uuid = cx.ctl.start.uuid.as_deref();
    uuid.unwrap_or("00000000-0000-0000-0000-000000000000")
}

/// `query-uuid`
pub fn uuid(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!({"UUID": uuid_text(cx)}))
}

/// Options that take lists, and their parameters: name, type.
const LISTS: &[(&str, &[(&str, &str)])] = &[
    ("machine", &[("type", "string"), ("accel", "string")]),
    ("memory", &[("size", "size")]),
    ("smp-opts", &[("cpus", "number")]),
    (
        "drive",
        &[
            ("file", "string"),
            ("format", "string"),
            ("if", "string"),
            ("media", "string"),
            ("index", "number"),
            ("bus", "number"),
            ("unit", "number"),
            ("readonly", "boolean"),
            ("snapshot", "boolean"),
        ],
    ),
    ("icount", &[("shift", "string"), ("sleep", "boolean")]),
    (
        "rtc",
        &[
            ("base", "string"),
            ("clock", "string"),
            ("driftfix", "string"),
        ],
    ),
    ("name", &[("guest", "string")]),
    (
        "chardev",
        &[
            ("backend", "string"),
            ("id", "string"),
            ("path", "string"),
            ("host", "string"),
            ("port", "string"),
            ("server", "boolean"),
            ("wait", "boolean"),
            ("mux", "boolean"),
            ("append", "boolean"),
            ("size", "size"),
        ],
    ),
    (
        "mon",
        &[
            ("mode", "string"),
            ("chardev", "string"),
            ("pretty", "boolean"),
        ],
    ),
    (
        "action",
        &[
            ("reboot", "string"),
            ("shutdown", "string"),
            ("panic", "string"),
            ("watchdog", "string"),
        ],
    ),
];

/// `query-command-line-options`
pub fn command_line_options(_: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let wanted = args.str("option");
    let found: Vec<_> = LISTS
        .iter()
        .filter(|(name, _)| wanted.is_none_or(|w| w == *name))
        .collect();
    if let (Some(wanted), true) = (wanted, found.is_empty()) {
        return Err(Error::generic(format!("invalid option name: {wanted}")));
    }
    let parameter = |(name, ty): &(&str, &str)| json!({"name": name, "type": ty});
    let one = |(name, parameters): &&(&str, &[(&str, &str)])| {
        let parameters: Vec<_> = parameters.iter().map(parameter).collect();
        json!({"option": name, "parameters": parameters})
    };
    Ok(found.iter().map(one).collect())
}

/// `query-replay`
pub fn replay(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let icount = match cx.ctl.setup.number("icount") {
        Some(_) => cx.machine()?.icount(),
        None => 0,
    };
    Ok(json!({"mode": "none", "icount": icount}))
}

/// `query-vm-generation-id`
pub fn generation_id(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Err(match cx.ctl.setup.target().arch {
        Arch::Mips => Error::unsupported(),
        Arch::X86 => Error::generic("VM Generation ID device not found"),
    })
}

/// Names of classes that boards of ours have.
fn class_name(class: u32) -> Option<&'static str> {
    Some(match class {
        0x0101 => "IDE controller",
        0x0200 => "Ethernet controller",
        0x0300 => "VGA controller",
        0x0600 => "Host bridge",
        0x0601 => "ISA bridge",
        0x0680 => "Bridge",
        0x0c03 => "USB controller",
        _ => return None,
    })
}

/// `query-pci`
pub fn pci(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let machine = cx.machine()?;
    let mut devices = Vec::new();
    for devfn in 0..=255u8 {
        let mut read = |reg, size| machine.pci_read(devfn, reg, size);
        let vendor = read(0, 2);
        if vendor == 0xffff || vendor == u32::MAX {
            continue;
        }
        let class = read(0x0a, 2);
        let mut class_info = json!({ "class": class });
        if let Some(desc) = class_name(class) {
            class_info["desc"] = desc.into();
        }
        let mut id = json!({"device": read(2, 2), "vendor": vendor});
        if read(0x2c, 2) != 0 {
            id["subsystem-vendor"] = read(0x2c, 2).into();
            id["subsystem"] = read(0x2e, 2).into();
        }
        let pin = read(0x3d, 1);
        let mut device = json!({
            "bus": 0, "slot": devfn >> 3, "function": devfn & 7, "class_info": class_info, "id": id,
            "irq_pin": pin, "qdev_id": "", "regions": [],
        });
        if pin != 0 {
            device["irq"] = read(0x3c, 1).into();
        }
        devices.push(device);
    }
    Ok(json!([{"bus": 0, "devices": devices}]))
}

/// `x-jit`
pub fn jit(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let s = cx.machine()?.stats();
    Ok(json!({
        "insns": s.insns, "interpreted": s.interpreted, "lifted": s.lifted, "blocks": s.blocks, "regions": s.regions,
        "modules": s.modules, "module-bytes": s.module_bytes, "calls": s.calls, "flushes": s.flushes,
        "evicted": s.evicted,        "slow-accesses": s.slow_accesses, "exceptions": s.exceptions,
    }))
}

/// `x-icount`
pub fn icount(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let shift = cx.ctl.setup.number("icount");
    let s = cx.machine()?.stats();
    let mut v = json!({"icount": s.insns, "virtual-ns": s.virtual_ns});
    if let Some(shift) = shift {
        v["shift"] = shift.into();
    }
    Ok(v)
}
