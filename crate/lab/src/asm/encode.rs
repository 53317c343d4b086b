//! Instructions: the decode table's figures, filled in from operands.

use tinamou_decode::Pattern;
use tinamou_mips::decode::{Op, TABLE, class};
use tinamou_mips::regs::GPR_NAMES;

use super::Names;
use super::expr::Expr;

/// An instruction as it is written, and where.
pub struct Insn<'a> {
    /// Its mnemonic.
    pub name: &'a str,
    /// Its operands.
    pub operands: &'a [String],
    /// The line.
    pub line: usize,
    /// Its address.
    pub at: u32,
    /// Words that it has room for.
    pub words: u32,
}

fn pattern(name: &str, operands: usize) -> Option<&'static Pattern<Op>> {
    let mut all = TABLE.iter().filter(|p| p.name == name);
    let first = all.clone().next()?;
    Some(all.find(|p| count(p) == operands).unwrap_or(first))
}

fn count(p: &Pattern<Op>) -> usize {
    p.operands.split(',').filter(|o| !o.is_empty()).count()
}

/// Whether an instruction has a delay slot.
pub fn is_branch(name: &str) -> bool {
    matches!(name, "b" | "bal" | "beqz" | "bnez")
        || TABLE
            .iter()
            .any(|p| p.name == name && p.class & class::BRANCH != 0)
}

/// Bytes of an instruction.
pub fn size(name: &str, operands: &[String], constants: &Names) -> u32 {
    match name {
        "la" => 8,
        "li" => {
            let value = operands.get(1).and_then(|t| Expr::parse(t).ok());
            match value.and_then(|e| e.value(constants, 0, 0).ok()) {
                Some(v) if one_word(v).is_some() => 4,
                _ => 8,
            }
        }
        _ => 4,
    }
}

/// How a constant is loaded by one instruction: its mnemonic and immediate.
fn one_word(v: u32) -> Option<(&'static str, u32)> {
    if v as i32 >= -0x8000 && (v as i32) < 0x8000 {
        Some(("addiu", v & 0xffff))
    } else if v <= 0xffff {
        Some(("ori", v))
    } else if v & 0xffff == 0 {
        Some(("lui", v >> 16))
    } else {
        None
    }
}

fn gpr(text: &str) -> Result<u32, String> {
    let name = text
        .strip_prefix('$')
        .ok_or_else(|| format!("'{text}' is no register"))?;
    if let Ok(n) = name.parse::<u32>()
        && n < 32
    {
        return Ok(n);
    }
    let name = if name == "s8" { "fp" } else { name };
    let found = GPR_NAMES.iter().position(|n| *n == name);
    found
        .map(|n| n as u32)
        .ok_or_else(|| format!("there is no register '{text}'"))
}

fn numbered(text: &str, prefix: &str) -> Result<u32, String> {
    let digits = text.strip_prefix(prefix).and_then(|d| d.parse().ok());
    digits
        .filter(|n| *n < 32)
        .ok_or_else(|| format!("'{text}' is no register {prefix}0 to {prefix}31"))
}

fn fixed(name: &str) -> Result<u32, String> {
    pattern(name, 0)
        .map(|p| p.value)
        .ok_or_else(|| format!("there is no instruction '{name}'"))
}

