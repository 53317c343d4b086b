//! Control flow of a region, made fit for structured wasm.
//!
//! Nodes are the region's blocks, then one entry node, then copies of blocks and dispatchers. A strongly connected part with one
//! way in becomes a loop. One with several ways in gets copies of the few blocks between the others and one of them, which edges
//! from outside run through first (node splitting), or, where those are too many, a dispatcher: a node that all edges from outside,
//! and the back edges to one chosen block, go through. After that the graph is reducible and its dominator tree gives the nesting
//! (N. Ramsey, "Beyond Relooper: recursive translation of unstructured control flow to structured control flow", ICFP 2022).
//!
//! Also says where the budget is tested: every cycle passes a block with `checked` set.

use rustc_hash::{FxHashMap, FxHashSet};
use tinamou_ir::ops::Op;
use tinamou_ir::region::Region;

/// Paths without a budget test are kept about this short, in instructions.
const PATH_LIMIT: u32 = 256;
/// Copies that make one loop single-entry: at most so many blocks,
const COPIED_BLOCKS: usize = 8;
/// and so many instructions in them.
const COPIED_INSNS: u32 = 64;
/// A loop with more ways in is not looked at for copies.
const COPY_HEADS: usize = 8;
/// No block.
const NONE: usize = usize::MAX;

/// The graph.
pub struct Graph {
    /// Number of blocks; the node of this number is the entry, those after it are copies and dispatchers.
    blocks: usize,
    /// The block that a node emits; [`NONE`] for the entry and for dispatchers.
    block_of: Vec<usize>,
    /// Edges out of each node, with those of the same target repeated.
    succs: Vec<Vec<usize>>,
    /// Target of a `br_table` or of an edge from the middle of a block: needs a label of its own.
    labelled: Vec<bool>,
    /// An edge from the node to the block enters this dispatcher or copy, and not the block's own node.
    routes: FxHashMap<(usize, usize), usize>,
    /// Blocks behind each dispatcher.
    heads: FxHashMap<usize, Vec<usize>>,
    /// Edges (after routing) that go back to a loop's head.
    back: FxHashSet<(usize, usize)>,
    /// Heads of loops, dispatchers among them.
    pub header: Vec<bool>,
    /// Nodes that test the budget before they start.
    checked: Vec<bool>,
    /// Longest way in instructions from the start of a node to the next test or out.
    longest: Vec<u32>,
    /// Position in reverse post-order; `usize::MAX` for blocks that no entry reaches.
    order: Vec<usize>,
    /// Children in the dominator tree that need a label, last in reverse post-order first.
    pub merges: Vec<Vec<usize>>,
    merge: Vec<bool>,
}

/// Where an edge goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Back to the head of an enclosing loop.
    Back(usize),
    /// Forward to a node with a label.
    Forward(usize),
    /// The node follows here and nowhere else.
    Inline(usize),
}

impl Graph {
    /// Analyses a region.
    pub fn new(region: &Region) -> Graph {
        let n = region.blocks.len();
        let index: FxHashMap<u64, usize> = region
            .blocks
            .iter()
            .enumerate()
            .rev()
            .map(|(i, b)| (b.pc, i))
            .collect();
        let mut g = Graph {
            blocks: n,
            block_of: (0..n).collect(),
            succs: vec![Vec::new(); n],
            labelled: vec![false; n],
            routes: FxHashMap::default(),
            heads: FxHashMap::default(),
            back: FxHashSet::default(),
            header: vec![false; n],
            checked: vec![false; n],
            longest: vec![0; n],
            order: Vec::new(),
            merges: Vec::new(),
            merge: Vec::new(),
        };
        for (b, block) in region.blocks.iter().enumerate() {
            for inst in &block.insts {
                let pcs: &[u64] = match inst.op {
                    Op::ExitIf | Op::Jump => &[inst.imm],
                    Op::Branch => &[inst.imm, inst.aux],
                    _ => continue,
                };
                for t in pcs.iter().filter_map(|pc| index.get(pc)) {
                    g.succs[b].push(*t);
                    g.labelled[*t] |= inst.op == Op::ExitIf;
                }
            }
        }
        let entries: Vec<usize> = region.entries.iter().map(|&e| e as usize).collect();
        if entries.len() > 1 {
            entries.iter().for_each(|&e| g.labelled[e] = true);
        }
        g.add(NONE, entries, false);
        let reached = g.postorder(n, |_, _| true);
        for b in (0..n).filter(|b| !reached.contains(b)) {
            g.succs[b].clear();
        }
        let mut all: Vec<usize> = reached.into_iter().filter(|&v| v != n).collect();
        all.sort_unstable();
        g.make_reducible(region, &all);
        g.find_longest(region, &index, n);
        g.find_nesting(n);
        g
    }

