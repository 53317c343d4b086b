//! A guest of smoltcp's in the network, and a world in memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use smoltcp::iface::{Config as IfaceConfig, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::{dhcpv4, icmp, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, Icmpv4Packet, Icmpv4Repr, IpAddress, IpCidr, IpEndpoint,
};
use tinamou_core::{NetBackend, Ns};

use super::*;
use crate::outside::{Datagrams, Progress, Received, Stream};

/// One end of a connection.
#[derive(Default)]
struct Pipe {
    to_host: Vec<u8>,
    to_guest: VecDeque<u8>,
    guest_ended: bool,
    host_ended: bool,
    refused: bool,
    pending: bool,
}

#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Pipe>>);

impl Stream for Wire {
    fn progress(&mut self) -> Progress {
        match &*self.0.borrow() {
            p if p.refused => Progress::Failed,
            p if p.pending => Progress::Connecting,
            _ => Progress::Open,
        }
    }
    fn read(&mut self, buf: &mut [u8]) -> Received {
        let mut p = self.0.borrow_mut();
        let n = p.to_guest.len().min(buf.len());
        for (to, byte) in buf.iter_mut().zip(p.to_guest.drain(..n)) {
            *to = byte;
        }
        match n {
            0 if p.host_ended => Received::End,
            0 => Received::Nothing,
            n => Received::Bytes(n),
        }
    }
    fn write(&mut self, data: &[u8]) -> Option<usize> {
        let n = data.len().min(1000);
        self.0.borrow_mut().to_host.extend_from_slice(&data[..n]);
        Some(n)
    }
    fn shut_down(&mut self) {
        self.0.borrow_mut().guest_ended = true;
    }
}

type Mail = Rc<RefCell<VecDeque<(Vec<u8>, SocketAddrV4)>>>;

/// Sends everything back.
struct Mirror(Mail);

impl Datagrams for Mirror {
    fn send(&mut self, to: SocketAddrV4, data: &[u8]) {
        let mut mail = self.0.borrow_mut();
        if mail.len() < 1000 {
            mail.push_back((data.to_vec(), to));
        }
    }
    fn receive(&mut self, buf: &mut [u8]) -> Option<(usize, SocketAddrV4)> {
        let (data, from) = self.0.borrow_mut().pop_front()?;
        buf[..data.len()].copy_from_slice(&data);
        Some((data.len(), from))
    }
}

#[derive(Clone, Default)]
struct World {
    made: Rc<RefCell<Vec<(SocketAddrV4, Wire)>>>,
    comes: Rc<RefCell<Vec<(Wire, SocketAddrV4)>>>,
    refuses: bool,
    late: bool,
}

impl Outside for World {
    fn connect(&mut self, to: SocketAddrV4) -> Option<Box<dyn Stream>> {
        let wire = Wire::default();
        wire.0.borrow_mut().refused = self.refuses;
        wire.0.borrow_mut().pending = self.late;
        self.made.borrow_mut().push((to, wire.clone()));
        Some(Box::new(wire))
    }
    fn datagrams(&mut self) -> Option<Box<dyn Datagrams>> {
        Some(Box::new(Mirror(Mail::default())))
    }
    fn resolver(&self) -> Option<SocketAddrV4> {
        Some(SocketAddrV4::new([9, 9, 9, 9].into(), 53))
    }
    fn accept(&mut self, _: usize) -> Option<(Box<dyn Stream>, SocketAddrV4)> {
        let (wire, from) = self.comes.borrow_mut().pop()?;
        Some((Box::new(wire), from))
    }
}

#[derive(Default)]
struct Card {
    to_guest: VecDeque<Vec<u8>>,
    from_guest: Vec<Vec<u8>>,
}

struct In(Vec<u8>);
struct Out<'a>(&'a mut Vec<Vec<u8>>);

impl phy::RxToken for In {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for Out<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let r = f(&mut frame);
        self.0.push(frame);
        r
    }
}

impl Device for Card {
    type RxToken<'a> = In;
    type TxToken<'a> = Out<'a>;
    fn receive(&mut self, _: Instant) -> Option<(In, Out<'_>)> {
        let frame = self.to_guest.pop_front()?;
        Some((In(frame), Out(&mut self.from_guest)))
    }
    fn transmit(&mut self, _: Instant) -> Option<Out<'_>> {
        Some(Out(&mut self.from_guest))
    }
    fn capabilities(&self) -> DeviceCapabilities {
        let mut c = DeviceCapabilities::default();
        c.medium = Medium::Ethernet;
        c.max_transmission_unit = 1514;
        c
    }
}

