//! Saving the machine to a place of the host's, and loading it from there: the states that QEMU calls migration.
//!
//! A command only asks for it; [`Controller::work`] takes it further, after every command and every turn of the host's loop, so that
//! monitors are answered meanwhile. The machine runs until the place is there; then it stands still (`finish-migrate`) while its state
//! goes out, and is `postmigrate`, or runs on if the place is lost or somebody cancels. With the capability `background-snapshot` it runs
//! on as soon as its state is taken.
//!
//! Missing: memory that goes out while the machine runs; post-copy. A machine with little memory stands still for little time.

pub(crate) mod parameters;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::controller::{Controller, MonitorId, RunState};
use crate::driven::Host;
use crate::error::Error;
use crate::transfer::{Incoming, Outgoing, Receiving, Sending};
use parameters::Parameters;

/// What a snapshot may have beside memory and disks, and what compression may cost them, at most.
const SLACK_BYTES: u64 = 64 << 20;
const PAGE_BYTES: u64 = 4096;
/// The capability that lets the machine run on.
const BACKGROUND: &str = "background-snapshot";

/// What is under way.
#[derive(Debug)]
enum Work {
    /// Save to there; the host sends at once, where it has no ways.
    Out(String, Option<Box<dyn Outgoing>>),
    /// The machine stands still and waits for `migrate-continue`.
    Held(Held),
    /// The state goes out.
    Sending(Box<dyn Outgoing>, Sent),
    /// Load from there.
    In(String, Option<Box<dyn Incoming>>),
}

/// A machine that stands still, and whose state is not taken yet.
#[derive(Debug)]
struct Held {
    uri: String,
    way: Option<Box<dyn Outgoing>>,
    /// What it did before.
    before: RunState,
    /// Since when it stands still.
    stopped: i64,
    /// Nothing holds it any more.
    released: bool,
}

/// What goes out.
#[derive(Clone, Copy, Debug)]
struct Sent {
    bytes: u64,
    pages: u64,
    zero_pages: u64,
    ram_bytes: u64,
    /// What the machine did before, and goes back to.
    before: RunState,
    /// Since when it stands still, in microseconds of the host's clock.
    stopped: i64,
}

/// The last migration, and settings of all.
#[derive(Default, Debug)]
pub(crate) struct Migration {
    pub parameters: Parameters,
    /// Capabilities that are on.
    on: BTreeSet<String>,
    work: Option<Work>,
    status: Option<&'static str>,
    /// It is to end before it is done.
    cancel: bool,
    /// When it began, and when the place was there, in microseconds of the host's clock.
    begun: (i64, i64),
    /// What `query-migrate` says besides, once it is over.
    figures: Map<String, Value>,
    /// Monitors for people that wait for its end.
    waiting: Vec<MonitorId>,
    /// The command line's state could not be had.
    fatal: Option<String>,
}

impl Migration {
    /// Whether a capability is on.
    pub fn is_on(&self, capability: &str) -> bool {
        self.on.contains(capability)
    }

    /// Sets capabilities.
    pub fn set(&mut self, name: &str, on: bool) {
        if on {
            self.on.insert(name.to_owned());
        } else {
            self.on.remove(name);
        }
    }

    /// Whether state goes out.
    pub fn is_going(&self) -> bool {
        matches!(
            self.work,
            Some(Work::Out(..) | Work::Held(..) | Work::Sending(..))
        )
    }

    /// How far it is, as QEMU says it.
    pub fn status(&self) -> &'static str {
        self.status.unwrap_or("none")
    }

    /// What `query-migrate` answers.
    pub fn describe(&self, host: &dyn Host) -> Value {
        let mut all = self.figures.clone();
        if let Some(Work::Sending(way, sent)) = &self.work {
            let moved = match way.poll() {
                Sending::Moved(n) => n.min(sent.bytes),
                Sending::Done => sent.bytes,
                _ => 0,
            };
            let ms = (now(host) - self.begun.0).max(0) / 1000;
            let setup = (self.begun.1 - self.begun.0).max(0) / 1000;
            all.insert("total-time".into(), ms.into());
            all.insert("setup-time".into(), setup.into());
            let left = self.parameters.time_ms(sent.bytes - moved);
            all.insert("expected-downtime".into(), left.into());
            all.insert("ram".into(), sent.ram(moved, ms));
        }
        if let Some(Work::In(_, Some(way))) = &self.work
            && let Some(address) = way.address()
        {
            all.insert("socket-address".into(), json!([address]));
        }
        if let Some(status) = self.status {
            all.insert("status".into(), status.into());
        }
        all.into()
    }
}

