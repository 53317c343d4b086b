//! The lab guest under the stub, packet by packet, in both tiers. Packets marked QEMU were asked of QEMU 7.2's stub
//! (`qemu-system-mipsel -M malta -cpu 24Kf -kernel tests/lab/images/lab-mipsel.elf -S -gdb tcp::4441`), with the same answers.

use object::{Object, ObjectSymbol};
use tinamou_jit::Tuning;
use tinamou_jit::engine::wasmtime::WasmtimeEngine;
use tinamou_machine::{Accel, Config, Machine, SliceEnd};

use super::packet::{escape, hex};
use super::{Debuggee, Stub, Target};

/// More than any test needs between two stops.
const MAX_SLICES: u32 = 1000;

fn repository(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Address of a function or variable of the lab guest.
fn symbol(arch: &str, name: &str) -> u64 {
    let image = repository(&format!("tests/gdb/symbols/lab-{arch}.debug"));
    let file = object::File::parse(&*image).unwrap();
    let symbol = file.symbols().find(|s| s.name() == Ok(name)).unwrap();
    symbol.address() & 0xffff_ffff
}

fn machine(arch: &str, accel: Accel) -> Machine {
    let mut config = Config::new(Config::target(arch).unwrap());
    config.ram_bytes = 16 << 20;
    if arch.starts_with("mips") {
        let wide = arch.starts_with("mips64");
        config.cpu = if wide { "MIPS64R2-generic" } else { "24Kf" }.into();
        let image = arch.replace("64", "");
        config.kernel = Some(repository(&format!("tests/lab/images/lab-{image}.elf")));
    } else {
        config.kernel = Some(repository(&format!("tests/gdb/images/pc-{arch}.elf")));
    }
    config.accel = accel;
    config.tuning = Tuning {
        batch: 4,
        ..Tuning::eager(8)
    };
    Machine::new(&config, |arena| {
        let engine = WasmtimeEngine::synchronous(arena).map_err(|e| e.to_string())?;
        Ok(Box::new(engine))
    })
    .unwrap()
}

struct Bench {
    machine: Machine,
    running: bool,
    quit: bool,
    said: Vec<u8>,
}

impl Debuggee for Bench {
    fn target(&mut self) -> &mut dyn Target {
        &mut self.machine
    }
    fn set_running(&mut self, running: bool) {
        self.running = running;
    }
    fn monitor(&mut self, line: &str) -> Option<String> {
        Some(format!("you said {line}\n"))
    }
    fn quit(&mut self) {
        self.quit = true;
    }
}

/// A client, its stub and a machine.
struct Session {
    stub: Stub,
    bench: Bench,
    raw: Vec<u8>,
}

fn framed(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0u8, |s, b| s.wrapping_add(*b));
    [&b"$"[..], body, format!("#{sum:02x}").as_bytes()].concat()
}

impl Session {
    fn new(arch: &str, accel: Accel) -> Session {
        let mut s = Session {
            stub: Stub::default(),
            bench: Bench {
                machine: machine(arch, accel),
                running: false,
                quit: false,
                said: Vec::new(),
            },
            raw: Vec::new(),
        };
        s.stub.attach(&mut s.bench);
        s.ask("qSupported:multiprocess+;xmlRegisters=mips");
        s
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stub.receive(&mut self.bench, bytes);
        self.raw.extend(self.stub.take_output());
    }

    /// The next packet of the stub, if there is one; acknowledgements are dropped.
    fn packet(&mut self) -> Option<String> {
        let start = self.raw.iter().position(|&b| b == b'$')?;
        let end = start + self.raw[start..].iter().position(|&b| b == b'#')?;
        let body = String::from_utf8_lossy(&self.raw[start + 1..end]).into_owned();
        self.raw.drain(..end + 3);
        Some(body)
    }

    fn ask_bytes(&mut self, body: &[u8]) -> String {
        self.send(&framed(body));
        self.packet().expect("an answer")
    }

    fn ask(&mut self, body: &str) -> String {
        self.ask_bytes(body.as_bytes())
    }

