//! The APICs of a PC: one local APIC for each CPU (Intel SDM volume 3A, chapter "Advanced Programmable Interrupt Controller") and one
//! 82093AA I/O APIC (data sheet 290566), with the messages between them and those of devices (MSI).
//!
//! Modelled: fixed, lowest-priority, NMI, INIT, start-up, SMI and external interrupts in both destination modes, priorities and
//! spurious vectors, the timer (one-shot and periodic), level-triggered interrupts with the end of interrupt's broadcast, error
//! status. Not modelled: x2APIC, TSC deadlines, polarity (wires here say whether a line is asserted), cluster hierarchies.
//!
//! What a CPU asks of its own local APIC beyond the register page (acknowledge, CR8, the base MSR), and the bus cycles it makes
//! besides accesses, are region [`CPU_PORT`].

use tinamou_core::{DevCx, Device, MachineRequest, Ns, stored, stored_device};

mod io;
mod local;
#[cfg(test)]
mod tests;

use io::IoApic;
use local::Local;

/// Region: the register page of the accessing CPU's local APIC.
pub const LOCAL: u32 = 0;
/// Region: what the accessing CPU asks, see [`ACK`] and its neighbours.
pub const CPU_PORT: u32 = 1;
/// Region: the I/O APIC's 4 KiB.
pub const IO: u32 = 2;
/// Region, written only: a device's interrupt message, its address less FEE00000h.
pub const MESSAGES: u32 = 3;

/// In [`CPU_PORT`], read: acknowledges an interrupt; its vector.
pub const ACK: u64 = 0x00;
/// Write: the CPU has shut down after a triple fault; the chip set resets the machine.
pub const SHUTDOWN: u64 = 0x10;
/// Read and write: the task priority.
pub const TPR: u64 = 0x20;
/// Write of 0 or 1: the level of FERR#.
pub const FERR: u64 = 0x30;
/// Read and write: IA32_APIC_BASE.
pub const BASE: u64 = 0x40;
/// Read: takes the events since the last read: bit 0 NMI, 1 INIT, 2 start-up with its vector in bits 8 to 15, 3 SMI.
pub const EVENTS: u64 = 0x50;

/// Output pins of CPU `n` begin at `PINS * n`: INTR (a level), NMI, INIT, start-up, SMI (pulses).
pub const PINS: u32 = 5;
/// Output pin: FERR# of any CPU.
pub const FERR_OUT: u32 = PINS * MAX_CPUS as u32;
/// Input pins below this are the I/O APIC's.
pub const IO_PINS: u32 = 24;
/// Input pin: INTR of the 8259 pair, to LINT0.
pub const LINT0: u32 = 32;
/// Input pin: NMI, to LINT1.
pub const LINT1: u32 = 33;
/// Input pin: SMI#, to all CPUs.
pub const SMI: u32 = 34;

/// Most CPUs: as many as have pins.
pub const MAX_CPUS: usize = 8;

/// How long a pulse lasts: long enough for the run loop to see it.
const PULSE_NS: u64 = 1_000;
/// Timers from here on end the pulses; those below are the APICs' own.
const PULSE_TIMERS: u32 = 16;

const EVENT_NMI: u32 = 1;
const EVENT_INIT: u32 = 2;
const EVENT_SIPI: u32 = 4;
const EVENT_SMI: u32 = 8;

/// Delivery modes.
const FIXED: u8 = 0;
const LOWEST: u8 = 1;
const MODE_SMI: u8 = 2;
const MODE_NMI: u8 = 4;
const MODE_INIT: u8 = 5;
const STARTUP: u8 = 6;
const EXTINT: u8 = 7;

/// An interrupt on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Message {
    dest: u8,
    logical: bool,
    mode: u8,
    vector: u8,
    level: bool,
}

/// All APICs of a machine.
pub struct Apics {
    cpus: Vec<Local>,
    io: IoApic,
    lint: [bool; 2],
    smi: bool,
    count: usize,
}
stored!(Apics { cpus, io, lint, smi } check |s| s.cpus.len() == s.count, "number of CPUs");

impl Apics {
    /// The APICs of `cpus` CPUs (1 to [`MAX_CPUS`]).
    pub fn new(cpus: usize) -> Apics {
        let count = cpus.clamp(1, MAX_CPUS);
        Apics {
            cpus: (0..count).map(|n| Local::new(n as u8)).collect(),
            io: IoApic::default(),
            lint: [false; 2],
            smi: false,
            count,
        }
    }

