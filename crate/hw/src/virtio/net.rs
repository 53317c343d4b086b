//! The network device (specification, section 5.1) on a network port: one pair of queues, no offloads.

use tinamou_core::{DevCx, Input, stored};

use super::pci::F_VERSION_1;
use super::queue::Queues;
use super::{Kind, VirtioDevice};

const F_MAC: u64 = 1 << 5;
const F_STATUS: u64 = 1 << 16;

const RX: usize = 0;
const TX: usize = 1;
const LINK_UP: u16 = 1;
/// Longest frame taken from the driver.
const FRAME_MAX: usize = 65_550;

/// The device.
pub struct Net {
    port: u32,
    mac: [u8; 6],
}
stored!(Net { mac });

impl Net {
    /// A device on network port `port` with this address.
    pub fn new(port: u32, mac: [u8; 6]) -> Net {
        Net { port, mac }
    }

    /// Bytes before each frame: the last field is there for modern drivers only.
    fn header(queues: &Queues) -> usize {
        if queues.has(F_VERSION_1) { 12 } else { 10 }
    }
}

impl VirtioDevice for Net {
    fn kind(&self) -> Kind {
        Kind {
            id: 1,
            pci_device: 0x1000,
            class: [0x02, 0x00, 0x00],
            queues: &[256, 256],
        }
    }

    fn features(&self, _cx: &dyn DevCx) -> u64 {
        F_MAC | F_STATUS
    }

    fn config(&self, _cx: &dyn DevCx) -> Vec<u8> {
        let mut c = self.mac.to_vec();
        c.extend_from_slice(&LINK_UP.to_le_bytes());
        c
    }

    fn notify(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, n: usize) {
        if n != TX {
            return;
        }
        let skip = Net::header(queues);
        while let Some(c) = queues.pop(cx, TX) {
            let frame = c.read(cx, skip, FRAME_MAX);
            if !frame.is_empty() {
                cx.net_out(self.port, &frame);
            }
            queues.push(cx, &c, 0);
        }
    }

    fn input(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, input: Input) -> bool {
        if let Input::Net { port, frame } = input
            && port == self.port
            && let Some(c) = queues.pop(cx, RX)
        {
            let mut data = vec![0; Net::header(queues)];
            if data.len() == 12 {
                // One buffer.
                data[10] = 1;
            }
            data.extend_from_slice(&frame);
            let n = c.write(cx, 0, &data);
            queues.push(cx, &c, n);
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

    fn bench() -> Bench<VirtioPci<Net>> {
        let make = || VirtioPci::new(Net::new(0, [2, 0, 0, 0, 0, 1]));
        Bench::new(make(), make)
    }

    #[test]
    fn frames_both_ways() {
        bench().twice(|b| {
            let mut d = Driver::modern(b, F_MAC);
            assert_eq!(b.read(1, 0x2005, 1), 1);
            b.cx.frames.clear();
            b.cx.mem[0x8000..0x8010].copy_from_slice(b"............abcd");
            d.add(b, 1, &[(0x8000, 12), (0x800c, 4)], &[]);
            d.kick(b, 1);
            assert_eq!(b.cx.frames, [b"abcd".to_vec()]);
            let head = d.add(b, 0, &[], &[(0x9000, 2000)]);
            b.save_and_load();
            let frame = || Input::Net {
                port: 0,
                frame: b"hello".to_vec(),
            };
            b.dev.input(&mut b.cx, frame());
            assert_eq!(d.used(b, 0), Some((head, 17)));
            assert_eq!(&b.cx.mem[0x900c..0x9011], b"hello");
            assert_eq!(b.cx.mem[0x900a], 1);
            b.dev.input(&mut b.cx, frame());
            assert_eq!(d.used(b, 0), None, "no buffer: dropped");
        });
        let mut b = bench();
        Driver::modern(&mut b, 0);
        storm(&mut b, &[(0, 0x40), (1, 0x40), (1, 0x4000)], 30_000);
    }
}
