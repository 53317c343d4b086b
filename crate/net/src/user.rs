//! A network of the machine's own, 10.0.2.0/24 unless told otherwise: a gateway at .2 that leads outside, a name server at .3, addresses by
//! DHCP from .15 on. Seen from the guest as QEMU's `-netdev user` is.

use std::net::{Ipv4Addr, SocketAddrV4};

use tinamou_core::{NetBackend, Ns};

use crate::cable::Cable;
use crate::outside::{Outside, is_loopback};
use crate::packet::{self, Ip, Mac};

mod config;
mod dhcp;
mod fragments;
#[cfg(any(not(feature = "tcp"), test))]
#[cfg_attr(
    feature = "tcp",
    allow(dead_code, reason = "tested beside the other one")
)]
mod no_tcp;
#[cfg(feature = "tcp")]
mod tcp;
#[cfg(all(test, feature = "tcp"))]
mod tests;
mod udp;

pub use config::{Config, Forward, ends};

use dhcp::Leases;
use fragments::Fragments;
#[cfg(not(feature = "tcp"))]
use no_tcp::Tcp;
#[cfg(feature = "tcp")]
use tcp::Tcp;
use udp::Flows;

/// Guests' hardware addresses remembered.
const NEIGHBOURS: usize = 64;
/// Shortest time between two questions for a hardware address.
const ASK_EVERY: Ns = Ns(500_000_000);

/// The network. What connects it to the world is `O`.
pub struct User<O> {
    config: Config,
    outside: O,
    gate: Gate,
    tcp: Tcp,
    flows: Flows,
    leases: Leases,
    fragments: Fragments,
}

/// The way to the guest, for everything inside.
struct Gate {
    cable: Cable,
    host: Ipv4Addr,
    neighbours: Vec<(Ipv4Addr, Mac)>,
    oldest: usize,
    /// Number of the next datagram.
    id: u16,
    asked: Option<Ns>,
}

/// The hardware address that the network gives to one of its own.
fn own_mac(ip: Ipv4Addr) -> Mac {
    let [a, b, c, d] = ip.octets();
    [0x52, 0x55, a, b, c, d]
}

impl Gate {
    fn learn(&mut self, ip: Ipv4Addr, mac: Mac) {
        if mac[0] & 1 != 0 {
            return;
        }
        if let Some(n) = self.neighbours.iter_mut().find(|n| n.0 == ip) {
            n.1 = mac;
        } else if self.neighbours.len() < NEIGHBOURS {
            self.neighbours.push((ip, mac));
        } else {
            self.neighbours[self.oldest] = (ip, mac);
            self.oldest = (self.oldest + 1) % NEIGHBOURS;
        }
    }

    /// Sends an IPv4 packet to a guest, or asks where the guest is: the packet is lost then.
    fn packet(&mut self, now: Ns, to: Ipv4Addr, packet: &[u8]) {
        let from = own_mac(self.host);
        let mac = match self.neighbours.iter().find(|n| n.0 == to) {
            _ if to == Ipv4Addr::BROADCAST => packet::BROADCAST,
            Some(n) => n.1,
            None => {
                if self.asked.is_none_or(|at| at + ASK_EVERY <= now) {
                    self.asked = Some(now);
                    let who = packet::arp(1, (from, self.host), ([0; 6], to));
                    let frame = packet::ethernet(packet::BROADCAST, from, packet::ETHER_ARP, &who);
                    self.cable.put(now, frame);
                }
                return;
            }
        };
        self.cable
            .put(now, packet::ethernet(mac, from, packet::ETHER_IPV4, packet));
    }

    fn ip(&mut self, now: Ns, src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, payload: &[u8]) {
        self.id = self.id.wrapping_add(1);
        for p in packet::ip_packets(src, dst, protocol, self.id, payload) {
            self.packet(now, dst, &p);
        }
    }

    fn udp(&mut self, now: Ns, src: SocketAddrV4, dst: SocketAddrV4, data: &[u8]) {
        let bytes = packet::udp_bytes(src, dst, data);
        self.ip(now, *src.ip(), *dst.ip(), packet::UDP, &bytes);
    }
}

/// Where a guest's address leads to outside.
fn outward(config: &Config, outside: &impl Outside, to: SocketAddrV4) -> Option<SocketAddrV4> {
    let ip = *to.ip();
    if config.restrict || ip.is_broadcast() || ip.is_multicast() || ip.is_unspecified() {
        return None;
    }
    if ip == config.host {
        return Some(SocketAddrV4::new(Ipv4Addr::LOCALHOST, to.port()));
    }
    if ip == config.dns {
        return outside.resolver().filter(|r| r.port() == to.port());
    }
    (!config.holds(ip)).then_some(to)
}

/// How a guest sees an address outside.
fn inward(config: &Config, outside: &impl Outside, from: SocketAddrV4) -> SocketAddrV4 {
    if Some(from) == outside.resolver() {
        SocketAddrV4::new(config.dns, from.port())
    } else if is_loopback(*from.ip()) {
        SocketAddrV4::new(config.host, from.port())
    } else {
        from
    }
}

