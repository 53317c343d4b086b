//! Random MIPS programs on whole machines: the interpreter and an engine must reach the same state.
//!
//! A program is a loop over random instructions of the decode table between fixed parts of ours: a start that fills registers,
//! and an exception handler that steps over what faults, brings runaways back and keeps the timer going, so that interrupts come
//! at all places. It runs in kernel or user mode, from kseg0 or from mapped pages, in both byte orders and widths. What
//! differs is shrunk to the instructions that matter.

use std::fmt::Write;

use tinamou_arena::Arena;
use tinamou_core::Gpa;
use tinamou_decode::{Pattern, Rng};
use tinamou_jit::engine::Engine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};
use tinamou_mips::CpuModel;
use tinamou_mips::decode::{Op, class, decode, random_encoding};

/// (target, CPU model): both byte orders, both widths, with and without 64-bit FPU registers and shadow sets.
pub const CPUS: [(&str, &str); 5] = [
    ("mipsel", "24Kf"),
    ("mips", "34Kf"),
    ("mips64el", "MIPS64R2-generic"),
    ("mips64", "5Kf"),
    ("mipsel", "4KEc"),
];

const RAM_BYTES: u64 = 2 << 20;
/// Instructions of one program's run.
const RUN_INSNS: u64 = 40_000;
const SLICE_INSNS: u64 = 3_000;

const HANDLER: u32 = 0x400;
const START: u32 = 0x10_0000;
const BODY: u32 = 0x11_0000;
const TABLE: u32 = 0x12_0000;
const DATA: u32 = 0x18_0000;
/// Physical pages behind the mapped data: not neighbours.
const DATA_EVEN: u32 = 0x18_4000;
const DATA_ODD: u32 = 0x18_6000;
const KSEG0: u32 = 0x8000_0000;
const MAPPED_BODY: u32 = 0x0040_0000;
const MAPPED_DATA: u32 = 0x0080_0000;
/// Loop head: pointers into registers 16 to 20 and 25, two instructions each.
const HEAD_WORDS: usize = 12;

const K0: u32 = 26;
const K1: u32 = 27;

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Random instructions.
    pub words: Vec<u32>,
    /// Status while it runs.
    status: u32,
    /// Runs from a mapped page.
    mapped: bool,
    /// Initial registers: 32 general, 32 of the FPU, FCSR.
    values: Vec<u64>,
    /// Whether the odd data page may be written.
    odd_writable: bool,
}

// ---- a few encodings of the fixed parts ----

fn imm(op: u32, rt: u32, rs: u32, v: u32) -> u32 {
    op << 26 | rs << 21 | rt << 16 | v & 0xffff
}
fn li(out: &mut Vec<u32>, reg: u32, v: u32) {
    out.push(imm(0x0f, reg, 0, v >> 16));
    out.push(imm(0x0d, reg, reg, v));
}
fn mtc0(rt: u32, rd: u32) -> u32 {
    0x4080_0000 | rt << 16 | rd << 11
}
fn mfc0(rt: u32, rd: u32) -> u32 {
    0x4000_0000 | rt << 16 | rd << 11
}
/// The 64-bit form on CPUs that have it.
fn wide0(word: u32, wide: bool) -> u32 {
    if wide { word | 1 << 21 } else { word }
}
const TLBWI: u32 = 0x4200_0002;
const ERET: u32 = 0x4200_0018;

fn map_pages(out: &mut Vec<u32>, scratch: u32, index: u32, va: u32, even: u32, odd: u32) {
    li(out, scratch, index);
    out.push(mtc0(scratch, 0));
    for (reg, v) in [(10, va), (2, even), (3, odd)] {
        li(out, scratch, v);
        out.push(mtc0(scratch, reg));
    }
    out.push(TLBWI);
}

/// EntryLo: global, valid, cached; writable if asked for.
fn entry_lo(pa: u32, writable: bool) -> u32 {
    pa >> 12 << 6 | 3 << 3 | u32::from(writable) << 2 | 3
}

