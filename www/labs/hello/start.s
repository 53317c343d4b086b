# A first program, on a bare machine.

        .set noreorder
        .set noat
        .text
        .globl  _start

_start:
        # Task 1: put 42 into $v0.

step1:
        # Task 2: store $v0 in memory, at the label answer.

step2:
        # Task 3: add the numbers from 1 to 100, into $s0.

step3:
        # Task 4: send "Hello, MIPS!" and a newline to the serial port.

end:    b       end             # nowhere else to go
        nop

        .data
answer: .word   0
