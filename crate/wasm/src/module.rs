//! Module assembly: types, imports, functions, the element segment and branch hints.
//!
//! Imports, all from module `t` and always in this order: memory `m` (the arena); table `t` (funcref); functions `call`
//! (vcpu, helper, a, b, c) -> i64, `load` (vcpu, va, memarg) -> i64, `store` (vcpu, va, value, memarg), `probe` (vcpu, va,
//! memarg), with i64 addresses and operands; immutable i32 globals `exit_base`, `cells`, `table_base`. There are no
//! exports: an active element segment puts function `k` into the table at `table_base + k`.
//!
//! Cells, at arena offset `cells`: one u32 check cell per region, then, aligned to 8, link cells of 8 bytes: u32 table index
//! (0: not linked), u32 entry.

use std::borrow::Cow;

use rustc_hash::FxHashMap;
use tinamou_ir::region::{Exit, Region};
use tinamou_ir::types::{HelperDesc, SlotTable, Type};
use wasm_encoder::{
    BranchHint, BranchHints, CodeSection, ConstExpr, ElementSection, Elements, EntityType,
    Function, FunctionSection, GlobalType, ImportSection, MemoryType, Module, RefType, TableType,
    TypeSection, ValType,
};

use crate::func;

/// What the engine's wasm can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Features {
    /// `return_call` and `return_call_indirect`. Without it every edge out of a region ends in the run loop.
    pub tail_calls: bool,
    /// The engine reads `metadata.code.branch_hint`.
    pub branch_hints: bool,
    /// `i64.mul_wide_u` and `_s`: whole products.
    pub wide_multiply: bool,
}

/// What regions are compiled against.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The guest's slots.
    pub slots: &'a SlotTable,
    /// The guest's helpers.
    pub helpers: &'a [HelperDesc],
    /// Type of guest addresses.
    pub va_type: Type,
    /// What the engine can do.
    pub features: Features,
    /// Whether accesses try the distance of [`tinamou_ir::layout::GUESS`] first.
    pub guess: bool,
}

/// What is known of one region of a compiled module.
#[derive(Clone, Debug)]
pub struct RegionMeta {
    /// Its exits: exit number `first_exit + i` is `exits[i]`.
    pub exits: Vec<Exit>,
    /// Module-wide number of its first exit.
    pub first_exit: u32,
    /// Offset of its check cell from the module's cells, in bytes.
    pub check_cell: u32,
}

/// Where a link cell wants to go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LinkTarget {
    /// Mode word.
    pub mode: u32,
    /// Guest address.
    pub pc: u64,
}

/// A module and what its exits mean.
#[derive(Clone, Debug)]
pub struct CompiledModule {
    /// The module.
    pub bytes: Vec<u8>,
    /// One per region, in order.
    pub regions: Vec<RegionMeta>,
    /// Number of link cells.
    pub links: u32,
    /// What each link cell is for. Cells of regions that are already known, of this module too, may be filled before the
    /// module runs.
    pub link_targets: Vec<LinkTarget>,
    /// Number of functions, which is the number of regions; they take consecutive table indices.
    pub functions: u32,
}

impl CompiledModule {
    /// Number of exits of all regions.
    pub fn exit_count(&self) -> u32 {
        self.regions
            .last()
            .map_or(0, |r| r.first_exit + r.exits.len() as u32)
    }

    /// Offset of link cell `link` from the module's cells, in bytes.
    pub fn link_cell(&self, link: u32) -> u32 {
        link_cell(self.functions, link)
    }

    /// Bytes of cells, to be allocated zeroed and aligned to 8.
    pub fn cells_bytes(&self) -> u32 {
        link_cell(self.functions, self.links)
    }
}

/// Offset of a link cell from the cells of a module of `regions` regions.
pub(crate) fn link_cell(regions: u32, link: u32) -> u32 {
    (4 * regions).next_multiple_of(8) + 8 * link
}

/// Type index of region functions.
pub(crate) const REGION_TYPE: u32 = 0;
/// Function index of the import `call`.
pub(crate) const CALL: u32 = 0;
/// Function index of the import `load`.
pub(crate) const LOAD: u32 = 1;
/// Function index of the import `store`.
pub(crate) const STORE: u32 = 2;
/// Function index of the import `probe`.
pub(crate) const PROBE: u32 = 3;
/// Function index of region 0.
pub(crate) const FIRST_REGION: u32 = 4;
/// Global index of `exit_base`.
pub(crate) const EXIT_BASE: u32 = 0;
/// Global index of `cells`.
pub(crate) const CELLS: u32 = 1;
/// Global index of `table_base`.
pub(crate) const TABLE_BASE: u32 = 2;

