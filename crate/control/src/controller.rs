//! The life of a machine and the monitors that watch it.
//!
//! A [`Controller`] holds the run state (QEMU's) and the monitors' sessions. It owns neither machine nor host and never waits: bytes
//! go in by [`Controller::input`], commands run at once, and answers and events wait in [`Controller::take_output`]. The host runs
//! slices while [`Controller::runs`], tells how they ended by [`Controller::slice_ended`], and stops for good once
//! [`Controller::ended`] has something. So the same code serves a command line and a worker in a browser.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tinamou_machine::input::HostInput;
use tinamou_machine::{SliceEnd, Target};

use crate::cx::Cx;
use crate::driven::Host;
use crate::error::Error;
use crate::hmp::Hmp;
use crate::hmp::dump::Format;
use crate::json;
use crate::migration::Migration;
use crate::objects::Objects;
use crate::qmp::dump::Dump;
use crate::qmp::net::Netdev;
use crate::qmp::nodes::Node;
use crate::qmp::plug::Plugged;
use crate::qmp::session::Session;
use crate::ringbuf::Ring;
use crate::setup::Setup;
use crate::snapshots::{Disks, Job};

/// QEMU's run states, those that a machine of ours can be in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// The machine is not there yet (`--preconfig`).
    Preconfig,
    /// It is there and has not run, or was reset while it did not run.
    Prelaunch,
    /// It runs.
    Running,
    /// Stopped by a command.
    Paused,
    /// The guest switched it off, and it was to stay (`-no-shutdown`).
    Shutdown,
    /// It waits for its state from elsewhere.
    Inmigrate,
    /// It stands still to be saved.
    FinishMigrate,
    /// It was saved.
    Postmigrate,
    /// It stands still to be saved, and goes on then.
    SaveVm,
    /// It stands still to be loaded.
    RestoreVm,
    /// A debugger stopped it.
    Debug,
    /// A device stopped it.
    InternalError,
    /// A disk failed, and it was to stop.
    IoError,
    /// A watchdog was not kept quiet.
    Watchdog,
    /// The guest said that it broke.
    GuestPanicked,
}

impl RunState {
    /// Its word in `query-status`.
    pub fn name(self) -> &'static str {
        match self {
            // QEMU shows preconfig as prelaunch.
            RunState::Preconfig | RunState::Prelaunch => "prelaunch",
            RunState::Running => "running",
            RunState::Paused => "paused",
            RunState::Shutdown => "shutdown",
            RunState::Inmigrate => "inmigrate",
            RunState::FinishMigrate => "finish-migrate",
            RunState::Postmigrate => "postmigrate",
            RunState::SaveVm => "save-vm",
            RunState::RestoreVm => "restore-vm",
            RunState::Debug => "debug",
            RunState::InternalError => "internal-error",
            RunState::IoError => "io-error",
            RunState::Watchdog => "watchdog",
            RunState::GuestPanicked => "guest-panicked",
        }
    }
}

/// Why the machine goes down or is reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// `quit`.
    HostQuit,
    /// `system_reset`.
    HostReset,
    /// A signal to the program.
    HostSignal,
    /// The guest powered off.
    GuestShutdown,
    /// The guest reset.
    GuestReset,
    /// A device stopped the machine, or the guest broke and that is a failure.
    GuestPanic,
    /// The guest said that it broke.
    GuestBroke,
}

impl Cause {
    /// Its word in events.
    pub fn name(self) -> &'static str {
        match self {
            Cause::HostQuit => "host-qmp-quit",
            Cause::HostReset => "host-qmp-system-reset",
            Cause::HostSignal => "host-signal",
            Cause::GuestShutdown => "guest-shutdown",
            Cause::GuestReset => "guest-reset",
            Cause::GuestPanic | Cause::GuestBroke => "guest-panic",
        }
    }

    fn by_guest(self) -> bool {
        matches!(
            self,
            Cause::GuestShutdown | Cause::GuestReset | Cause::GuestPanic | Cause::GuestBroke
        )
    }
}

