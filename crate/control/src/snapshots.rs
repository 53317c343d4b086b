//! Snapshots inside images (`savevm` and its like): each disk that can be written keeps its contents as they were, and one of them
//! the machine's state. A machine that runs stands still meanwhile, and goes on.
//!
//! As jobs (`snapshot-save`) they are done in one go once the command is answered, so that nobody ever sees one run.

use serde_json::{Map, Value, json};

use crate::controller::{Controller, RunState};
use crate::driven::{Drive, Host, ImageSnapshot};
use crate::error::Error;
use crate::qmp::block;

/// What a job does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `snapshot-save`
    Save,
    /// `snapshot-load`
    Load,
    /// `snapshot-delete`
    Delete,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Save => "snapshot-save",
            Kind::Load => "snapshot-load",
            Kind::Delete => "snapshot-delete",
        }
    }
}

/// A job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Job {
    pub id: String,
    pub kind: Kind,
    pub tag: String,
    /// The node for the machine's state.
    pub vmstate: Option<String>,
    /// The nodes that take part.
    pub devices: Vec<String>,
    done: Option<Result<(), String>>,
}

impl Job {
    pub fn new(id: &str, kind: Kind, tag: &str) -> Job {
        Job {
            id: id.into(),
            kind,
            tag: tag.into(),
            vmstate: None,
            devices: Vec::new(),
            done: None,
        }
    }

    fn status(&self) -> &'static str {
        match self.done {
            None => "running",
            Some(_) => "concluded",
        }
    }

    fn describe(&self) -> Value {
        let mut v = json!({
            "id": self.id, "type": self.kind.name(), "status": self.status(), "current-progress": u8::from(self.done.is_some()),
            "total-progress": 1,
        });
        if let Some(Err(why)) = &self.done {
            v["error"] = why.as_str().into();
        }
        v
    }
}

/// Which disks take part.
#[derive(Clone, Copy)]
pub(crate) enum Disks<'a> {
    /// Those that can be written.
    Written,
    /// These nodes.
    Nodes(&'a [String]),
}

/// The drives that take part; each has room for snapshots.
fn drives(host: &dyn Host, disks: Disks<'_>) -> Result<Vec<Drive>, String> {
    let all = host.drives();
    let takes_part = |d: &&Drive| d.medium.as_ref().is_some_and(|m| !m.read_only);
    let drives: Vec<Drive> = match disks {
        Disks::Written => all.iter().filter(takes_part).cloned().collect(),
        Disks::Nodes(nodes) => {
            let find = |node: &String| {
                let found = all.iter().find(|d| is(d, node)).cloned();
                found.ok_or_else(|| format!("No block device node '{node}'"))
            };
            nodes.iter().map(find).collect::<Result<_, _>>()?
        }
    };
    let without = |d: &&Drive| takes_part(d) && host.image_snapshots(d.slot).is_none();
    match drives.iter().find(without) {
        None => Ok(drives),
        Some(d) => Err(format!(
            "Device '{}' is writable but does not support snapshots",
            block::name(d)
        )),
    }
}

fn is(d: &Drive, node: &str) -> bool {
    block::own_node(d) == node || block::name(d) == node
}

/// The drive for the machine's state.
fn state_drive(host: &dyn Host, drives: &[Drive], vmstate: Option<&str>) -> Result<u32, String> {
    let room = |d: &&Drive| host.image_snapshots(d.slot).is_some();
    let found = match vmstate {
        Some(node) => drives.iter().find(|d| is(d, node) && room(d)),
        None => drives.iter().find(room),
    };
    match (found, vmstate) {
        (Some(d), _) => Ok(d.slot),
        (None, Some(node)) => Err(format!("vmstate block device '{node}' does not exist")),
        (None, None) => Err("no block device can store vmstate for snapshot".into()),
    }
}

fn find(host: &dyn Host, slot: u32, name: &str) -> Option<ImageSnapshot> {
    let all = host.image_snapshots(slot)?;
    all.into_iter().find(|s| s.name == name)
}

