//! What a command answers when it cannot: QEMU's class and sentence.

use std::fmt;

/// The classes that QEMU has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Everything without a class of its own.
    GenericError,
    /// No such command, or not now.
    CommandNotFound,
    /// No such device, object or instance.
    DeviceNotFound,
    /// The device is there and does nothing.
    DeviceNotActive,
}

impl Class {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Class::GenericError => "GenericError",
            Class::CommandNotFound => "CommandNotFound",
            Class::DeviceNotFound => "DeviceNotFound",
            Class::DeviceNotActive => "DeviceNotActive",
        }
    }
}

/// A refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// For programs.
    pub class: Class,
    /// For people.
    pub desc: String,
}

impl Error {
    /// A refusal without a class of its own.
    pub fn generic(desc: impl Into<String>) -> Error {
        Error {
            class: Class::GenericError,
            desc: desc.into(),
        }
    }

    /// Something that is not there.
    pub fn not_found(desc: impl Into<String>) -> Error {
        Error {
            class: Class::DeviceNotFound,
            desc: desc.into(),
        }
    }

    /// A device that is not there.
    pub fn no_device(name: &str) -> Error {
        Error::not_found(format!("Device '{name}' not found"))
    }

    /// A command that is not there, or not now.
    pub fn no_command(desc: impl Into<String>) -> Error {
        Error {
            class: Class::CommandNotFound,
            desc: desc.into(),
        }
    }

    /// What this machine cannot do.
    pub fn unsupported() -> Error {
        Error::generic("this feature or command is not currently supported")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.desc)
    }
}

impl std::error::Error for Error {}
