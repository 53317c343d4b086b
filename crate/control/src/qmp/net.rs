//! Network back ends: what they are is the host's business ([`crate::Host::net_open`]), but for hubs, whose ports are cards of this machine.
//! And links.

use std::fmt;

use serde_json::{Map, Value, json};
use tinamou_core::NetBackend;

use super::done;
use crate::controller::{Controller, MonitorId};
use crate::cx::{Args, Cx};
use crate::driven::Host;
use crate::error::{Class, Error};
use crate::objects::is_id;

/// Most back ends that there can be.
const MOST: usize = 256;
/// The network port of the board's own interface.
const BOARD: u32 = 0;
/// The back end of the board's interface that nobody asked for.
const DEFAULT: &str = "#net0";

/// Options that are true or false.
const TRUTHS: [&str; 6] = [
    "restrict",
    "ipv4",
    "ipv6",
    "server",
    "keep-alive",
    "numeric",
];
/// Options that come as often as wanted.
const LISTS: [&str; 3] = ["hostfwd", "guestfwd", "dnssearch"];

/// A back end.
pub struct Netdev {
    /// Its id.
    pub id: String,
    /// What it was asked for with.
    pub with: Map<String, Value>,
    /// The hub it is a port of.
    pub hub: Option<u32>,
    /// The network port that uses it.
    pub port: Option<u32>,
    /// Itself, while no port uses it.
    idle: Option<Box<dyn NetBackend>>,
}

impl fmt::Debug for Netdev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.id, self.with, self.port)
    }
}

impl Netdev {
    /// Its kind.
    pub fn kind(&self) -> &str {
        self.with["type"].as_str().unwrap_or_default()
    }
}

/// `NAME=VALUE` pairs as the arguments of `netdev_add`; names with dots make objects in objects.
///
/// # Errors
/// QEMU's sentence about a value.
pub fn arguments<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Map<String, Value>, String> {
    let mut out = Map::new();
    for (key, text) in pairs {
        let value = match text {
            _ if key == "hubid" || key == "reconnect" => match text.parse::<u32>() {
                Ok(n) => n.into(),
                Err(_) => return Err(format!("Parameter '{key}' expects a number")),
            },
            "on" | "yes" | "true" | "y" if TRUTHS.contains(&key) => true.into(),
            "off" | "no" | "false" | "n" if TRUTHS.contains(&key) => false.into(),
            _ if TRUTHS.contains(&key) => {
                return Err(format!("Parameter '{key}' expects 'on' or 'off'"));
            }
            text => Value::from(text),
        };
        if LISTS.contains(&key) {
            let list = out.entry(key).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(json!({"str": value}));
            }
            continue;
        }
        match key.split_once('.') {
            None => drop(out.insert(key.into(), value)),
            Some((outer, inner)) => {
                let object = out.entry(outer).or_insert_with(|| json!({}));
                if let Some(object) = object.as_object_mut() {
                    object.insert(inner.into(), value);
                }
            }
        }
    }
    Ok(out)
}

/// The options of a back end as pairs again: truths are `on` and `off`.
pub fn pairs(with: &Map<String, Value>) -> Vec<(&str, &str)> {
    let text = |v: &'_ Value| match v {
        Value::Bool(true) => "on",
        Value::Bool(false) => "off",
        _ => "",
    };
    let mut out = Vec::new();
    for (name, value) in with {
        match value {
            Value::String(s) => out.push((name.as_str(), s.as_str())),
            Value::Array(all) => {
                let strings = all.iter().filter_map(|v| v["str"].as_str());
                out.extend(strings.map(|s| (name.as_str(), s)));
            }
            other => out.push((name.as_str(), text(other))),
        }
    }
    out
}

fn make(ctl: &mut Controller, host: &mut dyn Host, with: &Map<String, Value>) -> Result<(), Error> {
    let text = |name: &str| with.get(name).and_then(Value::as_str).unwrap_or_default();
    let (kind, id) = (text("type"), text("id"));
    if ctl.netdevs.iter().any(|n| n.id == id) {
        return Err(Error::generic(format!("Duplicate ID '{id}'")));
    }
    if kind == "socket" {
        let ways = ["listen", "connect", "mcast", "udp", "fd"];
        if ways.iter().filter(|w| with.contains_key(**w)).count() != 1 {
            return Err(Error::generic(
                "exactly one of listen=, connect=, mcast= or udp= is required",
            ));
        }
    }
    if ctl.netdevs.len() >= MOST {
        return Err(Error::generic(format!(
            "there are {MOST} back ends already"
        )));
    }
    let hub = with.get("hubid").and_then(Value::as_u64);
    let (hub, idle) = match kind {
        "hubport" if with.contains_key("netdev") => {
            return Err(Error::generic("hubs of back ends are not supported"));
        }
        "hubport" => (Some(hub.unwrap_or(0) as u32), None),
        _ => (None, Some(host.net_open(with).map_err(Error::generic)?)),
    };
    ctl.netdevs.push(Netdev {
        id: id.into(),
        with: with.clone(),
        hub,
        port: None,
        idle,
    });
    Ok(())
}

/// `netdev_add`
pub fn add(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    // The command line's own names are no identifiers.
    let own = cx.monitor == MonitorId(usize::MAX) && id.starts_with('#');
    if !is_id(id) && !own {
        return Err(Error::generic("Parameter 'id' expects an identifier"));
    }
    make(cx.ctl, cx.host, args.0)?;
    done()
}

/// `netdev_del`
pub fn del(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    let Some(at) = cx.ctl.netdevs.iter().position(|n| n.id == id) else {
        return Err(Error::no_device(id));
    };
    cx.ctl.detach(cx.host, at);
    cx.ctl.netdevs.remove(at);
    done()
}

