//! Futexes. A private futex is named by its address space and address, a shared one by the page set and offset behind it.

use std::cell::RefCell;
use std::rc::Rc;

use super::time::get_timespec;
use crate::abi::layout::In;
use crate::errno::{EAGAIN, EDEADLK, EINVAL, ENOSYS, EPERM, ETIMEDOUT, Res};
use crate::kernel::{Kernel, Stop, Sys};
use crate::mem::Space;
use crate::task::Wait;

const WAITERS: u32 = 0x8000_0000;
const OWNER_DIED: u32 = 0x4000_0000;
const TID: u32 = 0x3fff_ffff;

fn name(mm: &Rc<RefCell<Space>>, va: u64) -> (u64, u64) {
    match mm.borrow().shared_place(va) {
        Some((set, at)) => (set as u64, at),
        None => (Rc::as_ptr(mm) as u64, va),
    }
}

impl Kernel {
    /// Wakes up to `count` threads that wait on a futex with any of `bits`. Gives how many.
    fn futex_wake(&mut self, name: (u64, u64), count: u32, bits: u32) -> u32 {
        let mut who: Vec<i32> = self
            .tasks
            .values()
            .filter(|t| {
                !t.futex_woken
                    && t.futex
                        .as_ref()
                        .is_some_and(|f| f.0.contains(&name) && f.1 & bits != 0)
            })
            .map(|t| t.tid)
            .collect();
        // First come, first served.
        who.sort_by_key(|t| self.tasks[t].scratch);
        who.truncate(count as usize);
        for &tid in &who {
            if let Some(t) = self.tasks.get_mut(&tid) {
                t.futex_woken = true;
                t.futex_index = t
                    .futex
                    .as_ref()
                    .and_then(|f| f.0.iter().position(|n| *n == name))
                    .unwrap_or(0);
            }
            self.ready(tid);
        }
        who.len() as u32
    }

    /// As FUTEX_WAKE on an address of a memory.
    pub fn futex_wake_in(&mut self, mm: &Rc<RefCell<Space>>, va: u64, count: u32) {
        let n = name(mm, va);
        self.futex_wake(n, count, !0);
    }

    /// A thread ended: the robust futexes it holds are marked, one waiter each wakes.
    pub fn robust_exit(&mut self, tid: i32, head: u64) {
        let Some(mm) = self.tasks.get(&tid).map(|t| t.mm.clone()) else {
            return;
        };
        let long = self.abi().long as usize;
        let read = |k: &Kernel, at: u64, n: usize| -> Res<Vec<u64>> {
            let mut b = vec![0; n * long];
            mm.borrow_mut().read(at, &mut b)?;
            let mut i = In::new(k.abi(), &b);
            (0..n).map(|_| i.long()).collect()
        };
        let Ok(h) = read(self, head, 3) else { return };
        let (mut at, offset, pending) = (h[0], h[1], h[2]);
        for _ in 0..2048 {
            if at & !1 == head {
                break;
            }
            let Ok(next) = read(self, at & !1, 1) else {
                break;
            };
            if at & !1 != pending & !1 {
                self.robust_one(&mm, tid, (at & !1).wrapping_add(offset));
            }
            at = next[0];
        }
        if pending != 0 {
            self.robust_one(&mm, tid, (pending & !1).wrapping_add(offset));
        }
    }

    fn robust_one(&mut self, mm: &Rc<RefCell<Space>>, tid: i32, at: u64) {
        let at = self.abi().ptr(at);
        let mut b = [0; 4];
        if at & 3 != 0 || mm.borrow_mut().read(at, &mut b).is_err() {
            return;
        }
        let big = self.abi().big_endian;
        let v = if big {
            u32::from_be_bytes(b)
        } else {
            u32::from_le_bytes(b)
        };
        if v & TID != tid as u32 {
            return;
        }
        let new = v & WAITERS | OWNER_DIED;
        let b = if big {
            new.to_be_bytes()
        } else {
            new.to_le_bytes()
        };
        if mm.borrow_mut().write(at, &b).is_ok() && v & WAITERS != 0 {
            self.futex_wake_in(mm, at, 1);
        }
    }
}

fn wait(k: &mut Kernel, at: u64, value: u32, until: Option<u64>, bits: u32) -> Sys {
    if bits == 0 || at & 3 != 0 {
        return Err(EINVAL.into());
    }
    let t = k.task();
    if core::mem::take(&mut t.futex_woken) {
        t.futex = None;
        return Ok(0);
    }
    let first = t.futex.is_none();
    if first {
        if k.get_u32(at)? != value {
            return Err(EAGAIN.into());
        }
        let mm = k.mm();
        let order = k.next_order();
        let t = k.task();
        t.futex = Some((vec![name(&mm, at)], bits));
        t.scratch = order;
    }
    if let Some(u) = until
        && k.now() >= u
    {
        k.task().futex = None;
        return Err(ETIMEDOUT.into());
    }
    Err(Stop::Wait(Wait {
        keys: Vec::new(),
        until,
        never_restart: false,
    }))
}