    /// Lets the machine run until the stub says something.
    fn wait(&mut self) -> String {
        for _ in 0..MAX_SLICES {
            self.raw.extend(self.stub.take_output());
            if let Some(packet) = self.packet() {
                return packet;
            }
            let end = self.slice();
            assert_ne!(end, SliceEnd::Panic);
        }
        let said = String::from_utf8_lossy(&self.bench.said);
        panic!("it never stopped: {said}");
    }

    fn slice(&mut self) -> SliceEnd {
        let end = self.stub.run(&mut self.bench.machine, 100_000);
        self.stub.ended(&mut self.bench, end);
        let new = self.bench.machine.take_serial_output(0);
        self.bench.said.extend(new);
        if let SliceEnd::Halted { until_ns: Some(ns) } = end {
            self.bench.machine.skip_to(ns);
        }
        end
    }

    fn run_until(&mut self, text: &str) {
        for _ in 0..MAX_SLICES {
            if String::from_utf8_lossy(&self.bench.said).contains(text) {
                return;
            }
            self.slice();
        }
        panic!("it never said {text}");
    }

    fn run_to(&mut self, icount: u64) {
        for _ in 0..MAX_SLICES {
            if self.bench.machine.icount() >= icount {
                return;
            }
            self.slice();
        }
        panic!(
            "it stands still: {}",
            String::from_utf8_lossy(&self.bench.said)
        );
    }

    /// Resumes, and waits for the stop.
    fn go(&mut self, body: &str) -> String {
        self.send(&framed(body.as_bytes()));
        self.wait()
    }

    fn pc(&mut self) -> u64 {
        self.register(0x25)
    }

    fn register(&mut self, n: u32) -> u64 {
        let text = self.ask(&format!("p{n:x}"));
        let v = u32::from_str_radix(&text, 16).unwrap();
        let swapped = self.bench.machine.register(4).is_some() && self.little();
        if swapped { v.swap_bytes() } else { v }.into()
    }

    fn little(&mut self) -> bool {
        let pc = self.bench.machine.pc() as u32;
        let number = self.bench.machine.debug_description().unwrap().pc;
        self.bench.machine.register(number).unwrap() == pc.to_le_bytes()
    }

    /// Types a line at the guest's first prompt.
    fn type_line(&mut self, line: &str) {
        let mut slices = 0;
        while !self.bench.said.ends_with(b"lab> ") {
            self.bench.machine.run_slice(50_000);
            let new = self.bench.machine.take_serial_output(0);
            self.bench.said.extend(new);
            slices += 1;
            assert!(slices < MAX_SLICES);
        }
        self.bench
            .machine
            .serial_input(0, format!("{line}\r").as_bytes());
    }
}

fn both(check: impl Fn(&str, Accel)) {
    for arch in ["mipsel", "mips"] {
        for accel in [Accel::Interp, Accel::Jit] {
            check(arch, accel);
        }
    }
}

