//! Plays a lab.
//!
//! Slices end at multiples of [`QUANTUM`] instructions, and text is looked for there alone; a guest that waits jumps to its next event. So a
//! run is the same on every host and in every tier.

use tinamou_arena::Arena;
use tinamou_jit::Tuning;
use tinamou_jit::engine::Engine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

use crate::report::{CheckReport, Report, StepReport};
use crate::schema::{Check, Lab, LabError, Place, Step, Until};
use crate::symbols::Symbols;

/// Instructions between two looks at what the guest says.
const QUANTUM: u64 = 10_000;
/// Jumps to the next event in one step: a guest whose events wake nothing would jump for ever.
const MOST_JUMPS: u32 = 10_000_000;
/// Most text of a step that is kept.
const MOST_SERIAL: usize = 1 << 20;

/// A lab that is being played.
pub struct Run {
    lab: Lab,
    machine: Machine,
    symbols: Symbols,
    reports: Vec<StepReport>,
    now: Now,
    done: bool,
}

/// The step that runs.
#[derive(Default)]
struct Now {
    began: bool,
    /// Instructions and virtual time at its beginning.
    from: (u64, u64),
    serial: Vec<u8>,
    jumps: u32,
    /// Where it ends.
    stop: Option<u64>,
}

impl Run {
    /// Makes the machine. `file` reads a file of the lab; `engine` makes the engine that compiled code runs on, `None` interprets.
    ///
    /// # Errors
    /// [`LabError`].
    pub fn new(
        lab: &Lab,
        mut file: impl FnMut(&str) -> Option<Vec<u8>>,
        tuning: Tuning,
        engine: Option<impl FnOnce(&Arena) -> Result<Box<dyn Engine>, String>>,
    ) -> Result<Run, LabError> {
        let spec = &lab.machine;
        let target = Config::target(&spec.target)
            .ok_or_else(|| LabError::Lab(format!("there is no target '{}'", spec.target)))?;
        let mut config = Config::new(target);
        if let Some(board) = &spec.board {
            config.machine.clone_from(board);
        }
        config.cpu = spec.cpu.clone().unwrap_or_default();
        config.ram_bytes = spec.memory << 20;
        config.icount_shift = spec.icount;
        config.counted = true;
        config.append.clone_from(&spec.append);
        config.tuning = tuning;
        for (what, name) in lab.images() {
            let bytes = file(name).ok_or_else(|| LabError::File {
                what,
                file: name.to_owned(),
            })?;
            let place = match what {
                "kernel" => &mut config.kernel,
                "initrd" => &mut config.initrd,
                _ => &mut config.bios,
            };
            *place = Some(bytes);
        }
        config.accel = match engine {
            Some(_) => Accel::Jit,
            None => Accel::Interp,
        };
        let program = config.kernel.clone().unwrap_or_default();
        let machine = Machine::new(&config, |arena| match engine {
            Some(make) => make(arena),
            None => Err("there is no engine".into()),
        })?;
        let symbols = Symbols::read(&program, machine.address_digits() == 16);
        Ok(Run {
            lab: lab.clone(),
            machine,
            symbols,
            reports: Vec::new(),
            now: Now::default(),
            done: false,
        })
    }

    /// Goes on for about so many instructions; true once all is done.
    pub fn work(&mut self, insns: u64) -> bool {
        let until = self.machine.icount().saturating_add(insns);
        // A guest that waits uses no instructions: its jumps count too.
        let mut jumps = 0;
        while !self.done && self.machine.icount() < until && jumps < QUANTUM {
            let Some(step) = self.lab.steps.get(self.reports.len()).cloned() else {
                self.done = true;
                break;
            };
            if !self.now.began {
                self.begin(&step);
            }
            match self.advance(&step) {
                Some(ended) => self.finish(&step, ended),
                None => jumps += 1,
            }
        }
        self.done
    }

    /// What came of it so far; steps that did not run are in it once all is done.
    pub fn report(&self) -> Report {
        let mut steps = self.reports.clone();
        if self.done {
            let rest = self.lab.steps.iter().skip(steps.len());
            steps.extend(rest.map(|step| StepReport {
                title: step.title.clone(),
                passed: false,
                ended: "not run",
                insns: 0,
                virtual_ns: 0,
                serial: String::new(),
                checks: Vec::new(),
                hint: None,
            }));
        }
        Report {
            title: self.lab.title.clone(),
            passed: self.done && steps.iter().all(|s| s.passed),
            steps,
        }
    }

