//! Socket calls. Unix sockets live inside; other domains are the host's, if it lends them ([`crate::kernel::World::net`]); where it does not, the
//! internet domains are a loopback alone ([`crate::file::inet`]).

use std::collections::HashMap;
use std::rc::{Rc, Weak};

use crate::abi::Abi;
use crate::abi::layout::{In, Out};
use crate::errno::{
    EADDRINUSE, EAGAIN, ECONNREFUSED, EFAULT, EINVAL, EMSGSIZE, ENOPROTOOPT, ENOTSOCK, EOPNOTSUPP,
    EPIPE, EPROTONOSUPPORT, ESOCKTNOSUPPORT, Res,
};
use crate::file::inet::{Inet, Ports};
use crate::file::socket::{Message, Received, Socket, Target, Unix, kind};
use crate::file::{File, FileOps, ready};
use crate::kernel::{Kernel, Sys, wait_for};
use crate::vfs::{mode, open};

/// Names of unix sockets.
#[derive(Default)]
pub struct Names {
    /// By the file's device and inode.
    files: HashMap<(u64, u64), Weak<dyn FileOps>>,
    /// Abstract ones.
    names: HashMap<Vec<u8>, Weak<dyn FileOps>>,
    /// Ports of the loopback.
    ports: Rc<Ports>,
}

/// Makes a socket of the host: domain, type, protocol.
pub type MakeSocket = fn(u32, u32, u32) -> Res<Rc<dyn FileOps>>;

const AF_UNIX: u16 = 1;

/// Flags of send and receive.
mod msg {
    pub const PEEK: u32 = 2;
    pub const CTRUNC: u32 = 8;
    pub const TRUNC: u32 = 0x20;
    pub const DONTWAIT: u32 = 0x40;
    pub const WAITALL: u32 = 0x100;
    pub const NOSIGNAL: u32 = 0x4000;
    pub const CMSG_CLOEXEC: u32 = 0x4000_0000;
}

fn as_socket(f: &Rc<File>) -> Res<&dyn Socket> {
    f.ops.socket().ok_or(ENOTSOCK)
}

fn creds(k: &mut Kernel) -> (i32, u32, u32) {
    let g = k.group();
    (g.pid, g.ids.get()[0], g.ids.get()[3])
}

fn flags_of(k: &Kernel, kind: u32) -> (u32, u32) {
    let flags = Abi::flags_in(k.abi().open_flags, kind & !0xf);
    let (stream, dgram) = k.abi().sock_stream_dgram;
    let kind = match kind & 0xf {
        n if n == stream => kind::STREAM,
        n if n == dgram => kind::DGRAM,
        n => n,
    };
    (kind, flags)
}

pub(super) fn socket(k: &mut Kernel, domain: u32, kind: u32, protocol: u32) -> Sys {
    let (kind, flags) = flags_of(k, kind);
    let ops: Rc<dyn FileOps> = if domain == AF_UNIX as u32 {
        if !matches!(kind, kind::STREAM | kind::DGRAM | kind::SEQPACKET) {
            return Err(ESOCKTNOSUPPORT.into());
        }
        if protocol > 1 {
            return Err(EPROTONOSUPPORT.into());
        }
        let c = creds(k);
        Unix::new(&k.wakes, kind, c)
    } else {
        match k.net {
            Some(make) => make(domain, kind, protocol)?,
            None => Inet::new(&k.wakes, &k.sockets.ports, domain, kind, protocol)?,
        }
    };
    super::fd::install(k, ops, open::RDWR | flags)
}

pub(super) fn socketpair(k: &mut Kernel, domain: u32, kind: u32, protocol: u32, fds: u64) -> Sys {
    if domain != AF_UNIX as u32 {
        return Err(EOPNOTSUPP.into());
    }
    let (kind, flags) = flags_of(k, kind);
    if !matches!(kind, kind::STREAM | kind::DGRAM | kind::SEQPACKET) || protocol > 1 {
        return Err(ESOCKTNOSUPPORT.into());
    }
    let c = creds(k);
    let (a, b) = Unix::pair(&k.wakes, kind, c);
    let a = super::fd::install(k, a, open::RDWR | flags)?;
    let b = super::fd::install(k, b, open::RDWR | flags)?;
    let bytes = Out::new(k.abi()).u32(a as u32).u32(b as u32).done();
    k.put(fds, &bytes)?;
    Ok(0)
}