/// `set_link`
pub fn set_link(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let (name, up) = (args.text("name"), args.bool("up") == Some(true));
    let mut ports: Vec<u32> = cx
        .ctl
        .netdevs
        .iter()
        .filter(|n| n.id == name)
        .filter_map(|n| n.port)
        .collect();
    let there = cx.ctl.netdevs.iter().any(|n| n.id == name);
    let cards = nics(cx);
    ports.extend(cards.iter().filter(|c| c.0 == name).map(|c| c.1));
    if ports.is_empty() && !there {
        return Err(Error {
            class: Class::DeviceNotFound,
            desc: format!("Device '{name}' not found"),
        });
    }
    for port in ports {
        cx.machine()?.set_link(port, up);
    }
    done()
}

/// The cards: name, port, model and address.
fn nics(cx: &mut Cx<'_>) -> Vec<(String, u32, String, [u8; 6])> {
    let mut all = Vec::new();
    let Some(machine) = cx.host.machine() else {
        return all;
    };
    let config = machine.board_config();
    let mut own = machine.board().devices.iter();
    let own = own.find(|d| d.nets.contains(&BOARD) && (d.present)(&config));
    let mut made: Vec<(Option<String>, u32, String, [u8; 6])> = Vec::new();
    made.extend(own.map(|d| {
        let model = match d.name {
            "virtio-net" => "virtio-net-pci",
            other => other,
        };
        (None, BOARD, model.to_owned(), config.mac)
    }));
    for c in &cx.ctl.cards {
        if let Some((port, mac)) = c.nic {
            made.push((c.id.clone(), port, c.driver.to_owned(), mac));
        }
    }
    for (id, port, model, mac) in made {
        let same = all
            .iter()
            .filter(|a: &&(String, u32, String, _)| a.2 == model);
        let name = id.unwrap_or_else(|| format!("{model}.{}", same.count()));
        all.push((name, port, model, mac));
    }
    all
}

/// `info network`, as QEMU shows it.
pub(crate) fn info(cx: &mut Cx<'_>) -> String {
    let mut out = String::new();
    let one = |n: &Netdev| {
        let what = match n.kind() {
            "user" => {
                let of = |name: &str| n.with.get(name).and_then(Value::as_str);
                let net = of("net").map_or("10.0.2.0", |t| t.split('/').next().unwrap_or(t));
                let restrict = n.with.get("restrict") == Some(&json!(true));
                let restrict = if restrict { "on" } else { "off" };
                format!("net={net},restrict={restrict}")
            }
            "hubport" => format!("hub={}", n.hub.unwrap_or(0)),
            _ => String::new(),
        };
        format!("{}: index=0,type={},{what}\n", n.id, n.kind())
    };
    let cards = nics(cx);
    for n in cx.ctl.netdevs.iter().filter(|n| n.port.is_none()) {
        out += &one(n);
    }
    for (name, port, model, mac) in cards {
        let mac = mac.map(|b| format!("{b:02x}")).join(":");
        out += &format!("{name}: index=0,type=nic,model={model},macaddr={mac}\n");
        for n in cx.ctl.netdevs.iter().filter(|n| n.port == Some(port)) {
            out += &format!(" \\ {}", one(n));
        }
    }
    out
}

impl Controller {
    /// Connects a back end to a port.
    pub(crate) fn attach(&mut self, host: &mut dyn Host, id: &str, port: u32) {
        let found = self.netdevs.iter_mut().find(|n| n.id == id);
        if let (Some(n), Some(machine)) = (found, host.machine()) {
            n.port = Some(port);
            match n.hub {
                Some(hub) => machine.connect(port, Some(hub)),
                None => drop(machine.set_net(port, n.idle.take())),
            }
        }
    }

    /// Takes a back end from its port.
    pub(crate) fn detach(&mut self, host: &mut dyn Host, at: usize) {
        let Some(n) = self.netdevs.get_mut(at) else {
            return;
        };
        let port = n.port.take();
        if let (Some(port), Some(machine)) = (port, host.machine()) {
            match n.hub {
                Some(_) => machine.connect(port, None),
                None => n.idle = machine.set_net(port, None),
            }
        }
    }

    /// Takes back what the machine uses.
    pub(crate) fn detach_all(&mut self, host: &mut dyn Host) {
        for at in 0..self.netdevs.len() {
            self.detach(host, at);
        }
    }

    /// Connects the board's own interface as the option `net` has it; without it to a network of its own, where the host has such.
    pub(crate) fn attach_board(&mut self, host: &mut dyn Host) -> Result<(), String> {
        let wanted = self.setup.text("net").map(str::to_owned);
        let there = self.setup.get("nic") != Some(&json!(false));
        match wanted {
            _ if !there => {}
            Some(none) if none == "none" => {}
            Some(id) => {
                if !self.netdevs.iter().any(|n| n.id == id) {
                    return Err(format!("netdev '{id}' not found"));
                }
                self.attach(host, &id, BOARD);
            }
            None => {
                let known = self.netdevs.iter().any(|n| n.id == DEFAULT);
                if !known {
                    let with = Map::from_iter([
                        ("type".into(), json!("user")),
                        ("id".into(), json!(DEFAULT)),
                    ]);
                    let Ok(idle) = host.net_open(&with) else {
                        return Ok(());
                    };
                    self.netdevs.push(Netdev {
                        id: DEFAULT.into(),
                        with,
                        hub: None,
                        port: None,
                        idle: Some(idle),
                    });
                }
                self.attach(host, DEFAULT, BOARD);
            }
        }
        Ok(())
    }
}
