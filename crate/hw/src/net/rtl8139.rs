//! Realtek RTL8139C Ethernet controller (data sheet RTL8139C(L), revision 1.4).
//!
//! Modelled: all registers, the four transmit descriptors, the receive ring with and without wrapping, address filter, loopback,
//! interrupts, the timer, the 93C46 EEPROM by its serial pins, the basic PHY registers with a link. Not modelled: the C+ descriptor
//! modes, power management, wake-up frames.

use tinamou_core::{DevCx, Device, Gpa, Input, Mapping, Ns, stored, stored_device};

use super::eeprom::Eeprom;
use super::{FRAME_MIN, crc32, hash_from_top};
use crate::pci::config::{Bar, Ident, PciFunction};

#[cfg(test)]
mod tests;

const CR_BUFE: u8 = 0x01;
const CR_TE: u8 = 0x04;
const CR_RE: u8 = 0x08;
const CR_RST: u8 = 0x10;

const ISR_ROK: u16 = 0x0001;
const ISR_TOK: u16 = 0x0004;
const ISR_RXOVW: u16 = 0x0010;
const ISR_TIMEOUT: u16 = 0x4000;

const TSD_OWN: u32 = 0x2000;
const TSD_TOK: u32 = 0x8000;

const RCR_ALL: u32 = 0x01;
const RCR_MATCH: u32 = 0x02;
const RCR_MULTICAST: u32 = 0x04;
const RCR_BROADCAST: u32 = 0x08;
const RCR_WRAP: u32 = 0x80;

const TCR_LOOPBACK: u32 = 0x6_0000;
/// What the version bits of TCR say: RTL8139C.
const TCR_VERSION: u32 = 0x7400_0000;

const RX_OK: u16 = 0x0001;
const RX_BROADCAST: u16 = 0x2000;
const RX_PHYSICAL: u16 = 0x4000;
const RX_MULTICAST: u16 = 0x8000;

/// The clock of TCTR.
const TIMER_HZ: u64 = 33_000_000;
/// Longest frame either way.
const FRAME_MAX: usize = 1792;

/// The controller. Region 0: its 256 bytes of ports or memory. Pin 0: INTA#.
pub struct Rtl8139 {
    port: u32,
    mac: [u8; 6],
    cfg: PciFunction,
    id: [u8; 6],
    mar: [u8; 8],
    tsd: [u32; 4],
    tsad: [u32; 4],
    rx_start: u32,
    command: u8,
    /// The driver's place in the receive ring (CAPR and 16), and ours (CBR).
    rx_read: u16,
    rx_write: u16,
    imr: u16,
    isr: u16,
    tcr: u32,
    rcr: u32,
    timer_base: Ns,
    timer_int: u32,
    missed: u32,
    cr9346: u8,
    config: [u8; 6],
    mulint: u16,
    bmcr: u16,
    anar: u16,
    eeprom: Eeprom,
}
stored!(Rtl8139 {
    mac,
    cfg,
    id,
    mar,
    tsd,
    tsad,
    rx_start,
    command,
    rx_read,
    rx_write,
    imr,
    isr,
    tcr,
    rcr,
    timer_base,
    timer_int,
    missed,
    cr9346,
    config,
    mulint,
    bmcr,
    anar,
    eeprom
});

fn function() -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x10ec,
        device: 0x8139,
        class: [0x02, 0x00, 0x00],
        revision: 0x10,
        header: 0,
        pin: 1,
    });
    f.set16(0x06, 0x0280);
    f.set8(0x3e, 0x20);
    f.set8(0x3f, 0x40);
    f.bar(0, Bar::Io(0x100));
    f.bar(1, Bar::Mem(0x100));
    f
}

/// What a driver knows the card by, and its address from word 7 on.
fn eeprom_words(mac: [u8; 6]) -> [u16; 64] {
    let mut words = [0; 64];
    (words[0], words[1], words[2]) = (0x8129, 0x10ec, 0x8139);
    for i in 0..3 {
        words[7 + i] = u16::from_le_bytes([mac[2 * i], mac[2 * i + 1]]);
    }
    words
}

