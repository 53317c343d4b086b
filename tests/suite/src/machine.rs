//! The small world that cases run in: five pages of guest memory with the kinds that matter, helpers with every declaration.
//!
//! | address | page |
//! |---|---|
//! | 0x10000, 0x11000 | RAM; their host pages are not neighbours, and MMU index 1 has them swapped |
//! | 0x12000 | RAM that cannot be written |
//! | 0x13000 | a device: loads give a number made of address and count, stores are logged; from 0x13ff8 on an access asks to leave the block |
//! | 0x14000 | RAM with translated code: stores take the slow path and ask to leave the block |
//! | 0x15000 | every access waits for the host |
//!
//! In a 64-bit address space all lies [`HIGH`] higher. All other pages fault. Fault codes: 1 load, 2 store, 3 misaligned, 5 by helper.

use std::rc::Rc;

use tinamou_arena::Arena;
use tinamou_ir::guest::{Fault, State, Stop};
use tinamou_ir::interp::ExecCx;
use tinamou_ir::layout::{self, flat, pending, tlb};
use tinamou_ir::region::Region;
use tinamou_ir::{HelperDesc, HelperId, MemArg, Slot, SlotSet, SlotTable, Type};

/// Added to all addresses of a 64-bit address space.
pub const HIGH: u64 = 0x1234_0000_0000;
/// First page of guest memory.
pub const BASE: u64 = 0x10000;
/// Pages of RAM, by guest page.
pub const RAM: [u64; 4] = [0x10000, 0x11000, 0x12000, 0x14000];
const READ_ONLY: u64 = 0x12000;
const DEVICE: u64 = 0x13000;
const CODE: u64 = 0x14000;
const WAIT: u64 = 0x15000;
/// Room for the vCPU state.
pub const STATE_BYTES: u32 = 65536;

/// The helpers that cases may call.
pub const HELPERS: &[HelperDesc] = &[
    // A hash of its operands.
    HelperDesc {
        name: "mix",
        reads: SlotSet::None,
        writes: SlotSet::None,
        faults: false,
        time: false,
        pure: true,
    },
    // Changes slot 0 by its first operand and returns what the slot was.
    HelperDesc {
        name: "touch",
        reads: SlotSet::All,
        writes: SlotSet::All,
        faults: false,
        time: false,
        pure: false,
    },
    // Faults if its first operand is odd; gives the second plus 1.
    HelperDesc {
        name: "maybe",
        reads: SlotSet::None,
        writes: SlotSet::None,
        faults: true,
        time: false,
        pure: false,
    },
    // Instructions completed so far.
    HelperDesc {
        name: "now",
        reads: SlotSet::None,
        writes: SlotSet::None,
        faults: false,
        time: true,
        pure: false,
    },
    // Asks to leave the block if its operand is not 0.
    HelperDesc {
        name: "part",
        reads: SlotSet::All,
        writes: SlotSet::None,
        faults: true,
        time: false,
        pure: false,
    },
    // Counts its calls and gives the count: state that no slot shows.
    HelperDesc {
        name: "count",
        reads: SlotSet::None,
        writes: SlotSet::None,
        faults: false,
        time: false,
        pure: false,
    },
];

/// One thing to run: a region, entered at its first block.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name in messages.
    pub name: String,
    /// Slots.
    pub slots: Rc<SlotTable>,
    /// Code.
    pub region: Region,
    /// Slots that are not 0 at the start.
    pub set: Vec<(Slot, u64)>,
    /// Guest memory at the start, where it is not the usual pattern; addresses as the guest sees them.
    pub memory: Vec<(u64, Vec<u8>)>,
    /// Instructions that may run: it stops before a block that is longer than what is left.
    pub budget: u32,
}

impl Case {
    /// Type of guest addresses.
    pub fn va_type(&self) -> Type {
        self.region.blocks[0].va_type
    }
}

/// Why a case ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Went to a constant address outside the region.
    Jump(u64),
    /// Went to a computed address outside the region.
    Indirect(u64),
    /// `leave` or `leave_ind`.
    Leave(u64),
    /// The pending word asked to leave; where it goes on.
    Left(u64),
    /// `trap_if` or `raise`: exception and the instruction's address and note.
    Trap(u32, u64, u64),
    /// An access or helper faulted: exception, and the instruction's address and note.
    Fault(Fault, u64, u64),
    /// The instruction at this address waits.
    Wait(u64),
    /// The block at this address is longer than what is left of the budget.
    Budget(u64),
}

