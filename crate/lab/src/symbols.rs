//! Names of addresses in the learner's program, and the numbers that `lab.json` writes.

use std::collections::BTreeMap;

use object::{Object, ObjectSymbol};

use crate::schema::Place;

/// Symbols of a program.
#[derive(Default)]
pub struct Symbols(BTreeMap<String, u64>);

impl Symbols {
    /// Those of an ELF file; any other file has none. `wide`: the guest's addresses have 64 bits.
    pub fn read(image: &[u8], wide: bool) -> Symbols {
        let Ok(file) = object::File::parse(image) else {
            return Symbols::default();
        };
        // Addresses of 32-bit programs are sign-extended on 64-bit MIPS CPUs, which alone run them.
        let extend = wide && !file.is_64();
        let address = |at: u64| {
            if extend {
                i64::from(at as u32 as i32) as u64
            } else {
                at
            }
        };
        let named = file.symbols().filter_map(|s| {
            let name = s.name().ok().filter(|n| !n.is_empty())?;
            Some((name.to_owned(), address(s.address())))
        });
        Symbols(named.collect())
    }

    /// A number.
    ///
    /// # Errors
    /// A sentence: it is none, or the program has no such symbol.
    pub fn value(&self, place: &Place) -> Result<u64, String> {
        let text = match place {
            Place::Number(n) => {
                let signed = n.as_i64().map(|n| n as u64);
                return n
                    .as_u64()
                    .or(signed)
                    .ok_or(format!("{n} is no whole number"));
            }
            Place::Text(text) => text.trim(),
        };
        let split = text
            .char_indices()
            .find(|&(i, c)| i > 0 && matches!(c, '+' | '-'));
        let (name, offset) = match split {
            Some((at, _)) => (text[..at].trim(), Some(text[at..].trim())),
            None => (text, None),
        };
        let base = match number(name) {
            Some(n) => n,
            None => *self
                .0
                .get(name)
                .ok_or_else(|| format!("the program has no symbol '{name}'"))?,
        };
        let Some(offset) = offset else {
            return Ok(base);
        };
        let distance = number(offset[1..].trim()).ok_or(format!("'{text}' is no address"))?;
        Ok(if offset.starts_with('-') {
            base.wrapping_sub(distance)
        } else {
            base.wrapping_add(distance)
        })
    }
}

fn number(text: &str) -> Option<u64> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let n = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { n.wrapping_neg() } else { n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_symbols() {
        let mut symbols = Symbols::default();
        symbols.0.insert("main".into(), 0x100);
        let value = |text: &str| symbols.value(&Place::Text(text.into()));
        assert_eq!(value("main"), Ok(0x100));
        assert_eq!(value("main + 0x10"), Ok(0x110));
        assert_eq!(value("main-1"), Ok(0xff));
        assert_eq!(value("-1"), Ok(u64::MAX));
        assert_eq!(value("0x2a"), Ok(42));
        assert!(value("nothing").is_err());
        assert!(value("main+").is_err());
        assert!(value("").is_err());
        assert_eq!(symbols.value(&Place::Number(7.into())), Ok(7));
        assert!(
            symbols
                .value(&Place::Number(serde_json::Number::from_f64(0.5).unwrap()))
                .is_err()
        );
    }

    #[test]
    fn no_program_has_no_symbols() {
        assert!(Symbols::read(b"\x7fELF", false).0.is_empty());
    }
}
