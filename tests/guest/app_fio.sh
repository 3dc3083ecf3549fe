#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:512M mem=1G cpus=2 time=900 full
# fio writes patterns and verifies them: every engine, buffered and direct, overwrites and holes.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 9
for engine in psync libaio io_uring mmap; do
	for direct in 0 1; do
		[ "$engine$direct" != mmap1 ] || continue
		app "$engine, direct=$direct" ENGINE="$engine" DIRECT="$direct" <<'END'
fio --name=v --directory=. --ioengine=$ENGINE --direct=$DIRECT --rw=randwrite --bsrange=4k-64k --bs_unaligned=0 --blockalign=4k \
	--size=24m --io_size=48m --numjobs=2 --iodepth=8 --verify=crc32c --verify_fatal=1 --verify_dump=0 --verify_backlog=256 \
	--fallocate=none --norandommap=0 --randrepeat=1 --group_reporting --output=/tmp/fio.log || { tail -n 20 /tmp/fio.log; exit 1; }
rm -f v.*
END
	done
done
app "a mix of readers, writers and fsync" <<'END'
fio --name=mix --directory=. --ioengine=psync --rw=randrw --bs=4k --size=16m --numjobs=4 --fsync=16 --verify=crc32c --verify_fatal=1 \
	--group_reporting --output=/tmp/fio.log || { tail -n 20 /tmp/fio.log; exit 1; }
END
app_end
