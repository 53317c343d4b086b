//! Filetests: IR in its text form with what running it must show.
//!
//! ```text
//! ;; test: interp, wasmtime, v8
//! ;; slots: a i32, b i64
//! ;; run: a=1, [0x10000]=aabbccdd, budget 100 => a=2, [0x10004]=00, jump 0x2000, insns 3
//! block 0x1000 va i32 { … }
//! ```
//! `run` lines: on the left slots (bits), guest memory (bytes by rising address) and the budget; on the right slots, memory,
//! `insns N` (completed), `dev TEXT` (the next line of the device log), and how it ends: `jump`, `indirect`, `leave`, `left`, `wait`,
//! `budget` and an address, `trap CODE ADDRESS`, `fault CODE ADDRESS VA`. What is not named on the right is not checked. The first block is
//! the entry. `;; form: optimised` lets values live across markers. Memory is that of [`crate::machine`].

use std::rc::Rc;

use tinamou_ir::guest::Lasting;
use tinamou_ir::region::Region;
use tinamou_ir::text::parse_blocks;
use tinamou_ir::types::TYPES;
use tinamou_ir::verify::{Form, verify_region};
use tinamou_ir::{Slot, SlotTable};

use crate::machine::{Case, End, HELPERS, Observed, Runner};

/// One `run` line.
pub struct Run {
    /// What to run.
    pub case: Case,
    /// What must show.
    pub expect: Vec<Expect>,
}

/// One item on the right of a `run` line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// A slot's bits.
    Slot(Slot, u64),
    /// Guest memory.
    Memory(u64, Vec<u8>),
    /// Completed instructions.
    Insns(u32),
    /// A line of the device log.
    Device(String),
    /// How it ends, as text.
    End(String),
}

/// A file of cases.
pub struct FileTest {
    /// Engines of the `test:` line.
    pub engines: Vec<String>,
    /// Its `run` lines.
    pub runs: Vec<Run>,
}

/// A number as in IR text.
fn number(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |d| (true, d));
    let n = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(&hex.replace('_', ""), 16),
        None => digits.parse(),
    };
    let n = n.map_err(|_| format!("number expected, not '{text}'"))?;
    Ok(if negative { n.wrapping_neg() } else { n })
}

fn slots(text: &str) -> Result<SlotTable, String> {
    let mut table = SlotTable::default();
    for item in text.split(',') {
        let (name, ty) = item
            .trim()
            .split_once(' ')
            .ok_or_else(|| format!("'name type' expected, not '{item}'"))?;
        let ty = TYPES.into_iter().find(|t| t.to_string() == ty);
        table.push(name, ty.ok_or_else(|| format!("no type in '{item}'"))?);
    }
    Ok(table)
}

fn memory(text: &str) -> Option<Result<(u64, Vec<u8>), String>> {
    let (va, bytes) = text.strip_prefix('[')?.split_once("]=")?;
    let bytes: Option<Vec<u8>> = (0..bytes.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(bytes.get(i..i + 2)?, 16).ok())
        .collect();
    Some(number(va).and_then(|va| {
        Ok((
            va,
            bytes.ok_or_else(|| format!("bytes expected in '{text}'"))?,
        ))
    }))
}

fn slot(text: &str, table: &SlotTable) -> Option<Result<(Slot, u64), String>> {
    let (name, value) = text.split_once('=')?;
    let index = table.slots.iter().position(|s| s.name == name)?;
    let wide = table.slots[index].ty.bytes() >= 8;
    Some(number(value).map(|n| (Slot(index as u16), if wide { n } else { n as u32 as u64 })))
}

/// Reads a filetest.
///
/// # Errors
/// What is wrong with it.
pub fn parse(name: &str, text: &str) -> Result<FileTest, String> {
    let (mut engines, mut table, mut form, mut lines) =
        (Vec::new(), SlotTable::default(), Form::Lifted, Vec::new());
    for (n, line) in (1..).zip(text.lines()) {
        let Some((key, value)) = line.strip_prefix(";;").and_then(|l| l.split_once(':')) else {
            continue;
        };
        let value = value.trim();
        match key.trim() {
            "test" => engines = value.split(',').map(|e| e.trim().to_string()).collect(),
            "slots" => table = slots(value)?,
            "form" if value == "optimised" => form = Form::Optimised,
            "run" => lines.push((n, value)),
            _ => return Err(format!("line {n}: '{line}'")),
        }
    }
    let blocks = parse_blocks(text, &table, HELPERS).map_err(|e| e.to_string())?;
    let region = Region {
        blocks,
        entries: vec![0],
        lasting: Lasting::Fixed,
        hot: false,
    };
    verify_region(&region, &table, HELPERS, form).map_err(|e| e.to_string())?;
    let table = Rc::new(table);
    let mut runs = Vec::new();
    // Compiled both ways.
    for ((n, line), hot) in lines.iter().flat_map(|&l| [(l, false), (l, true)]) {
        let case = Case {
            name: format!("{name}:{n}{}", if hot { " hot" } else { "" }),
            slots: table.clone(),
            region: Region {
                hot,
                ..region.clone()
            },
            set: Vec::new(),
            memory: Vec::new(),
            budget: 1000,
        };
        runs.push(run_line(line, case).map_err(|e| format!("line {n}: {e}"))?);
    }
    Ok(FileTest { engines, runs })
}

