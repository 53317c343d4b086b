#!/usr/bin/env bash
# Makes a bootable system of packages that were only unpacked: setup.sh ROOT. What their own scripts would do, as far as a login needs it.
set -euo pipefail
root=$1
cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
sed -i 's,^root:[^:]*:,root::,' "$root/etc/passwd"
mkdir -p "$root"/{proc,sys,dev,run,tmp,root,mnt,var/log,var/tmp}
cp "$root/usr/share/base-files/dot.profile" "$root/root/.profile"
cp "$root/usr/share/base-files/profile" "$root/etc/profile"
echo debian >"$root/etc/hostname"
echo "/dev/root / ext4 defaults 0 0" >"$root/etc/fstab"
cat >"$root/etc/inittab" <<'TAB'
id:2:initdefault:
si::sysinit:/etc/boot.sh
S0:2:respawn:/sbin/agetty -L 115200 ttyS0 vt100
TAB
cat >"$root/etc/boot.sh" <<'BOOT'
#!/bin/sh
mount -o remount,rw /
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
hostname -F /etc/hostname
BOOT
chmod 755 "$root/etc/boot.sh"
# What pam-auth-update makes of the modules that are there.
for what in auth account password session; do
  case $what in auth) how="nullok" ;; password) how="obscure yescrypt" ;; *) how= ;; esac
  echo "$what required pam_unix.so $how" >"$root/etc/pam.d/common-$what"
done
cp "$root/etc/pam.d/common-session" "$root/etc/pam.d/common-session-noninteractive"
for pair in sh:dash awk:mawk cc:gcc; do
  [ -e "$root/usr/bin/${pair%:*}" ] || [ -e "$root/bin/${pair%:*}" ] || ln -s "${pair#*:}" "$root/usr/bin/${pair%:*}"
done
[ -e "$root/bin/sh" ] || ln -s dash "$root/bin/sh"
ldconfig -r "$root" 2>/dev/null || true
