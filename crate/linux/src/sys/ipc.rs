//! System V IPC: shared memory, semaphores, message queues.

mod show;

use std::collections::VecDeque;
use std::rc::Rc;

use crate::abi::layout::{In, Out};
use crate::errno::{
    E2BIG, EAGAIN, EEXIST, EFBIG, EIDRM, EINVAL, ENOENT, ENOMSG, ENOSPC, ERANGE, Res,
};
use crate::file::Key;
use crate::kernel::{Kernel, Stop, Sys};
use crate::mem::{Backing, PAGE, PageSet, Vma, page_up, prot};
use crate::task::Wait;

const CREAT: u32 = 0o1000;
const EXCL: u32 = 0o2000;
const NOWAIT: u32 = 0o4000;
const RMID: u32 = 0;
const SET: u32 = 1;
const STAT: u32 = 2;
const INFO: u32 = 3;
/// Objects of one kind.
const MAX: usize = 4096;

/// What all objects have.
struct Object<T> {
    id: i32,
    key: i32,
    mode: u32,
    uid: u32,
    gid: u32,
    ctime: u64,
    body: T,
}

struct Shm {
    set: Rc<PageSet>,
    bytes: u64,
    attached: u32,
    doomed: bool,
    cpid: i32,
    lpid: i32,
}

struct Sem {
    values: Vec<u16>,
    pids: Vec<i32>,
    otime: u64,
}

struct Msg {
    list: VecDeque<(i64, Vec<u8>)>,
    bytes: usize,
    limit: usize,
    lspid: i32,
    lrpid: i32,
}

/// All objects.
#[derive(Default)]
pub struct Ipc {
    shm: Vec<Object<Shm>>,
    sem: Vec<Object<Sem>>,
    msg: Vec<Object<Msg>>,
    next: i32,
    /// SEM_UNDO: process, set, semaphore, what to add at its end.
    undo: Vec<(i32, i32, usize, i32)>,
}

/// What rings when any object changes.
const CHANGED: Key = Key::Futex(u64::MAX - 1, 0);

fn park() -> Stop {
    Stop::Wait(Wait {
        keys: vec![CHANGED],
        until: None,
        never_restart: true,
    })
}

/// Finds or makes the object of a key.
fn get<T>(
    k: &mut Kernel,
    list: fn(&mut Ipc) -> &mut Vec<Object<T>>,
    key: i32,
    flags: u32,
    fits: impl Fn(&T) -> bool,
    make: impl FnOnce(&mut Kernel) -> Res<T>,
) -> Sys {
    if key != 0
        && let Some(o) = list(&mut k.ipc).iter().find(|o| o.key == key)
    {
        if flags & CREAT != 0 && flags & EXCL != 0 {
            return Err(EEXIST.into());
        }
        if !fits(&o.body) {
            return Err(EINVAL.into());
        }
        return Ok(o.id as u64);
    }
    if key != 0 && flags & CREAT == 0 {
        return Err(ENOENT.into());
    }
    if list(&mut k.ipc).len() >= MAX {
        return Err(ENOSPC.into());
    }
    let body = make(k)?;
    let ids = k.group().ids.get();
    let ctime = k.realtime() / 1_000_000_000;
    let id = k.ipc.next;
    k.ipc.next = k.ipc.next.wrapping_add(1) & 0x7fff_ffff;
    list(&mut k.ipc).push(Object {
        id,
        key,
        mode: flags & 0o777,
        uid: ids[1],
        gid: ids[4],
        ctime,
        body,
    });
    Ok(id as u64)
}

fn find<T>(list: &mut [Object<T>], id: i32) -> Res<&mut Object<T>> {
    list.iter_mut().find(|o| o.id == id).ok_or(EINVAL)
}

/// `struct ipc64_perm`.
fn perm<T>(o: &mut Out<'_>, x: &Object<T>) {
    o.i32(x.key)
        .u32(x.uid)
        .u32(x.gid)
        .u32(x.uid)
        .u32(x.gid)
        .u32(x.mode)
        .u16(0)
        .u16(0)
        .long(0)
        .long(0);
}