/// An address in guest memory, with a little-endian family.
fn address(k: &mut Kernel, at: u64, len: u32) -> Res<Vec<u8>> {
    if !(2..=128).contains(&len) {
        return Err(EINVAL);
    }
    let mut b = k.get(at, len as usize)?;
    if k.abi().big_endian {
        b.swap(0, 1);
    }
    Ok(b)
}

fn put_address(k: &mut Kernel, mut b: Vec<u8>, at: u64, len_at: u64) -> Res<()> {
    if at == 0 {
        return Ok(());
    }
    let room = k.get_u32(len_at)? as usize;
    if room > i32::MAX as usize {
        return Err(EINVAL);
    }
    if k.abi().big_endian && b.len() >= 2 {
        b.swap(0, 1);
    }
    k.put(at, &b[..b.len().min(room)])?;
    k.put_u32(len_at, b.len() as u32)
}

fn family(b: &[u8]) -> u16 {
    u16::from_le_bytes([b[0], b[1]])
}

/// The path in a unix address; `None` for an abstract name.
fn unix_path(b: &[u8]) -> Option<Vec<u8>> {
    let name = &b[2..];
    if name.first().is_none_or(|&c| c == 0) {
        return None;
    }
    Some(name[..name.iter().position(|&c| c == 0).unwrap_or(name.len())].to_vec())
}

fn target(k: &mut Kernel, s: &dyn Socket, b: Vec<u8>) -> Res<Target> {
    if s.kind().0 != AF_UNIX as u32 {
        return Ok(Target::Address(b));
    }
    if family(&b) != AF_UNIX {
        return Err(EINVAL);
    }
    let found = match unix_path(&b) {
        Some(path) => {
            let cwd = k.task().fs.borrow().cwd.clone();
            let stat = k.find(&cwd, &path, true)?.node.stat()?;
            k.sockets
                .files
                .get(&(stat.dev, stat.ino))
                .and_then(Weak::upgrade)
        }
        None => k.sockets.names.get(&b[2..]).and_then(Weak::upgrade),
    };
    found.map(Target::Unix).ok_or(ECONNREFUSED)
}

pub(super) fn bind(k: &mut Kernel, fd: i32, at: u64, len: u32) -> Sys {
    let f = k.file(fd)?;
    let s = as_socket(&f)?;
    let mut b = address(k, at, len)?;
    if s.kind().0 == AF_UNIX as u32 {
        if family(&b) != AF_UNIX {
            return Err(EINVAL.into());
        }
        if b.len() == 2 {
            // A name of the kernel's choice.
            b.push(0);
            b.extend(format!("{:05x}", k.next_order()).into_bytes());
        }
        let ops = Rc::downgrade(&f.ops);
        match unix_path(&b) {
            Some(path) => {
                let (cwd, root) = {
                    let fs = k.task().fs.borrow();
                    (fs.cwd.clone(), fs.root.clone())
                };
                k.realtime();
                let last = k.tree.find_last(&cwd, &root, &path)?;
                if last.dir.node.lookup(&last.name).is_ok() {
                    return Err(EADDRINUSE.into());
                }
                s.bind(&b)?;
                let umask = k.task().fs.borrow().umask;
                let node = last
                    .dir
                    .node
                    .create(&last.name, mode::SOCK | 0o777 & !umask, 0)?;
                let stat = node.stat()?;
                k.sockets.files.insert((stat.dev, stat.ino), ops);
            }
            None => {
                k.sockets.names.retain(|_, w| w.strong_count() > 0);
                if k.sockets.names.contains_key(&b[2..]) {
                    return Err(EADDRINUSE.into());
                }
                s.bind(&b)?;
                k.sockets.names.insert(b[2..].to_vec(), ops);
            }
        }
        return Ok(0);
    }
    s.bind(&b)?;
    Ok(0)
}

