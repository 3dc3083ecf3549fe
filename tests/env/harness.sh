#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# ./vex test itself: results, time-outs with a dump of all tasks, known failures, repetition, interruption, order.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

mkdir "$WORK/g"
# guest_test NAME [NEEDS]: the body on stdin
guest_test() {
	{ printf '#!/bin/sh\n# needs: time=20 %s\n' "${2:-}"; cat; } >"$WORK/g/$1.sh"
}
T() { run "$VEX" test --only guest --kernel 6.1 --tests "$WORK/g" --known "$WORK/known" "$@"; }
last() { says "^$1\$" "$2"; }
# logs: the run's directory
logs() { printf '%s/%s' "$ROOT" "$(sed -n 's/^ *logs: //p' "$WORK/out" | tail -n1)"; }
: >"$WORK/known"

# ---- usage ---------------------------------------------------------------------------------
for o in '--disk x=1M' '--jobs 0' '--repeat x' '--tests /nonexistent' '--known /nonexistent' '--filter [' '--show all' '--only all'; do
	# shellcheck disable=SC2086	# two words
	run "$VEX" test $o
	expect 2 "./vex test $o"
done

# ---- a run by itself: vextest without a guest ---------------------------------------------------
# new_run: an empty one.
new_run() { rm -rf "$WORK/judge"; mkdir -p "$WORK/judge/guest"; }
# shards OPTION...: vextest run with a launcher of a few lines on stdin, which gets the guest's directory.
shards() {
	local dir=$WORK/judge launcher
	launcher=$(cat)
	mkdir -p "$dir/machines/6.1"
	# shellcheck disable=SC2016	# for the launcher's shell
	printf '#!/bin/bash\nwhile [[ $1 != --rundir ]]; do shift; done\ndir=$2\n%s\n' "$launcher" >"$dir/launcher"
	chmod 755 "$dir/launcher"
	printf '%s\n' "$dir/launcher" >"$dir/machines/6.1/argv"
	: >"$dir/machines/6.1/job"
	: >"$dir/machines/6.1/payload"
	[[ ! -d $dir/guest || -s $dir/guest/shard1 ]] || printf '6.1\t1\tcold\t768\t100\tt\t1\t1\t%s\t\n' "$ROOT/COPYING" >"$dir/guest/shard1"
	[[ -f $dir/known ]] || : >"$dir/known"
	run "$ROOT/build/env/vextest" run --dir "$dir" --kernel 6.1 --jobs 1 --retry-after 0 "$@"
	echo "$STATUS" >"$dir/codes"
}
# ends: the reports and last line of the whole run.
ends() { run "$ROOT/build/env/vextest" finish --dir "$WORK/judge" --kernel 6.1; }
# shellcheck disable=SC2016	# for the launcher's shell
panics='printf "# vex: start t limit_ms=1\n# kernel: BUG: x\nnot ok 1 t\n" >"$dir/tap.log"; exit 3'

new_run
# shellcheck disable=SC2016	# for the launcher's shell
shards <<<'kill -KILL $$'
expect 6 "a shard whose launcher was killed"
says 'shard1.d could not be started \(the launcher was killed by signal 9\)' "says so, and starts it once more"
says 'shard1.d: environment broken: the launcher was killed by signal 9' "and says so"
new_run
shards <<<'exit 127'
expect 6 "one whose launcher ends with a status that means nothing"
new_run
echo '6.1 t panic on purpose' >"$WORK/judge/known"
shards <<<"$panics"
expect 0 "one whose panic was expected"
: >"$WORK/judge/guest/shard1.d/rc"
run "$ROOT/build/env/vextest" judge --known "$WORK/judge/known" "$WORK/judge/guest"
expect 6 "one whose code did not fit on the disk"
says 'shard1.d ended without a result' "says so"
echo 3 >"$WORK/judge/guest/shard1.d/rc"
cp "$WORK/judge/guest/shard1" "$WORK/judge/guest/shard1.again"
run "$ROOT/build/env/vextest" judge --known "$WORK/judge/known" "$WORK/judge/guest"
expect 6 "and whose other tests never got their guest"
new_run
echo '6.1 t panic on purpose' >"$WORK/judge/known"
shards <<<"${panics/exit 3/exit 5}"
expect 5 "a lost machine is never expected"

