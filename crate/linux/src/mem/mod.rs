//! Memory of processes: page frames in the arena, counted and shared, and address spaces of mappings over them.
//!
//! A frame's physical address is its arena offset. Address spaces fill the softmmu's page maps on demand ([`Space::fault`]); fork shares
//! frames and the first store copies. Frames of a file's pages come from a cache by file identity, so that a program run again finds its
//! translated code. Direct addressing (DESIGN.md, "Addresses": guest memory at `va + constant` in the arena for a single process's private
//! memory) would replace [`frames`] behind [`Space`] for such a process; the page map here stays the general scheme.

pub mod frames;
pub mod pages;
pub mod space;

pub use frames::Frames;
pub use pages::{FileCache, PageSet};
pub use space::{Backing, Space, Vma, prot};

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// `n` rounded up to whole pages.
pub fn page_up(n: u64) -> u64 {
    n.saturating_add(PAGE - 1) & !(PAGE - 1)
}
