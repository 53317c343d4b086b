//! The character devices of the command line and of `chardev-add`: what is at each one's other end, and who uses it here, a
//! serial port, a monitor, or several of them in turn (Ctrl-a c).

use tinamou_control::{Controller, MonitorId, driven};
use tinamou_machine::boards::pc::DEBUG_CONSOLE;

use crate::host::serial::Port;
use crate::host::terminal;
use crate::options::Options;
use crate::options::chardev::{Chardev, Socket};
use crate::options::monitor::Mode;

/// Who uses a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum User {
    /// A serial port of the machine.
    Serial(u32),
    /// A monitor.
    Monitor(MonitorId),
}

/// A character device.
pub struct Entry {
    /// Its id.
    pub label: String,
    /// The other end.
    pub port: Port,
    /// Who uses it; what is typed goes to the one in focus.
    pub users: Vec<User>,
    /// The user in focus.
    pub focus: usize,
    /// Somebody was at the other end when last looked at.
    was_open: bool,
    dev: Chardev,
    mux: bool,
}

impl Entry {
    fn new(label: &str, dev: &Chardev) -> Entry {
        Entry {
            label: label.into(),
            port: Port::default(),
            users: Vec::new(),
            focus: 0,
            was_open: false,
            dev: dev.clone(),
            mux: matches!(dev, Chardev::Stdio { mux: true }),
        }
    }

    fn open(&mut self) -> Result<(), String> {
        self.port = Port::open(&self.dev, &self.label)?;
        if self.mux {
            self.port.multiplex();
        }
        Ok(())
    }

    /// Who gets what is typed.
    pub fn user(&self) -> Option<User> {
        self.users.get(self.focus).copied()
    }

    /// The next user gets what is typed.
    pub fn next_user(&mut self) {
        self.focus = (self.focus + 1) % self.users.len().max(1);
    }

    /// Lets monitors know when somebody has come or gone.
    pub fn note(&mut self, ctl: &mut Controller) {
        let open = self.port.is_open();
        if open == self.was_open {
            return;
        }
        self.was_open = open;
        for user in &self.users {
            let User::Monitor(id) = *user else { continue };
            if !open {
                ctl.disconnected(id);
                continue;
            }
            ctl.connected(id);
            // A multiplexed monitor is silent until somebody turns to it.
            if self.users.len() > 1 {
                ctl.take_output(id);
            }
        }
    }

    /// Where it leads, as QEMU writes it.
    fn filename(&self) -> String {
        let server = |s: &Socket| if s.server { ",server=on" } else { "" };
        let away = if self.port.is_open() {
            ""
        } else {
            "disconnected:"
        };
        match &self.dev {
            _ if self.mux => "mux".into(),
            Chardev::Vc => "vc".into(),
            Chardev::Stdio { .. } => "stdio".into(),
            Chardev::File { .. } => "file".into(),
            Chardev::Pty => format!("pty:{}", self.port.pty_path().unwrap_or_default()),
            Chardev::Tcp { host, port, socket } => {
                format!("{away}tcp:{host}:{port}{}", server(socket))
            }
            Chardev::Unix { path, socket } => format!("{away}unix:{path}{}", server(socket)),
            Chardev::Null | Chardev::None | Chardev::Named(_) => "null".into(),
        }
    }
}

/// All of them.
#[derive(Default)]
pub struct Chardevs {
    /// In the order they were asked for.
    pub list: Vec<Entry>,
}

impl Chardevs {
    /// Those of the command line, with their monitors; nothing is opened yet.
    pub fn new(options: &Options, ctl: &mut Controller) -> Chardevs {
        let mut all = Chardevs::default();
        for made in &options.chardevs {
            let mut entry = Entry::new(&made.id, &made.dev);
            entry.mux = made.mux;
            all.list.push(entry);
        }
        if options.monitor_console() {
            let n = all.place(&Chardev::Vc, "compat_monitor0");
            all.list[n].users.push(User::Monitor(ctl.add_hmp()));
        }
        for (port, dev) in (0..).zip(options.serial_ports()) {
            let n = all.place(&dev, &format!("serial{port}"));
            all.list[n].users.push(User::Serial(port));
            if matches!(dev, Chardev::Stdio { mux: true }) {
                let monitor = ctl.add_hmp();
                all.list[n].users.push(User::Monitor(monitor));
            }
        }
        if let Some(dev) = &options.debug_console {
            let n = all.place(dev, "debugcon");
            all.list[n].users.push(User::Serial(DEBUG_CONSOLE));
        }
        for (number, m) in options.monitors.iter().enumerate() {
            let monitor = match m.mode {
                Mode::Readline => ctl.add_hmp(),
                Mode::Control { pretty } => ctl.add_qmp(pretty),
            };
            let n = all.place(&m.dev, &format!("compat_monitor{number}"));
            all.list[n].users.push(User::Monitor(monitor));
        }
        all
    }