/// What a run shows. Equal on every engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observed {
    /// Why it ended.
    pub end: End,
    /// Instructions completed.
    pub completed: u32,
    /// Slots.
    pub slots: Vec<u64>,
    /// RAM pages in the order of [`RAM`].
    pub memory: Vec<u8>,
    /// Device accesses and calls of impure helpers with the number of instructions completed before.
    pub log: Vec<String>,
}

impl Observed {
    /// A byte of RAM as MMU index 0 sees it.
    pub fn byte(&self, case: &Case, va: u64) -> Option<u8> {
        let va = va.wrapping_sub(if case.va_type() == Type::I64 { HIGH } else { 0 });
        let page = RAM.iter().position(|p| *p == va & !0xfff)?;
        self.memory
            .get(page * 4096 + (va & 0xfff) as usize)
            .copied()
    }
}

/// An engine.
pub trait Runner {
    /// Name in a filetest's `test:` line.
    fn name(&self) -> &'static str;
    /// Runs a case from its first block.
    fn run(&mut self, case: &Case) -> Observed;
}

/// The world: reset for every case.
pub struct Machine {
    /// The vCPU state.
    pub state: State,
    /// Type of guest addresses.
    pub va_type: Type,
    /// Slots of the case at hand.
    pub slots: Rc<SlotTable>,
    /// Instructions completed before the run (of a block or region) at hand: added to what `note_progress` tells.
    pub completed: u32,
    progress: u32,
    log: Vec<String>,
    calls: u64,
    /// Host pages of RAM.
    host: [u32; 4],
}

impl Machine {
    /// A world with addresses of this type.
    ///
    /// # Panics
    /// When the arena cannot be had.
    pub fn new(va_type: Type) -> Machine {
        let arena = Arena::new().expect("an arena");
        let alloc = |bytes: u32| arena.alloc(bytes as u64, 4096).expect("room in the arena");
        let base = alloc(STATE_BYTES);
        // Guest neighbours are not host neighbours.
        let pages = alloc(8 * 4096);
        let host = [
            pages + 4096,
            pages + 5 * 4096,
            pages + 3 * 4096,
            pages + 6 * 4096,
        ];
        let bytes = if va_type == Type::I32 {
            flat::BYTES
        } else {
            tlb::BYTES
        };
        let state = State {
            arena: arena.clone(),
            base,
        };
        let machine = Machine {
            state,
            va_type,
            slots: Rc::default(),
            completed: 0,
            progress: 0,
            log: Vec::new(),
            calls: 0,
            host,
        };
        for mmu in 0..4u32 {
            let at = layout::MAPS + mmu * 8;
            if mmu >= 2 {
                let first = machine.state.read64(layout::MAPS);
                machine.state.write64(at, first);
                continue;
            }
            let read = alloc(bytes);
            let write = if va_type == Type::I32 {
                alloc(bytes)
            } else {
                read
            };
            machine.state.write32(at, read);
            machine.state.write32(at + 4, write);
            for map in [read, write] {
                machine.fill(map);
            }
            for guest in RAM {
                machine.map(mmu as u8, read, guest, false);
                if guest != READ_ONLY && guest != CODE {
                    machine.map(mmu as u8, write, guest, true);
                }
            }
        }
        // Right for one page of MMU index 0 and for no other.
        let guess = machine.host[0].wrapping_sub(RAM[0] as u32);
        machine.state.write32(layout::GUESS, guess);
        machine
    }

    fn fill(&self, map: u32) {
        let arena = &self.state.arena;
        if self.va_type == Type::I32 {
            for entry in 0..flat::BYTES / 4 {
                arena.write32(map + entry * 4, flat::SLOW);
            }
        } else {
            for entry in 0..tlb::ENTRIES {
                for tag in [tlb::TAG_READ, tlb::TAG_WRITE] {
                    arena.write64(map + (entry << tlb::ENTRY_LOG2) + tag, tlb::EMPTY);
                }
            }
        }
    }

