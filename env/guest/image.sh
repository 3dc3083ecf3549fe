# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# Runs in an image guest, sent over ssh: the module of the checkout in place of the installed one, the names of
# the disks for whoever logs in, and a VexFS on /mnt/vexfs.
# VEX_INSTALLED: 1 keeps the image's own module. VEX_DISKS: names. VEX_MOUNT: 1 mounts the disk "vexfs".
set -eu

if [ "$VEX_INSTALLED" = 0 ]; then
	if grep -q '^vexfs ' /proc/modules; then
		umount -a -t vexfs
		rmmod vexfs
	fi
	for m in $(modinfo -F depends /vex/modules/vexfs.ko | tr , ' '); do modprobe "$m"; done
	insmod /vex/modules/vexfs.ko || { dmesg | tail -n 5; exit 1; }
	# shellcheck disable=SC2016	# expanded where the file is read
	echo 'export PATH="/vex/bin:$PATH"' >/run/vexfs.env
else
	modprobe vexfs
	: >/run/vexfs.env
fi

for name in $VEX_DISKS; do
	dev=$(readlink -f "/dev/disk/by-id/virtio-$name")
	[ -b "$dev" ] || { echo "disk $name is not there"; exit 1; }
	echo "export VEX_DISK_$(echo "$name" | tr 'a-z-' 'A-Z_')=$dev" >>/run/vexfs.env
done

[ "$VEX_MOUNT" = 1 ] || exit 0
# shellcheck source=/dev/null
. /run/vexfs.env
disk=$VEX_DISK_VEXFS
mkdir -p /mnt/vexfs
if mountpoint -q /mnt/vexfs; then exit 0; fi
# Only a disk whose first MiB is all zero is taken for blank and formatted.
if [ "$(head -c 1048576 "$disk" | tr -d '\0' | head -c 1 | wc -c)" = 0 ]; then
	mkfs.vexfs "$disk" >/tmp/mkfs.log 2>&1 || { cat /tmp/mkfs.log; exit 1; }
fi
mount -t vexfs "$disk" /mnt/vexfs
