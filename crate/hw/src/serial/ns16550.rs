//! National Semiconductor NS16550A UART (data sheet SNLS378, "PC16550D").
//!
//! Modelled: every register, both 16-byte FIFOs (the transmitter is never busy, so its FIFO is always empty), interrupt
//! identification with the data sheet's priorities, loopback. Not modelled: line speed (a byte written is sent at once and
//! the receiver takes a byte whenever it has room, so nothing overruns), line errors, the character time-out's delay (it is
//! reported as soon as the FIFO holds less than the trigger level).

use std::collections::VecDeque;

use tinamou_core::{DevCx, Device, Input, LoadError, Loader, Saver};

const IER_RDA: u8 = 0x01;
const IER_THRE: u8 = 0x02;
const IER_RLS: u8 = 0x04;
const IER_MSI: u8 = 0x08;

const IIR_NONE: u8 = 0x01;
const IIR_MSI: u8 = 0x00;
const IIR_THRE: u8 = 0x02;
const IIR_RDA: u8 = 0x04;
const IIR_RLS: u8 = 0x06;
const IIR_TIMEOUT: u8 = 0x0c;

const LCR_DLAB: u8 = 0x80;
const MCR_LOOP: u8 = 0x10;
const LSR_DR: u8 = 0x01;
const LSR_OE: u8 = 0x02;
const LSR_THRE: u8 = 0x20;
const LSR_TEMT: u8 = 0x40;
/// Carrier, data set ready, clear to send: a terminal is there.
const MSR_CONNECTED: u8 = 0xb0;

const FIFO_BYTES: usize = 16;

/// The UART. Region 0 holds its eight registers, `1 << shift` bytes apart; pin 0 is INTR.
pub struct Ns16550 {
    port: u32,
    shift: u32,
    swap: bool,
    s: State,
}

#[derive(Default)]
struct State {
    ier: u8,
    fcr: u8,
    lcr: u8,
    mcr: u8,
    msr: u8,
    scr: u8,
    divisor: u16,
    overrun: bool,
    thre_pending: bool,
    rx: VecDeque<u8>,
}

impl Ns16550 {
    /// A UART on console port `port`. With `swap`, wide accesses have the register in their last byte (a big-endian CPU's
    /// least significant one).
    pub fn new(port: u32, shift: u32, swap: bool) -> Ns16550 {
        Ns16550 {
            port,
            shift,
            swap,
            s: State::default(),
        }
    }

    fn fifo_on(&self) -> bool {
        self.s.fcr & 1 != 0
    }

    fn room(&self) -> usize {
        let cap = if self.fifo_on() { FIFO_BYTES } else { 1 };
        cap.saturating_sub(self.s.rx.len())
    }

    fn trigger(&self) -> usize {
        if !self.fifo_on() {
            return 1;
        }
        [1, 4, 8, 14][usize::from(self.s.fcr >> 6)]
    }

    fn refill(&mut self, cx: &mut dyn DevCx) {
        if self.s.mcr & MCR_LOOP != 0 {
            return;
        }
        while self.room() > 0 {
            let Some(b) = cx.console_in(self.port) else {
                break;
            };
            self.s.rx.push_back(b);
        }
    }

    fn iir(&self) -> u8 {
        let s = &self.s;
        let id = if s.ier & IER_RLS != 0 && s.overrun {
            IIR_RLS
        } else if s.ier & IER_RDA != 0 && s.rx.len() >= self.trigger() {
            IIR_RDA
        } else if s.ier & IER_RDA != 0 && !s.rx.is_empty() {
            IIR_TIMEOUT
        } else if s.ier & IER_THRE != 0 && s.thre_pending {
            IIR_THRE
        } else if s.ier & IER_MSI != 0 && s.msr & 0x0f != 0 {
            IIR_MSI
        } else {
            IIR_NONE
        };
        id | if self.fifo_on() { 0xc0 } else { 0 }
    }

    fn update(&mut self, cx: &mut dyn DevCx) {
        cx.set_irq(0, self.iir() & IIR_NONE == 0);
    }

    fn set_modem_inputs(&mut self, lines: u8) {
        let old = self.s.msr;
        let changed = (old ^ lines) >> 4;
        // TERI reports only the trailing edge of RI.
        let delta = changed & 0x0b
            | if old & 0x40 != 0 && lines & 0x40 == 0 {
                4
            } else {
                0
            };
        self.s.msr = lines & 0xf0 | old & 0x0f | delta;
    }

