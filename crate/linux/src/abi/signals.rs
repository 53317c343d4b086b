//! Signals by meaning: an ABI numbers them.

/// A signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the manual's names")]
pub enum Sig {
    Hup,
    Int,
    Quit,
    Ill,
    Trap,
    Abrt,
    Emt,
    Bus,
    Fpe,
    Kill,
    Usr1,
    Segv,
    Usr2,
    Pipe,
    Alrm,
    Term,
    Stkflt,
    Chld,
    Cont,
    Stop,
    Tstp,
    Ttin,
    Ttou,
    Urg,
    Xcpu,
    Xfsz,
    Vtalrm,
    Prof,
    Winch,
    Io,
    Pwr,
    Sys,
    /// A real-time signal, or none of the above.
    Rt,
}

/// What an unhandled signal does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Default {
    /// Ends the process.
    Term,
    /// Ends it; there would be a core file.
    Core,
    /// Nothing.
    Ignore,
    /// Stops it.
    Stop,
    /// Continues it.
    Cont,
}

impl Sig {
    /// What it does unhandled.
    pub fn default(self) -> Default {
        match self {
            Sig::Chld | Sig::Urg | Sig::Winch => Default::Ignore,
            Sig::Cont => Default::Cont,
            Sig::Stop | Sig::Tstp | Sig::Ttin | Sig::Ttou => Default::Stop,
            Sig::Quit
            | Sig::Ill
            | Sig::Trap
            | Sig::Abrt
            | Sig::Emt
            | Sig::Bus
            | Sig::Fpe
            | Sig::Segv
            | Sig::Xcpu
            | Sig::Xfsz
            | Sig::Sys => Default::Core,
            _ => Default::Term,
        }
    }

    /// Number on x86 (asm-generic), for the exit of the emulator itself; 0 for none.
    pub fn common(self) -> u32 {
        COMMON
            .iter()
            .position(|&s| s == self)
            .map_or(0, |i| i as u32 + 1)
    }

    /// Name, as strsignal's without the prefix: `SEGV`.
    pub fn name(self) -> String {
        format!("{self:?}").to_ascii_uppercase()
    }
}

/// Signals 1 to 31 of asm-generic.
pub const COMMON: &[Sig] = &[
    Sig::Hup,
    Sig::Int,
    Sig::Quit,
    Sig::Ill,
    Sig::Trap,
    Sig::Abrt,
    Sig::Bus,
    Sig::Fpe,
    Sig::Kill,
    Sig::Usr1,
    Sig::Segv,
    Sig::Usr2,
    Sig::Pipe,
    Sig::Alrm,
    Sig::Term,
    Sig::Stkflt,
    Sig::Chld,
    Sig::Cont,
    Sig::Stop,
    Sig::Tstp,
    Sig::Ttin,
    Sig::Ttou,
    Sig::Urg,
    Sig::Xcpu,
    Sig::Xfsz,
    Sig::Vtalrm,
    Sig::Prof,
    Sig::Winch,
    Sig::Io,
    Sig::Pwr,
    Sig::Sys,
];

/// Flags of sigaction.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the manual's names")]
pub struct SaFlags {
    pub siginfo: u32,
    pub onstack: u32,
    pub restart: u32,
    pub nodefer: u32,
    pub resethand: u32,
    pub nocldstop: u32,
    pub nocldwait: u32,
    pub restorer: u32,
}
