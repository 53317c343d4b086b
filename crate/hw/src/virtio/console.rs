//! The console device (specification, section 5.3): one port, on a console port of the machine.

use tinamou_core::{DevCx, Input, stored};

use super::queue::Queues;
use super::{Kind, VirtioDevice};

const F_SIZE: u64 = 1;
const RX: usize = 0;
const TX: usize = 1;
/// Most bytes taken from one chain.
const OUT_MAX: usize = 1 << 20;

/// The device.
pub struct Console {
    port: u32,
    columns: u16,
    rows: u16,
    /// Bytes the driver has not yet had a buffer for.
    waiting: Vec<u8>,
}
stored!(Console {
    columns,
    rows,
    waiting
});

impl Console {
    /// A device on console port `port`.
    pub fn new(port: u32) -> Console {
        Console {
            port,
            columns: 80,
            rows: 25,
            waiting: Vec::new(),
        }
    }

    /// Gives the driver what was typed.
    fn feed(&mut self, cx: &mut dyn DevCx, queues: &mut Queues) {
        loop {
            if self.waiting.is_empty() {
                // As much as one buffer takes; the rest stays with the host.
                while self.waiting.len() < 4096
                    && let Some(c) = cx.console_in(self.port)
                {
                    self.waiting.push(c);
                }
            }
            if self.waiting.is_empty() {
                return;
            }
            let Some(c) = queues.pop(cx, RX) else { return };
            let n = c.write(cx, 0, &self.waiting);
            self.waiting.drain(..n);
            queues.push(cx, &c, n);
        }
    }
}

impl VirtioDevice for Console {
    fn kind(&self) -> Kind {
        Kind {
            id: 3,
            pci_device: 0x1003,
            class: [0x07, 0x80, 0x00],
            queues: &[128, 128],
        }
    }

    fn features(&self, _cx: &dyn DevCx) -> u64 {
        F_SIZE
    }

    fn config(&self, _cx: &dyn DevCx) -> Vec<u8> {
        let mut c = self.columns.to_le_bytes().to_vec();
        c.extend_from_slice(&self.rows.to_le_bytes());
        c.resize(12, 0);
        c
    }

    fn reset(&mut self, _cx: &mut dyn DevCx) {
        self.waiting.clear();
    }

    fn notify(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, n: usize) {
        if n == RX {
            return self.feed(cx, queues);
        }
        while let Some(c) = queues.pop(cx, TX) {
            let data = c.read(cx, 0, OUT_MAX);
            cx.console_out(self.port, &data);
            queues.push(cx, &c, 0);
        }
    }

    fn input(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, input: Input) -> bool {
        if matches!(input, Input::Console { port } if port == self.port) {
            self.feed(cx, queues);
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

    #[test]
    fn bytes_both_ways() {
        let make = || VirtioPci::new(Console::new(0));
        let mut b = Bench::new(make(), make);
        b.twice(|b| {
            let mut d = Driver::modern(b, F_SIZE);
            b.cx.out.clear();
            b.cx.mem[0x8000..0x8003].copy_from_slice(b"out");
            d.add(b, 1, &[(0x8000, 3)], &[]);
            d.kick(b, 1);
            assert_eq!(b.cx.out, b"out");
            b.type_in(b"typed");
            b.save_and_load();
            let head = d.add(b, 0, &[], &[(0x9000, 3)]);
            d.kick(b, 0);
            assert_eq!(d.used(b, 0), Some((head, 3)));
            let head = d.add(b, 0, &[], &[(0x9003, 9)]);
            d.kick(b, 0);
            assert_eq!(d.used(b, 0), Some((head, 2)));
            assert_eq!(&b.cx.mem[0x9000..0x9005], b"typed");
        });
        storm(&mut b, &[(0, 0x40), (1, 0x40), (1, 0x4000)], 30_000);
    }
}
