//! NE2000: a National DP8390 (data sheet DP8390D/NS32490D) with 16 KiB of packet memory and an address PROM behind its remote DMA port, on
//! the ISA bus or, as Realtek's RTL8029 has it, on PCI.
//!
//! Modelled: all registers of pages 0 and 1, remote DMA in bytes and words, the receive ring with its boundary, transmission,
//! loopback, address filter with multicast hash, interrupts, reset port. Not modelled: collision counters, page 2 beyond its
//! configuration copies, the send packet command.

use tinamou_core::{DevCx, Device, Input, Mapping, stored, stored_device};

use super::{FRAME_MIN, hash_from_top};
use crate::pci::config::{Bar, Ident, PciFunction};

const CR_STOP: u8 = 0x01;
const CR_START: u8 = 0x02;
const CR_SEND: u8 = 0x04;

const ISR_RX: u8 = 0x01;
const ISR_TX: u8 = 0x02;
const ISR_OVERWRITE: u8 = 0x10;
const ISR_REMOTE_DONE: u8 = 0x40;
const ISR_RESET: u8 = 0x80;

const RCR_BROADCAST: u8 = 0x04;
const RCR_MULTICAST: u8 = 0x08;
const RCR_ALL: u8 = 0x10;
const RCR_MONITOR: u8 = 0x20;

const PAGE: usize = 256;
/// Where the packet memory begins in the chip's address space, and where it ends.
const MEM_FIRST: usize = 0x4000;
const MEM_LAST: usize = 0x8000;
const FRAME_MAX: usize = 1514;

/// The card. Region 0: its 32 ports. Pin 0: interrupt.
pub struct Ne2000 {
    port: u32,
    mac: [u8; 6],
    /// On PCI, not ISA, where `cfg` is nobody's.
    on_pci: bool,
    cfg: PciFunction,
    mem: Vec<u8>,
    cr: u8,
    pstart: u8,
    pstop: u8,
    bnry: u8,
    tpsr: u8,
    tsr: u8,
    tbcr: u16,
    rsar: u16,
    rbcr: u16,
    rsr: u8,
    rcr: u8,
    tcr: u8,
    dcr: u8,
    imr: u8,
    isr: u8,
    par: [u8; 6],
    curr: u8,
    mar: [u8; 8],
}
stored!(Ne2000 {
    mac,
    cfg, mem, cr, pstart, pstop, bnry, tpsr, tsr, tbcr, rsar, rbcr, rsr, rcr, tcr, dcr, imr, isr, par, curr, mar
} check |s| s.mem.len() == MEM_LAST - MEM_FIRST, "NE2000 memory");

fn function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x10ec,
        device: 0x8029,
        class: [0x02, 0x00, 0x00],
        revision: 0,
        header: 0,
        pin: 1,
    });
    f.set16(0x06, 0x0200);
    f.bar(0, Bar::Io(0x20));
    f
}

impl Ne2000 {
    fn make(port: u32, mac: [u8; 6], on_pci: bool) -> Ne2000 {
        Ne2000 {
            port,
            mac,
            on_pci,
            cfg: function(),
            mem: vec![0; MEM_LAST - MEM_FIRST],
            cr: CR_STOP | 0x20,
            pstart: 0,
            pstop: 0,
            bnry: 0,
            tpsr: 0,
            tsr: 0,
            tbcr: 0,
            rsar: 0,
            rbcr: 0,
            rsr: 0,
            rcr: 0,
            tcr: 0,
            dcr: 0,
            imr: 0,
            isr: ISR_RESET,
            par: mac,
            curr: 0,
            mar: [0; 8],
        }
    }

    /// A card on the ISA bus, on network port `port` with this address.
    pub fn isa(port: u32, mac: [u8; 6]) -> Ne2000 {
        Ne2000::make(port, mac, false)
    }

    /// A card on PCI.
    pub fn pci(port: u32, mac: [u8; 6]) -> Ne2000 {
        Ne2000::make(port, mac, true)
    }

    fn update(&self, cx: &mut dyn DevCx) {
        cx.set_irq(0, self.isr & self.imr & 0x7f != 0);
    }

