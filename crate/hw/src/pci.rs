//! PCI: configuration space and host bridges.
pub mod config;
pub mod gt64120;
pub mod i440fx;
pub mod msix;
