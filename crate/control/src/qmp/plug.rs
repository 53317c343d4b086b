//! Cards for the PCI bus: `device_add` and `device_del`, and what becomes of a card that is to go.
//!
//! On the PC the guest is asked to let go of a card; it goes when the guest says so or at the next reset, as with QEMU. Malta has nobody to ask:
//! cards go at once.

use serde_json::{Map, Value, json};
use tinamou_machine::Arch;
use tinamou_machine::bus::Card;
use tinamou_machine::input::HostInput;

use super::{block, cards, done, qom};
use crate::controller::{Controller, MonitorId};
use crate::cx::{Args, Cx};
use crate::driven::Host;
use crate::error::{Class, Error};
use crate::objects::is_id;

/// A card in its slot.
#[derive(Clone, Debug)]
pub struct Plugged {
    /// Its id; without one it is `device[N]`.
    pub id: Option<String>,
    /// Its path in the tree of objects.
    pub path: String,
    /// Its model.
    pub driver: &'static str,
    /// Its PCI slot.
    pub slot: u8,
    /// The disk slot it uses.
    pub disk: Option<u32>,
    /// The network port of an interface, and its address.
    pub nic: Option<(u32, [u8; 6])>,
    /// What it was made with.
    pub properties: Map<String, Value>,
    /// The guest was asked to let go of it.
    pub leaving: bool,
    /// It goes as soon as the command is answered.
    pub gone: bool,
    /// Made while the machine was there.
    pub hotplugged: bool,
}

/// First address of interfaces; the board's own has it, if there is one.
pub(crate) const FIRST_MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

fn refuse<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::generic(text))
}

/// A property as text, as QEMU takes numbers and truths too.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => crate::json::line(other),
    }
}

pub(crate) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut out = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut out {
        let part = parts.next().filter(|p| p.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// `SLOT` or `SLOT.FUNCTION`, in hex; only function 0 is there.
fn address(text: &str) -> Option<u8> {
    let (slot, function) = text.split_once('.').unwrap_or((text, "0"));
    let slot = slot.trim_start_matches("0x");
    let slot = u8::from_str_radix(slot, 16).ok()?;
    (slot < 32 && function == "0").then_some(slot)
}

/// Whether a model is a network interface.
pub(crate) fn is_nic(driver: &str) -> bool {
    cards::model(driver).is_some_and(|m| m.has("mac"))
}

/// A bus of the board by its name; what kind it is.
fn bus(name: &str) -> Option<&'static str> {
    match name {
        "pci.0" | "pci" => Some("PCI"),
        "isa.0" | "isa" => Some("ISA"),
        "ide.0" | "ide.1" => Some("IDE"),
        "main-system-bus" => Some("System"),
        _ => None,
    }
}

/// The model's place in the list, if it can be plugged at all.
fn model(driver: &str) -> Result<&'static cards::Model, Error> {
    if let Some(found) = cards::model(driver) {
        return Ok(found);
    }
    let bus = match driver {
        "ide-hd" | "ide-cd" => Some("ide.1"),
        "floppy" => Some("floppy-bus.0"),
        _ => matches!(
            driver,
            "isa-serial" | "isa-parallel" | "isa-debugcon" | "isa-debug-exit" | "ne2k_isa"
        )
        .then_some("isa.0"),
    };
    if let Some(bus) = bus {
        return refuse(format!("Bus '{bus}' does not support hotplugging"));
    }
    match qom::device_kind(driver) {
        Some(true) => refuse("Parameter 'driver' expects a non-abstract device type"),
        Some(false) => refuse("Parameter 'driver' expects a pluggable device type"),
        None => refuse(format!("'{driver}' is not a valid device model name")),
    }
}

/// A model that can be plugged, by its name.
pub(crate) fn known_driver(name: &str) -> Option<&'static str> {
    cards::model(name).map(|m| m.name)
}

/// What a card is made of, once all has been checked.
struct Plan {
    card: Card,
    node: Option<String>,
    netdev: Option<String>,
    mac: Option<[u8; 6]>,
}

