#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: full
# Snapshots of image guests: saved at the end of a session or of a running guest, loaded again and again, deleted.
# shellcheck disable=SC2016	# what the guest expands
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/env/imagelib.sh
. "$(dirname "$0")/imagelib.sh"

# ---- the saver by itself -------------------------------------------------------------------------
# A machine of 64 MB that stays in its firmware; what QEMU writes its state with is as slow as we want.
mkdir -p "$WORK/bin" "$WORK/vm" "$WORK/snapshots"
cat >"$WORK/bin/cat" <<END
#!/bin/sh
[ ! -e "$WORK/fast" ] || exec /bin/cat
touch "$WORK/writing"
while [ "\$(head -c 4096 | wc -c)" -gt 0 ]; do sleep 0.05; done
END
chmod +x "$WORK/bin/cat"
saver() { # saver NAME: snapshot_write, started as a terminal would
	set -m
	env --default-signal=INT bash -c 'set -euo pipefail
		VEX_ROOT=$1 VEX_BUILD=$1/build VEX_CACHE=$2
		. "$1/env/load.sh"
		(snapshot_write "$2/vm" "$2/snapshots/$3") || exit' - "$ROOT" "$WORK" "$1" >"$WORK/$1.log" 2>&1 </dev/null &
	SAVER=$!
	set +m
}
saver_end() {
	STATUS=0
	wait "$1" || STATUS=$?
	cp "$WORK/$2.log" "$WORK/out"
}
monitor() { run "$ROOT/build/env/vexqmp" "$WORK/vm" "$@"; }
qemu-img create -q -f qcow2 "$WORK/base.qcow2" 1M
qemu-img create -q -f qcow2 -F qcow2 -b "$WORK/base.qcow2" "$WORK/vm/overlay.qcow2"
printf "'-m' '64M' '-smp' '1,maxcpus=2' '-accel' 'tcg' '-drive' 'file=%s,if=none'\n" "$WORK/vm/overlay.qcow2" >"$WORK/vm/qemu.cmd"
PATH=$WORK/bin:$PATH setsid qemu-system-x86_64 -nodefaults -display none -accel tcg -m 64 \
	-qmp "unix:$WORK/vm/qmp.sock,server=on,wait=off" >"$WORK/qemu.log" 2>&1 </dev/null &
MACHINE=$!
until [[ -S $WORK/vm/qmp.sock ]] || ! kill -0 "$MACHINE" 2>/dev/null; do sleep 0.05; done

saver broken
broken=$SAVER
until [[ -e $WORK/writing ]] || ! kill -0 "$SAVER" 2>/dev/null; do sleep 0.05; done
saver second
saver_end "$SAVER" second
expect 2 "a second saver of the same guest is refused"
says 'being saved right now' "and told why"
kill -INT -- "-$broken"
saver_end "$broken" broken
expect 130 "Ctrl-C while it is saved"
# Until QEMU has given up the state, which could stop the guest once more.
for ((i = 0; i < 400; i++)); do
	monitor query-migrate
	! grep -qE '"status": "(completed|cancelled|failed)"' "$WORK/out" || break
	sleep 0.05
done
says '"status": "cancelled"' "gives the state up"
monitor query-status
says '"status": "running"' "the guest goes on"
[[ -z $(ls -A "$WORK/snapshots") ]]
report $? "and nothing half made is left"
touch "$WORK/fast"
mkdir "$WORK/snapshots/killed.7"
touch "$WORK/snapshots/killed.7/half-made"
saver fine
saver_end "$SAVER" fine
expect 0 "saved"
[[ ! -e $WORK/snapshots/killed.7 ]]
report $? "what a killed saver left is removed"
grep -qx 'cpus=1' "$WORK/snapshots/fine/options"
report $? "the processors are noted"
[[ $(cd "$WORK/snapshots" && echo * fine/*) == "fine fine/options fine/overlay.qcow2 fine/state" ]]
report $? "with all its files"
saver fine
saver_end "$SAVER" fine
expect 2 "two savers of one name: the second fails"
says 'somebody else has just saved a snapshot fine' "and says why"
[[ $(cd "$WORK/snapshots" && echo * fine/*) == "fine fine/options fine/overlay.qcow2 fine/state" ]]
report $? "the first one's is left as it was"
monitor query-status
says '"status": "running"' "and the guest goes on"
kill "$MACHINE"
wait "$MACHINE" 2>/dev/null

# ---- snapshots of a real guest -------------------------------------------------------------------
export VEX_TEST_FULL=1
image_or_skip "snapshots"
private_cache

run "$VEX" shell --image --snapshot save s1 -- sh -c '
	echo "before" >/mnt/vexfs/file; vexctl collection create /mnt/vexfs c --dim 4 --type f32 --metric l2
	touch /run/mark; cut -d. -f1 /proc/uptime >/run/uptime'
expect 0 "a guest is saved at the end of its command"
run "$VEX" shell --image --snapshot list
says '^s1 ' "--snapshot list shows it"
for i in 1 2; do
	run "$VEX" shell --image --snapshot load s1 -- sh -c 'cat /mnt/vexfs/file; ls /run/mark; vexctl stat /mnt/vexfs
		echo after >/mnt/vexfs/file; echo "up $(($(cut -d. -f1 /proc/uptime) - $(cat /run/uptime)))"; date +%s'
	expect 0 "load $i"
	says '^before' "memory and disks are those of the snapshot, untouched by other loads"
	says '^/run/mark' "what was in memory too"
done
now=$(date +%s) there=$(grep -xE '[0-9]{10}' "$WORK/out" | tail -n1)
((now - there >= 0 && now - there < 120))
report $? "the clock of a loaded guest is set"
run "$VEX" shell --image --snapshot save s1
expect 2 "a snapshot is not overwritten"

start_shell running -- sh -c 'echo one >/mnt/vexfs/n; sync; until [ -e /tmp/go ]; do sleep 0.2; done; cat /mnt/vexfs/n'
until "$VEX" ssh -- test -s /mnt/vexfs/n 2>/dev/null; do
	kill -0 "$SHELL_PID" || break
	sleep 1
done
run "$VEX" qmp save s2
expect 0 "./vex qmp save: the running guest"
run "$VEX" ssh -- sh -c 'echo two >/mnt/vexfs/n; touch /tmp/go'
end_shell
says '^two' "which goes on"
run "$VEX" shell --image --snapshot load s2 -- cat /mnt/vexfs/n
says '^one' "and comes back as it was saved"
for s in s1 s2; do run "$VEX" shell --image --snapshot delete "$s"; done
[[ -z $(ls -A "$WORK/cache/vex/snapshots") ]]
report $? "--snapshot delete leaves nothing"
