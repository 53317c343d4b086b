//! The parser. It accepts what the printer writes and what people write by hand; the verifier judges what it means.

use rustc_hash::FxHashMap;

use super::mem_from;
use crate::block::{Block, Inst, Val};
use crate::f80::F80;
use crate::guest::Lasting;
use crate::ops::{Op, Sig};
use crate::region::Region;
use crate::types::{HelperDesc, SlotTable, TYPES, Type};

/// The text is not a block or region.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ParseError {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong.
    pub what: String,
}

/// Reads one block.
///
/// # Errors
/// Where the text leaves the form.
pub fn parse_block(
    text: &str,
    slots: &SlotTable,
    helpers: &[HelperDesc],
) -> Result<Block, ParseError> {
    let mut p = Parser::new(text, slots, helpers);
    let block = p.block()?;
    p.end()?;
    Ok(block)
}

/// Reads any number of blocks.
///
/// # Errors
/// Where the text leaves the form.
pub fn parse_blocks(
    text: &str,
    slots: &SlotTable,
    helpers: &[HelperDesc],
) -> Result<Vec<Block>, ParseError> {
    let mut p = Parser::new(text, slots, helpers);
    let mut blocks = Vec::new();
    while p.peek().is_some() {
        blocks.push(p.block()?);
    }
    Ok(blocks)
}

/// Reads one region.
///
/// # Errors
/// Where the text leaves the form.
pub fn parse_region(
    text: &str,
    slots: &SlotTable,
    helpers: &[HelperDesc],
) -> Result<Region, ParseError> {
    let mut p = Parser::new(text, slots, helpers);
    p.word_is("region")?;
    let lasting = if p.accept("fixed") {
        Lasting::Fixed
    } else if p.accept("global") {
        Lasting::Global
    } else {
        Lasting::Space
    };
    let hot = p.accept("hot");
    p.word_is("entries")?;
    let mut entries = Vec::new();
    loop {
        entries.push(p.number()? as u32);
        if !p.accept(",") {
            break;
        }
    }
    p.word_is("{")?;
    let mut blocks = Vec::new();
    while !p.accept("}") {
        blocks.push(p.block()?);
    }
    p.end()?;
    Ok(Region {
        blocks,
        entries,
        lasting,
        hot,
    })
}

