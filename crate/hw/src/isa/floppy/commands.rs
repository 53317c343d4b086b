//! Commands (data sheet 290166, section 5): parameters, execution, results.

use tinamou_core::BlockError;

use super::*;

/// Bytes of a command with its parameters, by its first byte.
pub(super) fn length(c: u8) -> usize {
    match c & 0x1f {
        0x06 | 0x0c | 0x05 | 0x09 | 0x02 | 0x16 => 9,
        0x0d => 6,
        0x03 => 3,
        0x07 | 0x04 | 0x0a | 0x12 => 2,
        0x0f => 3,
        0x13 => 4,
        _ => 1,
    }
}

impl Floppy {
    pub(super) fn execute(&mut self, cx: &mut dyn DevCx, c: &[u8]) {
        let p = |i: usize| c.get(i).copied().unwrap_or(0);
        match (p(0), p(0) & 0x1f) {
            (_, 0x06 | 0x0c | 0x02) => self.data(cx, c, false, false),
            (_, 0x16) => self.data(cx, c, false, true),
            (_, 0x05 | 0x09) => self.data(cx, c, true, false),
            (_, 0x0d) => self.format(cx, c),
            (0x03, _) => self.specify = [p(1), p(2)],
            (0x04, _) => {
                let (unit, head) = (p(1) & 3, p(1) >> 2 & 1);
                let mut st3 = 0x28 | head << 2 | unit;
                if self
                    .drives
                    .get(usize::from(unit))
                    .is_some_and(|d| d.cylinder == 0)
                {
                    st3 |= 0x10;
                }
                if self.medium(cx, unit).is_some_and(|m| m.2) {
                    st3 |= 0x40;
                }
                self.answer(&[st3]);
            }
            (0x07, _) => self.seek(cx, p(1), 0),
            (0x08, _) => match self.sense.pop_front() {
                Some((st0, at)) => {
                    if self.sense.is_empty() {
                        self.set_irq(cx, false);
                    }
                    self.answer(&[st0, at]);
                }
                None => self.answer(&[ST0_INVALID]),
            },
            (0x0f, _) => self.seek(cx, p(1), p(2)),
            // Relative seek: out or in.
            (0x8f | 0xcf, _) => {
                let at = self
                    .drives
                    .get(usize::from(p(1) & 3))
                    .map_or(0, |d| d.cylinder);
                let to = if p(0) & 0x40 != 0 {
                    at.saturating_add(p(2))
                } else {
                    at.saturating_sub(p(2))
                };
                self.seek(cx, p(1), to);
            }
            (0x4a | 0x0a, _) => self.read_id(cx, p(1)),
            (0x0e, _) => {
                let at = self.drives.map(|d| d.cylinder);
                let lock = u8::from(self.locked) << 7;
                self.answer(&[
                    at[0],
                    at[1],
                    0,
                    0,
                    self.specify[0],
                    self.specify[1],
                    self.t.last,
                    lock | self.perpendicular & 0x7f,
                    self.config[0],
                    self.config[1],
                ]);
            }
            (0x10, _) => self.answer(&[0x90]),
            (0x12, _) => self.perpendicular = p(1),
            (0x13, _) => self.config = [p(2), p(3)],
            (0x14 | 0x94, _) => {
                self.locked = p(0) & 0x80 != 0;
                let v = u8::from(self.locked) << 4;
                self.answer(&[v]);
            }
            _ => self.answer(&[ST0_INVALID]),
        }
    }

    fn seek(&mut self, cx: &mut dyn DevCx, unit: u8, to: u8) {
        let n = usize::from(unit & 3);
        let Some(d) = self.drives.get_mut(n) else {
            // A drive that is not there never comes to track 0.
            let st0 = ST0_ABNORMAL | ST0_SEEK_END | ST0_NO_TRACK0 | unit & 3;
            return self.sensed(cx, st0, 0);
        };
        d.head = unit >> 2 & 1;
        d.seeking = Some(to);
        cx.set_timer(0, Some(cx.now() + Ns(STEP_NS)));
    }

    fn sensed(&mut self, cx: &mut dyn DevCx, st0: u8, at: u8) {
        if self.sense.len() < 8 {
            self.sense.push_back((st0, at));
        }
        self.set_irq(cx, true);
    }

