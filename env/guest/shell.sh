#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs in the guest before a shell: a VexFS on /mnt/vexfs.
set -eu
disk=$VEX_DISK_VEXFS
mkdir -p /mnt/vexfs
# Only a disk whose first MiB is all zero is taken for blank and formatted.
if [ "$(head -c 1048576 "$disk" | tr -d '\0' | head -c 1 | wc -c)" = 0 ]; then
	mkfs.vexfs "$disk" >/tmp/mkfs.log 2>&1 || { cat /tmp/mkfs.log; exit 1; }
fi
mount -t vexfs "$disk" /mnt/vexfs
