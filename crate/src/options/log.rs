//! `-d`: what is logged.

/// An item of `-d`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Item {
    /// Guest instructions of each block.
    InAsm,
    /// IR as lifted.
    Op,
    /// IR of each region after the passes.
    OpOpt,
    /// The wasm text of each module.
    OutAsm,
    /// Exceptions and interrupts.
    Int,
    /// Each block entered.
    Exec,
    /// Registers before each block.
    Cpu,
    /// Mistakes of the guest.
    GuestErrors,
}

/// All items with their names and meanings.
pub const ITEMS: &[(Item, &str, &str)] = &[
    (
        Item::OutAsm,
        "out_asm",
        "show the WebAssembly text of each compiled module",
    ),
    (
        Item::InAsm,
        "in_asm",
        "show the guest instructions of each block",
    ),
    (Item::Op, "op", "show the IR of each block as lifted"),
    (
        Item::OpOpt,
        "op_opt",
        "show the IR of each region after the passes",
    ),
    (Item::Int, "int", "show exceptions and interrupts"),
    (Item::Exec, "exec", "show each block that is entered (slow)"),
    (
        Item::Cpu,
        "cpu",
        "show the registers before each block (slow)",
    ),
    (
        Item::GuestErrors,
        "guest_errors",
        "show what the guest does wrong (registers that do not exist and the like)",
    ),
];

/// A set of items.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Items(u32);

impl Items {
    /// Whether `item` is in it.
    pub fn has(self, item: Item) -> bool {
        self.0 >> item as u32 & 1 != 0
    }

    /// Adds `item`.
    pub fn add(&mut self, item: Item) {
        self.0 |= 1 << item as u32;
    }
}

/// The list that `-d help` prints.
pub fn help() -> String {
    let lines = ITEMS
        .iter()
        .map(|(_, name, what)| format!("{name:<16}{what}\n"));
    format!(
        "Log items (comma separated):\n{}",
        lines.collect::<String>()
    )
}

/// Reads a list of items. `None`: help is wanted.
///
/// # Errors
/// A sentence for the user.
pub fn parse(text: &str) -> Result<Option<Items>, String> {
    let mut items = Items::default();
    for name in text.split(',') {
        match (name, ITEMS.iter().find(|i| i.1 == name)) {
            ("help" | "?", _) => return Ok(None),
            (_, Some((item, ..))) => items.add(*item),
            ("all", _) => ITEMS.iter().for_each(|i| items.add(i.0)),
            _ => {
                return Err(format!(
                    "unknown log item '{name}'; use -d help for the list"
                ));
            }
        }
    }
    Ok(Some(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let items = parse("in_asm,int").unwrap().unwrap();
        assert!(items.has(Item::InAsm) && items.has(Item::Int) && !items.has(Item::Op));
        assert!(parse("op,help").unwrap().is_none());
        assert!(parse("op,frob").is_err());
        assert!(parse("all").unwrap().unwrap().has(Item::GuestErrors));
    }
}
