//! Devices and what they may ask of their surroundings.
//!
//! A device sees offsets inside its register regions, never its addresses; its IRQ outputs are numbered pins, and where they
//! lead is board data. Every call gets a [`DevCx`]. No device holds another, a thread, a global or the wall clock: the bus
//! owns them all and calls one at a time. A device's output changes reach other devices after its call has returned, in the
//! order they were made. Values are the guest's bytes in little-endian order, as on [`crate::PhysBus`].

use core::fmt;

use crate::{BlockError, BlockRequest, Gpa, LoadError, Loader, Ns, RequestId, Saver};

/// An address space of a board.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Space {
    /// What the CPU's physical addresses mean.
    System,
    /// Memory cycles on the PCI bus.
    PciMem,
    /// I/O cycles on the PCI and ISA buses.
    Io,
}

/// A block of RAM or ROM of the board, by its place in the board's list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockId(pub u32);

/// What a mapping leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapTo {
    /// Registers of the device: `Device::read` and `Device::write` with this region number.
    Regs {
        /// Region number, the device's own.
        region: u32,
        /// The widest access in bytes (1, 2, 4, 8); wider ones are split.
        widest: u32,
    },
    /// Another address space, from `base` on.
    Window {
        /// The space looked into.
        space: Space,
        /// The address there that the mapping's first byte shows.
        base: u64,
    },
    /// RAM or ROM.
    Block {
        /// The block.
        block: BlockId,
        /// First byte shown.
        offset: u64,
        /// False: writes go to the device's region `region` instead.
        writable: bool,
        /// Region number for writes to a block that is not writable.
        region: u32,
    },
}

/// One range of an address space. Of overlapping ones the higher `priority` wins, then the later in board order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// Where.
    pub space: Space,
    /// First address.
    pub base: u64,
    /// Length in bytes.
    pub len: u64,
    /// What is there.
    pub to: MapTo,
    /// Rank among overlapping mappings.
    pub priority: i8,
}

/// What a device asks of the whole machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MachineRequest {
    /// Reset everything.
    Reset,
    /// Power off.
    Shutdown,
    /// Stop with an error that the host shows.
    Panic,
}

/// News from the host for a device.
#[derive(Debug)]
pub enum Input {
    /// Bytes wait on this console port.
    Console {
        /// The port.
        port: u32,
    },
    /// A block request is done.
    Block {
        /// The disk slot.
        slot: u32,
        /// What `block_submit` returned.
        id: RequestId,
        /// The bytes read (empty for writes), or what went wrong.
        result: Result<Vec<u8>, BlockError>,
    },
    /// A packet for this network port.
    Net {
        /// The port.
        port: u32,
        /// The Ethernet frame without checksum.
        frame: Vec<u8>,
    },
    /// A key went down or up. `code` is the key's make code in scan code set 1, with bit 7 set for those that begin with E0h
    /// (the numbers of QEMU's `send-key`); Pause is C6h.
    Key {
        /// The key.
        code: u8,
        /// Down or up.
        down: bool,
    },
    /// The mouse moved by this much (right and down are positive) or its buttons changed.
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
    /// The tray of the drive in this disk slot was opened or closed from outside.
    Tray {
        /// The disk slot.
        slot: u32,
        /// It is open now.
        open: bool,
    },
    /// A device was plugged into a slot of the PCI bus.
    Plugged {
        /// Its slot.
        slot: u8,
    },
    /// A device in a slot of the PCI bus is to be unplugged: the guest is to let go of it ([`News::Ejected`]).
    UnplugAsked {
        /// Its slot.
        slot: u8,
    },
}

/// What happens when the host cannot do what was asked of a disk.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum ErrorAction {
    /// The guest is told.
    #[default]
    Report,
    /// The guest is told that all is well.
    Ignore,
    /// The machine stops; the request is made again when it goes on.
    Stop,
    /// `Stop` where the host has no room left, else `Report`.
    StopIfFull,
}

