#!/usr/bin/env python3
"""Records what this machine's CPU does for every form into insn32.txt, insn64.txt, fp32.txt, fp64.txt, avx32.txt,
avx64.txt, ext32.txt and ext64.txt.

    python3 record.py              # all
    python3 record.py avx          # one kind
    python3 record.py show insn64 NUMBER CASE   # the state behind one case, and its inputs

The program is tests/user/src/forms.c. Needs binutils on an x86-64 Linux. A line: kind (i, or f with FPU state), undefined flags, bytes, text, a hash per case. Flags that the
manuals leave undefined are masked (the second argument of the lists below: c p a z s o)."""
import os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = 16
MASK = {'c': 1, 'p': 4, 'a': 0x10, 'z': 0x40, 's': 0x80, 'o': 0x800}

def forms_int(bits):
    """(text in Intel syntax, undefined flags)"""
    f = []
    wide = bits == 64
    P = 'r' if wide else 'e'
    mem = f'[{P}bp+8]'
    regs = {8: ('al', 'dl'), 16: ('ax', 'dx'), 32: ('eax', 'edx')}
    if wide: regs[64] = ('rax', 'rdx')
    ptr = {8: 'byte ptr', 16: 'word ptr', 32: 'dword ptr', 64: 'qword ptr'}
    sizes = [8, 16, 32] + ([64] if wide else [])
    add = lambda t, u='': f.append((t, u))
    for op in 'add adc sub sbb cmp and or xor test'.split():
        u = 'a' if op in ('and', 'or', 'xor', 'test') else ''
        for s in sizes:
            a, d = regs[s]
            add(f'{op} {a}, {d}', u)
            add(f'{op} {ptr[s]} {mem}, {d}', u)
            if op != 'test': add(f'{op} {a}, {ptr[s]} {mem}', u)
            for imm in (['0x7f', '-128'] if s == 8 else ['0x7f', '-1', '0x1234'] if s == 16 else ['0x7f', '-1', '0x12345678']):
                add(f'{op} {d}, {imm}', u)
            add(f'{op} {a}, {a}', u)
        add(f'{op} ah, dl' if not wide else f'{op} ah, bh', u)
    for op in 'inc dec neg not'.split():
        for s in sizes:
            add(f'{op} {regs[s][1]}'); add(f'{op} {ptr[s]} {mem}')
        add(f'{op} ch')
    for op in 'rol ror rcl rcr shl shr sar'.split():
        for s in sizes:
            a, d = regs[s]
            for n in (1, 3, s - 1):
                u = 'o' if n > 1 else ''
                if op[0] == 's': u += 'a'
                add(f'{op} {d}, {n}', u)
            u = 'o' + ('a' if op[0] == 's' else '')
            # Counts beyond an 8- or 16-bit operand leave CF undefined for shifts.
            u += 'c' if op[0] == 's' and s < 32 else ''
            add(f'{op} {d}, cl', u); add(f'{op} {ptr[s]} {mem}, cl', u)
            add(f'{op} {ptr[s]} {mem}, 1', 'a' if op[0] == 's' else '')
            add(f'mov cl, 0; {op} {d}, cl'); add(f'{op} {d}, 0')
            add(f'mov cl, 1; {op} {d}, cl', 'a' if op[0] == 's' else '')
    for op in 'shld shrd'.split():
        for s in sizes[1:]:
            a, d = regs[s]
            for n in (0, 1, 5, 15):
                add(f'{op} {a}, {d}, {n}', '' if n == 0 else 'a' if n == 1 else 'oa')
            if s > 16: add(f'{op} {ptr[s]} {mem}, {d}, cl', 'oa')
    for s in sizes:
        a, d = regs[s]
        add(f'mul {d}', 'pazs'); add(f'imul {d}', 'pazs'); add(f'mul {ptr[s]} {mem}', 'pazs'); add(f'imul {ptr[s]} {mem}', 'pazs')
        add(f'div {d}', 'cpazso'); add(f'idiv {d}', 'cpazso'); add(f'div {ptr[s]} {mem}', 'cpazso')
        z = {8: 'mov ah, 0', 16: 'xor dx, dx', 32: 'xor edx, edx', 64: 'xor edx, edx'}[s]
        c = {8: 'cbw', 16: 'cwd', 32: 'cdq', 64: 'cqo'}[s]
        cx = {8: 'cl', 16: 'cx', 32: 'ecx', 64: 'rcx'}[s]
        add(f'{z}; div {cx}', 'cpazso'); add(f'{c}; idiv {cx}', 'cpazso')
        if s > 8:
            add(f'imul {a}, {d}', 'pazs'); add(f'imul {a}, {ptr[s]} {mem}', 'pazs'); add(f'imul {a}, {d}, 7', 'pazs')
            add(f'imul {a}, {ptr[s]} {mem}, 0x1234', 'pazs')
            for op in 'bsf bsr'.split():
                add(f'{op} {a}, {d}', 'cpaso'); add(f'{op} {a}, {ptr[s]} {mem}', 'cpaso')
            for op in 'tzcnt lzcnt'.split(): add(f'{op} {a}, {d}', 'paso')
            add(f'popcnt {a}, {d}'); add(f'popcnt {a}, {ptr[s]} {mem}')
            for op in 'bt bts btr btc'.split():
                add(f'{op} {a}, {d}', 'paso'); add(f'{op} {a}, 5', 'paso'); add(f'{op} {ptr[s]} {mem}, {s - 3}', 'paso')
                add(f'movsx {P if s == 64 else "e"}dx, dl; {op} {ptr[s]} {mem}, {d}', 'paso')
            add(f'xadd {a}, {d}'); add(f'cmpxchg {a}, {d}'); add(f'cmpxchg {d}, {cx}')
            add(f'movsx {a}, dl'); add(f'movzx {a}, dl'); add(f'movzx {a}, byte ptr {mem}'); add(f'movsx {a}, byte ptr {mem}')
            if s > 16: add(f'movsx {a}, dx'); add(f'movzx {a}, word ptr {mem}')
            add(f'lea {a}, [{P}ax+{P}dx*4+0x10]'); add(f'lea {a}, [{P}cx*8-3]')
            for cc in 'o no b ae e ne be a s ns p np l ge le g'.split(): add(f'cmov{cc} {a}, {d}')
            add(f'cmovb {a}, {ptr[s]} {mem}')
            add(f'push {a if s != 32 or not wide else "rax"}; pop {d if s != 32 or not wide else "rdx"}')
            add(f'movbe {a}, {ptr[s]} {mem}'); add(f'movbe {ptr[s]} {mem}, {d}')
        add(f'xadd {ptr[s]} {mem}, {d}'); add(f'cmpxchg {ptr[s]} {mem}, {d}'); add(f'xchg {a}, {d}'); add(f'xchg {ptr[s]} {mem}, {d}')
        add(f'mov {a}, {d}'); add(f'mov {a}, {ptr[s]} {mem}'); add(f'mov {ptr[s]} {mem}, {d}'); add(f'mov {ptr[s]} {mem}, 0x55')
    for cc in 'o no b ae e ne be a s ns p np l ge le g'.split():
        add(f'set{cc} dl'); add(f'set{cc} byte ptr {mem}')
        add(f'j{cc} 1f; mov al, 1; 1:')
        for op in ('cmp eax, edx', 'add al, dl', 'inc ecx', 'shl dx, 1', 'test cl, al', 'adc ax, dx', 'sbb eax, edx', 'dec cl', 'imul eax, edx', 'neg dx',
                   'sar al, 1', 'clc', 'sahf', 'cmp al, dl'):
            if op.startswith('imul') and cc not in 'o no b ae'.split(): continue
            if cc in ('p', 'np') and op.startswith('imul'): continue
            u = 'pazs' if op.startswith('imul') else 'a' if op[:2] in ('sh', 'te', 'sa') and op != 'sahf' else ''
            add(f'{op}; set{cc} bl; set{cc} ch', u); add(f'{op}; j{cc} 1f; mov ah, 1; 1:', u)
    for t in 'clc stc cmc cld std cbw cwde cwd cdq lahf sahf'.split(): add(t)
    add('std; cld'); add('stc; lahf')
    add('bswap edx'); add('bswap eax')
    add('movzx ecx, cl; jecxz 1f; mov al, 1; 1:'); add('and ecx, 1; jecxz 1f; mov al, 1; 1:')
    for op in 'loop loope loopne'.split(): add(f'and ecx, 7; or ecx, 1; xor edx, edx; 1: inc edx; cmp dl, 3; {op} 1b')
    for op in 'movs stos lods scas cmps'.split():
        for s, l in ((8, 'b'), (16, 'w'), (32, 'd')) + (((64, 'q'),) if wide else ()):
            name = op + l
            add(name); add(f'std; {name}; cld')
            rep = 'repe' if op in ('scas', 'cmps') else 'rep'
            add(f'and {P}cx, 15; {rep} {name}'); add(f'and {P}cx, 15; std; {rep} {name}; cld')
            if op in ('scas', 'cmps'): add(f'and {P}cx, 15; repne {name}')
            add(f'xor ecx, ecx; {rep} {name}')
    add(f'mov {P}di, {P}si; inc {P}di; mov ecx, 20; rep movsb')
    add('xlatb'); add('enter 16, 0; leave'); add('enter 8, 3'); add('enter 0, 1; leave')
    add('call 1f; 1: pop ' + P + 'ax'); add('call 1f; jmp 2f; 1: ret; 2:'); add('call 1f; jmp 2f; 1: ret 8; 2:')
    add(f'lea {P}ax, [{P}sp-16]; push {P}sp; pop {P}dx'); add(f'push 0x12; push 0x12345678; pop {P}ax; pop {P}dx'); add('push 0x1234; pushw 0x55; pop ax')
    add(f'push {ptr[bits]} {mem}; pop {ptr[bits]} [{P}bp+0x20]'); add(f'push {P}ax; pop {ptr[bits]} [{P}sp+8]')
    add(f'pushf; pop {P}ax; and eax, 0xcd5'); add(f'push 0x8d5; popf'); add('mov eax, 5; bound eax, qword ptr [ebp+8]') if not wide else None
    add(f'cmpxchg8b qword ptr {mem}'); add(f'mov eax, [{P}bp+8]; mov edx, [{P}bp+12]; cmpxchg8b qword ptr {mem}')
    add('ud2'); add('nop'); add('pause'); add('xchg eax, eax'); add(f'nop {ptr[32]} {mem}')
    for op in 'andn bextr bzhi pdep pext'.split():
        for r, s in (('e', 32), ('r', 64)):
            if s == 64 and not wide: continue
            a, d, c = r + 'ax', r + 'dx', r + 'cx'
            u = {'andn': 'pa', 'bextr': 'pas', 'bzhi': 'pa'}.get(op, '')
            add(f'{op} {a}, {d}, {c}', u)
            if op in ('bextr', 'bzhi'): add(f'{op} {a}, {ptr[s]} {mem}, {c}', u)
            else: add(f'{op} {a}, {d}, {ptr[s]} {mem}', u)
    for op in 'blsi blsmsk blsr'.split():
        for r in ['e'] + (['r'] if wide else []): add(f'{op} {r}ax, {r}dx', 'pa')
    for op in 'sarx shlx shrx'.split():
        for r in ['e'] + (['r'] if wide else []): add(f'{op} {r}ax, {r}dx, {r}cx'); add(f'{op} {r}ax, {ptr[64 if r == "r" else 32]} {mem}, {r}cx')
    for r in ['e'] + (['r'] if wide else []):
        add(f'rorx {r}ax, {r}dx, 7'); add(f'mulx {r}ax, {r}cx, {r}ax'); add(f'mulx {r}ax, {r}ax, {r}cx'); add(f'adcx {r}ax, {r}dx'); add(f'adox {r}ax, {r}dx')
    if wide:
        for t in 'cdqe cqo'.split(): add(t)
        add('movsxd rax, edx'); add('bswap rdx'); add('lea eax, [rip+0x10]'); add('mov rax, [rip-0x2f00]')
        add(f'mov r10, [rbp+8]; mov r9, [rbp+16]; cmpxchg16b [rbp+0x20]'); add('mov rax, [rbp+0x20]; mov rdx, [rbp+0x28]; cmpxchg16b [rbp+0x20]'); add('cmpxchg16b [rbp+8]')
        add('mov r8b, spl'); add('add sil, r9b'); add('xchg r8, rax'); add('mov eax, r15d'); add('movabs rax, 0x123456789abcdef0'); add('mov rax, -5')
        add('mov eax, dword ptr gs:[ebp+8]') if False else None
        add('lea rax, [edx+ecx]'); add('mov ecx, [ebp+8]'); add('jrcxz 1f; inc eax; 1:')
    else:
        for op in 'aaa aas'.split(): add(op, 'pzso')
        for op in 'daa das'.split(): add(op, 'o')
        add('aam', 'cao'); add('aad', 'cao'); add('.byte 0xd4, 7', 'cao'); add('.byte 0xd5, 7', 'cao'); add('.byte 0xd4, 0'); add('.byte 0xd6')
        add('pusha; popa'); add('pushaw; popaw'); add('pusha'); add('mov ax, [bp]') if False else None
        add('inc ax'); add('dec edx'); add('arpl ax, dx', '')
        add('lea eax, [bx+si]'); add('lea ax, [bp+di+5]')
    return [('i', t, u) for t, u in f]

