use object::{Object, ObjectSymbol};
use tinamou_decode::Rng;
use tinamou_ir::guest::{CodeFetch, Fault, Guest};
use tinamou_mips::decode::{TABLE, class};
use tinamou_mips::regs::GPR_NAMES;
use tinamou_mips::{CpuModel, Mips};

use super::*;

/// The words of a program.
fn words(source: &str) -> Vec<u32> {
    let program = assemble(source, false, ORIGIN).unwrap();
    let image = &program.elf[0x100..];
    let end = program.lines.last().map_or(0, |l| l.0 + 4 - ORIGIN) as usize;
    let (all, _) = image[..end].as_chunks::<4>();
    all.iter().map(|w| u32::from_le_bytes(*w)).collect()
}

struct One(u32);

impl CodeFetch for One {
    fn fetch(&mut self, _: u64, _: u32) -> Result<u32, Fault> {
        Ok(self.0)
    }
}

fn text(cpu: &Mips, word: u32, pc: u64) -> String {
    cpu.disassemble(&mut One(word), pc, 0).1
}

/// A line of the disassembler in the assembler's spelling: registers have a dollar sign.
fn spelled(line: &str) -> String {
    let mut out = String::new();
    let (name, operands) = line.split_once(' ').unwrap_or((line, ""));
    out.push_str(name);
    out.push(' ');
    let mut word = String::new();
    for c in operands.trim().chars().chain([' ']) {
        if c.is_ascii_alphanumeric() || c == '$' {
            word.push(c);
            continue;
        }
        let float = word
            .strip_prefix('f')
            .is_some_and(|d| d.parse::<u32>().is_ok());
        if GPR_NAMES.contains(&&*word) || float || word.starts_with("fcc") {
            out.push('$');
        }
        out.push_str(&std::mem::take(&mut word));
        out.push(c);
    }
    out
}

#[test]
fn what_is_disassembled_can_be_assembled() {
    let model = CpuModel::configured("MIPS64R2-generic").unwrap();
    let cpu = Mips::new(&model, false);
    let mut rng = Rng(5);
    let mut tried = 0;
    for p in TABLE {
        // Sizes of bit fields and the code of a breakpoint are printed as they are encoded; comparisons have their condition in the name.
        if p.operands.contains('z') || p.name.contains(".C.") || p.name == "break" {
            continue;
        }
        for _ in 0..8 {
            let word = rng.next_u64() as u32 & !p.mask | p.value;
            let line = text(&cpu, word, u64::from(ORIGIN));
            let source = format!(".set noreorder\n{}", spelled(&line));
            let branch = p.class & class::BRANCH != 0;
            let again = match assemble(&source, false, ORIGIN) {
                Ok(_) => words(&source)[0],
                // A branch to an odd half of the address space.
                Err(_) if branch => continue,
                Err(e) => panic!("{line}: {e:?}"),
            };
            assert_eq!(text(&cpu, again, u64::from(ORIGIN)), line, "{source}");
            tried += 1;
        }
    }
    assert!(tried > 1500, "{tried}");
}

#[test]
fn pseudo_instructions() {
    // Words as clang 14 makes them (`clang --target=mipsel-none-elf -march=mips32r2 -c`).
    let source = "
        .set noreorder
        li $t0, 5
        li $t0, -1
        li $t0, 0xffff
        li $t0, 0x12340000
        li $t0, 0x12345678
        la $t1, 0x80108000
        move $a0, $t0
        not $a0, $t0
        b 1f
        nop
1:      beqz $t0, 1b
        nop
        addu $t0, $t1
        ext $t0, $t1, 4, 8
        ins $t0, $t1, 4, 8
        mtc0 $t0, $12
        mfc0 $t0, $15, 1
        sltiu $v0, $v0, 1
    ";
    let expected = [
        0x2408_0005,
        0x2408_ffff,
        0x3408_ffff,
        0x3c08_1234,
        0x3c08_1234,
        0x3508_5678,
        0x3c09_8011,
        0x2529_8000,
        0x0100_2025,
        0x0100_2027,
        0x1000_0001,
        0,
        0x1100_ffff,
        0,
        0x0109_4021,
        0x7d28_3900,
        0x7d28_5904,
        0x4088_6000,
        0x4008_7801,
        0x2c42_0001,
    ];
    assert_eq!(words(source), expected);
}

