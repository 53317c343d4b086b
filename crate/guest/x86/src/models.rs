//! CPU models and CPUID. A model asks for features; it has those of them that are implemented ([`IMPLEMENTED`]), and an instruction of a
//! feature that it does not have raises #UD.

use iced_x86::{CpuidFeature, DecoderOptions};

/// Feature bits: word number (see [`WORDS`]) times 32 plus the bit.
pub mod feature {
    macro_rules! bits {
        ($($name:ident = $word:literal . $bit:literal, $text:literal;)*) => {
            $( #[doc = concat!("CPUID's `", $text, "`.")] pub const $name: u16 = $word * 32 + $bit; )*
            /// QEMU's names of the bits.
            pub const NAMES: &[(&str, u16)] = &[$( ($text, $name), )*];
        };
    }
    bits! {
        FPU = 0 . 0, "fpu";
        VME = 0 . 1, "vme";
        DE = 0 . 2, "de";
        PSE = 0 . 3, "pse";
        TSC = 0 . 4, "tsc";
        MSR = 0 . 5, "msr";
        PAE = 0 . 6, "pae";
        MCE = 0 . 7, "mce";
        CX8 = 0 . 8, "cx8";
        APIC = 0 . 9, "apic";
        SEP = 0 . 11, "sep";
        MTRR = 0 . 12, "mtrr";
        PGE = 0 . 13, "pge";
        MCA = 0 . 14, "mca";
        CMOV = 0 . 15, "cmov";
        PAT = 0 . 16, "pat";
        PSE36 = 0 . 17, "pse36";
        CLFLUSH = 0 . 19, "clflush";
        MMX = 0 . 23, "mmx";
        FXSR = 0 . 24, "fxsr";
        SSE = 0 . 25, "sse";
        SSE2 = 0 . 26, "sse2";
        SS = 0 . 27, "ss";
        SSE3 = 1 . 0, "sse3";
        PCLMULQDQ = 1 . 1, "pclmulqdq";
        MONITOR = 1 . 3, "monitor";
        SSSE3 = 1 . 9, "ssse3";
        CX16 = 1 . 13, "cx16";
        FMA = 1 . 12, "fma";
        SSE41 = 1 . 19, "sse4.1";
        SSE42 = 1 . 20, "sse4.2";
        MOVBE = 1 . 22, "movbe";
        POPCNT = 1 . 23, "popcnt";
        AES = 1 . 25, "aes";
        XSAVE = 1 . 26, "xsave";
        OSXSAVE = 1 . 27, "osxsave";
        AVX = 1 . 28, "avx";
        F16C = 1 . 29, "f16c";
        RDRAND = 1 . 30, "rdrand";
        HYPERVISOR = 1 . 31, "hypervisor";
        FSGSBASE = 2 . 0, "fsgsbase";
        BMI1 = 2 . 3, "bmi1";
        AVX2 = 2 . 5, "avx2";
        SMEP = 2 . 7, "smep";
        BMI2 = 2 . 8, "bmi2";
        ERMS = 2 . 9, "erms";
        RDSEED = 2 . 18, "rdseed";
        ADX = 2 . 19, "adx";
        SMAP = 2 . 20, "smap";
        CLFLUSHOPT = 2 . 23, "clflushopt";
        CLWB = 2 . 24, "clwb";
        SHA = 2 . 29, "sha-ni";
        UMIP = 3 . 2, "umip";
        RDPID = 3 . 22, "rdpid";
        SYSCALL = 4 . 11, "syscall";
        NX = 4 . 20, "nx";
        MMXEXT = 4 . 22, "mmxext";
        PDPE1GB = 4 . 26, "pdpe1gb";
        RDTSCP = 4 . 27, "rdtscp";
        LM = 4 . 29, "lm";
        D3NOWEXT = 4 . 30, "3dnowext";
        D3NOW = 4 . 31, "3dnow";
        LAHF = 5 . 0, "lahf-lm";
        ABM = 5 . 5, "abm";
        SSE4A = 5 . 6, "sse4a";
        PREFETCHW = 5 . 8, "3dnowprefetch";
        XSAVEOPT = 6 . 0, "xsaveopt";
        XSAVEC = 6 . 1, "xsavec";
        XGETBV1 = 6 . 2, "xgetbv1";
    }
}
use feature::*;

/// Number of feature words: leaf 1 EDX and ECX, leaf 7 EBX and ECX, leaf 0x80000001 EDX and ECX, leaf 13's
/// second EAX.
pub const WORDS: usize = 7;

/// Feature bits.
pub type Bits = [u32; WORDS];

const fn set(list: &[u16]) -> Bits {
    let mut out = [0; WORDS];
    let mut i = 0;
    while i < list.len() {
        out[list[i] as usize / 32] |= 1 << (list[i] % 32);
        i += 1;
    }
    out
}

const fn union(a: Bits, b: Bits) -> Bits {
    let mut out = a;
    let mut i = 0;
    while i < WORDS {
        out[i] |= b[i];
        i += 1;
    }
    out
}

const P5: Bits = set(&[FPU, VME, DE, PSE, TSC, MSR, MCE, CX8]);
const P6: Bits = union(P5, set(&[PAE, APIC, SEP, MTRR, PGE, MCA, CMOV, PAT, PSE36]));
const P3: Bits = union(P6, set(&[MMX, FXSR, SSE]));
const SSE2_UP: Bits = union(P3, set(&[SSE2, CLFLUSH]));
const QEMU32: Bits = union(SSE2_UP, set(&[SSE3, HYPERVISOR]));
const LONG: Bits = set(&[SYSCALL, NX, LM, LAHF]);
const QEMU64: Bits = union(union(QEMU32, LONG), set(&[CX16]));
const CORE2: Bits = union(
    union(SSE2_UP, LONG),
    set(&[SSE3, SSSE3, CX16, MONITOR, HYPERVISOR]),
);
const NEHALEM: Bits = union(CORE2, set(&[SSE41, SSE42, POPCNT]));
const WESTMERE: Bits = union(NEHALEM, set(&[AES, PCLMULQDQ]));
const SANDY_BRIDGE: Bits = union(WESTMERE, set(&[AVX, XSAVE, XSAVEOPT, RDTSCP]));
const HASWELL: Bits = union(
    SANDY_BRIDGE,
    set(&[
        F16C, FSGSBASE, SMEP, ERMS, AVX2, BMI1, BMI2, FMA, MOVBE, ABM,
    ]),
);
const IVY_BRIDGE: Bits = union(SANDY_BRIDGE, set(&[F16C, FSGSBASE, SMEP, ERMS, RDRAND]));
const BROADWELL: Bits = union(
    union(HASWELL, IVY_BRIDGE),
    set(&[ADX, SMAP, RDSEED, PREFETCHW]),
);
const CORE_DUO: Bits = union(SSE2_UP, set(&[SSE3, MONITOR, NX, SS, HYPERVISOR]));
const ATHLON: Bits = union(SSE2_UP, set(&[MMXEXT, D3NOW, D3NOWEXT, HYPERVISOR]));
const PHENOM: Bits = union(
    union(SSE2_UP, LONG),
    set(&[
        SSE3, MONITOR, CX16, POPCNT, MMXEXT, D3NOW, D3NOWEXT, ABM, SSE4A, RDTSCP, PDPE1GB,
        HYPERVISOR,
    ]),
);
const KVM32: Bits = union(SSE2_UP, set(&[SSE3, HYPERVISOR]));
const KVM64: Bits = union(KVM32, set(&[CX16, SYSCALL, NX, LM]));
const CONROE: Bits = union(union(KVM32, LONG), set(&[SSSE3]));
const OPTERON_G1: Bits = union(KVM32, set(&[SYSCALL, NX, LM]));
const OPTERON_G2: Bits = union(OPTERON_G1, set(&[CX16, LAHF]));
const OPTERON_G3: Bits = union(OPTERON_G2, set(&[MONITOR, POPCNT, ABM, SSE4A, RDTSCP]));
const OPTERON_G4: Bits = union(
    OPTERON_G2,
    set(&[
        POPCNT, ABM, SSE4A, RDTSCP, PDPE1GB, PCLMULQDQ, SSSE3, SSE41, SSE42, AES, XSAVE, AVX,
        PREFETCHW,
    ]),
);
const OPTERON_G5: Bits = union(OPTERON_G4, set(&[FMA, F16C]));
const EPYC: Bits = union(
    OPTERON_G5,
    set(&[
        MONITOR, MOVBE, RDRAND, MMXEXT, FSGSBASE, BMI1, AVX2, SMEP, BMI2, RDSEED, ADX, SMAP,
        CLFLUSHOPT, SHA, XSAVEOPT, XSAVEC, XGETBV1,
    ]),
);
const MAX: Bits = union(
    union(HASWELL, set(&[XSAVEC])),
    set(&[
        AES, PCLMULQDQ, MOVBE, BMI1, BMI2, ADX, ABM, FSGSBASE, SMEP, SMAP, UMIP, ERMS, RDTSCP,
        PDPE1GB, PREFETCHW, CLFLUSHOPT, CLWB, RDRAND, RDSEED, RDPID, SHA, SSE4A, MMXEXT, D3NOW,
        D3NOWEXT, XGETBV1, SS,
    ]),
);

/// What this crate implements.
pub const IMPLEMENTED: Bits = union(QEMU64, MAX);

/// A CPU model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CpuModel {
    /// QEMU's name.
    pub name: &'static str,
    /// Twelve letters.
    pub vendor: &'static str,
    /// Brand string, up to 47 letters.
    pub brand: &'static str,
    /// Family.
    pub family: u32,
    /// Model number.
    pub model: u32,
    /// Stepping.
    pub stepping: u32,
    /// Highest basic leaf.
    pub level: u32,
    /// Highest extended leaf, 0 for none.
    pub xlevel: u32,
    /// Width of physical addresses.
    pub phys_bits: u32,
    /// Features.
    pub bits: Bits,
}

