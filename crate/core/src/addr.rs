//! Guest addresses as types of their own, and the emulator's page granule.

use core::fmt;

/// log2 of the emulator's page size. Guest pages may be larger; every translation is cached in pieces of this size.
pub const PAGE_BITS: u32 = 12;
/// The emulator's page size in bytes.
pub const PAGE_SIZE: u64 = 1 << PAGE_BITS;
/// Mask of the page number of an address.
pub const PAGE_MASK: u64 = !(PAGE_SIZE - 1);

/// A guest virtual address. 32-bit guests keep the upper half zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Gva(pub u64);

/// A guest physical address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Gpa(pub u64);

impl Gva {
    /// The address of the page that holds this address.
    pub const fn page(self) -> Gva {
        Gva(self.0 & PAGE_MASK)
    }
}

impl Gpa {
    /// The address of the page that holds this address.
    pub const fn page(self) -> Gpa {
        Gpa(self.0 & PAGE_MASK)
    }

    /// Byte offset inside its page.
    pub const fn page_offset(self) -> u32 {
        (self.0 & !PAGE_MASK) as u32
    }
}

impl fmt::Debug for Gva {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gva:{:#x}", self.0)
    }
}

impl fmt::Debug for Gpa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gpa:{:#x}", self.0)
    }
}
