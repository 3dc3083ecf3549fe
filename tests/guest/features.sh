#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:32M mem=512M time=240 slice
# Every feature bit this version does not know: incompat does not mount, ro_compat mounts read-only and stays so,
# compat mounts and keeps what it does not understand. fsck and dump say the same. Other format versions.
set -u

n=0 fails=0
plan() { echo "KTAP version 1"; echo "1..$1"; }
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fails=$((fails + 1)); fi
}
mnt=$TMPDIR/mnt dev=$VEX_DISK_TEST
mkdir -p "$mnt"

poke() { dump.vexfs --poke "0:$1" --seal "$dev" >/dev/null; }
# set_bit WORD BIT: bytes 48, 52, 56 of the superblock, itself at byte 1024
set_bit() {
	case $1 in compat) at=1072 ;; ro_compat) at=1076 ;; incompat) at=1080 ;; esac
	poke "$((at + $2 / 8))=$(printf %02x $((1 << ($2 % 8))))"
}
clear_bits() { poke '1072=000000000000000000000000'; }
# try rw|ro: busybox's mount takes a read-only mount where the kernel refuses a writable one
try() {
	mount -t vexfs -o "loud,$1" "$dev" "$mnt" 2>/dev/null || return 1
	grep -q " $mnt vexfs $1[, ]" /proc/mounts && return 0
	umount "$mnt"
	return 1
}
# The kernel limits the rate of its messages: each kind is looked for once.
says() { [ "${bit:-0}" -ne 0 ] || dmesg | grep -q "vexfs.*$1" || { dmesg | sed 's/^/# /'; false; }; }
fsck_says() { # CODE OPTION TEXT
	fsck.vexfs "$2" "$dev" >"$TMPDIR/out" 2>&1
	code=$?
	[ "$code" -eq "$1" ] && grep -q "$3" "$TMPDIR/out" && return 0
	echo "# exit code $code"
	sed 's/^/# /' "$TMPDIR/out"
	return 1
}
# Bits that this version supports, as words:bit.
known=' compat:0 ro_compat:0 ro_compat:1 ro_compat:2 ro_compat:4 incompat:1 '
# each WORD FUNCTION: for each of the unknown of 32 bits alone; names the bits for which FUNCTION failed
each() {
	bad='' bit=0
	while [ "$bit" -lt 32 ]; do
		case $known in *" $1:$bit "*) bit=$((bit + 1)); continue ;; esac
		clear_bits
		set_bit "$1" "$bit"
		dmesg -c >/dev/null
		"$2" "$bit" || bad="$bad $bit"
		bit=$((bit + 1))
	done
	bit=0
	clear_bits
	[ -z "$bad" ] || { echo "# failed for bits$bad"; false; }
}

refused() {
	if try rw; then umount "$mnt"; return 1; fi
	if try ro; then umount "$mnt"; return 1; fi
	says 'incompatible features.*newer' && fsck_says 8 -n newer
}
read_only() {
	if try rw; then umount "$mnt"; return 1; fi
	says "features .*read-only" && try ro || return 1
	bad_ro=0
	[ "$(cat "$mnt/file")" = kept ] || bad_ro=1
	! mount -o remount,rw "$mnt" 2>/dev/null || bad_ro=2
	! touch "$mnt/new" 2>/dev/null || bad_ro=3
	umount "$mnt"
	[ "$bad_ro" -eq 0 ] && fsck_says 8 -n newer
}
ignored() {
	try rw || return 1
	bad_rw=0
	[ "$(cat "$mnt/file")" = kept ] && touch "$mnt/file" && echo "$1" >"$mnt/new" && rm "$mnt/new" || bad_rw=1
	umount "$mnt"
	[ "$bad_rw" -eq 0 ] && fsck_says 0 -n 'does not know' && fsck_says 8 -p newer
}
version() { # N TEXT
	poke "1032=0${1}000000"
	dmesg -c >/dev/null
	if try ro; then umount "$mnt"; return 1; fi
	says "$2" && fsck_says 8 -n "$2" || return 1
	dump.vexfs "$dev" 2>&1 | grep -q "$2"
}

plan 7
mkfs.vexfs -q -f "$dev" && try rw && echo kept >"$mnt/file"
ino=$(stat -c %i "$mnt/file")
umount "$mnt"
each incompat refused; ok $? 'an unknown incompat bit: not mounted, not checked'
each ro_compat read_only; ok $? 'an unknown ro_compat bit: mounted read-only and never writable, not checked'
each compat ignored; ok $? 'an unknown compat bit: mounted, checked, not repaired'

# A reserved byte of the inode may belong to the unknown feature; without one it is damage.
at=$(dump.vexfs -i "$ino" "$dev" | sed -n 's/^stored in *block \([0-9]*\), offset \([0-9]*\)$/\1:\2/p')
dump.vexfs --poke "${at%:*}:$((${at#*:} + 184))=7e" --seal "$dev" >/dev/null
set_bit compat 31
try rw && touch "$mnt/file" && sync && umount "$mnt"
clear_bits
dump.vexfs -b "${at%:*}" "$dev" >"$TMPDIR/block"
fsck_says 4 -n 'reserved field set'; ok $? 'a reserved field is kept by a kernel that does not know it'
dmesg -c >/dev/null
try ro && ! cat "$mnt/file" >/dev/null 2>&1 && says 'reserved field set'; ok $? 'and is damage without the bit'
umount "$mnt"

mkfs.vexfs -q -f "$dev"
version 1 'make it anew with mkfs.vexfs'; ok $? 'format 1 is refused with advice'
version 3 'newer'; ok $? 'a later format is refused with advice'
[ "$fails" -eq 0 ]
