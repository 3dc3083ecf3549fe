#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:64M disk=scratch:32M mem=512M time=120 slice
# Images that must not mount, each with the message that says why; devices that
# mkfs must refuse.
set -u

n=0 fails=0
plan() { echo "KTAP version 1"; echo "1..$1"; }
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fails=$((fails + 1)); fi
}
mnt=$TMPDIR/mnt
opts=rw
mkdir -p "$mnt"

# mount must fail and the kernel log must say $1
# (busybox mounts silently unless told: -o loud)
refuses() {
	dmesg -c >/dev/null
	if mount -t vexfs -o "loud,$opts" "$VEX_DISK_TEST" "$mnt" 2>/dev/null; then
		umount "$mnt"
		echo "# it mounted"
		return 1
	fi
	dmesg | grep -q "vexfs.*$1" && return 0
	dmesg | sed 's/^/# /'
	return 1
}
fresh() { mkfs.vexfs -q -f "$VEX_DISK_TEST" || echo "# mkfs failed"; }

plan 14
dd if=/dev/zero of="$VEX_DISK_TEST" bs=64k count=16 2>/dev/null
refuses 'not a VexFS'; ok $? 'a device full of zeros'

fresh
printf '\377\377' | dd of="$VEX_DISK_TEST" bs=1 seek=1300 conv=notrunc 2>/dev/null
refuses 'damaged superblock: .*checksum'; ok $? 'a flipped byte in the superblock'

fresh
dump.vexfs --poke 0:1080=ff --seal "$VEX_DISK_TEST" >/dev/null
refuses 'feature'; ok $? 'an unknown incompatible feature'

fresh
dump.vexfs --poke 1:70=ff "$VEX_DISK_TEST" >/dev/null
refuses 'checksum'; ok $? 'a damaged group descriptor'
# The copy says where everything is: the rest can be checked, and is sound.
fsck.vexfs -n "$VEX_DISK_TEST" >"$TMPDIR/fsck"
grep -q '^PROBLEM V0201: ' "$TMPDIR/fsck" && [ "$(grep -c '^PROBLEM' "$TMPDIR/fsck")" -eq 1 ]
ok $? '... which fsck reports, and nothing else'

fresh
dump.vexfs --poke 1:64=ffffff7f --seal "$VEX_DISK_TEST" >/dev/null
refuses 'more free blocks than blocks'; ok $? 'an impossible free count under a valid checksum'

# The device is smaller than the filesystem.
fresh
size=$(blockdev --getsize64 "$VEX_DISK_SCRATCH")
dd if="$VEX_DISK_TEST" of="$VEX_DISK_SCRATCH" bs=1M count=$((size / 1048576)) 2>/dev/null
save=$VEX_DISK_TEST
VEX_DISK_TEST=$VEX_DISK_SCRATCH
refuses 'cut short'; ok $? 'a device that lost its end'
VEX_DISK_TEST=$save

fresh
! mkfs.vexfs -q "$VEX_DISK_TEST" 2>"$TMPDIR/err" && grep -q -- -f "$TMPDIR/err"
ok $? 'mkfs refuses a device that holds a filesystem'

mount -t vexfs "$VEX_DISK_TEST" "$mnt"
! mkfs.vexfs -q -f "$VEX_DISK_TEST" 2>"$TMPDIR/err" && grep -qi mounted "$TMPDIR/err"
ok $? 'mkfs refuses a mounted device, with -f too'
umount "$mnt"

fsck.vexfs -n "$VEX_DISK_TEST" >/dev/null; ok $? 'the refused device is as it was'

# ---- the journal -----------------------------------------------------------------
# A copy of a mounted filesystem: what was synced is only in the log.
mkfs.vexfs -q -f "$VEX_DISK_TEST" 30M
mount -t vexfs "$VEX_DISK_TEST" "$mnt"
echo kept >"$mnt/synced"
sync
# Directly: a buffer that waits for its checkpoint has its checksum in the log only.
dd if="$VEX_DISK_TEST" of="$VEX_DISK_SCRATCH" bs=1M count=30 iflag=direct 2>/dev/null
umount "$mnt"
VEX_DISK_TEST=$VEX_DISK_SCRATCH
journal=$(dump.vexfs "$VEX_DISK_TEST" | sed -n 's/^journal .* blocks at //p')

# One bit: the journal's superblock says that nothing in the journal has a checksum, its own included.
dump.vexfs --poke "$journal:43=03" "$VEX_DISK_TEST" >/dev/null
refuses 'journal.*csum_v3'; ok $? 'a flipped bit that turns the checksums of the journal off'
fsck.vexfs -n "$VEX_DISK_TEST" | grep -q '^PROBLEM V1001: .*csum_v3'; ok $? '... and fsck.vexfs gives the same reason'
dump.vexfs --poke "$journal:43=13" "$VEX_DISK_TEST" >/dev/null

sync
before=$(md5sum <"$VEX_DISK_TEST")
blockdev --setro "$VEX_DISK_TEST"
opts=ro
refuses 'read-only: mount it writable once' && [ "$(md5sum <"$VEX_DISK_TEST")" = "$before" ]
ok $? 'a log to replay on a read-only device, which is not written'
blockdev --setrw "$VEX_DISK_TEST"

mount -t vexfs "$VEX_DISK_TEST" "$mnt" && grep -q kept "$mnt/synced" && umount "$mnt"
ok $? 'the log is replayed once the device is writable'
[ "$fails" -eq 0 ]
