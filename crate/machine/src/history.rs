//! A machine's past, for debuggers that go backwards: snapshots in memory, and a log of all that came from outside with the
//! instruction count at which it came. Between them the machine is deterministic, so that any earlier moment can be reached again by
//! restoring a snapshot and running.
//!
//! What is outside: typed bytes, idle time that was skipped, resets, single steps that held interrupts or timers back, and what a
//! debugger wrote. A machine that runs forward from an earlier moment repeats its log, silently, until it has caught up; a debugger's write
//! in the past makes that the present, and what came after is forgotten.
//!
//! Missing: disks and networks beyond the machine, whose contents are not taken back: a machine with either must not keep a history. Without counted
//! time (`-icount`) there is nothing to repeat.

use std::rc::Rc;

use tinamou_jit::debug::Hit;

use crate::debug::Step;
use crate::input::HostInput;
use crate::machine::{Machine, SliceEnd};

/// Instructions between snapshots while the machine runs forward.
const INTERVAL: u64 = 32_000_000;
/// From so many instructions of repetition on, a snapshot is taken near the end: the next step back will want it.
const NEAR: u64 = 200_000;
/// Most snapshots kept.
const SNAPSHOTS: usize = 24;
/// Instructions before a moment, from which on its steps are counted singly: more than a step can be long.
const STEP_INSNS: u64 = 4;
const PAGE: usize = 4096;

/// What came from outside.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Serial { port: u32, bytes: Vec<u8> },
    Skip { ns: u64 },
    Reset,
    Step(Step),
    Register { number: u32, bytes: Vec<u8> },
    Pc(u64),
    Memory { gpa: u64, bytes: Vec<u8> },
    Host(HostInput),
    Nmi,
}

#[derive(Clone, Debug)]
struct Event {
    icount: u64,
    /// The machine was run between the event before and this one.
    ran: bool,
    /// The vCPU that was looked at.
    cpu: usize,
    input: Input,
}

struct Snapshot {
    icount: u64,
    /// Events before it.
    events: usize,
    state: Vec<u8>,
    irq: u64,
    /// Pages of all memory blocks; `None` is zeros.
    pages: Vec<Option<Rc<[u8]>>>,
}

/// Snapshots and log.
#[derive(Default)]
pub(crate) struct History {
    /// In order; the first is the beginning.
    snapshots: Vec<Snapshot>,
    log: Vec<Event>,
    /// The event to be repeated next; the log's length when the machine is in the present.
    next: usize,
    /// Instruction count of the present.
    present: u64,
    /// The machine is in its past.
    repeats: bool,
    /// The machine ran since the last event.
    ran: bool,
    /// What was typed while the machine was in its past.
    typed: Vec<(u32, Vec<u8>)>,
}

/// Where a backward run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Back {
    /// At a breakpoint or watchpoint, or one step back: [`Machine::take_hit`].
    Stop,
    /// Where the history begins.
    Beginning,
}

impl Machine {
    /// Keeps a history from when the machine runs next: whoever asks for it is answered at once, however much memory there is.
    pub fn keep_history(&mut self) {
        self.history = Some(Box::new(History {
            present: self.icount(),
            ..History::default()
        }));
    }

    /// Whether there is a history.
    pub fn has_history(&self) -> bool {
        self.history.is_some()
    }

    /// Forgets it.
    pub fn forget_history(&mut self) {
        self.history = None;
    }

    /// Whether the machine is in its past: what it says then was said before.
    fn repeats(&self) -> bool {
        self.history.as_ref().is_some_and(|h| h.repeats)
    }

