//! Passes over regions, each a file, in one visible list.
//!
//! Every pass looks at one block at a time and takes time linear in its length. After them values may live across markers
//! inside a block, so that only its start can be entered; exits and faults find the slots as the unchanged block would leave
//! them. In debug builds the verifier runs behind every pass.

mod bits;
mod cse;
mod dead_code;
pub(crate) mod dead_slots;
mod fold;
mod forward;
mod rewrite;

#[cfg(test)]
mod tests;

use crate::block::Block;
use crate::region::Region;
use crate::types::{HelperDesc, SlotTable};
use crate::verify::{Form, verify_region};

/// A pass.
#[derive(Clone, Copy)]
pub struct Pass {
    /// Name in dumps.
    pub name: &'static str,
    /// Changes one block.
    pub run: fn(&mut Block, &SlotTable, &[HelperDesc]),
}

/// All passes, in the order they run.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "forward",
        run: forward::run,
    },
    Pass {
        name: "fold",
        run: fold::run,
    },
    Pass {
        name: "cse",
        run: cse::run,
    },
    Pass {
        name: "dead_slots",
        run: dead_slots::run,
    },
    Pass {
        name: "dead_code",
        run: dead_code::run,
    },
];

/// Runs all passes.
///
/// # Panics
/// In debug builds, when a pass breaks a rule of the verifier: a bug of the pass, or of who made the region.
pub fn optimise(region: &mut Region, slots: &SlotTable, helpers: &[HelperDesc]) {
    for pass in PASSES {
        for block in &mut region.blocks {
            (pass.run)(block, slots, helpers);
        }
        if cfg!(debug_assertions)
            && let Err(error) = verify_region(region, slots, helpers, Form::Optimised)
        {
            panic!("after {}: {error}", pass.name);
        }
    }
}
