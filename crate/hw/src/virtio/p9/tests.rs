//! A mount's messages, and broken ones.

use super::super::pci::VirtioPci;
use super::super::testing::Driver;
use super::mem::MemTree;
use super::tree::Change;
use super::*;
use crate::testing::{Bench, Rnd, storm};

fn tree() -> Box<MemTree> {
    let mut t = MemTree::default();
    t.add("etc/motd", b"hello".to_vec());
    t.add("empty", Vec::new());
    Box::new(t)
}

fn p9() -> P9 {
    P9::new("share", tree())
}

/// One message to the server; the answer's kind is checked by `Ok`.
fn call(p: &mut P9, kind: u8, body: impl FnOnce(&mut Writer)) -> Result<Vec<u8>, Errno> {
    let (mut b, mut w) = (Writer::default(), Writer::default());
    body(&mut b);
    p.serve(kind, &mut Reader::new(&b.0), &mut w, 8192)?;
    Ok(w.0)
}

fn attach(p: &mut P9) {
    call(p, 100, |w| {
        w.u32(8192);
        w.text("9P2000.L");
    })
    .unwrap();
    call(p, 104, |w| {
        w.u32(1);
        w.u32(u32::MAX);
        w.text("root");
        w.text("");
        w.u32(0);
    })
    .unwrap();
}

fn walk(p: &mut P9, from: u32, to: u32, names: &[&str]) -> Result<usize, Errno> {
    let r = call(p, 110, |w| {
        w.u32(from);
        w.u32(to);
        w.u16(names.len() as u16);
        for n in names {
            w.text(n);
        }
    })?;
    Ok(usize::from(r[0]))
}

fn open(p: &mut P9, fid: u32) {
    call(p, 12, |w| {
        w.u32(fid);
        w.u32(0);
    })
    .unwrap();
}

fn read(p: &mut P9, fid: u32, at: u64, n: u32) -> Result<Vec<u8>, Errno> {
    let r = call(p, 116, |w| {
        w.u32(fid);
        w.u64(at);
        w.u32(n);
    })?;
    Ok(r[4..].to_vec())
}

#[test]
fn walks_reads_and_writes() {
    let mut p = p9();
    attach(&mut p);
    assert_eq!(walk(&mut p, 1, 2, &["etc", "motd"]), Ok(2));
    assert_eq!(read(&mut p, 2, 0, 10), Err(Errno::EBADF), "not open");
    open(&mut p, 2);
    assert_eq!(read(&mut p, 2, 1, 10).unwrap(), b"ello");
    call(&mut p, 118, |w| {
        w.u32(2);
        w.u64(5);
        w.u32(3);
        w.0.extend_from_slice(b"!!!");
    })
    .unwrap();
    assert_eq!(read(&mut p, 2, 0, 10).unwrap(), b"hello!!!");
    // Nothing above the root, no slashes in names.
    assert_eq!(walk(&mut p, 1, 3, &["..", "..", "etc"]), Ok(3));
    assert_eq!(walk(&mut p, 1, 4, &["etc/motd"]), Err(Errno::EINVAL));
    assert_eq!(walk(&mut p, 1, 4, &["no"]), Err(Errno::ENOENT));
    assert_eq!(walk(&mut p, 1, 4, &["etc", "no"]), Ok(1), "a partial walk");
    assert_eq!(p.fid(4), Err(Errno::EBADF));
}

#[test]
fn makes_renames_lists_and_removes() {
    let mut p = p9();
    attach(&mut p);
    call(&mut p, 72, |w| {
        w.u32(1);
        w.text("dir");
        w.u32(0o755);
        w.u32(0);
    })
    .unwrap();
    walk(&mut p, 1, 2, &["dir"]).unwrap();
    call(&mut p, 14, |w| {
        w.u32(2);
        w.text("file");
        w.u32(2);
        w.u32(0o644);
        w.u32(0);
    })
    .unwrap();
    call(&mut p, 118, |w| {
        w.u32(2);
        w.u64(0);
        w.u32(1);
        w.u8(b'x');
    })
    .unwrap();
    // The open file moves with its directory.
    call(&mut p, 74, |w| {
        w.u32(1);
        w.text("dir");
        w.u32(1);
        w.text("moved");
    })
    .unwrap();
    assert_eq!(p.path(2).unwrap(), "moved/file");
    assert_eq!(read(&mut p, 2, 0, 9).unwrap(), b"x");
    walk(&mut p, 1, 3, &[]).unwrap();
    open(&mut p, 3);
    let list = |p: &mut P9, from: u64| {
        let r = call(p, 40, |w| {
            w.u32(3);
            w.u64(from);
            w.u32(4000);
        })
        .unwrap();
        let mut r = Reader::new(&r[4..]);
        let mut names = Vec::new();
        while r.raw(13).is_some() {
            let (next, _) = (r.u64().unwrap(), r.u8().unwrap());
            names.push((next, r.text().unwrap().to_owned()));
        }
        names
    };
    let all: Vec<_> = list(&mut p, 0).into_iter().map(|n| n.1).collect();
    assert_eq!(all, [".", "..", "empty", "etc", "moved"]);
    assert_eq!(list(&mut p, 4)[0].1, "moved");
    let unlink = |p: &mut P9, name: &str| {
        call(p, 76, |w| {
            w.u32(1);
            w.text(name);
            w.u32(0);
        })
        .map(|_| ())
    };
    assert_eq!(unlink(&mut p, "moved"), Err(Errno::ENOTEMPTY));
    assert_eq!(unlink(&mut p, "empty"), Ok(()));
    assert_eq!(call(&mut p, 30, |w| w.u32(1)), Err(Errno::EOPNOTSUPP));
}

