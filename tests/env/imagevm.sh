#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick alone
# Guests from images, what goes wrong: no image, damaged image, disk in use, port taken, too little memory, a killed
# launcher. No image has to be there: QEMU starts from disks of a few sectors. What goes right is imagevm_boot.sh.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

command -v qemu-img >/dev/null || { skip "errors of image guests" "qemu-img is missing (package qemu-utils)"; exit 0; }
export XDG_CACHE_HOME=$WORK/cache
VEXVM=$ROOT/build/env/vexvm
mkdir -p "$WORK/cache/vex" "$WORK/t"

# A boot sector that says "up" on the serial line and then waits for ever: the smallest guest there is.
# mov dx,0x3f8; mov al,'u'; out dx,al; mov al,'p'; out; mov al,'\n'; out; hlt loop
boot_disk() {
	truncate -s 1M "$1"
	printf '\xba\xf8\x03\xb0\x75\xee\xb0\x70\xee\xb0\x0a\xee\xf4\xeb\xfd' | dd of="$1" conv=notrunc 2>/dev/null
	printf '\x55\xaa' | dd of="$1" bs=1 seek=510 conv=notrunc 2>/dev/null
}
boot_disk "$WORK/boot.img"

# vm NAME OPTION...: the launcher alone.
vm() {
	local name=$1
	shift
	mkdir -p "$WORK/$name"
	run "$VEXVM" --rundir "$WORK/$name" --cache "$WORK/cache/vex" --accel tcg --memory 128 "$@"
}

# background NAME OPTION...: the same, left running; returns when the guest has said "up".
background() {
	local name=$1 i
	shift
	mkdir -p "$WORK/$name"
	"$VEXVM" --rundir "$WORK/$name" --cache "$WORK/cache/vex" --accel tcg --memory 128 --monitor "$@" \
		>"$WORK/$name.out" 2>&1 </dev/null &
	PID=$!
	for ((i = 0; i < 1200; i++)); do
		grep -q '^up' "$WORK/$name/console.log" 2>/dev/null && return
		kill -0 "$PID" 2>/dev/null || break
		sleep 0.1
	done
	report 1 "$name: the guest comes up"
	sed 's/^/# /' "$WORK/$name.out"
}

end_background() { kill "$PID" 2>/dev/null; wait "$PID" 2>/dev/null || true; }

