//! What surrounds the machine: character devices, keyboard, mouse, display.

use crate::qmp::{chardev, input, screen};
use crate::schema::Type::{Enum, Int, List, Object, Str};
use crate::schema::{Command, cmd, opt, req};
use crate::types::*;

/// The commands.
pub static COMMANDS: &[Command] = &[
    // Character devices.
    cmd("query-chardev", chardev::query)
        .returns(List(&Object(&CHARDEV_INFO)))
        .since("0.14")
        .preconfig()
        .doc("The character devices."),
    cmd("query-chardev-backends", chardev::backends)
        .returns(List(&Object(&CHARDEV_BACKEND_INFO)))
        .since("2.0")
        .doc("The kinds of character devices."),
    cmd("chardev-add", chardev::add)
        .args(&[req("id", Str), req("backend", Object(&CHARDEV_BACKEND))])
        .returns(Object(&CHARDEV_RETURN))
        .since("1.4")
        .doc("Makes a character device.")
        .errors("The id is taken; what the host says."),
    cmd("chardev-remove", chardev::remove)
        .args(&[req("id", Str)])
        .since("1.4")
        .doc("Removes a character device.")
        .errors("There is none; it is in use."),
    cmd("chardev-change", chardev::change)
        .args(&[req("id", Str), req("backend", Object(&CHARDEV_BACKEND))])
        .returns(Object(&CHARDEV_RETURN))
        .since("2.10")
        .doc("Leads a character device elsewhere; whoever uses it goes on.")
        .errors("There is none; what the host says: it is as it was then."),
    cmd("chardev-send-break", chardev::send_break)
        .args(&[req("id", Str)])
        .since("2.10")
        .doc("Sends a break to whoever uses a character device. No serial port of ours notices.")
        .errors("There is none."),
    cmd("ringbuf-write", chardev::ringbuf_write)
        .args(&[
            req("device", Str),
            req("data", Str),
            opt("format", Enum(&DATA_FORMAT)),
        ])
        .since("1.4")
        .doc("Writes into a ring buffer.")
        .errors("There is none; the data are not base64."),
    cmd("ringbuf-read", chardev::ringbuf_read)
        .args(&[
            req("device", Str),
            req("size", Int),
            opt("format", Enum(&DATA_FORMAT)),
        ])
        .returns(Str)
        .since("1.4")
        .doc("Takes bytes out of a ring buffer.")
        .errors("There is none; the size is not above zero."),
    cmd("query-yank", chardev::query_yank)
        .returns(List(&Object(&YANK_INSTANCE)))
        .since("6.0")
        .oob()
        .doc("Things whose network connection could hang: none of ours can."),
    cmd("yank", chardev::yank)
        .args(&[req("instances", List(&Object(&YANK_INSTANCE)))])
        .since("6.0")
        .oob()
        .doc("Tears such connections down.")
        .errors("DeviceNotFound."),
    // Keyboard, mouse, display.
    cmd("send-key", input::send_key)
        .args(&[req("keys", List(&Object(&KEY_VALUE))), opt("hold-time", Int)])
        .since("1.3")
        .doc("Presses keys and lets them go, at once: `hold-time` is not waited for, the keyboard sends in order. The PC has a keyboard; on Malta keys are lost."),
    cmd("input-send-event", input::send_event)
        .args(&[
            opt("device", Str),
            opt("head", Int),
            req("events", List(&Object(&INPUT_EVENT))),
        ])
        .since("2.6")
        .doc("Keys, buttons and movements. Nothing takes absolute places.")
        .errors("The machine does not run; DeviceNotFound: displays have no names."),
    cmd("screendump", screen::dump)
        .args(&[
            req("filename", Str),
            opt("device", Str),
            opt("head", Int),
            opt("format", Enum(&IMAGE_FORMAT)),
        ])
        .since("0.14")
        .doc("Writes the display's picture into a file of the host.")
        .errors("There is no display; DeviceNotFound; the file."),
    cmd("query-mice", input::mice)
        .returns(List(&Object(&MOUSE_INFO)))
        .since("0.14")
        .doc("The mice: the PC has one, PS/2."),
    cmd("query-display-options", input::display)
        .returns(Object(&DISPLAY_OPTIONS))
        .since("3.1")
        .doc("The display: none yet."),
];
