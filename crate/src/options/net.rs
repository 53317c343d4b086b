//! `-netdev`, `-nic` and `-net`: network back ends, and which of them the board's interface uses.

use serde_json::{Map, Value};
use tinamou_control::net;
use tinamou_machine::Arch;
use tinamou_machine::boards::pc::Nic;

use super::keyval::{self, Pair};
use super::qom::Early;
use super::{Options, Stop};

/// The board's interface.
#[derive(Clone, Debug)]
pub struct Board {
    /// It is there.
    pub there: bool,
    /// Its address, if another is wanted.
    pub mac: Option<[u8; 6]>,
    /// What it is on a PC.
    pub nic: Nic,
    /// The id of the back end it uses, or `none`.
    pub net: Option<String>,
    /// An option spoke of it.
    given: bool,
    /// Back ends for cards were made: without a word about it there is none on the board, as with QEMU.
    others: bool,
    /// `-net` made the back end.
    by_net: Option<String>,
}

impl Default for Board {
    fn default() -> Board {
        Board {
            there: true,
            mac: None,
            nic: Nic::default(),
            net: None,
            given: false,
            others: false,
            by_net: None,
        }
    }
}

impl Board {
    /// What the whole command line comes to.
    pub(super) fn settle(&mut self, no_defaults: bool) {
        if !self.given && self.by_net.is_none() && (self.others || no_defaults) {
            self.there = false;
        }
    }
}

/// Models of a PC's interface, by QEMU's names.
const MODELS: [(&str, Nic); 7] = [
    ("e1000", Nic::E1000),
    ("ne2k_isa", Nic::Ne2000Isa),
    ("ne2k_pci", Nic::Ne2000Pci),
    ("pcnet", Nic::Pcnet),
    ("rtl8139", Nic::Rtl8139),
    ("virtio-net-pci", Nic::Virtio),
    ("virtio", Nic::Virtio),
];
/// Of them the one that is no card.
const ON_BOARD: &str = "ne2k_isa";

