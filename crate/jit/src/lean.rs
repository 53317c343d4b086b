//! What running a block from the cache touches: one line of memory for each block, and the bytecode of all of them in one piece.
//!
//! Most of the blocks that the interpreter runs were not run for a while, so what it costs is waiting for memory: three lines for a block, one after
//! the other, when record, bytecode and its length lie apart. Here the record of a block says where its likely successors' records and bytecode
//! begin, and both are fetched while the block runs.

use tinamou_ir::guest::Lasting;
use tinamou_ir::interp::native::Piece;

use crate::blocks::{BlockId, EntryPoint};

/// No region.
const NONE: u32 = u32::MAX;
/// No piece was made yet.
const UNTRIED: u32 = 0;
/// No piece can be made.
const REFUSED: u32 = u32::MAX;

/// A block as the run loop sees it.
#[repr(C, align(64))]
pub struct Lean {
    /// Blocks that came next: their pcs, mapping generations, numbers and bytecode.
    pcs: [u64; 2],
    generations: [u32; 2],
    blocks: [u32; 2],
    starts: [u32; 2],
    /// The first word of its bytecode.
    start: u32,
    /// Executions that were not in a region.
    pub runs: u32,
    region: u32,
    /// Its piece of machine code, as `Piece::bits`; [`UNTRIED`] or [`REFUSED`].
    native: u32,
    /// The number of words of its bytecode.
    words: u16,
    entry: u16,
    insns: u8,
    lasting: Lasting,
    /// Its bytes are still what was translated.
    pub alive: bool,
    /// Waiting for the compiler.
    pub queued: bool,
}

const _: () = assert!(size_of::<Lean>() == 64);

impl Lean {
    /// The record of a block with `insns` instructions whose bytecode is at `start`.
    ///
    /// # Panics
    /// When it is longer than the lifter makes blocks (`Tuning::block_insns`).
    pub fn new(start: u32, words: usize, insns: u32, lasting: Lasting) -> Lean {
        let short = "a block has some 64 instructions at most";
        Lean {
            pcs: [u64::MAX; 2],
            generations: [0; 2],
            blocks: [0; 2],
            starts: [0; 2],
            start,
            runs: 0,
            region: NONE,
            native: UNTRIED,
            words: u16::try_from(words).expect(short),
            entry: 0,
            insns: u8::try_from(insns).expect(short),
            lasting,
            alive: true,
            queued: false,
        }
    }

    /// Instructions in it.
    pub fn insns(&self) -> u32 {
        self.insns as u32
    }

    /// Compiled code that starts here.
    pub fn entry(&self) -> Option<EntryPoint> {
        (self.region != NONE).then_some(EntryPoint {
            region: self.region,
            entry: self.entry as u32,
        })
    }

    /// Sets or forgets the compiled code that starts here.
    pub fn set_entry(&mut self, to: Option<EntryPoint>) {
        (self.region, self.entry) = to.map_or((NONE, 0), |e| (e.region, e.entry as u16));
    }

    /// Instructions interpreted in it so far: what compiling it would have saved.
    pub fn weight(&self) -> u64 {
        self.runs as u64 * self.insns as u64
    }

    /// Its piece of machine code.
    #[inline]
    pub fn native(&self) -> Option<Piece> {
        (self.native != REFUSED)
            .then(|| Piece::from_bits(self.native))
            .flatten()
    }

    /// Whether a piece should be made, now that it ran so many times.
    #[inline]
    pub fn wants_native(&self, runs: u32) -> bool {
        self.native == UNTRIED && self.runs >= runs
    }

    /// A piece was made, or could not be made.
    pub fn set_native(&mut self, piece: Option<Piece>) {
        self.native = piece.map_or(REFUSED, Piece::bits);
    }

    /// Its piece is gone.
    pub fn forget_native(&mut self) {
        self.native = UNTRIED;
    }

    /// How long its mapping holds.
    pub fn lasting(&self) -> Lasting {
        self.lasting
    }

    /// Its mapping was looked up again.
    pub fn set_lasting(&mut self, lasting: Lasting) {
        self.lasting = lasting;
    }

    /// Its successor at `pc`, and the generation of its mapping, as it was the last time.
    #[inline]
    pub fn next(&self, pc: u64) -> Option<(BlockId, u32)> {
        let way = way(pc);
        (self.pcs[way] == pc).then_some((BlockId(self.blocks[way]), self.generations[way]))
    }

    /// Remembers a successor.
    pub fn set_next(&mut self, pc: u64, block: BlockId, start: u32, generation: u32) {
        let way = way(pc);
        self.pcs[way] = pc;
        self.blocks[way] = block.0;
        self.starts[way] = start;
        self.generations[way] = generation;
    }
}

/// Where a successor is remembered.
fn way(pc: u64) -> usize {
    (pc >> 2) as usize & 1
}

/// The records of all blocks, and their bytecode.
#[derive(Default)]
pub struct Leans {
    list: Vec<Lean>,
    words: Vec<u64>,
}

impl Leans {
    /// Adds a block with its bytecode; the next number is its own.
    pub fn add(&mut self, words: &[u64], insns: u32, lasting: Lasting) {
        let start = self.words.len() as u32;
        self.words.extend_from_slice(words);
        let lean = Lean::new(start, words.len(), insns, lasting);
        self.list.push(lean);
    }

    /// A block's bytecode.
    #[inline]
    pub fn words(&self, id: BlockId) -> &[u64] {
        let Lean { start, words, .. } = self.list[id.0 as usize];
        &self.words[start as usize..start as usize + words as usize]
    }

    /// A block's record, if there is one of that number.
    #[inline]
    pub fn get(&self, id: BlockId) -> Option<&Lean> {
        self.list.get(id.0 as usize)
    }

    /// All records.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lean> {
        self.list.iter_mut()
    }

    /// Remembers that `to` came after `from`.
    pub fn set_next(&mut self, from: BlockId, pc: u64, to: BlockId, generation: u32) {
        let start = self[to].start;
        self[from].set_next(pc, to, start, generation);
    }

    /// The block is about to run: has what its likely successors need fetched meanwhile.
    #[inline]
    pub fn foresee(&self, id: BlockId) {
        let lean = &self[id];
        for way in 0..2 {
            if lean.pcs[way] != u64::MAX {
                fetch(&self.list, lean.blocks[way]);
                fetch(&self.words, lean.starts[way]);
                fetch(&self.words, lean.starts[way] + 8);
            }
        }
    }
}

impl core::ops::Index<BlockId> for Leans {
    type Output = Lean;
    #[inline]
    fn index(&self, id: BlockId) -> &Lean {
        &self.list[id.0 as usize]
    }
}

impl core::ops::IndexMut<BlockId> for Leans {
    #[inline]
    fn index_mut(&mut self, id: BlockId) -> &mut Lean {
        &mut self.list[id.0 as usize]
    }
}

/// Asks the processor for a line, where Rust has a way to.
#[inline(always)]
fn fetch<T>(list: &[T], at: u32) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = list.as_ptr().wrapping_add(at as usize);
        // SAFETY: a hint; whatever the address, nothing is read that the program sees, and nothing faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (list, at);
}
