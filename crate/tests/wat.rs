//! What the page's Lab view knows of WebAssembly is what wasmprinter knows: the names of its instructions, and how a block's module reads.
//! `BLESS=1` writes both files.

use std::fmt::Write;

use tinamou::machine::{Accel, Config, Machine};
use tinamou::wasm::wat;

fn same(path: &str, text: &str) {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{path} is not what would be made: BLESS=1");
}

/// The instructions of the functions of a module, a line each, without comments.
fn body(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if line.starts_with("  (func") {
            inside = true;
        } else if line == "  )" {
            inside = false;
        } else if inside && !trimmed.starts_with('(') {
            let plain = trimmed.split("(;").next().unwrap_or_default();
            let plain = plain.split(";;").next().unwrap_or_default();
            out.push(plain.trim().to_owned());
        }
    }
    out
}

/// A module with one function of these bytes.
fn module(code: &[u8]) -> Vec<u8> {
    let mut m = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
    let mut body = vec![0];
    body.extend(code);
    // Zeros are immediates, or `unreachable`.
    body.extend([0; 24]);
    body.push(0x0b);
    m.push(10);
    m.push(body.len() as u8 + 2);
    m.push(1);
    m.push(body.len() as u8);
    m.extend(body);
    m
}

/// The name of the instruction with these first bytes.
fn name(code: &[u8]) -> Option<String> {
    let text = wat(&module(code));
    let first = body(&text).into_iter().next()?;
    let word = first.split(' ').next()?.to_owned();
    (!text.contains("not printable") && (word != "unreachable" || code == [0])).then_some(word)
}

#[test]
fn names() {
    let mut out = String::from(
        "// @ts-check\n/** Names of WebAssembly's instructions by their bytes, after none, 0xfc and 0xfd. Made by crate/tests/wat.rs. */\n\n",
    );
    // Of these the printer shows structure, and the view does too.
    let control = [0x02u8, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x0b, 0x0e, 0x1f];
    let tables: [(&str, &[u8], u32, u32); 3] = [
        ("PLAIN", &[], 0, 0xd3),
        ("BULK", &[0xfc], 0, 18),
        ("SIMD", &[0xfd], 0, 0x100),
    ];
    for (table, prefix, first, end) in tables {
        let _ = writeln!(
            out,
            "/** @type {{Record<number, string>}} */\nexport const {table} = {{"
        );
        for n in first..end {
            let mut code = prefix.to_vec();
            if prefix.is_empty() && control.contains(&(n as u8)) {
                continue;
            }
            if n >= 128 && !prefix.is_empty() {
                code.extend([n as u8 | 0x80, (n >> 7) as u8]);
            } else {
                code.push(n as u8);
            }
            if let Some(name) = name(&code) {
                let _ = writeln!(out, "  0x{n:02x}: '{name}',");
            }
        }
        out.push_str("};\n\n");
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    same("www/lab-view/wasm-ops.js", &out);
}

/// Modules of the lab guest's code, as hexadecimal digits; kept, so that another way to generate code changes nothing here.
const MODULES: &str = "tests/web/golden/blocks.hex";

/// What `BLESS=1` keeps.
fn modules() -> String {
    let mut config = Config::new(Config::target("mipsel").unwrap());
    config.accel = Accel::Interp;
    config.cpu = "24Kf".into();
    config.ram_bytes = 32 << 20;
    config.kernel = Some(tinamou::lab::image(false).to_vec());
    let mut machine = Machine::new(&config, |_| Err("none".into())).unwrap();
    machine.run_slice(100_000);
    let mut out = String::new();
    for at in [0x8010_0000, 0x8010_0020, 0x8010_0100] {
        for byte in machine.show_block(at).unwrap().module {
            let _ = write!(out, "{byte:02x}");
        }
        out.push('\n');
    }
    out
}

#[test]
fn blocks_read_alike() {
    let path = format!("{}/../{MODULES}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, modules()).unwrap();
    }
    let mut out = String::new();
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let (pairs, _) = line.as_bytes().as_chunks::<2>();
        let byte = |p: &[u8; 2]| u8::from_str_radix(str::from_utf8(p).unwrap(), 16).unwrap();
        let module: Vec<u8> = pairs.iter().map(byte).collect();
        let _ = writeln!(out, ";; {} bytes", module.len());
        for line in body(&wat(&module)) {
            let _ = writeln!(out, "{line}");
        }
    }
    same("tests/web/golden/blocks.wat", &out);
}
