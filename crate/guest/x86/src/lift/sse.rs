//! sse.

use iced_x86::Mnemonic;

use super::Lifter;

/// Lifts an instruction of this group; false if it is none.
pub fn lift(_: &mut Lifter<'_>, _: Mnemonic) -> bool {
    false
}
