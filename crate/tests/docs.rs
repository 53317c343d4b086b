//! The page of devices is what the boards' tables say. `BLESS=1` writes it.

use std::fmt::Write;

use tinamou::core::{MapTo, Space};
use tinamou::machine::devices::{Board, BoardConfig, CPU_PINS, Sink};
use tinamou::machine::{Config, TARGETS};

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn board(out: &mut String, board: &Board, targets: &[&str]) {
    let config = BoardConfig::default();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "    <h2 id=\"{0}\"><code>{0}</code></h2>\n    <p>{1}: <code>{2}</code>. {3} serial ports, {4} drives, {5} network ports.</p>\n    \
         <pre tabindex=\"0\" data-test=\"shell\" data-says=\"{0}\">tinamou system-{6} -M help</pre>",
        board.name,
        escape(board.what),
        targets.join("</code>, <code>"),
        board.serial_ports,
        board.disks,
        board.nets,
        targets[0],
    );
    out.push_str("    <table tabindex=\"0\">\n      <tr><th>Device</th><th>What</th><th>Where</th><th>Interrupts</th></tr>\n");
    for view in board.ram {
        let most = match view.max_bytes >> 20 {
            0 => format!("{} KiB", view.max_bytes >> 10),
            mib => format!("{mib} MiB"),
        };
        let _ = writeln!(
            out,
            "      <tr><td>memory</td><td>up to {most}</td><td><code>{:#x}</code></td><td></td></tr>",
            view.base
        );
    }
    for d in board.devices {
        let mut places: Vec<String> = d
            .map
            .iter()
            .map(|m| {
                let space = match m.space {
                    Space::Io => "I/O ",
                    _ => "",
                };
                let what = match m.to {
                    MapTo::Regs { .. } => "",
                    _ => " (memory)",
                };
                format!(
                    "{space}<code>{:#x}</code>–<code>{:#x}</code>{what}",
                    m.base,
                    m.base + m.len - 1
                )
            })
            .collect();
        places.extend(
            d.pci
                .iter()
                .map(|(devfn, _)| format!("PCI {:02x}.{}", devfn >> 3, devfn & 7)),
        );
        let wires: Vec<String> = d
            .wires
            .iter()
            .filter_map(|w| match w.to {
                // The other CPUs' pins are like the first one's.
                Sink::Cpu(pin) => (pin < CPU_PINS).then(|| format!("CPU {pin}")),
                Sink::Dev(name, pin) => Some(format!("{name} {pin}")),
            })
            .collect();
        let optional = if (d.present)(&config) {
            ""
        } else {
            " (if asked for)"
        };
        let _ = writeln!(
            out,
            "      <tr><td><code>{}</code></td><td>{}{optional}</td><td>{}</td><td>{}</td></tr>",
            d.name,
            escape(d.what),
            places.join("<br />"),
            wires.join(", ")
        );
    }
    out.push_str("    </table>\n");
}

#[test]
fn devices() {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\" />\n    \
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n    \
         <meta name=\"color-scheme\" content=\"light dark\" />\n    <title>Tinamou: devices</title>\n    \
         <link rel=\"icon\" href=\"../icon.svg\" type=\"image/svg+xml\" />\n    <link rel=\"stylesheet\" href=\"docs.css\" />\n  </head>\n  <body>\n    \
         <nav><a href=\"../\">Tinamou</a> · <a href=\"./\">Documentation</a></nav>\n    <main>\n    <h1>Devices</h1>\n    \
         <p>What is on each board, from the tables that the boards are made of. PCI devices choose their addresses at run time; QMP's \
         <code>x-devices</code> and the monitor's <code>info mtree</code> say where they are.</p>\n",
    );
    let mut seen: Vec<&str> = Vec::new();
    for target in TARGETS {
        let config = Config::new(target);
        for this in config.target.boards() {
            if seen.contains(&this.name) {
                continue;
            }
            seen.push(this.name);
            let same: Vec<&str> = TARGETS
                .iter()
                .filter(|t| t.boards().iter().any(|b| b.name == this.name))
                .map(|t| t.name)
                .collect();
            board(&mut out, this, &same);
        }
    }
    out.push_str("    </main>\n  </body>\n</html>\n");
    let path = format!("{}/../www/docs/devices.html", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &out).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == out,
        "{path} is not what the boards say: BLESS=1 writes it"
    );
}
