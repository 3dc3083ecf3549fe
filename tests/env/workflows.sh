#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# The workflow files: valid YAML, the keys a workflow must have, and no command in them that a person could not type.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

shopt -s nullglob
flows=("$ROOT"/.github/workflows/*.yml)
((${#flows[@]} > 0))
report $? "there are workflows"

if command -v yamllint >/dev/null; then
	rules='{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}}}'
	run yamllint -s -d "$rules" "${flows[@]}"
	expect 0 "yamllint"
else
	skip "yamllint" "not installed: ./vex setup lint"
fi
if command -v actionlint >/dev/null; then
	run actionlint "${flows[@]}"
	expect 0 "actionlint"
else
	skip "actionlint" "not installed; Debian has no package of it"
fi

# commands FILE: one per line, with matrix expressions expanded to their first value.
commands() {
	awk '
		/^ *matrix:/ { in_matrix = 1 }
		/^ *steps:/ { in_matrix = 0 }
		in_matrix && /^ *[a-z]+: *\[/ { k = $1; sub(/:/, "", k); v = $0; sub(/^[^[]*\[ */, "", v); sub(/[],].*/, "", v)
			gsub(/"/, "", v); val[k] = v }
		in_matrix && /^ *- *\{/ { v = $0; gsub(/.*\{|\}.*/, "", v); n = split(v, pair, /, */)
			for (i = 1; i <= n; i++) { split(pair[i], kv, /: */); if (!(kv[1] in val)) val[kv[1]] = kv[2] } }
		/^ *- *run: *[^|> ]/ { sub(/^ *- *run: */, ""); c = $0
			for (k in val) gsub("\\$\\{\\{ matrix\\." k " \\}\\}", val[k], c)
			print c; next }
		/^ *- *run:/ { print "MULTILINE " FILENAME ":" FNR }' "$1"
}

for f in "${flows[@]}"; do
	name=${f##*/}
	for key in name on permissions jobs; do
		grep -q "^$key:" "$f"
		report $? "$name has '$key'"
	done
	jobs=$(awk '/^jobs:/ { on = 1; next } on && /^  [a-z][a-z0-9_-]*:/ { n++ } END { print n }' "$f")
	[[ $jobs == "$(grep -c '^    runs-on:' "$f")" && $jobs == "$(grep -c '^    timeout-minutes:' "$f")" ]]
	report $? "$name: each of its $jobs jobs says where it runs and for how long at most"
	! grep -E '^ *-? *uses:' "$f" | grep -qvE 'uses: [a-z-]+/[a-z-]+(/[a-z]+)?@v[0-9]+$'
	report $? "$name: every action is pinned to a version"
	while IFS= read -r cmd; do
		[[ $cmd != MULTILINE* && $cmd != *"{{"* ]]
		report $? "$name: one line, matrix expanded: $cmd"
		case $cmd in
		'apt-get update && apt-get install -y --no-install-recommends git ca-certificates')
			# What 'git clone' needs before ./vex is there.
			continue
			;;
		.ci/run*)
			[[ -x $ROOT/.ci/run ]] && grep -q '^exec ./vex test' "$ROOT/.ci/run"
			report $? "$name: .ci/run is ./vex test"
			continue
			;;
		esac
		read -r -a words <<<"$cmd"
		[[ ${words[0]} == ./vex && -f $ROOT/env/cmd/${words[1]:-}.sh ]]
		report $? "$name: a command of ./vex: $cmd"
		[[ -f $ROOT/env/cmd/${words[1]}.sh ]] || continue
		run "$VEX" "${words[1]}" --help
		expect 0 "$name: its help works: ./vex ${words[1]} --help"
		# Every option and verb is in that help.
		bad=0 prev=
		for w in "${words[@]:2}"; do
			[[ $w == --* || ($w =~ ^[a-z]+$ && $prev != --*) ]] || { prev=$w; continue; }
			grep -qE -- "(^|[^a-z-])$w([^a-z-]|\$)" "$WORK/out" || { bad=1; printf '# its help does not know: %s\n' "$w"; }
			prev=$w
		done
		report "$bad" "$name: its help knows every word of: $cmd"
	done < <(commands "$f")
done
# Real command lines are refused at once when they are wrong: the parser is asked without anything being run.
run "$VEX" build --kernel 6.1 --cc no-such-compiler
expect 2 "a wrong value in a matrix is a usage error"