    fn transmit(&mut self, cx: &mut dyn DevCx, b: u8) {
        self.s.thre_pending = false;
        self.update(cx);
        if self.s.mcr & MCR_LOOP != 0 {
            if self.room() > 0 {
                self.s.rx.push_back(b);
            } else {
                self.s.overrun = true;
            }
        } else {
            cx.console_out(self.port, &[b]);
        }
        self.s.thre_pending = true;
        self.update(cx);
    }

    fn read_reg(&mut self, cx: &mut dyn DevCx, reg: u64) -> u8 {
        let dlab = self.s.lcr & LCR_DLAB != 0;
        match reg {
            0 if dlab => self.s.divisor as u8,
            1 if dlab => (self.s.divisor >> 8) as u8,
            0 => {
                let b = self.s.rx.pop_front().unwrap_or(0);
                self.refill(cx);
                self.update(cx);
                b
            }
            1 => self.s.ier,
            2 => {
                let v = self.iir();
                if v & 0x0f == IIR_THRE {
                    self.s.thre_pending = false;
                    self.update(cx);
                }
                v
            }
            3 => self.s.lcr,
            4 => self.s.mcr,
            5 => {
                let mut v = LSR_THRE | LSR_TEMT;
                if !self.s.rx.is_empty() {
                    v |= LSR_DR;
                }
                if std::mem::take(&mut self.s.overrun) {
                    v |= LSR_OE;
                    self.update(cx);
                }
                v
            }
            6 => {
                let v = self.s.msr;
                self.s.msr &= 0xf0;
                self.update(cx);
                v
            }
            _ => self.s.scr,
        }
    }

    fn write_reg(&mut self, cx: &mut dyn DevCx, reg: u64, v: u8) {
        let dlab = self.s.lcr & LCR_DLAB != 0;
        match reg {
            0 if dlab => self.s.divisor = self.s.divisor & 0xff00 | u16::from(v),
            1 if dlab => self.s.divisor = self.s.divisor & 0x00ff | u16::from(v) << 8,
            0 => self.transmit(cx, v),
            1 => {
                let newly = v & !self.s.ier;
                self.s.ier = v & 0x0f;
                // Enabling the interrupt with the holding register empty raises it at once.
                if newly & IER_THRE != 0 {
                    self.s.thre_pending = true;
                }
                self.update(cx);
            }
            2 => {
                let toggled = (v ^ self.s.fcr) & 1 != 0;
                if toggled || v & 2 != 0 {
                    self.s.rx.clear();
                    self.s.overrun = false;
                }
                // Without bit 0 the other bits do not stick.
                self.s.fcr = if v & 1 != 0 { v & 0xc9 } else { 0 };
                self.refill(cx);
                self.update(cx);
            }
            3 => self.s.lcr = v,
            4 => {
                self.s.mcr = v & 0x1f;
                if self.s.mcr & MCR_LOOP != 0 {
                    // CTS=RTS, DSR=DTR, RI=OUT1, DCD=OUT2.
                    let m = self.s.mcr;
                    self.set_modem_inputs(
                        (m & 2) << 3 | (m & 1) << 5 | (m & 4) << 4 | (m & 8) << 4,
                    );
                } else {
                    self.set_modem_inputs(MSR_CONNECTED);
                    self.refill(cx);
                }
                self.update(cx);
            }
            5 | 6 => cx.guest_error(format_args!("write of {v:#x} to a status register")),
            _ => self.s.scr = v,
        }
    }
}