const INTEL: &str = "GenuineIntel";
const AMD: &str = "AuthenticAMD";

const fn model(
    name: &'static str,
    vendor: &'static str,
    fms: [u32; 3],
    levels: [u32; 2],
    phys_bits: u32,
    bits: Bits,
) -> CpuModel {
    CpuModel {
        name,
        vendor,
        brand: "Tinamou Virtual CPU",
        family: fms[0],
        model: fms[1],
        stepping: fms[2],
        level: levels[0],
        xlevel: levels[1],
        phys_bits,
        bits,
    }
}

/// All models, by what their features ask for.
pub static MODELS: &[CpuModel] = &[
    model("486", INTEL, [4, 8, 0], [1, 0], 32, set(&[FPU, VME, PSE])),
    model("pentium", INTEL, [5, 4, 3], [1, 0], 32, P5),
    model(
        "pentium2",
        INTEL,
        [6, 5, 2],
        [2, 0],
        36,
        union(P6, set(&[MMX, FXSR])),
    ),
    model("pentium3", INTEL, [6, 7, 3], [3, 0], 36, P3),
    model("qemu32", INTEL, [6, 6, 3], [4, 0x8000_0004], 36, QEMU32),
    model("qemu64", AMD, [15, 107, 1], [0xd, 0x8000_000a], 40, QEMU64),
    model("kvm32", INTEL, [15, 6, 1], [5, 0x8000_0008], 36, KVM32),
    model("kvm64", INTEL, [15, 6, 1], [0xd, 0x8000_0008], 40, KVM64),
    model("athlon", AMD, [6, 2, 3], [2, 0x8000_0008], 36, ATHLON),
    model("phenom", AMD, [16, 2, 3], [5, 0x8000_001a], 40, PHENOM),
    model(
        "coreduo",
        INTEL,
        [6, 14, 8],
        [10, 0x8000_0008],
        32,
        CORE_DUO,
    ),
    model(
        "n270",
        INTEL,
        [6, 28, 2],
        [10, 0x8000_0008],
        32,
        union(CORE_DUO, set(&[SSSE3, MOVBE, LAHF])),
    ),
    model("Conroe", INTEL, [6, 15, 3], [10, 0x8000_0008], 40, CONROE),
    model(
        "Penryn",
        INTEL,
        [6, 23, 3],
        [10, 0x8000_0008],
        40,
        union(CONROE, set(&[CX16, SSE41])),
    ),
    model("core2duo", INTEL, [6, 15, 11], [10, 0x8000_0008], 40, CORE2),
    model("Nehalem", INTEL, [6, 26, 3], [11, 0x8000_0008], 40, NEHALEM),
    model(
        "Westmere",
        INTEL,
        [6, 44, 1],
        [11, 0x8000_0008],
        40,
        WESTMERE,
    ),
    model(
        "SandyBridge",
        INTEL,
        [6, 42, 1],
        [0xd, 0x8000_0008],
        40,
        SANDY_BRIDGE,
    ),
    model(
        "Haswell",
        INTEL,
        [6, 60, 4],
        [0xd, 0x8000_0008],
        40,
        HASWELL,
    ),
    model(
        "IvyBridge",
        INTEL,
        [6, 58, 9],
        [0xd, 0x8000_0008],
        40,
        IVY_BRIDGE,
    ),
    model(
        "Broadwell",
        INTEL,
        [6, 61, 2],
        [0xd, 0x8000_0008],
        40,
        BROADWELL,
    ),
    model(
        "Skylake-Client",
        INTEL,
        [6, 94, 3],
        [0xd, 0x8000_0008],
        40,
        union(BROADWELL, set(&[XSAVEC, XGETBV1])),
    ),
    model(
        "Opteron_G1",
        AMD,
        [15, 6, 1],
        [5, 0x8000_0008],
        40,
        OPTERON_G1,
    ),
    model(
        "Opteron_G2",
        AMD,
        [15, 6, 1],
        [5, 0x8000_000a],
        40,
        OPTERON_G2,
    ),
    model(
        "Opteron_G3",
        AMD,
        [16, 2, 3],
        [5, 0x8000_000a],
        40,
        OPTERON_G3,
    ),
    model(
        "Opteron_G4",
        AMD,
        [21, 1, 2],
        [0xd, 0x8000_001a],
        40,
        OPTERON_G4,
    ),
    model(
        "Opteron_G5",
        AMD,
        [21, 2, 0],
        [0xd, 0x8000_001a],
        40,
        OPTERON_G5,
    ),
    model("EPYC", AMD, [23, 1, 2], [0xd, 0x8000_001e], 40, EPYC),
    model("max", AMD, [15, 107, 1], [0xd, 0x8000_000a], 40, MAX),
];