struct Bench {
    net: User<World>,
    world: World,
    card: Card,
    iface: Interface,
    sockets: SocketSet<'static>,
    now: Ns,
    /// Arrival times and frames.
    log: Vec<(u64, Vec<u8>)>,
}

impl Bench {
    fn new(config: Config, world: World) -> Bench {
        let mut card = Card::default();
        let mac = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
        let with = IfaceConfig::new(HardwareAddress::Ethernet(mac));
        let mut iface = Interface::new(with, &mut card, Instant::ZERO);
        iface.update_ip_addrs(|all| {
            all.push(IpCidr::new(IpAddress::v4(10, 0, 2, 15), 24))
                .unwrap();
        });
        let gateway = Ipv4Addr::new(10, 0, 2, 2);
        iface.routes_mut().add_default_ipv4_route(gateway).unwrap();
        Bench {
            net: User::new(config, world.clone()),
            world,
            card,
            iface,
            sockets: SocketSet::new(Vec::new()),
            now: Ns(0),
            log: Vec::new(),
        }
    }

    fn plain() -> Bench {
        Bench::new(Config::default(), World::default())
    }

    /// One step of the guest, then time goes on.
    fn step(&mut self) {
        let at = Instant::from_micros((self.now.0 / 1000) as i64);
        self.iface.poll(at, &mut self.card, &mut self.sockets);
        for frame in self.card.from_guest.drain(..) {
            self.net.send(self.now, &frame);
        }
        self.net.look_outside(self.now);
        let to = self.now + Ns(200_000);
        while let Some(next) = self.net.next().filter(|n| *n <= to) {
            self.now = self.now.max(next);
            if let Some(frame) = self.net.receive(self.now) {
                self.log.push((self.now.0, frame.clone()));
                self.card.to_guest.push_back(frame);
            }
        }
        self.now = to;
    }

    /// Steps until something is so.
    fn until(&mut self, mut what: impl FnMut(&mut Bench) -> bool) {
        for _ in 0..200_000 {
            if what(self) {
                return;
            }
            self.step();
        }
        panic!("it did not happen");
    }

    fn tcp(&mut self, to: SocketAddrV4, from: u16) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 20_000]);
        let mut s = tcp::Socket::new(buffer(), buffer());
        s.connect(self.iface.context(), IpEndpoint::from(to), from)
            .unwrap();
        self.sockets.add(s)
    }

    fn socket(&mut self, h: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(h)
    }
}

