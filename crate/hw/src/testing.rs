//! A bench for one device: pokes, a virtual clock, and every case once fresh and once after save and load.

use core::fmt;
use std::collections::{BTreeMap, VecDeque};

use tinamou_core::{
    BlockBackend, BlockId, BlockRequest, DevCx, Device, Gpa, Input, IsaDma, Loader, MachineRequest,
    News, Ns, RequestId, Saver, Sound,
};

/// The surroundings: memory of 1 MiB at 0, recorded pins, timers and requests.
#[derive(Default)]
pub struct TestCx {
    pub now: Ns,
    pub levels: u64,
    pub irq_log: Vec<(u32, bool)>,
    /// Message-signalled interrupts: address and data.
    pub messages: Vec<(u64, u32)>,
    pub timers: BTreeMap<u32, Ns>,
    pub mem: Vec<u8>,
    pub blocks: Vec<Vec<u8>>,
    pub out: Vec<u8>,
    pub inq: VecDeque<u8>,
    pub requests: Vec<MachineRequest>,
    /// What was told.
    pub news: Vec<News>,
    pub disks: Vec<Option<Box<dyn BlockBackend>>>,
    pub pending: Vec<(u32, RequestId, Ns)>,
    pub frames: Vec<Vec<u8>>,
    /// What the loudspeaker got, without repetitions.
    pub sounds: Vec<Sound>,
    sound: Sound,
    /// What it gets next.
    pub then: Option<(Ns, Sound)>,
    pub errors: Vec<String>,
    pub remaps: u32,
    pub pci: BTreeMap<(u8, u8), u32>,
    pub vector: u8,
    /// Where the ISA DMA controller points and what it has left.
    pub isa_at: u64,
    pub isa_left: usize,
    pub exit: Option<u32>,
    /// The CPU that makes the accesses.
    pub cpu: u32,
    next: u64,
}

