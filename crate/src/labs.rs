//! `tinamou lab check DIR`: plays a lab as the page does, for graders. Exit status 0: all passed; 1: something failed; 2: the lab or
//! the command line is broken.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tinamou_arena::Arena;
use tinamou_jit::Tuning;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_lab::{Lab, Report, Run, asm};
use tinamou_machine::Config;

use crate::host::why;

const USAGE: &str = "usage: tinamou lab check DIR [--answer FILE] [--junit FILE] [--interpret]

Plays the lab in DIR (lab.json) and checks its steps.
  --answer FILE   the program to check, in place of the lab's own; a source (.s) is assembled
  --junit FILE    write the verdict as JUnit XML
  --interpret     do not compile: slower, the same verdict
";

/// A step between two looks at whether all is done.
const PIECE: u64 = 100_000_000;

#[derive(Default)]
struct Args {
    folder: PathBuf,
    answer: Option<PathBuf>,
    junit: Option<PathBuf>,
    interpret: bool,
}

fn parse(args: &[OsString]) -> Result<Args, String> {
    let mut words = args.iter();
    match words.next().and_then(|w| w.to_str()) {
        Some("check") => {}
        Some("-h" | "--help" | "help") | None => return Err(String::new()),
        Some(other) => return Err(format!("lab: there is no '{other}'")),
    }
    let mut out = Args::default();
    let mut folder = None;
    while let Some(word) = words.next() {
        let mut file = || {
            let next = words.next().map(PathBuf::from);
            next.ok_or_else(|| format!("lab check: {} expects a file", word.to_string_lossy()))
        };
        match word.to_str() {
            Some("--answer") => out.answer = Some(file()?),
            Some("--junit") => out.junit = Some(file()?),
            Some("--interpret") => out.interpret = true,
            Some("-h" | "--help") => return Err(String::new()),
            Some(option) if option.starts_with('-') => {
                return Err(format!("lab check: there is no option '{option}'"));
            }
            _ if folder.is_none() => folder = Some(PathBuf::from(word)),
            _ => return Err("lab check: one folder at a time".into()),
        }
    }
    out.folder = folder.ok_or("lab check: which folder?")?;
    Ok(out)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|e| format!("'{}': {}", path.display(), why(&e)))
}

/// A program: assembled, if it is a source.
fn program(path: &Path, lab: &Lab) -> Result<Vec<u8>, String> {
    let bytes = read(path)?;
    let source = path.extension().is_some_and(|e| e == "s" || e == "S");
    if !source {
        return Ok(bytes);
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("'{}' is no text", path.display()))?;
    let big_endian = Config::target(&lab.machine.target).is_some_and(|t| t.big_endian);
    let done = asm::assemble(&text, big_endian, asm::ORIGIN);
    done.map(|p| p.elf).map_err(|errors| {
        let line = |e: &asm::AsmError| format!("{}:{}: {}", path.display(), e.line, e.what);
        errors.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

fn engine(arena: &Arena) -> Result<Box<dyn Engine>, String> {
    match WasmtimeEngine::new(arena, 1) {
        Ok(engine) => Ok(Box::new(engine)),
        Err(e) => Err(e.to_string()),
    }
}

fn check(args: &Args) -> Result<Report, String> {
    let text = read(&args.folder.join("lab.json"))?;
    let text = String::from_utf8(text).map_err(|_| "lab.json is no text")?;
    let lab = Lab::parse(&text).map_err(|e| e.to_string())?;
    let answer = match args.answer.as_deref() {
        Some(path) => Some(program(path, &lab)?),
        None => None,
    };
    let kernel = lab.files.kernel.clone();
    let file = |name: &str| match &answer {
        Some(answer) if kernel.as_deref() == Some(name) => Some(answer.clone()),
        _ => std::fs::read(args.folder.join(name)).ok(),
    };
    let make = (!args.interpret).then_some(engine);
    let mut run = Run::new(&lab, file, Tuning::native(), make).map_err(|e| e.to_string())?;
    while !run.work(PIECE) {}
    let report = run.report();
    // Taking the machine apart would only cost time: the process ends.
    std::mem::forget(run);
    Ok(report)
}

/// Runs `tinamou lab ARGS`.
pub fn main(args: &[OsString]) -> ExitCode {
    let args = match parse(args) {
        Ok(args) => args,
        Err(wrong) if wrong.is_empty() => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprint!("tinamou: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let report = match check(&args) {
        Ok(report) => report,
        Err(wrong) => {
            eprintln!("tinamou: lab check: {wrong}");
            return ExitCode::from(2);
        }
    };
    println!("{}", report.title);
    print!("{}", report.text());
    if let Some(path) = &args.junit
        && let Err(e) = std::fs::write(path, report.junit())
    {
        eprintln!("tinamou: lab check: '{}': {}", path.display(), why(&e));
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(!report.passed))
}