#[test]
fn over_the_queue_and_saved() {
    let make = || VirtioPci::new(p9());
    let mut b = Bench::new(make(), make);
    b.twice(|b| {
        let mut d = Driver::modern(b, F_TAG);
        assert_eq!(
            b.read(1, 0x2000, 4),
            0x6873_0005,
            "the tag's length and beginning"
        );
        let mut m = Writer::default();
        for (kind, words) in [(100u8, &[8192u32][..]), (104, &[1, u32::MAX])] {
            m.0.clear();
            for w in words {
                m.u32(*w);
            }
            m.text(if kind == 100 { "9P2000.L" } else { "root" });
            if kind == 104 {
                m.text("");
                m.u32(0);
            }
            let mut whole = Writer::default();
            whole.u32(m.0.len() as u32 + 7);
            whole.u8(kind);
            whole.u16(0xabcd);
            whole.0.append(&mut m.0);
            b.cx.mem[0x8000..][..whole.0.len()].copy_from_slice(&whole.0);
            d.add(b, 0, &[(0x8000, whole.0.len() as u32)], &[(0x9000, 4096)]);
            d.kick(b, 0);
            assert_eq!(b.cx.mem[0x9004..0x9007], [kind + 1, 0xcd, 0xab]);
        }
        b.save_and_load();
        // A message that says it is longer than it is.
        b.cx.mem[0x8000..0x8004].copy_from_slice(&100u32.to_le_bytes());
        let head = d.add(b, 0, &[(0x8000, 20)], &[(0x9000, 4096)]);
        d.kick(b, 0);
        while let Some((h, n)) = d.used(b, 0) {
            assert!(h != head || n == 0);
        }
    });
    storm(&mut b, &[(0, 0x40), (1, 0x40), (1, 0x4000)], 20_000);
}

#[test]
fn a_tree_in_memory_is_full_at_some_point() {
    let mut t = MemTree::new(|| 7, 4000);
    t.add("a/b", vec![1; 1000]);
    assert_eq!(t.attr("a/b").map(|a| (a.size, a.mtime_ns)), Ok((1000, 7)));
    assert_eq!(t.write("a/b", 1 << 40, &[1]), Err(Errno::ENOSPC));
    assert_eq!(t.write("a/b", u64::MAX, &[1]), Err(Errno::EFBIG));
    assert_eq!(t.write("a/b", 1000, &[2; 1000]), Ok(1000));
    assert_eq!(t.make("c", 0o644), Err(Errno::ENOSPC));
    let size = Some(u64::MAX);
    let grow = Change {
        size,
        ..Change::default()
    };
    assert_eq!(t.change("a/b", grow), Err(Errno::ENOSPC));
    assert_eq!(t.rename("a", "much-longer"), Ok(()));
    assert_eq!(t.remove("much-longer/b"), Ok(()));
    assert_eq!(t.make("c", 0o644), Ok(()));
    // What was there counts once.
    for _ in 0..9 {
        t.add("c", vec![0; 1500]);
    }
    assert_eq!(t.write("c", 0, &[3; 1600]), Ok(1600));
}

#[test]
fn noise_is_refused() {
    let mut p = p9();
    attach(&mut p);
    let mut r = Rnd(99);
    for _ in 0..100_000 {
        let x = r.next();
        let body: Vec<u8> = (0..x % 40).map(|_| (r.next() & 3) as u8).collect();
        let mut w = Writer::default();
        // Any answer is right that comes back.
        let _ = p.serve((x >> 8 & 0x7f) as u8, &mut Reader::new(&body), &mut w, 4096);
    }
}
