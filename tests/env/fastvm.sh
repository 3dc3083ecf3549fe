#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# What a fast guest has only when asked: sshd, forwarded ports, qcow2 disks, a monitor, a screen, a share by 9p.
# shellcheck disable=SC2016	# what the guest expands
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/env/imagelib.sh
. "$(dirname "$0")/imagelib.sh"

# A guest that stays until /tmp/go appears.
printf '#!/bin/sh\ncat "/sys/block/${VEX_DISK_BIG#/dev/}/size"; echo up; until [ -e /tmp/go ]; do usleep 200000; done; exit 3\n' >"$WORK/stay.sh"
free_port
"$VEX" vm --module none --rundir "$ROOT/build/runs/fastvm-$$" --ssh-port auto --forward "$PORT:22" --qmp \
	--disk big=8G,format=qcow2 "$WORK/stay.sh" >"$WORK/stay.log" 2>&1 </dev/null &
SHELL_PID=$! SHELL_LOG=$WORK/stay.log
until grep -q '^up' "$SHELL_LOG"; do
	kill -0 "$SHELL_PID" 2>/dev/null || break
	sleep 0.2
done
grep -q '^16777216$' "$SHELL_LOG"
report $? "a qcow2 disk of 8 GB"
run "$VEX" ssh --guest "fastvm-$$" -- sh -c 'echo "I am $(id -un) on $(uname -r)"; exit 5'
expect 5 "--ssh-port auto: ./vex ssh passes the status on"
says '^I am root on 6\.' "from the guest"
run timeout 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT; head -c 4 <&3"
says '^SSH-' "--forward leads into the guest"
run "$VEX" qmp --guest "fastvm-$$" query-status
says '"status": "running"' "--qmp: the monitor answers"
run "$VEX" qmp --guest "fastvm-$$" screenshot "$WORK/x.png"
expect 6 "no picture of a guest without a screen"
run "$VEX" ssh --guest "fastvm-$$" touch /tmp/go
end_shell
expect 3 "the script's status is the exit status"
dir=$ROOT/build/runs/fastvm-$$
left=$(find "$dir" -name '*.img' -o -name '*.sock' -o -name ports)
[[ -z $left ]]
report $? "nothing left behind ${left:+: $left}"
rm -rf "$dir"

# A saved guest hands its kernel's log to every run: one that complained is not kept.
printf '#!/bin/sh\necho here\n' >"$WORK/here.sh"
run "$VEX" vm --module none --rundir "$WORK/warned" --append 'ignore_loglevel x=WARNING: y' "$WORK/here.sh"
says "the guest to be saved complained: " "a guest that complained is not saved"
run "$VEX" vm --module none --rundir "$WORK/warned" --append 'ignore_loglevel x=WARNING: y' "$WORK/here.sh"
says "the guest to be saved complained: " "nor is there one the next time"

# What has not changed is not built again, for any command.
for cmd in "vm $WORK/here.sh" "test --only guest --filter ^sync$ --kernel 6.1"; do
	for round in first second; do
		# shellcheck disable=SC2086	# words
		run "$VEX" $cmd
		expect 0 "./vex ${cmd%% *}, the $round time"
	done
	report "$(grep -q 'building\|built' "$WORK/out"; echo $((!$?)))" "which builds nothing"
done

printf '#!/bin/sh\ncat /share/f\n' >"$WORK/share.sh"
mkdir -p "$WORK/share"
echo shared >"$WORK/share/f"
run "$VEX" vm --module none --rundir "$WORK/9p" --share "$WORK/share" --share-by 9p "$WORK/share.sh"
expect 6 "9p on a kernel that has none"
says '9p' "is named"
for k in debug-6.1 debug-6.12; do
	[[ -f $ROOT/build/kernels/$k/.complete ]] || continue
	run "$VEX" vm --kernel "$k" --module none --rundir "$WORK/9p$k" --share "$WORK/share" --share-by 9p "$WORK/share.sh"
	expect 0 "9p on $k"
	says '^shared' "the file is there"
	break
done
[[ ${k:-} && -f $ROOT/build/kernels/$k/.complete ]] || skip "9p on a kernel that has it" "no debug kernel is built"

if command -v Xvfb >/dev/null; then
	exec 5>"$WORK/display"
	Xvfb -displayfd 5 -screen 0 1024x768x24 >/dev/null 2>&1 &
	xvfb=$!
	while [[ ! -s $WORK/display ]] && kill -0 "$xvfb"; do sleep 0.1; done
	printf '#!/bin/sh\necho up; until [ -e /tmp/go ]; do usleep 200000; done\n' >"$WORK/screen.sh"
	DISPLAY=":$(<"$WORK/display")" "$VEX" vm --module none --rundir "$ROOT/build/runs/fastscreen-$$" --graphical --qmp \
		--ssh-port auto "$WORK/screen.sh" >"$WORK/screen.log" 2>&1 </dev/null &
	SHELL_PID=$! SHELL_LOG=$WORK/screen.log
	until grep -q '^up' "$SHELL_LOG" || ! kill -0 "$SHELL_PID" 2>/dev/null; do sleep 0.2; done
	run "$VEX" qmp --guest "fastscreen-$$" screenshot "$WORK/screen.png"
	expect 0 "--graphical: a picture of the screen"
	size=$(stat -c %s "$WORK/screen.png" 2>/dev/null || echo 0)
	((size > 2000))
	report $? "something is on it (PNG of $size bytes)"
	run "$VEX" ssh --guest "fastscreen-$$" touch /tmp/go
	end_shell
	expect 0 "the guest with a window ends as others do"
	rm -rf "$ROOT/build/runs/fastscreen-$$"
	kill "$xvfb"
else
	skip "a window" "Xvfb is missing (package xvfb)"
fi
