//! The native engine: wasmtime with Cranelift, the arena lent as linear memory, modules compiled on threads of their own.
//!
//! A wasmtime store frees no instance before it is dropped, so stores are generations: when more retired instances than live
//! ones have piled up, a new store instantiates the live modules again at their old table indices (their code is kept).

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rustc_hash::{FxHashMap, FxHashSet};
use tinamou_arena::Arena;
use wasmtime::{
    Config, Extern, Func, Global, GlobalType, Instance, LinearMemory, Memory, MemoryCreator,
    MemoryType, Module, Mutability, OptLevel, Ref, RefType, Store, StoreLimits, StoreLimitsBuilder,
    Table, TableType, TypedFunc, Val, ValType,
};

use super::{Engine, EngineError, EngineStats, Features, HelperHost, ModuleSource, Ticket, parked};
use crate::ranges::Ranges;

/// Retired instances that a store may hold before a new one is made.
const RETIRED_LIMIT: usize = 1000;
/// Instances that a store may hold.
const INSTANCE_LIMIT: usize = 1 << 20;
/// `(module (memory (export "m") 65536 65536))`: all of the arena.
const MEMORY_MODULE: &[u8] =
    b"\0asm\x01\0\0\0\x05\x08\x01\x01\x80\x80\x04\x80\x80\x04\x07\x05\x01\x01m\x02\0";
/// The table grows by at least this many entries.
const TABLE_STEP: u32 = 4096;

/// The arena as a wasmtime memory. Only the address: the engine keeps the arena alive.
struct Lent(usize);

// SAFETY: the mapping is 4 GiB long, zeroed at first and never moves, and the 4 GiB after it are reserved (all but the first
// page without access), which is more than the guard that wasmtime asks for. Rust code changes it only through `Arena`, between
// runs of generated code or in its helpers, on the one thread that has the store.
unsafe impl MemoryCreator for Lent {
    fn new_memory(
        &self,
        _ty: MemoryType,
        _minimum: usize,
        _maximum: Option<usize>,
        _reserved_size_in_bytes: Option<usize>,
        _guard_size_in_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        Ok(Box::new(Lent(self.0)))
    }
}

// SAFETY: as above; size and address never change.
unsafe impl LinearMemory for Lent {
    fn byte_size(&self) -> usize {
        1 << 32
    }

    fn byte_capacity(&self) -> usize {
        1 << 32
    }

    fn grow_to(&mut self, _new_size: usize) -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg("the arena does not grow"))
    }

    fn as_ptr(&self) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(self.0)
    }
}

type Outcome = (Ticket, Result<Module, String>, u64);
type Region = TypedFunc<(u32, u32), u32>;

/// Compile threads and their queues.
struct Pool {
    jobs: Option<Sender<(Ticket, Vec<u8>)>>,
    done: Receiver<Outcome>,
    threads: Vec<JoinHandle<()>>,
}

fn compile(engine: &wasmtime::Engine, ticket: Ticket, bytes: &[u8]) -> Outcome {
    let start = Instant::now();
    let module = Module::new(engine, bytes).map_err(|e| format!("{e:#}"));
    (ticket, module, start.elapsed().as_nanos() as u64)
}

impl Pool {
    fn new(engine: &wasmtime::Engine, threads: usize) -> Pool {
        let (jobs, queue) = channel::<(Ticket, Vec<u8>)>();
        let (finished, done) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..threads)
            .filter_map(|_| {
                let (engine, queue, finished) = (engine.clone(), queue.clone(), finished.clone());
                let run = move || {
                    loop {
                        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok((ticket, bytes)) = job else { return };
                        if finished.send(compile(&engine, ticket, &bytes)).is_err() {
                            return;
                        }
                    }
                };
                std::thread::Builder::new()
                    .name("tinamou-compile".into())
                    .spawn(run)
                    .ok()
            })
            .collect();
        Pool {
            jobs: Some(jobs),
            done,
            threads,
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Closing the queue ends the threads; jobs not begun are dropped with it.
        self.jobs = None;
        for t in self.threads.drain(..) {
            let _ = t.join();
        }
    }
}

/// A module that was handed in and not retired.
struct Published {
    functions: u32,
    cells: u32,
    exit_base: u32,
    /// Once instantiated: its code and table base.
    placed: Option<(Module, u32)>,
}

/// One store and what every module imports.
struct Generation {
    store: Store<StoreLimits>,
    memory: Memory,
    table: Table,
    /// `call`, `load`, `store`, `probe`.
    host: [Func; 4],
    /// By table index.
    regions: Vec<Option<Region>>,
    retired: usize,
}

/// The wasmtime engine.
pub struct WasmtimeEngine {
    generation: Generation,
    engine: wasmtime::Engine,
    pool: Option<Pool>,
    /// Compiled and not yet reported.
    ready: VecDeque<Outcome>,
    modules: FxHashMap<Ticket, Published>,
    /// Retired before they were compiled.
    cancelled: FxHashSet<Ticket>,
    /// Free table entries below `table_end`.
    free: Ranges,
    table_end: u32,
    next_ticket: u64,
    stats: EngineStats,
    /// Keeps the memory mapped; dropped last.
    _arena: Arena,
}

