//! The dispatcher, registers, breakpoints.

use tinamou_machine::Machine;
use tinamou_machine::debug::{Watch, WatchKind};

use super::packet::{cut, hex, number, numbers, unhex};
use super::{Debuggee, Point, Stub};

/// Something was wrong with the packet (EINVAL).
pub(super) const INVALID: &str = "E22";
/// The address does not answer (EFAULT).
pub(super) const FAULT: &str = "E14";
/// Done.
pub(super) const OK: &str = "OK";
/// Most breakpoints and watchpoints.
const POINTS: usize = 1024;

impl Stub {
    pub(super) fn reply(&mut self, text: &str) {
        self.link.send(text.as_bytes());
    }

    pub(super) fn command(&mut self, d: &mut dyn Debuggee, packet: &[u8]) {
        let Some((&letter, rest)) = packet.split_first() else {
            return self.reply("");
        };
        match letter {
            b'!' => self.reply(OK),
            b'?' => {
                // The first question of a client: nothing of a former one may remain.
                self.clear_points(d);
                self.report_reason();
            }
            b'g' => {
                let text = registers(d.machine());
                self.reply(&text);
            }
            b'G' => {
                let text = set_registers(d.machine(), rest);
                self.reply(text);
            }
            b'p' => {
                let value = number(rest)
                    .and_then(|n| u32::try_from(n).ok())
                    .and_then(|n| d.machine().register(n));
                match value {
                    Some(value) => self.reply(&hex(&value)),
                    None => self.reply(FAULT),
                }
            }
            b'P' => {
                let (n, value) = cut(rest, b'=');
                let n = number(n).and_then(|n| u32::try_from(n).ok());
                let done = n
                    .zip(unhex(value))
                    .is_some_and(|(n, value)| d.machine().set_register(n, &value));
                self.reply(if done { OK } else { INVALID });
            }
            b'm' => self.read_memory(d, rest),
            b'M' => self.write_memory(d, rest, unhex),
            b'X' => self.write_memory(d, rest, |data| Some(data.to_vec())),
            b'Z' => {
                let text = self.insert(d, rest);
                self.reply(text);
            }
            b'z' => {
                let text = self.remove(d, rest);
                self.reply(text);
            }
            b'H' => {
                let valid = rest.split_first().is_some_and(|(op, id)| {
                    matches!(op, b'c' | b'g') && self.has_thread(d.machine(), id)
                });
                if valid {
                    look_at(d.machine(), &rest[1..]);
                }
                self.reply(if valid { OK } else { INVALID });
            }
            b'T' => {
                let valid = self.has_thread(d.machine(), rest);
                self.reply(if valid { OK } else { INVALID });
            }
            b'D' => {
                let (_, pid) = cut(rest, b';');
                if !pid.is_empty() && number(pid) != Some(1) {
                    return self.reply(INVALID);
                }
                self.reply(OK);
                self.detach(d);
                d.set_running(true);
            }
            b'k' => {
                self.detach(d);
                d.quit();
            }
            b'v' => self.v_packet(d, rest),
            b'c' | b'C' | b's' | b'S' => self.old_resume(d, letter, rest),
            b'b' if d.machine().has_history() => self.back(d, rest),
            b'q' | b'Q' => self.query(d, packet),
            _ => self.reply(""),
        }
    }

    fn v_packet(&mut self, d: &mut dyn Debuggee, rest: &[u8]) {
        if rest == b"Cont?" {
            self.reply("vCont;c;C;s;S");
        } else if let Some(actions) = rest.strip_prefix(b"Cont;") {
            self.resume(d, actions);
        } else if rest.starts_with(b"Kill;") {
            self.reply(OK);
            self.detach(d);
            d.quit();
        } else {
            self.reply("");
        }
    }

    /// Whether the id (`-1`, `0`, a number, or with `p` a process before it) names a vCPU.
    pub(super) fn has_thread(&self, machine: &Machine, id: &[u8]) -> bool {
        let vcpus = machine.vcpus() as u64;
        let (process, thread) = match id.strip_prefix(b"p") {
            Some(id) if id.contains(&b'.') => cut(id, b'.'),
            Some(process) => (process, &b"-1"[..]),
            None => (&b"1"[..], id),
        };
        let is = |text: &[u8], most: u64| text == b"-1" || number(text).is_some_and(|n| n <= most);
        is(process, 1) && is(thread, vcpus)
    }

