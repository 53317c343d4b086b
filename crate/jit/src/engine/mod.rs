//! What runs generated modules: the browser's wasm or wasmtime, behind one trait.
//!
//! An engine knows bytes, a function table and the imports that [`tinamou_wasm::module`] lists; it knows neither regions nor
//! guests. Invariants: functions of a published module keep their table indices until it is retired; nothing is published,
//! retired or moved while generated code runs; table index 0 stays empty.

pub mod parked;
#[cfg(not(target_arch = "wasm32"))]
pub mod wasmtime;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use tinamou_wasm::Features;

/// A module to be published.
#[derive(Clone, Debug)]
pub struct ModuleSource {
    /// The bytes, from [`tinamou_wasm::compile_module`].
    pub bytes: Vec<u8>,
    /// Number of functions that it puts into the table.
    pub functions: u32,
    /// Arena offset of its cells.
    pub cells: u32,
}

/// Names a module from its publication on. Never used twice by one engine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ticket(pub u64);

/// Why a module could not be published.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine does not accept the module, or has no room for its code.
    #[error("the engine refuses a module: {0}")]
    Compile(String),
    /// The module could not be joined to memory and table.
    #[error("a module could not be instantiated: {0}")]
    Instantiate(String),
    /// The engine itself could not be made.
    #[error("no engine: {0}")]
    Create(String),
}

/// Figures of an engine.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct EngineStats {
    /// Modules that are published and not retired.
    pub modules: u64,
    /// Their functions.
    pub functions: u64,
    /// Bytes of wasm compiled so far.
    pub bytes: u64,
    /// Time spent compiling so far, on whatever thread.
    pub compile_ns: u64,
}

/// What generated code calls: helpers and slow accesses. How they end is in the pending word of the vCPU's state.
pub trait HelperHost {
    /// Runs helper `helper`.
    fn call(&mut self, helper: u32, a: u64, b: u64, c: u64) -> u64;
    /// Guest load; `mem` is a packed `MemArg`. The result is unsigned.
    fn load(&mut self, va: u64, mem: u32) -> u64;
    /// Guest store of the low bytes of `value`.
    fn store(&mut self, va: u64, value: u64, mem: u32);
    /// Checks an access.
    fn probe(&mut self, va: u64, mem: u32);
}

/// Makes machine code of wasm modules and runs it.
pub trait Engine {
    /// Hands in a module; its exits are numbered from `exit_base`. It may be compiled in the background.
    fn publish(&mut self, module: ModuleSource, exit_base: u32) -> Ticket;
    /// A module that has become callable since the last time, with the table index of its first function, or why it has not.
    /// Retired modules are not reported.
    fn poll(&mut self) -> Option<(Ticket, Result<u32, EngineError>)>;
    /// Runs the function at table index `func` and what it links to, until an exit. Returns the exit's number.
    ///
    /// # Panics
    /// When called from a helper, when there is no such function, or when generated code traps: bugs.
    fn call(&mut self, func: u32, vcpu: u32, entry: u32, host: &mut dyn HelperHost) -> u32;
    /// Takes a module's functions out of the table; their indices may be used again. Links and jump cache entries that lead
    /// there must be gone.
    fn retire(&mut self, ticket: Ticket);
    /// Figures.
    fn stats(&self) -> EngineStats;
    /// What generated modules may use.
    fn features(&self) -> Features;
}