fn create(e: wasmtime::Error) -> EngineError {
    EngineError::Create(format!("{e:#}"))
}

impl Generation {
    fn new(engine: &wasmtime::Engine, table_entries: u32) -> Result<Generation, EngineError> {
        let limits = StoreLimitsBuilder::new().instances(INSTANCE_LIMIT).build();
        let mut store = Store::new(engine, limits);
        store.limiter(|limits| limits);
        // Only a memory that a module defines is asked of the host memory creator.
        let module = Module::new(engine, MEMORY_MODULE).map_err(create)?;
        let instance = Instance::new(&mut store, &module, &[]).map_err(create)?;
        let memory = instance
            .get_memory(&mut store, "m")
            .ok_or_else(|| EngineError::Create("the memory is missing".into()))?;
        let table = Table::new(
            &mut store,
            TableType::new(RefType::FUNCREF, table_entries, None),
            Ref::Func(None),
        )
        .map_err(create)?;
        let host = [
            Func::wrap(
                &mut store,
                |_vcpu: u32, helper: u32, a: u64, b: u64, c: u64| -> u64 {
                    parked::lend(|h| h.call(helper, a, b, c))
                },
            ),
            Func::wrap(&mut store, |_vcpu: u32, va: u64, mem: u32| -> u64 {
                parked::lend(|h| h.load(va, mem))
            }),
            Func::wrap(&mut store, |_vcpu: u32, va: u64, value: u64, mem: u32| {
                parked::lend(|h| h.store(va, value, mem))
            }),
            Func::wrap(&mut store, |_vcpu: u32, va: u64, mem: u32| {
                parked::lend(|h| h.probe(va, mem))
            }),
        ];
        Ok(Generation {
            store,
            memory,
            table,
            host,
            regions: Vec::new(),
            retired: 0,
        })
    }

    fn instantiate(
        &mut self,
        module: &Module,
        p: &Published,
        base: u32,
    ) -> Result<(), EngineError> {
        let fail = |e: wasmtime::Error| EngineError::Instantiate(format!("{e:#}"));
        let end = base + p.functions;
        let size = u32::try_from(self.table.size(&self.store)).unwrap_or(u32::MAX);
        if end > size {
            let delta = (end - size).max(TABLE_STEP).max(size / 2);
            self.table
                .grow(&mut self.store, delta as u64, Ref::Func(None))
                .map_err(fail)?;
        }
        let ty = GlobalType::new(ValType::I32, Mutability::Const);
        let mut imports: Vec<Extern> = vec![self.memory.into(), self.table.into()];
        imports.extend(self.host.iter().map(|&f| Extern::from(f)));
        for value in [p.exit_base, p.cells, base] {
            let global =
                Global::new(&mut self.store, ty.clone(), Val::I32(value as i32)).map_err(fail)?;
            imports.push(global.into());
        }
        Instance::new(&mut self.store, module, &imports).map_err(fail)?;
        self.regions
            .resize(self.regions.len().max(end as usize), None);
        for i in base..end {
            let f = match self.table.get(&mut self.store, i as u64) {
                Some(Ref::Func(Some(f))) => f.typed(&self.store).map_err(fail)?,
                _ => {
                    return Err(EngineError::Instantiate(
                        "a function is missing from the table".into(),
                    ));
                }
            };
            self.regions[i as usize] = Some(f);
        }
        Ok(())
    }
}

impl WasmtimeEngine {
    /// An engine for code that works on `arena`, with `threads` compile threads.
    ///
    /// # Errors
    /// [`EngineError::Create`] when wasmtime does not support this host.
    pub fn new(arena: &Arena, threads: usize) -> Result<WasmtimeEngine, EngineError> {
        let mut engine = WasmtimeEngine::synchronous(arena)?;
        engine.pool =
            Some(Pool::new(&engine.engine, threads.max(1))).filter(|p| !p.threads.is_empty());
        Ok(engine)
    }

    /// An engine that compiles in [`Engine::publish`]: slow to start, the same on every run.
    ///
    /// # Errors
    /// [`EngineError::Create`] when wasmtime does not support this host.
    pub fn synchronous(arena: &Arena) -> Result<WasmtimeEngine, EngineError> {
        let mut config = Config::new();
        config
            .cranelift_opt_level(OptLevel::Speed)
            .generate_address_map(false)
            .native_unwind_info(false)
            .wasm_backtrace_max_frames(None)
            .memory_init_cow(false)
            .wasm_tail_call(true)
            .wasm_branch_hinting(true)
            .wasm_wide_arithmetic(true)
            .memory_reservation(1 << 32)
            .memory_guard_size(1 << 31)
            .memory_may_move(false)
            .guard_before_linear_memory(false)
            .table_lazy_init(false)
            .with_host_memory(Arc::new(Lent(arena.host_base().expose_provenance())));
        let engine = wasmtime::Engine::new(&config).map_err(create)?;
        let generation = Generation::new(&engine, TABLE_STEP)?;
        Ok(WasmtimeEngine {
            generation,
            engine,
            pool: None,
            ready: VecDeque::new(),
            modules: FxHashMap::default(),
            cancelled: FxHashSet::default(),
            free: Ranges::default(),
            table_end: 1,
            next_ticket: 0,
            stats: EngineStats::default(),
            _arena: arena.clone(),
        })
    }

