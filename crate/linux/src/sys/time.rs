//! Clocks, sleeping, timers.

use std::rc::Rc;

use crate::abi::Abi;
use crate::abi::layout::{In, Out};
use crate::abi::signals::Sig;
use crate::errno::{EINVAL, EPERM, Res};
use crate::file::event::TimerFd;
use crate::kernel::{Kernel, Stop, Sys};
use crate::task::{Interval, PosixTimer, Wait};
use crate::vfs::open;

const SECOND: u64 = 1_000_000_000;

/// A timespec as nanoseconds. `wide`: 64-bit members whatever the ABI.
///
/// # Errors
/// EFAULT, EINVAL.
pub fn get_timespec(k: &mut Kernel, at: u64, wide: bool) -> Res<u64> {
    let wide = wide || k.abi().long == 8;
    let b = k.get(at, if wide { 16 } else { 8 })?;
    let mut i = In::new(k.abi(), &b);
    // The kernel looks at the low half of nanoseconds only where a long has 32 bits.
    let (s, ns) = if wide {
        (i.u64()? as i64, i.u64()? as i64)
    } else {
        (i.slong()?, i.slong()?)
    };
    let ns = if k.abi().long == 4 {
        ns as i32 as i64
    } else {
        ns
    };
    if s < 0 || !(0..1_000_000_000).contains(&ns) {
        return Err(EINVAL);
    }
    Ok((s as u64).saturating_mul(SECOND).saturating_add(ns as u64))
}

fn timespec(abi: &Abi, ns: u64, wide: bool) -> Vec<u8> {
    let mut o = Out::new(abi);
    if wide {
        o.u64(ns / SECOND).u64(ns % SECOND);
    } else {
        o.long(ns / SECOND).long(ns % SECOND);
    }
    o.done()
}

fn get_timeval(k: &mut Kernel, at: u64) -> Res<u64> {
    let b = k.get(at, 2 * k.abi().long as usize)?;
    let mut i = In::new(k.abi(), &b);
    let (s, us) = (i.slong()?, i.slong()?);
    if s < 0 || !(0..1_000_000).contains(&us) {
        return Err(EINVAL);
    }
    Ok((s as u64)
        .saturating_mul(SECOND)
        .saturating_add(us as u64 * 1000))
}

fn timeval(abi: &Abi, ns: u64) -> Vec<u8> {
    let mut o = Out::new(abi);
    o.long(ns / SECOND).long(ns % SECOND / 1000);
    o.done()
}

impl Kernel {
    /// The deadline of the call under way: `ns` from its first try on.
    pub fn deadline(&mut self, ns: u64) -> u64 {
        if let Some(d) = self.task().deadline {
            return d;
        }
        let d = self.now().saturating_add(ns);
        self.task().deadline = Some(d);
        d
    }

    fn clock(&mut self, clock: i32) -> Res<u64> {
        Ok(match clock {
            0 | 5 | 8 | 11 => self.realtime(),
            1 | 4 | 6 | 7 | 9 => self.now(),
            2 => self.group().cpu_ns.get() + self.turn_ns(),
            3 => self.task().cpu_ns + self.turn_ns(),
            // The CPU time of a process or thread by number.
            c if c < 0 => {
                let pid = !(c >> 3);
                match (c & 4, pid) {
                    (0, 0) => self.group().cpu_ns.get(),
                    (_, 0) => self.task().cpu_ns,
                    (0, p) => self.procs.get(p).ok_or(EINVAL)?.cpu_ns.get(),
                    (_, t) => self.tasks.get(&t).ok_or(EINVAL)?.cpu_ns,
                }
            }
            _ => return Err(EINVAL),
        })
    }

    /// Nanoseconds since 1970 as monotonic time.
    pub fn from_realtime(&mut self, ns: u64) -> u64 {
        let (real, mono) = (self.realtime(), self.now());
        ns.saturating_sub(real.saturating_sub(mono))
    }
}

pub(super) fn time(k: &mut Kernel, to: u64) -> Sys {
    let t = k.realtime() / SECOND;
    if to != 0 {
        let b = Out::new(k.abi()).long(t).done();
        k.put(to, &b)?;
    }
    Ok(t)
}

pub(super) fn stime(_k: &mut Kernel, _from: u64) -> Sys {
    Err(EPERM.into())
}

