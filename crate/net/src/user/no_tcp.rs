//! TCP where nothing leads outside: every connection is refused. Hosts without sockets need no more, and their bundle stays small.

use tinamou_core::Ns;

use super::{Config, Gate};
use crate::outside::Outside;
use crate::packet::{self, Ip, be16};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// No connections at any time.
pub struct Tcp;

impl Tcp {
    /// No connections.
    pub fn new(_: &Config) -> Tcp {
        Tcp
    }

    /// Never.
    pub fn next(&self) -> Option<Ns> {
        None
    }

    /// Never.
    pub fn is_busy(&self) -> bool {
        false
    }

    /// A packet of the guest's: it is told that nobody is there (RFC 9293, section 3.10.7.1).
    pub fn packet(
        &mut self,
        now: Ns,
        ip: &Ip<'_>,
        config: &Config,
        _: &mut impl Outside,
        gate: &mut Gate,
    ) {
        if let Some(answer) = refusal(ip.payload).filter(|_| !config.restrict) {
            let sum = packet::tcp_sum(ip.dst, ip.src, &answer);
            let mut answer = answer;
            answer[16..18].copy_from_slice(&sum.to_be_bytes());
            gate.ip(now, ip.dst, ip.src, packet::TCP, &answer);
        }
    }

    /// Nobody comes.
    pub fn accept(&mut self, _: &Config, _: &mut impl Outside) {}

    /// Nothing to do.
    pub fn work(&mut self, _: Ns, _: &mut Gate) {}
}

/// A reset without its sum.
fn refusal(segment: &[u8]) -> Option<[u8; 20]> {
    let flags = *segment.get(13)?;
    let header = usize::from(segment.get(12)? >> 4) * 4;
    let data = segment.len().checked_sub(header)?;
    if flags & RST != 0 {
        return None;
    }
    let mut a = [0; 20];
    a[..2].copy_from_slice(&be16(segment, 2)?.to_be_bytes());
    a[2..4].copy_from_slice(&be16(segment, 0)?.to_be_bytes());
    a[12] = 0x50;
    a[13] = RST;
    if flags & ACK != 0 {
        a[4..8].copy_from_slice(segment.get(8..12)?);
    } else {
        a[13] |= ACK;
        let seq = u32::from(be16(segment, 4)?) << 16 | u32::from(be16(segment, 6)?);
        let length = data as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        a[8..12].copy_from_slice(&seq.wrapping_add(length).to_be_bytes());
    }
    Some(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused() {
        let mut syn = [0; 20];
        syn[..14].copy_from_slice(&[4, 0xd2, 0, 80, 0, 0, 1, 0xff, 0, 0, 0, 0, 0x50, 2]);
        let a = refusal(&syn).unwrap();
        assert_eq!(
            a[..14],
            [0, 80, 4, 0xd2, 0, 0, 0, 0, 0, 0, 2, 0, 0x50, 0x14]
        );
        assert_eq!(refusal(&a), None);
        for n in 0..20 {
            assert_eq!(refusal(&syn[..n]), None);
        }
    }
}
