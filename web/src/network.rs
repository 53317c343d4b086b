//! The machine's own network, which has no way out here. It is made when the guest sends its first frame: until then a page needs nothing of it.

use serde_json::{Map, Value};
use tinamou_control::net;
use tinamou_core::{NetBackend, Ns};
use tinamou_net::Nowhere;
use tinamou_net::user::{Config, User};

/// The network, once it is there.
type Made = Box<dyn NetBackend>;

/// A network that answers, but leads nowhere.
struct Own {
    with: Map<String, Value>,
    made: Option<Made>,
}

/// Makes it.
///
/// # Errors
/// A sentence for the user.
#[inline(never)]
fn make(with: &Map<String, Value>) -> Result<Made, String> {
    let words = net::pairs(with);
    let config = Config::new(words.iter().copied())?;
    if !config.forwards.is_empty() {
        return Err("a page has no ports to forward (hostfwd)".into());
    }
    Ok(Box::new(User::new(config, Nowhere)))
}

/// The arguments of `netdev_add` as a network.
///
/// # Errors
/// A sentence for the user.
pub fn open(with: &Map<String, Value>) -> Result<Made, String> {
    let kind = with["type"].as_str().unwrap_or_default();
    if kind != "user" {
        return Err(format!(
            "network backend '{kind}' is not supported in a page"
        ));
    }
    // One without options cannot be wrong.
    let made = match with.len() {
        0..=2 => None,
        _ => Some(make(with)?),
    };
    Ok(Box::new(Own {
        with: with.clone(),
        made,
    }))
}

impl NetBackend for Own {
    fn send(&mut self, now: Ns, frame: &[u8]) {
        if self.made.is_none() {
            self.made = make(&self.with).ok();
        }
        if let Some(made) = &mut self.made {
            made.send(now, frame);
        }
    }

    fn receive(&mut self, now: Ns) -> Option<Vec<u8>> {
        self.made.as_mut()?.receive(now)
    }

    fn next(&self) -> Option<Ns> {
        self.made.as_ref()?.next()
    }

    fn look_outside(&mut self, now: Ns) {
        if let Some(made) = &mut self.made {
            made.look_outside(now);
        }
    }

    fn forget(&mut self) {
        if let Some(made) = &mut self.made {
            made.forget();
        }
    }
}
