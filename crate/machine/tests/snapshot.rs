//! Snapshots of a machine that runs the lab guest: the same bytes when saved again, the same state when run on, in both tiers; and
//! files that are not what they should be, which are refused and change nothing.

use tinamou_core::BlockBackend;
use tinamou_hw::block::overlay::Overlay;
use tinamou_hw::block::raw::{Immediate, MemFile, Raw};
use tinamou_machine::snapshot::SnapshotError;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

#[allow(dead_code, reason = "each suite uses a part")]
mod lab_machine;

use lab_machine::*;

#[test]
fn run_save_load_run_is_run_run() {
    for (target, accel) in [
        ("mipsel", Accel::Interp),
        ("mips", Accel::Interp),
        ("mipsel", Accel::Jit),
    ] {
        let config = config(target, accel);
        let mut first = somewhere(&config);
        let file = first.save(true).unwrap().bytes;
        let mut second = machine(&config);
        assert_eq!(second.load(&file), Ok(true), "{target}");
        assert_eq!(second.save(true).unwrap().bytes, file, "{target}");
        assert_eq!(second.state_hash(), first.state_hash(), "{target}");
        // A machine that has run, and compiled, something else.
        let mut third = machine(&config);
        run(&mut third, 3_000_000);
        assert_eq!(third.load(&file), Ok(true), "{target}");
        for m in [&mut first, &mut second, &mut third] {
            m.take_serial_output(0);
            m.serial_input(0, b"x\r");
            run(m, 3_000_000);
        }
        let said = first.take_serial_output(0);
        for m in [&mut second, &mut third] {
            assert_eq!(m.icount(), first.icount(), "{target}");
            assert_eq!(m.state_hash(), first.state_hash(), "{target}");
            assert_eq!(m.take_serial_output(0), said, "{target}");
        }
    }
}

#[test]
fn tiers_exchange_snapshots() {
    let mut jit = somewhere(&config("mipsel", Accel::Jit));
    let file = jit.save(false).unwrap().bytes;
    let mut interp = machine(&config("mipsel", Accel::Interp));
    assert_eq!(interp.load(&file), Ok(false));
    run(&mut jit, 2_000_000);
    run(&mut interp, 2_000_000);
    assert_eq!(
        interp.save(false).unwrap().bytes,
        jit.save(false).unwrap().bytes
    );
}

#[test]
fn zeros_are_left_out() {
    let mut m = somewhere(&config("mipsel", Accel::Interp));
    let saved = m.save(false).unwrap();
    let bytes: u64 = m.bus().blocks().iter().map(|b| b.bytes).sum();
    assert_eq!((saved.pages + saved.zero_pages) * 4096, bytes);
    assert!(saved.bytes.len() < 1 << 20, "{}", saved.bytes.len());
}

#[test]
fn another_machine_refuses() {
    let file = somewhere(&config("mipsel", Accel::Interp))
        .save(false)
        .unwrap()
        .bytes;
    let other = |target: &str, change: &dyn Fn(&mut Config)| {
        let mut config = config(target, Accel::Interp);
        change(&mut config);
        let mut m = machine(&config);
        let before = m.state_hash();
        let error = m.load(&file).unwrap_err().to_string();
        assert_eq!(m.state_hash(), before);
        error
    };
    for (got, want) in [
        (
            other("mips", &|_| {}),
            "the snapshot's target is mipsel, this machine's is mips",
        ),
        (
            other("mipsel", &|c| c.ram_bytes = 32 << 20),
            "the snapshot's RAM is 16777216 bytes, this machine's is 33554432 bytes",
        ),
        (
            other("mipsel", &|c| c.cpu = "4Kc".into()),
            "the snapshot's CPU is 24Kf, this machine's is 4Kc",
        ),
        (
            other("mipsel", &|c| c.nic = false),
            "the snapshot's network interface is there, this machine's is left out",
        ),
        (
            other("mipsel", &|c| c.counted = false),
            "the snapshot's clock is counted instructions (-icount 1), this machine's is real time",
        ),
    ] {
        assert_eq!(got, want);
    }
}

#[test]
fn damage_is_found_and_changes_nothing() {
    let config = config("mipsel", Accel::Interp);
    let file = somewhere(&config).save(false).unwrap().bytes;
    let mut m = machine(&config);
    run(&mut m, 100_000);
    let before = m.state_hash();
    assert_eq!(m.load(b"#!/bin/sh"), Err(SnapshotError::Magic));
    let mut newer = file.clone();
    newer[8] = 7;
    assert_eq!(
        m.load(&newer).unwrap_err().to_string(),
        "the snapshot has format version 7, this program reads version 3"
    );
    let mut longer = file.clone();
    longer.push(0);
    assert_eq!(m.load(&longer), Err(SnapshotError::Trailing));
    let mut noise = Noise(0x2545_f491_4f6c_dd1d);
    for _ in 0..150 {
        let cut = noise.below(file.len());
        assert!(m.load(&file[..cut]).is_err(), "cut at {cut}");
        let mut flipped = file.clone();
        let (at, bit) = (noise.below(file.len()), noise.below(8));
        flipped[at] ^= 1 << bit;
        assert!(m.load(&flipped).is_err(), "bit {bit} of byte {at}");
    }
    assert_eq!(m.state_hash(), before);
    m.load(&file).unwrap();
}

