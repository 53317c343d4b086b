# A boot sector that shows what a display can do, a key at a time: text in colours with the monitor's EDID (VBE/DDC) as characters, VGA's 256
# colours and its 16 in planes, a VBE mode by its window. Build: as --32 boot.s -o boot.o && ld -m elf_i386 -Ttext 0x7c00 --oformat binary boot.o -o boot.img && rm boot.o
.code16
.globl _start
_start:
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %ss
    mov $0x7c00, %sp
    cld

    # Mode 3: all 256 characters in all 256 attributes, below a line of text.
    mov $0x0003, %ax
    int $0x10
    mov $0x01, %ah              # no cursor
    mov $0x2000, %cx
    int $0x10
    xor %ax, %ax                # EDID, block 0, to 7E00h
    mov %ax, %es
    mov $0x4f15, %ax
    mov $1, %bx
    xor %cx, %cx
    xor %dx, %dx
    mov $0x7e00, %di
    int $0x10
    mov %al, found
    mov %ah, found + 1
    mov $0xb800, %ax
    mov %ax, %es
    mov $text, %si
    mov $0x1f, %ah
    xor %di, %di
1:  lodsb
    test %al, %al
    jz 2f
    stosw
    jmp 1b
2:  mov $320, %di
    xor %ax, %ax
3:  mov %al, %ah
    and $0x7f, %ah              # bit 7 blinks
    stosw
    inc %al
    jnz 3b
    mov $found, %si             # what the BIOS said, and the EDID
    mov $1120, %di
    mov $0x0f, %ah
    mov $2, %cx
1:  lodsb
    stosw
    loop 1b
    mov $0x7e00, %si
    mov $128, %cx
2:  lodsb
    stosw
    loop 2b
    call key

    # Mode 13h: x + y.
    mov $0x0013, %ax
    int $0x10
    mov $0xa000, %ax
    mov %ax, %es
    xor %di, %di
    xor %dx, %dx
4:  xor %cx, %cx
5:  mov %cl, %al
    add %dl, %al
    stosb
    inc %cx
    cmp $320, %cx
    jne 5b
    inc %dx
    cmp $200, %dx
    jne 4b
    call key

    # Mode 12h: bars, a plane each.
    mov $0x0012, %ax
    int $0x10
    mov $0x03c4, %dx
    mov $0x0102, %ax            # map mask
6:  out %ax, %dx
    xor %di, %di
    xor %bx, %bx                # column of bytes
    mov $38400, %cx
7:  mov $0xff, %al
    test %ah, %bl
    jnz 8f
    mov $0x11, %al
8:  stosb
    inc %bx
    cmp $80, %bl
    jne 1f
    xor %bx, %bx
1:  loop 7b
    mov $0x02, %al
    shl $1, %ah
    cmp $0x10, %ah
    jne 6b
    call key

    # VBE 101h, 640x480 in 256 colours: a bank's number in each of its bytes, and stripes.
    mov $0x4f02, %ax
    mov $0x0101, %bx
    int $0x10
    xor %dx, %dx
9:  mov $0x4f05, %ax
    xor %bx, %bx
    int $0x10
    xor %di, %di
    mov %dl, %al
    shl $4, %al
0:  mov %di, %cx
    and $0x0f, %cl
    or %cl, %al
    mov %al, %es:(%di)
    and $0xf0, %al
    inc %di
    jnz 0b
    inc %dx
    cmp $4, %dx
    jne 9b
    call key
    jmp _start

key:
    xor %ax, %ax
    int $0x16
    ret

found:
    .word 0
text:
    .asciz "Tinamou: text, 256 characters, 128 attributes"

    .org 510
    .byte 0x55, 0xaa
