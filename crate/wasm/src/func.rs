//! One region as one wasm function: prologue, control flow, the common exit.
//!
//! Shape: the check cell and the budget of the entries are tested and the function left at once if they fail; slots and map
//! pointers go into locals; then the blocks, nested as [`crate::graph`] says, inside one `block` whose end is the common exit.
//! There the budget is stored, and control goes to the function in `link_func` or back to the run loop. Slots are stored before
//! that: see [`crate::live`].
//!
//! The local `exit` holds the exit's number in the low [`EXIT_BITS`] bits and above them the instructions to give back to the
//! budget, because a block takes all of its instructions from the budget when it starts.

use rustc_hash::FxHashMap;
use tinamou_ir::block::Block;
use tinamou_ir::guest::Lasting;
use tinamou_ir::layout;
use tinamou_ir::region::{CHECK_FIXED, Exit, Region};
use tinamou_ir::types::{TYPES, Type};
use wasm_encoder::{BlockType, InstructionSink, MemArg, ValType};

use crate::bits::Bits;
use crate::graph::{Graph, Way};
use crate::groups::Groups;
use crate::live::{self, Slots};
use crate::module::{self, Env, LinkTarget, Shared};

/// Bits of the local `exit` that hold the exit's number.
const EXIT_BITS: u32 = 20;
/// Largest number of instructions that fits above them.
const MAX_GIVE_BACK: u32 = (1 << (32 - EXIT_BITS)) - 1;
/// Functions of the same module that the common exit calls directly; further ones are called through the table.
const MAX_DIRECT: usize = 4;
/// Cases besides the first one that are compared one by one; for more there is a jump table.
const MAX_COMPARED: usize = 3;

/// Parameter: arena offset of the vCPU's state.
pub const VCPU: u32 = 0;
/// Parameter: entry number.
const ENTRY: u32 = 1;

/// A compiled function.
pub struct Compiled {
    /// Types of the locals after the parameters.
    pub locals: Vec<ValType>,
    /// Instructions, without the local declarations.
    pub body: Vec<u8>,
    /// Offsets in `body` of branches that are rarely taken.
    pub cold: Vec<u32>,
    /// The region's exits.
    pub exits: Vec<Exit>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    /// The end of the body: the common exit.
    Exit,
    /// Start of the loop headed by this node.
    Loop(usize),
    /// The code of this node follows the end of the block.
    Before(usize),
    /// An `if`, or a block that is not a node.
    Plain,
}

/// Emits one function.
pub struct Func<'a> {
    /// What the region is compiled against.
    pub env: &'a Env<'a>,
    region: &'a Region,
    graph: Graph,
    /// Slots changed in their locals and not yet in the state, where code is being emitted.
    dirty: Bits,
    /// Slots that are dead where a block has ended.
    transient: Bits,
    /// By block.
    pub groups: Vec<Groups>,
    shared: &'a mut Shared,
    body: Vec<u8>,
    locals: Vec<ValType>,
    free: [Vec<u32>; TYPES.len()],
    labels: Vec<Label>,
    cold: Vec<u32>,
    exits: Vec<Exit>,
    exit_ids: FxHashMap<Exit, u32>,
    slots: Slots,
    slot_locals: Vec<u32>,
    map_locals: [[Option<u32>; 2]; 4],
    /// The local of the guessed distance, if accesses try it.
    pub guess: Option<u32>,
    budget: u32,
    exit: u32,
    link_func: u32,
    link_entry: u32,
    next: u32,
    direct: Vec<u32>,
}

