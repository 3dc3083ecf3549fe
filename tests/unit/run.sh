#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Run cmocka programs and sum their results; the last line is the verdict.
# usage: run.sh PROGRAM...
set -uo pipefail

passed=0 failed=0 skipped=0
skipped_line='^(not )?ok .*# *skip'
[ $# -gt 0 ] || { echo "no unit test to run" >&2; exit 1; }
for t in "$@"; do
	out=$(CMOCKA_MESSAGE_OUTPUT=TAP "$t" 2>&1)
	status=$?
	# cmocka 1.1.5 reports a skipped test as "not ok N # SKIP name".
	skip=$(grep -ciE "$skipped_line" <<<"$out")
	ok=$(grep -viE "$skipped_line" <<<"$out" | grep -c "^ok ")
	bad=$(grep -viE "$skipped_line" <<<"$out" | grep -c "^not ok ")
	# A program that died, or ran nothing, is a failure whatever it printed.
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
	fi
	if [ $((ok + bad + skip)) -eq 0 ]; then
		bad=1
	fi
	# TAP_DIR: the caller wants each program's own words.
	if [ -n "${TAP_DIR:-}" ]; then
		printf '%s\n' "$out" >"$TAP_DIR/$(basename "$t").tap"
		if [ "$bad" -gt 0 ] && ! grep -q '^not ok ' <<<"$out"; then
			printf 'not ok 0 %s ended with status %d\n' "$(basename "$t")" "$status" >>"$TAP_DIR/$(basename "$t").tap"
		fi
	fi
	printf '%-14s %3d ok %3d failed%s\n' "$(basename "$t")" "$ok" "$bad" \
		"$([ "$skip" -gt 0 ] && echo " $skip skipped")"
	if [ "$bad" -gt 0 ]; then
		printf '%s\n' "$out" | tail -n 40
	elif [ "$skip" -gt 0 ]; then
		grep -iE '(# *skip|SKIP)' <<<"$out" | head -n 20
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
