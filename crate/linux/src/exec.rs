//! Programs: ELF files and scripts, and what a new program finds on its stack (System V ABI; linux/fs/binfmt_elf.c for the auxiliary vector).
//!
//! Files are distrusted: every offset is checked, nothing is read that was not asked for.

use std::rc::Rc;

use crate::abi::layout::{In, Out};
use crate::arch::Arch;
use crate::errno::{E2BIG, EACCES, EINVAL, ENOEXEC, ENOMEM, Res};
use crate::mem::{Backing, PAGE, Space, Vma, page_up, prot};
use crate::vfs::{Node, Place, mode};

/// A program header.
#[derive(Clone, Copy, Debug)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    va: u64,
    file_bytes: u64,
    bytes: u64,
}

const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_PHDR: u32 = 6;
const PT_GNU_STACK: u32 = 0x6474_e551;
const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const MAX_ARG_BYTES: usize = 4 << 20;

/// An ELF file's head.
struct Elf {
    dynamic: bool,
    entry: u64,
    phoff: u64,
    phent: u64,
    segments: Vec<Segment>,
}

/// Where a file was put.
struct Loaded {
    bias: u64,
    entry: u64,
    phdr: u64,
    end: u64,
    code: (u64, u64),
    data: (u64, u64),
}

/// What `execve` is asked for.
pub struct Request<'a> {
    /// The file.
    pub place: Rc<Place>,
    /// How it was named.
    pub path: &'a [u8],
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Environment.
    pub envp: Vec<Vec<u8>>,
    /// Real, effective user, real, effective group.
    pub ids: [u32; 4],
    /// Random bytes for AT_RANDOM.
    pub random: [u8; 16],
    /// Bytes of stack.
    pub stack_bytes: u64,
}

/// A new program, ready to start.
pub struct Program {
    /// First instruction.
    pub pc: u64,
    /// Stack pointer.
    pub sp: u64,
    /// Address of the trampoline.
    pub trampoline: u64,
}

fn read_exact(node: &dyn Node, at: u64, buf: &mut [u8]) -> Res<()> {
    let mut done = 0;
    while done < buf.len() {
        let n = node.read_at(at + done as u64, &mut buf[done..])?;
        if n == 0 {
            return Err(ENOEXEC);
        }
        done += n;
    }
    Ok(())
}

fn head(arch: &dyn Arch, node: &dyn Node) -> Res<Elf> {
    let mut id = [0; 64];
    read_exact(node, 0, &mut id[..52])?;
    let _ = read_exact(node, 52, &mut id[52..]);
    if &id[..4] != b"\x7fELF" || !matches!(id[4], 1 | 2) || !matches!(id[5], 1 | 2) {
        return Err(ENOEXEC);
    }
    let (wide, big) = (id[4] == 2, id[5] == 2);
    if big != arch.abi().big_endian {
        return Err(ENOEXEC);
    }
    let mut i = In::new(arch.abi(), &id);
    i.skip(16);
    let (kind, machine, _version) = (i.u16()?, i.u16()?, i.u32()?);
    let word = |i: &mut In<'_>| {
        if wide {
            i.u64()
        } else {
            i.u32().map(u64::from)
        }
    };
    let (entry, phoff, _shoff) = (word(&mut i)?, word(&mut i)?, word(&mut i)?);
    let flags = i.u32()?;
    let (_ehsize, phent, phnum) = (i.u16()?, i.u16()?, i.u16()?);
    if !matches!(kind, ET_EXEC | ET_DYN)
        || !arch.accepts(machine, flags, wide, big)
        || phent as usize != if wide { 56 } else { 32 }
        || phnum > 256
    {
        return Err(ENOEXEC);
    }
    let mut table = vec![0; phent as usize * phnum as usize];
    read_exact(node, phoff, &mut table)?;
    let mut segments = Vec::new();
    for p in table.chunks_exact(phent as usize) {
        let mut i = In::new(arch.abi(), p);
        let kind = i.u32()?;
        segments.push(if wide {
            let flags = i.u32()?;
            let (offset, va, _pa, file_bytes, bytes) =
                (i.u64()?, i.u64()?, i.u64()?, i.u64()?, i.u64()?);
            Segment {
                kind,
                flags,
                offset,
                va,
                file_bytes,
                bytes,
            }
        } else {
            let (offset, va, _pa, file_bytes, bytes) =
                (i.u32()?, i.u32()?, i.u32()?, i.u32()?, i.u32()?);
            let flags = i.u32()?;
            Segment {
                kind,
                flags,
                offset: offset as u64,
                va: va as u64,
                file_bytes: file_bytes as u64,
                bytes: bytes as u64,
            }
        });
    }
    Ok(Elf {
        dynamic: kind == ET_DYN,
        entry,
        phoff,
        phent: phent as u64,
        segments,
    })
}

