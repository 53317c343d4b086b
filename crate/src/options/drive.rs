//! `-drive` and its short forms.

use tinamou_core::ErrorAction;

use super::keyval::{self, on_off, unknown};

/// What is in the drive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Media {
    /// A hard disk.
    Disk,
    /// A CD-ROM.
    Cdrom,
}

/// The image's format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A file's bytes are the disk's.
    Raw,
    /// QEMU's own.
    Qcow2,
    /// Zeros: `null-co://SIZE`.
    Null,
}

/// What a drive is connected to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interface {
    /// The board's IDE controller.
    Ide,
    /// A PC's floppy controller.
    Floppy,
    /// A virtio interface of its own.
    Virtio,
}

/// A drive as asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drive {
    /// The image; without one the drive is empty.
    pub file: Option<String>,
    /// `None`: look into the file.
    pub format: Option<Format>,
    /// Disk or CD.
    pub media: Media,
    /// What it is connected to.
    pub interface: Interface,
    /// Place there, on IDE `2 * bus + unit`; `None` for the first free one.
    pub index: Option<u32>,
    /// Never write the file.
    pub readonly: bool,
    /// Writes are kept in memory; `None` as `-snapshot` says.
    pub snapshot: Option<bool>,
    /// What follows when the file cannot be read.
    pub rerror: ErrorAction,
    /// What follows when it cannot be written.
    pub werror: ErrorAction,
}

impl Drive {
    /// The drive of `-hda FILE` and the like.
    pub fn at(index: u32, media: Media, file: &str) -> Drive {
        Drive {
            file: Some(file.into()),
            format: None,
            media,
            interface: Interface::Ide,
            index: Some(index),
            readonly: false,
            snapshot: None,
            rerror: ErrorAction::Report,
            werror: ErrorAction::StopIfFull,
        }
    }
}

/// `rerror` and `werror`.
fn action(pair: &keyval::Pair, write: bool) -> Result<ErrorAction, String> {
    match pair.value.as_str() {
        "report" => Ok(ErrorAction::Report),
        "ignore" => Ok(ErrorAction::Ignore),
        "stop" => Ok(ErrorAction::Stop),
        "enospc" if write => Ok(ErrorAction::StopIfFull),
        other => {
            let kind = if write { "write" } else { "read" };
            Err(format!("'{other}' invalid {kind} error action"))
        }
    }
}

/// Reads `-drive`'s list.
///
/// # Errors
/// A sentence for the user.
pub fn parse(text: &str) -> Result<Drive, String> {
    let mut drive = Drive {
        file: None,
        format: None,
        media: Media::Disk,
        interface: Interface::Ide,
        index: None,
        readonly: false,
        snapshot: None,
        rerror: ErrorAction::Report,
        werror: ErrorAction::StopIfFull,
    };
    let (mut bus, mut unit) = (None, None);
    let number = |p: &keyval::Pair| {
        p.value
            .parse::<u32>()
            .map_err(|_| format!("'{}' expects a number, not '{}'", p.key, p.value))
    };
    for pair in keyval::parse(text, None)? {
        match pair.key.as_str() {
            "file" => drive.file = Some(pair.value),
            "format" => {
                drive.format = Some(match pair.value.as_str() {
                    "raw" => Format::Raw,
                    "qcow2" => Format::Qcow2,
                    other => return Err(format!("unknown format '{other}' (raw, qcow2)")),
                });
            }
            "if" => {
                drive.interface = match pair.value.as_str() {
                    "ide" => Interface::Ide,
                    "floppy" => Interface::Floppy,
                    "virtio" => Interface::Virtio,
                    other => {
                        let why = "only ide, floppy and virtio are supported";
                        return Err(format!("if={other}: {why}"));
                    }
                };
            }
            "media" => {
                drive.media = match pair.value.as_str() {
                    "disk" => Media::Disk,
                    "cdrom" => Media::Cdrom,
                    other => return Err(format!("unknown media '{other}' (disk, cdrom)")),
                };
            }
            "index" => drive.index = Some(number(&pair)?),
            "bus" => bus = Some(number(&pair)?),
            "unit" => unit = Some(number(&pair)?),
            "readonly" | "read-only" => drive.readonly = on_off(&pair)?,
            "snapshot" => drive.snapshot = Some(on_off(&pair)?),
            "rerror" => drive.rerror = action(&pair, false)?,
            "werror" => drive.werror = action(&pair, true)?,
            // How QEMU caches and names things changes nothing here.
            "cache" | "aio" | "id" | "discard" | "detect-zeroes" => {}
            _ => return Err(unknown(&pair)),
        }
    }
    if bus.is_some() || unit.is_some() {
        if drive.index.is_some() {
            return Err("index cannot be used with bus and unit".into());
        }
        if unit.unwrap_or(0) > 1 {
            return Err("an IDE bus has units 0 and 1".into());
        }
        drive.index = Some(
            bus.unwrap_or(0)
                .saturating_mul(2)
                .saturating_add(unit.unwrap_or(0)),
        );
    }
    if drive.file.is_none() && drive.media == Media::Disk {
        return Err("needs file=".into());
    }
    Ok(drive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives() {
        let d = parse("file=a.img,format=raw,if=ide,index=1,snapshot=on").unwrap();
        let want = Drive {
            format: Some(Format::Raw),
            snapshot: Some(true),
            ..Drive::at(1, Media::Disk, "a.img")
        };
        assert_eq!(d, want);
        let d = parse("file=a,,b.iso,media=cdrom,readonly=on,bus=1,unit=0").unwrap();
        assert_eq!(
            d,
            Drive {
                readonly: true,
                ..Drive::at(2, Media::Cdrom, "a,b.iso")
            }
        );
        assert_eq!(parse("media=cdrom").unwrap().file, None);
        for text in [
            "",
            "foo=1",
            "file=a,if=scsi",
            "file=a,format=vmdk",
            "file=a,index=x",
            "file=a,media=tape",
            "file=a,unit=2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
