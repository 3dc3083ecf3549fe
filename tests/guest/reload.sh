#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:32M mem=768M time=240 slice
#
# The module is loaded and unloaded 100 times, every tenth time with a mount in between, and nothing is left: no slab
# cache, no entry in /sys, /proc or debugfs, no kernel thread, no mapping, no memory. On kernels with kmemleak init
# looks for leaked objects afterwards.
set -u
mnt=$TMPDIR/mnt
mkdir -p "$mnt" /tmp/state
n=0
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fi
}

use() {
	mount -t vexfs "$VEX_DISK_TEST" "$mnt" || return 1
	work "$1"
	worked=$?
	umount "$mnt" && return $worked
}

work() {
	echo "round $1" >"$mnt/f$1" && mkdir "$mnt/d$1" && cat "$mnt/f$1" >/dev/null &&
		vexctl collection create "$mnt" "c$1" --dim 4 --type f32 --metric l2 >/dev/null &&
		echo "1 2 3 $1" | vexctl set --collection "c$1" "$mnt/f$1" - >/dev/null &&
		vexctl search --collection "c$1" --k 1 --vector /tmp/state/query "$mnt" >/dev/null
}

# rounds FROM TO
rounds() {
	i=$1
	while [ "$i" -le "$2" ]; do
		insmod "$VEX_MODULE" || { echo "# load $i failed"; return 1; }
		if [ $((i % 10)) -eq 0 ]; then use "$i" || { echo "# use in round $i failed"; return 1; }; fi
		rmmod vexfs || { echo "# unload $i failed"; return 1; }
		i=$((i + 1))
	done
}

settle() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for f in /sys/kernel/slab/*/shrink; do echo 1 >"$f" 2>/dev/null; done
	usleep 300000
}

# Names that a module may leave behind.
names() {
	for d in /sys/module /sys/fs /sys/kernel /sys/kernel/slab /sys/kernel/debug /sys/class /sys/class/bdi /proc/fs /proc/sys/fs; do
		for e in "$d"/*; do echo "$e"; done
	done
	cat /proc/filesystems
	cut -d' ' -f1 /proc/slabinfo | sed 1,2d
	# Kernel threads come and go by themselves only as workers.
	for p in /proc/[0-9]*; do
		[ -z "$(tr -d '\0' 2>/dev/null <"$p/cmdline")" ] && sed -n 's/^Name:[[:space:]]*//p' "$p/status" 2>/dev/null
	done | grep -v '^kworker'
}
field() { awk -v k="$1:" '$1 == k { print $2 }' /proc/meminfo; }
measure() { # measure FILE
	settle
	names | sort >"$1.names"
	grep -c . /proc/vmallocinfo >"$1.mappings"
	field SUnreclaim >"$1.slab"
	field MemAvailable >"$1.free"
	awk '/^kmalloc/ { print $1, $2 }' /proc/slabinfo >"$1.kmalloc"
}
grew() { echo $(($(cat /tmp/state/b."$1") - $(cat /tmp/state/a."$1"))); }

echo "KTAP version 1"
echo "1..8"
echo "1 2 3 4" >/tmp/state/query
grep -q '^vexfs ' /proc/modules && rmmod vexfs
mkfs.vexfs -q -f "$VEX_DISK_TEST"
ok $? "unloaded, and a filesystem to mount"
# The first rounds fill caches that stay.
rounds 1 10
ok $? "ten times to warm up"
measure /tmp/state/a
rounds 11 110
ok $? "loaded and unloaded 100 times, used 10 times"
measure /tmp/state/b

diff /tmp/state/a.names /tmp/state/b.names | sed -n 's/^[+-]\([^+-]\)/# \1/p' >/tmp/state/diff
[ ! -s /tmp/state/diff ]
ok $? "no cache, thread, file or directory appeared or went"
head -n 10 /tmp/state/diff
! grep -q vexfs /tmp/state/b.names
ok $? "none of them is named after vexfs"
# A module is three or four mappings; they are freed lazily.
[ "$(grew mappings)" -lt 50 ]
ok $? "mappings of kernel memory: $(grew mappings) more"
# One object lost per load is about 100 more in its cache. slabinfo counts as used what a processor keeps for itself, so
# that a cache may jump once; a leak grows again by the same.
suspects() { # suspects BEFORE AFTER
	awk 'NR == FNR { a[$1] = $2; next } $2 - a[$1] >= 50 { print $1, $2 - a[$1] }' "$1.kmalloc" "$2.kmalloc"
}
suspects /tmp/state/a /tmp/state/b >/tmp/state/once
: >/tmp/state/twice
if [ -s /tmp/state/once ]; then
	sed 's/^/# 100 more rounds because of /' /tmp/state/once
	rounds 111 210 && measure /tmp/state/c || echo "rounds 0" >>/tmp/state/twice
	suspects /tmp/state/b /tmp/state/c | while read -r cache more; do
		! grep -q "^$cache " /tmp/state/once || echo "$cache $more"
	done >>/tmp/state/twice
fi
sed 's/^/# grew again: /' /tmp/state/twice
[ ! -s /tmp/state/twice ]
ok $? "no kmalloc cache grows with every load"
# The last image of the module that was read may still wait to be freed: one is no leak, 100 would be.
image=$(($(stat -c %s "$VEX_MODULE") / 1024))
[ "$(grew slab)" -lt 2048 ] && [ "$(grew free)" -gt $((-8192 - image)) ]
ok $? "memory: unreclaimable slab $(grew slab) kB more, available $(grew free) kB more"
fsck.vexfs -n "$VEX_DISK_TEST" >/tmp/state/fsck 2>&1 || { sed 's/^/# /' /tmp/state/fsck; echo "not ok $((n + 1)) fsck"; }