pub(super) fn gettimeofday(k: &mut Kernel, tv: u64, tz: u64) -> Sys {
    if tv != 0 {
        let t = k.realtime();
        let b = timeval(k.abi(), t);
        k.put(tv, &b)?;
    }
    if tz != 0 {
        k.put(tz, &[0; 8])?;
    }
    Ok(0)
}

pub(super) fn settimeofday(_k: &mut Kernel, _tv: u64, _tz: u64) -> Sys {
    Err(EPERM.into())
}

fn put_clock(k: &mut Kernel, clock: i32, to: u64, wide: bool) -> Sys {
    let t = k.clock(clock)?;
    let b = timespec(k.abi(), t, wide);
    k.put(to, &b)?;
    Ok(0)
}

pub(super) fn clock_gettime(k: &mut Kernel, clock: i32, to: u64) -> Sys {
    put_clock(k, clock, to, false)
}

pub(super) fn clock_gettime64(k: &mut Kernel, clock: i32, to: u64) -> Sys {
    put_clock(k, clock, to, true)
}

pub(super) fn clock_settime(k: &mut Kernel, clock: i32, _from: u64) -> Sys {
    k.clock(clock)?;
    Err(EPERM.into())
}

pub(super) fn clock_settime64(k: &mut Kernel, clock: i32, from: u64) -> Sys {
    clock_settime(k, clock, from)
}

fn resolution(k: &mut Kernel, clock: i32, to: u64, wide: bool) -> Sys {
    k.clock(clock)?;
    if to != 0 {
        let coarse = matches!(clock, 5 | 6);
        let b = timespec(k.abi(), if coarse { 4_000_000 } else { 1 }, wide);
        k.put(to, &b)?;
    }
    Ok(0)
}

pub(super) fn clock_getres(k: &mut Kernel, clock: i32, to: u64) -> Sys {
    resolution(k, clock, to, false)
}

pub(super) fn clock_getres_time64(k: &mut Kernel, clock: i32, to: u64) -> Sys {
    resolution(k, clock, to, true)
}

fn sleep(k: &mut Kernel, until: u64, left: u64, wide: bool) -> Sys {
    let now = k.now();
    if now >= until {
        return Ok(0);
    }
    if left != 0 && k.has_signal() {
        let b = timespec(k.abi(), until.saturating_sub(now), wide);
        k.put(left, &b)?;
    }
    // Woken by nothing but time and signals; a handler always ends it.
    Err(Stop::Wait(Wait {
        keys: Vec::new(),
        until: Some(until),
        never_restart: true,
    }))
}

pub(super) fn nanosleep(k: &mut Kernel, want: u64, left: u64) -> Sys {
    let ns = get_timespec(k, want, false)?;
    let until = k.deadline(ns);
    sleep(k, until, left, false)
}

fn clock_sleep(k: &mut Kernel, clock: i32, flags: u32, want: u64, left: u64, wide: bool) -> Sys {
    let ns = get_timespec(k, want, wide)?;
    k.clock(clock)?;
    if flags & 1 == 0 {
        let until = k.deadline(ns);
        return sleep(k, until, left, wide);
    }
    let until = if matches!(clock, 0 | 8 | 11) {
        k.from_realtime(ns)
    } else {
        ns
    };
    sleep(k, until, 0, wide)
}

pub(super) fn clock_nanosleep(k: &mut Kernel, clock: i32, flags: u32, want: u64, left: u64) -> Sys {
    clock_sleep(k, clock, flags, want, left, false)
}

pub(super) fn clock_nanosleep_time64(
    k: &mut Kernel,
    clock: i32,
    flags: u32,
    want: u64,
    left: u64,
) -> Sys {
    clock_sleep(k, clock, flags, want, left, true)
}

/// The clock of an interval timer.
fn timer_now(k: &mut Kernel, which: usize) -> u64 {
    if which == 0 {
        k.now()
    } else {
        k.group().cpu_ns.get()
    }
}

fn left(t: &Interval, now: u64) -> u64 {
    // A timer about to fire is not off.
    if t.due == 0 {
        0
    } else {
        t.due.saturating_sub(now).max(1000)
    }
}

pub(super) fn alarm(k: &mut Kernel, seconds: u32) -> Sys {
    let now = k.now();
    let g = k.group();
    let old = g.itimers[0].get();
    let due = if seconds == 0 {
        0
    } else {
        now + seconds as u64 * SECOND
    };
    g.itimers[0].set(Interval { due, every: 0 });
    Ok(if old.due == 0 {
        0
    } else {
        (left(&old, now) + SECOND / 2).div_euclid(SECOND).max(1)
    })
}

