//! What a debugger's view of the machine shows: registers, memory, code in all its forms, translations of addresses, devices. Nothing here
//! stops the machine or, but for `x-memory-write`, changes it; breakpoints and steps are the stub's ([`crate::gdb`]).
//!
//! Addresses are texts, since JSON's numbers lose bits of 64-bit ones in many languages: a number as in C, or `$` and a register's
//! name, and sums of these.

use serde_json::{Value, json};
use tinamou_machine::bus::Answers;
use tinamou_machine::inspect::Register;

use super::done;
use crate::cx::{Args, Cx};
use crate::error::Error;
use crate::hmp::expr;

/// Most bytes of memory at once.
const MOST_BYTES: u64 = 1 << 20;
/// Most instructions at once.
const MOST_INSNS: u64 = 4096;

fn hex(n: u64) -> String {
    format!("{n:#x}")
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A sum of numbers and registers.
fn address(cx: &mut Cx<'_>, text: &str) -> Result<u64, Error> {
    let bad = || Error::generic(format!("'{text}' is no address"));
    let none = expr::Registers::new();
    let (mut sum, mut rest, mut negative) = (0u64, text.trim(), false);
    loop {
        let value;
        if let Some(name) = rest.strip_prefix('$') {
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, behind) = name.split_at(end.unwrap_or(name.len()));
            let machine = cx.machine()?;
            value = match machine.list_registers().iter().find(|r| r.is(name)) {
                Some(register) => register.low64(),
                None if name == "pc" => machine.pc(),
                None => return Err(Error::generic(format!("there is no register '{name}'"))),
            };
            rest = behind.trim_start();
        } else {
            let end = rest.find(['+', '-', '$']).unwrap_or(rest.len());
            let (number, behind) = rest.split_at(end);
            let (parsed, left) = expr::eval(number, &none).map_err(|_| bad())?;
            if !left.trim().is_empty() {
                return Err(bad());
            }
            value = parsed;
            rest = behind;
        }
        let value = if negative {
            value.wrapping_neg()
        } else {
            value
        };
        sum = sum.wrapping_add(value);
        let mut signs = rest.chars();
        match signs.next() {
            None => return Ok(sum),
            Some(sign @ ('+' | '-')) => negative = sign == '-',
            Some(_) => return Err(bad()),
        }
        rest = signs.as_str().trim_start();
    }
}

fn asked(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<u64, Error> {
    address(cx, args.str("address").unwrap_or("$pc"))
}

/// `x-registers`
pub fn registers(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let machine = cx.machine()?;
    let one = |r: &Register| {
        let mut v = json!({"name": r.name, "group": r.group, "bits": 8 * r.value.len(), "value": format!("0x{}", digits(&r.value))});
        if let Some(alias) = r.alias {
            v["alias"] = alias.into();
        }
        if let Some(number) = r.number {
            v["number"] = number.into();
        }
        v
    };
    let all: Vec<Value> = machine.list_registers().iter().map(one).collect();
    Ok(json!({
        "pc": hex(machine.pc()), "icount": machine.icount(), "halted": machine.is_halted(),
        "address-digits": machine.address_digits(), "registers": all,
    }))
}

/// `x-memory-read`
pub fn memory_read(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let at = asked(cx, args)?;
    let size = args.u64("size").unwrap_or(0).min(MOST_BYTES) as usize;
    let mut data = vec![0; size];
    let physical = args.bool("physical").unwrap_or(false);
    let there = cx.machine()?.peek_memory(at, physical, &mut data);
    Ok(json!({"address": hex(at), "data": digits(&data[..there])}))
}

/// `x-memory-write`
pub fn memory_write(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let at = asked(cx, args)?;
    let data = crate::gdb::unhex(args.text("data").as_bytes())
        .ok_or_else(|| Error::generic("Parameter 'data' expects hexadecimal digits"))?;
    let physical = args.bool("physical").unwrap_or(false);
    if cx.machine()?.write_memory(at, physical, &data) {
        done()
    } else {
        Err(Error::generic(format!("there is no memory at {at:#x}")))
    }
}

/// `x-disassemble`
pub fn disassemble(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let mut at = asked(cx, args)?;
    let physical = args.bool("physical").unwrap_or(false);
    let count = args.u64("count").unwrap_or(1).min(MOST_INSNS);
    let machine = cx.machine()?;
    let mask = if machine.address_digits() == 8 {
        0xffff_ffff
    } else {
        u64::MAX
    };
    let mut out = Vec::new();
    for _ in 0..count {
        at &= mask;
        let (bytes, text) = machine.disassemble(at, physical);
        let mut code = vec![0; bytes as usize];
        let there = machine.peek_memory(at, physical, &mut code);
        out.push(json!({"address": hex(at), "data": digits(&code[..there]), "text": text}));
        at = at.wrapping_add(u64::from(bytes.max(1)));
    }
    Ok(out.into())
}

/// `x-translate`
pub fn translate(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let at = asked(cx, args)?;
    let machine = cx.machine()?;
    let one = |(what, found): &(String, String)| json!({"what": what, "found": found});
    let steps: Vec<Value> = machine.explain(at).iter().map(one).collect();
    let mut v = json!({"address": hex(at), "steps": steps});
    if let Some(gpa) = machine.translate(at) {
        v["physical"] = hex(gpa.0).into();
    }
    Ok(v)
}

/// `x-block`
pub fn block(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let at = asked(cx, args)?;
    let shown = cx.machine()?.show_block(at);
    let shown = shown.ok_or_else(|| Error::generic(format!("there is no code at {at:#x}")))?;
    Ok(json!({
        "address": hex(at), "insns": shown.insns, "bytes": shown.code_bytes, "ir": shown.ir, "optimised": shown.optimised,
        "module": digits(&shown.module),
    }))
}

/// `x-devices`
pub fn devices(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let machine = cx.machine()?;
    let config = machine.board_config();
    let map = machine.memory_map();
    let mut out = Vec::new();
    for device in machine.board().devices {
        if !(device.present)(&config) {
            continue;
        }
        let ranges: Vec<Value> = map
            .iter()
            .filter(|r| r.answers == Answers::Device && r.name == device.name)
            .map(|r| json!({"first": hex(r.first), "last": hex(r.last)}))
            .collect();
        out.push(json!({
            "name": device.name, "what": device.what, "ranges": ranges, "state": machine.device_info(device.name),
        }));
    }
    Ok(out.into())
}
