//! Board logic that is no standard chip.
pub mod i2c_eeprom;
pub mod i6300esb;
pub mod malta_fpga;
pub mod ports;
pub mod pvpanic;
