//! What a machine is to be made of: the options that can still be changed before it is there (`x-machine-options`,
//! `x-machine-set`, and `/machine`'s properties by `qom-set`). The host fills in what its user asked for, and makes the machine of
//! what it finds at last.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tinamou_machine::{Arch, Target};

use crate::error::Error;
use crate::schema::check;

/// What an option holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// The name of a file, or of whatever the host has instead.
    File,
    /// A number of bytes.
    Size,
    /// A number.
    Int,
    /// True or false.
    Bool,
    /// One of the words that [`Setup::choices`] lists.
    Choice,
    /// A list of devices: the arguments of `device_add` for each.
    Devices,
}

impl Kind {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::File => "file",
            Kind::Size => "size",
            Kind::Int => "int",
            Kind::Bool => "bool",
            Kind::Choice => "choice",
            Kind::Devices => "devices",
        }
    }
}

/// An option.
#[derive(Debug)]
pub struct SetupOption {
    /// Its name: the command line's.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The property of `/machine` that is the same thing.
    pub property: Option<&'static str>,
    /// What it is for.
    pub doc: &'static str,
}

const fn option(
    name: &'static str,
    kind: Kind,
    property: Option<&'static str>,
    doc: &'static str,
) -> SetupOption {
    SetupOption {
        name,
        kind,
        property,
        doc,
    }
}

/// All options.
pub static OPTIONS: &[SetupOption] = &[
    option("machine", Kind::Choice, None, "the board"),
    option("cpu", Kind::Choice, None, "the CPU model"),
    option("smp", Kind::Int, None, "number of CPUs"),
    option("m", Kind::Size, None, "RAM in bytes"),
    option(
        "bios",
        Kind::File,
        Some("firmware"),
        "firmware in the boot flash",
    ),
    option("kernel", Kind::File, Some("kernel"), "kernel to start"),
    option("initrd", Kind::File, Some("initrd"), "its initial RAM disk"),
    option("append", Kind::Text, Some("append"), "its command line"),
    option("dtb", Kind::File, Some("dtb"), "its device tree"),
    option("hda", Kind::File, None, "IDE disk 0"),
    option("hdb", Kind::File, None, "IDE disk 1"),
    option("cdrom", Kind::File, None, "CD in IDE place 2"),
    option("hdd", Kind::File, None, "IDE disk 3"),
    option(
        "nic",
        Kind::Bool,
        None,
        "whether the board's network interface is there",
    ),
    option(
        "net",
        Kind::Text,
        None,
        "the network back end of the board's interface (its id, or none; without this a user network)",
    ),
    option(
        "devices",
        Kind::Devices,
        None,
        "cards on the PCI bus, as device_add takes them",
    ),
    option("fda", Kind::File, None, "PC: floppy A"),
    option("fdb", Kind::File, None, "PC: floppy B"),
    option("virtio0", Kind::File, None, "PC: virtio disk 0"),
    option("virtio1", Kind::File, None, "PC: virtio disk 1"),
    option(
        "boot",
        Kind::Text,
        None,
        "PC: boot order, letters out of a, c, d, n",
    ),
    option(
        "vga",
        Kind::Bool,
        None,
        "PC: whether the graphics card is there",
    ),
    option(
        "rtc",
        Kind::Int,
        None,
        "what the clock shows at first: seconds since 1970; without a value, the present",
    ),
    option(
        "accel",
        Kind::Choice,
        None,
        "interpret, or recompile to WebAssembly",
    ),
    option(
        "icount",
        Kind::Int,
        None,
        "virtual nanoseconds of an instruction, as a power of two",
    ),
];

/// The options' values.
#[derive(Clone, Debug)]
pub struct Setup {
    target: &'static Target,
    values: BTreeMap<&'static str, Value>,
}

impl Setup {
    /// The defaults of a target.
    pub fn new(target: &'static Target) -> Setup {
        let mut values: BTreeMap<_, _> = [
            ("machine", json!(target.board().name)),
            ("cpu", json!(target.default_cpu)),
            ("smp", json!(1)),
            ("m", json!(128u64 << 20)),
            ("nic", json!(true)),
            ("accel", json!("jit")),
        ]
        .into();
        if target.arch == Arch::X86 {
            values.insert("vga", json!(true));
        }
        Setup { target, values }
    }

