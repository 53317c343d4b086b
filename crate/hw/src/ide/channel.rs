//! One IDE channel with up to two drives (ATA/ATAPI-6, T13/1410D) and its bus master (82371AB data sheet 290562, section 4;
//! SFF-8038i).
//!
//! Modelled: the task file with 48-bit addressing, PIO, multiple-sector and bus-master transfers, packets. Every media access
//! is a request to the host that completes after a fixed virtual time. Not modelled: overlap and queuing, power states beyond
//! accepting their commands, CHS addressing beyond translation, security, host protected area.

use tinamou_core::{BlockRequest, DevCx, Ns, SECTOR_BYTES, stored, stored_enum};

use super::atapi::Cd;
use super::identify::{self, Modes};

mod bus_master;
mod packet;
mod transfer;

use bus_master::{BMS_ACTIVE, BMS_IRQ, BusMaster};

pub(super) const ERR: u8 = 0x01;
pub(super) const DRQ: u8 = 0x08;
const DSC: u8 = 0x10;
const DF: u8 = 0x20;
pub(super) const DRDY: u8 = 0x40;
pub(super) const BSY: u8 = 0x80;

const ABRT: u8 = 0x04;
const IDNF: u8 = 0x10;

const SECTOR: usize = SECTOR_BYTES as usize;
const CD_BLOCK: u32 = 2048;
/// Sectors per request to the host: 128 KiB.
const CHUNK: u32 = 256;
/// Most sectors per READ/WRITE MULTIPLE block.
const MULTIPLE_MAX: u8 = 16;

/// Virtual time of a media access: a seek-free start and a transfer rate of about 100 MB/s.
fn access_time(bytes: usize) -> Ns {
    Ns(50_000 + 10 * bytes as u64)
}

/// What is in a drive bay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bay {
    /// Nothing.
    Empty,
    /// A hard disk, if its disk slot has an image.
    Disk,
    /// A CD drive, with or without a disc.
    Cd,
}

/// What the channel is doing.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Phase {
    #[default]
    Idle,
    /// Waiting for the host to read; then to PIO or memory.
    Reading,
    /// Waiting for the host to write or flush.
    Writing,
    /// The guest reads the buffer.
    PioIn,
    /// The guest fills the buffer.
    PioOut,
    /// The guest writes a packet.
    Packet,
    /// A command waits for the bus master to be started.
    WaitDma,
}
stored_enum!(Phase {
    Idle,
    Reading,
    Writing,
    PioIn,
    PioOut,
    Packet,
    WaitDma
});

#[derive(Clone, Default)]
struct Drive {
    present: bool,
    cd: bool,
    slot: u32,
    multiple: u8,
    transfer: u8,
    cache: bool,
    unit: Cd,
}
stored!(Drive { present, multiple, transfer, cache, unit }
    check |s| s.multiple <= MULTIPLE_MAX, "IDE drive");

/// The command under way.
#[derive(Clone, Default)]
struct Transfer {
    phase: Phase,
    request: Option<u64>,
    buf: Vec<u8>,
    at: usize,
    /// End of what the guest may take before the next interrupt.
    end: usize,
    lba: u64,
    sectors: u32,
    block: u32,
    dma: bool,
    write: bool,
    packet: bool,
}
stored!(Transfer { phase, request, buf, at, end, lba, sectors, block, dma, write, packet }
    check |s| s.consistent(), "IDE transfer");

impl Transfer {
    /// The buffer may be indexed by `at` and `end`.
    fn consistent(&self) -> bool {
        let held = matches!(self.phase, Phase::PioIn | Phase::PioOut | Phase::Packet);
        (!held || self.at <= self.end && self.end <= self.buf.len())
            && (self.phase != Phase::Packet || self.buf.len() == 12)
            && self.buf.len() <= CHUNK as usize * SECTOR
            && self.lba <= 1 << 48
            && self.sectors <= 1 << 31
    }
}

/// The channel. Its interrupt is `pin` of the device it belongs to.
pub struct Channel {
    number: u32,
    pin: u32,
    drives: [Drive; 2],
    features: u8,
    count: [u8; 2],
    low: [u8; 2],
    mid: [u8; 2],
    high: [u8; 2],
    device: u8,
    status: u8,
    error: u8,
    control: u8,
    irq: bool,
    t: Transfer,
    bm: BusMaster,
}
stored!(Channel {
    drives,
    features,
    count,
    low,
    mid,
    high,
    device,
    status,
    error,
    control,
    irq,
    t,
    bm
});

