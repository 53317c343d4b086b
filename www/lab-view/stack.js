// @ts-check
/**
 * Who called whom. MIPS has no frame pointer to follow: the beginning of each function is read for the size of its frame and the place of the
 * return address, as compilers write them. On x86 the frame pointers are followed. Both are guesses, and say where they end.
 */

import { wordOf } from './numbers.js';

/** @typedef {import('./session.js').Session} Session */

const MOST_FRAMES = 32;
/** A function's beginning is looked for so far back where no symbol says it. */
const MOST_INSNS = 1024;

/**
 * @param {Session} session
 * @returns {Promise<{ pc: bigint, how: string }[]>}
 */
export async function backtrace(session) {
  const out = [{ pc: session.pc, how: '' }];
  const value = (/** @type {string} */ name) => {
    const found = session.registers.find((r) => r.name === name || r.alias === name);
    return found ? BigInt(found.value) : undefined;
  };
  if (session.mips) await mips(session, out, value('sp') ?? 0n, value('ra') ?? 0n);
  else await x86(session, out, value('rbp') ?? value('ebp') ?? 0n, session.digits / 2);
  return out;
}

/** @param {Session} session @param {{ pc: bigint, how: string }[]} out @param {bigint} sp @param {bigint} ra */
async function mips(session, out, sp, ra) {
  const bytes = session.digits / 2;
  for (let pc = session.pc; out.length < MOST_FRAMES; ) {
    const frame = await mipsFrame(session, pc);
    let back = ra;
    if (frame.saved !== null) {
      const data = await session.read(sp + BigInt(frame.saved), bytes);
      if (data.length < bytes) return;
      back = wordOf(data, session.bigEndian);
    } else if (out.length > 1) return;
    sp += BigInt(frame.size);
    // A call returns behind its delay slot.
    if (!back || back === pc || (back & 3n) !== 0n) return;
    if (!(await session.read(back, 4)).length) return;
    out.push({ pc: back, how: frame.saved === null ? '($ra)' : '' });
    pc = back - 8n;
  }
}

/** @param {Session} session @param {bigint} pc @returns {Promise<{ size: number, saved: number | null }>} */
async function mipsFrame(session, pc) {
  const near = session.symbols.near(pc);
  const known = near && near.offset < BigInt(4 * MOST_INSNS);
  const start = known ? near.at : pc - BigInt(4 * MOST_INSNS);
  const data = await session.read(start, Number(pc - start));
  const words = Array.from({ length: Math.floor(data.length / 4) }, (_, n) => Number(wordOf(data.slice(4 * n, 4 * n + 4), session.bigEndian)));
  let [size, saved] = [0, /** @type {number | null} */ (null)];
  for (const word of words) {
    const [op, imm] = [word >>> 16, (word << 16) >> 16];
    // addiu or daddiu sp, sp, -n: without symbols the last one before the pc counts.
    if ((op === 0x27bd || op === 0x67bd) && imm < 0) [size, saved] = [-imm, null];
    // sw or sd ra, n(sp)
    if (op === 0xafbf || op === 0xffbf) saved = imm;
  }
  return { size, saved };
}

/** @param {Session} session @param {{ pc: bigint, how: string }[]} out @param {bigint} frame @param {number} bytes */
async function x86(session, out, frame, bytes) {
  while (frame && out.length < MOST_FRAMES) {
    const data = await session.read(frame, 2 * bytes);
    if (data.length < 2 * bytes) return;
    const next = wordOf(data.slice(0, bytes), false);
    const back = wordOf(data.slice(bytes), false);
    if (!back || next <= frame) return;
    out.push({ pc: back, how: '' });
    frame = next;
  }
}