impl Program {
    fn body_base(&self) -> u32 {
        if self.mapped {
            MAPPED_BODY
        } else {
            KSEG0 | BODY
        }
    }

    fn mappings(&self, out: &mut Vec<u32>, scratch: u32) {
        out.push(mtc0(0, 5));
        map_pages(
            out,
            scratch,
            0,
            MAPPED_BODY,
            entry_lo(BODY, true),
            entry_lo(BODY + 0x1000, true),
        );
        map_pages(
            out,
            scratch,
            1,
            MAPPED_DATA,
            entry_lo(DATA_EVEN, true),
            entry_lo(DATA_ODD, self.odd_writable),
        );
    }

    /// Reached from every vector.
    fn handler(&self, wide: bool) -> Vec<u32> {
        let mut c = Vec::new();
        let tail = self.body_base() + 4 * (HEAD_WORDS + self.words.len()) as u32;
        let size = 4 * (HEAD_WORDS + self.words.len() + 2) as u32;
        c.push(mfc0(K0, 13));
        c.push(imm(0x0c, K0, K0, 0x7c));
        let to_fault = c.len();
        c.push(0);
        c.push(0);
        // An interrupt: software ones are taken back, the timer goes on.
        c.push(mtc0(0, 13));
        c.push(mfc0(K0, 9));
        c.push(imm(0x09, K0, K0, 211));
        c.push(mtc0(K0, 11));
        let to_out = c.len();
        c.push(0);
        c.push(0);
        c[to_fault] = imm(0x05, 0, K0, (c.len() - to_fault - 1) as u32);
        // A fault: of the TLB's: mappings again; then behind the instruction, or to the loop's end.
        c.push(imm(0x0b, K0, K0, 16));
        let to_skip = c.len();
        c.push(0);
        c.push(0);
        self.mappings(&mut c, K0);
        c[to_skip] = imm(0x04, 0, K0, (c.len() - to_skip - 1) as u32);
        c.push(mfc0(K0, 13));
        c.push(wide0(mfc0(K1, 14), wide));
        let add = if wide { 0x19 } else { 0x09 };
        c.push(imm(0x01, 1, K0, 2));
        c.push(imm(add, K1, K1, 4));
        c.push(imm(add, K1, K1, 4));
        li(&mut c, K0, self.body_base());
        let sub = if wide { 0x2f } else { 0x23 };
        c.push(K1 << 21 | K0 << 16 | K0 << 11 | sub);
        c.push(imm(0x0b, K0, K0, size));
        c.push(imm(0x05, 0, K0, 3));
        c.push(0);
        li(&mut c, K1, tail);
        c.push(wide0(mtc0(K1, 14), wide));
        c[to_out] = imm(0x04, 0, 0, (c.len() - to_out - 1) as u32);
        li(&mut c, K0, self.status | 2);
        c.push(mtc0(K0, 12));
        c.push(ERET);
        c
    }

    fn start(&self, wide: bool, fpu: bool) -> Vec<u32> {
        let mut c = Vec::new();
        // Without BEV, at exception level, FPU on.
        li(&mut c, 1, self.status & !0x18 | 2);
        c.push(mtc0(1, 12));
        c.push(mtc0(0, 13));
        self.mappings(&mut c, 1);
        c.push(mfc0(1, 9));
        c.push(imm(0x09, 1, 1, 300));
        c.push(mtc0(1, 11));
        li(&mut c, 1, self.body_base());
        c.push(wide0(mtc0(1, 14), wide));
        li(&mut c, 1, KSEG0 | TABLE);
        if fpu {
            // 64-bit halves where registers are 32 bits wide.
            let even = self.status & 1 << 26 == 0;
            for f in (0..32).step_by(1 + even as usize) {
                c.push(imm(0x35, f, 1, 8 * (32 + f)));
            }
            c.push(imm(0x23, 2, 1, 8 * 64));
            c.push(0x44c0_0000 | 2 << 16 | 31 << 11);
        }
        let load = if wide { 0x37 } else { 0x23 };
        for r in (2..32).chain([1]) {
            c.push(imm(load, r, 1, 8 * r));
        }
        c.push(ERET);
        c
    }

