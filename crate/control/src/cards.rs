//! Cards in snapshots. Which cards a machine has is the snapshot's own business; what control knows of them besides (ids, properties, the images
//! and networks behind them) is noted in it, and found again when it is loaded. Images and networks themselves must be there by the same names.

use serde_json::{Map, Value, json};
use tinamou_core::BlockBackend;
use tinamou_machine::snapshot::Description;

use crate::controller::Controller;
use crate::driven::{Driven, Host};
use crate::qmp::plug::{self, Plugged, known_driver};

/// What is noted of a card.
struct Noted {
    slot: u8,
    driver: &'static str,
    id: Option<String>,
    path: String,
    properties: Map<String, Value>,
    hotplugged: bool,
    leaving: bool,
}

impl Noted {
    fn read(v: &Value) -> Option<Noted> {
        let text = |name: &str| v[name].as_str();
        Some(Noted {
            slot: u8::try_from(v["slot"].as_u64()?).ok()?,
            driver: known_driver(text("driver")?)?,
            id: text("id").map(str::to_owned),
            path: text("path")?.to_owned(),
            properties: v["properties"].as_object()?.clone(),
            hotplugged: v["hotplugged"].as_bool()?,
            leaving: v["leaving"].as_bool()?,
        })
    }

    fn name(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.path)
    }

    fn is(&self, card: &Plugged) -> bool {
        self.slot == card.slot && self.driver == card.driver && self.drive() == drive(card)
    }

    fn drive(&self) -> Option<&str> {
        self.properties.get("drive").and_then(Value::as_str)
    }
}

fn drive(card: &Plugged) -> Option<&str> {
    card.properties.get("drive").and_then(Value::as_str)
}

fn write(cards: &[Plugged]) -> String {
    let one = |c: &Plugged| {
        json!({
            "slot": c.slot, "driver": c.driver, "id": c.id, "path": c.path, "properties": c.properties,
            "hotplugged": c.hotplugged, "leaving": c.leaving,
        })
    };
    let all: Vec<Value> = cards.iter().filter(|c| !c.gone).map(one).collect();
    match all.is_empty() {
        true => String::new(),
        false => json!({"cards": all}).to_string(),
    }
}

fn read(notes: &str) -> Result<Vec<Noted>, String> {
    if notes.is_empty() {
        return Ok(Vec::new());
    }
    let damaged = || "the snapshot is damaged: what is noted of its cards".to_owned();
    let notes: Value = serde_json::from_str(notes).map_err(|_| damaged())?;
    let cards = notes["cards"].as_array().ok_or_else(damaged)?;
    let cards = cards.iter().map(|v| Noted::read(v).ok_or_else(damaged));
    cards.collect()
}

/// Disks that were exchanged.
#[derive(Default)]
struct Exchanged {
    out: Vec<(u32, Option<Box<dyn BlockBackend>>)>,
    added: Vec<u32>,
}

impl Controller {
    /// Notes in the machine what a snapshot is to say of the cards.
    pub(crate) fn note_cards(&self, host: &mut dyn Host) {
        if let Some(machine) = host.machine() {
            machine.set_notes(write(&self.cards));
        }
    }

    /// The machine becomes the one of a snapshot, whole in memory.
    ///
    /// # Errors
    /// A sentence for the user; the machine is as it was.
    pub(crate) fn load_bytes(&mut self, host: &mut dyn Host, file: &[u8]) -> Result<bool, String> {
        let described = Description::of(file).map_err(|e| e.to_string())?;
        self.load_with(host, &described.notes, |machine| machine.load(file))
    }

    /// The machine becomes the one that is in a place; of a file of which parts can be read, memory comes when it is wanted.
    ///
    /// # Errors
    /// A sentence for the user; the machine is as it was.
    pub(crate) fn load_place(&mut self, host: &mut dyn Host, uri: &str) -> Result<bool, String> {
        let Some(mut source) = host.state_source(uri) else {
            let bytes = host.receive_state(uri)?;
            return self.load_bytes(host, &bytes);
        };
        let described = Description::of_source(source.as_mut()).map_err(|e| e.to_string())?;
        self.load_with(host, &described.notes, |machine| machine.load_from(source))
    }

