#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs inside a booted image, as root over SSH: is this the image it should be, and does VexFS work in it?
# Wants a spare disk that the host has formatted with the label "vexfs". Prints TAP, and facts for the manifest
# as "# fact NAME VALUE". Exit: 0 when every check passed.
# usage: validate.sh [KERNEL-RELEASE [VARIANT]]     - or nothing: whatever is there
set -uo pipefail

want_kernel=${1:--} variant=${2:--}
boot_mnt=/mnt/vexfs mnt=/run/vexfs-check
n=0 bad=0

fact() { printf '# fact %s %s\n' "$1" "$2"; }

# check NAME COMMAND...: the command's output is shown when it fails.
check() {
	local name=$1 out rc=0
	shift
	n=$((n + 1))
	out=$("$@" 2>&1) || rc=$?
	if ((rc)); then
		bad=$((bad + 1))
		printf 'not ok %d %s\n' "$n" "$name"
		tail -n 8 <<<"$out" | sed 's/^/# /'
	else
		printf 'ok %d %s\n' "$n" "$name"
	fi
}
skip() { n=$((n + 1)); printf 'ok %d %s # SKIP %s\n' "$n" "$1" "$2"; }

settled() {
	local state
	state=$(timeout "${VEX_SETTLE:-300}" systemctl is-system-running --wait)
	[[ $state == running ]] || { echo "the system is $state"; systemctl --failed --no-legend --plain; return 1; }
}
booted_by_itself() { grep -q 'BOOT_IMAGE=' /proc/cmdline || { echo "no boot loader was at work: $(</proc/cmdline)"; return 1; }; }
root_layout() {
	local dev
	dev=$(findmnt -no SOURCE /)
	[[ $(findmnt -no LABEL /) == vexfs-root && $(<"/sys/class/block/${dev##*/}/start") == 2048 ]] || { lsblk -o NAME,START,LABEL; return 1; }
}
right_kernel() { [[ $(uname -r) == "$want_kernel" ]] || { echo "runs $(uname -r), wanted $want_kernel"; return 1; }; }
taint() { [[ $(($(</proc/sys/kernel/tainted) & ~(4096 | 8192))) == 0 ]] || { echo "tainted: $(</proc/sys/kernel/tainted)"; return 1; }; }

# What CONFIG_RUST says: in /proc/config.gz, or in the file Debian puts beside the kernel.
kernel_config() { zcat /proc/config.gz 2>/dev/null || cat "/boot/config-$(uname -r)"; }
rust_on() { kernel_config | grep -x CONFIG_RUST=y; }
rust_flag() { if rust_on >/dev/null; then echo true; else echo false; fi; }

dkms_installed() {
	local k rc=0
	for k in /lib/modules/*/kernel; do
		k=${k#/lib/modules/} k=${k%/kernel}
		[[ -e /lib/modules/$k/build || ! -e /lib/modules/$k/updates/vexfs.ko ]] || continue
		dkms status vexfs -k "$k" | grep ': installed' || { echo "no vexfs for $k"; rc=1; }
	done
	return $rc
}
dkms_automatic() {
	grep -qx 'AUTOINSTALL="yes"' /var/lib/dkms/vexfs/*/source/dkms.conf && [[ -x /etc/kernel/postinst.d/dkms ]]
}
# The module comes from DKMS and not from somewhere else.
module_origin() { modinfo -F filename vexfs | grep -E '/updates/(dkms/)?vexfs\.ko'; }

mounted_at_boot() { findmnt -t vexfs "$boot_mnt" || { lsblk -o NAME,SIZE,FSTYPE,LABEL; systemctl status mnt-vexfs.mount; return 1; }; }
# From here on nothing mounts by itself, or a fresh file system would be mounted under our hands.
reload() {
	systemctl stop mnt-vexfs.mount
	systemctl -q mask --runtime mnt-vexfs.mount
	rmmod vexfs && ! grep -q '^vexfs ' /proc/modules && modprobe vexfs && grep -qw vexfs /proc/filesystems
}

make_fs() { mkfs.vexfs -f -L vexfs "$disk"; }
mount_fs() { mkdir -p "$mnt" && mount -t vexfs "$disk" "$mnt"; }

# What administrators write: labels and UUIDs, by hand, in fstab and in units. udev reads them from the disk.
fs_uuid() { dump.vexfs "$disk" | sed -n 's/^uuid *//p'; }
lsblk_knows() {
	local got want
	want="vexfs vexfs $(fs_uuid)"
	udevadm trigger --action=change --settle "$disk"
	got=$(lsblk -dno FSTYPE,LABEL,UUID "$disk" | tr -s ' ')
	[[ $got == "$want" ]] || { echo "lsblk -f says '$got', expected '$want'"; return 1; }
}
mount_by() { mkdir -p "$mnt" && mount -t vexfs "$1" "$mnt" && findmnt -no SOURCE "$mnt" | grep -x "$disk" && umount "$mnt"; }
fstab_by_uuid() {
	local rc=0
	printf 'UUID=%s %s vexfs defaults,acl,discard,noauto,x-systemd.device-timeout=30 0 2\n' "$(fs_uuid)" "$mnt" >>/etc/fstab
	systemctl daemon-reload && mount "$mnt" && findmnt -t vexfs "$mnt" && umount "$mnt" &&
		systemctl start "$(systemd-escape -p --suffix=mount "$mnt")" && findmnt -t vexfs "$mnt" &&
		systemctl stop "$(systemd-escape -p --suffix=mount "$mnt")" && ! findmnt "$mnt" || rc=1
	sed -i "\\# $mnt vexfs #d" /etc/fstab
	systemctl daemon-reload
	return "$rc"
}
new_uuid() {
	local old
	old=$(fs_uuid)
	tune.vexfs -L other -U random "$disk" && udevadm trigger --action=change --settle "$disk" && [[ $(fs_uuid) != "$old" ]] &&
		mount_by LABEL=other && tune.vexfs -L vexfs "$disk" && lsblk_knows
}