impl Rtl8139 {
    /// A controller on network port `port` with this address.
    pub fn new(port: u32, mac: [u8; 6]) -> Rtl8139 {
        Rtl8139 {
            port,
            mac,
            cfg: function(),
            id: mac,
            mar: [0; 8],
            tsd: [TSD_OWN; 4],
            tsad: [0; 4],
            rx_start: 0,
            command: CR_BUFE,
            rx_read: 0,
            rx_write: 0,
            imr: 0,
            isr: 0,
            tcr: 0x0600,
            rcr: 0,
            timer_base: Ns(0),
            timer_int: 0,
            missed: 0,
            cr9346: 0,
            config: [0x00, 0x0c, 0x00, 0x01, 0x00, 0x00],
            mulint: 0,
            bmcr: 0x1000,
            anar: 0x01e1,
            eeprom: Eeprom::new(eeprom_words(mac)),
        }
    }

    fn chip_reset(&mut self, cx: &mut dyn DevCx) {
        let (cfg, id, mar) = (self.cfg.clone(), self.id, self.mar);
        *self = Rtl8139 {
            cfg,
            id,
            mar,
            timer_base: cx.now(),
            ..Rtl8139::new(self.port, self.mac)
        };
        self.update(cx);
    }

    fn update(&mut self, cx: &mut dyn DevCx) {
        cx.set_irq(0, self.isr & self.imr != 0);
        let deadline = (self.timer_int != 0).then(|| {
            let at = self.timer_base + Ns::until_ticks(self.timer_int.into(), TIMER_HZ);
            at.max(self.timer_base + Ns(1_000))
        });
        let now = cx.now();
        cx.set_timer(0, deadline.filter(|d| *d > now));
    }

    /// Size of the receive ring.
    fn ring(&self) -> usize {
        0x2000 << (self.rcr >> 11 & 3)
    }

    // Transmission.

    fn transmit(&mut self, cx: &mut dyn DevCx, n: usize) {
        if self.command & CR_TE == 0 {
            return;
        }
        let len = (self.tsd[n] & 0x1fff) as usize;
        if len > FRAME_MAX {
            cx.guest_error(format_args!("a frame of {len} bytes"));
        }
        let mut frame = vec![0; len.min(FRAME_MAX)];
        cx.dma_read(Gpa(self.tsad[n].into()), &mut frame);
        if self.tcr & TCR_LOOPBACK == TCR_LOOPBACK {
            self.receive(cx, &frame);
        } else {
            cx.net_out(self.port, &frame);
        }
        self.tsd[n] |= TSD_OWN | TSD_TOK;
        self.isr |= ISR_TOK;
    }

    /// The state of all four descriptors in one register.
    fn tsad_status(&self) -> u16 {
        (0..4).fold(0, |v, i| {
            let t = self.tsd[i];
            v | u16::from(t & TSD_OWN != 0) << i | u16::from(t & TSD_TOK != 0) << (12 + i)
        })
    }

    // Reception.

    /// Why the filter takes a frame, as the header's status has it.
    fn wanted(&self, frame: &[u8]) -> Option<u16> {
        let to = frame.first_chunk::<6>()?;
        let r = self.rcr;
        if *to == [0xff; 6] {
            return (r & (RCR_BROADCAST | RCR_ALL) != 0).then_some(RX_BROADCAST);
        }
        if to[0] & 1 != 0 {
            let h = hash_from_top(to);
            let hit = self.mar[(h >> 3) as usize] >> (h & 7) & 1 != 0;
            return (r & RCR_ALL != 0 || r & RCR_MULTICAST != 0 && hit).then_some(RX_MULTICAST);
        }
        let own = *to == self.id;
        let kind = if own { RX_PHYSICAL } else { 0 };
        (r & RCR_ALL != 0 || r & RCR_MATCH != 0 && own).then_some(kind)
    }

