//! Intel 82540EM gigabit Ethernet controller, "e1000" (PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual,
//! 317453-006).
//!
//! Modelled: descriptor rings both ways, legacy and extended transmit descriptors with checksums and TCP segmentation, the address
//! filter, interrupts, the EEPROM by its serial pins and by EERD, the PHY's basic registers with a link at 1000 Mbit/s, ports that
//! reach the registers. Not modelled: interrupt throttling and delays (interrupts come at once), VLAN tags, receive checksums,
//! statistics (zeros), wake-up, flow control.

use tinamou_core::{DevCx, Device, Gpa, Input, Mapping, stored, stored_device};

use super::eeprom::Eeprom;
use super::{FRAME_MIN, crc32};
use crate::pci::config::{Bar, Ident, PciFunction};

mod segment;
#[cfg(test)]
mod tests;

use segment::Offload;

const CTRL: usize = 0x0000;
const STATUS: usize = 0x0008;
const EECD: usize = 0x0010;
const EERD: usize = 0x0014;
const MDIC: usize = 0x0020;
const ICR: usize = 0x00c0;
const ICS: usize = 0x00c8;
const IMS: usize = 0x00d0;
const IMC: usize = 0x00d8;
const RCTL: usize = 0x0100;
const TCTL: usize = 0x0400;
const RDBAL: usize = 0x2800;
const RDLEN: usize = 0x2808;
const RDH: usize = 0x2810;
const RDT: usize = 0x2818;
const TDBAL: usize = 0x3800;
const TDLEN: usize = 0x3808;
const TDH: usize = 0x3810;
const TDT: usize = 0x3818;
const MTA: usize = 0x5200;
const RA: usize = 0x5400;
const RA_END: usize = 0x5480;
/// Registers that keep what is written lie below this.
const REGS_BYTES: usize = 0x6000;

const CTRL_RST: u32 = 1 << 26;
/// Full duplex, link up, 1000 Mbit/s.
const STATUS_VALUE: u32 = 0x8008_0783;

const EECD_SK: u32 = 1;
const EECD_CS: u32 = 2;
const EECD_DI: u32 = 4;
const EECD_DO: u32 = 8;
const EECD_REQ: u32 = 0x40;
const EECD_GNT: u32 = 0x80;
const EECD_PRES: u32 = 0x100;

const INT_TXDW: u32 = 1;
const INT_TXQE: u32 = 2;
const INT_LSC: u32 = 4;
const INT_RXO: u32 = 0x40;
const INT_RXT0: u32 = 0x80;

const RCTL_EN: u32 = 1 << 1;
const RCTL_UPE: u32 = 1 << 3;
const RCTL_MPE: u32 = 1 << 4;
const RCTL_LPE: u32 = 1 << 5;
const RCTL_BAM: u32 = 1 << 15;
const RCTL_BSEX: u32 = 1 << 25;
const RCTL_SECRC: u32 = 1 << 26;
const TCTL_EN: u32 = 1 << 1;

const TX_EOP: u32 = 1 << 24;
const TX_RS: u32 = 1 << 27;
const TX_DEXT: u32 = 1 << 29;
const TX_DATA: u32 = 1 << 20;
const TX_TSE: u32 = 1 << 26;
const TX_IC: u32 = 1 << 26;
const DD: u32 = 1;
const RX_EOP: u32 = 2;

/// Longest packet collected from the ring.
const PACKET_MAX: usize = 256 << 10;
/// Longest frame taken from the network.
const FRAME_MAX: usize = 16 << 10;
const DESC: u64 = 16;

/// The controller. Region 0: its registers in memory; region 1: the two ports that reach them. Pin 0: INTA#.
pub struct E1000 {
    port: u32,
    mac: [u8; 6],
    cfg: PciFunction,
    regs: Vec<u32>,
    icr: u32,
    ims: u32,
    phy: [u16; 32],
    eeprom: Eeprom,
    io_address: u32,
    packet: Vec<u8>,
    offload: Offload,
}
stored!(E1000 { mac, cfg, regs, icr, ims, phy, eeprom, io_address, packet, offload }
    check |s| s.regs.len() == REGS_BYTES / 4, "e1000 registers");