impl Sent {
    /// `ram` of `query-migrate`, when this many bytes of all are there after this many milliseconds. What is left of the
    /// memory is told by what is left of the file.
    fn ram(&self, moved: u64, ms: i64) -> Value {
        let share = |of: u64| match self.bytes {
            0 => of,
            all => (u128::from(of) * u128::from(moved) / u128::from(all)) as u64,
        };
        let ms = ms.max(1) as u64;
        let done = moved == self.bytes;
        let pages = share(self.pages + self.zero_pages);
        json!({
            "total": self.ram_bytes, "transferred": moved, "remaining": self.ram_bytes - share(self.ram_bytes),
            "duplicate": share(self.zero_pages), "skipped": 0, "normal": share(self.pages),
            "normal-bytes": share(self.pages) * PAGE_BYTES, "page-size": PAGE_BYTES, "dirty-pages-rate": 0,
            "dirty-sync-count": 1, "mbps": (moved * 8) as f64 / ms as f64 / 1000.0,
            "pages-per-second": if done { 0 } else { pages * 1000 / ms }, "postcopy-requests": 0, "postcopy-bytes": 0,
            "precopy-bytes": 0, "downtime-bytes": moved, "multifd-bytes": 0, "dirty-sync-missed-zero-copy": 0,
        })
    }
}

/// Whether a place is of a kind that a host may have.
fn check_uri(uri: &str) -> Result<(), Error> {
    let kinds = ["file:", "exec:", "tcp:", "unix:", "fd:"];
    if kinds.iter().any(|kind| uri.starts_with(kind)) {
        Ok(())
    } else {
        Err(Error::generic(
            "Parameter 'uri' expects a valid migration protocol",
        ))
    }
}

/// Microseconds of the host's clock.
fn now(host: &dyn Host) -> i64 {
    let (seconds, microseconds) = host.clock();
    seconds * 1_000_000 + i64::from(microseconds)
}

impl Controller {
    fn migration_is(&mut self, host: &dyn Host, status: &'static str) {
        self.migration.status = Some(status);
        self.tell_migration(host, status);
    }

    fn tell_migration(&mut self, host: &dyn Host, status: &'static str) {
        // QEMU tells of the beginning on this side unasked.
        let begins = status == "setup" && self.state() == RunState::Inmigrate;
        if self.migration.is_on("events") || begins {
            let mut data = Map::new();
            data.insert("status".into(), status.into());
            self.event(host, "MIGRATION", data);
        }
    }

    /// Asks for the machine to be saved.
    ///
    /// # Errors
    /// There is no machine to be saved, or it cannot be, or not there.
    pub(crate) fn migrate(
        &mut self,
        host: &mut dyn Host,
        uri: &str,
        monitor: MonitorId,
    ) -> Result<(), Error> {
        if self.migration.is_going() {
            return Err(Error::generic("There's a migration process in progress"));
        }
        match self.state() {
            RunState::Inmigrate => {
                return Err(Error::generic("Guest is waiting for an incoming migration"));
            }
            RunState::Postmigrate => {
                let why = "Can't migrate the vm that was paused due to previous migration";
                return Err(Error::generic(why));
            }
            _ => {}
        }
        self.migration.figures.clear();
        self.migration.cancel = false;
        self.migration.begun = (now(host), now(host));
        self.migration_is(host, "setup");
        let way = check_uri(uri).and_then(|()| {
            let way = host.open_outgoing(uri, monitor);
            way.map_err(|why| {
                let desc = why.as_str().into();
                self.migration.figures.insert("error-desc".into(), desc);
                Error::generic(why)
            })
        });
        match way {
            Ok(way) => {
                if let Some(way) = &way {
                    way.limit(self.migration.parameters.bandwidth());
                }
                self.migration.work = Some(Work::Out(uri.into(), way));
                Ok(())
            }
            Err(e) => {
                self.migration_is(host, "failed");
                Err(e)
            }
        }
    }

