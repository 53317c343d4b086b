//! The block device (specification, section 5.2) over a disk slot.
//!
//! Modelled: reads, writes, flush, identity, read-only media. Not modelled: discard, write zeroes, several queues.

use tinamou_core::{BlockRequest, DevCx, Input, Ns, SECTOR_BYTES, stored};

use super::queue::{Chain, Queues};
use super::{Kind, VirtioDevice};

const F_SEG_MAX: u64 = 1 << 2;
const F_GEOMETRY: u64 = 1 << 4;
const F_READ_ONLY: u64 = 1 << 5;
const F_BLK_SIZE: u64 = 1 << 6;
const F_FLUSH: u64 = 1 << 9;

const IN: u32 = 0;
const OUT: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;

const OK: u8 = 0;
const IO_ERROR: u8 = 1;
const UNSUPPORTED: u8 = 2;

const QUEUE: u16 = 128;
/// Most sectors of one request.
const MAX_SECTORS: usize = 8192;
const SECTOR: usize = SECTOR_BYTES as usize;
const ID_BYTES: usize = 20;

/// A request at the host.
#[derive(Clone, Default)]
struct Pending {
    id: u64,
    chain: Chain,
    read: bool,
}
stored!(Pending { id, chain, read });

/// The device.
pub struct Blk {
    slot: u32,
    pending: Vec<Pending>,
}
stored!(Blk { pending } check |s| s.pending.len() <= usize::from(QUEUE), "requests of a disk");

impl Blk {
    /// A device over the disk in `slot`.
    pub fn new(slot: u32) -> Blk {
        Blk {
            slot,
            pending: Vec::new(),
        }
    }

    /// Ends a request: the status is its last byte.
    fn finish(cx: &mut dyn DevCx, queues: &mut Queues, c: &Chain, data: &[u8], status: u8) {
        let room = c.writable();
        let n = c.write(cx, 0, &data[..data.len().min(room.saturating_sub(1))]);
        let s = c.write(cx, room.saturating_sub(1), &[status]);
        queues.push(cx, c, n + s);
    }

    fn request(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, c: Chain) {
        let h = c.read(cx, 0, 16);
        let field = |at: usize, n: usize| {
            let b = h.get(at..at + n).unwrap_or(&[]);
            b.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b))
        };
        let (kind, lba) = (field(0, 4) as u32, field(8, 8));
        let info = cx.block_info(self.slot);
        let bytes = match kind {
            IN => c.writable().saturating_sub(1),
            OUT => c.readable().saturating_sub(16),
            _ => 0,
        };
        let sectors = bytes / SECTOR;
        let fits = info
            .is_some_and(|(size, _)| lba.checked_add(sectors as u64).is_some_and(|e| e <= size));
        let bad = h.len() < 16
            || c.writable() == 0
            || matches!(kind, IN | OUT)
                && (!fits
                    || !bytes.is_multiple_of(SECTOR)
                    || sectors == 0
                    || sectors > MAX_SECTORS)
            || kind == OUT && info.is_some_and(|i| i.1);
        if bad || info.is_none() {
            return Blk::finish(cx, queues, &c, &[], IO_ERROR);
        }
        let r = match kind {
            IN => BlockRequest::Read {
                lba,
                sectors: sectors as u32,
            },
            OUT => BlockRequest::Write {
                lba,
                data: c.read(cx, 16, bytes),
            },
            FLUSH => BlockRequest::Flush,
            GET_ID => {
                let mut id = format!("TM{:05}", self.slot + 1).into_bytes();
                id.resize(ID_BYTES, 0);
                return Blk::finish(cx, queues, &c, &id, OK);
            }
            _ => return Blk::finish(cx, queues, &c, &[], UNSUPPORTED),
        };
        // As fast as a disk behind a good bus.
        let time = Ns(20_000 + bytes as u64 / 2);
        let id = cx.block_submit(self.slot, r, time).0;
        self.pending.push(Pending {
            id,
            chain: c,
            read: kind == IN,
        });
    }
}

impl VirtioDevice for Blk {
    fn kind(&self) -> Kind {
        Kind {
            id: 2,
            pci_device: 0x1001,
            class: [0x01, 0x00, 0x00],
            queues: &[QUEUE],
        }
    }

    fn features(&self, cx: &dyn DevCx) -> u64 {
        let read_only = cx.block_info(self.slot).is_some_and(|i| i.1);
        F_SEG_MAX | F_GEOMETRY | F_BLK_SIZE | F_FLUSH | if read_only { F_READ_ONLY } else { 0 }
    }

