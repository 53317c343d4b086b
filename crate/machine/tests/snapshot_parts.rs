//! Snapshots of which parts are elsewhere: pages that are as in the machine's images, memory that comes while the machine runs, and cards that the
//! machine which loads it does not have.

#[allow(dead_code, reason = "each suite uses a part")]
mod lab_machine;

use std::cell::Cell;
use std::rc::Rc;

use lab_machine::*;
use tinamou_core::{Input, SECTOR_BYTES};
use tinamou_hw::block::raw::{Immediate, MemFile, Raw};
use tinamou_machine::bus::Card;
use tinamou_machine::snapshot::{Description, How, SnapshotError, Source};
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

/// A file that says how much of it was read, and that may end too early.
struct Slow {
    file: Vec<u8>,
    read: Rc<Cell<u64>>,
    /// Nothing behind it can be had.
    end: u64,
}

impl Source for Slow {
    fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), String> {
        if at + buf.len() as u64 > self.end {
            return Err("the line is dead".into());
        }
        self.read.set(self.read.get() + buf.len() as u64);
        self.file.read(at, buf)
    }
}

fn slow(file: &[u8], end: u64) -> (Box<Slow>, Rc<Cell<u64>>) {
    let read = Rc::new(Cell::new(0));
    let source = Slow {
        file: file.to_vec(),
        read: read.clone(),
        end,
    };
    (Box::new(source), read)
}

#[test]
fn pages_of_images_are_left_out() {
    let config = config("mipsel", Accel::Interp);
    let mut first = somewhere(&config);
    let whole = first.save(true).unwrap();
    let how = How {
        runs: true,
        without_images: true,
        ..How::default()
    };
    let saved = first.save_as(&how).unwrap();
    assert!(saved.image_pages > 5, "{}", saved.image_pages);
    assert_eq!(whole.pages, saved.pages + saved.image_pages);
    assert_eq!((whole.image_pages, whole.zero_pages), (0, saved.zero_pages));
    assert!(saved.bytes.len() < whole.bytes.len());
    // Both ways give the same machine, though its memory was written over meanwhile.
    for later in [false, true] {
        let mut m = machine(&config);
        run(&mut m, 3_000_000);
        m.bus_mut()
            .write_memory(tinamou_core::Gpa(0x10_0000), &[0x55; 9000]);
        let loaded = if later {
            m.load_from(Box::new(saved.bytes.clone()))
        } else {
            m.load(&saved.bytes)
        };
        assert_eq!(loaded, Ok(true));
        assert_eq!(m.state_hash(), first.state_hash());
        assert_eq!(m.save(true).unwrap().bytes, whole.bytes);
    }
    // Another kernel, another command line: refused by name, and nothing changes.
    let mut other = config.clone();
    other.append = "two".into();
    let mut m = machine(&other);
    let before = m.state_hash();
    for later in [false, true] {
        let loaded = if later {
            m.load_from(Box::new(saved.bytes.clone()))
        } else {
            m.load(&saved.bytes)
        };
        let error = loaded.unwrap_err();
        assert!(matches!(error, SnapshotError::Image { .. }), "{error}");
        assert!(error.to_string().contains("needs the same kernel"));
        assert_eq!(m.state_hash(), before);
    }
    m.load(&whole.bytes).unwrap();
}

/// Loads the file piece by piece as the machine runs, and compares with one that was loaded at once.
fn runs_as_if_it_were_there(config: &Config, file: &[u8]) {
    let mut first = machine(config);
    first.load(file).unwrap();
    let (source, read) = slow(file, u64::MAX);
    let mut second = machine(config);
    assert_eq!(second.load_from(source), Ok(true));
    let begun = read.get();
    assert!(begun < file.len() as u64 / 2, "{begun} of {}", file.len());
    for (n, insns) in [1, 1000, 50_000, 400_000].into_iter().enumerate() {
        for m in [&mut first, &mut second] {
            m.serial_input(0, b"info\r");
            run(m, insns);
            assert_eq!(m.take_serial_output(0).is_empty(), n == 0);
        }
        assert_eq!(second.icount(), first.icount());
    }
    let wanted = read.get();
    assert!(wanted > begun && wanted < file.len() as u64);
    let left = second.fetch(1);
    assert!(left > 0 && second.fetch(left / 2) < left);
    assert_eq!(second.fetch(u64::MAX), 0);
    assert_eq!(read.get(), file.len() as u64);
    assert_eq!(second.state_hash(), first.state_hash());
    assert_eq!(
        second.save(true).unwrap().bytes,
        first.save(true).unwrap().bytes
    );
}

