//! ioctl: terminals and the few requests of all files.

use std::rc::Rc;

use crate::abi::Abi;
use crate::abi::layout::{In, Out};
use crate::errno::{EINVAL, ENOTTY, EPERM, ESRCH, Res};
use crate::file::{File, Termios, Tty};
use crate::kernel::{Kernel, Sys};
use crate::vfs::open;

fn put_termios(abi: &Abi, t: &Termios, with_speeds: bool) -> Vec<u8> {
    let mut o = Out::new(abi);
    o.u32(t.iflag)
        .u32(t.oflag)
        .u32(t.cflag)
        .u32(Abi::flags_out(abi.lflags, t.lflag))
        .u8(0);
    let mut cc = vec![0; abi.nccs as usize];
    for (from, &to) in abi.cc.iter().enumerate() {
        if let Some(c) = cc.get_mut(to as usize) {
            *c = t.cc[from];
        }
    }
    o.bytes(&cc);
    o.align(4);
    if with_speeds {
        o.u32(38400).u32(38400);
    }
    o.done()
}

fn get_termios(k: &mut Kernel, at: u64, old: &Termios) -> Res<Termios> {
    let n = 17 + k.abi().nccs as usize;
    let b = k.get(at, n)?;
    let abi = k.abi();
    let mut i = In::new(abi, &b);
    let mut t = Termios {
        iflag: i.u32()?,
        oflag: i.u32()?,
        cflag: i.u32()?,
        lflag: Abi::flags_in(abi.lflags, i.u32()?),
        cc: old.cc,
    };
    for (to, &from) in abi.cc.iter().enumerate() {
        t.cc[to] = b.get(17 + from as usize).copied().unwrap_or(0);
    }
    Ok(t)
}

pub(super) fn ioctl(k: &mut Kernel, fd: i32, request: u32, arg: u64) -> Sys {
    let f = k.file(fd)?;
    let request = Abi::number_in(k.abi().ioctls, request);
    match request {
        // FIOCLEX, FIONCLEX.
        0x5451 | 0x5450 => {
            let files = k.task().files.clone();
            files.borrow_mut().entry(fd)?.cloexec = request == 0x5451;
            return Ok(0);
        }
        // FIONBIO.
        0x5421 => {
            let on = k.get_u32(arg)? != 0;
            let flags = f.flags.get() & !open::NONBLOCK;
            f.flags.set(if on { flags | open::NONBLOCK } else { flags });
            f.ops.set_flags(f.flags.get());
            return Ok(0);
        }
        0x5452 => return Ok(0),
        // FIONREAD.
        0x541b => {
            let n = if f.ops.seekable() {
                (f.ops.readable()? as u64).saturating_sub(f.pos.get()) as u32
            } else {
                f.ops.readable()?
            };
            k.put_u32(arg, n)?;
            return Ok(0);
        }
        _ => {}
    }
    let Some(tty) = f.ops.tty() else {
        return Err(ENOTTY.into());
    };
    terminal(k, &f, tty, request, arg)
}

fn terminal(k: &mut Kernel, f: &Rc<File>, tty: &dyn Tty, request: u32, arg: u64) -> Sys {
    let g = k.group();
    match request {
        // TCGETS, TCSETS, TCSETSW, TCSETSF.
        0x5401 => {
            let t = tty.termios()?;
            let b = put_termios(k.abi(), &t, false);
            k.put(arg, &b)?;
        }
        0x5402..=0x5404 => {
            let old = tty.termios()?;
            let t = get_termios(k, arg, &old)?;
            tty.set_termios(&t, request - 0x5402)?;
        }
        // TCSBRK, TCXONC, TCSBRKP.
        0x5409 | 0x540a | 0x5425 => {}
        // TCFLSH.
        0x540b => tty.flush(arg as u32),
        // TIOCSCTTY.
        0x540e => {
            let (sid, owner) = (g.sid.get(), tty.session().get());
            if sid != g.pid || f.ops.is_master() || owner != 0 && owner != sid {
                return Err(EPERM.into());
            }
            tty.session().set(g.sid.get());
            tty.foreground().set(g.pgid.get());
            *g.tty.borrow_mut() = Some(f.ops.clone());
        }
        // TIOCGPGRP, TIOCSPGRP.
        0x540f => {
            let fg = tty.foreground().get();
            k.put_u32(arg, if fg == 0 { g.pgid.get() } else { fg } as u32)?;
        }
        0x5410 => {
            let pgid = k.get_u32(arg)? as i32;
            if pgid < 0 {
                return Err(EINVAL.into());
            }
            if !k
                .procs
                .groups
                .borrow()
                .values()
                .any(|o| o.pgid.get() == pgid)
            {
                return Err(ESRCH.into());
            }
            tty.foreground().set(pgid);
        }
        // TIOCGSID.
        0x5429 => k.put_u32(
            arg,
            if tty.session().get() == 0 {
                g.sid.get()
            } else {
                tty.session().get()
            } as u32,
        )?,
        // TIOCNOTTY: of a session's leader, the session's.
        0x5422 => {
            if g.sid.get() == g.pid && tty.session().get() == g.sid.get() {
                tty.session().set(0);
                tty.foreground().set(0);
            }
            *g.tty.borrow_mut() = None;
        }
        // TIOCOUTQ.
        0x5411 => k.put_u32(arg, 0)?,
        // TIOCGWINSZ, TIOCSWINSZ.
        0x5413 => {
            let w = tty.winsize()?;
            let b = Out::new(k.abi())
                .u16(w[0])
                .u16(w[1])
                .u16(w[2])
                .u16(w[3])
                .done();
            k.put(arg, &b)?;
        }
        0x5414 => {
            let b = k.get(arg, 8)?;
            let mut i = In::new(k.abi(), &b);
            tty.set_winsize([i.u16()?, i.u16()?, i.u16()?, i.u16()?])?;
            let fg = tty.foreground().get();
            if fg > 0 {
                let n = k.abi().signal(crate::abi::signals::Sig::Winch);
                k.signal_pgrp(fg, n);
            }
        }
        // TIOCGPTN, TIOCSPTLCK.
        0x8004_5430 => {
            let n = tty.pty_number().ok_or(ENOTTY)?;
            k.put_u32(arg, n)?;
        }
        0x4004_5431 if tty.pty_number().is_some() => {}
        _ => return Err(ENOTTY.into()),
    }
    Ok(0)
}
