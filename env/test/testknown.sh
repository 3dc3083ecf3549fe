# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# tests/known-failures: what is expected to fail, where, why, and until when. env/test/known.c describes and reads it.

# known_read DIR: checks the file; DIR/known gets "SUITE TEST EXPECTED REASON" per kernel for entries in force,
# DIR/known.tap a failure for each one that has expired.
known_read() {
	local dir=$1 args=() k words rc=0 list=$T_KNOWN
	[[ -f $list ]] || list=/dev/null
	for k in $(kernel_names); do args+=(--kernel "$k $(kernel_traits "$k")"); done
	for k in "${T_KERNELS[@]}"; do args+=(--run "$k $(kernel_traits "$k")"); done
	words=$("$VEX_BUILD/env/vextest" known --list "$list" --tests "$T_TESTS" --scripts "$VEX_ROOT/tests/env" \
		--filter "$T_FILTER" --out "$dir/known" --expired "$dir/known.tap" "${args[@]}" 2>&1) || rc=$?
	((rc == 0)) || die "$rc" "${words#vex: }"
}