struct Parser<'a> {
    tokens: Vec<(u32, &'a str)>,
    at: usize,
    slots: FxHashMap<&'a str, (u64, Type)>,
    helpers: &'a [HelperDesc],
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str, slots: &'a SlotTable, helpers: &'a [HelperDesc]) -> Parser<'a> {
        let mut tokens = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let mut rest = text.split(';').next().unwrap_or("").trim_start();
            while let Some(first) = rest.chars().next() {
                let len = if "{}(),:=".contains(first) {
                    first.len_utf8()
                } else {
                    rest.find(|c: char| c.is_whitespace() || "{}(),:=".contains(c))
                        .unwrap_or(rest.len())
                };
                tokens.push((line, &rest[..len]));
                rest = rest[len..].trim_start();
            }
        }
        let slots = slots
            .slots
            .iter()
            .enumerate()
            .map(|(i, s)| (s.name.as_str(), (i as u64, s.ty)))
            .collect();
        Parser {
            tokens,
            at: 0,
            slots,
            helpers,
        }
    }

    fn error<T>(&self, what: impl Into<String>) -> Parsed<T> {
        let line = self
            .tokens
            .get(self.at.saturating_sub(1))
            .or(self.tokens.last())
            .map_or(0, |t| t.0);
        Err(ParseError {
            line,
            what: what.into(),
        })
    }

    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(|t| t.1)
    }

    fn next(&mut self) -> Parsed<&'a str> {
        match self.peek() {
            Some(token) => {
                self.at += 1;
                Ok(token)
            }
            None => self.error("the text ends too early"),
        }
    }

    fn accept(&mut self, token: &str) -> bool {
        let there = self.peek() == Some(token);
        self.at += there as usize;
        there
    }

    fn word_is(&mut self, token: &str) -> Parsed<()> {
        let found = self.next()?;
        if found == token {
            Ok(())
        } else {
            self.error(format!("'{token}' expected, not '{found}'"))
        }
    }

    fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => {
                let token = self.next()?;
                self.error(format!("'{token}' after the end"))
            }
        }
    }

    fn number(&mut self) -> Parsed<u64> {
        let token = self.next()?;
        match parse_number(token) {
            Some(n) => Ok(n),
            None => self.error(format!("number expected, not '{token}'")),
        }
    }

    fn ty(&mut self) -> Parsed<Type> {
        let token = self.next()?;
        match TYPES.into_iter().find(|ty| ty.to_string() == token) {
            Some(ty) => Ok(ty),
            None => self.error(format!("type expected, not '{token}'")),
        }
    }

    fn slot(&mut self) -> Parsed<(u64, Type)> {
        let token = self.next()?;
        match token
            .strip_prefix('$')
            .and_then(|name| self.slots.get(name))
        {
            Some(slot) => Ok(*slot),
            None => self.error(format!("there is no slot '{token}'")),
        }
    }

    fn block(&mut self) -> Parsed<Block> {
        self.word_is("block")?;
        let mut block = Block {
            pc: self.number()?,
            mode: 0,
            va_type: Type::I32,
            insts: Vec::new(),
            insn_count: 0,
            code_bytes: 0,
        };
        loop {
            match self.next()? {
                "mode" => block.mode = self.number()? as u32,
                "va" => block.va_type = self.ty()?,
                "code" => block.code_bytes = self.number()? as u32,
                "{" => break,
                token => return self.error(format!("'{token}' in a block's head")),
            }
        }
        let mut names = FxHashMap::default();
        while !self.accept("}") {
            self.inst(&mut block, &mut names)?;
        }
        Ok(block)
    }

    fn inst(&mut self, block: &mut Block, names: &mut FxHashMap<&'a str, Val>) -> Parsed<()> {
        let mut word = self.next()?;
        let mut result = None;
        if matches!(self.peek(), Some(":" | "=")) {
            let ty = if self.accept(":") {
                Some(self.ty()?)
            } else {
                None
            };
            self.word_is("=")?;
            result = Some((word, ty));
            word = self.next()?;
        }
        let Some(op) = Op::from_name(word) else {
            return self.error(format!("there is no op '{word}'"));
        };
        let info = op.info();
        if (info.result == Sig::None) != result.is_none() {
            return self.error(format!(
                "{word} has {} result",
                if result.is_none() { "a" } else { "no" }
            ));
        }
        let mut inst = Inst {
            op,
            ty: Type::I32,
            args: [Val::NONE; 3],
            imm: 0,
            aux: 0,
        };
        let mut own = result.and_then(|(_, ty)| ty);
        match op {
            Op::Set => {
                let (slot, ty) = self.slot()?;
                inst.imm = slot;
                inst.ty = ty;
                self.word_is(",")?;
                inst.args[0] = self.val(names)?;
            }
            Op::Get => {
                let (slot, ty) = self.slot()?;
                inst.imm = slot;
                own = own.or(Some(ty));
            }
            Op::Call => self.call(&mut inst, 0, names)?,
            Op::F80 => {
                let (slot, _) = self.slot()?;
                self.word_is(",")?;
                let token = self.next()?;
                let Some(f) = F80::from_text(token, slot as u16) else {
                    return self.error(format!("there is no f80 op '{token}'"));
                };
                inst.imm = f.pack();
                own = own.or(Some(if f.is_wide() { Type::I64 } else { Type::I32 }));
                self.operand_list(&mut inst, 0, token, names)?;
            }
            Op::CallIf => {
                inst.args[0] = self.val(names)?;
                self.word_is(",")?;
                self.call(&mut inst, 1, names)?;
                self.word_is(",")?;
                inst.aux = self.number()?;
            }
            _ => {
                let count = info.args.iter().filter(|sig| **sig != Sig::None).count();
                for k in 0..count {
                    if k > 0 {
                        self.word_is(",")?;
                    }
                    inst.args[k] = self.val(names)?;
                }
                if count > 0 && has_immediate(op) {
                    self.word_is(",")?;
                }
                self.immediate(&mut inst)?;
            }
        }
        let type_of = |v: Val| v.is_some().then(|| block.insts[v.index()].ty);
        if let Some((name, _)) = result {
            let types = inst.args.map(type_of);
            let default = own.or(if op == Op::Select { types[1] } else { None });
            let inferred = if own.is_none() {
                op.result_type(types, default.unwrap_or(Type::I32))
            } else {
                own
            };
            let needs = default.is_none() && matches!(info.result, Sig::Any | Sig::Va);
            match inferred {
                Some(ty) if !needs => inst.ty = ty,
                _ => return self.error(format!("{word} needs a type: '{name}: i32 = …'")),
            }
            if op == Op::Const && inst.ty.bytes() == 4 {
                if inst.imm as i64 > u32::MAX as i64 || (inst.imm as i64) < i32::MIN as i64 {
                    return self.error(format!("{:#x} does not fit {}", inst.imm, inst.ty));
                }
                inst.imm &= 0xffff_ffff;
            }
            if names.insert(name, Val(block.insts.len() as u32)).is_some() {
                return self.error(format!("'{name}' is defined twice"));
            }
        } else if let (Op::Store | Op::StoreIf, Some(ty)) =
            (op, type_of(inst.args[if op == Op::Store { 1 } else { 2 }]))
        {
            inst.ty = ty;
        }
        block.insn_count += (op == Op::Insn) as u32;
        block.insts.push(inst);
        Ok(())
    }

    fn val(&mut self, names: &FxHashMap<&'a str, Val>) -> Parsed<Val> {
        let token = self.next()?;
        match names.get(token) {
            Some(v) => Ok(*v),
            None => self.error(format!("there is no value '{token}'")),
        }
    }

    /// `helper(a, b)`: operands from `first` on.
    fn call(
        &mut self,
        inst: &mut Inst,
        first: usize,
        names: &FxHashMap<&'a str, Val>,
    ) -> Parsed<()> {
        let name = self.next()?;
        match self.helpers.iter().position(|h| h.name == name) {
            Some(index) => inst.imm = index as u64,
            None => return self.error(format!("there is no helper '{name}'")),
        }
        self.operand_list(inst, first, name, names)
    }

    /// `(a, b)`: operands from `first` on.
    fn operand_list(
        &mut self,
        inst: &mut Inst,
        first: usize,
        name: &str,
        names: &FxHashMap<&'a str, Val>,
    ) -> Parsed<()> {
        self.word_is("(")?;
        let mut k = first;
        while !self.accept(")") {
            if k > first {
                self.word_is(",")?;
            }
            if k == 3 {
                return self.error(format!("{name} has too many operands"));
            }
            inst.args[k] = self.val(names)?;
            k += 1;
        }
        Ok(())
    }

    fn immediate(&mut self, inst: &mut Inst) -> Parsed<()> {
        match inst.op {
            Op::Const | Op::Vshuffle => {
                inst.imm = self.number()?;
                if self.accept(",") {
                    inst.aux = self.number()?;
                }
            }
            Op::ExitIf | Op::Jump | Op::Leave | Op::TrapIf | Op::Raise => {
                inst.imm = self.number()?
            }
            Op::Insn => {
                inst.imm = self.number()?;
                if self.accept("note") {
                    inst.aux = self.number()?;
                }
            }
            Op::Branch => {
                inst.imm = self.number()?;
                self.word_is(",")?;
                inst.aux = self.number()?;
            }
            Op::Load | Op::Store | Op::StoreIf | Op::Probe => {
                let token = self.next()?;
                match mem_from(token) {
                    Some(mem) => inst.imm = mem.pack(),
                    None => return self.error(format!("memory operand expected, not '{token}'")),
                }
            }
            Op::JumpInd => {
                let token = self.next()?;
                match ["jump", "call", "return"].iter().position(|k| *k == token) {
                    Some(kind) => inst.imm = kind as u64,
                    None => {
                        return self.error(format!(
                            "'jump', 'call' or 'return' expected, not '{token}'"
                        ));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether an immediate stands behind the op's operands.
fn has_immediate(op: Op) -> bool {
    matches!(
        op,
        Op::Vshuffle
            | Op::ExitIf
            | Op::TrapIf
            | Op::Branch
            | Op::Load
            | Op::Store
            | Op::StoreIf
            | Op::Probe
            | Op::JumpInd
    )
}

/// A decimal or hexadecimal number, maybe negative (two's complement).
pub(crate) fn parse_number(token: &str) -> Option<u64> {
    let (negative, digits) = match token.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, token),
    };
    let digits: String = digits.chars().filter(|c| *c != '_').collect();
    let n = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { n.wrapping_neg() } else { n })
}
