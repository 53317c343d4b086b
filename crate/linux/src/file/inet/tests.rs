//! The loopback: callers, ports, datagrams, both versions.

use super::*;
use crate::errno::EPIPE;

fn v4(ip: [u8; 4], port: u16) -> Vec<u8> {
    let mut all = Address::ANY4;
    all[12..].copy_from_slice(&ip);
    Address { ip: all, port }.write(AF_INET)
}

fn v6(ip: u8, port: u16) -> Vec<u8> {
    let mut all = Address::ANY;
    all[15] = ip;
    Address { ip: all, port }.write(AF_INET6)
}

const LOCAL: [u8; 4] = [127, 0, 0, 1];

struct Net(Wakes, Rc<Ports>);

impl Net {
    fn make(&self, domain: u32, kind: u32) -> Rc<Inet> {
        Inet::new(&self.0, &self.1, domain, kind, 0).unwrap()
    }
}

fn net() -> Net {
    Net(Wakes::default(), Rc::default())
}

fn send(s: &dyn Socket, text: &str, to: Option<Vec<u8>>) -> Res<usize> {
    s.send(Message {
        data: text.as_bytes(),
        to: to.map(Target::Address),
        files: Vec::new(),
        creds: (0, 0, 0),
    })
}

fn hear(s: &dyn Socket) -> Res<(String, Vec<u8>)> {
    let mut buf = [0; 100];
    let r = s.receive(&mut buf, false)?;
    let text = String::from_utf8_lossy(&buf[..r.bytes]).into_owned();
    Ok((text, r.from))
}

fn port(b: &[u8]) -> u16 {
    u16::from_be_bytes([b[2], b[3]])
}

#[test]
fn a_caller_and_who_listens_talk() {
    let n = net();
    let l = n.make(AF_INET, kind::STREAM);
    assert_eq!(Socket::name(&*l), v4([0; 4], 0));
    l.bind(&v4(LOCAL, 0)).unwrap();
    l.listen(5).unwrap();
    let at = Socket::name(&*l);
    assert!(port(&at) >= FIRST_FREE);
    assert_eq!(l.accept().err(), Some(EAGAIN));
    let c = n.make(AF_INET, kind::STREAM);
    assert_eq!(send(&*c, "x", None), Err(ENOTCONN));
    c.connect(Target::Address(at.clone())).unwrap();
    assert_eq!(c.connect(Target::Address(at.clone())), Err(EISCONN));
    let s = l.accept().unwrap();
    let s = s.socket().unwrap();
    assert_eq!(s.name(), at);
    assert_eq!(s.peer().unwrap(), Socket::name(&*c));
    assert_eq!(c.peer().unwrap(), at);
    send(&*c, "there", None).unwrap();
    c.shutdown(1).unwrap();
    assert_eq!(hear(s).unwrap(), ("there".into(), vec![]));
    assert_eq!(hear(s).unwrap().0, "");
    send(s, "and back", None).unwrap();
    assert_eq!(hear(&*c).unwrap().0, "and back");
    drop(c);
    assert_eq!(send(s, "late", None), Err(EPIPE));
}

#[test]
fn ports_are_taken_and_given_back() {
    let n = net();
    let a = n.make(AF_INET, kind::STREAM);
    a.bind(&v4(LOCAL, 80)).unwrap();
    assert_eq!(a.bind(&v4(LOCAL, 81)), Err(EINVAL));
    let b = n.make(AF_INET, kind::STREAM);
    assert_eq!(b.bind(&v4([0; 4], 80)), Err(EADDRINUSE));
    assert_eq!(b.bind(&v4([10, 0, 0, 1], 80)), Err(EADDRNOTAVAIL));
    // Nobody listens yet.
    let at = || Target::Address(v4(LOCAL, 80));
    assert_eq!(b.connect(at()), Err(ECONNREFUSED));
    let far = Target::Address(v4([192, 0, 2, 1], 80));
    assert_eq!(b.connect(far), Err(ENETUNREACH));
    n.make(AF_INET, kind::DGRAM).bind(&v4(LOCAL, 80)).unwrap();
    drop(a);
    let c = n.make(AF_INET, kind::STREAM);
    c.bind(&v4([0; 4], 80)).unwrap();
    c.listen(1).unwrap();
    b.connect(at()).unwrap();
    let s = c.accept().unwrap();
    assert_eq!(s.socket().unwrap().name(), v4(LOCAL, 80));
    // As servers do it that begin again while a caller is there.
    drop(c);
    let d = n.make(AF_INET, kind::STREAM);
    d.set_option(1, 2, &[1, 0, 0, 0]).unwrap();
    d.bind(&v4([0; 4], 80)).unwrap();
}

