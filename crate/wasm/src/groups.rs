//! Accesses of a block that share one address check: same base, same MMU index, constant distances. The first of a group, its
//! leader, is also checked for all of the group lying in its page and being aligned; the others follow without a check, at a
//! constant distance from the group's lowest address in the arena.
//!
//! A leader whose group does not lie in one page leaves for the interpreter, which is right but slow: a site where that happens
//! again and again is compiled anew with `MemArg::alone`.

use tinamou_ir::block::{Block, Val};
use tinamou_ir::ops::Op;
use tinamou_ir::types::{HelperDesc, Type};

use crate::live;

/// Largest distance in bytes from a group's lowest to its highest byte: frames and structures fit, and few straddle pages.
const MAX_SPAN: i64 = 512;

/// A group of at least two accesses.
#[derive(Clone)]
pub struct Group {
    /// Lowest address, as a distance from the leader's.
    pub low: i64,
    /// Highest byte, as a distance from the leader's address.
    pub high: i64,
    /// Bits of the leader's address that must be clear, for alignment.
    pub align: u32,
    /// Its last access.
    pub last: usize,
    /// The local with the arena address of the lowest byte, once the leader has been emitted.
    pub local: Option<u32>,
}

/// What an access is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Checks for itself.
    Alone,
    /// Checks for its group.
    Leader(u32),
    /// Was checked by its group's leader; so many bytes above the group's lowest address.
    Member(u32, u32),
}

/// Groups of a block.
#[derive(Clone)]
pub struct Groups {
    /// By instruction; `Alone` for what is no access.
    pub roles: Vec<Role>,
    /// The groups.
    pub list: Vec<Group>,
}

struct Open {
    root: Val,
    mmu: u8,
    write: bool,
    /// Distance of the leader's address from the root.
    lead: i64,
    /// The leader checks this alignment; none if accesses may be misaligned.
    align: Option<u32>,
    leader: usize,
    /// Distances from the root: lowest address, byte behind the highest.
    range: (i64, i64),
    members: Vec<(usize, i64)>,
}

/// The value that `v` is a constant distance from, and the distance.
fn root(block: &Block, mut v: Val) -> (Val, i64) {
    let mut distance = 0i64;
    loop {
        let inst = &block.insts[v.index()];
        if inst.op != Op::Add {
            return (v, distance);
        }
        let by = &block.insts[inst.args[1].index()];
        if by.op != Op::Const {
            return (v, distance);
        }
        distance = distance.wrapping_add(match block.va_type {
            Type::I32 => by.imm as i32 as i64,
            _ => by.imm as i64,
        });
        v = inst.args[0];
    }
}

impl Groups {
    /// Finds the groups of a block.
    pub fn new(block: &Block, helpers: &[HelperDesc]) -> Groups {
        let mut groups = Groups {
            roles: vec![Role::Alone; block.insts.len()],
            list: Vec::new(),
        };
        let mut open: Vec<Open> = Vec::new();
        for (i, inst) in block.insts.iter().enumerate() {
            let (address, write) = match inst.op {
                Op::Load => (inst.args[0], false),
                Op::Store => (inst.args[0], true),
                Op::StoreIf => (inst.args[1], true),
                // What a helper does may change what is mapped.
                Op::Call if live::is_barrier(&helpers[inst.imm as usize]) => {
                    groups.close(&mut open);
                    continue;
                }
                _ => continue,
            };
            let m = inst.mem();
            if m.inline_slow {
                groups.close(&mut open);
                continue;
            }
            if m.alone {
                continue;
            }
            let (root, at) = root(block, address);
            let align = m.aligned.then_some(m.bytes() - 1);
            let found = open
                .iter_mut()
                .find(|o| o.root == root && o.mmu == m.mmu && o.write == write);
            if let Some(o) = found
                && o.takes(at, m.bytes(), align)
            {
                o.members.push((i, at));
                continue;
            }
            if inst.op == Op::StoreIf {
                continue;
            }
            if let Some(old) = open
                .iter()
                .position(|o| o.root == root && o.mmu == m.mmu && o.write == write)
            {
                let old = open.swap_remove(old);
                groups.add(old);
            }
            open.push(Open {
                root,
                mmu: m.mmu,
                write,
                lead: at,
                align,
                leader: i,
                range: (at, at.wrapping_add(m.bytes() as i64)),
                members: Vec::new(),
            });
        }
        groups.close(&mut open);
        groups
    }

    fn close(&mut self, open: &mut Vec<Open>) {
        open.drain(..).for_each(|o| self.add(o));
    }

    fn add(&mut self, o: Open) {
        let Some(&(last, _)) = o.members.last() else {
            return;
        };
        let g = self.list.len() as u32;
        self.roles[o.leader] = Role::Leader(g);
        for &(i, at) in &o.members {
            self.roles[i] = Role::Member(g, (at - o.range.0) as u32);
        }
        self.list.push(Group {
            low: o.range.0 - o.lead,
            high: o.range.1 - 1 - o.lead,
            align: o.align.unwrap_or(0),
            last,
            local: None,
        });
    }
}

impl Open {
    /// Whether an access joins the group; widens the group for it.
    fn takes(&mut self, at: i64, bytes: u32, align: Option<u32>) -> bool {
        let end = at.saturating_add(bytes as i64);
        let range = (self.range.0.min(at), self.range.1.max(end));
        if range.1.saturating_sub(range.0) > MAX_SPAN || self.align.is_some() != align.is_some() {
            return false;
        }
        if let (Some(has), Some(needs)) = (self.align, align) {
            // Aligned with the leader's address or not at all.
            if (at - self.lead) as u32 & needs != 0 {
                return false;
            }
            self.align = Some(has | needs);
        }
        self.range = range;
        true
    }
}
