//! The PCI transport (specification, section 4.1): a transitional function with the legacy registers in ports and the modern structures in
//! memory. Interrupts are INTA# or MSI-X: one message for each queue and one for the configuration.

use tinamou_core::{DevCx, Device, Input, LoadError, Loader, Mapping, Saver, Stored};

use super::VirtioDevice;
use super::queue::Queues;
use crate::pci::config::{Bar, Ident, PciFunction};
use crate::pci::msix::{self, Msix};

/// Region: the legacy registers (base address register 0).
const LEGACY: u32 = 0;
/// Region: the modern structures (base address register 4).
const MODERN: u32 = 1;
/// Region: the table of messages (base address register 1).
const MESSAGES: u32 = 2;
/// Where the capability of MSI-X lies; the others begin at 40h.
const MSIX_CAP: usize = 0x98;

const F_INDIRECT: u64 = 1 << 28;
const F_ANY_LAYOUT: u64 = 1 << 27;
/// The modern interface.
pub const F_VERSION_1: u32 = 32;

const ACKNOWLEDGED_OK: u8 = 4;
const FEATURES_OK: u8 = 8;
const NEEDS_RESET: u8 = 0x40;

const ISR_QUEUE: u8 = 1;
const ISR_CONFIG: u8 = 2;

/// Where the structures lie in the modern region.
const COMMON: u64 = 0;
const ISR: u64 = 0x1000;
const CONFIG: u64 = 0x2000;
const NOTIFY: u64 = 0x3000;
/// Bytes between two queues' notification addresses.
const NOTIFY_STEP: u32 = 4;

/// Bytes of legacy registers before the device's configuration.
const LEGACY_CONFIG: u64 = 20;
/// Two more registers before it while messages are on.
const LEGACY_VECTORS: u64 = 4;
const LEGACY_PAGE: u64 = 4096;

/// A device on the PCI bus. Pin 0: INTA#.
pub struct VirtioPci<D> {
    dev: D,
    cfg: PciFunction,
    msix: Msix,
    config_vector: u16,
    queues: Queues,
    status: u8,
    isr: u8,
    driver_features: u64,
    feature_select: [u32; 2],
    queue_select: u16,
    generation: u8,
    config: Vec<u8>,
}

fn function<D: VirtioDevice>(dev: &D) -> (PciFunction, Msix) {
    let kind = dev.kind();
    let mut f = PciFunction::new(Ident {
        vendor: 0x1af4,
        device: kind.pci_device,
        class: kind.class,
        revision: 0,
        header: 0,
        pin: 1,
    });
    f.set16(0x2e, kind.id);
    f.set16(0x06, 0x0010);
    f.bar(0, Bar::Io(0x80));
    f.bar(1, Bar::Mem(msix::BAR_BYTES));
    f.bar(4, Bar::Mem(0x4000));
    let msix = Msix::new(&mut f, MSIX_CAP, 0x40, 1, kind.queues.len() + 1);
    // Capabilities: type, offset, length.
    let caps = [
        (1, COMMON, 56, 16),
        (3, ISR, 1, 16),
        (4, CONFIG, 0x1000, 16),
        (2, NOTIFY, 0x1000, 20),
    ];
    let mut at = 0x40;
    f.set8(0x34, MSIX_CAP as u8);
    for (i, (kind, offset, len, bytes)) in caps.into_iter().enumerate() {
        let next = if i + 1 < caps.len() { at + bytes } else { 0 };
        f.set8(at, 0x09);
        f.set8(at + 1, next as u8);
        f.set8(at + 2, bytes as u8);
        f.set8(at + 3, kind);
        f.set8(at + 4, 4);
        f.set32(at + 8, offset as u32);
        f.set32(at + 12, len);
        if kind == 2 {
            f.set32(at + 16, NOTIFY_STEP);
        }
        at += bytes;
    }
    (f, msix)
}

impl<D: VirtioDevice> VirtioPci<D> {
    /// Puts `dev` on the bus.
    pub fn new(dev: D) -> VirtioPci<D> {
        let (cfg, msix) = function(&dev);
        let queues = Queues::new(dev.kind().queues);
        VirtioPci {
            dev,
            cfg,
            msix,
            config_vector: msix::NONE,
            queues,
            status: 0,
            isr: 0,
            driver_features: 0,
            feature_select: [0; 2],
            queue_select: 0,
            generation: 0,
            config: Vec::new(),
        }
    }