#[test]
fn data_labels_and_expressions() {
    let source = "
        .equ SIZE, 4 * 3
        count = SIZE + 1
_start: la $t0, table       # a comment; with more
        lw $t1, %lo(table)($t0)
        .data
table:  .word 1, _start, table + SIZE, 'A', ~0
        .half 0x1234
        .byte count, -1
text:   .asciz \"a;b\\n\\\"#\"
        .align 2
end:
        .bss
room:   .space 16
        .text
after:
    ";
    let p = assemble(source, false, ORIGIN).unwrap();
    let file = object::File::parse(&*p.elf).unwrap();
    let at = |name: &str| {
        let s = file.symbols().find(|s| s.name() == Ok(name)).unwrap();
        s.address() as u32
    };
    assert_eq!(file.entry() as u32, ORIGIN);
    assert_eq!(at("table"), ORIGIN + 16);
    assert_eq!(at("after"), ORIGIN + 12);
    assert_eq!(at("end") % 4, 0);
    assert_eq!(at("room"), at("end").next_multiple_of(16));
    let data = &p.elf[0x100 + 16..];
    let word = |n: usize| u32::from_le_bytes(data[4 * n..4 * n + 4].try_into().unwrap());
    assert_eq!(
        [word(0), word(1), word(2), word(3), word(4), word(5)],
        [1, ORIGIN, ORIGIN + 28, 65, u32::MAX, 0xff0d_1234]
    );
    assert_eq!(&data[24..32], b"a;b\n\"#\0\0");
    // Big-endian files differ in every word.
    let big = assemble(source, true, ORIGIN).unwrap();
    assert_eq!(big.elf[5], 2);
    assert_eq!(big.elf[0x100 + 16..][..4], [0, 0, 0, 1]);
}

#[test]
fn branches_get_their_slots() {
    assert_eq!(words("b .\n nop"), [0x1000_ffff, 0, 0]);
    assert_eq!(words(".set noreorder\n b .\n nop"), [0x1000_ffff, 0]);
}

#[test]
fn errors_have_lines() {
    let all = |source: &str| {
        let errors = assemble(source, false, ORIGIN).unwrap_err();
        errors.iter().map(|e| e.line).collect::<Vec<_>>()
    };
    assert_eq!(
        all("nop\n frob $t0\n addiu $t0, $t1, 40000\n lw $t0\n"),
        [2, 3, 4]
    );
    for source in [
        "b 0x90000000",
        "j 0x10000000",
        "li $t0",
        "li $t9x, 1",
        "la $t0, nowhere",
        "a: nop\na: nop",
        ".word 1 +",
        ".word (1",
        ".word 1/0",
        ".ascii x",
        ".frob",
        ".section .x",
        ".align 99",
        ".space 99999999",
        "addu $t0, $t1, $t2, $t3",
        "sll $t0, $t1, 32",
        ".ascii \"\\",
        "mtc0 $t0, $12, 9",
        "beqz $t0",
        ".equ a, a",
        ".byte '",
        ".space x",
        "c.eq.d $f0, $f2",
    ] {
        assert_eq!(all(source).len(), 1, "{source}");
    }
    // Depth and length are bounded.
    assert!(!all(&format!(".word {}", "(".repeat(100_000))).is_empty());
    assert!(!all(&format!(".word {}1", "-".repeat(100_000))).is_empty());
}

#[test]
fn no_source_panics() {
    let mut rng = Rng(9);
    let pieces = [
        "addiu", " ", "$t0", ",", "(", ")", "%hi", "%lo", "label", ":", "\n", "1", "f", "b",
        ".word", ".align", "\"", "'", "\\", "#", "/*", "*/", ";", "0x", "-", "+", "<<", "li", "la",
        "é", ".set", "=", "mtc0", "ext", "$f1", ".",
    ];
    for _ in 0..20_000 {
        let n = rng.next_u64() % 12;
        let source: String = (0..n)
            .map(|_| pieces[(rng.next_u64() % pieces.len() as u64) as usize])
            .collect();
        let _ = assemble(&source, true, ORIGIN);
    }
}
