// @ts-check
/**
 * The language of the page's QMP console: `command name=value …` or a message as JSON, and what may come next, by
 * `query-commands` and `query-qmp-schema`. It knows neither the DOM nor the machine.
 */

/** @typedef {{ name: string, type: string, optional: boolean, values: string[] }} Argument `values` if only these are allowed */

/** Splits at spaces that stand in no quotes and no brackets. @param {string} line */
function words(line) {
  const found = [];
  let word = '';
  let quote = '';
  let depth = 0;
  let any = false;
  for (let at = 0; at < line.length; at++) {
    const c = /** @type {string} */ (line[at]);
    if (quote) {
      word += c;
      if (c === '\\' && at + 1 < line.length) word += line[++at];
      else if (c === quote) quote = '';
      continue;
    }
    if (/\s/.test(c) && depth === 0) {
      if (any) found.push(word);
      word = '';
      any = false;
      continue;
    }
    any = true;
    word += c;
    if (c === '"' || c === "'") quote = c;
    if (c === '{' || c === '[') depth++;
    if (c === '}' || c === ']') depth--;
  }
  if (any) found.push(word);
  if (quote) throw new Error(`a ${quote} is not closed`);
  return found;
}

/** @param {string} text @returns {unknown} */
function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a value stands for. @param {string} text @param {string} type what the schema wants, if it is known */
function value(text, type) {
  const single = text.length > 1 && text.startsWith("'") && text.endsWith("'");
  if (single) return text.slice(1, -1).replace(/\\(.)/g, '$1');
  const parsed = json(text);
  if (type === 'string') return typeof parsed === 'string' ? parsed : text;
  if (parsed !== undefined) return parsed;
  if (text === 'on' && type === 'boolean') return true;
  if (text === 'off' && type === 'boolean') return false;
  if (/^0x[0-9a-f]+$/i.test(text)) return Number(text);
  return text;
}

/** The commands that there are, with their arguments. */
export class Schema {
  /** @type {Map<string, any>} */
  #types = new Map();
  /** @type {Map<string, any>} */
  #commands = new Map();
  /** The commands' names, sorted. @type {string[]} */
  names;

  /**
   * @param {{ name: string }[]} commands what `query-commands` says
   * @param {any[]} schema what `query-qmp-schema` says
   */
  constructor(commands = [], schema = []) {
    this.names = commands.map((c) => c.name).sort();
    for (const entity of schema) (entity['meta-type'] === 'command' ? this.#commands : this.#types).set(entity.name, entity);
  }

  /** @param {string} command @returns {Argument[]} */
  arguments(command) {
    const object = this.#types.get(this.#commands.get(command)?.['arg-type']);
    return (object?.members ?? []).map((/** @type {any} */ m) => {
      const type = this.#type(m.type);
      const values = type === 'boolean' ? ['true', 'false'] : this.#values(m.type);
      return { name: m.name, type, optional: 'default' in m, values };
    });
  }

  /** A type in a word. @param {string} name @returns {string} */
  #type(name) {
    const type = this.#types.get(name);
    if (type?.['meta-type'] === 'builtin') return type['json-type'] === 'int' ? 'integer' : type['json-type'];
    if (type?.['meta-type'] === 'enum') return 'string';
    if (type?.['meta-type'] === 'array') return `list of ${this.#type(type['element-type'])}`;
    return type ? 'object' : 'value';
  }

  /** @param {string} name @returns {string[]} */
  #values(name) {
    const type = this.#types.get(name);
    if (type?.['meta-type'] !== 'enum') return [];
    return type.values ?? type.members?.map((/** @type {any} */ m) => m.name) ?? [];
  }
}

/**
 * A line as a message.
 * @param {string} line
 * @param {Schema} schema
 * @returns {{ execute: string, arguments?: object }}
 */
export function parse(line, schema) {
  const text = line.trim();
  if (text.startsWith('{')) {
    /** @type {any} */
    const message = json(text);
    if (!message) throw new Error('this is no JSON');
    if (typeof message.execute !== 'string') throw new Error('a message needs "execute"');
    return message;
  }
  const [execute = '', ...rest] = words(text);
  if (!rest.length) return { execute };
  const known = new Map(schema.arguments(execute).map((a) => [a.name, a.type]));
  /** @type {[string, unknown][]} */
  const members = rest.map((word) => {
    const at = word.indexOf('=');
    if (at < 1) throw new Error(`arguments are written name=value, not ${word}`);
    const name = word.slice(0, at);
    return [name, value(word.slice(at + 1), known.get(name) ?? '')];
  });
  return { execute, arguments: Object.fromEntries(members) };
}

/**
 * What may stand at the end of a line.
 * @param {string} line
 * @param {Schema} schema
 * @returns {{ from: number, offers: string[] }} the offers replace what begins at `from`
 */
export function complete(line, schema) {
  const from = line.search(/\S*$/);
  const word = line.slice(from);
  /** @param {string[]} all */
  const some = (all) => all.filter((o) => o.startsWith(word) && o !== word);
  const before = line.slice(0, from).trim();
  if (line.trimStart().startsWith('{')) return { from, offers: [] };
  if (!before) return { from, offers: word ? some(schema.names) : [] };
  const [command = '', ...rest] = before.split(/\s+/);
  const args = schema.arguments(command);
  const named = args.find((a) => word.startsWith(`${a.name}=`));
  if (named) return { from, offers: some(named.values.map((v) => `${named.name}=${v}`)) };
  const given = new Set(rest.map((r) => r.split('=')[0]));
  return { from, offers: some(args.filter((a) => !given.has(a.name)).map((a) => `${a.name}=`)) };
}

/** The arguments of the command that a line begins with, for people. @param {string} line @param {Schema} schema */
export function help(line, schema) {
  const [command = ''] = line.trim().split(/\s+/);
  if (!schema.names.includes(command)) return '';
  const args = schema.arguments(command);
  if (!args.length) return `${command} takes no arguments.`;
  return `${command} ${args.map((a) => (a.optional ? `[${a.name}=${a.type}]` : `${a.name}=${a.type}`)).join(' ')}`;
}
