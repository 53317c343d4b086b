//! The 82371AB's SMBus host controller (data sheet 290562, section 7.3) with EEPROMs at addresses 50h to 57h.
//!
//! Modelled: quick, byte, byte data, word data and block transactions, which complete at once. Not modelled: the slave side,
//! interrupts.

use tinamou_core::{LoadError, Loader, Saver, Stored};

const STS_DONE: u8 = 0x02;
const STS_DEVICE_ERROR: u8 = 0x04;
const CNT_START: u8 = 0x40;

/// The controller with its modules' memory.
pub struct SmBus {
    eeproms: Vec<[u8; 256]>,
    at: [u8; 8],
    status: u8,
    control: u8,
    command: u8,
    address: u8,
    data: [u8; 2],
    block: [u8; 32],
    index: usize,
}

impl SmBus {
    /// A controller with these EEPROMs from address 50h on (at most eight).
    pub fn new(eeproms: Vec<[u8; 256]>) -> SmBus {
        SmBus {
            eeproms,
            at: [0; 8],
            status: 0,
            control: 0,
            command: 0,
            address: 0,
            data: [0; 2],
            block: [0; 32],
            index: 0,
        }
    }

    /// Reset; the EEPROMs keep their contents.
    pub fn reset(&mut self) {
        *self = SmBus::new(std::mem::take(&mut self.eeproms));
    }

    fn transact(&mut self) {
        let read = self.address & 1 != 0;
        let n = usize::from(self.address >> 1).wrapping_sub(0x50);
        let Some(e) = self.eeproms.get_mut(n).filter(|_| n < 8) else {
            self.status |= STS_DEVICE_ERROR;
            return;
        };
        let at = &mut self.at[n];
        let c = self.command;
        let byte = |i: u8| usize::from(c.wrapping_add(i));
        match (self.control >> 2 & 7, read) {
            (0, _) => {}
            (1, true) => {
                self.data[0] = e[usize::from(*at)];
                *at = at.wrapping_add(1);
            }
            (1, false) => *at = c,
            (2, true) => self.data[0] = e[byte(0)],
            (2, false) => e[byte(0)] = self.data[0],
            (3, true) => self.data = [e[byte(0)], e[byte(1)]],
            (3, false) => (e[byte(0)], e[byte(1)]) = (self.data[0], self.data[1]),
            (5, true) => {
                let len = usize::from(e[byte(0)]).min(32);
                self.data[0] = len as u8;
                for i in 0..len {
                    self.block[i] = e[byte(1 + i as u8)];
                }
                self.index = 0;
            }
            (5, false) => {
                let len = usize::from(self.data[0]).min(32);
                for i in 0..len {
                    e[byte(i as u8)] = self.block[i];
                }
            }
            _ => {
                self.status |= STS_DEVICE_ERROR;
                return;
            }
        }
        self.status |= STS_DONE;
    }

    /// A register read.
    pub fn read(&mut self, at: u64) -> u8 {
        match at {
            0 => self.status,
            2 => {
                self.index = 0;
                self.control & 0x1f
            }
            3 => self.command,
            4 => self.address,
            5 | 6 => self.data[at as usize - 5],
            7 => {
                let v = self.block[self.index & 31];
                self.index = (self.index + 1) & 31;
                v
            }
            _ => 0,
        }
    }

    /// A register write.
    pub fn write(&mut self, at: u64, v: u8) {
        match at {
            0 => {
                self.status &= !v;
                self.index = 0;
            }
            2 => {
                self.control = v;
                if v & CNT_START != 0 {
                    self.transact();
                }
            }
            3 => self.command = v,
            4 => self.address = v,
            5 | 6 => self.data[at as usize - 5] = v,
            7 => {
                self.block[self.index & 31] = v;
                self.index = (self.index + 1) & 31;
            }
            _ => {}
        }
    }
}

impl Stored for SmBus {
    fn store(&self, s: &mut Saver) {
        s.u8(self.eeproms.len() as u8);
        for e in &self.eeproms {
            s.raw(e);
        }
        s.raw(&self.at);
        for v in [
            self.status,
            self.control,
            self.command,
            self.address,
            self.index as u8,
        ] {
            s.u8(v);
        }
        s.raw(&self.data);
        s.raw(&self.block);
    }

    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        let n = l.u8()?;
        if n > 8 {
            return Err(LoadError::Invalid("number of EEPROMs"));
        }
        self.eeproms = vec![[0; 256]; usize::from(n)];
        for e in &mut self.eeproms {
            l.fill(e)?;
        }
        l.fill(&mut self.at)?;
        self.status = l.u8()?;
        self.control = l.u8()?;
        self.command = l.u8()?;
        self.address = l.u8()?;
        self.index = usize::from(l.u8()? & 31);
        l.fill(&mut self.data)?;
        l.fill(&mut self.block)
    }
}
