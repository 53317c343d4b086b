//! No machine code for this host: the interpreter runs all.

use super::{Left, Link, Piece, Source};
use crate::guest::State;

/// The pieces of all blocks: there are none.
pub enum Native {}

impl Native {
    /// `None`.
    pub fn new() -> Option<Native> {
        None
    }

    /// Translates a block.
    pub fn add(&mut self, _source: &Source) -> Option<Piece> {
        match *self {}
    }

    /// Whether there is no room for what may come.
    pub fn is_full(&self) -> bool {
        match *self {}
    }

    /// Forgets all pieces.
    pub fn clear(&mut self) {
        match *self {}
    }

    /// The block's piece goes back at its next entry.
    pub fn stop(&mut self, _block: u32) {
        match *self {}
    }

    /// Whether the block went back to be counted, or was stopped.
    pub fn is_due(&self, _block: u32) -> bool {
        match *self {}
    }

    /// The block was counted.
    pub fn counted(&mut self, _block: u32) {
        match *self {}
    }

    /// Lets a constant jump lead to a piece at once.
    pub fn link(&mut self, _link: Link, _to: Piece) {
        match *self {}
    }

    /// Lets computed jumps to `pc` lead to its piece.
    pub fn set_target(&mut self, _pc: u64, _piece: Piece) {
        match *self {}
    }

    /// Enters a block.
    pub fn run(
        &mut self,
        _piece: Piece,
        _block: u32,
        _generation: u32,
        _once: bool,
        _state: &State,
    ) -> Left {
        match *self {}
    }
}