/// Times, each with a word behind it if `pairs`.
fn times(o: &mut Out<'_>, pairs: bool, list: &[u64]) {
    for &t in list {
        o.long(t);
        if pairs {
            o.long(0);
        }
    }
}

fn set_perm<T>(k: &mut Kernel, list: fn(&mut Ipc) -> &mut Vec<Object<T>>, id: i32, at: u64) -> Sys {
    let b = k.get(at, 24)?;
    let mut i = In::new(k.abi(), &b);
    let (_, uid, gid, _, _, mode) = (i.i32()?, i.u32()?, i.u32()?, i.u32()?, i.u32()?, i.u32()?);
    let o = find(list(&mut k.ipc), id)?;
    (o.uid, o.gid, o.mode) = (uid, gid, o.mode & !0o777 | mode & 0o777);
    Ok(0)
}

fn shms(i: &mut Ipc) -> &mut Vec<Object<Shm>> {
    &mut i.shm
}

fn sems(i: &mut Ipc) -> &mut Vec<Object<Sem>> {
    &mut i.sem
}

fn msgs(i: &mut Ipc) -> &mut Vec<Object<Msg>> {
    &mut i.msg
}

pub(super) fn shmget(k: &mut Kernel, key: i32, bytes: u64, flags: u32) -> Sys {
    let me = k.group().pid;
    get(
        k,
        shms,
        key,
        flags,
        |s| bytes <= s.bytes,
        |k| {
            if bytes == 0 || bytes > 1 << 31 {
                return Err(EINVAL);
            }
            Ok(Shm {
                set: PageSet::new(&k.frames, None, page_up(bytes)),
                bytes,
                attached: 0,
                doomed: false,
                cpid: me,
                lpid: 0,
            })
        },
    )
}

pub(super) fn shmat(k: &mut Kernel, id: i32, at: u64, flags: u32) -> Sys {
    const RDONLY: u32 = 0o10000;
    const RND: u32 = 0o20000;
    const REMAP: u32 = 0o40000;
    let me = k.group().pid;
    let (set, bytes) = {
        let s = find(&mut k.ipc.shm, id)?;
        (s.body.set.clone(), page_up(s.body.bytes))
    };
    let limit = k.abi().task_size;
    let mm = k.mm();
    let mut mm = mm.borrow_mut();
    mm.may_grow(bytes)?;
    let at = if flags & RND != 0 {
        at & !(PAGE - 1)
    } else {
        at
    };
    let start = if at == 0 {
        mm.find_below(limit, 0, bytes, PAGE)?
    } else {
        let (start, end) = mm.range(at, bytes).map_err(|_| EINVAL)?;
        if flags & REMAP == 0 && !mm.is_free(start, end) {
            return Err(EINVAL.into());
        }
        start
    };
    let p = prot::READ | if flags & RDONLY == 0 { prot::WRITE } else { 0 };
    let vma = Vma {
        backing: Backing::Shared(set, 0),
        shmid: Some(id),
        ..Vma::anon(start + bytes, p, "/SYSV")
    };
    mm.map(start, vma);
    drop(mm);
    let s = find(&mut k.ipc.shm, id)?;
    s.body.lpid = me;
    Ok(start)
}

pub(super) fn shmdt(k: &mut Kernel, at: u64) -> Sys {
    let mm = k.mm();
    let mut mm = mm.borrow_mut();
    let Some(end) = mm
        .vmas
        .get(&at)
        .filter(|v| v.shmid.is_some())
        .map(|v| v.end)
    else {
        return Err(EINVAL.into());
    };
    mm.unmap(at, end);
    drop(mm);
    sweep(k);
    Ok(0)
}

/// Counts attachments; segments that were removed go with the last.
fn sweep(k: &mut Kernel) {
    let mut counts: Vec<(i32, u32)> = Vec::new();
    let mut seen: Vec<*const ()> = Vec::new();
    for t in k.tasks.values() {
        let p = Rc::as_ptr(&t.mm) as *const ();
        if seen.contains(&p) {
            continue;
        }
        seen.push(p);
        for id in t.mm.borrow().vmas.values().filter_map(|v| v.shmid) {
            match counts.iter_mut().find(|c| c.0 == id) {
                Some(c) => c.1 += 1,
                None => counts.push((id, 1)),
            }
        }
    }
    for s in &mut k.ipc.shm {
        s.body.attached = counts.iter().find(|c| c.0 == s.id).map_or(0, |c| c.1);
    }
    k.ipc.shm.retain(|s| !s.body.doomed || s.body.attached > 0);
}

