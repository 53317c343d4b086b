//! One address space: mappings (VMAs) and the pages that are there.

mod layout;

use std::collections::BTreeMap;
use std::rc::Rc;

use rustc_hash::FxHashMap;
use tinamou_arena::Arena;

use super::PAGE;
use super::frames::Frames;
use super::pages::{FileCache, PageSet};
use crate::errno::{EFAULT, ENOMEM, Errno, Res};

/// Protection bits, as mmap's.
pub mod prot {
    /// Readable.
    pub const READ: u32 = 1;
    /// Writable.
    pub const WRITE: u32 = 2;
    /// Executable.
    pub const EXEC: u32 = 4;
}

/// Bits of a page table entry below the frame's address: [`prot`], and these.
mod pte {
    /// Belongs to a shared mapping: never copied.
    pub const SHARED: u32 = 8;
    /// Code was fetched through this entry.
    pub const FETCHED: u32 = 16;
    pub const BITS: u32 = 0xfff;
}

/// What a mapping shows.
#[derive(Clone)]
pub enum Backing {
    /// Zero pages, private.
    Anon,
    /// Pages of a set: a file's, privately, copied when written.
    Private(Rc<PageSet>, u64),
    /// Pages of a set, shared.
    Shared(Rc<PageSet>, u64),
}

impl Backing {
    /// The same, `bytes` further on.
    fn advanced(&self, bytes: u64) -> Backing {
        match self {
            Backing::Anon => Backing::Anon,
            Backing::Private(s, at) => Backing::Private(s.clone(), at.wrapping_add(bytes)),
            Backing::Shared(s, at) => Backing::Shared(s.clone(), at.wrapping_add(bytes)),
        }
    }
}

/// A mapping.
#[derive(Clone)]
pub struct Vma {
    /// End (exclusive).
    pub end: u64,
    /// Protection.
    pub prot: u32,
    /// Content.
    pub backing: Backing,
    /// Path or `[stack]`, for /proc.
    pub name: Rc<[u8]>,
    /// System V segment it belongs to.
    pub shmid: Option<i32>,
    /// Device and inode, for /proc.
    pub file: (u64, u64),
    /// Not copied by fork.
    pub dont_fork: bool,
    /// Emptied in the child of a fork.
    pub wipe_on_fork: bool,
}

impl Vma {
    /// A private anonymous mapping that ends at `end`.
    pub fn anon(end: u64, prot: u32, name: &str) -> Vma {
        Vma {
            end,
            prot,
            backing: Backing::Anon,
            name: name.as_bytes().into(),
            shmid: None,
            file: (0, 0),
            dont_fork: false,
            wipe_on_fork: false,
        }
    }

    fn is_shared(&self) -> bool {
        matches!(self.backing, Backing::Shared(..))
    }
}

/// Why an access cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Miss {
    /// SIGSEGV, SEGV_MAPERR.
    Unmapped,
    /// SIGSEGV, SEGV_ACCERR.
    Protected,
    /// SIGBUS, BUS_ADRERR: beyond the end of a file.
    Beyond,
    /// No memory left.
    Full,
}

/// A granted access.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// Arena offset of the frame.
    pub frame: u32,
    /// Reads may be cached.
    pub read: bool,
    /// Another frame than the page had so far.
    pub changed: bool,
    /// Code seen through this page before is another's now.
    pub moved: bool,
}

/// What the page maps hold that is no longer so.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stale {
    /// Everything.
    pub all: bool,
    /// Ranges.
    pub ranges: Vec<(u64, u64)>,
}

/// An address space.
pub struct Space {
    /// Frames.
    pub frames: Rc<Frames>,
    /// Pages of files.
    pub cache: Rc<FileCache>,
    /// Mappings by start.
    pub vmas: BTreeMap<u64, Vma>,
    pages: FxHashMap<u64, u32>,
    /// Generation of its code mappings, unique among all spaces.
    pub generation: u32,
    /// What the vCPU's maps must forget.
    pub stale: Stale,
    /// Executable pages are those that can be read.
    pub read_implies_exec: bool,
    /// Highest address + 1.
    pub top: u64,
    /// Where mmap starts looking, downwards.
    pub mmap_top: u64,
    /// Start of the heap.
    pub brk_start: u64,
    /// End of the heap.
    pub brk: u64,
    /// Start and end of the program's code, of its data; start of the stack; arguments and environment: for /proc.
    pub code: (u64, u64),
    /// See `code`.
    pub data: (u64, u64),
    /// See `code`.
    pub stack_start: u64,
    /// See `code`.
    pub args: (u64, u64),
    /// See `code`.
    pub env: (u64, u64),
    /// The auxiliary vector's bytes.
    pub auxv: Vec<u8>,
    /// Code that signal handlers return to.
    pub trampoline: u64,
    /// Bytes mapped at most (RLIMIT_AS).
    pub limit: u64,
    /// Arena offset minus address of most of its pages, modulo 2^32.
    pub distance: u32,
}

