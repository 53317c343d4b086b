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
    /// How pieces count, at first and later.
    pub pieces: [PieceTuning; 2],
    /// Instructions since a block was made after which it is "later": what has run so long goes on, as a rule, and is worth being compiled. Measured in user mode on i386, x86-64 and mipsel, CPU time of all
    /// threads against 4, 8 and 0 from the start: sqlite3's inserts 0.47, 0.51 and 0.57 of the time, a loop of python's 0.73, 0.52, 0.55; intmix 1.00, 0.90, 1.09, zlib 1.01, 0.92, 0.94,
    /// `xz -0` 1.10, 0.88, 0.99.
    pub later_insns: u64,
    /// Calls over which that is taken.
    pub stay_calls: u32,
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

/// When what runs by pieces of machine code is compiled: compiled code takes 0.6 to 1 of the time that a piece does, but going from one to the other and back costs some 100 ns, so few regions
/// among pieces cost more than they save, and many take long to be compiled.
#[derive(Clone, Debug)]
pub struct PieceTuning {
    /// Runs of a piece that are worth as much as an interpreted one, for `hot_runs`.
    pub runs: u32,
    /// Instructions that are worth as much as an interpreted one, for `price`.
    pub insns: u64,
    /// Instructions that a call of a region from the run loop must run, on average, for the region to be kept; 0: regions are kept.
    pub stay_insns: u64,
}

impl Tuning {
    /// How pieces count at this age, in instructions.
    pub fn pieces(&self, age: u64) -> &PieceTuning {
        &self.pieces[(age >= self.later_insns) as usize]
    }

    /// For wasmtime.
    pub fn native() -> Tuning {
        Tuning {
            hot_runs: 3000,
            native_runs: 2,
            pieces: [
                PieceTuning {
                    runs: 64,
                    insns: 64,
                    stay_insns: 100,
                },
                PieceTuning {
                    runs: 4,
                    insns: 8,
                    stay_insns: 0,
                },
            ],
            later_insns: 500_000_000,
            stay_calls: 1024,
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

    /// Natively, without pieces, and compiled as soon as it has run a few times: as much as possible runs as wasm, for tests of that.
    pub fn eager(hot_runs: u32) -> Tuning {
        Tuning {
            hot_runs,
            native_runs: u32::MAX,
            credit: 1 << 40,
            ..Tuning::native()
        }
    }

    /// For a browser's engine.
    pub fn browser() -> Tuning {
        Tuning {
            hot_runs: 1000,
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
