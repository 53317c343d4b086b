/* Small functions that are meant to fault, and others that a compiler would not write. Each FAULT function arms `exc`
 * with the address to go on at (91:) and the EPC to expect (92:): of the instruction, or of the branch before it. */
        .set    noreorder
        .set    noat
        .text

        .macro  FAULT name
        .globl  \name
\name:  lui     $8, %hi(exc)
        addiu   $8, $8, %lo(exc)
        lui     $9, %hi(91f)
        addiu   $9, $9, %lo(91f)
        sw      $9, 0($8)
        lui     $9, %hi(92f)
        addiu   $9, $9, %lo(92f)
        sw      $9, 4($8)
        sw      $0, 12($8)
        li      $9, 1
        sw      $9, 8($8)
        .endm

        .macro  END
91:     jr      $31
        nop
        .endm

/* ---- arithmetic: u32 f(a, b); the result register keeps 0x1234 if the instruction did not complete ---- */
        FAULT   f_add
        li      $2, 0x1234
92:     add     $2, $4, $5
        END
        FAULT   f_addi
        li      $2, 0x1234
92:     addi    $2, $4, 1
        END
        FAULT   f_sub
        li      $2, 0x1234
92:     sub     $2, $4, $5
        END
        FAULT   f_add_delay
        li      $2, 0x1234
92:     beq     $0, $0, 1f
        add     $2, $4, $5
1:      nop
        END
        FAULT   f_add_jal           /* jal sets ra before its delay slot faults */
        move    $10, $31
        li      $2, 0x1234
92:     jal     1f
        add     $2, $4, $5
1:      nop
91:     jr      $10
        move    $3, $31
        FAULT   f_add_likely_taken
        li      $2, 0x1234
92:     beql    $0, $0, 1f
        add     $2, $4, $5
1:      nop
        END
        FAULT   f_add_likely_not    /* nullified: no exception */
        li      $2, 0x1234
92:     bnel    $0, $0, 1f
        add     $2, $4, $5
        addiu   $2, $2, 1
1:      nop
        END
        FAULT   f_add_not_taken     /* the delay slot of a branch not taken is in a delay slot all the same */
        li      $2, 0x1234
        move    $10, $0
92:     bne     $10, $0, 1f
        add     $2, $4, $5
1:      nop
        END
        FAULT   f_add_never         /* the same, and the instruction word tells that it never branches */
        li      $2, 0x1234
92:     bne     $0, $0, 1f
        add     $2, $4, $5
1:      nop
        END

/* ---- instructions that always raise ---- */
        FAULT   f_syscall
92:     syscall
        END
        FAULT   f_break
92:     break   5
        END
        FAULT   f_syscall_delay
92:     b       1f
        syscall
1:      nop
        END
        FAULT   f_ri
        li      $2, 0x1234
92:     .word   0xec420000          /* opcode 59: reserved before release 6 */
        END
        FAULT   f_ri_delay
92:     b       1f
        .word   0xec420000
1:      nop
        END
        FAULT   f_mfc1
        li      $2, 0x1234
92:     .word   0x44020000          /* mfc1 $2, $f0 */
        END
        FAULT   f_bc1_delay         /* a coprocessor branch that is not usable: no delay slot yet */
92:     .word   0x45010002          /* bc1t */
        nop
        nop
        END

/* ---- traps: f(a, b) ---- */
        FAULT   f_teq
92:     teq     $4, $5
        END
        FAULT   f_tltu
92:     tltu    $4, $5
        END
        FAULT   f_tgei
92:     tgei    $4, -5
        END

/* ---- memory: u32 f(address) ---- */
        FAULT   f_lw
        li      $2, 0x1234
92:     lw      $2, 0($4)
        END
        FAULT   f_lh
        li      $2, 0x1234
92:     lh      $2, 0($4)
        END
        FAULT   f_lb
        li      $2, 0x1234
92:     lb      $2, 0($4)
        END
        FAULT   f_lwl
        li      $2, 0x1234
92:     lwl     $2, 0($4)
        END
        FAULT   f_ll
        li      $2, 0x1234
92:     ll      $2, 0($4)
        END
        FAULT   f_lw_base           /* the base register is the destination: it must survive a fault */
        move    $2, $4
92:     lw      $2, 0($2)
        END
        FAULT   f_sw
92:     sw      $5, 0($4)
        END
        FAULT   f_sh
92:     sh      $5, 0($4)
        END
        FAULT   f_sb
92:     sb      $5, 0($4)
        END
        FAULT   f_lw_delay
        li      $2, 0x1234
92:     beq     $0, $0, 1f
        lw      $2, 0($4)
1:      nop
        END
        FAULT   f_lw_after_change   /* the base was changed by the instruction before */
        li      $2, 0x1234
        addiu   $4, $4, 4
92:     lw      $2, 0($4)
        END
        FAULT   f_lw_exl            /* with EXL set: general vector, EPC untouched */
        li      $2, 0x1234
        mfc0    $9, $12
        ori     $10, $9, 2
        lui     $11, 0x8000
        ori     $11, $11, 0x4440
        mtc0    $11, $14
        mtc0    $10, $12
        ehb
92:     lw      $2, 0($4)
91:     mtc0    $9, $12
        ehb
        jr      $31
        nop
        FAULT   f_jr                /* jump to an address that faults; the caller knows the EPC */
        move    $10, $31
        jalr    $4