pub(super) fn shmctl(k: &mut Kernel, id: i32, cmd: u32, at: u64) -> Sys {
    match cmd & !0x100 {
        RMID => {
            let s = find(&mut k.ipc.shm, id)?;
            (s.body.doomed, s.key) = (true, 0);
            sweep(k);
        }
        SET => return set_perm(k, shms, id, at),
        STAT | 13 | 15 => {
            sweep(k);
            let abi = k.arch.clone();
            let s = find(&mut k.ipc.shm, id)?;
            let mut o = Out::new(abi.abi());
            perm(&mut o, s);
            o.long(s.body.bytes);
            times(&mut o, abi.abi().ipc_time_pairs.0, &[0, 0, s.ctime]);
            o.i32(s.body.cpid)
                .i32(s.body.lpid)
                .long(s.body.attached as u64)
                .long(0)
                .long(0);
            let b = o.done();
            k.put(at, &b)?;
        }
        INFO | 14 => {
            let b = Out::new(k.abi())
                .long(1 << 31)
                .long(1)
                .long(MAX as u64)
                .long(MAX as u64)
                .long(1 << 19)
                .pad(16)
                .done();
            k.put(at, &b)?;
        }
        11 | 12 => {}
        _ => return Err(EINVAL.into()),
    }
    Ok(0)
}

pub(super) fn semget(k: &mut Kernel, key: i32, count: i32, flags: u32) -> Sys {
    get(
        k,
        sems,
        key,
        flags,
        |s| count as usize <= s.values.len(),
        |_| {
            let n = usize::try_from(count)
                .ok()
                .filter(|&n| n > 0 && n <= 32000)
                .ok_or(EINVAL)?;
            Ok(Sem {
                values: vec![0; n],
                pids: vec![0; n],
                otime: 0,
            })
        },
    )
}

fn do_semop(k: &mut Kernel, id: i32, ops: u64, count: u64, timeout: Option<u64>) -> Sys {
    const UNDO: u32 = 0o10000;
    if count == 0 {
        return Err(EINVAL.into());
    }
    if count > 500 {
        return Err(E2BIG.into());
    }
    let b = k.get(ops, (count as usize).saturating_mul(6))?;
    let mut i = In::new(k.abi(), &b);
    let list = (0..count)
        .map(|_| Ok((i.u16()? as usize, i.u16()? as i16, i.u16()? as u32)))
        .collect::<Res<Vec<_>>>()?;
    let me = k.group().pid;
    let until = timeout.map(|ns| k.deadline(ns));
    // A set that went away while the caller waited.
    let again = k.task().scratch != 0;
    let s = match find(&mut k.ipc.sem, id) {
        Ok(s) => s,
        Err(e) => return Err(if again { EIDRM } else { e }.into()),
    };
    let mut values = s.body.values.clone();
    for &(n, op, flags) in &list {
        let v = values.get_mut(n).ok_or(EFBIG)?;
        let new = *v as i32 + op as i32;
        if op == 0 && *v != 0 || new < 0 {
            if flags & NOWAIT != 0 {
                return Err(EAGAIN.into());
            }
            if let Some(u) = until
                && k.now() >= u
            {
                return Err(EAGAIN.into());
            }
            k.task().scratch = 1;
            return Err(Stop::Wait(Wait {
                keys: vec![CHANGED],
                until,
                never_restart: true,
            }));
        }
        *v = u16::try_from(new)
            .ok()
            .filter(|&v| v <= 32767)
            .ok_or(ERANGE)?;
    }
    s.body.values = values;
    for &(n, _, _) in &list {
        s.body.pids[n] = me;
    }
    for &(n, op, flags) in &list {
        if flags & UNDO != 0 && op != 0 {
            match k
                .ipc
                .undo
                .iter_mut()
                .find(|u| (u.0, u.1, u.2) == (me, id, n))
            {
                Some(u) => u.3 = u.3.wrapping_sub(op as i32),
                None => k.ipc.undo.push((me, id, n, -(op as i32))),
            }
        }
    }
    let now = k.realtime() / 1_000_000_000;
    if let Ok(s) = find(&mut k.ipc.sem, id) {
        s.body.otime = now;
    }
    k.wakes.ring(CHANGED);
    Ok(0)
}