    /// Node number of the entry.
    pub fn entry(&self) -> usize {
        self.blocks
    }

    /// Blocks behind a dispatcher, at least two.
    pub fn heads(&self, dispatcher: usize) -> &[usize] {
        &self.heads[&dispatcher]
    }

    /// The block that a node emits, if it is no dispatcher and not the entry.
    pub fn block(&self, node: usize) -> Option<usize> {
        Some(self.block_of[node]).filter(|&b| b != NONE)
    }

    /// Longest way in instructions from the start of a node that tests the budget to the next test or out; `None` if it does not test.
    pub fn test(&self, node: usize) -> Option<u32> {
        self.checked[node].then_some(self.longest[node])
    }

    /// Longest way in instructions from the start of block `to`, entered from `from`, to the first test or out.
    pub fn untested(&self, from: usize, to: usize) -> u32 {
        let node = self.behind(from, to);
        if self.checked[node] {
            0
        } else {
            self.longest[node]
        }
    }

    /// Blocks of which a node tests the budget.
    pub fn tested_blocks(&self) -> Vec<bool> {
        let mut out = vec![false; self.blocks];
        for (node, &b) in self.block_of.iter().enumerate() {
            if b != NONE {
                out[b] |= self.checked[node];
            }
        }
        out
    }

    fn target(&self, from: usize, to: usize) -> usize {
        self.routes.get(&(from, to)).copied().unwrap_or(to)
    }

    /// The dispatcher that the edge from node `from` to block `to` enters, if any.
    pub fn dispatcher(&self, from: usize, to: usize) -> Option<usize> {
        Some(self.target(from, to)).filter(|&node| self.block_of[node] == NONE)
    }

    /// The node of block `to` that the edge from `from` reaches in the end.
    fn behind(&self, from: usize, to: usize) -> usize {
        let mut node = self.target(from, to);
        while self.block_of[node] == NONE {
            node = self.target(node, to);
        }
        node
    }

    /// How the edge from `from` to block `to` is made.
    pub fn way(&self, from: usize, to: usize) -> Way {
        let node = self.target(from, to);
        if self.back.contains(&(from, node)) {
            Way::Back(node)
        } else if self.merge[node] {
            Way::Forward(node)
        } else {
            Way::Inline(node)
        }
    }

    /// Appends a node.
    fn add(&mut self, block: usize, succs: Vec<usize>, labelled: bool) -> usize {
        self.block_of.push(block);
        self.succs.push(succs);
        self.labelled.push(labelled);
        self.header.push(false);
        self.checked.push(false);
        self.longest.push(0);
        self.succs.len() - 1
    }

    /// Makes the edges from `from` to `old`, a node of a block, enter `new`.
    fn redirect(&mut self, from: usize, old: usize, new: usize) {
        let mut any = false;
        for t in self.succs[from].iter_mut().filter(|t| **t == old) {
            *t = new;
            any = true;
        }
        if any {
            self.routes.insert((from, self.block_of[old]), new);
        }
    }

    fn postorder(&self, root: usize, keep: impl Fn(usize, usize) -> bool) -> Vec<usize> {
        let mut seen = vec![false; self.succs.len()];
        let mut out = Vec::new();
        let mut stack = vec![(root, 0)];
        seen[root] = true;
        while let Some((v, i)) = stack.pop() {
            if let Some(&t) = self.succs[v].get(i) {
                stack.push((v, i + 1));
                if !seen[t] && keep(v, t) {
                    seen[t] = true;
                    stack.push((t, 0));
                }
            } else {
                out.push(v);
            }
        }
        out
    }