impl Channel {
    /// Channel `number` (0 or 1) with these bays; their disk slots are `2 * number` and the next.
    pub fn new(number: u32, pin: u32, bays: [Bay; 2]) -> Channel {
        let drive = |i: u32, b: Bay| Drive {
            present: b != Bay::Empty,
            cd: b == Bay::Cd,
            slot: 2 * number + i,
            ..Drive::default()
        };
        Channel {
            number,
            pin,
            drives: [drive(0, bays[0]), drive(1, bays[1])],
            features: 0,
            count: [0; 2],
            low: [0; 2],
            mid: [0; 2],
            high: [0; 2],
            device: 0,
            status: 0,
            error: 0,
            control: 0,
            irq: false,
            t: Transfer::default(),
            bm: BusMaster::new(),
        }
    }

    /// The number of the channel.
    pub fn number(&self) -> u32 {
        self.number
    }

    fn sel(&self) -> usize {
        usize::from(self.device >> 4 & 1)
    }

    fn drive(&self) -> &Drive {
        &self.drives[self.sel()]
    }

    fn size(&self, cx: &dyn DevCx) -> u64 {
        cx.block_info(self.drive().slot).map_or(0, |i| i.0)
    }

    fn set_irq(&mut self, cx: &mut dyn DevCx, on: bool) {
        self.irq = on;
        if on {
            self.bm.status |= BMS_IRQ;
        }
        cx.set_irq(self.pin, on && self.control & 2 == 0);
    }

    /// Power-on and hardware reset.
    pub fn reset(&mut self, cx: &mut dyn DevCx) {
        for d in &mut self.drives {
            // A hard disk is there when its slot has an image; a CD drive is there always.
            let disc = cx.block_info(d.slot).is_some();
            if !d.cd {
                d.present = disc;
            }
            d.multiple = MULTIPLE_MAX;
            d.transfer = 0x0c;
            d.cache = true;
            d.unit = Cd {
                changed: disc,
                ..Cd::default()
            };
        }
        self.bm = BusMaster::new();
        self.control = 0;
        self.device = 0;
        self.soft_reset(cx);
    }

    /// Another disc is in the drive of this disk slot.
    pub fn medium_changed(&mut self, slot: u32) {
        if let Some(d) = self.drives.iter_mut().find(|d| d.cd && d.slot == slot) {
            d.unit.changed = true;
            d.unit.open = false;
        }
    }

    /// The tray of the drive of this disk slot was moved from outside.
    pub fn tray_moved(&mut self, slot: u32, open: bool) {
        if let Some(d) = self.drives.iter_mut().find(|d| d.cd && d.slot == slot) {
            d.unit.changed |= d.unit.open && !open;
            d.unit.open = open;
        }
    }

    fn soft_reset(&mut self, cx: &mut dyn DevCx) {
        self.t = Transfer::default();
        self.bm.status &= !BMS_ACTIVE;
        self.device &= 0x10;
        self.error = 1;
        self.status = if self.drive().cd { 0 } else { DRDY | DSC };
        self.signature();
        self.set_irq(cx, false);
    }

    fn signature(&mut self) {
        self.count = [1, 0];
        self.low = [1, 0];
        let cd = self.drive().cd;
        self.mid = [if cd { 0x14 } else { 0 }, 0];
        self.high = [if cd { 0xeb } else { 0 }, 0];
    }

    fn finish(&mut self, cx: &mut dyn DevCx) {
        if self.t.packet {
            self.count[0] = 3;
        }
        self.t = Transfer::default();
        self.status = DRDY | DSC;
        self.error = 0;
        self.set_irq(cx, true);
    }

    fn abort(&mut self, cx: &mut dyn DevCx, error: u8) {
        self.t = Transfer::default();
        self.status = DRDY | DSC | ERR;
        self.error = error;
        self.set_irq(cx, true);
    }

    fn check(&mut self, cx: &mut dyn DevCx, key: u8, asc: u8) {
        let s = self.sel();
        (self.drives[s].unit.sense, self.drives[s].unit.asc) = (key, asc);
        self.t = Transfer::default();
        self.count[0] = 3;
        self.status = DRDY | ERR;
        self.error = key << 4 | if key == 5 { ABRT } else { 0 };
        self.set_irq(cx, true);
    }

