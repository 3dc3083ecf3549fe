# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Filesystems beside which bench/dirs and bench/fs put VexFS, in one guest: an empty disk for each that this machine
# can make, and the modules it takes. The caller has SERIES and WORK, whose directory guest/ goes to the guest.

# peers_disk FS MEBIBYTES [VEXFS_OPTION]...: an empty filesystem; false: this machine cannot make it.
peers_disk() {
	local fs=$1 size=$2 mkfs options=()
	shift 2
	case $fs in
	vexfs) mkfs=$VEX_BUILD/bin/mkfs.vexfs options=(-q -f "$@" --) ;;
	ext4) mkfs=$(type -P mkfs.ext4) || return 1; options=(-q -F -i 4096) ;;
	*) mkfs=$(type -P "mkfs.$fs") || return 1; options=(-q -f) ;;
	esac
	truncate -s "${size}M" "$WORK/$fs.img"
	"$mkfs" "${options[@]}" "$WORK/$fs.img" >"$WORK/mkfs-$fs.log" 2>&1 || die "$EX_ENV" "mkfs.$fs failed; see $WORK/mkfs-$fs.log"
}

# peers_modules FS: modules for it go to the guest's directory; false: the kernel has none.
peers_modules() {
	local root release file
	root=$(kernel_dir "$SERIES")/root release=$(kernel_release "$SERIES")
	if grep -q "/$1\.ko" "$root/lib/modules/$release/modules.builtin"; then return; fi
	while read -r file; do
		[[ -e $root/lib/modules/$release/$file ]] || return 1
		cp "$root/lib/modules/$release/$file" "$WORK/guest/modules/"
		MODULES+=" ${file##*/}"
	done < <(module_files "$SERIES" "$1")
	[[ -n $(module_files "$SERIES" "$1") ]]
}

# peers_find MEBIBYTES "FS..." [VEXFS_OPTION]...: sets PEERS and MODULES; says which are absent, and why.
peers_find() {
	local size=$1 fs others=$2
	shift 2
	PEERS=vexfs MODULES=
	peers_disk vexfs "$size" "$@"
	for fs in $others; do
		if ! type -P "mkfs.$fs" >/dev/null; then
			note "no comparison with $fs: mkfs.$fs is not installed"
		elif ! peers_modules "$fs"; then
			note "no comparison with $fs: this kernel does not have it"
		elif peers_disk "$fs" "$size"; then
			PEERS+=" $fs"
		fi
	done
}
