# A boot sector and the sector behind it, for floppy and hard disk: says where it came from by the BIOS's teletype, reads the second
# sector and shows its text, echoes one key, and has the BIOS switch the machine off.
#
#   as --32 sector.S -o sector.o && ld -m elf_i386 -Ttext 0x7c00 --oformat binary sector.o -o sector.bin

        .code16
        .globl _start
_start: ljmp    $0, $1f
1:      xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0x7c00, %sp
        cld
        mov     %dl, drive
        mov     $hello, %si
        call    say
        mov     drive, %al
        call    hex
        call    line

        # Cylinder 0, head 0, sector 2, to 7E00h.
        mov     $0x0201, %ax
        mov     $0x0002, %cx
        xor     %dh, %dh
        mov     drive, %dl
        mov     $second, %bx
        int     $0x13
        jc      failed
        mov     $second, %si
        call    say

        # Memory below 640 KiB.
        int     $0x12
        mov     %al, %cl
        mov     %ah, %al
        call    hex
        mov     %cl, %al
        call    hex
        call    line

        xor     %ax, %ax
        int     $0x16
        call    put
        call    line
        mov     $bye, %si
        call    say
        # Half a second for the text to leave; then APM switches off all devices.
        mov     $0x86, %ah
        mov     $8, %cx
        xor     %dx, %dx
        int     $0x15
        mov     $0x5301, %ax
        xor     %bx, %bx
        int     $0x15
        mov     $0x5307, %ax
        mov     $1, %bx
        mov     $3, %cx
        int     $0x15
1:      hlt
        jmp     1b

failed: mov     %ah, %al
        call    hex
        mov     $bad, %si
        call    say
1:      hlt
        jmp     1b

hex:    push    %ax
        shr     $4, %al
        call    1f
        pop     %ax
1:      and     $15, %al
        cmp     $10, %al
        sbb     $0x69, %al
        das
put:    push    %bx
        mov     $0x0e, %ah
        mov     $7, %bx
        int     $0x10
        pop     %bx
        ret

line:   mov     $newline, %si
say:    lodsb
        test    %al, %al
        jz      1f
        call    put
        jmp     say
1:      ret

hello:  .asciz  "SECTOR-BOOT drive "
newline: .asciz "\r\n"
bye:    .asciz  "SECTOR-END\r\n"
bad:    .asciz  " READ-FAILED\r\n"
drive:  .byte   0

        .org    510
        .word   0xaa55
second: .asciz  "SECOND-SECTOR memory "
        .org    1024
