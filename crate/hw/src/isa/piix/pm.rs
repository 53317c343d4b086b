//! The power management block of the PIIX4 (82371AB data sheet 290562, section 7.2) and what ACPI 1.0b (chapter 4.7) asks of it:
//! the 24-bit timer with its overflow, the power button, soft-off, SCI.
//!
//! The APM control port's commands F1h and F0h turn SCI on and off, as the SMI handler of a PC's firmware would. Not modelled:
//! throttling, device monitors, sleep states other than soft-off.

use tinamou_core::{DevCx, MachineRequest, Ns, stored};

/// The timer's clock.
pub const PM_TIMER_HZ: u64 = 3_579_545;

const SUS_EN: u16 = 0x2000;
const SUS_TYP: u16 = 0x1c00;
const TMROF: u16 = 0x0001;
const GBL: u16 = 0x0020;
const PWRBTN: u16 = 0x0100;
const RTC: u16 = 0x0400;
const SCI_EN: u16 = 0x0001;

const ACPI_ENABLE: u8 = 0xf1;
const ACPI_DISABLE: u8 = 0xf0;

/// The registers.
#[derive(Clone)]
pub struct Pm {
    regs: [u8; 0x40],
    apm: [u8; 2],
    /// Half periods of the timer that PMSTS has taken note of.
    halves: u64,
}
stored!(Pm { regs, apm, halves });

impl Default for Pm {
    fn default() -> Pm {
        Pm {
            regs: [0; 0x40],
            apm: [0; 2],
            halves: 0,
        }
    }
}

/// Half periods of the 24-bit timer: its top bit changes at each.
fn halves(now: Ns) -> u64 {
    now.ticks(PM_TIMER_HZ) >> 23
}

impl Pm {
    /// The registers after reset.
    pub fn new(now: Ns) -> Pm {
        Pm {
            halves: halves(now),
            ..Pm::default()
        }
    }

    fn get16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.regs[at & 0x3e], self.regs[at & 0x3e | 1]])
    }

    fn set16(&mut self, at: usize, v: u16) {
        [self.regs[at & 0x3e], self.regs[at & 0x3e | 1]] = v.to_le_bytes();
    }

    /// Takes note of timer overflows up to now.
    fn catch_up(&mut self, now: Ns) {
        let h = halves(now);
        if h != self.halves {
            self.halves = h;
            self.set16(0, self.get16(0) | TMROF);
        }
    }

    /// The level of SCI.
    pub fn sci(&self) -> bool {
        let pending = self.get16(0) & self.get16(2) & (TMROF | GBL | PWRBTN | RTC) != 0;
        // General purpose events: the 16 of GPSTS.
        let general = self.get16(0x0c) & self.get16(0x0e) != 0;
        self.get16(4) & SCI_EN != 0 && (pending || general)
    }

    /// Whether power management's interrupts are on.
    pub fn sci_is_on(&self) -> bool {
        self.get16(4) & SCI_EN != 0
    }

    /// When the timer must next be looked at.
    pub fn deadline(&self) -> Option<Ns> {
        let wanted = self.get16(2) & TMROF != 0 && self.get16(0) & TMROF == 0;
        wanted.then(|| Ns::until_ticks((self.halves + 1) << 23, PM_TIMER_HZ))
    }

    /// The deadline has come.
    pub fn timer(&mut self, now: Ns) {
        self.catch_up(now);
    }

    /// Somebody pressed the power button.
    ///
    /// As with QEMU, a button that no operating system has enabled does nothing.
    pub fn power_button(&mut self) {
        if self.get16(2) & PWRBTN != 0 {
            self.set16(0, self.get16(0) | PWRBTN);
        }
    }

    /// Reads `size` bytes of the I/O block.
    pub fn read(&mut self, now: Ns, offset: u64, size: u32) -> u64 {
        self.catch_up(now);
        let timer = (now.ticks(PM_TIMER_HZ) as u32 & 0xff_ffff).to_le_bytes();
        (0..u64::from(size)).fold(0, |v, i| {
            let at = (offset + i) as usize & 0x3f;
            let b = match at {
                8..12 => timer[at - 8],
                0x14 | 0x15 => 0,
                // General inputs float high.
                0x30..0x33 => 0xff,
                _ => self.regs[at],
            };
            v | u64::from(b) << (8 * i)
        })
    }

    /// Writes `size` bytes of the I/O block.
    pub fn write(&mut self, cx: &mut dyn DevCx, offset: u64, size: u32, value: u64) {
        self.catch_up(cx.now());
        for i in 0..u64::from(size) {
            let at = (offset + i) as usize & 0x3f;
            let v = (value >> (8 * i)) as u8;
            match at {
                // Status bits clear when written with one.
                0x00 | 0x01 | 0x0c | 0x0d | 0x18..0x20 => self.regs[at] &= !v,
                8..12 | 0x14 | 0x15 | 0x30..0x34 => {}
                _ => self.regs[at] = v,
            }
        }
        let c = self.get16(4);
        if (offset..offset + u64::from(size)).contains(&5) && c & SUS_EN != 0 {
            self.regs[5] &= !((SUS_EN >> 8) as u8);
            match c & SUS_TYP {
                0 => cx.request(MachineRequest::Shutdown),
                t => cx.guest_error(format_args!("sleep type {} is not modelled", t >> 10)),
            }
        }
    }

    /// Reads the APM control (0) or status (1) port.
    pub fn apm_read(&self, offset: u64) -> u8 {
        self.apm[(offset & 1) as usize]
    }

    /// Writes an APM port.
    pub fn apm_write(&mut self, offset: u64, v: u8) {
        self.apm[(offset & 1) as usize] = v;
        let c = self.get16(4);
        match (offset & 1, v) {
            (0, ACPI_ENABLE) => self.set16(4, c | SCI_EN),
            (0, ACPI_DISABLE) => self.set16(4, c & !SCI_EN),
            _ => {}
        }
    }
}
