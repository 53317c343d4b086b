// @ts-check
/**
 * Functions that no guest needs to boot, by their names in Rust: monitors, the debugger, saved states, formats of images, cards. They come after the
 * rest of the emulator. One that is called all the same while a guest boots costs a request, nothing more; `tests/web/split.mjs` says so.
 */

import { nameOf, readProfile } from './profile.mjs';

const COLD = [
  // Control: everything but a session's start, `query-status` and what a page asks for while it makes a machine.
  /tinamou_control::(hmp|gdb|snapshots|objects|ringbuf|schema::(introspect|reference|typescript|docs))/,
  /tinamou_control::qmp::(qom|block|machine|debug|chardev|plug(?!.*clear_cards)|nodes|migration|dump|memory|screen|input(?!::\{)|objects|net(?!.*::attach)|human|keys)\b/,
  /tinamou_control::qmp::protocol::schema/,
  /machine_gdb|labrun_|^assemble|tinamou_web::(gdb|lab)|tinamou_lab::|serde_json::de::/,
  // States of machines.
  /(Device|Driven|Stored|VirtioDevice|Guest|VirtioPci\S*|Machine)>?::(load|save|info|restore|stored?|load_state|save_state|rewind|snapshot)\b/,
  /tinamou_machine::(snapshot::(?!Identity)|history|inspect|debug)/,
  /tinamou_x86::state::|(Mips|X86)>::(save|load)\b/,
  /miniz_oxide|flate2|lz4_flex|image::gunzip/,
  // What people read.
  /iced_x86::formatter|::(disassemble|dump|describe|described|explain|debug_description|debug_write|debug_read)\b/,
  /tinamou_\w+::(gdb|show|explain|disas)\b/,
  /tinamou_ir::text|describe_registers|tinamou_ir::print/,
  /core\[?\w*\]?::num::(imp::)?(flt2dec|dec2flt)|<f(32|64) as core|to_uppercase|zmij::|crc32fast::|json::parse::float/,
  /serde_json::(value::Value as core::fmt|number::Number as serde)|serde_core::ser::Serialize for serde_json/,
  // Images of their own formats, and cards that a board has when asked for.
  /block::(qcow2|overlay)/,
  // The network behind the card, which guests find when they look for one; back ends outside.
  /tinamou_net::|tinamou_web::(network::make|remote)|machine_(takeDiskQuestions|answerDisk|netInput|takeFrames|takeSounds|listen)/,
  // Folders that the page shares.
  /tinamou_web::shares::(?!Shares::new)|machine_(addShare|putShared|listShared|readShared)/,
  // Cards that are asked for, media that are changed, code that is dropped.
  /tinamou_control::(cards|migration(?!.*::work))\b|WebHost as tinamou_control::driven::Host>::(insert|add_drive|remove|look)\b|machine_(putDrive|putFile|takeFile|bringMemory|stateHash|gdb\w*)\b/,
  /tinamou_jit::(regions::Regions|blocks::Blocks)::clear\b|WebEngine as [\w:]+Engine>::retire/,
  // Words for errors.
  / as core(\[\w+\])?::fmt::Debug>::fmt|<(serde|tinamou)\S* as core(\[\w+\])?::fmt::Display>::fmt|escape_debug|slice_error_fail|core(\[\w+\])?::net::|serde_json::(read|error)::|value::de::<impl/,
  // SSE and AVX: kernels boot without them.
  /tinamou_x86::(fpu::sse|lift::(simd|sse(?!::control)|avx))\b/,
  // Going on from a saved state.
  /Machine as tinamou_control::driven::Driven>::load_from|tinamou_web::incoming/,
  /tinamou_hw::virtio::(?!pci::VirtioPci<\S+>::new)/,
  /tinamou_hw::net::(?!e1000).*::(input|receive)\b/,
  /tinamou_hw::net::(?!pcnet).*::(write|write_sized|write_register|read|read_register|receive|transmit|send|load|save)\b/,
  /tinamou_x86::fpu::(transcendental|crypto)|tinamou_x86::mmu::.*::leaves|tinamou_hw::isa::ps2::Mouse/,
  /(Machine|MachineError) as [\w:]+(Driven>::(plug|unplug|show_block)|Display>::fmt)|tinamou_web::error::sentence|Setup::set\b/,
];

/** The same of one bundle: a PC's kernel looks how its FPU divides. @type {Record<string, RegExp[]>} */
const COLD_IN = { mips: [/tinamou_softfloat::|tinamou_mips::fpu::soft/] };

/**
 * Functions of the standard library serve many, some under the name of another whose code would be the same, and so do those that are numbered because
 * others have their name: they only follow who calls them.
 */
const SHARED = /^<?(alloc|core|hashbrown|std)\b|\[\d+\]$/;

/** The same of our types, or of any that is dropped: what the patterns name is no word of what the function does. */
const OF_OURS = /^<?(alloc|core|hashbrown|std)\b.*tinamou_|^core::ptr::drop_in_place/;

/** Says of functions of a bundle whether they seem cold. @param {string} bundle */
export function seemsColdIn(bundle) {
  const patterns = [...COLD, ...(COLD_IN[bundle] ?? [])];
  return (/** @type {string} */ name) => !OF_OURS.test(name) && patterns.some((pattern) => pattern.test(name));
}

/** Whether they are to come later. @param {string} bundle @returns {(name: string) => boolean} */
export function coldIn(bundle) {
  const { idle, busy } = readProfile(bundle);
  const seemsCold = seemsColdIn(bundle);
  return (name) => {
    const plain = nameOf(name);
    return (idle.has(plain) && !SHARED.test(plain)) || (!busy.has(plain) && seemsCold(plain));
  };
}
