//! What virtual machines' firmware expects of its machine.
pub mod cmos;
pub mod fw_cfg;
