# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What the tests of vexctl share: its output in $out and $err, a fresh VexFS at $mnt, KTAP.

n=0 fails=0
out=$TMPDIR/out err=$TMPDIR/err mnt=$TMPDIR/mnt
: >"$out"
: >"$err"
mkdir -p "$mnt"

plan() { echo "KTAP version 1"; echo "1..$1"; }
ok() { # ok STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		sed 's/^/# /' "$out" "$err"
		fails=$((fails + 1))
	fi
}
# run EXPECTED-STATUS ARGUMENT...: vexctl
run() {
	want=$1
	shift
	vexctl "$@" >"$out" 2>"$err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] && return 0
	echo "# vexctl $*: exit status $got, $want expected"
	return 1
}
# as USER EXPECTED-STATUS ARGUMENT...
as() {
	user=$1 want=$2
	shift 2
	su -s /bin/sh "$user" -c 'exec vexctl "$@"' -- sh "$@" >"$out" 2>"$err" </dev/null
	got=$?
	[ "$got" -eq "$want" ] && return 0
	echo "# $user: vexctl $*: exit status $got, $want expected"
	return 1
}
out_has() { grep -qF -- "$1" "$out"; }
err_has() { grep -qF -- "$1" "$err"; }

# new_filesystem OPTION-OF-MKFS...: mounted at $mnt, which is the working directory then
new_filesystem() {
	if ! { mkfs.vexfs -q -f "$@" "$VEX_DISK_TEST" && mount -t vexfs "$VEX_DISK_TEST" "$mnt" && cd "$mnt"; }; then
		echo "Bail out! cannot make and mount a VexFS"
		exit 1
	fi
}
