//! Where a character device leads: the words of `-serial`, `-monitor` and `-qmp`, and `-chardev`'s lists.

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
    File {
        /// Its path.
        path: String,
        /// After what is there already.
        append: bool,
    },
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
    /// A console of `-display curses`.
    Vc,
    /// A device that swallows everything.
    Null,
    /// Nothing connected.
    None,
    /// The device that `-chardev` made with this id.
    Named(String),
}

/// `-chardev`: a device with an id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Where it leads.
    pub dev: Chardev,
    /// Several use it, and Ctrl-a c goes from one to the next.
    pub mux: bool,
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
        // Its size is always the same.
        "vc" => Ok(Chardev::Vc),
        "null" if rest.is_empty() => Ok(Chardev::Null),
        "none" if rest.is_empty() => Ok(Chardev::None),
        "chardev" if !rest.is_empty() => Ok(Chardev::Named(rest.into())),
        "file" => {
            let path = rest.strip_prefix("path=").unwrap_or(rest);
            if path.is_empty() {
                Err("file: needs a path".into())
            } else {
                Ok(Chardev::File {
                    path: path.into(),
                    append: false,
                })
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
            "'{text}' is not a supported character device (stdio, mon:stdio, file:, pty, tcp:, unix:, vc, null, none, chardev:ID)"
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

/// Reads `-chardev`'s list: `socket,id=m,path=/tmp/m,server=on,wait=off`.
///
/// # Errors
/// A sentence for the user.
pub fn parse_made(text: &str) -> Result<Made, String> {
    let mut pairs = keyval::parse(text, Some("backend"))?.into_iter();
    let kind = match pairs.next() {
        Some(p) if p.key == "backend" => p.value,
        _ => return Err("needs a backend: stdio, file, null, pty, socket".into()),
    };
    let (mut id, mut mux, mut path, mut host, mut port) = (None, false, None, None, None);
    let mut append = false;
    let mut socket = Socket {
        server: false,
        wait: true,
    };
    for pair in pairs {
        let file = matches!(kind.as_str(), "file" | "socket");
        match (kind.as_str(), pair.key.as_str()) {
            (_, "id") => id = Some(pair.value),
            (_, "mux") => mux = on_off(&pair)?,
            (_, "path") if file => path = Some(pair.value),
            ("file", "append") => append = on_off(&pair)?,
            // A multiplexed terminal leaves Ctrl-c to the guest; otherwise it ends the program.
            ("stdio", "signal") => {
                on_off(&pair)?;
            }
            ("socket", "host") => host = Some(pair.value),
            ("socket", "port") => {
                let n = pair.value.parse();
                port = Some(n.map_err(|_| format!("'{}' is not a TCP port", pair.value))?);
            }
            ("socket", "server") => socket.server = on_off(&pair)?,
            ("socket", "wait") => socket.wait = on_off(&pair)?,
            ("socket", "nowait") => socket.wait = false,
            // All of ours are without delay, and stay with the address family they have.
            ("socket", "nodelay" | "ipv4" | "ipv6") => {
                on_off(&pair)?;
            }
            _ => return Err(unknown(&pair)),
        }
    }
    socket.wait &= socket.server;
    let dev = match (kind.as_str(), path, port) {
        ("stdio", ..) => Chardev::Stdio { mux },
        ("null", ..) => Chardev::Null,
        ("pty", ..) => Chardev::Pty,
        ("file", Some(path), _) => Chardev::File { path, append },
        ("file", ..) => return Err("file: needs path=".into()),
        ("socket", Some(path), None) => Chardev::Unix { path, socket },
        ("socket", None, Some(port)) => {
            let host = host.unwrap_or_default();
            if host.is_empty() && !socket.server {
                return Err("socket: needs host=".into());
            }
            Chardev::Tcp { host, port, socket }
        }
        ("socket", ..) => return Err("socket: needs path=, or host= and port=".into()),
        _ => {
            return Err(format!(
                "'{kind}' is not a supported backend (stdio, file, null, pty, socket)"
            ));
        }
    };
    Ok(Made {
        id: id.ok_or("needs id=")?,
        dev,
        mux,
    })
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
            (
                "file:/tmp/a,b",
                Chardev::File {
                    path: "/tmp/a,b".into(),
                    append: false,
                },
            ),
            ("chardev:x", Chardev::Named("x".into())),
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

    #[test]
    fn made() {
        let dev = |text: &str| parse_made(text).map(|m| (m.id, m.dev, m.mux));
        let id = || "a".to_owned();
        assert_eq!(dev("null,id=a"), Ok((id(), Chardev::Null, false)));
        assert_eq!(
            dev("stdio,id=a,mux=on"),
            Ok((id(), Chardev::Stdio { mux: true }, true))
        );
        assert_eq!(
            dev("file,id=a,path=x,append=on"),
            Ok((
                id(),
                Chardev::File {
                    path: "x".into(),
                    append: true
                },
                false
            ))
        );
        let socket = Socket {
            server: true,
            wait: false,
        };
        assert_eq!(
            dev("socket,id=a,path=x,server=on,wait=off"),
            Ok((
                id(),
                Chardev::Unix {
                    path: "x".into(),
                    socket
                },
                false
            ))
        );
        assert_eq!(
            dev("socket,id=a,host=h,port=5"),
            Ok((
                id(),
                Chardev::Tcp {
                    host: "h".into(),
                    port: 5,
                    socket: Socket::default()
                },
                false
            ))
        );
        for text in [
            "",
            "null",
            "id=a",
            "file,id=a",
            "socket,id=a",
            "socket,id=a,port=5",
            "bogus,id=a",
            "null,id=a,path=x",
        ] {
            assert!(dev(text).is_err(), "{text}");
        }
    }
}