impl Controller {
    /// Makes a snapshot.
    ///
    /// # Errors
    /// QEMU's sentences; there is no new snapshot then.
    pub(crate) fn save_vm(
        &mut self,
        host: &mut dyn Host,
        name: Option<&str>,
        replace: bool,
        vmstate: Option<&str>,
        disks: Disks<'_>,
    ) -> Result<(), String> {
        let drives = drives(host, disks)?;
        let (seconds, microseconds) = host.clock();
        let name = match name {
            Some(name) => name.to_owned(),
            None => format!("vm-{}", date(seconds).replace(['-', ':', ' '], "")),
        };
        let there = |d: &&Drive| find(host, d.slot, &name).is_some();
        let old: Vec<u32> = drives.iter().filter(there).map(|d| d.slot).collect();
        if !old.is_empty() && !replace {
            return Err(format!(
                "Snapshot '{name}' already exists in one or more devices"
            ));
        }
        let state_slot = state_drive(host, &drives, vmstate)?;
        let ran = self.state() == RunState::Running;
        self.pause(host, RunState::SaveVm);
        let slots: Vec<u32> = drives.iter().map(|d| d.slot).collect();
        let made = (|| {
            for slot in old {
                host.delete_image_snapshot(slot, &name)?;
            }
            let machine = host
                .machine()
                .ok_or("The machine has not been created yet")?;
            let state = machine.save(ran, &slots)?.bytes;
            let mut snapshot = ImageSnapshot {
                id: String::new(),
                name: name.clone(),
                made: (
                    u32::try_from(seconds).unwrap_or(0),
                    microseconds.saturating_mul(1000),
                ),
                clock_ns: machine.now_ns(),
                icount: machine.is_counted().then(|| machine.icount()),
                state_bytes: 0,
            };
            for (n, slot) in slots.iter().enumerate() {
                let state: &[u8] = if *slot == state_slot { &state } else { &[] };
                snapshot.state_bytes = state.len() as u64;
                if let Err(why) = host.create_image_snapshot(*slot, &snapshot, state) {
                    for slot in &slots[..n] {
                        // Whatever is left of it is of no use.
                        let _ = host.delete_image_snapshot(*slot, &name);
                    }
                    return Err(why);
                }
            }
            Ok(())
        })();
        if ran {
            self.resume(host);
        }
        made
    }

    /// Goes back to a snapshot; the machine then runs if it does now.
    ///
    /// # Errors
    /// QEMU's sentences; the machine is as it was, unless an image broke under way.
    pub(crate) fn load_vm(
        &mut self,
        host: &mut dyn Host,
        name: &str,
        vmstate: Option<&str>,
        disks: Disks<'_>,
    ) -> Result<(), String> {
        let drives = drives(host, disks)?;
        let missing = |d: &&Drive| find(host, d.slot, name).is_none();
        if drives.iter().any(|d| missing(&d)) {
            return Err(format!(
                "Snapshot '{name}' does not exist in one or more devices"
            ));
        }
        let state_slot = state_drive(host, &drives, vmstate)?;
        if find(host, state_slot, name).is_some_and(|s| s.state_bytes == 0) {
            return Err(
                "This is a disk-only snapshot. Revert to it  offline using qemu-img".into(),
            );
        }
        let ran = self.state() == RunState::Running;
        self.pause(host, RunState::RestoreVm);
        let loaded = (|| {
            let state = host.image_state(state_slot, name)?;
            self.load_bytes(host, &state)
        })();
        if let Err(why) = loaded {
            if ran {
                self.resume(host);
            }
            return Err(why);
        }
        self.loaded(host, false);
        for d in &drives {
            host.apply_image_snapshot(d.slot, name)?;
        }
        if let Some(machine) = host.machine() {
            machine.restart_requests();
        }
        self.loaded(host, ran);
        Ok(())
    }

    /// Removes a snapshot from where it is.
    ///
    /// # Errors
    /// QEMU's sentences.
    pub(crate) fn delete_vm(
        &mut self,
        host: &mut dyn Host,
        name: &str,
        disks: Disks<'_>,
    ) -> Result<(), String> {
        for d in drives(host, disks)? {
            if find(host, d.slot, name).is_some() {
                host.delete_image_snapshot(d.slot, name)?;
            }
        }
        Ok(())
    }

    /// Asks for a job.
    ///
    /// # Errors
    /// Its name is none, or taken.
    pub(crate) fn start_job(&mut self, host: &dyn Host, job: Job) -> Result<(), Error> {
        let mut letters = job.id.bytes();
        let wellformed = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || b"-._".contains(&c));
        if !wellformed {
            return Err(Error::generic(format!("Invalid job ID '{}'", job.id)));
        }
        if self.jobs.iter().any(|j| j.id == job.id) {
            return Err(Error::generic(format!(
                "Job ID '{}' already in use",
                job.id
            )));
        }
        self.job_is(host, &job.id, &["created", "running"]);
        self.jobs.push(job);
        Ok(())
    }

    fn job_is(&mut self, host: &dyn Host, id: &str, states: &[&str]) {
        for status in states {
            let mut data = Map::new();
            data.insert("status".into(), (*status).into());
            data.insert("id".into(), id.into());
            self.event(host, "JOB_STATUS_CHANGE", data);
        }
    }

    /// Does the jobs that were asked for.
    pub(crate) fn run_jobs(&mut self, host: &mut dyn Host) {
        while let Some(n) = self.jobs.iter().position(|job| job.done.is_none()) {
            let job = self.jobs[n].clone();
            let (vmstate, disks) = (job.vmstate.as_deref(), Disks::Nodes(&job.devices));
            let done = match job.kind {
                Kind::Save => self.save_vm(host, Some(&job.tag), false, vmstate, disks),
                Kind::Load => self.load_vm(host, &job.tag, vmstate, disks),
                Kind::Delete => self.delete_vm(host, &job.tag, disks),
            };
            let states: &[&str] = match done {
                Ok(()) => &["waiting", "pending", "concluded"],
                Err(_) => &["aborting", "concluded"],
            };
            self.jobs[n].done = Some(done);
            self.job_is(host, &job.id, states);
        }
    }

    /// What `query-jobs` answers.
    pub(crate) fn describe_jobs(&self) -> Value {
        self.jobs.iter().rev().map(Job::describe).collect()
    }

    /// A verb for a job; `dismiss` removes one that is over.
    ///
    /// # Errors
    /// There is none of that name, or it is past that.
    pub(crate) fn job_verb(&mut self, host: &dyn Host, id: &str, verb: &str) -> Result<(), Error> {
        let Some(n) = self.jobs.iter().position(|job| job.id == id) else {
            return Err(Error::generic("Job not found"));
        };
        let status = self.jobs[n].status();
        if verb != "dismiss" || status != "concluded" {
            return Err(Error::generic(format!(
                "Job '{id}' in state '{status}' cannot accept command verb '{verb}'"
            )));
        }
        self.jobs.remove(n);
        self.job_is(host, id, &["null"]);
        Ok(())
    }
}