    fn body(&self) -> Vec<u32> {
        let mut c = Vec::new();
        let base = self.body_base();
        let user = self.status & 0x10 != 0;
        let near = if user { MAPPED_DATA } else { KSEG0 | DATA };
        for (reg, v) in [
            (16, near + 0x100),
            (17, near + 0xff8),
            (18, MAPPED_DATA + 0x200),
            (19, MAPPED_DATA + 0xff8),
            (20, base + 4 * HEAD_WORDS as u32),
            (25, base + 4 * (HEAD_WORDS as u32 + 7)),
        ] {
            li(&mut c, reg, v);
        }
        c.extend_from_slice(&self.words);
        c.push(imm(0x04, 0, 0, (c.len() as u32 + 1).wrapping_neg()));
        c.push(0);
        c
    }

    fn text(&self) -> String {
        let mut t = format!(
            "status {:#x}, mapped {}, odd page writable {}\n",
            self.status, self.mapped, self.odd_writable
        );
        for (i, &w) in self.words.iter().enumerate().filter(|(_, w)| **w != 0) {
            let name = decode(w).map_or("?", |p| p.name);
            let at = self.body_base() + 4 * (HEAD_WORDS + i) as u32;
            let _ = writeln!(t, "{at:08x}  {w:08x}  {name}");
        }
        t
    }
}

// ---- the generator ----

