//! What lies where in an address space: mapping, unmapping, moving, protecting, and finding room.

use super::{Backing, Space, Vma, prot, pte};
use crate::errno::{EEXIST, EFAULT, EINVAL, ENOMEM, Res};
use crate::mem::{PAGE, page_up};

impl Space {
    /// Splits mappings so that one starts at `at`.
    pub(super) fn split(&mut self, at: u64) {
        let Some((start, vma)) = self.vma(at) else {
            return;
        };
        if start == at {
            return;
        }
        let mut upper = vma.clone();
        upper.backing = upper.backing.advanced(at - start);
        if let Some(lower) = self.vmas.get_mut(&start) {
            lower.end = at;
        }
        self.vmas.insert(at, upper);
    }

    /// Drops the pages of a range, not the mappings.
    pub fn drop_pages(&mut self, start: u64, end: u64) {
        let (first, last) = (start / PAGE, end / PAGE);
        let mut fetched = false;
        if last - first > self.pages.len() as u64 {
            let frames = self.frames.clone();
            self.pages.retain(|vpn, e| {
                let hit = (first..last).contains(vpn);
                if hit {
                    fetched |= *e & pte::FETCHED != 0;
                    frames.release(*e & !pte::BITS);
                }
                !hit
            });
        } else {
            for vpn in first..last {
                if let Some(e) = self.pages.remove(&vpn) {
                    fetched |= e & pte::FETCHED != 0;
                    self.frames.release(e & !pte::BITS);
                }
            }
        }
        if fetched {
            self.generation = self.frames.next_generation();
        }
        self.forget(start, end - start);
    }

    /// Removes what is mapped in a range of whole pages.
    pub fn unmap(&mut self, start: u64, end: u64) {
        if self
            .vmas
            .range(..end)
            .next_back()
            .is_none_or(|(_, v)| v.end <= start)
        {
            return;
        }
        self.split(start);
        self.split(end);
        let gone: Vec<u64> = self.vmas.range(start..end).map(|(&s, _)| s).collect();
        for s in gone {
            self.vmas.remove(&s);
        }
        self.drop_pages(start, end);
    }

    /// Maps `vma` at `start`, over what was there.
    pub fn map(&mut self, start: u64, vma: Vma) {
        self.unmap(start, vma.end);
        // A neighbour that this one continues, so that heaps and stacks stay one mapping.
        if matches!(vma.backing, Backing::Anon)
            && vma.shmid.is_none()
            && let Some((_, below)) = self.vmas.range_mut(..start).next_back()
            && below.end == start
            && below.prot == vma.prot
            && below.name == vma.name
            && matches!(below.backing, Backing::Anon)
            && !below.dont_fork
            && !below.wipe_on_fork
        {
            below.end = vma.end;
            return;
        }
        self.vmas.insert(start, vma);
    }

    /// Changes the protection of a range of whole pages.
    ///
    /// # Errors
    /// ENOMEM if not all of it is mapped.
    pub fn protect(&mut self, start: u64, end: u64, prot: u32) -> Res<()> {
        if !self.is_mapped(start, end) {
            return Err(ENOMEM);
        }
        self.split(start);
        self.split(end);
        for (_, v) in self.vmas.range_mut(start..end) {
            v.prot = prot;
        }
        let mut fetched = false;
        let mut set = |e: &mut u32| {
            if *e & 7 != prot {
                fetched |= *e & pte::FETCHED != 0;
                *e = *e & !(7 | pte::FETCHED) | prot;
            }
        };
        if (end - start) / PAGE > self.pages.len() as u64 {
            for (vpn, e) in &mut self.pages {
                if (start / PAGE..end / PAGE).contains(vpn) {
                    set(e);
                }
            }
        } else {
            for vpn in start / PAGE..end / PAGE {
                if let Some(e) = self.pages.get_mut(&vpn) {
                    set(e);
                }
            }
        }
        if fetched {
            self.generation = self.frames.next_generation();
        }
        self.forget(start, end - start);
        Ok(())
    }

    /// Whether every page of a range belongs to a mapping.
    pub fn is_mapped(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        while at < end {
            match self.vma(at) {
                Some((_, v)) => at = v.end,
                None => return false,
            }
        }
        true
    }

    /// Whether nothing of a range is mapped.
    pub fn is_free(&self, start: u64, end: u64) -> bool {
        self.vmas
            .range(..end)
            .next_back()
            .is_none_or(|(_, v)| v.end <= start)
    }

    /// Bytes mapped.
    pub fn mapped_bytes(&self) -> u64 {
        self.vmas.iter().map(|(s, v)| v.end - s).sum()
    }

    /// Bytes there.
    pub fn resident_bytes(&self) -> u64 {
        self.pages.len() as u64 * PAGE
    }