fn run_line(line: &str, mut case: Case) -> Result<Run, String> {
    let (left, right) = line.split_once("=>").ok_or("'=>' expected")?;
    let items = |text: &'_ str| {
        text.split(',')
            .map(|s| s.trim().to_string())
            .filter(|s| !s.is_empty())
            .collect::<Vec<_>>()
    };
    for item in items(left) {
        if let Some(m) = memory(&item) {
            case.memory.push(m?);
        } else if let Some(s) = slot(&item, &case.slots) {
            case.set.push(s?);
        } else if let Some(n) = item.strip_prefix("budget ") {
            case.budget = number(n)? as u32;
        } else {
            return Err(format!("'{item}'"));
        }
    }
    let mut expect = Vec::new();
    for item in items(right) {
        expect.push(if let Some(m) = memory(&item) {
            let (va, bytes) = m?;
            Expect::Memory(va, bytes)
        } else if let Some(s) = slot(&item, &case.slots) {
            let (slot, bits) = s?;
            Expect::Slot(slot, bits)
        } else if let Some(n) = item.strip_prefix("insns ") {
            Expect::Insns(number(n)? as u32)
        } else if let Some(text) = item.strip_prefix("dev ") {
            Expect::Device(text.to_string())
        } else {
            Expect::End(item)
        });
    }
    Ok(Run { case, expect })
}

/// How a run ended, as filetests write it.
pub fn end_text(end: End) -> String {
    match end {
        End::Jump(pc) => format!("jump {pc:#x}"),
        End::Indirect(pc) => format!("indirect {pc:#x}"),
        End::Leave(pc) => format!("leave {pc:#x}"),
        End::Left(pc) => format!("left {pc:#x}"),
        End::Wait(pc) => format!("wait {pc:#x}"),
        End::Budget(pc) => format!("budget {pc:#x}"),
        End::Trap(code, pc, _) => format!("trap {code} {pc:#x}"),
        End::Fault(fault, pc, _) => format!("fault {} {pc:#x} {:#x}", fault.code, fault.va),
    }
}

/// Compares what was seen with what must be.
///
/// # Errors
/// The first difference.
pub fn check(run: &Run, seen: &Observed) -> Result<(), String> {
    let mut log = seen.log.iter();
    for expect in &run.expect {
        let (name, want, got) = match expect {
            Expect::Slot(slot, bits) => (
                run.case.slots.desc(*slot).name.clone(),
                format!("{bits:#x}"),
                format!("{:#x}", seen.slots[slot.0 as usize]),
            ),
            Expect::Memory(va, bytes) => {
                let got: Vec<u8> = (*va..)
                    .take(bytes.len())
                    .filter_map(|va| seen.byte(&run.case, va))
                    .collect();
                (
                    format!("[{va:#x}]"),
                    format!("{bytes:02x?}"),
                    format!("{got:02x?}"),
                )
            }
            Expect::Insns(n) => ("insns".into(), n.to_string(), seen.completed.to_string()),
            Expect::Device(text) => (
                "dev".into(),
                text.clone(),
                log.next().cloned().unwrap_or_default(),
            ),
            Expect::End(text) => ("end".into(), text.clone(), end_text(seen.end)),
        };
        if want != got {
            return Err(format!(
                "{}: {name}: expected {want}, found {got}",
                run.case.name
            ));
        }
    }
    Ok(())
}

/// Runs every line of a file that names the runner's engine; gives how many.
///
/// # Errors
/// The first difference.
pub fn run_file(name: &str, text: &str, runner: &mut dyn Runner) -> Result<usize, String> {
    let file = parse(name, text).map_err(|e| format!("{name}: {e}"))?;
    if !file.engines.iter().any(|e| e == runner.name()) {
        return Ok(0);
    }
    for run in &file.runs {
        check(run, &runner.run(&run.case))?;
    }
    Ok(file.runs.len())
}

/// Every filetest: name and text.
///
/// # Errors
/// When the folder cannot be read.
pub fn all() -> Result<Vec<(String, String)>, std::io::Error> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../filetests");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "tir") {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}
