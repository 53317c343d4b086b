//! Error numbers. Inside, the numbers are those of asm-generic (x86, ARM, …); an ABI that has others translates at the border.

/// An error number, asm-generic numbering.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub u16);

/// What most operations give.
pub type Res<T> = Result<T, Errno>;

/// No error of a program's: contents must be fetched first, and the system call is made again (as Linux's ERESTARTSYS, inside alone).
pub const ABSENT: Errno = Errno(512);

macro_rules! errnos {
    ($($name:ident = $n:literal / $mips:literal;)*) => {
        $(#[allow(missing_docs, reason = "the name says it")] pub const $name: Errno = Errno($n);)*

        impl Errno {
            /// Name in the manuals.
            pub fn name(self) -> &'static str {
                match self.0 { $($n => stringify!($name),)* _ => "E?" }
            }

            /// MIPS's number (arch/mips/include/uapi/asm/errno.h).
            pub fn mips(self) -> u16 {
                match self.0 { $($n => $mips,)* n => n }
            }
        }
    };
}

errnos! {
    EPERM = 1 / 1;
    ENOENT = 2 / 2;
    ESRCH = 3 / 3;
    EINTR = 4 / 4;
    EIO = 5 / 5;
    ENXIO = 6 / 6;
    E2BIG = 7 / 7;
    ENOEXEC = 8 / 8;
    EBADF = 9 / 9;
    ECHILD = 10 / 10;
    EAGAIN = 11 / 11;
    ENOMEM = 12 / 12;
    EACCES = 13 / 13;
    EFAULT = 14 / 14;
    ENOTBLK = 15 / 15;
    EBUSY = 16 / 16;
    EEXIST = 17 / 17;
    EXDEV = 18 / 18;
    ENODEV = 19 / 19;
    ENOTDIR = 20 / 20;
    EISDIR = 21 / 21;
    EINVAL = 22 / 22;
    ENFILE = 23 / 23;
    EMFILE = 24 / 24;
    ENOTTY = 25 / 25;
    ETXTBSY = 26 / 26;
    EFBIG = 27 / 27;
    ENOSPC = 28 / 28;
    ESPIPE = 29 / 29;
    EROFS = 30 / 30;
    EMLINK = 31 / 31;
    EPIPE = 32 / 32;
    EDOM = 33 / 33;
    ERANGE = 34 / 34;
    EDEADLK = 35 / 45;
    ENAMETOOLONG = 36 / 78;
    ENOLCK = 37 / 46;
    ENOSYS = 38 / 89;
    ENOTEMPTY = 39 / 93;
    ELOOP = 40 / 90;
    ENOMSG = 42 / 35;
    EIDRM = 43 / 36;
    ECHRNG = 44 / 37;
    EL2NSYNC = 45 / 38;
    EL3HLT = 46 / 39;
    EL3RST = 47 / 40;
    ELNRNG = 48 / 41;
    EUNATCH = 49 / 42;
    ENOCSI = 50 / 43;
    EL2HLT = 51 / 44;
    EBADE = 52 / 50;
    EBADR = 53 / 51;
    EXFULL = 54 / 52;
    ENOANO = 55 / 53;
    EBADRQC = 56 / 54;
    EBADSLT = 57 / 55;
    EBFONT = 59 / 59;
    ENOSTR = 60 / 60;
    ENODATA = 61 / 61;
    ETIME = 62 / 62;
    ENOSR = 63 / 63;
    ENONET = 64 / 64;
    ENOPKG = 65 / 65;
    EREMOTE = 66 / 66;
    ENOLINK = 67 / 67;
    EADV = 68 / 68;
    ESRMNT = 69 / 69;
    ECOMM = 70 / 70;
    EPROTO = 71 / 71;
    EMULTIHOP = 72 / 74;
    EDOTDOT = 73 / 73;
    EBADMSG = 74 / 77;
    EOVERFLOW = 75 / 79;
    ENOTUNIQ = 76 / 80;
    EBADFD = 77 / 81;
    EREMCHG = 78 / 82;
    ELIBACC = 79 / 83;
    ELIBBAD = 80 / 84;
    ELIBSCN = 81 / 85;
    ELIBMAX = 82 / 86;
    ELIBEXEC = 83 / 87;
    EILSEQ = 84 / 88;
    ERESTART = 85 / 91;
    ESTRPIPE = 86 / 92;
    EUSERS = 87 / 94;
    ENOTSOCK = 88 / 95;
    EDESTADDRREQ = 89 / 96;
    EMSGSIZE = 90 / 97;
    EPROTOTYPE = 91 / 98;
    ENOPROTOOPT = 92 / 99;
    EPROTONOSUPPORT = 93 / 120;
    ESOCKTNOSUPPORT = 94 / 121;
    EOPNOTSUPP = 95 / 122;
    EPFNOSUPPORT = 96 / 123;
    EAFNOSUPPORT = 97 / 124;
    EADDRINUSE = 98 / 125;
    EADDRNOTAVAIL = 99 / 126;
    ENETDOWN = 100 / 127;
    ENETUNREACH = 101 / 128;
    ENETRESET = 102 / 129;
    ECONNABORTED = 103 / 130;
    ECONNRESET = 104 / 131;
    ENOBUFS = 105 / 132;
    EISCONN = 106 / 133;
    ENOTCONN = 107 / 134;
    ESHUTDOWN = 108 / 143;
    ETOOMANYREFS = 109 / 144;
    ETIMEDOUT = 110 / 145;
    ECONNREFUSED = 111 / 146;
    EHOSTDOWN = 112 / 147;
    EHOSTUNREACH = 113 / 148;
    EALREADY = 114 / 149;
    EINPROGRESS = 115 / 150;
    ESTALE = 116 / 151;
    EUCLEAN = 117 / 135;
    ENOTNAM = 118 / 137;
    ENAVAIL = 119 / 138;
    EISNAM = 120 / 139;
    EREMOTEIO = 121 / 140;
    EDQUOT = 122 / 1133;
    ENOMEDIUM = 123 / 159;
    EMEDIUMTYPE = 124 / 160;
    ECANCELED = 125 / 158;
    ENOKEY = 126 / 161;
    EKEYEXPIRED = 127 / 162;
    EKEYREVOKED = 128 / 163;
    EKEYREJECTED = 129 / 164;
    EOWNERDEAD = 130 / 165;
    ENOTRECOVERABLE = 131 / 166;
    ERFKILL = 132 / 167;
    EHWPOISON = 133 / 168;
}

impl core::fmt::Debug for Errno {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

impl From<std::io::Error> for Errno {
    fn from(e: std::io::Error) -> Errno {
        Errno(e.raw_os_error().map_or(EIO.0, |n| n as u16))
    }
}