impl CpuModel {
    /// The model of this name, with the features that are implemented.
    pub fn by_name(name: &str) -> Option<CpuModel> {
        let mut m = MODELS.iter().find(|m| m.name == name)?.clone();
        for (b, i) in m.bits.iter_mut().zip(IMPLEMENTED) {
            *b &= i;
        }
        Some(m)
    }

    /// A model without any features.
    pub fn base() -> CpuModel {
        CpuModel {
            brand: "",
            ..model("base", AMD, [0; 3], [0; 2], 32, [0; WORDS])
        }
    }

    /// Whether a feature is implemented.
    pub fn implements(f: u16) -> bool {
        IMPLEMENTED[f as usize / 32] >> (f % 32) & 1 != 0
    }

    /// A model with changes as on QEMU's command line: `name,+feature,-feature`.
    ///
    /// # Errors
    /// A sentence naming the unknown model or the unknown or missing feature.
    pub fn parse(text: &str) -> Result<CpuModel, String> {
        let mut words = text.split(',');
        let name = words.next().unwrap_or_default();
        let mut m =
            CpuModel::by_name(name).ok_or_else(|| format!("there is no x86 CPU model '{name}'"))?;
        for w in words {
            let (on, name) = if let Some(n) = w.strip_prefix('+') {
                (true, n)
            } else if let Some(n) = w.strip_prefix('-') {
                (false, n)
            } else if let Some((n, v)) = w.split_once('=') {
                (v == "on", n)
            } else {
                (true, w)
            };
            let plain = name.replace(['_', '-', '.'], "");
            let (_, bit) = NAMES
                .iter()
                .find(|(n, _)| n.replace(['_', '-', '.'], "") == plain)
                .ok_or_else(|| format!("there is no x86 CPU feature '{name}'"))?;
            let (word, mask) = (*bit as usize / 32, 1 << (bit % 32));
            if on && IMPLEMENTED[word] & mask == 0 {
                return Err(format!("the x86 CPU feature '{name}' is not implemented"));
            }
            if on {
                m.bits[word] |= mask;
            } else {
                m.bits[word] &= !mask;
            }
        }
        Ok(m)
    }

