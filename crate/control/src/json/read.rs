//! Bytes become tokens, tokens become messages.

use serde_json::Value;

use super::parse;

/// Bytes of one message's tokens.
const MAX_BYTES: usize = 64 << 20;
/// Tokens of one message.
const MAX_TOKENS: usize = 2 << 20;
/// Brackets and braces that are open at a time.
const MAX_DEPTH: usize = 1 << 10;

/// A token; the bytes are as they came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    OpenBrace,
    CloseBrace,
    OpenBracket,
    CloseBracket,
    Colon,
    Comma,
    /// With its quotes.
    Text(Vec<u8>),
    Integer(Vec<u8>),
    Float(Vec<u8>),
    Keyword(Vec<u8>),
}

/// Where inside a token the reader stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Start,
    /// After a mistake: everything is skipped up to a byte that can begin a message.
    Recovery,
    Text {
        quote: u8,
        escaped: bool,
    },
    Minus,
    Zero,
    Digits,
    /// After the decimal point.
    Point,
    Fraction,
    /// After the `e`.
    E,
    /// After its sign.
    ESign,
    EDigits,
    Keyword,
}

/// What one byte does to a token.
enum Step {
    /// It belongs to the token.
    Take(State),
    /// It ends the token, and belongs to it.
    Last,
    /// It ends the token, and is looked at again.
    Before,
    /// It cannot stand here.
    Stray,
}

/// Reads messages out of a stream of bytes.
#[derive(Debug)]
pub struct Reader {
    state: State,
    token: Vec<u8>,
    tokens: Vec<Token>,
    bytes: usize,
    braces: i64,
    brackets: i64,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader {
            state: State::Start,
            token: Vec::new(),
            tokens: Vec::new(),
            bytes: 0,
            braces: 0,
            brackets: 0,
        }
    }
}

impl Reader {
    /// Takes bytes; hands every message that they complete to `got`, or the sentence about what is wrong with it.
    pub fn feed(&mut self, bytes: &[u8], got: &mut dyn FnMut(Result<Value, String>)) {
        for &b in bytes {
            self.byte(b, got);
        }
    }

    fn byte(&mut self, b: u8, got: &mut dyn FnMut(Result<Value, String>)) {
        loop {
            match self.state {
                State::Start => return self.start(b, got),
                State::Recovery => match b {
                    b'{' | b'}' | b'[' | b']' | b':' | b',' | 0..=0x1f | 0xfe..=0xff => {
                        self.state = State::Start;
                    }
                    _ => return,
                },
                state => match step(state, b) {
                    Step::Take(next) => {
                        self.state = next;
                        self.token.push(b);
                        if self.token.len() > MAX_BYTES {
                            self.state = State::Recovery;
                            self.refuse("JSON token size limit exceeded".into(), got);
                        }
                        return;
                    }
                    Step::Last => {
                        self.token.push(b);
                        return self.finish(state, got);
                    }
                    // The same byte begins the next token.
                    Step::Before => self.finish(state, got),
                    Step::Stray => {
                        self.token.push(b);
                        return self.stray(got);
                    }
                },
            }
        }
    }

    fn start(&mut self, b: u8, got: &mut dyn FnMut(Result<Value, String>)) {
        let state = match b {
            b' ' | b'\t' | b'\r' | b'\n' => return,
            b'{' => return self.push(Token::OpenBrace, 1, got),
            b'}' => return self.push(Token::CloseBrace, 1, got),
            b'[' => return self.push(Token::OpenBracket, 1, got),
            b']' => return self.push(Token::CloseBracket, 1, got),
            b':' => return self.push(Token::Colon, 1, got),
            b',' => return self.push(Token::Comma, 1, got),
            b'"' | b'\'' => State::Text {
                quote: b,
                escaped: false,
            },
            b'-' => State::Minus,
            b'0' => State::Zero,
            b'1'..=b'9' => State::Digits,
            b'a'..=b'z' => State::Keyword,
            _ => {
                self.token = vec![b];
                return self.stray(got);
            }
        };
        self.token = vec![b];
        self.state = state;
    }

