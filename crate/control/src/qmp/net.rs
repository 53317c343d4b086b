//! Network back ends. Hub ports exist: cards on one hub hear each other. A network beyond the machine does not exist yet, and its kinds are
//! refused with a sentence.

use serde_json::Value;

use super::done;
use crate::cx::{Args, Cx};
use crate::error::Error;
use crate::objects::is_id;

/// Most back ends that there can be.
const MOST: usize = 256;

/// A back end.
#[derive(Clone, Debug)]
pub struct Netdev {
    /// Its id.
    pub id: String,
    /// The hub it is a port of.
    pub hub: u32,
    /// The network port that uses it.
    pub port: Option<u32>,
}

/// `netdev_add`
pub fn add(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let (kind, id) = (args.text("type"), args.text("id"));
    if !is_id(id) {
        return Err(Error::generic("Parameter 'id' expects an identifier"));
    }
    if cx.ctl.netdevs.iter().any(|n| n.id == id) {
        return Err(Error::generic(format!("Duplicate ID '{id}'")));
    }
    if kind == "socket" {
        let ways = ["listen", "connect", "mcast", "udp", "fd"];
        if ways.iter().filter(|w| args.get(w).is_some()).count() != 1 {
            return Err(Error::generic(
                "exactly one of listen=, connect=, mcast= or udp= is required",
            ));
        }
    }
    if kind != "hubport" {
        return Err(Error::generic(format!(
            "network backend '{kind}' is not supported: only hubs inside the machine are (hubport)"
        )));
    }
    if cx.ctl.netdevs.len() >= MOST {
        return Err(Error::generic(format!(
            "there are {MOST} back ends already"
        )));
    }
    let hub = args.u64("hubid").unwrap_or(0) as u32;
    cx.ctl.netdevs.push(Netdev {
        id: id.into(),
        hub,
        port: None,
    });
    done()
}

/// `netdev_del`
pub fn del(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    let Some(at) = cx.ctl.netdevs.iter().position(|n| n.id == id) else {
        return Err(Error::no_device(id));
    };
    let gone = cx.ctl.netdevs.remove(at);
    if let (Some(port), Some(machine)) = (gone.port, cx.host.machine()) {
        machine.connect(port, None);
    }
    done()
}