impl DevCx for TestCx {
    fn now(&self) -> Ns {
        self.now
    }
    fn cpu(&self) -> u32 {
        self.cpu
    }
    fn sound(&mut self, sound: Sound, then: Option<(Ns, Sound)>) {
        self.then = then;
        if std::mem::replace(&mut self.sound, sound) != sound {
            self.sounds.push(sound);
        }
    }
    fn set_irq(&mut self, pin: u32, level: bool) {
        if (self.levels >> pin & 1 != 0) != level {
            self.levels ^= 1 << pin;
            self.irq_log.push((pin, level));
        }
    }
    fn set_timer(&mut self, id: u32, deadline: Option<Ns>) {
        match deadline {
            Some(d) => self.timers.insert(id, d),
            None => self.timers.remove(&id),
        };
    }
    fn message(&mut self, at: u64, data: u32) {
        self.messages.push((at, data));
    }
    fn dma_read(&mut self, at: Gpa, buf: &mut [u8]) -> bool {
        match self
            .mem
            .get(at.0 as usize..)
            .and_then(|m| m.get(..buf.len()))
        {
            Some(m) => {
                buf.copy_from_slice(m);
                true
            }
            None => {
                buf.fill(0);
                false
            }
        }
    }
    fn dma_write(&mut self, at: Gpa, data: &[u8]) -> bool {
        match self
            .mem
            .get_mut(at.0 as usize..)
            .and_then(|m| m.get_mut(..data.len()))
        {
            Some(m) => {
                m.copy_from_slice(data);
                true
            }
            None => false,
        }
    }
    fn block_read(&mut self, block: BlockId, offset: u64, buf: &mut [u8]) -> bool {
        let o = offset as usize;
        match self
            .blocks
            .get(block.0 as usize)
            .and_then(|b| b.get(o..o + buf.len()))
        {
            Some(m) => {
                buf.copy_from_slice(m);
                true
            }
            None => false,
        }
    }
    fn block_write(&mut self, block: BlockId, offset: u64, data: &[u8]) -> bool {
        let o = offset as usize;
        match self
            .blocks
            .get_mut(block.0 as usize)
            .and_then(|b| b.get_mut(o..o + data.len()))
        {
            Some(m) => {
                m.copy_from_slice(data);
                true
            }
            None => false,
        }
    }
    fn guest_error(&mut self, what: fmt::Arguments<'_>) {
        self.errors.push(what.to_string());
    }
    fn request_remap(&mut self) {
        self.remaps += 1;
    }
    fn request(&mut self, what: MachineRequest) {
        self.requests.push(what);
    }
    fn tell(&mut self, news: News) {
        self.news.push(news);
    }
    fn request_exit(&mut self, code: u32) {
        self.exit = Some(code);
    }
    fn console_out(&mut self, _port: u32, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
    fn console_in(&mut self, _port: u32) -> Option<u8> {
        self.inq.pop_front()
    }
    fn block_info(&self, slot: u32) -> Option<(u64, bool)> {
        let d = self.disks.get(slot as usize)?.as_ref()?;
        Some((d.sectors(), d.read_only()))
    }
    fn block_submit(&mut self, slot: u32, request: BlockRequest, after: Ns) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        if let Some(Some(d)) = self.disks.get_mut(slot as usize) {
            d.submit(id, request);
        }
        self.pending.push((slot, id, self.now + after));
        id
    }
    fn net_out(&mut self, _port: u32, frame: &[u8]) {
        self.frames.push(frame.to_vec());
    }
    fn pci_read(&mut self, devfn: u8, reg: u8, size: u32) -> u32 {
        let v = self
            .pci
            .get(&(devfn, reg & !3))
            .copied()
            .unwrap_or(u32::MAX);
        let v = v >> (8 * (reg & 3));
        if size == 4 {
            v
        } else {
            v & ((1 << (8 * size)) - 1)
        }
    }
    fn pci_write(&mut self, devfn: u8, reg: u8, _size: u32, value: u32) {
        self.pci.insert((devfn, reg & !3), value);
    }
    fn int_ack(&mut self) -> u8 {
        self.vector
    }
    fn isa_dma(&mut self, _channel: u32, to_memory: bool, buf: &mut [u8]) -> IsaDma {
        let n = buf.len().min(self.isa_left);
        let at = Gpa(self.isa_at);
        if to_memory {
            self.dma_write(at, &buf[..n]);
        } else {
            self.dma_read(at, &mut buf[..n]);
        }
        self.isa_at += n as u64;
        self.isa_left -= n;
        IsaDma {
            bytes: n,
            terminal: self.isa_left == 0,
        }
    }
}

/// A device on the bench.
pub struct Bench<D: Device> {
    pub dev: D,
    pub cx: TestCx,
    make: Box<dyn Fn() -> D>,
}

impl<D: Device> Bench<D> {
    pub fn new(dev: D, make: impl Fn() -> D + 'static) -> Bench<D> {
        let cx = TestCx {
            mem: vec![0; 1 << 20],
            ..TestCx::default()
        };
        let mut b = Bench {
            dev,
            cx,
            make: Box::new(make),
        };
        b.dev.reset(&mut b.cx);
        b
    }

    /// Runs a case fresh, then again on a device that was saved and loaded.
    pub fn twice(&mut self, case: impl Fn(&mut Bench<D>)) {
        case(self);
        self.save_and_load();
        case(self);
    }

    /// Replaces the device by a new one that loads its state; also tries every shorter state, which must be refused.
    pub fn save_and_load(&mut self) {
        let mut s = Saver::new();
        self.dev.save(&mut s);
        let b = s.finish();
        let mut d = (self.make)();
        let mut l = Loader::new(&b);
        d.load(&mut l, self.dev.version()).expect("own state loads");
        assert_eq!(l.remaining(), 0, "load reads what save wrote");
        for n in (0..b.len()).step_by(b.len() / 64 + 1) {
            assert!(
                (self.make)()
                    .load(&mut Loader::new(&b[..n]), d.version())
                    .is_err()
            );
        }
        let mut again = Saver::new();
        d.save(&mut again);
        assert_eq!(again.finish(), b, "state survives a round trip");
        self.dev = d;
    }

