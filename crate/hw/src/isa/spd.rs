//! Contents of a memory module's serial presence detect EEPROM (JEDEC 21-C, section 4.1.2.5, SDRAM).

/// The 256 bytes for a module of `ram_bytes` (up to two equal ranks; other sizes round down).
pub fn spd(ram_bytes: u64) -> [u8; 256] {
    let mut s = [0; 256];
    let mib = (ram_bytes >> 20).clamp(4, 2048);
    let (ranks, rank_mib) = if mib.is_power_of_two() {
        if mib >= 8 { (2, mib / 2) } else { (1, mib) }
    } else {
        (1, 1 << mib.ilog2())
    };
    // Density: one bit per power of two, 4 MiB at bit 0, wrapping after 512 MiB.
    let density = 1u8 << ((rank_mib.ilog2() - 2) % 8);
    let head = [
        128, 8, 4, 13, 10, ranks, 64, 0, 1, 0x75, 0x54, 0, 0x82, 8, 0, 1, 0x8f, 4, 6, 1, 1, 0,
        0x0e, 0, 0, 0, 0, 0x14, 0x14, 0x14, 0x2d, density, 0x15, 0x08, 0x15, 0x08,
    ];
    s[..head.len()].copy_from_slice(&head);
    s[62] = 0x12;
    s[63] = s[..63].iter().fold(0u8, |a, b| a.wrapping_add(*b));
    s
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_and_checksum() {
        for mib in [1u64, 4, 16, 100, 128, 256, 2048] {
            let s = super::spd(mib << 20);
            assert_eq!(s[63], s[..63].iter().fold(0u8, |a, b| a.wrapping_add(*b)));
            assert_eq!(s[31].count_ones(), 1);
        }
        assert_eq!(
            (super::spd(256 << 20)[5], super::spd(256 << 20)[31]),
            (2, 1 << 5)
        );
    }
}
