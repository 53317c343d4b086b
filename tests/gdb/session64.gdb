# The session on 64-bit CPUs: registers of 64 bits, sign-extended addresses, breakpoints and watchpoints by address, steps, writes. The lab guest is a
# 32-bit program, so there are no symbols.
set pagination off
set confirm off
set width 0
set height 0
echo ## reset\n
info registers r0 sp ra lo hi pc
info threads
echo ## hardware breakpoint at the kernel's entry\n
hbreak *0xffffffff80100000
continue
info registers pc sp
x/3i $pc
echo ## steps\n
stepi
stepi
info registers pc
echo ## registers of 64 bits\n
set $t0 = 0x123456789abcdef0
info registers t0
print/x $t0 + 1
echo ## memory\n
x/2xg 0xffffffff80100000
set {unsigned long} 0xffffffff80a00000 = 0x1122334455667788
x/1xg 0xffffffff80a00000
x/8xb 0xffffffff80a00000
echo ## software breakpoint and watchpoint\n
delete
break *0xffffffff80100010
continue
x/1i $pc
delete
stepi
info registers pc
echo ## physical memory\n
maintenance packet Qqemu.PhyMemMode:1
x/1xg 0xa00000
maintenance packet Qqemu.PhyMemMode:0
kill
