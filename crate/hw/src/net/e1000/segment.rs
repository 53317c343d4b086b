//! Checksums and TCP segmentation of what is sent (317453, section 3.3.6 to 3.5): the context that a descriptor sets, and the frames
//! that come of a packet.

use tinamou_core::stored;

/// Insert the IP checksum; insert the TCP or UDP checksum.
const IXSM: u8 = 1;
const TXSM: u8 = 2;
/// In a context: the packet is TCP, IPv4; it is for segmentation.
const CTX_TCP: u32 = 1 << 24;
const CTX_IP: u32 = 1 << 25;
const CTX_TSE: u32 = 1 << 26;

const TCP_FIN_PSH: u8 = 0x09;

/// Where one checksum begins, where it goes, and where what it covers ends (0: with the packet).
#[derive(Clone, Copy, Default)]
struct Sum {
    start: u8,
    offset: u8,
    end: u16,
}
stored!(Sum { start, offset, end });

#[derive(Clone, Copy, Default)]
struct Context {
    ip: Sum,
    tu: Sum,
    tcp: bool,
    ipv4: bool,
    header: u8,
    mss: u16,
}
stored!(Context {
    ip,
    tu,
    tcp,
    ipv4,
    header,
    mss
});

/// What is to be done with the packet that is being collected.
#[derive(Clone, Default)]
pub(super) struct Offload {
    /// For checksums alone, and for segmentation.
    contexts: [Context; 2],
    segment: bool,
    options: u8,
}
stored!(Offload {
    contexts,
    segment,
    options
});

/// Adds 16-bit words in network order.
fn add(mut sum: u32, data: &[u8]) -> u32 {
    for w in data.chunks(2) {
        sum += u32::from(w[0]) << 8 | u32::from(w.get(1).copied().unwrap_or(0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

/// Puts the ones' complement sum of what lies from `start` to `end` (exclusive; 0: the end) at `at`, where the sum of the pseudo header
/// already is.
pub(super) fn checksum(packet: &mut [u8], start: usize, end: usize, at: usize) {
    let end = if end == 0 {
        packet.len()
    } else {
        end.min(packet.len())
    };
    let Some(part) = packet.get(start..end) else {
        return;
    };
    let sum = add(0, part);
    put16(packet, at, !sum as u16);
}

fn put16(packet: &mut [u8], at: usize, v: u16) {
    if let Some(to) = packet.get_mut(at..at + 2) {
        to.copy_from_slice(&v.to_be_bytes());
    }
}

fn get16(packet: &[u8], at: usize) -> u16 {
    let b = packet.get(at..at + 2);
    b.map_or(0, |b| u16::from_be_bytes([b[0], b[1]]))
}

impl Offload {
    /// A context descriptor.
    pub fn context(&mut self, first: u64, low: u32, high: u32) {
        let sum = |v: u32| Sum {
            start: v as u8,
            offset: (v >> 8) as u8,
            end: (v >> 16) as u16,
        };
        self.contexts[usize::from(low & CTX_TSE != 0)] = Context {
            ip: sum(first as u32),
            tu: sum((first >> 32) as u32),
            tcp: low & CTX_TCP != 0,
            ipv4: low & CTX_IP != 0,
            header: (high >> 8) as u8,
            mss: (high >> 16) as u16,
        };
    }

    /// A packet's first data descriptor.
    pub fn begin(&mut self, extended: bool, segment: bool, options: u8) {
        self.segment = segment;
        self.options = if extended { options } else { 0 };
    }

    fn sums(&self, c: &Context, frame: &mut [u8]) {
        let last = |s: Sum| {
            if s.end == 0 {
                0
            } else {
                usize::from(s.end) + 1
            }
        };
        if self.options & TXSM != 0 {
            checksum(frame, c.tu.start.into(), last(c.tu), c.tu.offset.into());
        }
        if self.options & IXSM != 0 {
            put16(frame, c.ip.offset.into(), 0);
            checksum(frame, c.ip.start.into(), last(c.ip), c.ip.offset.into());
        }
    }

    /// The frames that a packet becomes.
    pub fn frames(&self, mut packet: Vec<u8>) -> Vec<Vec<u8>> {
        let c = self.contexts[usize::from(self.segment)];
        let (header, mss) = (usize::from(c.header), usize::from(c.mss));
        if !self.segment || mss == 0 || header == 0 || packet.len() <= header {
            self.sums(&c, &mut packet);
            return vec![packet];
        }
        let (head, payload) = packet.split_at(header);
        let count = payload.len().div_ceil(mss);
        let (ip, tcp) = (usize::from(c.ip.start), usize::from(c.tu.start));
        let seq = u32::from(get16(head, tcp + 4)) << 16 | u32::from(get16(head, tcp + 6));
        let mut out = Vec::new();
        for (i, part) in payload.chunks(mss).enumerate() {
            let mut f = head.to_vec();
            f.extend_from_slice(part);
            let below_ip = f.len().saturating_sub(ip);
            if c.ipv4 {
                put16(&mut f, ip + 2, below_ip as u16);
                let id = get16(head, ip + 4).wrapping_add(i as u16);
                put16(&mut f, ip + 4, id);
            } else {
                put16(&mut f, ip + 4, below_ip.saturating_sub(40) as u16);
            }
            if c.tcp {
                let s = seq.wrapping_add((i * mss) as u32);
                put16(&mut f, tcp + 4, (s >> 16) as u16);
                put16(&mut f, tcp + 6, s as u16);
                // The end is told by the last segment alone.
                if let Some(flags) = f.get_mut(tcp + 13).filter(|_| i + 1 < count) {
                    *flags &= !TCP_FIN_PSH;
                }
            } else {
                let len = f.len().saturating_sub(tcp) as u16;
                put16(&mut f, tcp + 4, len);
            }
            // The pseudo header's sum came without a length.
            let at = usize::from(c.tu.offset);
            let len = f.len().saturating_sub(tcp) as u16;
            let sum = add(get16(&f, at).into(), &len.to_be_bytes());
            put16(&mut f, at, sum as u16);
            self.sums(&c, &mut f);
            out.push(f);
        }
        out
    }
}
