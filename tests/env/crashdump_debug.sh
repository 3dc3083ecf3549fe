#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A panic on each debug kernel that is at hand: the bundle's backtrace in crash or gdb, with lines of the kernel too.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

for k in debug-6.1 debug-6.12; do
	if ! "$VEX" kernel list 2>/dev/null | grep -E "^$k .*(ready|cached)" >/dev/null; then
		skip "crash bundle on $k" "not built here: ./vex kernel build $k"
		continue
	fi
	run "$VEX" crash --kernel "$k" --bundle "$WORK/$k" --rundir "$WORK/run-$k"
	expect 0 "$k: a panic in VexFS code becomes a bundle"
	grep -q '^method=kdump' "$WORK/$k/info"
	report $? "$k: saved by kdump"
	grep -q 'vexfs_trigger_panic.* at kmod/debugfs\.c:[0-9]' "$WORK/$k/trace.txt"
	report $? "$k: trace.txt names the module's file and line"
	grep -q 'at .*fs/read_write\.c:[0-9]' "$WORK/$k/trace.txt"
	report $? "$k: and the kernel's"
	printf 'bt\n' >"$WORK/cmds"
	run "$VEX" crash open --batch "$WORK/cmds" "$WORK/$k"
	expect 0 "$k: the bundle opens"
	says 'opened with (crash|gdb)' "$k: $(grep -oE 'opened with (crash|gdb)' "$WORK/out")"
	# Nothing follows the call of panic(): its return address is behind the function, and crash leaves that frame out.
	says '#[0-9]+ .*vexfs_trigger_(panic|write)' "$k: its backtrace names the module's functions"
	run "$VEX" crash open --with gdb --batch "$WORK/cmds" "$WORK/$k"
	expect 0 "$k: and in gdb"
	says '#[0-9]+ .*vexfs_trigger_panic .*kmod/debugfs\.c' "$k: with the line"
	rm -rf "${WORK:?}/$k"
done
