//! Cards that are plugged into a running machine's free PCI slots, and taken out again.
//!
//! A board's table says which slots are free ([`crate::devices::DeviceSpec::spare`]). What the guest is told about it is the business
//! of devices that hear [`Input::Plugged`]. A snapshot says which cards there are; a machine that loads it gets them without the guest being told.

use tinamou_core::{DevCx, Device, Input, LoadError, Loader, Saver};
use tinamou_hw::misc::i6300esb::I6300esb;
use tinamou_hw::misc::pvpanic::Pvpanic;
use tinamou_hw::net::e1000::E1000;
use tinamou_hw::net::ne2000::Ne2000;
use tinamou_hw::net::pcnet::Pcnet;
use tinamou_hw::net::rtl8139::Rtl8139;
use tinamou_hw::virtio::balloon::Balloon;
use tinamou_hw::virtio::blk::Blk;
use tinamou_hw::virtio::net::Net;
use tinamou_hw::virtio::p9::P9;
use tinamou_hw::virtio::p9::mem::MemTree;
use tinamou_hw::virtio::p9::tree::{FileTree, Shared};
use tinamou_hw::virtio::pci::VirtioPci;
use tinamou_hw::virtio::rng::Rng;

use super::Bus;

/// Disk slot of the first free PCI slot's card; the others follow.
const FIRST_DISK: u32 = 8;
/// Frames that wait at most; what a hub cannot hold is lost.
const MOST_FRAMES: usize = 1024;

/// What can be plugged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Card {
    /// Intel 82540EM, with this address.
    E1000([u8; 6]),
    /// Realtek RTL8139.
    Rtl8139([u8; 6]),
    /// NE2000.
    Ne2000([u8; 6]),
    /// AMD PCnet.
    Pcnet([u8; 6]),
    /// Virtio network.
    VirtioNet([u8; 6]),
    /// Virtio disk; the disk is that of [`Place::disk`].
    VirtioBlk,
    /// Virtio entropy with this seed.
    VirtioRng(u64),
    /// Virtio balloon.
    VirtioBalloon,
    /// Intel 6300ESB's watchdog.
    I6300esb,
    /// By which a guest says that it broke.
    Pvpanic,
    /// 9P over virtio, with the folder of this number ([`Bus::add_share`]).
    Virtio9p(u8),
}

impl Card {
    fn kind(self) -> u8 {
        match self {
            Card::E1000(_) => 0,
            Card::Rtl8139(_) => 1,
            Card::Ne2000(_) => 2,
            Card::Pcnet(_) => 3,
            Card::VirtioNet(_) => 4,
            Card::VirtioBlk => 5,
            Card::VirtioRng(_) => 6,
            Card::VirtioBalloon => 7,
            Card::I6300esb => 8,
            Card::Pvpanic => 9,
            Card::Virtio9p(_) => 10,
        }
    }

    /// Writes what it is, not its state.
    pub(crate) fn save(self, s: &mut Saver) {
        s.u8(self.kind());
        match self {
            Card::E1000(mac)
            | Card::Rtl8139(mac)
            | Card::Ne2000(mac)
            | Card::Pcnet(mac)
            | Card::VirtioNet(mac) => s.raw(&mac),
            Card::VirtioRng(seed) => s.u64(seed),
            Card::Virtio9p(share) => s.u8(share),
            Card::VirtioBlk | Card::VirtioBalloon | Card::I6300esb | Card::Pvpanic => {}
        }
    }

    /// Reads it.
    pub(crate) fn load(l: &mut Loader<'_>) -> Result<Card, LoadError> {
        let kind = l.u8()?;
        let mut mac = || -> Result<[u8; 6], LoadError> {
            let mut mac = [0; 6];
            mac.copy_from_slice(l.raw(6)?);
            Ok(mac)
        };
        Ok(match kind {
            0 => Card::E1000(mac()?),
            1 => Card::Rtl8139(mac()?),
            2 => Card::Ne2000(mac()?),
            3 => Card::Pcnet(mac()?),
            4 => Card::VirtioNet(mac()?),
            5 => Card::VirtioBlk,
            6 => Card::VirtioRng(l.u64()?),
            7 => Card::VirtioBalloon,
            8 => Card::I6300esb,
            9 => Card::Pvpanic,
            10 => Card::Virtio9p(l.u8()?),
            _ => return Err(LoadError::Invalid("kind of a card")),
        })
    }