    fn config(&self, cx: &dyn DevCx) -> Vec<u8> {
        let sectors = cx.block_info(self.slot).map_or(0, |i| i.0);
        let cylinders = (sectors / (16 * 63)).min(0xffff) as u16;
        let mut c = sectors.to_le_bytes().to_vec();
        c.extend_from_slice(&0u32.to_le_bytes()); // size_max
        c.extend_from_slice(&u32::from(QUEUE - 2).to_le_bytes());
        c.extend_from_slice(&cylinders.to_le_bytes());
        c.extend_from_slice(&[16, 63]);
        c.extend_from_slice(&(SECTOR as u32).to_le_bytes());
        c.resize(60, 0);
        c
    }

    fn reset(&mut self, _cx: &mut dyn DevCx) {
        // Answers that still come find nobody.
        self.pending.clear();
    }

    fn notify(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, n: usize) {
        while self.pending.len() < usize::from(QUEUE)
            && let Some(c) = queues.pop(cx, n)
        {
            self.request(cx, queues, c);
        }
    }

    fn input(&mut self, cx: &mut dyn DevCx, queues: &mut Queues, input: Input) -> bool {
        match input {
            Input::Block { slot, id, result } if slot == self.slot => {
                let Some(i) = self.pending.iter().position(|p| p.id == id.0) else {
                    return false;
                };
                let p = self.pending.swap_remove(i);
                match result {
                    Ok(d) => {
                        let data = if p.read { &d[..] } else { &[] };
                        Blk::finish(cx, queues, &p.chain, data, OK);
                    }
                    Err(e) => {
                        cx.guest_error(format_args!("disk slot {slot}: {e}"));
                        Blk::finish(cx, queues, &p.chain, &[], IO_ERROR);
                    }
                }
                self.notify(cx, queues, 0);
                false
            }
            Input::DiskChanged { slot } => slot == self.slot,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pci::VirtioPci;
    use super::super::testing::Driver;
    use super::*;
    use crate::block::raw::memory_disk;
    use crate::testing::{Bench, storm};

    fn bench() -> Bench<VirtioPci<Blk>> {
        let make = || VirtioPci::new(Blk::new(0));
        let mut b = Bench::new(make(), make);
        let image = (0..64 * 512).map(|i| (i / 512) as u8).collect();
        b.cx.disks = vec![Some(Box::new(memory_disk(image)))];
        tinamou_core::Device::reset(&mut b.dev, &mut b.cx);
        b
    }

    fn header(b: &mut Bench<VirtioPci<Blk>>, kind: u32, lba: u64) {
        let h = &mut b.cx.mem[0x1000..0x1010];
        h.fill(0);
        h[..4].copy_from_slice(&kind.to_le_bytes());
        h[8..].copy_from_slice(&lba.to_le_bytes());
    }

    #[test]
    fn reads_writes_and_refuses() {
        bench().twice(|b| {
            let mut d = Driver::modern(b, F_FLUSH);
            assert_eq!(b.read(1, 0x2000, 4), 64, "capacity");
            header(b, IN, 5);
            let head = d.add(
                b,
                0,
                &[(0x1000, 16)],
                &[(0x8000, 512), (0x9000, 512), (0xa000, 1)],
            );
            b.cx.mem[0xa000] = 9;
            d.kick(b, 0);
            b.save_and_load();
            b.settle(Ns(10_000_000));
            assert_eq!(d.used(b, 0), Some((head, 1025)));
            assert_eq!(
                (b.cx.mem[0x8000], b.cx.mem[0x9000], b.cx.mem[0xa000]),
                (5, 6, 0)
            );
            b.cx.mem[0x8000..0x8200].fill(0x77);
            header(b, OUT, 63);
            d.add(b, 0, &[(0x1000, 16), (0x8000, 512)], &[(0xa000, 1)]);
            d.kick(b, 0);
            b.settle(Ns(10_000_000));
            header(b, IN, 63);
            d.add(b, 0, &[(0x1000, 16)], &[(0x9000, 513)]);
            d.kick(b, 0);
            b.settle(Ns(10_000_000));
            assert_eq!(b.cx.mem[0x9000..0x9201], [&[0x77; 512][..], &[0]].concat());
            header(b, IN, 64);
            d.add(b, 0, &[(0x1000, 16)], &[(0x9000, 513)]);
            d.kick(b, 0);
            assert_eq!(b.cx.mem[0x9200], IO_ERROR, "beyond the end");
            header(b, 99, 0);
            d.add(b, 0, &[(0x1000, 16)], &[(0x9000, 1)]);
            d.kick(b, 0);
            assert_eq!(b.cx.mem[0x9000], UNSUPPORTED);
            header(b, FLUSH, 0);
            d.add(b, 0, &[(0x1000, 16)], &[(0x9000, 1)]);
            d.kick(b, 0);
            b.settle(Ns(10_000_000));
            assert_eq!(b.cx.mem[0x9000], OK);
        });
        let mut b = bench();
        Driver::modern(&mut b, 0);
        storm(&mut b, &[(0, 0x40), (1, 0x40), (1, 0x4000)], 50_000);
    }
}