#[test]
fn questions_are_answered_as_qemu_does() {
    let mut s = Session::new("mipsel", Accel::Interp);
    for (packet, answer) in [
        ("Hg0", "OK"),
        ("?", "T05thread:p01.01;"),
        ("qC", "QCp01.01"),
        ("qAttached:1", "1"),
        ("qfThreadInfo", "mp01.01"),
        ("qsThreadInfo", "l"),
        ("qThreadExtraInfo,p1.1", "4350552330205b72756e6e696e675d"),
        ("qTStatus", ""),
        ("vCont?", "vCont;c;C;s;S"),
        ("qqemu.sstepbits", "ENABLE=1,NOIRQ=2,NOTIMER=4"),
        ("qqemu.sstep", "0x7"),
        ("Qqemu.sstep=5", "OK"),
        ("qqemu.sstep", "0x5"),
        ("Qqemu.sstep=0x7", "OK"),
        ("qqemu.PhyMemMode", "0"),
        ("Qqemu.PhyMemMode:1", "OK"),
        ("m100000,10", "00608040c00000000068804000908040"),
        ("Qqemu.PhyMemMode:0", "OK"),
        ("m80100000,10", "00608040c00000000068804000908040"),
        ("m80100000,0", ""),
        ("m0,4", "00000000"),
        ("m", "E22"),
        ("M80500000,2:1234", "OK"),
        ("m80500000,4", "12340000"),
        ("Z0,80100000,4", "OK"),
        ("Z1,80100000,4", "OK"),
        ("z0,80100000,4", "OK"),
        ("z1,80100000,4", "OK"),
        ("z0,80100000,4", "E22"),
        ("Z5,80100000,4", ""),
        ("Z2,80500000,4", "OK"),
        ("z2,80500000,4", "OK"),
        ("z2,80500000,4", "E22"),
        ("Hc-1", "OK"),
        ("Hg5", "E22"),
        ("Hgp1.1", "OK"),
        ("T1", "OK"),
        ("T5", "E22"),
        ("Tp1.1", "OK"),
        ("vMustReplyEmpty", ""),
        ("!", "OK"),
    ] {
        assert_eq!(s.ask(packet), answer, "{packet}");
    }
    // Not as QEMU 7.2, which has no such packets: nothing (it would say `E22` to the first).
    for packet in ["bs", "qSymbol::", "qOffsets", "j"] {
        assert_eq!(s.ask(packet), "", "{packet}");
    }
}

#[test]
fn registers_have_a_description_that_fits_them() {
    both(|arch, accel| {
        let mut s = Session::new(arch, accel);
        let first = s.ask("qXfer:features:read:target.xml:0,100");
        assert!(first.starts_with("m<?xml"), "{first}");
        let mut xml = String::new();
        loop {
            let at = xml.len();
            let piece = s.ask(&format!("qXfer:features:read:target.xml:{at:x},3ff"));
            xml += &piece[1..];
            if piece.starts_with('l') {
                break;
            }
        }
        for feature in ["cpu", "cp0", "fpu"] {
            assert!(xml.contains(&format!("org.gnu.gdb.mips.{feature}")));
        }
        let registers = xml.matches("<reg ").count();
        assert_eq!(s.ask("g").len(), registers * 8);
        assert_eq!(s.pc(), 0xbfc0_0000);
        // Status at reset, as QEMU's `g` shows it.
        assert_eq!(s.register(0x20), 0x0040_0004);
        let value = if s.little() { "78563412" } else { "12345678" };
        assert_eq!(s.ask(&format!("P2={value}")), "OK");
        assert_eq!(s.register(2), 0x1234_5678);
        assert_eq!(s.ask("P2=00"), "E22");
        assert_eq!(s.ask("P0=11111111"), "OK");
        assert_eq!(s.register(0), 0);
        let all = s.ask("g");
        assert_eq!(s.ask(&format!("G{all}")), "OK");
        assert_eq!(s.ask("g"), all);
        assert_eq!(s.ask("pffff"), "E14");
    });
}

#[test]
fn breakpoints_and_steps() {
    both(|arch, accel| {
        let mut s = Session::new(arch, accel);
        let monitor = symbol(arch, "monitor");
        let same = symbol(arch, "same");
        for point in [format!("Z0,{monitor:x},4"), format!("Z1,{same:x},4")] {
            assert_eq!(s.ask(&point), "OK");
        }
        assert_eq!(s.go("vCont;c"), "T05thread:p01.01;");
        assert_eq!(s.pc(), monitor);
        // From a breakpoint it goes on, and steps.
        assert_eq!(s.go("vCont;s:p1.1;c:p1.-1"), "T05thread:p01.01;");
        assert_eq!(s.pc(), monitor + 4);
        s.ask(&format!("z1,{same:x},4"));
        s.type_line("nonsense");
        s.ask(&format!("Z1,{same:x},4"));
        let mut calls = 0;
        let mut counts = Vec::new();
        // `same` is called once for each command that the line could be.
        while calls < 5 {
            assert_eq!(s.go("c"), "T05thread:p01.01;");
            assert_eq!(s.pc(), same);
            counts.push(s.bench.machine.icount());
            calls += 1;
        }
        let ra = s.register(31);
        assert_eq!(s.ask(&format!("z1,{same:x},4")), "OK");
        assert_eq!(s.ask(&format!("Z0,{ra:x},4")), "OK");
        s.go("c");
        assert_eq!(s.pc(), ra);
        // A branch and its delay slot are one step.
        assert_eq!(s.ask("D"), "OK");
        assert!(s.bench.running && s.stub.is_running());
    });
}