fn function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device: 0x100e,
        class: [0x02, 0x00, 0x00],
        revision: 3,
        header: 0,
        pin: 1,
    });
    f.bar(0, Bar::Mem(0x2_0000));
    f.bar(1, Bar::Io(0x40));
    f
}

fn eeprom_words(mac: [u8; 6]) -> [u16; 64] {
    let mut w = [0u16; 64];
    for i in 0..3 {
        w[i] = u16::from_le_bytes([mac[2 * i], mac[2 * i + 1]]);
    }
    // Compatibility, initialisation control, subsystem and device identity.
    (w[3], w[10], w[11], w[12], w[13], w[14]) = (0x0420, 0x44a8, 0x001e, 0x8086, 0x100e, 0x8086);
    (w[5], w[8]) = (0x3040, 0x1008);
    let sum = w.iter().fold(0u16, |s, v| s.wrapping_add(*v));
    // All 64 add up to BABAh.
    w[63] = 0xbaba_u16.wrapping_sub(sum);
    w
}

impl E1000 {
    /// A controller on network port `port` with this address.
    pub fn new(port: u32, mac: [u8; 6]) -> E1000 {
        let mut phy = [0; 32];
        for (n, v) in [
            (0, 0x1140),
            // Link, auto-negotiation done.
            (1, 0x796d),
            (2, 0x0141),
            (3, 0x0c20),
            (4, 0x0de1),
            (5, 0x45e1),
            (9, 0x0e00),
            (10, 0x3c00),
            // 1000 Mbit/s, full duplex, resolved, link.
            (17, 0xac00),
        ] {
            phy[n] = v;
        }
        let mut e = E1000 {
            port,
            mac,
            cfg: function(),
            regs: vec![0; REGS_BYTES / 4],
            icr: 0,
            ims: 0,
            phy,
            eeprom: Eeprom::new(eeprom_words(mac)),
            io_address: 0,
            packet: Vec::new(),
            offload: Offload::default(),
        };
        *e.reg(RA) = u32::from_le_bytes([mac[0], mac[1], mac[2], mac[3]]);
        *e.reg(RA + 4) = 0x8000_0000 | u32::from(mac[4]) | u32::from(mac[5]) << 8;
        e
    }

    fn get(&self, at: usize) -> u32 {
        self.regs.get(at / 4).copied().unwrap_or(0)
    }

    /// A register that is there.
    fn reg(&mut self, at: usize) -> &mut u32 {
        &mut self.regs[at / 4]
    }

    fn chip_reset(&mut self, cx: &mut dyn DevCx) {
        let cfg = self.cfg.clone();
        *self = E1000 {
            cfg,
            ..E1000::new(self.port, self.mac)
        };
        self.update(cx);
    }

    fn update(&self, cx: &mut dyn DevCx) {
        cx.set_irq(0, self.icr & self.ims != 0);
    }

    /// Base, number of descriptors and the two indices of a ring whose registers begin at `first`; `None` for no ring.
    fn ring(&self, first: usize) -> Option<(u64, u32)> {
        let base = u64::from(self.get(first) & !15) | u64::from(self.get(first + 4)) << 32;
        let n = (self.get(first + 8) & 0xf_ff80) / DESC as u32;
        (n != 0).then_some((base, n))
    }

    // Transmission.

    fn transmit(&mut self, cx: &mut dyn DevCx) {
        let Some((base, n)) = self.ring(TDBAL) else {
            return;
        };
        if self.get(TCTL) & TCTL_EN == 0 {
            return;
        }
        // At most once around.
        for _ in 0..n {
            let head = self.get(TDH) % n;
            if head == self.get(TDT) % n {
                break;
            }
            let at = base.wrapping_add(DESC * u64::from(head));
            let mut d = [0; DESC as usize];
            if !cx.dma_read(Gpa(at), &mut d) {
                cx.guest_error(format_args!("the transmit ring is not in memory"));
                break;
            }
            let word = |i: usize| u32::from_le_bytes([d[i], d[i + 1], d[i + 2], d[i + 3]]);
            let (address, low, high) = (
                u64::from(word(0)) | u64::from(word(4)) << 32,
                word(8),
                word(12),
            );
            self.descriptor(cx, address, low, high);
            if low & TX_RS != 0 {
                cx.dma_write(Gpa(at + 12), &[high as u8 | DD as u8]);
                self.icr |= INT_TXDW;
            }
            *self.reg(TDH) = (head + 1) % n;
        }
        if self.get(TDH) == self.get(TDT) {
            self.icr |= INT_TXQE;
        }
    }

