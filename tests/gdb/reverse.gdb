# Backwards.
set pagination off
set confirm off
set width 0
set height 0
echo ## forwards\n
break lab
continue
stepi 3
x/i $pc
print/x arg_count
echo ## single steps back\n
reverse-stepi
x/i $pc
reverse-stepi
x/i $pc
print/x arg_count
stepi
x/i $pc
echo ## who wrote it\n
tbreak monitor
continue
watch arg_count
reverse-continue
x/i $pc
delete
echo ## to a call before\n
tbreak *read_line
continue
hbreak *console_put
reverse-continue
backtrace 3
print/c $a0
reverse-continue
print/c $a0
continue
print/c $a0
delete
echo ## to the beginning\n
reverse-continue
info registers pc
echo ## the same again\n
tbreak lab
continue
set $a0 = 9
stepi 4
print/x arg_count
detach
