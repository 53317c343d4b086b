//! What people and monitors do at a machine, beside typing into its console ports.

use tinamou_core::Input;

/// One deed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostInput {
    /// A key went down or up: see [`Input::Key`].
    Key {
        /// The key.
        code: u8,
        /// Down or up.
        down: bool,
    },
    /// The mouse moved or its buttons changed: see [`Input::Mouse`].
    Mouse {
        /// To the right.
        dx: i32,
        /// Down.
        dy: i32,
        /// The wheel, towards the user.
        dz: i32,
        /// Buttons held: bit 0 left, 1 right, 2 middle.
        buttons: u8,
    },
    /// The power button was pressed.
    PowerButton,
    /// The guest is asked to live with this much memory.
    MemoryTarget {
        /// Bytes.
        bytes: u64,
    },
    /// Another medium is in this disk slot, or none.
    DiskChanged {
        /// The disk slot.
        slot: u32,
    },
    /// The tray of the drive in this disk slot was moved.
    Tray {
        /// The disk slot.
        slot: u32,
        /// It is open now.
        open: bool,
    },
    /// A device in a PCI slot is to be unplugged.
    UnplugAsked {
        /// Its slot.
        slot: u8,
    },
}

impl HostInput {
    /// The same as devices hear it.
    pub(crate) fn news(self) -> Input {
        match self {
            HostInput::Key { code, down } => Input::Key { code, down },
            HostInput::Mouse {
                dx,
                dy,
                dz,
                buttons,
            } => Input::Mouse {
                dx,
                dy,
                dz,
                buttons,
            },
            HostInput::PowerButton => Input::PowerButton,
            HostInput::MemoryTarget { bytes } => Input::MemoryTarget { bytes },
            HostInput::DiskChanged { slot } => Input::DiskChanged { slot },
            HostInput::Tray { slot, open } => Input::Tray { slot, open },
            HostInput::UnplugAsked { slot } => Input::UnplugAsked { slot },
        }
    }
}
