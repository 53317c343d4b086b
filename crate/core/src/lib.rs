//! Words everyone needs: addresses, the physical bus a vCPU sees, virtual time, devices and their IRQ lines, save and load,
//! and the guest-error log.
//!
//! This crate is the bottom floor: it depends on nothing of the house and knows no guest, no board, no engine and no host.
//! Invariants: time here is virtual only (nanoseconds of the machine's clock); nothing blocks; guest mistakes are values or
//! log lines, never panics.

pub mod addr;
pub mod bus;
pub mod crc;
pub mod device;
pub mod host;
pub mod save;
pub mod stored;
pub mod time;

pub use addr::{Gpa, Gva, PAGE_BITS, PAGE_MASK, PAGE_SIZE};
pub use bus::{BusError, CPU_PRIVATE, IO_SPACE, PhysBus, RamPage};
pub use crc::crc32;
pub use device::{
    BlockId, DevCx, Device, ErrorAction, Frame, Input, IsaDma, MachineRequest, MapTo, Mapping,
    News, Sound, Space, TextScreen,
};
pub use host::{
    BlockBackend, BlockError, BlockRequest, NetBackend, PAGE_SECTORS, RequestId, SECTOR_BYTES,
    Written,
};
pub use save::{LoadError, Loader, Saver};
pub use stored::Stored;
pub use time::Ns;