/// Files whose checksums are right and whose contents are not.
#[test]
fn forged_heads_are_refused_or_loaded_whole() {
    let config = config("mipsel", Accel::Interp);
    let file = somewhere(&config).save(false).unwrap().bytes;
    let mut m = machine(&config);
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for _ in 0..300 {
        let before = m.state_hash();
        let mut forged = file.clone();
        let at = PREFIX_BYTES + noise.below(head_bytes(&file));
        forged[at] = noise.below(256) as u8;
        sign(&mut forged, false);
        match m.load(&forged) {
            Ok(_) => assert!(
                m.save(false).unwrap().bytes == forged || forged == file,
                "byte {at}"
            ),
            Err(_) => assert_eq!(m.state_hash(), before, "byte {at}"),
        }
    }
}

#[test]
fn forged_states_are_refused_or_run() {
    let config = config("mipsel", Accel::Interp);
    let file = somewhere(&config).save(false).unwrap().bytes;
    let state = PREFIX_BYTES + head_bytes(&file);
    let mut m = machine(&config);
    let bytes = {
        let kind = b"\x05state\x01\0\0\0\x0c\0\0\0";
        let at = file.windows(kind.len()).position(|w| w == kind).unwrap() + kind.len();
        u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize
    };
    let mut noise = Noise(0x1234_5678_9abc_def1);
    let mut loaded = 0;
    for round in 0..600 {
        let mut forged = file.clone();
        let at = state + noise.below(bytes);
        forged[at] = match round % 3 {
            0 => 0xff,
            1 => forged[at] ^ 1 << noise.below(8),
            _ => noise.below(256) as u8,
        };
        sign(&mut forged, true);
        if m.load(&forged).is_ok() {
            loaded += 1;
            // Whatever it is now, it is a machine.
            for _ in 0..3 {
                if let SliceEnd::Halted { until_ns: Some(ns) } = m.run_slice(2000) {
                    m.skip_to(ns);
                }
            }
            m.reset();
            m.run_slice(1000);
        }
    }
    assert!(loaded > 0);
    m.load(&file).unwrap();
}

/// A disk of noise, over which things are written (`-snapshot`) or which is itself written.
fn disk(over: bool) -> Box<dyn BlockBackend> {
    let mut noise = Noise(0x0dd_5eed);
    let bytes = (0..200 * 512 + 3 * 65536).map(|_| noise.below(256) as u8);
    let mut bytes: Vec<u8> = bytes.collect();
    bytes[65536..3 * 65536].fill(0);
    let raw = Raw(MemFile(bytes));
    if over {
        Box::new(Immediate::new(Overlay::new(raw)))
    } else {
        Box::new(Immediate::new(raw))
    }
}

fn with_disk(over: bool) -> Machine {
    let mut m = machine(&config("mipsel", Accel::Interp));
    m.bus_mut().set_disk(0, Some(disk(over)));
    m.reset();
    m
}

/// All that is on a machine's disk.
fn contents(m: &mut Machine) -> Vec<u8> {
    let sectors = m.bus().disk_sizes()[0].unwrap();
    let mut all = vec![0; sectors as usize * 512];
    m.bus_mut().read_disk(0, 0, &mut all).unwrap();
    all
}

#[test]
fn disks_are_saved() {
    for (from, to) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut first = with_disk(from);
        run(&mut first, 500_000);
        let sectors = first.bus().disk_sizes()[0].unwrap();
        for (lba, byte) in [(0, 1), (9, 0), (200, 0), (400, 7), (sectors - 1, 3)] {
            first.bus_mut().write_disk(0, lba, &[byte; 512]).unwrap();
        }
        // The image's first page is part of what is written over it.
        let file = first.save(true).unwrap().bytes;
        if from {
            assert!(file.len() < 100_000, "{}", file.len());
        }
        let mut second = with_disk(to);
        second.bus_mut().write_disk(0, 300, &[9; 512]).unwrap();
        if from && !to {
            // What was written here cannot be taken back.
            second = with_disk(to);
        }
        assert_eq!(second.load(&file), Ok(true), "{from} {to}");
        assert_eq!(contents(&mut second), contents(&mut first), "{from} {to}");
        if from == to {
            assert_eq!(second.save(true).unwrap().bytes, file);
        }
    }
}

#[test]
fn disks_that_do_not_fit_are_refused() {
    let mut first = with_disk(true);
    first.bus_mut().write_disk(0, 40, &[1; 512]).unwrap();
    let file = first.save(false).unwrap().bytes;
    let mut without = machine(&config("mipsel", Accel::Interp));
    let error = without.load(&file).unwrap_err().to_string();
    assert!(
        error.starts_with("the snapshot's set of disks is"),
        "{error}"
    );
    let mut other = with_disk(false);
    other.bus_mut().write_disk(0, 0, &[1; 512]).unwrap();
    let before = (contents(&mut other), other.state_hash());
    let error = other.load(&file).unwrap_err().to_string();
    assert_eq!(
        error,
        "the disk in slot 0: it was written over another image"
    );
    assert_eq!((contents(&mut other), other.state_hash()), before);
    // Damage changes nothing either.
    let mut noise = Noise(0x5eed_d15c);
    let mut m = with_disk(true);
    let before = (contents(&mut m), m.state_hash());
    for _ in 0..100 {
        let mut bad = file.clone();
        let (at, bit) = (noise.below(file.len()), noise.below(8));
        bad[at] ^= 1 << bit;
        if noise.below(4) == 0 {
            bad.truncate(at);
        }
        assert!(m.load(&bad).is_err());
        let mut forged = file.clone();
        let at = PREFIX_BYTES + noise.below(head_bytes(&file));
        forged[at] = noise.below(256) as u8;
        sign(&mut forged, false);
        if m.load(&forged).is_ok() {
            m.load(&empty_disk_file()).unwrap();
        }
        assert_eq!((contents(&mut m), m.state_hash()), before);
    }
}

/// A machine with nothing written.
fn empty_disk_file() -> Vec<u8> {
    with_disk(true).save(false).unwrap().bytes
}