    fn device_features(&self, cx: &dyn DevCx) -> u64 {
        self.dev.features(cx) | F_INDIRECT | F_ANY_LAYOUT | 1 << F_VERSION_1
    }

    fn device_reset(&mut self, cx: &mut dyn DevCx) {
        self.queues = Queues::new(self.dev.kind().queues);
        self.config_vector = msix::NONE;
        self.status = 0;
        self.isr = 0;
        self.driver_features = 0;
        self.feature_select = [0; 2];
        self.queue_select = 0;
        self.dev.reset(cx);
        self.config = self.dev.config(cx);
    }

    /// Raises what the queues have to tell, and drives the pin.
    fn update(&mut self, cx: &mut dyn DevCx) {
        let done = self.queues.take_interrupts();
        if self.msix.enabled(&self.cfg) {
            for n in (0..self.queues.len()).filter(|n| done >> n & 1 != 0) {
                let vector = self.queues.get(n).map_or(msix::NONE, |q| q.vector);
                self.msix.notify(cx, &self.cfg, vector);
            }
        } else if done != 0 {
            self.isr |= ISR_QUEUE;
        }
        if self.queues.broken() && self.status & NEEDS_RESET == 0 {
            self.status |= NEEDS_RESET;
            self.config_changed(cx);
        }
        let pin = self.isr != 0 && self.cfg.get8(5) & 4 == 0;
        cx.set_irq(0, pin && !self.msix.enabled(&self.cfg));
    }

    /// Tells the driver that the configuration changed.
    fn config_changed(&mut self, cx: &mut dyn DevCx) {
        if self.msix.enabled(&self.cfg) {
            self.msix.notify(cx, &self.cfg, self.config_vector);
        } else {
            self.isr |= ISR_CONFIG;
        }
    }

    /// Where the device's configuration begins among the legacy registers.
    fn legacy_config(&self) -> u64 {
        if self.msix.enabled(&self.cfg) {
            LEGACY_CONFIG + LEGACY_VECTORS
        } else {
            LEGACY_CONFIG
        }
    }

    fn set_status(&mut self, cx: &mut dyn DevCx, v: u8) {
        if v == 0 {
            return self.device_reset(cx);
        }
        let new = v & !self.status;
        self.status = v | self.status & NEEDS_RESET;
        if new & FEATURES_OK != 0 && self.driver_features & !self.device_features(cx) != 0 {
            self.status &= !FEATURES_OK;
        }
        self.queues.features = self.driver_features;
        let was = self.queues.live;
        self.queues.live = self.status & ACKNOWLEDGED_OK != 0;
        if self.queues.live && !was {
            // What was made available before the driver was ready.
            for n in 0..self.queues.len() {
                self.dev.notify(cx, &mut self.queues, n);
            }
        }
    }

    fn notify(&mut self, cx: &mut dyn DevCx, n: u64) {
        if n < self.queues.len() as u64 && self.queues.live {
            self.dev.notify(cx, &mut self.queues, n as usize);
        }
    }

    fn read_isr(&mut self) -> u8 {
        std::mem::take(&mut self.isr)
    }

    fn config_byte(&self, at: u64) -> u8 {
        self.config.get(at as usize).copied().unwrap_or(0)
    }

    // The legacy registers.

    fn legacy_read(&mut self, cx: &mut dyn DevCx, at: u64, size: u32) -> u64 {
        let config = self.legacy_config();
        if at >= config {
            return (0..u64::from(size)).fold(0, |v, i| {
                v | u64::from(self.config_byte(at - config + i)) << (8 * i)
            });
        }
        let q = self.queues.get(self.queue_select.into());
        match at {
            0 => self.device_features(cx) & 0xffff_ffff,
            4 => self.driver_features & 0xffff_ffff,
            8 => q.map_or(0, |q| q.desc / LEGACY_PAGE),
            12 => q.map_or(0, |q| q.max.into()),
            14 => self.queue_select.into(),
            18 => self.status.into(),
            19 => self.read_isr().into(),
            20 => self.config_vector.into(),
            22 => q.map_or(msix::NONE, |q| q.vector).into(),
            _ => 0,
        }
    }

