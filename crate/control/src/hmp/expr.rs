//! Expressions of the monitor: 64-bit integers with `+ -`, then `& | ^`, then `* / %`, signs, brackets, `'c'`, and numbers as in
//! C. `$` names registers, where the caller knows any.

use std::collections::BTreeMap;

/// Brackets inside each other.
const MAX_DEPTH: u32 = 64;

/// Registers by name.
pub type Registers = BTreeMap<String, u64>;

struct Parser<'a> {
    rest: &'a str,
    depth: u32,
    registers: &'a Registers,
}

/// The value of the expression that the text begins with, and what comes after it.
///
/// # Errors
/// QEMU's sentence.
pub fn eval<'a>(text: &'a str, registers: &'a Registers) -> Result<(u64, &'a str), String> {
    let mut p = Parser {
        rest: text,
        depth: 0,
        registers,
    };
    let value = p.sum()?;
    Ok((value, p.rest))
}

/// The end of a register's name.
fn name_end(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .unwrap_or(text.len())
}

/// The names of registers in a text.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).map(|t| &t[..name_end(t)])
}

impl Parser<'_> {
    /// Takes one of these signs, if one is next.
    fn sign(&mut self, signs: &str) -> Option<char> {
        self.rest = self.rest.trim_start();
        let c = self.rest.chars().next().filter(|c| signs.contains(*c))?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn sum(&mut self) -> Result<u64, String> {
        let mut value = self.bits()?;
        while let Some(sign) = self.sign("+-") {
            let right = self.bits()?;
            value = match sign {
                '+' => value.wrapping_add(right),
                _ => value.wrapping_sub(right),
            };
        }
        Ok(value)
    }

    fn bits(&mut self) -> Result<u64, String> {
        let mut value = self.product()?;
        while let Some(sign) = self.sign("&|^") {
            let right = self.product()?;
            value = match sign {
                '&' => value & right,
                '|' => value | right,
                _ => value ^ right,
            };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<u64, String> {
        let mut value = self.unary()?;
        while let Some(sign) = self.sign("*/%") {
            let (left, right) = (value.cast_signed(), self.unary()?.cast_signed());
            let quotient = match sign {
                '*' => Some(left.wrapping_mul(right)),
                _ if right == 0 => None,
                '/' => Some(left.wrapping_div(right)),
                _ => Some(left.wrapping_rem(right)),
            };
            value = quotient.ok_or("division by zero")?.cast_unsigned();
        }
        Ok(value)
    }

    fn unary(&mut self) -> Result<u64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("expression is too deep".into());
        }
        let value = match self.sign("+-~(") {
            Some('+') => self.unary(),
            Some('-') => self.unary().map(u64::wrapping_neg),
            Some('~') => self.unary().map(|v| !v),
            Some(_) => {
                let value = self.sum()?;
                match self.sign(")") {
                    Some(_) => Ok(value),
                    None => Err("')' expected".into()),
                }
            }
            None => self.number(),
        };
        self.depth -= 1;
        value
    }

    fn number(&mut self) -> Result<u64, String> {
        let mut chars = self.rest.chars();
        match chars.next() {
            None => Err("unexpected end of expression".into()),
            Some('\'') => {
                let c = chars.next().ok_or("character constant expected")?;
                if chars.next() != Some('\'') {
                    return Err("missing terminating \' character".into());
                }
                self.rest = chars.as_str();
                Ok(u64::from(u32::from(c)))
            }
            Some('$') => {
                let (name, rest) = self.rest[1..].split_at(name_end(&self.rest[1..]));
                self.rest = rest;
                let value = self.registers.get(name);
                value.copied().ok_or_else(|| "unknown register".into())
            }
            Some('0'..='9') => {
                let end = self
                    .rest
                    .find(|c: char| !c.is_ascii_alphanumeric())
                    .unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                let hex = word.strip_prefix("0x").or(word.strip_prefix("0X"));
                let value = match (hex, word.strip_prefix('0')) {
                    (Some(hex), _) => u64::from_str_radix(hex, 16),
                    (None, Some(octal)) if !octal.is_empty() => u64::from_str_radix(octal, 8),
                    _ => word.parse(),
                };
                self.rest = rest;
                value.map_err(|_| "invalid char in expression".to_owned())
            }
            Some(c) => Err(format!("invalid char '{c}' in expression")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Registers, eval};

    #[test]
    fn expressions() {
        let registers = Registers::from([("pc".to_owned(), 0x1000)]);
        let value = |text: &str| eval(text, &registers).map(|(v, rest)| (v, rest.to_owned()));
        for (text, want) in [
            ("1+2*3", 7),
            ("0x10 & 3", 0),
            ("(1+2)*3", 9),
            ("-1", u64::MAX),
            ("~0", u64::MAX),
            ("'a'", 97),
            ("010", 8),
            ("7 / 2", 3),
            ("$pc+4", 0x1004),
            ("-7/2", (-3i64).cast_unsigned()),
            ("-9223372036854775808/-1", 1 << 63),
            ("0xffffffffffffffff", u64::MAX),
        ] {
            assert_eq!(value(text), Ok((want, String::new())), "{text}");
        }
        assert_eq!(value("1 2"), Ok((1, "2".into())));
        for (text, want) in [
            ("1+", "unexpected end of expression"),
            ("(1", "')' expected"),
            ("7/0", "division by zero"),
            ("$nosuch", "unknown register"),
            ("e", "invalid char 'e' in expression"),
        ] {
            assert_eq!(value(text), Err(want.into()), "{text}");
        }
        assert!(value(&"(".repeat(100_000)).is_err());
        assert!(value(&"-".repeat(100_000)).is_err());
    }
}