/// CP0 registers (number, select) that a program may write.
const WRITABLE_CP0: [(u32, u32); 17] = [
    (0, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (4, 2),
    (5, 0),
    (6, 0),
    (7, 0),
    (9, 0),
    (10, 0),
    (11, 0),
    (12, 3),
    (13, 0),
    (14, 0),
    (17, 0),
    (30, 0),
    (31, 0),
];

/// A value with edges more likely than chance has them.
fn value(rng: &mut Rng) -> u64 {
    let r = rng.next_u64();
    match rng.below(8) {
        0 => r & 0xff,
        1 => (r as u8 as i8) as i64 as u64,
        2 => [0, 1, 0x7fff_ffff, 0xffff_ffff_8000_0000, 1 << 63, u64::MAX][rng.below(6)],
        // Floats: both widths, small exponents and special ones.
        3 => (1.0 + rng.below(1000) as f64 / 7.0).to_bits(),
        4 => {
            let f = (rng.below(4000) as f32 - 2000.0) / 3.0;
            u64::from(f.to_bits()) << 32 | u64::from((f * 1.5).to_bits())
        }
        5 => [
            0x7ff0_0000_0000_0000,
            0x7ff4_0000_0000_0001,
            0xfff8_0000_0000_0000,
            0x000f_ffff_ffff_ffff,
            0x7f80_0000_ff80_0000,
            0x7fa0_0001_0000_0001,
            0x8000_0000_8000_0000,
        ][rng.below(7)],
        6 => r as i32 as i64 as u64,
        _ => r,
    }
}

fn set_field(word: &mut u32, p: &Pattern<Op>, letter: char, v: u32) {
    let letters: Vec<char> = p.figure.chars().filter(|c| *c != ' ').collect();
    let places: Vec<usize> = (0..32).filter(|i| letters[*i] == letter).collect();
    for (k, i) in places.iter().rev().enumerate() {
        let bit = 1 << (31 - i);
        *word = if v >> k & 1 != 0 {
            *word | bit
        } else {
            *word & !bit
        };
    }
}

fn has_field(p: &Pattern<Op>, letter: char) -> bool {
    p.figure.contains(letter)
}

/// A register for operands: seldom one of the pointers.
fn operand(rng: &mut Rng) -> u32 {
    match rng.below(12) {
        0 => rng.below(32) as u32,
        1 => 31,
        _ => rng.below(16) as u32,
    }
}

fn instruction(rng: &mut Rng, program: &Program, at: usize, len: usize, model: &CpuModel) -> u32 {
    loop {
        let Some((mut word, p)) = random_encoding(rng, 0) else {
            return 0;
        };
        let has = |bit: u32| p.class & bit != 0;
        let wide = model.wide;
        let foreign = has(class::WIDE) && !wide
            || has(class::FPU) && !model.has_fpu()
            || has(class::PAIRED) && !model.paired_single()
            || has(class::FPU64) && !model.fpu64()
            || has(class::COP1X) && !wide && !model.release2
            || has(class::LEVEL_R2) && !model.release2;
        let rare = match p.op {
            // Debug mode is left by a debugger only.
            Op::Sdbbp | Op::Deret => continue,
            // What faults, or has nothing behind it, is worth a try now and then.
            _ if foreign => 40,
            _ if has(class::COP0) && program.status & 0x10 != 0 => 20,
            Op::Tlbwi | Op::Tlbwr | Op::Eret | Op::Wait | Op::Syscall | Op::Break => 6,
            Op::Cop2 | Op::Lwc2 | Op::Ldc2 | Op::Swc2 | Op::Sdc2 => 20,
            _ if p.name.starts_with('t') && !has(class::COP0 | class::FPU) => 4,
            _ if has(class::FPU) => 2,
            _ => 1,
        };
        if rng.below(rare) != 0 {
            continue;
        }
        // Pairs of 32-bit registers have even numbers.
        if has(class::FPU) && program.status & 1 << 26 == 0 && rng.below(16) != 0 {
            for letter in ['S', 'T', 'D', 'R']
                .into_iter()
                .filter(|l| has_field(p, *l))
            {
                let even = 2 * rng.below(16) as u32;
                set_field(&mut word, p, letter, even);
            }
        }
        for letter in ['s', 't', 'd'] {
            if has_field(p, letter) {
                set_field(&mut word, p, letter, operand(rng));
            }
        }
        let memory = p.operands.ends_with('m');
        if memory || p.operands.ends_with('x') {
            let pointer = match rng.below(24) {
                0 => operand(rng),
                1 => 20,
                _ => 16 + rng.below(4) as u32,
            };
            set_field(&mut word, p, 's', pointer);
            if !memory && rng.below(2) == 0 {
                set_field(&mut word, p, 't', 0);
            }
            if rng.below(12) != 0 {
                let aligned = if rng.below(8) == 0 { 1 } else { 8 };
                let offset = (rng.below(24) as i32 - 12) * aligned;
                set_field(&mut word, p, 'i', offset as u32);
            }
        } else if p.operands.ends_with('b') {
            // Forwards mostly: the program should get round.
            let to = if rng.below(6) == 0 {
                rng.below(len)
            } else {
                at + 1 + rng.below((len - at).min(12))
            };
            set_field(&mut word, p, 'i', (to as i32 - at as i32 - 1) as u32);
        }
        match p.op {
            Op::J | Op::Jal => {
                let to = program.body_base() + 4 * (HEAD_WORDS + rng.below(len)) as u32;
                set_field(&mut word, p, 'j', to >> 2);
            }
            Op::Jr | Op::Jalr if rng.below(10) != 0 => {
                set_field(&mut word, p, 's', [25, 31][rng.below(2)]);
            }
            Op::Mtc0 | Op::Dmtc0 => {
                let (reg, select) = WRITABLE_CP0[rng.below(WRITABLE_CP0.len())];
                set_field(&mut word, p, 'd', reg);
                set_field(&mut word, p, 'n', select);
            }
            Op::Mfc0 | Op::Dmfc0 => set_field(&mut word, p, 'd', rng.below(32) as u32),
            _ => {}
        }
        return word;
    }
}

fn model(cpu: usize) -> &'static CpuModel {
    CpuModel::by_name(CPUS[cpu].1).expect("a model of the list")
}

