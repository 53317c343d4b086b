//! Queries: what the client may ask and set.

use super::command::{INVALID, OK, named};
use super::packet::{PACKET_BYTES, cut, escape, hex, number, numbers, unhex};
use super::{Debuggee, Stub, sstep};

/// Most bytes of a `monitor` line's answer in one packet.
const CONSOLE_BYTES: usize = PACKET_BYTES / 2 - 1;

impl Stub {
    pub(super) fn query(&mut self, d: &mut dyn Debuggee, packet: &[u8]) {
        let end = packet.iter().position(|b| b":,;=".contains(b));
        let (name, rest) = packet.split_at(end.unwrap_or(packet.len()));
        let value = rest.get(1..).unwrap_or_default();
        match name {
            b"qSupported" => {
                self.multiprocess = value
                    .split(|&b| b == b';')
                    .any(|word| word == b"multiprocess+");
                let mut text = format!("PacketSize={PACKET_BYTES:x};vContSupported+");
                if d.target().description().is_some() {
                    text += ";qXfer:features:read+";
                }
                text += ";multiprocess+;QStartNoAckMode+";
                if d.target().machine().is_some_and(|m| m.has_history()) {
                    text += ";ReverseStep+;ReverseContinue+";
                }
                if d.target().process().is_some() {
                    text += ";qXfer:auxv:read+;qXfer:exec-file:read+";
                }
                self.reply(&text);
            }
            b"QStartNoAckMode" => {
                self.reply(OK);
                self.link.no_ack = true;
            }
            b"qC" => {
                let text = format!("QC{}", self.thread(d.target().thread()));
                self.reply(&text);
            }
            // What was there before the client stays when it goes.
            b"qAttached" => {
                let text = if d.target().process().is_some() {
                    "0"
                } else {
                    "1"
                };
                self.reply(text);
            }
            b"qfThreadInfo" => {
                let all = d.target().threads();
                let all: Vec<String> = all.into_iter().map(|n| self.thread(n)).collect();
                self.reply(&format!("m{}", all.join(",")));
            }
            b"qsThreadInfo" => self.reply("l"),
            b"qThreadExtraInfo" => {
                if !self.has_thread(d.target(), value) {
                    return self.reply(INVALID);
                }
                let text = d.target().thread_text(named(value).unwrap_or(1));
                self.reply(&hex(text.as_bytes()));
            }
            b"qXfer" => self.transfer(d, value),
            b"qRcmd" => self.monitor(d, value),
            b"qqemu.sstepbits" => {
                let text = format!(
                    "ENABLE={:x},NOIRQ={:x},NOTIMER={:x}",
                    sstep::ENABLE,
                    sstep::NOIRQ,
                    sstep::NOTIMER
                );
                self.reply(&text);
            }
            b"qqemu.sstep" => {
                let text = format!("0x{:x}", self.sstep);
                self.reply(&text);
            }
            b"Qqemu.sstep" => {
                let digits = value.strip_prefix(b"0x").unwrap_or(value);
                match number(digits) {
                    Some(bits) if bits & !sstep::ALL == 0 => {
                        self.sstep = bits;
                        self.reply(OK);
                    }
                    _ => self.reply(INVALID),
                }
            }
            b"qqemu.PhyMemMode" => {
                let text = if self.physical { "1" } else { "0" };
                self.reply(text);
            }
            b"Qqemu.PhyMemMode" => match number(value) {
                Some(on) => {
                    self.physical = on != 0;
                    self.reply(OK);
                }
                None => self.reply(INVALID),
            },
            _ => self.reply(""),
        }
    }

    /// A thread's id.
    pub(super) fn thread(&self, thread: u32) -> String {
        if self.multiprocess {
            format!("p01.{thread:02x}")
        } else {
            format!("{thread:02x}")
        }
    }

    /// `qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH`.
    fn transfer(&mut self, d: &mut dyn Debuggee, rest: &[u8]) {
        let (object, rest) = cut(rest, b':');
        let Some(rest) = rest.strip_prefix(b"read:") else {
            return self.reply("");
        };
        let (annex, range) = cut(rest, b':');
        let Some([offset, bytes]) = numbers::<2>(range, b',') else {
            return self.reply(INVALID);
        };
        let target = d.target();
        let all = match object {
            b"features" => target.description().map(|d| d.xml.as_bytes().to_vec()),
            b"auxv" => target.process().map(|p| p.auxv()),
            b"exec-file" => target.process().map(|p| p.path()),
            _ => None,
        };
        let Some(all) = all else {
            return self.reply("");
        };
        if object == b"features" && annex != b"target.xml" {
            return self.reply("E00");
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        let most = usize::try_from(bytes)
            .unwrap_or(usize::MAX)
            .min(PACKET_BYTES / 2);
        let end = start.saturating_add(most).min(all.len());
        let mut reply = vec![if end == all.len() { b'l' } else { b'm' }];
        reply.extend(escape(&all[start..end]));
        self.link.send(&reply);
    }

    /// `qRcmd,HEX`: a line for the human monitor.
    fn monitor(&mut self, d: &mut dyn Debuggee, line: &[u8]) {
        let line = unhex(line).and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(line) = line else {
            return self.reply(INVALID);
        };
        let Some(answer) = d.monitor(&line) else {
            return self.reply("");
        };
        for piece in answer.as_bytes().chunks(CONSOLE_BYTES) {
            let text = format!("O{}", hex(piece));
            self.reply(&text);
        }
        self.reply(OK);
    }
}
