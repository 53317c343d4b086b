//! One local APIC: registers, priorities, the timer.

use tinamou_core::{Ns, stored};

const SVR_ON: u32 = 0x100;
const LVT_MASKED: u32 = 0x1_0000;
const LVT_PERIODIC: u32 = 0x2_0000;
const BASE_ON: u64 = 0x800;
const BASE_BSP: u64 = 0x100;

const ESR_RECEIVED_VECTOR: u32 = 0x40;
const ESR_REGISTER: u32 = 0x80;
pub(super) const ESR_SEND_VECTOR: u32 = 0x20;

/// Places in the local vector table.
const TIMER: usize = 0;
const LINT: usize = 3;
const ERROR: usize = 5;

/// The timer's clock before its divider, 1 GHz: a tick is a nanosecond.
const TICK_NS: u64 = 1;
/// Periodic interrupts come no faster than this; the guest cannot take them faster.
const PERIOD_MIN_NS: u64 = 2_000;

/// Its version register: 14h, six entries in the vector table.
const VERSION: u32 = 0x0005_0014;

#[derive(Clone, Default)]
pub(super) struct Local {
    id: u8,
    pub tpr: u8,
    pub base: u64,
    ldr: u32,
    dfr: u32,
    svr: u32,
    isr: [u32; 8],
    tmr: [u32; 8],
    irr: [u32; 8],
    esr: u32,
    errors: u32,
    pub icr: [u32; 2],
    lvt: [u32; 6],
    count: u32,
    divide: u32,
    start: Ns,
    /// Expiries that have raised their interrupt.
    fired: u64,
    /// What happened since the CPU asked last.
    pub events: u32,
    /// Pulses under way, and whether one has just begun.
    pub pulse: u32,
    pub signalled: bool,
    pub ferr: bool,
    pub sipi: u8,
    /// An external interrupt came as a message.
    pub external: bool,
}
stored!(Local {
    id,
    tpr,
    base,
    ldr,
    dfr,
    svr,
    isr,
    tmr,
    irr,
    esr,
    errors,
    icr,
    lvt,
    count,
    divide,
    start,
    fired,
    events,
    pulse,
    signalled,
    ferr,
    sipi,
    external
});

fn highest(bits: &[u32; 8]) -> Option<u8> {
    (0..8u8).rev().find_map(|i| {
        let w = bits[usize::from(i)];
        (w != 0).then(|| i * 32 + (31 - w.leading_zeros() as u8))
    })
}

fn set(bits: &mut [u32; 8], v: u8, on: bool) {
    let w = &mut bits[usize::from(v >> 5)];
    *w = *w & !(1 << (v & 31)) | u32::from(on) << (v & 31);
}

impl Local {
    pub fn new(id: u8) -> Local {
        let mut l = Local {
            id,
            dfr: u32::MAX,
            svr: 0xff,
            base: 0xfee0_0000 | BASE_ON | if id == 0 { BASE_BSP } else { 0 },
            lvt: [LVT_MASKED; 6],
            ..Local::default()
        };
        if id == 0 {
            // Virtual wire mode, as firmware leaves the first CPU; old firmware relies on it.
            l.lvt[LINT] = 0x700;
        }
        l
    }

    /// What INIT does: everything but the identity and the base.
    pub fn init(&mut self) {
        let (base, events, pulse, ferr) = (self.base, self.events, self.pulse, self.ferr);
        *self = Local {
            base,
            events,
            pulse,
            ferr,
            ..Local::new(self.id)
        };
    }

    /// Tells the CPU of an event.
    pub fn signal(&mut self, event: u32) {
        self.events |= event;
        self.pulse |= event;
        self.signalled = true;
    }

    pub fn hardware_on(&self) -> bool {
        self.base & BASE_ON != 0
    }

    pub fn enabled(&self) -> bool {
        self.hardware_on() && self.svr & SVR_ON != 0
    }

    pub fn set_base(&mut self, v: u64) {
        self.base = v & 0xf_ffff_f800 | self.base & BASE_BSP;
    }

    pub fn is_destination(&self, dest: u8, logical: bool) -> bool {
        if !logical {
            return dest == 0xff || dest == self.id;
        }
        let own = (self.ldr >> 24) as u8;
        match self.dfr >> 28 {
            0xf => own & dest != 0,
            // Clusters of four.
            _ => dest == 0xff || own >> 4 == dest >> 4 && own & dest & 15 != 0,
        }
    }

    /// The processor priority.
    pub fn priority(&self) -> u8 {
        let isr = highest(&self.isr).unwrap_or(0);
        if self.tpr >> 4 >= isr >> 4 {
            self.tpr
        } else {
            isr & 0xf0
        }
    }

    /// The vector that may interrupt now.
    pub fn pending(&self) -> Option<u8> {
        let v = highest(&self.irr).filter(|_| self.enabled())?;
        (v >> 4 > self.priority() >> 4).then_some(v)
    }

    pub fn acknowledge(&mut self) -> Option<u8> {
        let v = self.pending()?;
        set(&mut self.irr, v, false);
        set(&mut self.isr, v, true);
        Some(v)
    }

    pub fn spurious(&self) -> u8 {
        self.svr as u8
    }

    pub fn accept(&mut self, vector: u8, level: bool) {
        if vector < 16 {
            return self.error(ESR_RECEIVED_VECTOR);
        }
        if !self.enabled() {
            return;
        }
        set(&mut self.irr, vector, true);
        set(&mut self.tmr, vector, level);
    }

