#!/bin/sh
# A scripted session with the board's IDE drives and network interface, with the same output on every machine. The modules
# are beside it; /dev/sda is disk.raw, /dev/sr0 cd.raw (fetch.sh).
echo DEVICES-BEGIN
cd /devices || exit 1
for m in crc16 mbcache jbd2 crc32c_generic libcrc32c ext4 ata_piix cdrom sr_mod mii pcnet32; do
  [ ! -e $m.ko ] || insmod $m.ko || echo "$m: not loaded"
done
i=0
while [ $i -lt 100 ] && { [ ! -b /dev/sda ] || [ ! -b /dev/sr0 ]; }; do
  sleep 0.2
  i=$((i + 1))
done
forget() { sync; echo 3 >/proc/sys/vm/drop_caches; }

echo "== drives"
grep -E ' (sda|sr0)$' /proc/partitions | awk '{print $3, $4}'
grep -h . /sys/block/sda/ro /sys/block/sr0/ro /sys/block/sda/queue/logical_block_size /sys/block/sr0/queue/logical_block_size
cat /dev/sda | wc -c
# Behind the file systems, which hold the time they were made.
dd if=/dev/sda bs=1M skip=4 2>/dev/null | sha256sum
dd if=/dev/sr0 bs=1M skip=2 2>/dev/null | sha256sum
dd if=/dev/sr0 bs=2048 skip=1100 count=33 2>/dev/null | md5sum
dd if=/dev/sda bs=512 skip=8193 count=257 2>/dev/null | md5sum

echo "== file system"
mkdir -p /mnt /cd
mount -t ext4 -o noatime /dev/sda /mnt && mount -t ext4 -o ro /dev/sr0 /cd && echo mounted
sha256sum /mnt/hello /cd/hello /cd/blob
i=0
while [ $i -lt 8 ]; do
  seq $((i * 1000)) $((i * 1000 + 4000)) >/mnt/file$i
  i=$((i + 1))
done
cp /cd/blob /mnt/copy
rm /mnt/file3
mkdir /mnt/dir && ln -s ../copy /mnt/dir/link
umount /mnt
forget
mount -t ext4 -o noatime /dev/sda /mnt && echo again
sha256sum /mnt/file* /mnt/dir/link
ls /mnt
echo x 2>/dev/null >/cd/new || echo 'the CD is read-only'
umount /mnt /cd

echo "== blocks"
# Behind the file system: every size and place of a transfer.
i=1
while [ $i -le 40 ]; do
  seq $i 1000 | dd of=/dev/sda bs=512 seek=$((12288 + i * 37)) count=$((i % 9 + 1)) conv=notrunc,sync iflag=fullblock 2>/dev/null
  i=$((i + 1))
done
dd if=/dev/zero bs=64k count=8 2>/dev/null | tr '\0' 'y' | dd of=/dev/sda bs=64k seek=112 conv=notrunc 2>/dev/null
forget
dd if=/dev/sda bs=512 skip=12288 2>/dev/null | sha256sum
dd if=/dev/sda bs=4k skip=1536 2>/dev/null | sha256sum

echo "== network"
cat /sys/class/net/eth0/address
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up && echo up
sleep 3
cat /sys/class/net/eth0/carrier
before=$(cat /sys/class/net/eth0/statistics/tx_packets)
arping -c 3 -w 4 -I eth0 10.0.2.99 | grep -c Sent
ping -c 1 -w 2 10.0.2.98 | grep -o '.* packets received'
after=$(cat /sys/class/net/eth0/statistics/tx_packets)
[ $after -ge $((before + 4)) ] && echo sent
cat /sys/class/net/eth0/statistics/tx_errors /sys/class/net/eth0/statistics/rx_errors
ifconfig lo up
ping -c 2 10.0.2.15 | grep -o '.* packets received'
ifconfig eth0 down && echo down
ifconfig eth0 up && ifconfig eth0 down && echo twice
rmmod pcnet32 && insmod pcnet32.ko && cat /sys/class/net/eth0/address
echo DEVICES-END
