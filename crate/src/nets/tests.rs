//! Two back ends that hear each other, and sockets of this host.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use serde_json::{Value, json};
use tinamou_core::{NetBackend, Ns};
use tinamou_net::user::Config;
use tinamou_net::{Outside, Progress, Received, Stream};

use super::world::World;
use super::{Nets, Set};

fn open(nets: &Nets, with: Value) -> Result<Box<dyn NetBackend>, String> {
    nets.open(with.as_object().unwrap(), 0)
}

/// Waits for descriptors until something is there.
fn until<T>(nets: &Nets, mut what: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = what() {
            return found;
        }
        let mut set = Set::default();
        assert!(nets.watch(&mut set));
        set.wait(None);
    }
}

/// Frames of several sizes, both ways.
fn talk(nets: &Nets, a: &mut dyn NetBackend, b: &mut dyn NetBackend, hello: &[u8]) {
    let late = Ns(Ns::SECOND.0 * 1000);
    // The first may be lost while the connection is on its way.
    until(nets, || {
        a.look_outside(Ns(0));
        b.look_outside(Ns(0));
        a.send(Ns(0), hello);
        // What came before, from another, is of no interest.
        std::iter::from_fn(|| b.receive(late)).find(|f| f == hello)
    });
    for n in [60, 1514, 1, 9000] {
        let frame = vec![n as u8; n];
        b.send(Ns(0), &frame);
        let got = until(nets, || {
            a.look_outside(Ns(0));
            a.receive(late)
        });
        assert_eq!(got, frame);
    }
}

#[test]
fn sockets() {
    let nets = Nets::default();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    let taken = open(&nets, json!({"type": "socket", "listen": at.to_string()}));
    assert!(taken.is_err_and(|e| e.starts_with("can't bind ip=127.0.0.1 to socket: ")));
    drop(free);
    let listen = json!({"type": "socket", "listen": at.to_string()});
    let connect = json!({"type": "socket", "connect": at.to_string()});
    let mut b = open(&nets, listen).unwrap();
    let mut a = open(&nets, connect).unwrap();
    talk(&nets, &mut *a, &mut *b, b"first");
    // One that goes makes room for another.
    drop(a);
    let address = json!({"type": "inet", "host": "127.0.0.1", "port": at.port().to_string()});
    let mut a = open(&nets, json!({"type": "stream", "addr": address})).unwrap();
    talk(&nets, &mut *a, &mut *b, b"second");
    for (with, why) in [
        (
            json!({"type": "socket", "connect": "foo"}),
            "host address 'foo' doesn't contain ':' separating host from port",
        ),
        (
            json!({"type": "socket", "listen": "127.0.0.1:x"}),
            "port number 'x' is invalid",
        ),
        (json!({"type": "dgram"}), "dgram requires local= parameter"),
        (
            json!({"type": "tap"}),
            "network backend 'tap' is not supported",
        ),
    ] {
        assert_eq!(open(&nets, with).err().as_deref(), Some(why));
    }
}

#[test]
fn garbage() {
    let nets = Nets::default();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = free.local_addr().unwrap();
    drop(free);
    let listen = json!({"type": "socket", "listen": at.to_string()});
    let mut net = open(&nets, listen).unwrap();
    let mut peer = TcpStream::connect(at).unwrap();
    peer.write_all(&[0xff; 100]).unwrap();
    let mut end = [0];
    peer.set_nonblocking(true).unwrap();
    until(&nets, || {
        net.look_outside(Ns(0));
        match peer.read(&mut end) {
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => None,
            // It hung up, with a reset where it left something unread.
            _ => Some(()),
        }
    });
    assert!(net.receive(Ns(u64::MAX)).is_none());
}

#[test]
fn datagrams() {
    let nets = Nets::default();
    let ends = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [x, y] = ends.map(|s| s.local_addr().unwrap().to_string());
    let mut a = open(&nets, json!({"type": "socket", "udp": x, "localaddr": y})).unwrap();
    let mut b = open(&nets, json!({"type": "socket", "udp": y, "localaddr": x})).unwrap();
    talk(&nets, &mut *a, &mut *b, b"hello");
}

#[test]
fn the_world() {
    let nets = Nets::default();
    let v4 = |a: SocketAddr| match a {
        SocketAddr::V4(a) => a,
        SocketAddr::V6(_) => unreachable!("an IPv4 socket"),
    };
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = v4(server.local_addr().unwrap());
    let rules = [format!("tcp:127.0.0.1:{}-:22", at.port())];
    let config = |rule: &str| Config::new([("hostfwd", rule)]).unwrap();
    let taken = World::new(
        nets.clone(),
        &config(&rules[0]),
        rules.iter().map(String::as_str),
    );
    let why = format!("Could not set up host forwarding rule '{}'", rules[0]);
    assert_eq!(taken.err(), Some(why));
    let rule = "tcp:127.0.0.1:0-:22";
    let mut world = World::new(nets.clone(), &config(rule), [rule].into_iter()).unwrap();
    // Outwards.
    let mut stream = world.connect(at).unwrap();
    let open = |s: &mut dyn Stream, nets: &Nets| {
        until(nets, || match s.progress() {
            Progress::Connecting => None,
            other => Some(other),
        })
    };
    assert_eq!(open(&mut *stream, &nets), Progress::Open);
    let (mut peer, _) = server.accept().unwrap();
    assert_eq!(stream.write(b"hello"), Some(5));
    stream.shut_down();
    let mut said = String::new();
    peer.read_to_string(&mut said).unwrap();
    assert_eq!(said, "hello");
    let mut buf = [0; 10];
    assert_eq!(stream.read(&mut buf), Received::Nothing);
    peer.write_all(b"and you").unwrap();
    stream.wants(true, false);
    let got = until(&nets, || match stream.read(&mut buf) {
        Received::Nothing => None,
        other => Some(other),
    });
    assert_eq!(got, Received::Bytes(7));
    drop((peer, server));
    let end = until(&nets, || match stream.read(&mut buf) {
        Received::Nothing => None,
        other => Some(other),
    });
    assert_eq!(end, Received::End);
    // Nobody listens there any more.
    let refused = world.connect(at);
    let failed = refused.map(|mut s| open(&mut *s, &nets));
    assert!(matches!(failed, None | Some(Progress::Failed)));
    // Datagrams, to ourselves and back.
    let echo = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut socket = world.datagrams().unwrap();
    socket.send(v4(echo.local_addr().unwrap()), b"ping");
    let (n, asker) = echo.recv_from(&mut buf).unwrap();
    echo.send_to(&buf[..n], asker).unwrap();
    let (n, from_echo) = until(&nets, || socket.receive(&mut buf));
    assert_eq!(
        (&buf[..n], from_echo),
        (&b"ping"[..], v4(echo.local_addr().unwrap()))
    );
    assert_eq!(world.accept(0).map(|_| ()), None);
}