    /// Whether it has a feature.
    pub fn has(&self, f: u16) -> bool {
        self.bits[f as usize / 32] >> (f % 32) & 1 != 0
    }

    /// Long mode: 64-bit registers.
    pub fn wide(&self) -> bool {
        self.has(LM)
    }

    /// The same without 64-bit mode, for programs of 32 bits.
    pub fn without_long_mode(&mut self) {
        for f in [LM, LAHF, SYSCALL] {
            self.bits[f as usize / 32] &= !(1 << (f % 32));
        }
    }

    /// EFER exists.
    pub fn has_efer(&self) -> bool {
        self.has(SYSCALL) || self.has(LM) || self.has(NX)
    }

    /// The bits of EFLAGS that exist.
    pub fn eflags_mask(&self) -> u32 {
        let vme = if self.has(VME) {
            crate::flags::VIF | crate::flags::VIP
        } else {
            0
        };
        0x0027_7fd7 & !0x20_0000 | crate::flags::ID | vme
    }

    /// Whether it has the instructions of iced's feature.
    pub fn has_instructions(&self, f: CpuidFeature) -> bool {
        use CpuidFeature as F;
        match f {
            F::INTEL8086 | F::INTEL186 | F::INTEL286 | F::INTEL386 | F::INTEL486 | F::SMM => true,
            F::FPU | F::FPU287 | F::FPU387 => self.has(FPU),
            F::PAUSE | F::MULTIBYTENOP | F::CET_IBT | F::CET_SS => true,
            F::CPUID => true,
            F::CMOV => self.has(CMOV),
            F::CX8 => self.has(CX8),
            F::CMPXCHG16B => self.has(CX16),
            F::MSR => self.has(MSR),
            F::TSC => self.has(TSC),
            F::RDTSCP => self.has(RDTSCP),
            F::RDPMC => self.has(MMX),
            F::SEP => self.has(SEP),
            F::SYSCALL => self.has(SYSCALL),
            F::CLFSH => self.has(CLFLUSH),
            F::CLFLUSHOPT => self.has(CLFLUSHOPT),
            F::MONITOR => self.has(MONITOR),
            F::MMX => self.has(MMX),
            F::FXSR => self.has(FXSR),
            F::SSE => self.has(SSE),
            F::SSE2 => self.has(SSE2),
            F::SSE3 => self.has(SSE3),
            F::SSSE3 => self.has(SSSE3),
            F::SSE4_1 => self.has(SSE41),
            F::SSE4_2 => self.has(SSE42),
            F::AES => self.has(AES),
            F::PCLMULQDQ => self.has(PCLMULQDQ),
            F::POPCNT => self.has(POPCNT),
            F::LZCNT => self.has(ABM),
            F::MOVBE => self.has(MOVBE),
            F::BMI1 => self.has(BMI1),
            F::BMI2 => self.has(BMI2),
            F::ADX => self.has(ADX),
            F::SMAP => self.has(SMAP),
            F::XSAVE => self.has(XSAVE),
            F::XSAVEOPT => self.has(XSAVEOPT),
            F::XSAVEC => self.has(XSAVEC),
            F::AVX => self.has(AVX),
            F::AVX2 => self.has(AVX2),
            F::FMA => self.has(FMA),
            F::F16C => self.has(F16C),
            F::FSGSBASE => self.has(FSGSBASE),
            F::PREFETCHW => true,
            F::D3NOW => self.has(D3NOW),
            F::D3NOWEXT => self.has(D3NOWEXT),
            F::SSE4A => self.has(SSE4A),
            F::SHA => self.has(SHA),
            F::RDRAND => self.has(RDRAND),
            F::RDSEED => self.has(RDSEED),
            F::RDPID => self.has(RDPID),
            F::CLWB => self.has(CLWB),
            _ => false,
        }
    }

