//! CPU models: identification, configuration registers and write masks. Values are those of the cores' manuals, and QEMU's where a build-time
//! option is free (TLB size, cache geometry). Deviation: Config1.CA is 0 everywhere, since MIPS16e is not lifted.

/// Everything that tells one CPU model from another.
#[derive(Clone, Debug)]
pub struct CpuModel {
    /// QEMU's name.
    pub name: &'static str,
    /// Processor identification.
    pub prid: u32,
    /// Config registers 0 to 3, without the byte order bit.
    pub config: [u32; 4],
    /// Config7.
    pub config7: u32,
    /// 64-bit CPU.
    pub wide: bool,
    /// MIPS32/MIPS64 Release 2.
    pub release2: bool,
    /// Entries of the TLB.
    pub tlb_entries: u8,
    /// Bits of Status that software can write.
    pub status_mask: u32,
    /// FPU implementation register; 0 for no FPU.
    pub fcr0: u32,
    /// Virtual address bits of a segment (64-bit CPUs).
    pub seg_bits: u32,
    /// Physical address bits.
    pub pa_bits: u32,
    /// Highest shadow register set.
    pub srs_max: u8,
    /// Watch register pairs.
    pub watch_pairs: u8,
    /// Bytes that SYNCI steps by.
    pub synci_step: u32,
    /// CPU clock cycles per increment of Count.
    pub count_resolution: u32,
}

impl CpuModel {
    /// Whether it has an FPU.
    pub fn has_fpu(&self) -> bool {
        self.fcr0 != 0
    }

    /// Whether its FPU has 64-bit registers (FCR0.F64, or any 64-bit CPU).
    pub fn fpu64(&self) -> bool {
        self.has_fpu() && (self.wide || self.fcr0 & FCR0_F64 != 0)
    }

    /// Whether its FPU has paired single.
    pub fn paired_single(&self) -> bool {
        self.fcr0 & FCR0_PS != 0
    }

    /// The model of this name, in any case.
    pub fn by_name(name: &str) -> Option<&'static CpuModel> {
        MODELS.iter().find(|m| m.name.eq_ignore_ascii_case(name))
    }

    /// The model of a `-cpu` value: a name of the list as it is written there, then options that are the core's when it is built:
    /// `veic=on` for an external interrupt controller (Release 2), `srs=N` for the number of its highest shadow register set.
    pub fn configured(value: &str) -> Option<CpuModel> {
        let mut words = value.split(',');
        let name = words.next()?;
        let mut model = MODELS.iter().find(|m| m.name == name)?.clone();
        for word in words {
            match word.split_once('=') {
                Some(("veic", "off")) => model.config[3] &= !C3_VEIC,
                Some(("veic", "on")) if model.release2 => model.config[3] |= C3_VEIC,
                Some(("srs", n)) if model.release2 => {
                    model.srs_max = n.parse().ok().filter(|n| *n < 16)?;
                }
                _ => return None,
            }
        }
        Some(model)
    }

    /// log2 of the bytes of one way, line bytes, and number of ways of the data (`dcache`) or instruction cache, from Config1.
    pub fn cache_geometry(&self, dcache: bool) -> (u32, u32, u32) {
        let c = if dcache {
            self.config[1] >> 7
        } else {
            self.config[1] >> 16
        };
        let (sets, line, ways) = (64u32 << (c >> 6 & 7), c >> 3 & 7, (c & 7) + 1);
        let line = if line == 0 { 0 } else { 2 << line };
        ((sets * line.max(1)).trailing_zeros(), line, ways)
    }
}

const FCR0_S: u32 = 1 << 16;
const FCR0_D: u32 = 1 << 17;
const FCR0_PS: u32 = 1 << 18;
const FCR0_3D: u32 = 1 << 19;
const FCR0_W: u32 = 1 << 20;
const FCR0_L: u32 = 1 << 21;
const FCR0_F64: u32 = 1 << 22;

const M: u32 = 1 << 31;
/// Config0: a standard TLB, kseg0 cacheable.
const C0: u32 = M | 1 << 7 | 2;
const C0_AT64: u32 = 2 << 13;
const C0_R2: u32 = 1 << 10;
const C1_FP: u32 = 1;
const C1_EP: u32 = 1 << 1;
const C1_WR: u32 = 1 << 3;
const C3_VINT: u32 = 1 << 5;
const C3_VEIC: u32 = 1 << 6;
const C3_ULRI: u32 = 1 << 13;

/// Config1 with `entries` TLB entries; caches as (log2(sets / 64), line code, ways - 1).
const fn c1(entries: u32, i: (u32, u32, u32), d: (u32, u32, u32), flags: u32) -> u32 {
    M | (entries - 1) << 25
        | i.0 << 22
        | i.1 << 19
        | i.2 << 16
        | d.0 << 13
        | d.1 << 10
        | d.2 << 7
        | flags
}

const BASE: CpuModel = CpuModel {
    name: "",
    prid: 0,
    config: [C0, c1(16, (0, 3, 1), (0, 3, 1), C1_EP | C1_WR), M, 0],
    config7: 0,
    wide: false,
    release2: false,
    tlb_entries: 16,
    status_mask: 0x1278_ff17,
    fcr0: 0,
    seg_bits: 32,
    pa_bits: 32,
    srs_max: 0,
    watch_pairs: 1,
    synci_step: 32,
    count_resolution: 2,
};

