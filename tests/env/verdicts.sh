#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# How one test is judged: fail by default.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

guest good --ktap <<<'echo 1..1; echo "ok 1 fine"'
expect 0 "a test that keeps its plan passes"
nothing_left "$WORK/good" "passed"

guest notok --ktap <<<'echo 1..1; echo "not ok 1 broken"; exit 0'
expect 1 "'not ok' fails even with exit status 0"

guest silent --ktap <<<'exit 0'
expect 1 "a test that prints no result fails"
says 'printed no result' "and says so"

guest short --ktap <<<'echo 1..3; echo "ok 1 a"; exit 0'
expect 1 "fewer results than planned fails"

guest status --ktap <<<'echo 1..1; echo "ok 1 a"; exit 3'
expect 1 "a bad exit status fails although all checks passed"

guest slow --ktap --timeout 1 <<<'echo 1..1; sleep 600; echo "ok 1 late"'
expect 4 "a test over its time is killed and reported as a time-out"

printf '#!/bin/sh\necho 1..1; yes\n' >"$WORK/yes.sh"
run timeout 120 "$VEX" vm --module none --rundir "$WORK/yes" --ktap --timeout 1 "$WORK/yes.sh"
expect 4 "so is one that never stops printing"
says 'timed out after' "and it is the test that is blamed"

guest skipped --ktap <<<'echo "1..0 # SKIP no reason at all"'
expect 0 "a skip is no failure"
says '# SKIP no reason at all' "and its reason is shown"

guest skip4 --ktap <<<'echo "1..0 # SKIP nothing to do"; exit 4'
expect 0 "exit status 4 after an empty plan is a skip"
says '^ok 1 .*# SKIP nothing to do' "and counts as one"

guest skipsome --ktap <<<'echo 1..2; echo "ok 1 a # SKIP not here"; exit 4'
expect 0 "so it is when every check was skipped"
says '^ok 1 .*# SKIP not here' "and counts as one"

# What set -e makes of a checker that found damage.
# shellcheck disable=SC2016	# the guest expands it
guest damage --ktap <<<'echo 1..9; for i in 1 2 3; do echo "ok $i fine"; done; exit 4'
expect 1 "exit status 4 after checks that ran is a failure"
says 'exit status 4' "and says so"

guest only4 --ktap <<<'exit 4'
expect 1 "exit status 4 without a word is a failure"

guest forward <<<'exit 42'
expect 42 "the status of a script is forwarded"

# The reader is so slow that the guest is done long before its output is taken.
STATUS=0
"$VEX" shell --kernel 6.1 -- seq 1 100000 2>/dev/null </dev/null | { sleep 8; cat; } >"$WORK/seq" || STATUS=$?
seq 1 100000 | cmp - "$WORK/seq" >"$WORK/out" 2>&1 || STATUS=1
expect 0 "a slow reader gets the whole output"

echo 'echo plain; exit 41' >"$WORK/plain.sh"
run "$VEX" vm --module none --rundir "$WORK/plain" "$WORK/plain.sh"
expect 41 "a script without #! is run by the shell"

echo 'echo blank; exit 43' >"$WORK/with a blank.sh"
run "$VEX" vm --module none --rundir "$WORK/blank" "$WORK/with a blank.sh"
expect 43 "a script with a blank in its name"

# ---- saved guests ------------------------------------------------------------------------------
# A cache of our own for them, so that nobody else's run meets what is broken here.
mkdir -p "$WORK/cache/vex"
for f in "${XDG_CACHE_HOME:-$HOME/.cache}"/vex/*; do [[ $f == */warm ]] || ln -s "$f" "$WORK/cache/vex/"; done
export XDG_CACHE_HOME=$WORK/cache
states() { find "$WORK/cache/vex/warm" -name '*.state*'; }

guest save --disk d=64M <<<'exit 0'
expect 0 "a run that saves a guest first"
(($(states | wc -l) == 1))
report $? "leaves one saved guest"
truncate -s 1M "$(states)"
guest broken --disk d=64M <<<'exit 0'
expect 0 "one that does not resume costs a cold boot"
says 'the saved guest did not resume' "which is said"
[[ -z $(states) ]]
report $? "and is removed"

rm -f "$WORK"/cache/vex/warm/*.state
setsid "$VEX" vm --module none --rundir "$WORK/breakoff" --disk d=64M "$WORK/save.sh" >"$WORK/out" 2>&1 </dev/null &
pid=$!
until pids "^[^ ]*qemu.*$WORK/breakoff/save/" >/dev/null || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill -INT "$(pids "^[^ ]*vexvm .*--rundir $WORK/breakoff ")"
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "Ctrl-C while a guest is saved"
nothing_left "$WORK/breakoff" "Ctrl-C while a guest is saved"
[[ -z $(states) ]]
report $? "no half of a saved guest either"

flock -F "$WORK/cache/vex/warm/lock" sleep 600 &
holder=$!
setsid "$VEX" vm --module none --rundir "$WORK/waits" --disk d=64M "$WORK/save.sh" >"$WORK/out" 2>&1 </dev/null &
pid=$!
until grep -q 'waiting for another run' "$WORK/out" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill -INT "$(pids "^[^ ]*vexvm .*--rundir $WORK/waits ")"
STATUS=0
wait "$pid" || STATUS=$?
kill "$holder"
expect 130 "Ctrl-C while another run saves a guest"
nothing_left "$WORK/waits" "Ctrl-C while another run saves a guest"

# ---- files for the guest -----------------------------------------------------------------------
truncate -s 1100M "$WORK/big"
guest large --file /large="$WORK/big" <<<'exit 0'
expect 6 "more files than the payload disk holds"
says 'large \(1100 MiB\) does not fit' "the file is named"