impl<O: Outside> User<O> {
    /// A network.
    pub fn new(config: Config, mut outside: O) -> User<O> {
        let host = config.host;
        let flows = Flows::new(&config, &mut outside);
        User {
            gate: Gate {
                cable: Cable::default(),
                host,
                neighbours: Vec::new(),
                oldest: 0,
                id: 0,
                asked: None,
            },
            tcp: Tcp::new(&config),
            flows,
            leases: Leases::default(),
            fragments: Fragments::default(),
            config,
            outside,
        }
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn arp(&mut self, now: Ns, p: &[u8]) -> Option<()> {
        if p.get(..6)? != [0, 1, 8, 0, 6, 4] {
            return None;
        }
        let op = packet::be16(p, 6)?;
        let from = (packet::mac_at(p, 8)?, packet::ip_at(p, 14)?);
        let target = packet::ip_at(p, 24)?;
        if self.is_guest(from.1) {
            self.gate.learn(from.1, from.0);
        }
        if op == 1 && [self.config.host, self.config.dns].contains(&target) {
            let mac = own_mac(target);
            let answer = packet::arp(2, (mac, target), from);
            let frame = packet::ethernet(from.0, mac, packet::ETHER_ARP, &answer);
            self.gate.cable.put(now, frame);
        }
        Some(())
    }

    /// Whether a guest can have this address.
    fn is_guest(&self, ip: Ipv4Addr) -> bool {
        self.config.holds(ip) && ip != self.config.host && ip != self.config.dns
    }

    fn ip(&mut self, now: Ns, mac: Mac, ip: Ip<'_>) {
        if self.is_guest(ip.src) {
            self.gate.learn(ip.src, mac);
        } else if ip.protocol != packet::UDP || !ip.src.is_unspecified() {
            return;
        }
        let whole;
        let payload = if ip.more || ip.offset > 0 {
            match self.fragments.add(&ip) {
                Some(payload) => {
                    whole = payload;
                    &whole[..]
                }
                None => return,
            }
        } else {
            ip.payload
        };
        match ip.protocol {
            packet::ICMP => self.icmp(now, &ip, payload),
            packet::UDP => {
                if let Some(udp) = packet::udp(ip.src, ip.dst, payload) {
                    self.udp(now, udp);
                }
            }
            packet::TCP => {
                let (config, outside) = (&self.config, &mut self.outside);
                if ip.offset == 0 && !ip.more {
                    self.tcp.packet(now, &ip, config, outside, &mut self.gate);
                }
            }
            _ => {}
        }
    }

    fn icmp(&mut self, now: Ns, ip: &Ip<'_>, payload: &[u8]) {
        let own = [self.config.host, self.config.dns].contains(&ip.dst);
        if own && payload.len() >= 8 && payload[0] == 8 && packet::checksum(payload) == 0 {
            let mut answer = payload.to_vec();
            answer[0] = 0;
            answer[2..4].fill(0);
            let check = packet::checksum(&answer);
            answer[2..4].copy_from_slice(&check.to_be_bytes());
            self.gate.ip(now, ip.dst, ip.src, packet::ICMP, &answer);
        }
    }

    fn udp(&mut self, now: Ns, udp: packet::Udp<'_>) {
        let to = *udp.dst.ip();
        if udp.dst.port() == dhcp::SERVER && (to == self.config.host || to.is_broadcast()) {
            if let Some(answer) = self.leases.answer(&self.config, udp.data) {
                let server = SocketAddrV4::new(self.config.host, dhcp::SERVER);
                let client = SocketAddrV4::new(Ipv4Addr::BROADCAST, dhcp::CLIENT);
                self.gate.udp(now, server, client, &answer);
            }
            return;
        }
        if udp.src.ip().is_unspecified() {
            return;
        }
        if let Some(to) = outward(&self.config, &self.outside, udp.dst) {
            self.flows
                .send(now, &mut self.outside, udp.src, to, udp.data);
        } else if self.config.restrict {
            // Answers to what came in by a forwarding rule are let out.
            let to = match udp.dst {
                d if *d.ip() == self.config.host => {
                    SocketAddrV4::new(Ipv4Addr::LOCALHOST, d.port())
                }
                d => d,
            };
            self.flows.answer(now, udp.src, to, udp.data);
        }
    }
}

impl<O: Outside> NetBackend for User<O> {
    fn send(&mut self, now: Ns, frame: &[u8]) {
        let (Some(to), Some(from), Some(kind)) = (
            packet::mac_at(frame, 0),
            packet::mac_at(frame, 6),
            packet::be16(frame, 12),
        ) else {
            return;
        };
        // Its own stations and all of them.
        if to[0] & 1 == 0 && to[..2] != [0x52, 0x55] {
            return;
        }
        match kind {
            packet::ETHER_ARP => {
                self.arp(now, &frame[14..]);
            }
            packet::ETHER_IPV4 => {
                if let Some(ip) = packet::ip(&frame[14..]) {
                    self.ip(now, from, ip);
                }
            }
            _ => {}
        }
    }

    fn receive(&mut self, now: Ns) -> Option<Vec<u8>> {
        let was_full = self.gate.cable.room() == 0;
        let frame = self.gate.cable.take(now);
        let has_room = was_full && self.gate.cable.room() > 0;
        if has_room || self.tcp.next().is_some_and(|at| at <= now) {
            self.tcp.work(now, &mut self.gate);
        }
        frame
    }

    fn next(&self) -> Option<Ns> {
        self.gate
            .cable
            .next()
            .into_iter()
            .chain(self.tcp.next())
            .min()
    }

    fn look_outside(&mut self, now: Ns) {
        let (config, outside) = (&self.config, &mut self.outside);
        self.flows.receive(now, config, outside, &mut self.gate);
        self.tcp.accept(config, outside);
        if self.tcp.is_busy() {
            self.tcp.work(now, &mut self.gate);
        }
    }

    fn forget(&mut self) {
        self.gate.cable.clear();
        self.gate.asked = None;
        self.tcp = Tcp::new(&self.config);
        self.flows.forget();
        self.fragments = Fragments::default();
    }
}
