//! Split virtqueues (specification, section 2.7), from the device's side.

use tinamou_core::{DevCx, Gpa, stored};

use crate::pci::msix::NONE;

const DESC_NEXT: u16 = 1;
const DESC_WRITE: u16 = 2;
const DESC_INDIRECT: u16 = 4;
const AVAIL_NO_INTERRUPT: u16 = 1;

/// Most bytes that one chain may describe in either direction: more than any driver's request.
const CHAIN_BYTES: u64 = 64 << 20;

/// A piece of guest memory.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Piece {
    at: u64,
    len: u32,
}
stored!(Piece { at, len });

/// A chain of descriptors: what the device reads, then what it writes.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Chain {
    queue: usize,
    head: u16,
    readable: Vec<Piece>,
    writable: Vec<Piece>,
}
stored!(Chain {
    queue,
    head,
    readable,
    writable
});

fn total(p: &[Piece]) -> usize {
    p.iter().map(|p| p.len as usize).sum()
}

impl Chain {
    /// Bytes the device may read.
    pub fn readable(&self) -> usize {
        total(&self.readable)
    }

    /// Bytes the device may write.
    pub fn writable(&self) -> usize {
        total(&self.writable)
    }

    /// Reads up to `len` bytes from `skip` on. What is not in memory reads as zeros.
    pub fn read(&self, cx: &mut dyn DevCx, mut skip: usize, len: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for p in &self.readable {
            let n = p.len as usize;
            if skip >= n {
                skip -= n;
                continue;
            }
            let take = (n - skip).min(len - out.len());
            let at = out.len();
            out.resize(at + take, 0);
            cx.dma_read(Gpa(p.at.wrapping_add(skip as u64)), &mut out[at..]);
            skip = 0;
            if out.len() == len {
                break;
            }
        }
        out
    }

    /// Writes `data` from `skip` on, as far as there is room; the number of bytes.
    pub fn write(&self, cx: &mut dyn DevCx, mut skip: usize, data: &[u8]) -> usize {
        let mut done = 0;
        for p in &self.writable {
            let n = p.len as usize;
            if skip >= n {
                skip -= n;
                continue;
            }
            let take = (n - skip).min(data.len() - done);
            cx.dma_write(
                Gpa(p.at.wrapping_add(skip as u64)),
                &data[done..done + take],
            );
            done += take;
            skip = 0;
            if done == data.len() {
                break;
            }
        }
        done
    }
}

/// One queue's registers.
#[derive(Clone, Default)]
pub struct Queue {
    /// Most descriptors.
    pub max: u16,
    /// Descriptors in use, a power of two.
    pub size: u16,
    /// The driver has set it up.
    pub ready: bool,
    /// Address of the descriptor table.
    pub desc: u64,
    /// Address of the driver's ring.
    pub avail: u64,
    /// Address of the device's ring.
    pub used: u64,
    /// Its message.
    pub vector: u16,
    next_avail: u16,
    next_used: u16,
}
stored!(Queue {
    max,
    size,
    ready,
    desc,
    avail,
    used,
    vector,
    next_avail,
    next_used
});

/// A device's queues.
#[derive(Clone, Default)]
pub struct Queues {
    list: Vec<Queue>,
    /// Features both sides have agreed on.
    pub features: u64,
    /// The driver has said that it is ready.
    pub live: bool,
    interrupt: u64,
    broken: bool,
}
stored!(Queues {
    list,
    features,
    live,
    interrupt,
    broken
});

fn read16(cx: &mut dyn DevCx, at: u64) -> Option<u16> {
    let mut b = [0; 2];
    cx.dma_read(Gpa(at), &mut b)
        .then_some(u16::from_le_bytes(b))
}

struct Descriptor {
    piece: Piece,
    flags: u16,
    next: u16,
}

fn descriptor(cx: &mut dyn DevCx, table: u64, n: u16) -> Option<Descriptor> {
    let mut b = [0; 16];
    if !cx.dma_read(Gpa(table.wrapping_add(16 * u64::from(n))), &mut b) {
        return None;
    }
    let [a, l] = [&b[..8], &b[8..]].map(|h| h.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)));
    Some(Descriptor {
        piece: Piece {
            at: a,
            len: l as u32,
        },
        flags: (l >> 32) as u16,
        next: (l >> 48) as u16,
    })
}

impl Queues {
    /// Queues of these most descriptors.
    pub fn new(max: &[u16]) -> Queues {
        Queues {
            list: max
                .iter()
                .map(|&max| Queue {
                    max,
                    size: max,
                    vector: NONE,
                    ..Queue::default()
                })
                .collect(),
            ..Queues::default()
        }
    }

    /// Number of queues.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True without queues.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A queue's registers.
    pub fn get(&self, n: usize) -> Option<&Queue> {
        self.list.get(n)
    }

