#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: full
# Snapshots of image guests: saved at the end of a session or of a running guest, loaded again and again, deleted.
# shellcheck disable=SC2016	# what the guest expands
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/env/imagelib.sh
. "$(dirname "$0")/imagelib.sh"
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
