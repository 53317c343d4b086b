//! Galileo GT-64120A system controller (data sheet revision 1.1): CPU interface, address decoders, PCI host bridge.
//!
//! Modelled: the register file, decoders for its own registers and the PCI I/O and memory windows (they move; writing a low
//! decoder copies it to the remap register), configuration cycles, interrupt acknowledge cycles, master-abort in the
//! interrupt cause register, byte swapping of registers (CPU configuration bit 12) and of configuration data (PCI command bit
//! 0, not for the bridge itself), timer/counters ([`timers`]), DMA engines ([`dma`]), interrupt cause and CPU mask on output pin 0.
//! Not modelled: SDRAM and device decoders (the board's RAM stands where it is), interrupts towards the PCI side, PCI1, the PCI side's view of memory (bus masters see the whole system space), base address registers (fixed), address remap for I/O (the window
//! always shows ports from 0 on).

use tinamou_core::{DevCx, Device, LoadError, Loader, MapTo, Mapping, Saver, Space, Stored};

use super::config::{Ident, PciFunction};
use dma::Channel;
use timers::Timer;

pub mod dma;
pub mod timers;

const CPU: usize = 0x000;
const PCI0IOLD: usize = 0x048;
const PCI0IOHD: usize = 0x050;
const PCI0M0LD: usize = 0x058;
const PCI0M0HD: usize = 0x060;
const ISD: usize = 0x068;
const PCI0M1LD: usize = 0x080;
const PCI0M1HD: usize = 0x088;
const PCI1_FIRST: usize = 0x090;
const PCI1_LAST: usize = 0x0b8;
const PCI0IOREMAP: usize = 0x0f0;
const PCI0M0REMAP: usize = 0x0f8;
const PCI0M1REMAP: usize = 0x100;
/// Per channel: byte counts, source, destination, next record and control.
const DMA_FIRST: usize = 0x800;
const DMA_LAST: usize = 0x84c;
const DMA_CONTROL: usize = 0x840;
const TIMER_FIRST: usize = 0x850;
const TIMER_LAST: usize = 0x85c;
const TIMER_CONTROL: usize = 0x864;
const PCI0_CMD: usize = 0xc00;
const PCI1_CMD: usize = 0xc80;
const INTRCAUSE: usize = 0xc18;
const CPU_INTRMASK: usize = 0xc1c;
const PCI1_IACK: usize = 0xc30;
const PCI0_IACK: usize = 0xc34;
const PCI1_CFGDATA: usize = 0xcf4;
const PCI0_CFGADDR: usize = 0xcf8;
const PCI0_CFGDATA: usize = 0xcfc;

/// CPU configuration: the registers are little-endian.
const CPU_LITTLE: u32 = 1 << 12;
/// PCI command: no byte swap for the CPU's cycles.
const CMD_MBYTESWAP: u32 = 1;
/// Sum of all causes.
const CAUSE_INTSUM: u32 = 1;
/// A CPU access or a DMA record left the memories.
const CAUSE_DMAOUT: u32 = 1 << 2;
const CAUSE_DMA0COMP: u32 = 1 << 4;
const CAUSE_T0EXP: u32 = 1 << 8;
const CAUSE_MASABORT0: u32 = 1 << 18;
/// Sum of those that the CPU's mask lets through.
const CAUSE_CPUINTSUM: u32 = 1 << 30;
const CAUSE_SUMS: u32 = CAUSE_INTSUM | CAUSE_CPUINTSUM | 1 << 31;
/// Timer ids of the DMA channels begin here, after the timer/counters'.
const DMA_TIMER: u32 = 4;

const REGS: usize = 0x1000 / 4;