/// Something that happened in a machine and that whoever watches it may want to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// The guest set its clock.
    RtcSet {
        /// Seconds by which it is ahead of what it would have shown.
        offset_s: i64,
    },
    /// The guest opened or closed a tray.
    Tray {
        /// The disk slot.
        slot: u32,
        /// It is open now.
        open: bool,
    },
    /// The host failed to do what was asked of a disk.
    BlockError {
        /// The disk slot.
        slot: u32,
        /// A write (or flush), not a read.
        write: bool,
        /// What follows from it.
        action: ErrorAction,
        /// There was no room.
        no_space: bool,
        /// What went wrong.
        reason: String,
    },
    /// The guest broke.
    Panicked,
    /// The guest broke, and another one is to find out why.
    CrashLoaded,
    /// A watchdog was not kept quiet.
    Watchdog,
    /// The guest let go of the device in a slot of the PCI bus.
    Ejected {
        /// Its slot.
        slot: u8,
    },
}

/// How far an ISA DMA transfer went.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct IsaDma {
    /// Bytes moved.
    pub bytes: usize,
    /// The controller's count ran out: the terminal count.
    pub terminal: bool,
}

/// A picture from a display device.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pixels by rows, four bytes each: red, green, blue, 255.
    pub rgba: Vec<u8>,
    /// Rows that the last call changed, first and past the last; empty when nothing changed.
    pub dirty: (u32, u32),
}

/// What a display shows, for a terminal.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub enum TextScreen {
    /// Nothing: the screen is off.
    #[default]
    Blank,
    /// A picture.
    Graphics {
        /// Width in dots.
        width: u32,
        /// Height in lines.
        height: u32,
    },
    /// Characters.
    Text {
        /// Characters in a row.
        columns: u32,
        /// Rows.
        rows: u32,
        /// Character and attribute by rows, as the adapter's memory has them.
        cells: Vec<[u8; 2]>,
        /// Column and row of the cursor, where it is shown.
        cursor: Option<(u32, u32)>,
    },
}

/// What a loudspeaker is given, until the next one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum Sound {
    /// The low level, which stays: nothing is heard.
    #[default]
    Still,
    /// The high level, which stays. Going from level to level is heard as a click, many of them as whatever their times say.
    High,
    /// A square wave.
    Square {
        /// Its frequency in thousandths of a hertz.
        millihertz: u64,
    },
}

/// What a device may do during a call.
pub trait DevCx {
    /// Virtual time.
    fn now(&self) -> Ns;

    /// Number of the CPU that makes the access.
    fn cpu(&self) -> u32 {
        0
    }

    /// Drives an output pin. Takes effect after the call; setting the same level again is free.
    fn set_irq(&mut self, pin: u32, level: bool);

    /// Sets or clears the deadline of one of the device's timers. It fires once, as `Device::timer`.
    fn set_timer(&mut self, id: u32, deadline: Option<Ns>);

    /// Reads memory as a bus master. False (and zeros) when some of it is not memory.
    fn dma_read(&mut self, at: Gpa, buf: &mut [u8]) -> bool;

    /// Writes memory as a bus master; translated code there is dropped. False when some of it is not memory.
    fn dma_write(&mut self, at: Gpa, data: &[u8]) -> bool;

    /// A message-signalled interrupt: a write of `data` to `at`, for the board's interrupt controller.
    fn message(&mut self, _at: u64, _data: u32) {}

    /// Reads one of the board's memory blocks.
    fn block_read(&mut self, block: BlockId, offset: u64, buf: &mut [u8]) -> bool;

    /// Writes one of the board's memory blocks (flash programming); translated code there is dropped.
    fn block_write(&mut self, block: BlockId, offset: u64, data: &[u8]) -> bool;