    /// Delivers to those CPUs of `among` that a message is for.
    fn deliver(&mut self, m: Message, among: impl Fn(usize) -> bool) {
        let mut to = (0..self.cpus.len())
            .filter(|&n| among(n) && self.cpus[n].is_destination(m.dest, m.logical))
            .collect::<Vec<_>>();
        if m.mode == LOWEST {
            // The CPU with the lowest priority, of equals the first.
            to.retain(|&n| self.cpus[n].enabled());
            to = to
                .into_iter()
                .min_by_key(|&n| self.cpus[n].priority())
                .into_iter()
                .collect();
        }
        for n in to {
            let c = &mut self.cpus[n];
            match m.mode {
                FIXED | LOWEST => c.accept(m.vector, m.level),
                MODE_SMI => c.signal(EVENT_SMI),
                MODE_NMI => c.signal(EVENT_NMI),
                MODE_INIT => {
                    c.init();
                    c.signal(EVENT_INIT);
                }
                STARTUP => {
                    c.sipi = m.vector;
                    c.signal(EVENT_SIPI);
                }
                EXTINT => c.external = true,
                _ => {}
            }
        }
    }

    /// Sends what the I/O APIC has to send.
    fn io_deliver(&mut self) {
        while let Some(m) = self.io.next() {
            self.deliver(m, |_| true);
        }
    }

    fn send_ipi(&mut self, from: usize) {
        let icr = self.cpus[from].icr;
        let mode = (icr[0] >> 8) as u8 & 7;
        let m = Message {
            dest: (icr[1] >> 24) as u8,
            logical: icr[0] & 0x800 != 0,
            mode,
            vector: icr[0] as u8,
            level: false,
        };
        // INIT level de-assert only synchronises arbitration, which there is none of.
        if mode == MODE_INIT && icr[0] & 0xc000 == 0x8000 {
            return;
        }
        if matches!(mode, FIXED | LOWEST) && m.vector < 16 {
            return self.cpus[from].error(local::ESR_SEND_VECTOR);
        }
        let everyone = Message {
            dest: 0xff,
            logical: false,
            ..m
        };
        match icr[0] >> 18 & 3 {
            0 => self.deliver(m, |_| true),
            1 => self.deliver(everyone, |n| n == from),
            2 => self.deliver(everyone, |_| true),
            _ => self.deliver(everyone, |n| n != from),
        }
    }

    fn eoi(&mut self, n: usize) {
        if let Some(vector) = self.cpus[n].eoi() {
            self.io.eoi(vector);
            self.io_deliver();
        }
    }

    /// True when CPU `n` takes the 8259 pair's interrupts.
    fn pic_reaches(&self, n: usize) -> bool {
        let c = &self.cpus[n];
        if !c.hardware_on() {
            return n == 0;
        }
        c.lint_mode(0) == Some(EXTINT)
    }

    fn acknowledge(&mut self, cx: &mut dyn DevCx, n: usize) -> u8 {
        if let Some(v) = self.cpus[n].acknowledge() {
            return v;
        }
        if self.lint[0] && self.pic_reaches(n) || std::mem::take(&mut self.cpus[n].external) {
            return cx.int_ack();
        }
        self.cpus[n].spurious()
    }

    /// Drives pins and timers.
    fn update(&mut self, cx: &mut dyn DevCx) {
        for n in 0..self.cpus.len() {
            let pic = self.lint[0] && self.pic_reaches(n);
            let c = &self.cpus[n];
            let pin = PINS * n as u32;
            cx.set_irq(pin, pic || c.external || c.pending().is_some());
            let pulses = [EVENT_NMI, EVENT_INIT, EVENT_SIPI, EVENT_SMI];
            for (i, event) in (1..).zip(pulses) {
                cx.set_irq(pin + i, c.pulse & event != 0);
            }
            cx.set_timer(n as u32, c.deadline(cx.now()));
            if std::mem::take(&mut self.cpus[n].signalled) {
                let end = cx.now() + Ns(PULSE_NS);
                cx.set_timer(PULSE_TIMERS + n as u32, Some(end));
            }
        }
        cx.set_irq(FERR_OUT, self.cpus.iter().any(|c| c.ferr));
    }