    /// Strongly connected parts of the subgraph on `nodes` without back edges; only those with a cycle.
    fn cycles(&self, nodes: &[usize]) -> Vec<Vec<usize>> {
        let mut inside = vec![false; self.succs.len()];
        nodes.iter().for_each(|&v| inside[v] = true);
        let edge = |u: usize, v: usize| inside[v] && !self.back.contains(&(u, v));
        let mut order = Vec::new();
        let mut seen = vec![false; self.succs.len()];
        for &root in nodes {
            if seen[root] {
                continue;
            }
            seen[root] = true;
            let mut stack = vec![(root, 0)];
            while let Some((v, i)) = stack.pop() {
                if let Some(&t) = self.succs[v].get(i) {
                    stack.push((v, i + 1));
                    if edge(v, t) && !seen[t] {
                        seen[t] = true;
                        stack.push((t, 0));
                    }
                } else {
                    order.push(v);
                }
            }
        }
        let mut preds: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
        for &u in nodes {
            for &v in self.succs[u].iter().filter(|&&v| edge(u, v)) {
                preds.entry(v).or_default().push(u);
            }
        }
        let mut done = vec![false; self.succs.len()];
        let mut out = Vec::new();
        for &root in order.iter().rev() {
            if done[root] {
                continue;
            }
            done[root] = true;
            let mut part = vec![root];
            let mut i = 0;
            while i < part.len() {
                for &u in preds.get(&part[i]).map_or(&[][..], |p| p) {
                    if !done[u] {
                        done[u] = true;
                        part.push(u);
                    }
                }
                i += 1;
            }
            if part.len() > 1 || self.succs[root].iter().any(|&t| t == root && edge(root, t)) {
                part.sort_unstable();
                out.push(part);
            }
        }
        out
    }

    fn make_reducible(&mut self, region: &Region, nodes: &[usize]) {
        let mut work: Vec<Vec<usize>> = self.cycles(nodes);
        while let Some(part) = work.pop() {
            let inside: FxHashSet<usize> = part.iter().copied().collect();
            let mut heads: Vec<usize> = (0..self.succs.len())
                .filter(|u| !inside.contains(u))
                .flat_map(|u| {
                    self.succs[u]
                        .iter()
                        .copied()
                        .filter(|v| inside.contains(v))
                        .collect::<Vec<_>>()
                })
                .collect();
            heads.sort_unstable();
            heads.dedup();
            let Some(&first) = heads.first() else {
                continue;
            };
            let (primary, head) = if heads.len() == 1 {
                (first, first)
            } else if let Some((primary, between)) = self.splittable(region, &inside, &heads) {
                self.split(&inside, &between);
                (primary, primary)
            } else {
                (first, self.dispatch(&inside, &heads, first))
            };
            self.header[head] = true;
            self.checked[primary] = true;
            for &u in &part {
                if self.succs[u].contains(&head) {
                    self.back.insert((u, head));
                }
            }
            let rest = self.cycles(&part);
            work.extend(rest);
        }
    }

    /// The head that is cheapest to make the only one, and the nodes that edges from outside to the others pass before it.
    fn splittable(
        &self,
        region: &Region,
        inside: &FxHashSet<usize>,
        heads: &[usize],
    ) -> Option<(usize, Vec<usize>)> {
        if heads.len() > COPY_HEADS {
            return None;
        }
        let mut best: Option<(u32, usize, Vec<usize>)> = None;
        for &primary in heads {
            let mut between: Vec<usize> = heads.iter().copied().filter(|&h| h != primary).collect();
            let mut i = 0;
            while i < between.len() && between.len() <= COPIED_BLOCKS {
                for &t in &self.succs[between[i]] {
                    if t != primary
                        && inside.contains(&t)
                        && !self.back.contains(&(between[i], t))
                        && !between.contains(&t)
                    {
                        between.push(t);
                    }
                }
                i += 1;
            }
            let insns = between
                .iter()
                .map(|&v| region.blocks[self.block_of[v]].insn_count)
                .sum();
            if between.len() <= COPIED_BLOCKS
                && insns <= COPIED_INSNS
                && best.as_ref().is_none_or(|b| insns < b.0)
                && self.cycles(&between).is_empty()
            {
                best = Some((insns, primary, between));
            }
        }
        best.map(|(_, primary, between)| (primary, between))
    }