/// The mmap protection of a segment.
fn protection(flags: u32) -> u32 {
    (flags & 4) >> 2 | flags & 2 | (flags & 1) << 2
}

fn map(space: &mut Space, elf: &Elf, place: &Place, base: u64) -> Res<Loaded> {
    let node = &place.node;
    let loads: Vec<Segment> = elf
        .segments
        .iter()
        .copied()
        .filter(|s| s.kind == PT_LOAD && s.bytes > 0)
        .collect();
    let lowest = loads.iter().map(|s| s.va).min().ok_or(ENOEXEC)? & !(PAGE - 1);
    let highest = loads
        .iter()
        .try_fold(0, |h: u64, s| Some(h.max(s.va.checked_add(s.bytes)?)))
        .ok_or(ENOEXEC)?;
    let total = page_up(highest - lowest);
    let bias = if elf.dynamic {
        space.find(base, total, 0x10000)?.wrapping_sub(lowest)
    } else {
        0
    };
    let top = bias.wrapping_add(highest);
    if top > space.top
        || bias.wrapping_add(lowest) < 4096
        || top < bias.wrapping_add(lowest)
        || total > space.top
    {
        return Err(ENOMEM);
    }
    if !elf.dynamic && !space.is_free(lowest, page_up(highest)) {
        return Err(ENOMEM);
    }
    let stat = node.stat()?;
    let set = space.cache.private(&space.frames.clone(), node)?;
    let name: Rc<[u8]> = place.path().into();
    let mut out = Loaded {
        bias,
        entry: elf.entry.wrapping_add(bias),
        phdr: 0,
        end: 0,
        code: (u64::MAX, 0),
        data: (u64::MAX, 0),
    };
    for s in &loads {
        if s.file_bytes > s.bytes || s.offset % PAGE != s.va % PAGE {
            return Err(ENOEXEC);
        }
        let prot = protection(s.flags);
        let va = s.va.wrapping_add(bias);
        let (start, file_end, end) = (
            va & !(PAGE - 1),
            page_up(va + s.file_bytes),
            page_up(va + s.bytes),
        );
        if s.file_bytes > 0 {
            let vma = Vma {
                backing: Backing::Private(set.clone(), s.offset & !(PAGE - 1)),
                name: name.clone(),
                file: (stat.dev, stat.ino),
                ..Vma::anon(file_end, prot, "")
            };
            space.map(start, vma);
        }
        let bss = if s.file_bytes > 0 { file_end } else { start };
        if end > bss {
            space.map(bss, Vma::anon(end, prot, ""));
        }
        // To the end of the page, whatever the file has there: the dynamic loader allocates behind its own data.
        let zero = (va + s.file_bytes, file_end);
        if s.bytes > s.file_bytes && s.file_bytes > 0 && zero.1 > zero.0 && prot & prot::WRITE != 0
        {
            space
                .write_forced(zero.0, &vec![0; (zero.1 - zero.0) as usize])
                .map_err(|_| ENOEXEC)?;
        }
        out.end = out.end.max(va + s.bytes);
        if elf.phoff >= s.offset && elf.phoff - s.offset < s.file_bytes {
            out.phdr = va + (elf.phoff - s.offset);
        }
        let span = if prot & prot::EXEC != 0 {
            &mut out.code
        } else {
            &mut out.data
        };
        *span = (span.0.min(va), span.1.max(va + s.file_bytes));
    }
    if let Some(p) = elf.segments.iter().find(|s| s.kind == PT_PHDR) {
        out.phdr = p.va.wrapping_add(bias);
    }
    Ok(out)
}

