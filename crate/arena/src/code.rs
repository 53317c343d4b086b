//! Memory for machine code of this host: written by a translator, called through one kind of function.

use core::ptr;

/// How a piece of code ends: two words that it returns.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Returned {
    /// The first word (RAX).
    pub what: u64,
    /// The second word (RDX).
    pub pc: u64,
}

/// A fixed reservation of memory that can be written and executed: code, filled from its start and emptied whole, and data behind it that the code reaches.
pub struct CodeMemory {
    base: *mut u8,
    used: usize,
    code_bytes: usize,
    bytes: usize,
}

impl CodeMemory {
    /// Reserves so many bytes for code and for data, less than 2 GiB together, committed when touched. `None` where the host forbids memory that is both written
    /// and executed.
    pub fn new(code_bytes: usize, data_bytes: usize) -> Option<CodeMemory> {
        let bytes = code_bytes + data_bytes;
        // SAFETY: a fresh anonymous mapping; no existing memory is touched.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        (base != libc::MAP_FAILED).then_some(CodeMemory {
            base: base.cast(),
            used: 0,
            code_bytes,
            bytes,
        })
    }

    /// Appends a piece of code, 16-byte aligned, and returns where it starts; `None` when it is full.
    pub fn add(&mut self, code: &[u8]) -> Option<u32> {
        let start = self.next() as usize;
        let end = start.checked_add(code.len())?;
        if end > self.code_bytes {
            return None;
        }
        // SAFETY: the range lies in our own mapping, and nothing that runs lies there, as pieces are appended.
        unsafe { ptr::copy_nonoverlapping(code.as_ptr(), self.base.add(start), code.len()) };
        self.used = end;
        u32::try_from(start).ok()
    }

    /// Where the next piece will start.
    pub fn next(&self) -> u32 {
        self.used.next_multiple_of(16) as u32
    }

    #[inline(always)]
    fn place(&self, at: u32, bytes: usize) -> *mut u8 {
        assert!(at as usize + bytes <= self.bytes, "{at:#x} is not there");
        self.base.wrapping_add(at as usize)
    }

    /// Reads a word of data, or of code.
    #[inline]
    pub fn read32(&self, at: u32) -> u32 {
        // SAFETY: the place was checked; nothing else runs meanwhile.
        unsafe { self.place(at, 4).cast::<u32>().read_unaligned() }
    }

    /// Writes a word of data, or of code: of this thread's own, which sees it when it comes by next (Intel SDM volume 3, Self-Modifying Code).
    #[inline]
    pub fn write32(&mut self, at: u32, v: u32) {
        // SAFETY: as for the read.
        unsafe { self.place(at, 4).cast::<u32>().write_unaligned(v) }
    }

    /// Writes a double word of data.
    #[inline]
    pub fn write64(&mut self, at: u32, v: u64) {
        // SAFETY: as for the read.
        unsafe { self.place(at, 8).cast::<u64>().write_unaligned(v) }
    }

    /// The address of a place.
    pub fn address(&self, at: u32) -> u64 {
        self.place(at, 0) as u64
    }

    /// Forgets all pieces.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Asks the processor for the beginning of a piece.
    #[inline(always)]
    pub fn fetch(&self, at: u32) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let line = self.base.wrapping_add(at as usize);
        // SAFETY: a hint; whatever the address, nothing is read that the program sees, and nothing faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }

    /// Calls the piece that starts at `at` with four words in RDI, RSI, RDX and R8.
    ///
    /// # Safety
    /// `at` came from [`CodeMemory::add`] since the last [`CodeMemory::clear`]; the piece keeps to the C calling convention and touches no memory but what
    /// its words let it.
    #[inline(always)]
    pub unsafe fn call(&self, at: u32, a: *mut u8, b: *mut u8, c: u64, d: *mut u8) -> Returned {
        type Piece = unsafe extern "sysv64" fn(*mut u8, *mut u8, u64, u64, *mut u8) -> Returned;
        debug_assert!((at as usize) < self.used);
        // SAFETY: a piece starts there, says the caller.
        unsafe {
            let piece: Piece = core::mem::transmute(self.base.add(at as usize));
            piece(a, b, c, 0, d)
        }
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: unmaps exactly what `new` mapped.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_called() {
        let mut memory = CodeMemory::new(64, 16).unwrap();
        // mov eax, [rdi]; mov edx, 7; ret
        let code = [0x8b, 0x07, 0xba, 7, 0, 0, 0, 0xc3];
        let mut word = 41u32.to_le_bytes();
        for start in [0, 16, 32, 48] {
            assert_eq!(memory.add(&code), Some(start));
            word[0] += 1;
            // SAFETY: the piece was just added, returns by the convention and reads the four bytes at RDI.
            let r = unsafe {
                memory.call(
                    start,
                    word.as_mut_ptr(),
                    ptr::null_mut(),
                    0,
                    ptr::null_mut(),
                )
            };
            assert_eq!((r.what, r.pc), (word[0] as u64, 7));
        }
        assert_eq!(memory.add(&code), None);
        memory.clear();
        assert_eq!(memory.add(&code), Some(0));
    }
}