fn park(f: &Rc<File>, want: u32, e: crate::errno::Errno, flags: u32) -> crate::kernel::Stop {
    if e != EAGAIN || f.nonblocking() || flags & msg::DONTWAIT != 0 {
        return e.into();
    }
    let mut keys = Vec::new();
    f.ops.keys(want, &mut keys);
    wait_for(keys, None)
}

pub(super) fn connect(k: &mut Kernel, fd: i32, at: u64, len: u32) -> Sys {
    let f = k.file(fd)?;
    let s = as_socket(&f)?;
    let b = address(k, at, len)?;
    let to = target(k, s, b)?;
    let other = match &to {
        Target::Unix(o) => Some(o.clone()),
        Target::Address(_) => None,
    };
    match s.connect(to) {
        Ok(()) => Ok(0),
        Err(e) if e == EAGAIN && f.nonblocking() && other.is_none() => {
            Err(crate::errno::EINPROGRESS.into())
        }
        // A full backlog: its listener rings.
        Err(e) if e == EAGAIN && !f.nonblocking() => {
            let mut keys = Vec::new();
            match &other {
                Some(o) => o.keys(ready::OUT, &mut keys),
                None => f.ops.keys(ready::OUT, &mut keys),
            }
            Err(wait_for(keys, None))
        }
        Err(e) => Err(e.into()),
    }
}

pub(super) fn listen(k: &mut Kernel, fd: i32, backlog: u32) -> Sys {
    let f = k.file(fd)?;
    as_socket(&f)?.listen(backlog)?;
    Ok(0)
}

pub(super) fn accept(k: &mut Kernel, fd: i32, at: u64, len: u64) -> Sys {
    accept4(k, fd, at, len, 0)
}

pub(super) fn accept4(k: &mut Kernel, fd: i32, at: u64, len: u64, flags: u32) -> Sys {
    let f = k.file(fd)?;
    let flags = Abi::flags_in(k.abi().open_flags, flags);
    let ops = match as_socket(&f)?.accept() {
        Ok(o) => o,
        Err(e) => return Err(park(&f, ready::IN, e, 0)),
    };
    let peer = ops.socket().and_then(|s| s.peer().ok()).unwrap_or_default();
    put_address(k, peer, at, len)?;
    super::fd::install(k, ops, open::RDWR | flags)
}

pub(super) fn getsockname(k: &mut Kernel, fd: i32, at: u64, len: u64) -> Sys {
    let f = k.file(fd)?;
    let b = as_socket(&f)?.name();
    put_address(k, b, at, len)?;
    Ok(0)
}

pub(super) fn getpeername(k: &mut Kernel, fd: i32, at: u64, len: u64) -> Sys {
    let f = k.file(fd)?;
    let b = as_socket(&f)?.peer()?;
    put_address(k, b, at, len)?;
    Ok(0)
}

pub(super) fn shutdown(k: &mut Kernel, fd: i32, how: u32) -> Sys {
    let f = k.file(fd)?;
    as_socket(&f)?.shutdown(how)?;
    Ok(0)
}

fn transmit(
    k: &mut Kernel,
    f: &Rc<File>,
    data: &[u8],
    to: Option<Vec<u8>>,
    files: Vec<Rc<File>>,
    flags: u32,
) -> Sys {
    let s = as_socket(f)?;
    let to = match to {
        Some(b) => Some(target(k, s, b)?),
        None => None,
    };
    let c = creds(k);
    // A blocking stream sends everything: what went is remembered between tries.
    let done = (k.task().scratch as usize).min(data.len());
    let stream = s.kind().1 == kind::STREAM;
    match s.send(Message {
        data: &data[done..],
        to,
        files,
        creds: c,
    }) {
        Ok(n)
            if stream
                && done + n < data.len()
                && !f.nonblocking()
                && flags & msg::DONTWAIT == 0 =>
        {
            k.task().scratch = (done + n) as u64;
            Err(park(f, ready::OUT, EAGAIN, flags))
        }
        Ok(n) => Ok((done + n) as u64),
        Err(e) if e == EAGAIN && done > 0 && (f.nonblocking() || flags & msg::DONTWAIT != 0) => {
            Ok(done as u64)
        }
        Err(e) if e == EPIPE => {
            if flags & msg::NOSIGNAL == 0 {
                let signal = k.abi().signal(crate::abi::signals::Sig::Pipe);
                let tid = k.cur;
                k.signal_thread(
                    tid,
                    crate::task::Pending {
                        signal,
                        code: 0,
                        detail: crate::task::Detail::None,
                    },
                );
            }
            Err(e.into())
        }
        Err(e) => Err(park(f, ready::OUT, e, flags)),
    }
}

