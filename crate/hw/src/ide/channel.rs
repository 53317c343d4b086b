//! One IDE channel with up to two drives (ATA/ATAPI-6, T13/1410D) and its bus master (82371AB data sheet 290562, section 4;
//! SFF-8038i).
//!
//! Modelled: the task file with 48-bit addressing, PIO, multiple-sector and bus-master transfers, packets. Every media access
//! is a request to the host that completes after a fixed virtual time. Not modelled: overlap and queuing, power states beyond
//! accepting their commands, CHS addressing beyond translation, security, host protected area.

use tinamou_core::{
    BlockError, BlockRequest, DevCx, Gpa, LoadError, Loader, Ns, RequestId, SECTOR_BYTES, Saver,
};

use super::atapi::{Cd, Outcome};
use super::identify::{self, Modes};

pub(super) const ERR: u8 = 0x01;
pub(super) const DRQ: u8 = 0x08;
const DSC: u8 = 0x10;
const DF: u8 = 0x20;
pub(super) const DRDY: u8 = 0x40;
pub(super) const BSY: u8 = 0x80;

const ABRT: u8 = 0x04;
const IDNF: u8 = 0x10;

const BM_START: u8 = 1;
const BM_TO_MEMORY: u8 = 8;
const BMS_ACTIVE: u8 = 1;
const BMS_ERROR: u8 = 2;
const BMS_IRQ: u8 = 4;

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

#[derive(Clone, Default)]
struct BusMaster {
    command: u8,
    status: u8,
    table: u32,
    /// Next descriptor, bytes left in the current one and where they are.
    next: u32,
    left: u32,
    address: u32,
    last: bool,
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
            bm: BusMaster::default(),
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
        self.bm = BusMaster {
            status: 0x60,
            ..BusMaster::default()
        };
        self.control = 0;
        self.device = 0;
        self.soft_reset(cx);
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

    /// Offers one sector of data.
    fn send(&mut self, cx: &mut dyn DevCx, data: Vec<u8>) {
        self.t.end = data.len();
        self.t.buf = data;
        self.t.phase = Phase::PioIn;
        self.status = DRDY | DSC | DRQ;
        self.set_irq(cx, true);
    }

