//! Queries: what the client may ask and set.

use super::command::{INVALID, OK, vcpu};
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
                if d.machine().debug_description().is_some() {
                    text += ";qXfer:features:read+";
                }
                text += ";multiprocess+;QStartNoAckMode+";
                if d.machine().has_history() {
                    text += ";ReverseStep+;ReverseContinue+";
                }
                self.reply(&text);
            }
            b"QStartNoAckMode" => {
                self.reply(OK);
                self.link.no_ack = true;
            }
            b"qC" => {
                let text = format!("QC{}", self.thread(d.machine().cpu() as u32));
                self.reply(&text);
            }
            b"qAttached" => self.reply("1"),
            b"qfThreadInfo" => {
                let all: Vec<String> = (0..d.machine().vcpus()).map(|n| self.thread(n)).collect();
                self.reply(&format!("m{}", all.join(",")));
            }
            b"qsThreadInfo" => self.reply("l"),
            b"qThreadExtraInfo" => {
                if !self.has_thread(d.machine(), value) {
                    return self.reply(INVALID);
                }
                let n = vcpu(value).unwrap_or(0);
                let what = if d.machine().is_cpu_halted(n) {
                    "halted "
                } else {
                    "running"
                };
                self.reply(&hex(format!("CPU#{n} [{what}]").as_bytes()));
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

    /// A vCPU's thread id.
    pub(super) fn thread(&self, vcpu: u32) -> String {
        let thread = vcpu + 1;
        if self.multiprocess {
            format!("p01.{thread:02x}")
        } else {
            format!("{thread:02x}")
        }
    }

    /// `qXfer:features:read:ANNEX:OFFSET,LENGTH`.
    fn transfer(&mut self, d: &mut dyn Debuggee, rest: &[u8]) {
        let Some(rest) = rest.strip_prefix(b"features:read:") else {
            return self.reply("");
        };
        let (annex, range) = cut(rest, b':');
        let Some([offset, bytes]) = numbers::<2>(range, b',') else {
            return self.reply(INVALID);
        };
        let Some(description) = d.machine().debug_description() else {
            return self.reply("");
        };
        if annex != b"target.xml" {
            return self.reply("E00");
        }
        let all = description.xml.as_bytes();
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
