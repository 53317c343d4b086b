//! Snapshots of Debian's kernels in the middle of their boot: saved, loaded and saved again they are the same bytes, and a machine that
//! was loaded runs on as the one that was saved does, by state hash and by what the guest says. The kernels are those of
//! `tests/guests/fetch.sh`; a guest that was not fetched is left out.

#[allow(dead_code, reason = "each suite uses a part")]
mod lab_machine;

use std::path::PathBuf;

use lab_machine::{machine, run};
use tinamou_machine::snapshot::How;
use tinamou_machine::{Config, Machine};

fn guests() -> PathBuf {
    match std::env::var_os("GUESTS_DIR") {
        Some(folder) => folder.into(),
        None => concat!(env!("CARGO_MANIFEST_DIR"), "/../../build/guests").into(),
    }
}

fn config(target: &str, ram_mib: u64) -> Option<Config> {
    let image = |name: &str| std::fs::read(guests().join(target).join(name)).ok();
    let mut config = Config::new(Config::target(target)?);
    config.kernel = Some(image("vmlinux")?);
    config.initrd = Some(image("initrd.gz")?);
    config.append = "console=ttyS0 panic=-1".into();
    config.ram_bytes = ram_mib << 20;
    config.counted = true;
    Some(config)
}

/// Instructions between the kernel's first words and the snapshot, at most, and behind it.
const INSNS: u64 = 60_000_000;

/// Runs until the kernel speaks, saves, and runs on here and in machines that were loaded.
fn resumes(target: &str) {
    let Some(config) = config(target, 128) else {
        println!("{target}: left out, there is no such guest");
        return;
    };
    let mut first = machine(&config);
    while first.take_serial_output(0).is_empty() {
        assert!(first.icount() < 3_000_000_000, "{target} says nothing");
        run(&mut first, INSNS);
    }
    let whole = first.save(true).unwrap();
    let how = How {
        runs: true,
        without_images: true,
        ..How::default()
    };
    let partly = first.save_as(&how).unwrap();
    println!(
        "{target} at {} M instructions: {} KiB, {} without {} pages of images",
        first.icount() / 1_000_000,
        whole.bytes.len() >> 10,
        partly.bytes.len() >> 10,
        partly.image_pages
    );
    assert!(partly.bytes.len() < whole.bytes.len());
    let hash = first.state_hash();
    let mut second = machine(&config);
    second.load(&whole.bytes).unwrap();
    assert!(second.save(true).unwrap().bytes == whole.bytes);
    // Memory comes when it is wanted, but for what the images have.
    let mut third = machine(&config);
    third.load_from(Box::new(partly.bytes.clone())).unwrap();
    let ends = |m: &mut Machine| {
        run(m, INSNS);
        (m.icount(), m.take_serial_output(0))
    };
    let said = ends(&mut first);
    assert!(!said.1.is_empty());
    for m in [&mut second, &mut third] {
        assert!(ends(m) == said, "{target}");
        assert_eq!(m.state_hash(), first.state_hash(), "{target}");
    }
    // Back in a machine that has run something else since.
    second.load(&partly.bytes).unwrap();
    assert_eq!(second.state_hash(), hash, "{target}");
}

#[test]
fn debian_on_malta_goes_on() {
    resumes("mipsel");
}

#[test]
fn debian_on_a_pc_goes_on() {
    resumes("i386");
}
