//! Configuration spaces of the PIIX functions: what is writable and what reset leaves there (82371FB/SB data sheet 290550, section
//! 2; 82371AB data sheet 290562, sections 4 to 7).

use crate::pci::config::{Bar, Ident, PciFunction};

/// Which south bridge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// 82371SB. Its power management is the PIIX4's all the same, as on QEMU's `pc`.
    Piix3,
    /// 82371AB.
    Piix4,
}

/// A PIRQ route that leads nowhere.
pub const PIRQ_OFF: u8 = 0x80;

fn function(device: u16, class: [u8; 3], revision: u8, header: u8, pin: u8) -> PciFunction {
    let mut f = PciFunction::new(Ident {
        vendor: 0x8086,
        device,
        class,
        revision,
        header,
        pin,
    });
    f.set16(0x06, if header == 0 { 0x0280 } else { 0x0200 });
    f
}

fn open(f: &mut PciFunction, bytes: impl IntoIterator<Item = usize>) {
    for at in bytes {
        f.writable(at, 0xff);
    }
}

fn set(f: &mut PciFunction, values: &[(usize, u8)]) {
    for &(at, v) in values {
        f.set8(at, v);
    }
}

impl Model {
    /// Device identity of function `func`.
    fn id(self, func: u16) -> u16 {
        match (self, func) {
            // The PIIX3 has no function 3 of its own.
            (_, 3) => 0x7113,
            (Model::Piix3, 0) => 0x7000,
            (Model::Piix3, 1) => 0x7010,
            (Model::Piix3, _) => 0x7020,
            (Model::Piix4, n) => 0x7110 + n,
        }
    }

    /// Function 0: the ISA bridge.
    pub(super) fn isa(self) -> PciFunction {
        let mut f = function(self.id(0), [0x06, 0x01, 0x00], 0, 0x80, 0);
        f.set16(0x04, 0x0007);
        open(&mut f, 0x40..0x100);
        let off = PIRQ_OFF;
        set(
            &mut f,
            &[
                (0x4c, 0x4d),
                (0x4e, 0x03),
                (0x60, off),
                (0x61, off),
                (0x62, off),
                (0x63, off),
                (0x69, 0x02),
                (0x76, 0x0c),
                (0x77, 0x0c),
                (0x78, 0x02),
                (0xa0, 0x08),
                (0xa8, 0x0f),
            ],
        );
        match self {
            Model::Piix3 => f.set8(0x70, 0x80),
            Model::Piix4 => set(&mut f, &[(0x64, 0x10), (0xcb, 0x21)]),
        }
        f
    }

    /// Function 1: IDE.
    pub fn ide(self) -> PciFunction {
        let revision = u8::from(self == Model::Piix4);
        let mut f = function(self.id(1), [0x01, 0x01, 0x80], revision, 0, 0);
        f.bar(4, Bar::Io(16));
        open(&mut f, (0x40..0x4c).chain(0xf8..0xfc));
        f
    }

    /// Function 2: USB.
    pub(super) fn usb(self) -> PciFunction {
        let mut f = function(self.id(2), [0x0c, 0x03, 0x00], 1, 0, 4);
        f.bar(4, Bar::Io(0x20));
        set(&mut f, &[(0x60, 0x10), (0x6a, 0x01)]);
        open(&mut f, [0xc0, 0xc1]);
        f.set16(0xc0, 0x2000);
        f
    }

    /// Function 3: power management and SMBus.
    pub(super) fn pm(self) -> PciFunction {
        let mut f = function(self.id(3), [0x06, 0x80, 0x00], 3, 0, 1);
        f.set8(0x40, 1);
        open(&mut f, (0x41..0x90).chain(0x91..0x100));
        f.writable(0x40, 0xc0);
        f.writable(0x42, 0);
        f.writable(0x43, 0);
        f.writable(0x90, 0xf0);
        f.set32(0x90, 0x1101);
        f.set8(0xd2, 0x09);
        set(
            &mut f,
            &[(0x5b, 0x02), (0x5f, 0x90), (0x63, 0x60), (0x67, 0x98)],
        );
        f
    }
}
