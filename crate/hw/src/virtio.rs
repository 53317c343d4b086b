//! Virtio devices (OASIS, "Virtual I/O Device (VIRTIO) Version 1.2") on PCI, for modern drivers and for legacy ones.
//!
//! [`pci`] is the transport, [`queue`] the split virtqueues, the other modules the devices. A guest's descriptors are hostile: they
//! are checked as they are followed, and a broken ring stops its device until the driver resets it. Not modelled: packed rings,
//! event indices, the PCI configuration access capability.

use tinamou_core::{DevCx, Input, Stored};

pub mod balloon;
pub mod blk;
pub mod console;
pub mod net;
pub mod p9;
pub mod pci;
pub mod queue;
pub mod rng;
#[cfg(test)]
pub(crate) mod testing;

use queue::Queues;

/// What sets a device type apart.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The device type's number.
    pub id: u16,
    /// PCI device identity of the transitional device.
    pub pci_device: u16,
    /// PCI class code.
    pub class: [u8; 3],
    /// Most descriptors of each queue.
    pub queues: &'static [u16],
}

/// A device behind a transport.
pub trait VirtioDevice: Stored {
    /// Its type.
    fn kind(&self) -> Kind;

    /// Features it offers besides the transport's own.
    fn features(&self, cx: &dyn DevCx) -> u64;

    /// Its configuration space at present.
    fn config(&self, cx: &dyn DevCx) -> Vec<u8>;

    /// The driver writes a byte of configuration space.
    fn config_write(&mut self, _at: usize, _v: u8) {}

    /// The driver has reset the device, or the machine was.
    fn reset(&mut self, _cx: &mut dyn DevCx) {}

    /// The driver says that there is something in queue `n`.
    fn notify(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, n: usize);

    /// News from the host. True when configuration space has changed.
    fn input(&mut self, _cx: &mut dyn DevCx, _queues: &mut Queues, _input: Input) -> bool {
        false
    }
}
