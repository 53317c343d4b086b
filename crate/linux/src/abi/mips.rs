//! MIPS: o32, n64 and n32 (linux/arch/mips/include/uapi/asm: the headers' numbers).

use super::layout::StatField::{self, *};
use super::signals::{SaFlags, Sig};
use super::{Abi, FcntlNumbers, Flags};
use crate::errno::Errno;

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavour {
    /// 32-bit registers and pointers.
    O32,
    /// 64-bit registers, 32-bit pointers.
    N32,
    /// 64-bit.
    N64,
}

static SIGNALS: &[Sig] = &[
    Sig::Hup,
    Sig::Int,
    Sig::Quit,
    Sig::Ill,
    Sig::Trap,
    Sig::Abrt,
    Sig::Emt,
    Sig::Fpe,
    Sig::Kill,
    Sig::Bus,
    Sig::Segv,
    Sig::Sys,
    Sig::Pipe,
    Sig::Alrm,
    Sig::Term,
    Sig::Usr1,
    Sig::Usr2,
    Sig::Chld,
    Sig::Pwr,
    Sig::Winch,
    Sig::Urg,
    Sig::Io,
    Sig::Stop,
    Sig::Tstp,
    Sig::Cont,
    Sig::Ttin,
    Sig::Ttou,
    Sig::Vtalrm,
    Sig::Prof,
    Sig::Xcpu,
    Sig::Xfsz,
];

static OPEN: Flags = &[
    (0x8, 0o2000),
    (0x80, 0o4000),
    (0x100, 0o100),
    (0x200, 0o1000),
    (0x400, 0o200),
    (0x800, 0o400),
    (0x1000, 0o20000),
    (0x2000, 0o100000),
    (0x4010, 0o4010000),
    (0x10, 0o10000),
    (0x8000, 0o40000),
    (0x10000, 0o200000),
    (0x20000, 0o400000),
    (0x40000, 0o1000000),
    (0x80000, 0o2000000),
];

static MAP: Flags = &[
    (0x10, 0x10),
    (0x800, 0x20),
    (0x1000, 0x100),
    (0x2000, 0x800),
    (0x4000, 0x1000),
    (0x8000, 0x2000),
    (0x400, 0x4000),
    (0x10000, 0x8000),
    (0x20000, 0x10000),
    (0x40000, 0x20000),
    (0x80000, 0x40000),
    (0x10_0000, 0x10_0000),
];

static SO: Flags = &[
    (1, 1),
    (4, 2),
    (8, 9),
    (0x10, 5),
    (0x20, 6),
    (0x80, 13),
    (0x100, 10),
    (0x200, 15),
    (0x1008, 3),
    (0x1007, 4),
    (0x1001, 7),
    (0x1002, 8),
    (0x1003, 19),
    (0x1004, 18),
    (0x1005, 21),
    (0x1006, 20),
    (0x1009, 30),
    (0x1028, 38),
    (0x1029, 39),
    (17, 16),
    (18, 17),
    (66, 66),
    (67, 67),
    (31, 32),
    (33, 33),
    (29, 29),
    (35, 35),
    (37, 37),
];

static IOCTLS: Flags = &[
    (0x540d, 0x5401),
    (0x540e, 0x5402),
    (0x540f, 0x5403),
    (0x5410, 0x5404),
    (0x5401, 0x5405),
    (0x5402, 0x5406),
    (0x5403, 0x5407),
    (0x5404, 0x5408),
    (0x5405, 0x5409),
    (0x5406, 0x540a),
    (0x5407, 0x540b),
    (0x740d, 0x540c),
    (0x740e, 0x540d),
    (0x5480, 0x540e),
    (0x4004_7477, 0x540f),
    (0x8004_7476, 0x5410),
    (0x7472, 0x5411),
    (0x5472, 0x5412),
    (0x4008_7468, 0x5413),
    (0x8008_7467, 0x5414),
    (0x467f, 0x541b),
    (0x5471, 0x5422),
    (0x7416, 0x5429),
    (0x667e, 0x5421),
    (0x6601, 0x5451),
    (0x6602, 0x5450),
    (0x667d, 0x5452),
    (0x4004_5430, 0x8004_5430),
    (0x8004_5431, 0x4004_5431),
    (0x5470, 0x5420),
    (0x5486, 0x5425),
    (0x5427, 0x5427),
];

static LFLAGS: Flags = &[
    (0x100, 0o100000),
    (0x8000, 0o400),
    (0x80, 0o200),
    (0x2000, 0o10000),
    (0x4000, 0o40000),
];

