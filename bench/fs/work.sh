#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The guest's half of bench/fs. /fs/job says what to do (ROUNDS, ROWS, PEERS); lines "@ns FILESYSTEM ROW NUMBER" go to
# the host. The filesystems take turns in each row, and each begins once.
set -eu
# shellcheck source=/dev/null
. /fs/job

disk_of() { eval "echo \$VEX_DISK_$(echo "$1" | tr '[:lower:]' '[:upper:]')"; }

for m in $MODULES; do
	if [ ! -d "/sys/module/$(echo "${m%.ko}" | tr - _)" ]; then insmod "/fs/modules/$m"; fi
done
for fs in $PEERS; do
	mkdir -p "/mnt/$fs"
	mount -t "$fs" "$(disk_of "$fs")" "/mnt/$fs"
done
round=0 order=$PEERS
while [ "$round" -lt "$ROUNDS" ]; do
	round=$((round + 1))
	for row in $ROWS; do
		for fs in $order; do
			ns=$(/fs/work "/mnt/$fs" "$row")
			echo "@ns $fs $row $ns"
		done
		order="${order#* } ${order%% *}"
	done
done
for fs in $PEERS; do umount "/mnt/$fs"; done
