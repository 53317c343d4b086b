#!/bin/sh
# What udhcpc calls.
case $1 in
  bound | renew)
    ifconfig "$interface" "$ip" netmask "$subnet"
    for r in $router; do route add default gw "$r" dev "$interface"; done
    echo "dns $dns host $hostname lease $lease" >/tmp/resolv
    ;;
esac
