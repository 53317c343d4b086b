//! Memory.

use serde_json::{Value, json};
use tinamou_core::{Gpa, PAGE_SIZE};
use tinamou_machine::{Arch, Target};

use super::done;
use crate::controller::RunState;
use crate::cx::{Args, Cx};
use crate::error::{Class, Error};
use crate::objects::Kind;

/// Most bytes that one command writes into a file: more than any board of ours has.
const MOST_BYTES: u64 = 4 << 30;

/// `query-memory-size-summary`
pub fn summary(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let mut sizes = json!({"base-memory": ram_bytes(cx)});
    if cx.ctl.setup.target().arch == Arch::X86 {
        // The PC could have memory plugged.
        sizes["plugged-memory"] = 0.into();
    }
    Ok(sizes)
}

/// Bytes of RAM.
pub(crate) fn ram_bytes(cx: &mut Cx<'_>) -> u64 {
    match cx.host.machine() {
        Some(machine) => machine.board_config().ram_bytes,
        None => cx.ctl.setup.number("m").unwrap_or(0),
    }
}

/// The id of the memory backend behind RAM.
pub(crate) fn ram_id(target: &Target) -> String {
    block_id(target, "ram")
}

/// The id of a memory block of the target's board.
pub(crate) fn block_id(target: &Target, block: &str) -> String {
    let family = match target.arch {
        Arch::Mips => "mips_",
        Arch::X86 => "",
    };
    format!("{family}{}.{block}", target.board().name)
}

/// `query-memdev`
pub fn memdev(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let mut all = Vec::new();
    if cx.ctl.state() != RunState::Preconfig {
        all.push((ram_id(cx.ctl.setup.target()), ram_bytes(cx)));
    }
    for o in cx.ctl.objects.all() {
        if let Kind::Memory { bytes } = o.kind {
            all.push((o.id.clone(), bytes));
        }
    }
    let one = |(id, bytes): &(String, u64)| {
        json!({
            "id": id, "size": bytes, "merge": true, "dump": true, "prealloc": false, "share": false, "reserve": true,
            "host-nodes": [], "policy": "default",
        })
    };
    Ok(all.iter().map(one).collect())
}

fn size(args: &Args<'_>) -> Result<u64, Error> {
    let size = args.u64("size").unwrap_or(0);
    if size > MOST_BYTES {
        return Err(Error::generic(format!(
            "Parameter 'size' expects at most {MOST_BYTES} bytes"
        )));
    }
    Ok(size)
}

/// `memsave`
pub fn memsave(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let cpu = super::machine::cpu_index(cx, args)?;
    let (va, size) = (args.u64("val").unwrap_or(0), size(args)?);
    let machine = cx.machine()?;
    machine.look_at_cpu(cpu);
    let mut data = Vec::new();
    while (data.len() as u64) < size {
        let at = va.wrapping_add(data.len() as u64);
        let piece = (PAGE_SIZE - at % PAGE_SIZE).min(size - data.len() as u64) as usize;
        let from = data.len();
        data.resize(from + piece, 0);
        let found = machine
            .translate(at)
            .is_some_and(|gpa| machine.read_memory(gpa, &mut data[from..]));
        if !found {
            return Err(Error::generic(format!(
                "Invalid addr 0x{va:016x}/size {size} specified"
            )));
        }
    }
    write(cx, args, &data)
}

/// `pmemsave`
pub fn pmemsave(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let (gpa, size) = (args.u64("val").unwrap_or(0), size(args)?);
    let mut data = vec![0; usize::try_from(size).unwrap_or(0)];
    // What is no memory stays zero.
    cx.machine()?.read_memory(Gpa(gpa), &mut data);
    write(cx, args, &data)
}

fn write(cx: &mut Cx<'_>, args: &Args<'_>, data: &[u8]) -> Result<Value, Error> {
    cx.host
        .write_file(args.text("filename"), data)
        .map_err(Error::generic)?;
    done()
}

fn no_balloon() -> Error {
    Error {
        class: Class::DeviceNotActive,
        desc: "No balloon device has been activated".into(),
    }
}

/// `balloon`
pub fn balloon(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Err(no_balloon())
}

/// `query-balloon`
pub fn query_balloon(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Err(no_balloon())
}