/// The program of a seed for a CPU.
pub fn program(seed: u64, cpu: usize) -> Program {
    let mut rng = Rng(seed.wrapping_mul(CPUS.len() as u64) + cpu as u64);
    let model = model(cpu);
    let wide = model.wide;
    let user = rng.below(4) == 0;
    let mapped = user || rng.below(4) == 0;
    let mut status = 0x1000_8301;
    if model.has_fpu() {
        status |= 1 << 29;
    }
    if model.fpu64() && rng.below(2) == 0 {
        status |= 1 << 26;
    }
    if wide {
        status |= 0xe0;
    }
    if user {
        status |= 0x10;
    }
    let mut values: Vec<u64> = (0..64).map(|_| value(&mut rng)).collect();
    // No trap bits in two of three; any rounding mode; denormals kept or flushed.
    let mut fcsr = rng.next_u64() as u32 & 0x0100_0fff;
    if rng.below(3) != 0 {
        fcsr &= !0xf80;
    }
    values.push(u64::from(fcsr & !0x3_f000));
    let mut p = Program {
        words: Vec::new(),
        status,
        mapped,
        values,
        odd_writable: rng.below(3) != 0,
    };
    let len = 12 + rng.below(60);
    for at in 0..len {
        let word = instruction(&mut rng, &p, at, len, model);
        p.words.push(word);
    }
    p
}

// ---- running ----

fn bytes(words: &[u32], big_endian: bool) -> Vec<u8> {
    let byte_order = |w: &u32| {
        if big_endian {
            w.to_be_bytes()
        } else {
            w.to_le_bytes()
        }
    };
    words.iter().flat_map(byte_order).collect()
}

/// How far a run came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reached {
    icount: u64,
    pc: u64,
    hash: u64,
}

fn run(machine: &mut Machine, program: &Program, cpu: usize, insns: u64) -> Reached {
    let model = model(cpu);
    let (wide, be) = (model.wide, matches!(CPUS[cpu].0, "mips" | "mips64"));
    machine.reset();
    let handler = program.handler(wide);
    let to_handler = [0x0800_0000 | (KSEG0 | HANDLER) >> 2 & 0x3ff_ffff, 0];
    let table: Vec<u32> = program
        .values
        .iter()
        .flat_map(|v| {
            let (low, high) = (*v as u32, (*v >> 32) as u32);
            if be && wide { [high, low] } else { [low, high] }
        })
        .collect();
    let data: Vec<u32> = program
        .values
        .iter()
        .cycle()
        .take(0x2000)
        .map(|v| (v ^ v >> 32) as u32)
        .collect();
    let mut rows = vec![
        (HANDLER, handler),
        (START, program.start(wide, model.has_fpu())),
        (BODY, program.body()),
        (TABLE, table),
        (DATA, data),
    ];
    rows.extend([0, 0x80, 0x100, 0x180, 0x200].map(|v| (v, to_handler.to_vec())));
    let bus = machine.bus_mut();
    // Nothing of the program before.
    bus.write_memory(Gpa(u64::from(BODY)), &[0; 0x2000]);
    for (at, words) in rows {
        bus.write_memory(Gpa(u64::from(at)), &bytes(&words, be));
    }
    let end = machine.icount() + insns;
    while machine.icount() < end {
        match machine.run_slice((end - machine.icount()).min(SLICE_INSNS)) {
            SliceEnd::Halted { until_ns: Some(ns) } => machine.skip_to(ns),
            SliceEnd::Budget => {}
            _ => break,
        }
    }
    Reached {
        icount: machine.icount(),
        pc: machine.vcpu_mut().state().pc(),
        hash: machine.state_hash(),
    }
}

/// Makes an engine.
pub type MakeEngine = fn(&Arena) -> Result<Box<dyn Engine>, String>;

/// The two machines of one CPU.
pub struct Pair {
    cpu: usize,
    interp: Machine,
    jit: Machine,
}

