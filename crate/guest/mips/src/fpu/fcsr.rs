//! Fields of FCSR, and the views that CFC1 and CTC1 give of it (vol. I-A, "FPU Control Registers").

/// Rounding mode: bits 1..0.
pub const RM: u32 = 3;
/// Flags.I, the sticky inexact flag; the others follow upwards: U, O, Z, V.
pub const FLAGS_SHIFT: u32 = 2;
/// Enables.I.
pub const ENABLES_SHIFT: u32 = 7;
/// Cause.I.
pub const CAUSE_SHIFT: u32 = 12;
/// The five exception bits of one field.
pub const EXCEPTIONS: u32 = 0x1f;
/// Inexact, within a field.
pub const I: u32 = 1;
/// Underflow.
pub const U: u32 = 2;
/// Overflow.
pub const O: u32 = 4;
/// Division by zero.
pub const Z: u32 = 8;
/// Invalid operation.
pub const V: u32 = 16;
/// Unimplemented operation: in Cause alone, always enabled.
pub const E: u32 = 32;
/// The Flags field.
pub const FLAGS: u32 = EXCEPTIONS << FLAGS_SHIFT;
/// The Enables field.
pub const ENABLES: u32 = EXCEPTIONS << ENABLES_SHIFT;
/// The Cause field with its E bit.
pub const CAUSE: u32 = (EXCEPTIONS | E) << CAUSE_SHIFT;
/// Flush to zero.
pub const FS: u32 = 1 << 24;
/// Bits that CTC1 may change.
pub const WRITABLE: u32 = 0xff83_ffff;
/// The condition codes.
pub const FCC: u32 = 0xfe80_0000;

/// Bit number of condition code `cc`.
pub const fn fcc_bit(cc: u32) -> u32 {
    if cc & 7 == 0 { 23 } else { 24 + (cc & 7) }
}

/// How arithmetic may be done, by FCSR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speed {
    /// In software: another rounding mode than nearest, flushing, or an enabled exception.
    Software,
    /// By the host, if the result is exact.
    Exact,
    /// By the host: inexact is sticky, so that an operation on numbers that gives a number changes nothing but Cause.
    Fast,
}

/// How arithmetic may be done. Arithmetic itself turns `Exact` into `Fast` and changes nothing else.
pub const fn speed(fcsr: u32) -> Speed {
    if fcsr & (RM | ENABLES | FS) != 0 {
        Speed::Software
    } else if fcsr & I << FLAGS_SHIFT == 0 {
        Speed::Exact
    } else {
        Speed::Fast
    }
}

/// Whether FCSR as it is raises a floating-point exception: a Cause bit that is enabled, or Cause.E.
pub const fn traps(fcsr: u32) -> bool {
    (fcsr >> ENABLES_SHIFT & EXCEPTIONS | E) & fcsr >> CAUSE_SHIFT != 0
}

/// What CFC1 reads from control register `reg`. `None` where the manual has no register.
pub const fn read(reg: u32, fcsr: u32, fir: u32) -> Option<u32> {
    Some(match reg {
        0 => fir,
        25 => fcsr >> 24 & 0xfe | fcsr >> 23 & 1,
        26 => fcsr & (CAUSE | FLAGS),
        28 => fcsr & (ENABLES | RM) | fcsr >> 22 & 4,
        31 => fcsr,
        _ => return None,
    })
}

/// FCSR after CTC1 of `v` to control register `reg`; unchanged by registers that are read-only or not there.
pub const fn written(reg: u32, fcsr: u32, v: u32) -> u32 {
    let (mask, bits) = match reg {
        25 => (FCC, (v & 0xfe) << 24 | (v & 1) << 23),
        26 => (CAUSE | FLAGS, v),
        28 => (ENABLES | RM | FS, v & (ENABLES | RM) | (v & 4) << 22),
        31 => (WRITABLE, v),
        _ => (0, 0),
    };
    fcsr & !mask | bits & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_read_back_what_they_wrote() {
        for (reg, mask) in [(25, 0xff), (26, 0x3f07c), (28, 0xf87), (31, WRITABLE)] {
            for fcsr in [0, WRITABLE, 0x5501_a5a5 & WRITABLE] {
                let after = written(reg, fcsr, 0xffff_ffff);
                assert_eq!(read(reg, after, 0), Some(mask), "register {reg}");
                assert_eq!(
                    read(reg, written(reg, fcsr, 0), 0),
                    Some(0),
                    "register {reg}"
                );
                assert_eq!(
                    written(reg, after, read(reg, fcsr, 0).unwrap()),
                    fcsr,
                    "register {reg}"
                );
            }
        }
        assert_eq!(written(0, 5, !0), 5);
        assert_eq!(read(7, !0, 0), None);
    }

    #[test]
    fn condition_codes() {
        assert_eq!((0..8).map(|cc| 1 << fcc_bit(cc)).sum::<u32>(), FCC);
        assert_eq!(read(25, 1 << fcc_bit(0) | 1 << fcc_bit(3), 0), Some(9));
    }

    #[test]
    fn traps_on_enabled_causes() {
        assert!(!traps(V << CAUSE_SHIFT | I << ENABLES_SHIFT));
        assert!(traps(V << CAUSE_SHIFT | V << ENABLES_SHIFT));
        assert!(traps(E << CAUSE_SHIFT));
    }
}
