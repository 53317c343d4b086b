//! Packet commands of a CD-ROM drive (MMC-3, T10/1363-D; SPC-2), as a function from a 12-byte packet to what to do.
//!
//! Modelled: the commands that operating systems and firmware use on data discs with one track. Not modelled: audio, writing,
//! changing discs while the machine runs (START STOP UNIT only remembers the tray).

use tinamou_core::stored;

/// The outcome of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Done, no data.
    Done,
    /// Send these bytes.
    Data(Vec<u8>),
    /// Read `count` 2048-byte blocks from block `lba`.
    Read {
        /// First block.
        lba: u64,
        /// Number of blocks.
        count: u32,
    },
    /// Failed: sense key, additional sense code.
    Check(u8, u8),
}

/// State of the drive that packets see.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Cd {
    /// Sense key of the last failure.
    pub sense: u8,
    /// Its additional sense code.
    pub asc: u8,
    /// The tray is out.
    pub open: bool,
    /// The disc may not be ejected.
    pub locked: bool,
    /// The guest has not yet been told that a disc was put in.
    pub changed: bool,
}
stored!(Cd {
    sense,
    asc,
    open,
    locked,
    changed
});

const NOT_READY: u8 = 2;
const ILLEGAL_REQUEST: u8 = 5;
const UNIT_ATTENTION: u8 = 6;
const ASC_NO_MEDIUM: u8 = 0x3a;
const ASC_LBA: u8 = 0x21;
const ASC_OPCODE: u8 = 0x20;
const ASC_FIELD: u8 = 0x24;
const ASC_CHANGED: u8 = 0x28;
const ASC_LOCKED: u8 = 0x53;

fn be16(p: &[u8; 12], at: usize) -> usize {
    usize::from(p[at]) << 8 | usize::from(p[at + 1])
}
fn be32(p: &[u8; 12], at: usize) -> u64 {
    (be16(p, at) as u64) << 16 | be16(p, at + 2) as u64
}

fn cut(mut v: Vec<u8>, n: usize) -> Outcome {
    v.truncate(n);
    Outcome::Data(v)
}

fn msf(lba: u64) -> [u8; 3] {
    let f = lba + 150;
    [(f / 75 / 60) as u8, (f / 75 % 60) as u8, (f % 75) as u8]
}

impl Cd {
    /// Executes a packet; `blocks` is the disc's size, `None` without a disc. Failures are remembered for REQUEST SENSE.
    pub fn packet(&mut self, p: &[u8; 12], blocks: Option<u64>) -> Outcome {
        let blocks = blocks.filter(|_| !self.open);
        let out = self.execute(p, blocks);
        match out {
            Outcome::Check(key, asc) => (self.sense, self.asc) = (key, asc),
            _ if p[0] != 0x03 => (self.sense, self.asc) = (0, 0),
            _ => {}
        }
        out
    }

    fn execute(&mut self, p: &[u8; 12], blocks: Option<u64>) -> Outcome {
        let always = matches!(p[0], 0x03 | 0x12 | 0x46 | 0x4a);
        if self.changed && blocks.is_some() && !always {
            self.changed = false;
            return Outcome::Check(UNIT_ATTENTION, ASC_CHANGED);
        }
        let no_medium = Outcome::Check(NOT_READY, ASC_NO_MEDIUM);
        match p[0] {
            0x00 => {
                if blocks.is_some() {
                    Outcome::Done
                } else {
                    no_medium
                }
            }
            0x03 => {
                let mut d = vec![0; 18];
                (d[0], d[2], d[7], d[12]) = (0x70, self.sense, 10, self.asc);
                (self.sense, self.asc) = (0, 0);
                cut(d, usize::from(p[4]))
            }
            0x12 => {
                let mut d = vec![5, 0x80, 0, 0x21, 31, 0, 0, 0];
                d.extend_from_slice(b"TINAMOU CD-ROM          1.0 ");
                cut(d, be16(p, 3))
            }
            0x1a => self.mode_sense(p[2], usize::from(p[4]), 4),
            0x5a => self.mode_sense(p[2], be16(p, 7), 8),
            0x1b => self.start_stop(p[4]),
            0x1e => {
                self.locked = p[4] & 1 != 0;
                Outcome::Done
            }
            0x25 => match blocks {
                Some(n) => {
                    let last = n.saturating_sub(1).min(u64::from(u32::MAX)) as u32;
                    let mut d = last.to_be_bytes().to_vec();
                    d.extend_from_slice(&2048u32.to_be_bytes());
                    Outcome::Data(d)
                }
                None => no_medium,
            },
            0x28 | 0xa8 | 0xbe => {
                let Some(n) = blocks else { return no_medium };
                let (lba, count) = match p[0] {
                    0x28 => (be32(p, 2), be16(p, 7) as u64),
                    0xa8 => (be32(p, 2), be32(p, 6)),
                    // READ CD: user data only.
                    _ => match p[9] & 0xf8 {
                        0 => return Outcome::Done,
                        0x10 => (be32(p, 2), be32(p, 5) & 0xff_ffff),
                        _ => return Outcome::Check(ILLEGAL_REQUEST, ASC_FIELD),
                    },
                };
                if lba + count > n {
                    return Outcome::Check(ILLEGAL_REQUEST, ASC_LBA);
                }
                if count == 0 {
                    Outcome::Done
                } else {
                    Outcome::Read {
                        lba,
                        count: count as u32,
                    }
                }
            }
            0x2b if blocks.is_some() => Outcome::Done,
            0x43 => match blocks {
                Some(n) => toc(p, n),
                None => no_medium,
            },
            0x46 => {
                let profile: u16 = if blocks.is_some() { 0x08 } else { 0 };
                let mut d = vec![0, 0, 0, 0x0c, 0, 0];
                d.extend_from_slice(&profile.to_be_bytes());
                // Profile list: CD-ROM.
                d.extend_from_slice(&[0, 0, 3, 4, 0, 8, u8::from(blocks.is_some()), 0]);
                cut(d, be16(p, 7))
            }
            0x4a => {
                // Media events, polled.
                let here = if blocks.is_some() {
                    2
                } else {
                    u8::from(self.open)
                };
                cut(vec![0, 6, 4, 0x10, 0, here, 0, 0], be16(p, 7))
            }
            0x51 => match blocks {
                Some(_) => {
                    let mut d = vec![0; 34];
                    (d[1], d[2], d[3], d[4], d[5], d[6]) = (32, 0x0e, 1, 1, 1, 1);
                    cut(d, be16(p, 7))
                }
                None => no_medium,
            },
            0xbb => Outcome::Done,
            0xbd => cut(vec![0, 0, 0, 0, 0, 1, 0, 0], be16(p, 8)),
            _ => Outcome::Check(ILLEGAL_REQUEST, ASC_OPCODE),
        }
    }

