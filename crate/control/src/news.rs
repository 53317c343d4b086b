//! What happens in the machine by itself, as events: the guest sets its clock, a disk fails, a tray moves, a card is let go of, the guest
//! breaks, a watchdog is not kept quiet. What follows comes at the end of the slice.

use serde_json::{Map, Value, json};
use tinamou_core::{ErrorAction, News};
use tinamou_machine::Arch;

use crate::controller::{Cause, Controller, PanicAction, RunState};
use crate::driven::Host;
use crate::qmp::{block, qom};

impl Controller {
    /// Takes up what happened since the last time.
    pub fn news(&mut self, host: &mut dyn Host) {
        self.clear_cards(host);
        let news = host.machine().map(|m| m.take_news()).unwrap_or_default();
        for one in news {
            self.tell(host, one);
        }
    }

    fn tell(&mut self, host: &mut dyn Host, news: News) {
        let mut data = Map::new();
        let mut put = |name: &str, value: Value| drop(data.insert(name.to_owned(), value));
        match news {
            News::RtcSet { offset_s } => {
                put("offset", offset_s.into());
                put("qom-path", qom::device_path(host, "rtc").into());
                self.event(host, "RTC_CHANGE", data);
            }
            News::Tray { slot, open } => {
                let drives = host.drives();
                if let Some(d) = drives.iter().find(|d| d.slot == slot) {
                    block::tray_moved(self, host, d, open);
                }
            }
            News::BlockError {
                slot,
                write,
                action,
                no_space,
                reason,
            } => {
                let drives = host.drives();
                if let Some(d) = drives.iter().find(|d| d.slot == slot) {
                    put("device", block::name(d).into());
                    put("node-name", block::node_name(self, d).into());
                }
                let failed = if no_space { "nospace" } else { "failed" };
                if action == ErrorAction::Stop {
                    self.io_status.insert(slot, failed);
                }
                put("operation", if write { "write" } else { "read" }.into());
                let action = match action {
                    ErrorAction::Report | ErrorAction::StopIfFull => "report",
                    ErrorAction::Ignore => "ignore",
                    ErrorAction::Stop => "stop",
                };
                put("action", action.into());
                put("nospace", json!(no_space));
                put("reason", reason.into());
                self.event(host, "BLOCK_IO_ERROR", data);
            }
            News::Ejected { slot } => self.ejected(host, slot),
            News::Watchdog => self.watchdog(host),
            News::Panicked => self.panicked(host),
            News::CrashLoaded => {
                put("action", "run".into());
                self.event(host, "GUEST_CRASHLOADED", data);
            }
        }
    }

    /// A watchdog was not kept quiet.
    fn watchdog(&mut self, host: &mut dyn Host) {
        let action = self.actions.watchdog;
        let data = Map::from_iter([("action".to_owned(), action.into())]);
        self.event(host, "WATCHDOG", data);
        self.stirred = true;
        match action {
            "reset" => self.guest_reset(host),
            "shutdown" => self.power_down(host),
            "poweroff" => self.ended = Some(Cause::GuestShutdown),
            "pause" => self.pause(host, RunState::Watchdog),
            "inject-nmi" if self.setup.target().arch == Arch::X86 => {
                if let Some(machine) = host.machine() {
                    machine.nmi();
                }
            }
            _ => {}
        }
    }

    /// The guest said that it broke.
    fn panicked(&mut self, host: &mut dyn Host) {
        let action = match self.actions.panic {
            PanicAction::Shutdown if self.actions.shutdown_pauses => PanicAction::Pause,
            other => other,
        };
        let word = match action {
            PanicAction::Pause => "pause",
            PanicAction::Shutdown | PanicAction::ExitFailure => "poweroff",
            PanicAction::None => "run",
        };
        let data = Map::from_iter([("action".to_owned(), word.into())]);
        self.event(host, "GUEST_PANICKED", data);
        if action == PanicAction::None {
            return;
        }
        self.pause(host, RunState::GuestPanicked);
        match action {
            PanicAction::Shutdown => self.shut_down(host, Cause::GuestBroke),
            PanicAction::ExitFailure => self.shut_down(host, Cause::GuestPanic),
            PanicAction::Pause | PanicAction::None => {}
        }
    }
}