pub(super) fn send(k: &mut Kernel, fd: i32, buf: u64, count: u64, flags: u32) -> Sys {
    sendto(k, fd, buf, count, flags, 0, 0)
}

pub(super) fn sendto(
    k: &mut Kernel,
    fd: i32,
    buf: u64,
    count: u64,
    flags: u32,
    at: u64,
    len: u32,
) -> Sys {
    let f = k.file(fd)?;
    as_socket(&f)?;
    let data = k.get(buf, count.min(1 << 24) as usize)?;
    let to = if at == 0 {
        None
    } else {
        Some(address(k, at, len)?)
    };
    transmit(k, &f, &data, to, Vec::new(), flags)
}

fn receive(
    k: &mut Kernel,
    f: &Rc<File>,
    room: usize,
    flags: u32,
) -> Result<(Vec<u8>, Received), crate::kernel::Stop> {
    let s = as_socket(f)?;
    let mut buf = vec![0; room.min(1 << 24)];
    let stream = s.kind().1 == kind::STREAM;
    if flags & msg::WAITALL != 0
        && stream
        && flags & msg::PEEK == 0
        && f.ops.readable().is_ok_and(|n| (n as usize) < room)
        && f.ops.poll() & ready::RDHUP == 0
        && !f.nonblocking()
    {
        return Err(park(f, ready::IN, EAGAIN, flags));
    }
    let _ = k;
    match s.receive(&mut buf, flags & msg::PEEK != 0) {
        Ok(r) => Ok((buf, r)),
        Err(e) => Err(park(f, ready::IN, e, flags)),
    }
}

pub(super) fn recv(k: &mut Kernel, fd: i32, buf: u64, count: u64, flags: u32) -> Sys {
    recvfrom(k, fd, buf, count, flags, 0, 0)
}

pub(super) fn recvfrom(
    k: &mut Kernel,
    fd: i32,
    buf: u64,
    count: u64,
    flags: u32,
    at: u64,
    len: u64,
) -> Sys {
    let f = k.file(fd)?;
    let (data, r) = receive(k, &f, count as usize, flags)?;
    k.put(buf, &data[..r.bytes])?;
    if !r.from.is_empty() || at != 0 {
        put_address(k, r.from, at, len)?;
    }
    Ok(if flags & msg::TRUNC != 0 {
        r.whole
    } else {
        r.bytes
    } as u64)
}

/// A `struct msghdr`.
struct Header {
    name: u64,
    name_len: u32,
    iov: Vec<(u64, u64)>,
    control: u64,
    control_len: u64,
}

fn header(k: &mut Kernel, at: u64) -> Res<Header> {
    let long = k.abi().long as usize;
    let b = k.get(at, 7 * long)?;
    let mut i = In::new(k.abi(), &b);
    let (name, name_len) = (i.long()?, i.u32()?);
    let (iov, count, control, control_len) = (i.long()?, i.long()?, i.long()?, i.long()?);
    if count > 1024 {
        return Err(EMSGSIZE);
    }
    let b = k.get(iov, count as usize * 2 * long)?;
    let mut i = In::new(k.abi(), &b);
    let iov = (0..count)
        .map(|_| Ok((i.long()?, i.long()?)))
        .collect::<Res<Vec<_>>>()?;
    Ok(Header {
        name,
        name_len,
        iov,
        control,
        control_len,
    })
}

