//! Plain latches on the ISA bus: the POST code port and fast A20/reset (port 92h).

use tinamou_core::{DevCx, Device, LoadError, Loader, MachineRequest, Saver};

/// Region 0: port 80h; region 1: port 92h.
#[derive(Default)]
pub struct IsaLatches {
    post: u8,
    port92: u8,
}

impl IsaLatches {
    /// Cleared latches.
    pub fn new() -> IsaLatches {
        IsaLatches::default()
    }
}

impl Device for IsaLatches {
    fn reset(&mut self, _cx: &mut dyn DevCx) {
        *self = IsaLatches::default();
    }

    fn read(&mut self, _cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32) -> u64 {
        u64::from(if region == 0 { self.post } else { self.port92 })
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, _offset: u64, _size: u32, value: u64) {
        let v = value as u8;
        if region == 0 {
            self.post = v;
        } else {
            if v & 1 != 0 && self.port92 & 1 == 0 {
                cx.request(MachineRequest::Reset);
            }
            self.port92 = v;
        }
    }

    fn save(&self, s: &mut Saver) {
        s.u8(self.post);
        s.u8(self.port92);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        self.post = l.u8()?;
        self.port92 = l.u8()?;
        Ok(())
    }
}
