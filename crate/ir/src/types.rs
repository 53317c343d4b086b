//! Types, memory operands and the small words of IR instructions.

use core::fmt;

/// Type of an SSA value or slot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Type {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// IEEE single.
    F32,
    /// IEEE double.
    F64,
    /// 128 bits: lanes of any width, the lowest in the lowest bits.
    V128,
}

/// Every type.
pub const TYPES: [Type; 5] = [Type::I32, Type::I64, Type::F32, Type::F64, Type::V128];

impl Type {
    /// Width in bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Type::I32 | Type::F32 => 4,
            Type::I64 | Type::F64 => 8,
            Type::V128 => 16,
        }
    }

    /// Whether it is `I32` or `I64`.
    pub fn is_int(self) -> bool {
        matches!(self, Type::I32 | Type::I64)
    }

    /// Whether it is `F32` or `F64`.
    pub fn is_float(self) -> bool {
        matches!(self, Type::F32 | Type::F64)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::V128 => "v128",
        })
    }
}

/// How a guest access is made. Packed into an instruction's `imm` by [`MemArg::pack`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemArg {
    /// log2 of the access size in bytes, 0 to 4; 4 for `V128` alone. Accesses of 16 bytes are little-endian and may be misaligned; where
    /// they are not made directly they are two of 8 bytes, both probed first.
    pub size_log2: u8,
    /// Sign-extend what is loaded.
    pub signed: bool,
    /// Big-endian bytes.
    pub big_endian: bool,
    /// A misaligned address raises the guest's alignment exception; otherwise any address works.
    pub aligned: bool,
    /// For `probe`: check a store rather than a load.
    pub probe_write: bool,
    /// MMU index, 0 to 3: which of the vCPU's page maps translates.
    pub mmu: u8,
    /// Widen the address check only: this site is known to reach devices, call the slow path inline.
    pub inline_slow: bool,
    /// Checks its own address: a check shared with neighbours kept failing here.
    pub alone: bool,
}

impl MemArg {
    /// A plain unsigned little-endian access of `bytes` (1, 2, 4, 8 or 16), any alignment, MMU index `mmu`.
    pub fn new(bytes: u32, mmu: u8) -> MemArg {
        debug_assert!(matches!(bytes, 1 | 2 | 4 | 8 | 16) && mmu < 4);
        MemArg {
            size_log2: bytes.trailing_zeros() as u8,
            signed: false,
            big_endian: false,
            aligned: false,
            probe_write: false,
            mmu,
            inline_slow: false,
            alone: false,
        }
    }

    /// Access size in bytes.
    pub fn bytes(self) -> u32 {
        1 << self.size_log2
    }

    /// The packed form.
    pub fn pack(self) -> u64 {
        (self.size_log2 & 3) as u64
            | (self.size_log2 as u64 >> 2) << 10
            | (self.signed as u64) << 2
            | (self.big_endian as u64) << 3
            | (self.aligned as u64) << 4
            | (self.probe_write as u64) << 5
            | (self.mmu as u64) << 6
            | (self.inline_slow as u64) << 8
            | (self.alone as u64) << 9
    }

    /// Reads the packed form; other bits are ignored.
    pub fn unpack(bits: u64) -> MemArg {
        MemArg {
            size_log2: (bits & 3 | bits >> 8 & 4) as u8,
            signed: bits & 4 != 0,
            big_endian: bits & 8 != 0,
            aligned: bits & 16 != 0,
            probe_write: bits & 32 != 0,
            mmu: (bits >> 6 & 3) as u8,
            inline_slow: bits & 256 != 0,
            alone: bits & 512 != 0,
        }
    }
}

/// What an indirect jump is, for link prediction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum JumpKind {
    /// A computed jump.
    Jump = 0,
    /// A call through a register.
    Call = 1,
    /// A return.
    Return = 2,
}

/// A slot of the vCPU state: index into the guest's slot table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Slot(pub u16);

/// A helper: index into the guest's helper table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct HelperId(pub u16);

/// Declaration of a slot.
#[derive(Clone, Debug)]
pub struct SlotDesc {
    /// Name in dumps, the manual's register name.
    pub name: String,
    /// Byte offset from the vCPU state's base; at least [`crate::layout::GUEST`].
    pub offset: u32,
    /// Type.
    pub ty: Type,
    /// Hidden state between the instructions of one block, such as a branch and its delay slot: dead where a block has ended.
    pub transient: bool,
}

/// The guest's slots. Slots never overlap.
#[derive(Clone, Debug, Default)]
pub struct SlotTable {
    /// By slot index.
    pub slots: Vec<SlotDesc>,
}

impl SlotTable {
    /// Declaration of `slot`.
    pub fn desc(&self, slot: Slot) -> &SlotDesc {
        &self.slots[slot.0 as usize]
    }

    /// Appends a slot right after the last one, aligned to its size, and returns it.
    pub fn push(&mut self, name: impl Into<String>, ty: Type) -> Slot {
        let end = self
            .slots
            .last()
            .map_or(crate::layout::GUEST, |s| s.offset + s.ty.bytes());
        self.slots.push(SlotDesc {
            name: name.into(),
            offset: end.next_multiple_of(ty.bytes()),
            ty,
            transient: false,
        });
        Slot((self.slots.len() - 1) as u16)
    }

    /// As [`SlotTable::push`], for a slot that is dead where a block has ended.
    pub fn push_transient(&mut self, name: impl Into<String>, ty: Type) -> Slot {
        let slot = self.push(name, ty);
        self.slots[slot.0 as usize].transient = true;
        slot
    }

    /// Bytes of vCPU state up to the end of the last slot.
    pub fn state_bytes(&self) -> u32 {
        self.slots
            .iter()
            .map(|s| s.offset + s.ty.bytes())
            .max()
            .unwrap_or(crate::layout::GUEST)
    }
}

/// Which slots a helper touches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotSet {
    /// None.
    None,
    /// Those numbered from this one on: system registers behind the general ones.
    From(u16),
    /// All of them.
    All,
}

impl SlotSet {
    /// The number from which on all slots are in the set.
    pub fn first(self) -> Option<usize> {
        match self {
            SlotSet::None => None,
            SlotSet::From(n) => Some(n as usize),
            SlotSet::All => Some(0),
        }
    }

    /// Whether the slot of this number is in the set.
    pub fn has(self, slot: usize) -> bool {
        self.first().is_some_and(|first| slot >= first)
    }
}

/// Declaration of a helper's effects.
#[derive(Clone, Copy, Debug)]
pub struct HelperDesc {
    /// Name in dumps.
    pub name: &'static str,
    /// Slots it may read: written back before the call.
    pub reads: SlotSet,
    /// Slots it may write: read again after the call.
    pub writes: SlotSet,
    /// It may raise a guest exception or reach a device: the pending word is tested after the call.
    pub faults: bool,
    /// It reads or changes the instruction count (time): the budget is written back before and read again after.
    pub time: bool,
    /// Result depends on the operands alone (softfloat): may be removed when unused.
    pub pure: bool,
}