    // The task file.

    fn hob(&self) -> usize {
        usize::from(self.control >> 7)
    }

    /// Reads register `at` (0 to 7) of the command block.
    pub fn read(&mut self, cx: &mut dyn DevCx, at: u64, size: u32) -> u64 {
        if at == 0 {
            return self.read_data(cx, size);
        }
        if !self.drives[0].present && !self.drives[1].present {
            return 0xff;
        }
        let h = self.hob();
        let v = match at {
            1 => self.error,
            2 => self.count[h],
            3 => self.low[h],
            4 => self.mid[h],
            5 => self.high[h],
            6 => self.device,
            _ => {
                let v = self.alternate_status();
                self.irq = false;
                cx.set_irq(self.pin, false);
                v
            }
        };
        u64::from(v)
    }

    /// The status without its side effect.
    pub fn alternate_status(&self) -> u8 {
        if self.drive().present {
            self.status
        } else if self.drives[0].present || self.drives[1].present {
            0
        } else {
            0xff
        }
    }

    /// Writes register `at` of the command block.
    pub fn write(&mut self, cx: &mut dyn DevCx, at: u64, size: u32, value: u64) {
        let v = value as u8;
        let push = |r: &mut [u8; 2]| *r = [v, r[0]];
        if at != 0 {
            self.control &= 0x7f;
        }
        // A busy drive takes no registers (only DEVICE RESET, which `command` sorts out).
        if (1..7).contains(&at) && self.status & BSY != 0 {
            return;
        }
        match at {
            0 => self.write_data(cx, size, value),
            1 => self.features = v,
            2 => push(&mut self.count),
            3 => push(&mut self.low),
            4 => push(&mut self.mid),
            5 => push(&mut self.high),
            6 => {
                // Turning to the other drive gives up a transfer that waits for the guest.
                if (v ^ self.device) & 0x10 != 0 && self.t.phase != Phase::Idle {
                    self.t = Transfer::default();
                    self.status = DRDY | DSC;
                }
                self.device = v | 0xa0;
            }
            _ => self.command(cx, v),
        }
    }

    /// Writes the device control register.
    pub fn write_control(&mut self, cx: &mut dyn DevCx, v: u8) {
        let was = self.control;
        self.control = v;
        if v & 4 != 0 && was & 4 == 0 {
            self.soft_reset(cx);
            self.status = BSY;
        } else if v & 4 == 0 && was & 4 != 0 {
            self.soft_reset(cx);
        }
        cx.set_irq(self.pin, self.irq && v & 2 == 0);
    }

    // Commands.

    fn address(&self, ext: bool) -> (u64, u32) {
        let [l, m, h] = [self.low, self.mid, self.high].map(|r| r.map(u64::from));
        if ext {
            let lba = l[0] | m[0] << 8 | h[0] << 16 | l[1] << 24 | m[1] << 32 | h[1] << 40;
            let n = u32::from(self.count[0]) | u32::from(self.count[1]) << 8;
            return (lba, if n == 0 { 65_536 } else { n });
        }
        let n = u32::from(self.count[0]);
        let n = if n == 0 { 256 } else { n };
        let head = u64::from(self.device & 15);
        if self.device & 0x40 != 0 {
            return (l[0] | m[0] << 8 | h[0] << 16 | head << 24, n);
        }
        // Cylinder, head, sector with the drive's own geometry.
        (
            (m[0] | h[0] << 8) * 16 * 63 + head * 63 + l[0].saturating_sub(1),
            n,
        )
    }