    /// Asks for the machine to be loaded.
    ///
    /// # Errors
    /// It does not wait for that, or not any more; there is no such place.
    pub(crate) fn migrate_incoming(
        &mut self,
        host: &mut dyn Host,
        uri: &str,
        monitor: MonitorId,
    ) -> Result<(), Error> {
        if self.state() != RunState::Inmigrate {
            return Err(Error::generic(
                "'-incoming' was not specified on the command line",
            ));
        }
        if self.migration.work.is_some() {
            return Err(Error::generic(
                "The incoming migration has already been started",
            ));
        }
        self.migration.figures.clear();
        self.migration.status = None;
        self.tell_migration(host, "setup");
        check_uri(uri).map_err(|_| Error::generic(format!("unknown migration protocol: {uri}")))?;
        let ram: u64 = match host.machine() {
            Some(machine) => machine.blocks().iter().map(|(_, bytes)| bytes).sum(),
            None => 0,
        };
        let drives = host.drives();
        let media = drives.iter().filter_map(|d| d.medium.as_ref());
        let disks: u64 = media.map(|m| m.virtual_size).sum();
        let most = ram.saturating_add(disks).saturating_add(SLACK_BYTES);
        let way = host.open_incoming(uri, most, monitor);
        self.migration.work = Some(Work::In(uri.into(), way.map_err(Error::generic)?));
        Ok(())
    }

    /// `migrate_cancel`: the next [`Controller::work`] does it.
    pub(crate) fn migrate_cancel(&mut self, host: &dyn Host) {
        if self.migration.is_going() && !self.migration.cancel {
            self.migration.cancel = true;
            self.migration_is(host, "cancelling");
        }
    }

    /// A setting changed: what is under way goes by it.
    pub(crate) fn migration_parameters_changed(&self) {
        if let Some(Work::Out(_, Some(way)) | Work::Sending(way, _)) = &self.migration.work {
            way.limit(self.migration.parameters.bandwidth());
        }
    }

    /// A stop while the machine stands still to be saved: it stays so.
    pub(crate) fn stay_stopped(&mut self) {
        if let Some(Work::Sending(_, Sent { before, .. }) | Work::Held(Held { before, .. })) =
            &mut self.migration.work
            && *before == RunState::Running
        {
            *before = RunState::Paused;
        }
    }

    /// A monitor for people waits until what is under way is over; false if nothing is.
    pub(crate) fn wait_for_migration(&mut self, monitor: MonitorId) -> bool {
        let waits = self.migration.work.is_some();
        if waits {
            self.migration.waiting.push(monitor);
        }
        waits
    }

    /// Why the program is to end: the state that the command line named could not be had.
    pub fn failure(&self) -> Option<&str> {
        self.migration.fatal.as_deref()
    }

    /// Whether the host has something to send or receive: [`Controller::work`] is to be called when that has come further.
    pub fn is_migrating(&self) -> bool {
        self.migration.work.is_some()
    }

    /// Saves the machine at once, and lets it go on.
    ///
    /// # Errors
    /// It cannot be saved, or the host cannot send it there.
    pub(crate) fn save_to(
        &mut self,
        host: &mut dyn Host,
        uri: &str,
        images: bool,
    ) -> Result<(), Error> {
        if self.state() == RunState::Inmigrate {
            return Err(Error::generic("Guest is waiting for an incoming migration"));
        }
        let ran = self.state() == RunState::Running;
        self.pause(host, RunState::SaveVm);
        let saved = match host.machine() {
            Some(machine) if images => machine.save(ran, &[]),
            Some(machine) => machine.save_beside_images(ran),
            None => Err("The machine has not been created yet".to_owned()),
        };
        let sent = saved.and_then(|saved| host.send_state(uri, &saved.bytes));
        if ran {
            self.resume(host);
        }
        sent.map_err(Error::generic)
    }

