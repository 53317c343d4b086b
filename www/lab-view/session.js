// @ts-check
/**
 * What the Lab view knows of a machine: its state by QMP, which stops nothing, and a debugger's session for breakpoints and steps, which
 * begins when somebody needs it. It knows no element; its parts redraw on `change`.
 */

import { Gdb } from '../gdb.js';
import { bytesOfHex, hex, hexOfBytes } from './numbers.js';
import { Symbols } from './symbols.js';

/** @typedef {import('../machine.js').Machine} Machine */
/** @typedef {import('../qmp-types.js').XRegister} XRegister */
/** @typedef {{ kind: import('../gdb.js').PointKind, at: bigint, bytes: number }} Point */

/** A running machine is looked at this often. */
const LOOK_EVERY_MS = 500;

/** Instructions that go on behind themselves: calls, on MIPS with a delay slot, and on x86. */
const MIPS_CALL = /^(jal|jalr|bal|bgezal|bltzal|bgezall|bltzall|jalx)\b/;
const X86_CALL = /^(call|int|rep|repe|repne|loop|syscall|sysenter)/;

/** Events: `change` (the machine or what is known of it is another), `trouble` with a sentence. */
export class Session extends EventTarget {
  symbols = new Symbols();
  /** Lines of a source by address. @type {Map<bigint, number>} */
  lines = new Map();
  arch = 'mipsel';
  running = false;
  counted = false;
  pc = 0n;
  icount = 0;
  halted = false;
  /** Hex digits of an address. */
  digits = 8;
  /** @type {XRegister[]} */
  registers = [];
  /** Values when the machine stood still the last time. @type {Map<string, string>} */
  before = new Map();
  /** @type {Point[]} */
  points = [];
  /** What stopped it, in words. */
  why = '';
  /** @type {Gdb | null} */
  #gdb = null;
  #listening = new AbortController();
  #looking = false;
  #again = false;
  #timer = setInterval(() => this.running && this.look(), LOOK_EVERY_MS);

  /** @param {Machine} machine */
  constructor(machine) {
    super();
    this.machine = machine;
    const { signal } = this.#listening;
    for (const name of ['STOP', 'RESUME', 'RESET']) {
      machine.addEventListener(name, () => this.look(name === 'STOP'), { signal });
    }
  }

  get mips() {
    return this.arch.startsWith('mips');
  }

  get bigEndian() {
    return this.arch === 'mips' || this.arch === 'mips64';
  }

  /** It can go backwards: time is counted. */
  get reversible() {
    return this.#gdb?.reversible ?? this.counted;
  }

  /** Learns what does not change. */
  async begin() {
    const [{ arch }, icount] = await Promise.all([this.machine.qmp('query-target'), this.machine.qmp('x-icount')]);
    this.arch = arch;
    this.counted = icount.shift !== undefined;
    await this.look();
  }

  /** Looks at the machine. @param {boolean} [stopped] it has just stopped: what changed since the last stop is marked */
  async look(stopped = false) {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    try {
      do {
        this.#again = false;
        const [status, all] = await Promise.all([this.machine.qmp('query-status'), this.machine.qmp('x-registers')]);
        if (stopped) this.before = new Map(this.registers.map(({ name, value }) => [name, value]));
        stopped = false;
        this.running = status.running;
        this.pc = BigInt(all.pc);
        this.icount = all.icount;
        this.halted = all.halted;
        this.digits = all['address-digits'];
        this.registers = all.registers;
      } while (this.#again);
      // Which breakpoint it was, if one, is known by the pc alone.
      const here = this.points.some(({ kind, at }) => (kind === 'break' || kind === 'hbreak') && at === this.pc);
      if (this.why === 'here') this.why = here ? 'breakpoint' : '';
      this.dispatchEvent(new Event('change'));
    } catch (e) {
      this.trouble(e);
    } finally {
      this.#looking = false;
    }
  }

  /** @param {unknown} e */
  trouble(e) {
    this.dispatchEvent(new CustomEvent('trouble', { detail: e instanceof Error ? e.message : String(e) }));
  }

  /**
   * Names of addresses.
   * @param {Uint8Array} file an ELF file or a System.map
   */
  name(file) {
    this.symbols = Symbols.read(file, this.digits === 16);
    this.dispatchEvent(new Event('change'));
    return this.symbols.size;
  }

  /** An address as text. @param {bigint} at */
  address(at) {
    return hex(at, this.digits).slice(2);
  }

  /**
   * The address that a text means: a symbol, a register (`$sp`), a number, hexadecimal also without `0x` if it looks so, and a distance.
   * @param {string} text
   * @returns {bigint} throws where it means none
   */
  resolve(text) {
    const [, head = '', sign, distance] = /^\s*([^+\s-]+|-?\w+)\s*(?:([+-])\s*(0x[0-9a-f]+|\d+))?\s*$/i.exec(text) ?? [];
    const mask = (1n << BigInt(4 * this.digits)) - 1n;
    const base = this.#base(head);
    if (base === undefined) throw new Error(`'${text}' is neither an address nor a symbol nor a register`);
    const offset = distance ? BigInt(distance) : 0n;
    return (sign === '-' ? base - offset : base + offset) & mask;
  }

  /** @param {string} text */
  #base(text) {
    const symbol = this.symbols.find(text);
    if (symbol !== undefined) return symbol;
    const name = text.replace(/^\$/, '');
    const register = this.registers.find((r) => r.name === name || r.alias === name);
    if (register) return BigInt(register.value);
    if (name === 'pc') return this.pc;
    if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return BigInt(text);
    return /^[0-9a-f]{5,16}$/i.test(text) ? BigInt(`0x${text}`) : undefined;
  }

