//! Drives.

use crate::qmp::{block, nodes};
use crate::schema::Type::{Bool, Enum, Int, List, Object, Str};
use crate::schema::{Command, cmd, opt, req};
use crate::types::*;

/// The commands.
pub static COMMANDS: &[Command] = &[
    // Drives.
    cmd("query-block", block::query)
        .returns(List(&Object(&BLOCK_INFO)))
        .since("0.14")
        .preconfig()
        .doc("The drives and what is in them."),
    cmd("query-blockstats", block::stats)
        .args(&[opt("query-nodes", Bool)])
        .returns(List(&Object(&BLOCK_STATS)))
        .since("0.14")
        .preconfig()
        .doc("What the drives have done. Times are not measured: they are 0."),
    cmd("query-named-block-nodes", block::nodes)
        .args(&[opt("flat", Bool)])
        .returns(List(&Object(&BLOCK_DEVICE_INFO)))
        .since("2.0")
        .preconfig()
        .doc("The images in the drives."),
    cmd("blockdev-add", nodes::add)
        .args(&[
            req("driver", Enum(&BLOCK_DRIVER)),
            opt("node-name", Str),
            opt("read-only", Bool),
        ])
        .since("2.9")
        .loose()
        .preconfig()
        .doc("Opens an image by name: `file` with a filename, `raw` or `qcow2` over a file (options or the name of a node), `null-co` with a size.")
        .errors("No such driver or option; the name is taken or no identifier; the file."),
    cmd("blockdev-del", nodes::del)
        .args(&[req("node-name", Str)])
        .since("2.9")
        .preconfig()
        .doc("Closes it.")
        .errors("There is none; it is in use."),
    cmd("blockdev-insert-medium", nodes::insert)
        .args(&[req("id", Str), req("node-name", Str)])
        .since("2.12")
        .doc("Puts such an image into a drive that is empty and open.")
        .errors("DeviceNotFound; the drive is not removable, closed or full; no such node, or it is in use."),
    cmd("block_resize", nodes::resize)
        .args(&[opt("device", Str), opt("node-name", Str), req("size", Int)])
        .since("0.14")
        .preconfig()
        .doc("Changes the size of what is in a drive, in bytes. The guest finds it at its next look.")
        .errors("No such drive or node; nothing in it; the format, or the file."),
    cmd("blockdev-change-medium", block::change)
        .args(&[
            opt("device", Str),
            opt("id", Str),
            req("filename", Str),
            opt("format", Str),
            opt("force", Bool),
            opt("read-only-mode", Enum(&READ_ONLY_MODE)),
        ])
        .since("2.5")
        .doc("Opens an image and puts it into a drive. DEVICE_TRAY_MOVED comes if the tray was open.")
        .errors("DeviceNotFound; the drive is not removable; the file."),
    cmd("eject", block::eject)
        .args(&[opt("device", Str), opt("id", Str), opt("force", Bool)])
        .since("0.14")
        .doc("Opens a drive's tray and takes out what is in it. DEVICE_TRAY_MOVED comes.")
        .errors("DeviceNotFound; the drive is not removable."),
    cmd("blockdev-open-tray", block::open_tray)
        .args(&[opt("device", Str), opt("id", Str), opt("force", Bool)])
        .since("2.5")
        .doc("Opens a drive's tray. DEVICE_TRAY_MOVED comes. The guest finds the drive empty until it is closed.")
        .errors("DeviceNotFound; the drive is not removable."),
    cmd("blockdev-close-tray", block::close_tray)
        .args(&[opt("device", Str), opt("id", Str)])
        .since("2.5")
        .doc("Closes a drive's tray. DEVICE_TRAY_MOVED comes.")
        .errors("DeviceNotFound; the drive is not removable."),
    cmd("blockdev-remove-medium", block::remove_medium)
        .args(&[req("id", Str)])
        .since("2.12")
        .doc("Takes out what is in a drive whose tray is open.")
        .errors("DeviceNotFound; the tray is closed."),
];
