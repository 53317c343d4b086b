// @ts-check
/** Names of addresses: from an ELF file's symbol table, or a System.map. What is read is distrusted: anything unreadable has no names. */

/** A name this far before an address does not explain it. */
const FARTHEST = 1n << 20n;
const SHT_SYMTAB = 2;
const STT_SECTION = 3;
const STT_FILE = 4;

export class Symbols {
  /** Ascending. @type {{ at: bigint, name: string }[]} */
  #list = [];
  /** @type {Map<string, bigint>} */
  #byName = new Map();

  /** @param {{ at: bigint, name: string }[]} [list] */
  constructor(list = []) {
    this.#list = [...list].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    for (const { name, at } of list) if (!this.#byName.has(name)) this.#byName.set(name, at);
  }

  /**
   * Reads a file of either kind.
   * @param {Uint8Array} file
   * @param {boolean} [wide] addresses of the guest have 64 bits: those of 32-bit files are sign-extended
   */
  static read(file, wide = false) {
    try {
      const elf = file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46;
      return new Symbols(elf ? fromElf(file, wide) : fromMap(new TextDecoder().decode(file)));
    } catch {
      return new Symbols();
    }
  }

  get size() {
    return this.#list.length;
  }

  /** @param {string} name */
  find(name) {
    return this.#byName.get(name);
  }

  /** Names that begin so. @param {string} prefix @param {number} most */
  offers(prefix, most) {
    return [...this.#byName.keys()].filter((name) => name.startsWith(prefix)).slice(0, most);
  }

  /** The name at or before an address. @param {bigint} at @returns {{ name: string, at: bigint, offset: bigint } | null} */
  near(at) {
    let [low, high] = [0, this.#list.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#list[middle]?.at ?? 0n) <= at) low = middle + 1;
      else high = middle;
    }
    const found = this.#list[low - 1];
    if (!found || at - found.at > FARTHEST) return null;
    return { ...found, offset: at - found.at };
  }

  /** An address in words: `name+0x10`, or nothing. @param {bigint} at */
  text(at) {
    const found = this.near(at);
    if (!found) return '';
    return found.offset ? `${found.name}+0x${found.offset.toString(16)}` : found.name;
  }
}

/** @param {Uint8Array} file @param {boolean} wide */
function fromElf(file, wide) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const is64 = file[4] === 2;
  const little = file[5] === 1;
  const half = (/** @type {number} */ at) => view.getUint16(at, little);
  const word = (/** @type {number} */ at) => view.getUint32(at, little);
  const address = (/** @type {number} */ at) => (is64 ? view.getBigUint64(at, little) : BigInt(word(at)));
  const extend = (/** @type {bigint} */ at) => (wide && !is64 ? BigInt.asUintN(64, BigInt.asIntN(32, at)) : at);
  const sections = Number(address(is64 ? 0x28 : 0x20));
  const size = half(is64 ? 0x3a : 0x2e);
  const count = half(is64 ? 0x3c : 0x30);
  const section = (/** @type {number} */ n) => {
    const at = sections + n * size;
    return {
      type: word(at + 4),
      offset: Number(address(at + (is64 ? 0x18 : 0x10))),
      bytes: Number(address(at + (is64 ? 0x20 : 0x14))),
      link: word(at + (is64 ? 0x28 : 0x18)),
    };
  };
  const list = [];
  const text = new TextDecoder();
  for (let n = 0; n < count; n++) {
    const table = section(n);
    if (table.type !== SHT_SYMTAB) continue;
    const names = section(table.link);
    const each = is64 ? 24 : 16;
    for (let at = table.offset; at + each <= table.offset + table.bytes; at += each) {
      const type = (file[at + (is64 ? 4 : 12)] ?? 0) & 15;
      const defined = half(at + (is64 ? 6 : 14));
      if (!defined || type === STT_SECTION || type === STT_FILE) continue;
      const from = names.offset + word(at);
      const name = text.decode(file.subarray(from, file.indexOf(0, from)));
      if (name) list.push({ name, at: extend(address(at + (is64 ? 8 : 4))) });
    }
  }
  return list;
}

/** @param {string} text */
function fromMap(text) {
  const list = [];
  for (const [, at, name] of text.matchAll(/^([0-9a-f]{8,16}) \w (\S+)$/gim)) list.push({ at: BigInt(`0x${at}`), name: name ?? '' });
  return list;
}
