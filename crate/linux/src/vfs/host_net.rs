//! A Linux host's sockets, for the internet domains: non-blocking, one of the host's for each of the program's.

use std::any::Any;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;

use super::{Stat, mode};
use crate::errno::{EAFNOSUPPORT, EAGAIN, EALREADY, EINPROGRESS, EINVAL, EISCONN, Errno, Res};
use crate::file::socket::{Message, Received, Socket, Target};
use crate::file::{File, FileOps, Key, ready};

struct HostSocket {
    fd: OwnedFd,
    kind: (u32, u32, u32),
}

fn check(r: i64) -> Res<usize> {
    usize::try_from(r).map_err(|_| std::io::Error::last_os_error().into())
}

/// Makes a socket: AF_INET and AF_INET6 only.
///
/// # Errors
/// EAFNOSUPPORT and the host's.
pub fn socket(domain: u32, kind: u32, protocol: u32) -> Res<Rc<dyn FileOps>> {
    if !matches!(domain as i32, libc::AF_INET | libc::AF_INET6) {
        return Err(EAFNOSUPPORT);
    }
    // SAFETY: plain numbers; the descriptor that comes back is ours.
    let fd = unsafe {
        let fd = check(libc::socket(
            domain as i32,
            kind as i32 | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            protocol as i32,
        ) as i64)?;
        OwnedFd::from_raw_fd(fd as i32)
    };
    Ok(Rc::new(HostSocket {
        fd,
        kind: (domain, kind, protocol),
    }))
}

impl HostSocket {
    fn raw(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// getsockname or getpeername.
    fn address(
        &self,
        call: unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32,
    ) -> Res<Vec<u8>> {
        let mut buf = vec![0u8; 128];
        let mut len = 128;
        // SAFETY: the buffer is as long as said.
        check(unsafe { call(self.raw(), buf.as_mut_ptr().cast(), &mut len) } as i64)?;
        buf.truncate(len as usize);
        Ok(buf)
    }
}

impl Socket for HostSocket {
    fn kind(&self) -> (u32, u32, u32) {
        self.kind
    }

    fn bind(&self, a: &[u8]) -> Res<()> {
        // SAFETY: the address is as long as said.
        check(unsafe { libc::bind(self.raw(), a.as_ptr().cast(), a.len() as u32) } as i64).map(drop)
    }

    fn connect(&self, to: Target) -> Res<()> {
        let Target::Address(a) = to else {
            return Err(EINVAL);
        };
        // SAFETY: the address is as long as said.
        match check(unsafe { libc::connect(self.raw(), a.as_ptr().cast(), a.len() as u32) } as i64)
        {
            Ok(_) => Ok(()),
            // Made again after the wait: it is connected, or why it is not is the socket's error.
            Err(e) if e == EISCONN => Ok(()),
            Err(e) if e == EINPROGRESS || e == EALREADY => {
                let b = self.option(1, 4)?;
                match b.first().copied().unwrap_or(0) {
                    0 => Err(EAGAIN),
                    n => Err(Errno(n as u16)),
                }
            }
            Err(e) => Err(e),
        }
    }

    fn listen(&self, backlog: u32) -> Res<()> {
        // SAFETY: plain numbers.
        check(unsafe { libc::listen(self.raw(), backlog.min(4096) as i32) } as i64).map(drop)
    }

    fn accept(&self) -> Res<Rc<dyn FileOps>> {
        // SAFETY: no address is asked for; the descriptor that comes back is ours.
        let fd = unsafe {
            let fd = check(libc::accept4(
                self.raw(),
                core::ptr::null_mut(),
                core::ptr::null_mut(),
                libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
            ) as i64)?;
            OwnedFd::from_raw_fd(fd as i32)
        };
        Ok(Rc::new(HostSocket {
            fd,
            kind: self.kind,
        }))
    }