    fn map(&self, mmu: u8, map: u32, guest: u64, write: bool) {
        let arena = &self.state.arena;
        let host = self
            .host_page(guest, mmu)
            .unwrap_or(0)
            .wrapping_sub(guest as u32);
        if self.va_type == Type::I32 {
            arena.write32(map + (guest as u32 >> 12) * 4, host);
        } else {
            let entry = map + ((guest as u32 >> 12) << tlb::ENTRY_LOG2);
            arena.write64(
                entry + if write { tlb::TAG_WRITE } else { tlb::TAG_READ },
                guest + HIGH,
            );
            arena.write32(entry + tlb::ADDEND, host);
        }
    }

    /// What is added to all addresses.
    pub fn high(&self) -> u64 {
        if self.va_type == Type::I64 { HIGH } else { 0 }
    }

    /// Host page of a RAM page.
    fn host_page(&self, guest: u64, mmu: u8) -> Option<u32> {
        let index = RAM.iter().position(|p| *p == guest)?;
        Some(
            self.host[if mmu == 1 && index < 2 {
                1 - index
            } else {
                index
            }],
        )
    }

    /// Prepares the world for a case: slots, memory, counters.
    ///
    /// # Panics
    /// When the case is not for this address type or has too many slots.
    pub fn reset(&mut self, case: &Case) {
        assert_eq!(case.va_type(), self.va_type);
        assert!(case.slots.state_bytes() <= STATE_BYTES, "too many slots");
        let State { arena, base } = &self.state;
        arena.fill(base + layout::GUEST, STATE_BYTES - layout::GUEST, 0);
        self.state.write32(layout::PENDING, 0);
        for (page, &host) in self.host.iter().enumerate() {
            for i in 0..4096 {
                arena.write8(
                    host + i,
                    (i.wrapping_mul(31) ^ i >> 5 ^ (page as u32) << 6) as u8,
                );
            }
        }
        self.slots = case.slots.clone();
        (self.completed, self.progress, self.calls) = (0, 0, 0);
        self.log.clear();
        for &(slot, bits) in &case.set {
            self.state.set_slot(&case.slots, slot, bits);
        }
        for (va, bytes) in &case.memory {
            for (va, &byte) in (*va..).zip(bytes) {
                let at = self.ram(va, 0).expect("memory of a case is RAM");
                self.state.arena.write8(at, byte);
            }
        }
    }

    /// What the world shows now.
    pub fn observe(&self, end: End) -> Observed {
        let mut memory = vec![0; RAM.len() * 4096];
        for (chunk, &host) in memory.chunks_mut(4096).zip(&self.host) {
            self.state.arena.read_bytes(host, chunk);
        }
        let wide = (0..self.slots.slots.len()).filter(|&i| self.slots.slots[i].ty == Type::V128);
        let upper: Vec<u64> = wide
            .map(|i| (self.state.slot128(&self.slots, Slot(i as u16)) >> 64) as u64)
            .collect();
        let slots = (0..self.slots.slots.len())
            .map(|i| self.state.slot(&self.slots, Slot(i as u16)))
            .chain(upper)
            .collect();
        Observed {
            end,
            completed: self.completed,
            slots,
            memory,
            log: self.log.clone(),
        }
    }

    /// Whether the pending word asks to leave; clears it.
    pub fn take_leave(&mut self) -> bool {
        let word = self.state.read32(layout::PENDING);
        self.state.write32(layout::PENDING, 0);
        word & pending::LEAVE != 0
    }

    fn ask_to_leave(&mut self) {
        let word = self.state.read32(layout::PENDING);
        self.state.write32(layout::PENDING, word | pending::LEAVE);
    }

    /// Arena offset of a RAM byte.
    fn ram(&self, va: u64, mmu: u8) -> Option<u32> {
        let va = va.wrapping_sub(self.high());
        Some(self.host_page(va & !0xfff, mmu)? + (va & 0xfff) as u32)
    }

    /// Address of byte `i` of an access.
    fn byte_va(&self, va: u64, i: u64) -> u64 {
        let va = va.wrapping_add(i);
        if self.va_type == Type::I32 {
            va as u32 as u64
        } else {
            va
        }
    }

