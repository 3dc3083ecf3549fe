#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:64M disk=scratch:64M mem=512M time=240 slice
# What each errors= policy does when damage is found, and that the superblock keeps the record of it. Features that this
# module does not know: read-only, and no way round that.
set -u

n=0
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fi
}
mnt=$TMPDIR/mnt
mkdir -p "$mnt"
disk=$VEX_DISK_TEST

# A filesystem on $1 whose file "bad" has a damaged inode (in block $block), mounted at $2 with $3.
damaged_at() {
	mkfs.vexfs -q -f "$1" && mount -t vexfs "$1" "$2" && echo x >"$2/bad" && echo x >"$2/good" && umount "$2" || return 1
	at=$(dump.vexfs -i 11 "$1" | sed -n 's/^stored in  *block \([0-9]*\), offset \([0-9]*\).*/\1:\2/p')
	block=${at%:*}
	dump.vexfs --poke "$at=ffff" "$1" >/dev/null && mount -t vexfs -o "$3" "$1" "$2"
}
damaged() { damaged_at "$disk" "$mnt" "$1"; }
found() { ! stat "$mnt/bad" 2>/dev/null; }
writes() { (echo y >"$mnt/new") 2>/dev/null; }
recorded() {
	dump.vexfs -S "$disk" >/tmp/super
	grep -q 'errors were found' /tmp/super && grep -q "inode 11, block $block: wrong inode checksum" /tmp/super && return
	sed 's/^/# /' /tmp/super
	return 1
}

echo "KTAP version 1"
echo "1..24"

damaged errors=continue && found && writes; ok $? 'errors=continue: damage is an error, writing goes on'
grep -q "$mnt vexfs .*errors=continue" /proc/mounts; ok $? 'the policy is shown'
fsck.vexfs -n "$disk" | grep -q '^note V0108: '; ok $? 'fsck.vexfs says that it looks at a mounted filesystem'
umount "$mnt"; recorded; ok $? 'the damage is recorded'

damaged errors=remount-ro && found && ! writes && cat "$mnt/good" >/dev/null; ok $? 'errors=remount-ro: no more writing'
grep -q "$mnt vexfs ro" /proc/mounts; ok $? 'it is shown read-only'
! mount -o remount,rw "$mnt" 2>/dev/null; ok $? 'and not made writable again'
umount "$mnt"; recorded; ok $? 'the damage is recorded'
mount -t vexfs "$disk" "$mnt" && writes; ok $? 'a new mount is writable again'
umount "$mnt"

damaged errors=shutdown && found && ! writes && ! cat "$mnt/good" >/dev/null 2>&1; ok $? 'errors=shutdown: nothing works any more'
umount "$mnt"; recorded; ok $? 'the damage is recorded'

# The record and the end of the journal are made by two threads.
i=0
while [ $i -lt 25 ] && damaged errors=remount-ro && found && umount "$mnt" && recorded; do i=$((i + 1)); done
[ $i -eq 25 ]; ok $? "25 times over ($i)"

# One that is in a bad state fills neither the log nor the place of another's first complaint.
dmesg -c >/dev/null
other=$VEX_DISK_SCRATCH
mkdir -p "$mnt.2"
damaged errors=continue && first=$block && damaged_at "$other" "$mnt.2" errors=continue
i=0
while [ $i -lt 100 ] && found; do i=$((i + 1)); done
! stat "$mnt.2/bad" 2>/dev/null
umount "$mnt" && umount "$mnt.2"
dmesg | grep "vexfs (${disk##*/}): corrupt: inode 11 block $first: wrong inode checksum" >/tmp/said
[ "$(wc -l </tmp/said)" -ge 1 ]; ok $? 'a complaint names disk, inode, block and check'
[ $i -eq 100 ] && [ "$(wc -l </tmp/said)" -lt 50 ]; ok $? "100 complaints do not fill the log ($(wc -l </tmp/said) lines)"
dmesg | grep -q "vexfs (${other##*/}): corrupt: inode 11 block $block"; ok $? 'nor do they keep the first of another filesystem out of it'

# On a device that cannot be written there is a message and nothing else, whatever the policy.
damaged errors=continue && umount "$mnt"
sync
before=$(md5sum <"$disk")
blockdev --setro "$disk"
dmesg -c >/dev/null
for policy in continue remount-ro shutdown; do
	mount -t vexfs -o "ro,errors=$policy" "$disk" "$mnt" && found && umount "$mnt"
	ok $? "read-only device, errors=$policy: damage is an error"
done
dmesg >/tmp/said
blockdev --setrw "$disk"
[ "$(grep -c "corrupt: inode 11 block $block" /tmp/said)" -eq 3 ] && ! grep -q -e 'read-only block-device' -e 'could not' \
	-e 'I/O error' -e JBD2 /tmp/said && [ "$(md5sum <"$disk")" = "$before" ]
status=$?
[ $status -eq 0 ] || sed 's/^/# /' /tmp/said
ok $status '... and a message, but no write'

! mount -t vexfs -o errors=perhaps "$disk" "$mnt" 2>/dev/null; ok $? 'an unknown policy is refused'

# A file that is open while it has no name is left to the next mount, which may not touch what it does not understand.
mkfs.vexfs -q -f "$disk" && mount -t vexfs "$disk" "$mnt" && dd if=/dev/zero of="$mnt/gone" bs=64k count=16 2>/dev/null
exec 5<"$mnt/gone"
rm "$mnt/gone"
sync
dd if="$disk" of=/tmp/image bs=1M 2>/dev/null
exec 5<&-
umount "$mnt"
dd if=/tmp/image of="$disk" bs=1M 2>/dev/null
rm /tmp/image
dump.vexfs --poke 0:1079=80 --seal "$disk" >/dev/null
# BusyBox's mount tries again read-only when that is what the kernel asks for; util-linux says what to do.
dmesg -c >/dev/null
mount -t vexfs "$disk" "$mnt" 2>/dev/null; dmesg | grep -q 'unknown features 0x80000000: mount it read-only'
ok $? 'an unknown ro_compat feature is not mounted writable'
grep -q "$mnt vexfs ro" /proc/mounts; ok $? 'but read-only'
! mount -o remount,rw,errors=continue "$mnt" 2>/dev/null && ! writes && grep -q "$mnt vexfs ro.*errors=remount-ro" /proc/mounts
ok $? 'and a remount does not change that, or the policy'
umount "$mnt"
dump.vexfs -o "$disk" | grep -q '[0-9]'; ok $? 'its orphans are left alone'
