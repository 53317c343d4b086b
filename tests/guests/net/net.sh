#!/bin/sh
# Uses the network: a lease, the gateway's echo, a file fetched from the host by TCP, one taken in and sent back by a forwarded port,
# one fetched by UDP. The kernel's command line has the host's ports: `port=`, `udp=`. Driven by net.py.
echo NET-BEGIN
for m in failover net_failover virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_net mii pcnet32 e1000 8139too 8390 ne2k-pci; do
  [ ! -e /net/$m.ko ] || insmod /net/$m.ko || echo "$m: not loaded"
done
value() { tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"; }
ifconfig lo up
ifconfig eth0 up
cat /sys/class/net/eth0/address
udhcpc -i eth0 -n -q -t 5 -T 2 -s /bin/lease.sh 2>&1 | grep -v -e started -e sending -e broadcasting
ifconfig eth0 | grep -o 'inet addr.*'
route -n | awk '$1 == "0.0.0.0" {print "gateway", $2}'
cat /tmp/resolv
ping -c 3 10.0.2.2 | grep -o '.* packets received'
wget -q -O /tmp/file "http://10.0.2.2:$(value port)/file" && sha256sum /tmp/file
wget -q -O /tmp/none "http://10.0.2.2:1/" 2>&1 | sed 's/ *(.*)//'
echo NET-LISTENS
nc -l -p 7000 >/tmp/taken
sha256sum /tmp/taken
echo NET-LISTENS-AGAIN
nc -l -p 7000 </tmp/taken >/dev/null
tftp -g -r file -l /tmp/datagrams 10.0.2.2 "$(value udp)" && sha256sum /tmp/datagrams
echo NET-END