  /** @param {bigint} at @param {number} size @param {boolean} [physical] @returns {Promise<Uint8Array>} as much as there is */
  async read(at, size, physical = false) {
    const { data } = await this.machine.qmp('x-memory-read', { address: hex(at), size, physical });
    return bytesOfHex(data);
  }

  /** @param {bigint} at @param {Uint8Array} bytes @param {boolean} [physical] */
  async write(at, bytes, physical = false) {
    await this.machine.qmp('x-memory-write', { address: hex(at), data: hexOfBytes(bytes), physical });
    this.dispatchEvent(new Event('change'));
  }

  /** @param {bigint} at @param {number} count */
  async code(at, count) {
    return this.machine.qmp('x-disassemble', { address: hex(at), count });
  }

  /** The debugger's session; it begins, and the machine stops, if there is none. */
  async debug() {
    if (!this.#gdb) {
      this.#gdb = await Gdb.attach(this.machine);
      this.#gdb.addEventListener('stop', (ev) => {
        const { watch, beginning, signal } = /** @type {CustomEvent<import('../gdb.js').Stop>} */ (ev).detail;
        if (watch) this.why = `watchpoint: ${watch.kind === 'watch' ? 'written' : 'accessed'} ${this.#place(BigInt(`0x${watch.address}`))}`;
        else if (beginning) this.why = 'the beginning of what is known of the past';
        else this.why = signal === 2 ? '' : 'here';
      });
      this.#gdb.addEventListener('exit', () => (this.#gdb = null));
    }
    return this.#gdb;
  }

  /** @param {bigint} at */
  #place(at) {
    return `${this.address(at)} ${this.symbols.text(at)}`.trim();
  }

  async run() {
    this.why = '';
    if (this.#gdb) this.#gdb.cont().catch((e) => this.trouble(e));
    else await this.machine.qmp('cont');
    await this.look();
  }

  /** Runs to an address, once. @param {bigint} at */
  async runTo(at) {
    const gdb = await this.debug();
    await gdb.set('break', at);
    try {
      await gdb.cont();
    } finally {
      await gdb.clear('break', at);
    }
    this.why = '';
    await this.look(true);
  }

  async pause() {
    await this.machine.qmp('stop');
  }

  /** One instruction (on MIPS a branch with its delay slot), forwards or backwards. @param {boolean} [back] */
  async step(back = false) {
    const gdb = await this.debug();
    await (back ? gdb.stepBack() : gdb.step());
    await this.look(true);
  }

  /** One instruction, and all of a call. */
  async over() {
    const gdb = await this.debug();
    const [insn, slot] = await this.code(this.pc, 2);
    const call = insn && (this.mips ? MIPS_CALL : X86_CALL).test(insn.text);
    if (!insn || !slot || !call) return this.step();
    // A call on MIPS has a delay slot.
    const behind = BigInt(slot.address) + (this.mips ? 4n : 0n);
    if (!this.points.some(({ kind, at }) => kind === 'break' && at === behind)) return this.runTo(behind);
    await gdb.cont();
    await this.look(true);
  }

  /** Back to the last breakpoint or watchpoint. */
  async runBack() {
    await (await this.debug()).contBack();
    await this.look(true);
  }

  /** Sets a point, or takes it away. A machine that runs goes on. @param {Point} point */
  async toggle(point) {
    const was = this.running;
    const gdb = await this.debug();
    const same = (/** @type {Point} */ p) => p.kind === point.kind && p.at === point.at && p.bytes === point.bytes;
    if (this.points.some(same)) {
      await gdb.clear(point.kind, point.at, point.bytes);
      this.points = this.points.filter((p) => !same(p));
    } else {
      await gdb.set(point.kind, point.at, point.bytes);
      this.points = [...this.points, point];
    }
    if (was) await this.run();
    else this.dispatchEvent(new Event('change'));
  }

  /** @param {XRegister} register @param {bigint} value */
  async setRegister({ number, bits }, value) {
    if (number === undefined) throw new Error('this register cannot be set');
    const was = this.running;
    const gdb = await this.debug();
    const bytes = bytesOfHex(BigInt.asUintN(bits, value).toString(16).padStart(bits / 4, '0'));
    await gdb.setRegister(number, hexOfBytes(this.bigEndian ? bytes : bytes.reverse()));
    if (was) await this.run();
    else await this.look();
  }

  /** Breakpoints go; the machine stays as it is. */
  end() {
    clearInterval(this.#timer);
    this.#listening.abort();
    this.#gdb?.detach();
    this.#gdb = null;
  }
}
