//! `dump-guest-memory`: the machine as an ELF core file, which gdb and crash read: memory by physical address, and the vCPU's registers as
//! Linux's `struct elf_prstatus` (`NT_PRSTATUS`). Layouts: System V ABI, chapter 5; Linux's `include/uapi/linux/elfcore.h`.
//!
//! Only for x86, as with QEMU. Missing: the compressed formats, `paging`, a part of the memory as anything but one range, dumping to a descriptor
//! of the client's.

use serde_json::{Value, json};
use tinamou_core::Gpa;
use tinamou_machine::Arch;
use tinamou_machine::bus::Answers;

use super::done;
use crate::cx::{Args, Cx};
use crate::driven::Driven;
use crate::error::Error;

/// How the last dump went.
#[derive(Clone, Copy, Default, Debug)]
pub struct Dump {
    status: Option<&'static str>,
    total: u64,
    completed: u64,
}

impl Dump {
    fn describe(self) -> Value {
        json!({"status": self.status.unwrap_or("none"), "total": self.total, "completed": self.completed})
    }
}

/// `user_regs_struct` of i386, by gdb's names; the last word of orig_eax is not a register.
const REGS_32: [&str; 17] = [
    "ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", "", "eip", "cs",
    "eflags", "esp", "ss",
];
/// The same of x86-64.
const REGS_64: [&str; 27] = [
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
    "rdi", "", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs",
];

const ELF_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const NT_PRSTATUS: u32 = 1;

/// `struct elf_prstatus` of vCPU `n`, which is looked at: its process is `n` + 1; the registers, all else zero.
fn prstatus(machine: &mut dyn Driven, n: usize, wide: bool) -> Vec<u8> {
    let (names, head, pid): (&[&str], _, _) = if wide {
        (&REGS_64, 112, 32)
    } else {
        (&REGS_32, 72, 24)
    };
    let mut out = vec![0; head];
    out[pid] = n as u8 + 1;
    for name in names {
        let v = machine.register(name).unwrap_or(0).to_le_bytes();
        out.extend_from_slice(&v[..if wide { 8 } else { 4 }]);
    }
    // pr_fpvalid
    out.extend([0; 4]);
    out.resize(out.len().next_multiple_of(if wide { 8 } else { 4 }), 0);
    out
}

fn note(name: &[u8], kind: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend((name.len() as u32).to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend_from_slice(name);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// The ranges to be dumped: first address and length.
fn ranges(machine: &dyn Driven, part: Option<(u64, u64)>) -> Vec<(u64, u64)> {
    let (first, last) = match part {
        Some((begin, length)) => (begin, begin.saturating_add(length.saturating_sub(1))),
        None => (0, u64::MAX),
    };
    let map = machine.memory_map();
    let memory = map
        .iter()
        .filter(|r| matches!(r.answers, Answers::Ram | Answers::Rom));
    let mut out: Vec<(u64, u64)> = Vec::new();
    for r in memory {
        let (f, l) = (r.first.max(first), r.last.min(last));
        if f > l {
            continue;
        }
        match out.last_mut() {
            Some((begin, length)) if *begin + *length == f => *length += l - f + 1,
            _ => out.push((f, l - f + 1)),
        }
    }
    out
}

/// The whole file.
fn core(machine: &mut dyn Driven, wide: bool, part: Option<(u64, u64)>) -> (Vec<u8>, u64) {
    let ranges = ranges(machine, part);
    let notes: Vec<u8> = (0..machine.cpus())
        .flat_map(|n| {
            machine.look_at_cpu(n);
            note(b"CORE\0", NT_PRSTATUS, &prstatus(machine, n, wide))
        })
        .collect();
    let headers = ranges.len() + 1;
    let mut out = Vec::new();
    out.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let machine_number = if wide { 62u16 } else { 3 };
    // ET_CORE, machine, version, entry, program headers right behind, no sections.
    out.extend(4u16.to_le_bytes());
    out.extend(machine_number.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend((ELF_HEADER as u64).to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    for half in [
        ELF_HEADER as u16,
        PROGRAM_HEADER as u16,
        headers as u16,
        0,
        0,
        0,
    ] {
        out.extend(half.to_le_bytes());
    }
    let mut at = (ELF_HEADER + headers * PROGRAM_HEADER) as u64;
    let mut header = |kind: u32, flags: u32, address: u64, bytes: u64| {
        out.extend(kind.to_le_bytes());
        out.extend(flags.to_le_bytes());
        for word in [at, address, address, bytes, bytes, 0] {
            out.extend(word.to_le_bytes());
        }
        at += bytes;
    };
    header(4, 0, 0, notes.len() as u64);
    for &(first, bytes) in &ranges {
        header(1, 7, first, bytes);
    }
    out.extend(notes);
    let mut total = 0;
    for (first, bytes) in ranges {
        let from = out.len();
        out.resize(from + usize::try_from(bytes).unwrap_or(0), 0);
        machine.read_memory(Gpa(first), &mut out[from..]);
        total += bytes;
    }
    (out, total)
}

/// `dump-guest-memory`
pub fn dump(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let missing = |name: &str| Err(Error::generic(format!("Parameter '{name}' is missing")));
    let part = match (args.u64("begin"), args.u64("length")) {
        (Some(begin), Some(length)) => Some((begin, length)),
        (None, None) => None,
        (Some(_), None) => return missing("length"),
        (None, Some(_)) => return missing("begin"),
    };
    let Some(file) = args.text("protocol").strip_prefix("file:") else {
        return Err(Error::generic("Invalid parameter 'protocol'"));
    };
    if matches!(args.str("format"), Some(format) if format != "elf") {
        return Err(Error::generic("only the format 'elf' is supported"));
    }
    if cx.ctl.setup.target().arch != Arch::X86 {
        cx.ctl.dump.status = Some("failed");
        return Err(Error::unsupported());
    }
    let machine = cx.machine()?;
    let wide = machine.address_digits() == 16;
    let (data, total) = core(machine, wide, part);
    if total == 0 {
        return Err(Error::generic("Invalid parameter 'length'"));
    }
    let written = cx.host.write_file(file, &data);
    let failed = written.is_err();
    cx.ctl.dump = Dump {
        status: Some(if failed { "failed" } else { "completed" }),
        total,
        completed: if failed { 0 } else { total },
    };
    written.map_err(Error::generic)?;
    let mut event = serde_json::Map::new();
    event.insert("result".into(), cx.ctl.dump.describe());
    cx.ctl.event(cx.host, "DUMP_COMPLETED", event);
    done()
}

/// `query-dump`
pub fn query(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(cx.ctl.dump.describe())
}

/// `query-dump-guest-memory-capability`
pub fn capability(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!({"formats": ["elf"]}))
}