    /// Notes what is about to come from outside. False: it must not come now.
    pub(crate) fn note(&mut self, input: impl FnOnce() -> Input) -> bool {
        let (icount, cpu) = (self.icount(), self.cpu());
        // What comes before the first snapshot is in it.
        let Some(h) = self.history.as_mut().filter(|h| !h.snapshots.is_empty()) else {
            return true;
        };
        let input = input();
        if h.repeats {
            match input {
                // A debugger's doing makes this the present.
                Input::Register { .. } | Input::Pc(_) | Input::Memory { .. } | Input::Reset => {
                    h.log.truncate(h.next);
                    h.snapshots.retain(|s| s.icount <= icount);
                    h.repeats = false;
                    h.present = icount;
                    h.typed.clear();
                }
                Input::Serial { port, bytes } => {
                    h.typed.push((port, bytes));
                    return false;
                }
                Input::Skip { .. } | Input::Step(_) | Input::Host(_) | Input::Nmi => {
                    return false;
                }
            }
        }
        h.log.push(Event {
            icount,
            ran: std::mem::take(&mut h.ran),
            cpu,
            input,
        });
        h.next = h.log.len();
        true
    }

    /// Called before the machine runs: true if it repeats its past.
    pub(crate) fn history_runs(&mut self) -> bool {
        let icount = self.icount();
        let Some(h) = &mut self.history else {
            return false;
        };
        if h.repeats {
            return true;
        }
        h.ran = true;
        h.present = icount;
        if h.snapshots
            .last()
            .is_none_or(|s| icount >= s.icount + INTERVAL)
        {
            self.take_snapshot();
        }
        false
    }

    /// [`Machine::run_slice`] in the past.
    pub(crate) fn repeat_slice(&mut self, insns: u64) -> SliceEnd {
        let end = self.icount().saturating_add(insns);
        loop {
            let Some(h) = &self.history else {
                return SliceEnd::Budget;
            };
            let now = self.icount();
            let event = h.log.get(h.next).cloned();
            let until = event.as_ref().map_or(h.present, |e| e.icount).min(end);
            let mut halted = false;
            if event.as_ref().is_none_or(|e| e.ran || e.icount > now) {
                let ran = self.run_live(until.saturating_sub(now));
                self.discard_output();
                match ran {
                    SliceEnd::Budget => {}
                    SliceEnd::Halted { .. } | SliceEnd::WaitingForHost | SliceEnd::IoError => {
                        halted = true;
                    }
                    SliceEnd::Debug => return ran,
                    // The present may be the machine's end.
                    _ => {
                        self.catch_up();
                        return ran;
                    }
                }
            }
            let now = self.icount();
            match event {
                Some(e) if e.icount <= now || halted => {
                    if now >= end && insns > 0 {
                        return SliceEnd::Budget;
                    }
                    self.repeat_event(e.cpu, e.input);
                }
                Some(_) => return SliceEnd::Budget,
                None => {
                    let caught_up = self.history.as_ref().is_none_or(|h| now >= h.present);
                    if caught_up || halted {
                        self.catch_up();
                    }
                    return SliceEnd::Budget;
                }
            }
        }
    }

    /// [`Machine::step`] in the past: holds back what was held back then.
    pub(crate) fn repeat_step(&mut self) -> SliceEnd {
        loop {
            let now = self.icount();
            let Some(h) = &self.history else {
                return SliceEnd::Budget;
            };
            let event = h.log.get(h.next).filter(|e| e.icount <= now).cloned();
            match event {
                Some(Event {
                    input: Input::Step(how),
                    ..
                }) => {
                    self.pass_event();
                    return self.step_live(how);
                }
                Some(e) => {
                    if e.ran {
                        self.run_live(0);
                    }
                    self.repeat_event(e.cpu, e.input);
                }
                None => {
                    let step = Step {
                        interrupts: true,
                        timers: true,
                    };
                    let end = self.step_live(step);
                    self.discard_output();
                    let now = self.icount();
                    let h = self.history.as_ref();
                    if h.is_none_or(|h| now >= h.present && h.next >= h.log.len()) {
                        self.catch_up();
                    }
                    return end;
                }
            }
        }
    }

    fn pass_event(&mut self) {
        if let Some(h) = &mut self.history {
            h.next += 1;
        }
    }

