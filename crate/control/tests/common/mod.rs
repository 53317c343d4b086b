//! A host without files and sockets, and dialogues recorded from QEMU.
#![allow(dead_code, reason = "each test program uses a part of it")]

use serde_json::{Map, Value};
use tinamou_control::driven::{Chardev, Drive, Medium, Open};
use tinamou_control::setup::Setup;
use tinamou_control::{Controller, Driven, Host, MonitorId, Start};
use tinamou_machine::{Accel, Config, Machine};

/// The host.
#[derive(Default)]
pub struct TestHost {
    pub machine: Option<Machine>,
    pub kernel: Option<Vec<u8>>,
    pub chardevs: Vec<Chardev>,
    pub drives: Vec<Drive>,
    pub written: Vec<(String, Vec<u8>)>,
    /// The board has no display.
    pub no_display: bool,
    /// A machine that was saved.
    pub state: Option<Vec<u8>>,
}

fn medium(file: &str) -> Medium {
    Medium {
        file: file.into(),
        format: "raw".into(),
        read_only: true,
        virtual_size: 1 << 20,
        actual_size: 1 << 20,
    }
}

impl TestHost {
    /// With a disk, a CD and a monitor on stdio.
    pub fn new() -> TestHost {
        let drive = |slot, removable, file| Drive {
            slot,
            removable,
            medium: Some(medium(file)),
            stats: Default::default(),
        };
        TestHost {
            chardevs: vec![Chardev {
                label: "compat_monitor0".into(),
                filename: "stdio".into(),
                frontend_open: true,
            }],
            drives: vec![drive(0, false, "hd.img"), drive(2, true, "cd.iso")],
            ..TestHost::default()
        }
    }
}

impl Host for TestHost {
    fn clock(&self) -> (i64, u32) {
        (1_700_000_000, 123_456)
    }

    fn machine(&mut self) -> Option<&mut dyn Driven> {
        self.machine.as_mut().map(|m| m as &mut dyn Driven)
    }

    fn build(&mut self, setup: &Setup) -> Result<(), String> {
        let mut config = Config::new(setup.target());
        config.accel = Accel::Interp;
        config.cpu = setup.text("cpu").unwrap_or_default().into();
        config.ram_bytes = setup.number("m").unwrap_or_default();
        config.cpus = setup.number("smp").unwrap_or(1) as u32;
        config.nic = setup.get("nic") != Some(&Value::Bool(false));
        config.kernel = self.kernel.clone();
        config.pc.vga = !self.no_display && setup.get("vga") != Some(&Value::Bool(false));
        if let Some(file) = setup.text("kernel").filter(|f| !f.is_empty()) {
            return Err(format!("could not load kernel '{file}': no such file"));
        }
        let machine = Machine::new(&config, |_| Err("no engine".into()));
        self.machine = Some(machine.map_err(|e| e.to_string())?);
        Ok(())
    }

    fn chardevs(&self) -> Vec<Chardev> {
        self.chardevs.clone()
    }

    fn chardev_add(&mut self, id: &str, backend: &Value) -> Result<Option<String>, String> {
        let kind = backend["type"].as_str().unwrap_or_default();
        let path = backend["data"]["out"].as_str().unwrap_or_default();
        if path.starts_with("/nonexistent/") {
            return Err(format!(
                "Could not open '{path}': No such file or directory"
            ));
        }
        if kind == "stdio" {
            return Err("cannot use stdio by multiple character devices".into());
        }
        self.chardevs.push(Chardev {
            label: id.into(),
            filename: kind.into(),
            frontend_open: false,
        });
        Ok((kind == "pty").then(|| "/dev/pts/0".into()))
    }

    fn chardev_remove(&mut self, id: &str) -> Result<(), String> {
        match self.chardevs.iter().position(|c| c.label == id) {
            Some(n) if self.chardevs[n].frontend_open => Err(format!("Chardev '{id}' is busy")),
            Some(n) => {
                self.chardevs.remove(n);
                Ok(())
            }
            None => Err(format!("Chardev '{id}' not found")),
        }
    }