    fn start_stop(&mut self, what: u8) -> Outcome {
        if what & 2 != 0 {
            if what & 1 == 0 && self.locked {
                return Outcome::Check(ILLEGAL_REQUEST, ASC_LOCKED);
            }
            let open = what & 1 == 0;
            self.changed |= self.open && !open;
            self.open = open;
        }
        Outcome::Done
    }

    fn mode_sense(&self, page: u8, limit: usize, head: usize) -> Outcome {
        let mut d = vec![0; head];
        let all = page & 0x3f == 0x3f;
        if page >> 6 == 3 {
            return Outcome::Check(ILLEGAL_REQUEST, 0x39);
        }
        let before = d.len();
        if all || page & 0x3f == 0x01 {
            d.extend_from_slice(&[0x01, 6, 0, 5, 0, 0, 0, 0]);
        }
        if all || page & 0x3f == 0x0e {
            d.extend_from_slice(&[0x0e, 14, 4, 0, 0, 0, 0, 0, 1, 0xff, 2, 0xff, 0, 0, 0, 0]);
        }
        if all || page & 0x3f == 0x2a {
            let lock = 0x29 | u8::from(self.locked) << 1;
            d.extend_from_slice(&[
                0x2a, 18, 0, 0, 0x71, 0x60, lock, 0, 0x02, 0xc2, 0, 2, 0x02, 0, 0x02, 0xc2, 0, 0,
                0, 0,
            ]);
        }
        if d.len() == before {
            return Outcome::Check(ILLEGAL_REQUEST, ASC_FIELD);
        }
        if head == 4 {
            d[0] = (d.len() - 1) as u8;
        } else {
            d[1] = (d.len() - 2) as u8;
        }
        cut(d, limit)
    }
}

/// READ TOC/PMA/ATIP: one data track.
fn toc(p: &[u8; 12], blocks: u64) -> Outcome {
    let as_msf = p[1] & 2 != 0;
    let address = |lba: u64| -> [u8; 4] {
        if as_msf {
            let [m, s, f] = msf(lba);
            [0, m, s, f]
        } else {
            (lba as u32).to_be_bytes()
        }
    };
    let format = if p[2] & 0x0f != 0 {
        p[2] & 0x0f
    } else {
        p[9] >> 6
    };
    let mut d = vec![0, 0, 1, 1];
    match format {
        0 => {
            if p[6] > 1 && p[6] != 0xaa {
                return Outcome::Check(ILLEGAL_REQUEST, ASC_FIELD);
            }
            if p[6] <= 1 {
                d.extend_from_slice(&[0, 0x14, 1, 0]);
                d.extend_from_slice(&address(0));
            }
            d.extend_from_slice(&[0, 0x14, 0xaa, 0]);
            d.extend_from_slice(&address(blocks));
        }
        1 => {
            d.extend_from_slice(&[0, 0x14, 1, 0]);
            d.extend_from_slice(&address(0));
        }
        2 => {
            let [m, s, f] = msf(blocks);
            for (point, pm, ps, pf) in [
                (0xa0, 1, 0, 0),
                (0xa1, 1, 0, 0),
                (0xa2, m, s, f),
                (1, 0, 2, 0),
            ] {
                d.extend_from_slice(&[1, 0x14, 0, point, 0, 0, 0, 0, pm, ps, pf]);
            }
        }
        _ => return Outcome::Check(ILLEGAL_REQUEST, ASC_FIELD),
    }
    d[1] = (d.len() - 2) as u8;
    cut(d, be16(p, 7))
}
