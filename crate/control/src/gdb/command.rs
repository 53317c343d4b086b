//! The dispatcher, registers, breakpoints.

use tinamou_machine::debug::{Watch, WatchKind};

use super::packet::{cut, hex, number, numbers, unhex};
use super::{Debuggee, Point, Stub, Target};

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
                let text = registers(d.target());
                self.reply(&text);
            }
            b'G' => {
                let text = set_registers(d.target(), rest);
                self.reply(text);
            }
            b'p' => {
                let value = number(rest)
                    .and_then(|n| u32::try_from(n).ok())
                    .and_then(|n| d.target().register(n));
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
                    .is_some_and(|(n, value)| d.target().set_register(n, &value));
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
                    matches!(op, b'c' | b'g') && self.has_thread(d.target(), id)
                });
                if valid {
                    look_at(d.target(), &rest[1..]);
                }
                self.reply(if valid { OK } else { INVALID });
            }
            b'T' => {
                let valid = self.has_thread(d.target(), rest);
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
            b'b' if d.target().machine().is_some_and(|m| m.has_history()) => self.back(d, rest),
            b'q' | b'Q' => self.query(d, packet),
            _ => self.reply(""),
        }
    }

    fn v_packet(&mut self, d: &mut dyn Debuggee, rest: &[u8]) {
        if rest == b"Cont?" {
            self.reply("vCont;c;C;s;S");
        } else if let Some(actions) = rest.strip_prefix(b"Cont;") {
            self.resume(d, actions);
        } else if let Some(rest) = rest.strip_prefix(b"File:") {
            self.file(d, rest);
        } else if rest.starts_with(b"Kill;") {
            self.reply(OK);
            self.detach(d);
            d.quit();
        } else {
            self.reply("");
        }
    }

    /// Whether the id (`-1`, `0`, a number, or with `p` a process before it) names a thread.
    pub(super) fn has_thread(&self, target: &mut dyn Target, id: &[u8]) -> bool {
        let (process, thread) = match id.strip_prefix(b"p") {
            Some(id) if id.contains(&b'.') => cut(id, b'.'),
            Some(process) => (process, &b"-1"[..]),
            None => (&b"1"[..], id),
        };
        let all = |text: &[u8]| text == b"-1" || number(text) == Some(0);
        let named = |n: u64| target.threads().iter().any(|&t| t as u64 == n);
        (all(process) || number(process) == Some(1))
            && (all(thread) || number(thread).is_some_and(named))
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
            Some(watch) => d.target().set_watch(watch),
            None => d.target().set_breakpoint(point.va),
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
            Some(watch) => d.target().clear_watch(watch),
            None => {
                // Another kind may stand at the same address.
                let still = |p: &Point| p.va == point.va && watch(p).is_none();
                if !self.points.iter().any(still) {
                    d.target().clear_breakpoint(point.va);
                }
            }
        }
        OK
    }

    pub(super) fn clear_points(&mut self, d: &mut dyn Debuggee) {
        self.points.clear();
        d.target().clear_debug();
    }
}

/// The thread that a valid id names, if it is one.
pub(super) fn named(id: &[u8]) -> Option<u32> {
    let (_, thread) = cut(id, b'.');
    let thread = if thread.is_empty() { id } else { thread };
    let n = number(thread).and_then(|n| u32::try_from(n).ok())?;
    (n != 0).then_some(n)
}

/// Looks at the thread that a valid id names; any will do if it names none.
pub(super) fn look_at(target: &mut dyn Target, id: &[u8]) {
    if let Some(n) = named(id) {
        target.look_at(n);
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

fn registers(target: &mut dyn Target) -> String {
    let numbers = target.description().map(|d| d.numbers);
    let values = numbers.unwrap_or_default().into_iter();
    values
        .filter_map(|n| target.register(n))
        .map(|value| hex(&value))
        .collect()
}

fn set_registers(target: &mut dyn Target, text: &[u8]) -> &'static str {
    let Some(data) = unhex(text) else {
        return INVALID;
    };
    let numbers = target.description().map(|d| d.numbers);
    let mut data = &data[..];
    for n in numbers.unwrap_or_default() {
        let width = target.register(n).map_or(0, |v| v.len());
        let Some((value, rest)) = data.split_at_checked(width) else {
            break;
        };
        // Unchanged registers are left alone: writing some has effects.
        if target.register(n).as_deref() != Some(value) {
            target.set_register(n, value);
        }
        data = rest;
    }
    OK
}