    /// Becomes, at once, the machine that is there; it runs as it does now.
    ///
    /// # Errors
    /// The host has nothing there, or the machine refuses it.
    pub(crate) fn load_from(&mut self, host: &mut dyn Host, uri: &str) -> Result<(), Error> {
        if self.state() == RunState::Inmigrate {
            return Err(Error::generic("Guest is waiting for an incoming migration"));
        }
        if self.migration.is_going() {
            return Err(Error::generic("There's a migration process in progress"));
        }
        let bytes = host.receive_state(uri).map_err(Error::generic)?;
        let ran = self.state() == RunState::Running;
        self.pause(host, RunState::RestoreVm);
        let loaded = self.load_bytes(host, &bytes).map(drop);
        match &loaded {
            Ok(()) => self.loaded(host, ran),
            Err(_) if ran => self.resume(host),
            Err(_) => {}
        }
        loaded.map_err(Error::generic)
    }

    /// Becomes the machine of the command line before anything else happens.
    ///
    /// # Errors
    /// The host's sentence, or the machine's.
    pub(crate) fn load_at_once(&mut self, host: &mut dyn Host, uri: &str) -> Result<(), String> {
        self.tell_migration(host, "setup");
        self.migration_is(host, "active");
        let runs = self.load_place(host, uri)?;
        self.is_here(host, runs);
        Ok(())
    }

    /// Does what commands asked for, as far as it can be done now.
    pub fn work(&mut self, host: &mut dyn Host) {
        if self.ended().is_some() {
            self.migration.work = None;
            return;
        }
        self.run_jobs(host);
        let done = match self.migration.work.take() {
            None => return,
            Some(work) if self.migration.cancel => return self.cancelled(host, work),
            Some(Work::Out(uri, way)) => self.go_out(host, uri, way),
            Some(Work::Held(held)) => self.take(host, held),
            Some(Work::Sending(way, sent)) => self.keep_going(host, way, sent),
            Some(Work::In(uri, way)) => self.come_in(host, uri, way),
        };
        if let Err(why) = &done {
            let desc = why.as_str().into();
            self.migration.figures.insert("error-desc".into(), desc);
            self.migration_is(host, "failed");
            let named = self.start.incoming.as_deref().is_some_and(|p| p != "defer");
            if self.state() == RunState::Inmigrate && named {
                self.migration.fatal = Some(format!("load of migration failed: {why}"));
            }
        }
        if self.migration.work.is_none() {
            let waiting = std::mem::take(&mut self.migration.waiting);
            let said = done
                .err()
                .map_or(String::new(), |why| format!("Error: {why}\n"));
            for monitor in waiting {
                crate::hmp::go_on(self, monitor, &said, host);
            }
        }
    }

    /// Takes the state once the place is there.
    fn go_out(
        &mut self,
        host: &mut dyn Host,
        uri: String,
        way: Option<Box<dyn Outgoing>>,
    ) -> Result<(), String> {
        match way.as_ref().map_or(Sending::Ready, |w| w.poll()) {
            Sending::Ready => {}
            Sending::Failed(why) => return Err(why),
            _ => {
                self.migration.work = Some(Work::Out(uri, way));
                return Ok(());
            }
        }
        self.migration.begun.1 = now(host);
        if self.migration.is_on("events") {
            let mut data = Map::new();
            data.insert("pass".into(), 1.into());
            self.event(host, "MIGRATION_PASS", data);
        }
        self.migration_is(host, "active");
        let before = self.state();
        self.stand_still(host);
        let held = Held {
            uri,
            way,
            before,
            stopped: now(host),
            released: !self.migration.is_on("pause-before-switchover"),
        };
        if !held.released {
            self.migration_is(host, "pre-switchover");
        }
        self.take(host, held)
    }

    /// `migrate-continue`
    ///
    /// # Errors
    /// It is not in that state.
    pub(crate) fn migrate_continue(
        &mut self,
        host: &mut dyn Host,
        state: &str,
    ) -> Result<(), Error> {
        let status = self.migration.status();
        if status != state {
            return Err(Error::generic(format!(
                "Migration not in expected state: {status}"
            )));
        }
        if let Some(Work::Held(held)) = &mut self.migration.work {
            held.released = true;
            self.migration_is(host, "device");
        }
        Ok(())
    }

