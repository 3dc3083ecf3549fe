#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:32M mem=512M time=120
# What a read-only mount leaves undone is finished when the filesystem is made writable, not at the next mount: the
# removal of a collection and, if the device could not be written at the mount, orphans.
set -u

n=0 fails=0
plan() { echo "KTAP version 1"; echo "1..$1"; }
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fails=$((fails + 1)); fi
}
mnt=$TMPDIR/mnt dev=$VEX_DISK_TEST
mkdir -p "$mnt"

# at WHAT: first block of that part of the filesystem
at() { dump.vexfs "$dev" | sed -n "s/^$1 .* blocks at //p"; }
free() { stat -f -c %f "$mnt"; }
attach() { mount -t vexfs -o "$1" "$dev" "$mnt"; }
# The record of collection 0, and the first orphan, follow the block's header of 64 bytes.
half_removed() { dump.vexfs --poke "$(at collections):64=02000000" --seal "$dev" >/dev/null; }
half_truncated() { dump.vexfs --poke "$(at 'orphan table'):64=$1" --seal "$dev" >/dev/null; }
collection() { # collection NAME: with a vector
	vexctl collection create "$mnt" "$1" --dim 8 &&
		echo '[1,2,3,4,5,6,7,8]' | vexctl set --collection "$1" "$mnt/file"
}
no_orphans() { ! dump.vexfs --orphans "$dev" | grep -q "$1"; }

plan 10
mkfs.vexfs -q -f "$dev" && attach rw && echo kept >"$mnt/file" || exit 1
ino=$(stat -c %i "$mnt/file")
collection first >/dev/null || exit 1
umount "$mnt"
dump.vexfs --collections "$dev" | sed 's/^/# /'
half_removed
attach ro && ! vexctl get --collection first "$mnt/file" >/dev/null 2>&1; ok $? 'a collection half removed, mounted read-only: it is not seen'
before=$(free)
umount "$mnt"
dump.vexfs --collections "$dev" | grep -q dropping; ok $? '... and nothing is written'
attach ro && mount -o remount,rw "$mnt"; ok $? 'made writable'
[ "$(free)" -gt "$before" ]; ok $? "... its blocks are free ($before before, now $(free))"
collection second >/dev/null; ok $? '... and a collection takes its place'
umount "$mnt"
fsck.vexfs -n "$dev" >/dev/null; ok $? 'fsck finds nothing'

half_truncated "$(printf '%02x%02x000000000000' $((ino % 256)) $((ino / 256)))"
dmesg -c >/dev/null
blockdev --setro "$dev"
attach ro && ! dmesg | grep -q 'inodes finished'; ok $? 'an orphan on a device that cannot be written waits'
blockdev --setrw "$dev"
mount -o remount,rw "$mnt" && dmesg | grep -q '1 inodes finished' && [ "$(cat "$mnt/file")" = kept ]
ok $? '... until it can, and is made writable'
umount "$mnt"
no_orphans "inode $ino" && fsck.vexfs -n "$dev" >/dev/null; ok $? 'fsck finds nothing'

# The version moves when someone has asked for it, as with an inode that has just been read.
version() { sync; dump.vexfs -i "$ino" "$dev" | sed -n 's/.*, version //p'; }
attach rw && mount -o remount,ro "$mnt" && mount -o remount,rw "$mnt"
before=$(version)
echo 3 >/proc/sys/vm/drop_caches
printf KEPT | dd of="$mnt/file" conv=notrunc 2>/dev/null
[ "$(version)" -gt "$before" ]; ok $? "a write after a remount moves the inode's version ($before before, now $(version))"
umount "$mnt"
[ "$fails" -eq 0 ]