/// What happens at a reset, a power-off and so on (`-action`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Actions {
    /// A reset ends the machine (`-no-reboot`).
    pub reboot_ends: bool,
    /// A power-off stops the machine, which stays (`-no-shutdown`).
    pub shutdown_pauses: bool,
    /// When the guest says that it broke.
    pub panic: PanicAction,
    /// When a watchdog is not kept quiet: QEMU's word.
    pub watchdog: &'static str,
}

/// What happens when the guest says that it broke.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum PanicAction {
    /// The machine stops.
    Pause,
    /// The emulator ends.
    #[default]
    Shutdown,
    /// It ends with an error.
    ExitFailure,
    /// Nothing.
    None,
}

impl PanicAction {
    /// By QEMU's word.
    pub fn named(word: &str) -> Option<PanicAction> {
        Some(match word {
            "pause" => PanicAction::Pause,
            "shutdown" => PanicAction::Shutdown,
            "exit-failure" => PanicAction::ExitFailure,
            "none" => PanicAction::None,
            _ => return None,
        })
    }
}

/// A watchdog's action by QEMU's word.
pub fn watchdog_action(word: &str) -> Option<&'static str> {
    let words = crate::types::WATCHDOG_ACTION.values;
    words.iter().copied().find(|w| *w == word)
}

/// How a machine begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// The architecture.
    pub target: &'static Target,
    /// Wait before the machine is made.
    pub preconfig: bool,
    /// Wait before it runs (`-S`).
    pub paused: bool,
    /// Begin from a snapshot inside an image (`-loadvm`).
    pub loadvm: Option<String>,
    /// Wait for its state from elsewhere (`-incoming`): a place, or `defer` for one that is told later.
    pub incoming: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its UUID.
    pub uuid: Option<String>,
    /// What happens at a reset or power-off.
    pub actions: Actions,
}

impl Start {
    /// A machine that starts at once.
    pub fn new(target: &'static Target) -> Start {
        Start {
            target,
            preconfig: false,
            paused: false,
            loadvm: None,
            incoming: None,
            name: None,
            uuid: None,
            actions: Actions {
                reboot_ends: false,
                shutdown_pauses: false,
                panic: PanicAction::default(),
                watchdog: "reset",
            },
        }
    }
}

/// A monitor's place in the controller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MonitorId(pub usize);

impl MonitorId {
    /// No monitor: the host itself.
    pub const NONE: MonitorId = MonitorId(usize::MAX);
}

/// What a monitor speaks.
#[derive(Debug)]
pub(crate) enum Speech {
    /// The machine protocol.
    Qmp(Session),
    /// For people.
    Hmp(Hmp),
}

#[derive(Debug)]
pub(crate) struct Monitor {
    pub speech: Speech,
    pub out: Vec<u8>,
    /// Somebody is at the other end.
    pub open: bool,
}

/// The controller.
#[derive(Debug)]
pub struct Controller {
    /// How it began.
    pub(crate) start: Start,
    pub(crate) setup: Setup,
    pub(crate) actions: Actions,
    pub(crate) monitors: Vec<Monitor>,
    pub(crate) objects: Objects,
    pub(crate) rings: BTreeMap<String, Ring>,
    /// Slots of drives whose tray is open.
    pub(crate) open_trays: Vec<u32>,
    pub(crate) singlestep: bool,
    /// The vCPU that people's monitors look at.
    pub(crate) monitor_cpu: usize,
    pub(crate) migration: Migration,
    pub(crate) jobs: Vec<Job>,
    /// Of the last dump of memory.
    pub(crate) format: Format,
    /// Run as soon as the machine can: what `-S` and, while state comes in, `stop` and `cont` change.
    autostart: bool,
    state: RunState,
    pub(crate) ended: Option<Cause>,
    /// Images by name.
    pub(crate) nodes: Vec<Node>,
    pub(crate) netdevs: Vec<Netdev>,
    pub(crate) cards: Vec<Plugged>,
    /// Addresses given to cards that wanted none.
    pub(crate) macs: u8,
    /// Cards without an id so far.
    pub(crate) unnamed: u32,
    /// Cards that come now were there when the machine was made.
    pub(crate) plugs_cold: bool,
    /// Why drives stopped the machine, by slot.
    pub(crate) io_status: BTreeMap<u32, &'static str>,
    /// Buttons of the mouse that are held.
    pub(crate) buttons: u8,
    pub(crate) dump: Dump,
    /// The guest was reset or interrupted from outside.
    pub(crate) stirred: bool,
}