pub(super) fn semop(k: &mut Kernel, id: i32, ops: u64, count: u64) -> Sys {
    do_semop(k, id, ops, count, None)
}

pub(super) fn semtimedop(k: &mut Kernel, id: i32, ops: u64, count: u64, timeout: u64) -> Sys {
    let t = if timeout == 0 {
        None
    } else {
        Some(super::time::get_timespec(k, timeout, false)?)
    };
    do_semop(k, id, ops, count, t)
}

pub(super) fn semtimedop_time64(
    k: &mut Kernel,
    id: i32,
    ops: u64,
    count: u64,
    timeout: u64,
) -> Sys {
    let t = if timeout == 0 {
        None
    } else {
        Some(super::time::get_timespec(k, timeout, true)?)
    };
    do_semop(k, id, ops, count, t)
}

pub(super) fn semctl(k: &mut Kernel, id: i32, n: u32, cmd: u32, arg: u64) -> Sys {
    const GETPID: u32 = 11;
    const GETVAL: u32 = 12;
    const GETALL: u32 = 13;
    const GETNCNT: u32 = 14;
    const GETZCNT: u32 = 15;
    const SETVAL: u32 = 16;
    const SETALL: u32 = 17;
    const SEM_STAT: u32 = 18;
    const SEM_INFO: u32 = 19;
    const SEM_STAT_ANY: u32 = 20;
    let cmd = cmd & !0x100;
    let n = n as usize;
    let me = k.group().pid;
    let abi = k.arch.clone();
    match cmd {
        SET => return set_perm(k, sems, id, arg),
        INFO | SEM_INFO => {
            let sets = k.ipc.sem.len() as u32;
            let all = k.ipc.sem.iter().map(|s| s.body.values.len() as u32).sum();
            // struct seminfo: for SEM_INFO, semusz and semaem are what there is.
            let (size, most) = if cmd == INFO {
                (20, 32767)
            } else {
                (sets, all)
            };
            let mut o = Out::new(abi.abi());
            for v in [
                1024000000u32,
                32000,
                1024000000,
                32000,
                32000,
                500,
                500,
                size,
                32767,
                most,
            ] {
                o.u32(v);
            }
            let b = o.done();
            k.put(arg, &b)?;
            return Ok(sets.saturating_sub(1) as u64);
        }
        _ => {}
    }
    // By index, and the answer is the number.
    let id = match cmd {
        SEM_STAT | SEM_STAT_ANY => usize::try_from(id)
            .ok()
            .and_then(|n| k.ipc.sem.get(n))
            .map(|s| s.id)
            .ok_or(EINVAL)?,
        _ => id,
    };
    let s = find(&mut k.ipc.sem, id)?;
    let count = s.body.values.len();
    Ok(match cmd {
        RMID => {
            k.ipc.sem.retain(|s| s.id != id);
            k.ipc.undo.retain(|u| u.1 != id);
            k.wakes.ring(CHANGED);
            0
        }
        STAT | SEM_STAT | SEM_STAT_ANY => {
            let mut o = Out::new(abi.abi());
            perm(&mut o, s);
            times(&mut o, abi.abi().ipc_time_pairs.1, &[s.body.otime, s.ctime]);
            o.long(count as u64).long(0).long(0);
            let b = o.done();
            k.put(arg, &b)?;
            if cmd == STAT { 0 } else { id as u64 }
        }
        GETVAL => *s.body.values.get(n).ok_or(EINVAL)? as u64,
        GETPID => *s.body.pids.get(n).ok_or(EINVAL)? as u64,
        GETNCNT | GETZCNT => 0,
        SETVAL => {
            let v = u16::try_from(arg as u32)
                .ok()
                .filter(|&v| v <= 32767)
                .ok_or(ERANGE)?;
            *s.body.values.get_mut(n).ok_or(EINVAL)? = v;
            s.body.pids[n] = me;
            k.ipc.undo.retain(|u| u.1 != id || u.2 != n);
            k.wakes.ring(CHANGED);
            0
        }
        GETALL => {
            let mut o = Out::new(abi.abi());
            for &v in &s.body.values {
                o.u16(v);
            }
            let b = o.done();
            k.put(arg, &b)?;
            0
        }
        SETALL => {
            let b = k.get(arg, 2 * count)?;
            let mut i = In::new(abi.abi(), &b);
            let v = (0..count).map(|_| i.u16()).collect::<Res<Vec<_>>>()?;
            if v.iter().any(|&v| v > 32767) {
                return Err(ERANGE.into());
            }
            find(&mut k.ipc.sem, id)?.body.values = v;
            k.ipc.undo.retain(|u| u.1 != id);
            k.wakes.ring(CHANGED);
            0
        }
        _ => return Err(EINVAL.into()),
    })
}

