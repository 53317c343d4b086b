//! What monitors show of a machine. Nothing here changes what the guest does.

use tinamou_core::{Gpa, PAGE_MASK, PAGE_SIZE};
use tinamou_ir::Type;
use tinamou_ir::guest::{CodeFetch, Fault};
use tinamou_jit::Tuning;
pub use tinamou_jit::show::Shown;
use tinamou_jit::show::show;

use crate::bus::Bus;
use crate::machine::Machine;

/// Code as a disassembler reads it: two pages from where it begins; what is no memory cannot be fetched.
struct Peek<'a> {
    bus: &'a Bus,
    start: u64,
    pages: [Option<Gpa>; 2],
}

impl CodeFetch for Peek<'_> {
    fn fetch(&mut self, va: u64, bytes: u32) -> Result<u32, Fault> {
        let offset = va.wrapping_sub(self.start & PAGE_MASK);
        let page = self.pages.get((offset / PAGE_SIZE) as usize);
        let gpa = page.copied().flatten().ok_or_else(Fault::default)?;
        let at = Gpa(gpa.0 + offset % PAGE_SIZE);
        let mut word = [0; 4];
        if self.bus.read_memory(at, &mut word[..bytes.min(4) as usize]) {
            Ok(u32::from_le_bytes(word))
        } else {
            Err(Fault::default())
        }
    }
}

/// A register for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Register {
    /// gdb's name for it, or the dump's.
    pub name: String,
    /// What assembly programs call it.
    pub alias: Option<&'static str>,
    /// gdb's number; a guest without gdb's description has none.
    pub number: Option<u32>,
    /// What it belongs to: the last word of gdb's feature.
    pub group: String,
    /// Its bytes, most significant first.
    pub value: Vec<u8>,
}

impl Register {
    /// The low 64 bits.
    pub fn low64(&self) -> u64 {
        let fold = |v: u64, b: &u8| v << 8 | u64::from(*b);
        self.value.iter().fold(0, fold)
    }

    /// Whether it goes by this name.
    pub fn is(&self, name: &str) -> bool {
        self.name == name || self.alias == Some(name)
    }
}

/// An attribute of an XML element that we wrote ourselves.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let from = element.find(&format!(" {name}=\""))? + name.len() + 3;
    let rest = &element[from..];
    rest.find('"').map(|end| &rest[..end])
}

/// Registers of a dump, which writes them as `NAME=HEX` and, behind a blank, as `NAME HEX`.
fn dumped(text: &str) -> Vec<Register> {
    let mut out = Vec::new();
    for line in text.lines() {
        let parts: Vec<&str> = line.split('=').collect();
        for pair in parts.windows(2) {
            let name = pair[0].trim_end().rsplit(' ').next().unwrap_or_default();
            let digits = pair[1].trim_start().split(' ').next().unwrap_or_default();
            let odd = digits.len() % 2 == 1;
            let text = format!("{}{digits}", if odd { "0" } else { "" });
            let (pairs, _) = text.as_bytes().as_chunks::<2>();
            let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
            let value: Option<Vec<u8>> = pairs.iter().map(byte).collect();
            if let Some(value) = value.filter(|v| !v.is_empty() && !name.is_empty()) {
                out.push(Register {
                    name: name.to_ascii_lowercase(),
                    alias: None,
                    number: None,
                    group: "dump".into(),
                    value,
                });
            }
        }
    }
    out
}

impl Machine {
    /// The bus, for inspection.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Register dump of the vCPU, laid out as QEMU's `info registers`.
    pub fn registers(&self) -> String {
        self.vcpu.guest().dump(self.vcpu.state())
    }

    /// The MMU's entries, a line each.
    pub fn tlb(&mut self) -> String {
        self.with_vcpu(|vcpu, around| vcpu.tlb(around))
    }

    /// The ranges that page tables map, a line each; `None` where the hardware has no page tables.
    pub fn mapped(&mut self) -> Option<String> {
        self.with_vcpu(|vcpu, around| vcpu.mapped(around))
    }

    /// The physical address behind a virtual one.
    pub fn translate(&mut self, va: u64) -> Option<Gpa> {
        self.with_vcpu(|vcpu, around| vcpu.debug_translate(around, va))
    }

