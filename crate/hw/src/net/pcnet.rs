//! AMD PCnet-PCI II / FAST III Ethernet controller (Am79C970A data sheet 19436, Am79C973 data sheet 21510).
//!
//! Modelled: address PROM, word and double-word access to control and bus configuration registers, initialisation blocks and
//! descriptor rings of software styles 0, 2 and 3, transmission with scatter, reception with address filter and chaining,
//! loopback, interrupts, the MII management registers of one PHY with a link. Not modelled: EEPROM programming, magic packets,
//! collision and line errors, the poll timer (the rings are looked at on demand, on start and after reception).

use tinamou_core::{
    DevCx, Device, Gpa, Input, LoadError, Loader, MapTo, Mapping, Saver, Space, Stored,
};

use crate::pci::config::{Bar, Ident, PciFunction};

mod ring;
#[cfg(test)]
mod tests;

const INIT: u16 = 0x0001;
const STRT: u16 = 0x0002;
const STOP: u16 = 0x0004;
const TDMD: u16 = 0x0008;
const TXON: u16 = 0x0010;
const RXON: u16 = 0x0020;
const IENA: u16 = 0x0040;
const INTR: u16 = 0x0080;
const IDON: u16 = 0x0100;
const TINT: u16 = 0x0200;
const RINT: u16 = 0x0400;
const MERR: u16 = 0x0800;
const MISS: u16 = 0x1000;
const ERR: u16 = 0x8000;
/// Cleared by writing ones.
const CSR0_CLEAR: u16 = 0x7f00;
const MODE_DRX: u16 = 1;
const MODE_DTX: u16 = 2;
const MODE_LOOP: u16 = 4;
const MODE_PROM: u16 = 0x8000;
const MODE_DRCVBC: u16 = 0x4000;

const CSRS: usize = 128;
const BCRS: usize = 64;

/// The controller. Region 0: its 32 bytes of ports or memory. Pin 0: INTA#.
pub struct Pcnet {
    port: u32,
    mac: [u8; 6],
    cfg: PciFunction,
    csr: [u16; CSRS],
    bcr: [u16; BCRS],
    rap: u16,
    rx_ring: u32,
    tx_ring: u32,
    rx_at: u16,
    tx_at: u16,
}

fn function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x1022,
        device: 0x2000,
        class: [0x02, 0x00, 0x00],
        revision: 0x10,
        header: 0,
        pin: 1,
    });
    f.set16(0x06, 0x0280);
    f.set8(0x3e, 0x06);
    f.set8(0x3f, 0xff);
    f.bar(0, Bar::Io(0x20));
    f.bar(1, Bar::Mem(0x20));
    f
}

impl Pcnet {
    /// A controller on network port `port` with this address.
    pub fn new(port: u32, mac: [u8; 6]) -> Pcnet {
        Pcnet {
            port,
            mac,
            cfg: function(),
            csr: [0; CSRS],
            bcr: [0; BCRS],
            rap: 0,
            rx_ring: 0,
            tx_ring: 0,
            rx_at: 0,
            tx_at: 0,
        }
    }

    fn wide(&self) -> bool {
        self.bcr[18] & 0x80 != 0
    }

    fn style(&self) -> u16 {
        self.bcr[20] & 0xff
    }

    fn prom(&self, at: usize) -> u8 {
        let mut p = [0u8; 16];
        p[..6].copy_from_slice(&self.mac);
        p[9] = 0x11;
        p[14] = 0x57;
        p[15] = 0x57;
        let sum: u16 = p.iter().map(|b| u16::from(*b)).sum();
        [p[12], p[13]] = sum.to_le_bytes();
        p[at & 15]
    }

    fn soft_reset(&mut self, cx: &mut dyn DevCx) {
        let mode = self.csr[15];
        self.csr = [0; CSRS];
        self.csr[0] = STOP;
        self.csr[3] = 0;
        self.csr[4] = 0x0115;
        self.csr[15] = mode & 0x0180;
        self.csr[76] = 0xffff;
        self.csr[78] = 0xffff;
        self.csr[80] = 0x1410;
        self.csr[88] = 0x1003;
        self.csr[89] = 0x0262;
        self.csr[94] = 0;
        self.csr[100] = 0x0200;
        self.csr[103] = 0x0105;
        self.csr[112] = 0;
        self.csr[114] = 0;
        self.csr[122] = 0;
        self.csr[124] = 0;
        for i in 0..3 {
            self.csr[12 + i] = u16::from_le_bytes([self.mac[2 * i], self.mac[2 * i + 1]]);
        }
        (self.rx_at, self.tx_at) = (0, 0);
        // The reset port leaves the bus configuration but for the software style.
        self.bcr[20] = 0x0200;
        self.update(cx);
    }

    fn update(&mut self, cx: &mut dyn DevCx) {
        let c = &mut self.csr;
        c[0] &= !(INTR | ERR);
        if c[0] & 0x7800 != 0 {
            c[0] |= ERR;
        }
        let masked = c[0] & CSR0_CLEAR & !(c[3] & 0x5f00);
        // Features' interrupts: each enable bit lies one below its cause, inverted.
        let features = c[4] & 0x022a & !(c[4] << 1);
        if masked != 0 || features != 0 {
            c[0] |= INTR;
        }
        cx.set_irq(0, c[0] & INTR != 0 && c[0] & IENA != 0);
    }

