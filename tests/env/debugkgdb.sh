#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same session as debug.sh through kgdb on the second serial port, on each debug kernel that is at hand.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

for k in debug-6.1 debug-6.12; do
	if ! "$VEX" kernel list 2>/dev/null | grep -E "^$k .*(ready|cached)" >/dev/null; then
		skip "kgdb on $k" "not built here: ./vex kernel build $k"
		continue
	fi
	cat >"$WORK/k.gdb" <<'E'
tbreak vexfs_entry_add
continue
print name->name
print *$vexfs_sb()->es
backtrace
tbreak vexfs_corrupt
continue
print $vexfs_sb()->es->s_error_count
watch -l $vexfs_sb()->es->s_error_count
continue
backtrace 1
print $vexfs_sb()->es->s_error_count
E
	# After the session the same worker, on the processor that has hit the watchpoint, writes to what was watched again.
	# shellcheck disable=SC2016	# expanded in the guest
	run "$VEX" debug --kgdb --kernel "$k" --rundir "$WORK/$k" --batch "$WORK/k.gdb" --no-mount --disk vexfs=64M -- \
		sh -c 'mkfs.vexfs -q -L kgdbtest $VEX_DISK_VEXFS && mkdir -p /mnt/v && mount -t vexfs $VEX_DISK_VEXFS /mnt/v &&
		echo .text $(cat /sys/module/vexfs/sections/.text) && echo hello >/mnt/v/hello && umount /mnt/v &&
		dump.vexfs --poke 6:1024=ffff $VEX_DISK_VEXFS >/dev/null && mount -t vexfs -o errors=continue $VEX_DISK_VEXFS /mnt/v
		taskset -p 2 $$; for i in 1 2 3 4 5 6; do [ -e /mnt/v/hello ]; done; sync; [ -e /mnt/v/hello ]; sync; exit 7'
	expect 7 "$k: a session through kgdb, and the guest goes on to its end"
	says 'vexfs_entry_add .*kmod/namei\.c:[0-9]+' "$k: the breakpoint hits in the source file"
	says '"hello"' "$k: a local variable"
	says 's_label = kgdbtest' "$k: the superblock"
	says '#[0-9]+ .*do_sys_open.*fs/open\.c' "$k: the backtrace goes through the kernel's source"
	# kgdb does not say which watchpoint it was: gdb shows the trap and where.
	says 'received signal SIGTRAP' "$k: a hardware watchpoint on the superblock's error count fires"
	says '^#0 .*(vexfs_note_error|vexfs_corrupt|kmod/error\.c)' "$k: in the function that counts errors"
	says '^.4 = 1$' "$k: which has counted one"
	seen=$(sed -n 's/.*symbols of vexfs.ko: .text at \(0x[0-9a-f]*\),.*/\1/p' "$WORK/out" | head -n1)
	[[ -n $seen && $seen == "$(sed -n 's/^guest: .text //p' "$WORK/out")" ]]
	report $? "$k: the module's symbols are where the guest says"
	nothing_left "$WORK/$k" "$k: kgdb session"
done