#[test]
fn datagrams_know_their_sender() {
    let n = net();
    let (a, b) = (n.make(AF_INET, kind::DGRAM), n.make(AF_INET, kind::DGRAM));
    a.bind(&v4([0; 4], 53)).unwrap();
    assert_eq!(send(&*b, "x", None), Err(EDESTADDRREQ));
    send(&*b, "nobody", Some(v4(LOCAL, 54))).unwrap();
    send(&*b, "one", Some(v4(LOCAL, 53))).unwrap();
    b.connect(Target::Address(v4(LOCAL, 53))).unwrap();
    send(&*b, "two", None).unwrap();
    let (text, from) = hear(&*a).unwrap();
    assert_eq!(
        (text.as_str(), &from[..]),
        ("one", &v4(LOCAL, port(&from))[..])
    );
    send(&*a, "back", Some(from.clone())).unwrap();
    assert_eq!(hear(&*b).unwrap(), ("back".into(), v4(LOCAL, 53)));
    assert_eq!(hear(&*a).unwrap(), ("two".into(), from));
    assert_eq!(hear(&*a), Err(EAGAIN));
    // It parts from whom it was connected to.
    b.connect(Target::Address(vec![0; 16])).unwrap();
    assert_eq!(send(&*b, "x", None), Err(EDESTADDRREQ));
}

#[test]
fn both_versions() {
    let n = net();
    let l = n.make(AF_INET6, kind::STREAM);
    l.bind(&v6(0, 80)).unwrap();
    l.listen(5).unwrap();
    let four = n.make(AF_INET, kind::STREAM);
    four.connect(Target::Address(v4(LOCAL, 80))).unwrap();
    let six = n.make(AF_INET6, kind::STREAM);
    six.connect(Target::Address(v6(1, 80))).unwrap();
    let s = l.accept().unwrap();
    let name = s.socket().unwrap().name();
    assert_eq!(
        name[8..24],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1]
    );
    let s = l.accept().unwrap();
    assert_eq!(s.socket().unwrap().name(), v6(1, 80));
    assert_eq!(s.socket().unwrap().peer().unwrap(), Socket::name(&*six));
    // For IPv6 alone.
    let (a, b) = (n.make(AF_INET6, kind::DGRAM), n.make(AF_INET, kind::DGRAM));
    a.set_option(41, 26, &[1, 0, 0, 0]).unwrap();
    a.bind(&v6(0, 9)).unwrap();
    b.bind(&v4([0; 4], 9)).unwrap();
    send(&*b, "four", Some(v4(LOCAL, 9))).unwrap();
    assert_eq!(hear(&*b).unwrap().0, "four");
    assert_eq!(hear(&*a), Err(EAGAIN));
}

#[test]
fn broken_addresses_are_refused() {
    let n = net();
    for domain in [AF_INET, AF_INET6] {
        for kind in [kind::STREAM, kind::DGRAM] {
            let s = n.make(domain, kind);
            for len in 0..28 {
                for family in [0, 1, 2, 10, 77] {
                    let mut b = vec![0; len];
                    b.iter_mut().take(1).for_each(|b| *b = family);
                    let _ = n.make(domain, kind).bind(&b);
                    let _ = s.connect(Target::Address(b.clone()));
                    let _ = send(&*s, "x", Some(b));
                }
            }
        }
    }
    assert_eq!(Inet::new(&n.0, &n.1, 16, 3, 0).err(), Some(EAFNOSUPPORT));
    assert_eq!(
        Inet::new(&n.0, &n.1, AF_INET, 3, 1).err(),
        Some(ESOCKTNOSUPPORT)
    );
    assert_eq!(
        Inet::new(&n.0, &n.1, AF_INET, 2, 1).err(),
        Some(EPROTONOSUPPORT)
    );
}