    // Registers.

    fn read_csr(&mut self, n: usize) -> u16 {
        match n {
            58 => self.bcr[20],
            n => self.csr.get(n).copied().unwrap_or(0),
        }
    }

    fn write_csr(&mut self, cx: &mut dyn DevCx, n: usize, v: u16) {
        match n {
            0 => self.write_csr0(cx, v),
            3 => self.csr[3] = v & 0x5f7c,
            4 => {
                let clear = v & 0x026a;
                self.csr[4] = (v & !0x026a) | self.csr[4] & 0x026a & !clear;
            }
            5 => self.csr[5] = v & 0x0a95,
            15 | 1 | 2 | 8..=14 | 18..=39 | 46..=49 | 60..=67 | 72 | 74 | 82 | 84..=86 => {
                // Addresses, filter and mode change only while stopped.
                if self.csr[0] & (STOP | 0x10) == 0 && n != 15 {
                    cx.guest_error(format_args!("write to CSR{n} while running"));
                }
                self.csr[n] = v;
                match n {
                    24 => self.rx_ring = self.rx_ring & 0xffff_0000 | u32::from(v),
                    25 => self.rx_ring = self.rx_ring & 0xffff | u32::from(v) << 16,
                    30 => self.tx_ring = self.tx_ring & 0xffff_0000 | u32::from(v),
                    31 => self.tx_ring = self.tx_ring & 0xffff | u32::from(v) << 16,
                    _ => {}
                }
            }
            58 => self.write_bcr(20, v),
            76 | 78 => {
                self.csr[n] = v;
                (self.rx_at, self.tx_at) = (0, 0);
            }
            112 | 114 | 122 | 124 => self.csr[n] = v,
            _ => cx.guest_error(format_args!("write of {v:#x} to CSR{n}")),
        }
        self.update(cx);
    }

    fn write_csr0(&mut self, cx: &mut dyn DevCx, v: u16) {
        self.csr[0] &= !(v & CSR0_CLEAR);
        self.csr[0] = self.csr[0] & !IENA | v & IENA;
        if v & STOP != 0 {
            self.csr[0] = STOP;
            self.csr[4] &= !0x02c2;
            self.csr[5] &= !0x0011;
            return;
        }
        if v & INIT != 0 && self.csr[0] & INIT == 0 {
            self.init(cx);
        }
        if v & STRT != 0 && self.csr[0] & STRT == 0 {
            self.csr[0] = self.csr[0] & !STOP | STRT;
            if self.csr[15] & MODE_DTX == 0 {
                self.csr[0] |= TXON;
            }
            if self.csr[15] & MODE_DRX == 0 {
                self.csr[0] |= RXON;
            }
        }
        if v & (TDMD | STRT) != 0 {
            self.transmit(cx);
        }
    }

    fn init(&mut self, cx: &mut dyn DevCx) {
        let at = Gpa(u64::from(self.csr[1]) | u64::from(self.csr[2]) << 16);
        let mut b = [0; 28];
        let short = self.style() == 0;
        let ok = cx.dma_read(at, if short { &mut b[..24] } else { &mut b[..] });
        let w = |i: usize| u16::from_le_bytes([b[i], b[i + 1]]);
        let d = |i: usize| u32::from(w(i)) | u32::from(w(i + 2)) << 16;
        let (rlen, tlen, padr, ladr);
        self.csr[15] = w(0);
        if short {
            (padr, ladr) = (2, 8);
            (rlen, tlen) = (d(16) >> 29, d(20) >> 29);
            self.rx_ring = d(16) & 0xff_ffff;
            self.tx_ring = d(20) & 0xff_ffff;
        } else {
            (padr, ladr) = (4, 12);
            (rlen, tlen) = (u32::from(b[2] >> 4), u32::from(b[3] >> 4));
            self.rx_ring = d(20);
            self.tx_ring = d(24);
        }
        for i in 0..3 {
            self.csr[12 + i] = w(padr + 2 * i);
        }
        for i in 0..4 {
            self.csr[8 + i] = w(ladr + 2 * i);
        }
        // Counters hold the two's complement of the length; 512 is the most.
        self.csr[76] = (1u16 << rlen.min(9)).wrapping_neg();
        self.csr[78] = (1u16 << tlen.min(9)).wrapping_neg();
        for (n, v) in [(24, self.rx_ring), (30, self.tx_ring)] {
            self.csr[n] = v as u16;
            self.csr[n + 1] = (v >> 16) as u16;
        }
        (self.rx_at, self.tx_at) = (0, 0);
        self.csr[0] = self.csr[0] & !(STOP | STRT) | INIT | if ok { IDON } else { MERR };
    }

