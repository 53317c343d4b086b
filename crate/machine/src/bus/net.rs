//! Network ports: what each one's cable leads to, and when the next frame comes by it.
//!
//! Back ends are the host's: of them nothing is saved, and a loaded machine's connections are void.

use tinamou_core::{Input, NetBackend, Ns};

use super::Bus;

/// What a port's cable leads to.
#[derive(Default)]
pub(super) struct Net {
    backend: Option<Box<dyn NetBackend>>,
    /// When it is to be asked for a frame.
    pub(super) next: Option<Ns>,
    /// The link was taken down from outside.
    down: bool,
}

impl Bus {
    /// Connects a network port, or leaves it without a cable; what was there before.
    pub fn set_net(
        &mut self,
        port: u32,
        net: Option<Box<dyn NetBackend>>,
    ) -> Option<Box<dyn NetBackend>> {
        let n = self.nets.get_mut(port as usize)?;
        n.next = net.as_ref().and_then(|n| n.next());
        self.attention = true;
        std::mem::replace(&mut n.backend, net)
    }

    /// Takes a port's link down, or up again: frames are lost meanwhile.
    pub fn set_link(&mut self, port: u32, up: bool) {
        if let Some(n) = self.nets.get_mut(port as usize) {
            n.down = !up;
        }
    }

    /// A frame from the network.
    pub fn net_input(&mut self, port: u32, frame: &[u8]) {
        if self.nets.get(port as usize).is_some_and(|n| n.down) {
            return;
        }
        for i in 0..self.devs.len() {
            if self.board.devices[i].nets.contains(&port) {
                let frame = frame.to_vec();
                self.with_dev(i, |d, cx| d.input(cx, Input::Net { port, frame }));
            }
        }
    }

    /// A card sends a frame.
    pub(super) fn net_output(&mut self, port: u32, frame: &[u8]) {
        let Some(n) = self.nets.get_mut(port as usize).filter(|n| !n.down) else {
            return;
        };
        if let Some(b) = &mut n.backend {
            b.send(self.now, frame);
            n.next = b.next();
            self.attention = true;
        }
        self.hub_frame(port, frame);
    }

    /// A port's time has come.
    pub(super) fn net_due(&mut self, port: usize, at: Ns) {
        let n = &mut self.nets[port];
        let Some(b) = &mut n.backend else {
            n.next = None;
            return;
        };
        let frame = b.receive(at);
        // Without a frame time goes on, whatever the back end says.
        let least = at + Ns(1000 * u64::from(frame.is_none()));
        n.next = b.next().map(|next| next.max(least));
        if let Some(frame) = frame {
            self.net_input(port as u32, &frame);
        }
    }

    /// Networks look at the world outside. The host calls this between slices, when there may be news.
    pub fn look_outside(&mut self) {
        for n in &mut self.nets {
            if let Some(b) = &mut n.backend {
                b.look_outside(self.now);
                n.next = b.next();
                self.attention = true;
            }
        }
    }

    /// The machine is another one now.
    pub(super) fn forget_nets(&mut self) {
        for n in &mut self.nets {
            n.next = None;
            if let Some(b) = &mut n.backend {
                b.forget();
            }
        }
    }
}
