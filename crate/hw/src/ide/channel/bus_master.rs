//! The bus master (82371AB data sheet 290562, section 4; SFF-8038i): registers and descriptor tables.

use tinamou_core::{DevCx, Gpa, stored};

use super::{ABRT, Channel, Phase};

const BM_START: u8 = 1;
const BM_TO_MEMORY: u8 = 8;
pub(super) const BMS_ACTIVE: u8 = 1;
const BMS_ERROR: u8 = 2;
pub(super) const BMS_IRQ: u8 = 4;

#[derive(Clone, Default)]
pub(super) struct BusMaster {
    command: u8,
    pub(super) status: u8,
    table: u32,
    /// Next descriptor, bytes left in the current one and where they are.
    next: u32,
    left: u32,
    address: u32,
    last: bool,
}
stored!(BusMaster { command, status, table, next, left, address, last }
    check |s| s.left <= 0x1_0000, "bus master descriptor");

impl BusMaster {
    /// The state after reset: both drives can do it.
    pub(super) fn new() -> BusMaster {
        BusMaster {
            status: 0x60,
            ..BusMaster::default()
        }
    }
}

impl Channel {
    /// Reads a bus master register (offsets 0 to 7).
    pub fn bm_read(&self, at: u64) -> u8 {
        match at {
            0 => self.bm.command,
            2 => self.bm.status,
            4..=7 => self.bm.table.to_le_bytes()[at as usize - 4],
            _ => 0,
        }
    }

    /// Writes a bus master register.
    pub fn bm_write(&mut self, cx: &mut dyn DevCx, at: u64, v: u8) {
        match at {
            0 => {
                let was = self.bm.command & BM_START != 0;
                self.bm.command = v & (BM_START | BM_TO_MEMORY);
                if v & BM_START == 0 {
                    self.bm.status &= !BMS_ACTIVE;
                } else if !was {
                    self.bm.status |= BMS_ACTIVE;
                    self.bm.next = self.bm.table;
                    self.bm.left = 0;
                    self.bm.last = false;
                    self.dma_started(cx);
                }
            }
            2 => {
                let keep = self.bm.status & (BMS_ACTIVE | BMS_ERROR | BMS_IRQ);
                self.bm.status = keep & !(v & (BMS_ERROR | BMS_IRQ)) | v & 0x60;
            }
            4..=7 => {
                let mut b = self.bm.table.to_le_bytes();
                b[at as usize - 4] = if at == 4 { v & !3 } else { v };
                self.bm.table = u32::from_le_bytes(b);
            }
            _ => {}
        }
    }

    pub(super) fn dma_started(&mut self, cx: &mut dyn DevCx) {
        if self.t.phase != Phase::WaitDma {
            return;
        }
        self.t.phase = Phase::Idle;
        if !self.t.packet {
            self.next(cx);
        } else if self.t.buf.is_empty() {
            self.packet_next(cx);
        } else {
            let d = std::mem::take(&mut self.t.buf);
            self.offer(cx, d);
        }
    }

    /// Moves a buffer along the descriptor table. False when the table or memory ends first.
    pub(super) fn bm_move(
        &mut self,
        cx: &mut dyn DevCx,
        buf: &mut [u8],
        from_memory: bool,
    ) -> bool {
        let mut at = 0;
        while at < buf.len() {
            if self.bm.left == 0 {
                if self.bm.last {
                    return false;
                }
                let mut d = [0; 8];
                if !cx.dma_read(Gpa(u64::from(self.bm.next)), &mut d) {
                    return false;
                }
                self.bm.next = self.bm.next.wrapping_add(8);
                self.bm.address = u32::from_le_bytes([d[0], d[1], d[2], d[3]]) & !1;
                let n = u32::from(u16::from_le_bytes([d[4], d[5]])) & !1;
                self.bm.left = if n == 0 { 0x1_0000 } else { n };
                self.bm.last = d[7] & 0x80 != 0;
            }
            let n = (self.bm.left as usize).min(buf.len() - at);
            let gpa = Gpa(u64::from(self.bm.address));
            let part = &mut buf[at..at + n];
            let ok = if from_memory {
                cx.dma_read(gpa, part)
            } else {
                cx.dma_write(gpa, part)
            };
            if !ok {
                return false;
            }
            at += n;
            self.bm.left -= n as u32;
            self.bm.address = self.bm.address.wrapping_add(n as u32);
        }
        true
    }

    pub(super) fn dma_done(&mut self, cx: &mut dyn DevCx) {
        // Still active when the table describes more than the drive had.
        if self.bm.last && self.bm.left == 0 {
            self.bm.status &= !BMS_ACTIVE;
        }
        self.finish(cx);
    }

    pub(super) fn dma_failed(&mut self, cx: &mut dyn DevCx) {
        cx.guest_error(format_args!(
            "bus master descriptors end before the data, or lead nowhere"
        ));
        self.bm.status = self.bm.status & !BMS_ACTIVE | BMS_ERROR;
        self.abort(cx, ABRT);
    }
}