    fn read_bcr(&self, n: usize) -> u16 {
        match n {
            // LEDs: link.
            4..=7 => {
                let v = self.bcr[n] & 0x7fff;
                v | if v & 0x017f & 0x40 != 0 { 0x8000 } else { 0 }
            }
            // No EEPROM.
            19 => self.bcr[19] & 0x3fff,
            34 => self.read_phy(),
            n => self.bcr.get(n).copied().unwrap_or(0),
        }
    }

    fn write_bcr(&mut self, n: usize, v: u16) {
        match n {
            20 => {
                let style = match v & 0xff {
                    0 => 0x0200,
                    1 => 0x0100 | 0x0200,
                    s @ (2 | 3) => 0x0300 | s,
                    _ => 0x0200,
                };
                self.bcr[20] = style | v & 0xff & 3;
            }
            18 => self.bcr[18] = v & !0x80 | self.bcr[18] & 0x80,
            2 | 4..=7 | 9 | 16 | 17 | 19 | 22 | 32 | 33 => self.bcr[n] = v,
            _ => {}
        }
    }

    /// The MII management registers of the PHY at address 1.
    fn read_phy(&self) -> u16 {
        if self.bcr[33] >> 5 & 31 != 1 {
            return 0xffff;
        }
        match self.bcr[33] & 31 {
            0 => 0x1000,
            1 => 0x782d,
            2 => 0x0000,
            3 => 0x6b70,
            4 => 0x01e1,
            5 => 0x45e1,
            _ => 0,
        }
    }

    fn read_register(&mut self, cx: &mut dyn DevCx, n: u64) -> u16 {
        match n {
            0 => self.read_csr(usize::from(self.rap)),
            1 => self.rap,
            2 => {
                self.soft_reset(cx);
                0
            }
            _ => self.read_bcr(usize::from(self.rap)),
        }
    }

    fn write_register(&mut self, cx: &mut dyn DevCx, n: u64, v: u16) {
        match n {
            0 => self.write_csr(cx, usize::from(self.rap), v),
            1 => self.rap = v & 0x7f,
            2 => {}
            _ => self.write_bcr(usize::from(self.rap), v),
        }
    }
}

impl Device for Pcnet {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = Pcnet::new(self.port, self.mac);
        for (n, v) in [
            (0, 5),
            (1, 5),
            (2, 2),
            (4, 0xc0),
            (5, 0x84),
            (6, 0x88),
            (7, 0x90),
            (18, 0x9001 & !0x80),
            (22, 0xff06),
        ] {
            self.bcr[n] = v;
        }
        self.soft_reset(cx);
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32) -> u64 {
        if offset < 0x10 {
            return (0..u64::from(size).min(16 - offset)).fold(0, |v, i| {
                v | u64::from(self.prom((offset + i) as usize)) << (8 * i)
            });
        }
        let n = offset - 0x10;
        match (self.wide(), size) {
            (true, 4) => u64::from(self.read_register(cx, n >> 2 & 3)),
            (false, 2) => u64::from(self.read_register(cx, n >> 1 & 3)),
            (false, 1) if n & 1 == 0 => u64::from(self.read_register(cx, n >> 1 & 3)) & 0xff,
            // A wide read in word mode gives two registers.
            (false, 4) => u64::from(self.read_register(cx, n >> 1 & 3)),
            _ => u64::MAX,
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32, value: u64) {
        let v = value as u16;
        match (offset, size) {
            (0..0x10, _) => cx.guest_error(format_args!("write to the address PROM")),
            (0x10, 4) if !self.wide() => {
                // The first double-word write to RDP changes to double-word access.
                self.bcr[18] |= 0x80;
                self.write_register(cx, 0, v);
            }
            (o, 4) if self.wide() => self.write_register(cx, (o - 0x10) >> 2 & 3, v),
            (o, 2) if !self.wide() => self.write_register(cx, (o - 0x10) >> 1 & 3, v),
            (o, _) => cx.guest_error(format_args!("write of {size} bytes at {o:#x} in this mode")),
        }
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        if let Input::Net { frame, .. } = input {
            self.receive(cx, &frame);
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        for (n, space) in [(0, Space::Io), (1, Space::PciMem)] {
            if let Some((base, len)) = self.cfg.decoded(n) {
                let to = MapTo::Regs {
                    region: 0,
                    widest: 4,
                };
                out.push(Mapping {
                    space,
                    base,
                    len,
                    to,
                    priority: 1,
                });
            }
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

    fn save(&self, s: &mut Saver) {
        s.raw(&self.mac);
        self.cfg.store(s);
        for v in self
            .csr
            .iter()
            .chain(&self.bcr)
            .chain([&self.rap, &self.rx_at, &self.tx_at])
        {
            s.u16(*v);
        }
        s.u32(self.rx_ring);
        s.u32(self.tx_ring);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        l.fill(&mut self.mac)?;
        self.cfg.restore(l)?;
        let rest = [&mut self.rap, &mut self.rx_at, &mut self.tx_at];
        for v in self.csr.iter_mut().chain(&mut self.bcr).chain(rest) {
            *v = l.u16()?;
        }
        self.rap &= 0x7f;
        self.rx_ring = l.u32()?;
        self.tx_ring = l.u32()?;
        Ok(())
    }
}