/// Compiles region number `index` of a module.
pub fn compile(
    region: &Region,
    index: u32,
    first_exit: u32,
    env: &Env<'_>,
    shared: &mut Shared,
) -> Compiled {
    let graph = Graph::new(region);
    let groups: Vec<Groups> = region
        .blocks
        .iter()
        .map(|b| Groups::new(b, env.helpers))
        .collect();
    let count = env.slots.slots.len();
    let slots = live::slots(
        region,
        env.slots,
        env.helpers,
        &graph.tested_blocks(),
        &groups,
    );
    let mut f = Func {
        env,
        region,
        graph,
        dirty: Bits::new(count),
        transient: live::transient(env.slots),
        groups,
        shared,
        body: Vec::with_capacity(4096),
        locals: Vec::new(),
        free: Default::default(),
        labels: Vec::new(),
        cold: Vec::new(),
        exits: Vec::new(),
        exit_ids: FxHashMap::default(),
        slots,
        slot_locals: vec![u32::MAX; env.slots.slots.len()],
        map_locals: [[None; 2]; 4],
        guess: None,
        budget: 0,
        exit: 0,
        link_func: 0,
        link_entry: 0,
        next: 0,
        direct: Vec::new(),
    };
    f.budget = f.new_local(Type::I32);
    f.exit = f.new_local(Type::I32);
    f.link_func = f.new_local(Type::I32);
    f.link_entry = f.new_local(Type::I32);
    f.next = f.new_local(Type::I32);
    f.prologue(index, first_exit);
    f.i().block(BlockType::Empty);
    f.labels.push(Label::Exit);
    f.entry();
    f.labels.pop();
    f.i().end();
    f.epilogue(first_exit);
    Compiled {
        locals: f.locals,
        body: f.body,
        cold: f.cold,
        exits: f.exits,
    }
}

/// The wasm type of an IR type.
pub fn val_type(ty: Type) -> ValType {
    match ty {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
        Type::F32 => ValType::F32,
        Type::F64 => ValType::F64,
        Type::V128 => ValType::V128,
    }
}

/// A memory operand at a constant offset. Alignment is only a hint, and the least one is never wrong.
pub fn at(offset: u32) -> MemArg {
    MemArg {
        offset: offset as u64,
        align: 0,
        target: Default::default(),
        ordering: None,
    }
}

