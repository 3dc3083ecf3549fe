# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: measure: loop (start-up and edit-to-verdict times)

cmd_help() {
	cat <<'END'
usage: ./vex bench loop [--runs N] [--kernel SERIES] [--accel ACCEL]

Medians of N runs [5], cold and warm: QEMU started -> first word of init; ./vex shell typed -> a
command has run on a mounted VexFS; one changed line in kmod/ -> verdict of the smoke test,
split into build, guest and test. If virtme-ng is installed it boots the same kernel beside it.

example: ./vex bench loop --runs 7
END
}

cmd_main() {
	local what=${1:-}
	[[ $what =~ ^[a-z]+$ ]] || usage_error "bench what? (loop)"
	shift
	[[ -f $VEX_ROOT/bench/$what/run.sh ]] || usage_error "unknown benchmark '$what' (loop)"
	# shellcheck source=/dev/null
	. "$VEX_ROOT/bench/$what/run.sh"
	bench_main "$@"
}