impl Controller {
    /// A controller; nothing is made or run before [`Controller::launch`].
    pub fn new(start: Start) -> Controller {
        Controller {
            setup: Setup::new(start.target),
            actions: start.actions,
            monitors: Vec::new(),
            objects: Objects::default(),
            rings: BTreeMap::new(),
            open_trays: Vec::new(),
            monitor_cpu: 0,
            singlestep: false,
            migration: Migration::default(),
            jobs: Vec::new(),
            format: Format::default(),
            autostart: !start.paused,
            state: RunState::Preconfig,
            ended: None,
            nodes: Vec::new(),
            netdevs: Vec::new(),
            cards: Vec::new(),
            macs: 0,
            unnamed: 0,
            plugs_cold: false,
            io_status: BTreeMap::new(),
            buttons: 0,
            dump: Dump::default(),
            stirred: false,
            start,
        }
    }

    /// What the machine is to be made of.
    pub fn setup_mut(&mut self) -> &mut Setup {
        &mut self.setup
    }

    /// Begins: makes the machine, unless it is to wait in preconfig, and lets it run, unless it is to wait then.
    ///
    /// # Errors
    /// The host's sentence when the machine cannot be made.
    pub fn launch(&mut self, host: &mut dyn Host) -> Result<(), String> {
        if self.start.preconfig {
            return Ok(());
        }
        self.make(host)
    }

    /// Leaves preconfig.
    ///
    /// # Errors
    /// The host's sentence when the machine cannot be made; it is still preconfig then.
    pub(crate) fn make(&mut self, host: &mut dyn Host) -> Result<(), String> {
        self.detach_all(host);
        host.build(&self.setup)?;
        self.attach_board(host)?;
        self.plug_cold(host)?;
        let Some(place) = self.start.incoming.clone() else {
            self.state = RunState::Prelaunch;
            if let Some(name) = self.start.loadvm.clone() {
                let loaded = self.load_vm(host, &name, None, Disks::Written);
                self.state = match loaded {
                    Ok(()) => RunState::Prelaunch,
                    Err(_) => RunState::Preconfig,
                };
                loaded?;
            }
            if self.autostart {
                self.resume(host);
            }
            return Ok(());
        };
        let before = std::mem::replace(&mut self.state, RunState::Inmigrate);
        if place == "defer" {
            return Ok(());
        }
        // A file is there already; for others the monitors are answered meanwhile.
        let done = if place.starts_with("file:") {
            self.load_at_once(host, &place)
        } else {
            let asked = self.migrate_incoming(host, &place, MonitorId::NONE);
            asked.map_err(|e| e.desc)
        };
        if done.is_err() {
            self.state = before;
        }
        done
    }

    /// The run state.
    pub fn state(&self) -> RunState {
        self.state
    }

    /// Whether the host should run slices.
    pub fn runs(&self) -> bool {
        self.state == RunState::Running && self.ended.is_none()
    }

    /// Why all is over, once it is.
    pub fn ended(&self) -> Option<Cause> {
        self.ended
    }

    /// Lets the machine run.
    pub fn resume(&mut self, host: &dyn Host) {
        if self.state != RunState::Running {
            self.state = RunState::Running;
            self.event(host, "RESUME", Map::new());
        }
    }

    /// Stops the machine in this state; one that does not run stays as it is.
    pub fn pause(&mut self, host: &dyn Host, state: RunState) {
        match self.state {
            RunState::Running => {
                self.state = state;
                self.event(host, "STOP", Map::new());
            }
            RunState::Inmigrate => self.autostart = false,
            RunState::FinishMigrate => self.stay_stopped(),
            _ => {}
        }
    }

    /// The machine stands still to be saved, whatever it does otherwise.
    pub(crate) fn stand_still(&mut self, host: &dyn Host) {
        self.pause(host, RunState::FinishMigrate);
        self.state = RunState::FinishMigrate;
    }