    /// The heads have arrived.
    pub(super) fn seeks_end(&mut self, cx: &mut dyn DevCx) {
        for n in 0..2u8 {
            let there = self.slots[usize::from(n)].is_some();
            let medium = self.medium(cx, n).is_some();
            let d = &mut self.drives[usize::from(n)];
            let Some(to) = d.seeking.take() else { continue };
            let head = d.head << 2;
            if !there && to == 0 {
                self.sensed(
                    cx,
                    ST0_ABNORMAL | ST0_SEEK_END | ST0_NO_TRACK0 | head | n,
                    0,
                );
                continue;
            }
            // No drive steps beyond track 83.
            d.cylinder = to.min(83);
            if medium {
                d.changed = false;
            }
            self.sensed(cx, ST0_SEEK_END | head | n, to);
        }
    }

    fn read_id(&mut self, cx: &mut dyn DevCx, unit: u8) {
        let n = unit & 3;
        let at = self.drives.get(usize::from(n)).map_or(0, |d| d.cylinder);
        let head = unit >> 2 & 1;
        self.t = Transfer {
            from: [at, head, 1],
            ..Transfer::default()
        };
        let bad = match self.medium(cx, n) {
            Some((_, g, _)) if head < g.heads => 0,
            _ => ST1_NO_MARK,
        };
        self.result(cx, n, head, bad, 0, [at, head, 1]);
    }

    /// READ, WRITE, VERIFY: unit and head, cylinder, head, sector, size, last sector, gap, length.
    fn data(&mut self, cx: &mut dyn DevCx, c: &[u8], write: bool, verify: bool) {
        let p = |i: usize| c.get(i).copied().unwrap_or(0);
        let (unit, head) = (p(1) & 3, p(1) >> 2 & 1);
        let from = [p(2), p(3), p(4)];
        self.t = Transfer {
            write,
            verify,
            from,
            last: p(6),
            multi: p(0) & 0x80 != 0,
            ..Transfer::default()
        };
        let Some((slot, g, protected)) = self.medium(cx, unit) else {
            return self.result(cx, unit, head, ST1_NO_MARK, 0, from);
        };
        if write && protected {
            return self.result(cx, unit, head, ST1_PROTECTED, 0, from);
        }
        let at = self.drives.get(usize::from(unit)).map_or(0, |d| d.cylinder);
        let good = from[0] == at
            && from[0] < g.cylinders
            && from[1] < g.heads
            && (1..=g.sectors).contains(&from[2])
            && p(5) == 2;
        if !good {
            return self.result(cx, unit, head, ST1_NO_DATA, 0, from);
        }
        let last = p(6).clamp(from[2], g.sectors);
        let mut n = u32::from(last - from[2]) + 1;
        if self.t.multi && from[1] == 0 && g.heads == 2 {
            n += u32::from(last);
        }
        self.t.sectors = n.min(MAX_SECTORS);
        self.drives[usize::from(unit & 1)].head = head;
        let lba = (u64::from(from[0]) * u64::from(g.heads) + u64::from(from[1]))
            * u64::from(g.sectors)
            + u64::from(from[2] - 1);
        self.phase = Phase::Busy;
        if !write {
            let sectors = self.t.sectors;
            self.submit(cx, slot, BlockRequest::Read { lba, sectors }, sectors);
            return;
        }
        self.t.buf = vec![0; self.t.sectors as usize * SECTOR];
        if self.non_dma() {
            self.phase = Phase::Out;
            return self.set_irq(cx, true);
        }
        let mut buf = std::mem::take(&mut self.t.buf);
        let moved = cx.isa_dma(DMA, false, &mut buf);
        self.t.at = moved.bytes;
        // A sector that the terminal count cuts short is filled with zeros.
        buf.truncate(moved.bytes.div_ceil(SECTOR) * SECTOR);
        self.t.buf = buf;
        if self.t.buf.is_empty() {
            return self.finish(cx, 0x10);
        }
        self.write_out(cx);
    }

