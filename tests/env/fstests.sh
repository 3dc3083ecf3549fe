#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# ./vex fstests with a tree and a root of a few lines: errors, choice of tests, results, the exclude file, resuming.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

tree=$WORK/tree
F() { run "$VEX" fstests --dir "$tree" --shards 1 "$@"; }
logs() { printf '%s/%s' "$ROOT" "$(sed -n 's/^ *logs: //p' "$WORK/out" | tail -n1)"; }

# ---- trees that are none ---------------------------------------------------------------------------
run env -u VEXFS_FSTESTS "$VEX" fstests
expect 2 "no tree"
says 'git clone https://git\.kernel\.org/.*xfstests-dev\.git' "says how to get one"
F
expect 2 "a directory that is not there"
mkdir -p "$tree"/{common,tests/generic,tests/xfs,ltp,src}
F
expect 2 "a directory that holds no tree"
says 'is not an xfstests tree' "says so"
: >"$tree/common/rc"
printf '#!/bin/sh\nexit 1\n' >"$tree/check"
F
expect 2 "a tree that is not built"
says 'has not been built: run make' "says so"

# ---- a tree ----------------------------------------------------------------------------------------
printf '#!/bin/sh\n' >"$tree/ltp/fsstress"
chmod 755 "$tree/ltp/fsstress" "$tree/check"
: >"$tree/src/source.c"
# As the real one: a test has passed when it printed what NAME.out holds; results/NAME.notrun is its word for a skip.
cat >"$tree/check" <<'END'
#!/bin/sh
. ./common/rc
bad=0
for t in "$@"; do
	[ "$t" != --exact-order ] || continue
	mkdir -p "results/${t%/*}" "$TEST_DIR" "$SCRATCH_MNT"
	export seqres="results/$t"
	printf '%s' "$t       "
	/usr/local/bin/logger "run xfstest $t"
	mount -t "$FSTYP" "$TEST_DEV" "$TEST_DIR" || exit 1
	sh "tests/$t" >/tmp/out 2>&1
	umount "$TEST_DIR" || exit 1
	if [ -f "$seqres.notrun" ]; then
		echo "[not run] $(cat "$seqres.notrun")"
	elif cmp -s /tmp/out "tests/$t.out"; then
		echo " 1s"
	else
		echo "- output mismatch"
		cat /tmp/out
		bad=1
	fi
done
exit $bad
END
n=0
# t GROUPS OUTPUT: the next test; its body on stdin
t() {
	n=$((n + 1))
	printf '%03d %s\n' "$n" "$1" >>"$tree/tests/generic/group.list"
	cat >"$tree/tests/generic/$(printf '%03d' "$n")"
	printf '%s' "${2:+$2$'\n'}" >"$tree/tests/generic/$(printf '%03d' "$n").out"
}
# shellcheck disable=SC2016	# for the tests' shell
{
	t 'auto quick' hello <<<'echo hello >$TEST_DIR/a; cat $TEST_DIR/a; grep -q " $TEST_DIR vexfs " /proc/mounts || echo no vexfs'
	t 'auto quick' right <<<'echo wrong'
	t 'auto quick rw' '' <<<'echo "a feature nobody has" >$seqres.notrun'
	t 'auto long' '' <<<'[ ! -e $TEST_DIR/a ] || echo "the test disk was not made anew"'
	t 'auto hang' '' <<<'sleep infinity'	# does not end: its limit has to end it
	t 'auto sized' '40960' <<<'_notrun() { echo "$@"; }; _check_minimal_fs_size() { :; }; MKFS_PROG=mkfs MKFS_OPTIONS="-f -q"
		. ./common/vexfs; _try_scratch_mkfs_sized $((160 << 20)) 1024; dump.vexfs $SCRATCH_DEV | sed -n "s/^blocks *\([0-9]*\).*/\1/p"'
}

# ---- a root: BusyBox and nothing else ----------------------------------------------------------------
mkdir -p "$WORK/root"/{bin,proc,sys,dev,tmp,mnt}
cp "$(command -v busybox)" "$WORK/root/bin/"
for a in sh mount umount mkdir mv cat cmp grep sleep rm sed blockdev; do ln -s busybox "$WORK/root/bin/$a"; done
# shellcheck disable=SC2016	# for the root's shell
printf '#!/bin/sh\nshift; type=$1; shift; [ "$1" != -- ] || shift; exec "mkfs.$type" "$@"\n' >"$WORK/root/bin/mkfs"
chmod 755 "$WORK/root/bin/mkfs"
PATH=$PATH:/sbin:/usr/sbin
if ! mke2fs -q -F -t ext4 -O ^has_journal -d "$WORK/root" "$WORK/root.img" 16M >"$WORK/out" 2>&1; then
	report 1 "a root by mke2fs"
	exit 1