    /// Ends the interrupt in service; its vector if the I/O APIC must hear of it.
    pub fn eoi(&mut self) -> Option<u8> {
        let v = highest(&self.isr)?;
        set(&mut self.isr, v, false);
        (self.tmr[usize::from(v >> 5)] >> (v & 31) & 1 != 0).then_some(v)
    }

    pub fn error(&mut self, bit: u32) {
        self.errors |= bit;
        let l = self.lvt[ERROR];
        // An error entry with a bad vector of its own does not start again.
        if l & LVT_MASKED == 0 && l as u8 >= 16 {
            self.accept(l as u8, false);
        }
    }

    /// Delivery mode of LINT0 or LINT1 if it is not masked.
    pub fn lint_mode(&self, pin: usize) -> Option<u8> {
        let l = self.lvt[LINT + pin];
        (self.hardware_on() && l & LVT_MASKED == 0).then_some((l >> 8) as u8 & 7)
    }

    pub fn lint_vector(&self, pin: usize) -> u8 {
        self.lvt[LINT + pin] as u8
    }

    // The timer.

    fn period(&self) -> u64 {
        let d = self.divide & 3 | self.divide >> 1 & 4;
        let divider = if d == 7 { 1 } else { 2 << d };
        u64::from(self.count) * divider * TICK_NS
    }

    fn current(&self, now: Ns) -> u32 {
        let p = self.period();
        if p == 0 {
            return 0;
        }
        let t = now.since(self.start).0;
        let left = if self.lvt[TIMER] & LVT_PERIODIC != 0 {
            p - t % p
        } else {
            p.saturating_sub(t)
        };
        left.div_ceil(p / u64::from(self.count)) as u32
    }

    pub fn deadline(&self, now: Ns) -> Option<Ns> {
        let p = self.period();
        if p == 0 || self.lvt[TIMER] & LVT_MASKED != 0 {
            return None;
        }
        if self.lvt[TIMER] & LVT_PERIODIC == 0 {
            return (self.fired == 0).then(|| self.start + Ns(p));
        }
        // The next expiry after the last one served and, when they are very fast, some way ahead.
        let served = self.start + Ns(p.saturating_mul(self.fired + 1));
        let soonest = if p < PERIOD_MIN_NS {
            now + Ns(PERIOD_MIN_NS)
        } else {
            Ns(0)
        };
        Some(served.max(soonest))
    }

    pub fn timer(&mut self, now: Ns) {
        let p = self.period();
        if p == 0 {
            return;
        }
        self.fired = now.since(self.start).0 / p;
        if self.lvt[TIMER] & LVT_MASKED == 0 {
            self.accept(self.lvt[TIMER] as u8, false);
        }
    }

    // Registers.

    pub fn read(&mut self, now: Ns, at: usize) -> u32 {
        let word = at >> 4 & 7;
        match at {
            0x020 => u32::from(self.id) << 24,
            0x030 => VERSION,
            0x080 => u32::from(self.tpr),
            0x090 => 0,
            0x0a0 => u32::from(self.priority()),
            0x0b0 => 0,
            0x0d0 => self.ldr,
            0x0e0 => self.dfr,
            0x0f0 => self.svr,
            0x100..0x180 => self.isr[word],
            0x180..0x200 => self.tmr[word],
            0x200..0x280 => self.irr[word],
            0x280 => self.esr,
            0x300 => self.icr[0],
            0x310 => self.icr[1],
            0x320..0x380 => {
                let i = (at - 0x320) >> 4;
                self.lvt[i]
            }
            0x380 => self.count,
            0x390 => self.current(now),
            0x3e0 => self.divide,
            _ => {
                self.error(ESR_REGISTER);
                0
            }
        }
    }

    pub fn write(&mut self, now: Ns, at: usize, v: u32) {
        match at {
            0x020 => self.id = (v >> 24) as u8,
            0x080 => self.tpr = v as u8,
            0x0d0 => self.ldr = v & 0xff00_0000,
            0x0e0 => self.dfr = v | 0x0fff_ffff,
            0x0f0 => {
                self.svr = v & 0x1ff;
                if v & SVR_ON == 0 {
                    for l in &mut self.lvt {
                        *l |= LVT_MASKED;
                    }
                }
            }
            0x280 => self.esr = std::mem::take(&mut self.errors),
            0x310 => self.icr[1] = v & 0xff00_0000,
            0x320..0x380 => {
                let i = (at - 0x320) >> 4;
                const WRITABLE: [u32; 6] =
                    [0x3_00ff, 0x1_07ff, 0x1_07ff, 0x1_a7ff, 0x1_a7ff, 0x1_00ff];
                let off = if self.svr & SVR_ON == 0 {
                    LVT_MASKED
                } else {
                    0
                };
                self.lvt[i] = v & WRITABLE[i] | off;
            }
            0x380 => {
                self.count = v;
                self.start = now;
                self.fired = 0;
            }
            0x3e0 => {
                // What is left runs on with the new divider.
                let left = self.current(now);
                self.divide = v & 0xb;
                let p = self.period();
                let unit = p.checked_div(u64::from(self.count)).unwrap_or(0);
                let gone = u64::from(self.count - left.min(self.count)) * unit;
                if self.fired == 0 || self.lvt[TIMER] & LVT_PERIODIC != 0 {
                    self.start = now - Ns(gone);
                    self.fired = 0;
                }
            }
            // Version, arbitration, priority and the interrupt registers are read-only.
            0x030 | 0x090 | 0x0a0 | 0x0c0 | 0x100..0x280 | 0x390 => {}
            _ => self.error(ESR_REGISTER),
        }
    }
}