    /// A byte of the chip's address space.
    fn peek(&self, at: u16) -> u8 {
        match usize::from(at) {
            // The PROM: each byte twice, then 57h for a 16-bit card.
            a @ 0..32 => match a / 2 {
                i @ 0..6 => self.mac[i],
                14 | 15 => 0x57,
                _ => 0,
            },
            a @ MEM_FIRST..MEM_LAST => self.mem[a - MEM_FIRST],
            _ => 0xff,
        }
    }

    fn poke(&mut self, at: u16, v: u8) {
        if let a @ MEM_FIRST..MEM_LAST = usize::from(at) {
            self.mem[a - MEM_FIRST] = v;
        }
    }

    /// Moves the remote DMA on by one byte.
    fn remote_step(&mut self) {
        self.rsar = self.rsar.wrapping_add(1);
        // The ring goes around for the driver too.
        if self.pstop != 0 && self.rsar == u16::from(self.pstop) << 8 {
            self.rsar = u16::from(self.pstart) << 8;
        }
        self.rbcr = self.rbcr.saturating_sub(1);
        if self.rbcr == 0 {
            self.isr |= ISR_REMOTE_DONE;
        }
    }

    fn data_read(&mut self, size: u32) -> u64 {
        (0..size).fold(0, |v, i| {
            if self.rbcr == 0 {
                return v;
            }
            let b = self.peek(self.rsar);
            self.remote_step();
            v | u64::from(b) << (8 * i)
        })
    }

    fn data_write(&mut self, size: u32, v: u64) {
        for i in 0..size {
            if self.rbcr == 0 {
                return;
            }
            self.poke(self.rsar, (v >> (8 * i)) as u8);
            self.remote_step();
        }
    }

    fn send(&mut self, cx: &mut dyn DevCx) {
        let len = usize::from(self.tbcr).min(FRAME_MAX);
        let from = u16::from(self.tpsr) << 8;
        let frame: Vec<u8> = (0..len as u16)
            .map(|i| self.peek(from.wrapping_add(i)))
            .collect();
        if self.tcr & 0x06 != 0 {
            self.receive(&frame);
        } else {
            cx.net_out(self.port, &frame);
        }
        self.tsr = 0x01;
        self.isr |= ISR_TX;
        self.cr &= !CR_SEND;
    }

    fn wanted(&self, frame: &[u8]) -> bool {
        let Some(to) = frame.first_chunk::<6>() else {
            return false;
        };
        if *to == [0xff; 6] {
            return self.rcr & RCR_BROADCAST != 0;
        }
        if to[0] & 1 != 0 {
            let h = hash_from_top(to);
            return self.rcr & RCR_MULTICAST != 0
                && self.mar[(h >> 3) as usize] >> (h & 7) & 1 != 0;
        }
        self.rcr & RCR_ALL != 0 || *to == self.par
    }

    fn receive(&mut self, frame: &[u8]) {
        let stopped = self.cr & CR_STOP != 0 || self.rcr & RCR_MONITOR != 0;
        let ring = self.pstop.saturating_sub(self.pstart);
        let inside = (self.pstart..self.pstop).contains(&self.curr);
        if stopped || !inside || frame.len() > FRAME_MAX || !self.wanted(frame) {
            return;
        }
        let mut f = frame.to_vec();
        f.resize(f.len().max(FRAME_MIN), 0);
        // The header of four bytes, and the checksum in the count.
        let count = f.len() + 4;
        let pages = (count + 4).div_ceil(PAGE) as u8;
        let free = match self.bnry {
            b if b > self.curr => b - self.curr,
            b => ring - (self.curr - b.max(self.pstart)),
        };
        if pages >= free {
            self.isr |= ISR_OVERWRITE;
            return;
        }
        let next = match u16::from(self.curr) + u16::from(pages) {
            n if n >= u16::from(self.pstop) => (n - u16::from(ring)) as u8,
            n => n as u8,
        };
        self.rsr = 0x01 | if frame[0] & 1 != 0 { 0x20 } else { 0 };
        let c = (count as u16).to_le_bytes();
        let mut whole = vec![self.rsr, next, c[0], c[1]];
        whole.append(&mut f);
        let mut at = u16::from(self.curr) << 8;
        for b in whole {
            self.poke(at, b);
            at = at.wrapping_add(1);
            if at == u16::from(self.pstop) << 8 {
                at = u16::from(self.pstart) << 8;
            }
        }
        self.curr = next;
        self.isr |= ISR_RX;
    }

