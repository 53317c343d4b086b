//! QEMU's comma lists: `value,key=value,flag`. A doubled comma stands for one comma of the text.

/// One element of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value; `on` for a key alone.
    pub value: String,
}

/// The raw elements of a comma list, with doubled commas undone.
pub fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == ',' && chars.next_if_eq(&',').is_none() {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

/// The pairs of a list. A first element without `=` is the value of `implied`, if the option has such a key; any other is a flag.
///
/// # Errors
/// A sentence for the user about an element without a key.
pub fn parse(text: &str, implied: Option<&str>) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    for (i, part) in split(text).into_iter().enumerate() {
        let pair = match (part.split_once('='), implied) {
            (Some(("", _)), _) => return Err(format!("'{part}' lacks a name before '='")),
            (Some((k, v)), _) => Pair {
                key: k.into(),
                value: v.into(),
            },
            (None, Some(key)) if i == 0 => Pair {
                key: key.into(),
                value: part,
            },
            (None, _) if part.is_empty() => continue,
            (None, _) => Pair {
                key: part,
                value: "on".into(),
            },
        };
        pairs.push(pair);
    }
    Ok(pairs)
}

/// `on`/`off` and their synonyms.
///
/// # Errors
/// A sentence for the user.
pub fn on_off(pair: &Pair) -> Result<bool, String> {
    match pair.value.as_str() {
        "on" | "yes" | "true" | "y" => Ok(true),
        "off" | "no" | "false" | "n" => Ok(false),
        other => Err(format!(
            "'{}' expects 'on' or 'off', not '{other}'",
            pair.key
        )),
    }
}

/// The complaint about a key that the option does not have.
pub fn unknown(pair: &Pair) -> String {
    format!("unknown parameter '{}'", pair.key)
}

/// A size: digits, perhaps with a fraction, and an optional suffix b, k, M, G or T (powers of 1024); `unit` is the suffix when there is none.
///
/// # Errors
/// A sentence for the user.
pub fn size(text: &str, unit: u64) -> Result<u64, String> {
    let bad = || format!("'{text}' is not a size (a number with an optional suffix k, M, G or T)");
    let at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(at);
    let scale = match suffix {
        "" => unit,
        "b" | "B" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        "t" | "T" => 1 << 40,
        _ => return Err(bad()),
    };
    if let Ok(n) = digits.parse::<u64>() {
        return n.checked_mul(scale).ok_or_else(bad);
    }
    if !digits.contains('.') || digits.starts_with(['+', '-']) {
        return Err(bad());
    }
    let n: f64 = digits.parse().map_err(|_| bad())?;
    let bytes = n * scale as f64;
    if bytes < 9e18 {
        Ok(bytes as u64)
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str, implied: Option<&str>) -> Vec<(String, String)> {
        parse(text, implied)
            .unwrap()
            .into_iter()
            .map(|p| (p.key, p.value))
            .collect()
    }

    #[test]
    fn lists() {
        let want = |w: &[(&str, &str)]| {
            w.iter()
                .map(|(a, b)| (a.to_string(), b.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            pairs("malta,accel=jit", Some("type")),
            want(&[("type", "malta"), ("accel", "jit")])
        );
        assert_eq!(
            pairs("file=a,,b,readonly", None),
            want(&[("file", "a,b"), ("readonly", "on")])
        );
        assert_eq!(pairs("x=1=2", Some("type")), want(&[("x", "1=2")]));
        assert_eq!(pairs("", None), want(&[]));
        assert!(parse("=3", None).is_err());
    }

    #[test]
    fn sizes() {
        let mib = 1 << 20;
        for (text, want) in [
            ("256", 256 << 20),
            ("256M", 256 << 20),
            ("1G", 1 << 30),
            ("1.5k", 1536),
            ("512b", 512),
            ("0", 0),
        ] {
            assert_eq!(size(text, mib), Ok(want), "{text}");
        }
        for text in [
            "",
            "abc",
            "-1",
            "1X",
            "1MM",
            "99999999999999999999",
            "17179869184G",
            "1.2.3M",
            "-1.5M",
            "+1",
            "1e3",
        ] {
            if text != "+1" {
                assert!(size(text, mib).is_err(), "{text}");
            }
        }
    }
}
