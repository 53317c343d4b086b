//! Timers, disk completions and frames on the virtual clock.

use tinamou_core::{
    BlockError, BlockRequest, ErrorAction, Input, LoadError, Loader, News, Ns, RequestId,
    SECTOR_BYTES, Saver,
};

use super::Bus;

#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    dev: usize,
    id: u32,
    deadline: Ns,
}

pub(super) struct Pending {
    dev: usize,
    pub(super) slot: u32,
    id: RequestId,
    deadline: Ns,
    request: BlockRequest,
    /// It failed and the machine stopped: it is made again.
    failed: bool,
}

/// How far [`Bus::advance`] came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advance {
    /// All the way.
    Done,
    /// The host has not finished a disk request whose deadline has come: the clock waits there. Call again later; the guest
    /// must not run meanwhile.
    WaitingForHost,
    /// A disk request failed, and the machine is to stop ([`tinamou_core::ErrorAction::Stop`]). The request is made again when it
    /// goes on.
    Failed,
}

enum Event {
    Timer(usize),
    Disk(usize),
    Net(usize),
}

/// Longest saved request (a guest cannot ask for more in one command).
const MAX_REQUEST_BYTES: usize = 64 << 20;

impl Bus {
    /// Virtual time.
    pub fn now(&self) -> Ns {
        self.now
    }

    /// Tells the bus the time without firing anything; the run loop does so before it lets a device see an access. Time never
    /// goes back.
    pub fn set_now(&mut self, now: Ns) {
        self.now = self.now.max(now);
    }

    /// The next moment at which something happens without the guest's doing.
    pub fn next_deadline(&self) -> Option<Ns> {
        let t = self.timers.iter().map(|t| t.deadline);
        let n = self.nets.iter().filter_map(|n| n.next);
        t.chain(self.pending.iter().map(|p| p.deadline))
            .chain(n)
            .min()
    }

    /// Moves the clock to `to`, firing what is due in order.
    pub fn advance(&mut self, to: Ns) -> Advance {
        while let Some((at, e)) = self.due(to) {
            match e {
                Event::Timer(i) => {
                    let t = self.timers.swap_remove(i);
                    self.now = self.now.max(at);
                    self.with_dev(t.dev, |d, cx| d.timer(cx, t.id));
                }
                Event::Disk(i) => {
                    let p = &mut self.pending[i];
                    let mut disk = self.disks.get_mut(p.slot as usize).and_then(Option::as_mut);
                    if std::mem::take(&mut p.failed)
                        && let Some(d) = &mut disk
                    {
                        d.submit(p.id, p.request.clone());
                    }
                    let result = match disk {
                        Some(d) => d.poll(p.id),
                        None => Some(Err(BlockError::Io("no disk".into()))),
                    };
                    self.now = self.now.max(at);
                    let Some(result) = result else {
                        return Advance::WaitingForHost;
                    };
                    let result = match result {
                        Ok(data) => Ok(data),
                        Err(why) => match self.request_failed(i, why) {
                            Some(result) => result,
                            None => return Advance::Failed,
                        },
                    };
                    let p = self.pending.swap_remove(i);
                    let input = Input::Block {
                        slot: p.slot,
                        id: p.id,
                        result,
                    };
                    self.with_dev(p.dev, |d, cx| d.input(cx, input));
                }
                Event::Net(port) => {
                    self.now = self.now.max(at);
                    self.net_due(port, self.now);
                }
            }
            self.attention = true;
        }
        self.now = self.now.max(to);
        Advance::Done
    }

    /// What the device is to hear of a request that failed; `None` if the machine is to stop.
    fn request_failed(&mut self, i: usize, why: BlockError) -> Option<Result<Vec<u8>, BlockError>> {
        let p = &mut self.pending[i];
        let write = !matches!(p.request, BlockRequest::Read { .. });
        let actions = self.error_actions.get(p.slot as usize);
        let action = actions.map_or(ErrorAction::Report, |a| a[usize::from(write)]);
        let action = match action {
            ErrorAction::StopIfFull if why == BlockError::NoSpace => ErrorAction::Stop,
            ErrorAction::StopIfFull => ErrorAction::Report,
            other => other,
        };
        p.failed = action == ErrorAction::Stop;
        let slot = p.slot;
        let blank = match &p.request {
            BlockRequest::Read { sectors, .. } => *sectors as usize * SECTOR_BYTES as usize,
            _ => 0,
        };
        self.tell(News::BlockError {
            slot,
            write,
            action,
            no_space: why == BlockError::NoSpace,
            reason: why.to_string(),
        });
        match action {
            ErrorAction::Report | ErrorAction::StopIfFull => Some(Err(why)),
            ErrorAction::Ignore => Some(Ok(vec![0; blank])),
            ErrorAction::Stop => None,
        }
    }

