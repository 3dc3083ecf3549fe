#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Guests of another architecture: the table of machines, what an emulated arm64 cannot do, and on its kernel the slice
# of guest tests, a cut of the power, and a warm start. Minutes: runs with --full, where QEMU, the cross compiler and
# Debian's arm64 packages are to be had.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

K=arm64-6.1

# ---- without any package ------------------------------------------------------------------------------------

run "$VEX" kernel list
says "^$K +(ready|not fetched) .*arm64" "the kernel is in the list"
run "$VEX" kernel --help
says "^  $K +.*arm64" "and in the help"
# shellcheck disable=SC2016	# the shell inside expands them
run env VEX_ROOT="$ROOT" VEX_BUILD="$ROOT/build" VEX_CACHE="$WORK/cache" bash -c 'set -euo pipefail
	. "$VEX_ROOT/env/load.sh"
	kernel_parse all,stock,default | grep -x "$1" && exit 1
	kernel_parse arm64 | grep -x "$1" && kernel_make_args "$1"' x "$K"
expect 0 "'all', 'stock' and the default leave it out, its trait names it"
says '^ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-$' "kbuild is told the architecture"

VM=$ROOT/build/env/vexvm
if make -s -C "$ROOT/env" OUT="$ROOT/build/env" "$VM" >"$WORK/out" 2>&1; then
	: >"$WORK/file"
	vexvm() {
		run "$VM" --kernel "$WORK/file" --initrd "$WORK/file" --payload "$WORK/file" --rundir "$WORK/vexvm" \
			--cache "$WORK/cache" "$@"
	}
	vexvm --arch sparc
	expect 2 "an unknown machine is refused"
	says "use amd64 or arm64" "and the known ones are named"
	vexvm --arch arm64 --accel kvm
	expect 2 "KVM of another architecture is refused"
	vexvm --arch arm64 --kdump
	expect 2 "kdump as well"
	PATH=/nonexistent vexvm --arch arm64
	expect 6 "without QEMU the environment is broken"
	says 'qemu-system-aarch64 does not run; install it: apt-get install qemu-system-arm' "the message says what to install"
else
	skip "the launcher's options" "vexvm does not compile"
fi
for c in debug crash perf; do
	run "$VEX" "$c" --kernel "$K"
	expect 2 "./vex $c on an arm64 guest is refused"
done
echo true >"$WORK/true.sh"
run "$VEX" vm --kernel "$K" --ssh-port 2222 "$WORK/true.sh"
expect 2 "and the ssh server, a program of this machine"
says "arm64-6.1 is for arm64, which is emulated and has no --ssh-port" "says why"

# ---- with them ----------------------------------------------------------------------------------------------

missing=()
for p in qemu-system-aarch64:qemu-system-arm aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu qemu-aarch64:qemu-user; do
	[[ -n $(type -P "${p%%:*}") ]] || missing+=("${p#*:}")
done
if ((${#missing[@]})); then
	skip "guests of $K" "not installed: ${missing[*]} (./vex setup cross arm64)"
	exit
fi
run "$VEX" kernel fetch "$K"
if ((STATUS)) && grep -qE "cannot be fetched|apt knows no|could not download" "$WORK/out"; then
	skip "guests of $K" "this machine's archive has no arm64 packages"
	exit
fi
expect 0 "the kernel is fetched"

run "$VEX" test --only guest --kernel "$K" --no-install
expect 0 "the slice passes"
says '^[5-9] passed, 0 failed' "names, vectors, search, veccrash, options"

# in_guest NAME [OPTION]...: the script on stdin.
in_guest() {
	local name=$1
	shift
	{ printf '#!/bin/sh\nset -eu\nmkdir -p /m\n'; cat; } >"$WORK/$name.sh"
	run "$VEX" vm --kernel "$K" --rundir "$WORK/$name" --disk d="$WORK/disk" "$@" "$WORK/$name.sh"
}
truncate -s 64M "$WORK/disk"
in_guest cut --kill-after-marker "SYNCED 20" <<'END'
[ "$(uname -m)" = aarch64 ]
mkfs.vexfs -q "$VEX_DISK_D"
mount -t vexfs "$VEX_DISK_D" /m
vexctl collection create /m c --dim 8 --type f32 --metric l2
i=0
while :; do
	i=$((i + 1))
	echo "$i" >/m/f$i
	echo "$i 1 0 0 0 0 0 2" | vexctl set --collection c /m/f$i -
	[ $((i % 20)) -ne 0 ] || { sync; echo "SYNCED $i"; }
done
END
expect 0 "the power fails in the middle of work"
in_guest after <<'END'
mount -t vexfs "$VEX_DISK_D" /m
i=0
while [ $i -lt 20 ]; do
	i=$((i + 1))
	[ "$(cat /m/f$i)" = $i ]
	vexctl get --collection c /m/f$i | tr -s ' \n' ' ' | grep -q "^$i 1 0 0 0 0 0 2"
done
umount /m
fsck.vexfs -n "$VEX_DISK_D" >/tmp/fsck || { cat /tmp/fsck; exit 1; }
echo "ALL THERE"
END
expect 0 "the next mount recovers"
says '^ALL THERE' "what was synced is there, fsck finds nothing"

# What a changed line waits for: the module is built, only the guest is started anew.
for lane in cold warm warm; do
	in_guest "$lane" --lane "$lane" <<<'echo up'
	expect 0 "a $lane start"
	printf '# %s: ready after %s ms, verdict after %s ms\n' "$lane" "$(sed -n 's/^ready_ms=//p' "$WORK/$lane/result")" \
		"$(sed -n 's/^total_ms=//p' "$WORK/$lane/result")"
	report "$([[ $(sed -n 's/^lane=//p' "$WORK/$lane/result") == "$lane" ]]; echo $?)" "... it was $lane"
done
nothing_left "$WORK" "nothing is left behind"