    /// Waits until everything that was handed in is compiled, so that [`Engine::poll`] reports it.
    pub fn finish(&mut self) {
        while self.modules.values().filter(|p| p.placed.is_none()).count() + self.cancelled.len()
            > self.ready.len()
        {
            let Some(outcome) = self.pool.as_ref().and_then(|p| p.done.recv().ok()) else {
                return;
            };
            self.ready.push_back(outcome);
        }
    }

    fn take_range(&mut self, count: u32) -> u32 {
        if let Some(first) = self.free.take(count) {
            return first;
        }
        let first = self.table_end;
        self.table_end += count;
        first
    }

    fn place(&mut self, ticket: Ticket, module: Module) -> Result<u32, EngineError> {
        let Some(functions) = self.modules.get(&ticket).map(|p| p.functions) else {
            return Err(EngineError::Instantiate("unknown ticket".into()));
        };
        self.renew();
        let base = self.take_range(functions);
        let Some(p) = self.modules.get_mut(&ticket) else {
            return Err(EngineError::Instantiate("unknown ticket".into()));
        };
        if let Err(e) = self.generation.instantiate(&module, p, base) {
            self.modules.remove(&ticket);
            self.free.give(base, functions);
            return Err(e);
        }
        p.placed = Some((module, base));
        self.stats.modules += 1;
        self.stats.functions += functions as u64;
        Ok(base)
    }

    /// Makes a new store when the old one holds too much that is retired.
    fn renew(&mut self) {
        let retired = self.generation.retired;
        if retired < RETIRED_LIMIT || (retired as u64) < self.stats.modules {
            return;
        }
        let Ok(mut fresh) = Generation::new(&self.engine, self.table_end.max(TABLE_STEP)) else {
            return;
        };
        for p in self.modules.values() {
            if let Some((module, base)) = &p.placed
                && fresh.instantiate(module, p, *base).is_err()
            {
                return;
            }
        }
        self.generation = fresh;
    }
}

impl Engine for WasmtimeEngine {
    fn publish(&mut self, module: ModuleSource, exit_base: u32) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let ModuleSource {
            bytes,
            functions,
            cells,
        } = module;
        self.stats.bytes += bytes.len() as u64;
        self.modules.insert(
            ticket,
            Published {
                functions,
                cells,
                exit_base,
                placed: None,
            },
        );
        let job = match &self.pool {
            Some(Pool {
                jobs: Some(jobs), ..
            }) => jobs.send((ticket, bytes)).err().map(|e| e.0),
            _ => Some((ticket, bytes)),
        };
        if let Some((ticket, bytes)) = job {
            self.ready.push_back(compile(&self.engine, ticket, &bytes));
        }
        ticket
    }

    fn poll(&mut self) -> Option<(Ticket, Result<u32, EngineError>)> {
        loop {
            let next = self
                .ready
                .pop_front()
                .or_else(|| self.pool.as_ref().and_then(|p| p.done.try_recv().ok()));
            let (ticket, module, ns) = next?;
            self.stats.compile_ns += ns;
            if self.cancelled.remove(&ticket) {
                continue;
            }
            let result = match module {
                Ok(module) => self.place(ticket, module),
                Err(e) => {
                    self.modules.remove(&ticket);
                    Err(EngineError::Compile(e))
                }
            };
            return Some((ticket, result));
        }
    }

    fn call(&mut self, func: u32, vcpu: u32, entry: u32, host: &mut dyn HelperHost) -> u32 {
        let Generation { store, regions, .. } = &mut self.generation;
        let Some(Some(region)) = regions.get(func as usize) else {
            panic!("no function at table index {func}")
        };
        match parked::park(host, || region.call(store, (vcpu, entry))) {
            Ok(exit) => exit,
            Err(e) => panic!("generated code trapped: {e:#}"),
        }
    }

    fn retire(&mut self, ticket: Ticket) {
        let Some(p) = self.modules.remove(&ticket) else {
            return;
        };
        let Some((_, base)) = p.placed else {
            self.cancelled.insert(ticket);
            return;
        };
        let g = &mut self.generation;
        for i in base..base + p.functions {
            g.regions[i as usize] = None;
            let cleared = g.table.set(&mut g.store, i as u64, Ref::Func(None));
            debug_assert!(
                cleared.is_ok(),
                "the table is as long as what was placed in it"
            );
        }
        g.retired += 1;
        self.stats.modules -= 1;
        self.stats.functions -= p.functions as u64;
        self.free.give(base, p.functions);
    }

    fn stats(&self) -> EngineStats {
        self.stats
    }

    fn features(&self) -> Features {
        Features {
            tail_calls: true,
            branch_hints: true,
            wide_multiply: true,
        }
    }
}

#[cfg(test)]
#[path = "wasmtime_tests.rs"]
mod tests;