texts() {
	mkdir -p "$mnt/notes" &&
		echo "The old lighthouse keeper polished the great lens above the stormy sea every evening." >"$mnt/notes/lighthouse" &&
		echo "Knead the bread dough, let it rise in a warm kitchen, and bake it in a hot oven." >"$mnt/notes/bread" &&
		echo "The locomotive left the railway station and pulled forty wagons over the mountain." >"$mnt/notes/railway" &&
		head -c 3000000 /dev/urandom >"$mnt/big" && (($(stat -c %s "$mnt/big") == 3000000)) && (cd "$mnt" && sha256sum notes/* big) >/run/vex-sums && sync
}
embed() { vexctl collection create "$mnt" text --dim 384 --metric cosine && vexctl embed --collection text "$mnt/notes"; }
remount() { umount "$mnt" && fsck.vexfs -n "$disk" && mount -t vexfs "$disk" "$mnt"; }
verify() { cd "$mnt" && sha256sum -c --quiet /run/vex-sums; }
finds() {
	local first
	first=$(vexctl search --collection text --k 1 "$mnt/notes" "$2")
	grep -q "$1" <<<"$first" || { printf 'asked for "%s", got: %s\n' "$2" "$first"; return 1; }
}
search() { finds railway "a train of wagons" && finds bread "dough in the oven" && finds lighthouse "storm at sea"; }
stat_counts() { vexctl stat --json "$mnt" | grep -q '"embeddings": *3\b'; }

user_has_sudo() { su -s /bin/bash vex -c 'sudo -n id -u' | grep -qx 0; }
no_passwords() { ! awk -F: '$2 !~ /^[!*]/ { print $1; e = 1 } END { exit !e }' /etc/shadow; }
manuals() { [[ -f /usr/share/man/man1/vexctl.1.gz && -f /usr/share/man/man8/mkfs.vexfs.8.gz ]]; }
tool_versions() { local t; for t in mkfs.vexfs fsck.vexfs tune.vexfs dump.vexfs vexctl; do "$t" --version || return 1; done; }
crash_kernel() { (($(</sys/kernel/kexec_crash_size) > 0)) || { echo "no memory is reserved: $(</proc/cmdline)"; return 1; }; }
crash_loaded() { [[ $(</sys/kernel/kexec_crash_loaded) == 1 ]] || { systemctl status kdump-tools; kdump-config show; return 1; }; }

echo "TAP version 13"
check "the system comes up with no failed unit" settled
check "it booted by its own boot loader" booted_by_itself
check "the root file system is labelled and its partition begins at 1 MiB" root_layout
if [[ $want_kernel == - ]]; then skip "kernel release" "not told which one to expect"; else check "kernel $want_kernel" right_kernel; fi
if [[ $want_kernel == *-rust ]]; then check "its configuration says CONFIG_RUST=y" rust_on; fi
check "DKMS has the module for every kernel" dkms_installed
check "DKMS is set to build it for a new kernel" dkms_automatic
check "the module is the one that was packaged" module_origin
disk=/dev/disk/by-label/vexfs
check "a disk labelled vexfs is mounted at boot" mounted_at_boot
disk=$(readlink -f "$disk")
check "the module unloads and loads" reload
check "mkfs.vexfs" make_fs
check "lsblk -f shows type, label and UUID" lsblk_knows
check "mount LABEL=" mount_by LABEL=vexfs
check "mount UUID=" mount_by "UUID=$(fs_uuid)"
check "a line of fstab by UUID, by mount(8) and as a systemd unit" fstab_by_uuid
check "tune.vexfs gives it another label and UUID, which mount(8) finds" new_uuid
check "mount" mount_fs
check "write files" texts
check "embed them" embed
check "unmount, fsck.vexfs, mount again" remount
check "every file reads back" verify
check "vexctl stat counts the embeddings" stat_counts
check "search finds what was meant" search
check "the tools answer" tool_versions
check "manual pages of VexFS" manuals
check "user vex has sudo" user_has_sudo
check "no account has a password" no_passwords
if [[ $variant == debug ]]; then
	check "memory is reserved for the crash kernel" crash_kernel
	check "the crash kernel is loaded" crash_loaded
fi
umount "$mnt"
check "nothing tainted the kernel but an out-of-tree module" taint
printf '1..%d\n' "$n"

fact kernel "$(uname -r)"
fact rust "$(rust_flag)"
fact dkms "$(dkms status vexfs | paste -sd ';')"
fact kernels "$(cd /lib/modules && printf '%s ' *)"
fact memory_mb "$(($(awk '/MemTotal/ { print $2 }' /proc/meminfo) / 1024))"
fact disk_used_mb "$(df -Pm / | awk 'NR == 2 { print $3 }')"
fact boot "$(systemd-analyze time 2>/dev/null | head -n1)"
dpkg-query -W -f='# package ${Package} ${Version}\n'
((bad == 0))