/// Values after reset that are not zero (data sheet, register tables).
const RESET: &[(usize, u32)] = &[
    (0x010, 0x07),
    (0x018, 0x08),
    (0x020, 0x0f),
    (0x028, 0xe0),
    (0x030, 0x70),
    (0x038, 0xf8),
    (0x040, 0x7f),
    (0x048, 0x80),
    (0x050, 0x0f),
    (0x058, 0x90),
    (0x060, 0x1f),
    (0x068, 0xa0),
    (0x080, 0x790),
    (0x088, 0x1f),
    (0x090, 0x100),
    (0x098, 0x0f),
    (0x0a0, 0x110),
    (0x0a8, 0x1f),
    (0x0b0, 0x120),
    (0x0b8, 0x2f),
    (0x0d8, 0x08),
    (0x0e0, 0xe0),
    (0x0e8, 0xf8),
    (0x0f0, 0x80),
    (0x0f8, 0x90),
    (0x100, 0x790),
    (0x108, 0x100),
    (0x110, 0x110),
    (0x118, 0x120),
    (0x120, 0x03),
    (0x404, 0x07),
    (0x408, 0x08),
    (0x40c, 0x0f),
    (0x410, 0x10),
    (0x414, 0x17),
    (0x418, 0x18),
    (0x41c, 0x1f),
    (0x420, 0xc0),
    (0x424, 0xc7),
    (0x428, 0xc8),
    (0x42c, 0xcf),
    (0x430, 0xd0),
    (0x434, 0xdf),
    (0x438, 0xf0),
    (0x43c, 0xfb),
    (0x440, 0xfc),
    (0x444, 0xff),
    (0x448, 0x200),
    (0x44c, 0x05),
    (0x450, 0x05),
    (0x454, 0x05),
    (0x458, 0x05),
    (0x45c, 0x386f_ffff),
    (0x460, 0x386f_ffff),
    (0x464, 0x386f_ffff),
    (0x468, 0x386f_ffff),
    (0x46c, 0x146f_ffff),
    (0x128, 0xffff_ffff),
    (0x130, 0xffff_ffff),
    (0x138, 0xff),
    (0x470, 0xffff_ffff),
    (0x478, 0x07),
    (0x47c, 0x02),
];

/// The same for one PCI interface, as offsets from its command register.
const RESET_PCI: &[(usize, u32)] = &[
    (0x04, 0x070f),
    (0x08, 0x00ff_f000),
    (0x0c, 0x00ff_f000),
    (0x10, 0x01ff_f000),
    (0x14, 0x00ff_f000),
    (0x3c, 0x0f),
    (0x40, 0x40),
    (0x4c, 0x0100_0000),
    (0x50, 0x1c00_0000),
    (0x54, 0x1f00_0000),
    (0x5c, 0x0100_0000),
    (0x64, 0x1f00_0000),
];

/// The system controller. Region 0: its internal registers.
pub struct Gt64120 {
    big_endian: bool,
    regs: Box<[u32; REGS]>,
    own: PciFunction,
    timers: [Timer; 4],
}

impl Gt64120 {
    /// A controller on a board whose CPU has this byte order.
    pub fn new(big_endian: bool) -> Gt64120 {
        let mut own = PciFunction::new(Ident {
            vendor: 0x11ab,
            device: 0x4620,
            class: [0x06, 0x00, 0x00],
            revision: 0x10,
            header: 0,
            pin: 1,
        });
        own.set16(6, 0x0280);
        for (i, v) in [
            0x0000_0008,
            0x0100_0008,
            0x1c00_0000,
            0x1f00_0000,
            0x1400_0000,
            0x1400_0001,
        ]
        .into_iter()
        .enumerate()
        {
            own.set32(0x10 + 4 * i, v);
        }
        Gt64120 {
            big_endian,
            regs: Box::new([0; REGS]),
            own,
            timers: [0, 1, 2, 3].map(Timer::new),
        }
    }

    /// Interrupt causes with their sums.
    fn causes(&self) -> u32 {
        let causes = self.reg(INTRCAUSE) & !CAUSE_SUMS;
        let mut all = causes;
        if causes != 0 {
            all |= CAUSE_INTSUM;
        }
        if causes & self.reg(CPU_INTRMASK) != 0 {
            all |= CAUSE_CPUINTSUM;
        }
        all
    }

    fn set_cause(&mut self, cx: &mut dyn DevCx, bits: u32) {
        self.regs[INTRCAUSE / 4] |= bits;
        self.update_irq(cx);
    }

    fn update_irq(&self, cx: &mut dyn DevCx) {
        cx.set_irq(0, self.causes() & CAUSE_CPUINTSUM != 0);
    }