pub(super) fn msgget(k: &mut Kernel, key: i32, flags: u32) -> Sys {
    get(
        k,
        msgs,
        key,
        flags,
        |_| true,
        |_| {
            Ok(Msg {
                list: VecDeque::new(),
                bytes: 0,
                limit: 16384,
                lspid: 0,
                lrpid: 0,
            })
        },
    )
}

pub(super) fn msgsnd(k: &mut Kernel, id: i32, at: u64, bytes: u64, flags: u32) -> Sys {
    if bytes > 8192 {
        return Err(EINVAL.into());
    }
    let long = k.abi().long as usize;
    let b = k.get(at, long.saturating_add(bytes as usize))?;
    let kind = In::new(k.abi(), &b).slong()?;
    if kind <= 0 {
        return Err(EINVAL.into());
    }
    let me = k.group().pid;
    let again = k.task().scratch != 0;
    let q = match find(&mut k.ipc.msg, id) {
        Ok(q) => &mut q.body,
        Err(e) => return Err(if again { EIDRM } else { e }.into()),
    };
    if q.bytes + bytes as usize > q.limit {
        if flags & NOWAIT != 0 {
            return Err(EAGAIN.into());
        }
        k.task().scratch = 1;
        return Err(park());
    }
    q.bytes += bytes as usize;
    q.lspid = me;
    q.list.push_back((kind, b[long..].to_vec()));
    k.wakes.ring(CHANGED);
    Ok(0)
}

pub(super) fn msgrcv(k: &mut Kernel, id: i32, at: u64, bytes: u64, kind: i64, flags: u32) -> Sys {
    const NOERROR: u32 = 0o10000;
    const EXCEPT: u32 = 0o20000;
    let me = k.group().pid;
    let again = k.task().scratch != 0;
    let q = match find(&mut k.ipc.msg, id) {
        Ok(q) => &mut q.body,
        Err(e) => return Err(if again { EIDRM } else { e }.into()),
    };
    let found = match kind {
        0 => (!q.list.is_empty()).then_some(0),
        t if t > 0 => q
            .list
            .iter()
            .position(|m| (m.0 == t) != (flags & EXCEPT != 0)),
        t => {
            let lowest = q
                .list
                .iter()
                .map(|m| m.0)
                .filter(|&m| m <= t.saturating_neg())
                .min();
            lowest.and_then(|l| q.list.iter().position(|m| m.0 == l))
        }
    };
    let Some(i) = found else {
        if flags & NOWAIT != 0 {
            return Err(ENOMSG.into());
        }
        k.task().scratch = 1;
        return Err(park());
    };
    if q.list[i].1.len() as u64 > bytes && flags & NOERROR == 0 {
        return Err(E2BIG.into());
    }
    let Some((t, data)) = q.list.remove(i) else {
        return Err(ENOMSG.into());
    };
    q.bytes -= data.len();
    q.lrpid = me;
    let n = data.len().min(bytes as usize);
    let b = Out::new(k.abi()).long(t as u64).bytes(&data[..n]).done();
    k.put(at, &b)?;
    k.wakes.ring(CHANGED);
    Ok(n as u64)
}