/// The words of an instruction.
pub fn encode(insn: &Insn<'_>, names: &Names) -> Result<Vec<u32>, String> {
    let operand = |n: usize| -> Result<&str, String> {
        let found = insn.operands.get(n).map(String::as_str);
        found.ok_or_else(|| format!("'{}' lacks an operand", insn.name))
    };
    let most = |n: usize| match insn.operands.len() {
        have if have > n => Err(format!("'{}' has too many operands", insn.name)),
        _ => Ok(()),
    };
    let zero = || "$zero".to_owned();
    let other = |name: &str, operands: Vec<String>| {
        let other = Insn {
            name,
            operands: &operands,
            ..*insn
        };
        table(&other, names).map(|w| vec![w])
    };
    match insn.name {
        "nop" => return Ok(vec![0]),
        "ssnop" => return Ok(vec![0x40]),
        "ehb" => return Ok(vec![0xc0]),
        "move" => {
            most(2)?;
            return other("or", vec![operand(0)?.into(), operand(1)?.into(), zero()]);
        }
        "not" => {
            most(2)?;
            return other("nor", vec![operand(0)?.into(), operand(1)?.into(), zero()]);
        }
        "neg" | "negu" => {
            most(2)?;
            let sub = if insn.name == "neg" { "sub" } else { "subu" };
            return other(sub, vec![operand(0)?.into(), zero(), operand(1)?.into()]);
        }
        "b" => return other("beq", vec![zero(), zero(), operand(0)?.into()]),
        "bal" => return other("bgezal", vec![zero(), operand(0)?.into()]),
        "beqz" | "bnez" => {
            let name = &insn.name[..3];
            return other(name, vec![operand(0)?.into(), zero(), operand(1)?.into()]);
        }
        "jalr" if insn.operands.len() == 1 => {
            return other("jalr", vec!["$ra".into(), operand(0)?.into()]);
        }
        "li" | "la" => {
            most(2)?;
            let reg = gpr(operand(0)?)?;
            let v = Expr::parse(operand(1)?)?.value(names, insn.line, insn.at)?;
            let (addiu, ori, lui) = (0x24 << 24, 0x34 << 24, 0x3c << 24);
            if insn.words == 1 {
                let (name, imm) = one_word(v).ok_or("the number changed its size")?;
                let op = match name {
                    "addiu" => addiu,
                    "ori" => ori,
                    _ => lui,
                };
                return Ok(vec![op | reg << 16 | imm]);
            }
            if insn.name == "li" {
                return Ok(vec![
                    lui | reg << 16 | v >> 16,
                    ori | reg << 21 | reg << 16 | v & 0xffff,
                ]);
            }
            let high = v.wrapping_add(0x8000) >> 16;
            return Ok(vec![
                lui | reg << 16 | high,
                addiu | reg << 21 | reg << 16 | v & 0xffff,
            ]);
        }
        _ => {}
    }
    if insn.operands.is_empty()
        && let Ok(word) = fixed(insn.name)
        && TABLE
            .iter()
            .any(|p| p.name == insn.name && p.operands.is_empty())
    {
        return Ok(vec![word]);
    }
    table(insn, names).map(|w| vec![w])
}

/// Operands that may be left out.
fn is_optional(letter: &str) -> bool {
    matches!(letter, "c" | "k" | "K")
}

/// An instruction of the decode table.
fn table(insn: &Insn<'_>, names: &Names) -> Result<u32, String> {
    let mut given: Vec<&str> = insn.operands.iter().map(String::as_str).collect();
    let p = pattern(insn.name, given.len())
        .ok_or_else(|| format!("there is no instruction '{}'", insn.name))?;
    let letters: Vec<&str> = p.operands.split(',').filter(|o| !o.is_empty()).collect();
    // `addu $t0, $t1` means `addu $t0, $t0, $t1`; an operand of CP0 may have a select behind it.
    let needed = letters.iter().filter(|l| !is_optional(l)).count();
    if needed == 3 && given.len() == 2 {
        given.insert(1, given[0]);
    }
    let mut word = p.value;
    let mut next = 0;
    for letter in &letters {
        let left = given.len() - next.min(given.len());
        let Some(text) = given.get(next).copied() else {
            if is_optional(letter) {
                continue;
            }
            return Err(format!("'{}' lacks an operand", insn.name));
        };
        if matches!(*letter, "k" | "K") && left < needed + 1 && !text.starts_with("$fcc") {
            continue;
        }
        next += 1;
        word |= field(letter, text, insn, names)?;
        if *letter == "0"
            && let Some(select) = given.get(next)
        {
            next += 1;
            word |= small(select, 7, insn, names)?;
        }
    }
    if next < given.len() {
        return Err(format!("'{}' has too many operands", insn.name));
    }
    // The assembler writes a size where the instruction has the last bit.
    if matches!(insn.name, "ext" | "ins") {
        let (size, pos) = (word >> 11 & 31, word >> 6 & 31);
        let last = if insn.name == "ext" {
            size.wrapping_sub(1)
        } else {
            (pos + size).wrapping_sub(1)
        };
        word = word & !(31 << 11) | (last & 31) << 11;
    }
    Ok(word)
}

