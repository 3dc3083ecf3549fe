#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# Every kind of complaint a kernel has fails the test that caused it, although the test itself says "ok".
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# Kinds that need a checker are provoked on a debug kernel; the first that is at hand will do.
kernel=
run "$VEX" kernel list
for k in debug-6.1 debug-6.12; do
	if [[ -z $kernel ]] && grep -qE "^$k +(ready|cached)" "$WORK/out"; then kernel=$k; fi
done

mkdir "$WORK/g" "$WORK/alone"
: >"$WORK/known"
# kind DIR NAME [COMMANDS]: a test that provokes it and claims that all is well.
kind() {
	printf '#!/bin/sh\n# needs: time=60\ncd /vex/tests\n%s\necho 1..1\necho "ok 1 all is well"\n' \
		"${3:-insmod ./vextest.ko how=$2 && rmmod vextest}" >"$1/$2.sh"
}
# seen KERNEL NAME REGEX
seen() { says "^    not ok $1/$2  .*$3" "$2 fails its test: $3"; }

# ---- any kernel ----------------------------------------------------------------------------------
"$VEX" kernel fetch 6.1 >/dev/null 2>&1
build_testmod 6.1 || { report 1 "the misbehaving module builds"; exit 1; }
cp "$TESTMOD" "$WORK/g/"
kind "$WORK/g" warn
kind "$WORK/g" refcount
# No kernel here has KCSAN, which excludes KASAN: only that its line is recognised can be shown.
kind "$WORK/g" kcsan 'echo "BUG: KCSAN: data-race in a / b" >/dev/kmsg'
kind "$WORK/g" slub 'echo "BUG vexfs_inode (Not tainted): Poison overwritten" >/dev/kmsg'
kind "$WORK/g" innocent 'echo "vexfs: a harmless line" >/dev/kmsg'
run "$VEX" test --only guest --kernel 6.1 --tests "$WORK/g" --known "$WORK/known"
expect 3 "complaints of a stock kernel"
seen 6.1 warn 'kernel: WARNING: '
seen 6.1 refcount 'kernel: (refcount_t|WARNING): '
seen 6.1 kcsan 'kernel: BUG: KCSAN: data-race'
seen 6.1 slub 'kernel: BUG vexfs_inode'
says '^    ok     6\.1/innocent' "a harmless line fails nothing"
says '^1 passed, 4 failed$' "and nothing else passed"
says '^        \[[^]]*\] (Call Trace:|RIP: )' "the kernel's report is shown with the failure"

# A hung task, and a disk that does not answer: the test would wait for minutes.
mkdir "$WORK/h"
cp "$TESTMOD" "$WORK/h/"
kind "$WORK/h" hung 'echo 1 >/proc/sys/kernel/hung_task_timeout_secs; modprobe null_blk irqmode=2 completion_nsec=3600000000000 &
	insmod ./vextest.ko how=hung; sleep 900'
sed -i 's/time=60/time=120/' "$WORK/h/hung.sh"
run "$VEX" test --only guest --kernel 6.1 --tests "$WORK/h" --known "$WORK/known"
expect 4 "a hung task is a hang"
seen 6.1 hung 'kernel: INFO: task .* blocked for more than'
says '^        # hung: ended before its time: a task hangs' "the test is not waited for"
says '^        \[[^]]*\] task:vextest-hung +state:D' "the task is shown"
says '^        # in flight: nullb0: [1-9][0-9]* reads, 0 writes' "and that a disk has not answered"

# More lines than the ring holds come after it, so whoever reads late has lost it; and the console is silent.
# shellcheck disable=SC2016	# the guest expands it
flood='echo on >/proc/sys/kernel/printk_devkmsg; dmesg -n 1; echo "BUG: KCSAN: data-race in a / b" >/dev/kmsg
	l=$(head -c 900 /dev/zero | tr "\\0" x); i=0
	while [ $i -lt 400 ]; do echo "$l" >/dev/kmsg; i=$((i + 1)); done'
guest flood <<<"$flood"
expect 3 "a complaint in front of more lines than the log's ring holds"
says 'BUG: KCSAN: data-race' "is named"
printf '%s\n' "$flood" >"$WORK/flood.in"
STATUS=0
"$VEX" shell --kernel 6.1 <"$WORK/flood.in" >"$WORK/out" 2>&1 || STATUS=$?
expect 3 "so it is in a shell, where init only waits"
says 'BUG: KCSAN: data-race' "and is named there"

if [[ -z $kernel ]]; then
	skip "kinds that need a debug kernel" "no debug kernel is built: ./vex kernel build debug-6.1"
	exit 0
fi

# ---- debug kernels --------------------------------------------------------------------------------
run "$VEX" kernel build "$kernel"	# it is in the cache: linked, not built
build_testmod "$kernel" || { report 1 "the misbehaving module builds for $kernel"; exit 1; }
rm "$WORK"/g/*
cp "$TESTMOD" "$WORK/g/"
for k in atomic kasan ubsan list leak innocent; do
	kind "$WORK/g" "$k" "$([[ $k != innocent ]] || echo true)"
done
run "$VEX" test --only guest --kernel "$kernel" --tests "$WORK/g" --known "$WORK/known"
expect 3 "complaints of $kernel"
seen "$kernel" atomic 'kernel: BUG: sleeping function called from invalid context'
seen "$kernel" kasan 'kernel: BUG: KASAN: '
seen "$kernel" ubsan 'kernel: UBSAN: shift-out-of-bounds'
seen "$kernel" list 'kernel: .*(list_del|slab-use-after-free|WARNING|kernel BUG)'
says "^    not ok $kernel/end-of-run.* kmemleak: unreferenced object" "leaked objects fail the run as a whole"
grep -hq '# kmemleak: .*\(do_leak\|vextest\|do_one_initcall\)' "$ROOT/$(sed -n 's/^ *logs: //p' "$WORK/out")"/guest/*/tap.log
report $? "with the backtrace of their allocation"
says "^    ok     $kernel/innocent" "and nobody else"

guest kmemleak --kernel "$kernel" --ktap <<'END'
echo off >/sys/kernel/debug/kmemleak; echo 1..1; echo "ok 1 all is well"
END
expect 3 "a leak detector that was switched off during the run finds no leaks"
says '# kmemleak: was disabled during the run' "and that is said"

# Lockdep says only one thing per boot.
for k in circular recursive rcu; do
	case $k in
	circular) says='possible circular locking dependency' ;;
	recursive) says='possible recursive locking' ;;
	rcu) says='suspicious RCU usage' ;;
	esac
	guest "$k" --kernel "$kernel" --ktap --file /x.ko="$TESTMOD" <<END
insmod /x.ko how=$k; rmmod vextest; echo 1..1; echo "ok 1 all is well"
END
	expect 3 "$k"
	says "# kernel: WARNING: $says" "$k fails its test: $says"
done