# gone DIR NAME: neither process nor overlay nor socket.
gone() {
	local bad=0 f
	for f in "$1"/overlay.qcow2 "$1"/qmp.sock "$1"/ports "$1"/*.img; do
		[[ ! -e $f ]] || { bad=1; printf '# left behind: %s\n' "$f"; }
	done
	report "$bad" "$2: overlay, socket and disks are gone"
	nothing_left "$1" "$2"
}

# ---- which image ---------------------------------------------------------------------------------------
run "$VEX" shell --image
expect 6 "no image built yet"
says 'no valid image yet: ./vex image build' "says what to type"
run "$VEX" shell --image debug
expect 6 "no image of that variant"
says 'no valid debug image yet: ./vex image build --variant debug' "names the variant"
run "$VEX" shell --image no-such-image
expect 2 "unknown image"
says "no image 'no-such-image'.*image list" "says where the names are"
run "$VEX" run --image
expect 6 "run --image without an image"
run "$VEX" test --image
expect 2 "--image where it has no meaning"
for args in "--persistent" "--installed" "--screenshot x.png" "--snapshot save x"; do
	# shellcheck disable=SC2086	# words
	run "$VEX" shell $args
	expect 2 "$args without --image"
done
says 'warm lane' "and why the fast lane has no snapshots"
for args in "run --image --snapshot save x" "debug --image --batch /dev/null --snapshot load x -- true" \
	"debug --image --batch /dev/null --installed -- true" "image boot --installed" "image boot --snapshot save x"; do
	# shellcheck disable=SC2086	# words
	run "$VEX" $args
	expect 2 "./vex $args is refused"
done
run "$VEX" shell --image --snapshot load nosuch
expect 2 "unknown snapshot"
if [[ -n $("$VEX" ssh --list) ]]; then
	skip "ssh and qmp without a guest" "a guest of this checkout runs in another terminal"
else
	run "$VEX" ssh
	expect 6 "ssh without a guest"
	says './vex image boot' "says how to start one"
	run "$VEX" qmp query-status
	expect 6 "qmp without a guest"
fi
run env -u DISPLAY -u WAYLAND_DISPLAY "$VEX" shell --graphical
expect 6 "--graphical without a display"
says 'DISPLAY' "names what is missing"

# ---- damaged images -------------------------------------------------------------------------------------
head -c 1000000 /dev/urandom >"$WORK/noise.img"
vm noise --image "$WORK/noise.img"
expect 6 "an image that is none"
says 'image damaged:' "says so"
qemu-img create -q -f qcow2 "$WORK/q.qcow2" 64M
qemu-io -c 'write -P 1 0 8M' "$WORK/q.qcow2" >/dev/null
cp "$WORK/q.qcow2" "$WORK/cut.qcow2"
truncate -s 300K "$WORK/cut.qcow2"
run "$VEX" shell --image "$WORK/cut.qcow2"
expect 6 "an image that was cut off"
says 'image damaged:.*image build' "says what to do"
cp "$WORK/q.qcow2" "$WORK/bad.qcow2"
printf '\xff\xff\xff\xff' | dd of="$WORK/bad.qcow2" bs=1 seek=196612 conv=notrunc 2>/dev/null
vm bad --image "$WORK/bad.qcow2"
expect 6 "an image with damaged tables"
says 'image damaged:' "says so"
gone "$WORK/bad" "damaged image"

# ---- memory, port, disk ---------------------------------------------------------------------------------
vm memory --image "$WORK/boot.img" --memory 1048576
expect 6 "more memory than the host has"
says 'not enough memory: the guest wants 1048576 MB, this host has [0-9]+ MB' "both figures are named"
vm fastmemory --kernel /dev/null --initrd /dev/null --payload /dev/null --memory 1048576
expect 6 "the fast lane too"
report "$(grep -qs '^message=not enough memory' "$WORK/fastmemory/result"; echo $?)" "and the run's record has the reason"

# A limit of the group above the shell's own, as a container's engine or a batch system sets it.
memory_group() {
	local point=/sys/fs/cgroup/memory own file=memory.limit_in_bytes
	own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
	if [[ -z $own ]]; then
		point=/sys/fs/cgroup file=memory.max own=$(sed -n 's/^0:://p' /proc/self/cgroup)
	fi
	GROUP=$point${own%/}/vex-test-$$
	mkdir "$GROUP" 2>/dev/null && GROUP_FILE=$GROUP/$file
	[[ -w ${GROUP_FILE:-} ]] && mkdir "$GROUP/inner"
}
if memory_group && echo $((96 << 20)) >"$GROUP_FILE"; then
	# shellcheck disable=SC2016
	run sh -c 'echo $$ >"$1/inner/cgroup.procs" && shift && exec "$@"' sh "$GROUP" \
		"$VEXVM" --rundir "$WORK/grouped" --cache "$WORK/cache/vex" --accel tcg --image "$WORK/boot.img" --memory 128
	expect 6 "more memory than the group above this process' own may have"
	says 'not enough memory: the guest wants 128 MB, the control group of this shell allows 96 MB' "both figures are named"
else
	skip "a memory limit of the group above" "no control group for memory can be made here (needs root and a writable /sys/fs/cgroup)"
fi
rmdir "${GROUP:-/nowhere}/inner" "${GROUP:-/nowhere}" 2>/dev/null

truncate -s 1M "$WORK/shared.img"
background first --image "$WORK/boot.img" --ssh-port auto --disk d="$WORK/shared.img"
read -r port _ <"$WORK/first/ports"
[[ $port -ge 2222 && $port -lt 2422 ]]
report $? "the port for ssh is the first free one from 2222 up ($port)"
vm taken --image "$WORK/boot.img" --forward "$port:80"
expect 6 "port taken"
says "port $port is taken" "names it"
gone "$WORK/taken" "port taken"
vm diskused --image "$WORK/boot.img" --disk d="$WORK/shared.img"
expect 6 "disk in use by another VM"
says 'disk in use: another VM has .*shared.img open' "names the disk"
vm imageused --persistent --image "$WORK/boot.img"
expect 6 "image in use by another VM, and to be written to"
says 'disk in use: another VM has .*boot.img open' "names the image"
background second --image "$WORK/boot.img" --ssh-port auto
read -r port2 _ <"$WORK/second/ports"
[[ $port2 != "$port" ]]
report $? "a second guest of the same image runs beside it, on a port of its own ($port2)"

# ---- scripts: the monitor -------------------------------------------------------------------------------------
run "$ROOT/build/env/vexqmp" "$WORK/second" query-status
expect 0 "the QMP socket answers"
says '"status": "running"' "and QEMU's answer is printed"
run "$ROOT/build/env/vexqmp" "$WORK/second" query-qmp-schema query-status
report "$(head -n1 "$WORK/out" | grep -qE '"meta-type": "event".*[]]}.?$' && (($(wc -c <"$WORK/out") > 66000)) && tail -n1 "$WORK/out" | grep -q '"running"'; echo $?)" \
	"an answer of more than 64 KB that speaks of events is whole ($(wc -c <"$WORK/out") bytes)"
run "$ROOT/build/env/vexqmp" "$WORK/second" no-such-command
expect 1 "a command QEMU does not know"
end_background
gone "$WORK/second" "ended by a signal"

# ---- the launcher killed: the guest goes along, and the next run sweeps up --------------------------------------
background killed --image "$WORK/boot.img"
kill -KILL "$PID"
wait "$PID" 2>/dev/null || true
for ((i = 0; i < 100; i++)); do
	pids "qemu-system.*$WORK/killed/" >/dev/null || break
	sleep 0.1
done
! pids "qemu-system.*$WORK/killed/" >/dev/null
report $? "a killed launcher takes its guest along"
mkdir -p "$ROOT/build/runs/stale-$$"
touch -d '1 hour ago' "$ROOT/build/runs/stale-$$"/{overlay.qcow2,qmp.sock,ports}
VEX_BUILD=$ROOT/build bash -c '. "$1/env/lib/ui.sh"; . "$1/env/lib/vmopt.sh"; vm_sweep' sweep "$ROOT"
[[ ! -e $ROOT/build/runs/stale-$$/overlay.qcow2 && ! -e $ROOT/build/runs/stale-$$/qmp.sock ]]
report $? "what it left is removed by the next run"
rm -rf "$ROOT/build/runs/stale-$$"

# ---- sessions ----------------------------------------------------------------------------------------------------
boot_disk "$WORK/login.img"
# shellcheck disable=SC2016	# expanded by the session
vm session --image "$WORK/boot.img" --ssh-port auto --timeout 1 --idle 1 --session 'exit 7'
expect 4 "a guest whose sshd never answers"
says 'no sign of life' "is a hang, not a wait without end"
gone "$WORK/session" "no ssh"
# The first guest is still there.
kill "$(pids "vexvm --rundir $WORK/first ")"
wait
gone "$WORK/first" "first guest"
