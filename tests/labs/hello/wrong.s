# A first program, on a bare machine: it stops one short of 100.

        .set noreorder
        .set noat
        .equ UART, 0xb80003f8   # the serial port, in kseg1
        .text
        .globl  _start

_start:
        li      $v0, 42

step1:
        la      $t0, answer
        sw      $v0, 0($t0)

step2:
        move    $s0, $zero
        li      $t0, 1
1:      addu    $s0, $s0, $t0
        sltiu   $t1, $t0, 99
        bnez    $t1, 1b
        addiu   $t0, $t0, 1     # the delay slot: done before the branch is taken

step3:
        la      $s1, text
        li      $t0, UART
2:      lbu     $t1, 0($s1)
        beqz    $t1, end
        nop
3:      lbu     $t2, 5($t0)     # the line status register
        andi    $t2, $t2, 0x20  # is there room for a byte?
        beqz    $t2, 3b
        nop
        sb      $t1, 0($t0)
        b       2b
        addiu   $s1, $s1, 1

end:    b       end
        nop

        .data
answer: .word   0
text:   .asciz  "Hello, MIPS!\n"