#[test]
fn breakpoints_stop_hot_loops_after_the_same_instruction_in_every_tier() {
    let arch = "mipsel";
    let places = |accel| {
        let mut s = Session::new(arch, accel);
        let block = symbol(arch, "block");
        s.type_line("bench");
        // Let it become hot before the breakpoint comes.
        s.send(&framed(b"c"));
        s.run_to(3_000_000);
        s.send(b"\x03");
        assert_eq!(s.packet().as_deref(), Some("T02thread:p01.01;"));
        assert_eq!(s.ask(&format!("Z1,{block:x},4")), "OK");
        let mut places = Vec::new();
        for n in 0..40 {
            assert_eq!(s.go("c"), "T05thread:p01.01;");
            assert_eq!(s.pc(), block);
            places.push((s.bench.machine.icount(), s.bench.machine.state_hash()));
            if n % 2 == 0 {
                // As gdb does it.
                s.ask(&format!("z1,{block:x},4"));
                s.go("s");
                s.ask(&format!("Z1,{block:x},4"));
            }
        }
        (places, s.bench.machine.stats().modules)
    };
    let (interp, _) = places(Accel::Interp);
    let (jit, modules) = places(Accel::Jit);
    assert!(modules > 0);
    assert_eq!(interp, jit);
}

#[test]
fn a_step_is_a_branch_with_its_delay_slot() {
    both(|arch, accel| {
        let mut s = Session::new(arch, accel);
        // addiu v0, 0, 1; b +3; addiu v0, v0, 1; (not reached) ×2; nop
        let code = [
            0x2402_0001u32,
            0x1000_0003,
            0x2442_0001,
            0x2402_0063,
            0x2402_0064,
            0,
        ];
        let bytes: Vec<u8> = code
            .iter()
            .flat_map(|w| {
                if arch == "mips" {
                    w.to_be_bytes()
                } else {
                    w.to_le_bytes()
                }
            })
            .collect();
        let body = [b"X80200000,18:", &escape(&bytes)[..]].concat();
        assert_eq!(s.ask_bytes(&body), "OK");
        assert_eq!(s.go("s80200000"), "T05thread:p01.01;");
        assert_eq!((s.pc(), s.register(2)), (0x8020_0004, 1));
        s.go("s");
        assert_eq!((s.pc(), s.register(2)), (0x8020_0014, 2));
        // A breakpoint in the delay slot stops before the branch, once.
        assert_eq!(s.ask("Z0,80200008,4"), "OK");
        assert_eq!(s.go("c80200000"), "T05thread:p01.01;");
        assert_eq!((s.pc(), s.register(2)), (0x8020_0004, 1));
        s.go("s");
        assert_eq!((s.pc(), s.register(2)), (0x8020_0014, 2));
    });
}

#[test]
fn watchpoints_stop_before_the_access() {
    for arch in ["mipsel", "mips"] {
        assert_eq!(watched(arch, Accel::Interp), watched(arch, Accel::Jit));
    }
}

