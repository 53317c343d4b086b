//! The DHCP server (RFC 2131, options of RFC 2132 and 3397), which also answers plain BOOTP. Addresses are given in order and kept by
//! hardware address.

use std::net::Ipv4Addr;

use super::Config;
use crate::packet::{Mac, ip_at, mac_at};

/// The server's port.
pub const SERVER: u16 = 67;
/// The client's.
pub const CLIENT: u16 = 68;

/// Addresses to give.
const MOST: u32 = 16;
const LEASE_SECONDS: u32 = 86_400;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const RELEASE: u8 = 7;
const INFORM: u8 = 8;
/// Where the options begin.
const OPTIONS: usize = 240;

/// Who has which address.
#[derive(Default, Debug)]
pub struct Leases(Vec<(u32, Mac)>);

/// An option's bytes.
fn option(message: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = message.get(OPTIONS..)?;
    loop {
        match *rest.first()? {
            0 => rest = &rest[1..],
            255 => return None,
            code => {
                let length = usize::from(*rest.get(1)?);
                let data = rest.get(2..2 + length)?;
                if code == wanted {
                    return Some(data);
                }
                rest = &rest[2 + length..];
            }
        }
    }
}

impl Leases {
    fn address(config: &Config, n: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(config.dhcpstart).wrapping_add(n))
    }

    /// The number of an address that can be given.
    fn number(config: &Config, ip: Ipv4Addr) -> Option<u32> {
        let n = u32::from(ip).wrapping_sub(config.dhcpstart.into());
        let own = ip == config.host || ip == config.dns;
        (n < MOST && config.holds(ip) && !own).then_some(n)
    }

    /// The client's address: what it has, else what it wants, else the first free one.
    fn give(&mut self, config: &Config, mac: Mac, wanted: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        let free = |n: &u32| !self.0.iter().any(|l| l.0 == *n);
        let wanted = wanted
            .and_then(|ip| Leases::number(config, ip))
            .filter(free);
        let had = self.0.iter().find(|l| l.1 == mac).map(|l| l.0);
        let n = match had.or(wanted) {
            Some(n) => n,
            None => {
                let mut all = (0..MOST).filter(free);
                all.find(|n| Leases::number(config, Leases::address(config, *n)).is_some())?
            }
        };
        self.0.retain(|l| l.1 != mac);
        self.0.push((n, mac));
        Some(Leases::address(config, n))
    }

    /// The answer to a client's message, which is for all to hear: clients without an address expect as much.
    pub fn answer(&mut self, config: &Config, message: &[u8]) -> Option<Vec<u8>> {
        // A request of a client with Ethernet addresses.
        if message.get(..3)? != [1, 1, 6] {
            return None;
        }
        // All that is not an option is there.
        let cookie = message.get(236..OPTIONS)? == COOKIE;
        let mac = mac_at(message, 28)?;
        let has = ip_at(message, 12)?;
        let option = |code| option(message, code).filter(|_| cookie);
        let kind = option(53).and_then(|k| k.first().copied());
        let server = option(54).and_then(|s| ip_at(s, 0));
        if server.is_some_and(|s| s != config.host) {
            // It took another server's offer.
            self.0.retain(|l| l.1 != mac);
            return None;
        }
        let wanted = option(50).and_then(|w| ip_at(w, 0));
        let wanted = wanted.or(Some(has)).filter(|w| !w.is_unspecified());
        let (reply, ip) = match kind {
            None => (None, self.give(config, mac, None)),
            Some(DISCOVER) => (Some(OFFER), self.give(config, mac, wanted)),
            Some(REQUEST) => {
                let ip = self.give(config, mac, wanted);
                let ip = ip.filter(|ip| wanted.is_none_or(|w| w == *ip));
                (Some(if ip.is_some() { ACK } else { NAK }), ip)
            }
            Some(INFORM) => (Some(ACK), None),
            Some(RELEASE | DECLINE) => {
                self.0.retain(|l| l.1 != mac);
                return None;
            }
            Some(_) => return None,
        };
        if ip.is_none() && kind != Some(INFORM) && reply != Some(NAK) {
            return None;
        }
        Some(build(config, message, reply, ip))
    }
}

fn build(config: &Config, message: &[u8], reply: Option<u8>, ip: Option<Ipv4Addr>) -> Vec<u8> {
    let mut m = vec![0; OPTIONS];
    m[..3].copy_from_slice(&[2, 1, 6]);
    // Transaction, then flags, then the relay's and the client's addresses.
    m[4..8].copy_from_slice(&message[4..8]);
    m[10..12].copy_from_slice(&message[10..12]);
    m[24..34].copy_from_slice(&message[24..34]);
    if let Some(ip) = ip {
        m[16..20].copy_from_slice(&ip.octets());
    }
    m[236..240].copy_from_slice(&COOKIE);
    let mut put = |code: u8, data: &[u8]| {
        let data = &data[..data.len().min(255)];
        m.push(code);
        m.push(data.len() as u8);
        m.extend_from_slice(data);
    };
    if let Some(kind) = reply {
        put(53, &[kind]);
        put(54, &config.host.octets());
    }
    if reply != Some(NAK) {
        if reply.is_some() && ip.is_some() {
            put(51, &LEASE_SECONDS.to_be_bytes());
        }
        put(1, &config.mask().octets());
        if !config.restrict {
            put(3, &config.host.octets());
            put(6, &config.dns.octets());
        }
        for (code, text) in [
            (12, &config.hostname),
            (15, &config.domain),
            (66, &config.tftp_server),
        ] {
            if let Some(text) = text {
                put(code, text.as_bytes());
            }
        }
        let search = search_list(&config.dns_search);
        if !search.is_empty() {
            put(119, &search);
        }
    }
    m.push(255);
    if reply != Some(NAK) {
        m[20..24].copy_from_slice(&config.host.octets());
        if let Some(file) = &config.bootfile {
            let file = &file.as_bytes()[..file.len().min(127)];
            m[108..108 + file.len()].copy_from_slice(file);
        }
    }
    // Some clients refuse less than BOOTP's length.
    if m.len() < 300 {
        m.resize(300, 0);
    }
    m
}

/// Domains as RFC 1035 writes them; those that fit.
fn search_list(domains: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for domain in domains {
        let mut name = Vec::new();
        for label in domain.split('.').filter(|l| !l.is_empty() && l.len() < 64) {
            name.push(label.len() as u8);
            name.extend_from_slice(label.as_bytes());
        }
        name.push(0);
        if out.len() + name.len() <= 255 && name.len() > 1 {
            out.extend(name);
        }
    }
    out
}