def forms_fp(bits):
    f = []
    P = 'r' if bits == 64 else 'e'
    mem = f'[{P}bp+8]'; m16 = f'[{P}bp+0x20]'
    add = lambda t, u='': f.append((t, u))
    # x87
    for op in 'fadd fsub fsubr fmul fdiv fdivr'.split():
        add(f'{op} st, st(3)'); add(f'{op} st(2), st'); add(f'{op}p st(1), st')
        add(f'{op} dword ptr {mem}'); add(f'{op} qword ptr {mem}')
        i = 'fi' + op[1:]
        add(f'{i} word ptr {mem}'); add(f'{i} dword ptr {mem}')
    for op in 'fcom fcomp fucom fucomp fcomi fcomip fucomi fucomip'.split():
        add(f'{op} st(2)' if 'i' not in op else f'{op} st, st(2)')
    for op in 'fcom fcomp'.split(): add(f'{op} dword ptr {mem}'); add(f'{op} qword ptr {mem}')
    for op in 'ficom ficomp'.split(): add(f'{op} word ptr {mem}'); add(f'{op} dword ptr {mem}')
    for t in '''fcompp fucompp ftst fxam fabs fchs fsqrt frndint fxtract fscale fprem fprem1 fld1 fldz fldpi fldl2e fldl2t fldlg2 fldln2 fincstp fdecstp
        fnop fnclex fninit'''.split(): add(t)
    # FPATAN and FYL2XP1 are left out: this CPU's last bit differs from the nearest result in places, and outside its range FYL2XP1 is undefined.
    for t in 'f2xm1 fyl2x fptan fsin fcos fsincos'.split(): add(t)
    for n in (0, 1, 5): add(f'fld st({n})'); add(f'fxch st({n})'); add(f'fst st({n})'); add(f'fstp st({n})'); add(f'ffree st({n})')
    for cc in 'b e be u nb ne nbe nu'.split(): add(f'fcmov{cc} st, st(2)')
    for t in ('fld dword', 'fld qword', 'fld tbyte', 'fild word', 'fild dword', 'fild qword', 'fst dword', 'fst qword', 'fstp dword', 'fstp qword', 'fstp tbyte',
              'fist word', 'fist dword', 'fistp word', 'fistp dword', 'fistp qword', 'fisttp word', 'fisttp dword', 'fisttp qword'): add(f'{t} ptr {mem}')
    add(f'fbld {mem}'); add(f'fbstp {mem}'); add(f'fnstcw {mem}'); add(f'fnstsw {mem}'); add('fnstsw ax'); add(f'or word ptr {mem}, 0x7f; fldcw {mem}')
    add(f'fld1; fldz; fadd st, st(1); fstp qword ptr {mem}'); add('fninit; fld1; fldpi; fyl2x') if False else None
    # MMX and SSE2 integer
    mmx = '''paddb paddw paddd paddq paddsb paddsw paddusb paddusw psubb psubw psubd psubq psubsb psubsw psubusb psubusw pmullw pmulhw pmulhuw pmaddwd pmuludq
        pand pandn por pxor pcmpeqb pcmpeqw pcmpeqd pcmpgtb pcmpgtw pcmpgtd packsswb packssdw packuswb punpcklbw punpcklwd punpckldq punpckhbw punpckhwd
        punpckhdq pavgb pavgw pmaxub pmaxsw pminub pminsw psadbw psllw pslld psllq psrlw psrld psrlq psraw psrad
        pshufb phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw pmulhrsw psignb psignw psignd'''.split()
    for op in mmx:
        add(f'{op} mm1, mm2'); add(f'{op} mm3, {"dword" if op[:7] == "punpckl" else "qword"} ptr {mem}')
        add(f'{op} xmm1, xmm2'); add(f'{op} xmm3, xmmword ptr {m16}')
    for op in 'pabsb pabsw pabsd'.split(): add(f'{op} mm1, mm2'); add(f'{op} xmm1, xmm2')
    for op in 'psllw pslld psllq psrlw psrld psrlq psraw psrad'.split():
        for n in (0, 3, 15, 40, 70): add(f'{op} mm1, {n}'); add(f'{op} xmm1, {n}')
    for n in (0, 3, 15, 20): add(f'pslldq xmm1, {n}'); add(f'psrldq xmm2, {n}')
    for n in (0, 3, 8, 12, 17, 40): add(f'palignr xmm1, xmm2, {n}'); add(f'palignr mm1, mm2, {n}')
    for op in 'punpcklqdq punpckhqdq'.split(): add(f'{op} xmm1, xmm2'); add(f'{op} xmm1, xmmword ptr {m16}')
    for n in (0, 0x1b, 0xe4, 0x93):
        add(f'pshufw mm1, mm2, {n}')
        for op in 'pshufd pshuflw pshufhw shufps shufpd'.split(): add(f'{op} xmm1, xmm2, {n}'); add(f'{op} xmm1, xmmword ptr {m16}, {n}')
    add('emms'); add('movd mm1, eax'); add('movd eax, mm1'); add('movd xmm1, eax'); add('movd eax, xmm1'); add(f'movd mm1, dword ptr {mem}'); add(f'movd dword ptr {mem}, xmm1')
    add('movq mm1, mm2'); add(f'movq mm1, qword ptr {mem}'); add(f'movq qword ptr {mem}, mm1'); add('movq xmm1, xmm2'); add(f'movq xmm1, qword ptr {mem}'); add(f'movq qword ptr {mem}, xmm2')
    add('movq2dq xmm1, mm2'); add('movdq2q mm1, xmm2'); add('pmovmskb eax, mm1'); add('pmovmskb eax, xmm1'); add('movmskps eax, xmm1'); add('movmskpd eax, xmm1')
    for n in (0, 3, 5): add(f'pinsrw mm1, eax, {n}'); add(f'pinsrw xmm1, edx, {n}'); add(f'pextrw eax, mm1, {n}'); add(f'pextrw eax, xmm1, {n}'); add(f'pinsrw xmm1, word ptr {mem}, {n}')
    add(f'movntq {mem}, mm1'); add(f'movntdq {m16}, xmm1'); add(f'movntps {m16}, xmm1'); add(f'movnti {mem}, eax'); add(f'mov {P}di, {P}bp; maskmovq mm1, mm2'); add(f'mov {P}di, {P}bp; maskmovdqu xmm1, xmm2')
    for op in 'movaps movups movapd movupd movdqa movdqu'.split():
        add(f'{op} xmm1, xmm2'); add(f'{op} xmm1, xmmword ptr {m16}'); add(f'{op} xmmword ptr {m16}, xmm3')
        add(f'{op} xmm1, xmmword ptr [{P}bp+9]'); add(f'{op} xmmword ptr [{P}bp+9], xmm1')
    add(f'lddqu xmm1, [{P}bp+9]')
    for op in 'movss movsd'.split():
        s = 'dword' if op == 'movss' else 'qword'
        add(f'{op} xmm1, xmm2'); add(f'{op} xmm1, {s} ptr {mem}'); add(f'{op} {s} ptr {mem}, xmm1')
    for op in 'movlps movhps movlpd movhpd'.split(): add(f'{op} xmm1, qword ptr {mem}'); add(f'{op} qword ptr {mem}, xmm1')
    add('movhlps xmm1, xmm2'); add('movlhps xmm1, xmm2'); add('movddup xmm1, xmm2'); add('movshdup xmm1, xmm2'); add('movsldup xmm1, xmm2'); add(f'movddup xmm1, qword ptr {mem}')
    for op in 'unpcklps unpckhps unpcklpd unpckhpd andps andpd andnps andnpd orps orpd xorps xorpd'.split(): add(f'{op} xmm1, xmm2'); add(f'{op} xmm1, xmmword ptr {m16}')
    # SSE arithmetic
    for op in 'add sub mul div min max sqrt'.split():
        for t, s in (('ps', 'xmmword'), ('pd', 'xmmword'), ('ss', 'dword'), ('sd', 'qword')):
            add(f'{op}{t} xmm1, xmm2'); add(f'{op}{t} xmm3, {s} ptr {m16}')
            if op == 'add': add(f'{op}{t} xmm4, xmm5'); add(f'{op}{t} xmm6, xmm7')
    for t in ('ps', 'pd', 'ss', 'sd'):
        for n in range(8): add(f'cmp{t} xmm1, xmm2, {n}')
    for op in 'addsubps addsubpd haddps haddpd hsubps hsubpd'.split(): add(f'{op} xmm1, xmm2')
    for op, s in (('comiss', 'dword'), ('comisd', 'qword'), ('ucomiss', 'dword'), ('ucomisd', 'qword')): add(f'{op} xmm1, xmm2'); add(f'{op} xmm1, {s} ptr {mem}'); add(f'{op} xmm5, xmm6')
    for t in ('cvtsi2ss xmm1, eax', 'cvtsi2sd xmm1, edx', 'cvtss2si eax, xmm1', 'cvtsd2si eax, xmm1', 'cvttss2si eax, xmm1', 'cvttsd2si eax, xmm1', 'cvtss2sd xmm1, xmm2', 'cvtsd2ss xmm1, xmm2',
              'cvtps2pd xmm1, xmm2', 'cvtpd2ps xmm1, xmm2', 'cvtdq2ps xmm1, xmm2', 'cvtdq2pd xmm1, xmm2', 'cvtps2dq xmm1, xmm2', 'cvttps2dq xmm1, xmm2', 'cvtpd2dq xmm1, xmm2', 'cvttpd2dq xmm1, xmm2',
              'cvtpi2ps xmm1, mm2', 'cvtpi2pd xmm1, mm2', 'cvtps2pi mm1, xmm2', 'cvttps2pi mm1, xmm2', 'cvtpd2pi mm1, xmm2', 'cvttpd2pi mm1, xmm2'): add(t); add(t.replace('xmm1', 'xmm4').replace('xmm2', 'xmm5'))
    for t in (f'cvtsi2sd xmm1, dword ptr {mem}', f'cvtsd2si eax, qword ptr {mem}', f'cvtss2si eax, dword ptr {mem}', f'cvtps2pd xmm1, qword ptr {mem}', f'cvtdq2pd xmm1, qword ptr {mem}', f'cvtpi2ps xmm1, qword ptr {mem}', f'cvtpi2pd xmm1, qword ptr {mem}',
              f'cvttps2dq xmm1, xmmword ptr {m16}', f'cvtpd2ps xmm1, xmmword ptr {m16}', f'cvtss2sd xmm1, dword ptr {mem}', f'cvtsd2ss xmm1, qword ptr {mem}', f'cvtps2pi mm1, qword ptr {mem}'): add(t)
    add(f'stmxcsr {mem}'); add(f'mov dword ptr {mem}, 0x1fbf; ldmxcsr {mem}'); add(f'mov dword ptr {mem}, 0x10000; ldmxcsr {mem}')
    # SSE4
    for op in '''pmulld pmuldq pminsb pminsd pminuw pminud pmaxsb pmaxsd pmaxuw pmaxud pcmpeqq pcmpgtq packusdw phminposuw ptest pmovsxbw pmovsxbd pmovsxbq pmovsxwd pmovsxwq
        pmovsxdq pmovzxbw pmovzxbd pmovzxbq pmovzxwd pmovzxwq pmovzxdq'''.split():
        add(f'{op} xmm1, xmm2')
        if not op.startswith('pmov'): add(f'{op} xmm1, xmmword ptr {m16}')
    for op in 'pblendvb blendvps blendvpd'.split(): add(f'{op} xmm1, xmm2, xmm0')
    for n in (0, 0x5a, 0xf3):
        for op in 'pblendw blendps blendpd dpps dppd mpsadbw insertps'.split(): add(f'{op} xmm1, xmm2, {n}')
    for op in 'roundps roundpd roundss roundsd'.split():
        for n in (0, 1, 2, 3, 4, 8, 12): add(f'{op} xmm1, xmm2, {n}')
    for n in (0, 5, 15): add(f'pinsrb xmm1, eax, {n}'); add(f'pextrb eax, xmm1, {n}'); add(f'pextrb byte ptr {mem}, xmm1, {n}')
    for n in (0, 1, 3): add(f'pinsrd xmm1, edx, {n}'); add(f'pextrd eax, xmm1, {n}'); add(f'extractps eax, xmm1, {n}'); add(f'pextrw word ptr {mem}, xmm1, {n}'); add(f'pextrd dword ptr {mem}, xmm1, {n}')
    add(f'movntdqa xmm1, {m16}'); add(f'pmovsxbw xmm1, qword ptr {mem}'); add(f'pmovzxbq xmm1, word ptr {mem}')
    for n in (0, 1, 2, 3, 4, 0xc, 0x0d, 0x1a, 0x44, 0x38, 0x4d, 0x7c):
        for op in 'pcmpistri pcmpistrm pcmpestri pcmpestrm'.split(): add(f'{op} xmm1, xmm2, {n}')
    for op in 'aesenc aesenclast aesdec aesdeclast aesimc'.split(): add(f'{op} xmm1, xmm2')
    for t in ['dl', 'dx', 'edx', f'byte ptr {mem}']: add(f'crc32 eax, {t}')
    if bits == 64: add('crc32 rax, rdx')
    add('aeskeygenassist xmm1, xmm2, 0x1b')
    for n in (0, 1, 0x10, 0x11): add(f'pclmulqdq xmm1, xmm2, {n}')
    if bits == 64:
        for t in ('cvtsi2ss xmm1, rax', 'cvtsi2sd xmm1, rdx', 'cvtss2si rax, xmm1', 'cvtsd2si rax, xmm1', 'cvttss2si rax, xmm1', 'cvttsd2si rax, xmm1', 'movq xmm1, rax', 'movq rax, xmm1', 'movq mm1, rax', 'movq rax, mm1',
                  'pinsrq xmm1, rdx, 1', 'pextrq rax, xmm1, 0', 'paddb xmm9, xmm12', 'addsd xmm10, xmm15', 'movaps xmm14, xmm8'): add(t)
    return [('f', t, u) for t, u in f]