/// Program, argument and name of a script's first line.
fn interpreter(node: &dyn Node) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let mut buf = [0; 256];
    let n = node.read_at(0, &mut buf).ok()?;
    let line = buf[..n].strip_prefix(b"#!")?;
    let line = &line[..line.iter().position(|&b| b == b'\n').unwrap_or(line.len())];
    let trim = |s: &[u8]| -> Vec<u8> {
        let from = s
            .iter()
            .position(|b| !b" \t".contains(b))
            .unwrap_or(s.len());
        let to = s
            .iter()
            .rposition(|b| !b" \t".contains(b))
            .map_or(from, |i| i + 1);
        s[from..to].to_vec()
    };
    let line = trim(line);
    let cut = line
        .iter()
        .position(|b| b" \t".contains(b))
        .unwrap_or(line.len());
    let (program, rest) = (line[..cut].to_vec(), trim(&line[cut..]));
    (!program.is_empty()).then_some((program, (!rest.is_empty()).then_some(rest)))
}

/// Looks up programs for [`load`].
pub type Find<'a> = &'a dyn Fn(&[u8]) -> Res<Rc<Place>>;

/// Loads a program into an empty space.
///
/// # Errors
/// ENOEXEC, ENOENT, EACCES, E2BIG, ENOMEM.
pub fn load(
    arch: &dyn Arch,
    space: &mut Space,
    mut req: Request<'_>,
    find: Find<'_>,
) -> Res<(Program, Rc<Place>)> {
    let mut path = req.path.to_vec();
    for _ in 0..5 {
        let stat = req.place.node.stat()?;
        if stat.kind() != mode::REG {
            return Err(EACCES);
        }
        req.place.node.access(1)?;
        let Some((program, argument)) = interpreter(&*req.place.node) else {
            break;
        };
        let mut argv = vec![program.clone()];
        argv.extend(argument);
        argv.push(path);
        argv.extend(req.argv.drain(..).skip(1));
        req.argv = argv;
        req.place = find(&program)?;
        path = program;
    }
    let abi = arch.abi();
    let elf = head(arch, &*req.place.node)?;
    let interp = match elf.segments.iter().find(|s| s.kind == PT_INTERP) {
        Some(s) => {
            let mut name = vec![0; s.file_bytes.min(4096) as usize];
            read_exact(&*req.place.node, s.offset, &mut name)?;
            name.truncate(name.iter().position(|&b| b == 0).ok_or(ENOEXEC)?);
            Some(find(&name)?)
        }
        None => None,
    };
    // The stack: as long as it may ever become; pages come when touched.
    let top = space.top.min(abi.stack_top) & !(PAGE - 1);
    let stack_bytes = page_up(req.stack_bytes.clamp(64 << 10, top / 4));
    let exec_stack = elf
        .segments
        .iter()
        .find(|s| s.kind == PT_GNU_STACK)
        .is_none_or(|s| s.flags & 1 != 0);
    let noted = elf.segments.iter().any(|s| s.kind == PT_GNU_STACK);
    if !noted && abi.long == 4 {
        // Programs of before the note: what can be read can be executed.
        space.read_implies_exec = true;
    }
    let stack_prot = prot::READ | prot::WRITE | if exec_stack { prot::EXEC } else { 0 };
    space.map(top - stack_bytes, Vma::anon(top, stack_prot, "[stack]"));
    space.mmap_top = top - stack_bytes - (1 << 20);
    let main = map(space, &elf, &req.place, abi.pie_base)?;
    space.brk_start = page_up(main.end);
    space.brk = space.brk_start;
    (space.code, space.data) = (main.code, main.data);
    let (mut pc, mut base) = (main.entry, 0);
    if let Some(place) = &interp {
        let elf = head(arch, &*place.node)?;
        let l = map(space, &elf, place, 0)?;
        (pc, base) = (l.entry, l.bias);
    }
    let trampoline = space.find(0, PAGE, PAGE)?;
    space.map(
        trampoline,
        Vma::anon(trampoline + PAGE, prot::READ | prot::EXEC, "[vdso]"),
    );
    space.write_forced(trampoline, &arch.trampoline())?;
    let sp = stack(arch, space, &req, &elf, &main, base, top, stack_bytes)?;
    Ok((Program { pc, sp, trampoline }, req.place))
}

