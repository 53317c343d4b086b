//! The traditional memory balloon (specification, section 5.5). The pages that the driver gives up are noted, not taken away: the
//! guest's memory stays as large on the host.

use tinamou_core::{DevCx, Input, stored};

use super::queue::Queues;
use super::{Kind, VirtioDevice};

const PAGE_BYTES: u64 = 4096;
/// Most page numbers taken from one chain.
const NUMBERS_MAX: usize = 1 << 20;

/// The device.
pub struct Balloon {
    ram_bytes: u64,
    target: u32,
    actual: u32,
}
stored!(Balloon { target, actual });

impl Balloon {
    /// A balloon in a machine with this much memory.
    pub fn new(ram_bytes: u64) -> Balloon {
        Balloon {
            ram_bytes,
            target: 0,
            actual: 0,
        }
    }
}

impl VirtioDevice for Balloon {
    fn kind(&self) -> Kind {
        Kind {
            id: 5,
            pci_device: 0x1002,
            class: [0x00, 0xff, 0x00],
            queues: &[128, 128],
        }
    }

    fn features(&self, _cx: &dyn DevCx) -> u64 {
        0
    }

    fn config(&self, _cx: &dyn DevCx) -> Vec<u8> {
        let mut c = self.target.to_le_bytes().to_vec();
        c.extend_from_slice(&self.actual.to_le_bytes());
        c
    }

    fn config_write(&mut self, at: usize, v: u8) {
        // The driver tells how far it has come.
        if let Some(i @ 0..4) = at.checked_sub(4) {
            let mut b = self.actual.to_le_bytes();
            b[i] = v;
            self.actual = u32::from_le_bytes(b);
        }
    }

    fn notify(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, n: usize) {
        while let Some(c) = queues.pop(cx, n) {
            let numbers = c.read(cx, 0, NUMBERS_MAX);
            let beyond = numbers.chunks_exact(4).any(|p| {
                u64::from(u32::from_le_bytes([p[0], p[1], p[2], p[3]])) * PAGE_BYTES
                    >= 2 * self.ram_bytes + (4 << 30)
            });
            if beyond {
                cx.guest_error(format_args!("a page beyond memory in the balloon"));
            }
            queues.push(cx, &c, 0);
        }
    }

    fn input(&mut self, _cx: &mut dyn DevCx, _queues: &mut Queues, input: Input) -> bool {
        if let Input::MemoryTarget { bytes } = input {
            let pages = self.ram_bytes.saturating_sub(bytes) / PAGE_BYTES;
            self.target = u32::try_from(pages).unwrap_or(u32::MAX);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::pci::VirtioPci;
    use super::super::testing::Driver;
    use super::*;
    use crate::testing::{Bench, storm};
    use tinamou_core::Device;

    #[test]
    fn target_and_progress() {
        let make = || VirtioPci::new(Balloon::new(64 << 20));
        let mut b = Bench::new(make(), make);
        b.twice(|b| {
            let mut d = Driver::modern(b, 0);
            b.dev
                .input(&mut b.cx, Input::MemoryTarget { bytes: 60 << 20 });
            assert_eq!(b.read(1, 0x1000, 1), 2, "configuration changed");
            assert_eq!(b.read(1, 0x2000, 4), 1024);
            b.save_and_load();
            let head = d.add(b, 0, &[(0x8000, 400)], &[]);
            d.kick(b, 0);
            assert_eq!(d.used(b, 0), Some((head, 0)));
            b.write(1, 0x2004, 4, 100);
            assert_eq!(b.read(1, 0x2004, 4), 100);
        });
        storm(&mut b, &[(0, 0x40), (1, 0x40), (1, 0x4000)], 30_000);
    }
}
