//! What becomes of one block of guest code, for people: its IR as lifted and after the passes, and the module that it would be if it were
//! compiled alone. Nothing is run or kept.

use tinamou_ir::guest::{CodeFetch, Fault, Guest, Lasting};
use tinamou_ir::region::Region;
use tinamou_ir::{passes, text};
use tinamou_wasm::{Env, Features, compile_module};

/// A block in all its forms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Guest instructions.
    pub insns: u32,
    /// Their bytes.
    pub code_bytes: u32,
    /// IR as the lifter wrote it.
    pub ir: String,
    /// IR after the passes.
    pub optimised: String,
    /// The WebAssembly module.
    pub module: Vec<u8>,
}

/// Lifts and compiles the block at `pc`.
///
/// # Errors
/// The fault of fetching the first instruction.
pub fn show(
    guest: &dyn Guest,
    code: &mut dyn CodeFetch,
    pc: u64,
    mode: u32,
    max_insns: u32,
) -> Result<Shown, Fault> {
    let block = guest.lift(code, pc, mode, max_insns)?;
    let slots = guest.slots();
    let ir = text::print_block(&block, &slots, guest.helpers());
    let (insns, code_bytes) = (block.insn_count, block.code_bytes);
    let mut region = Region {
        blocks: vec![block],
        entries: vec![0],
        lasting: Lasting::Fixed,
        hot: false,
    };
    passes::optimise(&mut region, &slots, guest.helpers());
    let optimised = text::print_block(&region.blocks[0], &slots, guest.helpers());
    let env = Env {
        slots: &slots,
        helpers: guest.helpers(),
        va_type: guest.va_type(),
        features: Features {
            tail_calls: true,
            branch_hints: false,
            wide_multiply: false,
        },
        guess: guest.guesses(),
    };
    let module = compile_module(&[region], &env).bytes;
    Ok(Shown {
        insns,
        code_bytes,
        ir,
        optimised,
        module,
    })
}