    fn write_file(&mut self, path: &str, data: &[u8]) -> Result<(), String> {
        if path.starts_with("/nonexistent/") {
            return Err(format!(
                "Could not open '{path}': No such file or directory"
            ));
        }
        self.written.push((path.into(), data.into()));
        Ok(())
    }

    fn send_state(&mut self, _: &str, data: &[u8]) -> Result<(), String> {
        self.state = Some(data.into());
        Ok(())
    }

    fn receive_state(&mut self, uri: &str) -> Result<Vec<u8>, String> {
        self.state.clone().ok_or(format!("nothing in {uri}"))
    }

    fn drives(&self) -> Vec<Drive> {
        self.drives.clone()
    }

    fn insert(&mut self, slot: u32, open: Open<'_>) -> Result<(), String> {
        let known = [None, Some("raw"), Some("qcow2"), Some("null-co")];
        if !known.contains(&open.format) {
            return Err(format!(
                "Unknown driver '{}'",
                open.format.unwrap_or_default()
            ));
        }
        if open.file.starts_with("/nosuch") || open.file.starts_with("/nonexistent") {
            return Err(format!(
                "Could not open '{}': No such file or directory",
                open.file
            ));
        }
        if let Some(d) = self.drives.iter_mut().find(|d| d.slot == slot) {
            d.medium = Some(medium(open.file));
        }
        Ok(())
    }

    fn look(&mut self, open: Open<'_>) -> Result<Medium, String> {
        self.file_there(open.file)?;
        if open.format == Some("qcow2") && !open.file.ends_with("qcow2") {
            return Err("Image is not in qcow2 format".into());
        }
        Ok(Medium {
            format: open.format.unwrap_or("raw").into(),
            read_only: open.read_only,
            ..medium(open.file)
        })
    }

    fn add_drive(&mut self, slot: u32, open: Open<'_>) -> Result<(), String> {
        self.drives.push(Drive {
            slot,
            removable: false,
            medium: Some(medium(open.file)),
            stats: Default::default(),
        });
        Ok(())
    }

    fn drop_drive(&mut self, slot: u32) {
        self.drives.retain(|d| d.slot != slot);
    }

    fn resize(&mut self, slot: u32, bytes: u64) -> Result<(), String> {
        let drive = self.drives.iter_mut().find(|d| d.slot == slot);
        let medium = drive.and_then(|d| d.medium.as_mut());
        medium.ok_or("the drive is empty")?.virtual_size = bytes;
        Ok(())
    }

    fn file_there(&self, path: &str) -> Result<(), String> {
        if path.starts_with("/nonexistent") {
            return Err(format!(
                "Could not open '{path}': No such file or directory"
            ));
        }
        Ok(())
    }

    fn chardev_change(&mut self, id: &str, backend: &Value) -> Result<Option<String>, String> {
        let kind = backend["type"].as_str().unwrap_or_default();
        for c in self.chardevs.iter_mut().filter(|c| c.label == id) {
            c.filename = kind.into();
        }
        Ok((kind == "pty").then(|| "/dev/pts/0".into()))
    }

    fn remove(&mut self, slot: u32) -> Result<(), String> {
        if let Some(d) = self.drives.iter_mut().find(|d| d.slot == slot) {
            d.medium = None;
        }
        Ok(())
    }
}

/// A controller with one QMP monitor, launched and connected.
pub struct Dialogue {
    pub ctl: Controller,
    pub host: TestHost,
    pub id: MonitorId,
}

impl Dialogue {
    /// Starts one with options of the command line.
    pub fn new(target: &str, options: &str) -> Dialogue {
        Dialogue::on(TestHost::new(), target, options)
    }

