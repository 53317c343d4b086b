use std::io::Read;
use std::os::unix::net::UnixListener;

use tinamou_control::transfer::{Incoming, Outgoing, Receiving, Sending};

use super::*;

/// The bell rings until `done`.
fn until(bell: &mut Bell, mut done: impl FnMut() -> bool) {
    while !done() {
        let mut set = Set::default();
        set.read(bell.as_fd());
        set.wait(None);
        bell.take();
    }
}

fn send_to(uri: &str, data: &[u8]) -> Sending {
    let mut bell = Bell::new().unwrap();
    let mut out = match out::open(place(uri).unwrap(), None, &bell) {
        Ok(out) => out,
        Err(why) => return Sending::Failed(why),
    };
    until(&mut bell, || out.poll() != Sending::Connecting);
    if out.poll() != Sending::Ready {
        return out.poll();
    }
    out.send(data.to_vec());
    until(&mut bell, || !matches!(out.poll(), Sending::Moved(_)));
    out.poll()
}

fn receive_from(uri: &str, most: u64) -> Receiving {
    let mut bell = Bell::new().unwrap();
    let mut way = match inward::open(place(uri).unwrap(), None, most, &bell) {
        Ok(way) => way,
        Err(why) => return Receiving::Failed(why),
    };
    let mut last = Receiving::Waiting;
    until(&mut bell, || {
        last = way.poll();
        matches!(last, Receiving::Done(_) | Receiving::Failed(_))
    });
    last
}

fn failed(sending: Sending) -> String {
    match sending {
        Sending::Failed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn places() {
    assert_eq!(place("tcp:host:12"), Ok(Place::Tcp("host".into(), 12)));
    assert_eq!(place("tcp:[::1]:12"), Ok(Place::Tcp("::1".into(), 12)));
    assert_eq!(place("unix:/a"), Ok(Place::Unix("/a".into())));
    // QEMU's sentences.
    assert_eq!(place("tcp:foo"), Err("error parsing address 'foo'".into()));
    assert_eq!(place("unix:"), Err("invalid Unix socket address".into()));
}

#[test]
fn commands_are_talked_to() {
    let data = vec![7; 1 << 20];
    assert_eq!(send_to("exec:cat >/dev/null", &data), Sending::Done);
    let why = failed(send_to("exec:cat >/dev/null; exit 3", &data));
    assert!(why.contains("exit status: 3"), "{why}");
    let why = failed(send_to("exec:false", &data));
    assert_eq!(why, "Unable to write to command: Broken pipe");
    let got = receive_from("exec:printf abc", 100);
    assert_eq!(got, Receiving::Done(b"abc".to_vec()));
    let more = receive_from("exec:yes TINAMOU", 1 << 20);
    let Receiving::Failed(why) = more else {
        panic!("{more:?}");
    };
    assert_eq!(why, "this is not a snapshot");
}

#[test]
fn what_is_dropped_ends() {
    // The shell's child holds the pipe; both end with the way.
    let bell = Bell::new().unwrap();
    let mut name = [0; 8];
    let (mut a, b) = std::io::pipe().unwrap();
    let fd = OwnedFd::from(b);
    let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
    // By its path: a shell's own `>&` may know numbers below 10 alone.
    let command = format!("exec:(echo there >/dev/fd/{raw}; sleep 1000) & wait");
    // SAFETY: fcntl on a live descriptor: the command is to have it too.
    unsafe {
        libc::fcntl(raw, libc::F_SETFD, 0);
    }
    let way = inward::open(place(&command).unwrap(), None, 100, &bell).unwrap();
    drop(fd);
    a.read_exact(&mut name[..6]).unwrap();
    drop(way);
    // The end comes when nobody has the descriptor any more.
    assert_eq!(a.read(&mut name).unwrap(), 0);
}

#[test]
fn sockets_meet() {
    let dir = std::env::temp_dir().join(format!("tinamou-transport-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("socket").to_string_lossy().into_owned();
    // Too short to be known as anything.
    let data = b"TINAMOU".to_vec();
    for uri in ["tcp:127.0.0.1:0".to_owned(), format!("unix:{path}")] {
        let mut bell = Bell::new().unwrap();
        let mut way = inward::open(place(&uri).unwrap(), None, 1000, &bell).unwrap();
        let at = way.address().unwrap();
        let to = match at["port"].as_str() {
            Some(port) => format!("tcp:127.0.0.1:{port}"),
            None => uri,
        };
        assert_eq!(way.poll(), Receiving::Waiting);
        assert_eq!(send_to(&to, &data), Sending::Done);
        let mut last = Receiving::Waiting;
        until(&mut bell, || {
            last = way.poll();
            matches!(last, Receiving::Done(_) | Receiving::Failed(_))
        });
        assert!(matches!(last, Receiving::Done(_)), "{last:?}");
    }
    let nowhere = failed(send_to(&format!("unix:{path}"), &data));
    let sentence = format!("Failed to connect to '{path}': No such file or directory");
    assert_eq!(nowhere, sentence);
    // Whoever is to take it goes away.
    let listener = UnixListener::bind(&path).unwrap();
    let gone = std::thread::spawn(move || drop(listener.accept()));
    let lost = failed(send_to(&format!("unix:{path}"), &vec![1; 8 << 20]));
    gone.join().unwrap();
    assert!(lost.starts_with("Unable to write to socket: "), "{lost}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn files_are_whole_or_not_there() {
    let dir = std::env::temp_dir().join(format!("tinamou-file-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("state").to_string_lossy().into_owned();
    let uri = format!("file:{path}");
    let mut bell = Bell::new().unwrap();
    let mut out = out::open(place(&uri).unwrap(), None, &bell).unwrap();
    out.limit(1);
    until(&mut bell, || out.poll() == Sending::Ready);
    out.send(vec![1; 1 << 20]);
    drop(out);
    assert_eq!(send_to(&uri, b"abc"), Sending::Done);
    assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    std::fs::remove_dir_all(&dir).unwrap();
}
