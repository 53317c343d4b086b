//! ATA and ATAPI drives on a two-channel PCI IDE controller.
pub mod atapi;
pub mod channel;
pub mod identify;
pub mod piix_ide;
#[cfg(test)]
mod tests;
