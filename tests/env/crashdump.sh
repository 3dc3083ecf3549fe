#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A panic in VexFS code on a stock kernel becomes a bundle: by kdump, by the hypervisor, and what goes wrong.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

field() { sed -n "s/^$2=//p" "$WORK/$1/info" | head -n1; }
is() { # is NAME FIELD VALUE TEXT
	[[ $(field "$1" "$2") == "$3" ]]
	report $? "$4"
}

run "$VEX" crash --bundle "$WORK/kdump" --rundir "$WORK/run1"
expect 0 "a panic in VexFS code, saved by kdump"
is kdump method kdump "by the crash kernel"
is kdump core_from kdump "the file is what /proc/vmcore held"
is kdump function vexfs_trigger_panic "the function is found"
[[ $(field kdump core_BUILD-ID) == "$(field kdump kernel_id)" && -n $(field kdump kernel_id) ]]
report $? "dump and symbols have one build id"
grep -q 'vexfs_trigger_panic.* at kmod/debugfs\.c:[0-9]' "$WORK/kdump/trace.txt"
report $? "trace.txt names file and line"
for f in console.log vmcore.zst vexfs.ko vmlinux disk.img reproduce; do
	[[ -s $WORK/kdump/$f ]]
	report $? "the bundle has $f"
done
grep -q '^\./vex crash --bundle' "$WORK/kdump/reproduce"
report $? "the line that does it again"
nothing_left "$WORK/run1" "kdump"

printf 'backtrace\nvexfs-sb\ninfo symbol vexfs_trigger_panic\n' >"$WORK/cmds"
run "$VEX" crash open --batch "$WORK/cmds" "$WORK/kdump"
expect 0 "the bundle opens in gdb"
says '#[0-9]+ .*vexfs_trigger_panic .*kmod/debugfs\.c' "the backtrace of the dump names function and line"
says '#[0-9]+ .*vfs_write' "and goes on through the stock kernel"
says 'vexfs on vd.' "the mounted filesystem is readable in the dump"
if compgen -G "$WORK/kdump/vmcore.??????" >/dev/null; then report 1 "the unpacked dump is gone"
else report 0 "the unpacked dump is gone"; fi

# Other symbols than the dump's.
mv "$WORK/kdump/vexfs.ko" "$WORK/vexfs.ko"
objcopy --dump-section .note.gnu.build-id="$WORK/note" "$WORK/vexfs.ko" /dev/null
printf '\x55\xaa' | dd of="$WORK/note" bs=1 seek=16 conv=notrunc 2>/dev/null
objcopy --update-section .note.gnu.build-id="$WORK/note" "$WORK/vexfs.ko" "$WORK/kdump/vexfs.ko"
run "$VEX" crash open --batch "$WORK/cmds" "$WORK/kdump"
expect 8 "opened with another vexfs.ko"
says 'made with a vexfs\.ko of build id [0-9a-f]{40}' "says so"
mv "$WORK/vexfs.ko" "$WORK/kdump/vexfs.ko"
cp "$WORK/kdump/vexfs.ko" "$WORK/kdump/vmlinux.new"
mv "$WORK/kdump/vmlinux.new" "$WORK/kdump/vmlinux"
run "$VEX" crash open --batch "$WORK/cmds" "$WORK/kdump"
expect 8 "opened with another kernel's symbols"
run "$VEX" crash open --batch "$WORK/cmds" "$WORK"
expect 2 "a directory that is no bundle"

# The crash kernel cannot start its init: the hypervisor steps in, and says so.
run "$VEX" crash --bundle "$WORK/fall" --rundir "$WORK/run2" --kdump-append rdinit=/nowhere --trigger oops
expect 0 "a crash kernel that fails"
says 'no dump from the crash kernel \(.*\); the hypervisor writes one' "says why, and what happens now"
is fall method hypervisor "the hypervisor wrote the dump"
is fall function vexfs_trigger_oops "the function is found"
run "$VEX" crash open --batch "$WORK/cmds" "$WORK/fall"
expect 0 "that bundle opens too"
nothing_left "$WORK/run2" "fallback"

# processes PATTERN: ids of those whose command line matches.
processes() {
	local p
	for p in /proc/[0-9]*; do
		if { tr '\0' ' ' <"$p/cmdline"; } 2>/dev/null | grep -q "$1"; then echo "${p#/proc/}"; fi
	done
}
# crash_kernel_boots DIR PID: waits until the crash kernel of the run in DIR has begun, or PID has ended.
crash_kernel_boots() {
	local i
	for ((i = 0; i < 3000; i++)); do
		if grep -qa 'vex\.kdump' "$1/console.log" 2>/dev/null; then return; fi
		kill -0 "$2" 2>/dev/null || return
		sleep 0.1
	done
}

# A host so busy that the launcher gets no time from some moment of the copy on until the machine is off.
"$VEX" crash --bundle "$WORK/busy" --rundir "$WORK/late" >"$WORK/out" 2>&1 </dev/null &
pid=$!
for ((i = 0; i < 6000; i++)); do
	if grep -q 'saves the memory' "$WORK/out"; then break; fi
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.05
done
launcher=$(processes "env/vexvm .*--rundir $WORK/late ")
qemu=$(processes "^qemu-system.*$WORK/late/payload.img")
kill -STOP "$launcher"
# Over when QEMU has used no processor time for a while: 1 tick a second or less.
ticks=0 quiet=0
for ((i = 0; i < 600 && quiet < 5; i++)); do
	read -r used < <(sed 's/.*) //' "/proc/$qemu/stat" | cut -d' ' -f12) || break
	if ((used - ticks > 1)); then quiet=0; else quiet=$((quiet + 1)); fi
	ticks=$used
	sleep 1
done
kill -CONT "$launcher"
STATUS=0
wait "$pid" || STATUS=$?
expect 0 "a launcher that is late"
is busy method kdump "finds the crash kernel's dump complete"
grep -qa 'vex\.kdump' "$WORK/busy/console.log"
report $? "the bundle has the console of the crash kernel"
nothing_left "$WORK/late" "late"

# QEMU dies while the crash kernel boots: no way is left.
"$VEX" crash --bundle "$WORK/none" --rundir "$WORK/run3" >"$WORK/out" 2>&1 </dev/null &
pid=$!
crash_kernel_boots "$WORK/run3" "$pid"
kill -KILL "$(processes "^qemu-system.*$WORK/run3/payload.img")"
STATUS=0
wait "$pid" || STATUS=$?
expect 9 "neither way gives a dump"
says 'no memory dump: QEMU ended' "says why"
if [[ -e $WORK/none ]]; then report 1 "no half bundle is left"; else report 0 "no half bundle is left"; fi
nothing_left "$WORK/run3" "no dump"

run "$VEX" crash --bundle "$WORK/fine" --rundir "$WORK/run4" -- true
expect 1 "a guest that does not panic"
says 'did not panic' "says so"
if [[ -e $WORK/fine ]]; then report 1 "and leaves no bundle"; else report 0 "and leaves no bundle"; fi

if ((EUID)) || ! unshare -m true 2>/dev/null; then
	skip "full disk" "needs root and a mount name space"
	exit 0
fi
mkdir "$WORK/small"
run unshare -m bash -c "mount -t tmpfs -o size=160M none '$WORK/small' && exec \"\$@\"" x \
	"$VEX" crash --no-kdump --bundle "$WORK/full" --rundir "$WORK/small/run"
expect 6 "the host disk is too full for the dump"
says 'no room for the memory dump \([0-9]+ MB\); make room' "says so"