fn put_itimer(k: &mut Kernel, t: &Interval, now: u64, to: u64) -> Res<()> {
    let b = [timeval(k.abi(), t.every), timeval(k.abi(), left(t, now))].concat();
    k.put(to, &b)
}

pub(super) fn getitimer(k: &mut Kernel, which: u32, to: u64) -> Sys {
    let which = which as usize;
    let t = k.group().itimers.get(which).ok_or(EINVAL)?.get();
    let now = timer_now(k, which);
    put_itimer(k, &t, now, to)?;
    Ok(0)
}

pub(super) fn setitimer(k: &mut Kernel, which: u32, new: u64, old: u64) -> Sys {
    let which = which as usize;
    let before = k.group().itimers.get(which).ok_or(EINVAL)?.get();
    let now = timer_now(k, which);
    let size = 2 * k.abi().long as u64;
    let (every, value) = if new == 0 {
        (0, 0)
    } else {
        (
            get_timeval(k, new)?,
            get_timeval(k, new.wrapping_add(size))?,
        )
    };
    if old != 0 {
        put_itimer(k, &before, now, old)?;
    }
    let due = if value == 0 {
        0
    } else {
        now.saturating_add(value)
    };
    k.group().itimers[which].set(Interval { due, every });
    Ok(0)
}

pub(super) fn timer_create(k: &mut Kernel, clock: i32, event: u64, id: u64) -> Sys {
    const SIGEV_SIGNAL: i32 = 0;
    const SIGEV_NONE: i32 = 1;
    const SIGEV_THREAD_ID: i32 = 4;
    k.clock(clock)?;
    let g = k.group();
    let n = {
        let timers = g.timers.borrow();
        timers
            .iter()
            .position(|t| t.is_none())
            .unwrap_or(timers.len())
    };
    if n >= 256 {
        return Err(crate::errno::EAGAIN.into());
    }
    let (mut signal, mut tid, mut value) = (k.abi().signal(Sig::Alrm), 0, n as u64);
    if event != 0 {
        let long = k.abi().long as usize;
        let b = k.get(event, long + 12)?;
        let mut i = In::new(k.abi(), &b);
        value = i.long()?;
        signal = i.u32()?;
        match i.i32()? {
            SIGEV_SIGNAL => {}
            SIGEV_NONE => signal = 0,
            SIGEV_THREAD_ID => {
                tid = i.i32()?;
                if k.tasks.get(&tid).is_none_or(|t| t.group.pid != g.pid) {
                    return Err(EINVAL.into());
                }
            }
            _ => return Err(EINVAL.into()),
        }
        if signal > k.abi().signal_max() {
            return Err(EINVAL.into());
        }
    }
    let t = PosixTimer {
        at: Interval::default(),
        signal,
        tid,
        value,
        clock: clock as u32,
        overrun: 0,
    };
    let mut timers = g.timers.borrow_mut();
    if n == timers.len() {
        timers.push(Some(t));
    } else {
        timers[n] = Some(t);
    }
    drop(timers);
    k.put_u32(id, n as u32)?;
    Ok(0)
}

fn timer(k: &mut Kernel, id: i32) -> Res<PosixTimer> {
    let g = k.group();
    let t = usize::try_from(id)
        .ok()
        .and_then(|i| g.timers.borrow().get(i).copied().flatten());
    t.ok_or(EINVAL)
}

fn itimerspec(k: &mut Kernel, t: &Interval, to: u64, wide: bool) -> Res<()> {
    let now = k.now();
    let l = if t.due == 0 {
        0
    } else {
        t.due.saturating_sub(now).max(1)
    };
    let b = [timespec(k.abi(), t.every, wide), timespec(k.abi(), l, wide)].concat();
    k.put(to, &b)
}

/// Reads an itimerspec and gives when the timer is due.
fn new_interval(
    k: &mut Kernel,
    new: u64,
    absolute: bool,
    realtime: bool,
    wide: bool,
) -> Res<Interval> {
    let size = if wide || k.abi().long == 8 { 16 } else { 8 };
    let (every, value) = (
        get_timespec(k, new, wide)?,
        get_timespec(k, new.wrapping_add(size), wide)?,
    );
    let due = match (value, absolute) {
        (0, _) => 0,
        (v, true) if realtime => k.from_realtime(v).max(1),
        (v, true) => v,
        (v, false) => k.now().saturating_add(v),
    };
    Ok(Interval { due, every })
}