92:     nop
91:     jr      $10
        nop
        FAULT   f_user              /* to user mode at a0, with a1..a3 as they are */
        mtc0    $4, $14
        mfc0    $9, $12
        ori     $9, $9, 0x12        /* UM, EXL */
        mtc0    $9, $12
        ehb
92:     eret
        END

/* ---- load linked, store conditional: u32 f(address, value), 1 = stored ---- */
        FAULT   f_llsc
        ll      $9, 0($4)
        move    $2, $5
        sc      $2, 0($4)
92:     nop
        END
        FAULT   f_llsc_broken       /* an exception in between (exc.hook returns to 1:) */
        ll      $9, 0($4)
92:     syscall
1:      move    $2, $5
        sc      $2, 0($4)
        END

/* ---- unaligned words: u32 f(address[, register or value]) ---- */
        .globl  u_lwl, u_lwr, u_swl, u_swr
u_lwl:  move    $2, $5
        lwl     $2, 0($4)
        jr      $31
        nop
u_lwr:  move    $2, $5
        lwr     $2, 0($4)
        jr      $31
        nop
u_swl:  swl     $5, 0($4)
        jr      $31
        nop
u_swr:  swr     $5, 0($4)
        jr      $31
        nop

/* ---- branches: the bits of v0 tell the way taken ---- */
        .globl  b_likely, b_links
b_likely:                           /* f(a): likely branches on a == 1 */
        li      $2, 0
        li      $9, 1
        beql    $4, $9, 1f
        ori     $2, $2, 1           /* only if taken */
        ori     $2, $2, 2
1:      bnel    $4, $9, 2f
        ori     $2, $2, 4
        ori     $2, $2, 8
2:      blezl   $4, 3f
        ori     $2, $2, 16
        ori     $2, $2, 32
3:      jr      $31
        nop
b_links:                            /* bal, bgezal, bltzal not taken (links all the same), jalr with another link */
        move    $10, $31
        li      $2, 0
        bal     1f
        ori     $2, $2, 1
        ori     $2, $2, 0x100       /* skipped */
1:      move    $11, $31
        bltzal  $0, 2f
        ori     $2, $2, 2
        subu    $11, $31, $11       /* distance of the two links */
2:      lui     $9, %hi(3f)
        addiu   $9, $9, %lo(3f)
        jalr    $12, $9
        ori     $2, $2, 4
        ori     $2, $2, 0x200
3:      sll     $11, $11, 16
        addu    $2, $2, $11
        jr      $10
        nop

/* ---- code that changes ---- */
        .globl  c_patch_next, c_slot, c_own_page, c_own_word, c_template, c_template_end
c_patch_next:                       /* f(instruction): stores it over the very next one; no SYNCI */
        lui     $9, %hi(1f)
        addiu   $9, $9, %lo(1f)
        li      $2, 1
        sw      $4, 0($9)
1:      li      $2, 2
        jr      $31
        nop
c_slot: jr      $31                 /* rewritten by the tests */
        li      $2, 0
c_own_page:                         /* f(n): counts in a word that lies among its own code */
        lui     $9, %hi(c_own_word)
        addiu   $9, $9, %lo(c_own_word)
1:      lw      $2, 0($9)
        addiu   $2, $2, 3
        sw      $2, 0($9)
        addiu   $4, $4, -1
        bnez    $4, 1b
        nop
        jr      $31
        nop
c_own_word:
        .word   0
c_template:                         /* position-independent: f(n) = n + 100; 8 bytes at the end may cross a page */
        addiu   $2, $4, 100
        jr      $31
        nop
c_template_end:

/* ---- user mode programs, copied to a mapped page ---- */
        .globl  user_syscall, user_cp0, user_kseg, user_end
user_syscall:
        addiu   $2, $5, 7
        syscall
user_cp0:
        mfc0    $2, $12
user_kseg:
        lui     $9, 0x8000
        lw      $2, 0($9)
user_end:

/* ---- FPU: u32 f(fcsr, const u64 *a, const u64 *b, u64 *result): runs fpu_slot on f2, f4 -> f0; returns FCSR ---- */
        .set    hardfloat
        .globl  fpu_run, fpu_slot, fpu_branches
        FAULT   fpu_run
        mtc1    $0, $f0
        mtc1    $0, $f1
        ldc1    $f2, 0($5)
        ldc1    $f4, 0($6)
        ctc1    $4, $31
92:
fpu_slot:
        nop
91:     cfc1    $2, $31
        sdc1    $f0, 0($7)
        ctc1    $0, $31
        jr      $31
        nop
fpu_branches:                       /* f(fcsr): condition bits 0 and 3 steer branches and moves */
        ctc1    $4, $31
        li      $2, 0
        bc1t    1f
        ori     $2, $2, 1
        ori     $2, $2, 2
1:      bc1fl   2f
        ori     $2, $2, 4
        ori     $2, $2, 8
2:      bc1tl   $fcc3, 3f
        ori     $2, $2, 16
        ori     $2, $2, 32
3:      li      $9, 64
        move    $10, $0
        movt    $10, $9, $fcc0
        or      $2, $2, $10
        li      $9, 128
        move    $10, $0
        movf    $10, $9, $fcc3
        or      $2, $2, $10
        ctc1    $0, $31
        jr      $31
        nop