    /// How iced decodes for this model: prefixes that newer CPUs took for other instructions are ignored by older ones (SDM vol. 2, TZCNT
    /// and LZCNT: "executed as" BSF and BSR; WBNOINVD: as WBINVD).
    pub fn decoder_options(&self) -> u32 {
        let mut options = DecoderOptions::MPX | DecoderOptions::NO_WBNOINVD;
        if !self.has(BMI1) {
            options |= DecoderOptions::NO_MPFX_0FBC;
        }
        if !self.has(ABM) {
            options |= DecoderOptions::NO_MPFX_0FBD;
        }
        options
    }

    /// The twelve letters of a leaf as its registers EBX, EDX, ECX.
    fn vendor_words(&self) -> [u32; 3] {
        let mut b = [0u8; 12];
        for (d, s) in b.iter_mut().zip(self.vendor.bytes()) {
            *d = s;
        }
        let w = |i: usize| u32::from_le_bytes([b[i], b[i + 1], b[i + 2], b[i + 3]]);
        [w(0), w(4), w(8)]
    }

    fn signature(&self) -> u32 {
        let (f, xf) = if self.family > 15 {
            (15, self.family - 15)
        } else {
            (self.family, 0)
        };
        self.stepping | (self.model & 15) << 4 | f << 8 | (self.model >> 4) << 16 | xf << 20
    }

