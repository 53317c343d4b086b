//! A machine with the lab guest, snapshots of which are tested.

use tinamou_arena::Arena;
use tinamou_jit::engine::Engine;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};
use twox_hash::XxHash3_64;

pub const PREFIX_BYTES: usize = 24;

pub fn config(target: &str, accel: Accel) -> Config {
    let mut config = Config::new(Config::target(target).unwrap());
    let image = format!(
        "{}/../../tests/lab/images/lab-{target}.elf",
        env!("CARGO_MANIFEST_DIR")
    );
    config.kernel = Some(std::fs::read(image).unwrap());
    config.ram_bytes = 16 << 20;
    config.accel = accel;
    config.counted = true;
    config
}

pub fn engine(arena: &Arena) -> Result<Box<dyn Engine>, String> {
    let engine = WasmtimeEngine::new(arena, 1).map_err(|e| e.to_string())?;
    Ok(Box::new(engine))
}

pub fn machine(config: &Config) -> Machine {
    Machine::new(config, engine).unwrap()
}

/// Runs as a host with counted time does.
pub fn run(m: &mut Machine, insns: u64) {
    let end = m.icount() + insns;
    while m.icount() < end {
        match m.run_slice(end - m.icount()) {
            SliceEnd::Halted {
                until_ns: Some(until),
            } => m.skip_to(until),
            SliceEnd::Halted { until_ns: None } => return,
            SliceEnd::Budget => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The middle of the guest's own tests, with something typed.
pub fn somewhere(config: &Config) -> Machine {
    let mut m = machine(config);
    run(&mut m, 1_000_000);
    m.serial_input(0, b"help\r");
    run(&mut m, 345_678);
    m
}

/// Repeatable noise.
pub struct Noise(pub u64);

impl Noise {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

pub fn head_bytes(file: &[u8]) -> usize {
    u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize
}

/// Puts the head's checksum right, and with `state` the state's.
pub fn sign(file: &mut [u8], state: bool) {
    let head = PREFIX_BYTES..PREFIX_BYTES + head_bytes(file);
    if state {
        // The section `state`: kind, version, length, then the state's length and checksum.
        let kind = b"\x05state\x01\0\0\0\x0c\0\0\0";
        let windows = file[head.clone()].windows(kind.len());
        let at = head.start + windows.into_iter().position(|w| w == kind).unwrap() + kind.len();
        let bytes = u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let sum = XxHash3_64::oneshot(&file[head.end..head.end + bytes]);
        file[at + 4..at + 12].copy_from_slice(&sum.to_le_bytes());
    }
    let sum = XxHash3_64::oneshot(&file[head]);
    file[16..24].copy_from_slice(&sum.to_le_bytes());
}