    /// Asks to be called at a timer's next zero, unless its interrupt stands already.
    fn schedule(&self, cx: &mut dyn DevCx, n: usize) {
        let stands = self.reg(INTRCAUSE) & CAUSE_T0EXP << n != 0;
        let deadline = self.timers[n].deadline(cx.now());
        cx.set_timer(n as u32, deadline.filter(|_| !stands));
    }

    fn channel(&self, n: usize) -> Channel {
        let at = |field: usize| self.reg(DMA_FIRST + 0x10 * field + 4 * n);
        Channel {
            bytes: at(0) & 0xffff,
            source: at(1),
            destination: at(2),
            next: at(3),
            control: at(4),
        }
    }

    fn set_channel(&mut self, n: usize, c: &Channel) {
        let fields = [c.bytes, c.source, c.destination, c.next, c.control];
        for (field, v) in fields.into_iter().enumerate() {
            self.regs[(DMA_FIRST + 0x10 * field) / 4 + n] = v;
        }
    }

    fn write_dma(&mut self, cx: &mut dyn DevCx, at: usize, v: u32) {
        let n = at / 4 % 4;
        let mut channel = self.channel(n);
        if at < DMA_CONTROL {
            self.regs[at / 4] = if at < DMA_FIRST + 0x10 { v & 0xffff } else { v };
            return;
        }
        let active = channel.control & dma::control::DMA_ACT_ST;
        channel.control = v & !dma::control::DMA_ACT_ST | active;
        let started = channel.start(cx);
        self.set_channel(n, &channel);
        if started {
            let end = cx.now() + channel.duration();
            cx.set_timer(DMA_TIMER + n as u32, Some(end));
        } else if channel.control & dma::control::DMA_ACT_ST == 0 {
            cx.set_timer(DMA_TIMER + n as u32, None);
        }
    }

    fn finish_dma(&mut self, cx: &mut dyn DevCx, n: usize) {
        let mut channel = self.channel(n);
        if channel.control & dma::control::DMA_ACT_ST == 0 {
            return;
        }
        let done = channel.finish(cx);
        self.set_channel(n, &channel);
        if done.more {
            let end = cx.now() + channel.duration();
            cx.set_timer(DMA_TIMER + n as u32, Some(end));
        }
        let mut cause = 0;
        if done.interrupt {
            cause |= CAUSE_DMA0COMP << n;
        }
        if done.bad_address {
            cause |= CAUSE_DMAOUT;
        }
        self.set_cause(cx, cause);
    }

    fn reg(&self, at: usize) -> u32 {
        self.regs[at / 4]
    }

    /// True when register words are swapped against memory order.
    fn swapped(&self) -> bool {
        (self.reg(CPU) & CPU_LITTLE != 0) == self.big_endian
    }

    /// The configuration cycle of the address register: None when it is off.
    fn config_target(&self) -> Option<(u8, u8, u8)> {
        let a = self.reg(PCI0_CFGADDR);
        (a >> 31 != 0).then_some(((a >> 16) as u8, (a >> 8) as u8, a as u8 & 0xfc))
    }

    /// Where a data access of `size` bytes lands in the configuration word, and whether its bytes are reversed.
    fn config_lane(&self, offset: u64, size: u32) -> (u8, bool) {
        let own = self.reg(PCI0_CFGADDR) & 0x00ff_f800 == 0;
        let swap = self.swapped() ^ (self.reg(PCI0_CMD) & CMD_MBYTESWAP == 0 && !own);
        let at = (offset & 3) as u8;
        let size = (size as u8).min(4 - at);
        (if swap { 4 - size - at } else { at }, swap)
    }

    fn config_read(&mut self, cx: &mut dyn DevCx, offset: u64, size: u32) -> u64 {
        let (lane, swap) = self.config_lane(offset, size);
        let v = match self.config_target() {
            None => u32::MAX,
            Some((0, 0, reg)) => self.own.read(reg + lane, size),
            Some((0, devfn, reg)) => {
                let v = cx.pci_read(devfn, reg + lane, size);
                if cx.pci_read(devfn, 0, 2) == 0xffff {
                    self.set_cause(cx, CAUSE_MASABORT0);
                }
                v
            }
            Some(_) => {
                self.set_cause(cx, CAUSE_MASABORT0);
                u32::MAX
            }
        };
        reverse(u64::from(v), size, swap)
    }

