#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The guest's half of bench/dirs. /dirs/job says what to do (ENTRIES, LOOKUPS, RUNS, PEERS); lines
# "@ns FILESYSTEM MEASUREMENT NUMBER" go to the host. The filesystems take turns.
set -eu
# shellcheck source=/dev/null
. /dirs/job

measure() { # measure FILESYSTEM WHAT [LOOKUPS]
	ns=$(/dirs/lookup "/mnt/$1/dir" "$2" "$ENTRIES" "${3:-$ENTRIES}")
	echo "@ns $1 $2 $ns"
}

disk_of() { eval "echo \$VEX_DISK_$(echo "$1" | tr '[:lower:]' '[:upper:]')"; }

for m in $MODULES; do
	if [ ! -d "/sys/module/$(echo "${m%.ko}" | tr - _)" ]; then insmod "/dirs/modules/$m"; fi
done
for fs in $PEERS; do
	mkdir -p "/mnt/$fs"
	mount -t "$fs" "$(disk_of "$fs")" "/mnt/$fs"
	mkdir "/mnt/$fs/dir"
	measure "$fs" make
	sync
done
i=0
while [ "$i" -lt "$RUNS" ]; do
	i=$((i + 1))
	for fs in $PEERS; do
		echo 2 >/proc/sys/vm/drop_caches
		measure "$fs" list
		measure "$fs" absent "$LOOKUPS"
		measure "$fs" present "$LOOKUPS"
	done
done
