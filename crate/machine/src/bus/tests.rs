//! The address map, the wires and the clock, on a Malta.

use tinamou_core::{Gpa, Loader, NetBackend, Ns, PhysBus, RamPage, Saver};

use tinamou_hw::block::raw::memory_disk;

use super::{Advance, Bus, VecRam};
use crate::devices::BoardConfig;
use crate::malta;

fn bus(ram_mib: u64) -> Bus {
    let config = BoardConfig {
        ram_bytes: ram_mib << 20,
        ..BoardConfig::default()
    };
    malta::new(config, Box::new(VecRam::default())).unwrap()
}

fn read(b: &mut Bus, at: u64, size: u32) -> u64 {
    b.read(Gpa(at), size).unwrap()
}
fn write(b: &mut Bus, at: u64, size: u32, v: u64) {
    b.write(Gpa(at), size, v).unwrap();
}

fn save_and_load(b: &mut Bus) {
    let mut s = Saver::new();
    b.save(&mut s);
    let bytes = s.finish();
    b.load(&mut Loader::new(&bytes)).unwrap();
    b.start_requests();
    let mut again = Saver::new();
    b.save(&mut again);
    assert_eq!(again.finish(), bytes);
}

/// Moves the registers to 1be00000 and opens the I/O window at 18000000, as the boot ROM does.
fn open_windows(b: &mut Bus) {
    write(b, 0x1400_0068, 4, 0xdf);
    for (reg, v) in [(0x48, 0xc0), (0x50, 0x40), (0x58, 0x80), (0x60, 0x3f)] {
        write(b, 0x1be0_0000 + reg, 4, v);
    }
}

#[test]
fn memory_map() {
    let mut b = bus(32);
    assert!(matches!(
        b.page(Gpa(0x1000)),
        RamPage::Ram { writable: true, .. }
    ));
    assert_eq!(
        b.page(Gpa(0x1000)),
        b.page(Gpa(0x8000_1000)),
        "one RAM, two addresses"
    );
    assert!(matches!(
        b.page(Gpa(0x1fc0_0000)),
        RamPage::Ram {
            writable: false,
            ..
        }
    ));
    assert_eq!(b.page(Gpa(0x1400_0000)), RamPage::Device);
    assert_eq!(
        b.page(Gpa(0x200_0000)),
        RamPage::Device,
        "decoded, nothing there"
    );
    assert_eq!(b.page(Gpa(0x2000_0000)), RamPage::None);
    assert!(b.read(Gpa(0x2000_0000), 4).is_err());
    assert_eq!(read(&mut b, 0x200_0000, 4), 0);
    assert_eq!(read(&mut b, 0x1fc0_0010, 4), 0x420);
    write(&mut b, 0x1ff_fffc, 8, 0x8877_6655_4433_2211);
    assert_eq!(
        read(&mut b, 0x1ff_fffc, 8),
        0x4433_2211,
        "across the end of RAM"
    );
    assert!(
        !b.take_dma_writes().is_empty(),
        "firmware was put there behind the CPU's back"
    );
    write(&mut b, 0x1fc0_0000, 4, 1);
    assert_eq!(read(&mut b, 0x1fc0_0000, 4), 0);
}

#[test]
fn windows_move_and_console_works() {
    let mut b = bus(16);
    let g = b.generation();
    open_windows(&mut b);
    assert!(b.generation() > g);
    assert_eq!(
        read(&mut b, 0x1400_0068, 4),
        u64::MAX >> 32,
        "default PCI memory window"
    );
    for twice in 0..2 {
        for c in b"ok" {
            assert_eq!(read(&mut b, 0x1800_03fd, 1) & 0x20, 0x20);
            write(&mut b, 0x1800_03f8, 1, u64::from(*c));
        }
        assert_eq!(b.take_console_output(0), b"ok");
        write(&mut b, 0x1f00_0900, 4, 0x41);
        assert_eq!(b.take_console_output(2), b"A");
        assert_eq!(read(&mut b, 0x1800_0234, 1), 0xff, "no such port");
        assert_eq!(read(&mut b, 0x1000_0000, 4), 0xffff_ffff, "master abort");
        if twice == 0 {
            save_and_load(&mut b);
        }
    }
}