    /// The same on a host.
    pub fn on(mut host: TestHost, target: &str, options: &str) -> Dialogue {
        let has = |word: &str| options.split_whitespace().any(|o| o == word);
        let mut start = Start::new(Config::target(target).unwrap());
        start.preconfig = has("--preconfig");
        start.paused = has("-S");
        start.incoming = has("-incoming").then(|| "defer".into());
        start.actions.reboot_ends = has("-no-reboot");
        start.actions.shutdown_pauses = has("-no-shutdown");
        let mut ctl = Controller::new(start);
        let id = ctl.add_qmp(false);
        ctl.launch(&mut host).unwrap();
        ctl.connected(id);
        let greeting = String::from_utf8(ctl.take_output(id)).unwrap();
        assert!(greeting.starts_with("{\"QMP\": {"), "{greeting}");
        assert!(greeting.ends_with("}\r\n"), "{greeting}");
        Dialogue { ctl, host, id }
    }

    /// Sends bytes and returns the messages that come.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<Value> {
        self.ctl.input(self.id, bytes, &mut self.host);
        let out = String::from_utf8(self.ctl.take_output(self.id)).unwrap();
        assert!(
            out.is_ascii() && (out.is_empty() || out.ends_with("\r\n")),
            "{out}"
        );
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Negotiates.
    pub fn ready(mut self) -> Dialogue {
        self.send(b"{\"execute\": \"qmp_capabilities\"}");
        self
    }

    /// Runs a command; the last message is its reply.
    pub fn run(&mut self, name: &str, args: Value) -> Result<Value, (String, String)> {
        let message = serde_json::json!({"execute": name, "arguments": args});
        let said = self.send(message.to_string().as_bytes());
        // Events may come before and behind it.
        let reply = said.into_iter().find(|m| m.get("event").is_none()).unwrap();
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        match reply.get("return") {
            Some(value) => Ok(value.clone()),
            None => Err((
                text(&reply["error"]["class"]),
                text(&reply["error"]["desc"]),
            )),
        }
    }
}

/// One exchange of a recording.
#[derive(Debug)]
pub struct Exchange {
    /// Line of the file.
    pub line: usize,
    /// What is sent.
    pub sent: Vec<u8>,
    /// What came.
    pub replies: Vec<Value>,
}

/// Dialogues of a recording: their options and exchanges. `-> ` sends the rest of the line, `=> ` too, with C's escapes for
/// bytes; `<- ` is a message that came; `$ ` begins a dialogue.
pub fn recorded(text: &str) -> Vec<(String, Vec<Exchange>)> {
    let mut all: Vec<(String, Vec<Exchange>)> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let (head, rest) = line.split_at(line.len().min(2));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match head {
            "$ " | "$" => all.push((rest.to_owned(), Vec::new())),
            "->" | "=>" => {
                if all.is_empty() {
                    all.push((String::new(), Vec::new()));
                }
                let sent = if head == "->" {
                    rest.as_bytes().to_vec()
                } else {
                    unescape(rest)
                };
                let exchange = Exchange {
                    line: n + 1,
                    sent,
                    replies: Vec::new(),
                };
                all.last_mut().unwrap().1.push(exchange);
            }
            "<-" => {
                let value = serde_json::from_str(rest).unwrap();
                let last = all.last_mut().unwrap().1.last_mut().unwrap();
                last.replies.push(value);
            }
            _ => assert!(line.is_empty() || line.starts_with('#'), "{line}"),
        }
    }
    all
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'\\' => match bytes.next().unwrap() {
                b'n' => b'\n',
                b'x' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                b'\\' => b'\\',
                other => panic!("\\{other}"),
            },
            b => b,
        });
    }
    out
}

/// A message without what differs from run to run and from emulator to emulator.
pub fn comparable(mut message: Value) -> Value {
    if let Value::Object(map) = &mut message {
        map.remove("timestamp");
        if let Some(v) = map.get_mut("return").and_then(Value::as_object_mut)
            && v.contains_key("qemu")
        {
            *v = Map::new();
        }
        // Numbers may be written in several ways.
        if let Some(f) = map.get("id").and_then(Value::as_f64) {
            map.insert("id".into(), f.into());
        }
    }
    message
}
