//! Saving the machine to a place of the host's, and loading it from there: the states that QEMU calls migration.
//!
//! A command only asks for it: [`Controller::work`] does it once the command is answered, so that the answer comes between the events
//! as with QEMU. It is then done in one go, with the machine stopped; there is nothing to watch on the way, and nothing to cancel.

use serde_json::{Map, Value, json};

use crate::controller::{Controller, RunState};
use crate::driven::Host;
use crate::error::Error;

/// What was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Work {
    /// Save to there.
    Out(String),
    /// Load from there.
    In(String),
}

/// The last migration, and settings of all.
#[derive(Default, Debug)]
pub(crate) struct Migration {
    /// MIGRATION and MIGRATION_PASS are sent.
    pub events: bool,
    work: Option<Work>,
    status: Option<&'static str>,
    /// What `query-migrate` says besides.
    figures: Map<String, Value>,
}

impl Migration {
    /// What `query-migrate` answers.
    pub fn describe(&self) -> Value {
        let mut all = self.figures.clone();
        if let Some(status) = self.status {
            all.insert("status".into(), status.into());
        }
        all.into()
    }
}

/// Whether a place is of a kind that a host may have.
fn check_uri(uri: &str) -> Result<(), Error> {
    let known = ["file:", "exec:"].iter().any(|kind| uri.starts_with(kind));
    if known {
        Ok(())
    } else {
        Err(Error::generic(format!("unknown migration protocol: {uri}")))
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
        // QEMU tells of the beginning on this side unasked.
        let begins = status == "setup" && self.state() == RunState::Inmigrate;
        if self.migration.events || begins {
            let mut data = Map::new();
            data.insert("status".into(), status.into());
            self.event(host, "MIGRATION", data);
        }
    }

    fn ask(&mut self, host: &dyn Host, work: Work) {
        self.migration.figures.clear();
        self.migration.work = Some(work);
        self.migration_is(host, "setup");
    }

    /// Asks for the machine to be saved.
    ///
    /// # Errors
    /// There is no machine to be saved, or it cannot be.
    pub(crate) fn migrate(&mut self, host: &dyn Host, uri: &str) -> Result<(), Error> {
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
        check_uri(uri)?;
        self.ask(host, Work::Out(uri.into()));
        Ok(())
    }

    /// Asks for the machine to be loaded.
    ///
    /// # Errors
    /// It does not wait for that.
    pub(crate) fn migrate_incoming(&mut self, host: &dyn Host, uri: &str) -> Result<(), Error> {
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
        check_uri(uri)?;
        self.ask(host, Work::In(uri.into()));
        Ok(())
    }

    /// Saves the machine at once, and lets it go on.
    ///
    /// # Errors
    /// It cannot be saved, or the host cannot send it there.
    pub(crate) fn save_to(&mut self, host: &mut dyn Host, uri: &str) -> Result<(), Error> {
        if self.state() == RunState::Inmigrate {
            return Err(Error::generic("Guest is waiting for an incoming migration"));
        }
        let ran = self.state() == RunState::Running;
        self.pause(host, RunState::SaveVm);
        let saved = match host.machine() {
            Some(machine) => machine.save(ran, &[]),
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
        let bytes = host.receive_state(uri).map_err(Error::generic)?;
        let ran = self.state() == RunState::Running;
        self.pause(host, RunState::RestoreVm);
        let loaded = match host.machine() {
            Some(machine) => machine.load(&bytes).map(drop),
            None => Err("The machine has not been created yet".to_owned()),
        };
        match &loaded {
            Ok(()) => self.loaded(host, ran),
            Err(_) if ran => self.resume(host),
            Err(_) => {}
        }
        loaded.map_err(Error::generic)
    }

    /// Does what commands asked for.
    ///
    /// # Errors
    /// The host's sentence, or the machine's, which `query-migrate` has too.
    pub fn work(&mut self, host: &mut dyn Host) -> Result<(), String> {
        if self.ended().is_none() {
            self.run_jobs(host);
        }
        let done = match self.migration.work.take() {
            None => return Ok(()),
            Some(_) if self.ended().is_some() => return Ok(()),
            Some(Work::Out(uri)) => self.save(host, &uri),
            Some(Work::In(uri)) => self.load(host, &uri),
        };
        if let Err(why) = &done {
            let why = why.as_str().into();
            self.migration.figures.insert("error-desc".into(), why);
            self.migration_is(host, "failed");
        }
        done
    }

    fn save(&mut self, host: &mut dyn Host, uri: &str) -> Result<(), String> {
        let start = now(host);
        if self.migration.events {
            let mut data = Map::new();
            data.insert("pass".into(), 1.into());
            self.event(host, "MIGRATION_PASS", data);
        }
        self.migration_is(host, "active");
        let before = self.state();
        self.pause(host, RunState::FinishMigrate);
        let saved = match host.machine() {
            Some(machine) => {
                let total: u64 = machine.blocks().iter().map(|(_, bytes)| bytes).sum();
                let saved = machine.save(before == RunState::Running, &[]);
                saved.map(|saved| (saved, total))
            }
            None => Err("The machine has not been created yet".to_owned()),
        };
        let sent = saved.and_then(|(saved, total)| {
            host.send_state(uri, &saved.bytes)?;
            Ok((saved, total))
        });
        let (saved, total) = match sent {
            Ok(sent) => sent,
            Err(why) => {
                if before == RunState::Running {
                    self.resume(host);
                }
                return Err(why);
            }
        };
        let ms = (now(host) - start).max(0) / 1000;
        let bytes = saved.bytes.len() as u64;
        self.migration.figures = Map::from_iter([
            ("total-time".into(), ms.into()),
            ("downtime".into(), ms.into()),
            ("setup-time".into(), 0.into()),
            (
                "ram".into(),
                json!({
                    "total": total, "transferred": bytes, "remaining": 0, "duplicate": saved.zero_pages,
                    "skipped": 0, "normal": saved.pages, "normal-bytes": saved.pages * 4096, "page-size": 4096,
                    "dirty-pages-rate": 0, "dirty-sync-count": 1, "mbps": 0.0, "pages-per-second": 0,
                    "postcopy-requests": 0, "postcopy-bytes": 0, "precopy-bytes": 0, "downtime-bytes": bytes,
                    "multifd-bytes": 0, "dirty-sync-missed-zero-copy": 0,
                }),
            ),
        ]);
        self.migrated();
        self.migration_is(host, "completed");
        Ok(())
    }

    fn load(&mut self, host: &mut dyn Host, uri: &str) -> Result<(), String> {
        self.migration_is(host, "active");
        let bytes = host.receive_state(uri)?;
        let machine = host
            .machine()
            .ok_or("The machine has not been created yet")?;
        let runs = machine.load(&bytes)?;
        self.arrived(host, runs);
        self.migration_is(host, "completed");
        Ok(())
    }
}