    fn begin(&mut self, step: &Step) {
        self.now = Now {
            began: true,
            from: (self.machine.icount(), self.machine.now_ns()),
            ..Now::default()
        };
        if !step.input.is_empty() {
            self.machine.serial_input(0, step.input.as_bytes());
        }
        if let Some(Until::Address(place)) = &step.run.until
            && let Ok(va) = self.symbols.value(place)
        {
            self.machine.set_breakpoint(va);
            self.machine.step_off();
            self.now.stop = Some(va);
        }
    }

    /// Instructions that the step may still run.
    fn left(&self, step: &Step) -> u64 {
        let most = match step.run.until {
            Some(Until::Insns(n)) => n,
            _ => step.run.insns,
        };
        most.saturating_sub(self.machine.icount() - self.now.from.0)
    }

    /// One quantum; how the step ended, if it did.
    fn advance(&mut self, step: &Step) -> Option<&'static str> {
        let left = self.left(step);
        let counts = matches!(step.run.until, None | Some(Until::Insns(_)));
        if left == 0 {
            return Some(if counts { "reached" } else { "limit" });
        }
        if let Some(Until::Address(place)) = &step.run.until
            && self.symbols.value(place).is_err()
        {
            return Some("limit");
        }
        let before = self.machine.icount();
        let quantum = QUANTUM - before % QUANTUM;
        let end = self.machine.run_slice(quantum.min(left));
        for port in 1..self.machine.bus().board().consoles {
            self.machine.take_serial_output(port);
        }
        let said = self.machine.take_serial_output(0);
        let room = MOST_SERIAL.saturating_sub(self.now.serial.len());
        self.now.serial.extend(said.iter().take(room));
        match end {
            SliceEnd::Budget | SliceEnd::WaitingForHost | SliceEnd::IoError => {}
            SliceEnd::Debug => return Some("reached"),
            SliceEnd::Shutdown => {
                return Some(match step.run.until {
                    Some(Until::Shutdown(true)) => "reached",
                    _ => "shutdown",
                });
            }
            SliceEnd::Reset => return Some("reset"),
            SliceEnd::Panic => return Some("panic"),
            SliceEnd::Halted { until_ns } => {
                if self.has_said(step) {
                    return Some("reached");
                }
                self.now.jumps += 1;
                match until_ns {
                    Some(ns) if self.now.jumps < MOST_JUMPS => self.machine.skip_to(ns),
                    _ => return Some("stuck"),
                }
                return None;
            }
        }
        // A branch and its delay slot are one: the boundary may be passed by an instruction.
        let passed = self.machine.icount() / QUANTUM > before / QUANTUM;
        if passed && self.has_said(step) {
            return Some("reached");
        }
        None
    }

    fn has_said(&self, step: &Step) -> bool {
        match &step.run.until {
            Some(Until::Serial(text)) => contains(&self.now.serial, text),
            _ => false,
        }
    }

    fn finish(&mut self, step: &Step, ended: &'static str) {
        if let Some(va) = self.now.stop.take() {
            self.machine.clear_breakpoint(va);
            self.machine.take_hit();
        }
        let mut checks: Vec<CheckReport> = Vec::new();
        if let Some(Until::Address(place)) = &step.run.until
            && let Err(e) = self.symbols.value(place)
        {
            checks.push(CheckReport {
                say: "the program has the place where the step ends".into(),
                passed: false,
                found: e,
            });
        }
        checks.extend(step.checks.iter().map(|check| self.check(check)));
        let passed = ended == "reached" && checks.iter().all(|c| c.passed);
        let serial = std::mem::take(&mut self.now.serial);
        self.reports.push(StepReport {
            title: step.title.clone(),
            passed,
            ended,
            insns: self.machine.icount() - self.now.from.0,
            virtual_ns: self.machine.now_ns() - self.now.from.1,
            serial: String::from_utf8_lossy(&serial).into_owned(),
            checks,
            hint: step.hint.clone().filter(|_| !passed),
        });
        self.now = Now::default();
        self.done = !passed || self.reports.len() == self.lab.steps.len();
    }

    fn check(&mut self, check: &Check) -> CheckReport {
        let (passed, found) = match self.try_check(check) {
            Ok(done) => done,
            Err(why) => (false, why),
        };
        CheckReport {
            say: check.say.clone().unwrap_or_else(|| describe(check)),
            passed,
            found,
        }
    }

    fn try_check(&mut self, check: &Check) -> Result<(bool, String), String> {
        if let Some(text) = &check.serial {
            let said = String::from_utf8_lossy(&self.now.serial).into_owned();
            let passed = contains(&self.now.serial, text);
            return Ok((passed, format!("{:?}", tail(&said))));
        }
        if let (Some(place), Some(text)) = (&check.memory, &check.text) {
            let at = self.symbols.value(place)?;
            let mut bytes = vec![0; text.len()];
            let there = self.machine.peek_memory(at, false, &mut bytes);
            let found = format!("{:?}", String::from_utf8_lossy(&bytes[..there]));
            return Ok((bytes == text.as_bytes() && there == bytes.len(), found));
        }
        let found = self.number(check)?;
        let mask = self.optional(&check.mask)?.unwrap_or(u64::MAX);
        // A negative number is as wide as what it is compared with.
        let width = match check.bytes {
            Some(bytes @ 1..8) if check.memory.is_some() => (1u64 << (8 * bytes)) - 1,
            None if check.memory.is_some() => 0xffff_ffff,
            _ if self.machine.address_digits() == 8 => 0xffff_ffff,
            _ => u64::MAX,
        };
        let found = found & mask & width;
        let against = |place: &Option<Place>| -> Result<Option<u64>, String> {
            Ok(self.optional(place)?.map(|n| n & width))
        };
        let passed = against(&check.equals)?.is_none_or(|n| found == n)
            && against(&check.differs)?.is_none_or(|n| found != n)
            && against(&check.at_least)?.is_none_or(|n| found >= n)
            && against(&check.at_most)?.is_none_or(|n| found <= n);
        Ok((passed, format!("{found:#x} ({found})")))
    }

    fn optional(&self, place: &Option<Place>) -> Result<Option<u64>, String> {
        place.as_ref().map(|p| self.symbols.value(p)).transpose()
    }

    /// What the check looks at.
    fn number(&mut self, check: &Check) -> Result<u64, String> {
        if let Some(name) = &check.register {
            let found = self.machine.register_named(name);
            return found
                .map(|r| r.low64())
                .ok_or_else(|| format!("there is no register '{name}'"));
        }
        if let Some(place) = &check.translate {
            let va = self.symbols.value(place)?;
            let gpa = self.machine.translate(va);
            return gpa
                .map(|gpa| gpa.0)
                .ok_or_else(|| format!("{va:#x} is not mapped"));
        }
        if check.insns {
            return Ok(self.machine.icount() - self.now.from.0);
        }
        let place = check.memory.as_ref().ok_or("it looks at nothing")?;
        let at = self.symbols.value(place)?;
        let bytes = check.bytes.unwrap_or(4) as usize;
        let mut data = vec![0; bytes];
        if self.machine.peek_memory(at, false, &mut data) < bytes {
            return Err(format!("there is no memory at {at:#x}"));
        }
        if !self.machine.bus().config().big_endian {
            data.reverse();
        }
        Ok(data.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }
}