    /// Notes a mistake of the guest.
    fn guest_error(&mut self, what: fmt::Arguments<'_>);

    /// The device's mappings have changed.
    fn request_remap(&mut self);

    /// Asks for reset, power-off or a stop; taken up after the current instruction.
    fn request(&mut self, what: MachineRequest);

    /// Asks for power-off with an exit code for the emulator.
    fn request_exit(&mut self, code: u32);

    /// Tells whoever watches the machine.
    fn tell(&mut self, _news: News) {}

    /// Gives the board's loudspeaker something else, and what is to follow at a later time if nothing else comes before. The same again is nothing new.
    fn sound(&mut self, _sound: Sound, _then: Option<(Ns, Sound)>) {}

    /// Sends bytes to a console port.
    fn console_out(&mut self, port: u32, bytes: &[u8]);

    /// Takes the next byte that the host sent to a console port.
    fn console_in(&mut self, port: u32) -> Option<u8>;

    /// Size of the disk in a slot in sectors, and whether it is read-only; `None` without a disk.
    fn block_info(&self, slot: u32) -> Option<(u64, bool)>;

    /// Starts a disk request that completes `after` this much virtual time (later if the host is late: then the clock waits).
    fn block_submit(&mut self, slot: u32, request: BlockRequest, after: Ns) -> RequestId;

    /// Sends an Ethernet frame.
    fn net_out(&mut self, port: u32, frame: &[u8]);

    /// A configuration read on the PCI bus of 1, 2 or 4 bytes; all ones where no device is.
    fn pci_read(&mut self, devfn: u8, reg: u8, size: u32) -> u32;

    /// A configuration write on the PCI bus.
    fn pci_write(&mut self, devfn: u8, reg: u8, size: u32, value: u32);

    /// An interrupt acknowledge cycle on the PCI bus: the interrupt controller's vector.
    fn int_ack(&mut self) -> u8;

    /// Moves bytes between the calling ISA device and memory by the board's DMA controller, on this channel, as far as its
    /// programming goes. `to_memory`: `buf` is written to memory; else `buf` is filled from memory.
    fn isa_dma(&mut self, channel: u32, to_memory: bool, buf: &mut [u8]) -> IsaDma;
}

/// A device model.
///
/// Every method may be called with any value a guest can form and must not panic.
pub trait Device {
    /// The state after power-on, driving all pins and timers accordingly.
    fn reset(&mut self, cx: &mut dyn DevCx);

    /// A read of `size` bytes (1, 2, 4, 8; at most the region's `widest`).
    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64;

    /// A write.
    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64);

    /// A timer's deadline has come; `cx.now()` is exactly the deadline.
    fn timer(&mut self, _cx: &mut dyn DevCx, _id: u32) {}

    /// An input pin has changed.
    fn irq_in(&mut self, _cx: &mut dyn DevCx, _pin: u32, _level: bool) {}

    /// News from the host.
    fn input(&mut self, _cx: &mut dyn DevCx, _input: Input) {}

    /// Mappings that the guest can move, at present. (Fixed ones are board data.)
    fn mappings(&self, _out: &mut Vec<Mapping>) {}

    /// A PCI configuration read. The access is aligned and inside the 256 bytes.
    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, _reg: u8, _size: u32) -> u32 {
        u32::MAX
    }

    /// A PCI configuration write.
    fn pci_write(&mut self, _cx: &mut dyn DevCx, _func: u8, _reg: u8, _size: u32, _value: u32) {}

    /// A transfer on a channel of this ISA DMA controller; see [`DevCx::isa_dma`].
    fn isa_dma(
        &mut self,
        _cx: &mut dyn DevCx,
        _channel: u32,
        _to_memory: bool,
        _buf: &mut [u8],
    ) -> IsaDma {
        IsaDma::default()
    }

    /// Draws the display into `frame`, which holds what the last call left there. False for a device without a display.
    fn display(&mut self, _cx: &mut dyn DevCx, _frame: &mut Frame) -> bool {
        false
    }

    /// What the display shows, for a terminal; `None` for a device without a display.
    fn text_screen(&mut self, _cx: &mut dyn DevCx) -> Option<TextScreen> {
        None
    }

    /// An interrupt acknowledge cycle.
    fn int_ack(&mut self, _cx: &mut dyn DevCx) -> u8 {
        0xff
    }

    /// What monitors show of the state, for people; empty when there is nothing to show.
    fn info(&self) -> String {
        String::new()
    }

    /// Writes the state (the bus puts a section around it).
    fn save(&self, s: &mut Saver);

    /// Reads the state of version `version`.
    ///
    /// # Errors
    /// [`LoadError`]; the device is then in no particular state.
    fn load(&mut self, l: &mut Loader<'_>, version: u32) -> Result<(), LoadError>;

    /// The version that `save` writes.
    fn version(&self) -> u32 {
        1
    }
}
