//! Lines, operands and expressions.

use super::Names;

/// Nesting of brackets in an expression.
const MAX_DEPTH: u32 = 64;

/// The statements of each line, without comments.
pub fn statements(source: &str) -> Vec<Vec<String>> {
    let mut out = Vec::new();
    let mut in_comment = false;
    for line in source.lines() {
        let mut statements = vec![String::new()];
        let mut quote = None;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            let text = match statements.last_mut() {
                Some(text) => text,
                None => break,
            };
            if in_comment {
                if c == '*' && chars.peek() == Some(&'/') {
                    chars.next();
                    in_comment = false;
                }
                continue;
            }
            match (quote, c) {
                (Some(_), '\\') => {
                    text.push(c);
                    text.extend(chars.next());
                    continue;
                }
                (Some(q), c) if c == q => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '#') => break,
                (None, '/') if chars.peek() == Some(&'/') => break,
                (None, '/') if chars.peek() == Some(&'*') => {
                    chars.next();
                    in_comment = true;
                    text.push(' ');
                    continue;
                }
                (None, ';') => {
                    statements.push(String::new());
                    continue;
                }
                _ => {}
            }
            text.push(c);
        }
        out.push(statements);
    }
    out
}

/// Whether this can be a name.
pub fn is_name(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '.')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// A label at the beginning of a statement, and what follows.
pub fn label(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let name = name.trim();
    let number = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    (number || is_name(name)).then_some((name, rest))
}

/// Operands: what is between commas outside brackets and quotes.
pub fn operands(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut now = String::new();
    let (mut depth, mut quoted) = (0u32, false);
    for c in text.chars() {
        match c {
            '\'' | '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                out.push(std::mem::take(&mut now).trim().to_owned());
                continue;
            }
            _ => {}
        }
        now.push(c);
    }
    if !now.trim().is_empty() || !out.is_empty() {
        out.push(now.trim().to_owned());
    }
    out
}

fn escaped(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<u8, String> {
    let c = chars.next().ok_or("the text ends in a backslash")?;
    Ok(match c {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        '0'..='7' => {
            let mut n = c.to_digit(8).unwrap_or(0);
            while let Some(d) = chars.peek().and_then(|c| c.to_digit(8)).filter(|_| n < 32) {
                n = n * 8 + d;
                chars.next();
            }
            n as u8
        }
        c if c.is_ascii() => c as u8,
        c => return Err(format!("'\\{c}' is no character")),
    })
}

/// The bytes of a quoted text.
pub fn string(text: &str) -> Result<Vec<u8>, String> {
    let inner = text.trim().strip_prefix('"');
    let inner = inner.and_then(|t| t.strip_suffix('"'));
    let mut chars = inner
        .ok_or("a text in quotes is needed")?
        .chars()
        .peekable();
    let mut out = Vec::new();
    while let Some(c) = chars.next() {
        if c == '\\' {
            out.push(escaped(&mut chars)?);
        } else {
            out.extend(c.encode_utf8(&mut [0; 4]).bytes());
        }
    }
    Ok(out)
}

/// An expression.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A number.
    Number(u32),
    /// A name, or `.`.
    Name(String),
    /// One operand: `-`, `~`, `h` for %hi, `l` for %lo.
    One(char, Box<Expr>),
    /// Two; `<` and `>` are shifts.
    Two(char, Box<Expr>, Box<Expr>),
}

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
}

impl Expr {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Expr, String> {
        let mut p = Parser {
            rest: text.trim(),
            depth: 0,
        };
        let e = p.binary(0)?;
        if p.rest.trim().is_empty() {
            Ok(e)
        } else {
            Err(format!("'{text}' is no expression"))
        }
    }

