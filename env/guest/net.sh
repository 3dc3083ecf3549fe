#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs in the fast lane's guest before its job: the address QEMU's user network has for its one guest, and an
# sshd (Debian's dropbear) when the host sent one.
set -eu
# The driver may be part of the kernel; either way the card is there when it has been loaded.
[ -e /sys/class/net/eth0 ] || modprobe virtio_net || { echo "this kernel has no virtio_net: no network"; exit 1; }
[ -e /sys/class/net/eth0 ] || { echo "no network card in the guest, though virtio_net is loaded"; exit 1; }
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo nameserver 10.0.2.3 >/etc/resolv.conf
[ -x /vex/ssh/dropbear ] || exit 0
mkdir -p /root/.ssh
cp /vex/ssh/authorized_keys /root/.ssh/
chmod 700 /root/.ssh
chmod 600 /root/.ssh/authorized_keys /vex/ssh/hostkey
# A login knows the tools and the disks, as the job does.
{ echo "export PATH='$PATH'"; env | grep '^VEX_DISK_' | sed 's/^/export /'; } >/root/.profile
for f in /vex/bin/*; do [ ! -x "$f" ] || ln -sf "$f" /bin/; done
/vex/ssh/dropbear -s -r /vex/ssh/hostkey 2>/tmp/dropbear.log || { cat /tmp/dropbear.log; exit 1; }
