# QEMU's user mode inside: a program of a third architecture.
/usr/bin/qemu-mipsel-static /opt/busybox sh -c 'echo "$((6 * 7)) $(uname -m)"; (exit 3); echo $?; for i in 1 2 3; do (echo $i) & wait; done'
