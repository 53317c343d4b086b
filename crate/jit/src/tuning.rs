//! Every number of the compiler in one place, per engine, with its source.

/// Thresholds and limits.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Interpreted runs of a block before it is compiled. NUMBERS.md 4 expected 50 to 200 in browsers and 1000 to 3000 under
    /// wasmtime. Measured on the first 4.0 G instructions of Debian's boot under wasmtime (CPU time of all threads, one run each,
    /// against 5000 runs and regions of 200 instructions): 2500 and 400 took 1.5, 10000 and 200 took 0.93, 20000 and 300 took 0.93.
    pub hot_runs: u32,
    /// Runs of a block before it becomes a piece of machine code, where the host can have that ([`tinamou_ir::interp::native`]).
    pub native_runs: u32,
    /// Runs of such a piece that are worth as much as an interpreted one, for `hot_runs`, and its instructions that are, for `price`. Measured natively, CPU time of
    /// all threads: with 4 and 8 the boots of i386, amd64 and mipsel took 0.73 to 0.80 of what they took with 1 and 1, a short sqlite3 0.6, a long loop of python 0.8.
    pub piece_runs: u32,
    /// See `piece_runs`.
    pub piece_insns: u64,
    /// Interpreted runs that a change from compiled code to this block is worth. With 8 `xz -0` takes 0.91 of the CPU time that it takes with 0, and what
    /// hardly repeats (sqlite3, python) the same: medians of five in turn.
    pub change_runs: u32,
    /// A block joins a region when it has run this part of `hot_runs`.
    pub warm_part: u32,
    /// Interpreted instructions that pay for compiling one: compiling waits until interpreting has cost as much. Measured under
    /// wasmtime: compiling takes about 25 us an instruction, interpreting 6 ns.
    pub price: u64,
    /// Instructions compiled on credit.
    pub credit: u64,
    /// Modules under way at most: what is hot meanwhile waits, the hottest first.
    pub in_flight: usize,
    /// Guest instructions in a region. DESIGN.md, "Small first".
    pub region_insns: u32,
    /// Slices that ended at a block of a region before the block becomes the head of a hot region.
    pub hot_samples: u32,
    /// Guest instructions in a hot region.
    pub hot_insns: u32,
    /// Blocks in a region.
    pub region_blocks: usize,
    /// Queued blocks that make a batch. NUMBERS.md 4: 10 to 100 regions a module.
    pub batch: usize,
    /// Queued blocks compiled at once, so that one slice stays short.
    pub batch_max: usize,
    /// Slices after which a shorter batch is compiled too; fewer at first.
    pub patience_slices: u32,
    /// Bytes of modules beyond which those go in which little ran lately. A browser's renderer grows by 12 bytes for each; Debian's boot on
    /// Malta makes 9 MB of them there.
    pub code_bytes: u64,
    /// Guest instructions that are "lately".
    pub mark_insns: u64,
    /// Guest instructions in live regions before all code is dropped.
    pub code_insns: u64,
    /// Modules before all code is dropped. NUMBERS.md 4: wasmtime ends at about 32,000.
    pub modules: u64,
    /// Instructions in one block.
    pub block_insns: u32,
    /// Exits for accesses that cannot be cached before the site gets an inline slow path.
    pub device_hits: u32,
    /// Exits for accesses that can be cached before the site no longer shares its neighbours' check.
    pub misses: u32,
}

impl Tuning {
    /// For wasmtime.
    pub fn native() -> Tuning {
        Tuning {
            hot_runs: 3000,
            native_runs: 2,
            piece_runs: 4,
            piece_insns: 8,
            change_runs: 8,
            warm_part: 3,
            price: 4000,
            credit: 2000,
            in_flight: 2,
            region_insns: 200,
            hot_samples: 16,
            hot_insns: 400,
            region_blocks: 64,
            batch: 8,
            batch_max: 8,
            patience_slices: 16,
            code_bytes: 64 << 20,
            mark_insns: 1_000_000_000,
            code_insns: 4_000_000,
            modules: 8_000,
            block_insns: 64,
            device_hits: 24,
            misses: 1000,
        }
    }

    /// For a browser's engine.
    pub fn browser() -> Tuning {
        Tuning {
            hot_runs: 1000,
            change_runs: 0,
            warm_part: 4,
            price: 200,
            credit: 20_000,
            in_flight: usize::MAX,
            batch: 16,
            batch_max: 32,
            patience_slices: 96,
            code_bytes: 12 << 20,
            mark_insns: 300_000_000,
            modules: 20_000,
            ..Tuning::native()
        }
    }
}