/// Watches a loop; the stops' instruction counts, pcs and state hashes.
fn watched(arch: &str, accel: Accel) -> Vec<(u64, u64, u64)> {
    {
        let mut s = Session::new(arch, accel);
        // lui v1, 0x8030; sw v0, 8(v1); lbu a0, 9(v1); b -4; sh v0, 10(v1) in its slot; …
        let code = [
            0x3c03_8030u32,
            0xac62_0008,
            0x9064_0009,
            0x1000_fffc,
            0xa462_000a,
            0,
        ];
        let bytes: Vec<u8> = code
            .iter()
            .flat_map(|w| {
                if arch == "mips" {
                    w.to_be_bytes()
                } else {
                    w.to_le_bytes()
                }
            })
            .collect();
        let body = [b"X80200000,18:", &escape(&bytes)[..]].concat();
        assert_eq!(s.ask_bytes(&body), "OK");
        assert_eq!(s.ask("Z2,80300008,4"), "OK");
        assert_eq!(
            s.go("c80200000"),
            "T05thread:p01.01;watch:80300008;",
            "{arch} {accel:?}"
        );
        // QEMU stops there too, but never gets on.
        assert_eq!(s.pc(), 0x8020_0004);
        assert_eq!(s.ask("m80300008,4"), "00000000");
        assert_eq!(s.ask("P2=11111111"), "OK");
        assert_eq!(s.go("c"), "T05thread:p01.01;watch:80300008;");
        assert_eq!(s.ask("m80300008,4"), "11111111");
        assert_eq!(s.pc(), 0x8020_000c, "the branch of the delay slot");
        assert_eq!(s.ask("z2,80300008,4"), "OK");
        assert_eq!(s.ask("Z3,80300009,1"), "OK");
        for _ in 0..20 {
            assert_eq!(s.go("c"), "T05thread:p01.01;rwatch:80300009;");
            assert_eq!(s.pc(), 0x8020_0008);
        }
        assert_eq!(s.ask("z3,80300009,1"), "OK");
        // Hot before it is watched, and watched beside what is accessed.
        assert_eq!(s.ask("Z4,8030000c,4"), "OK");
        s.send(&framed(b"c"));
        for _ in 0..10 {
            s.slice();
        }
        s.send(b"\x03");
        assert_eq!(s.packet().as_deref(), Some("T02thread:p01.01;"));
        assert_eq!(s.ask("Z4,80300008,2"), "OK");
        let stop = s.go("c");
        assert_eq!(stop, "T05thread:p01.01;awatch:80300008;");
        assert_eq!(s.ask("z4,80300008,2"), "OK");
        assert_eq!(s.ask("Z2,8030000a,1"), "OK");
        let mut stops = Vec::new();
        for _ in 0..8 {
            assert_eq!(s.go("c"), "T05thread:p01.01;watch:8030000a;");
            let pc = s.pc();
            assert!([0x8020_0004, 0x8020_000c].contains(&pc), "{pc:x}");
            let m = &mut s.bench.machine;
            stops.push((m.icount(), pc, m.state_hash()));
        }
        if accel == Accel::Jit {
            assert!(s.bench.machine.stats().modules > 0);
        }
        stops
    }
}

#[test]
fn wide_cpus_have_wide_registers_and_addresses() {
    for arch in ["mips64el", "mips64"] {
        for accel in [Accel::Interp, Accel::Jit] {
            let mut s = Session::new(arch, accel);
            let value = |text: &str| {
                let v = u64::from_str_radix(text, 16).unwrap();
                if arch == "mips64el" {
                    v.swap_bytes()
                } else {
                    v
                }
            };
            assert_eq!(s.ask("g").len() % 16, 0);
            assert_eq!(value(&s.ask("p25")), 0xffff_ffff_bfc0_0000);
            assert_eq!(s.ask("Z1,ffffffff80100000,4"), "OK");
            assert_eq!(s.go("c"), "T05thread:p01.01;");
            assert_eq!(value(&s.ask("p25")), 0xffff_ffff_8010_0000);
            // lui v1, 0x8050; sd a4, 8(v1); b -2; ld a5, 8(v1)
            let code = [0x3c03_8050u32, 0xfc68_0008, 0x1000_fffe, 0xdc69_0008];
            let order = if arch == "mips64" {
                u32::to_be_bytes
            } else {
                u32::to_le_bytes
            };
            let bytes: Vec<u8> = code.iter().flat_map(|&w| order(w)).collect();
            let text = format!("Mffffffff80200000,10:{}", hex(&bytes));
            assert_eq!(s.ask(&text), "OK");
            assert_eq!(s.ask("P8=0102030405060708"), "OK");
            assert_eq!(s.ask("Z2,ffffffff8050000c,4"), "OK");
            let stop = s.go("cffffffff80200000");
            assert_eq!(stop, "T05thread:p01.01;watch:ffffffff8050000c;");
            assert_eq!(value(&s.ask("p25")), 0xffff_ffff_8020_0004);
            assert_eq!(s.go("s"), "T05thread:p01.01;");
            assert_eq!(s.ask("mffffffff80500008,8"), "0102030405060708");
            assert_eq!(s.ask("z2,ffffffff8050000c,4"), "OK");
            assert_eq!(s.ask("Z4,ffffffff80500008,1"), "OK");
            let stop = s.go("c");
            assert_eq!(stop, "T05thread:p01.01;awatch:ffffffff80500008;");
            assert_eq!(value(&s.ask("p25")), 0xffff_ffff_8020_0008);
        }
    }
}