    fn read_register(&mut self, at: u64) -> u8 {
        match (self.cr >> 6, at) {
            (_, 0) => self.cr,
            (0, 1) => self.rsar as u8,
            (0, 2) => (self.rsar >> 8) as u8,
            (0, 3) => self.bnry,
            (0, 4) => self.tsr,
            (0, 7) => self.isr,
            (0, 8) => self.rsar as u8,
            (0, 9) => (self.rsar >> 8) as u8,
            // The RTL8029 says what it is.
            (0, 10) if self.on_pci => 0x50,
            (0, 11) if self.on_pci => 0x43,
            (0, 12) => self.rsr,
            (0, _) => 0,
            (1, 1..=6) => self.par[at as usize - 1],
            (1, 7) => self.curr,
            (1, 8..) => self.mar[at as usize & 7],
            (2, 1) => self.pstart,
            (2, 2) => self.pstop,
            (2, 4) => self.tpsr,
            (2, 12) => self.rcr | 0xc0,
            (2, 13) => self.tcr | 0xe0,
            (2, 14) => self.dcr | 0x80,
            (2, 15) => self.imr | 0x80,
            _ => 0,
        }
    }

    fn write_register(&mut self, cx: &mut dyn DevCx, at: u64, v: u8) {
        let put = |r: &mut u16, high: bool| {
            let mut b = r.to_le_bytes();
            b[usize::from(high)] = v;
            *r = u16::from_le_bytes(b);
        };
        match (self.cr >> 6, at) {
            (_, 0) => {
                self.cr = v;
                if v & CR_STOP != 0 {
                    self.isr |= ISR_RESET;
                    return;
                }
                self.isr &= !ISR_RESET;
                // A remote DMA of no bytes is done at once.
                if v & 0x18 != 0 && self.rbcr == 0 {
                    self.isr |= ISR_REMOTE_DONE;
                }
                if v & (CR_START | CR_SEND) == CR_START | CR_SEND {
                    self.send(cx);
                }
            }
            (0, 1) => self.pstart = v,
            (0, 2) => self.pstop = v,
            (0, 3) => self.bnry = v,
            (0, 4) => self.tpsr = v,
            (0, 5) => put(&mut self.tbcr, false),
            (0, 6) => put(&mut self.tbcr, true),
            (0, 7) => self.isr &= !(v & 0x7f),
            (0, 8) => put(&mut self.rsar, false),
            (0, 9) => put(&mut self.rsar, true),
            (0, 10) => put(&mut self.rbcr, false),
            (0, 11) => put(&mut self.rbcr, true),
            (0, 12) => self.rcr = v & 0x3f,
            (0, 13) => self.tcr = v & 0x1f,
            (0, 14) => self.dcr = v & 0x7f,
            (0, _) => self.imr = v & 0x7f,
            (1, 1..=6) => self.par[at as usize - 1] = v,
            (1, 7) => self.curr = v,
            (1, 8..) => self.mar[at as usize & 7] = v,
            _ => {}
        }
    }
}

