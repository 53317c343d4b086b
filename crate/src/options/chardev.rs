//! `-serial` and `-monitor` words: where a character device leads.

use super::keyval::{self, on_off, unknown};

/// One end of a character device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Chardev {
    /// This terminal; `mux` gives Ctrl-a its meaning and Ctrl-c to the guest.
    Stdio {
        /// `mon:stdio`.
        mux: bool,
    },
    /// Output to a file.
    File(String),
    /// A new pseudo-terminal.
    Pty,
    /// A TCP socket.
    Tcp {
        /// Host name or address; empty for any.
        host: String,
        /// Port.
        port: u16,
        /// Who connects.
        socket: Socket,
    },
    /// A unix socket.
    Unix {
        /// Its path.
        path: String,
        /// Who connects.
        socket: Socket,
    },
    /// A device that swallows everything.
    Null,
    /// Nothing connected.
    None,
}

/// How a socket comes to its peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Socket {
    /// We listen.
    pub server: bool,
    /// A server waits for its first client before the machine starts.
    pub wait: bool,
}

/// Reads a word like `tcp:localhost:4444,server=on,wait=off`.
///
/// # Errors
/// A sentence for the user.
pub fn parse(text: &str) -> Result<Chardev, String> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    match kind {
        "mon" => match parse(rest)? {
            Chardev::Stdio { .. } => Ok(Chardev::Stdio { mux: true }),
            _ => Err(format!("'{text}': only mon:stdio is supported")),
        },
        "stdio" if rest.is_empty() => Ok(Chardev::Stdio { mux: false }),
        "pty" if rest.is_empty() => Ok(Chardev::Pty),
        "null" if rest.is_empty() => Ok(Chardev::Null),
        "none" if rest.is_empty() => Ok(Chardev::None),
        "file" => {
            let path = rest.strip_prefix("path=").unwrap_or(rest);
            if path.is_empty() {
                Err("file: needs a path".into())
            } else {
                Ok(Chardev::File(path.into()))
            }
        }
        "tcp" => {
            let (address, socket) = socket(rest)?;
            let (host, port) = address
                .rsplit_once(':')
                .ok_or_else(|| format!("'{text}' is not tcp:HOST:PORT"))?;
            let port = port
                .parse()
                .map_err(|_| format!("'{port}' is not a TCP port"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            if host.is_empty() && !socket.server {
                return Err(format!("'{text}' names no host to connect to"));
            }
            Ok(Chardev::Tcp {
                host: host.into(),
                port,
                socket,
            })
        }
        "unix" => {
            let (path, socket) = socket(rest)?;
            let path = path.strip_prefix("path=").unwrap_or(&path).to_owned();
            if path.is_empty() {
                Err("unix: needs a path".into())
            } else {
                Ok(Chardev::Unix { path, socket })
            }
        }
        _ => Err(format!(
            "'{text}' is not a supported character device (stdio, mon:stdio, file:, pty, tcp:, unix:, null, none)"
        )),
    }
}

fn socket(text: &str) -> Result<(String, Socket), String> {
    let mut socket = Socket {
        server: false,
        wait: true,
    };
    let mut address = String::new();
    for pair in keyval::parse(text, Some("address"))? {
        match pair.key.as_str() {
            "address" => address = pair.value,
            // A first element with a `=` in it, as unix:path=x.
            "path" => address = pair.value,
            "server" => socket.server = on_off(&pair)?,
            "wait" => socket.wait = on_off(&pair)?,
            "nowait" => socket.wait = false,
            "nodelay" => {
                on_off(&pair)?;
            }
            _ => return Err(unknown(&pair)),
        }
    }
    socket.wait &= socket.server;
    Ok((address, socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let server = |wait| Socket { server: true, wait };
        let tcp = |host: &str, port, socket| Chardev::Tcp {
            host: host.into(),
            port,
            socket,
        };
        for (text, want) in [
            ("stdio", Chardev::Stdio { mux: false }),
            ("mon:stdio", Chardev::Stdio { mux: true }),
            ("pty", Chardev::Pty),
            ("null", Chardev::Null),
            ("none", Chardev::None),
            ("file:/tmp/a,b", Chardev::File("/tmp/a,b".into())),
            (
                "tcp:localhost:4444",
                tcp("localhost", 4444, Socket::default()),
            ),
            ("tcp::4444,server", tcp("", 4444, server(true))),
            ("tcp::4444,server,nowait", tcp("", 4444, server(false))),
            (
                "tcp:[::1]:4444,server=on,wait=off",
                tcp("::1", 4444, server(false)),
            ),
            (
                "unix:/tmp/s",
                Chardev::Unix {
                    path: "/tmp/s".into(),
                    socket: Socket::default(),
                },
            ),
            (
                "unix:/tmp/s,server=on,wait=off",
                Chardev::Unix {
                    path: "/tmp/s".into(),
                    socket: server(false),
                },
            ),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
        for text in [
            "",
            "bogus",
            "file:",
            "tcp:1234",
            "tcp:a:b",
            "tcp::1",
            "tcp:a:1,frob",
            "unix:",
            "mon:pty",
            "stdio:x",
            "tcp:a:1,server=2",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
