#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:512M mem=512M time=240 slice
# Runs of data and the journal over the borders of groups, damage to where descriptors say metadata is, and limits
# at their edges: size of a file, times.
set -u

n=0 fails=0
plan() { echo "KTAP version 1"; echo "1..$1"; }
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fails=$((fails + 1)); fi
}
mnt=$TMPDIR/mnt dev=$VEX_DISK_TEST
mkdir -p "$mnt"
up() { mount -t vexfs "$dev" "$mnt"; }
down() { umount "$mnt"; }
clean() { fsck.vexfs -n "$1" >"$TMPDIR/fsck" 2>&1 || { sed 's/^/# /' "$TMPDIR/fsck"; false; }; }
damaged() { # TEXT: mount must fail and say so
	dmesg -c >/dev/null
	if up 2>/dev/null; then down; return 1; fi
	dmesg | grep -q "vexfs.*$1" || { dmesg | sed 's/^/# /'; false; }
}

plan 10
# 5 groups; the journal of 160 MiB does not fit into one.
mkfs.vexfs -q -f -J 160 "$dev" && up && cp /bin/busybox "$mnt/a" && sync && down && clean "$dev"
ok $? 'a journal larger than a group'

mkfs.vexfs -q -f "$dev" && up
dd if=/dev/zero of="$mnt/big" bs=1M count=300 2>/dev/null && echo end >>"$mnt/big"
ino=$(stat -c %i "$mnt/big")
down
clean "$dev"; ok $? 'a file of 300 MiB'
# Lines "LOGICAL: PHYSICAL-PHYSICAL ...": one of them begins in one group and ends in another.
dump.vexfs -e "$ino" "$dev" >"$TMPDIR/ext"
tr -cs '0-9\n' ' ' <"$TMPDIR/ext" | awk '{ for (i = 1; i < NF; i++) if ($(i + 1) > $i && $i > 1000 &&
	int($i / 32256) < int($(i + 1) / 32256)) found = 1 } END { exit !found }'
status=$?
[ "$status" -eq 0 ] || sed 's/^/# /' "$TMPDIR/ext"
ok $status 'has an extent over a border of groups'
up && [ "$(tail -n 1 "$mnt/big" | tr -d '\0')" = end ] && rm "$mnt/big" && sync && down && clean "$dev"
ok $? 'which can be read and freed'

up
: >"$mnt/max" && dd if=/dev/zero of="$mnt/max" bs=1 seek=17592186040319 count=1 2>/dev/null &&
	[ "$(stat -c %s "$mnt/max")" = 17592186040320 ]
ok $? 'a file of 16 TiB less 4 KiB'
! dd if=/dev/zero of="$mnt/max" bs=1 seek=17592186040320 count=1 conv=notrunc 2>/dev/null
ok $? 'and no byte more'
touch -d @-9000000000 "$mnt/old" && touch -d @99999999999 "$mnt/new"
down && up
[ "$(stat -c %Y "$mnt/old")" = -9000000000 ] && [ "$(stat -c %Y "$mnt/new")" = 99999999999 ]
ok $? 'times before 1684 and after 5138'
down && clean "$dev"; ok $? 'and all of that is sound'

dump.vexfs --poke 1:88=03 --seal "$dev" >/dev/null	# gd_ibmap of group 0
damaged 'group metadata overlap'; ok $? 'an inode bitmap over a block bitmap'
dump.vexfs --poke 1:96=ffffffff --seal "$dev" >/dev/null
damaged 'group metadata out of place'; ok $? 'an inode table beyond the device'

[ "$fails" -eq 0 ]