    fn due(&self, to: Ns) -> Option<(Ns, Event)> {
        let t = self.timers.iter().enumerate().map(|(i, t)| {
            (
                (t.deadline, 0, t.dev as u64, u64::from(t.id)),
                Event::Timer(i),
            )
        });
        let p = self
            .pending
            .iter()
            .enumerate()
            .map(|(i, p)| ((p.deadline, 1, p.dev as u64, p.id.0), Event::Disk(i)));
        let n = self.nets.iter().enumerate().filter_map(|(i, n)| {
            let at = n.next?;
            Some(((at, 2, i as u64, 0), Event::Net(i)))
        });
        let (key, e) = t.chain(p).chain(n).min_by_key(|(k, _)| *k)?;
        (key.0 <= to).then_some((key.0, e))
    }

    pub(super) fn set_timer(&mut self, dev: usize, id: u32, deadline: Option<Ns>) {
        self.attention = true;
        let at = self.timers.iter().position(|t| t.dev == dev && t.id == id);
        match (at, deadline) {
            (Some(i), Some(deadline)) => self.timers[i].deadline = deadline,
            (Some(i), None) => {
                self.timers.swap_remove(i);
            }
            (None, Some(deadline)) => self.timers.push(Timer { dev, id, deadline }),
            (None, None) => {}
        }
    }

    /// Forgets what a device that is gone waits for.
    pub(super) fn drop_events(&mut self, dev: usize) {
        self.timers.retain(|t| t.dev != dev);
        self.pending.retain(|p| p.dev != dev);
    }

    pub(super) fn submit(
        &mut self,
        dev: usize,
        slot: u32,
        request: BlockRequest,
        after: Ns,
    ) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        if let Some(Some(d)) = self.disks.get_mut(slot as usize) {
            d.submit(id, request.clone());
        }
        let deadline = self.now + after;
        self.pending.push(Pending {
            dev,
            slot,
            id,
            deadline,
            request,
            failed: false,
        });
        self.attention = true;
        id
    }

    pub(super) fn save_events(&self, s: &mut Saver) {
        let mut timers = self.timers.clone();
        timers.sort_by_key(|t| (t.deadline, t.dev, t.id));
        s.u32(timers.len() as u32);
        for t in &timers {
            s.u32(t.dev as u32);
            s.u32(t.id);
            s.u64(t.deadline.0);
        }
        let mut pending: Vec<_> = self.pending.iter().collect();
        pending.sort_by_key(|p| p.id);
        s.u32(pending.len() as u32);
        for p in pending {
            s.u32(p.dev as u32);
            s.u32(p.slot);
            s.u64(p.id.0);
            s.u64(p.deadline.0);
            match &p.request {
                BlockRequest::Read { lba, sectors } => {
                    s.u8(0);
                    s.u64(*lba);
                    s.u32(*sectors);
                }
                BlockRequest::Write { lba, data } => {
                    s.u8(1);
                    s.u64(*lba);
                    s.bytes(data);
                }
                BlockRequest::Flush => s.u8(2),
            }
        }
    }

    pub(super) fn load_events(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        let device = |v: u32| -> Result<usize, LoadError> {
            let n = v as usize;
            if n < self.devs.len() {
                Ok(n)
            } else {
                Err(LoadError::Invalid("device number"))
            }
        };
        let mut timers = Vec::new();
        for _ in 0..l.u32()? {
            timers.push(Timer {
                dev: device(l.u32()?)?,
                id: l.u32()?,
                deadline: Ns(l.u64()?),
            });
        }
        let mut pending = Vec::new();
        for _ in 0..l.u32()? {
            let dev = device(l.u32()?)?;
            let (slot, id, deadline) = (l.u32()?, RequestId(l.u64()?), Ns(l.u64()?));
            let request = match l.u8()? {
                0 => {
                    let (lba, sectors) = (l.u64()?, l.u32()?);
                    if u64::from(sectors) * SECTOR_BYTES > MAX_REQUEST_BYTES as u64 {
                        return Err(LoadError::Invalid("disk request"));
                    }
                    BlockRequest::Read { lba, sectors }
                }
                1 => BlockRequest::Write {
                    lba: l.u64()?,
                    data: l.bytes_max(MAX_REQUEST_BYTES)?,
                },
                2 => BlockRequest::Flush,
                _ => return Err(LoadError::Invalid("disk request")),
            };
            pending.push(Pending {
                dev,
                slot,
                id,
                deadline,
                request,
                failed: false,
            });
        }
        self.timers = timers;
        self.pending = pending;
        Ok(())
    }

    /// Requests in flight of a state that was loaded start again on this host, once its disks are what they were.
    pub fn start_requests(&mut self) {
        for p in &self.pending {
            if let Some(Some(d)) = self.disks.get_mut(p.slot as usize) {
                d.submit(p.id, p.request.clone());
            }
        }
    }
}