    /// The token is whole.
    fn finish(&mut self, state: State, got: &mut dyn FnMut(Result<Value, String>)) {
        self.state = State::Start;
        let bytes = std::mem::take(&mut self.token);
        let len = bytes.len();
        let token = match state {
            State::Text { .. } => Token::Text(bytes),
            State::Keyword => Token::Keyword(bytes),
            State::Zero | State::Digits => Token::Integer(bytes),
            _ => Token::Float(bytes),
        };
        self.push(token, len, got);
    }

    fn stray(&mut self, got: &mut dyn FnMut(Result<Value, String>)) {
        self.state = State::Recovery;
        let text = parse::lossy(&std::mem::take(&mut self.token));
        self.refuse(format!("JSON parse error, stray '{text}'"), got);
    }

    /// Drops the message so far.
    fn refuse(&mut self, why: String, got: &mut dyn FnMut(Result<Value, String>)) {
        self.token = Vec::new();
        self.clear();
        got(Err(why));
    }

    fn clear(&mut self) {
        self.tokens = Vec::new();
        (self.bytes, self.braces, self.brackets) = (0, 0, 0);
    }

    fn push(&mut self, token: Token, len: usize, got: &mut dyn FnMut(Result<Value, String>)) {
        match token {
            Token::OpenBrace => self.braces += 1,
            Token::CloseBrace => self.braces -= 1,
            Token::OpenBracket => self.brackets += 1,
            Token::CloseBracket => self.brackets -= 1,
            _ => {}
        }
        self.bytes += len + 1;
        let limit = if self.bytes > MAX_BYTES {
            "size"
        } else if self.tokens.len() + 1 > MAX_TOKENS {
            "count"
        } else if self.braces.max(0) + self.brackets.max(0) > MAX_DEPTH as i64 {
            return self.refuse("JSON nesting depth limit exceeded".into(), got);
        } else {
            self.tokens.push(token);
            let open = self.braces > 0 || self.brackets > 0;
            if open && self.braces >= 0 && self.brackets >= 0 {
                return;
            }
            let tokens = std::mem::take(&mut self.tokens);
            self.clear();
            return got(parse::message(&tokens).map_err(|e| format!("JSON parse error, {e}")));
        };
        self.refuse(format!("JSON token {limit} limit exceeded"), got);
    }
}

fn step(state: State, b: u8) -> Step {
    use Step::{Before, Last, Stray, Take};
    match (state, b) {
        (State::Text { .. }, 0..=0x1f | 0xfe..=0xff) => Stray,
        (
            State::Text {
                quote,
                escaped: true,
            },
            _,
        ) => Take(State::Text {
            quote,
            escaped: false,
        }),
        (State::Text { quote, .. }, b'\\') => Take(State::Text {
            quote,
            escaped: true,
        }),
        (State::Text { quote, .. }, b) if b == quote => Last,
        (State::Text { .. }, _) => Take(state),
        (State::Minus, b'0') => Take(State::Zero),
        (State::Minus, b'1'..=b'9') => Take(State::Digits),
        (State::Minus, _) => Stray,
        (State::Zero, b'0'..=b'9') => Stray,
        (State::Digits, b'0'..=b'9') => Take(State::Digits),
        (State::Zero | State::Digits, b'.') => Take(State::Point),
        (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => Take(State::E),
        (State::Point | State::Fraction, b'0'..=b'9') => Take(State::Fraction),
        (State::Point, _) => Stray,
        (State::E, b'+' | b'-') => Take(State::ESign),
        (State::E | State::ESign | State::EDigits, b'0'..=b'9') => Take(State::EDigits),
        (State::E | State::ESign, _) => Stray,
        (State::Keyword, b'a'..=b'z') => Take(State::Keyword),
        _ => Before,
    }
}
