#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What must not be the same in two machines, or be there at all.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "clean: identity, caches, free space"
dpkg-query -W -f='${Package} ${Version}\n' >/var/lib/vexfs-packages
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/*.log /var/log/apt /var/log/journal /root/.bash_history
# The build needed the working directory; the object files are made again when DKMS needs them.
rm -rf /var/lib/dkms/vexfs/*/build
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id /var/lib/systemd/random-seed /etc/ssh/ssh_host_*
if ! in_chroot; then
	rm -rf "$P"
	sync
	# Freed blocks become holes in the image file; a zero written to each would say the same.
	fstrim -v /
fi