const SCM_RIGHTS: u32 = 1;

/// Descriptors in control messages.
fn rights(k: &mut Kernel, h: &Header) -> Res<Vec<Rc<File>>> {
    let mut files = Vec::new();
    if h.control == 0 || h.control_len == 0 {
        return Ok(files);
    }
    let long = k.abi().long as usize;
    let b = k.get(h.control, h.control_len.min(4096) as usize)?;
    let head = long + 8;
    let mut at = 0;
    while at + head <= b.len() {
        let mut i = In::new(k.abi(), &b[at..]);
        let (len, level, kind) = (i.long()? as usize, i.u32()?, i.u32()?);
        if len < head || len > b.len() - at {
            return Err(EINVAL);
        }
        if level == k.abi().sol_socket && kind == SCM_RIGHTS {
            let fds: Vec<i32> = (0..(len - head) / 4).map(|_| i.i32()).collect::<Res<_>>()?;
            for fd in fds {
                files.push(k.file(fd)?);
            }
        }
        at += len.next_multiple_of(long);
    }
    Ok(files)
}

pub(super) fn sendmsg(k: &mut Kernel, fd: i32, at: u64, flags: u32) -> Sys {
    let f = k.file(fd)?;
    as_socket(&f)?;
    let h = header(k, at)?;
    let mut data = Vec::new();
    for &(va, n) in &h.iov {
        if n > (1 << 24) - data.len() as u64 {
            return Err(EMSGSIZE.into());
        }
        data.extend(k.get(va, n as usize)?);
    }
    let to = if h.name == 0 || h.name_len == 0 {
        None
    } else {
        Some(address(k, h.name, h.name_len)?)
    };
    // Descriptors went with the first bytes.
    let files = if k.task().scratch == 0 {
        rights(k, &h)?
    } else {
        Vec::new()
    };
    transmit(k, &f, &data, to, files, flags)
}

pub(super) fn recvmsg(k: &mut Kernel, fd: i32, at: u64, flags: u32) -> Sys {
    let f = k.file(fd)?;
    let h = header(k, at)?;
    let room: u64 = h.iov.iter().map(|p| p.1).sum();
    let (data, r) = receive(k, &f, room as usize, flags)?;
    let mut rest = &data[..r.bytes];
    for &(va, n) in &h.iov {
        let (head, tail) = rest.split_at((n as usize).min(rest.len()));
        k.put(va, head)?;
        rest = tail;
    }
    let mut out_flags = if r.whole > r.bytes { msg::TRUNC } else { 0 };
    let long = k.abi().long as u64;
    let mut control = Vec::new();
    if !r.files.is_empty() {
        let fits = (h.control_len.saturating_sub(long + 8) / 4) as usize;
        if r.files.len() > fits || h.control == 0 {
            out_flags |= msg::CTRUNC;
        }
        let files = k.task().files.clone();
        let mut fds = Vec::new();
        for file in r.files.into_iter().take(fits) {
            fds.push(
                files
                    .borrow_mut()
                    .add(file, flags & msg::CMSG_CLOEXEC != 0, 0)?,
            );
        }
        if !fds.is_empty() {
            let level = k.abi().sol_socket;
            let mut o = Out::new(k.abi());
            o.long(long + 8 + 4 * fds.len() as u64)
                .u32(level)
                .u32(SCM_RIGHTS);
            for n in fds {
                o.i32(n);
            }
            control = o.done();
        }
    }
    if !control.is_empty() {
        k.put(h.control, &control)?;
    }
    let mut name = r.from;
    if h.name != 0 {
        if k.abi().big_endian && name.len() >= 2 {
            name.swap(0, 1);
        }
        let n = name.len().min(h.name_len as usize);
        k.put(h.name, &name[..n])?;
        k.put_u32(at.wrapping_add(long), name.len() as u32)?;
    }
    let tail = Out::new(k.abi())
        .long(control.len() as u64)
        .u32(out_flags)
        .done();
    k.put(at.wrapping_add(5 * long), &tail)?;
    Ok(r.bytes as u64)
}

