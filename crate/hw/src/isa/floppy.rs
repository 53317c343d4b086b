//! An Intel 82077AA floppy disk controller (data sheet 290166) with two drives.
//!
//! Modelled: all registers, the data commands by DMA and by the data register, format, seeks, reset with its polling interrupts,
//! disk change, multi-track transfers, media of the usual sizes. Not modelled: scan commands, deleted data marks (read as data),
//! head load and unload times, tape drives.

use std::collections::VecDeque;

use tinamou_core::{
    BlockRequest, DevCx, Device, Input, Ns, SECTOR_BYTES, stored, stored_device, stored_enum,
};

mod commands;
#[cfg(test)]
mod tests;

const SECTOR: usize = SECTOR_BYTES as usize;
/// The DMA channel.
const DMA: u32 = 2;

/// The register at 3F7h: digital input, or configuration control.
const DIR: u64 = 7;

const DOR_RUN: u8 = 0x04;
const DOR_DMA: u8 = 0x08;

const MSR_RQM: u8 = 0x80;
const MSR_DIO: u8 = 0x40;
const MSR_NON_DMA: u8 = 0x20;
const MSR_BUSY: u8 = 0x10;

const ST0_ABNORMAL: u8 = 0x40;
const ST0_INVALID: u8 = 0x80;
const ST0_SEEK_END: u8 = 0x20;
const ST0_NO_TRACK0: u8 = 0x10;
const ST1_END: u8 = 0x80;
const ST1_NO_DATA: u8 = 0x04;
const ST1_PROTECTED: u8 = 0x02;
const ST1_NO_MARK: u8 = 0x01;

/// Most sectors of one command: two sides of 2.88 MB.
const MAX_SECTORS: u32 = 72;
/// A drive that steps has done so after this time, a sector has passed the head after that. (Both are some fifty times faster than
/// in the real thing.)
const STEP_NS: u64 = 100_000;
const SECTOR_NS: u64 = 200_000;

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Phase {
    /// Waits for a command and its parameters.
    #[default]
    Command,
    /// Waits for the drive.
    Busy,
    /// The guest reads data.
    In,
    /// The guest writes data.
    Out,
    /// The guest reads result bytes.
    Result,
}
stored_enum!(Phase {
    Command,
    Busy,
    In,
    Out,
    Result
});

#[derive(Clone, Copy, Default)]
struct Drive {
    cylinder: u8,
    head: u8,
    /// The disk change line.
    changed: bool,
    /// A seek under way ends at this cylinder.
    seeking: Option<u8>,
}
stored!(Drive {
    cylinder,
    head,
    changed,
    seeking
});

/// Shape of a medium.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Geometry {
    cylinders: u8,
    heads: u8,
    sectors: u8,
}

/// By the number of sectors; what is not known is taken for 1.44 MB.
fn geometry(sectors: u64) -> Geometry {
    let (cylinders, heads, sectors) = match sectors {
        320 => (40, 1, 8),
        360 => (40, 1, 9),
        640 => (40, 2, 8),
        720 => (40, 2, 9),
        1440 => (80, 2, 9),
        2400 => (80, 2, 15),
        3360 => (80, 2, 21),
        3444 => (82, 2, 21),
        5760 => (80, 2, 36),
        _ => (80, 2, 18),
    };
    Geometry {
        cylinders,
        heads,
        sectors,
    }
}

/// A data command under way.
#[derive(Clone, Default)]
struct Transfer {
    request: Option<u64>,
    buf: Vec<u8>,
    at: usize,
    write: bool,
    format: bool,
    verify: bool,
    sectors: u32,
    /// Where it began: cylinder, head, sector, its last sector, and whether it goes on at the other head.
    from: [u8; 3],
    last: u8,
    multi: bool,
    filler: u8,
}
stored!(Transfer {
    request, buf, at, write, format, verify, sectors, from, last, multi, filler
} check |s| s.at <= s.buf.len() && s.buf.len() <= MAX_SECTORS as usize * SECTOR
    && s.sectors <= MAX_SECTORS, "floppy transfer");

/// The controller. Region 0: ports 3F0h to 3F5h; region 1: port 3F7h. Pin 0: interrupt.
pub struct Floppy {
    slots: [Option<u32>; 2],
    dor: u8,
    tdr: u8,
    rate: u8,
    phase: Phase,
    fifo: Vec<u8>,
    irq: bool,
    drives: [Drive; 2],
    /// Status and cylinder for SENSE INTERRUPT STATUS.
    sense: VecDeque<(u8, u8)>,
    specify: [u8; 2],
    config: [u8; 2],
    perpendicular: u8,
    locked: bool,
    t: Transfer,
}
stored!(Floppy {
    dor, tdr, rate, phase, fifo, irq, drives, sense, specify, config, perpendicular, locked, t
} check |s| s.consistent(), "floppy controller");

impl Floppy {
    /// A controller whose drives hold the disks of these slots; `None`: no such drive.
    pub fn new(slots: [Option<u32>; 2]) -> Floppy {
        Floppy {
            slots,
            dor: 0,
            tdr: 0,
            rate: 0,
            phase: Phase::Command,
            fifo: Vec::new(),
            irq: false,
            drives: [Drive::default(); 2],
            sense: VecDeque::new(),
            specify: [0; 2],
            config: [0; 2],
            perpendicular: 0,
            locked: false,
            t: Transfer::default(),
        }
    }

    fn consistent(&self) -> bool {
        let wants_fifo = self.phase == Phase::Result;
        self.fifo.len() <= 16 && (!wants_fifo || !self.fifo.is_empty()) && self.sense.len() <= 8
    }

    fn set_irq(&mut self, cx: &mut dyn DevCx, on: bool) {
        self.irq = on;
        cx.set_irq(0, on && self.dor & DOR_DMA != 0);
    }