    fn descriptor(&mut self, cx: &mut dyn DevCx, address: u64, low: u32, high: u32) {
        let extended = low & TX_DEXT != 0;
        if extended && low & TX_DATA == 0 {
            self.offload.context(address, low, high);
            return;
        }
        let len = (low & if extended { 0xf_ffff } else { 0xffff }) as usize;
        if self.packet.is_empty() {
            self.offload
                .begin(extended, extended && low & TX_TSE != 0, (high >> 8) as u8);
        }
        let at = self.packet.len();
        let room = PACKET_MAX - at.min(PACKET_MAX);
        self.packet.resize(at + len.min(room), 0);
        cx.dma_read(Gpa(address), &mut self.packet[at..]);
        if low & TX_EOP == 0 {
            return;
        }
        let mut packet = std::mem::take(&mut self.packet);
        if !extended && low & TX_IC != 0 {
            // Legacy: offset and start of one checksum.
            segment::checksum(
                &mut packet,
                (high >> 8 & 0xff) as usize,
                0,
                (low >> 16 & 0xff) as usize,
            );
        }
        for frame in self.offload.frames(packet) {
            cx.net_out(self.port, &frame);
        }
    }

    // Reception.

    fn wanted(&self, frame: &[u8]) -> bool {
        let Some(to) = frame.first_chunk::<6>() else {
            return false;
        };
        let r = self.get(RCTL);
        if *to == [0xff; 6] && r & RCTL_BAM != 0 {
            return true;
        }
        if to[0] & 1 != 0 && r & RCTL_MPE != 0 || to[0] & 1 == 0 && r & RCTL_UPE != 0 {
            return true;
        }
        let low = u32::from_le_bytes([to[0], to[1], to[2], to[3]]);
        let high = u32::from(to[4]) | u32::from(to[5]) << 8;
        for at in (RA..RA_END).step_by(8) {
            let h = self.get(at + 4);
            if h & 0x8000_0000 != 0 && self.get(at) == low && h & 0xffff == high {
                return true;
            }
        }
        if to[0] & 1 == 0 {
            return false;
        }
        // Twelve of the last sixteen bits, by the multicast offset.
        let shift = [4, 3, 2, 0][(r >> 12 & 3) as usize];
        let hash = (high >> shift & 0xfff) as usize;
        self.get(MTA + 4 * (hash >> 5)) >> (hash & 31) & 1 != 0
    }

    fn receive(&mut self, cx: &mut dyn DevCx, frame: &[u8]) {
        let r = self.get(RCTL);
        let Some((base, n)) = self.ring(RDBAL) else {
            return;
        };
        let long = frame.len() > if r & RCTL_LPE != 0 { FRAME_MAX } else { 1518 };
        if r & RCTL_EN == 0 || long || !self.wanted(frame) {
            return;
        }
        let mut f = frame.to_vec();
        f.resize(f.len().max(FRAME_MIN), 0);
        if r & RCTL_SECRC == 0 {
            let sum = !crc32(&f);
            f.extend_from_slice(&sum.to_le_bytes());
        }
        let size = match (r & RCTL_BSEX != 0, r >> 16 & 3) {
            (false, s) => 2048 >> s,
            (true, 1) => 16_384,
            (true, 2) => 8192,
            (true, _) => 4096,
        };
        let pieces = f.len().div_ceil(size) as u32;
        let (mut head, tail) = (self.get(RDH) % n, self.get(RDT) % n);
        if (tail + n - head) % n < pieces {
            self.icr |= INT_RXO;
            return self.update(cx);
        }
        let last = f.len().div_ceil(size) - 1;
        for (i, part) in f.chunks(size).enumerate() {
            let at = base.wrapping_add(DESC * u64::from(head));
            let mut a = [0; 8];
            cx.dma_read(Gpa(at), &mut a);
            cx.dma_write(Gpa(u64::from_le_bytes(a)), part);
            let status = DD | if i == last { RX_EOP } else { 0 };
            let [l0, l1] = (part.len() as u16).to_le_bytes();
            cx.dma_write(Gpa(at + 8), &[l0, l1, 0, 0, status as u8, 0, 0, 0]);
            head = (head + 1) % n;
        }
        *self.reg(RDH) = head;
        self.icr |= INT_RXT0;
        self.update(cx);
    }