    fn command(&mut self, cx: &mut dyn DevCx, c: u8) {
        if !self.drive().present || self.control & 4 != 0 {
            return;
        }
        if self.status & BSY != 0 && c != 0x08 {
            cx.guest_error(format_args!("command {c:#x} while busy"));
            return;
        }
        self.t = Transfer::default();
        self.error = 0;
        self.set_irq(cx, false);
        let s = self.sel();
        if self.drive().cd {
            return self.cd_command(cx, c);
        }
        match c {
            0x20 | 0x21 | 0x24 => self.start(cx, c == 0x24, false, false, 1),
            0x30 | 0x31 | 0x34 => self.start(cx, c == 0x34, true, false, 1),
            0xc4 | 0x29 | 0xc5 | 0x39 if self.drives[s].multiple == 0 => self.abort(cx, ABRT),
            0xc4 | 0x29 => self.start(cx, c == 0x29, false, false, self.drives[s].multiple.into()),
            0xc5 | 0x39 => self.start(cx, c == 0x39, true, false, self.drives[s].multiple.into()),
            0xc8 | 0xc9 | 0x25 => self.start(cx, c == 0x25, false, true, CHUNK),
            0xca | 0xcb | 0x35 => self.start(cx, c == 0x35, true, true, CHUNK),
            0x40..=0x42 => {
                let (lba, n) = self.address(c == 0x42);
                if lba + u64::from(n) > self.size(cx) {
                    self.abort(cx, IDNF);
                } else {
                    self.finish(cx);
                }
            }
            0xc6 => {
                let n = self.count[0];
                if n > MULTIPLE_MAX || !(n == 0 || n.is_power_of_two()) {
                    return self.abort(cx, ABRT);
                }
                self.drives[s].multiple = n;
                self.finish(cx);
            }
            0xec => {
                let id = identify::disk(self.size(cx), &self.modes());
                self.send(cx, id);
            }
            0xe7 | 0xea => {
                self.status = BSY;
                self.t.phase = Phase::Writing;
                let id = cx.block_submit(self.drive().slot, BlockRequest::Flush, access_time(0));
                self.t.request = Some(id.0);
            }
            0xf8 | 0x27 => {
                let last = self.size(cx).saturating_sub(1);
                let b = last.to_le_bytes();
                self.low = [b[0], b[3]];
                self.mid = [b[1], b[4]];
                self.high = [b[2], b[5]];
                if c == 0xf8 {
                    self.device = self.device & 0xf0 | b[3] & 15;
                }
                self.finish(cx);
            }
            0x90 => {
                self.finish(cx);
                self.error = 1;
            }
            0xef => self.set_features(cx),
            // CHECK POWER MODE: active.
            0xe5 | 0x98 => {
                self.count[0] = 0xff;
                self.finish(cx);
            }
            // Geometry, recalibrate, seek, power states.
            0x91 | 0x10..=0x1f | 0x70 | 0xe0..=0xe3 | 0xe6 | 0x94..=0x97 | 0x99 => self.finish(cx),
            _ => self.abort(cx, ABRT),
        }
    }

    fn cd_command(&mut self, cx: &mut dyn DevCx, c: u8) {
        match c {
            0xa0 => {
                self.t.packet = true;
                self.t.dma = self.features & 1 != 0;
                self.t.phase = Phase::Packet;
                self.t.buf = vec![0; 12];
                self.t.end = 12;
                self.count[0] = 1;
                self.status = DRDY | DRQ;
            }
            0xa1 => {
                let id = identify::cd(&self.modes());
                self.send(cx, id);
            }
            // DEVICE RESET: no interrupt.
            0x08 => {
                self.t = Transfer::default();
                self.signature();
                self.status = 0;
                self.error = 1;
            }
            0x90 => {
                self.finish(cx);
                self.error = 1;
            }
            0xef => self.set_features(cx),
            0xe5 | 0x98 => {
                self.count[0] = 0xff;
                self.finish(cx);
            }
            0xe0..=0xe3 | 0xe6 | 0xe7 => self.finish(cx),
            // Disk commands tell a driver by their signature what this is.
            0xec | 0x20 => {
                self.signature();
                self.abort(cx, ABRT);
            }
            _ => self.abort(cx, ABRT),
        }
    }

    fn modes(&self) -> Modes {
        let d = self.drive();
        Modes {
            number: d.slot,
            multiple: d.multiple,
            transfer: d.transfer,
            cache: d.cache,
        }
    }

    fn set_features(&mut self, cx: &mut dyn DevCx) {
        let s = self.sel();
        let d = &mut self.drives[s];
        match self.features {
            0x02 => d.cache = true,
            0x82 => d.cache = false,
            0x03 => match self.count[0] >> 3 {
                0 | 1 | 4 | 8 => d.transfer = self.count[0],
                _ => return self.abort(cx, ABRT),
            },
            0x05 | 0x85 | 0x42 | 0xc2 | 0x55 | 0xaa | 0x66 | 0xcc | 0x67 => {}
            _ => return self.abort(cx, ABRT),
        }
        self.finish(cx);
    }
}
