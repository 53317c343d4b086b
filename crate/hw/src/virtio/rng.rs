//! The entropy device (specification, section 5.4). Its bytes come from a generator that is seeded with the machine, so that a run can
//! be repeated; a host that wants real entropy seeds it with some. They are no secret to anyone who has seen a few.

use tinamou_core::{DevCx, stored};

use super::queue::Queues;
use super::{Kind, VirtioDevice};

/// Most bytes of one answer.
const ANSWER: usize = 4096;

/// The device.
pub struct Rng {
    state: u64,
}
stored!(Rng { state });

impl Rng {
    /// A device with this seed.
    pub fn new(seed: u64) -> Rng {
        Rng { state: seed }
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

impl VirtioDevice for Rng {
    fn kind(&self) -> Kind {
        Kind {
            id: 4,
            pci_device: 0x1005,
            class: [0x00, 0xff, 0x00],
            queues: &[16],
        }
    }

    fn features(&self, _cx: &dyn DevCx) -> u64 {
        0
    }

    fn config(&self, _cx: &dyn DevCx) -> Vec<u8> {
        Vec::new()
    }

    fn notify(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, n: usize) {
        while let Some(c) = queues.pop(cx, n) {
            let len = c.writable().min(ANSWER);
            let mut data = Vec::with_capacity(len + 8);
            while data.len() < len {
                data.extend_from_slice(&self.next().to_le_bytes());
            }
            data.truncate(len);
            let n = c.write(cx, 0, &data);
            queues.push(cx, &c, n);
        }
    }
}
