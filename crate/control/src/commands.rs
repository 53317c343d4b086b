//! The list of commands and events, a file for each family. Everything said about them elsewhere (dispatch, `query-commands`,
//! `query-qmp-schema`, the reference page, the page's types) comes from here.

mod block;
mod life;
mod look;
mod machine;
mod outside;
mod state;

use crate::hmp;
use crate::schema::{Command, Event, event};
use crate::types::*;

/// The families.
static FAMILIES: &[&[Command]] = &[
    life::COMMANDS,
    state::COMMANDS,
    machine::COMMANDS,
    block::COMMANDS,
    outside::COMMANDS,
    look::COMMANDS,
];

/// All commands.
pub fn all() -> impl Iterator<Item = &'static Command> {
    FAMILIES.iter().copied().flatten()
}

/// All events.
pub static EVENTS: &[Event] = &[
    event(
        "SHUTDOWN",
        "0.12",
        "The machine goes down: the emulator ends, or the machine stops and stays.",
    )
    .data(&CAUSE_DATA),
    event("POWERDOWN", "0.12", "The power button was pressed."),
    event("RESET", "0.12", "The machine was reset.").data(&CAUSE_DATA),
    event(
        "MIGRATION",
        "2.4",
        "A migration came this far. Only with the capability `events`.",
    )
    .data(&MIGRATION_DATA),
    event(
        "MIGRATION_PASS",
        "2.6",
        "Memory is being saved, for the first and only time. Only with the capability `events`.",
    )
    .data(&MIGRATION_PASS_DATA),
    event("JOB_STATUS_CHANGE", "3.0", "A job came this far.").data(&JOB_STATUS_DATA),
    event("RTC_CHANGE", "0.13", "The guest set its clock.").data(&RTC_DATA),
    event(
        "BLOCK_IO_ERROR",
        "0.13",
        "A drive could not be read or written; `action` says what follows.",
    )
    .data(&IO_ERROR_DATA),
    event("DEVICE_DELETED", "1.5", "A device is gone.").data(&DELETED_DATA),
    event("DUMP_COMPLETED", "2.6", "A dump is done.").data(&DUMP_DATA),
    event(
        "WATCHDOG",
        "0.13",
        "A watchdog was not kept quiet; `action` is what follows.",
    )
    .data(&WATCHDOG_DATA),
    event(
        "GUEST_PANICKED",
        "1.3",
        "The guest broke; `action` is what follows.",
    )
    .data(&PANIC_DATA),
    event(
        "GUEST_CRASHLOADED",
        "5.0",
        "The guest broke, and another one is to find out why.",
    )
    .data(&PANIC_DATA),
    event("STOP", "0.12", "The machine stopped."),
    event("RESUME", "0.12", "The machine runs."),
    event(
        "DEVICE_TRAY_MOVED",
        "1.1",
        "A drive's tray was opened or closed.",
    )
    .data(&TRAY_DATA),
];

/// A command by its name.
pub fn find(name: &str) -> Option<&'static Command> {
    all().find(|c| c.name == name)
}

/// An event by its name.
pub fn find_event(name: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|e| e.name == name)
}

/// The commands of the monitor for people.
pub fn human() -> impl Iterator<Item = &'static hmp::HmpCommand> {
    hmp::all()
}
