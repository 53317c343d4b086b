/* Entry, exception vectors, and the save and restore around trap(). */
        .set    noreorder
        .set    noat
        .text

        /* -kernel enters here: a0 argc, a1 argv, a2 envp, a3 memory size. */
        .globl  _start
_start: mtc0    $0, $12                 /* Status: kernel mode, no interrupts, BEV = 0 */
        ehb
        mtc0    $0, $13                 /* Cause.IV = 0 */
        mtc0    $0, $18                 /* WatchLo: off */
        lui     $8, 0x8000
        mtc0    $8, $15, 1              /* EBase */
        ehb
        lui     $29, %hi(_stack)
        addiu   $29, $29, %lo(_stack)
        lui     $8, %hi(_bss)
        addiu   $8, $8, %lo(_bss)
        lui     $9, %hi(_bss_end)
        addiu   $9, $9, %lo(_bss_end)
1:      beq     $8, $9, 2f
        nop
        sw      $0, 0($8)
        b       1b
        addiu   $8, $8, 4
2:      addiu   $29, $29, -32
        lui     $25, %hi(lab)
        addiu   $25, $25, %lo(lab)
        jr      $25
        move    $31, $0

        /* trap() comes here after an exception nobody expected. */
        .globl  restart
restart:
        lui     $29, %hi(_stack)
        addiu   $29, $29, %lo(_stack)
        addiu   $29, $29, -32
        lui     $25, %hi(monitor)
        addiu   $25, $25, %lo(monitor)
        jr      $25
        move    $31, $0

        .globl  sleep, sleep_begin, sleep_end
sleep:  mfc0    $8, $12
        ori     $9, $4, 1
        or      $9, $8, $9
        mtc0    $9, $12
sleep_begin:
        ehb
        wait
sleep_end:
        mtc0    $8, $12
        ehb
        jr      $31
        nop

        /* Copied to 0x80000000 + 0x80 * n. k1 tells the vector. */
        .macro  VECTOR name, offset
        .globl  \name
\name:  lui     $26, %hi(exc_entry)
        addiu   $26, $26, %lo(exc_entry)
        jr      $26
        li      $27, \offset
        .endm
        VECTOR  vector_refill, 0
        VECTOR  vector_cache, 0x100
        VECTOR  vector_general, 0x180
        VECTOR  vector_interrupt, 0x200

#define FRAME   (16 + 39 * 4 + 4)
#define R(n)    (16 + 4 * (n))

exc_entry:
        move    $26, $29
        addiu   $29, $29, -FRAME
        sw      $0, R(0)($29)
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25
        sw      $\n, R(\n)($29)
        .endr
        sw      $0, R(26)($29)
        sw      $0, R(27)($29)
        sw      $28, R(28)($29)
        sw      $26, R(29)($29)
        sw      $30, R(30)($29)
        sw      $31, R(31)($29)
        mfhi    $8
        mflo    $9
        mfc0    $10, $12
        mfc0    $11, $13
        mfc0    $12, $14
        mfc0    $13, $8
        sw      $8, R(32)($29)
        sw      $9, R(33)($29)
        sw      $10, R(34)($29)
        sw      $11, R(35)($29)
        sw      $12, R(36)($29)
        sw      $13, R(37)($29)
        sw      $27, R(38)($29)
        lui     $25, %hi(trap)
        addiu   $25, $25, %lo(trap)
        jalr    $25
        addiu   $4, $29, R(0)

        lw      $8, R(32)($29)
        lw      $9, R(33)($29)
        lw      $10, R(34)($29)
        lw      $12, R(36)($29)
        mthi    $8
        mtlo    $9
        mtc0    $10, $12
        mtc0    $12, $14
        ehb
        .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25
        lw      $\n, R(\n)($29)
        .endr
        lw      $28, R(28)($29)
        lw      $30, R(30)($29)
        lw      $31, R(31)($29)
        lw      $29, R(29)($29)
        eret