    /// A free range of `bytes`: at `hint` if that is free, else the highest below the stack, else the highest.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn find(&self, hint: u64, bytes: u64, align: u64) -> Res<u64> {
        self.find_below(self.top, hint, bytes, align)
    }

    /// As `find`, but not above `limit` unless the hint says so.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn find_below(&self, limit: u64, hint: u64, bytes: u64, align: u64) -> Res<u64> {
        let hint = hint & !(PAGE - 1);
        if hint >= 0x10000
            && hint
                .checked_add(bytes)
                .is_some_and(|e| e <= self.top && self.is_free(hint, e))
        {
            return Ok(hint);
        }
        let limit = limit.min(self.top);
        self.highest(limit.min(self.mmap_top), bytes, align)
            .or_else(|_| self.highest(limit, bytes, align))
    }

    /// The highest free range of `bytes` below `limit`.
    fn highest(&self, limit: u64, bytes: u64, align: u64) -> Res<u64> {
        let mut top = limit;
        let fits = |top: u64| {
            top.checked_sub(bytes)
                .map(|s| s & !(align - 1))
                .filter(|&s| s >= 0x10000)
        };
        for (&start, v) in self.vmas.range(..limit).rev() {
            let s = fits(top).ok_or(ENOMEM)?;
            if v.end <= s {
                return Ok(s);
            }
            top = start.min(top);
        }
        fits(top).ok_or(ENOMEM)
    }

    /// Checks `bytes` more against the limit.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn may_grow(&self, bytes: u64) -> Res<()> {
        if self.limit != u64::MAX && self.mapped_bytes().saturating_add(bytes) > self.limit {
            return Err(ENOMEM);
        }
        Ok(())
    }

    /// Sets the end of the heap; gives the end in force.
    pub fn set_brk(&mut self, to: u64) -> u64 {
        let (old_end, new_end) = (page_up(self.brk), page_up(to));
        if to < self.brk_start || new_end > self.top {
            return self.brk;
        }
        if new_end > old_end {
            if self.may_grow(new_end - old_end).is_err() || !self.is_free(old_end, new_end) {
                return self.brk;
            }
            self.map(
                old_end,
                Vma::anon(new_end, prot::READ | prot::WRITE, "[heap]"),
            );
        } else if new_end < old_end {
            self.unmap(new_end, old_end);
        }
        self.brk = to;
        to
    }

    /// Moves pages and mapping from `old..old + bytes` to `to` (mremap); the target is free.
    pub fn relocate(&mut self, old: u64, bytes: u64, to: u64, new_bytes: u64) -> Res<()> {
        self.split(old);
        self.split(old + bytes);
        let mut vma = self
            .vmas
            .remove(&old)
            .filter(|v| v.end == old + bytes)
            .ok_or(EFAULT)?;
        vma.end = to + new_bytes;
        let mut fetched = false;
        for i in 0..bytes / PAGE {
            if let Some(e) = self.pages.remove(&(old / PAGE + i)) {
                fetched |= e & pte::FETCHED != 0;
                self.pages.insert(to / PAGE + i, e & !pte::FETCHED);
            }
        }
        if fetched {
            self.generation = self.frames.next_generation();
        }
        self.vmas.insert(to, vma);
        self.forget(old, bytes);
        self.forget(to, new_bytes);
        Ok(())
    }

    /// Checks and rounds a range given by a program.
    ///
    /// # Errors
    /// EINVAL, ENOMEM.
    pub fn range(&self, start: u64, bytes: u64) -> Res<(u64, u64)> {
        if !start.is_multiple_of(PAGE) {
            return Err(EINVAL);
        }
        let end = start
            .checked_add(page_up(bytes))
            .filter(|&e| e <= self.top)
            .ok_or(ENOMEM)?;
        Ok((start, end))
    }

    /// Fails if something is mapped there (MAP_FIXED_NOREPLACE).
    ///
    /// # Errors
    /// EEXIST.
    pub fn must_be_free(&self, start: u64, end: u64) -> Res<()> {
        if self.is_free(start, end) {
            Ok(())
        } else {
            Err(EEXIST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::frames::Frames;
    use tinamou_arena::Arena;

    #[test]
    fn what_does_not_fit_below_the_stack_goes_above() {
        let frames = Frames::new(&Arena::new().unwrap()).unwrap();
        let mut space = Space::new(&frames, &Default::default(), 0xc000_0000, false);
        let stack = 0x3fff_f000;
        space.map(stack - PAGE, Vma::anon(stack, 3, "[stack]"));
        space.mmap_top = stack - PAGE;
        assert_eq!(space.find(0, PAGE, PAGE), Ok(stack - 2 * PAGE));
        assert_eq!(space.find(0, 1 << 30, PAGE), Ok(0x8000_0000));
        assert_eq!(space.find_below(1 << 31, 0, 1 << 30, PAGE), Ok(0x4000_0000));
        assert_eq!(space.find(0, 1 << 32, PAGE), Err(ENOMEM));
    }
}