#[test]
fn interrupt_reaches_the_cpu() {
    let mut b = bus(16);
    open_windows(&mut b);
    let io = 0x1800_0000;
    for (chip, base) in [(0x20, 0), (0xa0, 8)] {
        for v in [0x11, base, if base == 0 { 4 } else { 2 }, 1] {
            let at = if v == 0x11 { chip } else { chip + 1 };
            write(&mut b, io + at, 1, v);
        }
        write(&mut b, io + chip + 1, 1, 0);
    }
    write(&mut b, io + 0x3f9, 1, 1);
    assert_eq!(b.cpu_irq(), 0);
    b.take_attention();
    b.console_input(0, b"x");
    assert!(b.take_attention());
    assert_eq!(b.cpu_irq(), 1 << 2);
    save_and_load(&mut b);
    assert_eq!(b.cpu_irq(), 1 << 2);
    assert_eq!(read(&mut b, 0x1be0_0c34, 4), 4);
    assert_eq!(read(&mut b, io + 0x3f8, 1), u64::from(b'x'));
    write(&mut b, io + 0x20, 1, 0x20);
    assert_eq!(b.cpu_irq(), 0);
}

#[test]
fn timers_fire_in_order() {
    let mut b = bus(16);
    open_windows(&mut b);
    let io = 0x1800_0000;
    write(&mut b, io + 0x43, 1, 0x34);
    write(&mut b, io + 0x40, 1, 0xa9);
    write(&mut b, io + 0x40, 1, 0x04);
    let d = b.next_deadline().unwrap();
    assert!(d > Ns(0) && d <= Ns(1_000_000));
    save_and_load(&mut b);
    assert_eq!(b.next_deadline(), Some(d));
    assert_eq!(b.advance(Ns(5_000_000)), Advance::Done);
    assert_eq!(b.now(), Ns(5_000_000));
    assert!(b.next_deadline().unwrap() > Ns(5_000_000));
}

#[test]
fn hostile_state_is_refused() {
    let mut b = bus(16);
    let mut s = Saver::new();
    b.save(&mut s);
    let bytes = s.finish();
    for n in (0..bytes.len()).step_by(97) {
        assert!(b.load(&mut Loader::new(&bytes[..n])).is_err());
    }
    for n in (0..bytes.len()).step_by(13) {
        let mut bad = bytes.clone();
        bad[n] ^= 0xff;
        let _ = b.load(&mut Loader::new(&bad));
        // Whatever was loaded, the machine stays usable.
        b.reset();
        let _ = b.read(Gpa(0x1be0_0000), 4);
        b.advance(Ns(1_000));
    }
}

#[test]
fn reset_request_from_the_board() {
    let mut b = bus(16);
    write(&mut b, 0x1f00_0500, 4, 0x42);
    assert_eq!(b.take_request(), Some(tinamou_core::MachineRequest::Reset));
    assert_eq!(b.take_request(), None);
}

#[test]
fn pci_devices_are_found_and_disks_answer() {
    let mut b = bus(16);
    open_windows(&mut b);
    b.set_disk(0, Some(Box::new(memory_disk(vec![0x5a; 1 << 20]))));
    b.reset();
    open_windows(&mut b);
    let id = |b: &mut Bus, devfn: u64| {
        write(b, 0x1be0_0cf8, 4, 0x8000_0000 | devfn << 8);
        read(b, 0x1be0_0cfc, 4)
    };
    let ids = [0, 0x50, 0x51, 0x52, 0x53, 0x58].map(|d| id(&mut b, d));
    assert_eq!(
        ids,
        [
            0x4620_11ab,
            0x7110_8086,
            0x7111_8086,
            0x7112_8086,
            0x7113_8086,
            0x2000_1022
        ]
    );
    assert_eq!(id(&mut b, 0x60), 0xffff_ffff);
    let io = 0x1800_0000;
    for (reg, v) in [(6, 0xe0), (2, 1), (3, 5), (4, 0), (5, 0), (7, 0x20)] {
        write(&mut b, io + 0x1f0 + reg, 1, v);
    }
    assert_eq!(read(&mut b, io + 0x3f6, 1) & 0x80, 0x80);
    save_and_load(&mut b);
    let d = b.next_deadline().unwrap();
    assert_eq!(b.advance(d), Advance::Done);
    assert_eq!(read(&mut b, io + 0x1f7, 1) & 0x88, 0x08);
    assert_eq!(read(&mut b, io + 0x1f0, 4), 0x5a5a_5a5a);
}

