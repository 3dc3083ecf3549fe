# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What goes into the guest. The initramfs (init, busybox, modules of the kernel) depends on nothing that is
# being developed, so that one saved guest serves every build; module, tools, tests and job travel on
# the payload disk.

# Loaded before "go": what the payload, the ports and the module under test need. jbd2 and ext4 are
# built into the cloud flavour.
GUEST_BOOT_MODULES=(virtio_pci virtio_blk virtio_console libcrc32c crc32c-intel)
# Within reach of modprobe in the guest: test devices, the shared directory, NFS.
GUEST_EXTRA_MODULES=(loop dm-mod dm-flakey dm-log-writes dm-delay dm-snapshot scsi_debug brd null_blk
	raid1 quota_v2 virtiofs 9p 9pnet_virtio virtio_net overlay nfsd nfsv3 rust_minimal qemu_fw_cfg)

# What is built for a guest's architecture: static programs and tests, init; and its busybox.
guest_build() { if kernel_native "$1"; then printf '%s' "$VEX_BUILD"; else cross_dir "$(kernel_arch "$1")"; fi; }
guest_dir() { printf '%s/guest' "$(guest_build "$1")"; }
guest_init() { printf '%s/env/init' "$(guest_build "$1")"; }
guest_busybox() { if kernel_native "$1"; then command -v busybox; else cross_busybox "$(kernel_arch "$1")"; fi; }
guest_busybox_list() {
	if kernel_native "$1"; then busybox --list
	else "$(cross_qemu "$(kernel_arch "$1")")" "$(guest_busybox "$1")" --list; fi
}

# module_files SERIES NAME...: paths below lib/modules/RELEASE, dependencies first, each once.
module_files() {
	local root release dep name
	root=$(kernel_dir "$1")/root
	release=$(kernel_release "$1")
	shift
	for name in "$@"; do
		dep=$(grep -E "(^|/)${name//[-_]/[-_]}\.ko:" "$root/lib/modules/$release/modules.dep") || continue
		# modules.dep lists the direct needs first; loading wants them the other way round.
		# shellcheck disable=SC2086	# a list of paths without blanks
		printf '%s\n' "${dep%%:*}" ${dep#*:} | tac
	done | awk '!seen[$0]++'
}

# Lists what initramfs_list needs only once per kernel and init.
initramfs_list() {
	local series=$1 work=$2 root release f
	root=$(kernel_dir "$series")/root
	release=$(kernel_release "$series")
	printf 'file /init 0755 %s\n' "$(guest_init "$series")"
	printf 'file /bin/busybox 0755 %s\n' "$(guest_busybox "$series")"
	guest_busybox_list "$series" | grep -vx busybox | sed 's#.*#link /bin/& busybox#'
	printf 'link /sbin bin\nlink /usr/bin ../bin\nlink /usr/sbin ../bin\n'
	printf 'dir /root 0700\ndir /etc 0755\ndir /mnt 0755\n'
	printf 'file /etc/passwd 0644 %s\nfile /etc/group 0644 %s\n' "$VEX_ROOT/env/guest/passwd" "$VEX_ROOT/env/guest/group"
	: >"$work/boot.list"
	module_files "$series" "${GUEST_BOOT_MODULES[@]}" |
		sed "s#^#/lib/modules/$release/#" >"$work/boot.list"
	printf 'file /lib/modules/boot.list 0644 %s\n' "$work/boot.list"
	module_files "$series" "${GUEST_BOOT_MODULES[@]}" "${GUEST_EXTRA_MODULES[@]}" >"$work/all.list"
	while read -r f; do
		printf 'file /lib/modules/%s/%s 0644 %s\n' "$release" "$f" "$root/lib/modules/$release/$f"
	done <"$work/all.list"
	# modprobe in the guest needs only the lines of what is there.
	grep -F -f "$work/all.list" "$root/lib/modules/$release/modules.dep" >"$work/modules.dep"
	printf 'file /lib/modules/%s/modules.dep 0644 %s\n' "$release" "$work/modules.dep"
	printf 'file /lib/modules/%s/modules.builtin 0644 %s\n' "$release" "$root/lib/modules/$release/modules.builtin"
	for f in modules.alias modules.symbols; do
		: >"$work/empty"
		printf 'file /lib/modules/%s/%s 0644 %s\n' "$release" "$f" "$work/empty"
	done
}

initramfs_path() { printf '%s/initramfs.cpio' "$(kernel_dir "$1")"; }

# Made again when init, busybox, the kernel or this file is newer. Not compressed: unpacking costs an
# emulated guest more than reading a few more megabytes from the page cache.
initramfs_need() {
	local series=$1 out work dep
	out=$(initramfs_path "$series")
	if ! kernel_native "$series"; then
		cross_busybox_need "$(kernel_arch "$series")"
		cross_init_need "$(kernel_arch "$series")"
	fi
	if [[ -f $out ]]; then
		for dep in "$(guest_init "$series")" "$(guest_busybox "$series")" "$(kernel_dir "$series")/.complete" \
			"$VEX_ROOT/env/lib/guest.sh" "$VEX_BUILD/env/vexpack"; do
			[[ $dep -nt $out ]] && break
			dep=
		done
		[[ -z $dep ]] && return
	fi
	work=$(kernel_dir "$series")/initramfs.d
	build_lock
	mkdir -p "$work"
	initramfs_list "$series" "$work" >"$work/list"
	"$VEX_BUILD/env/vexpack" -o "$out.new" <"$work/list"
	mv "$out.new" "$out"
	build_unlock
}

# The environment's programs; make decides what is old.
env_build() {
	build_lock
	quietly "building the launcher and init" "$VEX_BUILD/log/env.log" \
		make -s -C "$VEX_ROOT/env" OUT="$VEX_SHARED/env" ||
		die "$EX_ENV" "the environment's programs do not compile; see ${VEX_BUILD#"$VEX_ROOT"/}/log/env.log$(caller_blame)"
	build_unlock
}
