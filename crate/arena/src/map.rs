//! Where the arena's bytes come from: an anonymous 4 GiB mapping natively, the emulator's own memory on wasm32.

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use core::cell::Cell;

    /// 4 GiB, every byte readable and writable, committed when touched, and a guard for what a u32 offset plus a static
    /// offset of generated code can reach beyond.
    pub struct Mapping {
        base: *mut u8,
        next: Cell<u64>,
        /// A file of [`ONES_BYTES`] bytes 0xff; -1 until it is needed.
        #[cfg(target_os = "linux")]
        ones: Cell<i32>,
    }

    #[cfg(target_os = "linux")]
    const ONES_BYTES: usize = 256 << 10;

    const BYTES: usize = 1 << 32;
    const GUARD_BYTES: usize = 1 << 32;

    impl Mapping {
        pub fn new() -> Result<Mapping, std::io::Error> {
            // SAFETY: a fresh anonymous reservation; no existing memory is touched.
            let base = unsafe {
                libc::mmap(
                    core::ptr::null_mut(),
                    BYTES + GUARD_BYTES,
                    libc::PROT_NONE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                    -1,
                    0,
                )
            };
            if base == libc::MAP_FAILED {
                return Err(std::io::Error::last_os_error());
            }
            // SAFETY: the range is the one just reserved. One page beyond 4 GiB is opened too, for the last unaligned access.
            if unsafe { libc::mprotect(base, BYTES + 4096, libc::PROT_READ | libc::PROT_WRITE) }
                != 0
            {
                return Err(std::io::Error::last_os_error());
            }
            // The first 64 KiB stay unused, so that offset 0 can mean "none".
            Ok(Mapping {
                base: base.cast(),
                next: Cell::new(65536),
                #[cfg(target_os = "linux")]
                ones: Cell::new(-1),
            })
        }

        pub fn base(&self) -> *mut u8 {
            self.base
        }

        pub fn alloc(&self, bytes: u64, align: u64) -> Option<u32> {
            let start = self.next.get().next_multiple_of(align);
            let end = start.checked_add(bytes)?;
            if end > BYTES as u64 {
                return None;
            }
            self.next.set(end);
            u32::try_from(start).ok()
        }

        pub fn reserve(&self, bytes: u64) -> Option<u32> {
            self.alloc(bytes, 4096)
        }

        /// Makes a fresh block of whole pages read as 0xff without touching it: private pages of a file, copied when written. `false`: nothing was done.
        #[cfg(target_os = "linux")]
        pub fn ones(&self, offset: u32, bytes: u32) -> bool {
            let (start, bytes) = (offset as usize, bytes as usize);
            if start % 4096 != 0 || bytes % ONES_BYTES != 0 || start + bytes > BYTES {
                return false;
            }
            if self.ones.get() < 0 {
                match ones_file() {
                    Some(fd) => self.ones.set(fd),
                    None => return false,
                }
            }
            (start..start + bytes).step_by(ONES_BYTES).all(|at| {
                // SAFETY: replaces pages of our own mapping that were handed out just now and hold nothing.
                let mapped = unsafe {
                    libc::mmap(
                        self.base.wrapping_add(at).cast(),
                        ONES_BYTES,
                        libc::PROT_READ | libc::PROT_WRITE,
                        libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE,
                        self.ones.get(),
                        0,
                    )
                };
                mapped != libc::MAP_FAILED
            })
        }

        #[cfg(not(target_os = "linux"))]
        pub fn ones(&self, _offset: u32, _bytes: u32) -> bool {
            false
        }
    }

    #[cfg(target_os = "linux")]
    fn ones_file() -> Option<i32> {
        use std::io::Write;
        use std::os::fd::{FromRawFd, IntoRawFd};
        // SAFETY: the name is a C string.
        let fd = unsafe { libc::memfd_create(c"ones".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return None;
        }
        // SAFETY: the descriptor is new and nobody else's.
        let mut file = unsafe { std::fs::File::from_raw_fd(fd) };
        file.write_all(&vec![0xff; ONES_BYTES]).ok()?;
        Some(file.into_raw_fd())
    }

    /// Address of the byte at `offset`.
    #[inline(always)]
    pub fn at(base: *mut u8, offset: u32) -> *mut u8 {
        base.wrapping_add(offset as usize)
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: unmaps exactly what `new` mapped; the last handle is gone.
            unsafe { libc::munmap(self.base.cast(), BYTES + GUARD_BYTES) };
            #[cfg(target_os = "linux")]
            if self.ones.get() >= 0 {
                // SAFETY: the descriptor is ours alone.
                unsafe { libc::close(self.ones.get()) };
            }
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use core::cell::RefCell;
    use std::alloc::{Layout, alloc_zeroed, dealloc};

    /// Blocks of the emulator's own heap: an offset is an address.
    pub struct Mapping {
        blocks: RefCell<Vec<(*mut u8, Layout)>>,
    }

    impl Mapping {
        pub fn new() -> Result<Mapping, std::io::Error> {
            Ok(Mapping {
                blocks: RefCell::new(Vec::new()),
            })
        }

        pub fn base(&self) -> *mut u8 {
            core::ptr::null_mut()
        }

        pub fn alloc(&self, bytes: u64, align: u64) -> Option<u32> {
            let layout =
                Layout::from_size_align(usize::try_from(bytes.max(1)).ok()?, align as usize)
                    .ok()?;
            // SAFETY: the layout's size is not zero.
            let block = unsafe { alloc_zeroed(layout) };
            if block.is_null() {
                return None;
            }
            self.blocks.borrow_mut().push((block, layout));
            Some(block.expose_provenance() as u32)
        }

        pub fn reserve(&self, _bytes: u64) -> Option<u32> {
            None
        }

        pub fn ones(&self, _offset: u32, _bytes: u32) -> bool {
            false
        }
    }

    /// Address of the byte at `offset`: the offset itself.
    #[inline(always)]
    pub fn at(_base: *mut u8, offset: u32) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(offset as usize)
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            for &(block, layout) in self.blocks.borrow().iter() {
                // SAFETY: allocated above with this layout, freed once.
                unsafe { dealloc(block, layout) };
            }
        }
    }
}

pub use imp::{Mapping, at};