#[test]
fn memory_comes_while_the_machine_runs() {
    for (target, accel) in [
        ("mipsel", Accel::Interp),
        ("mips", Accel::Interp),
        ("mipsel", Accel::Jit),
    ] {
        let config = config(target, accel);
        let file = somewhere(&config).save(true).unwrap().bytes;
        runs_as_if_it_were_there(&config, &file);
    }
}

#[test]
fn what_does_not_come_stops_the_machine() {
    let config = config("mipsel", Accel::Interp);
    let file = somewhere(&config).save(true).unwrap().bytes;
    let (source, read) = slow(&file, u64::MAX);
    let mut m = machine(&config);
    m.load_from(source).unwrap();
    // Head and state come; of memory nothing does.
    let (source, _) = slow(&file, read.get());
    m.load_from(source).unwrap();
    m.serial_input(0, b"x\r");
    assert_eq!(m.run_slice(1_000_000), SliceEnd::Panic);
    assert_eq!(m.run_slice(1_000_000), SliceEnd::Panic);
    let errors = m.take_guest_errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].ends_with("the line is dead"), "{errors:?}");
    let error = m.save(true).unwrap_err();
    assert_eq!(error, SnapshotError::Source("the line is dead".into()));
    // What is loaded then is a machine again.
    m.load(&file).unwrap();
    run(&mut m, 1000);
    // Less than head and state are refused, and change nothing.
    let before = m.state_hash();
    for end in [0, 10, 24, 100, read.get() - 1] {
        let (source, _) = slow(&file, end);
        let error = m.load_from(source).unwrap_err();
        assert_eq!(error, SnapshotError::Source("the line is dead".into()));
        assert_eq!(m.state_hash(), before);
    }
}

#[test]
fn damage_is_found_before_or_stops_the_machine() {
    let config = config("mipsel", Accel::Interp);
    let mut first = somewhere(&config);
    let file = first.save(true).unwrap().bytes;
    let hash = first.state_hash();
    let mut noise = Noise(0x1357_9bdf_0246_8ace);
    let mut m = machine(&config);
    let mut ends = [0; 3];
    for round in 0..250 {
        let mut bad = file.clone();
        let at = noise.below(file.len());
        bad[at] ^= 1 << noise.below(8);
        if round % 3 == 0 {
            // A head that lies, with a checksum.
            let at = 24 + noise.below(head_bytes(&file));
            bad = file.clone();
            bad[at] = noise.below(256) as u8;
            sign(&mut bad, false);
        } else if round % 3 == 1 {
            bad.truncate(at);
        }
        let before = m.state_hash();
        match m.load_from(Box::new(bad.clone())) {
            Err(_) => {
                assert_eq!(m.state_hash(), before);
                ends[0] += 1;
            }
            Ok(_) => {
                m.run_slice(2000);
                if m.fetch(u64::MAX) == 0 && m.run_slice(1) == SliceEnd::Panic {
                    ends[1] += 1;
                } else {
                    ends[2] += 1;
                }
                m.load(&file).unwrap();
                assert_eq!(m.state_hash(), hash);
            }
        }
    }
    assert!(ends.iter().all(|n| *n > 0), "{ends:?}");
}

const CARDS: [Card; 10] = [
    Card::E1000([2, 0, 0, 0, 0, 1]),
    Card::Rtl8139([2, 0, 0, 0, 0, 2]),
    Card::Ne2000([2, 0, 0, 0, 0, 3]),
    Card::Pcnet([2, 0, 0, 0, 0, 4]),
    Card::VirtioNet([2, 0, 0, 0, 0, 5]),
    Card::VirtioRng(7),
    Card::VirtioBalloon,
    Card::I6300esb,
    Card::Pvpanic,
    Card::VirtioBlk,
];

fn plug(m: &mut Machine, card: Card) -> u8 {
    let place = m.bus().free_place(None).unwrap();
    if card == Card::VirtioBlk {
        put_disk(m, place.disk);
    }
    m.bus_mut().plug(place.slot, card).unwrap();
    place.slot
}

