# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# A Debian root in the guest, for scripts of the guest's BusyBox: the disk "root" (read-only) below an overlay in memory.

DEBROOT=/mnt/debroot

# debroot_mount: 0, or 1 with the reason on stdout. The root's own files stay as they are: what is written goes to memory.
debroot_mount() {
	# What programs find loaded on a Debian; the root's own modprobe finds no module.
	modprobe overlay 2>/dev/null
	modprobe loop 2>/dev/null
	mkdir -p "$DEBROOT" /mnt/lower /mnt/upper
	mount -t ext4 -o ro "$VEX_DISK_ROOT" /mnt/lower || { echo "the root image cannot be mounted"; return 1; }
	mount -t tmpfs -o mode=755 upper /mnt/upper || { echo "tmpfs"; return 1; }
	mkdir /mnt/upper/u /mnt/upper/w
	mount -t overlay -o lowerdir=/mnt/lower,upperdir=/mnt/upper/u,workdir=/mnt/upper/w root "$DEBROOT" ||
		{ echo "overlay"; return 1; }
	(cd "$DEBROOT" && debroot_system)
}

# What a root needs to be used; in its directory.
debroot_system() {
	mkdir -p proc sys dev tmp run boot etc lib/modules vex/bin sbin
	if ! { mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t devtmpfs dev dev; }; then
		echo "proc, sys, dev"
		return 1
	fi
	mkdir -p dev/pts dev/shm
	mount -t devpts devpts dev/pts
	mount -t tmpfs shm dev/shm
	mount -t tmpfs -o mode=1777 tmp tmp
	mount -t tmpfs run run
	mount -t debugfs debugfs sys/kernel/debug 2>/dev/null
	mount -t cgroup2 cgroup2 sys/fs/cgroup 2>/dev/null
	mount --bind /vex/bin vex/bin
	ln -sf /proc/self/mounts etc/mtab
	for t in /vex/bin/*.vexfs /vex/bin/vexctl; do
		[ ! -f "$t" ] || ln -sf "$t" "sbin/${t##*/}"
	done
	return 0
}

# debroot_run [NAME=VALUE]... CMD...: in the root, as / of a mount name space of its own: in a mere chroot user name
# spaces do not work. What runs is started by the root's shell: BusyBox would take its own programs where it has one of
# that name.
# shellcheck disable=SC2016	# those shells expand it
debroot_run() {
	env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C TERM=dumb \
		unshare -m sh -c 'cd "$1" && start=$2 && shift 2 && mount -o move . / && exec chroot . /bin/sh -c "$start" sh "$@"' \
		sh "$DEBROOT" 'while case $1 in [A-Z]*=*) export "$1" ;; *) false ;; esac; do shift; done; exec "$@"' "$@"
}