    fn legacy_write(&mut self, cx: &mut dyn DevCx, at: u64, size: u32, v: u64) {
        let config = self.legacy_config();
        if at >= config {
            for i in 0..u64::from(size) {
                let at = (at - config + i) as usize;
                self.dev.config_write(at, (v >> (8 * i)) as u8);
            }
            self.config = self.dev.config(cx);
            return;
        }
        match at {
            4 => {
                // A legacy driver takes what it knows of the first 32 bits.
                self.driver_features = v & self.device_features(cx) & 0xffff_ffff;
                self.queues.features = self.driver_features;
            }
            8 => {
                let n = self.queue_select.into();
                if let Some(q) = self.queues.get_mut(n) {
                    let size = u64::from(q.max);
                    q.size = q.max;
                    q.desc = (v & 0xffff_ffff) * LEGACY_PAGE;
                    q.avail = q.desc + 16 * size;
                    q.used = (q.avail + 4 + 2 * size + 2).next_multiple_of(LEGACY_PAGE);
                    q.ready = v != 0;
                }
                if v == 0 {
                    // The driver takes the queue back: its rings start anew.
                    let max = self.dev.kind().queues.get(n).copied().unwrap_or(0);
                    if let (Some(q), Some(fresh)) =
                        (self.queues.get_mut(n), Queues::new(&[max]).get(0))
                    {
                        *q = fresh.clone();
                    }
                }
            }
            14 => self.queue_select = v as u16,
            16 => self.notify(cx, v & 0xffff),
            18 => self.set_status(cx, v as u8),
            20 => self.config_vector = self.msix.choose(v & 0xffff),
            22 => self.set_vector(v & 0xffff),
            _ => {}
        }
    }

    /// Chooses the message of the selected queue.
    fn set_vector(&mut self, v: u64) {
        let vector = self.msix.choose(v);
        if let Some(q) = self.queues.get_mut(self.queue_select.into()) {
            q.vector = vector;
        }
    }

    // The modern structures.

    fn common(&self, cx: &dyn DevCx) -> [u8; 56] {
        let mut b = [0; 56];
        let mut put = |at: usize, v: u64, n: usize| {
            b[at..at + n].copy_from_slice(&v.to_le_bytes()[..n]);
        };
        let half = |v: u64, select: u32| if select < 2 { v >> (32 * select) } else { 0 };
        let [d, g] = self.feature_select;
        put(0, d.into(), 4);
        put(4, half(self.device_features(cx), d), 4);
        put(8, g.into(), 4);
        put(12, half(self.driver_features, g), 4);
        put(16, self.config_vector.into(), 2);
        put(18, self.queues.len() as u64, 2);
        put(20, self.status.into(), 1);
        put(21, self.generation.into(), 1);
        put(22, self.queue_select.into(), 2);
        if let Some(q) = self.queues.get(self.queue_select.into()) {
            put(24, q.size.into(), 2);
            put(26, q.vector.into(), 2);
            put(28, q.ready.into(), 2);
            put(30, self.queue_select.into(), 2);
            put(32, q.desc, 8);
            put(40, q.avail, 8);
            put(48, q.used, 8);
        }
        b
    }