static STAT_O32: &[StatField] = &[
    Dev(4),
    Pad(12),
    Ino(4),
    Mode(4),
    Nlink(4),
    Uid(4),
    Gid(4),
    Rdev(4),
    Pad(8),
    Size(4),
    Pad(4),
    Atime(4),
    AtimeNs(4),
    Mtime(4),
    MtimeNs(4),
    Ctime(4),
    CtimeNs(4),
    Blksize(4),
    Blocks(4),
    Pad(56),
];
static STAT64_O32: &[StatField] = &[
    Dev(4),
    Pad(12),
    Ino(8),
    Mode(4),
    Nlink(4),
    Uid(4),
    Gid(4),
    Rdev(4),
    Pad(12),
    Size(8),
    Atime(4),
    AtimeNs(4),
    Mtime(4),
    MtimeNs(4),
    Ctime(4),
    CtimeNs(4),
    Blksize(4),
    Pad(4),
    Blocks(8),
];
static STAT_N64: &[StatField] = &[
    Dev(4),
    Pad(12),
    Ino(8),
    Mode(4),
    Nlink(4),
    Uid(4),
    Gid(4),
    Rdev(4),
    Pad(12),
    Size(8),
    Atime(4),
    AtimeNs(4),
    Mtime(4),
    MtimeNs(4),
    Ctime(4),
    CtimeNs(4),
    Blksize(4),
    Pad(4),
    Blocks(8),
];

/// An ABI of MIPS.
pub fn abi(flavour: Flavour, big_endian: bool) -> Abi {
    let wide = flavour == Flavour::N64;
    let (task_size, stack_top, pie_base) = match flavour {
        Flavour::N64 => (1 << 40, 0xff_3fff_f000, 0xaa_1aaa_a000),
        _ => (0x7fff_8000, 0x3fff_8000, 0x1555_0000),
    };
    let (syscalls, syscall_base) = match flavour {
        Flavour::O32 => (include_str!("mips_o32.tbl"), 4000),
        Flavour::N64 => (include_str!("mips_n64.tbl"), 5000),
        Flavour::N32 => (include_str!("mips_n32.tbl"), 6000),
    };
    Abi {
        name: match (flavour, big_endian) {
            (Flavour::O32, false) => "mipsel",
            (Flavour::O32, true) => "mips",
            (Flavour::N32, false) => "mipsn32el",
            (Flavour::N32, true) => "mipsn32",
            (Flavour::N64, false) => "mips64el",
            (Flavour::N64, true) => "mips64",
        },
        machine: if flavour == Flavour::O32 {
            "mips"
        } else {
            "mips64"
        },
        platform: "",
        long: if wide { 8 } else { 4 },
        big_endian,
        align64: 8,
        pairs: flavour == Flavour::O32,
        pairs_aligned: true,
        syscalls,
        syscall_base,
        errno: Errno::mips,
        signals: SIGNALS,
        sigset_bytes: 16,
        sigaction_flags_first: true,
        sigaction_restorer: false,
        siginfo_code_first: true,
        stack_size_first: true,
        sig_block: 1,
        sa: SaFlags {
            siginfo: 8,
            onstack: 0x0800_0000,
            restart: 0x1000_0000,
            nodefer: 0x4000_0000,
            resethand: 0x8000_0000,
            nocldstop: 1,
            nocldwait: 0x10000,
            restorer: 0,
        },
        open_flags: OPEN,
        map_flags: MAP,
        fcntl: FcntlNumbers {
            locks: [14, 6, 7],
            locks64: if flavour == Flavour::N64 {
                [u32::MAX; 3]
            } else {
                [33, 34, 35]
            },
            own: [24, 23],
        },
        rlimits: [5, 6, 7, 8, 9],
        rlim_infinity: if wide { u64::MAX } else { 0x7fff_ffff },
        sock_stream_dgram: (2, 1),
        sol_socket: 0xffff,
        so: SO,
        ioctls: IOCTLS,
        nccs: 23,
        cc: [0, 1, 2, 3, 16, 5, 4, 7, 8, 9, 10, 17, 12, 13, 14, 15, 6],
        lflags: LFLAGS,
        stat: match flavour {
            Flavour::O32 => STAT_O32,
            // stat of n32 has the layout of stat64 of o32.
            Flavour::N32 => STAT64_O32,
            Flavour::N64 => STAT_N64,
        },
        stat64: if flavour == Flavour::O32 {
            STAT64_O32
        } else {
            &[]
        },
        epoll_packed: false,
        statfs_mips: true,
        flock_mips: flavour == Flavour::O32,
        task_size,
        stack_top,
        pie_base,
        read_implies_exec: true,
        hwcap: 0,
        pipe_in_registers: true,
        clone_tls_last: false,
        ipc_time_pairs: (false, false),
    }
}
