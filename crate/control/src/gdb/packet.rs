//! Packets: `$body#checksum`, acknowledgements, escapes, run lengths, hexadecimal.

/// Most bytes of a packet's body, in either direction.
pub const PACKET_BYTES: usize = 0x4000;

/// What came from the client.
#[derive(PartialEq, Eq, Debug)]
pub enum Event {
    /// A packet's body, unescaped.
    Packet(Vec<u8>),
    /// Ctrl-C.
    Interrupt,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Idle,
    Body,
    Escaped,
    Repeat,
    Sum1,
    Sum2(u8),
}

/// Framing of one connection.
#[derive(Default)]
pub struct Link {
    state: State,
    body: Vec<u8>,
    sum: u8,
    too_long: bool,
    output: Vec<u8>,
    /// The last packet sent, until it is acknowledged.
    unacknowledged: Vec<u8>,
    /// Neither side acknowledges.
    pub no_ack: bool,
}

impl Link {
    /// Takes one byte.
    pub fn receive(&mut self, byte: u8) -> Option<Event> {
        match (self.state, byte) {
            (State::Idle, b'$') => self.start(),
            (State::Idle, 3) => return Some(Event::Interrupt),
            (State::Idle, b'-') => {
                let again = self.unacknowledged.clone();
                self.output.extend(again);
            }
            (State::Idle, b'+') => self.unacknowledged.clear(),
            (State::Idle, _) => {}
            // A packet that breaks off.
            (State::Body | State::Escaped | State::Repeat, b'$') => self.start(),
            (State::Body | State::Escaped | State::Repeat, b'#') => self.state = State::Sum1,
            (State::Body, b'}') => {
                self.count(byte);
                self.state = State::Escaped;
            }
            (State::Body, b'*') => {
                self.count(byte);
                self.state = State::Repeat;
            }
            (State::Body, _) => {
                self.count(byte);
                self.push(byte, 1);
            }
            (State::Escaped, _) => {
                self.count(byte);
                self.push(byte ^ 0x20, 1);
                self.state = State::Body;
            }
            (State::Repeat, _) => {
                self.count(byte);
                if let Some(&last) = self.body.last() {
                    self.push(last, byte.saturating_sub(29) as usize);
                }
                self.state = State::Body;
            }
            (State::Sum1, _) => self.state = State::Sum2(byte),
            (State::Sum2(first), _) => {
                self.state = State::Idle;
                return self.finish(first, byte);
            }
        }
        None
    }

    fn start(&mut self) {
        self.state = State::Body;
        self.body.clear();
        self.sum = 0;
        self.too_long = false;
    }

    fn count(&mut self, byte: u8) {
        self.sum = self.sum.wrapping_add(byte);
    }

    fn push(&mut self, byte: u8, times: usize) {
        if self.body.len() + times > PACKET_BYTES {
            self.too_long = true;
        } else {
            self.body.extend(std::iter::repeat_n(byte, times));
        }
    }

    fn finish(&mut self, first: u8, second: u8) -> Option<Event> {
        let sum = digit(first).and_then(|h| Some(h << 4 | digit(second)?));
        let good = self.no_ack || sum == Some(self.sum);
        if !self.no_ack {
            self.output.push(if good { b'+' } else { b'-' });
        }
        if !good {
            return None;
        }
        let body = std::mem::take(&mut self.body);
        if self.too_long {
            self.send(b"E22");
            return None;
        }
        Some(Event::Packet(body))
    }

    /// Sends a packet. `body` holds no `$`, `#`, `}` or `*` but those that [`escape`] made.
    pub fn send(&mut self, body: &[u8]) {
        let sum = body.iter().fold(0u8, |s, b| s.wrapping_add(*b));
        let mut packet = Vec::with_capacity(body.len() + 4);
        packet.push(b'$');
        packet.extend(body);
        packet.extend(format!("#{sum:02x}").bytes());
        self.output.extend(&packet);
        if !self.no_ack {
            self.unacknowledged = packet;
        }
    }

    /// Bytes to send since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }
}

fn digit(c: u8) -> Option<u8> {
    (c as char).to_digit(16).map(|d| d as u8)
}

/// Binary data as a packet carries it.
pub fn escape(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    for &b in data {
        if matches!(b, b'$' | b'#' | b'}' | b'*') {
            out.extend([b'}', b ^ 0x20]);
        } else {
            out.push(b);
        }
    }
    out
}

/// Bytes as hexadecimal digits.
pub fn hex(data: &[u8]) -> String {
    data.iter().map(|b| format!("{b:02x}")).collect()
}

/// Hexadecimal digits as bytes; `None` if they are not an even number of digits.
pub fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|&[h, l]| Some(digit(h)? << 4 | digit(l)?))
        .collect()
}

/// A hexadecimal number of up to 64 bits.
pub fn number(text: &[u8]) -> Option<u64> {
    // from_str_radix would take a sign.
    let plain = !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit);
    let text = str::from_utf8(text).ok().filter(|_| plain)?;
    u64::from_str_radix(text, 16).ok()
}

/// Numbers separated by `separator`, as many as asked for.
pub fn numbers<const N: usize>(text: &[u8], separator: u8) -> Option<[u64; N]> {
    let mut out = [0; N];
    let mut parts = text.split(|&b| b == separator);
    for n in &mut out {
        *n = number(parts.next()?)?;
    }
    parts.next().is_none().then_some(out)
}

/// Splits at the first `separator`; without one the second part is empty.
pub fn cut(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == separator) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}
