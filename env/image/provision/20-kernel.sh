#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Kernel and headers: Debian's, and a package of our own where the host sent one.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "kernel: image and headers"
# shellcheck disable=SC2046	# a list of words
need_packages $(img_kernel_packages "$VARIANT")
for deb in "$P"/kernel-debs/*.deb; do
	[[ -f $deb ]] || continue
	installed "$(dpkg-deb -f "$deb" Package)" || dpkg -i "$deb"
done
