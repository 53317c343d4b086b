//! Tokens become a value. Nesting is bounded by the reader, so that recursion is.

use serde_json::{Map, Number, Value};

use super::read::Token;

/// Bytes as text; each that is no text becomes U+FFFD.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value that the tokens of one message spell.
///
/// # Errors
/// QEMU's sentence, without its head.
pub(super) fn message(tokens: &[Token]) -> Result<Value, String> {
    value(&mut tokens.iter())
}

type Tokens<'a> = std::slice::Iter<'a, Token>;

fn next<'a>(tokens: &mut Tokens<'a>) -> Result<&'a Token, String> {
    tokens.next().ok_or_else(|| "premature EOI".into())
}

fn value(tokens: &mut Tokens<'_>) -> Result<Value, String> {
    match next(tokens)? {
        Token::OpenBrace => object(tokens),
        Token::OpenBracket => array(tokens),
        Token::Text(bytes) => text(bytes).map(Value::String),
        Token::Integer(bytes) => Ok(integer(&lossy(bytes))),
        Token::Float(bytes) => Ok(float(&lossy(bytes))),
        Token::Keyword(bytes) => match bytes.as_slice() {
            b"true" => Ok(Value::Bool(true)),
            b"false" => Ok(Value::Bool(false)),
            b"null" => Ok(Value::Null),
            other => Err(format!("invalid keyword '{}'", lossy(other))),
        },
        Token::CloseBrace | Token::CloseBracket | Token::Colon | Token::Comma => {
            Err("expecting value".into())
        }
    }
}

fn object(tokens: &mut Tokens<'_>) -> Result<Value, String> {
    let mut map = Map::new();
    if let Some(Token::CloseBrace) = tokens.as_slice().first() {
        tokens.next();
        return Ok(Value::Object(map));
    }
    loop {
        let Value::String(key) = value(tokens)? else {
            return Err("key is not a string in object".into());
        };
        if *next(tokens)? != Token::Colon {
            return Err("missing : in object pair".into());
        }
        let item = value(tokens)?;
        if map.insert(key, item).is_some() {
            return Err("duplicate key".into());
        }
        match next(tokens)? {
            Token::CloseBrace => return Ok(Value::Object(map)),
            Token::Comma => {}
            _ => return Err("expected separator in dict".into()),
        }
    }
}

fn array(tokens: &mut Tokens<'_>) -> Result<Value, String> {
    let mut items = Vec::new();
    if let Some(Token::CloseBracket) = tokens.as_slice().first() {
        tokens.next();
        return Ok(Value::Array(items));
    }
    loop {
        items.push(value(tokens)?);
        match next(tokens)? {
            Token::CloseBracket => return Ok(Value::Array(items)),
            Token::Comma => {}
            _ => return Err("expected separator in list".into()),
        }
    }
}

/// An integer of 64 bits, signed or else unsigned, or what comes closest.
fn integer(text: &str) -> Value {
    if let Ok(n) = text.parse::<i64>() {
        n.into()
    } else if let Ok(n) = text.parse::<u64>() {
        n.into()
    } else {
        float(text)
    }
}

fn float(text: &str) -> Value {
    let n: f64 = text.parse().unwrap_or(0.0);
    // JSON has no infinity: the largest number stands for it.
    Number::from_f64(n.clamp(f64::MIN, f64::MAX)).map_or(Value::Null, Value::Number)
}

/// The text between the quotes.
fn text(token: &[u8]) -> Result<String, String> {
    let inner = token
        .get(1..token.len().saturating_sub(1))
        .unwrap_or_default();
    let inner =
        std::str::from_utf8(inner).map_err(|_| "invalid UTF-8 sequence in string".to_owned())?;
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut chars = rest.chars();
        let c = chars.next();
        rest = chars.as_str();
        out.push(match c {
            Some(c @ ('"' | '\'' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                // The sentence shows what stands there, the closing quote included.
                let from = token.len() - 1 - rest.len();
                let shown = &token[from..(from + 4).min(token.len())];
                let bad = || format!("\\u{} is not a valid Unicode character", lossy(shown));
                let unit = hex4(rest).ok_or_else(bad)?;
                rest = &rest[4..];
                unicode(unit, &mut rest).ok_or_else(bad)?
            }
            _ => return Err("invalid escape sequence in string".into()),
        });
    }
    out.push_str(rest);
    Ok(out)
}

fn hex4(text: &str) -> Option<u32> {
    let digits = text
        .get(..4)
        .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// The character of a UTF-16 unit; the second half of a pair is taken from `rest`.
fn unicode(unit: u32, rest: &mut &str) -> Option<char> {
    let code = if (0xd800..0xdc00).contains(&unit) {
        let low = hex4(rest.strip_prefix("\\u")?).filter(|l| (0xdc00..0xe000).contains(l))?;
        *rest = &rest[6..];
        0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
    } else {
        unit
    };
    // Noncharacters are refused as lone surrogates are.
    if code & 0xfffe == 0xfffe || (0xfdd0..0xfdf0).contains(&code) {
        return None;
    }
    char::from_u32(code)
}
