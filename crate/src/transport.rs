//! Where a machine's state goes and comes from: files, and commands of the shell. Both are done in one go; the guest stands still
//! meanwhile, and a command that never ends stops this program.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::host::why;

/// Takes the place apart.
fn place(uri: &str) -> Result<(&str, &str), String> {
    match uri.split_once(':') {
        Some((kind @ ("file" | "exec"), rest)) if !rest.is_empty() => Ok((kind, rest)),
        _ => Err(format!("unknown migration protocol: {uri}")),
    }
}

fn shell(command: &str) -> Command {
    let mut sh = Command::new("/bin/sh");
    sh.arg("-c").arg(command);
    sh
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
    let failed = |e: std::io::Error| format!("'{rest}': {}", why(&e));
    let mut child = shell(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(failed)?;
    // The pipe is closed behind what is written.
    let written = child.stdin.take().map_or(Ok(()), |mut s| s.write_all(data));
    let status = child.wait().map_err(failed)?;
    written.map_err(failed)?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("'{rest}': {status}"))
    }
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
    let out = shell(rest)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("'{rest}': {}", why(&e)))?;
    if out.status.success() {
        Ok(out.stdout)
    } else {
        Err(format!("'{rest}': {}", out.status))
    }
}
