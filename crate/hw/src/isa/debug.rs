//! Ports that virtual machines offer for debugging: a byte sink that reads as its own number (Bochs's port E9h; firmware uses 402h),
//! and a port that ends the emulator with an exit code.

use tinamou_core::{DevCx, Device, LoadError, Loader, Saver};

/// What a read gives, by which a guest knows the port is there.
const READBACK: u64 = 0xe9;

/// A byte sink to a console port. Region 0: one port.
pub struct DebugCon {
    console: u32,
}

impl DebugCon {
    /// A sink to console port `console`.
    pub fn new(console: u32) -> DebugCon {
        DebugCon { console }
    }
}

impl Device for DebugCon {
    fn reset(&mut self, _cx: &mut dyn DevCx) {}
    fn read(&mut self, _cx: &mut dyn DevCx, _region: u32, _offset: u64, _size: u32) -> u64 {
        READBACK
    }
    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, _offset: u64, size: u32, value: u64) {
        cx.console_out(
            self.console,
            &value.to_le_bytes()[..size.clamp(1, 8) as usize],
        );
    }
    fn save(&self, _s: &mut Saver) {}
    fn load(&mut self, _l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        Ok(())
    }
}

/// Writing `v` ends the emulator with exit code `2 * v + 1`. Region 0: up to four ports.
pub struct DebugExit;

impl Device for DebugExit {
    fn reset(&mut self, _cx: &mut dyn DevCx) {}
    fn read(&mut self, _cx: &mut dyn DevCx, _region: u32, _offset: u64, _size: u32) -> u64 {
        0
    }
    fn write(&mut self, cx: &mut dyn DevCx, _region: u32, _offset: u64, _size: u32, value: u64) {
        cx.request_exit((value as u32) << 1 | 1);
    }
    fn save(&self, _s: &mut Saver) {}
    fn load(&mut self, _l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[test]
    fn bytes_and_exit_code() {
        let mut b = Bench::new(DebugCon::new(0), || DebugCon::new(0));
        b.write(0, 0, 1, u64::from(b'x'));
        b.write(0, 0, 2, 0x7a79);
        assert_eq!(b.cx.out, b"xyz");
        assert_eq!(b.read(0, 0, 1), 0xe9);
        let mut b = Bench::new(DebugExit, || DebugExit);
        b.write(0, 0, 4, 0x10);
        assert_eq!(b.cx.exit, Some(0x21));
    }
}