    fn non_dma(&self) -> bool {
        self.specify[1] & 1 != 0
    }

    /// The medium in a drive: its slot, shape and whether it is protected.
    fn medium(&self, cx: &dyn DevCx, unit: u8) -> Option<(u32, Geometry, bool)> {
        let slot = (*self.slots.get(usize::from(unit))?)?;
        let (sectors, protected) = cx.block_info(slot)?;
        Some((slot, geometry(sectors), protected))
    }

    fn controller_reset(&mut self, cx: &mut dyn DevCx) {
        self.phase = Phase::Command;
        self.fifo.clear();
        self.sense.clear();
        self.t = Transfer::default();
        for d in &mut self.drives {
            d.seeking = None;
        }
        if !self.locked {
            self.config = [0; 2];
        }
        self.set_irq(cx, false);
        cx.set_timer(0, None);
    }

    /// After a reset, the controller polls four drives and finds all changed.
    fn after_reset(&mut self, cx: &mut dyn DevCx) {
        for n in 0..4u8 {
            let at = self.drives.get(usize::from(n)).map_or(0, |d| d.cylinder);
            self.sense.push_back((0xc0 | n, at));
        }
        self.set_irq(cx, true);
    }

    fn status(&self) -> u8 {
        if self.dor & DOR_RUN == 0 {
            return 0;
        }
        let seeking = (0u8..)
            .zip(&self.drives)
            .fold(0, |v, (i, d)| v | u8::from(d.seeking.is_some()) << i);
        seeking
            | match self.phase {
                Phase::Command if self.fifo.is_empty() => MSR_RQM,
                Phase::Command => MSR_RQM | MSR_BUSY,
                Phase::Busy => MSR_BUSY,
                Phase::In => MSR_RQM | MSR_DIO | MSR_NON_DMA | MSR_BUSY,
                Phase::Out => MSR_RQM | MSR_NON_DMA | MSR_BUSY,
                Phase::Result => MSR_RQM | MSR_DIO | MSR_BUSY,
            }
    }

    fn read_data(&mut self, cx: &mut dyn DevCx) -> u8 {
        match self.phase {
            Phase::Result => {
                self.set_irq(cx, false);
                let v = self.fifo.remove(0);
                if self.fifo.is_empty() {
                    self.phase = Phase::Command;
                }
                v
            }
            Phase::In => {
                let v = self.t.buf.get(self.t.at).copied().unwrap_or(0);
                self.t.at = (self.t.at + 1).min(self.t.buf.len());
                if self.t.at == self.t.buf.len() {
                    // No terminal count comes from a program: the transfer runs to its last sector.
                    self.finish(cx, ST1_END);
                }
                v
            }
            _ => 0,
        }
    }

    fn write_data(&mut self, cx: &mut dyn DevCx, v: u8) {
        if self.dor & DOR_RUN == 0 {
            return;
        }
        match self.phase {
            Phase::Command => {
                self.fifo.push(v);
                let need = commands::length(self.fifo[0]);
                if self.fifo.len() >= need {
                    let c = std::mem::take(&mut self.fifo);
                    self.execute(cx, &c);
                }
            }
            Phase::Out => {
                if let Some(b) = self.t.buf.get_mut(self.t.at) {
                    *b = v;
                    self.t.at += 1;
                }
                if self.t.at >= self.t.buf.len() {
                    self.write_out(cx);
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self, bytes: &[u8]) {
        self.fifo = bytes.to_vec();
        self.phase = Phase::Result;
    }

    fn selected(&self) -> u8 {
        self.dor & 3
    }
}

impl Device for Floppy {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = Floppy::new(self.slots);
        for d in &mut self.drives {
            d.changed = true;
        }
        self.controller_reset(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32) -> u64 {
        u64::from(match offset + DIR * u64::from(region) {
            // Status A: interrupt, no second drive's bit asserted.
            0 => u8::from(self.irq) << 7 | u8::from(self.slots[1].is_none()) << 6,
            1 => 0xc0,
            2 => self.dor,
            3 => self.tdr,
            4 => self.status(),
            5 => self.read_data(cx),
            DIR => {
                let d = self.drives.get(usize::from(self.selected()));
                let motor = self.dor >> 4 >> self.selected() & 1 != 0;
                u8::from(motor && d.is_some_and(|d| d.changed)) << 7
            }
            _ => 0xff,
        })
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        match offset + DIR * u64::from(region) {
            2 => {
                let was = self.dor;
                self.dor = v;
                if was & DOR_RUN != 0 && v & DOR_RUN == 0 {
                    self.controller_reset(cx);
                } else if was & DOR_RUN == 0 && v & DOR_RUN != 0 {
                    self.after_reset(cx);
                }
                let on = self.irq;
                self.set_irq(cx, on);
            }
            3 => self.tdr = v & 3,
            4 => {
                self.rate = v & 3;
                if v & 0x80 != 0 && self.dor & DOR_RUN != 0 {
                    self.controller_reset(cx);
                    self.after_reset(cx);
                }
            }
            5 => self.write_data(cx, v),
            DIR => self.rate = v & 3,
            _ => {}
        }
    }

    fn timer(&mut self, cx: &mut dyn DevCx, _id: u32) {
        self.seeks_end(cx);
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        match input {
            Input::Block { id, result, .. } if self.t.request == Some(id.0) => {
                self.t.request = None;
                self.drive_done(cx, result);
            }
            Input::DiskChanged { slot } => {
                for (d, s) in self.drives.iter_mut().zip(self.slots) {
                    d.changed |= s == Some(slot);
                }
            }
            _ => {}
        }
    }

    stored_device!();
}
