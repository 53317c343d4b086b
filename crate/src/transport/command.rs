//! A command of the shell that a state goes into or comes out of.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::host::why;

/// A command that runs, with a group of processes of its own, which ends as a whole.
pub struct Running {
    child: Child,
    group: Group,
}

/// Its group, while it is there.
#[derive(Clone, Debug)]
pub struct Group(Arc<Mutex<Option<i32>>>);

impl Group {
    /// No group.
    pub fn none() -> Group {
        Group(Arc::default())
    }

    /// Ends what is left of it.
    pub fn end(&self) {
        let group = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = *group {
            // SAFETY: a signal to the command's own group, whose number is not given anew before its leader was waited for; it is
            // forgotten, under this lock, before that.
            unsafe {
                libc::kill(-group, libc::SIGKILL);
            }
        }
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Running {
    /// Starts a command whose input (or output) is ours.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn start(command: &str, input: bool) -> Result<(Running, OwnedFd), String> {
        let failed = |e: std::io::Error| format!("'{command}': {}", why(&e));
        let pipe = |wanted| match wanted {
            true => Stdio::piped(),
            false => Stdio::null(),
        };
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .process_group(0)
            .stdin(pipe(input))
            .stdout(pipe(!input))
            .spawn()
            .map_err(failed)?;
        let fd = match (child.stdin.take(), child.stdout.take()) {
            (Some(to), _) => to.into(),
            (_, Some(from)) => OwnedFd::from(from),
            _ => return Err(format!("'{command}': no pipe")),
        };
        let group = Group(Arc::new(Mutex::new(Some(child.id().cast_signed()))));
        Ok((Running { child, group }, fd))
    }

    /// Its group.
    pub fn group(&self) -> Group {
        self.group.clone()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It failed: a sentence for the user.
    pub fn finish(mut self, command: &str) -> Result<(), String> {
        // Its number stays its own until it is waited for.
        let waited = wait_for(&self.child);
        self.group.forget();
        let status = self.child.wait();
        let status = waited.and(status);
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("'{command}': {status}")),
            Err(e) => Err(format!("'{command}': {}", why(&e))),
        }
    }
}

/// Waits until a child has ended, and leaves it there to be waited for.
fn wait_for(child: &Child) -> std::io::Result<()> {
    loop {
        // SAFETY: a zeroed siginfo_t is valid, and the pointer is to a live one.
        let done = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let flags = libc::WEXITED | libc::WNOWAIT;
            libc::waitid(libc::P_PID, child.id(), &raw mut info, flags)
        };
        let error = std::io::Error::last_os_error();
        if done == 0 {
            return Ok(());
        }
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