fn contains(said: &[u8], text: &str) -> bool {
    let text = text.as_bytes();
    text.is_empty() || said.windows(text.len()).any(|w| w == text)
}

/// The last part of what was said.
fn tail(text: &str) -> &str {
    let from = text.char_indices().rev().nth(199).map_or(0, |(i, _)| i);
    &text[from..]
}

/// A check in words.
fn describe(check: &Check) -> String {
    let place = |p: &Place| match p {
        Place::Number(n) => n.to_string(),
        Place::Text(t) => t.clone(),
    };
    if let Some(text) = &check.serial {
        return format!("the serial port says {text:?}");
    }
    let what = match (&check.register, &check.translate, &check.memory) {
        (Some(name), ..) => name.clone(),
        (_, Some(va), _) => format!("the physical address of {}", place(va)),
        (_, _, Some(at)) => format!("memory at {}", place(at)),
        _ => "the number of instructions".into(),
    };
    if let Some(text) = &check.text {
        return format!("{what} holds {text:?}");
    }
    let relations = [
        (&check.equals, "is"),
        (&check.differs, "is not"),
        (&check.at_least, "is at least"),
        (&check.at_most, "is at most"),
    ];
    let said = relations
        .iter()
        .filter_map(|(p, word)| Some(format!("{word} {}", place(p.as_ref()?))));
    format!("{what} {}", said.collect::<Vec<_>>().join(" and "))
}
