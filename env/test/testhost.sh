# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The parts of ./vex test that need no plan: unit tests on the host, and the environment's own tests.

# test_host DIR: leaves DIR/host/PROGRAM.tap.
test_host() {
	local dir=$1/host log=$VEX_BUILD/log/check.log rc=0
	mkdir -p "$dir"
	say "Unit tests on the host"
	VEX_TAIL=40 quietly "make check" "$log" make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory check \
		TAP_DIR="$dir" || rc=$?
	note "$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n1 || echo "make check printed no summary")"
	# Failing without a failed test is a suite that crashed, or does not compile.
	if ! grep -qsE '^(not )?ok ' "$dir"/*.tap || { ((rc)) && ! grep -qs '^not ok ' "$dir"/*.tap; }; then
		printf '# make check ended with status %d; see %s\nnot ok 1 make-check\n' "$rc" "${log#"$VEX_ROOT"/}" >"$dir/check.tap"
	fi
}

# ---- the environment's own tests -----------------------------------------------------------------

# known_env TAP NAME: a known failure counts as skipped, one that no longer fails counts as failed.
known_env() {
	local tap=$1 name=$2 why
	why=$(awk -v n="$name" '$1 == "env" && $2 == n { $1 = $2 = $3 = ""; sub(/^ +/, ""); print; exit }' "$T_DIR/known")
	[[ -n $why ]] || return 0
	if grep -q '^not ok ' "$tap"; then
		sed -i "s|^not \(ok .*\)|\1 # SKIP known failure: ${why//[|&\\]/}|" "$tap"
	else
		printf '# passed, and is listed as a known failure: remove its entry (%s)\nnot ok 0 known-failure\n' "$why" >>"$tap"
	fi
}

run_env_test() {
	local file=$1 name=$2 dir=$3 rc=0 start n_ok n_bad n_skip
	start=$(now_ms)
	# Cases of bare machines are reported as they end where they are all there is.
	local cases=()
	if [[ "${T_ONLY[*]}" == bare ]]; then cases=(VEX_BARE_FILTER="$T_FILTER"); exec 3>&2; fi
	if ((T_FULL)); then cases+=(VEX_BARE_FULL=1); fi
	env "${cases[@]}" bash "$file" >"$dir/$name.tap" 2>"$dir/$name.err" </dev/null || rc=$?
	# 1: there is none; a file that cannot be read ends this shell, which is a failure of the test.
	n_ok=$(grep -cE '^ok ' "$dir/$name.tap") || (($? == 1))
	n_bad=$(grep -cE '^not ok ' "$dir/$name.tap") || (($? == 1))
	if ((rc && n_bad == 0)) || ((n_ok + n_bad == 0)); then
		tail -n 3 "$dir/$name.err" | sed 's/^/# /' >>"$dir/$name.tap"
		printf 'not ok 0 %s ended with status %d\n' "$name" "$rc" >>"$dir/$name.tap"
		n_bad=1
	fi
	known_env "$dir/$name.tap" "${name%@*}"
	n_skip=$(grep -cE '^ok .*# SKIP' "$dir/$name.tap") || (($? == 1))
	printf '%s: %d passed, %d failed%s, %s s\n' "$name" "$((n_ok - n_skip))" "$n_bad" \
		"$( ((n_skip == 0)) || echo ", $n_skip skipped")" "$(secs $(($(now_ms) - start)))" >"$dir/$name.summary"
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
			# A script's own shell may die (no room, no memory): no result is no pass.
			[[ -s $dir/$name.summary ]] || printf 'not ok 0 %s left no result\n' "$name" >>"$dir/$name.tap" || worse "$EX_ENV"
			note "$(cat "$dir/$name.summary" 2>/dev/null || echo "$name: no result")"
			if grep -q '^not ok ' "$dir/$name.tap"; then
				grep -E '^(not ok|#)' "$dir/$name.tap" | sed 's/^/      /' >&2
				if ((T_UNTIL_FAIL)); then queue=(); fi
			fi
		done
		progress "$(printf '%d waiting; running: %s' "${#queue[@]}" "${POOL_NAME[*]}")"
	done
	progress_end
	trap - INT TERM HUP
}
