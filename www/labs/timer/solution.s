# Interrupts and a timer: a solution.

        .set noreorder
        .set noat
        .equ PERIOD, 100000     # between two ticks, in counts of CP0's Count
        .equ UART, 0xb80003f8
        .text
        .globl  _start

_start:
        mtc0    $zero, $12      # Status: no interrupts, exceptions at 0x80000000
        ehb

        # Exceptions go to 0x80000180: the jump to the handler is copied there.
        la      $t0, vector
        li      $t1, 0x80000180
        lw      $t2, 0($t0)
        sw      $t2, 0($t1)
        lw      $t2, 4($t0)
        sw      $t2, 4($t1)
        synci   0($t1)          # instructions were written: tell the caches
        sync

        mfc0    $t0, $9         # Count
        li      $t1, PERIOD
        addu    $t0, $t0, $t1
        mtc0    $t0, $11        # Compare
        li      $t0, 0x8001     # Status: IM7, IE
        mtc0    $t0, $12
        ehb

ready:
        la      $s0, ticks
1:      wait                    # sleeps until an interrupt
        lw      $t0, 0($s0)
        sltiu   $t1, $t0, 5
        bnez    $t1, 1b
        nop

five:
        mtc0    $zero, $12
        ehb
        la      $s1, text
        li      $t0, UART
2:      lbu     $t1, 0($s1)
        beqz    $t1, end
        nop
3:      lbu     $t2, 5($t0)
        andi    $t2, $t2, 0x20
        beqz    $t2, 3b
        nop
        sb      $t1, 0($t0)
        b       2b
        addiu   $s1, $s1, 1

end:    b       end
        nop

vector: j       handler
        nop

handler:
        mfc0    $k0, $11        # the next tick, and the interrupt is over
        li      $k1, PERIOD
        addu    $k0, $k0, $k1
        mtc0    $k0, $11
        la      $k0, ticks
        lw      $k1, 0($k0)
        addiu   $k1, $k1, 1
        sw      $k1, 0($k0)
        ehb
        eret

        .data
ticks:  .word   0
text:   .asciz  "done\n"
