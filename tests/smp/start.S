# Entries: Multiboot for the first CPU, a page of real-mode code for the others, interrupts.

        .code32
        .section .multiboot, "a"
        .align  4
        .long   0x1badb002, 0x00000003, -(0x1badb002 + 0x00000003)

        .text
        .globl  _start
_start: cli
        cld
        lgdt    gdtr
        ljmp    $8, $1f
1:      mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $stack_top, %esp
        call    first
2:      hlt
        jmp     2b

# Copied to 8000h: where a start-up IPI of vector 8 begins.
        .globl  trampoline, trampoline_end
        .code16
trampoline:
        cli
        xor     %ax, %ax
        mov     %ax, %ds
        lgdtl   0x8000 + (low_gdtr - trampoline)
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmpl   $8, $other_entry
low_gdtr:
        .word   23
        .long   gdt
trampoline_end:

        .code32
other_entry:
        mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     0xfee00020, %eax        # the local APIC's number
        shr     $24, %eax
        mov     %eax, %ecx
        shl     $12, %ecx
        lea     stacks(%ecx), %esp
        add     $4096, %esp
        push    %eax
        call    other
3:      hlt
        jmp     3b

        .globl  ipi_entry, timer_entry, nmi_entry
ipi_entry:
        pusha
        call    on_ipi
        popa
        iret
timer_entry:
        pusha
        call    on_timer
        popa
        iret
nmi_entry:
        pusha
        call    on_nmi
        popa
        iret

# Rewritten while other CPUs call it.
        .globl  answer
        .section .answer, "awx"
        .align  4096
answer: mov     $1, %eax
        ret
        .align  4096

        .data
        .align  8
gdt:    .quad   0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:   .word   23
        .long   gdt

        .bss
        .align  4096
        .globl  stacks
stacks: .skip   8 * 4096
        .skip   4096
stack_top:
