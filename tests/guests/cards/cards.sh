#!/bin/sh
# A scripted session with virtio cards: their interrupts, a disk, a folder of the host by 9P, random numbers. The modules lie in /cards; the
# folder is the one that folder.sh makes.
echo CARDS-BEGIN
cd /cards || exit 1
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk netfs fscache 9pnet 9pnet_virtio 9p virtio-rng; do
  [ ! -e $m.ko ] || insmod $m.ko || echo "$m: not loaded"
done

echo "== interrupts"
# Behind the file system, which holds the time it was made.
dd if=/dev/vda bs=1M skip=4 2>/dev/null | sha256sum
dd if=/dev/hwrng bs=16 count=1 2>/dev/null | wc -c
mkdir -p /share && mount -t 9p -o trans=virtio,version=9p2000.L share /share && echo mounted
# Type, trigger and name; numbers of interrupts and cards are the machine's own.
awk '/virtio/ {print $(NF-2), ($(NF-1) ~ /edge/ ? "edge" : "level"), ($2 > 0 ? "came" : "never"), $NF}' /proc/interrupts | sed 's/virtio[0-9]*/virtioN/' | sort
cat /sys/bus/pci/devices/*/msi_irqs/* 2>/dev/null | sort | uniq -c | awk '{print $2, $1}'

echo "== folder"
cd /share || exit 1
ls -R . | sort
cat hello
sha256sum big
cat link
cat leak 2>/dev/null || echo 'a link of the host leads nowhere'
stat -c '%s %F %a' hello link
stat -c '%F %a' sub
i=0
while [ $i -lt 30 ]; do seq $i $((i * 50 + 9)) >sub/f$i; i=$((i + 1)); done
mv sub/f3 moved
rm sub/f4 sub/f5
mkdir sub/deep && ln -s ../f7 sub/deep/l && tail -1 sub/deep/l
chmod 600 sub/f8 && stat -c '%a' sub/f8
dd if=/dev/zero bs=64k count=20 2>/dev/null | tr '\0' 'q' >wide
truncate -s 100001 wide
sha256sum wide moved sub/f* | sha256sum
rmdir sub 2>/dev/null || echo 'not empty'
cat missing 2>/dev/null || echo 'no such file'
cp /share/big /tmp/big && cmp /tmp/big big && echo same
cd / && umount /share && mount -t 9p -o trans=virtio,version=9p2000.L share /share && ls /share /share/sub | md5sum
umount /share
echo CARDS-END
