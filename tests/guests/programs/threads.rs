//! Threads, channels, locks, panics and processes of Rust's standard library; prints what does not depend on timing.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::time::{Duration, Instant};
use std::{fs, net, panic, process, thread};

thread_local!(static MINE: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });

fn pipeline() -> u64 {
    let (tx, rx) = mpsc::sync_channel::<u64>(4);
    let workers: Vec<_> = (0..4)
        .map(|k| {
            let tx = tx.clone();
            thread::spawn(move || {
                for i in 0..500 {
                    tx.send(i * (k + 1)).expect("somebody listens");
                }
                MINE.with(|m| m.set(m.get() + 1));
                MINE.with(|m| m.get())
            })
        })
        .collect();
    drop(tx);
    let sum = rx.iter().sum::<u64>();
    sum + workers
        .into_iter()
        .map(|w| u64::from(w.join().expect("it ends")))
        .sum::<u64>()
}

fn locks() -> (u64, u64, usize) {
    let total = Mutex::new(0u64);
    let atomic = AtomicU64::new(0);
    let table = RwLock::new(HashMap::new());
    let barrier = Barrier::new(6);
    thread::scope(|s| {
        for k in 0..6u64 {
            let (total, atomic, table, barrier) = (&total, &atomic, &table, &barrier);
            s.spawn(move || {
                barrier.wait();
                for i in 0..300 {
                    *total.lock().expect("not poisoned") += i;
                    atomic.fetch_add(1 << 33, Ordering::Relaxed);
                    table.write().expect("not poisoned").insert(k * 1000 + i, i);
                }
            });
        }
    });
    let n = table.read().expect("not poisoned").len();
    (
        total.into_inner().expect("not poisoned"),
        atomic.into_inner(),
        n,
    )
}

fn condition() -> u32 {
    let pair = Arc::new((Mutex::new(0u32), Condvar::new()));
    let other = pair.clone();
    let t = thread::spawn(move || {
        for _ in 0..100 {
            let mut n = other.0.lock().expect("not poisoned");
            while *n % 2 == 0 {
                n = other.1.wait(n).expect("not poisoned");
            }
            *n += 1;
            other.1.notify_one();
        }
    });
    for _ in 0..100 {
        let mut n = pair.0.lock().expect("not poisoned");
        while *n % 2 == 1 {
            n = pair.1.wait(n).expect("not poisoned");
        }
        *n += 1;
        pair.1.notify_one();
    }
    t.join().expect("it ends");
    let n = *pair.0.lock().expect("not poisoned");
    n
}

fn sleeping() -> bool {
    let start = Instant::now();
    let parked = thread::spawn(|| thread::park_timeout(Duration::from_secs(60)));
    thread::sleep(Duration::from_millis(5));
    parked.thread().unpark();
    parked.join().expect("it ends");
    let spent = start.elapsed();
    spent >= Duration::from_millis(5) && spent < Duration::from_secs(50)
}

fn sockets() -> String {
    let listener = net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let server = thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("a caller");
        let mut text = String::new();
        peer.read_to_string(&mut text).expect("text");
        peer.write_all(text.to_uppercase().as_bytes()).expect("sent");
    });
    let mut caller = net::TcpStream::connect(address).expect("a listener");
    caller.write_all(b"over a socket").expect("sent");
    caller.shutdown(net::Shutdown::Write).expect("half closed");
    let mut answer = String::new();
    caller.read_to_string(&mut answer).expect("an answer");
    server.join().expect("it ends");
    answer
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("child") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).expect("text");
        print!("child read {}", text.trim());
        process::exit(5);
    }
    println!("pipeline {}", pipeline());
    println!("locks {:?}", locks());
    println!("condition {}", condition());
    println!("slept {}", sleeping());
    static ONCE: Once = Once::new();
    let mut times = 0;
    (0..3).for_each(|_| ONCE.call_once(|| times += 1));
    println!("once {times}");
    panic::set_hook(Box::new(|_| {}));
    let caught = panic::catch_unwind(|| {
        let empty: Vec<u32> = Vec::new();
        empty[std::hint::black_box(3)]
    });
    println!("caught {}", caught.is_err());
    println!("thread's {}", thread::spawn(|| panic!("no")).join().is_err());
    println!("{}", sockets());

    let mut child = process::Command::new(std::env::current_exe().expect("a name"))
        .arg("child")
        .stdin(process::Stdio::piped())
        .stdout(process::Stdio::piped())
        .spawn()
        .expect("a child");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"a line\n")
        .expect("sent");
    let out = child.wait_with_output().expect("its end");
    println!("{}, {:?}", String::from_utf8_lossy(&out.stdout), out.status.code());

    let dir = std::env::temp_dir().join(format!("rust-{}", process::id()));
    fs::create_dir_all(dir.join("a/b")).expect("folders");
    fs::write(dir.join("a/b/c"), vec![7u8; 100_000]).expect("a file");
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(dir.join("a/b")).expect("a folder") {
        let entry = entry.expect("an entry");
        let size = entry.metadata().expect("its size").len();
        names.insert(entry.file_name(), size);
    }
    println!("{names:?}");
    fs::remove_dir_all(&dir).expect("gone");
    println!("{} {:.6} {:e}", u128::MAX / 3, 2f64.sqrt().sin(), f32::MIN_POSITIVE / 4.0);
    process::exit(3);
}