#[test]
fn soft_off() {
    let mut b = bus(16);
    open_windows(&mut b);
    for (addr, v) in [(0x8000_5340u64, 0x1000), (0x8000_5380, 1)] {
        write(&mut b, 0x1be0_0cf8, 4, addr);
        write(&mut b, 0x1be0_0cfc, 4, v);
    }
    write(&mut b, 0x1800_1004, 2, 0x2000);
    assert_eq!(
        b.take_request(),
        Some(tinamou_core::MachineRequest::Shutdown)
    );
}

#[test]
fn board_without_network() {
    let config = BoardConfig {
        ram_bytes: 16 << 20,
        nic: false,
        ..BoardConfig::default()
    };
    let mut b = malta::new(config, Box::new(VecRam::default())).unwrap();
    open_windows(&mut b);
    write(&mut b, 0x1be0_0cf8, 4, 0x8000_5800);
    assert_eq!(read(&mut b, 0x1be0_0cfc, 4), 0xffff_ffff);
    save_and_load(&mut b);
}

#[test]
fn random_accesses_do_no_harm() {
    let mut b = bus(16);
    b.set_disk(0, Some(Box::new(memory_disk(vec![0; 1 << 20]))));
    b.set_disk(2, Some(Box::new(memory_disk(vec![0; 1 << 20]))));
    b.reset();
    open_windows(&mut b);
    let mut x = 0x2545_f491_4f6c_dd1du64;
    let mut rnd = move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    for i in 0..300_000 {
        let (r, v) = (rnd(), rnd());
        let at = match r & 7 {
            0 => 0x1be0_0000 + (r >> 8) % 0x1000,
            1 => 0x1f00_0000 + (r >> 8) % 0x1000,
            2 => 0x1e00_0000 + (r >> 8) % 0x40_0000,
            3 => (r >> 8) % 0x2_0000_0000,
            // Configuration cycles to the devices that are there.
            4 => {
                let devfn = [0, 0x50, 0x51, 0x52, 0x53, 0x58][(v % 6) as usize];
                write(
                    &mut b,
                    0x1be0_0cf8,
                    4,
                    0x8000_0000 | devfn << 8 | (r >> 8) & 0xfc,
                );
                0x1be0_0cfc
            }
            5 => 0x1800_1000 + (r >> 8) % 0x200,
            _ => 0x1800_0000 + (r >> 8) % 0x500,
        };
        let size = 1u32 << (r >> 40 & 3);
        let at = at & !(u64::from(size) - 1);
        if r >> 44 & 1 == 0 {
            let _ = b.read(Gpa(at), size);
        } else {
            let _ = b.write(Gpa(at), size, v);
        }
        if i % 64 == 0 {
            b.advance(Ns(b.now().0 + 20_000));
            b.take_request();
            b.take_dma_writes();
            b.page(Gpa(at));
        }
        if i % 4096 == 0 {
            // The decoders may be anywhere by now.
            save_and_load(&mut b);
            b.reset();
            open_windows(&mut b);
        }
    }
}

/// Answers every frame after a while with its first byte plus one, and wants to be asked all the time.
struct Echo(Vec<(Ns, Vec<u8>)>);

impl NetBackend for Echo {
    fn send(&mut self, now: Ns, frame: &[u8]) {
        self.0.push((now + Ns(1000), vec![frame[0] + 1; 60]));
    }
    fn receive(&mut self, now: Ns) -> Option<Vec<u8>> {
        let due = self.0.first()?.0 <= now;
        due.then(|| self.0.remove(0).1)
    }
    fn next(&self) -> Option<Ns> {
        self.0.first().map(|_| Ns(0))
    }
    fn forget(&mut self) {
        self.0.clear();
    }
}

#[test]
fn networks_have_their_time() {
    let mut b = bus(32);
    b.set_net(0, Some(Box::new(Echo(Vec::new()))));
    assert_eq!(b.next_deadline(), None);
    b.net_output(0, &[7; 60]);
    assert_eq!(b.next_deadline(), Some(Ns(0)));
    // A back end that lies about its time costs some, but time goes on.
    assert_eq!(b.advance(Ns(1000)), Advance::Done);
    assert_eq!((b.now(), b.next_deadline()), (Ns(1000), None));
    b.net_output(0, &[7; 60]);
    save_and_load(&mut b);
    assert_eq!(b.next_deadline(), None, "connections are void");
    b.set_link(0, false);
    b.net_output(0, &[7; 60]);
    assert_eq!(b.next_deadline(), None, "no link, no frame");
    b.set_link(0, true);
    b.net_output(0, &[7; 60]);
    assert!(b.next_deadline().is_some());
    b.set_net(0, None);
    assert_eq!(b.next_deadline(), None);
}