#[test]
fn a_debugger_that_never_stops_the_guest_does_not_show() {
    let arch = "mipsel";
    let run = |accel, debug: bool| {
        let mut s = Session::new(arch, accel);
        if debug {
            let poweroff = symbol(arch, "board_poweroff");
            let print = symbol(arch, "print");
            s.ask(&format!("Z0,{poweroff:x},4"));
            s.ask(&format!("Z1,{print:x},4"));
            // Never executed: behind the jump of a return.
            s.ask("Z0,80300000,4");
            s.ask("Z2,80108f00,4");
            s.ask("Z4,80400000,100");
            s.ask(&format!("z1,{print:x},4"));
            s.ask("g");
            s.ask("m80108200,100");
        }
        s.type_line("selftest");
        s.send(&framed(b"c"));
        s.run_until("SELFTEST PASS");
        assert_eq!(s.packet(), None);
        let m = &mut s.bench.machine;
        (m.icount(), m.now_ns(), m.state_hash())
    };
    let plain = run(Accel::Interp, false);
    assert_eq!(run(Accel::Interp, true), plain);
    assert_eq!(run(Accel::Jit, true), plain);
}

#[test]
fn steps_with_interrupts_and_timers_are_the_run_itself() {
    let arch = "mips";
    let mut free = Session::new(arch, Accel::Jit);
    let mut stepped = Session::new(arch, Accel::Jit);
    for s in [&mut free, &mut stepped] {
        s.type_line("timer 3");
        let irq = symbol(arch, "exc_entry");
        s.ask(&format!("Z0,{irq:x},4"));
        s.go("c");
        s.ask(&format!("z0,{irq:x},4"));
    }
    stepped.ask("Qqemu.sstep=1");
    while !String::from_utf8_lossy(&stepped.bench.said).contains("tick 2") {
        assert_eq!(stepped.go("s"), "T05thread:p01.01;");
    }
    let until = stepped.bench.machine.icount();
    free.send(&framed(b"c"));
    while free.bench.machine.icount() < until {
        let left = until - free.bench.machine.icount();
        let end = free.stub.run(&mut free.bench.machine, left);
        free.bench.machine.take_serial_output(0);
        if let SliceEnd::Halted { until_ns: Some(ns) } = end {
            free.bench.machine.skip_to(ns);
        }
    }
    // Both look at what is due now.
    for s in [&mut free, &mut stepped] {
        s.bench.machine.run_slice(0);
        s.bench.machine.take_serial_output(0);
    }
    assert_eq!(free.bench.machine.icount(), until);
    assert_eq!(
        free.bench.machine.state_hash(),
        stepped.bench.machine.state_hash()
    );
}

