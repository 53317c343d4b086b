//! Sectors between the drive and the guest: requests to the host, the data register, and where to go on when one piece is done.

use tinamou_core::{BlockError, BlockRequest, DevCx, RequestId};

use super::{
    ABRT, BMS_ACTIVE, BSY, CHUNK, Channel, DF, DRDY, DRQ, DSC, IDNF, Phase, SECTOR, Transfer,
    access_time,
};

impl Channel {
    /// Offers one sector of data.
    pub(super) fn send(&mut self, cx: &mut dyn DevCx, data: Vec<u8>) {
        self.t.end = data.len();
        self.t.buf = data;
        self.t.phase = Phase::PioIn;
        self.status = DRDY | DSC | DRQ;
        self.set_irq(cx, true);
    }

    pub(super) fn start(
        &mut self,
        cx: &mut dyn DevCx,
        ext: bool,
        write: bool,
        dma: bool,
        block: u32,
    ) {
        let (lba, n) = self.address(ext);
        if lba + u64::from(n) > self.size(cx) {
            return self.abort(cx, IDNF | ABRT);
        }
        self.t = Transfer {
            lba,
            sectors: n,
            block,
            dma,
            write,
            ..Transfer::default()
        };
        self.next(cx);
    }

    /// The next piece of a sector transfer, or its end.
    pub(super) fn next(&mut self, cx: &mut dyn DevCx) {
        if self.t.sectors == 0 {
            return if self.t.dma {
                self.dma_done(cx)
            } else {
                self.finish(cx)
            };
        }
        if self.t.dma && self.bm.status & BMS_ACTIVE == 0 {
            self.t.phase = Phase::WaitDma;
            self.status = DRDY | DSC | DRQ;
            return;
        }
        let n = self.t.sectors.min(self.t.block.min(CHUNK)) as usize;
        if !self.t.write {
            return self.submit_read(cx, n as u32);
        }
        self.t.buf = vec![0; n * SECTOR];
        self.t.at = 0;
        self.t.end = n * SECTOR;
        if self.t.dma {
            let mut buf = std::mem::take(&mut self.t.buf);
            if !self.bm_move(cx, &mut buf, true) {
                return self.dma_failed(cx);
            }
            self.t.buf = buf;
            self.submit_write(cx);
        } else {
            // The first block is asked for without an interrupt.
            let first = self.t.phase == Phase::Idle;
            self.t.phase = Phase::PioOut;
            self.status = DRDY | DSC | DRQ;
            if !first {
                self.set_irq(cx, true);
            }
        }
    }

    pub(super) fn submit_read(&mut self, cx: &mut dyn DevCx, n: u32) {
        let r = BlockRequest::Read {
            lba: self.t.lba,
            sectors: n,
        };
        let id = cx.block_submit(self.drive().slot, r, access_time(n as usize * SECTOR));
        self.t.request = Some(id.0);
        self.t.phase = Phase::Reading;
        self.t.lba += u64::from(n);
        self.t.sectors -= n;
        self.status = DRDY | DSC | BSY;
    }

    pub(super) fn submit_write(&mut self, cx: &mut dyn DevCx) {
        let data = std::mem::take(&mut self.t.buf);
        let n = (data.len() / SECTOR) as u32;
        let time = access_time(data.len());
        let r = BlockRequest::Write {
            lba: self.t.lba,
            data,
        };
        let id = cx.block_submit(self.drive().slot, r, time);
        self.t.request = Some(id.0);
        self.t.phase = Phase::Writing;
        self.t.lba += u64::from(n);
        self.t.sectors = self.t.sectors.saturating_sub(n);
        self.status = DRDY | DSC | BSY;
    }

    /// The host has finished a request.
    pub fn block_done(
        &mut self,
        cx: &mut dyn DevCx,
        id: RequestId,
        result: Result<Vec<u8>, BlockError>,
    ) {
        // Answers to a command that a reset has ended are dropped.
        if self.t.request != Some(id.0) {
            return;
        }
        self.t.request = None;
        let data = match result {
            Ok(d) => d,
            Err(e) => {
                cx.guest_error(format_args!("disk slot {}: {e}", self.drive().slot));
                if self.t.packet {
                    return self.check(cx, 3, 0x11);
                }
                self.abort(cx, if self.t.write { ABRT } else { 0x40 });
                self.status |= if self.t.write { DF } else { 0 };
                return;
            }
        };
        match self.t.phase {
            Phase::Reading => self.offer(cx, data),
            Phase::Writing => self.next(cx),
            _ => {}
        }
    }

    /// Gives data that was read to the guest: into memory or through the data register.
    pub(super) fn offer(&mut self, cx: &mut dyn DevCx, mut data: Vec<u8>) {
        if self.t.dma {
            if !self.bm_move(cx, &mut data, false) {
                return self.dma_failed(cx);
            }
            return if self.t.packet {
                self.packet_next(cx)
            } else {
                self.next(cx)
            };
        }
        self.t.buf = data;
        self.t.at = 0;
        self.t.end = self.t.buf.len();
        if self.t.packet {
            self.packet_burst(cx);
        } else {
            self.t.phase = Phase::PioIn;
            self.status = DRDY | DSC | DRQ;
            self.set_irq(cx, true);
        }
    }

    // The data register.

    pub(super) fn read_data(&mut self, cx: &mut dyn DevCx, size: u32) -> u64 {
        if self.t.phase != Phase::PioIn {
            return 0;
        }
        let mut v = 0;
        for i in 0..size {
            if self.t.at < self.t.end {
                v |= u64::from(self.t.buf[self.t.at]) << (8 * i);
                self.t.at += 1;
            }
        }
        if self.t.at >= self.t.end {
            self.pio_in_done(cx);
        }
        v
    }

    pub(super) fn pio_in_done(&mut self, cx: &mut dyn DevCx) {
        if self.t.packet {
            if self.t.end < self.t.buf.len() {
                self.packet_burst(cx)
            } else {
                self.packet_next(cx)
            }
        } else if self.t.sectors > 0 {
            self.next(cx);
        } else {
            // The last block ends without another interrupt.
            self.t = Transfer::default();
            self.status = DRDY | DSC;
        }
    }

    pub(super) fn write_data(&mut self, cx: &mut dyn DevCx, size: u32, value: u64) {
        if !matches!(self.t.phase, Phase::PioOut | Phase::Packet) {
            return;
        }
        for i in 0..size {
            if self.t.at < self.t.end {
                self.t.buf[self.t.at] = (value >> (8 * i)) as u8;
                self.t.at += 1;
            }
        }
        if self.t.at < self.t.end {
            return;
        }
        if self.t.phase == Phase::Packet {
            self.packet(cx)
        } else {
            self.submit_write(cx)
        }
    }
}
