# Interrupts and a timer.

        .set noreorder
        .set noat
        .equ PERIOD, 100000     # between two ticks, in counts of CP0's Count
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

        # Task 1: set Compare to Count + PERIOD, then let interrupt 7 in.

ready:
        # Task 2: wait until ticks is 5.

five:
        # Task 3: no more interrupts, then say "done" and a newline.

end:    b       end
        nop

vector: j       handler
        nop

# Task 2: count a tick, set Compare anew, go back. $k0 and $k1 are the handler's own.
handler:
        eret

        .data
ticks:  .word   0