#[test]
fn backwards_is_forwards_undone() {
    both(|arch, accel| {
        let mut s = Session::new(arch, accel);
        s.bench.machine.keep_history();
        assert!(s.ask("qSupported:multiprocess+").contains("ReverseStep+"));
        let monitor = symbol(arch, "monitor");
        s.ask(&format!("Z0,{monitor:x},4"));
        s.go("c");
        s.ask(&format!("z0,{monitor:x},4"));
        s.type_line("timer 2");
        // A way forward: single steps (which hold interrupts back), a run, a write.
        let mut places = Vec::new();
        let place = |s: &mut Session| {
            let m = &mut s.bench.machine;
            (m.icount(), m.pc(), m.state_hash())
        };
        for _ in 0..12 {
            s.go("s");
            s.bench.machine.take_serial_output(0);
            places.push(place(&mut s));
        }
        for n in (0..11).rev() {
            assert_eq!(s.ask("bs"), "T05thread:p01.01;");
            let (icount, pc, _) = place(&mut s);
            assert_eq!(
                (icount, pc),
                (places[n].0, places[n].1),
                "{arch} {accel:?} {n}"
            );
        }
        for want in &places[1..] {
            s.go("s");
            let (icount, pc, _) = place(&mut s);
            assert_eq!((icount, pc), (want.0, want.1), "{arch} {accel:?}");
        }
        // Through interrupts and idle time, from one call of `trap` to the next.
        let trap = symbol(arch, "trap");
        s.ask(&format!("Z1,{trap:x},4"));
        let mut stops = Vec::new();
        for _ in 0..2 {
            s.go("c");
            s.bench.machine.run_slice(0);
            stops.push(place(&mut s));
            assert_eq!(s.pc(), trap);
        }
        assert_eq!(s.ask("bc"), "T05thread:p01.01;");
        assert_eq!(place(&mut s).0, stops[0].0, "{arch} {accel:?}");
        assert_eq!(s.pc(), trap);
        assert_eq!(s.ask("bc"), "T05thread:p01.01;replaylog:begin;");
        assert_eq!(s.pc(), 0xbfc0_0000);
        assert_eq!(s.ask("bs"), "T05thread:p01.01;replaylog:begin;");
        for stop in &stops {
            s.go("c");
            s.bench.machine.run_slice(0);
            assert_eq!(place(&mut s), *stop, "{arch} {accel:?}");
        }
        // A write in the past makes another present.
        s.ask("bc");
        assert_eq!(s.ask("P8=44332211"), "OK");
        assert_eq!(s.ask("P9=44332211"), "OK");
        let here = place(&mut s);
        s.go("s");
        assert_eq!(s.ask("bs"), "T05thread:p01.01;");
        assert_eq!(place(&mut s).1, here.1);
    });
}

#[test]
fn monitor_lines_interrupts_and_the_end() {
    let mut s = Session::new("mipsel", Accel::Interp);
    assert_eq!(
        s.ask(&format!("qRcmd,{}", hex(b"info status"))),
        format!("O{}", hex(b"you said info status\n"))
    );
    assert_eq!(s.packet().as_deref(), Some("OK"));
    assert_eq!(s.ask("qRcmd,zz"), "E22");
    s.send(&framed(b"c"));
    assert!(s.bench.running);
    s.slice();
    s.stub.stopped(&mut s.bench);
    assert_eq!(s.wait(), "T02thread:p01.01;");
    s.send(&framed(b"c"));
    s.stub.exited(0);
    assert_eq!(s.wait(), "W00");
    s.send(b"\x03");
    s.send(&framed(b"k"));
    assert!(s.bench.quit);
}

#[test]
fn lost_packets_are_sent_again() {
    let mut s = Session::new("mipsel", Accel::Interp);
    s.raw.clear();
    s.send(b"$qC#00");
    assert_eq!(s.raw, b"-");
    s.raw.clear();
    s.send(&framed(b"qC"));
    let first = std::mem::take(&mut s.raw);
    assert_eq!(first, b"+$QCp01.01#f4");
    s.send(b"-");
    assert_eq!(s.raw, &first[1..]);
    s.send(b"+-");
    assert_eq!(s.raw.len(), first.len() - 1);
    s.raw.clear();
    assert_eq!(s.ask("QStartNoAckMode"), "OK");
    s.raw.clear();
    s.send(b"$qC#00");
    assert_eq!(s.raw, b"$QCp01.01#f4");
    // A run of eight zeros: `0*$` is four, and its dollar begins no packet but a new one.
    s.raw.clear();
    s.send(&framed(b"m801000000* ,4"));
    assert!(s.packet().is_some());
}

/// A small generator; the seed is the test's name for a failure.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