    fn start(&mut self, cx: &mut dyn DevCx, ext: bool, write: bool, dma: bool, block: u32) {
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
    fn next(&mut self, cx: &mut dyn DevCx) {
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

    fn submit_read(&mut self, cx: &mut dyn DevCx, n: u32) {
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

    fn submit_write(&mut self, cx: &mut dyn DevCx) {
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
    fn offer(&mut self, cx: &mut dyn DevCx, mut data: Vec<u8>) {
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

    fn read_data(&mut self, cx: &mut dyn DevCx, size: u32) -> u64 {
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

    fn pio_in_done(&mut self, cx: &mut dyn DevCx) {
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

    fn write_data(&mut self, cx: &mut dyn DevCx, size: u32, value: u64) {
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

    // Packets.

    fn packet(&mut self, cx: &mut dyn DevCx) {
        let mut p = [0; 12];
        p.copy_from_slice(&self.t.buf[..12]);
        let s = self.sel();
        let blocks = cx.block_info(self.drives[s].slot).map(|i| i.0 / 4);
        match self.drives[s].unit.packet(&p, blocks) {
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
    fn packet_next(&mut self, cx: &mut dyn DevCx) {
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
    fn packet_burst(&mut self, cx: &mut dyn DevCx) {
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

    // The bus master.

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

    fn dma_started(&mut self, cx: &mut dyn DevCx) {
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
    fn bm_move(&mut self, cx: &mut dyn DevCx, buf: &mut [u8], from_memory: bool) -> bool {
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

    fn dma_done(&mut self, cx: &mut dyn DevCx) {
        // Still active when the table describes more than the drive had.
        if self.bm.last && self.bm.left == 0 {
            self.bm.status &= !BMS_ACTIVE;
        }
        self.finish(cx);
    }

    fn dma_failed(&mut self, cx: &mut dyn DevCx) {
        cx.guest_error(format_args!(
            "bus master descriptors end before the data, or lead nowhere"
        ));
        self.bm.status = self.bm.status & !BMS_ACTIVE | BMS_ERROR;
        self.abort(cx, ABRT);
    }

    // State.

    /// Writes the state.
    pub fn save(&self, s: &mut Saver) {
        for d in &self.drives {
            s.bool(d.present);
            for v in [d.multiple, d.transfer, d.unit.sense, d.unit.asc] {
                s.u8(v);
            }
            for v in [d.cache, d.unit.open, d.unit.locked, d.unit.changed] {
                s.bool(v);
            }
        }
        for r in [self.count, self.low, self.mid, self.high] {
            s.raw(&r);
        }
        for v in [
            self.features,
            self.device,
            self.status,
            self.error,
            self.control,
        ] {
            s.u8(v);
        }
        s.bool(self.irq);
        let t = &self.t;
        s.u8(t.phase as u8);
        s.opt_u64(t.request);
        s.bytes(&t.buf);
        s.u32(t.at as u32);
        s.u32(t.end as u32);
        s.u64(t.lba);
        s.u32(t.sectors);
        s.u32(t.block);
        for v in [t.dma, t.write, t.packet, self.bm.last] {
            s.bool(v);
        }
        s.u8(self.bm.command);
        s.u8(self.bm.status);
        for v in [self.bm.table, self.bm.next, self.bm.left, self.bm.address] {
            s.u32(v);
        }
    }

    /// Reads the state.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        const PHASES: [Phase; 7] = [
            Phase::Idle,
            Phase::Reading,
            Phase::Writing,
            Phase::PioIn,
            Phase::PioOut,
            Phase::Packet,
            Phase::WaitDma,
        ];
        for d in &mut self.drives {
            d.present = l.bool()?;
            d.multiple = l.u8()?.min(MULTIPLE_MAX);
            d.transfer = l.u8()?;
            d.unit.sense = l.u8()?;
            d.unit.asc = l.u8()?;
            d.cache = l.bool()?;
            d.unit.open = l.bool()?;
            d.unit.locked = l.bool()?;
            d.unit.changed = l.bool()?;
        }
        for r in [
            &mut self.count,
            &mut self.low,
            &mut self.mid,
            &mut self.high,
        ] {
            l.fill(r)?;
        }
        self.features = l.u8()?;
        self.device = l.u8()?;
        self.status = l.u8()?;
        self.error = l.u8()?;
        self.control = l.u8()?;
        self.irq = l.bool()?;
        let phase = *PHASES
            .get(usize::from(l.u8()?))
            .ok_or(LoadError::Invalid("IDE phase"))?;
        self.t = Transfer {
            phase,
            request: l.opt_u64()?,
            buf: l.bytes_max(CHUNK as usize * SECTOR)?,
            at: l.u32()? as usize,
            end: l.u32()? as usize,
            lba: l.u64()?,
            sectors: l.u32()?,
            block: l.u32()?,
            dma: l.bool()?,
            write: l.bool()?,
            packet: l.bool()?,
        };
        self.bm.last = l.bool()?;
        self.bm.command = l.u8()?;
        self.bm.status = l.u8()?;
        self.bm.table = l.u32()?;
        self.bm.next = l.u32()?;
        self.bm.left = l.u32()?;
        self.bm.address = l.u32()?;
        let t = &self.t;
        // The buffer is indexed by these.
        let held = matches!(t.phase, Phase::PioIn | Phase::PioOut | Phase::Packet);
        if held && (t.at > t.end || t.end > t.buf.len())
            || t.phase == Phase::Packet && t.buf.len() != 12
            || t.lba > 1 << 48
            || t.sectors > 1 << 31
            || self.bm.left > 0x1_0000
        {
            return Err(LoadError::Invalid("IDE transfer"));
        }
        Ok(())
    }
}
