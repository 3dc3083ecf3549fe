#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# QEMU killed, launcher killed, Ctrl-C, power cut on order.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# begin NAME [OPTION]...: start a guest that says "here" and sleeps; sets VM_PID once it said so.
begin() {
	local name=$1 i
	shift
	printf '#!/bin/sh\necho here\nsleep 600\n' >"$WORK/$name.sh"
	setsid "$VEX" vm --module none --rundir "$WORK/$name" "$@" "$WORK/$name.sh" >"$WORK/out" 2>&1 </dev/null &
	VEX_PID=$!
	for ((i = 0; i < 600; i++)); do
		grep -q '^here' "$WORK/$name/out.log" 2>/dev/null && break
		sleep 0.1
	done
	QEMU_PID=$(pids "^[^ ]*qemu-system.*$WORK/$name/payload.img")
	LAUNCHER_PID=$(pids "^[^ ]*vexvm.*--rundir $WORK/$name ")
	[[ -n $QEMU_PID && -n $LAUNCHER_PID ]] || printf '# no guest came up\n'
}

end() { STATUS=0; wait "$VEX_PID" || STATUS=$?; }

begin killed
kill -KILL "$QEMU_PID"
end
expect 5 "QEMU killed from outside is a lost VM"
says 'killed by signal 9' "and the signal is named"
nothing_left "$WORK/killed" "killed"

begin interrupted
kill -INT "$LAUNCHER_PID"
end
expect 130 "Ctrl-C"
nothing_left "$WORK/interrupted" "interrupted"

begin orphan
kill -KILL "$LAUNCHER_PID"
end
sleep 0.3
bad=0
if [[ -d /proc/$QEMU_PID ]] && ! grep -q '^State:.*Z' "/proc/$QEMU_PID/status"; then bad=1; fi
report "$bad" "a killed launcher takes its guest along"

begin headless
kill -KILL "$VEX_PID"
end
for ((i = 0; i < 100; i++)); do
	[[ -d /proc/$LAUNCHER_PID || -d /proc/$QEMU_PID ]] || break
	sleep 0.1
done
report "$([[ -d /proc/$LAUNCHER_PID || -d /proc/$QEMU_PID ]]; echo $((!$?)))" "a killed ./vex takes launcher and guest along"

# A long step in the background of a script, which would ignore Ctrl-C. The shell must not begin with it ignored, either.
# shellcheck disable=SC2016	# for the other shell
setsid env --default-signal=INT bash -c 'VEX_ROOT=$1 VEX_BUILD=$2 VEX_VERBOSE=0; . "$1/env/lib/ui.sh"; quietly step "$2/log" sleep 4321' - \
	"$ROOT" "$WORK" >"$WORK/out" 2>&1 </dev/null &
pid=$!
until pids '^sleep 4321 ' >/dev/null || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill -INT -- "-$pid"
wait "$pid"
sleep 0.5
report "$(pids '^sleep 4321 ' >/dev/null; echo $((!$?)))" "Ctrl-C ends a step with its output in a log"

truncate -s 1M "$WORK/disk"
guest cut --disk d="$WORK/disk" --kill-after-marker CUT-NOW <<'END'
echo before > /tmp/x; dd if=/tmp/x of="$VEX_DISK_D" conv=fsync,notrunc 2>/dev/null
echo CUT-NOW; sleep 600
END
expect 0 "a power cut at a marker is what was asked for"
nothing_left "$WORK/cut" "power cut"
# shellcheck disable=SC2016	# the guest expands it
guest after --disk d="$WORK/disk" <<<'head -c 6 "$VEX_DISK_D"'
says '^before' "what was synced before the cut is on the disk"

guest nocut --kill-after-marker NEVER-PRINTED <<<'echo done'
expect 1 "a run that ends before its power cut failed"