fn machine(cpu: usize, accel: Accel, engine: MakeEngine) -> Result<Machine, String> {
    let (target, model) = CPUS[cpu];
    let target = Config::target(target).ok_or("no such target")?;
    let mut config = Config::new(target);
    config.cpu = model.into();
    config.ram_bytes = RAM_BYTES;
    config.nic = false;
    config.accel = accel;
    // Everything that runs twice is compiled, soon.
    config.tuning.hot_runs = 3;
    config.tuning.credit = 1 << 40;
    config.tuning.warm_part = 1;
    config.tuning.batch = 2;
    config.tuning.patience_slices = 1;
    config.tuning.device_hits = 4;
    // The boot ROM jumps to the start.
    let mut rom = Vec::new();
    li(&mut rom, 1, KSEG0 | START);
    rom.extend([1 << 21 | 8, 0]);
    // Firmware images come in big-endian words.
    config.bios = Some(bytes(&rom, true));
    Machine::new(&config, engine).map_err(|e| e.to_string())
}

impl Pair {
    /// Machines for the CPU of this number.
    ///
    /// # Errors
    /// When the host has no room or no engine.
    pub fn new(cpu: usize, engine: MakeEngine) -> Result<Pair, String> {
        Ok(Pair {
            cpu,
            interp: machine(cpu, Accel::Interp, engine)?,
            jit: machine(cpu, Accel::Jit, engine)?,
        })
    }

    /// That enough was tested: most ran compiled, and not everything faulted.
    ///
    /// # Errors
    /// A sentence with the figures.
    pub fn check_coverage(&mut self) -> Result<(), String> {
        let s = self.jit.stats();
        if 2 * s.interpreted < s.insns && s.exceptions < s.insns / 40 {
            return Ok(());
        }
        Err(format!("too little was tested: {s:?}"))
    }

    fn agree(&mut self, program: &Program, insns: u64) -> bool {
        run(&mut self.interp, program, self.cpu, insns)
            == run(&mut self.jit, program, self.cpu, insns)
    }

    /// Runs the programs of some seeds on both.
    ///
    /// # Errors
    /// The first difference, shrunk.
    pub fn compare(
        &mut self,
        seeds: std::ops::Range<u64>,
        engine: MakeEngine,
    ) -> Result<(), String> {
        for seed in seeds {
            let program = program(seed, self.cpu);
            if !self.agree(&program, RUN_INSNS) {
                return Err(self.explain(seed, program, engine));
            }
        }
        Ok(())
    }

    /// Shrinks a program that fails and says where.
    fn explain(&mut self, seed: u64, mut program: Program, engine: MakeEngine) -> String {
        let cpu = self.cpu;
        // New machines, which have no past; where there is no room for more, these must do.
        let differs = |p: &Program, insns| match Pair::new(cpu, engine) {
            Ok(mut pair) => !pair.agree(p, insns),
            Err(_) => false,
        };
        if !differs(&program, RUN_INSNS) {
            return format!(
                "seed {seed}, {:?}: differs only after the programs before it\n{}",
                CPUS[cpu],
                program.text()
            );
        }
        for at in 0..program.words.len() {
            let kept = std::mem::take(&mut program.words[at]);
            if kept != 0 && !differs(&program, RUN_INSNS) {
                program.words[at] = kept;
            }
        }
        let (mut same, mut insns) = (0, RUN_INSNS);
        while insns - same > 1 {
            let middle = same.midpoint(insns);
            if differs(&program, middle) {
                insns = middle;
            } else {
                same = middle;
            }
        }
        let dump = |accel| {
            let mut m = machine(cpu, accel, engine).ok()?;
            let reached = run(&mut m, &program, cpu, insns);
            let vcpu = m.vcpu_mut();
            Some(format!("{reached:x?}\n{}", vcpu.guest().dump(vcpu.state())))
        };
        let dumps = [Accel::Interp, Accel::Jit].map(|a| dump(a).unwrap_or_default());
        format!(
            "seed {seed}, {:?}: differs after {insns} instructions\n{}interpreter: {}\nengine: {}",
            CPUS[cpu],
            program.text(),
            dumps[0],
            dumps[1]
        )
    }
}
