# Watchpoints of a program; `## NAME` separates the parts.
set pagination off
set confirm off
set width 0
set height 0
echo ## write\n
break outer
continue
watch counter
continue
x/i $pc
print counter
echo ## read\n
delete
rwatch counter
continue
x/i $pc
echo ## in a handler and a thread\n
delete
watch counter
handle SIGUSR1 nostop noprint pass
continue
continue
continue
print counter
delete
echo ## its end\n
continue
continue
