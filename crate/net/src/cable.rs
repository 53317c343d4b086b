//! The way to the guest: frames arrive one after another at the speed of fast Ethernet, so that a card with a short ring keeps up.

use std::collections::VecDeque;

use tinamou_core::Ns;

/// Time before an answer is there.
const LATENCY: Ns = Ns(50_000);
/// Time of a byte: 100 Mbit/s.
const BYTE: u64 = 80;
/// Preamble, checksum and gap, in bytes.
const AROUND: usize = 24;
/// Frames under way at most; more are lost.
const MOST: usize = 256;
/// Frames under way, from which on nothing that can wait is sent.
const BUSY: usize = 64;
/// Longest frame: the largest IPv4 packet is never sent in one, but a peer on a socket may have such.
pub(crate) const LONGEST: usize = 68 * 1024;

/// Frames on their way to the guest.
#[derive(Default, Debug)]
pub struct Cable {
    frames: VecDeque<(Ns, Vec<u8>)>,
    free: Ns,
}

impl Cable {
    /// Sends a frame to the guest. It is lost when too many are under way.
    pub fn put(&mut self, now: Ns, frame: Vec<u8>) {
        if self.frames.len() >= MOST || frame.len() > LONGEST {
            return;
        }
        let taken = Ns((frame.len() + AROUND) as u64 * BYTE);
        let begin = (now + LATENCY).max(self.free);
        self.free = begin + taken;
        self.frames.push_back((self.free, frame));
    }

    /// A frame that has arrived by `now`.
    pub fn take(&mut self, now: Ns) -> Option<Vec<u8>> {
        let due = self.frames.front()?.0 <= now;
        due.then(|| self.frames.pop_front().map(|f| f.1))?
    }

    /// When the next one arrives.
    pub fn next(&self) -> Option<Ns> {
        self.frames.front().map(|f| f.0)
    }

    /// Frames that can be put before it is busy.
    pub fn room(&self) -> usize {
        BUSY.saturating_sub(self.frames.len())
    }

    /// Loses everything.
    pub fn clear(&mut self) {
        *self = Cable::default();
    }
}