# scripts NAME...: vextest scripts of WORK/judge/tests, and its reports.
scripts() {
	run "$ROOT/build/env/vextest" scripts --dir "$WORK/judge" --scripts "$WORK/judge/tests" --jobs 1
	echo "$STATUS" >"$WORK/judge/codes"
}
# env_test NAME [KNOWN]: the body on stdin.
env_test() {
	new_run
	mkdir "$WORK/judge/tests"
	{ echo '# env-test: quick'; cat; } >"$WORK/judge/tests/$1.sh"
	echo "${2:-}" >"$WORK/judge/known"
	scripts
	{ cat "$WORK/judge/env/$1.tap"
		"$ROOT/build/env/vexreport" --script "env.$1" "$WORK/judge/env/$1.tap" --known "$WORK/judge/known" --show failures --show skips
	} >>"$WORK/out" 2>&1
}
# shellcheck disable=SC2016	# for the script's shell
env_test dies <<<'echo ok 1 fine; kill -KILL $$'
says 'FAILED env\.dies/dies ended with status 137' "an env test whose shell died is a failure, with a name"
last '1 1 0' "beside what it had printed"
says '^    dies: 1 passed, 1 failed, [0-9.]+ s$' "and is one when it ends"
ends
expect 1 "which fails the run"
last '1 passed, 1 failed' "and counts"
# shellcheck disable=SC2016	# for the script's shell
env_test first <<<'echo ok 1 fine'
# It would last a minute: the signal that it sends for us ends it, too.
# shellcheck disable=SC2016	# for the script's shell
printf '# env-test: quick\n%s\n' 'echo ok 1 fine; kill -TERM $PPID; sleep 60 & wait' >"$WORK/judge/tests/second.sh"
printf '# env-test: quick alone\necho ok 1 fine\n' >"$WORK/judge/tests/third.sh"
printf 'echo ok 1 fine\n' >"$WORK/judge/tests/slow.sh"
scripts
ends
expect 130 "an interruption of scripts"
last '2 passed, 1 failed, 1 skipped, 1 not run \(interrupted\)' "counts what has run, has not ended, takes long, and did not start"
env_test silent <<<'echo "no such disk" >&2; exit 3'
says 'FAILED env\.silent/silent ended with status 3: no such disk' "one that ends badly without a word is a failure, with its reason"
env_test nothing <<<'exit 0'
says 'FAILED env\.nothing/nothing ended with status 0' "and so is one that prints no result"
env_test bad <<<'echo "# why"; echo not ok 1 broken; echo ok 2 fine; exit 1'
last '1 1 0' "a failed check counts once"
says '^ +# why$' "its reason is shown"
env_test bad 'env bad fail on purpose' <<<'echo not ok 1 broken; echo ok 2 fine; exit 1'
last '1 0 1' "a known failure counts as skipped"
says 'not counted env\.bad: known failure: on purpose: broken' "and is printed with its reason"
says '^not ok 1 broken$' "what the script printed stays as it was"
env_test good 'env good fail on purpose' <<<'echo ok 1 fine'
last '1 1 0' "one that passes is an error"
says 'passed, and is listed as a known failure: remove its entry \(on purpose\)' "which says what to do"

