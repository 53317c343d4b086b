//! UDP outwards: a socket for each of the guest's ports, and one for each forwarding rule.

use std::net::SocketAddrV4;

use tinamou_core::Ns;

use super::{Config, Gate, inward};
use crate::outside::{Datagrams, Outside};

/// Most of the guest's ports at a time; the one that was silent longest gives way.
const MOST: usize = 128;
/// Datagrams read from a socket at a time.
const AT_ONCE: usize = 32;
/// A port that was silent so long is forgotten.
const SILENT: Ns = Ns(240_000_000_000);

struct Flow {
    guest: SocketAddrV4,
    socket: Box<dyn Datagrams>,
    used: Ns,
    /// It belongs to a rule and stays.
    rule: bool,
}

/// The sockets.
#[derive(Default)]
pub struct Flows {
    all: Vec<Flow>,
    opened: bool,
}

impl Flows {
    /// Takes the rules' sockets.
    pub fn open(&mut self, config: &Config, outside: &mut impl Outside, now: Ns) {
        if std::mem::replace(&mut self.opened, true) {
            return;
        }
        for (n, rule) in config.forwards.iter().enumerate().filter(|r| r.1.udp) {
            self.all.extend(outside.forwarded(n).map(|socket| Flow {
                guest: rule.guest,
                socket,
                used: now,
                rule: true,
            }));
        }
    }

    fn flow(&mut self, now: Ns, guest: SocketAddrV4) -> Option<&mut Flow> {
        let found = self.all.iter_mut().find(|f| f.guest == guest)?;
        found.used = now;
        Some(found)
    }

    /// A datagram of the guest's.
    pub fn send(
        &mut self,
        now: Ns,
        outside: &mut impl Outside,
        guest: SocketAddrV4,
        to: SocketAddrV4,
        data: &[u8],
    ) {
        if self.flow(now, guest).is_none() {
            self.all.retain(|f| f.rule || f.used + SILENT > now);
            let own = self.all.iter().enumerate().filter(|f| !f.1.rule);
            if own.clone().count() >= MOST
                && let Some((oldest, _)) = own.min_by_key(|f| f.1.used)
            {
                self.all.remove(oldest);
            }
            self.all.extend(outside.datagrams().map(|socket| Flow {
                guest,
                socket,
                used: now,
                rule: false,
            }));
        }
        self.answer(now, guest, to, data);
    }

    /// The same, by a socket that is there.
    pub fn answer(&mut self, now: Ns, guest: SocketAddrV4, to: SocketAddrV4, data: &[u8]) {
        if let Some(flow) = self.flow(now, guest) {
            flow.socket.send(to, data);
        }
    }

    /// What came from outside goes to the guest.
    pub fn receive(&mut self, now: Ns, config: &Config, outside: &impl Outside, gate: &mut Gate) {
        if self.all.is_empty() {
            return;
        }
        let mut buf = vec![0; 65_536];
        for flow in &mut self.all {
            for _ in 0..AT_ONCE {
                if gate.cable.room() == 0 {
                    return;
                }
                let Some((n, from)) = flow.socket.receive(&mut buf) else {
                    break;
                };
                flow.used = now;
                let from = inward(config, outside, from);
                gate.udp(now, from, flow.guest, &buf[..n.min(65_507)]);
            }
        }
    }

    /// Sockets of the guest's own go.
    pub fn forget(&mut self) {
        self.all.retain(|f| f.rule);
        for flow in &mut self.all {
            flow.used = Ns(0);
        }
    }
}
