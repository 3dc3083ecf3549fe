#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:64M mem=512M time=180 slice
# Images whose checksums are right and whose contents lie: every operation that
# meets the lie is refused, nothing else on the disk changes, the kernel neither
# warns nor hangs, and the same image mounts again.
set -u

n=0 fails=0
plan() { echo "KTAP version 1"; echo "1..$1"; }
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n $2"; else echo "not ok $n $2"; fails=$((fails + 1)); fi
}
disk=$VEX_DISK_TEST
mnt=$TMPDIR/mnt
mkdir -p "$mnt"

mnt_on() { mount -t vexfs -o errors=continue "$disk" "$mnt"; }
mnt_off() { umount "$mnt"; }
fresh() { mkfs.vexfs -q -f "$disk" && mnt_on; }
ino_of() { stat -c %i "$mnt/$1"; }
# A number of the superblock's summary: first block of a table.
start_of() { dump.vexfs -S "$disk" | sed -n "s/^$1  *[0-9]* blocks at \([0-9]*\)$/\1/p"; }
# The address of inode $1: its block in $block, its offset in $off.
where() {
	at=$(dump.vexfs -i "$1" "$disk" | sed -n 's/^stored in  *block \([0-9]*\), offset \([0-9]*\).*/\1 \2/p')
	block=${at% *} off=${at#* }
}
# poke_inode INO OFFSET HEX
poke_inode() {
	where "$1"
	dump.vexfs --poke "$block:$((off + $2))=$3" --seal "$disk" >/dev/null
}
# Bytes $2.. of block $1, $3 of them, as hexadecimal.
bytes() { dd if="$disk" bs=1 skip=$(($1 * 4096 + $2)) count="$3" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
# The 64-bit number $1 as little-endian hexadecimal.
le64() {
	v=$1 le=
	for _ in 1 2 3 4 5 6 7 8; do
		le=$le$(printf %02x $((v & 255)))
		v=$((v >> 8))
	done
	echo "$le"
}
# With the disk mounted, "$@" must fail because of damage, and what the kernel
# recorded about it in the superblock must be $1. (Not the log: it is limited.)
refused() {
	says=$1
	shift
	mnt_on || return 1
	if "$@" >/dev/null 2>"$TMPDIR/err"; then
		echo "# it succeeded: $*"
		mnt_off
		return 1
	fi
	mnt_off
	# A buffered read says EIO whatever the reason.
	if ! grep -q -e 'Structure needs cleaning' -e 'Input/output error' "$TMPDIR/err"; then
		sed 's/^/# /' "$TMPDIR/err"
		return 1
	fi
	fsck.vexfs -n "$disk" | grep -q "kernel recorded .*($says" && return 0
	fsck.vexfs -n "$disk" | sed 's/^/# /'
	return 1
}
# The disk must not mount, and the log says $1. (Few enough for the log.)
no_mount() {
	dmesg -c >/dev/null
	if mount -t vexfs -o loud "$disk" "$mnt" 2>/dev/null; then
		mnt_off
		echo "# it mounted"
		return 1
	fi
	dmesg | grep -q "vexfs.*$1" && return 0
	dmesg | sed 's/^/# /'
	return 1
}
# Offsets in struct vexfs_inode: i_nlink, i_reserved, value of the root's first record.
nlink=32 reserved=184 value=392

plan 18

# ---- fields nobody knows: tools and kernel agree
fresh && mnt_off
dump.vexfs --poke 1:124=01 --seal "$disk" >/dev/null
no_mount 'reserved field set'; ok $? 'a reserved field of a group descriptor'
fresh && mnt_off
dump.vexfs --poke 0:2047=01 --seal "$disk" >/dev/null
no_mount 'reserved field set'; ok $? 'a reserved field of the superblock'
fresh && echo data >"$mnt/x" && ino=$(ino_of x) && mnt_off
poke_inode "$ino" $reserved 01
refused 'reserved field set' cat "$mnt/x"; ok $? 'a reserved field of an inode'
fsck.vexfs -n "$disk" | grep -q '^PROBLEM V0301: .*reserved field set'; ok $? '... fsck says the same'

# ---- link counts
fresh && mkdir "$mnt/d" && mnt_off
dump.vexfs --poke "$(start_of 'orphan table'):64=0200000000000000" --seal "$disk" >/dev/null
poke_inode 2 $nlink 00000000
no_mount 'inode in use has no links'; ok $? 'a root without links, listed as an orphan, does not mount'
poke_inode 2 $nlink 03000000
mnt_on && [ -d "$mnt/d" ]; ok $? '... and was not freed'
mnt_off

fresh && mkdir "$mnt/a" "$mnt/b" && mnt_off
poke_inode 2 $nlink 01000000
says='directory with more subdirectories than links'
refused "$says" rmdir "$mnt/a"; ok $? 'a root with one link keeps its subdirectories'
refused "$says" mv "$mnt/a" "$mnt/b/a"; ok $? '... also from a rename'
mnt_on && [ "$(stat -c %h "$mnt")" = 1 ] && [ -d "$mnt/a" ] && [ -d "$mnt/b" ]
ok $? '... and is as it was'
mnt_off

# The second name holds the inode, or it would be freed between the two.
two_names() {
	fresh && echo data >"$mnt/x" && ln "$mnt/x" "$mnt/y" && echo other >"$mnt/z" && ino=$(ino_of x) && mnt_off
	poke_inode "$ino" $nlink 01000000
}
remove() { stat "$mnt/y" && rm "$mnt/x" && rm "$mnt/y"; }
replace() { stat "$mnt/y" && rm "$mnt/x" && mv -f "$mnt/z" "$mnt/y"; }
says='file with more names than links'
two_names; refused "$says" remove; ok $? 'the second name of a file with one link is not removed'
two_names; refused "$says" replace; ok $? '... nor replaced'

# ---- names
fresh && mkdir "$mnt/d" "$mnt/d/e" && ino=$(ino_of d) && mnt_off
where "$ino"
leaf=0
for i in 3 2 1 0; do leaf=$((leaf << 8 | 0x$(bytes "$block" $((off + value + i)) 1))); done
dump.vexfs --poke "$leaf:72=0200000000000000" --seal "$disk" >/dev/null
refused 'entry of a reserved inode' stat "$mnt/d/e"; ok $? 'no entry leads to the root'
dump.vexfs --poke "$leaf:72=$(le64 "$ino")" --seal "$disk" >/dev/null
refused 'entry of a directory that is in another' stat "$mnt/d/e"; ok $? '... nor to a directory above it'

# ---- blocks
fresh && head -c 8192 /dev/urandom >"$mnt/evil" && ln -s "$(printf '%0200d' 7)" "$mnt/long" &&
	ino=$(ino_of evil) && link=$(ino_of long) && mnt_off
where 2
table=$block before=$(bytes "$block" 512 512)
# One block, the inode table's first: 44 bits of address, 16 of length.
map=$(le64 $((table | 1 << 44)))
poke_inode "$ino" $value "$map"
says='extent reaches fixed metadata'
refused "$says" cat "$mnt/evil"; ok $? 'an extent over the inode table is not read'
refused "$says" dd if=/dev/zero of="$mnt/evil" bs=4096 count=1 conv=notrunc,fsync; ok $? '... and not written'
[ "$(bytes "$table" 512 512)" = "$before" ]; ok $? '... and the table is as it was'
poke_inode "$link" $value "$map"
refused "$says" cat "$mnt/long"; ok $? 'a long symlink is not read from the inode table'
poke_inode 2 $value "$(le64 $(($(start_of journal) + 5)))"
refused 'B+tree child in fixed metadata' stat "$mnt/evil"; ok $? 'a directory leaf in the journal is not read'
[ "$fails" -eq 0 ]
