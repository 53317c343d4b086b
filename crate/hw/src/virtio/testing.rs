//! A driver for tests: sets a device up and works its queues.

use tinamou_core::Device;

use crate::testing::Bench;

/// Where queue 0 lies; each queue takes 3000h bytes: descriptors, the driver's ring, the device's.
pub const QUEUE: u64 = 0x2_0000;
const STEP: u64 = 0x3000;
const SIZE: u64 = 16;

pub struct Driver {
    legacy: bool,
    next: [u16; 4],
    avail: [u16; 4],
    used: [u16; 4],
    seen: [u16; 4],
    rings: [[u64; 3]; 4],
    size: u64,
}

impl Driver {
    fn new(legacy: bool, size: u64, rings: [[u64; 3]; 4]) -> Driver {
        Driver {
            legacy,
            next: [0; 4],
            avail: [0; 4],
            used: [0; 4],
            seen: [0; 4],
            rings,
            size,
        }
    }

    /// Brings the device up by the modern structures with these features and VERSION_1.
    pub fn modern<D: Device>(b: &mut Bench<D>, features: u64) -> Driver {
        let rings = [0, 1, 2, 3].map(|i| [0, 1, 2].map(|r| QUEUE + i * STEP + r * 0x1000));
        let features = features | 1 << 32;
        b.cx.mem[QUEUE as usize..][..4 * STEP as usize].fill(0);
        for (at, size, v) in [
            (20, 1, 0),
            (20, 1, 3),
            (8, 4, 0),
            (12, 4, features & 0xffff_ffff),
            (8, 4, 1),
            (12, 4, features >> 32),
            (20, 1, 0x0b),
        ] {
            b.write(1, at, size, v);
        }
        assert_eq!(b.read(1, 20, 1), 0x0b, "features taken");
        for n in 0..b.read(1, 18, 2).min(4) {
            b.write(1, 22, 2, n);
            b.write(1, 24, 2, SIZE);
            for (at, v) in [32, 40, 48].into_iter().zip(rings[n as usize]) {
                b.write(1, at, 4, v);
                b.write(1, at + 4, 4, 0);
            }
            b.write(1, 28, 2, 1);
        }
        b.write(1, 20, 1, 0x0f);
        Driver::new(false, SIZE, rings)
    }

    /// Brings the device up by the legacy registers.
    pub fn legacy<D: Device>(b: &mut Bench<D>) -> Driver {
        b.write(0, 18, 1, 0);
        b.write(0, 18, 1, 3);
        let f = b.read(0, 0, 4);
        b.write(0, 4, 4, f);
        b.write(0, 14, 2, 0);
        let size = b.read(0, 12, 2);
        let avail = QUEUE + 16 * size;
        let used = (avail + 6 + 2 * size).next_multiple_of(4096);
        b.cx.mem[QUEUE as usize..][..0x8000].fill(0);
        b.write(0, 8, 4, QUEUE / 4096);
        b.write(0, 18, 1, 7);
        Driver::new(true, size, [[QUEUE, avail, used]; 4])
    }

    /// Makes a chain available; its head.
    pub fn add<D: Device>(
        &mut self,
        b: &mut Bench<D>,
        q: usize,
        read: &[(u64, u32)],
        write: &[(u64, u32)],
    ) -> u16 {
        let [desc, avail, _] = self.rings[q].map(|a| a as usize);
        let n = read.len() + write.len();
        let head = self.next[q];
        let all = read.iter().map(|p| (p, 0u16));
        let all = all.chain(write.iter().map(|p| (p, 2)));
        for (i, ((at, len), flags)) in all.enumerate() {
            let this = (u64::from(head) + i as u64) % self.size;
            let next = ((this + 1) % self.size) as u16;
            let flags = flags | u16::from(i + 1 < n);
            let m = &mut b.cx.mem[desc + 16 * this as usize..][..16];
            m[..8].copy_from_slice(&at.to_le_bytes());
            m[8..12].copy_from_slice(&len.to_le_bytes());
            m[12..14].copy_from_slice(&flags.to_le_bytes());
            m[14..].copy_from_slice(&next.to_le_bytes());
        }
        self.next[q] = ((u64::from(head) + n as u64) % self.size) as u16;
        let slot = usize::from(self.avail[q]) % self.size as usize;
        b.cx.mem[avail + 4 + 2 * slot..][..2].copy_from_slice(&head.to_le_bytes());
        self.avail[q] = self.avail[q].wrapping_add(1);
        b.cx.mem[avail + 2..][..2].copy_from_slice(&self.avail[q].to_le_bytes());
        head
    }

    pub fn kick<D: Device>(&mut self, b: &mut Bench<D>, q: u64) {
        if self.legacy {
            b.write(0, 16, 2, q);
        } else {
            b.write(1, 0x3000 + 4 * q, 2, q);
        }
    }

    /// The next chain given back, with the bytes written.
    pub fn used<D: Device>(&mut self, b: &Bench<D>, q: usize) -> Option<(u16, u32)> {
        let used = self.rings[q][2] as usize;
        let word = |at: usize, n: usize| {
            b.cx.mem[at..at + n]
                .iter()
                .rev()
                .fold(0u32, |v, b| v << 8 | u32::from(*b))
        };
        self.used[q] = word(used + 2, 2) as u16;
        if self.used[q] == self.seen[q] {
            return None;
        }
        let at = used + 4 + 8 * (usize::from(self.seen[q]) % self.size as usize);
        self.seen[q] = self.seen[q].wrapping_add(1);
        Some((word(at, 4) as u16, word(at + 4, 4)))
    }
}