    fn send(&self, m: Message<'_>) -> Res<usize> {
        let to = match m.to {
            Some(Target::Address(a)) => a,
            Some(Target::Unix(_)) => return Err(EINVAL),
            None => Vec::new(),
        };
        let at = if to.is_empty() {
            core::ptr::null()
        } else {
            to.as_ptr().cast()
        };
        // SAFETY: bytes and address are as long as said.
        check(unsafe {
            libc::sendto(
                self.raw(),
                m.data.as_ptr().cast(),
                m.data.len(),
                libc::MSG_NOSIGNAL,
                at,
                to.len() as u32,
            )
        } as i64)
    }

    fn receive(&self, buf: &mut [u8], peek: bool) -> Res<Received> {
        let mut from = vec![0u8; 128];
        let mut len = 128;
        let flags = (if self.kind.1 == 2 { libc::MSG_TRUNC } else { 0 })
            | if peek { libc::MSG_PEEK } else { 0 };
        // SAFETY: buffer and address are as long as said.
        let n = check(unsafe {
            libc::recvfrom(
                self.raw(),
                buf.as_mut_ptr().cast(),
                buf.len(),
                flags,
                from.as_mut_ptr().cast(),
                &mut len,
            )
        } as i64)?;
        from.truncate(len as usize);
        Ok(Received {
            bytes: n.min(buf.len()),
            whole: n,
            from,
            ..Received::default()
        })
    }

    fn name(&self) -> Vec<u8> {
        self.address(libc::getsockname).unwrap_or_default()
    }

    fn peer(&self) -> Res<Vec<u8>> {
        self.address(libc::getpeername)
    }

    fn shutdown(&self, how: u32) -> Res<()> {
        // SAFETY: plain numbers.
        check(unsafe { libc::shutdown(self.raw(), how as i32) } as i64).map(drop)
    }

    fn option(&self, level: u32, name: u32) -> Res<Vec<u8>> {
        let mut buf = vec![0u8; 64];
        let mut len = 64;
        // SAFETY: the buffer is as long as said.
        check(unsafe {
            libc::getsockopt(
                self.raw(),
                level as i32,
                name as i32,
                buf.as_mut_ptr().cast(),
                &mut len,
            )
        } as i64)?;
        buf.truncate(len as usize);
        Ok(buf)
    }

    fn set_option(&self, level: u32, name: u32, v: &[u8]) -> Res<()> {
        // Timeouts have another layout in many guests, and nothing here waits in the host anyway.
        if level == 1 && matches!(name, 20 | 21 | 66 | 67) {
            return Ok(());
        }
        // SAFETY: the value is as long as said.
        check(unsafe {
            libc::setsockopt(
                self.raw(),
                level as i32,
                name as i32,
                v.as_ptr().cast(),
                v.len() as u32,
            )
        } as i64)
        .map(drop)
    }
}

impl FileOps for HostSocket {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn read(&self, _f: &File, buf: &mut [u8]) -> Res<usize> {
        self.receive(buf, false).map(|r| r.bytes)
    }

    fn write(&self, _f: &File, data: &[u8]) -> Res<usize> {
        self.send(Message::plain(data, (0, 0, 0)))
    }

    fn poll(&self) -> u32 {
        let mut p = libc::pollfd {
            fd: self.raw(),
            events: libc::POLLIN
                | libc::POLLOUT
                | libc::POLLPRI
                | libc::POLLRDNORM
                | libc::POLLWRNORM,
            revents: 0,
        };
        // SAFETY: one pollfd.
        unsafe { libc::poll(&mut p, 1, 0) };
        p.revents as u16 as u32
    }

    fn keys(&self, want: u32, out: &mut Vec<Key>) {
        out.push(Key::Host(
            self.raw(),
            want & (ready::IN | ready::OUT | ready::PRI),
        ));
    }

    fn stat(&self) -> Res<Stat> {
        Ok(Stat {
            dev: 8,
            ino: 1 << 32 | self.raw() as u64,
            mode: mode::SOCK | 0o777,
            nlink: 1,
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn name(&self) -> Vec<u8> {
        format!("socket:[{}]", self.raw()).into_bytes()
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }
}