impl Space {
    /// An empty space up to `top`.
    pub fn new(
        frames: &Rc<Frames>,
        cache: &Rc<FileCache>,
        top: u64,
        read_implies_exec: bool,
    ) -> Space {
        Space {
            frames: frames.clone(),
            cache: cache.clone(),
            vmas: BTreeMap::new(),
            pages: FxHashMap::default(),
            generation: frames.next_generation(),
            stale: Stale::default(),
            read_implies_exec,
            top,
            mmap_top: top,
            brk_start: 0,
            brk: 0,
            code: (0, 0),
            data: (0, 0),
            stack_start: 0,
            args: (0, 0),
            env: (0, 0),
            auxv: Vec::new(),
            trampoline: 0,
            limit: u64::MAX,
            distance: frames.open(),
        }
    }

    /// The memory.
    pub fn arena(&self) -> &Arena {
        &self.frames.arena
    }

    /// The mapping that holds `va`.
    pub fn vma(&self, va: u64) -> Option<(u64, &Vma)> {
        self.vmas
            .range(..=va)
            .next_back()
            .filter(|(_, v)| va < v.end)
            .map(|(&s, v)| (s, v))
    }

    fn allowed(&self, prot: u32, need: u32) -> bool {
        prot & need == need
            || need == prot::EXEC && self.read_implies_exec && prot & prot::READ != 0
    }

    /// Makes the page of `va` accessible for `need` (one bit of [`prot`]).
    ///
    /// # Errors
    /// [`Miss`].
    pub fn fault(&mut self, va: u64, need: u32) -> Result<Hit, Miss> {
        let vpn = va / PAGE;
        let entry = match self.pages.get(&vpn) {
            Some(&e) => e,
            None => self.load(va, need)?,
        };
        if !self.allowed(entry, need) {
            return Err(Miss::Protected);
        }
        let mut frame = entry & !pte::BITS;
        let (mut moved, mut changed) = (false, false);
        if need == prot::WRITE && entry & pte::SHARED == 0 && !self.frames.sole(frame) {
            let copy = self
                .frames
                .alloc(frame == self.frames.zero, Some((va, self.distance)))
                .ok_or(Miss::Full)?;
            if frame != self.frames.zero {
                let mut buf = [0u8; PAGE as usize];
                self.arena().read_bytes(frame, &mut buf);
                self.arena().write_bytes(copy, &buf);
            }
            self.frames.release(frame);
            self.pages
                .insert(vpn, copy | entry & pte::BITS & !pte::FETCHED);
            frame = copy;
            changed = true;
            if entry & pte::FETCHED != 0 {
                self.generation = self.frames.next_generation();
                moved = true;
            }
        }
        if need == prot::EXEC && entry & pte::FETCHED == 0 {
            self.pages.insert(vpn, entry | pte::FETCHED);
            self.frames.note_fetch(frame);
        }
        Ok(Hit {
            frame,
            read: entry & prot::READ != 0,
            changed,
            moved,
        })
    }

    /// Brings in a page that is not there.
    fn load(&mut self, va: u64, need: u32) -> Result<u32, Miss> {
        let (start, vma) = self.vma(va).ok_or(Miss::Unmapped)?;
        if !self.allowed(vma.prot, need) {
            return Err(Miss::Protected);
        }
        let (set, at) = match &vma.backing {
            Backing::Anon => {
                let bits = vma.prot;
                let frame = if need == prot::WRITE {
                    self.frames
                        .alloc(true, Some((va, self.distance)))
                        .ok_or(Miss::Full)?
                } else {
                    self.frames.share(self.frames.zero);
                    self.frames.zero
                };
                self.pages.insert(va / PAGE, frame | bits);
                return Ok(frame | bits);
            }
            Backing::Private(set, at) | Backing::Shared(set, at) => (set.clone(), *at),
        };
        let bits = vma.prot | if vma.is_shared() { pte::SHARED } else { 0 };
        let index = at.wrapping_add((va & !(PAGE - 1)) - start) / PAGE;
        // The place of what is copied when it is written is the copy's.
        let copied = !vma.is_shared() && vma.prot & prot::WRITE != 0;
        let wanted = (!copied).then_some((va, self.distance));
        let frame = match set.get(index, wanted) {
            Ok(Some(f)) => f,
            Ok(None) => return Err(Miss::Beyond),
            Err(e) if e == ENOMEM => return Err(Miss::Full),
            Err(_) => return Err(Miss::Beyond),
        };
        self.pages.insert(va / PAGE, frame | bits);
        Ok(frame | bits)
    }

    /// Copies from guest memory.
    ///
    /// # Errors
    /// EFAULT.
    pub fn read(&mut self, va: u64, buf: &mut [u8]) -> Res<()> {
        let mut done = 0;
        while done < buf.len() {
            let at = va.wrapping_add(done as u64);
            let n = ((PAGE - at % PAGE) as usize).min(buf.len() - done);
            let hit = self.fault(at, prot::READ).map_err(|_| EFAULT)?;
            self.arena()
                .read_bytes(hit.frame + (at % PAGE) as u32, &mut buf[done..done + n]);
            done += n;
        }
        Ok(())
    }