    // Registers.

    fn read_register(&mut self, cx: &mut dyn DevCx, at: usize) -> u32 {
        match at {
            STATUS => STATUS_VALUE,
            EECD => {
                let v = self.get(EECD);
                let granted = if v & EECD_REQ != 0 { EECD_GNT } else { 0 };
                let out = if self.eeprom.out() { EECD_DO } else { 0 };
                v & (EECD_SK | EECD_CS | EECD_DI | EECD_REQ) | EECD_PRES | granted | out
            }
            ICR => {
                let v = std::mem::take(&mut self.icr);
                self.update(cx);
                v
            }
            IMS => self.ims,
            IMC => 0,
            // Statistics.
            0x4000..0x4100 => 0,
            _ => self.get(at),
        }
    }

    fn write_register(&mut self, cx: &mut dyn DevCx, at: usize, v: u32) {
        match at {
            CTRL if v & CTRL_RST != 0 => return self.chip_reset(cx),
            EECD => {
                let p = |b: u32| v & b != 0;
                self.eeprom.pins(p(EECD_CS), p(EECD_SK), p(EECD_DI));
                *self.reg(EECD) = v;
            }
            EERD => {
                let word = u32::from(self.eeprom.word((v >> 8) as u8));
                // Done.
                *self.reg(EERD) = v & 0xff00 | 0x10 | word << 16;
            }
            MDIC => self.mdic(v),
            ICS => self.icr |= v,
            IMS => self.ims |= v,
            IMC => self.ims &= !v,
            ICR => self.icr &= !v,
            STATUS => {}
            RDT | TDT | RDH | TDH => {
                *self.reg(at) = v & 0xffff;
                if at == TDT {
                    self.transmit(cx);
                }
            }
            RDLEN | TDLEN => *self.reg(at) = v & 0xf_ff80,
            _ => {
                if let Some(r) = self.regs.get_mut(at / 4) {
                    *r = v;
                }
            }
        }
        self.update(cx);
    }

    /// The PHY's registers: operation 1 writes, 2 reads.
    fn mdic(&mut self, v: u32) {
        let n = (v >> 16 & 31) as usize;
        let mut r = v | 1 << 28;
        match (v >> 21 & 31, v >> 26 & 3) {
            (1, 1) => {
                if !matches!(n, 1..=3 | 5 | 10 | 17) {
                    // Reset ends at once, and so does negotiation, with news of the link.
                    self.phy[n] = v as u16 & if n == 0 { !0x8200 } else { 0xffff };
                    if n == 0 && v & 0x8200 != 0 {
                        self.icr |= INT_LSC;
                    }
                }
            }
            (1, 2) => r = r & 0xffff_0000 | u32::from(self.phy[n]),
            // No other PHY: error.
            _ => r |= 1 << 30,
        }
        *self.reg(MDIC) = r;
    }
}

impl Device for E1000 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = E1000::new(self.port, self.mac);
        self.update(cx);
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, _size: u32) -> u64 {
        let at = match (region, offset & !3) {
            (0, o) => o as usize,
            (_, 0) => return u64::from(self.io_address) >> (8 * (offset & 3)),
            (_, 4) => self.io_address as usize & 0x1_fffc,
            _ => return 0,
        };
        u64::from(self.read_register(cx, at)) >> (8 * (offset & 3))
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        if size != 4 || offset & 3 != 0 {
            return cx.guest_error(format_args!("write of {size} bytes at {offset:#x}"));
        }
        let v = value as u32;
        match (region, offset) {
            (0, o) => self.write_register(cx, o as usize, v),
            (_, 0) => self.io_address = v,
            (_, 4) => self.write_register(cx, self.io_address as usize & 0x1_fffc, v),
            _ => {}
        }
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        if let Input::Net { port, frame } = input
            && port == self.port
        {
            self.receive(cx, &frame);
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        out.extend(self.cfg.mapping(0, 0, 4));
        out.extend(self.cfg.mapping(1, 1, 4));
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