def forms_avx(bits):
    """Each form loads YMM1 to YMM3 from the buffer, does its work and stores YMM1; the upper halves are clear behind it."""
    f = []
    P = 'r' if bits == 64 else 'e'
    src = f'ymmword ptr [{P}bp+0x61]'
    def add(t, u='', d=1):
        f.append((f'vmovdqu ymm1, [{P}bp+0x20]; vmovdqu ymm2, [{P}bp+0x40]; vmovups ymm3, [{P}bp+0x80]; {t}; vmovupd [{P}bp+0xa0], ymm{d}; vzeroupper', u))
    def three(op, mem=True):
        add(f'{op} ymm1, ymm2, ymm3'); add(f'{op} xmm1, xmm2, xmm3')
        if mem: add(f'{op} ymm1, ymm2, {src}')
    def two(op):
        add(f'{op} ymm1, ymm2'); add(f'{op} xmm1, xmm2')
    for op in '''paddb paddw paddd paddq paddsb paddsw paddusb paddusw psubb psubw psubd psubq psubsb psubsw psubusb psubusw pmullw pmulhw pmulhuw pmaddwd pmuludq
        pand pandn por pxor pcmpeqb pcmpeqw pcmpeqd pcmpeqq pcmpgtb pcmpgtw pcmpgtd pcmpgtq packsswb packssdw packuswb packusdw punpcklbw punpcklwd punpckldq
        punpcklqdq punpckhbw punpckhwd punpckhdq punpckhqdq pavgb pavgw pmaxub pmaxuw pmaxud pmaxsb pmaxsw pmaxsd pminub pminuw pminud pminsb pminsw pminsd psadbw
        pshufb phaddw phaddd phaddsw phsubw phsubd phsubsw pmaddubsw pmulhrsw psignb psignw psignd pmulld pmuldq psllvd psllvq psrlvd psrlvq psravd
        unpcklps unpckhps unpcklpd unpckhpd andps andpd andnps andnpd orps orpd xorps xorpd addsubps addsubpd haddps haddpd hsubps hsubpd permilps permilpd'''.split():
        three('v' + op)
    for op in 'psllw pslld psllq psrlw psrld psrlq psraw psrad'.split():
        add(f'v{op} ymm1, ymm2, xmm3'); add(f'v{op} xmm1, xmm2, xmm3')
        for n in (0, 3, 15, 40): add(f'v{op} ymm1, ymm2, {n}')
    for n in (0, 3, 20): add(f'vpslldq ymm1, ymm2, {n}'); add(f'vpsrldq xmm1, xmm2, {n}'); add(f'vpalignr ymm1, ymm2, ymm3, {n}')
    for op in 'pabsb pabsw pabsd movddup movshdup movsldup cvtdq2ps cvtps2dq cvttps2dq sqrtps sqrtpd'.split(): two('v' + op)
    add(f'vmovshdup ymm1, {src}')
    for op in 'add sub mul div min max'.split():
        for t in ('ps', 'pd'): three(f'v{op}{t}')
        for t, s in (('ss', 'dword'), ('sd', 'qword')): add(f'v{op}{t} xmm1, xmm2, xmm3'); add(f'v{op}{t} xmm1, xmm2, {s} ptr [{P}bp+0x61]')
    add('vsqrtss xmm1, xmm2, xmm3'); add('vsqrtsd xmm1, xmm2, xmm3')
    for n in range(32):
        for t in ('ps', 'pd', 'ss', 'sd'):
            add(f'vcmp{t} {"y" if t[0] == "p" else "x"}mm1, {"y" if t[0] == "p" else "x"}mm2, {"y" if t[0] == "p" else "x"}mm3, {n}')
    for n in (0, 0x1b, 0xe4, 0x93, 0x5a):
        for op in 'pshufd pshuflw pshufhw permilps permilpd'.split(): add(f'v{op} ymm1, ymm2, {n}'); add(f'v{op} xmm1, xmm2, {n}')
        for op in 'shufps shufpd blendps blendpd pblendw pblendd mpsadbw'.split(): add(f'v{op} ymm1, ymm2, ymm3, {n}')
        add(f'vdpps ymm1, ymm2, ymm3, {n}'); add(f'vdppd xmm1, xmm2, xmm3, {n}'); add(f'vinsertps xmm1, xmm2, xmm3, {n}')
        add(f'vpermq ymm1, ymm2, {n}'); add(f'vpermpd ymm1, {src}, {n}'); add(f'vperm2i128 ymm1, ymm2, ymm3, {n}'); add(f'vperm2f128 ymm1, ymm2, {src}, {n}')
    for op in 'blendvps blendvpd pblendvb'.split(): add(f'v{op} ymm1, ymm2, ymm3, ymm1'); add(f'v{op} xmm1, xmm2, xmm3, xmm1')
    for op in 'roundps roundpd'.split():
        for n in (0, 1, 2, 3, 4, 8): add(f'v{op} ymm1, ymm2, {n}')
    for op in 'roundss roundsd'.split(): add(f'v{op} xmm1, xmm2, xmm3, 3')
    for n in (0, 1): add(f'vinsertf128 ymm1, ymm2, xmm3, {n}'); add(f'vinserti128 ymm1, ymm2, xmmword ptr [{P}bp+0x61], {n}'); add(f'vextractf128 xmm1, ymm2, {n}'); add(f'vextracti128 [{P}bp+0xc1], ymm2, {n}')
    for op, s in (('broadcastss', 'dword'), ('broadcastsd', 'qword'), ('pbroadcastb', 'byte'), ('pbroadcastw', 'word'), ('pbroadcastd', 'dword'), ('pbroadcastq', 'qword')):
        add(f'v{op} ymm1, xmm2'); add(f'v{op} ymm1, {s} ptr [{P}bp+0x61]')
    add(f'vbroadcastf128 ymm1, xmmword ptr [{P}bp+0x61]'); add(f'vbroadcasti128 ymm1, xmmword ptr [{P}bp+0x61]')
    for op in 'permd permps'.split(): add(f'v{op} ymm1, ymm2, ymm3'); add(f'v{op} ymm1, ymm2, {src}')
    for op in 'bw bd bq wd wq dq'.split():
        for x in 'sz': add(f'vpmov{x}x{op} ymm1, xmm2'); add(f'vpmov{x}x{op} xmm1, xmm2')
    for t in ('cvtps2pd ymm1, xmm2', 'cvtps2pd xmm1, xmm2', 'cvtpd2ps xmm1, ymm2', 'cvtpd2ps xmm1, xmm2', 'cvtdq2pd ymm1, xmm2', 'cvtpd2dq xmm1, ymm2', 'cvttpd2dq xmm1, ymm2', 'cvtss2sd xmm1, xmm2, xmm3',
              'cvtsd2ss xmm1, xmm2, xmm3', 'cvtsi2sd xmm1, xmm2, eax', 'cvtsi2ss xmm1, xmm2, edx', f'cvtsi2sd xmm1, xmm2, dword ptr [{P}bp+9]', 'cvtsd2si eax, xmm2', 'cvttss2si edx, xmm2', 'cvtph2ps ymm1, xmm2',
              'cvtph2ps xmm1, xmm2', f'cvtpd2ps xmm1, {src}', f'cvtph2ps ymm1, xmmword ptr [{P}bp+0x61]'): add('v' + t)
    for n in (0, 1, 2, 3, 4): add(f'vcvtps2ph xmm1, ymm2, {n}'); add(f'vcvtps2ph [{P}bp+0xc1], ymm2, {n}'); add(f'vcvtps2ph xmm1, xmm2, {n}')
    for op in 'ptest testps testpd'.split(): add(f'v{op} ymm1, ymm2'); add(f'v{op} xmm1, xmm2'); add(f'vpxor ymm1, ymm1, ymm1; v{op} ymm1, ymm2')
    for op in 'comiss comisd ucomiss ucomisd'.split(): add(f'v{op} xmm1, xmm2')
    for op in 'movmskps movmskpd pmovmskb'.split(): add(f'v{op} eax, ymm2'); add(f'v{op} edx, xmm2')
    for op in 'movaps movapd movdqa movups movupd movdqu'.split():
        add(f'v{op} ymm1, ymm2'); add(f'v{op} xmm1, xmm2'); add(f'v{op} [{P}bp+0xe0], ymm2'); add(f'v{op} [{P}bp+0xe0], xmm2'); add(f'v{op} ymm1, [{P}bp+0x61]'); add(f'v{op} [{P}bp+0xe8], ymm1')
    for t in ('movss xmm1, xmm2, xmm3', 'movsd xmm1, xmm2, xmm3', f'movss xmm1, [{P}bp+9]', f'movsd xmm1, [{P}bp+9]', f'movsd [{P}bp+9], xmm2', f'movss [{P}bp+9], xmm2', 'movd xmm1, eax', 'movd eax, xmm2', 'movq xmm1, xmm2', f'movq xmm1, [{P}bp+9]',
              f'movq [{P}bp+9], xmm2', f'movlps xmm1, xmm2, [{P}bp+9]', f'movhps xmm1, xmm2, [{P}bp+9]', f'movhps [{P}bp+9], xmm2', 'movhlps xmm1, xmm2, xmm3', 'movlhps xmm1, xmm2, xmm3', f'lddqu ymm1, [{P}bp+9]',
              'pinsrb xmm1, xmm2, eax, 5', 'pinsrw xmm1, xmm2, edx, 3', 'pinsrd xmm1, xmm2, eax, 2', f'pinsrw xmm1, xmm2, [{P}bp+9], 1', 'pextrb eax, xmm2, 3', 'pextrd edx, xmm2, 2', f'pextrw [{P}bp+9], xmm2, 4', 'extractps eax, xmm2, 1',
              'aesenc xmm1, xmm2, xmm3', 'aesdeclast xmm1, xmm2, xmm3', 'aesimc xmm1, xmm2', 'aeskeygenassist xmm1, xmm2, 0x1b', 'pclmulqdq xmm1, xmm2, xmm3, 0x10', 'phminposuw xmm1, xmm2', 'pcmpistri xmm1, xmm2, 0x1a',
              'pcmpistrm xmm1, xmm2, 0x44', 'pcmpestri xmm1, xmm2, 0xc', 'pcmpestrm xmm1, xmm2, 0x40', f'stmxcsr [{P}bp+8]'): add('v' + t)
    add('vzeroall'); add('vzeroupper')
    for op in 'maskmovps maskmovpd pmaskmovd pmaskmovq'.split():
        add(f'v{op} ymm1, ymm2, {src}'); add(f'v{op} xmm1, xmm2, xmmword ptr [{P}bp+0x61]'); add(f'v{op} ymmword ptr [{P}bp+0xc1], ymm2, ymm3'); add(f'v{op} xmmword ptr [{P}bp+0xc1], xmm2, xmm3')
    # Gathers: small indices of both signs.
    small = 'vpsrad ymm3, ymm3, 28'; wide = f'vpsrlq ymm3, ymm3, 60'
    for op in 'gatherdps pgatherdd'.split(): add(f'{small}; v{op} ymm1, [{P}bp+ymm3*4+0x61], ymm2'); add(f'{small}; v{op} xmm1, [{P}bp+xmm3*8], xmm2')
    for op in 'gatherdpd pgatherdq'.split(): add(f'{small}; v{op} ymm1, [{P}bp+xmm3*8], ymm2'); add(f'{small}; v{op} xmm1, [{P}bp+xmm3*2+9], xmm2')
    for op in 'gatherqps pgatherqd'.split(): add(f'{wide}; v{op} xmm1, [{P}bp+ymm3*4], xmm2'); add(f'{wide}; v{op} xmm1, [{P}bp+xmm3*4], xmm2')
    for op in 'gatherqpd pgatherqq'.split(): add(f'{wide}; v{op} ymm1, [{P}bp+ymm3*8], ymm2'); add(f'{wide}; v{op} xmm1, [{P}bp+xmm3*1], xmm2')
    for order in ('132', '213', '231'):
        for op in 'fmadd fmsub fnmadd fnmsub fmaddsub fmsubadd'.split():
            for t in ('ps', 'pd') + (() if 'subadd' in op or 'addsub' in op else ('ss', 'sd')):
                if t[0] == 'p': three(f'v{op}{order}{t}')
                else: add(f'v{op}{order}{t} xmm1, xmm2, xmm3')
    if bits == 64:
        for t in ('paddb ymm1, ymm12, ymm15', 'vmovdqu ymm9, ymm2; vaddpd ymm1, ymm9, ymm3; vpxor ymm9, ymm9, ymm9', 'movq xmm1, rax', 'movq rax, xmm2', 'pinsrq xmm1, xmm2, rdx, 1', 'pextrq rax, xmm2, 1', 'cvtsi2sd xmm1, xmm2, rax', 'cvtsd2si rax, xmm2', 'cvttss2si rdx, xmm2'):
            add(t if t.startswith('v') else 'v' + t)
    return [('f', t, u) for t, u in f]