impl Device for Ne2000 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = Ne2000::make(self.port, self.mac, self.on_pci);
        self.update(cx);
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32) -> u64 {
        let v = match offset {
            0..0x10 => u64::from(self.read_register(offset)),
            0x10..0x18 => self.data_read(size),
            _ => {
                // Reading the reset port resets.
                self.isr |= ISR_RESET;
                self.cr = CR_STOP | 0x20;
                0
            }
        };
        self.update(cx);
        v
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32, value: u64) {
        match offset {
            0..0x10 => self.write_register(cx, offset, value as u8),
            0x10..0x18 => self.data_write(size, value),
            _ => {}
        }
        self.update(cx);
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        if let Input::Net { port, frame } = input
            && port == self.port
        {
            self.receive(&frame);
            self.update(cx);
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        if self.on_pci {
            out.extend(self.cfg.mapping(0, 0, 4));
        }
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32) -> u32 {
        self.cfg.read(reg, size)
    }

    fn pci_write(&mut self, cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32, value: u32) {
        if self.cfg.write(reg, size, value) {
            cx.request_remap();
        }
    }

    stored_device!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, storm};

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    fn up(b: &mut Bench<Ne2000>) {
        for (at, v) in [
            (0, 0x21),
            (14, 0x49),
            (10, 0),
            (11, 0),
            (12, 0x04),
            (13, 0),
            (1, 0x46),
            (3, 0x46),
            (2, 0x80),
            (7, 0xff),
            (15, 0x03),
            (0, 0x61),
            (7, 0x47),
        ] {
            b.write(0, at, 1, v);
        }
        for (i, m) in (1..).zip(MAC) {
            b.write(0, i, 1, u64::from(m));
        }
        b.write(0, 0, 1, 0x22);
    }

    fn remote(b: &mut Bench<Ne2000>, at: u64, n: u64, command: u64) {
        for (r, v) in [(8, at), (9, at >> 8), (10, n), (11, n >> 8), (0, command)] {
            b.write(0, r, 1, v & 0xff);
        }
    }

    #[test]
    fn prom_and_sending() {
        Bench::new(Ne2000::isa(0, MAC), || Ne2000::isa(0, [0; 6])).twice(|b| {
            up(b);
            remote(b, 0, 32, 0x0a);
            let prom: Vec<u8> = (0..16).map(|_| b.read(0, 0x10, 2) as u8).collect();
            assert_eq!(prom[..6], MAC);
            assert_eq!(prom[14], 0x57);
            assert_eq!(b.read(0, 7, 1) & 0x40, 0x40, "remote DMA complete");
            b.write(0, 7, 1, 0x40);
            remote(b, 0x4000, 60, 0x12);
            for i in 0..30 {
                b.write(0, 0x10, 2, i);
            }
            b.save_and_load();
            for (r, v) in [(4, 0x40), (5, 60), (6, 0), (0, 0x26)] {
                b.write(0, r, 1, v);
            }
            let f = std::mem::take(&mut b.cx.frames);
            assert_eq!((f[0].len(), f[0][58]), (60, 29));
            assert!(b.irq(0));
            b.write(0, 7, 1, 0xff);
            assert!(!b.irq(0));
        });
    }

    #[test]
    fn receives_into_the_ring() {
        let make = || Ne2000::pci(0, MAC);
        let mut b = Bench::new(make(), make);
        b.twice(|b| {
            up(b);
            let mut frame = MAC.to_vec();
            frame.resize(300, 9);
            let news = |frame: &Vec<u8>| Input::Net {
                port: 0,
                frame: frame.clone(),
            };
            b.dev.input(&mut b.cx, news(&frame));
            assert!(b.irq(0));
            b.save_and_load();
            remote(b, 0x4700, 4, 0x0a);
            let head = [0; 4].map(|_| b.read(0, 0x10, 1));
            // Good, two pages on, 300 bytes and a checksum.
            assert_eq!(head, [1, 0x49, 304 & 0xff, 1]);
            for _ in 0..60 {
                b.dev.input(&mut b.cx, news(&frame));
            }
            assert_eq!(b.read(0, 7, 1) & 0x11, 0x11, "the ring is full");
            b.write(0, 7, 1, 0xff);
            frame[0] = 2;
            b.dev.input(&mut b.cx, news(&frame));
            assert!(!b.irq(0), "not for us");
        });
        storm(&mut b, &[(0, 0x20), (0, 0x10)], 100_000);
        for n in 0..2000 {
            let frame = vec![0xff; n];
            b.dev.input(&mut b.cx, Input::Net { port: 0, frame });
        }
    }
}
