//! Ethernet, ARP, IPv4 and UDP, as far as a gateway reads and writes them itself.

use std::net::{Ipv4Addr, SocketAddrV4};

/// A hardware address.
pub type Mac = [u8; 6];

pub const BROADCAST: Mac = [0xff; 6];
pub const ETHER_IPV4: u16 = 0x0800;
pub const ETHER_ARP: u16 = 0x0806;
pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
/// Largest IPv4 packet in a frame.
pub const MTU: usize = 1500;
const IP_HEADER: usize = 20;

pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let b = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([b[0], b[1]]))
}

pub fn ip_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let b: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(b.into())
}

pub fn mac_at(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..at + 6)?.try_into().ok()
}

/// The Internet checksum's sum of some bytes, to be continued at an even place.
fn sum(bytes: &[u8], start: u32) -> u32 {
    let words = bytes.chunks(2).map(|c| match *c {
        [a, b] => u32::from(u16::from_be_bytes([a, b])),
        _ => u32::from(c[0]) << 8,
    });
    words.fold(start, |s, w| {
        let s = s + w;
        (s & 0xffff) + (s >> 16)
    })
}

/// The Internet checksum (RFC 1071).
pub fn checksum(bytes: &[u8]) -> u16 {
    !(sum(bytes, 0) as u16)
}

fn pseudo(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, data: &[u8]) -> u32 {
    let head = sum(&dst.octets(), sum(&src.octets(), u32::from(protocol)));
    sum(data, sum(&(data.len() as u16).to_be_bytes(), head))
}

/// The sum of a TCP segment whose own is zero.
#[cfg(any(not(feature = "tcp"), test))]
#[cfg_attr(
    feature = "tcp",
    allow(dead_code, reason = "tested beside the other one")
)]
pub fn tcp_sum(src: Ipv4Addr, dst: Ipv4Addr, segment: &[u8]) -> u16 {
    !(pseudo(src, dst, TCP, segment) as u16)
}

/// An Ethernet frame of at least 60 bytes.
pub fn ethernet(to: Mac, from: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut f = Vec::with_capacity(60.max(14 + payload.len()));
    f.extend_from_slice(&to);
    f.extend_from_slice(&from);
    f.extend_from_slice(&kind.to_be_bytes());
    f.extend_from_slice(payload);
    if f.len() < 60 {
        f.resize(60, 0);
    }
    f
}

/// An ARP packet: 1 asks, 2 answers.
pub fn arp(op: u16, from: (Mac, Ipv4Addr), to: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut p = vec![0, 1, 8, 0, 6, 4];
    p.extend_from_slice(&op.to_be_bytes());
    for (mac, ip) in [from, to] {
        p.extend_from_slice(&mac);
        p.extend_from_slice(&ip.octets());
    }
    p
}

/// An IPv4 packet's parts.
#[derive(Clone, Copy, Debug)]
pub struct Ip<'a> {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub protocol: u8,
    pub id: u16,
    /// Of the first byte in the whole datagram.
    pub offset: usize,
    pub more: bool,
    pub payload: &'a [u8],
    /// Header and payload.
    #[cfg(feature = "tcp")]
    pub whole: &'a [u8],
}

/// Reads an IPv4 packet; what is wrong in any way is nothing.
pub fn ip(bytes: &[u8]) -> Option<Ip<'_>> {
    let first = *bytes.first()?;
    let header = usize::from(first & 15) * 4;
    let total = usize::from(be16(bytes, 2)?);
    if first >> 4 != 4 || header < IP_HEADER || total < header {
        return None;
    }
    let whole = bytes.get(..total)?;
    if checksum(&whole[..header]) != 0 {
        return None;
    }
    let fragment = be16(whole, 6)?;
    Some(Ip {
        src: ip_at(whole, 12)?,
        dst: ip_at(whole, 16)?,
        protocol: whole[9],
        id: be16(whole, 4)?,
        offset: usize::from(fragment & 0x1fff) * 8,
        more: fragment & 0x2000 != 0,
        payload: &whole[header..],
        #[cfg(feature = "tcp")]
        whole,
    })
}