    /// Takes the state of the machine, which stands still.
    fn take(&mut self, host: &mut dyn Host, held: Held) -> Result<(), String> {
        if !held.released {
            self.migration.work = Some(Work::Held(held));
            return Ok(());
        }
        let Held {
            uri,
            way,
            before,
            stopped,
            ..
        } = held;
        let saved = match host.machine() {
            Some(machine) => {
                let total: u64 = machine.blocks().iter().map(|(_, bytes)| bytes).sum();
                let saved = machine.save(before == RunState::Running, &[]);
                saved.map(|saved| (saved, total))
            }
            None => Err("The machine has not been created yet".to_owned()),
        };
        let (saved, ram_bytes) = match saved {
            Ok(saved) => saved,
            Err(why) => {
                self.go_back(host, before);
                return Err(why);
            }
        };
        let sent = Sent {
            bytes: saved.bytes.len() as u64,
            pages: saved.pages,
            zero_pages: saved.zero_pages,
            ram_bytes,
            before,
            stopped,
        };
        let Some(mut way) = way else {
            if let Err(why) = host.send_state(&uri, &saved.bytes) {
                self.go_back(host, before);
                return Err(why);
            }
            self.sent(host, sent);
            return Ok(());
        };
        way.send(saved.bytes);
        if self.migration.is_on(BACKGROUND) {
            self.go_back(host, before);
        }
        self.keep_going(host, way, sent)
    }

    /// Looks how far the state is.
    fn keep_going(
        &mut self,
        host: &mut dyn Host,
        way: Box<dyn Outgoing>,
        sent: Sent,
    ) -> Result<(), String> {
        match way.poll() {
            Sending::Done => self.sent(host, sent),
            Sending::Failed(why) => {
                self.go_back(host, sent.before);
                return Err(why);
            }
            _ => self.migration.work = Some(Work::Sending(way, sent)),
        }
        Ok(())
    }

    /// All of it is there.
    fn sent(&mut self, host: &dyn Host, sent: Sent) {
        let end = now(host);
        let ms = |since: i64| (end - since).max(0) / 1000;
        let (begun, there) = self.migration.begun;
        self.migration.figures = Map::from_iter([
            ("total-time".into(), ms(begun).into()),
            ("downtime".into(), ms(sent.stopped).into()),
            ("setup-time".into(), ((there - begun).max(0) / 1000).into()),
            ("ram".into(), sent.ram(sent.bytes, ms(begun))),
        ]);
        if !self.migration.is_on(BACKGROUND) {
            self.migrated();
        }
        self.migration_is(host, "completed");
    }

    fn cancelled(&mut self, host: &mut dyn Host, work: Work) {
        self.migration.cancel = false;
        match work {
            Work::Sending(_, Sent { before, .. }) | Work::Held(Held { before, .. }) => {
                self.go_back(host, before);
            }
            Work::Out(..) | Work::In(..) => {}
        }
        self.migration_is(host, "cancelled");
        for monitor in std::mem::take(&mut self.migration.waiting) {
            crate::hmp::go_on(self, monitor, "", host);
        }
    }

    /// Looks whether the state is here.
    fn come_in(
        &mut self,
        host: &mut dyn Host,
        uri: String,
        way: Option<Box<dyn Incoming>>,
    ) -> Result<(), String> {
        let Some(mut way) = way else {
            self.migration_is(host, "active");
            let runs = self.load_place(host, &uri)?;
            self.is_here(host, runs);
            return Ok(());
        };
        let here = way.poll();
        if here != Receiving::Waiting && self.migration.status.is_none() {
            self.migration_is(host, "active");
        }
        match here {
            Receiving::Done(bytes) => self.load(host, &bytes),
            Receiving::Failed(why) => Err(why),
            Receiving::Waiting | Receiving::Moving => {
                self.migration.work = Some(Work::In(uri, Some(way)));
                Ok(())
            }
        }
    }

    fn load(&mut self, host: &mut dyn Host, bytes: &[u8]) -> Result<(), String> {
        let runs = self.load_bytes(host, bytes)?;
        self.is_here(host, runs);
        Ok(())
    }

    fn is_here(&mut self, host: &mut dyn Host, runs: bool) {
        self.arrived(host, runs);
        self.migration_is(host, "completed");
    }
}
