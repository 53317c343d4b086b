//! IPv4 datagrams that come in pieces (RFC 791, section 3.2). Few at a time, and the oldest gives way.

use std::net::Ipv4Addr;

use crate::packet::Ip;

/// Datagrams put together at a time.
const MOST: usize = 8;
/// Longest payload.
const LONGEST: usize = 65_535;

#[derive(Debug)]
struct Datagram {
    key: (Ipv4Addr, Ipv4Addr, u8, u16),
    bytes: Vec<u8>,
    /// What is there, by first byte and end, in order and apart.
    there: Vec<(usize, usize)>,
    end: Option<usize>,
}

/// Pieces that wait for the others.
#[derive(Default, Debug)]
pub struct Fragments(Vec<Datagram>);

impl Fragments {
    /// A piece; the whole payload if it was the last.
    pub fn add(&mut self, ip: &Ip<'_>) -> Option<Vec<u8>> {
        let key = (ip.src, ip.dst, ip.protocol, ip.id);
        let (from, to) = (ip.offset, ip.offset + ip.payload.len());
        if to > LONGEST || to == from || (ip.more && !ip.payload.len().is_multiple_of(8)) {
            return None;
        }
        let at = match self.0.iter().position(|d| d.key == key) {
            Some(at) => at,
            None => {
                if self.0.len() >= MOST {
                    self.0.remove(0);
                }
                self.0.push(Datagram {
                    key,
                    bytes: Vec::new(),
                    there: Vec::new(),
                    end: None,
                });
                self.0.len() - 1
            }
        };
        let d = &mut self.0[at];
        // Pieces that overlap are an attack or a mistake: the datagram goes.
        let clash = d.there.iter().any(|r| r.0 < to && from < r.1)
            || d.end.is_some_and(|e| to > e || !ip.more)
            || (!ip.more && d.there.last().is_some_and(|r| r.1 > to));
        if clash {
            self.0.remove(at);
            return None;
        }
        if d.bytes.len() < to {
            d.bytes.resize(to, 0);
        }
        d.bytes[from..to].copy_from_slice(ip.payload);
        if !ip.more {
            d.end = Some(to);
        }
        let place = d.there.partition_point(|r| r.0 < from);
        d.there.insert(place, (from, to));
        d.there.dedup_by(|next, before| {
            let touches = next.0 == before.1;
            if touches {
                before.1 = next.1;
            }
            touches
        });
        let whole = d.end.is_some_and(|e| d.there == [(0, e)]);
        whole.then(|| self.0.remove(at).bytes)
    }
}