fn set_timer(k: &mut Kernel, id: i32, flags: u32, new: u64, old: u64, wide: bool) -> Sys {
    let mut t = timer(k, id)?;
    let at = new_interval(k, new, flags & 1 != 0, t.clock == 0, wide)?;
    if old != 0 {
        itimerspec(k, &t.at, old, wide)?;
    }
    t.at = at;
    t.overrun = 0;
    k.group().timers.borrow_mut()[id as usize] = Some(t);
    Ok(0)
}

pub(super) fn timer_settime(k: &mut Kernel, id: i32, flags: u32, new: u64, old: u64) -> Sys {
    set_timer(k, id, flags, new, old, false)
}

pub(super) fn timer_settime64(k: &mut Kernel, id: i32, flags: u32, new: u64, old: u64) -> Sys {
    set_timer(k, id, flags, new, old, true)
}

pub(super) fn timer_gettime(k: &mut Kernel, id: i32, to: u64) -> Sys {
    let t = timer(k, id)?;
    itimerspec(k, &t.at, to, false)?;
    Ok(0)
}

pub(super) fn timer_gettime64(k: &mut Kernel, id: i32, to: u64) -> Sys {
    let t = timer(k, id)?;
    itimerspec(k, &t.at, to, true)?;
    Ok(0)
}

pub(super) fn timer_getoverrun(k: &mut Kernel, id: i32) -> Sys {
    Ok(timer(k, id)?.overrun as u64)
}

pub(super) fn timer_delete(k: &mut Kernel, id: i32) -> Sys {
    timer(k, id)?;
    k.group().timers.borrow_mut()[id as usize] = None;
    Ok(0)
}

pub(super) fn timerfd_create(k: &mut Kernel, clock: i32, flags: u32) -> Sys {
    k.clock(clock)?;
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    let big = k.abi().big_endian;
    let now = k.procs.now_ns.clone();
    let ops = Rc::new(TimerFd::new(&k.wakes, &now, clock == 0, big));
    super::fd::install(k, ops, open::RDWR | flags)
}

fn timerfd_set(k: &mut Kernel, fd: i32, flags: u32, new: u64, old: u64, wide: bool) -> Sys {
    let f = k.file(fd)?;
    let t = f.ops.as_any().downcast_ref::<TimerFd>().ok_or(EINVAL)?;
    let at = new_interval(k, new, flags & 1 != 0, t.realtime, wide)?;
    if old != 0 {
        itimerspec(
            k,
            &Interval {
                due: t.due.get(),
                every: t.every.get(),
            },
            old,
            wide,
        )?;
    }
    t.due.set(at.due);
    t.every.set(at.every);
    t.changed();
    Ok(0)
}

pub(super) fn timerfd_settime(k: &mut Kernel, fd: i32, flags: u32, new: u64, old: u64) -> Sys {
    timerfd_set(k, fd, flags, new, old, false)
}

pub(super) fn timerfd_settime64(k: &mut Kernel, fd: i32, flags: u32, new: u64, old: u64) -> Sys {
    timerfd_set(k, fd, flags, new, old, true)
}

fn timerfd_get(k: &mut Kernel, fd: i32, to: u64, wide: bool) -> Sys {
    let f = k.file(fd)?;
    let t = f.ops.as_any().downcast_ref::<TimerFd>().ok_or(EINVAL)?;
    itimerspec(
        k,
        &Interval {
            due: t.due.get(),
            every: t.every.get(),
        },
        to,
        wide,
    )?;
    Ok(0)
}

pub(super) fn timerfd_gettime(k: &mut Kernel, fd: i32, to: u64) -> Sys {
    timerfd_get(k, fd, to, false)
}

pub(super) fn timerfd_gettime64(k: &mut Kernel, fd: i32, to: u64) -> Sys {
    timerfd_get(k, fd, to, true)
}

pub(super) fn times(k: &mut Kernel, to: u64) -> Sys {
    const TICK: u64 = 10_000_000;
    let g = k.group();
    if to != 0 {
        let turn = k.turn_ns();
        let b = Out::new(k.abi())
            .long((g.cpu_ns.get() + turn) / TICK)
            .long(0)
            .long(g.child_cpu_ns.get() / TICK)
            .long(0)
            .done();
        k.put(to, &b)?;
    }
    Ok(k.now() / TICK)
}

pub(super) fn adjtimex(_k: &mut Kernel, _buf: u64) -> Sys {
    Err(EPERM.into())
}
