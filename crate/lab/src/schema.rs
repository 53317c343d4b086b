//! `lab.json`. Unknown members are refused: most likely they are typing mistakes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Number;
use tinamou_machine::Config;

/// Most instructions of a step that says nothing else.
const STEP_INSNS: u64 = 100_000_000;
/// Most instructions that a step may ask for.
const MOST_INSNS: u64 = 100_000_000_000;

/// What is wrong with a lab or its files: a sentence for whoever wrote it.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// `lab.json` cannot be read as such.
    #[error("lab.json: {0}")]
    Json(#[from] serde_json::Error),
    /// It asks for something that cannot be.
    #[error("lab.json: {0}")]
    Lab(String),
    /// A file is missing.
    #[error("the lab's {what} '{file}' is missing")]
    File {
        /// What it is for.
        what: &'static str,
        /// Its name.
        file: String,
    },
    /// The machine cannot be made of them.
    #[error(transparent)]
    Machine(#[from] tinamou_machine::MachineError),
}

/// A lab.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// Its name.
    pub title: String,
    /// What it is about, in a sentence.
    #[serde(default)]
    pub summary: String,
    /// The machine.
    pub machine: MachineSpec,
    /// Files of the folder.
    #[serde(default)]
    pub files: Files,
    /// The task.
    pub steps: Vec<Step>,
}

/// A lab's machine, in the words of the command line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSpec {
    /// The architecture: `mipsel`.
    pub target: String,
    /// The board, if not the target's own.
    #[serde(default)]
    pub board: Option<String>,
    /// The CPU model, if not the target's own.
    #[serde(default)]
    pub cpu: Option<String>,
    /// RAM in MiB.
    #[serde(default = "ram")]
    pub memory: u64,
    /// An instruction takes 2 to the power of this in nanoseconds.
    #[serde(default = "shift")]
    pub icount: u32,
    /// The kernel's command line.
    #[serde(default)]
    pub append: String,
}

fn ram() -> u64 {
    16
}

fn shift() -> u32 {
    3
}

/// Files of a lab, by what they are for. The page offers the sources to read and to edit.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// The program: what the learner begins with, in whose place an answer is put.
    #[serde(default)]
    pub kernel: Option<String>,
    /// RAM disk.
    #[serde(default)]
    pub initrd: Option<String>,
    /// Firmware.
    #[serde(default)]
    pub bios: Option<String>,
    /// The program's source.
    #[serde(default)]
    pub source: Option<String>,
    /// A program that passes.
    #[serde(default)]
    pub solution: Option<String>,
    /// Its source.
    #[serde(default)]
    pub solution_source: Option<String>,
}

/// A step of the task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name.
    pub title: String,
    /// The text: paragraphs in a small part of Markdown (code, emphasis, lists, fenced code).
    #[serde(default)]
    pub text: Vec<String>,
    /// Shown when it fails.
    #[serde(default)]
    pub hint: Option<String>,
    /// What is typed at the first serial port before it runs.
    #[serde(default)]
    pub input: String,
    /// What is run.
    #[serde(default)]
    pub run: RunSpec,
    /// What must be true then.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// How far a step runs. Without an end it runs `insns` instructions; a step without this runs none.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// Up to this.
    #[serde(default)]
    pub until: Option<Until>,
    /// But so many instructions at most.
    #[serde(default = "step_insns")]
    pub insns: u64,
}

fn step_insns() -> u64 {
    STEP_INSNS
}

/// What ends a step.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Until {
    /// This text on the first serial port.
    Serial(String),
    /// The instruction at this address is next, for the first time.
    Address(Place),
    /// So many instructions have run in this step.
    Insns(u64),
    /// The guest switches the machine off.
    Shutdown(bool),
}

/// A number or an address: a number, or a text: a number as in C, or a symbol of the program, with `+ n` or `- n` behind it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// As a number.
    Number(Number),
    /// As a text.
    Text(String),
}

