//! A small assembler for MIPS, in GNU's syntax: enough for bare-metal programs of a lab, in one file.
//!
//! Instructions come from the decode table ([`tinamou_mips::decode::TABLE`]), so all of the emulator's are there; besides them `li la move
//! b bal beqz bnez not neg` and two-operand forms. Directives: `.text .data .rodata .bss .section .org .align .balign .word .half .byte
//! .ascii .asciz .asciiz .space .skip .equ .set` and some that say nothing here. Outside `.set noreorder` a `nop` goes behind each branch.
//! `.data`, `.rodata` and `.bss` follow the code, each on a multiple of 16. What it makes is a 32-bit ELF file with symbols.
//!
//! Missing: macros, conditions, relocations, comparisons of floating-point numbers, `.set at` and all that needs it. Sources are distrusted:
//! errors are values with lines.

mod elf;
mod encode;
mod expr;

use std::collections::BTreeMap;

use expr::Expr;

/// Most bytes of a program.
const MOST_BYTES: u64 = 16 << 20;
/// Where a program lies if nothing is said: where `-kernel` puts the lab guest, too.
pub const ORIGIN: u32 = 0x8010_0000;

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AsmError {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// An assembled program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// It as an ELF file.
    pub elf: Vec<u8>,
    /// Addresses of instructions, with the lines they come from.
    pub lines: Vec<(u32, usize)>,
}

/// The sections, in their order in memory.
const SECTIONS: [&str; 4] = [".text", ".rodata", ".data", ".bss"];

/// Something that takes room.
enum Item {
    /// An instruction: its mnemonic and operands.
    Insn(String, Vec<String>),
    /// Values of 1, 2 or 4 bytes.
    Values(u32, Vec<Expr>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Up to a multiple of this.
    Align(u32),
    /// Zeros.
    Space(u32),
}

struct Placed {
    item: Item,
    line: usize,
    section: usize,
    at: u32,
    size: u32,
}

/// What is known of names.
#[derive(Default)]
pub(crate) struct Names {
    values: BTreeMap<String, u32>,
    /// Numeric labels: number, line, address.
    numeric: Vec<(u32, usize, u32)>,
}

impl Names {
    /// A name's value; `1b` and `1f` are the nearest numeric labels.
    fn find(&self, name: &str, line: usize) -> Option<u32> {
        let direction = name.chars().last();
        if let Some(n) = name.get(..name.len().saturating_sub(1))
            && let Ok(n) = n.parse::<u32>()
        {
            let mut all = self.numeric.iter().filter(|l| l.0 == n);
            return match direction {
                Some('b') => all.rfind(|l| l.1 <= line).map(|l| l.2),
                _ => all.find(|l| l.1 > line).map(|l| l.2),
            };
        }
        self.values.get(name).copied()
    }
}

/// A label: it stands before the next item of its section, from `item` on.
struct Label {
    name: String,
    item: usize,
    section: usize,
    line: usize,
}

struct Assembler {
    items: Vec<Placed>,
    /// Labels.
    labels: Vec<Label>,
    equs: Vec<(String, Expr, usize)>,
    section: usize,
    noreorder: bool,
    errors: Vec<AsmError>,
}

/// Assembles a program.
///
/// # Errors
/// What is wrong, a line each.
pub fn assemble(source: &str, big_endian: bool, origin: u32) -> Result<Program, Vec<AsmError>> {
    let mut a = Assembler {
        items: Vec::new(),
        labels: Vec::new(),
        equs: Vec::new(),
        section: 0,
        noreorder: false,
        errors: Vec::new(),
    };
    for (n, statements) in expr::statements(source).into_iter().enumerate() {
        for text in statements {
            if let Err(what) = a.statement(&text, n + 1) {
                a.errors.push(AsmError { line: n + 1, what });
            }
        }
    }
    a.finish(big_endian, origin)
}

impl Assembler {
    fn statement(&mut self, text: &str, line: usize) -> Result<(), String> {
        let mut text = text.trim();
        while let Some((label, rest)) = expr::label(text) {
            self.labels.push(Label {
                name: label.to_owned(),
                item: self.items.len(),
                section: self.section,
                line,
            });
            text = rest.trim_start();
        }
        if text.is_empty() {
            return Ok(());
        }
        let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        let rest = rest.trim();
        if let Some((name, value)) = text.split_once('=')
            && expr::is_name(name.trim())
            && !word.starts_with('.')
        {
            let value = Expr::parse(value)?;
            self.equs.push((name.trim().to_owned(), value, line));
            return Ok(());
        }
        if word.starts_with('.') {
            return self.directive(word, rest, line);
        }
        let operands = expr::operands(rest);
        let mnemonic = word.to_ascii_lowercase();
        let branch = encode::is_branch(&mnemonic);
        self.push(Item::Insn(mnemonic, operands), line);
        if branch && !self.noreorder {
            self.push(Item::Insn("nop".into(), Vec::new()), line);
        }
        Ok(())
    }

