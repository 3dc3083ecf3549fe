#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: full
# Images for minutes: what is kept and what is not, snapshots, a window, the whole job of ./vex run.
# shellcheck disable=SC2016	# what the guest expands
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/env/imagelib.sh
. "$(dirname "$0")/imagelib.sh"
export VEX_TEST_FULL=1
image_or_skip "persistence, snapshots, window, run --image"
private_cache
before=$(sha256sum <"$IMAGE_DIR/disk.qcow2")

# ---- the whole job -----------------------------------------------------------------------------------------------
run "$VEX" run --image --limit 100 --query 'play chess against the computer'
expect 0 "./vex run --image"
says '^search: play chess' "answers the search"
says 'files +100 stored in [0-9]+ ms, all equal after the remount' "stores and compares the files"
says 'guest ready .*\(image lane\)' "in the image"

# ---- persistent ---------------------------------------------------------------------------------------------------
run "$VEX" shell --image --persistent -- sh -c 'echo kept >/root/mark; echo lost >/run/mark'
expect 0 "a persistent guest"
says 'shutting the guest down' "is shut down in order"
run "$VEX" shell --image --persistent --installed -- sh -c 'cat /root/mark; journalctl -k -o cat | grep -c "recovery"; modinfo -n vexfs'
says '^kept' "what it wrote is there the next time"
says 'updates/dkms' "--installed uses the image's own module"

# ---- snapshots -----------------------------------------------------------------------------------------------------
run "$VEX" shell --image --snapshot save s1 -- sh -c '
	echo "before" >/mnt/vexfs/file; vexctl collection create /mnt/vexfs c --dim 4 --type f32 --metric l2
	ls /root/mark; touch /run/mark; cut -d. -f1 /proc/uptime >/run/uptime'
expect 0 "a guest is saved at the end of its command"
says "No such file" "without --persistent the persistent state is not there"
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
dir=''
until [[ -n $dir ]] && "$VEX" ssh -- test -s /mnt/vexfs/n 2>/dev/null; do
	kill -0 "$SHELL_PID" || break
	sleep 1
	dir=$(newest_run shell)
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

# ---- a window ---------------------------------------------------------------------------------------------------------
if command -v Xvfb >/dev/null; then
	exec 5>"$WORK/display"
	Xvfb -displayfd 5 -screen 0 1024x768x24 >/dev/null 2>&1 &
	xvfb=$!
	while [[ ! -s $WORK/display ]] && kill -0 "$xvfb"; do sleep 0.1; done
	run env DISPLAY=":$(<"$WORK/display")" "$VEX" shell --image --graphical --screenshot "$WORK/screen.png" -- uname -r
	expect 0 "--graphical: a window on DISPLAY"
	# A PNG of a black screen has a few hundred bytes.
	size=$(stat -c %s "$WORK/screen.png" 2>/dev/null || echo 0)
	((size > 2000))
	report $? "something is on the screen (PNG of $size bytes)"
	kill "$xvfb"
	run env DISPLAY=:9999 "$VEX" shell --image --graphical -- true
	expect 6 "a DISPLAY that is not there"
	says 'cannot open a window on DISPLAY=:9999' "is named"
else
	skip "a window" "Xvfb is missing (package xvfb)"
fi

[[ $(sha256sum <"$IMAGE_DIR/disk.qcow2") == "$before" ]]
report $? "the image itself is unchanged after all this"
