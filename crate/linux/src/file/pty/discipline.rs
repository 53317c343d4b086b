//! The line discipline: what typed and said bytes become (termios(3), linux/drivers/tty/n_tty.c's behaviour).

use super::{CAPACITY, Input, Pty, flag};
use crate::abi::signals::Sig;
use crate::errno::{EAGAIN, Res};

/// Places of control characters in [`Termios::cc`].
mod cc {
    pub const INTR: usize = 0;
    pub const QUIT: usize = 1;
    pub const ERASE: usize = 2;
    pub const KILL: usize = 3;
    pub const EOF: usize = 4;
    pub const MIN: usize = 6;
    pub const START: usize = 8;
    pub const STOP: usize = 9;
    pub const SUSP: usize = 10;
    pub const EOL: usize = 11;
    pub const WERASE: usize = 14;
    pub const LNEXT: usize = 15;
    pub const EOL2: usize = 16;
}

impl Pty {
    /// Says a byte to the master, by the output modes.
    pub(super) fn say(&self, b: u8) {
        let t = self.termios.get();
        let mut out = self.output.borrow_mut();
        if t.oflag & flag::OPOST != 0 {
            match b {
                b'\n' if t.oflag & flag::ONLCR != 0 => out.push_back(b'\r'),
                b'\r' if t.oflag & flag::OCRNL != 0 => return out.push_back(b'\n'),
                _ => {}
            }
        }
        out.push_back(b);
    }

    pub(super) fn echo(&self, b: u8) {
        let t = self.termios.get();
        if t.lflag & flag::ECHO == 0 {
            if b == b'\n' && t.lflag & flag::ECHONL != 0 && t.lflag & flag::ICANON != 0 {
                self.say(b);
            }
            return;
        }
        if (b < 32 && b != b'\n' && b != b'\t' || b == 127) && t.lflag & flag::ECHOCTL != 0 {
            self.say(b'^');
            self.say(b ^ 64);
        } else {
            self.say(b);
        }
    }

    /// Takes the last character of the line away; gives whether there was one.
    pub(super) fn erase(&self, edit: &mut Vec<u8>) -> bool {
        let t = self.termios.get();
        let Some(mut last) = edit.pop() else {
            return false;
        };
        let control = last < 32 || last == 127;
        while t.iflag & flag::IUTF8 != 0 && last & 0xc0 == 0x80 {
            match edit.pop() {
                Some(b) => last = b,
                None => break,
            }
        }
        if t.lflag & (flag::ECHO | flag::ECHOE) == flag::ECHO | flag::ECHOE {
            let wide = control && last != b'\t' && t.lflag & flag::ECHOCTL != 0;
            for _ in 0..if wide { 2 } else { 1 } {
                for b in [8, b' ', 8] {
                    self.output.borrow_mut().push_back(b);
                }
            }
        }
        true
    }