    /// It does again what it did before.
    pub(crate) fn go_back(&mut self, host: &dyn Host, before: RunState) {
        if self.state == RunState::FinishMigrate {
            if before == RunState::Running {
                self.resume(host);
            }
            self.state = before;
        }
    }

    /// The machine was saved.
    pub(crate) fn migrated(&mut self) {
        self.state = RunState::Postmigrate;
    }

    /// The machine's state came, of one that ran or did not.
    pub(crate) fn arrived(&mut self, host: &dyn Host, ran: bool) {
        self.loaded(host, ran && self.autostart);
    }

    /// The machine is another one now.
    pub(crate) fn loaded(&mut self, host: &dyn Host, runs: bool) {
        self.state = RunState::Paused;
        if runs {
            self.resume(host);
        }
    }

    /// `cont`.
    ///
    /// # Errors
    /// A machine that is off, or broke, must be reset first.
    pub fn cont(&mut self, host: &dyn Host) -> Result<(), Error> {
        match self.state {
            RunState::Shutdown | RunState::InternalError => {
                Err(Error::generic("Resetting the Virtual Machine is required"))
            }
            RunState::FinishMigrate => Err(Error::generic("Migration is not finalized yet")),
            RunState::Inmigrate => {
                self.autostart = true;
                Ok(())
            }
            _ => {
                self.io_status.clear();
                self.resume(host);
                Ok(())
            }
        }
    }

    /// The reset button.
    pub fn reset(&mut self, host: &mut dyn Host) {
        if self.actions.reboot_ends {
            return self.shut_down(host, Cause::HostReset);
        }
        if let Some(machine) = host.machine() {
            machine.reset();
        }
        self.was_reset(host, Cause::HostReset);
        self.cards_reset(host);
    }

    /// A reset that the guest caused.
    pub(crate) fn guest_reset(&mut self, host: &mut dyn Host) {
        if self.actions.reboot_ends {
            return self.shut_down(host, Cause::GuestReset);
        }
        if let Some(machine) = host.machine() {
            machine.reset();
        }
        self.was_reset(host, Cause::GuestReset);
        self.cards_reset(host);
    }

    fn was_reset(&mut self, host: &dyn Host, cause: Cause) {
        self.event(host, "RESET", cause_data(cause));
        let stays = [
            RunState::Running,
            RunState::Inmigrate,
            RunState::FinishMigrate,
        ];
        if !stays.contains(&self.state) {
            self.state = RunState::Prelaunch;
        }
    }

    /// The power button; what the guest does is its own affair.
    pub fn power_down(&mut self, host: &mut dyn Host) {
        if let Some(machine) = host.machine().filter(|_| self.state == RunState::Running) {
            machine.input(HostInput::PowerButton);
        }
        self.event(host, "POWERDOWN", Map::new());
    }

    /// Ends the machine, or stops it where it is to stay.
    pub fn shut_down(&mut self, host: &dyn Host, cause: Cause) {
        self.event(host, "SHUTDOWN", cause_data(cause));
        let stays =
            self.actions.shutdown_pauses && !matches!(cause, Cause::HostQuit | Cause::HostSignal);
        if stays {
            self.pause(host, RunState::Shutdown);
        } else {
            self.ended = Some(cause);
        }
    }

    /// A slice is over. Returns how the host is to take it: a guest that waited may have something to do now.
    pub fn slice_ended(&mut self, host: &mut dyn Host, end: SliceEnd) -> SliceEnd {
        self.news(host);
        let stirred = std::mem::take(&mut self.stirred);
        match end {
            SliceEnd::Shutdown => self.shut_down(host, Cause::GuestShutdown),
            SliceEnd::Reset if self.actions.reboot_ends => {
                self.shut_down(host, Cause::GuestReset);
            }
            SliceEnd::Reset => {
                self.was_reset(host, Cause::GuestReset);
                self.cards_reset(host);
            }
            SliceEnd::IoError => self.pause(host, RunState::IoError),
            SliceEnd::Panic => {
                self.pause(host, RunState::InternalError);
                self.ended = Some(Cause::GuestPanic);
            }
            // What a debugger stopped is the debugger's affair.
            SliceEnd::Budget
            | SliceEnd::Halted { .. }
            | SliceEnd::WaitingForHost
            | SliceEnd::Debug => {}
        }
        match end {
            SliceEnd::Halted { .. } if stirred => SliceEnd::Budget,
            end => end,
        }
    }