# starts FAILURES [SAID]: a launcher that fails so many times before a test began, or after SAID.
starts() {
	new_run
	shards <<<"echo x >>'$WORK/judge/tries'
		echo 'message=not enough memory' >\"\$dir/result\"
		printf '%s' '${2:-}' >\"\$dir/tap.log\"
		((\$(wc -l <'$WORK/judge/tries') > $1)) || exit 6"
	{ echo "tries: $(wc -l <"$WORK/judge/tries")"
		"$ROOT/build/env/vexreport" --show failures --suite 6.1 "$WORK/judge/guest/shard1.d/tap.log" 2>&1; } >>"$WORK/out"
}
starts 1
expect 0 "a machine that could not be started is started once more"
says 'shard1.d could not be started \(not enough memory\)' "and the reason of the first attempt is said"
starts 2
expect 6 "and no more than once"
says '^tries: 2$' "that is two attempts"
says 'FAILED 6\.1/end-of-run\.shard1\.d: environment broken: not enough memory$' "after which the failure has its reason"
starts 1 '# vex: start a 1'
expect 6 "not when a test had begun"
says '^tries: 1$' "that is one attempt"
new_run
mkdir "$WORK/judge/guest/shard1.d"
printf '6.1\t1\tcold\t768\t100\tt\t1\t1\t/nonexistent\t\n' >"$WORK/judge/guest/shard1"
shards <<<'exit 0'
expect 6 "a payload that cannot be written"
says 'shard1.d: environment broken: could not write the payload disk: .*/nonexistent' "names the file"

# ---- the pool by itself ------------------------------------------------------------------------
# four_shards: each of one test.
four_shards() {
	local i
	new_run
	for i in 1 2 3 4; do printf '6.1\t1\tcold\t768\t100\tt%d\t1\t1\t%s\t\n' "$i" "$ROOT/COPYING" >"$WORK/judge/guest/shard$i"; done
}
four_shards
# Each waits until three have begun; a fourth would have 0.2 s to be seen.
# shellcheck disable=SC2016	# for the launcher's shell
shards --jobs 3 <<<'cd "$dir/.."; : >"on.$$"; : >"up.$$"; until (($(ls up.* | wc -l) >= 3)); do sleep 0.05; done
	sleep 0.2; ls on.* | wc -l >>most; sleep 0.2; rm "on.$$"'
expect 0 "four guests"
[[ $(sort -n "$WORK/judge/guest/most" | tail -n1) == 3 && $(cat "$WORK"/judge/guest/shard?.d/rc) == $'0\n0\n0\n0' ]]
report $? "of which three run at a time"
four_shards
# shellcheck disable=SC2016	# for the launcher's shell
shards --jobs 2 --tap <<<'echo "ok ${dir##*shard}"; echo "to the log" >&2; printf "a line without an end"'
[[ $(grep -c '^6\.1| ok [1-4]\.d$' "$WORK/out") == 4 && $(grep -c '^6\.1| a line without an end$' "$WORK/out") == 4 ]]
report $? "lines of each are printed whole, with the kernel before them"
grep -q '^to the log$' "$WORK/judge/guest/shard4.d/launcher.log"
report $? "and what the launcher says is in its log"
four_shards
# Guests that would last 30 s, ended by the signal; it is sent when both have begun.
# shellcheck disable=SC2016	# for the launcher's shell
shards --jobs 2 <<<'trap "exit 130" TERM; : >"$dir/up"; until [[ -e $dir/../shard1.d/up && -e $dir/../shard2.d/up ]]; do sleep 0.05; done
	kill -TERM "$PPID"; sleep 30 & wait'
expect 130 "an interruption"
[[ $(cat "$WORK"/judge/guest/shard[12].d/rc) == $'130\n130' && ! -e $WORK/judge/guest/shard3.d ]]
report $? "is passed on to all guests, which are waited for, and no other starts"

# What had not started when a run was interrupted has not failed. The first guest has two tests, and is in its second.
four_shards
printf '6.1\t1\tcold\t768\t100\t%s\t1\t1\t%s\t\n' t1 "$ROOT/COPYING" t5 "$ROOT/COPYING" t6 "$ROOT/COPYING" >"$WORK/judge/guest/shard1"
# shellcheck disable=SC2016	# for the launcher's shell
shards <<<'{ printf "# vex: plan %s\n" t1 t5 t6; printf "# vex: start t1 1\nok 1 t1\n# vex: start t5 1\n"; } >"$dir/tap.log"
	trap "exit 130" TERM; kill -TERM "$PPID"; sleep 30 & wait'