    /// The named device's place, or that of a new one.
    fn place(&mut self, dev: &Chardev, label: &str) -> usize {
        if let Chardev::Named(id) = dev
            && let Some(n) = self.list.iter().position(|e| e.label == *id)
        {
            return n;
        }
        self.list.push(Entry::new(label, dev));
        self.list.len() - 1
    }

    /// Opens them; this terminal last, because it then turns raw.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(&mut self) -> Result<(), String> {
        for terminal in [false, true] {
            let here = |e: &&mut Entry| matches!(e.dev, Chardev::Stdio { .. }) == terminal;
            for entry in self.list.iter_mut().filter(here) {
                entry.open().map_err(|e| {
                    terminal::restore();
                    format!("{}: {e}", entry.label)
                })?;
            }
        }
        Ok(())
    }

    /// What the guest sent by a serial port.
    pub fn serial_out(&mut self, port: u32, bytes: &[u8]) {
        let user = User::Serial(port);
        for entry in self.list.iter_mut().filter(|e| e.users.contains(&user)) {
            entry.port.write(bytes);
        }
    }

    /// What monitors have to say.
    pub fn monitors_out(&mut self, ctl: &mut Controller) {
        for entry in &mut self.list {
            for user in &entry.users {
                if let User::Monitor(id) = user {
                    let bytes = ctl.take_output(*id);
                    if !bytes.is_empty() {
                        entry.port.write(&bytes);
                    }
                }
            }
        }
    }

    /// Those that are consoles of the display, monitors first.
    pub fn consoles(&self) -> Vec<usize> {
        let monitor = |n: usize| matches!(self.list[n].user(), Some(User::Monitor(_)));
        let mut all: Vec<usize> = (0..self.list.len()).collect();
        all.retain(|&n| self.list[n].port.console().is_some());
        all.sort_by_key(|&n| !monitor(n));
        all
    }

    /// Whether a serial port's listener reads slower than the guest talks.
    pub fn is_full(&self) -> bool {
        let serial = |e: &&Entry| e.users.iter().any(|u| matches!(u, User::Serial(_)));
        self.list.iter().filter(serial).any(|e| e.port.is_full())
    }

    /// As monitors show them.
    pub fn describe(&self) -> Vec<driven::Chardev> {
        let one = |e: &Entry| driven::Chardev {
            label: e.label.clone(),
            filename: e.filename(),
            frontend_open: !e.users.is_empty(),
        };
        self.list.iter().map(one).collect()
    }

    /// `chardev-add`: makes and opens one; returns a pseudo-terminal's path.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn add(&mut self, id: &str, dev: &Chardev) -> Result<Option<String>, String> {
        let stdio = |d: &Chardev| matches!(d, Chardev::Stdio { .. });
        if stdio(dev) && self.list.iter().any(|e| stdio(&e.dev)) {
            return Err("cannot use stdio by multiple character devices".into());
        }
        let mut entry = Entry::new(id, dev);
        entry.open()?;
        let pty = entry.port.pty_path().map(str::to_owned);
        self.list.push(entry);
        Ok(pty)
    }

    /// `chardev-change`: the same users, another end; returns a pseudo-terminal's path.
    ///
    /// # Errors
    /// There is none, or the new end cannot be opened: it is as it was then.
    pub fn change(&mut self, id: &str, dev: &Chardev) -> Result<Option<String>, String> {
        let Some(n) = self.list.iter().position(|e| e.label == id) else {
            return Err(format!("Chardev '{id}' does not exist"));
        };
        if self.list[n].mux {
            return Err("Mux device hotswap not supported yet".into());
        }
        let stdio = |d: &Chardev| matches!(d, Chardev::Stdio { .. });
        if stdio(dev) && self.list.iter().any(|e| stdio(&e.dev)) {
            return Err("cannot use stdio by multiple character devices".into());
        }
        let mut entry = Entry::new(id, dev);
        entry.open()?;
        let old = &mut self.list[n];
        entry.users = std::mem::take(&mut old.users);
        entry.focus = old.focus;
        // Monitors learn of it when they are looked at next.
        entry.was_open = old.was_open && !entry.port.is_open();
        let pty = entry.port.pty_path().map(str::to_owned);
        *old = entry;
        Ok(pty)
    }

    /// `chardev-remove`
    ///
    /// # Errors
    /// There is none, or somebody uses it.
    pub fn remove(&mut self, id: &str) -> Result<(), String> {
        let Some(n) = self.list.iter().position(|e| e.label == id) else {
            return Err(format!("Chardev '{id}' not found"));
        };
        if !self.list[n].users.is_empty() {
            return Err(format!("Chardev '{id}' is busy"));
        }
        self.list.remove(n);
        Ok(())
    }
}
