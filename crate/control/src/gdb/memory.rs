//! Memory packets.

use super::command::{FAULT, INVALID, OK};
use super::packet::{PACKET_BYTES, cut, hex, numbers};
use super::{Debuggee, Stub};

impl Stub {
    pub(super) fn read_memory(&mut self, d: &mut dyn Debuggee, rest: &[u8]) {
        let Some([at, bytes]) = numbers::<2>(rest, b',') else {
            return self.reply(INVALID);
        };
        if bytes > PACKET_BYTES as u64 / 2 {
            return self.reply(INVALID);
        }
        let mut data = vec![0; bytes as usize];
        if d.target().read(at, self.physical, &mut data) {
            self.reply(&hex(&data));
        } else {
            self.reply(FAULT);
        }
    }

    /// `M` and `X`, which differ in how the data is written.
    pub(super) fn write_memory(
        &mut self,
        d: &mut dyn Debuggee,
        rest: &[u8],
        decode: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) {
        let (place, data) = cut(rest, b':');
        let (Some([at, bytes]), Some(data)) = (numbers::<2>(place, b','), decode(data)) else {
            return self.reply(INVALID);
        };
        if data.len() as u64 != bytes {
            return self.reply(INVALID);
        }
        let done = d.target().write(at, self.physical, &data);
        self.reply(if done { OK } else { FAULT });
    }
}