    /// Physical addresses of the page of `at` and of the next one.
    fn code_pages(&mut self, at: u64, physical: bool) -> [Option<Gpa>; 2] {
        let page = at & PAGE_MASK;
        [page, page.wrapping_add(PAGE_SIZE)].map(|page| {
            if physical {
                Some(Gpa(page))
            } else {
                self.translate(page)
            }
        })
    }

    /// The instruction at a virtual address, or at a physical one: its length and its text.
    pub fn disassemble(&mut self, at: u64, physical: bool) -> (u32, String) {
        let pages = self.code_pages(at, physical);
        let mut peek = Peek {
            bus: &self.bus,
            start: at,
            pages,
        };
        let guest = self.vcpu.guest();
        guest.disassemble(&mut peek, at, guest.mode(self.vcpu.state()))
    }

    /// The block of code at a virtual address, as it would be translated at the pc's mode; `None` where there is no code.
    pub fn show_block(&mut self, at: u64) -> Option<Shown> {
        let pages = self.code_pages(at, false);
        let mut peek = Peek {
            bus: &self.bus,
            start: at,
            pages,
        };
        let guest = self.vcpu.guest();
        let mode = guest.mode(self.vcpu.state());
        show(guest, &mut peek, at, mode, Tuning::native().block_insns).ok()
    }

    /// How an access at the pc would translate an address: what is looked at, and what is found there.
    pub fn explain(&mut self, va: u64) -> Vec<(String, String)> {
        self.with_vcpu(|vcpu, around| vcpu.explain(around, va))
    }

    /// Reads memory at a virtual (or physical) address up to the first byte that is none. Devices are left alone.
    pub fn peek_memory(&mut self, at: u64, physical: bool, buf: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buf.len() {
            let va = at.wrapping_add(done as u64);
            let piece = ((PAGE_SIZE - va % PAGE_SIZE) as usize).min(buf.len() - done);
            let gpa = if physical {
                Some(Gpa(va))
            } else {
                self.translate(va)
            };
            let into = &mut buf[done..done + piece];
            if !gpa.is_some_and(|gpa| self.bus.read_memory(gpa, into)) {
                break;
            }
            done += piece;
        }
        done
    }

    /// The registers, as gdb's description of the guest lists them.
    pub fn list_registers(&mut self) -> Vec<Register> {
        let Some(description) = self.debug_description() else {
            return dumped(&self.registers());
        };
        let big_endian = self.bus.config().big_endian;
        let mut out = Vec::new();
        let mut group = String::new();
        let mut next = 0;
        for element in description.xml.split('<') {
            if element.starts_with("feature ") {
                let name = attribute(element, "name").unwrap_or_default();
                group = name.rsplit('.').next().unwrap_or_default().to_owned();
            } else if element.starts_with("reg ") {
                let number = attribute(element, "regnum").and_then(|n| n.parse().ok());
                let number: u32 = number.unwrap_or(next);
                next = number + 1;
                let (Some(name), Some(mut value)) =
                    (attribute(element, "name"), self.register(number))
                else {
                    continue;
                };
                if !big_endian {
                    value.reverse();
                }
                out.push(Register {
                    name: name.to_owned(),
                    alias: self.vcpu.guest().debug_alias(number),
                    number: Some(number),
                    group: group.clone(),
                    value,
                });
            }
        }
        out
    }

    /// A register by any of its names.
    pub fn register_named(&mut self, name: &str) -> Option<Register> {
        self.list_registers().into_iter().find(|r| r.is(name))
    }

    /// Hex digits of a virtual address.
    pub fn address_digits(&self) -> usize {
        if self.vcpu.guest().va_type() == Type::I64 {
            16
        } else {
            8
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_has_registers() {
        let all = dumped("EAX=0000002a ECX=1\nCS =0008 00000000 ffffffff\nTR =0000\nnothing");
        let named: Vec<_> = all.iter().map(|r| (&*r.name, r.low64())).collect();
        assert_eq!(named, [("eax", 42), ("ecx", 1), ("cs", 8), ("tr", 0)]);
    }

    #[test]
    fn attributes() {
        let element = "reg name=\"r2\" bitsize=\"32\" regnum=\"2\"/>\n";
        assert_eq!(attribute(element, "name"), Some("r2"));
        assert_eq!(attribute(element, "regnum"), Some("2"));
        assert_eq!(attribute(element, "type"), None);
    }
}
