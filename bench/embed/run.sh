# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex bench embed: questions with a right answer, asked of vexctl search on this host.

bench_main() {
	local args=()
	while (($#)); do
		case $1 in
		--misses) args=(misses) ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	need bench/embed
	build_step "building the benchmark of embedders" bench-embed bench-embed
	"$VEX_BUILD/bench/embed" "$VEX_ROOT/bench/embed/questions.tsv" "${args[@]}"
}
