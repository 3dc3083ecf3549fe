#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# The history of campaigns and ./vex report: what is noted, escaping, broken lines, an empty history, many writers.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

export VEX_HISTORY=$WORK/history.jsonl
page=$WORK/page.html
vexpage=$ROOT/build/env/vexpage

# has TEXT NAME, lacks TEXT NAME: of the page.
has() { grep -qF -- "$1" "$page"; report $? "$2" "the page lacks: $1"; }
lacks() { ! grep -qF -- "$1" "$page"; report $? "$2" "the page has: $1"; }

# add OPTION...: a run.
add() { "$vexpage" add --file "$VEX_HISTORY" "$@"; }

run "$VEX" report
expect 7 "an empty history"
says 'no run is in the history .*each run of test, fstests, crash-test, fuzz image' "says which commands fill it"
: >"$VEX_HISTORY"
run "$VEX" report --html "$page"
expect 7 "an empty file"
[[ ! -e $page ]]
report $? "writes no page"
VEX_HISTORY='' run "$VEX" report
expect 2 "no history is kept"
run "$VEX" report --frobnicate
expect 2 "an unknown option"
run "$VEX" report --html "$WORK"
expect 2 "a directory as the page"

# ---- names from outside -----------------------------------------------------------------------------
evil='<script>alert("1")</script>&'"'"
printf 'passed 5 6.1 f names\nfailed 7 6.1 f %s\nknown 7 6.1 f old\npassed 1 host.vec f a\nunfinished 1 host.dir f b\n' "$evil" \
	>"$WORK/results"
printf '%s=3\nstates=3000\nnothing\n=4\nword=many\nbad=nan\n' "$evil" >"$WORK/counts"
printf '{"rows":[{"row":"a","label":"%s","ratio":0.5,"best":"ext4","ms":{"vexfs":2.5,"%s":1.25}}]}' "${evil//\"/\\\"}" \
	"${evil//\"/\\\"}" >"$WORK/bench"
add --what test --text commit=aaaa00000000 --text "kernel=6.1 $evil" --text "command=test $evil" --code 1 --ms 61500 \
	--results "$WORK/results"
add --what "$evil" --text "commit=$evil" --text "seed=$evil" --code 0 --ms 10 --counts "$WORK/counts"
add --what "bench fs" --text commit=bbbb00000000 --text kernel=6.1 --code 0 --bench "$WORK/bench"
run "$VEX" report --html "$page" --text
expect 0 "names with markup in them"
lacks '<script' "are text on the page"
lacks '&<' "with each & escaped"
has '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;' "and readable"
has '<tr><td>6.1</td><td>1</td><td class="bad">1</td><td>1</td></tr>' "results of a kernel are counted; a known failure is skipped"
has '<tr><td>host</td><td>1</td><td class="bad">1</td><td>0</td></tr>' "those of the host are one row; unfinished has failed"
has '<b class="slow">0.500×</b>' "a row slower than its best peer is marked"
says '^ +3000  states$' "counts are in the text"
! grep -q 'many\|nan' "$WORK/out"
report $? "what is not a number is left out"
says '^bench fs on 6\.1: passed' "so is the benchmark"
says '^  failed: host\.dir b$' "and the failed test"
! grep -qE 'https?://|<link|src=|url\(' "$page"
report $? "the page asks for nothing from elsewhere"
if command -v xmllint >/dev/null; then
	run xmllint --html --noout "$page"
	# The parser does not know HTML 5's elements.
	! grep -v 'Tag \(nav\|section\|svg\|path\|polyline\|circle\|rect\|details\|summary\) invalid' "$WORK/out" | grep -q 'error :'
	report $? "which is well-formed"
else
	skip "which is well-formed" "xmllint is not installed"
fi
printf '{"v":1,"time":5,"what":"x\\u001b[31mred","commit":"c","code":0}\n' >"$WORK/escape.jsonl"
VEX_HISTORY=$WORK/escape.jsonl run "$VEX" report
! grep -q $'\e\[31m' "$WORK/out"
report $? "control characters do not reach the terminal"

