//! A line being typed: echo, cursor, history, completion. Terminals are taken to know the cursor keys of a VT100.

/// Longest line.
const MAX_BYTES: usize = 4096;
/// Lines remembered.
const HISTORY: usize = 64;

#[derive(Clone, Copy, Default, Debug)]
enum Escape {
    #[default]
    None,
    /// After Esc.
    Esc,
    /// After Esc `[`, with the number so far.
    Csi(u32),
}

/// What a byte did.
pub enum Did {
    /// It changed the line, or nothing.
    Edited,
    /// The line is done.
    Entered(String),
    /// Tab: several words could stand here.
    Listed(Vec<String>),
}

/// The line.
#[derive(Debug, Default)]
pub struct Readline {
    line: String,
    /// The cursor, in bytes; the line is ASCII.
    at: usize,
    escape: Escape,
    history: Vec<String>,
    /// Which line of the history is shown, counted from its end; 0 for none.
    back: usize,
}

impl Readline {
    /// The line so far.
    pub fn line(&self) -> &str {
        &self.line
    }

    /// Takes a byte and echoes into `out`.
    pub fn byte(
        &mut self,
        b: u8,
        completions: &dyn Fn(&str) -> Vec<String>,
        out: &mut Vec<u8>,
    ) -> Did {
        match std::mem::take(&mut self.escape) {
            Escape::None => {}
            Escape::Esc => {
                if matches!(b, b'[' | b'O') {
                    self.escape = Escape::Csi(0);
                }
                return Did::Edited;
            }
            Escape::Csi(n) => {
                match b {
                    b'0'..=b'9' => {
                        self.escape = Escape::Csi(n.saturating_mul(10) + u32::from(b - b'0'));
                    }
                    b'A' => self.recall(1, out),
                    b'B' => self.recall(-1, out),
                    b'C' => self.go(self.at + 1, out),
                    b'D' => self.go(self.at.saturating_sub(1), out),
                    b'H' => self.go(0, out),
                    b'F' => self.go(usize::MAX, out),
                    b'~' if n == 1 => self.go(0, out),
                    b'~' if n == 4 => self.go(usize::MAX, out),
                    b'~' if n == 3 && self.at < self.line.len() => {
                        self.line.remove(self.at);
                        self.redraw_tail(out);
                    }
                    _ => {}
                }
                return Did::Edited;
            }
        }
        match b {
            b'\r' | b'\n' => return self.enter(),
            b'\t' => return self.complete(completions, out),
            0x1b => self.escape = Escape::Esc,
            0x08 | 0x7f if self.at > 0 => {
                self.go(self.at - 1, out);
                self.line.remove(self.at);
                self.redraw_tail(out);
            }
            // Ctrl-a never comes from a multiplexed terminal; elsewhere it is the line's begin.
            0x01 => self.go(0, out),
            0x05 => self.go(usize::MAX, out),
            0x0b => {
                self.line.truncate(self.at);
                self.redraw_tail(out);
            }
            0x03 | 0x15 => self.replace("", out),
            0x10 => self.recall(1, out),
            0x0e => self.recall(-1, out),
            b' '..=b'~' if self.line.len() < MAX_BYTES => {
                self.line.insert(self.at, b as char);
                out.push(b);
                self.at += 1;
                if self.at < self.line.len() {
                    self.redraw_tail(out);
                }
            }
            _ => {}
        }
        Did::Edited
    }

    fn enter(&mut self) -> Did {
        let line = std::mem::take(&mut self.line);
        (self.at, self.back) = (0, 0);
        if !line.trim().is_empty() {
            self.history.retain(|l| *l != line);
            self.history.push(line.clone());
            if self.history.len() > HISTORY {
                self.history.remove(0);
            }
        }
        Did::Entered(line)
    }

    fn go(&mut self, to: usize, out: &mut Vec<u8>) {
        let to = to.min(self.line.len());
        let (n, letter) = if to < self.at {
            (self.at - to, 'D')
        } else {
            (to - self.at, 'C')
        };
        if n > 0 {
            out.extend_from_slice(format!("\x1b[{n}{letter}").as_bytes());
        }
        self.at = to;
    }

    /// Writes what is right of the cursor again.
    fn redraw_tail(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[K");
        out.extend_from_slice(&self.line.as_bytes()[self.at..]);
        let n = self.line.len() - self.at;
        if n > 0 {
            out.extend_from_slice(format!("\x1b[{n}D").as_bytes());
        }
    }

    fn replace(&mut self, with: &str, out: &mut Vec<u8>) {
        self.go(0, out);
        self.line = with.to_owned();
        self.redraw_tail(out);
        self.go(usize::MAX, out);
    }

    fn recall(&mut self, by: isize, out: &mut Vec<u8>) {
        let back = self.back.saturating_add_signed(by).min(self.history.len());
        if back != self.back {
            self.back = back;
            let line = match back {
                0 => String::new(),
                n => self.history[self.history.len() - n].clone(),
            };
            self.replace(&line, out);
        }
    }

    fn complete(&mut self, completions: &dyn Fn(&str) -> Vec<String>, out: &mut Vec<u8>) -> Did {
        if self.at != self.line.len() {
            return Did::Edited;
        }
        let words = completions(&self.line);
        let from = self.line.rfind(' ').map_or(0, |n| n + 1);
        let Some(first) = words.first() else {
            return Did::Edited;
        };
        // What all of them have in common.
        let mut common = first.as_str();
        for w in &words {
            while !w.starts_with(common) {
                common = &common[..common.len() - 1];
            }
        }
        let typed = self.line.len() - from;
        if common.len() > typed || words.len() == 1 {
            let mut more = common.get(typed..).unwrap_or_default().to_owned();
            if words.len() == 1 {
                more.push(' ');
            }
            self.line.push_str(&more);
            out.extend_from_slice(more.as_bytes());
            self.at = self.line.len();
            return Did::Edited;
        }
        Did::Listed(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> (Vec<String>, String) {
        let mut r = Readline::default();
        let mut out = Vec::new();
        let mut lines = Vec::new();
        let words = |line: &str| {
            let all = ["info", "inject", "stop"];
            let all = all.iter().filter(|w| w.starts_with(line));
            all.map(|w| (*w).to_owned()).collect()
        };
        for &b in bytes {
            match r.byte(b, &words, &mut out) {
                Did::Entered(line) => lines.push(line),
                Did::Listed(all) => lines.push(all.join(" ")),
                Did::Edited => {}
            }
        }
        (lines, String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn lines() {
        let lines = |bytes: &[u8]| typed(bytes).0;
        assert_eq!(lines(b"stop\r"), ["stop"]);
        assert_eq!(lines(b"stpp\x7f\x7fop\n"), ["stop"]);
        assert_eq!(lines(b"top\x1b[Hs\x1b[F!\r"), ["stop!"]);
        assert_eq!(lines(b"a\rb\r\x1b[A\x1b[A\r"), ["a", "b", "a"]);
        assert_eq!(lines(b"xyz\x15stop\r"), ["stop"]);
        assert_eq!(lines(b"s\t\r"), ["stop "]);
        assert_eq!(lines(b"i\t\tf\t\r"), ["info inject", "info "]);
        assert_eq!(lines(b"abc\x1b[D\x1b[D\x1b[3~\r"), ["ac"]);
    }

    #[test]
    fn echo() {
        assert_eq!(typed(b"ab\x7f").1, "ab\x1b[1D\x1b[K");
    }
}