    /// A rising edge at LINT0 or LINT1.
    fn lint_edge(&mut self, pin: usize) {
        for c in &mut self.cpus {
            match c.lint_mode(pin) {
                Some(FIXED) => c.accept(c.lint_vector(pin), false),
                Some(MODE_NMI) => c.signal(EVENT_NMI),
                Some(MODE_SMI) => c.signal(EVENT_SMI),
                _ => {}
            }
        }
    }
}

impl Device for Apics {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        let io = self.io.reset();
        let (lint, smi) = (self.lint, self.smi);
        *self = Apics {
            io,
            lint,
            smi,
            ..Apics::new(self.count)
        };
        self.update(cx);
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        match region {
            LOCAL => {
                let Some(c) = self.cpus.get_mut(cx.cpu() as usize) else {
                    return u64::MAX;
                };
                let v = c.read(cx.now(), offset as usize & 0xff0);
                let low = offset & 0xf;
                if low >= 4 {
                    return 0;
                }
                u64::from(v >> (8 * low))
            }
            CPU_PORT => {
                let n = cx.cpu() as usize;
                if n >= self.cpus.len() {
                    return u64::MAX;
                }
                let v = match offset {
                    ACK => u64::from(self.acknowledge(cx, n)),
                    EVENTS => {
                        let c = &mut self.cpus[n];
                        let e = std::mem::take(&mut c.events);
                        let sipi = if e & EVENT_SIPI != 0 { c.sipi } else { 0 };
                        u64::from(e | u32::from(sipi) << 8)
                    }
                    TPR => u64::from(self.cpus[n].tpr),
                    BASE => self.cpus[n].base,
                    _ => 0,
                };
                self.update(cx);
                v
            }
            _ => u64::from(self.io.read(offset, size)),
        }
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match region {
            LOCAL => {
                let n = cx.cpu() as usize;
                // Registers are written as aligned double words, or not at all.
                if n >= self.cpus.len() || offset & 0xf != 0 || size < 4 {
                    return;
                }
                let v = value as u32;
                match offset as usize & 0xff0 {
                    0x0b0 => self.eoi(n),
                    0x300 => {
                        self.cpus[n].icr[0] = v & 0x000c_cfff;
                        self.send_ipi(n);
                    }
                    at => self.cpus[n].write(cx.now(), at, v),
                }
            }
            CPU_PORT => {
                let Some(c) = self.cpus.get_mut(cx.cpu() as usize) else {
                    return;
                };
                match offset {
                    SHUTDOWN => cx.request(MachineRequest::Reset),
                    TPR => c.tpr = value as u8,
                    FERR => c.ferr = value & 1 != 0,
                    BASE => c.set_base(value),
                    _ => {}
                }
            }
            // SDM volume 3A, "Message Address Register Format" and "Message Data Register Format".
            MESSAGES => {
                let v = value as u32;
                let m = Message {
                    dest: (offset >> 12) as u8,
                    logical: offset & 4 != 0,
                    mode: (v >> 8) as u8 & 7,
                    vector: v as u8,
                    level: false,
                };
                self.deliver(m, |_| true);
            }
            _ => {
                self.io.write(offset, size, value as u32);
                self.io_deliver();
            }
        }
        self.update(cx);
    }

    fn irq_in(&mut self, cx: &mut dyn DevCx, pin: u32, level: bool) {
        match pin {
            0..IO_PINS => {
                self.io.set_line(pin, level);
                self.io_deliver();
            }
            LINT0 | LINT1 => {
                let i = (pin - LINT0) as usize;
                let rises = level && !self.lint[i];
                self.lint[i] = level;
                if rises {
                    self.lint_edge(i);
                }
            }
            SMI => {
                if level && !self.smi {
                    for c in &mut self.cpus {
                        c.signal(EVENT_SMI);
                    }
                }
                self.smi = level;
            }
            _ => return,
        }
        self.update(cx);
    }

    fn timer(&mut self, cx: &mut dyn DevCx, id: u32) {
        let n = (id % PULSE_TIMERS) as usize;
        if let Some(c) = self.cpus.get_mut(n) {
            if id >= PULSE_TIMERS {
                c.pulse = 0;
            } else {
                c.timer(cx.now());
            }
        }
        self.update(cx);
    }

    stored_device!();
}