impl Func<'_> {
    /// Appends instructions.
    pub fn i(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.body)
    }

    fn new_local(&mut self, ty: Type) -> u32 {
        self.locals.push(val_type(ty));
        1 + self.locals.len() as u32
    }

    /// Takes a local for a value of type `ty`.
    pub fn take(&mut self, ty: Type) -> u32 {
        match self.free[ty as usize].pop() {
            Some(local) => local,
            None => self.new_local(ty),
        }
    }

    /// Gives a local back.
    pub fn give(&mut self, ty: Type, local: u32) {
        self.free[ty as usize].push(local);
    }

    /// The local of a slot.
    pub fn slot_local(&self, slot: u64) -> u32 {
        self.slot_locals[slot as usize]
    }

    /// The local of a map pointer.
    pub fn map_local(&self, mmu: u8, write: bool) -> u32 {
        self.map_locals[mmu as usize][write as usize].unwrap_or(VCPU)
    }

    /// Opens an `if` on the condition on the stack.
    pub fn open_if(&mut self, result: BlockType) {
        self.labels.push(Label::Plain);
        self.i().if_(result);
    }

    /// Opens an `if` that is rarely entered.
    pub fn open_cold(&mut self, result: BlockType) {
        self.cold.push(self.body.len() as u32);
        self.open_if(result);
    }

    /// A branch that is rarely taken, out of blocks that are no labels of this function's.
    pub fn br_if_cold(&mut self, depth: u32) {
        self.cold.push(self.body.len() as u32);
        self.i().br_if(depth);
    }

    /// Closes what `open_if` or `open_cold` opened.
    pub fn close(&mut self) {
        self.labels.pop();
        self.i().end();
    }

    fn depth(&self, label: Label) -> u32 {
        let at = self.labels.iter().rposition(|&l| l == label);
        debug_assert!(at.is_some(), "no label encloses the branch");
        (self.labels.len() - 1 - at.unwrap_or(0)) as u32
    }

    fn exit_id(&mut self, e: Exit) -> u32 {
        let exits = &mut self.exits;
        *self.exit_ids.entry(e).or_insert_with(|| {
            exits.push(e);
            (exits.len() - 1) as u32
        })
    }

    /// Leaves by exit `e`, giving `back` instructions back to the budget.
    pub fn leave(&mut self, e: Exit, back: u32) {
        self.store_dirty();
        self.set_exit(e, back);
        let depth = self.depth(Label::Exit);
        self.i().br(depth);
    }

    fn set_exit(&mut self, e: Exit, mut back: u32) {
        let id = self.exit_id(e);
        assert!(
            id < 1 << EXIT_BITS,
            "a region has fewer than 2^{EXIT_BITS} exits"
        );
        if back > MAX_GIVE_BACK {
            let budget = self.budget;
            self.i()
                .local_get(budget)
                .i32_const(back as i32)
                .i32_add()
                .local_set(budget);
            back = 0;
        }
        let exit = self.exit;
        self.i()
            .i32_const((id | back << EXIT_BITS) as i32)
            .local_set(exit);
    }

    fn prologue(&mut self, index: u32, first_exit: u32) {
        let entries = &self.region.entries;
        let first_check = self.exits.len() as u32;
        for k in 0..entries.len() as u32 {
            self.exit_id(Exit::Check { entry: k });
        }
        self.i().global_get(module::CELLS).i32_load(at(4 * index));
        match self.region.lasting {
            Lasting::Fixed => self.i().i32_const(CHECK_FIXED as i32),
            Lasting::Global => self.i().local_get(VCPU).i32_load(at(layout::GLOBAL_GEN)),
            Lasting::Space => self.i().local_get(VCPU).i32_load(at(layout::CODE_GEN)),
        };
        self.i().i32_ne();
        self.return_entry_exit(first_exit + first_check);

        let budget = self.budget;
        self.i()
            .local_get(VCPU)
            .i32_load(at(layout::BUDGET))
            .local_set(budget);
        let entry = self.graph.entry();
        let longest = entries
            .iter()
            .map(|&e| self.graph.untested(entry, e as usize))
            .max()
            .unwrap_or(0);
        if longest > 0 {
            // Entries at the same block share an exit, so these are numbered by hand, one per entry.
            let first = self.exits.len() as u32;
            self.exits
                .extend(entries.iter().map(|&block| Exit::Budget { block }));
            self.i()
                .local_get(budget)
                .i32_const(longest as i32)
                .i32_lt_s();
            self.return_entry_exit(first_exit + first);
        }
        for s in self.slots.used.iter().collect::<Vec<_>>() {
            self.slot_locals[s] = self.new_local(self.env.slots.slots[s].ty);
        }
        for s in self.slots.live_in.iter().collect::<Vec<_>>() {
            self.load_slot(s);
        }
        self.load_maps();
    }

    /// If the condition on the stack holds, returns exit `first + entry`, with nothing written back.
    fn return_entry_exit(&mut self, first: u32) {
        self.cold.push(self.body.len() as u32);
        self.i().if_(BlockType::Empty);
        self.i()
            .global_get(module::EXIT_BASE)
            .i32_const(first as i32);
        self.i()
            .i32_add()
            .local_get(ENTRY)
            .i32_add()
            .return_()
            .end();
    }

    fn load_slot(&mut self, s: usize) {
        let d = &self.env.slots.slots[s];
        let (m, ty, local) = (at(d.offset), d.ty, self.slot_locals[s]);
        let mut i = self.i();
        i.local_get(VCPU);
        match ty {
            Type::I32 => i.i32_load(m),
            Type::I64 => i.i64_load(m),
            Type::F32 => i.f32_load(m),
            Type::F64 => i.f64_load(m),
            Type::V128 => i.v128_load(m),
        };
        i.local_set(local);
    }

    /// The region is hot.
    pub fn is_hot(&self) -> bool {
        self.region.hot
    }

    /// The slot's local was changed.
    pub fn mark_dirty(&mut self, slot: u64) {
        self.dirty.insert(slot as usize);
    }

    /// The block is over: its transient slots are dead.
    pub fn end_of_block(&mut self) {
        self.dirty.subtract(&self.transient);
    }

    /// A way out of the middle of the block, which goes on as it was behind it.
    pub fn side_edge(&mut self, from: usize, pc: u64, back: u32, pending: bool) {
        let dirty = self.dirty.clone();
        self.end_of_block();
        self.edge(from, pc, back, pending);
        self.dirty = dirty;
    }

    /// Stores what is dirty, on a way out.
    fn store_dirty(&mut self) {
        let dirty = self.dirty.clone();
        self.store_slots(&dirty);
    }

    /// Stores what is dirty from slot `first` on: it no longer is from here on.
    pub fn flush(&mut self, first: usize) {
        let dirty = self.dirty.split_off(first);
        self.store_slots(&dirty);
    }

    fn store_slots(&mut self, slots: &Bits) {
        for s in slots.iter() {
            let d = &self.env.slots.slots[s];
            let (m, ty, local) = (at(d.offset), d.ty, self.slot_locals[s]);
            let mut i = self.i();
            i.local_get(VCPU).local_get(local);
            match ty {
                Type::I32 => i.i32_store(m),
                Type::I64 => i.i64_store(m),
                Type::F32 => i.f32_store(m),
                Type::F64 => i.f64_store(m),
                Type::V128 => i.v128_store(m),
            };
        }
    }

    /// Loads every slot from `first` on that the region uses.
    pub fn reload_slots(&mut self, first: usize) {
        for s in self.slots.used.iter().collect::<Vec<_>>() {
            if s >= first {
                self.load_slot(s);
            }
        }
    }

    /// Stores the budget as it was before the current instruction; `back` of the block's instructions are not complete.
    pub fn store_budget(&mut self, back: u32) {
        let budget = self.budget;
        self.i()
            .local_get(VCPU)
            .local_get(budget)
            .i32_const(back as i32)
            .i32_add()
            .i32_store(at(layout::BUDGET));
    }

    /// Reads the budget again after `store_budget(back)`.
    pub fn reload_budget(&mut self, back: u32) {
        let budget = self.budget;
        self.i()
            .local_get(VCPU)
            .i32_load(at(layout::BUDGET))
            .i32_const(back as i32)
            .i32_sub()
            .local_set(budget);
    }

    fn load_maps(&mut self) {
        use tinamou_ir::ops::Effect;
        for inst in self.region.blocks.iter().flat_map(|b| &b.insts) {
            let m = inst.mem();
            let write = match inst.op.info().effect {
                Effect::Load => m.probe_write && inst.op == tinamou_ir::ops::Op::Probe,
                Effect::Store => true,
                _ => continue,
            };
            // One tagged TLB serves reads and writes.
            let write = write && self.env.va_type == Type::I32;
            if self.map_locals[m.mmu as usize][write as usize].is_none() {
                let local = self.new_local(Type::I32);
                self.map_locals[m.mmu as usize][write as usize] = Some(local);
                let offset = layout::MAPS + 8 * m.mmu as u32 + 4 * write as u32;
                self.i()
                    .local_get(VCPU)
                    .i32_load(at(offset))
                    .local_set(local);
            }
            if self.env.guess && self.guess.is_none() {
                let local = self.new_local(Type::I32);
                self.guess = Some(local);
                self.i()
                    .local_get(VCPU)
                    .i32_load(at(layout::GUESS))
                    .local_set(local);
            }
        }
    }

    fn epilogue(&mut self, first_exit: u32) {
        let (budget, exit, func, entry) = (self.budget, self.exit, self.link_func, self.link_entry);
        self.i()
            .local_get(VCPU)
            .local_get(budget)
            .local_get(exit)
            .i32_const(EXIT_BITS as i32)
            .i32_shr_u()
            .i32_add();
        self.i().i32_store(at(layout::BUDGET));
        if self.env.features.tail_calls {
            self.i().local_get(func).if_(BlockType::Empty);
            for k in self.direct.clone() {
                self.i()
                    .global_get(module::TABLE_BASE)
                    .i32_const(k as i32)
                    .i32_add()
                    .local_get(func)
                    .i32_eq();
                self.i()
                    .if_(BlockType::Empty)
                    .local_get(VCPU)
                    .local_get(entry);
                self.i().return_call(module::FIRST_REGION + k).end();
            }
            self.i().local_get(VCPU).local_get(entry).local_get(func);
            self.i().return_call_indirect(0, module::REGION_TYPE).end();
        }
        self.i()
            .global_get(module::EXIT_BASE)
            .local_get(exit)
            .i32_const((1 << EXIT_BITS) - 1)
            .i32_and()
            .i32_add();
        if first_exit != 0 {
            self.i().i32_const(first_exit as i32).i32_add();
        }
        self.i().end();
    }

    /// The entry node: on to the blocks of the entries.
    fn entry(&mut self) {
        let node = self.graph.entry();
        let entries: Vec<usize> = self.region.entries.iter().map(|&e| e as usize).collect();
        if let [only] = entries[..] {
            self.nest(node, |f| f.inner_edge(node, only));
            return;
        }
        self.nest(node, |f| {
            if entries
                .iter()
                .any(|&e| f.graph.dispatcher(node, e).is_some())
            {
                // A dispatcher goes by block number: `next` becomes the number of the entry's block.
                let next = f.next;
                for (k, &e) in entries.iter().enumerate() {
                    if k == 0 {
                        f.i().i32_const(e as i32).local_set(next);
                        continue;
                    }
                    f.i()
                        .local_get(ENTRY)
                        .i32_const(k as i32)
                        .i32_eq()
                        .if_(BlockType::Empty);
                    f.i().i32_const(e as i32).local_set(next).end();
                }
            }
            let cases: Vec<(usize, u32)> = entries
                .iter()
                .map(|&e| f.forward_depth(node, e))
                .enumerate()
                .collect();
            f.choose(ENTRY, &cases);
        });
    }

    fn forward_depth(&self, from: usize, to: usize) -> u32 {
        match self.graph.way(from, to) {
            Way::Back(n) => self.depth(Label::Loop(n)),
            Way::Forward(n) | Way::Inline(n) => self.depth(Label::Before(n)),
        }
    }

    /// A node's own code inside the blocks whose ends are the nodes it dominates, then those nodes.
    fn nest(&mut self, node: usize, own: impl FnOnce(&mut Self)) {
        let merges = self.graph.merges[node].clone();
        for &m in &merges {
            self.i().block(BlockType::Empty);
            self.labels.push(Label::Before(m));
        }
        own(self);
        for &m in merges.iter().rev() {
            self.close();
            self.node(m);
        }
    }

    fn node(&mut self, node: usize) {
        let header = self.graph.header[node];
        if header {
            self.i().loop_(BlockType::Empty);
            self.labels.push(Label::Loop(node));
        }
        match self.graph.block(node) {
            Some(b) => self.nest(node, |f| f.checked_block(node, b)),
            None => self.nest(node, |f| f.dispatcher(node)),
        }
        if header {
            self.close();
        }
    }

    fn dispatcher(&mut self, node: usize) {
        let heads = self.graph.heads(node);
        let cases: Vec<(usize, u32)> = heads
            .iter()
            .map(|&h| (h, self.forward_depth(node, h)))
            .collect();
        self.choose(self.next, &cases);
    }

    /// Branches to the label of the case whose number the local holds. It nearly always is the first: the others are where the
    /// region or a loop is entered in the middle.
    fn choose(&mut self, local: u32, cases: &[(usize, u32)]) {
        let [(_, first), others @ ..] = cases else {
            return;
        };
        if others.len() <= MAX_COMPARED {
            for &(number, depth) in others {
                self.i().local_get(local).i32_const(number as i32).i32_eq();
                self.i().br_if(depth);
            }
            self.i().br(*first);
            return;
        }
        let highest = cases.iter().map(|c| c.0).max().unwrap_or(0);
        let mut table = vec![*first; highest + 1];
        for &(number, depth) in cases {
            table[number] = depth;
        }
        self.i()
            .local_get(local)
            .br_table(table.iter().copied(), *first);
    }

    fn checked_block(&mut self, node: usize, b: usize) {
        let region = self.region;
        let block: &Block = &region.blocks[b];
        let budget = self.budget;
        // Blocks are emitted inside others, which go on afterwards.
        let outer = std::mem::replace(&mut self.dirty, self.slots.dirty_in[b].clone());
        if let Some(longest) = self.graph.test(node) {
            self.i()
                .local_get(budget)
                .i32_const(longest.max(1) as i32)
                .i32_lt_s();
            self.open_cold(BlockType::Empty);
            self.leave(Exit::Budget { block: b as u32 }, 0);
            self.close();
        }
        if block.insn_count > 0 {
            self.i()
                .local_get(budget)
                .i32_const(block.insn_count as i32)
                .i32_sub()
                .local_set(budget);
        }
        crate::block::emit(self, node, b as u32, block);
        self.dirty = outer;
    }

    /// Goes from node `from` to the guest address `pc`; `back` of the block's instructions are not complete. With `pending`
    /// the pending word is asked first.
    pub fn edge(&mut self, from: usize, pc: u64, back: u32, pending: bool) {
        if pending {
            self.if_leave_pending();
            let e = self.edge_exit(from, pc).0;
            self.leave(e, back);
            self.close();
        }
        match self.region.block_at(pc) {
            Some(t) => {
                if back > 0 {
                    let budget = self.budget;
                    self.i()
                        .local_get(budget)
                        .i32_const(back as i32)
                        .i32_add()
                        .local_set(budget);
                }
                self.inner_edge(from, t as usize);
            }
            None => self.outer_edge(from, pc, back),
        }
    }

    /// Opens an `if` on a pending LEAVE.
    pub fn if_leave_pending(&mut self) {
        self.i()
            .local_get(VCPU)
            .i32_load(at(layout::PENDING))
            .i32_const(layout::pending::LEAVE as i32)
            .i32_and();
        self.open_cold(BlockType::Empty);
    }

    /// Whether a jump to `pc` is one plain `br`, and its depth.
    pub fn plain_edge(&self, from: usize, pc: u64) -> Option<u32> {
        let t = self.region.block_at(pc)? as usize;
        if self.graph.dispatcher(from, t).is_some() {
            return None;
        }
        match self.graph.way(from, t) {
            Way::Back(n) => Some(self.depth(Label::Loop(n))),
            Way::Forward(n) => Some(self.depth(Label::Before(n))),
            Way::Inline(_) => None,
        }
    }

    fn inner_edge(&mut self, from: usize, to: usize) {
        if self.graph.dispatcher(from, to).is_some() {
            let next = self.next;
            self.i().i32_const(to as i32).local_set(next);
        }
        match self.graph.way(from, to) {
            Way::Back(n) => {
                let d = self.depth(Label::Loop(n));
                self.i().br(d);
            }
            Way::Forward(n) => {
                let d = self.depth(Label::Before(n));
                self.i().br(d);
            }
            Way::Inline(n) => self.node(n),
        }
    }

    fn edge_exit(&mut self, from: usize, pc: u64) -> (Exit, LinkTarget) {
        let block = self.graph.block(from).unwrap_or(0);
        let target = LinkTarget {
            mode: self.region.blocks[block].mode,
            pc,
        };
        let link = self.shared.link(target);
        (Exit::Edge { target: pc, link }, target)
    }

    fn outer_edge(&mut self, from: usize, pc: u64, back: u32) {
        let (e, target) = self.edge_exit(from, pc);
        self.store_dirty();
        self.set_exit(e, back);
        if self.env.features.tail_calls {
            let Exit::Edge { link, .. } = e else { return };
            let cell = module::link_cell(self.shared.regions, link);
            let (func, entry) = (self.link_func, self.link_entry);
            self.i()
                .global_get(module::CELLS)
                .i32_load(at(cell))
                .local_set(func);
            self.i()
                .global_get(module::CELLS)
                .i32_load(at(cell + 4))
                .local_set(entry);
            if let Some(k) = self.shared.region_at(target)
                && self.direct.len() < MAX_DIRECT
                && !self.direct.contains(&k)
            {
                self.direct.push(k);
            }
        }
        let d = self.depth(Label::Exit);
        self.i().br(d);
    }

    /// Goes on at the computed address in local `target`, which is already in `PC`.
    pub fn indirect(&mut self, target: u32, mode: u32) {
        use layout::jump_cache as jc;
        self.store_dirty();
        self.set_exit(Exit::Indirect, 0);
        if self.env.features.tail_calls {
            let wide = self.env.va_type == Type::I64;
            let pc = self.take(Type::I32);
            self.i().local_get(target);
            if wide {
                self.i().i32_wrap_i64();
            }
            self.i()
                .local_tee(pc)
                .i32_const(1)
                .i32_shr_u()
                .local_get(pc)
                .i32_const(13)
                .i32_shr_u()
                .i32_xor();
            self.i()
                .i32_const(jc::ENTRIES as i32 - 1)
                .i32_and()
                .i32_const(jc::ENTRY_LOG2 as i32)
                .i32_shl();
            self.i()
                .local_get(VCPU)
                .i32_load(at(layout::JUMP_CACHE))
                .i32_add()
                .local_set(pc);
            self.i().local_get(pc);
            if wide {
                self.i().i64_load(at(jc::PC)).local_get(target).i64_eq();
            } else {
                self.i().i32_load(at(jc::PC)).local_get(target).i32_eq();
            }
            self.i()
                .local_get(pc)
                .i32_load(at(jc::MODE))
                .i32_const(mode as i32)
                .i32_eq()
                .i32_and();
            let (func, entry) = (self.link_func, self.link_entry);
            self.i().if_(BlockType::Empty);
            self.i()
                .local_get(pc)
                .i32_load(at(jc::FUNC))
                .local_set(func);
            self.i()
                .local_get(pc)
                .i32_load(at(jc::ENTRY))
                .local_set(entry)
                .end();
            self.give(Type::I32, pc);
        }
        let d = self.depth(Label::Exit);
        self.i().br(d);
    }
}