pub(super) fn msgctl(k: &mut Kernel, id: i32, cmd: u32, at: u64) -> Sys {
    let arch = k.arch.clone();
    let abi = arch.abi();
    match cmd & !0x100 {
        RMID => {
            find(&mut k.ipc.msg, id)?;
            k.ipc.msg.retain(|q| q.id != id);
            k.wakes.ring(CHANGED);
        }
        SET => return set_perm(k, msgs, id, at),
        STAT => {
            let q = find(&mut k.ipc.msg, id)?;
            let mut o = Out::new(abi);
            perm(&mut o, q);
            // Times: on 32-bit ABIs each with a word for its upper half.
            for t in [0, 0, q.ctime] {
                match (abi.long, abi.big_endian) {
                    (8, _) => o.long(t),
                    (_, true) => o.long(0).long(t),
                    (_, false) => o.long(t).long(0),
                };
            }
            o.long(q.body.bytes as u64)
                .long(q.body.list.len() as u64)
                .long(q.body.limit as u64)
                .i32(q.body.lspid)
                .i32(q.body.lrpid)
                .long(0)
                .long(0);
            let b = o.done();
            k.put(at, &b)?;
        }
        _ => return Err(EINVAL.into()),
    }
    Ok(0)
}

impl Kernel {
    /// A process ended: what its semaphores owe, and segments only it had attached.
    pub fn release_ipc(&mut self, pid: i32) {
        let mine: Vec<_> = self
            .ipc
            .undo
            .iter()
            .copied()
            .filter(|u| u.0 == pid)
            .collect();
        if !mine.is_empty() {
            self.ipc.undo.retain(|u| u.0 != pid);
            for (_, id, n, add) in mine {
                if let Ok(s) = find(&mut self.ipc.sem, id)
                    && let Some(v) = s.body.values.get_mut(n)
                {
                    *v = (*v as i32).saturating_add(add).clamp(0, 32767) as u16;
                }
            }
            self.wakes.ring(CHANGED);
        }
        if self.ipc.shm.iter().any(|s| s.body.doomed) {
            sweep(self);
        }
    }
}

/// The one call of older ABIs for all of them: the operation, and in its upper half a version.
pub(super) fn ipc(
    k: &mut Kernel,
    call: u32,
    first: i32,
    second: i64,
    third: i64,
    ptr: u64,
    fifth: i64,
) -> Sys {
    let (version, second32, third32) = (call >> 16, second as u32, third as u32);
    match call & 0xffff {
        1 => semop(k, first, ptr, second as u64),
        2 => semget(k, first, second as i32, third32),
        3 => {
            let b = k.get(ptr, k.abi().long as usize)?;
            let arg = In::new(k.abi(), &b).long()?;
            semctl(k, first, second32, third32, arg)
        }
        4 => {
            let timeout = k.abi().ptr(fifth as u64);
            semtimedop(k, first, ptr, second as u64, timeout)
        }
        11 => msgsnd(k, first, ptr, second as u64, third32),
        12 if version == 0 => {
            let b = k.get(ptr, 2 * k.abi().long as usize)?;
            let mut i = In::new(k.abi(), &b);
            let (to, kind) = (i.long()?, i.slong()?);
            msgrcv(k, first, to, second as u64, kind, third32)
        }
        12 => msgrcv(k, first, ptr, second as u64, fifth, third32),
        13 => msgget(k, first, second32),
        14 => msgctl(k, first, second32, ptr),
        21 => {
            let at = shmat(k, first, ptr, second32)?;
            let b = Out::new(k.abi()).long(at).done();
            let to = k.abi().ptr(third as u64);
            k.put(to, &b)?;
            Ok(0)
        }
        22 => shmdt(k, ptr),
        23 => shmget(k, first, second as u64, third32),
        24 => shmctl(k, first, second32, ptr),
        _ => Err(crate::errno::ENOSYS.into()),
    }
}