# ---- since --------------------------------------------------------------------------------------------
run "$VEX" report --since bbbb
expect 0 "--since a commit"
says '^runs: 1, of 1 campaigns' "leaves out what was before"
run "$VEX" report --since cccc
expect 2 "--since a commit without a run"
says 'no run of this commit' "is refused by the reason"

# ---- broken lines --------------------------------------------------------------------------------------
cp "$VEX_HISTORY" "$WORK/broken.jsonl"
{
	printf 'not JSON\n\n[1]\n{"v":1,"what":"no time","code":0}\n{"v":2,"time":5,"what":"of a later version"}\n'
	printf '{"v":1,"time":1,"what":"\xff"}\n{"v":1,"time":1,"what":"zero\x00"}\n'
	printf '{"v":1,"time":5,"what":"odd","code":"0","counts":[],"rows":[1,null,{"values":{"a":"b"}}],"failed":[2,null]}\n'
	printf '{"v":1,"time":5,"what":"cu'
} >>"$WORK/broken.jsonl"
VEX_HISTORY=$WORK/broken.jsonl run "$VEX" report --html "$page"
expect 0 "broken lines"
says '7 broken lines left out: line 4, 6, 7, 8, 9, 10, 12$' "are counted and named"
has '7 broken lines of the history left out: line 4, 6, 7, 8, 9, 10, 12' "on the page, too"
has '>odd</h2>' "a line with members of other types is shown without them"
VEX_HISTORY=$WORK/broken.jsonl add --file "$WORK/broken.jsonl" --what after --code 0
VEX_HISTORY=$WORK/broken.jsonl run "$VEX" report
says '7 broken lines' "the next run is not appended to a line that was cut"
says '^after: passed' "and is shown"

# ---- many writers at once ------------------------------------------------------------------------------
many=$WORK/many.jsonl
long=$(printf 'x%.0s' {1..20000})
for i in {1..8}; do
	for j in {1..25}; do "$vexpage" add --file "$many" --what "w$i" --text "command=$long" --text "seed=$j" --code 0; done &
done
wait
VEX_HISTORY=$many run "$VEX" report
expect 0 "eight writers at once"
says '^runs: 200, of 8 campaigns' "all their lines are whole"
! grep -q broken "$WORK/out"
report $? "and none is broken"

# ---- what cannot be written, what cannot be read --------------------------------------------------------
run "$VEX" report --html "$WORK/none/page.html"
expect 6 "a page in a directory that does not exist"
says 'cannot write .*name another file' "is named"
if [[ -e /dev/full ]]; then
	run "$vexpage" add --file /dev/full --what x --code 0
	expect 6 "a full disk"
	says 'cannot append' "is named"
fi

# ---- commands note themselves ----------------------------------------------------------------------------
export VEX_HISTORY=$WORK/own/history.jsonl
mkdir "$WORK/tests"
printf '#!/bin/sh\n# needs: time=20\necho 1..1; echo ok 1 yes\n' >"$WORK/tests/good.sh"
chmod +x "$WORK/tests/good.sh"
run "$VEX" test --only guest --kernel 6.1 --tests "$WORK/tests"
expect 0 "a run of one test"
run "$VEX" report
expect 0 "is in the history"
says '^test on 6\.1: passed' "as what it was"
says '^  \./vex test --only guest --kernel 6\.1 --tests' "with its command line"
says '^ +1  passed$' "and its counts"
VEX_HISTORY=$WORK/tests/good.sh/no/such run "$VEX" test --only guest --kernel 6.1 --tests "$WORK/tests"
expect 0 "a history that cannot be written"
says 'warning: .*the run is not in the history' "is a warning, and the verdict stays"

# ---- another module --------------------------------------------------------------------------------------
mkdir "$WORK/other"
printf 'name: abacus\n' >"$WORK/other/.vex"
export XDG_CACHE_HOME=$WORK/cache
unset VEX_HISTORY
run "$VEX" -C "$WORK/other" report
expect 7 "another module"
says 'history/abacus\.jsonl' "has a history of its own"
