# A page table, and who walks it: the odd page cannot be written.

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

        # The pair number is PAGE >> 13; an entry is the page number << 6, C = 3, D, V, G.
        li      $t0, TABLE + (PAGE >> 13 << 4)
        li      $t1, 0x200 << 6 | 0x1f
        sw      $t1, 0($t0)
        li      $t1, 0x300 << 6 | 0x1b
        sw      $t1, 8($t0)

mapped:
        li      $t0, PAGE
        lw      $s0, 0($t0)
        lw      $s1, 0x1000($t0)

read:
        li      $t1, 0x33333333
        sw      $t1, 0x1004($t0)

written:
end:    b       end
        nop

vector: j       refill
        nop

refill:
        mfc0    $k1, $4         # Context: the address of the pair's entries
        lw      $k0, 0($k1)
        mtc0    $k0, $2         # EntryLo0: the even page
        lw      $k0, 8($k1)
        mtc0    $k0, $3         # EntryLo1: the odd page
        la      $k1, misses
        lw      $k0, 0($k1)
        addiu   $k0, $k0, 1
        sw      $k0, 0($k1)
        ehb
        tlbwr
        ehb
        eret

        .data
misses: .word   0
