//! Packets (ATA/ATAPI-6, PACKET command): the drive's answer and its data in bursts.

use tinamou_core::{DevCx, News, SECTOR_BYTES};

use super::super::atapi::Outcome;
use super::{BMS_ACTIVE, CD_BLOCK, CHUNK, Channel, DRDY, DRQ, Phase};

impl Channel {
    pub(super) fn packet(&mut self, cx: &mut dyn DevCx) {
        let mut p = [0; 12];
        p.copy_from_slice(&self.t.buf[..12]);
        let s = self.sel();
        let blocks = cx.block_info(self.drives[s].slot).map(|i| i.0 / 4);
        let was_open = self.drives[s].unit.open;
        let outcome = self.drives[s].unit.packet(&p, blocks);
        let (slot, open) = (self.drives[s].slot, self.drives[s].unit.open);
        if open != was_open {
            cx.tell(News::Tray { slot, open });
        }
        match outcome {
            Outcome::Done => self.finish(cx),
            Outcome::Check(key, asc) => self.check(cx, key, asc),
            Outcome::Data(d) if d.is_empty() => self.finish(cx),
            Outcome::Data(d) => {
                self.t.buf = d;
                self.t.sectors = 0;
                if self.t.dma && self.bm.status & BMS_ACTIVE == 0 {
                    self.t.phase = Phase::WaitDma;
                    self.status = DRDY | DRQ;
                } else {
                    let d = std::mem::take(&mut self.t.buf);
                    self.offer(cx, d);
                }
            }
            Outcome::Read { lba, count } => {
                self.t.buf.clear();
                self.t.lba = lba * u64::from(CD_BLOCK / SECTOR_BYTES as u32);
                // The count was checked against the disc's size.
                self.t.sectors = count.saturating_mul(4);
                self.packet_next(cx);
            }
        }
    }

    /// The next piece of a packet's data.
    pub(super) fn packet_next(&mut self, cx: &mut dyn DevCx) {
        if self.t.sectors == 0 {
            return if self.t.dma {
                self.dma_done(cx)
            } else {
                self.finish(cx)
            };
        }
        if self.t.dma && self.bm.status & BMS_ACTIVE == 0 {
            self.t.phase = Phase::WaitDma;
            self.status = DRDY | DRQ;
            return;
        }
        self.submit_read(cx, self.t.sectors.min(CHUNK));
    }

    /// Offers as much of the buffer as the byte count limit allows.
    pub(super) fn packet_burst(&mut self, cx: &mut dyn DevCx) {
        let limit = usize::from(self.mid[0]) | usize::from(self.high[0]) << 8;
        let limit = match limit {
            0 | 0xffff => 0xfffe,
            n => n,
        };
        let left = self.t.buf.len() - self.t.at;
        let mut n = left.min(limit);
        if n < left && n > 1 {
            n &= !1;
        }
        self.t.end = self.t.at + n;
        self.mid[0] = n as u8;
        self.high[0] = (n >> 8) as u8;
        self.count[0] = 2;
        self.t.phase = Phase::PioIn;
        self.status = DRDY | DRQ;
        self.set_irq(cx, true);
    }
}
