//! The files of a process's directory (proc(5)).

use std::fmt::Write as _;

use super::Procs;
use crate::errno::{EACCES, Res};
use crate::mem::{Backing, prot};
use crate::task::{Group, Life};

/// Names and units of /proc/PID/limits, in the order of the limits' numbers.
const LIMITS: [(&str, &str); 16] = [
    ("cpu time", "seconds"),
    ("file size", "bytes"),
    ("data size", "bytes"),
    ("stack size", "bytes"),
    ("core file size", "bytes"),
    ("resident set", "bytes"),
    ("processes", "processes"),
    ("open files", "files"),
    ("locked memory", "bytes"),
    ("address space", "bytes"),
    ("file locks", "locks"),
    ("pending signals", "signals"),
    ("msgqueue size", "bytes"),
    ("nice priority", ""),
    ("realtime priority", ""),
    ("realtime timeout", "us"),
];

fn limits(g: &Group, out: &mut String) {
    let _ = writeln!(
        out,
        "{:25} {:20} {:20} {:10}",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    let text = |v: u64| match v {
        u64::MAX => "unlimited".to_owned(),
        v => v.to_string(),
    };
    for ((name, unit), (soft, hard)) in LIMITS.iter().zip(*g.rlimits.borrow()) {
        let _ = writeln!(
            out,
            "Max {name:21} {:20} {:20} {unit:10}",
            text(soft),
            text(hard)
        );
    }
}

/// The text of a file.
pub(super) fn file(g: &Group, name: &str, procs: &Procs) -> Res<Vec<u8>> {
    let mm = g.mm.borrow().clone();
    let mut out = String::new();
    let state = match g.life.get() {
        Life::Alive | Life::Stopped if g.held.get() => 't',
        Life::Alive => 'R',
        Life::Stopped => 'T',
        Life::Zombie(_) => 'Z',
    };
    let comm = g.comm.borrow().clone();
    let comm_text = String::from_utf8_lossy(&comm).into_owned();
    let range = |from: (u64, u64)| -> Res<Vec<u8>> {
        let Some(mm) = &mm else { return Ok(Vec::new()) };
        let mut buf = vec![0; (from.1 - from.0).min(1 << 20) as usize];
        mm.borrow_mut().read(from.0, &mut buf)?;
        Ok(buf)
    };
    match name {
        "comm" => return Ok([&comm[..], b"\n"].concat()),
        "cmdline" => return range(mm.as_ref().map_or((0, 0), |m| m.borrow().args)),
        "environ" => return range(mm.as_ref().map_or((0, 0), |m| m.borrow().env)),
        "auxv" => return Ok(mm.map_or(Vec::new(), |m| m.borrow().auxv.clone())),
        "maps" | "smaps" => {
            let Some(mm) = mm else { return Ok(Vec::new()) };
            let mm = mm.borrow();
            for (start, v) in &mm.vmas {
                let bit = |b: u32, c: char| if v.prot & b != 0 { c } else { '-' };
                let (shared, at) = match &v.backing {
                    Backing::Anon => ('p', 0),
                    Backing::Private(_, at) => ('p', *at),
                    Backing::Shared(_, at) => ('s', *at),
                };
                let mut line = format!(
                    "{start:08x}-{:08x} {}{}{}{shared} {at:08x} {:02x}:{:02x} {} ",
                    v.end,
                    bit(prot::READ, 'r'),
                    bit(prot::WRITE, 'w'),
                    bit(prot::EXEC, 'x'),
                    v.file.0 >> 32,
                    v.file.0 & 0xffff_ffff,
                    v.file.1
                );
                if !v.name.is_empty() {
                    while line.len() < 73 {
                        line.push(' ');
                    }
                    line.push_str(&String::from_utf8_lossy(&v.name));
                }
                out.push_str(&line);
                out.push('\n');
            }
        }
        "stat" => {
            let (size, resident, code, stack) = mm.map_or((0, 0, (0, 0), 0), |m| {
                let m = m.borrow();
                (
                    m.mapped_bytes(),
                    m.resident_bytes() / 4096,
                    m.code,
                    m.stack_start,
                )
            });
            let (t, c) = (
                g.cpu_ns.get() / 10_000_000,
                g.child_cpu_ns.get() / 10_000_000,
            );
            let _ = writeln!(
                out,
                "{} ({comm_text}) {state} {} {} {} 0 -1 4194304 0 0 0 0 {t} 0 {c} 0 20 {} {} 0 {} {size} {resident} 18446744073709551615 {} {} {stack} 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                g.pid,
                g.ppid.get(),
                g.pgid.get(),
                g.sid.get(),
                g.nice.get(),
                g.threads.borrow().len(),
                g.start_ns / 10_000_000,
                code.0,
                code.1
            );
        }
        "statm" => {
            let (size, resident) = mm.map_or((0, 0), |m| {
                (
                    m.borrow().mapped_bytes() / 4096,
                    m.borrow().resident_bytes() / 4096,
                )
            });
            let _ = writeln!(out, "{size} {resident} 0 1 0 {resident} 0");
        }
        "status" => {
            let (size, resident) = mm.map_or((0, 0), |m| {
                (
                    m.borrow().mapped_bytes() / 1024,
                    m.borrow().resident_bytes() / 1024,
                )
            });
            let i = g.ids.get();
            let state = match state {
                'R' => "R (running)",
                'T' => "T (stopped)",
                't' => "t (tracing stop)",
                _ => "Z (zombie)",
            };
            let sets = procs.shown.borrow().signals.get(&g.pid).copied();
            let sets = sets.unwrap_or_default();
            let umask = g.fs.borrow().borrow().umask;
            let _ = write!(
                out,
                "Name:\t{comm_text}\nUmask:\t{umask:04o}\nState:\t{state}\nTgid:\t{0}\nNgid:\t0\nPid:\t{0}\nPPid:\t{1}\nTracerPid:\t{9}\nUid:\t{2}\t{3}\t{4}\t{3}\nGid:\t{5}\t{6}\t{7}\t{6}\nFDSize:\t64\nGroups:\t\nVmPeak:\t{size:8} kB\nVmSize:\t{size:8} kB\nVmRSS:\t{resident:8} kB\nThreads:\t{8}\nSigQ:\t0/1024\nSigPnd:\t{10:016x}\nShdPnd:\t{11:016x}\nSigBlk:\t{12:016x}\nSigIgn:\t{13:016x}\nSigCgt:\t{14:016x}\nCapInh:\t0000000000000000\nCapPrm:\t{15:016x}\nCapEff:\t{15:016x}\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\n",
                g.pid,
                g.ppid.get(),
                i[0],
                i[1],
                i[2],
                i[3],
                i[4],
                i[5],
                g.threads.borrow().len(),
                g.tracer.get(),
                sets[0],
                sets[1],
                sets[2],
                sets[3],
                sets[4],
                if i[1] == 0 { 0x1ff_ffff_ffffu64 } else { 0 }
            );
        }
        "limits" => limits(g, &mut out),
        "mounts" => out
            .push_str("rootfs / rootfs rw 0 0\nproc /proc proc rw 0 0\ntmpfs /dev tmpfs rw 0 0\n"),
        "mountinfo" => out.push_str("1 0 0:1 / / rw - rootfs rootfs rw\n"),
        "oom_score_adj" => out.push_str("0\n"),
        "cgroup" => out.push_str("0::/\n"),
        "loginuid" => out.push_str("4294967295"),
        "wchan" => out.push('0'),
        _ => return Err(EACCES),
    }
    Ok(out.into_bytes())
}
