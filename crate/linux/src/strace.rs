//! `-strace`: one line per system call, in the manner of QEMU's: `PID name(arguments) = result`.

use crate::errno::Res;
use crate::kernel::Kernel;
use crate::sys::{Args, Desc, Kind};

/// The call begins: its line's first part is kept until it ends, or printed as unfinished.
pub fn enter(k: &mut Kernel, d: &Desc, mut args: Args) {
    let mut text = format!("{} {}(", k.cur, d.name);
    for (i, &kind) in d.args.iter().enumerate() {
        if i > 0 {
            text.push(',');
        }
        let Ok(v) = args.take(k, kind) else {
            text.push('?');
            continue;
        };
        text.push_str(&match kind {
            Kind::Fd | Kind::Int | Kind::Pid => (v as i32).to_string(),
            Kind::Uint | Kind::Sig => (v as u32).to_string(),
            Kind::Long | Kind::Off => (v as i64).to_string(),
            Kind::Size => v.to_string(),
            Kind::Mode => format!("0{:o}", v as u32),
            Kind::Flags => format!("{:#x}", v as u32),
            Kind::Ptr if v == 0 => "NULL".into(),
            Kind::Ptr => format!("0x{v:08x}"),
            Kind::Path => match k
                .mm()
                .borrow_mut()
                .string(v, 256, crate::errno::ENAMETOOLONG)
            {
                Ok(s) => format!("{:?}", String::from_utf8_lossy(&s)),
                Err(_) if v == 0 => "NULL".into(),
                Err(_) => format!("0x{v:08x}"),
            },
        });
    }
    text.push(')');
    if matches!(
        d.name,
        "exit" | "exit_group" | "execve" | "execveat" | "rt_sigreturn" | "sigreturn"
    ) {
        k.host.log(&text);
    } else {
        k.trace_line = text;
        k.trace_tid = k.cur;
    }
}

/// The call ends.
pub fn leave(k: &mut Kernel, d: &Desc, result: &Option<Res<u64>>) {
    let Some(result) = result else {
        return;
    };
    let head = if k.trace_tid == k.cur && !k.trace_line.is_empty() {
        std::mem::take(&mut k.trace_line)
    } else {
        format!("{} {}(...)", k.cur, d.name)
    };
    let tail = match result {
        Ok(v) if *v > 0xffff => format!("0x{v:08x}"),
        Ok(v) => v.to_string(),
        Err(e) => format!("-1 errno={} ({})", (k.abi().errno)(*e), e.name()),
    };
    k.host.log(&format!("{head} = {tail}"));
}
