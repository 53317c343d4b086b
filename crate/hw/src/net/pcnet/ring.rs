//! Descriptor rings: transmission and reception.

use tinamou_core::{DevCx, Gpa};

use super::super::{FRAME_MIN, crc32};
use super::{MISS, MODE_DRCVBC, MODE_LOOP, MODE_PROM, Pcnet, RINT, RXON, TINT, TXON};

const OWN: u32 = 0x8000_0000;
const D_ERR: u32 = 0x4000_0000;
const BUFF: u32 = 0x0400_0000;
const STP: u32 = 0x0200_0000;
const ENP: u32 = 0x0100_0000;

/// Longest frame taken from the transmit ring.
const FRAME_MAX: usize = 4096;

/// A descriptor: where it is, its buffer, and flags with the negative length below.
struct Descriptor {
    at: u64,
    buffer: u32,
    flags: u32,
}

impl Descriptor {
    fn bytes(&self) -> usize {
        (0x1000 - (self.flags & 0xfff) as usize) & 0xfff
    }
}

impl Pcnet {
    fn ring_len(&self, n: usize) -> u16 {
        match self.csr[n].wrapping_neg() {
            0 => 1,
            n => n.min(512),
        }
    }

    fn descriptor(&self, cx: &mut dyn DevCx, ring: u32, n: u16) -> Option<Descriptor> {
        let size = if self.style() == 0 { 8 } else { 16 };
        let at = u64::from(ring) + u64::from(n) * size;
        let mut b = [0; 16];
        if !cx.dma_read(Gpa(at), &mut b[..size as usize]) {
            return None;
        }
        let d = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        let (buffer, flags) = match self.style() {
            // Address 24 bits, flags 8 bits; count 16 bits.
            0 => (d(0) & 0xff_ffff, d(0) & 0xff00_0000 | d(4) & 0xffff),
            3 => (d(8), d(4)),
            _ => (d(0), d(4)),
        };
        Some(Descriptor { at, buffer, flags })
    }

    /// Gives a descriptor back to the guest; `message` is the length of a received frame.
    fn give_back(&self, cx: &mut dyn DevCx, d: &Descriptor, flags: u32, message: Option<u32>) {
        let flags = flags & !OWN;
        match self.style() {
            0 => {
                if let Some(m) = message {
                    cx.dma_write(Gpa(d.at + 6), &(m as u16).to_le_bytes());
                }
                cx.dma_write(Gpa(d.at + 3), &[(flags >> 24) as u8]);
            }
            s => {
                if let Some(m) = message {
                    let at = if s == 3 { d.at } else { d.at + 8 };
                    cx.dma_write(Gpa(at), &m.to_le_bytes());
                }
                cx.dma_write(Gpa(d.at + 4), &flags.to_le_bytes());
            }
        }
    }

    /// Sends what the transmit ring holds.
    pub(super) fn transmit(&mut self, cx: &mut dyn DevCx) {
        if self.csr[0] & TXON == 0 {
            return;
        }
        let len = self.ring_len(78);
        let mut frame = Vec::new();
        for _ in 0..len {
            let Some(d) = self.descriptor(cx, self.tx_ring, self.tx_at) else {
                break;
            };
            if d.flags & OWN == 0 {
                break;
            }
            if d.flags & STP != 0 {
                frame.clear();
            }
            let n = match d.bytes() {
                0 => 0x1000,
                n => n,
            };
            let mut part = vec![0; n];
            cx.dma_read(Gpa(u64::from(d.buffer)), &mut part);
            if frame.len() + n <= FRAME_MAX {
                frame.append(&mut part);
            }
            let end = d.flags & ENP != 0;
            self.give_back(cx, &d, d.flags & !D_ERR, None);
            self.tx_at = (self.tx_at + 1) % len;
            if end {
                if self.csr[15] & MODE_LOOP != 0 {
                    let f = std::mem::take(&mut frame);
                    self.receive(cx, &f);
                } else {
                    cx.net_out(self.port, &frame);
                    frame.clear();
                }
                self.csr[0] |= TINT;
            }
        }
        self.update(cx);
    }

    /// True when the address filter takes a frame.
    fn wanted(&self, frame: &[u8]) -> bool {
        let Some(to) = frame.first_chunk::<6>() else {
            return false;
        };
        if self.csr[15] & MODE_PROM != 0 {
            return true;
        }
        if *to == [0xff; 6] {
            return self.csr[15] & MODE_DRCVBC == 0;
        }
        if to[0] & 1 != 0 {
            let hash = crc32(to) >> 26;
            return self.csr[8 + (hash >> 4) as usize] >> (hash & 15) & 1 != 0;
        }
        (0..3).all(|i| self.csr[12 + i] == u16::from_le_bytes([to[2 * i], to[2 * i + 1]]))
    }

    /// Takes a frame from the network.
    pub(super) fn receive(&mut self, cx: &mut dyn DevCx, frame: &[u8]) {
        if self.csr[0] & RXON == 0 || !self.wanted(frame) || frame.len() > 4000 {
            return;
        }
        // Short frames are padded; the checksum goes into memory as well.
        let mut f = frame.to_vec();
        f.resize(f.len().max(FRAME_MIN), 0);
        let sum = !crc32(&f);
        f.extend_from_slice(&sum.to_le_bytes());
        let len = self.ring_len(76);
        let mut done = 0;
        for step in 0..len {
            let d = self.descriptor(cx, self.rx_ring, self.rx_at);
            let Some(d) = d.filter(|d| d.flags & OWN != 0) else {
                if step == 0 {
                    self.csr[0] |= MISS;
                }
                break;
            };
            let n = (f.len() - done).min(d.bytes());
            cx.dma_write(Gpa(u64::from(d.buffer)), &f[done..done + n]);
            done += n;
            let last = done == f.len();
            let mut flags = d.flags & 0xffff | if step == 0 { STP } else { 0 };
            if last {
                flags |= ENP;
            } else if step + 1 == len {
                flags |= BUFF | D_ERR;
            }
            self.give_back(cx, &d, flags, last.then_some(f.len() as u32));
            self.rx_at = (self.rx_at + 1) % len;
            if last {
                break;
            }
        }
        if done > 0 {
            self.csr[0] |= RINT;
        }
        self.update(cx);
    }
}