    /// Its value at an address.
    pub fn value(&self, names: &Names, line: usize, at: u32) -> Result<u32, String> {
        Ok(match self {
            Expr::Number(n) => *n,
            Expr::Name(name) if name == "." => at,
            Expr::Name(name) => names
                .find(name, line)
                .ok_or_else(|| format!("there is no '{name}'"))?,
            Expr::One(op, e) => {
                let v = e.value(names, line, at)?;
                match op {
                    '-' => v.wrapping_neg(),
                    '~' => !v,
                    // The low half is added sign-extended.
                    'h' => v.wrapping_add(0x8000) >> 16,
                    _ => v as u16 as i16 as u32,
                }
            }
            Expr::Two(op, a, b) => {
                let (a, b) = (a.value(names, line, at)?, b.value(names, line, at)?);
                match op {
                    '+' => a.wrapping_add(b),
                    '-' => a.wrapping_sub(b),
                    '*' => a.wrapping_mul(b),
                    '/' => a.checked_div(b).ok_or("a division by zero")?,
                    '%' => a.checked_rem(b).ok_or("a division by zero")?,
                    '&' => a & b,
                    '|' => a | b,
                    '^' => a ^ b,
                    '<' => a.checked_shl(b).unwrap_or(0),
                    _ => a.checked_shr(b).unwrap_or(0),
                }
            }
        })
    }
}

/// Operators, loosest first.
const LEVELS: [&[(&str, char)]; 5] = [
    &[("|", '|')],
    &[("^", '^')],
    &[("&", '&')],
    &[("<<", '<'), (">>", '>')],
    &[("+", '+'), ("-", '-')],
];

impl Parser<'_> {
    fn take(&mut self, text: &str) -> bool {
        match self.rest.trim_start().strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(signs) = LEVELS.get(level) else {
            return self.product();
        };
        let mut left = self.binary(level + 1)?;
        while let Some((_, op)) = signs.iter().find(|(text, _)| self.take(text)) {
            let right = self.binary(level + 1)?;
            left = Expr::Two(*op, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr, String> {
        let mut left = self.unary()?;
        for _ in 0..1000 {
            let op = match () {
                () if self.take("*") => '*',
                () if self.take("/") => '/',
                () if self.take("%") => '%',
                () => return Ok(left),
            };
            left = Expr::Two(op, Box::new(left), Box::new(self.unary()?));
        }
        Err("the expression is too long".into())
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("the expression is too deep".into());
        }
        Ok(())
    }

    fn unary(&mut self) -> Result<Expr, String> {
        self.deeper()?;
        let e = self.unary_inside();
        self.depth -= 1;
        e
    }

    fn unary_inside(&mut self) -> Result<Expr, String> {
        for (text, op) in [("-", '-'), ("~", '~')] {
            if self.take(text) {
                return Ok(Expr::One(op, Box::new(self.unary()?)));
            }
        }
        for (text, op) in [("%hi", 'h'), ("%lo", 'l')] {
            if self.take(text) {
                if !self.take("(") {
                    return Err(format!("{text} takes brackets"));
                }
                let inner = self.binary(0)?;
                return self.close(Expr::One(op, Box::new(inner)));
            }
        }
        if self.take("(") {
            let inner = self.binary(0)?;
            return self.close(inner);
        }
        if self.take("'") {
            let mut chars = self.rest.chars().peekable();
            let value = match chars.next() {
                Some('\\') => u32::from(escaped(&mut chars)?),
                Some(c) => u32::from(c),
                None => return Err("a character is missing".into()),
            };
            let rest: String = chars.collect();
            self.rest = &self.rest[self.rest.len() - rest.len()..];
            if !self.take("'") {
                return Err("a character's quote is missing".into());
            }
            return Ok(Expr::Number(value));
        }
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if let Some(n) = number(word) {
            return Ok(Expr::Number(n));
        }
        let local = word.len() > 1
            && word.ends_with(['b', 'f'])
            && word[..word.len() - 1].bytes().all(|b| b.is_ascii_digit());
        if is_name(word) || local {
            return Ok(Expr::Name(word.to_owned()));
        }
        Err(format!("'{word}{}' is no expression", self.rest))
    }

    fn close(&mut self, e: Expr) -> Result<Expr, String> {
        if self.take(")") {
            Ok(e)
        } else {
            Err("a bracket is missing".into())
        }
    }
}

fn number(word: &str) -> Option<u32> {
    let lower = word.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).ok();
    }
    if let Some(bits) = lower.strip_prefix("0b") {
        if let Ok(n) = u32::from_str_radix(bits, 2) {
            return Some(n);
        }
        // Not digits: the numeric label 0, backwards.
        return None;
    }
    if lower.len() > 1 && lower.starts_with('0') {
        return u32::from_str_radix(&lower, 8).ok();
    }
    lower.parse().ok()
}
