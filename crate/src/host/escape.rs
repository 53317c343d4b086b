//! Ctrl-a and the key after it, as in QEMU.

const CTRL_A: u8 = 1;

/// What a key asks of us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Ctrl-a x.
    Quit,
    /// Ctrl-a c.
    Next,
    /// Ctrl-a h.
    Help,
}

/// Something typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Typed {
    /// For whoever reads here.
    Bytes(Vec<u8>),
    /// For us.
    Command(Command),
}

/// The keys, for Ctrl-a h.
pub const HELP: &str = "\nCtrl-a h    print this help\nCtrl-a x    quit\nCtrl-a c    to the monitor and back\nCtrl-a a    send Ctrl-a\n";

/// Remembers whether Ctrl-a came before.
#[derive(Clone, Copy, Default, Debug)]
pub struct Escape {
    pending: bool,
}

impl Escape {
    /// Splits typed bytes into what goes on and what is ours, in order.
    pub fn feed(&mut self, typed: &[u8]) -> Vec<Typed> {
        let (mut out, mut bytes) = (Vec::new(), Vec::new());
        for &b in typed {
            if !std::mem::take(&mut self.pending) {
                match b {
                    CTRL_A => self.pending = true,
                    _ => bytes.push(b),
                }
                continue;
            }
            let command = match b {
                b'x' => Command::Quit,
                b'c' => Command::Next,
                b'h' | b'?' => Command::Help,
                b'a' | CTRL_A => {
                    bytes.push(CTRL_A);
                    continue;
                }
                _ => continue,
            };
            if !bytes.is_empty() {
                out.push(Typed::Bytes(std::mem::take(&mut bytes)));
            }
            out.push(Typed::Command(command));
        }
        if !bytes.is_empty() {
            out.push(Typed::Bytes(bytes));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let bytes = |b: &[u8]| Typed::Bytes(b.into());
        let command = Typed::Command;
        let mut e = Escape::default();
        assert_eq!(e.feed(b"ab\x01"), [bytes(b"ab")]);
        assert_eq!(
            e.feed(b"cx\x01a\x01\x01\x01z"),
            [command(Command::Next), bytes(b"x\x01\x01")]
        );
        assert_eq!(
            e.feed(b"q\x01h\x01x"),
            [bytes(b"q"), command(Command::Help), command(Command::Quit)]
        );
    }
}
