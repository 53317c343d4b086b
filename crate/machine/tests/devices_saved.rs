//! Every device of every board, in states that nobody thought of: pokes all over the address space, then save, load into a fresh
//! machine, save again. The bytes are the same, and so is what both machines become.

use tinamou_arena::Arena;
use tinamou_core::{Gpa, IO_SPACE, PhysBus};
use tinamou_hw::block::overlay::Overlay;
use tinamou_hw::block::raw::{Immediate, MemFile, Raw};
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::bus::Answers;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

/// Ports that a PC's devices have, beside all others now and then.
const PORTS: [u64; 24] = [
    0x00, 0x08, 0x20, 0x40, 0x60, 0x64, 0x70, 0x80, 0x92, 0xa0, 0xc0, 0x170, 0x1f0, 0x278, 0x2f8,
    0x376, 0x3b0, 0x3c0, 0x3d4, 0x3f0, 0x3f8, 0x4d0, 0x600, 0xcf8,
];

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn engine(arena: &Arena) -> Result<Box<dyn Engine>, String> {
    let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
    Ok(Box::new(engine))
}

/// A machine with a disk in each slot, and a guest that does nothing.
fn machine(target: &str) -> Machine {
    let mut config = Config::new(Config::target(target).unwrap());
    config.ram_bytes = 16 << 20;
    config.accel = Accel::Interp;
    config.counted = true;
    if target.starts_with("mips") {
        let image = format!(
            "{}/../../tests/lab/images/lab-{target}.elf",
            env!("CARGO_MANIFEST_DIR")
        );
        config.kernel = Some(std::fs::read(image).unwrap());
    } else {
        // Firmware that halts at once.
        config.bios = Some(vec![0xf4; 0x1_0000]);
        config.pc.floppies[1] = true;
        config.pc.virtio_disks = 2;
    }
    let mut m = Machine::new(&config, engine).unwrap();
    for slot in 0..m.bus().disk_sizes().len() as u32 {
        let image = Raw(MemFile(vec![slot as u8; 2880 * 512]));
        let disk = Immediate::new(Overlay::new(image));
        m.bus_mut().set_disk(slot, Some(Box::new(disk)));
    }
    m.reset();
    m
}

/// Pokes a device somewhere.
fn poke(m: &mut Machine, noise: &mut Noise, ports: bool) {
    let ranges = m.bus().map_ranges();
    let devices: Vec<_> = ranges
        .iter()
        .filter(|r| r.answers == Answers::Device)
        .collect();
    let at = match noise.below(4) {
        0 if ports => IO_SPACE.0 + noise.below(0x1_0000),
        1 | 2 if ports => IO_SPACE.0 + PORTS[noise.below(24) as usize] + noise.below(16),
        _ => {
            let range = devices[noise.below(devices.len() as u64) as usize];
            let bytes = (range.last - range.first).min(0xfff) + 1;
            range.first + noise.below(bytes)
        }
    };
    let size = [1, 2, 4][noise.below(3) as usize];
    let at = Gpa(at & !(size - 1));
    if noise.below(3) == 0 {
        let _ = m.bus_mut().read(at, size as u32);
    } else {
        let value = noise.next() >> noise.below(64);
        let _ = m.bus_mut().write(at, size as u32, value);
    }
}

fn go_on(m: &mut Machine, insns: u64) {
    if let SliceEnd::Halted { until_ns: Some(ns) } = m.run_slice(insns) {
        m.skip_to(ns);
    }
}

fn saves_and_loads(target: &str, seed: u64) {
    let mut noise = Noise(seed);
    let mut m = machine(target);
    for round in 0..25 {
        for _ in 0..noise.below(60) {
            poke(&mut m, &mut noise, !target.starts_with("mips"));
        }
        go_on(&mut m, noise.below(2000));
        let file = m.save(true).unwrap().bytes;
        let mut fresh = machine(target);
        let loaded = fresh.load(&file);
        assert_eq!(loaded, Ok(true), "{target}, seed {seed:#x}, round {round}");
        assert!(
            fresh.save(true).unwrap().bytes == file,
            "{target}, seed {seed:#x}, round {round}: another file"
        );
        for m in [&mut m, &mut fresh] {
            m.serial_input(0, b"x");
            go_on(m, 3000);
            go_on(m, 3000);
        }
        assert_eq!(
            fresh.state_hash(),
            m.state_hash(),
            "{target}, seed {seed:#x}, round {round}"
        );
    }
}

#[test]
fn malta() {
    saves_and_loads("mipsel", 0x5eed_0001);
    saves_and_loads("mips", 0x5eed_0002);
}

#[test]
fn pc() {
    for n in 0..3 {
        saves_and_loads("i386", 0x5eed_0100 + n);
    }
}