fn put_disk(m: &mut Machine, slot: u32) {
    let disk = Raw(MemFile(vec![3; 40 * SECTOR_BYTES as usize]));
    m.bus_mut()
        .set_disk(slot, Some(Box::new(Immediate::new(disk))));
}

fn pc() -> Config {
    let mut config = Config::new(Config::target("i386").unwrap());
    config.ram_bytes = 16 << 20;
    config.bios = Some(vec![0xf4; 65536]);
    config.accel = Accel::Interp;
    config.counted = true;
    config
}

#[test]
fn cards_are_made_again() {
    for config in [config("mipsel", Accel::Interp), pc()] {
        for card in CARDS {
            let mut first = machine(&config);
            let slot = plug(&mut first, card);
            // Something that only this card has in its configuration: its command register and a latency.
            first.bus_mut().host_input(|| Input::PowerButton);
            run_a_bit(&mut first);
            let file = first.save(false).unwrap().bytes;
            let mut bare = machine(&config);
            let other = CARDS
                .into_iter()
                .find(|c| *c != card && *c != Card::VirtioBlk);
            let mut replaced = machine(&config);
            plug(&mut replaced, other.unwrap());
            let mut same = machine(&config);
            plug(&mut same, card);
            for (n, m) in [&mut bare, &mut replaced, &mut same]
                .into_iter()
                .enumerate()
            {
                if card == Card::VirtioBlk && n < 2 {
                    let error = m.load(&file).unwrap_err().to_string();
                    assert!(error.contains("set of disks"), "{error}");
                    put_disk(m, 8);
                }
                run_a_bit(m);
                assert_eq!(m.load(&file), Ok(false), "{card:?}");
                assert_eq!(m.save(false).unwrap().bytes, file, "{card:?}");
                assert!(m.bus().pci_slot_in_use(slot));
                let id = first.bus_mut().pci_config(slot << 3, 0, 4);
                assert_eq!(m.bus_mut().pci_config(slot << 3, 0, 4), id, "{card:?}");
                assert_ne!(id, u32::MAX);
            }
            // The other way: a machine without cards has none.
            let without = machine(&config).save(false).unwrap().bytes;
            if card != Card::VirtioBlk {
                same.load(&without).unwrap();
                assert!(!same.bus().pci_slot_in_use(slot));
                assert_eq!(same.save(false).unwrap().bytes, without, "{card:?}");
            }
        }
    }
}

fn run_a_bit(m: &mut Machine) {
    m.run_slice(1000);
}

#[test]
fn cards_that_cannot_be_are_refused() {
    let config = config("mipsel", Accel::Interp);
    let mut first = machine(&config);
    plug(&mut first, Card::E1000([2, 0, 0, 0, 0, 1]));
    plug(&mut first, Card::VirtioRng(9));
    let file = first.save(false).unwrap().bytes;
    // The section `cards`: slots and kinds are forged.
    let kind = b"\x05cards\x01\0\0\0";
    let at = file.windows(kind.len()).position(|w| w == kind).unwrap() + kind.len() + 8;
    let mut m = machine(&config);
    let slot = plug(&mut m, Card::VirtioBalloon);
    let before = m.save(false).unwrap().bytes;
    for byte in 0..=255 {
        for place in [at, at + 1, at + 8, at + 9] {
            let mut forged = file.clone();
            forged[place] = byte;
            sign(&mut forged, false);
            match m.load(&forged) {
                Ok(_) => m.load(&before).map(drop).unwrap(),
                Err(_) => assert!(m.bus().pci_slot_in_use(slot)),
            }
            assert_eq!(m.save(false).unwrap().bytes, before, "{place} {byte}");
        }
    }
}

#[test]
fn notes_come_back() {
    let config = config("mipsel", Accel::Interp);
    let mut m = machine(&config);
    m.set_notes("{\"cards\":[]}".into());
    let mut file = m.save(false).unwrap().bytes;
    assert_eq!(Description::of(&file).unwrap().notes, "{\"cards\":[]}");
    let described = Description::of_source(&mut file).unwrap();
    assert_eq!(described, Description::of(&file).unwrap());
    machine(&config).load(&file).unwrap();
}
