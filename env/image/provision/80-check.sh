#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A first look while the guest is still up; the whole validation boots the finished image.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "check: the module loads, the tools answer"
modprobe vexfs
grep -qw vexfs /proc/filesystems
for tool in mkfs.vexfs fsck.vexfs tune.vexfs dump.vexfs vexctl; do "$tool" --help >/dev/null; done
rmmod vexfs		# and not modprobe -r, which wants to take crc32c along
dpkg --audit
printf 'failed units: %s\n' "$(systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\n' ' ')"