    fn device(self, place: Place, ram_bytes: u64, shares: &[Share]) -> Box<dyn Device> {
        match self {
            Card::E1000(mac) => Box::new(E1000::new(place.net, mac)),
            Card::Rtl8139(mac) => Box::new(Rtl8139::new(place.net, mac)),
            Card::Ne2000(mac) => Box::new(Ne2000::pci(place.net, mac)),
            Card::Pcnet(mac) => Box::new(Pcnet::new(place.net, mac)),
            Card::VirtioNet(mac) => Box::new(VirtioPci::new(Net::new(place.net, mac))),
            Card::VirtioBlk => Box::new(VirtioPci::new(Blk::new(place.disk))),
            Card::VirtioRng(seed) => Box::new(VirtioPci::new(Rng::new(seed))),
            Card::VirtioBalloon => Box::new(VirtioPci::new(Balloon::new(ram_bytes))),
            Card::I6300esb => Box::new(I6300esb::default()),
            Card::Pvpanic => Box::new(Pvpanic::default()),
            Card::Virtio9p(share) => {
                let found = shares.get(usize::from(share));
                // A snapshot's folder that is not there is empty.
                let (tag, tree) = found.map_or_else(
                    || ("", Shared::new(Box::new(MemTree::default()))),
                    |s| (s.tag.as_str(), s.tree.clone()),
                );
                Box::new(VirtioPci::new(P9::new(tag, Box::new(tree))))
            }
        }
    }
}

/// A folder that cards can share.
pub(crate) struct Share {
    id: String,
    tag: String,
    tree: Shared,
}

/// Cards that gave way to others, with their state.
pub(crate) struct Removed {
    cards: Vec<(u8, Card)>,
    devices: Vec<(usize, Option<Box<dyn Device>>)>,
}

/// A free PCI slot, or one with such a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Number on the bus.
    pub slot: u8,
    /// The network port of a card there.
    pub net: u32,
    /// The disk slot of a card there.
    pub disk: u32,
}

/// Why a card cannot be plugged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlugError {
    /// The slot is not free, or not for cards.
    #[error("PCI slot {0} is not free")]
    Taken(u8),
    /// All are in use.
    #[error("no PCI slot is free")]
    Full,
}

/// What is in a free slot.
pub(crate) struct Vacant;

impl Device for Vacant {
    fn reset(&mut self, _: &mut dyn DevCx) {}
    fn read(&mut self, _: &mut dyn DevCx, _: u32, _: u64, _: u32) -> u64 {
        u64::MAX
    }
    fn write(&mut self, _: &mut dyn DevCx, _: u32, _: u64, _: u32, _: u64) {}
    fn save(&self, _: &mut Saver) {}
    fn load(&mut self, _: &mut Loader<'_>, _: u32) -> Result<(), LoadError> {
        Ok(())
    }
}

impl Bus {
    /// The slots for cards: each one's place in the board's table, and what it is.
    fn spares(&self) -> impl Iterator<Item = (usize, Place)> {
        let devices = self.board.devices.iter().enumerate();
        let spares = devices.filter(|(_, d)| d.spare).zip(0..);
        spares.filter_map(|((i, d), n)| {
            let place = Place {
                slot: d.pci.first()?.0 >> 3,
                net: *d.nets.first()?,
                disk: FIRST_DISK + n,
            };
            Some((i, place))
        })
    }

    /// A slot for cards, free or not.
    pub fn place(&self, slot: u8) -> Option<Place> {
        let mut all = self.spares();
        all.find(|(_, p)| p.slot == slot).map(|(_, p)| p)
    }

    /// The first free slot for a card, or the wanted one.
    ///
    /// # Errors
    /// [`PlugError`].
    pub fn free_place(&self, wanted: Option<u8>) -> Result<Place, PlugError> {
        let mut free = self.spares().filter(|(i, _)| self.devs[*i].is_none());
        let found = free.find(|(_, p)| wanted.is_none_or(|w| w == p.slot));
        let why = wanted.map_or(PlugError::Full, PlugError::Taken);
        found.map(|(_, p)| p).ok_or(why)
    }

    /// Adds a folder that a card may share, under a name of the host's, which is the guest's too if a card's `mount_tag` gives it no other.
    pub fn add_share(&mut self, id: &str, tree: Box<dyn FileTree>) {
        self.shares.push(Share {
            id: id.into(),
            tag: id.into(),
            tree: Shared::new(tree),
        });
    }

    /// The number of the folder of this name, which the guest is to know by `tag`.
    pub fn share(&mut self, id: &str, tag: &str) -> Option<u8> {
        let n = self.shares.iter().position(|s| s.id == id)?;
        tag.clone_into(&mut self.shares[n].tag);
        u8::try_from(n).ok()
    }

    /// Plugs a card into a slot that [`Bus::free_place`] found.
    ///
    /// # Errors
    /// [`PlugError`].
    pub fn plug(&mut self, slot: u8, card: Card) -> Result<(), PlugError> {
        let found = self
            .spares()
            .find(|(i, p)| p.slot == slot && self.devs[*i].is_none());
        let (i, place) = found.ok_or(PlugError::Taken(slot))?;
        let device = card.device(place, self.config.ram_bytes, &self.shares);
        self.devs[i] = Some(device);
        self.cards.push((slot, card));
        self.cards.sort_by_key(|c| c.0);
        let spec = &self.board.devices[i];
        self.pci
            .extend(spec.pci.iter().map(|&(devfn, func)| (devfn, i, func)));
        self.remap = true;
        self.with_dev(i, |d, cx| d.reset(cx));
        self.host_input(|| Input::Plugged { slot });
        Ok(())
    }

