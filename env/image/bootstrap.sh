#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The second source: a bootable disk bootstrapped by mmdebstrap, at the host's speed.
# usage: bootstrap.sh WORKDIR VARIANT MIRROR
# WORKDIR/payload is what the provisioners want; leaves WORKDIR/disk.raw, vmlinuz and initrd.img. The disk has no
# boot loader yet: its first boot is a direct kernel boot, and the provisioners install GRUB from inside, as
# they do on an installed disk. Works as root or, where user name spaces are allowed, without.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(cd "$1" && pwd) variant=$2 mirror=$3
# shellcheck source=env/image/settings.sh
. "$here/settings.sh"

disk=$work/disk.raw
rm -f "$disk"
truncate -s "${IMG_DISK_MB}M" "$disk"
printf 'label: dos\nstart=%d, type=83, bootable\n' "$IMG_PART_START" | sfdisk -q "$disk"
: >"$work/vmlinuz"
: >"$work/initrd.img"
# In a user name space the hook's root is not the user.
chmod 666 "$disk" "$work/vmlinuz" "$work/initrd.img"

packages=$(img_packages "$variant" "$work/payload/packages") kernel=$(img_kernel_packages "$variant")
options=(--variant=minbase --format=null --include="$(tr ' ' , <<<"$packages $kernel" | sed 's/,*$//')"
	--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Retries "3"'
	--dpkgopt=force-unsafe-io --dpkgopt=force-confdef)
if [[ $variant == test ]]; then
	while read -r o; do [[ -z $o || $o == \#* ]] || options+=(--dpkgopt="$o"); done <"$here/dpkg-test.cfg"
fi
# A frozen archive (a snapshot) is older than its Valid-Until says; what the host accepts, we accept.
check=$(apt-config dump --format '%v%n' Acquire::Check-Valid-Until)
if [[ $check == false ]]; then options+=(--aptopt='Acquire::Check-Valid-Until "false"'); fi

run_stage="chroot \"\$1\" env VEX_CHROOT=1 VEX_VARIANT=$variant bash /tmp/vexfs-payload/provision"
# shellcheck disable=SC2016	# the hook expands it
exec mmdebstrap "${options[@]}" \
	--customize-hook="copy-in '$work/payload' /tmp && mv \"\$1/tmp/payload\" \"\$1/tmp/vexfs-payload\"" \
	--customize-hook="$run_stage/10-base.sh" \
	--customize-hook="$run_stage/20-kernel.sh" \
	--customize-hook="$run_stage/30-vexfs.sh" \
	--customize-hook="$run_stage/40-boot.sh" \
	--customize-hook='rm -rf "$1"/tmp/vexfs-payload "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' \
	--customize-hook="cat \"\$1\"/boot/vmlinuz-* >'$work/vmlinuz'; cat \"\$1\"/boot/initrd.img-* >'$work/initrd.img'" \
	--customize-hook="mke2fs -q -t ext4 -L $IMG_ROOT_LABEL -E offset=$((IMG_PART_START * 512)),lazy_itable_init=1 -d \"\$1\" '$disk' $((IMG_DISK_MB - IMG_PART_START / 2048))M" \
	"$IMG_SUITE" /dev/null "deb $mirror $IMG_SUITE main" "deb $mirror $IMG_SUITE-updates main"
