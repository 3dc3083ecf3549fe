#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Kernel and headers: Debian's, and packages of our own where the host sent some.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "kernel: image and headers"
# shellcheck disable=SC2046	# a list of words
need_packages $(img_kernel_packages "$VARIANT")
for deb in "$P"/kernel-debs/*.deb; do
	[[ -f $deb ]] || continue
	installed "$(dpkg-deb -f "$deb" Package)" || dpkg -i "$deb"
done

# The initramfs needs the disk and nothing else: a third of the size, and of the time to unpack it.
if ! grep -qx virtio_pci /etc/initramfs-tools/modules; then
	sed -i 's/^MODULES=.*/MODULES=list/' /etc/initramfs-tools/initramfs.conf
	printf '%s\n' virtio_pci virtio_blk virtio_scsi sd_mod ahci ext4 crc32c_generic crc32c_intel >>/etc/initramfs-tools/modules
	# The root filesystem is checked in the initramfs only if it is known to be ext4.
	update-initramfs -u -k all
fi
