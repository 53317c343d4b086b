//! Generations of code mappings: what the code caches compare instead of walking the page tables again. Loading CR3 renews what is not
//! global; INVLPG renews only where code was fetched.

use tinamou_ir::guest::{Cx, Lasting, State};
use tinamou_ir::layout;

use crate::X86;

/// Words of the filter of fetched pages.
const WORDS: usize = 512;

/// The generations given out, and where code was fetched under them.
pub struct CodeMappings {
    /// The last one. The generations of a machine's vCPUs never meet.
    last: u32,
    /// Pages fetched from since all mappings were renewed: a bit for each, which several share.
    fetched: Box<[u64; WORDS]>,
}

impl CodeMappings {
    /// Those of a vCPU that was given no page yet.
    pub fn new(cpu_num: u32) -> CodeMappings {
        CodeMappings {
            last: 1 + cpu_num,
            fetched: Box::new([0; WORDS]),
        }
    }

    fn bit(va: u64) -> (usize, u64) {
        let page = va >> 12;
        let n = (page ^ page >> 15) as usize % (64 * WORDS);
        (n / 64, 1 << (n % 64))
    }

    /// Code is fetched from this page.
    pub fn note(&mut self, va: u64) {
        let (word, bit) = Self::bit(va);
        self.fetched[word] |= bit;
    }

    /// Code may have been fetched from this page.
    fn noted(&self, va: u64) -> bool {
        let (word, bit) = Self::bit(va);
        self.fetched[word] & bit != 0
    }
}

impl X86 {
    fn next_generation(&mut self) -> u32 {
        self.code.last = self.code.last.wrapping_add(self.cpus);
        self.code.last
    }

    /// New mappings: all code is checked again.
    pub(crate) fn renew(&mut self, cx: &mut dyn Cx) {
        let generation = self.next_generation();
        cx.set_code_gen(Lasting::Space, generation);
        cx.set_code_gen(Lasting::Global, generation);
        self.code.fetched.fill(0);
    }

    /// A new address space: code outside global pages is checked again.
    pub(crate) fn renew_space(&mut self, cx: &mut dyn Cx) {
        let generation = self.next_generation();
        cx.set_code_gen(Lasting::Space, generation);
    }

    /// The mapping of one page is new.
    pub(crate) fn renew_page(&mut self, cx: &mut dyn Cx, va: u64) {
        if self.code.noted(va) {
            self.renew(cx);
        }
    }

    /// After a reset: code of the time before must not look checked.
    pub(crate) fn renew_reset(&mut self, state: &State) {
        let generation = self.next_generation();
        state.write32(layout::CODE_GEN, generation);
        state.write32(layout::GLOBAL_GEN, generation);
        self.code.fetched.fill(0);
    }
}