fn plan(
    cx: &mut Cx<'_>,
    driver: &str,
    model: &cards::Model,
    args: &Map<String, Value>,
) -> Result<Plan, Error> {
    for name in args.keys() {
        if !cards::is_common(name) && !model.has(name) {
            return refuse(format!("Property '{driver}.{name}' not found"));
        }
    }
    let given = |name: &str| args.get(name).map(text);
    let mut plan = Plan {
        card: Card::VirtioBalloon,
        node: None,
        netdev: None,
        mac: None,
    };
    if let Some(id) = given("netdev") {
        let found = cx.ctl.netdevs.iter().find(|n| n.id == id);
        if found.is_none_or(|n| n.port.is_some()) {
            return refuse(match found {
                Some(_) => {
                    format!("Property '{driver}.netdev' can't take value '{id}', it's in use")
                }
                None => format!("Property '{driver}.netdev' can't find value '{id}'"),
            });
        }
        plan.netdev = Some(id);
    }
    let address = match given("mac") {
        None => {
            let mut next = FIRST_MAC;
            let own = cx.machine()?.board_config().nic;
            next[5] = next[5].wrapping_add(cx.ctl.macs.wrapping_add(own.into()));
            cx.ctl.macs = cx.ctl.macs.wrapping_add(1);
            next
        }
        Some(word) => match mac(&word) {
            Some(mac) => mac,
            None => {
                return refuse(format!(
                    "Property '{driver}.mac' doesn't take value '{word}'"
                ));
            }
        },
    };
    plan.mac = model.has("mac").then_some(address);
    plan.card = match driver {
        "e1000" => Card::E1000(address),
        "rtl8139" => Card::Rtl8139(address),
        "ne2k_pci" => Card::Ne2000(address),
        "pcnet" => Card::Pcnet(address),
        "virtio-net-pci" => Card::VirtioNet(address),
        "virtio-blk-pci" => {
            let Some(name) = given("drive") else {
                return refuse("drive property not set");
            };
            let found = cx.ctl.nodes.iter().find(|n| n.name == name);
            let taken = cx.host.drives().iter().any(|d| block::name(d) == name);
            match found {
                Some(n) if n.slot.is_none() => {}
                None if !taken => {
                    return refuse(format!(
                        "Property 'virtio-blk-device.drive' can't find value '{name}'"
                    ));
                }
                _ => {
                    return refuse(format!(
                        "Drive '{name}' is already in use by another device"
                    ));
                }
            }
            plan.node = Some(name);
            Card::VirtioBlk
        }
        "virtio-rng-pci" => {
            if let Some(id) = given("rng")
                && !cx.ctl.objects.all().iter().any(|o| o.id == id)
            {
                return Err(Error::no_device(&id));
            }
            Card::VirtioRng(cx.host.entropy())
        }
        "virtio-9p-pci" => {
            let (Some(id), Some(tag)) = (given("fsdev"), given("mount_tag")) else {
                return refuse("fsdev and mount_tag must be set");
            };
            if tag.is_empty() || tag.len() > 31 {
                return refuse("mount_tag must have 1 to 31 bytes");
            }
            match cx.machine()?.share(&id, &tag) {
                Some(n) => Card::Virtio9p(n),
                None => {
                    return refuse(format!(
                        "9pfs device couldn't find fsdev with the id = {id}"
                    ));
                }
            }
        }
        "i6300esb" => Card::I6300esb,
        "pvpanic-pci" => Card::Pvpanic,
        _ => Card::VirtioBalloon,
    };
    Ok(plan)
}

/// `device_add`
pub fn add(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    if cx.ctl.migration.is_going() {
        return refuse("device_add not allowed while migrating");
    }
    let args = args.0;
    let Some(driver) = args.get("driver").map(text) else {
        return refuse("Parameter 'driver' is missing");
    };
    let model = model(&driver)?;
    let driver = model.name;
    if let Some(name) = args.get("bus").map(text) {
        match bus(&name) {
            None => return refuse(format!("Bus '{name}' not found")),
            Some("PCI") => {}
            Some(kind) => return refuse(format!("Device '{driver}' can't go on {kind} bus")),
        }
    }
    let id = args.get("id").map(text);
    if let Some(id) = &id {
        if !is_id(id) {
            return refuse("Parameter 'id' expects an identifier");
        }
        if cx.ctl.cards.iter().any(|c| c.id.as_ref() == Some(id)) {
            return refuse(format!("Duplicate device ID '{id}'"));
        }
    }
    let wanted = match args.get("addr").map(text) {
        None => None,
        Some(word) => match address(&word) {
            Some(slot) => Some(slot),
            None => {
                return refuse(format!(
                    "Property '{driver}.addr' doesn't take value '{word}'"
                ));
            }
        },
    };
    let plan = plan(cx, driver, model, args)?;
    let place = match cx.machine()?.free_place(wanted) {
        Ok(place) => place,
        Err(_) => return no_place(cx, driver, wanted),
    };
    let disk = plan.node.as_ref().map(|_| place.disk);
    if let Some(name) = &plan.node {
        let node = cx.ctl.nodes.iter().find(|n| n.name == *name).cloned();
        if let Some(node) = node {
            cx.host
                .add_drive(place.disk, node.open())
                .map_err(Error::generic)?;
        }
        for n in cx.ctl.nodes.iter_mut().filter(|n| n.name == *name) {
            n.slot = Some(place.disk);
        }
    }
    cx.machine()?
        .plug(place.slot, plan.card)
        .map_err(Error::generic)?;
    if let Some(id) = &plan.netdev {
        cx.ctl.attach(cx.host, id, place.net);
    }
    let mut properties = args.clone();
    for name in ["driver", "id", "bus", "addr"] {
        properties.remove(name);
    }
    let path = match &id {
        Some(id) => format!("/machine/peripheral/{id}"),
        None => {
            cx.ctl.unnamed += 1;
            format!("/machine/peripheral-anon/device[{}]", cx.ctl.unnamed - 1)
        }
    };
    let hotplugged = !cx.ctl.plugs_cold;
    cx.ctl.cards.push(Plugged {
        id,
        path,
        driver,
        slot: place.slot,
        disk,
        nic: plan.mac.map(|mac| (place.net, mac)),
        properties,
        leaving: false,
        gone: false,
        hotplugged,
    });
    cx.ctl.note_cards(cx.host);
    done()
}

