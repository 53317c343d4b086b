//! `-d in_asm,op,op_opt,out_asm,int,exec,cpu`: what the vCPU does, as text, laid out as in QEMU's log.

use std::cell::RefCell;
use std::rc::Rc;

use tinamou_ir::guest::{CodeFetch, Fault, Guest, State};
use tinamou_ir::region::Region;
use tinamou_ir::{Block, text};
use tinamou_jit::{Trace, Tracer};

use crate::logfile::Log;
use crate::options::log::{Item, Items};

/// Items that come from the vCPU.
const ITEMS: [Item; 7] = [
    Item::InAsm,
    Item::Op,
    Item::OpOpt,
    Item::OutAsm,
    Item::Int,
    Item::Exec,
    Item::Cpu,
];

/// Writes down what it hears.
struct Writer {
    items: Items,
    log: Log,
}

/// The listener for `items`, if any of them needs one.
pub fn tracer(items: Items, log: &Log) -> Option<Tracer> {
    let log = log.clone();
    ITEMS
        .iter()
        .any(|&i| items.has(i))
        .then(|| Rc::new(RefCell::new(Writer { items, log })) as Tracer)
}

/// The instructions of a block, a line each.
fn disassembly(guest: &dyn Guest, code: &mut dyn CodeFetch, block: &Block) -> String {
    let (mut out, mut done) = (String::new(), 0);
    while done < block.code_bytes {
        let pc = block.pc.wrapping_add(done as u64);
        let (bytes, text) = guest.disassemble(code, pc, block.mode);
        out += &format!("{pc:#010x}:  {text}\n");
        done += bytes.max(1);
    }
    out
}

impl Trace for Writer {
    fn wants_blocks(&self) -> bool {
        self.items.has(Item::Exec) || self.items.has(Item::Cpu)
    }

    fn lifted(&mut self, guest: &dyn Guest, code: &mut dyn CodeFetch, block: &Block) {
        if self.items.has(Item::InAsm) {
            let text = disassembly(guest, code, block);
            self.log.line(&format!("----------------\nIN:\n{text}"));
        }
        if self.items.has(Item::Op) {
            let text = text::print_block(block, &guest.slots(), guest.helpers());
            self.log.line(&format!("OP:\n{text}"));
        }
    }

    fn optimised(&mut self, guest: &dyn Guest, region: &Region) {
        if self.items.has(Item::OpOpt) {
            let text = text::print_region(region, &guest.slots(), guest.helpers());
            self.log.line(&format!("OP after optimization:\n{text}"));
        }
    }

    fn module(&mut self, bytes: &[u8]) {
        if self.items.has(Item::OutAsm) {
            let text = tinamou_wasm::wat(bytes);
            self.log
                .line(&format!("OUT: [size={}]\n{text}", bytes.len()));
        }
    }

    fn exception(&mut self, guest: &dyn Guest, state: &State, fault: Option<Fault>, pc: u64) {
        if !self.items.has(Item::Int) {
            return;
        }
        let (name, va) = match fault {
            Some(f) => (guest.exception_name(f.code), f.va),
            None => ("interrupt".into(), 0),
        };
        let vector = state.pc();
        self.log.line(&format!(
            "int: {name} at {pc:#010x}, address {va:#010x}, vector {vector:#010x}"
        ));
    }

    fn enter(&mut self, guest: &dyn Guest, state: &State, mode: u32) {
        if self.items.has(Item::Exec) {
            let pc = state.pc();
            self.log.line(&format!("Trace 0: [{pc:#010x}/{mode:#x}]"));
        }
        if self.items.has(Item::Cpu) {
            self.log.line(&guest.dump(state));
        }
    }
}
