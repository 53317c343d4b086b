# Firmware of 64 KiB for `crate/tests/curses.rs`: sets up an 80x25 text mode by registers alone, writes every colour and every character,
# then shows what the keyboard sends and echoes it to the serial port. F1 turns graphics on, F2 off, F3 the screen off.
#
#   as --32 rom.S -o rom.o && ld -m elf_i386 -Ttext 0 --oformat binary rom.o -o rom.bin
        .code16
        .globl _start
_start: cli
        cld
        push %cs
        pop %ds
        xor %ax, %ax
        mov %ax, %ss
        mov $0x7000, %sp
        call text
        # Colours: the low half of the attribute in rows 0 and 1, the high one in row 2.
        mov $0xb800, %ax
        mov %ax, %es
        xor %di, %di
        mov $0x0720, %ax
        mov $2000, %cx
        rep stosw
        xor %di, %di
        xor %bx, %bx
1:      mov %bl, %ah
        mov $'A', %al
        add %bl, %al
        stosw
        stosw
        inc %bx
        cmp $16, %bl
        jne 1b
        mov $160, %di
        xor %bx, %bx
2:      mov %bl, %ah
        shl $4, %ah
        or $0x0f, %ah
        mov $'a', %al
        add %bl, %al
        stosw
        stosw
        inc %bx
        cmp $16, %bl
        jne 2b
        # All characters, in rows 3 to 6.
        mov $480, %di
        mov $0x0700, %ax
        mov $4, %dx
3:      mov $64, %cx
4:      stosw
        inc %al
        loop 4b
        add $32, %di
        dec %dx
        jnz 3b
        mov $hello, %si
        mov $0x3f8, %dx
5:      lodsb
        test %al, %al
        jz 6f
        out %al, %dx
        jmp 5b
6:      # Scan codes of set 1, no interrupts.
        mov $0x60, %al
        out %al, $0x64
        mov $0x40, %al
        out %al, $0x60
        mov $1440, %di
7:      in $0x64, %al
        test $1, %al
        jz 7b
        in $0x60, %al
        cmp $0xfa, %al
        je 7b
        mov %al, %bl
        shr $4, %al
        call digit
        mov %bl, %al
        and $15, %al
        call digit
        inc %di
        inc %di
        mov %di, %ax
        shr $1, %ax
        call cursor
        cmp $0x3b, %bl
        je graph
        cmp $0x3c, %bl
        je back
        cmp $0x3d, %bl
        jne 7b
        # Screen off.
        mov $0x3da, %dx
        in %dx, %al
        mov $0x3c0, %dx
        mov $0, %al
        out %al, %dx
        jmp 7b
graph:  mov $0x3ce, %dx
        mov $0x0506, %ax
        out %ax, %dx
        jmp 7b
back:   call text
        jmp 7b

digit:  add $'0', %al
        cmp $'9' + 1, %al
        jb 1f
        add $7, %al
1:      mov $0x3f8, %dx
        out %al, %dx
        mov $0x1f, %ah
        stosw
        ret

cursor: mov $0x3d4, %dx
        mov %ax, %cx
        mov $0x0e, %al
        mov %ch, %ah
        out %ax, %dx
        mov $0x0f, %al
        mov %cl, %ah
        out %ax, %dx
        ret

# Mode 3: pairs of register and value for each port.
text:   mov $0x3c2, %dx
        mov $0x67, %al
        out %al, %dx
        mov $0x3c4, %dx
        mov $seq, %si
        mov $5, %cx
        call regs
        mov $0x3d4, %dx
        mov $0x0011, %ax
        out %ax, %dx
        mov $crtc, %si
        mov $25, %cx
        call regs
        mov $0x3ce, %dx
        mov $gc, %si
        mov $9, %cx
        call regs
        mov $0x3da, %dx
        in %dx, %al
        mov $0x3c0, %dx
        mov $atc, %si
        xor %bx, %bx
1:      mov %bl, %al
        out %al, %dx
        lodsb
        out %al, %dx
        inc %bx
        cmp $0x15, %bl
        jne 1b
        mov $0x20, %al
        out %al, %dx
        ret
regs:   xor %bx, %bx
1:      mov %bl, %al
        mov (%si), %ah
        inc %si
        out %ax, %dx
        inc %bx
        loop 1b
        ret

seq:    .byte 3, 0, 3, 0, 2
crtc:   .byte 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0x03, 0xca
        .byte 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff
gc:     .byte 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff
atc:    .byte 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 8, 0
hello:  .asciz "SERIAL-SAYS-HELLO\r\n"

        .org 0xfff0
        ljmp $0xf000, $_start
        .org 0xffff
        .byte 0