fn value<'a>(pairs: &'a [Pair], name: &str) -> Option<&'a str> {
    let found = pairs.iter().rfind(|p| p.key == name);
    found.map(|p| p.value.as_str())
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let mut out = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut out {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// Arguments of `netdev_add`, from an option.
fn arguments(pairs: &[Pair]) -> Result<Map<String, Value>, String> {
    net::arguments(pairs.iter().map(|p| (p.key.as_str(), p.value.as_str())))
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// `-netdev`.
///
/// # Errors
/// A sentence for the user.
pub(super) fn netdev(options: &mut Options, text: &str) -> Result<(), String> {
    let args = if is_json(text) {
        super::qom::arguments(text, "type")?
    } else {
        let pairs = keyval::parse(text, Some("type"))?;
        arguments(&pairs)?
    };
    if !args.contains_key("id") {
        return Err("Parameter 'id' is missing".into());
    }
    push(options, "-netdev", text, args);
    options.board_net.others = true;
    Ok(())
}

fn push(options: &mut Options, option: &str, text: &str, args: Map<String, Value>) {
    options.early.push(Early {
        command: "netdev_add",
        args,
        option: format!("{option} {text}"),
    });
}

/// Back ends so far.
fn made(options: &Options) -> usize {
    let nets = options.early.iter().filter(|e| e.command == "netdev_add");
    nets.count()
}

/// The interface's own properties, taken out of an option.
fn interface(
    pairs: &mut Vec<Pair>,
    address: &str,
) -> Result<(Option<String>, Option<[u8; 6]>), String> {
    let model = value(pairs, "model").map(str::to_owned);
    let mac = match value(pairs, address) {
        None => None,
        Some(text) => Some(mac(text).ok_or("invalid syntax for ethernet address")?),
    };
    pairs.retain(|p| p.key != "model" && p.key != address);
    Ok((model, mac))
}

/// An interface with this back end: the board's own, if it is the first.
fn place(
    options: &mut Options,
    model: Option<String>,
    address: Option<[u8; 6]>,
    net: Option<String>,
) -> Result<(), Stop> {
    let pc = options.target.arch == Arch::X86;
    let usual = if pc { "e1000" } else { "pcnet" };
    let model = model.as_deref().unwrap_or(usual);
    let known = MODELS.iter().find(|m| m.0 == model);
    if model == "help" || model == "?" {
        let names = MODELS.iter().filter(|m| pc || m.0 != ON_BOARD);
        let names: String = names.map(|m| format!("{}\n", m.0)).collect();
        return Err(Stop::Print(format!("Supported NIC models:\n{names}")));
    }
    let Some(&(_, nic)) = known.filter(|m| pc || m.0 != ON_BOARD) else {
        return Err(format!("Unsupported NIC model: {model}").into());
    };
    // `-nic none` before others says nothing, as with QEMU.
    let none = options.board_net.given && !options.board_net.there;
    let first = !std::mem::replace(&mut options.board_net.given, true) || none;
    let board = &mut options.board_net;
    if first && (pc || model == usual) {
        (board.there, board.nic, board.mac, board.net) = (true, nic, address, net);
        return Ok(());
    }
    if first {
        board.there = false;
    }
    if model == ON_BOARD {
        return Err("there can be only one ne2k_isa, the first interface".into());
    }
    let model = match model {
        "virtio" => "virtio-net-pci",
        other => other,
    };
    let mut card = Map::new();
    card.insert("driver".into(), model.into());
    if let Some(net) = net.filter(|n| n != "none") {
        card.insert("netdev".into(), net.into());
    }
    if let Some(mac) = address {
        let text = mac.map(|b| format!("{b:02x}")).join(":");
        card.insert("mac".into(), text.into());
    }
    options.devices.push(card.into());
    Ok(())
}

/// `-nic`.
pub(super) fn nic(options: &mut Options, text: &str) -> Result<(), Stop> {
    let mut pairs = keyval::parse(text, Some("type"))?;
    if value(&pairs, "type") == Some("none") {
        let board = &mut options.board_net;
        if !board.given {
            (board.there, board.given) = (false, true);
        }
        return Ok(());
    }
    let (model, mac) = interface(&mut pairs, "mac")?;
    let mut args = arguments(&pairs)?;
    let id = match args.get("id").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => format!("#net{}", made(options) + 1),
    };
    args.insert("id".into(), id.as_str().into());
    place(options, model, mac, Some(id))?;
    push(options, "-nic", text, args);
    Ok(())
}

/// `-net`, the older form: interface and back end apart, on one hub.
pub(super) fn net(options: &mut Options, text: &str) -> Result<(), Stop> {
    let mut pairs = keyval::parse(text, Some("type"))?;
    match value(&pairs, "type") {
        Some("none") => (options.board_net.there, options.board_net.given) = (false, true),
        Some("nic") => {
            let (model, mac) = interface(&mut pairs, "macaddr")?;
            let net = value(&pairs, "netdev").map(str::to_owned);
            let known = ["type", "netdev", "name", "id", "addr", "vectors"];
            if let Some(p) = pairs.iter().find(|p| !known.contains(&p.key.as_str())) {
                return Err(format!("Invalid parameter '{}'", p.key).into());
            }
            if options.board_net.given {
                return Err("a second interface: -nic and -device can have it".into());
            }
            let net = net.or(options.board_net.by_net.clone());
            place(options, model, mac, Some(net.unwrap_or("none".into())))?;
        }
        _ => {
            if options.board_net.by_net.is_some() {
                return Err("a second back end on the hub: -netdev hubport can have it".into());
            }
            let mut args = arguments(&pairs)?;
            let name = args.remove("name").or(args.remove("id"));
            let id = match name.as_ref().and_then(Value::as_str) {
                Some(id) => id.to_owned(),
                None => format!("#net{}", made(options) + 1),
            };
            args.insert("id".into(), id.as_str().into());
            push(options, "-net", text, args);
            let board = &mut options.board_net;
            board.by_net = Some(id.clone());
            if board.net.as_deref().is_none_or(|n| n == "none") {
                board.net = Some(id);
            }
        }
    }
    Ok(())
}
