# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# Applications on VexFS, for the app_*.sh tests: they run in a root of Debian (env/debroot/apps.list), with VexFS on its
# /mnt/vexfs.
# shellcheck source=env/debroot/guest.sh
. /vex/debroot.sh

APP_N=0
APP_BAD=0

app_plan() {
	echo "1..$1"
	why=$(debroot_mount) || { echo "Bail out! $why"; exit 1; }
	mkdir -p "$DEBROOT/mnt/vexfs"
	mkfs.vexfs -q "$VEX_DISK_TEST" || { echo "Bail out! mkfs"; exit 1; }
	app_mount
}

app_mount() { mount -t vexfs "$VEX_DISK_TEST" "$DEBROOT/mnt/vexfs" || { echo "Bail out! mount"; exit 1; }; }

# app_result STATUS NAME; what the step said is in /tmp/said.
app_result() {
	APP_N=$((APP_N + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $APP_N $2"
	else
		tail -n 30 /tmp/said | cut -c1-300 | sed 's/^/# /'
		echo "# status $1"
		echo "not ok $APP_N $2"
		APP_BAD=1
	fi
}

# app NAME [VARIABLE=VALUE]...: the script on stdin, by the root's bash with -e, in the filesystem's root.
app() {
	app_name=$1
	shift
	{ echo 'set -eu; cd /mnt/vexfs'; cat; } >"$DEBROOT/root/step"
	app_rc=0
	debroot_run "$@" bash /root/step >/tmp/said 2>&1 </dev/null || app_rc=$?
	app_result "$app_rc" "$app_name"
}

# app_cut: the filesystem stops at once, as if the power had failed: what was not written is lost (xfs_io's shutdown
# without a flush of the log). Then the programs that use it are killed, and it is mounted again.
app_cut() {
	debroot_run xfs_io -x -c shutdown /mnt/vexfs || { echo "Bail out! shutdown"; exit 1; }
	# Each of them has a mount name space of its own, which would keep the filesystem.
	here=$(readlink /proc/self/ns/mnt)
	for p in /proc/[0-9]*; do
		case $(readlink "$p/ns/mnt" 2>/dev/null) in
		'' | "$here") ;;
		*) kill -9 "${p#/proc/}" 2>/dev/null ;;
		esac
	done
	n=0
	until umount "$DEBROOT/mnt/vexfs" 2>/dev/null; do
		n=$((n + 1))
		[ "$n" -lt 100 ] || { echo "Bail out! the filesystem is still in use"; exit 1; }
		sleep 0.2
	done
	app_mount
}

# app_end: the last check of every test: nothing is wrong with the filesystem.
app_end() {
	umount "$DEBROOT/mnt/vexfs"
	app_rc=0
	fsck.vexfs -n "$VEX_DISK_TEST" >/tmp/said 2>&1 || app_rc=$?
	app_result "$app_rc" "fsck finds nothing"
	exit "$APP_BAD"
}
