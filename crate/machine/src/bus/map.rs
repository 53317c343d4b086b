//! From mappings in several address spaces to one sorted list of ranges of the CPU's physical space.

use tinamou_core::{MapTo, Mapping, Space};

use super::Block;
use crate::devices::Board;

/// What a flat range leads to; addresses count from the range's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// Memory; a store to memory that is not writable goes to `rom` (device, region, offset) if there is one.
    Ram {
        arena: u32,
        writable: bool,
        rom: Option<(usize, u32, u64)>,
    },
    /// A device's registers.
    Dev {
        dev: usize,
        region: u32,
        offset: u64,
        widest: u32,
    },
    /// Decoded, but nothing there: reads give ones or zeros, writes vanish.
    Open { all_ones: bool },
}

impl Target {
    fn advanced(self, by: u64) -> Target {
        match self {
            Target::Ram {
                arena,
                writable,
                rom,
            } => Target::Ram {
                arena: arena.wrapping_add(by as u32),
                writable,
                rom: rom.map(|(d, r, o)| (d, r, o + by)),
            },
            Target::Dev {
                dev,
                region,
                offset,
                widest,
            } => Target::Dev {
                dev,
                region,
                offset: offset + by,
                widest,
            },
            Target::Open { .. } => self,
        }
    }
}

/// Inclusive range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FlatRange {
    pub first: u64,
    pub last: u64,
    pub to: Target,
}

/// Lays `new` over `under`, which stays sorted and without overlaps.
fn paint(under: &mut Vec<FlatRange>, new: FlatRange) {
    let mut out = Vec::with_capacity(under.len() + 2);
    for r in under.drain(..) {
        if r.last < new.first || r.first > new.last {
            out.push(r);
            continue;
        }
        if r.first < new.first {
            out.push(FlatRange {
                last: new.first - 1,
                ..r
            });
        }
        if r.last > new.last {
            let first = new.last + 1;
            out.push(FlatRange {
                first,
                last: r.last,
                to: r.to.advanced(first - r.first),
            });
        }
    }
    let at = out.partition_point(|r| r.first < new.first);
    out.insert(at, new);
    *under = out;
}

fn layer(
    space: Space,
    blocks: &[Block],
    all: &[(usize, Mapping)],
    out: &mut Vec<FlatRange>,
    depth: u32,
) {
    let mut here: Vec<_> = all
        .iter()
        .filter(|(_, m)| m.space == space && m.len != 0)
        .collect();
    here.sort_by_key(|(_, m)| m.priority); // stable: later entries win among equals
    for &&(dev, m) in &here {
        let Some(last) = m.base.checked_add(m.len - 1) else {
            continue;
        };
        let to = match m.to {
            MapTo::Regs { region, widest } => Target::Dev {
                dev,
                region,
                offset: 0,
                widest,
            },
            MapTo::Block {
                block,
                offset,
                writable,
                region,
            } => {
                let Some(b) = blocks.get(block.0 as usize) else {
                    continue;
                };
                if offset.checked_add(m.len).is_none_or(|e| e > b.bytes) {
                    continue;
                }
                let arena = b.arena + offset as u32;
                Target::Ram {
                    arena,
                    writable,
                    rom: Some((dev, region, offset)),
                }
            }
            MapTo::Window { space: inner, base } => {
                paint(
                    out,
                    FlatRange {
                        first: m.base,
                        last,
                        to: Target::Open { all_ones: true },
                    },
                );
                if depth == 0 {
                    continue;
                }
                let mut seen = Vec::new();
                layer(inner, blocks, all, &mut seen, depth - 1);
                let end = base.saturating_add(m.len - 1);
                for r in seen {
                    let (f, l) = (r.first.max(base), r.last.min(end));
                    if f > l {
                        continue;
                    }
                    let to = r.to.advanced(f - r.first);
                    let first = f - base + m.base;
                    paint(
                        out,
                        FlatRange {
                            first,
                            last: first + (l - f),
                            to,
                        },
                    );
                }
                continue;
            }
        };
        paint(
            out,
            FlatRange {
                first: m.base,
                last,
                to,
            },
        );
    }
}

/// The flat map of the system space.
pub(super) fn flatten(
    board: &Board,
    ram_bytes: u64,
    blocks: &[Block],
    all: &[(usize, Mapping)],
) -> Vec<FlatRange> {
    let mut out = Vec::new();
    for &(base, len) in board.open {
        paint(
            &mut out,
            FlatRange {
                first: base,
                last: base + len - 1,
                to: Target::Open { all_ones: false },
            },
        );
    }
    layer(Space::System, blocks, all, &mut out, 3);
    // RAM wins over everything.
    for v in board.ram {
        let len = ram_bytes.saturating_sub(v.offset).min(v.max_bytes);
        let Some(b) = blocks.first() else { break };
        if len == 0 {
            continue;
        }
        let to = Target::Ram {
            arena: b.arena + v.offset as u32,
            writable: true,
            rom: None,
        };
        paint(
            &mut out,
            FlatRange {
                first: v.base,
                last: v.base + len - 1,
                to,
            },
        );
    }
    out
}