    fn load_with(
        &mut self,
        host: &mut dyn Host,
        notes: &str,
        load: impl FnOnce(&mut dyn Driven) -> Result<bool, String>,
    ) -> Result<bool, String> {
        let wanted = read(notes)?;
        let exchanged = self.exchange_disks(host, &wanted)?;
        let loaded = match host.machine() {
            Some(machine) => load(machine),
            None => Err("The machine has not been created yet".into()),
        };
        match &loaded {
            Ok(_) => self.cards_are(host, wanted, exchanged),
            Err(_) => self.put_disks_back(host, exchanged),
        }
        loaded
    }

    /// Puts the disks there that cards will have.
    fn exchange_disks(
        &mut self,
        host: &mut dyn Host,
        wanted: &[Noted],
    ) -> Result<Exchanged, String> {
        let mut done = Exchanged::default();
        for card in &self.cards {
            if let Some(disk) = card.disk
                && !wanted.iter().any(|w| w.is(card))
                && let Some(machine) = host.machine()
            {
                done.out.push((disk, machine.swap_disk(disk, None)));
            }
        }
        for w in wanted {
            let Some(drive) = w.drive() else { continue };
            if self.cards.iter().any(|c| w.is(c)) {
                continue;
            }
            if let Err(why) = self.bring_disk(host, w, drive, &mut done) {
                self.put_disks_back(host, done);
                return Err(format!(
                    "the snapshot's card '{}' uses drive '{drive}': {why}",
                    w.name()
                ));
            }
        }
        Ok(done)
    }

    fn bring_disk(
        &mut self,
        host: &mut dyn Host,
        card: &Noted,
        drive: &str,
        done: &mut Exchanged,
    ) -> Result<(), String> {
        let place = host.machine().and_then(|m| m.place(card.slot));
        let disk = place.ok_or("the board has no such slot")?.disk;
        if done.out.iter().any(|(slot, _)| *slot == disk) {
            return Err("this machine has another one there".into());
        }
        let node = self.nodes.iter_mut().find(|n| n.name == drive);
        let node = node.ok_or("this machine does not have it")?;
        if node.slot.is_some() {
            return Err("it is in use".into());
        }
        host.add_drive(disk, node.open())?;
        node.slot = Some(disk);
        done.added.push(disk);
        Ok(())
    }

    fn put_disks_back(&mut self, host: &mut dyn Host, done: Exchanged) {
        for disk in done.added {
            self.release_disk(host, disk);
        }
        if let Some(machine) = host.machine() {
            for (slot, disk) in done.out {
                machine.swap_disk(slot, disk);
            }
        }
    }

    fn release_disk(&mut self, host: &mut dyn Host, disk: u32) {
        if let Some(machine) = host.machine() {
            machine.swap_disk(disk, None);
        }
        host.drop_drive(disk);
        for n in self.nodes.iter_mut().filter(|n| n.slot == Some(disk)) {
            n.slot = None;
        }
    }

    /// The machine has these cards now.
    fn cards_are(&mut self, host: &mut dyn Host, wanted: Vec<Noted>, exchanged: Exchanged) {
        for (disk, _) in exchanged.out {
            self.release_disk(host, disk);
        }
        let before = std::mem::take(&mut self.cards);
        for card in &before {
            let at = self.netdevs.iter().position(|n| {
                let port = card.nic.map(|nic| nic.0);
                port.is_some() && n.port == port
            });
            if let Some(at) = at {
                self.detach(host, at);
            }
        }
        for w in wanted {
            let place = host.machine().and_then(|m| m.place(w.slot));
            let there = host.machine().is_some_and(|m| m.pci_slot_in_use(w.slot));
            let Some(place) = place.filter(|_| there) else {
                continue;
            };
            if let Some(id) = w.properties.get("netdev").and_then(Value::as_str) {
                self.attach(host, id, place.net);
            }
            // An address that nobody chose is the one of the same card here, if it was there.
            let given = w.properties.get("mac").and_then(Value::as_str);
            let same = before.iter().find(|c| w.is(c)).and_then(|c| c.nic);
            let mac = given.and_then(plug::mac).or(same.map(|nic| nic.1));
            let nic = plug::is_nic(w.driver).then(|| (place.net, mac.unwrap_or(plug::FIRST_MAC)));
            self.cards.push(Plugged {
                disk: w.drive().map(|_| place.disk),
                nic,
                id: w.id,
                path: w.path,
                driver: w.driver,
                slot: w.slot,
                properties: w.properties,
                leaving: w.leaving,
                gone: false,
                hotplugged: w.hotplugged,
            });
        }
        self.note_cards(host);
    }
}
