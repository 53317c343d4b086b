# Entries of the teaching kernel: Multiboot (or, with PVH defined, Xen's PVH note), interrupts, the ways into ring 3 and virtual 8086 mode.

        .code32
#ifdef PVH
        .section .note.Xen, "a", @note
        .long   4, 4, 18
        .asciz  "Xen"
        .long   pvh_start
#else
        .section .multiboot, "a"
        .align  4
        .long   0x1badb002, 0x00000003, -(0x1badb002 + 0x00000003)
#endif
        .text
        .globl  _start, pvh_start
pvh_start:
        mov     $0x336ec578, %eax
_start: cli
        cld
        mov     $stack_top, %esp
        push    %ebx
        push    %eax
        call    kernel
1:      hlt
        jmp     1b

        .globl  load_tables
load_tables:                            # (gdtr, idtr)
        mov     4(%esp), %eax
        lgdt    (%eax)
        mov     8(%esp), %eax
        lidt    (%eax)
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        ljmp    $0x08, $1f
1:      mov     $0x28, %eax
        ltr     %ax
        ret

# Every vector pushes its number, those without an error code a zero before it.
        .altmacro
        .macro  vector n
        .align  16
        .if     (\n == 8) || ((\n >= 10) && (\n <= 14)) || (\n == 17)
        .else
        push    $0
        .endif
        push    $\n
        jmp     common
        .endm
        .align  16
        .globl  vectors
vectors:
        .set    n, 0
        .rept   129
        vector  %n
        .set    n, n + 1
        .endr

common: push    %gs
        push    %fs
        push    %es
        push    %ds
        pusha
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        cld
        push    %esp
        call    trap
        mov     %eax, %esp
        popa
        pop     %ds
        pop     %es
        pop     %fs
        pop     %gs
        add     $8, %esp
        iret

        .globl  resume                  # (frame): goes on with a saved frame
resume: mov     4(%esp), %esp
        popa
        pop     %ds
        pop     %es
        pop     %fs
        pop     %gs
        add     $8, %esp
        iret

# Leaves the kernel's context for a frame; `come_back` returns from here.
        .globl  run_frame, come_back
run_frame:
        pusha
        mov     %esp, kernel_esp
        push    36(%esp)
        call    resume
come_back:
        mov     kernel_esp, %esp
        popa
        ret

# The task for double faults: the task that was interrupted goes on behind its instruction of two bytes.
        .globl  double_fault
double_fault:
        incl    df_ran
        addl    $2, tss + 32
        add     $4, %esp
        iret
        jmp     double_fault

# A code segment's way through virtual 8086 mode: adds two numbers, asks for a service, ends with a privileged instruction.
        .globl  v86_code, v86_end
        .code16
v86_code:
        mov     $1200, %ax
        add     $34, %ax
        mov     %cs, %bx
        int     $0x21
        hlt
v86_end:
        .code32
        .bss
        .align  16
        .globl  stack_top
        .space  16384
stack_top:
kernel_esp: .long 0
        .section .note.GNU-stack, "", @progbits