/// IPv4 packets for a payload of any length that they can have: fragments where it is too long for one.
pub fn ip_packets(
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: u8,
    id: u16,
    payload: &[u8],
) -> Vec<Vec<u8>> {
    let most = (MTU - IP_HEADER) & !7;
    let pieces = payload.len().div_ceil(most).max(1);
    let packet = |n: usize| {
        let part = &payload[n * most..payload.len().min((n + 1) * most)];
        let more = u16::from(n + 1 < pieces) << 13;
        let mut p = vec![0x45, 0];
        p.extend_from_slice(&((IP_HEADER + part.len()) as u16).to_be_bytes());
        p.extend_from_slice(&id.to_be_bytes());
        p.extend_from_slice(&(more | (n * most / 8) as u16).to_be_bytes());
        p.extend_from_slice(&[64, protocol, 0, 0]);
        p.extend_from_slice(&src.octets());
        p.extend_from_slice(&dst.octets());
        let check = checksum(&p);
        p[10..12].copy_from_slice(&check.to_be_bytes());
        p.extend_from_slice(part);
        p
    };
    (0..pieces).map(packet).collect()
}

/// A UDP datagram's parts.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    pub src: SocketAddrV4,
    pub dst: SocketAddrV4,
    pub data: &'a [u8],
}

/// Reads a UDP datagram.
pub fn udp<'a>(from: Ipv4Addr, to: Ipv4Addr, bytes: &'a [u8]) -> Option<Udp<'a>> {
    let length = usize::from(be16(bytes, 4)?);
    let whole = bytes.get(..length)?;
    let data = whole.get(8..)?;
    // A checksum of zero says that there is none.
    let checked = be16(whole, 6)? == 0 || pseudo(from, to, UDP, whole) == 0xffff;
    checked.then_some(Udp {
        src: SocketAddrV4::new(from, be16(whole, 0)?),
        dst: SocketAddrV4::new(to, be16(whole, 2)?),
        data,
    })
}

/// A UDP datagram; what is too long for one is cut.
pub fn udp_bytes(src: SocketAddrV4, dst: SocketAddrV4, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(65_507)];
    let mut p = Vec::with_capacity(8 + data.len());
    p.extend_from_slice(&src.port().to_be_bytes());
    p.extend_from_slice(&dst.port().to_be_bytes());
    p.extend_from_slice(&((8 + data.len()) as u16).to_be_bytes());
    p.extend_from_slice(&[0, 0]);
    p.extend_from_slice(data);
    let check = match !(pseudo(*src.ip(), *dst.ip(), UDP, &p) as u16) {
        0 => 0xffff,
        c => c,
    };
    p[6..8].copy_from_slice(&check.to_be_bytes());
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let a = SocketAddrV4::new([10, 0, 2, 2].into(), 7);
        let b = SocketAddrV4::new([10, 0, 2, 15].into(), 9999);
        for length in [0, 1, 2, 1471, 1472, 1473, 5000, 65_507] {
            let data: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let bytes = udp_bytes(a, b, &data);
            let packets = ip_packets(*a.ip(), *b.ip(), UDP, 5, &bytes);
            let mut whole = vec![0; bytes.len()];
            for (n, p) in packets.iter().enumerate() {
                assert!(p.len() <= MTU);
                let part = ip(p).unwrap();
                assert_eq!(part.more, n + 1 < packets.len());
                whole[part.offset..part.offset + part.payload.len()].copy_from_slice(part.payload);
            }
            let got = udp(*a.ip(), *b.ip(), &whole).unwrap();
            assert_eq!((got.src, got.dst, got.data), (a, b, &data[..]));
            if length > 0 {
                *whole.last_mut().unwrap() ^= 1;
                assert!(udp(*a.ip(), *b.ip(), &whole).is_none());
            }
        }
        // The example of RFC 1071, section 3.
        assert_eq!(checksum(&[0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }
}