    fn insert(&mut self, d: &mut dyn Debuggee, rest: &[u8]) -> &'static str {
        let point = match point(rest) {
            Ok(point) => point,
            Err(text) => return text,
        };
        if self.points.contains(&point) {
            return OK;
        }
        if self.points.len() >= POINTS {
            return INVALID;
        }
        match watch(&point) {
            Some(watch) if watch.bytes == 0 => return INVALID,
            Some(watch) => d.machine().set_watch(watch),
            None => d.machine().set_breakpoint(point.va),
        }
        self.points.push(point);
        OK
    }

    fn remove(&mut self, d: &mut dyn Debuggee, rest: &[u8]) -> &'static str {
        let point = match point(rest) {
            Ok(point) => point,
            Err(text) => return text,
        };
        let Some(at) = self.points.iter().position(|p| *p == point) else {
            return INVALID;
        };
        self.points.remove(at);
        match watch(&point) {
            Some(watch) => {
                d.machine().clear_watch(watch);
            }
            None => {
                // Another kind may stand at the same address.
                let still = |p: &Point| p.va == point.va && watch(p).is_none();
                if !self.points.iter().any(still) {
                    d.machine().clear_breakpoint(point.va);
                }
            }
        }
        OK
    }

    pub(super) fn clear_points(&mut self, d: &mut dyn Debuggee) {
        self.points.clear();
        d.machine().clear_debug();
    }
}

/// The vCPU that a valid thread id names, if it is one.
pub(super) fn vcpu(id: &[u8]) -> Option<usize> {
    let (_, thread) = cut(id, b'.');
    let thread = if thread.is_empty() { id } else { thread };
    Some(number(thread)?.checked_sub(1)? as usize)
}

/// Looks at the vCPU that a valid thread id names; any will do if it names none.
pub(super) fn look_at(machine: &mut Machine, id: &[u8]) {
    if let Some(n) = vcpu(id) {
        machine.look_at_cpu(n);
    }
}

/// `KIND,ADDRESS,LENGTH`.
fn point(rest: &[u8]) -> Result<Point, &'static str> {
    let (kind, place) = cut(rest, b',');
    // Conditions and commands behind a semicolon are the client's to keep.
    let (place, _) = cut(place, b';');
    match (kind, numbers::<2>(place, b',')) {
        (&[kind @ b'0'..=b'4'], Some([va, bytes])) => Ok(Point { kind, va, bytes }),
        ([b'0'..=b'4'], None) => Err(INVALID),
        _ => Err(""),
    }
}

fn watch(point: &Point) -> Option<Watch> {
    let kind = match point.kind {
        b'2' => WatchKind::Write,
        b'3' => WatchKind::Read,
        b'4' => WatchKind::Access,
        _ => return None,
    };
    Some(Watch {
        va: point.va,
        bytes: point.bytes,
        kind,
    })
}

fn registers(machine: &mut Machine) -> String {
    let numbers = machine.debug_description().map(|d| d.numbers);
    let values = numbers.unwrap_or_default().into_iter();
    values
        .filter_map(|n| machine.register(n))
        .map(|value| hex(&value))
        .collect()
}

fn set_registers(machine: &mut Machine, text: &[u8]) -> &'static str {
    let Some(data) = unhex(text) else {
        return INVALID;
    };
    let numbers = machine.debug_description().map(|d| d.numbers);
    let mut data = &data[..];
    for n in numbers.unwrap_or_default() {
        let width = machine.register(n).map_or(0, |v| v.len());
        let Some((value, rest)) = data.split_at_checked(width) else {
            break;
        };
        // Unchanged registers are left alone: writing some has effects.
        if machine.register(n).as_deref() != Some(value) {
            machine.set_register(n, value);
        }
        data = rest;
    }
    OK
}