    /// Takes a card out; false if there is none.
    pub fn unplug(&mut self, slot: u8) -> bool {
        let found = self
            .spares()
            .find(|(i, p)| p.slot == slot && self.devs[*i].is_some());
        let Some((i, place)) = found else {
            return false;
        };
        self.devs[i] = None;
        self.cards.retain(|c| c.0 != slot);
        self.pci.retain(|p| p.1 != i);
        self.drop_events(i);
        let levels = std::mem::take(&mut self.out_levels[i]);
        for pin in (0..64).filter(|pin| levels >> pin & 1 != 0) {
            self.irq_queue.push_back((i, pin, false));
        }
        if let Some(disk) = self.disks.get_mut(place.disk as usize) {
            *disk = None;
        }
        self.remap = true;
        self.attention = true;
        self.settle();
        true
    }

    /// The cards, by slot.
    pub(crate) fn cards(&self) -> &[(u8, Card)] {
        &self.cards
    }

    /// Makes these the cards, before a state with them is loaded; returns what was there for [`Bus::put_cards_back`].
    ///
    /// # Errors
    /// [`LoadError`]: the board has no such slots, nothing was changed.
    pub(crate) fn exchange_cards(&mut self, cards: &[(u8, Card)]) -> Result<Removed, LoadError> {
        let wrong = LoadError::Invalid("slot of a card");
        let spares: Vec<_> = self.spares().collect();
        let known = |slot: u8| spares.iter().any(|(_, p)| p.slot == slot);
        let rising = cards.windows(2).all(|w| w[0].0 < w[1].0);
        if !rising || cards.iter().any(|c| !known(c.0)) {
            return Err(wrong);
        }
        let before = std::mem::replace(&mut self.cards, cards.to_vec());
        let mut devices = Vec::new();
        for (i, place) in spares {
            let find = |cards: &[(u8, Card)]| cards.iter().find(|c| c.0 == place.slot).map(|c| c.1);
            let (was, is) = (find(&before), find(cards));
            if was != is {
                let new = is.map(|card| card.device(place, self.config.ram_bytes, &self.shares));
                devices.push((i, std::mem::replace(&mut self.devs[i], new)));
            }
        }
        self.find_cards();
        Ok(Removed {
            cards: before,
            devices,
        })
    }

    /// The cards as they were; a state with them follows.
    pub(crate) fn put_cards_back(&mut self, removed: Removed) {
        self.cards = removed.cards;
        for (i, device) in removed.devices {
            self.devs[i] = device;
        }
        self.find_cards();
    }

    /// Where cards answer on the PCI bus.
    fn find_cards(&mut self) {
        let devices = self.board.devices;
        self.pci.retain(|p| !devices[p.1].spare);
        for (i, d) in devices.iter().enumerate().filter(|(_, d)| d.spare) {
            if self.devs[i].is_some() {
                self.pci
                    .extend(d.pci.iter().map(|&(devfn, func)| (devfn, i, func)));
            }
        }
        self.remap = true;
    }

    /// Makes a network port a port of a hub, whose ports hear each other, or of none.
    pub fn connect(&mut self, port: u32, hub: Option<u32>) {
        self.hubs.retain(|h| h.0 != port);
        self.hubs.extend(hub.map(|hub| (port, hub)));
    }

    /// A card sent a frame.
    pub(super) fn hub_frame(&mut self, port: u32, frame: &[u8]) {
        if self.frames.len() < MOST_FRAMES && self.hubs.iter().any(|h| h.0 == port) {
            self.frames.push_back((port, frame.to_vec()));
        }
    }

    /// Gives frames to the other ports of their hubs, once nobody is being called.
    pub(super) fn carry_frames(&mut self) {
        while let Some((from, frame)) = self.frames.pop_front() {
            let hub = self.hubs.iter().find(|h| h.0 == from).map(|h| h.1);
            let others = self.hubs.iter().filter(|h| h.0 != from && Some(h.1) == hub);
            let ports: Vec<u32> = others.map(|h| h.0).collect();
            for port in ports {
                // What answers at once waits for its turn in the queue.
                self.depth += 1;
                self.net_input(port, &frame);
                self.depth -= 1;
            }
        }
        if !self.irq_queue.is_empty() || self.remap {
            self.settle();
        }
    }

    /// Whether a device of the board's table is there.
    pub fn is_there(&self, index: usize) -> bool {
        self.devs.get(index).is_some_and(Option::is_some)
    }

    /// Whether anything is in a PCI slot.
    pub fn pci_slot_in_use(&self, slot: u8) -> bool {
        self.pci.iter().any(|p| p.0 >> 3 == slot)
    }
}
