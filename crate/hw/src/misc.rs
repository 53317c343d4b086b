//! Board logic that is no standard chip.
pub mod i2c_eeprom;
pub mod malta_fpga;
pub mod ports;