/// Seconds since 1970 as a date, in UTC.
pub(crate) fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86400), seconds.rem_euclid(86400));
    // Years begin in March, so that leap days come last; eras have 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// `SnapshotInfo` of each snapshot in an image.
pub(crate) fn infos(all: &[ImageSnapshot]) -> Value {
    let one = |s: &ImageSnapshot| {
        let mut v = json!({
            "id": s.id, "name": s.name, "vm-state-size": s.state_bytes, "date-sec": s.made.0, "date-nsec": s.made.1,
            "vm-clock-sec": s.clock_ns / 1_000_000_000, "vm-clock-nsec": s.clock_ns % 1_000_000_000,
        });
        if let Some(icount) = s.icount {
            v["icount"] = icount.into();
        }
        v
    };
    all.iter().map(one).collect()
}

/// A number with three digits and a unit, as QEMU writes sizes.
fn size(bytes: u64) -> String {
    let units = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = match value {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    format!("{text} {}B", units[unit])
}

fn line(id: &str, s: &ImageSnapshot) -> String {
    let ms = s.clock_ns / 1_000_000;
    let clock = format!(
        "{:02}:{:02}:{:02}.{:03}",
        ms / 3_600_000,
        ms / 60_000 % 60,
        ms / 1000 % 60,
        ms % 1000
    );
    let icount = s.icount.map_or_else(String::new, |n| n.to_string());
    format!(
        "{id:<9} {:<16} {:>8}{:>20}{clock:>13}{icount:>11}\n",
        s.name,
        size(s.state_bytes),
        date(i64::from(s.made.0))
    )
}

/// `info snapshots`
pub(crate) fn table(host: &dyn Host) -> String {
    let heading = format!(
        "{:<9} {:<16} {:>8}{:>20}{:>13}{:>11}\n",
        "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT"
    );
    let all = host.drives();
    let written = all
        .iter()
        .filter(|d| d.medium.as_ref().is_some_and(|m| !m.read_only));
    let lists: Vec<_> = written.map(|d| (d, host.image_snapshots(d.slot))).collect();
    let Some(first) = lists.iter().find_map(|(_, list)| list.as_ref()) else {
        return "no block device can store vmstate for snapshot\n".into();
    };
    if lists
        .iter()
        .all(|(_, list)| list.as_ref().is_none_or(Vec::is_empty))
    {
        return "There is no snapshot available.\n".into();
    }
    let has = |list: &Option<Vec<ImageSnapshot>>, name: &str| {
        list.as_ref()
            .is_some_and(|l| l.iter().any(|s| s.name == name))
    };
    let everywhere = |s: &ImageSnapshot| lists.iter().all(|(_, list)| has(list, &s.name));
    let mut text = "List of snapshots present on all disks:\n".to_owned();
    if first.iter().any(everywhere) {
        text.push_str(&heading);
        let global = first.iter().filter(|s| everywhere(s));
        text.extend(global.map(|s| line("--", s)));
    } else {
        text.push_str("None\n");
    }
    for (d, list) in &lists {
        let list = list.as_deref().unwrap_or_default();
        let partial: String = list
            .iter()
            .filter(|s| !everywhere(s))
            .map(|s| line(&s.id, s))
            .collect();
        if !partial.is_empty() {
            let name = block::name(d);
            text.push_str(&format!(
                "\nList of partial (non-loadable) snapshots on '{name}':\n{heading}{partial}"
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{date, size};

    #[test]
    fn dates_and_sizes() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_389_556, "2026-11-22 23:19:16"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(date(seconds), text);
        }
        for (bytes, text) in [
            (0, "0 B"),
            (420_125, "410 KiB"),
            (1_300_000, "1.24 MiB"),
            (1 << 20, "1 MiB"),
            (12 << 20, "12 MiB"),
            (1000, "0.977 KiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