    fn push(&mut self, item: Item, line: usize) {
        let section = self.section;
        self.items.push(Placed {
            item,
            line,
            section,
            at: 0,
            size: 0,
        });
    }

    fn directive(&mut self, word: &str, rest: &str, line: usize) -> Result<(), String> {
        let number = |text: &str| -> Result<u32, String> {
            Expr::parse(text)?.value(&Names::default(), line, 0)
        };
        let values = |bytes| -> Result<Item, String> {
            let all = expr::operands(rest);
            Ok(Item::Values(
                bytes,
                all.iter()
                    .map(|t| Expr::parse(t))
                    .collect::<Result<_, _>>()?,
            ))
        };
        let item = match word {
            ".text" | ".data" | ".rodata" | ".bss" => {
                self.section = SECTIONS.iter().position(|s| *s == word).unwrap_or(0);
                return Ok(());
            }
            ".section" => {
                let name = rest.split([',', ' ']).next().unwrap_or_default();
                let found = SECTIONS.iter().position(|s| name.starts_with(s));
                self.section = found.ok_or_else(|| format!("there is no section '{name}'"))?;
                return Ok(());
            }
            ".word" | ".long" | ".4byte" => values(4)?,
            ".half" | ".short" | ".2byte" => values(2)?,
            ".byte" => values(1)?,
            ".ascii" => Item::Bytes(expr::string(rest)?),
            ".asciz" | ".asciiz" | ".string" => {
                let mut bytes = expr::string(rest)?;
                bytes.push(0);
                Item::Bytes(bytes)
            }
            ".space" | ".skip" | ".zero" => Item::Space(number(rest)?),
            ".align" | ".p2align" => {
                let n = number(rest)?;
                if n > 16 {
                    return Err("at most 16".into());
                }
                Item::Align(1 << n)
            }
            ".balign" => {
                let n = number(rest)?;
                if !n.is_power_of_two() || n > 1 << 16 {
                    return Err("a power of two, at most 65536".into());
                }
                Item::Align(n)
            }
            ".equ" | ".equiv" | ".set" => {
                let Some((name, value)) = rest.split_once(',') else {
                    match rest {
                        "noreorder" => self.noreorder = true,
                        "reorder" => self.noreorder = false,
                        _ => {}
                    }
                    return Ok(());
                };
                let value = Expr::parse(value)?;
                self.equs.push((name.trim().to_owned(), value, line));
                return Ok(());
            }
            ".globl" | ".global" | ".ent" | ".end" | ".type" | ".size" | ".file" | ".frame"
            | ".mask" | ".fmask" | ".module" | ".local" | ".weak" => return Ok(()),
            _ => return Err(format!("there is no directive '{word}'")),
        };
        self.push(item, line);
        Ok(())
    }

    /// Values of `.equ` that need no address.
    fn constants(&self) -> Names {
        let mut names = Names::default();
        for (name, value, line) in &self.equs {
            if let Ok(v) = value.value(&names, *line, 0) {
                names.values.insert(name.clone(), v);
            }
        }
        names
    }

