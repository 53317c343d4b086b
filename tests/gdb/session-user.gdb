# A program of the user mode; QEMU's has no watchpoints. `## NAME` separates the parts.
set pagination off
set confirm off
set width 0
set height 0
set print frame-arguments none
echo ## start\n
info symbol $pc
info threads
info auxv
echo ## breakpoint\n
break outer
continue
info args
backtrace 2
echo ## finish\n
finish
next
echo ## memory\n
print/x wide
set var wide[1] = 77
print wide[1]
maintenance packet m10,4
echo ## steps\n
stepi
x/i $pc
stepi
x/i $pc
echo ## a signal with a handler\n
handle SIGUSR1 stop print pass
hbreak caught
continue
continue
backtrace 1
print counter
echo ## a thread\n
break thread
continue
info threads
print n
delete
echo ## a fault\n
continue
x/i $pc
print counter
echo ## its end\n
continue
