//! The program's monitors as a client sees them.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::Scratch;

/// One end of a QMP session.
pub struct Qmp<R, W> {
    pub from: BufReader<R>,
    pub to: W,
    /// Descriptors that go with the next command.
    fd: Option<RawFd>,
}

impl Qmp<UnixStream, UnixStream> {
    /// Sends a descriptor with the next command.
    pub fn pass(&mut self, fd: RawFd) {
        self.fd = Some(fd);
    }
}

/// A writer that can send a descriptor with its bytes.
pub trait Sends: Write {
    fn send(&mut self, bytes: &[u8], fd: Option<RawFd>) {
        assert!(fd.is_none(), "only sockets pass descriptors");
        self.write_all(bytes).unwrap();
    }
}

impl Sends for std::process::ChildStdin {}

impl Sends for UnixStream {
    fn send(&mut self, bytes: &[u8], fd: Option<RawFd>) {
        let Some(fd) = fd else {
            return self.write_all(bytes).unwrap();
        };
        #[repr(C, align(8))]
        struct Room([u8; 64]);
        let mut room = Room([0; 64]);
        let mut part = libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: the message points to live buffers with their lengths; one descriptor's control message has room.
        let sent = unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_iov = &raw mut part;
            message.msg_iovlen = 1;
            message.msg_control = room.0.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
            let head = libc::CMSG_FIRSTHDR(&raw const message);
            (*head).cmsg_level = libc::SOL_SOCKET;
            (*head).cmsg_type = libc::SCM_RIGHTS;
            (*head).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
            libc::CMSG_DATA(head).cast::<RawFd>().write_unaligned(fd);
            libc::sendmsg(self.as_raw_fd(), &raw const message, 0)
        };
        assert_eq!(sent, bytes.len() as isize);
    }
}

impl<R: Read, W: Sends> Qmp<R, W> {
    /// After the greeting, not negotiated.
    pub fn new(from: R, to: W) -> Qmp<R, W> {
        let mut qmp = Qmp {
            from: BufReader::new(from),
            to,
            fd: None,
        };
        assert!(qmp.next()["QMP"]["version"].is_object());
        qmp
    }

    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    /// Runs a command: the names of the events before its reply, and the reply.
    pub fn run(&mut self, name: &str, args: Value) -> (Vec<String>, Value) {
        let message = json!({"execute": name, "arguments": args, "id": name});
        // No newline, as QEMU's own client does.
        let fd = self.fd.take();
        self.to.send(message.to_string().as_bytes(), fd);
        let mut events = Vec::new();
        loop {
            let reply = self.next();
            match reply["event"].as_str() {
                Some(event) => {
                    assert!(reply["timestamp"]["seconds"].as_i64() > Some(1_000_000_000));
                    events.push(event.to_owned());
                }
                None => {
                    assert_eq!(reply["id"], name, "{reply}");
                    return (events, reply);
                }
            }
        }
    }

    pub fn ok(&mut self, name: &str, args: Value) -> Vec<String> {
        let (events, reply) = self.run(name, args);
        assert_eq!(reply["return"], json!({}), "{reply}");
        events
    }

    pub fn status(&mut self) -> String {
        let (_, reply) = self.run("query-status", json!({}));
        reply["return"]["status"].as_str().unwrap().to_owned()
    }

    pub fn refused(&mut self, name: &str, args: Value) -> String {
        let (_, reply) = self.run(name, args);
        reply["error"]["desc"].as_str().unwrap().to_owned()
    }
}

pub fn spawn(args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tinamou"))
        .arg("system-mipsel")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Connects to a socket that the program is about to make.
pub fn connect(path: &str, child: &mut Child) -> UnixStream {
    loop {
        if let Ok(stream) = UnixStream::connect(path) {
            return stream;
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended");
        std::thread::yield_now();
    }
}
/// Waits for the lab guest's prompt.
pub fn prompt(console: &mut UnixStream) {
    let mut said = Vec::new();
    while !said.ends_with(b"lab> ") {
        let mut byte = [0];
        console.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
}

/// The guest's own power-off, as an event says.
/// Starts a machine with a monitor and a console on sockets.
pub fn with_console(files: &Scratch, name: &str, more: &[&str]) -> (Child, UnixStream, UnixStream) {
    let (control, serial) = (
        files.path(&format!("{name}.control")),
        files.path(&format!("{name}.serial")),
    );
    let qmp = format!("unix:{control},server=on,wait=off");
    let port = format!("unix:{serial},server=on,wait=off");
    let mut args = vec!["-display", "none", "-qmp", &qmp, "-serial", &port];
    args.extend(more);
    let mut child = spawn(&args);
    let stream = connect(&control, &mut child);
    let console = connect(&serial, &mut child);
    (child, stream, console)
}

/// The events up to this one: their names and their status.
pub fn events_to(qmp: &mut Qmp<UnixStream, UnixStream>, last: &str) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let message = qmp.next();
        let name = message["event"].as_str().unwrap();
        let status = message["data"]["status"].as_str().unwrap_or_default();
        events.push(format!("{name} {status}").trim().to_owned());
        if events.last().is_some_and(|e| e == last) {
            return events;
        }
        let failed = events.last().is_some_and(|e| e == "MIGRATION failed");
        assert!(!failed, "{events:?}");
    }
}

pub fn with_events(stream: UnixStream) -> Qmp<UnixStream, UnixStream> {
    let mut qmp = Qmp::new(stream.try_clone().unwrap(), stream);
    qmp.ok("qmp_capabilities", json!({}));
    let on = json!({"capabilities": [{"capability": "events", "state": true}]});
    qmp.ok("migrate-set-capabilities", on);
    qmp
}
