//! Boards, one file each.

pub mod pc;