    /// Copies the nodes `between`; edges from outside to them enter the copies.
    fn split(&mut self, inside: &FxHashSet<usize>, between: &[usize]) {
        let outside: Vec<usize> = (0..self.succs.len())
            .filter(|u| !inside.contains(u))
            .collect();
        let copies: Vec<usize> = between
            .iter()
            .map(|&v| self.add(self.block_of[v], self.succs[v].clone(), true))
            .collect();
        for (&v, &copy) in between.iter().zip(&copies) {
            for t in self.succs[v].clone() {
                if self.back.contains(&(v, t)) {
                    self.back.insert((copy, t));
                }
            }
            let routes: Vec<(usize, usize)> = self
                .routes
                .iter()
                .filter(|((from, _), _)| *from == v)
                .map(|((_, to), node)| (*to, *node))
                .collect();
            for (to, node) in routes {
                self.routes.insert((copy, to), node);
            }
        }
        for (&v, &copy) in between.iter().zip(&copies) {
            for &u in outside.iter().chain(&copies) {
                self.redirect(u, v, copy);
            }
        }
    }

    /// Puts a dispatcher before `heads` and returns it.
    fn dispatch(&mut self, inside: &FxHashSet<usize>, heads: &[usize], primary: usize) -> usize {
        let d = self.succs.len();
        for u in 0..d {
            for &v in heads {
                if !inside.contains(&u) || v == primary {
                    self.redirect(u, v, d);
                }
            }
        }
        self.add(NONE, heads.to_vec(), true);
        let mut blocks = Vec::with_capacity(heads.len());
        for &h in heads {
            self.labelled[h] = true;
            let block = self.block_of[h];
            if block != h {
                self.routes.insert((d, block), h);
            }
            blocks.push(block);
        }
        self.heads.insert(d, blocks);
        d
    }

    fn find_longest(&mut self, region: &Region, index: &FxHashMap<u64, usize>, entry: usize) {
        let order = self.postorder(entry, |u, v| !self.back.contains(&(u, v)));
        for node in order {
            let Some(b) = self.block(node) else { continue };
            let block = &region.blocks[b];
            let mut done = 0;
            let mut longest = block.insn_count;
            for inst in &block.insts {
                let pcs: &[u64] = match inst.op {
                    Op::Insn => {
                        done += 1;
                        continue;
                    }
                    Op::ExitIf | Op::Jump => &[inst.imm],
                    Op::Branch => &[inst.imm, inst.aux],
                    _ => continue,
                };
                for &t in pcs.iter().filter_map(|pc| index.get(pc)) {
                    longest = longest.max(done + self.untested(node, t));
                }
            }
            self.longest[node] = longest;
            self.checked[node] |= longest > PATH_LIMIT;
        }
    }

    fn find_nesting(&mut self, entry: usize) {
        let n = self.succs.len();
        let mut rpo = self.postorder(entry, |u, v| !self.back.contains(&(u, v)));
        rpo.reverse();
        self.order = vec![usize::MAX; n];
        for (i, &v) in rpo.iter().enumerate() {
            self.order[v] = i;
        }
        // Immediate dominators in one pass: without back edges the graph has no cycle.
        let mut idom = vec![usize::MAX; n];
        let mut ins = vec![0u32; n];
        idom[entry] = entry;
        for &u in &rpo {
            for &v in &self.succs[u] {
                if self.back.contains(&(u, v)) {
                    continue;
                }
                ins[v] += 1;
                idom[v] = if idom[v] == usize::MAX {
                    u
                } else {
                    common(&idom, &self.order, idom[v], u)
                };
            }
        }
        self.merge = (0..n).map(|v| ins[v] > 1 || self.labelled[v]).collect();
        self.merges = vec![Vec::new(); n];
        for &v in rpo.iter().rev() {
            if v != entry && self.merge[v] {
                self.merges[idom[v]].push(v);
            }
        }
    }
}

fn common(idom: &[usize], order: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        if order[a] > order[b] {
            a = idom[a];
        } else {
            b = idom[b];
        }
    }
    a
}
