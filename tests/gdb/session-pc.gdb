# The golden session with the program of tests/gdb/pc: lines `## NAME` in the output separate its parts.
set pagination off
set confirm off
set width 0
set height 0
set print address on
echo ## reset\n
info registers cs
info threads
echo ## software breakpoint\n
break run
continue
backtrace
info registers cs ss ds es fs gs fs_base gs_base k_gs_base cr0 cr2 cr3 cr4 cr8 efer mxcsr
info registers fctrl fstat fop
x/3i $pc
echo ## hardware breakpoint\n
hbreak sum
continue
backtrace
info args
print *p
finish
print pairs
delete
echo ## write watchpoint\n
watch counter
continue
print counter
continue
delete
echo ## read and access watchpoints\n
rwatch reads
awatch pairs[1].second
continue
print reads
continue
continue
info watchpoints
delete
echo ## steps\n
tbreak deeper
continue
stepi
stepi
x/4i $pc
next
step
up
info frame
delete
echo ## registers\n
tbreak hot
continue
print $sp
set $eflags = 0x8d7
print $eflags
set $eflags = 0x2
print $eflags
set $cx = 0x1234
set $cl = 0x77
print/x $cx
set $xmm3.v4_int32[1] = 0x11223344
print/x $xmm3.uint128
print $xmm1.v4_float
print $xmm2.v4_float
set $mxcsr = 0x1fa0
print/x $mxcsr
set $cr2 = 0x1234
print/x $cr2
maintenance packet p0
echo ## x87\n
tbreak numbers_over
continue
print ratio
print wide
info registers fctrl fstat
echo ## memory\n
x/s text
set var text[1] = 'I'
x/s text
x/8xb &pairs
set var *(unsigned int *)0x300000 = 0x11223344
x/4xb 0x300000
maintenance packet Qqemu.PhyMemMode:1
maintenance packet m300000,4
maintenance packet M300000,4:01020304
maintenance packet Qqemu.PhyMemMode:0
x/4xb 0x300000
maintenance packet m70000000,4
echo ## a hot loop\n
tbreak hot
continue
advance 46
info locals
watch counter
continue
info breakpoints
delete
echo ## detached\n
detach