    fn repeat_event(&mut self, cpu: usize, input: Input) {
        self.pass_event();
        self.look_at_cpu(cpu);
        match input {
            Input::Serial { port, bytes } => self.serial_input_live(port, &bytes),
            Input::Skip { ns } => self.skip_live(ns),
            Input::Reset => self.reset_live(),
            Input::Host(input) => self.host_input_live(input),
            Input::Nmi => self.nmi_live(),
            Input::Step(how) => {
                self.step_live(how);
            }
            Input::Register { number, bytes } => {
                self.set_register_live(number, &bytes);
            }
            Input::Pc(va) => self.vcpu.set_pc(va),
            Input::Memory { gpa, bytes } => {
                self.write_physical_live(gpa, &bytes);
            }
        }
    }

    /// The past is over: what was typed meanwhile is typed now.
    fn catch_up(&mut self) {
        let typed = match &mut self.history {
            Some(h) => {
                h.repeats = false;
                h.ran = true;
                h.next = h.log.len();
                std::mem::take(&mut h.typed)
            }
            None => Vec::new(),
        };
        for (port, bytes) in typed {
            self.serial_input(port, &bytes);
        }
    }

    fn discard_output(&mut self) {
        for port in 0..self.bus.board().consoles {
            self.bus.take_console_output(port);
        }
    }

    /// Goes back to the beginning of the last step before now.
    pub fn step_back(&mut self) -> Back {
        let now = self.icount();
        if self.is_beginning(now) {
            return Back::Beginning;
        }
        let points = self.vcpu.suspend_debug();
        self.go_near(now.saturating_sub(STEP_INSNS));
        let from = self.icount();
        // Which step is the last one?
        let mut steps = 0u32;
        let mut last = 0;
        while self.icount() < now {
            last = steps;
            let before = self.icount();
            self.repeat_step();
            steps += 1;
            if self.icount() == before && steps > 1000 {
                break;
            }
        }
        self.go_near(from);
        for _ in 0..last {
            self.repeat_step();
        }
        self.vcpu.resume_debug(points);
        Back::Stop
    }

    /// Goes back to the last moment before now at which a breakpoint or watchpoint stops the machine.
    pub fn run_back(&mut self) -> Back {
        let mut end = self.icount();
        loop {
            if !self.restore_before(end) {
                self.restore_at(0);
                return Back::Beginning;
            }
            let from = self.icount();
            // Pass one counts the stops of this stretch, pass two goes to the last of them.
            let mut stops = 0u32;
            while let Some(_hit) = self.next_stop(end) {
                stops += 1;
                self.vcpu.step_off();
            }
            if stops > 0 {
                self.restore_before(end);
                for n in 0..stops {
                    let hit = self.next_stop(end);
                    if n + 1 == stops {
                        self.vcpu.put_hit(hit);
                        return Back::Stop;
                    }
                    self.vcpu.step_off();
                }
            }
            if from >= end || self.is_beginning(from) {
                self.restore_at(0);
                return Back::Beginning;
            }
            end = from;
        }
    }

    fn is_beginning(&self, icount: u64) -> bool {
        let first = self.history.as_ref().and_then(|h| h.snapshots.first());
        first.is_none_or(|s| s.icount >= icount)
    }

    /// Runs on to the next stop before `end`.
    fn next_stop(&mut self, end: u64) -> Option<Hit> {
        let mut idle = 0;
        while self.icount() < end && self.repeats() && idle < 1000 {
            let before = self.icount();
            match self.repeat_slice(end - before) {
                SliceEnd::Debug if self.icount() < end => return self.vcpu.take_hit(),
                SliceEnd::Debug => {
                    self.vcpu.take_hit();
                    return None;
                }
                SliceEnd::Shutdown | SliceEnd::Panic => return None,
                _ => {}
            }
            idle = if self.icount() == before { idle + 1 } else { 0 };
        }
        None
    }

    /// Restores the last snapshot at or before `target`, or the first, and runs until `target` instructions have run in all.
    /// Breakpoints are set aside.
    fn go_near(&mut self, target: u64) {
        self.restore_at(target);
        let mut idle = 0;
        let far = target.saturating_sub(self.icount()) > NEAR;
        for goal in [target.saturating_sub(NEAR / 2), target] {
            while self.icount() < goal && self.repeats() && idle < 1000 {
                let before = self.icount();
                self.repeat_slice(goal - before);
                idle = if self.icount() == before { idle + 1 } else { 0 };
            }
            if far && goal < target && self.repeats() {
                self.take_snapshot();
            }
        }
    }

