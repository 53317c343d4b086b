//! Where a machine's state goes and comes from: files, and commands of the shell. Both are done in one go; the guest and the monitors
//! stand still meanwhile. A command that takes too long is ended, with all that it started.
//!
//! Missing: sockets (`tcp:`, `unix:`), for which monitors must go on meanwhile.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::host::why;

/// Takes the place apart.
fn place(uri: &str) -> Result<(&str, &str), String> {
    match uri.split_once(':') {
        Some((kind @ ("file" | "exec"), rest)) if !rest.is_empty() => Ok((kind, rest)),
        _ => Err(format!("unknown migration protocol: {uri}")),
    }
}

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

fn shell(command: &str) -> Command {
    let mut sh = Command::new("/bin/sh");
    // A group of its own, which ends as a whole.
    sh.arg("-c").arg(command).process_group(0);
    sh
}

/// Ends a command's processes when its time is over.
struct Watchdog {
    /// Dropped once the command is done.
    done: Option<Sender<()>>,
    thread: std::thread::JoinHandle<bool>,
}

impl Watchdog {
    fn new(child: &Child, limit: Duration) -> Watchdog {
        let group = child.id().cast_signed();
        let (done, over): (Sender<()>, Receiver<()>) = channel();
        let thread = std::thread::spawn(move || {
            let late = over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                // SAFETY: a signal to the command's own group, whose number is not given anew before its leader is waited for,
                // which happens when this is over.
                unsafe {
                    libc::kill(-group, libc::SIGKILL);
                }
            }
            late
        });
        Watchdog {
            done: Some(done),
            thread,
        }
    }

    /// The command is over: true if it was ended.
    fn stop(mut self) -> bool {
        drop(self.done.take());
        self.thread.join().unwrap_or(false)
    }
}

/// Gives a command its input, and takes its output, within a time.
fn talk(command: &str, input: Option<&[u8]>, limit: Duration) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("'{command}': {}", why(&e));
    let pipe = |wanted| {
        if wanted {
            Stdio::piped()
        } else {
            Stdio::null()
        }
    };
    let mut child = shell(command)
        .stdin(pipe(input.is_some()))
        .stdout(pipe(input.is_none()))
        .spawn()
        .map_err(failed)?;
    let watchdog = Watchdog::new(&child, limit);
    let mut output = Vec::new();
    let talked = match (input, child.stdin.take(), child.stdout.take()) {
        // The pipe is closed behind what is written.
        (Some(data), Some(mut to), _) => to.write_all(data),
        (_, _, Some(mut from)) => from.read_to_end(&mut output).map(drop),
        _ => Ok(()),
    };
    // It may have more to do; its number stays its own until it is waited for.
    let ended = wait_for(&child);
    let late = watchdog.stop();
    let status = child.wait().map_err(failed)?;
    if late {
        let seconds = limit.as_secs();
        return Err(format!(
            "'{command}': not done within {seconds} seconds, ended"
        ));
    }
    ended.and(talked).map_err(failed)?;
    if status.success() {
        Ok(output)
    } else {
        Err(format!("'{command}': {status}"))
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

/// Writes a file that is whole or not there: it gets its name when all is written. What is no file (a pipe) is simply written.
fn write(path: &str, data: &[u8]) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return std::fs::write(path, data);
    }
    let partial = format!("{path}.partial");
    let written = std::fs::write(&partial, data).and_then(|()| std::fs::rename(&partial, path));
    written.inspect_err(|_| {
        // Whatever there is of it is of no use.
        let _ = std::fs::remove_file(&partial);
    })
}

/// Sends a machine's state.
///
/// # Errors
/// A sentence for the user.
pub fn send(uri: &str, data: &[u8]) -> Result<(), String> {
    let (kind, rest) = place(uri)?;
    if kind == "file" {
        return write(rest, data).map_err(|e| format!("failed to write '{rest}': {}", why(&e)));
    }
    talk(rest, Some(data), COMMAND_LIMIT).map(drop)
}

/// Receives a machine's state.
///
/// # Errors
/// A sentence for the user.
pub fn receive(uri: &str) -> Result<Vec<u8>, String> {
    let (kind, rest) = place(uri)?;
    if kind == "file" {
        return std::fs::read(rest).map_err(|e| format!("failed to open '{rest}': {}", why(&e)));
    }
    talk(rest, None, COMMAND_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_talked_to_and_ended() {
        let limit = Duration::from_millis(300);
        let long = Duration::from_secs(60);
        let data = vec![7; 1 << 20];
        assert_eq!(talk("cat >/dev/null", Some(&data), long), Ok(Vec::new()));
        assert_eq!(talk("printf abc", None, long), Ok(b"abc".to_vec()));
        let failed = talk("exit 3", None, long).unwrap_err();
        assert!(failed.contains("exit status: 3"), "{failed}");
        // The shell's child holds the pipe.
        for (command, input) in [
            ("sleep 1000 & wait", None),
            ("sleep 1000 & wait", Some(&data[..])),
            ("cat >/dev/null; sleep 1000", Some(&data[..])),
        ] {
            let late = talk(command, input, limit).unwrap_err();
            assert!(late.contains("not done within"), "{late}");
        }
    }
}