    fn format(&mut self, cx: &mut dyn DevCx, c: &[u8]) {
        let p = |i: usize| c.get(i).copied().unwrap_or(0);
        let (unit, head) = (p(1) & 3, p(1) >> 2 & 1);
        let at = self.drives.get(usize::from(unit)).map_or(0, |d| d.cylinder);
        let from = [at, head, 1];
        self.t = Transfer {
            write: true,
            format: true,
            from,
            last: p(3),
            filler: p(5),
            ..Transfer::default()
        };
        let Some((_, g, protected)) = self.medium(cx, unit) else {
            return self.result(cx, unit, head, ST1_NO_MARK, 0, from);
        };
        if protected || head >= g.heads || at >= g.cylinders || p(3) > g.sectors || p(2) != 2 {
            let why = if protected {
                ST1_PROTECTED
            } else {
                ST1_NO_DATA
            };
            return self.result(cx, unit, head, why, 0, from);
        }
        // Each sector's address comes from the guest; their order does not matter here.
        self.t.sectors = u32::from(p(3));
        let mut ids = vec![0; 4 * usize::from(p(3))];
        if !self.non_dma() {
            cx.isa_dma(DMA, false, &mut ids);
        }
        self.t.buf = vec![p(5); usize::from(p(3)) * SECTOR];
        if self.t.buf.is_empty() {
            return self.finish(cx, 0);
        }
        self.write_out(cx);
    }

    fn submit(&mut self, cx: &mut dyn DevCx, slot: u32, r: BlockRequest, sectors: u32) {
        let time = Ns(SECTOR_NS * u64::from(sectors.max(1)));
        self.t.request = Some(cx.block_submit(slot, r, time).0);
    }

    /// Hands the buffer to the drive.
    pub(super) fn write_out(&mut self, cx: &mut dyn DevCx) {
        self.phase = Phase::Busy;
        let unit = self.selected();
        let Some((slot, g, _)) = self.medium(cx, unit) else {
            return self.finish(cx, ST1_NO_MARK);
        };
        let [c, h, r] = self.t.from;
        let lba = (u64::from(c) * u64::from(g.heads) + u64::from(h)) * u64::from(g.sectors)
            + u64::from(r.saturating_sub(1));
        let data = self.t.buf.clone();
        let n = (data.len() / SECTOR) as u32;
        self.submit(cx, slot, BlockRequest::Write { lba, data }, n);
    }

    /// The drive has read or written.
    pub(super) fn drive_done(&mut self, cx: &mut dyn DevCx, result: Result<Vec<u8>, BlockError>) {
        let data = match result {
            Ok(d) => d,
            Err(e) => {
                cx.guest_error(format_args!("floppy: {e}"));
                return self.finish(cx, 0x20);
            }
        };
        if self.t.write {
            // All sectors without a terminal count: the command ran past its last one.
            let whole = self.t.buf.len() == self.t.sectors as usize * SECTOR;
            let more = whole && self.non_dma() && !self.t.format;
            return self.finish(cx, if more { ST1_END } else { 0 });
        }
        self.t.buf = data;
        self.t.at = 0;
        if self.t.verify {
            self.t.at = self.t.buf.len();
            return self.finish(cx, 0);
        }
        if self.non_dma() {
            self.phase = Phase::In;
            return self.set_irq(cx, true);
        }
        let mut buf = std::mem::take(&mut self.t.buf);
        let moved = cx.isa_dma(DMA, true, &mut buf);
        self.t.at = moved.bytes;
        self.t.buf = buf;
        self.finish(cx, if moved.terminal { 0 } else { ST1_END });
    }

    /// Ends a data command after `t.at` bytes, with this in ST1.
    pub(super) fn finish(&mut self, cx: &mut dyn DevCx, st1: u8) {
        let unit = self.selected();
        let sectors = if self.t.format {
            0
        } else {
            self.t.at.div_ceil(SECTOR) as u32
        };
        let [mut c, mut h, r] = self.t.from;
        let mut r = u32::from(r) + sectors;
        let last = u32::from(self.t.last).max(1);
        if r > last {
            r -= last;
            if self.t.multi && h == 0 {
                h = 1;
                if r > last {
                    r -= last;
                    h = 0;
                    c = c.wrapping_add(1);
                }
            } else {
                h = if self.t.multi { 0 } else { h };
                c = c.wrapping_add(1);
            }
        }
        let head = self.t.from[1];
        self.result(cx, unit, head, st1, 0, [c, h, r as u8]);
    }

    fn result(&mut self, cx: &mut dyn DevCx, unit: u8, head: u8, st1: u8, st2: u8, chr: [u8; 3]) {
        let st0 = if st1 | st2 != 0 { ST0_ABNORMAL } else { 0 } | head << 2 | unit;
        let [c, h, r] = chr;
        self.t.buf.clear();
        self.t.at = 0;
        self.answer(&[st0, st1, st2, c, h, r, 2]);
        self.set_irq(cx, true);
    }
}