fn at(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

#[test]
fn a_lease() {
    let config = Config::new([
        ("hostname", "tinamou"),
        ("domainname", "lan"),
        ("dnssearch", "a.example"),
        ("dnssearch", "b.example"),
    ]);
    let mut b = Bench::new(config.unwrap(), World::default());
    b.iface.update_ip_addrs(|all| all.clear());
    let mut socket = dhcpv4::Socket::new();
    socket.set_outgoing_options(&[]);
    let h = b.sockets.add(socket);
    let mut got = None;
    b.until(|b| {
        if let Some(dhcpv4::Event::Configured(c)) =
            b.sockets.get_mut::<dhcpv4::Socket<'_>>(h).poll()
        {
            got = Some((
                c.address,
                c.router,
                c.dns_servers.to_vec(),
                c.server.address,
            ));
        }
        got.is_some()
    });
    let (address, router, dns, server) = got.unwrap();
    assert_eq!(address.to_string(), "10.0.2.15/24");
    assert_eq!(router, Some(Ipv4Addr::new(10, 0, 2, 2)));
    assert_eq!(dns, [Ipv4Addr::new(10, 0, 2, 3)]);
    assert_eq!(server, Ipv4Addr::new(10, 0, 2, 2));
    let offer = &b.log[0].1;
    for part in [
        &b"\x0c\x07tinamou\x0f\x03lan"[..],
        b"\x77\x16\x01a\x07example\x00\x01b\x07example\x00",
    ] {
        assert!(offer.windows(part.len()).any(|w| w == part));
    }
    // From and to the addresses that QEMU's network uses.
    assert_eq!(
        offer[..12],
        *b"\xff\xff\xff\xff\xff\xff\x52\x55\x0a\x00\x02\x02"
    );
    assert_eq!(offer[26..34], [10, 0, 2, 2, 255, 255, 255, 255]);
    assert_eq!(offer[34..38], [0, 67, 0, 68]);
}

/// A DHCP message with these options.
fn message(mac: u8, kind: u8, options: &[u8]) -> Vec<u8> {
    let mut m = vec![0; 240];
    m[..3].copy_from_slice(&[1, 1, 6]);
    m[28..34].copy_from_slice(&[2, 0, 0, 0, 0, mac]);
    m[236..240].copy_from_slice(&[99, 130, 83, 99]);
    m.extend_from_slice(&[53, 1, kind]);
    m.extend_from_slice(options);
    m.push(255);
    m
}

#[test]
fn many_clients() {
    let (config, mut leases) = (Config::default(), dhcp::Leases::default());
    let given = |m: Option<Vec<u8>>| m.map(|m| (m[242], [m[16], m[17], m[18], m[19]]));
    for n in 0..16 {
        let offer = given(leases.answer(&config, &message(n, 1, &[])));
        assert_eq!(offer, Some((2, [10, 0, 2, 15 + n])));
    }
    assert_eq!(given(leases.answer(&config, &message(99, 1, &[]))), None);
    let wish = [50, 4, 10, 0, 2, 18];
    let ack = given(leases.answer(&config, &message(3, 3, &wish)));
    assert_eq!(ack, Some((5, [10, 0, 2, 18])));
    let nak = given(leases.answer(&config, &message(4, 3, &wish)));
    assert_eq!(nak, Some((6, [0; 4])), "somebody else has it");
    leases.answer(&config, &message(3, 7, &[]));
    let ack = given(leases.answer(&config, &message(99, 3, &wish)));
    assert_eq!(ack, Some((5, [10, 0, 2, 18])), "it was given back");
    let other = [54, 4, 1, 1, 1, 1];
    assert!(leases.answer(&config, &message(99, 3, &other)).is_none());
}

#[test]
fn echo_of_the_gateway() {
    let run = || {
        let mut b = Bench::plain();
        let buffer =
            || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 8], vec![0; 9000]);
        let mut s = icmp::Socket::new(buffer(), buffer());
        s.bind(icmp::Endpoint::Ident(7)).unwrap();
        let h = b.sockets.add(s);
        for (n, to) in [(1, [10, 0, 2, 2]), (2, [10, 0, 2, 3])] {
            let s = b.sockets.get_mut::<icmp::Socket<'_>>(h);
            let ask = Icmpv4Repr::EchoRequest {
                ident: 7,
                seq_no: n,
                data: &[n as u8; 56],
            };
            let to = IpAddress::v4(to[0], to[1], to[2], to[3]);
            let buf = s.send(ask.buffer_len(), to).unwrap();
            ask.emit(&mut Icmpv4Packet::new_unchecked(buf), &Default::default());
            b.until(|b| b.sockets.get_mut::<icmp::Socket<'_>>(h).can_recv());
            let (answer, from) = b.sockets.get_mut::<icmp::Socket<'_>>(h).recv().unwrap();
            assert_eq!((answer[0], from), (0, to));
            assert_eq!(answer[8..], [n as u8; 56]);
        }
        b.log
    };
    // ARP and echo, twice; to the nanosecond the same in every run.
    let log = run();
    assert_eq!(log.len(), 4);
    assert_eq!(log, run());
}

#[test]
fn a_connection_outwards() {
    let mut b = Bench::plain();
    let h = b.tcp(at("10.0.2.2:80"), 1234);
    b.until(|b| b.socket(h).may_send());
    let (to, wire) = b.world.made.borrow()[0].clone();
    assert_eq!(to, at("127.0.0.1:80"), "the gateway is the host's loopback");
    let sent: Vec<u8> = (0..300_000u32).map(|n| (n >> 3) as u8).collect();
    let (mut told, mut heard) = (0, Vec::new());
    wire.0.borrow_mut().to_guest.extend(&sent);
    wire.0.borrow_mut().host_ended = true;
    b.until(|b| {
        let s = b.sockets.get_mut::<tcp::Socket<'_>>(h);
        if told < sent.len() {
            told += s.send_slice(&sent[told..]).unwrap();
            if told == sent.len() {
                s.close();
            }
        }
        while s.can_recv() {
            s.recv(|d| {
                heard.extend_from_slice(d);
                (d.len(), ())
            })
            .unwrap();
        }
        wire.0.borrow().guest_ended && heard.len() == sent.len()
    });
    assert_eq!(heard, sent);
    assert_eq!(wire.0.borrow().to_host, sent);
    b.until(|b| !b.net.tcp.is_busy());
}

