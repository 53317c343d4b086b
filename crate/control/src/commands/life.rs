//! The protocol itself, and the life of the machine.

use crate::qmp::{human, life, protocol};
use crate::schema::Type::{Enum, Int, List, Object, Str};
use crate::schema::{Command, cmd, opt, req};
use crate::types::*;

/// The commands.
pub static COMMANDS: &[Command] = &[
    // The protocol itself.
    cmd("qmp_capabilities", protocol::capabilities)
        .args(&[opt("enable", List(&Enum(&CAPABILITY)))])
        .since("0.13")
        .preconfig()
        .doc("Ends the negotiation; every session begins with it.")
        .errors("CommandNotFound when the negotiation is over."),
    cmd("query-version", protocol::version)
        .returns(Object(&VERSION_INFO))
        .since("0.14")
        .preconfig()
        .doc("The version of QEMU whose protocol this is, and as `package` our own."),
    cmd("query-commands", protocol::commands)
        .returns(List(&Object(&COMMAND_INFO)))
        .since("0.14")
        .preconfig()
        .doc("The commands' names."),
    cmd("query-qmp-schema", protocol::schema)
        .returns(List(&Object(&SCHEMA_INFO)))
        .since("2.5")
        .preconfig()
        .doc("Commands, events and types as data."),
    cmd("human-monitor-command", human::run)
        .args(&[req("command-line", Str), opt("cpu-index", Int)])
        .returns(Str)
        .since("0.14")
        .doc("Runs a line of the monitor for people and returns what it says.")
        .errors("A wrong CPU number; what is wrong with the line comes in the text."),
    // The life of the machine.
    cmd("query-status", life::status)
        .returns(Object(&STATUS_INFO))
        .since("0.14")
        .preconfig()
        .doc("Whether the machine runs and, if not, why."),
    cmd("x-exit-preconfig", life::exit_preconfig)
        .since("3.0")
        .preconfig()
        .features(&["unstable"])
        .doc("Makes the machine and, without `-S`, starts it. RESUME comes when it runs.")
        .errors("The machine is there already; it cannot be made as configured (then it is still preconfig, where QEMU exits)."),
    cmd("stop", life::stop)
        .since("0.14")
        .doc("Stops the machine. STOP comes if it ran."),
    cmd("cont", life::cont)
        .since("0.14")
        .doc("Lets the machine run. RESUME comes if it did not.")
        .errors("It is off and must be reset first."),
    cmd("system_reset", life::reset)
        .since("0.14")
        .doc("The reset button. RESET comes, or SHUTDOWN where a reset ends the machine."),
    cmd("system_powerdown", life::powerdown)
        .since("0.14")
        .doc("The power button. POWERDOWN comes; what the guest does is its own affair."),
    cmd("system_wakeup", life::wakeup)
        .since("1.1")
        .doc("Wakes a suspended machine.")
        .errors("It is not suspended: no board of ours can be."),
    cmd("inject-nmi", life::nmi)
        .since("0.14")
        .doc("A non-maskable interrupt.")
        .errors("Malta has none."),
    cmd("quit", life::quit)
        .since("0.14")
        .preconfig()
        .doc("Ends the emulator. SHUTDOWN comes first."),
    cmd("set-action", life::set_action)
        .args(&[
            opt("reboot", Enum(&REBOOT_ACTION)),
            opt("shutdown", Enum(&SHUTDOWN_ACTION)),
            opt("panic", Enum(&PANIC_ACTION)),
            opt("watchdog", Enum(&WATCHDOG_ACTION)),
        ])
        .since("6.0")
        .preconfig()
        .doc("What happens at a reset or power-off of the guest, when it breaks (pvpanic-pci), and when it does not keep a watchdog (i6300esb) quiet."),
    cmd("watchdog-set-action", life::watchdog)
        .args(&[req("action", Enum(&WATCHDOG_ACTION))])
        .since("2.11")
        .doc("What a watchdog (i6300esb) does. WATCHDOG comes."),
];
