//! Ctrl-a and the key after it, as in QEMU.

const CTRL_A: u8 = 1;

/// What a key asks of us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Ctrl-a x.
    Quit,
    /// Ctrl-a c.
    Monitor,
    /// Ctrl-a h.
    Help,
}

/// The keys, for Ctrl-a h.
pub const HELP: &str = "\nCtrl-a h    print this help\nCtrl-a x    quit\nCtrl-a c    the monitor (not there yet)\nCtrl-a a    send Ctrl-a\n";

/// Remembers whether Ctrl-a came before.
#[derive(Clone, Copy, Default, Debug)]
pub struct Escape {
    pending: bool,
}

impl Escape {
    /// Splits typed bytes into what is the guest's and what is ours.
    pub fn feed(&mut self, typed: &[u8]) -> (Vec<u8>, Vec<Command>) {
        let (mut bytes, mut commands) = (Vec::new(), Vec::new());
        for &b in typed {
            if !std::mem::take(&mut self.pending) {
                match b {
                    CTRL_A => self.pending = true,
                    _ => bytes.push(b),
                }
                continue;
            }
            match b {
                b'x' => commands.push(Command::Quit),
                b'c' => commands.push(Command::Monitor),
                b'h' | b'?' => commands.push(Command::Help),
                b'a' | CTRL_A => bytes.push(CTRL_A),
                _ => {}
            }
        }
        (bytes, commands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let mut e = Escape::default();
        assert_eq!(e.feed(b"ab\x01"), (b"ab".to_vec(), vec![]));
        assert_eq!(
            e.feed(b"cx\x01a\x01\x01\x01z"),
            (b"x\x01\x01".to_vec(), vec![Command::Monitor])
        );
        assert_eq!(
            e.feed(b"\x01h\x01x"),
            (vec![], vec![Command::Help, Command::Quit])
        );
    }
}
