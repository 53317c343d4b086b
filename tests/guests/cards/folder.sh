#!/bin/sh
# Makes the folder that the cards session shares, afresh: folder.sh FOLDER
set -e
rm -rf "$1"
mkdir -p "$1/sub"
umask 022
echo 'from the host' >"$1/hello"
seq 1 40000 >"$1/big"
ln -s hello "$1/link"
ln -s ../../../../../../../../etc/hostname-of-the-host "$1/leak"
chmod 644 "$1/hello" "$1/big"
chmod 755 "$1/sub"