    fn config_write(&mut self, cx: &mut dyn DevCx, offset: u64, size: u32, value: u64) {
        let (lane, swap) = self.config_lane(offset, size);
        let v = reverse(value, size, swap) as u32;
        match self.config_target() {
            Some((0, 0, reg)) => {
                self.own.write(reg + lane, size, v);
            }
            Some((0, devfn, reg)) => {
                cx.pci_write(devfn, reg + lane, size, v);
                if cx.pci_read(devfn, 0, 2) == 0xffff {
                    self.set_cause(cx, CAUSE_MASABORT0);
                }
            }
            Some(_) => self.set_cause(cx, CAUSE_MASABORT0),
            None => {}
        }
    }

    fn write_reg(&mut self, cx: &mut dyn DevCx, at: usize, v: u32) {
        let r = at / 4;
        match at {
            CPU => self.regs[r] = v,
            PCI0IOLD | PCI0M0LD | PCI0M1LD => {
                let remap = match at {
                    PCI0IOLD => PCI0IOREMAP,
                    PCI0M0LD => PCI0M0REMAP,
                    _ => PCI0M1REMAP,
                };
                self.regs[r] = v & 0x7fff;
                self.regs[remap / 4] = v & 0x7fff;
                cx.request_remap();
            }
            PCI0IOHD | PCI0M0HD | PCI0M1HD => {
                self.regs[r] = v & 0x7f;
                cx.request_remap();
            }
            PCI0IOREMAP | PCI0M0REMAP | PCI0M1REMAP => {
                self.regs[r] = v & 0x7ff;
                cx.request_remap();
            }
            PCI1_FIRST..=PCI1_LAST => self.regs[r] = v & 0x7fff,
            ISD => {
                self.regs[r] = v & 0x7fff;
                cx.request_remap();
            }
            // Zeros clear.
            INTRCAUSE => {
                self.regs[r] &= v;
                self.update_irq(cx);
                for n in 0..4 {
                    self.schedule(cx, n);
                }
            }
            CPU_INTRMASK => {
                self.regs[r] = v;
                self.update_irq(cx);
            }
            DMA_FIRST..=DMA_LAST => self.write_dma(cx, at, v),
            TIMER_FIRST..=TIMER_LAST => {
                let n = (at - TIMER_FIRST) / 4;
                self.timers[n].set(cx.now(), v);
                self.schedule(cx, n);
            }
            TIMER_CONTROL => {
                self.regs[r] = v & 0xff;
                for n in 0..4 {
                    self.timers[n].control(cx.now(), v >> (2 * n));
                    self.schedule(cx, n);
                }
            }
            // Bus error reports and acknowledge cycles are read-only.
            0x070 | 0x078 | 0x128 | 0x130 | 0x138 | PCI0_IACK | PCI1_IACK => {
                cx.guest_error(format_args!("write to read-only register {at:#x}"));
            }
            PCI1_CFGDATA => {}
            PCI0_CFGADDR => self.regs[r] = v & 0x80ff_fffc,
            PCI0_CMD => self.regs[r] = v & 0x0401_fc0f,
            _ => self.regs[r] = v,
        }
    }

    fn window(&self, low: usize, high: usize) -> Option<(u64, u64)> {
        let (l, h) = (u64::from(self.reg(low)), u64::from(self.reg(high)));
        (l & 0x7f <= h).then(|| (l << 21, (h + 1 - (l & 0x7f)) << 21))
    }
}

/// The lowest `size` bytes of `v`, reversed if `swap`.
fn reverse(v: u64, size: u32, swap: bool) -> u64 {
    let bits = 8 * size.clamp(1, 4);
    let v = v as u32 & (u32::MAX >> (32 - bits));
    u64::from(if swap {
        v.swap_bytes() >> (32 - bits)
    } else {
        v
    })
}