    /// The architecture.
    pub fn target(&self) -> &'static Target {
        self.target
    }

    /// The words of a choice.
    pub fn choices(&self, name: &str) -> Vec<&'static str> {
        match name {
            "machine" => self.target.boards().iter().map(|b| b.name).collect(),
            "cpu" => self.target.cpu_names(),
            "accel" => vec!["jit", "interp"],
            _ => Vec::new(),
        }
    }

    /// An option's value, if it has one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A text option's value.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A number's.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Value::as_u64)
    }

    /// Sets an option that the host's user asked for; unknown ones do nothing.
    pub fn put(&mut self, name: &str, value: Value) {
        if let Some(o) = OPTIONS.iter().find(|o| o.name == name) {
            self.insert(o.name, value);
        }
    }

    /// Sets an option by QMP; null takes it back to having no value.
    ///
    /// # Errors
    /// No such option, or not such a value.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), Error> {
        let known = OPTIONS.iter().find(|o| o.name == name && self.has(o));
        let Some(o) = known else {
            return Err(Error::generic(format!("invalid option name: {name}")));
        };
        if value.is_null() && Setup::new(self.target).get(name).is_none() {
            self.values.remove(o.name);
            return Ok(());
        }
        let wrong = |what: &str| {
            Error::generic(format!(
                "Invalid parameter type for '{name}', expected: {what}"
            ))
        };
        let refused = || {
            let value = value
                .as_str()
                .map_or(crate::json::line(value), str::to_owned);
            Error::generic(format!(
                "Parameter '{name}' does not accept value '{value}'"
            ))
        };
        match o.kind {
            Kind::Text | Kind::File => {
                let text = value.as_str().ok_or_else(|| wrong("string"))?;
                let letters = text.len() <= 3 && text.chars().all(|c| "acdn".contains(c));
                if name == "boot" && !letters {
                    return Err(refused());
                }
            }
            Kind::Devices => {
                let list = value.as_array().ok_or_else(|| wrong("array"))?;
                let named = |v: &Value| v["driver"].is_string();
                if list.len() > 64 || !list.iter().all(named) {
                    return Err(Error::generic(format!(
                        "Parameter '{name}' expects objects with a driver each, 64 at most"
                    )));
                }
            }
            Kind::Bool => {
                value.as_bool().ok_or_else(|| wrong("boolean"))?;
            }
            Kind::Size | Kind::Int => {
                let n = check::integer(value).ok_or_else(|| wrong("integer"))?;
                let fits = match name {
                    "smp" => (1..=u64::from(self.target.max_cpus())).contains(&n),
                    "icount" => n <= 10,
                    "m" => (self.target.board().check_ram)(n).is_ok(),
                    _ => true,
                };
                if !fits {
                    return Err(refused());
                }
            }
            Kind::Choice => {
                let word = value.as_str().ok_or_else(|| wrong("string"))?;
                if !self.choices(name).contains(&word) {
                    return Err(refused());
                }
            }
        }
        self.insert(o.name, value.clone());
        Ok(())
    }

    /// Another board brings its own CPU in the place of the usual one.
    fn insert(&mut self, name: &'static str, value: Value) {
        let usual = |s: &Setup| {
            s.target
                .default_cpu_of(s.text("machine").unwrap_or_default())
        };
        let before = usual(self);
        self.values.insert(name, value);
        if name == "machine" && self.text("cpu") == Some(before) {
            self.values.insert("cpu", json!(usual(self)));
        }
    }

    /// The options with their values, as `x-machine-options` answers.
    pub fn describe(&self) -> Value {
        let defaults = Setup::new(self.target);
        let one = |o: &SetupOption| {
            let mut v = json!({"name": o.name, "kind": o.kind.name(), "description": o.doc});
            if let Some(value) = self.get(o.name) {
                v["value"] = value.clone();
            }
            if let Some(value) = defaults.get(o.name) {
                v["default"] = value.clone();
            }
            if o.kind == Kind::Choice {
                v["choices"] = self.choices(o.name).into();
            }
            v
        };
        OPTIONS.iter().filter(|o| self.has(o)).map(one).collect()
    }

    /// Whether the target's board knows an option.
    fn has(&self, o: &SetupOption) -> bool {
        match self.target.arch {
            Arch::X86 => o.name != "dtb",
            Arch::Mips => !o.doc.starts_with("PC: "),
        }
    }
}