/// Runs a call for each of an array of `struct mmsghdr`.
fn many(k: &mut Kernel, at: u64, count: u32, one: impl Fn(&mut Kernel, u64) -> Sys) -> Sys {
    let long = k.abi().long as u64;
    let size = (7 * long + 4).next_multiple_of(long);
    let mut done = 0;
    for n in 0..count.min(1024) as u64 {
        let one_at = at.wrapping_add(n * size);
        match one(k, one_at) {
            Ok(v) => k.put_u32(one_at.wrapping_add(7 * long), v as u32)?,
            Err(e) if n == 0 => return Err(e),
            Err(_) => break,
        }
        done += 1;
    }
    Ok(done)
}

pub(super) fn sendmmsg(k: &mut Kernel, fd: i32, at: u64, count: u32, flags: u32) -> Sys {
    many(k, at, count, |k, at| sendmsg(k, fd, at, flags))
}

pub(super) fn recvmmsg(
    k: &mut Kernel,
    fd: i32,
    at: u64,
    count: u32,
    flags: u32,
    _timeout: u64,
) -> Sys {
    const WAITFORONE: u32 = 0x10000;
    many(k, at, count, |k, at| {
        recvmsg(k, fd, at, flags & !WAITFORONE)
    })
}

pub(super) fn recvmmsg_time64(
    k: &mut Kernel,
    fd: i32,
    at: u64,
    count: u32,
    flags: u32,
    timeout: u64,
) -> Sys {
    recvmmsg(k, fd, at, count, flags, timeout)
}

fn option_name(k: &Kernel, level: u32, name: u32) -> (u32, u32) {
    if level == k.abi().sol_socket {
        (1, Abi::number_in(k.abi().so, name))
    } else {
        (level, name)
    }
}

pub(super) fn setsockopt(
    k: &mut Kernel,
    fd: i32,
    level: u32,
    name: u32,
    value: u64,
    len: u32,
) -> Sys {
    let f = k.file(fd)?;
    let s = as_socket(&f)?;
    let (level, name) = option_name(k, level, name);
    if len > 4096 {
        return Err(EINVAL.into());
    }
    let mut b = k.get(value, len as usize).map_err(|_| EFAULT)?;
    if b.len() == 4 && k.abi().big_endian && level != 41 {
        b.reverse();
    }
    s.set_option(level, name, &b)?;
    Ok(0)
}

pub(super) fn getsockopt(
    k: &mut Kernel,
    fd: i32,
    level: u32,
    name: u32,
    value: u64,
    len: u64,
) -> Sys {
    let f = k.file(fd)?;
    let s = as_socket(&f)?;
    let (level, name) = option_name(k, level, name);
    let room = k.get_u32(len)? as usize;
    if room > i32::MAX as usize {
        return Err(EINVAL.into());
    }
    const SO_PEERCRED: u32 = 17;
    let b = if (level, name) == (1, SO_PEERCRED) {
        let (pid, uid, gid) = s.peer_creds();
        Out::new(k.abi()).i32(pid).u32(uid).u32(gid).done()
    } else {
        let mut b = s.option(level, name)?;
        if (level, name) == (1, 3) {
            // The guest's number of the type.
            let (stream, dgram) = k.abi().sock_stream_dgram;
            let v = match s.kind().1 {
                kind::STREAM => stream,
                kind::DGRAM => dgram,
                n => n,
            };
            b = v.to_le_bytes().to_vec();
        }
        if (level, name) == (1, 4) && b.len() == 4 {
            let e = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            b = ((k.abi().errno)(crate::errno::Errno(e as u16)) as u32)
                .to_le_bytes()
                .to_vec();
        }
        if b.len() == 4 && k.abi().big_endian {
            b.reverse();
        }
        b
    };
    if b.is_empty() {
        return Err(ENOPROTOOPT.into());
    }
    let n = b.len().min(room);
    k.put(value, &b[..n])?;
    k.put_u32(len, n as u32)?;
    Ok(0)
}
