//! The built-in guest: a small bare-metal program for Malta with a serial monitor and self-tests (`tests/lab` has its source).

/// Its ELF file for a byte order. It runs on 32- and 64-bit CPUs.
pub fn image(big_endian: bool) -> &'static [u8] {
    if big_endian {
        include_bytes!("../../tests/lab/images/lab-mips.elf")
    } else {
        include_bytes!("../../tests/lab/images/lab-mipsel.elf")
    }
}