#[test]
fn refused_and_forbidden() {
    let world = World {
        refuses: true,
        ..World::default()
    };
    let mut b = Bench::new(Config::default(), world);
    let h = b.tcp(at("1.2.3.4:80"), 1234);
    b.until(|b| b.socket(h).state() == tcp::State::Closed);
    assert!(!b.net.tcp.is_busy());
    assert_eq!(b.world.made.borrow()[0].0, at("1.2.3.4:80"));
    // Restricted: nothing is answered, nothing tried.
    let config = Config::new([("restrict", "on")]).unwrap();
    let mut b = Bench::new(config, World::default());
    let h = b.tcp(at("1.2.3.4:80"), 1234);
    (0..10_000).for_each(|_| b.step());
    assert_eq!(b.socket(h).state(), tcp::State::SynSent);
    assert!(b.world.made.borrow().is_empty());
}

#[test]
fn a_late_answer() {
    let world = World {
        late: true,
        ..World::default()
    };
    let mut b = Bench::new(Config::default(), world);
    let h = b.tcp(at("1.2.3.4:80"), 1234);
    // The guest asks again meanwhile; that makes no second connection.
    (0..20_000).for_each(|_| b.step());
    assert_eq!(b.socket(h).state(), tcp::State::SynSent);
    assert_eq!(b.world.made.borrow().len(), 1);
    b.world.made.borrow()[0].1.0.borrow_mut().pending = false;
    b.until(|b| b.socket(h).may_send());
}

#[test]
fn a_connection_inwards() {
    let config = Config::new([("hostfwd", "tcp::8022-:22")]).unwrap();
    let mut b = Bench::new(config, World::default());
    let buffer = || tcp::SocketBuffer::new(vec![0; 20_000]);
    let mut s = tcp::Socket::new(buffer(), buffer());
    s.listen(22).unwrap();
    let h = b.sockets.add(s);
    let wire = Wire::default();
    wire.0.borrow_mut().to_guest.extend(b"hello");
    let from = at("127.0.0.1:50000");
    b.world.comes.borrow_mut().push((wire.clone(), from));
    b.until(|b| b.socket(h).recv_queue() == 5);
    let s = b.socket(h);
    assert_eq!(
        s.remote_endpoint(),
        Some(IpEndpoint::from(at("10.0.2.2:50000")))
    );
    s.send_slice(b"and you").unwrap();
    s.close();
    b.until(|_| wire.0.borrow().guest_ended);
    assert_eq!(wire.0.borrow().to_host, b"and you");
    // Another machine: the connection is no more.
    b.net.forget();
    assert!(!b.net.tcp.is_busy());
    assert_eq!(b.net.next(), None);
}