/// Why there is no place.
fn no_place(cx: &mut Cx<'_>, driver: &str, wanted: Option<u8>) -> Result<Value, Error> {
    let Some(slot) = wanted else {
        return refuse(format!(
            "PCI: no slot/function available for {driver}, all in use or reserved"
        ));
    };
    let in_use = cx.machine()?.pci_slot_in_use(slot);
    let by = match cx.ctl.cards.iter().find(|c| c.slot == slot) {
        Some(c) => {
            let id = c.id.as_deref().unwrap_or_default();
            format!("in use by {},id={id}", c.driver)
        }
        None if in_use => "in use by the board".into(),
        None => "which has no connector on this board".into(),
    };
    refuse(format!(
        "PCI: slot {slot} function 0 not available for {driver}, {by}"
    ))
}

/// `device_del`
pub fn del(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let id = args.text("id");
    let wanted = |c: &&mut Plugged| c.id.as_deref() == Some(id) || c.path == id;
    let migrates = cx.ctl.migration.is_going();
    let asks = cx.ctl.setup.target().arch == Arch::X86;
    let Some(card) = cx.ctl.cards.iter_mut().find(wanted) else {
        if qom::exists(cx, id) {
            return refuse(format!("{id} is not a hotpluggable device"));
        }
        return Err(Error {
            class: Class::DeviceNotFound,
            desc: format!("Device '{id}' not found"),
        });
    };
    if migrates {
        return refuse("device_del not allowed while migrating");
    }
    if card.leaving || card.gone {
        return refuse(format!("Device {id} is already in the process of unplug"));
    }
    let slot = card.slot;
    if asks {
        card.leaving = true;
        cx.machine()?.input(HostInput::UnplugAsked { slot });
    } else {
        card.gone = true;
    }
    cx.ctl.note_cards(cx.host);
    done()
}

impl Controller {
    /// Plugs the cards that the machine is made with; without all of them there is none.
    pub(crate) fn plug_cold(&mut self, host: &mut dyn Host) -> Result<(), String> {
        self.cards.clear();
        for n in &mut self.nodes {
            n.slot = None;
        }
        let cards = self.setup.get("devices").cloned().unwrap_or_default();
        self.plugs_cold = true;
        let mut done = Ok(());
        for card in cards.as_array().into_iter().flatten() {
            let args = card.as_object().cloned().unwrap_or_default();
            let mut cx = Cx {
                ctl: self,
                host,
                monitor: MonitorId::NONE,
            };
            if let Err(e) = add(&mut cx, &Args(&args)) {
                done = Err(e.desc);
                break;
            }
        }
        self.plugs_cold = false;
        done
    }

    /// The guest let go of the card in a slot.
    pub(crate) fn ejected(&mut self, host: &mut dyn Host, slot: u8) {
        for c in self.cards.iter_mut().filter(|c| c.slot == slot) {
            c.gone = true;
        }
        self.clear_cards(host);
    }

    /// A reset: whatever is to go goes.
    pub(crate) fn cards_reset(&mut self, host: &mut dyn Host) {
        for c in &mut self.cards {
            c.gone |= c.leaving;
        }
        self.clear_cards(host);
    }

    /// Takes out the cards that go, and tells of it.
    pub(crate) fn clear_cards(&mut self, host: &mut dyn Host) {
        while let Some(at) = self.cards.iter().position(|c| c.gone) {
            let card = self.cards.remove(at);
            if let Some(machine) = host.machine() {
                machine.unplug(card.slot);
            }
            let port = card.nic.map(|n| n.0);
            let uses = |n: &super::net::Netdev| port.is_some() && n.port == port;
            if let Some(at) = self.netdevs.iter().position(uses) {
                self.detach(host, at);
            }
            if let Some(disk) = card.disk {
                host.drop_drive(disk);
                for n in self.nodes.iter_mut().filter(|n| n.slot == Some(disk)) {
                    n.slot = None;
                }
            }
            let mut data = Map::new();
            if card.driver.starts_with("virtio-") {
                let path = format!("{}/virtio-backend", card.path);
                data.insert("path".into(), path.into());
                self.event(host, "DEVICE_DELETED", std::mem::take(&mut data));
            }
            if let Some(id) = card.id {
                data.insert("device".into(), json!(id));
            }
            data.insert("path".into(), card.path.into());
            self.event(host, "DEVICE_DELETED", data);
            self.note_cards(host);
        }
    }
}