    /// Copies to guest memory.
    ///
    /// # Errors
    /// EFAULT.
    pub fn write(&mut self, va: u64, data: &[u8]) -> Res<()> {
        self.poke(va, data)
    }

    fn poke(&mut self, va: u64, data: &[u8]) -> Res<()> {
        let mut done = 0;
        while done < data.len() {
            let at = va.wrapping_add(done as u64);
            let n = ((PAGE - at % PAGE) as usize).min(data.len() - done);
            let hit = self.fault(at, prot::WRITE).map_err(|_| EFAULT)?;
            if hit.changed {
                // The maps may still show the page before it was copied.
                self.forget(at & !(PAGE - 1), PAGE);
            }
            let to = hit.frame + (at % PAGE) as u32;
            self.frames.note_write(to, n as u32);
            self.arena().write_bytes(to, &data[done..done + n]);
            done += n;
        }
        Ok(())
    }

    /// Writes whatever the protection is: the program loader's and the debugger's way.
    ///
    /// # Errors
    /// EFAULT where nothing is mapped.
    pub fn write_forced(&mut self, va: u64, data: &[u8]) -> Res<()> {
        let mut done = 0;
        while done < data.len() {
            let at = va.wrapping_add(done as u64);
            let n = ((PAGE - at % PAGE) as usize).min(data.len() - done);
            let (start, end) = (at & !(PAGE - 1), (at & !(PAGE - 1)) + PAGE);
            let old = self.vma(at).ok_or(EFAULT)?.1.prot;
            if old & prot::WRITE == 0 {
                self.protect(start, end, old | prot::WRITE | prot::READ)?;
            }
            let result = self.poke(at, &data[done..done + n]);
            if old & prot::WRITE == 0 {
                self.protect(start, end, old)?;
            }
            result?;
            done += n;
        }
        Ok(())
    }

    /// Whether all of a range may be accessed.
    pub fn check(&mut self, va: u64, bytes: u64, need: u32) -> bool {
        let mut at = va & !(PAGE - 1);
        let Some(end) = va.checked_add(bytes) else {
            return false;
        };
        while at < end {
            if self.fault(at, need).is_err() {
                return false;
            }
            at += PAGE;
        }
        true
    }

    /// The bytes of a string, without its zero.
    ///
    /// # Errors
    /// EFAULT, or `long` if it has `max` bytes or more.
    pub fn string(&mut self, va: u64, max: usize, long: Errno) -> Res<Vec<u8>> {
        let mut out = Vec::new();
        let mut buf = [0u8; 256];
        while out.len() < max {
            let at = va.wrapping_add(out.len() as u64);
            let n = ((PAGE - at % PAGE) as usize).min(buf.len());
            self.read(at, &mut buf[..n])?;
            if let Some(end) = buf[..n].iter().position(|&b| b == 0) {
                out.extend_from_slice(&buf[..end]);
                return if out.len() >= max { Err(long) } else { Ok(out) };
            }
            out.extend_from_slice(&buf[..n]);
        }
        Err(long)
    }

    fn forget(&mut self, va: u64, bytes: u64) {
        if self.stale.ranges.last() == Some(&(va, bytes)) {
            return;
        }
        if self.stale.ranges.len() >= 64 {
            self.stale.all = true;
            self.stale.ranges.clear();
        }
        if !self.stale.all {
            self.stale.ranges.push((va, bytes));
        }
    }

    /// A copy for a child: frames are shared until one side writes.
    pub fn fork(&mut self) -> Space {
        let mut child = Space::new(&self.frames, &self.cache, self.top, self.read_implies_exec);
        child.vmas = self
            .vmas
            .iter()
            .filter(|(_, v)| !v.dont_fork)
            .map(|(&s, v)| (s, v.clone()))
            .collect();
        child.pages.reserve(self.pages.len());
        let special = self.vmas.values().any(|v| v.dont_fork || v.wipe_on_fork);
        for (&vpn, &e) in &self.pages {
            if special
                && self
                    .vma(vpn * PAGE)
                    .is_none_or(|(_, v)| v.dont_fork || v.wipe_on_fork)
            {
                continue;
            }
            self.frames.share(e & !pte::BITS);
            child.pages.insert(vpn, e & !pte::FETCHED);
        }
        child.mmap_top = self.mmap_top;
        child.brk_start = self.brk_start;
        child.brk = self.brk;
        child.code = self.code;
        child.data = self.data;
        child.stack_start = self.stack_start;
        child.args = self.args;
        child.env = self.env;
        child.auxv.clone_from(&self.auxv);
        child.limit = self.limit;
        child.trampoline = self.trampoline;
        self.stale.all = true;
        child
    }

    /// The (shared set, byte offset) of `va`, for futexes between processes.
    pub fn shared_place(&self, va: u64) -> Option<(usize, u64)> {
        match self.vma(va)? {
            (
                start,
                Vma {
                    backing: Backing::Shared(set, at),
                    ..
                },
            ) => Some((Rc::as_ptr(set) as usize, at.wrapping_add(va - start))),
            _ => None,
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        for (_, e) in self.pages.drain() {
            self.frames.release(e & !pte::BITS);
        }
        self.frames.close(self.distance);
    }
}
