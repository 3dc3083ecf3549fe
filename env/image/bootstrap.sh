#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The second source: a bootable disk bootstrapped by mmdebstrap, at the host's speed.
# usage: bootstrap.sh WORKDIR VARIANT SOURCES.LIST
# WORKDIR/payload is what the provisioners want; leaves WORKDIR/disk.raw, vmlinuz and initrd.img. The disk has no
# boot loader yet: its first boot is a direct kernel boot, and the provisioners install GRUB from inside, as
# they do on an installed disk. Works as root or, where user name spaces are allowed, without.
set -euo pipefail
unset CDPATH

here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$1" && pwd) variant=$2 sources=$3
# shellcheck source=env/image/settings.sh
. "$here/settings.sh"

# As root, and with memory to spare, the tree is built in a tmpfs of our own mount name space: it costs no disk
# writes, and is gone with us whatever happens.
if ((EUID == 0)) && [[ -z ${VEX_BOOTSTRAP_TMPFS:-} ]]; then
	VEX_BOOTSTRAP_TMPFS=0
	if (($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) > 7000000)) && unshare -m true 2>/dev/null; then VEX_BOOTSTRAP_TMPFS=1; fi
	export VEX_BOOTSTRAP_TMPFS
	((VEX_BOOTSTRAP_TMPFS == 0)) || exec unshare -m bash "$0" "$@"
fi
if [[ ${VEX_BOOTSTRAP_TMPFS:-0} == 1 ]]; then
	mkdir -p "$work/tmp"
	mount -t tmpfs -o mode=1777,size=5g tmpfs "$work/tmp"
	export TMPDIR=$work/tmp
fi

disk=$work/disk.raw
rm -f "$disk"
truncate -s "${IMG_DISK_MB}M" "$disk"
printf 'label: dos\nstart=%d, type=83, bootable\n' "$IMG_PART_START" | sfdisk -q "$disk"
# In a user name space the hooks' root is not the user, and may not even reach our directory: it gets an open
# file. (Only one: mmdebstrap hands its own numbers to a shell that knows none above 9.)
chmod 666 "$disk"
exec 7<>"$disk"

packages="$(img_packages "$variant" "$work/payload/packages") $(img_kernel_packages "$variant")"
# shellcheck disable=SC2086	# words
options=(--variant=minbase --format=null --include="$(printf '%s,' $packages)"
	--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"'
	--dpkgopt=force-unsafe-io --dpkgopt=force-confdef --dpkgopt=force-confold)
if [[ $variant == test ]]; then
	while read -r o; do [[ -z $o || $o == \#* ]] || options+=(--dpkgopt="$o"); done <"$here/dpkg-test.cfg"
fi
# A frozen archive (a snapshot) is older than its Valid-Until says; what the host accepts, we accept.
check=$(apt-config dump --format '%v%n' Acquire::Check-Valid-Until)
if [[ $check == false ]]; then options+=(--aptopt='Acquire::Check-Valid-Until "false"'); fi

# Nothing of the host's environment but the way to the archive.
environment="PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root VEX_CHROOT=1 VEX_VARIANT=$variant"
for v in http_proxy https_proxy no_proxy; do [[ -z ${!v:-} ]] || environment+=" $v=$(printf %q "${!v}")"; done
run_stage="chroot \"\$1\" env -i $environment bash /tmp/vexfs-payload/provision"
# /proc and its like are mounted below the root directory while hooks run; in a mount name space of its own
# the file system gets the directory without them. Each is detached as a whole (not -R): in a user name space what is
# mounted below /sys may not be unmounted by itself.
make_fs="unshare -m sh -ec 'for d in proc sys dev/pts dev/shm; do ! mountpoint -q \"\$1/\$d\" || umount -l \"\$1/\$d\"; done
	exec mke2fs -q -F -t ext4 -L $IMG_ROOT_LABEL -E offset=$((IMG_PART_START * 512)),lazy_itable_init=1 \
	-d \"\$1\" /proc/self/fd/7 $((IMG_DISK_MB - IMG_PART_START / 2048))M' sh \"\$1\""
# The first boot is with Debian's kernel, also where one of ours lies beside it: under KASAN it would take minutes more.
# shellcheck disable=SC2016	# the hooks expand it
exec mmdebstrap "${options[@]}" \
	--essential-hook='mkdir -p "$1/tmp/vexfs-payload"' \
	--essential-hook="sync-in '$work/payload' /tmp/vexfs-payload" \
	--essential-hook="$run_stage/00-early.sh" \
	--customize-hook="$run_stage/10-base.sh" \
	--customize-hook="$run_stage/20-kernel.sh" \
	--customize-hook="$run_stage/30-vexfs.sh" \
	--customize-hook="$run_stage/40-boot.sh" \
	--customize-hook='rm -rf "$1"/tmp/vexfs-payload "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' \
	--customize-hook='set -- "$1" "$(cd "$1/boot" && ls vmlinuz-*-amd64 | sort -V | tail -n1)"
		cp "$1/boot/$2" "$1/tmp/vmlinuz"; cp "$1/boot/initrd.img-${2#vmlinuz-}" "$1/tmp/initrd.img"' \
	--customize-hook="download /tmp/vmlinuz '$work/vmlinuz'" \
	--customize-hook="download /tmp/initrd.img '$work/initrd.img'" \
	--customize-hook='rm -f "$1/tmp/vmlinuz" "$1/tmp/initrd.img"' \
	--customize-hook="$make_fs" \
	"$IMG_SUITE" /dev/null "$sources"