    /// Gives every item its place.
    fn place(&mut self, origin: u32) -> u32 {
        let constants = self.constants();
        let mut at = u64::from(origin);
        for section in 0..SECTIONS.len() {
            at = at.next_multiple_of(16);
            for p in self.items.iter_mut().filter(|p| p.section == section) {
                let start = at;
                let size = match &p.item {
                    Item::Insn(name, operands) => encode::size(name, operands, &constants),
                    Item::Values(bytes, all) => bytes * all.len() as u32,
                    Item::Bytes(b) => b.len() as u32,
                    Item::Align(n) => (at.next_multiple_of(u64::from(*n)) - at) as u32,
                    Item::Space(n) => *n,
                };
                at += u64::from(size);
                if at - u64::from(origin) > MOST_BYTES || at > u64::from(u32::MAX) {
                    self.errors.push(AsmError {
                        line: p.line,
                        what: "the program is too large".into(),
                    });
                    return 0;
                }
                (p.at, p.size) = (start as u32, size);
            }
        }
        (at - u64::from(origin)) as u32
    }

    fn names(&mut self, origin: u32, bytes: u32) -> Names {
        let mut names = Names::default();
        for label in &self.labels {
            let mut here = self.items.iter().filter(|p| p.section == label.section);
            let behind = self.items.get(label.item..).unwrap_or_default();
            let next = behind.iter().find(|p| p.section == label.section);
            let at = match (next, here.next_back()) {
                (Some(p), _) => p.at,
                (None, Some(p)) => p.at + p.size,
                (None, None) => origin,
            };
            if let Ok(n) = label.name.parse() {
                names.numeric.push((n, label.line, at));
            } else if names.values.insert(label.name.clone(), at).is_some() {
                self.errors.push(AsmError {
                    line: label.line,
                    what: format!("'{}' is there already", label.name),
                });
            }
        }
        names.values.insert("_end".into(), origin + bytes);
        for (name, value, line) in &self.equs {
            match value.value(&names, *line, 0) {
                Ok(v) => {
                    names.values.insert(name.clone(), v);
                }
                Err(what) => self.errors.push(AsmError { line: *line, what }),
            }
        }
        names
    }

    fn finish(mut self, big_endian: bool, origin: u32) -> Result<Program, Vec<AsmError>> {
        let bytes = self.place(origin);
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let names = self.names(origin, bytes);
        let mut image = vec![0u8; bytes as usize];
        let mut lines = Vec::new();
        for p in &self.items {
            let mut out = Vec::new();
            let mut put = |v: u32, bytes: u32| {
                let all = if big_endian {
                    v.to_be_bytes()[4 - bytes as usize..].to_vec()
                } else {
                    v.to_le_bytes()[..bytes as usize].to_vec()
                };
                out.extend(all);
            };
            let done = match &p.item {
                Item::Insn(name, operands) => {
                    let insn = encode::Insn {
                        name,
                        operands,
                        line: p.line,
                        at: p.at,
                        words: p.size / 4,
                    };
                    encode::encode(&insn, &names).map(|words| {
                        for (i, word) in words.iter().enumerate() {
                            lines.push((p.at + 4 * i as u32, p.line));
                            put(*word, 4);
                        }
                    })
                }
                Item::Values(bytes, all) => all.iter().try_for_each(|e| {
                    put(e.value(&names, p.line, p.at)?, *bytes);
                    Ok(())
                }),
                Item::Bytes(b) => {
                    out.extend(b);
                    Ok(())
                }
                Item::Align(_) | Item::Space(_) => Ok(()),
            };
            if let Err(what) = done {
                self.errors.push(AsmError { line: p.line, what });
                continue;
            }
            let from = (p.at - origin) as usize;
            if let Some(room) = image.get_mut(from..from + out.len()) {
                room.copy_from_slice(&out);
            }
        }
        if !self.errors.is_empty() {
            self.errors.sort_by_key(|e| e.line);
            return Err(self.errors);
        }
        let entry = names.values.get("_start").copied().unwrap_or(origin);
        let elf = elf::file(&image, origin, entry, &names.values, big_endian);
        Ok(Program { elf, lines })
    }
}

#[cfg(test)]
mod tests;