    /// A byte is typed.
    pub(super) fn typed(&self, b: u8) {
        let t = self.termios.get();
        let mut input = self.input.borrow_mut();
        if input.len() >= CAPACITY {
            return;
        }
        let mut b = if t.iflag & flag::ISTRIP != 0 {
            b & 0x7f
        } else {
            b
        };
        let is = |n: usize, b: u8| t.cc[n] != 0 && t.cc[n] == b;
        let extended = t.lflag & flag::IEXTEN != 0;
        if !core::mem::take(&mut input.quoted) {
            match b {
                b'\r' if t.iflag & flag::IGNCR != 0 => return,
                b'\r' if t.iflag & flag::ICRNL != 0 => b = b'\n',
                b'\n' if t.iflag & flag::INLCR != 0 => b = b'\r',
                _ => {}
            }
            if t.iflag & flag::IXON != 0 && (is(cc::STOP, b) || is(cc::START, b)) {
                self.stopped.set(is(cc::STOP, b));
                return;
            }
            if t.lflag & flag::ISIG != 0 {
                let sig = [
                    (cc::INTR, Sig::Int),
                    (cc::QUIT, Sig::Quit),
                    (cc::SUSP, Sig::Tstp),
                ]
                .into_iter()
                .find(|s| is(s.0, b));
                if let Some((_, sig)) = sig {
                    if t.lflag & flag::NOFLSH == 0 {
                        *input = Input::default();
                    }
                    self.stopped.set(false);
                    self.echo(b);
                    self.all.signal(self.foreground.get(), sig);
                    return;
                }
            }
            if t.lflag & flag::ICANON != 0 {
                if is(cc::ERASE, b) {
                    self.erase(&mut input.edit);
                    return;
                }
                if is(cc::KILL, b) {
                    while self.erase(&mut input.edit) {}
                    return;
                }
                if extended && is(cc::WERASE, b) {
                    let word = |c: Option<&u8>| {
                        c.is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_' || *c >= 128)
                    };
                    while !input.edit.is_empty() && !word(input.edit.last()) {
                        self.erase(&mut input.edit);
                    }
                    while word(input.edit.last()) {
                        self.erase(&mut input.edit);
                    }
                    return;
                }
                if extended && is(cc::LNEXT, b) {
                    input.quoted = true;
                    if t.lflag & (flag::ECHO | flag::ECHOCTL) == flag::ECHO | flag::ECHOCTL {
                        self.say(b'^');
                        self.say(8);
                    }
                    return;
                }
                if is(cc::EOF, b) {
                    let line = core::mem::take(&mut input.edit);
                    input.lines.push_back(line);
                    return;
                }
            }
            if t.lflag & flag::ICANON != 0
                && (b == b'\n' || is(cc::EOL, b) || extended && is(cc::EOL2, b))
            {
                self.echo(b);
                let mut line = core::mem::take(&mut input.edit);
                line.push(b);
                input.lines.push_back(line);
                return;
            }
        }
        self.echo(b);
        if t.lflag & flag::ICANON != 0 {
            input.edit.push(b);
        } else {
            input.raw.push_back(b);
        }
    }

    /// What the slave can read: bytes, and whether a read gives something (an end of file too).
    pub(super) fn available(&self) -> (usize, bool) {
        let t = self.termios.get();
        let input = self.input.borrow();
        if t.lflag & flag::ICANON != 0 {
            let n = input.lines.front().map_or(0, Vec::len) + input.raw.len();
            return (n, n > 0 || !input.lines.is_empty());
        }
        let n = input.len();
        (n, n > 0 && n >= t.cc[cc::MIN] as usize)
    }

    pub(super) fn take(&self, buf: &mut [u8]) -> Res<usize> {
        let t = self.termios.get();
        if t.lflag & flag::ICANON != 0 {
            let mut input = self.input.borrow_mut();
            if !input.raw.is_empty() {
                let n = buf.len().min(input.raw.len());
                for (to, b) in buf.iter_mut().zip(input.raw.drain(..n)) {
                    *to = b;
                }
                return Ok(n);
            }
            let Some(line) = input.lines.front_mut() else {
                return Err(EAGAIN);
            };
            let n = buf.len().min(line.len());
            buf[..n].copy_from_slice(&line[..n]);
            line.drain(..n);
            if line.is_empty() {
                input.lines.pop_front();
            }
            return Ok(n);
        }
        let min = t.cc[cc::MIN] as usize;
        let mut input = self.input.borrow_mut();
        // What was typed while there were lines.
        let mut lines: Vec<u8> = input.lines.drain(..).flatten().collect();
        lines.append(&mut input.edit);
        input.raw.extend(lines);
        if input.raw.is_empty() && min == 0 {
            return Ok(0);
        }
        if input.raw.len() < min.min(buf.len()).max(1) {
            return Err(EAGAIN);
        }
        let n = buf.len().min(input.raw.len());
        for (to, b) in buf.iter_mut().zip(input.raw.drain(..n)) {
            *to = b;
        }
        Ok(n)
    }
}
