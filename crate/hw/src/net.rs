//! Network interfaces.
//!
//! All of them speak through [`tinamou_core::DevCx::net_out`] and [`tinamou_core::Input::Net`]: Ethernet frames without checksum on a
//! network port whose link is up. What is behind the port is the host's.
pub mod e1000;
mod eeprom;
pub mod ne2000;
pub mod pcnet;
pub mod rtl8139;

/// Ethernet's CRC-32 before its final inversion, reflected.
fn crc32(data: &[u8]) -> u32 {
    data.iter().fold(u32::MAX, |c, b| {
        (0..8).fold(c ^ u32::from(*b), |c, _| {
            (c >> 1) ^ if c & 1 != 0 { 0xedb8_8320 } else { 0 }
        })
    })
}

/// The six bits of a multicast address's checksum that choose its filter bit in chips that shift the checksum out from the top.
fn hash_from_top(to: &[u8]) -> u32 {
    (crc32(to) & 0x3f).reverse_bits() >> 26
}

/// Frames are sent with at least this many bytes.
const FRAME_MIN: usize = 60;
