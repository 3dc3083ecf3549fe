#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# An emulated guest of one processor keeps its memory barriers: without them it and its disks miss each other's stores, about
# once in millions of requests, and one of these never comes back (cpu_args() in env/launcher/qemu.c).
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2016	# for the guest
guest lone --accel tcg --cpus 1 <<<'[ "$(nproc)" = 1 ]'
expect 0 "a guest of one processor has one"
smp=$(sed -n "s/.*'-smp' '\([^']*\)'.*/\1/p" "$WORK/lone/qemu.cmd")

# barriers SMP: how many there are in what QEMU makes of a kernel that boots until it finds no root, and panics.
barriers() {
	timeout 300 qemu-system-x86_64 -accel tcg,thread=multi -smp "$1" -m 256M -cpu max -machine q35 -nodefaults -no-reboot \
		-display none -kernel "$ROOT/build/kernels/6.1/vmlinuz" -append 'panic=-1 nokaslr' -d op -D "$WORK/op.log" >&2
	grep -cE '^ +mb ' "$WORK/op.log"
	rm -f "$WORK/op.log"
}
n=$(barriers "$smp")
printf '# %s barriers with -smp %s, %s with -smp 1\n' "$n" "$smp" "$(barriers 1)"
report $((n == 0)) "its barriers are translated"