/// Something that must be true.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// In words.
    #[serde(default)]
    pub say: Option<String>,
    /// A register, by gdb's name or the assembler's.
    #[serde(default)]
    pub register: Option<String>,
    /// Memory at a virtual address.
    #[serde(default)]
    pub memory: Option<Place>,
    /// Bytes of it (1, 2, 4 or 8; 4 if not said).
    #[serde(default)]
    pub bytes: Option<u64>,
    /// A virtual address whose physical address is looked at.
    #[serde(default)]
    pub translate: Option<Place>,
    /// The step's instructions (`true`).
    #[serde(default)]
    pub insns: bool,
    /// Text that the first serial port sent in this step.
    #[serde(default)]
    pub serial: Option<String>,
    /// Only these bits count.
    #[serde(default)]
    pub mask: Option<Place>,
    /// It is this.
    #[serde(default)]
    pub equals: Option<Place>,
    /// It is something else.
    #[serde(default)]
    pub differs: Option<Place>,
    /// It is this or more.
    #[serde(default)]
    pub at_least: Option<Place>,
    /// It is this or less.
    #[serde(default)]
    pub at_most: Option<Place>,
    /// Memory holds these bytes as text.
    #[serde(default)]
    pub text: Option<String>,
}

impl Check {
    /// What it looks at, of which it must have exactly one.
    fn subjects(&self) -> usize {
        usize::from(self.register.is_some())
            + usize::from(self.memory.is_some())
            + usize::from(self.translate.is_some())
            + usize::from(self.serial.is_some())
            + usize::from(self.insns)
    }

    fn relations(&self) -> usize {
        let all = [&self.equals, &self.differs, &self.at_least, &self.at_most];
        all.iter().filter(|r| r.is_some()).count()
    }

    fn validate(&self) -> Result<(), String> {
        if self.subjects() != 1 {
            return Err(
                "a check looks at one of register, memory, translate, insns, serial".into(),
            );
        }
        if self.serial.is_some() {
            return match self.relations() {
                0 => Ok(()),
                _ => Err("a check of serial output takes no number".into()),
            };
        }
        if self.text.is_some() {
            return match (self.memory.is_some(), self.relations()) {
                (true, 0) => Ok(()),
                _ => Err("a check of text looks at memory alone".into()),
            };
        }
        if self.relations() == 0 {
            return Err("a check says equals, differs, at_least or at_most".into());
        }
        if !matches!(self.bytes, None | Some(1 | 2 | 4 | 8)) {
            return Err("a check's bytes are 1, 2, 4 or 8".into());
        }
        Ok(())
    }
}

impl Lab {
    /// Reads `lab.json`.
    ///
    /// # Errors
    /// [`LabError`].
    pub fn parse(text: &str) -> Result<Lab, LabError> {
        let lab: Lab = serde_json::from_str(text)?;
        let m = &lab.machine;
        if Config::target(&m.target).is_none() {
            return Err(LabError::Lab(format!("there is no target '{}'", m.target)));
        }
        if m.memory == 0 || m.memory > 2048 || m.icount > 10 {
            return Err(LabError::Lab("memory is 1 to 2048, icount 0 to 10".into()));
        }
        if lab.steps.is_empty() {
            return Err(LabError::Lab("there are no steps".into()));
        }
        for step in &lab.steps {
            let wrong = |what: String| LabError::Lab(format!("step '{}': {what}", step.title));
            let most = match step.run.until {
                Some(Until::Insns(n)) => n.max(step.run.insns),
                _ => step.run.insns,
            };
            if most > MOST_INSNS {
                return Err(wrong(format!("at most {MOST_INSNS} instructions")));
            }
            if matches!(&step.run.until, Some(Until::Serial(text)) if text.is_empty()) {
                return Err(wrong("it waits for no text".into()));
            }
            for check in &step.checks {
                check.validate().map_err(wrong)?;
            }
        }
        Ok(lab)
    }

    /// The files that make the machine, by what they are for.
    pub fn images(&self) -> BTreeMap<&'static str, &str> {
        let f = &self.files;
        let all = [
            ("kernel", &f.kernel),
            ("initrd", &f.initrd),
            ("bios", &f.bios),
        ];
        all.into_iter()
            .filter_map(|(what, file)| Some((what, file.as_deref()?)))
            .collect()
    }
}