says 'FAILED 6\.1/t5: interrupted while it ran' "a test that an interruption ends is a failure"
says 'skipped 6\.1: not run \(interrupted\): t2 t3 t4 t6$' "those after it, and those of guests that did not start, were not run"
ends
expect 130 "the run is interrupted"
last '1 passed, 1 failed, 4 not run \(interrupted\)' "its last line counts them by themselves"
grep -q '<testcase classname="6.1" name="t6".*<skipped message="not run (interrupted)"/></testcase>' "$WORK/judge/junit.xml" &&
	grep -q '<testsuite name="6.1" tests="6" failures="1" skipped="4"' "$WORK/judge/junit.xml"
report $? "junit.xml has them as skipped, with the reason"
printf 'command\ttest\n' >"$WORK/judge/records"
run "$ROOT/build/env/vextest" finish --dir "$WORK/judge" --kernel 6.1 --records "$WORK/judge/records"
"$ROOT/build/env/vexjson" object 130 1 "$WORK/judge/records" >"$WORK/judge/object"
run "$ROOT/build/env/vexjson" check "$WORK/judge/object"
expect 0 "the object of --json is as described"
run "$ROOT/build/env/vexjson" get counts "$WORK/judge/object"
says '"failed":1,"skipped":0,"not_run":4' "and counts them"
four_shards
# shellcheck disable=SC2016	# for the launcher's shell
mv "$WORK/judge/guest" "$WORK/judge/guest.1"
# shellcheck disable=SC2016	# for the launcher's shell
shards --jobs 1 --until-fail <<<'[[ $dir != *2/shard2.d ]] || exit 1'
[[ -f $WORK/judge/guest.1/shard4.d/rc && -f $WORK/judge/guest.2/shard2.d/rc && ! -e $WORK/judge/guest.2/shard3.d ]]
report $? "--until-fail: another round after one that passed, and no guest after one that failed"

# end_of_run RC MESSAGE RUNNING: whether a run that ended so has a failure beyond those in the log on stdin.
end_of_run() {
	local dir=$WORK/judge/shard1.d
	new_run
	mkdir "$dir"
	cat >"$dir/tap.log"
	printf 'message=%s\nrunning=%s\n' "$2" "$3" >"$dir/result"
	echo "$1" >"$dir/rc"
	run "$ROOT/build/env/vexreport" --list "$dir/list" --suite 6.1 "$dir/tap.log"
	grep -q '^failed .* end-of-run\.shard1\.d$' "$dir/list" || STATUS=9
}
failed=$'# a: exit status 1\nnot ok 1 a'
timed_out=$'# a: timed out after 1000 ms\nnot ok 1 a'
complained=$'# kernel: WARNING: x\nnot ok 1 a'
end_of_run 1 '1 of 2 tests failed' '' <<<"$failed"
expect 9 "a failed test explains a failed run"
end_of_run 5 'QEMU was killed by signal 9' '' <<<"$failed"
expect 0 "not a lost machine"
end_of_run 5 'QEMU was killed by signal 9' b <<<"$failed"
expect 9 "which the test explains that ran"
end_of_run 3 'taint 512, 0 bad kernel lines, 0 leaks' '' <<<"$failed"
expect 0 "nor a taint"
end_of_run 3 'WARNING: x' '' <<<"$complained"
expect 9 "which a test explains that made the kernel complain"
end_of_run 3 'taint 512, 0 bad kernel lines, 0 leaks' '' <<<$'# kernel: version 6.1\nok 1 a\nnot ok 2 b'
expect 0 "but not words of a test that passed"
end_of_run 4 '1 of 2 tests timed out' '' <<<"$timed_out"
expect 9 "a test that timed out explains a run with time-outs"
end_of_run 4 'test a hangs in the kernel' '' <<<$'# kernel: INFO: task x:1 blocked for more than 120 seconds.\nnot ok 1 a'
expect 9 "and so does one with a hung task"
end_of_run 4 'not finished after 300 s' '' <<<"$timed_out"
expect 0 "not a guest that hangs behind it"

