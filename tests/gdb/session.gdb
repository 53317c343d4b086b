# The golden session: lines `## NAME` in the output separate its parts. Types into the guest by writing the line into read_line's
# buffer and returning from it.
set pagination off
set confirm off
set width 0
set height 0
set print address on
define typed
  # At read_line's first instruction: its buffer gets the line, and it returns.
  set $pc = $ra
end
echo ## reset\n
info registers r0 sp ra lo hi cause pc
info threads
maintenance packet qqemu.sstepbits
maintenance packet qqemu.sstep
maintenance packet Qqemu.sstep=0x5
maintenance packet qqemu.sstep
maintenance packet Qqemu.sstep=0x7
echo ## software breakpoint\n
break lab
continue
backtrace
info args
echo ## write watchpoint\n
watch arg_count
continue
x/2i $pc
print/x arg_count
delete
echo ## hardware breakpoint\n
hbreak *monitor
continue
info registers pc sp ra
backtrace
echo ## steps\n
stepi
stepi
x/3i $pc
next
info line *$pc
delete
echo ## registers\n
tbreak *read_line
continue
print $a1
print/x $sp
set $t0 = 0x12345678
print/x $t0
set $lo = 77
set $hi = 0x80000000
print $lo
print/x $hi
stepi
print/x $t0
info registers t0 lo
echo ## memory\n
set var *(unsigned int *)0x80500000 = 0x11223344
x/8xb 0x80500000
set var *(unsigned char *)0x80500002 = 0xaa
x/xw 0x80500000
x/xw 0xa0500000
print/x *(unsigned int *)0x80100000
x/s names
maintenance packet Qqemu.PhyMemMode:1
maintenance packet m500000,4
maintenance packet M500000,4:01020304
maintenance packet Qqemu.PhyMemMode:0
x/4xb 0x80500000
maintenance packet m400000,4
echo ## a command\n
tbreak *read_line
jump *monitor
set var *(char (*)[5])$a0 = "regs"
typed
tbreak print_frame
continue
backtrace 1
print f->epc
print/x f->cause & 0x7c
print/x f->r[29] == f->r[30] - 0
info symbol f->epc
finish
echo ## reads and accesses\n
tbreak *read_line
continue
set var *(char (*)[9])$a0 = "timer 3\0"
typed
rwatch tick_period
awatch ticks
continue
info registers pc
continue
info registers pc
continue
info registers pc
info watchpoints
delete
echo ## a hot loop\n
tbreak *read_line
continue
set var *(char (*)[6])$a0 = "bench"
typed
hbreak *block
ignore $bpnum 20
continue
info registers pc
backtrace 1
info breakpoints
delete
echo ## interrupted\n
tbreak *read_line
continue
info registers pc
delete
echo ## detached\n
detach