    /// Tells every QMP session that listens.
    pub fn event(&mut self, host: &dyn Host, name: &str, data: Map<String, Value>) {
        let (seconds, microseconds) = host.clock();
        let mut event = json!({
            "timestamp": {"seconds": seconds, "microseconds": microseconds},
            "event": name,
        });
        if !data.is_empty() {
            event["data"] = Value::Object(data);
        }
        for m in &mut self.monitors {
            if let Speech::Qmp(session) = &m.speech
                && m.open
                && session.is_ready()
            {
                let pretty = session.pretty;
                m.say(&event, pretty);
            }
        }
    }

    /// A further monitor, with nobody at the other end yet.
    fn add(&mut self, speech: Speech) -> MonitorId {
        self.monitors.push(Monitor {
            speech,
            out: Vec::new(),
            open: false,
        });
        MonitorId(self.monitors.len() - 1)
    }

    /// A QMP monitor; `pretty` spreads its messages over several lines.
    pub fn add_qmp(&mut self, pretty: bool) -> MonitorId {
        self.add(Speech::Qmp(Session::new(pretty)))
    }

    /// A monitor for people.
    pub fn add_hmp(&mut self) -> MonitorId {
        self.add(Speech::Hmp(Hmp::default()))
    }

    /// Somebody is there, or another one: the session begins.
    pub fn connected(&mut self, id: MonitorId) {
        if let Some(m) = self.monitors.get_mut(id.0) {
            m.open = true;
            m.out.clear();
            match &mut m.speech {
                Speech::Qmp(session) => {
                    *session = Session::new(session.pretty);
                    let pretty = session.pretty;
                    m.say(&crate::qmp::greeting(), pretty);
                }
                Speech::Hmp(hmp) => {
                    *hmp = Hmp::default();
                    let text = hmp.greeting();
                    m.out.extend_from_slice(text.as_bytes());
                }
            }
        }
    }

    /// Nobody is there any more.
    pub fn disconnected(&mut self, id: MonitorId) {
        if let Some(m) = self.monitors.get_mut(id.0) {
            m.open = false;
            m.out.clear();
        }
    }

    /// Bytes from the other end. Whole commands run at once.
    pub fn input(&mut self, id: MonitorId, bytes: &[u8], host: &mut dyn Host) {
        match self.monitors.get(id.0).map(|m| &m.speech) {
            Some(Speech::Qmp(_)) => crate::qmp::input(self, id, bytes, host),
            Some(Speech::Hmp(_)) => crate::hmp::input(self, id, bytes, host),
            None => {}
        }
    }

    /// Runs a line of the monitor for people, for somebody who is no monitor.
    pub fn human(&mut self, line: &str, host: &mut dyn Host) -> String {
        let mut cx = Cx {
            ctl: self,
            host,
            monitor: MonitorId::NONE,
        };
        crate::hmp::run(&mut cx, line)
    }

    /// Runs a command of the machine protocol for the host itself.
    ///
    /// # Errors
    /// The refusal's sentence.
    pub fn command(
        &mut self,
        host: &mut dyn Host,
        name: &str,
        args: &Map<String, Value>,
    ) -> Result<Value, String> {
        let cx = Cx {
            ctl: self,
            host,
            monitor: MonitorId::NONE,
        };
        crate::qmp::run(cx, name, false, Some(args)).map_err(|e| e.desc)
    }

    /// What waits for the other end.
    pub fn take_output(&mut self, id: MonitorId) -> Vec<u8> {
        self.monitors
            .get_mut(id.0)
            .map(|m| std::mem::take(&mut m.out))
            .unwrap_or_default()
    }
}

impl Monitor {
    /// One message of QMP.
    pub(crate) fn say(&mut self, message: &Value, pretty: bool) {
        let text = if pretty {
            json::pretty(message)
        } else {
            json::line(message)
        };
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
}

fn cause_data(cause: Cause) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("guest".into(), cause.by_guest().into());
    data.insert("reason".into(), cause.name().into());
    data
}