fi

# ---- choice ------------------------------------------------------------------------------------------
F --list -g quick
expect 0 "--list"
says '^generic/002$' "names the tests of a group"
says '^vexfs/001$' "ours too"
F --list -g auto -x rw,long,quick
says '^generic/005$' "-x keeps what is in none of the groups"
cp "$WORK/out" "$WORK/list"
run grep -E '^generic/00[1-4]$' "$WORK/list"
expect 1 "and leaves the others out"
F --list 'generic/00[12]' generic/004
says '^generic/004$' "names and patterns"
F generic/099
expect 2 "an unknown test"
says "unknown test 'generic/099'" "says so"
F -g nosuch
expect 2 "an unknown group"
F -g rw -x auto
expect 7 "nothing left"
for o in '--shards 0' '--time x' '--fs fat' '--exclude /nonexistent' '--root /nonexistent' '--frob 1' '--disk a=1M'; do
	# shellcheck disable=SC2086	# two words
	F $o
	expect 2 "./vex fstests $o"
done
for line in 'generic/001 all fail' 'generic/001 all sometimes reason' 'generic/001 7.9 fail reason'; do
	printf '# a comment\n%s\n' "$line" >"$WORK/exclude"
	F --root "$WORK/root.img" --exclude "$WORK/exclude" generic/001
	expect 2 "exclude: $line"
	says 'exclude:2: ' "names the line"
done

# ---- results -----------------------------------------------------------------------------------------
cat >"$WORK/exclude" <<'END'
generic/002  all  fail  prints the wrong word, on purpose
generic/004  all  skip  takes long, on purpose
generic/777  all  fail  not in this tree
END
F --root "$WORK/root.img" --exclude "$WORK/exclude" -g auto -x hang,vexfs
expect 0 "a run with one failure, which is expected"
says '^2 passed, 0 failed, 3 skipped$' "counts"
says 'known failure: prints the wrong word' "the expected failure and its reason"
says 'excluded: takes long, on purpose: generic/004' "the test that does not run, and why"
says 'a feature nobody has: generic/003' "the test that cannot run, and why"
run grep -c '<testcase classname="6.1" name="generic/00' "$(logs)/junit.xml"
says '^5$' "junit.xml has all of them"
[[ ! -e $(logs)/tree && ! -e $tree/results && ! -e $tree/common/vexfs ]]
report $? "the copy of the tree is gone, and the tree as it was"
F --root "$WORK/root.img" --exclude none generic/002
expect 1 "the same failure when it is not expected"
says '# - output mismatch|wrong' "with what the test printed"
printf 'generic/001 all fail of old\n' >"$WORK/exclude"
F --root "$WORK/root.img" --exclude "$WORK/exclude" generic/001
expect 1 "a line whose test passes is an error"
says 'passed, and is listed as a known failure: remove its entry \(of old\)' "says so"

# ---- an interruption, and the rest -------------------------------------------------------------------
"$VEX" fstests --dir "$tree" --shards 1 --root "$WORK/root.img" --exclude none --show tap generic/001 generic/005 \
	>"$WORK/out" 2>&1 </dev/null &
pid=$!
for ((i = 0; i < 3000; i++)); do
	! grep -q 'running: 6.1/generic/005' "$WORK/out" || break
	kill -0 "$pid" 2>/dev/null || break
	sleep 0.2
done
kill -TERM "$pid"
STATUS=0
wait "$pid" || STATUS=$?
expect 130 "interrupted in its second test"
says '^1 passed, 1 failed' "counts what had finished"
printf 'echo quick\n' >"$tree/tests/generic/005"
echo quick >"$tree/tests/generic/005.out"
F --root "$WORK/root.img" --exclude none --resume generic/001 generic/005
expect 0 "--resume"
says 'resuming fstests-.*: 1 results are there' "takes over what was there"
says 'fstests on vexfs: 1 on 6.1' "runs the rest"
says '^2 passed, 0 failed' "and counts both"
nothing_left "$(logs)" "a run"
F --root "$WORK/root.img" --exclude none --fs ext4 --resume generic/001
expect 2 "not for another filesystem"
