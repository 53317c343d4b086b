//! The system controller's four DMA engines (data sheet, "IDMA controller"): block transfers, chained or not, between memories.
//! Missing: demand mode and fly-by (their request pins lead nowhere on the board), priorities, the end-of-transfer pins.
//! Records are little-endian, as the registers are.

use tinamou_core::{DevCx, Gpa, Ns};

/// Channel control.
pub mod control {
    #![allow(missing_docs, reason = "the data sheet's names say it")]
    pub const SRC_DIR: u32 = 3 << 2;
    pub const DEST_DIR: u32 = 3 << 4;
    pub const DAT_TRANS_LIM: u32 = 7 << 6;
    pub const CHAIN_MOD: u32 = 1 << 9;
    pub const INT_MODE: u32 = 1 << 10;
    pub const TRANS_MOD: u32 = 1 << 11;
    pub const CHAN_EN: u32 = 1 << 12;
    pub const FET_NEX_REC: u32 = 1 << 13;
    pub const DMA_ACT_ST: u32 = 1 << 14;
    pub const ABR: u32 = 1 << 20;
}

/// A channel's registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Channel {
    /// Bytes to move, 16 bits.
    pub bytes: u32,
    /// Source address.
    pub source: u32,
    /// Destination address.
    pub destination: u32,
    /// Next record, 0 for none.
    pub next: u32,
    /// Control.
    pub control: u32,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Done {
    /// The channel's completion interrupt is due.
    pub interrupt: bool,
    /// Another record is under way.
    pub more: bool,
    /// An address was no memory.
    pub bad_address: bool,
}

impl Channel {
    /// Control was written: whether a transfer starts.
    pub fn start(&mut self, cx: &mut dyn DevCx) -> bool {
        use control::*;
        if self.control & ABR != 0 {
            self.control &= !(ABR | CHAN_EN | DMA_ACT_ST);
            return false;
        }
        if self.control & CHAN_EN == 0 || self.control & DMA_ACT_ST != 0 {
            return false;
        }
        if self.control & TRANS_MOD == 0 {
            cx.guest_error(format_args!("DMA in demand mode, without requests"));
            return false;
        }
        if self.control & FET_NEX_REC != 0 && !self.fetch(cx) {
            return false;
        }
        self.control |= DMA_ACT_ST;
        true
    }

    /// Takes the next record.
    fn fetch(&mut self, cx: &mut dyn DevCx) -> bool {
        self.control &= !control::FET_NEX_REC;
        let mut record = [0; 16];
        if self.next == 0 || !cx.dma_read(Gpa(u64::from(self.next & !15)), &mut record) {
            return false;
        }
        let word = |n: usize| {
            u32::from_le_bytes([
                record[4 * n],
                record[4 * n + 1],
                record[4 * n + 2],
                record[4 * n + 3],
            ])
        };
        self.bytes = word(0) & 0xffff;
        self.source = word(1);
        self.destination = word(2);
        self.next = word(3);
        true
    }

    /// How long the record takes: four bytes in 10 ns, and a little at the ends.
    pub fn duration(&self) -> Ns {
        Ns(100 + u64::from(self.bytes) * 10 / 4)
    }

    /// Moves the record's bytes, and goes on to the next in a chain.
    pub fn finish(&mut self, cx: &mut dyn DevCx) -> Done {
        use control::*;
        // Encoded bytes per burst; what is reserved counts as 8.
        let burst = [8, 16, 4, 32, 8, 1, 2, 64][(self.control & DAT_TRANS_LIM) as usize >> 6];
        let step = |field: u32, n: u32| match field {
            1 => n.wrapping_neg(),
            2 => 0,
            _ => n,
        };
        let mut bad_address = false;
        let mut buffer = [0; 64];
        while self.bytes > 0 && !bad_address {
            let n = self.bytes.min(burst);
            let part = &mut buffer[..n as usize];
            bad_address = !cx.dma_read(Gpa(u64::from(self.source)), part)
                || !cx.dma_write(Gpa(u64::from(self.destination)), part);
            let advance = |at: u32, field: u32| at.wrapping_add(step(field, n));
            self.source = advance(self.source, (self.control & SRC_DIR) >> 2);
            self.destination = advance(self.destination, (self.control & DEST_DIR) >> 4);
            self.bytes -= n;
        }
        let chained = self.control & CHAIN_MOD == 0 && self.next != 0 && !bad_address;
        let more = chained && self.fetch(cx);
        if !more {
            self.control &= !(CHAN_EN | DMA_ACT_ST);
        }
        Done {
            interrupt: !more || self.control & INT_MODE == 0,
            more,
            bad_address,
        }
    }
}
