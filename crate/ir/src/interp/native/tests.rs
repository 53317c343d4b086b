//! How pieces run on into each other, and when they go back to the run loop. What their ops do is compared with the interpreter's in `interp::tests`.

use std::rc::Rc;

use tinamou_arena::Arena;

use super::{COUNTED, Left, Link, Native, Piece, Source};
use crate::builder::Builder;
use crate::guest::State;
use crate::interp::translate;
use crate::layout;
use crate::types::{JumpKind, Slot, SlotTable, Type};

/// Block 0 at 0x1000 counts slot n up and jumps to block 1 at 0x2000, which jumps to the address in slot t.
struct Two {
    native: Native,
    state: State,
    slots: Rc<SlotTable>,
    pieces: [Piece; 2],
}

const INSNS: [u32; 2] = [2, 1];
const GENERATION: u32 = 7;
const MODE: u32 = 3;

fn two() -> Option<Two> {
    let mut slots = SlotTable::default();
    let n = slots.push("n", Type::I32);
    let t = slots.push("t", Type::I32);
    let slots = Rc::new(slots);
    let arena = Arena::new().unwrap();
    let base = arena.alloc(slots.state_bytes() as u64, 8).unwrap();
    let state = State { arena, base };
    let mut native = Native::new()?;
    let pieces = [0, 1].map(|block| {
        let pc = 0x1000 * (block as u64 + 1);
        let mut b = Builder::new(slots.clone(), pc, MODE, Type::I32);
        b.insn(pc, 0);
        if block == 0 {
            let one = b.constant(Type::I32, 1);
            let v = b.get(n);
            let sum = b.add(v, one);
            b.set(n, sum);
            b.insn(pc + 4, 0);
            b.jump(0x2000);
        } else {
            let to = b.get(t);
            b.jump_ind(to, JumpKind::Jump);
        }
        let code = translate(&b.finish(8), &slots, &[]);
        let source = Source {
            block,
            pc,
            mode: MODE,
            insns: INSNS[block as usize],
            generation: Some(layout::CODE_GEN),
            words: code.words(),
        };
        native.add(&source).unwrap()
    });
    state.write32(layout::CODE_GEN, GENERATION);
    state.write32(layout::MODE, MODE);
    state.set_slot(&slots, t, 0x1000);
    Some(Two {
        native,
        state,
        slots,
        pieces,
    })
}

impl Two {
    /// Enters block `n` with this budget; how it ended, and what is left.
    fn run(&mut self, n: u32, budget: u32) -> (Left, u32) {
        self.state.write32(layout::BUDGET, budget);
        let piece = self.pieces[n as usize];
        let left = self.native.run(piece, n, GENERATION, false, &self.state);
        (left, self.state.read32(layout::BUDGET))
    }

    fn count(&self) -> u64 {
        self.state.slot(&self.slots, Slot(0))
    }

    fn link(&mut self) -> Link {
        match self.run(0, 100) {
            (
                Left::Jump {
                    from: 0,
                    pc: 0x2000,
                    link,
                },
                98,
            ) => link,
            other => panic!("{other:?}"),
        }
    }

    /// Both blocks lead to each other.
    fn joined() -> Option<Two> {
        let mut two = two()?;
        // Block 1 is entered once, so that the generation by which it was found is known.
        assert_eq!(
            two.run(1, 100),
            (
                Left::Indirect {
                    from: 1,
                    pc: 0x1000
                },
                99
            )
        );
        let link = two.link();
        two.native.link(link, two.pieces[1]);
        two.native.set_target(0x1000, two.pieces[0]);
        Some(two)
    }
}

const fn not_entered(block: u32) -> Left {
    Left::NotEntered {
        block,
        pc: 0x1000 * (block as u64 + 1),
    }
}

#[test]
fn pieces_run_on_until_the_budget_does_not_cover_the_next() {
    let Some(mut two) = Two::joined() else { return };
    let before = two.count();
    // Three rounds of three; two more are block 0's, and one too few.
    assert_eq!(two.run(0, 11), (not_entered(1), 0));
    assert_eq!(two.count() - before, 4);
    assert_eq!(two.run(0, 10), (not_entered(0), 1));
    assert!(!two.native.is_due(0));
}

#[test]
fn a_piece_goes_back_to_be_counted() {
    let Some(mut two) = Two::joined() else { return };
    let before = two.count();
    let enough = 4 * COUNTED;
    let (left, _) = two.run(0, enough);
    // Block 0 was entered once before, and block 1 once.
    assert_eq!(left, not_entered(0));
    assert_eq!(two.count() - before, COUNTED as u64 - 2);
    assert!(two.native.is_due(0) && !two.native.is_due(1));
    two.native.counted(0);
    assert_eq!(two.run(0, enough).0, not_entered(1));
}

#[test]
fn a_stopped_block_is_entered_by_the_run_loop_alone() {
    let Some(mut two) = Two::joined() else { return };
    two.native.stop(1);
    assert_eq!(two.run(0, 100), (not_entered(1), 98));
    assert!(two.native.is_due(1));
    two.native.stop(1);
    let left = two
        .native
        .run(two.pieces[1], 1, GENERATION, true, &two.state);
    // On to block 0, and back at block 1.
    assert_eq!(left, not_entered(1));
    assert_eq!(two.state.read32(layout::BUDGET), 95);
}

#[test]
fn mappings_and_modes_are_those_of_the_piece() {
    let Some(mut two) = Two::joined() else { return };
    // Block 1 was found under another generation than the one in force.
    two.state.write32(layout::CODE_GEN, GENERATION + 1);
    two.state.write32(layout::BUDGET, 100);
    let left = two
        .native
        .run(two.pieces[0], 0, GENERATION + 1, false, &two.state);
    assert_eq!(left, not_entered(1));
    two.state.write32(layout::CODE_GEN, GENERATION);
    // A computed jump into the same code in another mode.
    two.state.write32(layout::MODE, MODE + 1);
    assert_eq!(two.run(1, 100), (not_entered(0), 99));
    two.state.write32(layout::MODE, MODE);
    // Where the table knows another pc of the same place.
    two.state
        .set_slot(&two.slots.clone(), Slot(1), 0x1000 ^ 0x0100_1000);
    assert_eq!(
        two.run(1, 100),
        (
            Left::Indirect {
                from: 1,
                pc: 0x1000 ^ 0x0100_1000
            },
            99
        )
    );
}

#[test]
fn no_pc_is_known_to_an_empty_table() {
    let Some(mut two) = two() else { return };
    for pc in [0, 1, 0x1000, u32::MAX as u64] {
        two.state.set_slot(&two.slots.clone(), Slot(1), pc);
        assert_eq!(two.run(1, 100), (Left::Indirect { from: 1, pc }, 99));
    }
}
