# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# read by whoever sources this
#
# What every image has in common, whichever source it came from: the bootstrap, the preseed and the
# provisioners all read this file, so that they cannot drift apart.

IMG_SUITE=bookworm
IMG_HOSTNAME=vexfs
IMG_USER=vex
IMG_DISK_MB=8192		# virtual; the file is sparse
IMG_PART_START=2048		# sectors: one MBR partition at 1 MiB, room for GRUB in front of it
IMG_ROOT_LABEL=vexfs-root
# console=: both, the serial line last so that init talks there. norandmaps: TCG reuses translated code
# between processes, twice as fast for shell-heavy work (these are throw-away development guests).
IMG_CMDLINE="console=tty0 console=ttyS0,115200 norandmaps mitigations=off no_timer_check audit=0 apparmor=0"
IMG_CMDLINE_DEBUG="crashkernel=256M sysrq_always_enabled=1"

# The kernel packages of a variant. The cloud flavour is a third of the size; it lacks 9p and graphics.
img_kernel_packages() {
	case $1 in
	test) echo linux-image-cloud-amd64 linux-headers-cloud-amd64 ;;
	*) echo linux-image-amd64 linux-headers-amd64 ;;
	esac
}

# img_packages VARIANT DIR: what the lists in DIR name; debug is dev and more.
img_packages() {
	local lists=(base "$1")
	[[ $1 != debug ]] || lists=(base dev debug)
	(cd "$2" && sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${lists[@]/%/.list}") | tr -s ' \n' ' '
}
