// @ts-check
/** The machine that v86 is: as much of `-M pc -m 256` as it has, started with a kernel. */

/** @param {{ bios: ArrayBuffer, vgaBios: ArrayBuffer, kernel: ArrayBuffer, initrd: ArrayBuffer }} images */
export const machineOf = ({ bios, vgaBios, kernel, initrd }) => ({
  memory_size: 256 << 20,
  vga_memory_size: 8 << 20,
  bios: { buffer: bios },
  vga_bios: { buffer: vgaBios },
  bzimage: { buffer: kernel },
  initrd: { buffer: initrd },
  cmdline: 'console=ttyS0 panic=-1 quiet',
  disable_speaker: true,
  disable_keyboard: true,
  disable_mouse: true,
  autostart: true,
});