    /// Alignment and the pages touched: true if the access goes to the device.
    fn check(&self, va: u64, mem: MemArg, write: bool) -> Result<bool, Stop> {
        let bytes = mem.bytes() as u64;
        if mem.aligned && !va.is_multiple_of(bytes) {
            return Err(Fault {
                code: 3,
                va,
                info: 0,
            }
            .into());
        }
        let mut device = false;
        for i in [0, bytes - 1] {
            let last = self.byte_va(va, i);
            // The first bad byte is named: of a second page its first.
            let byte = if last & !0xfff == va & !0xfff {
                va
            } else {
                last & !0xfff
            };
            let page = byte.wrapping_sub(self.high()) & !0xfff;
            match page {
                DEVICE => device = true,
                WAIT => return Err(Stop::Wait),
                _ if RAM.contains(&page) && !(write && page == READ_ONLY) => {}
                _ => {
                    return Err(Fault {
                        code: 1 + write as u32,
                        va: byte,
                        info: 0,
                    }
                    .into());
                }
            }
        }
        Ok(device)
    }

    fn note(&mut self, what: String) {
        let at = self.completed + self.progress;
        self.log.push(format!("{what} at {at}"));
    }

    /// Instructions completed at the current access or call.
    pub fn now(&self) -> u32 {
        self.completed + self.progress
    }
}

/// A number that depends on all bits of the operands.
pub fn mix(args: [u64; 3]) -> u64 {
    args.iter().fold(0x9e37_79b9_7f4a_7c15, |h: u64, a| {
        (h ^ a).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29)
    })
}

impl ExecCx for Machine {
    fn load(&mut self, va: u64, mem: MemArg) -> Result<u64, Stop> {
        let bits = mem.bytes() * 8;
        if self.check(va, mem, false)? {
            self.note(format!("load{bits} {va:#x}"));
            if va & 0xfff >= 0xff8 {
                self.ask_to_leave();
            }
            return Ok(mix([va, self.log.len() as u64, 0]) >> (64 - bits));
        }
        let mut value = 0;
        for i in 0..mem.bytes() as u64 {
            // Big-endian: the first byte is the highest.
            let shift = 8 * if mem.big_endian {
                mem.bytes() as u64 - 1 - i
            } else {
                i
            };
            let at = self.ram(self.byte_va(va, i), mem.mmu).expect("checked");
            value |= (self.state.arena.read8(at) as u64) << shift;
        }
        Ok(value)
    }

    fn store(&mut self, va: u64, value: u64, mem: MemArg) -> Result<(), Stop> {
        let bits = mem.bytes() * 8;
        if self.check(va, mem, true)? {
            let value = value & (u64::MAX >> (64 - bits));
            self.note(format!("store{bits} {va:#x} {value:#x}"));
            if va & 0xfff >= 0xff8 {
                self.ask_to_leave();
            }
            return Ok(());
        }
        for i in 0..mem.bytes() as u64 {
            let shift = 8 * if mem.big_endian {
                mem.bytes() as u64 - 1 - i
            } else {
                i
            };
            let byte = self.byte_va(va, i);
            let at = self.ram(byte, mem.mmu).expect("checked");
            self.state.arena.write8(at, (value >> shift) as u8);
            if byte.wrapping_sub(self.high()) & !0xfff == CODE {
                self.ask_to_leave();
            }
        }
        Ok(())
    }

    fn probe(&mut self, va: u64, mem: MemArg) -> Result<(), Stop> {
        self.check(va, mem, mem.probe_write).map(|_| ())
    }

    fn call(&mut self, helper: HelperId, args: [u64; 3]) -> Result<u64, Stop> {
        match HELPERS[helper.0 as usize].name {
            "touch" => {
                let (slots, slot) = (self.slots.clone(), Slot(0));
                let old = self.state.slot(&slots, slot);
                self.state.set_slot(&slots, slot, old ^ args[0]);
                Ok(old)
            }
            "maybe" if args[0] & 1 != 0 => Err(Fault {
                code: 5,
                va: args[1],
                info: args[2],
            }
            .into()),
            "maybe" => Ok(args[1].wrapping_add(1)),
            "now" => Ok(self.now() as u64),
            "part" => {
                if args[0] != 0 {
                    self.ask_to_leave();
                }
                Ok(mix([
                    self.state.slot(&self.slots, Slot(0)),
                    args[1],
                    args[2],
                ]))
            }
            "count" => {
                self.calls += 1;
                Ok(self.calls)
            }
            _ => Ok(mix(args)),
        }
    }

    fn note_progress(&mut self, completed: u32) {
        self.progress = completed;
    }
}
