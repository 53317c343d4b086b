//! What a BIOS does with PCI: bases for all registers, interrupt lines, and the bridge's routes for them (PCI BIOS Specification 2.1;
//! 82371SB data sheet 290550, PIRQRC). Worked out on the bus as it is, as a list of port writes.

use tinamou_core::{Gpa, IO_SPACE, PhysBus};

use super::stub::Out;
use crate::bus::Bus;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
/// Where bases begin; they end long before the firmware and the APICs.
const IO_FIRST: u32 = 0xc000;
pub(super) const MEM_FIRST: u32 = 0xe000_0000;
pub(super) const MEM_LAST: u32 = 0xfe00_0000;
/// Function 0 of the south bridge, and its power management.
const BRIDGE: u8 = 0x08;
const PM: u8 = 0x0b;
/// The IDE controller.
const IDE: u8 = 0x09;
/// ISA interrupts of PIRQA to PIRQD.
pub(super) const ROUTES: [u8; 4] = [10, 10, 11, 11];
/// The edge/level register of the second 8259: interrupts 10 and 11 are levels.
const ELCR2: u16 = 0x4d1;
/// Ports of the power management block.
pub(super) const PM_BASE: u32 = 0x600;

fn address(devfn: u8, reg: u8) -> u32 {
    0x8000_0000 | u32::from(devfn) << 8 | u32::from(reg & 0xfc)
}

fn read(bus: &mut Bus, devfn: u8, reg: u8) -> u32 {
    let at = |p: u16| Gpa(IO_SPACE.0 + u64::from(p));
    let _ = bus.write(at(ADDRESS), 4, address(devfn, reg).into());
    bus.read(at(DATA), 4).unwrap_or(u64::from(u32::MAX)) as u32
}

fn write(bus: &mut Bus, devfn: u8, reg: u8, v: u32) {
    let at = |p: u16| Gpa(IO_SPACE.0 + u64::from(p));
    let _ = bus.write(at(ADDRESS), 4, address(devfn, reg).into());
    let _ = bus.write(at(DATA), 4, v.into());
}

/// Lets memory be seen, and written, at C0000h to CFFFFh (82441FX data sheet 290549, PAM1 and PAM2).
pub(super) fn memory_at_c0000() -> [Out; 2] {
    [
        Out::new(4, ADDRESS, address(0, 0x58)),
        Out::new(2, DATA + 2, 0x3333),
    ]
}

/// The writes.
pub(super) fn setup(bus: &mut Bus) -> Vec<Out> {
    let mut out = Vec::new();
    let mut config = |devfn: u8, reg: u8, bytes: u32, v: u32| {
        out.push(Out::new(4, ADDRESS, address(devfn, reg)));
        out.push(Out::new(bytes, DATA + u16::from(reg & 3), v));
    };
    let (mut io, mut mem) = (IO_FIRST, MEM_FIRST);
    for devfn in 0..=u8::MAX {
        // Functions beyond 0 are there in the bridge alone.
        if devfn & 7 != 0 && devfn >> 3 != BRIDGE >> 3 || read(bus, devfn, 0) == u32::MAX {
            continue;
        }
        let mut on = 0;
        for n in 0..6 {
            let reg = 0x10 + 4 * n;
            let was = read(bus, devfn, reg);
            write(bus, devfn, reg, u32::MAX);
            let mask = read(bus, devfn, reg);
            write(bus, devfn, reg, was);
            if mask == 0 || mask == u32::MAX {
                continue;
            }
            let is_io = mask & 1 != 0;
            let bits = mask & if is_io { !3 } else { !15 };
            let len = bits.wrapping_neg() & if is_io { 0xffff } else { u32::MAX };
            let next = if is_io { &mut io } else { &mut mem };
            let end = if is_io { 0x1_0000 } else { MEM_LAST };
            let base = next.checked_next_multiple_of(len.max(1));
            let Some(base) = base.filter(|b| len != 0 && end - *b >= len && *b < end) else {
                continue;
            };
            *next = base + len;
            config(devfn, reg, 4, base);
            on |= if is_io { 1 } else { 2 };
        }
        let pin = read(bus, devfn, 0x3c) >> 8 & 0xff;
        if (1..=4).contains(&pin) {
            let slot = u32::from(devfn >> 3);
            let line = ROUTES[((slot + 3 + pin - 1) & 3) as usize];
            config(devfn, 0x3c, 1, line.into());
        }
        if on != 0 {
            config(devfn, 0x04, 2, on | 4);
        }
    }
    for (i, r) in (0..).zip(ROUTES) {
        config(BRIDGE, 0x60 + i, 1, r.into());
    }
    // Both IDE channels answer (PIIX3 data sheet 290550, IDETIM): drivers leave a channel alone that firmware did not turn on.
    config(IDE, 0x40, 4, 0x8000_8000);
    config(PM, 0x40, 4, PM_BASE | 1);
    config(PM, 0x80, 1, 1);
    // SCI, which has no other line than 9.
    config(PM, 0x3c, 1, 9);
    out.push(Out::new(1, ELCR2, 0x0c));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boards::pc;
    use crate::bus::VecRam;
    use crate::devices::BoardConfig;

    #[test]
    fn ide_channels_are_on() {
        let mut bus = pc::new(BoardConfig::default(), Box::new(VecRam::default())).unwrap();
        assert_eq!(read(&mut bus, IDE, 0x40), 0);
        for out in setup(&mut bus) {
            out.write(&mut bus);
        }
        assert_eq!(read(&mut bus, IDE, 0x40), 0x8000_8000);
    }
}
