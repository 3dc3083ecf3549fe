#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: alone
# One boot of the newest image, everything at once: module of this checkout, test disks, shared directory, ports,
# ./vex ssh, the monitor, a picture, the exit status. Persistence, snapshots, windows: imagevm_more.sh.
# shellcheck disable=SC2016	# what the guest expands
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/env/imagelib.sh
. "$(dirname "$0")/imagelib.sh"
image_or_skip "guests from images"

free_port
share=$WORK/sh,are		# a comma ends a value for QEMU and virtiofsd
mkdir -p "$share"
echo "from the host" >"$share/greeting"
start_shell boot --share "$share" --disk big=8G,format=qcow2 --forward "$PORT:22" --screenshot "$WORK/screen.png" -- \
	sh -c 'echo "this log says Oops: 0002, Kernel panic - not syncing" >/dev/console; cat /share/greeting; echo "from the guest" >/share/answer; blockdev --getsize64 "$VEX_DISK_BIG"; blockdev --getsize64 "$VEX_DISK_VEXFS"
		findmnt -no FSTYPE /mnt/vexfs; findmnt -no FSTYPE /share; echo "id $(uname -r) $(od -An -v -tx1 /sys/module/vexfs/notes/.note.gnu.build-id | tr -d " \n" | tail -c 40)"; command -v vexctl
		touch /share/up; until [ -e /share/go ]; do sleep 0.2; done; exit 7'
wait_for_file "$share/up"
report $? "the image boots and runs the command"

run "$VEX" ssh --list
says "shell-.*-> 22" "./vex ssh --list shows it"
run "$VEX" ssh -- sh -c 'echo "I am $(id -un)"; exit 5'
expect 5 "./vex ssh finds it, and passes the status on"
says '^I am root' "as root"
run "$VEX" ssh --user vex sudo id -un
says '^root' "or as vex, who may use sudo"
run timeout 20 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT; head -c 4 <&3"
says '^SSH-' "the forwarded port leads into the guest"
run "$VEX" qmp query-status
says '"status": "running"' "./vex qmp talks to its monitor"
[[ $(head -c 8 "$WORK/screen.png" 2>/dev/null | od -An -tx1 | tr -d ' ') == 89504e470d0a1a0a ]]
report $? "the picture of its screen is a PNG"
dir=$(newest_run shell)
[[ -s $dir/console.log && -S $dir/qmp.sock && -f $dir/overlay.qcow2 ]]
report $? "console log, socket and overlay are in the run directory"
image=$(sed -n "s/.*'file=\([^']*overlay.qcow2\),.*/\1/p" "$dir/qemu.cmd")
[[ $image == "$dir/overlay.qcow2" ]]
report $? "the guest writes to the overlay, not to the image"

touch "$share/go"
end_shell
expect 7 "the command's status is the exit status"
says '^from the host' "the guest reads the shared directory"
[[ $(<"$share/answer") == "from the guest" ]]
report $? "and writes to it"
says '^8589934592$' "a qcow2 disk of 8 GB"
says '^104857600$' "the default test disk of 100 MB"
says '^vexfs$' "with a VexFS on it"
says '^(virtiofs|9p)$' "the share is mounted"
says '^/vex/bin/vexctl' "tools of this checkout"
# Not its srcversion: the installed module may be of the same sources.
read -r _ release id < <(grep -E '^id ' "$WORK/out")
[[ -n ${id:-} && $(readelf -n "$ROOT/build/kmod/image-$release/vexfs.ko" | sed -n 's/.*Build ID: //p') == *"$id"* ]]
report $? "and its module"
grep -qa 'this log says Oops' "$dir/console.log"
report $? "what is only read on its console ends no guest"
left=$(find "$dir" -name '*.img' -o -name '*.qcow2' -o -name '*.sock' -o -name ports)
[[ -z $left ]]
report $? "nothing left behind ${left:+: $left}"
nothing_left "$dir" "image guest"