    fn receive(&mut self, cx: &mut dyn DevCx, frame: &[u8]) {
        if self.command & CR_RE == 0 || frame.len() > FRAME_MAX {
            return;
        }
        let Some(kind) = self.wanted(frame) else {
            return;
        };
        let mut f = frame.to_vec();
        f.resize(f.len().max(FRAME_MIN), 0);
        let sum = !crc32(&f);
        f.extend_from_slice(&sum.to_le_bytes());
        let ring = self.ring();
        let (read, write) = (usize::from(self.rx_read), usize::from(self.rx_write));
        let used = (write + ring - read % ring) % ring;
        let need = (f.len() + 4).next_multiple_of(4);
        // One double word stays free, or a full ring would look empty.
        if used + need + 4 > ring {
            self.isr |= ISR_RXOVW;
            self.missed = (self.missed + 1) & 0xff_ffff;
            return;
        }
        let mut whole = (RX_OK | kind).to_le_bytes().to_vec();
        whole.extend_from_slice(&(f.len() as u16).to_le_bytes());
        whole.append(&mut f);
        let base = u64::from(self.rx_start);
        let first = if self.rcr & RCR_WRAP != 0 {
            // The frame runs on behind the ring.
            whole.len()
        } else {
            whole.len().min(ring - write.min(ring))
        };
        cx.dma_write(Gpa(base + write as u64), &whole[..first]);
        cx.dma_write(Gpa(base), &whole[first..]);
        self.rx_write = ((write + need) % ring) as u16;
        self.isr |= ISR_ROK;
    }

    // Registers.

    fn read8(&mut self, now: Ns, at: usize) -> u8 {
        let word = |v: u16| v.to_le_bytes()[at & 1];
        let long = |v: u32| v.to_le_bytes()[at & 3];
        match at {
            0..6 => self.id[at],
            8..0x10 => self.mar[at - 8],
            0x10..0x20 => long(self.tsd[(at - 0x10) / 4]),
            0x20..0x30 => long(self.tsad[(at - 0x20) / 4]),
            0x30..0x34 => long(self.rx_start),
            0x37 => {
                let empty = self.rx_read as usize % self.ring() == self.rx_write as usize;
                self.command & !CR_BUFE | if empty { CR_BUFE } else { 0 }
            }
            0x38 | 0x39 => word(self.rx_read.wrapping_sub(16)),
            0x3a | 0x3b => word(self.rx_write),
            0x3c | 0x3d => word(self.imr),
            0x3e | 0x3f => word(self.isr),
            0x40..0x44 => long(self.tcr | TCR_VERSION),
            0x44..0x48 => long(self.rcr),
            0x48..0x4c => long(now.since(self.timer_base).ticks(TIMER_HZ) as u32),
            0x4c..0x50 => long(self.missed),
            0x50 => self.cr9346 & !1 | u8::from(self.eeprom.out()),
            0x51 => self.config[0],
            0x52 => self.config[1],
            0x54..0x58 => long(self.timer_int),
            // Media: 100 Mbit/s, the link is up.
            0x58 => 0x10,
            0x59 => self.config[3],
            0x5a => self.config[4],
            0x5c | 0x5d => word(self.mulint),
            0x60 | 0x61 => word(self.tsad_status()),
            0x62 | 0x63 => word(self.bmcr),
            // Link, auto-negotiation done.
            0x64 | 0x65 => word(0x782d),
            0x66 | 0x67 => word(self.anar),
            0x68 | 0x69 => word(0x45e1),
            0x6a | 0x6b => word(0x0001),
            // Receive error counter, twister: a cable of good quality.
            0x74 | 0x75 => word(0x17c8),
            0xd8 => self.config[5],
            _ => 0,
        }
    }