#[test]
fn hostile_packets_do_no_harm() {
    let words: [&[u8]; 49] = [
        b"100000",
        b"28=",
        b"1000,4",
        b"g",
        b"G",
        b"p",
        b"P",
        b"m",
        b"M",
        b"X",
        b"Z",
        b"z",
        b"H",
        b"T",
        b"vCont",
        b"bs",
        b"bc",
        b"vCont;",
        b"c",
        b"s",
        b"C",
        b"S",
        b"qXfer:features:read:target.xml:",
        b"qRcmd,",
        b"Qqemu.sstep=",
        b"Qqemu.PhyMemMode:",
        b"qThreadExtraInfo,",
        b"80100000",
        b"ffffffffffffffff",
        b"fffffffffffffffff",
        b"-1",
        b"0",
        b"1",
        b"7fffffff",
        b"1f000900",
        b",",
        b":",
        b";",
        b"=",
        b".",
        b"p1",
        b"*~",
        b"}",
        b"#",
        b"$",
        b"\x03",
        b"+",
        b"-",
        b"\xff\x00",
    ];
    for (arch, first) in [("mips", 0), ("i386", 6000), ("x86_64", 12_000)] {
        hostile_packets(arch, first, &words);
    }
}

fn hostile_packets(arch: &str, first: u64, words: &[&[u8]]) {
    let mut s = Session::new(arch, Accel::Interp);
    s.bench.machine.keep_history();
    for seed in first..first + 6000 {
        let mut r = Random(seed);
        let mut body = Vec::new();
        for _ in 0..1 + r.next(7) {
            if r.next(5) == 0 {
                body.push(r.next(256) as u8);
            } else {
                body.extend_from_slice(words[r.next(words.len())]);
            }
        }
        let packet = match r.next(3) {
            0 => body,
            1 => framed(&body),
            _ => framed(&escape(&body)),
        };
        s.send(&packet);
        if r.next(4) == 0 {
            s.stub.run(&mut s.bench.machine, 50);
        }
        s.raw.clear();
        s.bench.machine.take_serial_output(0);
    }
    // It still speaks.
    s.send(b"\x03$#00");
    s.raw.clear();
    s.stub.attach(&mut s.bench);
    assert_eq!(s.ask("qAttached"), "1");
    let long = [&b"m"[..], &[b'1'; 40_000]].concat();
    assert_eq!(s.ask_bytes(&long), "E22");
}

/// What the reset vector's packets say of an x86 CPU: QEMU 7.2's answers (`qemu-system-i386 -S -gdb …`, `qemu-system-x86_64` likewise), but
/// for what differs by the model and the tag word.
#[test]
fn registers_of_x86() {
    for (arch, ip, word, regs) in [("i386", 8, 8, 50), ("x86_64", 16, 16, 66)] {
        let mut s = Session::new(arch, Accel::Interp);
        let zeros = |n: usize| "0".repeat(n);
        assert_eq!(s.ask("p0"), zeros(word));
        assert_eq!(s.ask(&format!("p{regs:x}")), "E14");
        // Past the last one of the core come XMM0 and, at the end, MXCSR.
        assert_eq!(s.ask(&format!("p{:x}", regs - 1)), "801f0000");
        // General registers, selectors, x87 and SSE can be set and read back.
        for (number, value) in [
            (1u32, "21436587".to_owned() + &zeros(word - 8)),
            (ip, "20001000".to_owned() + &zeros(word - 8)),
            (ip + 17, "0000000000000080ff3f".into()),
            (ip + 34, "00112233445566778899aabbccddeeff".into()),
        ] {
            assert_eq!(
                s.ask(&format!("P{number:x}={value}")),
                "OK",
                "{arch} {number}"
            );
            assert_eq!(s.ask(&format!("p{number:x}")), value, "{arch} {number}");
        }
        // All of them at once, as wide as they are.
        let all = s.ask("g");
        let wide = if arch == "i386" { 344 } else { 608 };
        assert_eq!(all.len(), 2 * wide, "{arch}");
        assert_eq!(s.ask(&format!("G{all}")), "OK");
        assert_eq!(s.ask("g"), all);
    }
}