fn lock(k: &mut Kernel, at: u64, until: Option<u64>, only_try: bool) -> Sys {
    let tid = k.cur as u32;
    let t = k.task();
    t.futex_woken = false;
    t.futex = None;
    let v = k.get_u32(at)?;
    if v & TID == 0 {
        let waiters = v & WAITERS;
        k.put_u32(at, tid | waiters | v & OWNER_DIED)?;
        return Ok(0);
    }
    if v & TID == tid {
        return Err(EDEADLK.into());
    }
    if only_try {
        return Err(EAGAIN.into());
    }
    if !k.tasks.contains_key(&((v & TID) as i32)) {
        return Err(crate::errno::ESRCH.into());
    }
    if let Some(u) = until
        && k.now() >= u
    {
        return Err(ETIMEDOUT.into());
    }
    k.put_u32(at, v | WAITERS)?;
    let mm = k.mm();
    let order = k.next_order();
    let t = k.task();
    t.futex = Some((vec![name(&mm, at)], !0));
    t.scratch = order;
    Err(Stop::Wait(Wait {
        keys: Vec::new(),
        until,
        never_restart: false,
    }))
}

fn unlock(k: &mut Kernel, at: u64) -> Sys {
    let v = k.get_u32(at)?;
    if v & TID != k.cur as u32 {
        return Err(EPERM.into());
    }
    let mm = k.mm();
    let n = name(&mm, at);
    let others = k
        .tasks
        .values()
        .filter(|t| t.futex.as_ref().is_some_and(|f| f.0.contains(&n)))
        .count();
    k.put_u32(at, if others > 0 { WAITERS } else { 0 })?;
    k.futex_wake(n, 1, !0);
    Ok(0)
}

/// FUTEX_WAKE_OP's operation on the second futex; gives whether its old value compares as asked.
fn wake_op(k: &mut Kernel, at: u64, code: u32) -> Res<bool> {
    let (op, cmp) = (code >> 28 & 7, code >> 24 & 15);
    let sext = |v: u32| ((v << 20) as i32 >> 20) as u32;
    let (arg, cmp_arg) = (sext(code >> 12 & 0xfff), sext(code & 0xfff));
    let arg = if code >> 31 != 0 {
        1u32.wrapping_shl(arg)
    } else {
        arg
    };
    let old = k.get_u32(at)?;
    let new = match op {
        0 => arg,
        1 => old.wrapping_add(arg),
        2 => old | arg,
        3 => old & !arg,
        4 => old ^ arg,
        _ => return Err(ENOSYS),
    };
    k.put_u32(at, new)?;
    let (a, b) = (old as i32, cmp_arg as i32);
    Ok(match cmp {
        0 => a == b,
        1 => a != b,
        2 => a < b,
        3 => a <= b,
        4 => a > b,
        5 => a >= b,
        _ => return Err(ENOSYS),
    })
}

#[allow(clippy::too_many_arguments, reason = "the call has as many")]
fn do_futex(
    k: &mut Kernel,
    at: u64,
    op: u32,
    value: u32,
    timeout: u64,
    at2: u64,
    value3: u32,
    wide: bool,
) -> Sys {
    let realtime = op & 256 != 0;
    let cmd = op & 0x7f;
    let waits = matches!(cmd, 0 | 6 | 9 | 13);
    let until = if waits && timeout != 0 {
        let ns = get_timespec(k, timeout, wide)?;
        Some(match cmd {
            0 => k.deadline(ns),
            6 => k.from_realtime(ns),
            _ if realtime => k.from_realtime(ns),
            _ => ns,
        })
    } else {
        None
    };
    let mm = k.mm();
    match cmd {
        0 => wait(k, at, value, until, !0),
        9 => wait(k, at, value, until, value3),
        1 | 10 => {
            let bits = if cmd == 10 { value3 } else { !0 };
            if bits == 0 || at & 3 != 0 {
                return Err(EINVAL.into());
            }
            let n = name(&mm, at);
            Ok(k.futex_wake(n, value, bits) as u64)
        }
        3 | 4 => {
            if cmd == 4 && k.get_u32(at)? != value3 {
                return Err(EAGAIN.into());
            }
            let (from, to) = (name(&mm, at), name(&mm, at2));
            let woken = k.futex_wake(from, value, !0);
            let mut moved = 0;
            let limit = timeout as u32;
            for t in k.tasks.values_mut() {
                if moved < limit
                    && !t.futex_woken
                    && let Some(f) = &mut t.futex
                    && f.0.contains(&from)
                {
                    f.0 = vec![to];
                    moved += 1;
                }
            }
            Ok((woken + if cmd == 4 { moved } else { 0 }) as u64)
        }
        5 => {
            let both = wake_op(k, at2, value3)?;
            let mut n = k.futex_wake(name(&mm, at), value, !0);
            if both {
                n += k.futex_wake(name(&mm, at2), timeout as u32, !0);
            }
            Ok(n as u64)
        }
        6 | 13 => lock(k, at, until, false),
        7 => unlock(k, at),
        8 => lock(k, at, None, true),
        _ => Err(ENOSYS.into()),
    }
}

pub(super) fn futex(
    k: &mut Kernel,
    at: u64,
    op: u32,
    value: u32,
    timeout: u64,
    at2: u64,
    value3: u32,
) -> Sys {
    do_futex(k, at, op, value, timeout, at2, value3, false)
}

pub(super) fn futex_time64(
    k: &mut Kernel,
    at: u64,
    op: u32,
    value: u32,
    timeout: u64,
    at2: u64,
    value3: u32,
) -> Sys {
    do_futex(k, at, op, value, timeout, at2, value3, true)
}
