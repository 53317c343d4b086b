//! Monitors: `-monitor`, `-qmp`, `-qmp-pretty` and `-mon`.

use super::Options;
use super::chardev::Chardev;
use super::keyval::{self, on_off, unknown};

/// What a monitor speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Lines, for people.
    Readline,
    /// QMP.
    Control {
        /// Over several lines.
        pretty: bool,
    },
}

/// A monitor as asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Monitor {
    /// Where it leads.
    pub dev: Chardev,
    /// What it speaks.
    pub mode: Mode,
}

/// Reads `-mon`'s list: `[chardev=]ID[,mode=readline|control][,pretty=on]`.
///
/// # Errors
/// A sentence for the user.
pub fn parse(text: &str) -> Result<Monitor, String> {
    let (mut dev, mut control, mut pretty) = (None, false, false);
    for pair in keyval::parse(text, Some("chardev"))? {
        match (pair.key.as_str(), pair.value.as_str()) {
            ("chardev", id) => dev = Some(Chardev::Named(id.into())),
            ("mode", "readline") => control = false,
            ("mode", "control") => control = true,
            ("mode", other) => return Err(format!("unknown monitor mode '{other}'")),
            ("pretty", _) => pretty = on_off(&pair)?,
            _ => return Err(unknown(&pair)),
        }
    }
    if pretty && !control {
        return Err("'pretty' is not compatible with mode=readline".into());
    }
    let mode = if control {
        Mode::Control { pretty }
    } else {
        Mode::Readline
    };
    let dev = dev.ok_or("needs chardev=")?;
    Ok(Monitor { dev, mode })
}

/// What only all options together show: ids are unique, named devices are there, and one that is not multiplexed has one user.
///
/// # Errors
/// A sentence for the user.
pub fn check(o: &Options) -> Result<(), String> {
    for (n, made) in o.chardevs.iter().enumerate() {
        if o.chardevs[..n].iter().any(|m| m.id == made.id) {
            return Err(format!("-chardev: duplicate ID '{}' for chardev", made.id));
        }
    }
    let mut users: Vec<&str> = Vec::new();
    let monitors = o.monitors.iter().map(|m| &m.dev);
    let devs = o.serial.iter().chain(&o.debug_console).chain(monitors);
    for dev in devs {
        let Chardev::Named(id) = dev else { continue };
        let Some(made) = o.chardevs.iter().find(|m| m.id == *id) else {
            return Err(format!("chardev \"{id}\" not found"));
        };
        if users.contains(&id.as_str()) && !made.mux {
            return Err(format!("Device '{id}' is in use"));
        }
        users.push(id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let named = |mode| Monitor {
            dev: Chardev::Named("a".into()),
            mode,
        };
        assert_eq!(parse("a"), Ok(named(Mode::Readline)));
        assert_eq!(
            parse("chardev=a,mode=control,pretty=on"),
            Ok(named(Mode::Control { pretty: true }))
        );
        for text in ["mode=control", "a,mode=x", "a,pretty=on", "a,frob=1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
