//! UDP outwards: a socket for each of the guest's ports, and one for each forwarding rule.

use std::net::SocketAddrV4;

use tinamou_core::Ns;

use super::{Config, Forward, Gate, inward};
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
pub struct Flows(Vec<Flow>);

impl Flows {
    /// None but those of the rules.
    pub fn new(config: &Config, outside: &mut impl Outside) -> Flows {
        let rules = config.forwards.iter().enumerate().filter(|r| r.1.udp);
        let flow = |(n, rule): (usize, &Forward)| {
            Some(Flow {
                guest: rule.guest,
                socket: outside.forwarded(n)?,
                used: Ns(0),
                rule: true,
            })
        };
        Flows(rules.filter_map(flow).collect())
    }

    fn flow(&mut self, now: Ns, guest: SocketAddrV4) -> Option<&mut Flow> {
        let found = self.0.iter_mut().find(|f| f.guest == guest)?;
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
            self.0.retain(|f| f.rule || f.used + SILENT > now);
            let own = self.0.iter().enumerate().filter(|f| !f.1.rule);
            if own.clone().count() >= MOST
                && let Some((oldest, _)) = own.min_by_key(|f| f.1.used)
            {
                self.0.remove(oldest);
            }
            self.0.extend(outside.datagrams().map(|socket| Flow {
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
        if self.0.is_empty() {
            return;
        }
        let mut buf = vec![0; 65_536];
        for flow in &mut self.0 {
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
        self.0.retain(|f| f.rule);
        for flow in &mut self.0 {
            flow.used = Ns(0);
        }
    }
}
