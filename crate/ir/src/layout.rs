//! Layout of the vCPU state's common header in the arena: byte offsets from the vCPU's base. Generated code, the interpreter
//! and the run loop share it. Guest slots follow at [`GUEST`].

/// i32: instructions that may still run before the next event. May end below zero by what cannot be split (a delay slot).
pub const BUDGET: u32 = 0x00;
/// u32: MMU index in force for code fetches.
pub const FETCH_MMU: u32 = 0x04;
/// u32: a helper or slow access wants the block left: bits of [`pending`].
pub const PENDING: u32 = 0x08;
/// u32: the mode word: what changes translation.
pub const MODE: u32 = 0x0c;
/// u64: guest pc; exact only outside blocks.
pub const PC: u32 = 0x10;
/// u32: arena offset of the jump cache.
pub const JUMP_CACHE: u32 = 0x18;
/// u32: generation of the code mappings of the address space in force; a region compares it on entry.
pub const CODE_GEN: u32 = 0x1c;
/// Four pairs of u32, one per MMU index: arena offsets of the map for reads and of the map for writes. For 32-bit guests a
/// flat page map (see [`flat`]); for 64-bit guests both name one tagged TLB (see [`tlb`]).
pub const MAPS: u32 = 0x20;
/// u64: instructions retired in all, without what the current budget has used.
pub const ICOUNT: u32 = 0x40;
/// u32: generation of the mappings of global code pages, as [`CODE_GEN`].
pub const GLOBAL_GEN: u32 = 0x48;
/// u32: a guess of what turns a guest address into an arena offset (modulo 2^32): right for most pages of the address space in
/// force. Kept where [`crate::guest::Guest::guesses`].
pub const GUESS: u32 = 0x4c;
/// Scratch values of the interpreter, 8 bytes each, up to [`GUEST`]; dead outside it.
pub const SCRATCH: u32 = 0x80;
/// Start of the guest's slots.
pub const GUEST: u32 = 0x1000;

/// Bits of the [`PENDING`] word.
pub mod pending {
    /// A guest exception was raised at the current instruction, which has no effect.
    pub const FAULT: u32 = 1;
    /// The current instruction completes, then the block is left (an interrupt, changed code, a changed mapping).
    pub const LEAVE: u32 = 2;
    /// The access must wait for the host; the instruction restarts later and had no effect.
    pub const WAIT: u32 = 4;
}

/// The flat page map of a 32-bit address space: 2^20 u32 entries, one per 4 KiB page.
///
/// A plain entry is (arena offset of the host page - guest page address), low 12 bits 0; the access is at `va + entry`. A slow
/// entry has the low 12 bits all ones. A size-`n` access may be made directly when `(va | e) & (n - 1) == 0` for guests that
/// enforce alignment, or `((va | e) & 0xfff) <= 0x1000 - n` (for one byte: `e & 1 == 0`) otherwise.
pub mod flat {
    /// Bytes of one map.
    pub const BYTES: u32 = 4 << 20;
    /// A slow entry.
    pub const SLOW: u32 = 0xfff;
}

/// The direct-mapped tagged TLB of a 64-bit address space: entry index is `(va >> 12) & (ENTRIES - 1)`.
///
/// The tag is the page address; a slow or empty entry holds [`tlb::EMPTY`], which equals no page. An access of `n` bytes may be made directly
/// when `tag == va & (!0xfff | (n - 1))` (alignment enforced), or `tag == (va + n - 1) & !0xfff` and the page of `va` is the
/// same (any alignment: compare `tag == va & !0xfff` and `(va & 0xfff) <= 0x1000 - n`).
pub mod tlb {
    /// log2 of the number of entries.
    pub const ENTRIES_LOG2: u32 = 12;
    /// Number of entries.
    pub const ENTRIES: u32 = 1 << ENTRIES_LOG2;
    /// log2 of an entry's size in bytes.
    pub const ENTRY_LOG2: u32 = 5;
    /// u64 tag for reads.
    pub const TAG_READ: u32 = 0;
    /// u64 tag for writes.
    pub const TAG_WRITE: u32 = 8;
    /// u32: arena offset of the host page minus the low 32 bits of the guest page address; the access is at `wrap(va) + addend`.
    pub const ADDEND: u32 = 16;
    /// Bytes of one TLB.
    pub const BYTES: u32 = ENTRIES << ENTRY_LOG2;
    /// A tag that no page has.
    pub const EMPTY: u64 = 0xfff;
}

/// The jump cache. It holds no generation: the target region's own check on entry catches a stale mapping. Direct-mapped, entry index is `(pc >> 1 ^ pc >> 13) & (ENTRIES - 1)` computed on the low 32 bits of the pc.
pub mod jump_cache {
    /// Number of entries.
    pub const ENTRIES: u32 = 1 << 12;
    /// log2 of an entry's size in bytes.
    pub const ENTRY_LOG2: u32 = 5;
    /// u64: guest pc.
    pub const PC: u32 = 0;
    /// u32: mode word.
    pub const MODE: u32 = 8;
    /// u32: index in the shared function table; 0 for none.
    pub const FUNC: u32 = 12;
    /// u32: the function's `entry` argument.
    pub const ENTRY: u32 = 16;
    /// Bytes of one cache.
    pub const BYTES: u32 = ENTRIES << ENTRY_LOG2;
}