#[test]
fn datagrams() {
    let mut b = Bench::plain();
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 8], vec![0; 40_000]);
    let mut s = udp::Socket::new(buffer(), buffer());
    s.bind(4000).unwrap();
    let h = b.sockets.add(s);
    for (to, length) in [
        ("10.0.2.2:7", 100),
        ("10.0.2.3:53", 30),
        ("8.8.8.8:9", 1400),
    ] {
        let data: Vec<u8> = (0..length).map(|n| n as u8).collect();
        let s = b.sockets.get_mut::<udp::Socket<'_>>(h);
        s.send_slice(&data, IpEndpoint::from(at(to))).unwrap();
        b.until(|b| b.sockets.get_mut::<udp::Socket<'_>>(h).can_recv());
        let (got, from) = b.sockets.get_mut::<udp::Socket<'_>>(h).recv().unwrap();
        assert_eq!((got, from.endpoint), (&data[..], IpEndpoint::from(at(to))));
    }
    // In pieces, both ways; the last piece comes first.
    let long = packet::udp_bytes(at("10.0.2.15:9"), at("8.8.8.8:9"), &[7; 4000]);
    let (src, dst) = (Ipv4Addr::new(10, 0, 2, 15), Ipv4Addr::new(8, 8, 8, 8));
    let pieces = packet::ip_packets(src, dst, packet::UDP, 1, &long);
    for ip in pieces.iter().rev() {
        let frame = packet::ethernet(own_mac(dst), [2; 6], packet::ETHER_IPV4, ip);
        b.net.send(b.now, &frame);
    }
    let before = b.log.len();
    b.until(|b| b.log.len() == before + 3);
    let lengths: Vec<usize> = b.log[before..].iter().map(|f| f.1.len()).collect();
    assert_eq!(lengths, [1514, 1514, 4008 - 2 * 1480 + 34]);
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// A SYN from some port to some place.
fn syn(r: &mut Random) -> Vec<u8> {
    let (src, dst) = (
        Ipv4Addr::new(10, 0, 2, 15),
        Ipv4Addr::new(1, 2, 3, r.below(256) as u8),
    );
    let mut t = vec![0; 20];
    t[..2].copy_from_slice(&(r.next() as u16).to_be_bytes());
    t[3] = 80;
    t[12] = 0x50;
    t[13] = [2, 2, 2, 4, 17, 16][r.below(6)];
    t[14] = 0xff;
    let mut pseudo = [&src.octets()[..], &dst.octets(), &[0, 6, 0, 20], &t].concat();
    t[16..18].copy_from_slice(&packet::checksum(&pseudo).to_be_bytes());
    pseudo.clear();
    let ip = &packet::ip_packets(src, dst, packet::TCP, 0, &t)[0];
    packet::ethernet([0x52, 0x55, 10, 0, 2, 2], [2; 6], packet::ETHER_IPV4, ip)
}

#[test]
fn hostile_guests() {
    for seed in 1..=20u64 {
        let mut r = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let config = Config::new([("hostfwd", "tcp::8022-:22")]).unwrap();
        let world = World {
            late: seed % 3 == 0,
            ..World::default()
        };
        let mut net = User::new(config, world);
        let mut now = Ns(0);
        // Frames of good will, to be spoilt.
        let mut good = vec![
            {
                let who = packet::arp(
                    1,
                    ([2; 6], [10, 0, 2, 15].into()),
                    ([0; 6], [10, 0, 2, 2].into()),
                );
                packet::ethernet(packet::BROADCAST, [2; 6], packet::ETHER_ARP, &who)
            },
            {
                let m = packet::udp_bytes(
                    at("0.0.0.0:68"),
                    at("255.255.255.255:67"),
                    &message(1, 1, &[50, 4, 10, 0, 2, 20]),
                );
                let ip = &packet::ip_packets([0; 4].into(), [255; 4].into(), packet::UDP, 1, &m)[0];
                packet::ethernet(packet::BROADCAST, [2; 6], packet::ETHER_IPV4, ip)
            },
        ];
        let big = packet::udp_bytes(at("10.0.2.15:9"), at("8.8.8.8:9"), &[7; 9000]);
        for ip in packet::ip_packets([10, 0, 2, 15].into(), [8; 4].into(), packet::UDP, 1, &big) {
            good.push(packet::ethernet(
                [0x52, 0x55, 10, 0, 2, 2],
                [2; 6],
                packet::ETHER_IPV4,
                &ip,
            ));
        }
        for _ in 0..6000 {
            let mut frame = match r.below(4) {
                0 => (0..r.below(1600)).map(|_| r.next() as u8).collect(),
                1 => syn(&mut r),
                _ => good[r.below(good.len())].clone(),
            };
            for _ in 0..r.below(4) {
                if !frame.is_empty() && r.below(2) == 0 {
                    let at = r.below(frame.len().min(80));
                    frame[at] = r.next() as u8;
                    // The header's sum is put right, so that what is behind it is looked at.
                    if frame.len() > 34 && frame[14] == 0x45 {
                        frame[24..26].fill(0);
                        let sum = packet::checksum(&frame[14..34]).to_be_bytes();
                        frame[24..26].copy_from_slice(&sum);
                    }
                }
            }
            if r.below(8) == 0 {
                frame.truncate(r.below(frame.len() + 1));
            }
            net.send(now, &frame);
            if r.below(3) == 0 {
                now = now + Ns(r.next() % 3_000_000);
                net.look_outside(now);
                while net.next().is_some_and(|at| at <= now) {
                    net.receive(now);
                }
            }
            assert!(net.gate.cable.room() <= 64 && net.gate.neighbours.len() <= NEIGHBOURS);
        }
    }
}