    /// CPUID: EAX, EBX, ECX, EDX. `apic_id` is the vCPU's number. What control registers show in it is not in yet.
    pub fn cpuid(&self, leaf: u32, subleaf: u32, apic_id: u32, apic_on: bool) -> [u32; 4] {
        let [v0, v1, v2] = self.vendor_words();
        let leaf = match leaf {
            0x8000_0000.. if leaf <= self.xlevel => leaf,
            0x8000_0000.. if self.xlevel != 0 && leaf == 0x8000_0000 => leaf,
            // Leaves that do not exist give what the highest basic one gives.
            _ if leaf > self.level => self.level,
            l => l,
        };
        match leaf {
            0 => [self.level, v0, v2, v1],
            1 => {
                let mut edx = self.bits[0];
                if !apic_on {
                    edx &= !(1 << 9);
                }
                let clflush = if self.has(CLFLUSH) { 8 << 8 } else { 0 };
                [self.signature(), apic_id << 24 | clflush, self.bits[1], edx]
            }
            2 => [0x01, 0, 0x4d, 0x2c_307d],
            4 => match subleaf {
                0 => [0x121, 0x01c0_003f, 63, 1],
                1 => [0x122, 0x01c0_003f, 63, 1],
                2 => [0x143, 0x03c0_003f, 4095, 1],
                _ => [0; 4],
            },
            7 if subleaf == 0 => [0, self.bits[2], self.bits[3], 0],
            0xd if self.has(XSAVE) => {
                use crate::xsave::{AVX_AT, AVX_BYTES};
                let (components, bytes) = if self.has(AVX) {
                    (7, AVX_AT + AVX_BYTES)
                } else {
                    (3, AVX_AT)
                };
                match subleaf {
                    0 => [components, bytes as u32, bytes as u32, 0],
                    1 => [self.bits[6], 0, 0, 0],
                    2 if self.has(AVX) => [AVX_BYTES as u32, AVX_AT as u32, 0, 0],
                    _ => [0; 4],
                }
            }
            0x8000_0000 => {
                let [a, b, c] = if self.vendor == AMD {
                    [v0, v2, v1]
                } else {
                    [0, 0, 0]
                };
                [self.xlevel, a, b, c]
            }
            0x8000_0001 => {
                let shared = if self.vendor == AMD {
                    self.bits[0] & 0x0183_f3ff
                } else {
                    0
                };
                [self.signature(), 0, self.bits[5], self.bits[4] | shared]
            }
            0x8000_0002..=0x8000_0004 => {
                let mut b = [0u8; 48];
                for (d, s) in b.iter_mut().zip(self.brand.bytes()) {
                    *d = s;
                }
                let at = (leaf - 0x8000_0002) as usize * 16;
                std::array::from_fn(|i| {
                    u32::from_le_bytes([
                        b[at + 4 * i],
                        b[at + 4 * i + 1],
                        b[at + 4 * i + 2],
                        b[at + 4 * i + 3],
                    ])
                })
            }
            0x8000_0008 => [
                self.phys_bits | if self.has(LM) { 48 << 8 } else { 32 << 8 },
                0,
                0,
                0,
            ],
            _ => [0; 4],
        }
    }
}
