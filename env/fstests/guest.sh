#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's half of ./vex fstests: runs one test of the tree, the one this file is named after (/vex/tests/generic/001),
# in a root of Debian, and says in KTAP what became of it.
# $FST_FSTYP: the filesystem; the disks are root (read-only), test, scratch, logwrites.
set -u
name=${0#/vex/tests/}
# shellcheck source=env/debroot/guest.sh
. /vex/debroot.sh
root=$DEBROOT session=$DEBROOT/run/fst

say() { printf '%s\n' "$*"; }
broken() { say "Bail out! $*"; exit 1; }

in_root() {
	debroot_run FSTYP="$FST_FSTYP" TEST_DEV="$VEX_DISK_TEST" TEST_DIR=/mnt/test SCRATCH_DEV="$VEX_DISK_SCRATCH" \
		SCRATCH_MNT=/mnt/scratch LOGWRITES_DEV="$VEX_DISK_LOGWRITES" MKFS_OPTIONS="${mkfs_options:-}" \
		HOST_OPTIONS=/fstests/local.config DIFF_LENGTH=80 DM_DISABLE_UDEV=1 SOAK_DURATION="${FST_SOAK:-30}" "$@"
}

# A test that ran out of time leaves devices on top of the disks.
release() {
	swapoff -a 2>/dev/null
	losetup -D 2>/dev/null
	[ ! -e /dev/mapper/control ] || in_root dmsetup remove_all --force >/dev/null 2>&1
}

# What the tree needs beside a system.
mount_tree() {
	cd "$root" || broken "no $root"
	mkdir -p fstests mnt/test mnt/scratch
	mount --bind /vex/modules-root/lib/modules lib/modules
	mount --bind /vex/fstests fstests
	cp /vex/kernel.config "boot/config-$(uname -r)"
	cd /
}

# TEST is made anew after a failure, which may have left anything there.
make_test_fs() {
	case $FST_FSTYP in
	vexfs) force=-f mkfs_options='-f -q' ;;
	ext4) force=-F mkfs_options='-q' ;;
	*) force=-f mkfs_options='' ;;
	esac
	# shellcheck disable=SC2086	# options
	in_root mkfs -t "$FST_FSTYP" $force $mkfs_options "$VEX_DISK_TEST" >/tmp/mkfs.log 2>&1 ||
		{ sed 's/^/# /' /tmp/mkfs.log; broken "mkfs of the test disk failed"; }
}

# The tests of this guest from this one on.
tests_left() { awk -v n="$name" '$1 == "test" { if ($2 == n) on = 1; if (on) print $2 }' /vex/job; }

# A ./check of many tests costs a third of as many of one. It announces each by logger(1), and waits there for its turn;
# it ends with the first test that does not pass: init ends what is left, and the next test begins anew.
session_start() {
	why=$(debroot_mount) || broken "$why"
	mount_tree
	release
	make_test_fs
	modprobe -q dm-mod	# the tree asks it what targets there are
	mkdir -p "$session" "$root/usr/local/bin"
	mkfifo "$session/turn"
	cat >"$root/usr/local/bin/logger" <<'END'
#!/bin/sh
case $1 in 'run xfstest '*) ;; *) exit 0 ;; esac
printf '%s\n' "${1#run xfstest }" >/run/fst/at.new
mv /run/fst/at.new /run/fst/at
read -r turn </run/fst/turn
END
	chmod 755 "$root/usr/local/bin/logger"
	# The session keyring is one that the tests of keys need; a small root has no keyctl.
	# shellcheck disable=SC2016,SC2046	# the shell in the root expands it; names have no blanks
	(
		in_root sh -c 'cd /fstests || exit 1
			if command -v keyctl >/dev/null; then exec keyctl session - ./check --exact-order "$@"; fi
			exec ./check --exact-order "$@"' sh $(tests_left) >"$session/out" 2>&1 </dev/null &
		echo $! >"$session/pid"
	)
}

session_alive() { read -r pid 2>/dev/null <"$session/pid" && kill -0 "$pid" 2>/dev/null; }
at() { at= && read -r at 2>/dev/null <"$session/at"; [ "$at" = "$name" ]; }

# run_test: what check says about this test is in /tmp/said.
run_test() {
	until at || ! session_alive; do sleep 0.2; done
	from=$(wc -c <"$session/out")
	if at && session_alive; then
		echo go >"$session/turn"
		while at && session_alive; do sleep 0.5; done
	fi
	# The name of the next test is there, too.
	tail -c "+$((from + 1))" "$session/out" | grep -v "^$at *\$" >/tmp/said
}

verdict() {
	result=$root/fstests/results/$name
	if [ -f "$result.notrun" ]; then
		say "ok 1 check # SKIP $(head -n 1 "$result.notrun")"
	elif head -n 1 /tmp/said | grep -q '^ *[0-9][0-9]*s *$'; then
		say "ok 1 check"
	else
		[ -s /tmp/said ] || cp "$session/out" /tmp/said
		sed 's/^/# /' /tmp/said | tail -n 60
		[ ! -f "$result.full" ] || tail -n 40 "$result.full" | cut -c1-300 | sed 's/^/# full: /'
		say "# $(grep -m 1 . /tmp/said)"
		say "not ok 1 check"
	fi
}

say "1..1"
session_alive || session_start
run_test
verdict
