//! Interrupt inputs, Count/Compare and WAIT.
//!
//! Count is virtual time in ticks of the CPU clock divided by the model's resolution; it is never stepped. Inputs are numbered as Cause.IP:
//! pins 2 to 7. In external interrupt controller mode (MD00090, "Interrupt Modes") pins 2 to 7 together are the priority level that the
//! controller requests, and pins 8 to 11 the shadow register set for it; both are latched when the exception is entered. Timer and software
//! interrupts are then the controller's inputs ([`Mips::eic_inputs`]).

use tinamou_ir::guest::{Cx, Fault};

use crate::cp0::{cause, debug, status};
use crate::{Mips, fault};

const NS: u128 = 1_000_000_000;

fn ticks(cpu: &Mips, now_ns: u64) -> u32 {
    (now_ns as u128 * cpu.count_hz as u128 / NS) as u32
}

/// Count at virtual time `now_ns`.
pub fn count(cpu: &Mips, now_ns: u64) -> u32 {
    if cpu.sys.cause & cause::DC != 0 {
        cpu.sys.count_base
    } else {
        ticks(cpu, now_ns).wrapping_add(cpu.sys.count_base)
    }
}

/// MTC0 Count.
pub fn set_count(cpu: &mut Mips, cx: &mut dyn Cx, v: u32) {
    let now = cx.now_ns();
    cpu.sys.count_base = if cpu.sys.cause & cause::DC != 0 {
        v
    } else {
        v.wrapping_sub(ticks(cpu, now))
    };
    schedule(cpu, cx);
}

/// MTC0 Compare: also clears the timer interrupt.
pub fn set_compare(cpu: &mut Mips, cx: &mut dyn Cx, v: u32) {
    cpu.sys.compare = v;
    cpu.sys.timer_irq = false;
    schedule(cpu, cx);
}

/// Asks for the time when Count reaches Compare next.
pub fn schedule(cpu: &mut Mips, cx: &mut dyn Cx) {
    if cpu.sys.cause & cause::DC != 0 {
        cx.set_timer(None);
        return;
    }
    let now = cx.now_ns();
    let wait = match cpu.sys.compare.wrapping_sub(count(cpu, now)) {
        0 => 1u128 << 32,
        n => n as u128,
    };
    let at = now as u128 * cpu.count_hz as u128 / NS + wait;
    let deadline = (at * NS).div_ceil(cpu.count_hz.max(1) as u128);
    cx.set_timer(Some(deadline.min(u64::MAX as u128) as u64));
}

impl Mips {
    /// Whether an interrupt is requested and not masked, apart from IE, EXL and ERL.
    pub(crate) fn interrupt_pending(&self) -> bool {
        let st = self.sys.status;
        if self.eic(st) {
            self.requested_level() > (st >> 10 & 0x3f)
        } else {
            self.cause() & st & status::IM != 0
        }
    }

    /// What an external controller is told by the core: bit 0 and 1 the software interrupts, bit 2 the timer's.
    pub fn eic_inputs(&self) -> u32 {
        self.sys.cause >> 8 & 3 | u32::from(self.sys.timer_irq) << 2
    }

    /// The level that an external controller requests.
    fn requested_level(&self) -> u32 {
        self.sys.irq_lines >> 2 & 0x3f
    }

    /// An interrupt is entered under Status `st`: what the external controller says now holds.
    pub(crate) fn latch_request(&mut self, st: u32) {
        if self.eic(st) {
            self.sys.ripl = self.requested_level();
            let set = self.sys.irq_lines >> 8 & 15;
            self.sys.srsctl = self.sys.srsctl & !(15 << 18) | set << 18;
        }
    }

    /// Whether `take_interrupt` would enter an exception.
    pub(crate) fn interrupt_ready(&self) -> bool {
        let st = self.sys.status;
        if st & (status::EXL | status::ERL) != 0 || self.sys.debug & debug::DM != 0 {
            return false;
        }
        st & status::IE != 0 && self.interrupt_pending() || self.sys.cause & cause::WP != 0
    }

    /// `Guest::take_interrupt`.
    pub(crate) fn interrupt(&mut self, cx: &mut dyn Cx) -> bool {
        if self.sys.halted {
            // As with Config7.WII: a masked-in request ends WAIT even with IE clear.
            if !self.interrupt_pending() {
                return false;
            }
            self.sys.halted = false;
        }
        if !self.interrupt_ready() {
            return false;
        }
        let pc = cx.state().pc();
        let code = if self.sys.cause & cause::WP != 0 {
            fault::WATCH
        } else {
            fault::INT
        };
        self.enter(
            cx,
            Fault {
                code,
                va: pc,
                info: 0,
            },
            pc,
            false,
        );
        true
    }
}