    /// A queue's registers, for the transport.
    pub fn get_mut(&mut self, n: usize) -> Option<&mut Queue> {
        self.list.get_mut(n)
    }

    /// True when both sides have agreed on this feature.
    pub fn has(&self, bit: u32) -> bool {
        self.features >> bit & 1 != 0
    }

    /// The queues, as bits, with a buffer given back since the last call to a driver that wants to be interrupted.
    pub fn take_interrupts(&mut self) -> u64 {
        std::mem::take(&mut self.interrupt)
    }

    /// True after a ring turned out to be impossible.
    pub fn broken(&self) -> bool {
        self.broken
    }

    fn fail(&mut self, cx: &mut dyn DevCx, what: &str) {
        cx.guest_error(format_args!("virtqueue: {what}"));
        self.broken = true;
    }

    /// The next chain of queue `n` that the driver has made available.
    pub fn pop(&mut self, cx: &mut dyn DevCx, n: usize) -> Option<Chain> {
        let q = self.list.get(n)?;
        if !q.ready || !self.live || self.broken || !q.size.is_power_of_two() {
            return None;
        }
        let (size, desc) = (q.size, q.desc);
        let (avail, next) = (q.avail, q.next_avail);
        let Some(index) = read16(cx, avail.wrapping_add(2)) else {
            self.fail(cx, "the available ring is not in memory");
            return None;
        };
        let waiting = index.wrapping_sub(next);
        if waiting == 0 {
            return None;
        }
        if waiting > size {
            self.fail(cx, "more buffers available than the ring holds");
            return None;
        }
        let slot = u64::from(next & (size - 1));
        let head = read16(cx, avail.wrapping_add(4 + 2 * slot)).unwrap_or(u16::MAX);
        if let Some(q) = self.list.get_mut(n) {
            q.next_avail = next.wrapping_add(1);
        }
        let mut chain = Chain {
            queue: n,
            head,
            ..Chain::default()
        };
        match follow(cx, desc, size, head, &mut chain) {
            Ok(()) => Some(chain),
            Err(why) => {
                self.fail(cx, why);
                None
            }
        }
    }

    /// Gives a chain back after `written` bytes were written into it.
    pub fn push(&mut self, cx: &mut dyn DevCx, chain: &Chain, written: usize) {
        let Some(q) = self.list.get_mut(chain.queue) else {
            return;
        };
        if !q.ready || !q.size.is_power_of_two() {
            return;
        }
        let slot = u64::from(q.next_used & (q.size - 1));
        let mut e = u32::from(chain.head).to_le_bytes().to_vec();
        e.extend_from_slice(&(written as u32).to_le_bytes());
        cx.dma_write(Gpa(q.used.wrapping_add(4 + 8 * slot)), &e);
        q.next_used = q.next_used.wrapping_add(1);
        cx.dma_write(Gpa(q.used.wrapping_add(2)), &q.next_used.to_le_bytes());
        let flags = read16(cx, q.avail).unwrap_or(0);
        if flags & AVAIL_NO_INTERRUPT == 0 {
            self.interrupt |= 1 << (chain.queue & 63);
        }
    }
}

/// Collects the pieces of a chain.
fn follow(
    cx: &mut dyn DevCx,
    table: u64,
    size: u16,
    head: u16,
    chain: &mut Chain,
) -> Result<(), &'static str> {
    let (mut table, mut size, mut at, mut indirect) = (table, size, head, false);
    let mut steps = 0u32;
    let mut bytes = 0u64;
    loop {
        if at >= size {
            return Err("a descriptor's number is beyond the table");
        }
        steps += 1;
        if steps > u32::from(size) {
            return Err("a chain of descriptors goes in circles");
        }
        let d = descriptor(cx, table, at).ok_or("the descriptor table is not in memory")?;
        if d.flags & DESC_INDIRECT != 0 {
            let n = d.piece.len / 16;
            let fits = d.piece.len.is_multiple_of(16) && (1..=1 << 15).contains(&n);
            if indirect || d.flags & DESC_NEXT != 0 || !fits {
                return Err("an indirect table that may not be");
            }
            (table, size, at, indirect, steps) = (d.piece.at, n as u16, 0, true, 0);
            continue;
        }
        bytes += u64::from(d.piece.len);
        if bytes > CHAIN_BYTES {
            return Err("a chain describes too much memory");
        }
        if d.flags & DESC_WRITE != 0 {
            chain.writable.push(d.piece);
        } else if chain.writable.is_empty() {
            chain.readable.push(d.piece);
        } else {
            return Err("a readable descriptor after a writable one");
        }
        if d.flags & DESC_NEXT == 0 {
            return Ok(());
        }
        at = d.next;
    }
}