const C1_24K: (u32, u32, u32) = (0, 3, 1);
const R2_32: CpuModel = CpuModel {
    release2: true,
    config: [C0 | C0_R2, 0, M, C3_VINT | C3_ULRI],
    ..BASE
};
const R1_64: CpuModel = CpuModel {
    wide: true,
    config: [
        C0 | C0_AT64,
        c1(32, (1, 4, 1), (1, 4, 1), C1_EP | C1_WR),
        M,
        0,
    ],
    tlb_entries: 32,
    status_mask: 0x12f8_ffff,
    seg_bits: 42,
    pa_bits: 36,
    ..BASE
};
const FCR0_24K: u32 = FCR0_F64 | FCR0_L | FCR0_W | FCR0_D | FCR0_S | 0x93 << 8;

/// All models.
pub static MODELS: &[CpuModel] = &[
    CpuModel {
        name: "4Kc",
        prid: 0x0001_8000,
        ..BASE
    },
    CpuModel {
        name: "4KEc",
        prid: 0x0001_9000,
        config: [
            R2_32.config[0],
            c1(16, (0, 3, 1), (0, 3, 1), C1_EP | C1_WR),
            M,
            C3_VINT | C3_ULRI,
        ],
        ..R2_32
    },
    CpuModel {
        name: "24Kc",
        prid: 0x0001_9300,
        config: [
            R2_32.config[0],
            c1(16, C1_24K, C1_24K, C1_EP | C1_WR),
            M,
            C3_VINT | C3_ULRI,
        ],
        config7: 1 << 16,
        status_mask: 0x1278_ff1f,
        watch_pairs: 4,
        ..R2_32
    },
    CpuModel {
        name: "24Kf",
        prid: 0x0001_9300,
        config: [
            R2_32.config[0],
            c1(16, C1_24K, C1_24K, C1_EP | C1_WR | C1_FP),
            M,
            C3_VINT | C3_ULRI,
        ],
        config7: 1 << 16,
        status_mask: 0x3678_ff1f,
        fcr0: FCR0_24K,
        watch_pairs: 4,
        ..R2_32
    },
    CpuModel {
        name: "34Kf",
        prid: 0x0001_9500,
        config: [
            R2_32.config[0],
            c1(16, C1_24K, C1_24K, C1_EP | C1_WR | C1_FP),
            M,
            C3_VINT | C3_ULRI,
        ],
        config7: 1 << 16,
        status_mask: 0x3678_ff1f,
        fcr0: FCR0_F64 | FCR0_L | FCR0_W | FCR0_D | FCR0_S | 0x95 << 8,
        srs_max: 3,
        watch_pairs: 4,
        ..R2_32
    },
    CpuModel {
        name: "5Kc",
        prid: 0x0001_8100,
        ..R1_64
    },
    CpuModel {
        name: "5Kf",
        prid: 0x0001_8100,
        config: [R1_64.config[0], R1_64.config[1] | C1_FP, M, 0],
        status_mask: 0x36f8_ffff,
        fcr0: FCR0_D | FCR0_S | 0x81 << 8,
        ..R1_64
    },
    CpuModel {
        name: "20Kc",
        prid: 0x0001_82a0,
        config: [
            C0 | C0_AT64 | 1 << 3,
            c1(48, (2, 4, 3), (2, 4, 3), C1_WR | C1_FP),
            M,
            0,
        ],
        tlb_entries: 48,
        status_mask: 0x36fb_ffff,
        fcr0: FCR0_3D | FCR0_PS | FCR0_D | FCR0_S | 0x82 << 8,
        seg_bits: 40,
        count_resolution: 1,
        ..R1_64
    },
    CpuModel {
        name: "MIPS64R2-generic",
        prid: 0x0001_0000,
        config: [
            C0 | C0_AT64 | C0_R2,
            c1(64, (2, 4, 3), (2, 4, 3), C1_EP | C1_WR | C1_FP),
            M,
            C3_VINT | C3_ULRI,
        ],
        release2: true,
        tlb_entries: 64,
        status_mask: 0x36fb_ffff,
        fcr0: FCR0_F64 | FCR0_PS | FCR0_L | FCR0_W | FCR0_D | FCR0_S,
        watch_pairs: 4,
        srs_max: 1,
        ..R1_64
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_agree_with_their_config_registers() {
        for m in MODELS {
            assert_eq!(
                m.config[1] >> 25 & 63,
                m.tlb_entries as u32 - 1,
                "{}",
                m.name
            );
            assert_eq!(m.config[1] & 1 != 0, m.has_fpu(), "{}", m.name);
            assert_eq!(m.config[0] >> 13 & 3 == 2, m.wide, "{}", m.name);
            assert_eq!(m.config[0] >> 10 & 7 == 1, m.release2, "{}", m.name);
        }
        assert!(CpuModel::by_name("24KF").is_some());
    }

    #[test]
    fn options_of_a_core() {
        let m = CpuModel::configured("24Kf,veic=on,srs=3").unwrap();
        assert_eq!((m.config[3] & C3_VEIC, m.srs_max), (C3_VEIC, 3));
        assert_eq!(CpuModel::configured("24Kf").unwrap().srs_max, 0);
        for wrong in [
            "",
            "24kf",
            "24Kf,",
            "24Kf,veic",
            "4Kc,veic=on",
            "24Kf,srs=16",
            "24Kf,srs=-1",
            "24Kf,x=1",
        ] {
            assert!(CpuModel::configured(wrong).is_none(), "{wrong}");
        }
    }
}
