//! Contents of a PC's CMOS memory: the bytes that IBM's AT BIOS defined (Technical Reference, "Real-Time Clock/Complementary Metal
//! Oxide Semiconductor RAM") and those that SeaBIOS reads on virtual machines (its `docs/` and `src/hw/rtc.h` name them).

/// What the bytes tell.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Pc {
    /// Memory below 4 GiB.
    pub low_bytes: u64,
    /// Memory from 4 GiB on.
    pub high_bytes: u64,
    /// Types of the floppy drives: 0 none, 4 of 1.44 MB, 5 of 2.88 MB.
    pub floppies: [u8; 2],
    /// Hard disks on the first IDE channel: cylinders, heads, sectors.
    pub disks: [Option<(u16, u8, u8)>; 2],
    /// Boot devices in order: 1 floppy, 2 hard disk, 3 CD, 4 network; 0 ends.
    pub boot: [u8; 3],
    /// Do not look for a floppy's boot signature.
    pub any_floppy: bool,
    /// CPUs.
    pub cpus: u8,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl Pc {
    /// Index and value of each byte.
    pub fn bytes(&self) -> Vec<(u8, u8)> {
        let mut out = Vec::new();
        let mut word = |at: u8, v: u64| {
            out.push((at, v as u8));
            out.push((at + 1, (v >> 8) as u8));
        };
        word(0x15, self.low_bytes.min(640 * KIB) / KIB);
        let above_1m = (self.low_bytes.saturating_sub(MIB) / KIB).min(0xffff);
        word(0x17, above_1m);
        word(0x30, above_1m);
        let above_16m = self.low_bytes.saturating_sub(16 * MIB) / (64 * KIB);
        word(0x34, above_16m.min(0xffff));
        let high = self.high_bytes / (64 * KIB);
        word(0x5b, high);
        let mut set = |at: u8, v: u8| out.push((at, v));
        set(0x5d, (high >> 16) as u8);
        set(0x5f, self.cpus.saturating_sub(1));
        let drives = self.floppies.iter().filter(|f| **f != 0).count() as u8;
        set(0x10, self.floppies[0] << 4 | self.floppies[1] & 15);
        // Equipment: floppies, the coprocessor, a PS/2 mouse.
        let floppies = if drives == 0 {
            0
        } else {
            1 | (drives - 1) << 6
        };
        set(0x14, floppies | 0x02 | 0x04);
        let kind = |d: Option<_>| u8::from(d.is_some()) * 0x0f;
        set(0x12, kind(self.disks[0]) << 4 | kind(self.disks[1]));
        for (i, d) in (0u8..).zip(self.disks) {
            let Some((cylinders, heads, sectors)) = d else {
                continue;
            };
            set(0x19 + i, 47);
            let at = 0x1b + 9 * i;
            let c = cylinders.to_le_bytes();
            let control = 0xc0 | u8::from(heads > 8) << 3;
            let bytes = [c[0], c[1], heads, 0xff, 0xff, control, c[0], c[1], sectors];
            for (at, v) in (at..).zip(bytes) {
                set(at, v);
            }
        }
        set(0x3d, self.boot[1] << 4 | self.boot[0] & 15);
        set(0x38, self.boot[2] << 4 | u8::from(self.any_floppy));
        // Sum of 10h to 2Dh, high byte first.
        let mut first = [0u8; 0x30];
        for &(at, v) in &out {
            if let Some(b) = first.get_mut(usize::from(at)) {
                *b = v;
            }
        }
        let sum: u16 = first[0x10..0x2e].iter().map(|b| u16::from(*b)).sum();
        out.push((0x2e, (sum >> 8) as u8));
        out.push((0x2f, sum as u8));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_floppies() {
        let pc = Pc {
            low_bytes: 128 * MIB,
            high_bytes: 1 << 32,
            floppies: [4, 0],
            disks: [Some((1024, 16, 63)), None],
            boot: [3, 2, 0],
            cpus: 2,
            ..Pc::default()
        };
        let mut c = [0u8; 128];
        for (at, v) in pc.bytes() {
            c[usize::from(at)] = v;
        }
        let w = |at: usize| u16::from_le_bytes([c[at], c[at + 1]]);
        assert_eq!((w(0x15), w(0x17), w(0x34)), (640, 0xffff, 112 * 16));
        assert_eq!((c[0x5b], c[0x5c], c[0x5d]), (0, 0, 1));
        assert_eq!((c[0x10], c[0x14], c[0x12], c[0x19]), (0x40, 0x07, 0xf0, 47));
        assert_eq!((c[0x3d], c[0x5f]), (0x23, 1));
        let sum: u16 = c[0x10..0x2e].iter().map(|b| u16::from(*b)).sum();
        assert_eq!(u16::from_be_bytes([c[0x2e], c[0x2f]]), sum);
    }
}