# ends_as EXPECTED RC: what becomes of a test in which the guest ended so.
ends_as() {
	local dir=$WORK/judge/shard1.d
	new_run
	mkdir "$dir"
	printf '# vex: start b 1\n' >"$dir/tap.log"
	printf 'message=at its end\nrunning=b\n' >"$dir/result"
	echo "$2" >"$dir/rc"
	echo "6.1 b $1 on purpose" >"$dir/known"
	run "$ROOT/build/env/vexreport" --known "$dir/known" --show failures --show skips --suite 6.1 "$dir/tap.log"
}
ends_as panic 3
last '0 0 1' "a test expected to panic is excused for a panic"
ends_as panic 4
last '0 1 0' "but not for a guest that hangs"
says 'in an unexpected way \(expected: panic\): the guest hung: at its end' "which is said"
ends_as panic 5
last '0 1 0' "nor for a lost machine"
ends_as timeout 4
last '0 1 0' "and a time-out is not the guest's end"

# ---- the plan by itself ------------------------------------------------------------------------
# plan OPTION...: what vextest makes of WORK/g; jobs and files of the guests in WORK/plan.
plan() {
	rm -rf "$WORK/plan"
	mkdir -p "$WORK/plan" "$WORK/g"
	run "$ROOT/build/env/vextest" plan --dir "$WORK/plan" --tests "$WORK/g" --programs /nonexistent --times "$WORK/times" "$@"
}
# part PART SHARD
part() { run "$ROOT/build/env/vextest" shard "$1" "$WORK/plan/shard$2"; }
guest_test small disk=a:64M </dev/null
guest_test large 'mem=2G disk=a:1G disk=b:10M' </dev/null
guest_test smp cpus=2 </dev/null
guest_test hours full </dev/null
guest_test some slice </dev/null
guest_test only kernel=debug </dev/null
echo 'echo a library' >"$WORK/g/lib.sh"
printf '6.1 smp 90000\n6.1 small 7000\n' >"$WORK/times"
plan --kernel '6.1 stock'
says '^4 2$' "a plan: tests of two machines"
part machine 1
says '^6\.1 2 auto 768 140 30 - -$' "the machine with more to do comes first"
part machine 2
says '^6\.1 1 auto 2048 180 30 - -$' "a machine is as large as its largest test, and has the time of all of them"
part disks 2
says '^a=1G$' "a disk as large as the largest that is wanted"
says '^b=10M$' "beside the others"
part job 2
[[ $(<"$WORK/out") == $'test large 20 /vex/tests/large\ntest small 20 /vex/tests/small\ntest some 20 /vex/tests/some' ]]
report $? "tests of a guest in a stable order, without the library"
run cat "$WORK/plan/left-out-6.1" "$WORK/plan/left-out-none"
says '^ok 0 hours # SKIP takes long; run with --full$' "what is left out has its reason"
says '^ok 0 only # SKIP only for kernel debug$' "and so has a test that no kernel of the run is for"
plan --kernel '6.1 stock' --kernel '7.1 stock' --kernel 'debug-6.1 slow=400 debug kasan' --slice 7.1 --full --filter '^(some|small|only|hours)$'
says '^8 4$' "a slice on one kernel, a test for another"
run cat "$WORK"/plan/shard*
says $'^debug-6\\.1\t1\tauto\t1152\t400\tonly\t80\t' "a kernel with KASAN gives a test more time and memory"
run cat "$WORK/plan/left-out-7.1"
says 'small # SKIP not in the slice this kernel gets' "and the others say so"
plan --kernel 'uml-6.1 built uml' --repeat 2 --filter '^s'
run cat "$WORK/plan/left-out-uml-6.1"
says '^ok 0 smp # SKIP User-Mode Linux has one processor$' "User-Mode Linux runs what it can"
part job 1
says '^test small@2 20 /vex/tests/small$' "a repetition is a test of its own"
part files 1
[[ $(grep -c /small "$WORK/out") == 1 ]]
report $? "of the same file"
plan --kernel '6.1 stock' --jobs 1 --filter '^nosuch$'
says '^0 0$' "no test"
for i in 1 2 3 4 5 6 7 8 9; do printf '# needs: time=200\n' >"$WORK/g/t$i.sh"; done
plan --kernel '6.1 stock' --jobs 2 --filter '^t'
says '^9 8$' "enough guests that no processor waits at the end"
printf '# needs: time=soon\n' >"$WORK/g/odd.sh"
plan --kernel '6.1 stock' --filter '^odd$'
expect 6 "needs that cannot be read"
says "odd.sh: invalid 'time=soon'" "are named"
guest_test many 'disk=a:1M disk=b:1M disk=c:1M disk=d:1M disk=e:1M' </dev/null
plan --kernel '6.1 stock' --filter '^many$'
part disks 1
expect 6 "more disks than a guest has"
# What a dead guest had not started.
plan --kernel '6.1 stock' --filter '^(small|some|large)$'
printf '# vex: plan %s\n' large small some >"$WORK/tap"
run "$ROOT/build/env/vextest" again "$WORK/plan/shard1" "$WORK/tap" "$WORK/plan/shard2"
expect 1 "a guest in which no test started is not started again"
printf '# vex: start large limit_ms=1\n' >>"$WORK/tap"
run "$ROOT/build/env/vextest" again "$WORK/plan/shard1" "$WORK/tap" "$WORK/plan/shard2"
expect 0 "one that died in its first test"
part job 2
[[ $(<"$WORK/out") == $'test small 20 /vex/tests/small\ntest some 20 /vex/tests/some' ]]
report $? "leaves the others for another guest"
rm -f "$WORK"/g/*

# What is shown of a failure: the end of what a test said, and the console from the right complaint on.
new_run
mkdir "$WORK/judge/shard1.d"
{
	printf '# vex: start a 1\n# kernel: refcount_t: underflow\nnot ok 1 a\n# vex: start b 1\n  not ok 1 early\n'
	for i in $(seq 30); do printf '  # chatter %d\n    ok %d nested\n' "$i" "$i"; done
	printf '# kernel: refcount_t: underflow\n# stack: [<0>] do_wait\n# in flight: vdb: 1 reads, 0 writes\nnot ok 2 b\n'
	printf '# vex: start fine 1\nok 3 fine\n# vex: start c 1\n# stack: [<0>] do_wait\n# c: timed out after 9 ms\nnot ok 4 c\n'
} >"$WORK/judge/shard1.d/tap.log"
printf '[ 1.0] %s\n' "refcount_t: underflow" "of a" "refcount_t: underflow" "of b" "sysrq: Show Blocked State" "task:stuck" \
	"sysrq: Show State" "task:kthreadd" >"$WORK/judge/shard1.d/console.log"
"$ROOT/build/env/vexreport" --show failures --suite 6.1 "$WORK/judge/shard1.d/tap.log" 2>&1 |
	awk '/FAILED/ { split($2, n, "/"); next } { print n[2] ":" $0 }' >"$WORK/out"
says '^a:: +\[ 1.0\] of a$' "a failure is shown with the kernel's report"
says '^b:: +\.\.\. 1[0-9] lines before these' "with the end of what the test said, and how much came before"
says '^b:: +# in flight: vdb' "of which the last is there"
says '^b:: +\[ 1.0\] of b$' "a report of the same words is told from an earlier test's"
report "$(grep -qE '^b:.*(of a|nested|stack)' "$WORK/out"; echo $((!$?)))" "without the earlier one, passed checks and its stack"
says '^c:: +\[ 1.0\] task:stuck' "a time-out is shown with the tasks that are blocked"
report "$(grep -q 'kthreadd' "$WORK/out"; echo $((!$?)))" "and with no others"

# ---- results -------------------------------------------------------------------------------
guest_test pass <<<'echo 1..1; echo "ok 1 fine"'
guest_test fail <<<'echo 1..1; echo "not ok 1 broken & <bad>"'
guest_test skip <<<'echo "1..0 # SKIP for a reason"'
guest_test slow time=1 <<<'echo 1..1; sleep infinity; echo "ok 1 late"'
T
expect 4 "a time-out is graver than a failure"
last '1 passed, 2 failed, 1 skipped' "the last line counts all"
says '^    not ok 6\.1/fail .*broken' "the failure is shown with its first bad check"
says 'FAILED 6\.1/slow: slow: timed out after' "and the time-out"
says 'skipped 6\.1: for a reason: skip' "and the skip with its reason"
dir=$(logs)
grep -q '<testcase classname="6.1" name="fail".*<failure message="not ok 1 broken &amp; &lt;bad&gt;"/></testcase>' "$dir/junit.xml"
report $? "the failure is in junit.xml, escaped"
grep -q '<testsuite name="6.1" tests="4" failures="2" skipped="1"' "$dir/junit.xml"
report $? "with the counts of its suite"
log=$(grep -l 'sysrq: Show State' "$dir"/guest/shard*.d/console.log | head -n1)
[[ -n $log ]]
report $? "the time-out made the guest dump its tasks"
grep -qE 'task:sleep +state:[SR]' "${log:-/dev/null}"
report $? "the sleeping task is in the dump"
grep -qE 'task:kthreadd' "${log:-/dev/null}"
report $? "and kernel threads are: it is a dump of all"
grep -q '^# stack: .*do_wait' "$dir"/guest/shard*.d/tap.log
report $? "the stack of the test itself is beside its result"
nothing_left "$dir" "after the run"
# The order of results does not depend on who finishes first.
grep -oE '6\.1/[a-z]+  ' "$WORK/out" | tr -d ' ' >"$WORK/order"
LC_ALL=C sort -c "$WORK/order"
report $? "results come in a stable order"

# ---- known failures --------------------------------------------------------------------------
cat >"$WORK/known" <<'END'
# a comment, and an empty line

fail  6.1,6.12  fail     2999-01-01  seen by the self-test
slow  stock     timeout  2999-01-01  sleeps too long
END
T
expect 0 "known failures that fail as expected do not fail the run"
last '1 passed, 0 failed, 3 skipped' "they count as skipped"
says 'not counted 6\.1: known failure: until 2999-01-01: seen by the self-test: fail' "and are printed with their reason"
grep -q 'name="fail".*<skipped message="known failure' "$(logs)/junit.xml"
report $? "also in junit.xml"
# What is known explains itself, and nothing else that goes wrong beside it: here a taint without a word in the log.
guest_test tainter <<<'echo 1..1; echo 512 >/proc/sys/kernel/tainted; echo "not ok 1 as expected"'
echo 'tainter all fail 2999-01-01 fails, and taints' >"$WORK/known"
T --filter '^tainter$'
expect 3 "a known failure does not hide what became of the guest"
says 'end-of-run.*taint 512' "which is a failure of its own"
rm "$WORK/g/tainter.sh"
echo 'pass all fail 2999-01-01 it used to fail' >"$WORK/known"
T --filter '^pass$'
expect 1 "a known failure that passes fails the run"
says 'passed, and is listed as a known failure: remove its entry \(until 2999-01-01: it used to fail\)' "and says what to do"
echo 'fail all timeout 2999-01-01 expected wrongly' >"$WORK/known"
T --filter '^fail$'
expect 1 "one that fails in another way fails the run"
says 'failed in an unexpected way \(expected: timeout\)' "and says so"
echo 'fail all fail 2020-02-29 long ago' >"$WORK/known"
T --filter '^fail$'
expect 1 "an expired entry no longer excuses"
says 'EXPIRED expired on 2020-02-29: fix fail or renew the entry \(long ago\)' "and is printed"
T --filter '^pass$'
last '1 passed, 0 failed' "it concerns only runs that include its test"
bad_entry() {
	echo "$1" >"$WORK/known"
	T --filter '^pass$'
	expect 2 "known failures: $1"
	says "known:1: $2" "says why"
}
bad_entry 'fail 6.1 fail' 'five columns wanted'
bad_entry 'nosuch 6.1 fail 2999-01-01 x' "no guest test 'nosuch'"
bad_entry 'fail 7.77 fail 2999-01-01 x' "unknown kernel '7.77'"
bad_entry 'fail 6.1 sometimes 2999-01-01 x' "EXPECTED 'sometimes'"
bad_entry 'fail 6.1 fail 2999-13-41 x' "invalid UNTIL '2999-13-41'"
bad_entry 'env:nosuch - fail 2999-01-01 x' 'no test tests/env/nosuch.sh'
bad_entry 'env:lost 6.1 fail 2999-01-01 x' 'KERNELS of an env test is -'
grep -vE '^(#|$)' "$ROOT/tests/known-failures" >"$WORK/entries"
awk -v today="$(date +%F)" '$4 <= today { bad = 1; print "# expired: " $0 } END { exit bad }' "$WORK/entries"
report $? "no entry of tests/known-failures has expired ($(wc -l <"$WORK/entries") entries)"

# ---- the kernel dies -------------------------------------------------------------------------
: >"$WORK/known"
rm "$WORK"/g/*.sh
guest_test a <<<'echo 1..1; echo "ok 1 before"'
guest_test b <<<'echo 1..1; echo c >/proc/sysrq-trigger; sleep 60'
guest_test c <<<'echo 1..1; echo "ok 1 after"'
T --jobs 1
expect 3 "a panic in the middle"
last '2 passed, 1 failed' "the tests behind it ran in a guest of their own"
log=$(logs)/guest/shard1.d/tap.log
[[ $(grep -c '^# vex: plan' "$log") == 3 ]] && ! sed '1,/^# vex: start b /d' "$log" | grep -qv '^  '
report $? "the log of the guest that died is as the guest wrote it"
echo 'b all panic 2999-01-01 dies on purpose' >"$WORK/known"
T --jobs 1
expect 0 "unless the panic is a known failure"
last '2 passed, 0 failed, 1 skipped' "which counts as skipped"

# ---- repetition --------------------------------------------------------------------------------
: >"$WORK/known"
T --filter '^a$' --repeat 3
expect 0 "--repeat 3"
last '3 passed, 0 failed' "runs it three times"
T --filter '^a$' --repeat 2 --until-fail
expect 0 "--repeat 2 --until-fail of a test that passes"
says '^==> Round 2$' "makes two rounds"
last '1 passed, 0 failed' "and reports the last"
# shellcheck disable=SC2016	# the guest expands it
guest_test flaky <<<'echo 1..1; [ $(($(head -c 1 /dev/urandom | od -An -tu1) % 2)) = 0 ] && echo "ok 1 luck" || echo "not ok 1 no luck"'
T --filter '^flaky$' --until-fail
expect 1 "--until-fail of a test that fails every other time ends"
last '0 passed, 1 failed' "with the failure"

# ---- interruption --------------------------------------------------------------------------------
rm "$WORK"/g/*.sh
guest_test one cpus=1 <<<'echo 1..1; sleep 500'
guest_test two cpus=2 <<<'echo 1..1; sleep 500'
set -m
# A background job of a script is deaf to SIGINT unless told otherwise.
env --default-signal=INT "$VEX" test --only guest --kernel 6.1 --tests "$WORK/g" --known "$WORK/known" --jobs 3 >"$WORK/out" 2>&1 </dev/null &
pid=$!
set +m
dir=$WORK/none
for ((i = 0; i < 3000; i++)); do
	dir=$(find "$ROOT/build/runs" -maxdepth 1 -name "test-*-$pid" 2>/dev/null)
	if [[ -n $dir ]] && (($(cat "$dir"/guest/shard*.d/tap.log 2>/dev/null | grep -c '^# vex: start') == 2)); then break; fi
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.1
done
(($(grep -lE "^qemu-system.*$dir" /proc/[0-9]*/cmdline -a 2>/dev/null | wc -l) == 2))
report $? "two guests run side by side"
kill -INT "$pid"
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "Ctrl-C"
says 'interrupted: all guests ended' "says so"
says '^0 passed, 2 failed$' "and still ends in the count"
nothing_left "$dir" "after Ctrl-C"