    fn write_sized(&mut self, cx: &mut dyn DevCx, at: usize, size: u32, v: u32) {
        match (at, size) {
            (0x10..0x20, 4) if at & 3 == 0 => {
                let n = (at - 0x10) / 4;
                // The driver clears OWN to send.
                self.tsd[n] = v & 0x003f_3fff;
                if v & TSD_OWN == 0 {
                    self.transmit(cx, n);
                }
            }
            (0x20..0x30, 4) if at & 3 == 0 => self.tsad[(at - 0x20) / 4] = v & !3,
            (0x30, 4) => self.rx_start = v,
            (0x37, 1) => self.write_command(cx, v as u8),
            (0x36, 2) => self.write_command(cx, (v >> 8) as u8),
            (0x38, 2) => self.rx_read = (v as u16).wrapping_add(16),
            (0x3c, 2) => self.imr = v as u16,
            (0x3c, 4) => {
                self.imr = v as u16;
                self.isr &= !((v >> 16) as u16);
            }
            (0x3e, 2) => self.isr &= !(v as u16),
            (0x40, 4) => self.tcr = v & 0x0307_07f1,
            (0x44, 4) => self.rcr = v & 0x0f0f_ffbf,
            // Any write starts the timer anew.
            (0x48, _) => self.timer_base = cx.now(),
            (0x4c, _) => self.missed = 0,
            (0x54, 4) => self.timer_int = v,
            (0x5c, 2) => self.mulint = v as u16,
            (0x62, 2) => self.bmcr = v as u16 & 0x3300 | 0x1000 & v as u16,
            (0x66, 2) => self.anar = v as u16,
            (0..6, _) | (8..0x10, _) | (0x50..0x60, 1) | (0xd8, 1) => {
                for i in 0..size as usize {
                    self.write8(at + i, (v >> (8 * i)) as u8);
                }
            }
            (_, 4) => {
                self.write_sized(cx, at, 2, v & 0xffff);
                self.write_sized(cx, at + 2, 2, v >> 16);
            }
            (_, 2) if !matches!(at, 0x38..0x40) => {
                self.write_sized(cx, at, 1, v & 0xff);
                self.write_sized(cx, at + 1, 1, v >> 8);
            }
            _ => {}
        }
    }

    fn write8(&mut self, at: usize, v: u8) {
        let unlocked = self.cr9346 >> 6 == 3;
        match at {
            0..6 if unlocked => self.id[at] = v,
            8..0x10 => self.mar[at - 8] = v,
            0x50 => {
                self.cr9346 = v & 0xce;
                if v >> 6 == 2 {
                    self.eeprom.pins(v & 8 != 0, v & 4 != 0, v & 2 != 0);
                }
            }
            0x51 | 0x52 if unlocked => self.config[at - 0x51] = v,
            0x59 | 0x5a if unlocked => self.config[at - 0x56] = v,
            0xd8 => self.config[5] = v,
            _ => {}
        }
    }

    fn write_command(&mut self, cx: &mut dyn DevCx, v: u8) {
        if v & CR_RST != 0 {
            return self.chip_reset(cx);
        }
        if v & CR_RE != 0 && self.command & CR_RE == 0 {
            (self.rx_read, self.rx_write) = (0, 0);
        }
        self.command = v & (CR_RE | CR_TE);
    }
}

impl Device for Rtl8139 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        *self = Rtl8139::new(self.port, self.mac);
        self.timer_base = cx.now();
        self.update(cx);
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32) -> u64 {
        let now = cx.now();
        (0..u64::from(size)).fold(0, |v, i| {
            v | u64::from(self.read8(now, (offset + i) as usize)) << (8 * i)
        })
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32, value: u64) {
        self.write_sized(cx, offset as usize, size.min(4), value as u32);
        self.update(cx);
    }

    fn timer(&mut self, cx: &mut dyn DevCx, _id: u32) {
        self.isr |= ISR_TIMEOUT;
        self.update(cx);
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        if let Input::Net { port, frame } = input
            && port == self.port
        {
            self.receive(cx, &frame);
            self.update(cx);
        }
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        out.extend(self.cfg.mapping(0, 0, 4));
        out.extend(self.cfg.mapping(1, 0, 4));
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