#[allow(clippy::too_many_arguments, reason = "the parts of one picture")]
fn stack(
    arch: &dyn Arch,
    space: &mut Space,
    req: &Request<'_>,
    elf: &Elf,
    main: &Loaded,
    base: u64,
    top: u64,
    stack_bytes: u64,
) -> Res<u64> {
    let abi = arch.abi();
    let strings: usize = req
        .argv
        .iter()
        .chain(&req.envp)
        .map(|s| s.len() + 1 + 8)
        .sum();
    if strings > MAX_ARG_BYTES || strings as u64 > stack_bytes / 4 {
        return Err(E2BIG);
    }
    // Strings from the top down to `at`: end marker, file name, environment, arguments.
    let mut block = Vec::new();
    let offsets = |list: &[Vec<u8>], block: &mut Vec<u8>| -> Vec<u64> {
        list.iter()
            .map(|s| {
                let at = block.len() as u64;
                block.extend_from_slice(s);
                block.push(0);
                at
            })
            .collect()
    };
    let argv = offsets(&req.argv, &mut block);
    let args_end = block.len() as u64;
    let envp = offsets(&req.envp, &mut block);
    let env_end = block.len() as u64;
    let execfn = block.len() as u64;
    block.extend_from_slice(req.path);
    block.push(0);
    let platform = block.len() as u64;
    block.extend_from_slice(abi.platform.as_bytes());
    block.push(0);
    let random = block.len() as u64;
    block.extend_from_slice(&req.random);
    block.extend([0; 8]);
    let at = (top - block.len() as u64) & !15;
    space.write(at, &block)?;
    let mut aux: Vec<(u64, u64)> = vec![
        (3, main.phdr),
        (4, elf.phent),
        (5, elf.segments.len() as u64),
        (6, PAGE),
        (7, base),
        (8, 0),
        (9, main.entry),
        (11, req.ids[0] as u64),
        (12, req.ids[1] as u64),
        (13, req.ids[2] as u64),
        (14, req.ids[3] as u64),
        (16, abi.hwcap),
        (17, 100),
        (23, 0),
        (25, at + random),
        (31, at + execfn),
    ];
    if !abi.platform.is_empty() {
        aux.push((15, at + platform));
    }
    aux.push((0, 0));
    let mut o = Out::new(abi);
    o.long(req.argv.len() as u64);
    for a in &argv {
        o.long(at + a);
    }
    o.long(0);
    for a in &envp {
        o.long(at + a);
    }
    o.long(0);
    let aux_at = o.buf.len();
    for (k, v) in aux {
        o.long(k).long(v);
    }
    let table = o.done();
    let sp = (at - table.len() as u64) & !15;
    space.write(sp, &table)?;
    space.auxv = table[aux_at..].to_vec();
    space.stack_start = sp;
    space.args = (at, at + args_end);
    space.env = (at + args_end, at + env_end);
    if sp < top - stack_bytes + PAGE {
        return Err(EINVAL);
    }
    Ok(sp)
}
