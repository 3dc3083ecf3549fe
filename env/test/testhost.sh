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

# ---- the environment's own tests -----------------------------------------------------------------

# run_env_test FILE NAME DIR: DIR/NAME.tap, its errors in .err, its exit status in .rc, how long it took in .ms.
run_env_test() {
	local file=$1 name=$2 dir=$3 rc=0 start
	start=$(now_ms)
	# Cases of bare machines are reported as they end where they are all there is.
	local cases=()
	if [[ "${T_ONLY[*]}" == bare ]]; then cases=(VEX_BARE_FILTER="$T_FILTER"); exec 3>&2; fi
	if ((T_FULL)); then cases+=(VEX_BARE_FULL=1); fi
	env "${cases[@]}" bash "$file" >"$dir/$name.tap" 2>"$dir/$name.err" </dev/null || rc=$?
	printf '%s\n' "$(($(now_ms) - start))" >"$dir/$name.ms"
	printf '%d\n' "$rc" >"$dir/$name.rc"
}

# env_result DIR NAME: says what became of a script; fails when it failed.
env_result() {
	local dir=$1 name=$2 passed=0 failed=0 skipped=0 text='' ms=0
	# A script's own shell may die (no room, no memory): no result is no pass.
	if [[ -s $dir/$name.rc ]]; then ms=$(<"$dir/$name.ms"); else worse "$EX_ENV"; fi
	"$VEX_BUILD/env/vexreport" --script "env.$name" "$dir/$name.tap" --known "$T_DIR/known" --show failures \
		>"$dir/$name.counts" 2>"$dir/$name.failures" || worse "$EX_ENV"
	read -r passed failed skipped <"$dir/$name.counts" || failed=1
	if ((skipped)); then text=", $skipped skipped"; fi
	note "$name: $passed passed, $failed failed$text, $(secs "$ms") s"
	sed 's/^/  /' "$dir/$name.failures" >&2
	((failed == 0))
}

# env_tests: NAME FILE of each; quick ones, with --full all.
env_tests() {
	local f name
	if [[ " ${T_ONLY[*]} " == *" bare "* ]]; then printf 'bare %s\n' "$VEX_ROOT/tests/env/bare.sh"; fi
	if [[ " ${T_ONLY[*]} " != *" env "* ]]; then return; fi
	for f in "$VEX_ROOT"/tests/env/*.sh; do
		name=$(basename "${f%.sh}")
		[[ $name != bare || " ${T_ONLY[*]} " != *" bare "* ]] || continue
		[[ -f $f && $name != *lib && $name =~ $T_FILTER ]] || continue
		printf '%s %s\n' "$name" "$f"
	done
}

# test_env DIR: leaves DIR/env/NAME.tap. Several at a time, but for those that say "alone".
test_env() {
	local dir=$1/env name file queue=() i cost
	mkdir -p "$dir"
	while read -r name file; do
		if ((T_FULL == 0)) && ! grep -q '^# env-test: .*quick' "$file"; then
			printf 'ok 0 %s # SKIP takes long; run with --full\n' "$name" >>"$dir/left-out.tap"
			continue
		fi
		for ((i = 1; i <= T_REPEAT; i++)); do queue+=("$name$( ((T_REPEAT == 1)) || echo "@$i") $file"); done
	done < <(env_tests)
	if ((${#queue[@]} == 0)); then return; fi
	say "Tests of the environment: ${#queue[@]}, $T_JOBS at a time"
	pool_init "$T_JOBS"
	while ((${#queue[@]} || ${#POOL_COST[@]})); do
		if ((POOL_STOP)); then
			progress_end
			pool_stop
			return "$EX_INT"
		fi
		for i in "${!queue[@]}"; do
			read -r name file <<<"${queue[i]}"
			cost=1
			if grep -q '^# env-test: .*alone' "$file"; then cost=$T_JOBS; fi
			((cost <= POOL_FREE)) || continue
			pool_start "$name" "$cost" run_env_test "$file" "$name" "$dir"
			unset "queue[i]"
		done
		sleep 0.2
		pool_reap
		for name in "${POOL_DONE[@]}"; do
			progress_end
			if ! env_result "$dir" "$name" && ((T_UNTIL_FAIL)); then queue=(); fi
		done
		progress "$(printf '%d waiting; running: %s' "${#queue[@]}" "${POOL_NAME[*]}")"
	done
	progress_end
	trap - INT TERM HUP
}
