//! `vFile`: the program's files, for reading (the manual's "File-I/O Remote Protocol Extension" has the structures, "Host I/O Packets" the packets).

use super::packet::{PACKET_BYTES, cut, escape, number, numbers, unhex};
use super::target::FileStat;
use super::{Debuggee, Stub};

const ENOENT: u32 = 2;
const EINVAL: u32 = 22;
const ENOSYS: u32 = 88;
/// Open flags: those for writing, and creating.
const WRITING: u64 = 3 | 8 | 0x200 | 0x400;

/// `struct stat` of the protocol: big-endian, 64 bytes.
fn stat_bytes(s: &FileStat) -> Vec<u8> {
    let mut out = Vec::new();
    for v in [0, 0, s.mode, 1, 0, 0, 0] {
        out.extend(v.to_be_bytes());
    }
    for v in [s.bytes, 4096, s.bytes.div_ceil(512)] {
        out.extend(v.to_be_bytes());
    }
    for _ in 0..3 {
        out.extend(s.mtime.to_be_bytes());
    }
    out
}

/// What an operation gives: a number, and data behind it.
type Answer = Result<(u64, Option<Vec<u8>>), u32>;

impl Stub {
    /// `vFile:OPERATION:PARAMETERS`. Without a program there are no files, and no answer.
    pub(super) fn file(&mut self, d: &mut dyn Debuggee, rest: &[u8]) {
        let (operation, rest) = cut(rest, b':');
        let Some(p) = d.target().process() else {
            return self.reply("");
        };
        let descriptor = || {
            let fd = number(rest).and_then(|n| u32::try_from(n).ok());
            fd.ok_or(EINVAL)
        };
        let answer: Answer = match operation {
            // All processes see the same files.
            b"setfs" => Ok((0, None)),
            b"open" => {
                let (path, more) = cut(rest, b',');
                match (unhex(path), numbers::<2>(more, b',')) {
                    (Some(path), Some([flags, _])) if flags & WRITING == 0 => {
                        p.open(&path).map(|fd| (fd.into(), None))
                    }
                    (Some(_), Some(_)) => Err(ENOENT),
                    _ => Err(EINVAL),
                }
            }
            b"close" => descriptor().and_then(|fd| p.close(fd)).map(|()| (0, None)),
            b"pread" => match numbers::<3>(rest, b',') {
                Some([fd, bytes, at]) => {
                    let mut data = vec![0; bytes.min(PACKET_BYTES as u64 / 2 - 64) as usize];
                    let fd = u32::try_from(fd).map_err(|_| EINVAL);
                    fd.and_then(|fd| p.pread(fd, at, &mut data)).map(|n| {
                        data.truncate(n);
                        (n as u64, Some(data))
                    })
                }
                None => Err(EINVAL),
            },
            b"fstat" => descriptor().and_then(|fd| p.fstat(fd)).map(|s| {
                let b = stat_bytes(&s);
                (b.len() as u64, Some(b))
            }),
            b"readlink" => unhex(rest).ok_or(EINVAL).and_then(|path| {
                let target = p.readlink(&path)?;
                Ok((target.len() as u64, Some(target)))
            }),
            b"pwrite" | b"unlink" => Err(ENOSYS),
            _ => return self.reply(""),
        };
        let reply = match answer {
            Ok((n, None)) => format!("F{n:x}").into_bytes(),
            Ok((n, Some(data))) => {
                let mut reply = format!("F{n:x};").into_bytes();
                reply.extend(escape(&data));
                reply
            }
            Err(e) => format!("F-1,{e:x}").into_bytes(),
        };
        self.link.send(&reply);
    }
}
