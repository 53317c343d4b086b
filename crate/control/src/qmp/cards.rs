//! The models of cards, the properties they know, and the lists that `-device help` prints.

use core::fmt::Write;

/// A property: its name, its type and its meaning, as QEMU 7.2's `-device MODEL,help` has them.
type Property = (&'static str, &'static str, &'static str);

/// A model that can be plugged.
#[derive(Debug)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// The heading it is listed under.
    category: &'static str,
    /// What it is, where QEMU says so.
    about: Option<&'static str>,
    /// What it knows beside [`COMMON`].
    properties: &'static [Property],
}

impl Model {
    /// Whether it has such a property of its own.
    pub fn has(&self, property: &str) -> bool {
        self.properties.iter().any(|p| p.0 == property)
    }
}

const NETWORK: &[Property] = &[
    (
        "mac",
        "str",
        "Ethernet 6-byte MAC Address, example: 52:54:00:12:34:56",
    ),
    ("netdev", "str", "ID of a netdev to use as a backend"),
];

const fn model_of(
    name: &'static str,
    category: &'static str,
    about: Option<&'static str>,
    properties: &'static [Property],
) -> Model {
    Model {
        name,
        category,
        about,
        properties,
    }
}

const MODELS: &[Model] = &[
    model_of(
        "virtio-9p-pci",
        "Storage",
        None,
        &[("fsdev", "str", ""), ("mount_tag", "str", "")],
    ),
    model_of(
        "virtio-blk-pci",
        "Storage",
        None,
        &[
            (
                "drive",
                "str",
                "Node name or ID of a block device to use as a backend",
            ),
            (
                "logical_block_size",
                "size",
                "A power of two between 512 B and 2 MiB",
            ),
            ("serial", "str", ""),
        ],
    ),
    model_of("e1000", "Network", Some("Intel Gigabit Ethernet"), NETWORK),
    model_of("ne2k_pci", "Network", None, NETWORK),
    model_of("pcnet", "Network", None, NETWORK),
    model_of("rtl8139", "Network", None, NETWORK),
    model_of("virtio-net-pci", "Network", None, NETWORK),
    model_of("pvpanic-pci", "Misc", None, &[]),
    model_of("virtio-balloon-pci", "Misc", None, &[]),
    model_of(
        "virtio-rng-pci",
        "Misc",
        None,
        &[("rng", "link<rng-backend>", "")],
    ),
    model_of("i6300esb", "Watchdog", Some("Intel 6300ESB"), &[]),
];

/// What all models know, beside `driver`, `id` and `bus`.
const COMMON: &[Property] = &[
    ("acpi-index", "uint32", ""),
    (
        "addr",
        "int32",
        "Slot and optional function number, example: 06.0 or 06",
    ),
    ("bootindex", "int32", ""),
    ("multifunction", "bool", "on/off"),
    ("rombar", "uint32", ""),
    ("romfile", "str", ""),
];

/// The model of a name.
pub fn model(name: &str) -> Option<&'static Model> {
    MODELS.iter().find(|m| m.name == name)
}

/// Whether every card takes an argument of `device_add`.
pub fn is_common(argument: &str) -> bool {
    matches!(argument, "driver" | "id" | "bus") || COMMON.iter().any(|p| p.0 == argument)
}

/// What `-device help` prints: the models, under headings.
pub fn list() -> String {
    let mut out = String::new();
    let mut heading = "";
    // Writing to a String cannot fail.
    for m in MODELS {
        if m.category != heading {
            let gap = if heading.is_empty() { "" } else { "\n" };
            heading = m.category;
            let _ = writeln!(out, "{gap}{heading} devices:");
        }
        let _ = write!(out, "name \"{}\", bus PCI", m.name);
        if let Some(about) = m.about {
            let _ = write!(out, ", desc \"{about}\"");
        }
        out.push('\n');
    }
    out
}

/// What `-device MODEL,help` prints: the properties of a model.
pub fn properties(model: &Model) -> String {
    let mut all: Vec<&Property> = COMMON.iter().chain(model.properties).collect();
    all.sort();
    let mut out = format!("{} options:\n", model.name);
    for (name, ty, doc) in all {
        let head = format!("{name}=<{ty}>");
        let _ = match *doc {
            "" => writeln!(out, "  {head}"),
            doc => writeln!(out, "  {head:<22} - {doc}"),
        };
    }
    out
}
