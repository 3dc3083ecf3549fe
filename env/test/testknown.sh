# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# tests/known-failures: what is expected to fail, where, why, and until when. Empty is best.
#
#	TEST  KERNELS  EXPECTED  UNTIL  REASON...
#
# TEST: a guest test, or env:NAME; KERNELS: names or traits by commas, - for env tests; EXPECTED: fail, timeout
# or panic (the kernel complains or dies); UNTIL: YYYY-MM-DD, from that day on the failure counts again.

known_error() { die "$EX_USAGE" "${T_KNOWN#"$VEX_ROOT"/}:$1: $2"; }

known_check_kernels() {
	local n=$1 word=$2 w k ok
	for w in ${word//,/ }; do
		ok=0
		for k in $(kernel_names); do
			if [[ $w == all ]] || kernel_is_one_of "$k" "$w"; then ok=1; fi
		done
		((ok)) || known_error "$n" "unknown kernel '$w': a name or trait of ./vex kernel list, or all"
	done
}

# known_check LINE-NUMBER TEST KERNELS EXPECTED UNTIL REASON
known_check() {
	local n=$1 name=$2 kernels=$3 expected=$4 until=$5 reason=$6
	[[ -n $reason ]] || known_error "$n" "five columns wanted: TEST KERNELS EXPECTED UNTIL REASON"
	if [[ $name == env:* ]]; then
		[[ -f $VEX_ROOT/tests/env/${name#env:}.sh ]] || known_error "$n" "no test tests/env/${name#env:}.sh"
		[[ $kernels == - ]] || known_error "$n" "KERNELS of an env test is -, not '$kernels'"
		[[ $expected == fail ]] || known_error "$n" "EXPECTED of an env test is fail, not '$expected'"
	else
		[[ -f $T_TESTS/$name.c || -f $T_TESTS/$name.sh ]] || known_error "$n" "no guest test '$name'"
		known_check_kernels "$n" "$kernels"
	fi
	[[ $expected =~ ^(fail|timeout|panic)$ ]] || known_error "$n" "EXPECTED '$expected': use fail, timeout or panic"
	if [[ ! $until =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] || ! date -d "$until" >/dev/null 2>&1; then
		known_error "$n" "invalid UNTIL '$until' (YYYY-MM-DD)"
	fi
}

# known_read DIR: checks the file; DIR/known gets "SUITE TEST EXPECTED REASON" per kernel for entries in force,
# DIR/known.tap a failure for each one that has expired.
known_read() {
	local dir=$1 n=0 name kernels expected until reason k
	: >"$dir/known"
	: >"$dir/known.tap"
	[[ -n $T_KNOWN && -f $T_KNOWN ]] || return 0
	while read -r name kernels expected until reason; do
		n=$((n + 1))
		[[ -n $name && $name != \#* ]] || continue
		known_check "$n" "$name" "${kernels:-}" "${expected:-}" "${until:-}" "${reason:-}"
		[[ ${name#env:} =~ $T_FILTER ]] || continue
		if [[ ! $(date +%F) < $until ]]; then
			printf '# expired on %s: mend %s or renew the entry (%s)\nnot ok 1 %s:%d\n' "$until" "$name" "$reason" \
				"${T_KNOWN##*/}" "$n" >>"$dir/known.tap"
			continue
		fi
		if [[ $name == env:* ]]; then
			printf 'env %s %s until %s: %s\n' "${name#env:}" "$expected" "$until" "$reason" >>"$dir/known"
			continue
		fi
		for k in "${T_KERNELS[@]}"; do
			if [[ ,$kernels, == *,all,* ]] || kernel_is_one_of "$k" "$kernels"; then
				printf '%s %s %s until %s: %s\n' "$k" "$name" "$expected" "$until" "$reason" >>"$dir/known"
			fi
		done
	done <"$T_KNOWN"
}