fn value(text: &str, insn: &Insn<'_>, names: &Names) -> Result<u32, String> {
    Expr::parse(text)?.value(names, insn.line, insn.at)
}

fn small(text: &str, most: u32, insn: &Insn<'_>, names: &Names) -> Result<u32, String> {
    let v = value(text, insn, names)?;
    if v > most {
        return Err(format!("{text} is not 0 to {most}"));
    }
    Ok(v)
}

/// The bits of one operand; the letters are the disassembler's.
fn field(letter: &str, text: &str, insn: &Insn<'_>, names: &Names) -> Result<u32, String> {
    let memory = |text: &str| -> Result<(String, u32), String> {
        let open = text
            .rfind('(')
            .ok_or_else(|| format!("'{text}' is no address: offset(register)"))?;
        let base = text[open + 1..]
            .strip_suffix(')')
            .ok_or("a bracket is missing")?;
        Ok((text[..open].trim().to_owned(), gpr(base.trim())?))
    };
    let signed = |text: &str| -> Result<u32, String> {
        let v = value(text, insn, names)? as i32;
        // What is written unsigned in 16 bits is no small number.
        if !(-0x8000..0x8000).contains(&v) {
            return Err(format!("{text} does not fit into 16 bits with sign"));
        }
        Ok(v as u32 & 0xffff)
    };
    Ok(match letter {
        "s" => gpr(text)? << 21,
        "t" => gpr(text)? << 16,
        "d" => gpr(text)? << 11,
        "S" => numbered(text, "$f")? << 11,
        "T" => numbered(text, "$f")? << 16,
        "D" => numbered(text, "$f")? << 6,
        "R" => numbered(text, "$f")? << 21,
        "a" => small(text, 31, insn, names)? << 6,
        "z" => small(text, 32, insn, names)? << 11 & 0xffff,
        "h" => small(text, 31, insn, names)? << 16,
        "i" => signed(text)?,
        "u" => small(text, 0xffff, insn, names)?,
        "c" if insn.name == "break" => small(text, 0x3ff, insn, names)? << 16,
        "c" => small(text, 0xf_ffff, insn, names)? << 6,
        "0" | "f" | "w" => numbered(text, "$")? << 11,
        "k" => numbered(text, "$fcc")? << 18,
        "K" => numbered(text, "$fcc")? << 8,
        "b" => {
            let to = value(text, insn, names)?;
            let distance = to.wrapping_sub(insn.at.wrapping_add(4)) as i32;
            if distance & 3 != 0 || !(-0x2_0000..0x2_0000).contains(&distance) {
                return Err(format!("'{text}' is too far for a branch"));
            }
            (distance >> 2) as u32 & 0xffff
        }
        "j" => {
            let to = value(text, insn, names)?;
            if (to ^ insn.at.wrapping_add(4)) & 0xf000_0003 != 0 {
                return Err(format!("'{text}' is too far for a jump"));
            }
            to >> 2 & 0x03ff_ffff
        }
        "m" => {
            let (offset, base) = memory(text)?;
            let offset = if offset.is_empty() { "0" } else { &offset };
            base << 21 | signed(offset)?
        }
        "x" => {
            let (index, base) = memory(text)?;
            base << 21 | gpr(&index)? << 16
        }
        _ => return Err(format!("'{}' cannot be assembled", insn.name)),
    })
}
