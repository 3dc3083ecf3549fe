#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The module through DKMS, the tools, man pages, units: two Debian packages the host made.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "vexfs: module through DKMS, tools"
for deb in "$P"/debs/vexfs-*.deb; do
	name=$(dpkg-deb -f "$deb" Package)
	want=$(dpkg-deb -f "$deb" Version)
	[[ $(dpkg-query -W -f='${Version} ${db:Status-Status}' "$name" 2>/dev/null) == "$want installed" ]] || dpkg -i "$deb"
done

# Installed for every kernel that is here, or the image is no good.
for dir in /lib/modules/*/; do
	kernel=$(basename "$dir")
	[[ -e $dir/kernel ]] || continue
	# A kernel whose compiler is not Debian 12's brings its module along (packaging/deb/kernel.sh).
	[[ -e $dir/build || ! -e $dir/updates/vexfs.ko ]] || continue
	dkms status vexfs -k "$kernel" | grep ': installed' || {
		echo "DKMS has no vexfs module for kernel $kernel:" >&2
		dkms status >&2
		exit 1
	}
done
