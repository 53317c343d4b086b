// @ts-check
/** What a file of the user's is, by its first bytes, and what machine it is for. */

const SECTOR = 512;
/** Enough for the places looked at below. */
const HEAD_BYTES = 0x8806;
/** Sizes of floppies. */
const FLOPPIES = [360, 720, 1200, 1440, 2880].map((k) => k * 1024);
const MIPS = 8;
const I386 = 3;
const X86_64 = 62;

/**
 * @param {Blob & { name?: string }} file
 * @returns {Promise<{ option: string, target?: string, what: string }>} the option that takes it
 */
export async function sniff(file) {
  const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const text = (/** @type {number} */ at, /** @type {number} */ n) => String.fromCharCode(...head.subarray(at, at + n));
  const name = (file.name ?? '').toLowerCase();
  if (text(0, 7) === 'TINAMOU') return { option: 'incoming', what: 'a snapshot' };
  if (text(0, 4) === '\x7fELF') {
    const little = head[5] === 1;
    const wide = head[4] === 2;
    const machine = little ? head[18] : head[19];
    if (machine === MIPS) return { option: 'kernel', target: `mips${wide ? '64' : ''}${little ? 'el' : ''}`, what: 'a MIPS kernel' };
    if (machine === I386 || machine === X86_64) return { option: 'kernel', target: machine === I386 ? 'i386' : 'x86_64', what: 'an x86 kernel' };
    return { option: 'kernel', what: 'an ELF file' };
  }
  if (text(0x202, 4) === 'HdrS') return { option: 'kernel', target: 'i386', what: 'a Linux bzImage' };
  if (text(0, 2) === '\x1f\x8b' || text(0, 6) === '070701' || text(0, 6) === '\xfd7zXZ\0') return { option: 'initrd', what: 'an initial RAM disk' };
  if (text(0x8001, 5) === 'CD001') return { option: 'cdrom', target: 'i386', what: 'a CD' };
  if (text(0, 4) === 'QFI\xfb') return { option: 'hda', target: 'i386', what: 'a qcow2 disk' };
  if (text(0, 4) === '\xd0\x0d\xfe\xed') return { option: 'dtb', what: 'a device tree' };
  if (FLOPPIES.includes(file.size) && head[510] === 0x55) return { option: 'fda', target: 'i386', what: 'a floppy' };
  if (/\.(bin|rom|fd)$/.test(name) && file.size <= 4 << 20) return { option: 'bios', what: 'firmware' };
  if (head[510] === 0x55 && head[511] === 0xaa) return { option: 'hda', target: 'i386', what: 'a disk' };
  if (file.size <= 1_474_560 && file.size % SECTOR === 0) return { option: 'fda', target: 'i386', what: 'a floppy' };
  return { option: 'hda', what: 'a disk' };
}