def forms_ext(bits):
    """SSE4A, SHA and what is left."""
    f = []
    P = 'r' if bits == 64 else 'e'
    m16 = f'[{P}bp+0x20]'
    add = lambda t, u='': f.append((t, u))
    for n, at in ((0, 0), (8, 0), (8, 56), (13, 7), (32, 32), (63, 1), (1, 63)):
        add(f'extrq xmm1, {n}, {at}'); add(f'insertq xmm1, xmm2, {n}, {at}')
        # A control word that is defined: length and place in the source's low (EXTRQ) or high half (INSERTQ).
        add(f'mov eax, {n | at << 8}; movd xmm2, eax; extrq xmm1, xmm2')
        add(f'mov eax, {n | at << 8}; movd xmm3, eax; punpcklqdq xmm2, xmm3; insertq xmm1, xmm2')
    for op, s in (('movntss', 'dword'), ('movntsd', 'qword')): add(f'{op} {s} ptr [{P}bp+9], xmm1'); add(f'{op} {s} ptr {m16}, xmm6')
    for n in range(4): add(f'sha1rnds4 xmm1, xmm2, {n}'); add(f'sha1rnds4 xmm3, xmmword ptr {m16}, {n}')
    # Unaligned operands are left out: this CPU takes them, the SDM says #GP.
    for op in 'sha1nexte sha1msg1 sha1msg2 sha256rnds2 sha256msg1 sha256msg2'.split():
        for t in ('xmm1, xmm2', 'xmm4, xmm4', f'xmm3, xmmword ptr {m16}'): add(f'{op} {t}')
    add(f'clwb [{P}bp+8]'); add(f'clflushopt [{P}bp+8]'); add(f'prefetchw [{P}bp+8]')
    for r in ['ax', 'edx'] + (['rdx', 'r9'] if bits == 64 else []):
        for op in 'rdrand rdseed'.split(): add(f'{op} {r}; mov {r}, 0')
    return [('f', t, u) for t, u in f]

