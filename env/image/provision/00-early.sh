#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What must be settled before packages come: answers for debconf, what dpkg leaves out, what the initramfs
# holds. In the bootstrap this runs when only the essential packages are there.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "early: settings that packages read while they are installed"
# Manuals are for people: the test variant does without documentation and translations.
if [[ $VARIANT == test ]]; then
	put 644 /etc/dpkg/dpkg.cfg.d/vexfs <"$P/dpkg-test.cfg"
	if [[ -d /usr/share/doc ]]; then find /usr/share/doc -type f ! -name copyright -delete; fi
	rm -rf /usr/share/locale/* /usr/share/info/*
fi
# What kdump-tools, kexec-tools, grub-pc and man-db would ask.
debconf-set-selections "$P/debconf"

printf 'LABEL=%s / ext4 errors=remount-ro,noatime 0 1\n' "$IMG_ROOT_LABEL" | put 644 /etc/fstab

# The initramfs needs the disk and nothing else: a third of the size, and of the time to unpack it. A hook and not
# /etc/initramfs-tools/modules, which belongs to the package.
new=0
put_if_new 644 /etc/initramfs-tools/conf.d/vexfs <<-'END' && new=1
	MODULES=list
	COMPRESS=zstd
END
put_if_new 755 /etc/initramfs-tools/hooks/vexfs <<-'END' && new=1
	#!/bin/sh
	if [ "$1" = prereqs ]; then exit 0; fi
	. /usr/share/initramfs-tools/hook-functions
	manual_add_modules virtio_pci virtio_blk virtio_scsi sd_mod ahci ext4 crc32c_generic crc32c_intel
END
if ((new)) && ls /boot/vmlinuz-* >/dev/null 2>&1; then update-initramfs -u -k all; fi
