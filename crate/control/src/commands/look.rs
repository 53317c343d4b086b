//! Texts, figures of our own, and what a debugger's view shows.

use crate::qmp::{debug, human, machine};
use crate::schema::Type::{Bool, Int, List, Object, Str};
use crate::schema::{Command, cmd, opt, req};
use crate::types::*;

/// The commands.
pub static COMMANDS: &[Command] = &[
    // Texts, and figures of our own.
    cmd("x-query-irq", human::irq)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("The interrupt controllers, as text."),
    cmd("x-query-jit", human::jit)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("The tiers and the compiler, as text. `x-jit` has the figures."),
    cmd("x-query-numa", human::numa)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("NUMA, as text."),
    cmd("x-query-ramblock", human::ramblock)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("The memory blocks, as text."),
    cmd("x-query-roms", human::roms)
        .returns(Object(&HUMAN_TEXT))
        .since("6.2")
        .features(&["unstable"])
        .doc("What was loaded into memory, as text."),
    cmd("x-jit", machine::jit)
        .returns(Object(&JIT_INFO))
        .doc("Figures of interpreter and compiler."),
    cmd("x-icount", machine::icount)
        .returns(Object(&ICOUNT_INFO))
        .doc("Instructions retired and virtual time."),
    // What a debugger's view shows. Addresses are texts: numbers, `$` and a register's name, sums of these.
    cmd("x-registers", debug::registers)
        .returns(Object(&REGISTERS))
        .features(&["unstable"])
        .doc("The vCPU's registers by gdb's names, with the names that assembly programs use. Values are hexadecimal."),
    cmd("x-memory-read", debug::memory_read)
        .args(&[req("address", Str), req("size", Int), opt("physical", Bool)])
        .returns(Object(&MEMORY_BYTES))
        .features(&["unstable"])
        .doc("Memory at a virtual or physical address, as hexadecimal digits, up to the first byte that is none. Devices are left alone.")
        .errors("The address is none."),
    cmd("x-memory-write", debug::memory_write)
        .args(&[req("address", Str), req("data", Str), opt("physical", Bool)])
        .features(&["unstable"])
        .doc("Writes memory, rights notwithstanding.")
        .errors("The address or the data are none; nothing answers there."),
    cmd("x-disassemble", debug::disassemble)
        .args(&[opt("address", Str), opt("count", Int), opt("physical", Bool)])
        .returns(List(&Object(&DISASSEMBLY)))
        .features(&["unstable"])
        .doc("Instructions from an address on, the pc's if none is given.")
        .errors("The address is none."),
    cmd("x-translate", debug::translate)
        .args(&[req("address", Str)])
        .returns(Object(&TRANSLATION))
        .features(&["unstable"])
        .doc("How the MMU would translate an address now: which entries it looks at, and what is in them. Without any effect.")
        .errors("The address is none."),
    cmd("x-block", debug::block)
        .args(&[opt("address", Str)])
        .returns(Object(&CODE_BLOCK))
        .features(&["unstable"])
        .doc("The block of code at an address, the pc's if none is given: as IR, as IR after the passes, and as the WebAssembly module \
             (hexadecimal) that it would be alone.")
        .errors("There is no code."),
    cmd("x-devices", debug::devices)
        .returns(List(&Object(&DEVICE_STATE)))
        .features(&["unstable"])
        .doc("The board's devices, where they answer, and what they say of their registers."),
];