impl Device for Ns16550 {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        self.s = State {
            msr: MSR_CONNECTED,
            divisor: 12,
            ..State::default()
        };
        self.refill(cx);
        self.update(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32) -> u64 {
        let v = u64::from(self.read_reg(cx, offset >> self.shift & 7));
        if self.swap { v << (8 * (size - 1)) } else { v }
    }

    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, offset: u64, size: u32, value: u64) {
        let v = if self.swap {
            value >> (8 * (size - 1))
        } else {
            value
        };
        self.write_reg(cx, offset >> self.shift & 7, v as u8);
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        if let Input::Console { .. } = input {
            self.refill(cx);
            self.update(cx);
        }
    }

    fn info(&self) -> String {
        let s = &self.s;
        format!(
            "IER={:02x} IIR={:02x} FCR={:02x} LCR={:02x} MCR={:02x} MSR={:02x} SCR={:02x} divisor={} received={}\n",
            s.ier,
            self.iir(),
            s.fcr,
            s.lcr,
            s.mcr,
            s.msr,
            s.scr,
            s.divisor,
            s.rx.len()
        )
    }

    fn save(&self, s: &mut Saver) {
        let t = &self.s;
        for v in [t.ier, t.fcr, t.lcr, t.mcr, t.msr, t.scr] {
            s.u8(v);
        }
        s.u16(t.divisor);
        s.bool(t.overrun);
        s.bool(t.thre_pending);
        s.bytes(&t.rx.iter().copied().collect::<Vec<_>>());
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        self.s = State {
            ier: l.u8()? & 0x0f,
            fcr: l.u8()?,
            lcr: l.u8()?,
            mcr: l.u8()?,
            msr: l.u8()?,
            scr: l.u8()?,
            divisor: l.u16()?,
            overrun: l.bool()?,
            thre_pending: l.bool()?,
            rx: l.bytes_max(FIFO_BYTES)?.into(),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn bench() -> Bench<Ns16550> {
        Bench::new(Ns16550::new(0, 0, false), || Ns16550::new(0, 0, false))
    }

    #[test]
    fn sends_and_receives() {
        bench().twice(|b| {
            for c in b"hi" {
                assert_eq!(b.read(0, 5, 1) & 0x60, 0x60);
                b.write(0, 0, 1, u64::from(*c));
            }
            assert_eq!(std::mem::take(&mut b.cx.out), b"hi");
            b.write(0, 2, 1, 0x81); // FIFO on, trigger 8
            b.write(0, 1, 1, 1);
            b.type_in(b"abcdefghijklmnopqrst");
            assert!(b.irq(0));
            assert_eq!(b.read(0, 2, 1), 0xc4);
            let mut got = Vec::new();
            while b.read(0, 5, 1) & 1 != 0 {
                b.save_and_load();
                got.push(b.read(0, 0, 1) as u8);
            }
            assert_eq!(got, b"abcdefghijklmnopqrst");
            assert!(!b.irq(0));
            b.write(0, 2, 1, 0);
            b.write(0, 1, 1, 0);
        });
    }

    #[test]
    fn transmitter_interrupt_makes_an_edge_per_byte() {
        bench().twice(|b| {
            b.write(0, 1, 1, 2);
            assert!(b.irq(0));
            assert_eq!(b.read(0, 2, 1), 0x02);
            assert!(!b.irq(0));
            b.cx.irq_log.clear();
            b.write(0, 0, 1, 0x41);
            b.write(0, 0, 1, 0x42);
            assert_eq!(b.cx.irq_log, [(0, true), (0, false), (0, true)]);
            b.write(0, 1, 1, 0);
        });
    }

    #[test]
    fn loopback_and_scratch() {
        bench().twice(|b| {
            b.write(0, 4, 1, 0x1a); // RTS, OUT2
            assert_eq!(b.read(0, 6, 1) & 0xf0, 0x90);
            b.write(0, 0, 1, 0x55);
            assert_eq!(b.read(0, 0, 1), 0x55);
            assert!(b.cx.out.is_empty());
            b.write(0, 7, 1, 0xa5);
            assert_eq!(b.read(0, 7, 1), 0xa5);
            b.write(0, 3, 1, 0x83);
            b.write(0, 0, 1, 0x34);
            b.write(0, 1, 1, 0x12);
            b.save_and_load();
            assert_eq!((b.read(0, 0, 1), b.read(0, 1, 1)), (0x34, 0x12));
            b.write(0, 3, 1, 3);
            b.write(0, 4, 1, 0);
            b.read(0, 6, 1);
        });
    }

    #[test]
    fn wide_register_on_big_endian() {
        let mut b = Bench::new(Ns16550::new(0, 3, true), || Ns16550::new(0, 3, true));
        b.write(0, 0, 4, 0x41 << 24);
        assert_eq!(b.cx.out, b"A");
        assert_eq!(b.read(0, 5 << 3, 4), 0x60 << 24);
    }
}