impl Device for Gt64120 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        let be = self.big_endian;
        *self = Gt64120::new(be);
        for &(at, v) in RESET {
            self.regs[at / 4] = v;
        }
        for &(at, v) in RESET_PCI {
            self.regs[(PCI0_CMD + at) / 4] = v;
            self.regs[(PCI1_CMD + at) / 4] = v;
        }
        // Strapped to the CPU's byte order.
        self.regs[CPU / 4] = if be { 0 } else { CPU_LITTLE };
        let cmd = if be { 0 } else { 0x1_0001 };
        self.regs[PCI0_CMD / 4] = cmd;
        self.regs[PCI1_CMD / 4] = cmd;
        for id in 0..2 * DMA_TIMER {
            cx.set_timer(id, None);
        }
        self.update_irq(cx);
        cx.request_remap();
    }

    fn timer(&mut self, cx: &mut dyn DevCx, id: u32) {
        if id >= DMA_TIMER {
            self.finish_dma(cx, (id - DMA_TIMER) as usize & 3);
            return;
        }
        self.set_cause(cx, CAUSE_T0EXP << id);
        self.schedule(cx, id as usize);
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32) -> u64 {
        let at = (offset & 0xffc) as usize;
        let size = size.min(4);
        let v = match at {
            PCI0_CFGDATA => return self.config_read(cx, offset, size),
            PCI1_CFGDATA | PCI1_IACK => u32::MAX,
            PCI0_IACK => u32::from(cx.int_ack()),
            INTRCAUSE => self.causes(),
            TIMER_FIRST..=TIMER_LAST => self.timers[(at - TIMER_FIRST) / 4].count(cx.now()),
            _ => self.reg(at),
        };
        let v = if self.swapped() { v.swap_bytes() } else { v };
        u64::from(v) >> (8 * (offset & 3))
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32, value: u64) {
        let at = (offset & 0xffc) as usize;
        let size = size.min(4);
        if at == PCI0_CFGDATA {
            return self.config_write(cx, offset, size, value);
        }
        let swap = |v: u32, on: bool| if on { v.swap_bytes() } else { v };
        let old = swap(self.reg(at), self.swapped());
        let sh = 8 * (offset & 3);
        let mask = ((u64::MAX >> (64 - 8 * size)) << sh) as u32;
        let word = old & !mask | (value << sh) as u32 & mask;
        self.write_reg(cx, at, swap(word, self.swapped()));
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        let mut add = |base, len, to, priority| {
            out.push(Mapping {
                space: Space::System,
                base,
                len,
                to,
                priority,
            });
        };
        if let Some((base, len)) = self.window(PCI0IOLD, PCI0IOHD) {
            add(
                base,
                len,
                MapTo::Window {
                    space: Space::Io,
                    base: 0,
                },
                -2,
            );
        }
        for (l, h, r) in [
            (PCI0M0LD, PCI0M0HD, PCI0M0REMAP),
            (PCI0M1LD, PCI0M1HD, PCI0M1REMAP),
        ] {
            if let Some((base, len)) = self.window(l, h) {
                let to = u64::from(self.reg(r)) << 21;
                add(
                    base,
                    len,
                    MapTo::Window {
                        space: Space::PciMem,
                        base: to,
                    },
                    -2,
                );
            }
        }
        let isd = u64::from(self.reg(ISD)) << 21;
        add(
            isd,
            0x1000,
            MapTo::Regs {
                region: 0,
                widest: 4,
            },
            2,
        );
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32) -> u32 {
        self.own.read(reg, size)
    }

    fn pci_write(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32, value: u32) {
        self.own.write(reg, size, value);
    }

    fn save(&self, s: &mut Saver) {
        for r in self.regs.iter() {
            s.u32(*r);
        }
        self.own.store(s);
        for t in &self.timers {
            t.save(s);
        }
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        for r in self.regs.iter_mut() {
            *r = l.u32()?;
        }
        // The decoders have fewer bits than a word.
        for at in [PCI0IOLD, PCI0M0LD, PCI0M1LD, ISD, PCI0M0REMAP, PCI0M1REMAP] {
            self.regs[at / 4] &= 0x7fff;
        }
        for at in [PCI0IOHD, PCI0M0HD, PCI0M1HD] {
            self.regs[at / 4] &= 0x7f;
        }
        self.own.restore(l)?;
        for t in &mut self.timers {
            t.load(l)?;
        }
        Ok(())
    }

    fn version(&self) -> u32 {
        2
    }
}

#[cfg(test)]
mod tests;
