# A page table, and who walks it.

        .set noreorder
        .set noat
        .equ TABLE, 0x80800000  # the page table: 16 bytes for each pair of pages
        .equ PAGE, 0x00400000   # the virtual address that is mapped
        .text
        .globl  _start

_start:
        mtc0    $zero, $12      # Status: exceptions at 0x80000000
        ehb
        li      $t0, TABLE
        mtc0    $t0, $4         # Context: its upper bits are the table's address
        mtc0    $zero, $10      # EntryHi: address space 0
        mtc0    $zero, $5       # PageMask: pages of 4 KiB

        # A TLB refill goes to 0x80000000: the jump to the handler is copied there.
        la      $t0, vector
        li      $t1, 0x80000000
        lw      $t2, 0($t0)
        sw      $t2, 0($t1)
        lw      $t2, 4($t0)
        sw      $t2, 4($t1)
        synci   0($t1)          # instructions were written: tell the caches
        sync

        # Something to find, at the physical addresses 0x00200000 and 0x00300000.
        li      $t0, 0x80200000
        li      $t1, 0x11111111
        sw      $t1, 0($t0)
        li      $t0, 0x80300000
        li      $t1, 0x22222222
        sw      $t1, 0($t0)

        # Task 1: the two entries of the pair at PAGE.

mapped:
        # Task 2: load the word at PAGE into $s0 and the one at PAGE + 0x1000 into $s1.

read:
        # Task 3: store 0x33333333 at PAGE + 0x1004.

written:
end:    b       end
        nop

vector: j       refill
        nop

# Task 2: fetch the pair's entries from the table and write them into the TLB. Count in misses. $k0 and $k1 are the handler's own.
refill:
        eret

        .data
misses: .word   0