    fn common_write(&mut self, cx: &mut dyn DevCx, at: u64, size: u32, v: u64) {
        let low = |old: &mut u64, at: u64| {
            // Eight bytes, or either half.
            let shift = 8 * (at & 4);
            let m = if size == 8 {
                u64::MAX
            } else {
                0xffff_ffff << shift
            };
            *old = *old & !m | v << shift & m;
        };
        match at {
            0 => self.feature_select[0] = v as u32,
            8 => self.feature_select[1] = v as u32,
            12 if self.status & FEATURES_OK == 0 && self.feature_select[1] < 2 => {
                let shift = 32 * self.feature_select[1];
                let m = 0xffff_ffff << shift;
                self.driver_features = self.driver_features & !m | v << shift & m;
            }
            16 => self.config_vector = self.msix.choose(v & 0xffff),
            20 => self.set_status(cx, v as u8),
            22 => self.queue_select = v as u16,
            26 => self.set_vector(v & 0xffff),
            24.. => {
                let Some(q) = self.queues.get_mut(self.queue_select.into()) else {
                    return;
                };
                match at {
                    // A queue that is in use does not move.
                    24 if !q.ready && (v as u16).is_power_of_two() && v as u16 <= q.max => {
                        q.size = v as u16;
                    }
                    28 => q.ready = v & 1 != 0,
                    32 | 36 if !q.ready => low(&mut q.desc, at),
                    40 | 44 if !q.ready => low(&mut q.avail, at),
                    48 | 52 if !q.ready => low(&mut q.used, at),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn modern_read(&mut self, cx: &mut dyn DevCx, at: u64, size: u32) -> u64 {
        let bytes = |f: &dyn Fn(u64) -> u8| {
            (0..u64::from(size)).fold(0, |v, i| v | u64::from(f(i)) << (8 * i))
        };
        match at {
            COMMON..ISR => {
                let c = self.common(cx);
                bytes(&|i| c.get((at + i) as usize).copied().unwrap_or(0))
            }
            ISR..CONFIG => u64::from(self.read_isr()),
            CONFIG..NOTIFY => bytes(&|i| self.config_byte(at - CONFIG + i)),
            _ => 0,
        }
    }

    fn modern_write(&mut self, cx: &mut dyn DevCx, at: u64, size: u32, v: u64) {
        match at {
            COMMON..ISR => self.common_write(cx, at, size, v),
            ISR..CONFIG => {}
            CONFIG..NOTIFY => {
                for i in 0..u64::from(size) {
                    let at = (at - CONFIG + i) as usize;
                    self.dev.config_write(at, (v >> (8 * i)) as u8);
                }
                self.config = self.dev.config(cx);
            }
            _ => self.notify(cx, (at - NOTIFY) / u64::from(NOTIFY_STEP)),
        }
    }
}

impl<D: VirtioDevice> Device for VirtioPci<D> {
    fn reset(&mut self, cx: &mut dyn DevCx) {
        (self.cfg, self.msix) = function(&self.dev);
        self.generation = 0;
        self.device_reset(cx);
        self.update(cx);
        cx.request_remap();
    }

    fn read(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32) -> u64 {
        let v = match region {
            LEGACY => self.legacy_read(cx, offset, size),
            MESSAGES => self.msix.read(offset, size),
            _ => self.modern_read(cx, offset, size),
        };
        self.update(cx);
        v
    }

    fn write(&mut self, cx: &mut dyn DevCx, region: u32, offset: u64, size: u32, value: u64) {
        match region {
            LEGACY => self.legacy_write(cx, offset, size, value),
            MESSAGES => self.msix.write(cx, &self.cfg, offset, size, value),
            _ => self.modern_write(cx, offset, size, value),
        }
        self.update(cx);
    }

    fn input(&mut self, cx: &mut dyn DevCx, input: Input) {
        if self.dev.input(cx, &mut self.queues, input) {
            self.config = self.dev.config(cx);
            self.generation = self.generation.wrapping_add(1);
            if self.queues.live {
                self.config_changed(cx);
            }
        }
        self.update(cx);
    }

    fn mappings(&self, out: &mut Vec<Mapping>) {
        out.extend(self.cfg.mapping(0, LEGACY, 4));
        out.extend(self.cfg.mapping(1, MESSAGES, 8));
        out.extend(self.cfg.mapping(4, MODERN, 8));
    }

    fn pci_read(&mut self, _cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32) -> u32 {
        self.cfg.read(reg, size)
    }

    fn pci_write(&mut self, cx: &mut dyn DevCx, _func: u8, reg: u8, size: u32, value: u32) {
        if self.cfg.write(reg, size, value) {
            cx.request_remap();
        }
        self.msix.send(cx, &self.cfg);
        self.update(cx);
    }

    fn version(&self) -> u32 {
        2
    }

    fn save(&self, s: &mut Saver) {
        self.cfg.store(s);
        self.msix.store(s);
        self.config_vector.store(s);
        self.queues.store(s);
        self.status.store(s);
        self.isr.store(s);
        self.driver_features.store(s);
        self.feature_select.store(s);
        self.queue_select.store(s);
        self.generation.store(s);
        self.config.store(s);
        self.dev.store(s);
    }

    fn load(&mut self, l: &mut Loader<'_>, _version: u32) -> Result<(), LoadError> {
        self.cfg.restore(l)?;
        self.msix.restore(l)?;
        self.config_vector.restore(l)?;
        let n = self.queues.len();
        self.queues.restore(l)?;
        if self.queues.len() != n {
            return Err(LoadError::Invalid("number of virtqueues"));
        }
        self.status.restore(l)?;
        self.isr.restore(l)?;
        self.driver_features.restore(l)?;
        self.feature_select.restore(l)?;
        self.queue_select.restore(l)?;
        self.generation.restore(l)?;
        self.config.restore(l)?;
        self.dev.restore(l)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rng::Rng;
    use super::super::testing::{Driver, QUEUE};
    use super::*;
    use crate::pci::msix::PENDING;
    use crate::testing::{Bench, storm};

    fn bench() -> Bench<VirtioPci<Rng>> {
        let make = || VirtioPci::new(Rng::new(7));
        Bench::new(make(), make)
    }

    #[test]
    fn capabilities_lead_to_the_structures() {
        let mut b = bench();
        let mut at = b.dev.pci_read(&mut b.cx, 0, 0x34, 1) as u8;
        let mut kinds = Vec::new();
        while at != 0 {
            let id = b.dev.pci_read(&mut b.cx, 0, at, 1);
            if id == 0x11 {
                assert_eq!(b.dev.pci_read(&mut b.cx, 0, at + 2, 2), 1, "two vectors");
                assert_eq!(b.dev.pci_read(&mut b.cx, 0, at + 4, 4), 1, "in bar 1");
                at = b.dev.pci_read(&mut b.cx, 0, at + 1, 1) as u8;
                continue;
            }
            assert_eq!(id, 9);
            kinds.push(b.dev.pci_read(&mut b.cx, 0, at + 3, 1));
            at = b.dev.pci_read(&mut b.cx, 0, at + 1, 1) as u8;
        }
        assert_eq!(kinds, [1, 3, 4, 2]);
        assert_eq!(b.dev.pci_read(&mut b.cx, 0, 0, 4), 0x1005_1af4);
    }

    #[test]
    fn modern_driver() {
        bench().twice(|b| {
            let mut d = Driver::modern(b, 0);
            let head = d.add(b, 0, &[], &[(0x8000, 16), (0x9000, 8)]);
            b.save_and_load();
            d.kick(b, 0);
            assert!(b.irq(0));
            assert_eq!(d.used(b, 0), Some((head, 24)));
            assert_ne!(b.cx.mem[0x8000..0x8010], [0; 16]);
            assert_eq!(b.read(MODERN, ISR, 1), 1);
            assert!(!b.irq(0));
        });
    }

    #[test]
    fn legacy_driver() {
        bench().twice(|b| {
            let mut d = Driver::legacy(b);
            let head = d.add(b, 0, &[], &[(0x8000, 16)]);
            d.kick(b, 0);
            assert_eq!(d.used(b, 0), Some((head, 16)));
            assert_eq!(b.read(LEGACY, 19, 1), 1);
        });
    }

    /// Turns messages on and gives vector 1 the message (FEE01000h, 4041h).
    fn messages_on(b: &mut Bench<VirtioPci<Rng>>) {
        b.dev.pci_write(&mut b.cx, 0, 4, 2, 7);
        b.dev.pci_write(&mut b.cx, 0, 0x9a, 2, 0x8000);
        b.write(MESSAGES, 16, 8, 0xfee0_1000);
        b.write(MESSAGES, 24, 8, 0x1_0000_4041);
    }

    #[test]
    fn messages_instead_of_the_pin() {
        bench().twice(|b| {
            let mut d = Driver::modern(b, 0);
            messages_on(b);
            b.write(MODERN, 22, 2, 0);
            b.write(MODERN, 26, 2, 9);
            assert_eq!(b.read(MODERN, 26, 2), 0xffff, "there is no vector 9");
            b.write(MODERN, 26, 2, 1);
            assert_eq!(b.read(MODERN, 26, 2), 1);
            d.add(b, 0, &[], &[(0x8000, 16)]);
            d.kick(b, 0);
            assert!(b.cx.messages.is_empty(), "masked");
            assert_eq!(b.read(MESSAGES, PENDING, 4), 2);
            b.save_and_load();
            b.write(MESSAGES, 28, 4, 0);
            assert_eq!(b.cx.messages, [(0xfee0_1000, 0x4041)]);
            assert_eq!(b.read(MESSAGES, PENDING, 4), 0);
            d.add(b, 0, &[], &[(0x8000, 16)]);
            d.kick(b, 0);
            assert_eq!(b.cx.messages.len(), 2);
            // Masked as a whole.
            b.dev.pci_write(&mut b.cx, 0, 0x9a, 2, 0xc000);
            d.add(b, 0, &[], &[(0x8000, 16)]);
            d.kick(b, 0);
            assert_eq!(b.cx.messages.len(), 2);
            b.dev.pci_write(&mut b.cx, 0, 0x9a, 2, 0x8000);
            assert_eq!(b.cx.messages.len(), 3);
            assert!(!b.irq(0));
            b.cx.messages.clear();
        });
    }

    #[test]
    fn legacy_registers_make_room_for_vectors() {
        bench().twice(|b| {
            let mut d = Driver::legacy(b);
            messages_on(b);
            b.write(MESSAGES, 28, 4, 0);
            b.write(LEGACY, 20, 2, 0);
            b.write(LEGACY, 22, 2, 1);
            assert_eq!((b.read(LEGACY, 20, 2), b.read(LEGACY, 22, 2)), (0, 1));
            d.add(b, 0, &[], &[(0x8000, 16)]);
            d.kick(b, 0);
            assert_eq!(b.cx.messages, [(0xfee0_1000, 0x4041)]);
            b.cx.messages.clear();
        });
    }

    #[test]
    fn features_must_be_offered() {
        bench().twice(|b| {
            b.write(MODERN, 20, 1, 0);
            b.write(MODERN, 20, 1, 3);
            b.write(MODERN, 8, 4, 0);
            b.write(MODERN, 12, 4, 1 << 5);
            b.write(MODERN, 20, 1, 0x0b);
            assert_eq!(b.read(MODERN, 20, 1), 3, "refused");
        });
    }

    #[test]
    fn hostile_rings_break_the_device_until_reset() {
        let broken = |spoil: &dyn Fn(&mut Bench<VirtioPci<Rng>>)| {
            let mut b = bench();
            let mut d = Driver::modern(&mut b, 0);
            d.add(&mut b, 0, &[], &[(0x8000, 16)]);
            spoil(&mut b);
            d.kick(&mut b, 0);
            assert_eq!(b.read(MODERN, 20, 1) & 0x40, 0x40, "needs reset");
            assert!(b.irq(0));
            b.write(MODERN, 20, 1, 0);
            assert_eq!(b.read(MODERN, 20, 1), 0);
        };
        let q = QUEUE as usize;
        // The first descriptor: length at 8, flags at 12, next at 14. The available ring is a page further on.
        let set = |at: usize, bytes: &'static [u8]| {
            move |b: &mut Bench<VirtioPci<Rng>>| {
                b.cx.mem[at..at + bytes.len()].copy_from_slice(bytes);
            }
        };
        broken(&set(q + 12, &[3, 0, 0, 0])); // next: itself
        broken(&set(q + 12, &[3, 0, 0xff, 0xff])); // next: beyond the table
        broken(&set(q + 8, &[17, 0, 0, 0, 4, 0])); // an indirect table of one byte too much
        broken(&set(q + 8, &[0xff; 4])); // 4 GiB
        broken(&set(q + 0x1000 + 2, &[0, 0x80])); // index far ahead
        broken(&set(q + 0x1000 + 4, &[0xff, 0xff])); // head beyond the table
        broken(&set(q + 12, &[7, 0]));
        // A buffer outside memory is the driver's loss alone.
        let mut b = bench();
        let mut d = Driver::modern(&mut b, 0);
        let head = d.add(&mut b, 0, &[], &[(0xffff_ffff_ffff_fff0, 64)]);
        d.kick(&mut b, 0);
        assert_eq!(d.used(&b, 0), Some((head, 64)));
    }

    #[test]
    fn storm_does_no_harm() {
        let mut b = bench();
        Driver::modern(&mut b, 0);
        storm(
            &mut b,
            &[
                (LEGACY, 0x40),
                (MODERN, 0x40),
                (MODERN, 0x4000),
                (MESSAGES, 0x1000),
            ],
            50_000,
        );
    }
}