    pub fn read(&mut self, region: u32, offset: u64, size: u32) -> u64 {
        self.dev.read(&mut self.cx, region, offset, size)
    }
    pub fn write(&mut self, region: u32, offset: u64, size: u32, value: u64) {
        self.dev.write(&mut self.cx, region, offset, size, value);
    }
    pub fn irq(&self, pin: u32) -> bool {
        self.cx.levels >> pin & 1 != 0
    }
    pub fn type_in(&mut self, bytes: &[u8]) {
        self.cx.inq.extend(bytes);
        self.dev.input(&mut self.cx, Input::Console { port: 0 });
    }

    /// Moves the clock, firing timers and finishing disk requests in order.
    pub fn advance(&mut self, to: Ns) {
        loop {
            let timer = self
                .cx
                .timers
                .iter()
                .min_by_key(|t| *t.1)
                .map(|t| (*t.1, *t.0));
            let disk = self.cx.pending.iter().enumerate().min_by_key(|p| p.1.2);
            let disk = disk.map(|(i, p)| (p.2, i));
            let at = timer
                .map(|t| t.0)
                .into_iter()
                .chain(disk.map(|d| d.0))
                .min();
            let Some(at) = at.filter(|a| *a <= to) else {
                break;
            };
            self.cx.now = self.cx.now.max(at);
            if let Some((_, id)) = timer.filter(|t| t.0 == at) {
                self.cx.timers.remove(&id);
                self.dev.timer(&mut self.cx, id);
            } else if let Some((_, i)) = disk {
                let (slot, id, _) = self.cx.pending.remove(i);
                let result = self.cx.disks[slot as usize]
                    .as_mut()
                    .unwrap()
                    .poll(id)
                    .unwrap();
                self.dev
                    .input(&mut self.cx, Input::Block { slot, id, result });
            }
        }
        self.cx.now = to;
    }

    /// Runs until nothing is pending, at most `limit` further.
    pub fn settle(&mut self, limit: Ns) {
        let to = self.cx.now + limit;
        self.advance(to);
    }
}

/// Random numbers for pokes, the same each time.
pub struct Rnd(pub u64);

impl Rnd {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Random register accesses to `regions` (number, bytes) and configuration space, with time passing; then the state must still
/// survive save and load.
pub fn storm<D: Device>(b: &mut Bench<D>, regions: &[(u32, u64)], n: u32) {
    let mut r = Rnd(0x1234_5678_9abc_def1);
    // Memory full of noise, so that what is fetched from there is as hostile.
    for c in b.cx.mem.chunks_mut(8) {
        let v = r.next() & r.next() & 0x0003_ffff_0007_ffff;
        c.copy_from_slice(&v.to_le_bytes()[..c.len()]);
    }
    for i in 0..n {
        let (x, v) = (r.next(), r.next());
        let v = match x >> 60 & 3 {
            0 => v,
            1 => v & 0xff,
            2 => v & 0x7_ffff,
            _ => 1 << (v & 63),
        };
        let size = 1 << (x & 1) << (x >> 1 & 1);
        if x >> 2 & 0x3f == 0 {
            let reg = (x >> 8) as u8 & !(size as u8 - 1);
            let func = (x >> 16 & 3) as u8;
            if x >> 18 & 1 == 0 {
                b.dev.pci_read(&mut b.cx, func, reg, size);
            } else {
                b.dev.pci_write(&mut b.cx, func, reg, size, v as u32);
            }
            b.dev.mappings(&mut Vec::new());
            continue;
        }
        let (region, len) = regions[(x >> 20) as usize % regions.len()];
        let at = (x >> 32) % len;
        if x >> 3 & 1 == 0 {
            b.read(region, at, size);
        } else {
            b.write(region, at, size, v);
        }
        if i % 16 == 0 {
            b.settle(Ns(x >> 40 & 0xf_ffff));
        }
        b.cx.irq_log.clear();
        b.cx.errors.clear();
        b.cx.requests.clear();
        b.cx.frames.clear();
        b.cx.out.clear();
    }
    b.save_and_load();
}
