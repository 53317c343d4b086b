//! PCI slots that are plugged and unplugged by ACPI, as QEMU's documentation (docs/specs/acpi_pci_hotplug) lays out the ports beside its
//! PIIX4: what came and what is to go, a bit for each slot; eject; a block of general purpose events of which event 1 says that there is
//! something to look at. SeaBIOS's own tables use the same ports.
//!
//! What came stays told until the slot is ejected or the machine reset: guests that look again find the device that they know.

use tinamou_core::stored;

/// The event.
const EVENT: u16 = 1 << 1;
/// Slots of the board's own chips: nobody takes them out.
const FIXED: u32 = 0b111;

/// The registers.
#[derive(Clone, Copy, Default, Debug)]
pub struct Hotplug {
    up: u32,
    down: u32,
    status: u16,
    enable: u16,
}
stored!(Hotplug {
    up,
    down,
    status,
    enable
});

impl Hotplug {
    /// A device came into a slot.
    pub fn plugged(&mut self, slot: u8) {
        self.up |= 1 << (slot & 31);
        self.status |= EVENT;
    }

    /// The device in a slot is to go.
    pub fn unplug_asked(&mut self, slot: u8) {
        self.down |= 1 << (slot & 31);
        self.status |= EVENT;
    }

    /// Whether an event that is enabled waits.
    pub fn pending(&self) -> bool {
        self.status & self.enable != 0
    }

    /// Reads the ports of the slots.
    pub fn read(&self, offset: u64, size: u32) -> u64 {
        let word = match offset & !3 {
            0x0 => self.up,
            0x4 => self.down,
            // No features beyond these.
            0x8 => 0,
            0xc => !FIXED,
            _ => 0,
        };
        let shifted = u64::from(word) >> (8 * (offset & 3));
        shifted & (u64::MAX >> (64 - 8 * size.clamp(1, 8)))
    }

    /// Writes them: the slots that are let go of.
    pub fn write(&mut self, offset: u64, value: u64) -> u32 {
        if offset != 0x8 {
            return 0;
        }
        let slots = value as u32 & !FIXED;
        self.up &= !slots;
        self.down &= !slots;
        slots
    }

    /// Reads the block of events.
    pub fn event_read(&self, offset: u64, size: u32) -> u64 {
        let all = u64::from(self.status) | u64::from(self.enable) << 16;
        let shifted = all >> (8 * (offset & 3));
        shifted & (u64::MAX >> (64 - 8 * size.clamp(1, 8)))
    }

    /// Writes it; events are cleared by ones.
    pub fn event_write(&mut self, offset: u64, size: u32, value: u64) {
        for i in 0..u64::from(size) {
            let v = u16::from((value >> (8 * i)) as u8);
            match offset + i {
                0 => self.status &= !v,
                1 => self.status &= !(v << 8),
                2 => self.enable = self.enable & 0xff00 | v,
                3 => self.enable = self.enable & 0xff | v << 8,
                _ => {}
            }
        }
    }
}
