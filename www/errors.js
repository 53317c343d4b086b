// @ts-check
/** What goes wrong with a machine or program, as classes. What QMP refuses is a `QmpError`; what a signal aborts rejects with its reason. */

export { QmpError } from './machine.js';

/** The base of all the following. */
export class TinamouError extends Error {
  /** @param {string} message @param {ErrorOptions} [options] */
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The options make no machine or program. */
export class ConfigError extends TinamouError {}

/** An image could not be had. */
export class ImageError extends TinamouError {}

/** The machine is gone: it switched itself off, was ended, or never was. */
export class GoneError extends TinamouError {}

/** The emulator itself failed, which is a bug of ours. */
export class EmulatorError extends TinamouError {}

/** A lab, or a program of a lab, is not what it should be. */
export class LabError extends TinamouError {}
