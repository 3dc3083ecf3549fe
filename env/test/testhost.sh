# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The parts of ./vex test that need no plan: unit tests on the host, and the environment's own tests.

# test_host DIR: leaves DIR/host/PROGRAM.tap; check.rc beside them when make itself failed.
test_host() {
	local dir=$1/host log=$VEX_BUILD/log/check.log rc=0 numbers passed failed skipped
	mkdir -p "$dir"
	say "Unit tests on the host"
	VEX_TAIL=40 quietly "make check" "$log" make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory check \
		TAP_DIR="$dir" || rc=$?
	note "$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n1 || echo "make check printed no summary")"
	# Failing without a failed test is a suite that crashed, or does not compile.
	# Without a count there are no tests, which fails below.
	numbers=$(find "$dir" -name '*.tap' -exec "$VEX_BUILD/env/vexreport" --flat host {} +) || numbers=''
	read -r passed failed skipped <<<"$numbers"
	if ((${passed:-0} + ${failed:-0} + ${skipped:-0} == 0 || (rc && ${failed:-0} == 0))); then
		: >"$dir/check.tap"
		printf 'make check: see %s\n' "${log#"$VEX_ROOT"/}" >"$dir/check.err"
		printf '%d\n' "$rc" >"$dir/check.rc"
	fi
}

# test_env: the environment's own tests, quick ones, with --full all; leaves T_DIR/env/NAME.tap.
test_env() {
	local args=() only=" ${T_ONLY[*]} "
	if [[ $only == *" bare "* ]]; then args+=(--bare "$VEX_ROOT/tests/env/bare.sh"); fi
	if [[ $only == *" env "* ]]; then args+=(--scripts "$VEX_ROOT/tests/env"); fi
	if ((T_FULL)); then args+=(--full); fi
	if ((T_UNTIL_FAIL)); then args+=(--until-fail); fi
	run_part "$VEX_BUILD/env/vextest" scripts --dir "$T_DIR" --filter "$T_FILTER" --jobs "$T_JOBS" \
		--repeat "$T_REPEAT" "${args[@]}"
}