def assemble(forms, bits, tmp):
    """Bytes of each form."""
    src = os.path.join(tmp, 'f.s')
    with open(src, 'w') as s:
        s.write('.intel_syntax noprefix\n.text\n')
        for i, (_, t, _) in enumerate(forms): s.write(f'f{i}:\n{t}\n')
        s.write('fend:\n')
    obj, raw = os.path.join(tmp, 'f.o'), os.path.join(tmp, 'f.bin')
    subprocess.run(['as', f'--{bits}', '-o', obj, src], check=True)
    subprocess.run(['objcopy', '-O', 'binary', '-j', '.text', obj, raw], check=True)
    at = {}
    for l in subprocess.run(['nm', obj], check=True, capture_output=True, text=True).stdout.splitlines():
        v, _, n = l.split(); at[n] = int(v, 16)
    data = open(raw, 'rb').read()
    names = [f'f{i}' for i in range(len(forms))] + ['fend']
    return [data[at[a]:at[b]] for a, b in zip(names, names[1:])]

def lines(kind, bits, tmp):
    forms = {'insn': forms_int, 'fp': forms_fp, 'avx': forms_avx, 'ext': forms_ext}[kind](bits)
    return ''.join(f"{k}|{sum(MASK[c] for c in u):x}|{b.hex()}|{t}\n" for (k, t, u), b in zip(forms, assemble(forms, bits, tmp)))

def main():
    with tempfile.TemporaryDirectory() as tmp:
        def run(kind, bits, *args):
            path = os.path.join(tmp, 'forms')
            with open(path, 'w') as f: f.write(lines(kind, bits, tmp))
            exe = os.path.join(HERE, '../../../../../tests/user/images', {32: 'i386', 64: 'x86_64'}[bits], 'forms')
            return subprocess.run([exe, path, *args], capture_output=True, text=True, check=True).stdout
        if sys.argv[1:2] == ['show']:
            name, number, case = sys.argv[2:]
            return print(run(name[:-2], int(name[-2:]), str(int(case) + 1), number), end='')
        cpu = [l.split(':')[1].strip() for l in open('/proc/cpuinfo') if l.startswith('model name')][0]
        for bits in (32, 64):
            for kind in sys.argv[1:] or ('insn', 'fp', 'avx', 'ext'):
                out = run(kind, bits, str(CASES))
                with open(os.path.join(HERE, f'{kind}{bits}.txt'), 'w') as f:
                    f.write(f'# Recorded by "python3 record.py" on: {cpu}\n' + out)
                print(kind, bits, out.count('\n'), 'forms')
main()