    /// Restores the last snapshot before `icount`; false if there is none.
    fn restore_before(&mut self, icount: u64) -> bool {
        icount > 0 && !self.is_beginning(icount) && self.restore_at(icount - 1)
    }

    /// Restores the last snapshot at or before `icount`, or the first of all.
    fn restore_at(&mut self, icount: u64) -> bool {
        let begun = |h: &mut Box<History>| !h.snapshots.is_empty();
        let Some(mut h) = self.history.take_if(begun) else {
            return false;
        };
        if !h.repeats {
            h.present = self.icount();
        }
        let behind = h.snapshots.partition_point(|s| s.icount <= icount);
        let done = match h.snapshots.get(behind.saturating_sub(1)) {
            Some(snapshot) => {
                h.next = snapshot.events;
                self.restore(snapshot)
            }
            None => false,
        };
        h.repeats = true;
        h.ran = true;
        self.history = Some(h);
        done
    }

    fn take_snapshot(&mut self) {
        let Some(mut h) = self.history.take() else {
            return;
        };
        let icount = self.icount();
        let at = h.snapshots.partition_point(|s| s.icount < icount);
        if h.snapshots.get(at).is_none_or(|s| s.icount != icount) {
            let like = h.snapshots.get(at.saturating_sub(1));
            let snapshot = self.snapshot(h.next, like);
            h.snapshots.insert(at, snapshot);
        }
        if h.snapshots.len() > SNAPSHOTS {
            // The older half thins out.
            let mut n = 0;
            h.snapshots.retain(|_| {
                n += 1;
                n == 1 || n > SNAPSHOTS / 2 || n % 2 == 0
            });
        }
        self.history = Some(h);
    }

    /// The machine as it is; pages that are as in `like` are shared with it.
    fn snapshot(&self, events: usize, like: Option<&Snapshot>) -> Snapshot {
        self.absent.fill_all();
        let mut pages = Vec::new();
        let mut page = [0; PAGE];
        for block in self.bus.blocks() {
            for at in (0..block.bytes as u32).step_by(PAGE) {
                let bytes = PAGE.min((block.bytes as u32 - at) as usize);
                self.arena.read_bytes(block.arena + at, &mut page[..bytes]);
                let page = &page[..bytes];
                let same = like.and_then(|s| s.pages.get(pages.len()));
                pages.push(match same {
                    _ if page.iter().all(|&b| b == 0) => None,
                    Some(Some(old)) if **old == *page => Some(old.clone()),
                    _ => Some(page.into()),
                });
            }
        }
        Snapshot {
            icount: self.icount(),
            events,
            state: self.save_state(),
            irq: self.cpu_irq,
            pages,
        }
    }

    fn restore(&mut self, snapshot: &Snapshot) -> bool {
        let zeros = [0; PAGE];
        let mut now = [0; PAGE];
        let mut pages = snapshot.pages.iter();
        for block in self.bus.blocks() {
            for at in (0..block.bytes as u32).step_by(PAGE) {
                let bytes = PAGE.min((block.bytes as u32 - at) as usize);
                let saved = pages.next().and_then(|p| p.as_deref());
                let saved = &saved.unwrap_or(&zeros)[..bytes];
                self.arena.read_bytes(block.arena + at, &mut now[..bytes]);
                if now[..bytes] != *saved {
                    self.arena.write_bytes(block.arena + at, saved);
                }
            }
        }
        // The state comes from this very machine: it loads.
        let loaded = self.load_state(&snapshot.state);
        debug_assert!(loaded.is_ok(), "{loaded:?}");
        // Loading the bus counts as a change of memory: cached code goes before anything runs.
        self.cpu_irq = snapshot.irq;
        loaded.is_ok()
    }
}
