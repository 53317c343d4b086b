//! Control flow of a region, made fit for structured wasm.
//!
//! Nodes are the region's blocks, then one entry node, then dispatchers. A strongly connected part with one way in becomes a
//! loop; one with several gets a dispatcher: a node that all edges from outside, and the back edges to one chosen block, go
//! through. After that the graph is reducible and its dominator tree gives the nesting (N. Ramsey, "Beyond Relooper: recursive
//! translation of unstructured control flow to structured control flow", ICFP 2022).
//!
//! Also says where the budget is tested: every cycle passes a block with `checked` set.

use rustc_hash::{FxHashMap, FxHashSet};
use tinamou_ir::ops::Op;
use tinamou_ir::region::Region;

/// Paths without a budget test are kept about this short, in instructions.
const PATH_LIMIT: u32 = 256;

/// The graph.
pub struct Graph {
    /// Number of blocks; the node of this number is the entry, those after it are dispatchers.
    pub blocks: usize,
    /// Edges out of each node, with those of the same target repeated.
    succs: Vec<Vec<usize>>,
    /// Target of a `br_table` or of an edge from the middle of a block: needs a label of its own.
    labelled: Vec<bool>,
    /// An edge from the first node to the block in the second goes through this dispatcher first.
    routes: FxHashMap<(usize, usize), usize>,
    /// Blocks behind each dispatcher.
    heads: FxHashMap<usize, Vec<usize>>,
    /// Edges (after routing) that go back to a loop's head.
    back: FxHashSet<(usize, usize)>,
    /// Heads of loops, dispatchers among them.
    pub header: Vec<bool>,
    /// Blocks that test the budget before they start.
    pub checked: Vec<bool>,
    /// Longest way in instructions from the start of a block to the next test or out.
    pub longest: Vec<u32>,
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
        g.succs.push(entries);
        g.labelled.push(false);
        g.header.push(false);
        let reached = g.postorder(n, |_, _| true);
        for b in (0..n).filter(|b| !reached.contains(b)) {
            g.succs[b].clear();
        }
        let mut all: Vec<usize> = reached.into_iter().filter(|&v| v != n).collect();
        all.sort_unstable();
        g.make_reducible(&all);
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

    /// The dispatcher that the edge from node `from` to block `to` enters, if any.
    pub fn route(&self, from: usize, to: usize) -> Option<usize> {
        self.routes.get(&(from, to)).copied()
    }

    /// How the edge from `from` to block `to` is made.
    pub fn way(&self, from: usize, to: usize) -> Way {
        let node = self.route(from, to).unwrap_or(to);
        if self.back.contains(&(from, node)) {
            Way::Back(node)
        } else if self.merge[node] {
            Way::Forward(node)
        } else {
            Way::Inline(node)
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

    fn make_reducible(&mut self, nodes: &[usize]) {
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
            let Some(&primary) = heads.first() else {
                continue;
            };
            let head = if heads.len() == 1 {
                primary
            } else {
                self.dispatch(&inside, &heads, primary)
            };
            self.header[head] = true;
            if primary < self.blocks {
                self.checked[primary] = true;
            }
            for &u in &part {
                if self.succs[u].contains(&head) {
                    self.back.insert((u, head));
                }
            }
            let rest = self.cycles(&part);
            work.extend(rest);
        }
    }

    /// Puts a dispatcher before `heads` and returns it.
    fn dispatch(&mut self, inside: &FxHashSet<usize>, heads: &[usize], primary: usize) -> usize {
        let d = self.succs.len();
        for u in 0..d {
            let from_inside = inside.contains(&u);
            for i in 0..self.succs[u].len() {
                let v = self.succs[u][i];
                if (!from_inside && heads.contains(&v)) || (from_inside && v == primary) {
                    self.succs[u][i] = d;
                    self.routes.insert((u, v), d);
                }
            }
        }
        self.succs.push(heads.to_vec());
        self.heads.insert(d, heads.to_vec());
        self.header.push(false);
        self.labelled.push(true);
        heads.iter().for_each(|&h| self.labelled[h] = true);
        d
    }

    fn find_longest(&mut self, region: &Region, index: &FxHashMap<u64, usize>, entry: usize) {
        let order = self.postorder(entry, |u, v| !self.back.contains(&(u, v)));
        for b in order.into_iter().filter(|&b| b < self.blocks) {
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
                    let more = if self.checked[t] { 0 } else { self.longest[t] };
                    longest = longest.max(done + more);
                }
            }
            self.longest[b] = longest;
            self.checked[b] |= longest > PATH_LIMIT;
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