/// What the regions of one module share while it is made.
pub(crate) struct Shared {
    /// Number of regions.
    pub regions: u32,
    links: FxHashMap<LinkTarget, u32>,
    targets: Vec<LinkTarget>,
    entries: FxHashMap<LinkTarget, u32>,
}

impl Shared {
    /// The module's link cell for `target`.
    pub fn link(&mut self, target: LinkTarget) -> u32 {
        let targets = &mut self.targets;
        *self.links.entry(target).or_insert_with(|| {
            targets.push(target);
            (targets.len() - 1) as u32
        })
    }

    /// The region of this module with an entry at `target`.
    pub fn region_at(&self, target: LinkTarget) -> Option<u32> {
        self.entries.get(&target).copied()
    }
}

/// Compiles regions into one module.
pub fn compile_module(regions: &[Region], env: &Env<'_>) -> CompiledModule {
    let mut entries = FxHashMap::default();
    for (k, region) in regions.iter().enumerate() {
        for &e in &region.entries {
            let b = &region.blocks[e as usize];
            entries
                .entry(LinkTarget {
                    mode: b.mode,
                    pc: b.pc,
                })
                .or_insert(k as u32);
        }
    }
    let count = regions.len() as u32;
    let mut shared = Shared {
        regions: count,
        links: FxHashMap::default(),
        targets: Vec::new(),
        entries,
    };
    let mut code = CodeSection::new();
    let mut hints = BranchHints::new();
    let mut metas = Vec::with_capacity(regions.len());
    let mut first_exit = 0;
    for (k, region) in regions.iter().enumerate() {
        let compiled = func::compile(region, k as u32, first_exit, env, &mut shared);
        let mut f = Function::new_with_locals_types(compiled.locals.iter().copied());
        let header = f.byte_len() as u32;
        f.raw(compiled.body);
        code.function(&f);
        if env.features.branch_hints && !compiled.cold.is_empty() {
            let list: Vec<BranchHint> = compiled
                .cold
                .iter()
                .map(|&o| BranchHint {
                    branch_func_offset: header + o,
                    branch_hint_value: 0,
                })
                .collect();
            hints.function_hints(FIRST_REGION + k as u32, list);
        }
        let exits = compiled.exits;
        metas.push(RegionMeta {
            first_exit,
            check_cell: 4 * k as u32,
            exits,
        });
        first_exit += metas[k].exits.len() as u32;
    }

    let mut module = Module::new();
    module.section(&types());
    module.section(&imports());
    let mut functions = FunctionSection::new();
    for _ in regions {
        functions.function(REGION_TYPE);
    }
    module.section(&functions);
    let mut elements = ElementSection::new();
    let list: Vec<u32> = (0..count).map(|k| FIRST_REGION + k).collect();
    elements.active(
        None,
        &ConstExpr::global_get(TABLE_BASE),
        Elements::Functions(Cow::Owned(list)),
    );
    module.section(&elements);
    if !hints.is_empty() {
        module.section(&hints);
    }
    module.section(&code);
    CompiledModule {
        bytes: module.finish(),
        regions: metas,
        links: shared.targets.len() as u32,
        link_targets: shared.targets,
        functions: count,
    }
}

fn types() -> TypeSection {
    use ValType::{I32, I64};
    let mut types = TypeSection::new();
    types.ty().function([I32, I32], [I32]);
    types.ty().function([I32, I32, I64, I64, I64], [I64]);
    types.ty().function([I32, I64, I32], [I64]);
    types.ty().function([I32, I64, I64, I32], []);
    types.ty().function([I32, I64, I32], []);
    types
}

fn imports() -> ImportSection {
    let memory = MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let table = TableType {
        element_type: RefType::FUNCREF,
        minimum: 0,
        maximum: None,
        table64: false,
        shared: false,
    };
    let global = GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    };
    let mut imports = ImportSection::new();
    imports.import("t", "m", EntityType::Memory(memory));
    imports.import("t", "t", EntityType::Table(table));
    for (i, name) in ["call", "load", "store", "probe"].into_iter().enumerate() {
        imports.import("t", name, EntityType::Function(1 + i as u32));
    }
    for name in ["exit_base", "cells", "table_base"] {
        imports.import("t", name, EntityType::Global(global));
    }
    imports
}
