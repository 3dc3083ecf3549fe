#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The smoke test of bench/loop: load, format, mount, write, remount, read, unmount, unload.
echo "KTAP version 1"
echo "1..5"
n=0
check() {
	n=$((n + 1))
	what=$1
	shift
	if "$@" >/tmp/smoke.log 2>&1; then echo "ok $n $what"; else echo "not ok $n $what"; sed 's/^/# /' /tmp/smoke.log; fi
}
store_and_remount() {
	echo "some text" >/mnt/smoke/file && umount /mnt/smoke &&
		mount -t vexfs "$VEX_DISK_TEST" /mnt/smoke && [ "$(cat /mnt/smoke/file)" = "some text" ]
}
check "module loads" insmod /vex/modules/vexfs.ko
check "mkfs.vexfs" mkfs.vexfs "$VEX_DISK_TEST"
mkdir -p /mnt/smoke
check "mount" mount -t vexfs "$VEX_DISK_TEST" /mnt/smoke
check "a file survives a remount" store_and_remount
umount /mnt/smoke
check "module unloads" rmmod vexfs
